"""Our matcher on one file of people, as a process of its own: its identities, its candidate pairs, its seconds and memory.

Belongs here: running `link_people` and writing what came of it; the truth is never read. Run
`python -m bench.matching.ours PEOPLE.parquet OUT.parquet [--unique-source SOURCE=RULE ...] [--model NAME] [--json FILE]
[--pairs FILE]`. OUT holds `record_key`, `identity`. Seconds and memory are taken before the pairs are made.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.matching.costs import peak_memory, warm_up
from pipelines.matching import Model, load_model

__all__ = ["Outcome", "candidate_pairs", "link"]

_AT_ONCE = 1_000_000  # pairs weighed at a time


@dataclass(frozen=True)
class Outcome:
    """`identities` (`record_key`, `identity`), the model used, seconds by stage, counts of any kind."""

    identities: pa.Table
    model: Model
    seconds: dict[str, float]
    counts: dict[str, float]


def link(read: Callable[[], pa.Table], model: str | None, unique_sources: dict[str, str]) -> Outcome:
    """Link the people that are read by the product's general entry: the one place that knows how it is called."""
    from pipelines.matching.people import link_people

    # the general entry knows sources that hold each person once; it is not told which hold each number once
    once = tuple(source for source, rule in unique_sources.items() if rule == "record")
    linked = link_people(read(), model=load_model(model) if model else None, unique_sources=once)
    identities = linked.identities.select(["record_key", "identity"])
    return Outcome(identities, linked.model, linked.seconds, linked.matched.stats)


def candidate_pairs(people: pa.Table, model: Model) -> pa.Table:
    """Every pair that is compared, `record_key_a`, `record_key_b`, `weight` (match weight less the household's discount)."""
    from pipelines.matching.pairing.candidates import find_candidates
    from pipelines.matching.reading.comparable import make_comparable
    from pipelines.matching.weighing.weigh import Weigher

    records = make_comparable(people)
    parts, weigher = [], Weigher(records, model)
    for batch in find_candidates(records, keys=model.policy.keys).batches(_AT_ONCE):
        pairs = weigher.weigh(batch, always=True)
        keys = (records.keys.take(pa.array(side)) for side in (pairs.left, pairs.right))
        parts.append(pa.table([*keys, pairs.total], names=["record_key_a", "record_key_b", "weight"]))
    return pa.concat_tables(parts)


def main() -> None:
    """Read the people, link them, write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--unique-source", action="append", default=[], metavar="SOURCE=RULE")
    parser.add_argument("--model", help="name or file of a model; default one made from the people")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pairs", type=Path)
    chosen = parser.parse_args()
    warm_up()
    begun = time.perf_counter()
    read = 0.0

    def people() -> pa.Table:
        nonlocal read
        table = pq.ParquetFile(chosen.people).read()
        read = time.perf_counter() - begun
        return table

    outcome = link(people, chosen.model, dict(each.split("=", 1) for each in chosen.unique_source))
    whole = time.perf_counter() - begun
    figures = {
        "seconds": {"read": read} | outcome.seconds,
        "whole": whole,
        "peak_memory_bytes": peak_memory(),
        "counts": {name: float(np.float64(count)) for name, count in outcome.counts.items()},
    }
    pq.write_table(outcome.identities, chosen.out)
    if chosen.pairs:
        pq.write_table(candidate_pairs(people(), outcome.model), chosen.pairs)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
