"""What the suites expect, as plain data: the names verdicts are reported under, and the bands of the night's measures.

Belongs here: what is cheap to know without running anything, and which band each measure must lie in. Not here: what
must hold of the accepted frame (`frame_promises`), running expectations (`expectations`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.contracts.contract import Contract
from pipelines.validation.proof_frames import Derivation

__all__ = ["MEASURES", "VERDICTS", "Promise", "Severity", "Verdict", "measure_promises"]

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
    derived: Mapping[str, Derivation] | None = None


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
        elif name.startswith("missing") or name == "placed_share":
            promises.append(_around("measures_missing_rates", name, usual, 0.02 + chance, subject))
        elif name.startswith(("code", "share")):
            promises.append(_around("measures_code_shares", name, usual, 0.05 + chance, subject))
        elif name.startswith("overlap"):
            promises.append(_around("measures_overlap", name, usual, 0.05 + chance, subject))
    return promises


def _between(verdict: str, name: str, low: float | None, high: float | None, subject: str) -> Promise:
    bounds = {"min_value": low, "max_value": high}
    if low is None and high is None:
        bounds["min_value"] = float("-inf")
    parts = [f"at least {low:,.4g}" if low is not None else "", f"at most {high:,.4g}" if high is not None else ""]
    words = f"{subject}: {' and '.join(filter(None, parts)) or 'no earlier night to compare with'}"
    return Promise(verdict, MEASURES, "ExpectColumnValuesToBeBetween", {"column": name, **bounds}, words)


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
