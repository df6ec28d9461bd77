"""Publishing a night of the network: an immutable version, the pointer to it, and the database that follows it.

Belongs here: what is published, in which order, and the database's rows. A version holds pointers, ids and events: nothing of a person. What
finds a child (`finding`) is in the database alone. The database is brought to what the version says, whatever it said before: after a
kill it is made anew by the next night.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, delete, insert, select

from pipelines.database.rows import remove_rows, write_rows
from pipelines.network import database as db
from pipelines.network.custody import Custody
from pipelines.network.findings import findings_of
from pipelines.network.inputs import Inputs
from pipelines.network.place import Network
from pipelines.privacy.secret import keyed_digests
from pipelines.seams.identities import EVENTS
from pipelines.tables import connect, fetch, read_table, write_json, write_table

__all__ = ["bring_up_to_date", "let_go", "publish_version"]

_TABLES = ("pointers", "index_ids", "events", "custody", "moves")


@dataclass(frozen=True)
class _Kept:
    """A table of the database and what it holds: how to make it of an attempt's folder, and its key."""

    table: Table
    key: tuple[str, ...]


def publish_version(
    network: Network, inputs: Inputs, folder: Path, gates: list[dict[str, Any]], figures: Mapping[str, float]
) -> str:
    """Publish what an attempt made; the version's name. `current.json` points at it when all of it lies there."""
    paths = {
        name: folder / ("identities/index_ids.parquet" if name == "index_ids" else f"{name}.parquet")
        for name in _TABLES
    }
    told: dict[str, Any] = {
        "business_date": inputs.business_date.isoformat(),
        "digest": inputs.digest,
        "previous": inputs.base,
        "inputs": inputs.as_json()["given"],
        "gates": gates,
        "figures": dict(figures),
    }
    root = network.root
    with tempfile.TemporaryDirectory(dir=root, prefix=".staging-") as staging:
        place = Path(staging) / "version"
        stored = {name: write_table(read_table(path), place / f"{name}.parquet") for name, path in paths.items()}
        told["tables"] = {
            name: {"rows": each.rows, "sha256": each.sha256, "schema": each.schema} for name, each in stored.items()
        }
        content = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        version = f"v={inputs.business_date.isoformat()}-{content[:12]}"
        write_json(told | {"version": version, "content_sha256": content}, place / "manifest.json")
        if not network.version(version).is_dir():
            place.rename(network.version(version))
        else:
            shutil.rmtree(place)
    pointer = {"version": version, "business_date": inputs.business_date.isoformat(), "digest": inputs.digest}
    write_json(pointer, root / "current.json")
    return version


def bring_up_to_date(network: Network, version: str, folder: Path, before: tuple[str, Path] | None) -> None:
    """Let the database hold what a version says, in one transaction.

    Args:
        network: the co-ordinating index.
        version: in force now.
        folder: of its attempt.
        before: the version before and the folder of its attempt: where the database follows that one, only what differs is written.
    """
    with network.engine.begin() as connection:
        shown = connection.scalar(select(db.published.c.version))
        since = before[1] if before and before[0] == shown and before[1].is_dir() else None
        for kept, now, was in _tables(folder, since):
            _replace(connection, kept, now, was)
        _add_events(connection, version, folder)
        connection.execute(delete(db.published))
        connection.execute(insert(db.published).values(row=1, version=version))


def let_go(network: Network, inputs: Inputs, folder: Path) -> None:
    """Remove what tells of children and is not in force: what authorities gave before, the tables of earlier attempts; and versions beyond those kept."""
    given = {network.contribution(each.authority, each.version) for each in inputs.given}
    for each in network.root.glob("contributions/*/v=*"):
        if each not in given:
            shutil.rmtree(each, ignore_errors=True)
    for each in network.root.glob("nights/*/*"):
        if each != folder:
            shutil.rmtree(each, ignore_errors=True)
    for each in network.root.glob("nights/*"):
        if not any(each.iterdir()):
            each.rmdir()
    versions = sorted(network.root.glob("v=*"), key=lambda each: (each.name[:12], each.stat().st_mtime_ns))
    for each in versions[: -network.deployment.settings.keep_versions]:
        shutil.rmtree(each, ignore_errors=True)


def _tables(folder: Path, since: Path | None) -> list[tuple[_Kept, pa.Table, pa.Table | None]]:
    """Each table of the database with what it is to hold, and what it holds; None where that is not known."""
    kept = {
        "pointers": _Kept(db.pointer, ("authority", "index_id", "national_id", "from_night")),
        "national_ids": _Kept(db.national_id, ("national_id",)),
        "custody": _Kept(db.custody, ("national_id",)),
        "moves": _Kept(db.move, ("move",)),
        "review": _Kept(db.review, ("row_key_a", "row_key_b")),
        "findings": _Kept(db.finding, ("token", "authority", "index_id")),
    }
    now = _of(folder)
    was = _of(since) if since else {}
    return [(each, now[name], was.get(name)) for name, each in kept.items()]


def _of(folder: Path) -> dict[str, pa.Table]:
    ids = {name: folder / "identities" / f"{name}.parquet" for name in ("index_ids", "visibility")}
    with connect(ids) as duck:
        national = fetch(
            duck,
            """
            SELECT index_id AS national_id, state, minted_night, redirects_to, since, coalesce(shielded OR withheld, false) AS hidden
            FROM index_ids LEFT JOIN visibility USING (index_id) ORDER BY index_id
        """,
        )
    custody = Custody.read(folder)
    return {
        "pointers": read_table(folder / "pointers.parquet"),
        "custody": custody.custody,
        "moves": custody.moves,
        "national_ids": national,
        "review": read_table(folder / "review.parquet"),
        "findings": findings_of(folder),
    }


def _replace(connection: Connection, kept: _Kept, now: pa.Table, was: pa.Table | None) -> None:
    """Let a table hold `now`: rows that differ from `was` are written, those that are no more removed."""
    if was is None:
        connection.execute(delete(kept.table))
        write_rows(connection, kept.table, now)
        return
    with connect({"now": now, "was": was}) as duck:
        gone = fetch(duck, f"SELECT {', '.join(kept.key)} FROM (FROM was EXCEPT FROM now)")
        come = fetch(duck, "FROM now EXCEPT FROM was ORDER BY ALL")
    remove_rows(connection, kept.table, gone)
    write_rows(connection, kept.table, come)


def _add_events(connection: Connection, version: str, folder: Path) -> None:
    """The night's events, once: those of the version that are there already are not added again."""
    if connection.scalar(select(db.event.c.event_id).where(db.event.c.version == version).limit(1)) is not None:
        return
    events = read_table(folder / "events.parquet")
    told = pc.binary_join_element_wise(
        *(pc.fill_null(events[name].cast(pa.string()), "") for name in EVENTS.names), version, "\x1f"
    )
    names = keyed_digests(told.combine_chunks(), "event of the network")
    rows = events.append_column("event_id", names).append_column(
        "version", pa.array([version] * events.num_rows, pa.string())
    )
    write_rows(connection, db.event, rows)
