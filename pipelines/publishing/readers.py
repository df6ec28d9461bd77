"""Reading what is published: the state of an authority, one child, and what changed between two versions.

Belongs here: the functions behind `isindex status`, `isindex child` and `isindex diff`. Not here: how they look on a
screen (cli). Reading a child is audited before anything of it is handed out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from pipelines.audit import account, append, may_see_protected, refuse_older_database, writing
from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, night, redirect, reorganisation
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.identities.mint import as_typed, mistyped, valid_index_id
from pipelines.publishing.difference import Difference, compare
from pipelines.publishing.in_step import out_of_step, published_authorities
from pipelines.publishing.manifests import manifest_of, pointer_damaged
from pipelines.publishing.publish import current_version, snapshot_tables
from pipelines.publishing.tombstones import tombstones
from pipelines.publishing.versions import built, folder_of

__all__ = [
    "AuthorityStatus",
    "ChildShown",
    "FeedStatus",
    "difference_between",
    "published_authorities",
    "read_child",
    "status",
]


@dataclass(frozen=True)
class FeedStatus:
    """A feed as the current version shows it; `age_days` counts from the day its records describe to `on`."""

    agency: str
    as_of: date | None
    age_days: int | None
    stale: bool
    live_records: int
    delivery_id: str | None


@dataclass(frozen=True)
class AuthorityStatus:
    """What is published for an authority: version, its business date, rows by table, differences, feeds."""

    authority: str
    version: str
    business_date: date
    rows: Mapping[str, int]
    differences: Mapping[str, int]
    feeds: tuple[FeedStatus, ...]
    versions: int


@dataclass(frozen=True)
class ChildShown:
    """What may be shown of a child.

    Attributes:
        authority: whose index it stands in.
        index_id: the id it has today.
        asked_for: the id that was asked for; another one when that was merged.
        tables: rows by snapshot table, without authority, index id and row number.
        kept_back: the child is protected and this user may not see those: no rows, and no id but the one that was asked for.
    """

    authority: str
    index_id: str
    asked_for: str
    tables: Mapping[str, tuple[dict[str, Any], ...]]
    kept_back: bool = False


def status(
    home: Home, authority: str, *, engine: Engine | None = None, on: date | None = None
) -> AuthorityStatus | None:
    """What is published for an authority; None before the first publish. Ages are counted to `on` (default: today, UTC).

    Raises:
        IsindexError: STORE_DAMAGED when it cannot be read; also when nothing says what is published, and the index database,
            if its `engine` is given, tells of nights that were.
    """
    day = on or datetime.now(UTC).date()
    folder = home.snapshots(authority)
    pointer = _pointer(home, authority)
    if pointer is None:
        if engine is not None and _tells_of(engine, authority):
            raise pointer_damaged(folder)
        return None
    manifest = manifest_of(folder / pointer["version"])
    return AuthorityStatus(
        authority=authority,
        version=pointer["version"],
        business_date=date.fromisoformat(manifest["business_date"]),
        rows={name: table["rows"] for name, table in manifest["tables"].items()},
        differences=manifest["differences"],
        feeds=tuple(_feed_status(feed, day) for feed in manifest["inputs"]),
        versions=len(list(folder.glob("v=*"))),
    )


def _tells_of(engine: Engine, authority: str) -> bool:
    with engine.connect() as connection:
        told = connection.execute(select(night.c.version).where(night.c.authority == authority).limit(1))
        return told.first() is not None


def read_child(
    deployment: Deployment,
    index_id: str,
    *,
    why: str,
    authority: str | None = None,
    hidden_at_once: Callable[[Deployment, str], Collection[str]] = lambda deployment, authority: (),
) -> list[ChildShown]:
    """Everything that may be shown of a child, from the index database; the read is audited first.

    Args:
        deployment: where.
        index_id: as written on paper; case, spaces and hyphens do not matter; redirects are followed.
        why: for what reason.
        authority: only in this authority's index; default in all that are here.
        hidden_at_once: references of records of an authority whose children are hidden though the index shows them yet.

    Returns:
        one `ChildShown` for each authority that knows the id (in nearly every case one).

    Raises:
        IsindexError: PURPOSE_MISSING when `why` says nothing: no purpose, no look; INDEX_ID_INVALID (mistyped), INDEX_ID_UNKNOWN, INDEX_ID_ENDED,
            INDEX_ID_REPLACED; DATABASE_OLDER, STORE_DAMAGED when the database does not show what is in force.
    """
    if not why.strip():
        raise IsindexError(
            "PURPOSE_MISSING",
            "A child is shown for a purpose only.",
            where="why",
            remedy="Say why you look; it is kept.",
        )
    asked = as_typed(index_id)
    if not valid_index_id(asked):
        raise mistyped()
    refuse_older_database(
        deployment
    )  # before the look is noted: no entry is added to a database that others are gone from
    behind = out_of_step(deployment, None if authority is None else [authority])
    with writing(deployment) as connection:
        append(connection, "child", actor=account(), why=why, authority=authority, subject=asked)
    with deployment.engine.connect() as connection:
        children = INDEX_TABLES["children"]
        # one consistent view: in PostgreSQL a snapshot for the transaction, in SQLite any transaction is one
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            connection.exec_driver_sql("BEGIN")
        forward = select(redirect.c.authority, redirect.c.redirects_to).where(redirect.c.index_id == asked)
        targets = {row.authority: row.redirects_to for row in connection.execute(forward)}
        wanted = or_(children.c.index_id == asked, children.c.index_id.in_(list(targets.values())))
        rows = connection.execute(select(children.c.authority, children.c.index_id).where(wanted)).all()
        known = sorted(
            (row.authority, row.index_id)
            for row in rows
            if (authority is None or row.authority == authority)
            and (row.index_id == asked or targets.get(row.authority) == row.index_id)
        )
        known = _but_taken_over(connection, known)
        for fault in (behind[place] for place in (behind if not known else dict(known)) if place in behind):
            raise fault
        if not known:
            known = _replaced(connection, asked, authority)
        if not known:
            holder = select(identity.c.authority).where(identity.c.index_id == asked)
            if authority is not None:
                holder = holder.where(identity.c.authority == authority)
            ended = connection.execute(holder).first()
            raise IsindexError(
                "INDEX_ID_ENDED" if ended else "INDEX_ID_UNKNOWN",
                "No record holds this index id any more." if ended else "No index here knows this id.",
                remedy="Ask the authority that gave it out.",
            )
        at_once = {place: hidden_at_once(deployment, place) for place in {place for place, _ in known}}
        return [_shown(connection, place, found, asked, at_once[place]) for place, found in known]


def _but_taken_over(connection: Connection, known: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where a successor knows the child, that one alone tells of it: what the authority that was taken over had is history."""
    told, here = reorganisation.c, {place for place, _ in known}
    pairs = select(told.predecessor).where(told.predecessor.in_(here), told.successor.in_(here))
    over = set(connection.scalars(pairs))
    return [(place, found) for place, found in known if place not in over]


def _shown(connection: Connection, authority: str, index_id: str, asked: str, at_once: Collection[str]) -> ChildShown:
    child, link = INDEX_TABLES["children"].c, INDEX_TABLES["record_links"].c
    mine = select(child.shielded, child.withheld).where(child.authority == authority, child.index_id == index_id)
    hidden = any(row.shielded or row.withheld for row in connection.execute(mine))
    if at_once and not hidden:
        records = select(link.record_ref).where(link.authority == authority, link.index_id == index_id)
        hidden = not set(connection.scalars(records)).isdisjoint(at_once)
    if hidden and not may_see_protected():
        return ChildShown(authority, asked, asked, {}, kept_back=True)
    return ChildShown(authority, index_id, asked, _rows(connection, authority, index_id))


def _replaced(connection: Connection, index_id: str, authority: str | None) -> list[tuple[str, str]]:
    """Authority and index id of the child who had `index_id` in a version that was replaced since.

    A night that is published anew, because a delivery came late, may give a child another id than the version before it. The
    ledger keeps what each version said: the child who holds all the records that the id was given to is meant. Where they have come
    apart, or some are told of nobody, it leads to nobody: the id may have been two children's, or both identities' of one.

    Raises:
        IsindexError: INDEX_ID_REPLACED when those records are not all shown with one id.
    """
    told = select(ledger_event.c.authority, ledger_event.c.record_ref, ledger_event.c.evidence).where(
        ledger_event.c.index_id == index_id, ledger_event.c.kind.in_(["minted", "restored", "joined"])
    )
    if authority is not None:
        told = told.where(ledger_event.c.authority == authority)
    known = connection.execute(select(identity.c.authority).where(identity.c.index_id == index_id)).first()
    held: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(told):
        held[row.authority].update([row.record_ref] if row.record_ref else row.evidence.get("records", []))
    if known or not held:
        return []
    link = INDEX_TABLES["record_links"].c
    found = []
    for place, refs in sorted(held.items()):
        holders = (
            select(link.index_id, func.count(link.record_ref.distinct()).label("records"))
            .where(link.authority == place, link.record_ref.in_(sorted(refs)))
            .group_by(link.index_id)
        )
        found += [(place, str(row.index_id)) for row in connection.execute(holders) if row.records == len(refs)]
    if not found:
        raise IsindexError(
            "INDEX_ID_REPLACED",
            "The version that had this id was replaced, and its records are not all shown with one id now.",
            remedy="`isindex diff --from` that version shows what was changed; a child who is shielded is told by no record.",
        )
    return found


def difference_between(home: Home, authority: str, old: str | None = None, new: str | None = None) -> Difference:
    """What changed from version `old` (default: the one before `new`) to `new` (default: the current one).

    Without `old` it is what the night changed as it was told then, whoever was hidden in either version since.

    Raises:
        IsindexError: VERSION_UNKNOWN; STORE_DAMAGED when a file of it is damaged, or ``current.json`` is gone.
    """
    pointer = _pointer(home, authority)
    newer = new or (pointer or {}).get("version", "")
    if not newer:
        raise IsindexError(
            "VERSION_UNKNOWN", "Nothing is published yet.", where=authority, remedy="Load a night first."
        )
    after = _version_asked_for(home, authority, newer)
    if old is None:
        return Difference(**manifest_of(after)["differences"])
    return compare(snapshot_tables(_version_asked_for(home, authority, old)), snapshot_tables(after))


def _pointer(home: Home, authority: str) -> dict[str, Any] | None:
    """What ``current.json`` says; None before the first publish.

    Raises:
        IsindexError: STORE_DAMAGED when it is damaged, or is gone and versions lie there.
    """
    pointer = current_version(home, authority)
    if pointer is None and any(home.snapshots(authority).glob("v=*")):
        raise pointer_damaged(home.snapshots(authority))
    return pointer


def _version_asked_for(home: Home, authority: str, version: str) -> Path:
    """The folder of a version that somebody named."""
    found = folder_of(home, authority, version)
    if found is None:
        removed = any(built(each.version) == built(version) for each in tombstones(home, authority))
        raise IsindexError(
            "VERSION_UNKNOWN",
            "The version was removed for somebody's protection." if removed else "There is no such version.",
            where=authority,
            remedy="`isindex status` names the current one; older ones may have been pruned.",
        )
    return found


def _feed_status(feed: Mapping[str, Any], day: date) -> FeedStatus:
    as_of = date.fromisoformat(feed["as_of"]) if feed["as_of"] else None
    return FeedStatus(
        feed["agency"],
        as_of,
        (day - as_of).days if as_of else None,
        feed["stale"],
        feed["live_records"],
        feed["delivery_id"],
    )


def _rows(connection: Any, authority: str, index_id: str) -> dict[str, tuple[dict[str, Any], ...]]:
    shown: dict[str, tuple[dict[str, Any], ...]] = {}
    for name, table in INDEX_TABLES.items():
        columns = [column for column in table.c if column.name not in ("authority", "index_id", "row")]
        here = (table.c.authority == authority) & (
            table.c.redirects_to == index_id if name == "redirects" else table.c.index_id == index_id
        )
        if name == "redirects":
            columns = [table.c.index_id, table.c.since]
        query = select(*columns).where(here).order_by(table.c.index_id, table.c.row)
        shown[name] = tuple(dict(row._mapping) for row in connection.execute(query))
    return shown
