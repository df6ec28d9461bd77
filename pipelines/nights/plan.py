"""Which nights need to be run: decided from what is recorded, never from a clock or a file's age.

A night needs a run when a delivery of its folder is not decided yet, when what the register holds for it differs from
what it was last run with, or when the night before it has changed since. Both are digests kept with the night, so a
night that was interrupted, corrected or overtaken by a late delivery is found the same way, and one that is up to date
costs nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, select

from pipelines.database import schema as db
from pipelines.deliveries import FoundDelivery, Register, scan
from pipelines.home import Home
from pipelines.nights.feeds import undecided
from pipelines.nights.night import database_of

__all__ = ["PlannedNight", "authorities_of", "inputs_of", "outstanding", "span_of"]

IN_FORCE = ("loaded", "partly_loaded")


@dataclass(frozen=True)
class PlannedNight:
    """A night to run; `run_key` changes with what is to be loaded."""

    authority: str
    business_date: date
    run_key: str
    arrived: int


def outstanding(home: Home, landing: str, *, authorities: Collection[str] | None = None) -> list[PlannedNight]:
    """Nights that need a run now, by business date and authority.

    A later night that may change because an earlier one is run anew is not foretold: ask again after each run.
    """
    engine = database_of(home.database_url)
    arrived: dict[tuple[str, date], list[FoundDelivery]] = defaultdict(list)
    for found in undecided(Register(engine), scan(landing, authorities=authorities)):
        arrived[found.authority, found.business_date].append(found)
    planned = []
    for authority in sorted({*_recorded(engine), *(name for name, _ in arrived)}):
        if authorities is not None and authority not in authorities:
            continue
        chain = ""
        nights = _nights(engine, authority)
        known = _deliveries(engine, authority)
        for business_date in sorted({*nights, *known, *(day for name, day in arrived if name == authority)}):
            chain, seen = _digests(chain, known.get(business_date, []))
            last = nights.get(business_date)
            new = arrived.get((authority, business_date), [])
            if new or last is None or last["inputs"] != [chain, seen]:
                content = "".join(sorted(found.manifest_sha256 for found in new)) + chain + seen
                key = hashlib.sha256(content.encode()).hexdigest()[:16]
                planned.append(
                    PlannedNight(authority, business_date, f"{authority}/{business_date.isoformat()}/{key}", len(new))
                )
    return sorted(planned, key=lambda each: (each.business_date, each.authority))


def inputs_of(engine: Engine, authority: str, business_date: date) -> list[str]:
    """The two digests a night is run with: of its chain of deliveries in force, and of all that came for it."""
    chain = seen = ""
    known = _deliveries(engine, authority)
    for each in sorted({*known, *_nights(engine, authority), business_date}):
        if each <= business_date:
            chain, seen = _digests(chain, known.get(each, []))
    return [chain, seen]


def authorities_of(home: Home) -> list[str]:
    """Authorities that ever delivered to this deployment."""
    return _recorded(database_of(home.database_url))


def span_of(home: Home, landing: str | None = None) -> tuple[date, date] | None:
    """The first and last business date of the home, and of the landing place if one is given; None when there is none."""
    names = {path.name for path in (home.root / "nights").glob("*/????-??-??")}
    days = [date.fromisoformat(name) for name in names]
    if landing is not None:
        days += [found.business_date for found in scan(landing)]
    return (min(days), max(days)) if days else None


def _digests(chain: str, deliveries: list[tuple[str, str]]) -> tuple[str, str]:
    in_force = [name for name, state in deliveries if state in IN_FORCE]
    onward = hashlib.sha256("\n".join([chain, *in_force]).encode()).hexdigest()[:32]
    seen = hashlib.sha256("\n".join(f"{name} {state}" for name, state in deliveries).encode()).hexdigest()[:32]
    return onward, seen


def _recorded(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(select(db.delivery.c.authority).distinct()))


def _deliveries(engine: Engine, authority: str) -> dict[date, list[tuple[str, str]]]:
    """Business date → (delivery id, state) of all that came, in order of id."""
    rows: dict[date, list[tuple[str, str]]] = defaultdict(list)
    columns = (db.delivery.c.business_date, db.delivery.c.delivery_id, db.delivery.c.state)
    with engine.connect() as connection:
        for day, name, state in connection.execute(
            select(*columns).where(db.delivery.c.authority == authority).order_by(db.delivery.c.delivery_id)
        ):
            rows[day].append((name, state))
    return rows


def _nights(engine: Engine, authority: str) -> dict[date, dict[str, object]]:
    """Business date → state and inputs of the nights that were run to their end."""
    columns = (db.night.c.business_date, db.night.c.state, db.night.c.figures)
    with engine.connect() as connection:
        return {
            day: {"state": state, "inputs": figures.get("inputs")}
            for day, state, figures in connection.execute(select(*columns).where(db.night.c.authority == authority))
        }
