"""What is in force: read from the authority's ``current.json``, which is the one place that says so.

Belongs here: reading the pointer and the manifests it names. Not here: writing either (`publish`).
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from pipelines.home import Home
from pipelines.tables import read_json

__all__ = ["attempt_of_version", "versions_in_force", "versions_there"]


def versions_in_force(home: Home, authority: str) -> dict[date, str]:
    """Business date → the version of that night that is in force; empty before the first publish."""
    path = home.snapshots(authority) / "current.json"
    nights = read_json(path)["nights"] if path.exists() else {}
    return {date.fromisoformat(day): str(version) for day, version in nights.items()}


def versions_there(home: Home, authority: str) -> list[str]:
    """The versions of an authority that lie in the home, the oldest first."""
    return sorted(folder.name for folder in home.snapshots(authority).glob("v=*") if folder.is_dir())


def attempt_of_version(home: Home, authority: str, version: str) -> str | None:
    """The digest of the inputs that `version` was built from; None when the version is not in the home."""
    return _attempt(home.snapshots(authority) / version / "manifest.json")


@lru_cache(maxsize=1024)
def _known(manifest: Path) -> str:
    return str(read_json(manifest)["attempt"])  # a version never changes


def _attempt(manifest: Path) -> str | None:
    return _known(manifest) if manifest.is_file() else None
