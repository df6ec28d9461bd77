"""The index databases of the homes of a test: SQLite, or a real PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.database import database_at
from pipelines.deployment import Deployment, open_deployment
from pipelines.settings import forget_settings

__all__ = ["Databases", "empty_database"]

_VARIABLE = "ISINDEX_DATABASE_URL"


@dataclass
class Databases:
    """SQLite in each home itself, or on a real server a database for each home.

    Attributes:
        kind: sqlite or postgresql.
        server: the server, where there is one.
        migrated: an empty database there that others are copied from, so that not each is migrated anew.
        stack: ends the databases.
    """

    kind: str
    server: Any = None
    migrated: str = ""
    stack: ExitStack = field(default_factory=ExitStack)
    _urls: dict[Path, str] = field(default_factory=dict)

    def url(self, home: Path) -> str:
        """Where the index database of `home` is."""
        place = Path(home).resolve()
        if self.kind == "sqlite":
            return f"sqlite:///{place / 'index.db'}"
        if place not in self._urls:
            self._urls[place] = self.stack.enter_context(empty_database(self.server, self.migrated))
        return self._urls[place]

    def opened(self, home: Path, landing: Path | str = "") -> Deployment:
        """The deployment of `home`, made if there is none."""
        with self.here(home):
            return open_deployment(home, str(landing), create=True)

    def copied(self, home: Path, to: Path) -> None:
        """The home was copied: the copy has a database of its own with the same in it."""
        if self.kind == "postgresql":
            self._urls[Path(to).resolve()] = self.stack.enter_context(empty_database(self.server, self.url(home)))

    def moved(self, home: Path, to: Path) -> None:
        """The home was moved: its database is the same."""
        if self.kind == "postgresql":
            self._urls[Path(to).resolve()] = self.url(home)

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a process that works on `home`."""
        given = {name: value for name, value in os.environ.items() if name != _VARIABLE}
        return given if self.kind == "sqlite" else {**given, _VARIABLE: self.url(home)}

    @contextmanager
    def here(self, home: Path) -> Iterator[None]:
        """Let this process work on `home`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(_VARIABLE, raising=False)
            if self.kind == "postgresql":
                patch.setenv(_VARIABLE, self.url(home))
            forget_settings()
            try:
                yield
            finally:
                if self.kind == "postgresql":
                    database_at(self.url(home)).dispose()
        forget_settings()


@contextmanager
def empty_database(server: Any, like: str = "") -> Iterator[str]:
    """The URL (psycopg 3) of an empty database on `server`, or of one with the same in it as another; gone afterwards."""
    from sqlalchemy import create_engine, make_url, text

    name = f"t{uuid.uuid4().hex}"
    admin = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if like:
            database_at(like).dispose()  # nobody may be connected to what is copied
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {make_url(like).database if like else 'template1'}"))
    try:
        yield admin.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()
