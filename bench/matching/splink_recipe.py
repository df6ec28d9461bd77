"""What one run of Splink needs to be told: the records' preparation, the settings, the training, the thresholds.

Belongs here: the shape of a recipe. The recipes are in `splink_demo` (as its authors publish them) and `splink_best`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
from splink import Linker, SettingsCreator

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One way to run Splink.

    Attributes:
        prepare: makes the table `prepared` of `people`, `further` where there is one, and `sources` (`source`, `rule`):
            the columns that the settings name, `unique_id` (an integer, or text where records of two sources are
            linked) and `source_dataset`. One row stands for every record of the table `stands_for`
            (`unique_id`, `record_key`).
        settings: Splink's settings; its link type decides whether `prepared` is handed over by source.
        train: estimates the model.
        threshold: the match probability at which identities are formed.
        least_m: what the m of a level, unless it is fixed, is raised to after training; 0 leaves the training as it is.
        least: the match probability below which a scored pair is dropped.
        one_each: sources of which an identity may hold one row; with none, identities are connected components.
    """

    prepare: Callable[[duckdb.DuckDBPyConnection], None]
    settings: SettingsCreator
    train: Callable[[Linker], None]
    threshold: float = 0.95
    least_m: float = 0.0
    least: float = 0.0
    one_each: tuple[str, ...] = ()
