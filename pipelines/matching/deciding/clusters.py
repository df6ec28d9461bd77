"""From verdicts on pairs to one identity per child: constrained, best links first, the same whatever the input order.

Belongs here: which verdicts can stand together. Components in which nothing contradicts anything are taken whole. Only
the remainder, where two records of a repeat-free feed, two verified numbers, a guard, or two about equally good
identities compete, or which hangs together by a few links only, is put together cluster by cluster (`assemble`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipelines.matching.arrays import Bits, Hashes, Labels, Mask, Numbers, Positions, Words, first_with
from pipelines.matching.comparing.compare import LEVELS
from pipelines.matching.deciding.assemble import Assembled, Links, Rules, assemble
from pipelines.matching.deciding.components import components
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.deciding.improve import improve
from pipelines.matching.deciding.ladder import JOIN, REVIEW, Verdicts
from pipelines.matching.pairing.keys import combine
from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.weighing.pairs import Pairs
from pipelines.seams.words import STEPS

__all__ = ["AMBIGUOUS", "CONTRADICTED", "Clusters", "cluster", "entered_twice"]


# why a join that stood by itself was not made
AMBIGUOUS, CONTRADICTED = 1, 2

_BY_IDENTIFIER = STEPS.index("upn")  # this step and all above need no margin
_BY_DECISION = STEPS.index("decision")


@dataclass(frozen=True)
class Clusters:
    """`label`: for each record the smallest position of its identity; `unmade`: for each pair why it was not joined."""

    label: Labels
    unmade: Numbers
    settled: Mask  # pairs known to be two children: two records of a repeat-free feed, or two verified numbers
    stats: dict[str, float]


def cluster(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    first: Positions,
    *,
    not_the_same: Mask,
    undecided: Bits,
    unique_sources: Mapping[str, str],
    margin: float,
    join_weight: float,
    break_weight: float,
) -> Clusters:
    """Put the pairs judged JOIN together as far as they do not contradict each other.

    Args:
        people: the records.
        pairs: the candidate pairs.
        verdicts: the verdict on each of them.
        first: for each record the one that stands for it (see `equals`); what stands for itself is put together, and
            the others go with it.
        not_the_same: which pairs a reviewer has said are two children.
        undecided: bits of each pair's weight that count for nothing where two identities compete for a record.
        unique_sources: by source, whether each of its entries is another child ("entry"), it holds each child once ("record"), each person
            number once ("person_number"), or as often as it likes ("many", also for sources not named).
        margin: bits by which the best other identity must be beaten.
        join_weight: the least weight that joins.
        break_weight: two clusters whose pairs weigh less than this on average stay apart unless an identifier joins them.
    """
    left, right, total = pairs.left, pairs.right, pairs.total
    refuses = np.array([guard.refuses for guard in GUARDS])[verdicts.guard]
    decided = verdicts.step == _BY_DECISION
    apart = (refuses & ~decided) | not_the_same
    asked = ~not_the_same & (first[left] == left) & (first[right] == right)
    join = (verdicts.outcome == JOIN) & asked
    rival = (verdicts.outcome == REVIEW) & (verdicts.guard == 0) & (total >= join_weight - margin) & asked
    identities = _identities(people, unique_sources)
    edges = np.flatnonzero(join | rival)
    label = components(people.size, left[edges], right[edges])
    against = apart | rival | ((total < break_weight) & ~join)
    rules = Rules(identities, break_weight, margin, _sources(people, unique_sources))
    doubtful = _doubtful(people.size, label, identities, left, right, against) | rules.met_twice(label)
    loose = doubtful[label]
    within = np.flatnonzero(loose[left] & (label[left] == label[right]))
    final = label.copy()
    final[loose] = np.flatnonzero(loose)
    unmade: Numbers = np.zeros(len(left), dtype=np.int8)
    rounds = moved = 0
    if len(within):
        links = _links(pairs, verdicts, within, join, rival, apart, undecided)
        must = _must(people.size, left[within][decided[within]], right[within][decided[within]],
                     left[not_the_same], right[not_the_same])  # fmt: skip
        assembled = assemble(people.size, links, rules, must)
        held = np.zeros(people.size, dtype=bool)
        firm = within[(verdicts.step[within] >= _BY_IDENTIFIER) & join[within]]
        held[left[firm]] = held[right[firm]] = True
        improved, moved = improve(assembled.label, links, rules, held)
        rounds = assembled.rounds
        final[loose] = improved[loose]
        unmade = _unmade(people.size, final, assembled, left, right, join)
    final = final[first]
    sizes = np.bincount(label, minlength=people.size)
    stats = {
        "components_taken_apart": float(np.count_nonzero(doubtful & (sizes > 0))),
        "largest_component": float(sizes.max(initial=0)),
        "largest_identity": float(np.bincount(final, minlength=people.size).max(initial=0)),
        "records_in_doubt": float(np.count_nonzero(loose)),
        "records_moved": float(moved),
        "rounds": float(rounds),
    }
    return Clusters(final, unmade, _settled(people, final, rules, unique_sources, pairs), stats)


def _identities(people: Comparable, unique_sources: Mapping[str, str]) -> tuple[Numbers, ...]:
    """Numbers of which one child has at most one, by record; 0 for none.

    The verified identifiers in their latest form; the person number within a source that counts persons by it; the
    entry within a source that holds each child once.
    """
    found = _canonical_identifiers(people)
    person = _person_numbers(people)
    number = np.where(person == NO_VALUE, 0, pd.factorize(person)[0] + 1)
    # the same person entered twice, alike in all that tells people apart, counts once
    alike = entered_twice(people)
    entry = np.where(alike == NO_VALUE, np.arange(people.size), first_with(alike)) + 1
    for position, source in enumerate(people.sources):
        here = people.source == position
        rule = unique_sources.get(source, "many")
        if rule == "record":
            found.append(np.where(here, entry, 0))
        elif rule == "person_number":
            found.append(np.where(here, number, 0))
    return tuple(found)


def _sources(people: Comparable, unique_sources: Mapping[str, str]) -> tuple[Words, ...]:
    """For each record the bit of its source, 64 sources to a word, where each entry of the source is another child; 0 for others."""
    strict = [position for position, source in enumerate(people.sources) if unique_sources.get(source) == "entry"]
    place = np.full(len(people.sources), -1)
    place[strict] = np.arange(len(strict))
    mine = place[people.source] if len(people.sources) else np.full(people.size, -1)
    words = []
    for word in range(0, len(strict), 64):
        here = (mine >= word) & (mine < word + 64)
        words.append(np.where(here, np.uint64(1) << np.where(here, mine - word, 0).astype(np.uint64), np.uint64(0)))
    return tuple(words)


def entered_twice(people: Comparable) -> Hashes:
    """What tells two entries of one person in a source that holds each once; `NO_VALUE` where that cannot be told."""
    return combine(13, people.given_name, people.family_name, people.birth.astype(np.int64), people.postcode)


def _must(size: int, left: Positions, right: Positions, apart_left: Positions, apart_right: Positions) -> Labels:
    """What reviewers have put together, as far as they have not also said that it is two children."""
    label = components(size, left, right)
    against = label[apart_left[label[apart_left] == label[apart_right]]]
    contradicted = np.isin(label[left], against)
    if contradicted.any():
        some = np.flatnonzero(np.isin(label, against))
        label[some] = _as_far_as_told(size, left[contradicted], right[contradicted], apart_left, apart_right)[some]
    return label


def _as_far_as_told(
    size: int, left: Positions, right: Positions, apart_left: Positions, apart_right: Positions
) -> Labels:
    """The same for the few in which the one contradicts the other: pair by pair, none that brings two told apart together."""
    cluster = {int(record): {int(record)} for record in np.concatenate([left, right])}
    apart = {pair for a, b in zip(apart_left.tolist(), apart_right.tolist(), strict=True) for pair in ((a, b), (b, a))}
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        ours, theirs = cluster[a], cluster[b]
        if ours is theirs or any((x, y) in apart for x in ours for y in theirs):
            continue
        ours |= theirs
        for record in theirs:
            cluster[record] = ours
    label = np.arange(size)
    for record, together in cluster.items():
        label[record] = min(together)
    return label


def _links(
    pairs: Pairs, verdicts: Verdicts, rows: Positions, join: Mask, rival: Mask, apart: Mask, undecided: Bits
) -> Links:
    """The pairs at `rows` as links between records."""
    total = pairs.total[rows]
    joins, near = join[rows], (join | rival)[rows]
    return Links(
        pairs.left[rows].astype(np.int64),
        pairs.right[rows].astype(np.int64),
        total,
        np.ones(len(rows)),
        np.where(joins, verdicts.step[rows] * 1000.0 + total, -np.inf),
        np.where(near, total - undecided[rows], -np.inf),
        joins & (verdicts.step[rows] >= _BY_IDENTIFIER),
        apart[rows],
        np.zeros(len(rows), dtype=bool),
    )


def _unmade(size: int, final: Labels, assembled: Assembled, left: Positions, right: Positions, join: Mask) -> Numbers:
    """For each pair that joins by itself and was not joined, why."""
    unmade = np.zeros(len(left), dtype=np.int8)
    rows = np.flatnonzero(join & (final[left] != final[right]))
    links = assembled.links
    contested = links.left[links.contested].astype(np.int64) * size + links.right[links.contested]
    a, b = assembled.label[left[rows]].astype(np.int64), assembled.label[right[rows]].astype(np.int64)
    ambiguous = np.isin(np.minimum(a, b) * size + np.maximum(a, b), contested)
    unmade[rows] = np.where(ambiguous, AMBIGUOUS, CONTRADICTED)
    return unmade


def _canonical_identifiers(people: Comparable) -> list[Numbers]:
    """Each record's verified NHS number and UPN as the latest in their line of succession; 0 for none."""
    found = []
    for kind, former in (("nhs_number", "previous_nhs_number"), ("upn", "former_upn")):
        now, before = people.identifiers[kind], people.identifiers[former]
        position, values = pd.factorize(np.concatenate([now, before]))
        current, previous = position[: people.size], position[people.size :]
        follows = (now != NO_VALUE) & (before != NO_VALUE)
        line = components(len(values), current[follows], previous[follows])
        found.append(np.where(now != NO_VALUE, line[current] + 1, 0))
    return found


def _person_numbers(people: Comparable) -> Hashes:
    """The number by which a source counts persons: the UPN as delivered, else the NHS number; 0 for none."""
    upn, nhs_number = people.either("upn"), people.either("nhs_number")
    has_upn = np.zeros(len(people.sources), dtype=bool)
    np.logical_or.at(has_upn, people.source, upn != NO_VALUE)
    return np.where(has_upn[people.source], upn, nhs_number)


def _doubtful(
    size: int, label: Labels, identities: tuple[Numbers, ...], left: Positions, right: Positions, against: Mask
) -> Mask:
    """Which components (by label) hold something that contradicts, or hang together loosely, and cannot be taken whole."""
    doubtful = np.zeros(size, dtype=bool)
    for values in identities:
        doubtful |= _several(label, values, size)
    inside = label[left] == label[right]
    doubtful[label[left[inside & against]]] = True
    members = np.bincount(label, minlength=size)
    seen = np.bincount(label[left[inside]], minlength=size)
    return doubtful | (seen < 0.5 * members * (members - 1.0) / 2)


def _several(label: Labels, values: Numbers, size: int) -> Mask:
    """Which components hold more than one of the values (0 is none)."""
    has = np.flatnonzero(values)
    least, most = np.full(size, np.iinfo(np.int64).max), np.zeros(size, dtype=np.int64)
    np.minimum.at(least, label[has], values[has])
    np.maximum.at(most, label[has], values[has])
    return most > least


def _settled(people: Comparable, label: Labels, rules: Rules, unique_sources: Mapping[str, str], pairs: Pairs) -> Mask:
    """Pairs whose identities are known to be two children, so that nobody need ask."""
    a, b = label[pairs.left], label[pairs.right]
    of_cluster = rules.of_clusters(label)
    numbers = replace(of_cluster, identities=of_cluster.identities[:2], sources=())
    held = replace(of_cluster, identities=()).conflict(a, b)
    for position, source in enumerate(people.sources):
        if unique_sources.get(source, "many") == "record":
            here = np.zeros(people.size, dtype=bool)
            here[label[people.source == position]] = True
            held |= here[a] & here[b]
    # both are in a feed that holds each child once; unless it holds this one twice, under names that do not differ
    return numbers.conflict(a, b) | (held & (pairs.levels["given_name"] == LEVELS["given_name"]["different"]))
