"""The attacks on the home succeed where nothing withholds it: else that the product holds them would say nothing.

A town of the families of homes and texts, with the rule of households and its gate switched off. An attack that holds here says by which other
rule (`Attack.held_by`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipelines.protection import household as rules
from pipelines.publishing import snapshot
from pipelines.publishing.gates import run
from pipelines.publishing.gates.gate import Gate
from tests.attacks.attack import Attack
from tests.attacks.families import households, text
from tests.attacks.town import Town, town_of

pytestmark = pytest.mark.in_full

ATTACKS = [*households.ATTACKS, *text.ATTACKS]


def _nothing(*given: Any) -> rules.Household:
    found = rules.find_household(*given)
    return dataclasses.replace(found, **{name: table.slice(0, 0) for name, table in vars(found).items()})


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "find_household", _nothing)
        off = {**run.GATES, "household": lambda evidence: Gate("household", True, "Switched off.", {})}
        patch.setattr(run, "GATES", off)
        return town_of(tmp_path_factory.mktemp("unheld"), ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_search_would_find_it(town: Town, attack: Attack) -> None:
    leaks = town.scenes[str(attack)].leaks(town.haystack, town.open_names)
    assert bool(leaks) != bool(attack.held_by), leaks
