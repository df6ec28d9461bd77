"""The same names in whatever order a form wanted them are one child, and brothers, sisters and twins stay two."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.matching import explain, load_model, match
from pipelines.matching.comparing import compare
from pipelines.matching.comparing.compare import LEVELS, OTHER_NAMES, Comparer
from pipelines.matching.reading.comparable import make_comparable
from tests.matching.conftest import table

SOURCES = {"health": "person_number", "education": "person_number"}
NHS, OTHER_NHS = "4010232137", "6064778997"
UPN, OTHER_UPN = "B820908524327", "A330400000002"
FAR = {"postcode": "B30 1AA", "address": "9 Far Row"}
CHILD = {"birth_date": dt.date(2015, 3, 14), "sex": "M", "postcode": "B12 3CD", "address": "14 Mill Lane"}
# given names and family name, as one agency has them and as another
WRITTEN = [
    ("Mohammad Saad", "Khan", "Saad Mohammad", "Khan"),
    ("Navneet Sandhu", "Kaur", "Navneet Kaur", "Sandhu"),
    ("Mohamed Liban", "Elmi", "Mohamed Elmi", "Liban"),
    ("Van Anh", "Nguyen", "Nguyen Van", "Anh"),
    ("Ali Hassan", "Khan", "Khan Ali", "Hassan"),
    ("Omar", "Ali Hassan", "Ali Hassan", "Omar"),
    ("Maria Jose", "Perez-Lopez", "Perez Maria-Jose", "Lopez"),
    ("Navneet Preet", "Kaur Sandhu", "Navneet Kaur", "Preet Sandhu"),
    ("Mohammad Saad Khan", None, "Saad Mohammad", "Khan"),
    ("Oliver", "Pemberton", "Pemberton", "Oliver"),
]
# as in a large town: what joins there must weigh more than among two records
MODEL = load_model()


def two(one, other, *, a="health", b="education"):
    """One record in each source."""
    return table([CHILD | {"record_key": f"{source}:{n}", "agency": source} | told
                  for n, (source, told) in enumerate(((a, one), (b, other)))])  # fmt: skip


def named(given_names, family_name, **told):
    return {"given_names": given_names, "family_name": family_name} | told


def together(records, **options):
    matched = match(records, model=MODEL, **({"unique_sources": SOURCES} | options))
    return matched.stats["identities"] == 1


def levels(records):
    people = make_comparable(records)
    found = Comparer(people).levels(np.array([0]), np.array([1]))
    return {name: int(level[0]) for name, level in found.items()}


@pytest.mark.parametrize("written", WRITTEN)
def test_the_same_words_are_one_child(written):
    records = two(named(*written[:2]), named(*written[2:]))
    assert together(records)
    assert together(records, unique_sources={})


@pytest.mark.parametrize("written", WRITTEN)
def test_what_is_explained_adds_up_to_the_weight_that_is_linked(written):
    records = two(named(*written[:2]), named(*written[2:]))
    told = explain(records, "health:0", "education:1", model=MODEL)
    assert sum(step.bits for step in told.steps) == pytest.approx(told.weight + told.discount, abs=1e-3)
    assert match(records, model=MODEL).links["weight"].to_pylist() == [pytest.approx(told.steps[-1].total, abs=1e-3)]
    assert "differs" not in told.reason and "differ," not in told.reason


def test_without_the_comparison_of_words_they_are_two(monkeypatch):
    monkeypatch.setattr(compare.Comparer, "_moved", lambda self, left, right: np.zeros(len(left), dtype=bool))
    names = ("Omar", "Ali Hassan", "Ali Hassan", "Omar")
    assert names in WRITTEN and not together(two(named(*names[:2]), named(*names[2:])))


NAMES = st.lists(st.sampled_from(["Ali", "Hassan", "Omar", "Khan", "Saad", "Navneet", "Elmi", "Ayaan", "Noor", "Jung-Ho"]),
                 min_size=2, max_size=4, unique=True)  # fmt: skip


@given(NAMES, st.randoms(use_true_random=False), st.data())
@settings(max_examples=60, deadline=None)
def test_any_two_orders_of_any_words_are_one_child(words, rng, data):
    sides = []
    for _ in range(2):
        order = rng.sample(words, len(words))
        cut = data.draw(st.integers(1, len(words) - 1))
        sides.append(named(" ".join(order[:cut]), " ".join(order[cut:])))
    assert together(two(*sides))
    if levels(two(*sides))["other_names"] == OTHER_NAMES["moved"]:
        assert not together(two(sides[0], sides[1] | {"birth_date": dt.date(2013, 3, 14)}))


def test_an_order_is_worth_less_than_the_same_names_in_place():
    same = explain(
        two(named("Ibrahim Saad", "Khan"), named("Ibrahim Saad", "Khan")), "health:0", "education:1", model=MODEL
    )
    other = explain(
        two(named("Ibrahim Saad", "Khan"), named("Saad Ibrahim", "Khan")), "health:0", "education:1", model=MODEL
    )
    assert other.weight < same.weight


def test_names_in_place_are_compared_as_ever():
    found = levels(two(named("Ibrahim Saad", "Khan"), named("Ibrahim Saad", "Khan")))
    assert found["given_name"] == LEVELS["given_name"]["same"]
    assert found["further_names"] == LEVELS["further_names"]["same"]
    assert found["other_names"] == OTHER_NAMES["alike"]


def test_one_word_more_is_not_the_same_words():
    assert (
        levels(two(named("Mohammad Saad", "Khan"), named("Saad Mohammad Ali", "Khan")))["other_names"]
        != OTHER_NAMES["moved"]
    )


# ---- two children --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "born", [dt.date(2013, 3, 14), dt.date(2016, 8, 2), dt.date(2015, 3, 15), dt.date(2015, 1, 1), None]
)
@pytest.mark.parametrize("written", WRITTEN[:6])
def test_a_brother_of_another_birth_date_is_another(written, born):
    one, other = named(*written[:2]), named(*written[2:], birth_date=born)
    assert not together(two(one, other))
    assert not together(two(one, other, a="police", b="social_care"))


@pytest.mark.parametrize("written", WRITTEN[:3])
def test_a_twin_of_the_other_sex_is_another(written):
    assert not together(two(named(*written[:2]), named(*written[2:], sex="F")))


@pytest.mark.parametrize("written", WRITTEN[:6])
def test_twins_with_numbers_of_their_own_are_two(written):
    one, other = named(*written[:2]), named(*written[2:])
    assert not together(two(one | {"nhs_number": NHS}, other | {"nhs_number": OTHER_NHS}, b="social_care"))
    # each in both feeds: what is in place fits better than what is not
    rows = [CHILD | name | {"record_key": f"{source}:{n}", "agency": source} | number
            for n, (name, nhs, upn) in enumerate(((one, NHS, UPN), (other, OTHER_NHS, OTHER_UPN)))
            for source, number in (("health", {"nhs_number": nhs}), ("education", {"upn": upn}), ("police", {}))]  # fmt: skip
    matched = match(table(rows), model=MODEL, unique_sources=SOURCES)
    of = dict(zip(*(matched.clusters[name].to_pylist() for name in ("record_key", "cluster")), strict=True))
    assert of["health:0"] != of["education:1"] and of["health:1"] != of["education:0"]
    if written[1] == written[3]:
        assert of["health:0"] == of["education:0"] and of["health:1"] == of["education:1"]


def test_two_entries_of_one_feed_that_holds_each_child_once_ask():
    one, other = named("Ali Hassan", "Khan"), named("Hassan Ali", "Khan")
    matched = match(two(one, other, b="health"), model=MODEL, unique_sources=SOURCES)
    assert matched.stats["identities"] == 2
    assert "twins" in matched.possible["reason"][0].as_py()


def test_the_same_words_alone_join_nobody():
    one = named("Mohammad Saad", "Khan", birth_date=None, postcode=None, address=None)
    assert not together(two(one, named("Saad Mohammad", "Khan") | FAR))


def test_people_of_any_kind_are_linked_so_too():
    from pipelines.matching.people import COLUMNS, link_people
    from sample_feeds.people import people_table

    others = people_table(1_500, seed=4)
    columns = [column for column in others.column_names if column in COLUMNS]
    rows = [CHILD | named(*side) | {"record_key": f"{n}-{source}", "source": source}
            for n, written in enumerate(WRITTEN[:3]) for source, side in (("x", written[:2]), ("y", written[2:]))]  # fmt: skip
    told = pa.Table.from_pylist([{column: row.get(column) for column in columns} for row in rows],
                                schema=others.select(columns).schema)  # fmt: skip
    linked = link_people(pa.concat_tables([told, others.select(columns)]), model=MODEL)
    of = dict(zip(*(linked.identities[name].to_pylist() for name in ("record_key", "identity")), strict=True))
    assert all(of[f"{n}-x"] == of[f"{n}-y"] for n in range(3))
