"""What leads to a child of the network: numbers, and names with the birth date, as keyed digests of one comparable form.

Belongs here: making them, of what the authorities give and of what is looked for, so that one finds the other. Not here: looking up (`find`).
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import key_for
from pipelines.protection.tokens import tokens_of_records
from pipelines.tables import connect, fetch, read_table

__all__ = ["findings_of", "named", "numbered"]

_NUMBERS = ("nhs_number", "previous_nhs_number", "upn", "former_upn")


def findings_of(folder: Path) -> pa.Table:
    """token, authority, index_id of all that an attempt gathered, each once, in order."""
    children, names = (read_table(folder / f"{name}.parquet") for name in ("children", "names"))
    tokens = _tokens(children, names.rename_columns({"row_key": "record_key"}))
    with connect({"tokens": tokens, "children": children}) as duck:
        return fetch(
            duck,
            f"""
            WITH bearing AS (SELECT row_key, unnest([{", ".join(_NUMBERS)}]) AS token FROM children),
            every AS (SELECT row_key, token FROM bearing WHERE token IS NOT NULL UNION ALL SELECT record_key, token FROM tokens)
            SELECT DISTINCT {_AS_NUMBER} AS token, authority, index_id FROM every JOIN children USING (row_key) ORDER BY ALL
        """,
        )


def numbered(kind: str, number: str) -> int:
    """The token of a number that an agency issues, in its plain form (`contributions`).

    Args:
        kind: ``nhs`` or ``upn``.
        number: the number, without spaces.
    """
    text = f"{key_for('numbers in the network').hex()} {kind} {number}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) >> 1


def named(family_name: str, given_names: str, birth_date: date) -> list[int]:
    """The tokens of names with a birth date."""
    row = {"row_key": ["sought"], "family_name": [family_name], "given_names": [given_names]}
    children = pa.table(row).append_column("birth_date", pa.array([birth_date], pa.date32()))
    tokens = _tokens(
        children, pa.table({name: pa.array([], pa.string()) for name in ("record_key", "family_name", "given_names")})
    )
    with connect({"tokens": tokens}) as duck:
        return [
            int(row[0]) for row in duck.execute(f"SELECT DISTINCT {_AS_NUMBER} FROM tokens ORDER BY ALL").fetchall()
        ]


def _tokens(children: pa.Table, names: pa.Table) -> pa.Table:
    """record_key, token: of each child, by names with the birth date."""
    records = children.select(["row_key", "birth_date", "family_name", "given_names"]).rename_columns(
        {"row_key": "record_key"}
    )
    for name in ("uprn", "postcode", "address"):
        records = records.append_column(name, pa.nulls(records.num_rows, pa.string()))
    tokens = tokens_of_records(records, names.select(["record_key", "family_name", "given_names"]))
    return tokens.filter(pc.equal(tokens["kind"].cast(pa.string()), "person")).select(["record_key", "token"])


_AS_NUMBER = "(('0x' || left(token, 16))::UBIGINT >> 1)::BIGINT"
