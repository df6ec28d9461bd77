"""What came of the expectations on a feed's night: one promise judged, and the verdicts under their names.

Belongs here: the shapes that running them (`expectations`) and showing them (`data_docs`) share, and the words of a
verdict. Not here: what is expected (`promises`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.validation.promises import MEASURES, VERDICTS, Promise, Severity

__all__ = ["ExpectationOutcome", "Judgement", "outcomes_of"]


@dataclass(frozen=True)
class ExpectationOutcome:
    """The verdict under one name: the same names for every feed on every night.

    Attributes:
        name: one of `expectation_names`.
        passed: whether all its expectations held, or there was nothing to judge.
        severity: ``error`` or ``warning``.
        description: what was expected, and what was found, without a value.
        observed: the same keys every night: ``judged`` (1 or 0), ``expectations``, ``broken``, and for the frame
            ``records_against``, for measures ``furthest`` (the largest distance outside a band, 0 when inside).
    """

    name: str
    passed: bool
    severity: Severity
    description: str
    observed: Mapping[str, float] = field(default_factory=dict)

    @property
    def suite(self) -> str:
        """``frame`` or ``measures``."""
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class Judgement:
    """What became of one promise: held or not, records judged and records against it, and a fault that kept it open."""

    promise: Promise
    held: bool
    judged: int
    against: int
    fault: str = ""


def outcomes_of(judgements: Sequence[Judgement], *, delivered: bool) -> list[ExpectationOutcome]:
    """One outcome for each of `VERDICTS`, in their order; `delivered`: whether the feed brought anything to judge."""
    outcomes = []
    for verdict in VERDICTS:
        own = [each for each in judgements if each.promise.verdict == verdict.name]
        broken = [each for each in own if not each.held]
        observed = {
            "judged": float(bool(own)),
            "expectations": float(len(own)),
            "broken": float(len(broken)),
            "records_against": float(sum(each.against for each in own)),
        }
        words = verdict.description
        if not delivered:
            words += " Nothing was delivered for this night, so nothing was judged."
        elif not own:
            words += " The contract asks for nothing of the kind."
        elif broken:
            words += " Broken: " + "; ".join(_told(each) for each in broken[:5]) + ("; …" if len(broken) > 5 else ".")
        # a feed that did not come at all is a volume nobody expected
        passed = not broken and (delivered or verdict.name != "measures_volume")
        outcomes.append(ExpectationOutcome(verdict.name, passed, verdict.severity, words, observed))
    return outcomes


def _told(judgement: Judgement) -> str:
    if judgement.fault:
        return f"{judgement.promise.words} ({judgement.fault})"
    if judgement.promise.frame == MEASURES:
        return judgement.promise.words
    return f"{judgement.promise.words} ({judgement.against:,} of {judgement.judged:,} not)"
