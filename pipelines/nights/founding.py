"""What a successor is founded on: the tables of the authorities that it takes over, as one attempt has them, under keys that are no record's of its own.

Belongs here: making it, of the versions that these have in force. It has their children's records as they were, the ids of all of them and what these lead
to, the register of wishes, all latches with the places and services that stay hidden, and the firewalls with what their sides have borne. Two registers
become one as if all had been told to one authority: a wish that stands in either stands. No night of the successor has been yet, so
every index id is nobody's until its first one, and nobody was seen. Not here: recording it, and the decisions of people (`reorganise`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.follow import newest_in_force
from pipelines.nights.night import Night
from pipelines.nights.reorganised import COMPLETE
from pipelines.nights.seal import prove
from pipelines.nights.walls import borne_in, ended_in, standing_in, walls_asked_in, walls_in, walls_wished_in
from pipelines.privacy.references import references
from pipelines.privacy.secret import keyed_digests
from pipelines.protection.stays_hidden import stays_hidden_in
from pipelines.protection.tokens import key_tokens
from pipelines.publishing.versions import versions_in_force
from pipelines.seams import Seam, give, grown
from pipelines.seams.identities import HISTORY, IDENTITIES, INDEX_IDS, STORY, VISIBILITY
from pipelines.seams.matching import DECISIONS, STANDING, WALLS, WALLS_ENDED
from pipelines.seams.person import PERSON_TABLES
from pipelines.seams.protection import BORNE, ENTRIES, HIDDEN, LATCHED, PLACES, SENSITIVE, WALLS_WISHED
from pipelines.tables import connect, fetch, file_sha256, read_table, write_json, write_table

__all__ = ["Predecessor", "found", "inherited_key", "predecessor_of", "renamed_tokens"]


@dataclass(frozen=True)
class Predecessor:
    """An authority that is taken over: its code, its last day, and the attempt behind what it has in force."""

    authority: str
    closed: date
    attempt: Attempt

    @property
    def folder(self) -> Path:
        """The attempt's."""
        return self.attempt.folder

    def protection(self, name: str) -> pa.Table:
        """A table of its protection."""
        return read_table(self.folder / "protection" / f"{name}.parquet")


def predecessor_of(deployment: Deployment, authority: str, closed: date) -> Predecessor:
    """What an authority has in force, proven to be what was published.

    Raises:
        IsindexError: BASE_MISSING, BASE_DAMAGED.
    """
    night = Night(deployment, authority, max(versions_in_force(deployment.home, authority)))
    attempt = newest_in_force(night)
    if attempt is None:
        raise IsindexError(
            "BASE_MISSING",
            "The tables of the version in force are not in the home.",
            where=night.where,
            remedy="Restore the home from its backup.",
        )
    prove(attempt)
    return Predecessor(authority, closed, attempt)


def inherited_key(record_key: str, authority: str) -> str:
    """The key that a record of an authority has where it is inherited."""
    agency, _, key = record_key.partition(":")
    return f"{agency}:{authority}/{key}"


def found(deployment: Deployment, authority: str, predecessors: Sequence[Predecessor]) -> str:
    """Write down what `authority` is founded on; its name. One that was written before and never recorded is written over.

    Args:
        deployment: where.
        authority: the successor.
        predecessors: those that it takes over.
    """
    told = [[each.authority, each.closed.isoformat(), each.attempt.digest] for each in predecessors]
    digest = hashlib.sha256(json.dumps([authority, told], sort_keys=True).encode()).hexdigest()
    folder = deployment.home.founded(authority, digest)
    tables = _person(predecessors) | _identities(predecessors) | _matching(predecessors) | _protection(predecessors)
    for name, (table, seam) in tables.items():
        write_table(give(table, seam), folder / f"{name}.parquet")
    files = {f"{name}.parquet": file_sha256(folder / f"{name}.parquet") for name in sorted(tables)}
    write_json({"of": told, "files": files}, folder / COMPLETE)
    return digest


Made = dict[str, tuple[pa.Table, Seam]]


def _person(predecessors: Sequence[Predecessor]) -> Made:
    """The person tables. That a feed asked is in the register: there two people end it, and no inherited record asks on."""
    made: Made = {}
    for name, seam in PERSON_TABLES.items():
        parts = [
            _keyed(each, read_table(each.folder / "person" / f"{name}.parquet"), seam, "record_key")
            for each in predecessors
        ]
        table = pa.concat_tables(parts).sort_by("record_key")
        if name == "records":
            asks = table.column_names.index("shielded"), table.column_names.index("walled_from")
            table = table.set_column(asks[0], "shielded", pa.array([False] * table.num_rows, pa.bool_()))
            table = table.set_column(asks[1], "walled_from", pa.nulls(table.num_rows, seam.field("walled_from").type))
        made[f"person/{name}"] = (table, seam)
    return made


def _identities(predecessors: Sequence[Predecessor]) -> Made:
    states = [IdentityState.read(each.folder) for each in predecessors]
    pairs = list(zip(predecessors, states, strict=True))
    identities = pa.concat_tables([_keyed(each, state.identities, IDENTITIES, "record_key") for each, state in pairs])
    refs = references(identities["record_key"].combine_chunks())
    identities = identities.set_column(identities.column_names.index("record_ref"), "record_ref", refs)
    history = pa.concat_tables([_keyed(each, state.history, HISTORY, "record_key") for each, state in pairs])
    rows = [
        state.index_ids.append_column("closed", pa.array([each.closed] * state.index_ids.num_rows, pa.date32()))
        for each, state in pairs
    ]
    with connect({"every": pa.concat_tables(rows)}) as duck:
        index_ids = fetch(
            duck,
            """
            SELECT index_id, CASE WHEN state IN ('live', 'frozen') THEN 'ended' ELSE state END AS state, minted_night, redirects_to,
                CASE WHEN state IN ('live', 'frozen') THEN closed ELSE since END AS since
            FROM every QUALIFY row_number() OVER (PARTITION BY index_id ORDER BY state IN ('live', 'frozen') DESC, closed) = 1 ORDER BY index_id
        """,
        )
    story = pa.concat_tables([state.story for state in states]).sort_by(
        [("index_id", "ascending"), ("business_date", "ascending")]
    )
    return {
        "inherited/visibility": (
            pa.concat_tables([state.visibility for state in states]).sort_by("index_id"),
            VISIBILITY,
        ),
        "inherited/identities": (identities.sort_by("record_key"), IDENTITIES),
        "identities/identities": (IDENTITIES.empty_table(), IDENTITIES),
        "identities/index_ids": (index_ids, INDEX_IDS),
        "identities/history": (history.sort_by([("record_key", "ascending"), ("index_id", "ascending")]), HISTORY),
        "identities/story": (story, STORY),
        "identities/visibility": (VISIBILITY.empty_table(), VISIBILITY),
    }


def _matching(predecessors: Sequence[Predecessor]) -> Made:
    """The firewalls: their sides, who asked for them, what they have borne, and ids that nobody there may have."""
    walls, sides = ("wall_a", "wall_b"), ("wall_a", "wall_b", "record_key")
    wished = [_wished(each, walls_wished_in(each.folder)) for each in predecessors]
    asked = [_keyed(each, walls_asked_in(each.folder), DECISIONS, "record_a", "record_b") for each in predecessors]
    return {
        "matching/walls": (_each(predecessors, walls_in, WALLS, *sides), WALLS),
        "matching/walls_asked": (pa.concat_tables(asked), DECISIONS),
        "matching/walls_wished": (pa.concat_tables(wished).sort_by("entry_id"), WALLS_WISHED),
        "matching/walls_borne": (_each(predecessors, borne_in, BORNE, *sides), BORNE),
        "matching/walls_standing": (_each(predecessors, standing_in, STANDING, *sides), STANDING),
        "matching/walls_ended": (_each(predecessors, ended_in, WALLS_ENDED, *walls), WALLS_ENDED),
    }


def _each(predecessors: Sequence[Predecessor], read: Callable[[Path], pa.Table], seam: Seam, *columns: str) -> pa.Table:
    return pa.concat_tables([_keyed(each, read(each.folder), seam, *columns) for each in predecessors])


def _wished(predecessor: Predecessor, wished: pa.Table) -> pa.Table:
    """Firewalls that records asked for: each a wish of its own, for another authority may have had the same key."""
    whose = pc.binary_join_element_wise(wished["entry_id"].combine_chunks(), pa.scalar(predecessor.authority), " ")
    wished = wished.set_column(
        wished.column_names.index("entry_id"), "entry_id", keyed_digests(whose, "protection inherited")
    )
    with _keys(predecessor, wished, WALLS_WISHED) as duck:
        found = fetch(
            duck,
            "SELECT * REPLACE (inherited(record) AS record, list_transform(others, lambda key: inherited(key)) AS others) FROM told",
        )
    return give(found, WALLS_WISHED)


def _protection(predecessors: Sequence[Predecessor]) -> Made:
    stays = [stays_hidden_in(each.folder) for each in predecessors]
    views = {
        "entries": pa.concat_tables(
            [give(grown(each.protection("entries"), ENTRIES), ENTRIES) for each in predecessors]
        ),
        "latched": pa.concat_tables([_latched(each) for each in predecessors]),
        "places": pa.concat_tables([_held(each, each.protection("places"), PLACES) for each in predecessors]),
        "hidden": pa.concat_tables([each["hidden"] for each in stays]),
        "sensitive": pa.concat_tables([each["sensitive"] for each in stays]),
    }
    with connect(views) as duck:
        return {f"protection/{name}": (fetch(duck, sql), seam) for name, (sql, seam) in _TOGETHER.items()}


# what two have said of one wish, or one latch, as if it had been told to one: it stands where it stands in either
_TOGETHER: Mapping[str, tuple[str, Seam]] = {
    "entries": (
        """
        WITH newest AS (
            FROM entries QUALIFY row_number() OVER (PARTITION BY entry_id ORDER BY last_night DESC, coalesce(told, 0) DESC, delivery_id) = 1
        )
        SELECT n.* REPLACE (
            e.understood AS understood, e.tokens AS tokens, e.first_night AS first_night, e.lifted_by AS lifted_by, e.told AS told,
            e.answered AS answered, e.nearly AS nearly)
        FROM newest n JOIN (
            SELECT entry_id, bool_and(understood) AS understood, list_sort(list_distinct(flatten(list(tokens)))) AS tokens,
                min(first_night) AS first_night, CASE WHEN bool_and(lifted_by IS NOT NULL) THEN max(lifted_by) END AS lifted_by, max(told) AS told,
                CASE WHEN bool_and(coalesce(answered, false)) THEN true END AS answered,
                list_sort(list_distinct(flatten(list(coalesce(nearly, []))))) AS nearly
            FROM entries GROUP BY entry_id) e USING (entry_id) ORDER BY entry_id
        """,
        ENTRIES,
    ),
    "latched": (
        """
        SELECT token, holder, bool_or(shielded) AS shielded, min(since) AS since, bool_or(coalesce(own, shielded, true)) AS own,
            max(kind) AS kind, list_sort(list_distinct(flatten(list(spares)))) AS spares, max(was) AS was FROM latched GROUP BY token, holder ORDER BY ALL
        """,
        LATCHED,
    ),
    "places": ("SELECT DISTINCT * FROM places ORDER BY ALL", PLACES),
    "hidden": ("SELECT DISTINCT * FROM hidden ORDER BY ALL", HIDDEN),
    "sensitive": (
        "SELECT record_ref, max(services) AS services FROM sensitive GROUP BY record_ref ORDER BY record_ref",
        SENSITIVE,
    ),
}


def _latched(predecessor: Predecessor) -> pa.Table:
    """What is latched, held by the inherited records; and each of a hidden child by its own key, so that nothing else is needed to hide it."""
    state = IdentityState.read(predecessor.folder)
    hidden = state.visibility.filter(pc.or_(state.visibility["shielded"], state.visibility["withheld"]))
    latched = _held(predecessor, predecessor.protection("latched"), LATCHED)
    own = key_tokens([inherited_key(key, predecessor.authority) for key in state.identities["record_key"].to_pylist()])
    views = {
        "latched": latched, "own": own, "hidden": hidden,
        "identities": _keyed(predecessor, state.identities, IDENTITIES, "record_key"),
    }  # fmt: skip
    with connect(views) as duck:
        duck.execute("SET VARIABLE night = CAST(? AS DATE)", [predecessor.attempt.night.business_date])
        more = fetch(
            duck,
            """
            WITH theirs AS (SELECT token, shielded FROM own JOIN identities USING (record_key) JOIN hidden USING (index_id)),
            known AS (
                SELECT holder, bool_or(shielded) AS shielded, min(since) AS since, bool_or(own) AS own, max(kind) AS kind, any_value(spares) AS spares, max(was) AS was
                FROM latched GROUP BY holder
            )
            SELECT t.token, t.token AS holder, coalesce(k.shielded, t.shielded) AS shielded, coalesce(k.since, getvariable('night')) AS since,
                k.own AS own, 'key' AS kind, k.spares AS spares, k.was AS was
            FROM theirs t LEFT JOIN known k ON k.holder = t.token ORDER BY ALL
        """,
        )
    return pa.concat_tables([latched, give(more, LATCHED)])


def _held(predecessor: Predecessor, table: pa.Table, seam: Seam) -> pa.Table:
    """A table of latches, their holders called as the inherited records are: of every record that the authority ever had."""
    renamed = renamed_tokens(predecessor)
    had = ", coalesce((SELECT h.now FROM renamed h WHERE h.was = t.was), t.was) AS was" if "was" in seam.names else ""
    with connect({
        "told": grown(table, seam), "renamed": pa.table({"was": pa.array(renamed.keys(), pa.string()), "now": pa.array(renamed.values(), pa.string())}),
    }) as duck:  # fmt: skip
        return give(
            fetch(
                duck,
                f"SELECT t.* REPLACE (coalesce(r.now, t.holder) AS holder{had}) FROM told t LEFT JOIN renamed r ON r.was = t.holder",
            ),
            seam,
        )


def renamed_tokens(predecessor: Predecessor) -> dict[str, str]:
    """The token of the key of every record that an authority ever had → that of the key that it is inherited by."""
    state = IdentityState.read(predecessor.folder)
    keys = sorted({*state.identities["record_key"].to_pylist(), *state.history["record_key"].to_pylist()})
    was, now = _tokens(keys), _tokens([inherited_key(key, predecessor.authority) for key in keys])
    return {was[key]: now[inherited_key(key, predecessor.authority)] for key in keys}


def _tokens(keys: list[str]) -> dict[str, str]:
    return dict(zip(*key_tokens(keys).to_pydict().values(), strict=True))


def _keyed(predecessor: Predecessor, table: pa.Table, seam: Seam, *columns: str) -> pa.Table:
    """A table with these columns of record keys as inherited records are called."""
    replaced = ", ".join(f"inherited({name}) AS {name}" for name in columns)
    with _keys(predecessor, table, seam) as duck:
        return give(fetch(duck, f"SELECT * REPLACE ({replaced}) FROM told"), seam)


@contextmanager
def _keys(predecessor: Predecessor, table: pa.Table, seam: Seam) -> Iterator[duckdb.DuckDBPyConnection]:
    """The query engine with the table as `told`, and `inherited_key` of this authority as a macro."""
    with connect({"told": grown(table, seam)}) as duck:
        duck.execute(
            f"CREATE TEMP MACRO inherited(key) AS split_part(key, ':', 1) || ':{predecessor.authority}/' || substr(key, strpos(key, ':') + 1)"
        )
        yield duck
