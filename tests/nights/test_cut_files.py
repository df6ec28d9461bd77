"""A file of the home that was cut short is told by code, place and remedy; never by a fault of the program."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.nights.protective import protection_waits
from pipelines.nights.run import run_all
from pipelines.nights.summary import summary_of
from pipelines.publishing.readers import status
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, bytes_under, few_keys_may_move


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("one-night"))
    place.deliver(0)
    assert place.load() == {0: "published"}
    return place


@pytest.fixture(scope="module")
def two_nights(one_night: LittleNights, tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = one_night.copied_to(tmp_path_factory.mktemp("two-nights"))
    place.feeds["health"].hold(children()[0], address_line_1="9 Elsewhere Row")
    place.deliver(1)
    assert place.load() == {1: "published"}
    return place


@pytest.mark.in_full
@pytest.mark.parametrize(
    "name",
    [
        "snapshots/{authority}/current.json",
        "{attempt}/inputs.json",
        "{attempt}/sealed.json",
        "{attempt}/feeds.json",
        "{attempt}/published.json",
    ],
)
@pytest.mark.parametrize("left", [b'{"gar', b"{}"])
def test_a_file_that_was_cut_short_is_told_by_its_code_and_place(
    one_night: LittleNights, tmp_path: Path, name: str, left: bytes
) -> None:
    place = one_night.copied_to(tmp_path)
    attempt = place.in_force(0).folder.relative_to(place.home)
    cut = place.home / name.format(authority=AUTHORITY, version=place.night(0).version(), attempt=attempt)
    before = cut.read_bytes()
    cut.write_bytes(left)
    place.deliver(1)
    assert place.load()[1] == "failed"
    code, told = place.last(1).code, place.last(1).reasons[0]
    assert code in ("STORE_DAMAGED", "BASE_DAMAGED")
    assert cut.name in told or (
        code == "BASE_DAMAGED" and f"--again --landing LANDING --home HOME --authority {AUTHORITY}" in told
    )
    assert "gar" not in told
    cut.write_bytes(before)
    assert place.load()[1] == "published"
    assert place.load() == {}


@pytest.mark.in_full
@pytest.mark.parametrize("left", [b"", b"{}", b'{"known": 1}'])
def test_a_memory_of_what_versions_were_held_against_that_cannot_be_read_is_none(
    one_night: LittleNights, tmp_path: Path, left: bytes
) -> None:
    place = one_night.copied_to(tmp_path)
    (place.home / "nights" / AUTHORITY / "protected.json").write_bytes(left)
    place.feeds["health"].hold(children()[0], confidentiality="S")
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert protection_waits(place.deployment, [AUTHORITY]) == []
    assert [row["shielded"] for row in place.published(0).to_pylist()].count(True) == 1


@pytest.mark.in_full
@pytest.mark.parametrize("left", [b"{}", None])
def test_a_version_whose_manifest_is_damaged_is_made_anew(
    one_night: LittleNights, tmp_path: Path, left: bytes | None
) -> None:
    place = one_night.copied_to(tmp_path)
    whole = bytes_under(place.home / "snapshots")
    manifest = place.deployment.home.snapshots(AUTHORITY) / str(place.night(0).version()) / "manifest.json"
    manifest.unlink() if left is None else manifest.write_bytes(left)
    with pytest.raises(IsindexError, match=r"STORE_DAMAGED.*--again --landing LANDING --home HOME --authority"):
        status(place.deployment.home, AUTHORITY)
    waiting = place.copied_to(tmp_path / "waiting")
    assert place.load(asked=[0]) == {0: "published"}
    assert bytes_under(place.home / "snapshots") == whole
    waiting.feeds["health"].hold(children()[0], confidentiality="S")
    waiting.deliver(1)
    assert waiting.load() == {1: "published"}
    assert protection_waits(waiting.deployment, [AUTHORITY]) == []
    assert [row["shielded"] for row in waiting.published(0).to_pylist()].count(True) == 1


@pytest.mark.in_full
def test_a_damaged_pointer_of_one_authority_fails_its_nights_and_the_others_are_loaded(
    one_night: LittleNights, tmp_path: Path
) -> None:
    place = one_night.copied_to(tmp_path)
    pointer = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    before = pointer.read_bytes()
    pointer.write_bytes(b"{}")
    place.deliver(1)
    for feed in place.feeds.values():
        feed.sequence = 0
    place.deliver(1, authority="301")
    ran = run_all(place.deployment, started_by="a test")
    assert {(each.planned.authority, each.planned.business_date, each.state) for each in ran} == {
        (AUTHORITY, day_of(0), "failed"),
        (AUTHORITY, day_of(1), "failed"),
        ("301", day_of(1), "published"),
    }
    summary = summary_of(place.deployment, [])
    assert not summary["ok"]
    told = [each for each in summary["standing"] if each["authority"] == AUTHORITY]
    assert [each["code"] for each in told] == ["STORE_DAMAGED"] * 2
    assert all("current.json" in each["reasons"][0] and "backup" in each["reasons"][0] for each in told)
    assert summary["protection_waits"] == [AUTHORITY]
    shown = CliRunner().invoke(app, ["status", "--home", str(place.home), "--json"])
    assert shown.exit_code == 1
    assert {each["authority"]: each.get("fault", {}).get("code") for each in json.loads(shown.stdout)} == {
        "301": None,
        AUTHORITY: "STORE_DAMAGED",
    }
    pointer.write_bytes(before)
    assert place.load() == {0: "published", 1: "published"}
    assert place.load() == {}
    assert summary_of(place.deployment, [])["ok"]


@pytest.mark.in_full
def test_a_pointer_that_was_put_back_makes_the_nights_run_that_it_has_forgotten(
    one_night: LittleNights, tmp_path: Path
) -> None:
    place = one_night.copied_to(tmp_path)
    pointer = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    before = pointer.read_bytes()
    place.deliver(1)
    assert place.load() == {1: "published"}
    published = bytes_under(place.home / "snapshots")
    pointer.write_bytes(before)
    assert {night: each.why for night, each in place.planned().items()} == {
        1: ("What was published last is not in force.",)
    }
    assert place.load() == {1: "published"}
    assert bytes_under(place.home / "snapshots") == published
    assert place.load() == {}


@pytest.mark.in_full
def test_where_a_pointer_that_was_put_back_leaves_out_a_night_whose_correction_is_held_the_database_follows_it(
    one_night: LittleNights, tmp_path: Path
) -> None:
    place = one_night.copied_to(tmp_path)
    pointer = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    before = pointer.read_bytes()
    place.feeds["health"].hold(children()[0], address_line_1="9 Elsewhere Row")
    place.deliver(1)
    assert place.load() == {1: "published"}
    place.renumber()
    place.deliver(1, "health")
    with few_keys_may_move():
        assert place.load() == {1: "held"}
    pointer.write_bytes(before)
    assert {night: each.why for night, each in place.planned().items()} == {
        0: ("The index database tells of a night that is not in force.",)
    }
    assert place.load() == {0: "published"}
    assert _told_by_the_database(place) == ([day_of(0)], place.night(0).version())
    assert place.load() == {}
    assert place.load(asked=[1]) == {1: "published"}
    assert _told_by_the_database(place) == ([day_of(0), day_of(1)], place.night(1).version())


@pytest.mark.parametrize("command", ["diff", "status"])
def test_a_pointer_that_is_gone_is_told_where_versions_lie(
    one_night: LittleNights, tmp_path: Path, command: str
) -> None:
    place = one_night.copied_to(tmp_path)
    pointer = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    pointer.unlink()
    done = CliRunner().invoke(
        app, [command, "--home", str(place.home), "--authority", AUTHORITY], env={"COLUMNS": "999"}
    )
    assert done.exit_code == 1
    assert "STORE_DAMAGED" in done.output and str(pointer) in done.output
    assert "Nothing is published yet" not in done.output


def _flipped(whole: bytes) -> bytes:
    """The pages are damaged, and the footer is not."""
    pages = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    return whole[:4] + bytes(255 - each for each in whole[4:pages]) + whole[pages:]


@pytest.mark.in_full
@pytest.mark.parametrize("spoil", [lambda whole: b"", lambda whole: whole[:-9], _flipped, None])
@pytest.mark.parametrize(
    "name", ["person/records", "matching/clusters", "identities/visibility", "children", "addresses"]
)
def test_a_table_that_was_damaged_is_told_by_its_path_where_people_look_at_it(
    two_nights: LittleNights, tmp_path: Path, name: str, spoil: Callable[[bytes], bytes] | None
) -> None:
    place = two_nights.copied_to(tmp_path)
    child = children()[0]
    records = [f"health:P{child.nhs}", f"health:P{children()[1].nhs}"]
    command = ["explain", *records, "--authority", AUTHORITY, "--why", "a test"]
    path = place.in_force(1).folder / f"{name}.parquet"
    if spoil is None and path.stem == "visibility":
        return  # where nobody was judged everybody is hidden
    if "/" not in name:
        version = place.deployment.home.snapshots(AUTHORITY) / str(place.night(0).version())
        command, path = ["diff", "--authority", AUTHORITY, "--from", version.name], version / f"{name}.parquet"
    command += ["--home", str(place.home), "--json"]
    whole = path.read_bytes()
    assert CliRunner().invoke(app, command).exit_code == 0
    path.unlink() if spoil is None else path.write_bytes(spoil(whole))
    done = CliRunner().invoke(app, command)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["error"]["code"], told["error"]["where"]) == (1, "STORE_DAMAGED", str(path))


def _told_by_the_database(place: LittleNights) -> tuple[list[date], str]:
    """The nights that the index database tells of, and the version it shows."""
    with place.deployment.engine.connect() as connection:
        nights = connection.scalars(select(db.night.c.business_date).order_by(db.night.c.business_date)).all()
        shown = connection.scalars(select(db.snapshot_version.c.shown).where(db.snapshot_version.c.current)).one()
    return list(nights), shown


@pytest.mark.in_full
@pytest.mark.parametrize("left", [b'{"gar', b"{}", b"[]", None])
def test_what_a_night_was_built_from_before_is_only_told(
    one_night: LittleNights, tmp_path: Path, left: bytes | None
) -> None:
    place = one_night.copied_to(tmp_path)
    inputs = place.in_force(0).folder / "inputs.json"
    inputs.unlink() if left is None else inputs.write_bytes(left)
    place.feeds["health"].hold(children()[0], address_line_1="9 Elsewhere Row")
    place.deliver(0, "health")
    assert place.load() == {0: "published"}
    assert place.load() == {}


def test_where_what_says_what_is_published_is_gone_the_status_does_not_say_that_nothing_is(
    one_night: LittleNights, tmp_path: Path
) -> None:
    place = one_night.copied_to(tmp_path)
    (place.deployment.home.snapshots(AUTHORITY) / "current.json").unlink()
    shown = CliRunner().invoke(app, ["status", "--home", str(place.home), "--json"])
    assert shown.exit_code == 1
    assert [each["fault"]["code"] for each in json.loads(shown.stdout)] == ["STORE_DAMAGED"]
    assert place.load() == {0: "published"}
    assert CliRunner().invoke(app, ["status", "--home", str(place.home), "--json"]).exit_code == 0
