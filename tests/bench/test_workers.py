"""The bench of workers runs to its end and prints both loads beside the goal."""

import re

import pytest

from bench import workers


@pytest.mark.slow
def test_it_prints_both_loads_and_the_ratio(capsys):
    assert workers.main(["--children", "50", "--authorities", "2"]) == 0
    told = capsys.readouterr().out
    one, two = re.findall(
        r"worker[s ] +([0-9.]+) s +([0-9.]+) core-seconds +\(others [0-9.]+\) +peak ([0-9.]+) GB", told
    )
    assert all(float(figure) > 0 for figure in (*one, *two))
    (ratio,) = re.findall(r"([0-9.]+) times as fast   goal 1.8", told)
    assert ("MISSED" in told) == (float(one[0]) / float(two[0]) < workers.GOAL), ratio
