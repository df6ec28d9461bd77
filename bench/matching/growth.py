"""How the whole link grows with the records: seconds and memory at several sizes, and the exponent between them.

Belongs here: our matcher alone, each size as a process of its own, on invented children that are thrown away afterwards.
Run `python -m bench.matching.growth [--sizes 100000 300000 …]`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bench.matching.processes import run_module

__all__ = ["SIZES", "Size", "exponent", "grow", "print_sizes"]

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 6_000_000)
_RECORDS_PER_CHILD = 1.82
_MAKE = "import sys; from sample_feeds.people import write_people; write_people(sys.argv[1], int(sys.argv[2]), 7)"


@dataclass(frozen=True)
class Size:
    """One size: records, seconds from reading them to having identities, gigabytes at most."""

    records: int
    seconds: float
    gigabytes: float


def grow(sizes: list[int], model: str = "children-1") -> list[Size]:
    """Link about so many records, each size in turn, smallest first."""
    done = []
    with tempfile.TemporaryDirectory(prefix="isindex-growth-") as temporary:
        folder = Path(temporary)
        for size in sorted(sizes):
            people = folder / "people.parquet"
            # by a process of its own, so that making the people takes no memory while they are linked
            subprocess.run(
                [sys.executable, "-c", _MAKE, str(people), str(round(size / _RECORDS_PER_CHILD))], check=True
            )
            figures = run_module("ours", [str(people), str(folder / "out.parquet"), "--model", model], folder)
            seconds = sum(figures["seconds"].values())
            done.append(Size(pq.read_metadata(people).num_rows, seconds, figures["peak_memory_bytes"] / 1e9))
            print(_line(done[-1]), flush=True)
    return done


def exponent(sizes: list[Size]) -> float:
    """The power of the number of records that the seconds follow: the slope of their logarithms."""
    records, seconds = (np.log([getattr(size, name) for size in sizes]) for name in ("records", "seconds"))
    return float(np.polyfit(records, seconds, 1)[0])


def print_sizes(sizes: list[Size]) -> None:
    """All sizes as a table."""
    for size in sizes:
        print(_line(size))


def _line(size: Size) -> str:
    pace = size.records / size.seconds
    return f"{size.records:>12,} records{size.seconds:>10.1f} s{size.gigabytes:>8.2f} GB{pace:>12,.0f} records a second"


def main() -> None:
    """Run the sizes asked for, and print the exponent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    sizes = grow(parser.parse_args().sizes)
    if len(sizes) > 1:
        print(f"growth exponent {exponent(sizes):.3f}")


if __name__ == "__main__":
    main()
