"""How the work is cut: night × authority for everything local.

Nights are business dates. Authorities are a dynamic set, because a deployment hosts one, some or all of them; whoever
starts a run adds the authority first (`ensure_authority`).
"""

from __future__ import annotations

import os
from datetime import date

import dagster as dg

__all__ = [
    "AUTHORITIES",
    "FIRST_NIGHT",
    "NIGHTS",
    "NIGHT_AUTHORITY",
    "ensure_authority",
    "partition_key",
    "partition_of",
]

# The first business date a deployment knows; a later one keeps the partition pages of the UI short.
FIRST_NIGHT = os.environ.get("ISINDEX_FIRST_NIGHT", "2026-01-01")

AUTHORITIES = dg.DynamicPartitionsDefinition(name="authority")
# end_offset: a business date is loaded on the day itself or later, before Dagster thinks the day is over
NIGHTS = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, end_offset=2)
NIGHT_AUTHORITY = dg.MultiPartitionsDefinition({"authority": AUTHORITIES, "night": NIGHTS})


def partition_key(authority: str, business_date: date) -> dg.MultiPartitionKey:
    """The partition of one authority's night."""
    return dg.MultiPartitionKey({"authority": authority, "night": business_date.isoformat()})


def partition_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[str, date]:
    """The authority and business date that a step works on."""
    key = context.partition_key
    if not isinstance(key, dg.MultiPartitionKey):
        raise dg.DagsterInvariantViolationError("A night runs for one authority and one business date.")
    keys = key.keys_by_dimension
    return keys["authority"], date.fromisoformat(keys["night"])


def ensure_authority(instance: dg.DagsterInstance, authority: str) -> None:
    """Make `authority` a partition of the instance."""
    if not instance.has_dynamic_partition("authority", authority):
        instance.add_dynamic_partitions("authority", [authority])
