"""The ladder: by which step each pair is joined, sent to review, refused, or let be, and why in words.

Belongs here: the verdict on single pairs. 1 verified NHS number with an agreeing birth date or name, 2 UPN likewise,
3 exact demographics unique on both sides, 4 probability, 5 review or nothing. Whether verdicts can stand together is
for `clusters`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.matching.arrays import Levels, Mask, Numbers, Packed, Positions
from pipelines.matching.comparing.compare import LEVELS, unpack
from pipelines.matching.comparing.identifiers import Identifiers, compare_identifiers
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.deciding.guards import GUARDS, UNBORN, guard
from pipelines.matching.pairing.alike import equal_pairs
from pipelines.matching.pairing.keys import combine
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.seams.words import STEPS

__all__ = ["JOIN", "NOTHING_MORE", "REFUSED", "REVIEW", "Verdicts", "judge_pairs", "reasons"]


NOTHING_MORE, REVIEW, REFUSED, JOIN = 0, 1, 2, 3
_BY_DECISION = STEPS.index("decision")


@dataclass(frozen=True)
class Verdicts:
    """One verdict per pair: `outcome` (NOTHING_MORE, REVIEW, REFUSED, JOIN), `step` (position in STEPS), `guard`, and
    whether the two are `equal` in all that is compared.
    """

    outcome: Numbers
    step: Numbers
    guard: Numbers
    identifiers: Identifiers
    equal: Mask


def judge_pairs(people: Comparable, model: Model, pairs: Pairs, counted: Sequence[str] = ()) -> Verdicts:
    """The verdict on each pair, from its levels and its match weight; `counted` sources hold each person once."""
    left, right, levels, weight = pairs.left, pairs.right, pairs.levels, pairs.total
    identifiers = compare_identifiers(people, left, right)
    guards = guard(people, model, left, right, levels, identifiers, counted)
    join_weight, review_weight = model.join_weight(people.size), model.review_weight(people.size)
    likely = weight >= join_weight
    free = guards == 0
    by_nhs = free & (identifiers.same_nhs_number | (identifiers.superseded & ~identifiers.same_upn))
    step = np.select(
        [by_nhs, free & identifiers.same_upn, free & likely & _exact(people, left, right, levels), free & likely],
        [np.int8(STEPS.index(name)) for name in ("nhs_number", "upn", "exact", "probabilistic")],
        np.int8(0),
    )
    refuses = np.array([entry.refuses for entry in GUARDS])[guards]
    # an unborn child resembles its brothers and sisters by nature: there the household explains nothing away
    unborn = (guards == UNBORN) & (pairs.weight >= review_weight)
    possible = (weight >= review_weight) | identifiers.same | unborn
    outcome = np.select(
        [step > 0, possible & refuses, possible],
        [np.int8(JOIN), np.int8(REFUSED), np.int8(REVIEW)],
        np.int8(NOTHING_MORE),
    )
    return Verdicts(outcome, step, guards, identifiers, _equal(people, left, right, levels))


def reasons(verdicts: Verdicts, packed: Packed, rows: Positions) -> pa.DictionaryArray:
    """Why, in words, for the pairs at `rows`: each distinct combination is put into words once."""
    said = verdicts.identifiers
    flags = said.same_nhs_number[rows] + 2 * said.same_upn[rows] + 4 * said.superseded[rows]
    flags = flags + 8 * (verdicts.step[rows] == _BY_DECISION) + 16 * verdicts.equal[rows]
    combined = (packed[rows] << 13) | (flags.astype(np.int64) << 8) | verdicts.guard[rows].astype(np.int64)
    inverse, distinct = pd.factorize(combined)
    levels = unpack(distinct >> 13)
    words = [
        _words(
            {name: int(level[row]) for name, level in levels.items()},
            int(code >> 8) & 31,
            GUARDS[int(code) & 255].words,
        )
        for row, code in enumerate(distinct.tolist())
    ]
    return pa.DictionaryArray.from_arrays(pa.array(inverse.astype(np.int32)), pa.array(words, pa.string()))


def _equal(people: Comparable, left: Positions, right: Positions, levels: dict[str, Levels]) -> Mask:
    """The same in all that is compared, whatever they say besides."""
    names = ("given_name", "family_name", "birth_date")
    rows = np.flatnonzero(np.all([levels[name] == LEVELS[name]["same"] for name in names], axis=0))
    equal = np.zeros(len(left), dtype=bool)
    equal[rows] = equal_pairs(people, left[rows], right[rows])
    return equal


def _exact(people: Comparable, left: Positions, right: Positions, levels: dict[str, Levels]) -> Mask:
    """Names and birth date the same, sex not against it, and no second such person in either source."""
    same = (
        (levels["given_name"] == LEVELS["given_name"]["same"])
        & (levels["family_name"] == LEVELS["family_name"]["same"])
        & (levels["birth_date"] == LEVELS["birth_date"]["same"])
        & (levels["sex"] != LEVELS["sex"]["different"])
    )
    source = people.source.astype(np.int64) + 1
    person = combine(11, people.given_name, people.family_name, people.birth.astype(np.int64), source)
    number, _ = pd.factorize(person)
    alone = np.bincount(number)[number] == 1
    return same & alone[left] & alone[right]


def _words(levels: dict[str, int], identifiers: int, against: str) -> str:
    """One sentence: what agrees, what does not, and what stands against joining."""
    if identifiers & 8:
        return "A reviewer decided that they are the same child"
    lead = []
    if identifiers & 1:
        lead.append("Same verified NHS number")
    if identifiers & 2:
        lead.append("Same verified UPN")
    if identifiers & 4:
        lead.append("One number replaced the other")
    said = [
        comparison.words(levels[comparison.name])
        for comparison in COMPARISONS
        if levels[comparison.name] >= 0 and not (lead and comparison.name in ("nhs_number", "upn"))
    ]
    agreed = _joined([words for words in said if not words.endswith("differs")])
    differing = _joined([words for words in said if words.endswith("differs")])
    if identifiers & 16:
        agreed = f"equal in all that is compared: {agreed}"
    evidence = "; ".join(part for part in (*lead, agreed, differing) if part)
    sentence = evidence[:1].upper() + evidence[1:]
    if not against:
        return sentence
    if "{identifiers}" in against:
        kinds = [title for name, title in (("nhs_number", "NHS numbers"), ("upn", "UPNs")) if levels[name] in (0, 1)]
        against = against.format(identifiers=" and ".join(kinds) or "identifiers")
    return f"{against[:1].upper()}{against[1:]} ({evidence})" if evidence else against


def _joined(parts: list[str]) -> str:
    return ", ".join(parts)
