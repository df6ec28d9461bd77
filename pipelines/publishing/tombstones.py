"""What became of versions that showed somebody who must be hidden: published again less that, or removed.

Belongs here: reading what a removed version leaves behind, for loads and for people. Not here: removing (`publish.bury`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.home import Home
from pipelines.tables import read_told_or_none

__all__ = ["NOT_LESS", "NO_NIGHTS", "Counted", "Tombstone", "tombstones"]

NOT_LESS = "PROTECTED_NOT_LESS"
"""Why a version is removed that is a night's and cannot be made less."""
NO_NIGHTS = "PROTECTED_NO_NIGHTS"
"""Why a version is removed that is no night's any more."""

_FIELDS = {"business_date": str, "version": str, "children": int, "replaced_by": str | None, "removed_at": str}
_COUNTED = ("opened", "walled", "homes")  # of one from before these were told apart, none


@dataclass(frozen=True)
class Counted:
    """Children of a version by what became of them; each is counted once.

    Attributes:
        children: who must be hidden in it: where it was replaced, those whom it showed and its replacement hides.
        walled: who stand on the sides of a firewall that it did not know of, and need not be hidden but for that.
        homes: who need not be hidden, and are shown without an address of a hidden child by now, or were shown at it.
        opened: whom it hid, and who are shown in its place.
    """

    children: int = 0
    walled: int = 0
    homes: int = 0
    opened: int = 0


@dataclass(frozen=True)
class Tombstone:
    """A version that is not shown any more.

    Attributes:
        business_date: of its night.
        version: the name it was shown under.
        replaced_by: what is shown in its place; None where nothing is.
        children: where it was replaced, how many whom it showed its replacement hides; else how many it showed that must be hidden.
        removed_at: when, in UTC.
        opened, walled, homes: as in `Counted`.
        why: a code: what it was replaced or removed for; of one from before these were told apart PROTECTED, whichever it was.
    """

    business_date: date
    version: str
    replaced_by: str | None
    children: int
    removed_at: str
    opened: int = 0
    walled: int = 0
    homes: int = 0
    why: str = ""

    @property
    def counted(self) -> Counted:
        """Its numbers of children."""
        return Counted(self.children, self.walled, self.homes, self.opened)


def tombstones(home: Home, authority: str) -> list[Tombstone]:
    """All that an authority's versions left, by version.

    One that is damaged tells nothing: it is a memory for people, and no night waits for it.
    """
    found = []
    for path in sorted((home.snapshots(authority) / "tombstones").glob("*.json")):
        told = read_told_or_none(path, _FIELDS)
        if told is None:
            continue
        numbers = {name: told.get(name, 0) for name in _COUNTED}
        found.append(
            Tombstone(
                **{name: told[name] for name in _FIELDS}
                | {"business_date": date.fromisoformat(told["business_date"])}
                | {name: number if isinstance(number, int) else 0 for name, number in numbers.items()}
                | {"why": str(told.get("why", ""))}
            )
        )
    return found
