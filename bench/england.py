"""England by growth: authorities with the real skew, from the largest to the smallest, and what all 153 would cost by what these cost.

`make bench-england SCALE=0.1` takes every tenth authority by its number of children, the largest and the smallest among them, each with its real
number of children times `--children`; makes a night, a steady one (0.1 % of the records changed) and a night of September (10 %), and runs each with
one command. What an authority's night takes is put as so much for itself and so much for each child (least squares over the authorities of
a command); that over all 153, on as many cores as here, is what England would cost. `SCALE=1` runs all of them. The data goes when it ends.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from bench.measuring import Measured, bytes_below, measured, missed
from pipelines.deployment import open_deployment
from pipelines.settings import cores
from sample_feeds import make_nights

FIRST = date(2026, 11, 18)
GOALS = {"first load": 15.0, "steady night": 5.0}  # minutes for England
MEMORY, DISK = 8.0, 2_000.0  # GB; MB a steady night


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the input, run, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1, help="which share of the authorities")
    parser.add_argument("--children", type=float, default=1.0, help="which share of the children of each")
    parser.add_argument("--workers", type=int, default=cores())
    given = parser.parse_args(arguments)
    every = england()
    taken = chosen(every, given.scale)
    sizes = {code: max(50, round(every[code] * given.children)) for code in taken}
    print(
        f"{len(sizes)} of {len(every)} authorities, {sum(sizes.values()):,} children, {cores()} cores, {given.workers} workers"
    )
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        place = Path(scratch)
        home = place / "home"
        open_deployment(home, create=True, demo=True)
        _make(place / "steady", sizes, 0.001)
        first = _load("first load", place / "steady", home, 0, sizes, every, given)
        before = bytes_below(home)
        shutil.copytree(home, place / "september-home", symlinks=True)
        steady = _load("steady night", place / "steady", home, 1, sizes, every, given)
        kept = (bytes_below(home) - before) / 1e6 / sum(sizes.values()) * sum(every.values())
        shutil.rmtree(place / "steady")
        _make(place / "september", sizes, 0.1)
        _load("night of September", place / "september", place / "september-home", 1, sizes, every, given)
        print(f"memory, all processes together: {max(first.memory, steady.memory):.2f} GB   "
              f"{missed(max(first.memory, steady.memory), MEMORY, 'GB')}")  # fmt: skip
        print(f"kept on the disk by a steady night of England: {kept:,.0f} MB   {missed(kept, DISK, 'MB')}")
    return 0


def england() -> dict[str, int]:
    """Authority → its children under 18, of those that are open."""
    path = Path(__file__).parents[1] / "schemas" / "reference" / "authorities.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["dfe_code"]: int(row["children_0_17"]) for row in csv.DictReader(stream) if not row["closed"]}


def chosen(england: Mapping[str, int], scale: float) -> list[str]:
    """So many of the authorities, evenly from the largest to the smallest."""
    ranked = sorted(england, key=lambda code: -england[code])
    number = max(2, min(len(ranked), round(len(ranked) * scale)))
    return [ranked[round(place)] for place in np.linspace(0, len(ranked) - 1, number)]


def _make(place: Path, sizes: Mapping[str, int], change_rate: float) -> None:
    make_nights(
        place, list(sizes), first_night=FIRST, nights=2, children=dict(sizes), faults="record", change_rate=change_rate
    )


def growth(children: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """What an authority takes for itself, and for each child, by least squares; neither is less than nothing."""
    size, took = np.array(children, float), np.array(seconds, float)
    (each, own), *_ = np.linalg.lstsq(np.column_stack([size, np.ones_like(size)]), took, rcond=None)
    if own < 0:
        return 0.0, float((size * took).sum() / (size * size).sum())
    return (float(own), float(each)) if each >= 0 else (float(took.mean()), 0.0)


def _load(
    title: str,
    place: Path,
    home: Path,
    night: int,
    sizes: Mapping[str, int],
    england: Mapping[str, int],
    given: argparse.Namespace,
) -> Measured:
    """Load a night of all, and print what it cost and what England would."""
    out = place / "summary.json"
    day = (FIRST + timedelta(days=night)).isoformat()
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home", str(home),
               "--night", day, "--workers", str(given.workers), "--json"]  # fmt: skip
    found = measured(command, out)
    summary = json.loads(out.read_text())
    states = Counter(each["state"] for each in summary["nights"])
    if states["published"] + states["held"] != len(sizes):
        raise SystemExit(f"{title}: of {len(sizes)} nights {dict(states)}")
    if states["held"]:
        print(f"{title}: {states['held']} of {len(sizes)} authorities held by a gate")
    took = {name.partition("/")[0]: max(marks.values()) - marks["start"] for name, marks in summary["times"].items()}
    children = np.array([sizes[code] for code in took], float)
    seconds = np.array(list(took.values()))
    own, each = growth(children, seconds)
    every = np.array(list(england.values()), float)
    minutes = float((own + each * every).sum() * found.wall / seconds.sum() / 60)
    print(f"{title}: {found.wall:.0f} s, {found.core:.0f} core-seconds, {found.memory:.2f} GB; an authority takes {own:.1f} s and "
          f"{each * 1000:.2f} s for each 1,000 children")  # fmt: skip
    goal = GOALS.get(title)
    print(f"  England by that: {minutes:.0f} minutes   " + (missed(minutes, goal, "minutes") if goal else ""))
    return found


if __name__ == "__main__":
    sys.exit(main())
