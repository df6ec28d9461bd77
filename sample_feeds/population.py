"""The children of one authority as they really are: households, siblings, twins, adopted children, unborn ones.

Belongs here: the truth about each child, as columns. Not here: what an agency has on file (agencies/), how names are
misspelled (spelling.py), what happens from night to night (world.py).

Shares, from life: 2.9 % of children are twins or more, two thirds of twin pairs of one sex; one twin in twenty has a
name very like the other's, one in eight the same initial; 0.1 % of children were adopted and have two identities that
must never meet; 0.4 % are shielded; 45 % of households have moved, 12 % of children have a second home.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sample_feeds.customs import CUSTOMS, custom_of_homes, further_parts
from sample_feeds.identifiers import nhs_numbers, phone_numbers, upns
from sample_feeds.names import names
from sample_feeds.places import Addresses, Places, known_authorities
from sample_feeds.randomness import Objects, as_objects, stream

__all__ = ["Children", "make_children"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]

_WITH_MIDDLE_NAMES = [list(CUSTOMS).index(word) for word in ("british", "eastern_european", "iberian")]
_RELATIONSHIPS = as_objects(["Mother", "Father", "Grandmother", "Foster carer", "Stepfather", "Aunt"])
_RELATIONSHIP_SHARES = np.cumsum([0.72, 0.2, 0.03, 0.02, 0.02, 0.01])


@dataclass
class Children:
    """One column per fact, one place per identity (an adopted child has two).

    `custom` is a place in CUSTOMS, `way` the luck by which the family mostly writes the name in one of the custom's ways,
    `mark`, `father` and `elder` what the custom adds to it. Dates are days; `address`, `former_address`, `second_address` are places in `Addresses` (-1: none); `twin_set` and
    `adopted_pair` are -1 when there is none, else shared by those who belong together; `closed_identity` marks the
    identity an adopted child had before. `born` is False for the expected, whose `birth` is the expected day.
    """

    household: Ints
    custom: Ints
    way: NDArray[np.float64]
    given: Objects
    middle: Objects
    family: Objects
    other_family: Objects
    mark: Objects
    father: Objects
    elder: Objects
    sex: Objects
    birth: Days
    born: Flags
    twin_set: Ints
    adopted_pair: Ints
    closed_identity: Flags
    shielded: Flags
    nhs_number: Objects
    former_nhs_number: Objects
    upn: Objects
    former_upn: Objects
    address: Ints
    former_address: Ints
    second_address: Ints
    moved_on: Days
    school: Objects
    practice: Objects
    carer: Objects
    carer_relationship: Objects
    carer_phone: Objects

    def __len__(self) -> int:
        return len(self.household)

    def take(self, at: NDArray[np.int64]) -> Children:
        """Copies of the children at `at`."""
        return Children(**{field.name: getattr(self, field.name)[at] for field in fields(self)})

    def extend(self, others: Children) -> None:
        """Append `others`."""
        for field in fields(self):
            joined = np.concatenate([getattr(self, field.name), getattr(others, field.name)])
            setattr(self, field.name, joined)


def make_children(here: Places, addresses: Addresses, count: int, seed: int, day: dt.date, start: int = 0) -> Children:
    """About `count` children under 18 on `day`, with some young people to 24 and the unborn of the same households.

    Args:
        here: the authority's places.
        addresses: where new addresses are added.
        count: children under 18; exactly so many, adopted children's former identities not counted.
        seed: of the night's world.
        day: the day their ages are of.
        start: how many identities the authority has had before (keeps identifiers apart).
    """
    rng = stream(seed, "children", here.authority, start)
    household, age = _ages(rng, count)
    twin = rng.random(len(age)) < 0.0148
    if not twin.any():
        twin[np.flatnonzero((age >= 5) & (age < 18))[:1]] = True
    twin_set = np.where(twin, np.arange(len(age)), -1)
    copies = np.repeat(np.arange(len(age)), np.where(twin, np.where(rng.random(len(age)) < 0.02, 3, 2), 1))
    household, age, twin_set = household[copies], age[copies], twin_set[copies]
    keep = _keep(age, count)
    household, age, twin_set = household[keep], age[keep], twin_set[keep]
    n = len(age)
    birth = np.datetime64(day, "D") - np.floor(age * 365.2425).astype(np.int64)
    first_of_set = np.concatenate([[True], (twin_set[1:] != twin_set[:-1]) | (twin_set[1:] < 0)])
    sex = np.where(rng.random(n) < 0.513, "M", "F").astype(object)
    like_first = ~first_of_set & (rng.random(n) < 0.66)
    sex[like_first] = sex[np.maximum(np.flatnonzero(like_first) - 1, 0)]
    _, household = np.unique(household, return_inverse=True)
    homes = int(household.max()) + 1
    custom = custom_of_homes(rng, known_authorities()[here.authority]["region"], homes)[household]
    family, other_family = _family_names(rng, household, custom, sex, homes, twin_set >= 0)
    given = _given_names(rng, custom, sex, household, twin_set, ~first_of_set)
    middle = _draw_given(rng, custom, sex)
    middle[rng.random(n) < np.where(np.isin(custom, _WITH_MIDDLE_NAMES), 0.25, 0.85)] = None
    mark, father, elder = further_parts(rng, custom, sex, household)
    home = addresses.add(rng, homes)
    had_move = rng.random(homes) < 0.45
    former = np.full(homes, -1)
    former[had_move] = addresses.add(rng, int(had_move.sum()))
    second = np.full(n, -1)
    has_second = rng.random(n) < 0.12
    second[has_second] = addresses.add(rng, int(has_second.sum()))
    moved_on = np.datetime64(day, "D") - rng.integers(20, 2_000, homes)
    relationship = _RELATIONSHIPS[np.searchsorted(_RELATIONSHIP_SHARES[:-1], rng.random(homes))]
    adult = _draw_given(
        rng, _of_homes(custom, household), np.where(np.isin(relationship, ("Father", "Stepfather")), "M", "F")
    )
    born, shielded = age >= 0, rng.random(n) < 0.004
    if not shielded.any():
        shielded[np.flatnonzero((age >= 5) & (twin_set < 0))[:1]] = True
    children = Children(
        household=household.astype(np.int64) + start, custom=custom, way=rng.random(homes)[household], given=given,
        middle=middle, family=family, other_family=other_family, mark=mark, father=father, elder=elder, sex=sex, birth=birth, born=born,
        twin_set=np.where(twin_set >= 0, twin_set + start * 2, -1), adopted_pair=np.full(n, -1),
        closed_identity=np.zeros(n, bool), shielded=shielded,
        nhs_number=as_objects([""] * n), former_nhs_number=np.full(n, None, object), upn=as_objects([""] * n),
        former_upn=np.full(n, None, object), address=home[household], former_address=former[household],
        second_address=second, moved_on=moved_on[household], school=np.full(n, None, object),
        practice=here.practices.draw(rng, homes)[household],
        carer=(adult + " " + _of_homes(family, household))[household], carer_relationship=relationship[household],
        carer_phone=phone_numbers(rng, homes)[household],
    )  # fmt: skip
    children.extend(_adopted(rng, children))
    _give_identifiers(rng, here, children, seed, start)
    _give_schools(rng, here, children, np.datetime64(day, "D"))
    return children


def _ages(rng: np.random.Generator, count: int) -> tuple[Ints, NDArray[np.float64]]:
    """Household and age of each child; more than `count`, some still expected (age below 0), none 25 or more."""
    homes = int(count * 0.78) + 8
    size = rng.choice([1, 2, 3, 4, 5], homes, p=[0.38, 0.39, 0.15, 0.06, 0.02])
    household = np.repeat(np.arange(homes), size)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    gap = 1.0 + rng.gamma(2.2, 0.9, len(household))
    gap[first] = 0
    elapsed = np.cumsum(gap)
    elapsed -= elapsed[first][household]
    age = rng.uniform(0, 21.5, homes)[household] - elapsed
    kept = (age > -0.6) & (age < 25)
    return household[kept], age[kept]


def _keep(age: NDArray[np.float64], count: int) -> Flags:
    """Which to keep so that exactly `count` (or all there are) are under 18, few older, and very few unborn."""
    under = (age >= 0) & (age < 18)
    kept = under & (np.cumsum(under) <= count)
    last = int(np.flatnonzero(kept)[-1]) + 1 if kept.any() else 0
    place = np.arange(len(age))
    kept |= (age >= 18) & (place % 6 == 0) & (place < last)
    unborn = (age < 0) & (place < last)
    return kept | (unborn & (np.cumsum(unborn) <= max(2, count // 800)))


def _family_names(
    rng: np.random.Generator, household: Ints, custom: Ints, sex: Objects, homes: int, twin: Flags
) -> tuple[Objects, Objects]:
    """Family name of each child, and another one they are or were known by (None mostly)."""
    of_home = _of_homes(custom, household)
    name, other = _draw_family(rng, of_home), _draw_family(rng, of_home)
    double = (rng.random(homes) < 0.045) & (of_home == 0)
    name[double] = name[double] + "-" + other[double]
    family = name[household]
    n = len(household)
    half = (rng.random(n) < 0.06) & ~twin
    alone = _draw_family(rng, custom)
    family[half] = alone[half]
    polish = (sex == "F") & (custom == list(CUSTOMS).index("eastern_european"))
    family[polish] = [text[:-1] + "a" if text.endswith("ski") else text for text in family[polish]]
    known_by = np.full(n, None, object)
    changed = rng.random(n) < 0.05
    known_by[changed] = other[household][changed]
    known_by[known_by == family] = None
    return family, known_by


def _given_names(
    rng: np.random.Generator, custom: Ints, sex: Objects, household: Ints, twin_set: Ints, later_twin: Flags
) -> Objects:
    """Given names: no two children of a household alike; some twins nearly so."""
    given = _draw_given(rng, custom, sex)
    for _ in range(6):
        key = np.char.add(household.astype("U9"), given.astype("U40"))
        _, first = np.unique(key, return_index=True)
        again = np.ones(len(given), bool)
        again[first] = False
        if not again.any():
            break
        given[again] = _draw_given(rng, custom[again], sex[again])
    chance = rng.random(len(given))
    for place in np.flatnonzero(later_twin & (twin_set >= 0) & (chance < 0.175)):
        pool = names().given[list(CUSTOMS)[custom[place]], sex[place]].values[:400]
        elder = given[place - 1]
        given[place] = (
            _like(elder, pool) if chance[place] < 0.05 else _same_initial(elder, pool, int(chance[place] * 1e6))
        )
    return given


def _like(name: str, pool: Objects) -> str:
    """The name of `pool` most like `name` without being it, or `name` with its last vowel changed."""
    from rapidfuzz.distance import JaroWinkler

    scores = [JaroWinkler.similarity(name, other) if other != name else 0.0 for other in pool]
    best = int(np.argmax(scores))
    return str(pool[best]) if scores[best] >= 0.88 else name[:-1] + ("e" if name[-1:] == "a" else "a")


def _same_initial(name: str, pool: Objects, number: int) -> str:
    fitting = [other for other in pool if other[0] == name[0] and other != name]
    return fitting[number % len(fitting)] if fitting else name + "a"


def _adopted(rng: np.random.Generator, children: Children) -> Children:
    """A second identity for the adopted: the one they had before, elsewhere, under another name."""
    able = np.flatnonzero(children.born & (children.twin_set < 0) & ~children.shielded)
    chosen = np.sort(rng.permutation(able)[: max(1, len(able) // 1_000)]) if len(able) else able
    before = children.take(chosen)
    children.adopted_pair[chosen] = chosen
    children.other_family[chosen] = None
    before.adopted_pair = chosen.copy()
    before.closed_identity = np.ones(len(chosen), bool)
    before.family = _draw_family(rng, before.custom)
    before.mark, before.father, before.elder = further_parts(
        rng, before.custom, before.sex, np.arange(len(chosen), dtype=np.int64)
    )
    new_name = rng.random(len(chosen)) < 0.4
    before.given[new_name] = _draw_given(rng, before.custom, before.sex)[new_name]
    before.household = children.household.max(initial=0) + 1 + np.arange(len(chosen))
    before.other_family = np.full(len(chosen), None, object)
    others = rng.permutation(len(children))[: len(chosen)]
    before.address, before.former_address = children.former_address[others], np.full(len(chosen), -1)
    before.address = np.where(before.address < 0, children.address[others], before.address)
    before.second_address = np.full(len(chosen), -1)
    before.carer = _draw_given(rng, before.custom, np.full(len(chosen), "F", object)) + " " + before.family
    return before


def _give_identifiers(rng: np.random.Generator, here: Places, children: Children, seed: int, start: int) -> None:
    n = len(children)
    block = here.ordinal * 1_750_000 + int(start * 1.4)
    children.nhs_number = nhs_numbers(block, n, seed)
    superseded = np.flatnonzero((rng.random(n) < 0.004) & children.born)
    children.former_nhs_number[superseded] = nhs_numbers(block + 1_400_000, len(superseded), seed)
    year = children.birth.astype("datetime64[Y]").astype(np.int64) + 1970 + 4
    children.upn = upns(np.full(n, int(here.authority)), year, start + np.arange(n))
    moved_in = np.flatnonzero(rng.random(n) < 0.06)
    turn = start // 16 + np.arange(len(moved_in))
    closed = np.array([820, 875, 909, 928])[turn // 6_000 % 4]  # closed authorities: a UPN outlives its authority
    children.upn[moved_in] = upns(closed, year[moved_in], here.ordinal * 6_000 + turn % 6_000)
    changed = np.flatnonzero(rng.random(n) < 0.01)
    turn = (start // 100 + np.arange(len(changed))) % 6_000
    children.former_upn[changed] = upns(np.full(len(changed), 837), year[changed], here.ordinal * 6_000 + turn)


def _give_schools(rng: np.random.Generator, here: Places, children: Children, day: np.datetime64) -> None:
    """Primary schools to ten, secondary from eleven; a household's children mostly share theirs."""
    homes, household = np.unique(children.household, return_inverse=True)
    own = rng.random(len(children)) < 0.15
    age = (day - children.birth).astype(np.int64) / 365.2425
    primary, secondary = here.primary.draw(rng, len(homes))[household], here.secondary.draw(rng, len(homes))[household]
    primary[own], secondary[own] = here.primary.draw(rng, int(own.sum())), here.secondary.draw(rng, int(own.sum()))
    children.school = np.where(age >= 11.2, secondary, primary)
    children.school[(age < 4.1) | ~children.born] = None


def _draw_given(rng: np.random.Generator, custom: Ints, sex: Objects) -> Objects:
    drawn = np.full(len(custom), None, object)
    for place, word in enumerate(CUSTOMS):
        for letter in ("M", "F"):
            chosen = (custom == place) & (sex == letter)
            drawn[chosen] = names().given[word, letter].draw(rng, int(chosen.sum()))
    return drawn


def _draw_family(rng: np.random.Generator, custom: Ints) -> Objects:
    drawn = np.full(len(custom), None, object)
    for place, word in enumerate(CUSTOMS):
        chosen = custom == place
        drawn[chosen] = names().family[word].draw(rng, int(chosen.sum()))
    return drawn


def _of_homes(values: NDArray, household: Ints) -> NDArray:  # type: ignore[type-arg]
    """The value of each household's first child; `household` counts from 0 without gaps."""
    _, first = np.unique(household, return_index=True)
    return values[first]
