"""The story the demo tells: three authorities that know some of the same children, three nights, one damaged delivery, one late one, one correction.

Belongs here: the plan alone. Wave 1 is the first night; wave 2 the second, with the schools of one authority cut off on
the way and the social care of the other missing; wave 3 the third night and, with it, the late delivery; wave 4,
when the
third night has been loaded, the corrected one: its own night and the night after it are to be made anew.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sample_feeds.deliveries import Wave, waves_of
from sample_feeds.faults import FaultPlan, FileFault
from sample_feeds.nights import Progress, make_nights

__all__ = ["DEMO_AUTHORITIES", "DEMO_FIRST_NIGHT", "make_demo"]

DEMO_AUTHORITIES = ("330", "333", "815")
DEMO_FIRST_NIGHT = dt.date(2026, 11, 18)
_TITLES = {
    1: "the first night",
    2: "the second night: one delivery damaged, one missing",
    3: "the third night, and the delivery that was late",
    4: "the correction of the damaged delivery",
}


def make_demo(out: Path | str, *, children: int = 2_500, seed: int = 1, progress: Progress | None = None) -> list[Wave]:
    """Make the demo's three nights under `out`; returns the waves in the order they arrive.

    Each is put into a landing folder with `Wave.put(landing)` when its time has come; `out`/truth holds the truth.
    Health comes as deltas after the first night, education gzipped, social care as zstd.
    """
    first = DEMO_FIRST_NIGHT
    second, third = first + dt.timedelta(days=1), first + dt.timedelta(days=2)
    plan = FaultPlan(
        0.004,
        (
            FileFault("truncated", "330", "education", second, corrected=True, later=2),
            FileFault("late", "815", "social_care", second, later=1),
            FileFault("forbidden_column", "815", "health", first),
            FileFault("reordered", "330", "police", third),
        ),
    )
    made = make_nights(
        out, DEMO_AUTHORITIES, first_night=first, nights=3, children=children, seed=seed, faults=plan,
        modes={"health": "delta"}, compression={"education": "gzip", "social_care": "zstd"}, change_rate=0.004, guests=0.02,
        nightly_waves=True, progress=progress,
    )  # fmt: skip
    return waves_of(made, _TITLES)
