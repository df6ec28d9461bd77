"""The comparable form: the columns of a person record, and which concepts of a contract feed each.

Belongs here: names, types and sources, so that assets, documents and `pipelines.records.person_records` agree on them.
Not here: how the values are made.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PERSON_RECORD", "PersonColumn"]

_GIVEN = ("given_names", "other_given_names", "names")


@dataclass(frozen=True)
class PersonColumn:
    """A column of the person records: its name, DuckDB type, meaning, and the concepts that feed it."""

    name: str
    type: str
    description: str
    concepts: tuple[str, ...] = ()


PERSON_RECORD: tuple[PersonColumn, ...] = (
    PersonColumn("record_key", "VARCHAR", "agency, a colon, and the record's key in its feed"),
    PersonColumn("agency", "VARCHAR", "the agency whose feed the record comes from"),
    PersonColumn("key", "VARCHAR", "the record's key in its feed"),
    PersonColumn("given_names", "VARCHAR", "all given names in use, a space between them", _GIVEN),
    PersonColumn("family_name", "VARCHAR", "family name in use", ("family_name", "names")),
    PersonColumn("former_family_name", "VARCHAR", "the latest earlier family name", ("former_family_name", "names")),
    PersonColumn("birth_date", "DATE", "date of birth", ("birth_date",)),
    PersonColumn("expected_birth_date", "DATE", "expected date of birth of an unborn child", ("expected_birth_date",)),
    PersonColumn("age_estimate", "INTEGER", "estimated age in years", ("age_estimate",)),
    PersonColumn("death_date", "DATE", "date of death", ("death_date",)),
    PersonColumn("sex", "VARCHAR", "M, F or nothing", ("sex",)),
    PersonColumn("postcode", "VARCHAR", "postcode of a real place", ("postcode", "address")),
    PersonColumn("address", "VARCHAR", "the address on one line", ("address_line", "address")),
    PersonColumn("uprn", "VARCHAR", "unique property reference number", ("uprn", "address")),
    PersonColumn(
        "address_status", "VARCHAR", "why there is no present address", ("address_status", "postcode", "address")
    ),
    PersonColumn("address_from", "DATE", "since when the address has been known", ("address_from", "address")),
    PersonColumn("nhs_number", "VARCHAR", "verified NHS number", ("nhs_number",)),
    PersonColumn("nhs_number_unverified", "VARCHAR", "NHS number that is kept but not relied on", ("nhs_number",)),
    PersonColumn("previous_nhs_number", "VARCHAR", "NHS number no longer used", ("previous_nhs_number",)),
    PersonColumn("upn", "VARCHAR", "verified UPN", ("upn",)),
    PersonColumn("upn_unverified", "VARCHAR", "UPN that is kept but not relied on", ("upn",)),
    PersonColumn("former_upn", "VARCHAR", "UPN no longer used", ("former_upn",)),
    PersonColumn("phone", "VARCHAR", "telephone number of the child or household", ("phone",)),
    PersonColumn("school", "VARCHAR", "URN of the school", ("school",)),
    PersonColumn("gp_practice", "VARCHAR", "code of the general practice", ("gp_practice",)),
    PersonColumn("carer_name", "VARCHAR", "the first carer's name", ("carer_name", "carers")),
    PersonColumn("shielded", "BOOLEAN", "this feed asks for the child to be shielded", ("shielded", "shield")),
    PersonColumn(
        "linkable",
        "BOOLEAN",
        "has a name or a date of birth",
        ("family_name", "given_names", "alias_family_name", "former_family_name", "names", "birth_date"),
    ),
    PersonColumn("as_of", "DATE", "the day on which the record was true", ("as_of",)),
    PersonColumn("delivery_id", "VARCHAR", "the delivery that brought the record"),
    PersonColumn("position", "BIGINT", "its ordinal in that delivery, from 1"),
    PersonColumn("content", "BIGINT", "hash of the record's content"),
)
