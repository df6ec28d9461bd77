"""Whom nights have found to be shielded on which the latest one does not build: those that are held or failed, and are never published as they are;
and older ones that were corrected since the latest was built, which may be held or fail when it is to be built on them.

Belongs here: keeping as wishes the records by which a shielded child of such an attempt is known there and to nobody else: of a child who is open in
force, a record that came anew, another name, a home. Not here: what attempts have found that others take the place of (`carried`, `replaced`).

What the register and the latches know already is not wished for again: each attempt that finds the same would be told apart by its own wish, and
the night be run for it again.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.attempts import Attempt, attempt_in_force
from pipelines.nights.hiding import Known, hidden_beyond
from pipelines.nights.opened import opened_among
from pipelines.nights.plan import openings
from pipelines.nights.requests import keep_wishes, known_by
from pipelines.nights.sensitive_by_now import corrected_since, unknown_to
from pipelines.tables import connect, fetch, read_table

__all__ = ["wish_for_those_found"]


def wish_for_those_found(newest: Attempt, known: Known) -> bool:
    """Take down what attempts on which the latest does not build have found of shielded children and nobody knows; whether there was any.

    Args:
        newest: the attempt behind the version in force.
        known: what protection knows.
    """
    found = False
    corrected = corrected_since(newest)
    for held in (*unknown_to(newest), *corrected):
        if not (held.folder / "identities" / "visibility.parquet").is_file():
            continue
        keys = _shielded(held)
        if held in corrected:
            opened = _opened_in(newest, held, keys)
        else:
            opened = pa.concat_arrays([_opened_since(held, newest, known, keys), _to_be_opened(held, newest, keys)])
        keys = keys.filter(pc.invert(pc.is_in(keys, value_set=opened)))
        keys = _unknown(held, known, keys)
        if len(keys):
            keep_wishes(held, keys.to_pylist(), newest.night if held in corrected else None)
            found = True
    return found


def _shielded(attempt: Attempt) -> pa.Array:
    """Records of the shielded children of an attempt, in order; none where they cannot be read."""
    tables = {name: attempt.folder / "identities" / f"{name}.parquet" for name in ("identities", "visibility")}
    if not all(path.is_file() for path in tables.values()):
        return pa.array([], pa.string())
    with connect(tables) as duck:
        found = fetch(
            duck, "SELECT record_key FROM identities JOIN visibility USING (index_id) WHERE shielded ORDER BY 1"
        )
    return found["record_key"].combine_chunks().cast(pa.string())


def _opened_in(newest: Attempt, held: Attempt, keys: pa.Array) -> pa.Array:
    """Those of these records of an attempt that are a child's whom two people have opened, as the latest night has it."""
    return _of_one_child(newest, opened_among(held, keys, newest.inputs.decisions))


def _to_be_opened(held: Attempt, newest: Attempt, keys: pa.Array) -> pa.Array:
    """Those of these records of an attempt that are a child's whom two people have opened from the night on that follows the latest: until then it is
    hidden, and what the attempt has found of it is no new wish.
    """
    day = newest.night.business_date
    waiting = [each for each in openings(newest.night) if each.from_night is not None and each.from_night > day]
    if not waiting or not len(keys):
        return keys.slice(0, 0)
    return _of_one_child(held, opened_among(held, keys, waiting))


def _of_one_child(attempt: Attempt, keys: pa.Array) -> pa.Array:
    """These records, and those that an attempt has as the same children's."""
    identities = attempt.folder / "identities" / "identities.parquet"
    with connect({"identities": identities, "named": pa.table({"record_key": keys})}) as duck:
        found = fetch(
            duck,
            """
            SELECT record_key FROM identities WHERE index_id IN (SELECT index_id FROM identities SEMI JOIN named USING (record_key))
            UNION FROM named ORDER BY 1
        """,
        )
    return found["record_key"].combine_chunks().cast(pa.string())


def _opened_since(held: Attempt, newest: Attempt, known: Known, keys: pa.Array) -> pa.Array:
    """Those of these records of an attempt at an older night that are, by key or by what names a child, one's who was shielded in that night as it is
    in force, and is open by now: people have opened the child since, and knew all that.
    """
    own = attempt_in_force(held.night)
    if own is None or own.night.business_date >= newest.night.business_date:
        return keys.slice(0, 0)
    with connect(
        {"identities": newest.folder / "identities" / "identities.parquet", "mine": pa.table({"key": _shielded(own)})}
    ) as duck:
        theirs = fetch(
            duck, "SELECT record_key, index_id FROM identities WHERE record_key IN (SELECT key FROM mine) ORDER BY 1"
        )
    is_hidden = pc.is_in(theirs["index_id"], value_set=_hidden_ids(newest, known))
    opened = theirs.filter(pc.invert(is_hidden))["record_key"].combine_chunks().cast(pa.string())
    if not len(opened):
        return keys.slice(0, 0)
    names, _ = known_by(newest, opened, places=False)
    ours, _ = known_by(held, keys, places=False)
    like = ours.filter(pc.is_in(ours["token"], value_set=names["token"].combine_chunks()))
    return pc.unique(pa.chunked_array([like["record_key"].combine_chunks().cast(pa.string()), opened]))


def _unknown(held: Attempt, known: Known, keys: pa.Array) -> pa.Array:
    """Those of these records that are known there by anything, or live anywhere, that neither the register nor a latch knows."""
    if not len(keys):
        return keys
    with connect({"entries": known.entries, "latched": known.latched, "places": known.places}) as duck:
        told = fetch(
            duck,
            """
            SELECT unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL
            UNION SELECT token FROM latched UNION SELECT token FROM places
        """,
        )
    theirs, _ = known_by(held, keys)
    new = theirs.filter(pc.invert(pc.is_in(theirs["token"], value_set=told["token"].combine_chunks())))
    return keys.filter(pc.is_in(keys, value_set=new["record_key"].combine_chunks().cast(pa.string())))


def _hidden_ids(newest: Attempt, known: Known) -> pa.Array:
    own = read_table(newest.folder / "identities" / "visibility.parquet")
    hidden = own.filter(pc.or_(own["shielded"], own["withheld"]))["index_id"].combine_chunks()
    more = hidden_beyond(newest, known.but_for_held()).visibility["index_id"].combine_chunks()
    return pa.concat_arrays([hidden.cast(pa.string()), more.cast(pa.string())])
