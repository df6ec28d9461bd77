"""From what a person types to a record of a night: its key, or the opaque reference that the reports show of it.

Belongs here: finding the key. References are made for showing (`privacy.secret`); only here are they followed back, by
whoever may read the night's own tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.privacy.secret import keyed_digests
from pipelines.tables import read_table

__all__ = ["record_keys", "reference_of"]

_PURPOSE = "record"  # as the published record_ref


def record_keys(night: Path, told: Sequence[str]) -> list[str]:
    """The keys of the records named by `told`, in that order.

    Args:
        night: the folder of an attempt at a night.
        told: record keys or references.

    Raises:
        IsindexError: RECORD_UNKNOWN when one is neither.
    """
    keys = read_table(night / "person" / "records.parquet", columns=["record_key"])["record_key"]
    keys = keys.combine_chunks().cast(pa.string())
    wanted = pa.array(told, pa.string())
    place = pc.index_in(wanted, keys)
    if place.null_count:
        place = pc.coalesce(place, pc.index_in(wanted, keyed_digests(keys, _PURPOSE)))
    if place.null_count:
        missing = [("first", "second")[at] for at, each in enumerate(place.to_pylist()) if each is None]
        raise IsindexError(
            "RECORD_UNKNOWN",
            f"the {' and the '.join(missing)} record is not among the records of the night",
            where=" ".join(night.parts[-4:-2]),
            remedy="Name a record by its key or by the reference in the review list.",
        )
    return [str(key) for key in keys.take(place).to_pylist()]


def reference_of(key: str) -> str:
    """The opaque reference of a record."""
    return str(keyed_digests(pa.array([key], pa.string()), _PURPOSE)[0].as_py())
