"""Who has custody of each child, and which moves of it are proposed: after a night, from the pointers and from what people have answered.

Exactly one authority has custody of a child: the one that knew it first (of several in one night that of which most agencies know it, then by code),
until another authority has taken it over. A move is proposed by evidence: the custodian knows the child no more and another authority does
(``gone``, which that one answers), or another one claims a child whom its custodian still knows (``claimed``, which the custodian answers). Until it is
accepted custody stays where it is. Where an authority was taken over, its custody goes, without a move, to the successor that knows the child. Whose custodian knows it no more, and whom nobody has taken over, is *unclaimed*.

Belongs here: working that out. Not here: who answers and how (`moves`), or what a local index shows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.identities.assign import RESOLVED
from pipelines.identities.state import IdentityState
from pipelines.network.moves import Answer, Claim
from pipelines.nights.reorganised import Reorganised
from pipelines.seams.network import CUSTODY, MOVES
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["Custody", "custody_after"]


@dataclass(frozen=True)
class Custody:
    """After a night: the custodian of each national id (`CUSTODY`), and all moves that were ever proposed (`MOVES`)."""

    custody: pa.Table
    moves: pa.Table

    def unclaimed(self, known: pa.ChunkedArray) -> int:
        """How many are unclaimed of the national ids that are `known` to an authority."""
        without = self.custody.filter(pc.invert(self.custody["stands"]))
        return int(pc.sum(pc.is_in(without["national_id"], value_set=known.combine_chunks())).as_py() or 0)

    def write(self, folder: Path) -> None:
        """Write it into the folder of an attempt."""
        write_table(self.custody, folder / "custody.parquet")
        write_table(self.moves, folder / "moves.parquet")

    @classmethod
    def read(cls, folder: Path | None) -> Custody:
        """What `write` wrote; nothing before the first night, and of an attempt from before there was custody."""
        seams = {"custody": CUSTODY, "moves": MOVES}
        paths = {name: folder / f"{name}.parquet" if folder else None for name in seams}
        return cls(**{
            name: read_table(path) if path and path.is_file() else seams[name].empty_table() for name, path in paths.items()
        })  # fmt: skip


def custody_after(
    state: IdentityState,
    children: pa.Table,
    pointers: pa.Table,
    before: Custody,
    answers: Sequence[Answer],
    claims: Sequence[Claim],
    business_date: date,
    reorganised: Sequence[Reorganised] = (),
) -> Custody:
    """Custody and moves after a night.

    Args:
        state: the national ids; the record keys there are row keys.
        children: what the authorities give (`CHILDREN`).
        pointers: every pointer, after the night (`POINTERS`).
        before: after the night before.
        answers: all that people have answered to moves.
        claims: the claims that stand.
        business_date: the night.
        reorganised: who has taken over whom: custody goes over with it.
    """
    views = {
        "identities": state.identities, "index_ids": state.index_ids, "children": children, "pointers": pointers,
        "custody_before": before.custody, "moves_before": before.moves,
        "answers": _columns(answers, {"number": pa.int64(), "move": pa.string(), "verdict": pa.string()}),
        "claims": _columns(claims, {"number": pa.int64(), "row_key": pa.string()}),
        "reorganised": _columns(reorganised, {"predecessor": pa.string(), "successor": pa.string()}),
    }  # fmt: skip
    with connect(views) as duck:
        duck.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        for sql in (_LEADS, _KNOWS, _OPEN, _TAKEN_OVER, _CUSTODY, _EVIDENCE):
            duck.execute(sql)
        return Custody(
            give(fetch(duck, "FROM custody ORDER BY national_id"), CUSTODY), give(fetch(duck, _MOVES), MOVES)
        )


def _columns(rows: Sequence[object], types: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([getattr(each, name) for each in rows], kind) for name, kind in types.items()})


# where each national id leads to by now
_LEADS = f"""
    CREATE TEMP TABLE leads AS
    WITH every AS ({RESOLVED} SELECT index_id, redirects_to FROM resolved)
    SELECT index_id AS was, redirects_to AS national_id FROM every
    UNION ALL SELECT DISTINCT index_id, index_id FROM identities WHERE index_id NOT IN (SELECT index_id FROM every)
"""
# who knows whom, since when, and by how many agencies
_KNOWS = """
    CREATE TEMP TABLE knows AS
    SELECT i.index_id AS national_id, c.authority, min(p.from_night) AS since, max(coalesce(c.agencies, 0)) AS agencies
    FROM identities i JOIN children c ON c.row_key = i.record_key
    JOIN (FROM pointers WHERE to_night IS NULL) p ON p.national_id = i.index_id AND p.authority = c.authority AND p.index_id = c.index_id
    GROUP BY ALL
"""
# moves that wait for an answer, with who the child is by now, and what was answered
_OPEN = """
    CREATE TEMP TABLE open AS
    SELECT m.*, l.national_id AS of_now, a.number, a.verdict
    FROM moves_before m LEFT JOIN leads l ON l.was = m.national_id LEFT JOIN answers a USING (move) WHERE m.state = 'proposed'
"""
# of several that were accepted for one child the first one counts, and only while the one that takes over knows the child
_TAKEN_OVER = """
    CREATE TEMP TABLE taken_over AS
    SELECT of_now AS national_id, arg_min(move, number) AS move, arg_min(to_authority, number) AS authority
    FROM open JOIN knows k ON k.national_id = of_now AND k.authority = to_authority WHERE verdict = 'accepted' GROUP BY of_now
"""
_CUSTODY = """
    CREATE TEMP TABLE custody AS
    WITH stood AS (  -- of ids that were found to be one child that of the id that stays; else that which is the oldest
        SELECT l.national_id, arg_min({'custodian': custodian, 'since': c.since, 'how': how},
            {'moved': l.was <> l.national_id, 'since': c.since, 'custodian': custodian}) AS it
        FROM custody_before c JOIN leads l ON l.was = c.national_id GROUP BY l.national_id
    ),
    first AS (
        SELECT national_id, arg_min(authority, {'since': since, 'fewer': -agencies, 'authority': authority}) AS authority FROM knows GROUP BY national_id
    ),
    inherits AS (  -- of several successors that which knew the child first, as among those who know one for the first time
        SELECT s.national_id, arg_min(k.authority, {'since': k.since, 'fewer': -k.agencies, 'authority': k.authority}) AS authority
        FROM stood s JOIN reorganised r ON r.predecessor = s.it.custodian JOIN knows k ON k.national_id = s.national_id AND k.authority = r.successor
        GROUP BY s.national_id
    ),
    now AS (
        SELECT national_id, coalesce(t.authority, h.authority, s.it.custodian, f.authority) AS custodian,
            CASE WHEN t.authority IS NOT NULL OR h.authority IS NOT NULL OR s.national_id IS NULL THEN getvariable('night') ELSE s.it.since END AS since,
            CASE WHEN t.authority IS NOT NULL THEN 'moved' WHEN h.authority IS NOT NULL THEN 'taken' ELSE coalesce(s.it.how, 'first') END AS how
        FROM (SELECT DISTINCT index_id AS national_id FROM identities) i
        LEFT JOIN taken_over t USING (national_id) LEFT JOIN stood s USING (national_id) LEFT JOIN first f USING (national_id)
        LEFT JOIN inherits h USING (national_id)
    )
    SELECT n.*, k.authority IS NOT NULL AS stands
    FROM now n LEFT JOIN knows k ON k.national_id = n.national_id AND k.authority = n.custodian WHERE custodian IS NOT NULL
"""
_EVIDENCE = """
    CREATE TEMP TABLE evidence AS
    SELECT national_id, custodian AS from_authority, authority AS to_authority, 'gone' AS evidence, 0::BIGINT AS claim, k.since AS known_since
    FROM custody c JOIN knows k USING (national_id) WHERE NOT stands
    UNION ALL
    SELECT DISTINCT i.index_id, custodian, split_part(row_key, ':', 1), 'claimed', number, NULL::DATE
    FROM claims JOIN identities i ON i.record_key = row_key JOIN custody c ON c.national_id = i.index_id
    JOIN knows k ON k.national_id = i.index_id AND k.authority = split_part(row_key, ':', 1)
    WHERE stands AND custodian <> split_part(row_key, ':', 1)
"""
# what is over stays as it was; what waits is answered, or lapses with its evidence; what was refused is proposed anew only when the authority has
# come to know the child anew, or by another claim; a claim makes one move
_MOVES = """
    WITH stays AS (
        SELECT o.* EXCLUDE (of_now, number, verdict) REPLACE (
            coalesce(of_now, o.national_id) AS national_id,
            CASE WHEN o.move IN (SELECT move FROM taken_over) THEN 'accepted' WHEN verdict = 'refused' THEN 'refused'
                WHEN verdict = 'accepted' OR e.evidence IS NULL THEN 'lapsed' ELSE 'proposed' END AS state,
            CASE WHEN verdict IS NOT NULL OR e.evidence IS NULL THEN getvariable('night') END AS ended)
        FROM open o LEFT JOIN evidence e ON e.national_id = of_now AND e.from_authority = o.from_authority AND e.to_authority = o.to_authority
            AND e.evidence = o.evidence AND e.claim = o.claim
    ),
    over AS (
        SELECT m.* REPLACE (coalesce(l.national_id, m.national_id) AS national_id)
        FROM moves_before m LEFT JOIN leads l ON l.was = m.national_id WHERE m.state <> 'proposed'
    ),
    every AS MATERIALIZED (FROM stays UNION ALL BY NAME FROM over),
    known AS (
        SELECT national_id, from_authority, to_authority, evidence, claim, max(CASE WHEN state = 'proposed' OR claim > 0 THEN DATE '9999-12-31' ELSE ended END) AS until
        FROM every WHERE state IN ('proposed', 'refused') OR claim > 0 GROUP BY ALL
    ),
    new AS (
        SELECT 'M' || left(sha256(concat_ws('/', e.national_id, e.from_authority, e.to_authority, e.evidence, e.claim, getvariable('night'),
                (SELECT count(*) FROM every o WHERE o.national_id = e.national_id))), 10) AS move,
            e.* EXCLUDE (known_since), getvariable('night') AS proposed, 'proposed' AS state, NULL::DATE AS ended
        FROM evidence e LEFT JOIN known k USING (national_id, from_authority, to_authority, evidence, claim)
        WHERE k.until IS NULL OR e.known_since > k.until
    )
    FROM every UNION ALL BY NAME FROM new ORDER BY proposed, move
"""
