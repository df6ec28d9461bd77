"""Records that are the same in all that is compared are one, however many they are; those that tell too little are not."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.matching import explain, load_model, match, night
from pipelines.matching.deciding import equals
from pipelines.matching.deciding.equals import Equals, find_equals
from pipelines.matching.people import COLUMNS, link_people
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.weighing.weigh import weigh
from sample_feeds.people import people_table

SOURCES = {"health": "person_number", "education": "person_number", "register": "record"}
NHS, OTHER_NHS = "4010232137", "6064778997"
FAR = {"postcode": "B30 1AA", "address": "9 Far Row"}
MANY = 130
CHILD = {
    "given_names": "Zebedee",
    "family_name": "Quillerby",
    "birth_date": dt.date(2015, 3, 14),
    "sex": "M",
    "postcode": "B12 3CD",
    "address": "14 Mill Lane",
}


def crowd(source, count=MANY, first=0, **told):
    """Equal records of one source."""
    return [told | {"record_key": f"{source}:{n:03d}"} for n in range(first, first + count)]


def run(people, *rows, **options):
    return match(people(*rows), **({"unique_sources": SOURCES} | options))


def identities(matched):
    """The record keys of each identity, the largest first."""
    found: dict[str, list[str]] = {}
    for row in matched.clusters.to_pylist():
        found.setdefault(row["cluster"], []).append(row["record_key"])
    return sorted(found.values(), key=lambda members: (-len(members), members))


def sizes(matched):
    return [len(members) for members in identities(matched)]


def decided(*rows):
    return pa.table(dict(zip(("kind", "record_a", "record_b"), map(list, zip(*rows, strict=True)), strict=True)))


# ---- one child -----------------------------------------------------------------------------------------------------
def test_many_equal_contacts_are_one_child_told_as_such(people):
    matched = run(people, {"record_key": "health:1"}, *crowd("police"))
    assert sizes(matched) == [MANY + 1]
    assert matched.links.num_rows == MANY
    told = matched.links["reason"].to_pylist()
    assert sum(reason.startswith("Equal in all that is compared: ") for reason in told) == MANY
    assert matched.stats["records_equal"] == MANY - 1
    assert matched.stats["pairs_dropped"] == 0


def test_without_it_they_are_as_many_children(people, monkeypatch):
    def nobody(people, model, *_):
        return Equals(np.arange(people.size), weigh(people, model, np.zeros(0, dtype=np.int64)))

    monkeypatch.setattr(night, "find_equals", nobody)
    matched = run(people, *crowd("police"))
    assert len(identities(matched)) == MANY
    assert matched.stats["pairs_dropped"] > 0


def test_equal_records_of_several_sources_are_one_child(people):
    rows = [row for n in range(60) for row in crowd(f"club{n:02d}", 3)]
    assert sizes(run(people, {"record_key": "health:1", "nhs_number": NHS}, *rows, *crowd("police"))) == [311]


@pytest.mark.parametrize(
    "other",
    [
        {"given_names": "Oliver John"},
        {"family_name": "Pembertn"},
        {"postcode": None, "address": None},
        {"address": "Flat 2, 14 Mill Lane"},
        {"sex": None},
        FAR,
    ],
)
def test_two_nearly_equal_crowds_are_one_child(people, other):
    assert sizes(run(people, *crowd("police", 70), *crowd("police", 70, 70, **other))) == [140]


def everywhere(count=MANY, **told):
    """The same contacts, each at a place of its own."""
    return [row | {"postcode": f"B{n % 90 + 1} {n // 90 + 1}AA", "address": f"{n} High Street"}
            for n, row in enumerate(crowd("police", count, **told))]  # fmt: skip


def test_a_child_that_was_met_in_more_places_than_a_key_takes_is_one(people, monkeypatch):
    matched = run(people, {"record_key": "health:1", "nhs_number": NHS}, *everywhere())
    assert sizes(matched) == [MANY + 1]
    assert matched.stats["pairs_dropped"] == 0
    assert not any(reason.startswith("Equal") for reason in matched.links["reason"].to_pylist())
    monkeypatch.setattr(equals, "crowded", lambda *_: False)
    assert len(sizes(run(people, *everywhere()))) > 2


def test_those_met_in_a_few_places_are_paired_as_ever(people):
    matched = run(people, *everywhere(40))
    assert matched.stats["records_equal"] == 0
    assert matched.stats["pairs_compared"] == 40 * 39 / 2
    assert sizes(matched) == [40]


def test_places_alone_make_no_crowd_one_child(people):
    """A common name, where it takes more to join: two of one birth date may be two children."""
    common = {"given_names": "Muhammad", "family_name": "Khan", "sex": None}
    model = load_model()
    model = replace(model, policy=replace(model.policy, records=100, join=0.9999))
    assert set(sizes(run(people, *everywhere(**common), model=model))) <= {1, 2}
    assert run(people, *everywhere(birth_date=None)).stats["records_equal"] == 0
    assert len(sizes(run(people, *[row | {"record_key": row["record_key"].replace("police", "register")}
                                   for row in everywhere()]))) == MANY  # fmt: skip


def test_what_is_read_as_one_is_equal_however_it_is_written(people):
    rows = (
        crowd("police", 70, given_names="Zébédée"),
        crowd("police", 70, 70, given_names="ZEBEDEE ", postcode="b123cd"),
    )
    matched = run(people, *rows[0], *rows[1])
    assert matched.stats["records_equal"] == 139
    assert sizes(matched) == [140]


def test_a_source_that_holds_each_child_once_may_hold_this_one_twice(people):
    assert sizes(run(people, *crowd("register"))) == [MANY]


def test_the_pair_is_told_as_equal_by_itself_too(people):
    told = explain(people(*crowd("police", 3)), "police:000", "police:001")
    assert told.reason.startswith("Equal in all that is compared: ")
    assert told.steps[-1].total == pytest.approx(told.weight + told.discount, abs=0.01)


@pytest.mark.parametrize("name", [None, "children-1"])
def test_link_knows_them_as_one_too(name):
    others = people_table(500, seed=9)
    columns = [column for column in others.column_names if column in COLUMNS]

    def rows(count, source, **told):
        return [CHILD | told | {"record_key": f"{source}-{n:03d}", "source": source} for n in range(count)]

    many = [*rows(130, "a"), *rows(20, "b"), *rows(70, "c", family_name="Quilerby")]
    crowd = pa.Table.from_pylist(
        [{column: row.get(column) for column in columns} for row in many], schema=others.select(columns).schema
    )
    linked = link_people(pa.concat_tables([crowd, others.select(columns)]), model=name and load_model(name))
    of = dict(zip(*(linked.identities[column].to_pylist() for column in ("record_key", "identity")), strict=True))
    assert {key for key, identity in of.items() if identity == "a-000"} == {row["record_key"] for row in many}
    assert linked.figures()["records_equal"] >= 218


# ---- not one child -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "told",
    [
        {"birth_date": None, "postcode": None, "address": None},  # names alone
        {"birth_date": None, "postcode": None, "address": None, "sex": None},
        {"given_names": None, "address": None},
        {"given_names": "Twin One", "address": None},
        {"given_names": None, "family_name": None},
        {"given_names": None, "birth_date": None, "expected_birth_date": dt.date(2015, 3, 20)},
    ],
)
def test_records_that_tell_too_little_stay_apart_and_what_is_dropped_is_counted(people, told):
    matched = run(people, *crowd("police", **told))
    assert len(identities(matched)) == MANY
    assert matched.stats["records_equal"] == 0


def test_pairs_that_a_cap_drops_are_counted(people):
    nothing = {"birth_date": None, "postcode": None, "address": None, "sex": None}
    assert run(people, *crowd("police", **nothing)).stats["pairs_dropped"] >= MANY * (MANY - 1) / 2


@pytest.mark.parametrize("count", [3, 130])
def test_equal_records_with_different_verified_numbers_are_two_children(people, count):
    rows = crowd("care", count, nhs_number=NHS), crowd("care", count, count, nhs_number=OTHER_NHS)
    found = identities(run(people, *rows[0], *rows[1], *crowd("police", count)))
    assert sum(len(members) >= count for members in found) >= 2
    numbers = [{int(key[5:]) // count for key in members if key.startswith("care")} for members in found]
    assert {0, 1} not in numbers


def test_crowds_of_twins_are_two_children(people):
    rows = crowd("police", 70, given_names="Oliver"), crowd("police", 70, 70, given_names="Thomas")
    assert sizes(run(people, *rows[0], *rows[1])) == [70, 70]


def test_two_entries_that_a_source_holds_apart_stay_apart(people):
    """Without a postcode nothing says that an entry is the same person's again."""
    nowhere = {"postcode": None, "address": None, "nhs_number": NHS}
    assert len(identities(run(people, *crowd("register", 3, **nowhere)))) == 3
    assert sizes(run(people, *crowd("police", 3, **nowhere))) == [3]


# ---- what was decided ----------------------------------------------------------------------------------------------
def test_two_equal_records_that_a_reviewer_told_apart_stay_apart(people):
    matched = run(people, *crowd("police"), decisions=decided(("not_the_same", "police:010", "police:020")))
    assert sizes(matched) == [MANY - 2, 1, 1]  # the others fit both about as well
    assert matched.possible.num_rows == 2


@pytest.mark.parametrize("named", ["police:000", "police:099"])
def test_what_was_decided_of_one_holds_for_all_that_are_equal(people, named):
    other = {"record_key": "health:1"}
    apart = run(people, other, *crowd("police"), decisions=decided(("not_the_same", "health:1", named)))
    assert sizes(apart) == [MANY, 1]
    assert not apart.possible.num_rows
    twin = other | {"given_names": "Thomas"}
    assert sizes(run(people, twin, *crowd("police"))) == [MANY, 1]
    same = run(people, twin, *crowd("police"), decisions=decided(("same", "health:1", named)))
    assert sizes(same) == [MANY + 1]
    steps = {tuple(row.values())[:2]: row["step"] for row in same.links.to_pylist()}
    assert steps["health:1", named] == "decision"


def test_decisions_that_part_equal_records_are_each_kept(people):
    x, y = {"record_key": "health:1", "given_names": "Thomas"}, {"record_key": "health:2", "given_names": "Arthur"}
    told = decided(
        ("same", "health:1", "police:003"), ("same", "health:2", "police:004"), ("not_the_same", "health:1", "health:2")
    )
    found = identities(run(people, x, y, *crowd("police"), decisions=told))
    assert any({"health:1", "police:003"} <= set(members) for members in found)
    assert any({"health:2", "police:004"} <= set(members) for members in found)
    assert not any({"health:1", "health:2"} <= set(members) for members in found)
    told = decided(("same", "health:1", "police:003"), ("not_the_same", "health:1", "police:004"))
    found = identities(run(people, x, *crowd("police"), decisions=told))
    assert any({"health:1", "police:003"} <= set(members) for members in found)
    assert not any({"health:1", "police:004"} <= set(members) for members in found)


def test_a_firewall_between_equal_records_parts_them(people):
    wall = decided(("firewall", "police:010", "police:020"))
    first = run(people, *crowd("police"), decisions=wall)
    again = run(people, *crowd("police"), decisions=wall, walls=first.walls)
    for matched in (first, again):
        assert not any({"police:010", "police:020"} <= set(members) for members in identities(matched))
        between = {row["record_key"] for row in matched.walls.to_pylist() if row["side"] == "between"}
        assert not any(between & set(members) and len(members) > 1 for members in identities(matched))


def test_equal_records_stand_at_a_firewall_together(people):
    other = {"record_key": "health:1", "given_names": "Thomas", "family_name": "Quill"} | FAR
    wall = decided(("firewall", "health:1", "police:010"))
    walls = None
    for _ in range(3):
        matched = run(people, other, *crowd("police"), decisions=wall, walls=walls)
        assert sizes(matched) == [MANY, 1]
        assert Counter(matched.walls["side"].to_pylist()) == {"a": 1, "b": MANY}
        walls = matched.walls


def test_a_pair_kept_apart_is_told_of_all_whom_a_wall_parts_from_the_one_that_stands_for_them(people):
    ends = [{"record_key": "care:1", "nhs_number": NHS}, {"record_key": "care:2", "nhs_number": OTHER_NHS}]
    matched = run(people, *ends, *crowd("police", 5), decisions=decided(("firewall", "care:1", "care:2")))
    assert sizes(matched) == [1] * 7
    apart = {tuple(row.values())[:2] for row in matched.apart.to_pylist()}
    assert {(end, f"police:{n:03d}") for end in ("care:1", "care:2") for n in range(5)} <= apart


# ---- the comparable form -------------------------------------------------------------------------------------------
def test_only_those_that_stand_for_others_are_sought(people):
    records = make_comparable(people(*crowd("police", 3), *crowd("police", 1, 3, sex="F")))
    found = find_equals(records, load_model(), {})
    assert found.first.tolist() == [0, 0, 0, 3]
    assert found.seen(records).sought.tolist() == [True, False, False, True]
