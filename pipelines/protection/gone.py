"""What is kept of records that are gone and were called like a child, bore a number of it, or had its key, and stays when the child is opened.

Belongs here: finding it, so that people are told of it and may say that it was the child's own. Not here: what of it goes by itself, and what follows
(`shielding`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.seams.protection import LATCHED
from pipelines.seams.seam import grown
from pipelines.tables import connect, fetch

__all__ = ["LATCH", "gone_like", "gone_of_wish", "places_but_of"]

LATCH = "latch:"
"""Behind it a holder stands, among what a decision knew of a child: what is kept of that record goes with it; of a wish, where that record lived."""


def gone_like(latched: pa.Table, records: pa.Table, names: pa.Table, record_keys: pa.Array) -> list[str]:
    """Holders of latches whose records are gone, and that bore a number, or names with birth date, of these records, or had the key of one.

    Args:
        latched: `LATCHED`.
        records: `RECORDS` of the night, all of them.
        names: `NAMES`.
        record_keys: the child's.
    """
    views = {
        "latched": grown(latched, LATCHED),
        "tokens": tokens_of_records(records, names),
        "child": pa.table({"record_key": record_keys}),
    }
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH own AS (SELECT kind, token FROM tokens SEMI JOIN child USING (record_key))
            SELECT DISTINCT holder FROM latched
            WHERE (token IN (SELECT token FROM own WHERE kind IN ('number', 'person')) OR was IN (SELECT token FROM own WHERE kind = 'key'))
                AND holder NOT IN (SELECT token FROM tokens WHERE kind = 'key') ORDER BY holder
        """,
        )
    return found["holder"].to_pylist()


def gone_of_wish(tokens: pa.Array, latched: pa.Table, places: pa.Table, record_keys: pa.Array) -> list[str]:
    """Holders of places whose records are gone, of whom a wish speaks: by their key, or a number, or names with birth date that they bore.

    Args:
        tokens: what names the child of the wish.
        latched: `LATCHED`.
        places: `PLACES`.
        record_keys: of the night, all of them.
    """
    views = {
        "latched": grown(latched, LATCHED), "places": places, "told": pa.table({"token": tokens}),
        "living": key_tokens(record_keys.to_pylist()),
    }  # fmt: skip
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            SELECT DISTINCT holder FROM places
            WHERE holder NOT IN (SELECT token FROM living) AND (holder IN (SELECT token FROM told)
                OR holder IN (SELECT holder FROM latched SEMI JOIN told USING (token) WHERE kind IN ('number', 'person'))) ORDER BY holder
        """,
        )
    return found["holder"].to_pylist()


def places_but_of(places: pa.Table, ended: Iterable[tuple[int, Sequence[str]]], entries: pa.Table) -> pa.Table:
    """Places (`PLACES`) without those of whom the wishes speak that two people ended with where these had lived: the latches stay.

    Args:
        places: of before.
        ended: decisions on wishes that take effect tonight: number, and what each knew.
        entries: the register tonight (`ENTRIES`): a wish that was told again is not ended.
    """
    numbers = set(entries["lifted_by"].drop_null().to_pylist())
    goes = [
        told.removeprefix(LATCH)
        for number, known_by in ended
        if number in numbers
        for told in known_by
        if told.startswith(LATCH)
    ]
    return places.filter(pc.invert(pc.is_in(places["holder"], value_set=pa.array(goes, pa.string()))))
