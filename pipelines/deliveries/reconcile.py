"""Whether a delivery's counts add up, from the supplier's manifest to what the store really holds of it.

Belongs here: the sums, and counting the stored tables. Not here: the rest of the way, from live records to the snapshot
(`publishing.gates.reconciliation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow.compute as pc

from pipelines.deliveries.store import StoredDelivery

__all__ = ["add_up", "counted", "reconciled"]

_OUTCOMES = ("accepted", "queried", "rejected", "repeats")


def counted(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counts (or rules) of several deliveries together; empty for none."""
    together: Counter[str] = Counter()
    for each in several:
        together.update(each)
    return dict(together)


def reconciled(counts: Mapping[str, int], stored: StoredDelivery) -> bool:
    """Whether nothing of a delivery is missing.

    Every row of the manifest was read or is known to be lost; every row read has one outcome; and the store holds as
    many records of each outcome as were counted when they were judged (of a repeat nothing is kept).

    Args:
        counts: rows_in_manifest, rows_read, accepted, queried, rejected, repeats, lost, as the register has them.
        stored: the delivery in the store.
    """
    return add_up(counts) and all(counts.get(outcome, 0) == held for outcome, held in _held(stored).items())


def add_up(counts: Mapping[str, int]) -> bool:
    """Whether every row of the manifest was read or is known to be lost, and every row read has one outcome."""
    told = {name: counts.get(name, 0) for name in ("rows_in_manifest", "rows_read", "lost", *_OUTCOMES)}
    return told["rows_in_manifest"] == told["rows_read"] + told["lost"] and told["rows_read"] == sum(
        told[outcome] for outcome in _OUTCOMES
    )


def _held(stored: StoredDelivery) -> dict[str, int]:
    """Records in the store by outcome."""
    outcomes = stored.accepted_outcomes
    rejects = stored.rejected
    rejected = rejects.filter(pc.equal(rejects["outcome"], "rejected"))["position"]
    return {
        "accepted": pc.sum(pc.equal(outcomes, "accepted")).as_py() or 0,
        "queried": pc.sum(pc.equal(outcomes, "queried")).as_py() or 0,
        "rejected": pc.count_distinct(rejected).as_py(),
    }
