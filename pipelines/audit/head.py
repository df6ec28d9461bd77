"""Where the chain has come to, kept beside the database: an entry that is removed at the end is missed here.

Belongs here: the file ``audit/head.json`` in the home, and the lock under which it is moved on. It is written after the entry, so it
may be one behind, after a crash; it is never more, for before the next entry it is brought up to date.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.tables import write_bytes

__all__ = ["NONE", "UNREADABLE", "Head", "alone_with_head", "read_head", "write_head"]

_PATIENCE = 30.0  # seconds; as long as a database waits for another writer
_PAUSE = 0.02


@dataclass(frozen=True)
class Head:
    """The number and the hash of an entry: the last one, when this was written."""

    number: int
    hash: str


NONE = Head(0, "")
"""No entry was ever made."""
UNREADABLE = Head(-1, "")
"""There is a head, and it is not one that was written here."""


def read_head(home: Home) -> Head:
    """The head that the home keeps; `NONE` or `UNREADABLE` where it has none that can be used."""
    path = home.audit / "head.json"
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        return Head(int(told["number"]), str(told["hash"]))
    except FileNotFoundError:
        return NONE
    except (ValueError, KeyError, TypeError):
        return UNREADABLE


def write_head(home: Home, head: Head) -> None:
    """Keep `head` as where the chain has come to; the caller is `alone_with_head`.

    Raises:
        IsindexError: AUDIT_NOT_WRITTEN. The entry itself is in the database then.
    """
    try:
        write_bytes(json.dumps(asdict(head)).encode("ascii"), home.audit / "head.json")
    except OSError:
        raise _not_written(
            home, "The entry itself is kept, and a decision stands: `isindex decide list` shows it."
        ) from None


@contextmanager
def alone_with_head(home: Home) -> Iterator[None]:
    """Let one process of this machine after the other append an entry and move the head on.

    Raises:
        IsindexError: AUDIT_NOT_WRITTEN when the folder cannot be written; DATABASE_BUSY when others hold it for too long.
    """
    try:
        home.audit.mkdir(parents=True, exist_ok=True)
        handle = (home.audit / ".lock").open("w")
    except OSError:
        raise _not_written(home, "Nothing was shown or decided.") from None
    with handle:
        patience = time.monotonic() + _PATIENCE
        while not _locked(handle.fileno()):
            if time.monotonic() >= patience:
                raise IsindexError(
                    "DATABASE_BUSY", "The audit is being written by others.", remedy="Do the same again in a minute."
                )
            time.sleep(_PAUSE)
        yield


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _not_written(home: Home, so_far: str) -> IsindexError:
    return IsindexError(
        "AUDIT_NOT_WRITTEN",
        f"The audit cannot be written. {so_far}",
        where=str(home.audit),
        remedy="See that there is room on the disk and that this user may write the folder, then do the same again.",
    )
