"""A median authority (62,000 children) by stage: first load, a steady night, and a plain pipeline on the same input.

`make bench` makes the input, runs each command as a process of its own, one after the other in one run, and prints
seconds from the start of the command until the night is published, by stage, with the peak memory of the largest
process, beside the goals (15 s and 1 GB for a first load, 6 s for a steady night, five times a plain pipeline's pace).
A goal that is missed is printed as missed. The worker that judges the expectation suites runs beside and after the
publish; the time until the whole command ends, suites and reports included, is printed too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from pipelines.deployment import open_deployment
from sample_feeds import make_nights

FIRST, SECOND = date(2026, 11, 18), date(2026, 11, 19)
GOALS = {"first load": (15.0, 1.0), "steady night": (6.0, 1.0)}


def main() -> int:
    """Make the input, run, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=62_000)
    parser.add_argument("--without-plain", action="store_true", help="leave the plain pipeline out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        place = Path(scratch)
        print(f"Making two nights of {arguments.children:,} children, 0.1 % of the records changed in the second …")
        made = make_nights(
            place,
            ("330",),
            first_night=FIRST,
            nights=2,
            children=arguments.children,
            faults="record",
            change_rate=0.001,
        )
        rows = sum(delivery.rows for delivery in made if delivery.business_date == FIRST)
        print(f"{rows:,} records a night, {os.cpu_count()} cores\n")
        open_deployment(place / "home", create=True, demo=True)
        published = {}
        for title, night in (("first load", FIRST), ("steady night", SECOND)):
            published[title] = _isindex(title, night, place)
        if not arguments.without_plain:
            plain, memory = _timed(
                [
                    sys.executable,
                    "bench/plain_pipeline.py",
                    str(place / "landing"),
                    "330",
                    FIRST.isoformat(),
                    str(place / "plain"),
                ]
            )
            ratio = plain / published["first load"]
            print(f"plain pipeline: {plain:.1f} s, peak {memory:.2f} GB; {ratio:.1f} times the first load's time (goal 5)"
                  + ("" if ratio >= 5 else "  MISSED"))  # fmt: skip
    return 0


def _isindex(title: str, night: date, place: Path) -> float:
    """Load one night; print its stages; seconds from the command's start to published."""
    begun = time.time()
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
               str(place / "home"), "--night", night.isoformat(), "--json"]  # fmt: skip
    out = place / "summary.json"
    whole, memory = _timed(command, out)
    summary = json.loads(out.read_text())
    (marks,) = summary["times"].values()
    (loaded,) = summary["nights"]
    if loaded["state"] != "published":
        raise SystemExit(f"{title}: the night is {loaded['state']}: {' '.join(loaded['reasons'])}")
    previous = begun
    print(f"{title}: {loaded['figures']['children']:,} children published")
    for name, moment in sorted(marks.items(), key=lambda mark: mark[1]):
        label = "imports, plan, instance" if name == "start" else name
        print(f"  {label:<28}{moment - previous:7.2f} s")
        previous = moment
    published = marks["publish"] - begun
    seconds, gigabytes = GOALS[title]
    print(f"  {'command start to published':<28}{published:7.2f} s   goal {seconds:.0f} s"
          + ("" if published <= seconds else "  MISSED"))  # fmt: skip
    print(
        f"  {'peak memory':<28}{memory:7.2f} GB  goal {gigabytes:.0f} GB" + ("" if memory <= gigabytes else "  MISSED")
    )
    print(f"  {'whole command':<28}{whole:7.2f} s   (with reports and expectation suites)\n")
    return published


def _timed(command: list[str], out: Path | None = None) -> tuple[float, float]:
    """Run a command; wall seconds, and the peak memory of its largest process in GB."""
    begun = time.perf_counter()
    with out.open("w") if out else Path(os.devnull).open("w") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    assert isinstance(used, resource.struct_rusage)
    return time.perf_counter() - begun, used.ru_maxrss * scale / 1e9


if __name__ == "__main__":
    sys.exit(main())
