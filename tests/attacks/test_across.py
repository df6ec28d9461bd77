"""The network's family: what one authority asks to be hidden is hidden in another that may know the child, whatever becomes of either's records.

All victims live in one nation of two authorities, with nights in common. HERE asks; THERE knows, or comes to know, a child at another home. Afterwards neither
home is found anywhere in home, database or answers, and no row of THERE is open that may be the child's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.nights.decisions import take_back
from pipelines.nights.protection_decisions import shield
from tests.attacks.attack import SHIELD
from tests.attacks.search import Haystack
from tests.attacks.town import big_moves
from tests.attacks.victims import KEYS, Victim, record_of, victim
from tests.network.nation import HERE, THERE, Nation

pytestmark = pytest.mark.in_full
NIGHTS, NOW = 4, datetime(2026, 11, 20, 8, tzinfo=UTC)


@dataclass
class Both:
    """One victim in both authorities.

    Attributes:
        nation: the home.
        number: of the victim; the next five are other children and homes of its own.
        names: family names under which it may be shown THERE.
    """

    nation: Nation
    number: int
    names: set[str] = field(default_factory=set)
    decision: int = 0

    @property
    def child(self) -> Victim:
        return victim(self.number)

    def fled(self, **otherwise: Any) -> Victim:
        """The victim as THERE knows it: at a home of its own."""
        home = victim(self.number + 1)
        return replace(self.child, street=home.street, code=home.code, uprn=home.uprn, carer=home.carer, phone=home.phone, **otherwise)  # fmt: skip

    def put(self, authority: str, agency: str, child: Victim, **cells: Any) -> dict[str, Any]:
        row = record_of(agency, child, **cells)
        self.nation.feeds[authority][agency].rows[f"{self.number} {row[KEYS[agency]]}"] = row
        if authority == THERE:
            self.names.add(child.family)
        return row

    def here(self, *agencies: str) -> None:
        for agency in agencies or ("health", "education", "social_care"):
            self.put(HERE, agency, self.child)

    def there(self, *agencies: str, **otherwise: Any) -> None:
        for agency in agencies or ("health", "education"):
            self.put(THERE, agency, self.fled(**otherwise))

    def row(self, authority: str, agency: str) -> dict[str, Any]:
        (found,) = (row for name, row in self.nation.feeds[authority][agency].rows.items() if name.startswith(f"{self.number} "))  # fmt: skip
        return found

    def gone(self, authority: str) -> None:
        for feed in self.nation.feeds[authority].values():
            for key in [key for key in feed.rows if key.startswith(f"{self.number} ")]:
                del feed.rows[key]

    def asks(self) -> None:
        self.row(HERE, "health")["confidentiality"] = "S"

    def asks_broken(self) -> None:
        """In a record that is rejected and never was understood."""
        self.row(HERE, "social_care").update(shield=SHIELD, names=[])

    def quiet(self) -> None:
        self.row(HERE, "health")["confidentiality"] = ""

    def shielded(self) -> None:
        deployment = self.nation.deployment
        key = f"health:{self.row(HERE, 'health')['local_patient_id']}"
        self.decision = shield(deployment, HERE, key, actor="Ruth", reason="at risk", at=NOW).number

    def undone(self) -> None:
        take_back(self.nation.deployment, HERE, self.decision, actor="Ruth", reason="over", at=NOW)


Act = Callable[[Both], object]


def all_of(*acts: Act) -> Act:
    return lambda both: [act(both) for act in acts]


def there(*agencies: str, **otherwise: Any) -> Act:
    return lambda both: both.there(*agencies, **otherwise)


def cells(agency: str, **changed: Any) -> Act:
    """THERE's record with other cells."""
    return lambda both: both.row(THERE, agency).update(changed)


def strangers_number(both: Both) -> None:
    both.row(THERE, "health")["nhs_number"] = victim(both.number + 2).nhs


ASKED = all_of(Both.here, Both.asks)
ATTACKS: Mapping[str, Mapping[int, Act]] = {
    "it is known in both": {0: all_of(ASKED, there())},
    "it is asked for when both have known it for long": {0: all_of(Both.here, there()), 2: Both.asks},
    "the mark vanishes before the other knows the child": {0: ASKED, 1: Both.quiet, 2: there()},
    "its records go before the other knows the child": {0: ASKED, 1: lambda both: both.gone(HERE), 2: there()},
    "its records go in the night the other comes to know it": {0: ASKED, 2: all_of(lambda both: both.gone(HERE), there())},
    "it is asked for in a record that is rejected": {0: all_of(Both.here, Both.asks_broken), 2: there("health")},
    "it has another number there": {0: ASKED, 1: all_of(there("health"), strangers_number)},
    "it has no number there": {0: ASKED, 1: all_of(there("health"), cells("health", nhs_number=""))},
    "it is called otherwise there, with its number": {0: ASKED, 1: there("health", family="Umfraville", given="Lettice")},
    "a school there knows the number of its pupil, and another name": {0: ASKED, 1: there("education", family="Thistlewick", given="Ottoline")},
    "a police contact there has its names and birth date": {0: ASKED, 1: there("police")},
    "its number there is that of before": {
        0: ASKED,
        1: all_of(there("health"), strangers_number, lambda both: both.row(THERE, "health").update(previous_nhs_number=both.child.nhs)),
    },
    "it is shielded by a decision": {0: all_of(Both.here, there()), 1: Both.shielded},
    "the decision is taken back": {0: all_of(Both.here, there()), 1: Both.shielded, 2: Both.undone},
    "it comes there under one key, goes, and comes under another": {
        0: ASKED, 1: there("health"), 2: lambda both: both.gone(THERE),
        3: all_of(lambda both: both.gone(HERE), lambda both: both.put(THERE, "health", both.fled(), local_patient_id="PX" + str(both.number))),
    },
}  # fmt: skip
CONTROL = "nobody asks"


@dataclass
class Lived:
    """The nation after its nights: each victim, and everything that is kept."""

    nation: Nation
    victims: dict[str, Both]
    haystack: Haystack
    states: list[str]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    nation = Nation(Path(tmp_path_factory.mktemp("across")))
    victims = {name: Both(nation, 100 + 10 * place) for place, name in enumerate([*ATTACKS, CONTROL])}
    table = {**ATTACKS, CONTROL: {0: all_of(Both.here, there())}}
    states = []
    with big_moves():
        for number in range(NIGHTS):
            for name, both in victims.items():
                table[name].get(number, lambda _: None)(both)
            states.append(nation.night(number).state)
    haystack = Haystack.of(nation.deployment.home.root, nation.landing, nation.deployment.engine)
    return Lived(nation, victims, haystack, states)


def test_every_night_of_the_nation_is_published(lived: Lived) -> None:
    assert lived.states == ["published"] * NIGHTS


@pytest.mark.parametrize("name", ATTACKS, ids=lambda name: f"network: {name}")
def test_held(lived: Lived, name: str) -> None:
    both = lived.victims[name]
    for home in (both.child, both.fled()):
        street = home.street.partition(" ")[2].removesuffix(" Road")
        assert [*lived.haystack.where(home.code, "home"), *lived.haystack.where(street, "home")] == []
    rows = [row for row in lived.nation.children(THERE) if row["family_name"] in both.names]
    assert rows and all(row["shielded"] or row["withheld"] for row in rows)


def test_the_search_finds_the_homes_of_a_child_for_whom_nobody_asks(lived: Lived) -> None:
    both = lived.victims[CONTROL]
    for home in (both.child, both.fled()):
        assert lived.haystack.where(home.code, "home")
