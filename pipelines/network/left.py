"""Children who have left their authority: for as long as nights are kept, whoever comes to know them is still found to be the same child.

Belongs here: who they are after a night, with their names and firewalls as they were. They bear no pointer, are found by nobody, and leave no authority
once more; that they may be one child with somebody else is all that they are kept for. One who comes back under the same index id has never left. Not here:
what the protection of an authority knows of one who is gone (`known_by`), which ends when two people of that authority end it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from pipelines.network.linking import Gathered
from pipelines.seams.network import CHILDREN, FIREWALLS, LEFT, NAMES
from pipelines.seams.seam import give, grown
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["Left", "left_after"]


@dataclass(frozen=True)
class Left(Gathered):
    """Children who have left (`LEFT`), their names (`NAMES`), and the firewalls at which one of two stood (`FIREWALLS`)."""

    def write(self, folder: Path) -> None:
        """Write them into the folder of an attempt."""
        for name in ("children", "names", "firewalls"):
            write_table(getattr(self, name), folder / "left" / f"{name}.parquet")

    @classmethod
    def read(cls, folder: Path) -> Left:
        """What `write` wrote; nobody in an attempt from before they were kept."""
        seams = {"children": LEFT, "names": NAMES, "firewalls": FIREWALLS}
        paths = {name: folder / "left" / f"{name}.parquet" for name in seams}
        return cls(
            **{
                name: grown(read_table(path), seams[name]).select(seams[name].names)
                if path.is_file()
                else seams[name].empty_table()
                for name, path in paths.items()
            }
        )


def left_after(
    gathered: Gathered, base: Path | None, business_date: date, keep_nights: int, waited_for: Collection[str] = ()
) -> Left:
    """Who has left by a night: of those whom the night before had, those whom no authority gives any more, until so many nights are past.

    Args:
        gathered: what the authorities give.
        base: the folder of the attempt of the night before; None on the first.
        business_date: the night.
        keep_nights: how long they are kept.
        waited_for: authorities that were taken over by one that gives nothing yet: theirs are kept until it does.
    """
    if base is None:
        return Left(LEFT.empty_table(), NAMES.empty_table(), FIREWALLS.empty_table())
    before = Left.read(base)
    views = {
        "children": gathered.children, "was": grown(read_table(base / "children.parquet"), CHILDREN).select(CHILDREN.names), "was_left": before.children,
        "every_name": pa.concat_tables([read_table(base / "names.parquet"), before.names]),
        "every_wall": pa.concat_tables([read_table(base / "firewalls.parquet"), before.firewalls]),
    }  # fmt: skip
    with connect(views) as duck:
        duck.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        duck.execute("SET VARIABLE waited_for = ?", [sorted(waited_for)])
        duck.execute("SET VARIABLE oldest = CAST(? AS DATE)", [business_date - timedelta(days=keep_nights)])
        duck.execute("""
            CREATE TEMP TABLE gone AS
            SELECT * FROM was_left ANTI JOIN children USING (row_key) WHERE "left" > getvariable('oldest') OR list_contains(getvariable('waited_for'), authority)
            UNION ALL BY NAME SELECT *, getvariable('night') AS "left" FROM was ANTI JOIN children USING (row_key);
            CREATE TEMP TABLE known AS SELECT row_key FROM gone UNION SELECT row_key FROM children
        """)
        return Left(
            give(fetch(duck, "FROM gone ORDER BY row_key"), LEFT),
            give(fetch(duck, "SELECT DISTINCT n.* FROM every_name n SEMI JOIN gone USING (row_key) ORDER BY ALL"), NAMES),
            give(fetch(duck, """
                SELECT DISTINCT w.* FROM every_wall w WHERE (row_key_a IN (SELECT row_key FROM gone) OR row_key_b IN (SELECT row_key FROM gone))
                    AND row_key_a IN (FROM known) AND row_key_b IN (FROM known) ORDER BY ALL
            """), FIREWALLS),
        )  # fmt: skip
