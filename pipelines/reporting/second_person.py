"""Proposals that wait for a second person: to show a child again, or to take a firewall away.

Belongs here: which they are, and their words. Not here: making and confirming them (`pipelines.nights.protection_decisions`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Engine, select

from pipelines.database.schema import decision
from pipelines.privacy.references import references
from pipelines.protection.shielding import wish_in
from pipelines.reporting.commands import decide_command

__all__ = ["PROPOSALS", "WaitingProposal", "confirmations", "waiting_proposals"]

PROPOSALS = ("unshield", "unwall")
"""The kinds of decisions that count when another person confirms them."""


@dataclass(frozen=True)
class WaitingProposal:
    """A proposal that nobody has confirmed yet.

    Attributes:
        number: of the decision.
        authority: whose.
        kind: one of `PROPOSALS`.
        records: references of the records that it names; of a wish that means nobody the wish's own name.
        actor: who proposed it.
        since: when, in UTC.
        of_nobody: whether it ends a wish that means nobody.
    """

    number: int
    authority: str
    kind: str
    records: tuple[str, ...]
    actor: str
    since: str
    of_nobody: bool = False

    @property
    def told(self) -> str:
        """What is proposed, and by whom; of which records only `in_full`."""
        what = "To take a firewall away"
        if self.kind == "unshield":
            what = "To end a wish that means nobody" if self.of_nobody else "To show a hidden child again"
        return f"{what}. {self.actor} proposed it, and nothing changes before another person confirms it."

    @property
    def in_full(self) -> str:
        """The same, and of which records."""
        return f"{self.told} It is about {'wish' if self.of_nobody else 'record'} {' and '.join(self.records)}."

    def what_to_do(self, home: str = "HOME") -> str:
        """How another person confirms it, and how it is taken back."""
        show = decide_command("show", self.number, authority=self.authority, home=home)
        confirm = decide_command("confirm", self.number, authority=self.authority, home=home)
        undo = decide_command("undo", self.number, authority=self.authority, home=home)
        return f"Another person than who proposed it looks at what would come of it (`{show}`) and confirms it: `{confirm}`. Should it not be: `{undo}`."


def confirmations(engine: Engine, authorities: Collection[str] | None = None) -> Mapping[int, int]:
    """Number of each proposal that was ever confirmed → number of the decision that confirmed it, also where that was taken back."""
    query = select(decision.c.subject, decision.c.decision_id).where(
        decision.c.kind == "confirm", decision.c.subject.is_not(None)
    )
    if authorities is not None:
        query = query.where(decision.c.authority.in_(sorted(authorities)))
    with engine.connect() as connection:
        return {int(subject): int(number) for subject, number in connection.execute(query.order_by("decision_id"))}


def waiting_proposals(engine: Engine, authorities: Collection[str] | None = None) -> list[WaitingProposal]:
    """Of each authority (default: all), by number. One that was ever confirmed is proposed anew, should the confirmation be taken back."""
    query = (
        select(decision)
        .where(decision.c.kind.in_(PROPOSALS), decision.c.undone_at.is_(None))
        .order_by(decision.c.decision_id)
    )
    if authorities is not None:
        query = query.where(decision.c.authority.in_(sorted(authorities)))
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    confirmed = confirmations(engine, authorities) if rows else {}
    return [
        WaitingProposal(
            int(row.decision_id),
            row.authority,
            row.kind,
            tuple(_shown(key) for key in (row.record_a, row.record_b) if key),
            row.actor,
            row.decided_at,
            bool(wish_in(row.record_a or "")),
        )
        for row in rows
        if int(row.decision_id) not in confirmed
    ]


def _shown(key: str) -> str:
    return wish_in(key) or str(references(pa.array([key], pa.string()))[0].as_py())
