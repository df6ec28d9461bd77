"""Two ways of writing one place have one token; another place has another."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.protection.household import FURTHER_PLACES
from pipelines.protection.places import known_places, places_after
from pipelines.protection.tokens import key_tokens, tokens_of_places
from pipelines.seams.identities import IDENTITIES, VISIBILITY
from pipelines.seams.protection import ENTRIES, LATCHED, PLACES
from tests.publishing.conftest import person

HOME = ("Flat 3, 14 Sidwick Lane, Leeds", "LS1 4AP", None)


def places(*written: tuple[str | None, str | None, str | None]) -> pa.Table:
    return pa.table(
        {
            "record_key": [f"health:P{number}" for number in range(len(written))],
            **{
                name: pa.array([row[at] for row in written], pa.string())
                for at, name in enumerate(("address", "postcode", "uprn"))
            },
        }
    )


def tokens(*written: tuple[str | None, str | None, str | None]) -> list[set[str]]:
    """The tokens that are kept of the first, and those by which the others are sought."""
    kept, sought = tokens_of_places(places(written[0])), tokens_of_places(places(*written[1:]), sought=True)
    found = [*kept.to_pylist(), *sought.to_pylist()]
    return [{row["token"] for row in found if (row["address"], row["postcode"], row["uprn"]) == one} for one in written]


@pytest.mark.parametrize(
    "other",
    [
        ("14 Sidwick Lane, Flat 3", "LS1 4AP", None),
        ("FLAT 3  14 sidwick ln", "ls14ap", None),
        ("Flat 3, 14 Sidwick Lane, Leeds LS1 4AP", None, None),
        ("14 Sidwick Lane", "LS1 4AP", None),
        ("Flat 3, 14 Sidwick Lane", None, None),
        ("14 Sidwick Ln", None, None),
        ("Flat 3, 14 Sidwick Lane", "LS1 4AQ", None),
        ("c/o Moss, 14 Sidwick Lane", "LS1 9ZZ", None),
    ],
)
def test_a_place_written_in_another_way_is_that_place(other: tuple[str, str | None, str | None]) -> None:
    one, another = tokens(HOME, other)
    assert one & another


@pytest.mark.parametrize(
    "other",
    [
        ("Flat 4, 14 Sidwick Lane", "LS1 4AP", None),
        ("Flat 4, 14 Sidwick Lane", None, None),
        ("Flat 3, 14 Sidwick Lane", "LS9 4AP", None),
        ("15 Sidwick Lane", "LS1 4AP", None),
        ("14 Marrow Lane", None, None),
        ("Rose Cottage", "LS1 4AP", None),
        (None, "LS1 4AP", None),
        (None, None, None),
    ],
)
def test_another_place_is_another(other: tuple[str | None, str | None, str | None]) -> None:
    one, another = tokens(HOME, other)
    assert one and not one & another


def test_a_property_number_alone_names_a_place() -> None:
    one, another, third = tokens(("x", None, "000100023336"), (None, None, "100023336"), (None, None, "100023337"))
    assert one & another and not one & third


def test_a_house_without_number_is_named_by_its_first_line() -> None:
    one, another, third = tokens(
        ("Rose Cottage, Main Street", "LS1 4AP", None),
        ("ROSE COTTAGE", "LS14AP", None),
        ("Ivy Cottage", "LS1 4AP", None),
    )
    assert one & another and not one & third


def test_a_place_goes_with_whoever_held_it() -> None:
    seen = pa.table({"index_id": ["one"], "shielded": [True], "withheld": [False]})
    identities = pa.table({"record_key": ["health:P0"], "index_id": ["one"]})
    holder = key_tokens(["health:P0"])["token"][0].as_py()
    latched = pa.Table.from_pylist(
        [{"token": holder, "holder": holder, "shielded": True, "since": None}], schema=LATCHED.schema
    )
    living = person(
        [
            {
                "record_key": "health:P0",
                "family_name": "Reed",
                "addresses": [dict(zip(("address", "postcode", "uprn"), HOME, strict=True))],
            }
        ]
    )
    first = places_after(PLACES.empty_table(), latched, seen, identities, living)
    assert set(first["holder"].to_pylist()) == {holder}
    nobody = (VISIBILITY.empty_table(), IDENTITIES.empty_table(), person([]))
    later = places_after(first, latched, *nobody)
    assert later.equals(first)
    found = known_places(ENTRIES.empty_table(), later, places(HOME))
    assert holder in found["known_by"].to_pylist() and set(found["address"].to_pylist()) == {HOME[0]}
    assert places_after(later, LATCHED.empty_table(), *nobody).num_rows == 0


def test_a_kept_place_is_known_however_it_is_written():
    rows = [
        {"address": "14 Sidwick Lane", "postcode": "B11 1AB", "uprn": None},
        {"address": "０14 Sidwick L\u0430ne, B１１ 1AB", "postcode": None, "uprn": None},
        {"address": "16 Sidwick Lane", "postcode": "B11 1AB", "uprn": None},
    ]
    found = {}
    for row in tokens_of_places(pa.Table.from_pylist(rows, schema=FURTHER_PLACES)).to_pylist():
        found.setdefault(row["address"], set()).add(row["token"])
    one, strange, other = (found[row["address"]] for row in rows)
    assert one & strange and not one & other
