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
from pipelines.identities.mint import as_typed, mistyped, valid_index_id
from pipelines.identities.state import identities_of
from pipelines.privacy.references import references
from pipelines.seams import words
from pipelines.tables import read_table

__all__ = ["record_key_of", "record_keys", "record_keys_of", "reference_of", "told_reference"]

_REFERENCE = re.compile(f"[0-9a-f]{{{words.REF}}}")
_LIKE_AN_INDEX_ID = re.compile(r"[0-9A-Z]{10,14}")  # a character too few or too many, or one that no index id has


def record_keys(night: Path, told: Sequence[str]) -> list[str]:
    """The keys of the records named by `told`, in that order.

    Args:
        night: the folder of an attempt at a night.
        told: record keys or references; those in any case, and with spaces.

    Raises:
        IsindexError: RECORD_UNKNOWN when one is neither.
    """
    keys = read_table(night / "person" / "records.parquet", columns=["record_key"])["record_key"]
    keys = keys.combine_chunks().cast(pa.string())
    place = pc.index_in(pa.array(told, pa.string()), keys)
    wanted = pa.array([_as_reference(each) for each in told], pa.string())
    if place.null_count:
        place = pc.coalesce(place, pc.index_in(wanted, references(keys)))
    if place.null_count and (night / "identities").is_dir():  # by what is published of a record behind a firewall
        identities = identities_of(night)
        meant = identities["record_key"].take(pc.index_in(wanted, identities["wall_ref"].combine_chunks()))
        place = pc.coalesce(place, pc.index_in(meant.combine_chunks().cast(pa.string()), keys, skip_nulls=True))
    if place.null_count:
        missing = [("first ", "second ")[at] for at, each in enumerate(place.to_pylist()) if each is None]
        names = " and the ".join(f"{each if len(told) > 1 else ''}record" for each in missing)
        raise IsindexError(
            "RECORD_UNKNOWN",
            f"the {names} {'is' if len(missing) == 1 else 'are'} not among the records of the night",
            where=_night_of(night),
            remedy="Name a child by its index id, a record as agency:key (health:123), letter for letter as the agency writes it, "
            "or by the reference in the review list.",
        )
    return [str(key) for key in keys.take(place).to_pylist()]


def record_key_of(night: Path, who: str, *, alone: bool = False) -> str:
    """The key of the record that `who` names: an index id (of an identity the smallest key), a record key or a reference.

    Args:
        night: the folder of an attempt at a night.
        who: as a person types it; of an index id case, spaces and hyphens do not matter.
        alone: what is decided is about the record, not the child: an index id is taken where its child has one record only.

    Raises:
        IsindexError: RECORD_UNKNOWN, INDEX_ID_UNKNOWN; INDEX_ID_INVALID when it is a mistyped index id; RECORD_AMBIGUOUS.
    """
    return _key_of(night, who, alone) or record_keys(night, [who])[0]


def record_keys_of(night: Path, pair: Sequence[str], *, alone: bool = False) -> list[str]:
    """As `record_key_of` for each of `pair`, in that order; what is unknown is told as the first or the second."""
    known = [_key_of(night, who, alone) for who in pair]
    if not any(known):
        return record_keys(night, pair)
    return [key or record_keys(night, [who])[0] for key, who in zip(known, pair, strict=True)]


def _key_of(night: Path, who: str, alone: bool) -> str | None:
    """The record of an index id; None when `who` is none, nor one that was mistyped."""
    index_id = as_typed(who)
    if ":" in who or _REFERENCE.fullmatch(_as_reference(who)):
        return None
    if not valid_index_id(index_id):
        if _LIKE_AN_INDEX_ID.fullmatch(index_id):
            raise mistyped()
        return None
    identities = read_table(night / "identities" / "identities.parquet", columns=["record_key", "index_id"])
    keys = identities.filter(pc.equal(identities["index_id"], index_id))["record_key"]
    if not len(keys):
        raise IsindexError(
            "INDEX_ID_UNKNOWN",
            "No child of the latest night has this index id.",
            where=_night_of(night),
            remedy="`isindex child` tells where an older id leads.",
        )
    if alone and len(keys) > 1:
        raise IsindexError(
            "RECORD_AMBIGUOUS",
            f"this child has {len(keys)} records, and this is decided of one of them: which one, the index id does not say",
            where=_night_of(night),
            remedy="Name the record as agency:key (health:123) or by the reference in the review list.",
        )
    return str(pc.min(keys).as_py())


def _night_of(night: Path) -> str:
    return " ".join(night.parts[-4:-2])


def _as_reference(told: str) -> str:
    """A reference as it is written; a key as it was typed."""
    plain = "".join(told.split()).lower()
    return plain if _REFERENCE.fullmatch(plain) else told


def reference_of(key: str) -> str:
    """The opaque reference of a record."""
    return str(references(pa.array([key], pa.string()))[0].as_py())


def told_reference(told: str) -> str:
    """The reference of a record that a person has typed, whether there is one or not; nothing that was typed can be read in it."""
    plain = _as_reference(told)
    return plain if _REFERENCE.fullmatch(plain) else reference_of(told)
