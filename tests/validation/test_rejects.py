"""The life of a fault: open, corrected, expired, open again; and the table of the database that follows it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, create_engine, select

from pipelines.database.engine import metadata
from pipelines.database.schema import reject
from pipelines.validation.judge import judge
from pipelines.validation.reject_register import follow_faults
from pipelines.validation.rejects import EXPIRES_AFTER, FAULTS, faults_after
from tests.validation.records import NIGHT, contract, read, record


def day(night: int) -> date:
    return NIGHT + timedelta(days=night)


def child(number: int, **changes: Any) -> dict[str, Any]:
    return record("health", {"local_patient_id": f"P{number}", "nhs_number": None, **changes})


BAD, GOOD = child(1, gender="x"), child(1)


def deliver(before: pa.Table, night: int, *rows: dict[str, Any], full: bool = True, authority: str = "330") -> pa.Table:
    """The faults after a delivery that is judged `night` nights after the first."""
    result = judge(read("health", rows), contract("health"), day(night), authority=authority)
    keys = result.accepted["key"]
    return faults_after(before, authority, "health", day(night), result.rejects, full=full, keys=keys)


def nothing_came(before: pa.Table, night: int) -> pa.Table:
    return faults_after(before, "330", "health", day(night), None)


def after(*nights: tuple[dict[str, Any], ...]) -> pa.Table:
    """The faults after full deliveries, a night each."""
    table = FAULTS.empty_table()
    for night, rows in enumerate(nights):
        table = deliver(table, night, *rows)
    return table


def told(table: pa.Table) -> list[tuple[str, str, date, date, date | None]]:
    names = ("rule", "state", "first_night", "last_night", "closed_night")
    return sorted((tuple(row[name] for name in names) for row in table.to_pylist()), key=lambda row: (row[2], row[0]))


def test_a_fault_stands_from_its_first_night_to_its_last() -> None:
    assert told(after((BAD,))) == [("HEALTH-SEX-001", "open", day(0), day(0), None)]
    assert told(after((BAD,), (BAD,))) == [("HEALTH-SEX-001", "open", day(0), day(1), None)]


@pytest.mark.parametrize("full", [True, False])
def test_a_later_delivery_without_the_fault_closes_it(full: bool) -> None:
    table = deliver(after((BAD,)), 1, GOOD, full=full)
    assert told(table) == [("HEALTH-SEX-001", "corrected", day(0), day(0), day(1))]


def test_a_fault_that_is_closed_stays_closed_on_the_night_it_was() -> None:
    table = deliver(after((BAD,), (GOOD,)), 2, GOOD)
    assert told(nothing_came(table, 3)) == [("HEALTH-SEX-001", "corrected", day(0), day(0), day(1))]


def test_a_delta_that_does_not_speak_of_the_record_leaves_its_fault_open() -> None:
    table = deliver(after((BAD,)), 1, child(2), full=False)
    assert told(table) == [("HEALTH-SEX-001", "open", day(0), day(0), None)]


def test_a_fault_of_a_record_that_is_delivered_no_more_expires() -> None:
    assert told(after((BAD,), (child(2),))) == [("HEALTH-SEX-001", "expired", day(0), day(0), day(1))]


def test_a_night_on_which_nothing_came_leaves_the_faults_as_they_stood() -> None:
    before = after((BAD,), (BAD, child(2, postcode="x")))
    assert nothing_came(before, 2).equals(before)


def test_a_fault_that_is_never_seen_again_expires_after_a_while() -> None:
    table, late = after((BAD,)), EXPIRES_AFTER.days + 1
    for night, state in ((late - 1, "open"), (late, "expired")):
        table = nothing_came(table, night)
        assert told(table)[0][1] == state
    assert told(table)[0][4] == day(late)


def test_a_record_that_is_corrected_and_broken_anew_is_the_same_fault() -> None:
    assert told(after((BAD,), (GOOD,), (BAD,))) == [("HEALTH-SEX-001", "open", day(0), day(2), None)]


def test_a_fault_that_expired_and_is_found_again_is_open_again() -> None:
    assert told(after((BAD,), (child(2),), (BAD,))) == [("HEALTH-SEX-001", "open", day(0), day(2), None)]


def test_one_fault_corrected_leaves_the_record_s_others_open() -> None:
    table = after((child(1, gender="x", postcode="x"),), (child(1, postcode="x"),))
    assert [(rule, state) for rule, state, *_ in told(table)] == [
        ("HEALTH-POSTCODE-001", "open"),
        ("HEALTH-SEX-001", "corrected"),
    ]


def test_a_rejected_record_that_loads_again_is_corrected() -> None:
    rejected = child(1, birth_date="2015-02-30")
    assert deliver(FAULTS.empty_table(), 0, rejected)["outcome"].to_pylist() == ["rejected"]
    assert [row[1] for row in told(after((rejected,), (GOOD,)))] == ["corrected"]


NIGHTS = [(BAD, child(2, postcode="x")), (BAD, child(2)), (GOOD, child(2, postcode="x"), child(3, gender="y"))]


@pytest.mark.parametrize("again", [0, 1, 2])
def test_replaying_nights_gives_the_same_faults(again: int) -> None:
    table = after(*NIGHTS[:again])
    for _ in range(2):  # each time from what the night before has kept
        end = table
        for night in range(again, len(NIGHTS)):
            end = deliver(end, night, *NIGHTS[night])
        assert end.equals(after(*NIGHTS))


def test_a_corrected_delivery_of_an_earlier_night_rewrites_history() -> None:
    base = after((BAD,))
    deliver(base, 1, BAD, child(2, gender="y"))
    assert told(deliver(base, 1, BAD, child(2))) == [("HEALTH-SEX-001", "open", day(0), day(1), None)]


def test_two_deliveries_of_one_night_are_told_in_their_order() -> None:
    first = deliver(FAULTS.empty_table(), 0, BAD, child(2, gender="y"))
    assert told(deliver(first, 0, GOOD, full=False)) == [
        ("HEALTH-SEX-001", "corrected", day(0), day(0), day(0)),
        ("HEALTH-SEX-001", "open", day(0), day(0), None),
    ]


def test_the_same_fault_on_the_same_key_is_another_one_in_another_authority() -> None:
    here, there = (deliver(FAULTS.empty_table(), 0, BAD, authority=authority) for authority in ("330", "331"))
    assert here["reject_id"].to_pylist() != there["reject_id"].to_pylist()
    assert told(deliver(here, 1, GOOD, authority="331"))[0][1] == "expired"  # no key of another authority corrects


def test_nothing_of_the_record_is_kept() -> None:
    text = repr(after((child(1, gender="Mädchen", family_name=None),)).to_pylist())
    assert "SEX" in text
    assert "P1" not in text
    assert "dchen" not in text


# ---- the table of the database ------------------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    metadata.create_all(made)
    return made


def shown(engine: Engine, authority: str = "330") -> pa.Table:
    with engine.connect() as connection:
        columns = [reject.c[name] for name in FAULTS.names]
        query = select(*columns).where(reject.c.authority == authority).order_by(reject.c.reject_id)
        return pa.Table.from_pylist([dict(row) for row in connection.execute(query).mappings()], FAULTS.schema)


def test_the_database_holds_exactly_the_faults_it_is_given_whatever_it_held_before(engine: Engine) -> None:
    stands = [after(*NIGHTS[: night + 1]) for night in range(len(NIGHTS))]
    for table in (stands[0], stands[2], stands[1], FAULTS.empty_table(), stands[2]):
        follow_faults(engine, "330", table)
        assert shown(engine).equals(table)


def test_only_faults_that_differ_are_written(engine: Engine) -> None:
    before = after((BAD, child(2, postcode="x")))
    assert follow_faults(engine, "330", before) == 2
    assert follow_faults(engine, "330", before) == 0
    assert follow_faults(engine, "330", deliver(before, 1, GOOD, full=False)) == 2  # one row out, one row in


def test_an_authority_s_faults_leave_those_of_another_alone(engine: Engine) -> None:
    there = deliver(FAULTS.empty_table(), 0, BAD, child(2, gender="y"), authority="331")
    follow_faults(engine, "331", there)
    follow_faults(engine, "330", after((BAD,)))
    follow_faults(engine, "330", FAULTS.empty_table())
    assert shown(engine, "331").equals(there)
    assert shown(engine).num_rows == 0
