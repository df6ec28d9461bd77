"""Feeds by their standing: only accredited ones load where the deployment asks for it, tested ones are judged and kept apart, paused ones stop at
once; and whoever asks to be protected is heard, whatever the feed's standing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from pipelines.audit import entries
from pipelines.database import schema as db
from pipelines.deliveries import Register
from pipelines.errors import IsindexError
from pipelines.nights import decisions
from pipelines.nights.accreditation import decide_feed, every_act, feed_standings
from pipelines.nights.arrivals import look_around
from pipelines.nights.inputs import Inputs
from pipelines.nights.plan import outstanding
from pipelines.nights.summary import standing, summary_of
from pipelines.reporting import refresh
from pipelines.validation.checklist import REQUIREMENTS, checklist_of
from tests.databases import Databases
from tests.nights.little_authority import AGENCIES, AUTHORITY, Delivery, children, day_of, put, row_of
from tests.nights.little_nights import LittleNights, broken_in, few_keys_may_move

CHILD = children()[2]
ONLY = "ISINDEX_ACCREDITED_ONLY"
pytestmark = pytest.mark.one_database


def act(place: LittleNights, verb: str, agency: str = "health", **more: Any) -> Any:
    given = {"actor": "A. First", "reason": "agreement 7", "at": datetime.now(UTC), **more}
    return decide_feed(place.deployment, AUTHORITY, agency, verb, **given)


def ack(place: LittleNights, night: int, agency: str = "health") -> dict[str, Any]:
    folder = place.landing / AUTHORITY / agency / day_of(night).isoformat()
    told: dict[str, Any] = json.loads((folder / "ack.json").read_text())
    return told


def codes(told: dict[str, Any]) -> set[str]:
    return {each["code"] for each in told["codes"]}


def agencies_in(place: LittleNights, night: int) -> set[str]:
    return set(place.published(night, "record_links")["agency"].to_pylist())


def shielded(place: LittleNights, night: int) -> int:
    return int(pc.sum(place.published(night)["shielded"]).as_py() or 0)


def asking(place: LittleNights, night: int) -> None:
    """Health delivers all that it holds, and one child asks to be protected."""
    feed = place.feeds["health"]
    feed.sequence += 1
    rows = [dict(row) for row in feed.rows.values()]
    next(row for row in rows if row["local_patient_id"] == f"P{CHILD.nhs}")["confidentiality"] = "S"
    put(place.landing, Delivery("health", day_of(night), feed.sequence, "full", rows))


@pytest.fixture
def place(tmp_path: Path, database: Databases) -> LittleNights:
    return LittleNights(tmp_path, database)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A night of every feed, before anything was decided."""
    made = LittleNights(tmp_path_factory.mktemp("loaded"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A night of every feed, that of health tested."""
    made = LittleNights(tmp_path_factory.mktemp("tested"))
    act(made, "test")
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


@pytest.mark.both_databases
def test_where_accreditation_is_asked_for_a_feed_without_it_is_answered_and_neither_loaded_nor_kept(
    place: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting(ONLY, 1)
    for agency in ("education", "police", "social_care"):
        act(place, "grant", agency, despite=True)
    place.deliver(0)
    assert place.load() == {0: "published"}
    told = ack(place, 0)
    assert (told["state"], codes(told)) == ("refused", {"FEED_NOT_ACCREDITED"})
    assert not (place.home / "deliveries" / AUTHORITY / "health").exists()
    assert agencies_in(place, 0) == {"education", "police", "social_care"}
    act(place, "invite")
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert codes(ack(place, 1)) == {"FEED_NOT_ACCREDITED"}
    assert "health" not in agencies_in(place, 1)


def test_without_the_setting_a_feed_of_which_nothing_was_decided_loads(place: LittleNights) -> None:
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert agencies_in(place, 0) == set(AGENCIES)
    assert {each.deliveries for each in feed_standings(place.deployment)} == {"loaded"}


def test_a_feed_that_is_paused_stops_with_the_next_load_and_what_was_published_of_it_stays(
    loaded: LittleNights, tmp_path: Path
) -> None:
    place = loaded.copied_to(tmp_path)
    act(place, "pause")
    health = place.feeds["health"]
    for key in list(health.rows)[:2]:
        health.drop(key)
    place.deliver(1)
    assert place.load() == {1: "published"}
    told = ack(place, 1)
    assert (told["state"], codes(told)) == ("refused", {"FEED_PAUSED"})
    links = place.published(1, "record_links")
    assert pc.sum(pc.equal(links["agency"], "health")).as_py() == len(children())
    (row,) = [
        each
        for each in Register(place.deployment.engine).feed_nights(AUTHORITY, day_of(1))
        if each["agency"] == "health"
    ]
    assert (row["as_of"], row["live_records"]) == (day_of(0), len(children()))
    assert [
        each for each in standing(place.deployment) if each["agency"]
    ] == []  # it was decided so: nobody has to settle it
    assert act(place, "resume").standing == "none"
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert pc.sum(pc.equal(place.published(2, "record_links")["agency"], "health")).as_py() == len(children()) - 2


@pytest.mark.parametrize("standing_of_feed", ["none", "invited", "testing", "paused", "ended"])
def test_whoever_asks_to_be_protected_is_heard_whatever_the_standing_of_the_feed(
    loaded: LittleNights, tmp_path: Path, setting: Callable[[str, object], None], standing_of_feed: str
) -> None:
    place = loaded.copied_to(tmp_path)
    setting(ONLY, 1)
    for agency in ("education", "police", "social_care"):
        act(place, "grant", agency, despite=True)
    verb = {"invited": "invite", "testing": "test", "paused": "pause", "ended": "end"}.get(standing_of_feed)
    if verb:
        act(place, verb)
    asking(place, 1)
    place.deliver(1, "education", "police", "social_care")
    assert shielded(place, 0) == 0
    assert place.load() == {1: "published"}
    assert ack(place, 1)["state"] == ("tested" if standing_of_feed == "testing" else "refused")
    assert shielded(place, 1) == 1
    place.deliver(2, "education", "police", "social_care")
    assert place.load() == {2: "published"}
    assert shielded(place, 2) == 1


def test_who_asked_in_a_feed_that_is_refused_is_hidden_though_no_record_of_it_was_ever_loaded(
    place: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting(ONLY, 1)
    for agency in ("education", "police", "social_care"):
        act(place, "grant", agency, despite=True)
    asking(place, 0)
    place.deliver(0, "education", "police", "social_care")
    assert place.load() == {0: "published"}
    assert "health" not in agencies_in(place, 0)
    assert shielded(place, 0) == 1


@pytest.mark.both_databases
def test_a_feed_that_is_tested_is_judged_in_full_and_nothing_of_it_is_matched_or_published(place: LittleNights) -> None:
    act(place, "test")
    place.feeds["health"].rows[f"P{CHILD.nhs}"] = row_of("health", CHILD.number, "broken")
    place.deliver(0)
    assert place.load() == {0: "published"}
    told = ack(place, 0)
    assert (told["state"], codes(told)) == ("tested", {"FEED_TESTED"})
    assert (told["counts"]["rows_read"], told["counts"]["rejected"]) == (8, 1)
    assert (
        "HEALTH-BIRTH-001" in (place.landing / AUTHORITY / "health" / day_of(0).isoformat() / "rejects.csv").read_text()
    )
    assert agencies_in(place, 0) == {"education", "police", "social_care"}
    attempt = place.in_force(0)
    assert {each.agency for each in Inputs.from_json(json.loads((attempt.folder / "inputs.json").read_text())).deliveries} == {
        "education", "police", "social_care",
    }  # fmt: skip
    with place.deployment.engine.connect() as connection:
        assert connection.execute(select(db.reject).where(db.reject.c.agency == "health")).all() == []
    assert [each for each in standing(place.deployment) if each["agency"]] == []


def test_what_was_tested_is_never_loaded_and_the_first_delivery_after_the_grant_is_a_full_one(
    place: LittleNights,
) -> None:
    act(place, "test")
    for night in range(3):
        place.deliver(night)
        assert place.load() == {night: "published"}
    assert act(place, "grant").despite == []
    assert place.load(asked=[2]) == {2: "published"}
    assert "health" not in agencies_in(place, 2)
    assert ack(place, 2)["state"] == "tested"
    feed = place.feeds["health"]
    feed.sequence += 1
    row = dict(next(iter(feed.rows.values())), change="upsert")
    put(place.landing, Delivery("health", day_of(3), feed.sequence, "delta", [row]))
    place.deliver(3, "education", "police", "social_care")
    place.load()
    assert ack(place, 3)["state"] == "held"
    place.deliver(4)
    place.load()
    assert ack(place, 4)["state"] == "loaded"
    assert agencies_in(place, 4) == set(AGENCIES)


def test_what_a_tested_delivery_would_be_held_for_is_said_and_nobody_has_to_settle_it(
    tested: LittleNights, tmp_path: Path
) -> None:
    place = tested.copied_to(tmp_path)
    feed = place.feeds["health"]
    row = dict(next(iter(feed.rows.values())), change="upsert")
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 3, "delta", [row]))
    place.load()
    told = ack(place, 1)
    assert (told["state"], codes(told)) == ("tested", {"SEQUENCE_GAP", "FEED_TESTED"})
    assert [each for each in standing(place.deployment) if each["agency"]] == []
    assert not checklist_of(place.deployment.engine, AUTHORITY, "health", 2).meets("complete")


def test_a_delta_after_a_tested_full_delivery_is_tested_on_top_of_it(tested: LittleNights, tmp_path: Path) -> None:
    place = tested.copied_to(tmp_path)
    feed = place.feeds["health"]
    row = dict(next(iter(feed.rows.values())), change="upsert")
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 1, "delta", [row]))
    place.load()
    assert codes(ack(place, 1)) == {"FEED_TESTED"}
    assert checklist_of(place.deployment.engine, AUTHORITY, "health", 2).holds


def test_what_waits_of_a_paused_feed_is_not_freed_by_a_waiver_before_it_is_resumed(
    loaded: LittleNights, tmp_path: Path
) -> None:
    place = loaded.copied_to(tmp_path)
    feed = place.feeds["health"]
    feed.sequence += 2
    row = dict(next(iter(feed.rows.values())), change="upsert")
    put(place.landing, Delivery("health", day_of(1), feed.sequence, "delta", [row]))
    place.load()
    assert ack(place, 1)["state"] == "held"
    act(place, "pause")
    by = {"actor": "A. First", "reason": "it never comes", "at": datetime.now(UTC)}
    assert decisions.waive(place.deployment, AUTHORITY, "health", feed.sequence - 1, **by) == []
    act(place, "resume")
    (freed,) = decisions.waive(place.deployment, AUTHORITY, "health", feed.sequence - 1, **by)
    assert freed.state == "loaded"


def test_a_grant_is_refused_unless_every_requirement_was_met_on_consecutive_nights(place: LittleNights) -> None:
    act(place, "test")
    place.deliver(0)
    place.deliver(1)
    place.deliver(2, "education")
    place.load()
    with pytest.raises(IsindexError) as fault:
        act(place, "grant")
    assert (fault.value.code, fault.value.exit_code) == ("ACCREDITATION_UNMET", 1)
    assert set(checklist_of(place.deployment.engine, AUTHORITY, "health").unmet) == set(REQUIREMENTS)
    made = act(place, "grant", despite=True)
    assert (made.standing, set(made.despite)) == ("accredited", set(REQUIREMENTS))
    assert made.checklist is not None
    assert made.checklist["nights"][2]["results"]["complete"]["measured"] == "nothing came"
    (told,) = [each for each in feed_standings(place.deployment, AUTHORITY) if each.agency == "health"]
    assert set(told.despite) == set(REQUIREMENTS)


def test_a_feed_that_has_been_loading_is_accredited_by_the_nights_that_were_loaded(place: LittleNights) -> None:
    for night in range(3):
        place.deliver(night)
        place.load()
    for agency in AGENCIES:
        found = checklist_of(place.deployment.engine, AUTHORITY, agency)
        assert found.holds, (agency, found.unmet, found.nights)
        assert act(place, "grant", agency).despite == []


def test_each_requirement_is_measured_by_itself(tested: LittleNights, tmp_path: Path) -> None:
    place = tested.copied_to(tmp_path)
    feed = place.feeds["health"]
    for key in list(feed.rows):
        feed.rows[key] |= {"nhs_number": ""}
    feed.rows[f"P{CHILD.nhs}"] = row_of("health", CHILD.number, "broken")
    place.deliver(1)
    place.load()
    found = checklist_of(place.deployment.engine, AUTHORITY, "health", 2)
    assert found.unmet == ("conformant", "identifiers")
    first, second = found.nights
    assert all(result.holds for result in first.results.values())
    assert second.results["conformant"].measured == "12.50% rejected"
    assert second.results["identifiers"].measured == "0.0% with a verified number"
    assert second.results["volume"].holds


def test_the_certificate_shows_the_checklist_and_names_nobody(tested: LittleNights, tmp_path: Path) -> None:
    place = tested.copied_to(tmp_path)
    page = place.home / "reports" / "accreditation" / AUTHORITY / "health" / "index.html"
    assert "Testing" in page.read_text()
    assert "accreditation/index.html" in (place.home / "reports" / "index.html").read_text()
    act(place, "grant", despite=True, actor="B. Second", reason="it is urgent")
    refresh(place.deployment.home, place.deployment.engine)
    shown = page.read_text()
    assert "Accredited" in shown
    assert "although it did not meet: Punctual, Complete" in shown
    assert "100.0% with a verified number" in shown
    with (page.parent / "granted.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["Requirement"]: row["Met"] for row in csv.DictReader(stream)}
    assert rows == dict.fromkeys(
        ("Punctual", "Complete", "Conformant", "Protective columns", "Identifiers", "Volume"), "Not met"
    )
    every = shown + (page.parent.parent.parent / "index.html").read_text()
    persons = (
        "A. First",
        "B. Second",
        "urgent",
        *(each.family for each in children()),
        *(each.nhs for each in children()),
    )
    assert [each for each in persons if each in every] == []
    before = page.stat().st_mtime_ns
    refresh(place.deployment.home, place.deployment.engine)
    assert page.stat().st_mtime_ns == before


def test_a_flood_in_a_feed_that_is_not_loaded_waits_for_a_waiver_and_no_other_refusal_does(
    loaded: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.deliveries.intake._FLOOD_ABOVE", 0)
    place = loaded.copied_to(tmp_path)
    act(place, "pause")
    feed = place.feeds["health"]
    rows = [{**row, "confidentiality": "S"} for row in feed.rows.values()]
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 1, "full", rows))
    assert place.load() == {1: "published"}
    assert codes(ack(place, 1)) == {"FEED_PAUSED", "PROTECTION_FLOOD"}
    assert shielded(place, 1) == 0
    assert [each["agency"] for each in standing(place.deployment) if each["agency"]] == ["health"]
    by = {"actor": "A. First", "reason": "all of them", "at": datetime.now(UTC)}
    assert decisions.waive(place.deployment, AUTHORITY, "health", feed.sequence + 1, **by) == []
    assert place.load() == {1: "published"}
    assert shielded(place, 1) == len(children())


def test_a_flood_in_a_feed_that_is_tested_is_told_until_a_waiver_lets_it_count(
    tested: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.deliveries.intake._FLOOD_ABOVE", 0)
    place = tested.copied_to(tmp_path)
    feed = place.feeds["health"]
    rows = [{**row, "confidentiality": "S"} for row in feed.rows.values()]
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 1, "full", rows))
    assert place.load() == {1: "published"}
    assert (ack(place, 1)["state"], codes(ack(place, 1))) == ("tested", {"FEED_TESTED", "PROTECTION_FLOOD"})
    assert not checklist_of(place.deployment.engine, AUTHORITY, "health", 2).meets("protective_columns")
    assert shielded(place, 1) == 0
    assert [each.code for each in look_around(place.deployment).findings] == ["FLOOD_WAITS"]
    by = {"actor": "A. First", "reason": "all of them", "at": datetime.now(UTC)}
    assert decisions.waive(place.deployment, AUTHORITY, "health", feed.sequence + 1, **by) == []
    assert place.load() == {1: "published"}
    assert shielded(place, 1) == len(children())
    assert "health" not in agencies_in(place, 1)


@pytest.mark.both_databases
def test_an_authority_none_of_whose_feeds_is_to_be_loaded_yet_alarms_nobody_and_is_published_after_the_grants(
    place: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting(ONLY, 1)
    act(place, "test", "health")
    act(place, "test", "education")
    for night in range(2):
        place.deliver(night)
        (planned,) = outstanding(place.deployment, look_around(place.deployment).new)
        assert place.load() == {night: "not built"}
        told = summary_of(place.deployment, [SimpleNamespace(planned=planned, fault="", busy=False, code="")])
        assert (told["ok"], told["nights"][0]["state"]) == (True, "not built")
        assert "accredit list" in told["nights"][0]["what_to_do"]
    assert ack(place, 1)["state"] == "tested"
    assert standing(place.deployment) == []
    assert place.planned(asked=[0, 1], due=2) == {}  # nothing of it is built by the schedule, or where somebody asks
    for agency in AGENCIES:
        act(place, "grant", agency, despite=True)
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert agencies_in(place, 2) == set(AGENCIES)
    assert standing(place.deployment) == []
    assert place.planned() == {} and not look_around(place.deployment).findings


def deltas(place: LittleNights, night: int) -> None:
    """Every agency delivers a delta of one record; in that of health the child asks to be protected."""
    for agency, feed in place.feeds.items():
        feed.sequence += 1
        rows = [
            dict(row, change="upsert") for key, row in feed.rows.items() if key == f"P{CHILD.nhs}" or agency != "health"
        ][:1]
        rows[0] |= {"confidentiality": "S"} if agency == "health" else {}
        put(place.landing, Delivery(agency, day_of(night), feed.sequence, "delta", rows))


@pytest.mark.both_databases
def test_a_night_of_deltas_alone_is_held_until_all_of_its_feeds_have_delivered_in_full(
    place: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting(ONLY, 1)
    for agency in AGENCIES:
        act(place, "grant", agency, despite=True)
    deltas(place, 0)
    assert place.load() == {0: "held"}
    assert ("held", None) in [(each["state"], each["agency"]) for each in standing(place.deployment)]
    place.deliver(1, "health", "education", "police")
    assert place.load() == {1: "published"}
    waits = standing(place.deployment)  # social care has not told all that there is to say
    assert [(each["state"], each["agency"]) for each in waits] == [("held", None), ("held", "social_care")]
    assert shielded(place, 1) == 1  # whoever asked in what was held
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert (standing(place.deployment), place.planned()) == ([], {})
    assert shielded(place, 2) == 1


def test_a_night_that_is_held_after_another_was_published_stands_whatever_comes_later(place: LittleNights) -> None:
    place.deliver(0)
    assert place.load() == {0: "published"}
    place.renumber()
    with few_keys_may_move():
        place.deliver(1)
        assert place.load() == {1: "held"}
        for row in place.feeds["health"].rows.values():
            row["local_patient_id"] = row["local_patient_id"].removesuffix("N")
        place.deliver(2)
        assert place.load() == {2: "published"}
    assert [each["business_date"] for each in standing(place.deployment)] == [day_of(1).isoformat()]


@pytest.mark.parametrize("standing_then", ["none", "testing"])
def test_who_asks_while_nothing_is_built_is_hidden_in_the_first_night_that_is(
    place: LittleNights, setting: Callable[[str, object], None], standing_then: str
) -> None:
    setting(ONLY, 1)
    if standing_then == "testing":
        act(place, "test", "health")
    asking(place, 0)
    assert place.load() == {0: "not built"}
    act(place, "grant", "education", despite=True)
    place.deliver(1, "education")  # it does not ask, and health is not loaded
    assert place.load() == {1: "published"}
    assert (agencies_in(place, 1), shielded(place, 1)) == ({"education"}, 1)


def test_a_night_that_failed_as_its_deliveries_were_taken_in_is_taken_in_later_and_alarms_nobody_then(
    place: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting(ONLY, 1)
    asking(place, 0)
    assert place.load(before=broken_in("police")) == {0: "failed"}
    assert [each["state"] for each in standing(place.deployment)] == ["failed"]
    assert place.load() == {0: "not built"}
    assert standing(place.deployment) == []
    assert place.planned() == {}


@pytest.mark.both_databases
def test_each_act_follows_on_some_standings_only_and_stands_in_the_audit(place: LittleNights) -> None:
    with pytest.raises(IsindexError) as fault:
        act(place, "resume")
    assert (fault.value.code, fault.value.exit_code) == ("ACCREDITATION_STEP", 2)
    for verb, after in (
        ("invite", "invited"), ("test", "testing"), ("pause", "paused"), ("resume", "testing"), ("grant", "accredited"), ("pause", "paused"),
        ("resume", "accredited"), ("end", "ended"), ("invite", "invited"),
    ):  # fmt: skip
        assert act(place, verb, despite=verb == "grant").standing == after
    with pytest.raises(IsindexError) as fault:
        act(place, "invite", reason=" ")
    assert fault.value.code == "DECISION_INCOMPLETE"
    told = every_act(place.deployment, AUTHORITY)
    assert [each.number for each in told] == sorted((each.number for each in told), reverse=True)
    audited = [each for each in entries(place.deployment) if each.action.startswith("accredit ")]
    assert len(audited) == len(told) == 9
    assert audited[0].subject == "health: ended → invited"
    assert all(each.actor == "A. First" and each.authority == AUTHORITY and each.account for each in audited)


def test_pausing_one_feed_leaves_the_other_feeds_and_authorities_alone(place: LittleNights) -> None:
    act(place, "pause", "police")
    place.deliver(0)
    place.deliver(0, authority="331")
    place.load()
    assert agencies_in(place, 0) == {"health", "education", "social_care"}
    assert {each.agency: each.deliveries for each in feed_standings(place.deployment, "331")} == dict.fromkeys(
        AGENCIES, "loaded"
    )
