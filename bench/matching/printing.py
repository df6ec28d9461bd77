"""Figures in columns, as text for a terminal or as Markdown.

Belongs here: what is printed and in which words; nothing is computed but shares of a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["figures_table", "table"]

Figures = Mapping[str, float]

_ROWS = (
    ("precision", "pairwise precision", "share"),
    ("recall", "pairwise recall", "share"),
    ("f1", "pairwise F1", "share"),
    ("bcubed_precision", "B-cubed precision", "share"),
    ("bcubed_recall", "B-cubed recall", "share"),
    ("bcubed_f1", "B-cubed F1", "share"),
    ("linkable_precision", "precision, linkable records only", "share"),
    ("linkable_recall", "recall, linkable records only", "share"),
    ("wrong_pairs", "pairs joined wrongly", "count"),
    ("missed_pairs", "pairs missed", "count"),
    ("twins_joined", "twins joined", "twin_pairs"),
    ("siblings_joined", "siblings joined", "count"),
    ("adopted_joined", "adopted identities joined", "adopted_pairs"),
    ("candidates", "candidate pairs", "count"),
    ("candidate_recall", "true pairs among them", "share"),
    ("recall_at_999", "recall of scored pairs at precision 0.999", "share"),
    ("seconds", "seconds, all", "seconds"),
    ("seconds_without_training", "seconds, model given", "seconds"),
    ("gigabytes", "peak memory, GB", "seconds"),
)


def figures_table(columns: Mapping[str, Figures], *, markdown: bool) -> str:
    """One row per figure that any column has; columns by title."""
    known = set().union(*columns.values())
    by_sources = [(name, f"recall {name}", "share") for name in sorted(known) if name.startswith("of ")]
    some = any(figures.get("twin_pairs") for figures in columns.values())
    household = {"twins_joined", "siblings_joined", "adopted_joined", "linkable_precision", "linkable_recall"}
    rows = [
        [words, *(_cell(figures, name, kind) for figures in columns.values())]
        for name, words, kind in (*_ROWS, *by_sources)
        if name in known and (some or name not in household)
    ]
    return table(["", *columns], rows, markdown=markdown)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Rows under a head, the first column to the left, the others to the right."""
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in (head, ["---", *["--:"] * (len(head) - 1)], *rows)]
        return "\n".join(lines)
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in (head, *rows)
    ]  # fmt: skip
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(figures: Figures, name: str, kind: str) -> str:
    value = figures.get(name)
    if value is None:
        return ""
    if kind == "share":
        return f"{value:.5f}"
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "seconds":
        return f"{value:,.2f}"
    return f"{value:,.0f} of {figures[kind]:,.0f}"
