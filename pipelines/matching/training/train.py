"""Making a match model: Splink estimates it, from records whose verified identifiers tell who is who.

Belongs here: training, and nothing of a night. `u` (agreement by chance) is measured on all pairs of an ordered sample;
`m` (agreement of one child's records) on records that share a verified identifier, then by expectation maximisation for
sources that carry none. Ordered input, fixed seed, one thread for what adds up fractions, and rounded figures give the same
bytes every time. Run `python -m pipelines.matching.training.train RECORDS.parquet MODEL.json [NAMES.parquet]`.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Bits, Labels, Mask, PairIds, Shares
from pipelines.matching.deciding.components import components
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.pairing.keys import KEYS
from pipelines.matching.reading.comparable import NO_VALUE, Comparable, make_comparable
from pipelines.matching.training.drift import reference_of
from pipelines.matching.training.estimate import estimate_relatives
from pipelines.matching.training.fill_settings import (
    IDENTIFIERS,
    rounded,
    set_chance_of_names,
    set_estimates,
    set_identifiers,
)
from pipelines.matching.training.splink_frame import splink_frame
from pipelines.matching.weighing.match_model import Model, make_model, save_model
from pipelines.matching.weighing.splink_settings import blank_settings
from pipelines.matching.weighing.weigh import AT_ONCE, Weigher
from pipelines.tables import read_table

__all__ = ["choose_keys", "train"]


_SAMPLE = 4_000  # records of which every pair is compared to measure chance agreement: 8 million pairs
_LABELLED = 60_000  # records at most that tell how one child's records agree
_COMMON = 5  # a name met less often than this has the floor's frequency
_LEAST_M = 0.005  # no kind of error is so rare that a pair could be ruled out by never having seen it
_ALWAYS = ("nhs_number", "upn", "phone", "unborn")  # keys that need nothing beside them and are used in any case
_LEAST_GAIN = 1e-4  # a key must find this share of all likely pairs that no other has found
_LEAST_WORTH = 1e-3  # and a likely pair among so many pairs that it adds
_EXPECTED_WRONG = 0.0005  # of the pairs joined, the share that may be wrong by the model's own reckoning
_LEAST_JOIN = 0.75  # however good the rest are, no pair is joined that is not three times likelier than not

_FEWEST = 200  # records of feeds without identifiers, below which nothing is estimated from them


def train(records: pa.Table, names: pa.Table | None = None) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A model from person records: its Splink settings, its frequencies as CSV, its policy (see `save_model`).

    The records must hold some that share a verified NHS number or UPN; truth is not asked for.
    """
    people = make_comparable(records, names)
    labels = _identities(people)
    frame = splink_frame(people).append_column("identity", pa.array(labels, mask=labels < 0))
    order = np.argsort(people.digest, kind="stable")  # as good as random, and the same every time
    settings = blank_settings()
    _set_u(settings, _trained_u(frame.take(np.sort(order[:_SAMPLE]))))
    set_chance_of_names(settings, people)
    _set_m(settings, _trained_m(settings, frame, _from_identified_sources(people)))
    set_identifiers(settings, people)
    settings["probability_two_random_records_match"] = rounded(_trained_prior(frame))
    frequencies = _frequencies(people)
    policy = {"join": 0.95, "review": 0.1, "margin": 3.0, "records": people.size, "guards": "children"}
    model = make_model("in training", settings, frequencies, policy)
    candidates = find_candidates(people)
    relatives = estimate_relatives(people, model, candidates)
    policy["relatives"] = {
        "prior": rounded(relatives["prior"]), "birth_date": [rounded(bits) for bits in relatives["birth_date"]]
    }  # fmt: skip
    policy["keys"] = choose_keys(people, make_model("in training", settings, frequencies, policy))
    policy["join"] = _join_from(people, make_model("in training", settings, frequencies, policy))
    policy["reference"] = reference_of(model, people)
    return settings, frequencies, policy


def _join_from(people: Comparable, model: Model) -> float:
    """The least probability that joins: so high that of the pairs it joins the model expects few enough to be wrong."""
    found = find_candidates(people, keys=model.policy.keys)
    pairs, _ = Weigher(people, model).weigh_all(found.batches(AT_ONCE))
    unlikely = np.sort(1 - _probability(pairs.total))
    wrong = np.cumsum(unlikely) / np.arange(1, len(unlikely) + 1)
    enough = int(np.count_nonzero(wrong <= _EXPECTED_WRONG))
    return round(max(_LEAST_JOIN, 1 - float(unlikely[min(enough, len(unlikely) - 1)])), 4)


def _probability(bits: Bits) -> Shares:
    return 1 / (1 + np.exp2(-np.clip(bits, -60, 60)))


def choose_keys(people: Comparable, model: Model) -> list[str]:
    """The keys worth their cost: each in turn the one that finds most likely pairs for the pairs it has to compare.

    A key is a `Key` by itself where it is an identifier, else refined by one field. What makes a pair likely is the model;
    nobody says which pairs are right.
    """
    found: dict[str, PairIds] = {}
    for key in KEYS:
        for path in [key.name] if key.name in _ALWAYS else [f"{key.name}+{refiner}" for refiner in key.refine]:
            (found[path],) = find_candidates(people, keys=[path]).batches(sys.maxsize)
    every = np.unique(np.concatenate(list(found.values())))
    weighed = Weigher(people, model).weigh(every)
    likely = np.zeros(len(every))
    likely[np.searchsorted(every, weighed.ids(people.size))] = _probability(weighed.total)
    rows = {path: np.searchsorted(every, pairs) for path, pairs in found.items()}
    chosen = [path for path in rows if path in _ALWAYS]
    met = np.zeros(len(every), dtype=bool)
    for path in chosen:
        met[rows[path]] = True
    while True:
        gains = {}
        for path, places in rows.items():
            fresh = places[~met[places]]
            if path not in chosen and len(fresh):
                gains[path] = (likely[fresh].sum(), len(fresh))
        worth = {path: gain / cost for path, (gain, cost) in gains.items() if gain > _LEAST_GAIN * likely.sum()}
        if not worth or max(worth.values()) < _LEAST_WORTH:
            return sorted(chosen)
        best = max(worth, key=lambda path: (worth[path], path))
        chosen.append(best)
        met[rows[best]] = True


def _identities(people: Comparable) -> Labels:
    """Which records one verified identifier or a chain of them says are one child; -1 for records without."""
    pairs = []
    for kind in ("nhs_number", "upn"):
        value = people.identifiers[kind]
        rows = np.flatnonzero(value != NO_VALUE)
        rows = rows[np.argsort(value[rows], kind="stable")]
        same = np.flatnonzero(value[rows[1:]] == value[rows[:-1]])
        pairs.append(np.stack([rows[same], rows[same + 1]]))
    left, right = np.concatenate(pairs, axis=1)
    labels = components(people.size, left, right)
    together = np.bincount(labels, minlength=people.size)[labels]
    # more records than a child has: the identifier is no good
    return np.where((together > 1) & (together <= 8), labels, -1)


def _linker(frames: list[pa.Table], settings: dict[str, Any], threads: int = 1) -> Any:
    import duckdb
    from splink import DuckDBAPI, Linker

    connection = duckdb.connect(config={"threads": threads, "autoinstall_known_extensions": "false"})
    connection.execute("SET enable_progress_bar = false")
    api = DuckDBAPI(connection)
    tables = [api.register(frame) for frame in frames]
    return Linker(tables[0] if len(tables) == 1 else tables, settings, log_level=None)


def _trained_u(frame: pa.Table) -> dict[str, list[float | None]]:
    linker = _linker([frame], blank_settings(), threads=2)  # pairs are counted, so their order does not matter
    linker.training.estimate_u_using_random_sampling(max_pairs=1e9, seed=1)
    return _estimates(linker, "u_probability")


def _trained_m(settings: dict[str, Any], frame: pa.Table, identified: Mask) -> dict[str, list[float | None]]:
    """The m of every level: from records that share an identifier and, in equal part, from feeds that carry none.

    A feed without identifiers makes mistakes of its own (names by ear, another address), so neither may outvote the other.
    """
    labelled = frame.filter(pc.is_valid(frame["identity"]))[:_LABELLED]
    linker = _linker([labelled], settings)
    linker.training.estimate_m_from_label_column("identity")
    told = _estimates(linker, "m_probability")
    others = frame.filter(pa.array(~identified))
    if others.num_rows < _FEWEST:
        return told
    start = copy.deepcopy(settings)
    set_estimates(start, "m_probability", told, _LEAST_M)
    start |= {"link_type": "link_only", "probability_two_random_records_match": 1 / frame.num_rows}
    start["comparisons"] = [each for each in start["comparisons"] if each["output_column_name"] not in IDENTIFIERS]
    linker = _linker([frame.filter(pa.array(identified)), others], start)
    for rule in ("l.birth = r.birth", "l.given_name = r.given_name and l.family_name = r.family_name"):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, fix_u_probabilities=True)
    guessed = _estimates(linker, "m_probability")
    return told | {
        name: [((a or 0.0) + (b or 0.0)) / 2 for a, b in zip(told[name], values, strict=True)]
        for name, values in guessed.items()
    }


def _trained_prior(frame: pa.Table) -> float:
    """The chance that two random records are one child: those that agree outright, and a tenth more."""
    linker = _linker([frame], blank_settings())
    linker.training.estimate_probability_two_random_records_match(
        [
            "l.given_name = r.given_name and l.family_name = r.family_name and l.birth = r.birth",
            "l.nhs_number = r.nhs_number",
            "l.upn = r.upn",
        ],
        recall=0.9,
    )
    return float(linker.misc.save_model_to_json(None)["probability_two_random_records_match"])


def _from_identified_sources(people: Comparable) -> Mask:
    """Which records come from a source that carries verified identifiers at all."""
    has = (people.identifiers["nhs_number"] != NO_VALUE) | (people.identifiers["upn"] != NO_VALUE)
    sources = len(people.sources)
    share = np.bincount(people.source[has], minlength=sources) / np.bincount(people.source, minlength=sources)
    return (share >= 0.1)[people.source]


def _estimates(linker: Any, what: str) -> dict[str, list[float | None]]:
    """The estimate of each level that is not the null level, by comparison."""
    saved = linker.misc.save_model_to_json(None)
    return {
        comparison["output_column_name"]: [
            level.get(what) for level in comparison["comparison_levels"] if not level.get("is_null_level")
        ]
        for comparison in saved["comparisons"]
    }


def _set_u(settings: dict[str, Any], estimates: dict[str, list[float | None]]) -> None:
    # a level no pair of the sample reached is rarer than one in the sample
    set_estimates(settings, "u_probability", estimates, 0.5 / (_SAMPLE * (_SAMPLE - 1) / 2))


def _set_m(settings: dict[str, Any], estimates: dict[str, list[float | None]]) -> None:
    set_estimates(settings, "m_probability", estimates, _LEAST_M)


def _frequencies(people: Comparable) -> str:
    """How common names are: rows of column, value, frequency; the empty value stands for all rarer ones."""
    lines = ["column,value,frequency"]
    columns = {
        "given_name": (people.given, [value.name for value in people.given_names]),
        "family_or_lone": (people.family, [value.name for value in people.family_names]),
    }
    for column, (codes, texts) in columns.items():
        counts: Counter[str] = Counter()
        for code, count in enumerate(np.bincount(codes[codes >= 0], minlength=len(texts)).tolist()):
            if count and texts[code]:
                counts[str(texts[code])] += count
        total = counts.total()
        lines.append(f"{column},,{rounded(2 / total)}")
        lines += [f"{column},{value},{rounded(n / total)}" for value, n in sorted(counts.items()) if n >= _COMMON]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source, target, *further = (Path(argument) for argument in sys.argv[1:])
    save_model(*train(read_table(source), read_table(further[0]) if further else None), target)
