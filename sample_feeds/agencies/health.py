"""Health: one row per patient, now and then two; the most complete and best-kept of the four holdings."""

from __future__ import annotations

import numpy as np

from sample_feeds.agencies.holdings import Holding, blank_some, constant, iso, known_addresses, unique_numbers
from sample_feeds.places import Addresses
from sample_feeds.population import Children, Ints
from sample_feeds.randomness import Objects, as_objects
from sample_feeds.spelling import Habits, known_birth_dates, known_names

__all__ = ["COLUMNS", "KEY", "address_columns", "make_holding", "make_rows"]

KEY = ("local_patient_id",)
COLUMNS = (
    "local_patient_id",
    "nhs_number",
    "family_name",
    "given_name",
    "other_given_names",
    "former_family_name",
    "gender",
    "birth_date",
    "death_date",
    "address_line_1",
    "address_line_2",
    "address_line_3",
    "address_line_4",
    "address_line_5",
    "postcode",
    "address_from",
    "gp_practice_code",
    "gp_from",
    "previous_nhs_number",
    "confidentiality",
    "carer_name",
    "carer_relationship",
)
HABITS = Habits(faithful=0.5, nickname=0.008, slip=0.012, swapped=0.001, half_of_double=0.03, joint_lost=0.1, other_family=0.25,
                folded=0.5, shouted=0.08, date_wrong=0.004, first_of_january=0.0005)  # fmt: skip


def make_holding(rng: np.random.Generator, children: Children, addresses: Addresses, day: np.datetime64) -> Holding:
    """The holding on the first night: 98 % of the born under 18, 0.4 % of them twice."""
    age = (day - children.birth).astype(np.int64)
    who = np.flatnonzero(
        children.born & (age < 18 * 365.2425) & ~children.closed_identity & (rng.random(len(age)) < 0.98)
    )
    rng.shuffle(who)
    holding = Holding(KEY, make_rows(rng, children, addresses, who, day, 0), who, np.zeros(len(who), np.int64))
    again = np.sort(rng.permutation(len(who))[: round(len(who) * 0.004)])
    twice = {name: values[again].copy() for name, values in holding.columns.items()}
    twice["local_patient_id"] = _local_ids(len(who), len(again))
    twice["nhs_number"] = blank_some(rng, twice["nhs_number"], 0.5)
    elsewhere = known_addresses(rng, children.take(who[again]), 0.9, 0.1)
    twice.update(address_columns(addresses, elsewhere))
    twice["gp_practice_code"] = rng.permutation(twice["gp_practice_code"])
    holding.add(twice, who[again], 0)
    return holding


def make_rows(
    rng: np.random.Generator, children: Children, addresses: Addresses, who: Ints, day: np.datetime64, issued: int
) -> dict[str, Objects]:
    """Rows about the children at `who`; `issued` is how many local ids were given before."""
    those, n = children.take(who), len(who)
    given, further, family = known_names(rng, those, HABITS)
    former = np.where((family != those.other_family) & (rng.random(n) < 0.3), those.other_family, None)
    sex = np.where(those.sex == "M", "1", "2").astype(object)
    sex[rng.random(n) < 0.004], sex[rng.random(n) < 0.002] = "0", "9"
    born = known_birth_dates(rng, those.birth, HABITS, day)
    died = np.full(n, np.datetime64("NaT"), "datetime64[D]")
    dead = rng.random(n) < 0.0002
    died[dead] = born[dead] + ((day - born[dead]).astype(np.int64) * 0.9).astype(np.int64)
    practice = those.practice.copy()
    default = rng.random(n) < 0.006
    practice[default] = as_objects(["V81997", "V81998", "V81999"])[rng.integers(0, 3, int(default.sum()))]
    row = dict.fromkeys(COLUMNS, np.full(n, None, object)) | {
        "local_patient_id": _local_ids(issued, n),
        "nhs_number": blank_some(rng, those.nhs_number, 0.004),
        "family_name": family,
        "given_name": given,
        "other_given_names": blank_some(rng, further, 0.1),
        "former_family_name": former,
        "gender": sex,
        "birth_date": iso(born),
        "death_date": iso(died),
        "gp_practice_code": practice,
        "gp_from": iso(np.maximum(born, np.minimum(those.moved_on, day))),
        "previous_nhs_number": those.former_nhs_number,
        "confidentiality": np.where(those.shielded & (who % 3 != 1), "S", None),
        "carer_name": blank_some(rng, those.carer, 0.15),
        "carer_relationship": those.carer_relationship,
    }
    row["carer_relationship"] = np.where(row["carer_name"] == None, None, row["carer_relationship"])  # noqa: E711
    at = known_addresses(rng, those, 0.07, 0.03)
    row.update(address_columns(addresses, at))
    since = np.where(at == those.address, np.maximum(those.moved_on, born), born)
    row["address_from"] = iso(np.minimum(since, day))
    row["postcode"] = blank_some(rng, row["postcode"], 0.01)
    nowhere = rng.random(n) < 0.003
    for name in COLUMNS[9:14]:
        row[name] = np.where(nowhere, None, row[name])
    row["postcode"][nowhere] = as_objects(["ZZ99 3VZ", "ZZ99 3WZ"])[rng.integers(0, 2, int(nowhere.sum()))]
    return row


def address_columns(addresses: Addresses, at: Ints) -> dict[str, Objects]:
    """The columns that hold an address."""
    lines, empty = addresses.lines(at), constant(None, len(at))
    return {"address_line_1": lines["line_1"], "address_line_2": lines["line_2"], "address_line_3": lines["line_3"],
            "address_line_4": empty, "address_line_5": empty, "postcode": lines["postcode"]}  # fmt: skip


def _local_ids(issued: int, count: int) -> Objects:
    return as_objects([f"P{number:08d}" for number in unique_numbers(issued + 1, count, 30_341_113, 100_000_000)])
