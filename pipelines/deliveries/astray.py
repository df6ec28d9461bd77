"""Folders in the landing place whose files are not taken in as they lie, and whose authority and agency are certain all the same.

Belongs here: which of a look's findings they are, what names their content, and what their files ask to be protected. Not here: keeping that
(`nights.hearing`), what lies in folders of unknown authorities or agencies: whose children they are nobody can say.

A date that is none, that is in the future or too old, and a manifest under another name are no reason not to hear who asks; nor is it that
a delivery was decided before its files were others, whatever it was refused for. Files are read as those of refused deliveries are (`overheard`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow as pa
from upath import UPath

from pipelines.contracts import contract_for
from pipelines.deliveries.files import verified
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import LinkedError, opened
from pipelines.deliveries.landing_findings import Noted, is_like_a_manifest
from pipelines.deliveries.listing import Parts
from pipelines.deliveries.manifest import MANIFEST_LIMIT, parse_manifest, stays_inside
from pipelines.deliveries.overheard import overheard
from pipelines.deliveries.seen import Seen
from pipelines.deliveries.states import DeliveryEntry
from pipelines.errors import IsindexError
from pipelines.privacy.secret import keyed_digests

__all__ = ["Astray", "Decided", "asked_astray", "astray_in"]

_KINDS = frozenset({"UNKNOWN_DATE_FOLDER", "MANIFEST_MISNAMED", "DATE_IN_FUTURE", "DATE_TOO_OLD"})
_SETTLED = 2.0  # seconds: what is younger may change again and look the same


@dataclass(frozen=True)
class Decided:
    """A delivery that the register has the last word on, and whose folder is not as it was when it was looked at last.

    Attributes:
        found: as it lies there.
        entry: what the register says of it.
        row: what is to be noted of the folder once it is heard; None where it stays as it was noted, and is looked at again.
    """

    found: FoundDelivery
    entry: DeliveryEntry
    row: Seen | None = None


@dataclass(frozen=True)
class Astray:
    """A folder whose files are not taken in.

    Attributes:
        landing: the landing place.
        parts: authority, agency and the folder's own name.
        decided: the delivery, where it is one that was decided.
    """

    landing: UPath
    parts: Parts
    decided: Decided | None = None

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

    @cached_property
    def looks(self) -> str:
        """Changes with its files' names, sizes and times; "" while one is too young to tell. What looks the same has the same `state`.

        Raises:
            OSError: when it cannot be listed.
        """
        told = []
        for name in self._lying():
            try:
                info = self.landing.joinpath(*self.parts, *name.split("/")).stat(follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                told.append(f"{name} missing")
                continue
            if max(info.st_mtime, getattr(info, "st_ctime", 0) or 0) > time.time() - _SETTLED:
                return ""
            told.append(f"{name} {info.st_size} {info.st_mtime} {getattr(info, 'st_ctime', '')}")
        return _digest([self.place, *told])

    def state(self) -> str:
        """Names its files as they lie: their names and all that is in them. Other content, another state, whatever its size.

        Raises:
            OSError: when the disk does not give what lies there.
        """
        told = [self.place]
        for name in self._lying():
            try:
                with opened(self.landing, (*self.parts, *name.split("/"))) as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                    told.append(f"{name} {stream.tell()} {digest}")
            except (LinkedError, FileNotFoundError, NotADirectoryError, PermissionError) as fault:
                told.append(f"{name} {type(fault).__name__}")  # a link, a folder, a closed file: nothing is read of it
        return _digest(told)

    def _lying(self) -> list[str]:
        """The names of all that lies there, and of what a decided delivery's manifest names in folders below."""
        manifest = self.decided.found.manifest if self.decided else None
        below = (
            {each.name for each in manifest.files if "/" in each.name and stays_inside(each.name)}
            if manifest
            else set()
        )
        lying = {each.name for each in self.landing.joinpath(*self.parts).iterdir()}
        return sorted({name for name in lying if _counts(name)} | below)


def astray_in(landing: UPath, noted: Iterable[Noted], decided: Iterable[Decided] = ()) -> Iterator[Astray]:
    """The folders among a look's findings from which wishes may be heard, and those of deliveries that were decided; each once."""
    folders: dict[Parts, Decided | None] = {
        each.parts[:3]: None for each in noted if each.code in _KINDS and len(each.parts) >= 3
    }
    folders |= {tuple(each.found.place.split("/")): each for each in decided}
    for parts in sorted(folders):
        try:
            if landing.joinpath(*parts).is_dir():
                yield Astray(landing, parts, folders[parts])
        except OSError:
            continue


def asked_astray(astray: Astray, day: date) -> tuple[pa.Table, int] | None:
    """What a folder's files ask for (`ASKING`), and how many records they hold; None when they cannot be read safely. Of those that the
    register knows the delivery with it was heard then: what lies beside them is heard alone.

    Args:
        astray: the folder.
        day: the day whose contract they are read by.

    Raises:
        OSError: when the disk does not give what lies there, or it may not be read: another time it may.
    """
    heard: set[str] = set()
    if astray.decided is not None:
        found = astray.decided.found
        if found.manifest is not None and astray.decided.entry.content_sha256 is not None:
            with verified(found, found.manifest.files) as files:
                if files.content_sha256 == astray.decided.entry.content_sha256 and not files.findings:
                    heard = {each.name for each in found.manifest.files}
    else:
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
        result = overheard(found, found.manifest, contract_for(astray.agency, day), but=heard)
    except IsindexError:
        return None
    return (result.asking, result.rows_read + result.lost) if result else None


def _digest(told: list[str]) -> str:
    """A keyed digest: a name may be a person's."""
    text = "\n".join(told).encode("utf-8", "surrogatepass").hex()
    return str(keyed_digests(pa.array([text]), "heard")[0].as_py())


def _counts(name: str) -> bool:
    """Whether a file is the supplier's: neither hidden nor an answer."""
    return not name.startswith(".") and name not in ("ack.json", "rejects.csv")
