"""A child is named by its index id as people write it, a record by key or reference; what is mistyped is told as that."""

from __future__ import annotations

from collections import Counter

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.errors import IsindexError
from pipelines.nights.references import record_key_of, record_keys_of, reference_of, told_reference
from pipelines.tables import read_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.one_database

CHILD, LONELY = children()[1], children()[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """One night; one child has a record with the police alone."""
    made = LittleNights(tmp_path_factory.mktemp("named"), database)
    for agency, feed in made.feeds.items():
        if agency != "police":
            feed.rows = {key: row for key, row in feed.rows.items() if LONELY.family not in str(row)}
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def of(place: LittleNights) -> dict[str, list[str]]:
    """Index id → its records."""
    found: dict[str, list[str]] = {}
    for row in read_table(place.in_force(0).folder / "identities" / "identities.parquet").to_pylist():
        found.setdefault(row["index_id"], []).append(row["record_key"])
    return found


def several(place: LittleNights) -> str:
    return next(index_id for index_id, keys in of(place).items() if len(keys) > 1)


@pytest.mark.parametrize(
    "written", [str.lower, lambda text: f"{text[:4]}-{text[4:8]} {text[8:]}", lambda text: f" {text.title()}\u2011"]
)
def test_an_index_id_is_taken_as_people_write_it(place: LittleNights, written) -> None:  # type: ignore[no-untyped-def]
    folder, who = place.in_force(0).folder, several(place)
    assert record_key_of(folder, written(who)) == min(of(place)[who])
    words = ["--home", str(place.home), "--authority", AUTHORITY, "--why", "a test"]
    with place.database.here(place.home):
        assert CliRunner().invoke(app, ["child", written(who), *words]).exit_code == 0


def test_a_reference_too(place: LittleNights) -> None:
    key = next(iter(of(place).values()))[0]
    written = f" {reference_of(key).upper()} "
    assert record_key_of(place.in_force(0).folder, written) == key
    assert told_reference(written) == reference_of(key)


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (lambda who: who[:-1], "INDEX_ID_INVALID", "not an index id"),
        (lambda who: f"{who[1]}{who[0]}{who[2:]}".lower(), "INDEX_ID_INVALID", "not an index id"),
        (lambda who: "health:nobody-9999", "RECORD_UNKNOWN", "the record is not among"),
        (lambda who: "0" * 32, "RECORD_UNKNOWN", "the record is not among"),
    ],
    ids=["a character is missing", "two are swapped", "no such key", "no such reference"],
)
def test_what_is_mistyped_is_told_as_what_it_is(place: LittleNights, wrong, code: str, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(IsindexError) as told:
        record_key_of(place.in_force(0).folder, wrong(several(place)))
    assert (told.value.code, says in told.value.message.lower()) == (code, True)
    if code == "RECORD_UNKNOWN":
        assert all(word in told.value.remedy for word in ("index id", "agency:key", "reference"))


def test_a_pair_of_records_is_named_by_index_ids_where_each_child_has_one_record(place: LittleNights) -> None:
    folder, children_of = place.in_force(0).folder, of(place)
    lonely = next(index_id for index_id, keys in children_of.items() if len(keys) == 1)
    many = several(place)
    key = children_of[many][-1]
    assert record_keys_of(folder, (lonely.lower(), key), alone=True) == [children_of[lonely][0], key]
    with pytest.raises(IsindexError, match=f"RECORD_AMBIGUOUS.*{len(children_of[many])} records"):
        record_keys_of(folder, (lonely, many), alone=True)
    assert record_keys_of(folder, (lonely, many)) == [children_of[lonely][0], min(children_of[many])]
    assert Counter(map(len, children_of.values()))[1]
