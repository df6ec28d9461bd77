"""The sides of a firewall: who stands where, whatever comes, goes and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.matching.deciding.components import components
from pipelines.matching.deciding.walls import Bearers, Walls, raise_walls, seeds_of, walls_table
from pipelines.matching.reading.names import FamilyName
from pipelines.seams.matching import WALLS

A, B = "a1", "b1"
BORN = 20160517
Pair = tuple[str, str]


def stand(
    names: Mapping[str, str | None],
    joins: Iterable[Pair],
    *,
    decided: Iterable[Pair] = (),
    before: pa.Table | None = None,
    birth_dates: Mapping[str, int] = {},
) -> tuple[pa.Table, Walls, dict[str, int]]:
    """Records (key → family name) and the pairs that join: the sides, the walls, and each record's identity."""
    keys = sorted(names)
    place = {key: at for at, key in enumerate(keys)}
    pairs = sorted({tuple(sorted(pair)) for pair in [*joins, *decided]})
    left = np.array([place[one] for one, _ in pairs], dtype=np.int64)
    right = np.array([place[other] for _, other in pairs], dtype=np.int64)
    said = np.array([pair in {tuple(sorted(each)) for each in decided} for pair in pairs], dtype=bool)
    wanted = pa.table({"kind": ["firewall"], "record_a": [A], "record_b": [B]})
    array = pa.array(keys, pa.string())
    born = np.array([birth_dates.get(key, BORN) for key in keys], dtype=np.int64)
    bearers = bearers_of([names[key] for key in keys], born)
    walls = raise_walls(
        len(keys), left, right, np.ones(len(left), dtype=bool), said, seeds_of(array, wanted, before), bearers
    )
    label = walls.kept(components(len(keys), left[~walls.cut], right[~walls.cut]))
    return walls_table(array, walls, bearers), walls, {key: int(label[at]) for key, at in place.items()}


def bearers_of(names: list[str | None], born: np.ndarray) -> Bearers:  # type: ignore[type-arg]
    every = sorted({name for name in names if name})
    family = np.array([every.index(name) if name else -1 for name in names], dtype=np.int64)
    return Bearers(family, [FamilyName(name) for name in every], born)


def sides(table: pa.Table) -> dict[str, str]:
    return {row["record_key"]: row["side"] for row in table.to_pylist()}


def earlier(**stood: tuple[str, str]) -> pa.Table:
    """The night before: key → (side, family name)."""
    bearers = bearers_of([name for _, name in stood.values()], np.full(len(stood), BORN))
    every = np.arange(len(stood))
    told = zip(stood.items(), bearers.families(every), bearers.persons(every), strict=True)
    rows = [
        {"wall_a": A, "wall_b": B, "side": side, "record_key": key, "family": family, "person": person}
        for (key, (side, _)), family, person in told
    ]
    return pa.Table.from_pylist(rows, schema=WALLS.empty_table().schema)


STOOD = {"a1": ("a", "Birth"), "b1": ("b", "New")}


def test_what_joins_a_side_stands_there_and_what_joins_both_stands_between() -> None:
    table, _, of = stand(
        {A: "Birth", B: "New", "x": "Birth", "y": "New", "z": "Other"},
        [(A, B), (A, "x"), (B, "y"), (A, "z"), (B, "z")],
    )
    assert sides(table) == {A: "a", "x": "a", B: "b", "y": "b", "z": "between"}
    assert of[A] == of["x"] and of[B] == of["y"] and len({of[A], of[B], of["z"]}) == 3


def test_what_a_reviewer_joins_with_a_side_stands_there_whatever_else_it_joins() -> None:
    table, _, of = stand({A: "Birth", B: "New", "z": "Other"}, [(A, "z"), (B, "z")], decided=[(B, "z")])
    assert sides(table)["z"] == "b" and of["z"] == of[B]


def test_what_is_told_to_stand_between_does_though_it_joins_nobody_until_a_reviewer_says_where() -> None:
    """It bears the names of both sides (`protection.bearing_both`); of the wall itself nothing is known yet."""
    row = {"wall_a": A, "wall_b": B, "side": "between", "record_key": "z", "family": None, "person": None}
    told = pa.Table.from_pylist([row], schema=WALLS.empty_table().schema)
    here = {A: "Birth", B: "New", "o": "Other", "z": "New"}
    table, _, of = stand(here, [(A, B), ("o", "z")], before=told)
    assert sides(table) == {A: "a", B: "b", "z": "between"} and of["o"] == of["z"]
    assert len({of[A], of[B], of["z"]}) == 3
    later, _, _ = stand(here, [(A, B), (A, "z")], before=table)
    assert sides(later)["z"] == "between"
    joined, _, of = stand(here, [(A, B)], decided=[(B, "z")], before=later)
    assert sides(joined)["z"] == "b" and of["z"] == of[B]


@pytest.mark.parametrize("away", [A, B])
def test_what_stands_between_stays_there_when_a_side_is_gone(away: str) -> None:
    before = earlier(a1=("a", "Birth"), b1=("b", "New"), z=("between", "Other"))
    here = {A: "Birth", B: "New", "z": "Other"}
    del here[away]
    table, _, of = stand(here, [(key, "z") for key in here if key != "z"], before=before)
    assert sides(table) == {A: "a", B: "b", "z": "between"}  # who is away is remembered
    assert len(set(of.values())) == 2


def test_what_comes_back_under_its_key_stands_where_it_stood() -> None:
    before = earlier(a1=("a", "Birth"), b1=("b", "New"), x=("a", "Birth"))
    gone, _, _ = stand({B: "New"}, [], before=before)
    assert sides(gone) == sides(before)
    back, _, of = stand({B: "New", "x": "Birth"}, [(B, "x")], before=gone)
    assert sides(back)["x"] == "a" and of["x"] != of[B]


@pytest.mark.parametrize(
    ("name", "side"), [("Birth", "a"), ("New", "b"), ("Other", "between"), (None, "between")], ids=["birth", "new", "other", "none"]
)  # fmt: skip
def test_what_is_registered_anew_is_told_by_its_name(name: str | None, side: str) -> None:
    table, _, of = stand({B: "New", "x": name}, [(B, "x")], before=earlier(**STOOD))
    assert sides(table)["x"] == side
    assert (of["x"] == of[B]) == (side == "b")


def test_both_registered_anew_on_one_night_are_still_two() -> None:
    table, _, of = stand({"x": "Birth", "y": "New", "z": "Birth"}, [("x", "y")], before=earlier(**STOOD),
                         birth_dates={"z": 20120101})  # fmt: skip
    assert sides(table) == {A: "a", B: "b", "x": "a", "y": "b"}  # z was born on another day
    assert of["x"] != of["y"]


def test_one_that_takes_the_other_sides_name_stands_between_until_a_reviewer_says_where() -> None:
    here = {A: "New", B: "New"}
    table, _, of = stand(here, [(A, B)], before=earlier(**STOOD))
    assert sides(table) == {A: "between", B: "b"} and of[A] != of[B]
    later, _, of = stand(here, [(A, B)], before=table)
    assert later.equals(table) and of[A] != of[B]


def test_where_both_sides_bear_one_name_what_may_be_who_is_gone_stands_between() -> None:
    before, born = earlier(a1=("a", "One"), b1=("b", "One")), {"x": 20160518}
    assert sides(stand({A: "One", B: "One", "x": "One"}, [(B, "x")], before=before)[0])["x"] == "b"
    assert sides(stand({B: "One", "x": "One"}, [(B, "x")], before=before, birth_dates=born)[0])["x"] == "between"
    assert (
        sides(stand({B: "One", "x": "One"}, [(B, "x")], before=before)[0])["x"] == "a"
    )  # name and birth date are hers


def test_two_between_are_linked_only_by_a_reviewer() -> None:
    names = {A: "Birth", B: "New", "y": "Birth", "z": "New", "o": "Other"}
    joins = [(A, "y"), (B, "y"), (A, "z"), (B, "z"), ("y", "z")]
    table, walls, of = stand(names, joins)
    assert sides(table)["y"] == sides(table)["z"] == "between" and of["y"] != of["z"]
    _, _, of = stand(names, joins, decided=[("y", "z")])
    assert of["y"] == of["z"] not in (of[A], of[B])
    # nor through a third, which stands nowhere
    assert len(set(walls.kept(np.zeros(len(names), dtype=np.int64)).tolist())) == len(names)


KEYS = [A, B, *"uvwxyz"]


@settings(deadline=None)
@given(
    names=st.fixed_dictionaries({key: st.sampled_from(["Birth", "New", "Other", None]) for key in KEYS}),
    nights=st.lists(
        st.tuples(
            st.sets(st.sampled_from(KEYS), min_size=2),
            st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)), max_size=12),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_whatever_comes_and_goes_no_identity_holds_two_that_ever_stood_apart(names, nights) -> None:  # type: ignore[no-untyped-def]
    before: pa.Table | None = None
    ever: dict[str, str] = {}
    for here, joins in nights:
        inside = [(one, other) for one, other in joins if one != other and {one, other} <= here]
        table, _, of = stand({key: names[key] for key in here}, inside, before=before)
        turned, _, again = stand({key: names[key] for key in here}, inside[::-1], before=before)
        assert turned.equals(table) and again == of
        now = sides(table)
        assert {key: side for key, side in ever.items() if now.get(key) != side} == {}  # who stood, stands
        for one in here & set(now):
            for other in here & set(now):
                if one != other and (now[one] != now[other] or now[one] == "between"):
                    assert of[one] != of[other]
        ever, before = now, table
