"""How far an authority's nights reach: the first one, the last one, and why a night beyond them is not run.

Belongs here: the span, for deliveries and for runs alike. Not here: which nights need a run (`plan`), what is let go
(`retention`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from pipelines.contracts import authorities as known_authorities
from pipelines.database import schema as db
from pipelines.deliveries import FoundDelivery
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import last_attempts
from pipelines.nights.night import Night

__all__ = [
    "LONDON",
    "authorities_of",
    "first_nights",
    "last_night",
    "refuse_ahead",
    "refuse_early",
    "refuse_out_of_reach",
    "refuse_retired",
    "retired_nights",
    "span_of",
]

LONDON = ZoneInfo("Europe/London")
"""Where days begin and end."""


def authorities_of(deployment: Deployment) -> list[str]:
    """Authorities that ever delivered to this deployment and that it hosts."""
    with deployment.engine.connect() as connection:
        return sorted(filter(deployment.hosts, connection.scalars(select(db.delivery.c.authority).distinct())))


def first_nights(deployment: Deployment) -> dict[str, date]:
    """The first night of each authority that can still be run: nothing may be delivered for an earlier one.

    The setting ``ISINDEX_FIRST_NIGHT``, where it is earlier, opens the time before; but never a night that was let go. An
    authority that never delivered begins on the day it was opened at the earliest.
    """
    earliest = deployment.settings.first_night
    found = {code: max(opened, earliest or opened) for code, opened in known_authorities.opened().items()}
    for authority in authorities_of(deployment):
        rows = last_attempts(deployment.engine, authority)
        if nights := [day for day, row in rows.items() if row.state != "retired"]:
            found[authority] = min([*nights, *([earliest] if earliest else [])])
        if gone := [day for day, row in rows.items() if row.state == "retired"]:
            found[authority] = max(found[authority], max(gone) + timedelta(days=1))
    return found


def last_night(today: date | None = None) -> date:
    """The last night there can be: tomorrow's, because a business date may be delivered for on the day before."""
    return (today or datetime.now(LONDON).date()) + timedelta(days=1)


def span_of(deployment: Deployment, arrived: Iterable[FoundDelivery] = ()) -> tuple[date, date] | None:
    """The first and last business date of the home and of what has arrived; None when there is none."""
    names = {path.name for path in (deployment.home.root / "nights").glob("*/????-??-??")}
    days = [*(date.fromisoformat(name) for name in names), *(found.business_date for found in arrived)]
    return (min(days), max(days)) if days else None


def retired_nights(deployment: Deployment) -> dict[str, date]:
    """The last night of each authority that was let go, of those that have one: no night up to it is ever run again."""
    query = (
        select(db.attempt.c.authority, func.max(db.attempt.c.business_date))
        .where(db.attempt.c.state == "retired")
        .group_by(db.attempt.c.authority)
    )
    with deployment.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def refuse_retired(night: Night) -> None:
    """Refuse to do anything more for a night that was let go.

    Raises:
        IsindexError: NIGHT_RETIRED.
    """
    if night.business_date <= retired_nights(night.deployment).get(night.authority, date.min):
        raise IsindexError(
            "NIGHT_RETIRED",
            "The night is older than what is kept: it is history, and is never run again.",
            where=night.where,
            remedy="What it published stays in later nights. A larger ISINDEX_KEEP_NIGHTS keeps more nights from now on, and "
            "brings none back.",
        )


def refuse_out_of_reach(night: Night) -> None:
    """Refuse to run a night that there cannot be, whoever asks for it.

    Raises:
        IsindexError: NIGHT_RETIRED (let go: built on nothing, it would give every child a new index id), NIGHT_TOO_EARLY
            (before the authority's first), NIGHT_AHEAD (its business date has not come).
    """
    refuse_retired(night)
    refuse_early(night.business_date, first_nights(night.deployment).get(night.authority), night.where)
    refuse_ahead(night.business_date, night.where)


def refuse_early(business_date: date, first: date | None, where: str) -> None:
    """Refuse a night before the `first` one that can be run.

    Raises:
        IsindexError: NIGHT_TOO_EARLY.
    """
    if first is not None and business_date < first:
        raise IsindexError(
            "NIGHT_TOO_EARLY",
            f"The authority's nights begin on {first.isoformat()}.",
            where=where,
            remedy="Choose a later night; ISINDEX_FIRST_NIGHT opens the time before, where that is meant.",
        )


def refuse_ahead(business_date: date, where: str) -> None:
    """Refuse a night that is later than tomorrow's.

    Raises:
        IsindexError: NIGHT_AHEAD.
    """
    if business_date > last_night():
        raise IsindexError(
            "NIGHT_AHEAD",
            "The night has not come: nothing can be said of a day in the future.",
            where=where,
            remedy="Choose a night up to tomorrow, or look at the clock of this machine.",
        )
