"""A night is built on what was published and on nothing else: every table that it carries on is held to its seal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.nights import put_in_force, seal
from pipelines.nights.attempts import Attempt
from pipelines.nights.run import run_night
from pipelines.tables import read_table, write_table
from tests.databases import Databases
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
    "shown/children.parquet",
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


@pytest.mark.in_full
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


@pytest.mark.in_full
def test_one_that_is_gone_or_was_put_there_is_told_too(place: LittleNights) -> None:
    folder = place.in_force(0).folder
    (folder / "live" / "police.parquet").unlink()
    (folder / "live" / "prison.parquet").write_bytes(b"x")
    place.deliver(1)
    assert place.load() == {1: "failed"}
    assert all(name in place.last(1).reasons[0] for name in ("live/police.parquet", "live/prison.parquet"))


@pytest.mark.in_full
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


BETWEEN_STAGES = (
    ("person_records", "inputs.json"),
    ("links", "person/records.parquet"),
    ("identities", "matching/clusters.parquet"),
    ("snapshot", "person/addresses.parquet"),
    ("publish", "snapshot/gates.json"),
    ("publish", "protection/entries.parquet"),
    ("publish", "matching/state/match_pairs.parquet"),
)


@pytest.mark.others_in_full
@pytest.mark.parametrize(("stage", "name"), BETWEEN_STAGES)
def test_nothing_is_made_of_a_table_that_was_altered_since_its_stage_wrote_it(
    place: LittleNights, stage: str, name: str
) -> None:
    whole = bytes_under(place.home / "snapshots")

    def before(each: str) -> None:
        if each == stage:
            altered(Attempt.last(place.night(1)).folder / name)

    place.deliver(1)
    assert place.load(before=before) == {1: "failed"}
    row = place.last(1)
    assert (row.stage, row.code) == (stage, "BASE_DAMAGED")
    assert name in row.reasons[0]
    assert bytes_under(place.home / "snapshots") == whole


@pytest.mark.in_full
def test_what_is_altered_while_it_is_published_is_not_sealed_as_right(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_ever = put_in_force.settle

    def altering(attempt: Attempt, manifest: dict[str, object]) -> None:
        altered(attempt.folder / "identities" / "history.parquet")
        as_ever(attempt, manifest)

    place.deliver(1)
    with monkeypatch.context() as patch:
        patch.setattr(put_in_force, "settle", altering)
        assert place.load() == {1: "published"}
    place.deliver(2)
    assert place.load() == {2: "failed"}
    assert place.last(2).code == "BASE_DAMAGED"
    assert "identities/history.parquet" in place.last(2).reasons[0]


@pytest.mark.in_full
def test_what_is_altered_after_a_run_was_killed_is_refused_until_the_night_is_run_again(
    tmp_path: Path, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = LittleNights(tmp_path, database)
    place.deliver(0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(put_in_force, "settle", killed)
        place.load()
    assert place.night(0).version() is not None  # the pointer was set
    folder = place.in_force(0).folder
    altered(folder / "live" / "police.parquet")
    place.deliver(1)
    assert run_night(place.night(1), started_by="a test") == "failed"
    assert place.last(1).code == "BASE_DAMAGED"
    assert "live/police.parquet" in place.last(1).reasons[0]
    assert place.load() == {0: "published", 1: "published"}


@pytest.mark.in_full
def test_a_run_that_was_killed_after_the_pointer_is_finished_by_the_next_night(
    tmp_path: Path, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = LittleNights(tmp_path, database)
    place.deliver(0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(put_in_force, "settle", killed)
        place.load()
    place.deliver(1)
    assert run_night(place.night(1), started_by="a test") == "published"


@pytest.mark.in_full
def test_every_table_is_read_once_for_its_proof_before_it_is_published(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    as_ever = seal.file_sha256

    def counting(path: Path) -> str:
        read.append(path.relative_to(place.home).as_posix())
        return as_ever(path)

    monkeypatch.setattr(seal, "file_sha256", counting)
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert len(read) == len(set(read))
    folder = place.in_force(1).folder
    sealed = {
        (folder / name).relative_to(place.home).as_posix() for name in seal._written(Attempt.last(place.night(1)))
    }
    own = {name for name in sealed if "/shown/" not in name}
    assert len(own) > 20 and own <= set(read)


def test_a_night_in_force_that_is_run_again_leaves_the_same_bytes_with_its_seal(place: LittleNights) -> None:
    folder = place.in_force(0).folder
    before = bytes_under(folder)
    assert place.load(asked=[0]) == {0: "published"}
    assert bytes_under(folder) == before


@pytest.mark.in_full
def test_what_no_stage_has_written_goes_before_the_night_is_published(place: LittleNights) -> None:
    def before(each: str) -> None:
        if each == "publish":
            (Attempt.last(place.night(1)).folder / "live" / "prison.parquet").write_bytes(b"x")

    place.deliver(1)
    assert place.load(before=before) == {1: "published"}
    assert not (place.in_force(1).folder / "live" / "prison.parquet").exists()


@pytest.mark.in_full
def test_after_such_a_failure_the_next_load_makes_the_night_anew(place: LittleNights) -> None:
    def before(each: str) -> None:
        if each == "publish":
            altered(Attempt.last(place.night(1)).folder / "feeds.json")

    place.deliver(1)
    assert place.load(before=before) == {1: "failed"}
    assert place.load() == {1: "published"}
    place.deliver(2)
    assert place.load() == {2: "published"}
