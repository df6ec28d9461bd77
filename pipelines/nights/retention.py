"""What a home keeps and what it lets go, at the end of a load; and what killed runs have left, when the next one begins.

Belongs here: which nights, stored deliveries, versions and report pages are kept. Kept are the tables and deliveries that
running any of the last `keep_nights` nights again needs (more of them, while an older one is held or failed anew), the last `keep_versions` versions, the current one always, and
versions on hold. A night that is let go is history: its attempts are noted as retired and it is never run again. What the matcher
keeps to save time (`seal.SAVES_TIME`, a third of a night's tables) is kept of the last nights alone, on which a night is built every day.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

from sqlalchemy import delete, select, update

from pipelines.database import schema as db
from pipelines.deliveries import Register, finding, lying
from pipelines.deliveries.acknowledge import ack_of, acknowledge
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt, AttemptRow, attempt_in_force, attempts_published, last_attempts
from pipelines.nights.decisions import versions_on_hold
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.on_hold import keep_known_by
from pipelines.nights.plan import sound_nights
from pipelines.nights.seal import SAVES_TIME
from pipelines.nights.sensitive_by_now import not_in_force, not_looked_at
from pipelines.publishing.publish import forget_nights
from pipelines.publishing.publish import prune as prune_versions
from pipelines.publishing.versions import versions_in_force
from pipelines.reporting import write_front
from pipelines.validation.data_docs import write_index

__all__ = ["prune", "prune_reports", "sweep", "tidy"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NIGHTS_BUILT_ON = 2  # the last one, and that before it: a late delivery runs the last one again
_SHARED_AGE = 3600  # seconds after which what is half written in a place that authorities share cannot belong to a run that is still going on


def sweep(deployment: Deployment, authority: str | None = None) -> int:
    """Remove what killed runs left half written; how many files and folders.

    Args:
        deployment: where.
        authority: whose lock the caller holds; None for the places that authorities share, where only what is old goes.
    """
    root = deployment.home.root
    if authority is None:
        left = [path for place in ("reports", "models", "audit") for path in _below(root / place, ".*.part")]
        left += root.glob(".*.part")
        left = [path for path in left if _age(path) > _SHARED_AGE]
    else:
        left = list(_below(root / "nights" / authority, ".*.part"))
        left += _below(root / "deliveries" / authority, ".seq=*")
        for place in ("deliveries", "protection", "snapshots", "memory"):
            left += _below(root / place / authority, ".*.part")
    return sum(map(_remove, left))


def tidy(deployment: Deployment, authorities: Collection[str]) -> dict[str, int]:
    """Let go what the settings do not keep, of authorities that were run; what went, in numbers."""
    gone: Counter[str] = Counter()
    for authority in authorities:
        try:
            with alone(deployment, authority):
                gone.update(prune(deployment, authority))
        except IsindexError as error:
            if error.code != "NIGHT_RUNNING":  # another run of it tidies up itself
                raise
    gone["leftovers"] += sweep(deployment)
    gone["report_nights"] += prune_reports(deployment)
    return {name: number for name, number in gone.items() if number}


def prune(deployment: Deployment, authority: str) -> dict[str, int]:
    """Let go what is older than the settings keep; how many nights, attempts, deliveries and versions went.

    The caller holds the authority's lock. While it cannot be read what is in force, nothing goes: the authority's nights say why.
    """
    gone: Counter[str] = Counter()
    settings = deployment.settings
    keep_known_by(deployment, authority)
    try:
        in_force = sorted(versions_in_force(deployment.home, authority))
        past = in_force[: -settings.keep_nights]
        sound = sound_nights(deployment, authority) if past else []
    except IsindexError:
        return {}
    if not in_force and _was_published(deployment, authority):
        return {}
    # The night before the oldest that may be run again is kept whole, because that one builds on it. It has to be sound: of
    # one that waits for a correction nothing may go, or what came for it would be in no night any more.
    oldest = max((day for day in sound if day in past), default=None)
    if oldest is not None:
        gone["nights"] += _retire(deployment, authority, oldest)
        gone["deliveries"] += _let_deliveries_go(deployment, authority, oldest)
        forget_nights(deployment.home, authority, oldest)
    for day, last in last_attempts(deployment.engine, authority).items():
        night = Night(deployment, authority, day)
        gone["attempts"] += _drop_attempts(night, last)
        if day < min(in_force[-_NIGHTS_BUILT_ON:], default=date.min):
            gone["matching_states"] += _let_matching_state_go(night)
    gone["versions"] += len(
        prune_versions(deployment.home, authority, settings.keep_versions, hold=versions_on_hold(deployment, authority))
    )
    return {name: number for name, number in gone.items() if number}


def _was_published(deployment: Deployment, authority: str) -> bool:
    """Whether any night was: then a pointer that is gone does not mean that nothing is in force."""
    published = (db.attempt.c.authority == authority, db.attempt.c.state == "published")
    with deployment.engine.connect() as connection:
        return connection.execute(select(db.attempt.c.attempt_id).where(*published).limit(1)).first() is not None


def prune_reports(deployment: Deployment) -> int:
    """Remove the pages of nights that no authority keeps; how many nights."""
    kept = [min(nights) for folder in _authorities(deployment) if (nights := _nights(folder))]
    if not kept:
        return 0
    docs = deployment.home.reports / "data_docs"
    old = {
        folder: [path for path in _nights_of(folder) if date.fromisoformat(path.name) < min(kept)]
        for folder in (deployment.home.reports, docs)
    }
    for path in (path for paths in old.values() for path in paths):
        _remove(path)
    if old[deployment.home.reports]:  # what links to them is written anew
        write_front(deployment.home, deployment.engine)
    if old[docs]:
        write_index(docs)
    return len({path.name for paths in old.values() for path in paths})


def _retire(deployment: Deployment, authority: str, oldest: date) -> int:
    """Remove the folders of nights before `oldest`, and note that they, and `oldest` itself, cannot be run again."""
    nights = deployment.home.root / "nights" / authority
    old = [path for path in _nights_of(nights) if date.fromisoformat(path.name) < oldest]
    with deployment.engine.begin() as connection:
        connection.execute(
            update(db.attempt)
            .where(
                db.attempt.c.authority == authority,
                db.attempt.c.business_date <= oldest,  # that one stays as a base, and what it was built on goes
                db.attempt.c.state != "retired",
            )
            .values(state="retired")
        )
    for path in old:
        _remove(path)
    return len(old)


def _let_deliveries_go(deployment: Deployment, authority: str, oldest: date) -> int:
    """Remove stored deliveries that no night to come can need: those of nights up to the base of the oldest one.

    One that still waits for what is missing before it would be applied by no night any more, so it is refused by code.
    """
    delivery = db.delivery.c
    old = (delivery.authority == authority, delivery.business_date <= oldest, delivery.stored_at.is_not(None))
    with deployment.engine.connect() as connection:
        rows = connection.execute(
            select(delivery.delivery_id, delivery.stored_at, delivery.state, delivery.codes).where(*old)
        ).all()
    for (
        row
    ) in rows:  # first the folder, then the note of it: a kill between the two leaves nothing that nobody knows of
        folder = deployment.home.root / str(row.stored_at)
        _remove(folder)
        for parent in (folder.parent, folder.parent.parent):
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
    asked = db.protection_request.c
    requests = (asked.authority == authority, asked.business_date <= oldest)  # the register has them
    with deployment.engine.begin() as connection:
        connection.execute(delete(db.protection_request).where(*requests))
        connection.execute(update(db.delivery).where(*old).values(stored_at=None))
        for row in rows:
            if row.state == "held":
                codes = [*row.codes, finding("HELD_TOO_LONG").as_json()]
                this = update(db.delivery).where(delivery.delivery_id == row.delivery_id)
                connection.execute(this.values(state="refused", codes=codes))
    # after the note of them: a kill between the two leaves a file that nobody asks for, and is found the next time; also floods that nobody wanted used
    for path in (deployment.home.root / "protection" / authority).glob("*/*/*.parquet"):
        if path.parent.name <= oldest.isoformat():
            path.unlink(missing_ok=True)
    _answer(deployment, [row.delivery_id for row in rows if row.state == "held"])
    return len(rows)


def _answer(deployment: Deployment, let_go: list[str]) -> None:
    """Tell suppliers of deliveries that waited for too long, beside those that still lie in the landing place."""
    register = Register(deployment.engine)
    for entry in filter(None, map(register.entry, let_go)):
        for found in lying(
            deployment.landing, authority=entry.authority, agency=entry.agency, business_date=entry.business_date
        ):
            if found.delivery_id == entry.delivery_id:
                acknowledge(found, ack_of(entry), None)


def _drop_attempts(night: Night, last: AttemptRow) -> int:
    """Remove the tables of attempts that are neither in force nor the last one of their night, nor still to be looked at for what they found. Where
    none is in force, what was published last is kept: the night carries on what that knew.
    """
    folder = night.folder / "attempts"
    if not folder.is_dir() or not last.digest:  # failed before it was frozen: the one before may be what people look at
        return 0
    in_force = attempt_in_force(night)
    if in_force is None and night.version():  # something of it is gone: what is left of it is not for us to remove
        return 0
    kept = {Attempt(night, last.digest).folder.name}
    kept |= {each.folder.name for each in ([in_force] if in_force else _published_last(night))}
    unseen = [*not_in_force(night), *not_looked_at(night)]
    kept |= {each.folder.name for each in unseen if each.night.business_date == night.business_date}
    old = [path for path in folder.iterdir() if path.name not in kept]
    for path in old:
        _remove(path)
    return len(old)


def _published_last(night: Night) -> list[Attempt]:
    return [each for each in attempts_published(night) if each.night.business_date == night.business_date][-1:]


def _let_matching_state_go(night: Night) -> int:
    """Remove what the matcher left of a night that was published: the seal knows that it may be gone."""
    sealed = (night.folder / "attempts").glob("*/sealed.json")
    return sum(_remove(path.parent / SAVES_TIME) for path in sealed)


def _authorities(deployment: Deployment) -> list[Path]:
    return [path for path in (deployment.home.root / "nights").glob("[0-9]*") if path.is_dir()]


def _nights_of(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if _DAY.fullmatch(path.name) and path.is_dir()]


def _nights(folder: Path) -> list[date]:
    return [date.fromisoformat(path.name) for path in _nights_of(folder)]


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    """Files, links and folders below a folder, by name; a folder that goes meanwhile has none."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in fnmatch.filter([*folders, *files], pattern))


def _age(path: Path) -> float:
    """Seconds since it was written; none of what another process has renamed or removed meanwhile."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> bool:
    """Remove a file, link or folder, if it is there; whether it was. A folder is renamed first, so that nobody meets half of it."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return True
        doomed = path.with_name(f".{path.name}.gone.part")
        _remove_all(doomed)
        path.rename(doomed)
    except FileNotFoundError:  # another process was quicker
        return False
    _remove_all(doomed)
    return True


def _remove_all(folder: Path) -> None:
    """Remove a folder and all in it, also while another process does the same."""
    while folder.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
