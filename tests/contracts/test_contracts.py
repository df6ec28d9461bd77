"""The four contracts hold to design and standard, and a broken one is refused with a way out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from pipelines.contracts import authorities, contract_for, load_contract, registered_agencies
from pipelines.contracts.build import build_contract
from pipelines.contracts.describe import feed_page, person_record_lineage
from pipelines.contracts.person_record import PERSON_RECORD
from pipelines.contracts.vocabulary import CHECKS
from pipelines.errors import IsindexError
from pipelines.validation.checks import COLUMN_CHECKS
from pipelines.validation.compile import ACROSS_CHECKS, RECORD_CHECKS, compile_plan
from pipelines.validation.elements import NESTED_CHECKS

ROOT = Path(__file__).parents[2]
BUILT_IN = sorted((ROOT / "schemas").rglob("contracts/*.odcs.yaml"))
INTERIM = ROOT / "schemas" / "interim_index"
FIFTH = ROOT / "tests" / "fixtures" / "fifth_agency"
TODAY = date(2026, 11, 20)

COLUMNS = {
    "health": "local_patient_id nhs_number family_name given_name other_given_names former_family_name gender "
    "birth_date death_date address_line_1 address_line_2 address_line_3 address_line_4 address_line_5 "
    "postcode address_from gp_practice_code gp_from previous_nhs_number confidentiality carer_name carer_relationship",
    "education": "UPN URN FormerUPN Surname Forename MiddleNames PreferredSurname FormerSurname DOB Sex AddressLine1 "
    "AddressLine2 AddressLine3 AddressLine4 AddressLine5 Postcode UPRN EntryDate LeavingDate EnrolStatus",
    "police": "contact_ref surname forenames date_of_birth age_estimate sex location postcode unit contact_name "
    "contact_phone contact_date",
    "social_care": "la_child_id upn upn_unknown_reason former_upn nhs_number names date_of_birth "
    "expected_date_of_birth sex address carers involvements lead_professional caf_exists firewall_from shield withdrawn",
}
REQUIRED = {
    "health": {"local_patient_id", "family_name", "birth_date"},
    "education": {"UPN", "URN", "Surname", "Forename", "DOB"},
    "police": {"contact_ref", "contact_date"},
    "social_care": {"la_child_id", "names"},
}
NESTED = {
    "names": ["family", "given", "type", "from", "to"],
    "address": ["lines", "postcode", "uprn", "from", "status"],
    "carers": ["name", "relationship", "contact"],
    "involvements": ["team", "worker", "contact", "start", "end", "sensitive", "consent_basis"],
    "shield": ["requested", "by", "reason_code"],
}


@pytest.mark.parametrize("path", [*BUILT_IN, *FIFTH.glob("contracts/*.yaml")], ids=lambda path: path.name)
def test_a_contract_is_readable_by_the_standard_s_own_model_and_fits_its_schema(path):
    contract = OpenDataContractStandard.from_file(str(path))
    assert contract.schema_[0].properties
    schema = json.loads(OpenDataContractStandard.json_schema())
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)


@pytest.mark.in_full
@pytest.mark.slow
@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.name)
def test_a_contract_is_clean_under_the_public_linter_without_a_network(path):
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [Path(sys.executable).parent / "datacontract", "lint", path, "--all-errors"],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "http_proxy": nowhere,
            "https_proxy": nowhere,
        },
    )
    assert done.returncode == 0, done.stdout
    assert "Data contract is valid" in done.stdout


@pytest.mark.parametrize("agency", COLUMNS)
def test_the_columns_are_those_of_the_design_and_the_required_ones_too(agency):
    contract = contract_for(agency)
    assert " ".join(contract.column_names) == COLUMNS[agency]
    assert {column.name for column in contract.columns if column.required} == REQUIRED[agency]
    for column in contract.columns:
        if column.items:
            assert [item.name for item in column.items] == NESTED[column.name]


def test_keys_and_repeats_are_as_agreed():
    said = {agency.agency: contract_for(agency.agency) for agency in registered_agencies()}
    assert {name: contract.key_columns for name, contract in said.items()} == {
        "health": ("local_patient_id",),
        "education": ("UPN", "URN"),
        "police": ("contact_ref",),
        "social_care": ("la_child_id",),
    }
    assert {
        name: (each.absence_means, each.one_record_per_child, each.person_number) for name, each in said.items()
    } == {
        "health": ("withdrawn", "person_number", "nhs_number"),
        "education": ("withdrawn", "person_number", "upn"),
        "police": ("nothing", "many", ""),
        "social_care": ("withdrawn", "many", ""),
    }


@pytest.mark.parametrize("agency", COLUMNS)
def test_every_required_column_has_a_rule_that_rejects_and_every_date_one_for_unreal_dates(agency):
    contract = contract_for(agency)
    for column in contract.columns:
        checks = {rule.check: rule for rule in column.rules}
        if column.required:
            assert checks["required"].severity == "reject", column.name
        if column.logical == "date":
            assert "date_real" in checks, column.name
            assert checks["date_real"].severity == ("reject" if column.required else "query"), column.name
        if column.codes and "gp_practice" not in checks:
            assert set(column.codes) <= set(checks["code_in"].params["values"]), column.name


@pytest.mark.parametrize("agency", COLUMNS)
def test_rules_speak_plainly(agency):
    for rule in contract_for(agency).all_rules(TODAY):
        assert rule.message[0].isupper(), rule.code
        assert rule.message.endswith("."), rule.code
        assert rule.remedy.endswith("."), rule.code
        assert not re.search(r"\b(null|regex|boolean|string|modulus)\b", rule.message + rule.remedy, re.I), rule.code


def test_every_check_a_contract_may_name_is_one_that_validation_knows():
    known = {*COLUMN_CHECKS, *RECORD_CHECKS, *ACROSS_CHECKS, *NESTED_CHECKS}
    assert set(CHECKS) == known


@pytest.mark.parametrize("agency", COLUMNS)
def test_validation_can_compile_the_contract(agency):
    compile_plan(contract_for(agency), TODAY)


def test_rule_codes_are_unique_over_all_contracts():
    codes = [rule.code for agency in registered_agencies() for rule in contract_for(agency.agency).all_rules(TODAY)]
    assert len(codes) == len(set(codes)) > 150


def test_protection_never_fails_open():
    """A shield or a sensitive mark that cannot be read counts as set."""
    care = {column.name: column for column in contract_for("social_care").columns}
    shield = next(item for item in care["shield"].items if item.name == "requested")
    sensitive = next(item for item in care["involvements"].items if item.name == "sensitive")
    confidentiality = next(each for each in contract_for("health").columns if each.name == "confidentiality")
    assert shield.rules[0].params["bad_value_means"] is True
    assert sensitive.rules[0].params["bad_value_means"] is True
    assert confidentiality.rules[0].params["bad_value_means"] == "S"


def test_contracts_mark_what_protects():
    def marked(columns, above=""):
        for column in columns:
            path = f"{above}{column.name}"
            yield from [path] * column.protects
            yield from marked(column.items, f"{path}{'[]' if column.logical == 'array' else ''}.")

    found = {agency: list(marked(contract_for(agency).columns)) for agency in COLUMNS}
    assert found == {
        "health": ["confidentiality"],
        "education": [],
        "police": [],
        "social_care": [
            "involvements[].sensitive",
            "involvements[].consent_basis",
            "firewall_from",
            "shield",
            "withdrawn",
        ],
    }
    assert "| `confidentiality` | protects |" in feed_page(contract_for("health"))


@pytest.mark.parametrize(
    "said", [[], [{"property": "protects", "value": False}], [{"property": "protects", "value": "yes"}]]
)
def test_a_contract_that_forgets_what_protects_is_refused(said):
    text = yaml.safe_load((ROOT / "schemas" / "contracts" / "health-1.odcs.yaml").read_text(encoding="utf-8"))
    (mark,) = (column for column in text["schema"][0]["properties"] if column["name"] == "confidentiality")
    mark["customProperties"] = [{"property": "concept", "value": "shielded"}, *said]
    with pytest.raises(IsindexError) as fault:
        build_contract(text, "health-1.odcs.yaml", "health/1")
    assert fault.value.code == "CONTRACT_INCOMPLETE"
    assert "confidentiality" in fault.value.where


def test_a_rule_judges_only_between_its_dates():
    text = example()
    rule = text["schema"][0]["properties"][0]["quality"][0]
    rule["implementation"] |= {"effective_from": "2025-09-01", "effective_to": "2026-08-31"}
    contract = build_contract(text, "youth_justice-1.odcs.yaml", "youth_justice/1")

    def judges(day: date) -> bool:
        return "YOUTH_JUSTICE-KEY-001" in {each.code for each in contract.all_rules(day)}

    assert [
        judges(date(2025, 8, 31)),
        judges(date(2025, 9, 1)),
        judges(date(2026, 8, 31)),
        judges(date(2026, 9, 1)),
    ] == [
        False,
        True,
        True,
        False,
    ]


# ---- a fifth agency ---------------------------------------------------------------------------------------------


def test_a_fifth_agency_needs_a_contract_and_a_registration_only(setting):
    setting("ISINDEX_SCHEMAS", FIFTH)
    assert [agency.agency for agency in registered_agencies()] == [*COLUMNS, "youth_justice"]
    contract = contract_for("youth_justice")
    assert (contract.file.delimiter, contract.file.date_format) == ("|", "%Y/%m/%d")
    assert ("youth_justice", "last_name") in person_record_lineage()["family_name"]
    assert "| `born` |" in feed_page(contract)
    assert contract_for("health").id == "health/1"


def test_an_overlay_contract_stands_before_the_built_in_one(setting, tmp_path):
    (tmp_path / "contracts").mkdir()
    text = (ROOT / "schemas/contracts/police-1.odcs.yaml").read_text()
    (tmp_path / "contracts/police-1.odcs.yaml").write_text(text.replace("version: 1.0.0", "version: 1.4.0"))
    setting("ISINDEX_SCHEMAS", tmp_path)
    assert load_contract("police/1").version == "1.4.0"


def test_an_overlay_that_is_not_there_is_said_so(setting, tmp_path):
    setting("ISINDEX_SCHEMAS", tmp_path / "none")
    with pytest.raises(IsindexError) as fault:
        registered_agencies()
    assert fault.value.code == "SCHEMAS_MISSING"


# ---- an interim index -------------------------------------------------------------------------------------------


def test_an_interim_index_is_registered_by_a_folder_of_its_own_beside_others(setting):
    assert "interim_index" not in [agency.agency for agency in registered_agencies()]
    setting("ISINDEX_SCHEMAS", os.pathsep.join(map(str, (FIFTH, INTERIM))))
    assert [agency.agency for agency in registered_agencies()] == [*COLUMNS, "interim_index", "youth_justice"]
    contract = contract_for("interim_index")
    assert contract.claims and not contract_for("youth_justice").claims
    assert contract.key_columns == ("person_id", "source_agency", "source_key")
    assert [column.name for column in contract.protective] == ["confidentiality"]
    compile_plan(contract, TODAY)
    codes = [rule.code for each in registered_agencies() for rule in contract_for(each.agency).all_rules(TODAY)]
    assert len(codes) == len(set(codes))


def test_its_page_is_up_to_date_and_its_columns_feed_no_person_record(setting):
    setting("ISINDEX_SCHEMAS", INTERIM)
    page = (ROOT / "docs" / "feeds" / "interim_index.md").read_text(encoding="utf-8")
    assert page == feed_page(contract_for("interim_index")), (
        "run: python -m pipelines.contracts.describe, with ISINDEX_SCHEMAS"
    )
    assert "interim_index" not in {agency for fed in person_record_lineage().values() for agency, _ in fed}


INTERIM_BREAKS = {
    "a kind that is none": lambda text: custom(text)["kind"].update(value="gossip"),
    "days that are none": lambda text: custom(text)["evidenceDays"].update(value="a week"),
    "a service of its own": lambda text: text["customProperties"].append(
        {"property": "involvements", "value": [{"kind": "service", "service": "postcode"}]}
    ),
    "once for each child": lambda text: custom(text)["oneRecordPerChild"].update(value="record"),
    "no record that is meant": lambda text: columns(text)[2].pop("customProperties"),
    "a key that says more": lambda text: columns(text)[3].update(primaryKey=True, primaryKeyPosition=4),
    "links in a feed of records": lambda text: custom(text)["kind"].update(value="records"),
}


def custom(text: dict) -> dict[str, dict]:
    return {each["property"]: each for each in text["customProperties"]}


@pytest.mark.parametrize("fault", INTERIM_BREAKS)
def test_a_broken_contract_of_an_interim_index_is_refused_with_place_and_remedy(fault):
    text = yaml.safe_load((INTERIM / "contracts" / "interim_index-1.odcs.yaml").read_text(encoding="utf-8"))
    build_contract(text, "file.yaml", "interim_index/1")
    INTERIM_BREAKS[fault](text)
    with pytest.raises(IsindexError) as refused:
        build_contract(text, "file.yaml", "interim_index/1")
    assert refused.value.code in ("CONTRACT_INCOMPLETE", "CONCEPT_UNKNOWN")
    assert refused.value.where.startswith("file.yaml")
    assert refused.value.remedy


# ---- broken contracts -------------------------------------------------------------------------------------------


def example() -> dict:
    return yaml.safe_load((FIFTH / "contracts/youth_justice-1.odcs.yaml").read_text())


def columns(text: dict) -> list[dict]:
    return text["schema"][0]["properties"]


BREAKS = {
    "CHECK_UNKNOWN": lambda text: columns(text)[0]["quality"][0]["implementation"].update(check="is_nice"),
    "CHECK_PARAMETERS": lambda text: columns(text)[3]["quality"][1]["implementation"].update(parameters={"least": 0}),
    "RULE_CODE_REPEATED": lambda text: columns(text)[1]["quality"][0].update(name="YOUTH_JUSTICE-KEY-001"),
    "RULE_INCOMPLETE": lambda text: columns(text)[1]["quality"][0]["implementation"].pop("remedy"),
    "KEY_MISSING": lambda text: columns(text)[0].pop("primaryKey"),
    "CONCEPT_UNKNOWN": lambda text: columns(text)[1].update(
        customProperties=[{"property": "concept", "value": "mood"}]
    ),
    "PRIVACY_UNKNOWN": lambda text: columns(text)[1].update(classification="secret"),
    "COLUMN_REPEATED": lambda text: columns(text)[2].update(name="last_name"),
    "COLUMN_UNKNOWN": lambda text: text["schema"][0]["quality"][0]["implementation"].update(field="nobody"),
    "CONTRACT_INCOMPLETE": lambda text: text.pop("slaProperties"),
}


@pytest.mark.parametrize("code", BREAKS)
def test_a_broken_contract_is_refused_with_code_place_and_remedy(code):
    text = example()
    build_contract(text, "file.yaml", "youth_justice/1")
    BREAKS[code](text)
    with pytest.raises(IsindexError) as fault:
        build_contract(text, "file.yaml", "youth_justice/1")
    assert fault.value.code == code
    assert fault.value.where.startswith("file.yaml")
    assert fault.value.remedy


def test_unreadable_yaml_names_file_and_line(setting, tmp_path):
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/health-9.odcs.yaml").write_text("kind: DataContract\n  version: [1\n")
    setting("ISINDEX_SCHEMAS", tmp_path)
    with pytest.raises(IsindexError, match=r"health-9\.odcs\.yaml line") as fault:
        load_contract("health/9")
    assert fault.value.code == "CONTRACT_UNREADABLE"


@pytest.mark.parametrize("name", ["health/2", "health", "../health/1", "nobody/1", "", "health/1/1"])
def test_a_contract_that_does_not_exist_is_unknown(name):
    with pytest.raises(IsindexError) as fault:
        load_contract(name)
    assert fault.value.code == "CONTRACT_UNKNOWN"


def test_an_agency_that_is_not_registered_is_unknown():
    with pytest.raises(IsindexError) as fault:
        contract_for("weather")
    assert fault.value.code == "AGENCY_UNKNOWN"


# ---- documents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agency", COLUMNS)
def test_the_feed_pages_are_up_to_date(agency):
    page = (ROOT / "docs" / "feeds" / f"{agency}.md").read_text(encoding="utf-8")
    assert page == feed_page(contract_for(agency)), "run: python -m pipelines.contracts.describe"


def test_every_check_and_every_rule_of_a_contract_is_on_its_page():
    page = feed_page(contract_for("social_care"))
    for rule in contract_for("social_care").all_rules(TODAY):
        assert rule.code in page
        assert f"`{rule.check}`: {CHECKS[rule.check].meaning}" in page


def test_lineage_knows_where_a_person_record_s_columns_come_from():
    lineage = person_record_lineage()
    assert set(lineage) == {column.name for column in PERSON_RECORD}
    assert lineage["birth_date"] == [
        ("health", "birth_date"),
        ("education", "DOB"),
        ("police", "date_of_birth"),
        ("social_care", "date_of_birth"),
    ]
    assert lineage["nhs_number"] == [("health", "nhs_number"), ("social_care", "nhs_number")]
    assert ("social_care", "shield") in lineage["shielded"]


# ---- authorities, start-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "count"), [(date(2004, 9, 1), 150), (date(2009, 4, 1), 152), (date(2019, 4, 1), 151), (TODAY, 153)]
)
def test_as_many_authorities_are_open_as_there_were(day, count):
    assert len(authorities.on(day)) == count


def test_retired_authorities_are_known_but_not_open():
    assert "909" in authorities.known()
    assert "909" not in authorities.on(TODAY)
    assert authorities.closed()["909"] < TODAY
    assert authorities.name_of("330") == "Birmingham"


@pytest.mark.in_full
def test_reading_all_contracts_imports_nothing_heavy():
    code = (
        "import sys;"
        "from pipelines.contracts import contract_for, registered_agencies;"
        "[contract_for(each.agency) for each in registered_agencies()];"
        "heavy = {'pandas', 'dagster', 'great_expectations', 'splink', 'duckdb'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
