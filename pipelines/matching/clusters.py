"""From verdicts on pairs to one identity per child: constrained, best links first, the same whatever the input order.

Belongs here: which verdicts can stand together. Components in which nothing contradicts anything are taken whole, set
by set. Only the remainder, where two records of a repeat-free feed, two verified numbers, a guard, or two about equally
good identities compete, is put together link by link.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.matching.comparable import NO_VALUE, Comparable
from pipelines.matching.compare import LEVELS
from pipelines.matching.components import components
from pipelines.matching.guards import GUARDS
from pipelines.matching.ladder import JOIN, REVIEW, STEPS, Verdicts
from pipelines.matching.pairs import Pairs

__all__ = ["AMBIGUOUS", "CONTRADICTED", "Clusters", "cluster"]

Array = np.ndarray[Any, np.dtype[Any]]

# why a join that stood by itself was not made
AMBIGUOUS, CONTRADICTED = 1, 2

_BY_IDENTIFIER = STEPS.index("upn")  # this step and all above need no margin
_BY_DECISION = STEPS.index("decision")


@dataclass(frozen=True)
class Clusters:
    """`label`: for each record the smallest position of its identity; `unmade`: for each pair why it was not joined."""

    label: Array
    unmade: Array
    settled: Array  # pairs known to be two children: two records of a repeat-free feed, or two verified numbers
    stats: dict[str, float]


@dataclass(frozen=True)
class _Numbers:
    """What constrains identities as a whole: verified numbers in their latest form, person numbers, rules by source."""

    identifiers: list[Array]
    person: Array
    rules: list[str]


@dataclass
class _Facts:
    """What constrains the joining of records, by position (plain lists: they are read one by one)."""

    identifiers: list[tuple[int, ...]]
    source: list[int]
    rule: list[str]
    number: list[int]
    apart: set[tuple[int, int]] = field(default_factory=set)
    decided_apart: set[tuple[int, int]] = field(default_factory=set)
    weight: dict[tuple[int, int], float] = field(default_factory=dict)
    twice: set[tuple[int, int]] = field(default_factory=set)


def cluster(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    *,
    not_the_same: Array,
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
        not_the_same: which pairs a reviewer has said are two children.
        unique_sources: by source, whether it holds each child once ("record"), each person number once
            ("person_number"), or as often as it likes ("many", also for sources not named).
        margin: bits by which the best other identity must be beaten.
        join_weight: the least weight that joins.
        break_weight: two clusters whose pairs weigh less than this on average stay apart unless an identifier joins them.
    """
    left, right = pairs.left, pairs.right
    refuses = np.array([guard.refuses for guard in GUARDS])[verdicts.guard]
    apart = (refuses & (verdicts.step != _BY_DECISION)) | not_the_same
    join = (verdicts.outcome == JOIN) & ~not_the_same
    near = pairs.weight >= join_weight - margin
    rival = (verdicts.outcome == REVIEW) & (verdicts.guard == 0) & near & ~not_the_same
    edges = np.flatnonzero(join | rival)
    label = components(people.size, left[edges], right[edges])
    numbers = _Numbers(
        _canonical_identifiers(people),
        _person_numbers(people),
        [unique_sources.get(source, "many") for source in people.sources],
    )
    against = apart | rival | ((pairs.weight < break_weight) & ~join)
    doubtful = _doubtful(people, label, numbers, left, right, against)
    unmade = np.zeros(len(left), dtype=np.int8)
    loose = doubtful[label]
    within = np.flatnonzero(loose[left] & (label[left] == label[right]))
    final = label.copy()
    final[loose] = np.flatnonzero(loose)
    if len(within):
        facts = _facts(people, pairs, verdicts, within, numbers, apart, not_the_same)
        # best links first; ties in order of the records, so that the result is the same whatever came first
        candidates = within[(join | rival)[within]]
        order = (right[candidates], left[candidates], -pairs.weight[candidates], -verdicts.step[candidates])
        rows = candidates[np.lexsort(order)]
        _assemble(facts, final, unmade, pairs, verdicts, rows, join, margin, break_weight)
    sizes = np.bincount(label, minlength=people.size)
    stats = {
        "components_taken_apart": float(np.count_nonzero(doubtful & (sizes > 0))),
        "largest_component": float(sizes.max(initial=0)),
        "records_in_doubt": float(np.count_nonzero(loose)),
    }
    return Clusters(final, unmade, _settled(people, final, numbers, pairs), stats)


def _canonical_identifiers(people: Comparable) -> list[Array]:
    """Each record's verified NHS number and UPN as the latest in their line of succession; 0 for none."""
    found = []
    for kind, former in (("nhs_number", "previous_nhs_number"), ("upn", "former_upn")):
        now, before = people.identifiers[kind], people.identifiers[former]
        values, position = np.unique(np.concatenate([now, before]), return_inverse=True)
        current, previous = position[: people.size], position[people.size :]
        follows = (now != NO_VALUE) & (before != NO_VALUE)
        line = components(len(values), current[follows], previous[follows])
        found.append(np.where(now != NO_VALUE, line[current] + 1, 0))
    return found


def _person_numbers(people: Comparable) -> Array:
    """The number by which a source counts persons: the UPN as delivered, else the NHS number; 0 for none."""
    upn, nhs_number = people.either("upn"), people.either("nhs_number")
    has_upn = np.zeros(len(people.sources), dtype=bool)
    np.logical_or.at(has_upn, people.source, upn != NO_VALUE)
    return np.where(has_upn[people.source], upn, nhs_number)


def _doubtful(people: Comparable, label: Array, numbers: _Numbers, left: Array, right: Array, against: Array) -> Array:
    """Which components (by label) hold something that contradicts, and cannot be taken whole."""
    doubtful = np.zeros(people.size, dtype=bool)
    for values in numbers.identifiers:
        doubtful |= _several(label, values, people.size)
    for source, rule in enumerate(numbers.rules):
        here = people.source == source
        if rule == "record":
            doubtful |= np.bincount(label[here], minlength=people.size) > 1
        elif rule == "person_number":
            doubtful |= _several(label, np.where(here, numbers.person, 0), people.size)
    inside = label[left] == label[right]
    doubtful[label[left[inside & against]]] = True
    return doubtful


def _several(label: Array, values: Array, size: int) -> Array:
    """Which components hold more than one of the values (0 is none)."""
    has = values != 0
    pairs = np.unique(np.stack([label[has], values[has]], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=size) > 1


def _facts(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    within: Array,
    numbers: _Numbers,
    apart: Array,
    not_the_same: Array,
) -> _Facts:
    """The constraints on the records of doubtful components."""
    levels = pairs.levels
    twice = (
        (levels["given_name"] == LEVELS["given_name"]["same"])
        & (levels["family_name"] == LEVELS["family_name"]["same"])
        & (levels["birth_date"] == LEVELS["birth_date"]["same"])
        & (levels["address"] >= LEVELS["address"]["postcode"])
    ) | (verdicts.step >= _BY_IDENTIFIER)

    def chosen(rows: Array) -> list[tuple[int, int]]:
        return list(zip(pairs.left[rows].tolist(), pairs.right[rows].tolist(), strict=True))

    return _Facts(
        identifiers=list(map(tuple, np.stack(numbers.identifiers, axis=1).tolist())),
        source=people.source.tolist(),
        rule=[numbers.rules[source] for source in people.source.tolist()],
        number=numbers.person.tolist(),
        apart=set(chosen(within[apart[within]])),
        decided_apart=set(chosen(within[not_the_same[within]])),
        weight=dict(zip(chosen(within), pairs.weight[within].tolist(), strict=True)),
        twice=set(chosen(within[twice[within]])),
    )


def _assemble(
    facts: _Facts,
    final: Array,
    unmade: Array,
    pairs: Pairs,
    verdicts: Verdicts,
    rows: Array,
    join: Array,
    margin: float,
    break_weight: float,
) -> None:
    """Join the records of doubtful components link by link, in the order of `rows`; writes `final` and `unmade`."""
    members: dict[int, list[int]] = {}
    rivals: dict[int, list[tuple[int, float]]] = defaultdict(list)
    columns = (rows, pairs.left[rows], pairs.right[rows], pairs.weight[rows], verdicts.step[rows], join[rows])
    links = list(zip(*(column.tolist() for column in columns), strict=True))
    for _, a, b, bits, _, _ in links:
        rivals[a].append((b, bits))
        rivals[b].append((a, bits))
        members.setdefault(a, [a])
        members.setdefault(b, [b])
    for row, a, b, bits, step, joins in links:
        ours, theirs = members[a], members[b]
        if ours is theirs or not joins:
            continue
        if not _valid(facts, ours, theirs, step, break_weight):
            unmade[row] = CONTRADICTED
        elif step < _BY_IDENTIFIER and _contested(facts, members, rivals, ours, theirs, bits - margin, break_weight):
            unmade[row] = AMBIGUOUS
        else:
            joined = sorted(ours + theirs)
            for record in joined:
                members[record] = joined
    for record, together in members.items():
        final[record] = together[0]


def _valid(facts: _Facts, ours: list[int], theirs: list[int], step: int, break_weight: float) -> bool:
    """Whether two clusters may be one."""
    forbidden = facts.decided_apart if step == _BY_DECISION else facts.apart
    total, compared = 0.0, 0
    for a in ours:
        for b in theirs:
            pair = (a, b) if a < b else (b, a)
            if pair in forbidden:
                return False
            if step == _BY_DECISION:
                continue
            if any(x and y and x != y for x, y in zip(facts.identifiers[a], facts.identifiers[b], strict=True)):
                return False
            if pair in facts.weight:
                total += facts.weight[pair]
                compared += 1
            if facts.source[a] == facts.source[b] and not _one_person_of_the_source(facts, pair):
                return False
    # on the whole the two must look like one child, whatever their best pair
    return step >= _BY_IDENTIFIER or not compared or total / compared >= break_weight


def _one_person_of_the_source(facts: _Facts, pair: tuple[int, int]) -> bool:
    """Whether two records of one source may be one child, by what the source promises of itself."""
    a, b = pair
    if facts.rule[a] == "record":
        return pair in facts.twice
    known = facts.number[a] != 0 and facts.number[b] != 0
    return facts.rule[a] != "person_number" or not known or facts.number[a] == facts.number[b]


def _contested(
    facts: _Facts,
    members: dict[int, list[int]],
    rivals: dict[int, list[tuple[int, float]]],
    ours: list[int],
    theirs: list[int],
    least: float,
    break_weight: float,
) -> bool:
    """Whether another identity, which cannot be the same child, is about as good a match for either side."""
    for one, other in ((ours, theirs), (theirs, ours)):
        for record in one:
            for neighbour, bits in rivals[record]:
                third = members[neighbour]
                if bits <= least or third is one or third is other:
                    continue
                if not _valid(facts, one, third, 0, break_weight) or _valid(facts, other, third, 0, break_weight):
                    continue
                if not _better_placed(facts, members, rivals, one, other, third, bits - least):
                    return True
    return False


def _better_placed(
    facts: _Facts,
    members: dict[int, list[int]],
    rivals: dict[int, list[tuple[int, float]]],
    one: list[int],
    other: list[int],
    third: list[int],
    short: float,
) -> bool:
    """Whether the rival has a partner of its own, so that both pairs as they are clearly beat the pairs crossed over.

    That is how twins part: each one's records fit the other twin's nearly as well, but not both at once.
    """
    for record in third:
        for neighbour, bits in rivals[record]:
            fourth = members[neighbour]
            if fourth is one or fourth is other or fourth is third or _valid(facts, one, fourth, 0, -1e9):
                continue
            if bits - max((_weight(facts, a, b) for a in other for b in fourth), default=0.0) >= short:
                return True
    return False


def _weight(facts: _Facts, a: int, b: int) -> float:
    return facts.weight.get((a, b) if a < b else (b, a), 0.0)


def _settled(people: Comparable, label: Array, numbers: _Numbers, pairs: Pairs) -> Array:
    """Pairs whose identities are known to be two children, so that nobody need ask."""
    a, b = label[pairs.left], label[pairs.right]
    settled = np.zeros(len(a), dtype=bool)
    for values in numbers.identifiers:
        of_cluster = np.zeros(people.size, dtype=np.int64)
        np.maximum.at(of_cluster, label, values)
        settled |= (of_cluster[a] != of_cluster[b]) & (of_cluster[a] != 0) & (of_cluster[b] != 0)
    held = np.zeros(people.size, dtype=np.int64)
    for source, rule in enumerate(numbers.rules):
        if rule == "record":
            held[label[people.source == source]] |= 1 << source
    # both are in a feed that holds each child once; unless it holds this one twice, under names that do not differ
    differ = pairs.levels["given_name"] == LEVELS["given_name"]["different"]
    return settled | (((held[a] & held[b]) != 0) & differ)
