"""Where the chain has come to, kept beside the database: an entry that is removed at the end is missed here.

Belongs here: the file ``audit/head.json`` in the home, sealed with a key made from the secret, and the lock under which it is moved on.
Before entries are kept it says which will be the last one, after that that it is. So a head that is behind since a run was killed
between the two names what follows it, and one that was put back does not. Beside it ``audit/reached.json`` says how far the chain ever came, whatever
became of the head: a database that does not come so far is older than the home.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.privacy.secret import key_for
from pipelines.tables import write_bytes

__all__ = ["NONE", "UNREADABLE", "Head", "alone_with_head", "note_reached", "reached", "read_head", "write_head"]

_REACHED = "reached.json"
_PATIENCE = 30.0  # seconds; as long as a database waits for another writer
_PAUSE = 0.02


@dataclass(frozen=True)
class Head:
    """The number and the hash of an entry: the last one, when this was written; and of the one that is to be the last next, if any."""

    number: int
    hash: str
    next_number: int = 0
    next_hash: str = ""

    def names(self, last: Head) -> bool:
        """Whether `last`, of the database, is the entry that this head was being moved on to."""
        return bool(self.next_hash) and (self.next_number, self.next_hash) == (last.number, last.hash)


NONE = Head(0, "")
"""No entry was ever made."""
UNREADABLE = Head(-1, "")
"""There is a head, and it is not one that was written here."""


def read_head(home: Home) -> Head:
    """The head that the home keeps; `NONE` or `UNREADABLE` where it has none that can be used."""
    path = home.audit / "head.json"
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        head = Head(int(told["number"]), str(told["hash"]), int(told["next_number"]), str(told["next_hash"]))
        return head if hmac.compare_digest(_seal(head).encode(), str(told["seal"]).encode()) else UNREADABLE
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError, KeyError, TypeError):
        return UNREADABLE


def reached(home: Home) -> int | None:
    """The number of the last entry that was ever made, as far as the home knows; None where what it keeps of that cannot be read."""
    found = [head.number] if (head := read_head(home)) != UNREADABLE else []
    path = home.audit / _REACHED
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        number = int(told["number"])
        if not hmac.compare_digest(_sealed(number), str(told["seal"])):
            return None
        found.append(number)
    except FileNotFoundError:
        return max(found, default=None)  # of a home from before it was kept
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return max(found, default=None)


def note_reached(home: Home, number: int) -> None:
    """Keep how far the chain has come; the caller is `alone_with_head`, and knows how far it had. What cannot be written now is with the next entry."""
    if (reached(home) or 0) < number:
        told = json.dumps({"number": number, "seal": _sealed(number)})
        with suppress(OSError):
            write_bytes(told.encode("ascii"), home.audit / _REACHED)


def write_head(home: Home, head: Head) -> None:
    """Keep `head` as where the chain has come to; the caller is `alone_with_head`.

    Raises:
        IsindexError: AUDIT_NOT_WRITTEN. The entry itself is in the database then, unless `head` is one that is being moved on.
    """
    try:
        write_bytes(json.dumps(asdict(head) | {"seal": _seal(head)}).encode("ascii"), home.audit / "head.json")
    except OSError:
        so_far = "The entry itself is kept, and a decision stands: `isindex decide list` shows it."
        raise _not_written(home, "Nothing was shown or decided." if head.next_hash else so_far) from None


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


def _sealed(number: int) -> str:
    return hmac.new(key_for("audit reached"), str(number).encode(), hashlib.sha256).hexdigest()


def _seal(head: Head) -> str:
    text = json.dumps(asdict(head), sort_keys=True)
    return hmac.new(key_for("audit head"), text.encode(), hashlib.sha256).hexdigest()


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
