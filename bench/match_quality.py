"""How good the matcher is on sample nights whose truth is known, and how long it takes.

Run `python bench/match_quality.py [--children 60000] [--authority 330] [--seed 7]`. Prints pairwise precision and
recall over all records, what was missed and wrongly joined by kind, twins joined, and seconds for a first load and a
steady night (with a check that both ways give the same clusters). The truth is read after matching, never before.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import secrets
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from pipelines.contracts import contract_for, load_contract, registered_agencies
from pipelines.deliveries.files import verified
from pipelines.deliveries.landing import lying
from pipelines.deliveries.readers import read_delivery
from pipelines.matching import Matched, MatchState, load_model, match
from pipelines.records.person_records import PersonRecords, build_person_records
from pipelines.tables import connect
from pipelines.validation.judge import judge


def people_of(landing: Path, authority: str, night: dt.date) -> PersonRecords:
    """The person records of one sample night."""
    live, contracts = {}, {}
    for found in lying(str(landing), authority=authority, business_date=night):
        if found.manifest is None:
            continue
        contract = load_contract(found.manifest.contract)
        with verified(found, found.manifest.files) as files:
            read = read_delivery(files, contract, delta=False)
        accepted = judge(read, contract, night, authority=authority).accepted
        accepted = accepted.drop_columns(["change"])
        extra = {
            "delivery_id": pa.array([found.delivery_id] * accepted.num_rows),
            "as_of": pa.array([night] * accepted.num_rows, pa.date32()),
            "content": pa.array(range(accepted.num_rows), pa.int64()),
        }
        for name, column in extra.items():
            accepted = accepted.append_column(name, column)
        live[found.agency], contracts[found.agency] = accepted, contract
    return build_person_records(live, contracts, authority, night)


def timed_match(people: PersonRecords, previous: MatchState | None = None) -> tuple[Matched, float]:
    """One matching, and its seconds."""
    contracts = [contract_for(agency.agency) for agency in registered_agencies()]
    load_model()
    start = time.perf_counter()
    matched = match(
        people.records,
        people.names,
        unique_sources={contract.agency: contract.one_record_per_child for contract in contracts},
        previous=previous,
    )
    return matched, time.perf_counter() - start


def quality(matched: Matched, records: pa.Table, truth: Path, night: dt.date) -> dict[str, float]:
    """Pairwise precision and recall over all pairs of records, and which kinds of child went wrong."""
    views = {
        "clusters": matched.clusters,
        "possible": matched.possible,
        "records": records.select(["record_key", "agency", "position"]),
        "about": truth / "records.parquet",
        "children": truth / "children.parquet",
    }
    with connect(views) as connection:
        connection.execute(f"""
            CREATE TEMP TABLE people AS
            SELECT record_key, agency, cluster, child FROM clusters JOIN records USING (record_key)
            JOIN about USING (agency, position) WHERE business_date = DATE '{night}';
            CREATE TEMP TABLE joined AS
            SELECT a.record_key AS x, b.record_key AS y, a.child AS child_x, b.child AS child_y
            FROM people a JOIN people b ON a.cluster = b.cluster AND a.record_key < b.record_key;
            CREATE TEMP TABLE wanted AS
            SELECT a.record_key AS x, b.record_key AS y, a.agency AS agency_x, b.agency AS agency_y
            FROM people a JOIN people b ON a.child = b.child AND a.record_key < b.record_key;
        """)

        def number(sql: str) -> float:
            return float(connection.execute(sql).fetchall()[0][0] or 0)

        right = number("SELECT count(*) FROM joined WHERE child_x = child_y")
        figures = {
            "records": number("SELECT count(*) FROM people"),
            "identities": number("SELECT count(DISTINCT cluster) FROM people"),
            "children": number("SELECT count(DISTINCT child) FROM people"),
            "precision": right / max(number("SELECT count(*) FROM joined"), 1),
            "recall": right / max(number("SELECT count(*) FROM wanted"), 1),
            "wrongly joined pairs": number("SELECT count(*) FROM joined WHERE child_x <> child_y"),
            "missed pairs": number("SELECT count(*) FROM wanted") - right,
            "of these on the review list": number("""
                SELECT count(*) FROM wanted JOIN possible ON x = record_key_a AND y = record_key_b"""),
            "twin sets": number("SELECT count(DISTINCT twin_set) FROM children WHERE twin_set IS NOT NULL"),
            "twins joined": number("""
                SELECT count(*) FROM joined JOIN children a ON child_x = a.child JOIN children b ON child_y = b.child
                WHERE child_x <> child_y AND a.twin_set = b.twin_set"""),
            "adopted joined": number("""
                SELECT count(*) FROM joined JOIN children a ON child_x = a.child JOIN children b ON child_y = b.child
                WHERE child_x <> child_y AND a.adopted_pair = b.adopted_pair"""),
            "review list": float(matched.possible.num_rows),
        }
        for agencies, share in connection.execute("""
            SELECT agency_x || '-' || agency_y, avg((j.x IS NOT NULL)::int)
            FROM wanted w LEFT JOIN joined j ON w.x = j.x AND w.y = j.y GROUP BY 1 ORDER BY 1""").fetchall():
            figures[f"recall {agencies}"] = share
        for custom, recall, wrong in connection.execute("""
            WITH found AS (
                SELECT child, count(*) AS wanted, count(j.x) AS met FROM wanted w JOIN people p ON w.x = p.record_key
                LEFT JOIN joined j ON w.x = j.x AND w.y = j.y GROUP BY ALL
            ),
            mixed AS (SELECT child_x AS child, count(*) AS wrong FROM joined WHERE child_x <> child_y GROUP BY ALL)
            SELECT custom, sum(met) / sum(wanted), coalesce(sum(wrong), 0)
            FROM children LEFT JOIN found USING (child) LEFT JOIN mixed USING (child) GROUP BY 1 ORDER BY 1
            """).fetchall():
            figures[f"recall {custom}"] = recall
            figures[f"wrongly joined: {custom}"] = float(wrong)
    return figures


def main() -> None:
    """Make two sample nights, match them, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--children", type=int, default=60_000)
    options.add_argument("--authority", default="330")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--keep", type=Path, help="make the nights here, and keep them")
    chosen = options.parse_args()
    os.environ.setdefault("ISINDEX_SECRET", secrets.token_hex(32))
    from sample_feeds.nights import make_nights

    first = dt.date(2026, 11, 18)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        if not (folder / "truth").exists():
            make_nights(
                folder, (chosen.authority,), children=chosen.children, nights=2, seed=chosen.seed, faults="record"
            )
        nights = [people_of(folder / "landing", chosen.authority, first + dt.timedelta(days=n)) for n in (0, 1)]
        matched, seconds = timed_match(nights[0])
        figures = quality(matched, nights[0].records, folder / "truth", first)
        steady, steady_seconds = timed_match(nights[1], matched.state)
        rebuilt, _ = timed_match(nights[1])
        figures |= {
            "seconds, first load": seconds,
            "seconds, steady night": steady_seconds,
            "pairs compared, first load": matched.stats["pairs_compared"],
            "pairs compared, steady night": steady.stats["pairs_compared"],
            "steady night equals rebuild": float(
                steady.clusters == rebuilt.clusters and steady.possible == rebuilt.possible
            ),
            "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        for name, value in figures.items():
            print(f"{name:<32} {value:>14,.5f}" if value % 1 else f"{name:<32} {value:>14,.0f}")


if __name__ == "__main__":
    main()
