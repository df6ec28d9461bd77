"""What became of a night that was to be run: what a load tells of it, whichever process ran it.

Belongs here: the outcome alone, so that who only tells of it imports no Dagster. Not here: running (`assets.launch`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.nights.plan import PlannedNight

__all__ = ["Launched"]


@dataclass(frozen=True)
class Launched:
    """A night that was to be run.

    Attributes:
        planned: which, and why.
        fault: how its run ended; "" when it ended well.
        busy: whether another run was going on.
        code: what stood in its way, where the run itself could not note it; else "".
    """

    planned: PlannedNight
    fault: str
    busy: bool = False
    code: str = ""
