"""A third record tells whether two unlike given names are one child's, and a name that is only like another's is a twin's."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.matching import load_model, match
from pipelines.matching import night as stages
from tests.matching.conftest import table

SOURCES = {"health": "person_number", "education": "person_number", "social_care": "record"}
CHILD = {"birth_date": dt.date(2014, 11, 28), "sex": "F", "postcode": "B5 7TP", "address": "14 Mill Lane"}
FAR = {"postcode": "B4 7XG", "address": "9 Far Row"}
MODEL = load_model()


def people(*written):
    """Records of one birth date: key, given names, family name, and what is not as in the child above."""
    return table([
        CHILD | {"record_key": key, "agency": key.split(":")[0], "given_names": given, "family_name": family} | other
        for key, given, family, other in ((*each, {})[:4] for each in written)
    ])  # fmt: skip


def found(records):
    """Who is together, by key."""
    clusters: dict[str, list[str]] = {}
    for row in match(records, model=MODEL, unique_sources=SOURCES).clusters.to_pylist():
        clusters.setdefault(row["cluster"], []).append(row["record_key"])
    return sorted(map(sorted, clusters.values()))


def without(monkeypatch):
    monkeypatch.setattr(stages, "with_third_records", lambda people, pairs, verdicts, counted, margin: verdicts)


TWINS = (
    ("health:1", "Aisha", "Ali"),
    ("health:2", "Asha Ali Hassan", "Ali"),
    ("education:1", "Aisha Ali Hassan", "Ali"),
    ("education:2", "Ali", "Asha"),
)


def test_who_has_the_very_name_is_the_twin_that_is_meant(monkeypatch):
    """Brothers and sisters share the names of father and grandfather, so these do not outweigh the child's own."""
    records = people(*TWINS)
    right = [["education:1", "health:1"], ["education:2", "health:2"]]
    assert all(group in right or len(group) == 1 for group in found(records))
    without(monkeypatch)
    assert any({"education:1", "health:2"} <= set(group) for group in found(records))


def test_a_contact_is_not_taken_for_the_twin_whose_name_is_like_it():
    assert not any(
        {"police:1", "education:1"} <= set(group) for group in found(people(*TWINS, ("police:1", "Asha", "Ali", FAR)))
    )


BOTH = (
    ("education:1", "Nicola", "Oshin"),
    ("police:1", "Akosua", "Oshin"),
    ("social_care:1", "Nicola Akosua", "Oshin"),
)


def test_who_bears_both_names_makes_one_child_of_two_records(monkeypatch):
    assert found(people(*BOTH)) == [["education:1", "police:1", "social_care:1"]]
    assert len(found(people(*BOTH[:2]))) == 2
    without(monkeypatch)
    assert len(found(people(*BOTH))) == 2


def test_two_entries_of_a_feed_without_repeats_stay_two_whoever_bears_both_names():
    records = people(("health:1", "Nicola", "Oshin"), ("health:2", "Akosua", "Oshin"), BOTH[2])
    assert not any({"health:1", "health:2"} <= set(group) for group in found(records))


@pytest.mark.parametrize("missing", [None, "education:2", "health:1"])
def test_twins_who_bear_each_others_names_stay_two(missing):
    written = (("health:1", "Grace Olivia", "Marsh"), ("health:2", "Olivia Grace", "Marsh"),
               ("education:1", "Grace", "Marsh"), ("education:2", "Olivia", "Marsh"))  # fmt: skip
    two = found(people(*(each for each in written if each[0] != missing)))
    assert not any(
        {"education:1", "education:2"} <= set(group) or {"health:1", "health:2"} <= set(group) for group in two
    )


@pytest.mark.parametrize("names", [("Aisha Maryam", "Maryam Aisha"), ("Jack Thomas", "Thomas Jack")])
def test_twins_with_each_others_names_are_two_where_both_feeds_have_both(names):
    written = [(f"{feed}:{n}", name, "Khan") for feed in ("health", "education") for n, name in enumerate(names)]
    right = [["education:0", "health:0"], ["education:1", "health:1"]]
    assert all(group in right or len(group) == 1 for group in found(people(*written)))


def test_a_contact_that_tells_of_both_twins_joins_them_not():
    records = people(
        ("health:1", "Mary", "Marsh"), ("education:1", "Jane", "Marsh"), ("police:1", "Mary Jane", "Marsh")
    )
    assert not any({"health:1", "education:1"} <= set(group) for group in found(records))


YOUNGER = {"birth_date": dt.date(2016, 2, 3)}
UNDATED = {"birth_date": None}


@pytest.mark.parametrize(
    ("one", "other", "third"),
    [("Mohammed Hamza", "Mohammed Zayd", "Mohammed"), ("John Jack", "John Harry", "John"), ("Jack", "Harry", "Jack Harry"),
     ("Jack", "Jack James", "Jack"), ("Xiao Ming", "Xiao Hong", "Xiao")],
)  # fmt: skip
@pytest.mark.parametrize("feed", ["social_care", "health"])
def test_brothers_of_two_birth_dates_are_not_joined_by_a_contact_without_one(one, other, third, feed):
    records = people(
        ("health:1", one, "Khan"), (f"{feed}:2", other, "Khan", YOUNGER), ("police:1", third, "Khan", UNDATED)
    )
    assert not any({"health:1", f"{feed}:2"} <= set(group) for group in found(records))


def test_a_contact_without_birth_date_is_the_brothers_whose_name_it_has():
    records = people(
        ("health:1", "Hamza", "Khan"), ("health:2", "Zayd", "Khan", YOUNGER), ("police:1", "Zayd", "Khan", UNDATED)
    )
    assert ["health:2", "police:1"] in found(records)


@pytest.mark.parametrize(
    ("one", "other", "third"),
    [("Mohammed Hamza", "Mohammed Zayd", "Mohammed"), ("John Jack", "John Harry", "John")],
)
def test_two_of_one_birth_date_are_not_joined_by_one_that_bears_neither_name(one, other, third):
    records = people(
        ("health:1", one, "Khan"),
        ("education:1", other, "Khan", FAR),
        ("police:1", third, "Khan", FAR | {"address": "1 Low Row"}),
    )
    assert not any({"health:1", "education:1"} <= set(group) for group in found(records))
