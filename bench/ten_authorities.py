"""Ten authorities in one command, first load and steady night, beside the plain pipeline on the same ten.

`python -m bench.ten_authorities` makes the input and runs each command as a process of its own, one after the other in one run: ours with its
workers, the plain one (`plain_pipeline`) over all ten, which on the second night has to do all again. It prints wall and core-seconds, the
memory that all processes of a command hold together at one moment, and how many times as fast ours is, beside the goal. A goal that is missed
is printed as missed. `make bench` prints it after the median authority.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from bench.measuring import Measured, measured, missed
from pipelines.deployment import open_deployment
from pipelines.settings import cores
from sample_feeds import make_nights

AUTHORITIES = ("301", "302", "303", "330", "331", "332", "334", "335", "336", "340")
FIRST = date(2026, 11, 18)
GOALS = {"first load": 3.0, "steady night": 8.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the input, run, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=62_000, help="children of each authority")
    parser.add_argument("--authorities", type=int, default=len(AUTHORITIES), choices=range(1, len(AUTHORITIES) + 1))
    given = parser.parse_args(arguments)
    chosen = AUTHORITIES[: given.authorities]
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        place = Path(scratch)
        made = make_nights(
            place, chosen, first_night=FIRST, nights=2, children=given.each, faults="record", change_rate=0.001
        )
        open_deployment(place / "home", create=True, demo=True)
        rows = sum(delivery.rows for delivery in made if delivery.business_date == FIRST)
        print(f"{len(chosen)} authorities of {given.each:,} children, {rows:,} records a night, {cores()} cores")
        for night, (title, goal) in enumerate(GOALS.items()):
            day = (FIRST + timedelta(days=night)).isoformat()
            ours, plain = _ours(place, day, len(chosen)), measured(_plain(place, chosen, day))
            for name, each in (("isindex load", ours), ("the plain pipeline", plain)):
                print(
                    f"  {title + ', ' + name:<36}{each.wall:9.1f} s{each.core:9.1f} core-seconds{each.memory:7.2f} GB"
                )
            ratio = plain.wall / ours.wall
            print(f"  {'':<36}{ratio:9.2f} times as fast   {missed(ratio, goal, 'times', least=True)}")
    return 0


def _ours(place: Path, day: str, authorities: int) -> Measured:
    """One night of all, with the command."""
    out = place / "summary.json"
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
               str(place / "home"), "--night", day, "--json"]  # fmt: skip
    found = measured(command, out)
    states = [night["state"] for night in json.loads(out.read_text())["nights"]]
    if states != ["published"] * authorities:
        raise SystemExit(f"{day}: the nights are {states}")
    return found


def _plain(place: Path, authorities: Sequence[str], day: str) -> list[str]:
    return [
        sys.executable,
        "bench/plain_pipeline.py",
        str(place / "landing"),
        ",".join(authorities),
        day,
        str(place / "plain"),
    ]


if __name__ == "__main__":
    sys.exit(main())
