"""What a rule over several columns, rows or nested parts promises of the accepted frame.

Belongs here: for each such check the expectation that proves it kept. Not here: rules about one column
(`column_promises`).
"""

from __future__ import annotations

from typing import Any

from pipelines.contracts.contract import Contract, Rule
from pipelines.validation import proof_frames as proofs
from pipelines.validation.promise_forms import expect, holds, leaves_of, placed_in
from pipelines.validation.promises import Promise

__all__ = ["RecordPromises"]

_OF_SENSITIVE = ("involvement.service", "involvement.contact", "involvement.phone")


class RecordPromises:
    """What each check over several columns means for the frames of a contract's records."""

    def __init__(self, contract: Contract) -> None:
        self.columns = {
            (frame, path): column for frame, path, column in leaves_of(contract.columns, proofs.RECORDS, "")
        }

    def of_record(self, rule: Rule) -> list[Promise]:
        """Promises of one rule over several columns, rows or nested parts."""
        params, fields = rule.params, self._fields(rule)
        if rule.check == "date_order":
            (frame, earlier), (_, later) = placed_in(str(params["earlier"])), placed_in(str(params["later"]))
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
                expect(
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
            expect(
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
            holds(
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
            return (frame[sensitive].fillna(True) == False) | frame[basis].isin(list(bases))  # noqa: E712 (elementwise)

        withheld = [name for concept, name in parts.items() if concept in _OF_SENSITIVE]

        def unnamed(frame: Any) -> Any:
            return (frame[sensitive].fillna(True) == False) | frame[withheld].isna().all(axis=1)  # noqa: E712 (elementwise)

        return [
            holds(
                "frame_records",
                rule,
                path,
                f"{rule.code}:basis",
                grounded,
                False,
                "no sensitive service is kept without a consent basis",
            ),
            holds(
                "frame_records",
                rule,
                path,
                f"{rule.code}:unnamed",
                unnamed,
                False,
                "of a sensitive service neither name nor worker nor contact is kept",
            ),
        ]

    def _shield(self, rule: Rule) -> list[Promise]:
        requested, by = self._with_concept("shield.requested"), self._with_concept("shield.by")

        def authorised(frame: Any) -> Any:
            return (frame[requested].fillna(False) == False) | frame[by].notna()  # noqa: E712 (elementwise)

        return [
            holds(
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
        placed = [placed_in(name) for name in fields]
        frame = str(rule.params.get("path") or placed[0][0]).removesuffix("[]")
        names = [name.rpartition(".")[2] for _, name in placed]
        wanted = 1 if rule.params.get("any_of") else len(names)

        mark = next(
            (n for (f, n), c in self.columns.items() if f == frame and c.concept == "involvement.sensitive"), ""
        )

        def given(elements: Any) -> Any:
            enough = elements[names].notna().sum(axis=1) >= wanted
            return enough | (elements[mark].fillna(True) == True) if mark else enough  # noqa: E712 (elementwise)

        return [
            holds(
                "frame_records",
                rule,
                frame,
                f"{rule.code}:given",
                given,
                rule.severity == "query",
                f"{'one of ' if wanted == 1 else ''}{', '.join(names)} is given in each of {frame}",
            )
        ]

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
