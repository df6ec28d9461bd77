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


def gone_like(
    latched: pa.Table,
    records: pa.Table,
    names: pa.Table,
    record_keys: pa.Array,
    *,
    last: Sequence[str] = (),
    others: Sequence[str] = (),
    between: Sequence[str] = (),
) -> list[str]:
    """Holders of latches whose records are gone, and that bore a number, or names with birth date, of these records, or had the key of one.

    What another child bears besides, who people said is another or who stands on the other side of a firewall, tells nothing: such a record may be
    that child's.

    Args:
        latched: `LATCHED`.
        records: `RECORDS` of the night, all of them.
        names: `NAMES`.
        record_keys: the child's.
        last: holders that belonged last to the child.
        others: holders that are another's than the child.
        between: holders that may be the child's or another's, side of a firewall.
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
            WITH own AS (SELECT kind, token FROM tokens SEMI JOIN child USING (record_key)),
            shared AS (SELECT token FROM latched WHERE list_contains($others::VARCHAR[], holder))
            SELECT DISTINCT holder FROM latched
            WHERE (token IN (SELECT token FROM own WHERE kind IN ('number', 'person')) AND (
                    token NOT IN (FROM shared) OR list_contains($last::VARCHAR[], holder) OR list_contains($between::VARCHAR[], holder))
                OR was IN (SELECT token FROM own WHERE kind = 'key'))
                AND NOT list_contains($others::VARCHAR[], holder) AND holder NOT IN (SELECT token FROM tokens WHERE kind = 'key') ORDER BY holder
        """,
            {"last": list(last), "others": list(others), "between": list(between)},
        )
    return found["holder"].to_pylist()


def gone_of_wish(
    entry_id: str, entries: pa.Table, places: pa.Table, record_keys: pa.Array, former: pa.Table
) -> list[str]:
    """Holders of places whose records are gone, of whom a wish speaks: of the record that asked, and of those that belonged last to the same child;
    but to none of these while another wish of one of them stands: people speak of one wish, and another child may have been taken for it.

    Args:
        entry_id: of the wish.
        entries: the register (`ENTRIES`).
        places: `PLACES`.
        record_keys: of the night, all of them.
        former: record_key, index_id: of records that are gone the identity that they belonged to last.
    """
    views = {
        "entries": entries, "places": places, "living": key_tokens(record_keys.to_pylist()), "former": former,
        "told": key_tokens(former["record_key"].to_pylist()),
    }  # fmt: skip
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH speaks AS (SELECT unnest(tokens) AS token FROM entries WHERE entry_id = $wish),
            stands AS (SELECT unnest(tokens) AS token FROM entries WHERE entry_id <> $wish AND lifted_by IS NULL),
            last AS (SELECT token AS holder, index_id FROM former JOIN told USING (record_key)),
            child AS (FROM last WHERE index_id IN (SELECT index_id FROM last WHERE holder IN (FROM speaks))),
            others AS (SELECT holder FROM child WHERE holder NOT IN (FROM speaks)),
            goes AS (
                FROM speaks UNION FROM others WHERE NOT EXISTS (FROM others WHERE holder IN (FROM stands))
            )
            SELECT DISTINCT holder FROM places WHERE holder IN (FROM goes) AND holder NOT IN (SELECT token FROM living) ORDER BY holder
        """,
            {"wish": entry_id},
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
