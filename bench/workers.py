"""Authorities beside each other: the same first load of one night with one worker and with two, in one run.

`python -m bench.workers` makes the input, loads it into two homes of their own, and prints of each load wall seconds, core-seconds
of all its processes, those that the rest of the machine used meanwhile, and the peak of the memory that its processes have together at
one moment, beside the goal: 1.8 times as fast with two workers as with one. A goal that is missed is printed as missed. The ratio tells
something only where the rest of the machine was idle.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bench.measuring import Measured, measured, missed
from pipelines.deployment import open_deployment
from pipelines.settings import cores
from sample_feeds import make_nights

AUTHORITIES = ("301", "302", "303", "330", "331", "332", "334", "335")
FIRST = date(2026, 11, 18)
GOAL = 1.8


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
    print(f"  {ratio:.2f} times as fast   {missed(ratio, GOAL, '', least=True)}")
    return 0


def _load(place: Path, workers: int, authorities: int) -> Measured:
    """Load everything into a home of its own."""
    home, out = place / f"home-{workers}", place / f"summary-{workers}.json"
    open_deployment(home, create=True, demo=True)
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
               str(home), "--workers", str(workers), "--json"]  # fmt: skip
    found = measured(command, out)
    states = [night["state"] for night in json.loads(out.read_text())["nights"]]
    if states != ["published"] * authorities:
        raise SystemExit(f"with {workers} workers the nights are {states}")
    return found


if __name__ == "__main__":
    sys.exit(main())
