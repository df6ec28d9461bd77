"""Giving tonight's clusters their index ids: who keeps one, who takes one back, who gets a new one.

Belongs here: the rules of continuity. Not here: which records are the same child (matching), what an id looks like
(mint), what is written into the ledger (ledger). The rules, each decided the same way whatever the order of anything:

1. An id goes to the cluster with the largest claim on it: most members that held it in their own right (not through a
   merge), then most members, then the smallest cluster name.
2. A cluster that wins several ids keeps the elder (minted first, then smallest id); the others redirect to it.
3. A cluster that wins none takes back an id its members once had, if that id is free; else one is minted, behind a
   firewall another than without.
4. An id that no record holds any more has ended.
5. An id that records of both sides of an identity firewall have held is nobody's any more, and one that a side has held is
   never the other side's: whoever noted it would be led across. So would be whoever knows how records beyond the wall went from id
   to id, up to the night before, from one of this side to one of the other. On the night when a firewall begins, what its
   sides held before has ended: a version of before may have shown them as one. So has, on the night when a record comes to stand
   at one, what it alone held before: it may have been shown there with what it told of the other side.
6. A record at a firewall that gets another id is published by another reference with it: by the one that it had it would be found in
   what was told of it before.

Rule 1's "in their own right" is what makes an un-merge give back both ids to the children who had them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.identities.mint import mint
from pipelines.identities.state import IdentityState
from pipelines.privacy.references import references, references_behind
from pipelines.seams import conform, give
from pipelines.seams.identities import HISTORY, IDENTITIES, INDEX_IDS
from pipelines.seams.matching import CLUSTERS, STANDING, WALLS, WALLS_ENDED
from pipelines.seams.person import RECORDS
from pipelines.tables import connect, fetch

__all__ = ["Assigned", "assign_identities"]

_OF_RECORDS = ["record_key", "delivery_id", "position", "content"]


@dataclass(frozen=True)
class Assigned:
    """Tonight's identities: the tables `identities`, `index_ids` and `history` of `IdentityState`, and what moved.

    Attributes:
        frozen: ids held at their last good state because their records contradict each other.
    """

    identities: pa.Table
    index_ids: pa.Table
    history: pa.Table
    frozen: frozenset[str]

    @property
    def redirects(self) -> pa.Table:
        """Merged ids: index_id, redirects_to (the id that is live or ended today), since."""
        with connect({"index_ids": self.index_ids}) as connection:
            redirects: pa.Table = fetch(
                connection, f"{RESOLVED} SELECT index_id, redirects_to, since FROM resolved ORDER BY 1"
            )
        return redirects


# redirects are stored as they were made; here they are followed to their end
RESOLVED = """
    WITH RECURSIVE followed AS (
        SELECT index_id, redirects_to, since, 1 AS hops FROM index_ids WHERE state = 'merged'
        UNION ALL
        SELECT f.index_id, r.redirects_to, f.since, f.hops + 1
        FROM followed f JOIN index_ids r ON r.index_id = f.redirects_to AND r.state = 'merged'
        WHERE f.hops < 1000
    ),
    resolved AS (
        SELECT index_id, arg_max(redirects_to, hops) AS redirects_to, any_value(since) AS since
        FROM followed GROUP BY index_id
    )
"""


def assign_identities(
    clusters: pa.Table,
    records: pa.Table,
    previous: IdentityState | None,
    *,
    authority: str,
    business_date: date,
    frozen: pa.Array[Any] | None = None,
    walls: pa.Table | None = None,
    standing: pa.Table | None = None,
    ended: pa.Table | None = None,
) -> Assigned:
    """Give each of tonight's clusters its index id.

    Args:
        clusters: `CLUSTERS`; each live record once.
        records: the person records (record_key, delivery_id, position, content are read).
        previous: the state of the night before, None on the first.
        authority: DfE code.
        business_date: the night.
        frozen: names of clusters whose records contradict each other: their records stay where they were last night,
            new ones among them stand alone.
        walls: `WALLS`: who stands on which side of a firewall tonight.
        standing: `STANDING`: since when they do. What a side bears on the night when its wall begins may have been shown of both, in a
            version of before or in an earlier one of this very night, also where the record of the other side is gone.
        ended: `WALLS_ENDED`: what nobody at a wall may have any more.

    Raises:
        IsindexError: CLUSTERS_INCOMPLETE when clusters and records do not hold the same records once each.
    """
    conform(clusters, CLUSTERS)
    conform(records, RECORDS, _OF_RECORDS)
    before = previous or IdentityState.empty()
    frozen_names = frozen if frozen is not None else pa.array([], pa.string())
    views = {
        "clusters": clusters.select(CLUSTERS.names),
        "records": records.select(_OF_RECORDS),
        "previous": before.identities,
        "index_ids": before.index_ids,
        "history": before.history,
        "frozen_clusters": pa.table({"cluster": frozen_names}),
        "walls": WALLS.empty_table() if walls is None else walls,
        "standing": STANDING.empty_table() if standing is None else standing,
        "ended": WALLS_ENDED.empty_table() if ended is None else ended,
    }
    with connect(views) as connection:
        connection.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        _check_complete(connection)
        connection.execute(_TONIGHT)
        connection.execute(_BARRED)
        connection.execute(_CLAIMS)
        connection.register("taken_back", _take_back(connection))
        connection.register("minted", _mint(connection, before, authority))
        connection.execute(_GIVEN)
        connection.register("new_refs", _new_references(connection))
        connection.register("wall_refs", _references_behind_walls(connection))
        identities = give(fetch(connection, _IDENTITIES), IDENTITIES)
        index_ids = give(fetch(connection, _INDEX_IDS), INDEX_IDS)
        history = give(fetch(connection, _HISTORY), HISTORY)
        held = connection.execute("SELECT DISTINCT index_id FROM tonight JOIN given USING (cluster) WHERE is_frozen")
        return Assigned(identities, index_ids, history, frozenset(row[0] for row in held.fetchall()))


def _check_complete(connection: duckdb.DuckDBPyConnection) -> None:
    wrong = connection.execute("""
        SELECT count(*) FROM (SELECT record_key, count(*) AS times FROM clusters GROUP BY ALL) c
        FULL JOIN (SELECT record_key, count(*) AS times FROM records GROUP BY ALL) r USING (record_key)
        WHERE c.times IS DISTINCT FROM 1 OR r.times IS DISTINCT FROM 1
    """).fetchall()[0][0]
    if wrong:
        raise IsindexError(
            "CLUSTERS_INCOMPLETE",
            f"{wrong} records are not in exactly one cluster.",
            where="assigning identities",
            remedy="Run the matching of this night again; nothing was published.",
        )


def _take_back(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rule 3, first half: (cluster, index_id), greedily by number of members who had it, then the elder id."""
    wishes = connection.execute("""
        SELECT t.cluster, h.index_id
        FROM tonight t JOIN history h USING (record_key) JOIN index_ids g USING (index_id)
        ANTI JOIN barred b ON b.cluster = t.cluster AND b.index_id = h.index_id
        WHERE t.cluster NOT IN (SELECT cluster FROM kept) AND h.index_id NOT IN (SELECT index_id FROM wins)
        GROUP BY ALL
        ORDER BY count(*) DESC, any_value(g.minted_night), h.index_id, t.cluster
    """).fetchall()
    given: dict[str, str] = {}
    used: set[str] = set()
    for cluster, index_id in wishes:
        if cluster not in given and index_id not in used:
            given[cluster] = index_id
            used.add(index_id)
    return pa.table({"cluster": pa.array(given.keys(), pa.string()), "index_id": pa.array(given.values(), pa.string())})


def _mint(connection: duckdb.DuckDBPyConnection, before: IdentityState, authority: str) -> pa.Table:
    """Rule 3, second half: (cluster, index_id) for clusters that have none."""
    # behind a firewall it founds another than it would alone: that one may have been both identities'
    new = fetch(
        connection,
        """
        SELECT cluster, min(t.record_key) || CASE WHEN count(w.record_key) > 0 THEN ' behind a firewall' ELSE '' END AS founder
        FROM tonight t LEFT JOIN (SELECT DISTINCT record_key FROM walls) w USING (record_key)
        WHERE cluster NOT IN (SELECT cluster FROM kept) AND cluster NOT IN (SELECT cluster FROM taken_back)
        GROUP BY cluster ORDER BY founder
    """,
    )
    ids = mint(new["founder"].combine_chunks(), before.index_ids["index_id"].combine_chunks(), authority)
    return pa.table({"cluster": new["cluster"], "index_id": ids})


def _new_references(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The opaque references of records that were not live last night (hashing is the only work done in Python)."""
    keys = fetch(connection, "SELECT record_key FROM tonight WHERE record_ref IS NULL ORDER BY 1")["record_key"]
    return pa.table({"record_key": keys, "record_ref": references(keys.combine_chunks())})


def _references_behind_walls(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rule 6: (record_key, wall_ref)."""
    new = fetch(
        connection,
        """
        SELECT DISTINCT record_key, g.index_id FROM tonight t JOIN given g USING (cluster) JOIN walls USING (record_key)
        WHERE t.was IS DISTINCT FROM g.index_id ORDER BY 1
    """,
    )
    refs = references_behind(new["record_key"].combine_chunks(), new["index_id"].combine_chunks())
    return pa.table({"record_key": new["record_key"], "wall_ref": refs})


_TONIGHT = f"""
    CREATE TEMP TABLE tonight AS
    {RESOLVED},
    -- a record is not an id's own if it came to it through a merge
    merged_in AS (
        SELECT DISTINCT h.record_key, r.redirects_to AS index_id FROM history h JOIN resolved r USING (index_id)
    ),
    joined AS MATERIALIZED (
        SELECT c.record_key, c.cluster, c.step, c.weight, c.reason, p.index_id AS was, p.record_ref, p.wall_ref,
            f.cluster IS NOT NULL AS is_frozen, m.record_key IS NULL AS own,
            -- where nothing changed, the delivery that last changed the record stays its source
            CASE WHEN p.content = r.content THEN p.delivery_id ELSE r.delivery_id END AS delivery_id,
            CASE WHEN p.content = r.content THEN p.position ELSE r.position END AS position,
            r.content
        FROM clusters c JOIN records r USING (record_key)
        LEFT JOIN previous p USING (record_key)
        LEFT JOIN merged_in m ON m.record_key = c.record_key AND m.index_id = p.index_id
        LEFT JOIN frozen_clusters f ON f.cluster = c.cluster
    ),
    stayed AS (  -- of frozen clusters, of which there are few, what was one the night before
        SELECT cluster, was, min(record_key) AS first FROM joined WHERE is_frozen AND was IS NOT NULL GROUP BY cluster, was
    )
    SELECT j.* REPLACE (
        CASE WHEN NOT is_frozen THEN j.cluster
             WHEN j.was IS NULL THEN record_key
             ELSE s.first END AS cluster)
    FROM joined j LEFT JOIN stayed s ON s.cluster = j.cluster AND s.was = j.was
"""
# rule 5: ids that a cluster may not have, though its records had them
_BARRED = """
    CREATE TEMP TABLE barred AS
    WITH RECURSIVE held AS (
        SELECT record_key, index_id FROM previous UNION ALL SELECT record_key, index_id FROM history
    ),
    told AS (  -- of which record that had another id an event names one by the reference that others name it by too
        SELECT record_key, index_id FROM previous WHERE wall_ref IS NULL AND record_key IN (SELECT record_key FROM history)
        UNION SELECT record_key, index_id FROM history WHERE NOT coalesce(walled, false)
    ),
    had AS (
        SELECT DISTINCT wall_a, wall_b, side, index_id FROM walls JOIN held USING (record_key)
    ),
    across AS (  -- what stands between the sides may have an id of neither
        SELECT DISTINCT t.cluster, o.index_id FROM tonight t JOIN walls w USING (record_key)
        JOIN had o ON o.wall_a = w.wall_a AND o.wall_b = w.wall_b AND o.side <> w.side AND o.side <> 'between'
    ),
    moved AS MATERIALIZED (  -- ids that one record went from and to, and such as were merged
        SELECT h.index_id AS one, k.index_id AS other FROM told h JOIN told k USING (record_key) WHERE h.index_id <> k.index_id
        UNION SELECT index_id, redirects_to FROM index_ids WHERE redirects_to IS NOT NULL
        UNION SELECT redirects_to, index_id FROM index_ids WHERE redirects_to IS NOT NULL
    ),
    led AS (  -- from each to whatever ids these lead, step by step
        SELECT wall_a, wall_b, side, index_id AS one, index_id AS other FROM had
        UNION
        SELECT l.wall_a, l.wall_b, l.side, l.one, m.other FROM led l JOIN moved m ON m.one = l.other
    ),
    mixed AS (
        SELECT unnest([l.one, l.other]) AS index_id FROM led l JOIN had o USING (wall_a, wall_b)
        WHERE o.index_id = l.other AND l.side = 'a' AND o.side = 'b'
    )
    , newly AS (SELECT DISTINCT record_key FROM standing WHERE begun = getvariable('night')),
    came AS (SELECT DISTINCT record_key FROM standing WHERE since = getvariable('night'))
    SELECT cluster, index_id FROM across
    UNION SELECT DISTINCT cluster, index_id FROM tonight JOIN walls USING (record_key) JOIN ended USING (wall_a, wall_b)
    UNION SELECT DISTINCT cluster, index_id FROM tonight JOIN held USING (record_key)
    WHERE cluster IN (SELECT cluster FROM tonight SEMI JOIN newly USING (record_key))
    UNION (  -- what a record had before it came to stand there, but for what it shared the night before with who stood there
        SELECT cluster, index_id FROM tonight SEMI JOIN came USING (record_key) JOIN held USING (record_key)
        EXCEPT SELECT cluster, index_id FROM tonight ANTI JOIN came USING (record_key) JOIN previous USING (record_key)
    )
    UNION (  -- nor what others have been left with whom one of its records had strayed to
        SELECT cluster, t.was FROM tonight t WHERE cluster IN (SELECT cluster FROM tonight SEMI JOIN came USING (record_key))
            AND EXISTS (FROM tonight o WHERE o.was = t.was AND o.cluster <> t.cluster
                AND o.cluster NOT IN (SELECT cluster FROM tonight SEMI JOIN came USING (record_key)))
    )
    UNION SELECT DISTINCT t.cluster, index_id FROM tonight t JOIN held USING (record_key) WHERE index_id IN (FROM mixed)
"""
_CLAIMS = """
    CREATE TEMP TABLE wins AS  -- rule 1: each id to its largest claim
        SELECT cluster, was AS index_id FROM tonight t ANTI JOIN barred b ON b.cluster = t.cluster AND b.index_id = t.was
        WHERE was IS NOT NULL
        GROUP BY cluster, was
        QUALIFY row_number() OVER (
            PARTITION BY was ORDER BY count(*) FILTER (own) DESC, count(*) DESC, cluster) = 1;
    CREATE TEMP TABLE kept AS  -- rule 2: each cluster keeps its eldest id
        SELECT cluster, index_id FROM wins JOIN index_ids USING (index_id)
        QUALIFY row_number() OVER (PARTITION BY cluster ORDER BY minted_night, index_id) = 1
"""
_GIVEN = """
    CREATE TEMP TABLE given AS
        SELECT cluster, index_id FROM kept UNION ALL BY NAME FROM taken_back UNION ALL BY NAME FROM minted
"""
_IDENTITIES = """
    SELECT record_key, coalesce(t.record_ref, n.record_ref) AS record_ref,
        coalesce(b.wall_ref, CASE WHEN t.was = g.index_id THEN t.wall_ref END) AS wall_ref, g.index_id, step, weight, reason,
        delivery_id, position, content
    FROM tonight t JOIN given g USING (cluster) LEFT JOIN new_refs n USING (record_key) LEFT JOIN wall_refs b USING (record_key)
    ORDER BY record_key
"""
_INDEX_IDS = """
    WITH held AS (
        SELECT index_id, bool_or(is_frozen) AS is_frozen FROM tonight JOIN given USING (cluster) GROUP BY index_id
    ),
    merged AS (
        SELECT w.index_id, k.index_id AS redirects_to FROM wins w JOIN kept k USING (cluster)
        WHERE w.index_id <> k.index_id
    ),
    known AS (
        SELECT index_id, state, minted_night, redirects_to, since FROM index_ids
        UNION ALL BY NAME
        SELECT index_id, 'live' AS state, getvariable('night') AS minted_night FROM minted
    )
    SELECT k.index_id,
        CASE WHEN h.is_frozen THEN 'frozen' WHEN h.index_id IS NOT NULL THEN 'live'
             WHEN m.index_id IS NOT NULL THEN 'merged'
             WHEN k.state IN ('live', 'frozen') THEN 'ended' ELSE k.state END AS state,
        k.minted_night,
        CASE WHEN h.index_id IS NOT NULL THEN NULL ELSE coalesce(m.redirects_to, k.redirects_to) END AS redirects_to,
        CASE WHEN h.index_id IS NOT NULL THEN NULL
             WHEN m.index_id IS NOT NULL OR k.state IN ('live', 'frozen') THEN getvariable('night')
             ELSE k.since END AS since
    FROM known k LEFT JOIN held h USING (index_id) LEFT JOIN merged m USING (index_id)
    ORDER BY k.index_id
"""
_HISTORY = """
    WITH now AS (SELECT record_key, index_id FROM tonight JOIN given USING (cluster)),
    left_tonight AS (
        SELECT p.record_key, p.index_id, getvariable('night') AS until, p.wall_ref IS NOT NULL AS walled
        FROM previous p LEFT JOIN now n USING (record_key) WHERE n.index_id IS DISTINCT FROM p.index_id
    )
    SELECT record_key, index_id, max(until) AS until, bool_and(coalesce(walled, false)) AS walled
    FROM (SELECT record_key, index_id, until, walled FROM history UNION ALL BY NAME FROM left_tonight)
    GROUP BY record_key, index_id ORDER BY record_key, index_id
"""
