"""Person records: every live record of every feed in one comparable form (records → matching, identities, publishing).

Six tables, each ordered by record_key: the agency, a colon, and the record's key in its feed.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = ["ADDRESSES", "CARERS", "FLAGS", "INVOLVEMENTS", "NAMES", "PERSON_TABLES", "RECORDS"]

_TEXT, _DAY, _YES = pa.string(), pa.date32(), pa.bool_()
_RECORD_KEY = Column("record_key", _TEXT, "agency, a colon, and the record's key in its feed", needed=True)
_AGENCY = Column("agency", _TEXT, "the agency whose feed the record comes from", width=words.AGENCY, needed=True)
_OF_RECORD = (_RECORD_KEY, _AGENCY)

RECORDS = Seam(
    "person records",
    (
        *_OF_RECORD,
        Column("key", _TEXT, "the record's key in its feed"),
        Column("given_names", _TEXT, "all given names in use, a space between them"),
        Column("family_name", _TEXT, "family name in use"),
        Column("former_family_name", _TEXT, "the latest earlier family name"),
        Column("birth_date", _DAY, "date of birth"),
        Column("expected_birth_date", _DAY, "expected date of birth of an unborn child"),
        Column("age_estimate", pa.int32(), "estimated age in years"),
        Column("death_date", _DAY, "date of death"),
        Column("sex", _TEXT, "M, F or nothing", values=words.SEXES),
        Column("postcode", _TEXT, "postcode of a real place"),
        Column("address", _TEXT, "the address on one line"),
        Column("uprn", _TEXT, "unique property reference number"),
        Column("address_status", _TEXT, "why there is no present address", values=words.ADDRESS_STATUSES),
        Column("address_from", _DAY, "since when the address has been known"),
        Column("nhs_number", _TEXT, "verified NHS number"),
        Column("nhs_number_unverified", _TEXT, "NHS number that is kept but not relied on"),
        Column("previous_nhs_number", _TEXT, "NHS number no longer used"),
        Column("upn", _TEXT, "verified UPN"),
        Column("upn_unverified", _TEXT, "UPN that is kept but not relied on"),
        Column("former_upn", _TEXT, "UPN no longer used"),
        Column("phone", _TEXT, "telephone number of the child or household"),
        Column("school", _TEXT, "URN of the school"),
        Column("gp_practice", _TEXT, "code of the general practice"),
        Column("carer_name", _TEXT, "the first carer's name"),
        Column("shielded", _YES, "this feed asks for the child to be shielded", needed=True),
        Column("walled_from", _TEXT, "the record that this feed asks never to be linked with it"),
        Column("linkable", _YES, "has a name or a date of birth", needed=True),
        Column("as_of", _DAY, "the day on which the record was true"),
        Column("delivery_id", _TEXT, "the delivery that brought the record", width=words.DELIVERY_ID, needed=True),
        Column("position", pa.int64(), "its ordinal in that delivery, from 1"),
        Column("content", pa.int64(), "hash of the record's content"),
    ),
)
NAMES = Seam(
    "names of person records",
    (
        *_OF_RECORD,
        Column("kind", _TEXT, "in use, earlier, or also used", values=words.NAME_KINDS, needed=True),
        Column("family_name", _TEXT, "family name"),
        Column("given_names", _TEXT, "given names"),
        Column("from_date", _DAY, "first day of the name"),
        Column("to_date", _DAY, "last day of the name"),
    ),
)
ADDRESSES = Seam(
    "addresses of person records",
    (
        *_OF_RECORD,
        Column("address", _TEXT, "the address on one line"),
        Column("postcode", _TEXT, "postcode of a real place"),
        Column("uprn", _TEXT, "unique property reference number"),
        Column("status", _TEXT, "whether the child lives there, or why there is no address", words.ADDRESS_STATUSES),
        Column("from_date", _DAY, "since when the address has been known"),
    ),
)
CARERS = Seam(
    "carers of person records",
    (
        *_OF_RECORD,
        Column("name", _TEXT, "name of a person with parental responsibility"),
        Column("relationship", _TEXT, "what the carer is to the child"),
        Column("contact", _TEXT, "how the carer can be reached"),
    ),
)
INVOLVEMENTS = Seam(
    "involvements of person records",
    (
        *_OF_RECORD,
        Column("kind", _TEXT, "what kind of service is involved", values=words.INVOLVEMENT_KINDS, needed=True),
        Column("service", _TEXT, "name or code of the service; empty for a sensitive one"),
        Column("contact", _TEXT, "practitioner to ask; empty for a sensitive service"),
        Column("phone", _TEXT, "telephone number of the service; empty for a sensitive one"),
        Column("start_date", _DAY, "first day"),
        Column("end_date", _DAY, "last day"),
    ),
)
FLAGS = Seam(
    "flags of person records", (*_OF_RECORD, Column("flag", _TEXT, "what is so", values=words.FLAGS, needed=True))
)

PERSON_TABLES: Mapping[str, Seam] = {
    "records": RECORDS,
    "names": NAMES,
    "addresses": ADDRESSES,
    "carers": CARERS,
    "involvements": INVOLVEMENTS,
    "flags": FLAGS,
}
