"""When a held or refused delivery is settled, on both databases."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert

from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry, Register
from pipelines.deliveries.codes import finding
from pipelines.deliveries.seen import not_taken_in
from pipelines.deliveries.standing import open_gaps, standing_deliveries
from tests.databases import Databases

DAY = date(2026, 11, 20)
EMPTY, DAMAGED = finding("EMPTY", previous=99), finding("CHECKSUM_MISMATCH", "f")
GAP = finding("SEQUENCE_GAP", reason="Missing before it in the sequence: 2")


def entry(sequence: int, day: int, state: str, *codes: object, mode: str = "full", at: int = 1) -> DeliveryEntry:
    return DeliveryEntry(
        f"330/health/{DAY.replace(day=day)}/{sequence}-{at}", "330", "health", DAY.replace(day=day), sequence, mode, state,
        received_at=f"2026-11-25T00:00:0{at}+00:00", codes=[each.as_json() for each in codes],  # type: ignore[attr-defined]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "stands"),
    [
        ([entry(2, 20, "held", EMPTY)], [2]),
        ([entry(2, 20, "held", EMPTY), entry(3, 21, "loaded")], []),
        ([entry(2, 20, "held", EMPTY), entry(3, 21, "loaded", mode="delta")], [2]),
        ([entry(2, 20, "held", EMPTY), entry(1, 21, "loaded")], [2]),
        ([entry(2, 20, "refused", DAMAGED), entry(3, 21, "loaded")], []),
        ([entry(2, 20, "refused", DAMAGED), entry(3, 21, "loaded", mode="delta")], [2]),
        ([entry(2, 20, "refused", DAMAGED), entry(3, 20, "loaded")], []),
        ([entry(2, 20, "refused", DAMAGED), entry(2, 21, "loaded", at=2)], []),
        ([entry(2, 20, "refused", DAMAGED, at=2), entry(2, 20, "loaded")], [2]),
        ([entry(2, 20, "refused", finding("WRONG_DATE", stated="a", folder="b"))], []),  # it was taken away
    ],
)
def test_a_delivery_stands_until_something_settles_it(
    database: Databases, tmp_path: Path, known: list[DeliveryEntry], stands: list[int]
) -> None:
    engine = database.opened(tmp_path / "home").engine
    for each in known:
        Register(engine).record(each)
    assert [each.sequence for each in standing_deliveries(engine)] == stands


def test_a_gap_is_told_as_it_is_now(database: Databases, tmp_path: Path) -> None:
    engine = database.opened(tmp_path / "home").engine
    register = Register(engine)
    register.record(entry(1, 19, "loaded"))
    register.record(entry(4, 20, "loaded", GAP))
    (gap,) = open_gaps(engine).values()
    assert gap[1] is not None
    assert gap[1].message == "Missing before it in the sequence: 2 to 3."
    register.record(entry(3, 19, "loaded"))  # what is missing before it is told of that one
    assert [found for _, found in open_gaps(engine).values()] == [None]


def test_what_was_seen_and_not_decided_is_told_by_its_date(database: Databases, tmp_path: Path) -> None:
    engine = database.opened(tmp_path / "home").engine
    rows = [
        {"landing": "x", "place": f"330/{agency}/{DAY}", "authority": "330", "signature": "", "delivery_id": agency, "decided": decided}
        for agency, decided in (("health", False), ("police", True))
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(db.landing_seen), rows)
    assert not_taken_in(engine, DAY) == {("330", "health")}
    assert not_taken_in(engine, DAY.replace(day=21)) == set()
