"""Authorities of the table of 2019 and 2021 in one home, night by night over the day on which they are reorganised.

Belongs here: which authorities there are, whom they know, and their days. Night 2 is the last one of the old authorities, night 3 the first of the new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from pipelines.deployment import open_deployment
from pipelines.network.night import NetworkNight, run_network
from pipelines.nights.reorganise import Plan, record_reorganisation
from tests.network.nation import Nation, others
from tests.nights.little_authority import AGENCIES, Child, Delivery, Feed, children, put

__all__ = ["BCP", "BOURNEMOUTH", "NORTH", "NORTHAMPTONSHIRE", "POOLE", "WEST", "County"]

BOURNEMOUTH, POOLE, BCP = "837", "836", "839"
NORTHAMPTONSHIRE, NORTH, WEST = "928", "940", "941"
_LAST = {BCP: date(2019, 3, 31), NORTH: date(2021, 3, 31)}


class County(Nation):
    """The home. What an old authority's agencies hold goes on in the new one under the same keys, until a test says otherwise."""

    def __init__(self, folder: Path, old: Mapping[str, Sequence[Child]], new: Sequence[str]) -> None:
        self.landing, self.home = folder / "landing", folder / "home"
        self.landing.mkdir(parents=True)
        self.old, self.new, self.last = tuple(old), tuple(new), _LAST[new[0]]
        self.feeds = {code: {agency: Feed(agency) for agency in AGENCIES} for code in (*old, *new)}
        for code, those in old.items():
            for child in those:
                self.hold(code, child)
        self._opened = open_deployment(self.home, str(self.landing), create=True)

    @classmethod
    def bournemouth_and_poole(cls, folder: Path) -> County:
        """Two become one."""
        return cls(folder, {BOURNEMOUTH: children(), POOLE: others()}, [BCP])

    @classmethod
    def northamptonshire(cls, folder: Path) -> County:
        """One becomes two."""
        return cls(folder, {NORTHAMPTONSHIRE: [*children(), *others()]}, [NORTH, WEST])

    def moved_to(
        self, folder: Path, *, hold: Mapping[str, Sequence[Child]], asks: Mapping[str, Sequence[Child]]
    ) -> County:
        """The same authorities in a home that was copied into a folder after their last night."""
        self.landing, self.home = folder / "landing", folder / "home"
        for code, those in hold.items():
            for child in those:
                self.hold(code, child)
        for code, those in asks.items():
            for child in those:
                self.asks(code, child)
        for feeds in (self.feeds[code] for code in self.old):
            for feed in feeds.values():
                feed.sequence = 1
        self._opened = open_deployment(self.home, str(self.landing), create=False)
        return self

    def go_over(self, *, but: Sequence[Child] = ()) -> None:
        """All that the old authorities hold is held by the first new one, under the same keys."""
        for old in self.old:
            self.takes_over(self.new[0], old, but=but)

    def day(self, number: int) -> date:
        return self.last + timedelta(number - 2)

    def deliver(self, number: int, *authorities: str) -> None:
        for authority in authorities or (self.old if number < 3 else self.new):
            for agency, feed in self.feeds[authority].items():
                feed.sequence += 1
                rows = [dict(row) for row in feed.rows.values()]
                put(self.landing, Delivery(agency, self.day(number), feed.sequence, "full", rows, authority=authority))

    def run(self, number: int) -> NetworkNight:
        return run_network(self.network, self.day(number))

    def takes_over(self, authority: str, old: str, *those: Child, but: Sequence[Child] = ()) -> None:
        """What `old` holds of these children (default: all, `but` for some) is held by `authority` under the same keys."""
        for agency, feed in self.feeds[old].items():
            for key, row in feed.rows.items():
                whose = repr(row)
                if (not those or any(child.family in whose for child in those)) and not any(
                    child.family in whose for child in but
                ):
                    self.feeds[authority][agency].rows[key] = dict(row)

    def asks_nothing(self, authority: str, child: Child) -> None:
        """No record of the child asks for anything."""
        for row in self.feeds[authority]["health"].rows.values():
            if child.family in repr(row):
                row["confidentiality"] = ""

    def rename_keys(self, authority: str, child: Child, number: int) -> None:
        """The child is held under other keys."""
        named = {
            "health": ("local_patient_id", f"Q{number}"),
            "social_care": ("la_child_id", f"T{number}"),
            "police": ("contact_ref", f"D{number}"),
        }
        for agency, (column, key) in named.items():
            feed = self.feeds[authority][agency]
            for old in [old for old, row in feed.rows.items() if child.family in repr(row)]:
                feed.rows[key] = {**feed.rows.pop(old), column: key}

    def record(self) -> Plan:
        return record_reorganisation(self.deployment, self.old, reason="The Structural Changes Order", actor="a clerk")
