"""What two people may say of records that are gone: whose they were, and what goes with a wish."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from pipelines.protection.gone import LATCH, gone_of_wish, places_but_of
from pipelines.protection.tokens import key_tokens
from pipelines.seams.protection import ENTRIES, PLACES
from pipelines.seams.seam import give, grown


def holder(key: str) -> str:
    return str(key_tokens([key])["token"][0].as_py())


def entries(*told: tuple[str, list[str], int | None]) -> pa.Table:
    """Wishes: name, the keys of the records that they speak of, by which decision they ended."""
    rows = {
        "entry_id": [name * 32 for name, _, _ in told],
        "tokens": [[holder(key) for key in keys] for _, keys, _ in told],
        "lifted_by": pa.array([by for _, _, by in told], pa.int64()),
    }
    days = pa.array([date(2026, 3, 1)] * len(told), pa.date32())
    some = {name: pa.array(["x" * 32] * len(told)) for name in ("record_ref", "asked", "delivery_id")}
    more = {"understood": [True] * len(told), "first_night": days, "last_night": days, "agency": ["health"] * len(told)}
    return grown(pa.table(rows | some | more), ENTRIES).select(ENTRIES.names)


def places(*keys: str) -> pa.Table:
    return give(pa.table({"token": ["p" * 32] * len(keys), "holder": [holder(key) for key in keys]}), PLACES)


def former(**last: str) -> pa.Table:
    return pa.table({"record_key": [f"health:{key}" for key in last], "index_id": list(last.values())})


A, B, C = "health:A", "health:B", "health:C"


@pytest.mark.parametrize(
    ("told", "last", "goes"),
    [
        ([("a", [A], None)], {"A": "1", "B": "1", "C": "2"}, {A, B}),
        ([("a", [A], None), ("b", [B], None)], {"A": "1", "B": "1", "C": "1"}, {A}),
        ([("a", [A], None), ("b", [B], 7)], {"A": "1", "B": "1", "C": "1"}, {A, B, C}),
        ([("a", [A], None), ("c", [C], None)], {"A": "1", "B": "1", "C": "2"}, {A, B}),
        ([("a", ["health:rejected"], None)], {"A": "1", "B": "1", "C": "2"}, set()),
    ],
    ids=["its child's", "another wish of that child stands", "that has ended", "another child's stands", "it was never there"],
)  # fmt: skip
def test_with_a_wish_goes_where_its_own_child_had_lived(told, last, goes) -> None:
    found = gone_of_wish("a" * 32, entries(*told), places(A, B, C), pa.array([], pa.string()), former(**last))
    assert set(found) == {holder(each) for each in goes}


def test_where_a_record_is_there_nothing_of_it_goes() -> None:
    found = gone_of_wish("a" * 32, entries(("a", [A], None)), places(A, B), pa.array([A]), former(B="1"))
    assert found == []


@pytest.mark.parametrize(("ended", "stays"), [(7, {B}), (None, {A, B})], ids=["it ended", "it was told again"])
def test_a_place_goes_where_the_wish_has_ended(ended: int | None, stays: set[str]) -> None:
    after = places_but_of(places(A, B), [(7, [f"{LATCH}{holder(A)}"])], entries(("a", [A], ended)))
    assert set(after["holder"].to_pylist()) == {holder(each) for each in stays}
