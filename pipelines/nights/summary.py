"""What a load did, as plain data: the screen shows it and machines read it (`isindex load --json`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, select

from pipelines.contracts import registered_agencies
from pipelines.database import schema as db
from pipelines.home import Home
from pipelines.nights.night import database_of
from pipelines.nights.plan import PlannedNight
from pipelines.privacy.secret import is_development_secret

__all__ = ["summary_of"]

_UNWELL = ("refused", "held")


def summary_of(home: Home, landing: str, ran: Iterable[tuple[PlannedNight, str]]) -> dict[str, Any]:
    """Nights, feeds, deliveries and places to look at, of the nights that were run.

    ``ok`` is false when a delivery was refused or held, a night was not published, or a run failed.
    """
    engine = database_of(home.database_url)
    nights = [_night(engine, planned, fault) for planned, fault in ran]
    well = all(
        night["state"] == "published" and all(each["state"] not in _UNWELL for each in night["feeds"])
        for night in nights
    )
    warnings = []
    if is_development_secret():
        warnings.append("the development secret is in use: set ISINDEX_SECRET before real data is loaded")
    return {
        "ok": well,
        "home": str(home.root),
        "landing": landing,
        "nights": nights,
        "warnings": warnings,
        "look_at": {
            "Reports": str(home.reports / "index.html"),
            "Data Docs": str(home.reports / "data_docs" / "index.html"),
            "Index database": home.database_url.split("@")[-1],
            "Dagster UI": f"isindex ui --home {home.root}",
        },
    }


def _night(engine: Engine, planned: PlannedNight, fault: str) -> dict[str, Any]:
    where = (db.night.c.authority == planned.authority, db.night.c.business_date == planned.business_date)
    with engine.connect() as connection:
        row = connection.execute(select(db.night).where(*where)).mappings().first()
        deliveries = list(
            connection.execute(
                select(db.delivery)
                .where(
                    db.delivery.c.authority == planned.authority, db.delivery.c.business_date == planned.business_date
                )
                .order_by(db.delivery.c.agency, db.delivery.c.sequence)
            ).mappings()
        )
        feeds = {
            feed["agency"]: feed
            for feed in connection.execute(
                select(db.feed_night).where(
                    db.feed_night.c.authority == planned.authority,
                    db.feed_night.c.business_date == planned.business_date,
                )
            ).mappings()
        }
    told = [
        {
            "delivery_id": each["delivery_id"],
            "agency": each["agency"],
            "sequence": each["sequence"],
            "mode": each["mode"],
            "state": each["state"],
            "late": each["late"],
            "codes": [code["code"] for code in each["codes"]],
            "counts": each["counts"],
            "rules": each["rules"],
        }
        for each in deliveries
    ]
    return {
        "authority": planned.authority,
        "business_date": planned.business_date.isoformat(),
        "state": _state(row, fault),
        "fault": fault,
        "version": row["version"] if row else None,
        "figures": dict(row["figures"]) if row else {},
        "feeds": [_feed(agency.agency, feeds.get(agency.agency), told) for agency in registered_agencies()],
        "deliveries": told,
    }


def _state(row: Any, fault: str) -> str:
    """Published or held, as the night's row says; failed when the run ended before it could say so."""
    if row is None or (fault and row["state"] != "held"):
        return "failed"
    return str(row["state"])


def _feed(agency: str, feed: Any, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    """One expected feed: its state, and the counts of the delivery that says most about it tonight."""
    own = [each for each in deliveries if each["agency"] == agency]
    shown = next(
        (each for each in own if feed and each["delivery_id"] == feed["delivery_id"]), own[-1] if own else None
    )
    return {
        "agency": agency,
        "state": feed["state"] if feed else "expected",
        "as_of": feed["as_of"].isoformat() if feed and feed["as_of"] else None,
        "live_records": feed["live_records"] if feed else None,
        "counts": shown["counts"] if shown else None,
        "codes": sorted({code for each in own for code in each["codes"]}),
    }
