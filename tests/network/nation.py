"""A nation of two tiny authorities in one home, which load and are co-ordinated in this process, night by night.

Belongs here: the two registers, deliveries, loads and runs of the network. 330 holds the eight children of the little authority, 331 eight others;
a test lets one move, or be known in both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.compute as pc

from pipelines.deployment import Deployment, open_deployment
from pipelines.network.night import NetworkNight, run_network
from pipelines.network.place import Network
from pipelines.nights.run import run_all
from pipelines.publishing.versions import versions_in_force, versions_there
from pipelines.settings import settings
from pipelines.tables import read_table
from tests.nights.little_authority import AGENCIES, Child, Delivery, Feed, children, day_of, put

__all__ = ["HERE", "THERE", "Nation", "others"]

HERE, THERE = "330", "331"
_PEOPLE = (
    ("Harriet", "Wexcombe", "F", "11 Dunmere Close"),
    ("Rufus", "Ollerenshaw", "M", "22 Fenwright Street"),
    ("Matilda", "Sparrowden", "F", "33 Hobley Avenue"),
    ("Jonas", "Trelissick", "M", "44 Marlpit Way"),
    ("Beatrix", "Cullompton", "F", "55 Nethercote Rise"),
    ("Silas", "Yarborough", "M", "66 Pennard Court"),
    ("Winifred", "Zouchley", "F", "77 Quenington Park"),
    ("Ambrose", "Fairlight", "M", "88 Rushmere View"),
)


def others() -> list[Child]:
    """The eight of 331."""
    return [
        Child(number, given, family, sex, street, date(2004 + number, 9 - number % 8, 3 + number))
        for number, (given, family, sex, street) in enumerate(_PEOPLE, 8)
    ]


class Nation:
    """The home, and what each agency of each authority holds."""

    def __init__(self, folder: Path) -> None:
        self.landing, self.home = folder / "landing", folder / "home"
        self.landing.mkdir(parents=True)
        self.feeds = {authority: {agency: Feed(agency) for agency in AGENCIES} for authority in (HERE, THERE)}
        for authority, those in ((HERE, children()), (THERE, others())):
            for child in those:
                self.hold(authority, child)
        self._opened = open_deployment(self.home, str(self.landing), create=True)

    @property
    def deployment(self) -> Deployment:
        """With the settings as they are now."""
        return replace(self._opened, settings=settings())

    @property
    def network(self) -> Network:
        return Network(self.deployment)

    def hold(self, authority: str, child: Child, *agencies: str) -> None:
        """Let agencies (default: all but police, whose contacts stay for good) of an authority know a child."""
        for agency in agencies or ("health", "education", "social_care"):
            self.feeds[authority][agency].hold(child)

    def lose(self, authority: str, child: Child) -> None:
        """The child is no longer in any register of an authority."""
        for feed in self.feeds[authority].values():
            for key in [key for key, row in feed.rows.items() if child.family in repr(row)]:
                feed.drop(key)

    def asks(self, authority: str, child: Child, mark: str = "S") -> None:
        """Health asks that the child be shielded."""
        self.feeds[authority]["health"].rows[f"P{child.nhs}"]["confidentiality"] = mark

    def night(self, number: int, *authorities: str) -> NetworkNight:
        """Let authorities (default: both) deliver all that they hold, load, and run the network."""
        self.deliver(number, *authorities)
        self.load()
        return self.run(number)

    def deliver(self, number: int, *authorities: str) -> None:
        for authority in authorities or (HERE, THERE):
            for agency, feed in self.feeds[authority].items():
                feed.sequence += 1
                rows = [dict(row) for row in feed.rows.values()]
                put(self.landing, Delivery(agency, day_of(number), feed.sequence, "full", rows, authority=authority))

    def load(self) -> None:
        ran = run_all(self.deployment, started_by="a test")
        assert {each.state for each in ran} <= {"published"}, [(each.planned.business_date, each.state) for each in ran]

    def run(self, number: int) -> NetworkNight:
        return run_network(self.network, day_of(number))

    def index_id(self, authority: str, child: Child) -> str:
        """The child's index id in what an authority has in force, by the name that it shows."""
        rows = [row for row in self.children(authority) if row["family_name"] == child.family]
        assert len(rows) == 1, rows
        return str(rows[0]["index_id"])

    def is_hidden(self, authority: str, child: Child) -> bool:
        return any(
            row["shielded"] or row["withheld"] for row in self.children(authority) if row["family_name"] == child.family
        )

    def children(self, authority: str) -> list[dict[str, object]]:
        versions = versions_in_force(self.deployment.home, authority)
        return self.published(authority, versions[max(versions)], "children")

    def published(self, authority: str, version: str, table: str) -> list[dict[str, object]]:
        return read_table(self.deployment.home.snapshots(authority) / version / f"{table}.parquet").to_pylist()

    def homes(self, authority: str, index_id: str) -> set[object]:
        """The postcodes of a child in all versions of an authority that lie there."""
        found = set()
        for version in versions_there(self.deployment.home, authority):
            rows = self.published(authority, version, "addresses")
            found |= {row["postcode"] for row in rows if row["index_id"] == index_id}
        return found

    def pointers(self) -> dict[str, set[tuple[str, str]]]:
        """National id → authority and index id, of the pointers that stand."""
        in_force = self.network.in_force()
        assert in_force is not None
        table = read_table(self.network.version(in_force[0]) / "pointers.parquet")
        found: dict[str, set[tuple[str, str]]] = {}
        for row in table.filter(pc.is_null(table["to_night"])).to_pylist():
            found.setdefault(row["national_id"], set()).add((row["authority"], row["index_id"]))
        return found

    def national_id(self, authority: str, index_id: str) -> str:
        (found,) = (national for national, known in self.pointers().items() if (authority, index_id) in known)
        return found
