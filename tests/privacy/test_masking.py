"""Shape masks: the same in SQL and Python, short, and without anything of the value."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.privacy.masking import MASK_LENGTH, mask, mask_column


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("12/O4/2015", "99/A9/9999"),
        ("O'Neill-Smith Jr.", "A'AAAAA-AAAAA AA."),
        ("José", "AAAA"),
        ("N/A", "A/A"),
        ("a\x00b\tc", "A?A?A"),
        ("４５", "99"),
        ("日本", "AA"),
        ("😀", "?"),
        ("", ""),
        ("x" * 50, "A" * 20),
    ],
)
def test_a_mask_shows_the_shape(value: str, masked: str) -> None:
    assert mask(value) == masked


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=50))
def test_sql_and_python_agree_and_a_mask_says_nothing(values: list[str]) -> None:
    masks = mask_column(pa.array(values, pa.string())).to_pylist()
    assert masks == [mask(value) for value in values]
    for masked in masks:
        assert len(masked) <= MASK_LENGTH
        assert all(character in "A9" or not character.isalnum() for character in masked)
        assert masked.isascii()


def test_null_stays_null() -> None:
    assert mask_column(pa.array([None, "a"], pa.string())).to_pylist() == [None, "A"]
