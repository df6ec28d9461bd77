"""Published files that are damaged, gone or other ones: no night puts itself in force and then fails, and a load heals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipelines.database import schema as db
from pipelines.nights.protective import protection_waits
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights, bytes_under


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("two-nights"))
    for number in (0, 1):
        place.deliver(number)
        assert place.load() == {number: "published"}
    return place


def version_of(place: LittleNights, number: int) -> Path:
    version = place.night(number).version()
    assert version is not None
    return place.deployment.home.snapshots(AUTHORITY) / version


def moved(place: LittleNights) -> None:
    """A child has moved by the next night."""
    place.feeds["health"].hold(children()[0], address_line_1="100 Newly Row")
    place.deliver(2)


def database_of(place: LittleNights) -> dict[str, list[str]]:
    """The rows of the index tables of the database."""
    with place.deployment.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in (*db.INDEX_TABLES.values(), db.identity)
        }


@pytest.fixture(scope="module")
def undisturbed(
    two_nights: LittleNights, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, list[str]]]:
    place = two_nights.copied_to(tmp_path_factory.mktemp("undisturbed"))
    moved(place)
    assert place.load() == {2: "published"}
    return bytes_under(version_of(place, 2)), database_of(place)


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def other(path: Path) -> None:
    shutil.copyfile(path.parent.parent / "other.parquet", path)


@pytest.mark.in_full
@pytest.mark.parametrize("harm", [altered, Path.unlink, other])
@pytest.mark.parametrize("table", ["children", "addresses"])
def test_the_next_night_is_published_whatever_became_of_a_table_that_the_database_shows(
    two_nights: LittleNights,
    undisturbed: tuple[dict[str, str], dict[str, list[str]]],
    tmp_path: Path,
    harm: Callable[[Path], None],
    table: str,
) -> None:
    files, rows = undisturbed
    place = two_nights.copied_to(tmp_path)
    new = next(Path(name) for name in files if name.endswith(f"/{table}.parquet"))
    shutil.copyfile(new, place.deployment.home.snapshots(AUTHORITY) / "other.parquet")  # a night that is still to come
    harm(version_of(place, 1) / f"{table}.parquet")
    moved(place)
    assert place.load() == {2: "published"}
    assert sorted(bytes_under(version_of(place, 2)).values()) == sorted(files.values())
    assert database_of(place) == rows
    assert place.load() == {}


@pytest.mark.in_full
def test_a_night_that_is_run_again_mends_whatever_stands_in_the_database(
    two_nights: LittleNights, tmp_path: Path
) -> None:
    place = two_nights.copied_to(tmp_path)
    rows = database_of(place)
    with place.deployment.engine.begin() as connection:
        connection.execute(update(db.child_address).values(address="1 Nowhere"))
    assert database_of(place) != rows
    assert place.load(asked=[1]) == {1: "published"}
    assert database_of(place) == rows


def test_a_version_whose_publish_was_killed_and_whose_tables_were_damaged_since_is_told_and_made_anew(
    two_nights: LittleNights, tmp_path: Path
) -> None:
    place = two_nights.copied_to(tmp_path)
    with place.deployment.engine.begin() as connection:  # as if the run had been killed between pointer and database
        this = db.night.c.business_date == place.night(1).business_date
        connection.execute(update(db.night).where(this).values(version="v=another"))
        connection.execute(update(db.snapshot_version).values(current=False))
    altered(version_of(place, 1) / "children.parquet")
    moved(place)
    assert place.load() == {2: "failed"}
    last = place.last(2)
    assert (last.state, last.code) == ("failed", "BASE_DAMAGED")
    assert (
        f"--again --landing LANDING --home HOME --authority {AUTHORITY} --night {place.night(1).business_date}"
        in last.reasons[0]
    )
    assert place.load(asked=[1]) == {1: "published", 2: "published"}
    assert place.load() == {}


@pytest.mark.in_full
@pytest.mark.parametrize("table", ["children", "record_links"])
@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(path.read_bytes()[:100]), Path.unlink])
def test_a_version_that_no_night_has_any_more_and_that_is_damaged_does_not_make_protection_wait(
    two_nights: LittleNights, tmp_path: Path, harm: Callable[[Path], None], table: str
) -> None:
    place = two_nights.copied_to(tmp_path)
    before = version_of(place, 1)
    place.feeds["health"].hold(children()[1], address_line_1="101 Newly Row")
    place.deliver(1, "health")
    assert place.load() == {1: "published"}
    assert before.is_dir() and before != version_of(place, 1)
    harm(before / f"{table}.parquet")
    place.feeds["health"].hold(children()[0], confidentiality="S")
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert protection_waits(place.deployment, [AUTHORITY]) == []
    assert not before.exists()
    for number in (0, 1, 2):
        assert [row["shielded"] for row in place.published(number).to_pylist()].count(True) == 1
