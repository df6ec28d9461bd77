"""Publishing: an immutable folder per version, and one pointer that is replaced whole.

Belongs here: what a version is called, how it comes onto the disk and goes again. Not here: what is in the tables
(snapshot), whether it may be published (gates), the relational copy (index_database).

    snapshots/<authority>/
      v=<business_date>T<stamp>-<hash>/   nine Parquet tables and manifest.json; never changed
      v=…-less-<hash>/                    the same less what must be hidden by now, in its place
      current.json                        {version, business_date, nights: the version in force of each night}
      ledger/<version>/                   events and index ids of the version, for the index database
      tombstones/<version>.json           what was taken away for somebody's protection, in numbers
      known_by/<version>.parquet          of a version on hold: what its children are known by, as keyed digests (`nights.on_hold`)

A version is a temporary folder until it is whole and on the disk; then it is renamed. What is copied into it is what the
gates audited, proved by hash, and nothing else. Its name holds the latest creation time of its input deliveries and a
hash of all that is in it, so the same inputs give the same name and bytes and publishing again changes nothing. Nothing
in it depends on when or by whom the night was run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.difference import compare
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import AUDITED_TABLES, GATES, Audit, Gate
from pipelines.publishing.manifests import content_of, manifest_or_none, pointer_in
from pipelines.publishing.shown import shown_tables, traces_of, write_traces
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.publishing.tombstones import Counted
from pipelines.publishing.versions import LESS, built, folder_of
from pipelines.tables import StoredTable, file_sha256, write_json, write_table
from pipelines.umask import FILE

__all__ = [
    "Less",
    "Published",
    "bury",
    "current_version",
    "forget_nights",
    "let_snapshot_go",
    "previous_version",
    "prune",
    "publish_less",
    "publish_snapshot",
    "snapshot_tables",
    "write_snapshot",
]

_STAGING = ".staging-"
# The third, identities, says which record is in which child: it is proved too, but stays with the night.
_LEDGER = ("events", "index_ids")


@dataclass(frozen=True)
class Less:
    """A version less what must be hidden by now.

    Attributes:
        tables: the nine tables, as they lie when they were proven.
        children: how many of the version's children must be hidden besides those that it hides.
        hidden: a digest of who that is: the same one, the same version.
        gates: the verdicts on it.
        of_shown: whether it takes away from the version as it is shown now, and not only from what was audited.
    """

    tables: Mapping[str, StoredTable]
    children: int
    hidden: str
    gates: tuple[Gate, ...]
    of_shown: bool = False


@dataclass(frozen=True)
class Published:
    """A version and whether it was made now (`created`) or was there already; `differences` to the previous one.

    `version` is the name under which it is shown; `built` the one under which everything else knows it.
    """

    version: str
    built: str
    folder: Path
    created: bool
    differences: Mapping[str, int]


def write_snapshot(tables: Mapping[str, pa.Table], folder: Path) -> dict[str, StoredTable]:
    """Write the nine tables into `folder` (the night's), where gates audit them before anything is published."""
    return {name: write_table(tables[name], folder / f"{name}.parquet") for name in SNAPSHOT_TABLES}


def let_snapshot_go(folder: Path) -> None:
    """Remove the tables that `write_snapshot` wrote into the night's `folder`: its verdicts stay."""
    for path in snapshot_tables(folder / "snapshot").values():
        path.unlink(missing_ok=True)


def publish_snapshot(
    home: Home,
    authority: str,
    business_date: date,
    *,
    audit: Audit,
    attempt: str,
    traces: Path,
    base: str | None,
    base_shown: Path | None,
    inputs: Sequence[FeedInput],
    versions: Mapping[str, str],
    totals: Mapping[str, Any],
    less: Less | None = None,
) -> Published:
    """Publish the tables that were audited and let `current.json` point at the version of the latest business date.

    Args:
        home: the deployment.
        authority: DfE code.
        business_date: the night.
        audit: what `run_gates` gave; exactly its tables are published.
        attempt: digest of the inputs of the attempt that made them.
        traces: the folder in which the traces of what was audited shall lie (`shown`).
        base: the version the night builds on, in force for an earlier night; None on the first.
        base_shown: folder with the traces of what that version was built from (`shown`).
        inputs: one for each feed of the authority.
        versions: of contracts, rules, model and code, by what they are of.
        totals: control totals end to end, by name; nothing that depends on when the night was run.
        less: the version less what must be hidden by now: that is shown then, and nothing else.

    Raises:
        IsindexError: GATES_FAILED (one has failed, or was not run), PUBLISH_DAMAGED (a table is not what was audited),
            BASE_CHANGED (an earlier night has been published since). Nothing in force has changed then.
    """
    where = f"{authority} {business_date}"
    _refuse_unsound(audit, where)
    root = home.snapshots(authority)
    with _alone(root):
        with _staged(root) as staging:
            for name in SNAPSHOT_TABLES:
                _copy(audit.tables[name], staging / "version" / f"{name}.parquet", where)
            for name in _LEDGER:
                _copy(audit.tables[f"ledger/{name}"], staging / "ledger" / f"{name}.parquet", where)
            _prove(audit.tables["ledger/identities"], audit.tables["ledger/identities"].path, where)
            shown = snapshot_tables(staging / "version")
            proven = write_traces(shown, traces)
            before = shown_tables(base_shown) if base_shown else None
            manifest: dict[str, Any] = {
                "authority": authority,
                "business_date": business_date.isoformat(),
                "attempt": attempt,
                "previous": base,
                "tables": {name: _told(audit.tables[name]) for name in SNAPSHOT_TABLES},
                "ledger": {
                    name.removeprefix("ledger/"): _told(stored)
                    for name, stored in audit.tables.items()
                    if name.startswith("ledger/")
                },
                "inputs": [feed.as_json() for feed in sorted(inputs, key=lambda feed: feed.agency)],
                "versions": dict(versions),
                "control_totals": dict(totals),
                "gates": [asdict(gate) for gate in audit.gates],
                "differences": compare(before, shown_tables(traces)).numbers(),
                "shown": {name: stored.sha256 for name, stored in proven.items()},
            }
            content = content_of(manifest)
            name = version = f"v={business_date.isoformat()}T{_stamp(inputs, business_date)}-{content[:12]}"
            if base is not None:
                _refuse_astray(home, authority, business_date, name, base)
            if less is not None:
                manifest |= _told_less(less, audit, staging / "version", before, where)
                content = content_of(manifest)
                version = f"{name}{LESS}{content[:8]}"
            told = {"version": version, "built": name, "content_sha256": content}
            write_json(manifest | told, staging / "version/manifest.json")
            _settle(staging / "ledger", root / "ledger" / name)
            created = _settle(staging / "version", root / version)
        _point(root, business_date, version)
    return Published(version, name, root / version, created, manifest["differences"])


def publish_less(
    home: Home, manifest: Mapping[str, Any], *, audit: Audit, base_shown: Path | None, less: Less
) -> Published:
    """Publish a version less what must be hidden by now, in place of what is shown of it.

    Everything but its tables stays as it was told when it was built: those that the gates audited then are not needed for it.

    Args:
        home: the deployment.
        manifest: of the version as it is shown now; its tables and its ledger lie there as they were published.
        audit: what `run_gates` gave when it was built.
        base_shown: as for `publish_snapshot`; None also where that is gone: what differs from it is told as before.
        less: the version less what must be hidden by now.

    Raises:
        IsindexError: as `publish_snapshot`. Nothing in force has changed then.
    """
    authority, day, name = manifest["authority"], date.fromisoformat(manifest["business_date"]), manifest["built"]
    where = f"{authority} {day}"
    _refuse_unsound(audit, where)
    root = home.snapshots(authority)
    with _alone(root):
        if manifest["previous"] is not None:
            _refuse_astray(home, authority, day, name, manifest["previous"])
        with _staged(root) as staging:
            before = shown_tables(base_shown) if base_shown else None
            after = dict(manifest) | _told_less(less, audit, staging / "version", before, where)
            if before is None and manifest["previous"] is not None:
                after["differences"] = manifest["differences"]
            content = content_of(after)
            version = f"{name}{LESS}{content[:8]}"
            after |= {"version": version, "built": name, "content_sha256": content}
            write_json(after, staging / "version/manifest.json")
            created = _settle(staging / "version", root / version)
        _point(root, day, version)
    return Published(version, name, root / version, created, after["differences"])


def _told_less(less: Less, audit: Audit, folder: Path, before: Mapping[str, Path] | None, where: str) -> dict[str, Any]:
    """What a manifest says otherwise of a version less somebody; its tables are copied into `folder`."""
    shown = snapshot_tables(folder)
    for name, stored in less.tables.items():
        _copy(stored, shown[name], where)
    return {
        "tables": {name: _told(stored) for name, stored in less.tables.items()},
        "gates": [asdict(gate) for gate in (*audit.gates, *less.gates)],
        "differences": compare(before, traces_of(shown)).numbers(),
        "less": {"children": less.children, "hidden": less.hidden},
    }


def bury(home: Home, authority: str, version: str, why: str, replaced_by: str | None, counted: Counted) -> None:
    """Remove a version for somebody's protection; a tombstone says when and why, and how much it was, in numbers.

    Args:
        home: the deployment.
        authority: DfE code.
        version: the folder's name.
        why: a code: what it was removed for.
        replaced_by: the version that is shown in its place, if any is.
        counted: how many of its children, by what became of them.
    """
    root = home.snapshots(authority)
    with _alone(root):
        manifest = manifest_or_none(root / version) or {
            "tables": {},
            "content_sha256": "",
        }  # damaged: it goes all the same
        told = {
            "version": version,
            "business_date": version[2:12],
            "replaced_by": replaced_by,
            "why": why,
            **asdict(counted),
            "removed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": {name: table["rows"] for name, table in manifest["tables"].items()},
            "content_sha256": manifest["content_sha256"],
        }
        write_json(told, root / "tombstones" / f"{version}.json")
        _remove(root / version)


def current_version(home: Home, authority: str) -> dict[str, Any] | None:
    """What `current.json` says (`pointer_in`); None before the first publish."""
    return pointer_in(home.snapshots(authority))


def previous_version(home: Home, authority: str, business_date: date) -> str | None:
    """The version in force of the latest published night before `business_date`; None when there is no such night."""
    return next(iter(_in_force_before(home, authority, business_date)), None)


def snapshot_tables(folder: Path) -> dict[str, Path]:
    """The Parquet files of a version or night folder by table name."""
    return {name: folder / f"{name}.parquet" for name in SNAPSHOT_TABLES}


def prune(home: Home, authority: str, keep: int, *, hold: Collection[str] = ()) -> list[str]:
    """Remove versions, with their ledger folders, but the newest `keep` in force, and as many that were replaced since these nights.

    `current.json` stays as it is: a night whose version is gone was published all the same. Killed in the middle, the
    next call (or the next publish) removes what is left.

    Args:
        home: the deployment.
        authority: DfE code.
        keep: how many in force stay, by business date; the current one stays in any case.
        hold: versions that somebody has put on hold, under whatever name.

    Returns:
        the names of the versions that were removed, newest first.
    """
    root = home.snapshots(authority)
    pointer = current_version(home, authority)
    if pointer is None:
        return []
    with _alone(root):
        versions = sorted((folder.name for folder in root.glob("v=*")), reverse=True)
        held = {built(version) for version in (pointer["version"], *hold)}
        in_force = [version for version in versions if version in pointer["nights"].values()][: max(keep, 1)]
        since = min(in_force, default="")[:12]
        replaced = [each for each in versions if each not in in_force and each[:12] >= since][:keep]
        staying = {*in_force, *replaced, *(version for version in versions if built(version) in held)}
        doomed = [version for version in versions if version not in staying]
        for version in doomed:
            _remove(root / version)
        for ledger in root.glob("ledger/v=*"):
            if folder_of(home, authority, ledger.name) is None:
                _remove(ledger)
    return doomed


def forget_nights(home: Home, authority: str, before: date) -> None:
    """Take nights before a business date out of the pointer: they are history, and no night builds on them any more."""
    path = home.snapshots(authority) / "current.json"
    with _alone(path.parent):
        pointer = pointer_in(path.parent)
        if pointer is None:
            return
        nights = {day: version for day, version in pointer["nights"].items() if day >= before.isoformat()}
        if nights != pointer["nights"]:
            write_json(pointer | {"nights": nights}, path)


def _refuse_astray(home: Home, authority: str, business_date: date, version: str, base: str) -> None:
    """Refuse a version when neither what it was built on is in force, nor the version itself."""
    nights = (current_version(home, authority) or {}).get("nights", {})
    before = _in_force_before(home, authority, business_date)
    if base in map(built, before) or built(str(nights.get(business_date.isoformat(), ""))) == version:
        return
    raise IsindexError(
        "BASE_CHANGED",
        "Not published: the version that this night was built on is not in force any more.",
        where=f"{authority} {business_date}",
        remedy="Load again: the night is run anew on what is in force now.",
    )


def _in_force_before(home: Home, authority: str, business_date: date) -> list[str]:
    """The versions in force of the nights before `business_date`, the latest first."""
    nights = (current_version(home, authority) or {}).get("nights", {})
    return [str(nights[night]) for night in sorted(nights, reverse=True) if night < business_date.isoformat()]


def _stamp(inputs: Sequence[FeedInput], business_date: date) -> str:
    """The latest creation time of the deliveries, as UTC yyyymmddThhmmssZ; midnight of the day if there are none."""
    times = [datetime.fromisoformat(feed.created_at) for feed in inputs if feed.created_at]
    aware = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]
    latest = max(aware, default=datetime(business_date.year, business_date.month, business_date.day, tzinfo=UTC))
    return latest.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _refuse_unsound(audit: Audit, where: str) -> None:
    """Refuse an audit of which anything has failed, was not run, or was not looked at."""
    verdicts = {gate.name: gate.passed for gate in audit.gates}
    failed = [name for name in (*GATES, *verdicts) if not verdicts.get(name, False)]
    unseen = [name for name in AUDITED_TABLES if name not in audit.tables]
    if failed or unseen:
        raise IsindexError(
            "GATES_FAILED",
            f"Not published; failed or not run: {', '.join(dict.fromkeys([*failed, *unseen]))}.",
            where=where,
            remedy="See the night's overview; the index stays as it was published last.",
        )


def _told(stored: StoredTable) -> dict[str, Any]:
    return {"rows": stored.rows, "sha256": stored.sha256, "schema": stored.schema}


def _copy(stored: StoredTable, copy: Path, where: str) -> None:
    """Copy an audited table, flush the copy and prove it."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if stored.path.exists():
        shutil.copyfile(stored.path, copy)
        copy.chmod(FILE)
        _flush(copy)
    _prove(stored, copy, where)


def _prove(stored: StoredTable, path: Path, where: str) -> None:
    if not path.exists() or file_sha256(path) != stored.sha256:
        raise IsindexError(
            "PUBLISH_DAMAGED",
            f"Table {stored.path.stem} is not the one that was audited.",
            where=where,
            remedy="Run the night again and look at the disk; nothing was published.",
        )


@contextmanager
def _staged(root: Path) -> Iterator[Path]:
    """A folder that nobody reads, gone afterwards."""
    staging = root / f"{_STAGING}{os.getpid()}"
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _settle(staging: Path, folder: Path) -> bool:
    """Give a finished folder its name, on the disk; False if it is there already, byte for byte."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _flush(staging)
    if folder.exists():
        if _hashes(folder) == _hashes(staging):
            return False
        _remove(folder)  # the name is a hash of the content: what is there has been damaged since
    staging.rename(folder)
    _flush(folder.parent)
    return True


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def _point(root: Path, business_date: date, version: str) -> None:
    """Put `version` in force for its night, and let the pointer show the latest night's."""
    path = root / "current.json"
    before = pointer_in(root)
    nights = {**(before["nights"] if before else {}), business_date.isoformat(): version}
    latest = max(nights)
    pointer = {"version": nights[latest], "business_date": latest, "nights": nights}
    if before != pointer:
        write_json(pointer, path)


def _remove(folder: Path) -> None:
    """Remove a folder so that a reader who lists the authority never sees it half gone."""
    if folder.exists():
        doomed = folder.parent / f"{_STAGING}{folder.name}-gone"
        folder.rename(doomed)
        shutil.rmtree(doomed)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One publisher of an authority at a time; what a killed one left behind is cleared away first."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in [*root.glob(f"{_STAGING}*"), *root.glob(f"ledger/{_STAGING}*")]:
            shutil.rmtree(leftover)
        for leftover in root.glob(".*.part"):
            leftover.unlink()
        yield
