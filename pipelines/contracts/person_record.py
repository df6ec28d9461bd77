"""The comparable form and the contracts: which concepts of a contract feed each column of a person record.

Belongs here: the sources of the columns, so that assets, documents and `pipelines.records.person_records` agree on them.
Not here: the columns themselves (`pipelines.seams.person`), or how their values are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.seams.person import RECORDS

__all__ = ["PERSON_RECORD", "PersonColumn"]


@dataclass(frozen=True)
class PersonColumn:
    """A column of the person records: its name, DuckDB type, meaning, and the concepts that feed it."""

    name: str
    type: str
    description: str
    concepts: tuple[str, ...] = ()


_DUCKDB: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
}
_CONCEPTS: Mapping[str, tuple[str, ...]] = {
    "given_names": ("given_names", "other_given_names", "names"),
    "family_name": ("family_name", "names"),
    "former_family_name": ("former_family_name", "names"),
    "birth_date": ("birth_date",),
    "expected_birth_date": ("expected_birth_date",),
    "age_estimate": ("age_estimate",),
    "death_date": ("death_date",),
    "sex": ("sex",),
    "postcode": ("postcode", "address"),
    "address": ("address_line", "address"),
    "uprn": ("uprn", "address"),
    "address_status": ("address_status", "postcode", "address"),
    "address_from": ("address_from", "address"),
    "nhs_number": ("nhs_number",),
    "nhs_number_unverified": ("nhs_number",),
    "previous_nhs_number": ("previous_nhs_number",),
    "upn": ("upn",),
    "upn_unverified": ("upn",),
    "former_upn": ("former_upn",),
    "phone": ("phone",),
    "school": ("school",),
    "gp_practice": ("gp_practice",),
    "carer_name": ("carer_name", "carers"),
    "shielded": ("shielded", "shield"),
    "walled_from": ("walled_from",),
    "linkable": ("family_name", "given_names", "alias_family_name", "former_family_name", "names", "birth_date"),
    "as_of": ("as_of",),
}
PERSON_RECORD: tuple[PersonColumn, ...] = tuple(
    PersonColumn(each.name, _DUCKDB[each.type], each.meaning, _CONCEPTS.get(each.name, ())) for each in RECORDS.columns
)
