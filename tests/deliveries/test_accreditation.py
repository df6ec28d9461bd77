"""What a feed's standing means for its deliveries, and how one is ruled on that is tested: as if those before it had been loaded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from pipelines.database import schema as db
from pipelines.deliveries import lying, mended
from pipelines.deliveries.accreditation import admission
from pipelines.deliveries.states import DeliveryEntry, finish, rule_on, rule_on_test
from tests.deliveries.conftest import NIGHT

DAY = date(2026, 11, 20)
CSV = b"id,name\r\n1,A\r\n2,B\r\n"


def delivery(sequence, *, mode="full", day=0, state="tested", counts=None):
    return DeliveryEntry(
        delivery_id=f"330/health/{day}/{sequence}",
        authority="330",
        agency="health",
        business_date=DAY + timedelta(days=day),
        sequence=sequence,
        mode=mode,
        state=state,
        counts=counts or {"rows_read": 50, "accepted": 50},
    )


def codes(findings):
    return {each.code: each.severity for each in findings}


def decided(site, standing, act="pause"):
    row = {
        "authority": "330", "agency": "health", "act": act, "standing": standing, "actor": "A. First", "reason": "agreement 7",
        "despite": [], "decided_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with site.engine.begin() as connection:
        connection.execute(insert(db.accreditation).values(row))


@pytest.mark.parametrize(
    ("standing", "asked_for", "otherwise"),
    [
        ("none", "refused", "loaded"), ("invited", "refused", "loaded"), ("testing", "tested", "tested"),
        ("accredited", "loaded", "loaded"), ("paused", "refused", "refused"), ("ended", "refused", "refused"),
    ],
)  # fmt: skip
def test_the_setting_decides_of_feeds_of_which_nobody_has_and_an_act_holds_without_it(standing, asked_for, otherwise):
    assert admission(standing, accredited_only=True) == asked_for
    assert admission(standing, accredited_only=False) == otherwise


def test_what_is_tested_is_ruled_on_by_what_was_tested_before():
    known = [delivery(1), delivery(2, day=1)]
    assert rule_on_test(known, delivery(3, mode="delta", day=2), [], rows=5).state == "tested"
    gap = rule_on_test(known, delivery(5, mode="delta", day=2), [], rows=5)
    assert (gap.state, codes(gap.findings)) == ("tested", {"SEQUENCE_GAP": "hold"})
    empty = rule_on_test(known, delivery(3, day=2), [], rows=0)
    assert (empty.state, codes(empty.findings)) == ("tested", {"EMPTY": "hold"})
    repeated = rule_on_test(known, delivery(2, day=2), [], rows=5)
    assert (repeated.state, codes(repeated.findings)) == ("refused", {"REPEATED": "refuse"})


def test_what_is_tested_takes_nothing_out_of_force_and_is_nothing_to_build_on():
    loaded = delivery(1, state="loaded")
    assert rule_on_test([loaded], delivery(2), [], rows=5).supersedes == ()
    after = rule_on([delivery(1), delivery(2, day=1)], delivery(3, mode="delta", day=2, state="received"), [], rows=5)
    assert (after.state, codes(after.findings)) == ("held", {"SEQUENCE_GAP": "hold"})
    assert rule_on([delivery(7)], delivery(7, day=1, state="received"), [], rows=5).state == "verified"


def test_a_tested_delivery_of_which_nothing_could_be_used_is_refused():
    ruling = rule_on_test([], delivery(1), [], rows=5)
    state, findings = finish(ruling, {"rows_read": 5, "rejected": 5})
    assert (state, codes(findings)) == ("refused", {"NONE_LOADED": "refuse"})
    state, findings = finish(ruling, {"rows_read": 5, "accepted": 3, "queried": 1, "rejected": 1})
    assert state == "tested"
    assert "4 of 5 records" in findings[-1].message


def test_the_latest_act_of_a_feed_counts(site):
    decided(site, "paused")
    decided(site, "none", "resume")
    site.deliver("health", {"health.csv": CSV})
    assert site.load()[0].state == "loaded"
    decided(site, "paused")
    site.deliver("health", {"health.csv": CSV}, sequence=2, night=NIGHT + timedelta(days=1))
    (entry,) = site.load()
    assert (entry.state, [code["code"] for code in entry.codes], entry.stored_at) == ("refused", ["FEED_PAUSED"], None)


def test_what_is_refused_for_a_standing_is_not_looked_at_again_when_it_has_another(site):
    decided(site, "paused")
    site.deliver("health", {"health.csv": CSV})
    (entry,) = site.load()
    decided(site, "none", "resume")
    (found,) = lying(str(site.landing))
    assert not mended(found, entry)
    site.deliver(
        "health", {"health.csv": CSV}, stated={"created_at": "2026-11-20T23:00:00Z"}
    )  # the same number: it was not used up
    assert site.load()[0].state == "loaded"


def test_files_that_are_put_right_while_their_feed_is_paused_stay_refused(site):
    folder = site.deliver("health", {"health.csv": CSV})
    (folder / "health.csv").write_bytes(CSV[:-1] + b"!")
    (entry,) = site.load()
    assert "CHECKSUM_MISMATCH" in {code["code"] for code in entry.codes}
    decided(site, "paused")
    (folder / "health.csv").write_bytes(CSV)
    (entry,) = site.load()
    assert (entry.state, [code["code"] for code in entry.codes]) == ("refused", ["FEED_PAUSED"])
