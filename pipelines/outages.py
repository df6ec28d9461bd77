"""What an exception of the machine means: a database that is away, a full disk, a folder that may not be written.

Belongs here: from exceptions of libraries to coded faults with a place and a remedy. Not here: what is retried or what a
command ends with (`pipelines.errors` says both by code). The text of an exception is looked at and never passed on: it may hold a delivered
value, and the name of a delivered file may be one too, so a place is a folder.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from pipelines.errors import IsindexError, without_values
from pipelines.settings import settings

__all__ = ["OUTAGES", "as_coded", "database_address", "disk_full", "not_writable", "outage_of"]

OUTAGES = frozenset(
    {
        "ACCESS_DENIED",
        "CONNECTION_LOST",
        "DATABASE_BUSY",
        "DATABASE_DAMAGED",
        "DATABASE_READ_ONLY",
        "DATABASE_UNREACHABLE",
        "DISK_FAULTY",
        "DISK_FULL",
        "HOME_NOT_WRITABLE",
        "MEMORY_SHORT",
    }
)
"""Codes of what the machine did not give: the same thing done again later may end well."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FAULTY = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN})
_FEW_PAGES = 2**17
_SPACE = "Make room there, then do the same again: what was half written is not used."


def as_coded(fault: BaseException) -> IsindexError:
    """The fault as one with a code: as it is, as the outage it tells of, or as STAGE_FAILED with its kind and places."""
    if isinstance(fault, IsindexError):
        return fault
    return outage_of(fault) or without_values(fault)


def outage_of(fault: BaseException) -> IsindexError | None:
    """The outage that a fault tells of: database, disk, memory or connection failed, nothing that was done or asked; else None."""
    if isinstance(fault, IsindexError):
        return fault if fault.code in OUTAGES else None
    # imported here: a command that never meets a fault need not wait for it
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError

    found = None
    if isinstance(fault, DBAPIError):
        found = _of_database(fault)
    elif isinstance(fault, PoolTimeoutError):
        found = IsindexError("DATABASE_BUSY", _SAYS["DATABASE_BUSY"][0], remedy=_SAYS["DATABASE_BUSY"][1])
    elif isinstance(fault, OSError):
        found = _of_system(fault)
    elif isinstance(fault, MemoryError) or type(fault).__name__ == "OutOfMemoryException":
        found = IsindexError(
            "MEMORY_SHORT",
            "The memory did not suffice.",
            where="ISINDEX_MEMORY",
            remedy="Give the query engine more with ISINDEX_MEMORY, or run less beside it.",
        )
    if found is None and "No space left on device" in str(fault):  # DuckDB's own kind of exception
        found = disk_full()
    if found is None and "Input/output error" in str(fault):
        found = _disk_faulty("")
    return found


def database_address(url: str) -> str:
    """Where a database is, for people: host, port and name, or the file; never user or password."""
    from sqlalchemy import make_url

    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        return found.database or "in memory"
    return f"{found.host or 'this machine'}:{found.port or 5432}/{found.database or ''}"


def disk_full(folder: str = "") -> IsindexError:
    """No space is left."""
    return IsindexError("DISK_FULL", "No space is left on the disk.", where=folder, remedy=_SPACE)


def _disk_faulty(folder: str) -> IsindexError:
    return IsindexError(
        "DISK_FAULTY",
        "The disk does not give what lies on it, or does not take what is written.",
        where=folder,
        remedy="Look at the disk or the share, then do the same again.",
    )


def not_writable(folder: Path) -> IsindexError:
    """The home may not be written."""
    return IsindexError(
        "HOME_NOT_WRITABLE",
        "The home cannot be written.",
        where=str(folder),
        remedy="See that the disk is there and not mounted read-only, and that this user may write the folder.",
    )


def _of_database(fault: BaseException) -> IsindexError:
    """SQLite names its faults, PostgreSQL numbers them; a connection that cannot be made has no number."""
    told = getattr(fault, "orig", None)
    name = getattr(told, "sqlite_errorname", "")
    name = name or getattr(told, "sqlstate", None) or ""
    if not name and type(fault).__name__ in ("OperationalError", "InterfaceError", "InternalError"):
        name = "08000"
    code = next((code for start, code in _MEANS.items() if name.startswith(start)), "")
    if not code:
        return IsindexError(
            "DATABASE_REFUSED",
            f"The database refused a statement ({name or type(told).__name__}).",
            where=without_values(fault).where,
            remedy="Nothing of it was kept. Report the code and the place as a fault of the program.",
        )
    where = database_address(settings().database_url or f"sqlite:///{settings().home / 'index.db'}")
    if code == "DISK_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(Path(where).parent)):
        return disk_full(where)
    return IsindexError(code, _SAYS[code][0], where=where, remedy=_SAYS[code][1])


def _is_full(folder: Path) -> bool:
    """Whether the disk has no room for a few pages: SQLite tells of a full one as of any other fault in its side files."""
    try:
        return shutil.disk_usage(folder).free < _FEW_PAGES
    except OSError:
        return False


_MEANS = {
    "SQLITE_BUSY": "DATABASE_BUSY",
    "SQLITE_LOCKED": "DATABASE_BUSY",
    "SQLITE_FULL": "DISK_FULL",
    "SQLITE_READONLY": "DATABASE_READ_ONLY",
    "SQLITE_CANTOPEN": "DATABASE_UNREACHABLE",
    "SQLITE_IOERR": "DATABASE_UNREACHABLE",
    "SQLITE_CORRUPT": "DATABASE_DAMAGED",
    "SQLITE_NOTADB": "DATABASE_DAMAGED",
    "08": "DATABASE_UNREACHABLE",
    "28": "DATABASE_UNREACHABLE",
    "3D": "DATABASE_UNREACHABLE",
    "57P": "DATABASE_UNREACHABLE",
    "40": "DATABASE_BUSY",
    "53300": "DATABASE_BUSY",
    "55P03": "DATABASE_BUSY",
    "53100": "DISK_FULL",
    "25006": "DATABASE_READ_ONLY",
    "XX00": "DATABASE_DAMAGED",
}
_SAYS = {
    "DATABASE_UNREACHABLE": (
        "The database cannot be reached.",
        "See that it runs and lets this user in, and that ISINDEX_DATABASE_URL is right, then do the same again.",
    ),
    "DATABASE_BUSY": ("The database is busy with others.", "Do the same again in a minute."),
    "DATABASE_READ_ONLY": (
        "The database may be read and not written.",
        "See that it is the primary server, or that this user may write the file, then do the same again.",
    ),
    "DATABASE_DAMAGED": (
        "The database says that its files are damaged.",
        "Restore home and database from one backup.",
    ),
}


def _of_system(fault: OSError) -> IsindexError | None:
    folder = str(Path(str(fault.filename)).parent) if fault.filename else ""
    if fault.errno in _FULL:
        return disk_full(folder)
    if fault.errno in _DENIED:
        return IsindexError(
            "ACCESS_DENIED",
            "A folder cannot be read or written.",
            where=folder,
            remedy="See that the disk is not mounted read-only, and that this user has a right to the folder.",
        )
    if fault.errno in _FAULTY:
        return _disk_faulty(folder)
    if isinstance(fault, (ConnectionError, TimeoutError)):
        return IsindexError(
            "CONNECTION_LOST", "A connection broke or did not answer.", remedy="Do the same again in a minute."
        )
    return None
