"""`isindex accredit`: what it prints, its exit codes, its JSON, and that the demo's setting belongs to the demo's home alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.deployment import open_deployment
from pipelines.settings import forget_settings, settings
from tests.assets.daemon import DAGSTERS_OWN
from tests.cli.commands import Answer, run
from tests.nights.little_nights import LittleNights


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("accredit"))
    for night in range(3):
        made.deliver(night)
    made.load()
    return made


@pytest.fixture
def place(loaded: LittleNights, tmp_path: Path) -> Path:
    loaded.copied_to(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def settings_of_this_test() -> Iterator[None]:
    forget_settings()
    yield
    forget_settings()


def accredit(name: str, *words: str, place: Path) -> Answer:
    return run(f"accredit {name}", *words, place=place)


def test_a_feed_goes_from_check_to_grant_to_pause_and_back(place: Path) -> None:
    found = accredit("check", place=place)
    assert found.code == 0
    assert "Every requirement was met on 3 consecutive nights." in found.said
    assert accredit("grant", place=place).code == 0
    told = accredit("pause", place=place)
    assert told.code == 0
    assert "What was published of it stays" in told.said
    again = accredit("pause", place=place)
    assert again.code == 2
    assert "ACCREDITATION_STEP" in again.said
    assert "`isindex accredit resume`" in again.said
    assert "police of authority 330 is accredited" in accredit("resume", place=place).said
    assert accredit("end", place=place).code == 0
    assert [each["act"] for each in accredit("list", "--history", "--json", place=place).document] == [
        "end", "resume", "pause", "grant",
    ]  # fmt: skip


def test_the_list_tells_of_every_feed_what_becomes_of_its_deliveries(place: Path) -> None:
    accredit("test", place=place)
    told = {each["agency"]: each for each in accredit("list", "--json", place=place).document}
    assert {name: (each["standing"], each["deliveries"]) for name, each in told.items()} == {
        "health": ("none", "loaded"), "education": ("none", "loaded"), "police": ("testing", "tested"), "social_care": ("none", "loaded"),
    }  # fmt: skip
    assert told["police"]["reason"] == "birth certificate seen"
    only = accredit("list", "--authority", "331", "--agency", "police", "--json", place=place).document
    assert [(each["authority"], each["agency"], each["standing"]) for each in only] == [("331", "police", "none")]
    assert "testing" in accredit("list", place=place).said
    assert "birth certificate seen" in accredit("list", "--history", place=place).said


def test_a_grant_that_is_not_deserved_is_refused_and_despite_is_kept_and_told(place: Path) -> None:
    (unmet,) = [run("accredit grant", place=place, authority="331")]
    assert unmet.code == 1
    assert "ACCREDITATION_UNMET" in unmet.said
    assert "--despite" in unmet.said
    granted = run("accredit grant", "--despite", place=place, authority="331")
    assert granted.code == 0
    assert "It does not meet: punctual, complete, conformant, protective columns, identifiers, volume." in granted.said


def test_the_checklist_is_told_to_machines_with_the_exit_code_for_people(place: Path) -> None:
    found = run("accredit check", "--json", place=place)
    assert (found.code, found.document["holds"], found.document["asked"]) == (0, True, 3)
    assert [night["business_date"] for night in found.document["nights"]] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    lacking = run("accredit check", "--json", place=place, authority="331")
    assert (lacking.code, lacking.document["holds"], lacking.document["nights"]) == (1, False, [])


def test_how_many_nights_are_asked_for_is_set(place: Path, setting) -> None:
    setting("ISINDEX_ACCREDITATION_NIGHTS", 4)
    found = accredit("check", "--json", place=place)
    assert (found.code, len(found.document["nights"])) == (1, 4)
    assert found.document["nights"][0]["results"]["complete"] == {"holds": False, "measured": "nothing came"}


def test_a_home_of_the_demo_asks_for_accreditation_unless_the_setting_says_otherwise(tmp_path: Path, setting) -> None:
    open_deployment(tmp_path / "home", create=True, demo=True, accredited_only=True)
    assert settings().accredited_only
    forget_settings()
    assert open_deployment(tmp_path / "home", create=False).settings.accredited_only
    setting("ISINDEX_ACCREDITED_ONLY", 0)
    assert not open_deployment(tmp_path / "home", create=False).settings.accredited_only


@DAGSTERS_OWN
@pytest.mark.one_database
def test_a_load_of_a_new_home_whose_feeds_are_not_accredited_yet_ends_with_0(tmp_path: Path, setting) -> None:
    setting("ISINDEX_ACCREDITED_ONLY", "1")
    made = LittleNights(tmp_path)
    for night in range(2):
        made.deliver(night)
        done = CliRunner().invoke(app, ["load", "--landing", str(made.landing), "--home", str(made.home), "--json"])
        told = json.loads(done.output)
        assert (done.exit_code, [each["state"] for each in told["nights"]]) == (0, ["not built"]), done.output
        assert {each["state"] for each in told["nights"][0]["deliveries"]} == {"refused"}
    done = CliRunner().invoke(app, ["load", "--landing", str(made.landing), "--home", str(made.home)])
    assert done.exit_code == 0 and "Nothing is outstanding" in done.output
