"""Text: words in which somebody has written where a hidden child lives or how it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.attacks.attack import Act, Attack, Scene, acts
from tests.attacks.victims import Victim, rare_word, victim

__all__ = ["ATTACKS"]


def _ask(scene: Scene) -> None:
    scene.asks()


def _quiet(scene: Scene) -> None:
    scene.quiet()


def _mine(agency: str, cells: Callable[[Victim], dict[str, Any]]) -> Act:
    """The victim's own record has these cells."""

    def act(scene: Scene) -> None:
        scene.row(agency).update(cells(scene.victim))

    return act


def _strangers(agency: str, cells: Callable[[Victim, Victim], dict[str, Any]]) -> Act:
    """A stranger's record, who lives elsewhere, has these cells."""

    def act(scene: Scene) -> None:
        other = replace(
            scene.other(), code=victim(scene.number + 27).code
        )  # some streets away, in the same postal district
        scene.add(agency, other, open_=True, **cells(scene.victim, other))

    return act


def _says(write: Callable[[Victim], str], then: Act) -> Act:
    """What somebody has written of it is looked for as a whole: its names by themselves may stand where carers' names do."""

    def act(scene: Scene) -> None:
        scene.silent.add(("reach", write(scene.victim)))
        then(scene)

    return act


def _named(family: str, given: str, **more: str) -> dict[str, Any]:
    return {"names": [{"family": family, "given": given, "type": "current", **more}]}


def _carer(name: str, relationship: str = "mother", contact: str = "") -> dict[str, Any]:
    return {"carers": [{"name": name, "relationship": relationship, **({"contact": contact} if contact else {})}]}


def _service(**cells: Any) -> dict[str, Any]:
    return {
        "involvements": [
            {"team": "Early Help", "worker": "A. Worker", "contact": "01632 960002", "sensitive": False, **cells}
        ]
    }


def _abroad(phone: str) -> str:
    return f"+44 (0) {phone[1:6]}-{phone[6:]}"


def _wide(text: str) -> str:
    return text.translate({0x30 + n: 0xFF10 + n for n in range(10)})


_OWN: dict[str, Act] = {
    "the street in its given name": _mine("health", lambda mine: {"given_name": f"{mine.given} of {mine.street}"}),
    "the postcode in its family name": _mine("health", lambda mine: {"family_name": f"{mine.family} {mine.postcode}"}),
    "the street without a number in its family name": _mine("health", lambda mine: {"family_name": f"{mine.family} {mine.street.partition(' ')[2]}"}),
    "the telephone in its former name": _mine("health", lambda mine: {"former_family_name": f"{mine.family} {mine.phone}"}),
    "the number in one name, the street in the other": _mine("health", lambda mine: {"given_name": f"{mine.given} {mine.street.split()[0]}", "family_name": mine.street.partition(" ")[2]}),
    "the postcode in the preferred surname": _mine("education", lambda mine: {"PreferredSurname": mine.postcode}),
    "the UPRN in the middle names": _mine("education", lambda mine: {"MiddleNames": f"Anne {mine.uprn}"}),
    "the street as an alias": _mine("social_care", lambda mine: {"names": [{"family": mine.family, "given": mine.given, "type": "current"}, {"family": mine.street, "given": mine.given, "type": "alias"}]}),
    "the street in its carer's name": _mine("health", lambda mine: {"carer_name": f"Maud, {mine.street}"}),
    "the postcode in its carer's name, in one": _mine("health", lambda mine: {"carer_name": f"Maud {mine.postcode.replace(' ', '')}"}),
    "the telephone in its carer's name": _mine("health", lambda mine: {"carer_name": f"Maud {mine.phone}"}),
    "the telephone in its carer's name as from abroad": _mine("social_care", lambda mine: _carer(f"Maud {_abroad(mine.phone)}", contact=mine.phone)),
    "the street in the carer's relationship": _mine("health", lambda mine: {"carer_relationship": f"mother, {mine.street}"}),
    "the street in a service": _mine("social_care", lambda mine: _service(team=f"Team {mine.street}")),
}  # fmt: skip
_OTHERS: dict[str, Act] = {
    "the street in a stranger's former name": _strangers("health", lambda mine, other: {"former_family_name": f"{other.family} {mine.street}"}),
    "the telephone as a stranger's carer's": _strangers("social_care", lambda mine, other: _carer("Maud", "aunt", mine.phone)),
    "the telephone as from abroad, a stranger's carer's": _strangers("social_care", lambda mine, other: _carer("Maud", "aunt", _abroad(mine.phone))),
    "the telephone among words, a stranger's carer's": _strangers("social_care", lambda mine, other: _carer("Maud", "aunt", f"evenings {mine.phone} or work")),
    "the telephone in a stranger's carer's name": _strangers("social_care", lambda mine, other: _carer(f"Maud {mine.phone}", "aunt")),
    "the street in a stranger's carer's name": _strangers("health", lambda mine, other: {"carer_name": f"c/o {mine.street}"}),
    "the postcode in a stranger's carer's relationship": _strangers("health", lambda mine, other: {"carer_relationship": f"aunt of {mine.postcode}"}),
    "the street in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"Family at {mine.street}")),
    "the telephone in a stranger's service": _strangers("social_care", lambda mine, other: _service(contact=mine.phone)),
    "the postcode in a stranger's practitioner": _strangers("social_care", lambda mine, other: _service(worker=f"A. Worker, {mine.postcode}")),
    "the street as a stranger's police unit": _strangers("police", lambda mine, other: {"unit": f"Response {mine.street}"}),
    "the street in a stranger's police contact": _strangers("police", lambda mine, other: {"contact_name": f"Sergeant at {mine.street}"}),
    "the street among a stranger's address lines": _strangers("health", lambda mine, other: {"address_line_2": f"formerly {mine.street}"}),
    "the telephone in wide digits in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"ring {_wide(mine.phone)}")),
    "the telephone in Arabic digits in a stranger's service": _strangers("social_care", lambda mine, other: _service(contact=mine.phone.translate({0x30 + n: 0x660 + n for n in range(10)}))),
    "the UPRN in wide digits in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"UPRN {_wide(mine.uprn)}")),
    "the postcode in wide digits as a stranger's alias": _strangers("social_care", lambda mine, other: {"names": [{"family": other.family, "given": other.given, "type": "current"}, {"family": "Zz", "given": _wide(mine.postcode), "type": "alias"}]}),
    "the postcode grown together with a word": _strangers("social_care", lambda mine, other: _service(team="at" + mine.postcode.replace(" ", ""))),
    "the postcode spaced out": _strangers("social_care", lambda mine, other: _service(team="at " + " ".join(mine.postcode.replace(" ", "")))),
    "the street with a hyphen in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"visits {mine.street[:6]}-{mine.street[6:]}")),
    "its name in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"Sibling contact with {mine.given} {mine.family}")),
    "its name in a stranger's practitioner": _strangers("social_care", lambda mine, other: _service(worker=f"with {mine.family.upper()}, {mine.given}")),
    "its name in a stranger's carer's relationship": _says(lambda mine: f"{mine.given} Anne {mine.family}", _strangers("social_care", lambda mine, other: _carer("Jo Bloggs", f"also mother of {mine.given} Anne {mine.family}"))),
    "its name as a stranger's service is reached": _strangers("social_care", lambda mine, other: _service(contact=f"ask for {mine.given} {mine.family}")),
    "its name with whose it is in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"{mine.given} {mine.family}'s cousin")),
    "its name with a letter wrong in a stranger's service": _strangers("social_care", lambda mine, other: _service(team=f"Contact with {mine.given} {mine.family[:-1]}q")),
    "the telephone among a stranger's address lines": _strangers("health", lambda mine, other: {"address_line_2": f"tel {mine.phone}"}),
}  # fmt: skip


def _cottage(scene: Scene) -> None:
    """A house that has a name and no number, and the child is called after it."""
    house = f"{rare_word(scene.number, 'house').title()} Cottage"
    scene.silent.add(("home", house))
    for agency, cells in {"health": {"address_line_1": house}, "police": {"location": f"{house}, Birmingham"}}.items():
        scene.row(agency).update(cells)
    scene.row("health")["family_name"] = f"{house} {scene.victim.family}"


def _mail(write: Callable[[str], str]) -> Act:
    """A stranger's carer has the electronic address of the child's."""

    def act(scene: Scene) -> None:
        address = f"{rare_word(scene.number, 'mail')}@example.org"
        scene.silent.add(("reach", address))
        scene.row("social_care").update(_carer(scene.victim.carer, contact=address))
        scene.add("social_care", scene.other(), open_=True, **_carer("Maud", "aunt", write(address)))

    return act


def _reached(write: Callable[[str], str]) -> Act:
    """The child's own record has the telephone among words, and a stranger's has it plainly."""

    def act(scene: Scene) -> None:
        scene.row("social_care").update(_carer(scene.victim.carer, contact=write(scene.victim.phone)))
        scene.add("social_care", scene.other(), open_=True, **_carer("Maud", "aunt", scene.victim.phone))

    return act


# lines of a stranger's address, names by which a stranger is registered
_NAMING: dict[str, Act] = {
    **{
        f"{name} in a stranger's address": _strangers("social_care", lambda mine, other, write=write: {
            "address": {"lines": [write(mine), other.street, "Birmingham"], "postcode": other.postcode}})
        for name, write in {
            "care of its mother": lambda mine: f"c/o {mine.carer}",
            "care of Mrs": lambda mine: f"C/O Mrs {mine.carer}",
            "its mother as a line": lambda mine: mine.carer.upper(),
            "care of itself": lambda mine: f"c/o {mine.given} {mine.family}",
            "its family": lambda mine: f"The {mine.family} Family",
            "lodging with its mother": lambda mine: f"(lodging with {mine.carer})",
        }.items()
    },
    "its mother's home as the place of an incident": _strangers("police", lambda mine, other: {"location": f"{other.street}, home of {mine.carer}, Birmingham"}),
    "baby of its mother as a given name": _strangers("health", lambda mine, other: {"given_name": f"Baby of {mine.carer}"}),
    "its twin as other given names": _strangers("health", lambda mine, other: {"other_given_names": f"twin of {mine.given} {mine.family}"}),
    "its sibling as a family name": _strangers("health", lambda mine, other: {"family_name": f"{other.family} (sibling of {mine.given} {mine.family})"}),
    "child of its mother as forenames": _strangers("police", lambda mine, other: {"forenames": f"child of {mine.carer}"}),
}  # fmt: skip

# the word that is shown of the child is that of the agency trusted most for it: these are not known to those trusted more than health
_KNOWN_TO_FEW = {"the street without a number in its family name", "the number in one name, the street in the other"}
_IN_A_NAME = "judging: a name with a digit in it is set aside"
_OF_A_HIDDEN_CHILD = "shielding: of a hidden child itself this is not shown"
_HELD_BY = {
    **dict.fromkeys((
        "the street in its given name", "the postcode in its family name", "the telephone in its former name", "the postcode in the preferred surname",
        "the UPRN in the middle names", "the street as an alias", "the street in its carer's name", "the postcode in its carer's name, in one",
        "the telephone in its carer's name", "the telephone in its carer's name as from abroad", "the street in a stranger's former name",
        "the telephone in a stranger's carer's name", "the street in a stranger's carer's name", "the postcode in wide digits as a stranger's alias",
    ), _IN_A_NAME),
    "the street in the carer's relationship": _OF_A_HIDDEN_CHILD,
    "the street in a service": _OF_A_HIDDEN_CHILD,
}  # fmt: skip


def _few(scene: Scene) -> None:
    scene.appear("health", "police")


def _appear(name: str) -> Act:
    return _few if name in _KNOWN_TO_FEW else Scene.appear


ATTACKS = [
    *(Attack("text", name, {0: acts(Scene.appear, act), 1: _ask, 2: _quiet}) for name, act in _NAMING.items()),
    *(Attack("text", name, {0: acts(_appear(name), act), 1: _ask, 2: _quiet}, held_by=_HELD_BY.get(name, "")) for name, act in (_OWN | _OTHERS).items()),
    *(Attack("text", f"{name}, when the mark is gone", {0: _appear(name), 1: _ask, 2: acts(_quiet, act)}, held_by=_HELD_BY.get(name, "")) for name, act in list((_OWN | _OTHERS).items())[::6]),
    Attack("text", "the name of the house in its family name", {0: acts(_few, _cottage), 1: _ask, 2: _quiet}),
    Attack("text", "its carer's electronic address, a stranger's carer's", {0: acts(Scene.appear, _mail(lambda address: f"write to {address.upper()}")), 1: _ask, 2: _quiet}),
    Attack("text", "its carer's electronic address at the end of a sentence", {0: acts(Scene.appear, _mail(lambda address: f"Write {address}.")), 1: _ask, 2: _quiet}),
    Attack("text", "its carer's electronic address as a link", {0: acts(Scene.appear, _mail(lambda address: f"mailto:{address}/x")), 1: _ask, 2: _quiet}),
    Attack("text", "its telephone, with a stroke and among words in its own record", {0: acts(Scene.appear, _reached(lambda phone: f"Tel:{phone.replace(' ', '/')} (mum)")), 1: _ask, 2: _quiet}),
    Attack("text", "its telephone, in wide digits in its own record", {0: acts(Scene.appear, _reached(_wide)), 1: _ask, 2: _quiet}),
]  # fmt: skip
