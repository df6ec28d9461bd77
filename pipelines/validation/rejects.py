"""The life of rejects: since when a fault has stood, and how it ended.

Belongs here: the table of faults after a night, one row per fault (rule and record) that was ever found in a feed; no
value, no key. It is made from the table of the night before and what was delivered since, and from nothing else, so that
running a night again gives the same table. Not here: finding faults (`judge`), showing them (`reporting`), the copy of
the table in the database (`reject_register`).

open → corrected (a later delivery has the record without the fault) | expired (the record is no longer delivered, or
has not been for `EXPIRES_AFTER`); found again, it is open again.
"""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa

from pipelines.seams import conform, give
from pipelines.seams.deliveries import FAULTS
from pipelines.tables import connect, fetch
from pipelines.validation.judge import reject_id_sql

__all__ = ["EXPIRES_AFTER", "FAULTS", "faults_after"]

EXPIRES_AFTER = timedelta(days=28)


def faults_after(
    before: pa.Table,
    authority: str,
    agency: str,
    business_date: date,
    rejects: pa.Table | None,
    *,
    full: bool = False,
    keys: pa.Array | pa.ChunkedArray | None = None,
) -> pa.Table:
    """The faults of one feed after a delivery, or after a night on which nothing came.

    Args:
        before: `FAULTS` of the feed, as they stood.
        authority: of the feed.
        agency: of the feed.
        business_date: of the delivery, or the night.
        rejects: `Judged.rejects` of the delivery; None when nothing was delivered, which may expire faults.
        full: whether the delivery was full: a fault whose record it does not have any more expires.
        keys: keys of the records accepted: their faults that were not found again are corrected.

    Returns:
        `FAULTS`, by reject_id.
    """
    conform(before, FAULTS)
    views = {
        "before": before,
        "found": _found(rejects),
        "accepted": pa.table({"key": keys if keys is not None else pa.array([], pa.string())}),
    }
    with connect(views) as database:
        database.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        database.execute("SET VARIABLE agency = ?", [agency])
        database.execute("SET VARIABLE gone = ?", ["expired" if full and rejects is not None else "open"])
        # only the rules of faults that were not found again are hashed over tonight's keys
        whole = reject_id_sql(authority, agency, "rule", "'key ' || key")
        table: pa.Table = fetch(
            database,
            f"""
            WITH unseen AS (
                SELECT reject_id, rule FROM before WHERE state = 'open' AND reject_id NOT IN (SELECT reject_id FROM found)
            ),
            corrected AS (
                SELECT DISTINCT {whole} AS reject_id
                FROM accepted, (SELECT DISTINCT rule FROM unseen) WHERE key IS NOT NULL
            ),
            known AS (
                SELECT b.* REPLACE (
                    CASE WHEN f.reject_id IS NOT NULL THEN greatest(b.last_night, getvariable('night'))
                        ELSE b.last_night END AS last_night,
                    CASE WHEN f.reject_id IS NOT NULL THEN 'open'
                        WHEN b.state <> 'open' THEN b.state
                        WHEN c.reject_id IS NOT NULL THEN 'corrected'
                        ELSE getvariable('gone') END AS state)
                FROM before b LEFT JOIN found f USING (reject_id) LEFT JOIN corrected c USING (reject_id)
            ),
            new AS (
                SELECT getvariable('agency') AS agency, reject_id, rule, outcome, field,
                    getvariable('night') AS first_night, getvariable('night') AS last_night, 'open' AS state
                FROM found WHERE reject_id NOT IN (SELECT reject_id FROM before)
            ),
            stand AS (SELECT * EXCLUDE (closed_night), closed_night FROM known
                UNION ALL BY NAME SELECT *, NULL::DATE AS closed_night FROM new),
            aged AS (
                SELECT * REPLACE (
                    CASE WHEN state = 'open' AND last_night < getvariable('night') - {EXPIRES_AFTER.days}
                        THEN 'expired' ELSE state END AS state)
                FROM stand
            )
            SELECT agency, reject_id, rule, outcome, field, first_night, last_night, state,
                CASE WHEN state = 'open' THEN NULL ELSE coalesce(
                    CASE WHEN reject_id IN (SELECT reject_id FROM before WHERE state <> 'open')
                        AND reject_id NOT IN (SELECT reject_id FROM found) THEN closed_night END,
                    getvariable('night')) END AS closed_night
            FROM aged ORDER BY reject_id
        """,
        )
    return give(table, FAULTS)


def _found(rejects: pa.Table | None) -> pa.Table:
    """reject_id, rule, outcome, field of each fault, once."""
    if rejects is None:
        return pa.table({name: pa.array([], pa.string()) for name in ("reject_id", "rule", "outcome", "field")})
    with connect({"rejects": rejects}) as database:
        found: pa.Table = fetch(
            database,
            """
            SELECT reject_id, rule, outcome, field FROM rejects
            QUALIFY row_number() OVER (PARTITION BY reject_id ORDER BY rule, outcome DESC, field) = 1
            ORDER BY reject_id
        """,
        )
    return found
