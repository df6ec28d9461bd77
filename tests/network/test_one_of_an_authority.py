"""Two children of one authority are never one in the nation, whatever makes them look it."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import IsindexError
from pipelines.matching.night import match
from pipelines.network.decisions import Decided, contradicted, decide
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

CHILD, OTHER = children()[1], children()[2]


def people(rows: list[tuple[str, str, str | None]]) -> pa.Table:
    """Children who are alike in everything: key, authority, NHS number."""
    same = {"given_names": "Anika", "family_name": "Shah", "postcode": "B1 1AA", "sex": "F"}
    table = pa.table(
        {
            "record_key": [row[0] for row in rows], "source": [row[1] for row in rows],
            "nhs_number": pa.array([row[2] for row in rows], pa.string()),
            **{name: [value] * len(rows) for name, value in same.items()},
        }
    )  # fmt: skip
    return table.append_column("birth_date", pa.array([date(2015, 3, 14)] * len(rows), pa.date32()))


ROWS = st.lists(st.sampled_from(["330", "331", "332"]), min_size=2, max_size=7)


@settings(deadline=None, max_examples=25)
@given(ROWS, st.lists(st.sampled_from([None, "9434765919", "9434765870"]), min_size=7, max_size=7))
def test_children_of_one_authority_stay_apart_were_they_alike_in_everything(
    authorities: list[str], numbers: list[str | None]
) -> None:
    rows = [(f"{each}:{place}", each, numbers[place]) for place, each in enumerate(authorities)]
    found = match(people(rows), unique_sources=dict.fromkeys(set(authorities), "entry")).clusters.to_pylist()
    held = [(row["cluster"], row["record_key"].partition(":")[0]) for row in found]
    assert len(held) == len(rows) and len(set(held)) == len(held)


def test_more_sources_than_fit_into_one_word_are_told_apart() -> None:
    rows = [(f"{code}:{place}", str(code), "9434765919") for code in range(200, 353) for place in range(2)]
    found = match(people(rows), unique_sources={str(code): "entry" for code in range(200, 353)}).clusters.to_pylist()
    held = [(row["cluster"], row["record_key"].partition(":")[0]) for row in found]
    assert len(set(held)) == len(held) == 306


def test_of_decisions_that_make_two_of_one_authority_one_the_later_ones_do_not_count() -> None:
    told = [("330:A", "331:B"), ("331:B", "332:C"), ("330:D", "332:C"), ("330:D", "333:E")]
    made = [Decided(number, "same", *pair, "seen") for number, pair in enumerate(told, 1)]
    assert contradicted(made) == {3}
    assert contradicted([Decided(1, "same", "330:A", "330:B", "seen")]) == {1}
    assert contradicted([Decided(1, "not_the_same", "330:A", "330:B", "seen")]) == set()


@pytest.mark.one_database
def test_such_a_decision_is_refused(tmp_path) -> None:
    nation = Nation(tmp_path)
    nation.hold(THERE, CHILD, "health")
    nation.night(0)
    network, here = nation.network, nation.index_id(HERE, CHILD)
    there = nation.index_id(THERE, CHILD)
    decide(network, "same", f"{HERE}:{here}", f"{THERE}:{there}", actor="Ruth", reason="seen")
    other = nation.index_id(HERE, OTHER)
    for one in (f"{THERE}:{there}", f"{HERE}:{here}"):
        with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
            decide(network, "same", f"{HERE}:{other}", one, actor="Ruth", reason="seen")
