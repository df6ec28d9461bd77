"""What people decide of a child's protection: to shield, to unshield, and to confirm what takes two people.

Belongs here: writing these decisions. A shield counts at once: the next load brings the night in force up to date. To open a
child takes two people: one proposes it, another confirms it, and it counts from the night after the one in force, for all that had
been told by then. What it lifts is for `pipelines.protection.shielding`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Row, Select, or_, select, update

from pipelines.audit import account, writing
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import latest_matched
from pipelines.nights.decisions import Decision, contradicts, end_decision, night_in_force, require_reason, write_down
from pipelines.nights.follow import newest_in_force
from pipelines.nights.night import Night
from pipelines.nights.references import record_key_of
from pipelines.nights.requests import told_so_far
from pipelines.protection.letters import folded
from pipelines.protection.tokens import LASTING, nearly_tokens, tokens_of_records
from pipelines.seams import grown
from pipelines.seams.protection import ENTRIES
from pipelines.tables import read_table

__all__ = ["ONE_ACCOUNT", "confirm", "from_one_account", "shield", "unshield"]

ONE_ACCOUNT = "from the account of the proposal"
"""What the audit says of a confirmation under the account of the machine under which it was proposed."""


def shield(deployment: Deployment, authority: str, who: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Shield a child, from the night in force on. Whoever proposed to open the child is overruled, also if it was confirmed
    and has not taken effect yet.

    Args:
        deployment: where.
        authority: 3-digit code.
        who: an index id, or a record by its key or reference.
        actor: who decides.
        reason: why.
        at: now.

    Raises:
        IsindexError: DECISION_INCOMPLETE; NIGHT_UNKNOWN; RECORD_UNKNOWN or INDEX_ID_UNKNOWN; DECISION_CONTRADICTS when the
            child is shielded by a decision already.
    """
    require_reason(actor, reason)
    key = record_key_of(latest_matched(deployment, authority).folder, who)
    now, in_force = at.isoformat(timespec="seconds"), night_in_force(deployment, authority)
    row = {"kind": "shield", "record_a": key, "from_night": in_force}
    with writing(deployment) as connection:
        if found := connection.execute(_standing(authority, "shield", key)).first():
            raise contradicts(f"Decision {found.decision_id} shields this child already.")
        for number in _overruled(connection, authority, key, in_force):
            end_decision(connection, authority, number, actor, f"shielded: {reason}", now, in_force)
        return write_down(connection, authority, row, actor, reason, now)


def unshield(deployment: Deployment, authority: str, who: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Propose that a child be shown again; nothing happens before another person confirms it.

    Raises:
        IsindexError: as `shield`; DECISION_CONTRADICTS also while a decision to shield stands, or one is proposed already.
    """
    require_reason(actor, reason)
    folder = latest_matched(deployment, authority).folder
    key = record_key_of(folder, who)
    known_by = _known_by(folder, key)
    with writing(deployment) as connection:
        for kind in ("shield", "unshield"):
            if found := connection.execute(_standing(authority, kind, key)).first():
                words = "shields this child" if kind == "shield" else "proposes the same"
                raise contradicts(f"Decision {found.decision_id} {words}.")
        row = {"kind": "unshield", "record_a": key, "known_by": known_by}
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def confirm(deployment: Deployment, authority: str, number: int, *, actor: str, reason: str, at: datetime) -> Decision:
    """Confirm a proposal by another person than the one who made it: to unshield, it counts from the next night on; to take a
    firewall away, from the night in force on.

    Raises:
        IsindexError: DECISION_INCOMPLETE; DECISION_UNKNOWN when no such proposal stands; SECOND_PERSON_NEEDED;
            DECISION_CONTRADICTS when it is confirmed already, or the child has been shielded by a decision since.
    """
    require_reason(actor, reason)
    decision = db.decision.c
    in_force = night_in_force(deployment, authority)
    with writing(deployment) as connection:
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
        if _person(proposed.actor) == _person(actor):
            raise IsindexError(
                "SECOND_PERSON_NEEDED",
                "Nobody confirms a proposal of one's own.",
                where=f"decision {number}",
                remedy="Let another person who may decide look at it and confirm it.",
            )
        if connection.execute(_standing(authority, "confirm", subject=str(number))).first():
            raise contradicts(f"Proposal {number} is confirmed already.")
        if proposed.kind == "unshield" and (
            found := connection.execute(_standing(authority, "shield", proposed.record_a)).first()
        ):
            raise contradicts(f"Decision {found.decision_id} shields this child.")
        # one settles the proposal: it is no other's any more, and its child can be shielded again
        settles = decision.decision_id == number, decision.undone_at.is_(None), decision.matter.is_not(None)
        if connection.execute(update(db.decision).where(*settles).values(matter=None)).rowcount != 1:
            raise contradicts(f"Proposal {number} is confirmed already, or was taken back.")
        now = at.isoformat(timespec="seconds")
        note = ONE_ACCOUNT if from_one_account(connection, authority, number) else ""
        if proposed.kind == "unwall":
            _take_wall_away(connection, authority, proposed, actor, reason, now, in_force)
            settled = {"kind": "confirm", "subject": str(number), "until_night": date.min}  # no night is built from it
            return write_down(connection, authority, settled, actor, reason, now, note)
        row = {
            "kind": "confirm",
            "record_a": proposed.record_a,
            "subject": str(number),
            "from_night": in_force + timedelta(days=1) if in_force else None,
            "told": _told(connection, deployment, authority),
            "known_by": proposed.known_by,
        }
        return write_down(connection, authority, row, actor, reason, now, note)


def _take_wall_away(
    connection: Connection, authority: str, proposed: Row[Any], actor: str, reason: str, now: str, in_force: date | None
) -> None:
    """End the firewall that a proposal names; or write that the two records on its sides are the same."""
    if proposed.subject is None:
        row = {"kind": "same", "record_a": proposed.record_a, "record_b": proposed.record_b, "from_night": in_force}
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


def _known_by(folder: Path, key: str) -> list[str]:
    """What names the child of a record in an attempt, but for keys: whoever bears one later may be another child.

    Its other records count that bear its names and birth date, or nearly: one that strayed into the identity is not whom people mean.
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
    people = pa.concat_tables(
        [
            tokens.filter(pc.field("kind") == "person"),
            nearly_tokens(records, names, theirs).filter(pc.field("kind") == "nearly"),
        ]
    )
    own = people.filter(pc.field("record_key") == key)["token"].combine_chunks()
    meant = pa.concat_arrays(
        [people.filter(pc.is_in(people["token"], value_set=own))["record_key"].combine_chunks(), pa.array([key])]
    )
    known = tokens.filter(pc.is_in(tokens["record_key"], value_set=meant))
    lasting = pc.is_in(known["kind"].cast("string"), value_set=pa.array([kind for kind in LASTING if kind != "key"]))
    return sorted(set(known.filter(lasting)["token"].to_pylist()))


def _told(connection: Connection, deployment: Deployment, authority: str) -> int:
    """The greatest of what has been told (`ENTRIES`): what the decision is made in the knowledge of."""
    newest = newest_in_force(Night(deployment, authority, date.max))
    known = grown(read_table(newest.folder / "protection" / "entries.parquet"), ENTRIES) if newest else None
    registered = pc.max(known["told"]).as_py() if known else None
    return max(told_so_far(connection, authority), registered or 0)


def _standing(authority: str, kind: str, key: str | None = None, *, subject: str | None = None) -> Select[Any]:
    """The decisions of a kind that stand, on a record or with a subject."""
    decision = db.decision.c
    query = select(db.decision).where(
        decision.authority == authority, decision.kind == kind, decision.undone_at.is_(None)
    )
    if kind == "unshield":  # one that was confirmed has done its work
        done = select(decision.subject).where(decision.authority == authority, decision.kind == "confirm")
        query = query.where(decision.decision_id.cast(db.decision.c.subject.type).not_in(done))
    return query.where(decision.subject == subject) if subject else query.where(decision.record_a == key)


def _overruled(connection: Connection, authority: str, key: str, in_force: date | None) -> list[int]:
    """Proposals to open the child that stand, and confirmed ones that count from a later night only."""
    decision = db.decision.c
    later = select(decision.decision_id).where(
        decision.authority == authority, decision.kind == "confirm", decision.record_a == key,
        decision.undone_at.is_(None), decision.from_night > (in_force or date.min),
    )  # fmt: skip
    proposed = connection.execute(_standing(authority, "unshield", key)).all()
    return [*connection.scalars(later), *(int(row.decision_id) for row in proposed)]


def _person(actor: str) -> str:
    """Who somebody is, however the name is written: in capitals, or with a letter that only looks the same."""
    return " ".join(folded(actor).casefold().split())
