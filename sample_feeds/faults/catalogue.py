"""Every kind of bad value that a row rule must find, with the outcome and the rule it must get.

Belongs here: the catalogue, agency by agency. Not here: whose records are damaged (records.py). A kind whose outcome is
``accepted`` looks wrong and is not.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sample_feeds.identifiers import digits

__all__ = ["CATALOGUE", "NATIVE_ONLY", "PAIR_RULES", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of fault: field, the outcome and rule it must get, and what is written there (or done to the old)."""

    name: str
    field: str
    outcome: str
    rule: str
    value: str | Callable[[object, dt.date], object] | None


def _nhs(prefix: str) -> Callable[[object, dt.date], object]:
    """A number with a right check digit that starts with `prefix`, from the old value's digits."""

    def make(old: object, _: dt.date) -> object:
        base = int((prefix + (str(old or "4857773457"))[len(prefix) : 9].ljust(9 - len(prefix), "7"))[:9])
        for body in range(base, base + 12):
            check = (11 - int((digits(np.array([body]), 9) * np.arange(10, 1, -1)).sum()) % 11) % 11
            if check != 10:
                return f"{body:09d}{check}"
        raise AssertionError("a body with a check digit is never far")

    return make


def _next_digit(old: object, _: dt.date) -> object:
    text = str(old or "4857773457")
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def _next_letter(old: object, _: dt.date) -> object:
    alphabet, text = "ABCDEFGHJKLMNPQRTUVWXYZ", str(old or "A330900010000")
    return alphabet[(alphabet.index(text[0]) + 5) % 23] + text[1:]


def _unknown_authority(old: object, _: dt.date) -> object:
    from sample_feeds.identifiers import upn_check_letter

    body = "950" + str(old or "A330900010000")[4:]
    return str(upn_check_letter(np.array([int(body)]))[0]) + body


def _temporary(old: object, _: dt.date) -> object:
    """A right temporary UPN with some of the old one's digits: its last letter counts in the sum."""
    body = str(old or "A330900010000")[1:12]
    total = sum(int(figure) * weight for weight, figure in enumerate(body, start=2))
    return "ABCDEFGHJKLMNPQRTUVWXYZ"[total % 23] + body + "A"


def _tomorrow(pattern: str = "%Y-%m-%d") -> Callable[[object, dt.date], object]:
    return lambda _, day: (day + dt.timedelta(days=3)).strftime(pattern)


def _adult(_: object, day: dt.date) -> object:
    return day.replace(year=day.year - 38, day=1).strftime("%d/%m/%Y")


def _without_basis(old: object, _: dt.date) -> object:
    entries = copy.deepcopy(old)
    entries.append(  # type: ignore[attr-defined]
        {
            "team": "Young People's Substance Misuse",
            "worker": "Ada Marsh",
            "contact": "01632 960999",
            "start": "2026-01-05",
            "sensitive": True,
        }
    )
    return entries


def _ends_first(old: object, _: dt.date) -> object:
    entries = copy.deepcopy(old)
    entries[0] |= {"start": "2025-06-02", "end": "2025-03-01"}  # type: ignore[index]
    return entries


_BAD_POSTCODE = "SW1A 9CI"
CATALOGUE: dict[str, tuple[Kind, ...]] = {
    "health": (
        Kind("nhs_check_digit", "nhs_number", "queried", "HEALTH-NHS-002", _next_digit),
        Kind("nhs_repeated_digit", "nhs_number", "queried", "HEALTH-NHS-002", "4444444444"),
        Kind("nhs_lost_zero", "nhs_number", "queried", "HEALTH-NHS-001", lambda _, __: "101123450"),
        Kind("nhs_test_range", "nhs_number", "queried", "HEALTH-NHS-003", _nhs("999")),
        Kind("nhs_other_uk", "nhs_number", "queried", "HEALTH-NHS-003", _nhs("321")),
        Kind("birth_missing", "birth_date", "rejected", "HEALTH-BIRTH-001", None),
        Kind("birth_impossible", "birth_date", "rejected", "HEALTH-BIRTH-002", "2019-02-30"),
        Kind("birth_future", "birth_date", "rejected", "HEALTH-BIRTH-004", _tomorrow()),
        Kind("birth_placeholder", "birth_date", "queried", "HEALTH-BIRTH-003", "1900-01-01"),
        Kind("over_25", "birth_date", "rejected", "HEALTH-BIRTH-005", "1988-05-17"),
        Kind("death_before_birth", "death_date", "queried", "HEALTH-DATE-001", "1999-12-31"),
        Kind("family_name_missing", "family_name", "rejected", "HEALTH-NAME-001", None),
        Kind("key_missing", "local_patient_id", "rejected", "HEALTH-KEY-001", None),
        Kind("million_characters", "family_name", "rejected", "RECORD-TOO-LARGE", "A" * 12_000),
        Kind("postcode_bad", "postcode", "queried", "HEALTH-POSTCODE-001", _BAD_POSTCODE),
        Kind("postcode_pseudo", "postcode", "accepted", "", "ZZ99 3VZ"),
        Kind("gender_unknown", "gender", "queried", "HEALTH-SEX-001", "7"),
        Kind("practice_bad", "gp_practice_code", "queried", "HEALTH-GP-001", "AA10O1"),
        Kind("practice_default", "gp_practice_code", "accepted", "", "V81999"),
        Kind("death_future", "death_date", "queried", "HEALTH-DEATH-002", _tomorrow()),
        Kind("garbled", "given_name", "queried", "HEALTH-NAME-005", "ZoÃ«"),
        Kind("shield_code_unknown", "confidentiality", "queried", "HEALTH-SHIELD-001", "X"),
        Kind("previous_number_bad", "previous_nhs_number", "queried", "HEALTH-PREVIOUS_NHS-002", "6000000001"),
        Kind("line_break_in_value", "address_line_3", "accepted", "", "Old Mill\nThe Green"),
        Kind("broken_record", "", "rejected", "RECORD-FIELD-COUNT", None),
    ),
    "education": (
        Kind("upn_check_letter", "UPN", "queried", "EDUCATION-UPN-002", _next_letter),
        Kind("upn_unknown_authority", "UPN", "queried", "EDUCATION-UPN-002", _unknown_authority),
        Kind("upn_temporary", "UPN", "queried", "EDUCATION-UPN-003", _temporary),
        Kind("urn_bad", "URN", "rejected", "EDUCATION-SCHOOL-002", "12A45"),
        Kind("uprn_bad", "UPRN", "queried", "EDUCATION-ADDRESS-011", "10000000000000"),
        Kind("upn_missing", "UPN", "rejected", "EDUCATION-UPN-001", None),
        Kind("urn_missing", "URN", "rejected", "EDUCATION-SCHOOL-001", None),
        Kind("former_upn_bad", "FormerUPN", "queried", "EDUCATION-FORMER_UPN-001", "P33090012401C"),
        Kind("surname_missing", "Surname", "rejected", "EDUCATION-NAME-001", None),
        Kind("forename_missing", "Forename", "rejected", "EDUCATION-NAME-004", None),
        Kind("birth_missing", "DOB", "rejected", "EDUCATION-BIRTH-001", None),
        Kind("birth_impossible", "DOB", "rejected", "EDUCATION-BIRTH-002", "2014-13-05"),
        Kind("birth_future", "DOB", "rejected", "EDUCATION-BIRTH-004", _tomorrow()),
        Kind("over_25", "DOB", "rejected", "EDUCATION-BIRTH-005", "1990-01-31"),
        Kind("leaving_before_entry", "LeavingDate", "queried", "EDUCATION-ENROLMENT-006", "2001-07-20"),
        Kind("status_unknown", "EnrolStatus", "queried", "EDUCATION-ENROLMENT-005", "Z"),
        Kind("sex_unknown", "Sex", "queried", "EDUCATION-SEX-001", "Q"),
        Kind("postcode_bad", "Postcode", "queried", "EDUCATION-POSTCODE-001", _BAD_POSTCODE),
    ),
    "police": (
        Kind("reference_missing", "contact_ref", "rejected", "POLICE-KEY-001", None),
        Kind("contact_date_missing", "contact_date", "rejected", "POLICE-CONTACT-001", None),
        Kind("contact_date_future", "contact_date", "rejected", "POLICE-CONTACT-003", _tomorrow("%d/%m/%Y")),
        Kind("birth_impossible", "date_of_birth", "queried", "POLICE-BIRTH-001", "31/02/2015"),
        Kind("sex_unknown", "sex", "queried", "POLICE-SEX-001", "Z"),
        Kind("postcode_bad", "postcode", "queried", "POLICE-POSTCODE-001", _BAD_POSTCODE),
        Kind("broken_record", "", "rejected", "RECORD-FIELD-COUNT", None),
        Kind("nobody", "forenames", "accepted", "", None),
        Kind("adult", "date_of_birth", "rejected", "POLICE-BIRTH-004", _adult),
    ),
    "social_care": (
        Kind("upn_check_letter", "upn", "queried", "SOCIAL_CARE-UPN-001", _next_letter),
        Kind("nhs_check_digit", "nhs_number", "queried", "SOCIAL_CARE-NHS-002", _next_digit),
        Kind("upn_temporary", "upn", "queried", "SOCIAL_CARE-UPN-002", _temporary),
        Kind("flag_not_boolean", "caf_exists", "queried", "SOCIAL_CARE-FLAG-002", "yes"),
        Kind("no_date_at_all", "date_of_birth", "rejected", "SOCIAL_CARE-BIRTH-006", None),
        Kind("expected_too", "expected_date_of_birth", "rejected", "SOCIAL_CARE-BIRTH-006", "2026-12-24"),
        Kind(
            "status_unknown",
            "address",
            "queried",
            "SOCIAL_CARE-ADDRESS-006",
            lambda old, _: {**old, "status": "somewhere"},  # type: ignore[dict-item]
        ),
        Kind("id_missing", "la_child_id", "rejected", "SOCIAL_CARE-KEY-001", None),
        Kind("names_missing", "names", "rejected", "SOCIAL_CARE-NAME-001", None),
        Kind("reason_unknown", "upn_unknown_reason", "queried", "SOCIAL_CARE-UPN-003", "UN9"),
        Kind("sex_unknown", "sex", "queried", "SOCIAL_CARE-SEX-001", "Q"),
        Kind("sensitive_without_basis", "involvements", "queried", "SOCIAL_CARE-CONSENT-003", _without_basis),
        Kind("involvement_ends_first", "involvements", "queried", "SOCIAL_CARE-INVOLVEMENT-012", _ends_first),
        Kind(
            "shield_without_authoriser",
            "shield",
            "queried",
            "SOCIAL_CARE-SHIELD-005",
            lambda _, __: {"requested": True, "reason_code": "other"},
        ),
        Kind("broken_record", "", "rejected", "RECORD-UNREADABLE", None),
    ),
}
# Kinds that only the native form can carry: Parquet has no lines to break and holds flags as booleans.
NATIVE_ONLY = ("broken_record", "line_break_in_value", "flag_not_boolean")
# The rules of the faults that take two records: one key with other content, one identifier on two children.
PAIR_RULES = {
    "health": {"same_key": "HEALTH-KEY-004", "shared": "HEALTH-NHS-004"},
    "education": {"same_key": "EDUCATION-KEY-001", "shared": "EDUCATION-UPN-004"},
    "police": {"same_key": "POLICE-KEY-004"},
    "social_care": {"same_key": "SOCIAL_CARE-KEY-004"},
}
