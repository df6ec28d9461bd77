"""Who must be hidden in an authority because of another: a message for each that names one of its own index ids, and no person.

Belongs here: finding them, and handing them over. A child who is protected in one authority is hidden in every other that may know it: where
the two are one child here, bear one number, or are a pair that was kept apart and is not certainly two children, from one to the next; and
where it bears a number, or names with birth date, that the protection of another authority knows (`known_by`), be there a child of that or not.
Whether two children of *one* authority are one is for that authority to say, and hides nobody here. What hides a child is that *its own*
authority protects it for a reason of its own; one that is hidden by a message alone hides nobody in turn, else two authorities would hold
each other hidden after the one that asked has opened its child.

A message becomes a wish of the authority that it reaches: it is in force with its next night, and at once as a protective version. There, two
people lift it like any other. Of a child who was told of it is told anew when it is open and there is a reason that was not there then (`reasons`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.matching.deciding.components import components
from pipelines.network.linking import Gathered
from pipelines.network.place import Network
from pipelines.network.reasons import grounds_in, reasons_in
from pipelines.nights.follow import newest_in_force
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.protective import protect_in_any_case
from pipelines.nights.requests import keep_wishes
from pipelines.outages import as_coded
from pipelines.protection.register import ELSEWHERE
from pipelines.publishing.versions import versions_in_force
from pipelines.seams.identities import VISIBILITY
from pipelines.seams.network import CHILDREN, MESSAGES
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table

__all__ = ["Handed", "Hidden", "hand_over", "hidden_in_the_nation", "messages_after"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hidden:
    """Who is hidden after a night.

    Attributes:
        seen: `VISIBILITY` of national ids: shielded who holds a child that its own authority protects, withheld who may be one.
        reasons: why children are hidden of whom an authority was told, or may have to be (`REASONS`), but for what they have themselves.
        grounds: what there is to be a reason for anybody: reason.
    """

    seen: pa.Table
    reasons: pa.Table
    grounds: pa.Table


@dataclass(frozen=True)
class Handed:
    """What became of new messages: those that were handed over, and the authorities that could not take theirs, with a code."""

    told: pa.Table
    waits: dict[str, str]


def hidden_in_the_nation(
    gathered: Gathered,
    left: Gathered,
    identities: pa.Table,
    apart: pa.Table,
    told: pa.Table,
    hidden_tokens: pa.Table,
    bearers: pa.Table,
) -> Hidden:
    """Who is hidden in the nation.

    Args:
        gathered: what the authorities give.
        left: the same of children who have left.
        identities: `IDENTITIES` of national ids: the record keys there are row keys.
        apart: the matcher's pairs kept apart (`APART`), of row keys.
        told: the messages that were handed over before (`MESSAGES`).
        hidden_tokens: what hides in the nation (`HIDDEN_TOKENS`).
        bearers: which children bear any of it (`KNOWN_BY`).
    """
    views = {
        "children": gathered.children,
        "every": pa.concat_tables([gathered.children, left.children.select(CHILDREN.names)]),
        "identities": identities,
        "apart": apart,
        "told": told,
        "hidden_tokens": hidden_tokens,
        "bearers": bearers,
    }
    with connect(views) as duck:
        duck.execute(_HIDING)
        duck.execute(_PLACED)
        edges, seeds = fetch(duck, _EDGES), fetch(duck, _SEEDS)
        size = seeds.num_rows
        shielded, withheld = (
            seeds[name].to_numpy(zero_copy_only=False).astype(bool) for name in ("shielded", "withheld")
        )
        label = components(size, edges["a"].to_numpy(), edges["b"].to_numpy())
        reached = np.isin(label, np.unique(label[shielded | withheld]))
        duck.register("labels", pa.table({"number": np.flatnonzero(reached), "label": label[reached]}))
        duck.execute("CREATE TEMP TABLE labelled AS FROM labels")
        reasons, grounds = reasons_in(duck), grounds_in(duck)
    seen = pa.table({"index_id": seeds["index_id"], "shielded": shielded, "withheld": reached & ~shielded})
    return Hidden(give(seen, VISIBILITY), reasons, grounds)


# children whom their own authority protects for a reason of its own; and those who bear what another authority's protection knows
_HIDING = """
    CREATE TEMP TABLE hiding AS
    SELECT row_key, coalesce(marked, true) AS marked
    FROM every LEFT JOIN (SELECT authority, index_id, true AS was_told FROM told) USING (authority, index_id)
    WHERE protected AND (asks OR was_told IS NULL);
    CREATE TEMP TABLE bearing_hidden AS
    SELECT DISTINCT c.row_key, h.authority, h.token FROM bearers JOIN hidden_tokens h USING (token) JOIN children c USING (row_key)
    WHERE h.authority <> c.authority
"""
_SEEDS = """
    WITH own AS (SELECT DISTINCT number FROM placed SEMI JOIN hiding USING (row_key)),
    known AS (SELECT DISTINCT number FROM placed SEMI JOIN bearing_hidden USING (row_key))
    SELECT index_id, number IN (FROM own) AS shielded, number IN (FROM known) AS withheld FROM numbered ORDER BY number
"""
# national ids by number, where each child is placed, and the pairs of two authorities that may be one child; each kept as a table of its own, for the
# query engine makes a bad plan of what it knows no sizes of
_PLACED = """
    CREATE TEMP TABLE numbered AS
    SELECT index_id, row_number() OVER (ORDER BY index_id) - 1 AS number FROM (SELECT DISTINCT index_id FROM identities);
    CREATE TEMP TABLE placed AS SELECT record_key AS row_key, number FROM identities JOIN numbered USING (index_id);
    CREATE TEMP TABLE bearing AS
    SELECT DISTINCT * FROM (SELECT row_key, authority, unnest([nhs_number, previous_nhs_number, upn, former_upn]) AS token FROM every)
    WHERE token IS NOT NULL;
    CREATE TEMP TABLE pairs AS
    SELECT record_key_a AS x, record_key_b AS y FROM apart
    WHERE NOT coalesce(certain, false) AND split_part(record_key_a, ':', 1) <> split_part(record_key_b, ':', 1)
    UNION
    SELECT l.row_key, r.row_key FROM bearing l JOIN bearing r USING (token) WHERE l.authority < r.authority
"""
# national ids of which two children, of two authorities, may be one
_EDGES = """
    SELECT DISTINCT least(p.number, q.number) AS a, greatest(p.number, q.number) AS b
    FROM pairs JOIN placed p ON p.row_key = x JOIN placed q ON q.row_key = y WHERE p.number <> q.number ORDER BY ALL
"""


def messages_after(
    gathered: Gathered,
    identities: pa.Table,
    seen: pa.Table,
    told: pa.Table,
    reasons: pa.Table,
    noted: pa.Table,
    business_date: date,
) -> pa.Table:
    """The messages that are new with a night (`MESSAGES`): children who are hidden in the nation and open in their authority.

    Such as were not told of, or for whom there is a reason that is not noted.

    Args:
        gathered: what the authorities give.
        identities: `IDENTITIES` of national ids.
        seen: `VISIBILITY` of national ids.
        told: those that were handed over before.
        reasons: why children are hidden (`REASONS`).
        noted: the reasons that their authorities were told of, or that people knew (`REASONS`).
        business_date: the night.
    """
    views = {
        "children": gathered.children,
        "identities": identities,
        "seen": seen,
        "told": told,
        "reasons": reasons,
        "noted": noted,
    }
    with connect(views) as duck:
        found = fetch(
            duck,
            f"""
            WITH anew AS (SELECT DISTINCT row_key FROM (FROM reasons EXCEPT FROM noted))
            SELECT c.authority, c.index_id, DATE '{business_date.isoformat()}' AS since
            FROM children c JOIN identities i ON i.record_key = c.row_key JOIN seen s ON s.index_id = i.index_id
            LEFT JOIN told t ON t.authority = c.authority AND t.index_id = c.index_id
            WHERE NOT c.protected AND (s.shielded OR s.withheld) AND (t.since IS NULL OR c.row_key IN (SELECT row_key FROM anew)) ORDER BY ALL
        """,
        )
    return give(found, MESSAGES)


def hand_over(network: Network, messages: pa.Table) -> Handed:
    """Let each authority have its messages, and hide at once whom they mean; who is busy or cannot take them has them with the next night."""
    told, waits = [MESSAGES.empty_table()], {}
    for authority in pc.unique(messages["authority"]).to_pylist():
        mine = messages.filter(pc.equal(messages["authority"], authority))
        try:
            with alone(network.deployment, authority):
                _take_in(network, authority, mine["index_id"].to_pylist())
        except Exception as fault:
            waits[authority] = as_coded(fault).code
            _log.warning("messages of protection for authority %s wait: %s", authority, waits[authority])
            continue
        protect_in_any_case(network.deployment, authority)
        told.append(mine)
    return Handed(pa.concat_tables(told), waits)


def _take_in(network: Network, authority: str, index_ids: Iterable[str]) -> None:
    """Keep the wishes that messages are, of the records that bear these ids by now, or an id that they lead to."""
    deployment = network.deployment
    newest = newest_in_force(Night(deployment, authority, max(versions_in_force(deployment.home, authority))))
    if newest is None:
        raise IsindexError(
            "BASE_MISSING",
            "The tables of the version in force are not in the home.",
            where=f"authority {authority}",
            remedy="Restore the home from its backup, or run the night again; the messages are handed over then.",
        )
    with connect({
        "meant": pa.table({"index_id": pa.array(list(index_ids), pa.string())}),
        "identities": _identities(newest.folder, "identities"), "index_ids": _identities(newest.folder, "index_ids"),
    }) as duck:  # fmt: skip
        keys = fetch(
            duck,
            """
            WITH RECURSIVE leads AS (
                FROM meant UNION SELECT i.redirects_to FROM leads l JOIN index_ids i USING (index_id) WHERE i.redirects_to IS NOT NULL
            )
            SELECT record_key FROM identities SEMI JOIN leads USING (index_id) ORDER BY ALL
        """,
        )["record_key"].to_pylist()
    if keys:
        keep_wishes(newest, keys, what=ELSEWHERE)


def _identities(folder: Path, name: str) -> pa.Table:
    return read_table(folder / "identities" / f"{name}.parquet")
