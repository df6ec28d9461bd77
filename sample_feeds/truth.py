"""The truth folder: who each delivered record is about, the children, and what each delivery and record must come to.

Belongs here: writing these tables (columns: see nights.py). Nothing of it may ever lie in a landing folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sample_feeds.customs import CUSTOMS
from sample_feeds.faults.records import Damage
from sample_feeds.randomness import as_objects
from sample_feeds.world import KEYS, World

if TYPE_CHECKING:
    from sample_feeds.deliveries import Delivery

__all__ = ["TruthFolder", "child_ids", "children_table"]

_EXPECTED = pa.schema(
    [
        ("authority", pa.string()),
        ("agency", pa.string()),
        ("business_date", pa.date32()),
        ("sequence", pa.int64()),
        ("position", pa.int64()),
        ("fault", pa.string()),
        ("outcome", pa.string()),
        ("field", pa.string()),
        ("rule", pa.string()),
    ]
)


class TruthFolder:
    """Writes the truth as nights are made; use it with ``with``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def records(self, delivery: Delivery, data: Damage) -> None:
        """Who each record of a delivery is about, and what the damaged ones must come to."""
        count = len(data.child)
        about = {"authority": delivery.authority, "agency": delivery.agency}
        keys = [pa.array(data.columns[name], pa.string(), from_pandas=True) for name in KEYS[delivery.agency]]
        change = data.columns.get("change")
        self._append("records", pa.table({
            **{name: _repeated(value, count) for name, value in about.items()},
            "business_date": pa.array(np.full(count, delivery.business_date, "datetime64[D]")),
            "sequence": np.full(count, delivery.sequence),
            "position": np.arange(1, count + 1),
            "key": keys[0] if len(keys) == 1 else pc.binary_join_element_wise(*keys, "/"),
            "change": _repeated("upsert", count) if change is None else pa.array(change, pa.string()),
            "child": child_ids(delivery.authority, data.child),
        }))  # fmt: skip
        self._append("expected_records", pa.Table.from_pylist([
            {**about, "business_date": delivery.business_date, "sequence": delivery.sequence, "position": e.position,
             "fault": e.fault, "outcome": e.outcome, "field": e.field, "rule": e.rule}
            for e in sorted(data.expected, key=lambda e: (e.position, e.fault))], schema=_EXPECTED))  # fmt: skip

    def children(self, world: World) -> None:
        """The children of an authority as they are after the last night."""
        self._append("children", children_table(world))

    def deliveries(self, made: Sequence[Delivery]) -> None:
        """What each delivery must come to."""
        names = ("authority", "agency", "business_date", "sequence", "mode", "wave", "fault", "state", "codes", "rows",
                 "accepted", "queried", "rejected", "repeats")  # fmt: skip
        rows = [{name: getattr(delivery, name) for name in names} for delivery in made]
        table = pa.Table.from_pylist(rows)
        codes = pa.array([list(row["codes"]) for row in rows], pa.list_(pa.string()))  # type: ignore[call-overload]
        self._append("expected_deliveries", table.set_column(table.column_names.index("codes"), "codes", codes))

    def _append(self, name: str, table: pa.Table) -> None:
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(self._folder / f"{name}.parquet", table.schema, compression="zstd")
        self._writers[name].write_table(table)


def children_table(world: World) -> pa.Table:
    """One row per identity, with the columns that nights.py lists."""
    those, ids = world.children, child_ids(world.authority, np.arange(len(world.children)))
    lines = world.addresses.lines(those.address)

    def shared(marks: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
        return pa.array([f"{world.authority}-{mark}" if mark >= 0 else None for mark in marks.tolist()], pa.string())

    return pa.table({
        "authority": _repeated(world.authority, len(those)),
        "child": ids,
        "person": pa.array([world.person.get(place, name) for place, name in enumerate(ids.to_pylist())], pa.string()),
        "household": shared(those.household),
        "custom": pa.array(as_objects(list(CUSTOMS))[those.custom], pa.string()),
        "twin_set": shared(those.twin_set),
        "adopted_pair": shared(those.adopted_pair),
        "closed_identity": those.closed_identity,
        "shielded": those.shielded,
        "born": those.born,
        "given_names": pa.array(those.given, pa.string()),
        "family_name": pa.array(those.family, pa.string()),
        "other_family_name": pa.array(those.other_family, pa.string(), from_pandas=True),
        "sex": pa.array(those.sex, pa.string()),
        "birth_date": pa.array(those.birth),
        "nhs_number": pa.array(those.nhs_number, pa.string()),
        "former_nhs_number": pa.array(those.former_nhs_number, pa.string(), from_pandas=True),
        "upn": pa.array(those.upn, pa.string()),
        "postcode": pa.array(lines["postcode"], pa.string(), from_pandas=True),
    })  # fmt: skip


def child_ids(authority: str, child: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
    """The names of children in the truth: authority and number."""
    number = pc.utf8_lpad(pa.array(child).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise(authority, number, "-")


def _repeated(value: str, count: int) -> pa.Array:
    return pa.array(np.full(count, value, dtype=object), pa.string())
