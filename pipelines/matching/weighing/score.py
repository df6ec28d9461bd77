"""The match weight of each pair: the bits that its agreement is worth, exactly as Splink adds them up.

Belongs here: weights from levels. One pattern of levels has one weight, looked up; the frequency of the agreeing
value then takes the place of the average. Match weight = log2 of the prior odds + sum of log2(m/u) + frequency adjustments.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.matching.arrays import Bits, Hashes, Levels, Packed, Positions, Shares
from pipelines.matching.comparing.compare import LEVELS, unpack
from pipelines.matching.comparing.levels import NOTHING
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model

__all__ = ["HOUSEHOLD", "Scorer", "relative_discount", "shares_of", "value_column"]


# what two of one household share like one person does; the rest agrees between them as between strangers
HOUSEHOLD = ("family_name", "address", "phone")
_NEVER = 1e-300  # in place of a share of 0, where there is no value


class Scorer:
    """Weighs pairs of `people` by `model`."""

    def __init__(self, model: Model, people: Comparable) -> None:
        self._model, self._people = model, people
        self._commonness: dict[str, Bits] = {}

    def match_weights(self, left: Positions, right: Positions, packed: Packed, levels: dict[str, Levels]) -> Bits:
        """The match weight in bits of each pair of record positions, given its levels (and the same packed)."""
        inverse, patterns = pd.factorize(packed)
        of_pattern = np.full(len(patterns), self._model.prior)
        for name, level in unpack(patterns).items():
            if name in self._model.weights:
                of_pattern += self._model.weights[name][level.astype(np.int64) + 1]
        weight = of_pattern[inverse]
        for name in self._model.adjusted:
            self._add_frequency_bits(name, left, right, levels[name], weight)
        return weight

    def field_weights(self, left: Positions, right: Positions, levels: dict[str, Levels]) -> dict[str, Bits]:
        """The bits of each comparison for each pair, frequency adjustments included: the bars of a waterfall."""
        bits = {}
        for name, weights in self._model.weights.items():
            bits[name] = weights[levels[name].astype(np.int64) + 1]
            if name in self._model.adjusted:
                self._add_frequency_bits(name, left, right, levels[name], bits[name])
        return bits

    def near_name_bits(self, left: Positions, right: Positions, levels: dict[str, Levels]) -> Bits:
        """What the frequency of the given name adds to each pair whose given names agree nearly, but not wholly.

        It tells how likely two strangers are to agree so, but nothing of which of two children with like names is meant.
        """
        near = levels["given_name"].copy()
        near[near == LEVELS["given_name"]["same"]] = NOTHING
        bits = np.zeros(len(near))
        if "given_name" in self._model.adjusted:
            self._add_frequency_bits("given_name", left, right, near, bits)
        return bits

    def _add_frequency_bits(self, name: str, left: Positions, right: Positions, level: Levels, bits: Bits) -> None:
        """Where a value agrees, or nearly: its own frequency (of two the commoner's) in place of the average chance."""
        adjusted = self._model.adjusted[name]
        rows = np.flatnonzero(adjusted.weight[level.astype(np.int64) + 1])
        if not len(rows):
            return
        if adjusted.column not in self._commonness:
            self._commonness[adjusted.column] = np.log2(
                np.maximum(shares_of(self._model, self._people, adjusted.column), _NEVER)
            )
        common = self._commonness[adjusted.column]
        commoner = np.maximum(common[left[rows]], common[right[rows]])
        bits[rows] += adjusted.weight[level[rows].astype(np.int64) + 1] * (np.log2(adjusted.same_u) - commoner)


def relative_discount(model: Model, bits: dict[str, Bits], levels: dict[str, Levels]) -> Bits:
    """Bits (negative) to take off each match weight because two of one household would explain the pair as well.

    `bits` are the `Scorer.field_weights`. The match weight sets one person against two strangers; brothers, sisters and twins
    share the family name, the address and sometimes the birth date. 0 where the model knows no relatives.
    """
    relatives, birth_level = model.policy.relatives, levels["birth_date"]
    if relatives is None:
        return np.zeros(len(birth_level))
    odds = relatives.prior + relatives.birth_date[birth_level.astype(np.int64) + 1]
    for name in HOUSEHOLD:
        odds = odds + bits[name]
    for name, alike in relatives.alike.items():
        agree = levels[name] == len(model.weights[name]) - 2
        odds = odds + np.where(agree, np.logaddexp2(0.0, bits[name] + np.log2(alike)), 0.0)
    if "birth_date" in model.adjusted:
        odds = odds + bits["birth_date"] - model.weights["birth_date"][birth_level.astype(np.int64) + 1]
    return -np.log2(1 + np.exp2(np.clip(odds, -100, 100)))


def shares_of(model: Model, people: Comparable, column: str) -> Shares:
    """How common each record's value of `column` (given_name, family_or_lone, birth, place) is; 0 where it has none."""
    values = value_column(people, column)
    return np.where(values != 0, model.frequencies[column].of(values), 0.0)


def value_column(people: Comparable, column: str) -> Hashes:
    """Each record's value as the frequencies know it: the hash of its text, of a birth date its number; 0 for none."""
    if column == "family_or_lone":
        return np.where(people.lone, people.given_name, people.family_name)
    return {"given_name": people.given_name, "birth": people.birth.astype(np.int64), "place": people.place}[column]
