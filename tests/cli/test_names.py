"""A name that does not exist is wrong usage for every command: told with the names that are right, and nothing is made."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from tests.cli.commands import COMMANDS, WORDS, having, run


def made(place):
    return sorted(path.name for path in place.iterdir() if path.name != "file.csv")


def test_the_table_of_commands_is_whole():
    assert set(WORDS) == set(COMMANDS)
    assert len(having("--authority")) > 8


@pytest.mark.parametrize("name", having("--authority"))
@pytest.mark.parametrize(("given", "meant"), [("Birmingham", "330 Birmingham"), ("999", "authorities.csv")])
def test_an_authority_that_does_not_exist_is_refused(name, given, meant, tmp_path):
    told = run(name, place=tmp_path, authority=given)
    assert told.code == 2
    assert "AUTHORITY_UNKNOWN" in told.said
    assert meant in told.said
    assert made(tmp_path) == []


def test_one_among_several_that_does_not_exist_is_refused(tmp_path):
    told = run("load", "--authority", "330", "--authority", "331", "--authority", "33l", place=tmp_path)
    assert (told.code, made(tmp_path)) == (2, [])
    assert "33l" in told.said


@pytest.mark.parametrize("option", ["--home", "--landing"])
def test_a_folder_without_a_name_is_refused_and_is_not_the_current_one(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in having(option):
        told = run(name, option, "", place=tmp_path)
        assert (told.code, made(tmp_path)) == (2, []), name
        assert "no folder" in told.said


@pytest.mark.parametrize("name", having("--agency"))
def test_an_agency_that_does_not_exist_is_refused(name, tmp_path):
    told = run(name, place=tmp_path, agency="polizei")
    assert (told.code, made(tmp_path)) == (2, [])
    assert "health, education, police, social_care" in told.said


@pytest.mark.parametrize("feed", ["polizei", "police/9"])
def test_a_feed_that_does_not_exist_is_refused(feed, tmp_path):
    told = run("preflight", place=tmp_path, feed=feed)
    assert told.code == 2
    assert "police" in told.said.replace(feed, "")


@pytest.mark.parametrize("name", having("--night", "--home"))
def test_a_night_that_is_no_date_is_refused(name, tmp_path):
    told = run(name, place=tmp_path, night="20/11/2026")
    assert (told.code, made(tmp_path)) == (2, [])
    assert "YYYY-MM-DD" in told.said


def test_a_model_that_is_set_and_does_not_exist_is_refused_before_any_night_is_run(tmp_path, setting):
    setting("ISINDEX_MODEL", "children-77")
    told = run("load", place=tmp_path)
    assert (told.code, made(tmp_path)) == (2, [])
    assert "MODEL_UNKNOWN" in told.said


def with_argument(name, at, value, place):
    """A command with its usual words, another one for the argument at this place."""
    usual = list(WORDS[name])
    usual[at] = value
    named = {"place": place, "home": place / "home", "landing": place / "landing", "file": place / "file.csv"}
    return CliRunner().invoke(app, [*name.split(), *(word.format(**named) for word in usual)])


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_bytes_that_are_not_utf8_are_refused_wherever_text_may_stand_and_nothing_is_made(name, tmp_path):
    params = [each for each in COMMANDS[name].params if each.type.name in ("str", "path", "_folder", "_named")]
    params = [each for each in params if not getattr(each.type, "exists", False)]  # that one is not there
    arguments = [each for each in params if each.param_type_name == "argument"]
    assert params
    for each in params:
        if each in arguments:
            done = with_argument(name, arguments.index(each), "a\udc92\udcff", tmp_path)
            code, said, named = done.exit_code, done.output, each.name.upper()
        else:
            named = max(each.opts, key=len)
            told = run(name, named, "a\udc92\udcff", place=tmp_path)
            code, said = told.code, told.said
        assert (code, "TEXT_UNREADABLE" in said, named in said, made(tmp_path)) == (2, True, True, []), (
            each.name,
            said,
        )


@pytest.mark.parametrize("number", [str(2**31), str(2**63), "9" * 30, "0"])
@pytest.mark.parametrize("name", ["decide undo", "decide confirm"])
def test_a_number_that_no_decision_can_have_is_wrong_usage(name, number, tmp_path):
    done = with_argument(name, 0, number, tmp_path)
    assert (done.exit_code, made(tmp_path)) == (2, [])
    assert "STAGE_FAILED" not in done.output


def test_every_number_that_may_be_given_has_bounds():
    numbers = [each for one in COMMANDS.values() for each in one.params if each.type.name.startswith(("int", "float"))]
    assert len(numbers) > 5
    assert [each.name for each in numbers if getattr(each.type, "max", None) is None] == ["seed"]  # only hashed
