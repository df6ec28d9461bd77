"""Places that stay hidden though no record of the night tells of them.

Belongs here: where a hidden child's records said it lives, carried on while the child is latched, and where a wish says so
that no record stands behind: one that was rejected, withdrawn, or never understood. Kept as keyed digests, they hide the
addresses of tonight that are the same place. Not here: what else is hidden with a place (`household`).
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.protection.household import FURTHER_PLACES
from pipelines.protection.tokens import LASTING, key_tokens, tokens_of_places
from pipelines.seams import give
from pipelines.seams.protection import PLACES
from pipelines.tables import connect, fetch

__all__ = ["known_places", "places_after"]


def places_after(
    before: pa.Table, latched: pa.Table, visibility: pa.Table, identities: pa.Table, addresses: pa.Table
) -> pa.Table:
    """The latched places after a night: `PLACES`.

    Args:
        before: those of the night before.
        latched: what is latched after the night (`LATCHED`): a place goes with whoever held it.
        visibility: `VISIBILITY` of the night.
        identities: `IDENTITIES`: record_key and index_id are read.
        addresses: `ADDRESSES`.
    """
    views = {"visibility": visibility, "identities": identities, "addresses": addresses}
    with connect(views) as duck:
        theirs = fetch(
            duck,
            """
            SELECT DISTINCT a.record_key, a.address, a.postcode, a.uprn FROM addresses a JOIN identities USING (record_key)
            JOIN visibility USING (index_id) WHERE shielded OR withheld
        """,
        )
    views = {
        "before": before, "latched": latched, "theirs": theirs, "tokens": tokens_of_places(theirs),
        "keys": key_tokens(sorted(set(theirs["record_key"].to_pylist()))),
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
            )
            FROM every SEMI JOIN latched USING (holder) ORDER BY ALL
        """,
        )
    return give(after, PLACES)


def known_places(entries: pa.Table, places: pa.Table, latched: pa.Table, addresses: pa.Table | Path) -> pa.Table:
    """Addresses of a night that are places known to be hidden: `FURTHER_PLACES`.

    Args:
        entries: the register (`ENTRIES`).
        places: what is latched (`PLACES`).
        latched: what who is hidden there was known by (`LATCHED`).
        addresses: `ADDRESSES` of the night.
    """
    if not (entries.num_rows or places.num_rows):
        return FURTHER_PLACES.empty_table()
    views = {
        "entries": entries,
        "places": places,
        "latched": latched,
        "written": tokens_of_places(addresses, sought=True),
    }
    with connect(views) as duck:
        duck.execute("SET VARIABLE lasting = ?", [list(LASTING)])
        found = fetch(
            duck,
            """
            WITH told AS MATERIALIZED (SELECT entry_id, tokens, unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL),
            by_wish AS (SELECT DISTINCT uprn, postcode, address, tokens FROM written JOIN told USING (token)),
            by_latch AS (SELECT DISTINCT uprn, postcode, address, holder FROM written JOIN places USING (token))
            SELECT uprn, postcode, address, unnest(tokens) AS known_by FROM by_wish
            UNION SELECT uprn, postcode, address, holder FROM by_latch
            UNION SELECT uprn, postcode, address, l.token FROM by_latch JOIN latched l USING (holder)
            WHERE kind IS NULL OR list_contains(getvariable('lasting'), kind::VARCHAR)
            ORDER BY ALL
        """,
        )
    return found.cast(FURTHER_PLACES)
