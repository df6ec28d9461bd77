"""What people must look at of the register: wishes that something is odd about. Whoever they mean stays hidden meanwhile.

Belongs here: finding them. Not here: who is hidden (`shielding`), how they are shown (`pipelines.reporting`).
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.seams import give
from pipelines.seams.protection import TASKS
from pipelines.tables import connect

__all__ = ["tasks_of"]


def tasks_of(
    entries: pa.Table, met: pa.Array, identities: pa.Table, records: pa.Table, unplaced: pa.Array, walls: pa.Table
) -> pa.Table:
    """The tasks of a night: `TASKS`, the gravest first.

    A wish of which several things are odd is one task, of the first kind that it is: *nobody* it could mean is known, it asks for a
    firewall that stands nowhere or to a stranger (*unwalled*), what it says was *unread*, its mark is *gone* from a record that is there still.
    Besides, a record may stand *between* the sides of a firewall; what stands on the sides is not told.

    Args:
        entries: the register after the night (`ENTRIES`).
        met: entry_id of those that name somebody tonight.
        identities: `IDENTITIES`: record_key, record_ref.
        records: `RECORDS`: record_key, shielded, delivery_id, as_of.
        unplaced: entry_id of firewalls that were asked for and stand nowhere.
        walls: `WALLS`, who stands where tonight.
    """
    views = {
        "entries": entries, "met": pa.table({"entry_id": met}), "identities": identities.select(["record_key", "record_ref"]),
        "records": records.select(["record_key", "shielded", "delivery_id", "as_of"]),
        "unplaced": pa.table({"entry_id": unplaced}), "walls": walls,
    }  # fmt: skip
    with connect(views) as duck:
        found = duck.sql("""
            WITH standing AS (SELECT * FROM entries WHERE lifted_by IS NULL),
            live AS (SELECT record_ref, coalesce(shielded, true) AS asks FROM identities JOIN records USING (record_key)),
            judged AS (
                SELECT e.*, CASE
                    WHEN e.entry_id NOT IN (SELECT entry_id FROM met) THEN 'nobody'
                    WHEN e.entry_id IN (SELECT entry_id FROM unplaced) THEN 'unwalled'
                    WHEN NOT e.understood THEN 'unread'
                    WHEN NOT l.asks THEN 'gone' END AS kind
                FROM standing e LEFT JOIN live l USING (record_ref)
            ),
            every AS (
                SELECT kind, agency, record_ref, asked, delivery_id, first_night, last_night, entry_id FROM judged
                UNION ALL
                SELECT DISTINCT 'between', split_part(record_key, ':', 1), record_ref, 'firewall', delivery_id, as_of, as_of, record_ref
                FROM walls JOIN identities USING (record_key) JOIN records USING (record_key) WHERE side = 'between'
            )
            SELECT kind, agency, record_ref, asked, delivery_id, first_night, last_night FROM every WHERE kind IS NOT NULL
            ORDER BY list_position(['nobody', 'unwalled', 'unread', 'gone', 'between'], kind), last_night, agency, entry_id
        """).to_arrow_table()
    return give(found, TASKS)
