"""What waits for somebody of each authority besides nights, deliveries, decisions and protection that is not in force: `isindex status` tells it as the pages do.

Belongs here: gathering it, in words. Not here: finding each (`tasks_now`, `silent_now`, `moves_of`, `feed_standings`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.deployment import Deployment
from pipelines.network.moves import moves_of
from pipelines.network.place import Network
from pipelines.nights.accreditation import feed_standings
from pipelines.reporting.commands import accredit_command, moves_command
from pipelines.reporting.protection_now import tasks_now
from pipelines.reporting.silence import silent_now
from pipelines.reporting.words import TASKS, plural, short_day

__all__ = ["Besides", "waits_besides"]


@dataclass(frozen=True)
class Besides:
    """One thing that waits: of which authority, `kind` (``wishes``, ``silent``, ``paused``, ``moves``), how many, and in words."""

    authority: str
    kind: str
    number: int
    told: str
    what_to_do: str


def waits_besides(deployment: Deployment, authority: str | None = None) -> list[Besides]:
    """Of an authority (default: all), by code; the gravest first: wishes to be protected, silence, paused feeds, moves of custody that it answers.

    Of children who are protected no move is counted: `isindex network moves` shows those to who may see them.

    Raises:
        IsindexError: STORE_DAMAGED, of the co-ordinating index.
    """
    found = [
        *_wishes(deployment),
        *_silent(deployment),
        *_paused(deployment, authority),
        *_moves(deployment, authority),
    ]
    return sorted((each for each in found if authority in (None, each.authority)), key=lambda each: each.authority)


def _wishes(deployment: Deployment) -> Iterator[Besides]:
    for each in tasks_now(deployment.engine):
        kinds = ", ".join(f"{TASKS[kind].text} {number:,}" for kind, number in each.tasks.items())
        number = sum(each.tasks.values())
        told = f"{plural(number, 'wish', 'wishes')} to be protected to look at ({kinds})."
        yield Besides(each.authority, "wishes", number, told, each.to_do)


def _silent(deployment: Deployment) -> Iterator[Besides]:
    for each in silent_now(deployment.engine, deployment.home):
        told = f"silent: nothing came of it for the newest night; last heard of for {short_day(each.heard)}."
        yield Besides(each.authority, "silent", 1, told, each.what_to_do)


def _paused(deployment: Deployment, authority: str | None) -> Iterator[Besides]:
    for each in feed_standings(deployment, authority):
        if each.standing == "paused":
            command = accredit_command("resume", each.agency, authority=each.authority, home=deployment.home.root)
            told = f"the feed of {each.agency} is paused: nothing that it delivers is loaded."
            yield Besides(each.authority, "paused", 1, told, f"When it may be loaded again: {command}")


def _moves(deployment: Deployment, authority: str | None) -> Iterator[Besides]:
    network = Network(deployment)
    if not deployment.keeps_network or network.in_force() is None:
        return
    waiting = Counter(each.answers for each in moves_of(network, authority).moves if not each.answered)
    for code, number in waiting.items():
        command = moves_command(code, deployment.home.root)
        yield Besides(
            code, "moves", number, f"{plural(number, 'move')} of custody to answer.", f"To list them: {command}"
        )
