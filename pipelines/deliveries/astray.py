"""Folders in the landing place that nobody takes in as they lie, and whose authority and agency are certain all the same.

Belongs here: which of a look's findings they are, and what their files ask to be protected. Not here: keeping that
(`nights.hearing`), what lies in folders of unknown authorities or agencies: whose children they are nobody can say.

A date that is none, that is in the future or too old, and a manifest under another name are no reason not to hear who asks. Files are
read as those of refused deliveries are (`overheard`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from upath import UPath

from pipelines.contracts import contract_for
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import LinkedError, opened
from pipelines.deliveries.landing_findings import Noted, is_like_a_manifest
from pipelines.deliveries.listing import Parts
from pipelines.deliveries.manifest import MANIFEST_LIMIT, parse_manifest
from pipelines.deliveries.overheard import overheard
from pipelines.errors import IsindexError

__all__ = ["Astray", "asked_astray", "astray_in"]

_KINDS = frozenset({"UNKNOWN_DATE_FOLDER", "MANIFEST_MISNAMED", "DATE_IN_FUTURE", "DATE_TOO_OLD"})


@dataclass(frozen=True)
class Astray:
    """A folder that nobody takes in.

    Attributes:
        landing: the landing place.
        parts: authority, agency and the folder's own name.
        state: names its files as they lie: other files, another state.
    """

    landing: UPath
    parts: Parts
    state: str

    @property
    def place(self) -> str:
        """Its path below the landing place."""
        return "/".join(self.parts)

    @property
    def authority(self) -> str:
        """Its authority's code."""
        return self.parts[0]

    @property
    def agency(self) -> str:
        """Its agency."""
        return self.parts[1]


def astray_in(landing: UPath, noted: Iterable[Noted]) -> Iterator[Astray]:
    """The folders among a look's findings from which wishes may be heard, each once."""
    places = {each.parts[:3] for each in noted if each.code in _KINDS and len(each.parts) >= 3}
    for parts in sorted(places):
        try:
            lying = sorted(landing.joinpath(*parts).iterdir(), key=lambda each: each.name)
            told = [
                f"{each.name} {(info := each.stat()).st_size} {info.st_mtime}" for each in lying if _counts(each.name)
            ]
        except OSError:
            continue
        state = hashlib.sha256("\n".join(["/".join(parts), *told]).encode("utf-8", "surrogatepass")).hexdigest()
        yield Astray(landing, parts, state)


def asked_astray(astray: Astray, day: date) -> tuple[pa.Table, int] | None:
    """What a folder's files ask for (`ASKING`), and how many records they hold; None when they cannot be read safely.

    Args:
        astray: the folder.
        day: the day whose contract they are read by.

    Raises:
        OSError: when the disk does not give what lies there, or it may not be read: another time it may.
    """
    content = b""
    try:
        names = [each.name for each in astray.landing.joinpath(*astray.parts).iterdir()]
        for name in sorted(name for name in names if is_like_a_manifest(name)):
            with opened(astray.landing, (*astray.parts, name)) as stream:
                content = stream.read(MANIFEST_LIMIT + 1)
    except (LinkedError, FileNotFoundError, NotADirectoryError):
        return None
    manifest, _ = parse_manifest(content, astray.authority, astray.agency, day)
    folder = astray.landing.joinpath(*astray.parts)
    found = FoundDelivery(
        astray.authority, astray.agency, day, folder, content, hashlib.sha256(content).hexdigest(), manifest,
        landing=astray.landing, named=astray.parts[2],
    )  # fmt: skip
    try:
        result = overheard(found, manifest, contract_for(astray.agency, day))
    except IsindexError:
        return None
    return (result.asking, result.rows_read + result.lost) if result else None


def _counts(name: str) -> bool:
    """Whether a file is the supplier's: neither hidden nor an answer."""
    return not name.startswith(".") and name not in ("ack.json", "rejects.csv")
