"""What stands behind a link of any table: every pair with its probability field by field, what to look at, what was decided.

Belongs here: the tables that `isindex link` writes beside the identities, and the one of decisions that it reads.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.matching.arrays import Bits, PairIds
from pipelines.matching.deciding.review_evidence import field_words
from pipelines.matching.night import Matched
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.score import Scorer

__all__ = ["decided_pairs", "pairs_told", "review_told"]

_KINDS = ("same", "not_the_same")


def pairs_told(people: Comparable, model: Model, pairs: Pairs, matched: Matched) -> pa.Table:
    """Every pair that was kept: keys, `probability`, `weight`, `together`, `start`, the bits of each field, `household`."""
    label = pc.index_in(matched.clusters["cluster"], people.keys).to_numpy()
    some, left, right, _ = people.concerned(pairs.left, pairs.right)
    bits = Scorer(model, some).field_weights(left, right, pairs.levels)
    columns: dict[str, pa.Array | Bits] = {
        "record_key_a": people.keys.take(pa.array(pairs.left)),
        "record_key_b": people.keys.take(pa.array(pairs.right)),
        "probability": _probability(model, people, pairs.total),
        "weight": pairs.total.round(4),
        "together": label[pairs.left] == label[pairs.right],
        "start": np.full(len(pairs.left), model.prior).round(4),
    }
    columns |= {name: values.round(4) for name, values in bits.items()} | {"household": pairs.discount.round(4)}
    return pa.table(columns)


def review_told(people: Comparable, model: Model, pairs: Pairs, matched: Matched) -> pa.Table:
    """What may be one person and was not joined, the likeliest first."""
    possible = matched.possible
    a, b = (pc.index_in(possible[f"record_key_{side}"], people.keys).to_numpy().astype(np.int64) for side in "ab")
    rows = np.searchsorted(pairs.ids(people.size), np.minimum(a, b) * people.size + np.maximum(a, b))
    table = pa.table({
        "record_key_a": possible["record_key_a"],
        "record_key_b": possible["record_key_b"],
        "probability": _probability(model, people, pairs.total[rows]),
        "weight": pairs.total[rows].round(4),
        "reason": possible["reason"].cast(pa.string()),
        "fields": field_words(model, people, pairs.take(rows)),
    })  # fmt: skip
    return table.sort_by([("weight", "descending"), ("record_key_a", "ascending"), ("record_key_b", "ascending")])


def decided_pairs(keys: pa.Array, decisions: pa.Table | None) -> tuple[PairIds, PairIds]:
    """The pairs that somebody called the same, and those they told apart, as left * size + right.

    Args:
        keys: the record keys, by position.
        decisions: `kind`, `record_a`, `record_b`; records that are not there are passed over.

    Raises:
        IsindexError: LINK_DECISIONS_INVALID.
    """
    nothing = np.zeros(0, dtype=np.int64)
    if decisions is None:
        return nothing, nothing
    missing = [name for name in ("kind", "record_a", "record_b") if name not in decisions.column_names]
    kinds = decisions["kind"].cast(pa.string()) if not missing else pa.chunked_array([[]], pa.string())
    unknown = int(pc.sum(pc.invert(pc.is_in(kinds, pa.array(_KINDS)))).as_py() or 0)
    if missing or unknown:
        what = (
            f"there is no column {', '.join(missing)}"
            if missing
            else f"{unknown:,} rows have another kind than {' or '.join(_KINDS)}"
        )
        raise IsindexError(
            "LINK_DECISIONS_INVALID",
            what,
            where="--decisions",
            remedy="A table of decisions has the columns kind (same, not_the_same), record_a, record_b.",
        )
    a, b = (
        pc.fill_null(pc.index_in(decisions[name].cast(pa.string()), keys), -1).to_numpy().astype(np.int64)
        for name in ("record_a", "record_b")
    )
    ids = np.minimum(a, b) * len(keys) + np.maximum(a, b)
    known = (a >= 0) & (b >= 0) & (a != b)
    apart = np.unique(ids[known & (kinds.to_numpy(zero_copy_only=False) == "not_the_same")])
    return np.setdiff1d(ids[known], apart), apart


def _probability(model: Model, people: Comparable, weight: Bits) -> Bits:
    """How likely each pair is one person, on the scale of the threshold."""
    bits = weight - model.join_weight(people.size) + np.log2(model.policy.join / (1 - model.policy.join))
    return 1 / (1 + np.exp2(-np.clip(bits, -60, 60)))
