"""Errors an operator can act on: a stable code, what is wrong, where, and the way out. Never a delivered value."""

from __future__ import annotations

__all__ = ["IsindexError", "TransientError"]


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
