"""What stands beside an open pair for those who decide it: the weight field by field, and the runner-up of either record.

Belongs here: putting evidence into words and finding rivals, for many pairs at once. Bits are told as whole numbers: finer
ones would tell a name by how common it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Array, Bits
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.score import Scorer
from pipelines.seams import give
from pipelines.seams.matching import POSSIBLE_TOLD, RIVALS
from pipelines.tables import connect, fetch

__all__ = ["field_words", "runners_up", "with_evidence"]


def with_evidence(possible: pa.Table, links: pa.Table, people: Comparable, model: Model, pairs: Pairs) -> pa.Table:
    """`possible` (`POSSIBLE`) with the evidence for each pair: `POSSIBLE_TOLD`.

    `fields` is the weight of each field in words; `rival_a` the best other candidate of record a, `rival_weight_a` its
    weight, `rival_joined_a` whether it was joined; `_b` likewise. `pairs` are those of the night.
    """
    named = pa.chunked_array([*possible["record_key_a"].chunks, *possible["record_key_b"].chunks], pa.string())
    those = np.flatnonzero(pc.is_in(people.keys, value_set=named.combine_chunks()).to_numpy(zero_copy_only=False))
    keys = people.keys.take(pa.array(those))
    a, b = (those[pc.index_in(possible[f"record_key_{side}"], keys).to_numpy()] for side in "ab")
    wanted = np.minimum(a, b) * people.size + np.maximum(a, b)
    rows = np.searchsorted(pairs.ids(people.size), wanted)
    columns = {"fields": field_words(model, people, pairs.take(rows))}
    for side, other in ("ab", "ba"):
        rivals = runners_up(possible[f"record_key_{side}"], possible[f"record_key_{other}"], links, possible)
        columns |= {f"{name}_{side}": rivals[name] for name in rivals.column_names}
    for name, values in columns.items():
        possible = possible.append_column(name, values)
    return give(possible, POSSIBLE_TOLD)


def field_words(model: Model, people: Comparable, pairs: Pairs) -> pa.Array:
    """For each pair its start, and the bits of each field that was compared, in words: whole ones, which sum up to its weight in whole bits."""
    titles = ["start", *(comparison.name.replace("_", " ") for comparison in COMPARISONS), "household"]
    some, left, right, _ = people.concerned(pairs.left, pairs.right)
    bits = Scorer(model, some).field_weights(left, right, pairs.levels)
    start = np.full(len(left), model.prior)
    columns = [start, *(bits[comparison.name] for comparison in COMPARISONS), pairs.discount]
    whole = _whole(np.stack(columns, axis=1), pairs.total.round(4))
    kinds, kind = np.unique(whole, axis=0, return_inverse=True)
    words = [
        ", ".join(
            f"{title} {'+' if number > 0 else '−'}{abs(number)}"
            for title, number in zip(titles, numbers, strict=True)
            if number
        )
        for numbers in kinds.tolist()
    ]
    return pa.array(words, pa.string()).take(pa.array(kind.reshape(-1)))


def _whole(parts: Array, total: Bits) -> Array:
    """`parts` (a row for each pair) as whole numbers that sum up to the `total` of the pair as one: those with most behind the point go up."""
    down = np.floor(parts)
    up = np.rint(total) - down.sum(axis=1)
    rank = np.argsort(np.argsort(down - parts, axis=1, kind="stable"), axis=1)
    return (down + (rank < up[:, np.newaxis])).astype(np.int16)


def runners_up(records: Any, others: Any, links: pa.Table, possible: pa.Table) -> pa.Table:
    """For each record the heaviest pair it is in with a record that is not the other one: `RIVALS`, null where none is.

    Args:
        records: record keys.
        others: for each the record that does not count.
        links: the joins of a night (`LINKS`).
        possible: the pairs that may be one child (`POSSIBLE`).
    """
    wanted = pa.table({"number": np.arange(len(records)), "record": records, "other": others})
    names = ["record_key_a", "record_key_b", "weight"]
    with connect({"wanted": wanted, "links": links.select(names), "possible": possible.select(names)}) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH told AS (SELECT *, true AS joined FROM links UNION ALL SELECT *, false FROM possible),
            sided AS (
                SELECT record_key_a AS record, record_key_b AS rival, weight, joined FROM told
                UNION ALL SELECT record_key_b, record_key_a, weight, joined FROM told
            ),
            best AS (
                SELECT number, rival, weight, joined FROM wanted JOIN sided USING (record) WHERE rival <> other
                QUALIFY row_number() OVER (PARTITION BY number ORDER BY weight DESC, joined DESC, rival) = 1
            )
            SELECT rival, weight AS rival_weight, joined AS rival_joined
            FROM wanted LEFT JOIN best USING (number) ORDER BY number
            """,
        )
    return give(found, RIVALS)
