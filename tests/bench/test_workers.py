"""The bench of workers prints both loads beside the goal, and measures a process with all that it has started."""

import os
import subprocess
import sys

import pytest

from bench import workers


@pytest.mark.parametrize(
    ("two", "told"), [(50.0, "2.00 times as fast   goal 1.8\n"), (80.0, "1.25 times as fast   goal 1.8  MISSED")]
)
def test_it_prints_both_loads_and_the_ratio(two, told, capsys, monkeypatch):
    walls = {1: 100.0, 2: two}
    monkeypatch.setattr(workers, "_load", lambda place, number, _: workers.Measured(walls[number], 90.0, 1.0, 0.5))
    assert workers.main(["--children", "50", "--authorities", "2"]) == 0
    said = capsys.readouterr().out
    assert told in said
    assert "1 worker      100.0 s      90.0 core-seconds   (others 1.0)   peak 0.50 GB" in said


def test_the_memory_is_that_of_a_process_and_of_all_below_it():
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        family = workers._family(process.pid)
        assert family[0] == process.pid
        assert len(family) == 2
        assert all(workers._held(each) > 1_000_000 for each in family)
        process.communicate(b"\n")
    assert workers._held(process.pid) == 0
    assert 0 < sum(os.times()[:2]) < workers._machine()
