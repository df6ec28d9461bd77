"""The match model: a Splink settings file, the name frequencies beside it, and the probabilities that decide.

Belongs here: reading a model from `schemas/match_model/` into what the scorer needs, and writing one. A model is three
files: `<name>.json` is Splink's own (m, u and the prior), `<name>.frequencies.csv` says how common names are,
`<name>.policy.json` at what probability a pair is joined or shown to a reviewer, and what the records it was made from
were like (their number, and the reference that `drift` holds nights against).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import IsindexError
from pipelines.matching.arrays import Bits, Hashes, Shares
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.reading.comparable import hash_texts
from pipelines.settings import settings
from pipelines.tables import write_bytes, write_json

__all__ = ["DEFAULT_MODEL", "Frequencies", "Model", "Policy", "load_model", "make_model", "save_model", "save_settings"]

DEFAULT_MODEL = "children-1"


@dataclass(frozen=True)
class Relatives:
    """Two of one household, who share family name, address and telephone like one person does.

    `prior` is the log2 odds that two random records are of two such people; `birth_date`, by gamma + 1, the bits that
    the agreement of their birth dates is worth (twins share it). `alike` says of further fields how much likelier than
    between two records of one person they agree all the same: a son named after his father, a number written down for
    the wrong child.
    """

    prior: float
    birth_date: Bits
    alike: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """What is done at which probability, and the size of the data the model was made from.

    `join` and `review` are probabilities that two records are one child; `margin` is in bits: by so much must the best
    other identity be beaten. `records` scales the prior: the fewer people, the likelier that two like records are one.
    `relatives` are what is known of households, `guards` which rules stand against a join ("children": all of them,
    "people": those that hold for anybody), `keys` what two records must share to be compared (none: whatever is rare).
    """

    join: float
    review: float
    margin: float
    records: int
    relatives: Relatives | None = None
    guards: str = "children"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frequencies:
    """How common each value is, by its hash; `floor` for a value the model has not met."""

    values: Hashes
    shares: Shares
    floor: float
    texts: tuple[str, ...]

    def of(self, hashes: Hashes) -> Shares:
        """The share of records with each of the values."""
        if not len(self.values):
            return np.full(len(hashes), self.floor)
        place = np.minimum(np.searchsorted(self.values, hashes), len(self.values) - 1)
        return np.where(self.values[place] == hashes, self.shares[place], self.floor)


@dataclass(frozen=True)
class Adjusted:
    """A comparison whose weight follows the frequency of the value: its column, the u of its agreement, and `weight`,
    by gamma + 1, the part of the adjustment that a level takes (0 for none).
    """

    column: str
    same_u: float
    weight: Shares


@dataclass(frozen=True)
class Model:
    """A match model in numbers.

    `weights[c][gamma + 1]` is the match weight in bits of level `gamma` of comparison `c` (entry 0, nothing to compare,
    is 0); `prior` the log2 odds that two random records match, as trained; `reference` is empty or what
    `drift.reference_of` measured.
    """

    name: str
    fingerprint: str
    settings: dict[str, Any]
    prior: float
    weights: dict[str, Bits]
    adjusted: dict[str, Adjusted]
    frequencies: dict[str, Frequencies]
    policy: Policy
    reference: Mapping[str, Any] = field(default_factory=dict)

    def join_weight(self, records: int) -> float:
        """The least match weight that joins, among so many records."""
        return _log_odds(self.policy.join) - self._prior_shift(records)

    def review_weight(self, records: int) -> float:
        """The least match weight that a reviewer sees, among so many records."""
        return _log_odds(self.policy.review) - self._prior_shift(records)

    def _prior_shift(self, records: int) -> float:
        """Bits by which two of fewer records are likelier to match: matches grow with the records, pairs with their square."""
        return math.log2(max(self.policy.records, 100) / max(records, 100))


def load_model(name: str | Path | None = None) -> Model:
    """A model: the one so called in `schemas/match_model/`, or the one at a path.

    Args:
        name: a name, or the path of a settings file or of a folder that is called like the model in it. Default the
            model in force: ``ISINDEX_MODEL``, which may be either too, else `DEFAULT_MODEL`.

    Raises:
        IsindexError: MODEL_UNKNOWN, MODEL_NOT_UNDERSTOOD.
    """
    wanted = name or settings().model or DEFAULT_MODEL
    if isinstance(wanted, str) and Path(wanted).name == wanted and not wanted.endswith(".json"):
        return _load(Path(str(files("schemas") / "match_model" / f"{wanted}.json")))
    path = Path(wanted)
    return _load(path / f"{path.name}.json" if path.is_dir() else path)


@lru_cache(maxsize=8)
def _load(settings: Path) -> Model:
    parts = [settings, settings.with_suffix(".frequencies.csv"), settings.with_suffix(".policy.json")]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise IsindexError(
            "MODEL_UNKNOWN",
            f"the match model lacks {', '.join(missing)}",
            where=str(settings),
            remedy="Name a model in schemas/match_model or the folder of a trained one (setting ISINDEX_MODEL).",
        )
    content = [part.read_text(encoding="utf-8") for part in parts]
    return make_model(settings.stem, json.loads(content[0]), content[1], json.loads(content[2]))


def make_model(
    name: str, settings: dict[str, Any], frequencies: str | dict[str, Frequencies], policy: Mapping[str, Any]
) -> Model:
    """A model from the contents of its three files.

    Raises:
        IsindexError: MODEL_NOT_UNDERSTOOD when the settings compare other things than `levels` knows.
    """
    found = {comparison["output_column_name"]: comparison for comparison in settings["comparisons"]}
    if set(found) != {comparison.name for comparison in COMPARISONS}:
        raise _not_understood(name, "its comparisons are not the ones the scorer knows")
    weights: dict[str, Bits] = {}
    adjusted: dict[str, Adjusted] = {}
    for comparison in COMPARISONS:
        levels = [level for level in found[comparison.name]["comparison_levels"] if not level.get("is_null_level")]
        if [level["sql_condition"] for level in levels] != [level.sql for level in comparison.levels]:
            raise _not_understood(name, f"the levels of {comparison.name} are not the ones the scorer knows")
        m = np.array([level["m_probability"] for level in levels])
        u = np.array([level["u_probability"] for level in levels])
        weights[comparison.name] = np.concatenate([[0.0], np.log2(m / u)[::-1]])
        part = np.array([0.0, *(level.get("tf_adjustment_weight") or 0.0 for level in reversed(levels))])
        column = next((known.frequency_of for known in comparison.levels if known.frequency_of), None)
        if column and part.any():
            # the level that says "agrees" is the one whose average chance the frequency replaces
            same = next(n for n, known in enumerate(comparison.levels) if known.frequency_of)
            adjusted[comparison.name] = Adjusted(column, levels[same]["u_probability"], part)
    told = [settings, frequencies if isinstance(frequencies, str) else "", dict(policy)]
    fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return Model(
        name=name,
        fingerprint=fingerprint,
        settings=settings,
        prior=_log_odds(settings["probability_two_random_records_match"]),
        weights=weights,
        adjusted=adjusted,
        frequencies=_read_frequencies(frequencies) if isinstance(frequencies, str) else frequencies,
        policy=Policy(
            policy["join"],
            policy["review"],
            policy["margin"],
            policy["records"],
            _relatives(policy.get("relatives")),
            policy.get("guards", "children"),
            tuple(policy.get("keys", ())),
        ),
        reference=policy.get("reference", {}),
    )


def _relatives(told: Mapping[str, Any] | None) -> Relatives | None:
    if not told:
        return None
    return Relatives(_log_odds(told["prior"]), np.array([0.0, *told["birth_date"]]), told.get("alike", {}))


def save_model(settings: dict[str, Any], frequencies: str, policy: Mapping[str, Any], path: Path) -> None:
    """Write the three files of a model; `path` is its settings file."""
    write_json(settings, path)
    write_bytes(frequencies.encode(), path.with_suffix(".frequencies.csv"))
    write_json(dict(policy), path.with_suffix(".policy.json"))


def save_settings(model: Model, path: Path) -> None:
    """Write a model that is in use to `path` and the two files beside it.

    Values met by few records are left out of the frequencies: a model holds no rare name.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("column", "value", "frequency"))
    for column, table in model.frequencies.items():
        rows.writerow((column, "", repr(float(table.floor))))
        hashes = np.array(table.texts, dtype=np.int64) if column == "birth" else hash_texts(table.texts)
        rows.writerows(
            (column, value, repr(share)) for value, share in zip(table.texts, table.of(hashes).tolist(), strict=True)
        )
    policy = model.policy
    told: dict[str, Any] = {"join": policy.join, "review": policy.review, "margin": policy.margin}
    told |= {"records": policy.records, "guards": policy.guards, "keys": list(policy.keys)}
    if policy.relatives:
        odds = 2.0**policy.relatives.prior
        told["relatives"] = {
            "prior": odds / (1 + odds),
            "birth_date": policy.relatives.birth_date[1:].tolist(),
            "alike": dict(policy.relatives.alike),
        }
    save_model(model.settings, text.getvalue(), told, path)


def _read_frequencies(text: str) -> dict[str, Frequencies]:
    """Rows of column, value, frequency; the empty value is the floor."""
    rows: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        rows.setdefault(row["column"], {})[row["value"]] = float(row["frequency"])
    tables = {}
    for column, shares in rows.items():
        floor = shares.pop("")
        texts = list(shares)
        hashes = np.array(texts, dtype=np.int64) if column == "birth" else hash_texts(texts)
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
