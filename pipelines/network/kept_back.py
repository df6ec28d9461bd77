"""Of whom nothing is told by now, by national id: who is protected in any index, and who is found beside the other side of a firewall.

Belongs here: working that out from what the indexes have in force, and from what people have decided since; the co-ordinating index itself may have had no night
since. One way for all that is shown: finding, moves, the review list. Not here: whom a user may see (`pipelines.audit.may_see_protected`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
from sqlalchemy import Connection, or_, select

from pipelines.database.schema import INDEX_TABLES
from pipelines.errors import IsindexError
from pipelines.network import database as db
from pipelines.network.place import Network
from pipelines.nights.at_once import hidden_at_once
from pipelines.nights.reorganised import reorganisations
from pipelines.nights.walls import walls_in
from pipelines.nights.whole import latest_there
from pipelines.tables import connect

__all__ = ["beyond_walls", "hidden_now"]

_AT_ONCE = 500  # names in one question to a database


def hidden_now(network: Network, connection: Connection, national_ids: Collection[str]) -> set[str]:
    """Which of these are protected: by the last night of the network, or in an index that knows or knew them, as it is by now.

    Of an authority of which that cannot be told everybody is.

    Args:
        network: the co-ordinating index.
        connection: to its database.
        national_ids: of whom it is asked.
    """
    national, hidden = db.national_id.c, set()
    for some in _parts(national_ids):
        hidden |= set(connection.scalars(select(national.national_id).where(national.national_id.in_(some), national.hidden)))  # fmt: skip
    for authority, theirs in _known(network, connection, set(national_ids) - hidden).items():
        hidden |= {national for index_id in _hidden_in(network, authority, theirs) for national in theirs[index_id]}
    return hidden


def beyond_walls(network: Network, connection: Connection, national_ids: Collection[str]) -> set[str]:
    """Which of these stand at a firewall whose other side is among them, too: told together, one leads to the other."""
    if len(national_ids) < 2:
        return set()
    parted: set[str] = set()
    for authority, theirs in _known(network, connection, national_ids).items():
        if len(set().union(*theirs.values())) < 2:
            continue
        try:
            sides = _sides(network, authority, theirs)
        except IsindexError:
            return set(national_ids)
        for one, other in sides:
            parted |= theirs[one] | theirs[other]
    return parted


def _known(network: Network, connection: Connection, national_ids: Iterable[str]) -> dict[str, dict[str, set[str]]]:
    """By whom these are known, or were: authority → index id → national ids. Of an authority that was taken over it is for whoever knows the child now to say."""
    pointer, found = db.pointer.c, dict[str, dict[str, set[str]]]()
    closed = {each.predecessor for each in reorganisations(network.deployment.engine)}
    for some in _parts(national_ids):
        query = select(pointer.authority, pointer.index_id, pointer.national_id, pointer.to_night)
        rows = connection.execute(query.where(pointer.national_id.in_(some))).all()
        living = {row.national_id for row in rows if row.to_night is None and row.authority not in closed}
        for row in rows:
            if row.authority not in closed or row.national_id not in living:
                found.setdefault(row.authority, {}).setdefault(row.index_id, set()).add(row.national_id)
    return found


def _hidden_in(network: Network, authority: str, index_ids: Collection[str]) -> set[str]:
    """Which of these index ids of an authority are of protected children."""
    child, link = INDEX_TABLES["children"].c, INDEX_TABLES["record_links"].c
    try:
        refs = hidden_at_once(network.deployment, authority)
    except IsindexError:
        return set(index_ids)
    hidden: set[str] = set()
    with network.deployment.engine.connect() as connection:
        for some in _parts(index_ids):
            theirs = select(child.index_id).where(child.authority == authority, child.index_id.in_(some))
            hidden |= set(connection.scalars(theirs.where(or_(child.shielded, child.withheld))))
        for some in _parts(refs):
            borne = select(link.index_id).where(link.authority == authority, link.record_ref.in_(some))
            hidden |= set(connection.scalars(borne)) & set(index_ids)
    return hidden


def _sides(network: Network, authority: str, index_ids: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of these index ids that stand on two sides of a firewall of the authority."""
    latest = latest_there(network.deployment, authority)
    walls = walls_in(latest.folder if latest else None)
    if latest is None or not walls.num_rows:
        return []
    views = {
        "walls": walls,
        "identities": latest.folder / "identities" / "identities.parquet",
        "among": pa.table({"index_id": pa.array(sorted(index_ids), pa.string())}),
    }
    with connect(views) as duck:
        return duck.execute("""
            WITH sides AS (SELECT DISTINCT wall_a, wall_b, side, index_id FROM walls JOIN identities USING (record_key) SEMI JOIN among USING (index_id))
            SELECT DISTINCT a.index_id, b.index_id FROM sides a JOIN sides b USING (wall_a, wall_b) WHERE a.side <> b.side AND a.index_id < b.index_id
        """).fetchall()


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    every = sorted(names)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))
