"""Duplicates: the child is hidden in one record, and stands in another one that says something else.

Each kind of other record comes in three ways: it is there before anybody asks, it comes when the mark is gone, and it takes the
place of the record that asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.attacks.attack import SHIELD, Act, Attack, Scene, acts
from tests.attacks.victims import Victim

__all__ = ["ATTACKS"]

Other = Callable[[Scene], None]


def _typo(word: str) -> str:
    return word[:3] + word[4] + word[3] + word[5:]


def _swapped_day(day: date) -> date:
    return day.replace(month=day.day, day=day.month)


def _health(key: str = "HX", **cells: Any) -> Callable[[Scene, Victim], None]:
    def add(scene: Scene, child: Victim) -> None:
        scene.add("health", child, f"{key}{scene.number}", **cells)

    return add


_NONE = {"nhs_number": ""}


def _another_number(scene: Scene) -> None:
    scene.add("health", scene.victim, f"HX{scene.number}", nhs_number=scene.other(5).nhs)


def _no_number(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.victim)


def _no_number_elsewhere(scene: Scene) -> None:
    there = scene.other()
    _health(**_NONE)(scene, scene.as_another(street=there.street, code=there.code))


def _misspelt(scene: Scene) -> None:
    _health()(scene, scene.as_another(family=_typo(scene.victim.family)))


def _misspelt_no_number(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.as_another(family=_typo(scene.victim.family)))


def _other_family_name(scene: Scene) -> None:
    _health()(scene, scene.as_another(family=scene.other().family))


def _other_names(scene: Scene) -> None:
    there = scene.other()
    _health()(scene, scene.as_another(family=there.family, given=there.given, street=there.street, code=there.code))


def _names_swapped(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.as_another(family=scene.victim.given, given=scene.victim.family))


def _day_off(scene: Scene) -> None:
    _health()(scene, scene.as_another(born=scene.victim.born + timedelta(days=1)))


def _day_off_no_number(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.as_another(born=scene.victim.born + timedelta(days=1)))


def _month_and_day(scene: Scene) -> None:
    child = scene.as_another(born=scene.victim.born.replace(day=1 + scene.victim.born.day % 12))
    scene.row("health")["birth_date"] = child.born.isoformat()
    _health(**_NONE)(scene, scene.as_another(born=_swapped_day(child.born)))


def _year_off(scene: Scene) -> None:
    _health()(scene, scene.as_another(born=scene.victim.born.replace(year=scene.victim.born.year + 1)))


def _accents(scene: Scene) -> None:
    child = scene.victim
    _health(**_NONE)(
        scene,
        scene.as_another(
            family=child.family.upper().replace("A", "Á").replace("E", "È"), given=f" {child.given.lower()} "
        ),
    )


def _middle_name(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.as_another(given=f"{scene.victim.given} Anne Marie"))


def _double_name(scene: Scene) -> None:
    _health(**_NONE)(scene, scene.as_another(family=f"{scene.victim.family}-Smith"))


def _previous_number(scene: Scene) -> None:
    there = scene.other()
    scene.add("health", scene.as_another(family=there.family, street=there.street, code=there.code), f"HX{scene.number}",
              nhs_number=there.nhs, previous_nhs_number=scene.victim.nhs)  # fmt: skip


def _former_name(scene: Scene) -> None:
    there = scene.other()
    child = scene.as_another(family=there.family, street=there.street, code=there.code)
    scene.add("health", child, f"HX{scene.number}", nhs_number=there.nhs, former_family_name=scene.victim.family)


def _number_with_a_slip(scene: Scene) -> None:
    number = scene.victim.nhs
    _health(nhs_number=number[:4] + number[5] + number[4] + number[6:])(scene, scene.victim)


def _number_in_groups(scene: Scene) -> None:
    there, number = scene.other(), scene.victim.nhs
    _health(nhs_number=f"{number[:3]} {number[3:6]} {number[6:]}")(
        scene, scene.as_another(family=there.family, given=there.given)
    )


def _second_school(scene: Scene) -> None:
    scene.add("education", scene.victim, URN="100005")


def _second_school_other_name(scene: Scene) -> None:
    there = scene.other()
    scene.add("education", scene.as_another(family=there.family, street=there.street, code=there.code), URN="100005")


def _former_pupil_number(scene: Scene) -> None:
    there = scene.other()
    scene.add(
        "education", scene.as_another(street=there.street, code=there.code), there.upn, FormerUPN=scene.victim.upn
    )


def _by_ear(scene: Scene) -> None:
    child = scene.victim
    scene.add("police", scene.as_another(family=child.family.replace("k", "c"), given=child.given), f"CX{scene.number}")


def _second_team(scene: Scene) -> None:
    there = scene.other()
    scene.add(
        "social_care", scene.as_another(street=there.street, code=there.code), f"SX{scene.number}", nhs_number=None
    )


def _alias(scene: Scene) -> None:
    there, child = scene.other(), scene.victim
    names = [
        {"family": there.family, "given": there.given, "type": "current"},
        {"family": child.family, "given": child.given, "type": "alias"},
    ]
    scene.add(
        "social_care",
        scene.as_another(street=there.street, code=there.code),
        f"SX{scene.number}",
        names=names,
        upn=None,
        nhs_number=None,
    )
    scene.closed |= {there.family, there.given}


_KINDS: dict[str, Other] = {
    "another NHS number": _another_number,
    "no number": _no_number,
    "no number, another home": _no_number_elsewhere,
    "a slip in the family name": _misspelt,
    "a slip in the family name, no number": _misspelt_no_number,
    "another family name": _other_family_name,
    "other names, another home": _other_names,
    "names exchanged, no number": _names_swapped,
    "birth date a day off": _day_off,
    "birth date a day off, no number": _day_off_no_number,
    "day and month exchanged, no number": _month_and_day,
    "birth date a year off": _year_off,
    "accents, capitals and spaces, no number": _accents,
    "a middle name, no number": _middle_name,
    "a double name, no number": _double_name,
    "the number as the previous one": _previous_number,
    "the name as the former one, another number": _former_name,
    "a slip in the number": _number_with_a_slip,
    "the number in groups, other names": _number_in_groups,
    "a second school": _second_school,
    "a second school, another family name and home": _second_school_other_name,  # told by the number alone
    "another UPN, this one as the former": _former_pupil_number,
    "spelled by ear in another feed": _by_ear,
    "a second team, another home, no number": _second_team,
    "the name as an alias, another home": _alias,
}


def _ask(scene: Scene) -> None:
    scene.asks()


def _quiet(scene: Scene) -> None:
    scene.quiet()


def _gone(scene: Scene) -> None:
    scene.drop("health")


def _in_place(other: Other) -> Act:
    def act(scene: Scene) -> None:
        other(scene)
        scene.drop("health")

    return act


# of a child whom nobody has a record of any more: registered anew by one agency, at a new home, without a number
_ANEW: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "as it was": lambda scene: {},
    "a letter of the family name left out": lambda scene: {"family": scene.victim.family[:3] + scene.victim.family[4:]},
    "a letter of the family name too many": lambda scene: {"family": scene.victim.family[:3] + "x" + scene.victim.family[3:]},
    "a letter of the given name left out": lambda scene: {"given": scene.victim.given[:3] + scene.victim.given[4:]},
    "two letters of the given name exchanged": lambda scene: {"given": _typo(scene.victim.given)},
    "a double family name": lambda scene: {"family": f"{scene.other(2).family}-{scene.victim.family}"},
    "another family name": lambda scene: {"family": scene.other(2).family},
    "another given name": lambda scene: {"given": scene.other(2).given},
    "a middle name before the given name": lambda scene: {"given": f"Anne {scene.victim.given}"},
    "the day after": lambda scene: {"born": scene.victim.born + timedelta(days=1)},
    "names exchanged, a letter wrong": lambda scene: {"family": scene.victim.given, "given": scene.victim.family[:-1] + "q"},
    "another day and month": lambda scene: {"born": scene.victim.born.replace(month=scene.victim.born.month % 12 + 1, day=scene.victim.born.day % 28 + 1)},
}  # fmt: skip


def _anew(changes: Callable[[Scene], dict[str, Any]]) -> Act:
    def act(scene: Scene) -> None:
        there = scene.other()
        scene.drop("health")
        elsewhere = {"street": there.street, "code": there.code, "uprn": there.uprn}
        scene.add("health", scene.as_another(**elsewhere | changes(scene)), f"HN{scene.number}", **_NONE)

    return act


def _corrected(changes: Callable[[Scene], dict[str, Any]]) -> Act:
    def act(scene: Scene) -> None:
        there = scene.other()
        elsewhere = {"street": there.street, "code": there.code, "uprn": there.uprn}
        scene.add("health", scene.as_another(**elsewhere | changes(scene)), f"HN{scene.number}", **_NONE)

    return act


def _nobody_yet(scene: Scene) -> dict[str, Any]:
    """As somebody else altogether."""
    nobody = scene.other(4)
    return {"family": nobody.family, "given": nobody.given, "born": nobody.born}


# how the police write a child of whom they have an age and no birth date
_UNDATED: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "by a title": lambda scene: {"given": f"Master {scene.victim.given}"},
    "by a title in capitals": lambda scene: {"given": f"MISS {scene.victim.given.upper()}", "family": scene.victim.family.upper()},
    "by names exchanged": lambda scene: {"given": scene.victim.family, "family": scene.victim.given},
    "with a letter of the family name wrong": lambda scene: {"family": scene.victim.family[:-1] + "q"},
    "with a letter of the given name left out": lambda scene: {"given": scene.victim.given[:3] + scene.victim.given[4:]},
}  # fmt: skip


def _undated(changes: Callable[[Scene], dict[str, Any]]) -> Act:
    """A police contact at another home, beside the records that are there."""

    def act(scene: Scene) -> None:
        there = scene.other()
        child = scene.as_another(**{"street": there.street, "code": there.code, "uprn": there.uprn} | changes(scene))
        scene.add("police", child, f"PN{scene.number}", date_of_birth="", age_estimate="12")

    return act


def _still(scene: Scene) -> None:
    """Nothing."""


def _nearly(scene: Scene) -> None:
    """A record with the names exchanged and a letter wrong, beside the one that asks."""
    _corrected(_ANEW["names exchanged, a letter wrong"])(scene)


def _wish_that_leaves(scene: Scene) -> None:
    """Social care withdraws its record in the very delivery in which it asks."""
    row = scene.add("social_care", scene.victim)
    row |= {"shield": SHIELD, "withdrawn": True}


def _known_to_the_police_alone(scene: Scene) -> None:
    """No record is left, and a police contact tells both names and an age."""
    scene.drop("health")
    there = scene.other()
    child = scene.as_another(street=there.street, code=there.code, uprn=there.uprn)
    scene.add("police", child, f"PN{scene.number}", date_of_birth="", age_estimate="12")


def _key_of_another(scene: Scene) -> None:
    """The key of the record that asked is a stranger's now, and the child is registered anew by another family name."""
    there = scene.other()
    key = str(scene.row("health")["local_patient_id"])
    scene.drop("health")
    scene.add("health", scene.other(3), key, open_=True)
    child = scene.as_another(family=scene.other(2).family, street=there.street, code=there.code, uprn=there.uprn)
    scene.add("health", child, f"HN{scene.number}", **_NONE)


ATTACKS = [
    *(
        Attack("duplicates", f"told by the police without a birth date, {name}, {when}", {0: acts(lambda scene: scene.appear("health"), *(first,)), 1: _ask, 2: acts(_quiet, *(then,))})
        for name, changes in _UNDATED.items()
        for when, first, then in (("there from the first", _undated(changes), _still), ("when the mark is gone", _still, _undated(changes)))
    ),
    Attack("duplicates", "a record with names exchanged and a letter wrong, there from the first", {0: acts(lambda scene: scene.appear("health"), _nearly), 1: _ask, 2: _quiet}),
    Attack("duplicates", "a record with names exchanged and a letter wrong, in the night of the mark", {0: lambda scene: scene.appear("health"), 1: acts(_ask, _nearly), 2: _quiet}),
    *(
        Attack("duplicates", f"asked for by a record that is withdrawn, and registered {name} {when}", {0: acts(_wish_that_leaves, *early), **({1: late} if late else {})})
        for name, changes in _ANEW.items() if name not in ("as it was", "another day and month")
        for when, early, late in (("the same night", (_corrected(changes),), None), ("the night after", (), _corrected(changes)))
    ),
    Attack("duplicates", "no record is left but a police contact without a birth date", {0: lambda scene: scene.appear("health"), 1: _ask, 2: _known_to_the_police_alone}),
    Attack("duplicates", "its key is given to a stranger when it is registered anew", {0: lambda scene: scene.appear("health"), 1: _ask, 2: _key_of_another}),
    *(
        Attack(
            "duplicates",
            f"registered anew as somebody else when no record is left, and corrected the night after, {name}",
            {0: acts(lambda scene: scene.appear("health"), _ask), 1: _anew(_nobody_yet), 2: _corrected(changes)},
        )
        for name, changes in _ANEW.items()
        if name not in ("as it was", "another day and month")
    ),
    *(
        Attack("duplicates", f"registered anew when no record is left, {name}", {0: lambda scene: scene.appear("health"), 1: _ask, 2: _anew(changes)})
        for name, changes in _ANEW.items()
    ),
    *(Attack("duplicates", f"{name}, there from the first", {0: acts(Scene.appear, other), 1: _ask, 2: _quiet}) for name, other in _KINDS.items()),
    *(Attack("duplicates", f"{name}, when the mark is gone", {0: Scene.appear, 1: _ask, 2: acts(_quiet, other)}) for name, other in _KINDS.items()),
    *(
        Attack("duplicates", f"{name}, in place of the record that asked", {0: lambda scene: scene.appear("health"), 1: _ask, 2: _in_place(other)})
        for name, other in _KINDS.items()
        if other is not _second_school_other_name  # who was only known by an NHS number cannot be told by a UPN
    ),
    Attack("duplicates", "the record that asked is withdrawn", {0: Scene.appear, 1: _ask, 2: _gone}),
    Attack("duplicates", "who asks is known to nobody else before", {1: acts(lambda scene: scene.appear("health"), _ask), 2: acts(_gone, lambda scene: scene.appear("education", "police"))}),
]  # fmt: skip
