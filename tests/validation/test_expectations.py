"""The suites prove the accepted frame, judge the night's measures, and give away no value."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.contracts.contract import Column, Contract, FileFormat, Rule, ServiceLevel
from pipelines.tables import write_table
from pipelines.validation import proof_frames as proofs
from pipelines.validation.expectations import expectation_names, judge_night
from pipelines.validation.expectations_worker import ExpectationsWorker

DAY = date(2026, 11, 20)
SENTINEL = "Sentinella-Quibblethwaite"
VECTORS = json.loads((Path(__file__).parents[1] / "identifier_vectors.json").read_text(encoding="utf-8"))


def rule(check: str, field: str, severity: str = "query", keeps_value: bool = False, **params: object) -> Rule:
    code = f"TEST-{check}-{field}".upper()
    return Rule(code, check, severity, "conformance", field, "", "", params, keeps_value)


def column(name: str, *rules: Rule, logical: str = "text", **more: object) -> Column:
    return Column(
        name,
        logical,
        "",
        rules=tuple(dataclasses.replace(r, field=name, code=f"{r.code}{name}") for r in rules),
        **more,
    )


INVOLVEMENT = (
    column("team", rule("max_length", "", characters=60)),
    column("start", rule("date_real", ""), logical="date"),
    column("end", rule("date_real", ""), logical="date"),
    column("sensitive", rule("flag", ""), logical="flag", concept="involvement.sensitive"),
    column(
        "consent_basis",
        rule("code_in", "", values=["explicit_consent", "significant_harm"]),
        concept="involvement.consent_basis",
    ),
)
CONTRACT = Contract(
    id="test/1",
    agency="test",
    version="1.0.0",
    title="Test feed",
    owner="Test team",
    file=FileFormat("test.csv", "csv"),
    columns=(
        column("ref", rule("required", "", "reject"), key=True, required=True),
        column("nhs_number", rule("nhs_number", ""), rule("nhs_number_range", "", keeps_value=True)),
        column("upn", rule("upn", "")),
        column(
            "family_name",
            rule("required", "", "reject"),
            rule("text_clean", "", "reject"),
            rule("max_length", "", "reject", characters=40),
        ),
        column("sex", rule("code_in", "", values=["M", "F"]), codes={"M": "M", "F": "F"}),
        column(
            "birth_date",
            rule("required", "", "reject"),
            rule("date_real", "", "reject"),
            rule("age_between", "", "reject", min=0, max=25),
            rule("date_placeholder", "", "reject"),
            logical="date",
            concept="birth_date",
        ),
        column("death_date", rule("date_not_future", ""), logical="date"),
        column("age_estimate", rule("number_between", "", min=0, max=120)),
        column(
            "address",
            logical="object",
            items=(
                column("postcode", rule("postcode_shape", "")),
                column("lines", rule("max_length", "", characters=30), logical="array"),
            ),
        ),
        column(
            "shield",
            logical="object",
            items=(
                column("requested", rule("flag", ""), logical="flag", concept="shield.requested"),
                column("by", concept="shield.by"),
            ),
        ),
        column("involvements", rule("required", "", "query", keeps_value=True), logical="array", items=INVOLVEMENT),
        column("withdrawn", rule("flag", ""), logical="flag", concept="withdrawn"),
    ),
    rules=(
        rule("same_key_other_content", "ref", "reject"),
        rule("date_order", "birth_date+death_date", earlier="birth_date", later="death_date"),
        rule("date_order", "involvements", earlier="involvements[].start", later="involvements[].end"),
        rule("shared_identifier", "nhs_number", keeps_value=True, identifier="nhs_number", birth_date="birth_date"),
        rule("two_birth_dates", "upn", keeps_value=True, person="upn", birth_date="birth_date"),
        rule("consent_basis", "involvements", path="involvements"),
        rule("shield_authoriser", "shield", keeps_value=True),
        rule("nested_required", "involvements", path="involvements", any_of=["team"]),
    ),
    absence_means="withdrawn",
    one_record_per_child="record",
    involvements=(),
    service_level=ServiceLevel(),
)

_TEXT = pa.string()
_ELEMENT = pa.struct(
    [("team", _TEXT), ("start", pa.date32()), ("end", pa.date32()), ("sensitive", pa.bool_()), ("consent_basis", _TEXT)]
)
SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("line", pa.int64()),
        ("key", _TEXT),
        ("change", _TEXT),
        ("outcome", _TEXT),
        ("unverified", pa.list_(_TEXT)),
        ("ref", _TEXT),
        ("nhs_number", _TEXT),
        ("upn", _TEXT),
        ("family_name", _TEXT),
        ("sex", _TEXT),
        ("birth_date", pa.date32()),
        ("death_date", pa.date32()),
        ("age_estimate", _TEXT),
        ("address", pa.struct([("postcode", _TEXT), ("lines", pa.list_(_TEXT))])),
        ("shield", pa.struct([("requested", pa.bool_()), ("by", _TEXT)])),
        ("involvements", pa.list_(_ELEMENT)),
        ("withdrawn", pa.bool_()),
    ]
)


def involvement(**over: object) -> dict[str, object]:
    return {
        "team": "Early help",
        "start": date(2025, 1, 1),
        "end": date(2025, 6, 1),
        "sensitive": False,
        "consent_basis": None,
    } | over


def record(number: int, **over: object) -> dict[str, object]:
    return {
        "position": number,
        "line": number + 1,
        "key": f"k{number}",
        "change": "upsert",
        "outcome": "accepted",
        "unverified": [],
        "ref": f"k{number}",
        "nhs_number": None,
        "upn": None,
        "family_name": "Okafor",
        "sex": "F",
        "birth_date": date(2015, 3, 4),
        "death_date": None,
        "age_estimate": None,
        "address": {"postcode": "EC1A 1BB", "lines": ["1 High Street"]},
        "shield": None,
        "involvements": [involvement()],
        "withdrawn": None,
    } | over


GOOD = [
    record(1, nhs_number="4000000632", upn="B801200005001"),
    record(2, nhs_number="9990000018", unverified=["nhs_number"], outcome="queried", upn="X30120050412A"),
    record(3, sex=None, address=None, age_estimate="7", death_date=date(2020, 1, 1)),
    record(4, change="withdraw", family_name=None, birth_date=None, involvements=None, address=None),
    record(5, withdrawn=True, family_name=None, birth_date=None, involvements=None),
    record(6, involvements=[involvement(sensitive=True, consent_basis="explicit_consent", team="x")]),
    record(7, shield={"requested": True, "by": None}, outcome="queried"),
    record(8, address={"postcode": "ZZ99 3VZ", "lines": None}),
]


def accepted(*changed: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([*GOOD, *changed], schema=SCHEMA)


def verdicts(table: pa.Table, docs: Path | None = None) -> dict[str, bool]:
    return {o.name: o.passed for o in judge_night("330", DAY, CONTRACT, table, {"rows": 8.0}, [], docs)}


@pytest.mark.in_full
def test_a_good_frame_passes_every_check() -> None:
    outcomes = judge_night("330", DAY, CONTRACT, accepted(), {"rows": 8.0, "reject_rate": 0.0}, [], None)
    assert [o.name for o in outcomes if not o.passed] == [], [o.description for o in outcomes if not o.passed]
    assert sum(o.observed["expectations"] for o in outcomes) > 25


@pytest.mark.others_in_full
@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ({"key": "k1"}, "frame_keys"),
        ({"key": None}, "frame_keys"),
        ({"family_name": None}, "frame_required"),
        ({"birth_date": None}, "frame_required"),
        ({"nhs_number": "4000000633"}, "frame_identifiers"),
        ({"nhs_number": "4444444444"}, "frame_identifiers"),
        ({"nhs_number": "400 000 0632"}, "frame_identifiers"),
        ({"nhs_number": "9434765919"}, "frame_identifiers"),
        ({"upn": "A801200005001"}, "frame_identifiers"),
        ({"upn": "A950000178301"}, "frame_identifiers"),
        ({"address": {"postcode": "Q1 1AA", "lines": []}}, "frame_identifiers"),
        ({"address": {"postcode": "SW1A1AA", "lines": []}}, "frame_identifiers"),
        ({"birth_date": date(2026, 11, 21)}, "frame_dates"),
        ({"birth_date": date(2000, 11, 20)}, "frame_dates"),
        ({"birth_date": date(1900, 1, 1)}, "frame_dates"),
        ({"death_date": date(2026, 11, 21)}, "frame_dates"),
        ({"death_date": date(2015, 3, 3)}, "frame_dates"),
        ({"involvements": [involvement(end=date(2024, 12, 31))]}, "frame_dates"),
        ({"sex": "X"}, "frame_codes"),
        ({"age_estimate": "121"}, "frame_codes"),
        ({"age_estimate": "seven"}, "frame_codes"),
        ({"involvements": [involvement(consent_basis="because")]}, "frame_codes"),
        ({"family_name": "O\x07Neill"}, "frame_text"),
        ({"family_name": "ZoÃ«"}, "frame_text"),
        ({"family_name": "x" * 41}, "frame_text"),
        ({"address": {"postcode": None, "lines": ["fine", "y" * 31]}}, "frame_text"),
        ({"involvements": [involvement(sensitive=True)]}, "frame_records"),
        ({"involvements": [involvement(team=None)]}, "frame_records"),
        ({"shield": {"requested": True, "by": None}}, "frame_records"),
        ({"nhs_number": "4000000632", "birth_date": date(2016, 3, 4)}, "frame_records"),
        ({"upn": "B801200005001", "birth_date": date(2016, 3, 4)}, "frame_records"),
    ],
)
def test_a_broken_rule_is_found_under_its_own_name_alone(fault: dict[str, object], check: str) -> None:
    found = verdicts(accepted(record(9, **fault)))
    assert [name for name, passed in found.items() if not passed] == [check]


def test_the_day_of_the_twenty_sixth_birthday_is_too_old_and_the_day_before_is_not() -> None:
    assert verdicts(accepted(record(9, birth_date=date(2000, 11, 21))))["frame_dates"]
    assert not verdicts(accepted(record(9, birth_date=date(2000, 11, 20))))["frame_dates"]


def test_the_residues_agree_with_the_published_vectors() -> None:
    for kind, residue in (("nhs_number", proofs.nhs_number_residue), ("upn", proofs.upn_residue)):
        vectors = [v for v in VECTORS[kind] if v["valid"] or v.get("fails") in ("check_letter", "check_digit")]
        values = pd.Series(
            [v.get("normalised") or v["value"].replace(" ", "").replace("-", "") for v in vectors], dtype="str"
        )
        found = residue(lambda frame: frame["value"])(pd.DataFrame({"value": values}))
        assert [bool(value) for value in found == 0] == [v["valid"] for v in vectors]


def test_identifiers_that_are_not_verified_are_not_held_to_be_one_childs() -> None:
    fault = {
        "nhs_number": "4000000632",
        "birth_date": date(2016, 3, 4),
        "unverified": ["nhs_number"],
        "outcome": "queried",
    }
    assert verdicts(accepted(record(9, **fault)))["frame_records"]


def test_the_same_names_come_every_night_also_without_a_delivery() -> None:
    names = [name for name, _, _ in expectation_names(CONTRACT)]
    assert list(verdicts(accepted())) == names
    missing = judge_night("330", DAY, CONTRACT, None, {}, [], None)
    assert [o.name for o in missing] == names
    assert [o.name for o in missing if not o.passed] == ["measures_volume"]
    assert {tuple(o.observed) for o in missing} == {("judged", "expectations", "broken", "records_against")}


@pytest.mark.in_full
def test_names_and_specs_are_known_without_importing_great_expectations() -> None:
    code = (
        "import sys; from pipelines.validation.expectations import expectation_names; expectation_names();"
        "assert not any(m.startswith('great_expectations') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


USUAL = [
    {
        "rows": 1000.0 + n,
        "reject_rate": 0.01,
        "missing_rate.nhs_number": 0.05,
        "code_share.sex.M": 0.5,
        "first_of_january_share": 0.004,
        "overlap.education": 0.7,
    }
    for n in range(7)
]


@pytest.mark.others_in_full
@pytest.mark.parametrize(
    ("measure", "value", "check"),
    [
        ("rows", 600.0, "measures_volume"),
        ("rows", 1600.0, "measures_volume"),
        ("reject_rate", 0.2, "measures_reject_rate"),
        ("missing_rate.nhs_number", 0.4, "measures_missing_rates"),
        ("code_share.sex.M", 0.8, "measures_code_shares"),
        ("first_of_january_share", 0.2, "measures_first_of_january"),
        ("overlap.education", 0.3, "measures_overlap"),
    ],
)
def test_a_measure_far_from_the_trailing_nights_is_a_warning(measure: str, value: float, check: str) -> None:
    calm = judge_night("330", DAY, CONTRACT, accepted(), USUAL[-1], USUAL, None)
    assert [o.name for o in calm if not o.passed] == []
    odd = judge_night("330", DAY, CONTRACT, accepted(), USUAL[-1] | {measure: value}, USUAL, None)
    assert [(o.name, o.severity) for o in odd if not o.passed] == [(check, "warning")]


def test_a_first_night_has_nothing_to_compare_with_and_passes() -> None:
    outcomes = judge_night("330", DAY, CONTRACT, accepted(), USUAL[-1], [], None)
    assert [o.name for o in outcomes if not o.passed] == []


def leaky() -> pa.Table:
    faults = [
        {"family_name": SENTINEL * 3},
        {"sex": SENTINEL},
        {"nhs_number": SENTINEL},
        {"upn": SENTINEL},
        {"age_estimate": SENTINEL},
        {"address": {"postcode": SENTINEL, "lines": [SENTINEL * 3]}},
        {"key": SENTINEL, "involvements": [involvement(team=SENTINEL * 9, consent_basis=SENTINEL)]},
        {"key": SENTINEL},
    ]
    return accepted(*(record(20 + number, **fault) for number, fault in enumerate(faults)))


def test_no_value_reaches_outcomes_pages_or_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = judge_night("330", DAY, CONTRACT, leaky(), {"rows": 1.0}, [], tmp_path)
    assert sum(not o.passed for o in outcomes) >= 4
    written = "".join(page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html"))
    shown = capfd.readouterr()
    assert SENTINEL[:9] not in repr(outcomes) + written + shown.out + shown.err + caplog.text
    assert shown.out + shown.err == ""


def test_pages_need_no_network_and_no_script(tmp_path: Path) -> None:
    judge_night("330", DAY, CONTRACT, accepted(), USUAL[-1], USUAL, tmp_path)
    pages = sorted(page.relative_to(tmp_path).as_posix() for page in tmp_path.rglob("*"))
    assert pages == [
        "2026-11-20",
        "2026-11-20/330",
        "2026-11-20/330/index.html",
        "2026-11-20/330/test.html",
        "index.html",
    ]
    for name in pages[2:]:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|<script|<link|@import|url\(|src=", text)
        for link in re.findall(r'href="([^"#]+)', text):
            assert ((tmp_path / name).parent / link).exists()
    assert "✓ held" in (tmp_path / "2026-11-20/330/test.html").read_text(encoding="utf-8")


def test_a_broken_check_is_to_be_seen_on_the_nights_page(tmp_path: Path) -> None:
    judge_night("330", DAY, CONTRACT, accepted(record(9, sex="X")), USUAL[-1], USUAL, tmp_path)
    assert "✗ broken" in (tmp_path / "2026-11-20/330/index.html").read_text(encoding="utf-8")


@pytest.mark.in_full
def test_the_worker_gives_what_the_plain_function_gives_and_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "accepted.parquet"
    write_table(accepted(record(9, sex="X")), path)
    with ExpectationsWorker() as worker:
        future = worker.submit("330", DAY, CONTRACT, path, USUAL[-1], USUAL, tmp_path / "docs")
        assert future.result(120) == judge_night("330", DAY, CONTRACT, path, USUAL[-1], USUAL, None)
        missing = worker.submit("330", DAY, CONTRACT, tmp_path / "nowhere", {}, [], None)
        with pytest.raises(Exception, match="EXPECTATIONS_FAILED"):
            missing.result(60)
    shown = capfd.readouterr()
    assert shown.out + shown.err == ""


@pytest.mark.in_full
def test_the_worker_ends_when_its_parent_is_killed() -> None:
    code = (
        "import os, signal; from pipelines.validation.expectations_worker import ExpectationsWorker;"
        "worker = ExpectationsWorker().start(); print(worker._process.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
    for _ in range(600):
        if not _alive(child):
            return
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the worker outlived its parent")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] if Path("/proc").exists() else "R"
    return state != "Z"
