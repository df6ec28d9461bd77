"""What one pair is worth, field by field, in words: the waterfall from the prior to the match weight.

Belongs here: explaining a pair that is asked about. The same code judges it as judges a night; nothing is recomputed
another way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.matching.comparable import make_comparable
from pipelines.matching.compare import compare, pack
from pipelines.matching.guards import GUARDS
from pipelines.matching.ladder import JOIN, REFUSED, REVIEW, STEPS, judge_pairs, reasons
from pipelines.matching.levels import COMPARISONS, NOTHING
from pipelines.matching.model import Model, load_model
from pipelines.matching.pairs import Pairs
from pipelines.matching.score import field_weights, match_weights

__all__ = ["Explanation", "Step", "explain"]


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: a field, what was found, the bits it adds and the sum so far."""

    field: str
    words: str
    bits: float
    total: float


@dataclass(frozen=True)
class Explanation:
    """Why a pair is joined or not: `steps` from the prior on, the verdict, the guard against it if any, one sentence."""

    weight: float
    join_weight: float
    review_weight: float
    verdict: str  # join, review, refused, nothing
    step: str
    guard: str
    reason: str
    steps: tuple[Step, ...]


def explain(
    records: pa.Table, record_a: str, record_b: str, *, names: pa.Table | None = None, model: Model | None = None
) -> Explanation:
    """The waterfall of two of `records` (shape: see `match`), as the model and the guards see the pair by itself.

    Raises:
        IsindexError: RECORD_UNKNOWN when a key is not among the records.
    """
    model = model or load_model()
    people = make_comparable(records, names)
    found = [people.keys.index(key).as_py() for key in (record_a, record_b)]
    if -1 in found or record_a == record_b:
        raise IsindexError(
            "RECORD_UNKNOWN",
            "two different records of the night must be named",
            where=" ".join(key for key, place in zip((record_a, record_b), found, strict=True) if place < 0),
            remedy="A record key is the agency, a colon, and the record's key in its feed.",
        )
    left, right = np.array([min(found)]), np.array([max(found)])
    levels = compare(people, left, right)
    packed = pack(levels)
    weight = match_weights(model, people, left, right, packed, levels)
    verdicts = judge_pairs(people, model, Pairs(left, right, levels, packed, weight))
    bits = field_weights(model, people, left, right, levels)
    total = model.prior
    steps = [Step("prior", "two records taken at random", round(total, 4), round(total, 4))]
    for comparison in COMPARISONS:
        value, level = float(bits[comparison.name][0]), int(levels[comparison.name][0])
        total += value
        words = "nothing to compare" if level == NOTHING else comparison.words(level)
        steps.append(Step(comparison.name, words, round(value, 4), round(total, 4)))
    outcome = {JOIN: "join", REVIEW: "review", REFUSED: "refused"}.get(int(verdicts.outcome[0]), "nothing")
    return Explanation(
        weight=round(float(weight[0]), 4),
        join_weight=round(model.join_weight(people.size), 4),
        review_weight=round(model.review_weight(people.size), 4),
        verdict=outcome,
        step=STEPS[int(verdicts.step[0])],
        guard=GUARDS[int(verdicts.guard[0])].name,
        reason=reasons(verdicts, packed, np.array([0]))[0].as_py(),
        steps=tuple(steps),
    )
