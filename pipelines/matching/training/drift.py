"""Whether tonight's records are still like those the model was made from.

Belongs here: figures of a night against the model's reference, and plain words for what has moved. The reference is
measured in the same way when a model is trained and kept in its policy file. How one child's records agree is taken
from pairs that a verified identifier joined: the model had no say in those. Not here: what is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.matching.arrays import Counts, Hashes, Levels, Mask
from pipelines.matching.comparing.compare import Comparer
from pipelines.matching.comparing.identifiers import compare_identifiers
from pipelines.matching.comparing.levels import COMPARISONS, NOTHING
from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.weighing.match_model import Model

__all__ = ["drift_figures", "drift_verdict", "reference_of"]


_FITS = "The night's records agree, lack values and bear names much as those the model was made from."
_LACKS = "The model keeps no figures of the records it was made from, so nothing can be held against it."

# The population stability index, sum of (now - then) * ln(now / then) over the levels: by the usual reading below 0.1
# nothing has moved, and from 0.25 on the population is another one.
_SHIFTED = 0.25
_SHIFTED_OVERALL = 0.5
_POINTS = 0.1  # by which a share of missing values or unknown names may move
_FEWEST = 200  # pairs, below which chance alone may look like a shift: such a comparison is told as 0
_LOOKED_AT = 2_000  # records, evenly spaced, that tell what is missing
_NAMES = ("given_name", "family_name")


def drift_figures(model: Model, people: Comparable, levels: Mapping[str, Levels], told: Mask) -> dict[str, float]:
    """The night's drift from the model's reference, under the same keys every night.

    Args:
        model: the model in force.
        people: the night's records.
        levels: the level of every comparison for each pair compared (int8 arrays by name).
        told: which of the pairs a verified identifier joined (boolean array).

    Returns:
        ``drift_pairs`` (how many pairs were told), ``drift_<comparison>`` (population stability index against the
        reference), ``drift_overall`` (their sum: the model holds comparisons to be independent, so what they say adds
        up), ``share_<comparison>_<level>`` (of the told pairs, to be held against the level's m), ``missing_<field>``
        (share of records), ``unknown_given_name`` and ``unknown_family_name`` (share of names the model has not met).
    """
    counts = _level_counts(levels, told)
    then = model.reference.get("levels", {})
    moved = {name: _stability(counts[name], np.array(then.get(name, []))) for name in counts}
    figures = {"drift_pairs": float(np.count_nonzero(told)), "drift_overall": sum(moved.values())}
    figures |= {f"drift_{name}": index for name, index in moved.items()}
    for comparison in COMPARISONS:
        of = counts[comparison.name]
        for level, count in zip(comparison.levels, of.tolist(), strict=True):
            figures[f"share_{comparison.name}_{level.name}"] = count / max(int(of.sum()), 1)
    figures |= {f"missing_{name}": share for name, share in _missing(people).items()}
    figures |= {f"unknown_{name}": share for name, share in _unknown(model, people).items()}
    return {name: round(float(value), 6) for name, value in figures.items()}


def drift_verdict(model: Model, figures: Mapping[str, float]) -> tuple[bool, str]:
    """Whether the records are still like those the model was made from, and in words what has moved too far.

    Args:
        model: the model in force; with one that keeps no reference nothing can be said against it.
        figures: what `drift_figures` gave.
    """
    if not model.reference:
        return True, _LACKS
    said = _what_moved(model.reference, figures)
    return not said, " ".join(said) or _FITS


def reference_of(model: Model, people: Comparable) -> dict[str, Any]:
    """What later nights are held against, measured on the records that `model` is made from; plain JSON.

    Returns:
        ``levels`` (comparison → pairs at each level, closest first), ``missing`` and ``unknown`` (shares, by field),
        ``pairs`` and ``records``.
    """
    levels, told = _told(people)
    unknown = _unknown(model, people, newcomers=True)
    return {
        "levels": {name: counts.tolist() for name, counts in _level_counts(levels, told).items()},
        "missing": {name: round(float(share), 6) for name, share in _missing(people).items()},
        "unknown": {name: round(float(share), 6) for name, share in unknown.items()},
        "pairs": int(np.count_nonzero(told)),
        "records": people.size,
    }


def _told(people: Comparable) -> tuple[dict[str, Levels], Mask]:
    """The levels of pairs that share a verified identifier, and which of them the ladder joins on its strength."""
    found = []
    for kind in ("nhs_number", "upn"):
        value = people.identifiers[kind]
        rows = np.flatnonzero(value != NO_VALUE)
        rows = rows[np.argsort(value[rows], kind="stable")]
        same = np.flatnonzero(value[rows[1:]] == value[rows[:-1]])
        found.append(rows[same] * people.size + rows[same + 1])
    pairs = np.unique(np.concatenate(found))
    left, right = pairs // max(people.size, 1), pairs % max(people.size, 1)
    levels = Comparer(people).levels(left, right)
    confirmed = (levels["birth_date"] > 0) | (levels["given_name"] > 0) | (levels["family_name"] > 0)
    return levels, confirmed & ~compare_identifiers(people, left, right).conflict


def _what_moved(reference: Mapping[str, Any], figures: Mapping[str, float]) -> list[str]:
    """A sentence for each figure beyond its limit."""
    said = []
    for comparison in COMPARISONS:
        index = figures[f"drift_{comparison.name}"]
        if index >= _SHIFTED:
            said.append(
                f"How the {_title(comparison.name)} agrees on the records of one child has shifted "
                f"(stability index {index:.2f}, limit {_SHIFTED})."
            )
    if not said and figures["drift_overall"] >= _SHIFTED_OVERALL:
        said.append(
            "How the records of one child agree has shifted a little in many fields "
            f"(stability index {figures['drift_overall']:.2f} in all, limit {_SHIFTED_OVERALL})."
        )
    for kind, lead in (("missing", "of the records have no {}"), ("unknown", "of the {}s are new to the model")):
        for name, then in reference[kind].items():
            now = figures[f"{kind}_{name}"]
            if abs(now - then) > _POINTS:
                said.append(
                    f"{_percent(now)} {lead.format(_title(name))}; when the model was made it was {_percent(then)}."
                )
    return said


def _level_counts(levels: Mapping[str, Levels], told: Mask) -> dict[str, Counts]:
    """How many of the told pairs stand at each level of each comparison, closest first; nothing compared is left out."""
    counts: dict[str, Counts] = {}
    for comparison in COMPARISONS:
        found = levels[comparison.name][told]
        counts[comparison.name] = np.bincount(found[found >= 0], minlength=len(comparison.levels))[::-1]
    return counts


def _stability(now: Counts, then: Counts) -> float:
    """The population stability index of two rows of counts; 0 where either has too few to say."""
    if len(now) != len(then) or min(now.sum(), then.sum()) < _FEWEST:
        return 0.0
    # half a pair more everywhere: a level that nobody reached is rare, not impossible
    a, b = ((counts + 0.5) / (counts + 0.5).sum() for counts in (now, then))
    return float(((a - b) * np.log(a / b)).sum())


def _missing(people: Comparable) -> dict[str, float]:
    """The share of records without a value to compare, by comparison: those that cannot be compared with themselves."""
    some = people.take(np.arange(0, people.size, max(people.size // _LOOKED_AT, 1)))
    rows = np.arange(some.size)
    levels = Comparer(some).levels(rows, rows)
    return {
        comparison.name: np.count_nonzero(levels[comparison.name] == NOTHING) / max(some.size, 1)
        for comparison in COMPARISONS
    }


def _unknown(model: Model, people: Comparable, newcomers: bool = False) -> dict[str, float]:
    """Of the records with a name, the share whose name the model has no frequency of, for given and family names.

    A model knows the names of the very people it was made from better than those of others. So with `newcomers` each
    record is taken for one that it has not seen: a name counts as known only if other households bear it often enough.
    """
    shares: dict[str, float] = {}
    for name, hashes in zip(_NAMES, (people.given_name, people.family_name), strict=True):
        column = next(each.levels[0].frequency_of for each in COMPARISONS if each.name == name)
        known = model.frequencies[column or name]
        named = np.flatnonzero(hashes != NO_VALUE)
        unmet = ~np.isin(hashes[named], known.values)
        if newcomers and len(known.values):
            least = round(known.shares.min() * len(named))
            unmet |= _borne_elsewhere(hashes[named], people.postcode[named]) < least
        shares[name] = np.count_nonzero(unmet) / max(len(named), 1)
    return shares


def _borne_elsewhere(name: Hashes, postcode: Hashes) -> Counts:
    """How many records of other postcodes bear each record's name; one without a postcode is a household of its own."""
    home = np.where(postcode != NO_VALUE, postcode, np.arange(len(postcode)))
    _, of_name, everywhere = np.unique(name, return_inverse=True, return_counts=True)
    _, at_home, here = np.unique(np.stack([name, home]), axis=1, return_inverse=True, return_counts=True)
    return everywhere[of_name] - here[at_home.reshape(-1)]


def _title(name: str) -> str:
    titles = {"nhs_number": "NHS number", "upn": "UPN"}
    return titles.get(name, name.replace("_", " "))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
