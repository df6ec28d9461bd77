"""Every kind of bad delivery, all in one night: each gets its state and code, and every authority is published all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from pipelines.deployment import open_deployment
from pipelines.nights.plan import PlannedNight
from pipelines.nights.run import run_all
from pipelines.nights.summary import summary_of
from sample_feeds import FaultPlan, FileFault, make_nights
from sample_feeds.faults.files import FILE_FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.in_full]
FIRST, SECOND = date(2026, 11, 18), date(2026, 11, 19)
AGENCIES = ("health", "education", "police", "social_care")
AUTHORITIES = ("302", "303", "304", "330")
AFTER_A_SOUND_ONE = {"empty", "repeated", "sequence_gap"}
"""Faults that only show beside a sound delivery before: the first authority's, whose first night has no fault."""


@dataclass(frozen=True)
class Ran:
    """A night that was run and did not fail, as the summary is told of it."""

    planned: PlannedNight
    fault: str = ""
    busy: bool = False
    code: str = ""


def slots() -> list[tuple[str, str, date]]:
    """Deliveries that may be faulty: all of the second night, and some of the first, which still has something to publish."""
    later = [(authority, agency, SECOND) for authority in AUTHORITIES for agency in AGENCIES]
    return [
        *later,
        *((authority, agency, FIRST) for authority in AUTHORITIES[1:] for agency in ("police", "social_care")),
    ]


def planned() -> list[FileFault]:
    """Every kind of fault once; those that only some deliveries can have choose first."""

    def turn(kind: str) -> tuple[bool, bool, str]:
        return kind not in AFTER_A_SOUND_ONE, not FILE_FAULTS[kind].agencies, kind

    free, made = slots(), []
    for kind in sorted(set(FILE_FAULTS) - {"late"}, key=turn):
        agencies = FILE_FAULTS[kind].agencies or AGENCIES
        slot = next(each for each in free if each[1] in agencies)
        free.remove(slot)
        made.append(FileFault(kind, *slot))
    return made


def test_each_file_fault_gets_its_code_and_the_rest_of_the_night_is_published(tmp_path):
    made = make_nights(
        tmp_path, AUTHORITIES, first_night=FIRST, nights=2, children=60, faults=FaultPlan(0.0, tuple(planned()))
    )
    deployment = open_deployment(tmp_path / "home", str(tmp_path / "landing"), create=True)
    ran = [Ran(each.planned) for each in run_all(deployment, started_by="a test")]
    summary = summary_of(deployment, ran)
    assert not summary["ok"]
    nights = summary["nights"]
    assert [night["state"] for night in nights] == ["published"] * 2 * len(AUTHORITIES)
    told = [(night["authority"], night["business_date"], each) for night in nights for each in night["deliveries"]]
    overviews = {
        day: (tmp_path / "home" / "reports" / day.isoformat() / "index.html").read_text(encoding="utf-8")
        for day in (FIRST, SECOND)
    }
    for delivery in (each for each in made if each.fault):
        place = (delivery.authority, delivery.business_date.isoformat())
        answers = [each for *where, each in told if tuple(where) == place and each["agency"] == delivery.agency]
        fits = [
            each
            for each in answers
            if each["state"] == delivery.state and (not delivery.codes or set(delivery.codes) & set(each["codes"]))
        ]
        assert fits, (delivery.fault, delivery.state, delivery.codes, [(a["state"], a["codes"]) for a in answers])
        if delivery.state in ("refused", "held"):
            assert any(code in overviews[delivery.business_date] for code in delivery.codes), delivery.fault
