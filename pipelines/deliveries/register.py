"""The delivery register: what came, when, in what state, and which sequences are no longer waited for.

Belongs here: the tables `delivery`, `feed_night` and `waiver`. Not here: what state a delivery gets (`states`). Each
method is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, delete, func, insert, select, update

from pipelines.database.schema import delivery, feed_night, night, waiver
from pipelines.deliveries.accreditation import Admission, admission, standing_of
from pipelines.deliveries.seen import unsettle
from pipelines.deliveries.states import IN_FORCE, DeliveryEntry, release
from pipelines.errors import IsindexError
from pipelines.settings import settings

__all__ = ["Register"]


class Register:
    """The register in the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, authority: str, agency: str) -> list[DeliveryEntry]:
        """Every delivery of a feed, by sequence and id."""
        return self._entries(delivery.c.authority == authority, delivery.c.agency == agency)

    def entry(self, delivery_id: str) -> DeliveryEntry | None:
        """One delivery, or None."""
        return next(iter(self._entries(delivery.c.delivery_id == delivery_id)), None)

    def for_night(self, authority: str, business_date: date) -> list[DeliveryEntry]:
        """The deliveries in force for a night, by agency and sequence.

        Mostly one per agency; a full and later deltas of the same date are applied in this order.
        """
        tonight = self._entries(
            delivery.c.authority == authority,
            delivery.c.business_date == business_date,
            delivery.c.state.in_(sorted(IN_FORCE)),
        )
        return sorted(tonight, key=lambda entry: (entry.agency, entry.sequence or 0))

    def received(self, authority: str, business_date: date) -> list[DeliveryEntry]:
        """Every delivery for a night whatever its state, by agency and sequence: the overview's rows."""
        tonight = self._entries(delivery.c.authority == authority, delivery.c.business_date == business_date)
        return sorted(tonight, key=lambda entry: (entry.agency, entry.sequence or 0, entry.delivery_id))

    def record(self, entry: DeliveryEntry, *, supersedes: Sequence[str] = ()) -> None:
        """Write `entry`, and take those it `supersedes` out of force. Written again, `received_at` stays the first."""
        with self._engine.begin() as connection:
            self._write(connection, entry, supersedes)

    def conclude(self, entry: DeliveryEntry, *, supersedes: Sequence[str] = ()) -> list[DeliveryEntry]:
        """`record`, and `release` in the same transaction: a delivery that fills a gap frees what waited, or is not known.

        Returns:
            the new entries of the deliveries that were freed.
        """
        with self._engine.begin() as connection:
            self._write(connection, entry, supersedes)
            return self._release(connection, entry.authority, entry.agency)

    def supersede(self, delivery_ids: Sequence[str], by: str) -> None:
        """Take deliveries out of force in favour of `by`."""
        with self._engine.begin() as connection:
            _supersede(connection, delivery_ids, by)

    def waive(
        self,
        authority: str,
        agency: str,
        sequence: int,
        *,
        actor: str,
        reason: str,
        at: datetime,
        within: Connection | None = None,
    ) -> list[DeliveryEntry]:
        """Decide that `sequence` is not waited for, or, when it is held now, that it may be used as it is; in a transaction of its own unless
        one is given.

        Returns:
            the new entries of the held deliveries that this lets go, to rerun their nights.

        Raises:
            IsindexError: WAIVER_INCOMPLETE without actor or reason.
        """
        if not actor.strip() or not reason.strip():
            raise IsindexError(
                "WAIVER_INCOMPLETE", "a waiver needs the person who decides and a reason.", remedy="Give both."
            )
        row = {
            "authority": authority,
            "agency": agency,
            "sequence": sequence,
            "actor": actor.strip(),
            "reason": reason.strip(),
            "decided_at": at.isoformat(timespec="seconds"),
        }
        with nullcontext(within) if within is not None else self._engine.begin() as connection:
            _put(connection, waiver, row)
            return self._release(connection, authority, agency, consented=sequence)

    def waived(self, authority: str, agency: str) -> frozenset[int]:
        """Sequences of a feed that were waived."""
        with self._engine.connect() as connection:
            return _waived(connection, authority, agency)

    def standing(self, authority: str, agency: str) -> str:
        """What a feed is by the latest act of its accreditation (`accreditation.standing_of`)."""
        with self._engine.connect() as connection:
            return standing_of(connection, authority, agency)

    def needed(self, delivery_id: str) -> DeliveryEntry:
        """One delivery that must be known.

        Raises:
            IsindexError: DELIVERY_UNKNOWN.
        """
        found = self.entry(delivery_id)
        if found is None:
            raise IsindexError(
                "DELIVERY_UNKNOWN",
                "the register does not know the delivery",
                where=delivery_id,
                remedy="Home and database belong together: restore both from one backup.",
            )
        return found

    def set_feed_nights(self, authority: str, business_date: date, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write what each feed brought to a night: agency, state, delivery_id, as_of, live_records, measures."""
        with self._engine.begin() as connection:
            for row in rows:
                _put(connection, feed_night, {"authority": authority, "business_date": business_date, **row})

    def feed_nights(self, authority: str, business_date: date) -> list[dict[str, Any]]:
        """The rows of table `feed_night` of one night, by agency."""
        query = (
            select(feed_night)
            .where(feed_night.c.authority == authority, feed_night.c.business_date == business_date)
            .order_by(feed_night.c.agency)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def previous_live_records(self, authority: str, agency: str, business_date: date) -> int:
        """The feed's live records as they were last known for `business_date`, or before; 0 when there were none."""
        query = (
            select(feed_night.c.live_records)
            .where(
                feed_night.c.authority == authority,
                feed_night.c.agency == agency,
                feed_night.c.business_date <= business_date,
                feed_night.c.live_records.is_not(None),
            )
            .order_by(feed_night.c.business_date.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def night_processed(self, authority: str, business_date: date) -> bool:
        """Whether the night, or a later one of the same authority, was already processed."""
        query = select(func.count()).where(night.c.authority == authority, night.c.business_date >= business_date)
        with self._engine.connect() as connection:
            return bool(connection.scalar(query))

    def _entries(self, *conditions: Any) -> list[DeliveryEntry]:
        with self._engine.connect() as connection:
            return _entries(connection, *conditions)

    def _release(
        self, connection: Connection, authority: str, agency: str, consented: int | None = None
    ) -> list[DeliveryEntry]:
        if _admission(connection, authority, agency) != "loaded":
            return []  # what waits goes on waiting: nothing of such a feed is taken in
        known = _entries(connection, delivery.c.authority == authority, delivery.c.agency == agency)
        freed = release(known, _waived(connection, authority, agency), consented)
        for entry, ruling in freed:
            self._write(connection, entry, ruling.supersedes)
        # one in force makes its night outstanding, which answers it; another has to be looked at for that
        unsettle(connection, [entry.delivery_id for entry, _ in freed if entry.state not in IN_FORCE])
        return [entry for entry, _ in freed]

    def _write(self, connection: Connection, entry: DeliveryEntry, supersedes: Sequence[str]) -> None:
        row = asdict(entry)
        first = connection.scalar(select(delivery.c.received_at).where(delivery.c.delivery_id == entry.delivery_id))
        _put(connection, delivery, row | {"received_at": first or entry.received_at})
        _supersede(connection, supersedes, entry.delivery_id)


def _admission(connection: Connection, authority: str, agency: str) -> Admission:
    return admission(standing_of(connection, authority, agency), accredited_only=settings().accredited_only)


def _entries(connection: Connection, *conditions: Any) -> list[DeliveryEntry]:
    query = select(delivery).where(and_(*conditions)).order_by(delivery.c.sequence, delivery.c.delivery_id)
    return [DeliveryEntry(**row) for row in connection.execute(query).mappings()]


def _waived(connection: Connection, authority: str, agency: str) -> frozenset[int]:
    query = select(waiver.c.sequence).where(waiver.c.authority == authority, waiver.c.agency == agency)
    return frozenset(connection.scalars(query))


def _supersede(connection: Connection, delivery_ids: Sequence[str], by: str) -> None:
    if delivery_ids:
        connection.execute(
            update(delivery)
            .where(delivery.c.delivery_id.in_(delivery_ids))
            .values(state="superseded", superseded_by=by)
        )


def _put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write `row`, replacing the one with the same primary key: alike in both databases."""
    same = and_(*(column == row[column.name] for column in table.primary_key))
    connection.execute(delete(table).where(same))
    connection.execute(insert(table).values(**row))


if {each.name for each in fields(DeliveryEntry)} != set(delivery.c.keys()):  # the two must say the same
    raise AssertionError("DeliveryEntry and table delivery differ")
