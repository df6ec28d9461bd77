"""Faults of single records, put into the columns of one delivery, with what each must come to.

Belongs here: choosing and damaging records. Not here: the kinds of fault (catalogue.py). Only records whose child has
no other record in the delivery are damaged, each by one fault, so that each outcome stands for itself.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

import numpy as np

from sample_feeds.faults.catalogue import CATALOGUE, NATIVE_ONLY, PAIR_RULES, Kind
from sample_feeds.population import Ints
from sample_feeds.randomness import Objects

__all__ = ["Damage", "Expected", "damage_records"]

Columns = dict[str, Objects]


@dataclass(frozen=True)
class Expected:
    """What a record must get.

    `position` counts from 1; `outcome` is accepted, queried, rejected or repeat; `partner` is the position of the other
    record that it takes to break the rule (0: none).
    """

    position: int
    fault: str
    outcome: str
    field: str
    rule: str
    partner: int = 0


@dataclass
class Damage:
    """A delivery's columns after the damage, whom each record is about, what is expected, and lines to break."""

    columns: Columns
    child: Ints
    expected: list[Expected] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many records must get an outcome."""
        return len({e.position for e in self.expected if e.outcome == outcome})

    def up_to(self, position: int) -> Damage:
        """The same delivery, of which only the records up to `position` can be read: what is expected of them."""
        return replace(self, expected=[e for e in self.expected if max(e.position, e.partner) <= position])


# One record's given name and one identifier per agency, for the faults that need two records.
_GIVEN = {"health": "given_name", "education": "Forename", "police": "forenames", "social_care": "sex"}
_SHARED = {"health": ("nhs_number", "birth_date"), "education": ("UPN", "DOB")}


def damage_records(
    salt: int, agency: str, columns: Columns, child: Ints, day: dt.date, share: float, native: bool
) -> Damage:
    """Put faults into `share` of the records, at least one record of each kind, as long as three in four stay sound.

    Whose records are damaged, and how, depends on the child and `salt`: so most faults are there again the next night,
    until the supplier puts them right, as in life.

    Args:
        salt: a number for authority and agency, below 2 ** 31.
        agency: whose delivery.
        columns: its columns (not changed; copies are).
        child: whom each record is about.
        day: the business date.
        share: of the records.
        native: False for Parquet, where no line can be broken.
    """
    done = Damage({name: values.copy() for name, values in columns.items()}, child.copy())
    places = _alone(done, agency)
    free = places[np.argsort((done.child[places] * 2_654_435_761 + salt) % 4_294_967_291, kind="stable")].tolist()
    kinds = [kind for kind in CATALOGUE[agency] if native or kind.name not in NATIVE_ONLY]
    each = max(1, round(len(child) * share / (len(kinds) + 3)))
    room = len(child) // 4  # a small delivery has a few kinds of fault, not nothing but faults
    turned = salt % len(kinds)
    for kind in kinds[turned:] + kinds[:turned]:
        many = each if kind.name != "million_characters" else 1
        if kind.name == "adult":
            many = max(1, round(len(child) * 0.015))
        if kind.name == "broken_record" and len(done.expected) < room:
            _break(done, free, kind.rule)
        elif kind.name != "broken_record":
            for _ in range(min(many, room - len(done.expected), max(0, len(free) - 6))):
                _spoil(done, kind, free.pop(), day)
    if len(free) >= 6 and len(child) >= 20:
        _same_key(done, agency, free.pop())
        _repeat(done, free.pop())
        if agency in _SHARED:
            _share(done, agency, free)
    return done


def _alone(done: Damage, agency: str) -> Ints:
    """Places of records that may be damaged: their child has no other here, and what most faults need is there."""
    _, first, times = np.unique(done.child, return_index=True, return_counts=True)
    places = first[times == 1]
    if "change" in done.columns:
        places = places[done.columns["change"][places] == "upsert"]
    if agency == "social_care":
        complete = [done.columns["shield"][p] is None and done.columns["withdrawn"][p] is None
                    and done.columns["expected_date_of_birth"][p] is None for p in places]  # fmt: skip
        return places[np.array(complete, bool)]
    if agency == "health":
        whole = [
            done.columns["nhs_number"][p] is not None and done.columns["confidentiality"][p] is None for p in places
        ]
        return places[np.array(whole, bool)]
    return places


def _spoil(done: Damage, kind: Kind, place: int, day: dt.date) -> None:
    column = done.columns[kind.field]
    old = column[place]
    column[place] = kind.value(old, day) if callable(kind.value) else kind.value
    if kind.name == "million_characters" and len(column) >= 1_000:  # a small sample stays small
        column[place] = "A" * 1_000_000
    if kind.name == "reason_unknown":
        done.columns["upn"][place] = None
    if kind.name == "upn_check_letter" and "upn_unknown_reason" in done.columns:
        done.columns["upn_unknown_reason"][place] = None
    if kind.name == "nobody":
        done.columns["surname"][place] = done.columns["date_of_birth"][place] = None
    if kind.name == "adult":
        done.columns["age_estimate"][place] = None
    done.expected.append(Expected(place + 1, kind.name, kind.outcome, kind.field, kind.rule))


def _break(done: Damage, free: list[int], rule: str) -> None:
    """Mark a record whose line will be damaged."""
    if len(free) > 6:
        place = free.pop()
        done.broken.append(place)
        done.expected.append(Expected(place + 1, "broken_record", "rejected", "", rule))


def _append(done: Damage, place: int) -> int:
    """A copy of a record at the end; returns its place."""
    done.columns = {name: np.concatenate([values, values[place : place + 1]]) for name, values in done.columns.items()}
    done.child = np.concatenate([done.child, done.child[place : place + 1]])
    return len(done.child) - 1


def _repeat(done: Damage, place: int) -> None:
    done.expected.append(Expected(_append(done, place) + 1, "exact_repeat", "repeat", "", ""))


def _same_key(done: Damage, agency: str, place: int) -> None:
    later, name, rule = _append(done, place), _GIVEN[agency], PAIR_RULES[agency]["same_key"]
    done.columns[name][later] = ("U" if done.columns[name][place] != "U" else "F") if name == "sex" else "Someone"
    done.expected.append(Expected(place + 1, "same_key_other_content", "queried", "", rule, later + 1))
    done.expected.append(Expected(later + 1, "same_key_other_content", "rejected", "", rule))


def _share(done: Damage, agency: str, free: list[int]) -> None:
    """One identifier on two children of different names and birth dates: both queried."""
    identifier, born = _SHARED[agency]
    one = free.pop()
    apart = [born, "URN"] if agency == "education" else [born]
    other = next((p for p in free if all(done.columns[c][p] != done.columns[c][one] for c in apart)), None)
    if other is not None:
        free.remove(other)
        done.columns[identifier][other] = done.columns[identifier][one]
        rule = PAIR_RULES[agency]["shared"]
        for place, partner in ((one, other), (other, one)):
            done.expected.append(Expected(place + 1, "shared_identifier", "queried", identifier, rule, partner + 1))
