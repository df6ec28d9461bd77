"""The index database: the current snapshot of every authority as relational tables, with the ledger beside it.

Belongs here: bringing the database to what is published in the folders. Not here: what is published (publish) and how
it is read (readers). Everything of one authority changes in one transaction, so that readers see all of the old or all
of the new; only rows of identities that changed are written. A database that lags behind the folders, because a run was
killed between the two, is brought up by the next call. What is on the disk is believed when it is what its manifest says: the
difference is taken between two versions that are as they were published, and else everything is written anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from pipelines.database import note_what_goes
from pipelines.database.rows import remove_rows, write_rows
from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, night, snapshot_version
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.manifests import content_of, files_of, is_published, manifest_of, manifest_or_none
from pipelines.publishing.publish import current_version, snapshot_tables
from pipelines.publishing.versions import built
from pipelines.tables import connect, fetch

__all__ = ["bring_up_to_date", "told_beyond"]


def bring_up_to_date(
    engine: Engine,
    home: Home,
    authority: str,
    figures: Mapping[str, Any] | None = None,
    *,
    published: str = "",
    hides: bool = False,
) -> int:
    """Make the index database show what is published for an authority, and the ledger hold what led to it.

    Args:
        engine: from `open_database`.
        home: the deployment.
        authority: DfE code.
        figures: the figures of the latest night, if they are more than the manifest's control totals.
        published: the version that was published just now: where the database is said to show it already, it is written anew
            in whole, so that a night that is run again mends whatever stands there.
        hides: whether it hides a place, or parts two, that was shown before, whoever is hidden: nothing may be left of what goes.

    Returns:
        rows written or removed in the index tables; 0 when the database was up to date.

    Raises:
        IsindexError: BASE_DAMAGED when the version to be shown is not what was published. The database stays as it was.
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
        shown = next((row for row in known.values() if row.current), None)
        in_force = dict(
            connection.execute(
                select(night.c.business_date, night.c.version).where(night.c.authority == authority)
            ).all()
        )
        in_force = {day.isoformat(): version for day, version in in_force.items()}
        first = min(pointer["nights"])
        gone = [date.fromisoformat(day) for day in in_force if day > first and day not in pointer["nights"]]
        connection.execute(delete(night).where(night.c.authority == authority, night.c.business_date.in_(gone)))
        for day, version in sorted(pointer["nights"].items()):
            manifest_path, name = root / version / "manifest.json", built(version)
            if not manifest_path.exists():  # pruned
                continue
            as_shown = name in known and known[name].shown == version
            if as_shown and in_force.get(day) == name:
                continue
            manifest = manifest_of(root / version)
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
        same = shown is not None and shown.shown == pointer["version"]
        if same and published != pointer["version"]:
            return 0
        before = None if shown is None or same else _as_published(root, shown.shown, shown.content_sha256)
        after = _to_be_shown(root, pointer["version"])
        of_before = shown is not None and shown.business_date.isoformat() < pointer["business_date"]
        if shown is not None and (hides or _hides_more(before if of_before else None, after)):
            note_what_goes(connection)
        written = _show(connection, authority, before, after)
        current = snapshot_version.c.version == built(pointer["version"])
        connection.execute(
            update(snapshot_version).where(snapshot_version.c.authority == authority).values(current=current)
        )
        return written


def _hides_more(before: _Files | None, after: _Files) -> bool:
    """Whether a child is hidden that was not; where that was no earlier night's, or cannot be told, whether any is."""
    hidden = "SELECT index_id FROM children WHERE shielded OR withheld"
    with connect({"children": after.paths["children"]}) as duck:
        now = fetch(duck, hidden)["index_id"].to_pylist()
    if before is None or not now:
        return bool(now)
    with connect({"children": before.paths["children"]}) as duck:
        return not set(now) <= set(fetch(duck, hidden)["index_id"].to_pylist())


def told_beyond(engine: Engine, authority: str, in_force: Collection[date]) -> list[date]:
    """The nights that the database tells of as published and that are not in force; those before the first were let go."""
    if not in_force:
        return []
    query = select(night.c.business_date).where(
        night.c.authority == authority, night.c.business_date > min(in_force), night.c.business_date.not_in(in_force)
    )
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(night.c.business_date)))


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
        table = fetch(
            duck,
            """
            SELECT md5(concat_ws('|', $authority, $version, kind, index_id, coalesce(other_id, ''),
                    coalesce(record_ref, ''))) AS event_id,
                $authority AS authority, CAST($day AS DATE) AS business_date, $version AS version, kind,
                index_id, other_id, record_ref, evidence
            FROM events
            """,
            {"authority": authority, "version": manifest["built"], "day": manifest["business_date"]},
        )
    write_rows(connection, ledger_event, table)


@dataclass(frozen=True)
class _Files:
    """The files behind the tables of the index database, as they were published, and the sha256 of each."""

    paths: Mapping[str, Path]
    sha256: Mapping[str, str]


def _as_published(root: Path, version: str, content: str | None = None) -> _Files | None:
    """The files of a version; None where any is not what was published, or the manifest is not the one of `content`."""
    manifest = manifest_or_none(root / version)
    if manifest is None or content_of(manifest) != (content or manifest["content_sha256"]):
        return None
    ledger = root / "ledger" / built(version) / "index_ids.parquet"
    paths = snapshot_tables(root / version) | {"index_ids": ledger}
    return _Files(paths, files_of(manifest)) if is_published(paths, manifest) else None


def _to_be_shown(root: Path, version: str) -> _Files:
    files = _as_published(root, version)
    if files is None:
        day = version[2:12]
        raise IsindexError(
            "BASE_DAMAGED",
            "The version that the index database shall show is not what was published.",
            where=f"{root.name} {day}",
            remedy=f"Look at the disk; then `isindex load --again --landing LANDING --home HOME --authority {root.name} --night {day}` makes it anew.",
        )
    return files


def _show(connection: Connection, authority: str, old: _Files | None, new: _Files) -> int:
    """Rewrite what differs between two versions; everything when there is no old one to compare with."""
    if old is None:
        for table in (*INDEX_TABLES.values(), identity):
            connection.execute(delete(table).where(table.c.authority == authority))
    written = 0
    for name, target in {**INDEX_TABLES, "index_ids": identity}.items():
        if old is None or old.sha256[name] != new.sha256[name]:
            written += _replace(connection, authority, target, old.paths[name] if old else None, new.paths[name])
    return written


def _replace(connection: Connection, authority: str, target: Table, old: Path | None, new: Path) -> int:
    """Bring one table from the rows of `old` to those of `new`, identity by identity."""
    numbered = "row" in target.c
    row = ", row_number() OVER (PARTITION BY index_id ORDER BY file_row_number) - 1 AS row" if numbered else ""
    with connect() as duck:
        duck.execute(f"CREATE TEMP VIEW new AS SELECT * FROM read_parquet('{new}', hive_partitioning = false)")
        changed = None
        if old is not None:
            duck.execute(f"CREATE TEMP VIEW old AS SELECT * FROM read_parquet('{old}', hive_partitioning = false)")
            duck.execute("""
                CREATE TEMP TABLE changed AS  -- rows that only one of the two has: one join finds those of either
                SELECT DISTINCT coalesce(o.index_id, n.index_id) AS index_id
                FROM old o FULL JOIN new n ON o IS NOT DISTINCT FROM n WHERE o.index_id IS NULL OR n.index_id IS NULL
            """)
            changed = fetch(duck, "SELECT index_id FROM changed ORDER BY 1")
            if changed.num_rows == 0:
                return 0
        where = "WHERE index_id IN (FROM changed)" if changed is not None else ""
        order = "ORDER BY index_id, row" if numbered else "ORDER BY index_id"
        columns = ", ".join(column.name for column in target.c if column.name not in ("authority", "row", "since"))
        table = fetch(
            duck,
            f"""
            SELECT $authority AS authority, {columns}{row}{", since" if "since" in target.c else ""}
            FROM read_parquet('{new}', file_row_number = true, hive_partitioning = false) {where} {order}
            """,
            {"authority": authority},
        )
    gone = 0
    if changed is not None:
        gone = int(changed.num_rows)
        whose = pa.array([authority] * gone, pa.string())
        remove_rows(connection, target, pa.table({"authority": whose, "index_id": changed["index_id"]}))
    write_rows(connection, target, table)
    return gone + int(table.num_rows)
