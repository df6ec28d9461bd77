"""The checks a column rule may name: each one a SQL expression that is true when a value breaks the rule.

Belongs here: what `check: date_real` and its like mean, and the form in which a good value is kept. Not here: which
columns are checked and how severely (the contract), checks over several columns or rows (`record_checks`).

An expression may use the delivered text (outer white space removed, except for identifiers, which are judged as they
came), the value in its own type, the rule's parameters and the business date. NULL counts as not broken, so a missing
value breaks nothing but `required`. A value is judged by its rules in the contract's order, up to the first one broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.contracts.contract import Column, Rule
from pipelines.errors import IsindexError

__all__ = ["COLUMN_CHECKS", "EARLIEST_DATE", "PLACE_TOLD", "Given", "broken_sql", "literal", "text_sql", "value_sql"]

EARLIEST_DATE = date(1900, 1, 1)
_WHITE = "' \t\r\n\u00a0'"  # the characters themselves: DuckDB knows no such escape and would trim u, 0 and A
_CONTROL = "[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x{9F}\\x{FFFD}\\x{FEFF}]"
# UTF-8 read as Windows-1252: a lead byte as a letter, then a trail byte as a sign that no name holds
_MOJIBAKE = (
    "[\\x{C2}-\\x{C5}][\\x{A0}-\\x{BF}\\x{20AC}\\x{201A}\\x{0192}\\x{201E}\\x{2026}\\x{2020}\\x{2021}\\x{02C6}"
    "\\x{2030}\\x{0160}\\x{2039}\\x{0152}\\x{017D}\\x{2018}\\x{201C}\\x{201D}\\x{2022}\\x{2122}\\x{203A}]|\\x{E2}\\x{20AC}"
)
# What tells where somebody lives or is reached, in a text that should be a name. A number alone is none (Twin 2), nor is a street
# alone (Lane, Rhodes-Street, St John are names): a street has a house number before it. Read alike by DuckDB and by Python.
_STREETS = (
    "ROAD|RD|STREET|LANE|LN|AVENUE|AVE|CLOSE|DRIVE|WAY|GARDENS|GDNS|CRESCENT|CRES|COURT|PLACE|GROVE|TERRACE|WALK|RISE|HILL|"
    "GREEN|SQUARE|PARK|MEWS|ROW|VIEW|HOUSE"
)
PLACE_TOLD = (
    "(?i:"
    "\\b[A-Z]{1,2}[0-9][A-Z0-9]?[ -]{0,2}[0-9][A-Z]{2}\\b"
    "|[0-9](?:[ ().-]{0,3}[0-9]){6}"
    f"|\\b[0-9]+ ?[A-Z]?[ ,]+(?:[A-Z'’.-]+ +){{1,3}}(?:(?:{_STREETS})\\b|ST\\.?(?:,|$))"
    "|\\b(?:FLAT|APARTMENT|APT|ROOM) ?[0-9]"
    # with whom, and where, in words: a word before "refuge", which is a name by itself
    "|\\bC\\.? ?/ ?O\\b|℅|\\bCARE +OF\\b"
    "|\\b(?:STAY(?:S|ING|ED)?|LIV(?:ES?|ING)|RESID(?:ES?|ING)) +(?:AT|WITH|IN|NEAR)\\b"
    "|[^ (,/-][ (,/-]+REFUGE\\b|\\bREFUGE *[,(]|\\bREFUGE +(?:AT|IN|NEAR)\\b|\\bHOSTELS?\\b|\\bSAFE ?HOUSE\\b"
    "|@|\\bHTTPS?:|\\bWWW\\.|[A-Z0-9]\\.(?:COM|NET|INFO|EXAMPLE|(?:ORG|CO|GOV|NHS|SCH|AC)\\.UK|ORG|UK)\\b"
    ")"
)
_DATE_PARTS = {"%Y": "[0-9]{4}", "%m": "[0-9]{2}", "%d": "[0-9]{2}"}


@dataclass(frozen=True)
class Given:
    """What a check may look at: the column, the value as text and typed (both SQL), and the business date."""

    column: Column
    text: str
    value: str
    params: Mapping[str, Any]
    business_date: date


def broken_sql(rule: Rule, column: Column, text: str, value: str, business_date: date) -> str:
    """SQL that is true where `rule` is broken, NULL or false where not.

    Raises:
        IsindexError: CHECK_UNKNOWN.
    """
    check = COLUMN_CHECKS.get(rule.check)
    if check is None:
        raise IsindexError(
            "CHECK_UNKNOWN",
            f"The check {rule.check!r} of rule {rule.code} does not exist for columns.",
            where=column.name,
            remedy=f"Use one of: {', '.join(sorted(COLUMN_CHECKS))}.",
        )
    return f"({check(Given(column, text, value, rule.params, business_date))})"


def text_sql(column: Column, raw: str) -> str:
    """SQL for the delivered text as it is judged: identifiers and keys as they came, the rest without outer space."""
    if column.logical in ("object", "array"):
        return raw
    checks = {rule.check for rule in column.rules}
    if column.key or checks & {"upn", "urn", "gp_practice"}:
        return raw
    return f"nullif(trim({raw}, {_WHITE}), '')"


def value_sql(column: Column, text: str, date_format: str) -> str:
    """SQL for the value in its own type and kept form; NULL where it has none."""
    if column.logical == "date":
        shape = re.sub("%[Ymd]", lambda part: _DATE_PARTS[part.group()], date_format)
        parsed = f"try_strptime({text}, {literal(date_format)})::DATE"
        # nobody concerned was alive before: a date of the year 2 or 1066 is a slip, not a date
        return (
            f"CASE WHEN regexp_full_match({text}, '{shape}') AND {parsed} >= {literal(EARLIEST_DATE)} THEN {parsed} END"
        )
    if column.logical == "flag":
        return f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END"
    for rule in column.rules:
        if rule.check in _KEPT_FORM:
            return _KEPT_FORM[rule.check].format(t=text)
    return text


def literal(value: Any) -> str:
    """A SQL literal for a parameter of a contract."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def _required(given: Given) -> str:
    if given.column.logical == "array":
        return f"{given.value} IS NULL OR len({given.value}) = 0"
    return f"nullif(trim({given.text}, {_WHITE}), '') IS NULL"


def _nhs_number(given: Given) -> str:
    # the value is the ten digits, or NULL when the text has not got the form
    return f"{given.text} IS NOT NULL AND ({given.value} IS NULL OR nhs_number_digits_fail({given.value}) IS NOT NULL)"


def _nhs_number_range(given: Given) -> str:
    verified = ", ".join(literal(kind) for kind in given.params.get("verified", ("england_wales",)))
    return f"nhs_number_digits_fail({given.value}) IS NULL AND nhs_number_range({given.value}) NOT IN ({verified})"


def _upn(given: Given) -> str:
    broken = f"upn_fails({given.text}) IS NOT NULL"
    if given.params.get("allow_temporary", True):
        return broken
    return f"{broken} OR upn_kind({given.text}) = 'temporary'"


def _date_not_future(given: Given) -> str:
    return f"{given.value} > {literal(given.business_date)}"


def _date_placeholder(given: Given) -> str:
    placeholders = given.params.get("values", (EARLIEST_DATE,))
    days = ", ".join(f"DATE {literal(str(day))}" for day in placeholders)
    return f"{given.value} IN ({days})"


def _age_between(given: Given) -> str:
    day = given.business_date
    oldest = _years_before(day, int(given.params.get("max", 25)) + 1)
    youngest = _years_before(day, int(given.params.get("min", 0)))
    return f"{given.value} <= {literal(oldest)} OR {given.value} > {literal(youngest)}"


def _code_in(given: Given) -> str:
    values = given.params.get("values") or list(given.column.codes)
    return f"{given.text} NOT IN ({', '.join(literal(value) for value in values)})" if values else "false"


def _number_between(given: Given) -> str:
    lowest, highest = int(given.params.get("min", 0)), int(given.params.get("max", 2**31))
    number = f"try_cast({given.text} AS BIGINT)"
    outside = f"NOT regexp_full_match({given.text}, '[0-9]{{1,9}}') OR {number} NOT BETWEEN {lowest} AND {highest}"
    other = given.params.get("unless_present")
    if not other:
        return outside
    # asked only when the better column says nothing that can be used
    return f'"{other}:value" IS NULL AND ({outside})'


COLUMN_CHECKS: Mapping[str, Callable[[Given], str]] = {
    "required": _required,
    "nhs_number": _nhs_number,
    "nhs_number_lost_zero": lambda given: f"{given.value} IS NULL AND nhs_number_lost_zero({given.text})",
    "nhs_number_range": _nhs_number_range,
    "upn": _upn,
    "upn_temporary": lambda given: f"upn_fails({given.text}) IS NULL AND upn_kind({given.text}) = 'temporary'",
    "date_real": lambda given: f"{given.text} IS NOT NULL AND {given.value} IS NULL",
    "date_not_future": _date_not_future,
    "date_placeholder": _date_placeholder,
    "age_between": _age_between,
    "postcode_shape": lambda given: f"postcode_fails({given.value}) = 'format'",
    "code_in": _code_in,
    "gp_practice": lambda given: f"ods_practice_code_fails({given.text}) <> 'default'",
    "urn": lambda given: f"urn_fails({given.text}) IS NOT NULL",
    "flag": lambda given: f"{given.text} IS NOT NULL AND {given.value} IS NULL",
    "max_length": lambda given: f"length({given.text}) > {int(given.params.get('characters', 200))}",
    "text_clean": lambda given: f"regexp_matches({given.text}, '{_CONTROL}|{_MOJIBAKE}')",
    "tells_no_place": lambda given: f"regexp_matches({given.text}, {literal(PLACE_TOLD)})",
    "number_between": _number_between,
    "pattern": lambda given: f"NOT regexp_full_match({given.text}, {literal(given.params['expression'])})",
}

# Checks that say in which form a good value is kept; a default practice code means that there is no practice.
_KEPT_FORM: Mapping[str, str] = {
    "nhs_number": "nhs_number_normalised({t})",
    "postcode_shape": "postcode_normalised({t})",
    "gp_practice": "CASE WHEN ods_practice_code_fails({t}) = 'default' THEN NULL ELSE {t} END",
}


def _years_before(day: date, years: int) -> date:
    """The same day `years` earlier; 29 February becomes 28 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
