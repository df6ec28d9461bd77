"""What a night leaves to later ones, under seal: the hash of each of its tables, and the proof that they are still those.

Belongs here: sealing an attempt when it is published, and holding it to its seal before another night is built on it. The
gates prove what is published; this proves what is carried on: live records, faults, identities, the matcher's state.
"""

from __future__ import annotations

from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt
from pipelines.tables import file_sha256, read_json, write_json

__all__ = ["prove", "seal"]

_SEAL = "sealed.json"
# Told to people and read by no later night; the first holds times, the others are written after the seal.
_LEFT_OUT = frozenset({"matching/stats.json", "published.json", _SEAL})


def seal(attempt: Attempt) -> None:
    """Write down the sha256 of every table of `attempt`."""
    write_json(_hashes(attempt), attempt.folder / _SEAL)


def prove(base: Attempt) -> None:
    """Hold an attempt in force to its seal.

    Raises:
        IsindexError: BASE_DAMAGED when a table was changed, added or taken away since it was published.
    """
    path = base.folder / _SEAL
    sealed = read_json(path) if path.is_file() else {}
    now = _hashes(base)
    differing = sorted(name for name in {*sealed, *now} if sealed.get(name) != now.get(name))
    if differing:
        raise IsindexError(
            "BASE_DAMAGED",
            f"Not what was published that night: {', '.join(differing[:5])}" + (" and more." if differing[5:] else "."),
            where=base.night.where,
            remedy=f"Look at the disk; then `isindex load --again --authority {base.night.authority} --night "
            f"{base.night.business_date}` makes the tables anew.",
        )


def _hashes(attempt: Attempt) -> dict[str, str]:
    files = {path.relative_to(attempt.folder).as_posix(): path for path in attempt.folder.rglob("*") if path.is_file()}
    return {name: file_sha256(path) for name, path in sorted(files.items()) if name not in _LEFT_OUT}
