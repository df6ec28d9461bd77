"""One run of an authority's nights at a time, whoever starts it: command, daemon or a launch in the UI.

Belongs here: the lock. It is held for the whole night, from taking in to the reports. A file lock in the home keeps
processes of one machine apart; where the database is PostgreSQL an advisory lock keeps machines apart too. Within one
thread the lock is re-entrant, so that the command may hold it around the run it starts. Whoever dies gives it back, so
whether it is held is also the one trustworthy word on whether a run is still going on.
"""

from __future__ import annotations

import fcntl
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from pipelines.deployment import Deployment
from pipelines.errors import IsindexError

__all__ = ["alone", "going_on"]

_held: dict[tuple[str, str, int], int] = {}
_guard = threading.Lock()
_PAUSE = 0.2  # seconds between two tries
_LEAST = 1.0  # seconds of trying, at least: who only asks whether a run is going on holds the lock for a moment


@contextmanager
def alone(deployment: Deployment, authority: str) -> Iterator[None]:
    """Hold the authority's lock.

    Raises:
        IsindexError: NIGHT_RUNNING when another run holds it for longer than the setting ``ISINDEX_LOCK_WAIT_SECONDS``.
    """
    key = (str(deployment.home.root.resolve()), authority, threading.get_ident())
    with _guard:
        if key in _held:
            _held[key] += 1
            again = True
        else:
            again = False
    if again:
        try:
            yield
        finally:
            _leave(key)
        return
    with ExitStack() as stack:
        patience = time.monotonic() + max(_LEAST, deployment.settings.lock_wait_seconds)
        while not _taken(deployment, authority, stack):
            if time.monotonic() >= patience:
                raise IsindexError(
                    "NIGHT_RUNNING",
                    "another run of this authority's nights is going on",
                    where=f"authority {authority}",
                    remedy="Wait for it to end and load again; it may have done the work already.",
                )
            time.sleep(_PAUSE)
        with _guard:
            _held[key] = 1
        stack.callback(_leave, key)
        yield


def going_on(deployment: Deployment, authority: str) -> bool:
    """Whether anybody holds the authority's lock: another process, another machine, or this one."""
    with ExitStack() as stack:
        return not _taken(deployment, authority, stack)


def _leave(key: tuple[str, str, int]) -> None:
    with _guard:
        _held[key] -= 1
        if not _held[key]:
            del _held[key]


def _taken(deployment: Deployment, authority: str, stack: ExitStack) -> bool:
    """Take both locks and let `stack` give them back, or take none."""
    with ExitStack() as trial:
        if not _file_lock(deployment.home.root / "nights" / authority / ".lock", trial):
            return False
        if not _database_lock(deployment.engine, authority, trial):
            return False
        stack.push(trial.pop_all())
        return True


def _file_lock(path: Path, stack: ExitStack) -> bool:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    handle = stack.enter_context(path.open("w"))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _database_lock(engine: Engine, authority: str, stack: ExitStack) -> bool:
    """The advisory lock of PostgreSQL: it lives as long as its connection, so a killed run gives it back."""
    if engine.dialect.name != "postgresql":
        return True
    number = int.from_bytes(hashlib.sha256(f"isindex night {authority}".encode()).digest()[:8], "big", signed=True)
    connection = stack.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
    if not connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}):
        return False
    stack.callback(_give_back, connection, number)
    return True


def _give_back(connection: Connection, number: int) -> None:
    """Before the connection goes back to the pool, where it would live on with the lock; a broken one has lost it."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
    except DBAPIError:
        connection.invalidate()
