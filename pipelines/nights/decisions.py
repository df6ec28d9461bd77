"""What people decide of an authority: that two records are the same child, are not, or must never be linked; that a gate may
pass a night.

Belongs here: writing a decision, taking it back, listing. A decision is an input of the night: it counts from the night
that was in force when it was made (`from_night`), and the next load brings that night up to date. Nights before stay as
they were, but for whom a decision hides: that one is hidden in them too. One that is taken back counts no more from the night in force then (`until_night`). A decision on a pair belongs
to the two source records, not to the identities they happen to be in, and stands above every score. A firewall belongs to
the two records and whatever is linked with either; to take it away takes two people: one proposes it (``unwall``), another confirms
it. An override belongs to one gate of one night. What a decision settles is
its *matter*: the database takes one that stands on a matter and no second, were both made at the same moment. Nothing is
ever deleted: what takes a decision back is written down with who, why and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from pipelines.audit import append, writing
from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry, Register
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import attempt_in_force, last_attempts, latest_matched
from pipelines.nights.follow import newest_in_force
from pipelines.nights.night import Night
from pipelines.nights.outgrown import pair_known_by
from pipelines.nights.reach import refuse_retired
from pipelines.nights.references import record_keys_of, reference_of
from pipelines.nights.requests import count_flood, keep_taken_back, told_so_far
from pipelines.nights.unmet import unmet_told
from pipelines.nights.walls import stand_across
from pipelines.protection.shielding import wish_in
from pipelines.publishing.gates import OVERRIDABLE
from pipelines.publishing.versions import built, folder_of, versions_in_force
from pipelines.reporting.commands import decide_command
from pipelines.reporting.second_person import PROPOSALS, confirmations, waiting_proposals
from pipelines.seams import grown
from pipelines.seams.protection import ENTRIES
from pipelines.tables import read_table

__all__ = [
    "KINDS",
    "Decision",
    "contradicts",
    "decide",
    "end_decision",
    "every_decision",
    "hold",
    "matter_of",
    "night_in_force",
    "override",
    "proposed_already",
    "require_reason",
    "take_back",
    "told_by_now",
    "versions_on_hold",
    "waive",
    "write_down",
]

KINDS = ("same", "not_the_same", "firewall", "override", "hold", "shield", "unshield", "unwall", "confirm")
_HIDES = (
    "`isindex decide shield` hides the child from `isindex child` and `isindex explain` at once, from everything else with the load "
    "after it."
)
_ACTOR, _REASON = 200, 2000  # characters that each may have at most
_ON_PAIRS = ("same", "not_the_same", "firewall")


@dataclass(frozen=True)
class Decision:
    """One decision. Records are told by their opaque references, as in the review list.

    `subject` is the gate of an override, the version that is on hold, the proposal that is confirmed, or the firewall that is to go;
    `night` the night of an override. `account` is the user of the machine under whom it was decided, and `came_of_it` what a night
    says of it that it took effect in. Of a proposal `confirmed_by` is the decision that confirmed it, and `waits` says that it waits
    for a second person. These four are told in the list of all alone.
    """

    number: int
    kind: str
    record_a: str | None
    record_b: str | None
    subject: str | None
    night: date | None
    actor: str
    reason: str
    decided_at: str
    undone_at: str | None = None
    account: str | None = None
    came_of_it: str = ""
    confirmed_by: int | None = None
    waits: bool = False


def every_decision(deployment: Deployment, authority: str) -> list[Decision]:
    """All decisions of an authority, the latest first, those that were taken back too."""
    entry, tried = db.audit_entry.c, db.attempt.c
    with deployment.engine.connect() as connection:
        rows = connection.execute(
            select(db.decision).where(db.decision.c.authority == authority).order_by(db.decision.c.decision_id.desc())
        ).all()
        audited = connection.execute(
            select(entry.action, entry.subject, entry.account)
            .where(entry.authority == authority, entry.action.startswith("decide "))
            .order_by(entry.number.desc())
        ).all()
        published = connection.execute(
            select(tried.business_date, tried.figures)
            .where(tried.authority == authority, tried.version.is_not(None))
            .order_by(tried.attempt_id)
        ).all()
    confirmed = confirmations(deployment.engine, [authority])
    waiting = {each.number for each in waiting_proposals(deployment.engine, [authority])}
    accounts = {(each.action, " ".join((each.subject or "").split()[:2])): each.account for each in audited}
    unmet = {
        each["decision"]: unmet_told(each, authority) for told in published for each in told.figures.get("unmet", ())
    }
    nights = sorted({told.business_date for told in published})
    return [
        replace(
            _told(row),
            account=accounts.get((f"decide {row.kind}", f"decision {row.decision_id}")),
            came_of_it=unmet.get(row.decision_id) or _took_effect(row, nights),
            confirmed_by=confirmed.get(row.decision_id) if row.kind in PROPOSALS else None,
            waits=row.decision_id in waiting,
        )
        for row in rows
    ]


def _took_effect(row: Row[Any], nights: Sequence[date]) -> str:
    """With which of the `nights` that were published a confirmed opening took effect, in words; "" for all else, and before it has."""
    if row.kind != "confirm" or row.record_a is None or row.undone_at is not None or row.from_night is None:
        return ""
    night = next((night for night in nights if night >= row.from_night), None)
    return f"Took effect with the night of {night.isoformat()}." if night else ""


def decide(
    deployment: Deployment,
    authority: str,
    kind: str,
    record_a: str,
    record_b: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> Decision:
    """Write a decision on two records of the authority's latest night.

    Args:
        deployment: where.
        authority: 3-digit code.
        kind: ``same``, ``not_the_same`` or ``firewall``. ``same`` of two records on the two sides of a firewall is a proposal
            (``unwall``) until another person confirms it.
        record_a: a record, by its key, by the reference that the review list shows, or by the index id of its child; but for a
            firewall, that of a child with one record only.
        record_b: another.
        actor: who decides.
        reason: why.
        at: now.

    Raises:
        IsindexError: DECISION_INCOMPLETE without actor or reason; NIGHT_UNKNOWN when nothing was matched yet;
            RECORD_UNKNOWN, RECORD_AMBIGUOUS, INDEX_ID_INVALID, INDEX_ID_UNKNOWN; DECISION_ON_ONE_RECORD when both are the same record; DECISION_CONTRADICTS
            when a decision about the same two records stands, or a firewall stands between the children they belong to.
    """
    require_reason(actor, reason)
    folder = latest_matched(deployment, authority).folder
    first, second = sorted(record_keys_of(folder, (record_a, record_b), alone=kind != "firewall"))
    if first == second:
        raise IsindexError("DECISION_ON_ONE_RECORD", "both are one record.", remedy="Name two records.")
    now = at.isoformat(timespec="seconds")
    begins = night_in_force(deployment, authority)
    if kind == "not_the_same" and begins and _is_shielded(Night(deployment, authority, begins), (first, second)):
        begins += timedelta(days=1)  # one person's word opens nobody who is shielded: by then it is latched
    row: dict[str, object] = {"kind": kind, "record_a": first, "record_b": second, "from_night": begins}
    if kind == "not_the_same":  # whom the records name later was not known when it was decided
        row["known_by"] = pair_known_by(folder, (first, second))
    with writing(deployment) as connection:
        if standing := _standing(connection, authority, matter_of(row)):
            raise standing
        if kind == "same" and stand_across(folder, (first, second)):
            told = told_by_now(connection, deployment, authority)
            row = {"kind": "unwall", "record_a": first, "record_b": second, "told": told}
        if kind == "firewall":
            row |= {"told": told_by_now(connection, deployment, authority)}
        return write_down(connection, authority, row, actor, reason, now)


def override(
    deployment: Deployment, authority: str, business_date: date, gate: str, *, actor: str, reason: str, at: datetime
) -> Decision:
    """Let one gate pass one night of one authority, whatever it finds; the reason is published with the gate.

    Raises:
        IsindexError: DECISION_INCOMPLETE; GATE_UNKNOWN when the gate is none of `OVERRIDABLE`; NIGHT_UNKNOWN when the
            night was never run; NIGHT_RETIRED when it was let go; DECISION_CONTRADICTS when it may pass that night already.
    """
    require_reason(actor, reason)
    if gate not in OVERRIDABLE:
        raise IsindexError(
            "GATE_UNKNOWN",
            "no gate of that name can be overridden",
            remedy=f"Only numbers that moved more than they should: {', '.join(sorted(OVERRIDABLE))}. Whatever another "
            "gate found has to be put right at its cause.",
        )
    refuse_retired(Night(deployment, authority, business_date))
    if business_date not in last_attempts(deployment.engine, authority, [business_date]):
        raise IsindexError(
            "NIGHT_UNKNOWN",
            "no such night of this authority was run",
            where=f"{authority} {business_date.isoformat()}",
            remedy="`isindex status` says which nights are published.",
        )
    row = {
        "kind": "override",
        "subject": gate,
        "from_night": business_date,
        "until_night": business_date + timedelta(1),
    }
    decision = db.decision.c
    earlier = select(decision.decision_id).where(  # one from before overrides had a matter has none
        decision.authority == authority, decision.kind == "override", decision.subject == gate,
        decision.from_night == business_date, decision.undone_at.is_(None),
    )  # fmt: skip
    with writing(deployment) as connection:
        if (number := connection.scalar(earlier)) is not None:
            raise contradicts(f"Decision {number} lets this gate pass this night already.")
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def hold(deployment: Deployment, authority: str, version: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Keep a published version, however old it gets, until the decision is taken back.

    Raises:
        IsindexError: DECISION_INCOMPLETE; VERSION_UNKNOWN when it is not in the home.
    """
    require_reason(actor, reason)
    if folder_of(deployment.home, authority, version) is None:
        raise IsindexError(
            "VERSION_UNKNOWN",
            "there is no such version",
            where=authority,
            remedy="`isindex status` names the current one.",
        )
    with writing(deployment) as connection:
        row = {"kind": "hold", "subject": built(version)}
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def versions_on_hold(deployment: Deployment, authority: str) -> frozenset[str]:
    """The versions of an authority that may not be pruned."""
    held = select(db.decision.c.subject).where(
        db.decision.c.authority == authority, db.decision.c.kind == "hold", db.decision.c.undone_at.is_(None)
    )
    with deployment.engine.connect() as connection:
        return frozenset(connection.scalars(held))


def take_back(
    deployment: Deployment, authority: str, number: int, *, actor: str, reason: str, at: datetime
) -> Decision:
    """Take a decision back, as if it had not been made; it stays on record. Of a firewall this is a proposal (``unwall``), which is
    given back: it stands until another person confirms it. A confirmation that took a firewall away is taken back at any time: it stands
    again by that, whether its records are there now or not.

    A shield leaves a wish of the child, whether a night was built with it or not: to open it takes two people.

    Raises:
        IsindexError: DECISION_INCOMPLETE without actor or reason; DECISION_UNKNOWN when no such decision is in force;
            DECISION_SETTLED when what two people did has taken effect, and taking it back would undo nothing.
    """
    require_reason(actor, reason)
    wanted = select(db.decision).where(db.decision.c.authority == authority, db.decision.c.decision_id == number)
    in_force = night_in_force(deployment, authority)
    with deployment.engine.connect() as connection:
        shield = connection.execute(
            wanted.where(db.decision.c.undone_at.is_(None), db.decision.c.kind == "shield")
        ).one_or_none()
    if shield is not None:  # first: whatever comes between, nobody is open
        matched = latest_matched(deployment, authority)
        night = Night(deployment, authority, in_force or matched.night.business_date)
        keep_taken_back(night, number, str(shield.record_a), matched.folder)
    with writing(deployment) as connection:
        found = connection.execute(wanted.where(db.decision.c.undone_at.is_(None))).one_or_none()
        if found is None:
            raise IsindexError(
                "DECISION_UNKNOWN",
                f"there is no decision {number} in force",
                where=authority,
                remedy="`isindex decide list` shows all decisions of an authority.",
            )
        _refuse_settled(connection, authority, found, in_force)
        if found.kind == "confirm" and found.record_a is None:
            told = told_by_now(connection, deployment, authority)
            return _walled_again(connection, found, actor, reason, at.isoformat(timespec="seconds"), in_force, told)
        if found.kind == "firewall":
            row = {
                "kind": "unwall", "record_a": found.record_a, "record_b": found.record_b, "subject": str(number),
                "told": told_by_now(connection, deployment, authority),
            }  # fmt: skip
            return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))
        until = found.from_night if found.kind == "override" else in_force
        end_decision(connection, authority, number, actor, reason, at.isoformat(timespec="seconds"), until)
        return _told(connection.execute(wanted).one())


def _walled_again(
    connection: Connection, confirmed: Row[Any], actor: str, reason: str, now: str, in_force: date | None, told: int
) -> Decision:
    """Let a firewall stand again that two people took away, by the confirmation: one that was decided is decided anew; of one that a feed
    has asked for it ends that its records were said to be one child.
    """
    authority, decision = confirmed.authority, db.decision.c
    end_decision(connection, authority, confirmed.decision_id, actor, reason, now, date.min)
    proposed = connection.execute(
        select(db.decision).where(decision.authority == authority, decision.decision_id == int(confirmed.subject))
    ).one()
    pair = {"record_a": proposed.record_a, "record_b": proposed.record_b}
    if proposed.subject is not None:
        row = {"kind": "firewall", **pair, "from_night": in_force, "told": told}
        return write_down(connection, authority, row, actor, reason, now)
    said = select(decision.decision_id).where(
        decision.authority == authority, decision.kind == "same", decision.undone_at.is_(None),
        *(decision[name] == key for name, key in pair.items()),
    )  # fmt: skip
    for number in connection.scalars(said).all():
        end_decision(connection, authority, number, actor, reason, now, in_force)
    return _told(connection.execute(select(db.decision).where(decision.decision_id == confirmed.decision_id)).one())


def _refuse_settled(connection: Connection, authority: str, found: Row[Any], in_force: date | None) -> None:
    """Say so, instead of writing down what would change nothing: a child is open, or a firewall gone, by two people's word."""
    decision = db.decision.c
    confirmed = select(decision.decision_id).where(
        decision.authority == authority, decision.kind == "confirm", decision.undone_at.is_(None),
        decision.subject == str(found.decision_id),
    )  # fmt: skip
    remedy = ""
    if found.kind in ("unshield", "unwall") and (number := connection.scalar(confirmed)) is not None:
        remedy = f"Take the confirmation back, decision {number}: the firewall stands again by that."
        if found.kind == "unshield":
            remedy = f"Take the confirmation back, while it has not taken effect. {_HIDES}"
    elif (
        found.kind == "confirm"
        and found.record_a is not None
        and in_force
        and found.from_night
        and found.from_night < in_force
    ):
        remedy = f"It has taken effect. {_HIDES}"
    if remedy:
        raise IsindexError(
            "DECISION_SETTLED",
            f"Decision {found.decision_id} was confirmed, and taking it back would undo nothing.",
            where=authority,
            remedy=remedy,
        )


def _is_shielded(night: Night, keys: Sequence[str]) -> bool:
    """Whether a child of one of these records is shielded in the night's version in force, as it was built or is shown by now; where its tables
    are gone, it may be.
    """
    attempt = attempt_in_force(night)
    if attempt is None:
        return True
    folder = attempt.folder / "identities"
    held = read_table(folder / "identities.parquet", ["record_key", "index_id"])
    theirs = held.filter(pc.is_in(held["record_key"], value_set=pa.array(keys, pa.string())))[
        "index_id"
    ].combine_chunks()
    seen = [read_table(folder / "visibility.parquet")]
    shown = night.home.snapshots(night.authority) / str(night.version()) / "children.parquet"
    if shown.is_file():
        seen.append(read_table(shown, ["index_id", "shielded"]))
    return any(pc.any(pc.and_(each["shielded"], pc.is_in(each["index_id"], value_set=theirs))).as_py() for each in seen)


def waive(
    deployment: Deployment, authority: str, agency: str, sequence: int, *, actor: str, reason: str, at: datetime
) -> list[DeliveryEntry]:
    """Wait no more for a delivery, or let a held one be used as it is: `Register.waive`, audited; those it lets go.

    What floods ask for that came under this number is heard from now on, whatever became of their deliveries.

    Raises:
        IsindexError: WAIVER_INCOMPLETE without actor or reason, or where one is too long.
    """
    _refuse_too_long("WAIVER_INCOMPLETE", actor, reason)
    came = Register(deployment.engine).known(authority, agency)
    with writing(deployment) as connection:
        register = Register(deployment.engine)
        freed = register.waive(authority, agency, sequence, actor=actor, reason=reason, at=at, within=connection)
        others = [each for each in came if each.sequence == sequence]
        for entry in {each.delivery_id: each for each in [*others, *freed]}.values():
            count_flood(connection, deployment.home, entry)
        append(
            connection, "waive", actor=actor, why=reason, at=at.isoformat(timespec="seconds"), authority=authority,
            subject=f"{agency} {sequence}",
        )  # fmt: skip
    return freed


def write_down(
    connection: Connection, authority: str, row: Mapping[str, object], actor: str, reason: str, now: str, note: str = ""
) -> Decision:
    """Write a decision and its entry in the audit; within the caller's transaction, which is `pipelines.audit.writing`.

    `note` is what the audit says besides of what it is about.

    Raises:
        IsindexError: DECISION_CONTRADICTS when one that stands has settled the same, were it written this very moment.
    """
    matter = matter_of(row)
    told = {"authority": authority, "actor": actor.strip(), "reason": reason.strip(), "decided_at": now, **row}
    told["matter"] = matter
    try:
        (number,) = connection.execute(insert(db.decision).values(told).returning(db.decision.c.decision_id)).one()
    except IntegrityError:
        with connection.engine.connect() as beside:  # the transaction is lost
            raise _standing(beside, authority, matter) or contradicts(
                "Another decision was made of the same."
            ) from None
    refs = [_shown(str(row[name])) for name in ("record_a", "record_b") if row.get(name)]
    about = " ".join(
        [f"decision {number}", *refs, *([str(row["subject"])] if row.get("subject") else []), *([note] if note else [])]
    )
    append(connection, f"decide {row['kind']}", actor=actor, why=reason, at=now, authority=authority, subject=about)
    return _told(connection.execute(select(db.decision).where(db.decision.c.decision_id == number)).one())


def matter_of(row: Mapping[str, object]) -> str | None:
    """What a decision settles, as a digest; None where others may stand beside it.

    The pair, whatever is said of it and in whichever order; whether the child of a record is hidden; a proposal; whether a gate may pass a night.
    """
    kind = row["kind"]
    if kind in _ON_PAIRS:
        parts = ["pair", *sorted((str(row["record_a"]), str(row["record_b"])))]
    elif kind in ("shield", "unshield"):
        parts = ["protection", str(row["record_a"])]
    elif kind == "confirm":
        parts = ["confirm", str(row["subject"])]
    elif kind == "unwall":
        parts = ["unwall", *sorted((str(row["record_a"]), str(row["record_b"])))]
    elif kind == "override":
        parts = ["override", str(row["subject"]), str(row["from_night"])]
    else:
        return None
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def contradicts(message: str) -> IsindexError:
    """The refusal of a decision that would stand beside the one that `message` names."""
    return IsindexError(
        "DECISION_CONTRADICTS",
        message,
        remedy="`isindex decide list` shows it; `isindex decide undo` takes it back.",
    )


def proposed_already(number: int, authority: str) -> IsindexError:
    """The refusal of a proposal that stands already: what is missing is the second person."""
    return IsindexError(
        "DECISION_CONTRADICTS",
        f"Decision {number} proposes the same.",
        remedy=f"Another person than who proposed it confirms it: `{decide_command('confirm', number, authority=authority)}`.",
    )


def _standing(connection: Connection, authority: str, matter: str | None) -> IsindexError | None:
    """The refusal by the decision that has settled a matter; None when none stands."""
    decision = db.decision.c
    query = select(decision.decision_id, decision.kind).where(
        decision.authority == authority, decision.matter == matter, decision.undone_at.is_(None)
    )
    found = connection.execute(query).first()
    if found is None:
        return None
    if found.kind in ("unshield", "unwall"):
        return proposed_already(int(found.decision_id), authority)
    return contradicts(f"Decision {found.decision_id} ({found.kind.replace('_', ' ')}) stands on the same.")


def end_decision(
    connection: Connection, authority: str, number: int, actor: str, why: str, now: str, until: date | None
) -> None:
    """A decision counts no more from the night `until` on; None when it has never counted. The transaction is `writing`."""
    connection.execute(
        update(db.decision)
        .where(db.decision.c.decision_id == number)
        .values(undone_at=now, until_night=until or date.min)
    )
    append(
        connection, "decide undo", actor=actor, why=why, at=now, authority=authority, subject=f"decision {number}"
    )  # fmt: skip


def told_by_now(connection: Connection, deployment: Deployment, authority: str) -> int:
    """The greatest of what has been told (`ENTRIES`): what the decision is made in the knowledge of."""
    newest = newest_in_force(Night(deployment, authority, date.max))
    known = grown(read_table(newest.folder / "protection" / "entries.parquet"), ENTRIES) if newest else None
    registered = pc.max(known["told"]).as_py() if known else None
    return max(told_so_far(connection, authority), registered or 0)


def require_reason(actor: str, reason: str) -> None:
    """Refuse a decision of nobody, or without a reason, and what is too long to be either.

    Raises:
        IsindexError: DECISION_INCOMPLETE.
    """
    if not actor.strip() or not reason.strip():
        raise IsindexError(
            "DECISION_INCOMPLETE", "a decision needs the person who decides and a reason.", remedy="Give both."
        )
    _refuse_too_long("DECISION_INCOMPLETE", actor, reason)


def _refuse_too_long(code: str, actor: str, reason: str) -> None:
    """A list of decisions is read by people: a name is no page, and a reason no file."""
    for what, text, most in (("the name of who decides", actor, _ACTOR), ("the reason", reason, _REASON)):
        if len(text) > most:
            raise IsindexError(
                code,
                f"{what} has {len(text):,} characters; it may have {most:,}.",
                remedy="Say it shorter, and name the file where the rest is kept.",
            )


def night_in_force(deployment: Deployment, authority: str) -> date | None:
    """The night in force: from this one on a decision made now counts."""
    return max(versions_in_force(deployment.home, authority), default=None)


def _shown(key: str) -> str:
    """The reference of a record; of a wish that means nobody its own name, as the page of protection has it."""
    return wish_in(key) or reference_of(key)


def _told(row: Row[tuple[object, ...]]) -> Decision:
    first, second = (key and _shown(key) for key in (row.record_a, row.record_b))
    night = row.from_night if row.kind == "override" else None
    return Decision(
        row.decision_id,
        row.kind,
        first,
        second,
        row.subject,
        night,
        row.actor,
        row.reason,
        row.decided_at,
        row.undone_at,
    )
