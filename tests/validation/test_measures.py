"""The measures of a night: the same names every night, and the right shares."""

from __future__ import annotations

import pytest

from pipelines.validation.measures import measure
from tests.validation.records import BASE, contract, judged, record


@pytest.mark.parametrize("agency", BASE)
def test_the_names_are_the_same_on_every_night(agency: str) -> None:
    result = judged(agency, record(agency))
    full = measure(result.accepted, contract(agency), result.counts)
    empty = judged(agency)
    assert full.keys() == measure(None, contract(agency), None).keys()
    assert full.keys() == measure(empty.accepted, contract(agency), empty.counts).keys()


def test_shares_are_of_the_records() -> None:
    rows = [
        record("health", {"local_patient_id": "1", "gender": "1", "nhs_number": None}),
        record("health", {"local_patient_id": "2", "gender": "2", "nhs_number": "9990000018", "confidentiality": "S"}),
        record("health", {"local_patient_id": "3", "gender": None, "birth_date": "2015-02-03", "postcode": "ZZ99 3VZ"}),
        record("health", {"local_patient_id": "4", "birth_date": "2015-02-30"}),
    ]
    result = judged("health", *rows)
    measures = measure(result.accepted, contract("health"), result.counts)
    third = round(1 / 3, 6)
    expected = {
        "rows": 3,
        "rows_read": 4,
        "reject_rate": 0.25,
        "query_rate": 0.25,
        "missing:nhs_number": third,
        "missing:verified:nhs_number": round(2 / 3, 6),
        "missing:gender": third,
        "share:gender=1": 0.5,
        "share:gender=9": 0,
        "first_of_january_share": round(2 / 3, 6),
        "placed_share": round(2 / 3, 6),
        "shielded_share": third,
    }
    assert {name: measures[name] for name in expected} == expected


def test_an_empty_list_is_missing() -> None:
    result = judged("social_care", record("social_care", {"carers": []}))
    assert measure(result.accepted, contract("social_care"), result.counts)["missing:carers"] == 1


def test_whether_reference_lists_were_there_is_said(setting, tmp_path) -> None:
    (tmp_path / "schools.csv").write_text("urn,status\n100000,open\n")
    setting("ISINDEX_REFERENCE", tmp_path)
    measures = measure(None, contract("education"), None)
    assert (measures["checked_against_schools"], measures["checked_against_practices"]) == (1, 0)


def test_a_listed_school_is_asked_for_when_there_is_a_list(setting, tmp_path) -> None:
    (tmp_path / "schools.csv").write_text("urn,status\n100001,open\n")
    assert judged("education", record("education")).counts["rejected"] == 0
    setting("ISINDEX_REFERENCE", tmp_path)
    assert judged("education", record("education")).rules["EDUCATION-SCHOOL-002"] == 1
