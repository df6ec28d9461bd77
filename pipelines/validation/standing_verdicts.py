"""Verdicts that stand: when a record that was accepted without any finding need not be judged again, and what then has to be asked still.

Belongs here: all that a verdict depends on besides the record (`verdict_means`), the rules that look at the business date, as SQL over
values that were kept (`dated_sql`), and which records' verdicts may be taken over (`kept_texts`). Not here: telling that a record's
text is the same (`deliveries.readers.only_new`), judging (`judge`).
"""

from __future__ import annotations

import hashlib
import platform
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import lxml.etree
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import pipelines
from pipelines.contracts import authorities, fingerprints
from pipelines.contracts.contract import Column, Contract, Rule
from pipelines.validation.checks import COLUMN_CHECKS, broken_sql
from pipelines.validation.identifiers import reference_told
from pipelines.validation.places import Place, places, quoted

__all__ = ["dated_sql", "kept_texts", "verdict_means"]

_TEXT, _VALUE = '"the text"', '"the value"'
_ANOTHER_DAY = timedelta(days=1000)


def verdict_means(contract: Contract, business_date: date, authority: str) -> str:
    """A digest of all that the reading and judging of one record depends on besides its file and itself.

    Equal ones mean equal verdicts, but for `dated_sql` and what is found across records.

    Args:
        contract: by which it is judged.
        business_date: the rules in force on that day count, and the day itself where a rule asks the delivered text of it.
        authority: whose feed it is.
    """
    rules = contract.all_rules(business_date)
    dated = [rule.code for _, column in _columns(contract) for rule in column.rules if _asks_text(rule, column)]
    told = (
        _PROGRAM,
        authority,
        repr(contract),
        [rule.code for rule in rules],
        business_date if {rule.code for rule in rules} & set(dated) else None,
        sorted(fingerprints().items()),
        sorted(authorities.known()),
        sorted(authorities.closed().items()),
        reference_told(),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()


def dated_sql(contract: Contract, business_date: date) -> list[str]:
    """SQL conditions over a table with the contract's columns, as kept: true where a record breaks a rule that looks at the day.

    Args:
        contract: by which the records were judged on another day, with no finding.
        business_date: the day.
    """
    in_force = {rule.code for rule in contract.all_rules(business_date)}
    found = []
    for place, column in _columns(contract):
        for rule in column.rules:
            if rule.code not in in_force or not _is_dated(rule, column) or _asks_text(rule, column):
                continue  # of one that asks the text the day is among what the verdict means
            if column is place.column:
                broken = broken_sql(rule, column, place.raw, place.raw, business_date)
                found.append(f"coalesce({broken}, false)")
            else:
                part = f"e.{quoted(column.name)}"
                broken = broken_sql(rule, column, part, part, business_date)
                listed = f"list_filter({place.raw}, lambda e: coalesce({broken}, false))"
                found.append(f"coalesce(len({listed}) > 0, false)")
    return found


def kept_texts(texts: pa.Array, accepted: pa.Table, contract: Contract) -> pa.Table:
    """What is kept of a delivery's texts: `digest` for each row of `accepted`, null where its verdict may not be taken over.

    Args:
        texts: as `ReadResult.texts`.
        accepted: as it was judged.
        contract: by which.
    """
    sure = pc.and_(pc.equal(accepted["outcome"], "accepted"), accepted["key"].is_valid())
    for place in places(contract):
        if place.column.concept == "withdrawn":
            name, *below = place.path.split(".")
            values = accepted[name]
            says = pc.struct_field(values, below) if below else values
            sure = pc.and_(sure, pc.invert(pc.fill_null(says, False)))
    digests = texts.take(pa.array(accepted["position"].to_numpy() - 1))
    return pa.table({"digest": pc.if_else(sure.combine_chunks(), digests, pa.scalar(None, digests.type))})


def _columns(contract: Contract) -> Iterator[tuple[Place, Column]]:
    """Every place with its column, and every array with those of its elements."""
    for place in places(contract):
        yield place, place.column
        if place.is_array:
            for item in place.column.items:
                yield place, item


def _is_dated(rule: Rule, column: Column) -> bool:
    """Whether the rule says something else on another day."""
    day = date(2000, 1, 1)
    one, other = (broken_sql(rule, column, _TEXT, _VALUE, each) for each in (day, day + _ANOTHER_DAY))
    return one != other


def _asks_text(rule: Rule, column: Column) -> bool:
    """Whether a rule that looks at the day looks at the delivered text, too, which nobody has kept."""
    asks = _TEXT in broken_sql(rule, column, _TEXT, _VALUE, date(2000, 1, 1)) or column.logical != "date"
    return rule.check in COLUMN_CHECKS and _is_dated(rule, column) and asks


def _program() -> str:
    """Digest of the program's own text, and the versions of what reads and judges.

    Asked for once, when this is loaded: a newer program that is installed beside a run that goes on is not what judges in it.
    """
    versions = (
        platform.python_version(),
        unicodedata.unidata_version,
        duckdb.__version__,
        pa.__version__,
        np.__version__,
        lxml.etree.LXML_VERSION,
        lxml.etree.LIBXML_VERSION,
    )
    read = hashlib.sha256(repr(versions).encode())
    folder = Path(pipelines.__file__).parent
    for part in ("contracts", "deliveries", "seams", "validation"):
        for path in sorted((folder / part).rglob("*.py")):
            read.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode() + path.read_bytes())
    read.update((folder / "tables.py").read_bytes())
    return read.hexdigest()


_PROGRAM = _program()
