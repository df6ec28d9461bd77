"""Which records of a night are of children who are hidden, by what is known now: what may be told of them hangs on it.

Belongs here: looking it up. Not here: who must be hidden (`hiding`), who may see them all the same (`pipelines.audit`).
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.attempts import Attempt
from pipelines.nights.hiding import hidden_beyond, known_now
from pipelines.nights.walls import walls_in
from pipelines.nights.whole import latest_whole
from pipelines.tables import read_table

__all__ = ["hidden_among", "not_told_of"]


def hidden_among(attempt: Attempt, record_keys: Collection[str]) -> frozenset[str]:
    """Those of `record_keys` that belong to a shielded or withheld child, in the attempt or by what was asked for since.

    Where nobody was judged yet, or a record is in no identity, it counts as hidden.

    Raises:
        IsindexError: STORE_DAMAGED when what says who is hidden now is damaged or gone.
    """
    latest_whole(attempt.night.deployment, attempt.night.authority)
    folder = attempt.folder / "identities"
    if not (folder / "visibility.parquet").is_file():
        return frozenset(record_keys)
    seen = read_table(folder / "visibility.parquet")
    open_ids = seen.filter(pc.invert(pc.or_(seen["shielded"], seen["withheld"])))["index_id"].combine_chunks()
    later = hidden_beyond(attempt, known_now(attempt)).visibility["index_id"].combine_chunks()
    held = read_table(folder / "identities.parquet", columns=["record_key", "index_id"])
    asked = held.filter(pc.is_in(held["record_key"], value_set=pa.array(sorted(record_keys), pa.string())))
    shown = pc.and_(
        pc.is_in(asked["index_id"], value_set=open_ids), pc.invert(pc.is_in(asked["index_id"], value_set=later))
    )
    return frozenset(record_keys) - frozenset(asked.filter(shown)["record_key"].to_pylist())


def not_told_of(attempt: Attempt, record_keys: Collection[str], latest: Attempt) -> frozenset[str]:
    """Those of `record_keys` of which a reader who may not see protected children is told nothing: of hidden children, and whatever
    stands at a firewall in the attempt or the `latest` one. Were it told only of the two sides together, who knows one could find the
    other by trying.
    """
    walled: set[str] = set()
    for folder in {attempt.folder, latest.folder}:
        walled.update(walls_in(folder)["record_key"].to_pylist())
    return hidden_among(attempt, record_keys) | (frozenset(record_keys) & walled)
