"""What interim indexes say: for each of their rows the record that it means, and whether the row can be used at all.

Belongs here: reading the rows by their contract's concepts, and holding each against the record that it names. A row is no
record of a service: nothing is made of it but a link. Not here: what becomes of links (`pipelines.matching.deciding.claims`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Contract
from pipelines.privacy.secret import keyed_digests
from pipelines.records.concepts import Feed
from pipelines.seams import give
from pipelines.seams.claims import CLAIMS
from pipelines.tables import connect, fetch

__all__ = ["MOST_RECORDS", "claims_of"]

MOST_RECORDS = 50
"""Records that one person of an interim index may have: more are no child's, and nothing is made of them."""


def claims_of(
    live: Mapping[str, pa.Table], contracts: Mapping[str, Contract], records: pa.Table, where: str
) -> pa.Table:
    """The rows of interim indexes, each with the record that it means: `CLAIMS`, by interim index and position.

    A row cannot be used when no feed of the authority has its record (``unknown``), when it calls the record by another birth
    date and another given name or sex (``differs``), when another person of the same index has the record too (``twice``), and
    when its person has more records than a child may have (``many``).

    Args:
        live: agency → live rows, of interim indexes alone.
        contracts: agency → the contract that they follow.
        records: the person records of the night.
        where: named in errors.
    """
    feeds = [Feed.of(agency, live[agency].schema.names, contracts, where) for agency in sorted(live)]
    views = {feed.view: live[feed.agency] for feed in feeds}
    with connect({**views, "records": records.select(_HELD_AGAINST)}) as duck:
        duck.execute(f"CREATE TEMP TABLE told AS {' UNION ALL '.join(map(_rows, feeds))}")
        found = fetch(duck, _STATES.format(most=MOST_RECORDS))
    persons = found["person"].combine_chunks()
    each = persons.unique()
    digests = keyed_digests(each, "person of an interim index").take(pc.index_in(persons, each))
    return give(found.set_column(found.column_names.index("person"), "person", digests), CLAIMS)


def _rows(feed: Feed) -> str:
    """SQL of one interim index's rows."""
    return f"""
        SELECT '{feed.agency}' AS source, '{feed.agency}:' || {feed.text("claimed_person")} AS person,
            {feed.text("claimed_agency")} || ':' || {feed.text("claimed_key")} AS record_key,
            {feed.value("birth_date")}::DATE AS born, {feed.value("sex")} AS sex, {feed.text("given_names")} AS given,
            delivery_id, position
        FROM {feed.view} WHERE NOT {feed.truth("withdrawn")}
    """


_HELD_AGAINST = ["record_key", "birth_date", "sex", "given_names"]
_FIRST = "lower(strip_accents(split_part({}, ' ', 1)))"
_STATES = f"""
    WITH bearing AS (SELECT source, record_key, count(DISTINCT person) AS persons FROM told GROUP BY ALL),
    sizes AS (SELECT person, count(DISTINCT record_key) AS size FROM told GROUP BY ALL)
    SELECT t.source, t.person, t.record_key, t.delivery_id, t.position,
        CASE WHEN s.size > {{most}} THEN 'many' WHEN b.persons > 1 THEN 'twice' WHEN r.record_key IS NULL THEN 'unknown'
            WHEN t.born <> r.birth_date AND (coalesce(t.sex <> r.sex, false)
                OR coalesce({_FIRST.format("t.given")} <> {_FIRST.format("r.given_names")}, false)) THEN 'differs'
            ELSE 'usable' END AS state
    FROM told t JOIN bearing b USING (source, record_key) JOIN sizes s USING (person) LEFT JOIN records r USING (record_key)
    ORDER BY t.source, t.delivery_id, t.position, t.record_key
"""
