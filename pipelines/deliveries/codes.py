"""What can be said of a delivery as a whole: file codes, each with a plain message and the way out.

Belongs here: the codes' names and how a finding is worded. The words and severities themselves are data
(`schemas/file_codes.yaml`), as are those of single damaged records (`schemas/record_rules.yaml`). Not here: when a
code applies; that is for the step that finds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from pipelines.contracts import registered_agencies
from pipelines.privacy.masking import mask

__all__ = ["Finding", "Severity", "file_as_told", "file_codes", "finding", "record_rules", "worst"]

Severity = Literal["refuse", "hold", "warn", "info"]
_OF_A_FILE = frozenset(
    """
    ack all archive backup bak batch care child children copy correction csv current daily data delivery delta export extract feed file full gz in incoming index json jsonl la latest load manifest ndjson
    log new nightly of old out parquet part pdf police pupils rejects report reports run social test tmp txt update upload xls xlsx xml zip zst zstd
    """.split()  # noqa: SIM905  (sixty short words)
)
"""Words that the name of a file, or of a folder beside the feeds, may have in it and still be told as it is, beside the names of the agencies."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LONG_NUMBER = re.compile(r"(?<![0-9])(?!20[0-9]{12}(?![0-9]))[0-9]{9,}")  # a time has as many digits
_KIND = re.compile(r"(?:\.(?:csv|jsonl|ndjson|json|xml|parquet))?(?:\.(?:gz|zst|zstd))?$", re.IGNORECASE)
_ORDER: tuple[Severity, ...] = ("info", "warn", "hold", "refuse")


@dataclass(frozen=True)
class Finding:
    """One thing to say of a delivery.

    Attributes:
        code: for example ``CHECKSUM_MISMATCH``.
        file: the file concerned, named as it may be told (`file_as_told`), or "" for the delivery as a whole.
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
        file_as_told(file),
        declared["message"].format_map(words),
        declared["remedy"].format_map(words),
        severity or declared["severity"],
    )


def file_as_told(name: str) -> str:
    """The name of a file as the manifest has it, where it is of words that programs call an extract by; else its shape and kind.

    What people call a file may name a child: ``Arthur Smith.csv`` becomes ``AAAAAA AAAAA.csv``.
    """
    words = {word.lower() for word in re.findall(r"[^\W\d_]{2,}", name)}  # a letter alone tells nothing
    unknown = words - _OF_A_FILE
    if unknown:
        unknown -= {part for agency in registered_agencies() for part in agency.agency.split("_")}
    if not unknown and _PLAIN_NAME.fullmatch(name) and not _LONG_NUMBER.search(name):
        return name
    kind = _KIND.search(name)
    end = kind.group() if kind else ""
    return mask(name.removesuffix(end)) + end.lower()


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
