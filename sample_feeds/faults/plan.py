"""Which faults go into which deliveries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sample_feeds.faults.files import FILE_FAULTS
from sample_feeds.randomness import stream
from sample_feeds.world import AGENCIES

__all__ = ["FaultPlan", "FileFault", "plan_for"]


@dataclass(frozen=True)
class FileFault:
    """One fault of a whole delivery.

    Args:
        kind: a name of files.FILE_FAULTS, for example ``truncated`` or ``late``.
        authority: DfE code of the delivery it befalls.
        agency: its agency.
        business_date: its night.
        corrected: whether a good delivery for the same night arrives later; under the same sequence, if the bad one is refused.
        later: how many waves later a late or corrected delivery arrives.
    """

    kind: str
    authority: str
    agency: str
    business_date: dt.date
    corrected: bool = False
    later: int = 1

    def __post_init__(self) -> None:
        if self.kind not in FILE_FAULTS:
            raise ValueError(f"{self.kind} is no file fault; there are {', '.join(sorted(FILE_FAULTS))}")
        only = FILE_FAULTS[self.kind].agencies
        if only and self.agency not in only:
            raise ValueError(f"{self.kind} can befall {' and '.join(only)}, not {self.agency}")


@dataclass(frozen=True)
class FaultPlan:
    """The faults of a run: `record_share` of records get one (at least one record of each kind), and files as
    listed.
    """

    record_share: float = 0.0
    files: tuple[FileFault, ...] = ()

    def of(self, authority: str, agency: str, business_date: dt.date) -> FileFault | None:
        """The fault planned for one delivery."""
        wanted = (authority, agency, business_date)
        return next((f for f in self.files if (f.authority, f.agency, f.business_date) == wanted), None)


def plan_for(faults: str | FaultPlan, authorities: Sequence[str], nights: Sequence[dt.date], seed: int) -> FaultPlan:
    """The plan meant by a word: ``none``; ``record``, 0.4 % of records; ``full``, that and a file fault in one delivery
    of five from the second night on, the kinds in turn, each sixth corrected later.

    Raises:
        ValueError: another word.
    """
    if isinstance(faults, FaultPlan):
        return faults
    if faults not in ("none", "record", "full"):
        raise ValueError(f"faults is none, record, full or a FaultPlan, not {faults!r}")
    if faults == "none":
        return FaultPlan()
    if faults == "record":
        return FaultPlan(0.004)
    rng, files = stream(seed, "file faults"), []
    kinds = sorted(kind for kind in FILE_FAULTS if kind != "zip_bomb")
    at = int(rng.integers(0, len(kinds)))
    for night in nights[1:]:
        for authority in authorities:
            for agency in AGENCIES:
                if rng.random() < 0.2:
                    kind = _next_fitting(kinds, at, agency)
                    at = kinds.index(kind) + 1
                    files.append(FileFault(kind, authority, agency, night, corrected=at % 6 == 0))
    return FaultPlan(0.004, tuple(files))


def _next_fitting(kinds: list[str], at: int, agency: str) -> str:
    for step in range(len(kinds)):
        kind = kinds[(at + step) % len(kinds)]
        only = FILE_FAULTS[kind].agencies
        if not only or agency in only:
            return kind
    raise AssertionError("every agency has file faults")
