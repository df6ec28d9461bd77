"""What keeps two children apart whatever the score says: each guard a condition over pairs, with its words.

Belongs here: reasons not to join by themselves. A guard either refuses a pair (the evidence says two children) or
sends it to review (it may be one child, but a person must say so). Verified identifiers that agree, cross-checked,
stand above most guards; the decisions of reviewers stand above all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.matching.arrays import Levels, Mask, Numbers, Positions
from pipelines.matching.comparing.compare import LEVELS, OTHER_NAMES
from pipelines.matching.comparing.identifiers import Identifiers
from pipelines.matching.comparing.levels import NOTHING
from pipelines.matching.reading.comparable import NO_DATE, NO_VALUE, Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.score import shares_of

__all__ = ["GUARDS", "UNBORN", "Guard", "guard"]


_GENERATION = 12  # years between two birth dates that belong to two people, however alike their names


@dataclass(frozen=True)
class Guard:
    """One reason not to join: its name, whether it refuses or asks, and the words."""

    name: str
    refuses: bool
    words: str


# the first that holds is the one named; 0 is "none"
GUARDS: tuple[Guard, ...] = (
    Guard("none", False, ""),
    Guard("identifier_conflict", True, "different verified {identifiers}"),
    Guard("generations", True, "birth dates are years apart: two people of one name"),
    Guard("twins", True, "same birth date but different given names: twins or two children"),
    Guard("twins_of_two_sexes", True, "same birth date but another sex and another form of given name: twins"),
    Guard("near_identical_names", False, "same birth date and two nearly identical given names: possibly twins"),
    Guard(
        "further_names_differ", False, "same birth date and a like first name, but other further names: possibly twins"
    ),
    Guard(
        "registered_twice",
        False,
        "two records of a feed that holds each child once, with the same birth date and two forms of a name: possibly twins",
    ),
    Guard(
        "names_in_another_order",
        False,
        "the same names in another order, and another birth date or sex: possibly a brother or sister",
    ),
    Guard(
        "renamed_and_moved",
        False,
        "another family name at another address and no identifier: possibly adopted, or another child",
    ),
    Guard("initials_alone", False, "of both given names only the same initial is told, and the family names differ"),
    Guard("no_given_name", False, "a given name is missing, so twins or siblings cannot be told apart"),
    Guard("unborn", False, "possibly the unborn child, now born"),
    Guard("names_alone", False, "nothing but the names agrees: many bear a common name"),
    Guard("birth_dates_differ", False, "birth dates differ and no identifier agrees"),
    Guard("identifier_unconfirmed", False, "same verified identifier, but neither birth date nor name agrees"),
    Guard(
        "identifier_of_twin",
        False,
        "same verified identifier and birth date, but different given names: possibly twins",
    ),
    Guard(
        "identifier_of_sibling",
        False,
        "same verified identifier, but of the rest only the family name agrees: possibly a brother's or sister's",
    ),
    # the two that a third record speaks for, see third_record.py
    Guard(
        "name_borne_by_another",
        False,
        "another record of that feed, of the same birth date, bears this very name: possibly twins",
    ),
    Guard("fits_two", False, "fits two that are not one, and nothing tells which"),
    Guard(
        "two_names_of_one",
        False,
        "different given names, but another record bears both: possibly one child",
    ),
)
_NUMBER = {guard.name: number for number, guard in enumerate(GUARDS)}
UNBORN = _NUMBER["unborn"]


def guard(
    people: Comparable,
    model: Model,
    left: Positions,
    right: Positions,
    levels: dict[str, Levels],
    identifiers: Identifiers,
    counted: Sequence[str] = (),
) -> Numbers:
    """The number of the first guard in `GUARDS` that stands against each pair; 0 where none does.

    `counted` names the sources that are meant to hold each person once.
    """
    once = np.isin(np.array(people.sources), list(counted))
    same_source = (people.source[left] == people.source[right]) & once[people.source[left]]
    if model.policy.guards == "people":
        return _of_people(levels, identifiers, same_source)
    given, family, birth, sex = (levels[name] for name in ("given_name", "family_name", "birth_date", "sex"))
    g, b = LEVELS["given_name"], LEVELS["birth_date"]
    known = (people.birth[left] > 0) & (people.birth[right] > 0)
    apart = known & (np.abs(people.year[left] - people.year[right]) >= _GENERATION)
    born_alike = birth >= b["digit"]
    other_sex = sex == 0
    trusted = identifiers.same & ~identifiers.conflict
    confirmed = trusted & _confirmed(levels)
    not_same_form = (given != g["same"]) & (given != NOTHING)
    established = _established(model, people)
    both_established = established[left] & established[right]
    sounds_same = (people.given_sound[left] == people.given_sound[right]) & (people.given_sound[left] != NO_VALUE)
    others_apart = levels["other_names"] == OTHER_NAMES["apart"]
    elsewhere = levels["address"] <= LEVELS["address"]["district"]
    like = (given == g["close"]) | (given == g["similar"])
    near_identical = (
        (like & both_established & ~sounds_same)
        | ((given == g["other"]) & others_apart)
        | ((given == g["similar"]) & elsewhere)
    )
    nameless = (people.given[left] < 0) & (people.given[right] < 0)
    crossed = LEVELS["family_name"]["crossed"]
    unborn = (people.expected[left] != NO_DATE) | (people.expected[right] != NO_DATE)
    conditions = {
        "identifier_conflict": identifiers.conflict,
        "identifier_unconfirmed": trusted & ~confirmed,
        "identifier_of_twin": trusted
        & (given == 0)
        & (birth == b["same"])
        & (family != 0)
        & both_established
        & ~_renamed(levels),
        "identifier_of_sibling": trusted & _of_the_family_alone(levels) & ~_renamed(levels),
        "generations": apart & ~trusted,
        "twins": (given == 0) & born_alike & ~trusted,
        "twins_of_two_sexes": not_same_form & other_sex & born_alike & ~trusted & (given != g["swapped"]),
        "near_identical_names": near_identical & born_alike & ~trusted,
        "further_names_differ": (given > 0) & (given != g["swapped"]) & others_apart & (birth == b["same"]) & ~trusted,
        "registered_twice": not_same_form & born_alike & same_source & ~trusted,
        "names_in_another_order": (levels["other_names"] == OTHER_NAMES["moved"])
        & ((birth < b["swapped"]) | other_sex)
        & ~trusted,
        "unborn": unborn & ~trusted,
        "renamed_and_moved": (given > 0)
        & ((family == 0) | (levels["other_names"] == OTHER_NAMES["titles"]))
        & (levels["address"] <= LEVELS["address"]["district"])
        & ~trusted,
        "initials_alone": _both_initials(people, left, right, (given > 0) & (family <= crossed) & ~trusted),
        "no_given_name": (given == NOTHING)
        & ((levels["address"] != LEVELS["address"]["dwelling"]) | nameless)
        & ~trusted,
        "names_alone": (birth == NOTHING)
        & (levels["address"] <= LEVELS["address"]["district"])
        & ~trusted
        & ~_a_number(levels),
        "birth_dates_differ": (birth == 0) & ~trusted,
    }
    return np.select(list(conditions.values()), [np.int8(_NUMBER[name]) for name in conditions], np.int8(0))


def _both_initials(people: Comparable, left: Positions, right: Positions, asked: Mask) -> Mask:
    """Whether both given names are a single letter, of the pairs that are `asked` for: the names of no others are read for it."""
    found = asked.copy()
    for rows in (left, right):
        told, place = np.unique(people.given[rows[asked]], return_inverse=True)
        found[asked] &= people.given_names.lengths_of(told)[place] == 1
    return found


def _of_people(levels: dict[str, Levels], identifiers: Identifiers, same_source: Mask) -> Numbers:
    """The guards that hold for anybody, where nobody says that the people are children."""
    trusted = identifiers.same & ~identifiers.conflict
    conditions = {
        "identifier_conflict": identifiers.conflict,
        "identifier_unconfirmed": trusted & ~_confirmed(levels),
        "registered_twice": (levels["given_name"] >= 0)
        & (levels["given_name"] != LEVELS["given_name"]["same"])
        & (levels["birth_date"] >= LEVELS["birth_date"]["digit"])
        & same_source
        & ~trusted,
    }
    return np.select(list(conditions.values()), [np.int8(_NUMBER[name]) for name in conditions], np.int8(0))


def _confirmed(levels: dict[str, Levels]) -> Mask:
    """Whether birth date or names bear out an identifier: one of them well, or two of them after a fashion."""
    given, family, birth = levels["given_name"], levels["family_name"], levels["birth_date"]
    well = (birth >= LEVELS["birth_date"]["digit"]) | (given >= LEVELS["given_name"]["other"])
    well |= family >= LEVELS["family_name"]["close"]
    return well | ((birth > 0).astype(np.int8) + (given > 0) + (family > 0) >= 2)


def _of_the_family_alone(levels: dict[str, Levels]) -> Mask:
    """Whether given name or birth date speaks against an identifier, and nothing but the family name for it."""
    given, family, birth = levels["given_name"], levels["family_name"], levels["birth_date"]
    return (family > 0) & (((given == 0) & (birth <= 0)) | ((birth == 0) & (given <= 0)))


def _a_number(levels: dict[str, Levels]) -> Mask:
    """Whether any number agrees, verified or not."""
    return np.any([levels[name] > 0 for name in ("nhs_number", "upn", "phone") if name in levels], axis=0)


def _renamed(levels: dict[str, Levels]) -> Mask:
    """Both identifiers agree: then another given name is a change of name."""
    same = LEVELS["upn"]["same"]
    return (levels["nhs_number"] == same) & (levels["upn"] == same)


def _established(model: Model, people: Comparable) -> Mask:
    """Whether a given name is one that people bear, not a slip of the keyboard: the model has met it often."""
    return shares_of(model, people, "given_name") > model.frequencies["given_name"].floor
