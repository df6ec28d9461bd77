"""A contract and a business date, compiled to the SQL that judges one delivery.

Belongs here: the steps every place goes through, and rules over one record. Not here: what a single check means
(`checks`), a single place (`places`), arrays (`elements`), rules over several records (`across`), running it (`judge`).

Steps: given (text) → typed (values) → checked (number of the first rule each value breaks) → kept (values that may
stay) → rules over the record, which look at what was kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from pipelines.contracts.contract import Column, Contract, Rule
from pipelines.errors import IsindexError
from pipelines.validation.elements import NESTED_CHECKS, array_of, compile_array, fields_of, set_aside_by
from pipelines.validation.places import SHIELDING, Place, RuleSql, places, quoted, shielding_code

__all__ = ["ACROSS_CHECKS", "RECORD_CHECKS", "Plan", "compile_plan"]

RECORD_CHECKS = frozenset({"date_order", "exactly_one", "shield_authoriser"})
ACROSS_CHECKS = frozenset({"same_key_other_content", "shared_identifier", "two_birth_dates"})
_NEEDS_RULE = {"date": "date_real", "flag": "flag"}
_HEAD = "position, line, key, change, withdrawing"


@dataclass(frozen=True)
class Plan:
    """What `judge` runs.

    Attributes:
        rules: rules in force; the place in this tuple is a rule's number in the SQL.
        judged: SELECT over `records`: position, line, key, change, withdrawing, every place's kept value by its path,
            `broken` (numbers of broken rules, with NULLs), and what `offending` needs.
        shielding: SQL over `judged`: the record asks that the child be shielded.
        offending: rule number → SQL over `records` joined with `judged` for the text that broke the rule.
        across: numbers of the rules over several records.
        packed: (column, SQL over `judged`) for each top-level column, objects put together again.
    """

    rules: tuple[Rule, ...]
    judged: str
    shielding: str
    offending: dict[int, str]
    across: tuple[int, ...]
    packed: list[tuple[str, str]]


def compile_plan(contract: Contract, business_date: date) -> Plan:
    """The plan for judging deliveries of `contract` for `business_date`.

    Raises:
        IsindexError: CHECK_UNKNOWN; CONTRACT_INCOMPLETE (a date without a `date_real` rule, a flag without `flag`, no
            rule for one key with several contents); FIELD_UNKNOWN (a rule over a column that is not in the contract).
    """
    rules = contract.all_rules(business_date)
    _assert_complete(contract, rules)
    sql = RuleSql(contract, business_date, {rule.code: number for number, rule in enumerate(rules)})
    of_record = [rule for rule in contract.rules if rule.in_force(business_date)]
    steps = _Steps()
    for place in places(contract):
        if place.is_array:
            nested = [rule for rule in of_record if array_of(rule) == place.path]
            _add_array(steps, place, sql, nested)
        else:
            _add_value(steps, place, sql)
    for rule in of_record:
        if rule.check in RECORD_CHECKS and not array_of(rule):
            _add_record_rule(steps, rule, sql)
    return Plan(
        rules=rules,
        judged=steps.sql(contract),
        shielding=_shielding(contract),
        offending=steps.offending,
        across=tuple(sql.number[rule.code] for rule in of_record if rule.check in ACROSS_CHECKS),
        packed=[(each.name, _packed(each, each.name)) for each in contract.columns if each.name != "change"],
    )


@dataclass
class _Steps:
    """The select items of each step, gathered place by place."""

    given: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    final: dict[str, str] = field(default_factory=dict)
    column_numbers: list[str] = field(default_factory=list)  # a number or NULL each, over what `checked` gives
    column_lists: list[str] = field(default_factory=list)  # a list of them each
    record_numbers: list[str] = field(default_factory=list)  # a number or NULL each, over what `kept` gives
    offending: dict[int, str] = field(default_factory=dict)

    def sql(self, contract: Contract) -> str:
        """The whole SELECT."""
        kept = [f"{sql} AS {quoted(name)}" for name, sql in self.kept.items()]
        final = [f"{sql} AS {quoted(name)}" for name, sql in self.final.items()]
        of_columns = f"CASE WHEN NOT withdrawing THEN {_concatenated(self.column_lists)} END"
        return f"""
        WITH given AS (
            SELECT position, line, key, change, {_withdrawing(contract)} AS withdrawing, {", ".join(self.given)}
            FROM records
        ), typed AS (
            SELECT {", ".join(["*", *self.typed])} FROM given
        ), checked AS (
            SELECT {", ".join(["*", *self.checked])} FROM typed
        ), kept AS (
            SELECT {", ".join([_HEAD, *kept])}, {_listed(self.column_numbers)} AS "broken:columns",
                {of_columns} AS "broken:elements"
            FROM checked
        )
        SELECT {", ".join([_HEAD, *final])},
            list_concat("broken:columns", list_concat("broken:elements", {_listed(self.record_numbers)})) AS broken
        FROM kept
        """


def _add_value(steps: _Steps, place: Place, sql: RuleSql) -> None:
    """A leaf of the record."""
    column, name = place.column, quoted(place.path)
    value, fault = quoted(f"{place.path}:value"), quoted(f"{place.path}:fault")
    steps.given.append(f"{sql.text(column, place.raw)} AS {name}")
    steps.typed.append(f"{sql.value(column, name)} AS {value}")
    first_broken = sql.first_broken(column, name, value)
    result = value
    if first_broken:
        # a withdrawal needs its key only: what else it carries is neither judged nor kept
        judged = first_broken if column.key else f"CASE WHEN NOT withdrawing THEN {first_broken} END"
        steps.checked.append(f"{judged} AS {fault}")
        steps.column_numbers.append(fault)
        result = sql.kept(column, fault, value)
    stays = column.key or column.concept == "withdrawn"
    steps.kept[place.path] = result if stays else f"CASE WHEN NOT withdrawing THEN {result} END"
    steps.final[place.path] = name
    steps.offending |= dict.fromkeys(sql.may_break(column), f"records.{place.raw}")


def _add_array(steps: _Steps, place: Place, sql: RuleSql, rules: list[Rule]) -> None:
    """An array and its elements."""
    array = compile_array(place, sql, rules)
    checked = f"{place.path}:checked"
    steps.given += array.given
    steps.typed += array.typed
    steps.checked += array.checked
    for item in array.kept:
        expression, _, name = item.rpartition(" AS ")
        steps.kept[name.strip('"') if expression else item.strip('"')] = expression or item
    steps.final[place.path] = f"CASE WHEN NOT withdrawing THEN {array.final} END"
    if (
        array.offending
    ):  # what broke a rule is masked from here, since the delivered list cannot tell which element it was
        steps.kept[checked] = quoted(checked)
        steps.final[checked] = quoted(checked)
        steps.offending |= {
            number: f"judged.{text}" if text.startswith('"') else text for number, text in array.offending.items()
        }
    if array.column_numbers:
        steps.column_lists.append(array.column_numbers)
    steps.record_numbers += [f"CASE WHEN NOT withdrawing THEN {number} END" for number in array.numbers]


def _add_record_rule(steps: _Steps, rule: Rule, sql: RuleSql) -> None:
    """A rule over several columns of one record."""
    known = {place.path: place for place in places(sql.contract)}
    concepts = {place.column.concept: place.path for place in known.values()}

    def path(name: object) -> str:
        found = str(name) if str(name) in known else concepts.get(str(name))
        if found is None:
            raise IsindexError(
                "FIELD_UNKNOWN",
                f"Rule {rule.code} speaks of {name!r}, which the contract does not have.",
                where=sql.contract.id,
                remedy="Name a column of the contract.",
            )
        return found

    if rule.check == "date_order":
        fault = f"{quoted(path(rule.params['earlier']))} > {quoted(path(rule.params['later']))}"
    elif rule.check == "exactly_one":
        # what was delivered counts: a date that had to be set aside has its own query
        given = [path(name) for name in fields_of(rule)]
        steps.kept |= {f"{name}:text": quoted(name) for name in given}
        fault = " + ".join(f"({quoted(f'{name}:text')} IS NOT NULL)::INTEGER" for name in given) + " <> 1"
    else:
        fault = f"{quoted(path(rule.params['requested']))} AND {quoted(path(rule.params['by']))} IS NULL"
    fault = f"coalesce(NOT withdrawing AND ({fault}), false)"
    steps.record_numbers.append(f"CASE WHEN {fault} THEN {sql.number[rule.code]} END")
    aside = set_aside_by(rule)
    if aside:
        steps.final[path(aside)] = f"CASE WHEN {fault} THEN NULL ELSE {steps.final[path(aside)]} END"
        steps.offending[sql.number[rule.code]] = f"records.{known[path(aside)].raw}"


def _withdrawing(contract: Contract) -> str:
    """SQL over `records`: the record takes a child out, by the change mark or by a flag of its own."""
    flags = [
        f"coalesce({place.raw} = 'true', false)" for place in places(contract) if place.column.concept == "withdrawn"
    ]
    return " OR ".join(["coalesce(change = 'withdraw', false)", *flags])


def _shielding(contract: Contract) -> str:
    asks = [
        f"coalesce({quoted(place.path)} = {shielding_code(place.column)}, false)"
        for place in places(contract)
        if place.column.concept in SHIELDING
    ]
    return " OR ".join(asks) or "false"


def _packed(column: Column, path: str) -> str:
    """A column's kept value, an object put together from its parts (NULL when all of them are)."""
    if column.logical != "object":
        return quoted(path)
    parts = [(item.name, _packed(item, f"{path}.{item.name}")) for item in column.items]
    packed = ", ".join(f"{quoted(name)} := {sql}" for name, sql in parts)
    empty = " AND ".join(f"({sql}) IS NULL" for _, sql in parts)
    return f"CASE WHEN NOT ({empty}) THEN struct_pack({packed}) END"


def _listed(numbers: list[str]) -> str:
    """SQL for a list of rule numbers (with NULLs); NULL itself when all are, which is the common case."""
    if not numbers:
        return "NULL::INTEGER[]"
    return f"CASE WHEN coalesce({', '.join(numbers)}) IS NOT NULL THEN [{', '.join(numbers)}] END"


def _concatenated(lists: list[str]) -> str:
    if not lists:
        return "NULL::INTEGER[]"
    joined = lists[0]
    for other in lists[1:]:
        joined = f"list_concat({joined}, {other})"
    return joined


def _assert_complete(contract: Contract, rules: tuple[Rule, ...]) -> None:
    """Every value that cannot be typed must be somebody's fault, or it would vanish without a word."""
    in_force = {rule.code for rule in rules}

    def check(columns: Iterable[Column], path: str) -> None:
        for column in columns:
            check(column.items, f"{path}{column.name}.")
            needed = _NEEDS_RULE.get(column.logical)
            if needed and not any(rule.check == needed and rule.code in in_force for rule in column.rules):
                raise _incomplete(contract, f"The column {path}{column.name} has no {needed!r} rule in force.")

    check((column for column in contract.columns if column.name != "change"), "")
    if not any(rule.check == "same_key_other_content" for rule in rules):
        raise _incomplete(contract, "It has no 'same_key_other_content' rule in force.")
    known = RECORD_CHECKS | ACROSS_CHECKS | NESTED_CHECKS
    for rule in contract.rules:
        if rule.check not in known:
            raise IsindexError(
                "CHECK_UNKNOWN",
                f"The check {rule.check!r} of rule {rule.code} does not exist for records.",
                where=contract.id,
                remedy=f"Use one of: {', '.join(sorted(known))}.",
            )


def _incomplete(contract: Contract, message: str) -> IsindexError:
    return IsindexError("CONTRACT_INCOMPLETE", message, where=contract.id, remedy="Add the rule to the contract.")
