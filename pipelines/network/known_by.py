"""What the children of an authority are known by, and what its protection knows, as digests that are compared across authorities.

Belongs here: making both, of an attempt in force; what hides in the nation after a night, and who bears it. A child is known by the keys, numbers and names
with birth date of all its records, in use or not; protection knows what a wish says of its child, though it means nobody there, and what every
record of a hidden child was known by, though it has left. What it knows for the sake of a message alone is not given: else two
authorities would hold each other's child hidden after the one that asked has opened it. Not here: who is hidden for it (`messages`), and
of whom an authority is told anew (`reasons`).

All are digests of the digests of protection, by a key of the network's own: they can be compared with nothing else that is kept, so what a wish
says of where its child lives tells nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import key_for
from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.seams.network import HIDDEN_TOKENS, HIDING_TOKENS, KNOWN_BY
from pipelines.seams.seam import give
from pipelines.tables import connect, damage_told, fetch, read_table

__all__ = ["bearers_of", "hidden_after", "hiding_tokens", "known_by", "tokens_of", "tokens_of_all"]

_KEY = "known by in the network"
_DIGEST = "left(sha256(getvariable('known_by') || ' ' || token), 32)"


def tokens_of_all(person: Path) -> pa.Table:
    """What all records of an attempt are known by: `TOKENS`.

    Args:
        person: the folder of its person tables.
    """
    tokens = tokens_of_records(read_table(person / "records.parquet"), read_table(person / "names.parquet"))
    return tokens.filter(pc.is_in(tokens["kind"].cast(pa.string()), value_set=pa.array(["key", "number", "person"])))


def known_by(duck: duckdb.DuckDBPyConnection) -> pa.Table:
    """What each child is known by (`KNOWN_BY`); of `tokens`, `identities`, `children` and the variable `authority`."""
    duck.execute("SET VARIABLE known_by = ?", [key_for(_KEY).hex()])
    found = fetch(
        duck,
        f"""
        SELECT getvariable('authority') || ':' || index_id AS row_key, kind, {_DIGEST} AS token FROM (
            SELECT DISTINCT index_id, kind, token FROM tokens JOIN identities USING (record_key) SEMI JOIN children USING (index_id)
        ) ORDER BY ALL
    """,
    )
    return give(found, KNOWN_BY)


def hiding_tokens(duck: duckdb.DuckDBPyConnection) -> pa.Table:
    """What hides elsewhere (`HIDING_TOKENS`); of `tokens`, `identities`, `protected`, `asking`, `entries`, `latched`, `decisions`, and `elsewhere`."""
    duck.execute("SET VARIABLE known_by = ?", [key_for(_KEY).hex()])
    shields = duck.execute("SELECT DISTINCT record_a FROM decisions WHERE kind = 'shield' ORDER BY ALL").fetchall()
    duck.register("shielding_keys", key_tokens([key for (key,) in shields]))
    duck.execute(_HOLDERS)
    return give(fetch(duck, _HIDING), HIDING_TOKENS)


def hidden_after(folders: Mapping[str, Path], base: Path | None, taken_over: Collection[str] = ()) -> pa.Table:
    """What hides in the nation (`HIDDEN_TOKENS`): all that authorities give, and what those gave last that give nothing of it by now.

    Args:
        folders: authority → the folder of what it gives.
        base: the folder of the attempt of the night before.
        taken_over: authorities whose protection others go on with, and give.
    """
    giving = {each: path for each, folder in folders.items() if (path := folder / "hiding_tokens.parquet").is_file()}
    found = [HIDDEN_TOKENS.empty_table()]
    for authority, path in giving.items():
        tokens = read_table(path)["token"]
        found.append(pa.table({"authority": pa.array([authority] * len(tokens), pa.string()), "token": tokens}))
    before = _hidden_before(base)
    found.append(
        before.filter(pc.invert(pc.is_in(before["authority"], value_set=pa.array([*giving, *taken_over], pa.string()))))
    )
    return pa.concat_tables([give(each, HIDDEN_TOKENS) for each in found]).sort_by(
        [("authority", "ascending"), ("token", "ascending")]
    )


def _hidden_before(base: Path | None) -> pa.Table:
    """What hid in the nation after the night before; of one from before that was kept, what was known of the protected children who were gone."""
    if base is not None and (base / "hidden_tokens.parquet").is_file():
        return read_table(base / "hidden_tokens.parquet")
    if base is None or not (base / "gone.parquet").is_file():
        return HIDDEN_TOKENS.empty_table()
    with connect({"gone": base / "gone.parquet"}) as duck:
        duck.execute("SET VARIABLE known_by = ?", [key_for(_KEY).hex()])
        return fetch(
            duck, f"SELECT DISTINCT split_part(row_key, ':', 1) AS authority, {_DIGEST} AS token FROM gone ORDER BY ALL"
        )


def bearers_of(folders: Mapping[str, Path], hidden: pa.Table) -> pa.Table:
    """Which children bear anything that hides in the nation, be it their own authority that knows it: `KNOWN_BY`."""
    kinds = "SELECT token FROM wanted"
    return _of_all(folders, hidden, f"kind IN ('number', 'person') AND token IN ({kinds})")


def tokens_of(folders: Mapping[str, Path], row_keys: pa.Table) -> pa.Table:
    """What some children are known by: `KNOWN_BY`.

    Args:
        folders: authority → the folder of what it gives.
        row_keys: row_key of each.
    """
    there = set(pc.unique(pc.utf8_slice_codeunits(row_keys["row_key"], 0, 3)).to_pylist())
    those = {each: folder for each, folder in folders.items() if each in there}
    return _of_all(those, row_keys, "row_key IN (SELECT row_key FROM wanted)")


def _of_all(folders: Mapping[str, Path], wanted: pa.Table, condition: str) -> pa.Table:
    """What is given of the children of all authorities, as far as a condition on `wanted` says; little of very much, so no more is read into memory."""
    paths = [path for folder in folders.values() if (path := folder / "tokens.parquet").is_file()]
    if not paths or not wanted.num_rows:
        return KNOWN_BY.empty_table()
    with damage_told(paths), connect({f"of_{number}": path for number, path in enumerate(paths)}) as duck:
        duck.register("told", wanted)
        duck.execute(
            "CREATE TEMP TABLE wanted AS SELECT DISTINCT * FROM told"
        )  # the engine makes a bad plan of what it knows no sizes of
        every = " UNION ALL ".join(f"FROM of_{number}" for number in range(len(paths)))
        return give(fetch(duck, f"FROM ({every}) WHERE {condition} ORDER BY ALL"), KNOWN_BY)


# whose latches count: holder → own: for a reason of the authority's own, message: for the sake of a message, live: its record is there and its child open
# or protected. What is own is so through all that shares a key, a number, or names with birth date with it, from holder to holder
_HOLDERS = """
    CREATE TEMP TABLE lasting AS SELECT * FROM latched WHERE coalesce(kind, 'key') IN ('key', 'number', 'person');
    CREATE TEMP TABLE told AS SELECT DISTINCT unnest(tokens) AS token FROM entries WHERE asked = getvariable('elsewhere');
    CREATE TEMP TABLE marks AS
    FROM wished
    UNION SELECT token FROM tokens SEMI JOIN (FROM identities SEMI JOIN asking USING (index_id)) USING (record_key)
    UNION SELECT token FROM shielding_keys
    UNION SELECT token FROM lasting WHERE holder IN (SELECT token FROM shielding_keys);
    CREATE TEMP TABLE owned AS
    WITH RECURSIVE reached AS (
        SELECT holder FROM lasting SEMI JOIN marks USING (token)
        UNION SELECT y.holder FROM reached r JOIN lasting x ON x.holder = r.holder JOIN lasting y ON y.token = x.token
    )
    FROM reached;
    CREATE TEMP TABLE told_of AS  -- identities that a message meant
    SELECT DISTINCT index_id FROM identities SEMI JOIN (FROM tokens SEMI JOIN told USING (token)) USING (record_key);
    CREATE TEMP TABLE living AS
    SELECT token AS holder, index_id, index_id IN (FROM protected) AS protected, index_id IN (FROM asking) AS asks, index_id IN (FROM told_of) AS told_of
    FROM tokens JOIN identities USING (record_key) WHERE kind = 'key' AND token IN (SELECT holder FROM lasting)
"""
_HIDING = f"""
    WITH counting AS (
        SELECT token, CASE
            WHEN protected THEN asks OR NOT told_of
            WHEN l.holder IN (FROM owned) THEN protected IS NULL OR is_own
            WHEN l.holder IN (SELECT holder FROM lasting SEMI JOIN told USING (token)) THEN false
            ELSE protected IS NULL OR is_own END AS counts
        FROM (SELECT *, coalesce(shielded, true) AND coalesce(own, true) AS is_own FROM lasting WHERE coalesce(kind, 'number') <> 'key') l
        LEFT JOIN living v ON v.holder = l.holder
    )
    SELECT DISTINCT {_DIGEST} AS token FROM (SELECT token FROM counting WHERE counts UNION FROM wished) ORDER BY ALL
"""
