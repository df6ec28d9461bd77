"""Wishes of folders whose files no night takes in as they lie: their date is none, their manifest has another name, or the delivery was decided
before its files were others, whatever it was refused for.

Belongs here: hearing each content of such a folder once, keeping what it asks for, and saying which folders could not be heard, and of which
floods nothing counts. Of a folder that is nobody's delivery it counts from the latest night on, as what a refused delivery asks for counts
from its own, unless that was let go. Not here: which folders they are, and how they are read (`deliveries.astray`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from pipelines.contracts import contract_for
from pipelines.database import schema as db
from pipelines.deliveries import IN_FORCE, DeliveryEntry
from pipelines.deliveries.astray import Astray, asked_astray
from pipelines.deliveries.intake import is_flood
from pipelines.deliveries.landing_findings import Noted
from pipelines.deliveries.register import Register
from pipelines.deliveries.seen import note
from pipelines.deployment import Deployment
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.requests import floods_of, keep_asking
from pipelines.outages import as_coded
from pipelines.privacy.secret import keyed_digests
from pipelines.reporting.way_out import waiver_of
from pipelines.tables import read_as_or_none, write_json

__all__ = ["floods_waiting", "hear"]

_BEFORE_ALL = date(1900, 1, 1)
_log = logging.getLogger(__name__)


def hear(deployment: Deployment, astray: Iterable[Astray], today: date) -> list[Noted]:
    """Hear what these folders ask for, as far as what lies there is not what was heard last.

    An authority that another run is busy with is heard at the next look; so is a folder that could not be read, whatever was in the
    way, and nothing of it keeps the others from being heard.

    Returns:
        What is to be said of them: ASTRAY_UNHEARD (the next look tries again), ASTRAY_FLOOD (for as long as it lies so).
    """
    path = deployment.home.root / "heard.json"
    before = _read(path)
    heard: dict[
        str, dict[str, str]
    ] = {}  # digest of the place → how its files look, their content, and how many ask where that is a flood
    noted: list[Noted] = []
    for each in astray:
        name = _named(each)
        told = before.get(name, {})
        try:
            looks = each.looks
            if not looks or looks != told.get("looks"):
                state = each.state()
                if state != told.get("state"):
                    with alone(deployment, each.authority):
                        flood = _hear(deployment, each, state, today, first="state" not in told)
                    told = {"state": state, "flood": flood}
                    if each.state() != state:  # it is being written: heard, and heard again
                        continue
                heard[name] = told = {**told, "looks": looks}
            if each.decided and each.decided.row:
                note(deployment.engine, each.landing, [each.decided.row])
        except Exception as fault:
            code = as_coded(fault).code
            if code != "NIGHT_RUNNING":
                _log.warning("what lies below %s was not heard: %s", "/".join(each.parts[:2]), code)
                noted.append(Noted("ASTRAY_UNHEARD", each.parts, 3 if each.decided else 2, {"reason": code}))
            continue
        if told.get("flood"):
            noted.append(Noted("ASTRAY_FLOOD", each.parts, 2, {"asking": told["flood"]}))
    if any(before.get(name) != told for name, told in heard.items()):
        write_json({**_read(path), **heard}, path)
    return noted


def floods_waiting(deployment: Deployment, authorities: Collection[str] | None = None) -> list[Noted]:
    """FLOOD_WAITS of each delivery with which a flood came that does not count, and of which its state says nothing: it was loaded with other
    files, or refused or held for something else. No more once it counts, or a full delivery that came after it is in force.
    """
    places = {path.parent for path in (deployment.home.root / "protection").glob("*/*/*/*.flood.parquet")}
    noted = []
    for authority, agency, day in sorted(place.parts[-3:] for place in places):
        if authorities is not None and authority not in authorities:
            continue
        night = Night(deployment, authority, date.fromisoformat(day))
        known = Register(deployment.engine).known(authority, agency)
        for entry in known:
            if entry.business_date != night.business_date or _tells_itself(entry) or _is_overtaken(entry, known):
                continue
            asking = floods_of(night, entry)
            if asking:
                words = {"asking": f"{asking:,}", "way_out": waiver_of(entry)}
                noted.append(Noted("FLOOD_WAITS", (authority, agency, day), 3, words))
    return noted


def _tells_itself(entry: DeliveryEntry) -> bool:
    return entry.state in ("held", "refused") and entry.has("PROTECTION_FLOOD")


def _is_overtaken(entry: DeliveryEntry, known: Iterable[DeliveryEntry]) -> bool:
    """Whether a full delivery in force, which came after it, says all that there is to say."""
    return any(
        each.state in IN_FORCE
        and each.mode == "full"
        and each.delivery_id != entry.delivery_id
        and each.business_date >= entry.business_date
        and (each.sequence or 0) > (entry.sequence or 0)
        and each.received_at >= entry.received_at
        for each in known
    )


def _read(path: Path) -> dict[str, dict[str, str]]:
    told: dict[str, Any] = read_as_or_none(path, dict) or {}
    return {name: each for name, each in told.items() if isinstance(each, dict)}


def _named(astray: Astray) -> str:
    """The folder's name in what is kept, which nobody can try names against: a folder's own may hold a person's."""
    place = pa.array([astray.place.encode("utf-8", "surrogatepass").hex()])
    return str(keyed_digests(place, "folder heard")[0].as_py())


def _hear(deployment: Deployment, astray: Astray, state: str, today: date, *, first: bool) -> str:
    """Keep what it asks for; how many records ask where that is a flood in nobody's delivery, of which nothing is kept, else "".

    `first`: nothing is known of what was heard there before, but what a decided delivery asked for when it was received.
    """
    attempt, decided = db.attempt.c, astray.decided
    ended = select(func.max(attempt.business_date)).where(attempt.authority == astray.authority)
    with deployment.engine.connect() as connection:
        latest = connection.scalar(ended.where(attempt.state == "published")) or _BEFORE_ALL
        ground = connection.scalar(ended.where(attempt.state == "retired")) or date.min
    own = decided.entry.business_date if decided else None
    let_go = own is not None and own <= ground
    if let_go and first and decided and decided.entry.state == "refused":
        return ""  # it was heard in its time
    told = asked_astray(astray, own or today)
    if told is None or not told[0].num_rows:
        return ""
    asking, rows = told
    usual = Register(deployment.engine).previous_live_records(astray.authority, astray.agency, own or today)
    flood = is_flood(asking, rows, contract_for(astray.agency, own or today), usual)
    if own is not None and not let_go and decided is not None:
        night = Night(deployment, astray.authority, own)
        only_new = first and decided.entry.state == "refused"
        keep_asking(night, astray.agency, decided.entry.delivery_id, asking, flood=flood, only_new=only_new)
        return ""  # of a flood tells `floods_waiting`, or the delivery itself
    if flood:
        return f"{pc.count_distinct(asking['position']).as_py():,}"
    name = f"{astray.authority}/{astray.agency}/{latest.isoformat()}/0-{state[:12]}"
    keep_asking(Night(deployment, astray.authority, latest), astray.agency, name, asking)
    return ""
