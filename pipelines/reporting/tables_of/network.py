"""The tables of the page of the co-ordinating index: what a night of it came to, in numbers; nobody's ids stand there."""

from __future__ import annotations

from pipelines.contracts import authorities
from pipelines.reporting.figures import NetworkFigures
from pipelines.reporting.sheets import Cell, Code, Head, Sheet, Told

__all__ = ["network_sheets"]

_FIGURES = {
    "children": "Children whom the authorities gave",
    "national_ids": "Children of the nation",
    "known_in_several": "Known in more than one authority",
    "hidden": "Hidden, because one authority protects them or may",
    "messages": "New messages of protection to an authority",
    "review": "Pairs that may be one child and wait for a person",
}


def network_sheets(shown: NetworkFigures) -> dict[str, Sheet]:
    """Sheets ``first`` (what somebody must see to), ``authorities``, ``figures``, ``shared``, ``moved``, ``gates``."""
    first: list[tuple[Cell, ...]] = [(what, Told(to_do)) for what, to_do in shown.first]
    taken: list[tuple[Cell, ...]] = [
        (_named(each.authority), each.business_date, Code(each.version), each.standing) for each in shown.authorities
    ]
    figures: list[tuple[Cell, ...]] = [
        (words, int(shown.figures[name])) for name, words in _FIGURES.items() if name in shown.figures
    ]
    pairs = (Head("Authority"), Head("And"), Head("Children", number=True))
    moves = (Head("From"), Head("To"), Head("Children", number=True))
    return {
        "first": Sheet("first", "See to this first", (Head("What"), Head("What to do")), first),
        "authorities": Sheet(
            "authorities",
            "What it was built from",
            (Head("Authority"), Head("Business date"), Head("Version"), Head("Standing", pick=True)),
            taken,
            empty="No authority has published anything yet.",
        ),
        "figures": Sheet("figures", "What the night came to", (Head("Figure"), Head("Number", number=True)), figures),
        "shared": Sheet(
            "shared", "Known in two authorities", pairs, [(_named(a), _named(b), count) for a, b, count in shown.shared],
            empty="No child is known in two authorities.",
        ),
        "moved": Sheet(
            "moved", "Moved since the night before", moves, [(_named(a), _named(b), count) for a, b, count in shown.moved],
            empty="Nobody was lost by one authority and found by another in this night.",
            note="An authority has lost a child, and the same night another one came to know it.",
        ),
        "gates": Sheet(
            "gates", "What was proven before it was published", (Head("Gate"), Head("Asked"), Head("Holds", pick=True)),
            [(Code(name), asked, "yes" if holds else "no") for name, asked, holds in shown.gates],
            empty="The last night proved nothing: it did not come so far.",
        ),
    }  # fmt: skip


def _named(authority: str) -> str:
    return f"{authority} {authorities.name_of(authority)}"
