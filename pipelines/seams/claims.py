"""What interim indexes say of records (records → matching → reporting): their links, and what came of each."""

from __future__ import annotations

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = ["CLAIMED", "CLAIMS"]

_TEXT = pa.string()
_WHOSE = (
    Column("source", _TEXT, "the interim index, by the name of its feed", width=words.AGENCY, needed=True),
    Column("person", _TEXT, "keyed digest of its own id of the person", width=words.REF, needed=True),
)
CLAIMS = Seam(  # a row of an interim index: a record that it has under a person of its own
    "links of interim indexes",
    (
        *_WHOSE,
        Column("record_key", _TEXT, "the record that the row means, be it there or not", needed=True),
        Column("state", _TEXT, "whether the row can be used, and why not", words.CLAIM_STATES, needed=True),
        Column("delivery_id", _TEXT, "the delivery that brought the row", width=words.DELIVERY_ID, needed=True),
        Column("position", pa.int64(), "its ordinal in that delivery, from 1"),
    ),
)
CLAIMED = Seam(  # what came of each pair of records that one person has
    "outcome of links of interim indexes",
    (
        *_WHOSE,
        Column("record_key_a", _TEXT, "a record", needed=True),
        Column("record_key_b", _TEXT, "another, its key the greater one", needed=True),
        Column("verdict", _TEXT, "what came of it", words.CLAIM_VERDICTS, needed=True),
    ),
)
