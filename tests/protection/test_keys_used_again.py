"""What a hidden child's key has latched is set apart where the record under it is another child's, and only there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from pipelines.protection.keys_used_again import set_apart
from pipelines.protection.places import places_after
from pipelines.protection.shielding import protect
from pipelines.protection.tokens import key_tokens
from pipelines.seams.matching import APART, DECISIONS
from pipelines.seams.protection import ENTRIES, LATCHED, PLACES
from tests.publishing.conftest import person

NIGHT, NEXT = date(2026, 3, 1), date(2026, 3, 2)
KEY = "health:P1"
HOME = {"address": "14 Sidwick Lane", "postcode": "LS1 4AP", "uprn": "100023336"}
ELSEWHERE = {"address": "2 Marrow Road", "postcode": "LS9 1ZZ", "uprn": "100099999"}
HER: dict[str, Any] = {
    "record_key": KEY, "nhs_number": "9434765919", "family_name": "Reed", "given_names": "Anna", "birth_date": date(2015, 5, 4),
    "shielded": True, "addresses": [HOME],
}  # fmt: skip
NEW_NUMBER = {"nhs_number": "4010232137"}
NO_NUMBER = {"nhs_number": None}
MOVED = {"addresses": [ELSEWHERE]}
ANOTHER = {"family_name": "Okoro", "given_names": "Ben", "birth_date": date(2012, 1, 9)}
A_LETTER = {"given_names": "Hanna"}
BLANK = {"family_name": None, "given_names": None, "birth_date": None, **NO_NUMBER}


def night_of(
    row: dict[str, Any], latched: pa.Table, places: pa.Table, on: date, before: dict[str, Any] | None = None
) -> tuple[pa.Table, pa.Table]:
    """What is latched after a night of that record alone, and where it lives or lived."""
    people = person([row])
    identities = pa.table({"record_key": [row["record_key"]], "index_id": ["ONE"]})
    latched, places = set_apart(
        latched,
        places,
        people["records"],
        people["names"],
        people["addresses"],
        person([before])["records"] if before else None,
        on,
    )
    after = protect(
        identities, people["records"], people["names"], APART.empty_table(), DECISIONS.empty_table(),
        entries=ENTRIES.empty_table(), latched=latched, business_date=on,
    )  # fmt: skip
    assert after.visibility["shielded"].to_pylist() == [True]
    return after.latched, places_after(places, after.latched, after.visibility, identities, people)


def apart(then: dict[str, Any], first: dict[str, Any] = HER) -> bool:
    """Whether what a key latched of one record is set apart when it is that of another."""
    latched, places = night_of(first, LATCHED.empty_table(), PLACES.empty_table(), NIGHT)
    after, homes = night_of(then | {"shielded": False}, latched, places, NEXT, first)
    key = key_tokens([KEY])["token"][0].as_py()
    holders = set(after["holder"].to_pylist())
    assert key in holders and set(homes["holder"].to_pylist()) <= holders
    kept = {(row["token"], row["kind"]) for row in latched.to_pylist()}
    assert kept <= {(row["token"], row["kind"]) for row in after.to_pylist()}
    was = [row for row in after.to_pylist() if row["holder"] != key]
    assert {row["was"] for row in was} <= {key} and {row["token"] for row in was} <= {token for token, _ in kept} - {
        key
    }
    return bool(was)


@pytest.mark.parametrize(
    "then",
    [
        HER | ANOTHER | NEW_NUMBER | MOVED,
        HER | ANOTHER | NEW_NUMBER,
        HER | ANOTHER | NO_NUMBER,
        HER | NEW_NUMBER | MOVED,
        HER | NEW_NUMBER | A_LETTER,
        HER | NEW_NUMBER | {"given_names": "Anna Maria"},
        HER | NEW_NUMBER | {"given_names": "Clara"},
    ],
    ids=[
        "in everything",
        "but the home",
        "without a number",
        "of one name, with another number and home",
        "a twin called nearly so",
        "a twin of one first given name",
        "a twin at the home",
    ],
)
def test_another_childs_record_under_her_key(then: dict[str, Any]) -> None:
    assert apart(then)


@pytest.mark.parametrize(
    "then",
    [
        HER | MOVED,
        HER | NEW_NUMBER,
        HER | ANOTHER,
        HER | NO_NUMBER | A_LETTER | MOVED,
        HER | BLANK,
        HER | BLANK | NEW_NUMBER | MOVED,
    ],
    ids=["moves", "has a new number", "is renamed", "has lost her number", "is blanked", "is a number alone"],
)  # fmt: skip
def test_her_own_record_that_changes(then: dict[str, Any]) -> None:
    assert not apart(then)


def test_a_child_without_number_whose_key_is_another_childs() -> None:
    her = HER | NO_NUMBER
    assert apart(her | ANOTHER | NEW_NUMBER | MOVED, her) and not apart(her | NEW_NUMBER | MOVED, her)


def test_where_she_lived_goes_with_her_and_where_the_other_lives_with_the_key() -> None:
    latched, places = night_of(HER, LATCHED.empty_table(), PLACES.empty_table(), NIGHT)
    after, homes = night_of(HER | ANOTHER | NEW_NUMBER | MOVED | {"shielded": False}, latched, places, NEXT)
    key = key_tokens([KEY])["token"][0].as_py()
    hers = {row["token"] for row in places.to_pylist()}
    assert hers == {row["token"] for row in homes.to_pylist() if row["holder"] != key}
    assert hers.isdisjoint(row["token"] for row in homes.to_pylist() if row["holder"] == key)


def test_what_was_kept_without_its_kind_is_left_as_it_is() -> None:
    latched, places = night_of(HER, LATCHED.empty_table(), PLACES.empty_table(), NIGHT)
    old = latched.set_column(latched.schema.get_field_index("kind"), LATCHED.schema.field("kind"), pa.nulls(latched.num_rows, pa.string()))  # fmt: skip
    people = person([HER | ANOTHER | NEW_NUMBER | MOVED])
    found, _ = set_apart(old, places, people["records"], people["names"], people["addresses"], None, NEXT)
    assert found.equals(old)
