"""Splink on one file of people, as a process of its own: its identities, its scored pairs, its seconds and memory.

Belongs here: running a recipe and writing what came of it; the truth is never read. Run
`python -m bench.matching.splink_peer PEOPLE.parquet OUT.parquet --config demo|best --recipe children|historical|febrl
[--further FILE] [--unique-source SOURCE=RULE ...] [--json FILE] [--pairs FILE] [--thresholds]`. OUT holds `record_key`,
`identity` (at the recipe's own threshold) and with `--thresholds` a column for every other threshold and way of forming
identities, for whoever wants to pick one with the truth. Seconds and memory are taken before these further columns and
the pairs are made.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from splink import DuckDBAPI, Linker

from bench.matching.costs import peak_memory, warm_up
from bench.matching.splink_best import best
from bench.matching.splink_demo import demo
from bench.matching.splink_recipe import Recipe
from pipelines.tables import fetch

__all__ = ["THREADS", "connect", "link", "tables_of"]

THREADS = 2
_THRESHOLDS = (
    0.001,
    0.005,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.995,
    0.999,
    0.9999,
    0.99999,
    0.999999,
)


class Stages:
    """Seconds by stage, and the most memory used so far."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def done(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._since
        self._since = now


def link(
    people: pa.Table,
    further: pa.Table | None,
    recipe: Recipe,
    unique_sources: dict[str, str],
    *,
    with_pairs: bool = False,
    thresholds: Sequence[float] = (),
) -> tuple[pa.Table, dict[str, Any], pa.Table | None]:
    """Identities, figures and candidate pairs (`record_key_a`, `record_key_b`, `weight`) of one run.

    `thresholds` adds identities at each of them; without `with_pairs` no pairs are returned.
    """
    stages = Stages()
    connection = connect(people, further, unique_sources)
    recipe.prepare(connection)
    stages.done("prepare")
    tables = tables_of(DuckDBAPI(connection), connection, recipe)
    linker = Linker(tables, recipe.settings, log_level=None)
    recipe.train(linker)
    if recipe.least_m:
        linker = Linker(tables, _smoothed(linker.misc.save_model_to_json(None), recipe.least_m), log_level=None)
    stages.done("train")
    blocked = linker.inference.compute_blocked_pairs_for_predict()
    stages.done("candidates")
    scored = linker.inference.predict(threshold_match_probability=recipe.least or None, warning_mode="never")
    stages.done("score")
    result = _identities(connection, linker, scored, recipe.threshold, recipe.one_each)
    stages.done("cluster")
    figures = {
        "seconds": stages.seconds,
        "peak_memory_bytes": peak_memory(),
        "candidates": _count(connection, blocked.physical_name),
        "scored": _count(connection, scored.physical_name),
        "threshold": recipe.threshold,
        "one_each": list(recipe.one_each),
    }
    for threshold in thresholds:
        for way, one_each in {"components": (), "best links": recipe.one_each}.items():
            if way == "components" or one_each:
                other = _identities(connection, linker, scored, threshold, one_each)
                result = result.append_column(f"{way} at {threshold}", other["identity"])
    pairs = _pairs(connection, blocked.physical_name, scored.physical_name, recipe) if with_pairs else None
    return result, figures, pairs


def connect(
    people: pa.Table | None = None, further: pa.Table | None = None, unique_sources: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """DuckDB with as many threads as our matcher, and the views that recipes prepare records from."""
    connection = duckdb.connect(config={"threads": THREADS, "autoinstall_known_extensions": "false"})
    connection.execute("SET enable_progress_bar = false")
    if people is not None:
        connection.register("people", people)
        connection.register("further", people.select(["record_key"]) if further is None else further)
    texts = pa.schema([("source", pa.string()), ("rule", pa.string())])
    rules = dict(unique_sources or {})
    connection.register("sources", pa.table([list(rules), list(rules.values())], schema=texts))
    return connection


def tables_of(api: DuckDBAPI, connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> Any:
    """What the recipe has prepared, registered with Splink: one table, or one for each source."""
    if recipe.settings.link_type == "dedupe_only":
        return api.register("prepared", dataset_display_name="prepared")
    names = [row[0] for row in connection.execute("SELECT DISTINCT source_dataset FROM prepared ORDER BY 1").fetchall()]
    for name in names:
        connection.execute(
            f"CREATE TABLE of_{name} AS SELECT * EXCLUDE (source_dataset) FROM prepared WHERE source_dataset = '{name}'"
        )
    return [api.register(f"of_{name}", dataset_display_name=name) for name in names]


def _smoothed(model: dict[str, Any], least_m: float) -> dict[str, Any]:
    """The model with no m below `least_m` but where it was fixed, and none missing."""
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level") and not level.get("fix_m_probability"):
                level["m_probability"] = max(level.get("m_probability") or 0.0, least_m)
    return model


def _identities(
    connection: duckdb.DuckDBPyConnection, linker: Linker, scored: Any, threshold: float, one_each: tuple[str, ...]
) -> pa.Table:
    """`record_key`, `identity`, ordered by key."""
    if one_each:
        # as written its joins start from the links; DuckDB may begin with all pairs of unequal representatives instead
        connection.execute("SET disabled_optimizers = 'join_order'")
        clusters = linker.clustering.cluster_using_single_best_links(
            scored, list(one_each), threshold_match_probability=threshold
        )
        connection.execute("RESET disabled_optimizers")
    else:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            scored, threshold_match_probability=threshold
        )
    table = fetch(
        connection,
        f"""
        SELECT stands_for.record_key, cast(cluster_id AS varchar) AS identity
        FROM {clusters.physical_name} JOIN stands_for USING (unique_id) ORDER BY 1
    """,
    )
    clusters.drop_table_from_database_and_remove_from_cache()
    return table


def _pairs(connection: duckdb.DuckDBPyConnection, blocked: str, scored: str, recipe: Recipe) -> pa.Table:
    """Every candidate with its weight, null where it fell below the least probability; with all records of its rows."""
    bare = "" if recipe.settings.link_type == "dedupe_only" else "regexp_replace({}, '^.*-__-', '')"
    left, right = (bare.format(f"join_key_{side}") or f"join_key_{side}" for side in "lr")
    return fetch(
        connection,
        f"""
        WITH blocked AS (
            SELECT DISTINCT cast({left} AS bigint) AS a, cast({right} AS bigint) AS b FROM {blocked}
        ),
        weighed AS (
            SELECT a, b, match_weight AS weight
            FROM blocked LEFT JOIN {scored} s ON s.unique_id_l = a AND s.unique_id_r = b
            UNION ALL
            SELECT unique_id, unique_id, 1000 FROM stands_for GROUP BY unique_id HAVING count(*) > 1
        )
        SELECT x.record_key AS record_key_a, y.record_key AS record_key_b, weight
        FROM weighed JOIN stands_for x ON a = x.unique_id JOIN stands_for y ON b = y.unique_id
        WHERE a <> b OR x.record_key < y.record_key
    """,
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def main() -> None:
    """Read the people, run the recipe, write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", choices=["demo", "best"], required=True)
    parser.add_argument("--recipe", choices=["children", "historical", "febrl"], required=True)
    parser.add_argument("--further", type=Path)
    parser.add_argument("--unique-source", action="append", default=[], metavar="SOURCE=RULE")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--thresholds", action="store_true", help="identities at other thresholds too")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    warm_up()
    begun = time.perf_counter()
    people = pq.ParquetFile(chosen.people).read()
    further = pq.ParquetFile(chosen.further).read() if chosen.further else None
    unique = dict(each.split("=", 1) for each in chosen.unique_source)
    read = time.perf_counter() - begun
    identifier = people["nhs_number"].null_count < people.num_rows
    recipe = {"demo": demo, "best": best}[chosen.config](chosen.recipe, unique, identifier)
    result, figures, pairs = link(
        people,
        further,
        recipe,
        unique,
        with_pairs=chosen.pairs is not None,
        thresholds=_THRESHOLDS if chosen.thresholds else (),
    )
    pq.write_table(result, chosen.out)
    figures["seconds"] = {"read": read} | figures["seconds"]
    if chosen.pairs and pairs is not None:
        pq.write_table(pairs, chosen.pairs)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
