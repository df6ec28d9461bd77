"""What a load did, as plain data: the screen shows it and machines read it (`isindex load --json`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol

from sqlalchemy import func, select

from pipelines.contracts import contract_for, registered_agencies
from pipelines.database import schema as db
from pipelines.deliveries import IN_FORCE, DeliveryEntry, LandingFinding
from pipelines.deliveries.due import ABSENT, state_told
from pipelines.deliveries.reconcile import counted
from pipelines.deliveries.standing import nights_of_nobody_admitted, nights_taken_in_whole, standing_deliveries
from pipelines.deployment import Deployment, is_demo
from pipelines.nights.attempts import AttemptRow, last_attempts
from pipelines.nights.plan import NOT_BUILT, PlannedNight
from pipelines.nights.protective import Protective, protection_waits, taken_away
from pipelines.nights.reach import authorities_of
from pipelines.publishing.versions import built, versions_in_force
from pipelines.reporting.protection_now import TasksOfNight, tasks_now
from pipelines.reporting.protection_waits import PROTECTION_WAITS, told_of
from pipelines.reporting.way_out import remedy_of, what_to_do

__all__ = ["WISHES_OPEN", "standing", "summary_of", "waiting_told"]

_NONE_ADMITTED = "Nothing has to be done: no feed of this authority is to be loaded yet (`isindex accredit list`)."
WISHES_OPEN = "WISHES_OPEN"
"""The code of wishes to be protected that wait for somebody."""


class Ran(Protocol):
    """A night that was to be run."""

    @property
    def planned(self) -> PlannedNight:
        """Which, and why."""

    @property
    def fault(self) -> str:
        """How its run failed; "" when it did not."""

    @property
    def busy(self) -> bool:
        """Whether another run was going on."""

    @property
    def code(self) -> str:
        """What stood in its way, where the run itself could not note it; else ""."""


def summary_of(
    deployment: Deployment,
    ran: Iterable[Ran],
    findings: Sequence[LandingFinding] = (),
    incomplete: Collection[str] = (),
    removed: dict[str, int] | None = None,
    authorities: Collection[str] | None = None,
    known: Collection[Protective] = (),
) -> dict[str, Any]:
    """Nights, feeds, deliveries and places to look at, of the nights that were run; what is amiss; what was cleared away.

    ``ok`` is false while a delivery is refused or held and nobody has settled it, a night is held or failed, a run could not
    begin, a wish to be protected means nobody or asks for a firewall that stands nowhere, or something in the landing place belongs to nobody. With `authorities` only what stands of these is told. Of versions
    that were published again less somebody, or removed, those that are not `known` already are told.
    """
    nights = [_night(deployment, each) for each in ran]
    waiting = standing(deployment, authorities)
    whose = sorted(authorities or authorities_of(deployment))
    unprotected = protection_waits(deployment, whose)
    well = not findings and not waiting and not unprotected and all(map(_is_well, nights))
    warnings = ["a demo home: for invented children only"] if is_demo(deployment.home) else []
    home = deployment.home
    return {
        "ok": well,
        "home": str(home.root),
        "landing": deployment.landing,
        "nights": nights,
        "standing": waiting,
        "protection_waits": unprotected,
        "protection_waits_told": [waiting_told(deployment, each) for each in unprotected],
        "protective": [
            {
                "authority": each,
                **{name: str(part) if isinstance(part, date) else part for name, part in asdict(less).items()},
            }
            for each in whose
            for less in taken_away(deployment, each)
            if less not in known
        ],
        "incomplete": sorted(incomplete),
        "landing_findings": [_plain(finding) for finding in findings],
        "removed": dict(removed or {}),
        "warnings": warnings,
        "look_at": {
            "Reports": str(home.reports / "index.html"),
            "Data Docs": str(home.reports / "data_docs" / "index.html"),
            "Index database": home.database_url.split("@")[-1],
            "Dagster UI": f"isindex ui --home {home.root}",
        },
    }


def _is_well(night: dict[str, Any]) -> bool:
    """Whether a night was published, or not built because no feed of its authority is to be loaded yet."""
    return night["state"] in ("published", NOT_BUILT) and not night["fault"]


def waiting_told(deployment: Deployment, authority: str, landing: str = "") -> dict[str, Any]:
    """Of an authority whose protection waits: the code, why, what to do, and since when, "" where that is not known."""
    told = told_of(deployment.home, authority)
    return {
        "authority": authority,
        "code": PROTECTION_WAITS,
        "cause": told.cause,
        "reasons": [told.told],
        "what_to_do": told.what_to_do(str(deployment.home.root), landing or deployment.landing),
        "since": told.since,
    }


def standing(deployment: Deployment, authorities: Collection[str] | None = None) -> list[dict[str, Any]]:
    """What waits for somebody, with the reasons and the way out: nights that are held, or whose last run did not end well, then deliveries.

    A night that an earlier version held because no feed of its authority is to be loaded yet waits for nobody, nor does one before the first
    that was published, all of whose feeds a later published night has in full.

    Those are the ones that are held or refused and that nobody has settled; of a night agency, sequence and delivery_id
    are None. Last, of each authority, the wishes to be protected that mean nobody, or ask for a firewall that stands nowhere
    (WISHES_OPEN): they stand until they are settled, not for their night alone.
    """
    newest = select(func.max(db.attempt.c.attempt_id)).group_by(db.attempt.c.authority, db.attempt.c.business_date)
    query = (
        select(db.attempt)
        .where(db.attempt.c.attempt_id.in_(newest), db.attempt.c.state.in_(["held", "failed", "running"]))
        .order_by(db.attempt.c.authority, db.attempt.c.business_date)
    )
    if authorities is not None:
        query = query.where(db.attempt.c.authority.in_(sorted(authorities)))
    with deployment.engine.connect() as connection:
        rows = [AttemptRow(**row) for row in connection.execute(query).mappings()]
    held = {(row.authority, row.business_date) for row in rows if row.state == "held"}
    quiet = nights_of_nobody_admitted(deployment.engine, held) | nights_taken_in_whole(deployment.engine, held)
    nights = [
        {
            "authority": row.authority,
            "business_date": row.business_date.isoformat(),
            "agency": None,
            "sequence": None,
            "delivery_id": None,
            "state": "interrupted" if row.state == "running" else row.state,
            "code": _code(row),
            "reasons": row.reasons,
            "what_to_do": what_to_do(row),
            "since": row.started_at,
        }
        for row in rows
        if row.state != "held" or (row.authority, row.business_date) not in quiet
    ]
    deliveries = map(_waits, standing_deliveries(deployment.engine, authorities))
    wishes = [_open_wishes(each) for each in tasks_now(deployment.engine, authorities) if each.grave]
    return [*nights, *deliveries, *wishes]


def _open_wishes(found: TasksOfNight) -> dict[str, Any]:
    return {
        "authority": found.authority,
        "business_date": found.business_date.isoformat(),
        "agency": None,
        "sequence": None,
        "delivery_id": None,
        "state": "open",
        "code": WISHES_OPEN,
        "reasons": found.reasons,
        "what_to_do": found.to_do,
        "since": None,
    }


def _waits(entry: DeliveryEntry) -> dict[str, Any]:
    grave = [code for code in entry.codes if code["severity"] in ("hold", "refuse")]
    return {
        "authority": entry.authority,
        "business_date": entry.business_date.isoformat(),
        "agency": entry.agency,
        "sequence": entry.sequence,
        "delivery_id": entry.delivery_id,
        "state": entry.state,
        "code": " ".join(code["code"] for code in grave),
        "reasons": [f"{code['message']} {remedy_of(entry, code['code'], code['remedy'])}" for code in grave],
        "what_to_do": " ".join(dict.fromkeys(remedy_of(entry, code["code"], code["remedy"]) for code in grave)),
        "since": entry.received_at,
    }


def _night(deployment: Deployment, ran: Ran) -> dict[str, Any]:
    planned = ran.planned
    row = last_attempts(deployment.engine, planned.authority, [planned.business_date]).get(planned.business_date)
    where = (planned.authority, planned.business_date)
    with deployment.engine.connect() as connection:
        deliveries = list(
            connection.execute(
                select(db.delivery)
                .where(db.delivery.c.authority == where[0], db.delivery.c.business_date == where[1])
                .order_by(db.delivery.c.agency, db.delivery.c.sequence)
            ).mappings()
        )
        feeds = {
            feed["agency"]: feed
            for feed in connection.execute(
                select(db.feed_night).where(
                    db.feed_night.c.authority == where[0], db.feed_night.c.business_date == where[1]
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
        "why": list(planned.why),
        "state": _state(row, ran),
        "fault": ran.fault,
        "stage": _stage(row) if row else "",
        "code": "NIGHT_RUNNING" if ran.busy else ran.code or (_code(row) if row else ""),
        "reasons": row.reasons if row else [],
        "what_to_do": _NONE_ADMITTED if _state(row, ran) == NOT_BUILT else _way_out(row, ran),
        "version": _shown_as(deployment, planned, row.version) if row else None,
        "figures": dict(row.figures) if row else {},
        "feeds": [
            _feed(agency.agency, planned.business_date, feeds.get(agency.agency), told)
            for agency in registered_agencies()
            if _is_awaited(agency.agency, feeds, told)
        ],
        "deliveries": told,
    }


def _code(row: AttemptRow) -> str:
    """What stands in the way of a night: what it failed of, or that gates hold it; their names stand in the reasons."""
    return "GATES_FAILED" if row.state == "held" else row.code


def _stage(row: AttemptRow) -> str:
    """The stage in which a night came to its end; the gates are those of its snapshot."""
    return "snapshot" if row.state == "held" else row.stage


def _way_out(row: AttemptRow | None, ran: Ran) -> str:
    if ran.busy:
        return "Load again when the other run has ended."
    if row and row.state in ("held", "failed", "running"):
        return what_to_do(row)
    return "Put the cause right and load again." if ran.fault else ""


def _shown_as(deployment: Deployment, planned: PlannedNight, version: str | None) -> str | None:
    """The name under which a version is shown now."""
    if not version:
        return version
    shown = versions_in_force(deployment.home, planned.authority).get(planned.business_date)
    return shown if shown and built(shown) == version else version


def _state(row: AttemptRow | None, ran: Ran) -> str:
    """Published or held, as the attempt says, be it let go since; failed when the run ended before it could say so; busy; not built where it
    ended well and there was nothing to attempt.
    """
    if ran.busy:
        return "busy"
    if row is None and not ran.fault:
        return NOT_BUILT
    if row is None or (ran.fault and row.state != "held"):
        return "failed"
    return "published" if row.state == "retired" and row.version else row.state


def _is_awaited(agency: str, feeds: Collection[str], deliveries: Iterable[dict[str, Any]]) -> bool:
    """Whether a feed is awaited of the authority: an interim index only where it ever came."""
    return agency in feeds or not contract_for(agency).claims or any(each["agency"] == agency for each in deliveries)


def _feed(agency: str, business_date: date, feed: Any, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    """One expected feed: its state, and the counts of all that is in force for the night."""
    own = [each for each in deliveries if each["agency"] == agency]
    usable = [each for each in own if each["state"] in IN_FORCE]
    in_force = [each["counts"] for each in usable]
    came = (usable or own)[-1:]  # the row of a version in force does not know what came since
    return {
        "agency": agency,
        "state": state_told(
            came[0]["state"] if came else feed["state"] if feed else ABSENT,
            business_date,
            contract_for(agency).service_level.arrival,
        ),
        "as_of": feed["as_of"].isoformat() if feed and feed["as_of"] else None,
        "live_records": feed["live_records"] if feed else None,
        "counts": counted(in_force) if in_force else None,
        "codes": sorted({code for each in own for code in each["codes"]}),
    }


def _plain(finding: LandingFinding) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(finding).items()}
