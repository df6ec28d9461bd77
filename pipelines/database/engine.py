"""Opening the database: engine settings that make SQLite and PostgreSQL behave alike, and migrations.

Belongs here: how a connection is made and kept, and how the schema reaches its newest version. Not here: what is written
(each stage), how many rows reach a table at once (`rows`), what may be said of a statement that fails (`outages`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError

from pipelines.errors import IsindexError
from pipelines.outages import database_address

__all__ = [
    "database_at",
    "forget_what_went",
    "metadata",
    "newest_revision",
    "note_what_goes",
    "open_database",
    "open_to_read",
]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
_INDEX = Path(__file__).parent / "migrations"
_MIGRATING = 1_936_291_433  # any number that nobody else uses for a PostgreSQL advisory lock
_ANSWER_SECONDS = 10
_LOCK_WAITS, _EMPTYING_WAITS = 30_000, 2_000  # milliseconds
_GOES = 1  # SQLite's user_version while something lies in its pages that must not
_RECYCLE_SECONDS = 1800  # firewalls forget connections that are silent for longer


@cache
def database_at(url: str, migrations: Path = _INDEX) -> Engine:
    """The database at `url`, as `open_database` gives it: one engine for the process."""
    return open_database(url, migrations)


def open_database(url: str, migrations: Path = _INDEX) -> Engine:
    """An engine on the database at `url`, its schema brought to the newest version.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…`` (psycopg 3).
        migrations: the folder that says what the schema is, as Alembic has it; default that of an authority's index.

    Raises:
        IsindexError: DATABASE_NEWER (made by a later version of this program), DATABASE_ENCODING (not UTF-8).
    """
    place = make_url(url)
    # an error's text shall not hold what was to be written
    engine = create_engine(place, hide_parameters=True, **_settings_of(place))
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        with engine.connect() as connection:
            current = _revision(connection) == newest_revision(migrations)
        if not current:
            with engine.begin() as connection:
                _upgrade(connection, url, migrations)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def open_to_read(url: str) -> Iterator[Engine]:
    """An engine on the database at `url` with which nothing is written, within the block; of SQLite also on a disk that is read-only.

    What SQLite has not brought into its file yet is in a log beside it. Where there is one, a private copy of both is read: only
    there can the log be followed.
    """
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or not place.database:
        yield open_database(url)
        return
    file = Path(place.database)
    log = file.with_name(f"{file.name}-wal")
    with tempfile.TemporaryDirectory() as private:
        if log.exists() and log.stat().st_size:
            for each in (file, log):
                shutil.copyfile(each, Path(private, each.name))
            engine = open_database(f"sqlite:///{Path(private, file.name)}")
        else:
            named = quote(str(file.resolve()))
            engine = create_engine(f"sqlite:///file:{named}?mode=ro&immutable=1&uri=true", hide_parameters=True)
        try:
            yield engine
        finally:
            engine.dispose()


def note_what_goes(connection: Connection) -> None:
    """Note with a transaction that rows go with it that nobody may find any more: `forget_what_went` writes the file anew then.

    SQLite overwrites a row that is deleted, but not the copies that stay in a page when its rows are moved to another.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={_GOES}")


def forget_what_went(engine: Engine) -> bool:
    """Let nothing lie on the disk, in the database or beside it, that is no row any more; whether that could be done.

    SQLite overwrites what is deleted, and still keeps it in the write-ahead log until that is emptied; where `note_what_goes` was told of,
    the whole file is written anew. A reader who is just at it is not waited for long: the next one who asks does it. Other
    databases look after that themselves.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_EMPTYING_WAITS}")
        try:
            if connection.exec_driver_sql("PRAGMA user_version").scalar() == _GOES:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA user_version=0")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        except OperationalError as fault:
            if "locked" not in str(fault.orig) and "busy" not in str(fault.orig):
                raise
            busy = True
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_LOCK_WAITS}")
    return not busy


def newest_revision(migrations: Path = _INDEX) -> str:
    """The revision that the code expects: migrations are numbered, the file name begins with the number."""
    return max(_revisions(migrations))


def _settings_of(url: URL) -> dict[str, Any]:
    """How connections are made: one that went stale while a night was matched is opened anew."""
    if url.get_backend_name() == "sqlite":
        return {}
    given = {"connect_timeout": _ANSWER_SECONDS, "application_name": "isindex"}
    return {
        "pool_pre_ping": True,
        "pool_recycle": _RECYCLE_SECONDS,
        "isolation_level": "READ COMMITTED",  # said here, whatever the server's default is
        "connect_args": {name: value for name, value in given.items() if name not in url.query},
    }


def _revisions(migrations: Path) -> list[str]:
    return [path.name.partition("_")[0] for path in (migrations / "versions").glob("[0-9]*.py")]


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _upgrade(connection: Connection, url: str, migrations: Path) -> None:
    """Bring the schema to the newest version: whole or not at all, and once, however many open it at the same time."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        _refuse_encoding(connection, url)
    found = _revision(connection)
    if found == newest_revision(migrations):
        return
    if found and found not in _revisions(migrations):
        raise IsindexError(
            "DATABASE_NEWER",
            f"The database was made by a later version of this program (schema {found}).",
            where=database_address(url),
            remedy="Use that version, or give this one a database of its own.",
        )
    # imported only when there is something to do: it takes half a second
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_encoding(connection: Connection, url: str) -> None:
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise IsindexError(
            "DATABASE_ENCODING",
            f"The database keeps text as {encoding}, in which not every name can be written.",
            where=database_address(url),
            remedy="Make a database with ENCODING 'UTF8' and name that one in ISINDEX_DATABASE_URL.",
        )


def _prepare_sqlite(connection, _record) -> None:  # type: ignore[no-untyped-def]
    """Write-ahead logging (readers never wait for the publisher), foreign keys on, a patient lock; deleted rows are overwritten."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_LOCK_WAITS}")  # first: whatever comes after may meet another who opens it
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
