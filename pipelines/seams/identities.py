"""Identities after a night (identities → protection, publishing, reporting, and the identities of the next night)."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = ["EVENTS", "HISTORY", "IDENTITIES", "IDENTITY_TABLES", "INDEX_IDS", "STORY", "VISIBILITY"]

_TEXT, _DAY, _YES, _NUMBER = pa.string(), pa.date32(), pa.bool_(), pa.int64()
_RECORD_KEY = Column("record_key", _TEXT, "a record", needed=True)
_INDEX_ID = Column("index_id", _TEXT, "the index id", width=words.INDEX_ID, needed=True)

IDENTITIES = Seam(  # each live record once
    "identities",
    (
        _RECORD_KEY,
        Column("record_ref", _TEXT, "its opaque reference", width=words.REF, needed=True),
        Column(
            "wall_ref",
            _TEXT,
            "the reference published in its place since a firewall gave it another id",
            width=words.REF,
        ),
        _INDEX_ID,
        Column("step", _TEXT, "the step that joined it", values=words.STEPS, needed=True),
        Column("weight", pa.float64(), "match weight of its best link, in bits"),
        Column("reason", _TEXT, "why it was joined, in a sentence without a value"),
        Column("delivery_id", _TEXT, "the delivery that last changed it", width=words.DELIVERY_ID, needed=True),
        Column("position", _NUMBER, "its ordinal in that delivery, from 1"),
        Column("content", _NUMBER, "hash of its content"),
    ),
)
INDEX_IDS = Seam(  # every index id ever minted
    "index ids",
    (
        _INDEX_ID,
        Column("state", _TEXT, "what became of it", values=words.INDEX_ID_STATES, needed=True),
        Column("minted_night", _DAY, "the night it was minted", needed=True),
        Column("redirects_to", _TEXT, "where it was merged to, as it was at the merge", width=words.INDEX_ID),
        Column("since", _DAY, "since when it is no longer live"),
    ),
)
HISTORY = Seam(  # which ids a record had before
    "earlier index ids",
    (
        _RECORD_KEY,
        _INDEX_ID,
        Column("until", _DAY, "until which night", needed=True),
        Column("walled", _YES, "it had it behind a firewall, under another reference"),
    ),
)
STORY = Seam(  # what happened to an identity
    "story",
    (
        _INDEX_ID,
        Column("business_date", _DAY, "the night"),
        Column("kind", _TEXT, "what happened", values=words.EVENT_KINDS),
        Column("words", _TEXT, "the same in a sentence without a value"),
    ),
)
VISIBILITY = Seam(  # each live identity once
    "visibility",
    (
        _INDEX_ID,
        Column("shielded", _YES, "one of its records is shielded", needed=True),
        Column("withheld", _YES, "possibly the same child as a shielded one: shown as such", needed=True),
    ),
)
EVENTS = Seam(  # of one night, for the ledger
    "events",
    (
        Column("kind", _TEXT, "what happened", values=words.EVENT_KINDS, needed=True),
        _INDEX_ID,
        Column("other_id", _TEXT, "the other identity concerned", width=words.INDEX_ID),
        Column("record_ref", _TEXT, "the record concerned", width=words.REF),
        Column("evidence", _TEXT, "JSON: counts, references, step and weight, no value", needed=True),
    ),
)

IDENTITY_TABLES: Mapping[str, Seam] = {
    "identities": IDENTITIES,
    "index_ids": INDEX_IDS,
    "history": HISTORY,
    "story": STORY,
    "visibility": VISIBILITY,
}
