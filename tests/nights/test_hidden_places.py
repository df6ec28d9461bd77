"""Places that no record of a hidden child tells of any more, or ever did, stay hidden: from the file to every version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.nights.protection_decisions import confirm, unshield
from pipelines.publishing.versions import versions_there
from pipelines.tables import read_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, few_keys_may_move

pytestmark = pytest.mark.one_database

CHILD, BROTHER = children()[3], children()[1]


@pytest.fixture(scope="module")
def a_home_of_two(database: Databases, tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A night on which nobody is hidden; health and education have the brother where the child lives."""
    made = LittleNights(tmp_path_factory.mktemp("places"), database)
    for agency in ("health", "education"):
        made.feeds[agency].hold(replace(BROTHER, street=CHILD.street), **_home(agency))
    made.deliver(0)
    assert made.load() == {0: "published"}
    assert at_home(made) == {BROTHER.family, CHILD.family}
    return made


@pytest.fixture
def place(a_home_of_two: LittleNights, tmp_path: Path) -> LittleNights:
    return a_home_of_two.copied_to(tmp_path)


def _home(agency: str) -> dict[str, str]:
    return {{"health": "postcode", "education": "Postcode"}[agency]: CHILD.postcode}


def at_home(place: LittleNights) -> set[str]:
    """Family names of the children whom any version shows at the home."""
    root = place.deployment.home.snapshots(AUTHORITY)
    found: set[str] = set()
    for version in versions_there(place.deployment.home, AUTHORITY):
        names = dict(
            zip(*read_table(root / version / "children.parquet", ["index_id", "family_name"]).columns, strict=True)
        )
        names = {index_id.as_py(): family.as_py() for index_id, family in names.items()}
        rows = read_table(root / version / "addresses.parquet").to_pylist()
        found |= {names[row["index_id"]] for row in rows if CHILD.street in (row["address"] or "")}
    return found


def somebody_unreadable_asks(place: LittleNights) -> None:
    """A record without name, number or birth date asks to be protected, at the home; it is rejected."""
    row = dict(place.feeds["health"].rows[f"P{CHILD.nhs}"])
    row |= dict.fromkeys(("nhs_number", "family_name", "given_name", "birth_date", "carer_name"), "")
    place.feeds["health"].rows["P1"] = row | {"local_patient_id": "P1", "confidentiality": "S"}


@pytest.mark.in_full
def test_the_home_stays_hidden_when_the_records_of_the_child_are_gone(place: LittleNights) -> None:
    key = f"P{CHILD.nhs}"
    place.feeds["health"].rows[key]["confidentiality"] = "S"
    place.deliver(1)
    place.load()
    assert at_home(place) == set()
    for feed in place.feeds.values():
        for key in [key for key, row in feed.rows.items() if CHILD.family in row.values()]:
            feed.drop(key)
    for night in (2, 3):
        place.deliver(night)
        assert place.load() == {night: "published"}
        assert at_home(place) == set()


@pytest.mark.in_full
def test_the_home_of_a_rejected_record_that_asks_is_hidden_in_every_version(place: LittleNights) -> None:
    somebody_unreadable_asks(place)
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert at_home(place) == set()
    open_ones = place.published(1).to_pylist()
    assert not any(row["shielded"] or row["withheld"] for row in open_ones if row["family_name"] == BROTHER.family)


@pytest.mark.in_full
@pytest.mark.both_databases
def test_the_home_is_hidden_at_once_though_the_night_is_held(place: LittleNights) -> None:
    somebody_unreadable_asks(place)
    place.deliver(1)
    with few_keys_may_move():
        place.renumber()
        place.deliver(1)
        assert place.load() == {1: "held"}
    assert at_home(place) == set()


@pytest.mark.in_full
def test_a_home_is_shown_again_once_two_people_have_opened_the_child(place: LittleNights) -> None:
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "S"
    place.deliver(1)
    place.load()
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = ""
    told = {"reason": "the order has ended", "at": datetime.now(UTC)}
    wish = unshield(place.deployment, AUTHORITY, f"health:P{CHILD.nhs}", actor="Ruth", **told)  # type: ignore[arg-type]
    confirm(place.deployment, AUTHORITY, wish.number, actor="Omar", **told)  # type: ignore[arg-type]
    place.deliver(2)
    assert place.load() == {2: "published"}
    rows = place.published(2, "addresses").to_pylist()
    assert sum(CHILD.street in (row["address"] or "") for row in rows) > 1
    assert day_of(2).isoformat() in str(place.night(2).version())
