"""What hidden children cost the others: how many children are hidden and why, and how much of open ones is withheld, on a sample night.

`python -m bench.households` makes one night of an authority, loads it as `isindex load` does, and counts in what was built
who is hidden for whose sake, and what is not shown because of hidden children: of open children by the households, of hidden
ones by the rule of carers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from pipelines.deployment import open_deployment
from pipelines.nights.attempts import Attempt
from pipelines.nights.judging import person_tables
from pipelines.nights.night import Night
from pipelines.protection.household import find_household
from pipelines.protection.tokens import alike, tokens_of_records
from pipelines.tables import connect, read_table
from sample_feeds import make_nights

NIGHT = date(2026, 11, 18)

# kind, of how many, withheld
_COUNTED = """
    SELECT 'children hidden (shielded or withheld)' AS what, count(*) AS of, count(*) FILTER (hidden) AS withheld
    FROM children
    UNION ALL
    SELECT 'addresses of open records', count(*), count(u.record_key)
    FROM person_addresses a JOIN who USING (record_key) LEFT JOIN (SELECT DISTINCT record_key FROM unseen_addresses) u
        USING (record_key) WHERE NOT hidden
    UNION ALL
    SELECT 'open children who have an address, and show none', count(DISTINCT w.index_id),
        count(DISTINCT w.index_id) FILTER (w.index_id NOT IN (SELECT index_id FROM addresses))
    FROM person_addresses a JOIN who w USING (record_key)
    WHERE NOT hidden AND coalesce(a.address, a.postcode, a.uprn) IS NOT NULL
    UNION ALL
    SELECT 'carers'' contacts of open records', count(*), count(u.text)
    FROM person_carers c JOIN who USING (record_key)
    LEFT JOIN unseen_texts u ON u.record_key = c.record_key AND u.text = c.contact WHERE NOT hidden AND contact IS NOT NULL
    UNION ALL
    SELECT 'names and carers'' names of open records', count(*), count(u.text)
    FROM (SELECT record_key, unnest([family_name, given_names]) AS name FROM person_names
        UNION ALL SELECT record_key, name FROM person_carers) n
    JOIN who USING (record_key) LEFT JOIN unseen_texts u ON u.record_key = n.record_key AND u.text = n.name
    WHERE NOT hidden AND name IS NOT NULL
    UNION ALL
    SELECT 'open children without a name', count(DISTINCT index_id), count(DISTINCT index_id) FILTER (
        index_id IN (FROM unseen_nameless))
    FROM who WHERE NOT hidden AND index_id NOT IN (
        SELECT index_id FROM who JOIN person_names USING (record_key) WHERE coalesce(family_name, given_names) IS NOT NULL)
    UNION ALL
    SELECT 'carers'' names of hidden records', count(*), count(u.name)
    FROM person_carers c JOIN who USING (record_key)
    LEFT JOIN unseen_carers u ON u.record_key = c.record_key AND u.name = c.name WHERE hidden AND c.name IS NOT NULL
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


def main() -> int:
    """Make the night, load it, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=20_000)
    children = parser.parse_args().children
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        place = Path(scratch)
        make_nights(place, ("330",), first_night=NIGHT, nights=1, children=children, faults="record")
        deployment = open_deployment(place / "home", create=True, demo=True)
        command = [str(Path(sys.executable).with_name("isindex")), "load", "--landing", str(place / "landing"), "--home",
                   str(place / "home"), "--json"]  # fmt: skip
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        _count(Attempt.last(Night(deployment, "330", NIGHT)), children)
    return 0


def _count(attempt: Attempt, children: int) -> None:
    """Print what the night withheld."""
    person = person_tables(attempt)
    published = attempt.night.home.snapshots(attempt.night.authority) / str(attempt.night.version())
    identities, visibility = (
        read_table(attempt.folder / "identities" / f"{name}.parquet") for name in ("identities", "visibility")
    )
    household = find_household(person, identities, visibility)
    views = {f"person_{name}": table for name, table in person.items()}
    views |= {f"unseen_{name}": table for name, table in vars(household).items()}
    views |= {"identities": identities, "visibility": visibility}
    views["addresses"] = published / "addresses.parquet"
    with connect(views) as connection:
        connection.execute("""
            CREATE TEMP TABLE children AS
            SELECT index_id, shielded OR withheld AS hidden FROM visibility;
            CREATE TEMP TABLE who AS SELECT record_key, index_id, hidden FROM identities JOIN children USING (index_id);
        """)
        print(f"A night of {children:,} sample children, {identities.num_rows:,} records\n")
        views = {name: read_table(attempt.folder / "matching" / f"{name}.parquet") for name in ("possible", "apart")}
        views["alike"] = alike(
            tokens_of_records(
                *(read_table(attempt.folder / "person" / f"{name}.parquet") for name in ("records", "names"))
            ),
            identities,
        )
        for name, table in views.items():
            connection.register(name, table)
        print("Why children are hidden")
        for why, number in connection.execute(_WHY).fetchall():
            print(f"  {why:<68}{number:4,}")
        print("\nWhat is not shown for their sake")
        for what, of, withheld in connection.execute(_COUNTED).fetchall():
            print(f"  {what:<50}{withheld:7,} of {of:7,}  {withheld / max(of, 1):7.2%}")


if __name__ == "__main__":
    sys.exit(main())
