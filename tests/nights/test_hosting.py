"""A deployment hosts the authorities that it is told to, and takes in nobody else's records."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.errors import IsindexError
from pipelines.nights.arrivals import look_around
from pipelines.nights.reach import authorities_of
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.one_database


def test_another_authoritys_folder_is_told_and_not_taken_in(tmp_path: Path, setting) -> None:
    setting("ISINDEX_AUTHORITIES", f"{AUTHORITY}, 301")
    place = LittleNights(tmp_path)
    place.deliver(0, "health")
    place.deliver(0, "health", authority="331")
    (finding,) = look_around(place.deployment).findings
    assert (finding.code, finding.place) == ("AUTHORITY_NOT_HOSTED", "331")
    assert place.load() == {0: "published"}
    assert authorities_of(place.deployment) == [AUTHORITY]


def test_one_that_is_hosted_no_more_is_not_run(tmp_path: Path, setting) -> None:
    place = LittleNights(tmp_path)
    place.deliver(0, "health")
    setting("ISINDEX_AUTHORITIES", "301")
    assert place.load() == {} and authorities_of(place.deployment) == []


@pytest.mark.parametrize("given", ["33", "330;331", "999"])
def test_what_names_no_authority_is_refused(tmp_path: Path, setting, given: str) -> None:
    setting("ISINDEX_AUTHORITIES", given)
    with pytest.raises(IsindexError, match="SETTING_INVALID") as caught:
        LittleNights(tmp_path)
    assert "ISINDEX_AUTHORITIES" in str(caught.value)


def test_a_load_of_one_that_is_not_hosted_is_refused(tmp_path: Path, setting) -> None:
    setting("ISINDEX_AUTHORITIES", "301")
    (tmp_path / "landing").mkdir()
    told = CliRunner().invoke(
        app,
        ["load", "--home", str(tmp_path / "home"), "--landing", str(tmp_path / "landing"), "--authority", AUTHORITY],
    )
    assert told.exit_code == 2 and "AUTHORITY_NOT_HOSTED" in told.output and not (tmp_path / "home").exists()
