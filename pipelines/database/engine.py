"""Opening the database: engine settings that make SQLite and PostgreSQL behave alike, and migrations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, func, inspect, select, text

__all__ = ["database_at", "metadata", "newest_revision", "open_database"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = 1_936_291_433  # any number that nobody else uses for a PostgreSQL advisory lock
_ANSWER_SECONDS = 10


@cache
def database_at(url: str) -> Engine:
    """The database at `url`, as `open_database` gives it: one engine for the process."""
    return open_database(url)


def open_database(url: str) -> Engine:
    """An engine on the database at `url`, its schema brought to the newest version.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…`` (psycopg 3).
    """
    if url.startswith("sqlite"):
        engine = create_engine(url)
    else:  # a connection that went stale while a night was matched is opened anew
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _ANSWER_SECONDS})
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # two that open a new database at once: one makes the tables
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        if _revision(connection) != newest_revision():
            _upgrade(connection)
    return engine


def newest_revision() -> str:
    """The revision that the code expects: migrations are numbered, the file name begins with the number."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def _upgrade(connection: Connection) -> None:
    # imported only when there is something to do: it takes half a second
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection, _record) -> None:  # type: ignore[no-untyped-def]
    """Write-ahead logging (readers never wait for the publisher), foreign keys on, a patient lock."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
