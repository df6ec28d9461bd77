"""Which pairs of records are worth comparing: integer keys, and the pairs that share one.

Belongs here: the keys and the pairing. A key is one 64-bit number; a record without every part of it has none. Too
many records under one key are told apart by a further field rather than dropped, and what must be dropped is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.matching.comparable import NO_DATE, NO_VALUE, Comparable, hash_texts

__all__ = ["Candidates", "find_candidates"]

Array = np.ndarray[Any, np.dtype[Any]]

_LARGEST_GROUP = 60  # 1,770 pairs; beyond it a key is refined
_BIRTH_WINDOW = 75  # days between an expected and an actual birth that may still be one child


@dataclass(frozen=True)
class Candidates:
    """Pairs of record positions, `left` < `right`, ordered; and what each key contributed, for the night's figures."""

    left: Array
    right: Array
    stats: dict[str, float]


@dataclass(frozen=True)
class _Key:
    """One kind of key: rows of (record, key value), and what tells its records apart when they are too many."""

    name: str
    record: Array
    value: Array
    refine: Array


def find_candidates(people: Comparable) -> Candidates:
    """Every pair of linkable records that shares a key."""
    found: list[Array] = []
    stats: dict[str, float] = {}
    dropped = refined = 0
    for key in _keys(people):
        pairs, key_refined, key_dropped = _pairs(key, people.size)
        found.append(pairs)
        stats[f"candidates_{key.name}"] = float(len(pairs))
        refined += key_refined
        dropped += key_dropped
    every = np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    stats |= {"candidates": float(len(every)), "keys_refined": float(refined), "pairs_dropped": float(dropped)}
    size = max(people.size, 1)
    return Candidates((every // size).astype(np.int32), (every % size).astype(np.int32), stats)


def _keys(people: Comparable) -> Iterator[_Key]:
    """The keys of design, each with its own salt so that kinds never meet."""
    everyone = np.arange(people.size, dtype=np.int32)
    family, family_name = _expand(people.family, [value.everything for value in people.family_names])
    given, given_name = _expand(people.given, [tuple({*value.roots, *value.tokens}) for value in people.given_names])
    born = people.birth_date != NO_DATE
    first, second = np.minimum(people.month, people.day), np.maximum(people.month, people.day)
    # day and month in order of size: swapped dates meet under the same key
    birth = np.where(born, people.year.astype(np.int64) * 10_000 + first * 100 + second, NO_VALUE)
    year = np.where(born, people.year.astype(np.int64), NO_VALUE)
    anniversary = np.where(born, first.astype(np.int64) * 100 + second, NO_VALUE)
    given_sound = _of_names(people.given, [value.sound for value in people.given_names])
    family_sound = _of_names(people.family, [value.sound for value in people.family_names])
    sounds = _combine(1, given_sound, family_sound)
    sex = people.sex.astype(np.int64) + 1

    for kind in ("nhs_number", "upn"):
        former = "previous_nhs_number" if kind == "nhs_number" else "former_upn"
        columns = [people.identifiers[name] for name in (kind, f"{kind}_unverified", former)]
        yield _key(people, kind, np.tile(everyone, 3), _combine(2 + len(kind), np.concatenate(columns)), birth)
    yield _key(
        people,
        "birth_date_and_name",
        np.concatenate([family, given]),
        np.concatenate([_combine(3, birth[family], family_name), _combine(3, birth[given], given_name)]),
        people.given_name,
    )
    yield _key(people, "birth_date_and_postcode", everyone, _combine(4, birth, people.postcode), people.given_name)
    yield _key(people, "sounds_and_birth_year", everyone, _combine(5, sounds, year), anniversary)
    yield _key(people, "sounds_and_birthday", everyone, _combine(6, sounds, anniversary), people.outcode)
    yield _key(people, "sounds_and_district", everyone, _combine(7, sounds, people.outcode), people.postcode)
    yield _key(people, "given_name_and_postcode", given, _combine(8, given_name, people.postcode[given]), family_sound)
    yield _unborn(people, sex)


def _unborn(people: Comparable, sex: Array) -> _Key:
    """An unborn child meets the newborn of its family and postcode."""
    unborn = people.expected != NO_DATE
    if not unborn.any():
        nothing = np.zeros(0, dtype=np.int64)
        return _Key("unborn", nothing, nothing, nothing)
    earliest = people.expected[unborn].min() - _BIRTH_WINDOW
    young = unborn | ((people.birth_date != NO_DATE) & (people.birth_date >= earliest))
    value = np.where(young, _combine(9, people.family_name, people.postcode), NO_VALUE)
    return _key(people, "unborn", np.arange(people.size, dtype=np.int32), value, sex)


def _key(people: Comparable, name: str, record: Array, value: Array, refine: Array) -> _Key:
    usable = (value != NO_VALUE) & people.linkable[record]
    return _Key(name, record[usable], value[usable], refine)


def _expand(codes: Array, values: list[tuple[str, ...]]) -> tuple[Array, Array]:
    """Rows of (record, name): one for every name that a record has."""
    lengths = np.array([len(value) for value in values] or [0], dtype=np.int64)
    flat = hash_texts([name for value in values for name in value])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    records = np.flatnonzero(codes >= 0)
    if not len(records) or not len(flat):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    counts = lengths[codes[records]]
    rows = np.repeat(records, counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, flat[np.repeat(starts[codes[records]], counts) + within]


def _of_names(codes: Array, values: list[str | None]) -> Array:
    hashed = hash_texts(values)
    if not len(hashed):
        return np.zeros(len(codes), dtype=np.int64)
    return np.where(codes >= 0, hashed[np.maximum(codes, 0)], NO_VALUE)


def _combine(salt: int, *parts: Array) -> Array:
    """One key from several parts; no key where a part is missing."""
    key = np.full(len(parts[0]), (salt * 0x9E3779B97F4A7C15) % 2**64, dtype=np.uint64)
    missing = np.zeros(len(parts[0]), dtype=bool)
    for part in parts:
        missing |= part == NO_VALUE
        key = (key ^ part.view(np.uint64)) * np.uint64(0xC4CEB9FE1A85EC53)
        key ^= key >> np.uint64(29)
    combined = key.view(np.int64)
    return np.where(missing, NO_VALUE, np.where(combined == NO_VALUE, np.int64(1), combined))


def _pairs(key: _Key, size: int) -> tuple[Array, int, int]:
    """The pairs of one key as left * size + right; how many groups were refined, how many pairs dropped."""
    record, value = _distinct_rows(key.record, key.value)
    counts = _group_counts(value)
    large = counts > _LARGEST_GROUP
    pairs = _all_pairs(record[~large], value[~large], size)
    if not large.any():
        return pairs, 0, 0
    refined = len(np.unique(value[large]))
    wanted = _pair_count(value[large])
    rows = record[large]
    finer = _combine(99, value[large], key.refine[rows])
    rows, finer = _distinct_rows(rows[finer != NO_VALUE], finer[finer != NO_VALUE])
    keep = _group_counts(finer) <= _LARGEST_GROUP
    more = _all_pairs(rows[keep], finer[keep], size)
    return np.concatenate([pairs, more]), refined, wanted - len(more)


def _distinct_rows(record: Array, value: Array) -> tuple[Array, Array]:
    """Rows ordered by value then record, each once."""
    order = np.lexsort((record, value))
    record, value = record[order].astype(np.int64), value[order]
    fresh = np.ones(len(record), dtype=bool)
    fresh[1:] = (record[1:] != record[:-1]) | (value[1:] != value[:-1])
    return record[fresh], value[fresh]


def _starts(value: Array) -> Array:
    return np.flatnonzero(np.concatenate([[True], value[1:] != value[:-1]])) if len(value) else np.zeros(0, np.int64)


def _group_counts(value: Array) -> Array:
    """For each row of ordered values, how many rows share its value."""
    starts = _starts(value)
    lengths = np.diff(np.append(starts, len(value)))
    return np.repeat(lengths, lengths)


def _pair_count(value: Array) -> int:
    lengths = np.diff(np.append(_starts(value), len(value)))
    return int((lengths * (lengths - 1) // 2).sum())


def _all_pairs(record: Array, value: Array, size: int) -> Array:
    """Every pair within each group of ordered rows (records ascending within a group)."""
    if not len(record):
        return np.zeros(0, dtype=np.int64)
    counts = _group_counts(value)
    starts = _starts(value)
    within = np.arange(len(record)) - np.repeat(starts, np.diff(np.append(starts, len(record))))
    following = counts - 1 - within
    left = np.repeat(np.arange(len(record)), following)
    step = np.arange(len(left)) - np.repeat(np.cumsum(following) - following, following) + 1
    return np.unique(record[left] * size + record[left + step])
