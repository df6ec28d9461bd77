"""Pages that something else has made untrue: what waits for somebody is settled without a run of its night, or time passes.

Belongs here: which overviews are written anew. Kept in the home (``standing.json``) is what the pages told last, so that a
load that settles nothing writes nothing.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, func, select

from pipelines.contracts import contract_for, registered_agencies
from pipelines.database.schema import attempt, feed_night
from pipelines.deliveries.due import ABSENT, first_awaited, state_told
from pipelines.deliveries.standing import open_gaps, standing_deliveries
from pipelines.home import Home
from pipelines.publishing.tombstones import tombstones
from pipelines.reporting.directory import Directory
from pipelines.reporting.first_of_all import first_of_all
from pipelines.reporting.readers_see import authorities_published, runs_of, told_on, versions_or_none
from pipelines.reporting.site import write_feeds, write_front, write_overview, write_protection
from pipelines.seams import grown
from pipelines.seams.protection import TASKS
from pipelines.tables import read_as_or_none, read_table, write_json

__all__ = ["refresh", "refresh_landing"]

_FIRST = "first "  # at the beginning of what is kept of what must be seen to first of all
_FLOOD = " flood"  # at the end of what is kept of a delivery in which too many ask to be protected


def refresh(home: Home, engine: Engine) -> None:
    """Write the first page and the overviews anew of which what waits for somebody has changed since the last time, and certificates of feeds."""
    write_feeds(home, engine)
    path = home.root / "standing.json"
    before = read_as_or_none(path, lambda told: {(str(day), str(what)) for day, what in told}) or set()
    now = {
        (
            each.business_date.isoformat(),
            f"{each.delivery_id} {each.state}{_FLOOD if each.has('PROTECTION_FLOOD') else ''}",
        )
        for each in standing_deliveries(engine)
    }
    now |= {
        (day.isoformat(), f"{delivery_id} {gap.message}")
        for delivery_id, (day, gap) in open_gaps(engine).items()
        if gap
    }
    now |= _awaited(engine) | _taken(engine, home) | _seen_instead(engine, home) | _first(engine, home)
    if now == before:
        return
    for day in sorted({day for day, _ in now ^ before}):
        if (home.reports / day / "index.html").is_file():
            write_overview(home, engine, date.fromisoformat(day))
    for first, what in sorted(now ^ before):
        if what.endswith(_FLOOD):
            _refresh_protection(home, engine, what.partition("/")[0], date.fromisoformat(first))
        elif what.startswith(_FIRST):
            _refresh_protection(home, engine, what.split()[1], date.fromisoformat(first), alone=True)
    write_front(home, engine)
    write_json(sorted(now), path)


def _refresh_protection(home: Home, engine: Engine, authority: str, first: date, *, alone: bool = False) -> None:
    """Write the pages of protection of an authority's nights from `first` on anew, as far as the nights' tables are kept; or of `first` `alone`."""
    tried = attempt.c
    query = (
        select(tried.business_date, tried.digest, tried.state)
        .where(tried.authority == authority, tried.business_date == first if alone else tried.business_date >= first)
        .order_by(tried.attempt_id)
    )
    with engine.connect() as connection:
        last = {row.business_date: row for row in connection.execute(query)}
    for night, row in sorted(last.items()):
        tasks = home.attempt(authority, night, row.digest) / "protection" / "tasks.parquet"
        if (home.reports / night.isoformat() / authority / "protection.html").is_file() and tasks.is_file():
            write_protection(
                home,
                engine,
                authority,
                night,
                grown(read_table(tasks), TASKS),
                Directory.read(night),
                in_force=row.state not in ("held", "failed"),
            )


def _first(engine: Engine, home: Home) -> set[tuple[str, str]]:
    """Business date of the newest night of each authority of whose protection something must be seen to first, and what it is; and that of the
    newest of all, whose overview begins with what waits of every authority.
    """
    with engine.connect() as connection:
        newest = connection.scalar(select(func.max(attempt.c.business_date)))
    return {
        (night.isoformat(), f"{_FIRST}{each.authority} {each.code} {each.number or ''} {each.since} {each.told}")
        for each in first_of_all(engine, home)
        for night in {each.night, newest}
        if night
    }


def refresh_landing(home: Home, engine: Engine) -> None:
    """Write the first page and the latest overview anew, because something else lies in the landing place now."""
    latest = max((path.parent.name for path in home.reports.glob("????-??-??/index.html")), default=None)
    if latest:
        write_overview(home, engine, date.fromisoformat(latest))
    else:
        write_front(home, engine)


def _taken(engine: Engine, home: Home) -> set[tuple[str, str]]:
    """Business date of the nights that tell of it, and version, of what was published again or removed to protect somebody."""
    found = set()
    for authority in authorities_published(home):
        stones = tombstones(home, authority)
        runs = runs_of(engine, authority) if stones else ()
        found |= {
            (night.isoformat(), f"{authority} {stone.version} {stone.removed_at}")
            for stone in stones
            for night in told_on(stone, runs)
        }
    return found


def _seen_instead(engine: Engine, home: Home) -> set[tuple[str, str]]:
    """Business date of each night that is held or failed, and what readers see instead of it."""
    newest = select(func.max(attempt.c.attempt_id)).group_by(attempt.c.authority, attempt.c.business_date)
    query = select(attempt.c.authority, attempt.c.business_date).where(
        attempt.c.attempt_id.in_(newest), attempt.c.state.in_(["held", "failed"])
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    found = set()
    for authority, day in rows:
        versions = versions_or_none(home, authority)
        found.add((day.isoformat(), f"{authority} {versions.get(day) or versions.get(max(versions, default=day))}"))
    return found


def _awaited(engine: Engine) -> set[tuple[str, str]]:
    """Business date, and feed with its state, of the feeds that may still come in time: what is missing is told for good."""
    arrival = {each.agency: contract_for(each.agency).service_level.arrival for each in registered_agencies()}
    feed = feed_night.c
    query = select(feed.authority, feed.agency, feed.business_date).where(
        feed.state == ABSENT, feed.business_date >= first_awaited()
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    told = ((row, state_told(ABSENT, row.business_date, arrival.get(row.agency))) for row in rows)
    return {
        (row.business_date.isoformat(), f"{row.authority}/{row.agency} {state}")
        for row, state in told
        if state != "missing"
    }
