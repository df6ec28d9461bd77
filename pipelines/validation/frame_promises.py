"""What must hold of the accepted frame, read off the contract: every rule in force, proven another way.

Belongs here: for each check a rule may name, the expectation that proves it kept. Not here: how derived columns are
computed (`proof_frames`), the night's measures (`promises`), running expectations (`expectations`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from pipelines.contracts.contract import Column, Contract, Rule
from pipelines.validation import proof_frames as proofs
from pipelines.validation.promises import Promise

__all__ = ["frame_promises"]

_SHAPES = {
    "nhs_number": ("[0-9]{10}", "is ten digits"),
    "upn": ("[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]", "is a check letter and twelve places"),
    "gp_practice": ("[A-Z][0-9]{5}", "is a letter and five digits"),
    "urn": ("[1-9][0-9]{5}", "is six digits"),
    "laestab": ("[0-9]{3}/?[0-9]{4}", "is seven digits"),
    "postcode_shape": (
        "(?:GIR 0AA|(?:[A-PR-UWYZ][0-9][0-9A-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9ABEHMNPRVWXY]?)"
        " [0-9][ABD-HJLNP-UW-Z]{2}|ZZ99 [0-9][A-Z]{2})",
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
        in_force = [rule for rule in column.rules if rule.in_force(business_date)]
        elements = (path, "value") if column.logical == "array" else (frame, path)
        for rule in in_force:
            promises += plan.of_column(rule, column, *((frame, path) if rule.check == "required" else elements))
        promises += _text(in_force, *elements)
    for rule in contract.rules:
        if rule.in_force(business_date):
            promises += plan.of_record(rule)
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


def _text(rules: Sequence[Rule], frame: str, path: str) -> list[Promise]:
    """One expectation for all rules about the text of a column: each expectation costs some ten milliseconds."""
    bad, words, codes = [], [], []
    for rule in rules:
        if rule.keeps_value or rule.check not in ("max_length", "text_clean"):
            continue
        codes.append(rule.code)
        if rule.check == "max_length":
            longest = int(rule.params.get("characters", 200))
            bad.append(f"^(?s:.){{{longest + 1}}}")
            words.append(f"at most {longest} characters")
        else:
            bad.append(_DAMAGE)
            words.append("no damaged characters")
    if not bad:
        return []
    claim = f"{path} has {' and '.join(words)}"
    arguments = {"column": path, "regex": "|".join(bad)}
    return [Promise("frame_text", frame, "ExpectColumnValuesToNotMatchRegex", arguments, claim, " ".join(codes))]


def _leaves(columns: Sequence[Column], frame: str, prefix: str) -> Iterator[tuple[str, str, Column]]:
    """(frame, path, column) of everything that has values; arrays are counted in it, their items have a frame."""
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


def _birthday(day: date, years: int) -> date:
    """The day on which somebody `years` old on `day` was born at the latest; 29 February counts as the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())
