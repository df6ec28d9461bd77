"""Identifiers that are valid by rule and belong to nobody we know of: NHS numbers, UPNs, practices, schools.

Belongs here: making identifiers, right and damaged, whole columns at a time. Not here: judging them (the product's
rules have their own code; the two share nothing, so each can prove the other).

- NHS numbers are of the England and Wales range (first digit 4, 6 or 7) with a right modulus 11 digit, drawn by seed.
  They are synthetic; that a real person holds one of them cannot be excluded, so they identify nobody.
- UPNs use establishment numbers 9000-9999, above those in use.
- Practices use numbers from 95000, schools URNs from 160000: both above what has been given out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sample_feeds.randomness import Objects

__all__ = [
    "digits",
    "nhs_numbers",
    "phone_numbers",
    "practice_codes",
    "school_urns",
    "upn_check_letter",
    "upns",
]

_LETTERS = np.array(list("ABCDEFGHJKLMNPQRTUVWXYZ"))
_NHS_SPACE = 300_000_000
_NHS_STEP = 182_735_639  # coprime to the space: consecutive children get numbers that look unrelated
_PRACTICE_LETTERS = "ABCDEFGHJKLMNPQRSTUVY"


def nhs_numbers(start: int, count: int, seed: int) -> Objects:
    """`count` distinct valid NHS numbers; no two ranges start…start+count of one seed share a number.

    About one nine-digit body in eleven has no check digit and is passed over, so a range takes 1.3 × `count` bodies:
    callers keep `start` values of different populations that far apart.
    """
    room = int(count * 1.3) + 64
    place = (np.arange(start, start + room, dtype=np.int64) * _NHS_STEP + seed * 7_919) % _NHS_SPACE
    block = place // 100_000_000
    body = np.array([4, 6, 7])[block] * 100_000_000 + place % 100_000_000
    figures = digits(body, 9)
    check = (11 - (figures * np.arange(10, 1, -1)).sum(axis=1) % 11) % 11
    full = body * 10 + check
    usable = (check != 10) & (full % 1_111_111_111 != 0)
    return _texts(full[usable][:count])


def upns(local_authority: NDArray[np.int64], year: NDArray[np.int64], place: NDArray[np.int64]) -> Objects:
    """UPNs of children: authority's code, year of allocation (two digits), and a place 0…999 999 unique per child."""
    if not len(place):
        return np.empty(0, object)
    spread = (place * 7_368_787) % 1_000_000
    body = ((local_authority * 10_000 + 9_000 + spread // 1_000) * 100 + year % 100) * 1_000 + spread % 1_000
    text = np.char.add(upn_check_letter(body), np.char.zfill(body.astype("U12"), 12))
    return text.astype(object)


def upn_check_letter(body: NDArray[np.int64]) -> NDArray[np.str_]:
    """The check letter of twelve digits: weights 2 to 13, modulus 23, alphabet without I, O and S."""
    return _LETTERS[(digits(body, 12) * np.arange(2, 14)).sum(axis=1) % 23]


def practice_codes(ordinal: int, count: int) -> list[str]:
    """ODS-shaped codes of one authority's practices (a letter and five digits)."""
    first = ordinal * 30
    return [
        f"{_PRACTICE_LETTERS[(first + n) % len(_PRACTICE_LETTERS)]}{95_000 + (first + n) // len(_PRACTICE_LETTERS):05d}"
        for n in range(min(count, 30))
    ]


def school_urns(ordinal: int, count: int) -> list[str]:
    """URNs of one authority's schools (six digits)."""
    return [str(160_000 + ordinal * 230 + n) for n in range(min(count, 230))]


def phone_numbers(rng: np.random.Generator, count: int) -> Objects:
    """Telephone numbers nobody has: from the ranges that Ofcom keeps free for fiction, a thousand in each."""
    starts = (
        "07700 900", "01632 960", "0113 496 0", "0114 496 0", "0115 496 0", "0116 496 0", "0117 496 0", "0118 496 0",
        "0121 496 0", "0131 496 0", "0141 496 0", "0151 496 0", "0161 496 0", "0191 498 0", "020 7946 0",
    )  # fmt: skip
    numbers = np.array([f"{start}{number:03d}" for start in starts for number in range(1_000)], dtype=object)
    return numbers[rng.integers(0, len(numbers), count)]


def digits(numbers: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The decimal digits of each number: one row per number, `width` columns, first digit first."""
    return numbers[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64) % 10


def _texts(numbers: NDArray[np.int64]) -> Objects:
    return numbers.astype("U10").astype(object)
