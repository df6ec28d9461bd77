"""Splink's own charts of a model, as Vega-Lite specifications: match weights, m and u, waterfalls of example pairs.

Belongs here: asking Splink for its charts. Splink is shown no record for them, only the levels and bits of a pair, so
no value can reach a chart. Not here: the page they stand on (`pipelines.reporting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.matching.arrays import Bits, Levels
from pipelines.matching.comparing.compare import Comparer
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.score import Scorer

__all__ = ["Example", "chart_libraries", "charts_of", "examples_of"]


@dataclass(frozen=True)
class Example:
    """One pair to explain: what kind of pair it is, and how it agrees.

    Attributes:
        title: what kind of pair it is.
        levels: the level of each comparison.
        frequency: the bits that the frequency of an agreeing value adds, by comparison. They are whole: finer ones would
            tell a name by how common it is.
    """

    title: str
    levels: Mapping[str, int]
    frequency: Mapping[str, int]


def examples_of(model: Model, people: Comparable, pairs: Sequence[tuple[str, int, int]]) -> list[Example]:
    """The examples for pairs of (title, position of one record, position of the other)."""
    left, right = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (1, 2))
    levels = Comparer(people).levels(left, right)
    bits = Scorer(model, people).field_weights(left, right, levels)
    adjusted = {name: np.rint(value - _average(model, name, levels[name])) for name, value in bits.items()}
    return [
        Example(
            title,
            {comparison.name: int(levels[comparison.name][row]) for comparison in COMPARISONS},
            {name: int(value[row]) for name, value in adjusted.items()},
        )
        for row, (title, _, _) in enumerate(pairs)
    ]


def charts_of(model: Model, examples: Sequence[Example] = ()) -> dict[str, dict[str, Any]]:
    """Splink's charts of `model`: ``match_weights``, ``m_u_parameters`` and, with examples, ``waterfall``."""
    linker = _linker(model)
    drawn = {
        "match_weights": linker.visualisations.match_weights_chart().chart_dict,
        "m_u_parameters": linker.visualisations.m_u_parameters_chart().chart_dict,
    }
    if examples:
        pairs = [_as_splink_has_it(model, example) for example in examples]
        waterfall = linker.visualisations.waterfall_chart(pairs, remove_sensitive_data=True).chart_dict
        numbers = list(range(len(examples)))
        choice = {"input": "select", "options": numbers, "labels": [each.title for each in examples], "name": "Pair: "}
        waterfall["width"] = {"step": 95}  # wide enough for the names of the comparisons
        waterfall["params"] = [{"name": "record_number", "value": 0, "bind": choice}]
        drawn["waterfall"] = waterfall
    return drawn


def chart_libraries() -> dict[str, str]:
    """The scripts that draw the charts, as Splink ships them, in the order in which they must stand."""
    from splink.internals import html_utils

    shipped: Any = html_utils
    return dict(shipped.load_chart_libraries())


def _average(model: Model, name: str, level: Levels) -> Bits:
    return model.weights[name][level.astype(np.int64) + 1]


def _as_splink_has_it(model: Model, example: Example) -> dict[str, Any]:
    """The pair as Splink's prediction would tell it."""
    total = model.prior + sum(example.frequency.values())
    told: dict[str, Any] = {}
    for name, level in example.levels.items():
        told[f"gamma_{name}"] = level
        told[f"mw_tf_adj_{name}"] = float(example.frequency[name])
        total += float(model.weights[name][level + 1])
    return told | {"match_weight": total}


def _linker(model: Model) -> Any:
    import duckdb
    import pyarrow as pa
    from splink import DuckDBAPI, Linker

    nobody = pa.table({"unique_id": pa.array([], pa.int64())})
    settings = model.settings | {
        "retain_matching_columns": True
    }  # what the waterfall asks for; there is nothing to keep
    api = DuckDBAPI(duckdb.connect(config={"autoinstall_known_extensions": "false"}))
    return Linker(api.register(nobody), settings, validate_settings=False, log_level=None)
