"""Every rule of every contract: it passes what it should pass, breaks on what it should break on, and does what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.contracts import Contract, Rule, load_contract, registered_agencies
from pipelines.validation.checks import COLUMN_CHECKS
from pipelines.validation.compile import ACROSS_CHECKS, RECORD_CHECKS
from pipelines.validation.elements import NESTED_CHECKS
from pipelines.validation.judge import Judged
from tests.validation.records import NIGHT, broken, judged, outcome, record

VECTORS = yaml.safe_load((Path(__file__).parent / "rule_vectors.yaml").read_text(encoding="utf-8"))
CONTRACTS = [load_contract(each) for agency in registered_agencies() for each in agency.contracts]
RULES = [(contract, rule) for contract in CONTRACTS for rule in contract.all_rules(NIGHT)]
ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def vectors(rule: Rule) -> Mapping[str, list[Any]]:
    return VECTORS["rules"].get(rule.code) or VECTORS["checks"].get(rule.check) or {"passes": [], "fails": []}


@dataclass(frozen=True)
class Case:
    """A vector as it was judged: the rules its records break, and what became of each."""

    vector: Any
    verdict: str
    broken: tuple[frozenset[str], ...]
    outcomes: tuple[str, ...]
    accepted: tuple[dict[str, Any] | None, ...]


@cache
def cases(code: str) -> list[Case]:
    """The judged vectors of a rule; vectors of one record are judged together, in one delivery per contract."""
    contract, rule = next(each for each in RULES if each[1].code == code)
    if rule.check not in ACROSS_CHECKS:
        return judged_together(contract.agency)[code]
    found = []
    for verdict, vector in verdicts(rule):
        rows = records_of(contract, rule, vector)
        found.append(seen(vector, verdict, judged(contract.agency, *rows), range(1, len(rows) + 1)))
    return found


@cache
def judged_together(agency: str) -> dict[str, list[Case]]:
    contract = next(contract for contract in CONTRACTS if contract.agency == agency)
    rows: list[dict[str, Any]] = []
    places = []
    for rule in contract.all_rules(NIGHT):
        for verdict, vector in verdicts(rule) if rule.check not in ACROSS_CHECKS else ():
            (row,) = records_of(contract, rule, vector)
            key = contract.key_columns[-1]
            if rule.field != key:
                row[key] = str(100_000 + len(rows))
            rows.append(row)
            places.append((rule.code, vector, verdict))
    result = judged(agency, *rows)
    found: dict[str, list[Case]] = {}
    for position, (code, vector, verdict) in enumerate(places, start=1):
        found.setdefault(code, []).append(seen(vector, verdict, result, [position]))
    return found


def seen(vector: Any, verdict: str, result: Judged, positions: Iterable[int]) -> Case:
    positions = list(positions)
    accepted = {row["position"]: row for row in rows_of(result, "accepted")}
    broken = {place: frozenset() for place in positions}
    for row in rows_of(result, "rejects"):
        if row["position"] in broken:
            broken[row["position"]] |= {row["rule"]}
    outcomes = [
        str(accepted[place]["outcome"]) if place in accepted else "rejected" if broken[place] else "repeat"
        for place in positions
    ]
    return Case(
        vector, verdict, tuple(broken.values()), tuple(outcomes), tuple(accepted.get(place) for place in positions)
    )


_ROWS: dict[tuple[int, str], list[dict[str, Any]]] = {}


def rows_of(result: Judged, name: str) -> list[dict[str, Any]]:
    """A result's table as rows, once; kept with the result, so that its identity stays its own."""
    if (id(result), name) not in _ROWS:
        _ROWS[id(result), name] = getattr(result, name).to_pylist()
        _KEPT.append(result)
    return _ROWS[id(result), name]


_KEPT: list[Judged] = []


def verdicts(rule: Rule) -> list[tuple[str, Any]]:
    return [(verdict, vector) for verdict in ("passes", "fails") for vector in vectors(rule)[verdict]]


def records_of(contract: Contract, rule: Rule, vector: Any) -> list[dict[str, Any]]:
    """The records a vector stands for."""
    several = vector if isinstance(vector, list) and rule.check in ACROSS_CHECKS else [vector]
    made = []
    for number, places in enumerate(several):
        places = dict(places) if isinstance(places, dict) else {rule.field: delivered(contract, rule, places)}
        if rule.check in ("date_not_future", "age_between", "date_placeholder") and rule.field == "date_of_birth":
            places |= {"contact_date": NIGHT.isoformat()} if contract.agency == "police" else {}
        if number and not places.pop("same_key", False) and not set(places) & set(contract.key_columns):
            places[contract.key_columns[0]] = f"other {number}"
        made.append(record(contract.agency, {path: delivered(contract, rule, value) for path, value in places.items()}))
    return made


def delivered(contract: Contract, rule: Rule, value: Any) -> Any:
    """A value as the contract's file would have it."""
    if not isinstance(value, str):
        return value
    if value in ("<longest>", "<too long>"):
        return "a" * (rule.params["characters"] + (value == "<too long>"))
    form = contract.file.date_format
    return ISO.sub(lambda d: form.replace("%Y", d[1]).replace("%m", d[2]).replace("%d", d[3]), value)


@pytest.mark.parametrize(("contract", "rule"), [pytest.param(*each, id=each[1].code) for each in RULES])
def test_every_rule_has_vectors_and_words(contract: Contract, rule: Rule) -> None:
    assert vectors(rule)["passes"], "no passing vector"
    assert vectors(rule)["fails"], "no failing vector"
    assert rule.message.endswith(".")
    assert rule.remedy.endswith(".")
    assert rule.code.startswith(contract.agency.upper())


@pytest.mark.parametrize(("contract", "rule"), [pytest.param(*each, id=each[1].code) for each in RULES])
def test_a_rule_passes_what_it_should(contract: Contract, rule: Rule) -> None:
    wrong = [
        c.vector for c in cases(rule.code) if c.verdict == "passes" and any(rule.code in codes for codes in c.broken)
    ]
    assert wrong == []


@pytest.mark.parametrize(("contract", "rule"), [pytest.param(*each, id=each[1].code) for each in RULES])
def test_a_rule_breaks_on_what_it_should(contract: Contract, rule: Rule) -> None:
    wrong = [c.vector for c in cases(rule.code) if c.verdict == "fails" and rule.code not in c.broken[-1]]
    assert wrong == []


@pytest.mark.parametrize(("contract", "rule"), [pytest.param(*each, id=each[1].code) for each in RULES])
def test_a_broken_rule_has_its_consequence(contract: Contract, rule: Rule) -> None:
    for case in cases(rule.code):
        if case.verdict == "passes":
            continue
        if rule.severity == "reject":
            assert case.outcomes[-1] == "rejected", case.vector
            if rule.check == "same_key_other_content":
                assert case.outcomes[0] == "queried", case.vector
        elif rule.check in ACROSS_CHECKS:
            assert set(case.outcomes) == {"queried"}, case.vector
        elif case.accepted[-1] is not None:
            assert case.outcomes[-1] == "queried", case.vector
            assert_value_is_kept_or_gone(contract, rule, case.accepted[-1])


def assert_value_is_kept_or_gone(contract: Contract, rule: Rule, accepted: dict[str, Any]) -> None:
    """A queried value is set aside, unless the rule keeps it or a bad value has a meaning."""
    if rule.check not in COLUMN_CHECKS or "[]" in rule.field or rule.check == "required":
        return
    value: Any = accepted
    for name in rule.field.split("."):
        value = (value or {}).get(name)
    if rule.keeps_value:
        assert value is not None
    elif "bad_value_means" in rule.params:
        assert value == rule.params["bad_value_means"]
    else:
        assert not value


def test_every_vector_belongs_to_a_rule() -> None:
    assert set(VECTORS["rules"]) <= {rule.code for _, rule in RULES}
    assert set(VECTORS["checks"]) <= set(COLUMN_CHECKS) | RECORD_CHECKS | NESTED_CHECKS | ACROSS_CHECKS


@pytest.mark.parametrize("agency", ["health", "education", "police", "social_care"])
def test_a_sound_record_breaks_nothing(agency: str) -> None:
    result = judged(agency, record(agency))
    assert broken(result) == set()
    assert result.counts == {"rows_read": 1, "accepted": 1, "queried": 0, "rejected": 0, "repeats": 0, "lost": 0}


def test_a_rule_judges_only_within_its_dates() -> None:
    born_last_century = record("health", {"birth_date": "1975-01-01", "gp_from": None})
    assert outcome(judged("health", born_last_century)) == "rejected"
    early = judged("health", {**born_last_century, "nhs_number": None}, night=date(2004, 9, 1))
    assert early.rules["HEALTH-BIRTH-005"] == 1  # 29 years old on that night
    young = judged("health", {**born_last_century, "birth_date": "1990-01-01"}, night=date(2004, 9, 1))
    assert outcome(young) == "accepted"
