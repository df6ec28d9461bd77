"""Short texts as rows of bytes, and which two of them lie one slip of the keyboard apart.

Belongs here: the edit distance of identifiers and dates, for all pairs at once. What is longer or no plain text is left to
rapidfuzz.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from pipelines.matching.arrays import Letters, Mask, Numbers, Positions

__all__ = ["Spelled", "digits_of", "one_slip"]


_WIDTH = 16


class Spelled:
    """Texts, null or empty where there is none, to be compared by position."""

    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts
        short = pc.less_equal(pc.binary_length(texts), _WIDTH)
        fits = pc.fill_null(pc.and_(short, pc.string_is_ascii(texts)), False)
        self._fits = fits.to_numpy(zero_copy_only=False)
        padded = pc.ascii_rpad(pc.if_else(fits, texts, ""), _WIDTH, "\0").cast(pa.binary(_WIDTH))
        self._bytes = np.frombuffer(padded.buffers()[1], np.uint8).reshape(-1, _WIDTH)

    def one_slip(self, left: Positions, right: Positions) -> Mask:
        """Whether the texts at `left` and `right`, which differ, are one slip apart (Damerau-Levenshtein distance 1)."""
        found = one_slip(self._bytes[left], self._bytes[right])
        others = np.flatnonzero(~(self._fits[left] & self._fits[right]))
        if len(others):
            a, b = (self._texts.take(pa.array(side[others])).to_pylist() for side in (left, right))
            distance = process.cpdist(a, b, scorer=DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32)
            found[others] = distance <= 1
        return found


def digits_of(numbers: Numbers) -> Letters:
    """The eight digits of each birth date as characters, a column each."""
    return np.stack([(numbers // 10**place % 10 + ord("0")).astype(np.uint8) for place in range(7, -1, -1)], axis=1)


def one_slip(left: Letters, right: Letters) -> Mask:
    """Whether each row of `left` becomes that of `right` by one character changed, added or left out, or two exchanged.

    A column is a character; a shorter text ends in zeros. Rows that are equal are none apart, which is not one.
    """
    differs = left != right
    count = differs.sum(axis=1)
    found = count == 1
    two = np.flatnonzero(count == 2)
    a, b = left[two], right[two]
    first = differs[two].argmax(axis=1)[:, np.newaxis]
    second = np.minimum(first + 1, left.shape[1] - 1)
    found[two] = (
        (np.take_along_axis(a, first, 1) == np.take_along_axis(b, second, 1))
        & (np.take_along_axis(a, second, 1) == np.take_along_axis(b, first, 1))
    )[:, 0]
    lengths = [(side != 0).sum(axis=1) for side in (left, right)]
    for one, other, longer in ((left, right, lengths[1] - lengths[0]), (right, left, lengths[0] - lengths[1])):
        some = np.flatnonzero((longer == 1) & (count > 1))
        after = np.arange(left.shape[1] - 1) >= differs[some].argmax(axis=1)[:, np.newaxis]
        found[some] = ~((one[some, :-1] != other[some, 1:]) & after).any(axis=1)
    return found
