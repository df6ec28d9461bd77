"""Whatever is done to the entries is found, and entries made at the same moment stand one after the other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import date

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pipelines import audit
from pipelines.audit import chain, head
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from tests.databases import Databases

NUMBER = db.audit_entry.c.number
ONE_PROCESS = """
import sys
from pathlib import Path
from pipelines.audit import append, writing
from pipelines.deployment import open_deployment

deployment = open_deployment(Path(sys.argv[1]), create=False)
for number in range(25):
    with writing(deployment) as connection:
        append(connection, "child", actor=sys.argv[2], why=f"{number}")
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory, database: Databases) -> Deployment:
    return database.opened(tmp_path_factory.mktemp("audit") / "home")


@pytest.fixture
def deployment(opened: Deployment) -> Deployment:
    """One without entries."""
    run(opened, delete(db.audit_entry))
    if opened.home.audit.is_file():
        opened.home.audit.unlink()
    shutil.rmtree(opened.home.audit, ignore_errors=True)
    return opened


@pytest.fixture
def six(deployment: Deployment) -> Deployment:
    """Six entries."""
    for number in range(1, 7):
        note(deployment, f"reason {number}")
    return deployment


def note(deployment: Deployment, why: str = "complaint 12") -> int:
    with audit.writing(deployment) as connection:
        return audit.append(connection, "child", actor="Ruth", why=why, authority="330", subject="5K7K2M9QWX43")


def run(deployment: Deployment, *statements) -> None:
    with deployment.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def rows(deployment: Deployment) -> list[dict]:
    with deployment.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(db.audit_entry).order_by(NUMBER)).mappings()]


def first_wrong(deployment: Deployment) -> str:
    with pytest.raises(IsindexError, match="AUDIT_BROKEN") as fault:
        audit.prove(deployment)
    assert (fault.value.exit_code, bool(fault.value.remedy)) == (1, True)
    return fault.value.where


def test_an_entry_says_who_what_whom_why_when_and_hangs_on_the_one_before(six):
    found = audit.entries(six)
    assert [each.number for each in found] == [6, 5, 4, 3, 2, 1]
    last = found[0]
    assert (last.actor, last.action, last.authority, last.subject) == ("Ruth", "child", "330", "5K7K2M9QWX43")
    assert (last.why, last.account, last.at[:2]) == ("reason 6", audit.account(), "20")
    assert [each.previous for each in found] == [each.hash for each in found[1:]] + [""]
    assert audit.prove(six) == audit.Proven(6, last.hash)


def test_an_empty_one_is_proven(deployment):
    assert audit.prove(deployment) == audit.Proven(0, "")


def swapped(deployment: Deployment) -> None:
    run(
        deployment, *(update(db.audit_entry).where(a == NUMBER).values(number=b) for a, b in ((2, 99), (3, 2), (99, 3)))
    )


def exchanged(deployment: Deployment) -> None:
    """What two entries say, and not their numbers."""
    two, three = (rows(deployment)[at] for at in (1, 2))
    for number, said in ((2, three), (3, two)):
        values = {name: value for name, value in said.items() if name != "number"}
        run(deployment, update(db.audit_entry).where(number == NUMBER).values(values))


def closed_up(deployment: Deployment) -> None:
    """One is removed and those after it move up."""
    run(deployment, delete(db.audit_entry).where(NUMBER == 4))
    for number in (5, 6):
        run(deployment, update(db.audit_entry).where(number == NUMBER).values(number=number - 1))


def squeezed_in(deployment: Deployment) -> None:
    run(deployment, update(db.audit_entry).where(NUMBER == 6).values(number=7))
    run(deployment, insert(db.audit_entry).values({**rows(deployment)[0], "number": 6}))


def sealed_anew(number: int, **changes: str) -> Callable[[Deployment], None]:
    """An entry of another history under the same secret: its own hash is right."""

    def done(deployment: Deployment) -> None:
        entry = replace(chain.Entry(**rows(deployment)[number - 1]), **changes)
        values = asdict(replace(entry, hash=chain.hash_of(entry)))
        run(deployment, update(db.audit_entry).where(number == NUMBER).values(values))

    return done


def added(number: int) -> Callable[[Deployment], None]:
    return lambda deployment: run(deployment, insert(db.audit_entry).values({**rows(deployment)[5], "number": number}))


def altered(name: str, value: object) -> Callable[[Deployment], None]:
    return lambda deployment: run(deployment, update(db.audit_entry).where(NUMBER == 4).values({name: value}))


def removed(*numbers: int) -> Callable[[Deployment], None]:
    return lambda deployment: run(deployment, delete(db.audit_entry).where(NUMBER.in_(numbers)))


@pytest.mark.parametrize(
    ("done", "first"),
    [
        (altered("why", "another reason"), 4), (altered("actor", "Omar"), 4), (altered("at", "2020-01-01"), 4),
        (altered("account", "omar"), 4), (altered("authority", None), 4), (altered("subject", "x"), 4),
        (altered("action", "x"), 4), (altered("hash", "0" * 64), 4), (altered("previous", "0" * 64), 4),
        (removed(1), 1), (removed(3), 3), (removed(3, 4), 3), (removed(6), 6), (removed(5, 6), 5),
        (removed(1, 2, 3, 4, 5, 6), 1), (swapped, 2), (exchanged, 2), (closed_up, 4), (squeezed_in, 6), (added(7), 7),
        (added(0), 0), (sealed_anew(4, previous="0" * 64), 4), (sealed_anew(4, previous=""), 4),
        (sealed_anew(1, previous="0" * 64), 1), (sealed_anew(4, why="another history"), 5), (sealed_anew(6, previous="0" * 64), 6),
        (sealed_anew(6, why="another history"), 6),
    ],
)  # fmt: skip
def test_the_first_entry_that_is_wrong_is_named(six, done, first):
    done(six)
    assert first_wrong(six) == f"entry {first}"


def test_a_gap_at_the_end_is_not_closed_by_what_is_written_after_it(six):
    removed(5, 6)(six)
    assert note(six) == 7
    assert first_wrong(six) == "entry 5"


@pytest.mark.parametrize("put_back", ["", '{"number": 3, "hash": "…"}', "no head", '{"number": 2}', "[]"])
def test_a_head_that_is_not_the_last_one_is_found_and_not_mended_by_going_on(six, put_back):
    path = six.home.audit / "head.json"
    if put_back.startswith('{"number": 3'):
        path.write_text(json.dumps({"number": 3, "hash": rows(six)[2]["hash"]}))
    elif put_back:
        path.write_text(put_back)
    else:
        path.unlink()
    first_wrong(six)
    note(six)
    first_wrong(six)


def test_a_head_of_another_chain_is_found(six):
    head.write_head(six.home, head.Head(6, "0" * 64))
    assert first_wrong(six) == "entry 6"


def test_a_head_that_was_put_back_by_one_entry_is_found_and_not_mended(deployment):
    path = deployment.home.audit / "head.json"
    note(deployment)
    before = path.read_bytes()
    note(deployment)
    path.write_bytes(before)
    assert first_wrong(deployment) == "entry 2"
    note(deployment)
    first_wrong(deployment)


def test_the_end_cannot_be_cut_without_the_secret(six):
    told = json.loads((six.home.audit / "head.json").read_text())
    removed(6)(six)
    (six.home.audit / "head.json").write_text(json.dumps(told | {"number": 5, "hash": rows(six)[4]["hash"]}))
    first_wrong(six)


def test_a_folder_in_place_of_the_head_is_told(six):
    (six.home.audit / "head.json").unlink()
    (six.home.audit / "head.json").mkdir()
    first_wrong(six)


def test_a_run_that_was_killed_before_its_entry_was_kept_leaves_nothing_behind(six, monkeypatch):
    def die(home, moved):
        head.write_head(home, moved)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(chain, "write_head", die)
        note(six)
    assert audit.prove(six).entries == 6
    assert note(six) == 7
    assert audit.prove(six).entries == 7


def test_one_entry_more_than_the_head_knows_is_a_crash_and_mended(six, monkeypatch):
    def die(home, moved):
        if not moved.next_hash:  # before the entry is kept, the head says that it will be
            raise KeyboardInterrupt
        head.write_head(home, moved)

    with monkeypatch.context() as patch:
        patch.setattr(chain, "write_head", die)
        for _ in range(2):  # the second one ends before it makes an entry
            with pytest.raises(KeyboardInterrupt):
                note(six)
    assert (head.read_head(six.home).number, audit.prove(six).entries) == (6, 7)
    assert note(six) == 8
    assert (head.read_head(six.home).number, audit.prove(six).entries) == (8, 8)


def test_what_is_not_kept_leaves_no_entry_and_what_is_no_entry_no_trace(six):
    with pytest.raises(ZeroDivisionError), audit.writing(six) as connection:
        audit.append(connection, "child", actor="Ruth", why="x")
        raise ZeroDivisionError
    with audit.writing(six):
        pass
    removed(6)(six)
    with audit.writing(six):
        pass
    assert first_wrong(six) == "entry 6"


def test_no_entry_is_made_in_a_transaction_that_is_none_of_the_audits(six):
    with pytest.raises(KeyError), six.engine.begin() as connection:
        audit.append(connection, "child", actor="Ruth", why="x")


def test_no_number_is_given_twice(six):
    with pytest.raises(IntegrityError):
        run(six, insert(db.audit_entry).values({**rows(six)[5], "hash": ""}))


def test_who_cannot_write_the_head_makes_no_entry(six):
    shutil.rmtree(six.home.audit)
    six.home.audit.write_text("")  # root may write into any folder: a plain file stands for one that cannot be written
    with pytest.raises(IsindexError, match="AUDIT_NOT_WRITTEN") as fault:
        note(six)
    assert (fault.value.where, fault.value.exit_code) == (str(six.home.audit), 1)
    assert len(rows(six)) == 6


@pytest.mark.parametrize("why", ["a\0b", "\udce4 not a character", "Ä 🙂"])
def test_whatever_a_person_types_is_kept_and_proven(six, why):
    note(six, why)
    assert audit.prove(six).entries == 7


@pytest.mark.in_full
def test_entries_of_two_processes_stand_one_after_the_other(deployment, database):
    command = [sys.executable, "-c", ONE_PROCESS, str(deployment.home.root)]
    environment = database.environment(deployment.home.root)
    both = [subprocess.Popen([*command, who], env=environment) for who in ("Ruth", "Omar")]
    assert [each.wait(120) for each in both] == [0, 0]
    found = audit.entries(deployment)
    assert sorted({each.actor for each in found}) == ["Omar", "Ruth"]
    assert [each.number for each in found] == list(range(50, 0, -1))
    assert audit.prove(deployment).entries == head.read_head(deployment.home).number == 50


def test_two_machines_that_share_a_database_wait_for_each_other(six):
    """Without the lock of the home, which another machine may not see."""
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "alone_with_head", lambda home: nullcontext())
        with audit.writing(six) as connection:
            later = pool.submit(note, six)
            assert wait([later], timeout=0.5).not_done
            assert audit.append(connection, "child", actor="Omar", why="x") == 7
        assert later.result(60) == 8
    assert audit.prove(six).entries == 8


def test_only_what_is_asked_for_is_listed(six):
    with audit.writing(six) as connection:
        audit.append(connection, "child", actor="Ruth", why="x", authority="301")
        audit.append(connection, "child", actor="Ruth", why="x", at="2026-01-02T03:04:05+00:00")
    assert [each.number for each in audit.entries(six, "301")] == [8, 7]
    assert 8 not in [each.number for each in audit.entries(six, since=date(2026, 1, 3))]
    assert len(audit.entries(six, since=date(2026, 1, 2))) == 8
