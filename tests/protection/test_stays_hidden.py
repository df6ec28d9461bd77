"""What is carried on for versions of before: who was hidden stays so until people have opened them, whatever goes from the feeds."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.protection.stays_hidden import hidden_after, sensitive_after
from pipelines.seams.protection import HIDDEN, SENSITIVE

NOTHING = HIDDEN.empty_table()


def seen(**hidden: bool) -> pa.Table:
    return pa.table(
        {"index_id": list(hidden), "shielded": list(hidden.values()), "withheld": pa.array([False] * len(hidden))}
    )


def ids(**leads_to: str | None) -> pa.Table:
    return pa.table({
        "index_id": list(leads_to), "redirects_to": pa.array(list(leads_to.values()), pa.string()),
        "state": ["merged" if each else "live" for each in leads_to.values()], "since": pa.nulls(len(leads_to), pa.date32()),
    })  # fmt: skip


def held(**by: str) -> pa.Table:
    return pa.table(
        {"record_ref": list(by), "record_key": list(by), "index_id": pa.array(list(by.values()), pa.string())}
    )


def told(table: pa.Table) -> set[str]:
    return {row["index_id"] or row["record_ref"] for row in table.to_pylist()}


def test_who_is_hidden_and_whatever_leads_there() -> None:
    found = hidden_after(NOTHING, seen(A=True, B=False), ids(A=None, B=None, C="D", D="A", E="B"), held(r1="A", r2="B"))
    assert told(found) == {"A", "C", "D", "r1"}


@pytest.mark.parametrize(
    ("visibility", "index_ids", "identities", "left"),
    [
        (seen(B=False), ids(B=None), held(r2="B"), {"A", "r1"}),  # withdrawn
        (seen(A=True), ids(A=None), held(r3="A"), {"A", "r1", "r3"}),  # registered anew
        (seen(A=False), ids(A=None), held(r1="A"), set()),  # two people have opened it
        (seen(B=False), ids(B=None, A="B"), held(r1="B"), set()),  # likewise, and it is one with another
        (seen(A=True, B=False), ids(A=None, B=None), held(r1="B"), {"A"}),  # the record is another child's
    ],
)
def test_what_was_hidden_goes_with_an_opening_alone(
    visibility: pa.Table, index_ids: pa.Table, identities: pa.Table, left: set[str]
) -> None:
    before = hidden_after(NOTHING, seen(A=True), ids(A=None), held(r1="A"))
    assert told(before) == {"A", "r1"}
    assert told(hidden_after(before, visibility, index_ids, identities)) == left


def test_most_sensitive_services_at_one_time_are_kept() -> None:
    services = pa.table(
        {"record_key": ["r1", "r1", "r2"], "kind": ["sensitive_service", "sensitive_service", "service"]}
    )
    first = sensitive_after(SENSITIVE.empty_table(), services, held(r1="A", r2="B"))
    assert first.to_pylist() == [{"record_ref": "r1", "services": 2}]
    assert sensitive_after(first, services.slice(1), held(r1="A", r2="B")).equals(first)
    assert sensitive_after(first, services.slice(2), held(r2="B")).equals(first)
