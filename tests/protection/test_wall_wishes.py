"""A firewall that is asked for by a number means the record with that number, unless that is most likely another child."""

from datetime import date

import pyarrow as pa
import pytest

from pipelines.protection.numbers import numbers_asked
from pipelines.protection.tokens import key_tokens
from pipelines.protection.wall_wishes import found_tonight
from pipelines.seams.protection import WALLS_WISHED

A, B, C = "social_care:A1", "social_care:B1", "social_care:C1"
COLUMNS = {"record_key": pa.string(), "nhs_number": pa.string(), "upn_unverified": pa.string(), "upn": pa.string(), "given_names": pa.string(),
           "birth_date": pa.date32(), "sex": pa.string()}  # fmt: skip
DAY = date(2016, 5, 17)
CHILD = {
    "record_key": A,
    "nhs_number": "9434765919",
    "upn": "A330400000021",
    "given_names": "Rowena May",
    "birth_date": DAY,
    "sex": "F",
}
STRANGER = {
    "nhs_number": "9434765870",
    "upn": "B330400000022",
    "given_names": "Ada",
    "birth_date": date(2015, 1, 2),
    "sex": "F",
}


def wished(number):
    told = {
        "entry_id": "e", "asked": "firewall_from", "understood": True, "tokens": key_tokens([A])["token"].to_pylist(), "walled": numbers_asked(number),
        "agency": "social_care", "delivery_id": "d", "first_night": DAY, "last_night": DAY, "others": [], "placed": False,
    }  # fmt: skip
    return pa.Table.from_pylist([told], schema=WALLS_WISHED.schema)


def found(number, *others, wish=None):
    (row,) = found_tonight(
        wish or wished(number), pa.Table.from_pylist([CHILD, *others], schema=pa.schema(COLUMNS))
    ).to_pylist()
    return row["record"], row["others"], row["placed"]


@pytest.mark.parametrize(
    "shared",
    [
        {"nhs_number": "9434765919"}, {"upn": "A330400000021"}, {"upn": None, "upn_unverified": "A330400000021"}, {"birth_date": DAY}, {"birth_date": DAY, "sex": None},
        {"given_names": "rówena"}, {"given_names": "Ann-May"},
    ],
)  # fmt: skip
def test_whoever_shares_what_two_identities_of_a_child_share_is_the_other(shared):
    assert found("B1", {**STRANGER, "record_key": B, **shared}) == (A, [B], True)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"given_names": None},
        {"given_names": "R"},
        {"birth_date": DAY, "sex": "M"},
        {"nhs_number": None, "upn": None},
        {"birth_date": None},
    ],
)
def test_a_stranger_is_walled_off_and_the_wish_stays_open(given):
    assert found("B1", {**STRANGER, "record_key": B, **given}) == (A, [B], False)


def test_of_several_each_must_be_no_stranger():
    one, other = {**STRANGER, "record_key": B, "birth_date": DAY}, {**STRANGER, "record_key": C}
    assert found("B1, C1", one, other) == (A, [B, C], False)
    assert found("B1, C1", one, {**other, "given_names": "Rowena"}) == (A, [B, C], True)


def test_a_stranger_that_turns_out_to_share_something_is_the_other_after_all():
    record = {**STRANGER, "record_key": B}
    wish = found_tonight(wished("B1"), pa.Table.from_pylist([CHILD, record], schema=pa.schema(COLUMNS)))
    assert found("B1", wish=wish) == (A, [B], False)  # also when it is away
    assert found("B1", {**record, "birth_date": DAY}, wish=wish) == (A, [B], True)
