"""Taking mangled deliveries in as a night does, many at once: receive, judge, conclude, with nothing known of the feed before.

Belongs here: the steps and what is seen of each delivery (`Seen`). Each is received and concluded by itself; the records of all that are of
one contract are judged together, for judging costs the same for ten records as for a thousand. No two of them share a child, so that
nothing is told of one because of another; what looks wrong is taken in again alone before it is called a fault (`run`).
"""

from __future__ import annotations

import logging
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from upath import UPath

from pipelines.contracts import load_contract
from pipelines.contracts.contract import Contract
from pipelines.deliveries import Receipt, Store, conclude, intake, receive
from pipelines.deliveries.found import read_found
from pipelines.deliveries.readers.result import UNREADABLE_SCHEMA, ReadResult
from pipelines.deliveries.states import DeliveryEntry
from pipelines.home import Home
from pipelines.validation.judge import judge
from tests.fuzz.mangling import Mangled
from tests.nights.little_authority import AUTHORITY

__all__ = ["HANGS", "Place", "Seen", "take_in"]

HANGS = 5.0
"""Seconds of the processor after which an input of a few records is called a hang; it is stopped after ten times as many by the clock."""

_APART = 1_000_000
NOW = datetime(2026, 11, 19, 6, tzinfo=UTC)


@dataclass
class Seen:
    """What was seen of a delivery.

    Attributes:
        receipt: None when receiving it failed.
        entries: what `conclude` gave; empty when it failed.
        accepted, rejects: its judged records; None when none were.
        counts: of the judgement.
        fault: the exception that any step ended with.
        told: the log, the acknowledgement and the findings, and the rejects but for their keys.
        kept: the folder in the store, if it was kept there.
        seconds: of the processor.
    """

    receipt: Receipt | None = None
    entries: list[DeliveryEntry] = field(default_factory=list)
    accepted: pa.Table | None = None
    rejects: pa.Table | None = None
    counts: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    fault: BaseException | None = None
    told: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Nothing:
    """A register that knows of nothing; what is concluded is forgotten."""

    def known(self, authority: str, agency: str) -> list[DeliveryEntry]:
        return []

    def previous_live_records(self, authority: str, agency: str, day: date) -> int:
        return 0

    def waived(self, authority: str, agency: str) -> frozenset[int]:
        return frozenset()

    def night_processed(self, authority: str, day: date) -> bool:
        return False

    def standing(self, authority: str, agency: str) -> str:
        return "none"

    def conclude(self, entry: DeliveryEntry, *, supersedes: Sequence[str] = ()) -> list[DeliveryEntry]:
        return []


class _Memory:
    """A store that keeps nothing, for most inputs."""

    def keep(self, entry: DeliveryEntry, *kept: Any) -> str:
        return "in memory"


class Place:
    """A landing place, a store and a log; the first two in memory where the machine has such a disk."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(prefix="isindex-fuzz-", dir=memory if memory.is_dir() else None))
        self.store = Store(Home(self.root / "home"))
        self.memory = _Memory()
        self.lines: list[str] = []
        handler = _Lines(self.lines)
        self._handler = handler
        logging.getLogger().addHandler(handler)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        shutil.rmtree(self.root, ignore_errors=True)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage() + (str(record.exc_info[1]) if record.exc_info else ""))


class HangError(Exception):
    """An input was not done with in time."""


@contextmanager
def _timed(seen: Seen, lines: list[str]) -> Iterator[None]:
    """Note what a step costs, what it logs and what it ends with; interrupt it when it does not end."""

    def stop(_number: int, _frame: Any) -> None:
        raise HangError

    before, begun = signal.signal(signal.SIGALRM, stop), time.process_time()
    signal.setitimer(signal.ITIMER_REAL, 10 * HANGS)
    try:
        yield
    except Exception as fault:
        seen.fault = fault
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        seen.seconds += time.process_time() - begun
        seen.told += lines
        lines.clear()


def take_in(place: Place, inputs: Sequence[Mangled], *, stored: bool = False) -> list[Seen]:
    """What is seen of each of the inputs; `stored`: they are kept in a real store, too."""
    seen = [Seen() for _ in inputs]
    for number, (each, one) in enumerate(zip(inputs, seen, strict=True)):
        folder = place.root / str(number) / AUTHORITY / each.base.agency / each.base.day.isoformat()
        shutil.rmtree(place.root / str(number), ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in each.files.items():
            (folder / name).write_bytes(data)
        (folder / "manifest.json").write_bytes(each.manifest)
        with _timed(one, place.lines), _held_against(each.base.contract) as load:
            landing = UPath(place.root / str(number))
            found = read_found(landing, AUTHORITY, each.base.agency, each.base.day, "")
            one.receipt = receive(found, _KNOWS_NOTHING, load_contract=load, open_authorities=lambda day: {AUTHORITY})
    _judge_all(place, seen)
    for one in seen:
        if one.receipt is None or one.fault is not None:
            continue
        with _timed(one, place.lines):
            one.entries = conclude(
                one.receipt,
                _KNOWS_NOTHING,
                place.store if stored else place.memory,  # type: ignore[arg-type]
                received_at=NOW,
                accepted=one.accepted,
                rejects=one.rejects,
                counts=one.counts,
                rules=one.rules,
            )
        folder = Path(str(one.receipt.found.folder))
        one.told += [path.read_text() for path in (folder / "ack.json",) if path.is_file()]
        one.told += [str(each.codes) for each in one.entries]
        if one.rejects is not None:
            apart = [name for name in one.rejects.column_names if name not in ("key", "may_be", "reject_id")]
            one.told.append(str(one.rejects.select(apart).to_pylist()))
    return seen


_KNOWS_NOTHING: Any = Nothing()


@contextmanager
def _held_against(contract: Contract) -> Iterator[Callable[[str], Contract]]:
    """What loads contracts, this one in place of the registered one of the same name."""

    def load(name: str) -> Contract:
        return contract if name == contract.id else load_contract(name)

    before = intake.contract_for
    intake.contract_for = lambda agency, day: contract if agency == contract.agency else before(agency, day)
    try:
        yield load
    finally:
        intake.contract_for = before


def _judge_all(place: Place, seen: Sequence[Seen]) -> None:
    """Judge what is to be judged, what is of one contract and day in one go."""
    groups: dict[tuple[str, date], list[Seen]] = {}
    for one in seen:
        if one.receipt is not None and one.receipt.read is not None and one.receipt.contract is not None:
            groups.setdefault((one.receipt.contract.id, one.receipt.entry.business_date), []).append(one)
    for group in groups.values():
        _judge(place, group)


def _judge(place: Place, group: list[Seen]) -> None:
    """Judge a group; when that fails, its halves, until the one that is to blame stands alone."""
    reads = [one.receipt.read for one in group if one.receipt and one.receipt.read]
    first = group[0].receipt
    assert first is not None
    assert first.contract is not None
    together = _together(reads)
    trial = Seen()
    with _timed(trial, place.lines):
        judged = judge(together, first.contract, first.entry.business_date, authority=AUTHORITY)
        for number, one in enumerate(group):
            one.accepted = _of(judged.accepted, number)
            one.rejects = _of(judged.rejects, number)
            one.counts = _counts(one, reads[number])
            one.rules = {}
            one.told += trial.told
        if len(group) == 1:
            group[0].counts, group[0].rules = judged.counts, judged.rules
            group[0].seconds += trial.seconds
    if trial.fault is not None and len(group) > 1:
        half = len(group) // 2
        _judge(place, group[:half])
        _judge(place, group[half:])
    elif trial.fault is not None:
        group[0].fault = trial.fault


def _together(reads: Sequence[ReadResult]) -> ReadResult:
    if len(reads) == 1:
        return reads[0]
    records = [_moved(each.records, number) for number, each in enumerate(reads)]
    apart = [_moved(each.unreadable, number).cast(UNREADABLE_SCHEMA) for number, each in enumerate(reads)]
    return replace(reads[0], records=pa.concat_tables(records), unreadable=pa.concat_tables(apart), lost=0)


def _moved(table: pa.Table, number: int) -> pa.Table:
    place = table.column_names.index("position")
    return table.set_column(place, table.schema.field(place), pc.add(table["position"], number * _APART))


def _of(table: pa.Table, number: int) -> pa.Table:
    """The rows of one input among those that were judged together, at positions of their own."""
    own = pc.equal(pc.divide(table["position"], _APART), number)
    found = table.filter(own)
    place = found.column_names.index("position")
    return found.set_column(place, found.schema.field(place), pc.subtract(found["position"], number * _APART))


def _counts(one: Seen, read: ReadResult) -> dict[str, int]:
    """As `judge` counts; of what was judged together the repeats are what is left."""
    assert one.accepted is not None
    assert one.rejects is not None
    queried = pc.sum(pc.equal(one.accepted["outcome"], "queried")).as_py() or 0
    rejected = one.rejects.filter(pc.equal(one.rejects["outcome"], "rejected"))
    counts = {
        "rows_read": read.records.num_rows + read.unreadable.num_rows,
        "accepted": one.accepted.num_rows - queried,
        "queried": queried,
        "rejected": pc.count_distinct(rejected["position"]).as_py(),
        "lost": read.lost,
    }
    counts["repeats"] = counts["rows_read"] - counts["accepted"] - queried - counts["rejected"]
    return counts
