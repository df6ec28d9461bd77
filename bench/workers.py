"""Authorities beside each other: the same first load of one night with one worker and with two, in one run.

`python -m bench.workers` makes the input, loads it into two homes of their own, and prints of each load wall seconds, core-seconds
of all its processes, those that the rest of the machine used meanwhile, and the peak of the memory that its processes have together at
one moment, beside the goal: 1.8 times as fast with two workers as with one. A goal that is missed is printed as missed. The ratio tells
something only where the rest of the machine was idle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.deployment import open_deployment
from pipelines.settings import cores
from sample_feeds import make_nights

AUTHORITIES = ("301", "302", "303", "330", "331", "332", "334", "335")
FIRST = date(2026, 11, 18)
GOAL = 1.8
_PAUSE = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Measured:
    """A load: wall seconds, core-seconds of its own and of others, and the peak of what all its processes hold together, in GB."""

    wall: float
    core: float
    others: float
    memory: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the input, load it in both ways, print; 0 also when the goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=5_000, help="of each authority")
    parser.add_argument("--authorities", type=int, default=4, choices=range(2, len(AUTHORITIES) + 1))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        place = Path(scratch)
        chosen = AUTHORITIES[: given.authorities]
        print(f"Making one night of {len(chosen)} authorities of {given.children:,} children …")
        made = make_nights(place, chosen, first_night=FIRST, nights=1, children=given.children, faults="record")
        rows = sum(delivery.rows for delivery in made)
        print(f"{rows:,} records, {cores()} cores\n")
        found = {workers: _load(place, workers, len(chosen)) for workers in (1, given.workers)}
    for workers, each in found.items():
        print(
            f"  {workers} worker{'s' if workers > 1 else ' '}   {each.wall:7.1f} s   {each.core:7.1f} core-seconds   "
            f"(others {each.others:.1f})   peak {each.memory:.2f} GB"
        )
    ratio = found[1].wall / found[given.workers].wall
    print(f"  {ratio:.2f} times as fast   goal {GOAL}" + ("" if ratio >= GOAL else "  MISSED"))
    return 0


def _load(place: Path, workers: int, authorities: int) -> Measured:
    """Load everything into a home of its own."""
    home, out = place / f"home-{workers}", place / f"summary-{workers}.json"
    open_deployment(home, create=True, demo=True)
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
               str(home), "--workers", str(workers), "--json"]  # fmt: skip
    before, machine, begun = os.times(), _machine(), time.perf_counter()
    with out.open("w") as stream, subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL) as child:
        peak, ended = [0], threading.Event()
        watch = threading.Thread(target=_watch, args=(child.pid, peak, ended))
        watch.start()
        child.wait()
        wall = time.perf_counter() - begun
        ended.set()
        watch.join()
    after = os.times()
    states = [night["state"] for night in json.loads(out.read_text())["nights"]]
    if states != ["published"] * authorities:
        raise SystemExit(f"with {workers} workers the nights are {states}")
    core = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(wall, core, max(0.0, _machine() - machine - core), peak[0] / 1e9)


def _machine() -> float:
    """Core-seconds that the machine has worked since it was started."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _watch(process: int, peak: list[int], ended: threading.Event) -> None:
    """Keep the highest sum of what a process and all below it hold, in bytes, until told that it has ended."""
    while not ended.wait(_PAUSE):
        peak[0] = max(peak[0], sum(map(_held, _family(process))))


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


if __name__ == "__main__":
    sys.exit(main())
