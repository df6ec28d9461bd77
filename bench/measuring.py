"""What a command costs: wall seconds, core-seconds of all its processes, their memory together, bytes, and all that at any moment of it.

Belongs here: running a command as a process of its own and looking at it and all that it has started, ten times a second. Not here: what is
run, and what it ought to cost. Everything is read from ``/proc``.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Measured", "bytes_below", "measured", "missed"]

_PAUSE = 0.1  # seconds between two looks
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """A command that has run.

    Attributes:
        begun: when (seconds of the epoch).
        wall: seconds.
        core: core-seconds of all its processes.
        others: core-seconds that the machine did for others meanwhile.
        memory: peak of what all its processes held together at one moment, in GB; what they share counts once.
        read, written: bytes that went through its processes' calls.
        looks: moments and the core-seconds by then.
    """

    begun: float
    wall: float
    core: float
    others: float
    memory: float
    read: int
    written: int
    looks: Sequence[tuple[float, float]] = field(repr=False)

    def core_between(self, since: float, until: float) -> float:
        """Core-seconds of its processes between two moments, to a tenth of a second."""
        return self._core_by(until) - self._core_by(since)

    def _core_by(self, moment: float) -> float:
        place = bisect_right([at for at, _ in self.looks], moment)
        return self.looks[place - 1][1] if place else 0.0


def measured(command: Sequence[str], out: Path | None = None, *, codes: Sequence[int] = (0, 1)) -> Measured:
    """Run a command to its end; what it prints goes to `out`.

    Raises:
        SystemExit: when it ends with another exit code.
    """
    before, machine = os.times(), _machine()
    begun, since = time.time(), time.perf_counter()
    watch = _Watch()
    with (out or Path(os.devnull)).open("w") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL)
        watch.start(child.pid)
        child.wait()
    wall = time.perf_counter() - since
    watch.stop()
    if child.returncode not in codes:
        raise SystemExit(f"{' '.join(map(str, command[:3]))} ended with {child.returncode}")
    after = os.times()
    core = after.children_user + after.children_system - before.children_user - before.children_system
    others = max(0.0, _machine() - machine - core)
    return Measured(begun, wall, core, others, watch.memory / 1e9, *watch.bytes, watch.looks)


def bytes_below(folder: Path) -> int:
    """What the files below a folder take on the disk; one that has several names counts once."""
    found = {(told.st_dev, told.st_ino): told.st_blocks * 512 for path in folder.rglob("*") for told in [path.lstat()]}
    return sum(found.values())


def missed(value: float, goal: float, unit: str, *, least: bool = False) -> str:
    """The goal in words, and whether it is missed."""
    well = value >= goal if least else value <= goal
    return f"goal {goal:g} {unit}".rstrip() + ("" if well else "  MISSED")


class _Watch:
    """A thread that looks at a process and all that it has started."""

    def __init__(self) -> None:
        self.memory = 0
        self.looks: list[tuple[float, float]] = []
        self._moved: dict[int, tuple[int, int]] = {}
        self._spent: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, process: int) -> None:
        self._thread = threading.Thread(target=self._look, args=(process,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    @property
    def bytes(self) -> tuple[int, int]:
        read, written = (sum(each) for each in zip((0, 0), *self._moved.values(), strict=True))
        return read, written

    def _look(self, process: int) -> None:
        while not self._ended.wait(_PAUSE):
            family = _family(process)
            self.memory = max(self.memory, sum(map(_held, family)))
            for each in family:
                self._moved[each] = _moved(each) or self._moved.get(each, (0, 0))
                self._spent[each] = max(_spent(each), self._spent.get(each, 0.0))
            self.looks.append((time.time(), sum(self._spent.values())))


def _machine() -> float:
    """Core-seconds that the machine has worked since it was started."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / _TICKS


def _family(process: int) -> list[int]:
    """A process and all that it and they have started."""
    found = [process]
    for each in found:
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _held(process: int) -> int:
    """The memory of a process in bytes, what it shares with others by its part; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _spent(process: int) -> float:
    """Core-seconds of a process without those that it has started; 0 when it has ended."""
    with suppress(OSError, IndexError):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / _TICKS
    return 0.0


def _moved(process: int) -> tuple[int, int] | None:
    """Bytes read and written by a process; None when it has ended."""
    with suppress(OSError):
        told = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
        return int(told["rchar"]), int(told["wchar"])
    return None
