"""Publishing: an immutable folder per version, and one pointer that is replaced whole.

Belongs here: what a version is called, how it comes onto the disk and goes again. Not here: what is in the tables
(snapshot), whether it may be published (gates), the relational copy (index_database).

    snapshots/<authority>/
      v=<business_date>T<stamp>-<hash>/   nine Parquet tables and manifest.json; never changed
      current.json                        {version, business_date, nights: the version in force of each night}
      ledger/<version>/                   events and index ids of the version, for the index database

A version is a temporary folder until it is whole and on the disk; then it is renamed. Its name holds the latest
creation time of its input deliveries and a hash of all that is in it, so the same inputs give the same name and bytes
and publishing again changes nothing. Nothing in it depends on when or by whom the night was run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.identities.state import mark_published
from pipelines.publishing.difference import compare
from pipelines.publishing.gates import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.tables import StoredTable, file_sha256, read_json, write_json, write_table

__all__ = [
    "FeedInput",
    "Published",
    "current_version",
    "previous_version",
    "prune",
    "publish_snapshot",
    "snapshot_tables",
    "write_snapshot",
]

_STAGING = ".staging-"


@dataclass(frozen=True)
class FeedInput:
    """What one feed brought to a night.

    Attributes:
        agency: the agency of the feed.
        delivery_id: the delivery the feed's records come from; None if none ever came.
        contract: contract and version, for example ``health/1``.
        as_of: the business date the records describe.
        stale: nothing came for this night, so the records of an earlier one stand.
        created_at: when the supplier made the delivery, aware ISO text.
        manifest_sha256: hash of the delivery's manifest.
        counts: rows_read, accepted, queried, rejected, repeats of the delivery (empty when stale).
        live_records: live records of the feed after the night.
    """

    agency: str
    delivery_id: str | None
    contract: str | None
    as_of: date | None
    stale: bool
    created_at: str | None
    manifest_sha256: str | None
    live_records: int
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A version and whether it was made now (`created`) or was there already; `differences` to the previous one."""

    version: str
    folder: Path
    created: bool
    differences: Mapping[str, int]


def write_snapshot(tables: Mapping[str, pa.Table], folder: Path) -> dict[str, StoredTable]:
    """Write the nine tables into `folder` (the night's), where gates audit them before anything is published."""
    return {name: write_table(tables[name], folder / f"{name}.parquet") for name in SNAPSHOT_TABLES}


def publish_snapshot(
    home: Home,
    authority: str,
    business_date: date,
    *,
    snapshot: Mapping[str, StoredTable],
    index_ids: pa.Table,
    events: pa.Table,
    inputs: Sequence[FeedInput],
    gates: Sequence[Gate],
    versions: Mapping[str, str],
    totals: Mapping[str, Any],
) -> Published:
    """Publish a night's snapshot and let `current.json` point at the version of the latest business date.

    Args:
        home: the deployment.
        authority: DfE code.
        business_date: the night.
        snapshot: what `write_snapshot` gave.
        index_ids: those of the night's `IdentityState`.
        events: the night's ledger events (`identities.ledger.record_night`).
        inputs: one for each feed of the authority.
        gates: the results of `run_gates`.
        versions: of contracts, rules, model and code, by what they are of.
        totals: control totals end to end, by name; nothing that depends on when the night was run.

    Raises:
        IsindexError: GATES_FAILED, PUBLISH_DAMAGED (a table is not what was audited).
    """
    failed = [gate.name for gate in gates if gate.blocking and not gate.passed]
    if failed or not gates:
        raise IsindexError(
            "GATES_FAILED",
            f"Not published: {', '.join(failed) or 'no gate was run'}.",
            where=f"{authority} {business_date}",
            remedy="See the night's overview; the index stays as it was published last.",
        )
    root = home.snapshots(authority)
    with _alone(root):
        previous = previous_version(home, authority, business_date)
        differences = compare(
            snapshot_tables(root / previous) if previous else None,
            {name: stored.path for name, stored in snapshot.items()},
        ).numbers()
        manifest: dict[str, Any] = {
            "authority": authority,
            "business_date": business_date.isoformat(),
            "previous": previous,
            "tables": {
                name: {"rows": stored.rows, "sha256": stored.sha256, "schema": stored.schema}
                for name, stored in snapshot.items()
            },
            "inputs": [
                asdict(feed) | {"as_of": feed.as_of.isoformat() if feed.as_of else None}
                for feed in sorted(inputs, key=lambda feed: feed.agency)
            ],
            "versions": dict(versions),
            "control_totals": dict(totals),
            "gates": [asdict(gate) for gate in gates],
            "differences": differences,
        }
        office = root / f"{_STAGING}ledger-{os.getpid()}"
        manifest["ledger"] = {
            name: write_table(table, office / f"{name}.parquet").sha256
            for name, table in (("index_ids", index_ids), ("events", events))
        }
        content = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        version = f"v={business_date.isoformat()}T{_stamp(inputs, business_date)}-{content[:12]}"
        manifest |= {"version": version, "content_sha256": content}
        folder = root / version
        created = not folder.exists()
        _settle(office, root / "ledger" / version)
        if created:
            _write_version(snapshot, manifest, folder)
        _point(root, business_date, version)
    if home.night(authority, business_date).joinpath("identities").exists():
        mark_published(home.night(authority, business_date), version)
    return Published(version, folder, created, differences)


def current_version(home: Home, authority: str) -> dict[str, Any] | None:
    """What `current.json` says: version, business_date, nights; None before the first publish."""
    path = home.snapshots(authority) / "current.json"
    return dict(read_json(path)) if path.exists() else None


def previous_version(home: Home, authority: str, business_date: date) -> str | None:
    """The version in force of the latest published night before `business_date`."""
    nights = (current_version(home, authority) or {}).get("nights", {})
    earlier = [night for night in nights if night < business_date.isoformat()]
    version = nights[max(earlier)] if earlier else None
    return version if version and (home.snapshots(authority) / version).exists() else None


def snapshot_tables(folder: Path) -> dict[str, Path]:
    """The Parquet files of a version or night folder by table name."""
    return {name: folder / f"{name}.parquet" for name in SNAPSHOT_TABLES}


def prune(home: Home, authority: str, keep: int) -> list[str]:
    """Remove the oldest versions beyond the newest `keep`; never the current one. Returns what was removed."""
    root = home.snapshots(authority)
    if not (root / "current.json").exists():
        return []
    with _alone(root):
        pointer = read_json(root / "current.json")
        versions = sorted((folder.name for folder in root.glob("v=*")), reverse=True)
        doomed = [version for version in versions[max(keep, 1) :] if version != pointer["version"]]
        nights = {night: version for night, version in pointer["nights"].items() if version not in doomed}
        write_json(pointer | {"nights": nights}, root / "current.json")
        for version in doomed:
            _remove(root / version)
            _remove(root / "ledger" / version)
    return doomed


def _stamp(inputs: Sequence[FeedInput], business_date: date) -> str:
    """The latest creation time of the deliveries, as UTC yyyymmddThhmmssZ; midnight of the day if there are none."""
    times = [datetime.fromisoformat(feed.created_at) for feed in inputs if feed.created_at]
    aware = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]
    latest = max(aware, default=datetime(business_date.year, business_date.month, business_date.day, tzinfo=UTC))
    return latest.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _write_version(snapshot: Mapping[str, StoredTable], manifest: dict[str, Any], folder: Path) -> None:
    """Copy the audited tables beside their destination, prove them, add the manifest, and rename the whole."""
    staging = folder.parent / f"{_STAGING}{folder.name}-{os.getpid()}"
    staging.mkdir(parents=True)
    for name, stored in snapshot.items():
        copy = staging / f"{name}.parquet"
        shutil.copyfile(stored.path, copy)
        copy.chmod(0o640)
        _flush(copy)
        if file_sha256(copy) != stored.sha256:
            raise IsindexError(
                "PUBLISH_DAMAGED",
                f"Table {name} is not the one that was audited.",
                where=f"{manifest['authority']} {manifest['business_date']}",
                remedy="Run the night again and look at the disk; nothing was published.",
            )
    write_json(manifest, staging / "manifest.json")
    _settle(staging, folder)


def _settle(staging: Path, folder: Path) -> None:
    """Give a finished folder its name, on the disk; if it is there already the finished one goes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _flush(staging)
    if folder.exists():
        shutil.rmtree(staging)
        return
    staging.rename(folder)
    _flush(folder.parent)


def _point(root: Path, business_date: date, version: str) -> None:
    """Put `version` in force for its night, and let the pointer show the latest night's."""
    path = root / "current.json"
    known = read_json(path)["nights"] if path.exists() else {}
    nights = {**known, business_date.isoformat(): version}
    latest = max(nights)
    pointer = {"version": nights[latest], "business_date": latest, "nights": nights}
    if not path.exists() or read_json(path) != pointer:
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
