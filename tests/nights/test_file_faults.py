"""Every kind of bad delivery, all in one night: each gets its state and code, and every authority is published all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from sample_feeds import FaultPlan, FileFault, make_nights
from sample_feeds.faults.files import FILE_FAULTS

pytestmark = pytest.mark.slow
FIRST, SECOND = date(2026, 11, 18), date(2026, 11, 19)
AGENCIES = ("health", "education", "police", "social_care")
AUTHORITIES = ("302", "303", "304", "305", "330", "815")


def test_each_file_fault_gets_its_code_and_the_rest_of_the_night_is_published(tmp_path, database):
    slots = [(authority, agency) for authority in AUTHORITIES for agency in AGENCIES]
    planned = []
    for kind in sorted(set(FILE_FAULTS) - {"late"}):
        slot = next(each for each in slots if not FILE_FAULTS[kind].agencies or each[1] in FILE_FAULTS[kind].agencies)
        slots.remove(slot)
        planned.append(FileFault(kind, *slot, SECOND))
    made = make_nights(
        tmp_path, AUTHORITIES, first_night=FIRST, nights=2, children=60, faults=FaultPlan(0.0, tuple(planned))
    )
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--json", "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [*command, "--landing", str(tmp_path / "landing")],
        capture_output=True, text=True, check=False, env=database.environment(tmp_path / "home"),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]
    nights = json.loads(done.stdout)["nights"]
    assert [night["state"] for night in nights] == ["published"] * 2 * len(AUTHORITIES)
    told = [(night["authority"], night["business_date"], each) for night in nights for each in night["deliveries"]]
    overview = (tmp_path / "home" / "reports" / SECOND.isoformat() / "index.html").read_text(encoding="utf-8")
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
            assert any(code in overview for code in delivery.codes), delivery.fault
