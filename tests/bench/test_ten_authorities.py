"""The bench of several authorities in one command runs to its end, beside the plain pipeline on the same, and says what is missed."""

import re

import pytest

from bench import ten_authorities

pytestmark = pytest.mark.in_full


def test_it_prints_both_nights_of_both_and_how_many_times_as_fast(capsys):
    assert ten_authorities.main(["--each", "200", "--authorities", "2"]) == 0
    told = capsys.readouterr().out
    for night in ("first load", "steady night"):
        for name in ("isindex load", "the plain pipeline"):
            assert re.search(rf"{night}, {name} +[0-9.]+ s +[0-9.]+ core-seconds +[0-9.]+ GB", told)
    ratios = re.findall(r"([0-9.]+) times as fast   goal ([0-9]+) times( +MISSED)?", told)
    assert [goal for _, goal, _ in ratios] == ["3", "8"]
    assert all(bool(missed) == (float(ratio) < float(goal)) for ratio, goal, missed in ratios)
