"""Taking a delivery in: from the landing place to a ruling and readable records, and from judgement to the answer.

Belongs here: the order of the steps. `receive` verifies, reads and decides and writes nothing; the caller judges
the records (`pipelines.validation`); `conclude` keeps, registers and answers, in that order, so that a process killed
anywhere in between finds the same delivery to do again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import contract_for
from pipelines.contracts.contract import Contract
from pipelines.deliveries.accreditation import admission, refusal
from pipelines.deliveries.acknowledge import ack_of, acknowledge
from pipelines.deliveries.codes import Finding, finding, worst
from pipelines.deliveries.due import is_past_cut_off
from pipelines.deliveries.files import verified
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.manifest import Manifest, parse_manifest
from pipelines.deliveries.overheard import overheard
from pipelines.deliveries.readers import Known, ReadResult, read_delivery
from pipelines.deliveries.register import Register
from pipelines.deliveries.states import (
    CONSUMING,
    DeliveryEntry,
    Ruling,
    as_if_loaded,
    finish,
    rule_on,
    rule_on_test,
)
from pipelines.deliveries.store import Store
from pipelines.errors import IsindexError
from pipelines.settings import settings

__all__ = ["Receipt", "conclude", "is_flood", "receive", "restore_answer"]


_FLOOD_ABOVE = 20  # records that ask: a few are never a flood, however small the feed


@dataclass(frozen=True)
class Receipt:
    """A delivery received.

    Attributes:
        found: where it lies.
        entry: its row of the register so far; counts have rows_in_manifest, rows_read, lost.
        ruling: what becomes of it; with `ruling.known` set there is nothing to do but `restore_answer`.
        contract: None when it is refused before its contract is known.
        read: its records, when they are to be judged (ruling verified, held or tested); else None.
        asking: those that ask to be protected (`ASKING`), however the delivery is ruled on; None when it cannot be read.
        flood: whether so many ask that nobody can mean it: it counts when a person lets the delivery be used.
        beside: those that ask in files that lie beside a delivery that was read, and that its manifest does not name; likewise `beside_flood`.
    """

    found: FoundDelivery
    entry: DeliveryEntry
    ruling: Ruling
    contract: Contract | None
    read: ReadResult | None
    asking: pa.Table | None = None
    flood: bool = False
    beside: pa.Table | None = None
    beside_flood: bool = False


def receive(
    found: FoundDelivery,
    register: Register,
    *,
    load_contract: Callable[[str], Contract],
    open_authorities: Callable[[date], Container[str]],
    known_texts: Callable[[DeliveryEntry, Contract], Known | None] | None = None,
) -> Receipt:
    """Verify and read `found` and rule on what becomes of it; nothing is written.

    Args:
        found: from `look` or `lying`.
        register: asked what is known of the feed.
        load_contract: contract id → contract; raises IsindexError CONTRACT_UNKNOWN.
        open_authorities: day → codes of the authorities open on it.
        known_texts: what is known of the records of the feed (`readers.Known`), so that only the others are read; default: nothing is.
    """
    manifest, findings = parse_manifest(found.manifest_bytes, found.authority, found.agency, found.business_date)
    entry = _entry(found, manifest)
    known = register.known(found.authority, found.agency)
    for before in known:
        if before.delivery_id == entry.delivery_id and before.state != "refused":
            return Receipt(found, before, Ruling(before.state, known=before), None, None)
    standing = register.standing(found.authority, found.agency)
    admitted = admission(standing, accredited_only=settings().accredited_only)
    if admitted == "refused":  # what it asks to be protected is heard all the same, as of every refused delivery
        findings.append(refusal(standing))
    if found.authority not in open_authorities(found.business_date):
        findings.append(finding("WRONG_AUTHORITY", reason=f"{found.authority} is not open on {found.business_date}"))
    contract, faults = _contract(manifest, found, load_contract)
    findings += faults
    if contract is None:  # what is no contract may be anything
        entry = replace(entry, contract=None)
    used = any(
        each.sequence == entry.sequence and each.state in CONSUMING and each.delivery_id != entry.delivery_id
        for each in (as_if_loaded(known) if admitted == "tested" else known)
    )
    usual = register.previous_live_records(found.authority, found.agency, found.business_date)
    read: ReadResult | None = None
    result: ReadResult | None = None
    asking: pa.Table | None = None
    flood: list[Finding] = []
    if manifest and contract and worst(findings) != "refuse":
        with verified(found, manifest.files) as files:
            if worst(list(files.findings)) != "refuse":
                full = manifest.mode == "full"
                told = known_texts(entry, contract) if known_texts and full and not used else None
                result = read_delivery(files, contract, delta=not full, known=told)
                flood = _flood(result, contract, usual)
                asking = result.asking
                findings += flood
                read = None if used else result
            if not used:  # of one whose sequence was used nothing counts but what it asks to be protected
                findings += [*files.findings, *(read.findings if read else ())]
                entry = replace(entry, content_sha256=files.content_sha256)
    named = {each.name for each in manifest.files} if manifest and result is not None else set[str]()
    heard, beside = _overheard(found, manifest, contract, but=named), None
    if named:
        beside, heard = heard, None
    if heard:
        flood = _flood(heard, contract_for(found.agency, found.business_date), usual)
        asking = heard.asking
        findings += flood
    rows = read.rows_read + read.lost if read else 0
    waived = register.waived(found.authority, found.agency)
    overdue = is_past_cut_off(found.business_date) and register.night_processed(found.authority, found.business_date)
    if admitted == "tested":
        ruling = rule_on_test(known, entry, findings, rows=rows, waived=waived, overdue=overdue)
    else:
        ruling = rule_on(
            known, entry, findings, rows=rows, previous_live_records=usual, waived=waived, overdue=overdue
        )  # fmt: skip
    counts = {"rows_in_manifest": manifest.rows if manifest else 0}
    if read:
        counts["rows_in_manifest"] -= read.blank
        counts |= {"rows_read": read.rows_read, "lost": read.lost}
        entry = replace(entry, cleaned=dict(read.cleaned))
    entry = replace(entry, counts=counts, late=ruling.late, superseded_by=ruling.superseded_by)
    entry = replace(entry, state=ruling.state, codes=_codes(ruling.findings))
    judged = read if ruling.state in ("verified", "held", "tested") else None
    receipt = Receipt(found, entry, ruling, contract, judged, asking, bool(flood))
    if beside is None or contract is None:
        return receipt
    return replace(receipt, beside=beside.asking, beside_flood=bool(_flood(beside, contract, usual)))


def conclude(
    receipt: Receipt,
    register: Register,
    store: Store,
    *,
    received_at: datetime,
    accepted: pa.Table | None = None,
    rejects: pa.Table | None = None,
    counts: Mapping[str, int] | None = None,
    rules: Mapping[str, int] | None = None,
    texts: pa.Table | None = None,
    measures: Mapping[str, float] | None = None,
) -> list[DeliveryEntry]:
    """Keep, register and answer a received delivery; its entry, then those held that it has set free.

    Every business date among them has to be processed (again).

    Args:
        receipt: from `receive`.
        register: written to.
        store: written to when records were judged.
        received_at: the time of receipt, for the register alone.
        accepted: the judged records that load.
        rejects: one row per record and broken rule (also of queried records).
        counts: accepted, queried, rejected, repeats; rows_read and lost are known already.
        rules: rule → records.
        texts: by which the accepted records are known again, if they may be.
        measures: of one that was tested (`pipelines.validation.measures`).
    """
    if receipt.ruling.known:
        raise IsindexError("ALREADY_DECIDED", "the delivery was concluded before.", where=receipt.entry.delivery_id)
    all_counts = {**dict(counts or {}), **receipt.entry.counts}
    state, findings = finish(receipt.ruling, all_counts)
    entry = replace(
        receipt.entry,
        state=state,
        codes=_codes(findings),
        counts=all_counts,
        rules=dict(sorted((rules or {}).items())),
        received_at=received_at.isoformat(timespec="seconds"),
        measures=dict(measures) if measures is not None else None,
    )
    if accepted is not None and rejects is not None:
        outcome = ack_of(entry)
        place = store.keep(entry, _kept_manifest(receipt.found), accepted, rejects, outcome, texts)
        entry = replace(entry, stored_at=place)
    loads = state in ("loaded", "partly_loaded")
    freed = register.conclude(entry, supersedes=receipt.ruling.supersedes if loads else ())
    acknowledge(receipt.found, ack_of(entry), rejects)
    return [entry, *freed]


def restore_answer(found: FoundDelivery, entry: DeliveryEntry, store: Store) -> bool:
    """Write the answer to a delivery decided before, if it is missing or its state has changed since."""
    rejects = store.open(entry).rejected if entry.stored_at else None
    return acknowledge(found, ack_of(entry), rejects)


def _overheard(
    found: FoundDelivery, manifest: Manifest | None, contract: Contract | None, *, but: Collection[str]
) -> ReadResult | None:
    """Files that nobody will read, read for what they ask to be protected: all of a delivery, `but` for those that were read; None when that cannot be done."""
    try:
        own = (
            contract
            if contract and contract.agency == found.agency
            else contract_for(found.agency, found.business_date)
        )
    except IsindexError:
        return None
    try:
        return overheard(found, manifest, own, without_closed=True, but=but)
    except PermissionError:  # refused as it is, and told: a supplier's closed file holds up no night
        return None


def _flood(read: ReadResult, contract: Contract, usual: int) -> list[Finding]:
    """PROTECTION_FLOOD when more records ask to be protected than was agreed, of those that the feed holds."""
    if not is_flood(read.asking, read.rows_read + read.lost, contract, usual):
        return []
    asking, limit = pc.count_distinct(read.asking["position"]).as_py(), contract.service_level.protected_share
    return [finding("PROTECTION_FLOOD", asking=f"{asking:,}", share=f"{limit:.0%}")]


def is_flood(asking: pa.Table, rows: int, contract: Contract, usual: int) -> bool:
    """Whether more records ask to be protected (`ASKING`) than was agreed, of `rows` that came or of those that the feed usually has."""
    askers = pc.count_distinct(asking["position"]).as_py()
    return bool(askers > _FLOOD_ABOVE and askers > contract.service_level.protected_share * max(rows, usual))


def _entry(found: FoundDelivery, manifest: Manifest | None) -> DeliveryEntry:
    return DeliveryEntry(
        delivery_id=found.delivery_id,
        authority=found.authority,
        agency=found.agency,
        business_date=found.business_date,
        sequence=manifest.sequence if manifest else None,
        mode=manifest.mode if manifest else None,
        state="received",
        contract=manifest.contract if manifest else None,
        created_at=manifest.created_at if manifest else None,
        manifest_sha256=found.manifest_sha256,
    )


def _kept_manifest(found: FoundDelivery) -> Mapping[str, Any]:
    """What is kept of the manifest of a delivery whose records were judged."""
    manifest, _ = parse_manifest(found.manifest_bytes, found.authority, found.agency, found.business_date)
    return manifest.kept if manifest else {}


def _contract(
    manifest: Manifest | None, found: FoundDelivery, load_contract: Callable[[str], Contract]
) -> tuple[Contract | None, list[Finding]]:
    if manifest is None:
        return None, []
    try:
        contract = load_contract(manifest.contract)
    except IsindexError:
        return None, [finding("CONTRACT_UNKNOWN", "manifest.json")]
    if contract.agency != found.agency:
        reason = f"{contract.id} is a contract of {contract.agency}"
        return contract, [finding("WRONG_AGENCY", "manifest.json", reason=reason)]
    if contract.superseded_on and contract.superseded_on <= found.business_date:
        day = contract.superseded_on.isoformat()
        return contract, [finding("CONTRACT_OUTDATED", "manifest.json", contract=contract.id, day=day)]
    return contract, []


def _codes(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    return [each.as_json() for each in findings]
