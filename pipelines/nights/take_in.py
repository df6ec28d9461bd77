"""Taking in one feed: receive what lies in the landing place for the night, judge it, keep it, answer it.

Belongs here: the order of these calls. Not here: how a delivery is verified and ruled on (`pipelines.deliveries`), how
records are judged (`pipelines.validation`), what the night is then built from (`inputs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache, partial

from pipelines.contracts import authorities, load_contract
from pipelines.deliveries import (
    DeliveryEntry,
    FoundDelivery,
    Receipt,
    Register,
    Store,
    conclude,
    lying,
    mended,
    note_decided,
    receive,
    restore_answer,
)
from pipelines.deliveries.reconcile import counted, reconciled
from pipelines.nights.feeds import FeedTonight, feed_tonight
from pipelines.nights.known_texts import judge_new, known_texts
from pipelines.nights.night import Check, Night, StageReport
from pipelines.nights.requests import keep_requests
from pipelines.validation.measures import measure

__all__ = ["take_in"]

_COUNTS = ("rows_in_manifest", "rows_read", "accepted", "queried", "rejected", "repeats", "lost")


def take_in(night: Night, agency: str) -> StageReport:
    """Receive, judge, keep and answer what `agency` delivered for the night; what was decided before is left alone."""
    register, store = Register(night.engine), Store(night.home)
    freed: set[date] = set()
    for found in _lying(night, agency, night.business_date):
        before = register.entry(found.delivery_id)
        if before is None or mended(found, before):
            receipt = receive(
                found,
                register,
                load_contract=load_contract,
                open_authorities=_open_authorities,
                known_texts=partial(known_texts, register, store),
            )
            if receipt.ruling.known is None:
                keep_requests(night, receipt.entry, receipt.asking, flood=receipt.flood)
                keep_requests(night, receipt.entry, receipt.beside, flood=receipt.beside_flood)
                entries = _judge_and_conclude(receipt, register, store)
                freed |= {each.business_date for each in entries[1:]} - {night.business_date}
                note_decided(night.engine, found)
                continue
            before = receipt.ruling.known
        _answer_again(night, found, before, store)
    for day in sorted(freed):  # what waited has another state now
        for found in _lying(night, agency, day):
            entry = register.entry(found.delivery_id)
            if entry is not None and not mended(found, entry):
                _answer_again(night, found, entry, store)
    return _report(feed_tonight(night, register, agency), store)


def _lying(night: Night, agency: str, day: date) -> list[FoundDelivery]:
    return lying(night.landing, authority=night.authority, agency=agency, business_date=day)


def _answer_again(night: Night, found: FoundDelivery, entry: DeliveryEntry, store: Store) -> None:
    restore_answer(found, entry, store)
    note_decided(night.engine, found)


def _judge_and_conclude(receipt: Receipt, register: Register, store: Store) -> list[DeliveryEntry]:
    now = datetime.now(UTC)
    if receipt.read is None or receipt.contract is None:
        return conclude(receipt, register, store, received_at=now)
    judged, texts = judge_new(receipt.read, receipt.contract, receipt.entry)
    return conclude(
        receipt,
        register,
        store,
        received_at=now,
        accepted=judged.accepted,
        rejects=judged.rejects,
        counts=judged.counts,
        rules=judged.rules,
        texts=texts,
        measures=measure(judged.accepted, receipt.contract, judged.counts)
        if receipt.ruling.state == "tested"
        else None,
    )


def _report(feed: FeedTonight, store: Store) -> StageReport:
    told = feed.in_force or ((feed.latest,) if feed.latest else ())
    counts = {name: feed.counts.get(name, 0) for name in _COUNTS}
    outcomes = counts["accepted"] + counts["queried"] + counts["rejected"] + counts["repeats"]
    usable = bool(feed.in_force)
    judged = feed.counts or (feed.latest.counts if feed.latest else {})  # also of one that is refused for it
    rate = judged.get("rejected", 0) / judged["rows_read"] if judged.get("rows_read") else 0.0
    codes = sorted({code["code"] for each in told for code in each.codes})
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
            all(reconciled(entry.counts, store.open(entry)) for entry in feed.in_force),
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
    return StageReport(figures, checks, {"rules": _rules(told), "codes": _codes(told), "cleaned": _cleaned(told)})


def _rules(entries: Sequence[DeliveryEntry]) -> str:
    rules = counted(each.rules for each in entries)
    lines = [f"| {rule} | {number} |" for rule, number in sorted(rules.items())]
    return "\n".join(["| rule | records |", "|---|---:|", *lines])


def _cleaned(entries: Sequence[DeliveryEntry]) -> str:
    texts = counted(each.cleaned or {} for each in entries)
    lines = [f"| {path} | {number} |" for path, number in sorted(texts.items())]
    return "\n".join(["| column | texts cleaned |", "|---|---:|", *lines])


def _codes(entries: Sequence[DeliveryEntry]) -> str:
    lines = [f"| {code['code']} | {code['message']} | {code['remedy']} |" for each in entries for code in each.codes]
    return "\n".join(["| code | what | what to do |", "|---|---|---|", *lines])


@cache
def _open_authorities(day: date) -> frozenset[str]:
    return frozenset(authorities.on(day))
