"""The life of a fault: open, corrected, waived, expired; and that a night may be replayed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select

from pipelines.database.engine import metadata
from pipelines.database.schema import reject
from pipelines.errors import IsindexError
from pipelines.validation.judge import judge
from pipelines.validation.rejects import EXPIRES_AFTER, record_rejects, waive_reject
from tests.validation.records import NIGHT, contract, read, record


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    metadata.create_all(made)
    return made


def child(number: int, **changes: Any) -> dict[str, Any]:
    return record("health", {"local_patient_id": f"P{number}", "nhs_number": None, **changes})


def deliver(engine: Engine, night: int, *rows: dict[str, Any], full: bool = True) -> dict[str, int]:
    """Judge and record a delivery, `night` nights after the first."""
    day = NIGHT + timedelta(days=night)
    result = judge(read("health", rows), contract("health"), day, authority="330")
    return record_rejects(engine, "330", "health", day, result.rejects, full=full, keys=result.accepted["key"])


def faults(engine: Engine) -> list[tuple[str, str, date, date, date | None]]:
    with engine.connect() as connection:
        columns = (reject.c.rule, reject.c.state, reject.c.first_night, reject.c.last_night, reject.c.closed_night)
        return [
            tuple(row) for row in connection.execute(select(*columns).order_by(reject.c.first_night, reject.c.rule))
        ]


def whole(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(reject).order_by(reject.c.reject_id))]


BAD, GOOD = child(1, gender="x"), child(1)


def day(night: int) -> date:
    return NIGHT + timedelta(days=night)


def test_a_fault_stands_from_its_first_night_to_its_last(engine: Engine) -> None:
    assert deliver(engine, 0, BAD)["new"] == 1
    assert deliver(engine, 1, BAD) == {"new": 0, "standing": 1, "corrected": 0, "expired": 0}
    assert faults(engine) == [("HEALTH-SEX-001", "open", day(0), day(1), None)]


@pytest.mark.parametrize("full", [True, False])
def test_a_later_delivery_without_the_fault_closes_it(engine: Engine, full: bool) -> None:
    deliver(engine, 0, BAD)
    assert deliver(engine, 1, GOOD, full=full)["corrected"] == 1
    assert faults(engine) == [("HEALTH-SEX-001", "corrected", day(0), day(0), day(1))]


def test_a_delta_that_does_not_speak_of_the_record_leaves_its_fault_open(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    deliver(engine, 1, child(2), full=False)
    assert faults(engine)[0][1] == "open"


def test_a_fault_of_a_record_that_is_delivered_no_more_expires(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    assert deliver(engine, 1, child(2))["expired"] == 1
    assert faults(engine)[0][1] == "expired"


def test_a_fault_that_is_never_seen_again_expires_after_a_while(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    late = EXPIRES_AFTER.days + 1
    for night, state in ((late - 1, "open"), (late, "expired")):
        record_rejects(engine, "330", "health", day(night), None, full=False, keys=None)
        assert faults(engine)[0][1] == state


def test_a_record_that_is_corrected_and_broken_anew_is_the_same_fault(engine: Engine) -> None:
    for night, row in enumerate((BAD, GOOD, BAD)):
        deliver(engine, night, row)
    assert faults(engine) == [("HEALTH-SEX-001", "open", day(0), day(2), None)]


def test_one_fault_corrected_leaves_the_record_s_others_open(engine: Engine) -> None:
    deliver(engine, 0, child(1, gender="x", postcode="x"))
    deliver(engine, 1, child(1, postcode="x"))
    assert [(rule, state) for rule, state, *_ in faults(engine)] == [
        ("HEALTH-POSTCODE-001", "open"),
        ("HEALTH-SEX-001", "corrected"),
    ]


def test_a_rejected_record_that_loads_again_is_corrected(engine: Engine) -> None:
    deliver(engine, 0, child(1, birth_date="2015-02-30"))
    assert deliver(engine, 1, GOOD)["corrected"] == 1


def test_a_waiver_holds_until_its_date(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    waive_reject(engine, str(whole(engine)[0][0]), day(1), "the supplier's system cannot do it yet")
    deliver(engine, 1, BAD)
    assert faults(engine)[0][1] == "waived"
    deliver(engine, 2, BAD)
    assert faults(engine)[0][1] == "open"


def test_only_a_fault_that_stands_can_be_waived(engine: Engine) -> None:
    with pytest.raises(IsindexError, match="REJECT_UNKNOWN"):
        waive_reject(engine, "none such", day(1), "because")


@pytest.mark.parametrize("again", [0, 1, 2])
def test_replaying_nights_gives_the_same_faults(engine: Engine, again: int) -> None:
    nights = [(BAD, child(2, postcode="x")), (BAD, child(2)), (GOOD, child(2, postcode="x"), child(3, gender="y"))]
    for night, rows in enumerate(nights):
        deliver(engine, night, *rows)
    once = whole(engine)
    for night in range(again, len(nights)):
        deliver(engine, night, *nights[night])
    assert whole(engine) == once


def test_a_corrected_delivery_of_an_earlier_night_rewrites_history(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    deliver(engine, 1, BAD, child(2, gender="y"))
    deliver(engine, 1, BAD, child(2))
    assert faults(engine) == [("HEALTH-SEX-001", "open", day(0), day(1), None)]


def test_feeds_do_not_touch_each_other_s_faults(engine: Engine) -> None:
    deliver(engine, 0, BAD)
    record_rejects(engine, "331", "health", day(1), judge(read("health", []), contract("health"), day(1)).rejects,
                   full=True, keys=None)  # fmt: skip
    assert faults(engine)[0][1] == "open"


def test_nothing_of_the_record_is_stored(engine: Engine) -> None:
    deliver(engine, 0, child(1, gender="Mädchen", family_name=None))
    text = repr(whole(engine))
    assert "P1" not in text
    assert "dchen" not in text
