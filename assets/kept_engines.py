"""One engine for each file of Dagster's event log, for as long as a load or a run goes on in this process.

Belongs here: how Dagster's own SQLite event log reaches its files. It makes an engine for every question, opens the file,
compiles the statement anew and closes the file, which carries its journal over: a thousand times a night, and many times what
the stages of a small authority cost. What is stored, and by whom it can be read, is the same. Not here: other storages, which
keep engines of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

# Dagster has no public name for its storages, and is pinned
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

__all__ = ["engines_kept"]


@contextmanager
def engines_kept(instance: dg.DagsterInstance) -> Iterator[None]:
    """Let the instance's event log keep its engines, if it is in SQLite; they are closed at the end of the block.

    Within such a block another one changes nothing.
    """
    storage = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage or "_connect" in vars(storage):
        yield
        return
    kept = _Kept(storage)
    names = {"_connect": kept.connect, "has_table": kept.has_table}
    for name, method in names.items():
        setattr(storage, name, method)
    try:
        yield
    finally:
        for name in names:
            delattr(storage, name)
        kept.close()


class _Kept:
    """The engines of a storage: of its index, and of the run that was written last."""

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage = storage
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._ask_for_table = storage.has_table

    @contextmanager
    def connect(self, shard: str) -> Iterator[Connection]:
        """A connection to the file of a run, or to the index, in a transaction; one at a time, as Dagster has it."""
        with self._storage._db_lock:
            engine = self._engine(shard)
            if shard not in self._storage._initialized_dbs:
                self._storage._initdb(engine)
                self._storage._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, name: str) -> bool:
        """Whether the index has a table; one that is there stays."""
        if name not in self._tables and self._ask_for_table(name):
            self._tables.add(name)
        return name in self._tables

    def close(self) -> None:
        """Close all files."""
        with self._storage._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            for other in [name for name in self._engines if INDEX_SHARD_NAME not in (shard, name)]:
                self._engines.pop(other).dispose()
            engine = create_engine(
                self._storage.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            event.listen(engine, "connect", _unhurried)
            self._engines[shard] = engine
        return self._engines[shard]


def _unhurried(connection: Any, _record: object) -> None:
    """Wait for the disk where the journal is carried over, not after each event: hundreds a night, of what was done.

    With its write-ahead journal, which Dagster sets, the file stays whole whenever the power fails; its last events may be
    missing then. What became of a night stands in the index database.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
