"""Tables of one delivery and one feed: the faults found, and the head of the live records."""

from __future__ import annotations

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = ["ASKING", "FAULTS", "LIVE_HEAD", "LIVE_TAIL", "REJECTS"]

_TEXT, _DAY, _NUMBER = pa.string(), pa.date32(), pa.int64()

REJECTS = Seam(  # validation → deliveries, records, reporting: one row per record and broken rule
    "rejects",
    (
        Column("reject_id", _TEXT, "stable: the same fault of the same record has it every night", width=words.REF),
        Column("position", _NUMBER, "the record's ordinal in the delivery, from 1"),
        Column("line", _NUMBER, "the line of the file where it begins"),
        Column("key", _TEXT, "the record's key in its feed; none where it could not be read"),
        Column("outcome", _TEXT, "what became of the record", values=words.REJECT_OUTCOMES),
        Column("rule", _TEXT, "code of the rule"),
        Column("severity", _TEXT, "what the rule asks for", values=words.SEVERITIES),
        Column("dimension", _TEXT, "the quality dimension it counts against", values=words.DIMENSIONS),
        Column("field", _TEXT, "path of the column concerned, several joined by +"),
        Column("masked", _TEXT, "the shape of the value, never the value"),
        Column("message", _TEXT, "what is wrong, in plain words"),
        Column("remedy", _TEXT, "what the supplier should do"),
        Column("contract", _TEXT, "the contract it was judged by", width=words.CONTRACT),
        Column("asks_shield", pa.bool_(), "the rejected record asks for a shield"),
        Column(
            "may_be", _TEXT, "a keyed digest of what may be the key of a record that could not be read", width=words.REF
        ),
    ),
)

ASKING = Seam(  # readers → protection: each record that asks to be protected, however broken it is; in memory only
    "records that ask",
    (
        Column("position", _NUMBER, "the record's ordinal in the delivery, from 1"),
        Column("line", _NUMBER, "the line of the file where it begins"),
        Column("key", _TEXT, "the record's key in its feed; none where it could not be read"),
        Column("asked", _TEXT, "path of the protective column that asks", needed=True),
        Column("understood", pa.bool_(), "whether it asks as the contract says", needed=True),
        Column(
            "named",
            pa.list_(pa.field("element", pa.struct([("concept", _TEXT), ("value", _TEXT)]))),
            "every value of the record that may name the child, as delivered, by the concept of its column",
            needed=True,
        ),
        Column(
            "walled",
            pa.list_(pa.field("element", _TEXT)),
            "the numbers, as delivered, of the records that it must never be linked with; none: it asks to be hidden",
        ),
        Column("damaged", pa.bool_(), "it was made out of a damaged record: of its mark no more can be said"),
    ),
)

FAULTS = Seam(  # validation → nights, database, reporting: one row per fault that was ever found in a feed
    "faults",
    (
        Column("agency", _TEXT, "the agency of the feed", width=words.AGENCY, needed=True),
        Column("reject_id", _TEXT, "stable: the same fault of the same record", width=words.REF, needed=True),
        Column("rule", _TEXT, "code of the rule", needed=True),
        Column("outcome", _TEXT, "as first found", values=words.REJECT_OUTCOMES, needed=True),
        Column("field", _TEXT, "path of the column concerned, several joined by +", needed=True),
        Column("first_night", _DAY, "the night it was first found", needed=True),
        Column("last_night", _DAY, "the night it was last found", needed=True),
        Column("state", _TEXT, "whether it stands, and how it ended", values=words.REJECT_STATES, needed=True),
        Column("closed_night", _DAY, "the night it ended"),
    ),
)

# records → nights and back: between the two stand the contract's own columns, in its order and types
LIVE_HEAD = Seam(
    "live records",
    (
        Column("position", _NUMBER, "the record's ordinal in the delivery that brought it, from 1"),
        Column("line", _NUMBER, "the line of the file where it began"),
        Column("key", _TEXT, "the record's key in its feed"),
        Column("outcome", _TEXT, "the latest verdict on it", values=words.LIVE_OUTCOMES),
        Column("unverified", pa.list_(pa.field("element", _TEXT)), "paths of identifiers that are not relied on"),
    ),
)
LIVE_TAIL = Seam(
    "live records",
    (
        Column("delivery_id", _TEXT, "the delivery that brought this content", width=words.DELIVERY_ID),
        Column("as_of", _DAY, "business date of that delivery"),
        Column("content", _NUMBER, "hash of the content"),
    ),
)
