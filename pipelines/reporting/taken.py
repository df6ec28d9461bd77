"""Versions that were published again or removed to protect somebody, in words: what loads and pages tell of them.

Belongs here: who was in them, each kind of child by itself. Not here: counting (`pipelines.nights.counted`), reading (`tombstones`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.publishing.tombstones import NO_NIGHTS, NOT_LESS, Tombstone
from pipelines.publishing.versions import LESS
from pipelines.reporting.words import TAKEN, plural

__all__ = ["became_of", "listed", "showed_of"]

_REMOVED = {
    NOT_LESS: "It could not be made less.",
    NO_NIGHTS: "No night had it any more, so it could not be made less.",
    "": "It could not be made less, or no night had it any more: when it was removed that was not noted.",
}


def became_of(stone: Tombstone) -> tuple[str, str]:
    """Key of `words.TAKEN`, and why, in sentences."""
    if stone.replaced_by is None:
        showed = showed_of(stone.children, stone.walled, stone.homes)
        told = [f"It showed {showed}." if showed else "", _REMOVED.get(stone.why, _REMOVED[""])]
        return "removed", " ".join(filter(None, told))
    is_less = LESS in stone.replaced_by
    told = [
        _sentence(stone.children, "whom it showed must be hidden by now"),
        _sentence(stone.walled, "on the sides of a firewall {is} withheld in it, lest one lead to the other"),
        _sentence(stone.homes, "{is} shown as before, but for the address of a hidden child"),
        _sentence(stone.opened, "whom it hid {is} shown again"),
    ]
    if not is_less:
        told.insert(0, TAKEN["whole"].meaning)
    elif not any(told):
        told = ["It showed where a hidden child lives, or words that lead there."]
    return "less" if is_less else "whole", " ".join(filter(None, told))


def showed_of(children: int, walled: int, homes: int) -> str:
    """Whom a version that was removed showed, each kind by itself; "" for nobody."""
    return listed([
        *([f"{plural(children, 'child', 'children')} who must be hidden by now"] if children else []),
        *([f"{plural(walled, 'child', 'children')} on the sides of a firewall"] if walled else []),
        *([f"{plural(homes, 'child', 'children')} at the home of a hidden one, who need not be hidden"] if homes else []),
    ])  # fmt: skip


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _sentence(number: int, what: str) -> str:
    return (
        f"{plural(number, 'child', 'children')} {what.format(**{'is': 'is' if number == 1 else 'are'})}."
        if number
        else ""
    )
