"""What crosses a seam is what was agreed, or is refused by the names of its columns and never by a value."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.contracts.person_record import PERSON_RECORD
from pipelines.errors import IsindexError
from pipelines.reporting import words as reported
from pipelines.seams import conform, give, words
from pipelines.seams.identities import EVENTS
from pipelines.seams.matching import CLUSTERS
from pipelines.seams.person import INVOLVEMENTS, NAMES
from pipelines.tables import write_table

NAME = {"record_key": "health:1", "agency": "health", "kind": "current", "family_name": "Reed", "given_names": "Ann"}


def names(**changes):
    return pa.Table.from_pylist([{**NAME, **changes}], schema=NAMES.schema)


def refused(act) -> str:
    with pytest.raises(IsindexError) as caught:
        act()
    assert caught.value.code == "SEAM_BROKEN"
    return caught.value.message


def test_a_table_is_given_in_the_columns_order_and_types_that_were_agreed():
    turned = names().select(NAMES.names[::-1]).append_column("more", [["x"]])
    assert give(turned, NAMES).schema == NAMES.schema


def test_a_missing_column_is_named():
    assert refused(lambda: give(names().drop_columns(["kind", "agency"]), NAMES)).endswith("not there: agency, kind.")


def test_a_column_that_cannot_be_cast_is_named_without_its_value():
    wrong = names().set_column(5, "from_date", [["secret"]])
    said = refused(lambda: give(wrong, NAMES))
    assert "from_date" in said and "secret" not in said


def test_a_word_that_is_not_of_the_set_and_an_empty_value_are_refused_without_the_value():
    said = refused(lambda: give(names(kind="sobriquet"), NAMES))
    assert said.endswith("not of their set: kind.") and "sobriquet" not in said
    assert refused(lambda: give(names(kind=None), NAMES)).endswith("empty in some rows: kind.")


def test_the_reading_side_refuses_a_table_or_file_of_another_shape(tmp_path):
    conform(names(), NAMES)
    stored = write_table(names().drop_columns(["kind"]), tmp_path / "names.parquet")
    assert "kind" in refused(lambda: conform(stored.path, NAMES))
    conform(stored.path, NAMES, ["record_key", "family_name"])
    numbers = pa.table({"record_key": [1]})
    assert refused(lambda: conform(numbers, NAMES, ["record_key"])).endswith("of another type: record_key.")


def test_a_sentence_may_come_with_a_dictionary_or_without():
    plain = CLUSTERS.schema.set(4, pa.field("reason", pa.string())).empty_table()
    conform(plain, CLUSTERS)
    assert give(plain, CLUSTERS).schema == CLUSTERS.schema


def test_every_word_that_a_report_may_meet_has_its_own_name_there():
    assert set(reported.STEPS) == set(words.STEPS)
    assert set(reported.STATES) >= set(words.FEED_STATES) | set(words.NIGHT_STATES)
    assert set(reported.OUTCOMES) == set(words.REJECT_OUTCOMES)
    assert set(reported.DIMENSIONS) == set(words.DIMENSIONS)


def test_a_sensitive_service_is_a_kind_of_involvement():
    assert "sensitive_service" in INVOLVEMENTS.column("kind").values
    assert EVENTS.column("kind").values == words.EVENT_KINDS


def test_the_concepts_of_every_person_column_are_said_once():
    assert [each.name for each in PERSON_RECORD][:3] == ["record_key", "agency", "key"]
    assert {each.name for each in PERSON_RECORD if not each.concepts} == {
        "record_key", "agency", "key", "delivery_id", "position", "content",
    }  # fmt: skip
