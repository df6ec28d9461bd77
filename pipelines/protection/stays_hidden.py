"""What versions of before may not show for good: carried on from night to night, so that nothing is shown again there for being over.

Belongs here: index ids and records of who is or was hidden (`hidden_after`), and how many sensitive services a record has told of
(`sensitive_after`). What tells of a child may go from the feeds, and the child with it: a version of before that knew it still shows no more
than when it was known. Only who is open in a later night, whom people have opened then, goes from what is carried on. Not here: who is
hidden in a night (`shielding`), what follows for a version (`nights.hiding`).
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.identities.assign import RESOLVED
from pipelines.seams import give
from pipelines.seams.protection import HIDDEN, SENSITIVE
from pipelines.tables import connect, fetch, read_table

__all__ = ["STAYS_HIDDEN", "hidden_after", "sensitive_after", "stays_hidden_in"]

STAYS_HIDDEN = {"hidden": HIDDEN, "sensitive": SENSITIVE}


def stays_hidden_in(folder: Path) -> dict[str, pa.Table]:
    """The tables of `STAYS_HIDDEN` after an attempt, by its folder; one that an earlier program made knows what its own tables say."""
    paths = {name: folder / "protection" / f"{name}.parquet" for name in STAYS_HIDDEN}
    if all(path.is_file() for path in paths.values()):
        return {name: read_table(path) for name, path in paths.items()}
    visibility, index_ids, identities = (
        folder / "identities" / f"{name}.parquet" for name in ("visibility", "index_ids", "identities")
    )
    return {
        "hidden": hidden_after(HIDDEN.empty_table(), visibility, index_ids, identities),
        "sensitive": sensitive_after(SENSITIVE.empty_table(), folder / "person" / "involvements.parquet", identities),
    }


def hidden_after(
    before: pa.Table, visibility: pa.Table | Path, index_ids: pa.Table | Path, identities: pa.Table | Path
) -> pa.Table:
    """Index ids that a night hides or that lead to one, and records of these; with those of `before` that are not open by now: `HIDDEN`.

    Args:
        before: the same after the night before.
        visibility: `VISIBILITY` of the night.
        index_ids: `INDEX_IDS`.
        identities: `IDENTITIES`.
    """
    views = {"before": before, "visibility": visibility, "index_ids": index_ids, "identities": identities}
    with connect(views) as duck:
        found = fetch(
            duck,
            f"""
            {RESOLVED},
            meant AS (
                SELECT index_id, index_id AS seen FROM visibility UNION SELECT index_id, redirects_to FROM resolved
            ),
            tonight AS (
                SELECT m.index_id, NULL::VARCHAR AS record_ref, v.shielded OR v.withheld AS hidden FROM meant m JOIN visibility v ON v.index_id = m.seen
                UNION ALL SELECT NULL, record_ref, shielded OR withheld FROM identities JOIN visibility USING (index_id)
            )
            SELECT index_id, record_ref FROM tonight WHERE hidden
            UNION
            SELECT index_id, record_ref FROM before b WHERE NOT EXISTS (
                SELECT 1 FROM tonight t WHERE t.index_id = b.index_id AND NOT hidden)
                AND NOT EXISTS (SELECT 1 FROM tonight t WHERE t.record_ref = b.record_ref AND NOT hidden)
            ORDER BY ALL
        """,
        )
    return give(found, HIDDEN)


def sensitive_after(before: pa.Table, involvements: pa.Table | Path, identities: pa.Table | Path) -> pa.Table:
    """How many sensitive services each record tells of, or once told of, at most at one time: `SENSITIVE`.

    Args:
        before: the same after the night before.
        involvements: `INVOLVEMENTS` of the night.
        identities: `IDENTITIES`: record_key and record_ref are read.
    """
    with connect({"before": before, "involvements": involvements, "identities": identities}) as duck:
        found = fetch(
            duck,
            """
            SELECT record_ref, max(services) AS services FROM (
                FROM before
                UNION ALL
                SELECT record_ref, count(*) FROM involvements JOIN identities USING (record_key) WHERE kind = 'sensitive_service' GROUP BY record_ref
            ) GROUP BY record_ref ORDER BY record_ref
        """,
        )
    return give(found, SENSITIVE)
