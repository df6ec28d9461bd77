"""Clusters keep what they must, whatever the links: properties over small graphs and over small towns."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.matching import match
from pipelines.matching.deciding.assemble import Links, Rules, assemble
from pipelines.matching.deciding.improve import improve
from tests.matching.conftest import table

SOURCES = {"health": "person_number", "education": "person_number", "register": "record"}
NHS, OTHER_NHS = "4010232137", "6064778997"
LEAST = -2.0


def links_of(rows):
    """Links from (left, right, bits, what): what is join, certain, near, apart or nothing."""
    left, right, bits, what = (np.array(each) for each in zip(*sorted(rows), strict=True)) if rows else ([],) * 4
    bits, what = np.array(bits, dtype=float), np.array(what, dtype=str)
    joins = np.isin(what, ["join", "certain"])
    return Links(
        np.array(left, dtype=np.int64), np.array(right, dtype=np.int64), bits, np.ones(len(bits)),
        np.where(joins, np.where(what == "certain", 4000, 1000) + bits, -np.inf),
        np.where(joins | (what == "near"), bits, -np.inf),
        what == "certain", what == "apart", np.zeros(len(bits), dtype=bool),
    )  # fmt: skip


def parts(label):
    found: dict[int, set[int]] = {}
    for record, name in enumerate(label.tolist()):
        found.setdefault(name, set()).add(record)
    return found


def whole(size, rows, rules, must=None):
    """The labels after the assembly, and after the improvement."""
    begun = assemble(size, links_of(rows), rules, np.arange(size) if must is None else must)
    return begun.label, improve(begun.label, links_of(rows), rules, np.zeros(size, dtype=bool))[0]


@st.composite
def graphs(draw):
    size = draw(st.integers(2, 9))
    pairs = [(a, b) for a in range(size) for b in range(a + 1, size)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    # no two links of one weight: what is decided by the order of the records is another matter
    bits = draw(st.lists(st.integers(-50, 250), min_size=len(chosen), max_size=len(chosen), unique=True))
    kinds = st.sampled_from(["join", "join", "join", "certain", "near", "apart", "nothing"])
    rows = [(a, b, n / 10, draw(kinds)) for (a, b), n in zip(chosen, bits, strict=True)]
    numbers = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=size, max_size=size)
    identities = tuple(np.array(draw(numbers)) for _ in range(2))
    order = draw(st.permutations(range(size)))
    return size, rows, Rules(identities, LEAST, draw(st.sampled_from([0.0, 3.0]))), np.array(order)


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_no_cluster_holds_two_numbers_or_a_forbidden_pair(graph):
    size, rows, rules, _ = graph
    for label in whole(size, rows, rules):
        for name, members in parts(label).items():
            assert name == min(members)
            for values in rules.identities:
                assert len({values[record] for record in members} - {0}) <= 1
            assert not any(what == "apart" and {a, b} <= members for a, b, _, what in rows)


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_the_order_of_the_records_changes_no_cluster(graph):
    size, rows, rules, order = graph
    back = np.argsort(order)
    turned = [(min(order[a], order[b]), max(order[a], order[b]), bits, what) for a, b, bits, what in rows]
    there = whole(size, turned, Rules(tuple(v[back] for v in rules.identities), rules.least, rules.margin))
    for one, other in zip(whole(size, rows, rules), there, strict=True):
        assert {frozenset(order[list(m)].tolist()) for m in parts(one).values()} == set(
            map(frozenset, parts(other).values())
        )


@given(graphs(), st.data())
@settings(max_examples=80, deadline=None)
def test_what_must_be_together_stays_together(graph, data):
    size, rows, rules, _ = graph
    a, b = sorted(data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)))
    must = np.arange(size)
    must[b] = a
    label = assemble(size, links_of(rows), rules, must).label
    assert label[a] == label[b]


@pytest.mark.parametrize("shape", ["chain", "star"])
def test_weak_links_one_after_another_are_no_giant(shape):
    rows = [(n if shape == "chain" else 0, n + 1, 5.0 + n / 1000, "join") for n in range(300)]
    for label in whole(301, rows, Rules((), LEAST, 0.0)):
        assert max(map(len, parts(label).values())) <= 3


def test_a_misplaced_record_moves_to_the_cluster_it_fits():
    trio = [(a, b, 20.0, "join") for a, b in ((0, 1), (0, 2), (1, 2), (4, 5), (4, 6), (5, 6))]
    rows = [*trio, (2, 3, 6.0, "join"), (3, 4, 18.0, "join"), (3, 5, 18.0, "join"), (3, 6, 18.0, "join")]
    label, moved = improve(np.array([0, 0, 0, 0, 4, 4, 4]), links_of(rows), Rules((), LEAST, 3.0), np.zeros(7, bool))
    assert (label.tolist(), moved) == ([0, 0, 0, 3, 3, 3, 3], 1)


@pytest.mark.parametrize(("what", "number", "held"), [("apart", 0, False), ("join", 2, False), ("join", 0, True)])
def test_a_record_moves_nowhere_it_may_not_be(what, number, held):
    rows = [(0, 1, 5.0, "join"), (1, 2, 18.0, "join"), (2, 3, 20.0, "join"), (1, 3, 18.0, what)]
    rules = Rules((np.array([0, number, 1, 0]),), LEAST, 3.0)
    before, fixed = np.array([0, 0, 2, 2]), np.array([False, held, False, False])
    label, moved = improve(before, links_of(rows), rules, fixed)
    assert (label.tolist(), moved) == (before.tolist(), 0)
    free = [(a, b, bits, "join") for a, b, bits, _ in rows]
    assert improve(before, links_of(free), Rules((), LEAST, 3.0), np.zeros(4, bool))[1] == 1


def test_a_record_equally_near_to_two_identities_joins_neither():
    rows = [(0, 2, 20.0, "join"), (1, 2, 19.0, "join"), (0, 1, 5.0, "apart")]
    for margin, clusters in ((3.0, 3), (0.5, 2)):
        for label in whole(3, rows, Rules((), LEAST, margin)):
            assert len(parts(label)) == clusters


def test_twins_part_into_two_full_identities():
    # two records of each of two twins: 0 and 1 of one, 2 and 3 of the other; crosswise they fit nearly as well
    rows = [(0, 1, 20.0, "join"), (2, 3, 20.5, "join"), (0, 3, 18.5, "join"), (1, 2, 18.0, "join"),
            (0, 2, 15.0, "apart"), (1, 3, 15.0, "apart")]  # fmt: skip
    for label in whole(4, rows, Rules((), LEAST, 3.0)):
        assert label.tolist() == [0, 0, 2, 2]


# ---- the same through `match` --------------------------------------------------------------------------------------
def village(seed):
    """A few records that resemble each other too much, and decisions about them that may contradict each other."""
    rng = random.Random(seed)
    rows = [
        {
            "record_key": f"{source}:{n}",
            "agency": source,
            "given_names": rng.choice(["Oliver", "Olivia", "Olly", "Nathan", "Nathen", "Nathan James", None, "Baby"]),
            "family_name": rng.choice(["Pemberton", "Pembertn", "Smith", "Smith-Pemberton", None]),
            "birth_date": rng.choice([dt.date(2015, 3, 14), dt.date(2015, 3, 4), dt.date(2015, 4, 3), None]),
            "sex": rng.choice(["M", "F", None, None]),
            "postcode": rng.choice(["B12 3CD", "B30 1AA", None]),
            "address": rng.choice(["14 Mill Lane", "9 Far Row", None]),
            "nhs_number": rng.choice([NHS, OTHER_NHS, None, None]),
            "upn": rng.choice(["B820908524327", "A820908524328", None, None, None]),
        }
        for n, source in enumerate(rng.choices(["health", "education", "police", "register"], k=rng.randint(2, 9)))
    ]
    keys = [row["record_key"] for row in rows]
    told = [(rng.choice(["same", "not_the_same"]), *rng.sample(keys, 2)) for _ in range(rng.choice([0, 0, 1, 2]))]
    return rows, told


def decisions_of(told):
    columns = zip(*told, strict=True) if told else ([], [], [])
    return pa.table([pa.array(list(c), pa.string()) for c in columns], names=["kind", "record_a", "record_b"])


@pytest.mark.in_full
@pytest.mark.slow
@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_identities_are_valid_and_the_same_whatever_the_order(seed):
    rows, told = village(seed)
    matched = match(table(rows), unique_sources=SOURCES, decisions=decisions_of(told))
    random.Random(seed).shuffle(rows)
    again = match(table(rows), unique_sources=SOURCES, decisions=decisions_of(told[::-1]))
    assert (matched.clusters, matched.links, matched.possible) == (again.clusters, again.links, again.possible)
    of = {row["record_key"]: row["cluster"] for row in matched.clusters.to_pylist()}
    assert sorted(of) == sorted(row["record_key"] for row in rows)
    decided = {of[key] for kind, *keys in told if kind == "same" for key in keys}
    for name in set(of.values()) - decided:
        members = [row for row in rows if of[row["record_key"]] == name]
        assert name == min(row["record_key"] for row in members)
        for kind in ("nhs_number", "upn"):
            assert len({row[kind] for row in members} - {None}) <= 1
        once = ("given_names", "family_name", "birth_date", "postcode")  # equal in these: one person, entered twice
        assert len({tuple(row[name] for name in once) for row in members if row["agency"] == "register"}) <= 1
    contradicted = {kind for kind, *_ in told} == {"same", "not_the_same"}
    for kind, a, b in told:
        assert (of[a] == of[b]) == (kind == "same") or (kind == "same" and contradicted)


def strangers(count, **shared):
    """People who have nothing in common but what is `shared`."""
    rng = random.Random(7)
    syllables = ["ka", "lo", "mi", "ne", "ru", "ta", "vi", "so", "pe", "da", "gu", "wi", "bo", "fa"]

    def name():
        return "".join(rng.choices(syllables, k=rng.randint(2, 4))).title()

    return table(
        [
            {
                "record_key": f"police:{n:04d}", "agency": "police", "given_names": name(), "family_name": name(),
                "birth_date": dt.date(2005, 1, 1) + dt.timedelta(days=rng.randrange(6000)), "sex": rng.choice("MF"),
                "postcode": f"B{rng.randrange(40)} {rng.randrange(9)}AB", "address": f"{rng.randrange(99)} {name()} Road",
            } | shared for n in range(count)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    "shared",
    [
        {"family_name": "Lee", "postcode": "B1 1AA", "address": "1 Road"},
        {"birth_date": dt.date(2010, 5, 5)},
        {"given_names": "Ann", "family_name": "Lee", "sex": "F"},
        {"nhs_number": NHS},
        {"upn": "B820908524327"},
    ],
)  # fmt: skip
def test_what_forty_people_share_makes_them_no_giant(shared):
    matched = match(strangers(40, **shared))
    assert max(Counter(matched.clusters["cluster"].to_pylist()).values()) <= 3
