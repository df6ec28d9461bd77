"""A contract and a business date, compiled to the SQL that judges one delivery.

Belongs here: how columns become expressions, nested ones included, and how rules over one record are worked in. Not
here: what a single check means (`checks`), rules over several records (`across`), running any of it (`judge`).

Objects are taken apart into their parts (``address.postcode`` is a column like any other) and put together at the end.
Arrays stay arrays: their elements are judged inside list functions. A part of a record that is a *place* in the
compiled SQL has an expression for the text as delivered, the value in its own type, and the value as it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipelines.contracts.model import Column, Contract, Rule
from pipelines.errors import IsindexError
from pipelines.privacy.masking import mask_sql
from pipelines.validation.checks import broken_sql, literal, text_sql, value_sql

__all__ = ["ACROSS_CHECKS", "RECORD_CHECKS", "Place", "Plan", "compile_plan", "places", "quoted", "shielding_code"]

RECORD_CHECKS = frozenset({"date_order", "exactly_one", "consent_basis", "shield_authoriser"})
ACROSS_CHECKS = frozenset({"same_key_other_content", "shared_identifier", "two_birth_dates"})
_NESTED_RECORD_CHECKS = frozenset({"date_order", "nested_required"})
_SHIELDING = frozenset({"shielded", "shield.requested"})
_NEEDS_RULE = {"date": "date_real", "flag": "flag"}


@dataclass(frozen=True)
class Place:
    """A column that is judged as a whole: a leaf (of the record or of an object in it), or an array.

    Attributes:
        path: ``postcode``, ``address.postcode``, ``involvements``.
        column: the contract's column.
        raw: SQL for it in the table `records`.
        key: whether it is part of the record's key.
    """

    path: str
    column: Column
    raw: str

    @property
    def is_array(self) -> bool:
        """Whether its elements are judged one by one."""
        return self.column.logical == "array"


@dataclass
class Plan:
    """What `judge` runs.

    Attributes:
        rules: rules in force; the place in this tuple is a rule's number in the SQL.
        judged: SELECT over `records`: position, line, key, change, withdrawing, every place's kept value by its path,
            and `broken`, the numbers of broken rules.
        shielding: SQL over `judged`: the record asks that the child be shielded.
        masks: rule number → SQL over `records` for the shape of the value that broke it.
        across: numbers of the rules over several records.
        packed: (column, SQL over `judged`) for each top-level column, objects put together again.
    """

    rules: tuple[Rule, ...]
    judged: str = ""
    shielding: str = "false"
    masks: dict[int, str] = field(default_factory=dict)
    across: tuple[int, ...] = ()
    packed: list[tuple[str, str]] = field(default_factory=list)


def compile_plan(contract: Contract, business_date: date) -> Plan:
    """The plan for judging deliveries of `contract` for `business_date`.

    Raises:
        IsindexError: CHECK_UNKNOWN, CONTRACT_INCOMPLETE (a date without a `date_real` rule, a flag without `flag`, no rule
            for one key with several contents), FIELD_UNKNOWN (a rule over a column that the contract does not have).
    """
    rules = contract.all_rules(business_date)
    _assert_complete(contract, rules)
    return _Compiler(contract, business_date, rules).plan()


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
    """The delivered form that means: shielded."""
    if column.logical == "flag":
        return "true"
    return literal(next((code for code, means in column.codes.items() if means == "true"), "true"))


class _Compiler:
    """Builds one plan; a class only so that the contract, the date and the rule numbers are at hand."""

    def __init__(self, contract: Contract, business_date: date, rules: tuple[Rule, ...]) -> None:
        self.contract = contract
        self.day = business_date
        self.rules = rules
        self.number = {rule.code: number for number, rule in enumerate(rules)}
        self.places = places(contract)
        record_rules = [rule for rule in contract.rules if rule.in_force(business_date)]
        self.nested = [rule for rule in record_rules if _array_of(rule)]
        self.record_rules = [rule for rule in record_rules if rule.check in RECORD_CHECKS and not _array_of(rule)]
        self.across = [rule for rule in record_rules if rule.check in ACROSS_CHECKS]
        self.consent = next((rule for rule in record_rules if rule.check == "consent_basis"), None)
        self.masks: dict[int, str] = {}
        self.delivered: set[str] = set()  # places of which later steps ask whether there was anything at all

    def plan(self) -> Plan:
        """All pieces together."""
        withdrawing = self._withdrawing()
        record_broken, kept_over = self._record_rules()
        text, typed, checked, kept = [], [], [], []
        broken: list[str] = []
        for place in self.places:
            name, value, fault = quoted(place.path), quoted(f"{place.path}:value"), quoted(f"{place.path}:fault")
            if place.is_array:
                self._array(place, text, typed, checked, kept, broken)
                continue
            text.append(f"{text_sql(place.column, place.raw)} AS {name}")
            typed.append(f"{value_sql(place.column, name, self.contract.file.date_format)} AS {value}")
            rules = self._in_force(place.column)
            if not rules:
                kept.append(f"{self._unless_withdrawing(place, value)} AS {name}")
                continue
            checked.append(f"{self._first_broken(rules, place.column, name, value)} AS {fault}")
            judged = "" if place.column.key else "NOT withdrawing AND "
            kept_value = self._kept(place.column, rules, fault, value)
            kept.append(f"{self._unless_withdrawing(place, kept_value)} AS {name}")
            broken.append(f"CASE WHEN {judged}{fault} IS NOT NULL THEN {fault} END")
            self.masks |= {self.number[rule.code]: mask_sql(place.raw) for rule in rules if rule.check != "required"}
        final = [f"{kept_over.get(place.path, quoted(place.path))} AS {quoted(place.path)}" for place in self.places]
        kept += [f"{quoted(path)} AS {quoted(path + ':text')}" for path in sorted(self.delivered)]
        head = "position, line, key, change, withdrawing"
        sql = f"""
        WITH given AS (
            SELECT {", ".join([f"position, line, key, change, {withdrawing} AS withdrawing", *text])} FROM records
        ), typed AS (
            SELECT {", ".join(["*", *typed])} FROM given
        ), checked AS (
            SELECT {", ".join(["*", *checked])} FROM typed
        ), kept AS (
            SELECT {", ".join([head, *kept, f"{_list(broken)} AS {quoted('broken:columns')}"])} FROM checked
        )
        SELECT {", ".join([head, *final])}, list_concat({quoted("broken:columns")}, {_list(record_broken)}) AS broken
        FROM kept
        """
        return Plan(
            rules=self.rules,
            judged=sql,
            shielding=self._shielding(),
            masks=self.masks,
            across=tuple(self.number[rule.code] for rule in self.across),
            packed=[
                (column.name, self._pack(column, column.name))
                for column in self.contract.columns
                if column.name != "change"
            ],
        )

    def _in_force(self, column: Column) -> list[Rule]:
        """The column's rules in force, those that keep the value last, so that a break never hides a worse one."""
        rules = [rule for rule in column.rules if rule.code in self.number]
        return sorted(rules, key=lambda rule: rule.keeps_value)

    def _first_broken(self, rules: Iterable[Rule], column: Column, text: str, value: str) -> str:
        branches = " ".join(
            f"WHEN {broken_sql(rule, column, text, value, self.day)} THEN {self.number[rule.code]}" for rule in rules
        )
        return f"CASE {branches} END"

    def _kept(self, column: Column, rules: list[Rule], fault: str, value: str) -> str:
        """The value, unless a rule sets it aside; whoever meant to shield a child, in whatever words, has."""
        aside: dict[str, list[str]] = {}
        for rule in rules:
            if not rule.keeps_value and rule.check != "required":
                aside.setdefault(_instead(rule, column), []).append(str(self.number[rule.code]))
        if not aside:
            return value
        branches = " ".join(f"WHEN {fault} IN ({', '.join(codes)}) THEN {sql}" for sql, codes in aside.items())
        return f"CASE {branches} ELSE {value} END"

    def _unless_withdrawing(self, place: Place, sql: str) -> str:
        """A withdrawal needs its key only: what else it carries is neither judged nor kept."""
        if place.column.key or place.column.concept == "withdrawn":
            return sql
        return f"CASE WHEN NOT withdrawing THEN {sql} END"

    def _withdrawing(self) -> str:
        flags = [place.raw for place in self.places if place.column.concept == "withdrawn"]
        return " OR ".join(
            ["coalesce(change = 'withdraw', false)", *(f"coalesce({raw} = 'true', false)" for raw in flags)]
        )

    def _shielding(self) -> str:
        asks = [
            f"coalesce({quoted(place.path)} = {shielding_code(place.column)}, false)"
            for place in self.places
            if place.column.concept in _SHIELDING
        ]
        return " OR ".join(asks) or "false"

    # ---- arrays -------------------------------------------------------------------------------------------------

    def _array(
        self, place: Place, text: list[str], typed: list[str], checked: list[str], kept: list[str], broken: list[str]
    ) -> None:
        """Judge the elements of an array that may be kept at all; see `plan` for the lists."""
        name, value = quoted(place.path), quoted(f"{place.path}:value")
        allowed = f"list_filter({place.raw}, lambda e: e IS NOT NULL AND ({self._may_be_kept(place, 'e')}))"
        text.append(f"{allowed} AS {name}")
        elements = self._elements(place)
        kept_elements = f"list_transform({name}, lambda e: {self._element(elements, place, 'e')})"
        for rule in self.nested:
            if rule.check == "nested_required" and _array_of(rule) == place.path and not rule.keeps_value:
                kept_elements = f"list_filter({kept_elements}, lambda k: NOT ({self._lacking(rule, 'k')}))"
        typed.append(f"{kept_elements} AS {value}")
        guard = "NOT withdrawing AND "
        for rule in self._in_force(place.column):
            if rule.check == "required":
                judged = broken_sql(rule, place.column, name, value, self.day)
                broken.append(f"CASE WHEN {guard}{judged} THEN {self.number[rule.code]} END")
            elif not place.column.items:
                self._element_rule(rule, place, place.column, "e", guard, broken)
        for column, expression in elements:
            for rule in self._in_force(column):
                self._element_rule(rule, place, column, expression, guard, broken)
        for rule in self.nested:
            if _array_of(rule) != place.path:
                continue
            if rule.check == "consent_basis":
                refused = quoted(f"{place.path}:refused")
                kept_away = f"e IS NOT NULL AND NOT ({self._may_be_kept(place, 'e')})"
                text.append(f"len(list_filter({place.raw}, lambda e: {kept_away})) AS {refused}")
                broken.append(f"CASE WHEN {guard}{refused} > 0 THEN {self.number[rule.code]} END")
                continue
            fault = self._element_fault(rule, place, "e")
            broken.append(
                f"CASE WHEN {guard}len(list_filter({name}, lambda e: {fault})) > 0 THEN {self.number[rule.code]} END"
            )
        kept.append(f"{self._unless_withdrawing(place, value)} AS {name}")

    def _elements(self, place: Place) -> list[tuple[Column, str]]:
        """Leaves below an element `e`, with their SQL."""

        def below(columns: tuple[Column, ...], of: str) -> Iterator[tuple[Column, str]]:
            for column in columns:
                expression = f"{of}.{quoted(column.name)}"
                if column.logical == "object":
                    yield from below(column.items, expression)
                elif column.logical == "array":
                    raise IsindexError(
                        "CONTRACT_INCOMPLETE",
                        f"{place.path} has an array within an array, which cannot be judged.",
                        where=self.contract.id,
                        remedy="Flatten the inner array in the contract.",
                    )
                else:
                    yield column, expression

        return list(below(place.column.items, "e"))

    def _typed(self, column: Column, raw: str) -> tuple[str, str]:
        text = text_sql(column, raw)
        return text, value_sql(column, text, self.contract.file.date_format)

    def _clean(self, column: Column, raw: str) -> str:
        """A value within an element as its own rules leave it."""
        text, value = self._typed(column, raw)
        rules = [rule for rule in self._in_force(column) if not rule.keeps_value and rule.check != "required"]
        if not rules:
            return value
        branches = " ".join(
            f"WHEN {broken_sql(rule, column, text, value, self.day)} THEN {_instead(rule, column)}" for rule in rules
        )
        return f"CASE {branches} ELSE {value} END"

    def _element(self, elements: list[tuple[Column, str]], place: Place, variable: str) -> str:
        """An element as it is kept."""
        if not place.column.items:
            return self._clean(place.column, variable)
        expressions = {expression: self._clean(column, expression) for column, expression in elements}
        for rule in self.nested:
            if rule.check == "date_order" and _array_of(rule) == place.path and not rule.keeps_value:
                aside = f"{variable}.{quoted(_aside(rule).rpartition('.')[2])}"
                order = self._element_fault(rule, place, variable)
                expressions[aside] = f"CASE WHEN {order} THEN NULL ELSE {expressions[aside]} END"

        def pack(columns: tuple[Column, ...], of: str) -> str:
            parts = []
            for column in columns:
                expression = f"{of}.{quoted(column.name)}"
                inner = pack(column.items, expression) if column.logical == "object" else expressions[expression]
                parts.append(f"{quoted(column.name)} := {inner}")
            return f"struct_pack({', '.join(parts)})"

        return pack(place.column.items, variable)

    def _element_rule(
        self, rule: Rule, place: Place, column: Column, expression: str, guard: str, broken: list[str]
    ) -> None:
        """Note `rule` as broken when some element breaks it before any other rule of its column."""
        text, value = self._typed(column, expression)
        rules = self._in_force(column)
        earlier = [broken_sql(other, column, text, value, self.day) for other in rules[: rules.index(rule)]]
        fault = " AND ".join(
            [f"coalesce({broken_sql(rule, column, text, value, self.day)}, false)"]
            + [f"NOT coalesce({other}, false)" for other in earlier if rule.check != "required"]
        )
        number = self.number[rule.code]
        broken.append(
            f"CASE WHEN {guard}len(list_filter({quoted(place.path)}, lambda e: {fault})) > 0 THEN {number} END"
        )
        if rule.check != "required":
            allowed = f"e IS NOT NULL AND ({self._may_be_kept(place, 'e')}) AND {fault}"
            first = f"list_filter({place.raw}, lambda e: {allowed})[1]"
            self.masks[number] = mask_sql(first + expression.removeprefix("e"))

    def _element_fault(self, rule: Rule, place: Place, variable: str) -> str:
        """Whether one element breaks a rule over several of its parts."""
        of = {column.name: self._clean(column, expression) for column, expression in self._elements(place)}
        if rule.check == "date_order":
            earlier, later = (str(rule.params[end]).rpartition(".")[2] for end in ("earlier", "later"))
            return f"coalesce({of[earlier]} > {of[later]}, false)"
        if rule.check == "nested_required":
            return self._lacking(rule, f"({self._element(self._elements(place), place, variable)})")
        raise self._unknown(rule)

    def _lacking(self, rule: Rule, element: str) -> str:
        """Whether a kept element has nothing of what a `nested_required` rule asks for."""
        wanted = [f"{element}.{quoted(name.rpartition('.')[2])} IS NULL" for name in _fields(rule)]
        return " AND ".join(wanted) if rule.params.get("any_of") else " OR ".join(wanted)

    def _may_be_kept(self, place: Place, variable: str) -> str:
        """Whether an element may be kept at all: a sensitive service needs a basis, and anything but a plain no is a yes."""
        if self.consent is None or _array_of(self.consent) != place.path:
            return "true"
        parts = {item.concept: item for item in place.column.items}
        sensitive, basis = parts["involvement.sensitive"], parts["involvement.consent_basis"]
        bases = self.consent.params.get("bases") or _codes_of(basis)
        allowed = ", ".join(literal(code) for code in bases)
        named = f"trim({variable}.{quoted(basis.name)})"
        return f"coalesce({variable}.{quoted(sensitive.name)}, 'false') = 'false' OR coalesce({named} IN ({allowed}), false)"

    # ---- rules over one record ----------------------------------------------------------------------------------

    def _record_rules(self) -> tuple[list[str], dict[str, str]]:
        """Numbers of broken rules, and for each place whose value a rule sets aside the SQL of what is kept."""
        broken: list[str] = []
        over: dict[str, str] = {}
        for rule in self.record_rules:
            if rule.check == "exactly_one":
                self.delivered.update(self._place(rule, name).path for name in _fields(rule))
            fault = f"coalesce(NOT withdrawing AND ({self._record_fault(rule)}), false)"
            broken.append(f"CASE WHEN {fault} THEN {self.number[rule.code]} END")
            aside = _aside(rule)
            if rule.severity == "query" and not rule.keeps_value and aside:
                self._place(rule, aside)
                over[aside] = f"CASE WHEN {fault} THEN NULL ELSE {over.get(aside, quoted(aside))} END"
                self.masks[self.number[rule.code]] = mask_sql(self._place(rule, aside).raw)
        return broken, over

    def _record_fault(self, rule: Rule) -> str:
        if rule.check == "date_order":
            earlier, later = (quoted(self._place(rule, str(rule.params[end])).path) for end in ("earlier", "later"))
            return f"{earlier} > {later}"
        if rule.check == "exactly_one":
            # what was delivered counts: a date that had to be set aside has its own query
            given = [quoted(f"{self._place(rule, name).path}:text") for name in _fields(rule)]
            count = " + ".join(f"({name} IS NOT NULL)::INTEGER" for name in given)
            return f"{count} <> 1"
        if rule.check == "shield_authoriser":
            concepts = {place.column.concept: place for place in self.places}
            requested, by = concepts["shield.requested"], concepts["shield.by"]
            return f"{quoted(requested.path)} AND {quoted(by.path)} IS NULL"
        raise self._unknown(rule)

    def _place(self, rule: Rule, path: str) -> Place:
        for place in self.places:
            if place.path == path:
                return place
        raise IsindexError(
            "FIELD_UNKNOWN",
            f"Rule {rule.code} speaks of {path!r}, which the contract does not have.",
            where=self.contract.id,
            remedy="Name a column of the contract.",
        )

    def _unknown(self, rule: Rule) -> IsindexError:
        known = sorted(RECORD_CHECKS | ACROSS_CHECKS | _NESTED_RECORD_CHECKS)
        return IsindexError(
            "CHECK_UNKNOWN",
            f"The check {rule.check!r} of rule {rule.code} does not exist for records.",
            where=self.contract.id,
            remedy=f"Use one of: {', '.join(known)}.",
        )

    def _pack(self, column: Column, path: str) -> str:
        """A column's kept value, an object put together from its parts (NULL when all of them are)."""
        if column.logical != "object":
            return quoted(path)
        parts = [(item.name, self._pack(item, f"{path}.{item.name}")) for item in column.items]
        packed = ", ".join(f"{quoted(name)} := {sql}" for name, sql in parts)
        empty = " AND ".join(f"({sql}) IS NULL" for _, sql in parts)
        return f"CASE WHEN NOT ({empty}) THEN struct_pack({packed}) END"


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
    for rule in contract.rules:
        if rule.in_force and rule.check not in RECORD_CHECKS | ACROSS_CHECKS | _NESTED_RECORD_CHECKS:
            raise IsindexError(
                "CHECK_UNKNOWN",
                f"The check {rule.check!r} of rule {rule.code} does not exist for records.",
                where=contract.id,
                remedy=f"Use one of: {', '.join(sorted(RECORD_CHECKS | ACROSS_CHECKS | _NESTED_RECORD_CHECKS))}.",
            )


def _incomplete(contract: Contract, message: str) -> IsindexError:
    return IsindexError("CONTRACT_INCOMPLETE", message, where=contract.id, remedy="Add the rule to the contract.")


def _fields(rule: Rule) -> list[str]:
    named: Any = rule.params.get("fields") or rule.params.get("any_of") or rule.field.split("+")
    return [str(name) for name in named]


def _array_of(rule: Rule) -> str:
    """The array whose elements a rule is about, or "" when it is about the record."""
    if rule.check == "consent_basis":
        return str(rule.params.get("path") or rule.field.partition("[]")[0])
    if rule.check not in _NESTED_RECORD_CHECKS:
        return ""
    for name in (rule.params.get("path"), rule.params.get("earlier"), *_fields(rule)):
        if name and "[]" in str(name):
            return str(name).partition("[]")[0]
    return str(rule.params.get("path", "")) if rule.check == "nested_required" else ""


def _aside(rule: Rule) -> str:
    """The path of the value that a broken rule over several columns sets aside; "" when none."""
    if rule.params.get("set_aside"):
        return str(rule.params["set_aside"])
    return str(rule.params["later"]) if rule.check == "date_order" else ""


def _instead(rule: Rule, column: Column) -> str:
    """SQL for what a value that was set aside counts as: nothing, unless protection would then fail open."""
    if "bad_value_means" in rule.params:
        return literal(rule.params["bad_value_means"])
    return shielding_code(column) if column.concept in _SHIELDING else "NULL"


def _codes_of(column: Column) -> list[str]:
    for rule in column.rules:
        if rule.check == "code_in" and rule.params.get("values"):
            return [str(value) for value in rule.params["values"]]
    return list(column.codes)


def _list(numbers: list[str]) -> str:
    """SQL for a list of rule numbers (with NULLs); NULL itself when all are, which is the common case."""
    if not numbers:
        return "NULL::INTEGER[]"
    return f"CASE WHEN coalesce({', '.join(numbers)}) IS NOT NULL THEN [{', '.join(numbers)}] END"
