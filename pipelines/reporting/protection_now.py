"""What waits for people of the protection of children, as of each authority's newest night: the first page, a load and `isindex status` tell it.

Belongs here: counting it, and saying where to look. Not here: which wishes are tasks (`pipelines.protection.tasks`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, func, select

from pipelines.database.schema import attempt
from pipelines.reporting.words import TASKS, plural

__all__ = ["GRAVE", "TasksOfNight", "tasks_now"]

GRAVE = tuple(kind for kind, word in TASKS.items() if word.tone == "bad")
"""The kinds of tasks for which a load does not end well: somebody who asked may not be protected as asked."""


@dataclass(frozen=True)
class TasksOfNight:
    """The tasks of an authority's newest night that came so far: by kind, those of which there are any."""

    authority: str
    business_date: date
    tasks: Mapping[str, int]

    @property
    def grave(self) -> dict[str, int]:
        """Those of a kind that is grave."""
        return {kind: number for kind, number in self.tasks.items() if kind in GRAVE}

    @property
    def page(self) -> str:
        """The page that lists them, from the reports' folder."""
        return f"{self.business_date.isoformat()}/{self.authority}/protection.html"

    @property
    def reasons(self) -> list[str]:
        """The grave ones, a sentence for each kind."""
        return [
            f"{plural(number, 'wish', 'wishes')} to be protected: {TASKS[kind].text}. {TASKS[kind].meaning}"
            for kind, number in self.grave.items()
        ]

    @property
    def to_do(self) -> str:
        """What to do about them."""
        return f"The page reports/{self.page} names each, with what to do."


def tasks_now(engine: Engine, authorities: Collection[str] | None = None) -> list[TasksOfNight]:
    """Of each authority (default: all) that has any, by code; published or not: a night that is held knows of later wishes."""
    row = attempt.c
    newest = select(func.max(row.attempt_id)).group_by(row.authority, row.business_date)
    query = (
        select(row.authority, row.business_date, row.figures)
        .where(row.attempt_id.in_(newest), row.state != "running")
        .order_by(row.authority, row.business_date.desc())
    )
    if authorities is not None:
        query = query.where(row.authority.in_(sorted(authorities)))
    found: dict[str, TasksOfNight] = {}
    with engine.connect() as connection:
        for authority, business_date, figures in connection.execute(query):
            if authority not in found and "protection" in (figures or {}):
                counts = {kind: int(figures["protection"].get(kind, 0)) for kind in TASKS}
                found[authority] = TasksOfNight(authority, business_date, {kind: n for kind, n in counts.items() if n})
    return [each for each in found.values() if each.tasks]
