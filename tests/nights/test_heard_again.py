"""A folder whose delivery was decided is heard again whenever what lies in it is other than what was heard last; and a flood is kept, and told, until it counts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.deliveries import Register, intake
from pipelines.deliveries import astray as astray_module
from pipelines.deliveries import survey as survey_module
from pipelines.nights import hearing, retention
from pipelines.nights.arrivals import look_around
from pipelines.nights.decisions import waive
from pipelines.seams import words
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights

FIRST, SECOND, THIRD = children()[2:5]
WHY: Any = {"actor": "Ruth", "reason": "seen", "at": datetime.now(UTC)}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("before"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    made.deliver(1, "education", "police", "social_care")
    return made


@pytest.fixture
def place(before: LittleNights, tmp_path: Path) -> LittleNights:
    return before.copied_to(tmp_path)


def laid(place: LittleNights, *asking: Any, number: int = 0, night: int = 1) -> Path:
    """Health delivers, and these children ask; its folder."""
    feed = place.feeds["health"]
    rows = [dict(row) for row in feed.rows.values()]
    for row in rows:
        if row["local_patient_id"] in {f"P{child.nhs}" for child in asking}:
            row["confidentiality"] = "S"
    put(place.landing, Delivery("health", day_of(night), number or feed.sequence + 1, "full", rows))
    return place.landing / AUTHORITY / "health" / day_of(night).isoformat()


def file_of(place: LittleNights, *asking: Any) -> bytes:
    """What health would deliver were these asking; the folder is as it was."""
    folder = place.landing / AUTHORITY / "health" / day_of(1).isoformat()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    data = (laid(place, *asking) / "health.csv").read_bytes()
    for path in folder.iterdir():
        path.unlink()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    return data


def shielded(place: LittleNights, child: Any) -> bool:
    night = max(each for each in (0, 1, 2) if place.night(each).version())
    version = place.published(night).to_pylist()
    folder = place.in_force(night).folder / "identities" / "identities.parquet"
    (index_id,) = {
        row["index_id"] for row in read_table(folder).to_pylist() if row["record_key"] == f"health:P{child.nhs}"
    }
    (row,) = [each for each in version if each["index_id"] == index_id]
    return bool(row["shielded"])


def told(place: LittleNights) -> list[tuple[str, int]]:
    asked = db.protection_request.c
    with place.deployment.engine.connect() as connection:
        rows = connection.execute(select(asked.delivery_id, asked.records).order_by(asked.told)).all()
    assert all(len(row[0]) <= words.DELIVERY_ID for row in rows)
    return [(row[0], row[1]) for row in rows]


def findings(place: LittleNights) -> list[str]:
    return [each.code for each in look_around(place.deployment).findings]


def as_it_is(manifest: dict[str, Any]) -> Any:
    return manifest


REFUSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "loaded": as_it_is,
    "no manifest": lambda manifest: "no manifest",
    "a contract that is none": lambda manifest: manifest | {"contract": "health/9"},
    "another agency": lambda manifest: manifest | {"agency": "police"},
    "another authority": lambda manifest: manifest | {"authority": "331"},
    "another size": lambda manifest: {**manifest, "files": [{**manifest["files"][0], "bytes": 1}]},
    "another name": lambda manifest: {**manifest, "files": [{**manifest["files"][0], "name": "patients.csv"}]},
    "a number that was used": lambda manifest: manifest | {"sequence": 1},
}


@pytest.mark.in_full
@pytest.mark.parametrize(
    "why",
    [
        each if each in ("loaded", "no manifest", "another size") else pytest.param(each, marks=pytest.mark.in_full)
        for each in REFUSED
    ],
)
def test_each_content_is_heard_once_whatever_the_delivery_was_refused_for(place: LittleNights, why: str) -> None:
    files = [file_of(place, child) for child in (FIRST, SECOND)]
    assert len(files[0]) == len(files[1])  # it differs in nothing but what is in it
    folder = laid(place)
    manifest = json.loads((folder / "manifest.json").read_text())
    spoilt = REFUSED[why](manifest)
    (folder / "manifest.json").write_text(spoilt if isinstance(spoilt, str) else json.dumps(spoilt))
    if why != "loaded":
        (folder / "health.csv").unlink()  # it is still coming
    place.load()
    state = json.loads((folder / "ack.json").read_text())["state"]
    assert state == ("loaded" if why == "loaded" else "refused")
    assert told(place) == []
    for number, data in enumerate(files, 1):
        (folder / "health.csv").write_bytes(data)
        for _ in range(2):
            place.load()
            assert [records for _, records in told(place)] == [1] * number
    assert shielded(place, FIRST) and shielded(place, SECOND) and not shielded(place, THIRD)
    assert "FILES_CHANGED" in findings(place) or why != "loaded"


@pytest.mark.in_full
def test_a_file_below_that_the_manifest_names_is_heard_again_when_it_is_another(place: LittleNights) -> None:
    files = [file_of(place, child) for child in (FIRST, SECOND)]
    folder = laid(place)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0] |= {"name": "below/health.csv", "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "below").mkdir()
    (folder / "health.csv").rename(folder / "below" / "health.csv")
    place.load()
    assert told(place) == []
    for number, data in enumerate(files, 1):
        (folder / "below" / "health.csv").write_bytes(data)
        place.load()
        assert [records for _, records in told(place)] == [1] * number


@pytest.mark.in_full
def test_what_is_as_it_was_heard_is_not_heard_again_though_more_lies_beside_it(place: LittleNights) -> None:
    folder = laid(place, FIRST)
    place.load()
    assert shielded(place, FIRST)
    once = told(place)
    (folder / "notes.txt").write_text("x\n")
    laid(place, FIRST, night=2, number=place.feeds["health"].sequence + 2)
    place.load()
    assert "FILES_CHANGED" in findings(place)
    assert [each for each in told(place) if f"/{day_of(1)}/" in each[0]] == once


@pytest.mark.others_in_full
@pytest.mark.parametrize("when", ["with it", "later"])
def test_a_file_that_no_manifest_names_is_heard_beside_a_delivery_that_loads(place: LittleNights, when: str) -> None:
    more, folder = file_of(place, SECOND), laid(place, FIRST)
    if when == "later":
        assert place.load() == {1: "published"}
    (folder / "more.csv").write_bytes(more)
    place.load()
    assert json.loads((folder / "ack.json").read_text())["state"] == "loaded"
    assert shielded(place, FIRST) and shielded(place, SECOND) and not shielded(place, THIRD)
    once = told(place)
    place.load()
    assert told(place) == once


@pytest.mark.in_full
@pytest.mark.parametrize("when", ["with it", "later"])
def test_a_flood_in_a_file_that_no_manifest_names_keeps_no_delivery_back(
    place: LittleNights, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_FLOOD_ABOVE", 2)
    more, folder = file_of(place, *children()), laid(place, FIRST)
    if when == "later":
        assert place.load() == {1: "published"}
    (folder / "more.csv").write_bytes(more)
    place.load()
    assert json.loads((folder / "ack.json").read_text())["state"] == "loaded"
    assert shielded(place, FIRST) and not shielded(place, SECOND)
    assert "FLOOD_WAITS" in findings(place)


@pytest.mark.in_full
def test_what_did_not_change_is_not_read_again(place: LittleNights, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    state = astray_module.Astray.state

    def counted(each: Any) -> str:
        read.append(each.place)
        return state(each)

    folder = laid(place, FIRST)
    (folder / "manifest.json").write_text("no manifest")
    place.load()
    monkeypatch.setattr(astray_module.Astray, "state", counted)
    monkeypatch.setattr(survey_module, "_SETTLED", -3600.0)
    monkeypatch.setattr(astray_module, "_SETTLED", -3600.0)
    look_around(place.deployment)
    assert set(read) == {f"{AUTHORITY}/health/{day_of(1)}"}
    read.clear()
    for _ in range(2):
        look_around(place.deployment)
    assert read == []
    data = (folder / "health.csv").read_bytes()
    (folder / "health.csv").write_bytes(data)
    os.utime(folder / "health.csv", (0, 0))  # also one whose writer sets the clock back
    look_around(place.deployment)
    assert read


@pytest.mark.in_full
def test_one_that_changes_while_it_is_heard_is_heard_again(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, folder = file_of(place, FIRST), laid(place)
    (folder / "manifest.json").write_text("no manifest")
    place.load()
    heard = hearing.asked_astray

    def overtaken(*given: Any) -> Any:
        found = heard(*given)
        (folder / "health.csv").write_bytes(later)
        return found

    monkeypatch.setattr(hearing, "asked_astray", overtaken)
    look_around(place.deployment)
    monkeypatch.undo()
    place.load()
    assert shielded(place, FIRST)


def test_one_that_could_not_be_read_is_told_and_heard_at_the_next_look(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "_SETTLED", -3600.0)
    monkeypatch.setattr(astray_module, "_SETTLED", -3600.0)
    later, folder = file_of(place, FIRST), laid(place)
    (folder / "manifest.json").write_text("no manifest")
    place.load()
    (folder / "health.csv").write_bytes(later)

    def broken(*given: Any) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(hearing, "asked_astray", broken)
        assert findings(place) == findings(place) == ["ASTRAY_UNHEARD"]
    place.load()
    assert findings(place) == [] and shielded(place, FIRST)


@pytest.mark.in_full
@pytest.mark.parametrize(
    "then",
    [
        "loaded",
        *(pytest.param(each, marks=pytest.mark.in_full) for each in ("held as a flood", "refused for its number")),
    ],
)
def test_each_flood_is_kept_for_itself_and_told_until_a_waiver_makes_all_count(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(intake, "_FLOOD_ABOVE", 1)
    files = [file_of(place, FIRST, SECOND), file_of(place, SECOND, THIRD)]
    number = 1 if then == "refused for its number" else place.feeds["health"].sequence + 1
    folder = laid(place, *([SECOND, THIRD] if then == "held as a flood" else []), number=number)
    right = (folder / "health.csv").read_bytes()
    if then == "loaded":
        (folder / "health.csv").write_bytes(files[0])
        place.load()
        (folder / "health.csv").write_bytes(files[1])
        place.load()
        (folder / "health.csv").write_bytes(right)
    elif then == "held as a flood":
        (folder / "health.csv").write_bytes(files[0])
        place.load()
        (folder / "health.csv").write_bytes(right)
    else:
        place.load()
        for data in files:
            (folder / "health.csv").write_bytes(data)
            place.load()
    place.load()
    kept = sorted(path.name for path in (place.home / "protection").rglob("*.flood.parquet"))
    assert len(kept) == 2
    assert told(place) == [] and not any(shielded(place, child) for child in (FIRST, SECOND, THIRD))
    (entry,) = [
        each for each in Register(place.deployment.engine).known(AUTHORITY, "health") if each.business_date == day_of(1)
    ]
    assert findings(place).count("FLOOD_WAITS") == (0 if then == "held as a flood" else 1)
    if then != "held as a flood":
        (finding,) = [each for each in look_around(place.deployment).findings if each.code == "FLOOD_WAITS"]
        assert f"--agency health --sequence {number}" in finding.remedy
    assert entry.has("PROTECTION_FLOOD") == (then == "held as a flood")
    waive(place.deployment, AUTHORITY, "health", number, **WHY)
    place.load()
    assert all(shielded(place, child) for child in (FIRST, SECOND, THIRD))
    assert "FLOOD_WAITS" not in findings(place)
    once = told(place)
    waive(place.deployment, AUTHORITY, "health", number, **WHY)
    assert told(place) == once


@pytest.mark.in_full
def test_a_flood_is_told_no_more_once_a_later_full_delivery_is_in_force(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_FLOOD_ABOVE", 1)
    crowd, folder = file_of(place, FIRST, SECOND), laid(place)
    right = (folder / "health.csv").read_bytes()
    (folder / "health.csv").write_bytes(crowd)
    place.load()
    (folder / "health.csv").write_bytes(right)
    place.load()
    assert "FLOOD_WAITS" in findings(place)
    laid(place, night=2, number=place.feeds["health"].sequence + 2)
    place.load()
    assert "FLOOD_WAITS" not in findings(place)


@pytest.mark.in_full
def test_what_a_killed_run_leaves_of_wishes_that_are_let_go_stops_no_load(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch, setting: Any
) -> None:
    laid(place, FIRST)
    place.load()
    (kept,) = (place.home / "protection").rglob("*.parquet")
    setting("ISINDEX_KEEP_NIGHTS", "1")

    def killed(*given: Any) -> None:
        raise KeyboardInterrupt

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path, **how: killed() if path == kept else unlink(path, **how))
    for night in (2, 3, 4):
        place.deliver(night)
        try:
            place.load()
        except KeyboardInterrupt:
            assert told(place) == []
    monkeypatch.undo()
    setting("ISINDEX_KEEP_NIGHTS", "1")
    place.deliver(5)
    assert place.load() == {5: "published"}
    assert not kept.exists() and retention.prune(place.deployment, AUTHORITY) == {}
