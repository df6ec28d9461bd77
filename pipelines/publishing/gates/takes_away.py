"""The gate of a version that is published again less somebody: it takes away, and shows nothing that was not shown.

Belongs here: holding the two against each other, row by row, in code of its own. Not here: who must be hidden (`protection`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.tables import connect

__all__ = ["Built", "takes_away"]


@dataclass(frozen=True)
class Built:
    """A version as it was built: how many rows each table had, and a table of its children with shielded and withheld."""

    rows: Mapping[str, int]
    children: Path


def takes_away(before: Mapping[str, Path], after: Mapping[str, Path], built: Built | None = None) -> Gate:
    """Every row of `after` is one of `before`, or has nothing in the place of something there; nobody is opened.

    The name and the status of the address that stand for a child may be others that `before` shows of the same child, where
    the one that stood for it must be hidden.

    Args:
        before: the tables that are published, or that were audited.
        after: those that are to be published in their place.
        built: what the figures count from, where `before` was made less already; default `before`.
    """
    views: dict[str, Path] = {f"before_{name}": before[name] for name in SNAPSHOT_TABLES} | {
        f"after_{name}": after[name] for name in SNAPSHOT_TABLES
    }
    views["built_children"] = built.children if built else before["children"]
    with connect(views) as duck:
        added = {}
        for name, seam in SNAPSHOT_TABLES.items():
            if name == "children":
                query = _CHILDREN
            else:
                columns = [column.name for column in seam.columns if column.name != "index_id"]
                same = " AND ".join(f"(a.{each} IS NULL OR a.{each} IS NOT DISTINCT FROM b.{each})" for each in columns)
                query = f"""
                    SELECT count(*) FROM (FROM after_{name} EXCEPT FROM before_{name}) a
                    WHERE NOT EXISTS (SELECT 1 FROM before_{name} b WHERE b.index_id = a.index_id AND {same})
                """
            added[name] = int(duck.execute(query).fetchall()[0][0])
        counted = {
            (time, name): int(duck.execute(f"SELECT count(*) FROM {time}_{name}").fetchall()[0][0])
            for time in ("before", "after")
            for name in SNAPSHOT_TABLES
        }
        ((hidden,),) = duck.execute("""
            SELECT count(*) FROM built_children b LEFT JOIN after_children a USING (index_id)
            WHERE NOT (b.shielded OR b.withheld) AND coalesce(a.shielded OR a.withheld, true)
        """).fetchall()
    more = {name: counted["after", name] - counted["before", name] for name in SNAPSHOT_TABLES}
    rows = sum(added.values()) + sum(max(number, 0) for number in more.values())
    were = built.rows if built else {name: counted["before", name] for name in SNAPSHOT_TABLES}
    return Gate(
        "takes_away",
        rows == 0,
        "Published again, less what must be hidden: nothing is shown that was not shown, and nobody is opened.",
        {
            "children_hidden": hidden,
            "rows_added": rows,
            "rows_taken": sum(max(were[name] - counted["after", name], 0) for name in SNAPSHOT_TABLES),
        },
    )


_CHILDREN = """
    SELECT count(*) FROM (FROM after_children EXCEPT FROM before_children) a LEFT JOIN before_children b USING (index_id)
    WHERE b.index_id IS NULL
        OR (b.shielded AND NOT a.shielded) OR (b.withheld AND NOT (a.withheld OR a.shielded))
        OR a.state IS DISTINCT FROM b.state
        OR (a.sex IS NOT NULL AND a.sex IS DISTINCT FROM b.sex)
        OR (a.birth_date IS NOT NULL AND a.birth_date IS DISTINCT FROM b.birth_date)
        OR (a.expected_birth_date IS NOT NULL AND a.expected_birth_date IS DISTINCT FROM b.expected_birth_date)
        OR (a.address_status IS NOT NULL AND a.address_status IS DISTINCT FROM b.address_status AND NOT EXISTS (
            SELECT 1 FROM before_addresses s WHERE s.index_id = a.index_id AND s.status = a.address_status))
        OR (NOT (coalesce(a.family_name, b.family_name) IS NOT DISTINCT FROM b.family_name
                AND coalesce(a.given_names, b.given_names) IS NOT DISTINCT FROM b.given_names)
            AND NOT EXISTS (SELECT 1 FROM before_names n WHERE n.index_id = a.index_id
                AND coalesce(a.family_name, n.family_name) IS NOT DISTINCT FROM n.family_name
                AND coalesce(a.given_names, n.given_names) IS NOT DISTINCT FROM n.given_names))
"""
