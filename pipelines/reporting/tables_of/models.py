"""The tables of the model pages: models in, sheets out."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.weighing.match_model import Model
from pipelines.reporting.figures import ShownModel
from pipelines.reporting.sheets import Cell, Code, Head, Link, Sheet
from pipelines.reporting.words import STANDINGS

__all__ = ["model_sheets", "models_sheet"]


def models_sheet(shown: Sequence[ShownModel]) -> Sheet:
    """All models, the one in force first."""
    heads = (Head("Model"), Head("Standing"), Head("Records it was made from", number=True), Head("Fingerprint"))
    rows: list[tuple[Cell, ...]] = [
        (
            Link(each.model.name, f"{each.model.name}/index.html"),
            STANDINGS[each.standing],
            each.model.policy.records,
            Code(each.model.fingerprint),
        )
        for each in shown
    ]
    return Sheet("models", "Match models", heads, rows)


def model_sheets(model: Model) -> dict[str, Sheet]:
    """Sheets ``facts`` and ``levels`` of one model."""
    facts: list[tuple[Cell, ...]] = [
        ("Records it was made from", f"{model.policy.records:,}"),
        ("Pairs that share a verified number", _number(model.reference.get("pairs"))),
        ("Two records at random are one child", f"once in {1 / _prior(model):,.0f}"),
        ("Joined from a probability of", f"{model.policy.join:g}"),
        ("Shown to a reviewer from a probability of", f"{model.policy.review:g}"),
        ("Best identity must be ahead of the next by", f"{model.policy.margin:g} bits"),
        ("Fingerprint", Code(model.fingerprint)),
    ]
    told = model.reference.get("levels", {})
    levels: list[tuple[Cell, ...]] = []
    for setting in model.settings["comparisons"]:
        name = setting["output_column_name"]
        known = next(comparison for comparison in COMPARISONS if comparison.name == name)
        estimates = [level for level in setting["comparison_levels"] if not level.get("is_null_level")]
        pairs = told.get(name, [None] * len(estimates))
        for level, estimate, weight, number in zip(
            known.levels, estimates, model.weights[name][:0:-1], pairs, strict=True
        ):
            m, u = estimate["m_probability"], estimate["u_probability"]
            levels.append(
                (name.replace("_", " "), level.words, f"{m:.4f}", f"{u:.3g}", f"{weight:+.2f}", _number(number))
            )
    return {
        "facts": Sheet("facts", "What the model is", (Head("Fact"), Head("Figure")), facts),
        "levels": Sheet(
            "levels",
            "What each level of agreement is worth",
            (
                Head("Comparison", pick=True),
                Head("Level"),
                Head("m: share among pairs of one child", number=True),
                Head("u: share among pairs at random", number=True),
                Head("Weight in bits", number=True),
                Head("Pairs with a shared number at this level", number=True),
            ),
            levels,
            note="The weight is log2(m / u). Where a value’s own frequency is known, it takes the place of u.",
        ),
    }


def _prior(model: Model) -> float:
    return float(model.settings["probability_two_random_records_match"])


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
