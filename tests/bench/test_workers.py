"""The bench of workers prints both loads beside the goal."""

import pytest

from bench import workers
from bench.measuring import Measured


@pytest.mark.parametrize(
    ("two", "told"), [(50.0, "2.00 times as fast   goal 1.8\n"), (80.0, "1.25 times as fast   goal 1.8  MISSED")]
)
def test_it_prints_both_loads_and_the_ratio(two, told, capsys, monkeypatch):
    walls = {1: 100.0, 2: two}
    monkeypatch.setattr(
        workers, "_load", lambda place, number, _: Measured(0.0, walls[number], 90.0, 1.0, 0.5, 0, 0, ())
    )
    assert workers.main(["--children", "50", "--authorities", "2"]) == 0
    said = capsys.readouterr().out
    assert told in said
    assert "1 worker      100.0 s      90.0 core-seconds   (others 1.0)   peak 0.50 GB" in said
