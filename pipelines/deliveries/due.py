"""When a feed is due, and until when it is waited for: by the clock in London.

Belongs here: what is said of a feed that has not come, worked out whenever somebody asks. Nothing that is kept holds it: it
would be untrue an hour later.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipelines.settings import settings

__all__ = ["ABSENT", "absent", "due_at", "first_awaited", "is_past_cut_off", "state_told"]

ABSENT = "expected"
"""What is kept of a feed of which nothing came; what is told of it is `absent`."""
_UNTOLD = frozenset({ABSENT, "late", "missing"})  # the others were kept by earlier programs
_LONDON = ZoneInfo("Europe/London")


def absent(business_date: date, arrival: str) -> str:
    """What a feed is of which nothing came: expected until it is due, late until the cut-off, then missing.

    Args:
        business_date: the night.
        arrival: the time of day (HH:MM) at which its contract says that it is there, on the morning after.
    """
    if datetime.now(_LONDON) < due_at(business_date, arrival):
        return "expected"
    return "missing" if is_past_cut_off(business_date) else "late"


def due_at(business_date: date, arrival: str) -> datetime:
    """When a delivery of the night is to be there, by the time of day of its contract."""
    return _morning_after(business_date, time.fromisoformat(arrival))


def state_told(kept: str, business_date: date, arrival: str | None) -> str:
    """The state of a feed as it is told now, from what is kept; without a time of arrival the cut-off decides alone."""
    if kept not in _UNTOLD:
        return kept
    if arrival is None:
        return "missing" if is_past_cut_off(business_date) else "expected"
    return absent(business_date, arrival)


def is_past_cut_off(business_date: date) -> bool:
    """Whether nobody waits any more for what has not come for a night."""
    return datetime.now(_LONDON) >= _morning_after(business_date, settings().cut_off)


def first_awaited() -> date:
    """The earliest business date of which something may still come in time."""
    return datetime.now(_LONDON).date() - timedelta(days=1)


def _morning_after(business_date: date, at: time) -> datetime:
    return datetime.combine(business_date + timedelta(days=1), at, _LONDON)
