"""The Splink settings of a model before anything is estimated: what is compared, in Splink's own words.

Belongs here: turning `levels` into a settings file. `train` and `estimate` fill in what agreement is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.matching.comparing.levels import COMPARISONS, Comparison

__all__ = ["NAMES", "blank_settings"]

NAMES = ("given_name", "family_or_lone")


def blank_settings(adjusted: Sequence[str] = NAMES) -> dict[str, Any]:
    """The Splink settings of a model that knows what to compare and nothing yet of what it is worth.

    `adjusted` are the columns whose value frequencies change the weight of agreement.
    """
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": 0.0001,
        "comparisons": [_settings_of(comparison, adjusted) for comparison in COMPARISONS],
        "blocking_rules_to_generate_predictions": [],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": False,
        "em_convergence": 0.0001,
        "max_iterations": 50,
        "linker_uid": "isindex",
    }


def _settings_of(comparison: Comparison, adjusted: Sequence[str]) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": comparison.nothing, "label_for_charts": "nothing to compare", "is_null_level": True}
    ]
    for level in comparison.levels:
        setting: dict[str, Any] = {"sql_condition": level.sql, "label_for_charts": level.words}
        if level.frequency_of in adjusted:
            setting |= {"tf_adjustment_column": level.frequency_of, "tf_adjustment_weight": 1.0}
        levels.append(setting)
    return {
        "output_column_name": comparison.name,
        "comparison_description": comparison.name.replace("_", " "),
        "comparison_levels": levels,
    }
