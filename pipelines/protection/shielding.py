"""Who must not be seen: shielding over links and possible links, failing closed.

Belongs here: from shielded records to identities, tonight. Not here: what of a shielded child may be shown
(publishing.snapshot) and the proof that nothing else was (publishing.gates).

An identity that holds a shielded record is *shielded*. An identity that is possibly the same child as a shielded or
withheld one is *withheld*: it is shown exactly as a shielded child until the doubt is settled. The closure is
transitive, so it must not run through pairs that are certainly two children, or it would engulf the authority: a pair
of kind ``refused`` that the matcher calls certain (column `certain`: different verified identifiers, twins with
different given names, an earlier decision) does not carry it on, nor does a pair that a reviewer decided is not the
same child. Everything else does: a review, a refusal that is not called certain, a kind nobody knows, a shield flag
that is missing, an input that is missing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.seams import Seam, conform, give
from pipelines.seams.identities import IDENTITIES, VISIBILITY
from pipelines.seams.matching import DECISIONS, POSSIBLE
from pipelines.seams.person import RECORDS
from pipelines.tables import connect

__all__ = ["carries_shielding", "in_force", "visibility"]


def visibility(
    identities: pa.Table | None, records: pa.Table | None, possible: pa.Table | None, decisions: pa.Table | None
) -> pa.Table:
    """Whether each identity is shielded or withheld.

    Args:
        identities: record_key, index_id.
        records: record_key, shielded (null counts as shielded).
        possible: record_key_a, record_key_b, kind, optionally certain: might be one child, but not joined.
        decisions: kind, record_a, record_b, optionally undone_at: those of this authority. A ``shield`` shields its
            record; a ``not_the_same`` settles its pair.

    Returns:
        `VISIBILITY` (never both), sorted by index_id.

    Raises:
        IsindexError: SHIELDING_INPUT_MISSING when a table or column is not there: without it nobody is safe to show.
    """
    views = {
        "identities": _needed(identities, IDENTITIES, ["record_key", "index_id"]),
        "records": _needed(records, RECORDS, ["record_key", "shielded"]),
        "possible": carries_shielding(possible, decisions),
        "decisions": in_force(decisions),
    }
    with connect(views) as connection:
        base = connection.sql("""
            SELECT i.index_id, bool_or(coalesce(r.shielded, true) OR d.record_a IS NOT NULL) AS shielded
            FROM identities i LEFT JOIN records r USING (record_key)
            LEFT JOIN (SELECT DISTINCT record_a FROM decisions WHERE kind = 'shield') d ON d.record_a = i.record_key
            GROUP BY i.index_id ORDER BY i.index_id
        """).to_arrow_table()
        connection.register("numbered", base.append_column("number", pa.array(np.arange(base.num_rows))))
        edges = connection.sql("""
            SELECT DISTINCT na.number AS a, nb.number AS b
            FROM possible p
            JOIN identities ia ON ia.record_key = p.record_key_a JOIN identities ib ON ib.record_key = p.record_key_b
            JOIN numbered na ON na.index_id = ia.index_id JOIN numbered nb ON nb.index_id = ib.index_id
            WHERE na.number <> nb.number
        """).to_arrow_table()
    shielded = base["shielded"].to_numpy(zero_copy_only=False).astype(bool)
    reached = _closure(shielded, edges["a"].to_numpy(), edges["b"].to_numpy())
    seen = pa.table({"index_id": base["index_id"], "shielded": shielded, "withheld": reached & ~shielded})
    return give(seen, VISIBILITY)


def carries_shielding(possible: pa.Table | None, decisions: pa.Table | None) -> pa.Table:
    """The possible pairs through which a shield reaches on: record_key_a, record_key_b (see the module's charter)."""
    pairs = _needed(possible, POSSIBLE, ["record_key_a", "record_key_b", "kind"])
    if "certain" not in pairs.column_names:
        pairs = pairs.append_column("certain", pa.nulls(pairs.num_rows, pa.bool_()))
    with connect({"possible": pairs, "decisions": in_force(decisions)}) as connection:
        carried: pa.Table = connection.sql("""
            SELECT p.record_key_a, p.record_key_b FROM possible p
            LEFT JOIN (
                SELECT DISTINCT least(record_a, record_b) AS a, greatest(record_a, record_b) AS b
                FROM decisions WHERE kind = 'not_the_same'
            ) d ON d.a = least(p.record_key_a, p.record_key_b) AND d.b = greatest(p.record_key_a, p.record_key_b)
            WHERE d.a IS NULL AND NOT (coalesce(p.kind, '') = 'refused' AND coalesce(p.certain, false))
            ORDER BY ALL
        """).to_arrow_table()
    return carried


def _closure(seeds: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Everything reached from `seeds` over the edges a-b, as a mask; one pass a hop."""
    reached = seeds.copy()
    while True:
        crossing = reached[a] != reached[b]
        if not crossing.any():
            return reached
        reached[a[crossing]] = True
        reached[b[crossing]] = True


def in_force(decisions: pa.Table | None) -> pa.Table:
    """Decisions that were not undone: kind, record_a, record_b."""
    table = _needed(decisions, DECISIONS, ["kind", "record_a", "record_b"])
    if "undone_at" in table.column_names:
        table = table.filter(table["undone_at"].is_null())
    return table.select(["kind", "record_a", "record_b"])


def _needed(table: pa.Table | None, seam: Seam, columns: list[str]) -> pa.Table:
    try:
        conform(seam.empty_table().select([]) if table is None else table, seam, columns)
    except IsindexError as fault:
        raise IsindexError(
            "SHIELDING_INPUT_MISSING",
            f"{fault.message} So nobody can be shown safely.",
            where="shielding",
            remedy="Run the matching of this night again; the published index stays as it is.",
        ) from None
    return table
