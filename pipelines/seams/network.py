"""The co-ordinating index: what an authority gives of each of its children, and what is kept of it (authorities → network → authorities).

Numbers are keyed digests; an address is one of the postcode, and of nobody protected is there one.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = [
    "CHILDREN",
    "CUSTODY",
    "FIREWALLS",
    "HIDDEN_TOKENS",
    "HIDING_TOKENS",
    "KNOWN_BY",
    "LEFT",
    "MESSAGES",
    "MOVES",
    "NAMES",
    "POINTERS",
    "REASONS",
    "REVIEW",
]

_TEXT, _DAY, _YES = pa.string(), pa.date32(), pa.bool_()
_ROW_KEY = Column("row_key", _TEXT, "authority, a colon, and the child's index id there", needed=True)
_AUTHORITY = Column("authority", _TEXT, "DfE code", width=words.AUTHORITY, needed=True)
_INDEX_ID = Column("index_id", _TEXT, "the child's index id there", width=words.INDEX_ID, needed=True)
_NATIONAL_ID = Column("national_id", _TEXT, "the child's id in the co-ordinating index", (), words.INDEX_ID, True)

CHILDREN = Seam(  # one minimal row for each identity of a published snapshot
    "children of the network",
    (
        _ROW_KEY,
        _AUTHORITY,
        _INDEX_ID,
        Column("given_names", _TEXT, "given names in use"),
        Column("family_name", _TEXT, "family name in use"),
        Column("birth_date", _DAY, "date of birth"),
        Column("sex", _TEXT, "M, F or nothing", values=words.SEXES),
        Column(
            "postcode",
            _TEXT,
            "keyed digest of the postcode where the child lives; of nobody protected",
            width=words.REF,
        ),
        Column("nhs_number", _TEXT, "keyed digest of the NHS number that most records bear", width=words.REF),
        Column("previous_nhs_number", _TEXT, "likewise of another one that they bear", width=words.REF),
        Column("upn", _TEXT, "keyed digest of the UPN that most records bear", width=words.REF),
        Column("former_upn", _TEXT, "likewise of another one that they bear", width=words.REF),
        Column("protected", _YES, "shielded there, or withheld", needed=True),
        Column(
            "asks", _YES, "one of its records, or a person, asks for that: it is not so by a message alone", needed=True
        ),
        Column("agencies", pa.int64(), "how many agencies of the authority hold a record of the child"),
        Column("marked", _YES, "one of its records asks, or a decision shields it, by now; none: not kept yet"),
    ),
)
LEFT = Seam(  # children of a night before whom their authority gives no more
    "children who have left",
    (*CHILDREN.columns, Column("left", _DAY, "the night on which they were first missed", needed=True)),
)
NAMES = Seam(
    "names of children of the network",
    (
        _ROW_KEY,
        Column("kind", _TEXT, "in use, earlier, or also used", values=words.NAME_KINDS, needed=True),
        Column("family_name", _TEXT, "family name"),
        Column("given_names", _TEXT, "given names"),
    ),
)
FIREWALLS = Seam(  # identities of one authority between which an identity firewall stands
    "firewalls of the network",
    (
        Column("row_key_a", _TEXT, "one of them", needed=True),
        Column("row_key_b", _TEXT, "the other, its key the greater one", needed=True),
    ),
)
POINTERS = Seam(  # every pointer there ever was
    "pointers",
    (
        _NATIONAL_ID,
        _AUTHORITY,
        _INDEX_ID,
        Column("from_night", _DAY, "the first night on which the two were one child", needed=True),
        Column("to_night", _DAY, "the night on which they were so no more; none: they are"),
    ),
)
REVIEW = Seam(  # children of two authorities who may be one and are not joined
    "review list of the network",
    (
        Column("row_key_a", _TEXT, "one of them", needed=True),
        Column("row_key_b", _TEXT, "the other, its key the greater one", needed=True),
        Column("weight", pa.float64(), "match weight, in bits"),
        Column("reason", _TEXT, "why they were not joined, in a sentence without a value"),
        Column("first_seen", _DAY, "the night on which they were first found", needed=True),
    ),
)
CUSTODY = Seam(  # exactly one for each national id
    "custody",
    (
        _NATIONAL_ID,
        Column("custodian", _TEXT, "DfE code of the authority that has custody", (), words.AUTHORITY, True),
        Column("since", _DAY, "since which night", needed=True),
        Column(
            "how",
            _TEXT,
            "it knew the child first, custody was handed to it, or it has taken over the authority that had it",
            words.CUSTODY,
            0,
            True,
        ),
        Column("stands", _YES, "it knows the child", needed=True),
    ),
)
MOVES = Seam(  # every move of custody that was ever proposed
    "moves",
    (
        Column("move", _TEXT, "its name", width=words.MOVE, needed=True),
        _NATIONAL_ID,
        Column("from_authority", _TEXT, "DfE code of the custodian", width=words.AUTHORITY, needed=True),
        Column("to_authority", _TEXT, "DfE code of the authority that knows the child", (), words.AUTHORITY, True),
        Column("evidence", _TEXT, "why it is proposed", values=words.MOVE_EVIDENCE, needed=True),
        Column("claim", pa.int64(), "the number of the claim that it follows, if one; else 0", needed=True),
        Column("proposed", _DAY, "the night on which it was first found", needed=True),
        Column("state", _TEXT, "what became of it", values=words.MOVE_STATES, needed=True),
        Column("ended", _DAY, "the night on which it was answered, or its evidence was there no more"),
    ),
)
MESSAGES = (
    Seam(  # network → authority: a child of it must be hidden there, for it may be one who is protected elsewhere
        "messages of protection",
        (
            _AUTHORITY,
            _INDEX_ID,
            Column("since", _DAY, "the night on which it was first found", needed=True),
        ),
    )
)
_TOKEN = Column(
    "token", _TEXT, "keyed digest of a key, a number, or names with birth date", width=words.REF, needed=True
)
KNOWN_BY = Seam(  # what all records of each child are known by
    "what children of the network are known by",
    (_ROW_KEY, Column("kind", _TEXT, "what it was made of", values=words.TOKEN_KINDS, needed=True), _TOKEN),
)
HIDING_TOKENS = Seam(  # all that an authority's protection knows for a reason of its own: whoever bears it elsewhere may be who is meant
    "what hides in the network", (_TOKEN,)
)
HIDDEN_TOKENS = Seam("what hides in the nation", (_AUTHORITY, _TOKEN))
REASONS = Seam(  # why children are hidden in the nation, as far as their authorities were told of it
    "reasons of messages",
    (_ROW_KEY, Column("reason", _TEXT, "what it is, in a word, and whose (`pipelines.network.reasons`)", needed=True)),
)
