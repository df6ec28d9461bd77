"""Numbers that name another record, in the form in which they are kept and compared: keyed digests.

Belongs here: what of a number counts, whatever hand wrote it, and taking several numbers in one text apart. Not here: whose a number is
(`wall_wishes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import key_for
from pipelines.tables import connect

__all__ = ["digesting", "folded", "numbers_asked"]


def numbers_asked(text: str) -> list[str]:
    """Digests of a delivered number, and of each of its parts should it be several; "" for what is no number."""
    parts = [part for part in re.split(r"[;,|&+\n]", text) if part.strip()]
    with digesting({"told": pa.table({"folded": folded(pa.array([text, *parts], pa.string()))})}) as duck:
        return [digest for (digest,) in duck.execute("SELECT coalesce(digest(folded), '') FROM told").fetchall()]


def folded(texts: pa.Array) -> pa.Array:
    """Letters and digits alone, in capitals; forms that only look different are one. Null where there is none."""
    plain = pc.utf8_upper(pc.utf8_normalize(texts, form="NFKC"))
    plain = pc.replace_substring_regex(plain, r"[^\pL\pN]+", "")
    return pc.if_else(pc.equal(pc.binary_length(plain), 0), pa.scalar(None, pa.string()), plain)


@contextmanager
def digesting(views: dict[str, pa.Table]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with these views and a macro ``digest`` of folded text."""
    with connect(views) as duck:
        duck.execute("SET VARIABLE secret = ?", [key_for("walled from").hex()])
        duck.execute("CREATE TEMP MACRO digest(text) AS substr(sha256(getvariable('secret') || text), 1, 32)")
        yield duck
