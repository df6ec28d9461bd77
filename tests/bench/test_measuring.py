"""What a command costs is measured with all that it has started."""

import os
import subprocess
import sys

import pytest

from bench import measuring
from bench.measuring import bytes_below, measured, missed


def test_the_memory_is_that_of_a_process_and_of_all_below_it():
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        family = measuring._family(process.pid)
        assert family[0] == process.pid
        assert len(family) == 2
        assert all(measuring._held(each) > 1_000_000 for each in family)
        process.communicate(b"\n")
    assert measuring._held(process.pid) == 0
    assert 0 < sum(os.times()[:2]) < measuring._machine()


def test_a_command_costs_what_its_children_work_and_when(tmp_path):
    work = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    nested = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {work!r}]); time.sleep(0.3); print('done')"
    found = measured([sys.executable, "-c", nested], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "done\n"
    assert 0.6 <= found.core < 10 and found.wall >= 0.9 and found.memory > 0.001
    assert 0.3 < found.core_between(found.begun, found.begun + found.wall) <= found.core + 0.1
    with pytest.raises(SystemExit):
        measured([sys.executable, "-c", "raise SystemExit(7)"])


def test_a_file_of_two_names_takes_its_room_once_and_a_goal_is_met_or_missed(tmp_path):
    (tmp_path / "one").write_bytes(b"x" * 100_000)
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert 100_000 <= bytes_below(tmp_path) < 200_000
    assert missed(1.0, 2.0, "s") == "goal 2 s" and missed(3.0, 2.0, "s").endswith("MISSED")
    assert missed(3.0, 2.0, "times", least=True) == "goal 2 times"
