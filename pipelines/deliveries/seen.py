"""What was seen in the landing place before: the table `landing_seen`, a row per folder in which a manifest was read.

Belongs here: reading and writing that table, and what the register says of many deliveries at once. Not here: what
follows from a difference (`landing`). The table is a memory, not a truth: a row that is missing costs one look at a
manifest, whether a delivery is decided stands in the register.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from upath import UPath

from pipelines.database.schema import delivery, landing_seen, waiver
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import on_disk
from pipelines.deliveries.states import CONSUMING, DeliveryEntry
from pipelines.deliveries.survey import DateFolder

__all__ = [
    "Seen",
    "decided_before",
    "delivered_for",
    "forget",
    "not_taken_in",
    "note",
    "note_decided",
    "seen",
    "still_owed",
    "unsettle",
]

T = TypeVar("T")
_AT_ONCE = 500  # values in one statement; both databases take more


@dataclass(frozen=True)
class Seen:
    """A folder as it was when its manifest was read last.

    Attributes:
        place: the folder, relative to the landing place.
        authority: whose it is.
        signature: the state of its files, "" when that could not be told.
        delivery_id: the delivery that lay there.
        decided: whether the register has the last word on it in this state.
    """

    place: str
    authority: str
    signature: str
    delivery_id: str
    decided: bool


def seen(engine: Engine, landing: UPath, authorities: Collection[str] | None = None) -> dict[str, Seen]:
    """Place → row, of one landing place and, if given, some authorities."""
    query = select(*(landing_seen.c[each.name] for each in fields(Seen))).where(
        landing_seen.c.landing == _address(landing)
    )
    if authorities is not None:
        query = query.where(landing_seen.c.authority.in_(sorted(authorities)))
    with engine.connect() as connection:
        return {row.place: Seen(*row) for row in connection.execute(query)}


def note(engine: Engine, landing: UPath, rows: Iterable[Seen]) -> None:
    """Write rows, each over the one of the same place; one transaction."""
    address = _address(landing)
    wanted = [{"landing": address, **asdict(row)} for row in sorted(rows, key=lambda row: row.place)]
    if wanted:
        with engine.begin() as connection:
            _put(connection, wanted)


def note_decided(engine: Engine, found: FoundDelivery) -> None:
    """Note that the register has the last word on `found`: until its folder changes nobody needs to look at it again.

    Call it after the delivery was concluded. A process killed in between has the next look ask the register instead.
    """
    if found.landing is not None:
        row = Seen(found.place, found.authority, found.signature, found.delivery_id, decided=True)
        note(engine, found.landing, [row])


def unsettle(connection: Connection, delivery_ids: Collection[str]) -> None:
    """Note that the register has another word on these deliveries now: they are looked at, and answered, once more."""
    if delivery_ids:
        connection.execute(
            update(landing_seen).where(landing_seen.c.delivery_id.in_(delivery_ids)).values(decided=False)
        )


def forget(engine: Engine, landing: UPath, places: Collection[str]) -> None:
    """Drop the rows of folders that are gone."""
    if not places:
        return
    with engine.begin() as connection:
        for some in _portions(sorted(places)):
            where = (landing_seen.c.landing == _address(landing), landing_seen.c.place.in_(some))
            connection.execute(delete(landing_seen).where(*where))


def decided_before(engine: Engine, delivery_ids: Iterable[str]) -> dict[str, DeliveryEntry]:
    """Delivery id → the register's entry, of those that it knows."""
    known: dict[str, DeliveryEntry] = {}
    with engine.connect() as connection:
        for some in _portions(sorted(set(delivery_ids))):
            rows = connection.execute(select(delivery).where(delivery.c.delivery_id.in_(some))).mappings()
            known |= {row["delivery_id"]: DeliveryEntry(**row) for row in rows}
    return known


def delivered_for(engine: Engine, folders: Iterable[DateFolder]) -> set[str]:
    """The places of those of the folders for whose feed and business date the register knows a delivery."""
    wanted = {(folder.authority, folder.agency, folder.business_date): folder.place for folder in folders}
    days = sorted({day for _, _, day in wanted})
    feeds = select(delivery.c.authority, delivery.c.agency, delivery.c.business_date).distinct()
    known: set[str] = set()
    with engine.connect() as connection:
        for some in _portions(days):
            rows = connection.execute(feeds.where(delivery.c.business_date.in_(some)))
            known |= {wanted[key] for row in rows if (key := (row[0], row[1], row[2])) in wanted}
    return known


def not_taken_in(engine: Engine, business_date: date) -> set[tuple[str, str]]:
    """Authority and agency of the complete deliveries for a date that were seen in a landing place and are not decided."""
    query = select(landing_seen.c.place).where(
        landing_seen.c.place.like(f"%/{business_date.isoformat()}"), landing_seen.c.decided.is_(False)
    )
    with engine.connect() as connection:
        places = [place.split("/") for place in connection.scalars(query)]
    return {(authority, agency) for authority, agency, _ in places}


def still_owed(engine: Engine, rows: Iterable[Seen]) -> set[str]:
    """Places, of these undecided deliveries that went away, of those that the feed still owes.

    Not owed is one that the register knows, whose sequence another delivery has used since or was waived, or that had
    no readable sequence.
    """
    owed: set[str] = set()
    with engine.connect() as connection:
        for row in rows:
            authority, agency, _, last = row.delivery_id.split("/")
            number = last.partition("-")[0]
            if not number.isdecimal():
                continue
            feed = (delivery.c.authority == authority, delivery.c.agency == agency)
            known = select(delivery.c.delivery_id).where(
                *feed,
                (delivery.c.delivery_id == row.delivery_id)
                | ((delivery.c.sequence == int(number)) & delivery.c.state.in_(sorted(CONSUMING))),
            )
            waived = select(waiver.c.sequence).where(
                waiver.c.authority == authority, waiver.c.agency == agency, waiver.c.sequence == int(number)
            )
            if connection.execute(known.limit(1)).first() is None and connection.execute(waived).first() is None:
                owed.add(row.place)
    return owed


def _put(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    of_dialect = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = of_dialect(landing_seen)
    key = [column.name for column in landing_seen.primary_key]
    others = {column.name: statement.excluded[column.name] for column in landing_seen.c if column.name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=others), list(rows))


def _address(landing: UPath) -> str:
    """The landing place's own name in the table; a digest, since an address may hold a password."""
    disk = on_disk(landing)
    text = str(disk.resolve()) if disk else str(landing).rstrip("/")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _portions(names: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
