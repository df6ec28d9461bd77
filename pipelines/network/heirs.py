"""Authorities that were taken over, as the network has them: which ids of theirs lead to whom by now.

A child has its index id with the authority that took over the one that gave it. So who has left the one is the same child as who is
known to the other by that id, whatever else is told of the two, and what people decided of the one goes on for the other. Belongs here: finding these ids, and
what they say to the matcher. Not here: custody (`custody`), or what a local index has inherited (`pipelines.nights.inherited`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.identities.assign import RESOLVED
from pipelines.network.decisions import Decided
from pipelines.network.inputs import Inputs
from pipelines.network.place import Network
from pipelines.nights.attempts import attempt_in_force
from pipelines.nights.night import Night
from pipelines.nights.reorganised import Reorganised
from pipelines.seams.matching import DECISIONS
from pipelines.seams.network import MESSAGES, REASONS
from pipelines.seams.seam import Column, Seam, give
from pipelines.tables import connect, fetch, read_table

__all__ = ["INHERITED", "heirs_of", "inherited_ids", "led_on", "noted_on", "same_of", "told_on", "without_heirs"]

INHERITED = Seam(  # within the network: who is known by the id that an authority gave that was taken over
    "inherited ids",
    (
        Column("row_key", pa.string(), "the child as the authority had it that was taken over", needed=True),
        Column("heir", pa.string(), "the child as its successor has it", needed=True),
    ),
)


def heirs_of(reorganised: Iterable[Reorganised], given: Collection[str]) -> tuple[list[str], list[str]]:
    """Authorities that were taken over by one that gives nothing yet; and those of whom all successors do.

    Args:
        reorganised: who has taken over whom.
        given: the authorities that give something.
    """
    waits = {each.predecessor for each in reorganised if each.successor not in given}
    return sorted(waits), sorted({each.predecessor for each in reorganised} - waits)


def inherited_ids(network: Network, inputs: Inputs, children: pa.Table) -> pa.Table:
    """Who is known by the id of an authority that was taken over, also by one that leads to another: `INHERITED`.

    Args:
        network: the co-ordinating index.
        inputs: of the night.
        children: `CHILDREN`.
    """
    given = {each.authority: each for each in inputs.given}
    found = [INHERITED.empty_table()]
    for successor in sorted({each.successor for each in inputs.reorganised} & set(given)):
        told = given[successor]
        attempt = attempt_in_force(Night(network.deployment, successor, told.business_date), told.version)
        if attempt is None:
            continue
        were = [each.predecessor for each in inputs.reorganised if each.successor == successor]
        views = {
            "index_ids": read_table(attempt.folder / "identities" / "index_ids.parquet"),
            "children": children.select(["row_key"]), "were": pa.table({"authority": pa.array(were, pa.string())}),
        }  # fmt: skip
        with connect(views) as duck:
            duck.execute("SET VARIABLE successor = ?", [successor])
            heirs = fetch(
                duck,
                f"""
                WITH every AS ({RESOLVED} SELECT index_id, redirects_to FROM resolved UNION ALL SELECT index_id, index_id FROM index_ids WHERE state <> 'merged')
                SELECT DISTINCT authority || ':' || index_id AS row_key, getvariable('successor') || ':' || redirects_to AS heir FROM every, were
                WHERE getvariable('successor') || ':' || redirects_to IN (SELECT row_key FROM children) ORDER BY ALL
            """,
            )
        found.append(give(heirs, INHERITED))
    return pa.concat_tables(found)


def same_of(inherited: pa.Table, left: pa.ChunkedArray) -> pa.Table:
    """That who has left an authority is who its successor knows by the same id: `DECISIONS`.

    Args:
        inherited: `INHERITED`.
        left: row keys of who has left.
    """
    with connect({"inherited": inherited, "gone": pa.table({"row_key": left})}) as duck:
        found = fetch(
            duck,
            """
            SELECT DISTINCT 'same' AS kind, least(row_key, heir) AS record_a, greatest(row_key, heir) AS record_b, 'Taken over' AS reason
            FROM inherited SEMI JOIN gone USING (row_key) ORDER BY ALL
        """,
        )
    return give(found, DECISIONS)


def led_on(decisions: Sequence[Decided], inherited: pa.Table) -> list[Decided]:
    """The decisions of people on children of the nation, on those who are known by these ids by now."""
    leads = dict(zip(*inherited.select(INHERITED.names).to_pydict().values(), strict=True))
    told = [
        replace(
            each,
            row_key_a=leads.get(each.row_key_a, each.row_key_a),
            row_key_b=leads.get(each.row_key_b, each.row_key_b),
        )
        for each in decisions
    ]
    return [each for each in told if each.row_key_a != each.row_key_b]


def without_heirs(left: pa.Table, inherited: pa.Table) -> pa.Table:
    """Who has left an authority (`LEFT`), less those whom its successor knows: whether such a child is hidden is for that one to say."""
    known = pc.is_in(left["row_key"], value_set=inherited["row_key"].combine_chunks())
    return left.filter(pc.invert(known))


def told_on(told: pa.Table, inherited: pa.Table) -> pa.Table:
    """The messages (`MESSAGES`) with those that an authority was told which was taken over, as if its successor had been: it has the wish that they made."""
    if not inherited.num_rows:
        return told
    with connect({"told": told, "inherited": inherited}) as duck:
        found = fetch(
            duck,
            """
            SELECT authority, index_id, min(since) AS since FROM (
                FROM told UNION ALL BY NAME
                SELECT split_part(heir, ':', 1) AS authority, split_part(heir, ':', 2) AS index_id, since
                FROM told JOIN inherited ON row_key = authority || ':' || index_id
            ) GROUP BY ALL ORDER BY ALL
        """,
        )
    return give(found, MESSAGES)


def noted_on(noted: pa.Table, inherited: pa.Table, reorganised: Sequence[Reorganised]) -> pa.Table:
    """The reasons that are noted (`REASONS`) also of the children as a successor has them, and by the children and the protection that it has gone on with: they
    are not new.
    """
    if not reorganised:
        return noted
    pairs = {
        name: pa.array([getattr(each, name) for each in reorganised], pa.string())
        for name in ("predecessor", "successor")
    }
    with connect({"noted": noted, "inherited": inherited, "pairs": pa.table(pairs)}) as duck:
        found = fetch(
            duck,
            """
            WITH whose AS (
                FROM noted UNION SELECT heir, reason FROM noted JOIN inherited USING (row_key)
            ),
            whom AS (
                FROM whose UNION
                SELECT w.row_key, split_part(reason, ' ', 1) || ' ' || heir FROM whose w JOIN inherited i ON i.row_key = split_part(reason, ' ', 2)
                WHERE split_part(reason, ' ', 1) IN ('hides', 'asks', 'is')
            )
            FROM whom UNION
            SELECT row_key, 'bears ' || successor || ' ' || split_part(reason, ' ', 3) FROM whom JOIN pairs ON predecessor = split_part(reason, ' ', 2)
            WHERE starts_with(reason, 'bears ') ORDER BY ALL
        """,
        )
    return give(found, REASONS)
