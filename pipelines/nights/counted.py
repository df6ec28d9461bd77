"""How many children a version was made less of, or removed for, and why each: what loads and pages tell people.

Belongs here: counting, each child once: who must be hidden, who stands at a firewall, who loses an address, who is shown again. Not here: who
is hidden, and what is removed (`hiding`, `protective`): nothing that is counted here decides anything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from pipelines.database.schema import decision
from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt
from pipelines.nights.hiding import Beyond, Known, hidden_beyond
from pipelines.protection.stays_hidden import hidden_after, stays_hidden_in
from pipelines.publishing.tombstones import Counted
from pipelines.tables import connect, fetch

__all__ = ["counted_between", "counted_beyond", "hidden_for_own_sake"]

_FAULTS = (IsindexError, duckdb.Error, OSError)  # who is counted as what keeps nothing from being removed


def counted_between(before: Path, after: Path, attempt: Attempt, known: Known, beyond: int) -> Counted:
    """What changed for how many children from the version in folder `before` to the one that replaces it, both of `attempt`.

    Where the former cannot be read, `beyond` are hidden: those whom the latter hides and the night does not.
    """
    views = {f"{name}_before": before / f"{name}.parquet" for name in ("children", "addresses")}
    views |= {f"{name}_after": after / f"{name}.parquet" for name in ("children", "addresses")}
    if not all(path.is_file() for path in views.values()):
        return Counted(beyond)
    try:
        with connect(views) as duck:
            duck.execute("""
                CREATE TEMP TABLE both_shown AS
                SELECT index_id, b.shielded OR b.withheld AS was, a.shielded OR a.withheld AS by_now
                FROM children_before b JOIN children_after a USING (index_id)
            """)
            hidden = fetch(duck, "SELECT index_id FROM both_shown WHERE by_now AND NOT was")["index_id"]
            ((opened, homes),) = duck.execute("""
                WITH lost AS (
                    SELECT index_id, uprn, postcode, address FROM addresses_before
                    EXCEPT SELECT index_id, uprn, postcode, address FROM addresses_after
                )
                SELECT count(*) FILTER (was AND NOT by_now),
                    count(*) FILTER (NOT was AND NOT by_now AND index_id IN (SELECT index_id FROM lost))
                FROM both_shown
            """).fetchall()
    except duckdb.Error:
        return Counted(beyond)
    walled = _only_walled(attempt, known, hidden.combine_chunks())
    return Counted(len(hidden) - walled, walled, int(homes), int(opened))


def counted_beyond(attempt: Attempt, known: Known, more: Beyond) -> Counted:
    """Those whom an attempt shows and who must be hidden in it (`more`), where no version of it stands in its place."""
    hidden = more.visibility["index_id"].combine_chunks()
    walled = _only_walled(attempt, known, hidden)
    return Counted(len(hidden) - walled, walled)


def hidden_for_own_sake(known: Known) -> pa.Table:
    """`Known.hidden` but for those who are so only for a firewall that was decided since the latest night."""
    try:
        return _but_for_walls(known).hidden if known.since and _firewalls_since(known) else known.hidden
    except _FAULTS:
        return known.hidden


def _but_for_walls(known: Known) -> Known:
    """The same as if no firewall stood, and none had been decided since the latest night: who is hidden then is so for its own sake."""
    since, decided = _firewalls_since(known), known.decisions
    told = pc.binary_join_element_wise(decided["record_a"], decided["reason"], "\n", null_handling="replace")
    of_walls = pc.and_(pc.equal(decided["kind"], "shield"), pc.is_in(told, value_set=pa.array(since, pa.string())))
    none = {
        name: getattr(known, name).slice(0, 0) for name in ("walls", "standing", "at_walls", "wall_tokens", "unwalled")
    }
    bare = replace(known, **none, decisions=decided.filter(pc.invert(of_walls)))
    if not known.since:
        return bare
    latest = known.latest
    bare = replace(bare, hidden=stays_hidden_in(latest.folder)["hidden"])
    index_ids, identities = (latest.folder / "identities" / f"{name}.parquet" for name in ("index_ids", "identities"))
    more = hidden_beyond(latest, bare.but_for_held()).visibility
    return replace(bare, hidden=hidden_after(bare.hidden, more, index_ids, identities))


def _only_walled(attempt: Attempt, known: Known, hidden: pa.Array) -> int:
    """How many of the `hidden` index ids of an attempt are so for a firewall alone that the attempt did not know of; 0 where that cannot be read."""
    try:
        if not len(hidden) or not len(
            some := _at_walls(attempt, known, hidden)
        ):  # nearly always: no second look is taken
            return 0
        own = hidden_beyond(attempt, _but_for_walls(known)).visibility["index_id"].combine_chunks()
    except _FAULTS:
        return 0
    return int(pc.sum(pc.invert(pc.is_in(some, value_set=own))).as_py())


def _at_walls(attempt: Attempt, known: Known, hidden: pa.Array) -> pa.Array:
    """Those of the index ids who stand, or may stand, on a side of a firewall."""
    since = pa.array([each.partition("\n")[0] for each in _firewalls_since(known)], pa.string())
    if not (known.standing.num_rows or known.at_walls.num_rows or len(since)):
        return hidden.slice(0, 0)
    views = {
        "at_walls": known.at_walls, "standing": known.standing, "since": pa.table({"record_key": since}),
        "hidden": pa.table({"index_id": hidden}), "identities": attempt.folder / "identities" / "identities.parquet",
    }  # fmt: skip
    with connect(views) as duck:
        found = fetch(
            duck,
            """
            SELECT index_id FROM hidden SEMI JOIN (
                SELECT index_id FROM at_walls
                UNION SELECT index_id FROM identities SEMI JOIN (SELECT record_key FROM standing UNION FROM since) USING (record_key)
            ) USING (index_id)
        """,
        )
    return found["index_id"].combine_chunks()


def _firewalls_since(known: Known) -> list[str]:
    """Record and reason of either side of each firewall that people decided and the latest night was not built with, a line break between."""
    built = {each.number for each in known.latest.inputs.decisions}
    query = select(decision.c.decision_id, decision.c.record_a, decision.c.record_b, decision.c.reason).where(
        decision.c.authority == known.latest.night.authority, decision.c.kind == "firewall"
    )
    with known.latest.night.engine.connect() as connection:
        rows = [row for row in connection.execute(query) if row.decision_id not in built]
    return [f"{key}\n{row.reason}" for row in rows for key in (row.record_a, row.record_b)]
