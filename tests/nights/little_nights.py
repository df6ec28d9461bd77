"""Nights of the little authority, run in this process without an orchestrator: what `isindex load` does, night by night.

Belongs here: a landing place, a home, and the loop of a load. Nights are counted from 0.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.deployment import Deployment
from pipelines.nights.arrivals import look_around
from pipelines.nights.attempts import Attempt, AttemptRow, attempt_in_force, last_attempts
from pipelines.nights.night import Night
from pipelines.nights.plan import PlannedNight, outstanding
from pipelines.nights.retention import prune, prune_reports
from pipelines.nights.run import run_all
from pipelines.publishing.gates import volume
from pipelines.settings import settings
from pipelines.tables import read_table
from tests.databases import Databases
from tests.nights.little_authority import AGENCIES, AUTHORITY, FIRST, Delivery, Feed, children, day_of, put

__all__ = ["LittleNights", "broken_in", "bytes_under", "few_keys_may_move"]


class LittleNights:
    """A home and a landing place; each agency holds every child from the beginning.

    Args:
        folder: where both lie.
        database: where the home's index database is; default SQLite.
    """

    def __init__(self, folder: Path, database: Databases | None = None) -> None:
        self.database = database or Databases("sqlite")
        self.landing, self.home = folder / "landing", folder / "home"
        self.landing.mkdir(parents=True, exist_ok=True)
        self.feeds = {agency: Feed(agency) for agency in AGENCIES}
        for child in children():
            for feed in self.feeds.values():
                feed.hold(child)
        self._opened = self.database.opened(self.home, self.landing)

    def copied_to(self, folder: Path) -> LittleNights:
        """Another like this one, home and landing place copied as they lie; the two go their own ways from here."""
        for mine in (self.landing, self.home):
            shutil.copytree(mine, folder / mine.name, symlinks=True)
        self.database.copied(self.home, folder / self.home.name)
        made = LittleNights(folder, self.database)
        made.feeds = deepcopy(self.feeds)
        return made

    @property
    def deployment(self) -> Deployment:
        """With the settings as they are now."""
        return replace(self._opened, settings=settings())

    def deliver(self, night: int, *agencies: str, fault: str = "", authority: str = AUTHORITY) -> list[Delivery]:
        """Let agencies (default: all) deliver all that they hold, for the night with this number; another authority hears the same."""
        made = []
        for agency in agencies or AGENCIES:
            feed = self.feeds[agency]
            feed.sequence += 1
            rows = [dict(row) for row in feed.rows.values()]
            made.append(Delivery(agency, day_of(night), feed.sequence, "full", rows, fault, authority))
            put(self.landing, made[-1])
        return made

    def night(self, number: int) -> Night:
        return Night(self.deployment, AUTHORITY, day_of(number))

    def planned(self, *, asked: Collection[int] = (), due: int | None = None) -> dict[int, PlannedNight]:
        """The outstanding nights by number, as a load would find them now."""
        days = {day_of(number) for number in asked}
        found = outstanding(
            self.deployment,
            look_around(self.deployment).new,
            due=None if due is None else day_of(due),
            asked=lambda authority, day: day in days,
        )
        return {(each.business_date - FIRST).days: each for each in found}

    def load(
        self, *, asked: Collection[int] = (), before: Callable[[str], None] = lambda stage: None
    ) -> dict[int, str]:
        """Run what is outstanding, the earliest first, and let go what is not kept; the state each night ended in."""
        days = {day_of(number) for number in asked}
        ran = run_all(self.deployment, started_by="a test", asked=lambda authority, day: day in days, before=before)
        prune(self.deployment, AUTHORITY)
        prune_reports(self.deployment)
        return {(each.planned.business_date - FIRST).days: each.state for each in ran}

    def last(self, number: int) -> AttemptRow:
        """The row of the attempt that was made last."""
        return last_attempts(self.deployment.engine, AUTHORITY)[day_of(number)]

    def in_force(self, number: int) -> Attempt:
        found = attempt_in_force(self.night(number))
        assert found is not None
        return found

    def published(self, number: int, table: str = "children") -> pa.Table:
        """A table of the night's version in force."""
        version = self.night(number).version()
        assert version is not None
        return read_table(self.deployment.home.snapshots(AUTHORITY) / version / f"{table}.parquet")

    def renumber(self) -> None:
        """Health gives every patient another number of its own. Where `few_keys_may_move`, that holds the night."""
        for row in self.feeds["health"].rows.values():
            row["local_patient_id"] += "N"


@contextmanager
def few_keys_may_move() -> Iterator[None]:
    """The gate is made for authorities with more than eight children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(volume, "KEYS_MOVED_LEAST", 5)
        yield


def broken_in(stage: str) -> Callable[[str], None]:
    """What is told of each stage before it begins: at this one the disk is full."""

    def before(each: str) -> None:
        if each == stage:
            raise OSError(28, "No space left on device")

    return before


def bytes_under(*folders: Path) -> dict[str, str]:
    """Every file below the folders with its sha256, but for locks, and what tells how the matcher went about a night (all of it, or what
    had changed): that is under no seal."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock" and path.parts[-2:] != ("matching", "stats.json")
    }
