"""Shielding fails closed and does not engulf the authority."""

import pyarrow as pa
import pytest

from pipelines.errors import IsindexError
from pipelines.protection.shielding import visibility

TEXT = pa.string()


def see(shielded, possible=(), decisions=(), merged=None):
    """{record: (shielded, withheld)} for records a, b, … each its own identity unless `merged` says otherwise."""
    keys = sorted(shielded)
    identities = pa.table({"record_key": keys, "index_id": [(merged or {}).get(key, key.upper()) for key in keys]})
    records = pa.table({"record_key": keys, "shielded": pa.array([shielded[key] for key in keys], pa.bool_())})
    pairs = pa.table(
        {
            "record_key_a": pa.array([pair[0] for pair in possible], TEXT),
            "record_key_b": pa.array([pair[1] for pair in possible], TEXT),
            "kind": pa.array([pair[2] for pair in possible], TEXT),
            "certain": pa.array([pair[3] for pair in possible], pa.bool_()),
        }
    )
    decided = pa.table(
        {
            name: pa.array([row[i] for row in decisions], TEXT)
            for i, name in enumerate(("kind", "record_a", "record_b", "undone_at"))
        }
    )
    seen = visibility(identities, records, pairs, decided)
    return {row["index_id"]: (row["shielded"], row["withheld"]) for row in seen.to_pylist()}


OPEN, SHIELDED, WITHHELD = (False, False), (True, False), (False, True)


def test_one_shielded_record_shields_its_whole_identity():
    assert see({"a": True, "b": False, "c": False}, merged={"a": "X", "b": "X"}) == {"X": SHIELDED, "C": OPEN}


def test_a_record_possibly_of_a_shielded_child_is_withheld_and_so_on_along_the_chain():
    seen = see(
        {"a": True, "b": False, "c": False, "d": False}, [("b", "a", "review", None), ("b", "c", "review", None)]
    )
    assert seen == {"A": SHIELDED, "B": WITHHELD, "C": WITHHELD, "D": OPEN}


@pytest.mark.parametrize(
    ("kind", "certain", "expected"),
    [
        ("refused", True, OPEN),
        ("refused", False, WITHHELD),
        ("refused", None, WITHHELD),
        ("review", True, WITHHELD),
        ("unheard of", True, WITHHELD),
        (None, None, WITHHELD),
    ],
)
def test_only_a_certain_refusal_stops_the_closure(kind, certain, expected):
    assert see({"a": True, "b": False}, [("a", "b", kind, certain)])["B"] == expected


def test_a_reviewer_settles_a_pair_until_it_is_undone():
    pair = [("a", "b", "review", None)]
    assert see({"a": True, "b": False}, pair, [("not_the_same", "b", "a", None)])["B"] == OPEN
    assert see({"a": True, "b": False}, pair, [("not_the_same", "b", "a", "2026-03-01")])["B"] == WITHHELD


def test_a_decision_to_shield_shields():
    assert see({"a": False, "b": False}, decisions=[("shield", "b", None, None)]) == {"A": OPEN, "B": SHIELDED}


def test_a_missing_flag_counts_as_shielded():
    assert see({"a": None})["A"] == SHIELDED


@pytest.mark.parametrize("missing", range(4))
def test_a_missing_input_is_refused(missing):
    inputs = [
        pa.table({"record_key": ["a"], "index_id": ["A"]}),
        pa.table({"record_key": ["a"], "shielded": [False]}),
        pa.table({"record_key_a": ["a"], "record_key_b": ["b"], "kind": ["review"]}),
        pa.table({"kind": ["same"], "record_a": ["a"], "record_b": ["b"]}),
    ]
    inputs[missing] = None
    with pytest.raises(IsindexError, match="SHIELDING_INPUT_MISSING"):
        visibility(*inputs)
    inputs[missing] = pa.table({"other": ["a"]})
    with pytest.raises(IsindexError, match="SHIELDING_INPUT_MISSING"):
        visibility(*inputs)
