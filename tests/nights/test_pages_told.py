"""What pages say of who is hidden is what readers see: versions published again or removed, nights held or held anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest
from lxml import html

from pipelines.nights.decisions import override
from pipelines.nights.protective import taken_away
from pipelines.nights.summary import summary_of
from pipelines.publishing.publish import bury
from pipelines.publishing.tombstones import Counted
from pipelines.reporting import refresh
from pipelines.reporting.words import HIDING, TAKEN, TASKS
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, broken_in, few_keys_may_move

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
ALWAYS = sum(child.shielded for child in children())
CHILD = next(child for child in children() if not child.shielded)


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("told"))
    for night in range(2):
        made.deliver(night)
    assert made.load() == dict.fromkeys(range(2), "published")
    return made


@pytest.fixture
def place(two_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return two_nights.copied_to(tmp_path)


def load(place: LittleNights) -> dict[int, str]:
    """As the command does it: nights, then the pages that they have made untrue."""
    done = place.load()
    refresh(place.deployment.home, place.deployment.engine)
    return done


def page(place: LittleNights, path: str) -> html.HtmlElement:
    return html.parse(str(place.home / "reports" / path)).getroot()


def rows(place: LittleNights, number: int | None, table: str) -> list[dict[str, str]]:
    """A table of a night's page, or of the first page, by heading."""
    found = page(place, "index.html" if number is None else f"{day_of(number)}/index.html").get_element_by_id(
        table, None
    )
    if found is None:
        return []
    heads = [head.text_content().strip() for head in found.iterfind("thead/tr/th")]
    return [
        dict(zip(heads, (cell.text_content().strip() for cell in row), strict=True)) | _folded(row)
        for row in found.iterfind("tbody/tr")
    ]


def _folded(row: html.HtmlElement) -> dict[str, str]:
    """What stands below each other in a cell, by its own title."""
    lines = [(line.find_class("of")[0].text_content(), line.text_content()) for line in row.find_class("line")]
    return {title: told.removeprefix(title).strip() for title, told in lines}


def asks(place: LittleNights) -> None:
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "S"


def hidden_in(place: LittleNights, number: int) -> str:
    seen = place.published(number)
    return str(pc.sum(pc.or_(seen["shielded"], seen["withheld"])).as_py())


def held_with_a_wish(place: LittleNights, number: int) -> None:
    """A night that is held, in which a child asks who was shown until then."""
    asks(place)
    place.renumber()
    place.deliver(number)
    with few_keys_may_move():
        assert load(place)[number] == "held"


@pytest.mark.in_full
def test_every_night_says_which_of_its_versions_was_published_again_and_why(place: LittleNights) -> None:
    before = [place.night(number).version() for number in range(2)]
    assert rows(place, 0, "taken") == rows(place, 1, "taken") == []
    held_with_a_wish(place, 2)
    for number in range(2):
        (row,) = rows(place, number, "taken")
        assert row["What happened"] == TAKEN["less"].text
        assert row["Why"] == "1 child whom it showed must be hidden by now."
        assert (row["Version"], row["Shown since as"]) == (before[number], place.night(number).version())
        assert row["When (UTC)"].startswith("20")
    assert [row["Versions shown less or removed"] for row in rows(place, None, "nights")] == ["0", "1", "1"]


def test_a_version_that_was_removed_is_told_on_the_page_of_its_night(place: LittleNights) -> None:
    version = str(place.night(0).version())
    bury(place.deployment.home, AUTHORITY, version, "PROTECTED", None, Counted(2))
    load(place)
    (row,) = rows(place, 0, "taken")
    assert row["What happened"] == TAKEN["removed"].text and row["Why"].startswith("It showed 2 children")
    assert "Shown since as" not in row


@pytest.mark.in_full
def test_hidden_children_are_counted_in_what_readers_see(place: LittleNights) -> None:
    (row,) = rows(place, 1, "protection")
    assert (row["Which version"], row["Children hidden"]) == (HIDING["in_force"].text, hidden_in(place, 1))
    before = hidden_in(place, 1)
    held_with_a_wish(place, 2)
    assert hidden_in(place, 1) != before
    for number in range(2):
        (row,) = rows(place, number, "protection")
        assert row["Children hidden"] == hidden_in(place, number)


@pytest.mark.in_full
def test_what_a_held_night_found_is_said_to_be_not_in_force_beside_what_readers_see(place: LittleNights) -> None:
    held_with_a_wish(place, 2)
    seen, found = rows(place, 2, "protection")
    assert (seen["Which version"], found["Which version"]) == (HIDING["earlier"].text, HIDING["not_in_force"].text)
    assert seen["Children hidden"] == hidden_in(place, 1) and seen["Of the night"].startswith(str(day_of(1).day))
    assert seen["To look at"] == "–none" and {word.text for word in TASKS.values()}.isdisjoint(seen)
    assert found["Of the night"].startswith(str(day_of(2).day))
    told = page(place, f"{day_of(2)}/{AUTHORITY}/protection.html").text_content()
    assert "that run was not published" in told
    assert "that run was not published" not in page(place, f"{day_of(1)}/{AUTHORITY}/protection.html").text_content()


@pytest.mark.in_full
def test_what_readers_see_instead_of_a_held_night_is_told_anew_when_it_is_made_less(place: LittleNights) -> None:
    from datetime import UTC, datetime

    from pipelines.nights.protection_decisions import shield

    place.renumber()
    place.deliver(2)
    with few_keys_may_move():
        assert load(place) == {2: "held"}
        before = rows(place, 2, "protection")[0]["Children hidden"]
        shield(
            place.deployment,
            AUTHORITY,
            f"police:C{CHILD.number:04}",
            actor="Ruth",
            reason="ref. 7",
            at=datetime.now(UTC),
        )
        load(place)
    row = rows(place, 2, "protection")[0]
    assert row["Children hidden"] == hidden_in(place, 1) != before


@pytest.mark.in_full
def test_a_night_held_anew_tells_of_what_came_for_it_and_not_that_it_is_missing(place: LittleNights) -> None:
    place.deliver(2, "education", "police", "social_care")
    assert load(place) == {2: "published"}
    (health,) = (row for row in rows(place, 2, "feeds") if row["Agency"] == "Health")
    assert health["State"] == "Missing"
    asks(place)
    place.renumber()
    place.deliver(2, "health")
    with few_keys_may_move():
        assert load(place) == {2: "held"}
    (health,) = (row for row in rows(place, 2, "feeds") if row["Agency"] == "Health")
    assert (health["State"], health["Age"]) == ("Loaded", "Stale: 1 day")
    (row,) = (row for row in rows(place, 2, "attention") if row["Agency"] == "Health")
    assert row["State"] == "Loaded" and "is held: the index does not show it yet." in row["What is wrong"]
    seen, found = rows(place, 2, "protection")
    assert (seen["Which version"], found["Which version"]) == (HIDING["in_force"].text, HIDING["not_in_force"].text)
    assert seen["Children hidden"] == hidden_in(place, 2)
    (night,) = summary_of(place.deployment, [_Ran(place, 2)])["nights"]
    assert {feed["agency"]: feed["state"] for feed in night["feeds"]}["health"] == "loaded"


def test_a_night_that_fails_anew_tells_of_what_came_for_it(place: LittleNights) -> None:
    place.deliver(2, "education", "police", "social_care")
    assert load(place) == {2: "published"}
    place.deliver(2, "health")
    assert place.load(before=broken_in("links")) == {2: "failed"}
    (health,) = (row for row in rows(place, 2, "feeds") if row["Agency"] == "Health")
    assert (health["State"], health["Age"]) == ("Loaded", "Stale: 1 day")
    (row,) = (row for row in rows(place, 2, "attention") if row["Agency"] == "Health")
    assert "the run with it failed: the index does not show it yet." in row["What is wrong"]
    assert place.load() == {2: "published"}
    (health,) = (row for row in rows(place, 2, "feeds") if row["Agency"] == "Health")
    assert (health["State"], health["Age"]) == ("Loaded", "Tonight’s")
    assert not [row for row in rows(place, 2, "attention") if row["Agency"] == "Health"]


@pytest.mark.in_full
def test_every_word_in_colour_on_the_pages_of_real_nights_is_explained(place: LittleNights) -> None:
    held_with_a_wish(place, 2)
    root = page(place, "words.html")
    found = {part.lower() for row in root.iterfind(".//dl/div/dt") for part in row.text_content().strip().split(", ")}
    used = {
        tag.text_content().strip()
        for path in (place.home / "reports").rglob("*.html")
        if "data_docs" not in path.parts
        for tag in html.parse(str(path)).getroot().find_class("tag")
    }
    assert {HIDING["not_in_force"].text, TAKEN["less"].text} <= used
    assert {word for word in used if word.partition(":")[0].lower() not in found} == set()


class _Ran:
    fault = code = ""
    busy = False

    def __init__(self, place: LittleNights, number: int) -> None:
        from pipelines.nights.plan import PlannedNight

        self.planned = PlannedNight(AUTHORITY, day_of(number), "", (), ())


@pytest.mark.in_full
def test_a_corrected_delivery_that_holds_its_night_is_told_and_not_the_refused_one(place: LittleNights) -> None:
    place.deliver(2, "health", fault="checksum")
    place.deliver(2, "education", "police", "social_care")
    assert load(place) == {2: "published"}
    place.feeds["health"].sequence -= 1
    place.renumber()
    place.deliver(2, "health")
    with few_keys_may_move():
        assert load(place) == {2: "held"}
    (health,) = (row for row in rows(place, 2, "feeds") if row["Agency"] == "Health")
    assert health["State"] == "Loaded"


def test_nothing_is_written_anew_where_nothing_was_taken_away(place: LittleNights) -> None:
    load(place)
    before = {path: path.stat().st_mtime_ns for path in (place.home / "reports").rglob("*.html")}
    load(place)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert taken_away(place.deployment, AUTHORITY) == []


def test_gates_that_were_let_pass_stand_on_the_night_s_overview_with_who_and_why(place: LittleNights) -> None:
    place.renumber()
    place.deliver(2)
    with few_keys_may_move():
        assert load(place)[2] == "held" and rows(place, 2, "let_pass") == []
        made = override(
            place.deployment, AUTHORITY, day_of(2), "keys_moved", actor="Ruth", reason="numbered anew", at=NOW
        )
        assert load(place)[2] == "published"
    (row,) = rows(place, 2, "let_pass")
    assert (row["Gate"], row["Who let it pass"], row["Reason"]) == ("keys_moved", "Ruth", "numbered anew")
    assert (row["When (UTC)"], row["Decision"]) == ("2026-11-21 07:30", str(made.number))
    assert "It found:" in row["What it asks, and what it found"]
    assert rows(place, 1, "let_pass") == []


def test_a_held_night_stands_first_on_its_overview_and_its_feeds_are_not_told_as_what_readers_see(
    place: LittleNights,
) -> None:
    held_with_a_wish(place, 2)
    (first, *others) = rows(place, 2, "attention")
    assert (first["State"], first["Agency"]) == ("Held", "–none") and others == []
    assert "keys moved" in first["What is wrong"] and "decide override keys_moved" in first["What to do"]
    lead = " ".join(page(place, f"{day_of(2)}/index.html").find_class("lead")[0].text_content().split())
    assert lead == (
        "0 of 1 authority published a fresh index. 0 of 4 expected feeds loaded; 4 were read for a night that is not published, "
        "so readers do not see them; 4 feeds stand in with older records."
    )
    for feed in rows(place, 2, "feeds"):
        assert (feed["State"], feed["As of"], feed["Age"]) == ("Loaded", "19 Nov 2026", "Stale: 1 day")
    again = {row["Of the night"] for row in rows(place, 2, "taken")}
    assert again == {"18 Nov 2026", "19 Nov 2026"}, "versions of other nights that were made less in this night's run"
    assert {row["Of the night"] for row in rows(place, 1, "taken")} == {"19 Nov 2026"}
