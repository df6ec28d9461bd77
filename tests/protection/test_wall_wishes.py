"""A firewall that is asked for by a number means the record with that number, unless that is most likely another child."""

from datetime import date

import pyarrow as pa
import pytest

from pipelines.protection.numbers import numbers_asked
from pipelines.protection.register import Asked
from pipelines.protection.tokens import key_tokens
from pipelines.protection.wall_wishes import found_tonight, wishes_after
from pipelines.seams import give, grown
from pipelines.seams.matching import DECISIONS
from pipelines.seams.protection import REQUESTS, WALLS_WISHED

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


def delivered(day, number=1):
    return f"330/social_care/2026-11-{day:02}/{number}-abc"


def asked(delivery, told):
    columns = [name for name in REQUESTS.names if name in wished("B1").column_names]
    requests = give(grown(wished("B1").select(columns), REQUESTS), REQUESTS)
    return Asked(delivery, "social_care", date.fromisoformat(delivery.split("/")[2]), requests, told)


def after(before, *asking, came=(), stands=False):
    """told, lapsed and placed, after deliveries that ask and those in force that tell of the record."""
    pair = [{"kind": "firewall", "record_a": A, "record_b": B}] if stands else []
    stand = pa.Table.from_pylist(pair, schema=DECISIONS.schema)
    table = wishes_after(before, asking, {each: pa.array([C, A]) for each in came}, stand)
    (row,) = table.to_pylist()
    return table, (row["told"], row["lapsed"], row["placed"])


def placed(told=1, lapsed=False):
    (row,) = wished("B1").to_pylist()
    changed = row | {"record": A, "others": [B], "placed": True, "told": told, "lapsed": lapsed}
    return pa.Table.from_pylist([changed], schema=WALLS_WISHED.schema)


def test_a_wish_that_goes_on_being_told_is_the_same_wish():
    one = delivered(2)
    assert after(placed(), asked(one, 7), came=[one])[1] == (1, False, True)
    assert after(placed(), asked(one, 7))[1] == (1, False, True), "also where the delivery is held or refused"
    assert after(placed(), came=[])[1] == (1, False, True), "no delivery tells of the record"


def test_a_wish_lapses_when_its_record_comes_without_it_and_is_told_anew_after_that():
    without, table = delivered(2), placed()
    table, now = after(table, came=[without])
    assert now == (1, True, True)
    table, now = after(table, asked(delivered(3), 7), came=[delivered(3)])
    assert now == (7, False, False), "it is to be found again, for it stands nowhere"
    assert after(table, asked(delivered(4), 9), came=[delivered(4)])[1] == (7, False, False)
    assert after(placed(lapsed=True), asked(delivered(3), 7), stands=True)[1] == (7, False, True)
    assert after(placed(lapsed=None), asked(delivered(3), 7))[1] == (1, False, True), "an earlier program did not know"


@pytest.mark.parametrize(
    ("without", "asks", "now"),
    [(2, 3, (7, False, False)), (3, 2, (1, True, True)), (2, 2, (7, False, False))],
)
def test_of_deliveries_of_one_night_the_order_counts_and_in_one_place_what_is_asked_for(without, asks, now):
    assert after(placed(), asked(delivered(asks, 1).replace("abc", "def"), 7), came=[delivered(without)])[1] == now
