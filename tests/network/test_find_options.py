"""What is asked of the co-ordinating index wrongly is told for what it is: something is missing, excludes another, or cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app

NAMES = ("--family-name", "Shah", "--given-names", "Anika")


@pytest.mark.parametrize(
    ("words", "code", "told", "not_told"),
    [
        (("--family-name", "Shah"), "OPTIONS_MISSING", "--given-names / --born", "--family-name /"),
        (NAMES, "OPTIONS_MISSING", "(--born)", "--given-names"),
        (("--born", "2018-03-18"), "OPTIONS_MISSING", "--family-name / --given-names", "--born"),
        ((), "OPTIONS_MISSING", "--number / --id", "NHS"),
        (("--number", "9434765919", *NAMES), "OPTIONS_CONFLICT", "--number / --id", "OPTIONS_MISSING"),
        (("--number", "9434765919", "--authority", "330"), "OPTIONS_CONFLICT", "--number / --id", "OPTIONS_MISSING"),
    ],
)
def test_what_is_missing_is_named_and_what_excludes_another_is_a_conflict(
    tmp_path: Path, words: tuple[str, ...], code: str, told: str, not_told: str
) -> None:
    done = CliRunner().invoke(app, ["network", "find", "--home", str(tmp_path / "home"), "--why", "referral 7", *words])
    assert (done.exit_code, code in done.stderr, told in done.stderr) == (2, True, True), done.stderr
    assert not_told not in done.stderr


@pytest.mark.one_database
def test_a_birth_date_that_cannot_be_read_is_called_one(tmp_path: Path, database) -> None:
    database.opened(tmp_path / "home")
    look = ["network", "find", "--home", str(tmp_path / "home"), "--why", "referral 7", *NAMES, "--born", "18/03/2018"]
    with database.here(tmp_path / "home"):
        done = CliRunner().invoke(app, look)
    assert (done.exit_code, "DATE_INVALID A date of birth is written YYYY-MM-DD." in done.stderr) == (2, True)
    assert "18/03/2018" not in done.output
