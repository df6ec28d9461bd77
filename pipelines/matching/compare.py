"""How closely each candidate pair agrees, field by field: one small integer (the level) per comparison.

Belongs here: turning pairs into levels. Names are compared once per *distinct* pair of names (rapidfuzz), everything
else is arithmetic over whole arrays. The meaning of each level is in `levels`; Splink's SQL there and the code here
say the same thing, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from pipelines.matching.comparable import NO_VALUE, Comparable
from pipelines.matching.levels import COMPARISONS, NOTHING
from pipelines.matching.names import FamilyName, GivenName

__all__ = ["LEVELS", "OTHER_NAMES", "compare", "pack", "unpack"]

Array = np.ndarray[Any, np.dtype[Any]]

_BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}
LEVELS = {
    name: {level.name: comparison.gamma(level.name) for level in comparison.levels}
    for name, comparison in _BY_NAME.items()
}

# not part of the weight, but of the twin guard: are second and further given names at least alike?
OTHER_NAMES = {"alike": 1, "apart": 0}
_PACKED = (*_BY_NAME, "other_names")


def compare(people: Comparable, left: Array, right: Array) -> dict[str, Array]:
    """The level of every comparison for each pair (int8 arrays), and `other_names`, by name."""
    given, further, others, apart = _by_distinct_pair(
        people.given[left], people.given[right], len(people.given_names), partial(_given_levels, people.given_names), 4
    )
    (family,) = _by_distinct_pair(
        people.family[left],
        people.family[right],
        len(people.family_names),
        partial(_family_levels, people.family_names),
        1,
    )
    swapped = _swapped(people, left, right, (apart > 0) & (family != NOTHING))
    given = np.where(swapped, np.int8(LEVELS["given_name"]["swapped"]), given)
    family = np.where(swapped, np.int8(NOTHING), family)
    lone, lone_level = _lone(people, left, right)
    given[lone], family[lone] = NOTHING, lone_level
    return {
        "given_name": given,
        "family_name": family,
        "birth_date": _birth_dates(people, left, right),
        "sex": _nothing_unless(
            (people.sex[left] > 0) & (people.sex[right] > 0), (people.sex[left] == people.sex[right]).astype(np.int8)
        ),
        "address": _addresses(people, left, right),
        "nhs_number": _identifiers(people, "nhs_number", left, right),
        "upn": _identifiers(people, "upn", left, right),
        "phone": _phones(people, left, right),
        "further_names": further,
        "other_names": others,
    }


def pack(levels: dict[str, Array]) -> Array:
    """The levels of each pair as one integer, four bits to a comparison."""
    packed = np.zeros(len(levels["sex"]), dtype=np.int64)
    for position, name in enumerate(_PACKED):
        packed |= (levels[name].astype(np.int64) + 1) << (4 * position)
    return packed


def unpack(packed: Array) -> dict[str, Array]:
    """What `pack` put together."""
    return {name: (((packed >> (4 * position)) & 15) - 1).astype(np.int8) for position, name in enumerate(_PACKED)}


def _by_distinct_pair(
    left: Array, right: Array, size: int, judge: Callable[[Array, Array], tuple[Array, ...]], results: int
) -> tuple[Array, ...]:
    """Judge each distinct pair of codes once (the comparisons are symmetric) and hand the result to every pair."""
    known = (left >= 0) & (right >= 0)
    answers = tuple(np.full(len(left), NOTHING, dtype=np.int8) for _ in range(results))
    if not known.any():
        return answers
    low = np.minimum(left[known], right[known]).astype(np.int64)
    high = np.maximum(left[known], right[known]).astype(np.int64)
    inverse, distinct = pd.factorize(low * size + high)
    for answer, judged in zip(answers, judge(distinct // size, distinct % size), strict=True):
        answer[known] = judged[inverse]
    return answers


def _given_levels(values: Sequence[GivenName], left: Array, right: Array) -> tuple[Array, ...]:
    """Given names: their level, that of further names, whether those are alike, whether the names are unlike."""
    values = list(values)
    names, sounds = _texts(values), _sounds(values)
    a, b = names[left], names[right]
    likeness, slips = _likeness(a, b)
    nickname = _meet([value.roots for value in values], [value.roots for value in values], left, right)
    name, tokens = [(value.name or "",) for value in values], [value.tokens for value in values]
    other = _meet(name, tokens, left, right) | _meet(name, tokens, right, left)
    lengths = np.array([len(value.name or "") for value in values] or [0])
    initials = np.array([(value.name or "\0")[0] for value in values] or [""])
    initial = (np.minimum(lengths[left], lengths[right]) == 1) & (initials[left] == initials[right])
    level = _first(
        "given_name",
        same=a == b,
        nickname=nickname,
        close=_close(likeness, slips, lengths[left], lengths[right]),
        other=other,
        similar=(likeness >= 0.8) | (slips <= 1) | ((sounds[left] == sounds[right]) & (sounds[left] >= 0)) | initial,
    )
    further = np.array([bool(value.others) for value in values] or [False])
    both = further[left] & further[right]
    shared = _meet([value.others for value in values], [value.others for value in values], left, right)
    others = np.full(len(left), NOTHING, dtype=np.int8)
    others[both] = [_other_names(values[x], values[y]) for x, y in _codes(left[both], right[both])]
    return level, _nothing_unless(both, shared.astype(np.int8)), others, (likeness < 0.8).astype(np.int8)


def _family_levels(values: Sequence[FamilyName], left: Array, right: Array) -> tuple[Array, ...]:
    values = list(values)
    names, sounds = _texts(values), _sounds(values)
    a, b = names[left], names[right]
    likeness, slips = _likeness(a, b)
    lengths = np.array([len(value.name or "") for value in values] or [0])
    everything = [value.everything for value in values]
    level = _first(
        "family_name",
        same=a == b,
        shared=_meet(everything, everything, left, right),
        close=_close(likeness, slips, lengths[left], lengths[right]),
        similar=(likeness >= 0.8) | (slips <= 1) | ((sounds[left] == sounds[right]) & (sounds[left] >= 0)),
    )
    return (level,)


def _lone(people: Comparable, left: Array, right: Array) -> tuple[Array, Array]:
    """Pairs in which one side's single name is the other's family name, and the level of that family name."""
    lone = people.lone
    rows, levels = [], []
    for a, b in ((left, right), (right, left)):
        some = np.flatnonzero(lone[a] & (people.family[b] >= 0))
        crossed = people.given[a[some]].astype(np.int64) * len(people.family_names) + people.family[b[some]]
        inverse, distinct = pd.factorize(crossed)
        given = _texts(people.given_names)[distinct // max(len(people.family_names), 1)]
        family = _texts(people.family_names)[distinct % max(len(people.family_names), 1)]
        likeness, slips = _likeness(given, family)
        length = np.char.str_len(given.astype(str)), np.char.str_len(family.astype(str))
        level = np.select(
            [given == family, _close(likeness, slips, *length)],
            [np.int8(LEVELS["family_name"]["same"]), np.int8(LEVELS["family_name"]["close"])],
            np.int8(NOTHING),
        )[inverse]
        rows.append(some[level != NOTHING])
        levels.append(level[level != NOTHING])
    return np.concatenate(rows), np.concatenate(levels)


def _swapped(people: Comparable, left: Array, right: Array, eligible: Array) -> Array:
    """Given and family name in each other's place, spelled alike."""
    swapped = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(eligible)
    given, family = _texts(people.given_names), _texts(people.family_names)
    for a, b in ((left, right), (right, left)):
        crossed = people.given[a[rows]].astype(np.int64) * len(family) + people.family[b[rows]]
        inverse, distinct = pd.factorize(crossed)
        likeness = _distances(given[distinct // len(family)], family[distinct % len(family)], JaroWinkler.similarity)
        rows = rows[(likeness >= 0.85)[inverse]]
    swapped[rows] = True
    return swapped


def _texts(values: Sequence[GivenName] | Sequence[FamilyName]) -> Array:
    """The names by code, as an array of texts."""
    texts = np.empty(max(len(values), 1), dtype=object)
    texts[: len(values)] = [value.name or "" for value in values]
    return texts


def _sounds(values: Sequence[GivenName] | Sequence[FamilyName]) -> Array:
    """A number for the sound of each name, by code; -1 for none."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(v.sound, len(numbers)) if v.sound else -1 for v in values] or [-1])


def _codes(left: Array, right: Array) -> Iterator[tuple[int, int]]:
    return zip(left.tolist(), right.tolist(), strict=True)


def _meet(ours: Sequence[tuple[str, ...]], theirs: Sequence[tuple[str, ...]], left: Array, right: Array) -> Array:
    """Whether any word of `ours` at `left` is among the words of `theirs` at `right`, for each pair of codes."""
    words = [word for each in (*ours, *theirs) for word in each]
    counts = np.array([len(each) for each in (*ours, *theirs)] or [0])
    numbers, known = pd.factorize(np.array(words, dtype=object))
    split = int(counts[: len(ours)].sum())
    of_theirs = np.repeat(np.arange(len(theirs)), counts[len(ours) :]) if len(theirs) else np.zeros(0, np.int64)
    has = np.unique(of_theirs * (len(known) + 1) + numbers[split:])
    starts = np.cumsum(counts[: len(ours)]) - counts[: len(ours)]
    steps = counts[: len(ours)][left] if len(ours) else np.zeros(0, np.int64)
    pair = np.repeat(np.arange(len(left)), steps)
    place = np.repeat(starts[left], steps) + np.arange(len(pair)) - np.repeat(np.cumsum(steps) - steps, steps)
    wanted = right[pair] * (len(known) + 1) + numbers[place]
    found = np.minimum(np.searchsorted(has, wanted), max(len(has) - 1, 0))
    result = np.zeros(len(left), dtype=bool)
    if len(has):
        result[pair[has[found] == wanted]] = True
    return result


def _distances(left: Array, right: Array, scorer: Callable[..., float], **options: Any) -> Array:
    return process.cpdist(
        left.tolist(),
        right.tolist(),
        scorer=scorer,
        workers=2 if len(left) > 50_000 else 1,
        **({"dtype": np.float64} | options),
    )


def _likeness(left: Array, right: Array) -> tuple[Array, Array]:
    """Jaro-Winkler similarity of each pair, and how many slips of the keyboard lie between them (2: two or more)."""
    likeness = _distances(left, right, JaroWinkler.similarity)
    slips = _distances(left, right, DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32)
    return likeness, slips


def _close(likeness: Array, slips: Array, left_length: Array, right_length: Array) -> Array:
    return (likeness >= 0.92) | ((slips <= 1) & (np.minimum(left_length, right_length) >= 4))


def _other_names(left: GivenName, right: GivenName) -> int:
    """Whether second given names speak for or against each other; nothing when one side has none."""
    for a in left.others:
        for b in right.others:
            short = min(len(a), len(b))
            if a[:short] == b[:short] or JaroWinkler.similarity(a, b) >= 0.8:
                return OTHER_NAMES["alike"]
    return OTHER_NAMES["apart"]


def _first(comparison: str, **conditions: Array) -> Array:
    """The closest level whose condition holds; conditions come in the order of the levels."""
    levels = LEVELS[comparison]
    return np.select(list(conditions.values()), [np.int8(levels[name]) for name in conditions], np.int8(0))


def _equal(left: Array, right: Array) -> Array:
    return (left == right) & (left != NO_VALUE)


def _nothing_unless(known: Array, level: Array) -> Array:
    return np.where(known, level, np.int8(NOTHING))


def _birth_dates(people: Comparable, left: Array, right: Array) -> Array:
    a, b = people.birth[left], people.birth[right]
    known = (a > 0) & (b > 0)
    same_year = people.year[left] == people.year[right]
    same_month = people.month[left] == people.month[right]
    same_day = people.day[left] == people.day[right]
    near = np.abs(people.year[left] - people.year[right]) < 10
    swapped = same_year & (people.month[left] == people.day[right]) & (people.day[left] == people.month[right])
    unsure = np.flatnonzero(known & (a != b))
    one_digit = np.zeros(len(left), dtype=bool)
    one_digit[unsure] = _one_edit(_digits(a[unsure]), _digits(b[unsure]))
    parts = same_year.astype(np.int8) + same_month.astype(np.int8) + same_day.astype(np.int8)
    return _nothing_unless(
        known,
        _first(
            "birth_date",
            same=a == b,
            swapped=swapped,
            digit=one_digit & near,
            year=same_year & (_first_of_january(people, left) | _first_of_january(people, right)),
            parts=one_digit | ((parts == 2) & near),
        ),
    )


def _first_of_january(people: Comparable, rows: Array) -> Array:
    return (people.month[rows] == 1) & (people.day[rows] == 1)


def _digits(number: Array) -> Array:
    """The eight digits of each birth date, one column each."""
    return np.stack([number // 10**place % 10 for place in range(7, -1, -1)], axis=1)


def _one_edit(left: Array, right: Array) -> Array:
    """One digit changed, or two neighbours exchanged: Damerau-Levenshtein distance 1 between texts of one length."""
    differs = left != right
    count = differs.sum(axis=1)
    exchanged = np.zeros(len(left), dtype=bool)
    for place in range(7):
        exchanged |= (
            differs[:, place]
            & differs[:, place + 1]
            & (left[:, place] == right[:, place + 1])
            & (left[:, place + 1] == right[:, place])
        )
    return (count == 1) | ((count == 2) & exchanged)


def _addresses(people: Comparable, left: Array, right: Array) -> Array:
    postcode, place = people.postcode, people.place
    known = ((postcode[left] != NO_VALUE) & (postcode[right] != NO_VALUE)) | (
        (place[left] != NO_VALUE) & (place[right] != NO_VALUE)
    )
    uprn = people.identifiers["uprn"]
    return _nothing_unless(
        known,
        _first(
            "address",
            dwelling=_equal(people.dwelling[left], people.dwelling[right]) | _equal(uprn[left], uprn[right]),
            postcode=_equal(postcode[left], postcode[right]),
            near=_one_character(people.spelled[left], people.spelled[right]),
            place=_equal(place[left], place[right]),
            like=_like(people, left, right),
            district=_equal(people.outcode[left], people.outcode[right]),
        ),
    )


def _like(people: Comparable, left: Array, right: Array) -> Array:
    """Streets or places spelled much alike; asked only where neither they nor the postcodes agree."""
    place, postcode = people.place, people.postcode
    known = (place[left] != NO_VALUE) & (place[right] != NO_VALUE) & (place[left] != place[right])
    rows = np.flatnonzero(known & ~_equal(postcode[left], postcode[right]))
    alike = np.zeros(len(left), dtype=bool)
    if len(rows):
        inverse, _ = pd.factorize(place[left[rows]] * np.int64(0x9E3779B1) ^ place[right[rows]])
        _, first = np.unique(inverse, return_index=True)
        some = rows[first]
        a, b = (
            np.array(people.texts["place"].take(pa.array(side[some])).to_pylist(), dtype=object)
            for side in (left, right)
        )
        alike[rows] = (_distances(a, b, JaroWinkler.similarity) >= 0.9)[inverse]
    return alike


def _one_character(left: Array, right: Array) -> Array:
    """Texts of one length, eight characters to a number, that differ in one place."""
    known = (left > 0) & (right > 0) & (left != right)
    result = np.zeros(len(left), dtype=bool)
    a, b = (np.ascontiguousarray(x[known]).view(np.uint8).reshape(-1, 8) for x in (left, right))
    result[known] = ((a == 0) == (b == 0)).all(axis=1) & ((a != b).sum(axis=1) == 1)
    return result


def _phones(people: Comparable, left: Array, right: Array) -> Array:
    a, b = people.identifiers["phone"][left], people.identifiers["phone"][right]
    return _nothing_unless((a != NO_VALUE) & (b != NO_VALUE), (a == b).astype(np.int8))


def _identifiers(people: Comparable, kind: str, left: Array, right: Array) -> Array:
    values = people.either(kind)
    a, b = values[left], values[right]
    known = (a != NO_VALUE) & (b != NO_VALUE)
    level = np.where(known & (a == b), np.int8(LEVELS[kind]["same"]), np.int8(0))
    unsure = np.flatnonzero(known & (a != b))
    if len(unsure):
        level[unsure] = np.where(_texts_close(people, kind, left[unsure], right[unsure]), LEVELS[kind]["close"], 0)
    return _nothing_unless(known, level)


def _texts_close(people: Comparable, kind: str, left: Array, right: Array) -> Array:
    def texts(rows: Array) -> list[str]:
        verified = people.texts[kind].take(rows).to_pylist()
        unverified = people.texts[f"{kind}_unverified"].take(rows).to_pylist()
        return [a or b or "" for a, b in zip(verified, unverified, strict=True)]

    distance = process.cpdist(
        texts(left), texts(right), scorer=DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32
    )
    return distance <= 1
