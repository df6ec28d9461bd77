"""The expectation suites of a night: started as soon as the feeds are known, collected at the night's end.

The suites run in a process of their own (their library takes seconds to import), so that they cost the night nothing
on a machine with a second core. They come after the publish, which has gates of its own; what they find is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pipelines.contracts import contract_for
from pipelines.database import schema as db
from pipelines.deliveries import Register, Store
from pipelines.nights.attempts import Attempt
from pipelines.nights.feed_rows import read_feeds
from pipelines.nights.night import Night
from pipelines.validation.expectations_worker import shared_worker
from pipelines.validation.outcomes import ExpectationOutcome

__all__ = ["Verdict", "start_suites", "verdicts"]

_TRAILING = 14
_started: dict[tuple[Path, str, str], dict[str, Future[list[ExpectationOutcome]]]] = {}


@dataclass(frozen=True)
class Verdict:
    """One outcome of one feed's suites."""

    agency: str
    outcome: ExpectationOutcome


def start_suites(attempt: Attempt) -> None:
    """Hand every feed's accepted records and measures to the suites."""
    night = attempt.night
    register, store = Register(night.engine), Store(night.home)
    worker = shared_worker().start()
    running: dict[str, Future[list[ExpectationOutcome]]] = {}
    for row in read_feeds(attempt):
        tonight = row.delivery_id if row.as_of == night.business_date else None
        accepted = store.open(register.needed(tonight)).folder / "accepted.parquet" if tonight else None
        running[row.agency] = worker.submit(
            night.authority,
            night.business_date,
            row.contract or contract_for(row.agency).id,
            accepted,
            dict(row.measures),
            _trailing(night, row.agency),
            night.home.reports / "data_docs",
        )
    _started[_key(night)] = running


def verdicts(night: Night) -> Iterator[Verdict]:
    """Every outcome of the night's suites; they are started now if nobody has."""
    if _key(night) not in _started:
        start_suites(Attempt.last(night))
    for agency, running in _started.pop(_key(night)).items():
        for outcome in running.result():
            yield Verdict(agency, outcome)


def _key(night: Night) -> tuple[Path, str, str]:
    return night.home.root.resolve(), night.authority, night.business_date.isoformat()


def _trailing(night: Night, agency: str) -> list[dict[str, Any]]:
    """The feed's measures of the nights before, oldest first; nights on which it did not come say nothing."""
    with night.engine.connect() as connection:
        rows = connection.execute(
            select(db.feed_night.c.measures)
            .where(
                db.feed_night.c.authority == night.authority,
                db.feed_night.c.agency == agency,
                db.feed_night.c.business_date < night.business_date,
                db.feed_night.c.as_of == db.feed_night.c.business_date,
            )
            .order_by(db.feed_night.c.business_date.desc())
            .limit(_TRAILING)
        ).all()
    return [dict(row[0]) for row in reversed(rows)]
