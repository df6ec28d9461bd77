"""Arrays by what they hold, and small things done to whole ones, wherever records, pairs and groups are handled.

Belongs here: a name for each kind of array, one entry to a record, a pair or a name, so that a signature says what goes in
and comes out. Not here: what any of them means to the match.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "Array",
    "Bits",
    "Counts",
    "Hashes",
    "Labels",
    "Letters",
    "Levels",
    "Mask",
    "Numbers",
    "Packed",
    "PairIds",
    "Positions",
    "Shares",
    "Texts",
    "Words",
    "distinct",
    "first_with",
    "spread",
    "starts_of",
]

Array = np.ndarray[Any, np.dtype[Any]]  # whatever it holds
_Whole = np.ndarray[Any, np.dtype[np.integer[Any]]]
_Fractions = np.ndarray[Any, np.dtype[np.floating[Any]]]

Positions = _Whole  # places of records, pairs, names or sources among all of them; -1 for none
Words = np.ndarray[Any, np.dtype[np.uint64]]  # 64 yes or no each, by bit
PairIds = np.ndarray[Any, np.dtype[np.int64]]  # pairs as left * size + right
Hashes = np.ndarray[Any, np.dtype[np.int64]]  # what stands for a value, the same every night; 0 for none
Numbers = _Whole  # dates, codes and flags
Counts = _Whole  # how many
Labels = _Whole  # the cluster of each record, by its first record
Levels = _Whole  # how closely a pair agrees (see `comparing.levels`); several kinds in rows
Packed = np.ndarray[Any, np.dtype[np.int64]]  # the levels of all comparisons in one number
Mask = np.ndarray[Any, np.dtype[np.bool_]]  # which of them
Bits = _Fractions  # evidence, as log2 of odds or of a share of odds
Shares = _Fractions  # between 0 and 1: frequencies, probabilities, likeness
Texts = np.ndarray[Any, np.dtype[np.object_]]
Letters = np.ndarray[Any, np.dtype[np.uint8]]  # texts as rows of bytes


def starts_of(ordered: Array) -> Positions:
    """Where each stretch of equal values begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def distinct(values: Array) -> Array:
    """Each value once, in order."""
    ordered = np.sort(values)  # several times faster than np.unique on large integers
    return ordered[starts_of(ordered)]


def first_with(values: Array) -> Positions:
    """For each entry the first that has its value."""
    number, found = pd.factorize(values)
    first = np.empty(len(found), dtype=np.int64)
    first[number[::-1]] = np.arange(len(values))[::-1]  # of entries with one number the last written counts
    return first[number]


def spread(start: Positions, count: Counts) -> tuple[Positions, Positions]:
    """Every place of the stretches that begin at `start` and are `count` long: whose it is, and where it lies."""
    ends = np.cumsum(count)
    whole = int(ends[-1]) if len(ends) else 0
    small = max(whole, len(count), int(start.max(initial=0)) + int(count.max(initial=0))) < 2**31
    kind = np.int32 if small else np.int64  # half the memory, where it will do
    place: Positions = np.arange(whole, dtype=kind)
    place += np.repeat((start - (ends - count)).astype(kind), count)
    return np.repeat(np.arange(len(count), dtype=kind), count), place
