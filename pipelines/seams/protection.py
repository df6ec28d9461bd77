"""Tables of protection: what a delivery asks for, the register of it, what is latched (deliveries → protection → the next night).

Nothing in them can be read: whoever is meant is told by keyed digests of the values that name a child.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = [
    "BORNE",
    "ENTRIES",
    "HIDDEN",
    "LATCHED",
    "PLACES",
    "REQUESTS",
    "SENSITIVE",
    "TASKS",
    "TOKENS",
    "UNSERVICED",
    "WALLS_WISHED",
]

_TEXT, _DAY, _YES = pa.string(), pa.date32(), pa.bool_()
_TOKENS = pa.list_(pa.field("element", _TEXT))

TOKENS = Seam(  # within protection: what each record is known by
    "tokens",
    (
        Column("record_key", _TEXT, "a record", needed=True),
        Column("kind", _TEXT, "what the token was made of", values=words.TOKEN_KINDS, needed=True),
        Column("token", _TEXT, "keyed digest of it", width=words.REF, needed=True),
    ),
)
_WISH = (
    Column("entry_id", _TEXT, "stable: the same wish of the same record", width=words.REF, needed=True),
    Column("record_ref", _TEXT, "the record's opaque reference; none where its key could not be read", width=words.REF),
    Column("asked", _TEXT, "path of the protective column", needed=True),
    Column("understood", _YES, "whether it asks as the contract says", needed=True),
    Column("tokens", _TOKENS, "what names the child", needed=True),
)
_WALLED = Column(
    "walled",
    _TOKENS,
    "keyed digest of the number of the record to be walled off, and of its parts should it be several numbers",
)
_TOLD_IN = (
    Column("position", pa.int64(), "the record's ordinal in the delivery that told it last, from 1"),
    Column("line", pa.int64(), "the line of the file where it begins"),
    Column("damaged", _YES, "the record was damaged: of its mark no more can be said"),
    Column("after", _TEXT, "the newest of the feed that had come by then (`register.order_of`); none: nothing had"),
)
_LIKE = Column("nearly", _TOKENS, "what may name the child were one thing written otherwise; none: not kept yet")
REQUESTS = (
    Seam(  # of one delivery: each record that asks to be protected; with `walled` by a firewall, else to be hidden
        "protection requests", (*_WISH, _WALLED, *_TOLD_IN, _LIKE)
    )
)
ENTRIES = Seam(  # the protection register after a night
    "protection register",
    (
        *_WISH,
        Column("agency", _TEXT, "whose feed asks", width=words.AGENCY, needed=True),
        Column("delivery_id", _TEXT, "the delivery that asked first", width=words.DELIVERY_ID, needed=True),
        Column("first_night", _DAY, "the business date it was first asked for", needed=True),
        Column("last_night", _DAY, "the business date it was last asked for", needed=True),
        Column("lifted_by", pa.int64(), "the decision that lifted it; none: it stands"),
        Column(
            "told", pa.int64(), "which of all that was ever told it was told with last; none: before that was counted"
        ),
        Column("last_delivery", _TEXT, "the newest delivery that asked; none: not kept yet", width=words.DELIVERY_ID),
        *_TOLD_IN,
        Column("answered", _YES, "a newer delivery in force has told of the record since; none: no"),
        _LIKE,
    ),
)
WALLS_WISHED = Seam(  # matching → protection, and the next night: every firewall that a record ever asked for
    "firewalls asked for",
    (
        *_WISH,
        replace(_WALLED, needed=True),
        Column("agency", _TEXT, "whose feed asks", width=words.AGENCY, needed=True),
        Column("delivery_id", _TEXT, "the delivery that asked first", width=words.DELIVERY_ID, needed=True),
        Column("first_night", _DAY, "the business date it was first asked for", needed=True),
        Column("last_night", _DAY, "the business date it was last asked for", needed=True),
        Column("record", _TEXT, "key of the record that asks, once it was live"),
        Column("others", _TOKENS, "keys of the records found by the number so far", needed=True),
        Column("placed", _YES, "whether the record that asks and all that it names were found", needed=True),
        Column(
            "told", pa.int64(), "what had been told in all when it was first asked for, or anew; 0 before that was kept"
        ),
        Column("lapsed", _YES, "its record has told of itself without it since, or is gone; none: not kept yet"),
    ),
)
LATCHED = Seam(  # what a hidden child's records were known by: whoever is known by it stays hidden
    "latched",
    (
        Column(
            "token", _TEXT, "keyed digest of a key, a number, or names and birth date", width=words.REF, needed=True
        ),
        Column("holder", _TEXT, "token of the key of the record that bore it", width=words.REF, needed=True),
        Column("shielded", _YES, "of a shielded child; else of one who is possibly the same", needed=True),
        Column("since", _DAY, "the night it was first hidden", needed=True),
        Column("own", _YES, "shielded in its own right, not for another child's sake; none: as shielded"),
        Column("kind", _TEXT, "what the token was made of; none: not kept yet", values=words.TOKEN_KINDS),
        Column(
            "spares",
            _TOKENS,
            "what records are known by that people opened beside it: one that is only like its holder it does not hide",
        ),
        Column("was", _TEXT, "the key that has been given to another child since; none: it has not", width=words.REF),
    ),
)
PLACES = Seam(  # where a hidden child's records said it lives or lived, and its family: stays hidden as long as the child is latched
    "latched places",
    (
        Column(
            "token",
            _TEXT,
            "keyed digest of the place, or of what makes others its family (`ties`)",
            width=words.REF,
            needed=True,
        ),
        Column("holder", _TEXT, "token of the key of the record that said so", width=words.REF, needed=True),
    ),
)
HIDDEN = Seam(  # who is or was hidden, whatever became of it: versions of before go on hiding it
    "hidden by id",
    (
        Column("index_id", _TEXT, "an index id; none where a record is told"),
        Column("record_ref", _TEXT, "a record's opaque reference; none where an index id is told", width=words.REF),
    ),
)
SENSITIVE = Seam(  # services that were found to be sensitive: versions of before go on naming none that is one by then
    "sensitive services told of",
    (
        Column("record_ref", _TEXT, "the record's opaque reference", width=words.REF, needed=True),
        Column("services", pa.int64(), "how many it tells of, or once told of, at most at one time", needed=True),
    ),
)
UNSERVICED = Seam(  # what is found later → later loads: versions of a night name no service of these records any more
    "records of unnamed services",
    (
        Column("business_date", _DAY, "the night of the versions", needed=True),
        Column("record_ref", _TEXT, "the record's opaque reference", width=words.REF, needed=True),
    ),
)
BORNE = Seam(  # what the sides of firewalls have borne, known as theirs for good (→ publishing, its gates, and the next night)
    "borne at firewalls",
    (
        Column("wall_a", _TEXT, "the wall, as in `WALLS`", needed=True),
        Column("wall_b", _TEXT, "the same", needed=True),
        Column("side", _TEXT, "whose it is; between: it may be either's", words.WALL_SIDES, needed=True),
        Column("record_key", _TEXT, "the record between the sides that bears it; none of a side"),
        Column("token", _TEXT, "keyed digest of a value and its kind (`bearing.VALUES`)", width=words.REF, needed=True),
    ),
)
TASKS = Seam(  # protection → reporting: wishes that people must look at
    "protection tasks",
    (
        Column("kind", _TEXT, "what is odd", values=words.TASK_KINDS, needed=True),
        Column("agency", _TEXT, "whose feed asks", width=words.AGENCY, needed=True),
        Column(
            "wish",
            _TEXT,
            "names the wish: `isindex decide unshield` takes it of one that means nobody",
            width=words.REF,
        ),
        Column("record_ref", _TEXT, "the record's opaque reference, where it could be read", width=words.REF),
        Column("asked", _TEXT, "path of the protective column", needed=True),
        Column("delivery_id", _TEXT, "the delivery that asked first", width=words.DELIVERY_ID, needed=True),
        Column("first_night", _DAY, "the business date it was first asked for", needed=True),
        Column("last_night", _DAY, "the business date it was last asked for", needed=True),
        Column("last_delivery", _TEXT, "the newest delivery that asked", width=words.DELIVERY_ID),
        Column("position", pa.int64(), "the record's ordinal in it, from 1, as far as known"),
        Column("line", pa.int64(), "the line of its file where the record begins, as far as known"),
    ),
)
