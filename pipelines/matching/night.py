"""The matcher: person records in, identities of one night out, each link with its step, weight and reason.

Belongs here: the order of the stages. The tables of the answer are in `deciding.answer`. The stages: comparable form → equal records →
candidate pairs → levels → match weights → verdicts (ladder and guards) → clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Bits, Mask, PairIds, Positions, distinct
from pipelines.matching.comparing.compare import LEVELS
from pipelines.matching.deciding.answer import apart_table, clusters_table, links_table, possible_table
from pipelines.matching.deciding.claims import weigh_claims
from pipelines.matching.deciding.clusters import cluster
from pipelines.matching.deciding.equals import find_equals, told_apart
from pipelines.matching.deciding.ladder import JOIN, Verdicts, judge_pairs
from pipelines.matching.deciding.review_evidence import with_evidence
from pipelines.matching.deciding.third_record import with_third_records
from pipelines.matching.deciding.walls import Bearers, Seeds, raise_walls, seeds_of, walls_table
from pipelines.matching.pairing.candidates import find_candidates, rows_by_key
from pipelines.matching.pairing.follow import follow
from pipelines.matching.pairing.groups import KeyRows
from pipelines.matching.reading.comparable import Comparable, comparable
from pipelines.matching.reading.fields import make_plain
from pipelines.matching.state import MatchState
from pipelines.matching.training.drift import drift_figures
from pipelines.matching.weighing.match_model import Model, load_model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.score import Scorer
from pipelines.matching.weighing.weigh import AT_ONCE, Weigher, weigh
from pipelines.seams.words import STEPS

__all__ = ["Matched", "MatchedNight", "decide", "match"]


_MARGIN_TO_BREAK = 6.0  # bits below the join weight at which a compared pair keeps two clusters apart


@dataclass(frozen=True)
class Matched:
    """One night's matching.

    Attributes:
        clusters: `CLUSTERS`, one row per record by record key; `cluster` is the smallest record key of the identity,
            `step` the record's best link (`new` when it stands alone).
        links: `LINKS`, the joins that stand, by keys; key a before key b.
        possible: `POSSIBLE`, pairs that may be one child and are not joined; priority 1 (look first) to 3.
        apart: `APART`, every pair that may be one child and is not joined, and whether it certainly is two.
        walls: `WALLS`, who stands on which side of an identity firewall.
        stats: counts of the night, the same keys every night.
    """

    clusters: pa.Table
    links: pa.Table
    possible: pa.Table
    apart: pa.Table
    walls: pa.Table
    stats: dict[str, float]


@dataclass(frozen=True)
class MatchedNight(Matched):
    """The same, `possible` with the evidence for each pair (`POSSIBLE_TOLD`), and the state the next night goes on from.

    Where interim indexes say anything, `claimed` is what came of it (`CLAIMED`), and the other tables have what follows.
    """

    state: MatchState
    claimed: pa.Table | None = None


def match(
    records: pa.Table,
    names: pa.Table | None = None,
    *,
    model: Model | None = None,
    unique_sources: Mapping[str, str] | None = None,
    decisions: pa.Table | None = None,
    walls: pa.Table | None = None,
    previous: MatchState | None = None,
    claims: pa.Table | None = None,
) -> MatchedNight:
    """Which of `records` are the same child.

    Args:
        records: person records: `record_key`, `source` or `agency`, and any of `given_names`, `family_name`,
            `former_family_name`, `birth_date`, `expected_birth_date`, `sex`, `postcode`, `address`, `uprn`,
            `nhs_number` (verified), `nhs_number_unverified`, `previous_nhs_number`, `upn`, `upn_unverified`, `former_upn`.
        names: former and other names: `record_key`, `kind`, `family_name`, `given_names`.
        model: default the built-in model for children.
        unique_sources: by source "entry" (each entry is another child, be two of them alike or told to be one), "record" (each child once),
            "person_number" (each number once) or "many".
        decisions: `kind` (same, not_the_same, firewall), `record_a`, `record_b`, and `undone_at` if there is one.
        walls: the sides of the night before (`WALLS`), of firewalls that still count.
        previous: the state of an earlier night; saves time and changes no result.
        claims: what interim indexes take for one child (`CLAIMS`): compared like what keys find, joined by nobody's word.
    """
    model = model or load_model()
    usable = previous if previous and previous.model == model.fingerprint else None
    plain, changed = make_plain(records, names, usable.plain if usable else None)
    people = comparable(plain)
    same, not_same, walled = _decided(people, decisions)
    apart, rules = told_apart(people.keys, walls, walled), unique_sources or {}
    equals = find_equals(people, model, rules, apart, (same, np.concatenate([not_same, walled])))
    people = equals.seen(people)
    counted = [source for source, rule in rules.items() if rule != "many"]
    claimed = weigh_claims(people, model, claims, same, not_same, counted) if claims is not None else None
    same, not_same = (np.union1d(each, equals.standing(each)) for each in (same, not_same))
    rows, pairs, compared, search = _pairs(people, model, changed, usable)
    whole = pairs.and_also(equals.pairs)
    wanted = distinct(np.concatenate([same, not_same]))
    wanted = wanted[~np.isin(wanted, whole.ids(people.size))] if len(wanted) else wanted
    whole = whole.and_also(weigh(people, model, wanted, always=True))
    if claimed is not None:
        brought = equals.standing(claimed.wanted(people.size))
        whole = whole.and_also(weigh(people, model, brought[~np.isin(brought, whole.ids(people.size))]))
    stats = {f"candidates_{key}": float(each.pair_count()) for key, each in rows.items()} | search
    stats["pairs_compared"] = float(compared)
    seeds = seeds_of(people.keys, decisions, walls)
    found, verdicts = decide(people, model, whole, same, not_same, rules, stats, equals.first, seeds)
    if model.reference:
        found.stats.update(drift_figures(model, people, whole.levels, _by_identifier(verdicts)))
    state = MatchState(plain, people.shared, people.sought, rows, pairs, model.fingerprint, search)
    if claimed is None:
        possible = with_evidence(found.possible, found.links, people, model, whole)
        return MatchedNight(found.clusters, found.links, possible, found.apart, found.walls, found.stats, state)
    told = claimed.told(
        people, found.clusters, found.possible, found.apart, found.walls, model.join_weight(people.size), counted
    )
    fresh = ~np.isin(claimed.pairs.ids(people.size), whole.ids(people.size))
    whole = whole.and_also(claimed.pairs.take(np.flatnonzero(fresh)))
    possible = with_evidence(told.possible, found.links, people, model, whole)
    stats = found.stats | told.stats | {"possible": float(possible.num_rows)}
    return MatchedNight(found.clusters, found.links, possible, told.apart, found.walls, stats, state, told.claimed)


def _pairs(
    people: Comparable, model: Model, changed: Mask, previous: MatchState | None
) -> tuple[dict[str, KeyRows], Pairs, int, dict[str, float]]:
    """The rows under every key; the pairs that may matter; how many were compared; what the search had to refine.

    The pairs are last night's, with what has changed compared anew.
    """
    keys = model.policy.keys
    if previous is not None:
        before = previous.plain.records["record_key"].combine_chunks()
        moved = pc.fill_null(pc.index_in(before, people.keys), -1).to_numpy().astype(np.int64)
        # an address that has become a hostel's, or is no longer one, changes whoever names it; likewise who is sought
        changed = changed.copy()
        there = moved >= 0
        changed[moved[there]] |= people.shared[moved[there]] != previous.shared[there]
        changed[moved[there]] |= people.sought[moved[there]] != previous.sought[there]
        moved[there] = np.where(changed[moved[there]], -1, moved[there])  # there may be nobody at all any more
        here = np.flatnonzero(changed)
        fresh = {
            name: KeyRows(each.value, here[each.record]) for name, each in rows_by_key(people.take(here), keys).items()
        }
        rows, found = follow(previous.rows, moved, fresh, people, changed, previous.some)
        if found is not None:
            kept = previous.pairs.moved(moved).and_also(weigh(people, model, found))
            return rows, kept, len(found), previous.search
    candidates = find_candidates(people, keys=keys, with_rows=True)
    pairs, compared = Weigher(people, model).weigh_all(candidates.batches(AT_ONCE))
    search = {name: candidates.stats[name] for name in ("keys_refined", "pairs_dropped")}
    return candidates.rows, pairs, compared, search


def decide(
    people: Comparable,
    model: Model,
    pairs: Pairs,
    same: PairIds,
    not_same: PairIds,
    unique_sources: Mapping[str, str],
    stats: dict[str, float],
    first: Positions,
    seeds: tuple[Seeds, ...] = (),
) -> tuple[Matched, Verdicts]:
    """From weighed pairs to identities: decisions of reviewers, walls, clusters, what a person should look at; and the verdicts.

    `first` tells for each record which stands for it (see `deciding.equals`).
    """
    counted = [source for source, rule in unique_sources.items() if rule != "many"]
    verdicts = with_third_records(
        people, pairs, judge_pairs(people, model, pairs, counted), counted, model.policy.margin
    )
    ids = pairs.left.astype(np.int64) * people.size + pairs.right
    not_the_same = np.isin(ids, not_same)
    verdicts = _apply_decisions(verdicts, np.isin(ids, same) & ~not_the_same)
    join_weight = model.join_weight(people.size)
    joins = (verdicts.outcome == JOIN) & ~not_the_same
    bearers = Bearers(people.family, people.family_names, people.birth)
    walls = raise_walls(people.size, pairs.left, pairs.right, joins, joins & np.isin(ids, same), seeds, bearers, first)
    clusters = cluster(
        people,
        pairs,
        verdicts,
        first,
        not_the_same=not_the_same | walls.cut,
        undecided=_undecided(people, model, pairs),
        unique_sources=unique_sources,
        margin=model.policy.margin,
        join_weight=join_weight,
        break_weight=join_weight - _MARGIN_TO_BREAK,
    )
    clusters = replace(clusters, label=walls.kept(clusters.label))
    links, chosen = links_table(people, pairs, verdicts, clusters)
    unasked = not_the_same | walls.told_of_nobody(clusters.label, pairs.left, pairs.right)
    possible = possible_table(people, pairs, verdicts, clusters, unasked, join_weight)
    apart = apart_table(people, pairs, verdicts, clusters, first, not_the_same, counted)
    counts = {
        "records": float(people.size),
        "identities": float(np.count_nonzero(clusters.label == np.arange(people.size))),
        "pairs_kept": float(len(pairs.left)),
        "links": float(links.num_rows),
        "possible": float(possible.num_rows),
        "walls": float(len(walls.sides)),
        "records_equal": float(np.count_nonzero(first != np.arange(people.size))),
        "not_linkable": float(np.count_nonzero(~people.linkable)),
        **{f"links_{step}": float(np.count_nonzero(verdicts.step[chosen] == n)) for n, step in enumerate(STEPS) if n},
    }
    records = clusters_table(people, pairs, verdicts, clusters, links, chosen)
    return Matched(
        records, links, possible, apart, walls_table(people.keys, walls, bearers), stats | clusters.stats | counts
    ), verdicts


def _by_identifier(verdicts: Verdicts) -> Mask:
    """Which pairs a verified identifier joins."""
    return (verdicts.outcome == JOIN) & np.isin(verdicts.step, [STEPS.index("upn"), STEPS.index("nhs_number")])


def _undecided(people: Comparable, model: Model, pairs: Pairs) -> Bits:
    """Bits of each pair's weight that do not say which of two children with like names is meant."""
    bits = np.zeros(len(pairs.left))
    rows = np.flatnonzero(
        (pairs.levels["given_name"] > 0) & (pairs.levels["given_name"] != LEVELS["given_name"]["same"])
    )
    some = pairs.take(rows)
    concerned, left, right, _ = people.concerned(some.left, some.right)
    bits[rows] = Scorer(model, concerned).near_name_bits(left, right, some.levels)
    return bits


def _decided(people: Comparable, decisions: pa.Table | None) -> tuple[PairIds, PairIds, PairIds]:
    """The pairs that reviewers called the same, not the same, and put a firewall between, as left * size + right."""
    if decisions is None or not decisions.num_rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    if "undone_at" in decisions.column_names:
        decisions = decisions.filter(pc.is_null(decisions["undone_at"]))
    a, b = (
        pc.fill_null(pc.index_in(decisions[name], people.keys), -1).to_numpy().astype(np.int64)
        for name in ("record_a", "record_b")
    )
    pairs = np.minimum(a, b) * people.size + np.maximum(a, b)
    usable = (a >= 0) & (b >= 0) & (a != b)
    kinds = decisions["kind"].to_numpy()
    return tuple(np.unique(pairs[usable & np.isin(kinds, k)]) for k in (["same"], ["not_the_same"], ["firewall"]))  # type: ignore[return-value]


def _apply_decisions(verdicts: Verdicts, same: Mask) -> Verdicts:
    return replace(
        verdicts,
        outcome=np.where(same, np.int8(JOIN), verdicts.outcome),
        step=np.where(same, np.int8(STEPS.index("decision")), verdicts.step),
        guard=np.where(same, np.int8(0), verdicts.guard),
    )
