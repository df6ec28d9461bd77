"""Faults of single records: every kind of bad value that a row rule must find, with the outcome it must get.

Belongs here: the catalogue, and putting it into the columns of one delivery. Not here: rule codes (they live in the
contracts): an expectation names the field the rule is about. Only records whose child has no other record in the
delivery are damaged, each by one fault, so that each outcome stands for itself.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sample_feeds.identifiers import digits
from sample_feeds.population import Ints
from sample_feeds.randomness import Objects

__all__ = ["CATALOGUE", "Damage", "Expected", "damage_records"]

Columns = dict[str, Objects]


@dataclass(frozen=True)
class Expected:
    """What one record must get: position (from 1), fault, outcome (accepted, queried, rejected, repeat), field."""

    position: int
    fault: str
    outcome: str
    field: str


@dataclass
class Damage:
    """A delivery's columns after the damage, whom each record is about, what is expected, and lines to break."""

    columns: Columns
    child: Ints
    expected: list[Expected] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    def count(self, outcome: str, readable: int) -> int:
        """How many of the first `readable` records must get an outcome."""
        return len({e.position for e in self.expected if e.outcome == outcome and e.position <= readable})


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the field at fault, the outcome, and what is written there (a value or a change of the old)."""

    name: str
    field: str
    outcome: str
    value: str | Callable[[object, dt.date], object] | None


def _nhs(prefix: str) -> Callable[[object, dt.date], object]:
    """A number with a right check digit that starts with `prefix`, from the old value's digits."""

    def make(old: object, _: dt.date) -> object:
        base = int((prefix + (str(old or "4857773456"))[len(prefix) : 9].ljust(9 - len(prefix), "7"))[:9])
        for body in range(base, base + 12):
            check = (11 - int((digits(np.array([body]), 9) * np.arange(10, 1, -1)).sum()) % 11) % 11
            if check != 10:
                return f"{body:09d}{check}"
        raise AssertionError("a body with a check digit is never far")

    return make


def _next_digit(old: object, _: dt.date) -> object:
    text = str(old or "4857773456")
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def _next_letter(old: object, _: dt.date) -> object:
    alphabet, text = "ABCDEFGHJKLMNPQRTUVWXYZ", str(old or "A330900010000")
    return alphabet[(alphabet.index(text[0]) + 5) % 23] + text[1:]


def _unknown_authority(old: object, _: dt.date) -> object:
    from sample_feeds.identifiers import upn_check_letter

    body = "950" + str(old or "A330900010000")[4:]
    return str(upn_check_letter(np.array([int(body)]))[0]) + body


def _tomorrow(pattern: str = "%Y-%m-%d") -> Callable[[object, dt.date], object]:
    return lambda _, day: (day + dt.timedelta(days=3)).strftime(pattern)


def _adult(_: object, day: dt.date) -> object:
    return day.replace(year=day.year - 38, day=1).strftime("%d/%m/%Y")


def _without_basis(old: object, _: dt.date) -> object:
    entries = copy.deepcopy(old)
    entries.append(  # type: ignore[attr-defined]
        {"team": "Young People's Substance Misuse", "worker": "Ada Marsh", "contact": "01632 960999", "start": "2026-01-05",
         "sensitive": True})  # fmt: skip
    return entries


def _ends_first(old: object, _: dt.date) -> object:
    entries = copy.deepcopy(old)
    entries[0] |= {"start": "2025-06-02", "end": "2025-03-01"}  # type: ignore[index]
    return entries


_BAD_POSTCODE = "SW1A 9CI"
_LONG = "A" * 1_000_000
CATALOGUE: dict[str, tuple[Kind, ...]] = {
    "health": (
        Kind("nhs_check_digit", "nhs_number", "queried", _next_digit),
        Kind("nhs_repeated_digit", "nhs_number", "queried", "4444444444"),
        Kind("nhs_lost_zero", "nhs_number", "queried", lambda _, __: "123456789"),
        Kind("nhs_test_range", "nhs_number", "queried", _nhs("999")),
        Kind("nhs_other_uk", "nhs_number", "queried", _nhs("321")),
        Kind("birth_missing", "birth_date", "rejected", None),
        Kind("birth_impossible", "birth_date", "rejected", "2019-02-30"),
        Kind("birth_future", "birth_date", "rejected", _tomorrow()),
        Kind("birth_placeholder", "birth_date", "queried", "1900-01-01"),
        Kind("over_25", "birth_date", "rejected", "1988-05-17"),
        Kind("death_before_birth", "death_date", "queried", "1999-12-31"),
        Kind("family_name_missing", "family_name", "rejected", None),
        Kind("key_missing", "local_patient_id", "rejected", None),
        Kind("million_characters", "family_name", "rejected", _LONG),
        Kind("postcode_bad", "postcode", "queried", _BAD_POSTCODE),
        Kind("postcode_pseudo", "postcode", "accepted", "ZZ99 3VZ"),
        Kind("gender_unknown", "gender", "queried", "7"),
        Kind("practice_bad", "gp_practice_code", "queried", "AA10O1"),
        Kind("practice_default", "gp_practice_code", "accepted", "V81999"),
        Kind("line_break_in_value", "address_line_3", "accepted", "Old Mill\nThe Green"),
        Kind("broken_record", "", "rejected", None),
    ),
    "education": (
        Kind("upn_check_letter", "UPN", "queried", _next_letter),
        Kind("upn_unknown_authority", "UPN", "queried", _unknown_authority),
        Kind("upn_missing", "UPN", "rejected", None),
        Kind("urn_missing", "URN", "rejected", None),
        Kind("former_upn_bad", "FormerUPN", "queried", "P33090012401C"),
        Kind("surname_missing", "Surname", "rejected", None),
        Kind("forename_missing", "Forename", "rejected", None),
        Kind("birth_missing", "DOB", "rejected", None),
        Kind("birth_impossible", "DOB", "rejected", "2014-13-05"),
        Kind("birth_future", "DOB", "rejected", _tomorrow()),
        Kind("over_25", "DOB", "rejected", "1990-01-31"),
        Kind("leaving_before_entry", "LeavingDate", "queried", "2001-07-20"),
        Kind("status_unknown", "EnrolStatus", "queried", "Z"),
        Kind("sex_unknown", "Sex", "queried", "Q"),
        Kind("postcode_bad", "Postcode", "queried", _BAD_POSTCODE),
    ),
    "police": (
        Kind("reference_missing", "contact_ref", "rejected", None),
        Kind("contact_date_missing", "contact_date", "rejected", None),
        Kind("contact_date_future", "contact_date", "rejected", _tomorrow("%d/%m/%Y")),
        Kind("birth_impossible", "date_of_birth", "queried", "31/02/2015"),
        Kind("sex_unknown", "sex", "queried", "Z"),
        Kind("postcode_bad", "postcode", "queried", _BAD_POSTCODE),
        Kind("broken_record", "", "rejected", None),
        Kind("adult", "date_of_birth", "rejected", _adult),
    ),
    "social_care": (
        Kind("upn_check_letter", "upn", "queried", _next_letter),
        Kind("nhs_check_digit", "nhs_number", "queried", _next_digit),
        Kind("id_missing", "la_child_id", "rejected", None),
        Kind("names_missing", "names", "rejected", None),
        Kind("reason_unknown", "upn_unknown_reason", "queried", "UN9"),
        Kind("sex_unknown", "sex", "queried", "Q"),
        Kind("sensitive_without_basis", "involvements", "queried", _without_basis),
        Kind("involvement_ends_first", "involvements", "queried", _ends_first),
        Kind(
            "shield_without_authoriser", "shield", "queried", lambda _, __: {"requested": True, "reason_code": "other"}
        ),
        Kind("broken_record", "", "rejected", None),
    ),
}
# One record's given name and one identifier per agency, for the faults that need two records.
_GIVEN = {"health": "given_name", "education": "Forename", "police": "forenames", "social_care": "sex"}
_SHARED = {"health": ("nhs_number", "birth_date"), "education": ("UPN", "DOB")}


def damage_records(
    salt: int, agency: str, columns: Columns, child: Ints, day: dt.date, share: float, native: bool
) -> Damage:
    """Put faults into `share` of the records, at least one record of each kind that there is room for.

    Whose records are damaged, and how, depends on the child and `salt`: so most faults are there again the next night,
    until the supplier puts them right, as in life.

    Args:
        salt: a number for authority and agency, below 2 ** 31.
        agency: whose delivery.
        columns: its columns (not changed; copies are).
        child: whom each record is about (-1: a withdrawal, never damaged).
        day: the business date.
        share: of the records.
        native: False for Parquet, where no line can be broken.
    """
    done = Damage({name: values.copy() for name, values in columns.items()}, child.copy())
    places = _alone(done, agency)
    free = places[np.argsort((done.child[places] * 2_654_435_761 + salt) % 4_294_967_291, kind="stable")].tolist()
    kinds = [kind for kind in CATALOGUE[agency] if native or kind.name not in ("broken_record", "line_break_in_value")]
    each = max(1, round(len(child) * share / (len(kinds) + 3)))
    turned = salt % len(kinds)
    for kind in kinds[turned:] + kinds[:turned]:
        many = each if kind.name != "million_characters" else 1
        if kind.name == "adult":
            many = max(1, round(len(child) * 0.015))
        if kind.name == "broken_record":
            _break(done, free)
        else:
            for _ in range(min(many, max(0, len(free) - 6))):
                _spoil(done, kind, free.pop(), day)
    if len(free) >= 6:
        _same_key(done, agency, free.pop())
        _repeat(done, free.pop())
        if agency in _SHARED:
            _share(done, agency, free)
    return done


def _alone(done: Damage, agency: str) -> Ints:
    """Places of undamaged-able records: of born children with one record in the delivery, and their identifiers there."""
    _, first, times = np.unique(done.child, return_index=True, return_counts=True)
    places = first[(times == 1) & (done.child[first] >= 0)]
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
    if kind.name == "reason_unknown":
        done.columns["upn"][place] = None
    if kind.name == "upn_check_letter" and "upn_unknown_reason" in done.columns:
        done.columns["upn_unknown_reason"][place] = None
    if kind.name == "adult":
        done.columns["age_estimate"][place] = None
    done.expected.append(Expected(place + 1, kind.name, kind.outcome, kind.field))


def _break(done: Damage, free: list[int]) -> None:
    """Mark a record whose line will be damaged."""
    if len(free) > 6:
        place = free.pop()
        done.broken.append(place)
        done.expected.append(Expected(place + 1, "broken_record", "rejected", ""))


def _append(done: Damage, place: int) -> int:
    """A copy of a record at the end; returns its place."""
    done.columns = {name: np.concatenate([values, values[place : place + 1]]) for name, values in done.columns.items()}
    done.child = np.concatenate([done.child, done.child[place : place + 1]])
    return len(done.child) - 1


def _repeat(done: Damage, place: int) -> None:
    done.expected.append(Expected(_append(done, place) + 1, "exact_repeat", "repeat", ""))


def _same_key(done: Damage, agency: str, place: int) -> None:
    later, name = _append(done, place), _GIVEN[agency]
    done.columns[name][later] = ("U" if done.columns[name][place] != "U" else "F") if name == "sex" else "Someone"
    done.expected.append(Expected(place + 1, "same_key_other_content", "queried", ""))
    done.expected.append(Expected(later + 1, "same_key_other_content", "rejected", ""))


def _share(done: Damage, agency: str, free: list[int]) -> None:
    """One identifier on two children of different names and birth dates: both queried."""
    identifier, born = _SHARED[agency]
    one = free.pop()
    apart = [born, "URN"] if agency == "education" else [born]
    other = next((p for p in free if all(done.columns[c][p] != done.columns[c][one] for c in apart)), None)
    if other is not None:
        free.remove(other)
        done.columns[identifier][other] = done.columns[identifier][one]
        for place in (one, other):
            done.expected.append(Expected(place + 1, "shared_identifier", "queried", identifier))
