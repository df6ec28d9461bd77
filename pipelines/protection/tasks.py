"""What people must look at of the register: wishes that something is odd about. Whoever they mean stays hidden meanwhile.

Belongs here: finding them (`tasks_of`), and which wishes a newer delivery has answered (`answered_after`). Not here: who is hidden
(`shielding`), how they are shown (`pipelines.reporting`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from pipelines.protection.register import ELSEWHERE, HELD_NIGHT, ORDER, TAKEN_BACK
from pipelines.seams import give, grown
from pipelines.seams.protection import ENTRIES, TASKS
from pipelines.seams.words import TASK_KINDS
from pipelines.tables import connect, fetch

__all__ = ["answered_after", "tasks_of"]


def answered_after(entries: pa.Table, told: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """`ENTRIES` with those marked `answered` of whose record a newer delivery in force tells, whatever it says of the mark.

    Newer is what has a later business date or sequence than the newest that asked, and had not come yet when it was asked for: a
    delivery that is refused, held or late is not answered by what had come before. Another delivery under the number of a refused one
    is its correction. A wish of before these things were kept is answered by another day's delivery alone.

    Args:
        entries: the register after the night (`ENTRIES`).
        told: delivery in force → reference of each record that it tells of.
    """
    entries = grown(entries, ENTRIES)
    parts = [
        pa.table({"delivery_id": pa.array([name] * len(refs), pa.string()), "record_ref": refs.cast(pa.string())})
        for name, refs in told.items()
    ]
    if not parts:
        return entries
    with connect({"entries": entries, "told": pa.concat_tables(parts)}) as duck:
        duck.execute(ORDER)
        after = fetch(
            duck,
            """
            WITH answering AS (
                SELECT DISTINCT entry_id FROM entries e JOIN told t USING (record_ref)
                WHERE delivered_as(t.delivery_id) IS DISTINCT FROM delivered_as(e.last_delivery)
                    AND CASE WHEN e.last_delivery IS NULL THEN order_of(t.delivery_id) > e.last_night::VARCHAR || ' z'
                        ELSE order_of(t.delivery_id) > coalesce(e.after, '')
                            AND order_of(t.delivery_id) >= order_of(e.last_delivery) END
            )
            SELECT e.* REPLACE (coalesce(answered, false) OR entry_id IN (FROM answering) AS answered)
            FROM entries e ORDER BY entry_id
        """,
        )
    return give(after, ENTRIES)


def tasks_of(
    entries: pa.Table,
    met: pa.Array,
    latched: pa.Table,
    identities: pa.Table,
    records: pa.Table,
    unplaced: pa.Array,
    walls: pa.Table,
    wishes: pa.Table,
    decided: Collection[str] = (),
) -> pa.Table:
    """The tasks of a night: `TASKS`, the gravest first.

    A wish of which several things are odd is one task, of the first kind that it is: *nobody* it could mean is known, nor ever was (whom it
    meant has *left*, where it was: what the child was known by is latched), it asks for a
    firewall that stands nowhere or to a stranger (*unwalled*; of one record that has asked for another since, the last alone) or that stands
    by now, when it stood nowhere before and its child is hidden still (*walled*), its mark is
    *gone* from a record of which a newer delivery tells, what it says was *unread*, or could not be read whole (*damaged*), or it came in
    what is not in force, and nothing newer tells of the record (*unsettled*): in a delivery that is none, or in a record that was rejected,
    so that none is live. A record that was live, hidden, and withdrawn since is no such task. A mark is no task as *gone* while another wish
    of the child stands that was told later, for its protection was asked for since (what a night or a person's word has left asks for nothing);
    nor while a decision shields the child. What no feed has asked is a task only where it means nobody: no supplier can say anything of it.
    Besides, a record may stand *between* the sides of a firewall; what stands on the sides is not told.

    Args:
        entries: the register after the night (`ENTRIES`), those answered marked.
        met: entry_id of those that name somebody tonight.
        latched: what hidden children were known by (`LATCHED`).
        identities: `IDENTITIES`: record_key, record_ref, index_id.
        records: `RECORDS`: record_key, shielded, delivery_id, as_of.
        unplaced: entry_id of firewalls that were asked for and stand nowhere.
        walls: `WALLS`, who stands where tonight.
        wishes: `WALLS_WISHED`, every firewall that was ever asked for.
        decided: keys of the records that decisions shield which stand.
    """
    views = {
        "entries": grown(entries, ENTRIES), "met": pa.table({"entry_id": met}), "latched": latched.select(["token", "holder"]),
        "identities": identities.select(["record_key", "record_ref", "index_id"]),
        "records": records.select(["record_key", "shielded", "delivery_id", "as_of"]),
        "unplaced": pa.table({"entry_id": unplaced}), "walls": walls,
        "wishes": wishes.select(["entry_id", "last_night"]),
        "decided": pa.table({"record_key": pa.array(sorted(decided), pa.string())}),
    }  # fmt: skip
    with connect(views) as duck:
        duck.execute("SET VARIABLE kinds = ?", [list(TASK_KINDS)])
        duck.execute("SET VARIABLE held_night = ?", [HELD_NIGHT])
        duck.execute("SET VARIABLE taken_back = ?", [TAKEN_BACK])
        duck.execute("SET VARIABLE no_feeds = ?", [[ELSEWHERE, HELD_NIGHT, TAKEN_BACK]])
        found = fetch(
            duck,
            """
            WITH standing AS (SELECT * FROM entries WHERE lifted_by IS NULL),
            live AS (SELECT record_ref, index_id, coalesce(shielded, true) AS asks FROM identities JOIN records USING (record_key)),
            wished AS (SELECT e.*, index_id, asks, coalesce(NOT asks AND answered, false) AS gone FROM standing e LEFT JOIN live USING (record_ref)),
            since AS (  -- marks that are gone of children whose protection was asked for later
                SELECT DISTINCT w.entry_id FROM wished w JOIN wished n
                    ON coalesce(n.told, 0) > coalesce(w.told, 0) AND (n.index_id = w.index_id OR list_has_any(n.tokens, w.tokens))
                WHERE w.gone AND NOT n.gone AND n.asked NOT IN (getvariable('held_night'), getvariable('taken_back'))
            ),
            shielded AS (SELECT DISTINCT index_id FROM identities WHERE record_key IN (FROM decided)),
            held_once AS (SELECT DISTINCT entry_id FROM (SELECT entry_id, unnest(tokens) AS holder FROM standing) SEMI JOIN latched USING (holder)),
            withdrawn AS (  -- whose record was hidden once and is not there any more; one that is only rejected keeps its last good version
                SELECT entry_id FROM wished WHERE asks IS NULL AND entry_id IN (FROM held_once)
            ),
            remembered AS (
                SELECT DISTINCT entry_id FROM (SELECT entry_id, unnest(tokens) AS token FROM standing) SEMI JOIN latched USING (token)
            ),
            judged AS (
                SELECT e.*, CASE
                    WHEN e.entry_id NOT IN (SELECT entry_id FROM met) AND e.entry_id IN (FROM remembered) THEN 'left'
                    WHEN e.entry_id NOT IN (SELECT entry_id FROM met) THEN 'nobody'
                    WHEN e.entry_id IN (SELECT entry_id FROM unplaced) THEN 'unwalled'
                    WHEN e.entry_id IN (SELECT entry_id FROM wishes) THEN 'walled'
                    WHEN list_contains(getvariable('no_feeds'), e.asked) THEN NULL
                    WHEN e.entry_id IN (FROM since) OR (e.gone AND e.index_id IN (FROM shielded)) THEN NULL
                    WHEN e.gone THEN 'gone'
                    WHEN NOT e.understood AND coalesce(e.damaged, false) THEN 'damaged'
                    WHEN NOT e.understood THEN 'unread'
                    WHEN NOT coalesce(e.asks, false) AND e.entry_id NOT IN (FROM withdrawn) THEN 'unsettled' END AS kind
                FROM wished e
            ),
            every AS (
                SELECT kind, agency, entry_id AS wish, record_ref, asked, delivery_id, first_night,
                    greatest(j.last_night, w.last_night) AS last_night, last_delivery, position, line
                FROM judged j LEFT JOIN wishes w USING (entry_id) WHERE kind <> 'unwalled' OR NOT EXISTS (
                    SELECT 1 FROM judged n WHERE n.kind = 'unwalled' AND n.record_ref = j.record_ref AND n.asked = j.asked
                        AND (n.last_night, coalesce(n.told, 0)) > (j.last_night, coalesce(j.told, 0)))
                UNION ALL
                SELECT DISTINCT 'between', split_part(record_key, ':', 1), NULL, record_ref, 'firewall', delivery_id, as_of, as_of, delivery_id,
                    NULL::BIGINT, NULL::BIGINT
                FROM walls JOIN identities USING (record_key) JOIN records USING (record_key) WHERE side = 'between'
            )
            FROM every WHERE kind IS NOT NULL
            ORDER BY list_position(getvariable('kinds'), kind), last_night, agency, coalesce(wish, record_ref)
        """,
        )
    return give(found, TASKS)
