"""Reading and judging only what is new gives what reading and judging everything gives, to the byte."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nights.little_authority import AGENCIES, day_of, encoded
from tests.nights.remembering import CHANGES, LAYOUTS, Life, Night, changed, feed_of, stricter, taken_rows

CHILDREN = 24


def assert_same(told):
    everything, remembered = told
    for name in everything:
        assert remembered[name] == everything[name], name


@st.composite
def nights(draw, agency):
    """Four to six deliveries, each from the one before."""
    rows, day = feed_of(agency, CHILDREN), day_of(0)
    made = [Night(day, rows)]
    for _ in range(draw(st.integers(2, 4))):
        day += timedelta(days=draw(st.sampled_from([1, 1, 1, 0, 2, 300, -1, -700])))
        for change in draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=4)):
            rows = changed(agency, rows, change, draw(st.integers(0, CHILDREN - 1)), day)
        layouts = tuple(draw(st.lists(st.sampled_from(sorted(LAYOUTS)), max_size=2 if draw(st.booleans()) else 0)))
        contract = stricter(agency) if draw(st.integers(0, 5)) == 5 else None
        made.append(Night(day, rows, layouts, contract))
    return made


@pytest.mark.in_full
@pytest.mark.slow
@pytest.mark.parametrize(
    "agency",
    ["social_care", *(pytest.param(each, marks=pytest.mark.in_full) for each in AGENCIES if each != "social_care")],
)
@settings(max_examples=15)
@given(data=st.data())
def test_whatever_changes_the_outcome_is_that_of_reading_everything(agency, data):
    with tempfile.TemporaryDirectory() as folder:
        life = Life(agency, Path(folder))
        for night in data.draw(nights(agency)):
            assert_same(life.receive(night))


@pytest.mark.others_in_full
@pytest.mark.parametrize("agency", AGENCIES)
@pytest.mark.parametrize("layouts", [(), ("table",), ("returns",)], ids=str)
def test_only_what_is_new_is_read(agency, layouts, tmp_path):
    life, rows = Life(agency, tmp_path), feed_of(agency, CHILDREN)
    assert_same(life.receive(Night(day_of(0), rows, layouts)))
    assert taken_rows(life) == 0
    assert_same(life.receive(Night(day_of(1), rows, layouts)))
    known = (
        CHILDREN - 1 - (agency == "social_care")
    )  # the first is read always, and there a service is queried every night
    assert taken_rows(life) == known
    rows = changed(agency, changed(agency, rows, "queried", 3, day_of(2)), "turned", 0, day_of(2))
    assert_same(life.receive(Night(day_of(2), rows, layouts)))
    assert taken_rows(life) == known - 1
    assert_same(life.receive(Night(day_of(3), rows, layouts)))
    assert taken_rows(life) == known - 1  # what was queried is judged again


@pytest.mark.slow
@pytest.mark.in_full
@pytest.mark.parametrize("agency", AGENCIES)
def test_each_change_comes_stays_and_goes(agency, tmp_path):
    life, rows = Life(agency, tmp_path), feed_of(agency, CHILDREN)
    assert_same(life.receive(Night(day_of(1), rows)))
    for place, change in enumerate(sorted(CHANGES)):
        other = changed(agency, rows, change, place, day_of(1))
        if other != rows:
            for _ in range(2):
                assert_same(life.receive(Night(day_of(1), other)))


@pytest.mark.slow
@pytest.mark.in_full
@pytest.mark.parametrize("agency", AGENCIES)
def test_each_layout_comes_stays_and_goes(agency, tmp_path):
    life, rows = Life(agency, tmp_path), feed_of(agency, CHILDREN)
    _, data = encoded(agency, rows)
    for number, layout in enumerate(sorted(LAYOUTS)):
        if LAYOUTS[layout](data) != data or layout == "table":
            for layouts in ((layout,), (layout,), ()):
                assert_same(life.receive(Night(day_of(number), rows, layouts)))


@pytest.mark.in_full
@pytest.mark.parametrize("agency", AGENCIES)
def test_another_contract_or_day_is_no_reason_to_know_a_verdict(agency, tmp_path):
    life, rows = Life(agency, tmp_path), feed_of(agency, CHILDREN)
    for change in ("born tomorrow", "dated tomorrow", "nearly too old"):
        rows = changed(agency, rows, change, 5 + len(change), day_of(1))
    for day in (1, 2, 1, 30, 900, 0):
        assert_same(life.receive(Night(day_of(day), rows)))
    assert_same(life.receive(Night(day_of(2), rows, contract=stricter(agency))))
    assert taken_rows(life) == 0


def test_whether_a_word_in_a_name_means_nothing_is_judged_by_all_names_of_the_file(tmp_path):
    """Eleven of 260 are enough by number and too few by share; of those that are read they are most."""
    life = Life("health", tmp_path)
    rows = [{**row, "other_given_names": "Mae", "postcode": "B11 1AP"} for row in feed_of("health", 260)]
    assert_same(life.receive(Night(day_of(1), rows)))
    rows = changed("health", rows, "nothing in many names", 40, day_of(2))
    told = life.receive(Night(day_of(2), rows))
    assert_same(told)
    assert told[0]["cleaned"] == {}
    assert taken_rows(life) == 260 - 11 - 1


def test_what_is_refused_around_records_and_in_them_is_told_in_the_order_of_the_file(tmp_path):
    life, rows = Life("education", tmp_path), feed_of("education", CHILDREN)
    other = changed("education", rows, "outside", 5, day_of(0))
    layouts = ("header", "attribute of the root")
    for number, those in enumerate((rows, other, other, rows)):
        assert_same(life.receive(Night(day_of(number), those, layouts)))
    assert taken_rows(life) == CHILDREN - 2
