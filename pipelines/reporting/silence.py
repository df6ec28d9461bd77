"""Authorities of which nothing came for a night, though they have delivered before: what readers see of them meanwhile, and whom to ask.

Belongs here: finding them, and their line and feeds on a night's overview, with the figures of their last night, so that no number on it is of
some authorities only. Not here: a single feed that did not come, which is a feed of the night.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, Row, func, select

from pipelines.database.schema import attempt, delivery, feed_night
from pipelines.deliveries.due import ABSENT, state_told
from pipelines.home import Home
from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import AuthorityLine, FeedLine, ProtectionLine, protection_of
from pipelines.reporting.readers_see import ReadersSee, readers_see
from pipelines.reporting.words import short_day

__all__ = ["Silent", "feeds_of", "last_heard", "silent_lines", "silent_now"]


@dataclass(frozen=True)
class Silent:
    """An authority that sent nothing for the newest night: what it was last heard of for, the night readers see, what to do."""

    authority: str
    heard: date
    sees: date | None
    what_to_do: str


def last_heard(engine: Engine, before: date) -> dict[str, date]:
    """The latest night before that one for which each authority delivered anything, whatever became of it."""
    query = (
        select(delivery.c.authority, func.max(delivery.c.business_date))
        .where(delivery.c.business_date < before)
        .group_by(delivery.c.authority)
    )
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def silent_now(engine: Engine, home: Home) -> list[Silent]:
    """Authorities that delivered nothing for the newest night of all, by code; also those of which a run without deliveries was made for it."""
    with engine.connect() as connection:
        newest = connection.scalar(select(func.max(attempt.c.business_date)))
        if newest is None:
            return []
        came = {*connection.scalars(select(delivery.c.authority).where(delivery.c.business_date >= newest))}
    directory = Directory.read(newest)
    heard = last_heard(engine, newest)
    silent = [each for each in sorted(heard) if each not in came and each in directory.authorities]
    seen = readers_see(home, silent, newest)
    return [
        Silent(
            each,
            heard[each],
            at.business_date if (at := seen[each].at) else None,
            _to_do(_feeds(engine, each, newest, seen[each], directory), directory),
        )
        for each in silent
    ]


def silent_lines(
    engine: Engine, business_date: date, there: Collection[str], directory: Directory, home: Home | None
) -> list[AuthorityLine]:
    """A line for each that delivered before the night and is not `there`; its figures are those of its last night."""
    heard = last_heard(engine, business_date)
    silent = [each for each in sorted(heard) if each not in there and each in directory.authorities]
    seen = readers_see(home, silent, business_date) if home else {}
    tried = _last_attempts(engine, silent, business_date)
    lines = []
    for each in silent:
        see = seen.get(each, ReadersSee())
        last, told = tried.get((each, False)), tried.get((each, True))
        feeds = _feeds(engine, each, business_date, see, directory)
        figures = told.figures if told is not None else {}
        of_version = (
            protection_of(figures) if see.at and told is not None and told.business_date == see.at.business_date else {}
        )
        lines.append(
            AuthorityLine(
                each,
                "silent",
                "",
                see.at.children if see.at else None,
                figures.get("review_open"),
                {},
                (f"Nothing has come for this night; last heard of for {short_day(heard[each])}.",),
                feeds,
                protection_of(last.figures) if last is not None else {},
                (ProtectionLine("earlier", see.at.business_date, see.at.hidden, of_version),) if see.at else (),
                seen=see.at.children if see.at else None,
                what_to_do=_to_do(feeds, directory),
                last_night=last.business_date if last is not None else None,
            )
        )
    return lines


def _last_attempts(engine: Engine, authorities: Collection[str], before: date) -> Mapping[tuple[str, bool], Any]:
    """The last attempt at the newest night before that one of each authority (False), and at the newest that was published (True)."""
    row = attempt.c
    query = (
        select(row.authority, row.business_date, row.figures, row.version)
        .where(row.authority.in_(authorities), row.business_date < before, row.state != "running")
        .order_by(row.business_date, row.attempt_id)
    )
    with engine.connect() as connection:
        found = list(connection.execute(query))
    last: dict[tuple[str, bool], Any] = {}
    for each in found:
        last[each.authority, False] = each
        if each.version is not None:
            last[each.authority, True] = each
    return last


def _feeds(
    engine: Engine, authority: str, business_date: date, see: ReadersSee, directory: Directory
) -> tuple[FeedLine, ...]:
    """The expected feeds of a silent authority: none came, and what readers see stands in."""
    rows = feeds_of(engine, authority, see.at.business_date if see.at else None)
    lines = []
    for agency in directory.awaited(rows):
        row, contract = rows.get(agency), directory.contract(agency)
        as_of = row.as_of if row is not None else None
        lines.append(
            FeedLine(
                authority,
                agency,
                state_told(ABSENT, business_date, contract.service_level.arrival if contract else None),
                as_of=as_of,
                age=(business_date - as_of).days if as_of else None,
                live_records=row.live_records if row is not None else None,
            )
        )
    return tuple(lines)


def feeds_of(engine: Engine, authority: str, business_date: date | None) -> dict[str, Row[Any]]:
    """Agency → its row of table `feed_night` of an authority's night."""
    query = select(feed_night).where(feed_night.c.authority == authority, feed_night.c.business_date == business_date)
    with engine.connect() as connection:
        return {row.agency: row for row in connection.execute(query)} if business_date else {}


def _to_do(feeds: Collection[FeedLine], directory: Directory) -> str:
    """Whom to ask, and what is shown until then."""
    told = ", ".join(
        f"{directory.title(feed.agency)} ({f'as of {short_day(feed.as_of)}' if feed.as_of else 'nothing in use'})"
        for feed in feeds
    )
    return (
        f"Ask the authority and its suppliers why nothing comes: {told}. What they send for a night is loaded for that night whenever it comes; "
        "until then readers see the last version. Should anything of its protection wait, it is told before all else."
    )
