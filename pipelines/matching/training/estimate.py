"""A match model from the records alone: nobody says who is who, no identifier is asked for.

Belongs here: the unattended estimate that the general entry uses (`train` makes the nightly model, with Splink). `u` is
measured on pairs taken at random (`strangers`); `m` by expectation maximisation over the candidate pairs, with three
precautions. How one field agrees is learned only from pairs that a key without that field has found; a third kind of pair,
two of one household, keeps brothers, sisters and twins from being taken for one person; and what these do not share is
learned where other fields tell them apart. The result is an ordinary Splink
settings file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.matching.arrays import Bits, Levels, Numbers, Positions, Shares
from pipelines.matching.comparing.compare import Comparer
from pipelines.matching.comparing.levels import COMPARISONS, NOTHING, Comparison
from pipelines.matching.pairing.candidates import Candidates
from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.training.strangers import Strangers
from pipelines.matching.weighing.match_model import Frequencies, Model, make_model
from pipelines.matching.weighing.score import HOUSEHOLD, Scorer, value_column
from pipelines.matching.weighing.splink_settings import NAMES, blank_settings

__all__ = ["Evidence", "estimate_model", "estimate_relatives", "relatives_born"]


_PAIRS_FOUND = 1_200_000  # as the keys find them, many of them several times
_ROUNDS = 25
_SETTLED = 1e-4
_COMMON = 5  # a value met less often than this has the floor's frequency
_PRIOR_PAIRS = 20.0  # what is believed of a field before any pair is seen counts like so many pairs
_TWINS = 0.03  # of two children of one household so many were born together
# a pair is joined when it is likelier one person than not, if the identities agree on the whole; any margin will do
POLICY = {"join": 0.5, "review": 0.1, "margin": 0.0, "guards": "people"}
_IDENTIFIERS = ("nhs_number", "upn")
# of two of one household so many bear one given name (father and son), or had one's number written down for the other
_ALIKE = {"given_name": 0.02, "nhs_number": 0.005, "upn": 0.005}
_TOLD_APART = 3.0  # bits
_ENOUGH_TOLD = 0.1  # of the pairs that are likely one person


def estimate_model(people: Comparable, candidates: Candidates) -> Model:
    """A model for `people`, from their candidate pairs, or from an even sample of these."""
    found = sum(len(pairs) for pairs, _ in candidates.parts)
    sampled = min(1.0, _PAIRS_FOUND / max(found, 1))
    left, right, free = candidates.free(sampled)
    frequencies = {
        column: _frequencies(people, column) for column in ("given_name", "family_or_lone", "birth", "place")
    }
    evidence = Evidence(people, frequencies, left, right, Comparer(people).levels(left, right))
    strangers = Strangers(people)
    doubtful = strangers.doubtful()
    doubted = Evidence(people, frequencies, *strangers.at(doubtful))
    rows = {comparison.name: _rows(free, evidence.levels, number) for number, comparison in enumerate(COMPARISONS)}
    u = strangers.u
    m = {comparison.name: _belief(comparison.name, len(comparison.levels)) for comparison in COMPARISONS}
    pairs = people.size * (people.size - 1) / 2 * sampled
    prior = related = float(np.clip(people.size * sampled / max(pairs, 1), 1e-12, 0.4))
    for _ in range(_ROUNDS):
        bits = evidence.bits(m, u)
        shared = evidence.for_relatives(bits, m, u)
        same: Bits = np.sum([*bits.values()], axis=0) + np.log2(prior)
        relative: Bits = np.sum([*shared.values()], axis=0) + np.log2(related)
        one, other = _posterior(same, relative)
        before, m = m, _next(rows, evidence.levels, same - relative, one, bits, shared)
        prior, related = (float(np.clip(each.sum() / max(pairs, 1), 1e-12, 0.4)) for each in (one, other))
        same, relative = doubted.odds(m, u)
        one, other = _posterior(same + np.log2(prior), relative + np.log2(related))
        u = strangers.without(doubtful, one, other, prior, related, m)
        if max(np.abs(m[name] - before[name]).max() for name in m) < _SETTLED:
            break
    relatives = {
        "prior": related,
        "birth_date": relatives_born(u["birth_date"])[1:].tolist(),
        "alike": {name: chance / m[name][-1] for name, chance in _ALIKE.items()},
    }
    return _model(people, m, u, prior, frequencies, relatives)


class Evidence:
    """What the fields of some pairs say, whatever the m and u of the day.

    Attributes:
        levels: those of each comparison, by name.
    """

    def __init__(
        self,
        people: Comparable,
        frequencies: dict[str, Frequencies],
        left: Positions,
        right: Positions,
        levels: dict[str, Levels],
    ) -> None:
        self.levels = levels
        self._rarity = {
            comparison.name: _rarity(people, frequencies, comparison, left, right, levels[comparison.name])
            for comparison in COMPARISONS
            if any(level.frequency_of for level in comparison.levels)
        }

    def bits(self, m: dict[str, Shares], u: dict[str, Shares]) -> dict[str, Bits]:
        """What each field is worth for one person against strangers."""
        bits = {}
        for name in m:
            bits[name] = np.append(0.0, np.log2(m[name] / u[name]))[self.levels[name] + 1]
            if name in self._rarity:
                rows, agrees, rarity = self._rarity[name]
                bits[name][rows] += np.log2(u[name][agrees]) + rarity
        return bits

    def for_relatives(self, bits: dict[str, Bits], m: dict[str, Shares], u: dict[str, Shares]) -> dict[str, Bits]:
        """What each field that two of one household may share is worth for them against strangers."""
        shared = {name: bits[name] for name in HOUSEHOLD}
        level = self.levels["birth_date"] + 1
        average = np.append(0.0, np.log2(m["birth_date"] / u["birth_date"]))[level]
        shared["birth_date"] = relatives_born(u["birth_date"])[level] + bits["birth_date"] - average
        for name, chance in _ALIKE.items():
            agree = self.levels[name] == len(m[name]) - 1
            shared[name] = np.where(agree, np.logaddexp2(0.0, bits[name] + np.log2(chance / m[name][-1])), 0.0)
        return shared

    def odds(self, m: dict[str, Shares], u: dict[str, Shares]) -> tuple[Bits, Bits]:
        """The log2 odds, but for the priors, of each pair to be one person, and two of one household."""
        bits = self.bits(m, u)
        return np.sum([*bits.values()], axis=0), np.sum([*self.for_relatives(bits, m, u).values()], axis=0)


def estimate_relatives(people: Comparable, model: Model, candidates: Candidates) -> dict[str, Any]:
    """How common pairs of one household are among all pairs, for a model that knows everything else.

    Returns:
        `prior` and `birth_date`, as the policy of a model holds them.
    """
    left, right, _ = candidates.free()
    levels = Comparer(people).levels(left, right)
    bits = Scorer(model, people).field_weights(left, right, levels)
    column = model.settings["comparisons"][[each.name for each in COMPARISONS].index("birth_date")]
    chances = [level["u_probability"] for level in column["comparison_levels"] if not level.get("is_null_level")]
    born = relatives_born(np.array(chances[::-1]))
    same: Bits = np.sum([*bits.values()], axis=0) + model.prior
    shared: Bits = born[levels["birth_date"] + 1] + sum(bits[name] for name in HOUSEHOLD)
    pairs = people.size * (people.size - 1) / 2
    related = people.size / pairs
    for _ in range(_ROUNDS):
        _, other = _posterior(same, np.log2(related) + shared)
        related = float(np.clip(other.sum() / pairs, 1e-12, 0.4))
    return {"prior": related, "birth_date": born[1:].tolist()}


def relatives_born(u: Shares) -> Bits:
    """The bits, by gamma + 1, that the agreement of birth dates is worth for two of one household against strangers."""
    twins = np.arange(len(u)) == len(u) - 1
    return np.append(0.0, np.log2((_TWINS * twins + (1 - _TWINS) * u) / u))


def _posterior(same: Bits, relative: Bits) -> tuple[Shares, Shares]:
    """The probability that a pair is one person, and that it is two of one household, from the log2 odds to strangers."""
    top = np.maximum(np.maximum(same, relative), 0.0)
    one, other, none = np.exp2(same - top), np.exp2(relative - top), np.exp2(-top)
    total = one + other + none
    return one / total, other / total


def _belief(name: str, levels: int) -> Shares:
    """What is expected of one person's records before any is seen; from "different" to the closest level."""
    if name in _IDENTIFIERS:
        return np.array([0.01, 0.02, 0.97])
    if levels == 2:
        return np.array([0.05, 0.95])
    middle = np.full(levels - 2, 0.15 / (levels - 2))
    different = 0.3 if name == "address" else 0.05
    return np.concatenate([[different], middle, [0.85 - different]])


def _next(
    rows: dict[str, Positions],
    levels: dict[str, Levels],
    apart: Bits,
    one: Shares,
    bits: dict[str, Bits],
    shared: dict[str, Bits],
) -> dict[str, Shares]:
    """The next estimate of every m.

    What two of one household do not share is learned where other fields tell the person from the relative, if that is so
    in enough pairs: elsewhere its own agreement would decide what it is to be learned from.

    Args:
        rows: the pairs from which each field may be learned.
        levels: those of all pairs.
        apart: log2 of how much likelier a pair is one person than two of one household.
        one: the probability that it is one person.
        bits: what each field is worth for one person against strangers.
        shared: likewise for two of one household, for the fields that these may share.
    """
    result = {}
    for comparison in COMPARISONS:
        name, learned = comparison.name, rows[comparison.name]
        weight = one[learned]
        if name not in HOUSEHOLD:
            alone = apart[learned] - bits[name][learned]
            if name in shared:
                alone += shared[name][learned]
            told = np.abs(alone) >= _TOLD_APART
            if weight[told].sum() >= _ENOUGH_TOLD * weight.sum():
                learned, weight = learned[told], weight[told]
        seen = np.bincount(levels[name][learned], weights=weight, minlength=len(comparison.levels))
        believed = seen + _PRIOR_PAIRS * _belief(name, len(comparison.levels))
        result[name] = believed / believed.sum()
    return result


def _rows(free: Numbers, levels: dict[str, Levels], number: int) -> Positions:
    """The pairs that teach how the comparison agrees: those found without it, in which both sides have a value."""
    return np.flatnonzero(((free >> number) & 1 == 1) & (levels[COMPARISONS[number].name] != NOTHING))


def _frequencies(people: Comparable, column: str) -> Frequencies:
    values = value_column(people, column)
    found, first, counts = np.unique(values, return_index=True, return_counts=True)
    counts[found == NO_VALUE] = 0
    total = max(counts.sum(), 1)
    common = counts >= _COMMON
    texts = tuple(_text(people, column, record) for record in first[common].tolist())
    return Frequencies(found[common], counts[common] / total, 2 / total, texts)


def _text(people: Comparable, column: str, record: int) -> str:
    """The record's value of `column` as text."""
    if column == "birth":
        return str(people.birth[record])
    if column == "place":
        return str(people.texts["place"][record].as_py())
    by_given = column == "given_name" or people.family[record] < 0
    name = people.given_names[people.given[record]] if by_given else people.family_names[people.family[record]]
    return str(name.name)


def _rarity(
    people: Comparable,
    frequencies: dict[str, Frequencies],
    comparison: Comparison,
    left: Positions,
    right: Positions,
    level: Levels,
) -> tuple[Positions, int, Bits]:
    """The pairs whose agreement is worth what their value is, the level that says "agrees", and -log2 of how common the
    value is (of two the commoner).
    """
    adjusted = [n for n, each in enumerate(reversed(comparison.levels)) if each.frequency_of]
    column = next(each.frequency_of for each in comparison.levels if each.frequency_of)
    values = value_column(people, column)
    shares = np.where(values != NO_VALUE, frequencies[column].of(values), 0.0)
    rows = np.flatnonzero(np.isin(level, adjusted))
    return rows, max(adjusted), -np.log2(np.maximum(shares[left[rows]], shares[right[rows]]))


def _model(
    people: Comparable,
    m: dict[str, Shares],
    u: dict[str, Shares],
    prior: float,
    frequencies: dict[str, Frequencies],
    relatives: dict[str, Any],
) -> Model:
    settings = blank_settings((*NAMES, "birth", "place"))
    settings["probability_two_random_records_match"] = prior
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level, m_value, u_value in zip(levels, m[name][::-1], u[name][::-1], strict=True):
            level |= {"m_probability": float(m_value), "u_probability": float(u_value)}
    return make_model("unattended", settings, frequencies, {**POLICY, "records": people.size, "relatives": relatives})
