"""Places: the parts of a record that are judged, and what every one of them needs to become SQL.

Belongs here: taking a contract's columns apart, and the SQL that a single value's rules come to. Not here: arrays
(`elements`), rules over a whole record (`compile`), what a single check means (`checks`).

Objects are taken apart (``address.postcode`` is a place like any other); arrays are places as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipelines.contracts.contract import Column, Contract, Rule
from pipelines.validation.checks import broken_sql, literal, text_sql, value_sql

__all__ = ["SHIELDING", "Place", "RuleSql", "places", "quoted", "shielding_code"]

SHIELDING = frozenset({"shielded", "shield.requested"})


@dataclass(frozen=True)
class Place:
    """A column that is judged as a whole: a leaf (of the record or of an object in it), or an array.

    Attributes:
        path: ``postcode``, ``address.postcode``, ``involvements``.
        column: the contract's column.
        raw: SQL for it in the delivered records, and in any table that has the contract's columns.
    """

    path: str
    column: Column
    raw: str

    @property
    def is_array(self) -> bool:
        """Whether its elements are judged one by one."""
        return self.column.logical == "array"


def places(contract: Contract) -> list[Place]:
    """The places of a contract, in native order; the change mark of a delta is not one."""

    def below(column: Column, path: str, raw: str) -> Iterator[Place]:
        if column.logical == "object":
            for item in column.items:
                yield from below(item, f"{path}.{item.name}", f"{raw}.{quoted(item.name)}")
        else:
            yield Place(path, column, raw)

    columns = [column for column in contract.columns if column.name != "change"]
    return [place for column in columns for place in below(column, column.name, quoted(column.name))]


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def shielding_code(column: Column) -> str:
    """SQL for the delivered form that means: shielded."""
    if column.logical == "flag":
        return "true"
    return literal(next((code for code, means in column.codes.items() if means == "true"), "true"))


@dataclass(frozen=True)
class RuleSql:
    """The rules in force on a business date, numbered, and the SQL they come to.

    Attributes:
        contract: whose rules.
        day: the business date.
        number: rule code → its number in the SQL.
    """

    contract: Contract
    day: date
    number: dict[str, int]

    def in_force(self, column: Column) -> list[Rule]:
        """The column's rules, those that keep the value last, so that a slight break never hides a worse one."""
        rules = [rule for rule in column.rules if rule.code in self.number]
        return sorted(rules, key=lambda rule: rule.keeps_value)

    def text(self, column: Column, raw: str) -> str:
        """SQL for the delivered text as it is judged."""
        return text_sql(column, raw)

    def value(self, column: Column, text: str) -> str:
        """SQL for the value in its own type."""
        return value_sql(column, text, self.contract.file.date_format)

    def first_broken(self, column: Column, text: str, value: str) -> str:
        """SQL for the number of the first rule the value breaks, NULL for none; "" when the column has no rules.

        What an array as a whole must satisfy (`required`) is not asked of its elements.
        """
        rules = [rule for rule in self.in_force(column) if not (column.logical == "array" and rule.check == "required")]
        branches = [
            f"WHEN {broken_sql(rule, column, text, value, self.day)} THEN {self.number[rule.code]}" for rule in rules
        ]
        return f"CASE {' '.join(branches)} END" if branches else ""

    def kept(self, column: Column, fault: str, value: str) -> str:
        """SQL for the value as it is kept, given the number of the rule it broke."""
        aside: dict[str, list[str]] = {}
        for rule in self.in_force(column):
            if not rule.keeps_value and rule.check != "required":
                aside.setdefault(_instead(rule, column), []).append(str(self.number[rule.code]))
        if not aside:
            return value
        branches = " ".join(f"WHEN {fault} IN ({', '.join(codes)}) THEN {sql}" for sql, codes in aside.items())
        return f"CASE {branches} ELSE {value} END"

    def may_break(self, column: Column) -> list[int]:
        """Numbers of the column's rules that find fault with a value that is there."""
        return [self.number[rule.code] for rule in self.in_force(column) if rule.check != "required"]


def _instead(rule: Rule, column: Column) -> str:
    """SQL for what a value that was set aside counts as: nothing, unless protection would then fail open."""
    if "bad_value_means" in rule.params:
        return literal(rule.params["bad_value_means"])
    return shielding_code(column) if column.concept in SHIELDING else "NULL"
