"""The answer of a night's matching as tables: each record with its identity, the joins that stand, what a person should see.

Belongs here: filling the tables of `seams.matching` from verdicts and clusters; the weight told is the one that decides (`Pairs.total`), as
`explain` sums it up. Not here: the verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Labels, Mask, Positions, spread
from pipelines.matching.deciding.clusters import AMBIGUOUS, CONTRADICTED, Clusters
from pipelines.matching.deciding.ladder import JOIN, NOTHING_MORE, REFUSED, Verdicts, reasons
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.pairs import Pairs
from pipelines.seams import give
from pipelines.seams.matching import APART, CLUSTERS, LINKS, POSSIBLE
from pipelines.seams.words import STEPS

__all__ = ["apart_table", "certainly_two", "clusters_table", "links_table", "possible_table"]

_ALONE = ("Neither name nor birth date: not linkable", "No other record belongs to the same child")


def links_table(people: Comparable, pairs: Pairs, verdicts: Verdicts, clusters: Clusters) -> tuple[pa.Table, Positions]:
    """The joins within identities, and which pairs they are."""
    chosen = np.flatnonzero((verdicts.outcome == JOIN) & (clusters.label[pairs.left] == clusters.label[pairs.right]))
    steps = pa.DictionaryArray.from_arrays(pa.array(verdicts.step[chosen]), pa.array(STEPS)).cast(pa.string())
    columns = [
        people.keys.take(pairs.left[chosen]),
        people.keys.take(pairs.right[chosen]),
        steps,
        pairs.total[chosen].round(4),
        reasons(verdicts, pairs.packed, chosen),
    ]
    return give(pa.table(columns, schema=LINKS.schema), LINKS), chosen


def clusters_table(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    clusters: Clusters,
    links: pa.Table,
    chosen: Positions,
) -> pa.Table:
    """Each record with its identity and the best of its links."""
    record = np.concatenate([pairs.left[chosen], pairs.right[chosen]])
    link = np.tile(np.arange(len(chosen)), 2)
    order = np.lexsort((link, -pairs.total[chosen][link], -verdicts.step[chosen][link], record))
    records, first = np.unique(record[order], return_index=True)
    best = np.full(people.size, -1, dtype=np.int64)
    best[records] = link[order][first]
    position = pa.array(best, mask=best < 0)
    steps = pc.fill_null(links["step"].take(position), "new")
    weights = links["weight"].take(position)
    said = links["reason"].combine_chunks()
    words = pa.concat_arrays([said.dictionary, pa.array(_ALONE)])
    which = pc.fill_null(said.indices.take(position), -1).to_numpy()
    which = np.where(best < 0, len(said.dictionary) + people.linkable, which).astype(np.int32)
    why = pa.DictionaryArray.from_arrays(pa.array(which), words)
    columns = [people.keys, people.keys.take(clusters.label), steps, weights, why]
    return give(pa.table(columns, schema=CLUSTERS.schema), CLUSTERS)


def possible_table(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    clusters: Clusters,
    not_the_same: Mask,
    join_weight: float,
) -> pa.Table:
    """The review list: whatever may be one child and is not joined, with the reason."""
    open_ = (verdicts.outcome != NOTHING_MORE) & (clusters.label[pairs.left] != clusters.label[pairs.right])
    rows = np.flatnonzero(open_ & ~not_the_same & (~clusters.settled | verdicts.identifiers.same))
    words = reasons(verdicts, pairs.packed, rows).cast(pa.string())
    unmade = clusters.unmade[rows]
    lead = pc.choose(
        pa.array(np.where(unmade == AMBIGUOUS, 1, np.where((verdicts.outcome[rows] == JOIN), 2, 0))),
        pa.scalar(""),
        pa.scalar("Another identity fits about as well: "),
        pa.scalar("Contradicts a better link: "),
    )
    kind = np.where((verdicts.outcome[rows] == REFUSED) | (unmade == CONTRADICTED), "refused", "review")
    priority = np.where(verdicts.identifiers.same[rows], 1, np.where(pairs.total[rows] >= join_weight, 2, 3)).astype(
        np.int8
    )
    columns = [
        people.keys.take(pairs.left[rows]),
        people.keys.take(pairs.right[rows]),
        pairs.total[rows].round(4),
        pc.binary_join_element_wise(lead, words, ""),
        kind,
        priority,
    ]
    arrays = [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns]
    return give(pa.table(arrays, schema=POSSIBLE.schema), POSSIBLE)


def apart_table(
    people: Comparable,
    pairs: Pairs,
    verdicts: Verdicts,
    clusters: Clusters,
    first: Positions,
    not_the_same: Mask,
    counted: Sequence[str],
) -> pa.Table:
    """Every pair that may be one child and is not joined, and whether it certainly is two.

    What is so of a record is so of those it stands for (`first`).
    """
    open_ = (verdicts.outcome != NOTHING_MORE) | not_the_same
    rows = np.flatnonzero(open_ & (clusters.label[pairs.left] != clusters.label[pairs.right]))
    some = pairs.take(rows)
    left, right = some.left, some.right
    certain = certainly_two(people, some, verdicts.identifiers.conflict[rows], not_the_same[rows], counted)
    left, right, certain = _with_equals(left, right, certain, first, clusters.label)
    columns = [people.keys.take(left), people.keys.take(right), pa.array(certain)]
    return give(pa.table(columns, schema=APART.schema), APART)


def certainly_two(people: Comparable, pairs: Pairs, conflict: Mask, not_the_same: Mask, counted: Sequence[str]) -> Mask:
    """Which pairs certainly are two children.

    Two verified numbers alone (`conflict`) are no certainty: numbers are mistyped, and newly issued, above all to children in hiding.
    It is certain where the two were born on different days besides, or one of the `counted` sources, which hold each
    child once, has both of them, under different given names and numbers: twins; or where a reviewer has decided it.
    """
    once = np.isin(np.array(people.sources), list(counted))[people.source[pairs.left]]
    given, born_apart = pairs.levels["given_name"], pairs.levels["birth_date"] == 0
    told_apart = once & (people.source[pairs.left] == people.source[pairs.right]) & (given == 0)
    return (conflict & (born_apart | told_apart)) | not_the_same


def _with_equals(
    left: Positions, right: Positions, certain: Mask, first: Positions, label: Labels
) -> tuple[Positions, Positions, Mask]:
    """The pairs, and those of records that a wall has parted from the one that stands for them."""
    others = np.flatnonzero(label != label[first])
    if not len(others):
        return left, right, certain
    others = others[np.argsort(first[others], kind="stable")]
    stands = first[others]
    found = [left.astype(np.int64) * len(first) + right]
    also = [certain]
    for one, other in ((left, right), (right, left)):
        start = np.searchsorted(stands, one)
        pair, place = spread(start, np.searchsorted(stands, one, side="right") - start)
        a, b = others[place], other[pair]
        use = a != b
        found.append((np.minimum(a, b) * len(first) + np.maximum(a, b))[use])
        also.append(certain[pair][use])
    pairs, at = np.unique(np.concatenate(found), return_index=True)
    left, right = np.divmod(pairs, len(first))
    return left, right, np.concatenate(also)[at]
