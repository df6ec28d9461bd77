"""Which nights need to be run, and why: decided from what is recorded, never from a clock or a file's age.

Belongs here: comparing the inputs each night would have now with those of its last attempt. A night is outstanding when

- a delivery lies in the landing place that is not decided yet, or one came for the night and it was never run, or
- its data has changed since the last attempt: a delivery in force, a decision, the version it builds on; or
- it is the latest night, or later than the one in force, and its means have changed: model, contracts, rules, program; or
- its last attempt failed or was interrupted (`again`): a load or the schedule asks once more, the arrival sensor does not.

Of a night before the first that is published, up to which no feed that is to be loaded has delivered, nothing is built
(`nothing_to_build`): its deliveries are taken in, and it is not outstanding after that.

A night that is held rests until one of these holds. So whatever interrupted, corrected or overtook a night is found in
one and the same way, and a night that is up to date costs nothing.

A night builds on the last night before it that is *sound*: its version in force was built from what it would be built
from now. One that was corrected since, and whose new attempt failed, is held or has not been made yet, stays in force and
is passed over as a base: what came for it is taken in by the nights after it, so nothing is lost while it waits.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from sqlalchemy import func, or_, select

from pipelines.contracts import fingerprints
from pipelines.database import schema as db
from pipelines.deliveries import IN_FORCE, FoundDelivery
from pipelines.deliveries.standing import nights_of_nobody_admitted
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights.attempts import (
    PAGES,
    UNTOLD,
    Attempt,
    AttemptRow,
    attempt_in_force,
    last_attempts,
    made_of,
)
from pipelines.nights.claims import outside
from pipelines.nights.inputs import FORMAT, Asking, Base, Decided, Delivered, Inputs, another_of, why_differs, wish_of
from pipelines.nights.night import Night
from pipelines.nights.reach import authorities_of
from pipelines.nights.reorganised import founded_on, reorganisations
from pipelines.publishing.index_database import told_beyond
from pipelines.publishing.manifests import pointer_damaged
from pipelines.publishing.versions import built, is_less, versions_in_force
from pipelines.tables import read_as_or_none

# of decisions that a night is built from
_KINDS = ("same", "not_the_same", "firewall", "override", "shield", "confirm")
__all__ = [
    "NOT_BUILT",
    "PlannedNight",
    "inputs_now",
    "known_nights",
    "nothing_to_build",
    "openings",
    "outstanding",
    "sound_nights",
]

NOT_BUILT = "not built"
"""What becomes of a night of which there is nothing to build (`nothing_to_build`)."""


@dataclass(frozen=True)
class PlannedNight:
    """A night to run.

    Attributes:
        authority: 3-digit code.
        business_date: the night.
        run_key: changes with what is to be built, and with what was built last: a way back is another run. An attempt that
            failed changes nothing in it.
        arrived: deliveries that are to be taken in first.
        why: why it is run, a sentence each.
        again: nothing has changed since its last attempt, which failed or was interrupted, or a person asked.
    """

    authority: str
    business_date: date
    run_key: str
    arrived: int
    why: tuple[str, ...]
    again: bool = False


def outstanding(
    deployment: Deployment,
    arrived: Iterable[FoundDelivery],
    *,
    authorities: Collection[str] | None = None,
    due: date | None = None,
    asked: Callable[[str, date], bool] | None = None,
) -> list[PlannedNight]:
    """Nights that need a run now, by business date and authority.

    What a run changes for later nights is not foretold: ask again after each run. Where it cannot be read what is in force for
    an authority, its latest night is planned, and those that anything came for: their runs fail and say why, and the other
    authorities go on.

    Args:
        deployment: where.
        arrived: undecided deliveries (`pipelines.deliveries.look`).
        authorities: only these.
        due: a business date that has ended: every authority that ever delivered has a night of it, whatever came.
        asked: whether a person wants a night (authority, business date) to be run although nothing has changed.
    """
    waiting: dict[str, dict[date, list[FoundDelivery]]] = defaultdict(lambda: defaultdict(list))
    for found in arrived:
        waiting[found.authority][found.business_date].append(found)
    planned = []
    over = {each.predecessor for each in reorganisations(deployment.engine)}  # of these only what arrives is looked at
    for authority in sorted({*authorities_of(deployment)} - over | {*waiting}):
        if authorities is None or authority in authorities:
            try:
                planned += _of_authority(deployment, authority, waiting[authority], due, asked)
            except IsindexError as fault:
                if fault.code != "STORE_DAMAGED":
                    raise
                planned += _unreadable(deployment, authority, waiting[authority], fault)
    return sorted(planned, key=lambda each: (each.business_date, each.authority))


def inputs_now(night: Night) -> Inputs:
    """The inputs that the night would be built from now."""
    return _Known.read(night.deployment, night.authority).inputs(night.business_date)


def nothing_to_build(night: Night) -> bool:
    """Whether nothing is built of a night, for nothing was published of its authority by then and no delivery of a feed that is to be loaded had come.

    What asks to be protected meanwhile is an input of the first night that is built.
    """
    if min(versions_in_force(night.home, night.authority), default=date.max) <= night.business_date:
        return False
    return bool(nights_of_nobody_admitted(night.engine, {(night.authority, night.business_date)}))


def openings(night: Night) -> tuple[Decided, ...]:
    """All decisions of two people to open a child that stand, also those that take effect with a later night."""
    known = _Known.read(night.deployment, night.authority)
    return tuple(decided for decided, _, _ in known.decisions if decided.kind == "confirm")


def known_nights(deployment: Deployment, authority: str) -> set[date]:
    """The nights of an authority that anything came for, were it refused, or that were run."""
    delivery = db.delivery.c
    with deployment.engine.connect() as connection:
        came = connection.scalars(
            select(delivery.business_date).where(delivery.authority == authority).distinct()
        ).all()
    return {*came, *last_attempts(deployment.engine, authority)}


def sound_nights(deployment: Deployment, authority: str) -> list[date]:
    """The nights in force that others may build on, in order: nothing has come for them since that they do not have."""
    return _Known.read(deployment, authority).sound


def _of_authority(
    deployment: Deployment,
    authority: str,
    waiting: Mapping[date, Sequence[FoundDelivery]],
    due: date | None,
    asked: Callable[[str, date], bool] | None,
) -> list[PlannedNight]:
    known = _Known.read(deployment, authority)
    attempts = last_attempts(deployment.engine, authority)
    ended = _last_ended(deployment, authority)
    retired = {day for day, row in attempts.items() if row.state == "retired"}
    days = {*attempts, *waiting, *known.received, *([due] if due else [])} - retired
    newest = max(known.versions, default=date.min)
    beyond = [day for day in told_beyond(deployment.engine, authority, known.versions) if day in attempts]
    first = min(known.versions, default=date.max)
    idle = nights_of_nobody_admitted(deployment.engine, {(authority, day) for day in days if day < first})
    days = {day for day in days if day in waiting or (authority, day) not in idle or _is_amiss(attempts.get(day))}
    planned = []
    for day in sorted(day for day in days if known.ground is None or day > known.ground):  # what was let go is history
        now, last = known.inputs(day), attempts.get(day)
        why, again = _why(
            Night(deployment, authority, day), now, last, day >= newest, bool(asked and asked(authority, day))
        )
        new = waiting.get(day, [])
        if not why and last and last.state == "published" and built(known.versions.get(day, "")) != last.version:
            why = ["What was published last is not in force."]  # a pointer that was put back, by hand or from a backup
        if not why and day == newest and any(attempts[each].state != "published" for each in beyond):
            why = ["The index database tells of a night that is not in force."]  # likewise: of one that is held by now
        if new:
            told = f"Arrived: {', '.join(sorted({found.agency for found in new}))}."
            why = [told, *(why if last else [])]
        if why:
            content = f"{sorted(found.manifest_sha256 for found in new)} {now.digest} {ended.get(day)}"
            key = hashlib.sha256(content.encode()).hexdigest()[:16]
            planned.append(
                PlannedNight(
                    authority, day, f"{authority}/{day.isoformat()}/{key}", len(new), tuple(why), again and not new
                )
            )
    return planned


def _is_amiss(last: AttemptRow | None) -> bool:
    return last is not None and last.state in ("failed", "running")


def _unreadable(
    deployment: Deployment, authority: str, waiting: Mapping[date, Sequence[FoundDelivery]], fault: IsindexError
) -> list[PlannedNight]:
    """The nights of an authority of which a file is damaged that says what is in force; when that is mended they are run again."""
    attempts = last_attempts(deployment.engine, authority)
    latest = max((day for day, row in attempts.items() if row.state != "retired"), default=None)
    planned = []
    for day in sorted({*waiting, *([latest] if latest else [])}):
        new = waiting.get(day, [])
        told = f"{fault.code} {sorted(found.manifest_sha256 for found in new)}"
        key = hashlib.sha256(told.encode()).hexdigest()[:16]
        why = (f"What is in force cannot be read ({fault.code}).",)
        planned.append(
            PlannedNight(authority, day, f"{authority}/{day.isoformat()}/{key}", len(new), why, again=not new)
        )
    return planned


def _why(night: Night, now: Inputs, last: AttemptRow | None, latest: bool, asked: bool) -> tuple[list[str], bool]:
    """Why the night is outstanding (empty: it is not), and whether nothing has changed all the same."""
    if last is None:
        return why_differs(now, None), False
    frozen = bool(last.digest)  # else it failed before that, and the data that it would have been built from is noted
    changed = _differ(night, now, last) if latest and frozen else last.data_digest != now.data_digest
    if changed and last.data_digest:
        return _what_changed(night, now, last) or [UNTOLD], False
    if last.state == "failed":
        return [f"The last attempt failed in {last.stage or 'its first step'} ({last.code})."], True
    if last.state == "running":
        return ["The last attempt was interrupted."], True
    if last.stage == PAGES and last.state != "failed":
        return ["The last attempt was interrupted before its pages were written."], True
    return (["Somebody asked for it."], True) if asked else ([], False)


def _differ(night: Night, now: Inputs, last: AttemptRow) -> bool:
    """Whether the night would be built from anything else than it was last, but for what it carries on: that is no reason."""
    if last.digest == now.digest:
        return False
    before = Attempt(night, last.digest).inputs_or_none
    return before is None or replace(now, carried=before.carried).digest != last.digest


def _what_changed(night: Night, now: Inputs, last: AttemptRow) -> list[str]:
    """Held against what the last attempt was built from; where that failed before it was frozen, what is in force."""
    attempt = Attempt(night, last.digest) if last.digest else attempt_in_force(night)
    if attempt is None:
        return why_differs(now, None)
    before = attempt.inputs_or_none
    return why_differs(now, before) if before else []


def _published_last(deployment: Deployment, authority: str) -> dict[date, tuple[str, str]]:
    """Business date → the version of it that was published last and whose tables are there, and the digest of its inputs: the pointer to
    what is in force may have been put back.
    """
    made = db.attempt.c
    query = (
        select(made.business_date, made.version, made.digest)
        .where(made.authority == authority, made.state == "published", made.version.is_not(None))
        .order_by(made.attempt_id)
    )
    with deployment.engine.connect() as connection:
        last = {day: (str(version), str(digest)) for day, version, digest in connection.execute(query)}
    return {day: told for day, told in last.items() if deployment.home.attempt(authority, day, told[1]).is_dir()}


def _last_ended(deployment: Deployment, authority: str) -> dict[date, int]:
    """Business date → the number of the last attempt that came to its end: published or held."""
    query = (
        select(db.attempt.c.business_date, func.max(db.attempt.c.attempt_id))
        .where(db.attempt.c.authority == authority, db.attempt.c.state.in_(["published", "held"]))
        .group_by(db.attempt.c.business_date)
    )
    with deployment.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


@dataclass(frozen=True)
class _Known:
    """What the inputs of an authority's nights are made of, read at one moment."""

    authority: str
    home: Home
    versions: Mapping[date, str]
    made_of: Mapping[
        date, tuple[str, str]
    ]  # the digests of the inputs, and of their data, that each night's version in force was built from
    last: Mapping[
        date, tuple[str, str]
    ]  # each night's version in force, or what was published last, and the digest of its inputs
    ground: date | None  # the last night that cannot be run again: it is a base whatever came for it since
    received: frozenset[date]  # the nights that anything came for, were it refused
    deliveries: tuple[Delivered, ...]  # in force, in the order in which they are applied
    decisions: tuple[tuple[Decided, date | None, date | None], ...]  # with the nights from which and until which
    means: Mapping[str, str]
    asking: tuple[Asking, ...]  # deliveries with records that ask to be protected
    tried: Mapping[date, str]  # the digest of each night's last attempt
    founded: str  # what the authority inherited from those that it took over

    @classmethod
    def read(cls, deployment: Deployment, authority: str) -> _Known:
        """All of it.

        Raises:
            IsindexError: STORE_DAMAGED when it cannot be read what is in force, or that knows nothing of the night on which
                all that can still be run builds.
        """
        delivery, decision = db.delivery.c, db.decision.c
        with deployment.engine.connect() as connection:
            came = connection.execute(
                select(
                    delivery.delivery_id, delivery.agency, delivery.business_date, delivery.sequence,
                    delivery.content_sha256,
                )
                .where(delivery.authority == authority, delivery.state.in_(sorted(IN_FORCE)))
                .order_by(delivery.business_date, delivery.agency, delivery.sequence, delivery.delivery_id)
            ).all()  # fmt: skip
            received = connection.scalars(
                select(delivery.business_date).where(delivery.authority == authority).distinct()
            ).all()
            decided = connection.execute(
                select(db.decision)
                .where(
                    decision.authority == authority,
                    decision.kind.in_(_KINDS),
                    or_(
                        decision.until_night.is_(None),
                        decision.from_night.is_(None),
                        decision.from_night < decision.until_night,
                    ),
                )
                .order_by(decision.decision_id)
            ).all()
            asked = db.protection_request.c
            asking = connection.execute(
                select(asked.delivery_id, asked.agency, asked.business_date, asked.content_sha256, asked.told)
                .where(asked.authority == authority)
                .order_by(asked.business_date, asked.delivery_id)
            ).all()
            ground = connection.scalar(
                select(func.max(db.attempt.c.business_date)).where(
                    db.attempt.c.authority == authority, db.attempt.c.state == "retired"
                )
            )
            founded = founded_on(connection, authority)
        versions = versions_in_force(deployment.home, authority)
        if (
            ground is not None
            and attempt_in_force(Night(deployment, authority, ground), versions.get(ground, "-")) is None
        ):
            raise pointer_damaged(deployment.home.snapshots(authority))
        made = made_of(deployment, authority, versions)
        return cls(
            authority,
            deployment.home,
            versions,
            made,
            _published_last(deployment, authority)
            | {day: (versions[day], digest) for day, (digest, _) in made.items()},
            ground,
            frozenset(received),
            tuple(Delivered(*row[:3], row[3] or 0, row[4] or "") for row in came),
            tuple(
                (
                    Decided(
                        row.decision_id,
                        row.kind,
                        row.record_a,
                        row.record_b,
                        row.subject,
                        row.reason,
                        row.decided_at,
                        row.from_night if row.kind == "confirm" else None,
                        row.told or 0,
                        None if row.known_by is None else tuple(row.known_by),
                    ),
                    row.from_night,
                    row.until_night,
                )
                for row in decided
            ),
            _means(deployment, authority),
            tuple(Asking(*row) for row in asking),
            {day: row.digest for day, row in last_attempts(deployment.engine, authority).items()},
            founded,
        )

    def inputs(self, day: date) -> Inputs:
        """The inputs of one night, as things are."""
        return self._carrying(self._inputs(day, max((night for night in self.sound if night < day), default=None)))

    @cached_property
    def sound(self) -> list[date]:
        """The nights that others may build on, in order."""
        sound: list[date] = []
        for day in sorted(self.versions):
            settled = self.ground is not None and day <= self.ground
            if (
                settled
                or self._inputs(day, sound[-1] if sound else None).data_digest == self.made_of.get(day, ("", ""))[1]
            ):
                sound.append(day)
        return sound

    def _inputs(self, day: date, earlier: date | None) -> Inputs:
        """The inputs of a night that builds on the night `earlier`."""
        since = earlier or date.min
        return Inputs(
            self.authority,
            day,
            Base(earlier, built(self.versions[earlier])) if earlier else None,
            tuple(each for each in self.deliveries if since < each.business_date <= day),
            tuple(
                decided
                for decided, first, until in self.decisions
                if (first is None or first <= day) and (until is None or day < until)
            ),
            self.means,
            tuple(
                each for each in self.asking if since < each.business_date <= day and not self._found_itself(each, day)
            ),
            founded="" if earlier else self.founded,
        )

    def _carrying(self, now: Inputs) -> Inputs:
        """The inputs with what the night carries on besides its base: the versions of nights since that, and its own, if it comes otherwise; and that
        of the base, if that was made less since it was built: it hides more than its tables know.

        One that would be built as its version was carries on what that did: it is up to date. So does one that was tried last with as much.
        """
        since, day = now.base.business_date if now.base else date.min, now.business_date
        past = tuple(
            Base(each, built(self.last[each][0]))
            for each in sorted(self.last)
            if since < each < day or (each == since and each in self.versions and is_less(self.versions[each]))
        )
        now = replace(now, carried=past)
        version, digest = self.last.get(day, ("", ""))
        own = (Base(day, built(version)),) if version else ()
        tried = self._carrying_as(now, self.tried.get(day, ""))
        if tried is not None and {*past, *own} <= {*tried.carried}:
            return tried
        return self._carrying_as(now, digest) or replace(now, carried=(*past, *own))

    def _carrying_as(self, now: Inputs, digest: str) -> Inputs | None:
        """The inputs with what an attempt at this night carries on, if they are its inputs then; "" is none."""
        if not digest:
            return None
        if now.digest == digest:
            return now
        before = read_as_or_none(
            self.home.attempt(self.authority, now.business_date, digest) / "inputs.json", Inputs.from_json
        )
        likewise = replace(now, carried=before.carried) if before else None
        return likewise if likewise and likewise.digest == digest else None

    def _found_itself(self, asking: Asking, day: date) -> bool:
        """Whether it was the night's last attempt that found who asks: no reason to make another one."""
        mine, name = wish_of(self.tried.get(day) or "-"), asking.delivery_id.rpartition("/")[2]
        return asking.business_date == day and (name == mine or name.startswith(another_of(mine, "")))


def _means(deployment: Deployment, authority: str) -> dict[str, str]:
    # imported here: the matcher takes a second, and a code location must be there at once
    from pipelines.matching import load_model

    model = load_model(deployment.settings.model)
    return {
        "model": f"{model.name} {model.fingerprint}",
        "code": str(FORMAT),
        **fingerprints(),
        **outside(deployment, authority),
    }
