"""What is known of an authority's identities after a night, and where it lies.

Belongs here: the five tables a night hands to the next one, their columns, reading and writing them. Not here: how they
change (assign, ledger), or which night tonight builds on: what a held night would have minted or merged never happened,
so the ledger has no gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa

from pipelines.seams import conform, grown
from pipelines.seams.identities import IDENTITY_TABLES
from pipelines.tables import read_table, write_table

__all__ = ["IdentityState", "identities_of"]

_FOLDER = "identities"


@dataclass(frozen=True)
class IdentityState:
    """An authority's identities after a night.

    Attributes:
        identities: each live record once: record_key, record_ref (opaque), wall_ref (published in its place), index_id, step, weight, reason, and the
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
        return cls(**{name: seam.empty_table() for name, seam in IDENTITY_TABLES.items()})

    @classmethod
    def read(cls, night: Path) -> IdentityState:
        """The state that was written into the night folder `night`."""
        parts = {name: _read(night, name) for name in IDENTITY_TABLES}
        for name, seam in IDENTITY_TABLES.items():
            conform(parts[name], seam)
        return cls(**parts)

    def write(self, night: Path) -> None:
        """Write the state into the folder `night`."""
        for part in fields(self):
            write_table(getattr(self, part.name), night / _FOLDER / f"{part.name}.parquet")


def identities_of(night: Path) -> pa.Table:
    """The table `identities` (`IDENTITIES`) alone, of a night folder."""
    return _read(night, "identities")


def _read(night: Path, name: str) -> pa.Table:
    """A table of a night folder; columns that may be empty, and that an older night did not know yet, are."""
    return grown(read_table(night / _FOLDER / f"{name}.parquet"), IDENTITY_TABLES[name])
