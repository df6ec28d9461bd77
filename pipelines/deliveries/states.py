"""The states of a delivery, decided: pure functions on what is known of a feed and the delivery that has come.

Belongs here: sequence, repetition, supersession, holding and release. Not here: files, tables, clocks. The same known
deliveries and the same new one always give the same ruling, so that a killed run can simply be run again.

    received → verified → loaded | partly_loaded | held | refused;   held → loaded …;   loaded → superseded
    of a feed that is being tested:   received → tested | refused
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from pipelines.deliveries.codes import Finding, finding, worst

__all__ = [
    "CONSUMING",
    "IN_FORCE",
    "DeliveryEntry",
    "Ruling",
    "as_if_loaded",
    "finish",
    "gap_before",
    "release",
    "rule_on",
    "rule_on_test",
]

IN_FORCE = frozenset({"loaded", "partly_loaded"})
_SETTLED = IN_FORCE | {"superseded", "waived"}
CONSUMING = _SETTLED | {"held"}  # a refused delivery does not use up its sequence
_EMPTY_HELD_ABOVE = 10  # records the night before
_USABLE, _ROWS = ("accepted", "queried"), ("rows_read", "lost")
_CONSENT = ("EMPTY", "PROTECTION_FLOOD")  # what a delivery is held for until somebody wants it used as it is


@dataclass(frozen=True)
class DeliveryEntry:
    """A delivery as the register knows it (table `delivery`; days are dates, times ISO text in UTC)."""

    delivery_id: str
    authority: str
    agency: str
    business_date: date
    sequence: int | None
    mode: str | None
    state: str
    contract: str | None = None
    supplier: str | None = None
    created_at: str | None = None
    received_at: str = ""
    manifest_sha256: str = ""
    content_sha256: str | None = None
    late: bool = False
    codes: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    cleaned: dict[str, int] | None = (
        None  # path of a column → texts cleaned there; None: nothing was read, or before that was counted
    )
    measures: dict[str, float] | None = None  # of one that was tested
    stored_at: str | None = None
    superseded_by: str | None = None

    def has(self, code: str) -> bool:
        """Whether the file code was said of it."""
        return any(each["code"] == code for each in self.codes)


@dataclass(frozen=True)
class Ruling:
    """What becomes of a delivery.

    Attributes:
        state: ``verified`` (judge its records and load them), ``held`` (judge and keep them), ``superseded`` (a later
            one is in force already), ``tested`` (judge its records, and never load them), ``refused``; or, with `known`, the state it has.
        findings: everything said of it so far.
        supersedes: ids of the deliveries that it takes out of force once it is loaded.
        superseded_by: id of the delivery in force that is later than this one.
        late: it came after the cut-off, and its night was processed without any delivery of this feed.
        known: the register's entry, when exactly this delivery was decided before: nothing is to be done.
    """

    state: str
    findings: tuple[Finding, ...] = ()
    supersedes: tuple[str, ...] = ()
    superseded_by: str | None = None
    late: bool = False
    known: DeliveryEntry | None = None


def rule_on(
    known: Sequence[DeliveryEntry],
    new: DeliveryEntry,
    findings: Sequence[Finding],
    *,
    rows: int,
    previous_live_records: int = 0,
    waived: Collection[int] = (),
    overdue: bool = False,
) -> Ruling:
    """What becomes of `new`, given every `known` delivery of the same feed.

    Args:
        known: the feed's deliveries so far, in any order.
        new: identity, sequence, mode and business date of the delivery; its state is not looked at.
        findings: what verifying and reading found.
        rows: records it delivers.
        previous_live_records: the feed's live records the night before its business date.
        waived: sequences nobody waits for any more. That one of them comes after all is no consent to what is in it.
        overdue: whether its night was processed, and nobody waits for it any more: the cut-off has passed.
    """
    found = list(findings)
    for entry in known:
        if entry.delivery_id == new.delivery_id and entry.state != "refused":
            return Ruling(entry.state, known=entry)
    others = [entry for entry in known if entry.delivery_id != new.delivery_id and entry.state in CONSUMING]
    if worst(found) == "refuse" or new.sequence is None:
        return Ruling("refused", tuple(found))
    if any(entry.sequence == new.sequence for entry in others):
        return Ruling("refused", (*found, finding("REPEATED", sequence=new.sequence)))
    found += gap_before(others, new, waived)
    if new.mode == "full" and not rows and previous_live_records > _EMPTY_HELD_ABOVE:
        found.append(finding("EMPTY", previous=previous_live_records))
    if worst(found) == "hold":
        return Ruling("held", tuple(found))
    return _enter(others, new, found, overdue)


def rule_on_test(
    known: Sequence[DeliveryEntry],
    new: DeliveryEntry,
    findings: Sequence[Finding],
    *,
    rows: int,
    waived: Collection[int] = (),
    overdue: bool = False,
) -> Ruling:
    """What becomes of a delivery of a feed that is being tested: it is ruled on as if those tested before it had been loaded.

    What it would be held for is said of it, and nobody has to settle it. It takes nothing out of force. Arguments are as of `rule_on`;
    what was tested last is what it may not be empty after.
    """
    as_if = as_if_loaded(known)
    before = [each for each in as_if if each.state in IN_FORCE and each.delivery_id != new.delivery_id]
    previous = max(before, key=lambda each: (each.business_date, each.sequence or 0), default=None)
    live = previous.counts.get("accepted", 0) + previous.counts.get("queried", 0) if previous else 0
    ruling = rule_on(
        as_if, new, findings, rows=rows, previous_live_records=live, waived=waived, overdue=overdue
    )  # fmt: skip
    if ruling.known or ruling.state == "refused":
        return ruling
    return Ruling("tested", ruling.findings, late=ruling.late)


def as_if_loaded(known: Sequence[DeliveryEntry]) -> list[DeliveryEntry]:
    """The deliveries of a feed as they would be had those been loaded that were tested."""
    return [replace(each, state="loaded") if each.state == "tested" else each for each in known]


def finish(ruling: Ruling, counts: Mapping[str, int]) -> tuple[str, tuple[Finding, ...]]:
    """The state after judgement, and all findings.

    Args:
        ruling: as made before the records were judged.
        counts: rows_read, accepted, queried, rejected, repeats, lost.
    """
    if ruling.state not in ("verified", "tested"):
        return ruling.state, ruling.findings
    state, verdict = outcome_of(counts)
    if ruling.state == "tested" and state != "refused":
        usable, rows = (sum(counts.get(name, 0) for name in names) for names in (_USABLE, _ROWS))
        state, verdict = "tested", finding("FEED_TESTED", usable=f"{usable:,}", rows=f"{rows:,}")
    return state, (*ruling.findings, verdict)


def outcome_of(counts: Mapping[str, int]) -> tuple[str, Finding]:
    """loaded, partly_loaded or refused by what the records came to, with its file code."""
    bad = counts.get("rejected", 0) + counts.get("lost", 0)
    rows = counts.get("rows_read", 0) + counts.get("lost", 0)
    if rows and not counts.get("accepted", 0) + counts.get("queried", 0):
        return "refused", finding("NONE_LOADED", rows=rows)
    if bad:
        return "partly_loaded", finding("PARTLY_LOADED", rejected=bad, rows=rows)
    return "loaded", finding("ALL_LOADED")


def release(
    known: Sequence[DeliveryEntry], waived: Collection[int] = (), consented: int | None = None
) -> list[tuple[DeliveryEntry, Ruling]]:
    """Held deliveries of one feed that need not wait any longer, in order of sequence, each with its new entry.

    The entry has its final state; the ruling tells what it supersedes. Each release may free the next.

    Args:
        known: the feed's deliveries.
        waived: sequences nobody waits for any more.
        consented: the sequence of a held delivery that somebody has now decided to use as it is.
    """
    entries = {entry.delivery_id: entry for entry in known}
    freed: list[tuple[DeliveryEntry, Ruling]] = []
    for held in sorted((each for each in known if each.state == "held"), key=lambda each: each.sequence or 0):
        others = [each for each in entries.values() if each.delivery_id != held.delivery_id and each.state in CONSUMING]
        doubtful = any(map(held.has, _CONSENT)) or any(
            each.severity == "hold" for each in gap_before(others, held, waived)
        )
        if doubtful and held.sequence != consented:
            continue
        ruling = _enter(others, held, [], overdue=False)
        state, verdict = ("superseded", finding("SUPERSEDED")) if ruling.superseded_by else outcome_of(held.counts)
        codes = [code for code in held.codes if code["code"] not in ("SEQUENCE_GAP", *_CONSENT)]
        entry = replace(held, state=state, superseded_by=ruling.superseded_by, codes=[*codes, verdict.as_json()])
        if state == "refused":
            ruling = replace(ruling, supersedes=())
        entries[entry.delivery_id] = entry
        for earlier in ruling.supersedes:
            entries[earlier] = replace(entries[earlier], state="superseded", superseded_by=entry.delivery_id)
        freed.append((entry, ruling))
    return freed


def _enter(others: Sequence[DeliveryEntry], new: DeliveryEntry, found: list[Finding], overdue: bool) -> Ruling:
    """`new` among the deliveries in force for its business date."""
    tonight = [each for each in others if each.business_date == new.business_date and each.state in IN_FORCE]
    late = overdue and not tonight
    if late:
        found.append(finding("LATE"))
    for other in tonight:
        if _number(other) > _number(new) and _replaces(other, new):
            return Ruling("superseded", (*found, finding("SUPERSEDED")), superseded_by=other.delivery_id, late=late)
    earlier = [each for each in tonight if _number(each) < _number(new) and _replaces(new, each)]
    return Ruling("verified", tuple(found), tuple(sorted(each.delivery_id for each in earlier)), late=late)


def _replaces(later: DeliveryEntry, earlier: DeliveryEntry) -> bool:
    """A full delivery replaces everything before it; a delta replaces a delta, and adds to a full of the same date."""
    return later.mode == "full" or earlier.mode == "delta"


def gap_before(others: Sequence[DeliveryEntry], new: DeliveryEntry, waived: Collection[int]) -> list[Finding]:
    """SEQUENCE_GAP, once, when sequences before `new` are missing: a warning for a full delivery, a hold for a delta."""
    number = _number(new)
    if new.mode == "full":
        before = [_number(each) for each in others if _number(each) < number]
        if not before:
            return []  # a feed may begin with any sequence
        missing = _missing({*before, *waived}, max(before), number)
        return [_gap_finding(missing, "warn")] if missing else []
    settled = [each for each in others if each.state in _SETTLED and _number(each) < number]
    bases = [_number(each) for each in settled if each.mode == "full" and each.business_date <= new.business_date]
    if not bases:
        return [finding("SEQUENCE_GAP", severity="hold", reason="No full delivery came before these changes")]
    missing = _missing({*map(_number, settled), *waived}, max(bases), number)
    return [_gap_finding(missing, "hold")] if missing else []


def _missing(have: Collection[int], low: int, high: int) -> list[tuple[int, int]]:
    """Ranges (inclusive) of the numbers between `low` and `high`, both excluded, that are not in `have`."""
    ranges = []
    last = low
    for number in sorted({each for each in have if low < each < high} | {high}):
        if number > last + 1:
            ranges.append((last + 1, number - 1))
        last = number
    return ranges


def _gap_finding(missing: list[tuple[int, int]], severity: Any) -> Finding:
    words = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in missing[:10])
    return finding("SEQUENCE_GAP", severity=severity, reason=f"Missing before it in the sequence: {words}")


def _number(entry: DeliveryEntry) -> int:
    return -1 if entry.sequence is None else entry.sequence
