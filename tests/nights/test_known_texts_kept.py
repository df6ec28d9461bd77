"""What a home keeps of the texts of its deliveries: sealed, let go with them, of no use to a reader, and never missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select

from pipelines.contracts import load_contract
from pipelines.database import schema as db
from pipelines.deliveries import Register
from pipelines.deliveries.readers import only_new
from pipelines.nights import known_texts, retention
from pipelines.nights.take_in import take_in
from pipelines.tables import file_sha256, read_table, write_table
from pipelines.validation import standing_verdicts
from tests.attacks.search import texts_of
from tests.nights.little_authority import AGENCIES, AUTHORITY, Delivery, children, day_of, put, row_of
from tests.nights.little_nights import LittleNights

TOLD = ("accepted.parquet", "rejected.parquet", "manifest.json", "ack.json", "rejects.csv")


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    """How many records each delivery took over."""
    found: list[int] = []
    read = only_new._read

    def noted(*args, **named):
        result = read(*args, **named)
        found.append(0 if result.taken is None else result.taken.num_rows)
        return result

    monkeypatch.setattr(only_new, "_read", noted)
    return found


def take(place: LittleNights, number: int) -> None:
    for agency in AGENCIES:
        take_in(place.night(number), agency)


def texts(place: LittleNights) -> list[Path]:
    return sorted(place.home.rglob("texts.parquet"))


def told(place: LittleNights) -> dict[str, object]:
    """All that was told and kept of the feeds' deliveries, but for the texts and the time."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for folder in (place.home, place.landing)
        for path in folder.rglob("*")
        if path.name in TOLD or ("protection" in path.parts and path.is_file())
    }
    outcomes = [json.loads(path.read_text()) for path in sorted(place.home.rglob("outcome.json"))]
    for outcome in outcomes:
        outcome["kept"].pop("texts.parquet", None)
    with place.deployment.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(db.delivery)).mappings()]
    return files | {"outcomes": outcomes, "rows": [row | {"received_at": ""} for row in rows]}


def change(place: LittleNights, number: int) -> None:
    """Each feed changes in one record, and another's mark comes and goes."""
    there = children()
    for agency, feed in place.feeds.items():
        feed.hold(
            there[number % len(there)], **({"postcode": f"B{number} 1AP"} if agency in ("health", "police") else {})
        )
        marked = row_of(agency, 7, "shielded" if number % 2 else "as it is")
        feed.rows[next(iter(marked.values()))] = marked


@pytest.mark.in_full
def test_a_home_from_which_they_are_removed_each_night_is_the_same(tmp_path, taken):
    places = [LittleNights(tmp_path / name) for name in ("remembers", "forgets")]
    for number in range(4):
        for place in places:
            change(place, number)
            place.deliver(number)
            take(place, number)
        assert told(places[0]) == told(places[1])
        for path in texts(places[1]):
            path.unlink()
    # four feeds of eight; the first is read, one is changed, one marked, and one may be queried
    assert all(found >= 3 for found in taken[8:12] + taken[16:20])
    assert not any(taken[12:16] + taken[20:24])


def test_nothing_readable_stands_in_them(tmp_path):
    place = LittleNights(tmp_path)
    place.deliver(0)
    take(place, 0)
    assert len(texts(place)) == len(AGENCIES)
    values = [each for child in children() for each in (child.family, child.given, child.street, child.nhs, child.upn)]
    for path in texts(place):
        assert read_table(path).schema == pa.schema([("digest", pa.binary(16))])
        seen = [text if isinstance(text, bytes) else text.encode() for text in texts_of(path)]
        assert not [value for value in values if any(value.encode() in text for text in seen)]


@pytest.mark.in_full
@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: write_table(read_table(path).slice(1), path),
        lambda path: write_table(read_table(path).take([1, 0, *range(2, read_table(path).num_rows)]), path),
        lambda path: write_table(pa.table({"other": [1]}), path),
        lambda path: (path.parent / "accepted.parquet").write_bytes(b"PAR1"),
    ],
    ids=["gone", "cut", "empty", "shorter", "exchanged", "another", "no records"],
)
def test_where_they_are_not_what_was_kept_everything_is_read(tmp_path, taken, harm: Callable[[Path], object]):
    places = [LittleNights(tmp_path / name) for name in ("whole", "harmed")]
    for place in places:
        place.deliver(0)
        take(place, 0)
    for path in texts(places[1]):
        harm(path)
    taken.clear()
    for place in places:
        place.deliver(1)
        take(place, 1)
    assert not any(taken[4:]) and all(taken[:4])
    whole, harmed = (
        {name: content for name, content in told(place).items() if str(day_of(0)) not in name} for place in places
    )
    assert whole == harmed


def test_those_of_another_delivery_are_of_no_use(tmp_path, taken):
    """A seal that fits a table does not make it that of these records."""
    place = LittleNights(tmp_path)
    place.deliver(0)
    take(place, 0)
    for path in texts(place):
        digests = read_table(path)
        write_table(digests.slice(0, digests.num_rows - 1), path)
        outcome = path.with_name("outcome.json")
        content = json.loads(outcome.read_text())
        content["kept"]["texts.parquet"] = file_sha256(path)
        outcome.write_text(json.dumps(content))
    taken.clear()
    place.deliver(1)
    take(place, 1)
    assert not any(taken)


@pytest.mark.in_full
def test_a_kill_before_the_register_knows_changes_nothing(tmp_path, monkeypatch):
    places = [LittleNights(tmp_path / name) for name in ("sound", "killed")]
    for number in range(3):
        for place in places:
            change(place, number)
            place.deliver(number)
        with monkeypatch.context() as patch:

            def killed(*_args, **_named):
                raise KeyboardInterrupt

            patch.setattr(Register, "conclude", killed)
            for agency in AGENCIES:
                with pytest.raises(KeyboardInterrupt):
                    take_in(places[1].night(number), agency)
        for place in places:
            take(place, number)
    assert told(places[0]) == told(places[1])


@pytest.mark.in_full
def test_a_delta_and_a_delivery_that_is_late_need_none_and_leave_the_next_one_right(tmp_path, taken):
    places = [LittleNights(tmp_path / name) for name in ("remembers", "forgets")]
    for place in places:
        place.deliver(0)
        take(place, 0)
        row = {**row_of("health", 2, "moved"), "change": "upsert"}
        place.feeds["health"].sequence += 1
        put(place.landing, Delivery("health", day_of(1), place.feeds["health"].sequence, "delta", [row]))
        take_in(place.night(1), "health")
        assert len(texts(place)) == (len(AGENCIES) if place is places[0] else 0) or place is places[1]
        for number in (3, 2):
            change(place, number)
            place.deliver(number)
            if place is places[1]:
                for path in texts(place):
                    path.unlink()
            take(place, number)
    assert told(places[0]) == told(places[1])


@pytest.mark.in_full
def test_they_are_kept_and_go_with_their_delivery(tmp_path):
    place = LittleNights(tmp_path)
    for number in range(2):
        place.deliver(number)
        take(place, number)
    retention._let_deliveries_go(place.deployment, AUTHORITY, day_of(0))
    assert {path.parent.parent.name for path in texts(place)} == {day_of(1).isoformat()}


@pytest.mark.in_full
def test_the_program_s_text_is_among_what_a_verdict_means(tmp_path, monkeypatch, taken):
    place = LittleNights(tmp_path)
    place.deliver(0)
    take(place, 0)
    monkeypatch.setattr(standing_verdicts, "_PROGRAM", "another")
    taken.clear()
    place.deliver(1)
    take(place, 1)
    assert not any(taken)
    assert known_texts.verdict_means is standing_verdicts.verdict_means


def test_a_newer_program_that_is_installed_beside_a_run_is_not_what_judges_in_it(monkeypatch):
    contract, means = load_contract("health/1"), standing_verdicts.verdict_means
    before = means(contract, day_of(0), AUTHORITY)
    monkeypatch.setattr(standing_verdicts, "_program", lambda: "what lies on the disk now")
    assert means(contract, day_of(0), AUTHORITY) == before
