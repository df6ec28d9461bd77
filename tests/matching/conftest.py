"""A small town of invented people for the matcher's tests: four sources, typing errors, twins. No sample feed is used."""

from __future__ import annotations

import datetime as dt
import random

import pyarrow as pa
import pytest

GIVEN = [
    "Oliver", "Amelia", "Jack", "Olivia", "Harry", "Isla", "Noah", "Emily", "Charlie", "Ava", "George", "Poppy",
    "Leo", "Grace", "Arthur", "Freya", "Oscar", "Lily", "Henry", "Sophie", "Thomas", "Evie", "Jacob", "Ella",
    "Muhammad", "Aisha", "Theo", "Chloe", "William", "Daisy", "Ethan", "Ruby", "Lucas", "Alice", "Daniel", "Maya",
]  # fmt: skip
FAMILY = [
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Robinson", "Wright",
    "Thompson", "Evans", "Walker", "White", "Roberts", "Green", "Hall", "Wood", "Jackson", "Clarke", "Khan",
    "Hughes", "Edwards", "Hill", "Lewis", "Harris", "Cooper", "Ward", "Turner",
]  # fmt: skip
COLUMNS = {
    "record_key": pa.string(), "agency": pa.string(), "given_names": pa.string(), "family_name": pa.string(),
    "former_family_name": pa.string(), "birth_date": pa.date32(), "expected_birth_date": pa.date32(), "sex": pa.string(),
    "postcode": pa.string(), "address": pa.string(), "uprn": pa.string(), "nhs_number": pa.string(),
    "nhs_number_unverified": pa.string(), "previous_nhs_number": pa.string(), "upn": pa.string(),
    "upn_unverified": pa.string(), "former_upn": pa.string(),
}  # fmt: skip


def table(rows: list[dict]) -> pa.Table:
    schema = pa.schema(list(COLUMNS.items()))
    return pa.Table.from_pylist([{name: row.get(name) for name in COLUMNS} for row in rows], schema=schema)


def _town(children: int, seed: int) -> list[dict]:
    rng = random.Random(seed)
    rows: list[dict] = []
    for number in range(children):
        family, twin = rng.choice(FAMILY), rng.random() < 0.05
        birth = dt.date(2009, 1, 1) + dt.timedelta(days=rng.randrange(5_000))
        home = {
            "postcode": f"B{number % 40 + 1} {number % 9 + 1}AB",
            "address": f"{number} {GIVEN[number % 36]} Street",
        }
        for n, given in enumerate(rng.sample(GIVEN, 2 if twin else 1)):
            child = {"given_names": given, "family_name": family, "birth_date": birth, "sex": rng.choice("MF")} | home
            if rng.random() < 0.4:
                child["given_names"] += " " + rng.choice(GIVEN)
            key = f"{number}-{n}"
            nhs, upn = f"4{number:07d}{n}5", f"A{number:011d}{n}"
            rows.append(child | {"record_key": f"health:{key}", "agency": "health", "nhs_number": nhs})
            rows.append(_spoiled(rng, child) | {"record_key": f"education:{key}", "agency": "education", "upn": upn})
            if rng.random() < 0.2:
                rows.append(_spoiled(rng, child) | {"record_key": f"police:{key}", "agency": "police"})
            if rng.random() < 0.2:
                numbers = {"nhs_number": nhs, "upn": upn}
                rows.append(_spoiled(rng, child) | numbers | {"record_key": f"care:{key}", "agency": "care"})
    return rows


def _spoiled(rng: random.Random, child: dict) -> dict:
    child = dict(child)
    for name in ("given_names", "family_name"):
        if rng.random() < 0.1:
            place = rng.randrange(1, len(child[name]))
            child[name] = child[name][:place] + rng.choice("aeiou") + child[name][place + 1 :]
    if rng.random() < 0.3:
        child["given_names"] = child["given_names"].split()[0]
    if rng.random() < 0.02:
        child["given_names"], child["family_name"] = child["family_name"], child["given_names"]
    if rng.random() < 0.05 and child["birth_date"].day <= 12:
        child["birth_date"] = child["birth_date"].replace(month=child["birth_date"].day, day=child["birth_date"].month)
    if rng.random() < 0.05:
        child["birth_date"] += dt.timedelta(days=10)
    if rng.random() < 0.1:
        child |= {"postcode": "B45 9ZZ", "address": f"{rng.randrange(900)} New Road"}
    if rng.random() < 0.05:
        child["sex"] = None
    return child


@pytest.fixture(scope="session")
def town() -> pa.Table:
    """Some 2,000 records of 800 households."""
    return table(_town(800, 1))


@pytest.fixture
def people():
    """Make a records table from dicts; what a row leaves out is as in the child everybody knows."""
    child = {"given_names": "Oliver", "family_name": "Pemberton", "birth_date": dt.date(2015, 3, 14), "sex": "M",
             "postcode": "B12 3CD", "address": "14 Mill Lane"}  # fmt: skip

    def make(*rows: dict) -> pa.Table:
        return table([child | row | {"agency": row["record_key"].split(":")[0]} for row in rows])

    return make
