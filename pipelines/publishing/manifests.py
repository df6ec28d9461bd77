"""What the files beside the published tables say, and whether the tables are still what they say: pointer and manifests.

Belongs here: reading ``current.json`` and a version's ``manifest.json``, each with the fields that everybody counts on, and
holding a version's files to its manifest. Not here: writing them (`publish`), what a version is called (`versions`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import IsindexError
from pipelines.tables import file_sha256, read_told, read_told_or_none, store_damaged

__all__ = [
    "content_of",
    "files_of",
    "is_published",
    "manifest_of",
    "manifest_or_none",
    "pointer_damaged",
    "pointer_in",
    "told_in",
]

_POINTER = {"version": str, "business_date": str, "nights": dict}
_MANIFEST = {
    **dict.fromkeys(("authority", "business_date", "attempt", "version", "built", "content_sha256"), str),
    **dict.fromkeys(("tables", "ledger", "versions", "control_totals", "differences", "shown"), dict),
    **dict.fromkeys(("inputs", "gates"), list),
}
_NAMES = ("version", "built", "content_sha256")  # put into a manifest when its content is known


_PUT_BACK = (
    "Put this file back from a backup of the home, the latest there is, and load again: what was published since is "
    "published again, as it was, but for a night whose correction is held. One older than the nights that are kept cannot be gone on from."
)


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def pointer_in(root: Path) -> dict[str, Any] | None:
    """What ``current.json`` in an authority's folder says: version, business_date, nights; None before the first publish.

    Raises:
        IsindexError: STORE_DAMAGED when it is not what was written there.
    """
    path = root / "current.json"
    if not path.exists():
        return None
    told = read_told(path, _POINTER, _PUT_BACK)
    if not all(_is_date(day) for day in told["nights"]):
        raise pointer_damaged(root)
    return told


def pointer_damaged(root: Path) -> IsindexError:
    """``current.json`` in an authority's folder is gone, or is from before the nights that are kept."""
    return store_damaged(root / "current.json", _PUT_BACK)


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of the version in `folder`.

    Raises:
        IsindexError: STORE_DAMAGED when it is not what was written there, or gone.
    """
    path, day = folder / "manifest.json", folder.name[2:12]
    remedy = f"`isindex load --again --landing LANDING --home HOME --authority {folder.parent.name} --night {day}` makes the version's files anew."
    return read_told(path, _MANIFEST, remedy)


def manifest_or_none(folder: Path) -> dict[str, Any] | None:
    """The manifest of the version in `folder`; None where it is gone, or is not what was written there."""
    return read_told_or_none(folder / "manifest.json", _MANIFEST)


def content_of(manifest: Mapping[str, Any]) -> str:
    """The hash of all that a manifest says but for what is named after it."""
    told = {name: part for name, part in manifest.items() if name not in _NAMES}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def told_in(path: Path) -> dict[str, Any] | None:
    """The manifest that is kept at `path`, wherever that is; None unless its content is what it is named after."""
    manifest = read_told_or_none(path, _MANIFEST)
    if manifest is None:
        return None
    content = content_of(manifest)
    named = content[: len(manifest["version"].rpartition("-")[2])]
    sound = content == manifest["content_sha256"] and manifest["version"].endswith(f"-{named}") and named
    return manifest if sound else None


def files_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The sha256 of each published table by its name, the index ids of the ledger among them."""
    told = {name: str(table["sha256"]) for name, table in manifest["tables"].items()}
    return told | {"index_ids": str(manifest["ledger"]["index_ids"]["sha256"])}


def is_published(paths: Mapping[str, Path], manifest: Mapping[str, Any]) -> bool:
    """Whether the files at `paths` (by table) are those that a manifest tells of, byte for byte."""
    told = files_of(manifest)
    return all(path.is_file() and file_sha256(path) == told.get(name) for name, path in paths.items())
