"""Wishes of deliveries that no night takes in: their folder has an impossible date, or their manifest another name.

Belongs here: hearing each state of such a folder once, keeping what it asks for, and saying which folders could not be heard. It counts
from the latest night on, as what a refused delivery asks for counts from its own. Not here: which folders they are, and how they are
read (`deliveries.astray`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import date

import pyarrow.compute as pc
from sqlalchemy import func, select

from pipelines.contracts import contract_for
from pipelines.database import schema as db
from pipelines.deliveries.astray import Astray, asked_astray
from pipelines.deliveries.intake import is_flood
from pipelines.deliveries.landing_findings import Noted
from pipelines.deliveries.register import Register
from pipelines.deployment import Deployment
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.requests import keep_asking
from pipelines.outages import as_coded
from pipelines.tables import read_as_or_none, write_json

__all__ = ["hear"]

_BEFORE_ALL = date(1900, 1, 1)
_log = logging.getLogger(__name__)


def hear(deployment: Deployment, astray: Iterable[Astray], today: date) -> list[Noted]:
    """Hear what these folders ask for, as far as their files are not as they were when they were heard last.

    An authority that another run is busy with is heard at the next look; so is a folder that could not be read, whatever was in the
    way, and nothing of it keeps the others from being heard.

    Returns:
        What is to be said of them: ASTRAY_UNHEARD (the next look tries again), ASTRAY_FLOOD (for as long as it lies so).
    """
    path = deployment.home.root / "heard.json"
    heard = (
        read_as_or_none(path, dict) or {}
    )  # digest of the place → state, and after a blank how many ask where that is a flood
    noted: list[Noted] = []
    lying = list(astray)
    new = [each for each in lying if str(heard.get(_named(each))).partition(" ")[0] != each.state]
    for each in new:
        try:
            with alone(deployment, each.authority):
                flood = _hear(deployment, each, today)
        except Exception as fault:
            code = as_coded(fault).code
            if code != "NIGHT_RUNNING":
                _log.warning("what lies below %s was not heard: %s", "/".join(each.parts[:2]), code)
                noted.append(Noted("ASTRAY_UNHEARD", each.parts, 2, {"reason": code}))
            continue
        heard[_named(each)] = f"{each.state} {flood}" if flood else each.state
    if new:
        write_json(heard, path)
    for each in lying:
        state, _, flood = str(heard.get(_named(each))).partition(" ")
        if flood and state == each.state:
            noted.append(Noted("ASTRAY_FLOOD", each.parts, 2, {"asking": flood}))
    return noted


def _named(astray: Astray) -> str:
    """The folder's name in what is kept: a folder's own name may hold a person's."""
    return hashlib.sha256(astray.place.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _hear(deployment: Deployment, astray: Astray, today: date) -> str:
    """Keep what it asks for; how many records ask where that is a flood, of which nothing is kept, else ""."""
    told = asked_astray(astray, today)
    if told is None or not told[0].num_rows:
        return ""
    asking, rows = told
    attempt = db.attempt.c
    query = select(func.max(attempt.business_date)).where(
        attempt.authority == astray.authority, attempt.state == "published"
    )
    with deployment.engine.connect() as connection:
        day = connection.scalar(query) or _BEFORE_ALL
    usual = Register(deployment.engine).previous_live_records(astray.authority, astray.agency, today)
    if is_flood(asking, rows, contract_for(astray.agency, today), usual):
        return f"{pc.count_distinct(asking['position']).as_py():,}"
    name = f"{astray.authority}/{astray.agency}/{day.isoformat()}/0-{astray.state[:12]}"
    keep_asking(Night(deployment, astray.authority, day), astray.agency, name, asking)
    return ""
