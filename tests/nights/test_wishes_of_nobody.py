"""A wish that protects nobody is told everywhere until it is settled, says where it stands, and can be ended by two people."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from assets.command.load import _exit_code, show
from pipelines.cli.common import console
from pipelines.errors import IsindexError
from pipelines.nights import decisions, protection_decisions
from pipelines.nights.summary import summary_of
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights
from tests.nights.test_protection_tasks import tasks
from tests.nights.test_way_out import status

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
CHILD = children()[3]
KEY = f"P{CHILD.nhs}"
NAMELESS = dict.fromkeys(("nhs_number", "family_name", "given_name", "birth_date", "carer_name"), "")


def lost(place: LittleNights) -> dict[str, str]:
    """A record that asks and says nothing by which a child is known."""
    return place.feeds["health"].rows[KEY] | NAMELESS | {"local_patient_id": "P1", "confidentiality": "S"}


@pytest.fixture
def place(tmp_path: Path) -> LittleNights:
    """In night 1 the ninth record of health asks, and means nobody."""
    made = LittleNights(tmp_path)
    made.deliver(0)
    assert made.load() == {0: "published"}
    made.feeds["health"].rows["P1"] = lost(made)
    made.deliver(1)
    assert made.load() == {1: "published"}
    return made


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def entry(place: LittleNights, night: int, wish: str) -> dict[str, Any]:
    rows = read_table(place.in_force(night).folder / "protection" / "entries.parquet").to_pylist()
    (found,) = (row for row in rows if row["entry_id"] == wish)
    return dict(found)


def end(place: LittleNights, named: str) -> int:
    """Two people end a wish; the number of the decision that counts."""
    here = (place.deployment, AUTHORITY)
    proposed = protection_decisions.unshield(*here, named, actor="A", reason="nobody", at=NOW)
    return protection_decisions.confirm(*here, proposed.number, actor="B", reason="seen", at=NOW).number


@pytest.mark.in_full
def test_it_says_where_it_stands_and_which_reject_asks(place: LittleNights) -> None:
    (task,) = tasks(place, 1)
    assert task["kind"] == "nobody"
    assert task["last_delivery"].startswith(f"{AUTHORITY}/health/{day_of(1).isoformat()}/2-")
    assert (task["position"], task["line"]) == ("9", "10")
    folder = place.home / "reports" / day_of(1).isoformat() / AUTHORITY
    assert {row["position"] for row in rows_of(folder / "asking.csv")} == {"9"}
    assert {row["position"] for row in rows_of(folder / "rejected.csv") if row["outcome"] == "rejected"} >= {"9"}
    assert "asking.csv" in (folder / "protection.html").read_text()
    assert f"isindex decide unshield {task['wish']}" in (folder / "protection.html").read_text()
    for name in ("rejected.html", "rejected.csv"):  # who asks is for the page of protection alone
        assert "asks" not in (folder / name).read_text().lower()


@pytest.mark.in_full
def test_everything_says_so_until_it_is_settled(place: LittleNights) -> None:
    told = summary_of(place.deployment, [])
    (waits,) = told["standing"]
    page = f"reports/{day_of(1).isoformat()}/{AUTHORITY}/protection.html"
    assert (told["ok"], waits["code"], waits["authority"], _exit_code(told)) == (False, "WISHES_OPEN", AUTHORITY, 1)
    assert "1 wish to be protected: Means nobody." in waits["reasons"][0]
    with console.capture() as shown:
        show(told | {"not_asked": []})
    assert page in "".join(shown.get().split())
    assert json.loads(status(place, "--json"))[0]["standing"] == [waits]
    assert page in "".join(status(place).split())
    front = (place.home / "reports" / "index.html").read_text()
    assert "Wishes to be protected that wait for somebody" in front and page.removeprefix("reports/") in front


@pytest.mark.in_full
@pytest.mark.parametrize("named", ["wish", "record_ref"])
def test_two_people_end_it_and_nothing_else(place: LittleNights, named: str) -> None:
    place.feeds["health"].rows[KEY]["confidentiality"] = "S"
    (task,) = tasks(place, 1)
    number = end(place, task[named])
    del place.feeds["health"].rows["P1"]
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert tasks(place, 2) == []
    entries = read_table(place.in_force(2).folder / "protection" / "entries.parquet").to_pylist()
    assert {row["entry_id"]: row["lifted_by"] for row in entries if row["lifted_by"]} == {task["wish"]: number}
    assert len(entries) == 2
    told = summary_of(place.deployment, [])
    assert (told["ok"], told["standing"]) == (True, [])
    proposal = decisions.every_decision(place.deployment, AUTHORITY)[-1]
    assert (proposal.kind, proposal.record_a) == ("unshield", task["wish"])


SINCE = {
    "it means somebody": {
        "confidentiality": "",
        "family_name": "Nowhere",
        "given_name": "Una",
        "birth_date": "2019-02-03",
    },
    "it was told again": {},
}


@pytest.mark.in_full
@pytest.mark.parametrize("since", SINCE)
def test_what_means_somebody_by_then_or_was_told_again_stands(place: LittleNights, since: str) -> None:
    (task,) = tasks(place, 1)
    number = end(place, task["wish"])
    place.feeds["health"].rows["P1"] |= SINCE[since]
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert entry(place, 2, task["wish"])["lifted_by"] is None
    night = place.night(2)
    folder = place.in_force(2).folder
    if since == "it means somebody":
        rows = read_table(folder / "identities" / "identities.parquet").to_pylist()
        (index_id,) = {row["index_id"] for row in rows if row["record_key"] == "health:P1"}
        seen = read_table(folder / "identities" / "visibility.parquet").to_pylist()
        assert [row["shielded"] for row in seen if row["index_id"] == index_id] == [True]
    assert number and night.version()


def test_a_name_that_no_wish_and_no_record_has_is_refused(place: LittleNights) -> None:
    for name in ("0" * 32, "health:p1", "a wish"):
        with pytest.raises(IsindexError, match=r"RECORD_UNKNOWN.*letter for letter.*A wish that means nobody is named"):
            protection_decisions.unshield(place.deployment, AUTHORITY, name, actor="A", reason="nobody", at=NOW)


@pytest.mark.in_full
def test_to_end_a_wish_that_means_nobody_is_said_to_be_that(place: LittleNights) -> None:
    (task,) = tasks(place, 1)
    words = ["--home", str(place.home), "--authority", AUTHORITY, "--reason", "the record was a mistake"]
    with place.database.here(place.home):
        proposed = CliRunner().invoke(app, ["decide", "unshield", task["wish"], *words, "--actor", "Ruth"]).output
        number = proposed.partition("Proposal ")[2].split(",")[0]
        confirmed = CliRunner().invoke(app, ["decide", "confirm", number, *words, "--actor", "Omar"]).output
    for told in map(" ".join, (proposed.split(), confirmed.split())):
        assert "to end a wish that means nobody" in told and task["wish"] in told
        assert "shown again" not in told and "show a child again" not in told
    assert "The wish ends with the authority's next night" in " ".join(confirmed.split())
