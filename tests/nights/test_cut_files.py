"""A file of the home that was cut short is told by code, place and remedy; never by a fault of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import IsindexError
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights, bytes_under


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("one-night"))
    place.deliver(0)
    assert place.load() == {0: "published"}
    return place


@pytest.mark.parametrize(
    "name",
    [
        "snapshots/{authority}/current.json",
        "nights/{authority}/protected.json",
        "{attempt}/inputs.json",
        "{attempt}/sealed.json",
        "{attempt}/feeds.json",
    ],
)
@pytest.mark.parametrize("left", [b"", b'{"gar'])
def test_a_file_that_was_cut_short_is_told_by_its_code_and_place(
    one_night: LittleNights, tmp_path: Path, name: str, left: bytes
) -> None:
    place = one_night.copied_to(tmp_path)
    attempt = place.in_force(0).folder.relative_to(place.home)
    cut = place.home / name.format(authority=AUTHORITY, version=place.night(0).version(), attempt=attempt)
    cut.write_bytes(left)
    place.deliver(1)
    try:
        assert place.load() == {1: "failed"}
    except IsindexError as fault:
        code, told = fault.code, str(fault)
    else:
        code, told = place.last(1).code, place.last(1).reasons[0]
    assert code in ("STORE_DAMAGED", "BASE_DAMAGED")
    assert cut.name in told
    assert "gar" not in told


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
