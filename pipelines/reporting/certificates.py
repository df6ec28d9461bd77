"""The pages of accreditation: where every feed stands, and for each a certificate that its supplier may be shown.

Belongs here: when they are written anew. They tell of deliveries and of what was measured of them; nobody who decided is named, and nothing
of a record is in them. Not here: the checklist itself (`pipelines.validation.checklist`).

    reports/accreditation/index.html                          every feed of which something was decided
    reports/accreditation/<authority>/<agency>/index.html     a feed's certificate
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from pipelines.database import schema as db
from pipelines.deliveries.accreditation import Act, acts
from pipelines.home import Home
from pipelines.reporting.directory import Directory
from pipelines.reporting.sheets import Sheet
from pipelines.reporting.tables_of.accreditation import certificate_sheets, feeds_sheet, requirements_told
from pipelines.reporting.words import FEEDS
from pipelines.settings import settings
from pipelines.tables import read_as_or_none, write_json
from pipelines.validation.checklist import Checklist, checklist_of

__all__ = ["Render", "write_certificates"]

Render = Callable[[Path, str, str, str, Mapping[str, Sheet], Mapping[str, Any]], list[Path]]
"""Writes a page with its tables: folder, template, way to the root, title, sheets, values."""


def write_certificates(home: Home, engine: Engine, render: Render) -> list[Path]:
    """Write the pages anew of which something has changed since the last time; what was written. None where nothing was ever decided."""
    with engine.connect() as connection:
        decided = acts(connection)
    if not decided:
        return []
    path = home.root / "certificates.json"
    before: dict[str, Any] = read_as_or_none(path, dict) or {}
    now = _seen(engine, decided)
    changed = [feed for feed, seen in now.items() if before.get(feed) != seen]
    if not changed:
        return []
    folder, directory = home.reports / "accreditation", Directory.read(datetime.now(UTC).date())
    written = []
    for feed in changed:
        authority, _, agency = feed.partition("/")
        own = [each for each in decided if (each.authority, each.agency) == (authority, agency)]
        written += _certificate(
            folder / authority / agency, checklist_of(engine, authority, agency), own, directory, render
        )
    latest = {(each.authority, each.agency): each for each in decided}
    sheets = feeds_sheet([latest[feed] for feed in sorted(latest)], directory)
    written += render(folder, "accreditation.html", "../", "Feeds", sheets, {"nights": settings().accreditation_nights})
    write_json(now, path)
    return written


def _certificate(
    folder: Path, checklist: Checklist, own: Sequence[Act], directory: Directory, render: Render
) -> list[Path]:
    last = own[-1]
    grant = (
        next((each for each in reversed(own) if each.act == "grant"), None) if last.standing == "accredited" else None
    )
    sheets = certificate_sheets(checklist.as_json(), grant.checklist if grant else None)
    values = {
        "authority_code": last.authority,
        "authority_name": directory.name(last.authority),
        "feed": directory.title(last.agency),
        "contract": checklist.contract,
        "standing": FEEDS[last.standing],
        "since": date.fromisoformat(last.decided_at[:10]),
        "granted": date.fromisoformat(grant.decided_at[:10]) if grant else None,
        "despite": requirements_told(grant.despite) if grant else "",
        "granted_nights": len(grant.checklist["nights"]) if grant and grant.checklist else 0,
        "asked": checklist.asked,
        "holds": checklist.holds,
    }
    title = f"Certificate: {values['feed']}, {values['authority_name']}"
    return render(folder, "certificate.html", "../../../", title, sheets, values)


def _seen(engine: Engine, decided: Sequence[Act]) -> dict[str, list[str]]:
    """Feed → all that its certificate is made from, in short."""
    delivery, night = db.delivery.c, db.feed_night.c
    came = select(delivery.authority, delivery.agency, func.count(), func.max(delivery.received_at))
    newest = select(delivery.authority, func.max(delivery.business_date)).group_by(delivery.authority)
    told = select(night.authority, night.agency, func.count(), func.coalesce(func.sum(night.live_records), 0))
    with engine.connect() as connection:
        deliveries = {
            tuple(row[:2]): row[2:] for row in connection.execute(came.group_by(delivery.authority, delivery.agency))
        }
        nights = {tuple(row[:2]): row[2:] for row in connection.execute(told.group_by(night.authority, night.agency))}
        last = {row[0]: row[1] for row in connection.execute(newest)}
    latest = {(each.authority, each.agency): each.number for each in decided}
    asked = settings().accreditation_nights
    return {
        "/".join(feed): [
            str(each) for each in (number, asked, last.get(feed[0]), *deliveries.get(feed, ()), *nights.get(feed, ()))
        ]
        for feed, number in sorted(latest.items())
    }
