"""Marks that protect in XML records: what is under another name, given twice, or somewhere else in the record.

Belongs here: which protective columns of a record are unclear, in an element and in the text of a broken one. Not here:
telling records apart, and all other content (`xml`). A contract without protective columns is asked nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.readers.protective import ASKING, UNCLEAR, is_blank, meant, says_no

__all__ = ["XmlMarks"]

_LONGEST = 1 << 20  # characters of a broken record that are looked at
_TAG = re.compile(r"<\s*([^\s<>/?!=\"']+)([^<>]*)>?([^<]*)")
_ATTRIBUTE = re.compile(r"([^=<>/\"']+?)\s*=\s*[\"']?([^\"'<>]*)")


class XmlMarks:
    """The protective columns of a contract, looked for in one record after the other.

    Attributes:
        columns: the protective columns; there is nothing to look for without.
        misspelled: column → records in which an element was meant to be it and is spelled otherwise.
    """

    def __init__(self, contract: Contract) -> None:
        self.columns = contract.protective
        self.misspelled: dict[str, int] = {}
        self._names = frozenset(contract.column_names)

    def unclear(self, record: Any) -> dict[str, str]:
        """The protective columns of a record element that are unclear, each with `UNCLEAR`.

        Plain is one element of the record's own, under exactly the column's name, with text alone.
        """
        own = [child.tag for child in record]
        found = {}
        for column in self.columns:
            if any(self._spelled(str(tag), column) for tag in set(own)):
                self.misspelled[column.name] = self.misspelled.get(column.name, 0) + 1
            said = list(self._said(record, column, beginning=column.name not in own))
            if said and (said != [True] or own.count(column.name) > 1):
                found[column.name] = UNCLEAR
        return found

    def torn(self, raw: str) -> dict[str, str]:
        """What can be made out of the text of a broken record that asks, by column; nothing when it does not ask."""
        raw = raw[:_LONGEST].replace("\0", "")
        tags = list(_TAG.finditer(raw))
        marks = {
            column.name: UNCLEAR
            for column in self.columns
            if column.concept in ASKING and any(self._torn_says(raw, tag, column) for tag in tags)
        }
        texts = {_local(tag.group(1)): tag.group(3).strip() for tag in reversed(tags) if not is_blank(tag.group(3))}
        return {name: text for name, text in texts.items() if name in self._names} | marks if marks else {}

    def _torn_says(self, raw: str, tag: re.Match[str], column: Column) -> bool:
        """Whether a tag in a broken record was meant to be the column's and anything but no stands in it, or behind it."""
        name, inside = _local(tag.group(1)), tag.group(2)
        attributes = _ATTRIBUTE.findall(inside)
        for words, value in attributes:  # the name is the last word before the sign, unless there is a space in it
            names = (_local(words.split()[-1]), words) if words.strip() else ()
            if any(self._is(each, column, True) for each in names) and not says_no(value, column):
                return True
        words, sign, _ = inside.strip(" /").partition("=")
        rest = " ".join(words.split()[: -1 if sign else None])
        if not any(self._is(each, column, True) for each in (name, f"{name} {rest}")):
            return False
        end = raw.find(f"</{tag.group(1)}", tag.start(3))
        within = raw[tag.start(3) : end] if end >= 0 else tag.group(3)
        values = [value for _, value in attributes] + [value for _, value in _ATTRIBUTE.findall(within)]
        return not _all_no([re.sub(r"<[^<>]*>", "", within), *values], column)

    def _said(self, record: Any, column: Column, *, beginning: bool) -> Iterator[bool]:
        """Whether it is plain, for everything but a no that is said in the record under a name meant to be the column's."""
        anywhere = column.concept in ASKING
        for element in record.iter() if anywhere else [record, *record]:
            own = element.getparent() is record
            if element is not record and isinstance(element.tag, str):
                within = [element.text or "", *_contents(element)]
                if self._is(_local(element.tag), column, beginning and own) and not _all_no(within, column):
                    yield own and element.tag == column.name and not len(element) and not element.attrib
            for name, value in element.attrib.items():
                yield from [False] * (self._is(_local(name), column, beginning) and not says_no(value, column))

    def _is(self, name: str, column: Column, beginning: bool) -> bool:
        if name in self._names:
            return name == column.name
        return meant(name, [column], beginning=beginning) is not None

    def _spelled(self, tag: str, column: Column) -> bool:
        return tag not in self._names and (_local(tag) == column.name or meant(_local(tag), [column]) is not None)


def _contents(element: Any) -> Iterator[str]:
    """Every text and attribute within an element but its own first text."""
    for each in element.iter():
        yield from each.attrib.values()
        if each is not element:
            yield from (each.text or "", each.tail or "")


def _all_no(texts: list[str], column: Column) -> bool:
    return all(says_no(text, column) for text in texts)


def _local(tag: str) -> str:
    """A name without its namespace or prefix."""
    return tag.rpartition("}")[2].rpartition(":")[2]
