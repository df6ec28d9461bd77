"""The audit is proved and listed, for people and for machines, and never holds what was not its to hold."""

from __future__ import annotations

import errno
import json
import shutil

import pytest
from sqlalchemy import text, update

from pipelines import audit, deployment
from pipelines.database import schema as db
from pipelines.deployment import Deployment, open_deployment
from tests.cli.commands import run
from tests.nights.little_nights import bytes_under


@pytest.fixture
def two(tmp_path) -> Deployment:
    """A home with an entry of two authorities each."""
    made = open_deployment(tmp_path / "home", create=True)
    for authority in ("330", "301"):
        with audit.writing(made) as connection:
            audit.append(
                connection, "child", actor="Ruth", why=f"complaint {authority}", authority=authority, subject="5K7K2M9QWX43"
            )  # fmt: skip
    return made


def test_a_whole_one_is_proven(two, tmp_path):
    told = run("audit verify", place=tmp_path)
    last = audit.entries(two)[0].hash
    assert told.code == 0
    assert "2 entries" in told.said and last in "".join(told.said.split())
    assert run("audit verify", "--json", place=tmp_path).document == {"ok": True, "entries": 2, "hash": last}


def test_a_broken_one_has_a_code_and_the_number_of_the_first_entry_that_is_wrong(two, tmp_path):
    with two.engine.begin() as connection:
        connection.execute(update(db.audit_entry).values(why="another reason"))
    told = run("audit verify", place=tmp_path)
    assert told.code == 1
    assert "AUDIT_BROKEN" in told.said and "entry 1" in told.said.replace("\n", " ")
    error = run("audit verify", "--json", place=tmp_path).document["error"]
    assert (error["code"], error["where"]) == ("AUDIT_BROKEN", "entry 1")


def test_one_whose_table_is_gone_is_broken_and_no_fault_of_the_program(two, tmp_path):
    with two.engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_entry"))
    error = run("audit verify", "--json", place=tmp_path).document["error"]
    assert (error["code"], "removed" in error["message"]) == ("AUDIT_BROKEN", True)


def test_it_is_listed_with_all_that_an_entry_has(two, tmp_path):
    (each,) = run("audit list", "--json", place=tmp_path).document
    assert (each["number"], each["authority"], each["why"], each["actor"]) == (1, "330", "complaint 330", "Ruth")
    told = run("audit list", place=tmp_path)
    assert "complaint 330" in told.out and "complaint 301" not in told.out
    assert run("audit list", "--since", "2999-01-01", "--json", place=tmp_path).document == []
    assert "no entry" in run("audit list", "--since", "2999-01-01", place=tmp_path).out


def test_a_day_that_is_none_is_refused(two, tmp_path):
    assert run("audit list", "--since", "yesterday", place=tmp_path).code == 2


def test_a_waiver_is_in_it(two, tmp_path):
    assert run("waive", place=tmp_path).code == 0
    last = audit.entries(two)[0]
    assert (last.action, last.authority, last.subject) == ("waive", "330", "police 17")
    assert json.dumps(last.why) == '"birth certificate seen"'


def test_a_pair_is_not_looked_at_without_a_purpose_and_what_was_typed_is_in_no_entry(two, tmp_path):
    told = run("explain", place=tmp_path, why=" ")
    assert (told.code, "PURPOSE_MISSING" in told.said) == (2, True)
    assert len(audit.entries(two)) == 2
    run("explain", place=tmp_path)  # of a night that is not there: the asking is kept
    last = audit.entries(two)[0]
    assert (last.action, last.why) == ("explain", "review list")
    assert "health" not in (last.subject or "") and len(last.subject or "") == 65


@pytest.mark.parametrize("logged", [False, True], ids=["all in one file", "with a log beside it"])
@pytest.mark.parametrize("altered", [False, True])
def test_a_backup_on_a_disk_that_cannot_be_written_is_proven_as_it_lies(two, tmp_path, monkeypatch, logged, altered):
    if altered:
        with two.engine.begin() as connection:
            connection.execute(update(db.audit_entry).where(db.audit_entry.c.number == 2).values(why="another reason"))
    if not logged:
        with two.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    backup = tmp_path / "backup"
    backup.mkdir()
    shutil.copytree(two.home.root, backup / "home")
    (backup / "home" / "index.db-shm").unlink(missing_ok=True)  # as a backup has none
    assert ((backup / "home" / "index.db-wal").stat().st_size > 0) == logged
    before = bytes_under(backup / "home")

    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(deployment.tempfile, "TemporaryFile", read_only)
    assert "HOME_NOT_WRITABLE" in run("audit list", place=backup).said
    told = run("audit verify", place=backup)
    assert (told.code, "2 entries" in told.said, "AUDIT_BROKEN" in told.said) == (int(altered), not altered, altered)
    assert bytes_under(backup / "home") == before
