"""The general entry takes whatever columns and types a table of people has."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.errors import IsindexError
from pipelines.matching.link import link_people

PEOPLE = pa.table({"record_key": ["a", "b", "c"], "source": ["x", "y", "x"], "given_names": ["Ann", "Ann", "Bo"]})


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.string_view()])
def test_text_may_be_of_any_arrow_type(kind):
    linked = link_people(pa.table({name: PEOPLE[name].combine_chunks().cast(kind) for name in PEOPLE.column_names}))
    assert linked.identities == link_people(PEOPLE).identities


@pytest.mark.parametrize("keys", [["a", "b", "a"], [1, 2, 1]])
def test_repeated_keys_are_refused_and_not_told(keys):
    with pytest.raises(IsindexError) as fault:
        link_people(pa.table({"record_key": pa.array(keys).dictionary_encode(), "source": ["x", "y", "x"]}))
    assert fault.value.code == "RECORD_KEY_REPEATED"


def test_no_people_are_no_fault():
    assert link_people(PEOPLE.slice(0, 0)).identities.num_rows == 0
