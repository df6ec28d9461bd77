"""The counts of a delivery reconcile with its manifest and with what the store holds, or the check says that they do not."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from pipelines.database import schema as db
from pipelines.deliveries import Register, Store
from pipelines.deployment import open_deployment
from pipelines.errors import IsindexError
from pipelines.nights.night import Night
from pipelines.nights.take_in import take_in
from pipelines.tables import read_as, write_json, write_table
from sample_feeds import make_nights

NIGHT = date(2026, 11, 18)


@pytest.fixture
def night(tmp_path):
    """A night with faulty records of every kind, not yet taken in."""
    make_nights(tmp_path, ("330",), first_night=NIGHT, nights=1, children=200, faults="record")
    deployment = open_deployment(tmp_path / "home", str(tmp_path / "landing"), create=True, demo=True)
    return Night(deployment, "330", NIGHT)


def check(night, agency):
    (found,) = [each for each in take_in(night, agency).checks if each.name == "counts_reconcile"]
    return found.passed


@pytest.mark.parametrize("agency", ["health", "education", "police", "social_care"])
def test_the_counts_of_a_delivery_reconcile(night, agency):
    assert check(night, agency)


@pytest.mark.parametrize("table", ["accepted", "rejected"])
def test_a_record_that_is_missing_from_the_store_is_seen(night, table):
    """By the hash of the kept table, and by the counts where that hash was lost with the rest."""
    assert check(night, "health")
    (entry,) = Register(night.engine).for_night("330", NIGHT)
    stored = Store(night.home).open(entry)
    held = getattr(stored, table)
    if table == "rejected":
        held = held.filter([outcome == "queried" for outcome in held["outcome"].to_pylist()])
    write_table(held.slice(1), stored.folder / f"{table}.parquet")
    with pytest.raises(IsindexError) as refused:
        check(night, "health")
    assert refused.value.code == "STORE_DAMAGED"
    told = read_as(stored.folder / "outcome.json", dict)
    write_json({name: part for name, part in told.items() if name != "kept"}, stored.folder / "outcome.json")
    assert not check(night, "health")


@pytest.mark.parametrize(
    "count", ["rows_in_manifest", "rows_read", "accepted", "queried", "rejected", "repeats", "lost"]
)
def test_a_count_that_is_not_what_it_was_is_seen(night, count):
    assert check(night, "health")
    with night.engine.begin() as connection:
        (counts,) = connection.execute(select(db.delivery.c.counts)).one()
        connection.execute(update(db.delivery).values(counts={**counts, count: counts.get(count, 0) + 1}))
    assert not check(night, "health")
