"""Why a child is hidden in the nation, and of which of these reasons its authority was told: it is told anew when there is another one.

Belongs here: the words of reasons, what stays noted of them from night to night, and where it is kept. Two people of an authority open a child
knowing what was so by then; a reason that comes afterwards is one that they did not know. Not here: who is hidden (`messages`), which finds them.

    hides <row_key>             this child, protected by its own authority, may be the one
    asks <row_key>              and a record of it asks by now, or a decision shields it
    is <row_key>                and the two are one child here
    bears <authority> <token>   the one, or who may be it, bears what the protection of that authority knows
    has <token>                 a record, number or name of the child's own: one that has come since may be the hidden child's

Told or known: a message has said so since, or the child was hidden in its authority on a night on which it was so. Not while people there have opened somebody with
a load that is still to come, for their authority was silent or its night was held: they may have decided before.

What is noted ends when its ground does, but for the last: a child that hides no more and hides again later is another reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.network.inputs import Given
from pipelines.network.place import Network
from pipelines.nights.night import Night
from pipelines.nights.plan import openings
from pipelines.seams.network import REASONS
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table

__all__ = ["TABLE", "grounds_in", "have_decided", "noted_after", "noted_before", "reasons_in", "with_their_own"]

TABLE = "reasons"


def reasons_in(duck: duckdb.DuckDBPyConnection) -> pa.Table:
    """Why children are hidden of whom an authority was told, or may have to be (`REASONS`), but for what they have themselves.

    Of `children`, `hiding`, `told`, `placed` (row_key, number of its national id), `labelled` (number, label: what hangs together) and `bearing_hidden`
    (row_key, authority, token).
    """
    return give(fetch(duck, _REASONS), REASONS)


def grounds_in(duck: duckdb.DuckDBPyConnection) -> pa.Table:
    """What there is to be a reason for anybody: reason; of `hiding` and `hidden_tokens`."""
    return fetch(duck, _GROUNDS)


def with_their_own(reasons: pa.Table, tokens: pa.Table) -> pa.Table:
    """The reasons with what the children themselves are known by (`KNOWN_BY`)."""
    own = pa.table({
        "row_key": tokens["row_key"],
        "reason": pc.binary_join_element_wise(pa.scalar("has"), tokens["token"], " "),
    })  # fmt: skip
    return pa.concat_tables([reasons, give(own, REASONS)])


def noted_before(network: Network, reasons: pa.Table, told: pa.Table) -> pa.Table:
    """The reasons of which authorities were told, or that people knew (`REASONS`), as the latest attempt has them, be it one that a gate held.

    Where no attempt has kept any yet, all that are there for those who were told of by then.

    Args:
        network: the co-ordinating index.
        reasons: those of tonight.
        told: the messages that were handed over before (`MESSAGES`).
    """
    kept = sorted(network.root.glob(f"nights/*/*/{TABLE}.parquet"), key=lambda path: path.stat().st_mtime_ns)
    if kept:
        return read_table(kept[-1]).select(REASONS.names)
    with connect({"reasons": reasons, "told": told}) as duck:
        return give(fetch(duck, f"SELECT DISTINCT r.* FROM reasons r {_OF_TOLD} ORDER BY ALL"), REASONS)


def have_decided(network: Network, given: Iterable[Given], reasons: pa.Table, noted: pa.Table) -> set[str]:
    """The authorities whose people have opened somebody with a load that what is given of them does not know; of those with a reason that is not noted.

    Where that cannot be read, they may have.
    """
    with connect({"reasons": reasons, "noted": noted}) as duck:
        new = duck.execute(
            "SELECT DISTINCT split_part(row_key, ':', 1) FROM (FROM reasons EXCEPT FROM noted)"
        ).fetchall()
    found = set()
    for each in given:
        if (each.authority,) not in new:
            continue
        try:
            decided = openings(Night(network.deployment, each.authority, each.business_date))
        except IsindexError:
            found.add(each.authority)
        else:
            if any(one.from_night is None or one.from_night > each.business_date for one in decided):
                found.add(each.authority)
    return found


def noted_after(
    before: pa.Table,
    reasons: pa.Table,
    grounds: pa.Table,
    told: pa.Table,
    children: pa.Table,
    decided: Collection[str] = (),
) -> pa.Table:
    """The reasons that are noted after a night (`REASONS`).

    Args:
        before: those noted before.
        reasons: those of tonight.
        grounds: what there is to be a reason tonight.
        told: the messages that were handed over before (`MESSAGES`), and `anew`: tonight.
        children: what the authorities give (`CHILDREN`): who was told of and is protected there is opened by people who know all that is so by now.
        decided: the authorities whose people may have opened somebody without knowing it (`have_decided`).
    """
    views = {"before": before, "reasons": reasons, "grounds": grounds, "told": told, "children": children}
    with connect(views) as duck:
        found = fetch(duck, f"""
            SELECT b.* FROM before b WHERE starts_with(reason, 'has ') OR reason IN (SELECT reason FROM grounds)
            UNION
            SELECT r.* FROM reasons r {_OF_TOLD} WHERE t.anew OR r.row_key IN (
                SELECT row_key FROM children WHERE protected AND NOT list_contains($decided::VARCHAR[], authority))
            ORDER BY ALL
        """, {"decided": sorted(decided)})  # fmt: skip
    return give(found, REASONS)


_OF_TOLD = "JOIN told t ON r.row_key = t.authority || ':' || t.index_id"
_REASONS = """
    WITH those AS (
        SELECT c.row_key, number, label FROM children c JOIN placed USING (row_key) JOIN labelled USING (number)
        WHERE NOT protected OR (authority, index_id) IN (SELECT (authority, index_id) FROM told)
    ),
    h AS (SELECT row_key, marked, number, label FROM hiding JOIN placed USING (row_key) JOIN labelled USING (number)),
    b AS (
        SELECT DISTINCT label, authority, token FROM bearing_hidden JOIN placed USING (row_key) JOIN labelled USING (number)
    )
    SELECT t.row_key, 'hides ' || h.row_key AS reason FROM those t JOIN h USING (label) WHERE h.row_key <> t.row_key
    UNION SELECT t.row_key, 'asks ' || h.row_key FROM those t JOIN h USING (label) WHERE h.row_key <> t.row_key AND h.marked
    UNION SELECT t.row_key, 'is ' || h.row_key FROM those t JOIN h USING (number) WHERE h.row_key <> t.row_key
    UNION SELECT t.row_key, 'bears ' || b.authority || ' ' || token FROM those t JOIN b USING (label)
    ORDER BY ALL
"""
_GROUNDS = """
    SELECT unnest(['hides ' || row_key, 'is ' || row_key] || if(marked, ['asks ' || row_key], [])) AS reason FROM hiding
    UNION ALL SELECT 'bears ' || authority || ' ' || token FROM hidden_tokens ORDER BY ALL
"""
