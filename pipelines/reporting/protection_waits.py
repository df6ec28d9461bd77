"""Authorities whose protection waits: a version may still show a child who must be hidden, because something stood in the way.

Belongs here: keeping that for the pages (``nights/<authority>/protection_waits.json`` in the home), and its words. Whoever tries to
protect writes it down and takes it away (`pipelines.nights.protective`). Not here: finding out whether protection waits now.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.deployment import keeps_network
from pipelines.home import Home
from pipelines.reporting.commands import load_command
from pipelines.tables import read_told_or_none, write_json

__all__ = ["PROTECTION_WAITS", "ProtectionWaits", "told_of", "waiting_protection", "waits_on"]

PROTECTION_WAITS = "PROTECTION_WAITS"
"""The code of a version that may still show a child who must be hidden."""


@dataclass(frozen=True)
class ProtectionWaits:
    """Of which authority, since when (UTC), and the code of what stood in the way; "" where that is not known.

    `network`: whether its home keeps the co-ordinating index, by which other authorities hide the child, too.
    """

    authority: str
    since: str
    cause: str
    network: bool = False

    @property
    def told(self) -> str:
        """What is wrong."""
        why = f" Something stood in the way: {self.cause}." if self.cause else ""
        return f"Versions may still show a child who must be hidden.{why}"

    def what_to_do(self, home: str = "HOME", landing: str = "") -> str:
        """The way out; without `home` and `landing` their places are to be filled in."""
        command = load_command(self.authority, home=home, landing=landing, network=self.network)
        if not self.cause:  # it was asked for, or decided, since the last load
            return f"Load now: `{command}`. If it waits after that, too, take the authority’s index from readers."
        return f"Mend what stood in the way, and load again: `{command}`. If that does not help, take the authority’s index from readers."


def told_of(home: Home, authority: str) -> ProtectionWaits:
    """What is known of an authority whose protection waits, whether it was written down or not."""
    told = read_told_or_none(home.protection_waits(authority), {"cause": str, "since": str}) or {}
    return ProtectionWaits(authority, told.get("since", ""), told.get("cause", ""), keeps_network(home))


def waiting_protection(home: Home, authorities: Collection[str] | None = None) -> list[ProtectionWaits]:
    """Of each authority (default: all) of which it is written down, by code."""
    found = sorted(path.parent.name for path in (home.root / "nights").glob("*/protection_waits.json"))
    return [told_of(home, each) for each in found if authorities is None or each in authorities]


def waits_on(home: Home, authority: str, cause: str) -> None:
    """Write down that protection waits for `cause`, a code, since when first; with none: that it does not wait any more."""
    path = home.protection_waits(authority)
    if not cause:
        path.unlink(missing_ok=True)
        return
    since = told_of(home, authority).since or datetime.now(UTC).isoformat(timespec="seconds")
    if path.parent.is_dir():
        write_json({"cause": cause, "since": since}, path)
