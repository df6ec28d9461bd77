"""What hidden children cost the others: how many children are hidden and why, and how much is not shown for their sake, on a sample night.

`python -m bench.households` makes nights of an authority, loads them as `isindex load` does, and holds what was delivered against what the
last version shows: of open records every column by itself, of hidden ones the names of carers. *For their sake* is what the rule of households
withholds, asked as the product asks it; *else* is what is not shown for another reason (a number that an agency issued stands in it). A first
night has no latches of weeks; `--nights` loads more. Two draws are made, so that nobody takes one for a law.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.deployment import open_deployment
from pipelines.nights.attempts import Attempt
from pipelines.nights.judging import person_tables, places_of
from pipelines.nights.night import Night
from pipelines.protection.household import find_household
from pipelines.protection.tokens import alike, tokens_of_records
from pipelines.tables import connect, read_table
from sample_feeds import make_nights

AUTHORITY = "330"
NIGHT = date(2026, 11, 18)
# what is printed of a column → table and column of the person tables, and of the version
COLUMNS = {
    "family names": ("names", "family_name"),
    "given names": ("names", "given_names"),
    "carers' names": ("carers", "name"),
    "carers' relationships": ("carers", "relationship"),
    "carers' contacts": ("carers", "contact"),
    "services' names": ("involvements", "service"),
    "services' contacts": ("involvements", "contact"),
    "services' telephone numbers": ("involvements", "phone"),
}

_PLACE = "coalesce(address, postcode, uprn) IS NOT NULL"
# every record with its child; what was delivered of open ones by what it is, and of each whether the version shows it and the rule withholds it
_CELLS = f"""
    CREATE TEMP TABLE children AS SELECT index_id, shielded OR withheld AS hidden FROM visibility;
    CREATE TEMP TABLE who AS SELECT record_key, index_id, hidden FROM identities JOIN children USING (index_id);
    CREATE TEMP TABLE delivered AS
    SELECT 'addresses' AS what, record_key, [address, postcode, uprn] AS said, address AS text FROM person_addresses WHERE {
    _PLACE
}
    {
    "".join(
        f" UNION ALL SELECT '{what.replace(chr(39), chr(39) * 2)}', record_key, [{column}], {column} FROM person_{table} WHERE {column} IS NOT NULL"
        + (" AND kind <> 'sensitive_service'" if table == "involvements" else "")
        for what, (table, column) in COLUMNS.items()
    )
};
    CREATE TEMP TABLE shown AS
    SELECT DISTINCT 'addresses' AS what, index_id, [address, postcode, uprn] AS said FROM shown_addresses
    {
    "".join(
        f" UNION SELECT '{what.replace(chr(39), chr(39) * 2)}', index_id, [{column}] FROM shown_{table}"
        for what, (table, column) in COLUMNS.items()
    )
};
    CREATE TEMP TABLE cells AS
    SELECT d.what, d.record_key, w.index_id, w.hidden, d.said, s.index_id IS NOT NULL AS is_shown,
        t.text IS NOT NULL OR a.said IS NOT NULL OR c.name IS NOT NULL AS is_withheld
    FROM delivered d JOIN who w USING (record_key) LEFT JOIN shown s ON s.what = d.what AND s.index_id = w.index_id AND s.said = d.said
    LEFT JOIN unseen_texts t ON t.record_key = d.record_key AND t.text = d.text
    LEFT JOIN (SELECT DISTINCT record_key, [address, postcode, uprn] AS said FROM unseen_addresses) a
        ON d.what = 'addresses' AND a.record_key = d.record_key AND a.said = d.said
    LEFT JOIN unseen_carers c ON d.what = 'carers'' names' AND c.record_key = d.record_key AND c.name = d.text
"""
# what, of how many, not shown for their sake, not shown else
_COUNTED = f"""
    SELECT * EXCLUDE (place) FROM (
    SELECT 1 AS place, 'children hidden (shielded or withheld)', count(*), count(*) FILTER (hidden), 0 FROM children
    UNION ALL
    SELECT 2, 'open children who have an address, and show none', count(*), count(*) FILTER (none AND sake), count(*) FILTER (none AND NOT sake)
    FROM (SELECT NOT bool_or(is_shown) AS none, bool_or(is_withheld) AS sake FROM cells WHERE what = 'addresses' AND NOT hidden GROUP BY index_id)
    UNION ALL
    SELECT 3, 'open children without a name', count(DISTINCT index_id), count(DISTINCT index_id) FILTER (index_id IN (FROM unseen_nameless)), 0
    FROM who WHERE NOT hidden AND index_id NOT IN (
        SELECT index_id FROM who JOIN person_names USING (record_key) WHERE coalesce(family_name, given_names) IS NOT NULL)
    UNION ALL
    SELECT 10 + kinds.place, kinds.what || ' of open records', count(c.what), count(*) FILTER (NOT is_shown AND is_withheld), count(*) FILTER (NOT is_shown AND NOT is_withheld)
    FROM (VALUES (0, 'addresses'), {", ".join(f"({place}, '{what.replace(chr(39), chr(39) * 2)}')" for place, what in enumerate(COLUMNS, 1))}) kinds(place, what)
    LEFT JOIN (FROM cells WHERE NOT hidden) c ON c.what = kinds.what GROUP BY kinds.place, kinds.what
    UNION ALL
    SELECT 100, 'carers'' names of hidden records', count(*), count(*) FILTER (NOT is_shown AND is_withheld), count(*) FILTER (NOT is_shown AND NOT is_withheld)
    FROM cells WHERE what = 'carers'' names' AND hidden
    UNION ALL
    SELECT 101, 'carers'' names of hidden children, each once', count(*), count(*) FILTER (none AND sake), count(*) FILTER (none AND NOT sake)
    FROM (SELECT NOT bool_or(is_shown) AS none, bool_or(is_withheld) AS sake FROM cells WHERE what = 'carers'' names' AND hidden GROUP BY index_id, said)
    ) ORDER BY place
"""
# why, how many children; who is withheld for several reasons counts for the first
_WHY = """
    WITH hidden AS (SELECT i.record_key, i.index_id, v.shielded FROM identities i JOIN visibility v USING (index_id) WHERE shielded OR withheld),
    pairs AS (
        SELECT record_key_a AS x, record_key_b AS y, 1 AS why FROM alike
        UNION ALL SELECT record_key_a, record_key_b, 2 FROM possible
        UNION ALL SELECT record_key_a, record_key_b, 3 FROM apart
    ),
    either AS (SELECT x, y, why FROM pairs UNION ALL SELECT y, x, why FROM pairs),
    reasons AS (
        SELECT h.index_id, min(e.why) AS why FROM hidden h JOIN either e ON e.x = h.record_key JOIN hidden s ON s.record_key = e.y
        WHERE NOT h.shielded AND s.shielded GROUP BY ALL
    ),
    told AS (
        SELECT DISTINCT index_id, if(shielded, 0, coalesce(why, 4)) AS why FROM hidden LEFT JOIN reasons USING (index_id)
    )
    SELECT words, count(t.index_id) FROM (VALUES
        (0, 'shielded: a record of theirs asks'),
        (1, 'withheld: with a number, or name and birth date, of one of these'),
        (2, 'withheld: a reviewer is asked whether it is one of these'),
        (3, 'withheld: like one of these, and not certainly another child'),
        (4, 'withheld: by way of another who is')) w(why, words) LEFT JOIN told t USING (why) GROUP BY why, words ORDER BY why
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the nights, load them, count; each seed by itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=20_000)
    parser.add_argument("--seed", type=int, nargs="+", default=[1, 2], help="of everything drawn")
    parser.add_argument("--nights", type=int, default=1, help="how many are loaded; counted is the last")
    parser.add_argument("--keep", type=Path, help="a folder for the homes; default: none is kept")
    given = parser.parse_args(arguments)
    for seed in given.seed:
        with ExitStack() as stack:
            scratch = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isindex-bench-")))
            attempt = loaded(scratch / f"seed-{seed}", given.children, seed, given.nights)
            print(f"Night {given.nights} of {given.children:,} sample children, seed {seed}", end="")
            _count(attempt)
    return 0


def loaded(place: Path, children: int, seed: int, nights: int) -> Attempt:
    """The last of some nights, made and loaded in `place`."""
    make_nights(place, (AUTHORITY,), first_night=NIGHT, nights=nights, children=children, seed=seed, faults="record")
    deployment = open_deployment(place / "home", create=True, demo=True)
    command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
               str(place / "home"), "--json"]  # fmt: skip
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return Attempt.last(Night(deployment, AUTHORITY, NIGHT + timedelta(days=nights - 1)))


def _count(attempt: Attempt) -> None:
    """Print what the night withheld."""
    person = person_tables(attempt)
    published = attempt.night.home.snapshots(attempt.night.authority) / str(attempt.night.version())
    identities, visibility = (
        read_table(attempt.folder / "identities" / f"{name}.parquet") for name in ("identities", "visibility")
    )
    household = find_household(person, identities, visibility, places_of(attempt))  # as `build_snapshot` asks it
    views = {f"person_{name}": table for name, table in person.items()}
    views |= {f"unseen_{name}": table for name, table in vars(household).items()}
    views |= {
        f"shown_{name}": published / f"{name}.parquet" for name in ("names", "addresses", "carers", "involvements")
    }
    views |= {"identities": identities, "visibility": visibility}
    views |= {name: read_table(attempt.folder / "matching" / f"{name}.parquet") for name in ("possible", "apart")}
    views["alike"] = alike(
        tokens_of_records(
            *(read_table(attempt.folder / "person" / f"{name}.parquet") for name in ("records", "names"))
        ),
        identities,
    )
    with connect(views) as connection:
        connection.execute(_CELLS)
        print(f": {identities.num_rows:,} records\n")
        _print(connection)


def _print(connection: duckdb.DuckDBPyConnection) -> None:
    print("Why children are hidden")
    for why, number in connection.execute(_WHY).fetchall():
        print(f"  {why:<68}{number:4,}")
    print(f"\n{'What is not shown':<52}{'for their sake':>14}{'of':>10}{'':9}{'else':>6}")
    for what, of, withheld, other in connection.execute(_COUNTED).fetchall():
        print(f"  {what:<50}{withheld:14,}{of:10,}{withheld / max(of, 1):9.2%}{other:6,}")
    print()


if __name__ == "__main__":
    sys.exit(main())
