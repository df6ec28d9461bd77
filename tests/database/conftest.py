"""A migrated database of each kind, one for a module."""

import pytest

from pipelines.database import open_database


@pytest.fixture(scope="module")
def engine(database, tmp_path_factory):
    """SQLite, then a real PostgreSQL."""
    engine = open_database(database.url(tmp_path_factory.mktemp("home")))
    yield engine
    engine.dispose()
