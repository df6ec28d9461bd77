"""How fast pairs are scored: the same candidate pairs through our scorer and through Splink, turn by turn.

Belongs here: scoring alone, without finding pairs or forming identities. Splink scores them twice over: by our own model,
which gives every pair the same weight in both engines, and by Splink's best recipe for children. Run as a process of its
own: `python -m bench.matching.speed PEOPLE.parquet [--rounds 3] [--json FILE]`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from splink import DuckDBAPI, Linker

from bench.matching.splink_best import best
from bench.matching.splink_peer import connect, tables_of
from pipelines.matching import Model, load_model
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.reading.comparable import Comparable, make_comparable
from pipelines.matching.training.splink_frame import splink_frame
from pipelines.matching.weighing.weigh import Weigher
from pipelines.tables import fetch

__all__ = ["pairs_per_second"]

Array = np.ndarray[Any, np.dtype[Any]]
_AT_ONCE = 250_000  # as a link takes them


def pairs_per_second(people: pa.Table, rounds: int = 3) -> dict[str, dict[str, float]]:
    """For each way of scoring: `pairs`, `seconds` (of its fastest round), `per_second`."""
    model = load_model()
    records = make_comparable(people)
    found = find_candidates(
        records
    )  # by every key: more pairs than a night compares, so that what is fixed weighs little
    ids = np.concatenate([np.zeros(0, np.int64), *found.batches(sys.maxsize)])
    left, right = (ids // records.size).astype(np.int32), (ids % records.size).astype(np.int32)
    ways = {
        "ours": (len(ids), lambda: _ours(records, model, ids)),
        "Splink, our model": (len(ids), _splink_with_ours(records, model, left, right)),
        "Splink, best recipe": _splink_best(people, records, left, right),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (_, score) in ways.items():
            begun = time.perf_counter()
            score()
            seconds[name].append(time.perf_counter() - begun)
    return {
        name: {"pairs": float(pairs), "seconds": min(seconds[name]), "per_second": pairs / min(seconds[name])}
        for name, (pairs, _) in ways.items()
    }


def _ours(records: Comparable, model: Model, ids: Array) -> None:
    Weigher(records, model).weigh_all(np.array_split(ids, max(1, len(ids) // _AT_ONCE)))


def _splink_with_ours(records: Comparable, model: Model, left: Array, right: Array) -> Callable[[], None]:
    settings = model.settings | {
        "blocking_rules_to_generate_predictions": ["l.unique_id = r.unique_id"],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }
    api = DuckDBAPI(connect())
    linker = Linker(api.register(splink_frame(records)), settings, log_level=None)
    return _scorer(linker, api, pa.array(left, pa.int64()), pa.array(right, pa.int64()))


def _splink_best(people: pa.Table, records: Comparable, left: Array, right: Array) -> tuple[int, Callable[[], None]]:
    """Untrained, for what a level weighs makes no odds to the time; the recipe's rows stand for several records each."""
    connection = connect(people, None, {"health": "person_number", "education": "person_number"})
    recipe = best("children", {}, identifier=True)
    recipe.prepare(connection)
    api = DuckDBAPI(connection)
    linker = Linker(tables_of(api, connection, recipe), recipe.settings, log_level=None)
    pairs = pa.table({"a": records.keys.take(pa.array(left)), "b": records.keys.take(pa.array(right))})
    connection.register("wanted", pairs)
    keyed = fetch(
        connection,
        """
        WITH keyed AS (
            SELECT record_key, unique_id, source_dataset || '-__-' || unique_id AS join_key
            FROM stands_for JOIN prepared USING (unique_id)
        )
        SELECT DISTINCT
            CASE WHEN x.join_key < y.join_key THEN x.join_key ELSE y.join_key END AS a,
            CASE WHEN x.join_key < y.join_key THEN y.join_key ELSE x.join_key END AS b
        FROM wanted JOIN keyed x ON a = x.record_key JOIN keyed y ON b = y.record_key WHERE x.unique_id <> y.unique_id
    """,
    )
    return len(keyed), _scorer(linker, api, keyed["a"], keyed["b"])


def _scorer(linker: Linker, api: DuckDBAPI, left: Any, right: Any) -> Callable[[], None]:
    """Splink's `predict` of just these pairs; what it makes once (term frequencies) is made beforehand."""
    pairs = pa.table({"match_key": pa.array(["0"] * len(left)), "join_key_l": left, "join_key_r": right})
    table: duckdb.DuckDBPyConnection = api.duckdb_con
    table.register("pairs_given", pairs)
    table.execute("CREATE TABLE pairs_kept AS SELECT * FROM pairs_given")
    linker.table_management.register_blocked_pairs_for_predict(api.register("pairs_kept"))

    def score() -> None:
        scored = linker.inference.predict(warning_mode="never")
        scored.drop_table_from_database_and_remove_from_cache()

    score()
    return score


def main() -> None:
    """Score the people's candidate pairs, and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    figures = pairs_per_second(pq.read_table(chosen.people), chosen.rounds)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for name, each in figures.items():
        print(f"{name:<22}{each['pairs']:>12,.0f} pairs{each['seconds']:>9.2f} s{each['per_second']:>14,.0f} a second")


if __name__ == "__main__":
    main()
