"""A database is opened by many at once, migrated whole or not at all, and refused when it cannot serve."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from pipelines.database import forget_what_went, note_what_goes, open_database, schema
from pipelines.database.engine import newest_revision
from pipelines.errors import IsindexError
from pipelines.outages import as_coded

OPEN = "import sys; from pipelines.database import open_database; open_database(sys.argv[1])"
# killed after the second table was made: the rest of the migration never comes
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from pipelines.database import forget_what_went, open_database, schema
made = []
@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *rest):
    made.append("CREATE TABLE" in statement)
    if sum(made) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
open_database(sys.argv[1])
"""


@pytest.fixture
def url(database, tmp_path):
    """An empty database, not migrated."""
    return replace(database, migrated="", _urls={}).url(tmp_path)


def revision(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    return found


@pytest.mark.in_full
def test_two_that_open_a_new_database_at_once_make_its_tables_once(url):
    running = [subprocess.Popen([sys.executable, "-c", OPEN, url], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(each.communicate()[1], each.returncode) for each in running] == [(b"", 0)] * 2
    assert revision(url) == newest_revision()


@pytest.mark.in_full
def test_a_migration_that_is_killed_leaves_nothing_and_the_next_does_it_all(url):
    done = subprocess.run([sys.executable, "-c", KILLED, url], check=False)
    assert done.returncode == -signal.SIGKILL
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    open_database(url).dispose()
    assert revision(url) == newest_revision()


def test_a_database_of_a_later_program_is_refused(url):
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(IsindexError, match="DATABASE_NEWER") as caught:
        open_database(url)
    assert caught.value.exit_code == 2
    assert revision(url) == "9999"


@pytest.mark.postgres
def test_a_database_that_cannot_hold_every_name_is_refused(postgres_url):
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    name = f"latin{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        )
    try:
        with pytest.raises(IsindexError, match="DATABASE_ENCODING"):
            open_database(make_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@pytest.mark.postgres
def test_a_server_that_was_started_anew_between_two_statements_is_no_surprise(postgres_url):
    engine = open_database(postgres_url)
    with engine.connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    terminate(postgres_url, backend)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != backend
    engine.dispose()


@pytest.mark.postgres
def test_a_connection_that_breaks_in_the_middle_is_told_by_code_and_the_next_one_works(postgres_url):
    engine = open_database(postgres_url)
    with pytest.raises(Exception) as caught, engine.begin() as connection:
        terminate(postgres_url, connection.scalar(text("SELECT pg_backend_pid()")))
        connection.execute(text("SELECT 1"))
    told = as_coded(caught.value)
    assert (told.code, told.may_pass) == ("DATABASE_UNREACHABLE", True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def terminate(url, backend):
    other = create_engine(url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
    other.dispose()


def test_what_went_from_a_table_is_nowhere_in_the_files(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    note = schema.home.insert().values(row=1, home_id="14 Zorvelwick Road")
    with engine.begin() as connection:
        connection.execute(note)
    with engine.begin() as connection:
        connection.execute(schema.home.delete())
    assert forget_what_went(engine)
    assert [path for path in tmp_path.iterdir() if b"Zorvelwick" in path.read_bytes()] == []
    engine.dispose()


def test_nothing_is_left_in_the_pages_of_a_row_that_was_moved_and_deleted(tmp_path):
    """Rows that come between others move these to new pages; what lay in the old ones is not overwritten."""
    engine = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    home = tmp_path / "index.db"

    def road(number):
        return "Zorvelwick" if number % 9 == 0 else "Elsewhere"

    def row(number):
        return {
            "authority": "330",
            "index_id": f"{number:012}",
            "row": 0,
            "address": f"{number} {road(number)} Road",
            "agency": "police",
        }

    order = random.Random(1).sample(range(4000), 4000)
    for part in range(0, 4000, 50):
        with engine.begin() as connection:
            connection.execute(schema.child_address.insert(), [row(number) for number in order[part : part + 50]])
    with engine.begin() as connection:
        connection.execute(schema.child_address.delete().where(schema.child_address.c.address.contains("Zorvelwick")))
    assert forget_what_went(engine)
    assert b"Zorvelwick" in home.read_bytes(), "this is no test of it any more"
    with engine.begin() as connection:
        note_what_goes(connection)
    with engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.execute(schema.home.select()).all()
        assert not forget_what_went(engine), "nobody is waited for; it is done by the next who asks"
    assert forget_what_went(engine)
    assert [path.name for path in tmp_path.iterdir() if b"Zorvelwick" in path.read_bytes()] == []
    assert forget_what_went(engine)
    engine.dispose()


def test_a_reader_who_is_at_it_is_not_waited_for(url, monkeypatch):
    monkeypatch.setattr("pipelines.database.engine._EMPTYING_WAITS", 1)
    engine = open_database(url)
    with engine.connect() as reader:
        if engine.dialect.name == "sqlite":
            reader.exec_driver_sql("BEGIN")
        reader.execute(schema.home.select()).all()
        with engine.begin() as writer:
            writer.execute(schema.home.insert().values(row=1, home_id="x"))
        assert forget_what_went(engine) is (engine.dialect.name != "sqlite")
    assert forget_what_went(engine)
    engine.dispose()
