"""A model made from the records alone learns what their agreement is worth."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
import pytest

from pipelines.matching.comparing.compare import LEVELS, Comparer
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.people import link_people
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.training.estimate import Evidence, estimate_model
from pipelines.matching.training.strangers import Strangers
from pipelines.matching.weighing.score import Scorer

FAMILY = (
    "Abbott",
    "Barlow",
    "Cartwright",
    "Dobson",
    "Ellison",
    "Fairhurst",
    "Goddard",
    "Hartley",
    "Ibbotson",
    "Jepson",
)
GIVEN = (
    "Alice",
    "Bernard",
    "Clara",
    "Duncan",
    "Edith",
    "Frank",
    "Gloria",
    "Harold",
    "Irene",
    "Jasper",
    "Karen",
    "Leon",
)


def population(households: int, copies: int, *, seed: int = 3) -> list[dict]:
    """Households of a father, his two children and nobody else; each person `copies` times. Entity and all fields."""
    rng = np.random.default_rng(seed)
    rows = []
    for house in range(households):
        family = f"{FAMILY[rng.integers(10)]}{FAMILY[rng.integers(10)].lower()}"
        address, postcode = (
            f"{rng.integers(1, 99)} Lane {rng.integers(400)}",
            f"AB{rng.integers(1, 60)} {rng.integers(1, 9)}XY",
        )
        for person, year in enumerate((1970, 2005, 2008)):
            given = f"{GIVEN[rng.integers(12)]}{('', 'ina', 'o', 'ette', 'mund')[rng.integers(5)]}"
            day = f"{year + rng.integers(0, 3)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
            for copy in range(copies):
                rows.append({
                    "record_key": f"{house}-{person}-{copy}", "source": "x", "given_names": given, "family_name": family,
                    "birth_date": day, "address": address, "postcode": postcode,
                })  # fmt: skip
    return rows


def model_of(rows):
    people = make_comparable(pa.Table.from_pylist(rows))
    return people, estimate_model(people, find_candidates(people))


def test_chance_agreement_is_learned_from_strangers_although_most_pairs_that_agree_are_one_person():
    people, model = model_of(population(400, 4))
    seen = Strangers(people).u["address"][-1]
    learned = 2.0 ** -model.weights["address"][1 + LEVELS["address"]["dwelling"]]  # m is near 1
    assert learned < seen / 4


def test_while_it_is_estimated_a_field_is_worth_what_the_finished_model_says():
    people, model = model_of(population(400, 3))
    left, right, _ = find_candidates(people).free()
    levels = Comparer(people).levels(left, right)
    chances = [
        {
            each["output_column_name"]: np.array(
                [level[what] for level in each["comparison_levels"] if not level.get("is_null_level")][::-1]
            )
            for each in model.settings["comparisons"]
        }
        for what in ("m_probability", "u_probability")
    ]
    found = Evidence(people, model.frequencies, left, right, levels).bits(*chances)
    wanted = Scorer(model, people).field_weights(left, right, levels)
    assert (levels["address"] == LEVELS["address"]["place"]).any()
    for name, bits in wanted.items():
        assert np.allclose(found[name], bits), name


def test_father_and_son_of_one_name_and_one_home_are_two_people():
    rows = population(300, 2)
    father = {
        "source": "x",
        "given_names": "Wilfred",
        "family_name": "Oakes",
        "address": "7 Mill Row",
        "postcode": "AB1 1ZZ",
    }
    rows += [father | {"record_key": f"{who}{copy}", "birth_date": day}
             for who, day in (("father", "1971-02-03"), ("son", "2006-11-24")) for copy in (1, 2)]  # fmt: skip
    identities = link_people(pa.Table.from_pylist(rows)).identities
    of = dict(zip(*(identities[name].to_pylist() for name in ("record_key", "identity")), strict=True))
    assert of["father1"] == of["father2"] != of["son1"] == of["son2"]


@pytest.mark.parametrize("number", ["nhs_number", "upn"])
def test_a_number_written_down_for_another_of_the_household_joins_nobody(number):
    rows = [
        row | {number: f"X{zlib.crc32(bytes([n // 2 % 251, n // 502])):010}", "birth_date": None}
        for n, row in enumerate(population(300, 2))
    ]
    for row in rows[1::100]:
        row["given_names"] = GIVEN[len(row["record_key"]) % 12][::-1]  # a name is often written quite differently
    wrong = next(row for row in rows if row["record_key"] == "7-1-1")
    wrong[number] = next(row for row in rows if row["record_key"] == "7-0-0")[number]
    identities = link_people(pa.Table.from_pylist(rows)).identities
    of = dict(zip(*(identities[name].to_pylist() for name in ("record_key", "identity")), strict=True))
    assert of["7-0-0"] == of["7-0-1"] != of["7-1-1"]


def linked(*people, rest=()):
    """Whether the people given are found to be one, among the rest."""
    rows = [{"record_key": f"p{n}", "source": "x", **person} for n, person in enumerate(people)]
    identities = link_people(pa.Table.from_pylist([*rest, *rows])).identities
    of = dict(zip(*(identities[name].to_pylist() for name in ("record_key", "identity")), strict=True))
    return len({of[f"p{n}"] for n in range(len(people))}) == 1


def test_an_initial_stands_for_the_name_that_it_begins():
    rest = population(300, 2)
    for number, row in enumerate(rest):
        further = ("Rose", "James", "Mary", "John", "Grace", "Lee")[number // 2 % 6]
        row["given_names"] += f" {further if number % 2 else further[0]}"
    home = {"family_name": "Oakes", "birth_date": "2006-11-24", "postcode": "AB1 1ZZ"}
    assert linked(home | {"given_names": "Wilfred James"}, home | {"given_names": "J"}, rest=rest)
    people, model = model_of(rest)
    further = model.weights["further_names"]
    assert further[1 + LEVELS["further_names"]["initial"]] > 2
    assert further[1 + LEVELS["further_names"]["different"]] < -3
