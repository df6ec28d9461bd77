"""What became of versions that showed somebody who must be hidden: published again less that, or removed.

Belongs here: reading what a removed version leaves behind, for loads and for people. Not here: removing (`publish.bury`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.home import Home
from pipelines.tables import read_told_or_none

__all__ = ["NOT_LESS", "NO_NIGHTS", "Tombstone", "tombstones"]

NOT_LESS = "PROTECTED_NOT_LESS"
"""Why a version is removed that is a night's and cannot be made less."""
NO_NIGHTS = "PROTECTED_NO_NIGHTS"
"""Why a version is removed that is no night's any more."""

_FIELDS = {"business_date": str, "version": str, "children": int, "replaced_by": str | None, "removed_at": str}


@dataclass(frozen=True)
class Tombstone:
    """A version that is not shown any more.

    Attributes:
        business_date: of its night.
        version: the name it was shown under.
        replaced_by: what is shown in its place; None where nothing is.
        children: where it was replaced, how many more children than the night itself hid its replacement hides; else how many
            it showed that must be hidden.
        removed_at: when, in UTC.
        opened: how many whom it hid are shown in its place; of one from before that was counted, none.
        why: a code: what it was replaced or removed for; of one from before these were told apart PROTECTED, whichever it was.
    """

    business_date: date
    version: str
    replaced_by: str | None
    children: int
    removed_at: str
    opened: int = 0
    why: str = ""


def tombstones(home: Home, authority: str) -> list[Tombstone]:
    """All that an authority's versions left, by version.

    One that is damaged tells nothing: it is a memory for people, and no night waits for it.
    """
    found = []
    for path in sorted((home.snapshots(authority) / "tombstones").glob("*.json")):
        told = read_told_or_none(path, _FIELDS)
        if told is None:
            continue
        opened = told.get("opened", 0)
        found.append(
            Tombstone(
                **{name: told[name] for name in _FIELDS}
                | {"business_date": date.fromisoformat(told["business_date"])}
                | {"opened": opened if isinstance(opened, int) else 0, "why": str(told.get("why", ""))}
            )
        )
    return found
