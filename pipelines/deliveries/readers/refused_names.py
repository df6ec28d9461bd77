"""Names of columns, elements and keys outside the contract, as they may be told: a name may be a value.

Belongs here: which of them are told by name, and the finding that tells them. Not here: which are outside (each reader).

The first row of a file without a header is taken for names, and a document may have a child's name for a key. So a name is told
where the rest of the file is plainly the contract's and it looks like one of the contract's names; else by its number and its shape.
Where the file is not the contract's, nothing is told but numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.codes import Finding, finding
from pipelines.privacy.masking import mask

__all__ = ["as_told", "columns_refused", "is_contracts", "plainly_contracts"]

_SHOWN = 50
_LIKE_A_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LIKE_A_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?_?[0-9][A-Z]{2}", re.IGNORECASE)
_PATH = re.compile(r"(?:\[\])?\.|/")


def is_contracts(seen: Collection[str], contract: Contract, *, all_named: bool) -> bool:
    """Whether a file with these names is plainly the contract's: all that it needs are there.

    Args:
        seen: names in the file.
        contract: whose.
        all_named: whether a file names every column, so that most of them must be there; else empty ones may be left out.
    """
    needed = {column.name for column in contract.columns if column.required or column.key}
    there = set(seen) & set(contract.column_names)
    return needed <= there and not (all_named and 2 * len(there) <= len(contract.column_names))


def plainly_contracts(records: pa.Table, contract: Contract) -> bool:
    """Whether a file that need not name every column is plainly the contract's by some of its records alone."""
    seen = [name for name in records.column_names if records[name].null_count < records.num_rows]
    return is_contracts(seen, contract, all_named=False)


def as_told(names: Mapping[int, str], contract: Contract, *, known: bool) -> tuple[str, ...]:
    """Names outside the contract as they may be told, in order.

    Args:
        names: number in the file, from 1 → name; nested ones by path (``address.note``, ``names[].note``, ``UPN/@x``).
        contract: of the file.
        known: whether the file is plainly the contract's.
    """
    parts = {name for column in contract.columns for name in _names_in(column)}
    small = all(name == name.lower() for name in parts)
    return tuple(
        f"number {number}" if not known else name if _plain(name, parts, small) else f"number {number} ({mask(name)})"
        for number, name in names.items()
    )


def columns_refused(told: tuple[str, ...], file: str) -> list[Finding]:
    """COLUMNS_REFUSED for what `as_told` gave, if there is any."""
    if not told:
        return []
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return [finding("COLUMNS_REFUSED", file, names=", ".join(told[:_SHOWN]) + more)]


def _plain(name: str, parts: Collection[str], small: bool) -> bool:
    *before, last = _PATH.split(name)
    last = last.removeprefix("@")
    return (
        all(each in parts for each in before)
        and _LIKE_A_COLUMN.fullmatch(last) is not None
        and not (small and last != last.lower())
        and sum(each.isdigit() for each in last) < 5
        and not _LIKE_A_POSTCODE.fullmatch(last)
    )


def _names_in(column: Column) -> Iterator[str]:
    yield column.name
    for item in column.items:
        yield from _names_in(item)
