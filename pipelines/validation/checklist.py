"""The checklist by which a feed is accredited: six requirements, each to be met on every one of so many consecutive nights.

Belongs here: what each requirement asks for, measured from what the register and the acknowledgements of those nights tell, by the same
judges as a load and `isindex preflight`. Not here: who grants what (`pipelines.nights.accreditation`), the page (`pipelines.reporting`).
The last of the nights is the newest for which anything came of the authority, so the clock has no say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from pipelines.contracts import Contract, contract_for
from pipelines.database import schema as db
from pipelines.deliveries import IN_FORCE, DeliveryEntry
from pipelines.deliveries.due import due_at
from pipelines.deliveries.reconcile import add_up
from pipelines.settings import settings
from pipelines.validation.places import places
from pipelines.validation.preflight import blocking
from pipelines.validation.promises import measure_promises

__all__ = ["REQUIREMENTS", "Checklist", "NightMeasured", "Result", "checklist_of"]

REQUIREMENTS = ("punctual", "complete", "conformant", "protective_columns", "identifiers", "volume")
_JUDGED = IN_FORCE | {"tested", "superseded"}
_INCOMPLETE = ("SEQUENCE_GAP", "EMPTY", "RECORDS_LOST")
_UNPROTECTED = ("PROTECTION_UNREADABLE", "PROTECTION_FLOOD")
_NOTHING = "nothing came"
_TRAILING = 14  # nights before, with which the volume of one is compared


@dataclass(frozen=True)
class Result:
    """What a night came to by one requirement: whether it was met, and the figure or the reason."""

    holds: bool
    measured: str


@dataclass(frozen=True)
class NightMeasured:
    """One of the nights: the delivery that counts for it, its state, and requirement → `Result`."""

    business_date: date
    delivery_id: str | None
    state: str | None
    results: Mapping[str, Result]


@dataclass(frozen=True)
class Checklist:
    """What a feed came to.

    Attributes:
        authority: 3-digit code.
        agency: whose feed.
        contract: by which it is judged.
        asked: how many consecutive nights must meet every requirement.
        nights: those nights, the earliest first; fewer where the authority never had so many.
        asks: requirement → what it asks for, in words.
    """

    authority: str
    agency: str
    contract: str
    asked: int
    nights: tuple[NightMeasured, ...]
    asks: Mapping[str, str]

    @property
    def unmet(self) -> tuple[str, ...]:
        """The requirements that some night has not met."""
        return tuple(name for name in REQUIREMENTS if not self.meets(name))

    @property
    def holds(self) -> bool:
        """Whether every requirement was met on every night."""
        return not self.unmet

    def meets(self, requirement: str) -> bool:
        """Whether it was met on every night."""
        return len(self.nights) == self.asked and all(night.results[requirement].holds for night in self.nights)

    def as_json(self) -> dict[str, Any]:
        """The checklist as it is kept with a grant, and for machines."""
        told = asdict(self)
        for night in told["nights"]:
            night["business_date"] = night["business_date"].isoformat()
        return {**told, "nights": list(told["nights"]), "unmet": list(self.unmet), "holds": self.holds}


def checklist_of(engine: Engine, authority: str, agency: str, nights: int | None = None) -> Checklist:
    """What a feed came to on the last nights.

    Args:
        engine: the index database.
        authority: 3-digit code.
        agency: whose feed.
        nights: how many; default as the deployment asks (``ISINDEX_ACCREDITATION_NIGHTS``).
    """
    asked = nights or settings().accreditation_nights
    contract = contract_for(agency)
    delivery, night = db.delivery.c, db.feed_night.c
    with engine.connect() as connection:
        newest = connection.scalar(select(func.max(delivery.business_date)).where(delivery.authority == authority))
        days = [newest - timedelta(days=back) for back in reversed(range(asked))] if newest else []
        since = days[0] - timedelta(days=_TRAILING) if days else date.max
        came = [
            DeliveryEntry(**row)
            for row in connection.execute(
                select(db.delivery)
                .where(delivery.authority == authority, delivery.agency == agency, delivery.business_date >= since)
                .order_by(delivery.sequence, delivery.delivery_id)
            ).mappings()
        ]
        loaded = {
            row["business_date"]: dict(row)
            for row in connection.execute(
                select(db.feed_night).where(
                    night.authority == authority, night.agency == agency, night.business_date >= since
                )
            ).mappings()
        }
    measured = {
        day: _Measured.of(entry, loaded.get(day))
        for day in {each.business_date for each in came}
        if (entry := _of_night(came, day)) is not None
    }
    return Checklist(
        authority,
        agency,
        contract.id,
        asked,
        tuple(_night(day, measured.get(day), contract, _before(measured, day)) for day in days),
        _asks(contract),
    )


@dataclass(frozen=True)
class _Measured:
    """The delivery that counts for a night, the measures of its records, and how many the feed held after it (None: not known)."""

    entry: DeliveryEntry
    measures: Mapping[str, float] | None
    size: int | None

    @classmethod
    def of(cls, entry: DeliveryEntry, night: Mapping[str, Any] | None) -> _Measured:
        loaded = night if entry.state in IN_FORCE and night and night["as_of"] == entry.business_date else None
        usable = entry.counts.get("accepted", 0) + entry.counts.get("queried", 0)
        size = loaded["live_records"] if loaded else usable if entry.mode == "full" else None
        return cls(entry, entry.measures or (loaded["measures"] if loaded else None), size)


def _of_night(came: Sequence[DeliveryEntry], day: date) -> DeliveryEntry | None:
    """The delivery that counts for a night: the last that was judged, else the last."""
    own = [each for each in came if each.business_date == day]
    judged = [each for each in own if each.state in _JUDGED]
    return (judged or own)[-1] if own else None


def _before(measured: Mapping[date, _Measured], day: date) -> list[dict[str, float]]:
    """How many records the feed held on the nights before, as far as it is known."""
    sizes = [
        each.size for night, each in sorted(measured.items()) if night < day and each and each.entry.state in _JUDGED
    ]
    return [{"rows": float(size)} for size in sizes if size is not None][-_TRAILING:]


def _night(
    day: date, measured: _Measured | None, contract: Contract, before: Sequence[Mapping[str, float]]
) -> NightMeasured:
    if measured is None:
        return NightMeasured(day, None, None, {name: Result(False, _NOTHING) for name in REQUIREMENTS})
    entry = measured.entry
    if entry.state not in _JUDGED:
        codes = ", ".join(sorted({code["code"] for code in entry.codes if code["severity"] in ("refuse", "hold")}))
        results = {name: Result(False, f"{entry.state} ({codes})") for name in REQUIREMENTS}
        return NightMeasured(day, entry.delivery_id, entry.state, {**results, "punctual": _punctual(entry, contract)})
    results = {
        "punctual": _punctual(entry, contract),
        "complete": _complete(entry),
        "conformant": _conformant(entry, contract),
        "protective_columns": _none_of(entry, _UNPROTECTED, "there, and understood"),
        "identifiers": _identified(measured.measures, contract),
        "volume": _volume(measured, contract, before),
    }
    return NightMeasured(day, entry.delivery_id, entry.state, results)


def _punctual(entry: DeliveryEntry, contract: Contract) -> Result:
    """Its night was not processed without it, and its manifest was not written after it was due."""
    if entry.late:
        return Result(False, "came after the cut-off")
    due = due_at(entry.business_date, contract.service_level.arrival)
    if entry.created_at and datetime.fromisoformat(entry.created_at) > due:
        return Result(False, f"made after {contract.service_level.arrival}")
    return Result(True, "in time")


def _complete(entry: DeliveryEntry) -> Result:
    found = _none_of(entry, _INCOMPLETE, "all files, counts agree")
    if not found.holds:
        return found
    if not add_up(entry.counts) or entry.counts.get("lost", 0):
        return Result(False, "counts do not agree")
    return found


def _conformant(entry: DeliveryEntry, contract: Contract) -> Result:
    read = entry.counts.get("rows_read", 0)
    share = entry.counts.get("rejected", 0) / read if read else 1.0
    found = _none_of(entry, ("COLUMNS_REFUSED",), f"{share:.2%} rejected")
    return Result(found.holds and not blocking({**_ZERO, **entry.counts}, contract), found.measured)


_ZERO = dict.fromkeys(("rows_read", "accepted", "queried", "rejected", "lost"), 0)


def _none_of(entry: DeliveryEntry, codes: Sequence[str], otherwise: str) -> Result:
    said = [code for code in codes if entry.has(code)]
    return Result(not said, ", ".join(said) or otherwise)


def _numbers(contract: Contract) -> list[str]:
    """The measures that tell how many records lack a verified national number."""
    return [
        f"missing:verified:{each.path}" for each in places(contract) if each.column.concept in ("nhs_number", "upn")
    ]


def _identified(measures: Mapping[str, float] | None, contract: Contract) -> Result:
    names = _numbers(contract)
    if not names:
        return Result(True, "the contract has no national number")
    if measures is None:
        return Result(False, "not measured")
    share = max(1 - measures.get(name, 1.0) for name in names)
    return Result(share >= contract.service_level.identified_share, f"{share:.1%} with a verified number")


def _volume(measured: _Measured, contract: Contract, before: Sequence[Mapping[str, float]]) -> Result:
    """Within the band of the trailing nights, as the expectations of every night have it."""
    if measured.size is None:
        return Result(True, "changes only")
    (promise,) = measure_promises(contract, {"rows": float(measured.size)}, before)
    low, high = max(promise.arguments["min_value"] or 0, 0), promise.arguments["max_value"]
    within = measured.size > 0 and measured.size >= low and (high is None or measured.size <= high)
    usual = "" if high is None else f", between {low:,.0f} and {high:,.0f} expected"
    return Result(within, f"{measured.size:,} records{usual}")


def _asks(contract: Contract) -> dict[str, str]:
    level = contract.service_level
    numbers = (
        f"At least {level.identified_share:.0%} of the records with a verified national number."
        if _numbers(contract)
        else "The contract has no national number."
    )
    return {
        "punctual": f"There before the cut-off, and made by {level.arrival} on the morning after.",
        "complete": "Every file, every number of the sequence, every record of the manifest read and judged.",
        "conformant": f"At most {level.reject_rate:.1%} of the records rejected, and no column that the contract does not have.",
        "protective_columns": "The columns that protect children under their names, understood, and used as agreed.",
        "identifiers": numbers,
        "volume": f"At most {level.volume_drop:.0%} fewer and {level.volume_rise:.0%} more records than on the nights before.",
    }
