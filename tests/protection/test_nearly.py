"""A child whose records are all gone is known again although one thing is written otherwise; a stranger is not."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from pipelines.protection.tokens import nearly_tokens
from pipelines.seams.person import NAMES

MAYA = {"record_key": "a:1", "family_name": "Thornbury", "given_names": "Maya Ruth", "birth_date": date(2014, 3, 9)}


def shared(**changes: object) -> set[str]:
    """The kinds by which a record with these changes is found when Maya's were kept."""
    records = pa.Table.from_pylist([MAYA, MAYA | {"record_key": "a:2"} | changes])
    mine, other = (
        {
            (row["kind"], row["token"])
            for row in nearly_tokens(records, NAMES.empty_table(), pa.array([key]), sought=sought).to_pylist()
        }
        for key, sought in (("a:1", False), ("a:2", True))
    )
    return {kind for kind, _ in mine & other}


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Thornbry"},
        {"family_name": "Thornbuury"},
        {"family_name": "Thornbary"},
        {"family_name": "Thonrbury"},
        {"family_name": "Ashe-Thornbury"},
        {"family_name": "THÓRNBURY"},
        {"given_names": "Ruth Maya"},
        {"given_names": "Mayaa"},
        {"given_names": "Maja"},
        {"given_names": "Thornbury", "family_name": "Maya"},
        {"given_names": "Thornbry", "family_name": "Maya"},
        {"birth_date": date(2014, 3, 8)},
        {"birth_date": date(2014, 9, 3)},
        {"birth_date": date(2015, 3, 9)},
    ],
)
def test_one_thing_written_otherwise(changes: dict[str, object]) -> None:
    assert "nearly" in shared(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Quill"},
        {"given_names": "Ida"},
        {"birth_date": date(2014, 7, 21)},
        {"family_name": "Quill", "given_names": "Maya"},
    ],
)
def test_two_things_of_three_are_enough_where_nobody_is_left(changes: dict[str, object]) -> None:
    assert shared(**changes) == {"born"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"given_names": "Master Maya"},
        {"given_names": "MISS MAYA"},
        {"given_names": "Thornbury", "family_name": "Maya"},
        {"given_names": None, "family_name": "Maya Thornbury"},
        {"given_names": None, "family_name": "THORNBURY, Maya"},
        {"family_name": "Thornbry"},
        {"given_names": "Thornbary", "family_name": "Maya"},
        {"given_names": "Maja"},
    ],
)
def test_both_names_are_enough_of_a_record_without_birth_date(changes: dict[str, object]) -> None:
    assert "called" in shared(birth_date=None, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Quill", "birth_date": date(2014, 7, 21)},
        {"given_names": "Ida", "birth_date": date(2014, 3, 8)},
        {"birth_date": date(2011, 7, 21)},
        {"birth_date": None, "given_names": "Ida"},
        {"birth_date": None, "given_names": None},
        {"birth_date": None, "given_names": "Maja", "family_name": "Thornbry"},
    ],
)
def test_a_stranger_shares_nothing(changes: dict[str, object]) -> None:
    assert shared(**changes) == set()


def test_short_names_are_whole_or_nothing() -> None:
    assert "nearly" not in shared(given_names="Mia", family_name="Lee", birth_date=date(2014, 3, 9))


def test_of_a_record_with_hundreds_of_names_no_more_is_made_than_of_one_with_many() -> None:
    letters = "abcdefghijklmnop"
    aliases = [f"Zel{one}{other}vunk" for one in letters for other in letters]
    names = pa.Table.from_pylist(
        [{"record_key": "a:1", "kind": "alias", "family_name": each, "given_names": each[::-1]} for each in aliases],
        schema=NAMES.schema,
    )
    made = nearly_tokens(pa.Table.from_pylist([MAYA]), names, pa.array(["a:1"]))
    assert made.num_rows < 10_000
    own = nearly_tokens(pa.Table.from_pylist([MAYA]), NAMES.empty_table(), pa.array(["a:1"]))
    assert set(own["token"].to_pylist()) <= set(made["token"].to_pylist())  # its own names first
