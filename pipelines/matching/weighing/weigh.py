"""From pairs of positions to pairs with levels and weights, of which those are kept that may matter.

Belongs here: comparing and scoring as one step, part by part, so that memory does not grow with the pairs compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from pipelines.matching.arrays import PairIds
from pipelines.matching.comparing.compare import Comparer, pack
from pipelines.matching.comparing.identifiers import compare_identifiers
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.score import Scorer, relative_discount
from pipelines.settings import engine_limits

__all__ = ["AT_ONCE", "EVIDENCE", "Weigher", "weigh"]


AT_ONCE = 1_000_000  # pairs compared at a time: what bounds the memory
_THREADS = 2  # that compare side by side, at most; more would wait for each other
_FEW = 20  # fewer pairs than one for so many records are compared among the records concerned only
EVIDENCE = 4.0  # bits, the prior left out, below which a pair is two people and need not be kept


class Weigher:
    """Compares and weighs pairs of `people` by `model`; for many parts of the pairs of the same people.

    Pairs with less `evidence` (bits, the prior left out) are not kept, unless a verified identifier agrees.
    """

    def __init__(self, people: Comparable, model: Model, evidence: float = EVIDENCE) -> None:
        self._people, self._model, self._evidence = people, model, evidence
        self._comparer, self._scorer = Comparer(people), Scorer(model, people)

    def weigh(self, found: PairIds, always: bool = False) -> Pairs:
        """The pairs with levels and weights, as far as they may matter.

        Args:
            found: the pairs as left * size + right, left before right, ordered.
            always: keep every one.
        """
        people, model = self._people, self._model
        left, right = (each.astype(np.int32) for each in np.divmod(found, max(people.size, 1)))
        levels = self._comparer.levels(left, right)
        packed = pack(levels)
        weight = self._scorer.match_weights(left, right, packed, levels)
        if not always:
            keep = (weight - model.prior >= self._evidence) | compare_identifiers(people, left, right).same
            left, right, packed, weight = left[keep], right[keep], packed[keep], weight[keep]
            levels = {name: level[keep] for name, level in levels.items()}
        bits = self._scorer.field_weights(left, right, levels)
        return Pairs(left, right, levels, packed, weight, relative_discount(model, bits, levels))

    def weigh_all(self, parts: Iterable[PairIds]) -> tuple[Pairs, int]:
        """The pairs of all parts, and how many were compared."""
        weighed, compared = [], 0
        waiting: deque[Future[Pairs]] = deque()
        with ThreadPoolExecutor(min(_THREADS, engine_limits()[1])) as threads:
            for part in parts:
                compared += len(part)
                waiting.append(threads.submit(self.weigh, part))
                if len(waiting) > _THREADS:
                    weighed.append(waiting.popleft().result())
            weighed += [each.result() for each in waiting]
        return Pairs.of(weighed), compared


def weigh(people: Comparable, model: Model, found: PairIds, always: bool = False) -> Pairs:
    """Compare and weigh these pairs and no others (see `Weigher.weigh`).

    Few pairs are compared among the records concerned only, so that the cost follows the pairs and not the people.
    """
    if len(found) >= people.size // _FEW:
        return Weigher(people, model).weigh(found, always)
    some, left, right, those = people.concerned(*np.divmod(found, max(people.size, 1)))
    part = Weigher(some, model).weigh(left * some.size + right, always)
    return replace(part, left=those[part.left].astype(np.int32), right=those[part.right].astype(np.int32))
