"""What the landing place holds, sorted by what can be done with it, from one listing and without opening a file.

Belongs here: which folders are deliveries' and complete, and what else lies there, by name and kind. Not here: what was
seen or decided before (`landing`, `seen`). Hidden names (``.ssh``, ``.DS_Store``) and a disk's own ``lost+found`` are
nobody's delivery and are passed over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

from pipelines.deliveries.landing_findings import Noted, is_like_a_manifest
from pipelines.deliveries.listing import Entry, Parts

__all__ = ["DEEPEST", "DateFolder", "LandingKnowledge", "Survey", "survey", "wanted"]

_NESTED = 16  # folders within folders of one delivery
DEEPEST = 3 + _NESTED
"""Folders below the landing place that are looked into: an authority's, an agency's, a date's, and those within."""

_SETTLED = 2.0  # seconds: the coarsest clock of a file system; what is younger may change again and look the same
_ANSWERS = re.compile(r"(ack\.json|rejects\.csv)|\.(ack\.json|rejects\.csv)\.[0-9a-f]{8}\.part")


@dataclass(frozen=True)
class LandingKnowledge:
    """What the names in the landing place are held against.

    Attributes:
        authorities: the code of every authority that may deliver here.
        agencies: the registered agencies.
        first_nights: authority → its first night, where it has one; what is older is not taken in.
        today: the day in London.
        retired: authority → its last night that was let go, where it has one: no setting brings back what lies before.
        elsewhere: the code of every other authority that exists or once existed.
    """

    authorities: Collection[str]
    agencies: Collection[str]
    first_nights: Mapping[str, date]
    today: date
    retired: Mapping[str, date] = field(default_factory=dict)
    elsewhere: Collection[str] = ()


@dataclass(frozen=True)
class DateFolder:
    """A folder of an authority, an agency and a business date with a manifest in it.

    `signature` changes with its files' names, sizes and times; it is "" while one of them is too young to tell. `files` are
    the paths in it of what a supplier has put there, but for hidden ones. `written` is when the youngest was, in seconds of the epoch.
    """

    authority: str
    agency: str
    business_date: date
    signature: str
    files: frozenset[str] = frozenset()
    written: float = 0.0

    @property
    def parts(self) -> tuple[str, str, str]:
        """The names on the way."""
        return self.authority, self.agency, self.business_date.isoformat()

    @property
    def place(self) -> str:
        """Its path below the landing place."""
        return "/".join(self.parts)


@dataclass
class Survey:
    """What lies there.

    Attributes:
        complete: folders with a manifest.
        started: places of date folders where a supplier's files lie, without a manifest.
        bare: places of date folders with nothing of a supplier.
        closed: places that were not looked into (a link, no permission, an unknown name): nothing is known of what is
            below them.
        noted: what is to be said.
    """

    complete: list[DateFolder] = field(default_factory=list)
    started: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    noted: list[Noted] = field(default_factory=list)


def wanted(parts: Parts, known: LandingKnowledge, authorities: Collection[str] | None) -> bool:
    """Whether the survey looks into the folder at `parts`."""
    if len(parts) == 1:
        return parts[0] in known.authorities and (authorities is None or parts[0] in authorities)
    if len(parts) == 2:
        return parts[1] in known.agencies
    return _day(parts[2]) is not None and len(parts) <= DEEPEST


def survey(
    tree: Mapping[str, Entry], known: LandingKnowledge, authorities: Collection[str] | None, *, at: float
) -> Survey:
    """What `tree` holds.

    Args:
        tree: the listing, with everything in it that is `wanted`.
        known: what the names are held against.
        authorities: only these, and what belongs to no authority; all by default.
        at: the time of the listing, in seconds of the epoch.
    """
    found = Survey()
    codes = Noted("UNKNOWN_AUTHORITY_FOLDER", (), 0, candidates=known.authorities)
    names = ", ".join(sorted(known.agencies))
    agencies = Noted("UNKNOWN_AGENCY_FOLDER", (), 1, {"agencies": names}, known.agencies)
    for authority, inside in _folders(found, (), tree, known.authorities, codes):
        if authorities is not None and authority[0] not in authorities:
            continue
        for agency, dates in _folders(found, authority, inside.inside, known.agencies, agencies):
            days = {name for name in dates.inside if _day(name)}
            for parts, folder in _folders(found, agency, dates.inside, days, Noted("UNKNOWN_DATE_FOLDER", (), 2)):
                _date_folder(found, parts, folder, at)
    found.noted = [
        replace(each, code="AUTHORITY_NOT_HOSTED")
        if each.code == codes.code and each.parts[0] in known.elsewhere
        else each
        for each in found.noted
    ]
    if authorities is not None:
        others = set(known.authorities) - set(authorities)
        found.noted = [each for each in found.noted if each.parts[0] not in others]
    return found


def _folders(
    found: Survey, above: Parts, inside: Mapping[str, Entry], known: Collection[str], unknown: Noted
) -> Iterator[tuple[Parts, Entry]]:
    """The folders that have a known name; everything else is noted."""
    for name, entry in inside.items():
        parts = (*above, name)
        if name.startswith(".") or parts == ("lost+found",):
            continue
        within = len(parts) if name in known else len(above)
        if entry.kind == "link":
            found.noted.append(Noted("LINK_REFUSED", parts, within))
        elif entry.kind in ("file", "other"):
            found.noted.append(Noted("STRAY_FILE", parts, len(above)))
            continue
        elif name not in known:
            found.noted.append(Noted(unknown.code, parts, len(above), unknown.words, unknown.candidates))
        elif entry.kind == "closed":
            found.noted.append(Noted("FOLDER_UNREADABLE", parts, within, {"reason": "it is not permitted"}))
        else:
            yield parts, entry
            continue
        found.closed.add("/".join(parts))


@lru_cache(1000)
def _day(name: str) -> date | None:
    """The day a folder is named after, YYYY-MM-DD, or None."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", name):
        return None
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def _date_folder(found: Survey, parts: Parts, folder: Entry, at: float) -> None:
    authority, agency, name = parts
    place = "/".join(parts)
    everything = list(_within(folder, ()))
    held = [(path, entry) for path, entry in everything if len(path) > 1 or not _ANSWERS.fullmatch(path[0])]
    for path, entry in everything:
        if entry.kind == "file":
            continue
        if entry.kind == "link":
            found.noted.append(Noted("LINK_REFUSED", (*parts, *path), 3))
        elif entry.kind == "closed":
            found.noted.append(Noted("FOLDER_UNREADABLE", (*parts, *path), 3, {"reason": "it is not permitted"}))
        elif entry.kind == "folder" and len(path) > _NESTED:
            found.noted.append(Noted("FOLDER_UNREADABLE", (*parts, *path), 3, {"reason": "it lies too deep"}))
        elif entry.kind == "other" and path != ("manifest.json",):
            found.noted.append(Noted("STRAY_FILE", (*parts, *path), 3))
    manifest = folder.inside.get("manifest.json")
    if manifest is not None and manifest.kind == "file":
        signature = _signature(held, at)
        files = frozenset("/".join(path) for path, entry in held if entry.kind == "file" and not _hidden(path))
        written = max((entry.at for _, entry in held), default=0.0)
        found.complete.append(DateFolder(authority, agency, date.fromisoformat(name), signature, files, written))
    elif manifest is not None:
        found.closed.add(place)
        if manifest.kind != "link":
            reason = {"reason": "it is not a file"}
            found.noted.append(Noted("MANIFEST_UNREADABLE", (*parts, "manifest.json"), 3, reason))
    elif any(entry.kind != "folder" and not _hidden(path) for path, entry in held):
        found.started.add(place)
        for misnamed in folder.inside:
            if is_like_a_manifest(misnamed) and folder.inside[misnamed].kind == "file":
                found.noted.append(Noted("MANIFEST_MISNAMED", (*parts, misnamed), 3))
    else:
        found.bare.add(place)


def _within(folder: Entry, above: Parts) -> Iterator[tuple[Parts, Entry]]:
    for name, entry in folder.inside.items():
        yield (*above, name), entry
        if entry.inside and len(above) <= _NESTED:
            yield from _within(entry, (*above, name))


def _hidden(path: Parts) -> bool:
    return any(name.startswith(".") for name in path)


def _signature(held: list[tuple[Parts, Entry]], at: float) -> str:
    if max((entry.at for _, entry in held), default=0.0) > at - _SETTLED:
        return ""
    lines = sorted(f"{'/'.join(path)}\n{entry.kind} {entry.size} {entry.changed}" for path, entry in held)
    return hashlib.sha256("\n\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
