"""Words are compared as they are found: one letter wrong, left out or too many, or two exchanged, is never missed."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.protection.comparable import macros
from pipelines.tables import connect, fetch, install_macros

LETTERS = st.sampled_from("ABCDE")
WORDS = st.text(LETTERS, min_size=5, max_size=14)


@st.composite
def slipped(draw: st.DrawFn) -> tuple[str, str]:
    """A word, and what is one slip away from it."""
    word = draw(WORDS)
    place, letter = draw(st.integers(0, len(word) - 1)), draw(LETTERS)
    how = draw(st.sampled_from(("as it is", "another", "left out", "too many", "exchanged")))
    other = {
        "as it is": word,
        "another": word[:place] + letter + word[place + 1 :],
        "left out": word[:place] + word[place + 1 :],
        "too many": word[:place] + letter + word[place:],
        "exchanged": word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
    }[how]
    return word, other


@settings(deadline=None, max_examples=40)
@given(st.lists(slipped(), min_size=1, max_size=60))
def test_of_two_words_that_differ_in_one_slip_a_half_is_common(pairs: list[tuple[str, str]]) -> None:
    views = {"pairs": pa.table({"word": [word for word, _ in pairs], "other": [other for _, other in pairs]})}
    with connect(views) as duck:
        install_macros(duck, macros())
        missed = fetch(
            duck,
            "FROM pairs WHERE NOT (list_contains(begins_in(other), begins_of(word)) OR list_contains(ends_in(other), ends_of(word)))",
        )
        assert missed.num_rows == 0
        missed = fetch(duck, "FROM pairs WHERE may_slip(other) AND NOT list_has_any(slips_of(word), slips(other))")
        assert missed.num_rows == 0


def test_words_that_follow_each_other_are_read_grown_together_and_numbers_are_no_part_of_them() -> None:
    said = {
        "Mc Donald": {"MC", "DONALD", "MCDONALD"}, "TiborQuill2012@mail.org": {"TIBORQUILL", "TIBORQUILL2012", "MAIL", "ORG"},
        "Ida": {"IDA"}, "": set(), "Ida's": {"IDA", "IDAS"},
    }  # fmt: skip
    with connect({"texts": pa.table({"text": list(said)})}) as duck:
        install_macros(duck, macros())
        found = {
            row["text"]: set(row["words"])
            for row in fetch(duck, "SELECT text, said_in(text) AS words FROM texts").to_pylist()
        }
    assert all(words <= found[text] for text, words in said.items())
    assert found[""] == set()
