"""`python -m tests.fuzz`: as many mangled inputs as there is time for, on two cores; what was done, the table, and every finding.

`make fuzz` runs it. The count that was really done is printed, and a miss is printed as a miss. The same seed gives the same inputs; one of
them is done again alone with `--case`. It ends with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from pipelines.settings import cores
from tests.fuzz.invariants import PROMISES
from tests.fuzz.run import Finding, case, one
from tests.fuzz.workers import all_of

INPUTS, MINUTES, SHARE = 100_000, 30.0, 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print; 1 when something was found, a worker failed or hung."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="none is begun after that")
    parser.add_argument("--seed", default="1", help="any text; the same gives the same inputs")
    parser.add_argument("--workers", type=int, default=min(2, cores()))
    parser.add_argument("--nights", type=int, default=SHARE, help="one of so many goes through a whole night; 0: none")
    parser.add_argument("--case", help="seed/round/slot: that one alone")
    given = parser.parse_args(arguments)
    os.environ.setdefault("ISINDEX_SECRET", "a secret of forty bytes, for tests alone")
    os.fsync = lambda _descriptor: None  # nothing that is tried outlives the machine
    if given.case:
        return _alone(given.case)
    begun = time.monotonic()
    tally, failed = all_of(given, begun + 60 * given.minutes)
    minutes = (time.monotonic() - begun) / 60
    print(tally.table())
    for each in _kinds(tally.findings):
        print(each)
    print(
        f"\n{tally.inputs:,} inputs of {given.inputs:,} in {minutes:.1f} minutes with {given.workers} workers, seed {given.seed};"
        f" {tally.nights:,} of them through a whole night; {tally.withdrawn:,} looked at again alone and found sound."
    )
    if tally.inputs < given.inputs:
        print(f"MISSED: {given.inputs - tally.inputs:,} inputs fewer than asked for.")
    for promise in PROMISES:
        print(f"  {promise:20}{sum(each.promise == promise for each in tally.findings):>8} broken")
    for each in failed:
        print(each)
    return 1 if tally.findings or failed else 0


def _alone(name: str) -> int:
    from tests.fuzz.taken_in import Place

    seed, number, slot = name.rsplit("/", 2)
    place = Place()
    try:
        given = case(seed, int(number), int(slot))
        wrong = one(given, place)
    finally:
        place.close()
    print(f"{given.base.agency}, {given.base.form}: {' + '.join(given.names) or 'none'}; touched {given.touched}")
    for each in wrong:
        print(": ".join(each))
    return 1 if wrong else 0


def _kinds(findings: Sequence[Finding]) -> list[str]:
    """The findings by kind: how many, and three of each."""
    kinds: dict[tuple[str, str, str], list[Finding]] = {}
    for each in findings:
        kinds.setdefault((each.promise, each.what, each.form), []).append(each)
    lines = []
    for (promise, what, form), found in sorted(kinds.items(), key=lambda item: PROMISES.index(item[0][0])):
        lines.append(f"\n{len(found)} × {promise}, {form}: {what}")
        lines += [f"    {each.agency}: {' + '.join(each.names)}   --case {each.case}" for each in found[:3]]
    return lines


if __name__ == "__main__":
    sys.exit(main())
