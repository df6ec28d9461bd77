"""What interim indexes take for one child: their pairs are compared, whatever keys find them, and nothing is joined by their word.

Belongs here: the pairs of records that a person of an interim index has, what came of each, and what is told of it. A pair that
plainly is two children is refused, and its person's other pairs are used for nothing. Any other is compared as if a key had found it:
it joins where it would have joined, by the model's own threshold. What is not joined is put to a person, and protection reaches over
it unless the two are certainly two children. At a firewall nobody is told of a pair. Not here: whether a row can be used at all
(`pipelines.records.claims`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Array, Mask, PairIds, Positions
from pipelines.matching.deciding.answer import certainly_two
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.deciding.ladder import Verdicts, judge_pairs, reasons
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.weigh import weigh
from pipelines.seams import give
from pipelines.seams.claims import CLAIMED
from pipelines.seams.matching import APART, POSSIBLE
from pipelines.seams.words import CLAIM_VERDICTS
from pipelines.tables import connect, fetch

__all__ = ["Claimed", "ClaimsTold", "weigh_claims"]

_ORIGIN = "An interim index takes them for one child: "


@dataclass(frozen=True)
class ClaimsTold:
    """What a night tells of them: more `possible` pairs (`POSSIBLE`) and pairs kept `apart` (`APART`), the outcome of each (`CLAIMED`), and counts."""

    possible: pa.Table
    apart: pa.Table
    claimed: pa.Table
    stats: dict[str, float]


@dataclass(frozen=True)
class Claimed:
    """Pairs that interim indexes take for one child.

    Attributes:
        rows: source, person, record_key_a, record_key_b, sound: each pair of each person; of one that is not sound nothing follows
            but that protection reaches over it.
        pair: for each row which of the pairs it is.
        pairs: each pair once, weighed, also where next to nothing speaks for it.
        verdicts: the verdict on each.
        refused: which of them plainly are two children.
        apart: which of them a reviewer has said to be two children.
        used: which sound rows are of a person none of whose pairs is refused.
    """

    rows: pa.Table
    pair: Positions
    pairs: Pairs
    verdicts: Verdicts
    refused: Mask
    apart: Mask
    used: Mask

    def wanted(self, size: int) -> PairIds:
        """The pairs to be compared as if a key had found them, left * size + right."""
        return np.unique(self.pairs.ids(size)[self.pair[self.used]])

    def told(
        self,
        people: Comparable,
        clusters: pa.Table,
        possible: pa.Table,
        apart: pa.Table,
        walls: pa.Table,
        join_weight: float,
        counted: Sequence[str],
    ) -> ClaimsTold:
        """What came of them, once it is known who is one child.

        Args:
            people: the records.
            clusters: `CLUSTERS`, in the order of the records.
            possible: the review list without them (`POSSIBLE`).
            apart: the pairs kept apart without them (`APART`).
            walls: who stands at a firewall (`WALLS`).
            join_weight: the least weight that joins.
            counted: the sources that hold each child once.
        """
        label = pc.index_in(clusters["cluster"], people.keys).to_numpy()
        left, right = self.pairs.left, self.pairs.right
        joined = label[left] == label[right]
        stands = pc.is_in(people.keys, value_set=walls["record_key"].combine_chunks()).to_numpy(zero_copy_only=False)
        silent = ~joined & (stands[left] | stands[right])
        of_row = [each[self.pair] for each in (joined, self.refused)]
        verdict = np.select([of_row[0], of_row[1], self.used], ["confirmed", "refused", "review"], "unused")
        asked = np.zeros(len(left), dtype=bool)
        asked[self.pair[(verdict == "review") & ~silent[self.pair]]] = True
        sound = self.rows["sound"].to_numpy()
        rows = self.rows.append_column("verdict", pa.array(verdict)).filter(pa.array(sound & ~silent[self.pair]))
        stats = {f"claims_{each}": float(np.count_nonzero(sound & (verdict == each))) for each in CLAIM_VERDICTS}
        return ClaimsTold(
            self._possible(people, label, possible, np.flatnonzero(asked), join_weight),
            self._apart(people, apart, np.flatnonzero(~joined), counted),
            give(rows, CLAIMED),
            stats,
        )

    def _possible(
        self, people: Comparable, label: Array, possible: pa.Table, asked: Positions, join_weight: float
    ) -> pa.Table:
        """The review list with those of `asked`: of two children that may be one the pair that is there already, else the heaviest."""
        left, right, total = self.pairs.left[asked], self.pairs.right[asked], self.pairs.total[asked]
        columns = [
            people.keys.take(pa.array(left)),
            people.keys.take(pa.array(right)),
            total.round(4),
            pc.binary_join_element_wise(
                _ORIGIN, reasons(self.verdicts, self.pairs.packed, asked).cast(pa.string()), ""
            ),
            pa.array(["review"] * len(asked), pa.string()),
            np.where(self.verdicts.identifiers.same[asked], 1, np.where(total >= join_weight, 2, 3)).astype(np.int8),
        ]
        new = pa.table(
            [pa.array(each) if isinstance(each, np.ndarray) else each for each in columns], schema=POSSIBLE.schema
        )
        new = new.append_column("one", pa.array(np.minimum(label[left], label[right])))
        new = new.append_column("other", pa.array(np.maximum(label[left], label[right])))
        with connect({"before": possible, "new": new}) as duck:
            found = fetch(
                duck,
                """
                WITH known AS (SELECT n.* FROM new n SEMI JOIN before USING (record_key_a, record_key_b)),
                more AS (
                    SELECT * FROM new ANTI JOIN known USING (one, other)
                    QUALIFY row_number() OVER (PARTITION BY one, other ORDER BY weight DESC, record_key_a, record_key_b) = 1
                )
                SELECT b.* REPLACE (if(k.reason IS NULL, b.reason, $origin || b.reason) AS reason)
                FROM before b LEFT JOIN known k USING (record_key_a, record_key_b)
                UNION ALL BY NAME SELECT * EXCLUDE (one, other) FROM more ORDER BY record_key_a, record_key_b
                """,
                {"origin": _ORIGIN},
            )
        return give(found, POSSIBLE)

    def _apart(self, people: Comparable, apart: pa.Table, parted: Positions, counted: Sequence[str]) -> pa.Table:
        """The pairs kept apart with those of `parted`."""
        some = self.pairs.take(parted)
        certain = certainly_two(people, some, self.verdicts.identifiers.conflict[parted], self.apart[parted], counted)
        columns = [people.keys.take(pa.array(some.left)), people.keys.take(pa.array(some.right)), pa.array(certain)]
        new = pa.table(columns, schema=APART.schema)
        with connect({"before": apart, "new": new}) as duck:
            found = fetch(
                duck,
                "FROM before UNION ALL FROM new ANTI JOIN before USING (record_key_a, record_key_b) "
                "ORDER BY record_key_a, record_key_b",
            )
        return give(found, APART)


def weigh_claims(
    people: Comparable, model: Model, claims: pa.Table, same: PairIds, not_same: PairIds, counted: Sequence[str]
) -> Claimed:
    """The pairs that interim indexes take for one child, weighed and judged, each by itself.

    Args:
        people: the records.
        model: by which they are weighed.
        claims: `CLAIMS`; of rows that cannot be used those that name a record of the night count for protection alone.
        same: pairs that reviewers called the same.
        not_same: pairs that they called two children.
        counted: the sources that hold each child once.
    """
    with connect({"claims": claims}) as duck:
        duck.execute("""
            CREATE TEMP TABLE held AS SELECT source, person, record_key, bool_and(state = 'usable') AS usable
            FROM claims WHERE state IN ('usable', 'differs', 'twice') GROUP BY ALL
        """)
        rows = fetch(
            duck,
            """
            SELECT a.source, a.person, a.record_key AS record_key_a, b.record_key AS record_key_b, a.usable AND b.usable AS sound
            FROM held a JOIN held b ON a.person = b.person AND a.record_key < b.record_key ORDER BY ALL
            """,
        )
    a, b = (pc.index_in(rows[f"record_key_{side}"], people.keys).to_numpy().astype(np.int64) for side in "ab")
    ids, pair = np.unique(np.minimum(a, b) * people.size + np.maximum(a, b), return_inverse=True)
    pairs = weigh(people, model, ids, always=True)
    verdicts = judge_pairs(people, model, pairs, counted)
    apart = np.isin(ids, not_same)
    refused = (_plainly_two(pairs, verdicts) & ~np.isin(ids, same)) | apart
    pair, sound = pair.reshape(-1), rows["sound"].to_numpy()
    against = rows["person"].filter(pa.array(refused[pair] & sound)).combine_chunks()
    contradicted = pc.is_in(rows["person"], value_set=against).to_numpy(zero_copy_only=False)
    return Claimed(rows, pair, pairs, verdicts, refused, apart, sound & ~contradicted)


def _plainly_two(pairs: Pairs, verdicts: Verdicts) -> Mask:
    """Pairs that a guard refuses, or whose birth dates differ and with them the given names or the sex, without a number that both have."""
    refuses = np.array([guard.refuses for guard in GUARDS])[verdicts.guard]
    birth, given, sex = (pairs.levels[name] for name in ("birth_date", "given_name", "sex"))
    return refuses | ((birth == 0) & ((given == 0) | (sex == 0)) & ~verdicts.identifiers.same)
