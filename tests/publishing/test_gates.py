"""Each gate passes on a sound night and fails on the fault it is there for."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.protection.shielding import Lifting
from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.publishing.gates import GATES
from pipelines.seams.protection import ENTRIES
from pipelines.tables import write_table
from tests.publishing.conftest import person

CHILD = {
    "record_key": "health:1", "family_name": "Reed", "given_names": "Anna", "nhs_number": "9434765919",
    "addresses": [{"address": "1 High Street", "postcode": "AB1 2CD", "status": "current"}],
    "carers": [{"name": "Jo Reed", "relationship": "mother", "contact": "01632 960001"}],
    "names": [{"kind": "former", "family_name": "Old", "given_names": "Anna"}],
    "involvements": [{"kind": "sensitive_service"}, {"kind": "gp_practice", "service": "A81001"}],
    "flags": [{"flag": "lead_professional"}],
}  # fmt: skip
HIDDEN = {
    **CHILD, "record_key": "social_care:5", "shielded": True, "given_names": "Iris", "family_name": "Hart",
    "nhs_number": "9434765870", "names": [{"kind": "former", "family_name": "Sooner", "given_names": "Iris"}],
}  # fmt: skip
DOUBLE = {
    **HIDDEN,
    "record_key": "education:6",
    "shielded": False,
    "given_names": "Irys",
    "nhs_number": None,
    "names": [],
}
APART = [("education:6", "social_care:5", False)]


def failed(night):
    assert [gate.name for gate in night.audit().gates] == list(GATES)
    return night.failed()


def restricted_rows(night):
    hidden = {row["index_id"] for row in night.tables["children"].to_pylist() if row["shielded"] or row["withheld"]}
    return {
        name: [row for row in table.to_pylist() if row["index_id"] in hidden] for name, table in night.tables.items()
    }


@pytest.mark.in_full
def test_a_sound_night_passes_every_gate(make_night):
    assert failed(make_night(1, [CHILD, HIDDEN, DOUBLE], apart=APART)) == []


def test_a_shielded_child_and_its_possible_double_show_the_five_things_only(make_night):
    rows = restricted_rows(make_night(1, [CHILD, HIDDEN, DOUBLE], apart=APART))
    assert {name: len(found) for name, found in rows.items() if found} == {"children": 2, "names": 2, "carers": 2}
    assert all(row["kind"] == "current" and row["agency"] is None for row in rows["names"])
    assert all(
        set(row) - {"index_id", "name"} == {key for key, value in row.items() if value is None}
        for row in rows["carers"]
    )
    assert {row["address_status"] for row in rows["children"]} == {None}


@pytest.mark.in_full
@pytest.mark.parametrize("table", ["children", "names", "addresses", "carers", "involvements", "flags", "record_links"])
def test_anything_of_a_shielded_child_that_stays_open_is_seen(make_night, table):
    open_night = make_night(1, [CHILD, {**HIDDEN, "shielded": False}, DOUBLE], apart=APART)
    leaked = {table: open_night.tables[table]}
    assert "shielding" in failed(make_night(1, [CHILD, HIDDEN, DOUBLE], apart=APART, **leaked))


@pytest.mark.parametrize("column", ["expected_birth_date", "address_status"])
def test_what_a_hidden_child_s_own_row_may_not_tell_is_seen(make_night, column):
    children = make_night(1, [CHILD, HIDDEN]).tables["children"]
    at = children.schema.get_field_index(column)
    value = date(2026, 5, 1) if column == "expected_birth_date" else "current"
    told = [value if row["shielded"] else row[column] for row in children.to_pylist()]
    leaks = children.set_column(at, children.schema.field(at), pa.array(told, children.schema.field(at).type))
    assert "shielding" in failed(make_night(1, [CHILD, HIDDEN], children=leaks))


@pytest.mark.parametrize("column", ["relationship", "contact", "agency"])
def test_what_a_hidden_child_s_carer_may_not_tell_is_seen(make_night, column):
    open_night = make_night(1, [CHILD, {**HIDDEN, "shielded": False}])
    told = {row["name"]: row[column] for row in open_night.tables["carers"].to_pylist()}
    carers = make_night(1, [CHILD, HIDDEN]).tables["carers"]
    at = carers.schema.get_field_index(column)
    leaks = pa.array([told[name] for name in carers["name"].to_pylist()], carers.schema.field(at).type)
    assert leaks.null_count < carers[column].null_count
    leaking = carers.set_column(at, carers.schema.field(at), leaks)
    assert "shielding" in failed(make_night(1, [CHILD, HIDDEN], carers=leaking))


@pytest.mark.in_full
def test_a_possible_double_of_a_shielded_child_that_stays_open_is_seen(make_night):
    settled = make_night(1, [CHILD, HIDDEN, DOUBLE])  # built as if the possible link were not there
    night = make_night(1, [CHILD, HIDDEN, DOUBLE], apart=APART, **settled.tables)
    assert "shielding" in failed(night)


@pytest.mark.in_full
def test_a_flag_that_is_missing_hides_the_child_and_who_may_be_it(make_night):
    unsaid = {**HIDDEN, "shielded": None}
    open_night = make_night(1, [CHILD, {**HIDDEN, "shielded": False}, DOUBLE], apart=APART)
    night = make_night(1, [CHILD, unsaid, DOUBLE], apart=APART)
    assert failed(night) == [] and night.audit().gates[list(GATES).index("shielding")].figures["children_hidden"] == 2
    assert "shielding" in failed(make_night(1, [CHILD, unsaid, DOUBLE], apart=APART, **open_night.tables))


@pytest.mark.parametrize("kind", ["counselling", "Sensitive_Service", "sensitive_service ", "", None])
def test_a_kind_of_service_that_nobody_knows_is_seen(make_night, kind):
    told = make_night(1, [CHILD]).tables["involvements"]
    at = told.schema.get_field_index("kind")
    kinds = pa.array([kind] * told.num_rows, pa.string())
    assert "sensitive_services" in failed(make_night(1, [CHILD], involvements=told.set_column(at, "kind", kinds)))


@pytest.mark.in_full
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


NUMBERS = [
    "9434765919",
    "known by 9434765919 since",
    "health:1",
    "943 476 5919",
    "Jo, NHS 943-476-5919",
    "９４３ ４７６ ５９１９",
]


@pytest.mark.in_full
@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_of_an_agency_in_any_text_is_seen(make_night, text):
    for table, column in (("addresses", "address"), ("carers", "contact"), ("involvements", "phone")):
        night = make_night(1, [CHILD])
        built = night.tables[table]
        place = built.schema.get_field_index(column)
        told = built.set_column(place, column, pa.array([text] * built.num_rows, pa.string()))
        assert "identifiers_absent" in failed(make_night(1, [CHILD], **{table: told}))


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_of_an_agency_in_a_record_is_shown_nowhere_and_holds_nothing(make_night, text):
    told = {
        "addresses": [{"address": text, "postcode": "AB1 2CD", "status": "current"}],
        "carers": [{"name": "Jo Reed", "relationship": text, "contact": text}],
        "involvements": [{"kind": "service", "service": text, "contact": text, "phone": text}],
        "names": [{"kind": "former", "family_name": text, "given_names": "Anna"}],
    }
    night = make_night(1, [{**CHILD, **told}])
    assert failed(night) == []
    (gate,) = [each for each in night.audit().gates if each.name == "identifiers_absent"]
    assert (gate.figures["values"], gate.figures["values_delivered"]) == (0, 7)
    assert text not in str([table.to_pylist() for table in night.tables.values()])
    assert [row["name"] for row in night.tables["carers"].to_pylist()] == ["Jo Reed"]
    assert ("former", None, "Anna") in [
        (row["kind"], row["family_name"], row["given_names"]) for row in night.tables["names"].to_pylist()
    ]


def test_telephone_numbers_and_numbers_that_nobody_bears_are_shown(make_night):
    carers = [{"name": "Jo", "contact": "07700 900123"}, {"name": "Al", "contact": "+44 943 476 5918"}]
    night = make_night(1, [{**CHILD, "carers": carers}])
    assert failed(night) == []
    assert {row["contact"] for row in night.tables["carers"].to_pylist()} == {"07700 900123", "+44 943 476 5918"}


def test_a_table_that_changed_after_it_was_built_is_seen(make_night):
    night = make_night(1, [CHILD])
    path = night.snapshot["flags"].path
    path.write_bytes(path.read_bytes() + b" ")
    assert "table_hashes" in failed(night)


@pytest.mark.in_full
@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": {"rows_read": 3, "accepted": 1, "rejected": 1}},
        {"counts": {"rows_read": 2, "accepted": 1, "rejected": 1, "rows_in_manifest": 3}},
        {"counts": {"rows_read": 2, "accepted": 1, "rejected": 1, "rows_in_manifest": 4, "lost": 1}},
        {"live_records": 2},
        {"live_records": 0},
    ],
)
def test_counts_that_do_not_add_up_are_seen(make_night, wrong):
    assert failed(make_night(1, [CHILD], brought={"health": wrong})) == ["reconciliation"]


def test_counts_with_every_outcome_and_lost_rows_add_up(make_night):
    counts = {
        "rows_in_manifest": 12,
        "lost": 2,
        "rows_read": 10,
        "accepted": 4,
        "queried": 3,
        "rejected": 2,
        "repeats": 1,
    }
    assert failed(make_night(1, [CHILD], brought={"health": {"counts": counts}})) == []


def test_a_feed_whose_live_records_are_in_no_person_record_is_seen(make_night):
    assert failed(make_night(1, [CHILD], brought={"police": {"live_records": 1, "counts": {}}})) == ["reconciliation"]


@pytest.mark.in_full
def test_a_record_that_is_linked_nowhere_or_elsewhere_is_seen(make_night):
    links = make_night(1, [CHILD, DOUBLE]).tables["record_links"]
    assert failed(make_night(1, [CHILD, DOUBLE], record_links=links.slice(1))) == ["reconciliation"]
    swapped = links.set_column(0, "index_id", links["index_id"].take([1, 0]))
    assert failed(make_night(1, [CHILD, DOUBLE], record_links=swapped)) == ["reconciliation"]


def test_a_child_missing_from_the_snapshot_is_seen(make_night):
    night = make_night(1, [CHILD, DOUBLE])
    assert "one_identity" in failed(make_night(1, [CHILD, DOUBLE], children=night.tables["children"].slice(1)))


@pytest.mark.in_full
def test_a_ledger_that_does_not_lead_from_the_night_before_to_tonight_is_seen(make_night):
    make_night(1, [CHILD, DOUBLE]).publish()
    joined = {"health:1": "education:6"}
    night = make_night(2, [CHILD, DOUBLE, {**CHILD, "record_key": "police:7"}], joined)
    assert {"joined", "left", "merged", "minted"} <= set(night.events["kind"].to_pylist())
    for kind in ("joined", "left", "merged", "minted"):
        told = night.events.filter(pc.not_equal(night.events["kind"], kind))
        night.changes = {"ledger/events": told}
        assert failed(night.make()) == ["ledger"], kind
    for lacking in (night.state.index_ids.slice(1), night.state.index_ids.slice(0, 2)):
        night.changes = {"ledger/events": night.events, "ledger/index_ids": lacking}
        assert "ledger" in failed(night.make())


@pytest.mark.in_full
def test_identities_that_were_changed_after_they_were_published_are_seen(make_night, home):
    first = make_night(1, [CHILD, DOUBLE])
    first.publish()
    night = make_night(2, [CHILD, DOUBLE])
    write_table(first.state.identities.slice(1), first.ledger["identities"])
    assert "table_hashes" in failed(night)


def test_a_redirect_that_leads_nowhere_is_seen(make_night):
    redirects = pa.table({"index_id": ["X"], "redirects_to": ["Y"], "since": pa.array([date(2026, 3, 1)], pa.date32())})
    assert failed(make_night(1, [CHILD], redirects=redirects)) == ["redirects"]


def many(count, first=0, agency="health", **fields):
    return [
        {**CHILD, "nhs_number": None, **fields, "record_key": f"{agency}:{number}"}
        for number in range(first, first + count)
    ]


@pytest.mark.in_full
def test_a_great_loss_of_children_is_stopped_unless_somebody_gives_a_reason(make_night):
    make_night(1, many(120)).publish()
    assert failed(make_night(2, many(109))) == []
    night = make_night(2, many(108))
    assert failed(night) == ["volume"]
    (gate,) = [gate for gate in night.audit(volume="the hospital closed").gates if gate.name == "volume"]
    assert (gate.passed, gate.overridden) == (True, "the hospital closed")
    for useless in ({"volume": " "}, {"merges_and_splits": "agreed"}):
        assert night.failed(**useless) == ["volume"]


def test_an_index_never_empties_however_small_it_is(make_night):
    make_night(1, many(3)).publish()
    assert failed(make_night(2, many(1))) == []
    assert failed(make_night(2, [])) == ["volume"]


def test_children_who_go_and_strangers_who_come_do_not_cancel_out(make_night):
    make_night(1, many(1000)).publish()
    night = make_night(2, many(1000, first=900))
    assert failed(night) == ["index_ids_moved", "keys_moved"]
    (gate,) = [gate for gate in night.audit().gates if gate.name == "index_ids_moved"]
    assert (gate.figures["begun"], gate.figures["ended"]) == (900, 900)


@pytest.mark.in_full
def test_a_small_index_may_change_by_a_few_children(make_night):
    make_night(1, many(15)).publish()
    assert failed(make_night(2, many(15, first=10))) == []
    assert failed(make_night(2, many(15, first=11))) == ["index_ids_moved", "keys_moved"]


def test_a_feed_that_numbers_its_records_anew_is_stopped_though_every_child_keeps_its_id(make_night):
    both = [*many(100), *many(100, agency="education")]
    clusters = {f"health:{number}": f"education:{number}" for number in range(100)}
    make_night(1, both, clusters).publish()
    renumbered = [*many(100, first=500), *many(100, agency="education")]
    moved = {f"health:{number + 500}": f"education:{number}" for number in range(100)}
    assert failed(make_night(2, renumbered, moved)) == ["keys_moved"]


def test_a_feed_that_brought_nothing_before_may_bring_everything(make_night):
    make_night(1, many(100)).publish()
    assert failed(make_night(2, [*many(100), *many(100, agency="education")])) == []


def test_a_feed_that_stopped_holds_nothing(make_night):
    both = [*many(100), *many(100, agency="education")]
    make_night(1, both).publish()
    assert failed(make_night(2, both, brought={"health": {"stale": True, "counts": {}}})) == []


@pytest.mark.in_full
def test_a_feed_whose_empty_delivery_was_let_in_loses_its_keys_and_its_children_are_counted(make_night):
    both = [*many(100), *many(100, agency="education")]
    together = {f"health:{number}": f"education:{number}" for number in range(100)}
    empty = {"health": {"counts": {"rows_read": 0}}}
    make_night(1, both, together).publish()
    assert failed(make_night(2, many(100, agency="education"), brought=empty)) == []
    make_night(1, both).publish()
    assert failed(make_night(2, many(100, agency="education"), brought=empty)) == ["volume", "index_ids_moved"]


def with_shown(children):
    """Nobody is shielded or withheld."""
    for name in ("shielded", "withheld"):
        at = children.schema.get_field_index(name)
        children = children.set_column(at, children.schema.field(at), pa.array([False] * children.num_rows))
    return children


@pytest.mark.in_full
def test_a_child_who_was_hidden_and_is_shown_is_seen(make_night):
    hidden, open_ = many(30, shielded=True), many(30, first=100)
    make_night(1, [*hidden, *open_]).publish()
    unmarked = make_night(2, [*many(30), *open_])  # the latch holds
    assert failed(unmarked) == []
    shown = {"children": with_shown(unmarked.tables["children"])}
    assert "nobody_unshielded" in failed(make_night(2, [*many(30), *open_], **shown))


@pytest.mark.in_full
def test_a_shielded_child_who_is_open_under_another_index_id_counts_as_unshielded(make_night):
    hidden = many(20, shielded=True)
    two = {f"health:{2 * number + 1}": f"health:{2 * number}" for number in range(10)}
    make_night(1, hidden, two).publish()
    apart = [{**row, "shielded": row["record_key"] not in two} for row in hidden]  # those who keep the id stay hidden
    night = make_night(2, apart)
    assert failed(night) == []
    assert "nobody_unshielded" in failed(make_night(2, apart, children=with_shown(night.tables["children"])))


NAMESAKES = [
    {"record_key": f"health:{number}", "family_name": "Namesake", "given_names": "Nora", "nhs_number": nhs}
    for number, nhs in ((1, "9434765919"), (2, "4010232137"))
]


@pytest.mark.in_full
def test_who_is_shielded_in_its_own_right_and_opened_with_a_namesake_counts_as_unshielded(make_night):
    others = many(20, first=100)
    make_night(1, [{**NAMESAKES[0], "shielded": True}, NAMESAKES[1], *others]).publish()
    lifting = (Lifting(7, ("health:2",), date(2026, 3, 2)),)
    night = make_night(2, [*NAMESAKES, *others], lifting=lifting)
    assert failed(night) == []
    shown = {"children": with_shown(night.tables["children"])}
    assert "nobody_unshielded" in failed(make_night(2, [*NAMESAKES, *others], lifting=lifting, **shown))
    lifting = (*lifting, Lifting(8, ("health:1",), date(2026, 3, 2)))
    night = make_night(2, [*NAMESAKES, *others], lifting=lifting)
    assert failed(night) == []
    assert not any(night.tables["children"]["shielded"].to_pylist())


@pytest.mark.in_full
@pytest.mark.parametrize(("known", "passes"), [(None, True), ((), False), (("another child's",), False)])
def test_who_is_opened_by_a_decision_on_a_record_that_is_another_child_s_by_now_counts_as_unshielded(
    make_night, known, passes
):
    child = {**NAMESAKES[0], "shielded": False}
    make_night(1, [{**child, "shielded": True}, *many(20, first=100)]).publish()
    night = make_night(2, [child, *many(20, first=100)], lifting=(Lifting(7, ("health:1",), date(2026, 3, 2)),))
    night.lifting = (Lifting(7, ("health:1",), date(2026, 3, 2), known_by=known),)
    assert ("nobody_unshielded" in failed(night)) != passes


@pytest.mark.in_full
def test_a_namesake_who_has_come_into_the_child_that_two_people_opened_counts_as_unshielded(make_night):
    mine, stray = ({**each, "shielded": True} for each in NAMESAKES)
    others = many(20, first=100)
    make_night(1, [mine, stray, *others]).publish()
    table = person([mine])
    tokens = tokens_of_records(table["records"], table["names"])
    keys = tokens.filter(pc.equal(tokens["kind"].cast(pa.string()), "key"))["token"].to_pylist()
    known = (*tokens["token"].to_pylist(), *(f"key:{each}" for each in keys))
    lifting = (Lifting(7, ("health:1",), date(2026, 3, 2), known_by=known),)
    rows = [*NAMESAKES, *others]
    night = make_night(2, rows, {"health:2": "health:1"}, lifting=lifting)
    assert failed(night) == []
    assert (
        night.tables["children"]
        .filter(pc.or_(night.tables["children"]["shielded"], night.tables["children"]["withheld"]))
        .num_rows
        == 1
    )
    opened = {"children": with_shown(night.tables["children"])}
    assert "nobody_unshielded" in failed(make_night(2, rows, {"health:2": "health:1"}, lifting=lifting, **opened))


@pytest.mark.in_full
def test_another_hidden_child_whose_record_has_come_into_the_one_that_two_people_opened_counts_as_unshielded(
    make_night,
):
    mine, stray = ({**CHILD, "shielded": True}, {**HIDDEN, "names": []})
    others = many(20, first=100)
    make_night(1, [mine, stray, *others]).publish()
    known = tuple(tokens_of_records(person([mine])["records"], person([mine])["names"])["token"].to_pylist())
    lifting = (Lifting(7, (CHILD["record_key"],), date(2026, 3, 2), known_by=known),)
    rows = [{**mine, "shielded": False}, {**stray, "shielded": False}, *others]
    one = {stray["record_key"]: mine["record_key"]}
    night = make_night(2, rows, one, lifting=lifting)
    assert failed(night) == []
    opened = {"children": with_shown(night.tables["children"])}
    night = make_night(2, rows, one, lifting=lifting, **opened)
    (gate,) = [each for each in night.audit().gates if each.name == "nobody_unshielded"]
    assert (gate.passed, gate.figures["opened_with_another"]) == (False, 1)
    assert (gate.figures["shown_in_full"], gate.figures["lifted_by_nobody"]) == (0, 0)


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("told", "of", "passes"), [(3, "health:1", True), (4, "health:1", False), (3, "health:2", False)]
)
def test_a_wish_that_was_told_later_or_is_another_s_and_was_lifted_counts_as_lifted_by_nobody(
    make_night, told, of, passes
):
    rows = [*NAMESAKES, *many(20, first=100)]
    make_night(1, rows).publish()
    night = make_night(2, rows, lifting=(Lifting(7, ("health:1",), date(2026, 3, 2), told=3),))
    wish = {
        "entry_id": "wish", "asked": "shield", "understood": True, "agency": "health", "delivery_id": "d",
        "tokens": key_tokens([of])["token"].to_pylist(), "first_night": date(2026, 3, 1),
        "last_night": date(2026, 3, 1), "told": told, "lifted_by": 7,
    }  # fmt: skip
    night.protected = replace(night.protected, entries=pa.Table.from_pylist([wish], schema=ENTRIES.schema))
    assert ("nobody_unshielded" in failed(night)) != passes


@pytest.mark.in_full
def test_a_column_of_which_most_is_set_aside_is_stopped_until_it_is_usual(make_night):
    aside = {"health": {"set_aside": {"postcode": (39, 40)}}}
    night = make_night(1, many(40), brought=aside)
    assert failed(night) == ["mass_set_aside"]
    night.publish(mass_set_aside="known to the supplier")
    assert failed(make_night(2, many(40), brought=aside)) == []
    assert failed(make_night(2, many(40), brought={"health": {"set_aside": {"uprn": (21, 40)}}})) == ["mass_set_aside"]
    for usual in ({"uprn": (20, 40)}, {"uprn": (10, 10)}):
        assert failed(make_night(2, many(40), brought={"health": {"set_aside": usual}})) == []


@pytest.mark.parametrize(("live_records", "stopped"), [(27_999, ["mass_set_aside"]), (28_000, [])])
def test_a_column_that_hardly_a_record_fills_stops_nobody(make_night, live_records, stopped):
    night = make_night(1, many(40), brought={"health": {"set_aside": {"death_date": (18, 28)}}})
    night.inputs = [replace(feed, live_records=live_records) for feed in night.inputs]
    assert [name for name in failed(night) if name != "reconciliation"] == stopped


@pytest.mark.in_full
def test_what_a_feed_had_set_aside_before_it_fell_silent_is_not_new_while_it_is_silent(make_night):
    stale = {"health": {"set_aside": {"postcode": (39, 40)}, "stale": True, "counts": {}}}
    make_night(1, many(40)).publish()
    assert failed(make_night(2, many(40), brought=stale)) == []


@pytest.mark.in_full
def test_the_shares_that_may_move_are_those_that_are_told(make_night):
    """Five in a hundred index ids, twenty in a hundred keys, one in a hundred children merged: so many, and not one more."""
    make_night(1, many(6000)).publish()
    for gone, stopped in ((300, []), (301, ["index_ids_moved"])):
        assert failed(make_night(2, many(6000)[gone:])) == stopped
    for merged, stopped in ((59, []), (60, ["merges_and_splits"])):
        pairs = {f"health:{2 * number + 1}": f"health:{2 * number}" for number in range(merged)}
        assert failed(make_night(2, many(6000), {one: min(pair) for pair in pairs.items() for one in pair})) == stopped
    for renewed, stopped in ((600, False), (601, True)):  # each is one key that vanishes and one that appears
        assert ("keys_moved" in failed(make_night(2, many(6000 + renewed)[renewed:]))) is stopped


@pytest.mark.in_full
def test_a_flood_of_merges_is_stopped(make_night):
    make_night(1, many(1200)).publish()
    pairs = {f"health:{2 * number + 1}": f"health:{2 * number}" for number in range(51)}
    both = {one: min(pair) for pair in pairs.items() for one in pair}
    assert failed(make_night(2, many(1200), both)) == ["merges_and_splits"]


def test_a_gate_that_cannot_be_computed_has_failed(make_night):
    night = make_night(1, [CHILD])
    night.apart = pa.table({"nothing": ["here"]})
    assert failed(night) == ["shielding", "nobody_unshielded"]


def test_a_table_that_is_no_table_fails_every_gate_and_is_in_no_audit(make_night):
    night = make_night(1, [CHILD])
    night.snapshot["flags"].path.write_bytes(b"nonsense")
    assert failed(night) == list(GATES)
    assert "flags" not in night.audit().tables
