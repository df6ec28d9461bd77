"""The attempts at a night: each is named by the digest of its inputs, has a folder of its own and a row that says what
became of it.

Belongs here: beginning an attempt, how it ended, and the one that was made last. Not here: what its inputs are
(`inputs`), what is in force: an attempt that is held or fails overwrites nothing of that.

    nights/<authority>/<business_date>/
      attempts/<digest>/         inputs.json and the tables of each stage
      attempt.json               the attempt that was made last
      identities/, matching/ …   links to the tables of the attempt in force, for people who look
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, delete, func, insert, select, update

from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.inputs import Inputs, why_differs
from pipelines.nights.night import Night
from pipelines.publishing.versions import attempt_of_version, built, versions_in_force
from pipelines.tables import read_as, read_as_or_none, read_told, read_told_or_none, write_json

__all__ = [
    "PAGES",
    "UNTOLD",
    "Attempt",
    "AttemptRow",
    "attempt_behind",
    "attempt_in_force",
    "attempts_not_published",
    "attempts_published",
    "begin",
    "break_off",
    "end",
    "fail",
    "last_attempts",
    "latest_matched",
    "made_of",
    "reported",
    "show_in_force",
]

PAGES = "reports"  # the stage of an attempt that has ended, until its pages are written
UNTOLD = "Its inputs are not what they were."  # where it cannot be read what they were
_INTERRUPTED = "The last attempt was interrupted."
_BROKEN_OFF = "RUN_BROKEN_OFF"  # the code of an attempt whose run was killed


@dataclass(frozen=True)
class Attempt:
    """One run of a night on frozen inputs.

    Attributes:
        night: the night.
        digest: of the inputs.
        number: of its row in table `attempt`; 0 where only the folder is read.
    """

    night: Night
    digest: str
    number: int = 0

    @property
    def folder(self) -> Path:
        """Where its tables lie."""
        return self.night.home.attempt(self.night.authority, self.night.business_date, self.digest)

    @cached_property
    def inputs(self) -> Inputs:
        """What it was built from."""
        return read_as(self.folder / "inputs.json", Inputs.from_json)

    @property
    def inputs_or_none(self) -> Inputs | None:
        """What it was built from; None where that is gone or is not what was written there."""
        return read_as_or_none(self.folder / "inputs.json", Inputs.from_json)

    @classmethod
    def last(cls, night: Night) -> Attempt:
        """The attempt that was begun last.

        Raises:
            IsindexError: NOT_FROZEN when there is none.
        """
        pointer = night.folder / "attempt.json"
        if not pointer.is_file():
            raise IsindexError(
                "NOT_FROZEN",
                "the night has no inputs yet",
                where=night.where,
                remedy="Run the whole job `night`, or `isindex load`: its first steps take in and freeze.",
            )
        told = read_told(pointer, {"digest": str, "number": int})
        return cls(night, told["digest"], told["number"])

    def base(self) -> Attempt | None:
        """The attempt in force that this one builds on.

        Raises:
            IsindexError: BASE_MISSING when its tables are not there any more.
        """
        base = self.inputs.base
        if base is None:
            return None
        found = attempt_behind(self.night.on(base.business_date), base.version)
        if found is None or not found.folder.is_dir():
            raise IsindexError(
                "BASE_MISSING",
                f"the tables of version {base.version}, on which the night builds, are not in the home",
                where=self.night.where,
                remedy="Restore the home from its backup, or run the night of that version again first.",
            )
        return found


@dataclass(frozen=True)
class AttemptRow:
    """A row of table `attempt`: `state` is running, published, held, failed, or retired once its tables are gone."""

    attempt_id: int
    authority: str
    business_date: date
    digest: str
    data_digest: str
    state: str
    stage: str
    code: str
    version: str | None
    why: list[str]
    reasons: list[str]
    gates: list[dict[str, Any]]
    figures: dict[str, Any]
    started_by: str
    started_at: str
    finished_at: str | None


def attempt_in_force(night: Night, version: str | None = None) -> Attempt | None:
    """The attempt behind `version` (default: the night's version in force), or None when there is none, or it is gone what it was built from."""
    found = attempt_behind(night, version)
    return found if found and (found.folder / "inputs.json").is_file() else None


def attempt_behind(night: Night, version: str | None = None) -> Attempt | None:
    """The attempt behind `version` (default: the night's version in force), whatever is left of it, or None when none is known.

    A version's manifest names its attempt; where the version itself was let go, the attempt knows what it was published
    as.
    """
    wanted = version or night.version()
    if wanted is None:
        return None
    digest = attempt_of_version(night.home, night.authority, wanted)
    if digest is None:
        for path in (night.folder / "attempts").glob("*/published.json"):
            told = read_told_or_none(path, {"attempt": str, "version": str}) or {}
            digest = told["attempt"] if built(told.get("version", "")) == built(wanted) else digest
    return Attempt(night, digest) if digest else None


def made_of(deployment: Deployment, authority: str, versions: Mapping[date, str]) -> dict[date, tuple[str, str]]:
    """Business date → the digests of the inputs, and of the data alone, that the night's version in force was built from.

    The attempts' rows say so; of a run that was killed before it could note its version, the attempt's own inputs do.
    """
    made, told = db.attempt.c, (db.attempt.c.version, db.attempt.c.digest, db.attempt.c.data_digest)
    query = select(*told).where(made.authority == authority, made.version.is_not(None)).order_by(made.attempt_id)
    with deployment.engine.connect() as connection:
        noted = {row.version: (row.digest, row.data_digest) for row in connection.execute(query)}
    found = {}
    for day, version in versions.items():
        if built(version) in noted:
            found[day] = noted[built(version)]
        elif attempt := attempt_in_force(Night(deployment, authority, day), version):
            found[day] = (attempt.digest, attempt.inputs.data_digest)
    return found


def latest_matched(deployment: Deployment, authority: str, business_date: date | None = None) -> Attempt:
    """The attempt whose pairs a reviewer sees: of the given night, else of the latest one in force, else of the last run.

    Raises:
        IsindexError: NIGHT_UNKNOWN when nothing was matched then.
    """
    newest = max(versions_in_force(deployment.home, authority), default=None)
    tried = sorted(last_attempts(deployment.engine, authority), reverse=True)
    for day in [business_date] if business_date else [*([newest] if newest else []), *tried]:
        night = Night(deployment, authority, day)
        found = attempt_in_force(night) or (Attempt.last(night) if day in tried else None)
        if found and (found.folder / "matching" / "links.parquet").is_file():
            return found
    raise IsindexError(
        "NIGHT_UNKNOWN",
        "no night of this authority was matched then",
        where=f"{authority} {business_date or ''}".strip(),
        remedy="`isindex status` says which nights are published.",
    )


def begin(night: Night, inputs: Inputs, *, started_by: str, asked: str = "") -> Attempt:
    """Freeze `inputs`: write them down and note that an attempt with them is going on.

    `asked` is why the plan wants the night; without it (a launch in the UI) the inputs are held against the last ones.
    """
    attempt = Attempt(night, inputs.digest)
    before = last_attempts(night.engine, night.authority, [night.business_date]).get(night.business_date)
    why = [asked] if asked else _why(night, inputs, before)
    write_json(inputs.as_json(), attempt.folder / "inputs.json")
    row = {
        "authority": night.authority, "business_date": night.business_date, "digest": inputs.digest,
        "data_digest": inputs.data_digest, "state": "running", "stage": "", "code": "", "version": None, "why": why,
        "reasons": [], "gates": [], "figures": {}, "started_by": started_by, "started_at": _now(), "finished_at": None,
    }  # fmt: skip
    with night.engine.begin() as connection:
        number = connection.execute(insert(db.attempt).values(row).returning(db.attempt.c.attempt_id)).scalar_one()
    write_json({"digest": inputs.digest, "number": number}, night.folder / "attempt.json")
    return Attempt(night, inputs.digest, number)


def end(
    attempt: Attempt,
    state: str,
    *,
    version: str | None = None,
    reasons: Sequence[str] = (),
    gates: Sequence[Mapping[str, Any]] = (),
    figures: Mapping[str, Any],
) -> None:
    """Note how an attempt ended: published as `version`, or held for `reasons`. Its pages are still to be written (`reported`)."""
    told = {
        "state": state, "version": version, "reasons": list(reasons), "gates": [dict(gate) for gate in gates],
        "figures": dict(figures), "stage": PAGES, "code": "", "finished_at": _now(),
    }  # fmt: skip
    with attempt.night.engine.begin() as connection:
        connection.execute(update(db.attempt).where(db.attempt.c.attempt_id == attempt.number).values(**told))


def reported(attempt: Attempt) -> None:
    """Note that the pages of an attempt that has ended are written."""
    this = (db.attempt.c.attempt_id == attempt.number, db.attempt.c.stage == PAGES)
    with attempt.night.engine.begin() as connection:
        connection.execute(update(db.attempt).where(*this).values(stage=""))


def fail(
    night: Night, stage: str, error: IsindexError, *, started_by: str, would_be: Callable[[], str] = lambda: ""
) -> None:
    """Note that a run of the night failed in `stage`; also when it failed before its inputs were frozen.

    `would_be` gives the digest of the data that it would have been built from then; it is asked for in that case alone.
    """
    told = {
        "state": "failed", "stage": stage, "code": error.code, "reasons": [f"{stage}: {error}"], "finished_at": _now(),
    }  # fmt: skip
    with night.engine.begin() as connection:
        going = connection.scalar(_running(night))
        if going is not None:
            connection.execute(update(db.attempt).where(db.attempt.c.attempt_id == going).values(**told))
            return
    row = {
        "authority": night.authority, "business_date": night.business_date, "digest": "", "data_digest": would_be(),
        "version": None, "why": [], "gates": [], "figures": {}, "started_by": started_by, "started_at": _now(),
    }  # fmt: skip
    with night.engine.begin() as connection:
        connection.execute(insert(db.attempt).values(**row, **told))


def break_off(night: Night) -> bool:
    """Note that the night's last attempt has failed if it is still said to go on; whether it was. The caller holds the lock: nobody goes on with it."""
    told = {"state": "failed", "code": _BROKEN_OFF, "reasons": ["It was interrupted."], "finished_at": _now()}
    with night.engine.begin() as connection:
        going = connection.scalar(_running(night))
        if going is not None:
            connection.execute(update(db.attempt).where(db.attempt.c.attempt_id == going).values(**told))
    return going is not None


def forget_unfinished(night: Night) -> None:
    """Forget that attempts at a night failed or were broken off of which nothing is to be built: its deliveries are taken in by now."""
    made = db.attempt.c
    here = (made.authority == night.authority, made.business_date == night.business_date)
    with night.engine.begin() as connection:
        connection.execute(delete(db.attempt).where(*here, made.state.in_(["failed", "running"])))


def last_attempts(engine: Engine, authority: str, nights: Sequence[date] | None = None) -> dict[date, AttemptRow]:
    """Business date → the attempt that was made last, of one authority."""
    newest = select(func.max(db.attempt.c.attempt_id)).where(db.attempt.c.authority == authority)
    if nights is not None:
        newest = newest.where(db.attempt.c.business_date.in_(list(nights)))
    query = select(db.attempt).where(db.attempt.c.attempt_id.in_(newest.group_by(db.attempt.c.business_date)))
    with engine.connect() as connection:
        return {row["business_date"]: AttemptRow(**row) for row in connection.execute(query).mappings()}


def attempts_not_published(night: Night) -> list[Attempt]:
    """Every attempt at an authority's nights that was held or failed after its inputs were frozen; those of nights let go are not among them."""
    return _attempts_at(night, "held", "failed")


def attempts_published(night: Night) -> list[Attempt]:
    """Every attempt at an authority's nights that was published, also those that another has replaced; as with `attempts_not_published`."""
    return _attempts_at(night, "published")


def _attempts_at(night: Night, *states: str) -> list[Attempt]:
    """The attempts at an authority's nights that have ended so, in the order in which they were begun."""
    of_it = (db.attempt.c.authority == night.authority, db.attempt.c.state.in_(states), db.attempt.c.digest != "")
    query = select(db.attempt.c.business_date, db.attempt.c.digest, db.attempt.c.attempt_id).where(*of_it)
    with night.engine.connect() as connection:
        rows = connection.execute(query.order_by(db.attempt.c.attempt_id)).all()
    return [Attempt(night.on(day), digest, number) for day, digest, number in rows]


def show_in_force(attempt: Attempt, manifest: Mapping[str, Any]) -> None:
    """Keep the manifest of what `attempt` was published as, and let the night's folder show its tables by links."""
    write_json(dict(manifest), attempt.folder / "published.json")
    for entry in sorted(attempt.folder.iterdir()):
        link = attempt.night.folder / entry.name
        target = os.path.relpath(entry, attempt.night.folder)
        if link.is_symlink() and link.readlink() == Path(target):
            continue
        if link.is_dir() and not link.is_symlink():  # left by something that is not ours: a link cannot take its place
            shutil.rmtree(link)
        making = link.with_name(f".{entry.name}.part")
        making.unlink(missing_ok=True)
        making.symlink_to(target)
        making.replace(link)


def _why(night: Night, inputs: Inputs, before: AttemptRow | None) -> list[str]:
    """Why a night is run of which nobody has said why."""
    known = _inputs_of(night, before)
    if known or before is None:
        return why_differs(inputs, known) or _again(before)
    return _again(before) if before.digest in ("", inputs.digest) else [UNTOLD]


def _inputs_of(night: Night, before: AttemptRow | None) -> Inputs | None:
    return Attempt(night, before.digest).inputs_or_none if before and before.digest else None


def _running(night: Night) -> Select[tuple[int]]:
    """The night's last attempt, if it is still going on."""
    newest = select(func.max(db.attempt.c.attempt_id)).where(
        db.attempt.c.authority == night.authority, db.attempt.c.business_date == night.business_date
    )
    return select(db.attempt.c.attempt_id).where(
        db.attempt.c.attempt_id == newest.scalar_subquery(), db.attempt.c.state == "running"
    )


def _again(before: AttemptRow | None) -> list[str]:
    """Why a night with the same inputs is run once more."""
    if before is None:
        return ["It has not been run yet."]
    if before.code == _BROKEN_OFF:
        return [_INTERRUPTED]
    if before.state == "failed":
        return [f"The last attempt failed in {before.stage or 'its first step'} ({before.code})."]
    if before.state == "running":
        return [_INTERRUPTED]
    if before.stage == PAGES:
        return ["The last attempt was interrupted before its pages were written."]
    return ["Somebody asked for it: its inputs are the same as before."]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
