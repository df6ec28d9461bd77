"""Errors an operator can act on: a stable code, what is wrong, where, and the way out. Never a delivered value.

Belongs here: the error, what the exit code of each code is, and which ones may pass by themselves. Not here: what an
exception of a library means (`pipelines.outages`).
"""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["MAY_PASS", "WRONG_USAGE", "IsindexError", "without_values"]

WRONG_USAGE = frozenset(
    """
    ACCREDITATION_STEP AGENCY_UNKNOWN AUTHORITY_NOT_HOSTED AUTHORITY_UNKNOWN CHECK_PARAMETERS CHECK_UNKNOWN CHILD_NOT_HIDDEN CHILD_UNKNOWN
    CLAIM_NEEDLESS COLUMN_REPEATED COLUMN_UNKNOWN CONCEPT_UNKNOWN
    CONTRACT_INCOMPLETE CONTRACT_MISSING CONTRACT_UNKNOWN CONTRACT_UNREADABLE DATABASE_EMPTY DATABASE_ENCODING
    DATABASE_NEWER DATABASE_OF_ANOTHER_HOME DATABASE_OLDER DATE_INVALID DECISION_CONTRADICTS DECISION_INCOMPLETE DECISION_ON_ONE_RECORD DECISION_OVERTAKEN DECISION_SETTLED DECISION_UNKNOWN
    EXTRA_MISSING FIELD_UNKNOWN FILE_MISSING GATE_UNKNOWN HOME_NOT_A_DEMO HOME_NOT_EMPTY HOME_UNKNOWN IDENTIFIER_KIND_UNKNOWN
    INDEX_ID_ENDED INDEX_ID_INVALID INDEX_ID_REPLACED INDEX_ID_UNKNOWN KEY_MISSING LINK_COLUMNS_MISSING LINK_COLUMN_UNKNOWN LINK_COLUMN_UNUSABLE LINK_DECISIONS_INVALID MODEL_NOT_UNDERSTOOD
    MODEL_UNKNOWN MOVE_ANSWERED MOVE_OF_ANOTHER MOVE_UNKNOWN NAME_MISSING NIGHT_AHEAD NIGHT_RETIRED NIGHT_TOO_EARLY NIGHT_UNKNOWN NOTHING_LOST NOTHING_PUBLISHED NOT_PUBLISHED NUMBER_INVALID OPTIONS_CONFLICT OPTIONS_MISSING PAIR_OF_ONE PEOPLE_UNREADABLE PRIVACY_UNKNOWN
    PURPOSE_MISSING RECORD_AMBIGUOUS RECORD_KEY_MISSING RECORD_KEY_REPEATED RECORD_UNKNOWN REGISTRATION_INVALID REJECT_UNKNOWN REORGANISATION_AHEAD REORGANISATION_DONE REORGANISATION_INCOMPLETE REORGANISATION_UNKNOWN REORGANISATION_WAITS
    RULE_CODE_REPEATED RULE_INCOMPLETE SCHEMAS_MISSING SECOND_PERSON_NEEDED SECRET_CHANGED SECRET_MISSING SECRET_TOO_SHORT
    SETTING_INVALID SOURCE_UNKNOWN SUCCESSOR_HAS_HISTORY TEXT_UNREADABLE TOO_FEW_TO_TRAIN VERSION_UNKNOWN WAIVER_INCOMPLETE
    """.split()  # noqa: SIM905  (fifty short words)
)
"""Codes of what was asked or set wrongly: the asker can put it right."""

MAY_PASS = frozenset(
    {
        "CONNECTION_LOST",
        "DATABASE_BUSY",
        "DATABASE_UNREACHABLE",
        "LANDING_MISSING",
        "LANDING_UNREADABLE",
        "NIGHT_RUNNING",
    }
)
"""Codes of faults that may pass by themselves: the only ones that are tried again."""


class IsindexError(Exception):
    """A fault with a code, a place and a remedy.

    Args:
        code: stable, machine-readable, for example ``CONTRACT_UNKNOWN``.
        message: one plain sentence; it names columns, codes and counts, never a personal value. It is shown with a
            capital and a full stop, however it was written.
        where: delivery, file, position or setting concerned.
        remedy: what the reader can do about it.
    """

    def __init__(self, code: str, message: str, *, where: str = "", remedy: str = "") -> None:
        self.code = code
        self.message = message = _sentence(message)
        self.where = where
        self.remedy = remedy
        place = f" [{where}]" if where else ""
        way_out = f" {remedy}" if remedy else ""
        super().__init__(f"{code}: {message}{place}{way_out}")

    @property
    def exit_code(self) -> int:
        """What a command ends with: 2 wrong usage, 3 another load is running, 1 anything else."""
        if self.code in WRONG_USAGE:
            return 2
        return 3 if self.code == "NIGHT_RUNNING" else 1

    @property
    def may_pass(self) -> bool:
        """Whether trying again later may help although nobody does anything."""
        return self.code in MAY_PASS

    def as_json(self) -> dict[str, str]:
        """The fault for machines."""
        return {"code": self.code, "message": self.message, "where": self.where, "remedy": self.remedy}


def _sentence(words: str) -> str:
    first, _, _ = words.partition(" ")
    if first.isalpha() and first.islower():
        words = words[0].upper() + words[1:]
    return words if words.endswith((".", "?", "!")) or not words else f"{words}."


def without_values(fault: BaseException) -> IsindexError:
    """What may be said of an unexpected exception, whose own text may hold a delivered value: its kind and places."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(fault.__traceback__)]
    return IsindexError(
        "STAGE_FAILED",
        f"{type(fault).__name__}, which this program did not expect.",
        where=" > ".join(places[-6:]),
        remedy="Run it again; if it fails in the same place, report the code and the place.",
    )
