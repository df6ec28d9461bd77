"""What an authority's versions were held against last: what was known then, and which attempts had been looked at for what they found.

Belongs here: the file that says so. Where it is gone, or is not what was written, everything is looked at again. Not here: looking (`protective`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.home import Home
from pipelines.tables import read_told_or_none, write_json

__all__ = ["HeldAgainst", "held_against", "note_held_against"]


@dataclass(frozen=True)
class HeldAgainst:
    """What versions were held against.

    Attributes:
        known: digests of all that could mean that somebody must be hidden.
        knowledge: a digest of what it came to.
        versions: names of those that were held against that very knowledge.
        attempts: numbers of the attempts that had been held or failed; None where that was not noted yet.
        published: the highest number of an attempt that had been published; None where that was not noted yet.
    """

    known: frozenset[str]
    knowledge: str
    versions: frozenset[str]
    attempts: frozenset[int] | None
    published: int | None = None


def held_against(home: Home, authority: str) -> HeldAgainst | None:
    """What the versions of an authority were held against last; None where nothing is known of it."""
    told = read_told_or_none(_file(home, authority), {"known": list, "knowledge": str, "held_against_it": list})
    if told is None:
        return None
    attempts, published = told.get("attempts"), told.get("published")
    return HeldAgainst(
        frozenset(told["known"]),
        told["knowledge"],
        frozenset(told["held_against_it"]),
        frozenset(attempts) if isinstance(attempts, list) else None,
        published if isinstance(published, int) else None,
    )


def note_held_against(
    home: Home,
    authority: str,
    known: Collection[str],
    knowledge: str,
    versions: Sequence[str],
    attempts: Sequence[int],
    published: int,
) -> None:
    """Note what the versions of an authority were held against (`HeldAgainst`), to their end."""
    told = {
        "known": sorted(known),
        "knowledge": knowledge,
        "held_against_it": sorted(versions),
        "attempts": sorted(attempts),
        "published": published,
    }
    write_json(told, _file(home, authority))


def _file(home: Home, authority: str) -> Path:
    return home.root / "nights" / authority / "protected.json"
