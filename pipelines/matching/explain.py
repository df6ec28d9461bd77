"""What one pair is worth, field by field, in words: the waterfall from the prior to the match weight, and what came of it.

Belongs here: explaining a pair that is asked about. The same code judges it as judges a night; nothing is recomputed
another way. No value is told: fields, levels of agreement, weights and record keys only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.matching.comparing.levels import COMPARISONS, NOTHING
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.deciding.ladder import JOIN, REFUSED, REVIEW, judge_pairs, reasons
from pipelines.matching.deciding.review_evidence import runners_up
from pipelines.matching.night import Matched
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.weighing.match_model import Model, load_model
from pipelines.matching.weighing.score import Scorer
from pipelines.matching.weighing.weigh import weigh
from pipelines.seams.words import STEPS

__all__ = ["Explanation", "Rival", "Step", "explain", "in_context", "of_matched"]

_STEP_WORDS = {
    "decision": "a reviewer's decision",
    "nhs_number": "the same verified NHS number, confirmed by birth date or name",
    "upn": "the same verified UPN, confirmed by birth date or name",
    "exact": "the same names and birth date, which nobody else in either source has",
    "probabilistic": "the weight of all that agrees",
}


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: a field, what was found, the bits it adds and the sum so far."""

    field: str
    words: str
    bits: float
    total: float


@dataclass(frozen=True)
class Rival:
    """The best other candidate of one of the two records: which it is, what it weighs, what became of it."""

    of: str
    record: str
    weight: float
    joined: bool


@dataclass(frozen=True)
class Explanation:
    """Why a pair is joined or not.

    Attributes:
        records: the two record keys.
        weight: the match weight in bits, as Splink computes it.
        discount: bits taken off because two of one household would explain the pair as well.
        join_weight, review_weight: from which weight (less the discount) a pair is joined, and shown to a reviewer.
        verdict: join, review, refused or nothing: the pair by itself.
        step: the rung of the ladder that joins it, `new` if none does.
        guard: what stands against it, `none` if nothing does.
        reason: all of it in one sentence.
        steps: the waterfall, from the prior on.
        together: whether the two are one identity in the night; None when no night was asked.
        outcome: what the night's list says of the pair when it is not joined.
        rivals: the best other candidate of each.
    """

    records: tuple[str, str]
    weight: float
    discount: float
    join_weight: float
    review_weight: float
    verdict: str
    step: str
    guard: str
    reason: str
    steps: tuple[Step, ...]
    together: bool | None = None
    outcome: str = ""
    rivals: tuple[Rival, ...] = ()

    def sentences(self) -> list[str]:
        """The whole in words, the answer first."""
        told = []
        if self.together is not None:
            told.append("They are one identity." if self.together else "They are two identities.")
        by_itself = {
            "join": f"The pair by itself joins, by {_STEP_WORDS.get(self.step, self.step)}.",
            "review": "The pair by itself is for a reviewer.",
            "refused": "The pair by itself is refused.",
            "nothing": "The pair by itself is too unlikely to be shown to anybody.",
        }[self.verdict]
        told += [by_itself, f"{self.reason}."] if self.reason else [by_itself]
        if self.discount <= -0.05:
            told.append(
                f"{-self.discount:.1f} bits are taken off: a brother, sister or twin would explain the pair as well."
            )
        if self.together is False and self.outcome:
            told.append(f"On the night's list: {self.outcome}.")
        for rival in self.rivals:
            what = "and was joined" if rival.joined else "and was not joined"
            told.append(f"The runner-up for {rival.of} is {rival.record}: it weighs {rival.weight:.1f} bits {what}.")
        if self.together is not None and not self.rivals:
            told.append("No other candidate of either record is told.")
        return told

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return asdict(self)


def explain(
    records: pa.Table,
    record_a: str,
    record_b: str,
    *,
    names: pa.Table | None = None,
    model: Model | None = None,
    counted: Sequence[str] = (),
) -> Explanation:
    """The waterfall of two of `records` (shape: see `match`), as the model and the guards see the pair by itself.

    Args:
        records: all records of the night: what is rare, and which addresses are shared, hangs on all of them.
        record_a: a record key.
        record_b: another.
        names: further names.
        model: default the model in force.
        counted: sources that are meant to hold each person once.

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
    pairs = weigh(people, model, np.array([min(found) * people.size + max(found)]), always=True)
    verdicts = judge_pairs(people, model, pairs, counted)
    bits = Scorer(model, people).field_weights(pairs.left, pairs.right, pairs.levels)
    total = model.prior
    steps = [Step("prior", "two records taken at random", round(total, 4), round(total, 4))]
    for comparison in COMPARISONS:
        value, level = float(bits[comparison.name][0]), int(pairs.levels[comparison.name][0])
        total += value
        words = "nothing to compare" if level == NOTHING else comparison.words(level)
        steps.append(Step(comparison.name, words, round(value, 4), round(total, 4)))
    discount = round(float(pairs.discount[0]), 4)
    if model.policy.relatives is not None:
        steps.append(
            Step(
                "household", "brothers, sisters and twins share names and places", discount, round(total + discount, 4)
            )
        )
    outcome = {JOIN: "join", REVIEW: "review", REFUSED: "refused"}.get(int(verdicts.outcome[0]), "nothing")
    return Explanation(
        records=(record_a, record_b),
        weight=round(float(pairs.weight[0]), 4),
        discount=discount,
        join_weight=round(model.join_weight(people.size), 4),
        review_weight=round(model.review_weight(people.size), 4),
        verdict=outcome,
        step=STEPS[int(verdicts.step[0])],
        guard=GUARDS[int(verdicts.guard[0])].name,
        reason=reasons(verdicts, pairs.packed, np.array([0]))[0].as_py(),
        steps=tuple(steps),
    )


def in_context(told: Explanation, clusters: pa.Table, links: pa.Table, possible: pa.Table) -> Explanation:
    """The explanation with what the night made of the pair and of its rivals (tables: see `Matched`)."""
    a, b = told.records
    of = {
        key: clusters["cluster"][place].as_py()
        for key in (a, b)
        if (place := pc.index(clusters["record_key"], key).as_py()) >= 0
    }
    listed = _rows(possible, a, b)
    outcome = listed[0]["reason"] if listed else ""
    found = runners_up([a, b], [b, a], links, possible).to_pylist()
    rivals = tuple(Rival(key, *rival.values()) for key, rival in zip((a, b), found, strict=True) if rival["rival"])
    together = len(of) == 2 and len(set(of.values())) == 1
    return replace(told, together=together, outcome=outcome, rivals=rivals)


def of_matched(told: Explanation, matched: Matched) -> Explanation:
    """Likewise, straight from the matcher."""
    return in_context(told, matched.clusters, matched.links, matched.possible)


def _rows(table: pa.Table, a: str, b: str) -> list[dict[str, Any]]:
    first, second = sorted((a, b))
    mask = pc.and_(pc.equal(table["record_key_a"], first), pc.equal(table["record_key_b"], second))
    return table.filter(mask).to_pylist()
