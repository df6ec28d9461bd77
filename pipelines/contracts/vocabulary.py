"""The words a contract may use: concepts, privacy classes, and the checks with their parameters.

Belongs here: names, and what they mean, so that a broken contract is refused before it judges anybody. Not here: how a
check judges (`pipelines.validation.checks` has one SQL expression per name).

How rules are judged: those of a column in the contract's order, and a value that one sets aside is not judged by the
next; a missing value only by `required`; rules over several columns afterwards, on what is left, except that
`exactly_one` asks what was delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipelines.seams import words

__all__ = [
    "ABSENCE",
    "ARRAY_CONCEPTS",
    "CHECKS",
    "CLAIMING",
    "CONCEPTS",
    "INVOLVEMENT_KINDS",
    "KINDS",
    "NAMING",
    "NAMING_RECORDS",
    "ONE_RECORD_PER_CHILD",
    "PRIVACY_CLASSES",
    "PROTECTING",
    "PSEUDO_POSTCODE_PREFIX",
    "Check",
]

PRIVACY_CLASSES: Mapping[str, str] = {
    "identifier": "A number or reference that points at one person; readable by the issuing agency only.",
    "personal": "Says something about a person.",
    "sensitive": "Shielding and sensitive services; never shown as delivered.",
    "operational": "About the service or the delivery, not about the person.",
}

KINDS = ("records", "interim_index")
"""What a feed holds: records of a service that knows the child, or links that an interim index says are so."""

ABSENCE = ("withdrawn", "nothing")
ONE_RECORD_PER_CHILD = ("record", "person_number", "many")
INVOLVEMENT_KINDS = tuple(kind for kind in words.INVOLVEMENT_KINDS if kind != "sensitive_service")
"""Kinds of service that a flat feed may be mapped to; a sensitive one is told by the record itself."""

PSEUDO_POSTCODE_PREFIX = "ZZ99"
"""Outward part of the pseudo postcodes of the NHS (no fixed abode, not known, abroad): never a place."""

CONCEPTS: Mapping[str, str] = {
    "nhs_number": "NHS number",
    "previous_nhs_number": "an NHS number no longer used",
    "upn": "unique pupil number",
    "former_upn": "a UPN no longer used",
    "family_name": "family name in use",
    "given_names": "first given name, or all of them",
    "other_given_names": "further given names",
    "former_family_name": "earlier family names, a semicolon between several",
    "alias_family_name": "a family name also used",
    "sex": "sex, comparable codes M and F",
    "birth_date": "date of birth",
    "expected_birth_date": "expected date of birth of an unborn child",
    "age_estimate": "estimated age in whole years",
    "death_date": "date of death",
    "address_line": "a line of the address, several in order",
    "address": "the whole address as one text, or an object of address parts",
    "postcode": "postcode",
    "uprn": "unique property reference number",
    "address_from": "since when the address has been known",
    "address_status": "why there is no present address",
    "gp_practice": "code of the general practice",
    "school": "URN of the school",
    "carer_name": "name of a person with parental responsibility",
    "carer_relationship": "what the carer is to the child",
    "carer_contact": "how the carer can be reached",
    "shielded": "true when the child is shielded",
    "withdrawn": "true when the child is to be taken out",
    "as_of": "day on which the record was true",
    "lead_professional": "true when there is a lead professional",
    "caf_exists": "true when a common assessment exists",
    "phone": "telephone number of the child or household",
    "names": "array of names",
    "carers": "array of carers",
    "involvements": "array of involvements",
    "shield": "object with a shield request",
    "walled_from": "key of another record of the feed with which this one must never be linked",
    "claimed_person": "the interim index's own id of a person: whatever it has under one id it takes for one child",
    "claimed_agency": "the agency that sent the record of which the row speaks",
    "claimed_key": "the key of that record, as that agency writes it",
}
"""Comparable fields of the person record that a top-level column may feed."""

ARRAY_CONCEPTS: Mapping[str, str] = {
    "name.family": "family name",
    "name.given": "given names",
    "name.kind": "current, former or alias",
    "name.from": "first day of the name",
    "name.to": "last day of the name",
    "address.lines": "the lines of the address",
    "address.postcode": "postcode",
    "address.uprn": "unique property reference number",
    "address.from": "since when the address has been known",
    "address.status": "why there is no present address",
    "carer.name": "name of the carer",
    "carer.relationship": "what the carer is to the child",
    "carer.contact": "how the carer can be reached",
    "involvement.service": "name of the service",
    "involvement.contact": "practitioner to ask",
    "involvement.phone": "telephone number of the service",
    "involvement.start": "first day",
    "involvement.end": "last day",
    "involvement.sensitive": "true for a sensitive service",
    "involvement.consent_basis": "why a sensitive involvement may be held",
    "shield.requested": "true when the child is to be shielded",
    "shield.by": "who authorised the shield",
    "shield.reason": "why the child is shielded",
}
"""Comparable fields that columns inside an object or array may feed."""

CLAIMING = ("claimed_person", "claimed_agency", "claimed_key")
"""Concepts of an interim index, which has each of them in a column of its key; no other feed has any."""

PROTECTING = frozenset(
    {"shielded", "shield", "walled_from", "withdrawn", "involvement.sensitive", "involvement.consent_basis"}
)
"""Concepts whose columns must say that they protect."""

NAMING = frozenset(
    {
        "nhs_number", "previous_nhs_number", "upn", "former_upn",
        "family_name", "given_names", "other_given_names", "former_family_name", "alias_family_name",
        "name.family", "name.given", "birth_date", "expected_birth_date",
        "address_line", "address", "postcode", "uprn", "address.lines", "address.postcode", "address.uprn", "phone",
    }
)  # fmt: skip
"""Concepts whose values may name a child, or where the child lives."""

NAMING_RECORDS = frozenset(CLAIMING[1:])
"""Concepts whose values together name another feed's record."""


@dataclass(frozen=True)
class Check:
    """One word of the rule vocabulary.

    Attributes:
        meaning: what a record must satisfy, in a clause.
        on: ``column`` (stands under a column and judges its value) or ``record`` (stands under the feed).
        needs: parameters it cannot do without.
        may: parameters it may have.
        paths: those of its parameters that name columns (a path or a list of paths).
    """

    meaning: str
    on: Literal["column", "record"] = "column"
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


CHECKS: Mapping[str, Check] = {
    "required": Check("there is a value (for an array: at least one item)"),
    "nhs_number": Check("ten digits, or 3-3-4, with a fitting check digit, in an issued range"),
    "nhs_number_lost_zero": Check("not nine digits that a leading zero would make valid"),
    "nhs_number_range": Check("issued in one of the ranges `verified` names", needs=("verified",)),
    "upn": Check("a UPN with fitting check letter and known authority", may=("allow_temporary",)),
    "upn_temporary": Check("not a temporary UPN"),
    "date_real": Check("a real date in the form of the file"),
    "date_not_future": Check("not after the business date"),
    "date_placeholder": Check("none of the dates in `values`, which stand for not known", needs=("values",)),
    "age_between": Check(
        "age on the business date from `min` to `max` completed years; `withdraws`: an older good version goes too",
        needs=("min", "max"),
        may=("withdraws",),
    ),
    "postcode_shape": Check("the form of a postcode, pseudo postcodes included"),
    "code_in": Check(
        "one of `values` (the column's enum unless given); `bad_value_means`: the code a bad value counts as",
        may=("values", "bad_value_means"),
    ),
    "gp_practice": Check("the form of a practice code, default codes included"),
    "urn": Check("the form of a school's unique reference number"),
    "max_length": Check("at most `characters` characters", needs=("characters",)),
    "text_clean": Check("no control characters, no replacement character, no text decoded in a wrong encoding"),
    "tells_no_place": Check(
        "no postcode, telephone number or electronic address, no house number with a street, no word of where somebody stays"
    ),
    "flag": Check("a JSON boolean; `bad_value_means`: what a bad value counts as", may=("bad_value_means",)),
    "number_between": Check(
        "a whole number from `min` to `max`; `unless_present`: not judged when that column has a value",
        needs=("min", "max"),
        may=("unless_present", "withdraws"),
        paths=("unless_present",),
    ),
    "pattern": Check("the whole value matches `expression`", needs=("expression",)),
    "date_order": Check(
        "`later` is not before `earlier`; `set_aside`: which of the two is not used (the later unless given)",
        on="record",
        needs=("earlier", "later"),
        may=("set_aside",),
        paths=("earlier", "later", "set_aside"),
    ),
    "exactly_one": Check("exactly one of `fields` was delivered", on="record", needs=("fields",), paths=("fields",)),
    "nested_required": Check(
        "every item of `path` has one of `any_of`; an item without is not used",
        on="record",
        needs=("path", "any_of"),
        paths=("path",),
    ),
    "consent_basis": Check(
        "every item of `path` marked `sensitive` has a `basis`; an item without is refused and kept nowhere",
        on="record",
        needs=("path", "sensitive", "basis"),
        paths=("path",),
    ),
    "shield_authoriser": Check(
        "a shield that is `requested` says `by` whom", on="record", needs=("requested", "by"), paths=("requested", "by")
    ),
    "shared_identifier": Check(
        "no two records with one `identifier` differ in `birth_date` and `names` as two children do",
        on="record",
        needs=("identifier", "birth_date", "names"),
        paths=("identifier", "birth_date", "names"),
    ),
    "two_birth_dates": Check(
        "all records of one `person` have one `birth_date`",
        on="record",
        needs=("person", "birth_date"),
        paths=("person", "birth_date"),
    ),
    "same_key_other_content": Check(
        "no other record of the delivery has the same key and other content; the first is queried, the rest rejected",
        on="record",
    ),
}
