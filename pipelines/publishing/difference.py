"""What changed between two snapshots of one authority, in numbers and words.

Belongs here: comparing two snapshots, or the traces of two. Not here: where they lie (publish, readers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.publishing.shown import DETAILS
from pipelines.tables import connect, damage_told, file_sha256

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """Counts of children between an older and a newer snapshot; each child is counted in as many lines as apply.

    Attributes:
        added: has a row now, had none, and was not merged then.
        restored: has its index id back after a merge.
        merged: its index id now redirects to another.
        ended: gone without a redirect.
        changed: anything shown of it differs.
        moved: an address differs.
        shielded: shown no longer in full (shielded or withheld).
        unshielded: shown in full again.
        unchanged: nothing shown of it differs.
    """

    added: int = 0
    restored: int = 0
    merged: int = 0
    ended: int = 0
    changed: int = 0
    moved: int = 0
    shielded: int = 0
    unshielded: int = 0
    unchanged: int = 0

    def numbers(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)

    def words(self) -> list[str]:
        """A sentence for each count that is not nought."""
        sentences = {
            "added": "added",
            "restored": "separated again after a merge",
            "merged": "found to be the same as another and merged",
            "ended": "no longer in any feed",
            "changed": "changed",
            "moved": "with another address",
            "shielded": "newly shielded or withheld",
            "unshielded": "shown in full again",
            "unchanged": "unchanged",
        }
        return [
            f"{number:,} {'child' if number == 1 else 'children'} {sentences[name]}."
            for name, number in self.numbers().items()
            if number
        ]


def compare(old: Mapping[str, pa.Table | Path] | None, new: Mapping[str, pa.Table | Path]) -> Difference:
    """The difference between two snapshots, tables or Parquet paths by name; `old` None is an empty index.

    The traces of two snapshots (`shown.traces_of`) do as well.

    Raises:
        IsindexError: STORE_DAMAGED when one of the files is damaged, or gone.
    """
    if old is None:
        children = new["children"]
        with damage_told([children]), connect({"children": children}) as connection:
            return Difference(added=connection.execute("SELECT count(*) FROM children").fetchall()[0][0])
    views = {f"old_{name}": table for name, table in old.items()} | {
        f"new_{name}": table for name, table in new.items()
    }
    # a table whose file is the same has no changes; of others one join finds the rows that only one of the two has
    with damage_told(views.values()):
        differing = [name for name in ("children", *DETAILS) if not _same_file(old[name], new[name])]
    changes = " UNION ".join(
        f"""SELECT '{name}' AS part, coalesce(o.index_id, n.index_id) AS index_id
            FROM old_{name} o FULL JOIN new_{name} n ON o IS NOT DISTINCT FROM n WHERE o.index_id IS NULL OR n.index_id IS NULL"""
        for name in differing
    )
    changes = changes or "SELECT '' AS part, '' AS index_id WHERE false"
    with damage_told(views.values()), connect(views) as connection:
        row = connection.execute(f"""
            WITH changes AS MATERIALIZED ({changes}),
            changed AS (SELECT index_id, bool_or(part = 'addresses') AS moved FROM changes GROUP BY index_id),
            compared AS (
                SELECT o.index_id IS NOT NULL AS was, n.index_id IS NOT NULL AS now,
                    o.shielded OR o.withheld AS hidden_was, n.shielded OR n.withheld AS hidden_now,
                    c.index_id IS NOT NULL AS changed, coalesce(c.moved, false) AS moved,
                    ro.index_id IS NOT NULL AS redirected_was, rn.index_id IS NOT NULL AS redirected_now
                FROM old_children o FULL JOIN new_children n USING (index_id)
                LEFT JOIN changed c USING (index_id)
                LEFT JOIN old_redirects ro USING (index_id) LEFT JOIN new_redirects rn USING (index_id)
            )
            SELECT count(*) FILTER (NOT was AND NOT redirected_was), count(*) FILTER (NOT was AND redirected_was),
                count(*) FILTER (NOT now AND redirected_now), count(*) FILTER (NOT now AND NOT redirected_now),
                count(*) FILTER (was AND now AND changed),
                count(*) FILTER (was AND now AND moved AND NOT hidden_was AND NOT hidden_now),
                count(*) FILTER (was AND now AND hidden_now AND NOT hidden_was),
                count(*) FILTER (was AND now AND hidden_was AND NOT hidden_now),
                count(*) FILTER (was AND now AND NOT changed)
            FROM compared
        """).fetchall()[0]
    return Difference(*row)


def _same_file(old: pa.Table | Path, new: pa.Table | Path) -> bool:
    return isinstance(old, Path) and isinstance(new, Path) and file_sha256(old) == file_sha256(new)
