"""Taking in one feed: receive what lies in the landing place for the night, judge it, keep it, answer it.

Belongs here: the order of these calls, and what a feed contributes to the night. Not here: how a delivery is verified
and decided (`pipelines.deliveries`), how records are judged (`pipelines.validation`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pipelines.contracts import authorities, contract_for, load_contract
from pipelines.contracts.contract import Contract
from pipelines.deliveries import (
    DeliveryEntry,
    FoundDelivery,
    Receipt,
    Register,
    Store,
    conclude,
    receive,
    restore_answer,
    scan,
)
from pipelines.deliveries.files import verified
from pipelines.nights.night import Check, Night, StageReport
from pipelines.settings import settings
from pipelines.validation.judge import judge

__all__ = ["FeedTonight", "feed_tonight", "take_in", "undecided"]

_COUNTS = ("rows_in_manifest", "rows_read", "accepted", "queried", "rejected", "repeats", "lost")
# Damage on the way: the same manifest may come again with whole files.
_MAY_BE_MENDED = frozenset({"CHECKSUM_MISMATCH", "SIZE_MISMATCH", "FILE_MISSING"})
_LOCAL = ZoneInfo("Europe/London")


@dataclass(frozen=True)
class FeedTonight:
    """What one feed has for a night: the deliveries in force, the state it is shown with, and the last word on it."""

    agency: str
    contract: Contract
    in_force: tuple[DeliveryEntry, ...]
    state: str
    latest: DeliveryEntry | None


def undecided(register: Register, found: Iterable[FoundDelivery]) -> list[FoundDelivery]:
    """Deliveries that the register does not know, and damaged ones that were sent whole since."""
    return [each for each in found if _is_undecided(register.entry(each.delivery_id), each)]


def take_in(night: Night, agency: str) -> StageReport:
    """Receive, judge, keep and answer what `agency` delivered for the night; deliveries decided before are left alone."""
    with night.alone():
        register, store = Register(night.engine), Store(night.home)
        for found in _lying(night, agency):
            before = register.entry(found.delivery_id)
            if not _is_undecided(before, found):
                if before is not None:
                    restore_answer(found, before, store)
                continue
            receipt = receive(found, register, load_contract=load_contract, open_authorities=_open_authorities)
            if receipt.ruling.known:
                restore_answer(found, receipt.ruling.known, store)
            else:
                _judge_and_conclude(receipt, register, store)
        return _report(night, feed_tonight(night, register, agency))


def feed_tonight(night: Night, register: Register, agency: str) -> FeedTonight:
    """What `agency` has for the night, as the register says."""
    came = [each for each in register.received(night.authority, night.business_date) if each.agency == agency]
    in_force = tuple(each for each in register.for_night(night.authority, night.business_date) if each.agency == agency)
    latest = in_force[-1] if in_force else (came[-1] if came else None)
    contract = load_contract(in_force[-1].contract) if in_force and in_force[-1].contract else contract_for(agency)
    state = latest.state if latest else _absent(night, contract)
    return FeedTonight(agency, contract, in_force, state, came[-1] if came else None)


def _judge_and_conclude(receipt: Receipt, register: Register, store: Store) -> None:
    now = datetime.now(UTC)
    if receipt.read is None or receipt.contract is None:
        conclude(receipt, register, store, received_at=now)
        return
    judged = judge(receipt.read, receipt.contract, receipt.entry.business_date, authority=receipt.entry.authority)
    conclude(
        receipt,
        register,
        store,
        received_at=now,
        accepted=judged.accepted,
        rejects=judged.rejects,
        counts=judged.counts,
        rules=judged.rules,
    )


def _lying(night: Night, agency: str) -> list[FoundDelivery]:
    """The deliveries of the feed that lie in the landing place for this night, by sequence."""
    found = scan(night.landing, authorities=[night.authority], nights=[night.business_date])
    return [each for each in found if each.agency == agency]


def _is_undecided(entry: DeliveryEntry | None, found: FoundDelivery) -> bool:
    if entry is None:
        return True
    if entry.state != "refused" or found.manifest is None or not any(entry.has(code) for code in _MAY_BE_MENDED):
        return False
    with verified(found, found.manifest) as files:
        return files.content_sha256 != entry.content_sha256


def _absent(night: Night, contract: Contract) -> str:
    """Expected until it is due, late until the cut-off, then missing; by the authority's local clock."""
    now = datetime.now(_LOCAL)
    morning = night.business_date + timedelta(days=1)
    due = datetime.combine(morning, time.fromisoformat(contract.service_level.arrival), _LOCAL)
    if now < due:
        return "expected"
    return "late" if now < datetime.combine(morning, settings().cut_off, _LOCAL) else "missing"


def _report(night: Night, feed: FeedTonight) -> StageReport:
    shown = feed.in_force[-1] if feed.in_force else feed.latest
    counts = {name: int((shown.counts if shown else {}).get(name, 0)) for name in _COUNTS}
    outcomes = counts["accepted"] + counts["queried"] + counts["rejected"] + counts["repeats"]
    usable = bool(feed.in_force)
    rate = counts["rejected"] / counts["rows_read"] if counts["rows_read"] else 0.0
    reconciled = not usable or (
        counts["rows_read"] == outcomes and counts["rows_in_manifest"] == counts["rows_read"] + counts["lost"]
    )
    codes = sorted({code["code"] for code in shown.codes}) if shown else []
    limit = feed.contract.service_level.reject_rate
    checks = (
        Check(
            "usable",
            usable,
            False,
            f"The feed's state is {feed.state}." + (f" File codes: {', '.join(codes)}." if codes else ""),
            {"deliveries_in_force": len(feed.in_force)},
        ),
        Check(
            "counts_reconcile",
            reconciled,
            True,
            f"{counts['rows_in_manifest']} in the manifest, {counts['rows_read']} read, {outcomes} with an outcome,"
            f" {counts['lost']} lost.",
            counts,
        ),
        Check(
            "reject_rate",
            rate <= limit,
            False,
            f"{rate:.2%} of the records were rejected; the service level allows {limit:.2%}.",
            {"rejected_share": rate, "limit": limit},
        ),
    )
    figures = {**counts, "rejected_share": rate, "refused_columns": sum(code == "COLUMNS_REFUSED" for code in codes)}
    figures["delivered"] = int(usable)
    return StageReport(figures, checks, {"rules": _rules(shown), "codes": _codes(shown)})


def _rules(entry: DeliveryEntry | None) -> str:
    lines = [f"| {rule} | {number} |" for rule, number in sorted(entry.rules.items())] if entry else []
    return "\n".join(["| rule | records |", "|---|---:|", *lines])


def _codes(entry: DeliveryEntry | None) -> str:
    lines = [f"| {code['code']} | {code['message']} | {code['remedy']} |" for code in entry.codes] if entry else []
    return "\n".join(["| code | what | what to do |", "|---|---|---|", *lines])


@cache
def _open_authorities(day: date) -> frozenset[str]:
    return frozenset(authorities.on(day))
