"""What the suites expect of a feed, read off its contract: plain data, so that it costs no import to know it.

Belongs here: for each rule of a contract what must hold of the accepted frame, for each of the night's measures the
band it must lie in, and the names under which the verdicts are reported. Not here: how frames come to be
(`proof_frames`), running expectations (`expectations`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pipelines.contracts.model import Column, Contract, Rule
from pipelines.validation import proof_frames as proofs

__all__ = ["MEASURES", "VERDICTS", "Promise", "Verdict", "frame_promises", "measure_promises"]

MEASURES = "measures"
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Verdict:
    """A name under which a group of expectations is reported, the same every night."""

    name: str
    severity: Severity
    description: str


VERDICTS: tuple[Verdict, ...] = (
    Verdict("frame_keys", "error", "Every accepted record has a key, and no key occurs twice."),
    Verdict("frame_required", "error", "What the contract requires is there."),
    Verdict(
        "frame_identifiers", "error", "Identifiers, postcodes and reference numbers have their shape and check digit."
    ),
    Verdict("frame_dates", "error", "Dates lie where the contract allows, and in order."),
    Verdict("frame_codes", "error", "Coded columns and numbers hold only what the contract lists."),
    Verdict("frame_text", "error", "Text is no longer than allowed and holds no damaged characters."),
    Verdict("frame_records", "error", "Rules over several columns, records or nested parts hold."),
    Verdict("measures_volume", "warning", "The number of records is close to the trailing nights'."),
    Verdict("measures_reject_rate", "warning", "The share of rejected records is within the service level."),
    Verdict("measures_missing_rates", "warning", "Columns are filled as well as on the trailing nights."),
    Verdict("measures_code_shares", "warning", "Codes occur as often as on the trailing nights."),
    Verdict("measures_first_of_january", "warning", "Birthdays on 1 January are no more common than they should be."),
    Verdict("measures_overlap", "warning", "As many children are known to other agencies as on the trailing nights."),
)


@dataclass(frozen=True)
class Promise:
    """One expectation.

    Attributes:
        verdict: the name it is reported under.
        frame: which frame it is about.
        kind: the Great Expectations class.
        arguments: its arguments; ``column`` may be a derived one.
        words: what is expected, without a value of any record.
        rule: code of the rule it proves, or "".
        derived: column name → how it is computed, for columns that the frame does not have.
    """

    verdict: str
    frame: str
    kind: str
    arguments: Mapping[str, Any]
    words: str
    rule: str = ""
    derived: Mapping[str, proofs.Derivation] | None = None


_SHAPES = {
    "nhs_number": ("[0-9]{10}", "is ten digits"),
    "upn": ("[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]", "is a check letter and twelve places"),
    "gp_practice": ("[A-Z][0-9]{5}", "is a letter and five digits"),
    "urn": ("[1-9][0-9]{5}", "is six digits"),
    "laestab": ("[0-9]{3}/?[0-9]{4}", "is seven digits"),
    "postcode_shape": (
        "(?:GIR 0AA|(?:[A-PR-UWYZ][0-9][0-9A-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9ABEHMNPRVWXY]?) [0-9][ABD-HJLNP-UW-Z]{2}"
        "|ZZ99 [0-9][A-Z]{2})",
        "has the strict shape of a postcode, or is a pseudo postcode",
    ),
}
_REPEATED_DIGITS = [str(digit) * 10 for digit in range(10)]
_ENGLAND_AND_WALES = ["4", "6", "7"]
_PSEUDO_AUTHORITIES = [f"{n:03}" for n in (*range(1, 6), *range(660, 682), *range(701, 709))]
_DAMAGE = "[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F\ufffd\ufeff]|[\u00c2-\u00c5][\u00a0-\u00bf]|\u00e2\u20ac"


def frame_promises(contract: Contract, business_date: date, authority_codes: Sequence[str]) -> list[Promise]:
    """What must hold of the accepted frame: every rule in force, proven another way.

    Args:
        contract: the feed's contract.
        business_date: the night's; ages and futures are reckoned from it.
        authority_codes: codes of authorities that exist or once did.
    """
    promises = [
        _promise("frame_keys", "keys", "ExpectColumnValuesToNotBeNull", "key", "every record has a key"),
        _promise("frame_keys", "keys", "ExpectColumnValuesToBeUnique", "key", "no key occurs twice"),
    ]
    plan = _FramePlan(contract, business_date, [*authority_codes, *_PSEUDO_AUTHORITIES])
    for frame, path, column in _leaves(contract.columns, proofs.RECORDS, ""):
        for rule in column.rules:
            if rule.in_force(business_date):
                of_elements = column.logical == "array" and rule.check != "required"
                where = (path, "value") if of_elements else (frame, path)
                promises += plan.of_column(rule, column, *where)
    for rule in contract.rules:
        if rule.in_force(business_date):
            promises += plan.of_record(rule)
    return promises


def measure_promises(
    contract: Contract, measures: Mapping[str, float], trailing: Sequence[Mapping[str, float]]
) -> list[Promise]:
    """The band each of the night's measures must lie in, from the service level and the trailing nights (oldest first).

    A measure no trailing night knows has no band yet. Bands widen for small feeds, where chance alone moves a share.
    """
    rows = max(measures.get("rows", 0.0), 1.0)
    level = contract.service_level
    promises = []
    for name in sorted(measures):
        usual = _median([night[name] for night in trailing if name in night and not math.isnan(night[name])])
        chance = (
            4 * math.sqrt(max(usual * (1 - usual), 0.25 / rows) / rows) if usual is not None and 0 <= usual <= 1 else 0
        )
        subject = name.replace("_", " ")
        if name == "rows":
            low, high = 0.0, None
            if usual is not None:
                low = min(usual * (1 - level.volume_drop), usual - 10)
                high = max(usual * (1 + level.volume_rise), usual + 10)
            promises.append(_between("measures_volume", name, low, high, "the number of records"))
        elif name == "reject_rate":
            limit = max(level.reject_rate, 3 / rows)
            promises.append(_between("measures_reject_rate", name, None, limit, "the share of rejected records"))
        elif "january" in name:
            limit = max(0.02, 2 * (usual or 0.0)) + 4 * math.sqrt(0.02 / rows)
            promises.append(_between("measures_first_of_january", name, None, min(limit, 1.0), subject))
        elif name.startswith("missing"):
            promises.append(_around("measures_missing_rates", name, usual, 0.02 + chance, subject))
        elif name.startswith(("code", "share")):
            promises.append(_around("measures_code_shares", name, usual, 0.05 + chance, subject))
        elif name.startswith("overlap"):
            promises.append(_around("measures_overlap", name, usual, 0.05 + chance, subject))
    return promises


class _FramePlan:
    """What each check means for the frame."""

    def __init__(self, contract: Contract, day: date, authority_codes: list[str]) -> None:
        self.contract = contract
        self.day = day
        self.authority_codes = sorted(set(authority_codes))
        self.columns = {(frame, path): column for frame, path, column in _leaves(contract.columns, proofs.RECORDS, "")}

    def of_column(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        """Promises of one column rule; none for rules that neither set aside nor reject (the value stays, queried)."""
        check, params = rule.check, rule.params
        if check == "required":
            return self._required(rule, column, frame, path)
        if check == "nhs_number_range":
            first = proofs.leading_digit(proofs.verified(path))
            words = f"a verified {path} is of England and Wales"
            return [
                _promise(
                    "frame_identifiers",
                    frame,
                    "ExpectColumnValuesToBeInSet",
                    f"{path}:range",
                    words,
                    rule.code,
                    first,
                    value_set=_ENGLAND_AND_WALES,
                )
            ]
        if rule.keeps_value:
            return []
        if check in _SHAPES:
            return self._identifier(rule, column, frame, path)
        if column.logical == "date":
            return self._date(rule, column, frame, path)
        if check in ("code_in", "code_list"):
            values = [str(value) for value in params.get("values") or column.codes]
            words = f"{path} holds listed codes only"
            return [
                _promise("frame_codes", frame, "ExpectColumnValuesToBeInSet", path, words, rule.code, value_set=values)
            ]
        if check in ("number_between", "age_between"):
            bounds = {"min_value": params.get("min", 0), "max_value": params.get("max", 2**31)}
            words = f"{path} is a number between {bounds['min_value']} and {bounds['max_value']}"
            unless = str(params.get("unless_present", ""))
            words += f" where {unless} is missing" if unless else ""
            return [
                _promise(
                    "frame_codes",
                    frame,
                    "ExpectColumnValuesToBeBetween",
                    f"{path}:{check}",
                    words,
                    rule.code,
                    proofs.number(path, unless),
                    **bounds,
                )
            ]
        if check == "pattern":
            return [_matches("frame_codes", frame, path, str(params["expression"]), "has its pattern", rule.code)]
        if check == "max_length":
            longest = int(params.get("characters", 200))
            return [
                _promise(
                    "frame_text",
                    frame,
                    "ExpectColumnValueLengthsToBeBetween",
                    path,
                    f"{path} has at most {longest} characters",
                    rule.code,
                    max_value=longest,
                )
            ]
        if check == "text_clean":
            return [
                _promise(
                    "frame_text",
                    frame,
                    "ExpectColumnValuesToNotMatchRegex",
                    path,
                    f"{path} has no damaged characters",
                    rule.code,
                    regex=_DAMAGE,
                )
            ]
        return []

    def _required(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        words = f"{path} is given"
        if column.key:  # a bad identifier is set aside even where it is part of the key, which keeps the delivered text
            return []
        if column.logical == "array":
            return [
                _promise("frame_required", frame, "ExpectColumnValuesToBeBetween", path, words, rule.code, min_value=1)
            ]
        others = [other for other in column.rules if other.severity == "query" and not other.keeps_value]
        if others or rule.severity == "query":
            return [
                self._holds(
                    "frame_required",
                    rule,
                    frame,
                    f"{path}:given",
                    lambda f: f[path].notna(),
                    True,
                    f"{words}, or the record is queried",
                )
            ]
        return [_promise("frame_required", frame, "ExpectColumnValuesToNotBeNull", path, words, rule.code)]

    def _identifier(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        name, expression, words = path, *_SHAPES[rule.check]
        source: proofs.Derivation = proofs.verified(path) if column.key else lambda records: records[path]
        if column.key:
            name = f"{path}:verified"
        promises = [
            _matches("frame_identifiers", frame, name, expression, words, rule.code, source if column.key else None)
        ]

        def proof(suffix: str, derive: proofs.Derivation, values: Sequence[Any], claim: str) -> None:
            promises.append(
                _promise(
                    "frame_identifiers",
                    frame,
                    "ExpectColumnValuesToBeInSet",
                    f"{path}:{suffix}",
                    f"{path} {claim}",
                    rule.code,
                    derive,
                    value_set=list(values),
                )
            )

        if rule.check == "nhs_number":
            proof("residue", proofs.nhs_number_residue(source), [0], "has the right check digit")
            promises.append(
                _promise(
                    "frame_identifiers",
                    frame,
                    "ExpectColumnValuesToNotBeInSet",
                    path,
                    f"{path} is not one digit ten times",
                    rule.code,
                    value_set=_REPEATED_DIGITS,
                )
            )
        elif rule.check == "upn":
            proof("residue", proofs.upn_residue(source), [0], "has the right check letter")
            proof(
                "authority", proofs.upn_authority(source), self.authority_codes, "names an authority, or a pseudo one"
            )
            if not rule.params.get("allow_temporary", True):
                promises.append(_matches("frame_identifiers", frame, name, "[A-Z][0-9]{12}", "is permanent", rule.code))
        return promises

    def _date(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        params, day = rule.params, self.day
        bounds: tuple[date | None, date | None]
        if rule.check == "date_not_future":
            bounds = None, day + timedelta(days=int(params.get("days_ahead", 0)))
        elif rule.check == "date_within":
            bounds = (
                day - timedelta(days=int(params.get("days_back", 36525))),
                day + timedelta(days=int(params.get("days_ahead", 0))),
            )
        elif rule.check == "age_between":
            oldest = _birthday(day, int(params.get("max", 25)) + 1) + timedelta(days=1)
            bounds = oldest, _birthday(day, int(params.get("min", 0)))
        elif rule.check == "date_placeholder":
            listed = params.get("values") or params.get("dates", ("1900-01-01",))
            days = [_moment(date.fromisoformat(str(each))) for each in listed]
            return [
                _promise(
                    "frame_dates",
                    frame,
                    "ExpectColumnValuesToNotBeInSet",
                    path,
                    f"{path} is not a placeholder",
                    rule.code,
                    value_set=days,
                )
            ]
        else:
            bounds = date(1900, 1, 1), None
        low, high = bounds
        limits: dict[str, Any] = {"min_value": low and _moment(low), "max_value": high and _moment(high)}
        words = f"{path} lies" + (f" from {low}" if low else "") + (f" to {high}" if high else "")
        return [_promise("frame_dates", frame, "ExpectColumnValuesToBeBetween", path, words, rule.code, **limits)]

    def of_record(self, rule: Rule) -> list[Promise]:
        """Promises of one rule over several columns, rows or nested parts."""
        params, fields = rule.params, self._fields(rule)
        if rule.check == "date_order":
            (frame, earlier), (_, later) = _placed(str(params["earlier"])), _placed(str(params["later"]))
            if rule.keeps_value:
                return []
            arguments = {
                "column_A": later,
                "column_B": earlier,
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            }
            return [
                Promise(
                    "frame_dates",
                    frame,
                    "ExpectColumnPairValuesAToBeGreaterThanB",
                    arguments,
                    f"{later} is not before {earlier}",
                    rule.code,
                )
            ]
        if rule.check in ("exactly_one", "not_both") and not rule.keeps_value:
            when = params.get("when", "several" if rule.check == "not_both" else "")
            allowed = {"several": [0, 1], "none": list(range(1, len(fields) + 1))}.get(when, [1])
            if rule.severity == "query":
                allowed = sorted({0, *allowed})
            return [
                _promise(
                    "frame_records",
                    proofs.RECORDS,
                    "ExpectColumnValuesToBeInSet",
                    f"{rule.code}:given",
                    f"of {', '.join(fields)} as many are given as may be",
                    rule.code,
                    proofs.count_given(fields),
                    value_set=allowed,
                )
            ]
        if rule.check == "shared_identifier":
            return self._shared_identifier(rule)
        if rule.check == "two_birth_dates":
            return self._two_birth_dates(rule)
        if rule.check == "consent_basis":
            return self._consent(rule)
        if rule.check == "shield_authoriser":
            return self._shield(rule)
        if rule.check == "nested_required":
            return self._nested_required(rule, fields)
        return []

    def _shared_identifier(self, rule: Rule) -> list[Promise]:
        identifier = self._path(str(rule.params.get("identifier") or rule.field.split("+")[0]))
        born = self._path(str(rule.params.get("birth_date") or "birth_date"))
        count = proofs.values_of_one(proofs.verified(identifier), born)
        return [
            _promise(
                "frame_records",
                proofs.RECORDS,
                "ExpectColumnValuesToBeInSet",
                f"{rule.code}:births",
                f"no verified {identifier} has two dates in {born}",
                rule.code,
                count,
                value_set=[0, 1],
            )
        ]

    def _two_birth_dates(self, rule: Rule) -> list[Promise]:
        person = self._path(str(rule.params.get("person") or rule.field.split("+")[0]))
        born = self._path(str(rule.params.get("birth_date") or "birth_date"))
        count = proofs.values_of_one(lambda frame: frame[person], born)
        return [
            self._holds(
                "frame_records",
                rule,
                proofs.RECORDS,
                f"{rule.code}:one",
                lambda f: count(f) <= 1,
                True,
                f"one {person} has one date in {born}, or its records are queried",
            )
        ]

    def _consent(self, rule: Rule) -> list[Promise]:
        path = str(rule.params.get("path") or rule.field.partition("[]")[0])
        parts = {column.concept: name for (frame, name), column in self.columns.items() if frame == path}
        sensitive, basis = parts["involvement.sensitive"], parts["involvement.consent_basis"]
        listed = self.columns[path, basis]
        in_rules = [
            r.params["values"] for r in listed.rules if r.check in ("code_in", "code_list") and "values" in r.params
        ]
        bases = rule.params.get("bases") or (in_rules[0] if in_rules else list(listed.codes))

        def grounded(frame: Any) -> Any:
            return (frame[sensitive].fillna(False) == False) | frame[basis].isin(list(bases))  # noqa: E712 (elementwise)

        return [
            self._holds(
                "frame_records",
                rule,
                path,
                f"{rule.code}:basis",
                grounded,
                False,
                "no sensitive service is kept without a consent basis",
            )
        ]

    def _shield(self, rule: Rule) -> list[Promise]:
        requested, by = self._with_concept("shield.requested"), self._with_concept("shield.by")

        def authorised(frame: Any) -> Any:
            return (frame[requested].fillna(False) == False) | frame[by].notna()  # noqa: E712 (elementwise)

        return [
            self._holds(
                "frame_records",
                rule,
                proofs.RECORDS,
                f"{rule.code}:by",
                authorised,
                True,
                "a shield request names who authorised it, or the record is queried",
            )
        ]

    def _nested_required(self, rule: Rule, fields: list[str]) -> list[Promise]:
        placed = [_placed(name) for name in fields]
        frame = str(rule.params.get("path") or placed[0][0]).removesuffix("[]")
        names = [name.rpartition(".")[2] for _, name in placed]
        wanted = 1 if rule.params.get("any_of") else len(names)

        def given(elements: Any) -> Any:
            return elements[names].notna().sum(axis=1) >= wanted

        return [
            self._holds(
                "frame_records",
                rule,
                frame,
                f"{rule.code}:given",
                given,
                rule.severity == "query",
                f"{'one of ' if wanted == 1 else ''}{', '.join(names)} is given in each of {frame}",
            )
        ]

    def _holds(
        self, verdict: str, rule: Rule, frame: str, column: str, holds: proofs.Derivation, queried: bool, words: str
    ) -> Promise:
        derive = proofs.queried_or(holds) if queried else holds
        return _promise(
            verdict,
            frame,
            "ExpectColumnValuesToBeInSet",
            column,
            words,
            rule.code,
            lambda f: derive(f).astype(int),
            value_set=[1],
        )

    def _path(self, named: str) -> str:
        """The path of a column named by its path or by its concept."""
        return named if (proofs.RECORDS, named) in self.columns else self._with_concept(named)

    def _with_concept(self, concept: str) -> str:
        found = (
            path
            for (frame, path), column in self.columns.items()
            if frame == proofs.RECORDS and column.concept == concept
        )
        return next(found, "")

    def _fields(self, rule: Rule) -> list[str]:
        named: Any = rule.params.get("fields") or rule.params.get("any_of") or rule.field.split("+")
        return [str(name) for name in named] if isinstance(named, (list, tuple)) else rule.field.split("+")


def _leaves(columns: Sequence[Column], frame: str, prefix: str) -> Iterator[tuple[str, str, Column]]:
    """(frame, path, column) of everything that has values; an array is counted in its parent, its items have a frame."""
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.logical == "object":
            yield from _leaves(column.items, frame, f"{path}.")
            continue
        yield frame, path, column
        if column.logical == "array":
            yield from _leaves(column.items, path, "")


def _placed(path: str) -> tuple[str, str]:
    """(frame, column) of a path as rules write it: ``involvements[].start`` is ``start`` of frame ``involvements``."""
    array, mark, inner = path.partition("[].")
    return (array, inner) if mark else (proofs.RECORDS, path)


def _promise(
    verdict: str,
    frame: str,
    kind: str,
    column: str,
    words: str,
    rule: str = "",
    derive: proofs.Derivation | None = None,
    **arguments: Any,
) -> Promise:
    derived = {column: derive} if derive else None
    return Promise(verdict, frame, kind, {"column": column, **arguments}, words, rule, derived)


def _matches(
    verdict: str,
    frame: str,
    column: str,
    expression: str,
    words: str,
    rule: str,
    derive: proofs.Derivation | None = None,
) -> Promise:
    return _promise(
        verdict,
        frame,
        "ExpectColumnValuesToMatchRegex",
        column,
        f"{column.partition(':')[0]} {words}",
        rule,
        derive,
        regex=f"^(?:{expression})$",
    )


def _between(verdict: str, name: str, low: float | None, high: float | None, subject: str) -> Promise:
    bounds: dict[str, Any] = {"min_value": low, "max_value": high}
    if low is None and high is None:
        bounds["min_value"] = float("-inf")
    parts = [f"at least {low:,.4g}" if low is not None else "", f"at most {high:,.4g}" if high is not None else ""]
    words = f"{subject}: {' and '.join(filter(None, parts)) or 'no earlier night to compare with'}"
    return _promise(verdict, MEASURES, "ExpectColumnValuesToBeBetween", name, words, **bounds)


def _around(verdict: str, name: str, usual: float | None, give: float, subject: str) -> Promise:
    if usual is None:
        return _between(verdict, name, None, None, subject)
    return _between(verdict, name, usual - give, usual + give, subject)


def _median(values: list[float]) -> float | None:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        return None
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _birthday(day: date, years: int) -> date:
    """The day on which somebody `years` old on `day` was born at the latest; 29 February counts as the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())
