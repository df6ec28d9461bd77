"""An agency's holding: native columns, whom each row is about, and the night each row last changed.

Belongs here: keeping rows, changing them, taking them out, and the helpers that every agency's rows are made with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sample_feeds.population import Children, Days, Ints
from sample_feeds.randomness import Objects, as_objects

__all__ = ["Holding", "blank_some", "constant", "iso", "known_addresses", "unique_numbers"]


@dataclass
class Holding:
    """Rows of one agency: `columns` by native name, `child` (place in Children) and `changed` (night) per row.

    `withdrawn` holds the key values, column by column, of rows taken out on the latest night.
    """

    key: tuple[str, ...]
    columns: dict[str, Objects]
    child: Ints
    changed: Ints
    withdrawn: dict[str, Objects] = field(default_factory=dict)
    withdrawn_child: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.child)

    def add(self, columns: dict[str, Objects], child: Ints, night: int) -> None:
        """Append rows made on `night`."""
        self.columns = {name: np.concatenate([self.columns[name], columns[name]]) for name in self.columns}
        self.child = np.concatenate([self.child, child])
        self.changed = np.concatenate([self.changed, np.full(len(child), night)])

    def put(self, rows: Ints, values: dict[str, Objects], night: int) -> None:
        """Give `rows` new values in some columns."""
        for name, column in values.items():
            self.columns[name][rows] = column
        self.changed[rows] = night

    def remove(self, rows: Ints) -> None:
        """Take `rows` out, and note their keys as withdrawn tonight."""
        self.withdrawn = {name: self.columns[name][rows] for name in self.key}
        self.withdrawn_child = self.child[rows]
        kept = np.ones(len(self), bool)
        kept[rows] = False
        self.columns = {name: values[kept] for name, values in self.columns.items()}
        self.child, self.changed = self.child[kept], self.changed[kept]

    def rows_of(self, children: Ints) -> Ints:
        """The rows about any of `children`."""
        return np.flatnonzero(np.isin(self.child, children))


def known_addresses(rng: np.random.Generator, children: Children, stale: float, second: float) -> Ints:
    """The address each child has at an agency: the current one, or one they have left, or their second home."""
    luck = rng.random(len(children))
    at = np.where((luck < stale) & (children.former_address >= 0), children.former_address, children.address)
    return np.where((luck > 1 - second) & (children.second_address >= 0), children.second_address, at)


def blank_some(rng: np.random.Generator, values: Objects, share: float) -> Objects:
    """`values` with a share of them missing."""
    return np.where(rng.random(len(values)) < share, None, values)


def constant(value: object, count: int) -> Objects:
    """A column that says the same everywhere."""
    column = np.empty(count, dtype=object)
    column[:] = value
    return column


def iso(days: Days, pattern: str = "%Y-%m-%d") -> Objects:
    """Days as text; None where a day is not one. Each distinct day is written once."""
    distinct, place = np.unique(days, return_inverse=True)
    texts = as_objects([None if np.isnat(day) else day.item().strftime(pattern) for day in distinct])  # type: ignore[misc]
    return texts[place] if len(texts) else np.empty(0, object)


def unique_numbers(start: int, count: int, step: int, space: int) -> NDArray[np.int64]:
    """`count` distinct numbers below `space`, in no visible order; `step` has no factor in common with `space`."""
    return np.arange(start, start + count, dtype=np.int64) * step % space
