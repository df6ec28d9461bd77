"""Small drawings as inline SVG: bars of faults over the nights, a line of quality, a share as a bar.

Belongs here: geometry. Each drawing carries a title and a sentence for those who do not see it; nothing is told by
colour alone (the second series is hatched), and the same figures always stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup, escape

__all__ = ["line", "share", "stacked_bars"]


def stacked_bars(
    name: str,
    title: str,
    description: str,
    labels: Sequence[str],
    lower: Sequence[int | None],
    upper: Sequence[int | None],
) -> Markup:
    """Two series on top of each other, one bar per label; a label without figures is marked with a dash.

    Args:
        name: unique within the page.
        title: what is drawn.
        description: what it says, in a sentence.
        labels: one for each bar.
        lower: the solid series.
        upper: the hatched series.
    """
    width, height, left, bottom, top = 300, 150, 44, 24, 12
    highest = _ceiling(max(((a or 0) + (b or 0) for a, b in zip(lower, upper, strict=True)), default=0))
    floor = height - bottom
    step = (width - left) / max(len(labels), 1)
    thick = min(step * 0.7, 36)
    scale = (floor - top) / highest
    parts = [
        f'<defs><pattern id="{escape(name)}-h" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" class="paper"/>'
        '<rect width="3" height="6" class="upper"/></pattern></defs>'
    ]
    for value in (0, highest / 2, highest):
        y = floor - value * scale
        parts.append(f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        if value == int(value):
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{int(value):,}</text>')
    for place, (low, high) in enumerate(zip(lower, upper, strict=True)):
        x = left + step * place + (step - thick) / 2
        if low is None or high is None:
            parts.append(f'<text x="{x + thick / 2:.1f}" y="{floor - 4}" text-anchor="middle">–</text>')
            continue
        y = floor - low * scale
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{thick:.1f}" height="{low * scale:.1f}" class="lower"/>')
        parts.append(
            f'<rect x="{x:.1f}" y="{y - high * scale:.1f}" width="{thick:.1f}" height="{high * scale:.1f}" '
            f'fill="url(#{escape(name)}-h)" class="edge"/>'
        )
    parts += _ends(labels, left + step / 2, width - step / 2, height - 6)
    return _svg(name, title, description, width, height, parts)


def line(
    name: str, title: str, description: str, labels: Sequence[str], values: Sequence[float | None], top_at: float = 0
) -> Markup:
    """One line over the nights with a dot on each; nights without a figure break it.

    Args:
        name: unique within the page.
        title: what is drawn.
        description: what it says, in a sentence.
        labels: one for each value.
        values: the figures, 0 or more.
        top_at: the least height of the scale, so that drawings side by side can share one.
    """
    width, height, left, bottom, top = 240, 110, 40, 24, 12
    known = [value for value in values if value is not None]
    highest = _ceiling(max([top_at, *known], default=0))
    floor = height - bottom
    step = (width - left - 16) / max(len(values) - 1, 1)
    at = [
        (left + 8 + step * n, floor - v * (floor - top) / highest) if v is not None else None
        for n, v in enumerate(values)
    ]
    parts = [
        f'<line x1="{left}" x2="{width}" y1="{y}" y2="{y}" class="grid"/>'
        f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{label}</text>'
        for y, label in ((floor, "0"), (top, f"{highest:,g}"))
    ]
    parts += [
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" class="stroke"/>'
        for a, b in pairwise(at)
        if a and b
    ]
    parts += [f'<circle cx="{dot[0]:.1f}" cy="{dot[1]:.1f}" r="3" class="dot"/>' for dot in at if dot]
    parts += _ends(labels, left + 8, width - 8, height - 6)
    return _svg(name, title, description, width, height, parts)


def share(part: float) -> Markup:
    """A share from 0 to 1 as a bar; the number must stand beside it."""
    filled = round(max(0.0, min(1.0, part)) * 100, 1)
    return Markup(
        '<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect width="100" height="10" class="rest"/>'
        '<rect width="{}" height="10" class="lower"/></svg>'
    ).format(filled)


def _ceiling(value: float) -> float:
    """The next round number at or above `value`: 1, 2, 5 times a power of ten; 1 at least."""
    size = 1.0
    while True:
        for factor in (1, 2, 5):
            if size * factor >= value:
                return size * factor
        size *= 10


def _ends(labels: Sequence[str], first: float, last: float, y: float) -> list[str]:
    """The first and the last label below the axis; one alone stands in the middle."""
    if len(labels) < 2:
        return [
            f'<text x="{(first + last) / 2:.1f}" y="{y}" text-anchor="middle">{escape(text)}</text>' for text in labels
        ]
    return [
        f'<text x="{max(first - 20, 0):.1f}" y="{y}">{escape(labels[0])}</text>',
        f'<text x="{last + 8:.1f}" y="{y}" text-anchor="end">{escape(labels[-1])}</text>',
    ]


def _svg(name: str, title: str, description: str, width: int, height: int, parts: list[str]) -> Markup:
    head = Markup(
        '<svg class="drawing" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        'aria-labelledby="{n}-t {n}-d"><title id="{n}-t">{t}</title><desc id="{n}-d">{d}</desc>'
    ).format(w=width, h=height, n=name, t=title, d=description)
    return head + Markup("".join(parts)) + Markup("</svg>")  # noqa: S704 labels are escaped where they enter
