"""Each gate passes on a sound night and fails on the fault it is there for."""

from datetime import date

import pyarrow as pa
import pytest

from pipelines.publishing.gates import GATES

CHILD = {
    "record_key": "health:1", "family_name": "Reed", "given_names": "Anna", "nhs_number": "9434765919",
    "addresses": [{"address": "1 High Street", "postcode": "AB1 2CD", "status": "current"}],
    "carers": [{"name": "Jo Reed", "relationship": "mother", "contact": "01632 960001"}],
    "names": [{"kind": "former", "family_name": "Old", "given_names": "Anna"}],
    "involvements": [{"kind": "sensitive_service"}, {"kind": "gp_practice", "service": "A81001"}],
    "flags": [{"flag": "lead_professional"}],
}  # fmt: skip
HIDDEN = {**CHILD, "record_key": "social_care:5", "shielded": True}
DOUBLE = {**CHILD, "record_key": "education:6", "upn": "A301000000001"}
POSSIBLE = [("education:6", "social_care:5", "review", None)]


def failed(night):
    results = night.gates()
    assert [gate.name for gate in results] == list(GATES)
    return [gate.name for gate in results if not gate.passed]


def restricted_rows(night):
    hidden = {row["index_id"] for row in night.tables["children"].to_pylist() if row["shielded"] or row["withheld"]}
    return {
        name: [row for row in table.to_pylist() if row["index_id"] in hidden] for name, table in night.tables.items()
    }


def test_a_sound_night_passes_every_gate(make_night):
    assert failed(make_night(1, [CHILD, HIDDEN, DOUBLE], possible=POSSIBLE)) == []


def test_a_shielded_child_and_its_possible_double_show_the_five_things_only(make_night):
    rows = restricted_rows(make_night(1, [CHILD, HIDDEN, DOUBLE], possible=POSSIBLE))
    assert {name: len(found) for name, found in rows.items() if found} == {"children": 2, "names": 2, "carers": 2}
    assert all(row["kind"] == "current" and row["agency"] is None for row in rows["names"])
    assert all(
        set(row) - {"index_id", "name"} == {key for key, value in row.items() if value is None}
        for row in rows["carers"]
    )
    assert {row["address_status"] for row in rows["children"]} == {None}


@pytest.mark.parametrize("table", ["children", "names", "addresses", "carers", "involvements", "flags", "record_links"])
def test_anything_of_a_shielded_child_that_stays_open_is_seen(make_night, table):
    open_night = make_night(1, [CHILD, {**HIDDEN, "shielded": False}, DOUBLE], possible=POSSIBLE)
    leaked = {table: open_night.tables[table]}
    assert "shielding" in failed(make_night(1, [CHILD, HIDDEN, DOUBLE], possible=POSSIBLE, **leaked))


def test_a_possible_double_of_a_shielded_child_that_stays_open_is_seen(make_night):
    settled = make_night(1, [CHILD, HIDDEN, DOUBLE])  # built as if the possible link were not there
    night = make_night(1, [CHILD, HIDDEN, DOUBLE], possible=POSSIBLE, **settled.tables)
    assert "shielding" in failed(night)


def test_anything_told_of_a_sensitive_service_is_seen(make_night):
    night = make_night(1, [CHILD])
    involvements = night.tables["involvements"]
    for column, value in (("service", "x"), ("agency", "health"), ("start_date", date(2026, 1, 1))):
        at = involvements.schema.get_field_index(column)
        told = involvements.set_column(
            at,
            involvements.schema.field(at),
            pa.array([value] * involvements.num_rows, involvements.schema.field(at).type),
        )
        assert failed(make_night(1, [CHILD], involvements=told)) == ["sensitive_services"]


def test_a_number_of_an_agency_in_any_text_is_seen(make_night):
    for text in ("9434765919", "known by 9434765919 since", "health:1"):
        row = {**CHILD, "addresses": [{"address": text, "postcode": "AB1 2CD", "status": "current"}]}
        assert failed(make_night(1, [row])) == ["identifiers_absent"]


def test_a_table_that_changed_after_it_was_built_is_seen(make_night):
    night = make_night(1, [CHILD])
    path = night.snapshot["flags"].path
    path.write_bytes(path.read_bytes() + b" ")
    assert "table_hashes" in failed(night)


def test_counts_that_do_not_add_up_are_seen(make_night):
    night = make_night(1, [CHILD])
    night.inputs = [
        type(feed)(**{**vars(feed), "counts": {"rows_read": 3, "accepted": 1, "rejected": 1}}) for feed in night.inputs
    ]
    assert failed(night) == ["reconciliation"]
    night = make_night(1, [CHILD])
    night.inputs = [type(feed)(**{**vars(feed), "live_records": 2}) for feed in night.inputs]
    assert failed(night) == ["reconciliation"]


def test_a_child_missing_from_the_snapshot_is_seen(make_night):
    night = make_night(1, [CHILD, DOUBLE])
    assert "one_identity" in failed(make_night(1, [CHILD, DOUBLE], children=night.tables["children"].slice(1)))


def test_a_redirect_that_leads_nowhere_is_seen(make_night):
    redirects = pa.table({"index_id": ["X"], "redirects_to": ["Y"], "since": pa.array([date(2026, 3, 1)], pa.date32())})
    assert failed(make_night(1, [CHILD], redirects=redirects)) == ["redirects"]


def many(count):
    return [{**CHILD, "record_key": f"health:{number}", "nhs_number": None} for number in range(count)]


def test_a_great_loss_of_children_is_stopped_unless_somebody_gives_a_reason(make_night, monkeypatch):
    make_night(1, many(120)).publish()
    assert failed(make_night(2, many(109))) == []
    night = make_night(2, many(108))
    assert failed(night) == ["volume"]
    monkeypatch.setenv("ISINDEX_OVERRIDE", "the hospital closed")
    (gate,) = [gate for gate in night.gates() if gate.name == "volume"]
    assert (gate.passed, gate.overridden) == (True, "the hospital closed")
    monkeypatch.delenv("ISINDEX_OVERRIDE")
    decided = make_night(2, many(108), decisions=[{"kind": "override", "record_a": "2026-03-02", "reason": "agreed"}])
    assert failed(decided) == []


def test_a_flood_of_merges_is_stopped(make_night):
    make_night(1, many(1200)).publish()
    pairs = {f"health:{2 * number + 1}": f"health:{2 * number}" for number in range(51)}
    assert failed(
        make_night(
            2,
            many(1200),
            {key: min(key, other) for key, other in pairs.items()}
            | {other: min(key, other) for key, other in pairs.items()},
        )
    ) == ["merges_and_splits"]


def test_a_gate_that_cannot_be_computed_has_failed(make_night):
    night = make_night(1, [CHILD])
    night.possible = pa.table({"nothing": ["here"]})
    assert failed(night) == ["shielding"]
