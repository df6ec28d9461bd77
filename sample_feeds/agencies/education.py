"""Education: one element per pupil and enrolment, names of the school census; school age only, names as at home."""

from __future__ import annotations

import numpy as np

from sample_feeds.agencies.holdings import Holding, blank_some, constant, iso, known_addresses
from sample_feeds.places import Addresses, Places
from sample_feeds.population import Children, Days, Ints
from sample_feeds.randomness import Objects, as_objects
from sample_feeds.spelling import Habits, known_birth_dates, known_names

__all__ = ["COLUMNS", "KEY", "address_columns", "make_holding", "make_rows"]

KEY = ("UPN", "URN")
COLUMNS = (
    "UPN", "URN", "FormerUPN", "Surname", "Forename", "MiddleNames", "PreferredSurname", "FormerSurname", "DOB", "Sex",
    "AddressLine1", "AddressLine2", "AddressLine3", "AddressLine4", "AddressLine5", "Postcode", "UPRN", "EntryDate",
    "LeavingDate", "EnrolStatus",
)  # fmt: skip
HABITS = Habits(faithful=0.5, nickname=0.03, slip=0.014, swapped=0.001, half_of_double=0.12, joint_lost=0.2, other_family=0.35,
                folded=0.35, shouted=0.02, date_wrong=0.004, first_of_january=0.0005)  # fmt: skip


def make_holding(
    rng: np.random.Generator, here: Places, children: Children, addresses: Addresses, day: np.datetime64
) -> Holding:
    """The holding on the first night: 94 % of school age, some to 24; 1 % at two schools, 2 % with a school they
    left.
    """
    age = (day - children.birth).astype(np.int64) / 365.2425
    at_school = children.school != None  # noqa: E711 - an array of objects
    who = np.flatnonzero(at_school & (rng.random(len(age)) < np.where(age < 18.6, 0.94, 0.06)))
    rng.shuffle(who)
    holding = Holding(KEY, make_rows(rng, children, addresses, who, day), who, np.zeros(len(who), np.int64))
    left = children.closed_identity[who]
    holding.columns["LeavingDate"][left] = holding.columns["EntryDate"][left]
    holding.columns["EntryDate"][left] = _a_year_before(holding.columns["EntryDate"][left])
    single = np.flatnonzero(~left)
    luck = rng.random(len(single))
    for chosen, main, other in ((single[luck < 0.01], "M", "S"), (single[luck > 0.98], "C", "C")):
        second = {name: values[chosen].copy() for name, values in holding.columns.items()}
        grown = age[who[chosen]] >= 11.2
        second["URN"] = np.where(grown, here.secondary.draw(rng, len(chosen)), here.primary.draw(rng, len(chosen)))
        second["EnrolStatus"] = constant(other, len(chosen))
        if other == "C":
            second["LeavingDate"] = second["EntryDate"]
            second["EntryDate"] = _a_year_before(second["EntryDate"])
        else:
            holding.columns["EnrolStatus"][chosen] = main
        elsewhere = second["URN"] != holding.columns["URN"][chosen]
        holding.add({name: values[elsewhere] for name, values in second.items()}, who[chosen][elsewhere], 0)
    return holding


def make_rows(
    rng: np.random.Generator, children: Children, addresses: Addresses, who: Ints, day: np.datetime64
) -> dict[str, Objects]:
    """Rows about the children at `who`, one each, at their school."""
    those, n = children.take(who), len(who)
    given, further, family = known_names(rng, those, HABITS)
    prefers = (family != those.other_family) & (rng.random(n) < 0.5)
    sex = those.sex.copy()
    sex[rng.random(n) < 0.001] = "U"
    row = dict.fromkeys(COLUMNS, constant(None, n)) | {
        "UPN": those.upn,
        "URN": those.school,
        "FormerUPN": those.former_upn,
        "Surname": family,
        "Forename": given,
        "MiddleNames": blank_some(rng, further, 0.3),
        "PreferredSurname": np.where(prefers, those.other_family, None),
        "FormerSurname": np.where(~prefers & (rng.random(n) < 0.2), those.other_family, None),
        "DOB": iso(known_birth_dates(rng, those.birth, HABITS, day)),
        "Sex": sex,
        "EntryDate": iso(_entry_dates(those.birth, day)),
        "LeavingDate": constant(None, n),
        "EnrolStatus": constant("C", n),
    }
    row["FormerSurname"] = np.where(row["FormerSurname"] == family, None, row["FormerSurname"])
    row.update(address_columns(addresses, known_addresses(rng, those, 0.18, 0.1)))
    row["Postcode"] = blank_some(rng, row["Postcode"], 0.012)
    row["UPRN"] = blank_some(rng, row["UPRN"], 0.3)
    return row


def address_columns(addresses: Addresses, at: Ints) -> dict[str, Objects]:
    """The elements that hold an address."""
    lines, empty = addresses.lines(at), constant(None, len(at))
    return {
        "AddressLine1": lines["line_1"],
        "AddressLine2": lines["line_2"],
        "AddressLine3": lines["line_3"],
        "AddressLine4": empty,
        "AddressLine5": empty,
        "Postcode": lines["postcode"],
        "UPRN": lines["uprn"],
    }


def _entry_dates(birth: Days, day: np.datetime64) -> Days:
    """The first of September on which a child of that birth date starts at the school of their age."""
    month = birth.astype("datetime64[M]").astype(np.int64)
    year = month // 12 + 1970 + (month % 12 >= 8)
    age = (day - birth).astype(np.int64) / 365.2425
    entry = year + np.where(age >= 11.2, 11, 4)
    date = ((entry - 1970) * 12 + 8).astype("datetime64[M]").astype("datetime64[D]")
    return np.minimum(date, day)


def _a_year_before(dates: Objects) -> Objects:
    return as_objects([f"{int(date[:4]) - 1}{date[4:]}" for date in dates])
