"""What the matcher says of a night: clusters, links, possible links, pairs kept apart (→ identities, protection, reporting)."""

from __future__ import annotations

import pyarrow as pa

from pipelines.seams import words
from pipelines.seams.seam import Column, Seam

__all__ = [
    "APART",
    "CLUSTERS",
    "DECISIONS",
    "LINKS",
    "POSSIBLE",
    "POSSIBLE_TOLD",
    "RIVALS",
    "STANDING",
    "WALLS",
    "WALLS_ENDED",
]

_TEXT, _BITS = pa.string(), pa.float64()
_SENTENCES = pa.dictionary(pa.int32(), _TEXT)  # a few thousand, said of millions

CLUSTERS = Seam(
    "clusters",
    (
        Column("record_key", _TEXT, "each live record once", needed=True),
        Column("cluster", _TEXT, "the smallest record key of the child's records", needed=True),
        Column("step", _TEXT, "the record's best link; new when it stands alone", values=words.STEPS, needed=True),
        Column("weight", _BITS, "match weight of that link, in bits; none when it stands alone"),
        Column("reason", _SENTENCES, "why, in a sentence without a value"),
    ),
)
_PAIR = (
    Column("record_key_a", _TEXT, "a record", needed=True),
    Column("record_key_b", _TEXT, "another, its key the greater one", needed=True),
)
LINKS = Seam(
    "links",
    (
        *_PAIR,
        Column("step", _TEXT, "by which step they were joined", values=words.STEPS, needed=True),
        Column("weight", _BITS, "what decides, in bits: the match weight, less what a household would explain as well"),
        Column("reason", _SENTENCES, "why, in a sentence without a value"),
    ),
)
POSSIBLE = Seam(  # pairs that may be one child and are not joined
    "possible links",
    (
        *_PAIR,
        Column("weight", _BITS, "what decides, in bits: the match weight, less what a household would explain as well"),
        Column("reason", _TEXT, "why they were not joined, in a sentence without a value"),
        Column("kind", _TEXT, "a person should decide, or alike and kept apart", words.POSSIBLE_KINDS, needed=True),
        Column("priority", pa.int8(), "1 (look first) to 3"),
    ),
)
APART = Seam(  # every pair alike enough to be one child that was not joined, whoever looks at it: protection reaches over it
    "pairs kept apart",
    (*_PAIR, Column("certain", pa.bool_(), "whether the two are certainly two children", needed=True)),
)
RIVALS = Seam(  # of one record of a pair, its best other candidate
    "rivals",
    (
        Column("rival", _TEXT, "the record"),
        Column("rival_weight", _BITS, "match weight with it, in bits"),
        Column("rival_joined", pa.bool_(), "whether the two were joined"),
    ),
)
POSSIBLE_TOLD = Seam(  # the same with what a person needs who decides
    POSSIBLE.name,
    (
        *POSSIBLE.columns,
        Column("fields", _TEXT, "the weight of each field, in words"),
        *(
            Column(f"{each.name}_{side}", each.type, f"record {side}'s best other candidate: {each.meaning}")
            for side in "ab"
            for each in RIVALS.columns
        ),
    ),
)
WALLS = Seam(  # who stands on which side of an identity firewall (→ identities, publishing, and the matching of the next night)
    "walls",
    (
        Column("wall_a", _TEXT, "the record that side a was asked for, its key the smaller one", needed=True),
        Column("wall_b", _TEXT, "the record that side b was asked for", needed=True),
        Column("side", _TEXT, "on which side a record stands", words.WALL_SIDES, needed=True),
        Column("record_key", _TEXT, "the record, also one that is gone", needed=True),
        Column("family", _TEXT, "a keyed digest of the family name that the record bears, or bore"),
        Column("person", _TEXT, "a keyed digest of that and the birth date"),
    ),
)
# since when who stands at a firewall has stood there (→ identities, and whoever looks at versions of before)
STANDING = Seam(
    "standing",
    (
        Column("wall_a", _TEXT, "as in walls", needed=True),
        Column("wall_b", _TEXT, "as in walls", needed=True),
        Column("record_key", _TEXT, "the record, also one that is gone", needed=True),
        Column("since", pa.date32(), "since which night it has stood at the wall in every one, wherever", needed=True),
        Column("begun", pa.date32(), "since which night the wall has stood in every one", needed=True),
    ),
)
WALLS_ENDED = (
    Seam(  # ids that nobody at a wall may have any more (→ identities, and whoever looks at versions of before)
        "ids ended at walls",
        (
            Column("wall_a", _TEXT, "as in walls", needed=True),
            Column("wall_b", _TEXT, "as in walls", needed=True),
            Column("index_id", _TEXT, "what a version showed of one at the wall that knew of none", needed=True),
        ),
    )
)
DECISIONS = Seam(  # nights → matching, protection, publishing: those in force
    "decisions",
    (
        Column("kind", _TEXT, "what was decided", values=words.DECISION_KINDS, needed=True),
        Column("record_a", _TEXT, "key of a record"),
        Column("record_b", _TEXT, "key of the other"),
        Column("reason", _TEXT, "why, by whom it was decided"),
    ),
)
