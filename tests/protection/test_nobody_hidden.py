"""Where nobody is hidden nothing is searched, and what comes of it is what a search would have found.

Each is held against the same night with something kept that means nobody: then everything is worked out.
"""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.protection.firewall import find_across
from pipelines.protection.household import FURTHER_PLACES, find_household
from pipelines.protection.shielding import protect
from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.seams.identities import VISIBILITY
from pipelines.seams.matching import APART, DECISIONS, WALLS
from pipelines.seams.protection import ENTRIES, LATCHED
from tests.publishing.conftest import person

ROWS = [
    {
        "record_key": f"health:{number}", "family_name": family, "given_names": "Anna", "birth_date": date(2015, 5, number),
        "addresses": [{"address": f"{number} Sidwick Lane", "postcode": "B11 1AB"}],
        "carers": [{"name": f"Maud {family}", "relationship": "mother", "contact": f"01632 96010{number}"}],
        "involvements": [{"kind": "service", "service": "Early Help", "contact": f"{number} Sidwick Lane"}],
    }
    for number, family in ((3, "Reed"), (1, "Hart"), (2, "Moss"))
]  # fmt: skip
PEOPLE = person(ROWS)
OF_NOBODY = {"token": "f" * 32, "holder": "e" * 32, "shielded": True, "since": date(2026, 3, 1)}


def identities(**index_ids):
    keys = [row["record_key"] for row in ROWS]
    return pa.table({"record_key": keys, "index_id": [index_ids.get(key[7:], key.upper()) for key in keys]})


def protected(latched, held=None, records=None, decisions=None):
    return protect(
        held or identities(), records or PEOPLE["records"], PEOPLE["names"], APART.empty_table(),
        decisions or DECISIONS.empty_table(),
        entries=ENTRIES.empty_table(), latched=latched, business_date=date(2026, 3, 2),
    )  # fmt: skip


def test_everybody_is_open_as_with_a_latch_that_names_nobody():
    for held in (identities(), identities(**{"2": "HEALTH:1"})):
        searched = protected(pa.Table.from_pylist([OF_NOBODY], schema=LATCHED.schema), held)
        found = protected(LATCHED.empty_table(), held)
        assert found.visibility.equals(searched.visibility)
        assert found.visibility.schema == VISIBILITY.schema
        assert not pc.any(pc.or_(found.visibility["shielded"], found.visibility["withheld"])).as_py()
        assert (found.latched.num_rows, found.latched.schema) == (0, searched.latched.schema)
        assert found.met.equals(searched.met)


@pytest.mark.parametrize("mark", [True, None])
def test_one_mark_of_one_record_is_enough(mark):
    marked = person([*ROWS[:2], {**ROWS[2], "shielded": mark}])["records"]
    shown = protected(LATCHED.empty_table(), records=marked).visibility.to_pylist()
    assert [row["index_id"] for row in shown if row["shielded"]] == ["HEALTH:2"]


def test_an_identity_without_its_record_is_hidden():
    known = person(ROWS[:2])["records"]
    shown = protected(LATCHED.empty_table(), records=known).visibility.to_pylist()
    assert [row["index_id"] for row in shown if row["shielded"]] == ["HEALTH:2"]


def test_a_decision_to_shield_is_enough():
    decided = {name: pa.array([None], DECISIONS.field(name).type) for name in DECISIONS.names}
    decided |= {"kind": pa.array(["shield"]), "record_a": pa.array(["health:1"])}
    shown = protected(LATCHED.empty_table(), decisions=pa.table(decided)).visibility.to_pylist()
    assert [row["index_id"] for row in shown if row["shielded"]] == ["HEALTH:1"]


def everybody_open():
    index_ids = sorted(identities()["index_id"].to_pylist())
    return pa.table({"index_id": index_ids, "shielded": [False] * 3, "withheld": [False] * 3})


def test_no_household_is_found_as_with_a_place_where_nobody_lives():
    elsewhere = pa.Table.from_pylist([{"address": "9 Nowhere Row", "postcode": "ZE1 9ZZ"}], schema=FURTHER_PLACES)
    searched = find_household(PEOPLE, identities(), everybody_open(), elsewhere)
    found = find_household(PEOPLE, identities(), everybody_open())
    assert {name: table.schema for name, table in vars(found).items()} == {
        name: table.schema for name, table in vars(searched).items()
    }
    assert not any(table.num_rows for table in (*vars(found).values(), *vars(searched).values()))


@pytest.mark.parametrize("column", ["shielded", "withheld", None])
def test_one_who_is_hidden_or_of_whom_nothing_is_said_is_enough(column):
    shown = everybody_open()
    if column is None:
        shown = shown.slice(1)  # HEALTH:1 is not spoken of
    else:
        shown = shown.set_column(shown.column_names.index(column), column, pa.array([True, False, False]))
    both = [ROWS[0], {**ROWS[1], "addresses": ROWS[0]["addresses"]}, ROWS[2]]
    assert find_household(person(both), identities(), shown).addresses["record_key"].to_pylist() == ["health:3"]


def test_nothing_is_across_a_wall_as_with_one_at_which_nobody_stands():
    sides = [{"wall_a": "police:x", "wall_b": "police:y", "record_key": f"police:{one}", "side": side}
             for one, side in (("x", "a"), ("y", "b"))]  # fmt: skip
    searched = find_across(PEOPLE, identities(), pa.Table.from_pylist(sides, schema=WALLS.schema))
    for walls in (None, WALLS.empty_table()):
        found = find_across(PEOPLE, identities(), walls)
        assert {name: table.schema for name, table in vars(found).items()} == {
            name: table.schema for name, table in vars(searched).items()
        }
        assert not any(table.num_rows for table in (*vars(found).values(), *vars(searched).values()))


def test_a_key_has_the_token_that_its_record_has():
    tokens = tokens_of_records(PEOPLE["records"], PEOPLE["names"])
    of_keys = tokens.filter(pc.equal(tokens["kind"], "key")).select(["record_key", "token"])
    assert key_tokens([*reversed(of_keys["record_key"].to_pylist()), " ", ""]).equals(of_keys)
    assert key_tokens([]).schema == of_keys.schema
