"""The manifest: what the supplier says a delivery holds.

Belongs here: reading `manifest.json` strictly, and holding it against the folder it lies in. Not here: whether the
files are what it says (`files`), or whether the delivery may be used now (`states`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pipelines.contracts import registered_agencies
from pipelines.deliveries.codes import Finding, finding

__all__ = ["Manifest", "ManifestFile", "delivery_id", "parse_manifest", "stays_inside"]

MANIFEST_LIMIT = 1 << 20  # bytes; a manifest is a page of text
_FIRST_YEAR = 1900
_OWN_NAMES = frozenset({"manifest.json", "ack.json", "rejects.csv"})


@dataclass(frozen=True)
class ManifestFile:
    """A file as the manifest states it: rows are data rows, bytes and sha256 of the file as it lies there."""

    name: str
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A manifest that could be read. `created_at` is ISO, UTC, to the second, ending in Z."""

    contract: str
    authority: str
    agency: str
    business_date: date
    sequence: int
    mode: str
    created_at: str
    files: tuple[ManifestFile, ...]
    sha256: str

    @property
    def kept(self) -> dict[str, Any]:
        """What of it is kept: its own keys alone, and of a file's name the kind. Whatever else a supplier writes may name a child."""
        files = [
            {"kind": _kind(file.name), "bytes": file.bytes, "rows": file.rows, "sha256": file.sha256}
            for file in self.files
        ]
        return {
            "contract": self.contract, "authority": self.authority, "agency": self.agency,
            "business_date": self.business_date.isoformat(), "sequence": self.sequence, "mode": self.mode,
            "created_at": self.created_at, "files": files, "manifest_sha256": self.sha256,
        }  # fmt: skip

    @property
    def rows(self) -> int:
        """Data rows over all files."""
        return sum(file.rows for file in self.files)


class _UnusableError(ValueError):
    """A manifest that cannot be used; the text says why, without quoting it."""


def parse_manifest(
    content: bytes, authority: str, agency: str, business_date: date
) -> tuple[Manifest | None, list[Finding]]:
    """The manifest in `content`, and what is wrong with it in the folder of this authority, agency and date.

    The manifest is None when it cannot be read at all (MANIFEST_INVALID). One that can be read may still carry findings
    that refuse the delivery: WRONG_AUTHORITY, WRONG_AGENCY, WRONG_DATE, PATH_OUTSIDE.
    """
    try:
        manifest = _manifest(content)
    except _UnusableError as fault:
        return None, [finding("MANIFEST_INVALID", "manifest.json", reason=fault)]
    found = []
    if manifest.authority != authority:
        found.append(
            finding("WRONG_AUTHORITY", reason=f"the manifest says {manifest.authority}, the folder {authority}")
        )
    if manifest.agency != agency:
        # what is no agency's name may be anybody's
        says = manifest.agency if any(manifest.agency == each.agency for each in registered_agencies()) else "another"
        found.append(finding("WRONG_AGENCY", reason=f"the manifest says {says}, the folder {agency}"))
    if manifest.business_date != business_date:
        found.append(finding("WRONG_DATE", stated=manifest.business_date, folder=business_date))
    if not all(stays_inside(file.name) for file in manifest.files):
        found.append(finding("PATH_OUTSIDE"))  # the name itself is not repeated: it is a path on somebody's machine
    return manifest, found


def delivery_id(authority: str, agency: str, business_date: date, sequence: int | None, manifest_sha256: str) -> str:
    """The delivery's name everywhere: ``330/health/2026-11-20/412-0a1b2c3d4e5f`` (``x-…`` without a sequence)."""
    number = "x" if sequence is None else str(sequence)
    return f"{authority}/{agency}/{business_date.isoformat()}/{number}-{manifest_sha256[:12]}"


def stays_inside(name: str) -> bool:
    """A plain relative path: no root, drive, scheme, home, backslash, control character or step upwards."""
    if re.search(r"[\\:\x00-\x1f\x7f]", name) or name.startswith(("/", "~")):
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))


def _kind(name: str) -> str:
    found = re.search(r"(?:\.(?:csv|jsonl|xml|parquet))?(?:\.(?:gz|zst|zstd))?$", name, re.IGNORECASE)
    return found.group().lower().lstrip(".") if found else ""


def _manifest(content: bytes) -> Manifest:
    if len(content) > MANIFEST_LIMIT:
        raise _UnusableError("it is larger than a manifest can be")
    try:
        stated = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_no_repeats)
    except _UnusableError:
        raise
    except (ValueError, RecursionError):
        raise _UnusableError("it is not JSON in UTF-8") from None
    if not isinstance(stated, dict):
        raise _UnusableError("it is not a JSON object")
    listed = stated.get("files")
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise _UnusableError("files is not a list of objects")
    if not listed:  # an empty feed has a file without records; what may lie here unlisted is none that nobody looks at
        raise _UnusableError("it lists no file")
    files = tuple(_file(entry) for entry in listed)
    if len({file.name for file in files}) < len(files):
        raise _UnusableError("a file is listed twice")
    mode = stated.get("mode")
    if mode not in ("full", "delta"):
        raise _UnusableError("mode is neither full nor delta")
    if not isinstance(stated.get("supplier") or "", str):  # for people: nothing of it is kept
        raise _UnusableError("supplier is not text")
    return Manifest(
        contract=_text(stated, "contract", r"[A-Za-z0-9_.-]{1,40}/[0-9]{1,6}"),
        authority=_text(stated, "authority", r"[0-9]{3}"),
        agency=_text(stated, "agency", r"[a-z][a-z0-9_]{0,39}"),
        business_date=_day(stated),
        sequence=_count(stated, "sequence", 2**31 - 1),
        mode=mode,
        created_at=_instant(stated),
        files=files,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _file(entry: dict[str, Any]) -> ManifestFile:
    name = entry.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 200 or name != _plain(name):
        raise _UnusableError("a file has no usable name")
    if name in _OWN_NAMES:
        raise _UnusableError(f"{name} is listed as a data file")
    return ManifestFile(
        name=name,
        bytes=_count(entry, "bytes", 2**53),
        rows=_count(entry, "rows", 2**53),
        sha256=_text(entry, "sha256", r"[0-9A-Fa-f]{64}").lower(),
    )


def _text(stated: dict[str, Any], key: str, pattern: str) -> str:
    value = stated.get(key)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _UnusableError(f"{key} is missing or not of the right form")
    return value


def _count(stated: dict[str, Any], key: str, limit: int) -> int:
    value = stated.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise _UnusableError(f"{key} is missing or not a whole number")
    return value


def _day(stated: dict[str, Any]) -> date:
    text = _text(stated, "business_date", r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _UnusableError("business_date is not a day of the calendar") from None


def _instant(stated: dict[str, Any]) -> str:
    text = stated.get("created_at")
    try:
        instant = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _UnusableError("created_at is missing or not a time") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    try:
        said = instant.astimezone(UTC)
    except (OverflowError, ValueError):
        raise _UnusableError("created_at is not a time") from None
    if said.year < _FIRST_YEAR:  # and one of fewer than four digits has no form that everybody reads alike
        raise _UnusableError("created_at is not a time of our days")
    return said.strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str) -> str:
    """`text` with a question mark for each half of a pair of surrogates: JSON can say one, and nothing can write it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _UnusableError("a key is given twice")
    return dict(pairs)
