"""The match weight of each pair: the bits that its agreement is worth, exactly as Splink adds them up.

Belongs here: weights from levels. One pattern of levels has one weight, looked up; the frequency of the agreeing name
then takes the place of the average. Match weight = log2 of the prior odds + sum of log2(m/u) + frequency adjustments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.matching.comparable import Comparable
from pipelines.matching.compare import LEVELS
from pipelines.matching.model import Model

__all__ = ["field_weights", "match_weights", "name_shares"]

Array = np.ndarray[Any, np.dtype[Any]]


def match_weights(
    model: Model, people: Comparable, left: Array, right: Array, packed: Array, levels: dict[str, Array]
) -> Array:
    """The match weight in bits of each pair of record positions, given its levels (and the same packed)."""
    patterns, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    of_pattern = np.full(len(patterns), model.prior)
    for name, weights in model.weights.items():
        of_pattern += weights[levels[name][first].astype(np.int64) + 1]
    weight = of_pattern[inverse]
    for name in model.same_u:
        weight += _frequency_bits(model, people, name, left, right, levels[name])
    return weight


def field_weights(
    model: Model, people: Comparable, left: Array, right: Array, levels: dict[str, Array]
) -> dict[str, Array]:
    """The bits of each comparison for each pair, frequency adjustments included: the bars of a waterfall."""
    bits = {}
    for name, weights in model.weights.items():
        bits[name] = weights[levels[name].astype(np.int64) + 1]
        if name in model.same_u:
            bits[name] = bits[name] + _frequency_bits(model, people, name, left, right, levels[name])
    return bits


def name_shares(model: Model, people: Comparable, name: str) -> Array:
    """How common each record's `given_name` or `family_name` is."""
    values = people.given_name if name == "given_name" else people.family_name
    return model.frequencies[name].of(values)


def _frequency_bits(model: Model, people: Comparable, name: str, left: Array, right: Array, level: Array) -> Array:
    """Where the name is the same on both sides: its own frequency in place of the average chance of agreeing."""
    same = level == LEVELS[name]["same"]
    shares = name_shares(model, people, name)
    commoner = np.maximum(shares[left[same]], shares[right[same]])
    bits = np.zeros(len(left))
    bits[same] = np.log2(model.same_u[name]) - np.log2(commoner)
    return bits
