"""The matcher: person records in, identities of one night out, each link with its step, weight and reason.

Belongs here: the order of the stages and the shape of the answer. The stages: comparable form → candidate pairs →
levels → match weights → verdicts (ladder and guards) → clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.candidates import find_candidates
from pipelines.matching.clusters import AMBIGUOUS, CONTRADICTED, Clusters, cluster
from pipelines.matching.comparable import Comparable, make_comparable
from pipelines.matching.compare import compare, pack, unpack
from pipelines.matching.ladder import JOIN, NOTHING_MORE, REFUSED, STEPS, Verdicts, judge_pairs, reasons
from pipelines.matching.model import Model, load_model
from pipelines.matching.pairs import Pairs
from pipelines.matching.score import match_weights
from pipelines.matching.state import MatchState, known_levels

__all__ = ["CLUSTERS", "LINKS", "POSSIBLE", "Matched", "match"]

Array = np.ndarray[Any, np.dtype[Any]]

CLUSTERS = pa.schema(
    [
        ("record_key", pa.string()),
        ("cluster", pa.string()),
        ("step", pa.string()),
        ("weight", pa.float64()),
        ("reason", pa.string()),
    ]
)
LINKS = pa.schema(
    [
        ("record_key_a", pa.string()),
        ("record_key_b", pa.string()),
        ("step", pa.string()),
        ("weight", pa.float64()),
        ("reason", pa.string()),
    ]
)
POSSIBLE = pa.schema(
    [
        ("record_key_a", pa.string()),
        ("record_key_b", pa.string()),
        ("weight", pa.float64()),
        ("reason", pa.string()),
        ("kind", pa.string()),
        ("priority", pa.int8()),
    ]
)
_MARGIN_TO_BREAK = 6.0  # bits below the join weight at which a compared pair keeps two clusters apart


@dataclass(frozen=True)
class Matched:
    """One night's matching.

    Attributes:
        clusters: `CLUSTERS`, one row per record by record key; `cluster` is the smallest record key of the identity,
            `step` the record's best link (`new` when it stands alone).
        links: `LINKS`, the joins that stand, by keys; key a before key b.
        possible: `POSSIBLE`, pairs that may be one child and are not joined; priority 1 (look first) to 3.
        stats: counts of the night, the same keys every night.
        state: what the next night needs.
    """

    clusters: pa.Table
    links: pa.Table
    possible: pa.Table
    stats: dict[str, float]
    state: MatchState


def match(
    records: pa.Table,
    names: pa.Table | None = None,
    *,
    model: Model | None = None,
    unique_sources: Mapping[str, str] | None = None,
    decisions: pa.Table | None = None,
    previous: MatchState | None = None,
) -> Matched:
    """Which of `records` are the same child.

    Args:
        records: person records: `record_key`, `source` or `agency`, and any of `given_names`, `family_name`,
            `former_family_name`, `birth_date`, `expected_birth_date`, `sex`, `postcode`, `address`, `uprn`,
            `nhs_number` (verified), `nhs_number_unverified`, `previous_nhs_number`, `upn`, `upn_unverified`, `former_upn`.
        names: former and other names: `record_key`, `kind`, `family_name`, `given_names`.
        model: default the built-in model for children.
        unique_sources: by source "record" (each child once), "person_number" (each number once) or "many".
        decisions: `kind` (same, not_the_same, firewall), `record_a`, `record_b`, and `undone_at` if there is one.
        previous: the state of an earlier night; saves time and changes no result.
    """
    model = model or load_model()
    people = make_comparable(records, names)
    same, not_same = _decided(people, decisions)
    candidates = find_candidates(people)
    left, right = _with_decided(people.size, candidates.left, candidates.right, same, not_same)
    known, packed = known_levels(previous, model.fingerprint, people, left, right)
    fresh = np.flatnonzero(~known)
    packed[fresh] = pack(compare(people, left[fresh], right[fresh]))
    levels = unpack(packed)
    weight = match_weights(model, people, left, right, packed, levels)
    pairs = Pairs(left, right, levels, packed, weight)
    verdicts = judge_pairs(people, model, pairs)
    ids = left.astype(np.int64) * people.size + right
    not_the_same = np.isin(ids, not_same)
    verdicts = _apply_decisions(verdicts, np.isin(ids, same) & ~not_the_same)
    join_weight = model.join_weight(people.size)
    clusters = cluster(
        people,
        pairs,
        verdicts,
        not_the_same=not_the_same,
        unique_sources=unique_sources or {},
        margin=model.policy.margin,
        join_weight=join_weight,
        break_weight=join_weight - _MARGIN_TO_BREAK,
    )
    links, chosen = _links(people, pairs, verdicts, clusters)
    possible = _possible(people, pairs, verdicts, clusters, not_the_same, join_weight)
    stats = (
        candidates.stats
        | clusters.stats
        | {
            "records": float(people.size),
            "identities": float(len(np.unique(clusters.label))),
            "pairs": float(len(left)),
            "pairs_compared": float(len(fresh)),
            "links": float(links.num_rows),
            "possible": float(possible.num_rows),
            "not_linkable": float(np.count_nonzero(~people.linkable)),
            **{
                f"links_{step}": float(np.count_nonzero(verdicts.step[chosen] == n))
                for n, step in enumerate(STEPS)
                if n
            },
        }
    )
    return Matched(
        _clusters(people, pairs, verdicts, clusters, links, chosen),
        links,
        possible,
        stats,
        MatchState.of(people, left, right, packed, model.fingerprint),
    )


def _decided(people: Comparable, decisions: pa.Table | None) -> tuple[Array, Array]:
    """The pairs that reviewers called the same, and not the same, as left * size + right."""
    if decisions is None or not decisions.num_rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if "undone_at" in decisions.column_names:
        decisions = decisions.filter(pc.is_null(decisions["undone_at"]))
    a, b = (
        pc.fill_null(pc.index_in(decisions[name], people.keys), -1).to_numpy().astype(np.int64)
        for name in ("record_a", "record_b")
    )
    pairs = np.minimum(a, b) * people.size + np.maximum(a, b)
    usable = (a >= 0) & (b >= 0) & (a != b)
    kinds = decisions["kind"].to_numpy()
    return tuple(np.unique(pairs[usable & np.isin(kinds, k)]) for k in (["same"], ["not_the_same", "firewall"]))  # type: ignore[return-value]


def _with_decided(size: int, left: Array, right: Array, *decided: Array) -> tuple[Array, Array]:
    """The candidate pairs and those decided on, ordered."""
    if not any(len(pairs) for pairs in decided):
        return left, right
    pairs = np.unique(np.concatenate([left.astype(np.int64) * size + right, *decided]))
    return (pairs // size).astype(np.int32), (pairs % size).astype(np.int32)


def _apply_decisions(verdicts: Verdicts, same: Array) -> Verdicts:
    return replace(
        verdicts,
        outcome=np.where(same, np.int8(JOIN), verdicts.outcome),
        step=np.where(same, np.int8(STEPS.index("decision")), verdicts.step),
        guard=np.where(same, np.int8(0), verdicts.guard),
    )


def _links(people: Comparable, pairs: Pairs, verdicts: Verdicts, clusters: Clusters) -> tuple[pa.Table, Array]:
    """The joins within identities, and which pairs they are."""
    chosen = np.flatnonzero((verdicts.outcome == JOIN) & (clusters.label[pairs.left] == clusters.label[pairs.right]))
    words = reasons(verdicts, pairs.packed, chosen)
    decided = pa.array(verdicts.step[chosen] == STEPS.index("decision"))
    words = pc.if_else(decided, "A reviewer decided that they are the same child", words)
    steps = pa.DictionaryArray.from_arrays(pa.array(verdicts.step[chosen]), pa.array(STEPS)).cast(pa.string())
    columns = [
        people.keys.take(pairs.left[chosen]),
        people.keys.take(pairs.right[chosen]),
        steps,
        pairs.weight[chosen].round(4),
        words,
    ]
    return pa.table(columns, schema=LINKS), chosen


def _clusters(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    clusters: Clusters,
    links: pa.Table,
    chosen: Array,
) -> pa.Table:
    """Each record with its identity and the best of its links."""
    record = np.concatenate([pairs.left[chosen], pairs.right[chosen]])
    link = np.tile(np.arange(len(chosen)), 2)
    order = np.lexsort((link, -pairs.weight[chosen][link], -verdicts.step[chosen][link], record))
    records, first = np.unique(record[order], return_index=True)
    best = np.full(people.size, -1, dtype=np.int64)
    best[records] = link[order][first]
    alone = pa.array(best < 0)
    position = pa.array(np.maximum(best, 0))
    if not links.num_rows:
        links = pa.table(
            [
                [
                    "",
                ],
                [""],
                ["new"],
                [0.0],
                [""],
            ],
            schema=LINKS,
        )
    steps = pc.if_else(alone, "new", links["step"].take(position))
    weights = pc.if_else(alone, pa.scalar(None, pa.float64()), links["weight"].take(position))
    standing_alone = pc.if_else(
        pa.array(people.linkable),
        "No other record belongs to the same child",
        "Neither name nor birth date: not linkable",
    )
    words = pc.if_else(alone, standing_alone, links["reason"].take(position))
    return pa.table([people.keys, people.keys.take(clusters.label), steps, weights, words], schema=CLUSTERS)


def _possible(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    clusters: Clusters,
    not_the_same: Array,
    join_weight: float,
) -> pa.Table:
    """The review list: whatever may be one child and is not joined, with the reason."""
    open_ = (verdicts.outcome != NOTHING_MORE) & (clusters.label[pairs.left] != clusters.label[pairs.right])
    rows = np.flatnonzero(open_ & ~not_the_same & (~clusters.settled | verdicts.identifiers.same))
    words = reasons(verdicts, pairs.packed, rows)
    unmade = clusters.unmade[rows]
    lead = pc.choose(
        pa.array(np.where(unmade == AMBIGUOUS, 1, np.where((verdicts.outcome[rows] == JOIN), 2, 0))),
        pa.scalar(""),
        pa.scalar("Another identity fits about as well: "),
        pa.scalar("Contradicts a better link: "),
    )
    kind = np.where((verdicts.outcome[rows] == REFUSED) | (unmade == CONTRADICTED), "refused", "review")
    priority = np.where(verdicts.identifiers.same[rows], 1, np.where(pairs.weight[rows] >= join_weight, 2, 3)).astype(
        np.int8
    )
    columns = [
        people.keys.take(pairs.left[rows]),
        people.keys.take(pairs.right[rows]),
        pairs.weight[rows].round(4),
        pc.binary_join_element_wise(lead, words, ""),
        kind,
        priority,
    ]
    return pa.table(
        [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns], schema=POSSIBLE
    )
