"""The bench of a median authority runs to its end, and says what each night costs; what is missed says so."""

import re

import pytest

from bench import median_authority

pytestmark = pytest.mark.in_full


def test_it_prints_stages_goals_and_how_many_children_were_published(capsys):
    assert median_authority.main(["--children", "300", "--small", "30", "--without-plain"]) == 0
    told = capsys.readouterr().out
    for title, least in (("first load", 250), ("steady night", 250), ("steady night of 30 children", 20)):
        (number,) = re.findall(rf"{title}: ([0-9,]+) children published", told)
        assert int(number) > least
    assert told.count("stages alone  ") >= 3 and told.count("kept on the disk") == 3
    assert "one child shielded: versions made less 2, removed 1" in told
    for name in ("the night run again as it is", "the load after the shield", "beyond a plain run"):
        assert re.search(rf"  {name} +-?[0-9.]+ s +-?[0-9.]+ core-seconds", told)
    for line in told.splitlines():
        if goal := re.search(r"([0-9.]+) (\S+) +goal ([0-9.]+)", line):
            assert (
                line.endswith("MISSED") == (float(goal[1]) > float(goal[3]))
                or abs(float(goal[1]) - float(goal[3])) < 0.01
            )
