"""The index database is put back by itself to what it was: whoever was to be hidden since stays hidden, and nobody goes on from it by accident."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.audit import accept_lost, append, lost_entries, prove, writing
from pipelines.errors import IsindexError
from pipelines.nights.protection_decisions import shield
from pipelines.nights.protective import protect_at_once
from pipelines.tables import write_table
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.test_replaced import nights
from tests.attacks.town import big_moves
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights, broken_in

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
pytestmark = pytest.mark.one_database


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two nights, a look at a child, and a copy of the database as it is after them."""
    made = Scene(LittleNights(tmp_path), 100)
    made.appear("health", "education")
    nights(made.place, 0, 1)
    with writing(made.place.deployment) as connection:
        append(connection, "child", actor="Ruth", why="a referral")
    made.place.deployment.engine.dispose()
    shutil.copy(made.place.home / "index.db", made.place.home.parent / "backup.db")
    return made


def put_back(place: LittleNights) -> None:
    place.deployment.engine.dispose()
    for each in place.home.glob("index.db*"):
        each.unlink()
    shutil.copy(place.home.parent / "backup.db", place.home / "index.db")


def is_nowhere(scene: Scene) -> bool:
    """Whether the child's home is found nowhere in what is published."""
    hay = Haystack.of(scene.place.home, scene.place.landing, scene.place.deployment.engine)
    return not [where for where in hay.where(scene.victim.code, "home") if "snapshots/" in where]


@pytest.mark.in_full
@pytest.mark.parametrize("how", ["a night that failed", "a refused delivery"])
def test_what_was_asked_for_since_counts_again(scene: Scene, how: str) -> None:
    place = scene.place
    scene.asks("health")
    if how == "a night that failed":
        place.deliver(2)
    else:
        place.deliver(2, "health", fault="checksum")
        place.deliver(2, "education", "police", "social_care")
    assert place.load(before=broken_in("links"))[2] == "failed"
    assert is_nowhere(scene)
    scene.quiet("health")
    put_back(place)
    shutil.rmtree(place.landing / AUTHORITY)
    nights(place, 3)
    assert is_nowhere(scene)


def nothing(audit: Path) -> None:
    """What the home keeps of the audit is as it was."""


def head_damaged(audit: Path) -> None:
    (audit / "head.json").write_text("{}")


def head_gone(audit: Path) -> None:
    (audit / "head.json").unlink()


def both_damaged(audit: Path) -> None:
    (audit / "head.json").write_text("{}")
    (audit / "reached.json").write_text("[]")


def all_gone(audit: Path) -> None:
    for path in audit.glob("*.json"):
        path.unlink()


@pytest.mark.in_full
@pytest.mark.parametrize(
    "also", [nothing, head_damaged, head_gone, both_damaged, all_gone], ids=lambda each: each.__name__
)
def test_from_a_database_without_what_was_decided_since_nothing_is_built(
    scene: Scene, also: Callable[[Path], None]
) -> None:
    place = scene.place
    known = also not in (both_damaged, all_gone)
    shield(place.deployment, AUTHORITY, "health:HK100", actor="Ruth", reason="an order", at=NOW)
    assert place.load(before=broken_in("links")) == {1: "failed"}
    assert is_nowhere(scene)
    put_back(place)
    also(place.home / "audit")
    assert lost_entries(place.deployment) == (1 if known else None)
    place.deliver(2)
    assert place.load() == {2: "failed"} and place.last(2).code == "DATABASE_OLDER"
    with pytest.raises(IsindexError, match="DATABASE_OLDER"):
        protect_at_once(place.deployment, AUTHORITY)
    assert is_nowhere(scene)
    assert accept_lost(place.deployment, actor="Omar", reason="the disk was lost") == (1 if known else None)
    assert lost_entries(place.deployment) == 0
    with pytest.raises(IsindexError, match="NOTHING_LOST"):
        accept_lost(place.deployment, actor="Omar", reason="once more")
    with pytest.raises(IsindexError, match="AUDIT_BROKEN"):
        prove(place.deployment)
    shield(place.deployment, AUTHORITY, "health:HK100", actor="Ruth", reason="an order", at=NOW)
    assert set(place.load().values()) == {"published"}
    assert is_nowhere(scene)


def test_an_entry_that_is_just_made_is_no_loss(scene: Scene) -> None:
    shield(scene.place.deployment, AUTHORITY, "health:HK100", actor="Ruth", reason="an order", at=NOW)
    assert lost_entries(scene.place.deployment) == 0


@pytest.mark.in_full
def test_what_somebody_puts_beside_what_was_asked_for_stops_no_night(scene: Scene) -> None:
    place = scene.place
    folder = place.home / "protection" / AUTHORITY / "health"
    scene.asks("health")
    nights(place, 2)
    (kept,) = folder.rglob("*.parquet")
    foreign = pa.table({"wish": ["a table of somebody else's"]})
    for name in ("2026-11-20/copy.parquet", "2026-11-20/._1-0a1b2c3d4e5f.parquet", "old/1-0a1b2c3d4e5f.parquet"):
        (folder / name).parent.mkdir(exist_ok=True)
        write_table(foreign, folder / name)
    (folder / "2026-11-20" / "copy of it.parquet").write_bytes(kept.read_bytes()[:100])
    nights(place, 3)
    for path in folder.rglob("*.parquet"):
        if path != kept:
            path.unlink()
    nights(place, 4)
    assert is_nowhere(scene)
