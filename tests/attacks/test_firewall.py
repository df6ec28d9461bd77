"""Firewall: two identities of one child, birth and adoptive, and whatever would show something of one beside the other.

The table is done on one home. Night 0: the birth identity is known. Night 1: the adoptive one comes; the feed asks for a wall, or
people decide one when they see it. Nights 2 and 3: others write what they know. Then all nights are run once more. Given name, date of birth and the numbers are the same on both
sides: no name, home or carer is.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.nights import decisions
from pipelines.publishing.readers import read_child
from pipelines.publishing.versions import versions_there
from pipelines.tables import read_table
from tests.attacks.attack import Act, Scene, acts
from tests.attacks.search import squashed
from tests.attacks.town import big_moves
from tests.attacks.victims import Victim
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full

BIRTH_AGENCY, ADOPTIVE_AGENCY = "health", "social_care"


def _birth(scene: Scene) -> Victim:
    return scene.victim


def _adoptive(scene: Scene, **changes: Any) -> Victim:
    """The same child in its new family."""
    new = scene.other()
    home = {"family": new.family, "street": new.street, "code": new.code, "uprn": new.uprn}
    return replace(scene.victim, **{**home, "carer": new.carer, "phone": new.phone, **changes})


def _birth_key(scene: Scene) -> str:
    return f"HK{scene.number}"


def _adoptive_key(scene: Scene) -> str:
    return f"SA{scene.number}"


def _keys(scene: Scene) -> tuple[str, str]:
    return f"health:{_birth_key(scene)}", f"social_care:{_adoptive_key(scene)}"


def _name(child: Victim, kind: str) -> dict[str, str]:
    return {"family": child.family, "given": child.given, "type": kind}


def _born(scene: Scene) -> None:
    scene.add(BIRTH_AGENCY, _birth(scene), _birth_key(scene))


def _adopted(**cells: Callable[[Scene], Any]) -> Act:
    def act(scene: Scene) -> None:
        told = {name: cell(scene) for name, cell in cells.items()}
        scene.add(ADOPTIVE_AGENCY, _adoptive(scene), _adoptive_key(scene), **told)

    return act


def _decided(scene: Scene) -> None:
    decisions.decide(scene.place.deployment, AUTHORITY, "firewall", *_keys(scene), **_by("Ruth"))  # type: ignore[arg-type]


def _by(actor: str) -> dict[str, object]:
    return {"actor": actor, "reason": "adoption order seen", "at": datetime.now(UTC)}


def _third(agency: str, of: Callable[[Scene], Victim], key: str = "", **cells: Callable[[Scene], Any]) -> Act:
    """A further record, under a key of its own."""

    def act(scene: Scene) -> None:
        told = {name: cell(scene) for name, cell in cells.items()}
        scene.add(agency, of(scene), key and f"{key}{scene.number}", **told)

    return act


def _word(kind: str, a: Callable[[Scene], str], b: Callable[[Scene], str]) -> Act:
    """A reviewer says something that would bring both together; what contradicts is refused."""

    def act(scene: Scene) -> None:
        with suppress(IsindexError):
            decisions.decide(scene.place.deployment, AUTHORITY, kind, a(scene), b(scene), **_by("Omar"))  # type: ignore[arg-type]

    return act


def _asks_no_more(scene: Scene) -> None:
    del scene.row(ADOPTIVE_AGENCY, _adoptive_key(scene))["firewall_from"]


def _rekeyed(agency: str, of: Callable[[Scene], Victim], key: Callable[[Scene], str], new: str) -> Act:
    def act(scene: Scene) -> None:
        scene.drop(agency, key(scene))
        scene.add(agency, of(scene), f"{new}{scene.number}")

    return act


def _nothing(scene: Scene) -> None:
    """Nobody does anything."""


@dataclass(frozen=True)
class Walled:
    """What is done on the nights after the first, to two records between which a wall stands."""

    adopted: Act = field(default_factory=_adopted)
    later: Act = _nothing
    latest: Act = _nothing
    by_feed: bool = False


def _lives(at: Callable[[Scene], Victim], name: Callable[[Scene], Victim]) -> Callable[[Scene], Victim]:
    """Whoever bears the one's name at the other's home."""

    def child(scene: Scene) -> Victim:
        there = at(scene)
        return replace(name(scene), street=there.street, code=there.code, uprn=there.uprn)

    return child


_both_names = {"names": lambda scene: [_name(_adoptive(scene), "current"), _name(_birth(scene), "former")]}
_both_names_turned = {"names": lambda scene: [_name(_birth(scene), "current"), _name(_adoptive(scene), "former")]}


def _apart(street: str, *, by: str, at: int = 6) -> str:
    return street[:at] + by + street[at:]


def _place(write: Callable[[Scene], str]) -> Walled:
    """The birth home stands at the new identity, without a postcode."""
    return Walled(_adopted(address=lambda scene: {"lines": [write(scene)], "status": "current"}))


def _beside_the_carer(**cells: Callable[[Scene], str]) -> Walled:
    def carers(scene: Scene) -> list[dict[str, str]]:
        told = {name: cell(scene) for name, cell in cells.items()}
        return [
            {"name": _adoptive(scene).carer, "relationship": "mother"},
            {"name": "Ann Zedd", "relationship": "aunt", **told},
        ]

    return Walled(_adopted(carers=carers))


def _team(write: Callable[[Scene], str]) -> Walled:
    service = {"worker": "A. Worker", "contact": "01632 960002", "start": "2024-01-01", "sensitive": False}
    return Walled(_adopted(involvements=lambda scene: [{**service, "team": write(scene)}]))


def _called(
    family: Callable[[Scene], str], given: Callable[[Scene], str] = lambda scene: _birth(scene).given
) -> Walled:
    """Beside the name in use there is another."""
    other = lambda scene: {"family": family(scene), "given": given(scene), "type": "current"}  # noqa: E731
    return Walled(_adopted(names=lambda scene: [_name(_adoptive(scene), "current"), other(scene)]))


def _birth_goes(scene: Scene) -> None:
    scene.drop("health", _birth_key(scene))


def _told(*, then: Act = _nothing, birth: bool = False, **cells: Callable[[Scene], Any]) -> Act:
    """The record of one identity is told something."""

    def act(scene: Scene) -> None:
        row = scene.row(BIRTH_AGENCY, _birth_key(scene)) if birth else scene.row(ADOPTIVE_AGENCY, _adoptive_key(scene))
        row.update({name: cell(scene) for name, cell in cells.items()})
        then(scene)

    return act


def _turned(scene: Scene) -> None:
    """Health has the adoptive identity under the key under which it had the birth one."""
    _birth_goes(scene)
    scene.add("health", _adoptive(scene), _birth_key(scene))


def _last_known(scene: Scene) -> dict[str, Any]:
    return {"lines": [_home(scene)], "postcode": _birth(scene).postcode, "status": "last_known"}


def _with_birth_mother(scene: Scene) -> list[dict[str, str]]:
    mother = {"name": _birth(scene).carer, "relationship": "birth mother", "contact": _birth(scene).phone}
    return [{"name": _adoptive(scene).carer, "relationship": "mother"}, mother]


def _other_family(write: Callable[[str, str], str]) -> Walled:
    """The birth mother has another family name than the child; the adoptive record has her, too, as she is written there."""

    def named(scene: Scene) -> str:
        return f"{_birth(scene).carer.split()[0]} Quorth{_birth(scene).street.split()[1].lower()}"

    def carers(scene: Scene) -> list[dict[str, str]]:
        mother = {"name": write(*named(scene).split()), "relationship": "other"}
        return [{"name": _adoptive(scene).carer, "relationship": "mother"}, mother]

    return Walled(later=_told(birth=True, carer_name=named, then=_told(carers=carers)))


def _with_birth_phone(scene: Scene) -> list[dict[str, str]]:
    return [{"name": "Ann Zedd", "relationship": "aunt", "contact": f"ring {_birth(scene).phone}"}]


def _with_birth_name(scene: Scene) -> list[dict[str, str]]:
    return [_name(_adoptive(scene), "current"), _name(_birth(scene), "current")]


def _two_in_one(scene: Scene, by: str) -> dict[str, str]:
    return {
        "family": f"{_adoptive(scene).family}{by}{_birth(scene).family}",
        "given": _birth(scene).given,
        "type": "current",
    }


def _elsewhere(words: str) -> dict[str, Any]:
    return {"lines": [words, "5 Commonlea Close"], "postcode": "B1 1ZZ", "status": "current"}


_ACROSS: dict[str, dict[str, Callable[[Scene], Any]]] = {
    "the birth home": {"address": _last_known},
    "the birth home's street": {"address": lambda scene: {"lines": [f"opposite {_home(scene)}"], "status": "current"}},
    "the birth home's UPRN": {"address": lambda scene: {"lines": [], "uprn": _birth(scene).uprn, "status": "current"}},
    "the birth mother": {"carers": _with_birth_mother},
    "the birth name": {"names": _with_birth_name},
    "a double name alone": {"names": lambda scene: [_two_in_one(scene, "-")]},
    "a double name in words alone": {"names": lambda scene: [_two_in_one(scene, " ")]},
    "a double name grown together": {"names": lambda scene: [_two_in_one(scene, "")]},
    "the birth home's postcode alone": {"address": lambda scene: {"lines": [], "postcode": _birth(scene).postcode, "status": "last_known"}},
    "another house of the birth home's postcode": {"address": lambda scene: {"lines": ["The Annexe"], "postcode": _birth(scene).postcode, "status": "current"}},
    "the birth family in care of": {"address": lambda scene: _elsewhere(f"c/o {_birth(scene).family}")},
    "the birth home's postcode among an address's words": {"address": lambda scene: _elsewhere(f"formerly {_birth(scene).postcode}")},
    "the birth home's UPRN among an address's words": {"address": lambda scene: _elsewhere(f"UPRN {_birth(scene).uprn}")},
}  # fmt: skip
"""What an agency may write of the birth identity into the record of the adoptive one."""


def _home(scene: Scene) -> str:
    return _birth(scene).street


def _unlinked(agency: str, **cells: Callable[[Scene], Any]) -> Act:
    """A third record, with no number of the child's and born on another day: the matcher links it with nobody."""

    def act(scene: Scene) -> None:
        told = {name: cell(scene) for name, cell in cells.items()}
        key = scene.other(3).upn if agency == "education" else f"{agency[0].upper()}X{scene.number}"
        scene.add(agency, _adoptive(scene), key, **_STRANGE[agency], **told)

    return act


_STRANGE: dict[str, dict[str, Any]] = {
    "health": {"nhs_number": "", "birth_date": "2011-02-02"},
    "education": {"DOB": "2011-09-09"},
    "social_care": {"upn": None, "nhs_number": None, "date_of_birth": "2011-09-09"},
}


def _named(*names: Callable[[Scene], dict[str, str]]) -> Callable[[Scene], Any]:
    return lambda scene: [name(scene) for name in names]


def _joined(sign: str) -> Callable[[Scene], dict[str, str]]:
    return lambda scene: _name(
        replace(_birth(scene), family=f"{_birth(scene).family}{sign}{_adoptive(scene).family}"), "current"
    )


def _now(scene: Scene) -> dict[str, str]:
    return _name(_adoptive(scene), "current")


def _birth_home(scene: Scene) -> dict[str, Any]:
    return {"lines": [_home(scene)], "postcode": _birth(scene).postcode, "status": "current"}


_MOTHERS: dict[str, Callable[[str, str], str]] = {
    "with a second forename": lambda given, family: f"{given} Anne {family}",
    "with somebody else": lambda given, family: f"{given} and Tom {family}",
    "with a double name": lambda given, family: f"{given} {family}-Jones",
    "with what she is": lambda given, family: f"{given} {family} (birth mother)",
    "by an initial": lambda given, family: f"{given[0]} {family}",
    "with a letter wrong in each name": lambda given, family: f"{given[:-1]}q {family[:-1]}q",
    "married": lambda given, family: f"{given} Jones nee {family}",
    "by her forename": lambda given, family: f"{given} (birth mother)",
}

ATTACKS: dict[str, Walled] = {
    "nothing else": Walled(),
    "the former name is told": Walled(_adopted(**_both_names)),
    "the former name is told as an alias": Walled(_adopted(names=lambda scene: [_name(_adoptive(scene), "current"), _name(_birth(scene), "alias")])),
    "both names are told as current": Walled(_adopted(names=lambda scene: [_name(_adoptive(scene), "current"), _name(_birth(scene), "current")])),
    "the birth mother is among the carers": Walled(_adopted(carers=lambda scene: [{"name": _adoptive(scene).carer, "relationship": "mother"}, {"name": _birth(scene).carer, "relationship": "birth mother", "contact": _birth(scene).phone}])),
    "the new mother is the carer in health": Walled(later=lambda scene: scene.row("health", _birth_key(scene)).update(carer_name=_adoptive(scene).carer)),
    "the birth home is the last known address": Walled(_adopted(address=lambda scene: {"lines": [_birth(scene).street], "postcode": _birth(scene).postcode, "status": "last_known"})),
    "the birth home is the current address": Walled(_adopted(address=lambda scene: {"lines": [_birth(scene).street], "postcode": _birth(scene).postcode, "status": "current"})),
    "the birth home without a postcode": Walled(_adopted(address=lambda scene: {"lines": [_birth(scene).street], "status": "current"})),
    "the birth home by its UPRN": Walled(_adopted(address=lambda scene: {"lines": [], "uprn": _birth(scene).uprn, "status": "current"}), _third("education", _birth)),
    "health hears of the new home": Walled(later=lambda scene: scene.row("health", _birth_key(scene)).update(address_line_1=_adoptive(scene).street, postcode=_adoptive(scene).postcode)),
    "a school has the new name with the former one": Walled(later=_third("education", _adoptive, FormerSurname=lambda scene: _birth(scene).family)),
    "a school has the birth name with the new one as former": Walled(later=_third("education", _birth, FormerSurname=lambda scene: _adoptive(scene).family)),
    "the police have the birth name at the new home": Walled(later=_third("police", _lives(_adoptive, _birth))),
    "the police have the new name at the birth home": Walled(later=_third("police", _lives(_birth, _adoptive))),
    "the police, then a school, each with half": Walled(later=_third("police", _lives(_adoptive, _birth)), latest=_third("education", _lives(_birth, _adoptive))),
    "a second record in care with both names": Walled(later=_third("social_care", _birth, "SB", **_both_names_turned)),
    "a second health record of the new name": Walled(later=_third("health", _adoptive, "HN")),
    "a second health record with both families' names in one": Walled(later=_third("health", lambda scene: replace(_birth(scene), family=f"{_birth(scene).family}-{_adoptive(scene).family}"), "HN")),
    "the birth record is registered anew": Walled(later=_rekeyed("health", _birth, _birth_key, "HN")),
    "the birth record is registered anew under the new name": Walled(later=_rekeyed("health", _adoptive, _birth_key, "HN")),
    "the adoptive record is registered anew": Walled(later=_rekeyed("social_care", _adoptive, _adoptive_key, "SN")),
    "the adoptive record is registered anew with both names": Walled(later=acts(lambda scene: scene.drop("social_care", _adoptive_key(scene)), _third("social_care", _adoptive, "SN", **_both_names))),
    "both are registered anew on one night": Walled(later=acts(_rekeyed("health", _birth, _birth_key, "HN"), _rekeyed("social_care", _adoptive, _adoptive_key, "SN"))),
    "both are away a night and are registered anew": Walled(later=acts(lambda scene: scene.drop("health", _birth_key(scene)), lambda scene: scene.drop("social_care", _adoptive_key(scene))), latest=acts(_third("health", _birth, "HN"), _third("social_care", _adoptive, "SN"))),
    "the adoptive record is registered anew under a double name": Walled(later=_rekeyed("social_care", lambda scene: _adoptive(scene, family=f"{_adoptive(scene).family}-Jones"), _adoptive_key, "SN")),
    "the adoptive record is registered anew with a slip in the name": Walled(later=_rekeyed("social_care", lambda scene: _adoptive(scene, family=_adoptive(scene).family[:-1]), _adoptive_key, "SN")),
    "the birth record is registered anew under a third name": Walled(later=_rekeyed("health", lambda scene: replace(_birth(scene), family="Ravensworth"), _birth_key, "HN")),
    "the birth record goes and comes back": Walled(later=lambda scene: scene.drop("health", _birth_key(scene)), latest=_born),
    "both go and both come back": Walled(later=acts(lambda scene: scene.drop("health", _birth_key(scene)), lambda scene: scene.drop("social_care", _adoptive_key(scene))), latest=acts(_born, _adopted())),
    "a reviewer says the same": Walled(later=_word("same", lambda scene: _keys(scene)[0], lambda scene: _keys(scene)[1])),
    "a reviewer joins a third record with both": Walled(later=_third("police", _birth, "PX"), latest=acts(_word("same", lambda scene: f"police:PX{scene.number}", lambda scene: _keys(scene)[0]), _word("same", lambda scene: f"police:PX{scene.number}", lambda scene: _keys(scene)[1]))),
    "a reviewer joins a third record of the new name with the birth record": Walled(later=_third("police", _adoptive, "PX"), latest=_word("same", lambda scene: f"police:PX{scene.number}", lambda scene: _keys(scene)[0])),
    "the birth home with a hyphen in its street": _place(lambda scene: _apart(_home(scene), by="-")),
    "the birth home with a space in its street": _place(lambda scene: _apart(_home(scene), by=" ")),
    "the birth home with an apostrophe in its street": _place(lambda scene: _apart(_home(scene), by="\u02bc")),
    "the birth home in letters that look alike": _place(lambda scene: _home(scene).translate({ord("o"): "\u043e", ord("a"): "\u0430"})),
    "the birth home grown together": _place(lambda scene: _home(scene).replace(" ", "", 1)),
    "the birth home with noughts": _place(lambda scene: f"00{_home(scene)}"),
    "the birth home as a range": _place(lambda scene: _home(scene).replace(" ", "-99 ", 1)),
    "the birth home's street before the number": _place(lambda scene: " ".join(reversed(_home(scene).partition(" ")[::2]))),
    "the birth home's street without a number": _place(lambda scene: _home(scene).partition(" ")[2]),
    "the birth family's name as a carer's relationship": _beside_the_carer(relationship=lambda scene: f"aunt ({_birth(scene).family})"),
    "the birth family's name in a carer's mail": _beside_the_carer(contact=lambda scene: f"maud@{_birth(scene).family.lower()}.example"),
    "the birth postcode in a carer's relationship": _beside_the_carer(relationship=lambda scene: f"gran at{_birth(scene).postcode.replace(' ', '')}"),
    "the birth street in a carer's contact": _beside_the_carer(contact=lambda scene: f"write to {_home(scene)}"),
    "the birth postcode in a carer's contact": _beside_the_carer(contact=lambda scene: f"at {_birth(scene).postcode}"),
    "the birth street in a team": _team(lambda scene: f"visits {_home(scene)}"),
    "the birth postcode in a team": _team(lambda scene: f"visits {_birth(scene).postcode}"),
    "the birth family's name in a team": _team(lambda scene: f"the {_birth(scene).family}s"),
    "the birth carer's forename in a team": Walled(_team(lambda scene: f"with {_birth(scene).carer.split()[0]}").adopted, later=lambda scene: scene.row("health", _birth_key(scene)).update(carer_name=_birth(scene).carer)),
    **{f"a birth mother of another family name, {how}": _other_family(write) for how, write in _MOTHERS.items()},
    "the birth family's name among given names": _called(lambda scene: _adoptive(scene).family, lambda scene: f"{_birth(scene).given} {_birth(scene).family}"),
    "the birth family's name before the new one": _called(lambda scene: f"{_birth(scene).family}-{_adoptive(scene).family}"),
    "the birth family's name grown together with the new one": _called(lambda scene: f"{_birth(scene).family}{_adoptive(scene).family}"),
    "the birth family's name as nee": _called(lambda scene: f"{_adoptive(scene).family} nee {_birth(scene).family}"),
    "the new name with nee alone": Walled(_adopted(names=lambda scene: [{"family": f"{_adoptive(scene).family} née {_birth(scene).family}", "given": _birth(scene).given, "type": "current"}])),
    "a second wall, between a third record and one of them": Walled(later=_third("police", _birth, "PX"), latest=_word("firewall", lambda scene: f"police:PX{scene.number}", lambda scene: _keys(scene)[1])),
    "the feed asks": Walled(by_feed=True),
    "the feed asks no more": Walled(by_feed=True, later=_asks_no_more),
    "the feed asks, tells both names and asks no more": Walled(_adopted(**_both_names), by_feed=True, later=_asks_no_more),
    "the feed asks and the record it names goes": Walled(by_feed=True, later=lambda scene: scene.drop("social_care", f"SB{scene.number}")),
    **{f"{what} is told as the birth record goes": Walled(later=_told(then=_birth_goes, **cells)) for what, cells in _ACROSS.items()},
    **{f"{what} is told when the birth record is gone": Walled(later=_birth_goes, latest=_told(**cells)) for what, cells in _ACROSS.items()},
    **{f"{what} is told as the birth record is turned into the other": Walled(later=_told(then=_turned, **cells)) for what, cells in _ACROSS.items()},
    **{f"{what} is told when the birth record has been turned into the other": Walled(later=_turned, latest=_told(**cells)) for what, cells in _ACROSS.items()},
    **{f"the feed asks, and {what} is told as the birth records go": Walled(by_feed=True, later=_told(then=acts(_birth_goes, lambda scene: scene.drop("social_care", f"SB{scene.number}")), **cells)) for what, cells in (_ACROSS | {"the birth mother's telephone": {"carers": _with_birth_phone}}).items()},
    "the birth home is told, and then the birth record goes": Walled(later=_told(address=_last_known), latest=_birth_goes),
    "the birth record moves, goes, and its former home is told": Walled(later=_told(birth=True, address_line_1=lambda scene: "9 Commonlea Close", postcode=lambda scene: "B1 1ZZ"), latest=_told(then=_birth_goes, address=_last_known)),
    "health is told the new home as the adoptive record goes": Walled(later=_told(birth=True, then=lambda scene: scene.drop("social_care", _adoptive_key(scene)), address_line_1=lambda scene: _adoptive(scene).street, postcode=lambda scene: _adoptive(scene).postcode)),
    "health is told the new mother when the adoptive record is gone": Walled(later=lambda scene: scene.drop("social_care", _adoptive_key(scene)), latest=_told(birth=True, carer_name=lambda scene: _adoptive(scene).carer)),
    "a school has the new name at the birth home, as the birth record goes": Walled(later=_third("education", _lives(_birth, _adoptive)), latest=_birth_goes),
    "an unlinked health record has the birth name as the former one": Walled(later=_unlinked("health", former_family_name=lambda scene: _birth(scene).family)),
    "an unlinked school record has the birth name as the former one": Walled(later=_unlinked("education", FormerSurname=lambda scene: _birth(scene).family)),
    "an unlinked record in care has both names, the birth home and both mothers": Walled(later=_unlinked("social_care", names=_named(_now, lambda scene: _name(_birth(scene), "former")), address=_birth_home, carers=_with_birth_mother)),
    "an unlinked record in care has both names as current": Walled(later=_unlinked("social_care", names=_named(_now, lambda scene: _name(_birth(scene), "current")), address=_birth_home)),
    "an unlinked record in care has the birth name as an alias": Walled(later=_unlinked("social_care", names=_named(_now, lambda scene: _name(_birth(scene), "alias")), carers=_with_birth_mother)),
    "an unlinked record in care has a double name": Walled(later=_unlinked("social_care", names=_named(_joined("-")))),
    "an unlinked record in care has both names grown together": Walled(later=_unlinked("social_care", names=_named(_joined("")))),
    "an unlinked record with both names comes as the birth record goes": Walled(later=acts(_birth_goes, _unlinked("health", former_family_name=lambda scene: _birth(scene).family))),
    "an unlinked record with both names comes when the birth record is gone": Walled(later=_birth_goes, latest=_unlinked("health", former_family_name=lambda scene: _birth(scene).family)),
    "an unlinked record with both names was there before the wall": Walled(adopted=acts(_adopted(), _unlinked("health", former_family_name=lambda scene: _birth(scene).family))),
    "the feed asks and the police have half": Walled(by_feed=True, later=_third("police", _lives(_adoptive, _birth))),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By attack where something of one side stands beside something of the other."""
    place = LittleNights(tmp_path_factory.mktemp("firewall"))
    scenes = {name: Scene(place, 100 + 7 * number) for number, name in enumerate(ATTACKS)}
    with big_moves():
        for name, scene in scenes.items():
            _born(scene)
            if ATTACKS[name].by_feed:
                scene.add("social_care", _birth(scene), f"SB{scene.number}")
        _load(place, 0)
        for name, scene in scenes.items():
            ATTACKS[name].adopted(scene)
            if ATTACKS[name].by_feed:
                scene.row("social_care", _adoptive_key(scene))["firewall_from"] = f"SB{scene.number}"
        _load(place, 1)
        for name, scene in scenes.items():
            if not ATTACKS[name].by_feed:
                _decided(scene)
        assert place.load() == {1: "published"}, place.last(1).reasons
        for scene, each in ((scene, ATTACKS[name]) for name, scene in scenes.items()):
            each.later(scene)
        _load(place, 2)
        for scene, each in ((scene, ATTACKS[name]) for name, scene in scenes.items()):
            each.latest(scene)
        _load(place, 3)
        place.load(asked=[1, 2, 3])
    lines = {where: [squashed(line) for line in each] for where, each in _seen(place)}
    assert sum(map(len, lines.values())) > 1_000
    return {name: sorted(_beside(scene, lines)) for name, scene in scenes.items()}


@pytest.mark.parametrize("name", ATTACKS)
def test_held(told: Mapping[str, list[str]], name: str) -> None:
    assert told[name] == []


@pytest.mark.parametrize("adoptive_first", [False, True])
def test_the_id_that_one_bore_alone_and_both_in_the_version_that_is_replaced_leads_to_neither(
    tmp_path: Path, adoptive_first: bool
) -> None:
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    mine, other = (_adoptive(scene), _birth(scene)) if adoptive_first else (_birth(scene), _adoptive(scene))
    scene.add(BIRTH_AGENCY, mine, _birth_key(scene))
    _load(place, 0)
    scene.add(ADOPTIVE_AGENCY, other, _adoptive_key(scene))
    _load(place, 1)
    (both,) = {each for key, each in _ids(place, 1).items() if key in _keys(scene)}
    _decided(scene)
    assert place.load() == {1: "published"}
    assert both not in _ids(place, 1).values()
    with pytest.raises(IsindexError, match="INDEX_ID_ENDED"):
        read_child(place.deployment, both, why="a test")


@pytest.mark.parametrize("adoptive_first", [False, True])
def test_the_id_that_both_bore_from_the_first_night_on_leads_to_neither(tmp_path: Path, adoptive_first: bool) -> None:
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    mine, other = (_adoptive(scene), _birth(scene)) if adoptive_first else (_birth(scene), _adoptive(scene))
    scene.add(BIRTH_AGENCY, mine, _birth_key(scene))
    scene.add(ADOPTIVE_AGENCY, other, _adoptive_key(scene))
    _load(place, 0)
    (both,) = {each for key, each in _ids(place, 0).items() if key in _keys(scene)}
    _decided(scene)
    assert place.load() == {0: "published"}
    assert both not in _ids(place, 0).values()
    with pytest.raises(IsindexError, match="INDEX_ID_REPLACED"):
        read_child(place.deployment, both, why="a test")
    place.deliver(1)
    before = _ids(place, 0)
    assert place.load(asked=[0]) == {0: "published", 1: "published"}
    assert _ids(place, 0) == _ids(place, 1) == before


def _ids(place: LittleNights, night: int) -> dict[str, str]:
    table = read_table(place.in_force(night).folder / "identities" / "identities.parquet")
    return dict(zip(*(table[name].to_pylist() for name in ("record_key", "index_id")), strict=True))


def _load(place: LittleNights, night: int) -> None:
    place.deliver(night)
    assert place.load()[night] == "published", place.last(night).reasons


def _beside(scene: Scene, lines: Mapping[str, list[bytes]]) -> Iterator[str]:
    """Where one line tells of both sides."""
    one, other = (
        [squashed(value) for value in (child.family, child.street.split()[1], child.postcode, child.phone, child.carer.split()[0])]
        for child in (_birth(scene), _adoptive(scene))
    )  # fmt: skip
    for where, each in lines.items():
        if any(any(a in line for a in one) and any(b in line for b in other) for line in each):
            yield where


def _seen(place: LittleNights) -> Iterator[tuple[str, list[str]]]:
    """What anybody may look at, as lines: all that a version or the database tells of one child is one line."""
    home = place.deployment.home
    for version in versions_there(home, AUTHORITY):
        folder = home.snapshots(AUTHORITY) / version
        tables = [read_table(folder / f"{name}.parquet").to_pylist() for name in db.INDEX_TABLES]
        yield version, _by_child(tables)
    with place.deployment.engine.connect() as connection:
        rows = [list(map(dict, connection.execute(select(table)).mappings())) for table in db.INDEX_TABLES.values()]
        yield "database", _by_child(rows)
        for name in ("reject", "event"):
            if name in db.metadata.tables:
                table = db.metadata.tables[name]
                yield name, [str(dict(row)) for row in connection.execute(select(table)).mappings()]
    paths = [*(place.home / "reports").rglob("*"), *(place.home / "nights").rglob("review.parquet")]
    paths += [*(place.home / "snapshots").rglob("*.html"), *(place.home / "snapshots").rglob("*.json")]
    for path in sorted(path for path in paths if path.is_file()):
        yield str(path.relative_to(place.home)), list(_lines(path))


def _by_child(tables: list[list[dict[str, Any]]]) -> list[str]:
    found: dict[str, list[str]] = {}
    for rows in tables:
        for row in rows:
            for name in ("index_id", "redirects_to"):
                if row.get(name):
                    found.setdefault(row[name], []).append(json.dumps(row, default=str, ensure_ascii=False))
    return ["\t".join(each) for each in found.values()]


def _lines(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from (json.dumps(row, default=str) for row in pq.read_table(path).to_pylist())
    else:
        text = html.unescape(path.read_text(encoding="utf-8", errors="replace"))
        yield from text.replace("</tr>", "\n").splitlines()
