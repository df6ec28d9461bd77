"""Person records: hand-made live tables of the four feeds, and what they become."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from pipelines.contracts import contract_for
from pipelines.contracts.contract import Column
from pipelines.contracts.person_record import PERSON_RECORD
from pipelines.errors import IsindexError
from pipelines.records.person_records import build_person_records

NIGHT = date(2026, 11, 20)
AGENCIES = ("health", "education", "police", "social_care")


def arrow_type(column: Column) -> pa.DataType:
    if column.logical == "object":
        return pa.struct([(each.name, arrow_type(each)) for each in column.items])
    if column.logical == "array":
        return pa.list_(
            pa.struct([(each.name, arrow_type(each)) for each in column.items]) if column.items else pa.string()
        )
    return {"date": pa.date32(), "flag": pa.bool_()}.get(column.logical, pa.string())


def live(agency: str, *rows: dict) -> pa.Table:
    """Live records as validation leaves them; `key` is made of the key columns unless given."""
    contract = contract_for(agency)
    fields = [
        ("position", pa.int64()),
        ("line", pa.int64()),
        ("key", pa.string()),
        ("outcome", pa.string()),
        ("unverified", pa.list_(pa.string())),
        *[(column.name, arrow_type(column)) for column in contract.columns],
        ("delivery_id", pa.string()),
        ("as_of", pa.date32()),
        ("content", pa.int64()),
    ]
    common = {"outcome": "accepted", "unverified": [], "delivery_id": f"d-{agency}", "as_of": NIGHT, "content": 7}
    full = [
        {
            **common,
            "position": number,
            "line": number + 1,
            "key": "/".join(str(row.get(name)) for name in contract.key_columns),
            **row,
        }
        for number, row in enumerate(rows, 1)
    ]
    return pa.Table.from_pylist(full, schema=pa.schema(fields))


def build(**feeds: pa.Table):
    return build_person_records(feeds, {agency: contract_for(agency) for agency in AGENCIES}, "330", NIGHT)


def only(table: pa.Table) -> dict:
    assert table.num_rows == 1
    return table.to_pylist()[0]


HEALTH = {
    "local_patient_id": "P1",
    "nhs_number": "9990000018",
    "family_name": "Okafor",
    "given_name": "Ada",
    "other_given_names": "Grace  Ife",
    "former_family_name": "Bello; Mensah",
    "gender": "2",
    "birth_date": date(2015, 3, 2),
    "address_line_1": "1 High Street",
    "address_line_3": "Anytown",
    "postcode": "AA1 1AA",
    "address_from": date(2020, 1, 1),
    "gp_practice_code": "A81001",
    "gp_from": date(2016, 1, 1),
    "previous_nhs_number": "9990000026",
    "confidentiality": "S",
    "carer_name": "Nneka Okafor",
    "carer_relationship": "mother",
}


def test_a_health_record_in_comparable_form():
    people = build(health=live("health", HEALTH))
    assert people.records.column_names == [column.name for column in PERSON_RECORD]
    record = only(people.records)
    expected = {
        "record_key": "health:P1",
        "agency": "health",
        "key": "P1",
        "given_names": "Ada Grace Ife",
        "family_name": "Okafor",
        "former_family_name": "Bello",
        "birth_date": date(2015, 3, 2),
        "sex": "F",
        "postcode": "AA1 1AA",
        "address": "1 High Street, Anytown",
        "address_status": None,
        "address_from": date(2020, 1, 1),
        "nhs_number": "9990000018",
        "nhs_number_unverified": None,
        "previous_nhs_number": "9990000026",
        "gp_practice": "A81001",
        "carer_name": "Nneka Okafor",
        "shielded": True,
        "linkable": True,
        "as_of": NIGHT,
        "delivery_id": "d-health",
        "position": 1,
        "content": 7,
    }
    assert {name: record[name] for name in expected} == expected
    assert [(name["kind"], name["family_name"], name["given_names"]) for name in people.names.to_pylist()] == [
        ("current", "Okafor", "Ada Grace Ife"),
        ("former", "Bello", "Ada Grace Ife"),
        ("former", "Mensah", "Ada Grace Ife"),
    ]
    assert only(people.involvements) == {
        "record_key": "health:P1",
        "agency": "health",
        "kind": "gp_practice",
        "service": "GP practice A81001",
        "contact": None,
        "phone": None,
        "start_date": date(2016, 1, 1),
        "end_date": None,
    }
    assert only(people.carers)["relationship"] == "mother"


def test_a_default_practice_code_means_no_practice():
    people = build(health=live("health", {**HEALTH, "gp_practice_code": "V81999"}))
    assert only(people.records)["gp_practice"] is None
    assert people.involvements.num_rows == 0


@pytest.mark.parametrize("code", ["0", "9", None])
def test_a_sex_that_is_not_specified_is_empty(code):
    assert only(build(health=live("health", {**HEALTH, "gender": code})).records)["sex"] is None


def test_a_pseudo_postcode_is_a_status_and_never_a_place():
    people = build(health=live("health", {**HEALTH, "postcode": "ZZ99 3VZ", "address_line_1": "No fixed abode"}))
    record = only(people.records)
    assert (record["postcode"], record["address"], record["address_status"]) == (None, None, "none_known")
    assert only(people.addresses)["status"] == "none_known"
    assert only(people.addresses)["address"] is None


def test_an_unverified_number_stands_apart_and_a_superseded_one_is_dropped():
    row = {**HEALTH, "unverified": ["nhs_number", "previous_nhs_number"]}
    record = only(build(health=live("health", row)).records)
    assert (record["nhs_number"], record["nhs_number_unverified"]) == (None, "9990000018")
    assert record["previous_nhs_number"] is None


PUPIL = {
    "UPN": "B801200005001",
    "URN": "100000",
    "Surname": "Smith-Jones",
    "Forename": "Zoë",
    "MiddleNames": "Ann",
    "PreferredSurname": "Smith",
    "FormerSurname": "smith-jones",
    "DOB": date(2012, 9, 1),
    "Sex": "U",
    "UPRN": "100012345678",
    "EntryDate": date(2023, 9, 4),
    "LeavingDate": date(2025, 7, 22),
}


def test_a_pupil_has_a_school_and_the_name_used_there():
    people = build(education=live("education", PUPIL))
    record = only(people.records)
    assert (record["record_key"], record["upn"], record["school"], record["uprn"], record["sex"]) == (
        "education:B801200005001/100000",
        "B801200005001",
        "100000",
        "100012345678",
        None,
    )
    assert record["former_family_name"] is None, "a former name that only repeats the present one is none"
    assert [(name["kind"], name["family_name"]) for name in people.names.to_pylist()] == [
        ("current", "Smith-Jones"),
        ("alias", "Smith"),
    ]
    involvement = only(people.involvements)
    assert (involvement["kind"], involvement["service"], involvement["end_date"]) == (
        "school",
        "School URN 100000",
        date(2025, 7, 22),
    )


def test_a_preferred_surname_that_is_the_surname_is_no_alias():
    people = build(education=live("education", {**PUPIL, "PreferredSurname": "SMITH-JONES"}))
    assert [name["kind"] for name in people.names.to_pylist()] == ["current"]


def test_a_police_contact_without_name_and_birth_date_is_not_linkable():
    contact = {
        "contact_ref": "C9",
        "age_estimate": "14",
        "sex": "X",
        "location": "Bus station, Anytown",
        "postcode": "AA1 1AB",
        "unit": "East unit",
        "contact_name": "PC Example",
        "contact_phone": "000 000",
        "contact_date": date(2026, 11, 1),
    }
    people = build(police=live("police", contact, {**contact, "contact_ref": "C8", "surname": "Doe"}))
    named, nameless = people.records.to_pylist()
    assert (named["record_key"], named["linkable"]) == ("police:C8", True)
    assert (nameless["linkable"], nameless["age_estimate"], nameless["sex"]) == (False, 14, None)
    assert nameless["address"] == "Bus station, Anytown"
    assert nameless["as_of"] == date(2026, 11, 1), "a contact is as true as the day on which it was made"
    assert people.names.num_rows == 1
    assert people.involvements.to_pylist()[1] == {
        "record_key": "police:C9",
        "agency": "police",
        "kind": "service",
        "service": "Police: East unit",
        "contact": "PC Example",
        "phone": "000 000",
        "start_date": date(2026, 11, 1),
        "end_date": None,
    }


CHILD = {
    "la_child_id": "S1",
    "upn": "B801200005001",
    "names": [
        {"family": "Old", "given": "Sam", "type": "former", "to": date(2019, 1, 1)},
        {"family": "Older", "given": "Sam", "type": "former", "to": date(2017, 1, 1)},
        {"family": "First", "given": "Sam", "type": "current", "from": date(2019, 1, 1)},
        {"family": "Second", "given": "Samira", "type": "current", "from": date(2022, 1, 1)},
        {"family": "Known", "given": "Sammy", "type": "alias"},
    ],
    "date_of_birth": date(2014, 5, 6),
    "sex": "M",
    "address": {"lines": ["Flat 2", " ", "3 Low Road"], "postcode": "AA2 2BB", "uprn": "42", "status": "last_known"},
    "carers": [{"name": "A", "relationship": "father", "contact": "000"}, {"name": "B"}],
    "involvements": [
        {"team": "Early help", "worker": "W", "contact": "111", "start": date(2025, 1, 1), "sensitive": False},
        {
            "team": "Secret clinic",
            "worker": "X",
            "contact": "222",
            "start": date(2026, 1, 1),
            "sensitive": True,
            "consent_basis": "explicit_consent",
        },
    ],
    "lead_professional": True,
    "caf_exists": False,
}


def test_of_several_present_names_the_latest_is_the_record_s_and_all_are_kept():
    people = build(social_care=live("social_care", CHILD))
    record = only(people.records)
    assert (record["family_name"], record["given_names"], record["former_family_name"]) == ("Second", "Samira", "Old")
    assert [(name["kind"], name["family_name"]) for name in people.names.to_pylist()] == [
        ("current", "First"),
        ("current", "Second"),
        ("former", "Old"),
        ("former", "Older"),
        ("alias", "Known"),
    ]


def test_a_name_of_unknown_kind_never_goes_before_a_present_one():
    names = [{"family": "Unknown", "given": "U"}, {"family": "Present", "given": "P", "type": "current"}]
    people = build(social_care=live("social_care", {**CHILD, "names": names}))
    assert only(people.records)["family_name"] == "Present"
    assert [name["kind"] for name in people.names.to_pylist()] == ["current", "alias"]


def test_an_address_object_and_all_carers_are_taken_over():
    people = build(social_care=live("social_care", CHILD))
    assert only(people.addresses) == {
        "record_key": "social_care:S1",
        "agency": "social_care",
        "address": "Flat 2, 3 Low Road",
        "postcode": "AA2 2BB",
        "uprn": "42",
        "status": "last_known",
        "from_date": None,
    }
    assert [carer["name"] for carer in people.carers.to_pylist()] == ["A", "B"]
    assert only(people.records)["carer_name"] == "A"
    assert people.flags.to_pylist() == [
        {"record_key": "social_care:S1", "agency": "social_care", "flag": "lead_professional"}
    ]


def test_of_a_sensitive_service_only_that_there_is_one():
    people = build(social_care=live("social_care", CHILD))
    open_one, sensitive = people.involvements.to_pylist()
    assert (open_one["kind"], open_one["service"], open_one["contact"], open_one["phone"]) == (
        "service",
        "Early help",
        "W",
        "111",
    )
    assert (sensitive["kind"], sensitive["service"], sensitive["contact"], sensitive["phone"]) == (
        "sensitive_service",
        None,
        None,
        None,
    )
    assert not any("clinic" in str(table.to_pylist()) for table in vars(people).values())


@pytest.mark.parametrize(("basis", "kinds"), [("explicit_consent", ["sensitive_service"]), (None, [])])
def test_a_service_that_is_not_marked_is_sensitive(basis, kinds):
    row = {**CHILD, "involvements": [{"team": "Secret clinic", "sensitive": None, "consent_basis": basis}]}
    people = build(social_care=live("social_care", row))
    assert people.involvements["kind"].to_pylist() == kinds
    assert people.involvements["service"].drop_null().to_pylist() == []


def test_a_sensitive_service_without_consent_basis_goes_no_further_even_if_it_came_this_far():
    row = {**CHILD, "involvements": [{"team": "Secret clinic", "sensitive": True}]}
    assert build(social_care=live("social_care", row)).involvements.num_rows == 0


def test_an_unborn_child_is_known_by_the_expected_date():
    row = {**CHILD, "date_of_birth": None, "expected_date_of_birth": date(2027, 2, 1)}
    record = only(build(social_care=live("social_care", row)).records)
    assert (record["birth_date"], record["expected_birth_date"], record["linkable"]) == (None, date(2027, 2, 1), True)


@pytest.mark.parametrize(
    ("shield", "shielded"),
    [
        (None, False),
        ({"requested": True, "by": "M", "reason_code": "other"}, True),
        ({"requested": True}, True),
        ({"requested": False, "by": "M"}, False),
        ({"requested": None, "by": "M"}, True),
        ({"requested": None, "by": None, "reason_code": None}, False),
    ],
)
def test_a_shield_holds_unless_it_is_plainly_not_requested(shield, shielded):
    assert only(build(social_care=live("social_care", {**CHILD, "shield": shield})).records)["shielded"] is shielded


def test_a_withdrawn_child_is_in_no_table():
    people = build(social_care=live("social_care", {**CHILD, "withdrawn": True}))
    assert {table.num_rows for table in vars(people).values()} == {0}


def test_all_feeds_together_are_ordered_by_key_and_the_same_whatever_the_order_they_come_in():
    feeds = {
        "health": live("health", HEALTH, {**HEALTH, "local_patient_id": "P0"}),
        "education": live("education", PUPIL),
        "police": live("police", {"contact_ref": "C1", "contact_date": NIGHT}),
        "social_care": live("social_care", CHILD),
    }
    people = build(**feeds)
    turned = build(
        **{agency: feeds[agency].take(list(range(feeds[agency].num_rows))[::-1]) for agency in reversed(feeds)}
    )
    keys = people.records["record_key"].to_pylist()
    assert keys == sorted(keys)
    assert len(keys) == 5
    for name, table in vars(people).items():
        assert table.equals(getattr(turned, name)), name


def test_no_live_records_give_empty_tables_with_their_columns():
    people = build()
    assert people.records.column_names == [column.name for column in PERSON_RECORD]
    assert people.involvements.num_rows == 0


def test_live_records_without_a_contract_are_refused():
    with pytest.raises(IsindexError) as fault:
        build_person_records({"health": live("health", HEALTH)}, {}, "330", NIGHT)
    assert fault.value.code == "CONTRACT_MISSING"
