"""The life of rejects: since when a fault has stood, and how it ended.

Belongs here: the table `reject`, one row per fault (rule and record) that was ever found; no value, no key. Not here:
finding faults (`judge`), showing them (`reporting`).

open → corrected (a later delivery has the record without the fault) | waived until a date, with a reason; open again
when that date has passed | expired (the record is no longer delivered, or has not been for `EXPIRES_AFTER`).

A night may be replayed, and is then followed by a replay of every later night: recording a night first takes back what
was recorded for it and for later ones.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, and_, bindparam, case, delete, insert, select, update

from pipelines.database.schema import reject
from pipelines.errors import IsindexError
from pipelines.tables import connect
from pipelines.validation.judge import reject_id_sql

__all__ = ["EXPIRES_AFTER", "expire_unseen", "record_rejects", "waive_reject"]

EXPIRES_AFTER = timedelta(days=28)


def record_rejects(
    engine: Engine,
    authority: str,
    agency: str,
    business_date: date,
    rejects: pa.Table | None,
    *,
    full: bool,
    keys: pa.Array | pa.ChunkedArray | None,
) -> dict[str, int]:
    """Record a night's faults of one feed.

    Args:
        engine: the database.
        authority: of the feed.
        agency: of the feed.
        business_date: the night; replaying one must be followed by replaying the later ones.
        rejects: `Judged.rejects`; None when nothing was delivered, which changes no fault but may expire some.
        full: whether the delivery was full: a fault whose record it does not have any more expires.
        keys: keys of the records accepted tonight: their faults that were not found again are corrected.

    Returns:
        numbers of faults: new, standing, corrected, expired.
    """
    with engine.begin() as connection:
        _take_back(connection, authority, agency, business_date)
        if rejects is None:
            expired = expire_unseen(connection, authority, agency, business_date)
            return {"new": 0, "standing": 0, "corrected": 0, "expired": expired}
        known = connection.execute(
            select(reject.c.reject_id, reject.c.rule, reject.c.state).where(_feed(authority, agency))
        ).all()
        found = _sorted_out(known, rejects, keys, authority, agency)
        _insert(connection, found["new"], authority, agency, business_date)
        _see_again(connection, found["again"], business_date)
        _close(connection, found["corrected"], "corrected", business_date)
        gone = found["gone"] if full else []
        _close(connection, gone, "expired", business_date)
        expired = len(gone) + expire_unseen(connection, authority, agency, business_date)
    return {
        "new": len(found["new"]),
        "standing": len(found["again"]),
        "corrected": len(found["corrected"]),
        "expired": expired,
    }


def waive_reject(engine: Engine, reject_id: str, until: date, reason: str) -> None:
    """Let a fault stand until a date, with a reason that names no person.

    Raises:
        IsindexError: REJECT_UNKNOWN, when there is no such fault or it is closed.
    """
    with engine.begin() as connection:
        done = connection.execute(
            update(reject)
            .where(reject.c.reject_id == reject_id, reject.c.state.in_(["open", "waived"]))
            .values(state="waived", waived_until=until, reason=reason)
        )
        if done.rowcount == 0:
            raise IsindexError(
                "REJECT_UNKNOWN",
                "There is no open fault with this id.",
                where=reject_id,
                remedy="Take the id from the rejected-record report of the latest night.",
            )


def expire_unseen(connection: Connection, authority: str, agency: str, business_date: date) -> int:
    """Expire open faults that no delivery has shown for `EXPIRES_AFTER`; how many."""
    done = connection.execute(
        update(reject)
        .where(_feed(authority, agency), reject.c.state == "open", reject.c.last_night < business_date - EXPIRES_AFTER)
        .values(state="expired", closed_night=business_date)
    )
    return int(done.rowcount)


def _take_back(connection: Connection, authority: str, agency: str, business_date: date) -> None:
    """Undo what this night and later ones recorded; what a person decided (a waiver) stays."""
    feed = _feed(authority, agency)
    connection.execute(delete(reject).where(feed, reject.c.first_night >= business_date, reject.c.state != "waived"))
    connection.execute(
        update(reject).where(feed, reject.c.closed_night >= business_date).values(state="open", closed_night=None)
    )
    connection.execute(
        update(reject)
        .where(feed, reject.c.last_night >= business_date, reject.c.first_night < business_date)
        .values(last_night=business_date - timedelta(days=1))
    )


def _sorted_out(
    known: Any, rejects: pa.Table, keys: pa.Array | pa.ChunkedArray | None, authority: str, agency: str
) -> dict[str, list[Any]]:
    """Faults by what tonight means for them: new (rows), again, corrected, gone (ids)."""
    before = pa.table(
        {
            "reject_id": pa.array([row.reject_id for row in known], pa.string()),
            "rule": pa.array([row.rule for row in known], pa.string()),
            "state": pa.array([row.state for row in known], pa.string()),
        }
    )
    accepted = pa.table({"key": keys if keys is not None else pa.array([], pa.string())})
    with connect({"before": before, "rejects": rejects, "accepted": accepted}) as database:
        new = database.execute("""
            SELECT DISTINCT ON (reject_id) reject_id, rule, outcome, field FROM rejects
            WHERE reject_id NOT IN (SELECT reject_id FROM before) ORDER BY reject_id
        """).fetchall()
        again = database.execute("""
            SELECT DISTINCT reject_id FROM rejects SEMI JOIN before USING (reject_id) ORDER BY reject_id
        """).fetchall()
        database.execute("""
            CREATE TEMP TABLE unseen AS SELECT reject_id, rule FROM before
            WHERE state IN ('open', 'waived') AND reject_id NOT IN (SELECT reject_id FROM rejects)
        """)
        # only the rules of faults that were not found again are hashed over tonight's keys
        whole = reject_id_sql(authority, agency, "rule", "'key ' || key")
        corrected = database.execute(f"""
            SELECT reject_id FROM unseen WHERE reject_id IN (
                SELECT {whole} FROM accepted, (SELECT DISTINCT rule FROM unseen) WHERE key IS NOT NULL
            ) ORDER BY reject_id
        """).fetchall()
        ids = [reject_id for (reject_id,) in corrected]
        gone = database.execute(
            "SELECT reject_id FROM unseen WHERE NOT list_contains(?::VARCHAR[], reject_id) ORDER BY reject_id", [ids]
        ).fetchall()
    return {"new": new, "again": [r for (r,) in again], "corrected": ids, "gone": [r for (r,) in gone]}


def _insert(
    connection: Connection, rows: list[tuple[str, str, str, str]], authority: str, agency: str, business_date: date
) -> None:
    if rows:
        connection.execute(
            insert(reject),
            [
                {
                    "reject_id": reject_id,
                    "authority": authority,
                    "agency": agency,
                    "rule": rule,
                    "outcome": outcome,
                    "field": field[:100],
                    "first_night": business_date,
                    "last_night": business_date,
                    "state": "open",
                }
                for reject_id, rule, outcome, field in rows
            ],
        )


def _see_again(connection: Connection, ids: list[str], business_date: date) -> None:
    """Known faults found tonight: open (again), unless they are waived for tonight."""
    if ids:
        waived = and_(reject.c.state == "waived", reject.c.waived_until >= business_date)
        connection.execute(
            update(reject)
            .where(reject.c.reject_id == bindparam("id"))
            .values(
                last_night=case((reject.c.last_night > business_date, reject.c.last_night), else_=business_date),
                closed_night=None,
                state=case((waived, "waived"), else_="open"),
            ),
            [{"id": each} for each in ids],
        )


def _close(connection: Connection, ids: list[str], state: str, business_date: date) -> None:
    if ids:
        connection.execute(
            update(reject).where(reject.c.reject_id == bindparam("id")).values(state=state, closed_night=business_date),
            [{"id": each} for each in ids],
        )


def _feed(authority: str, agency: str) -> Any:
    return and_(reject.c.authority == authority, reject.c.agency == agency)
