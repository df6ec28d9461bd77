"""A median authority (62,000 children) and a small one (100), by stage: first load, steady night, a shield that reaches back; and a plain
pipeline on the same input.

`make bench` makes the input, runs each command as a process of its own, one after the other in one run, and prints of each seconds and
core-seconds by stage, the memory that all its processes hold together at one moment, and bytes, beside the goals. The same nights are run once
more on a copy of the home without Dagster, in a process that has imported everything: *stages alone*. A goal that is missed is printed as missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.measuring import Measured, bytes_below, measured, missed
from pipelines.deployment import open_deployment
from pipelines.settings import cores
from sample_feeds import make_nights

AUTHORITY = "330"
FIRST = date(2026, 11, 18)
# core-seconds of the stages alone; of the whole command seconds until published and GB
STAGES = {"first load": 8.5, "steady night": 2.6, "steady night of 100 children": 0.8}
WHOLE = {"first load": (15.0, 1.0), "steady night": (6.0, 1.0)}
DAGSTER, KEPT, RATIO = 0.4, 10.0, 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the input, run, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=62_000)
    parser.add_argument("--small", type=int, default=100, help="children of the small authority")
    parser.add_argument("--without-plain", action="store_true", help="leave the plain pipeline out")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        large, small = Path(scratch) / "large", Path(scratch) / "small"
        print(f"Making nights of {given.children:,} children, 0.1 % of the records changed from night to night …")
        rows = _made(large, given.children, nights=3)
        _made(small, given.small, nights=3)
        print(f"{rows:,} records a night, {cores()} cores\n")
        first = _night("first load", large, 0)
        _load(large, 1)  # so that the next one keeps and lets go what a night in a row of nights does
        _night("steady night", large, 2)
        _shield(large)
        for night in range(2):
            _load(small, night)
        _night(f"steady night of {given.small} children", small, 2)
        if not given.without_plain:
            plain = measured(_plain(large))
            print(f"plain pipeline: {plain.wall:.1f} s, {plain.core:.1f} core-seconds, {plain.memory:.2f} GB; "
                  f"{plain.core / first.core:.1f} times the first load's core-seconds   "
                  f"{missed(plain.core / first.core, RATIO, 'times', least=True)}")  # fmt: skip
    return 0


def _made(place: Path, children: int, *, nights: int) -> int:
    """Make nights and an empty home; how many records the first has."""
    made = make_nights(
        place, (AUTHORITY,), first_night=FIRST, nights=nights, children=children, faults="record", change_rate=0.001
    )
    open_deployment(place / "home", create=True, demo=True)
    return sum(delivery.rows for delivery in made if delivery.business_date == FIRST)


def _isindex(place: Path, *words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("isindex")), *words, "--home", str(place / "home")]


def _load(place: Path, night: int, *words: str) -> tuple[Measured, dict[str, Any]]:
    """Load one night with the command; what it cost, and its summary."""
    day = (FIRST + timedelta(days=night)).isoformat()
    out = place / "summary.json"
    found = measured(
        _isindex(place, "load", "--landing", str(place / "landing"), "--night", day, "--json", *words), out
    )
    return found, json.loads(out.read_text())


def _alone(place: Path, night: int) -> dict[str, tuple[float, float]]:
    """Seconds and core-seconds of each stage of the night, run on a copy of the home without Dagster."""
    copy, out = place / "alone", place / "alone.json"
    shutil.copytree(place / "home", copy, symlinks=True)
    day = (FIRST + timedelta(days=night)).isoformat()
    command = [sys.executable, "-m", "bench.stages_alone", str(copy), str(place / "landing"), AUTHORITY, day]
    measured(command, out)
    shutil.rmtree(copy)
    told = json.loads(out.read_text())
    if told["state"] != "published":
        raise SystemExit(f"{day}: without Dagster the night is {told['state']}")
    return {name: (wall, core) for name, (wall, core) in told["stages"].items()}


def _night(title: str, place: Path, night: int) -> Measured:
    """Run a night in both ways, and print what it costs."""
    alone = _alone(place, night)
    before = bytes_below(place / "home")
    found, summary = _load(place, night)
    kept = bytes_below(place / "home") - before
    (marks,) = summary["times"].values()
    (loaded,) = summary["nights"]
    if loaded["state"] != "published":
        raise SystemExit(f"{title}: the night is {loaded['state']}: {' '.join(loaded['reasons'])}")
    print(f"{title}: {loaded['figures']['children']:,} children published")
    print(f"  {'':<28}{'seconds':>9}{'core-s':>9}     {'stages alone':<24}{'seconds':>9}{'core-s':>9}")
    left = list(_steps(found, marks))
    right = [(name, *spent) for name, spent in alone.items()]
    for line in range(max(len(left), len(right))):
        step = "{:<28}{:9.2f}{:9.2f}".format(*left[line]) if line < len(left) else " " * 46
        stage = "{:<24}{:9.2f}{:9.2f}".format(*right[line]) if line < len(right) else ""
        print(f"  {step}     {stage}".rstrip())
    stages = sum(core for _, core in alone.values())
    _told("stages alone", stages, STAGES.get(title), "core-s")
    _told("whole command", found.wall, None, "s")
    _told("", found.core, None, "core-s")
    if title.endswith("children"):
        of_dagster = sum(core for name, _, core in left if name != "imports, plan, instance") - stages
        _told("Dagster, and the suites", of_dagster, DAGSTER, "core-s")
    if title in WHOLE:
        seconds, gigabytes = WHOLE[title]
        _told("start to published", marks["publish"] - found.begun, seconds, "s")
        _told("memory, all processes", found.memory, gigabytes, "GB")
    _told("read, through calls", found.read / 1e6, None, "MB")
    _told("written, through calls", found.written / 1e6, None, "MB")
    _told("kept on the disk", kept / 1e6, KEPT if title.startswith("steady") else None, "MB")
    print()
    return found


def _steps(found: Measured, marks: dict[str, float]) -> Sequence[tuple[str, float, float]]:
    """Each step of a load with its seconds and core-seconds, in the order in which they were done."""
    previous, steps = found.begun, []
    for name, moment in sorted(marks.items(), key=lambda mark: mark[1]):
        label = "imports, plan, instance" if name == "start" else name
        steps.append((label, moment - previous, found.core_between(previous, moment)))
        previous = moment
    return steps


def _shield(place: Path) -> None:
    """Run the night again as it is; then shield one child by a decision, and load: the night is run again with it, and versions are made less."""
    plainly, _ = _load(place, 2, "--again")
    folder = max((place / "home" / "snapshots" / AUTHORITY).glob("v=*"))
    children = pq.read_table(folder / "children.parquet")
    open_ones = children.filter(pc.invert(pc.or_(children["shielded"], children["withheld"])))["index_id"]
    measured(
        _isindex(
            place,
            "decide",
            "shield",
            open_ones[len(open_ones) // 2].as_py(),
            "--authority",
            AUTHORITY,
            "--reason",
            "bench",
        )
    )
    found, summary = _load(place, 2)
    less = sum(each["shown"] is not None for each in summary["protective"])
    gone = len(summary["protective"]) - less
    print(f"one child shielded: versions made less {less}, removed {gone}")
    for name, each in (("the night run again as it is", plainly), ("the load after the shield", found)):
        print(f"  {name:<30}{each.wall:9.1f} s{each.core:9.1f} core-seconds")
    print(
        f"  {'beyond a plain run':<30}{found.wall - plainly.wall:9.1f} s{found.core - plainly.core:9.1f} core-seconds\n"
    )


def _told(name: str, value: float, goal: float | None, unit: str) -> None:
    print(f"  {name:<28}{value:9.2f} {unit:<8}" + (missed(value, goal, unit) if goal is not None else ""))


def _plain(place: Path) -> list[str]:
    return [
        sys.executable,
        "bench/plain_pipeline.py",
        str(place / "landing"),
        AUTHORITY,
        FIRST.isoformat(),
        str(place / "plain"),
    ]


if __name__ == "__main__":
    sys.exit(main())
