"""Blank Splink settings filled in: what was estimated of each level, and what is set by convention.

Belongs here: writing figures into the settings of a model. Not here: where they come from (`train`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.weighing.score import value_column
from pipelines.matching.weighing.splink_settings import NAMES

__all__ = ["IDENTIFIERS", "rounded", "set_chance_of_names", "set_estimates", "set_identifiers"]

# Of two records of one child that both carry an identifier nearly all carry the same: set by convention, because the
# pairs that m is measured on were found by these very identifiers.
IDENTIFIERS = ("nhs_number", "upn")
_IDENTIFIER_M = (0.985, 0.01, 0.005)
_IDENTIFIER_U_CLOSE = 1e-6
# likewise, where no two feeds tell of telephones: families share and change them, and some are a worker's
_PHONE = ((0.5, 0.02), (0.5, 0.98))
_SURE = 12  # significant digits kept of an estimate


def set_estimates(settings: dict[str, Any], what: str, estimates: dict[str, list[float | None]], floor: float) -> None:
    """Write what was estimated (by comparison, closest level first) as `what`; nothing is rarer than `floor`."""
    for comparison in settings["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        values = [max(value or 0.0, floor) for value in estimates[comparison["output_column_name"]]]
        for level, value in zip(levels, values, strict=True):
            level[what] = rounded(value / sum(values))


def set_chance_of_names(settings: dict[str, Any], people: Comparable) -> None:
    """The chance that two names agree follows from how common each is; the sample that Splink took only estimates it."""
    for comparison in settings["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        column = levels[0].get("tf_adjustment_column")
        if column not in (*NAMES, "birth"):
            continue
        values = value_column(people, column)
        _, counts = np.unique(values[values != NO_VALUE], return_counts=True)
        total = max(counts.sum(), 2)
        levels[0]["u_probability"] = max(float((counts * (counts - 1.0)).sum() / (total * (total - 1.0))), 1e-9)
        whole = sum(level["u_probability"] for level in levels)
        for level in levels:
            level["u_probability"] = rounded(level["u_probability"] / whole)


def set_identifiers(settings: dict[str, Any], people: Comparable) -> None:
    """What identifiers and telephones are worth, where no estimate of it can be had."""
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        if name == "phone" and not _met_twice(people, "phone"):
            _set_levels(comparison, _PHONE)
        if name not in IDENTIFIERS:
            continue
        values = people.either(name)
        known = len(np.unique(values[values != NO_VALUE]))
        same = 1 / max(known, 1000)
        chances = (same, _IDENTIFIER_U_CLOSE, 1 - same - _IDENTIFIER_U_CLOSE)
        _set_levels(comparison, tuple(zip(_IDENTIFIER_M, map(rounded, chances), strict=True)))


def rounded(value: float) -> float:
    """To so many digits as every machine agrees on."""
    return float(f"{value:.{_SURE}g}")


def _met_twice(people: Comparable, kind: str) -> bool:
    """Whether two sources tell of it, so that something can be learned."""
    has = people.identifiers[kind] != NO_VALUE
    return len(np.unique(people.source[has])) > 1


def _set_levels(comparison: dict[str, Any], values: Sequence[tuple[float, float]]) -> None:
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
    for level, (m, u) in zip(levels, values, strict=True):
        level |= {"m_probability": m, "u_probability": u}
