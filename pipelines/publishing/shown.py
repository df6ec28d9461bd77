"""What a version showed, row by row, as keyed digests: enough to tell what changed since, and nothing that can be read.

Belongs here: making them of a snapshot, writing and finding them. They stay with the night's tables when the snapshot itself
is let go there: what is published lies in the version's folder and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.privacy.secret import namespace_secret
from pipelines.tables import StoredTable, connect, fetch, write_table

__all__ = ["DETAILS", "shown_tables", "traces_of", "write_traces"]

DETAILS = ("names", "addresses", "carers", "involvements", "flags")
_PARTS = ("children", *DETAILS, "redirects")


def traces_of(snapshot: Mapping[str, pa.Table | Path]) -> dict[str, pa.Table]:
    """The traces of a snapshot: of each table index_id and row, a keyed digest of the whole row.

    Children have shielded and withheld besides.
    """
    with connect({name: snapshot[name] for name in _PARTS}) as duck:
        duck.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        digest = "substr(sha256(getvariable('secret') || '|shown|' || t::VARCHAR), 1, 32) AS row"
        return {
            name: fetch(
                duck,
                f"SELECT index_id, {'shielded, withheld, ' if name == 'children' else ''}{digest} FROM {name} t ORDER BY ALL",
            )
            for name in _PARTS
        }


def write_traces(snapshot: Mapping[str, pa.Table | Path], folder: Path) -> dict[str, StoredTable]:
    """Write the traces of a snapshot into `folder`."""
    return {name: write_table(table, folder / f"{name}.parquet") for name, table in traces_of(snapshot).items()}


def shown_tables(folder: Path) -> dict[str, Path]:
    """The traces in `folder`, by table."""
    return {name: folder / f"{name}.parquet" for name in _PARTS}
