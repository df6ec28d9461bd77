"""Police: one row per child and contact, written down by ear, the address often that of the incident."""

from __future__ import annotations

import numpy as np

from sample_feeds.agencies.holdings import Holding, blank_some, iso, known_addresses, unique_numbers
from sample_feeds.names import fold, names
from sample_feeds.places import Addresses
from sample_feeds.population import Children, Ints
from sample_feeds.randomness import Objects, as_objects
from sample_feeds.spelling import Habits, known_birth_dates, known_names

__all__ = ["COLUMNS", "KEY", "make_holding", "make_rows"]

KEY = ("contact_ref",)
COLUMNS = (
    "contact_ref",
    "surname",
    "forenames",
    "date_of_birth",
    "age_estimate",
    "sex",
    "location",
    "postcode",
    "unit",
    "contact_name",
    "contact_phone",
    "contact_date",
)
HABITS = Habits(
    faithful=0.3,
    nickname=0.14,
    slip=0.06,
    by_ear=0.14,
    swapped=0.02,
    half_of_double=0.4,
    joint_lost=0.4,
    other_family=0.3,
    folded=0.5,
    shouted=0.4,
    date_wrong=0.06,
    first_of_january=0.015,
)
_UNITS = as_objects(
    [
        "Neighbourhood Team North",
        "Neighbourhood Team South",
        "Response A",
        "Response B",
        "Missing Persons",
        "Youth Engagement",
        "Safeguarding Hub",
        "Roads Policing",
        "Schools Liaison",
    ]
)


def make_holding(rng: np.random.Generator, children: Children, addresses: Addresses, day: np.datetime64) -> Holding:
    """The rolling window on the first night: 3.3 % of children, the older the likelier, 1.4 contacts each."""
    age = (day - children.birth).astype(np.int64) / 365.2425
    chance = max(0.066, 14 / len(age)) * np.clip(age, 0, 18) / 18
    known = np.flatnonzero(children.born & (age < 18) & (rng.random(len(age)) < chance))
    who = np.repeat(known, rng.geometric(0.72, len(known)).clip(max=6))
    rng.shuffle(who)
    columns = make_rows(rng, children, addresses, who, day, 0, 365)
    return Holding(KEY, columns, who, np.zeros(len(who), np.int64))


def make_rows(
    rng: np.random.Generator,
    children: Children,
    addresses: Addresses,
    who: Ints,
    day: np.datetime64,
    issued: int,
    window: int,
) -> dict[str, Objects]:
    """A contact with each of the children at `who` in the `window` days up to `day`; `issued` references came
    before.
    """
    those, n = children.take(who), len(who)
    given, further, family = known_names(rng, those, HABITS)
    spoken = rng.random(n)
    both = np.flatnonzero((spoken < 0.12) & (further != None))  # noqa: E711 - an array of objects
    given[both] = given[both] + " " + further[both]
    born = iso(known_birth_dates(rng, those.birth, HABITS, day), "%d/%m/%Y")
    contact = day - np.minimum((rng.random(n) * window).astype(np.int64), (day - those.birth).astype(np.int64))
    years = ((day - those.birth).astype(np.int64) / 365.2425 + rng.normal(0, 1.2, n)).clip(0, 25).astype(np.int64)
    undated = rng.random(n) < 0.07
    sex = those.sex.copy()
    sex[rng.random(n) < 0.01], sex[rng.random(n) < 0.004] = "I", "X"
    where = rng.random(n)
    at = known_addresses(rng, those, 0.35, 0.5)
    at = np.where(where < 0.33, rng.integers(0, len(addresses.number), n), at)  # where it happened, not where they live
    lines = addresses.lines(at)
    officers = _officers(rng)
    officer = rng.integers(0, len(officers), n)
    row = {
        "contact_ref": as_objects(
            [f"C{number:09d}" for number in unique_numbers(issued + 1, n, 303_411_137, 1_000_000_000)]
        ),
        "surname": _plain(blank_some(rng, family, 0.01)),
        "forenames": _plain(blank_some(rng, given, 0.015)),
        "date_of_birth": np.where(undated, None, born),
        "age_estimate": np.where(undated, years.astype("U2").astype(object), None),
        "sex": sex,
        "location": lines["line_1"] + ", " + lines["line_3"],
        "postcode": blank_some(rng, lines["postcode"], 0.12),
        "unit": _UNITS[officer % len(_UNITS)],
        "contact_name": officers[officer],
        "contact_phone": as_objects([f"01632 960{number:03d}" for number in officer.tolist()]),
        "contact_date": iso(contact, "%d/%m/%Y"),
    }
    nobody = rng.random(n) < 0.004
    for name in ("surname", "forenames", "date_of_birth"):
        row[name] = np.where(nobody, None, row[name])
    return row


def _officers(rng: np.random.Generator) -> Objects:
    given = names().given["british", "F"].draw(rng, 60)
    return "PC " + given + " " + names().family["british"].draw(rng, 60)


def _plain(texts: Objects) -> Objects:
    """Texts that Windows-1252 can hold: letters it has not are written without their marks."""
    return as_objects([None if text is None else text if text.isascii() else _narrow(text) for text in texts])  # type: ignore[misc]


def _narrow(text: str) -> str:
    return "".join(c if ord(c) < 256 else fold(c) if fold(c).isascii() else "?" for c in text)
