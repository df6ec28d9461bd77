"""Recording that authorities were reorganised: who takes over whom, by the table of authorities, once and for good.

Belongs here: working out what would be recorded, refusing what may not be, and recording it: what the successor is founded on is written first, and
counts for nothing; the record, the decisions of people that go on in the successor, and the audit's entry are one transaction. So a run that is killed leaves all
as it was. Not here: what a successor is founded on (`founding`), and what its nights make of it (`inherited`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Connection, insert, select

from pipelines.audit import account, append, writing
from pipelines.contracts import authorities
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import last_attempts
from pipelines.nights.decisions import matter_of, require_reason, told_by_now
from pipelines.nights.founding import Predecessor, found, inherited_key, predecessor_of, renamed_tokens
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.plan import inputs_now, outstanding
from pipelines.nights.protective import protection_waits
from pipelines.nights.reach import LONDON
from pipelines.nights.reorganised import predecessors_here, reorganisations
from pipelines.publishing.versions import versions_in_force, versions_there

__all__ = ["Plan", "Taking", "plan_reorganisation", "record_reorganisation"]

_GOES_ON = ("same", "not_the_same", "firewall", "shield")


@dataclass(frozen=True)
class Taking:
    """One successor takes over one predecessor, whole or in part.

    Attributes:
        predecessor: DfE code.
        successor: DfE code.
        closed: the predecessor's last day.
        night: the last one that it published.
        children: whom it knows.
        hidden: how many of them are hidden.
        wishes: wishes to be protected that stand.
        firewalls: that stand.
        decisions: of people that go on, by kind.
        not_carried: numbers of the proposals, and of openings that have not taken effect: their children stay hidden, and are decided of anew.
    """

    predecessor: str
    successor: str
    closed: date
    night: date
    children: int
    hidden: int
    wishes: int
    firewalls: int
    decisions: Mapping[str, int]
    not_carried: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What is recorded together."""

    takings: tuple[Taking, ...]

    @property
    def predecessors(self) -> list[str]:
        """Who is taken over, in order."""
        return sorted({each.predecessor for each in self.takings})

    @property
    def successors(self) -> list[str]:
        """Who takes over, in order."""
        return sorted({each.successor for each in self.takings})


def plan_reorganisation(
    deployment: Deployment, predecessors: Sequence[str] = (), successors: Sequence[str] = (), closed: date | None = None
) -> Plan:
    """What would be recorded; nothing is changed.

    Args:
        deployment: where.
        predecessors: who is taken over; default all of this home that closed on `closed`.
        successors: who takes over; default all that the table of authorities names and this deployment hosts.
        closed: the last day of those that are taken over.

    Raises:
        IsindexError: OPTIONS_MISSING, REORGANISATION_UNKNOWN, REORGANISATION_AHEAD, REORGANISATION_DONE, REORGANISATION_INCOMPLETE, REORGANISATION_WAITS,
            SUCCESSOR_HAS_HISTORY, AUTHORITY_NOT_HOSTED, NOT_PUBLISHED, NIGHT_RUNNING, BASE_MISSING, BASE_DAMAGED.
    """
    with _planned(deployment, predecessors, successors, closed) as (plan, _):
        return plan


def record_reorganisation(
    deployment: Deployment,
    predecessors: Sequence[str] = (),
    successors: Sequence[str] = (),
    closed: date | None = None,
    *,
    reason: str,
    actor: str | None = None,
) -> Plan:
    """Record it; what was recorded.

    Args:
        deployment: where.
        predecessors: as in `plan_reorganisation`.
        successors: the same.
        closed: the same.
        reason: why; it is kept.
        actor: who says so; default the user of this machine.

    Raises:
        IsindexError: DECISION_INCOMPLETE, and as `plan_reorganisation`.
    """
    actor, now = actor or account(), datetime.now(UTC).isoformat(timespec="seconds")
    require_reason(actor, reason)
    with _planned(deployment, predecessors, successors, closed) as (plan, those):
        founded = {each: found(deployment, each, _taken_by(plan, each, those)) for each in plan.successors}
        with writing(deployment) as connection:
            told = {each: told_by_now(connection, deployment, each) for each in those}
            for each in plan.takings:
                row = {
                    "predecessor": each.predecessor, "successor": each.successor, "closed": each.closed, "founded": founded[each.successor],
                    "told": told[each.predecessor], "actor": actor, "reason": reason.strip(), "decided_at": now,
                }  # fmt: skip
                connection.execute(insert(db.reorganisation).values(row))
                _go_on(connection, each, those[each.predecessor])
                about = f"{each.predecessor} by {each.successor}: {each.children} children, {each.wishes} wishes"
                append(
                    connection, "reorganise", actor=actor, why=reason, at=now, authority=each.successor, subject=about
                )
        return plan


def _taken_by(plan: Plan, successor: str, those: Mapping[str, Predecessor]) -> list[Predecessor]:
    return [those[each.predecessor] for each in plan.takings if each.successor == successor]


@contextmanager
def _planned(
    deployment: Deployment, predecessors: Sequence[str], successors: Sequence[str], closed: date | None
) -> Iterator[tuple[Plan, dict[str, Predecessor]]]:
    """What would be recorded, and what its predecessors have in force; no night of any of them is run meanwhile."""
    pairs = _pairs(deployment, predecessors, successors, closed)
    were, are = sorted({each for each, _ in pairs}), sorted({each for _, each in pairs})
    with ExitStack() as stack:
        for each in sorted({*were, *are}):
            stack.enter_context(alone(deployment, each))
        _refuse_done(deployment, were, are)
        for each in were:
            _refuse_waiting(deployment, each)
        those = {each: predecessor_of(deployment, each, _closed(each)) for each in were}
        yield Plan(tuple(_taking(deployment, those[were], to) for were, to in pairs)), those


def _pairs(
    deployment: Deployment, predecessors: Sequence[str], successors: Sequence[str], closed: date | None
) -> list[tuple[str, str]]:
    """Who is taken over by whom, by the table of authorities, whole: nobody's protection is left behind."""
    every = authorities.every()
    if not predecessors and closed is None:
        raise IsindexError(
            "OPTIONS_MISSING",
            "It needs to be said who is taken over.",
            where="--from / --closed",
            remedy="Give a code, or the last day.",
        )
    were = sorted({*predecessors}) or sorted(
        code for code, each in every.items() if each.closed == closed and versions_in_force(deployment.home, code)
    )
    for code in were:
        last = every[code].closed if code in every else None
        if code not in every or last is None or not every[code].successors or (closed is not None and last != closed):
            raise _unknown(code, "none takes it over then")
        if last >= datetime.now(LONDON).date():
            raise IsindexError(
                "REORGANISATION_AHEAD",
                f"The authority is open until {last.isoformat()}.",
                where=f"authority {code}",
                remedy="Record it when its last night is loaded.",
            )
        if not deployment.hosts(code):
            raise _not_hosted(code)
        if not versions_in_force(deployment.home, code):
            raise IsindexError(
                "NOT_PUBLISHED",
                "The authority has published nothing here: there is nothing to take over.",
                where=f"authority {code}",
                remedy="Load its last night first; where it was never in this home its successor begins by itself.",
            )
    named = {to for code in were for to in every[code].successors}
    for to in successors:
        if to not in named:
            raise _unknown(to, f"it takes over none of {', '.join(were)}")
        if not deployment.hosts(to):
            raise _not_hosted(to)
    hosted = sorted(to for to in named if deployment.hosts(to))
    if not were or not hosted:
        raise _unknown(
            ", ".join(were) or str(closed),
            "nobody of this home closed then" if not were else "this deployment hosts no successor",
        )
    beside = {each for to in hosted for each in predecessors_here(deployment, to)} - {*were}
    left_out = [to for to in hosted if successors and to not in successors]
    if beside or left_out:
        raise IsindexError(
            "REORGANISATION_INCOMPLETE",
            f"By the table of authorities it also concerns {', '.join([*sorted(beside), *left_out])}.",
            where=f"authority {', '.join(were)}",
            remedy="Name all of them: whom one hides, every successor has to hide from its first night on.",
        )
    return [(code, to) for code in were for to in every[code].successors if to in hosted]


def _unknown(code: str, why: str) -> IsindexError:
    return IsindexError(
        "REORGANISATION_UNKNOWN",
        f"The table of authorities has no such reorganisation: {why}.",
        where=f"authority {code}",
        remedy="schemas/reference/authorities.csv has the last day of each authority and its successors.",
    )


def _not_hosted(code: str) -> IsindexError:
    return IsindexError(
        "AUTHORITY_NOT_HOSTED",
        "This deployment does not host the authority.",
        where=f"authority {code}",
        remedy="ISINDEX_AUTHORITIES has to name predecessors and successors until it is recorded; afterwards the predecessors may stay.",
    )


def _closed(code: str) -> date:
    return authorities.closed()[code]


def _refuse_done(deployment: Deployment, were: Iterable[str], are: Iterable[str]) -> None:
    done = reorganisations(deployment.engine)
    found = [each for each in done if each.predecessor in were or each.successor in are]
    if found:
        pairs = ", ".join(f"{each.predecessor} by {each.successor}" for each in found)
        raise IsindexError(
            "REORGANISATION_DONE",
            f"It is recorded already: {pairs}.",
            where=f"authority {found[0].predecessor}",
            remedy="Nothing is to be done; `isindex load` runs the successor.",
        )
    for each in are:
        if versions_there(deployment.home, each) or versions_in_force(deployment.home, each):
            raise IsindexError(
                "SUCCESSOR_HAS_HISTORY",
                "The successor has published nights of its own: its children have ids there already.",
                where=f"authority {each}",
                remedy="Restore the home as it was before the successor's first night, record the reorganisation, then load.",
            )


def _refuse_waiting(deployment: Deployment, authority: str) -> None:
    """Refuse to take over what is not up to date: the successor would not know what waits."""
    newest = max(versions_in_force(deployment.home, authority))
    tried = last_attempts(deployment.engine, authority)
    night = Night(deployment, authority, max([newest, *tried]) + timedelta(1))
    after = inputs_now(night)
    base = after.base.business_date if after.base else None
    if (
        outstanding(deployment, [], authorities=[authority])
        or any(row.state not in ("published", "retired") for row in tried.values())
        or base != newest
        or after.asking
        or after.deliveries
        or protection_waits(deployment, [authority])
    ):
        raise IsindexError(
            "REORGANISATION_WAITS",
            "Something of the authority waits: a night that is outstanding, held or failed, or protection.",
            where=f"authority {authority}",
            remedy="`isindex load` runs what is outstanding and `isindex status` says what waits; see to it first.",
        )


def _taking(deployment: Deployment, predecessor: Predecessor, successor: str) -> Taking:
    state = IdentityState.read(predecessor.folder)
    hidden = pc.sum(pc.or_(state.visibility["shielded"], state.visibility["withheld"])).as_py() or 0
    entries, night = predecessor.protection("entries"), predecessor.attempt.night
    with deployment.engine.connect() as connection:
        rows = _standing(connection, predecessor.authority)
    decisions = [row for row in rows if row.kind in _GOES_ON]
    confirmed = {row.subject for row in rows if row.kind == "confirm"}
    waits = [
        row.decision_id
        for row in rows
        if (row.kind in ("unshield", "unwall") and str(row.decision_id) not in confirmed)
        or (row.kind == "confirm" and row.from_night is not None and row.from_night > night.business_date)
    ]
    from pipelines.nights.walls import walls_in

    walls = {
        (row["wall_a"], row["wall_b"]) for row in walls_in(predecessor.folder).select(["wall_a", "wall_b"]).to_pylist()
    }
    return Taking(
        predecessor.authority,
        successor,
        predecessor.closed,
        night.business_date,
        state.visibility.num_rows,
        int(hidden),
        int(pc.sum(pc.is_null(entries["lifted_by"])).as_py() or 0),
        len(walls),
        {kind: number for kind in _GOES_ON if (number := sum(row.kind == kind for row in decisions))},
        tuple(waits),
    )


def _standing(connection: Connection, authority: str) -> Sequence[Any]:
    decision = db.decision.c
    query = select(db.decision).where(decision.authority == authority, decision.undone_at.is_(None))
    return connection.execute(query.order_by(decision.decision_id)).all()


def _go_on(connection: Connection, taking: Taking, predecessor: Predecessor) -> None:
    """Let the decisions of people on records go on in the successor: of the same children, by the keys that these are inherited by."""
    renamed = renamed_tokens(predecessor)
    for row in _standing(connection, taking.predecessor):
        if row.kind not in _GOES_ON or row.until_night is not None:
            continue
        a, b = (key and inherited_key(key, taking.predecessor) for key in (row.record_a, row.record_b))
        told = {
            "authority": taking.successor, "kind": row.kind, "record_a": a, "record_b": b, "subject": row.subject,
            "from_night": row.from_night, "actor": row.actor, "decided_at": row.decided_at, "told": row.told,
            "reason": f"{row.reason} (decided in {taking.predecessor}, number {row.decision_id})",
            "known_by": None if row.known_by is None else _known_by(row.known_by, renamed),
        }  # fmt: skip
        connection.execute(insert(db.decision).values(told | {"matter": matter_of(told)}))


def _known_by(known_by: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    """What two children were known by, their records also by the keys that these are inherited by."""
    more = {" ".join(renamed.get(word, word) for word in told.split(" ")) for told in known_by}
    return sorted({*known_by, *more})


def as_json(plan: Plan) -> list[dict[str, Any]]:
    """The plan for machines."""
    told: list[dict[str, Any]] = json.loads(json.dumps([vars(each) for each in plan.takings], default=date.isoformat))
    return told
