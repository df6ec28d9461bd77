"""What people read in the morning is what happened: pages, commands and the published manifest say the same of real nights."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from typer.testing import CliRunner

from assets.command.app import app
from assets.launch import Launched
from pipelines.nights.arrivals import look_around
from pipelines.nights.decisions import decide, take_back
from pipelines.nights.protection_decisions import confirm, unshield
from pipelines.nights.retention import prune
from pipelines.nights.run import run_all
from pipelines.nights.summary import standing, summary_of
from pipelines.tables import read_as
from tests.assets.daemon import DAGSTERS_OWN
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, everyone, put, row_of
from tests.nights.little_nights import LittleNights, broken_in

pytestmark = DAGSTERS_OWN
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A home after a night for which everybody delivered, to be copied."""
    made = LittleNights(tmp_path_factory.mktemp("first"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


@pytest.fixture
def nights(first_night: LittleNights, tmp_path: Path) -> Iterator[LittleNights]:
    made = first_night.copied_to(tmp_path)
    yield made
    made.deployment.engine.dispose()


def rows_of(nights: LittleNights, page: str, table: str) -> list[list[str]]:
    """A table of a report page; no rows where the page says that there is nothing."""
    root = html.parse(str(nights.home / "reports" / page)).getroot()
    found = root.get_element_by_id(table, None)
    return [
        [cell.text_content().strip() for cell in row]
        for row in (found.iterfind("tbody/tr") if found is not None else ())
    ]


def overview(nights: LittleNights, number: int, table: str) -> list[list[str]]:
    return rows_of(nights, f"{day_of(number)}/index.html", table)


def manifest(nights: LittleNights, number: int) -> dict[str, Any]:
    """The manifest of the night's version in force."""
    told: dict[str, Any] = read_as(nights.in_force(number).folder / "published.json", dict)
    return told


def asked(*words: str) -> Any:
    """What a command answers in JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    return json.loads(done.stdout)


# ---- what has changed -----------------------------------------------------------------------------------------------
@pytest.mark.in_full
def test_no_kind_of_change_is_left_out_anywhere(nights: LittleNights) -> None:
    seen: set[str] = set()

    def all_agree(number: int) -> None:
        differences = manifest(nights, number)["differences"]
        (row,) = overview(nights, number, "authorities")
        told = re.findall(r"(\d[\d,]*) (\w+)(?: \((\d[\d,]*) of them (\w+)\))?", row[8])
        shown = {kind: count for *one, moved, what in told for count, kind in (one, (moved, what)) if kind}
        assert shown == {kind: f"{count:,}" for kind, count in differences.items() if count}
        assert asked("diff", "--home", str(nights.home), "--authority", AUTHORITY) == differences
        assert asked("status", "--home", str(nights.home))[0]["differences"] == differences
        seen.update(shown)

    health = nights.feeds["health"]
    shielded, moved, *_ = (child for child in children() if not child.shielded)
    guests = [
        replace(children()[0], number=8 + n, given=given, family=f"{given}ford")
        for n, given in enumerate(("Ines", "Otto"))
    ]
    keys = [health.hold(guest) for guest in guests]
    health.hold(shielded, confidentiality="S")
    health.hold(moved, address_line_1="1 Newly Row")
    nights.deliver(1)
    nights.load()
    all_agree(1)
    health.hold(shielded)
    opened = {"reason": "the order has ended", "at": NOW}
    hidden = f"health:{next(key for key, row in health.rows.items() if row['family_name'] == shielded.family)}"
    wish = unshield(nights.deployment, AUTHORITY, hidden, actor="Ruth", **opened)
    confirm(nights.deployment, AUTHORITY, wish.number, actor="Omar", **opened)
    nights.deliver(2)
    nights.load()
    all_agree(2)
    pair = [f"health:{key}" for key in keys]
    made = decide(nights.deployment, AUTHORITY, "same", *pair, actor="Ruth", reason="a slip", at=NOW)
    nights.load()
    all_agree(2)
    nights.deliver(3)
    nights.load()
    take_back(nights.deployment, AUTHORITY, made.number, actor="Ruth", reason="two children", at=NOW)
    nights.load()
    all_agree(3)
    health.drop(keys[0])
    nights.deliver(4)
    nights.load()
    all_agree(4)
    assert seen >= {"added", "ended", "changed", "moved", "shielded", "unshielded", "merged", "restored", "unchanged"}


# ---- what was counted -----------------------------------------------------------------------------------------------
def send(
    nights: LittleNights, number: int, sequence: int, *rows: dict[str, Any], mode: str = "delta", fault: str = ""
) -> None:
    """A delivery of health: rows as they are sent, of a delta without what becomes of them."""
    sent = [row | ({"change": "upsert"} if mode == "delta" else {}) for row in rows]
    put(nights.landing, Delivery("health", day_of(number), sequence, mode, sent, fault))


@pytest.mark.in_full
def test_pages_count_all_that_is_in_force_and_nothing_that_is_held(nights: LittleNights) -> None:
    send(nights, 1, 2, *everyone("health", but={0: "broken", 1: "queried"}), mode="full")
    nights.load()
    send(nights, 1, 3, row_of("health", 0, "broken"), row_of("health", 2, "queried"), row_of("health", 3))
    nights.load()
    send(nights, 1, 5, *everyone("health"))  # the fourth is missing
    nights.load()
    (health,) = (feed for feed in manifest(nights, 1)["inputs"] if feed["agency"] == "health")
    counts = health["counts"]
    assert [counts[name] for name in ("rows_read", "accepted", "queried", "rejected")] == [11, 7, 2, 2]

    shown = ["11", "7", "2", "2", "0", "0"]
    (feed,) = (row for row in overview(nights, 1, "feeds") if row[1].startswith("Health"))
    assert feed[5:11] == shown
    (authority,) = overview(nights, 1, "authorities")
    totals = manifest(nights, 1)["control_totals"]
    assert authority[4:7] == [str(totals[name]) for name in ("accepted", "queried", "rejected")]
    pages = f"{day_of(1)}/{AUTHORITY}"
    (agency,) = (row for row in rows_of(nights, f"{pages}/rejected.html", "agencies") if row[0].startswith("Health"))
    assert agency[1:4] == ["11", "2", "2"]
    records = {(row[5], row[6], row[2]) for row in rows_of(nights, f"{pages}/rejected.html", "rejected")}
    assert sorted(records) == [
        ("2", "1", "Rejected"),
        ("2", "2", "Queried"),
        ("3", "1", "Rejected"),
        ("3", "2", "Queried"),
    ]
    (trend,) = (
        row
        for row in rows_of(nights, f"{pages}/rejected.html", "trend")
        if row[0].startswith("19 Nov") and row[1] == "Health"
    )
    assert trend[2:] == ["2", "2"]
    fields = [row for row in rows_of(nights, f"{pages}/quality.html", "fields") if row[1].startswith("Health")]
    assert [row[3] for row in fields if row[3] != "0"] == ["2", "2"]


@pytest.mark.in_full
def test_a_delta_that_is_held_alone_brings_nothing(nights: LittleNights) -> None:
    send(nights, 1, 3, *everyone("health"))
    nights.load()
    (feed,) = (row for row in overview(nights, 1, "feeds") if row[1].startswith("Health"))
    assert feed[2] == "Held"
    assert feed[5:11] == ["–none"] * 6
    (authority,) = overview(nights, 1, "authorities")
    assert authority[4:7] == ["0", "0", "0"]


@pytest.mark.in_full
def test_a_feed_with_more_rejects_than_its_service_level_allows_is_to_be_settled(nights: LittleNights) -> None:
    send(nights, 1, 2, *everyone("health"), mode="full")
    nights.deliver(1, "education", "police", "social_care")
    nights.load()
    page = nights.home / "reports" / f"{day_of(1)}" / "index.html"
    assert "Nothing needs settling" in page.read_text()
    send(nights, 1, 3, *everyone("health", but={0: "broken"}), mode="full")
    nights.load()
    (row,) = overview(nights, 1, "attention")
    assert row[3] == "REJECT_RATE"
    assert "12.50%" in row[5] and "2.00%" in row[5] and "supplier" in row[6]
    assert "REJECT_RATE" in (page.parent / "attention.csv").read_text()
    assert "Nothing needs settling" not in page.read_text()


# ---- what waits for somebody ----------------------------------------------------------------------------------------
def waits(nights: LittleNights) -> list[tuple[str, int | None, str]]:
    """Agency, sequence and state of each delivery that stands: the summary, `status` and the front page say the same."""
    told = [
        (each["business_date"], each["agency"], each["sequence"], each["state"])
        for each in standing(nights.deployment)
        if each["agency"]
    ]
    shown = {(row[0], row[2], row[3], row[4].lower()) for row in rows_of(nights, "index.html", "standing")}
    assert shown == {(day, agency, str(number), state) for day, agency, number, state in told}
    (status,) = asked("status", "--home", str(nights.home))
    assert [each["delivery_id"] for each in status["standing"]] == [
        each["delivery_id"] for each in standing(nights.deployment)
    ]
    return [(agency, number, state) for _, agency, number, state in told]


def to_settle(nights: LittleNights, number: int, agency: str = "Health") -> set[str]:
    """The codes on the night's attention list."""
    return {row[3] for row in overview(nights, number, "attention") if row[1].startswith(agency)}


def load(nights: LittleNights, *words: str) -> Any:
    return CliRunner().invoke(app, ["load", "--home", str(nights.home), "--landing", str(nights.landing), *words])


@pytest.mark.in_full
def test_a_refused_delivery_is_told_by_every_load_until_it_is_sent_whole(nights: LittleNights) -> None:
    nights.feeds["health"].sequence = 1
    (damaged,) = nights.deliver(1, "health", fault="checksum")
    nights.deliver(1, "education", "police", "social_care")
    nights.load()
    assert waits(nights) == [("health", 2, "refused")]
    assert to_settle(nights, 1) == {"CHECKSUM_MISMATCH"}
    again = load(nights)
    assert again.exit_code == 1, again.output
    assert "Still refused" in again.stdout and "CHECKSUM_MISMATCH" in again.stdout
    assert "every night is built" not in again.stdout
    nights.deliver(2, "education")  # what others send later does not put it right
    nights.load()
    assert waits(nights) == [("health", 2, "refused")]
    put(nights.landing, damaged.but(fault=""))
    nights.load()
    assert waits(nights) == []
    assert to_settle(nights, 1) == set()
    quiet = load(nights)
    assert (quiet.exit_code, "every night is built" in quiet.stdout) == (0, True)


@pytest.mark.in_full
def test_a_refused_delivery_is_settled_by_one_of_its_number_elsewhere_and_by_a_waiver(nights: LittleNights) -> None:
    send(nights, 1, 2, *everyone("health"), mode="full", fault="checksum")
    nights.load()
    send(nights, 2, 2, *everyone("health"), mode="full")
    nights.load()
    assert (waits(nights), to_settle(nights, 1)) == ([], set())
    send(nights, 3, 3, *everyone("health"), mode="full", fault="checksum")
    nights.load()
    assert waits(nights) == [("health", 3, "refused")]
    waive(nights, 3)
    assert (waits(nights), to_settle(nights, 3)) == ([], set())


@pytest.mark.in_full
def test_a_repeat_is_told_until_a_later_one_is_in_force_for_its_night(nights: LittleNights) -> None:
    send(nights, 0, 1, *everyone("health", but={0: "moved"}), mode="full")
    nights.load()
    assert (waits(nights), to_settle(nights, 0)) == ([("health", 1, "refused")], {"REPEATED"})
    send(nights, 0, 2, *everyone("health", but={0: "moved"}), mode="full")
    nights.load()
    assert (waits(nights), to_settle(nights, 0)) == ([], set())


@pytest.mark.in_full
def test_a_gap_is_told_until_it_is_filled_or_waived(nights: LittleNights) -> None:
    send(nights, 2, 4, *everyone("health"), mode="full")
    nights.load()
    assert to_settle(nights, 2) == {"SEQUENCE_GAP"}
    send(nights, 1, 3, *everyone("health"), mode="full")
    nights.load()
    assert to_settle(nights, 2) == set()
    assert to_settle(nights, 1) == {"SEQUENCE_GAP"}
    waive(nights, 2)
    assert to_settle(nights, 1) == set()


@pytest.mark.in_full
def test_a_held_delta_and_an_empty_delivery_are_told_until_a_full_one_comes(nights: LittleNights) -> None:
    send(nights, 1, 3, row_of("health", 0))
    nights.load()
    assert waits(nights) == [("health", 3, "held")]
    assert load(nights).exit_code == 1
    send(nights, 2, 4, *everyone("health"), mode="full")
    nights.load()
    assert waits(nights) == []
    assert to_settle(nights, 1) == set()


def waive(nights: LittleNights, sequence: int) -> None:
    words = ["--authority", AUTHORITY, "--agency", "health", "--sequence", str(sequence), "--reason", "never sent"]
    assert CliRunner().invoke(app, ["waive", "--home", str(nights.home), *words]).exit_code == 0


# ---- a night that failed --------------------------------------------------------------------------------------------
def test_what_a_failed_night_did_not_come_to_lies_there_and_is_not_waited_for(nights: LittleNights) -> None:
    nights.deliver(1, "health", "education")
    assert nights.load(before=broken_in("health")) == {1: "failed"}
    states = {row[1]: row[2] for row in overview(nights, 1, "feeds")}
    assert [states[agency] for agency in sorted(states)][:2] == ["Received", "Received"]  # education, health
    told = {row[1]: row for row in overview(nights, 1, "attention")}
    assert all("has not been taken in" in row[5] for row in told.values() if row[2] == "Received")
    reason = standing(nights.deployment)[0]["reasons"][0]
    assert reason.startswith("health: ")
    assert overview(nights, 1, "authorities")[0][-1] == rows_of(nights, "index.html", "waiting")[0][3] == reason
    nights.load()
    assert "Received" not in {row[2] for row in overview(nights, 1, "feeds")}
    assert overview(nights, 1, "attention") == [
        row for row in overview(nights, 1, "attention") if row[3] != "NOT_TAKEN_IN"
    ]


# ---- what lies in the landing place ---------------------------------------------------------------------------------
def test_a_delivery_without_its_manifest_is_told_until_it_is_whole(nights: LittleNights) -> None:
    nights.deliver(1, "health")
    folder = nights.landing / AUTHORITY / "health" / day_of(1).isoformat()
    whole = (folder / "manifest.json").read_text()
    (folder / "manifest.json").unlink()
    nights.load()
    place = f"{AUTHORITY}/health/{day_of(1)}"
    for page in ("index.html", f"{day_of(0)}/index.html"):
        assert [row[0] for row in rows_of(nights, page, "landing")] == [place]
        assert "waits for its manifest" in rows_of(nights, page, "landing")[0][2]
    (folder / "manifest.json").write_text(whole)
    nights.load()
    for page in ("index.html", f"{day_of(1)}/index.html"):
        assert rows_of(nights, page, "landing") == []


@pytest.mark.in_full
def test_a_load_of_some_nights_says_which_it_was_not_asked_for(nights: LittleNights) -> None:
    nights.deliver(1)
    for words in (("--night", f"{day_of(0)}"), ("--authority", "331")):
        told = load(nights, *words)
        assert told.exit_code == 0, told.output
        assert "every night is built" not in told.stdout
        assert f"not asked for: {day_of(1)} authority {AUTHORITY}" in told.stdout
    (night,) = json.loads(load(nights, "--night", f"{day_of(0)}", "--json").stdout)["not_asked"]
    assert (night["authority"], night["business_date"]) == (AUTHORITY, day_of(1).isoformat())
    nights.load()
    assert "every night is built" in load(nights, "--night", f"{day_of(0)}").stdout


# ---- nights that were let go ----------------------------------------------------------------------------------------
@pytest.mark.in_full
def test_nights_let_go_by_the_load_that_published_them_went_well_and_are_history_then(
    nights: LittleNights, setting: Callable[[str, object], None]
) -> None:
    setting("ISINDEX_KEEP_NIGHTS", 1)
    setting("ISINDEX_KEEP_VERSIONS", 1)
    for number in (1, 2, 3):
        nights.deliver(number, "health")
    ran = run_all(nights.deployment, started_by="a test")
    prune(nights.deployment, AUTHORITY)
    assert nights.last(1).state == "retired"
    summary = summary_of(nights.deployment, [Launched(each.planned, "") for each in ran])
    assert ([night["state"] for night in summary["nights"]], summary["ok"]) == (["published"] * 3, True)

    let_go = ("--night", f"{day_of(1)}")
    words = ("decide", "override", "volume", "--home", str(nights.home), "--authority", AUTHORITY, "--reason", "right")
    for told in (load(nights, *let_go, "--again", "--json"), CliRunner().invoke(app, [*words, *let_go])):
        assert told.exit_code == 2
        assert "NIGHT_RETIRED" in told.output and "brings none back" in " ".join(told.output.split())
    nights.deliver(1, "police")
    (found,) = look_around(nights.deployment).findings
    assert "let go" in found.message
    assert "ISINDEX_FIRST_NIGHT" not in found.remedy and "later date" in found.remedy


@pytest.mark.in_full
# ---- silence --------------------------------------------------------------------------------------------------------
def test_an_authority_that_has_fallen_silent_is_named_though_no_run_was_made_for_it(nights: LittleNights) -> None:
    nights.deliver(1)
    nights.load()
    folder = nights.landing / "331" / "health" / day_of(2).isoformat()
    put(nights.landing, Delivery("health", day_of(2), 1, "full", everyone("health")))
    folder.parent.mkdir(parents=True)
    (nights.landing / AUTHORITY / "health" / day_of(2).isoformat()).replace(folder)
    told = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(told | {"authority": "331"}))
    nights.load()
    silent, heard = overview(nights, 2, "authorities")
    assert (silent[1], silent[2], heard[1], heard[2]) == (AUTHORITY, "Silent", "331", "Published")
    assert silent[-1] == "Nothing has come for this night; last heard of for 19 Nov 2026."
    assert any(silent[-1] == row[5] for row in overview(nights, 2, "attention"))
