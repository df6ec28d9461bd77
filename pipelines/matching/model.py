"""The match model: a Splink settings file, the name frequencies beside it, and the probabilities that decide.

Belongs here: reading a model from `schemas/match_model/` into what the scorer needs, and writing one. A model is three
files: `<name>.json` is Splink's own (m, u and the prior), `<name>.frequencies.csv` says how common names are,
`<name>.policy.json` at what probability a pair is joined or shown to a reviewer and how many records it was made from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import IsindexError
from pipelines.matching.comparable import hash_texts
from pipelines.matching.levels import COMPARISONS
from pipelines.tables import write_bytes, write_json

__all__ = ["DEFAULT_MODEL", "Frequencies", "Model", "Policy", "load_model", "make_model", "save_model"]

DEFAULT_MODEL = "children-1"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Policy:
    """What is done at which probability, and the size of the data the model was made from.

    `join` and `review` are probabilities that two records are one child; `margin` is in bits: by so much must the best
    other identity be beaten. `records` scales the prior: the fewer people, the likelier that two like records are one.
    """

    join: float
    review: float
    margin: float
    records: int


@dataclass(frozen=True)
class Frequencies:
    """How common each value is, by its hash; `floor` for a value the model has not met."""

    values: Array
    shares: Array
    floor: float
    texts: tuple[str, ...]

    def of(self, hashes: Array) -> Array:
        """The share of records with each of the values."""
        if not len(self.values):
            return np.full(len(hashes), self.floor)
        place = np.minimum(np.searchsorted(self.values, hashes), len(self.values) - 1)
        return np.where(self.values[place] == hashes, self.shares[place], self.floor)


@dataclass(frozen=True)
class Model:
    """A match model in numbers.

    `weights[c][gamma + 1]` is the match weight in bits of level `gamma` of comparison `c` (entry 0, nothing to compare,
    is 0); `prior` the log2 odds that two random records match, as trained.
    """

    name: str
    fingerprint: str
    settings: dict[str, Any]
    prior: float
    weights: dict[str, Array]
    same_u: dict[str, float]
    frequencies: dict[str, Frequencies]
    policy: Policy

    def join_weight(self, records: int) -> float:
        """The least match weight that joins, among so many records."""
        return _log_odds(self.policy.join) - self._prior_shift(records)

    def review_weight(self, records: int) -> float:
        """The least match weight that a reviewer sees, among so many records."""
        return _log_odds(self.policy.review) - self._prior_shift(records)

    def _prior_shift(self, records: int) -> float:
        """Bits by which two of fewer records are likelier to match: matches grow with the records, pairs with their square."""
        return math.log2(self.policy.records / max(records, 100))


@lru_cache(maxsize=8)
def load_model(name: str | Path = DEFAULT_MODEL) -> Model:
    """The model called `name` in `schemas/match_model/`, or the one whose settings file is at the path `name`.

    Raises:
        IsindexError: MODEL_UNKNOWN, MODEL_NOT_UNDERSTOOD.
    """
    settings = name if isinstance(name, Path) else Path(str(files("schemas") / "match_model" / f"{name}.json"))
    parts = [settings, settings.with_suffix(".frequencies.csv"), settings.with_suffix(".policy.json")]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise IsindexError(
            "MODEL_UNKNOWN",
            f"the match model lacks {', '.join(missing)}",
            where=str(name),
            remedy="Name a model in schemas/match_model, or train one.",
        )
    content = [part.read_text(encoding="utf-8") for part in parts]
    return make_model(settings.stem, json.loads(content[0]), content[1], json.loads(content[2]))


def make_model(name: str, settings: dict[str, Any], frequencies: str, policy: Mapping[str, Any]) -> Model:
    """A model from the contents of its three files.

    Raises:
        IsindexError: MODEL_NOT_UNDERSTOOD when the settings compare other things than `levels` knows.
    """
    found = {comparison["output_column_name"]: comparison for comparison in settings["comparisons"]}
    if set(found) != {comparison.name for comparison in COMPARISONS}:
        raise _not_understood(name, "its comparisons are not the ones the scorer knows")
    weights, same_u = {}, {}
    for comparison in COMPARISONS:
        levels = [level for level in found[comparison.name]["comparison_levels"] if not level.get("is_null_level")]
        if [level["sql_condition"] for level in levels] != [level.sql for level in comparison.levels]:
            raise _not_understood(name, f"the levels of {comparison.name} are not the ones the scorer knows")
        m = np.array([level["m_probability"] for level in levels])
        u = np.array([level["u_probability"] for level in levels])
        weights[comparison.name] = np.concatenate([[0.0], np.log2(m / u)[::-1]])
        for level, known in zip(levels, comparison.levels, strict=True):
            if known.frequency_of:
                same_u[comparison.name] = level["u_probability"]
    fingerprint = hashlib.sha256(
        json.dumps([settings, frequencies, dict(policy)], sort_keys=True).encode()
    ).hexdigest()[:16]
    return Model(
        name=name,
        fingerprint=fingerprint,
        settings=settings,
        prior=_log_odds(settings["probability_two_random_records_match"]),
        weights=weights,
        same_u=same_u,
        frequencies=_read_frequencies(frequencies),
        policy=Policy(policy["join"], policy["review"], policy["margin"], policy["records"]),
    )


def save_model(settings: dict[str, Any], frequencies: str, policy: Mapping[str, Any], path: Path) -> None:
    """Write the three files of a model; `path` is its settings file."""
    write_json(settings, path)
    write_bytes(frequencies.encode(), path.with_suffix(".frequencies.csv"))
    write_json(dict(policy), path.with_suffix(".policy.json"))


def _read_frequencies(text: str) -> dict[str, Frequencies]:
    """Rows of column, value, frequency; the empty value is the floor."""
    rows: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        rows.setdefault(row["column"], {})[row["value"]] = float(row["frequency"])
    tables = {}
    for column, shares in rows.items():
        floor = shares.pop("")
        hashes = hash_texts(list(shares))
        order = np.argsort(hashes)
        tables[column] = Frequencies(hashes[order], np.array(list(shares.values()))[order], floor, tuple(shares))
    return tables


def _log_odds(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _not_understood(name: str, what: str) -> IsindexError:
    return IsindexError(
        "MODEL_NOT_UNDERSTOOD",
        f"the match model cannot be used: {what}",
        where=name,
        remedy="Train it again with this version, or use the version it was trained with.",
    )
