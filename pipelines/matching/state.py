"""What a night hands to the next, so that only touched records are compared again.

Belongs here: the kept pairs and their levels. A pair is taken over when the model is the same and neither record's
comparable content has changed; everything that depends on the whole (candidates, weights, clusters) is made anew, so
that nights one by one come to what all at once would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.comparable import Comparable
from pipelines.tables import read_table, write_table

__all__ = ["MatchState", "known_levels"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class MatchState:
    """`records`: record_key, content (int64). `pairs`: left, right (positions in records, int32), levels (int64)."""

    records: pa.Table
    pairs: pa.Table
    model: str

    @classmethod
    def of(cls, people: Comparable, left: Array, right: Array, packed: Array, model: str) -> MatchState:
        """The state after a night: its records and every pair compared."""
        return cls(
            pa.table({"record_key": people.keys, "content": people.content}),
            pa.table({"left": left, "right": right, "levels": packed}),
            model,
        )

    def write(self, folder: Path) -> None:
        """Write the state's two tables to `folder`."""
        fingerprint = pa.array([self.model] * self.records.num_rows).dictionary_encode()
        write_table(self.records.append_column("model", fingerprint), folder / "match_records.parquet")
        write_table(self.pairs, folder / "match_pairs.parquet")

    @classmethod
    def read(cls, folder: Path) -> MatchState | None:
        """The state in `folder`; None when there is none."""
        paths = folder / "match_records.parquet", folder / "match_pairs.parquet"
        if not all(path.is_file() for path in paths):
            return None
        records, pairs = map(read_table, paths)
        model = str(records["model"][0].as_py()) if records.num_rows else ""
        return cls(records.drop_columns(["model"]), pairs, model)


def known_levels(
    previous: MatchState | None, model: str, people: Comparable, left: Array, right: Array
) -> tuple[Array, Array]:
    """For each pair (ordered by left, right) whether its levels are known from the night before, and those levels."""
    levels = np.zeros(len(left), dtype=np.int64)
    if previous is None or previous.model != model or not previous.pairs.num_rows:
        return np.zeros(len(left), dtype=bool), levels
    now = _positions(previous.records["record_key"], people.keys)
    before = previous.records["content"].to_numpy()
    unchanged = (now >= 0) & (people.content[np.maximum(now, 0)] == before)
    a, b = previous.pairs["left"].to_numpy(), previous.pairs["right"].to_numpy()
    keep = unchanged[a] & unchanged[b]
    # both orders are by record key, so left stays left
    kept = now[a[keep]] * people.size + now[b[keep]]
    wanted = left.astype(np.int64) * people.size + right
    place = np.minimum(np.searchsorted(kept, wanted), max(len(kept) - 1, 0))
    known = kept[place] == wanted if len(kept) else np.zeros(len(left), dtype=bool)
    levels[known] = previous.pairs["levels"].to_numpy()[keep][place[known]]
    return known, levels


def _positions(keys: pa.ChunkedArray, among: pa.Array) -> Array:
    """Where each of `keys` lies in `among`; -1 where it does not."""
    return pc.fill_null(pc.index_in(keys, among), -1).to_numpy().astype(np.int64)
