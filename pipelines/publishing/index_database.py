"""The index database: the current snapshot of every authority as relational tables, with the ledger beside it.

Belongs here: bringing the database to what is published in the folders. Not here: what is published (publish) and how
it is read (readers). Everything of one authority changes in one transaction, so that readers see all of the old or all
of the new; only rows of identities that changed are written. A database that lags behind the folders, because a run was
killed between the two, is brought up by the next call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from pipelines.database.rows import remove_rows, write_rows
from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, night, snapshot_version
from pipelines.home import Home
from pipelines.publishing.publish import current_version, snapshot_tables
from pipelines.publishing.versions import built
from pipelines.tables import connect, file_sha256, read_json

__all__ = ["bring_up_to_date"]


def bring_up_to_date(engine: Engine, home: Home, authority: str, figures: Mapping[str, Any] | None = None) -> int:
    """Make the index database show what is published for an authority, and the ledger hold what led to it.

    Args:
        engine: from `open_database`.
        home: the deployment.
        authority: DfE code.
        figures: the figures of the latest night, if they are more than the manifest's control totals.

    Returns:
        rows written or removed in the index tables; 0 when the database was up to date.
    """
    pointer = current_version(home, authority)
    if pointer is None:
        return 0
    root = home.snapshots(authority)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with engine.begin() as connection:
        known = {
            row.version: row
            for row in connection.execute(select(snapshot_version).where(snapshot_version.c.authority == authority))
        }
        shown = next((row.shown for row in known.values() if row.current), None)
        in_force = dict(
            connection.execute(
                select(night.c.business_date, night.c.version).where(night.c.authority == authority)
            ).all()
        )
        in_force = {day.isoformat(): version for day, version in in_force.items()}
        for day, version in sorted(pointer["nights"].items()):
            manifest_path, name = root / version / "manifest.json", built(version)
            if not manifest_path.exists():  # pruned
                continue
            as_shown = name in known and known[name].shown == version
            if as_shown and in_force.get(day) == name:
                continue
            manifest = read_json(manifest_path)
            if name not in known:
                _add_events(connection, authority, root / "ledger" / name / "events.parquet", manifest)
                connection.execute(insert(snapshot_version).values(**_version_row(manifest, now)))
            elif not as_shown:
                row = {"shown": version, "content_sha256": manifest["content_sha256"]}
                this = (snapshot_version.c.authority == authority, snapshot_version.c.version == name)
                connection.execute(update(snapshot_version).where(*this).values(**row))
            if in_force.get(day) != name:
                totals = dict(figures) if figures and version == pointer["version"] else manifest["control_totals"]
                _set_night(connection, manifest, totals, now)
        if shown == pointer["version"]:
            return 0
        written = _show(connection, authority, root, shown, pointer["version"])
        current = snapshot_version.c.version == built(pointer["version"])
        connection.execute(
            update(snapshot_version).where(snapshot_version.c.authority == authority).values(current=current)
        )
        return written


def _version_row(manifest: Mapping[str, Any], now: str) -> dict[str, Any]:
    return {
        "authority": manifest["authority"],
        "version": manifest["built"],
        "shown": manifest["version"],
        "business_date": datetime.fromisoformat(manifest["business_date"]).date(),
        "previous": manifest["previous"],
        "content_sha256": manifest["content_sha256"],
        "published_at": now,
        "current": False,
    }


def _set_night(connection: Connection, manifest: Mapping[str, Any], figures: Mapping[str, Any], now: str) -> None:
    day = datetime.fromisoformat(manifest["business_date"]).date()
    connection.execute(delete(night).where(night.c.authority == manifest["authority"], night.c.business_date == day))
    connection.execute(
        insert(night).values(
            authority=manifest["authority"],
            business_date=day,
            state="published",
            version=manifest["built"],
            figures=dict(figures),
            finished_at=now,
        )
    )


def _add_events(connection: Connection, authority: str, path: Path, manifest: Mapping[str, Any]) -> None:
    """The events of a version; their ids follow from their content: added twice they would fail, not double."""
    with connect({"events": path}) as duck:
        table = duck.sql(
            """
            SELECT md5(concat_ws('|', $authority, $version, kind, index_id, coalesce(other_id, ''),
                    coalesce(record_ref, ''))) AS event_id,
                $authority AS authority, CAST($day AS DATE) AS business_date, $version AS version, kind,
                index_id, other_id, record_ref, evidence
            FROM events
            """,
            params={"authority": authority, "version": manifest["built"], "day": manifest["business_date"]},
        ).to_arrow_table()
    write_rows(connection, ledger_event, table)


def _show(connection: Connection, authority: str, root: Path, old: str | None, new: str) -> int:
    """Rewrite what differs between two versions; everything when the old one is not on the disk to compare with."""
    before = None if old is None or not (root / old / "manifest.json").exists() else old
    if before is None:
        for table in (*INDEX_TABLES.values(), identity):
            connection.execute(delete(table).where(table.c.authority == authority))
    new_paths = _paths(root, new)
    old_paths = _paths(root, before) if before else {}
    written = 0
    for name, target in {**INDEX_TABLES, "index_ids": identity}.items():
        written += _replace(connection, authority, target, old_paths.get(name), new_paths[name])
    return written


def _paths(root: Path, version: str) -> dict[str, Path]:
    """The files behind the tables of the index database, by table."""
    return snapshot_tables(root / version) | {"index_ids": root / "ledger" / built(version) / "index_ids.parquet"}


def _replace(connection: Connection, authority: str, target: Table, old: Path | None, new: Path) -> int:
    """Bring one table from the rows of `old` to those of `new`, identity by identity."""
    if old is not None and file_sha256(old) == file_sha256(new):
        return 0
    numbered = "row" in target.c
    row = ", row_number() OVER (PARTITION BY index_id ORDER BY file_row_number) - 1 AS row" if numbered else ""
    with connect() as duck:
        duck.execute(f"CREATE VIEW new AS SELECT * FROM read_parquet('{new}', hive_partitioning = false)")
        changed = None
        if old is not None:
            duck.execute(f"CREATE VIEW old AS SELECT * FROM read_parquet('{old}', hive_partitioning = false)")
            duck.execute("""
                CREATE TEMP TABLE changed AS
                SELECT index_id FROM (FROM old EXCEPT FROM new) UNION
                SELECT index_id FROM (FROM new EXCEPT FROM old)
            """)
            changed = duck.sql("SELECT index_id FROM changed ORDER BY 1").to_arrow_table()
            if changed.num_rows == 0:
                return 0
        where = "WHERE index_id IN (FROM changed)" if changed is not None else ""
        order = "ORDER BY index_id, row" if numbered else "ORDER BY index_id"
        columns = ", ".join(column.name for column in target.c if column.name not in ("authority", "row", "since"))
        table = duck.sql(
            f"""
            SELECT $authority AS authority, {columns}{row}{", since" if "since" in target.c else ""}
            FROM read_parquet('{new}', file_row_number = true, hive_partitioning = false) {where} {order}
            """,
            params={"authority": authority},
        ).to_arrow_table()
    gone = changed["index_id"].to_pylist() if changed is not None else []
    remove_rows(connection, target, authority, gone)
    write_rows(connection, target, table)
    return len(gone) + int(table.num_rows)
