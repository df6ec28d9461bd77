"""A night is built on what was published and on nothing else: every table that it carries on is held to its seal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.tables import read_table, write_table
from tests.nights.little_nights import LittleNights, bytes_under

CARRIED_ON = (
    "faults.parquet",
    "feeds.json",
    "identities/history.parquet",
    "identities/identities.parquet",
    "identities/story.parquet",
    "identities/visibility.parquet",
    "inputs.json",
    "live/police.parquet",
    "matching/state/match_state.json",
    "person/records.parquet",
    "review.parquet",
    "snapshot/children.parquet",
)


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("one-night"))
    place.deliver(0)
    assert place.load() == {0: "published"}
    return place


@pytest.fixture
def place(one_night: LittleNights, tmp_path: Path) -> LittleNights:
    return one_night.copied_to(tmp_path)


def altered(path: Path) -> None:
    """Take a row away, so that the file is as well formed as before; of a table without rows, add a space behind it."""
    table = read_table(path) if path.suffix == ".parquet" else None
    if table is not None and table.num_rows:
        write_table(table.slice(1), path)
    else:
        path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("name", CARRIED_ON)
def test_no_night_is_built_on_a_table_that_was_altered_since_it_was_published(place: LittleNights, name: str) -> None:
    whole = bytes_under(place.home / "snapshots")
    altered(place.in_force(0).folder / name)
    place.deliver(1)
    assert place.load() == {1: "failed"}
    row = place.last(1)
    assert (row.stage, row.code) == ("inputs", "BASE_DAMAGED")
    assert name in row.reasons[0]
    assert bytes_under(place.home / "snapshots") == whole


def test_one_that_is_gone_or_was_put_there_is_told_too(place: LittleNights) -> None:
    folder = place.in_force(0).folder
    (folder / "live" / "police.parquet").unlink()
    (folder / "live" / "prison.parquet").write_bytes(b"x")
    place.deliver(1)
    assert place.load() == {1: "failed"}
    assert all(name in place.last(1).reasons[0] for name in ("live/police.parquet", "live/prison.parquet"))


def test_run_again_the_night_is_whole_and_all_ends_as_if_nothing_had_happened(
    place: LittleNights, one_night: LittleNights, tmp_path: Path
) -> None:
    calm = one_night.copied_to(tmp_path / "calm")
    altered(place.in_force(0).folder / "live" / "police.parquet")
    for each in (place, calm):
        each.deliver(1)
    assert place.load() == {1: "failed"}
    assert place.load(asked=[0]) == {0: "published", 1: "published"}
    assert calm.load() == {1: "published"}
    told = [
        {name.removeprefix(str(each.home)): told for name, told in bytes_under(each.home / "snapshots").items()}
        for each in (place, calm)
    ]
    assert told[0] == told[1]
