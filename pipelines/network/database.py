"""The tables of the co-ordinating index, in a database of its own: pointers, and what leads to them. No name, address or number stands here.

`published` says which version they follow. `finding` leads from a keyed digest of a number, or of a name with the birth date, to the child in
its authority; `pointer` from there to who it is in the nation, `custody` from that to its custodian. What people decided is in `decision`, `answer`
and `claim`, what happened to ids in `event`, to custody in `move`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, MetaData, String, Table, Text

from pipelines.database.columns import columns_of, one_of
from pipelines.seams import words
from pipelines.seams.identities import EVENTS, INDEX_IDS
from pipelines.seams.network import CUSTODY, MOVES, POINTERS, REVIEW

__all__ = [
    "answer", "claim", "custody", "decision", "event", "finding", "metadata", "move", "national_id", "pointer", "published", "review",
]  # fmt: skip

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
_VERSION = len("v=2026-11-20-0a1b2c3d4e5f")
_ROW_KEY = words.AUTHORITY + len(":") + words.INDEX_ID

published = Table(
    "published",
    metadata,
    Column("row", Integer, CheckConstraint('"row" = 1', name="one_row"), primary_key=True, autoincrement=False),
    Column("version", String(_VERSION), nullable=False),
)
national_id = Table(
    "national_id",
    metadata,
    Column("national_id", String(words.INDEX_ID), primary_key=True),
    *columns_of(INDEX_IDS, without=("index_id",)),
    Column("hidden", Boolean, nullable=False),  # one of its children is protected, wherever
)
pointer = Table(
    "pointer",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("index_id", String(words.INDEX_ID), primary_key=True),
    Column("national_id", String(words.INDEX_ID), primary_key=True),
    *columns_of(POINTERS, without=("authority", "index_id", "national_id", "from_night")),
    Column("from_night", columns_of(POINTERS)[3].type, primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_pointer_national_id", pointer.c.national_id)
finding = Table(
    "finding",
    metadata,
    Column("token", BigInteger, primary_key=True, autoincrement=False),  # the first 63 bits of a keyed digest
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("index_id", String(words.INDEX_ID), primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_finding_child", finding.c.authority, finding.c.index_id)
event = Table(  # append-only
    "event",
    metadata,
    Column("event_id", String(words.REF), primary_key=True),
    Column("version", String(_VERSION), nullable=False),
    *columns_of(EVENTS, without=("evidence",)),
    Column("evidence", Text, nullable=False),
)
Index("ix_event_index_id", event.c.index_id)
review = Table(
    "review",
    metadata,
    Column("row_key_a", String(_ROW_KEY), primary_key=True),
    Column("row_key_b", String(_ROW_KEY), primary_key=True),
    *columns_of(REVIEW, without=("row_key_a", "row_key_b")),
)
decision = Table(
    "decision",
    metadata,
    Column("decision_id", Integer, primary_key=True, autoincrement=True),
    Column("kind", one_of(("same", "not_the_same")), nullable=False),
    Column("row_key_a", String(_ROW_KEY), nullable=False),
    Column("row_key_b", String(_ROW_KEY), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(words.MOMENT), nullable=False),
    Column("undone_at", String(words.MOMENT)),
)
Index(
    "ix_decision_pair",
    decision.c.row_key_a,
    decision.c.row_key_b,
    unique=True,
    sqlite_where=decision.c.undone_at.is_(None),
    postgresql_where=decision.c.undone_at.is_(None),
)
custody = Table(
    "custody",
    metadata,
    Column("national_id", String(words.INDEX_ID), primary_key=True),
    *columns_of(CUSTODY, without=("national_id",)),
)
Index("ix_custody_stands", custody.c.stands)
move = Table(
    "move",
    metadata,
    Column("move", String(words.MOVE), primary_key=True),
    *columns_of(MOVES, without=("move",)),
)
Index("ix_move_state", move.c.state)
Index("ix_move_national_id", move.c.national_id)
answer = Table(  # append-only: what was answered to moves
    "answer",
    metadata,
    Column("answer_id", Integer, primary_key=True, autoincrement=True),
    Column("move", String(words.MOVE), nullable=False, unique=True),
    Column("verdict", one_of(("accepted", "refused")), nullable=False),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("answered_at", String(words.MOMENT), nullable=False),
)
claim = Table(  # what authorities claim whom another has custody of
    "claim",
    metadata,
    Column("claim_id", Integer, primary_key=True, autoincrement=True),
    Column("row_key", String(_ROW_KEY), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("claimed_at", String(words.MOMENT), nullable=False),
    Column("withdrawn_at", String(words.MOMENT)),
)
Index(
    "ix_claim_row_key",
    claim.c.row_key,
    unique=True,
    sqlite_where=claim.c.withdrawn_at.is_(None),
    postgresql_where=claim.c.withdrawn_at.is_(None),
)
