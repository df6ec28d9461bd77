"""What stands first of all on the pages, in `isindex status` and in a load: it is there as long as it stands, and then is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.nights import decisions, hiding, protection_decisions
from pipelines.publishing.gates import takes_away
from pipelines.reporting import refresh
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, Child, children, day_of
from tests.nights.little_nights import LittleNights, few_keys_may_move
from tests.nights.test_protection import by

CHILD, OTHER = [each for each in children() if not each.shielded][3:5]
KEY = f"health:P{CHILD.nhs}"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights; a child asks in both."""
    made = LittleNights(tmp_path_factory.mktemp("first"))
    mark(made)
    for night in range(2):
        made.deliver(night)
    assert made.load() == dict.fromkeys(range(2), "published")
    return made


@pytest.fixture
def place(asked: LittleNights, tmp_path: Path) -> LittleNights:
    return asked.copied_to(tmp_path)


def mark(place: LittleNights, child: Child = CHILD, value: str = "S") -> None:
    place.feeds["health"].rows[f"P{child.nhs}"]["confidentiality"] = value


def load(place: LittleNights) -> dict[int, str]:
    done = place.load()
    refresh(place.deployment.home, place.deployment.engine)
    return done


def said(place: LittleNights, *words: str) -> str:
    """What a command prints, as one line."""
    options = ["--home", str(place.home)]
    if words[0] == "decide":
        options += ["--authority", AUTHORITY] + ([] if words[1] in ("list", "show") else ["--reason", "seen the order"])
    if words[0] == "load":
        options += ["--landing", str(place.landing)]
    done = CliRunner().invoke(app, [*words, *options], env={"COLUMNS": "400"})
    return " ".join(done.stdout.split())


def first(place: LittleNights, page: str) -> str:
    """What stands first of all on a page; "" where nothing does."""
    root = html.parse(str(place.home / "reports" / page)).getroot()
    found = [root.get_element_by_id(name, None) for name in ("first", "proposals")]
    return " ".join(" ".join(each.text_content().split()) for each in found if each is not None)


def pages(night: int) -> tuple[str, str, str]:
    return "index.html", f"{day_of(night)}/index.html", f"{day_of(night)}/{AUTHORITY}/protection.html"


@contextmanager
def in_the_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No version can be made less."""
    with monkeypatch.context() as patch:
        patch.setattr(hiding, "takes_away", lambda before, after, *_: replace(takes_away(before, after), passed=False))
        yield


@pytest.mark.in_full
def test_protection_that_waits_is_told_everywhere_until_it_has_come_to_its_end(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    with few_keys_may_move(), in_the_way(monkeypatch):
        mark(place, OTHER)
        place.renumber()
        place.deliver(2)
        assert load(place) == {2: "held"}
        again = said(place, "load")
        assert again.startswith("Nothing new has come; this waits for somebody: Authority 330: PROTECTION_WAITS."), (
            again
        )
        told = said(place, "status")
        assert told.startswith("Authority 330: PROTECTION_WAITS.") and "PROTECTION_UNPROVEN" in told
        (status,) = json.loads(said(place, "status", "--json"))
        command = f"isindex load --landing LANDING --home {place.home} --authority {AUTHORITY}"
        assert (
            status["protection_waits"]["code"] == "PROTECTION_WAITS"
            and command in status["protection_waits"]["what_to_do"]
        )
        for page in pages(2):
            assert "PROTECTION_WAITS" in first(place, page) and "PROTECTION_UNPROVEN" in first(place, page), page
            assert f"isindex load --landing LANDING --home HOME --authority {AUTHORITY}" in first(place, page)
        assert first(place, pages(1)[1]) == "", "it stands on the newest night's pages"
    assert load(place) == {}
    assert all(first(place, page) == "" for page in pages(2))
    assert "PROTECTION_WAITS" not in said(place, "status")
    assert json.loads(said(place, "status", "--json"))[0]["protection_waits"] is None


@pytest.mark.in_full
def test_a_proposal_is_told_until_a_second_person_confirms_it(place: LittleNights) -> None:
    said(place, "decide", "unshield", KEY, "--actor", "Ruth")
    for page in pages(1):
        told = first(place, page)
        assert "Ruth proposed it" in told and f"isindex decide confirm 1 --home HOME --authority {AUTHORITY}" in told, (
            page
        )
    told = said(place, "status")
    assert (
        "proposal 1 waits for a second person since" in told and f"isindex decide confirm 1 --home {place.home}" in told
    )
    (status,) = json.loads(said(place, "status", "--json"))
    assert [each["number"] for each in status["proposals_waiting"]] == [1]
    assert f"Proposal 1 waits for a second person: isindex decide confirm 1 --home {place.home}" in said(
        place, "decide", "list"
    )
    assert "isindex decide show 1" in told
    shown = said(place, "decide", "show", "1")
    assert "Proposed by Ruth" in shown and "Warning: as things are, this opens nobody." in shown
    assert json.loads(said(place, "decide", "show", "1", "--json"))["unmet"]
    said(place, "decide", "confirm", "1", "--actor", "Omar")
    assert all(first(place, page) == "" for page in pages(1))
    assert "waits for a second person" not in said(place, "status")
    listed = json.loads(said(place, "decide", "list", "--json"))
    assert [(each["number"], each["waits"], each["confirmed_by"]) for each in listed] == [
        (2, False, None),
        (1, False, 2),
    ]
    assert "Proposal 1 was confirmed by decision 2." in said(place, "decide", "list")


@pytest.mark.in_full
def test_to_take_a_firewall_away_waits_for_a_second_person_too_and_goes_when_it_is_taken_back(
    place: LittleNights,
) -> None:
    other = f"health:P{OTHER.nhs}"
    said(place, "decide", "firewall", KEY, other, "--actor", "Ruth")
    load(place)
    said(place, "decide", "undo", "1", "--actor", "Ruth")
    assert "To take a firewall away" in first(place, "index.html") and "decide confirm 2" in first(place, pages(1)[2])
    said(place, "decide", "undo", "2", "--actor", "Ruth")
    assert first(place, "index.html") == ""
    said(place, "decide", "same", *(f"police:C{each.number:04}" for each in (CHILD, OTHER)), "--actor", "Ruth")
    assert "decide confirm 3" in first(place, "index.html")


@pytest.mark.in_full
def test_an_opening_that_opened_nobody_is_told_until_people_decide_again(place: LittleNights) -> None:
    proposed = protection_decisions.unshield(place.deployment, AUTHORITY, KEY, **by("Ruth"))  # type: ignore[arg-type]
    made = protection_decisions.confirm(place.deployment, AUTHORITY, proposed.number, **by("Omar"))  # type: ignore[arg-type]
    for night in (2, 3):
        place.deliver(night)
        assert load(place) == {night: "published"}
        for page in pages(night):
            assert f"Decision {made.number} opened nobody" in first(place, page), page
    assert f"Decision {made.number} opened nobody" in said(place, "status")
    assert first(place, pages(2)[2]) == ""
    table = (
        html.parse(str(place.home / "reports" / pages(2)[1])).getroot().get_element_by_id("attention").text_content()
    )
    assert f"Decision {made.number} opened nobody" in table, "the night that found it goes on saying so"
    (shield,) = re.findall(r"say so: (isindex decide shield .*?)\.(?: |$)", first(place, pages(3)[2]))
    said(place, *shield.split()[1:4], "--actor", "Ruth")
    assert first(place, "index.html") == "" and "opened nobody" not in said(place, "status")


@pytest.mark.in_full
def test_an_opening_is_met_once_the_child_is_open(place: LittleNights) -> None:
    for number in range(2):
        proposed = protection_decisions.unshield(place.deployment, AUTHORITY, KEY, **by("Ruth"))  # type: ignore[arg-type]
        protection_decisions.confirm(place.deployment, AUTHORITY, proposed.number, **by("Omar"))  # type: ignore[arg-type]
        mark(place, value="" if number else "S")
        place.deliver(2 + number)
        load(place)
        assert ("opened nobody" in first(place, "index.html")) == (number == 0)


# --- tasks that are none, and one that was missing ----------------------------------------------------------------


def tasks(place: LittleNights, night: int) -> list[str]:
    return list(read_table(place.in_force(night).folder / "protection" / "tasks.parquet")["kind"].to_pylist())


@pytest.mark.in_full
def test_a_mark_that_is_gone_is_no_task_while_a_decision_shields_the_child(place: LittleNights) -> None:
    mark(place, value="")
    place.deliver(2)
    assert load(place) == {2: "published"} and tasks(place, 2) == ["gone"]
    made = protection_decisions.shield(
        place.deployment, AUTHORITY, f"police:C{CHILD.number:04}", **by("Ruth")  # type: ignore[arg-type]
    )  # fmt: skip
    load(place)
    assert tasks(place, 2) == []
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Ruth"))  # type: ignore[arg-type]
    load(place)
    assert tasks(place, 2) == ["gone"], "what a decision that was taken back has left asks for nothing"


@pytest.mark.in_full
def test_a_wish_of_a_record_that_is_rejected_every_night_is_a_task_and_one_that_is_withdrawn_is_none(
    place: LittleNights,
) -> None:
    rows = place.feeds["social_care"].rows
    asking = {"requested": True, "by": "Court", "reason_code": "other"}
    (own,) = (row for row in rows.values() if row["nhs_number"] == OTHER.nhs)
    rows["S9999"] = own | {"la_child_id": "S9999", "names": [], "shield": asking}
    for night in (2, 3):
        place.deliver(night)
        assert load(place) == {night: "published"}
        assert tasks(place, night) == ["unsettled"]
    page = html.parse(str(place.home / "reports" / pages(3)[2])).getroot().text_content()
    assert "Not in force" in page and "or a record that was rejected" in page
    place.feeds["health"].rows.pop(f"P{CHILD.nhs}")
    place.deliver(4)
    load(place)
    assert tasks(place, 4) == ["unsettled"], (
        "who was hidden while the record was there stays so, and nobody has to look"
    )


@pytest.mark.in_full
def test_a_held_night_says_what_readers_see_and_not_that_they_see_nobody(place: LittleNights) -> None:
    place.renumber()
    place.deliver(2)
    with few_keys_may_move():
        assert load(place) == {2: "held"}
    page = html.parse(str(place.home / "reports" / pages(2)[1])).getroot()
    (tiles,) = page.find_class("tiles")
    assert " ".join(tiles[0].text_content().split()) == f"{place.published(1).num_rows} Children whom readers see"
    assert "readers see another version than its last run made" in page.text_content()
