"""What a night leaves to later stages and later nights, under seal: the hash of each table, and the proof that it is still that.

Belongs here: noting what a stage writes at the moment it is written, holding a stage, a publish and a later night to it. The
gates prove what is published; this proves what that is made of and what is carried on: live records, faults, identities,
the matcher's state. What is altered is never sealed anew: only a run of the night makes it right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt
from pipelines.nights.night import Night
from pipelines.protection.remembered import remembering
from pipelines.publishing.manifests import told_in
from pipelines.publishing.versions import built
from pipelines.tables import Written, file_sha256, file_stamp, read_as, write_json, writes_noted

__all__ = [
    "SAVES_TIME",
    "gone_from",
    "is_sealed",
    "is_whole",
    "note_written",
    "prove",
    "prove_published",
    "seal",
    "sealed",
    "settle_seal",
]

_SEAL, _WRITTEN, _PUBLISHED = "sealed.json", "written.json", "published.json"
SAVES_TIME = "matching/state/"
"""What the next night only saves time with: of the nights before the last ones it is let go as a whole, and made anew if one is run again."""
# The first is told to people and holds times; the others are written after the seal. The manifest of what was published is
# proven by its own name (`prove_published`).
_LEFT_OUT = frozenset({"matching/stats.json", _PUBLISHED, _SEAL, _WRITTEN})
R = TypeVar("R")


def sealed(stage: Callable[[Night], R]) -> Callable[[Night], R]:
    """A stage that reads only what the stages before it have written, and whose own writes are noted.

    A file whose stamp is the one it was written with is not read for that; of others the bytes are hashed.

    Raises:
        IsindexError: BASE_DAMAGED when a file of the attempt is not what its stage wrote.
    """

    @functools.wraps(stage)
    def run(night: Night) -> R:
        attempt = Attempt.last(night)
        _refuse(attempt, _altered(attempt, _written(attempt), trusting=True), "Not what its stages wrote")
        with writes_noted() as noted, remembering(night.home.memory(night.authority), keeps=True):
            report = stage(night)
        note_written(attempt, noted)
        return report

    return run


def note_written(attempt: Attempt, noted: Mapping[Path, Written], *, anew: bool = False) -> None:
    """Keep the hashes of what was written into the folder of `attempt`; with `anew` of nothing else."""
    before = {} if anew else _written(attempt)
    own = {path.relative_to(attempt.folder).as_posix(): told for path, told in noted.items() if _is_in(path, attempt)}
    after = {name: told for name, told in (before | own).items() if not _is_left_out(name)}
    write_json({name: [told.sha256, told.stamp] for name, told in after.items()}, attempt.folder / _WRITTEN)


def seal(attempt: Attempt) -> None:
    """Seal what the stages of `attempt` have written, before it is published: every byte is read once more and proven.

    What lies in the folder and no stage has written (something put there, or left by an earlier program) is removed.

    Raises:
        IsindexError: BASE_DAMAGED when a file is not what its stage wrote. Nothing is sealed then.
    """
    written = _written(attempt)
    _refuse(attempt, _altered(attempt, written, trusting=False), "Not what its stages wrote")
    for name, path in _files(attempt).items():
        if name not in written and not name.startswith("shown/"):
            path.unlink()
    write_json({name: told.sha256 for name, told in written.items()}, attempt.folder / _SEAL)


def settle_seal(attempt: Attempt, manifest: Mapping[str, Any]) -> None:
    """Take the traces of what was published (`manifest` has their hashes) under the seal; the rest of it stays as it is.

    The notes of the stages have gone into it, and go: their stamps differ from run to run.
    """
    write_json(_sealed(attempt) | _shown(manifest), attempt.folder / _SEAL)
    (attempt.folder / _WRITTEN).unlink(missing_ok=True)


def prove(base: Attempt, manifest: Mapping[str, Any] | None = None) -> None:
    """Hold an attempt in force to its seal.

    Args:
        base: the attempt.
        manifest: of its version, where the publish was killed before the seal could be told of it.

    Raises:
        IsindexError: BASE_DAMAGED when a table was changed, added or taken away since it was published.
    """
    told = _not_let_go(base, _sealed(base) | _shown(manifest or {}))
    now = {name: file_sha256(path) for name, path in _files(base).items()}
    _refuse(
        base, [name for name in {*told, *now} if told.get(name) != now.get(name)], "Not what was published that night"
    )


def gone_from(base: Attempt) -> str:
    """The name of a file that an attempt in force has under its seal, or of the seal, which is not there; "" when all are."""
    told = _not_let_go(base, _sealed(base))
    return next((name for name in sorted(told) if not (base.folder / name).is_file()), "" if told else _SEAL)


def is_sealed(attempt: Attempt) -> bool:
    """Whether an attempt was sealed to be published."""
    return (attempt.folder / _SEAL).is_file()


def is_whole(attempt: Attempt, needed: Iterable[str], others: Iterable[str] = ()) -> bool:
    """Whether files of an attempt are there, and are what its seal says: those `needed`, and of `others` those under the seal."""
    told = _sealed(attempt)
    paths = {name: attempt.folder / name for name in (*needed, *(name for name in others if name in told))}
    return all(path.is_file() and (name not in told or file_sha256(path) == told[name]) for name, path in paths.items())


def prove_published(base: Attempt, version: str) -> None:
    """Hold the manifest that an attempt in force keeps of what it was published as to the `version` that a night builds on.

    Raises:
        IsindexError: BASE_DAMAGED when it is gone, or is not what was written there.
    """
    told = told_in(base.folder / _PUBLISHED)
    if told is None or built(told["version"]) != built(version) or told["attempt"] != base.digest:
        _refuse(base, [_PUBLISHED], "Not what was published that night")


def _refuse(attempt: Attempt, differing: list[str], words: str) -> None:
    if differing:
        names = sorted(differing)
        raise IsindexError(
            "BASE_DAMAGED",
            f"{words}: {', '.join(names[:5])}" + (" and more." if names[5:] else "."),
            where=attempt.night.where,
            remedy=f"Look at the disk; then `isindex load --again --landing LANDING --home HOME --authority {attempt.night.authority} --night "
            f"{attempt.night.business_date}` makes the tables anew.",
        )


def _altered(attempt: Attempt, written: Mapping[str, Written], *, trusting: bool) -> list[str]:
    """The names of what is gone, or is not what was written; one that is `trusting` believes the stamp of a file."""

    def same(path: Path, told: Written) -> bool:
        if not path.is_file():
            return False
        return (trusting and file_stamp(path) == told.stamp) or file_sha256(path) == told.sha256

    return [name for name, told in written.items() if not same(attempt.folder / name, told)]


def _written(attempt: Attempt) -> dict[str, Written]:
    """What the stages have written, by name; once it is published, what is under the seal."""
    path = attempt.folder / _WRITTEN
    if path.is_file():
        return read_as(path, lambda told: {name: Written(*each) for name, each in told.items()})
    return {name: Written(sha, "") for name, sha in _sealed(attempt).items() if not name.startswith("shown/")}


def _not_let_go(attempt: Attempt, told: dict[str, str]) -> dict[str, str]:
    """What is under a seal, less what was let go (`SAVES_TIME`): where some of that is there, all of it has to be."""
    if (attempt.folder / SAVES_TIME).is_dir():
        return told
    return {name: sha256 for name, sha256 in told.items() if not name.startswith(SAVES_TIME)}


def _sealed(attempt: Attempt) -> dict[str, str]:
    path = attempt.folder / _SEAL
    return read_as(path, dict) if path.is_file() else {}


def _shown(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {f"shown/{name}.parquet": str(sha256) for name, sha256 in manifest.get("shown", {}).items()}


def _files(attempt: Attempt) -> dict[str, Path]:
    files = {path.relative_to(attempt.folder).as_posix(): path for path in attempt.folder.rglob("*") if path.is_file()}
    return {name: path for name, path in sorted(files.items()) if not _is_left_out(name)}


def _is_left_out(name: str) -> bool:
    """Whether a file is under no seal: the snapshot's tables are let go, and held to the hashes that the gates found."""
    return name in _LEFT_OUT or (name.startswith("snapshot/") and name.endswith(".parquet"))


def _is_in(path: Path, attempt: Attempt) -> bool:
    return path.is_relative_to(attempt.folder)
