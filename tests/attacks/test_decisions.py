"""Decisions: what people decide of two records or of a shield opens nobody whom somebody else still hides, nor by one person's word.

The table is done on one home: night 0 everybody is known, night 1 who is to ask asks, then people decide, nights 2 and 3 follow. The
identity firewall is a family of its own, to be filled when it can be decided.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow.compute as pc
import pytest

from pipelines.errors import IsindexError
from pipelines.nights import decisions, protection_decisions
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.town import big_moves, heard, hidden_names, open_names
from tests.attacks.victims import KEYS, record_of
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full

Decide = Callable[[Scene], None]


def _by(actor: str) -> dict[str, object]:
    return {"actor": actor, "reason": "seen the order", "at": datetime.now(UTC)}


def _key(scene: Scene, agency: str = "health", key: str = "") -> str:
    return f"{agency}:{key or record_of(agency, scene.victim)[KEYS[agency]]}"


def _unshield(scene: Scene, key: str = "") -> int:
    return protection_decisions.unshield(scene.place.deployment, AUTHORITY, key or _key(scene), **_by("Ruth")).number  # type: ignore[arg-type]


def _confirm(scene: Scene, number: int, actor: str = "Omar") -> int:
    return protection_decisions.confirm(scene.place.deployment, AUTHORITY, number, **_by(actor)).number  # type: ignore[arg-type]


def _shield(scene: Scene) -> int:
    return protection_decisions.shield(scene.place.deployment, AUTHORITY, _key(scene), **_by("Ruth")).number  # type: ignore[arg-type]


def _pair(kind: str, scene: Scene, a: str, b: str) -> int:
    return decisions.decide(scene.place.deployment, AUTHORITY, kind, a, b, **_by("Ruth")).number  # type: ignore[arg-type]


def _undo(scene: Scene, number: int) -> None:
    decisions.take_back(scene.place.deployment, AUTHORITY, number, **_by("Ruth"))  # type: ignore[arg-type]


def _second(scene: Scene) -> str:
    return _key(scene, "health", f"HX{scene.number}")


def _with_a_second(scene: Scene) -> None:
    """Another record of the child, under another number."""
    scene.appear()
    scene.add("health", scene.victim, f"HX{scene.number}", nhs_number=scene.other(5).nhs)


def _with_a_stranger(scene: Scene) -> None:
    scene.appear()
    scene.add("health", scene.other(), f"HX{scene.number}", open_=True)


def _with_a_brother(scene: Scene) -> None:
    scene.appear()
    mine, other = scene.victim, scene.other()
    scene.add(
        "health",
        replace(other, family=mine.family, street=mine.street, code=mine.code),
        f"HX{scene.number}",
        open_=True,
    )
    scene.shared.add(mine.family)


def _one_person(scene: Scene) -> None:
    number = _unshield(scene)
    with suppress(IsindexError):
        _confirm(scene, number, " RUTH ")


def _confirm_undone(scene: Scene) -> None:
    number = _confirm(scene, _unshield(scene))
    _undo(scene, number)


def _proposal_undone(scene: Scene) -> None:
    number = _unshield(scene)
    _undo(scene, number)
    with suppress(IsindexError):
        _confirm(scene, number)


def _shielded_again(scene: Scene) -> None:
    number = _unshield(scene)
    _shield(scene)
    with suppress(IsindexError):
        _confirm(scene, number)


def _of_the_other(scene: Scene) -> None:
    with suppress(IsindexError):
        _confirm(scene, _unshield(scene, _second(scene)))


def _shield_undone(scene: Scene) -> None:
    _undo(scene, _shield(scene))


def _same_undone(scene: Scene) -> None:
    _undo(scene, _pair("same", scene, _key(scene), _second(scene)))


def _parted_and_undone(scene: Scene) -> None:
    _undo(scene, _pair("not_the_same", scene, _key(scene), _second(scene)))


def _with_an_opened_twin(scene: Scene) -> None:
    """The victim's twin is hidden as well, and is the one whom two people open; each is known to one agency."""
    scene.appear("health")
    mine = scene.victim
    twin = replace(
        scene.other(3), born=mine.born, family=mine.family, street=mine.street, code=mine.code, uprn=mine.uprn
    )
    scene.add("health", twin, f"HX{scene.number}", open_=True, confidentiality="S")
    scene.shared.add(scene.victim.family)


def _opened_and(mistake: Decide) -> Decide:
    def decide(scene: Scene) -> None:
        _confirm(scene, _unshield(scene, _second(scene)))
        scene.row("health", f"HX{scene.number}")["confidentiality"] = ""
        mistake(scene)

    return decide


def _number_of_the_other(scene: Scene) -> None:
    scene.row("health", f"HX{scene.number}")["nhs_number"] = scene.victim.nhs


def _other_number_as_its_own(scene: Scene) -> None:
    scene.row("health")["nhs_number"] = scene.other(3).nhs


@dataclass(frozen=True)
class Decided:
    """Who there is on night 0, whether the victim asks on night 1 (and goes on asking), and what people decide then."""

    start: Decide
    decide: Decide
    asks: bool = True
    goes_on: bool = False


ATTACKS = {
    "one person alone proposes to unshield": Decided(Scene.appear, lambda scene: _unshield(scene)),  # type: ignore[arg-type,return-value]
    "one person proposes and confirms": Decided(Scene.appear, _one_person),
    "a confirmation is taken back": Decided(Scene.appear, _confirm_undone),
    "a proposal that was taken back is confirmed": Decided(Scene.appear, _proposal_undone),
    "a child that goes on asking is unshielded by two": Decided(Scene.appear, lambda scene: _confirm(scene, _unshield(scene)), goes_on=True),  # type: ignore[arg-type,return-value]
    "a child is shielded by decision between proposal and confirmation": Decided(Scene.appear, _shielded_again),
    "the stranger next to it is unshielded": Decided(_with_a_stranger, _of_the_other),
    "the brother is unshielded": Decided(_with_a_brother, _of_the_other),
    "not the same as its own second record": Decided(_with_a_second, lambda scene: scene.closed.clear() or _pair("not_the_same", scene, _key(scene), _second(scene)), goes_on=True),  # type: ignore[arg-type,func-returns-value,return-value]
    "not the same, taken back": Decided(_with_a_second, _parted_and_undone),
    "not the same as the stranger": Decided(_with_a_stranger, lambda scene: _pair("not_the_same", scene, _key(scene), _second(scene))),  # type: ignore[arg-type,return-value]
    "the same as the stranger": Decided(_with_a_stranger, lambda scene: _pair("same", scene, _key(scene), _second(scene))),  # type: ignore[arg-type,return-value]
    "the same as the stranger, taken back": Decided(_with_a_stranger, _same_undone),
    "a shield by decision": Decided(Scene.appear, lambda scene: _shield(scene), asks=False),  # type: ignore[arg-type,return-value]
    "a shield by decision of one with a second record": Decided(_with_a_second, lambda scene: _shield(scene), asks=False),  # type: ignore[arg-type,return-value]
    "its twin is opened, and somebody says that they are the same": Decided(_with_an_opened_twin, _opened_and(lambda scene: _pair("same", scene, _key(scene), _second(scene)))),  # type: ignore[arg-type,return-value]
    "its twin is opened, and has its number by mistake": Decided(_with_an_opened_twin, _opened_and(_number_of_the_other)),
    "its twin is opened, and it has the twin's number by mistake": Decided(_with_an_opened_twin, _opened_and(_other_number_as_its_own)),
    "a shield by decision beside one that was asked for, taken back": Decided(Scene.appear, _shield_undone),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = LittleNights(tmp_path_factory.mktemp("decisions"))
    scenes = {name: Scene(place, 100 + 7 * number) for number, name in enumerate(ATTACKS)}
    with big_moves(), heard() as log:
        for name, scene in scenes.items():
            ATTACKS[name].start(scene)
        place.deliver(0)
        place.load()
        for name, scene in scenes.items():
            if ATTACKS[name].asks:
                scene.asks()
        place.deliver(1)
        place.load()
        for name, scene in scenes.items():
            ATTACKS[name].decide(scene)
            if ATTACKS[name].asks and not ATTACKS[name].goes_on:
                scene.quiet()
        for night in (2, 3):
            place.deliver(night)
        states = place.load()
    assert set(states.values()) == {"published"}, [place.last(night).reasons for night in states]
    haystack = Haystack.of(place.home, place.landing, place.deployment.engine, log=log.getvalue())
    shown = open_names(place)
    return {name: (scene.leaks(haystack, shown), scene) for name, scene in scenes.items()} | {
        "hidden": hidden_names(place, 3),
        "place": place,
    }


@pytest.mark.parametrize("name", ATTACKS)
def test_held(told: dict[str, object], name: str) -> None:
    leaks, scene = told[name]  # type: ignore[misc]
    assert leaks == []
    assert told["hidden"] & {scene.victim.family.casefold()}  # type: ignore[operator]


def test_nobody_else_is_hidden(told: dict[str, object]) -> None:
    table = told["place"].published(3)  # type: ignore[attr-defined]
    shown = table.filter(pc.invert(pc.or_(table["shielded"], table["withheld"])))
    assert shown.num_rows >= 8
