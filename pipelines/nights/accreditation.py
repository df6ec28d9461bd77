"""Deciding of feeds: invited, tested, accredited, paused, resumed, ended; each act is kept for good, and stands in the audit.

Belongs here: which act may follow on which standing, what a grant asks for, and writing both in one transaction. Not here: what a standing
means for a delivery (`pipelines.deliveries.accreditation`), the requirements (`pipelines.validation.checklist`).

    none → invited → testing → accredited → ended;   none, testing, accredited ⇄ paused

An act counts at once: the next delivery that is looked at is taken in, tested or refused by it. What was taken in before stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from pipelines.audit import append, writing
from pipelines.contracts import registered_agencies
from pipelines.database import schema as db
from pipelines.deliveries.accreditation import Act, Admission, acts, admission, standing_of
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.decisions import require_reason
from pipelines.validation.checklist import Checklist, checklist_of

__all__ = ["FeedStanding", "decide_feed", "every_act", "feed_standings"]

# act → the standings on which it may follow, and what the feed is after it ("": what it was before it was paused)
_STEPS: dict[str, tuple[tuple[str, ...], str]] = {
    "invite": (("none", "ended"), "invited"),
    "test": (("none", "invited", "paused"), "testing"),
    "grant": (("none", "invited", "testing"), "accredited"),
    "pause": (("none", "testing", "accredited"), "paused"),
    "resume": (("paused",), ""),
    "end": (("none", "invited", "testing", "accredited", "paused"), "ended"),
}


@dataclass(frozen=True)
class FeedStanding:
    """A feed as it stands now: what was decided last, if anything was, and what becomes of its deliveries."""

    authority: str
    agency: str
    standing: str
    deliveries: Admission
    since: str | None
    actor: str | None
    reason: str | None
    despite: tuple[str, ...] = ()


def decide_feed(
    deployment: Deployment,
    authority: str,
    agency: str,
    act: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    despite: bool = False,
) -> Act:
    """Write down what is decided of a feed.

    Args:
        deployment: where.
        authority: 3-digit code.
        agency: whose feed.
        act: one of `ACCREDITATION_ACTS`.
        actor: who decides.
        reason: why.
        at: now.
        despite: of a grant, whether the feed is accredited although it does not meet every requirement; those it does not are kept with it.

    Raises:
        IsindexError: DECISION_INCOMPLETE without actor or reason; ACCREDITATION_STEP when it cannot follow on what the feed is;
            ACCREDITATION_UNMET when a feed that is to be accredited does not meet every requirement.
    """
    require_reason(actor, reason)
    checklist = checklist_of(deployment.engine, authority, agency) if act == "grant" else None
    with writing(deployment) as connection:
        standing = standing_of(connection, authority, agency)
        after = _after(connection, authority, agency, act, standing)
        if checklist is not None and not checklist.holds and not despite:
            raise _unmet(checklist)
        row = {
            "authority": authority, "agency": agency, "act": act, "standing": after, "actor": actor.strip(),
            "reason": reason.strip(), "checklist": checklist.as_json() if checklist else None,
            "despite": list(checklist.unmet) if checklist else [], "decided_at": at.isoformat(timespec="seconds"),
        }  # fmt: skip
        number = connection.execute(
            insert(db.accreditation).values(row).returning(db.accreditation.c.act_id)
        ).scalar_one()
        note = f" despite {', '.join(checklist.unmet)}" if checklist and checklist.unmet else ""
        append(
            connection, f"accredit {act}", actor=actor, why=reason, at=at.isoformat(timespec="seconds"), authority=authority,
            subject=f"{agency}: {standing} → {after}{note}",
        )  # fmt: skip
        written = connection.execute(select(db.accreditation).where(db.accreditation.c.act_id == number)).one()
        return Act(*written)


def feed_standings(
    deployment: Deployment, authority: str | None = None, agency: str | None = None
) -> list[FeedStanding]:
    """Every feed of which something was decided, or of an authority that ever delivered, as it stands now; by authority and agency.

    Of the `authority` or the `agency` that is named every feed, or none but its own.
    """
    only = deployment.settings.accredited_only
    with deployment.engine.connect() as connection:
        decided = {(each.authority, each.agency): each for each in acts(connection, authority, agency)}
        came = set(connection.scalars(select(db.delivery.c.authority).distinct()))
    codes = {authority} if authority is not None else {*came, *(code for code, _ in decided)}
    names = [each.agency for each in registered_agencies() if agency in (None, each.agency)]
    feeds = {*((code, name) for code in codes for name in names), *decided}
    found = []
    for code, name in sorted(
        feeds, key=lambda feed: (feed[0], names.index(feed[1]) if feed[1] in names else len(names))
    ):
        last = decided.get((code, name))
        standing = last.standing if last else "none"
        loads = admission(standing, accredited_only=only)
        found.append(
            FeedStanding(
                code, name, standing, loads, last.decided_at if last else None, last.actor if last else None,
                last.reason if last else None, tuple(last.despite) if last else (),
            )
        )  # fmt: skip
    return found


def every_act(deployment: Deployment, authority: str | None = None, agency: str | None = None) -> list[Act]:
    """All that was decided of feeds, the latest first."""
    with deployment.engine.connect() as connection:
        return acts(connection, authority, agency)[::-1]


def _after(connection: Connection, authority: str, agency: str, act: str, standing: str) -> str:
    """What the feed is after the act."""
    before, after = _STEPS[act]
    if standing not in before:
        possible = [name for name, (standings, _) in _STEPS.items() if standing in standings]
        raise IsindexError(
            "ACCREDITATION_STEP",
            f"{_told(standing)} `{act}` cannot follow on that.",
            where=f"{authority}/{agency}",
            remedy=f"What can follow: {', '.join(f'`isindex accredit {name}`' for name in possible)}.",
        )
    if after:
        return after
    earlier = [each.standing for each in acts(connection, authority, agency) if each.standing != "paused"]
    return earlier[-1] if earlier else "none"


def _told(standing: str) -> str:
    return "Nothing was decided of this feed." if standing == "none" else f"This feed is {standing} already."


def _unmet(checklist: Checklist) -> IsindexError:
    return IsindexError(
        "ACCREDITATION_UNMET",
        f"On {checklist.asked} consecutive nights the feed has not been {', '.join(checklist.unmet)}.",
        where=f"{checklist.authority}/{checklist.agency}",
        remedy="`isindex accredit check` tells of each night. To accredit it all the same say --despite; what is not met is kept with it.",
    )
