"""How closely two distinct names agree: each pair of names is judged once, however many pairs of records bear them.

Belongs here: the texts compared, by rapidfuzz; the levels of given and family names (meaning: see `levels`). Everything
that is asked of one name alone is worked out for all names at once, when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from pipelines.matching.arrays import Array, Counts, Levels, Mask, PairIds, Positions, Shares, Texts, distinct, spread
from pipelines.matching.comparing.levels import COMPARISONS, NOTHING
from pipelines.matching.reading.names import FamilyName, GivenName, Names

__all__ = ["LEVELS", "OTHER_NAMES", "Judged", "Words", "close", "distances", "first", "likeness", "name_levels"]


LEVELS = {
    comparison.name: {level.name: comparison.gamma(level.name) for level in comparison.levels}
    for comparison in COMPARISONS
}
# not part of the weight, but of the guards: are second and further given names at least alike, or are all names the same
# words that stand otherwise, and not just given and family name in each other's place; or is nothing but what everybody of
# a custom bears a family name on one side and among the names of the other?
OTHER_NAMES = {"titles": 3, "moved": 2, "alike": 1, "apart": 0}
_WORTH_TWO = 20_000  # comparisons from which two threads are faster than one


class Judged:
    """Levels of pairs of codes, kept: `judge` sees each distinct pair once, the smaller code first."""

    def __init__(self, size: int, judge: Callable[[Positions, Positions], Levels], rows: int) -> None:
        self._size, self._judge = max(size, 1), judge
        self._lock = Lock()
        self._pairs, self._levels = np.zeros(0, dtype=np.int64), np.zeros((rows, 0), dtype=np.int8)

    def of(self, left: Positions, right: Positions) -> Levels:
        """The levels of each pair, a row for each kind of level; `NOTHING` where a side has no name (code -1)."""
        known = (left >= 0) & (right >= 0)
        low = np.minimum(left[known], right[known]).astype(np.int64)
        high = np.maximum(left[known], right[known]).astype(np.int64)
        inverse, pairs = pd.factorize(low * self._size + high)
        answers = np.full((self._levels.shape[0], len(left)), NOTHING, dtype=np.int8)
        with self._lock:
            levels = self._known(pairs)
        answers[:, known] = levels[:, inverse]
        return answers

    def _known(self, pairs: PairIds) -> Levels:
        order = np.argsort(pairs)
        ordered = pairs[order]
        place = np.searchsorted(self._pairs, ordered)
        met = place < len(self._pairs)
        met[met] = self._pairs[place[met]] == ordered[met]
        fresh = ordered[~met]
        levels = np.empty((self._levels.shape[0], len(pairs)), dtype=np.int8)
        levels[:, order[met]] = self._levels[:, place[met]]
        if len(fresh):
            found = self._judge(fresh // self._size, fresh % self._size)
            levels[:, order[~met]] = found
            self._pairs = np.insert(self._pairs, place[~met], fresh)
            self._levels = np.insert(self._levels, place[~met], found, axis=1)
        return levels


class Words:
    """The words of each name by code (its roots, its further names, …), ready to be met with those of others."""

    def __init__(self, lists: Sequence[tuple[str, ...]], numbers: dict[str, int]) -> None:
        """`numbers` are those of all words met so far; it grows."""
        self.count = np.array([len(each) for each in lists] or [0])
        self._start = np.cumsum(self.count) - self.count
        words = [word for each in lists for word in each]
        self._texts = np.array(words, dtype=object)
        self._number = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
        self._has = distinct(self._number << 32 | np.repeat(np.arange(len(self.count)), self.count))

    def meet(self, others: Words, left: Positions, right: Positions) -> Mask:
        """Whether the name `left` and the name `right` of `others` share a word, for each pair."""
        met = np.zeros(len(left), dtype=bool)
        if len(others._has):
            pair, place = spread(self._start[left], self.count[left])
            wanted = self._number[place] << 32 | right[pair]
            found = np.minimum(np.searchsorted(others._has, wanted), len(others._has) - 1)
            met[pair[others._has[found] == wanted]] = True
        return met

    def crossed(self, others: Words, left: Positions, right: Positions) -> tuple[Positions, Texts, Texts]:
        """Each word of the name `left` with each of the name `right` of `others`: which pair, and both words."""
        pair, place = spread(self._start[left], self.count[left])
        of, other = spread(others._start[right[pair]], others.count[right[pair]])
        return pair[of], self._texts[place[of]], others._texts[other]


def name_levels(given: Names[GivenName], family: Names[FamilyName]) -> tuple[Judged, Judged]:
    """What is known of pairs of given names, and of pairs of family names.

    Of given names, a row each: the level, the level of further names, whether those are alike (`OTHER_NAMES`), whether the
    first names are spelled quite differently. Of family names: the level.
    """
    return Judged(len(given), _GivenNames(given).levels, 4), Judged(len(family), _FamilyNames(family).levels, 1)


class _GivenNames:
    def __init__(self, names: Names[GivenName]) -> None:
        self._names = names

    @cached_property
    def _words(self) -> dict[str, Words]:
        values, numbers = [*self._names], dict[str, int]()
        return {
            "roots": Words([value.roots for value in values], numbers),
            "tokens": Words([value.tokens for value in values], numbers),
            "others": Words([value.others for value in values], numbers),
            "further": Words([tuple(each for each in value.others if len(each) > 1) for value in values], numbers),
            "letters": Words([tuple(each for each in value.others if len(each) == 1) for value in values], numbers),
            "initials": Words([tuple(each[0] for each in value.others) for value in values], numbers),
            "name": Words([(value.name or "",) for value in values], numbers),
        }

    def levels(self, left: Positions, right: Positions) -> Levels:
        names, words = self._names, self._words
        a, b = names.spelled[left], names.spelled[right]
        alike, slips = likeness(a, b)
        lengths = names.lengths[left], names.lengths[right]
        initials = names.initials[left] == names.initials[right]
        level = first(
            "given_name",
            same=a == b,
            nickname=words["roots"].meet(words["roots"], left, right),
            close=close(alike, slips, *lengths),
            other=_names_other(words, left, right) | _names_other(words, right, left),
            similar=(alike >= 0.8)
            | (slips <= 1)
            | _sound_alike(names, left, right)
            | (initials & (np.minimum(*lengths) == 1)),
        )
        others = words["others"]
        both = others.count[left] * others.count[right] > 0
        letters, initials = words["letters"], words["initials"]
        further = first(
            "further_names",
            same=words["further"].meet(words["further"], left, right),
            initial=letters.meet(initials, left, right) | initials.meet(letters, left, right),
        )
        further[~both] = NOTHING
        return np.stack([level, further, self._other_names(left, right, both), alike < 0.8]).astype(np.int8)

    def _other_names(self, left: Positions, right: Positions, both: Mask) -> Levels:
        """Whether further names speak for or against each other; nothing where a side has none."""
        found = np.where(both, np.int8(OTHER_NAMES["apart"]), np.int8(NOTHING))
        others, name = self._words["others"], self._words["name"]
        found[_near(others, others, left, right)] = OTHER_NAMES["alike"]
        # the first name of either stands further back with the other
        moved = (
            both & _met(len(left), _near(others, name, left, right)) & _met(len(left), _near(name, others, left, right))
        )
        found[moved] = OTHER_NAMES["alike"]
        return found


class _FamilyNames:
    def __init__(self, names: Names[FamilyName]) -> None:
        self._names = names

    @cached_property
    def _everything(self) -> Words:
        return Words([value.everything for value in self._names], {})

    def levels(self, left: Positions, right: Positions) -> Levels:
        names = self._names
        a, b = names.spelled[left], names.spelled[right]
        alike, slips = likeness(a, b)
        level = first(
            "family_name",
            same=a == b,
            shared=self._everything.meet(self._everything, left, right),
            close=close(alike, slips, names.lengths[left], names.lengths[right]),
            similar=(alike >= 0.8) | (slips <= 1) | _sound_alike(names, left, right),
        )
        return level[np.newaxis]


def _near(words: Words, others: Words, left: Positions, right: Positions) -> Positions:
    """Pairs in which a word of `left` and one of `right` of `others` are alike, or one begins the other."""
    pair, a, b = words.crossed(others, left, right)
    begins = [x.startswith(y) or y.startswith(x) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    return pair[np.array(begins, dtype=bool) | (distances(a, b, JaroWinkler.similarity) >= 0.8)]


def _met(count: int, pairs: Positions) -> Mask:
    met = np.zeros(count, dtype=bool)
    met[pairs] = True
    return met


def _names_other(words: dict[str, Words], left: Positions, right: Positions) -> Mask:
    """Whether the first name of `left` is a further one of `right`, or the initial of one."""
    name = words["name"]
    return name.meet(words["tokens"], left, right) | name.meet(words["initials"], left, right)


def _sound_alike(names: Names[Any], left: Positions, right: Positions) -> Mask:
    return (names.sounds[left] == names.sounds[right]) & (names.sounds[left] >= 0)


def likeness(left: Texts, right: Texts) -> tuple[Shares, Counts]:
    """Jaro-Winkler similarity of each pair, and how many slips of the keyboard lie between them (2: two or more)."""
    return (
        distances(left, right, JaroWinkler.similarity),
        distances(left, right, DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32),
    )


def close(alike: Shares, slips: Counts, left_length: Counts, right_length: Counts) -> Mask:
    """One slip of the keyboard, or very alike."""
    return (alike >= 0.92) | ((slips <= 1) & (np.minimum(left_length, right_length) >= 4))


def distances(left: Texts, right: Texts, scorer: Callable[..., float], **options: Any) -> Array:
    """What rapidfuzz's `scorer` says of each pair of texts."""
    return process.cpdist(
        left.tolist(),
        right.tolist(),
        scorer=scorer,
        workers=2 if len(left) > _WORTH_TWO else 1,
        **({"dtype": np.float64} | options),
    )


def first(comparison: str, **conditions: Mask) -> Levels:
    """The closest level whose condition holds; conditions come in the order of the levels."""
    levels = LEVELS[comparison]
    return np.select(list(conditions.values()), [np.int8(levels[name]) for name in conditions], np.int8(0))
