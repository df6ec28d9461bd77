"""What is known of an authority's identities after a night, and where it lies.

Belongs here: the five tables a night hands to the next one, their columns, reading and writing them. Not here: how they
change (assign, ledger), or which night tonight builds on: what a held night would have minted or merged never happened,
so the ledger has no gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.tables import read_table, write_table

__all__ = ["EVENT_SCHEMA", "IdentityState"]

_FOLDER = "identities"


def _schema(columns: list[tuple[str, Any]]) -> pa.Schema:
    return pa.schema(columns)


IDENTITIES = _schema(
    [
        ("record_key", pa.string()),
        ("record_ref", pa.string()),
        ("index_id", pa.string()),
        ("step", pa.string()),
        ("weight", pa.float64()),
        ("reason", pa.string()),
        ("delivery_id", pa.string()),
        ("position", pa.int64()),
        ("content", pa.int64()),
    ]
)
INDEX_IDS = _schema(
    [
        ("index_id", pa.string()),
        ("state", pa.string()),
        ("minted_night", pa.date32()),
        ("redirects_to", pa.string()),
        ("since", pa.date32()),
    ]
)
HISTORY = _schema([("record_key", pa.string()), ("index_id", pa.string()), ("until", pa.date32())])
STORY = _schema(
    [("index_id", pa.string()), ("business_date", pa.date32()), ("kind", pa.string()), ("words", pa.string())]
)
VISIBILITY = _schema([("index_id", pa.string()), ("shielded", pa.bool_()), ("withheld", pa.bool_())])
EVENT_SCHEMA = _schema(
    [
        ("kind", pa.string()),
        ("index_id", pa.string()),
        ("other_id", pa.string()),
        ("record_ref", pa.string()),
        ("evidence", pa.string()),
    ]
)


@dataclass(frozen=True)
class IdentityState:
    """An authority's identities after a night.

    Attributes:
        identities: each live record once: record_key, record_ref (opaque), index_id, step, weight, reason, and the
            delivery_id, position and content hash of the delivery that last *changed* it.
        index_ids: every index id ever minted: state (live, frozen, merged, ended), minted_night, redirects_to (merged
            only; as it was at the merge, so that an un-merge further down restores the chain), since.
        history: which ids a record had before, and until which night.
        story: what happened to each identity, in words without a value.
        visibility: per live identity, shielded and withheld.
    """

    identities: pa.Table
    index_ids: pa.Table
    history: pa.Table
    story: pa.Table
    visibility: pa.Table

    @classmethod
    def empty(cls) -> IdentityState:
        """The state before the first night."""
        return cls(*(schema.empty_table() for schema in (IDENTITIES, INDEX_IDS, HISTORY, STORY, VISIBILITY)))

    @classmethod
    def read(cls, night: Path) -> IdentityState:
        """The state that was written into the night folder `night`."""
        return cls(*(read_table(night / _FOLDER / f"{part.name}.parquet") for part in fields(cls)))

    def write(self, night: Path) -> None:
        """Write the state into the folder `night`."""
        for part in fields(self):
            write_table(getattr(self, part.name), night / _FOLDER / f"{part.name}.parquet")
