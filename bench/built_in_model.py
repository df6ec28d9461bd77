"""Makes the built-in match model: an invented authority's night is loaded, and a candidate trained on it.

`make model` writes `schemas/match_model/children-1.*` anew, the same bytes every time. The night is loaded with a model
of its own, trained on people of the same generator, so that nothing depends on the files that are to be written. It
takes some minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from pipelines.deployment import open_deployment
from pipelines.matching.weighing.match_model import DEFAULT_MODEL
from pipelines.nights.model_training import train_candidate
from sample_feeds import make_nights, write_people

NIGHT, AUTHORITY, CHILDREN, SEED = date(2026, 11, 18), "330", 60_000, 5
HELPER_CHILDREN = 10_000
MODELS = Path(__file__).parents[1] / "schemas" / "match_model"


def main() -> int:
    """Make the night, load it, train, put the files in place."""
    with tempfile.TemporaryDirectory(prefix="isindex-model-") as scratch:
        place = Path(scratch)
        print(f"A model to load with, from {HELPER_CHILDREN:,} children …", flush=True)
        write_people(place / "people.parquet", HELPER_CHILDREN, SEED)
        _run([sys.executable, "-m", "pipelines.matching.training.train", "people.parquet", "helper.json"], place)
        print(f"A night of {CHILDREN:,} children …", flush=True)
        make_nights(place, (AUTHORITY,), first_night=NIGHT, children=CHILDREN, seed=SEED, faults="record")
        deployment = open_deployment(place / "home", create=True, demo=True)
        isindex = str(Path(sys.executable).with_name("isindex"))
        _run([isindex, "load", "--landing", "landing", "--home", "home"], place)
        print("Training …", flush=True)
        candidate = train_candidate(deployment)
        for file in sorted(candidate.path.glob(f"{candidate.path.name}.*")):
            shutil.copyfile(file, MODELS / file.name.replace(candidate.path.name, DEFAULT_MODEL))
        figures = candidate.report.figures
        print(f"{DEFAULT_MODEL}: {figures['records']:,} records, {figures['pairs']:,} pairs that share a number")
    return 0


def _run(command: list[str], place: Path) -> None:
    """Run a command; `isindex load` may end with 1, for nights in which something was rejected."""
    environment = os.environ | {"ISINDEX_MODEL": str(place / "helper.json")}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode > 1 or (done.returncode and "load" not in command):
        raise SystemExit(f"{command[0]} {command[1]} ended with {done.returncode}:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
