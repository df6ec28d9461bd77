"""What is kept of records that are gone stays when a child who is only like them is opened; two people may say that they were the child's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import IsindexError
from pipelines.nights.protection_decisions import confirm, proposal_of, unshield
from pipelines.nights.references import reference_of
from tests.attacks.attack import SHIELD, Scene
from tests.attacks.test_key_used_again import KEY, NOW, _big_moves, _holds, _is_shown, _written  # noqa: F401
from tests.attacks.test_replaced import nights
from tests.attacks.victims import Victim
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full


def _asks(place: LittleNights) -> Scene:
    """A child of whom social care alone knows, by an NHS number alone, and asks; hidden after night 0."""
    scene = Scene(place, 100)
    _written(scene, scene.victim)
    scene.row("social_care").pop("upn")
    scene.asks("social_care")
    nights(place, 0)
    return scene


def _under_her_key(scene: Scene) -> str:
    """A trace puts right the number, and the name by a letter, in one night."""
    child = scene.victim
    scene.drop("social_care")
    _written(scene, replace(child, given=child.given[:-1] + "y"), "S0100", scene.other(6).nhs)
    scene.row("social_care", "S0100").pop("upn")
    return KEY


def _anew(scene: Scene) -> str:
    """Her case is closed; by then she is known to a practice, which has her number otherwise."""
    scene.add("health", scene.victim, "HX", open_=True, nhs_number=scene.other(6).nhs)
    nights(scene.place, 1)
    scene.drop("social_care")
    return "health:HX"


def _two(scene: Scene, key: str, *, with_gone: bool) -> tuple[int, int]:
    """Two people open her; how many gone records the proposal says stay, and go."""
    deployment = scene.place.deployment
    made = unshield(deployment, AUTHORITY, key, actor="Ruth", reason="over", at=NOW, with_gone=with_gone)
    proposal = proposal_of(deployment, AUTHORITY, made.number)
    confirm(deployment, AUTHORITY, made.number, actor="Sam", reason="over", at=NOW)
    return len(proposal.gone), len(proposal.goes)


@pytest.mark.parametrize("life", [_under_her_key, _anew], ids=["under her key", "at a practice"])
def test_two_people_open_her_home_by_saying_that_what_is_gone_was_hers(
    tmp_path: Path, life: Callable[[Scene], str]
) -> None:
    scene = _asks(LittleNights(tmp_path))
    place, child = scene.place, scene.victim
    key = life(scene)
    nights(place, 2)
    assert _two(scene, key, with_gone=False) == (1, 0)
    nights(place, 3)
    assert _is_shown(scene, 3, child) == [True] and not _holds(scene, child)
    assert _two(scene, key, with_gone=True) == (0, 1)  # though she is open by now
    nights(place, 4)
    assert _is_shown(scene, 4, child) == [True] and _holds(scene, child)
    scene.add("police", child, "P1", open_=True)
    nights(place, 5)
    assert all(_is_shown(scene, 5, child))
    with pytest.raises(IsindexError) as nothing:
        _two(scene, key, with_gone=True)
    assert nothing.value.code == "CHILD_NOT_HIDDEN"


@pytest.mark.parametrize("with_gone", [False, True], ids=["the wish alone", "with where the child had lived"])
def test_two_people_end_the_wish_of_a_child_who_has_left_and_with_it_the_home(tmp_path: Path, with_gone: bool) -> None:
    scene = _asks(LittleNights(tmp_path))
    place, child, fled = scene.place, scene.victim, scene.other(5)
    scene.drop("social_care")
    tenant = replace(scene.other(6), street=child.street, code=child.code, uprn=child.uprn)
    scene.add("health", tenant, "HT", open_=True)
    nights(place, 1)
    assert _is_shown(scene, 1, tenant) == [True] and not _holds(scene, child)
    assert _two(scene, reference_of(KEY), with_gone=with_gone) == (0, int(with_gone))
    told = proposal_of(place.deployment, AUTHORITY, 1).goes
    assert [each.startswith(f"social care {reference_of(KEY)} (there until 1") for each in told] == [True] * with_gone
    nights(place, 2)
    assert _holds(scene, child) == with_gone
    _written(scene, replace(child, street=fled.street, code=fled.code, uprn=fled.uprn), "T0100")
    nights(place, 3, 4)
    assert not any(_is_shown(scene, 4, child)) and not _holds(scene, fled) and _is_shown(scene, 4, tenant) == [True]


def _elsewhere(child: Victim, home: Victim) -> Victim:
    return replace(child, street=home.street, code=home.code, uprn=home.uprn)


@pytest.mark.parametrize("alike", ["by names and birth date", "by a number, by a slip"])
def test_the_end_of_one_childs_wish_shows_no_home_of_another_who_is_hidden(tmp_path: Path, alike: str) -> None:
    """Both asked, and have left; the other one had fled before, and is known there by what is latched alone."""
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    child, refuge, like = scene.victim, scene.other(5), scene.other(1)
    other = replace(like, family=child.family, given=child.given, born=child.born, sex=child.sex)
    other = other if alike == "by names and birth date" else replace(like, family=child.family)
    _written(scene, child, number="" if alike == "by names and birth date" else other.nhs)
    _written(scene, other, "S0101")
    for key in ("", "S0101"):
        scene.row("social_care", key).update(shield=SHIELD, upn=None)
    nights(place, 0)
    scene.drop("social_care")
    scene.drop("social_care", "S0101")
    scene.add("health", _elsewhere(other, refuge), "HB", open_=True)
    scene.add("health", _elsewhere(scene.other(2), refuge), "HR", open_=True)  # who lives there, too
    nights(place, 1)
    scene.drop("health", "HB")
    nights(place, 2)
    assert not _holds(scene, refuge)
    assert _two(scene, reference_of(KEY), with_gone=True)[1] == 1  # the record that asked, and no other
    nights(place, 3)
    assert not _holds(scene, refuge)


@pytest.mark.parametrize("with_gone", [False, True], ids=["as she is", "with what is gone"])
def test_who_opens_one_side_of_a_firewall_shows_no_home_of_the_other(tmp_path: Path, with_gone: bool) -> None:
    """A practice where the birth identity had fled to was closed before the wall began, and the other records of that side are away for a night."""
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    birth, new, refuge = scene.victim, scene.other(1), scene.other(5)
    adoptive = replace(_elsewhere(birth, new), family=new.family, carer=new.carer, phone=new.phone)
    scene.add("health", _elsewhere(birth, refuge), "HO", open_=True, confidentiality="S")
    _written(scene, birth)
    scene.row("social_care").pop("upn")
    nights(place, 0)
    scene.drop("health", "HO")
    scene.add("health", _elsewhere(scene.other(2), refuge), "HR", open_=True)  # who lives there, too
    nights(place, 1)
    _written(scene, adoptive, "S0101", birth.nhs)
    scene.row("social_care", "S0101").update(firewall_from="S0100", upn=None)
    nights(place, 2)
    scene.drop("social_care")
    nights(place, 3)
    assert _two(scene, "social_care:S0101", with_gone=with_gone)[1] == 0
    nights(place, 4)
    assert not _holds(scene, refuge)
    _written(scene, birth)
    scene.row("social_care").update(upn=None)
    scene.row("social_care").pop("address")
    nights(place, 5)
    assert not any(_is_shown(scene, 5, birth)) and not _holds(scene, refuge)
