"""Which texts tell a number that an agency issued to a child, and which only look as if they did."""

import pyarrow as pa
import pytest

from pipelines.protection.numbers_told import find_numbers_told
from pipelines.seams.person import PERSON_TABLES

BORNE, UNBORNE, SUM_WRONG = "9434765919", "4047290009", "4047290008"
UPN = "N300200000001"


def told(text, place="contact", **record):
    """What is found of one carer's contact, or of another text, beside records that bear numbers."""
    keys = {"record_key": "health:H1", "agency": "health"}
    rows = {name: [] for name in PERSON_TABLES}
    rows["records"] = [
        {**keys, "nhs_number": BORNE, **record},
        {"record_key": "education:E2", "agency": "education", "upn_unverified": UPN},
    ]
    table = {"relationship": "carers", "contact": "carers", "name": "carers", "service": "involvements"}
    table |= {"phone": "involvements", "address": "addresses", "family_name": "names"}
    rows[table[place]] = [{**keys, place: text}, {**keys, place: "Jo"}, {**keys, place: None}]
    person = {name: pa.Table.from_pylist(rows[name], schema=seam.schema) for name, seam in PERSON_TABLES.items()}
    return [(row["record_key"], row["text"]) for row in find_numbers_told(person).to_pylist()]


@pytest.mark.in_full
@pytest.mark.parametrize(
    "text",
    [
        "9434765919", "943 476 5919", "943-476-5919", "943.476.5919", "94347 65919", "NHS9434765919x",
        "Jo, nhs no 943 476 5919, mobile 07700 900123", "01632 960001 / 943 476 5919", "9 4 3 4 7 6 5 9 1 9",
        "１２３ ９４３ ４７６ ５９１９", "٩٤٣٤٧٦٥٩١٩", "943\u00a0476\u20095919", "943     476     5919", "+44 943 476 5919",
        "N300200000001", "n 3002 0000 0001", "N-300-200-000001", "UPN: N3002 00000001", "UPNN300200000001",
        "see health:H1", "HEALTH:H1; closed", "education:e2",
        "404 729 0009", "404-729-0009", "NHS number 4047290009", "nhs 40472 90009",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["contact", "service", "relationship", "phone", "address"])
def test_a_number_that_a_record_bears_or_that_is_written_as_one_is_told(text, place):
    assert told(text, place) == [("health:H1", text)]


@pytest.mark.parametrize(
    "text",
    [
        "01632 960001", "07700900123", "+44 7700 900123", "0044 (0)7700 900123", "+44 770 090 0123", "020 7946 0000",
        "0404 729 0009", "4047290009", "40472 90009", "404 729 0008", "943 476 591", "943 476 59190",
        "943 of 476 by 5919", "Flat 3, 14 Sidwick Lane", "health: H1", "jo@reed.example", "ext. 2345",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["contact", "phone"])
def test_a_telephone_number_is_none_and_neither_are_other_digits(text, place):
    assert told(text, place) == []


@pytest.mark.parametrize("place", ["service", "relationship", "name", "family_name"])
def test_where_no_telephone_number_is_expected_a_valid_number_is_enough(place):
    assert told(f"known as {UNBORNE}", place) == [("health:H1", f"known as {UNBORNE}")]
    assert told(f"known as {SUM_WRONG}", place) == []
    assert told("known as 0404729000", place) == []


def test_a_valid_upn_that_nobody_bears_is_told_and_one_with_a_wrong_letter_is_not():
    from pipelines.validation.identifiers import upn_check_letter

    letter = upn_check_letter("330200112345")
    assert told(f"{letter} 3302 0011 2345") == [("health:H1", f"{letter} 3302 0011 2345")]
    wrong = "B" if letter != "B" else "C"
    assert told(f"{wrong} 3302 0011 2345") == []


@pytest.mark.parametrize("before", ["X123456789012 ", "1234567890 ", "12 3 ", "A 1 "])
def test_other_digits_before_it_hide_no_number(before):
    assert told(f"{before}943 476 5919", "service")


def test_a_former_number_and_one_that_is_not_verified_count():
    assert told("500 000 0001", previous_nhs_number="5000000001")
    assert told("500 000 0001", nhs_number_unverified="5000000001")
    assert not told("500 000 0001")
