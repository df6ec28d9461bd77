"""Storage: a child who was shown for nights is found nowhere once it is hidden, nor in what a run that was killed has left.

One home: nights 0 and 1 show everybody, a version of them is on hold, leftovers of killed runs lie about; on night 2 the victims ask,
and night 3 comes without the marks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import pytest

from pipelines.nights import decisions
from pipelines.nights.lock import alone
from pipelines.nights.retention import sweep
from pipelines.publishing.versions import versions_there
from pipelines.tables import read_table
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.town import big_moves, heard, open_names
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full

# what a run that was killed has left, as the place where it lies and what it was a copy of, both below the home
_LEFT = {
    "half a version": ("snapshots/330/.staging-killed", "snapshots/330/v=*"),
    "half a version made less": ("nights/330/2026-11-19/attempts/*/.less.part", "snapshots/330/v=*"),
    "half a table of a night": ("nights/330/2026-11-19/attempts/*/snapshot/.addresses.parquet.x.part", "snapshots/330/v=*/addresses.parquet"),
    "a night's copy of its version": ("nights/330/2026-11-19/attempts/*/snapshot/addresses.parquet", "snapshots/330/v=*/addresses.parquet"),
    "half a stored delivery": ("deliveries/330/health/2026-11-19/.seq=2-killed.x", "deliveries/330/health/2026-11-19/seq=*"),
}  # fmt: skip
PLACES = {
    "versions": "home/snapshots/*",
    "what is said of versions that went": "home/snapshots/*/tombstones/*",
    "stored deliveries": "home/deliveries/*",
    "what was asked": "home/protection/*",
    "folders of nights": "home/nights/*",
    "traces of what was shown": "home/nights/*/shown/*",
    "verdicts of gates": "home/nights/*/snapshot/*",
    "tables of the database": "database/*",
    "the files of the database": "home/index.db*",
    "pages that people read": "home/reports/*",
    "answers to suppliers": "landing/*",
    "the log": "log",
    "names of files": "names of files",
}  # fmt: skip


@dataclass
class Stored:
    """The place, its victim, and all that is found in the end."""

    place: LittleNights
    scene: Scene
    haystack: Haystack
    left: dict[str, bool]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> Stored:
    place = LittleNights(tmp_path_factory.mktemp("storage"), database)
    scene = Scene(place, 100)
    with big_moves(), heard() as log:
        scene.appear()
        for night in range(2):
            place.deliver(night)
            place.load()
        before = Haystack.of(place.home, place.landing, place.deployment.engine)
        assert before.where(scene.victim.uprn, "home"), "the child was shown"
        (first, _) = sorted(versions_there(place.deployment.home, AUTHORITY))
        decisions.hold(place.deployment, AUTHORITY, first, actor="Ruth", reason="court", at=datetime.now(UTC))
        left = {name: _leave(place, *where) for name, where in _LEFT.items()}
        with alone(place.deployment, AUTHORITY):
            sweep(place.deployment, AUTHORITY)  # as every run begins
        scene.asks()
        place.deliver(2)
        place.load()
        scene.quiet()
        place.deliver(3)
        place.load()
    haystack = Haystack.of(place.home, place.landing, place.deployment.engine, log=log.getvalue())
    return Stored(place, scene, haystack, {name: any(place.home.glob(_LEFT[name][0])) for name in left})


def _leave(place: LittleNights, where: str, like: str) -> None:
    source = sorted(place.home.glob(like))[-1]
    parent, _, name = where.rpartition("/")
    (folder,) = place.home.glob(parent)
    target = folder / name
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    os.utime(target, (0, 0))


@pytest.mark.parametrize("where", PLACES)
def test_nothing_is_found(stored: Stored, where: str) -> None:
    for kind, value in stored.scene.silent:
        assert [found for found in stored.haystack.where(value, kind) if fnmatchcase(found, PLACES[where])] == [], kind


@pytest.mark.parametrize("what", _LEFT)
def test_what_was_left_is_gone(stored: Stored, what: str) -> None:
    assert not stored.left[what]


def test_the_child_is_open_nowhere(stored: Stored) -> None:
    assert stored.scene.leaks(stored.haystack, open_names(stored.place)) == []


_CONTROL: dict[str, Callable[[Stored], object]] = {
    "a neighbour is shown in every version": lambda stored: all(
        "3 Vickogarth Road, Birmingham" in read_table(stored.place.deployment.home.snapshots(AUTHORITY) / version / "addresses.parquet")["address"].to_pylist()
        for version in versions_there(stored.place.deployment.home, AUTHORITY)
    ),
    "a neighbour is found in the database": lambda stored: "database/child_address" in stored.haystack.where("3 Vickogarth Road", "home"),
    "the child is found where records are worked on": lambda stored: any("/person/" in where for where in stored.haystack.everywhere(stored.scene.victim.uprn)),
}  # fmt: skip


@pytest.mark.parametrize("what", _CONTROL)
def test_the_search_would_find_it(stored: Stored, what: str) -> None:
    assert _CONTROL[what](stored)
