"""A night's stages without Dagster, in a process that has imported them: seconds and core-seconds of each, as JSON.

python -m bench.stages_alone HOME LANDING AUTHORITY NIGHT
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import pipelines.matching.night
import pipelines.nights.stages.reports  # noqa: F401  (imports are no part of what is measured)
from pipelines.deployment import open_deployment
from pipelines.nights.night import Night
from pipelines.nights.run import run_night


def main(arguments: Sequence[str]) -> int:
    """Run the night, and print what its stages took."""
    home, landing, authority, night = arguments
    deployment = open_deployment(Path(home), landing, create=False)
    marks: list[tuple[str, float, float]] = []

    def before(stage: str) -> None:
        spent = os.times()
        marks.append((stage, time.perf_counter(), spent.user + spent.system))

    state = run_night(Night(deployment, authority, date.fromisoformat(night)), started_by="bench", before=before)
    before("end")
    stages = {stage: [until - since, done - begun] for (stage, since, begun), (_, until, done) in pairwise(marks)}
    print(json.dumps({"state": state, "stages": stages}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
