"""A delivery that is refused for its manifest or for its files is read for what it asks to be protected."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from pipelines.deliveries.found import FoundDelivery
from pipelines.nights.arrivals import look_around
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights

CHILD = children()[2]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("before"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def says(**words: Any) -> Callable[[dict[str, Any], Path], Any]:
    return lambda told, folder: told | words


def renamed(told: dict[str, Any], folder: Path) -> Any:
    (folder / "health.csv").rename(folder / "HEALTH.CSV")
    return told


def elsewhere(told: dict[str, Any], folder: Path) -> Any:
    told["files"][0]["name"] = "../2026-11-19/health.csv"
    return told


def two_files(told: dict[str, Any], folder: Path) -> Any:
    (folder / "another.csv").write_text("x\n")
    return "{"


def linked(told: dict[str, Any], folder: Path) -> Any:
    (folder / "health.csv").rename(folder.parent / "health.csv")
    (folder / "health.csv").symlink_to(folder.parent / "health.csv")
    return told


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("spoil", "heard"),
    [
        (says(created_at="x"), True), (says(contract="health/9"), True), (says(authority="331"), True), (says(agency="police"), True),
        (says(business_date="2026-12-31"), True), (says(mode="Full"), True), (lambda told, folder: "{", True), (renamed, True),
        (elsewhere, True), (says(files=[]), True), (two_files, True), (linked, False),
    ],
)  # fmt: skip
def test_what_it_asks_counts_where_its_files_can_be_told(
    before: LittleNights, tmp_path: Path, spoil: Callable[[dict[str, Any], Path], Any], heard: bool
) -> None:
    place = before.copied_to(tmp_path)
    feed = place.feeds["health"]
    rows = [dict(row) for row in feed.rows.values()]
    next(row for row in rows if row["local_patient_id"] == f"P{CHILD.nhs}")["confidentiality"] = "S"
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 1, "full", rows))
    folder = place.landing / AUTHORITY / "health" / day_of(1).isoformat()
    told = spoil(json.loads((folder / "manifest.json").read_text()), folder)
    (folder / "manifest.json").write_text(told if isinstance(told, str) else json.dumps(told))
    place.load()
    assert json.loads((folder / "ack.json").read_text())["state"] == "refused"
    night = max(each for each in (0, 1) if place.night(each).version())
    assert bool(pc.any(place.published(night)["shielded"]).as_py()) == heard


def half_an_upload(told: dict[str, Any], folder: Path) -> Any:
    packed = gzip.compress((folder / "health.csv").read_bytes())
    (folder / "health.csv").unlink()
    (folder / "first.csv.gz").write_bytes(packed[:-8] + bytes(8))
    (folder / "readme.md").write_text("Two files, shielded: S\n")
    return told | {"files": [told["files"][0] | {"name": name} for name in ("first.csv.gz", "second.csv")]}


def in_capitals(told: dict[str, Any], folder: Path) -> Any:
    head, rows = (folder / "health.csv").read_bytes().split(b"\n", 1)
    data = head.upper() + b"\n" + rows
    (folder / "health.csv").write_bytes(data)
    [file] = told["files"]
    return told | {"files": [file | {"sha256": hashlib.sha256(data).hexdigest()}]}


@pytest.mark.in_full
@pytest.mark.parametrize("spoil", [half_an_upload, in_capitals])
def test_a_child_is_hidden_though_half_of_an_upload_is_missing_and_the_other_damaged_or_its_header_is_another(
    before: LittleNights, tmp_path: Path, spoil: Callable[[dict[str, Any], Path], Any]
) -> None:
    test_what_it_asks_counts_where_its_files_can_be_told(before, tmp_path, spoil, True)


def moved(name: str) -> Callable[[Path], Any]:
    return lambda folder: folder.rename(folder.parent / name)


def misnamed(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "manifest.json").rename(folder / name)


def nobodys(folder: Path) -> None:
    (folder.parents[1] / "helth").mkdir()
    folder.rename(folder.parents[1] / "helth" / folder.name)


def moved_with_another(folder: Path) -> None:
    (folder / "another.csv").write_text("x\n")
    (folder / "manifest.json").write_text("{")
    folder.rename(folder.parent / "2026-11-31")


def moved_and_linked(folder: Path) -> None:
    linked({}, folder)
    folder.rename(folder.parent / "2026-11-31")


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("spoil", "heard"),
    [
        (moved("2025-11-19"), True),
        (moved("2026-11-31"), True), (moved("20261119"), True), (moved("19-11-2026"), True), (moved("2062-11-19"), True), (moved("1026-11-19"), True),
        (misnamed("Manifest.JSON"), True), (misnamed("MANIFEST.json"), True), (misnamed("manifest.json.txt"), True),
        (nobodys, False), (moved_with_another, True), (moved_and_linked, False),
    ],
)  # fmt: skip
def test_what_lies_under_an_impossible_date_or_a_misnamed_manifest_is_heard_once(
    before: LittleNights, tmp_path: Path, spoil: Callable[[Path], Any], heard: bool
) -> None:
    place = before.copied_to(tmp_path)
    feed = place.feeds["health"]
    rows = [dict(row) for row in feed.rows.values()]
    next(row for row in rows if row["local_patient_id"] == f"P{CHILD.nhs}")["confidentiality"] = "S"
    put(place.landing, Delivery("health", day_of(1), feed.sequence + 1, "full", rows))
    spoil(place.landing / AUTHORITY / "health" / day_of(1).isoformat())
    assert place.load() == ({0: "published"} if heard else {})
    assert bool(pc.any(place.published(0)["shielded"]).as_py()) == heard
    assert place.load() == {}
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert bool(pc.any(place.published(1)["shielded"]).as_py()) == heard
    kept = [path.read_bytes() for path in (place.home / "protection").rglob("*.parquet")]
    assert not [each for each in kept if CHILD.nhs.encode() in each or CHILD.family.encode() in each]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (OSError(5, "Input/output error"), "DISK_FAULTY"), (PermissionError(13, "closed"), "ACCESS_DENIED"),
        (MemoryError(), "MEMORY_SHORT"), (ValueError("Alice"), "STAGE_FAILED"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("works", [0, 1])
def test_a_folder_that_could_not_be_read_is_told_and_heard_at_the_next_look_and_the_others_at_once(
    before: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, reason: str, works: int
) -> None:
    place = before.copied_to(tmp_path)
    for agency, ask in (("health", {"confidentiality": "S"}), ("social_care", {"shield": True})):
        feed = place.feeds[agency]
        rows = [dict(row) for row in feed.rows.values()]
        rows[2] |= ask
        put(place.landing, Delivery(agency, day_of(1), feed.sequence + 1, "full", rows))
        folder = place.landing / AUTHORITY / agency / day_of(1).isoformat()
        (folder / "another.txt").write_text("x\n")
        moved("2026-11-31")(folder)
    opened, calls = FoundDelivery.opened, []

    def broken(found: FoundDelivery, name: str) -> Any:
        it = found.agency == "health" and bool(found.named)
        calls.extend([name] if it else [])
        if it and len(calls) > works:
            raise fault
        return opened(found, name)

    def told() -> dict[str, str]:
        found = look_around(place.deployment).findings
        return {each.place: each.message for each in found if each.code == "ASTRAY_UNHEARD"}

    def heard() -> int:
        return len(list((place.home / "protection").rglob("*.parquet")))

    had = heard()
    monkeypatch.setattr(FoundDelivery, "opened", broken)
    for _ in range(2):
        calls.clear()
        said = told()
        assert list(said) == [f"{AUTHORITY}/health/2026-11-31"]
        assert reason in said[f"{AUTHORITY}/health/2026-11-31"]
        assert heard() == had + 1
    monkeypatch.setattr(FoundDelivery, "opened", opened)
    assert (told(), heard()) == ({}, had + 2)
