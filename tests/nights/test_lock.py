"""One run of an authority's nights at a time: threads, processes and, on PostgreSQL, machines."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipelines.deployment import Deployment, open_deployment
from pipelines.errors import IsindexError
from pipelines.nights import lock
from pipelines.nights.lock import alone, going_on

# a database in a file has one machine, and no connections to drop
POSTGRESQL = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True, scope="module"
)
HOLD = """
import sys, time
from pathlib import Path
from pipelines.deployment import open_deployment
from pipelines.nights.lock import alone
with alone(open_deployment(Path(sys.argv[1]), create=False), "330"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def deployment(database, tmp_path, monkeypatch):
    """A deployment, on SQLite and on PostgreSQL; nobody waits long for its lock."""
    monkeypatch.setattr(lock, "_LEAST", 0.3)
    with database.here(tmp_path / "home"):
        yield open_deployment(tmp_path / "home", create=True)


@contextmanager
def another_process(deployment: Deployment, database):
    """A process that holds the lock of 330 until it is killed."""
    command = [sys.executable, "-c", HOLD, str(deployment.home.root)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=database.environment(deployment.home.root)
    ) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def refused(deployment: Deployment, authority: str = "330") -> bool:
    """Whether the lock cannot be had."""
    try:
        with alone(deployment, authority):
            return False
    except IsindexError as error:
        assert error.code == "NIGHT_RUNNING"
        return True


def soon_free(deployment):
    """Whether it can be had once the server has noticed that who held it is dead."""
    patience = time.monotonic() + 30
    while going_on(deployment, "330") and time.monotonic() < patience:
        time.sleep(0.05)
    return not refused(deployment)


def test_another_process_is_kept_out_and_a_killed_one_gives_the_lock_back(deployment, database):
    with another_process(deployment, database) as process:
        assert going_on(deployment, "330")
        assert refused(deployment)
        assert not refused(deployment, "301")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert soon_free(deployment)


@pytest.mark.in_full
def test_it_is_waited_for_as_long_as_the_setting_says(deployment, database):
    patient = Deployment(
        deployment.settings.model_copy(update={"lock_wait_seconds": 30}), deployment.home, deployment.engine, ""
    )
    with another_process(deployment, database) as process:
        timer = threading.Timer(1, process.kill)
        timer.start()
        assert not refused(patient)
        timer.join()


def test_who_holds_it_may_take_it_again_and_another_thread_of_the_same_process_may_not(deployment):
    found: dict[str, bool] = {}
    with alone(deployment, "330"):
        with alone(deployment, "330"):
            thread = threading.Thread(target=lambda: found.update(inside=refused(deployment)))
            thread.start()
            thread.join()
        found["still held"] = going_on(deployment, "330")
    found["at the end"] = going_on(deployment, "330")
    assert found == {"inside": True, "still held": True, "at the end": False}


def test_it_is_given_back_after_a_fault(deployment):
    with pytest.raises(ValueError, match="of the night"), alone(deployment, "330"):
        raise ValueError("of the night")
    assert not going_on(deployment, "330")


@pytest.mark.in_full
@POSTGRESQL
def test_on_postgresql_another_machine_is_kept_out_too(deployment, database):
    """A file lock ends at the machine, as it does here where the file is another one."""
    with another_process(deployment, database) as process:
        Path(deployment.home.root / "nights" / "330" / ".lock").unlink()
        assert refused(deployment)
        process.kill()
        process.wait()
        assert soon_free(deployment)


@POSTGRESQL
def test_a_server_that_drops_the_connection_of_a_running_night_does_not_fail_it(deployment, database):
    with alone(deployment, "330"):
        engine = create_engine(database.url(deployment.home.root).replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            dropped = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            assert dropped.rowcount > 0
        engine.dispose()
    assert not refused(deployment)
