"""Decisions that two records are two children, and that no longer speak of these two: one of them, or its child by another record, bears a number or
a name, or the two share what they did not, since it was decided.

A key is a supplier's: a record that was a namesake's may be put right and be the child's own, whole or bit by bit, and the record that it was
parted from may be gone by then; a record that is the child's own may be joined with the namesake's. What the two children were known by was known
when it was decided; what they come to be known by was not. Such a decision keeps the matcher from joining the two, as before, and parts nobody from a
hidden child: protection is as if it had not been made.

Belongs here: what two records and their children are known by, when it is decided and in a night. Not here: which decisions a night has (`decided`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.inputs import Decided
from pipelines.privacy.secret import namespace_secret
from pipelines.protection.tokens import digest_of, key_tokens, tokens_of_records
from pipelines.tables import connect, fetch, read_as, read_table, write_json

__all__ = ["find_outgrown", "keys_beside", "outgrown_in", "pair_known_by", "with_outgrown_doubtful"]

_FILE = "matching/outgrown.json"
_LASTING = pa.array(["number", "person"])
_SHARED, _A, _B = (
    "shared ",
    "a ",
    "b ",
)  # how it begins what both are known by, each with the other's child, and each by itself
_CHILD_A, _CHILD_B, _KEY, _HOME = (
    "child a ",
    "child b ",
    "key ",
    "home ",
)  # likewise what the children of both are known by, by all their records


def pair_known_by(folder: Path, pair: tuple[str, str]) -> list[str]:
    """What two records of an attempt are known by: tokens of numbers, of names with birth date, of names as written, each with whose it is."""
    clusters = read_table(folder / "matching" / "clusters.parquet", ["record_key", "cluster"])
    found = _known(folder, clusters, [pair])[pair]
    for each in _beside(folder, clusters, [pair])[pair]:
        found |= {f"{each.side}{_KEY}{each.key}", f"{each.side}{_HOME}{each.key} {each.home}"}
        found |= {f"{each.side}{token}" for token in each.numbers | each.persons}
    return sorted(found)


def find_outgrown(folder: Path, decisions: Iterable[Decided], clusters: pa.Table) -> list[int]:
    """Write down, in an attempt's folder, the numbers of the decisions that are outgrown; these.

    Args:
        folder: the attempt's, with its person records.
        decisions: those of the night.
        clusters: the matcher's (`CLUSTERS`).
    """
    told = {
        (each.record_a or "", each.record_b or ""): each
        for each in decisions
        if each.kind == "not_the_same" and each.known_by is not None
    }
    clusters = clusters.select(["record_key", "cluster"])
    now, beside = _known(folder, clusters, list(told)), _beside(folder, clusters, list(told))
    found = sorted(
        each.number
        for pair, each in told.items()
        if now[pair] - (known := set(each.known_by or ())) or any(_is_new(one, known) for one in beside[pair])
    )
    write_json(found, folder / _FILE)
    return found


@dataclass(frozen=True)
class _Record:
    """A record of the child of one of a pair, beside the one that the pair names: `side` it is on, `key`, `numbers` and names with birth date as tokens."""

    side: str
    key: str
    numbers: frozenset[str]
    persons: frozenset[str]
    home: str


def _is_new(record: _Record, known: Collection[str]) -> bool:
    """Whether a record tells of its child what was not known, or came since and is not surely that child's rather than the other's.

    It is by a name with birth date that the other child did not bear: a number may be given by mistake. A record of before without a number, of the
    other's names, is new when it comes to another home. Of decisions from before this was kept nothing is asked.
    """
    if not any(told.startswith((_CHILD_A, _CHILD_B)) for told in known):
        return False
    other = _CHILD_B if record.side == _CHILD_A else _CHILD_A
    if any(f"{record.side}{token}" not in known for token in record.numbers | record.persons):
        return True
    alike = all(f"{other}{token}" in known for token in record.persons)
    if (
        f"{record.side}{_KEY}{record.key}" in known
    ):  # of one without a number its home tells whose it is, where its names are the other's, too
        homes = any(told.startswith(f"{record.side}{_HOME}") for told in known)
        return homes and alike and not record.numbers and f"{record.side}{_HOME}{record.key} {record.home}" not in known
    return alike


def keys_beside(known_by: Sequence[str] | None, side: str) -> tuple[str, ...]:
    """The tokens of the keys of the records that the child on a `side` of a decision, ``a`` or ``b``, had when it was made."""
    begins = f"{_CHILD_A if side == 'a' else _CHILD_B}{_KEY}"
    return tuple(told.removeprefix(begins) for told in known_by or () if told.startswith(begins))


def outgrown_in(folder: Path) -> frozenset[int]:
    """The numbers of the decisions that are outgrown in an attempt; none where it was not looked for.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    path = folder / _FILE
    return frozenset(read_as(path, lambda told: list(map(int, told)))) if path.is_file() else frozenset()


def with_outgrown_doubtful(apart: pa.Table, decisions: Iterable[Decided], outgrown: Sequence[int]) -> pa.Table:
    """The pairs kept apart (`APART`), without the certainty that outgrown decisions gave them."""
    pairs = [sorted((each.record_a or "", each.record_b or "")) for each in decisions if each.number in outgrown]
    if not pairs:
        return apart
    a, b = (pa.array(list(side), pa.string()) for side in zip(*pairs, strict=True))
    with connect({"apart": apart, "doubtful": pa.table({"record_key_a": a, "record_key_b": b})}) as duck:
        found = fetch(
            duck,
            """
            SELECT p.* REPLACE (p.certain AND d.record_key_a IS NULL AS certain)
            FROM apart p LEFT JOIN doubtful d USING (record_key_a, record_key_b) ORDER BY record_key_a, record_key_b
        """,
        )
    return found.cast(apart.schema)


def _known(folder: Path, clusters: pa.Table, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """What each pair is known by: each record by itself, by its names as they are written too, for it may have no birth date or a letter wrong; and
    what it shares with the other or, where they are two children's, with a record of the other's child.
    """
    found: dict[tuple[str, str], set[str]] = {pair: set() for pair in pairs}
    if not pairs:
        return found
    a, b = (pa.array(list(side), pa.string()) for side in zip(*pairs, strict=True))
    with connect({"pairs": pa.table({"a": a, "b": b}), "clusters": clusters}) as duck:
        duck.execute("""
            CREATE TEMP TABLE beside AS  -- of each side of a pair, and the other side's records
            WITH sides AS (SELECT a, b, a AS one, b AS other FROM pairs UNION ALL SELECT a, b, b, a FROM pairs),
            placed AS (
                SELECT s.*, c.cluster AS child, o.cluster AS others FROM sides s
                LEFT JOIN clusters c ON c.record_key = s.one LEFT JOIN clusters o ON o.record_key = s.other
            )
            SELECT a, b, one, other FROM placed
            UNION SELECT a, b, one, c.record_key FROM placed p JOIN clusters c ON c.cluster = p.others
            WHERE p.child IS DISTINCT FROM p.others
        """)
        keys = fetch(duck, "SELECT one AS record_key FROM beside UNION SELECT other FROM beside")
        records, names = (
            (table := read_table(folder / "person" / f"{name}.parquet")).filter(
                pc.is_in(table["record_key"], value_set=keys["record_key"].combine_chunks())
            )
            for name in ("records", "names")
        )
        tokens = tokens_of_records(records, names)
        duck.register("tokens", tokens.filter(pc.is_in(tokens["kind"].cast(pa.string()), value_set=_LASTING)))
        duck.register("records", records)
        duck.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        rows = duck.execute(f"""
            WITH written AS (
                SELECT record_key, lower(strip_accents(concat_ws('|', coalesce(family_name, ''), coalesce(given_names, ''), birth_date::VARCHAR))) AS text
                FROM records
            ),
            own AS (SELECT record_key, token FROM tokens UNION SELECT record_key, {digest_of("written", "text")} FROM written)
            SELECT a, b, '{_SHARED}' || m.token FROM beside JOIN tokens m ON m.record_key = one
            JOIN tokens t ON t.record_key = other AND t.token = m.token
            UNION SELECT a, b, '{_A}' || token FROM pairs JOIN own ON record_key = a
            UNION SELECT a, b, '{_B}' || token FROM pairs JOIN own ON record_key = b
        """).fetchall()
    for one, other, told in rows:
        found[one, other].add(told)
    return found


def _beside(folder: Path, clusters: pa.Table, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[_Record]]:
    """The records of both children of each pair. Of a pair that is one child so far each has those that share a number with it and none with the other, or names
    with birth date and nothing with the other.
    """
    found: dict[tuple[str, str], list[_Record]] = {pair: [] for pair in pairs}
    if not pairs:
        return found
    a, b = (pa.array(list(side), pa.string()) for side in zip(*pairs, strict=True))
    with connect({"pairs": pa.table({"a": a, "b": b}), "clusters": clusters}) as duck:
        duck.execute("""
            CREATE TEMP TABLE members AS
            WITH sides AS (SELECT a, b, a AS one, b AS other, 'a' AS side FROM pairs UNION ALL SELECT a, b, b, a, 'b' FROM pairs)
            SELECT s.*, m.record_key, c.cluster IS NOT DISTINCT FROM o.cluster AS joined
            FROM sides s JOIN clusters c ON c.record_key = s.one JOIN clusters m ON m.cluster = c.cluster
            LEFT JOIN clusters o ON o.record_key = s.other
        """)
        keys = fetch(duck, "SELECT DISTINCT record_key FROM members ORDER BY ALL")["record_key"].combine_chunks()
        records, names = (
            (table := read_table(folder / "person" / f"{name}.parquet")).filter(
                pc.is_in(table["record_key"], value_set=keys)
            )
            for name in ("records", "names")
        )
        tokens = tokens_of_records(records, names)
        duck.register("tokens", tokens.filter(pc.is_in(tokens["kind"].cast(pa.string()), value_set=_LASTING)))
        duck.register("keys", key_tokens(keys.to_pylist()))
        duck.register("addresses", read_table(folder / "person" / "addresses.parquet"))
        duck.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        duck.execute(f"""
            CREATE TEMP TABLE homes AS
            WITH lines AS (
                SELECT DISTINCT record_key, upper(replace(concat_ws('|', address, postcode), ' ', '')) AS line
                FROM addresses SEMI JOIN keys USING (record_key)
            ),
            written AS (SELECT record_key, string_agg(line, ' ' ORDER BY line) AS text FROM lines GROUP BY record_key)
            SELECT record_key, {digest_of("dwelling", "text")} AS home FROM written
        """)
        rows = duck.execute("""
            WITH sharing AS (  -- a number says more than a name with birth date
                SELECT m.a, m.b, m.one, m.record_key,
                    max(k.kind = 'number') FILTER (t.record_key = m.one) AS with_it, max(k.kind = 'number') FILTER (t.record_key = m.other) AS with_other
                FROM members m JOIN tokens k USING (record_key) JOIN tokens t ON t.token = k.token WHERE m.joined GROUP BY ALL
            )
            SELECT m.a, m.b, m.side, k.token, coalesce(list(t.token) FILTER (t.kind = 'number'), []), coalesce(list(t.token) FILTER (t.kind = 'person'), []),
                coalesce(any_value(h.home), '')
            FROM members m JOIN keys k USING (record_key) LEFT JOIN tokens t USING (record_key) LEFT JOIN homes h USING (record_key)
            LEFT JOIN sharing s ON s.a = m.a AND s.b = m.b AND s.one = m.one AND s.record_key = m.record_key
            WHERE m.record_key <> m.one AND m.record_key <> m.other AND (NOT m.joined OR coalesce(s.with_it > coalesce(s.with_other, false) OR s.with_it IS NOT NULL AND s.with_other IS NULL, false))
                OR m.record_key = m.one
            GROUP BY m.a, m.b, m.side, k.token ORDER BY ALL
        """).fetchall()
    for one, other, side, key, numbers, persons, home in rows:
        record = _Record(_CHILD_A if side == "a" else _CHILD_B, key, frozenset(numbers), frozenset(persons), home)
        found[one, other].append(record)
    return found
