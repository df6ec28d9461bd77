"""How the work is cut: night × authority for everything local.

Nights are business dates. Authorities are a dynamic set, because a deployment hosts one, some or all of them; whoever
starts a run adds the authority first (`ensure_authority`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import dagster as dg

from pipelines.errors import IsindexError
from pipelines.nights.reach import LONDON
from pipelines.settings import settings

__all__ = [
    "AUTHORITIES",
    "AUTHORITY_TAG",
    "FIRST_NIGHT",
    "LONDON",
    "NIGHTS",
    "NIGHT_AUTHORITY",
    "NIGHT_TAG",
    "ensure_authority",
    "is_night",
    "partition_key",
    "partition_of",
]


def _first_night() -> date:
    """The first business date that Dagster knows: the first that may be delivered for, or of a home with nights the oldest.

    Where nights were let go since the first one it is the oldest that is kept, so that the span slides along with what is kept
    whenever the code location is loaded. The command line widens it to what lies in the landing place.
    """
    if settings().first_partition:
        return settings().first_partition
    may_come = settings().first_night
    names = [path.name for path in settings().home.glob("nights/*/????-??-??")]
    oldest = date.fromisoformat(min(names)) if names else None
    if oldest is None or (may_come is not None and oldest - may_come <= timedelta(settings().keep_nights)):
        return min(filter(None, (may_come, oldest)), default=date(2026, 1, 1))
    return oldest


FIRST_NIGHT = _first_night().isoformat()
LAST_NIGHT = settings().last_partition

AUTHORITIES = dg.DynamicPartitionsDefinition(name="authority")
# Nights are added as days go by, so a process that runs for months knows tomorrow's: a business date may be delivered for
# on the day before, when Dagster thinks that neither day is over.
_AHEAD = (LAST_NIGHT - datetime.now(LONDON).date()).days if LAST_NIGHT else 0
NIGHTS = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, timezone=LONDON.key, end_offset=max(2, _AHEAD + 2))
NIGHT_AUTHORITY = dg.MultiPartitionsDefinition({"authority": AUTHORITIES, "night": NIGHTS})

AUTHORITY_TAG, NIGHT_TAG = "dagster/partition/authority", "dagster/partition/night"
"""Tags that Dagster gives to each run of one authority's night, whoever starts it."""


def partition_key(authority: str, business_date: date) -> dg.MultiPartitionKey:
    """The partition of one authority's night."""
    return dg.MultiPartitionKey({"authority": authority, "night": business_date.isoformat()})


def partition_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[str, date]:
    """The authority and business date that a step works on, from the tags of its run: those that the lock is taken by.

    Raises:
        IsindexError: NIGHT_UNKNOWN when the run is not of one authority's night.
    """
    tags = context.run.tags
    if AUTHORITY_TAG not in tags or NIGHT_TAG not in tags:
        raise IsindexError(
            "NIGHT_UNKNOWN",
            "the run is not of one authority's night",
            remedy="Launch it for a partition, that is an authority and a night; for several, a run for each.",
        )
    return tags[AUTHORITY_TAG], date.fromisoformat(tags[NIGHT_TAG])


def ensure_authority(instance: dg.DagsterInstance, authority: str) -> None:
    """Make `authority` a partition of the instance."""
    if not instance.has_dynamic_partition("authority", authority):
        instance.add_dynamic_partitions("authority", [authority])


def is_night(business_date: date) -> bool:
    """Whether the deployment's span of nights has that date."""
    return NIGHTS.has_partition_key(business_date.isoformat())
