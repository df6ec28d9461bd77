"""Proof that the chain is as it was written, entry by entry.

Belongs here: finding the first entry that is altered, missing, added or in another place, and a head that does not fit. The hashes hang
on each other, so this is done one after the other, as the entries come from the database.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy import inspect, select

from pipelines.audit.chain import Entry, hash_of
from pipelines.audit.head import NONE, UNREADABLE, Head, read_head
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError

__all__ = ["Proven", "prove"]

_AT_ONCE = 1000


@dataclass(frozen=True)
class Proven:
    """How many entries there are, and the hash of the last one; "" when there is none."""

    entries: int
    hash: str


def prove(deployment: Deployment) -> Proven:
    """Prove the chain of a deployment.

    A head that is behind since a run was killed between database and head names the entry after it, and is no fault.

    Raises:
        IsindexError: AUDIT_BROKEN with the number of the first entry that is wrong.
    """
    if not inspect(deployment.engine).has_table(db.audit_entry.name):
        raise _broken(1, "The table that holds the audit is gone from the database: it was removed.")
    at_first = read_head(deployment.home)  # entries may be made meanwhile: it can be behind what is read, never ahead
    last = NONE
    at_head = NONE
    every = select(db.audit_entry).order_by(db.audit_entry.c.number).execution_options(yield_per=_AT_ONCE)
    with deployment.engine.connect() as connection, connection.execute(every) as rows:
        for row in rows.mappings():
            entry = Entry(**row)
            _follows(entry, last)
            last = Head(entry.number, entry.hash)
            if entry.number == at_first.number:
                at_head = last
    if at_first == UNREADABLE:
        raise _broken(last.number, "The head that the home keeps cannot be read, or was not written here.")
    if at_first.number > last.number:
        raise _broken(last.number + 1, f"It is missing, up to entry {at_first.number}: the end was removed.")
    if at_head.hash != at_first.hash:
        raise _broken(at_first.number, "It is not the one that the home keeps as head.")
    now = read_head(deployment.home)
    if last.number > now.number and not now.names(last):
        raise _broken(now.number + 1, "The head that the home keeps was put back to before it, or taken away.")
    return Proven(last.number, last.hash)


def _follows(entry: Entry, before: Head) -> None:
    wanted = before.number + 1
    if entry.number > wanted:
        until = "" if entry.number == wanted + 1 else f", up to entry {entry.number - 1}"
        raise _broken(wanted, f"It is missing{until}: it was removed.")
    if entry.number < wanted:
        raise _broken(entry.number, "It was added.")
    if not hmac.compare_digest(hash_of(entry).encode(), entry.hash.encode()):
        raise _broken(entry.number, "It is not as it was written: it was altered, added or put in another place.")
    if entry.previous != before.hash:
        raise _broken(entry.number, "It does not follow the one before: one of the two was added or replaced.")


def _broken(number: int, message: str) -> IsindexError:
    return IsindexError(
        "AUDIT_BROKEN",
        f"The audit is not as it was written. Entry {number}: {message[0].lower()}{message[1:]}",
        where=f"entry {number}",
        remedy="Keep home and database as they are, compare them with their backups, and tell whoever answers for the data.",
    )
