"""Goals are printed beside the figures, and what is missed says so."""

from __future__ import annotations

import pytest

from bench.matching.goals import Goal, beats_splink, judge
from bench.matching.growth import Size, exponent
from bench.matching.printing import figures_table


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("f1", 0.93), 0.93, True),
        (Goal("f1", 0.93), 0.9299, False),
        (Goal("twins_joined", 0, most=True), 0, True),
        (Goal("twins_joined", 0, most=True), 1, False),
    ],
)
def test_a_missed_goal_says_so(goal, value, met):
    assert ("MISSED" in goal.line({goal.figure: value})) is not met


def test_only_figures_that_were_measured_are_judged():
    assert len(judge("historical_50k", {"f1": 0.95})) == 1
    assert judge("nothing of the kind", {"f1": 0.95}) == []


def test_splinks_figures_are_the_bound_and_twins_the_other_way_round():
    ours = {"precision": 0.9, "twins_joined": 3}
    lines = beats_splink(ours, {"precision": 0.8, "twins_joined": 2, "twin_pairs": 9})
    assert ["MISSED" in line for line in lines] == [False, True]


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_growth_exponent_is_the_power_that_seconds_follow(power):
    sizes = [Size(records, 1e-5 * records**power, 1.0) for records in (1_000, 30_000, 500_000)]
    assert exponent(sizes) == pytest.approx(power)


def test_a_figure_one_engine_lacks_is_left_blank():
    lines = figures_table(
        {"one": {"f1": 0.5, "candidates": 12_345.0}, "other": {"f1": 0.25}}, markdown=True
    ).splitlines()
    assert lines == ["|  | one | other |", "| --- | --: | --: |", "| pairwise F1 | 0.50000 | 0.25000 |",
                     "| candidate pairs | 12,345 |  |"]  # fmt: skip
