"""What two records must share to be worth comparing: the keys, as 64-bit numbers.

Belongs here: which keys there are, and the value of each for every record. A key is one thing a record is known by (a
name, a birth date, a postcode), and the further things that tell its records apart where there are too many of them.
How records under one key become pairs is for `candidates`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.matching.arrays import Hashes, Positions, spread
from pipelines.matching.reading.comparable import NO_DATE, NO_VALUE, Comparable, hash_texts

__all__ = ["IMPLIED", "KEYS", "REFINERS", "Key", "Values", "combine"]


_BIRTH_WINDOW = 75  # days between an expected and an actual birth that may still be one child


@dataclass(frozen=True)
class Key:
    """One kind of key.

    Attributes:
        name: what it is called in figures; the name of the `Values` method that makes its rows.
        fields: the comparisons that agree more often than not in the pairs it finds.
        refine: what tells its records apart when they are too many, each by itself, then two together.
        alone: whether sharing it, where it is rare, is enough; else it must be refined.
    """

    name: str
    fields: tuple[str, ...]
    refine: tuple[str, ...] = ()
    alone: bool = True


KEYS: tuple[Key, ...] = (
    Key("nhs_number", ("nhs_number",), ("birth", "given_sound")),
    Key("upn", ("upn",), ("birth", "given_sound")),
    Key("phone", ("phone",), ("birth", "given_sound", "family_sound")),
    Key("family", ("family_name",), ("birth", "postcode", "given_sound", "place", "year")),
    Key("given", ("given_name",), ("birth", "postcode", "family_sound", "place", "year")),
    Key("sounds", ("given_name", "family_name"), ("birth", "year", "anniversary", "outcode", "place")),
    Key("family_ends", ("family_name",), ("birth", "postcode", "given_sound", "place"), alone=False),
    Key("given_ends", ("given_name",), ("birth", "postcode", "family_sound", "place"), alone=False),
    Key("words", ("given_name", "family_name"), ("birth", "postcode", "place"), alone=False),
    Key("birth", ("birth_date",), ("postcode", "place", "given_sound", "family_sound", "outcode")),
    Key("postcode", ("address",), ("birth", "year", "anniversary", "given_sound", "family_sound")),
    Key("dwelling", ("address",), ("birth", "year", "given_sound", "family_sound")),
    Key("unborn", ("family_name", "address"), ("sex",)),
)

REFINERS: dict[str, tuple[str, ...]] = {
    "birth": ("birth_date",),
    "year": ("birth_date",),
    "anniversary": ("birth_date",),
    "postcode": ("address",),
    "outcode": ("address",),
    "place": ("address",),
    "given_sound": ("given_name",),
    "family_sound": ("family_name",),
    "sex": ("sex",),
}
# records alike in the first are alike in the others, which therefore tell none of them apart
IMPLIED: dict[str, tuple[str, ...]] = {"birth": ("year", "anniversary"), "postcode": ("outcode",)}


class Values:
    """The values of records under keys and refiners, made when first asked for."""

    def __init__(self, people: Comparable) -> None:
        self._people = people
        self._everyone = np.arange(people.size, dtype=np.int32)
        self.size = people.size

    def rows(self, key: Key) -> tuple[Positions, Hashes]:
        """Rows of (record, value) under the key; records without a value have none."""
        make: Callable[[], tuple[Positions, Hashes]] = getattr(self, f"_{key.name}")
        record, value = make()
        usable = value != NO_VALUE
        usable &= self._people.sought[record]
        return (record, value) if usable.all() else (record[usable], value[usable])

    def refiner(self, name: str) -> Hashes:
        """One value for each record; `NO_VALUE` where it has none."""
        return getattr(self, name)

    # ---- refiners --------------------------------------------------------------------------------------------------
    @cached_property
    def birth(self) -> Hashes:
        """The birth date; day and month in order of size, so that swapped dates meet."""
        people = self._people
        low, high = np.minimum(people.month, people.day), np.maximum(people.month, people.day)
        return np.where(people.birth > 0, people.year.astype(np.int64) * 10_000 + low * np.int64(100) + high, NO_VALUE)

    @cached_property
    def year(self) -> Hashes:
        """The year of birth."""
        return self._people.year.astype(np.int64)

    @cached_property
    def anniversary(self) -> Hashes:
        """Day and month of birth, in order of size."""
        return self.birth % 10_000

    @property
    def postcode(self) -> Hashes:
        """The postcode."""
        return self._people.postcode

    @property
    def outcode(self) -> Hashes:
        """The postal district."""
        return self._people.outcode

    @property
    def place(self) -> Hashes:
        """The address without numbers."""
        return self._people.place

    @property
    def given_sound(self) -> Hashes:
        """How the given name sounds."""
        return self._people.given_sound

    @property
    def family_sound(self) -> Hashes:
        """How the family name sounds."""
        return self._people.family_sound

    @cached_property
    def sex(self) -> Hashes:
        """Sex, unknown being a value of its own."""
        return self._people.sex.astype(np.int64) + 1

    # ---- keys ------------------------------------------------------------------------------------------------------
    def _nhs_number(self) -> tuple[Positions, Hashes]:
        return self._identifier("nhs_number", "nhs_number_unverified", "previous_nhs_number")

    def _upn(self) -> tuple[Positions, Hashes]:
        return self._identifier("upn", "upn_unverified", "former_upn")

    def _phone(self) -> tuple[Positions, Hashes]:
        return self._identifier("phone")

    def _identifier(self, *columns: str) -> tuple[Positions, Hashes]:
        values = [self._people.identifiers[column] for column in columns]
        return np.tile(self._everyone, len(columns)), np.concatenate(values)

    def _family(self) -> tuple[Positions, Hashes]:
        people = self._people
        names = _expand(people.family, [value.everything for value in people.family_names])
        # a single name may be either
        lone = np.flatnonzero(people.lone).astype(np.int32)
        return np.concatenate([names[0], lone]), np.concatenate([names[1], people.given_name[lone]])

    def _given(self) -> tuple[Positions, Hashes]:
        people = self._people
        return _expand(people.given, [tuple(sorted({*value.roots, *value.tokens})) for value in people.given_names])

    def _words(self) -> tuple[Positions, Hashes]:
        # given and family names alike: what is one here may be the other there
        people = self._people
        given = _expand(people.given, [value.tokens for value in people.given_names])
        family = _expand(people.family, [value.everything for value in people.family_names])
        return np.concatenate([given[0], family[0]]), np.concatenate([given[1], family[1]])

    def _sounds(self) -> tuple[Positions, Hashes]:
        # in order of size: swapped names meet
        low = np.minimum(self.given_sound, self.family_sound)
        high = np.maximum(self.given_sound, self.family_sound)
        both = (self.given_sound != NO_VALUE) & (self.family_sound != NO_VALUE)
        return self._everyone, np.where(both, combine(7, low, high), NO_VALUE)

    def _family_ends(self) -> tuple[Positions, Hashes]:
        people = self._people
        family = _expand(people.family, [_ends(value.name) for value in people.family_names])
        lone = _expand(np.where(people.lone, people.given, -1), [_ends(value.name) for value in people.given_names])
        return np.concatenate([family[0], lone[0]]), np.concatenate([family[1], lone[1]])

    def _given_ends(self) -> tuple[Positions, Hashes]:
        return _expand(self._people.given, [_ends(value.name) for value in self._people.given_names])

    def _birth(self) -> tuple[Positions, Hashes]:
        return self._everyone, self.birth

    def _postcode(self) -> tuple[Positions, Hashes]:
        return self._everyone, self.postcode

    def _dwelling(self) -> tuple[Positions, Hashes]:
        return self._everyone, self._people.dwelling

    def _unborn(self) -> tuple[Positions, Hashes]:
        """An unborn child meets the newborn of its family and postcode, born in a year in which it may have been."""
        people = self._people
        unborn = np.flatnonzero(people.expected != NO_DATE).astype(np.int32)
        if not len(unborn):
            return unborn, unborn.astype(np.int64)
        days = np.concatenate([people.expected[unborn] + shift for shift in (-_BIRTH_WINDOW, _BIRTH_WINDOW)])
        years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        record = np.concatenate([self._everyone, unborn, unborn])
        year = np.concatenate([self.year, years])
        return record, combine(9, people.family_name[record], people.postcode[record], year)


def combine(salt: int, *parts: Hashes) -> Hashes:
    """One key from several parts; no key where a part is missing."""
    key = np.full(len(parts[0]), (salt * 0x9E3779B97F4A7C15) % 2**64, dtype=np.uint64)
    missing = np.zeros(len(parts[0]), dtype=bool)
    for part in parts:
        missing |= part == NO_VALUE
        key ^= part.view(np.uint64)
        key *= np.uint64(0xC4CEB9FE1A85EC53)
        key ^= key >> np.uint64(29)
    combined = key.view(np.int64)
    combined[combined == NO_VALUE] = 1
    combined[missing] = NO_VALUE
    return combined


def _expand(codes: Positions, values: list[tuple[str, ...]]) -> tuple[Positions, Hashes]:
    """Rows of (record, name): one for every name that a record has."""
    lengths = np.array([len(value) for value in values] or [0], dtype=np.int64)
    flat = hash_texts([name for value in values for name in value])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    records = np.flatnonzero(codes >= 0).astype(np.int32)
    if not len(records) or not len(flat):
        return records[:0], np.zeros(0, dtype=np.int64)
    of, place = spread(starts[codes[records]], lengths[codes[records]])
    return records[of], flat[place]


def _ends(name: str | None) -> tuple[str, ...]:
    """The first half of a name and the last: one slip of the keyboard leaves one of them as it was."""
    if not name or len(name) < 4:
        return ()
    half = (len(name) + 1) // 2
    return tuple(sorted({f"{name[: half - 1]}-", f"{name[:half]}-", f"-{name[-half:]}", f"-{name[-(half - 1) :]}"}))
