"""Two people open a namesake of a hidden child: the child herself stays hidden, whatever becomes of her records before, with, and after that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.nights.decisions import decide, take_back
from pipelines.nights.protection_decisions import confirm, unshield
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.test_replaced import nights
from tests.attacks.town import big_moves
from tests.attacks.victims import Victim, record_of
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield


@dataclass
class Life:
    """A hidden child whom social care has asked for and a school knows, and her namesake, a contact of the police; both are hidden after night 0."""

    scene: Scene
    decision: int = 0

    def begins(self, *, school: bool, part: bool) -> None:
        scene = self.scene
        child = scene.victim
        scene.appear("social_care")
        scene.row("social_care")["nhs_number"] = child.nhs
        scene.asks("social_care")
        if school:
            scene.appear("education")
        other = replace(scene.other(3), family=child.family, given=child.given, born=child.born, sex=child.sex)
        scene.add("health", other, "HX", open_=True)
        nights(scene.place, 0)
        if part:
            self.decision = decide(
                scene.place.deployment, AUTHORITY, "not_the_same", "health:HX", "social_care:S0100",
                actor="Ruth", reason="another child", at=NOW,
            ).number  # fmt: skip
            scene.place.load()

    def opens(self) -> None:
        deployment = self.scene.place.deployment
        made = unshield(deployment, AUTHORITY, "health:HX", actor="Ruth", reason="another child", at=NOW)
        confirm(deployment, AUTHORITY, made.number, actor="Sam", reason="another child", at=NOW)

    def at(self, home: Victim) -> Victim:
        """The child at another home."""
        return replace(self.scene.victim, street=home.street, code=home.code, uprn=home.uprn)


def _her_record_goes(life: Life) -> None:
    life.scene.drop("social_care")


def _her_key_is_renewed(life: Life) -> None:
    life.scene.drop("social_care")
    life.scene.add("social_care", life.scene.victim, "T0100", open_=True, nhs_number=life.scene.victim.nhs)


def _the_word_is_taken_back(life: Life) -> None:
    take_back(life.scene.place.deployment, AUTHORITY, life.decision, actor="Ruth", reason="a slip", at=NOW)
    life.scene.quiet("social_care")


def _they_are_called_the_same(life: Life) -> None:
    _the_word_is_taken_back(life)
    decide(
        life.scene.place.deployment,
        AUTHORITY,
        "same",
        "health:HX",
        "social_care:S0100",
        actor="Ruth",
        reason="one",
        at=NOW,
    )


def _shown(life: Life, night: int) -> list[bool]:
    """Of the rows of her name in a night's version, whether each is open."""
    rows = life.scene.place.published(night).to_pylist()
    mine = [row for row in rows if (row["family_name"] or "").casefold() == life.scene.victim.family.casefold()]
    return [not (row["shielded"] or row["withheld"]) for row in mine]


def _is_nowhere(life: Life, home: Victim) -> bool:
    place = life.scene.place
    hay = Haystack.of(place.home, place.landing, place.deployment.engine)
    return not [where for where in hay.where(home.code, "home") if "snapshots/" in where or "table" in where]


_PARTED = (_her_record_goes, _her_key_is_renewed, _the_word_is_taken_back, _they_are_called_the_same)
_NOT_PARTED = (_her_record_goes, _her_key_is_renewed)


@pytest.mark.parametrize(
    ("then", "part"),
    [*((each, True) for each in _PARTED), *((each, False) for each in _NOT_PARTED)],
    ids=lambda each: each.__name__.strip("_") if callable(each) else ("parted by a reviewer" if each else "not parted"),
)
def test_between_the_confirmation_and_the_load(tmp_path: Path, then: Callable[[Life], None], part: bool) -> None:
    life = Life(Scene(LittleNights(tmp_path), 100))
    life.begins(school=True, part=part)
    nights(life.scene.place, 1)
    life.opens()
    then(life)
    nights(life.scene.place, 2, 3)
    assert _is_nowhere(life, life.scene.victim)


@pytest.mark.parametrize("back", ["under its own key", "under another key", "at a practice", "at a school"])
def test_when_she_comes_back_after_all_her_records_were_gone(tmp_path: Path, back: str) -> None:
    life = Life(Scene(LittleNights(tmp_path), 100))
    scene, fled = life.scene, life.scene.other(5)
    life.begins(school=False, part=True)
    scene.drop("social_care")
    nights(scene.place, 1)
    life.opens()
    nights(scene.place, 2)
    where = {"under its own key": ("social_care", ""), "under another key": ("social_care", "T0100"),
             "at a practice": ("health", "HN"), "at a school": ("education", "")}[back]  # fmt: skip
    scene.add(where[0], life.at(fled), where[1], open_=True)
    nights(scene.place, 3, 4)
    assert _is_nowhere(life, fled)


def test_when_nobody_has_parted_the_two_and_she_comes_back(tmp_path: Path) -> None:
    """The latch of a record that is gone, and was not the namesake's, stays, and spares the namesake."""
    life = Life(Scene(LittleNights(tmp_path), 100))
    scene, fled = life.scene, life.scene.other(5)
    life.begins(school=False, part=False)
    scene.drop("social_care")
    nights(scene.place, 1)
    life.opens()
    nights(scene.place, 2)
    assert _shown(life, 2) == [True]
    scene.add("social_care", life.at(fled), "T0100", open_=True)
    nights(scene.place, 3, 4)
    assert _is_nowhere(life, fled) and not any(_shown(life, 4))


@pytest.mark.parametrize("goes", ["before", "in the night of the opening"])
def test_when_the_record_that_parted_them_has_gone(tmp_path: Path, goes: str) -> None:
    """Reviewers have parted her from the namesake's school record; another record of the namesake is opened."""
    life = Life(Scene(LittleNights(tmp_path), 100))
    scene, fled = life.scene, life.scene.other(5)
    life.begins(school=False, part=False)
    other = replace(
        scene.other(3),
        family=scene.victim.family,
        given=scene.victim.given,
        born=scene.victim.born,
        sex=scene.victim.sex,
    )
    scene.add("education", other, open_=True)
    nights(scene.place, 1)
    decide(
        scene.place.deployment, AUTHORITY, "not_the_same", f"education:{other.upn}/167590", "social_care:S0100", actor="Ruth", reason="another", at=NOW,
    )  # fmt: skip
    scene.place.load()
    scene.drop("social_care")
    if goes != "in the night of the opening":
        scene.drop("education", other.upn)
    nights(scene.place, 2)
    life.opens()
    if goes == "in the night of the opening":
        scene.drop("education", other.upn)
    nights(scene.place, 3)
    scene.add("social_care", life.at(fled), "T0100", open_=True)
    nights(scene.place, 4, 5)
    assert _is_nowhere(life, fled)


def test_when_the_word_is_taken_back_after_the_opening(tmp_path: Path) -> None:
    life = Life(Scene(LittleNights(tmp_path), 100))
    scene, fled = life.scene, life.scene.other(5)
    life.begins(school=False, part=True)
    scene.drop("social_care")
    nights(scene.place, 1)
    life.opens()
    nights(scene.place, 2)
    take_back(scene.place.deployment, AUTHORITY, life.decision, actor="Ruth", reason="a slip", at=NOW)
    scene.place.load()
    scene.add("social_care", life.at(fled), "T0100", open_=True)
    nights(scene.place, 3, 4)
    assert _is_nowhere(life, fled)


@pytest.mark.parametrize("key", ["stays", "is given to her"])
def test_when_the_namesakes_record_becomes_hers_in_the_night_of_the_opening(tmp_path: Path, key: str) -> None:
    life = Life(Scene(LittleNights(tmp_path), 100))
    scene, fled = life.scene, life.scene.other(5)
    life.begins(school=False, part=False)
    scene.drop("social_care")
    nights(scene.place, 1)
    life.opens()
    if key == "stays":
        row = scene.row("health", "HX")
        row["nhs_number"] = scene.victim.nhs
        row |= {
            name: value
            for name, value in record_of("health", life.at(fled)).items()
            if name in row and ("address" in name or "postcode" in name)
        }
    else:
        scene.drop("health", "HX")
        scene.add("health", life.at(fled), "HX", open_=True)
    nights(scene.place, 2, 3)
    assert _is_nowhere(life, fled)


def test_the_namesake_is_open_while_she_is_there(tmp_path: Path) -> None:
    life = Life(Scene(LittleNights(tmp_path), 100))
    life.begins(school=True, part=True)
    nights(life.scene.place, 1)
    assert _shown(life, 1) == [False, False]
    life.opens()
    nights(life.scene.place, 2, 3)
    assert sorted(_shown(life, 3)) == [False, True] and _is_nowhere(life, life.scene.victim)
