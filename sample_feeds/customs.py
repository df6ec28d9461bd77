"""Naming customs: how many children of a region follow each, and in which ways the name of one child is written.

Belongs here: what of a full name a record takes as given, further and family name, in which order, cut where, spelled by
which of several usual spellings. Not here: which names there are (names.py) and how any name is misspelled (spelling.py).

Shares are those of pupils in English schools: of ethnic groups in the school census of 2024/25 (Pakistani 4.7 %,
Bangladeshi 1.8 %, Indian 4.2 %, other Asian 2.3 %, Black African 5.2 %, Chinese 0.8 %, other White about 7 %, any other
group 2.5 %), parted by first languages (census of January 2015: Panjabi 1.3 %, Polish 1.3 %, Somali 0.7 %, Arabic 0.6 %,
Gujarati 0.6 %, Portuguese 0.4 %, Tamil 0.4 %). How regions differ from the whole, and how often a family's name is written
in which way, are judgements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sample_feeds.names import fold, names
from sample_feeds.randomness import Objects, as_objects

__all__ = ["CUSTOMS", "FullNames", "custom_of_homes", "further_parts", "written"]

Ints = NDArray[np.int64]

CUSTOMS: dict[str, float] = {
    "british": 0.745,
    "south_asian_muslim": 0.075,
    "sikh": 0.013,
    "hindu": 0.022,
    "tamil": 0.008,
    "horn_of_africa": 0.014,
    "arab": 0.019,
    "west_african": 0.036,
    "eastern_european": 0.042,
    "iberian": 0.016,
    "chinese": 0.010,
}
# how much more frequent other customs than the British are in a region
_REGIONS = {
    "London": 2.3,
    "West Midlands": 1.2,
    "North West": 0.85,
    "Yorkshire and The Humber": 0.85,
    "East Midlands": 0.9,
    "East of England": 0.8,
    "South East": 0.8,
    "South West": 0.4,
    "North East": 0.4,
}
_MOHAMMED = ("Mohammed", "Muhammad", "Mohammad", "Mohamed", "Muhammed", "Md", "Mohd")
_LAST_OF_GIRLS = ("Begum", "Bibi", "Khatun", "Khanom", "Akhter", "Khan")
_PARTICLES = ("da ", "dos ", "de la ", "del ", "de ")


@dataclass
class FullNames:
    """All that a child may be called by, one place per child; a text is None where there is no such name.

    `custom` is a place in CUSTOMS, `way` the luck by which the family mostly writes the name in one of the custom's ways.
    `own` and `middle` are given names, `family` the family's (two words for Iberian ones), `mark` what a custom adds
    (Singh or Kaur, Mohammed or Begum, the second family name, the name of the other language), `father` and `elder` the given
    names of father and grandfather.
    """

    custom: Ints
    way: NDArray[np.float64]
    sex: Objects
    own: Objects
    middle: Objects
    family: Objects
    mark: Objects
    father: Objects
    elder: Objects

    def take(self, at: Ints) -> FullNames:
        """Copies of those at `at`."""
        return FullNames(**{field.name: getattr(self, field.name)[at] for field in fields(self)})


Written = tuple[Objects, Objects, Objects]  # given, further, family
Way = Callable[[FullNames], Written]


def custom_of_homes(rng: np.random.Generator, region: str, homes: int) -> Ints:
    """The custom of each of `homes` households, as a place in CUSTOMS."""
    shares = np.array(list(CUSTOMS.values()))
    shares[1:] *= _REGIONS.get(region, 1.0)
    shares[0] = max(0.25, 1 - shares[1:].sum())
    return np.searchsorted(np.cumsum(shares / shares.sum())[:-1], rng.random(homes)).astype(np.int64)


def further_parts(
    rng: np.random.Generator, custom: Ints, sex: Objects, household: Ints
) -> tuple[Objects, Objects, Objects]:
    """What each custom adds to a child's name: mark, father's and grandfather's given name.

    `household` counts from 0 without gaps; father, grandfather and second family name are those of the household.
    """
    n, homes = len(custom), int(household.max(initial=-1)) + 1
    first = np.zeros(homes, np.int64)
    first[household[::-1]] = np.arange(n)[::-1]
    mark = np.full(n, None, object)
    father, elder = np.full(n, None, object), np.full(n, None, object)
    for place, word in enumerate(CUSTOMS):
        those = np.flatnonzero(custom == place)
        of_homes = custom[first] == place
        drawn = np.full(homes, None, object)
        boys, count = names().given[word, "M"], int(of_homes.sum())
        if word in ("horn_of_africa", "arab", "south_asian_muslim", "hindu"):
            for column in (father, elder):
                drawn[of_homes] = boys.draw(rng, count)
                column[those] = drawn[household[those]]
        elif word == "iberian":
            drawn[of_homes] = names().family[word].draw(rng, count)
            mark[those] = drawn[household[those]]
        own_sex, luck = sex[those], rng.random(len(those))
        if word == "sikh":
            mark[those] = np.where(own_sex == "M", "Singh", "Kaur")
        elif word == "south_asian_muslim":
            spelling = as_objects(_MOHAMMED)[np.minimum(rng.zipf(1.9, len(those)) - 1, len(_MOHAMMED) - 1)]
            last = as_objects(_LAST_OF_GIRLS)[rng.integers(0, len(_LAST_OF_GIRLS), len(those))]
            mark[those] = np.where(
                own_sex == "M", np.where(luck < 0.4, spelling, None), np.where(luck < 0.35, last, None)
            )
        elif word == "west_african":
            for letter in ("M", "F"):
                chosen = those[own_sex == letter]
                mark[chosen] = names().given["own_west_african", letter].draw(rng, len(chosen))
        elif word == "chinese":
            for letter in ("M", "F"):
                chosen = those[(own_sex == letter) & (luck < 0.55)]
                mark[chosen] = names().given["british", letter].draw(rng, len(chosen))
    return mark, father, elder


def written(rng: np.random.Generator, full: FullNames, faithful: float) -> Written:
    """Given, further and family name of each child, in the way in which an agency has them.

    Of a share of `faithful` it has them as the family mostly writes them, of the others in any way the custom knows.
    """
    n = len(full.own)
    given, further, family = full.own.copy(), full.middle.copy(), full.family.copy()
    luck = np.where(rng.random(n) < faithful, full.way, rng.random(n))
    for place, word in enumerate(CUSTOMS):
        if word not in _WAYS:
            continue
        those = np.flatnonzero(full.custom == place)
        shares = np.cumsum([share for share, _ in _WAYS[word]])
        chosen = np.searchsorted(shares[:-1] / shares[-1], luck[those])
        for number, (_, way) in enumerate(_WAYS[word]):
            at = those[chosen == number]
            if len(at):
                given[at], further[at], family[at] = way(full.take(at))
        if word in _SPELLINGS:
            given[those], further[those], family[those] = _SPELLINGS[word](
                rng, (given[those], further[those], family[those]), faithful
            )
    further[further == family] = None
    return given, further, family


def _nothing(like: Objects) -> Objects:
    return np.full(len(like), None, object)


def _both(first: Objects, second: Objects) -> Objects:
    """The two in this order with a space between, or the one that there is."""
    return as_objects([f"{a} {b}" if a and b else a or b for a, b in zip(first, second, strict=True)])


def _or(first: Objects, second: Objects) -> Objects:
    return np.where(first == None, second, first)  # noqa: E711 - an array of objects


def _initial(texts: Objects) -> Objects:
    return as_objects([text[0] for text in texts])


def _mark_in_front(n: FullNames) -> Written:
    """Mohammed in front of a boy's name, Begum behind a girl's, in the same field."""
    before, after = np.where(n.sex == "M", n.mark, None), np.where(n.sex == "M", None, n.mark)
    return _both(_both(before, n.own), after), _nothing(n.own), n.family


def _mark_as_given(n: FullNames) -> Written:
    """A boy goes by Mohammed and his own name is a further one; a girl has Begum for a family name."""
    boy = (n.sex == "M") & (n.mark != None)  # noqa: E711 - an array of objects
    given, further = np.where(boy, n.mark, n.own), np.where(boy, n.own, None)
    return given, further, np.where(boy, n.family, _or(n.mark, n.family))


_WAYS: dict[str, Sequence[tuple[float, Way]]] = {
    "sikh": (
        (0.38, lambda n: (n.own, n.mark, n.family)),
        (0.12, lambda n: (_both(n.own, n.mark), _nothing(n.own), n.family)),
        (0.20, lambda n: (n.own, _nothing(n.own), n.mark)),
        (0.18, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.05, lambda n: (n.own, n.family, n.mark)),
        (0.07, lambda n: (n.own, _nothing(n.own), _both(n.mark, n.family))),
    ),
    "south_asian_muslim": (
        (0.50, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.20, _mark_in_front),
        (0.20, _mark_as_given),
        (0.05, lambda n: (n.own, n.mark, n.family)),
        (0.05, lambda n: (n.own, _nothing(n.own), n.father)),
    ),
    "hindu": (
        (0.70, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.22, lambda n: (n.own, n.father, n.family)),
        (0.05, lambda n: (n.own, _nothing(n.own), n.father)),
        (0.03, lambda n: (n.family, _nothing(n.own), n.own)),
    ),
    "tamil": (
        (0.55, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.20, lambda n: (n.own, _nothing(n.own), _initial(n.family))),
        (0.15, lambda n: (_initial(n.family), _nothing(n.own), n.own)),
        (0.10, lambda n: (n.family, _nothing(n.own), n.own)),
    ),
    "horn_of_africa": (
        (0.36, lambda n: (n.own, n.father, n.elder)),
        (0.14, lambda n: (n.own, _nothing(n.own), n.father)),
        (0.14, lambda n: (n.own, _nothing(n.own), n.elder)),
        (0.12, lambda n: (_both(n.own, n.father), _nothing(n.own), n.elder)),
        (0.14, lambda n: (n.own, _both(n.father, n.elder), n.family)),
        (0.10, lambda n: (n.own, _nothing(n.own), n.family)),
    ),
    "arab": (
        (0.45, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.20, lambda n: (n.own, n.father, n.family)),
        (0.13, lambda n: (n.own, n.father, n.elder)),
        (0.10, lambda n: (n.own, _nothing(n.own), n.father)),
        (0.08, lambda n: (_both(n.own, n.father), _nothing(n.own), n.family)),
        (0.04, lambda n: (n.own, "bin " + n.father, n.family)),
    ),
    "west_african": (
        (0.45, lambda n: (n.own, n.mark, n.family)),
        (0.23, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.17, lambda n: (n.mark, n.own, n.family)),
        (0.10, lambda n: (n.mark, _nothing(n.own), n.family)),
        (0.05, lambda n: (n.own, _both(n.mark, n.middle), n.family)),
    ),
    "iberian": (
        (0.45, lambda n: (n.own, n.middle, _both(n.family, n.mark))),
        (0.28, lambda n: (n.own, n.middle, n.family)),
        (0.10, lambda n: (n.own, n.middle, n.family + "-" + n.mark)),
        (0.14, lambda n: (n.own, n.middle, n.mark)),
        (0.03, lambda n: (n.own, n.family, n.mark)),
    ),
    "chinese": (
        (0.30, lambda n: (_or(n.mark, n.own), np.where(n.mark == None, None, n.own), n.family)),  # noqa: E711
        (0.22, lambda n: (_or(n.mark, n.own), _nothing(n.own), n.family)),
        (0.32, lambda n: (n.own, _nothing(n.own), n.family)),
        (0.06, lambda n: (n.own, n.mark, n.family)),
        (0.10, lambda n: (n.family, _nothing(n.own), n.own)),
    ),
}


def _each(texts: Objects, chosen: NDArray[np.bool_], change: Callable[[str], str]) -> Objects:
    """`texts` with the chosen ones changed."""
    return as_objects([change(t) if t and c else t for t, c in zip(texts, chosen.tolist(), strict=True)])


def _other_mohammed(rng: np.random.Generator, parts: Written, faithful: float) -> Written:
    """Mohammed by another spelling, in a share of the records that have one."""

    def change(texts: Objects) -> Objects:
        drawn = as_objects(_MOHAMMED)[rng.integers(0, len(_MOHAMMED), len(texts))]
        odd = rng.random(len(texts)) > faithful
        return as_objects([
            " ".join(str(other) if word in _MOHAMMED else word for word in text.split()) if text and is_odd else text
            for text, other, is_odd in zip(texts, drawn, odd.tolist(), strict=True)
        ])  # fmt: skip

    given, further, family = parts
    return change(given), change(further), family


def _articles(rng: np.random.Generator, parts: Written, faithful: float) -> Written:
    """Al-Masri, Al Masri, Almasri, Masri; bin apart, joined, ibn."""
    given, further, family = parts
    how = rng.integers(0, 4, len(family))
    odd = rng.random(len(family)) > faithful
    for number, change in enumerate((
        lambda t: t.replace("Al-", "Al ").replace("El-", "El "),
        lambda t: t.replace("Al-", "Al").replace("El-", "El"),
        lambda t: t.removeprefix("Al-").removeprefix("El-"),
        lambda t: t.replace("Al-", "El-") if t.startswith("Al-") else t.replace("El-", "Al-"),
    )):  # fmt: skip
        family = _each(family, odd & (how == number), change)
    return given, _each(further, odd & (how < 2), lambda t: t.replace("bin ", "ibn ")), family


def _particles(rng: np.random.Generator, parts: Written, faithful: float) -> Written:
    """Da, dos, de la dropped or joined in a share of the records."""
    given, further, family = parts
    odd, joined = rng.random(len(family)) > faithful, rng.random(len(family)) < 0.3

    def dropped(text: str) -> str:
        return " ".join(word for word in text.split() if f"{word} " not in _PARTICLES and word != "la")

    def together(text: str) -> str:
        for particle in _PARTICLES:
            text = text.replace(particle, particle.replace(" ", "").capitalize())
        return text

    return given, further, _each(_each(family, odd & ~joined, dropped), odd & joined, together)


def _syllables(rng: np.random.Generator, parts: Written, faithful: float) -> Written:
    """Two syllables joined, hyphenated or apart."""
    given, further, family = parts
    how = rng.random(len(given))
    found = []
    for texts in (given, further, family):
        joined = _each(texts, how < 0.4, lambda t: t.replace(" ", "").capitalize() if " " in t else t)
        found.append(_each(joined, how > 0.8, lambda t: t.replace(" ", "-")))
    return found[0], found[1], found[2]


def _endings(rng: np.random.Generator, parts: Written, faithful: float) -> Written:
    """-ski for -ska and the other way round; letters transcribed."""
    given, further, family = parts
    other = rng.random(len(family)) > 0.5 + faithful / 2

    def turned(text: str) -> str:
        return text[:-1] + ("a" if text.endswith("i") else "i") if text.endswith(("ski", "ska", "cki", "cka")) else text

    return given, further, _each(_each(family, other, turned), rng.random(len(family)) > faithful, fold)


_SPELLINGS: dict[str, Callable[[np.random.Generator, Written, float], Written]] = {
    "south_asian_muslim": _other_mohammed,
    "arab": _articles,
    "iberian": _particles,
    "chinese": _syllables,
    "eastern_european": _endings,
}
