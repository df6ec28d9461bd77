"""What makes two children one family, where too many live at one place for all to be one: a family name, a carer, a telephone number.

Belongs here: those of records, as words that are equal when they are one; and as keyed digests, which are kept of hidden children beside their places
(`places`). Not here: what follows when two children have one in common (`household`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.privacy.secret import namespace_secret
from pipelines.protection.comparable import macros
from pipelines.protection.letters import read_plainly
from pipelines.protection.tokens import digest_of
from pipelines.tables import connect, fetch, install_macros

__all__ = ["TIES", "TIE_TOKEN", "tie_tokens"]

# of the records in `those`, from all_records, all_names and all_carers, which are read plainly
TIES = """
    CREATE TEMP TABLE ties AS
    WITH called AS MATERIALIZED (
        SELECT DISTINCT record_key, n.family_name FROM those JOIN all_names n USING (record_key) WHERE n.family_name IS NOT NULL
    ),
    carers AS MATERIALIZED (
        SELECT DISTINCT record_key, c.name FROM those JOIN all_carers c USING (record_key) WHERE c.name IS NOT NULL
    ),
    carers_words AS (
        SELECT record_key, unnest(words) AS a, b FROM (
            SELECT record_key, words, unnest(words) AS b FROM (
                SELECT record_key, names_in(name)[:24] AS words FROM carers))  -- more are no name, and cost their number squared
    )
    SELECT record_key, 'family ' || unnest(slips(word)) AS tie  -- of one part of a double name too, also with a letter wrong
    FROM (SELECT record_key, unnest(called_in(family_name, 1)) AS word FROM called)
    UNION  -- of one letter, too
    SELECT record_key, 'family ' || letters(r.family_name) FROM those JOIN all_records r USING (record_key) WHERE r.family_name IS NOT NULL
    UNION
    SELECT record_key, 'carer ' || unnest(people_in(name)) FROM carers
    UNION  -- or any two words of the name, one with a letter wrong: "Maud Anne Quill", "Maud Quill & Tom Rixby"
    SELECT record_key, 'carer ' || least(one, other) || '|' || greatest(one, other)
    FROM (SELECT record_key, unnest(slips(a)) AS one, b AS other FROM carers_words WHERE a <> b)
    UNION  -- of a carer's family: its own name may be another
    SELECT record_key, 'family ' || unnest(slips(word)) FROM (SELECT record_key, unnest(last_in(name)) AS word FROM carers)
    UNION
    SELECT record_key, 'phone ' || unnest(reached_at(contact))
    FROM (SELECT record_key, contact FROM all_carers UNION ALL SELECT record_key, phone FROM all_records) SEMI JOIN those USING (record_key)
    WHERE regexp_matches(contact, '[0-9@]');
"""
TIE_TOKEN = f"CREATE TEMP MACRO tie_token(tie) AS {digest_of('tie', 'tie')};"
"""SQL of the digest of one; needs the variable `secret`."""

_READ = {
    "all_records": ("told_records", ["family_name", "phone"]),
    "all_names": ("told_names", ["family_name"]),
    "all_carers": ("told_carers", ["name", "contact"]),
}


def tie_tokens(person: Mapping[str, pa.Table | Path], record_keys: pa.Array) -> pa.Table:
    """What makes others the family of these records, as keyed digests: record_key, token, each once.

    Args:
        person: the tables of `PERSON_TABLES`: records, names and carers are read.
        record_keys: of which records.
    """
    if not len(record_keys):
        return pa.table({"record_key": pa.array([], pa.string()), "token": pa.array([], pa.string())})
    views: dict[str, pa.Table | Path] = {f"told_{name}": person[name] for name in ("records", "names", "carers")}
    with connect(views | {"those": pa.table({"record_key": record_keys})}) as duck:
        read_plainly(
            duck,
            {
                view: (f"(FROM {table} SEMI JOIN those USING (record_key))", columns)
                for view, (table, columns) in _READ.items()
            },
        )
        install_macros(duck, macros())
        duck.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        duck.execute(TIE_TOKEN + TIES)
        return fetch(duck, "SELECT DISTINCT record_key, tie_token(tie) AS token FROM ties ORDER BY ALL")
