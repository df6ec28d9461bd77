"""What a rule about one column promises of the accepted frame, proven another way than the rule judges it.

Belongs here: for each check of a column the expectation that proves it kept. Not here: rules over several columns
(`record_promises`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from pipelines.contracts.contract import Column, Rule
from pipelines.validation import proof_frames as proofs
from pipelines.validation.checks import PLACE_TOLD
from pipelines.validation.promise_forms import expect, holds, matches
from pipelines.validation.promises import Promise

__all__ = ["ColumnPromises", "text_promises"]

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


class ColumnPromises:
    """What each check of a column means for the frame of one night."""

    def __init__(self, day: date, authority_codes: Sequence[str]) -> None:
        self.day = day
        self.authority_codes = sorted({*authority_codes, *_PSEUDO_AUTHORITIES})

    def of_column(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        """Promises of one column rule; none for rules that neither set aside nor reject (the value stays, queried)."""
        check, params = rule.check, rule.params
        if check == "required":
            return self._required(rule, column, frame, path)
        if check == "nhs_number_range":
            first = proofs.leading_digit(proofs.verified(path))
            words = f"a verified {path} is of England and Wales"
            return [
                expect(
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
                expect("frame_codes", frame, "ExpectColumnValuesToBeInSet", path, words, rule.code, value_set=values)
            ]
        if check in ("number_between", "age_between"):
            bounds = {"min_value": params.get("min", 0), "max_value": params.get("max", 2**31)}
            words = f"{path} is a number between {bounds['min_value']} and {bounds['max_value']}"
            unless = str(params.get("unless_present", ""))
            words += f" where {unless} is missing" if unless else ""
            return [
                expect(
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
            return [matches("frame_codes", frame, path, str(params["expression"]), "has its pattern", rule.code)]
        return []

    def _required(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        words = f"{path} is given"
        if column.key:  # a bad identifier is set aside even where it is part of the key, which keeps the delivered text
            return []
        if column.logical == "array":
            return [
                expect("frame_required", frame, "ExpectColumnValuesToBeBetween", path, words, rule.code, min_value=1)
            ]
        others = [other for other in column.rules if other.severity == "query" and not other.keeps_value]
        if others or rule.severity == "query":
            return [
                holds(
                    "frame_required",
                    rule,
                    frame,
                    f"{path}:given",
                    lambda f: f[path].notna(),
                    True,
                    f"{words}, or the record is queried",
                )
            ]
        return [expect("frame_required", frame, "ExpectColumnValuesToNotBeNull", path, words, rule.code)]

    def _identifier(self, rule: Rule, column: Column, frame: str, path: str) -> list[Promise]:
        name, expression, words = path, *_SHAPES[rule.check]
        source: proofs.Derivation = proofs.verified(path) if column.key else lambda records: records[path]
        if column.key:
            name = f"{path}:verified"
        promises = [
            matches("frame_identifiers", frame, name, expression, words, rule.code, source if column.key else None)
        ]

        def proof(suffix: str, derive: proofs.Derivation, values: Sequence[Any], claim: str) -> None:
            promises.append(
                expect(
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
                expect(
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
                promises.append(matches("frame_identifiers", frame, name, "[A-Z][0-9]{12}", "is permanent", rule.code))
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
                expect(
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
        return [expect("frame_dates", frame, "ExpectColumnValuesToBeBetween", path, words, rule.code, **limits)]


def text_promises(rules: Sequence[Rule], frame: str, path: str) -> list[Promise]:
    """One expectation for all rules about the text of a column: each expectation costs some ten milliseconds."""
    bad, words, codes = [], [], []
    for rule in rules:
        if rule.keeps_value or rule.check not in ("max_length", "tells_no_place", "text_clean"):
            continue
        codes.append(rule.code)
        if rule.check == "max_length":
            longest = int(rule.params.get("characters", 200))
            bad.append(f"^(?s:.){{{longest + 1}}}")
            words.append(f"at most {longest} characters")
        elif rule.check == "tells_no_place":
            bad.append(PLACE_TOLD)
            words.append("no address, telephone number or word of where somebody stays")
        else:
            bad.append(_DAMAGE)
            words.append("no damaged characters")
    if not bad:
        return []
    claim = f"{path} has {' and '.join(words)}"
    arguments = {"column": path, "regex": "|".join(bad)}
    return [Promise("frame_text", frame, "ExpectColumnValuesToNotMatchRegex", arguments, claim, " ".join(codes))]


def _birthday(day: date, years: int) -> date:
    """The day on which somebody `years` old on `day` was born at the latest; 29 February counts as the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())
