"""The snapshot: nine tables, as published in files and in the index database (publishing → readers).

The columns of the index database are these, with the authority and a row number before them (`database.schema`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = ["SNAPSHOT_TABLES"]

_TEXT, _DAY, _YES = pa.string(), pa.date32(), pa.bool_()
_INDEX_ID = Column("index_id", _TEXT, "the child's index id", width=words.INDEX_ID, needed=True)
_AGENCY = Column("agency", _TEXT, "the agency whose word it is", width=words.AGENCY, needed=True)
_AGENCY_OR_NONE = Column("agency", _TEXT, "the agency whose word it is; none where that is not shown", (), words.AGENCY)

_CHILDREN = Seam(
    "children",
    (
        _INDEX_ID,
        Column("family_name", _TEXT, "family name in use"),
        Column("given_names", _TEXT, "all given names in use, a space between them"),
        Column("sex", _TEXT, "M, F or nothing", values=words.SEXES),
        Column("birth_date", _DAY, "date of birth"),
        Column("expected_birth_date", _DAY, "expected date of birth of an unborn child"),
        Column("address_status", _TEXT, "why there is no present address", values=words.ADDRESS_STATUSES),
        Column("shielded", _YES, "shielded: little is shown", needed=True),
        Column("withheld", _YES, "possibly a shielded child: shown as one until settled", needed=True),
        Column(
            "state", _TEXT, "live, or frozen while its records contradict each other", words.INDEX_ID_STATES, 0, True
        ),
    ),
)
_NAMES = Seam(
    "names",
    (
        _INDEX_ID,
        Column("kind", _TEXT, "in use, earlier, or also used", values=words.NAME_KINDS, needed=True),
        Column("family_name", _TEXT, "family name"),
        Column("given_names", _TEXT, "given names"),
        Column("from_date", _DAY, "first day of the name"),
        Column("to_date", _DAY, "last day of the name"),
        _AGENCY_OR_NONE,
    ),
)
_ADDRESSES = Seam(
    "addresses",
    (
        _INDEX_ID,
        Column("address", _TEXT, "the address on one line"),
        Column("postcode", _TEXT, "postcode of a real place"),
        Column("uprn", _TEXT, "unique property reference number"),
        Column("status", _TEXT, "whether the child lives there, or why there is no address", words.ADDRESS_STATUSES),
        Column("from_date", _DAY, "since when the address has been known"),
        _AGENCY,
    ),
)
_CARERS = Seam(
    "carers",
    (
        _INDEX_ID,
        Column("name", _TEXT, "name of a person with parental responsibility"),
        Column("relationship", _TEXT, "what the carer is to the child"),
        Column("contact", _TEXT, "how the carer can be reached"),
        _AGENCY_OR_NONE,
    ),
)
_INVOLVEMENTS = Seam(
    "involvements",
    (
        _INDEX_ID,
        Column("kind", _TEXT, "what kind of service is involved", values=words.INVOLVEMENT_KINDS, needed=True),
        Column("service", _TEXT, "name or code of the service; empty for a sensitive one"),
        Column("contact", _TEXT, "practitioner to ask; empty for a sensitive service"),
        Column("phone", _TEXT, "telephone number of the service; empty for a sensitive one"),
        Column("start_date", _DAY, "first day; empty for a sensitive service"),
        Column("end_date", _DAY, "last day; empty for a sensitive service"),
        _AGENCY_OR_NONE,
    ),
)
_FLAGS = Seam("flags", (_INDEX_ID, Column("flag", _TEXT, "what is so", values=words.FLAGS, needed=True), _AGENCY))
_RECORD_LINKS = Seam(
    "record_links",
    (
        _INDEX_ID,
        _AGENCY,
        Column("record_ref", _TEXT, "the record's opaque reference", width=words.REF, needed=True),
        Column("delivery_id", _TEXT, "the delivery that last changed it", width=words.DELIVERY_ID, needed=True),
        Column("position", pa.int64(), "its ordinal in that delivery, from 1"),
        Column("step", _TEXT, "the step that joined it", values=words.STEPS, needed=True),
        Column("weight", pa.float64(), "match weight of its best link, in bits"),
        Column("reason", _TEXT, "why it was joined, in a sentence without a value"),
    ),
)
_REDIRECTS = Seam(
    "redirects",
    (
        Column("index_id", _TEXT, "an index id that is no child's any more", width=words.INDEX_ID, needed=True),
        Column("redirects_to", _TEXT, "the index id of the child it was found to be", (), words.INDEX_ID, True),
        Column("since", _DAY, "since when"),
    ),
)
_EVENTS = Seam(
    "events",
    (
        _INDEX_ID,
        Column("business_date", _DAY, "the night"),
        Column("kind", _TEXT, "what happened", values=words.EVENT_KINDS),
        Column("words", _TEXT, "the same in a sentence without a value"),
    ),
)

SNAPSHOT_TABLES: Mapping[str, Seam] = {
    seam.name: seam
    for seam in (
        _CHILDREN, _NAMES, _ADDRESSES, _CARERS, _INVOLVEMENTS, _FLAGS, _RECORD_LINKS, _REDIRECTS, _EVENTS,
    )
}  # fmt: skip
