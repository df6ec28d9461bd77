"""The chain: each entry carries a keyed hash over itself and the hash of the one before.

Belongs here: what an entry is, its hash, and appending one. Numbers have no gaps: entries are made one after the other, on SQLite
by its one writer, on PostgreSQL by an advisory lock, and on one machine by a lock in the home. Where entries at the end have been
removed, the next one goes on from the head that the home keeps, so that the gap stays to be seen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, select

from pipelines.audit.head import NONE, UNREADABLE, Head, alone_with_head, note_reached, reached, read_head, write_head
from pipelines.audit.rights import account
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.home import Home
from pipelines.privacy.secret import key_for

__all__ = ["Entry", "append", "hash_of", "writing"]

_HOME = "isindex_audit"  # the option under which a connection knows that entries may be appended on it, and whose
_APPENDING = 1_936_291_434  # any number that nobody else uses for a PostgreSQL advisory lock


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        number: 1, 2, 3 and so on, without a gap.
        at: when, aware UTC in ISO text.
        actor: who, as the person says.
        account: the user of the machine under whom it was done.
        action: what: ``child``, ``explain``, ``decide shield`` and so on.
        authority: whose index; None where all were asked.
        subject: whom: index ids, references of records, the number of a decision.
        why: the purpose.
        previous: hash of the entry before; "" for the first.
        hash: keyed hash of all that stands above.
    """

    number: int
    at: str
    actor: str
    account: str
    action: str
    authority: str | None
    subject: str | None
    why: str
    previous: str
    hash: str = ""


@contextmanager
def writing(deployment: Deployment) -> Iterator[Connection]:
    """A transaction on which entries can be appended: they and whatever else is written in it are kept together or not at all.

    Raises:
        IsindexError: AUDIT_NOT_WRITTEN, DATABASE_BUSY.
    """
    home = deployment.home
    with alone_with_head(home), deployment.engine.connect() as plain:
        connection = plain.execution_options(**{_HOME: home})
        with connection.begin():
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(select(func.pg_advisory_xact_lock(_APPENDING)))
            far, first = reached(home), _last(connection)
            known = far is not None and not (far == 0 < first.number)  # else only a person's word goes on (`lost`)
            sound = _head_follows(connection, home)
            yield connection
            last, before = _last(connection), read_head(home)
            if sound and last.number > before.number:
                write_head(home, replace(before, next_number=last.number, next_hash=last.hash))
        if known:
            note_reached(home, last.number)
        if sound and last.number > read_head(home).number:
            write_head(home, last)


def append(
    connection: Connection,
    action: str,
    *,
    actor: str,
    why: str,
    at: str = "",
    authority: str | None = None,
    subject: str | None = None,
) -> int:
    """Append an entry; its number.

    Args:
        connection: from `writing`.
        action: what is done, in the words of the command.
        actor: who does it.
        why: the purpose.
        at: when, aware UTC in ISO text; default now.
        authority: 3-digit code.
        subject: whom it is about; never a name.
    """
    home: Home = connection.get_execution_options()[_HOME]
    before = _last(connection)
    head, far = read_head(home), reached(home) or 0
    if max(head.number, far) > before.number:  # entries were removed: the gap stays
        before = head if head.number >= far else Head(far, before.hash)
    at = at or datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(
        number=before.number + 1,
        at=at,
        actor=_plain(actor),
        account=account(),
        action=action,
        authority=authority,
        subject=None if subject is None else _plain(subject),
        why=_plain(why),
        previous=before.hash,
    )
    sealed = replace(entry, hash=hash_of(entry))
    connection.execute(insert(db.audit_entry).values(asdict(sealed)))
    return sealed.number


def hash_of(entry: Entry) -> str:
    """The keyed hash of an entry: HMAC-SHA256 over its other fields as JSON, by name."""
    told = {name: value for name, value in asdict(entry).items() if name != "hash"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hmac.new(key_for("audit"), text.encode("ascii"), hashlib.sha256).hexdigest()


def _plain(text: str) -> str:
    """As both databases keep it: without NUL, and without what is no character."""
    return text.strip().replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _last(connection: Connection) -> Head:
    entry = db.audit_entry.c
    row = connection.execute(select(entry.number, entry.hash).order_by(entry.number.desc()).limit(1)).first()
    return Head(row.number, row.hash) if row else NONE


def _head_follows(connection: Connection, home: Home) -> bool:
    """Whether the head may be moved on. One that is behind, after a crash, is brought up to date first.

    A head that was put back, taken away or damaged stays as it is, for `prove` to find.
    """
    head, last = read_head(home), _last(connection)
    if head.number >= last.number:
        return head.number > last.number or head.hash == last.hash
    if head == UNREADABLE or not head.names(last):
        return False
    behind = connection.scalar(select(db.audit_entry.c.hash).where(db.audit_entry.c.number == head.number)) or ""
    if behind != head.hash:
        return False
    write_head(home, last)
    return True
