"""The upper-tier local authorities of England, today's and retired ones, each with the days it was open.

Belongs here: the dated reference in `schemas/reference/authorities.csv`. Not here: schools, practices, postcodes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from pipelines.contracts.folders import BUILT_IN

__all__ = ["Authority", "closed", "every", "known", "name_of", "on", "opened", "suggestion"]


@dataclass(frozen=True)
class Authority:
    """An upper-tier local authority.

    Attributes:
        code: three-digit DfE code.
        kind: unitary, metropolitan, london or county.
        opened: first day.
        closed: last day, None while open.
        successors: codes of the authorities that took its area over.
        children: children aged 0-17, mid-2020.
    """

    code: str
    name: str
    gss_code: str
    kind: str
    region: str
    opened: date
    closed: date | None
    successors: tuple[str, ...]
    children: int

    def open_on(self, day: date) -> bool:
        """Whether it existed on `day`."""
        return self.opened <= day and (self.closed is None or day <= self.closed)


def on(day: date) -> Mapping[str, Authority]:
    """The authorities open on `day`, by DfE code, in order of code."""
    return MappingProxyType({code: authority for code, authority in _all().items() if authority.open_on(day)})


def known() -> frozenset[str]:
    """DfE codes of every authority that exists or once existed."""
    return frozenset(_all())


def every() -> Mapping[str, Authority]:
    """Every authority that exists or once existed, by DfE code, in order of code."""
    return _all()


def opened() -> Mapping[str, date]:
    """First day of each authority that exists or once existed, by DfE code."""
    return {code: authority.opened for code, authority in _all().items()}


def closed() -> Mapping[str, date]:
    """Last day of each authority that no longer exists, by DfE code."""
    return {code: authority.closed for code, authority in _all().items() if authority.closed is not None}


def name_of(code: str) -> str:
    """The authority's name, or its code where it is not known."""
    return _all()[code].name if code in _all() else code


def suggestion(text: str) -> str:
    """What to write instead of `text`, which is no code: the codes that it may be meant for, else where all stand."""
    wanted = text.strip().casefold()
    names = {each.name.casefold(): each for each in _all().values()}
    near = {each.code: each for name, each in names.items() if len(wanted) > 2 and wanted in name}
    near |= {names[name].code: names[name] for name in get_close_matches(wanted, names, n=3, cutoff=0.8)}
    near |= {code: _all()[code] for code in get_close_matches(wanted, _all(), n=3, cutoff=0.6)}
    meant = ", ".join(f"{code} {each.name}" for code, each in list(near.items())[:5])
    return f"Name an authority by its DfE code{': ' if meant else ''}{meant}. All stand in schemas/reference/authorities.csv."


@cache
def _all() -> Mapping[str, Authority]:
    with (BUILT_IN / "reference" / "authorities.csv").open(encoding="utf-8", newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["dfe_code"])
    return {
        row["dfe_code"]: Authority(
            code=row["dfe_code"],
            name=row["name"],
            gss_code=row["gss_code"],
            kind=row["kind"],
            region=row["region"],
            opened=date.fromisoformat(row["opened"]),
            closed=date.fromisoformat(row["closed"]) if row["closed"] else None,
            successors=tuple(row["successor_codes"].split(";")) if row["successor_codes"] else (),
            children=int(row["children_0_17"] or 0),
        )
        for row in rows
    }
