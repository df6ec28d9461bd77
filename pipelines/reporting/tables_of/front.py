"""The tables of the first page: what waits for somebody, what lies where it should not, and all nights."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sqlalchemy import Engine, func, select

from pipelines.database.schema import attempt, delivery, feed_night
from pipelines.deliveries.findings_kept import kept_findings, kept_incomplete
from pipelines.deliveries.standing import nights_of_nobody_admitted, nights_taken_in_whole, standing_deliveries
from pipelines.home import Home
from pipelines.publishing.tombstones import tombstones
from pipelines.reporting.first_of_all import first_of_all
from pipelines.reporting.protection_now import TasksOfNight, tasks_now
from pipelines.reporting.readers_see import authorities_published
from pipelines.reporting.sheets import Cell, Code, Head, Link, Sheet, Told
from pipelines.reporting.silence import Silent, silent_now
from pipelines.reporting.tables_of.first import first_sheet
from pipelines.reporting.way_out import remedy_of, what_to_do
from pipelines.reporting.words import STATES, TASKS, day

__all__ = ["front_sheets", "landing_sheet"]


def front_sheets(engine: Engine, home: Home, business_date: date | None = None) -> dict[str, Sheet]:
    """Sheets ``first``, ``silent``, ``waiting``, ``standing``, ``protection``, ``landing``, ``nights``; `business_date` has a page of its own already."""
    with engine.connect() as connection:
        newest = select(func.max(attempt.c.attempt_id)).group_by(attempt.c.authority, attempt.c.business_date)
        tried = connection.execute(
            select(attempt)
            .where(attempt.c.attempt_id.in_(newest))
            .order_by(attempt.c.business_date.desc(), attempt.c.authority)
        ).all()
        begun = connection.execute(
            select(delivery.c.authority, func.min(delivery.c.business_date)).group_by(delivery.c.authority)
        ).all()
        fed = connection.execute(select(feed_night.c.business_date, feed_night.c.authority).distinct()).all()
    authorities: dict[date, set[str]] = {}
    for row in (*tried, *fed):
        authorities.setdefault(row.business_date, set()).add(row.authority)
    if business_date:
        authorities.setdefault(business_date, set())
    states: dict[tuple[date, str], int] = {}
    for row in tried:
        state = "published" if row.state == "retired" and row.version else row.state
        states[row.business_date, state] = states.get((row.business_date, state), 0) + 1
    held = {(row.authority, row.business_date) for row in tried if row.state == "held"}
    # there is nothing to publish, by decision; or it is in a later night
    quiet = nights_of_nobody_admitted(engine, held) | nights_taken_in_whole(engine, held)
    waiting: list[tuple[Cell, ...]] = [
        (
            Code(row.business_date.isoformat()),
            Code(row.authority),
            STATES[row.state],
            Told(" ".join(row.reasons)),
            Told(what_to_do(row)),
        )
        for row in tried
        if row.state == "failed" or (row.state == "held" and (row.authority, row.business_date) not in quiet)
    ]
    written = {path.parent.name for path in home.reports.glob("????-??-??/index.html")}
    written |= {business_date.isoformat()} if business_date else set()
    taken = Counter(stone.business_date for each in authorities_published(home) for stone in tombstones(home, each))
    nights: list[tuple[Cell, ...]] = [
        (
            Link(day(each), f"{each.isoformat()}/index.html") if each.isoformat() in written else day(each),
            Code(each.isoformat()),
            len(authorities[each]),
            states.get((each, "published"), 0),
            states.get((each, "held"), 0),
            states.get((each, "failed"), 0),
            sum(first < each and authority not in authorities[each] for authority, first in begun),
            taken[each],
        )
        for each in sorted(authorities, reverse=True)
    ]
    titles = ("Authorities", "Published", "Held", "Failed", "Silent", "Versions shown less or removed")
    numbers = tuple(Head(text, number=True) for text in titles)
    return {
        "first": first_sheet(first_of_all(engine, home)),
        "silent": _silent_sheet(silent_now(engine, home)),
        "waiting": Sheet(
            "waiting",
            "Nights that wait for somebody",
            (
                Head("Business date"),
                Head("Authority", pick=True),
                Head("State", pick=True),
                Head("Why"),
                Head("What to do"),
            ),
            waiting,
            empty="No night is held, and none has failed.",
        ),
        "standing": Sheet(
            "standing",
            "Deliveries that wait for somebody",
            (
                Head("Business date"),
                Head("Authority", pick=True),
                Head("Agency", pick=True),
                Head("Sequence", number=True),
                Head("State", pick=True),
                Head("Code", pick=True),
                Head("What is wrong"),
                Head("What to do"),
            ),
            [
                (
                    Code(entry.business_date.isoformat()),
                    Code(entry.authority),
                    entry.agency,
                    entry.sequence,
                    STATES[entry.state],
                    Code(code["code"]),
                    Told(code["message"]),
                    Told(remedy_of(entry, code["code"], code["remedy"])),
                )
                for entry in standing_deliveries(engine)
                for code in entry.codes
                if code["severity"] in ("hold", "refuse")
            ],
            empty="No delivery is held, and none was refused that has not been put right.",
        ),
        "protection": _protection_sheet(tasks_now(engine), home),
        "landing": landing_sheet(home),
        "nights": Sheet("nights", "Nights, newest first", (Head("Night"), Head("Business date"), *numbers), nights),
    }


def _silent_sheet(found: list[Silent]) -> Sheet:
    """Authorities that sent nothing for the newest night."""
    return Sheet(
        "silent",
        "Silent authorities: nothing came of them for the newest night",
        (
            Head("Authority", pick=True),
            Head("Last heard of for the night"),
            Head("Readers see the night"),
            Head("What to do"),
        ),
        [(Code(each.authority), each.heard, each.sees, each.what_to_do) for each in found],
        empty="No authority is silent.",
    )


def _protection_sheet(found: list[TasksOfNight], home: Home) -> Sheet:
    """What waits for somebody of the protection of children, by authority, as of its newest night."""
    kinds = {kind: word for kind, word in TASKS.items() if any(each.tasks.get(kind) for each in found)}
    return Sheet(
        "protection",
        "Wishes to be protected that wait for somebody",
        (
            Head("Authority", pick=True),
            Head("Night"),
            *(Head(word.text, number=True) for word in kinds.values()),
            Head("What to do"),
        ),
        [
            (
                Link(each.authority, each.page) if (home.reports / each.page).is_file() else Code(each.authority),
                Code(each.business_date.isoformat()),
                *(each.tasks.get(kind, 0) for kind in kinds),
                each.to_do,
            )
            for each in found
        ],
        empty="No wish to be protected waits for anybody.",
        folds={"To look at": tuple(word.text for word in kinds.values())} if kinds else {},
    )


def landing_sheet(home: Home) -> Sheet:
    """What the last look at the landing place found and nobody takes in."""
    return Sheet(
        "landing",
        "In the landing place, and not taken in",
        (Head("Place"), Head("Code", pick=True), Head("What is wrong"), Head("What to do")),
        [
            *(
                (Code(each.place or "further places"), Code(each.code), Told(each.message), Told(each.remedy))
                for each in kept_findings(home)
            ),
            *(
                (
                    Code(place),
                    None,
                    "It waits for its manifest.",
                    "Nothing while it is uploaded; else ask the supplier.",
                )
                for place in kept_incomplete(home)
            ),
        ],
        empty="Everything in the landing place belongs to somebody.",
    )
