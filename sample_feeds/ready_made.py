"""The few small nights that lie ready in the folder ready_nights/, and how they were made.

Belongs here: the arguments they were made with, so that a test can make them again and compare. `python -m
sample_feeds.ready_made` writes them anew after a change to the generator.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path

from sample_feeds.nights import make_nights

__all__ = ["FOLDER", "write_ready_made"]

FOLDER = Path(__file__).parent / "ready_nights"


def write_ready_made(out: Path) -> None:
    """Three nights of 60 children in Birmingham, with some record faults: landing/ and truth/ under `out`."""
    make_nights(out, ["330"], first_night=dt.date(2026, 11, 18), nights=3, children=60, seed=2009, faults="record")
    for leftover in out.rglob("waves"):
        shutil.rmtree(leftover)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as workspace:
        write_ready_made(Path(workspace) / "made")
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(Path(workspace) / "made", FOLDER)
