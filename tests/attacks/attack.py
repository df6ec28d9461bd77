"""An attack: what is done to one victim in a few nights, what must not be found afterwards, and the scene it is done on.

Belongs here: the words in which families write their tables (`Attack`, `Scene`). Not here: the tables, the nights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.attacks.search import Haystack
from tests.attacks.victims import KEYS, Victim, record_of, victim
from tests.nights.little_authority import AGENCIES, Child
from tests.nights.little_nights import LittleNights

__all__ = ["SHIELD", "Act", "Attack", "Scene", "acts"]

Act = Callable[["Scene"], None]
SHIELD = {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}


@dataclass(frozen=True)
class Attack:
    """One row of a family's table.

    Attributes:
        family: of attacks.
        name: in plain words.
        nights: what is done before the delivery of each night, by its number; who is not told otherwise is known to all four agencies
            from night 0.
        hidden: whether the victim itself must be hidden in the end.
        held_by: of an attack on the home, which rule holds it besides the withholding of households; "" for none.
    """

    family: str
    name: str
    nights: Mapping[int, Act]
    hidden: bool = True
    held_by: str = ""

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


@dataclass
class Scene:
    """A victim, the place where it lives, and what must not be found of it.

    Attributes:
        place: landing place and home.
        number: of the victim; nine more are this scene's own.
        silent: (kind, value): found only where `search.MAY_STAND` says.
        closed: words of names of which no open child of any version may have one.
        shared: such words that an open child bears too.
    """

    place: LittleNights
    number: int
    silent: set[tuple[str, str]] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)

    @property
    def victim(self) -> Victim:
        return victim(self.number)

    def other(self, step: int = 1) -> Victim:
        """Another child of this scene, who shares nothing with the victim."""
        return victim(self.number + step)

    def appear(self, *agencies: str, **cells: Any) -> None:
        """Let agencies (default: all) know the victim."""
        for agency in agencies or AGENCIES:
            self.add(agency, self.victim, **cells)

    def add(self, agency: str, child: Child, key: str = "", *, open_: bool = False, **cells: Any) -> dict[str, Any]:
        """Add a record, or replace the one with its key. It is the victim's and nothing of it may be told, unless `open_`."""
        row = record_of(agency, child, key, **cells)
        self.place.feeds[agency].rows[f"{self.number} {row[KEYS[agency]]} {row.get('URN')}"] = row
        if not open_:
            self.guard(child)
        return row

    def guard(self, child: Child, *, names: bool = True) -> None:
        """Nothing of this child's home may be found, and no open child of its names."""
        street = child.street.partition(" ")[2].removesuffix(" Road")  # in whatever way the rest of it is written
        self.silent |= {("home", street), ("home", child.postcode)}
        if names:
            self.closed |= {child.family, child.given}
            self.silent |= {("name", child.family), ("name", child.given)}
        if isinstance(child, Victim):
            self.silent |= {("home", child.uprn), ("reach", child.phone[1:]), ("carer", child.carer.split()[0])}
            self.silent |= {("number", child.nhs), ("number", child.upn)}

    def row(self, agency: str, key: str = "") -> dict[str, Any]:
        """The victim's record, to be changed."""
        rows = self.place.feeds[agency].rows
        key = key or record_of(agency, self.victim)[KEYS[agency]]
        return next(
            row for name, row in rows.items() if name.startswith(f"{self.number} ") and row[KEYS[agency]] == key
        )

    def drop(self, agency: str, key: str = "") -> None:
        """The agency has the record no more."""
        rows, gone = self.place.feeds[agency].rows, self.row(agency, key)
        for name in [name for name, row in rows.items() if row is gone]:
            del rows[name]

    def asks(self, agency: str = "health", value: Any = None) -> None:
        """The victim's record asks to be protected."""
        if agency == "health":
            self.row(agency)["confidentiality"] = "S" if value is None else value
        else:
            self.row(agency)["shield"] = SHIELD if value is None else value

    def quiet(self, agency: str = "health") -> None:
        """It asks no more."""
        if agency == "health":
            self.row(agency)["confidentiality"] = ""
        else:
            self.row(agency).pop("shield", None)

    def leaks(self, haystack: Haystack, open_names: Mapping[str, set[str]]) -> list[str]:
        """What was found that may not be: kind and place, never the value."""
        found = {f"{kind} in {where}" for kind, value in self.silent for where in haystack.where(value, kind)}
        closed = {each.casefold() for each in self.closed - self.shared}
        shown = {f"open in {where}" for where, words in open_names.items() if words & closed}
        return sorted(found | shown)

    def as_another(self, **changes: Any) -> Victim:
        """The victim as another record has it."""
        return replace(self.victim, **changes)


def acts(*each: Act) -> Act:
    """One act after the other."""

    def all_of_them(scene: Scene) -> None:
        for act in each:
            act(scene)

    return all_of_them
