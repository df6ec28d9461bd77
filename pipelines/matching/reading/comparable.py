"""Records made comparable: every field as integers, with the distinct names beside them.

Belongs here: the arrays that candidates, comparison and guards work on, and what a record is in the light of all others.
Shared addresses (a hospital, a refuge, a home) and numbers that many people bear (a helpline, a filler) are found here and
carry no weight from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from pipelines.matching.arrays import Array, Hashes, Mask, Numbers, Positions, distinct
from pipelines.matching.reading.fields import NO_DATE, NO_VALUE, Plain, hash_texts, make_plain
from pipelines.matching.reading.names import AnyName, FamilyName, GivenName, Names
from pipelines.matching.reading.written import IDENTIFIERS

__all__ = ["NO_DATE", "NO_VALUE", "Comparable", "comparable", "hash_texts", "make_comparable"]

_SHARED_FAMILIES = 6  # an address or telephone with more family names than this belongs to no household
_SHARED_PEOPLE = 6  # an identifier under which more people go than this (by family name and birth date) is nobody's
_ADDRESS, _PHONE, _NHS_NUMBER, _UPN = 1, 2, 4, 8

T = TypeVar("T", bound=AnyName)
_NHS_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number")
_UPNS = ("upn", "upn_unverified", "former_upn")


@dataclass(frozen=True)
class Comparable:
    """Person records in comparable form, in order of record key; arrays hold one entry per record.

    `given` and `family` are positions in `given_names` and `family_names` (-1: no name). Identifiers, postcodes, places
    and addresses are 64-bit hashes of their text, stable from night to night, `NO_VALUE` where there is none. A birth
    date is kept by its parts, so that one which is no real day (month 21) still resembles what was meant.
    """

    keys: pa.Array
    source: Positions
    sources: tuple[str, ...]
    given: Positions
    given_names: Names[GivenName]
    family: Positions
    family_names: Names[FamilyName]
    given_name: Hashes
    family_name: Hashes
    given_sound: Hashes
    family_sound: Hashes
    birth: Numbers  # the birth date as a number, 20150314; 0 where unknown
    birth_date: Numbers  # the same in days since 1970, NO_DATE where unknown or no real day
    expected: Numbers  # likewise, the expected day of birth of an unborn child
    year: Numbers
    month: Numbers
    day: Numbers
    sex: Numbers  # 1 male, 2 female, 0 not known
    postcode: Hashes
    spelled: Numbers  # the postcode's characters, eight to a number; 0 where there are none or more
    outcode: Hashes
    place: Hashes  # the address without its numbers and postcode
    dwelling: Hashes  # the postcode (or place) with the numbers of the address
    identifiers: dict[str, Hashes]
    texts: dict[str, pa.Array]  # identifiers (and places, where just read) as text, for edit distances and for Splink
    linkable: Mask
    sought: Mask  # linkable, and no other stands for it: whom the keys are to find (see `deciding.equals`)
    shared: Numbers  # a bit each: address, telephone, NHS number, UPN are ones that many share
    digest: Numbers  # one number that changes when anything told of the record changes

    @property
    def size(self) -> int:
        """How many records there are."""
        return len(self.source)

    @property
    def lone(self) -> Mask:
        """Which records have a single name, of which nobody knows whether it is a given or a family name."""
        return (self.family < 0) & (self.given >= 0)

    def take(self, rows: Positions) -> Comparable:
        """Some of the records."""

        def some(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: some(each) for name, each in value.items()}
            if isinstance(value, pa.Array):
                return value.take(pa.array(rows))
            return value[rows] if isinstance(value, np.ndarray) else value

        part = Comparable(**{name: some(getattr(self, name)) for name in self.__dataclass_fields__})
        given, given_names = _borne(part.given, self.given_names)
        family, family_names = _borne(part.family, self.family_names)
        return replace(part, given=given, given_names=given_names, family=family, family_names=family_names)

    def concerned(self, left: Positions, right: Positions) -> tuple[Comparable, Positions, Positions, Positions]:
        """The records of these pairs alone, both sides of the pairs among them, and where those records stand here."""
        those = distinct(np.concatenate([left, right]))
        return self.take(those), np.searchsorted(those, left), np.searchsorted(those, right), those

    def either(self, kind: str) -> Hashes:
        """`nhs_number` or `upn`: the verified one, else the unverified; other kinds as they are."""
        verified = self.identifiers[kind]
        if f"{kind}_unverified" not in self.identifiers:
            return verified
        return np.where(verified != NO_VALUE, verified, self.identifiers[f"{kind}_unverified"])


def make_comparable(records: pa.Table, names: pa.Table | None = None) -> Comparable:
    """The comparable form of `records` and further `names` (shape: see `make_plain`)."""
    return comparable(make_plain(records, names)[0])


def comparable(plain: Plain, shared: Numbers | None = None) -> Comparable:
    """The comparable form of records that are known by themselves; `shared` where it is known, too."""
    table = plain.records

    def numbers(name: str) -> Array:
        return table[name].to_numpy()

    given, family, birth = numbers("given"), numbers("family"), numbers("birth")
    family_hash = numbers("family_name")
    identifiers = {name: numbers(name) for name in IDENTIFIERS}
    if shared is None:
        shared = _by_many(family_hash, birth, numbers("dwelling"), identifiers)
    for bit, names in ((_NHS_NUMBER, _NHS_NUMBERS), (_UPN, _UPNS)):
        identifiers |= {name: np.where(shared & bit, NO_VALUE, identifiers[name]) for name in names}
    identifiers["phone"] = np.where(shared & _PHONE, NO_VALUE, identifiers["phone"])

    def place(values: Array) -> Array:
        return np.where(shared & _ADDRESS, 0, values).astype(values.dtype)

    identifiers["uprn"] = place(identifiers["uprn"])
    # of a kind that nobody tells there is one value for all
    identifiers = {
        name: values if (values != NO_VALUE).any() else np.broadcast_to(NO_VALUE, len(values))
        for name, values in identifiers.items()
    }
    sources = table["source"].dictionary_encode().combine_chunks()
    told = sorted(sources.dictionary.to_pylist())
    rank = np.argsort(np.argsort(np.array(sources.dictionary.to_pylist(), dtype=object))).astype(np.int16)
    linkable = (given >= 0) | (family >= 0) | (birth != 0) | (numbers("expected") != NO_DATE)
    return Comparable(
        keys=table["record_key"].combine_chunks(),
        source=np.append(rank, np.int16(0))[sources.indices.to_numpy(zero_copy_only=False)],
        sources=tuple(told),
        given=given,
        given_names=plain.given,
        family=family,
        family_names=plain.family,
        given_name=numbers("given_name"),
        family_name=family_hash,
        given_sound=numbers("given_sound"),
        family_sound=numbers("family_sound"),
        birth=birth,
        birth_date=numbers("birth_date"),
        expected=numbers("expected"),
        year=birth // 10_000,
        month=(birth // 100 % 100).astype(np.int8),
        day=(birth % 100).astype(np.int8),
        sex=numbers("sex"),
        postcode=place(numbers("postcode")),
        spelled=place(numbers("spelled")),
        outcode=place(numbers("outcode")),
        place=place(numbers("place")),
        dwelling=place(numbers("dwelling")),
        identifiers=identifiers,
        texts={name[5:]: table[name].combine_chunks() for name in table.column_names if name.startswith("text_")},
        linkable=linkable,
        sought=linkable,
        shared=shared,
        digest=numbers("digest"),
    )


def _by_many(family: Hashes, birth: Numbers, dwelling: Hashes, identifiers: dict[str, Hashes]) -> Numbers:
    """What of each record many others share, a bit each (see `Comparable.shared`)."""
    shared = np.zeros(len(family), dtype=np.int8)
    person = family * np.int64(1_000_003) + birth
    for bit, values, bearer, most in (
        (_ADDRESS, (dwelling, identifiers["uprn"]), family, _SHARED_FAMILIES),
        (_PHONE, (identifiers["phone"],), family, _SHARED_FAMILIES),
        (_NHS_NUMBER, tuple(identifiers[name] for name in _NHS_NUMBERS), person, _SHARED_PEOPLE),
        (_UPN, tuple(identifiers[name] for name in _UPNS), person, _SHARED_PEOPLE),
    ):
        for value in values:
            shared[_shared(value, bearer, most)] |= bit
    return shared


def _borne(codes: Positions, names: Names[T]) -> tuple[Positions, Names[T]]:
    """Codes and names without the names that nobody bears."""
    used, place = np.unique(codes, return_inverse=True)
    nobody = int(len(used) > 0 and used[0] < 0)
    return (place - nobody).astype(np.int32), names.some(used[nobody:].tolist())


def _shared(value: Hashes, bearer: Hashes, most: int) -> Mask:
    """Which records have a value that more than `most` distinct bearers have."""
    told = np.flatnonzero((value != NO_VALUE) & (bearer != NO_VALUE))
    order = told[np.lexsort((bearer[told], value[told]))]
    values, bearers = value[order], bearer[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (values[1:] != values[:-1]) | (bearers[1:] != bearers[:-1])
    found, counts = np.unique(values[fresh], return_counts=True)
    return np.isin(value, found[counts > most])
