"""What people decide of a child's protection: to shield, to unshield, and to confirm what takes two people.

Belongs here: writing these decisions. A shield counts at once: the next load brings the night in force up to date. To open a
child takes two people: one proposes it, another confirms it, and it counts from the night after the one in force, for all that had
been told by then. What it lifts is for `pipelines.protection.shielding`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Row, Select, or_, select, update

from pipelines.audit import account, append, writing
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt, latest_matched
from pipelines.nights.decided import apart_in, firewalls_of, former_of
from pipelines.nights.decisions import (
    Decision,
    contradicts,
    end_decision,
    night_in_force,
    proposed_already,
    require_reason,
    told_by_now,
    write_down,
)
from pipelines.nights.gone_records import gone_of_child, gone_with_wish, told_of
from pipelines.nights.hidden_records import hidden_among
from pipelines.nights.hiding import known_now
from pipelines.nights.references import record_key_of, reference_of
from pipelines.nights.requests import told_so_far
from pipelines.nights.walls import walls_asked_in, walls_wished_in
from pipelines.nights.walls_again import keep_wall
from pipelines.nights.wishes_of_child import records_with, shields_on, wishes_of
from pipelines.protection.gone import LATCH
from pipelines.protection.letters import folded
from pipelines.protection.shielding import KEY, Lifting, naming_wish, protect, wish_in
from pipelines.protection.tokens import nearly_tokens, tokens_of_records
from pipelines.protection.wall_wishes import unplaced
from pipelines.reporting.commands import decide_command
from pipelines.seams import grown
from pipelines.seams.protection import TASKS
from pipelines.tables import read_table

__all__ = ["ONE_ACCOUNT", "Proposal", "confirm", "from_one_account", "proposal_of", "shield", "unshield"]

ONE_ACCOUNT = "from the account of the proposal"
"""What the audit says of a confirmation under the account of the machine under which it was proposed."""


@dataclass(frozen=True)
class Proposal:
    """What a person proposes of a child's protection, as who is to confirm it must know it.

    Attributes:
        number: of the decision.
        kind: ``unshield``, or ``unwall``: to take a firewall away.
        records: references of the records that it names, one or two.
        index_ids: the index ids of their children in the latest night; None of a record that is not there.
        actor: who proposed it.
        reason: why.
        decided_at: when.
        asked: who asked last for the protection of one of these children, and for which night, in words; "": nobody did.
        of_nobody: whether it ends a wish that means nobody, and shows no child.
        unmet: why the child would be hidden, or the firewall stand, all the same, as things are (`pipelines.nights.unmet.WHY`).
        others: references of the records for whose sake it would.
        gone: of which records that are gone, and were called like the child or bore its number, all that is kept stays, though the child be opened; in words.
        goes: of which such records it goes, for the proposal says that they were the child's; in words.
    """

    number: int
    kind: str
    records: tuple[str, ...]
    index_ids: tuple[str | None, ...]
    actor: str
    reason: str
    decided_at: str
    asked: str
    of_nobody: bool = False
    unmet: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()


def shield(deployment: Deployment, authority: str, who: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Shield a child, from the night in force on. Whoever proposed to open the child is overruled, also if it was confirmed
    and has not taken effect yet, whichever of its records that names.

    Args:
        deployment: where.
        authority: 3-digit code.
        who: an index id, or a record by its key or reference.
        actor: who decides.
        reason: why.
        at: now.

    Raises:
        IsindexError: DECISION_INCOMPLETE; NIGHT_UNKNOWN; RECORD_UNKNOWN, INDEX_ID_INVALID or INDEX_ID_UNKNOWN; DECISION_CONTRADICTS
            when the child is shielded by a decision already.
    """
    require_reason(actor, reason)
    attempt = latest_matched(deployment, authority)
    key = record_key_of(attempt.folder, who)
    theirs = records_with(attempt, [key])
    now, in_force = at.isoformat(timespec="seconds"), night_in_force(deployment, authority)
    row = {"kind": "shield", "record_a": key, "from_night": in_force}
    with writing(deployment) as connection:
        if shields := shields_on(connection, authority, theirs):
            raise contradicts(f"Decision {min(shields)} shields this child already, whichever of its records it names.")
        for number in _overruled(connection, authority, theirs, in_force):
            end_decision(connection, authority, number, actor, f"shielded: {reason}", now, in_force)
        return write_down(connection, authority, row, actor, reason, now)


def unshield(
    deployment: Deployment,
    authority: str,
    who: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    with_gone: bool = False,
) -> Decision:
    """Propose that a child be shown again, or that a wish which means nobody end; nothing happens before another person confirms it.

    Such a wish is named as the page of protection names it. It alone ends, and not if it means somebody by then, or was told again.

    Args:
        deployment: where.
        authority: 3-digit code.
        who: as of `shield`, or a wish.
        actor: who proposes.
        reason: why.
        at: now.
        with_gone: what is kept of records that are gone, and bore a number or the names with birth date of the child, was its own and goes with it; also where
            the child is open by now. Of a wish that means nobody: where the child had lived, as long as it was here, is shown again.

    Raises:
        IsindexError: as `shield`; CHILD_NOT_HIDDEN when nothing hides the child now; DECISION_CONTRADICTS also while a decision to
            shield one of its records stands, or one is proposed already, or confirmed and has not taken effect yet.
    """
    require_reason(actor, reason)
    attempt = latest_matched(deployment, authority)
    key = _record_or_wish(attempt.folder, who)
    theirs, in_force = records_with(attempt, [key]), night_in_force(deployment, authority)
    known_by = _known_by(attempt.folder, key, _said_to_be_one(deployment, authority))
    gone = (
        (gone_with_wish(attempt, wish_in(key)) if wish_in(key) else gone_of_child(attempt, theirs)) if with_gone else []
    )
    known_by += [f"{LATCH}{holder}" for holder in gone]
    if not wish_in(key) and not gone and not hidden_among(attempt, {key}):
        raise IsindexError(
            "CHILD_NOT_HIDDEN",
            "Nothing hides this child now, so there is nothing to lift.",
            where=authority,
            remedy="Compare the index id or the record with what you want to open. Whoever asks for its protection later must be "
            "heard first: a proposal counts for what is known when it is made.",
        )
    with writing(deployment) as connection:
        if found := connection.execute(_standing(authority, "shield", theirs)).first():
            raise contradicts(f"Decision {found.decision_id} shields this child.")
        if found := connection.execute(_standing(authority, "unshield", [key])).first():
            raise proposed_already(int(found.decision_id), authority)
        if (number := connection.scalar(_to_take_effect(authority, theirs, in_force))) is not None:
            raise contradicts(
                f"Decision {number} has confirmed the same already, and takes effect with the authority's next night."
            )
        row = {
            "kind": "unshield",
            "record_a": key,
            "known_by": known_by,
            "told": told_by_now(connection, deployment, authority),
        }
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def _record_or_wish(folder: Path, who: str) -> str:
    """The key of the record that `who` names; else what names the wish that meant nobody in that attempt (`naming_wish`)."""
    try:
        return record_key_of(folder, who)
    except IsindexError as fault:
        path = folder / "protection" / "tasks.parquet"
        if fault.code != "RECORD_UNKNOWN":
            raise
        unknown = IsindexError(
            fault.code,
            "The latest night has no such record, and no wish of this name means nobody in it.",
            where=fault.where,
            remedy=f"{fault.remedy} A wish that means nobody is named as the authority's page of protection names it.",
        )
        if not path.is_file():
            raise unknown from None
        tasks = grown(read_table(path), TASKS).filter(pc.field("kind").isin(["nobody", "left"]))
        tasks = tasks.filter(pc.or_kleene(pc.equal(tasks["wish"], who), pc.equal(tasks["record_ref"], who)))
        wishes = tasks["wish"].drop_null().to_pylist()
        if len(wishes) == 1:
            return naming_wish(wishes[0])
        if wishes:
            raise IsindexError(
                "RECORD_UNKNOWN",
                "Several wishes of that record mean nobody.",
                where=fault.where,
                remedy="Name one of them, as the page of protection does.",
            ) from None
        raise unknown from None


def proposal_of(deployment: Deployment, authority: str, number: int) -> Proposal:
    """What stands to be confirmed under a number.

    Raises:
        IsindexError: DECISION_UNKNOWN when no such proposal stands.
    """
    with deployment.engine.connect() as connection:
        proposed = _proposed(connection, authority, number)
    attempt = latest_matched(deployment, authority)
    keys = _keys_of(proposed)
    wishes = wishes_of(attempt, keys, known_by=proposed.known_by or (), walls_since=-1)
    newest = max(wishes, key=lambda each: (each.told, each.last_night), default=None)
    return Proposal(
        number,
        proposed.kind,
        tuple(wish_in(key) or reference_of(key) for key in keys),
        tuple(_index_ids(attempt, keys)),
        proposed.actor,
        proposed.reason,
        proposed.decided_at,
        newest.by if newest else "",
        any(wish_in(key) for key in keys),
        *(
            _unmet_by_now(deployment, attempt, proposed)
            if proposed.kind == "unshield"
            else (_walled_anyway(attempt, proposed), (), ())
        ),
        goes=told_of(attempt, [each.removeprefix(LATCH) for each in proposed.known_by or () if each.startswith(LATCH)]),
    )


def confirm(deployment: Deployment, authority: str, number: int, *, actor: str, reason: str, at: datetime) -> Decision:
    """Confirm a proposal by another person than the one who made it: to unshield, it counts from the next night on; to take a
    firewall away, from the night in force on. What is refused of it is audited too.

    Raises:
        IsindexError: DECISION_INCOMPLETE; DECISION_UNKNOWN when no such proposal stands; SECOND_PERSON_NEEDED;
            DECISION_CONTRADICTS when it is confirmed already, or the child has been shielded by a decision since;
            DECISION_OVERTAKEN when somebody has asked for the protection of the child since it was proposed.
    """
    require_reason(actor, reason)
    try:
        with writing(deployment) as connection:
            return _confirmed(connection, deployment, authority, number, actor, reason, at)
    except IsindexError as refused:
        if refused.code in ("SECOND_PERSON_NEEDED", "DECISION_OVERTAKEN"):
            with writing(deployment) as connection:
                append(
                    connection, "decide confirm", actor=actor, why=reason, at=at.isoformat(timespec="seconds"),
                    authority=authority, subject=f"decision {number} refused {refused.code}",
                )  # fmt: skip
        raise


def _confirmed(
    connection: Connection,
    deployment: Deployment,
    authority: str,
    number: int,
    actor: str,
    reason: str,
    at: datetime,
) -> Decision:
    decision = db.decision.c
    in_force = night_in_force(deployment, authority)
    proposed = _proposed(connection, authority, number)
    if _person(proposed.actor) == _person(actor):
        raise IsindexError(
            "SECOND_PERSON_NEEDED",
            "Nobody confirms a proposal of one's own.",
            where=f"decision {number}",
            remedy="Let another person who may decide look at it and confirm it.",
        )
    if connection.execute(_standing(authority, "confirm", subject=str(number))).first():
        raise contradicts(f"Proposal {number} is confirmed already.")
    attempt = latest_matched(deployment, authority)
    keys = _keys_of(proposed)
    if proposed.kind == "unshield" and (shields := shields_on(connection, authority, records_with(attempt, keys))):
        raise contradicts(f"Decision {shields[0]} shields this child.")
    told = told_by_now(connection, deployment, authority)
    _refuse_overtaken(connection, attempt, proposed, keys)
    # one settles the proposal: it is no other's any more, and its child can be shielded again
    settles = decision.decision_id == number, decision.undone_at.is_(None), decision.matter.is_not(None)
    if connection.execute(update(db.decision).where(*settles).values(matter=None)).rowcount != 1:
        raise contradicts(f"Proposal {number} is confirmed already, or was taken back.")
    now = at.isoformat(timespec="seconds")
    note = ONE_ACCOUNT if from_one_account(connection, authority, number) else ""
    if proposed.kind == "unwall":
        keep_wall(attempt, (str(proposed.record_a), str(proposed.record_b)))  # it may have to stand again
        _take_wall_away(connection, authority, proposed, actor, reason, now, in_force)
        settled = {"kind": "confirm", "subject": str(number), "until_night": date.min}  # no night is built from it
        return write_down(connection, authority, settled, actor, reason, now, note)
    row = {
        "kind": "confirm",
        "record_a": proposed.record_a,
        "subject": str(number),
        "from_night": in_force + timedelta(days=1) if in_force else None,
        "told": told,
        "known_by": proposed.known_by,
    }
    return write_down(connection, authority, row, actor, reason, now, note)


def _proposed(connection: Connection, authority: str, number: int) -> Row[Any]:
    """The proposal that stands under a number."""
    decision = db.decision.c
    proposed = connection.execute(
        select(db.decision).where(
            decision.authority == authority, decision.decision_id == number, decision.kind.in_(["unshield", "unwall"]),
            decision.undone_at.is_(None),
        )
    ).one_or_none()  # fmt: skip
    if proposed is None:
        raise IsindexError(
            "DECISION_UNKNOWN",
            f"No proposal {number} stands.",
            where=authority,
            remedy="`isindex decide list` shows all decisions of an authority.",
        )
    return proposed


def _refuse_overtaken(connection: Connection, attempt: Attempt, proposed: Row[Any], keys: Sequence[str]) -> None:
    """Refuse to confirm what was proposed before somebody asked for the protection of the child, in whatever became of a delivery.

    A proposal takes effect on what both people knew. Of one from before that was kept nobody can say what was known: it is
    proposed again. A wish of another child does not count: it stands whatever is decided of this one.
    """
    known = -1 if proposed.told is None else int(proposed.told)
    wishes = wishes_of(attempt, keys, known_by=proposed.known_by or (), walls_since=known)
    newer = [each for each in wishes if each.told > known]
    shields = [
        each
        for each in shields_on(connection, proposed.authority, records_with(attempt, keys))
        if each > proposed.decision_id
    ]
    if not newer and not shields:
        return
    children = "this child" if proposed.kind == "unshield" else "one of these children"
    asked = sorted({(each.last_night, each.agency, each.by) for each in newer}, reverse=True)
    who = ", ".join(dict.fromkeys(by for _, _, by in asked))
    who = who or f"decision {shields[0]}, which shields it"
    undo = decide_command("undo", proposed.decision_id, authority=proposed.authority)
    raise IsindexError(
        "DECISION_OVERTAKEN",
        f"Since this was proposed, somebody has asked for the protection of {children}: {who}.",
        where=f"decision {proposed.decision_id}",
        remedy=f"Find out why. If it is to be opened all the same, take the proposal back (`{undo}`) "
        "and propose it again: then both know of it.",
    )


def _keys_of(proposed: Row[Any]) -> list[str]:
    return [str(key) for key in (proposed.record_a, proposed.record_b) if key]


def _index_ids(attempt: Attempt, keys: Sequence[str]) -> list[str | None]:
    """The index id of each record in an attempt."""
    path = attempt.folder / "identities" / "identities.parquet"
    if not path.is_file():
        return [None] * len(keys)
    held = read_table(path, columns=["record_key", "index_id"])
    of = dict(zip(held["record_key"].to_pylist(), held["index_id"].to_pylist(), strict=True))
    return [of.get(key) for key in keys]


def _walled_anyway(attempt: Attempt, proposed: Row[Any]) -> tuple[str, ...]:
    """Whether a feed has asked for the firewall of a decision too; what the two records are decided to be overrules a feed."""
    if proposed.subject is None:
        return ()
    asked = walls_asked_in(attempt.folder)
    pairs = {frozenset(pair) for pair in zip(asked["record_a"].to_pylist(), asked["record_b"].to_pylist(), strict=True)}
    return ("feed",) if frozenset(_keys_of(proposed)) in pairs else ()


def _unmet_by_now(
    deployment: Deployment, attempt: Attempt, proposed: Row[Any]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Why the child would be hidden after all, were the proposal confirmed now and the next night like the latest; references of the
    records for whose sake it would; and of which records that are gone and like it all that is kept would stay, in words.
    """
    folder = attempt.folder
    if not (folder / "identities" / "visibility.parquet").is_file():
        return (), (), ()
    known = known_now(attempt)
    latest = known.latest
    night = latest.night.business_date + timedelta(days=1)
    with deployment.engine.connect() as connection:
        told = told_by_now(connection, deployment, attempt.night.authority)
        decided = _but_taken_back(connection, attempt.night.authority, known.decisions)
    known_by = None if proposed.known_by is None else tuple(proposed.known_by)
    state = IdentityState.read(latest.folder)
    after = protect(
        state.identities,
        read_table(latest.folder / "person" / "records.parquet"),
        read_table(latest.folder / "person" / "names.parquet"),
        read_table(latest.folder / "matching" / "apart.parquet"),
        decided,
        entries=known.entries,
        latched=known.latched,
        business_date=night,
        lifting=[Lifting(0, (str(proposed.record_a),), night, told=told, known_by=known_by, apart=apart_in(latest))],
        former=former_of(state),
    )
    unmet = next(iter(after.unmet), None)
    if unmet is None:
        theirs = records_with(latest, [str(proposed.record_a)])
        return (), (), told_of(latest, gone_of_child(latest, theirs, after.latched))
    if _asks_for_a_wall(latest, str(proposed.record_a)):
        return ("unwalled",), (), ()
    return unmet.why, tuple(map(reference_of, unmet.others)), ()


def _asks_for_a_wall(attempt: Attempt, key: str) -> bool:
    """Whether a record of the child asks for a firewall that stands nowhere, by an attempt."""
    wishes = walls_wished_in(attempt.folder)
    nowhere = wishes.filter(pc.is_in(wishes["entry_id"], value_set=unplaced(wishes, firewalls_of(attempt.inputs))))
    return not set(nowhere["record"].to_pylist()).isdisjoint(records_with(attempt, [key]))


def _but_taken_back(connection: Connection, authority: str, decisions: pa.Table) -> pa.Table:
    """Decisions (`DECISIONS`) without the shields that were taken back: what they leave is a wish, which a confirmation ends."""
    decision = db.decision.c
    standing = select(decision.record_a, decision.record_b).where(
        decision.authority == authority, decision.kind.in_(["shield", "firewall"]), decision.undone_at.is_(None)
    )
    keys = pa.array([key for row in connection.execute(standing) for key in row if key], pa.string())
    shields = pc.equal(decisions["kind"], "shield")
    return decisions.filter(pc.or_(pc.invert(shields), pc.is_in(decisions["record_a"], value_set=keys)))


def _take_wall_away(
    connection: Connection, authority: str, proposed: Row[Any], actor: str, reason: str, now: str, in_force: date | None
) -> None:
    """End the firewall that a proposal names; or write that the two records on its sides are the same."""
    if proposed.subject is None:
        row = {
            "kind": "same", "record_a": proposed.record_a, "record_b": proposed.record_b, "from_night": in_force,
            "told": told_so_far(connection, authority) + 1,  # more than anything told before: two people have settled it
        }  # fmt: skip
        write_down(connection, authority, row, actor, reason, now)
        return
    decision = db.decision.c
    wall = select(decision.decision_id).where(
        decision.decision_id == int(proposed.subject), decision.authority == authority, decision.undone_at.is_(None)
    )
    if connection.scalar(wall) is None:
        raise contradicts("The firewall has been taken away already.")
    end_decision(connection, authority, int(proposed.subject), actor, reason, now, in_force)


def from_one_account(connection: Connection, authority: str, number: int) -> bool:
    """Whether proposal `number` was made under the account of the machine that this process runs under.

    Names are typed, and can be anybody's; whether two people stand behind one account the product cannot know.
    """
    entry = db.audit_entry.c
    about = f"decision {number}"
    query = select(entry.account).where(
        entry.authority == authority, entry.action.in_(["decide unshield", "decide unwall"]),
        or_(entry.subject == about, entry.subject.startswith(f"{about} ", autoescape=True)),
    )  # fmt: skip
    return account() in connection.scalars(query).all()


def _said_to_be_one(deployment: Deployment, authority: str) -> list[tuple[str, str]]:
    """The pairs of records that people have decided to be one child's."""
    decision = db.decision.c
    query = select(decision.record_a, decision.record_b).where(
        decision.authority == authority, decision.kind == "same", decision.undone_at.is_(None)
    )
    with deployment.engine.connect() as connection:
        return [(row.record_a, row.record_b) for row in connection.execute(query)]


def _beside(keys: Set[str], pairs: Sequence[tuple[str, str]]) -> set[str]:
    """What is in a pair with one of these, and none of them."""
    return {other for a, b in pairs for one, other in ((a, b), (b, a)) if one in keys} - keys


def _known_by(folder: Path, key: str, same: Sequence[tuple[str, str]]) -> list[str]:
    """What names the child of a record in an attempt; keys only of records that tell nothing else: whoever bears one later may be another child.

    Its other records count that bear its names and birth date, or nearly, or that people have said to be the child's (`same`): one that strayed
    into the identity is not whom people mean.
    """
    identities = read_table(folder / "identities" / "identities.parquet", ["record_key", "index_id"])
    child = identities.filter(pc.field("record_key") == key)["index_id"].combine_chunks()
    theirs = identities.filter(pc.is_in(identities["index_id"], value_set=child))["record_key"].combine_chunks()
    records, names = (
        (table := read_table(folder / "person" / f"{name}.parquet")).filter(
            pc.is_in(table["record_key"], value_set=theirs)
        )
        for name in ("records", "names")
    )
    tokens = tokens_of_records(records, names)
    nearly = nearly_tokens(records, names, theirs)

    def of(table: pa.Table, *kinds: str) -> pa.Table:
        return table.filter(pc.is_in(table["kind"].cast("string"), value_set=pa.array(kinds)))

    def sharing(table: pa.Table, known: pa.Array) -> pa.Array:
        """The records that have a token in common with these records, and these."""
        shared = table.filter(pc.is_in(table["record_key"], value_set=known))["token"].combine_chunks()
        return pa.concat_arrays(
            [table.filter(pc.is_in(table["token"], value_set=shared))["record_key"].combine_chunks(), known]
        )

    telling = of(tokens, "person", "number")
    known, own = telling["record_key"].combine_chunks(), pa.array([key])
    if key not in known.to_pylist():  # it tells names alone
        own = sharing(of(nearly, "called"), own)
    alike = pa.concat_tables([of(tokens, "person"), of(nearly, "nearly")])
    meant = sharing(alike, own)
    while said := _beside(set(meant.to_pylist()), same) & set(theirs.to_pylist()):
        meant = sharing(alike, pa.concat_arrays([meant, pa.array(sorted(said), pa.string())]))
    # one without birth date and number is known by its key alone, where its names are the child's
    bare = sharing(of(nearly, "called"), meant)
    bare = bare.filter(pc.invert(pc.is_in(bare, value_set=known)))
    told = telling.filter(pc.is_in(telling["record_key"], value_set=meant))["token"].to_pylist()
    every_key = of(tokens, "key")
    keys = every_key.filter(pc.is_in(every_key["record_key"], value_set=bare))["token"].to_pylist()
    whose = every_key.filter(pc.is_in(every_key["record_key"], value_set=pa.concat_arrays([meant, bare])))["token"]
    return sorted({*told, *keys, *(f"{KEY}{token}" for token in whose.to_pylist())})


def _standing(authority: str, kind: str, keys: Sequence[str] = (), *, subject: str | None = None) -> Select[Any]:
    """The decisions of a kind that stand, on one of these records or with a subject."""
    decision = db.decision.c
    query = select(db.decision).where(
        decision.authority == authority, decision.kind == kind, decision.undone_at.is_(None)
    )
    if kind == "unshield":  # one that was confirmed has done its work
        done = select(decision.subject).where(decision.authority == authority, decision.kind == "confirm")
        query = query.where(decision.decision_id.cast(db.decision.c.subject.type).not_in(done))
    return query.where(decision.subject == subject) if subject else query.where(decision.record_a.in_(list(keys)))


def _to_take_effect(authority: str, keys: Sequence[str], in_force: date | None) -> Select[tuple[int]]:
    """Confirmed openings of one of these records that stand and count from a later night only."""
    decision = db.decision.c
    return select(decision.decision_id).where(
        decision.authority == authority, decision.kind == "confirm", decision.record_a.in_(list(keys)),
        decision.undone_at.is_(None), decision.from_night > (in_force or date.min),
    )  # fmt: skip


def _overruled(connection: Connection, authority: str, keys: Sequence[str], in_force: date | None) -> list[int]:
    """Proposals to open the child that stand, and confirmed ones that count from a later night only."""
    proposed = connection.execute(_standing(authority, "unshield", keys)).all()
    return [
        *connection.scalars(_to_take_effect(authority, keys, in_force)),
        *(int(row.decision_id) for row in proposed),
    ]


def _person(actor: str) -> str:
    """Who somebody is, however the name is written: in capitals, or with a letter that only looks the same."""
    return " ".join(folded(actor).casefold().split())
