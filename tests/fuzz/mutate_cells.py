"""Mutators of values: what stands in a record although the contract has something else there, in any form of file.

Belongs here: NULL words, what cannot be seen, odd dates and codes, texts that are too long, other scripts. The record is touched; its
mark only where the value is the mark's.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.fuzz.mangling import Work, mutator

NOTHING = (
    "NULL",
    "null",
    "NaN",
    "None",
    "N/A",
    "#N/A",
    "\\N",
    "-",
    ".",
    "unknown",
    "nil",
    "   ",
    "\u3000",
    "<NA>",
    "undefined",
)
UNSEEN = (
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u202e",
    "\u2066",
    "\u034f",
    "\u115f",
    "\ufe0f",
    "\u180e",
    "\x7f",
    "\x01",
    "\x1b[31m",
)
DATES = (
    "2015-02-30",
    "0000-00-00",
    "9999-12-31",
    "1582-10-10",
    "31/12/2015",
    "2015-1-2",
    "2015-12-31T23:59:59Z",
    "2015-06-30 23:30:00+00:00",
    "20151231",
    "99999-01-01",
    "-0001-01-01",
    "2015-12-31T99:99",
    "١٢/٠٣/٢٠١٥",
    "12 March 2015",
    "44197",
    "2015-02-29",
)
SCRIPTS = (
    "Алиса",
    "محمد",
    "李小龍",
    "ＡＢＣ",
    "𝔄𝔩𝔦𝔠𝔢",
    "Zoë",
    "İıŞş",
    "ﬃ",
    "e\u0301" * 30,
    "👩‍👧‍👦",
    "ᚠᚢᚦ",
    "नमस्ते",
    "\ud7ff\ufffd\ufdd0",
    "ﷺ" * 20,
)
CODES = ("9999999999", "0000000000", "S", "s", "X", "ZZ99 3VZ", "1e10", "1.0", "+44", "0x10", "1,5", "TRUE", "=1+1", "@SUM(A1)", "'; DROP TABLE child; --", "{{ 7*7 }}", "<script>alert(1)</script>", "../../etc/passwd", "%n%s", "a/b", "a:b")  # fmt: skip
_MARKS = {"confidentiality", "shield", "firewall_from", "requested", "by", "reason_code"}


def _leaf(work: Work, row: dict[str, Any]) -> tuple[Any, Any, bool]:
    """A container in the record, what one of its texts stands under, and whether that is a mark's."""
    found: list[tuple[Any, Any, bool]] = []

    def gather(value: Any, marked: bool) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in list(items):
            mark = marked or name in _MARKS
            if isinstance(each, (dict, list)):
                gather(each, mark)
            elif isinstance(each, str):
                found.append((value, name, mark))

    gather(row, False)
    return work.rng.choice(found)


def _with(work: Work, change: Any) -> None:
    number = work.record()
    rows = [deepcopy(row) for row in work.base.rows]
    inside, name, mark = _leaf(work, rows[number])
    inside[name] = change(inside[name])
    work.touched.add(number)
    if mark:
        work.unmarked.add(number)
    work.rewrite(rows, [number])


@mutator("a cell says nothing")
def says_nothing(work: Work) -> bool | None:
    _with(work, lambda value: work.rng.choice(NOTHING))


@mutator("invisible signs in a cell")
def invisible(work: Work) -> bool | None:
    def change(value: str) -> str:
        at = work.rng.randint(0, len(value))
        return value[:at] + work.rng.choice(UNSEEN) + value[at:]

    _with(work, change)


@mutator("a cell padded")
def padded(work: Work) -> bool | None:
    signs = ("  ", "\t", "\u00a0", "\n", "\r", "\r\n", "\u2003", "\v", "\u2028")
    _with(work, lambda value: work.rng.choice(signs) * work.rng.randint(0, 2) + value + work.rng.choice(signs))


@mutator("a very long cell")
def long(work: Work) -> bool | None:
    size = work.rng.choice((41, 201, 9_999, 10_000, 10_001, 40_000, 300_000))
    _with(work, lambda value: (value or "x") * (size // max(1, len(value)) + 1))


@mutator("an odd date")
def odd_date(work: Work) -> bool | None:
    number = work.record()
    rows = [deepcopy(row) for row in work.base.rows]
    dates = [name for name in rows[number] if "date" in name.lower() or name in ("DOB", "gp_from", "address_from")]
    if not dates:
        return False
    rows[number][work.rng.choice(dates)] = work.rng.choice(DATES)
    work.touched.add(number)
    work.rewrite(rows, [number])
    return None


@mutator("an odd code")
def odd_code(work: Work) -> bool | None:
    _with(work, lambda value: work.rng.choice(CODES))


@mutator("another script")
def script(work: Work) -> bool | None:
    _with(work, lambda value: work.rng.choice(SCRIPTS))


@mutator("a cell empty")
def empty(work: Work) -> bool | None:
    _with(work, lambda value: "")


@mutator("cells exchanged")
def exchanged(work: Work) -> bool | None:
    number = work.record()
    rows = [deepcopy(row) for row in work.base.rows]
    one, other = _leaf(work, rows[number]), _leaf(work, rows[number])
    one[0][one[1]], other[0][other[1]] = other[0][other[1]], one[0][one[1]]
    work.touched.add(number)
    if one[2] or other[2]:
        work.unmarked.add(number)
    work.rewrite(rows, [number])


@mutator("a cell of another record")
def of_another(work: Work) -> bool | None:
    number, other = work.record(), work.record()
    rows = [deepcopy(row) for row in work.base.rows]
    inside, name, mark = _leaf(work, rows[number])
    if mark or not isinstance(rows[other].get(name), str) or number == other:
        return False
    inside[name] = rows[other][name]
    work.touched |= {number, other}  # one number on two children is told of both
    work.rewrite(rows, [number])
    return None
