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
from tests.nights.little_authority import AUTHORITY, children, day_of
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
