"""A load and `isindex status` say of a night that waits for somebody what holds it and what to do: the words of the reports."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import html
from sqlalchemy import update
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.database import schema as db
from pipelines.nights.run import run_all
from pipelines.nights.summary import summary_of
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights, few_keys_may_move


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("waits"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def status(place: LittleNights, *options: str) -> str:
    return CliRunner().invoke(app, ["status", "--home", str(place.home), *options], env={"COLUMNS": "999"}).stdout


def told(place: LittleNights) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last night that ran, as a load tells of it, and what stands."""
    ran = [
        SimpleNamespace(planned=each.planned, fault="", busy=False, code="")
        for each in run_all(place.deployment, started_by="x")
    ]
    summary = summary_of(place.deployment, ran)
    ((standing,), night) = summary["standing"], summary["nights"][-1]
    assert json.loads(status(place, "--json"))[0]["standing"] == [standing]
    assert standing["what_to_do"] in " ".join(status(place).split())
    return night, standing


@pytest.mark.in_full
def test_a_held_night_has_a_code_and_the_way_out(place: LittleNights, tmp_path: Path) -> None:
    place = place.copied_to(tmp_path)
    place.renumber()
    place.deliver(1)
    with few_keys_may_move():
        night, standing = told(place)
    assert (night["state"], night["stage"], night["code"], standing["code"]) == (
        "held",
        "snapshot",
        *["GATES_FAILED"] * 2,
    )
    command = (
        f'isindex decide override keys_moved --home HOME --authority {AUTHORITY} --night {day_of(1)} --reason "WHY"'
    )
    assert command in night["what_to_do"]
    assert standing["what_to_do"] == night["what_to_do"]
    page = html.parse(str(place.home / "reports" / "index.html")).getroot().text_content()
    assert night["what_to_do"].replace("`", "") in page


def test_an_interrupted_night_and_a_refused_delivery_have_a_way_out(place: LittleNights, tmp_path: Path) -> None:
    place = place.copied_to(tmp_path)
    attempt = db.attempt
    with place.deployment.engine.begin() as connection:
        connection.execute(update(attempt).values(state="running"))
    (standing,) = summary_of(place.deployment, [])["standing"]
    assert (standing["state"], "Load again" in standing["what_to_do"]) == ("interrupted", True)
    with place.deployment.engine.begin() as connection:
        connection.execute(update(attempt).values(state="published"))
    place.deliver(1, "health")
    folder = place.landing / AUTHORITY / "health" / day_of(1).isoformat()
    (folder / "manifest.json").write_text("{")
    place.load()
    (standing,) = (each for each in summary_of(place.deployment, [])["standing"] if each["agency"])
    assert standing["what_to_do"] and standing["what_to_do"] in standing["reasons"][0]
