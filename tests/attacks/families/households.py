"""Households: the child is hidden, and somebody who lives with it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.attacks.attack import Act, Attack, Scene, acts
from tests.attacks.victims import Victim

__all__ = ["ATTACKS"]


def _ask(scene: Scene) -> None:
    scene.asks()


def _quiet(scene: Scene) -> None:
    scene.quiet()


def _sister(scene: Scene, **changes: Any) -> Victim:
    """Another child, who lives where the victim does."""
    mine, other = scene.victim, scene.other()
    scene.shared.add(mine.family)
    return replace(
        other, **{"family": mine.family, "street": mine.street, "code": mine.code, "uprn": mine.uprn, **changes}
    )


def _with(*agencies: str, **cells: Any) -> Act:
    def act(scene: Scene) -> None:
        for agency in agencies or ("health", "education", "police", "social_care"):
            scene.add(agency, _sister(scene), open_=True, **cells)

    return act


def _written(write: Callable[[Victim], dict[str, Any]], agency: str = "health") -> Act:
    """The sister's record at the victim's home, its address written in another way."""

    def act(scene: Scene) -> None:
        scene.add(agency, _sister(scene), open_=True, **write(scene.victim))

    return act


def _brother_of_another_name(scene: Scene) -> None:
    for agency in ("health", "social_care"):
        scene.add(agency, _sister(scene, family=scene.other().family, sex="M"), open_=True)


def _by_uprn(scene: Scene) -> None:
    scene.add("education", _sister(scene, code=""), open_=True, AddressLine1="", AddressLine3="")


def _in_the_care_of_the_same(scene: Scene) -> None:
    """A friend who lives elsewhere, with the same carer's telephone."""
    mine = scene.victim
    scene.add(
        "social_care",
        scene.other(),
        open_=True,
        carers=[{"name": scene.other().carer, "relationship": "aunt", "contact": mine.phone}],
    )


def _nameless(scene: Scene) -> None:
    scene.add("police", _sister(scene, family="", given=""), open_=True)


def _moves_with_sister(scene: Scene) -> None:
    there = scene.other(2)
    for agency in ("health", "education", "police", "social_care"):
        scene.add(agency, scene.as_another(street=there.street, code=there.code, uprn=there.uprn))
    scene.add("health", _sister(scene, street=there.street, code=there.code, uprn=there.uprn), open_=True)


def _moves_and_sister_stays(scene: Scene) -> None:
    there = scene.other(2)
    for agency in ("health", "education", "police", "social_care"):
        scene.add(agency, scene.as_another(street=there.street, code=there.code, uprn=there.uprn))


def _everywhere_gone(scene: Scene) -> None:
    for agency in ("health", "education", "social_care"):
        scene.drop(agency)


def _spaced(number: str) -> str:
    return f" 0{number[:4]} {number[4:]}"


def _plain(family_act: Act, *, when: int = 0) -> dict[int, Act]:
    nights: dict[int, Act] = {0: Scene.appear, 1: _ask, 2: _quiet}
    nights[when] = acts(nights[when], family_act)
    return nights


_WRITTEN: dict[str, tuple[Callable[[Victim], dict[str, Any]], str]] = {
    "without a postcode": (lambda mine: {"postcode": ""}, "health"),
    "with a slip in the postcode": (lambda mine: {"postcode": mine.postcode[:-1] + ("A" if mine.postcode[-1] != "A" else "B")}, "health"),
    "with Rd for Road": (lambda mine: {"address_line_1": mine.street.replace("Road", "Rd"), "postcode": ""}, "health"),
    "in capitals, with a comma and a point": (lambda mine: {"address_line_1": mine.street.upper().replace(" ", ", ", 1) + ".", "postcode": mine.postcode.lower()}, "health"),
    "number and street on two lines": (lambda mine: {"address_line_1": mine.street.split()[0], "address_line_2": mine.street.partition(" ")[2]}, "health"),
    "street before the number": (lambda mine: {"address_line_1": f"{mine.street.partition(' ')[2]} {mine.street.split()[0]}"}, "health"),
    "with a flat before it": (lambda mine: {"address_line_1": f"Flat 2, {mine.street}"}, "health"),
    "as a postcode alone": (lambda mine: {"address_line_1": "", "address_line_2": ""}, "health"),
    "with accents": (lambda mine: {"address_line_1": mine.street.replace("o", "ò").replace("a", "á"), "postcode": ""}, "health"),
    "with the postcode in the line": (lambda mine: {"address_line_1": f"{mine.street} {mine.postcode}", "postcode": ""}, "health"),
    "as the place of an incident": (lambda mine: {"location": f"outside {mine.street}, Birmingham"}, "police"),
    "as an incident's place without a postcode": (lambda mine: {"location": f"{mine.street}, Birmingham", "postcode": ""}, "police"),
    "as the last known address": (lambda mine: {"address": {"lines": [mine.street], "postcode": mine.postcode, "status": "last_known"}}, "social_care"),
    **{
        f"strangely, without a postcode: {name}": (lambda mine, write=write: {"address_line_1": write(mine.street), "postcode": ""}, "health")
        for name, write in {
            "No. before it": lambda street: f"No.{street}",
            "number and street grown together": lambda street: street.replace(" ", "", 1),
            "a hyphen in the street": lambda street: f"{street[:6]}-{street[6:]}",
            "a space in the street": lambda street: f"{street[:6]} {street[6:]}",
            "a range of numbers": lambda street: street.replace(" ", "-98 ", 1),
            "The before the street": lambda street: street.replace(" ", " The ", 1),
            "no Road": lambda street: street.removesuffix(" Road"),
            "noughts before the number": lambda street: f"0{street}",
            "a soft hyphen": lambda street: f"{street[:6]}\u00ad{street[6:]}",
            "a space of no width": lambda street: f"{street[:6]}\u200b{street[6:]}",
            "another apostrophe": lambda street: f"{street[:6]}\u02bc{street[6:]}",
            "wide digits and letters": lambda street: street.translate({n: n + 0xFEE0 for n in range(0x30, 0x7B)}),
            "Cyrillic letters": lambda street: street.translate({ord("o"): "\u043e", ord("a"): "\u0430"}),
        }.items()
    },
    "with a nought before the number and the right postcode": (lambda mine: {"address_line_1": f"0{mine.street}"}, "health"),
    "with a slip in the postcode's first letter": (lambda mine: {"postcode": f"C{mine.postcode[1:]}"}, "health"),
    "with the postcode in the line in wide letters": (lambda mine: {"address_line_1": "near " + mine.postcode.translate({n: n + 0xFEE0 for n in range(0x30, 0x5B)}), "postcode": ""}, "health"),
    "with the postcode in the line, spaced out": (lambda mine: {"address_line_1": "near " + " ".join(mine.postcode.replace(" ", "")), "postcode": ""}, "health"),
    "as a UPRN with a nought and a space": (lambda mine: {"AddressLine1": "", "AddressLine3": "", "Postcode": "", "UPRN": _spaced(mine.uprn)}, "education"),
}  # fmt: skip


_HELD_BY = {"as a UPRN with a nought and a space": "judging: what is not one to twelve digits is set aside"}


def _moved_in_one_feed(scene: Scene) -> None:
    """The sister is at a new home, as one agency has heard; the victim stays where it was, for all that is known."""
    there = scene.other(2)
    sister = _sister(scene, street=there.street, code=there.code, uprn=there.uprn)
    scene.add("health", sister, open_=True)
    scene.guard(scene.as_another(street=there.street, code=there.code, uprn=there.uprn), names=False)


def _half_sister_moved(carer: Callable[[Scene], str]) -> Act:
    """A half-sister by another family name lived there; one agency has heard of her new home, and of a carer."""

    def act(scene: Scene) -> None:
        there = scene.other(2)
        hers = {"family": scene.other().family, "carer": carer(scene), "phone": scene.other().phone}
        scene.add("education", _sister(scene, **hers), open_=True)
        scene.add("health", _sister(scene, **hers, street=there.street, code=there.code, uprn=there.uprn), open_=True)
        scene.shared.add(scene.victim.carer.split()[0])
        scene.guard(scene.as_another(street=there.street, code=there.code, uprn=there.uprn), names=False)

    return act


# how another agency writes the mother of both
_CARERS: dict[str, Callable[[Scene], str]] = {
    "as she is": lambda scene: scene.victim.carer,
    "with a middle name": lambda scene: " Anne ".join(scene.victim.carer.split()),
    "with her partner": lambda scene: f"{scene.victim.carer} & Tom Rixby",
    "with a letter wrong": lambda scene: scene.victim.carer[:-1] + "q",
    "by a double name": lambda scene: f"{scene.victim.carer}-Rixby",
}  # fmt: skip


def _another_house_number(scene: Scene) -> None:
    """The sister's house number has a digit too many; mother, telephone, street and postcode are the same."""
    number, _, street = scene.victim.street.partition(" ")
    sister = _sister(scene, street=f"7{number} {street}", carer=scene.victim.carer, phone=scene.victim.phone, uprn="")
    scene.add("health", sister, open_=True)


ATTACKS = [
    Attack("households", "a sister who moves first, as one agency has heard", {0: acts(Scene.appear, _with()), 1: _ask, 2: acts(_quiet, _moved_in_one_feed)}),
    *(Attack("households", f"a half-sister who moves, the mother written {name}", {0: acts(Scene.appear, _half_sister_moved(carer)), 1: _ask, 2: _quiet}) for name, carer in _CARERS.items()),
    Attack("households", "a sister with a digit too many in the house number", _plain(_another_house_number)),
    Attack("households", "a sister in every feed", _plain(_with())),
    Attack("households", "a sister in one feed", _plain(_with("education"))),
    Attack("households", "a brother of another family name", _plain(_brother_of_another_name)),
    Attack("households", "a sister who comes when the mark is gone", _plain(_with(), when=2)),
    Attack("households", "a sister told by the UPRN alone", _plain(_by_uprn)),
    Attack("households", "a record without a name at the home", _plain(_nameless)),
    Attack("households", "a friend elsewhere with the carer's telephone", _plain(_in_the_care_of_the_same)),
    Attack("households", "both move, the child's old home stays hidden and the new one is", _plain(acts(_with(), _moves_with_sister), when=2)),
    Attack("households", "the child moves and the sister stays", {0: acts(Scene.appear, _with()), 1: _ask, 2: acts(_quiet, _moves_and_sister_stays)}),
    Attack("households", "the sister's home, when the child is withdrawn by all but the police", {0: acts(Scene.appear, _with("health")), 1: _ask, 2: _everywhere_gone}),
    *(Attack("households", f"a sister whose address is written {name}", _plain(_written(write, agency)), held_by=_HELD_BY.get(name, "")) for name, (write, agency) in _WRITTEN.items()),
]  # fmt: skip
