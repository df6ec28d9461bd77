"""Delivered texts are cleaned in one way before anything looks at them, whatever the format; what protects is left as it came."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.contracts import contract_for
from pipelines.deliveries.cleaning import cleaned
from pipelines.deliveries.readers.result import native_schema

HEALTH, POLICE, CARE, EDUCATION = (contract_for(name) for name in ("health", "police", "social_care", "education"))


def of(contract, **texts):  # type: ignore[no-untyped-def]
    """What becomes of these columns, and the counts."""
    rows = max(map(len, texts.values()))
    schema = native_schema(contract, False)
    told = {"position": list(range(1, rows + 1)), **texts}
    table = pa.table({each.name: pa.array(told.get(each.name, [None] * rows), each.type) for each in schema})
    after, counts = cleaned(table, contract)
    assert after.schema == table.schema
    return {name: after[name].to_pylist() for name in texts}, counts


@pytest.mark.parametrize(
    ("delivered", "clean"),
    [
        (" 943 476\u00a05919\u200b ", "943 476 5919"),
        ("\ufeff9434765919", "9434765919"),
        ("９４３４７６５９１９", "9434765919"),
        ("943\u2003\n  476 5919", "943 476 5919"),
        ("\u00ad\u200e ", None),
        ("9434765919", "9434765919"),
        (None, None),
    ],
)
def test_what_nobody_can_see_is_taken_off(delivered, clean):  # type: ignore[no-untyped-def]
    found, counts = of(HEALTH, nhs_number=[delivered, "4010232137"])
    assert found["nhs_number"] == [clean, "4010232137"]
    assert counts == ({"nhs_number": 1} if delivered != clean else {})


@pytest.mark.parametrize(
    "nothing", ["NULL", "nan", "None", "N/A", "#N/A", r"\N", "-", ".", " null ", "<NA>", "Unknown"]
)
def test_words_for_nothing_are_nothing_but_in_names(nothing: str) -> None:
    found, _ = of(HEALTH, postcode=[nothing], address_line_1=[nothing], death_date=[nothing], family_name=[nothing])
    assert [found[name][0] for name in ("postcode", "address_line_1", "death_date")] == [None] * 3
    assert found["family_name"] == [nothing.strip()]


def test_in_names_such_a_word_is_nothing_where_the_column_shows_that_it_is_the_exports() -> None:
    exports = ["NULL"] * 50 + ["Smith", "-"] * 5
    found, counts = of(HEALTH, former_family_name=exports)
    assert found["former_family_name"] == [None] * 50 + ["Smith", "-"] * 5
    assert counts == {"former_family_name": 50}
    few = ["Null"] * 9 + ["Smith"] * 400
    assert of(HEALTH, former_family_name=few)[0]["former_family_name"] == few
    assert of(HEALTH, family_name=exports)[0]["family_name"] == exports  # everybody has one: somebody is called so


def test_a_grandmother_is_not_nothing() -> None:
    found, _ = of(HEALTH, carer_name=["Nan", "N/A"], carer_relationship=["nan", "-"])
    assert found == {"carer_name": ["Nan", None], "carer_relationship": ["nan", None]}


def test_what_protects_is_left_as_it_was_delivered() -> None:
    marks = ["NULL", " S", "\u200b", "s"]
    assert of(HEALTH, confidentiality=marks) == ({"confidentiality": marks}, {})
    shield = [{"requested": "NULL", "by": " ", "reason_code": "-"}]
    assert of(CARE, shield=shield) == ({"shield": shield}, {})


def test_codes_are_raised_to_capitals_where_the_contract_has_them_so() -> None:
    found, counts = of(POLICE, sex=["f", "M", "z"], postcode=["b11 3pq", None, None])
    assert found == {"sex": ["F", "M", "z"], "postcode": ["B11 3PQ", None, None]}
    assert counts == {"postcode": 1, "sex": 1}
    assert of(EDUCATION, UPN=["a801200001001"])[0]["UPN"] == ["A801200001001"]


@pytest.mark.parametrize(
    ("delivered", "day"),
    [
        ("2012-06-14T23:00:00Z", "15/06/2012"),
        ("2012-06-14 23:00:00+00:00", "15/06/2012"),
        ("2012-12-14T00:00:00.000Z", "14/12/2012"),
        ("2012-06-15 00:00", "15/06/2012"),
        ("2012-06-15T00:00:00+0100", "15/06/2012"),
        ("15/06/2012", "15/06/2012"),
        ("2012-13-45T00:00:00Z", "2012-13-45T00:00:00Z"),
    ],
)
def test_a_moment_is_the_day_that_london_has_then(delivered: str, day: str) -> None:
    assert of(POLICE, date_of_birth=[delivered])[0]["date_of_birth"] == [day]


def test_texts_inside_objects_and_lists_are_cleaned_and_counted_by_their_path() -> None:
    names = [[{"family": " Smith", "given": "Jo", "type": "current", "from": None, "to": "NULL"}], None, []]
    address = [{"lines": ["1\u00a0High Street ", "-"], "postcode": "b11  3pq", "uprn": None, "from": None, "status": None}, None, None]  # fmt: skip
    found, counts = of(CARE, names=names, address=address)
    assert found["names"] == [[{**names[0][0], "family": "Smith", "to": None}], None, []]  # type: ignore[index]
    assert found["address"][0]["lines"] == ["1 High Street", None]
    assert found["address"][0]["postcode"] == "B11 3PQ"
    assert counts == {"address.lines[]": 2, "address.postcode": 1, "names[].family": 1, "names[].to": 1}


def test_cleaning_again_changes_nothing() -> None:
    dirty = {"nhs_number": [" 943 476 5919 ", "NULL"], "family_name": ["\u200bO’Hara ", "Ｓｍｉｔｈ"]}
    once, _ = of(HEALTH, **dirty)
    assert of(HEALTH, **once) == (once, {})
