"""What people read in the morning is what happened: pages, commands and the published manifest say the same of real nights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.nights.decisions import decide, take_back
from pipelines.tables import read_json
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, everyone, put, row_of
from tests.nights.little_nights import LittleNights

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
    told: dict[str, Any] = read_json(nights.in_force(number).folder / "published.json")
    return told


def asked(*words: str) -> Any:
    """What a command answers in JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    return json.loads(done.stdout)


# ---- what has changed -----------------------------------------------------------------------------------------------
def test_no_kind_of_change_is_left_out_anywhere(nights: LittleNights) -> None:
    seen: set[str] = set()

    def all_agree(number: int) -> None:
        differences = manifest(nights, number)["differences"]
        (row,) = overview(nights, number, "authorities")
        shown = dict(reversed(each.split(" ")) for each in row[8].split(", "))
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
def send(nights: LittleNights, number: int, sequence: int, *rows: dict[str, Any], mode: str = "delta") -> None:
    """A delivery of health: rows as they are sent, of a delta without what becomes of them."""
    sent = [row | ({"change": "upsert"} if mode == "delta" else {}) for row in rows]
    put(nights.landing, Delivery("health", day_of(number), sequence, mode, sent))


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


def test_a_delta_that_is_held_alone_brings_nothing(nights: LittleNights) -> None:
    send(nights, 1, 3, *everyone("health"))
    nights.load()
    (feed,) = (row for row in overview(nights, 1, "feeds") if row[1].startswith("Health"))
    assert feed[2] == "Held"
    assert feed[5:11] == ["–none"] * 6
    (authority,) = overview(nights, 1, "authorities")
    assert authority[4:7] == ["0", "0", "0"]
