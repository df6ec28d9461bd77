"""One engine for each file of Dagster's event log, for as long as a load or a run goes on in this process.

Belongs here: how Dagster's own SQLite event log reaches its files. It makes an engine for every question, opens the file,
compiles the statement anew and closes the file, which carries its journal over: a thousand times a night, and many times what
the stages of a small authority cost. Here an event, or a batch of them, is one transaction in each file, and what does not change
is asked once. What is stored, and by whom it can be read, is the same. Not here: other storages, which keep engines of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import dagster as dg

# Dagster has no public name for its storages, and is pinned
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from pipelines.tables import write_bytes

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
    names = {
        "_connect": kept.connect,
        "store_event": kept.store_event,
        "store_event_batch": kept.store_event_batch,
        "fetch_materializations": kept.fetch_materializations,
        "has_table": kept.once(storage.has_table),
        "has_dynamic_partition": kept.once(storage.has_dynamic_partition),
        "has_asset_key_col": kept.once(storage.has_asset_key_col),
        "_has_asset_key_col_on_connection": kept.once(storage._has_asset_key_col_on_connection, told_by=1),
    }
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
        self._alone = RLock()  # Dagster's own can be taken once
        self._engines: dict[str, Engine] = {}
        self._within: dict[str, Connection] | None = None
        self._blank = b""
        self._found: dict[tuple[object, ...], dg.EventRecordsResult] = {}
        self._store_event = storage.store_event
        self._fetch_materializations = storage.fetch_materializations

    @contextmanager
    def connect(self, shard: str) -> Iterator[Connection]:
        """A connection to the file of a run, or to the index, in a transaction; one at a time, as Dagster has it."""
        with self._alone, ExitStack() as own:
            if self._within is not None and shard in self._within:
                yield self._within[shard]
                return
            engine = self._engine(shard)
            if shard not in self._storage._initialized_dbs:
                self._begin(shard, engine)
                self._storage._initialized_dbs.add(shard)
            if self._within is None:
                yield own.enter_context(engine.begin())
            else:
                self._within[shard] = self._until.enter_context(engine.begin())
                yield self._within[shard]

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event in one transaction of each file that is told of it."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events, all or none of them, in one transaction of each file that is told of them."""
        with self._together():
            for event in events:
                self._store_event(event)
        if any(event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION for event in events):
            self._found.clear()

    def fetch_materializations(
        self, records_filter: dg.AssetKey | dg.AssetRecordsFilter, limit: int, *further: Any, **named: Any
    ) -> dg.EventRecordsResult:
        """What was stored of assets. Each check asks it of its own asset, many of one: asked again, it is as it was until another is stored."""
        asked = (repr(records_filter), limit, *further, *sorted(named.items()))
        if asked not in self._found:
            self._found[asked] = self._fetch_materializations(records_filter, limit, *further, **named)
        return self._found[asked]

    def once(self, ask: Callable[..., bool], *, told_by: int = 0) -> Callable[..., bool]:
        """A question whether something is there, asked until it is: tables, columns and partitions stay.

        Args:
            ask: the question.
            told_by: which of its arguments is the first that says what is asked for.
        """
        there: set[tuple[object, ...]] = set()

        def asked(*what: Any, **named: Any) -> bool:
            key = (*what[told_by:], *sorted(named.items()))
            if key not in there and ask(*what, **named):
                there.add(key)
            return key in there

        return asked

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Within the block there is one transaction of each file, and they end with it."""
        with self._alone:
            if self._within is not None:
                yield
                return
            self._within = {}
            try:
                with ExitStack() as self._until:
                    yield
            finally:
                self._within = None

    def close(self) -> None:
        """Close all files."""
        with self._alone:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _begin(self, shard: str, engine: Engine) -> None:
        """Make the tables of a file, or look whether they are there. Those of a run's are always the same: the next one begins as a copy."""
        path = Path(self._storage.path_for_shard(shard))
        of_new_run = shard != INDEX_SHARD_NAME and not path.exists()
        if of_new_run and self._blank:
            write_bytes(self._blank, path)
            return
        self._storage._initdb(engine)
        if of_new_run:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            self._blank = path.read_bytes()

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
