"""The last look before another attempt takes the place of published ones, or is built past them: nobody whom these shield is open in it.

What they know is carried on (`carried`), so there should be nobody. Belongs here: comparing the two in code of its own, keeping whoever is found
as a wish before anybody sees that other attempt, and refusing one that does not hide them. Not here: what nights that are held or failed have found
(`protective`): they were never in force.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt, attempt_behind
from pipelines.nights.follow import newest_in_force
from pipelines.nights.hiding import Beyond
from pipelines.nights.inputs import Decided
from pipelines.nights.opened import opened_among
from pipelines.nights.requests import keep_wishes
from pipelines.protection.tokens import key_tokens
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import connect, read_table

__all__ = ["keep_those_shielded", "refuse_open"]


def keep_those_shielded(attempt: Attempt) -> list[str]:
    """Take down who is shielded in a night in force that the attempt replaces or does not build on, and is open in the attempt or not in it.

    Called before the attempt is published: a run that is killed in between leaves the wish, and what was in force. Called again with the
    wishes among the inputs it finds nobody.

    Returns:
        the keys of their records, of which the attempt may have none.
    """
    night, base = attempt.night, attempt.inputs.base
    newest = newest_in_force(night)
    read = [attempt.inputs, newest.inputs_or_none if newest else None]
    decided = {each.number: each for inputs in read if inputs for each in inputs.decisions}
    every: set[str] = set()
    for day, version in sorted(versions_in_force(night.home, night.authority).items()):
        if day > night.business_date or (base is not None and day <= base.business_date):
            continue
        was = attempt_behind(night.on(day), version)
        if was is None or was.digest == attempt.digest or not _has_identities(was):
            continue
        keys = _no_more_shielded(was, attempt, _opened_since(was, decided.values()))
        if keys:
            keep_wishes(was, keys)
            every.update(keys)
    return sorted(every)


def refuse_open(attempt: Attempt, record_keys: Collection[str], more: Beyond) -> None:
    """Refuse to publish an attempt in which one of these records is shown in full, less what is known to be hidden in it.

    Raises:
        IsindexError: PROTECTION_UNPROVEN.
    """
    if not record_keys:
        return
    identities, seen = (
        read_table(attempt.folder / "identities" / f"{name}.parquet") for name in ("identities", "visibility")
    )
    named = pc.is_in(identities["record_key"], value_set=pa.array(sorted(record_keys), pa.string()))
    theirs = set(identities.filter(named)["index_id"].to_pylist())
    hidden = {*seen.filter(pc.or_(seen["shielded"], seen["withheld"]))["index_id"].to_pylist()}
    if theirs - hidden - set(more.visibility["index_id"].to_pylist()):
        raise IsindexError(
            "PROTECTION_UNPROVEN",
            "The night would show in full who was shielded in the version that it replaces.",
            where=attempt.night.where,
            remedy="What is in force stays. Ask for help: this is a fault of the program.",
        )


def _has_identities(attempt: Attempt) -> bool:
    return all((attempt.folder / "identities" / f"{name}.parquet").is_file() for name in ("identities", "visibility"))


def _opened_since(was: Attempt, decided: Collection[Decided]) -> list[Decided]:
    """The decisions by which two people opened a child: from a later night on than the attempt's, or knowing all that it had been told, if that can be read."""
    inputs = was.inputs_or_none
    known = {each.number for each in inputs.decisions} if inputs else {each.number for each in decided}
    told = max((each.told for each in inputs.asking), default=0) if inputs else 0
    return [
        each
        for each in decided
        if each.kind == "confirm" and (_is_later(each, was) or (each.number not in known and each.told >= told))
    ]


def _is_later(opening: Decided, was: Attempt) -> bool:
    return opening.from_night is not None and opening.from_night > was.night.business_date


def _no_more_shielded(was: Attempt, now: Attempt, opened: Collection[Decided]) -> list[str]:
    """Records of the shielded children of an attempt that are an open child's in another one, or nobody's there and not known to it.

    Not those of a child who is hidden there anyway, nor of one whom people have `opened`, by any of its records.
    """
    held, seen = (read_table(was.folder / "identities" / f"{name}.parquet") for name in ("identities", "visibility"))
    shielded = pc.is_in(held["index_id"], value_set=seen.filter(seen["shielded"])["index_id"].combine_chunks())
    theirs = held.filter(shielded)["record_key"].combine_chunks().cast(pa.string())
    views = {
        "was": held.select(["record_key", "index_id"]),
        "seen": seen,
        "is_now": read_table(now.folder / "identities" / "identities.parquet", ["record_key", "index_id"]),
        "seen_now": read_table(now.folder / "identities" / "visibility.parquet"),
        "opened": pa.table({"record_key": opened_among(was, theirs, opened)}),
    }
    with connect(views) as duck:
        rows = duck.execute("""
            WITH shielded AS (
                FROM was WHERE index_id IN (SELECT index_id FROM seen WHERE shielded)
                AND index_id NOT IN (SELECT index_id FROM was SEMI JOIN opened USING (record_key))
            ),
            hidden AS (SELECT index_id FROM seen_now WHERE shielded OR withheld)
            SELECT record_key, is_now.record_key IS NULL AS gone FROM shielded LEFT JOIN is_now USING (record_key)
            WHERE coalesce(is_now.index_id, shielded.index_id) NOT IN (FROM hidden) ORDER BY 1
        """).fetchall()
    open_ones, gone = ([str(key) for key, is_gone in rows if bool(is_gone) is each] for each in (False, True))
    return sorted([*open_ones, *_unknown(now, gone)])


def _unknown(attempt: Attempt, record_keys: Collection[str]) -> list[str]:
    """Those of these records by whose key protection knows nobody after an attempt: should they come again, they are open."""
    if not record_keys:
        return []
    folder = attempt.folder / "protection"
    views = {name: folder / f"{name}.parquet" for name in ("entries", "latched")}
    with connect(views | {"tokens": key_tokens(sorted(record_keys))}) as duck:
        rows = duck.execute("""
            SELECT record_key FROM tokens ANTI JOIN (
                SELECT token FROM latched UNION SELECT unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL
            ) USING (token) ORDER BY 1
        """).fetchall()
    return [str(row[0]) for row in rows]
