"""How good identities are, held against the truth: pairs of records, records, twins, candidates and scores.

Belongs here: figures from tables; nothing knows which engine made them. Everything is counted from group sizes, so no
pair is ever written out but the candidates that an engine itself proposed.

A pair of records is *joined* when both have one identity, *true* when both are about one entity. Precision is the share
of joined pairs that are true, recall the share of true pairs that are joined, F1 their harmonic mean. B-cubed (Bagga and
Baldwin 1998) takes the same shares within each record's own identity and entity and averages over records, so that a
large entity does not outweigh many small ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

__all__ = ["candidate_recall", "cluster_figures", "recall_at_precision", "recall_by_sources"]


def cluster_figures(identities: pa.Table, truth: pa.Table, *, linkable_only: bool = False) -> dict[str, float]:
    """What joining records by `identities` is worth.

    Args:
        identities: `record_key`, `identity`; a record it lacks, or whose identity is null, stands alone.
        truth: `record_key`, `entity` and, where there are such, `twin_set`, `household`, `adopted_pair`, `linkable`.
        linkable_only: leave records that say neither a name nor a birth date out of everything.

    Returns:
        `records`, `identities`, `entities`, `true_pairs`, `joined_pairs`, `wrong_pairs`, `missed_pairs`, `precision`,
        `recall`, `f1`, `bcubed_precision`, `bcubed_recall`, `bcubed_f1`, and of those never to be joined: `twin_pairs`
        (pairs of entities born together), `twins_joined` (how many of these pairs share an identity), `twin_records`
        (pairs of records thus joined), `siblings_joined` (pairs of other entities of one household), `adopted_pairs`,
        `adopted_joined`.
    """
    marks = {name: name in truth.column_names for name in ("twin_set", "household", "adopted_pair", "linkable")}
    text = {name: name if there else "cast(NULL AS varchar)" for name, there in marks.items()}
    only = "WHERE linkable" if linkable_only and marks["linkable"] else ""
    with _connected(identities=identities, truth=truth) as connection:
        connection.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT
                coalesce('i ' || identity, 'r ' || record_key) AS identity, entity,
                {text["twin_set"]} AS twin_set, {text["household"]} AS household, {text["adopted_pair"]} AS adopted_pair
            FROM truth LEFT JOIN identities USING (record_key) {only};
            CREATE TEMP TABLE cells AS
            SELECT identity, entity, any_value(twin_set) AS twin_set, any_value(household) AS household,
                any_value(adopted_pair) AS adopted_pair, count(*)::bigint AS n
            FROM records GROUP BY identity, entity;
            CREATE TEMP TABLE identity_sizes AS SELECT identity, sum(n) AS size FROM cells GROUP BY identity;
            CREATE TEMP TABLE entity_sizes AS
            SELECT entity, any_value(twin_set) AS twin_set, any_value(adopted_pair) AS adopted_pair, sum(n) AS size
            FROM cells GROUP BY entity;
            -- identities that hold more than one entity, each combination of two entities once
            CREATE TEMP TABLE mixed AS
            SELECT a.entity AS entity, b.entity AS other, a.n * b.n AS pairs,
                coalesce(a.twin_set = b.twin_set, false) AS twins,
                coalesce(a.household = b.household, false) AS siblings,
                coalesce(a.adopted_pair = b.adopted_pair, false) AS adopted
            FROM cells a JOIN cells b ON a.identity = b.identity AND a.entity < b.entity;
        """)

        def number(sql: str) -> float:
            return float(connection.execute(sql).fetchall()[0][0] or 0)

        pairs = "sum(size * (size - 1) / 2)"
        right = number("SELECT sum(n * (n - 1) / 2) FROM cells")
        joined = number(f"SELECT {pairs} FROM identity_sizes")
        true = number(f"SELECT {pairs} FROM entity_sizes")
        records = number("SELECT count(*) FROM records")
        by_record = "SELECT sum(n * n / size) FROM cells JOIN {} USING ({})"
        figures = {
            "records": records,
            "identities": number("SELECT count(*) FROM identity_sizes"),
            "entities": number("SELECT count(*) FROM entity_sizes"),
            "true_pairs": true,
            "joined_pairs": joined,
            "wrong_pairs": joined - right,
            "missed_pairs": true - right,
            **_named("", _share(right, joined), _share(right, true)),
            **_named(
                "bcubed_",
                _share(number(by_record.format("identity_sizes", "identity")), records),
                _share(number(by_record.format("entity_sizes", "entity")), records),
            ),
        }
        for name, mark in (("twin", "twin_set"), ("adopted", "adopted_pair")):
            sets = f"SELECT count(*) AS size FROM entity_sizes WHERE {mark} IS NOT NULL GROUP BY {mark}"
            figures[f"{name}_pairs"] = number(f"SELECT {pairs} FROM ({sets})")
        different = "SELECT count(DISTINCT (entity, other)) FROM mixed WHERE "
        figures["twins_joined"] = number(different + "twins")
        figures["twin_records"] = number("SELECT sum(pairs) FROM mixed WHERE twins")
        figures["siblings_joined"] = number(different + "siblings AND NOT twins AND NOT adopted")
        figures["adopted_joined"] = number(different + "adopted")
    return figures


def candidate_recall(pairs: pa.Table, truth: pa.Table) -> dict[str, float]:
    """What share of the true pairs an engine compares at all.

    Args:
        pairs: `record_key_a`, `record_key_b` in either order, each pair once.
        truth: `record_key`, `entity`.

    Returns:
        `candidates` (how many pairs), `candidate_recall`.
    """
    with _connected(pairs=pairs, truth=truth) as connection:
        found, count = connection.execute("""
            SELECT count(*) FILTER (a.entity = b.entity), count(*)
            FROM pairs
            JOIN truth a ON record_key_a = a.record_key
            JOIN truth b ON record_key_b = b.record_key
        """).fetchall()[0]
        return {"candidates": float(count), "candidate_recall": _share(found, _true_pairs(connection))}


def recall_by_sources(identities: pa.Table, truth: pa.Table) -> dict[str, float]:
    """The share of true pairs joined for each two sources, `health, police` (ordered by name), where there are such pairs.

    Args:
        identities: `record_key`, `identity`; a record it lacks stands alone.
        truth: `record_key`, `source`, `entity`.
    """
    with _connected(identities=identities, truth=truth) as connection:
        rows = connection.execute("""
            WITH records AS (
                SELECT coalesce('i ' || identity, 'r ' || record_key) AS identity, entity, source
                FROM truth LEFT JOIN identities USING (record_key)
            ),
            joined AS (SELECT identity, entity, source, count(*) AS n FROM records GROUP BY ALL),
            known AS (SELECT entity, source, count(*) AS n FROM records GROUP BY ALL),
            found AS (
                SELECT a.source AS one, b.source AS other,
                    sum(CASE WHEN a.source = b.source THEN a.n * (a.n - 1) / 2 ELSE a.n * b.n END) AS pairs
                FROM joined a JOIN joined b USING (identity, entity) WHERE a.source <= b.source GROUP BY ALL
            ),
            wanted AS (
                SELECT a.source AS one, b.source AS other,
                    sum(CASE WHEN a.source = b.source THEN a.n * (a.n - 1) / 2 ELSE a.n * b.n END) AS pairs
                FROM known a JOIN known b USING (entity) WHERE a.source <= b.source GROUP BY ALL
            )
            SELECT one || ', ' || other, coalesce(found.pairs, 0) / wanted.pairs
            FROM wanted LEFT JOIN found USING (one, other) WHERE wanted.pairs > 0 ORDER BY 1
        """).fetchall()
    return {name: float(share) for name, share in rows}


def recall_at_precision(pairs: pa.Table, truth: pa.Table, precision: float = 0.999) -> float:
    """The largest share of true pairs that some threshold on the weight reaches at no less than `precision`.

    Args:
        pairs: `record_key_a`, `record_key_b`, `weight`, each pair once; pairs of one weight stand or fall together.
        truth: `record_key`, `entity`.
        precision: the least share of accepted pairs that must be true.
    """
    with _connected(pairs=pairs, truth=truth) as connection:
        (found,) = connection.execute(f"""
            WITH by_weight AS (
                SELECT weight, count(*) FILTER (a.entity = b.entity) AS hits, count(*) AS n
                FROM pairs
                JOIN truth a ON record_key_a = a.record_key
                JOIN truth b ON record_key_b = b.record_key
                GROUP BY weight
            ),
            accepted AS (
                SELECT sum(hits) OVER down AS hits, sum(n) OVER down AS n
                FROM by_weight WINDOW down AS (ORDER BY weight DESC)
            )
            SELECT max(hits) FROM accepted WHERE hits >= {precision} * n
        """).fetchall()[0]
        return _share(found or 0, _true_pairs(connection))


def _true_pairs(connection: duckdb.DuckDBPyConnection) -> float:
    sizes = "SELECT count(*) AS n FROM truth GROUP BY entity"
    return float(connection.execute(f"SELECT sum(n * (n - 1) / 2) FROM ({sizes})").fetchall()[0][0] or 0)


def _named(prefix: str, precision: float, recall: float) -> dict[str, float]:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {f"{prefix}precision": precision, f"{prefix}recall": recall, f"{prefix}f1": f1}


def _share(part: float, whole: float) -> float:
    """`part` of `whole`; of nothing, all: who joins nothing joins nothing wrongly."""
    return float(part) / float(whole) if whole else 1.0


@contextmanager
def _connected(**tables: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for name, table in tables.items():
            connection.register(name, table)
        yield connection
