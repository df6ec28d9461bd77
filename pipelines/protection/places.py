"""Places that stay hidden though no record of the night tells of them.

Belongs here: where a hidden child's records said it lives, carried on while the child is latched, and where a wish says so
that no record stands behind: one that was rejected, withdrawn, or never understood. Kept as keyed digests, they hide the
addresses of tonight that are the same place; where many live there, of the child's family alone (`ties`). Not here: what else is hidden with a place (`household`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.protection.household import FURTHER_PLACES
from pipelines.protection.ties import tie_tokens
from pipelines.protection.tokens import key_tokens, tokens_of_places
from pipelines.seams import give
from pipelines.seams.protection import PLACES
from pipelines.tables import connect, fetch

__all__ = ["known_places", "places_after"]


def places_after(
    before: pa.Table,
    latched: pa.Table,
    visibility: pa.Table,
    identities: pa.Table,
    person: Mapping[str, pa.Table | Path],
) -> pa.Table:
    """The latched places after a night, and what makes others the family of who lives there: `PLACES`.

    Args:
        before: those of the night before.
        latched: what is latched after the night (`LATCHED`): a place goes with whoever held it.
        visibility: `VISIBILITY` of the night.
        identities: `IDENTITIES`: record_key and index_id are read.
        person: the tables of `PERSON_TABLES`: records, names, addresses and carers are read.
    """
    views: dict[str, pa.Table | Path] = {
        "visibility": visibility,
        "identities": identities,
        "addresses": person["addresses"],
    }
    with connect(views) as duck:
        hidden = fetch(
            duck,
            "SELECT record_key, index_id FROM identities JOIN visibility USING (index_id) WHERE shielded OR withheld ORDER BY ALL",
        )
        theirs = fetch(
            duck,
            """
            SELECT DISTINCT a.record_key, a.address, a.postcode, a.uprn FROM addresses a JOIN identities USING (record_key)
            JOIN visibility USING (index_id) WHERE shielded OR withheld
        """,
        )
    views = {
        "before": before, "latched": latched, "theirs": theirs, "tokens": tokens_of_places(theirs), "hidden": hidden,
        "ties": tie_tokens(person, hidden["record_key"].combine_chunks()),
        "keys": key_tokens(sorted(set(hidden["record_key"].to_pylist()))),
    }  # fmt: skip
    with connect(views) as duck:
        after = fetch(
            duck,
            """
            WITH every AS (
                SELECT token, holder FROM before
                UNION
                SELECT t.token, k.token FROM theirs h JOIN tokens t ON t.address IS NOT DISTINCT FROM h.address
                    AND t.postcode IS NOT DISTINCT FROM h.postcode AND t.uprn IS NOT DISTINCT FROM h.uprn
                JOIN keys k USING (record_key)
                UNION  -- a child's family by all its records
                SELECT t.token, k.token FROM ties t JOIN hidden h USING (record_key) JOIN hidden r USING (index_id)
                JOIN keys k ON k.record_key = r.record_key WHERE r.record_key IN (SELECT record_key FROM theirs)
            )
            FROM every SEMI JOIN latched USING (holder) ORDER BY ALL
        """,
        )
    return give(after, PLACES)


def known_places(entries: pa.Table, places: pa.Table, addresses: pa.Table | Path) -> pa.Table:
    """Addresses of a night that are places known to be hidden: `FURTHER_PLACES`.

    Args:
        entries: the register (`ENTRIES`).
        places: what is latched (`PLACES`).
        addresses: `ADDRESSES` of the night.
    """
    if not (entries.num_rows or places.num_rows):
        return FURTHER_PLACES.empty_table()
    with connect({"entries": entries, "places": places}) as duck:
        kept = fetch(
            duck, "SELECT unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL UNION SELECT token FROM places"
        )
    written = tokens_of_places(addresses, sought=True, among=kept["token"].combine_chunks())
    with connect({"entries": entries, "places": places, "written": written}) as duck:
        found = fetch(
            duck,
            """
            WITH told AS MATERIALIZED (SELECT entry_id, tokens, unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL),
            by_wish AS (SELECT DISTINCT uprn, postcode, address, tokens FROM written JOIN told USING (token)),
            by_latch AS (SELECT DISTINCT uprn, postcode, address, holder FROM written JOIN places USING (token))
            SELECT uprn, postcode, address, unnest(tokens) AS known_by FROM by_wish
            UNION SELECT uprn, postcode, address, holder FROM by_latch
            UNION SELECT uprn, postcode, address, p.token FROM by_latch JOIN places p USING (holder)
            ORDER BY ALL
        """,
        )
    return found.cast(FURTHER_PLACES)
