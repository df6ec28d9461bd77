"""A load of nights that there cannot be, or that nobody knows, is refused with its code, and nothing is made or changed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.nights.reach import last_night
from tests.assets.daemon import DAGSTERS_OWN
from tests.databases import Databases
from tests.nights.little_authority import day_of
from tests.nights.little_nights import LittleNights, bytes_under

pytestmark = DAGSTERS_OWN


def load(place: LittleNights, *words: str) -> tuple[int, str]:
    """Exit code, and the code of the error."""
    with place.database.here(place.home):
        told = CliRunner().invoke(
            app, ["load", "--landing", str(place.landing), "--home", str(place.home), "--json", *words]
        )
    return told.exit_code, json.loads(told.stdout).get("error", {}).get("code", "")


AHEAD = (last_night() + timedelta(days=2)).isoformat()  # also should midnight pass meanwhile
BEFORE = (day_of(0) - timedelta(days=1)).isoformat()
IMPOSSIBLE = (
    (("--night", AHEAD), "NIGHT_AHEAD"),
    (("--from", AHEAD), "NIGHT_AHEAD"),
    (("--night", BEFORE), "NIGHT_TOO_EARLY"),
    (("--to", BEFORE), "NIGHT_TOO_EARLY"),
    (("--from", f"{day_of(1)}", "--to", f"{day_of(0)}"), "OPTIONS_CONFLICT"),
    (("--night", f"{day_of(0)}", "--authority", "999"), "AUTHORITY_UNKNOWN"),
)


@pytest.mark.in_full
def test_a_load_of_nights_that_cannot_be_is_refused_and_changes_nothing(tmp_path: Path, database: Databases) -> None:
    place = LittleNights(tmp_path, database)
    place.deliver(0)
    assert place.load() == {0: "published"}
    place.deliver(1)
    before = bytes_under(place.home / "nights", place.home / "snapshots", place.home / "reports")
    for words, code in IMPOSSIBLE:
        for again in ((), ("--again",)):
            assert load(place, *words, *again) == (2, code), words
    for words in (("--night", f"{day_of(2)}"), ("--from", f"{day_of(2)}", "--to", f"{day_of(3)}")):
        assert load(place, *words, "--again") == (2, "NIGHT_UNKNOWN")
        assert load(place, *words) == (0, "")  # nothing has come yet
    assert bytes_under(place.home / "nights", place.home / "snapshots", place.home / "reports") == before


NEVER = (("--night", f"{date(1900, 1, 1)}"), "NIGHT_TOO_EARLY")
ANYWHERE = [each for each in (*IMPOSSIBLE, NEVER) if BEFORE not in each[0]]  # in a new home that night may be the first


@pytest.mark.parametrize(("words", "code"), ANYWHERE)
def test_no_home_is_made_for_nights_that_cannot_be(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    place = LittleNights(tmp_path)
    told = CliRunner().invoke(
        app, ["load", "--landing", str(place.landing), "--home", str(tmp_path / "new"), "--json", *words]
    )
    assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (2, code)
    assert not (tmp_path / "new").exists()
