"""Records that are gone, of which something is kept that may be a child's own: which they are, and how people are told of them.

Belongs here: reading what an attempt has of them. Not here: what counts (`pipelines.protection.gone`), what follows (`protection_decisions`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.decided import apart_in, former_of
from pipelines.nights.references import reference_of
from pipelines.protection.gone import gone_like, gone_of_wish
from pipelines.protection.tokens import key_tokens
from pipelines.reporting.words import short_day
from pipelines.tables import connect, fetch, read_table

__all__ = ["gone_of_child", "gone_with_wish", "told_of"]


def gone_of_child(attempt: Attempt, record_keys: Collection[str], latched: pa.Table | None = None) -> list[str]:
    """Holders of what is kept of records that are gone and like the child of these records, after an attempt, or by what is `latched`."""
    if latched is None:
        latched = read_table(attempt.folder / "protection" / "latched.parquet")
    records, names = (read_table(attempt.folder / "person" / f"{name}.parquet") for name in ("records", "names"))
    state = IdentityState.read(attempt.folder)
    former = former_of(state)
    theirs = pc.is_in(state.identities["record_key"], value_set=pa.array(sorted(record_keys), pa.string()))
    child = state.identities["index_id"].filter(theirs).combine_chunks()
    left = former["record_key"].filter(pc.is_in(former["index_id"], value_set=child)).to_pylist()
    apart = [each for each in apart_in(attempt) if each.record_key in {*record_keys, *left}]
    return gone_like(
        latched, records, names, pa.array(sorted(record_keys), pa.string()), last=key_tokens(left)["token"].to_pylist(),
        others=[token for each in apart if each.between is None for token in each.others],
        between=[token for each in apart if each.between is not None for token in each.others],
    )  # fmt: skip


def gone_with_wish(attempt: Attempt, entry_id: str) -> list[str]:
    """Holders of the places where the child of a wish had lived, whose records are gone, after an attempt."""
    entries, places = (read_table(attempt.folder / "protection" / f"{name}.parquet") for name in ("entries", "places"))
    records = read_table(attempt.folder / "person" / "records.parquet", ["record_key"])["record_key"].combine_chunks()
    return gone_of_wish(entry_id, entries, places, records, former_of(IdentityState.read(attempt.folder)))


def told_of(attempt: Attempt, holders: Sequence[str]) -> tuple[str, ...]:
    """Each of these in words: agency, the record's reference, and until when it was there; the latest first.

    Of one whose key another child has by now, or that was gone before these things were kept, only that.
    """
    if not holders:
        return ()
    history = IdentityState.read(attempt.folder).history
    views = {
        "history": history,
        "told": key_tokens(sorted(set(history["record_key"].to_pylist()))),
        "holders": pa.table({"token": pa.array(holders, pa.string())}),
    }
    with connect(views) as duck:
        found = fetch(
            duck,
            """
            SELECT record_key, max(until) AS until FROM holders LEFT JOIN told USING (token) LEFT JOIN history USING (record_key)
            GROUP BY token, record_key ORDER BY until DESC NULLS LAST, record_key
        """,
        )
    return tuple(
        f"{row['record_key'].partition(':')[0].replace('_', ' ')} {reference_of(row['record_key'])} (there until {short_day(row['until'])})"
        if row["record_key"]
        else "one of which no more is known"
        for row in found.to_pylist()
    )
