"""What a night hands to the next, so that only touched records are compared again.

Belongs here: the records by themselves, the rows under every key, the pairs kept with their levels and weights. All of
it hangs on the records, the model and what was decided, so that nights one by one come to what all at once would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.matching.arrays import Mask, Numbers, Positions
from pipelines.matching.comparing.compare import unpack
from pipelines.matching.pairing.groups import KeyRows
from pipelines.matching.reading.comparable import Comparable, comparable
from pipelines.matching.reading.fields import Plain
from pipelines.matching.weighing.pairs import Pairs
from pipelines.tables import read_as, read_table, write_json, write_table

__all__ = ["MatchState"]


@dataclass(frozen=True)
class MatchState:
    """The state after a night.

    Attributes:
        plain: the records by themselves.
        shared: what of each of them many others share (see `Comparable`).
        sought: which of them the keys were to find (see `Comparable`).
        rows: by key, its rows of (value, record), ordered.
        pairs: the pairs kept.
        model: the fingerprint of the model.
        search: what the last search of everything had to refine or drop.
    """

    plain: Plain
    shared: Numbers
    sought: Mask
    rows: dict[str, KeyRows]
    pairs: Pairs
    model: str
    search: dict[str, float]

    def some(self, rows: Positions) -> Comparable:
        """Some of the records, by their positions, as they were that night."""
        return comparable(self.plain.some(rows), self.shared[rows])

    def write(self, folder: Path) -> None:
        """Write the state to `folder`; the last file written makes it complete."""
        complete = folder / "match_state.json"
        complete.unlink(missing_ok=True)
        ordered = {name: rows.in_order() for name, rows in self.rows.items()}
        self.plain.write(folder)
        write_table(pa.table({"shared": self.shared, "sought": self.sought}), folder / "match_shared.parquet")
        key = np.repeat(np.arange(len(ordered), dtype=np.int8), [len(rows.value) for rows in ordered.values()])
        nothing = np.zeros(0, dtype=np.int64)
        values = np.concatenate([nothing, *(rows.value for rows in ordered.values())])
        records = np.concatenate([nothing, *(rows.record for rows in ordered.values())]).astype(np.int32)
        write_table(pa.table({"key": key, "value": values, "record": records}), folder / "match_keys.parquet")
        pairs = self.pairs
        columns = {"left": pairs.left, "right": pairs.right, "levels": pairs.packed, "weight": pairs.weight}
        write_table(pa.table(columns | {"discount": pairs.discount}), folder / "match_pairs.parquet")
        write_json({"model": self.model, "keys": list(self.rows), "search": self.search}, complete)

    @classmethod
    def read(cls, folder: Path) -> MatchState | None:
        """The state in `folder`; None when there is none, or one of a version that looked for other pairs."""
        complete = folder / "match_state.json"
        if not complete.is_file():
            return None
        together = read_table(folder / "match_shared.parquet")
        if "sought" not in together.column_names:
            return None
        told = read_as(complete, dict)
        key, value, record = (column.to_numpy() for column in read_table(folder / "match_keys.parquet").columns)
        edges = np.searchsorted(key, np.arange(len(told["keys"]) + 1))
        rows = {
            name: KeyRows(value[low:high], record[low:high])
            for name, low, high in zip(told["keys"], edges[:-1], edges[1:], strict=True)
        }
        pairs = read_table(folder / "match_pairs.parquet")
        left, right, packed, weight, discount = (column.to_numpy() for column in pairs.columns)
        return cls(
            Plain.read(folder),
            together["shared"].to_numpy(),
            together["sought"].to_numpy(),
            rows,
            Pairs(left, right, unpack(packed), packed, weight, discount),
            told["model"],
            told["search"],
        )
