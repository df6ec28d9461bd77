"""What is in force, and what versions are called: read from the authority's ``current.json``, the one place that says so.

Belongs here: reading the pointer and the manifests it names, and the two names of a version. Not here: writing (`publish`).

A version is *built* from what a night has, and named after that. When somebody must be hidden whom it shows, it is published
again, less that: the name it is *shown* under then ends in ``-less-…``, and the name it was built under stays what
everything else knows it by: later nights, the ledger, decisions.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.manifests import manifest_of, pointer_in

__all__ = ["LESS", "attempt_of_version", "built", "folder_of", "is_less", "versions_in_force", "versions_there"]

LESS = "-less-"


def built(version: str) -> str:
    """The name that a version was built under, whatever it is shown as."""
    return version.partition(LESS)[0]


def is_less(version: str) -> bool:
    """Whether a version was made less than it was built, for somebody's protection."""
    return version != built(version)


def folder_of(home: Home, authority: str, version: str) -> Path | None:
    """The folder of a version, under whatever name it is shown now; None when it is not in the home."""
    root = home.snapshots(authority)
    if not version.startswith("v=") or "/" in version:
        return None
    if (root / version / "manifest.json").is_file():
        return root / version
    shown = [folder for folder in root.glob("v=*") if built(folder.name) == built(version)]
    return max(shown, key=lambda folder: (_written(folder), folder.name), default=None)


def _written(folder: Path) -> float:
    """When a folder was written; the beginning of time for one that goes meanwhile."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def versions_in_force(home: Home, authority: str) -> dict[date, str]:
    """Business date → the version of that night that is in force, as it is shown; empty before the first publish."""
    pointer = pointer_in(home.snapshots(authority))
    nights = pointer["nights"] if pointer else {}
    return {date.fromisoformat(day): str(version) for day, version in nights.items()}


def versions_there(home: Home, authority: str) -> list[str]:
    """The versions of an authority that lie in the home, the oldest first."""
    return sorted(folder.name for folder in home.snapshots(authority).glob("v=*") if folder.is_dir())


def attempt_of_version(home: Home, authority: str, version: str) -> str | None:
    """The digest of the inputs that `version` was built from; None when the version, or a sound manifest, is not in the home."""
    folder = folder_of(home, authority, version)
    try:
        return _known(folder) if folder else None
    except IsindexError:
        return None


@lru_cache(maxsize=1024)
def _known(folder: Path) -> str:
    return str(manifest_of(folder)["attempt"])  # a version never changes
