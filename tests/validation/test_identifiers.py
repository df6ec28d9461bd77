"""The definitions of identifiers, held against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.errors import IsindexError
from pipelines.validation.identifiers import IDENTIFIER_KINDS, check_identifier, check_identifiers, upn_check_letter

VECTORS = json.loads((Path(__file__).parents[1] / "identifier_vectors.json").read_text(encoding="utf-8"))
REFERENCE = Path(__file__).parents[3] / "shared" / "data"
LISTED = {"ods_practice_code": "gp_practices.csv", "urn": "schools.csv"}
CLAIMS = ("range", "kind", "status", "la_status")


def broken_claims(kind: str, reference: Path | None) -> list[str]:
    """What the verdicts get wrong, by value."""
    wrong = []
    vectors = VECTORS[kind]
    verdicts = check_identifiers(kind, [vector["value"] for vector in vectors], reference=reference)
    for vector, verdict in zip(vectors, verdicts, strict=True):
        expected = {"valid": vector["valid"]}
        expected |= {claim: vector[claim] for claim in ("normalised", "fails") if claim in vector}
        expected |= {"kind": vector[claim] for claim in CLAIMS if claim in vector}
        got = {claim: getattr(verdict, claim) for claim in expected}
        if got != expected:
            wrong.append(f"{vector['value']!r} ({vector['why']}): {got} instead of {expected}")
    return wrong


def test_the_vectors_are_whole() -> None:
    all_vectors = [vector for kind in IDENTIFIER_KINDS for vector in VECTORS[kind]]
    assert sum(vector["valid"] for vector in all_vectors) == 117
    assert sum(not vector["valid"] for vector in all_vectors) == 142


@pytest.mark.parametrize("kind", [kind for kind in IDENTIFIER_KINDS if kind not in LISTED])
def test_vectors_pass(kind: str) -> None:
    assert broken_claims(kind, None) == []


@pytest.mark.parametrize("kind", LISTED)
def test_vectors_of_listed_codes_pass(kind: str) -> None:
    if not (REFERENCE / LISTED[kind]).is_file():
        pytest.skip(f"the reference list {LISTED[kind]} is not part of the repository and not beside it")
    assert broken_claims(kind, REFERENCE) == []


@pytest.mark.parametrize("kind", LISTED)
def test_without_a_reference_list_only_the_shape_is_judged(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISINDEX_REFERENCE", raising=False)
    for vector in VECTORS[kind]:
        verdict = check_identifier(kind, vector["value"])
        if vector["valid"]:
            assert verdict.valid, vector["why"]
        elif verdict.valid:
            assert "not listed" in vector["why"] or "not in the English list" in vector["why"]


@pytest.mark.parametrize("vector", [v for v in VECTORS["upn"] if "correct_letter" in v], ids=lambda v: v["value"])
def test_the_right_check_letter_is_known(vector: dict[str, str]) -> None:
    assert upn_check_letter(vector["value"][1:]) == vector["correct_letter"]


@pytest.mark.parametrize("authority", ["001", "005", "660", "681", "701", "708"])
def test_a_pseudo_authority_may_have_issued_a_upn(authority: str) -> None:
    digits = f"{authority}900119001"
    assert check_identifier("upn", upn_check_letter(digits) + digits).valid


@pytest.mark.parametrize("authority", ["000", "006", "659", "682", "700", "709", "999"])
def test_no_other_number_may_have_issued_one(authority: str) -> None:
    digits = f"{authority}900119001"
    assert check_identifier("upn", upn_check_letter(digits) + digits).fails == "la_code"


@pytest.mark.parametrize(
    ("value", "fails"),
    [
        ("607231009", "lost_zero"),
        ("999000001", "format"),
        ("9990000118", "check_digit"),
        ("4444444444", "repeated_digit"),
        ("5000000102", "range"),
    ],
)
def test_what_is_wrong_with_an_nhs_number_is_named(value: str, fails: str) -> None:
    assert check_identifier("nhs_number", value).fails == fails


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(IsindexError, match="IDENTIFIER_KIND_UNKNOWN"):
        check_identifier("passport", "1")
