"""Arrays: judging the elements of a list inside a record.

Belongs here: the SQL that takes an array through the same steps as any other place, element by element, and the rules
over several parts of one element. Not here: the steps themselves (`compile`).

Each step is one list function over the last one's result, so that nothing is computed twice. A sensitive involvement
without a consent basis does not even enter the first step: none of it is judged, masked or kept. Of one with a basis the
service, its worker and their contact do not, and whatever is not plainly marked as not sensitive is sensitive.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.contracts.contract import Column, Rule
from pipelines.errors import IsindexError
from pipelines.validation.checks import broken_sql, literal
from pipelines.validation.places import Place, RuleSql, quoted

__all__ = ["NESTED_CHECKS", "ArraySql", "array_of", "compile_array", "fields_of", "set_aside_by"]

NESTED_CHECKS = frozenset({"consent_basis", "date_order", "nested_required"})
_OF_SENSITIVE = frozenset({"involvement.service", "involvement.contact", "involvement.phone"})  # kept of none
_ITEM = Column("item", "text", "An element of a list of plain values.")


@dataclass
class ArraySql:
    """An array's part in each step of the compiled plan.

    Attributes:
        given, typed, checked, kept: select items.
        final: SQL for the array as it is kept, over what `kept` gives.
        column_numbers: SQL, over what `checked` gives, for a list of the rules its elements break.
        numbers: SQL, over what `kept` gives, one number or NULL each: rules over whole elements or the array.
        offending: rule number → SQL, over what `checked` gives, for the text that broke it.
    """

    given: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    final: str = ""
    column_numbers: str = ""
    numbers: list[str] = field(default_factory=list)
    offending: dict[int, str] = field(default_factory=dict)


def compile_array(place: Place, sql: RuleSql, rules: list[Rule]) -> ArraySql:
    """The SQL for the array at `place`.

    Args:
        place: the array.
        sql: the rules in force.
        rules: rules over several parts of one element of this array.

    Raises:
        IsindexError: CONTRACT_INCOMPLETE for an object or array inside the elements, CHECK_UNKNOWN.
    """
    columns = _columns(place, sql)
    name, typed, checked, kept = (quoted(f"{place.path}{step}") for step in ("", ":typed", ":checked", ":kept"))
    array = ArraySql()
    consent = next((rule for rule in rules if rule.check == "consent_basis"), None)
    allowed = _may_be_kept(place, consent)
    given = f"list_filter({place.raw}, lambda e: e IS NOT NULL AND ({allowed}))"
    sensitive = _sensitive(place)
    if sensitive is not None:
        given = _mapped(given, _withheld(place, sensitive))
    array.given.append(f"{given} AS {name}")
    array.typed.append(f"{_mapped(name, _typed(place, columns, sql))} AS {typed}")
    array.checked.append(f"{_mapped(typed, _checked(columns, sql))} AS {checked}")
    array.kept.append(f"{_mapped(checked, _kept(columns, sql))} AS {kept}")
    faults = [f"e.{quoted(f'{column.name}:fault')}" for column in columns if sql.may_break(column)]
    if faults:
        array.column_numbers = f"flatten(list_transform({checked}, lambda e: [{', '.join(faults)}]))"
    for column in columns:
        text, fault = quoted(column.name), quoted(f"{column.name}:fault")
        for number in sql.may_break(column):
            array.offending[number] = f"list_filter({checked}, lambda e: e.{fault} = {number})[1].{text}"
    if consent is not None:
        refused = quoted(f"{place.path}:refused")
        array.given.append(f"len(list_filter({place.raw}, lambda e: e IS NOT NULL AND NOT ({allowed}))) AS {refused}")
        array.kept.append(f"{refused}")
        array.numbers.append(f"CASE WHEN {refused} > 0 THEN {sql.number[consent.code]} END")
    _over_elements(array, place, columns, sql, [rule for rule in rules if rule is not consent], sensitive)
    for rule in sql.in_force(place.column):
        if rule.check == "required":
            missing = broken_sql(rule, place.column, array.final, array.final, sql.day)
            array.numbers.append(f"CASE WHEN {missing} THEN {sql.number[rule.code]} END")
    return array


def array_of(rule: Rule) -> str:
    """The path of the array whose elements a rule is about, or "" when it is about the record."""
    if rule.check not in NESTED_CHECKS:
        return ""
    if rule.check in ("consent_basis", "nested_required"):
        return str(rule.params.get("path") or rule.field.partition("[]")[0])
    earlier = str(rule.params["earlier"])
    return earlier.partition("[]")[0] if "[]" in earlier else ""


def fields_of(rule: Rule) -> list[str]:
    """The paths a rule over several columns is about."""
    named = rule.params.get("fields") or rule.params.get("any_of") or rule.field.split("+")
    return [str(name) for name in named]


def set_aside_by(rule: Rule) -> str:
    """The path of the value that a broken rule over several columns sets aside; "" for none."""
    if rule.keeps_value or rule.severity == "reject":
        return ""
    return str(rule.params.get("set_aside") or (rule.params["later"] if rule.check == "date_order" else ""))


def _columns(place: Place, sql: RuleSql) -> list[Column]:
    """The parts of an element; a list of plain values has one, that carries the array's own rules."""
    if not place.column.items:
        rules = tuple(rule for rule in place.column.rules if rule.check != "required")
        return [Column(_ITEM.name, "text", _ITEM.description, rules=rules)]
    for column in place.column.items:
        if column.logical in ("object", "array"):
            raise IsindexError(
                "CONTRACT_INCOMPLETE",
                f"{place.path}[].{column.name} is an object or array inside an array, which cannot be judged.",
                where=sql.contract.id,
                remedy="Flatten it in the contract.",
            )
    return list(place.column.items)


def _typed(place: Place, columns: list[Column], sql: RuleSql) -> list[str]:
    parts = []
    for column in columns:
        text = sql.text(column, f"e.{quoted(column.name)}" if place.column.items else "e")
        parts += [f"{quoted(column.name)} := {text}", f"{quoted(f'{column.name}:value')} := {sql.value(column, text)}"]
    return parts


def _checked(columns: list[Column], sql: RuleSql) -> list[str]:
    parts = []
    for column in columns:
        text, value = f"e.{quoted(column.name)}", f"e.{quoted(f'{column.name}:value')}"
        parts += [f"{quoted(column.name)} := {text}", f"{quoted(f'{column.name}:value')} := {value}"]
        parts.append(f"{quoted(f'{column.name}:fault')} := {sql.first_broken(column, text, value) or 'NULL::INTEGER'}")
    return parts


def _kept(columns: list[Column], sql: RuleSql) -> list[str]:
    parts = []
    for column in columns:
        kept = sql.kept(column, f"e.{quoted(f'{column.name}:fault')}", f"e.{quoted(f'{column.name}:value')}")
        unmarked = column.concept == "involvement.sensitive" and column.logical == "flag"
        parts.append(f"{quoted(column.name)} := {f'coalesce({kept}, true)' if unmarked else kept}")
    return parts


def _over_elements(
    array: ArraySql, place: Place, columns: list[Column], sql: RuleSql, rules: list[Rule], sensitive: Column | None
) -> None:
    """Work in the rules over several parts of one element, and say how the array ends up."""
    kept = quoted(f"{place.path}:kept")
    parts = {column.name: f"e.{quoted(column.name)}" for column in columns}
    unused = []
    for rule in rules:
        fault = _fault(rule, sql)
        if sensitive is not None and rule.check == "nested_required":  # what was withheld is not missing
            fault = f"({_plainly_not(sensitive, f'e.{quoted(sensitive.name)}::VARCHAR')} AND {fault})"
        array.numbers.append(
            f"CASE WHEN len(list_filter({kept}, lambda e: {fault})) > 0 THEN {sql.number[rule.code]} END"
        )
        aside = set_aside_by(rule).rpartition(".")[2]
        if rule.check == "nested_required" and not rule.keeps_value:
            unused.append(fault)
        elif aside:
            parts[aside] = f"CASE WHEN {fault} THEN NULL ELSE {parts[aside]} END"
    if not place.column.items:
        unused.append(f"e.{quoted(_ITEM.name)} IS NULL")
    result = f"list_filter({kept}, lambda e: NOT ({' OR '.join(unused)}))" if unused else kept
    if not place.column.items:
        array.final = f"list_transform({result}, lambda e: e.{quoted(_ITEM.name)})"
    else:
        array.final = _mapped(result, [f"{quoted(name)} := {part}" for name, part in parts.items()])


def _fault(rule: Rule, sql: RuleSql) -> str:
    """SQL over a kept element `e`: it breaks a rule over several of its parts."""
    if rule.check == "date_order":
        earlier, later = (quoted(str(rule.params[end]).rpartition(".")[2]) for end in ("earlier", "later"))
        return f"coalesce(e.{earlier} > e.{later}, false)"
    if rule.check == "nested_required":
        missing = [f"e.{quoted(name.rpartition('.')[2])} IS NULL" for name in fields_of(rule)]
        return f"({' AND '.join(missing)})"
    raise IsindexError(
        "CHECK_UNKNOWN",
        f"The check {rule.check!r} of rule {rule.code} does not exist for elements of an array.",
        where=sql.contract.id,
        remedy=f"Use one of: {', '.join(sorted(NESTED_CHECKS))}.",
    )


def _may_be_kept(place: Place, consent: Rule | None) -> str:
    """SQL over a delivered element `e`: a sensitive service needs a basis, and anything but a plain no is a yes."""
    if consent is None:
        return "true"
    parts = {item.name: item for item in place.column.items}
    sensitive, basis = parts[str(consent.params["sensitive"])], parts[str(consent.params["basis"])]
    listed = next((rule.params["values"] for rule in basis.rules if rule.params.get("values")), list(basis.codes))
    allowed = ", ".join(literal(code) for code in listed)
    basis_given = f"coalesce(trim(e.{quoted(basis.name)}) IN ({allowed}), false)"
    return f"{_plainly_not(sensitive, f'e.{quoted(sensitive.name)}')} OR {basis_given}"


def _sensitive(place: Place) -> Column | None:
    """The part of an element that marks it as sensitive, if there is one."""
    return next((item for item in place.column.items if item.concept == "involvement.sensitive"), None)


def _plainly_not(sensitive: Column, mark: str) -> str:
    """SQL, never NULL: the mark says that the element is not sensitive; no mark says nothing."""
    means_no = [code for code, means in sensitive.codes.items() if means == "false"] or ["false"]
    return f"coalesce(trim({mark}) IN ({', '.join(literal(code) for code in means_no)}), false)"


def _withheld(place: Place, sensitive: Column) -> list[str]:
    """The parts of a delivered element `e`, without those that are kept of no sensitive one."""
    open_to_all = _plainly_not(sensitive, f"e.{quoted(sensitive.name)}")
    parts = {item.name: f"e.{quoted(item.name)}" for item in place.column.items}
    parts |= {
        item.name: f"CASE WHEN {open_to_all} THEN {parts[item.name]} END"
        for item in place.column.items
        if item.concept in _OF_SENSITIVE
    }
    return [f"{quoted(name)} := {part}" for name, part in parts.items()]


def _mapped(of: str, parts: list[str]) -> str:
    return f"list_transform({of}, lambda e: struct_pack({', '.join(parts)}))"
