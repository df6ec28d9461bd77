"""What people decided, as the inputs of a night have it, in the form that matching and protection take.

Belongs here: picking it out. Not here: making decisions (`decisions`), which of them count for a night (`plan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipelines.identities.assign import RESOLVED, Assigned
from pipelines.identities.state import IdentityState, identities_of
from pipelines.nights.attempts import Attempt
from pipelines.nights.inherited import base_of, inherited_before
from pipelines.nights.inputs import Decided, Inputs
from pipelines.nights.outgrown import keys_beside, outgrown_in
from pipelines.nights.walls import walls_in
from pipelines.protection.shielding import KEY, Apart, Lifting
from pipelines.protection.tokens import key_tokens
from pipelines.tables import connect, fetch

__all__ = [
    "apart_in",
    "decisions_in",
    "decisions_of",
    "firewalls_of",
    "former_of",
    "lifting_in",
    "settled_by_two",
]


def decisions_of(inputs: Inputs) -> pa.Table:
    """The decisions of people on records among the inputs (`DECISIONS`)."""
    return _table_of([each for each in inputs.decisions if each.subject is None])


def decisions_in(attempt: Attempt) -> pa.Table:
    """Those of an attempt by which protection goes: without such as its records have outgrown (`DECISIONS`)."""
    outgrown = outgrown_in(attempt.folder)
    rows = [each for each in attempt.inputs.decisions if each.subject is None and each.number not in outgrown]
    return _table_of(rows)


def _table_of(rows: list[Decided]) -> pa.Table:
    names = ("kind", "record_a", "record_b", "reason")
    return pa.table({name: pa.array([getattr(each, name) for each in rows], pa.string()) for name in names})


def firewalls_of(inputs: Inputs) -> pa.Table:
    """The firewalls that people decided: record_a, record_b, told: what had been told when they did, 0 before that was kept."""
    return _told_of([each for each in inputs.decisions if each.kind == "firewall"])


def settled_by_two(inputs: Inputs) -> pa.Table:
    """The pairs that two people decided to be the same child, a firewall between them or not: record_a, record_b, told, more than 0."""
    return _told_of([each for each in inputs.decisions if each.kind == "same" and each.told])


def _told_of(rows: list[Decided]) -> pa.Table:
    told = {name: pa.array([getattr(each, name) for each in rows], pa.string()) for name in ("record_a", "record_b")}
    return pa.table({**told, "told": pa.array([each.told for each in rows], pa.int64())})


def apart_in(attempt: Attempt) -> tuple[Apart, ...]:
    """Which records are another child's than which, as people said, and as the firewalls of an attempt's night have it."""
    return (*_told_apart(attempt.inputs.decisions), *_walled_off(walls_in(attempt.folder)))


def _told_apart(decisions: Iterable[Decided]) -> Iterator[Apart]:
    """Of each record of which people said that it is not another's child: the keys of that child's records, as of then."""
    for each in decisions:
        if each.kind != "not_the_same" or not each.record_a or not each.record_b:
            continue
        keys = dict(zip(*key_tokens([each.record_a, each.record_b]).to_pydict().values(), strict=True))
        yield Apart(each.record_a, (keys[each.record_b], *keys_beside(each.known_by, "b")))
        yield Apart(each.record_b, (keys[each.record_a], *keys_beside(each.known_by, "a")))


def _walled_off(walls: pa.Table) -> Iterator[Apart]:
    """Of each record at a firewall (`WALLS`): the keys of the records on the other side, and of those between, also of such as are gone."""
    at: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in walls.select(["wall_a", "wall_b", "side", "record_key"]).to_pylist():
        at.setdefault((row["wall_a"], row["wall_b"]), {"a": [], "b": [], "between": []})[row["side"]].append(row["record_key"])  # fmt: skip
    for wall in at.values():
        tokens = {side: tuple(key_tokens(keys)["token"].to_pylist()) for side, keys in wall.items()}
        for side, other in (("a", "b"), ("b", "a")):
            for key in wall[side]:
                yield Apart(key, tokens[other])
                yield Apart(key, tokens["between"], between=tokens[other])
        for key in wall["between"]:
            yield Apart(key, (*tokens["a"], *tokens["b"]))


def former_of(state: Assigned | IdentityState) -> pa.Table:
    """Of the records that are gone, the identity to which each belonged last: record_key, index_id as it is called by now."""
    views = {name: getattr(state, name) for name in ("history", "index_ids", "identities")}
    with connect(views) as duck:
        return fetch(
            duck,
            f"""
            {RESOLVED},
            last AS (SELECT record_key, arg_max(index_id, until) AS index_id FROM history ANTI JOIN identities USING (record_key) GROUP BY record_key)
            SELECT record_key, coalesce(redirects_to, l.index_id) AS index_id FROM last l LEFT JOIN resolved r ON r.index_id = l.index_id ORDER BY record_key
        """,
        )


def lifting_in(attempt: Attempt) -> list[Lifting]:
    """The decisions of two people that take effect with an attempt's night, the first for which they count: they may open somebody."""
    inputs, base = attempt.inputs, attempt.inputs.base
    apart = apart_in(attempt)
    inherited = _inherited_with(attempt, [each.record_a for each in inputs.decisions if each.kind == "confirm"])
    return [
        Lifting(
            each.number,
            tuple(key for key in (each.record_a, each.record_b) if key),
            each.from_night,
            told=each.told,
            known_by=None if each.known_by is None else (*each.known_by, *inherited.get(each.record_a or "", ())),
            apart=apart,
        )
        for each in inputs.decisions
        if each.kind == "confirm" and each.from_night and (base is None or base.business_date < each.from_night)
    ]


def _inherited_with(attempt: Attempt, record_keys: list[str | None]) -> dict[str, list[str]]:
    """Of each of these records what tells the keys of the inherited records of its child: they did not come since, and are meant with it."""
    base, inherited = base_of(attempt), inherited_before(attempt)
    if base is None or not inherited:
        return {}
    views = {
        "meant": pa.table({"record_key": pa.array([key for key in record_keys if key], pa.string())}),
        "identities": identities_of(base.folder), "inherited": inherited.identities, "tokens": key_tokens(inherited.keys.to_pylist()),
    }  # fmt: skip
    with connect(views) as duck:
        found = duck.execute("""
            SELECT DISTINCT m.record_key, t.token FROM meant m JOIN identities i USING (record_key)
            JOIN inherited h ON h.index_id = i.index_id JOIN tokens t ON t.record_key = h.record_key ORDER BY ALL
        """).fetchall()
    told: dict[str, list[str]] = {}
    for key, token in found:
        told.setdefault(key, []).append(f"{KEY}{token}")
    return told
