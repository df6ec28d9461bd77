"""Households in the snapshot, and the gate that proves them: it finds each leak, and never asks for more than is withheld."""

import re

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.protection import household as rules
from pipelines.protection.tokens import key_tokens
from pipelines.publishing import snapshot
from pipelines.publishing.gates import household as gate

PHONE = "01632 960100"
HOME = {"address": "14 Sidwick Lane, Birmingham", "postcode": "B11 1AB", "uprn": "100023336956", "status": "current"}
FAR = {"address": "1 Far Road", "postcode": "B20 1AB", "uprn": "100023330000", "status": "current"}
MAUD = {"name": "Maud Reed", "relationship": "mother", "contact": PHONE}
ANNA = {
    "record_key": "health:anna", "family_name": "Reed", "given_names": "Anna", "addresses": [HOME], "carers": [MAUD],
    "shielded": True,
}  # fmt: skip
BEN = {**ANNA, "record_key": "education:ben", "given_names": "Ben", "shielded": False, "address_status": "current"}
CAT = {"record_key": "police:cat", "family_name": "Green", "given_names": "Cat", "addresses": [FAR]}
NOBODY = {"record_key": "police:x", "addresses": [HOME], "sex": "M"}


def of(night, record_key):
    """The rows of the identity of a record, by table."""
    ids = {row["record_key"]: row["index_id"] for row in night.state.identities.to_pylist()}
    return {
        name: [row for row in table.to_pylist() if row["index_id"] == ids[record_key]]
        for name, table in night.tables.items()
    }


def verdict(night):
    (found,) = [each for each in night.audit().gates if each.name == "household"]
    return {name for name, number in found.figures.items() if number and name != "places_hidden"}


def test_a_brother_is_shown_without_the_home_its_status_and_the_mothers_telephone(make_night):
    night = make_night(1, [ANNA, BEN, CAT])
    shown = of(night, "education:ben")
    assert night.failed() == [] and shown["addresses"] == []
    assert shown["children"][0]["address_status"] is None and shown["children"][0]["withheld"] is False
    assert [(row["name"], row["contact"]) for row in shown["carers"]] == [("Maud Reed", None)]
    assert of(night, "health:anna")["carers"][0]["name"] == "Maud Reed"
    assert len(of(night, "police:cat")["addresses"]) == 1


@pytest.mark.in_full
def test_a_brother_shows_no_address_anywhere_and_so_the_mothers_name_leads_nowhere(make_night):
    night = make_night(1, [ANNA, {**BEN, "addresses": [FAR, HOME]}])
    assert night.failed() == [] and [row["name"] for row in of(night, "health:anna")["carers"]] == ["Maud Reed"]
    assert of(night, "education:ben")["addresses"] == []


@pytest.mark.in_full
def test_a_brother_of_whom_a_feed_knows_no_address_keeps_that_and_holds_no_night(make_night):
    night = make_night(1, [ANNA, {**BEN, "addresses": [HOME, {"status": "none_known"}]}])
    assert night.failed() == []
    assert [(row["address"], row["status"]) for row in of(night, "education:ben")["addresses"]] == [
        (None, "none_known")
    ]


@pytest.mark.in_full
def test_a_friend_who_is_shown_with_an_address_costs_the_hidden_child_the_mothers_name(make_night):
    night = make_night(1, [ANNA, {**CAT, "carers": [{**MAUD, "contact": None}]}])
    assert night.failed() == [] and of(night, "health:anna")["carers"] == []
    assert [row["address"] for row in of(night, "police:cat")["addresses"]] == ["1 Far Road"]


@pytest.mark.in_full
def test_who_has_no_name_at_a_hidden_place_is_in_no_table_keeps_the_index_id_and_comes_back(make_night):
    make_night(1, [{**ANNA, "shielded": False}, CAT, NOBODY]).publish()
    night = make_night(2, [ANNA, CAT, NOBODY])
    assert night.failed() == []
    assert {name for name, rows in of(night, "police:x").items() if rows} == set()
    assert night.state.index_ids["state"].to_pylist() == ["live"] * 3
    (counted,) = [each for each in night.audit().gates if each.name == "reconciliation"]
    assert counted.figures["records_nameless"] == 1
    night.publish()
    again = make_night(3, [ANNA, CAT, {**NOBODY, "addresses": [FAR]}])
    assert again.failed() == [] and len(of(again, "police:x")["children"]) == 1
    named = make_night(3, [ANNA, CAT, {**NOBODY, "family_name": "Green", "given_names": "Dan"}])
    assert named.failed() == [] and of(named, "police:x")["addresses"] == []


def test_a_child_with_a_name_that_is_missing_is_not_excused(make_night):
    night = make_night(1, [ANNA, CAT, BEN])
    lost = night.tables["children"].filter(pa.compute.not_equal(night.tables["children"]["given_names"], "Ben"))
    assert make_night(1, [ANNA, CAT, BEN], children=lost).failed() == ["one_identity"]


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({"addresses": [{**HOME, "uprn": None}]}, "addresses_shown"),
        ({"addresses": [{"address": "The Old Barn", "uprn": "0100023336956"}]}, "addresses_shown"),
        ({"addresses": [{"address": "14, sidwick ln"}]}, "addresses_shown"),
        ({"addresses": [{"address": f"Far Road, tel. {PHONE}", "postcode": "B20 1AB"}]}, "texts_telling"),
        ({"carers": [{"name": "Mother, 14 Sidwick Lane"}]}, "texts_telling"),
        ({"carers": [{"name": "M", "relationship": "mother at B11 1AB"}]}, "texts_telling"),
        ({"carers": [{"name": "M", "contact": "+44 1632 960 100"}]}, "texts_telling"),
        ({"names": [{"kind": "alias", "family_name": "uprn 100023336956"}]}, "texts_telling"),
        ({"involvements": [{"kind": "service", "service": "Visits", "phone": "01632960100"}]}, "texts_telling"),
        ({"addresses": [{"address": "014 Sidwick Lane", "postcode": "B11 1AB"}]}, "addresses_shown"),
        ({"addresses": [{"address": "No.14 Sidwi\u0441k L\u0430ne"}]}, "addresses_shown"),
        ({"addresses": [{"address": "１４Sid-wick L\u200bane"}]}, "addresses_shown"),
        ({"addresses": [{"address": "14 Sidwick Lane", "postcode": "C11 1AB"}]}, "addresses_shown"),
        ({"addresses": [{"address": "House 14 near the mill, B 1 1 1 A B"}]}, "addresses_shown"),
        ({"involvements": [{"kind": "service", "service": "12-14 Sid\u00adwick Ln"}]}, "texts_telling"),
        ({"involvements": [{"kind": "service", "service": "atB111AB, B１１ 1AB"}]}, "texts_telling"),
        ({"involvements": [{"kind": "service", "service": "٠١٦٣٢/٩٦٠١٠٠"}]}, "texts_telling"),
        ({"involvements": [{"kind": "service", "service": "mailto:MAUD@HOME.EXAMPLE."}]}, "texts_telling"),
        ({"carers": [{"name": "Mum R\u0435ed, Maud"}], "addresses": [FAR]}, "carers_with_address"),
        ({"carers": [MAUD], "addresses": [FAR]}, "carers_with_address"),
        ({"carers": [{"name": "Maud Anne Reed (foster carer)"}], "addresses": [FAR]}, "carers_named_with_address"),
        ({"carers": [{"name": "John and Maud Reed-Jones"}], "addresses": [FAR]}, "carers_named_with_address"),
        ({"given_names": "Maud", "family_name": "Reed", "addresses": [FAR]}, "carers_named_with_address"),
        (
            {"names": [{"kind": "former", "given_names": "Maud", "family_name": "Reed"}], "addresses": [FAR]},
            "carers_named_with_address",
        ),
        ({"carers": [{"name": "Anna Louise Reed", "relationship": "mother"}]}, "children_named"),
        ({"carers": [{"name": "Jo Bloggs", "relationship": "also mother of Reed, \u0410nna"}]}, "children_named"),
        ({"involvements": [{"kind": "service", "service": "Sibling contact with Anna Reed"}]}, "children_named"),
        ({"addresses": [{"address": "c/o Maud Reed, 1 Far Road"}]}, "carers_named_with_address"),
        ({"addresses": [{"address": "with Anna Reed, 1 Far Road"}]}, "children_named"),
        ({"given_names": "Baby of Maud Reed"}, "carers_named_with_address"),
        ({"given_names": "Zelda & Anna", "family_name": "Reed"}, "children_named"),
        ({"carers": [{"name": "Tom Reed", "relationship": "father of Anna"}]}, "children_named"),
        ({"involvements": [{"kind": "service", "service": "Contact Anna", "contact": "for Reed"}]}, "children_named"),
        ({"family_name": None, "given_names": None, "addresses": [HOME]}, "nameless_shown"),
    ],
)
def test_each_leak_is_withheld_and_the_gate_finds_it_where_it_is_not(make_night, change, figure, monkeypatch):
    leaking = {**CAT, **change}
    anna = {**ANNA, "carers": [{**MAUD, "contact": "Tel:01632/960100 (mum), maud@home.example"}]}
    night = make_night(1, [anna, leaking])
    assert night.failed() == []
    monkeypatch.setattr(snapshot, "find_household", nothing_found)
    assert figure in verdict(make_night(1, [anna, leaking]))


NEAR = re.compile(r"    UNION  -- with another house number, of one carer or telephone.*?;", re.DOTALL)


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("carer", "phone"),
    [
        ({"name": "Reed, Mrs Maud"}, None),
        ({"name": "Neighbour", "contact": "+44 (0)1632 960100"}, None),
        ({"name": "Neighbour", "contact": "mum: 07700 900900 01632 960100"}, None),
        ({"name": "Neighbour", "contact": "Maud@home.example"}, None),
        ({"name": "Neighbour"}, PHONE),
    ],
)
def test_a_sister_whose_house_number_has_a_digit_too_many_is_a_leak_wherever_she_is_shown(
    make_night, monkeypatch, carer, phone
):
    anna = {**ANNA, "carers": [{**MAUD, "contact": f"{PHONE}, maud@home.example"}]}
    mistyped = {"address": "114 Sidwick Lane, Birmingham", "postcode": "b11 1ab", "status": "current"}
    sister = {**CAT, "carers": [{"relationship": "mother", **carer}], "phone": phone, "addresses": [mistyped, FAR]}
    neighbour = {**CAT, "record_key": "police:dan", "given_names": "Dan", "addresses": [mistyped]}
    night = make_night(1, [anna, sister, neighbour])
    assert night.failed() == [] and of(night, "police:cat")["addresses"] == []
    assert len(of(night, "police:dan")["addresses"]) == 1
    assert len(NEAR.findall(rules._ADDRESSES)) == 1
    monkeypatch.setattr(rules, "_ADDRESSES", NEAR.sub(";", rules._ADDRESSES))
    night = make_night(1, [anna, sister, neighbour])
    assert len(of(night, "police:cat")["addresses"]) == 2
    assert night.failed() == ["household"] and "addresses_shown" in verdict(night)


def test_a_child_without_a_name_at_a_hidden_place_is_a_leak_without_its_address_too(make_night, monkeypatch):
    def all_but_the_nameless(*given):
        found = rules.find_household(*given)
        return rules.Household(found.addresses, found.texts, found.carers, found.nameless.slice(0, 0))

    monkeypatch.setattr(snapshot, "find_household", all_but_the_nameless)
    night = make_night(1, [ANNA, CAT, NOBODY])
    assert verdict(night) == {"nameless_shown"} and night.failed() == ["household"]


@pytest.mark.in_full
def test_who_is_not_published_does_not_begin_anew_every_night(make_night):
    many = [{**NOBODY, "record_key": f"police:{n}"} for n in range(25)]
    make_night(1, [ANNA, CAT, *many]).publish()
    night = make_night(2, [ANNA, CAT, *many])
    assert night.failed() == [] and night.tables["children"].num_rows == 2


def nothing_found(*_):
    found = rules.find_household(*_)
    return rules.Household(**{name: table.slice(0, 0) for name, table in vars(found).items()})


def test_the_gate_counts_a_communal_place_as_the_rules_do():
    assert f"> {rules.COMMUNAL_CHILDREN} " in gate._CROWD and gate._CROWD.endswith(f"> {rules.COMMUNAL_FAMILIES}")


@pytest.mark.in_full
def test_the_family_of_a_hidden_child_is_looked_for_at_a_communal_place_too(make_night, monkeypatch):
    strangers = [
        {**CAT, "record_key": f"police:{n}", "family_name": f"N{chr(97 + n)}", "addresses": [HOME]} for n in range(12)
    ]
    night = make_night(1, [ANNA, BEN, *strangers])
    assert night.failed() == [] and night.tables["addresses"].num_rows == 12
    monkeypatch.setattr(snapshot, "find_household", nothing_found)
    assert "addresses_shown" in verdict(make_night(1, [ANNA, BEN, *strangers]))


@pytest.mark.in_full
def test_the_family_of_a_child_who_lived_at_a_communal_place_is_looked_for_there_too(make_night, monkeypatch):
    strangers = [
        {**CAT, "record_key": f"police:{n}", "family_name": f"N{chr(97 + n)}", "addresses": [HOME]} for n in range(12)
    ]
    moved = {**ANNA, "addresses": [{"address": "2 Refuge Road", "postcode": "B20 1AB"}]}
    rows = [moved, {**BEN, "family_name": ANNA["family_name"]}, *strangers]
    asking = pa.Table.from_pylist([{"address": HOME["address"], "postcode": HOME["postcode"],
        "known_by": key_tokens([ANNA["record_key"]])["token"][0].as_py()}], schema=rules.FURTHER_PLACES)  # fmt: skip
    night = make_night(1, rows, further=asking)
    assert night.failed() == [] and night.tables["addresses"].num_rows == 12
    monkeypatch.setattr(snapshot, "find_household", nothing_found)
    assert "addresses_shown" in verdict(make_night(1, rows, further=asking))


# Little towns of few streets, written in many ways, so that nearly everything meets.
STREETS = [
    "Sidwick Lane",
    "Sidwick Ln",
    "St Mary's Road",
    "Saint Marys Rd.",
    "Broadway",
    "Old Hall",
    "Mill Lane, Birmingham",
    "Sid-wick L\u0430ne",
    "The Sidwick",
    "to 3 Sidwick Lane",
]
LINES = st.one_of(
    st.none(),
    st.builds("{}{} {}".format, st.sampled_from(["", "Flat 3, ", "3/", "Room 2 ", "0", "No.", "1-"]), st.integers(1, 3), st.sampled_from(STREETS)),
    st.builds("{}{}".format, st.integers(1, 3), st.sampled_from(["a Sidwick Lane", ", Broadway", " B11 1AB"])),
    st.sampled_from(["Rose Cottage", "The Hostel, 1 Sidwick Lane", "1", "01632 960100", "nfa", ""]),
)  # fmt: skip
ADDRESS = st.fixed_dictionaries({
    "address": LINES,
    "postcode": st.sampled_from([None, "B11 1AB", "b111ab", "B11 1AD", "C11 1AB", "B30 2ZZ", "?"]),
    "uprn": st.sampled_from([None, "100023336956", "0100023336956", "7", "0"]),
})  # fmt: skip
WORDS = st.sampled_from([
    None, "", "Reed", "Maud Reed", "REED, Mrs Maud", "Mr", "X", "Reed 1 Sidwick Lane", "Sidwick Lane", "B11 1AB", PHONE, "14",
    "Mum Reed, Maud", "flat 2 1 Sid wick", "visits 1-3 Sidwick", "atB111AB", "M@home.example.", "01632/960100 - 5", "٠١٦٣٢ 960100", "Aunt", "aunt.",
    "+44 1632 960100", "01632 960100 07700 900900", "Tel 07700-900900", "m@home.example", "100023336956", "Олена",
])  # fmt: skip
RECORD = st.fixed_dictionaries({
    "family_name": WORDS, "given_names": WORDS, "shielded": st.sampled_from([True, False, False, False]),
    "addresses": st.lists(ADDRESS, max_size=2), "phone": WORDS,
    "carers": st.lists(st.fixed_dictionaries({"name": WORDS, "contact": WORDS}), max_size=2),
    "involvements": st.lists(st.fixed_dictionaries({"service": WORDS, "phone": WORDS, "kind": st.just("service")}), max_size=1),
})  # fmt: skip


@pytest.mark.in_full
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, min_size=2, max_size=24), st.integers(1, 3))
def test_whatever_the_town_the_gate_never_asks_for_more_than_is_withheld(make_night, town, times):
    rows = [
        {**row, "record_key": f"{agency}:{n}"}
        for n, row in enumerate(town * times)
        for agency in (("health", "education") if n % 5 == 0 else ("health",))
    ]
    together = {f"education:{n}": f"health:{n}" for n in range(0, len(town) * times, 5)}
    assert make_night(1, rows, together).failed() == []
