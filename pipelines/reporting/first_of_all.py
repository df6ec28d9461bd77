"""What somebody must see to first of all of an authority's protection: the first page and the newest overview begin with it.

Belongs here: gathering it, in its order: protection that waits, decisions that opened nobody, proposals that wait for a second person.
It is told of an authority's newest night, since it stands until it is settled. Not here: what it says (`protection_waits`, `opens_nobody`,
`second_person`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, func, select

from pipelines.database.schema import attempt
from pipelines.home import Home
from pipelines.reporting.opens_nobody import unmet_now
from pipelines.reporting.protection_waits import PROTECTION_WAITS, waiting_protection
from pipelines.reporting.second_person import waiting_proposals
from pipelines.reporting.words import OPENINGS, Word

__all__ = ["First", "first_of_all"]


@dataclass(frozen=True)
class First:
    """One thing to see to: of which authority, on the pages of which night, and in words.

    `number` is that of the decision, `since` a moment in UTC; each is none where there is none. `in_full` are `told` and `what_to_do` with
    the references of records, for the page of protection alone: who is hidden is not told to all who read an overview.
    """

    authority: str
    night: date | None
    word: Word
    code: str
    number: int | None
    since: str
    told: str
    what_to_do: str
    in_full: tuple[str, str]


def first_of_all(engine: Engine, home: Home, authorities: Collection[str] | None = None) -> list[First]:
    """Of each authority (default: all), the gravest first."""
    newest = select(attempt.c.authority, func.max(attempt.c.business_date)).group_by(attempt.c.authority)
    with engine.connect() as connection:
        night = {row[0]: row[1] for row in connection.execute(newest)}
    found: list[tuple[str, str, str, int | None, str, tuple[str, str], tuple[str, str] | None]] = [
        (each.authority, "waits", PROTECTION_WAITS, None, each.since, (each.told, each.what_to_do()), None)
        for each in waiting_protection(home, authorities)
    ]
    found += [
        (
            each.authority,
            "unmet",
            "DECISION_UNMET",
            each.number,
            each.since,
            (each.told, each.what_to_do()),
            (each.told, each.what_to_do(in_full=True)),
        )
        for each in unmet_now(engine, home, authorities)
    ]
    found += [
        (
            each.authority,
            "proposed",
            "PROPOSAL_WAITS",
            each.number,
            each.since,
            (each.told, each.what_to_do()),
            (each.in_full, each.what_to_do()),
        )
        for each in waiting_proposals(engine, authorities)
    ]
    return [
        First(authority, night.get(authority), OPENINGS[word], code, number, since, *words, in_full or words)
        for authority, word, code, number, since, words, in_full in found
    ]
