"""Errors an operator can act on: a stable code, what is wrong, where, and the way out. Never a delivered value."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["IsindexError", "TransientError", "without_values"]


class IsindexError(Exception):
    """A fault with a code, a place and a remedy.

    Args:
        code: stable, machine-readable, for example ``CONTRACT_UNKNOWN``.
        message: one plain sentence; it names columns, codes and counts, never a personal value.
        where: delivery, file, position or setting concerned.
        remedy: what the reader can do about it.
    """

    def __init__(self, code: str, message: str, *, where: str = "", remedy: str = "") -> None:
        self.code = code
        self.message = message
        self.where = where
        self.remedy = remedy
        place = f" [{where}]" if where else ""
        way_out = f" {remedy}" if remedy else ""
        super().__init__(f"{code}: {message}{place}{way_out}")


class TransientError(IsindexError):
    """A fault that may pass by itself (a network share away, a database busy): the only kind that is retried."""


def without_values(fault: BaseException) -> IsindexError:
    """What may be said of an unexpected exception, whose own text may hold a delivered value: its kind and places."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(fault.__traceback__)]
    return IsindexError(
        "STAGE_FAILED",
        f"{type(fault).__name__}, which this program did not expect.",
        where=" > ".join(places[-6:]),
        remedy="Run it again; if it fails in the same place, report the code and the place.",
    )
