"""An outage is foreseen by every command: a code, a place, a remedy, an exit code, and JSON where it was asked for."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipelines.deployment import open_deployment
from sample_feeds import make_nights
from tests.cli.commands import having, run
from tests.loading import loaded

ISINDEX = str(Path(sys.executable).with_name("isindex"))
JSON_AND_HOME = [name for name in having("--home", "--json") if name != "load"]
HOME = [name for name in having("--home") if name not in ("ui",)]  # the UI takes this process's place


@pytest.fixture
def home(tmp_path):
    """A home with nothing in it, and an empty landing place beside it."""
    (tmp_path / "landing").mkdir()
    return open_deployment(tmp_path / "home", create=True).home


def error_of(told, code, exit_code=1):
    assert told.code == exit_code, told.said
    assert told.document["ok"] is False
    error = told.document["error"]
    assert error["code"] == code
    assert error["message"] and error["where"] and error["remedy"]
    return error


@pytest.mark.parametrize("name", having("--home", "--json"))
def test_a_database_that_is_down_is_told_with_its_address(name, home, tmp_path, setting):
    setting("ISINDEX_DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/isindex")
    told = run(name, "--json", place=tmp_path)
    assert error_of(told, "DATABASE_UNREACHABLE")["where"].startswith("127.0.0.1:1")
    assert "hunter2" not in told.said


@pytest.mark.parametrize("name", HOME)
def test_it_is_told_on_the_screen_too(name, home, tmp_path, setting):
    setting("ISINDEX_DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/isindex")
    told = run(name, place=tmp_path)
    assert told.code == 1
    assert "DATABASE_UNREACHABLE" in told.said and "127.0.0.1:1" in told.said
    assert "STAGE_FAILED" not in told.said and "hunter2" not in told.said


def test_a_home_on_a_disk_that_cannot_be_written_is_told_with_its_path(tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "home").write_text("")  # root may write into any folder: a plain file stands for such a disk
    told = run("load", "--json", place=tmp_path)
    assert error_of(told, "HOME_NOT_WRITABLE")["where"] == str(tmp_path / "home")


@pytest.mark.parametrize("name", JSON_AND_HOME)
def test_where_nothing_was_loaded_there_is_nothing_to_look_at_and_nothing_is_made(name, tmp_path):
    error_of(run(name, "--json", place=tmp_path), "HOME_UNKNOWN", 2)
    assert not (tmp_path / "home").exists()


@pytest.mark.in_full
@pytest.mark.parametrize("name", having("--home", "--json"))
def test_no_command_goes_round_the_secret(name, home, tmp_path, setting):
    setting("ISINDEX_SECRET", "another secret that is long enough to be one")
    error_of(run(name, "--json", place=tmp_path), "SECRET_CHANGED", 2)


@pytest.mark.parametrize("name", having("--home"))
def test_no_command_goes_on_with_a_setting_that_cannot_be_read(name, home, tmp_path, setting):
    setting("ISINDEX_CUT_OFF", "after breakfast")
    told = run(name, place=tmp_path)
    assert told.code == 2
    assert "ISINDEX_CUT_OFF" in told.said


def test_a_landing_place_that_is_gone_is_told(home, tmp_path):
    (tmp_path / "landing").rmdir()
    assert error_of(run("load", "--json", place=tmp_path), "LANDING_MISSING")["where"] == str(tmp_path / "landing")


def test_another_load_has_an_exit_code_of_its_own(home, tmp_path):
    make_nights(tmp_path, ("330",), first_night=date(2026, 11, 18), nights=1, children=20)
    lock = home.root / "nights" / "330" / ".lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        told = loaded(tmp_path / "landing", home.root)
    assert (told["exit"], told["ok"], [night["state"] for night in told["nights"]]) == (3, False, ["busy"])
    assert "NIGHT_RUNNING" in told["nights"][0]["fault"]


def test_a_full_disk_is_told(small_disk, tmp_path):
    told = run("load", "--json", place=tmp_path, home=str(small_disk / "home"))
    error_of(told, "DISK_FULL")


@pytest.mark.in_full
def test_the_console_script_ends_likewise(tmp_path):
    command = [ISINDEX, "status", "--home", str(tmp_path / "home"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "HOME_UNKNOWN"
