"""The goals of matching, each beside the figure it is about.

Belongs here: what is aimed for and how it is said. A goal that is missed is printed as missed; nothing is judged by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["GOALS", "Goal", "beats_splink", "judge"]

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Goal:
    """One figure that shall not be under (`least`) or over (`most`) a bound."""

    figure: str
    bound: float
    most: bool = False

    def met(self, figures: Figures) -> bool:
        """Whether the figure keeps to the bound."""
        value = figures[self.figure]
        return value <= self.bound if self.most else value >= self.bound

    def line(self, figures: Figures) -> str:
        """The figure, the bound, and whether it is missed."""
        sign = "at most" if self.most else "at least"
        verdict = "" if self.met(figures) else "  MISSED"
        return f"  {self.figure:<40}{_number(figures[self.figure]):>14}   goal {sign} {_number(self.bound)}{verdict}"


GOALS: dict[str, tuple[Goal, ...]] = {
    "generator": (Goal("precision", 0.9995), Goal("recall", 0.998), Goal("twins_joined", 0, most=True)),
    "historical_50k": (Goal("f1", 0.93), Goal("bcubed_f1", 0.94)),
    "febrl3": (Goal("f1", 0.99995),),
    "febrl4": (Goal("f1", 0.9999),),
    "speed": (Goal("scoring, times Splink's best", 4), Goal("whole link, times Splink's best", 3)),
    "growth": (Goal("growth exponent", 1.05, most=True), Goal("gigabytes at the largest size", 6, most=True)),
}  # fmt: skip
_COMPARED = ("precision", "recall", "f1", "bcubed_f1", "candidate_recall")


def judge(name: str, figures: Figures) -> list[str]:
    """A line for each goal of the data set or part called `name` whose figure is there."""
    return [goal.line(figures) for goal in GOALS.get(name, ()) if goal.figure in figures]


def beats_splink(ours: Figures, splinks: Figures) -> list[str]:
    """A line for each figure on which we shall not be behind Splink at its best."""
    goals = [Goal(figure, splinks[figure]) for figure in _COMPARED if figure in ours and figure in splinks]
    if splinks.get("twin_pairs"):
        goals.append(Goal("twins_joined", splinks["twins_joined"], most=True))
    return [goal.line(ours).replace("goal at", "Splink's best, at") for goal in goals]


def _number(value: float) -> str:
    return f"{value:,.5f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"
