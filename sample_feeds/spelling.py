"""How names and dates go wrong on their way into a record: nicknames, typing slips, spelling by ear, swapped fields.

Belongs here: the ways in which a name or date on file differs from the true one, and how often at each agency. Not
here: faults that a row rule must find (faults/). Everything made here is a legal value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_feeds.customs import FullNames, Written, written
from sample_feeds.names import fold, nicknames
from sample_feeds.population import Children, Days
from sample_feeds.randomness import Objects, as_objects

__all__ = ["Habits", "known_birth_dates", "known_names", "written_names"]

_BY_EAR = (
    ("ph", "f"),
    ("ck", "k"),
    ("tt", "t"),
    ("ll", "l"),
    ("nn", "n"),
    ("ss", "s"),
    ("ie", "y"),
    ("ey", "ie"),
    ("ea", "ee"),
    ("ai", "ay"),
    ("ow", "ou"),
    ("gh", "g"),
    ("th", "t"),
    ("c", "k"),
    ("y", "i"),
    ("z", "s"),
    ("e", "a"),
    ("o", "u"),
)
_NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxsrdfgjkjlnmipwdtrycbesz", strict=True))


@dataclass(frozen=True)
class Habits:
    """How often (share of records) an agency has a name or date other than it is.

    `faithful` is how often it has a name in the way the family mostly writes it, see customs.py.
    """

    faithful: float = 1.0
    nickname: float = 0.0
    slip: float = 0.0
    by_ear: float = 0.0
    swapped: float = 0.0
    half_of_double: float = 0.0
    joint_lost: float = 0.0
    other_family: float = 0.0
    folded: float = 0.0
    shouted: float = 0.0
    date_wrong: float = 0.0
    first_of_january: float = 0.0


def written_names(rng: np.random.Generator, children: Children, faithful: float) -> Written:
    """Given, further and family name of each child as one who makes no mistake writes them (see `customs.written`)."""
    full = FullNames(children.custom, children.way, children.sex, children.given, children.middle, children.family,
                     children.mark, children.father, children.elder)  # fmt: skip
    return written(rng, full, faithful)


def known_names(rng: np.random.Generator, children: Children, habits: Habits) -> tuple[Objects, Objects, Objects]:
    """Given, further and family name of each child as the agency has them; a further name may be None."""
    n = len(children)
    given, further, family = written_names(rng, children, habits.faithful)
    _alter(rng, given, habits.nickname, _nickname)
    other = (rng.random(n) < habits.other_family) & (children.other_family != None)  # noqa: E711 - an array of objects
    family[other] = children.other_family[other]
    _alter(rng, family, habits.half_of_double, lambda text, pick: text.split("-")[pick % (text.count("-") + 1)])
    _alter(
        rng, family, habits.joint_lost, lambda text, pick: text.replace("-", " ").replace("'", "" if pick % 2 else " ")
    )
    for names in (given, family):
        _alter(rng, names, habits.by_ear, _by_ear)
        _alter(rng, names, habits.slip, _slip)
        _alter(rng, names, habits.folded, lambda text, _: fold(text))
    loud = rng.random(n) < habits.shouted
    given[loud], family[loud] = _upper(given[loud]), _upper(family[loud])
    swapped = rng.random(n) < habits.swapped
    given[swapped], family[swapped] = family[swapped], given[swapped].copy()
    return given, further, family


def known_birth_dates(rng: np.random.Generator, birth: Days, habits: Habits, latest: np.datetime64) -> Days:
    """Birth dates as the agency has them: day and month swapped, one figure out, or the first of January.

    None is after `latest` or makes anybody older than 25 on it.
    """
    known = birth.copy()
    month = birth.astype("datetime64[M]")
    day = (birth - month).astype(np.int64) + 1
    in_year = month.astype(np.int64) % 12 + 1
    year = birth.astype("datetime64[Y]")
    swapped = year.astype("datetime64[M]") + (day - 1)
    swapped = swapped.astype("datetime64[D]") + (in_year - 1)
    how = rng.random(len(birth))
    wrong = how < habits.date_wrong
    kind = rng.integers(0, 4, len(birth))
    known = np.where(wrong & (kind == 0) & (day <= 12), swapped, known)
    known = np.where(wrong & (kind == 1) & (day <= 27), birth + 1, known)
    known = np.where(wrong & (kind == 2) & (day > 10), birth - 10, known)
    known = np.where(wrong & (kind == 3) & (day <= 28), _a_year_earlier(birth), known)
    january = (how >= 1 - habits.first_of_january) & ~wrong
    known = np.where(january, year.astype("datetime64[D]"), known)
    legal = (known <= latest) & (known > latest - 25 * 365)
    return np.where(legal, known, birth)


def _a_year_earlier(birth: Days) -> Days:
    month = birth.astype("datetime64[M]")
    return (month - 12).astype("datetime64[D]") + (birth - month)


def _alter(rng: np.random.Generator, names: Objects, share: float, change) -> None:  # type: ignore[no-untyped-def]
    """Change a share of `names` in place; each distinct pair of name and luck is worked out once."""
    if share <= 0 or not len(names):
        return
    chosen = np.flatnonzero(rng.random(len(names)) < share)
    picks = rng.integers(0, 60, len(chosen))
    done: dict[tuple[str, int], str] = {}
    for place, pick in zip(chosen, picks.tolist(), strict=True):
        key = (names[place], pick)
        if key not in done:
            done[key] = change(*key).strip() or key[0]
        names[place] = done[key]


def _nickname(name: str, pick: int) -> str:
    known = nicknames().get(name)
    return str(known[pick % len(known)]) if known is not None else name


def _by_ear(name: str, pick: int) -> str:
    low = fold(name).lower()
    for step in range(len(_BY_EAR)):
        heard, written = _BY_EAR[(pick + step) % len(_BY_EAR)]
        if heard in low[1:]:
            return (low[0] + low[1:].replace(heard, written, 1)).title()
    return name


def _slip(name: str, pick: int) -> str:
    if len(name) < 3:
        return name
    at = 1 + (pick // 4) % (len(name) - 1)
    kind = pick % 4
    if kind == 0:
        return name[:at] + name[at + 1 :]
    if kind == 1 and at + 1 < len(name):
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    if kind == 2:
        return name[:at] + _NEIGHBOURS.get(name[at], name[at]) + name[at + 1 :]
    return name[:at] + name[at] + name[at:]


def _upper(names: NDArray[np.object_]) -> Objects:
    return as_objects([text.upper() for text in names])
