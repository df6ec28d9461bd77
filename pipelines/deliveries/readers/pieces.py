"""A file whose records have been told apart and are not read yet.

Belongs here: the shape that every reader gives first, so that of a full delivery only the records whose text is new need be read,
and what is done to such a part of a file alike. Not here: how a kind of file is told apart (each reader), which records are new
(`only_new`). A reader that cannot tell the records apart with certainty says so by being sure of none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.deliveries.readers.result import FilePart

__all__ = ["Indices", "Mask", "Pieces", "relocated", "whole"]

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """The records of one file, by their ordinal in it from 0.

    Attributes:
        read: the file as its reader gives it. Of all its records (None), or of those with these ordinals alone, ascending, the
            first among them: positions, lines and findings are those of the whole file, if all others are `sure`, were read plain before
            and have every column that is required. None where it cannot be told from these alone.
        sure: the records whose reading depends on their own text and on `context` alone, and on no other record.
        data, start, end: their texts are ``data[start:end]``.
        line: of each, from 1; None where the file has none.
        context: what else the reading of each of them depends on: the kind of file, its encoding, its header.
    """

    read: Callable[[Indices | None], FilePart | None] = field(repr=False)
    sure: Mask = field(default_factory=lambda: np.zeros(0, bool), repr=False)
    data: bytes | memoryview = field(default=b"", repr=False)
    start: Indices = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    end: Indices = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    line: Indices | None = None
    context: bytes = field(default=b"", repr=False)

    def all(self) -> FilePart:
        """The whole file."""
        part = self.read(None)
        if part is None:
            raise AssertionError("a whole file can always be read")
        return part


def whole(part: FilePart) -> Pieces:
    """A file of which no record is told apart from the others."""
    return Pieces(lambda _: part)


def relocated(part: FilePart, chosen: Indices, lines: Indices | None, total: int) -> FilePart:
    """Records that were read by themselves, at their places in the file.

    Args:
        part: positions count the chosen records alone, from 1.
        chosen: ordinals in the file, from 0.
        lines: line of each record of the file; None where it has none.
        total: records of the file.
    """

    def moved(table: pa.Table) -> pa.Table:
        ordinals = chosen[table["position"].to_numpy() - 1]
        line = pa.nulls(len(ordinals), pa.int64()) if lines is None else pa.array(lines[ordinals], pa.int64())
        return table.set_column(0, table.schema.field(0), pa.array(ordinals + 1)).set_column(
            1, table.schema.field(1), line
        )

    def place(position: int) -> int:
        return int(chosen[position - 1])

    return replace(
        part,
        records=moved(part.records),
        salvaged=None if part.salvaged is None else moved(part.salvaged),
        damaged=[
            (place(position) + 1, None if lines is None else int(lines[place(position)]), rule)
            for position, _, rule in part.damaged
        ],
        keys={place(position) + 1: key for position, key in part.keys.items()},
        beside=total - len(chosen),
    )
