"""The town: one small authority in which the victims of most families live through the same three nights.

Belongs here: making it, once for all. Each victim has nine numbers of its own (`Scene.number`), so that no two attacks touch.
Night 0: everybody is known and open. Night 1: whoever asks, asks. Night 2: nobody asks any more.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.deliveries import intake
from pipelines.publishing.gates import volume
from pipelines.publishing.versions import versions_there
from pipelines.tables import read_table
from tests.attacks.attack import Attack, Scene
from tests.attacks.search import Haystack
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

__all__ = ["NIGHTS", "Town", "big_moves", "heard", "hidden_names", "open_names", "town_of"]

NIGHTS = 3


@dataclass
class Town:
    """A place after its nights, what its attacks were done on, and all that is found in it."""

    place: LittleNights
    scenes: dict[str, Scene]
    states: dict[int, str]
    haystack: Haystack
    open_names: dict[str, set[str]]
    hidden_names: set[str]


def town_of(folder: Path, attacks: Sequence[Attack]) -> Town:
    """Let all attacks be done in the same nights."""
    place = LittleNights(folder)
    scenes = {str(attack): Scene(place, 100 + 7 * number) for number, attack in enumerate(attacks)}
    assert len(scenes) == len(attacks), "two attacks have one name"
    states: dict[int, str] = {}
    with big_moves(), heard() as log:
        for night in range(NIGHTS):
            for attack in attacks:
                if night in attack.nights:
                    attack.nights[night](scenes[str(attack)])
            place.deliver(night)
            states |= place.load()
            assert states[night] == "published", place.last(night).reasons
    haystack = Haystack.of(place.home, place.landing, place.deployment.engine, log=log.getvalue())
    return Town(place, scenes, states, haystack, open_names(place), hidden_names(place, NIGHTS - 1))


@contextmanager
def big_moves() -> Iterator[None]:
    """Gates of volume and the limit of a flood are made for larger towns: here nearly everybody moves, and many ask."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "CHILDREN_LOST_LEAST",
            "IDENTITIES_MOVED_LEAST",
            "INDEX_IDS_MOVED_LEAST",
            "KEYS_MOVED_LEAST",
            "SET_ASIDE_LEAST",
        ):
            patch.setattr(volume, name, 100_000)
        patch.setattr(intake, "_FLOOD_ABOVE", 100_000)
        yield


@contextmanager
def heard() -> Iterator[io.StringIO]:
    """All that is logged, at any level."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def open_names(place: LittleNights) -> dict[str, set[str]]:
    """The words of the names of all children who are not hidden, by the version (or database) that shows them."""
    found = {}
    root = place.deployment.home.snapshots(AUTHORITY)
    for version in versions_there(place.deployment.home, AUTHORITY):
        children, names = (read_table(root / version / f"{name}.parquet") for name in ("children", "names"))
        shown = children.filter(pc.invert(pc.or_(children["shielded"], children["withheld"])))
        mine = names.filter(pc.is_in(names["index_id"], value_set=shown["index_id"].combine_chunks()))
        found[version] = _words(shown.to_pylist()) | _words(mine.to_pylist())
    with place.deployment.engine.connect() as connection:
        table = db.INDEX_TABLES["children"]
        rows = connection.execute(select(table).where(~(table.c.shielded | table.c.withheld))).mappings().all()
        ids = {row["index_id"] for row in rows}
        names = connection.execute(select(db.INDEX_TABLES["names"])).mappings().all()
    found["database"] = _words(rows) | _words([row for row in names if row["index_id"] in ids])
    return found


def hidden_names(place: LittleNights, night: int) -> set[str]:
    """The words of the names of all children who are hidden in the night's version."""
    table = place.published(night)
    return _words(table.filter(pc.or_(table["shielded"], table["withheld"])).to_pylist())


def _words(rows) -> set[str]:  # type: ignore[no-untyped-def]
    texts = (row[name] for row in rows for name in ("family_name", "given_names"))
    return {word for text in texts if text for word in text.casefold().replace("-", " ").split()}
