"""What can be said of a delivery as a whole: file codes, each with a plain message and the way out.

Belongs here: the codes' names and how a finding is worded. The words and severities themselves are data
(`schemas/file_codes.yaml`), as are those of single damaged records (`schemas/record_rules.yaml`). Not here: when a
code applies; that is for the step that finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

__all__ = ["Finding", "Severity", "file_codes", "finding", "record_rules", "worst"]

Severity = Literal["refuse", "hold", "warn", "info"]
_ORDER: tuple[Severity, ...] = ("info", "warn", "hold", "refuse")


@dataclass(frozen=True)
class Finding:
    """One thing to say of a delivery.

    Attributes:
        code: for example ``CHECKSUM_MISMATCH``.
        file: the file concerned, as named in the manifest, or "" for the delivery as a whole.
        message: what is wrong, without any delivered value.
        remedy: what the supplier should do.
        severity: refuse, hold, warn or info.
    """

    code: str
    file: str
    message: str
    remedy: str
    severity: Severity

    def as_json(self) -> dict[str, str]:
        """The finding as it is kept in the register and in the acknowledgement."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.file,
            "message": self.message,
            "remedy": self.remedy,
        }


def finding(code: str, file: str = "", *, severity: Severity | None = None, **words: object) -> Finding:
    """The finding `code` about `file`, its message filled with `words`; `severity` overrides the code's own.

    Raises:
        KeyError: for a code that is not declared, or a word that its message needs.
    """
    declared = file_codes()[code]
    return Finding(
        code,
        file,
        declared["message"].format_map(words),
        declared["remedy"].format_map(words),
        severity or declared["severity"],
    )


def worst(findings: list[Finding]) -> Severity:
    """The strictest severity among `findings`; info when there are none."""
    return max((each.severity for each in findings), key=_ORDER.index, default="info")


@cache
def file_codes() -> Mapping[str, Mapping[str, Any]]:
    """Every file code → severity, message template, remedy template."""
    return _read("file_codes.yaml")


@cache
def record_rules() -> Mapping[str, Mapping[str, Any]]:
    """Every rule a reader can find broken → severity, dimension, field, message, remedy."""
    return _read("record_rules.yaml")


def _read(name: str) -> Mapping[str, Mapping[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load((files("schemas") / name).read_text(encoding="utf-8"))
    return content
