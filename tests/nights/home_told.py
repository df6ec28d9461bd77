"""Everything a home says that must not depend on how it came about, in one comparable value.

Belongs here: gathering it. Left out is what honestly depends on the order or the time of arrival: clocks, the LATE flag,
who superseded whom, what was looked at of a refused delivery, attempts that failed on the way, versions that are not in
force any more.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.identities.ledger import identities_as_at
from pipelines.nights.arrivals import look_around
from pipelines.nights.attempts import attempt_in_force, last_attempts
from pipelines.nights.night import Night
from pipelines.nights.plan import outstanding
from pipelines.nights.retention import sweep
from pipelines.publishing.versions import built, versions_in_force

__all__ = ["differences", "leftovers", "told"]

_WITHOUT = {
    db.night: ("finished_at",),
    db.feed_night: ("state",),
    db.delivery: ("late", "codes", "received_at", "superseded_by"),
}


def told(deployment: Deployment, authority: str) -> dict[str, Any]:
    """What the home says of one authority, by name."""
    home = deployment.home
    root = home.snapshots(authority)
    nights = versions_in_force(home, authority)
    pointer = root / "current.json"
    said: dict[str, Any] = {"current.json": json.loads(pointer.read_text()) if pointer.exists() else None}
    for day, version in nights.items():
        said[f"version of {day}"] = version
        for folder in (root / version, root / "ledger" / built(version)):
            said |= {f"{folder.relative_to(root)}/{name}": digest for name, digest in _files(folder).items()}
        attempt = attempt_in_force(Night(deployment, authority, day), version)
        assert attempt is not None
        for name in ("review.parquet", "faults.parquet", "feeds.json", "inputs.json"):
            said[f"{day}/{name}"] = _sha256(attempt.folder / name)
        links = {path.name: os.path.realpath(path) for path in attempt.night.folder.iterdir() if path.is_symlink()}
        said[f"{day}/links"] = {name: Path(path).parent.name for name, path in links.items()}
        said[f"identities as at {day}"] = identities_as_at(deployment.engine, authority, day).to_pylist()
    for table in (db.reject, db.night, db.identity, db.delivery, *db.INDEX_TABLES.values()):
        said[f"table {table.name}"] = _rows(deployment, table, authority)
    in_force = {built(version) for version in nights.values()}
    for name, table in (("ledger_event", db.ledger_event), ("snapshot_version", db.snapshot_version)):
        rows = [row for row in _rows(deployment, table, authority) if row["version"] in in_force]
        said[f"table {name}"] = [{**row, "published_at": ""} for row in rows]
    said["table delivery"] = [
        row if row["state"] != "refused" else {name: row[name] for name in ("delivery_id", "state")}
        for row in said["table delivery"]
    ]
    feeds = _rows(deployment, db.feed_night, authority)
    said["table feed_night"] = [row for row in feeds if row["business_date"] in nights]
    said["states"] = {day: row.state for day, row in last_attempts(deployment.engine, authority).items()}
    look = look_around(deployment)
    said["outstanding"] = [(each.business_date, each.why) for each in outstanding(deployment, look.new)]
    return said


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What two homes say differently, a line each, for people."""
    return [
        f"{name}:\n    {_short(one.get(name), other.get(name))}\n    {_short(other.get(name), one.get(name))}"
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]


def leftovers(deployment: Deployment, authority: str) -> list[str]:
    """What half-done work lies in the authority's folders after a sweep."""
    sweep(deployment, authority)
    root = deployment.home.root
    places = [root / part / authority for part in ("nights", "deliveries", "snapshots")]
    return [
        str(path.relative_to(root))
        for place in places
        for path in place.rglob(".*")
        if path.name != ".lock" and not path.name.startswith("..")
    ]


def _files(folder: Path) -> dict[str, str]:
    return {path.name: _sha256(path) for path in sorted(folder.iterdir())}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "not there"


def _rows(deployment: Deployment, table: Table, authority: str) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name not in _WITHOUT.get(table, ())]
    with deployment.engine.connect() as connection:
        found = connection.execute(select(*columns).where(table.c.authority == authority)).mappings().all()
    return sorted((dict(row) for row in found), key=lambda row: json.dumps(row, sort_keys=True, default=str))


def _short(value: Any, other: Any) -> str:
    """The value, of a list what the other one has not, cut short."""
    if isinstance(value, list) and isinstance(other, list):
        value = [each for each in value if each not in other]
    text = repr(value)
    return text if len(text) < 600 else f"{text[:600]} …"
