"""What is told of versions made less or removed counts each child once, for its own reason: hidden, at a firewall, at a hidden home."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.command.load import protective_told
from pipelines.nights.protection_decisions import shield
from pipelines.nights.protective import Protective, protect_in_any_case, taken_away
from pipelines.publishing.tombstones import Counted
from pipelines.reporting.taken import showed_of
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, few_keys_may_move
from tests.nights.test_firewall import joined, wall

__all__ = ["joined"]
pytestmark = pytest.mark.one_database

CHILD, BROTHER, OTHER = children()[3], children()[1], children()[2]
HOME = {"health": "postcode", "education": "Postcode"}


@pytest.fixture(scope="module")
def a_home_of_two(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights on which nobody is hidden; the brother lives where the child does."""
    made = LittleNights(tmp_path_factory.mktemp("counted"))
    for agency, postcode in HOME.items():
        made.feeds[agency].hold(replace(BROTHER, street=CHILD.street), **{postcode: CHILD.postcode})
    for night in (0, 1):
        made.deliver(night)
    assert set(made.load().values()) == {"published"}
    return made


def must_be_hidden(place: LittleNights, nhs: str) -> None:
    why = {"actor": "Ruth", "reason": "she said so", "at": datetime.now(UTC)}
    shield(place.deployment, AUTHORITY, f"health:P{nhs}", **why)


def load(place: LittleNights) -> list[Protective]:
    """What the load took away."""
    before = taken_away(place.deployment, AUTHORITY)
    place.load()
    protect_in_any_case(place.deployment, AUTHORITY)
    return [each for each in taken_away(place.deployment, AUTHORITY) if each not in before]


def numbers(each: Protective) -> Counted:
    return Counted(each.children, each.walled, each.homes, each.opened)


def test_who_loses_an_address_is_not_told_as_a_child_who_must_be_hidden(
    a_home_of_two: LittleNights, tmp_path: Path
) -> None:
    place = a_home_of_two.copied_to(tmp_path)
    must_be_hidden(place, CHILD.nhs)
    told = load(place)
    assert {each.shown is None for each in told} == {True, False}, "one was removed, one made less"
    for each in told:
        assert numbers(each) == Counted(children=1, homes=1), each
        words = protective_told(vars(each))
        assert "1 child who must be hidden" in words and "1 child at the home of a hidden one" in words


@pytest.mark.in_full
def test_a_version_that_is_made_less_again_tells_what_it_lost_since(
    a_home_of_two: LittleNights, tmp_path: Path
) -> None:
    place = a_home_of_two.copied_to(tmp_path)
    told = []
    for each in (CHILD, OTHER):
        must_be_hidden(place, each.nhs)
        told += [each for each in load(place) if each.business_date == day_of(0)]
    assert [numbers(each) for each in told if each.shown] == [Counted(1, homes=1), Counted(1)]


def test_the_sides_of_a_firewall_are_told_apart_from_children_who_must_be_hidden(
    joined: LittleNights, tmp_path: Path
) -> None:
    place = joined.copied_to(tmp_path)
    wall(place)
    told = load(place)
    assert told
    for each in told:
        assert (each.children, each.homes) == (0, 0) and each.walled, each
        assert "at a firewall" in (words := protective_told(vars(each))) or "of a firewall" in words


@pytest.mark.in_full
def test_a_side_of_a_firewall_that_no_night_was_built_with_is_told_apart_and_who_must_be_hidden_besides_is_not(
    joined: LittleNights, tmp_path: Path
) -> None:
    place = joined.copied_to(tmp_path)
    wall(place)
    must_be_hidden(place, OTHER.nhs)
    place.renumber()
    place.deliver(2)
    with few_keys_may_move():
        told = load(place)
    assert told and {each.children for each in told} == {1} and all(each.walled for each in told)


def test_a_version_that_was_removed_says_whom_it_showed_each_kind_by_itself() -> None:
    assert showed_of(1, 2, 2) == (
        "1 child who must be hidden by now, 2 children on the sides of a firewall and "
        "2 children at the home of a hidden one, who need not be hidden"
    )
    assert showed_of(0, 0, 0) == ""
