"""What is odd about a wish to be protected is on the morning's pages, and hides as ever."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from html import unescape
from pathlib import Path

import pytest

from pipelines.nights.summary import summary_of
from pipelines.reporting.words import TASKS
from pipelines.seams.words import TASK_KINDS
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

CHILD = children()[3]
KEY = f"P{CHILD.nhs}"


@pytest.fixture
def place(tmp_path: Path) -> LittleNights:
    made = LittleNights(tmp_path)
    made.feeds["health"].rows[KEY]["confidentiality"] = "S"
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def tasks(place: LittleNights, night: int) -> list[dict[str, str]]:
    """The table of the page of protection, as its CSV has it."""
    folder = place.home / "reports" / day_of(night).isoformat()
    assert "protection.html" in (folder / "index.html").read_text()
    told = (folder / AUTHORITY / "tasks.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(told)))


def counted(place: LittleNights, night: int) -> dict[str, str]:
    folder = place.home / "reports" / day_of(night).isoformat()
    (row,) = csv.DictReader(io.StringIO((folder / "protection.csv").read_text(encoding="utf-8-sig")))
    return row


def reference(place: LittleNights, night: int, key: str) -> str:
    table = read_table(place.in_force(night).folder / "identities" / "identities.parquet")
    (found,) = (row["record_ref"] for row in table.to_pylist() if row["record_key"] == key)
    return str(found)


def test_a_wish_that_means_somebody_and_is_still_made_is_no_task(place: LittleNights) -> None:
    assert tasks(place, 0) == []
    row = counted(place, 0)
    assert (row["Children hidden"], row["Wishes that stand"], row["New in this night"]) == ("1", "1", "1")


@pytest.mark.in_full
def test_a_mark_that_is_gone_is_a_task_until_two_people_say_so(place: LittleNights) -> None:
    place.feeds["health"].rows[KEY]["confidentiality"] = ""
    place.deliver(1)
    place.load()
    (task,) = tasks(place, 1)
    assert (task["kind"], task["agency"], task["record_ref"]) == (
        "gone",
        "health",
        reference(place, 1, f"health:{KEY}"),
    )
    assert (task["first_night"], task["last_night"]) == (day_of(0).isoformat(), day_of(0).isoformat())
    row = counted(place, 1)
    assert (row["Children hidden"], row["New in this night"], row["Mark gone"]) == ("1", "0", "1")


@pytest.mark.in_full
def test_a_wish_that_means_nobody_or_is_not_understood_is_a_task(place: LittleNights) -> None:
    rows = place.feeds["health"].rows
    nobody = dict.fromkeys(("nhs_number", "family_name", "given_name", "birth_date", "carer_name"), "")
    rows["P1"] = rows[KEY] | nobody | {"local_patient_id": "P1", "confidentiality": "S"}
    other = f"P{children()[4].nhs}"
    rows[other]["confidentiality"] = "perhaps"
    place.deliver(1)
    place.load()
    told = {task["kind"]: task["record_ref"] for task in tasks(place, 1)}
    assert set(told) == {"nobody", "unread"}
    assert told["unread"] == reference(place, 1, f"health:{other}")
    row = counted(place, 1)
    assert (row["Children hidden"], row["Means nobody"], row["Not understood"]) == ("2", "1", "1")


@pytest.mark.in_full
def test_a_wish_whose_record_is_gone_stays_and_is_a_task_when_no_record_means_its_child(place: LittleNights) -> None:
    """As of a child who asked before it was born, and has another record now that nothing links with it."""
    rows = place.feeds["health"].rows
    unborn = {
        "local_patient_id": "P1",
        "nhs_number": "",
        "family_name": "Bunting",
        "given_name": "Baby",
        "carer_name": "",
    }
    rows["P1"] = (
        rows[KEY]
        | unborn
        | {"birth_date": "2019-02-03", "address_line_1": "77 Nowhere Lane", "postcode": "", "uprn": ""}
    )
    place.deliver(1)
    place.load()
    assert tasks(place, 1) == []
    del rows["P1"]
    place.deliver(2)
    place.load()
    assert [task["kind"] for task in tasks(place, 2)] == ["left"]
    row = counted(place, 2)
    assert (row["Wishes that stand"], row["Means nobody"], row["Child gone"]) == ("2", "0", "1")
    assert summary_of(place.deployment, [])["ok"]  # whoever leaves is no reason to call somebody every morning


@pytest.mark.in_full
def test_a_mark_nobody_understood_is_gone_once_it_is_corrected_to_a_no(place: LittleNights) -> None:
    rows = place.feeds["health"].rows
    other = f"P{children()[4].nhs}"
    rows[other]["confidentiality"] = "perhaps"
    place.deliver(1)
    place.load()
    assert [task["kind"] for task in tasks(place, 1)] == ["unread"]
    rows[other]["confidentiality"] = ""
    place.deliver(2)
    place.load()
    assert [task["kind"] for task in tasks(place, 2)] == ["gone"]
    assert (counted(place, 2)["Children hidden"], counted(place, 2)["Not understood"]) == ("2", "0")
    page = (place.home / "reports" / day_of(2).isoformat() / AUTHORITY / "protection.html").read_text()
    open_it = (
        f'isindex decide unshield {tasks(place, 2)[0]["record_ref"]} --home HOME --authority {AUTHORITY} --reason "WHY"'
    )
    assert open_it in unescape(page)


@pytest.mark.in_full
def test_a_damaged_line_is_not_called_one_whose_mark_is_not_understood(place: LittleNights) -> None:
    row = next(row for row in place.feeds["social_care"].rows.values() if row["nhs_number"] == CHILD.nhs)
    row["shield"] = {"requested": True, "by": "Court", "reason_code": "other"}
    (made,) = place.deliver(1, "social_care")
    folder = place.landing / AUTHORITY / "social_care" / day_of(1).isoformat()
    manifest = json.loads((folder / "manifest.json").read_text())
    (file,) = manifest["files"]
    lines = (folder / file["name"]).read_bytes().splitlines(keepends=True)
    place_of = next(n for n, line in enumerate(lines) if b"shield" in line)
    lines[place_of] = lines[place_of].rstrip()[:-1] + b"\n"
    data = b"".join(lines)
    (folder / file["name"]).write_bytes(data)
    file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    place.load()
    told = {task["kind"]: task for task in tasks(place, 1) if task["agency"] == "social_care"}
    assert set(told) == {"damaged"}
    assert (told["damaged"]["position"], told["damaged"]["last_delivery"].split("/")[1]) == (
        str(place_of + 1),
        made.agency,
    )


@pytest.mark.in_full
def test_a_firewall_is_one_task_after_its_number_was_corrected_to_another_that_nobody_has(place: LittleNights) -> None:
    row = next(iter(place.feeds["social_care"].rows.values()))
    for night, number in ((1, "S9998"), (2, "S9999")):
        row["firewall_from"] = number
        place.deliver(night)
        place.load()
        assert [task["kind"] for task in tasks(place, night)] == ["unwalled"]
    assert tasks(place, 2)[0]["last_night"] == day_of(2).isoformat()
    assert counted(place, 2)["No firewall"] == "1"


@pytest.mark.in_full
def test_the_overview_names_every_kind_that_is_for_people(place: LittleNights) -> None:
    page = unescape((place.home / "reports" / day_of(0).isoformat() / "index.html").read_text())
    note = f"{', '.join(word.text for word in list(TASKS.values())[:-1])} and {list(TASKS.values())[-1].text} are for people"
    assert note in page
    assert tuple(TASKS) == TASK_KINDS
    assert set(counted(place, 0)) >= {word.text for word in TASKS.values()}


@pytest.mark.in_full
def test_no_value_of_a_child_is_on_the_page(place: LittleNights) -> None:
    place.feeds["health"].rows[KEY]["confidentiality"] = ""
    place.deliver(1)
    place.load()
    folder = place.home / "reports" / day_of(1).isoformat() / AUTHORITY
    for name in ("protection.html", "tasks.csv"):
        told = (folder / name).read_text()
        for value in (KEY, CHILD.nhs, CHILD.family, CHILD.given, CHILD.street, CHILD.postcode, CHILD.born.isoformat()):
            assert value not in told
