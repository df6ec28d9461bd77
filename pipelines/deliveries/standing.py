"""Deliveries that wait for somebody: held ones, refused ones that nothing has put right yet, and gaps that are still open.

Belongs here: when a held or refused delivery is settled, although its state stays what it is. Not here: the states
themselves (`states`), or how it is told (`pipelines.nights.summary`, `pipelines.reporting`). What was said of a night that was
let go is history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, Engine, Text, and_, cast, exists, func, not_, or_, select

from pipelines.database.schema import attempt, delivery, landing_seen, waiver
from pipelines.deliveries.accreditation import NOT_ADMITTED
from pipelines.deliveries.codes import Finding
from pipelines.deliveries.states import CONSUMING, IN_FORCE, DeliveryEntry, gap_before

__all__ = ["nights_of_nobody_admitted", "nights_taken_in_whole", "open_gaps", "standing_deliveries"]

_MISPLACED = ("WRONG_AUTHORITY", "WRONG_AGENCY", "WRONG_DATE")


def standing_deliveries(engine: Engine, authorities: Collection[str] | None = None) -> list[DeliveryEntry]:
    """The held and refused deliveries that still stand, floods of wishes first, then by authority, business date, agency and
    sequence.

    Either is settled by a full delivery in force that comes after it, which says all that there is to say. A refused one is
    settled besides by any in force for its night that comes after it, by another under its number, by a waiver of its number that was made since, and, if it lay
    where it did not belong or nobody can tell its number, by being taken away.

    Args:
        engine: the index database.
        authorities: only these; all by default.
    """
    with engine.connect() as connection:
        unsettled = _entries(connection, authorities, delivery.c.state.in_(["held", "refused"]))
        ground = _ground(connection)
        by_feed = defaultdict(list)
        for entry in unsettled:
            if entry.business_date > ground.get(entry.authority, date.min) or entry.has("HELD_TOO_LONG"):
                by_feed[entry.authority, entry.agency].append(entry)
        found = []
        for feed, entries in by_feed.items():
            others = _since(connection, feed, entries)
            waived = _waived(connection, feed)
            lying = set(
                connection.scalars(
                    select(landing_seen.c.delivery_id).where(
                        landing_seen.c.delivery_id.in_([each.delivery_id for each in entries])
                    )
                )
            )
            found += [each for each in entries if not _is_settled(each, others, waived, lies=each.delivery_id in lying)]
    return sorted(found, key=_order)


def _order(entry: DeliveryEntry) -> tuple[bool, str, date, str, int]:
    """Floods of wishes first: nobody whom they mean is hidden meanwhile."""
    flood = entry.has("PROTECTION_FLOOD")
    return not flood, entry.authority, entry.business_date, entry.agency, entry.sequence or 0


def open_gaps(engine: Engine, authorities: Collection[str] | None = None) -> dict[str, tuple[date, Finding | None]]:
    """Delivery → its business date and the gap before it as it is now, of those in force that were once told of a gap.

    The gap is None once it was filled or waived.
    """
    told = cast(delivery.c.codes, Text).contains("SEQUENCE_GAP")
    found: dict[str, tuple[date, Finding | None]] = {}
    with engine.connect() as connection:
        ground = _ground(connection)
        for entry in _entries(connection, authorities, delivery.c.state.in_(sorted(IN_FORCE)), told):
            if entry.business_date <= ground.get(entry.authority, date.min):
                continue
            feed = (entry.authority, entry.agency)
            known = _entries(
                connection,
                [entry.authority],
                delivery.c.agency == entry.agency,
                delivery.c.state.in_(sorted(CONSUMING)),
            )
            others = [each for each in known if each.delivery_id != entry.delivery_id]
            gap = gap_before(others, entry, _waived(connection, feed))
            found[entry.delivery_id] = (entry.business_date, gap[0] if gap else None)
    return found


def nights_of_nobody_admitted(engine: Engine, nights: Collection[tuple[str, date]]) -> set[tuple[str, date]]:
    """Those of the nights (authority, business date) up to which deliveries came, and not one of a feed that was to be loaded.

    There is nothing to publish on them, because somebody decided so or nobody has decided yet; nobody has to settle them.
    """
    whose = sorted({authority for authority, _ in nights})
    if not whose:
        return set()
    column = delivery.c
    told = cast(column.codes, Text)
    barred = and_(column.state == "refused", or_(*(told.contains(code) for code in sorted(NOT_ADMITTED))))
    of_them = select(column.authority, func.min(column.business_date)).where(column.authority.in_(whose))
    with engine.connect() as connection:
        begun = {row[0]: row[1] for row in connection.execute(of_them.group_by(column.authority))}
        others = of_them.where(column.state != "tested", not_(barred)).group_by(column.authority)
        first = {row[0]: row[1] for row in connection.execute(others)}
    return {
        (authority, day)
        for authority, day in nights
        if begun.get(authority, date.max) <= day < first.get(authority, date.max)
    }


def nights_taken_in_whole(engine: Engine, nights: Collection[tuple[str, date]]) -> set[tuple[str, date]]:
    """Those of the nights (authority, business date), held before anything of the authority was published, whose feeds have all delivered in full since,
    for nights up to the latest that is published.

    That one is built on nothing, so it has all that came before, who asks to be protected among it: nobody has to settle them.
    """
    whose = sorted({authority for authority, _ in nights})
    if not whose:
        return set()
    other, each, came, full = (table.alias() for table in (attempt, attempt, delivery, delivery))
    newest = select(func.max(each.c.attempt_id)).group_by(each.c.authority, each.c.business_date)
    last = select(func.max(other.c.business_date)).where(
        other.c.authority == attempt.c.authority, other.c.attempt_id.in_(newest), other.c.state == "published"
    )
    published_before = exists().where(
        other.c.authority == attempt.c.authority,
        other.c.business_date <= attempt.c.business_date,
        other.c.version.is_not(None),
    )
    told = cast(came.c.codes, Text)
    told_anew = exists().where(
        full.c.authority == came.c.authority,
        full.c.agency == came.c.agency,
        full.c.mode == "full",
        full.c.state.in_(sorted(IN_FORCE)),
        full.c.business_date > came.c.business_date,
        full.c.business_date <= last.correlate(attempt).scalar_subquery(),
    )
    waits = exists().where(
        came.c.authority == attempt.c.authority,
        came.c.business_date == attempt.c.business_date,
        came.c.state != "tested",
        not_(and_(came.c.state == "refused", or_(*(told.contains(code) for code in sorted(NOT_ADMITTED))))),
        not_(told_anew),
    )
    column = attempt.c
    query = select(column.authority, column.business_date).where(
        column.authority.in_(whose), column.attempt_id.in_(newest), column.state == "held", not_(published_before), not_(waits),
        column.business_date < last.correlate(attempt).scalar_subquery(),
    )  # fmt: skip
    with engine.connect() as connection:
        return {(row[0], row[1]) for row in connection.execute(query)} & set(nights)


def _is_settled(
    entry: DeliveryEntry, others: Sequence[DeliveryEntry], waived: Mapping[int, str], *, lies: bool
) -> bool:
    """Whether nobody has to do anything about a held or refused delivery any more.

    Args:
        entry: the delivery.
        others: those of its feed that used up their number.
        waived: sequence → when it was waived.
        lies: whether it lies in the landing place.
    """
    if any(map(entry.has, NOT_ADMITTED)) and not entry.has("PROTECTION_FLOOD"):
        return True  # it is refused because somebody decided so
    in_force = [each for each in others if each.state in IN_FORCE]
    later = [each for each in in_force if (each.sequence or 0) > (entry.sequence or 0)]
    told_anew = any(each.mode == "full" and each.business_date >= entry.business_date for each in later)
    if entry.state == "held":
        return told_anew
    if entry.has("HELD_TOO_LONG"):  # nothing of it can be used any more, and its number is free
        return told_anew or _is_replaced(entry, others) or waived.get(entry.sequence or 0, "") >= entry.received_at
    if entry.sequence is None or any(map(entry.has, _MISPLACED)):
        if not lies:
            return True
        return any(
            each.business_date == entry.business_date and each.received_at >= entry.received_at for each in in_force
        )
    if told_anew or any(each.business_date == entry.business_date for each in later):
        return True
    if waived.get(entry.sequence, "") >= entry.received_at:
        return True
    return _is_replaced(entry, others) and not entry.has("REPEATED")


def _is_replaced(entry: DeliveryEntry, others: Sequence[DeliveryEntry]) -> bool:
    """Whether another came under its number since."""
    return any(each.sequence == entry.sequence and each.received_at >= entry.received_at for each in others)


def _entries(connection: Connection, authorities: Collection[str] | None, *conditions: object) -> list[DeliveryEntry]:
    query = select(delivery).where(*conditions)  # type: ignore[arg-type]
    if authorities is not None:
        query = query.where(delivery.c.authority.in_(sorted(authorities)))
    return [DeliveryEntry(**row) for row in connection.execute(query).mappings()]


def _since(connection: Connection, feed: tuple[str, str], entries: Sequence[DeliveryEntry]) -> list[DeliveryEntry]:
    """Deliveries of a feed that may settle any of `entries`: for their nights or later ones, or with their numbers or more."""
    authority, agency = feed
    number = min((each.sequence for each in entries if each.sequence is not None), default=None)
    wanted = [delivery.c.business_date >= min(each.business_date for each in entries)]
    wanted += [delivery.c.sequence >= number] if number is not None else []
    return _entries(
        connection, [authority], delivery.c.agency == agency, delivery.c.state.in_(sorted(CONSUMING)), or_(*wanted)
    )


def _waived(connection: Connection, feed: tuple[str, str]) -> dict[int, str]:
    query = select(waiver.c.sequence, waiver.c.decided_at).where(
        waiver.c.authority == feed[0], waiver.c.agency == feed[1]
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _ground(connection: Connection) -> dict[str, date]:
    """Authority → the last night of it that was let go."""
    query = (
        select(attempt.c.authority, func.max(attempt.c.business_date))
        .where(attempt.c.state == "retired")
        .group_by(attempt.c.authority)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
