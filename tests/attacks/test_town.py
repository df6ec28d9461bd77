"""Families whose victims live in one town: what each attack must not find afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks.attack import Attack
from tests.attacks.families import duplicates, flags, households, sensitive, text
from tests.attacks.town import Town, town_of

ATTACKS = [*duplicates.ATTACKS, *flags.ATTACKS, *households.ATTACKS, *text.ATTACKS, *sensitive.ATTACKS]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return town_of(tmp_path_factory.mktemp("town"), ATTACKS)


def test_every_night_of_the_town_is_published(town: Town) -> None:
    assert town.states == {0: "published", 1: "published", 2: "published"}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_held(town: Town, attack: Attack, record_property: Callable[[str, object], None]) -> None:
    record_property("held_by", attack.held_by)
    scene = town.scenes[str(attack)]
    assert scene.leaks(town.haystack, town.open_names) == []
    if attack.hidden:
        assert town.hidden_names & {word.casefold() for word in scene.closed}
