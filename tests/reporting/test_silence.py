"""An authority that sends nothing for the newest night stays on its pages: counted as all others, with what waits of it, and whom to ask."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow.compute as pc
import pytest
from lxml import html
from sqlalchemy import insert

from pipelines.database.schema import attempt, delivery
from pipelines.nights import decisions, protection_decisions
from pipelines.reporting import refresh, write_overview
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

CHILD = next(child for child in children() if child.shielded is False)
ELSE = "815"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights of an authority, which then is silent while another has one; a proposal waits, and a mark is not understood."""
    made = LittleNights(tmp_path_factory.mktemp("silence"))
    made.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "X"
    for night in (0, 1):
        made.deliver(night)
    assert set(made.load().values()) == {"published"}
    protection_decisions.unshield(
        made.deployment, AUTHORITY, f"health:P{CHILD.nhs}", actor="Ruth", reason="seen", at=datetime.now(UTC)
    )
    refresh(made.deployment.home, made.deployment.engine)
    row = {"authority": ELSE, "business_date": day_of(2)}
    come = {"agency": "health", "sequence": 1, "mode": "full", "state": "loaded", "late": False}
    told = {"delivery_id": "d", "received_at": "2026-11-20T23:00:00Z", "manifest_sha256": "0" * 64}
    ran = {"digest": "0" * 64, "data_digest": "0" * 64, "state": "published", "stage": "", "code": "", "version": "v=1"}
    none = {"why": [], "reasons": [], "gates": [], "started_by": "a test", "started_at": "x", "finished_at": "x"}
    figures = {"children": 7, "review_open": 3, "shielded": 0, "withheld": 0, "protection": {"unread": 1}}
    with made.deployment.engine.begin() as connection:
        connection.execute(insert(delivery).values(row | come | told | {"codes": [], "counts": {}, "rules": {}}))
        connection.execute(insert(attempt).values(row | ran | none | {"figures": figures}))
    write_overview(made.deployment.home, made.deployment.engine, day_of(2))
    refresh(made.deployment.home, made.deployment.engine)
    return made


def page(place: LittleNights, night: int | None = 2) -> html.HtmlElement:
    path = "index.html" if night is None else f"{day_of(night)}/index.html"
    return html.parse(str(place.home / "reports" / path)).getroot()


def rows(place: LittleNights, table: str, night: int | None = 2) -> list[list[str]]:
    found = page(place, night).get_element_by_id(table)
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found.iterfind("tbody/tr")]


def test_what_waits_of_a_silent_authority_begins_the_newest_overview(place: LittleNights) -> None:
    for night in (None, 1, 2):
        (told,) = rows(place, "first", night)
        assert "PROPOSAL_WAITS" in str(told), night
    assert page(place, 0).get_element_by_id("first", None) is None


def test_every_number_of_an_overview_is_of_all_authorities(place: LittleNights) -> None:
    seen = place.published(1)
    hidden = pc.sum(pc.or_(seen["shielded"], seen["withheld"])).as_py()
    figures = place.last(1).figures
    tiles = dict(
        reversed(tile.text_content().strip().split(" ", 1))
        for tile in page(place).find_class("tiles")[0].iterfind("li")
    )
    assert tiles["Children whom readers see"] == str(seen.num_rows + 7)
    assert tiles["Pairs to review"] == str(figures["review_open"] + 3)
    assert figures["protection"]["unread"] == 1 and tiles["Protection tasks"] == "2"
    silent = next(row for row in rows(place, "protection") if row[0] == "Birmingham")
    assert silent[1:4] == ["Readers see this", "19 Nov 2026", str(hidden)]
    feeds = [row for row in rows(place, "feeds") if row[0] == "Birmingham"]
    assert [row[3:5] for row in feeds] == [["19 Nov 2026", "Stale: 1 day"]] * 4
    text = " ".join(page(place).text_content().split())
    assert "1 is silent" in text and "4 feeds stand in with older records" in text and "of 8 expected feeds" in text
    assert "another version than its last run made" not in text


def test_a_silent_authority_is_to_be_settled_and_stands_on_the_first_page_with_since_when_and_whom_to_ask(
    place: LittleNights,
) -> None:
    first = rows(place, "attention")[0]
    assert first[0] == "Birmingham" and first[2] == "Silent" and "last heard of for 19 Nov 2026" in first[5]
    (told,) = rows(place, "silent", None)
    assert told[:3] == [AUTHORITY, "19 Nov 2026", "19 Nov 2026"]
    for words in (first[6], told[3]):
        assert "Health (as of 19 Nov 2026)" in words and "Police (as of 19 Nov 2026)" in words
    assert page(place).xpath("//table[@id='protection']//a/@href") == [f"../{day_of(1)}/{AUTHORITY}/protection.html"]


def test_once_it_is_settled_no_overview_begins_with_it(place: LittleNights) -> None:
    (made,) = decisions.every_decision(place.deployment, AUTHORITY)
    decisions.take_back(place.deployment, AUTHORITY, made.number, actor="Ruth", reason="no", at=datetime.now(UTC))
    refresh(place.deployment.home, place.deployment.engine)
    for night in (None, 1, 2):
        assert page(place, night).get_element_by_id("first", None) is None
