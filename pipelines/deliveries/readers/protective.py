"""Protective columns: how their names come when they are not spelled as they should be, and what an unclear mark is read as.

Belongs here: what the readers share to fail closed on a column that protects. Each of them turns a mark that is not plain
into `UNCLEAR` under the proper name, so that from there on it breaks its rule, counts as set and is queried. Not here: who
asks (`asking`), the forms of single kinds of file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.codes import Finding, finding

__all__ = [
    "ASKING",
    "BETWEEN_NUMBERS",
    "UNCLEAR",
    "WALLS",
    "asking_columns",
    "is_blank",
    "known_marks",
    "meant",
    "put_right",
    "refusal",
    "says_no",
]

UNCLEAR = "?"
"""Read in place of a mark that is not plain: no rule takes it for a yes or a no."""

ASKING = ("shielded", "shield", "walled_from")
"""Concepts of the top-level columns by which a record asks that its child be protected."""

WALLS = "walled_from"
"""The one among them that names another record instead of saying yes or no: whatever can be seen in it is asked for."""

BETWEEN_NUMBERS = "; "
"""Stands between the numbers where a file has several for one record."""

_OF_A_WALL = re.compile("(identity)?(fire)?wall(ed)?(off)?(from|against|to)?(id|ids|number|numbers|record)?")
"""What else a column is called that asks for a firewall: ``wall_from``, ``walled_off_from``, ``firewall_id``."""

_SHORTEST = 5  # letters of a name from which one slip is still no other word


def asking_columns(contract: Contract) -> tuple[Column, ...]:
    """The columns by which a record asks that its child be protected."""
    return tuple(column for column in contract.columns if column.concept in ASKING)


def meant(name: str, columns: Iterable[Column], *, beginning: bool = False) -> Column | None:
    """The column of `columns` that `name` was meant to be although it is spelled otherwise; None for every other name.

    Args:
        name: as delivered.
        columns: at the place where the name stands; one that is spelled properly is none of these.
        beginning: whether a name that is the beginning of an asking column's, or has it as its own, is meant too
            (``shielded``, ``shield_flag``, ``confidential``).
    """
    found = [column for column in columns if column.name != name and _spelled_otherwise(name, column)]
    if not found and _OF_A_WALL.fullmatch(_folded(name)):
        found = [column for column in columns if column.concept == WALLS and column.name != name]
    if not found and beginning:
        asking = [column for column in columns if column.concept in ASKING and column.name != name]
        found = [column for column in asking if _begins(_folded(name), _folded(column.name))]
    return found[0] if found else None


def put_right(names: Sequence[str], proper: Iterable[str]) -> list[str]:
    """`names` with the proper one for each that differs from it in capitals, blanks, signs or accents alone, unless that is there, too."""
    given, wanted = set(names), list(proper)
    meant_by = {_folded(each): each for each in wanted if each not in given}
    return [name if name in wanted else meant_by.get(_folded(name), name) for name in names]


def refusal(columns: Iterable[str], file: str) -> list[Finding]:
    """PROTECTION_UNREADABLE for the protective columns of those names (of the contract), if there are any."""
    named = ", ".join(sorted(set(columns)))
    return [finding("PROTECTION_UNREADABLE", file, names=named)] if named else []


def known_marks(column: Column) -> frozenset[str]:
    """What an asking column says, in words that could hardly stand in another: its codes and their meaning, folded."""
    codes = [code for code, means in column.codes.items() if means == "true"]
    return frozenset(word.casefold() for code in codes for word in (code, column.labels.get(code, code)))


def says_no(text: str | None, column: Column) -> bool:
    """Whether a text in that column, or under a name that was meant to be its, plainly says no: blank, or a no of its."""
    if is_blank(text):
        return True
    codes = column.codes or ({"false": "false"} if column.logical == "flag" else {})
    said = (text or "").strip()
    return said in codes and codes[said] != "true"


def is_blank(text: str | None) -> bool:
    """Whether there is nothing to be seen: no text, or white space, control and invisible characters alone."""
    return not text or all(unicodedata.category(each)[0] in "ZC" for each in text)


def _spelled_otherwise(name: str, column: Column) -> bool:
    """Whether `name` is the column's but for capitals, spaces, signs, accents or one slip, or is an item's flattened.

    A slip is a letter too many, too few, another one, or two exchanged.
    """
    proper, given = _folded(column.name), _folded(name)
    if given == proper or given in {proper + _folded(item.name) for item in column.items}:
        return True
    return len(proper) >= _SHORTEST and _one_slip(given, proper)


@lru_cache(4096)
def _folded(name: str) -> str:
    """Letters and digits alone, without accents and capitals; forms that only look different are one."""
    plain = unicodedata.normalize("NFKD", name[:200]).casefold()
    return "".join(each for each in plain if each.isalnum())


def _begins(given: str, proper: str) -> bool:
    return given.startswith(proper) or (len(given) >= _SHORTEST and proper.startswith(given))


def _one_slip(given: str, proper: str) -> bool:
    if abs(len(given) - len(proper)) > 1 or given == proper:
        return given == proper
    start = _shared(given, proper)
    left, wanted = given[start:], proper[start:]
    end = _shared(left[::-1], wanted[::-1])
    left, wanted = left[: len(left) - end], wanted[: len(wanted) - end]
    return max(len(left), len(wanted)) <= 1 or (len(left) == len(wanted) == 2 and left == wanted[::-1])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many letters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
