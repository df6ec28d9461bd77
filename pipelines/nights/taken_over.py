"""What an authority published that was taken over: whom its successor hides is hidden there, too, in every version that is kept.

Such an authority has no nights of its own any more, and its versions stay readable. So the successor tells it, after each night, which of its children
are hidden by now, as the co-ordinating index tells an authority of another's: they become wishes there, and its versions are published again, less these.
Belongs here: finding them and telling. Not here: making a version less (`protective`).
"""

from __future__ import annotations

import logging
from datetime import date

import pyarrow.compute as pc

from pipelines.identities.assign import RESOLVED
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.follow import newest_in_force
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.protective import protect_in_any_case
from pipelines.nights.reorganised import reorganisations
from pipelines.nights.requests import keep_wishes
from pipelines.outages import as_coded
from pipelines.protection.register import ELSEWHERE
from pipelines.tables import connect

__all__ = ["hide_in_predecessors"]

_log = logging.getLogger(__name__)


def hide_in_predecessors(attempt: Attempt) -> int:
    """Hide in the authorities that were taken over whom an attempt at a night of their successor hides; how many records. What is in the way is tried again
    with the next night.
    """
    night, hidden = attempt.night, 0
    were = [each.predecessor for each in reorganisations(night.engine) if each.successor == night.authority]
    state = IdentityState.read(attempt.folder) if were else IdentityState.empty()
    for authority in were:
        try:
            with alone(night.deployment, authority):
                keys, newest = _open_there(night, authority, state)
                if keys and newest:
                    keep_wishes(newest, keys, what=ELSEWHERE)
                    protect_in_any_case(night.deployment, authority)
                    hidden += len(keys)
        except Exception as fault:
            _log.warning("hiding children in versions of authority %s waits: %s", authority, as_coded(fault).code)
    return hidden


def _open_there(night: Night, authority: str, state: IdentityState) -> tuple[list[str], Attempt | None]:
    """Records of children who are open in what an authority has in force, and hidden in this state under the same id or one that theirs leads to."""
    newest = newest_in_force(Night(night.deployment, authority, date.max))
    if newest is None:
        return [], None
    there = IdentityState.read(newest.folder)
    hides = state.visibility.filter(pc.or_(state.visibility["shielded"], state.visibility["withheld"]))
    views = {"hides": hides, "index_ids": state.index_ids, "identities": there.identities, "visible": there.visibility}
    with connect(views) as duck:
        found = duck.execute(f"""
            WITH every AS ({RESOLVED} SELECT index_id, redirects_to FROM resolved UNION ALL SELECT index_id, index_id FROM hides),
            meant AS (SELECT e.index_id FROM every e JOIN hides h ON h.index_id = e.redirects_to)
            SELECT record_key FROM identities SEMI JOIN meant USING (index_id) JOIN visible USING (index_id)
            WHERE NOT shielded AND NOT withheld ORDER BY ALL
        """).fetchall()
    return [key for (key,) in found], newest
