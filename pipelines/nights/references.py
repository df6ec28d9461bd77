"""From what a person types to a record of a night: its key, or the opaque reference that the reports show of it.

Belongs here: finding the key. References are made for showing (`privacy.secret`); only here are they followed back, by
whoever may read the night's own tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.identities.mint import valid_index_id
from pipelines.identities.state import identities_of
from pipelines.privacy.references import references
from pipelines.seams import words
from pipelines.tables import read_table

__all__ = ["record_key_of", "record_keys", "reference_of", "told_reference"]

_REFERENCE = re.compile(f"[0-9a-f]{{{words.REF}}}")


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
        place = pc.coalesce(place, pc.index_in(wanted, references(keys)))
    if place.null_count and (night / "identities").is_dir():  # by what is published of a record behind a firewall
        identities = identities_of(night)
        meant = identities["record_key"].take(pc.index_in(wanted, identities["wall_ref"].combine_chunks()))
        place = pc.coalesce(place, pc.index_in(meant.combine_chunks().cast(pa.string()), keys, skip_nulls=True))
    if place.null_count:
        missing = [("first", "second")[at] for at, each in enumerate(place.to_pylist()) if each is None]
        raise IsindexError(
            "RECORD_UNKNOWN",
            f"the {' and the '.join(missing)} record is not among the records of the night",
            where=" ".join(night.parts[-4:-2]),
            remedy="Name a record by its key or by the reference in the review list.",
        )
    return [str(key) for key in keys.take(place).to_pylist()]


def record_key_of(night: Path, who: str) -> str:
    """The key of the record that `who` names: an index id (of an identity the smallest key), a record key or a reference.

    Args:
        night: the folder of an attempt at a night.
        who: as a person types it.

    Raises:
        IsindexError: RECORD_UNKNOWN, INDEX_ID_UNKNOWN.
    """
    if not valid_index_id(who):
        return record_keys(night, [who])[0]
    identities = read_table(night / "identities" / "identities.parquet", columns=["record_key", "index_id"])
    keys = identities.filter(pc.equal(identities["index_id"], who))["record_key"]
    if not len(keys):
        raise IsindexError(
            "INDEX_ID_UNKNOWN",
            "No child of the latest night has this index id.",
            where=" ".join(night.parts[-4:-2]),
            remedy="`isindex child` tells where an older id leads.",
        )
    return str(pc.min(keys).as_py())


def reference_of(key: str) -> str:
    """The opaque reference of a record."""
    return str(references(pa.array([key], pa.string()))[0].as_py())


def told_reference(told: str) -> str:
    """The reference of a record that a person has typed, whether there is one or not; nothing that was typed can be read in it."""
    return told if _REFERENCE.fullmatch(told) else reference_of(told)
