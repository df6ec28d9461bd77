"""The landing place: `<landing>/<authority>/<agency>/<business_date>/`, complete once `manifest.json` lies there.

Belongs here: finding what has arrived and is not decided yet, at any fsspec address, and naming what lies there and can
never be taken in. Not here: judging a delivery. One listing is compared with what was seen before (`seen`); only folders
that have changed since are opened, so a look costs the same whether a night or a year of deliveries lies there.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine
from upath import UPath

from pipelines.deliveries.astray import Astray, Decided, astray_in
from pipelines.deliveries.files import verified
from pipelines.deliveries.found import FoundDelivery, read_found
from pipelines.deliveries.inside import LinkedError
from pipelines.deliveries.landing_findings import LandingFinding, Noted, tell
from pipelines.deliveries.listing import Parts, landing_place, listed
from pipelines.deliveries.seen import Seen, decided_before, delivered_for, forget, note, seen, still_owed
from pipelines.deliveries.states import DeliveryEntry
from pipelines.deliveries.survey import DEEPEST, DateFolder, LandingKnowledge, Survey, survey, wanted
from pipelines.outages import as_coded

__all__ = ["LandingKnowledge", "Look", "look", "lying", "mended"]

# Damage on the way: the same manifest may come again with whole files.
_MAY_BE_MENDED = frozenset({"CHECKSUM_MISMATCH", "SIZE_MISMATCH", "FILE_MISSING", "FILE_CLOSED", "PATH_OUTSIDE"})

_log = logging.getLogger(__name__)
_NEVER_WAS = "Set ISINDEX_FIRST_NIGHT to this date if the night is wanted, else have it sent again under a later date."
_LET_GO = "No setting brings the night back. Have what is still true sent under a later date, and take this away."


@dataclass(frozen=True)
class Look:
    """What a look at the landing place has found. Each folder is in one of these at least.

    Attributes:
        new: complete deliveries that are not decided yet, by business date, authority, agency and sequence.
        findings: what can never be taken in as it lies there, by code and place.
        decided: places of deliveries that the register has the last word on.
        incomplete: places of date folders without a manifest: still being uploaded, or emptied.
        astray: folders whose files are not taken in, and from which wishes may be heard: those that are nobody's delivery, and those of
            deliveries that were decided before their files were others.
    """

    new: tuple[FoundDelivery, ...]
    findings: tuple[LandingFinding, ...]
    decided: frozenset[str]
    incomplete: frozenset[str]
    astray: tuple[Astray, ...] = ()

    @property
    def nothing_lies(self) -> bool:
        """Whether there is nothing at all: a new landing place, one that is emptied by hand, or a share that is not mounted."""
        return not (self.new or self.findings or self.decided or self.incomplete)


def look(landing: str, engine: Engine, *, known: LandingKnowledge, authorities: Collection[str] | None = None) -> Look:
    """What has arrived in the landing place and is not decided yet, and what is amiss there.

    What is seen is noted in table `landing_seen`. A delivery stays new until `note_decided`, or until the register knows
    it. A refused delivery that was damaged on the way is new again once its files have changed; of one that was taken in it
    is told (FILES_CHANGED) for as long as they are not as they were. Of whichever the files have changed, it is among those to be heard.

    Args:
        landing: a folder or any fsspec address (``memory://…``, ``file://…``, ``s3://…``).
        engine: the index database.
        known: what the names in the landing place are held against.
        authorities: only these, and what lies there and belongs to no authority; all by default.

    Raises:
        IsindexError: LANDING_MISSING when there is no such place; LANDING_UNREADABLE (transient) when it cannot be listed.
    """
    root = landing_place(landing)
    at = time.time()
    lies = survey(listed(root, lambda parts: wanted(parts, known, authorities)), known, authorities, at=at)
    before = seen(engine, root, authorities)
    noted = list(lies.noted)
    decided: set[str] = set()
    incomplete = lies.started | lies.bare
    changed: list[DateFolder] = []
    for folder in lies.complete:
        row = before.get(folder.place)
        if row and row.decided and row.signature == folder.signature != "":
            decided.add(folder.place)
        else:
            changed.append(folder)
    untimely = {folder.place: why for folder in changed if (why := _untimely(folder, known))}
    old_stock = {each.parts for each in changed if each.place in untimely and not _is_of_now(each, known)}
    # what was decided in its time stays decided, also where the table has forgotten it
    taken_in = delivered_for(engine, (folder for folder in changed if folder.place in untimely))
    noted += [why for place, why in untimely.items() if place not in taken_in]
    changed = [folder for folder in changed if folder.place not in untimely or folder.place in taken_in]
    read = _read(root, changed, noted, incomplete)
    new, rows, entries = _undecided(engine, read, before)
    altered, unread = _altered({folder.place: folder.files for folder in changed}, read, rows, before, engine)
    noted += [Noted("FILES_CHANGED", tuple(place.split("/")), 3) for place in sorted(altered)]
    changed_since = altered | {row.place for row in rows if row.place in unread and row.signature}
    rows = [row for row in rows if row.place not in altered | unread]  # as they were noted: the next look says so again
    decided |= altered | unread
    noted += [untimely[found.place] for found in new if found.place in untimely]
    new = [found for found in new if found.place not in untimely]
    rows = [row for row in rows if row.decided or row.place not in untimely]
    decided |= {row.place for row in rows if row.decided}
    unlike = _unlike(read, entries, rows, changed_since)
    unheard = {
        each.row.place for each in unlike if each.row
    }  # noted once they are heard: else the next look would pass them over
    note(engine, root, [row for row in rows if before.get(row.place) != row and row.place not in unheard])
    vanished, gone = _vanished(engine, lies, before)
    forget(engine, root, gone)
    noted += vanished
    incomplete -= {"/".join(each.parts) for each in vanished}
    astray = tuple(astray_in(root, (each for each in noted if each.parts not in old_stock), unlike))
    return Look(tuple(sorted(new, key=_order)), tell(noted), frozenset(decided), frozenset(incomplete), astray)


def lying(
    landing: str, *, authority: str | None = None, agency: str | None = None, business_date: date | None = None
) -> list[FoundDelivery]:
    """Every complete delivery that lies there, decided or not, of one authority, agency and date if given.

    Its manifest is read, so ask narrowly. What cannot be read is passed over here: `look` names it.

    Raises:
        IsindexError: as `look`.
    """
    root = landing_place(landing)
    asked = (authority, agency, business_date.isoformat() if business_date else None)
    at = time.time()

    def enter(parts: Parts) -> bool:
        return len(parts) <= DEEPEST and all(want in (None, name) for want, name in zip(asked, parts, strict=False))

    tree = listed(root, enter, at_once=None in asked)
    authorities = {name for name in tree if re.fullmatch(r"[0-9]{3}", name)}
    agencies = {name for each in authorities for name in tree[each].inside if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    lies = survey(tree, LandingKnowledge(authorities, agencies, {}, date.max), None, at=at)
    folders = [
        folder
        for folder in lies.complete
        if authority in (None, folder.authority)
        and agency in (None, folder.agency)
        and business_date in (None, folder.business_date)
    ]
    return sorted(_read(root, folders, [], set()), key=_order)


def mended(found: FoundDelivery, entry: DeliveryEntry) -> bool:
    """Whether a delivery that was refused for damage on the way has other files now than when `entry` was written."""
    if entry.state != "refused" or found.manifest is None or entry.content_sha256 is None:
        return False
    if not any(entry.has(code) for code in _MAY_BE_MENDED):
        return False
    with verified(found, found.manifest.files) as files:
        return files.content_sha256 != entry.content_sha256


def _altered(
    lie: Mapping[str, Collection[str]],
    read: Iterable[FoundDelivery],
    rows: Iterable[Seen],
    before: Mapping[str, Seen],
    engine: Engine,
) -> tuple[set[str], set[str]]:
    """The places of decided deliveries whose files are others now, or more, than those that were taken in; and of those that could not be read.

    Only those are read whose folders have changed since they were noted, or were too young to be told apart then; what was
    copied there again as it was is the same. In a landing place at another address the names alone are looked at: to read
    all that ever came would cost more than it tells.
    """

    def is_suspect(row: Seen) -> bool:
        was = before.get(row.place)
        if not row.decided or was is None:
            return row.decided
        return was.delivery_id == row.delivery_id and (was.signature != row.signature or not row.signature)

    places = {row.place for row in rows if is_suspect(row)}
    suspect = [found for found in read if found.place in places]
    entries = decided_before(engine, (found.delivery_id for found in suspect))
    altered, unread = set(), set()
    for found in suspect:
        told = entries[found.delivery_id].content_sha256
        manifest = found.manifest
        if manifest is None:
            continue
        stated = {"manifest.json", *(file.name for file in manifest.files)}
        if not stated.issuperset(lie[found.place]):
            altered.add(found.place)
        elif told is not None and found.place in before:
            try:
                with verified(found, manifest.files) as files:
                    if files.content_sha256 != told:
                        altered.add(found.place)
            except Exception as fault:  # whatever is in the way of one keeps the look from no other
                _log.warning(
                    "a delivery in %s/%s was not read again: %s", found.authority, found.agency, as_coded(fault).code
                )
                unread.add(found.place)
    return altered, unread


def _untimely(folder: DateFolder, known: LandingKnowledge) -> Noted | None:
    if folder.business_date > known.today + timedelta(days=1):
        return Noted("DATE_IN_FUTURE", folder.parts, 3)
    first = known.first_nights.get(folder.authority)
    if first is not None and folder.business_date < first:
        gone = folder.business_date <= known.retired.get(folder.authority, date.min)
        words = {
            "first": first.isoformat(),
            "history": ": the night was let go and is history" if gone else "",
            "way_out": _LET_GO if gone else _NEVER_WAS,
        }
        return Noted("DATE_TOO_OLD", folder.parts, 3, words)
    return None


def _is_of_now(folder: DateFolder, known: LandingKnowledge) -> bool:
    """Whether an untimely folder was written since the authority's first night: it may be a slip, and is no old stock."""
    first = known.first_nights.get(folder.authority)
    return first is None or datetime.fromtimestamp(folder.written, UTC).date() >= first


def _read(root: UPath, folders: Iterable[DateFolder], noted: list[Noted], incomplete: set[str]) -> list[FoundDelivery]:
    """The deliveries in `folders`; one whose manifest cannot be read goes into `noted`, one just gone into `incomplete`."""
    read: list[FoundDelivery] = []
    for folder in folders:
        place = (*folder.parts, "manifest.json")
        try:
            read.append(read_found(root, folder.authority, folder.agency, folder.business_date, folder.signature))
        except LinkedError:
            noted.append(Noted("LINK_REFUSED", place, 3))
        except (FileNotFoundError, NotADirectoryError):
            incomplete.add(folder.place)
        except OSError as fault:
            reason = "it is not permitted" if isinstance(fault, PermissionError) else type(fault).__name__
            noted.append(Noted("MANIFEST_UNREADABLE", place, 3, {"reason": reason}))
    return read


def _unlike(
    read: Iterable[FoundDelivery], entries: Mapping[str, DeliveryEntry], rows: Iterable[Seen], altered: Collection[str]
) -> list[Decided]:
    """Decided deliveries to be heard: their files are others than those that were taken in (`altered`), or could not be read, or they are refused, for
    whatever, and their folder is not as it was when it was looked at last.
    """
    done = {row.place: row for row in rows if row.decided}
    found = [Decided(each, entries[each.delivery_id]) for each in read if each.place in altered]
    refused = [each for each in read if each.place in done and entries[each.delivery_id].state == "refused"]
    return [*found, *(Decided(each, entries[each.delivery_id], done[each.place]) for each in refused)]


def _undecided(
    engine: Engine, read: list[FoundDelivery], before: Mapping[str, Seen]
) -> tuple[list[FoundDelivery], list[Seen], dict[str, DeliveryEntry]]:
    """Those of the deliveries that are not decided, the rows to be noted of all, and what the register knows of any.

    One that was noted and is still not noted as decided, although the register knows it, was being taken in when the
    process was killed: it may not have been answered, and is new once more.
    """
    entries = decided_before(engine, (found.delivery_id for found in read))
    new: list[FoundDelivery] = []
    rows: list[Seen] = []
    for found in read:
        entry = entries.get(found.delivery_id)
        row = before.get(found.place)
        unanswered = row is not None and row.delivery_id == found.delivery_id and not row.decided
        done = entry is not None and not unanswered and not mended(found, entry)
        rows.append(Seen(found.place, found.authority, found.signature, found.delivery_id, done))
        if not done:
            new.append(found)
    return new, rows, entries


def _vanished(engine: Engine, lies: Survey, before: dict[str, Seen]) -> tuple[list[Noted], set[str]]:
    """What is to be said of manifests that were there and are gone, and the places whose rows are done with."""
    complete = {folder.place for folder in lies.complete}
    absent = [row for place, row in before.items() if place not in complete and not _is_below(place, lies.closed)]
    left_behind = [row for row in absent if row.place in lies.started]
    away = [row for row in absent if row.place not in lies.started]
    owed = still_owed(engine, (row for row in away if not row.decided))
    told = [(row, "The manifest was here and is gone; other files still lie here.") for row in left_behind]
    told += [
        (row, "A complete delivery was here and went away before it was taken in.") for row in away if row.place in owed
    ]
    noted = [Noted("MANIFEST_VANISHED", tuple(row.place.split("/")), 3, {"what": what}) for row, what in told]
    return noted, {row.place for row in away} - owed


def _is_below(place: str, closed: set[str]) -> bool:
    authority, agency, _ = place.split("/")
    return not closed.isdisjoint((authority, f"{authority}/{agency}", place))


def _order(found: FoundDelivery) -> tuple[date, str, str, int]:
    return found.business_date, found.authority, found.agency, found.manifest.sequence if found.manifest else -1
