"""The ledger: what ever happened to identities, and the identities of any past night rebuilt from it.

Belongs here: deriving a night's events from two states, telling them in words, and reading the ledger back. Not here:
deciding what happens (assign), or the transaction that writes the ledger (publishing.index_database). Events carry
opaque references and counts only. `minted`, `restored` and `joined` say which records an identity holds; `left` says
which it no longer does; the other kinds explain why. Of what crosses or stands at an identity firewall no event says where from or
where to, and a record that gets another id there has another reference from then on: the ledger leads no further than to the wall.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from sqlalchemy import Engine, select

from pipelines.database.schema import ledger_event, night, snapshot_version
from pipelines.identities.assign import Assigned
from pipelines.identities.state import IdentityState
from pipelines.seams import conform, give
from pipelines.seams.identities import EVENTS, STORY, VISIBILITY
from pipelines.tables import connect, fetch

__all__ = ["identities_as_at", "record_night"]


def record_night(
    assigned: Assigned, visible: pa.Table, previous: IdentityState | None, business_date: date
) -> tuple[IdentityState, pa.Table]:
    """The state after the night and the night's ledger events.

    Args:
        assigned: tonight's assignment.
        visible: `VISIBILITY` (`protection.shielding.protect`), one row for each live identity.
        previous: the state that `assigned` was made from.
        business_date: the night.

    Returns:
        the new state; and events: `EVENTS`, in a fixed order.
    """
    conform(visible, VISIBILITY)
    before = previous or IdentityState.empty()
    views = {
        "was": before.identities,
        "now": assigned.identities,
        "index_ids_was": before.index_ids,
        "index_ids_now": assigned.index_ids,
        "visible_was": before.visibility,
        "visible_now": visible,
        "story_was": before.story,
    }
    with connect(views) as connection:
        connection.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        connection.execute(_CHANGES)
        events = give(fetch(connection, _EVENTS), EVENTS)
        connection.register("events", events)
        story = give(fetch(connection, _STORY), STORY)
        seen = fetch(connection, "FROM visible_now ORDER BY index_id")
    state = IdentityState(assigned.identities, assigned.index_ids, assigned.history, story, give(seen, VISIBILITY))
    return state, events


def identities_as_at(engine: Engine, authority: str, business_date: date) -> pa.Table:
    """Which identity held which record after a past night, from the ledger alone.

    Read are the events of the night's version in force, of the version that it was built on, and so on to the first: a
    night that was published again counts as it was published last, and one that was passed over does not count.

    Returns:
        record_ref, index_id, sorted by record_ref.
    """
    version = snapshot_version.c
    last = (
        select(night.c.version)
        .where(night.c.authority == authority, night.c.business_date <= business_date)
        .order_by(night.c.business_date.desc())
        .limit(1)
    )
    versions = select(version.version, version.previous).where(version.authority == authority)
    chain = versions.where(version.version == last.scalar_subquery()).cte("chain", recursive=True)
    chain = chain.union_all(versions.where(version.version == chain.c.previous))
    query = (
        select(
            ledger_event.c.business_date,
            ledger_event.c.kind,
            ledger_event.c.index_id,
            ledger_event.c.record_ref,
            ledger_event.c.evidence,
        )
        .join(chain, chain.c.version == ledger_event.c.version)
        .where(
            ledger_event.c.authority == authority,
            ledger_event.c.kind.in_(["minted", "restored", "joined", "left"]),
        )
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    table = pa.table(
        {
            "day": pa.array([row.business_date for row in rows], pa.date32()),
            "kind": pa.array([row.kind for row in rows], pa.string()),
            "index_id": pa.array([row.index_id for row in rows], pa.string()),
            "record_refs": pa.array(
                [[row.record_ref] if row.record_ref else row.evidence.get("records", []) for row in rows],
                pa.list_(pa.string()),
            ),
        }
    )
    with connect({"events": table}) as connection:
        held: pa.Table = fetch(
            connection,
            """
            WITH moves AS (
                SELECT unnest(record_refs) AS record_ref, day, kind <> 'left' AS holds, index_id FROM events
            ),
            last AS (  -- within a night a record that left one identity and joined another is held by the other
                SELECT * FROM moves
                QUALIFY row_number() OVER (PARTITION BY record_ref ORDER BY day DESC, holds DESC) = 1
            )
            SELECT record_ref, index_id FROM last WHERE holds ORDER BY record_ref
        """,
        )
    return held


_CHANGES = """
    CREATE TEMP TABLE new_ids AS  -- ids that live tonight and did not last night
        SELECT n.index_id, CASE WHEN w.index_id IS NULL THEN 'minted' ELSE 'restored' END AS kind
        FROM index_ids_now n LEFT JOIN index_ids_was w USING (index_id)
        WHERE n.state IN ('live', 'frozen') AND (w.index_id IS NULL OR w.state NOT IN ('live', 'frozen'));
    CREATE TEMP TABLE moves AS
        SELECT n.record_key, coalesce(n.wall_ref, n.record_ref) AS ref_now, coalesce(w.wall_ref, w.record_ref) AS ref_was,
            n.index_id AS now_id, w.index_id AS was_id, n.step, n.weight,
            n.wall_ref IS NULL AND w.wall_ref IS NULL AS led
        FROM now n FULL JOIN was w USING (record_key) WHERE n.index_id IS DISTINCT FROM w.index_id
"""
_EVENTS = """
    WITH beginnings AS (
        SELECT kind, index_id, NULL AS other_id, NULL AS record_ref,
            '{"records":["' || string_agg(ref, '","' ORDER BY ref) || '"]}' AS evidence
        FROM new_ids JOIN (SELECT index_id, coalesce(wall_ref, record_ref) AS ref FROM now) USING (index_id) GROUP BY kind, index_id
    ),
    leavings AS (
        SELECT 'left' AS kind, was_id AS index_id, if(led, now_id, NULL) AS other_id, ref_was AS record_ref, '{}' AS evidence
        FROM moves WHERE was_id IS NOT NULL
    ),
    joinings AS (
        SELECT 'joined' AS kind, now_id AS index_id, if(led, was_id, NULL) AS other_id, ref_now AS record_ref,
            '{"step":"' || coalesce(step, '') || '","weight":' || coalesce(round(weight, 2)::VARCHAR, 'null') || '}'
                AS evidence
        FROM moves WHERE now_id IS NOT NULL AND now_id NOT IN (SELECT index_id FROM new_ids)
    ),
    merges AS (
        SELECT 'merged' AS kind, n.index_id, n.redirects_to AS other_id, NULL AS record_ref, '{}' AS evidence
        FROM index_ids_now n JOIN index_ids_was w USING (index_id) WHERE n.state = 'merged' AND w.state IN ('live', 'frozen')  -- one that was inherited and nobody's yet leads on, and was never here
    ),
    splits AS (  -- an id that began tonight with records another id still lives without
        SELECT 'split' AS kind, was_id AS index_id, now_id AS other_id, NULL AS record_ref,
            '{"records":' || count(*) || '}' AS evidence
        FROM moves JOIN new_ids ON now_id = new_ids.index_id
        WHERE was_id IS NOT NULL AND led GROUP BY was_id, now_id
    ),
    states AS (
        SELECT n.state AS kind, n.index_id, NULL AS other_id, NULL AS record_ref, '{}' AS evidence
        FROM index_ids_now n LEFT JOIN index_ids_was w USING (index_id)
        WHERE n.state IN ('ended', 'frozen') AND n.state IS DISTINCT FROM w.state
    ),
    shieldings AS (
        SELECT CASE WHEN n.shielded OR n.withheld THEN 'shielded' ELSE 'unshielded' END AS kind, n.index_id,
            NULL AS other_id, NULL AS record_ref,
            CASE WHEN n.withheld THEN '{"withheld":true}' ELSE '{}' END AS evidence
        FROM visible_now n LEFT JOIN visible_was w USING (index_id)
        WHERE (n.shielded, n.withheld) IS DISTINCT FROM (coalesce(w.shielded, false), coalesce(w.withheld, false))
    )
    SELECT kind, index_id, other_id, record_ref, evidence FROM (
        FROM beginnings UNION ALL BY NAME FROM leavings UNION ALL BY NAME FROM joinings UNION ALL BY NAME FROM merges
        UNION ALL BY NAME FROM splits UNION ALL BY NAME FROM states UNION ALL BY NAME FROM shieldings
    )
    ORDER BY index_id, kind, other_id NULLS FIRST, record_ref NULLS FIRST
"""
_STORY = """
    WITH tonight AS (
        SELECT index_id, getvariable('night') AS business_date, kind, other_id, count(*) AS times,
            any_value(len(string_split(evidence, ','))) AS records
        FROM events GROUP BY index_id, kind, other_id
    ),
    told AS (
        SELECT index_id, business_date, kind, CASE kind
            WHEN 'minted' THEN format('First seen, with {} record{}.', records, if(records = 1, '', 's'))
            WHEN 'restored' THEN format('Has its index id back, with {} record{}.', records, if(records = 1, '', 's'))
            WHEN 'joined' THEN format('{} record{} joined{}.', times, if(times = 1, '', 's'),
                if(other_id IS NULL, '', ' from ' || other_id))
            WHEN 'left' THEN format('{} record{} {}.', times, if(times = 1, '', 's'),
                if(other_id IS NULL, 'no longer here', 'moved to ' || other_id))
            WHEN 'merged' THEN format('Found to be the same child as {}, whose id is the elder.', other_id)
            WHEN 'split' THEN format('Found to be two children: the other is {}.', other_id)
            WHEN 'ended' THEN 'No record holds this index id any more.'
            WHEN 'frozen' THEN 'Records contradict each other: kept as it was, for review.'
            WHEN 'shielded' THEN 'Shielded.'
            WHEN 'unshielded' THEN 'No longer shielded.' END AS words
        FROM tonight
    )
    SELECT index_id, business_date, kind, words FROM (FROM story_was UNION ALL BY NAME FROM told)
    ORDER BY index_id, business_date, kind, words
"""
