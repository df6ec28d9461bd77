"""What every step of a night does around its stage: find its night, tell who started it, and note how it failed.

A wrong file does not get right by waiting, so only what may pass by itself is retried. The text of an unexpected
exception may hold a delivered value (a database names what it could not convert), so it is replaced by the kind of
exception and the places in the code it came through.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.partitions import partition_of
from assets.resources import Deployment
from assets.run_tags import started_by
from pipelines.errors import IsindexError
from pipelines.nights import Night
from pipelines.nights.failing import note_failure
from pipelines.nights.protective import protect_in_any_case
from pipelines.nights.reach import refuse_out_of_reach
from pipelines.outages import as_coded

__all__ = ["code_in", "faults_coded", "faults_told", "night_of"]

_CODED = re.compile(r"IsindexError: ([A-Z_]+):")
_TRIES = 3
_SECONDS = 20.0
_log = logging.getLogger(__name__)


@contextmanager
def night_of(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, deployment: Deployment, stage: str
) -> Iterator[Night]:
    """The night that a step works on; a fault in it is noted with the attempt and told without a value."""
    with faults_told():
        night = deployment.night(*partition_of(context))
        refuse_out_of_reach(night)
        try:
            yield night
        except Exception as fault:
            _note(night, stage, as_coded(fault), started_by(context.run))
            protect_in_any_case(night.deployment, night.authority)
            raise


@contextmanager
def faults_told() -> Iterator[None]:
    """Ask Dagster to try again what may pass, three times, twenty seconds apart; end at once for the rest."""
    try:
        yield
    except Exception as fault:
        told = as_coded(fault)
        if told.may_pass:
            raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_SECONDS) from told
        raise dg.Failure(str(told), metadata=told.as_json(), allow_retries=False) from None


@contextmanager
def faults_coded() -> Iterator[None]:
    """For schedules and sensors, which look again at their next tick anyway: tell a fault without a value."""
    try:
        yield
    except Exception as fault:
        raise as_coded(fault) from None


def code_in(event: dg.DagsterEvent) -> str:
    """The code of the fault that ended a run before its first step; "" where it has none."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None:
        if found := _CODED.search(error.message):
            return found[1]
        error = error.cause
    return ""


def _note(night: Night, stage: str, error: IsindexError, who: str) -> None:
    try:
        note_failure(night, stage, error, started_by=who)
    except Exception as fault:  # the database may be what is away: the plan then finds the attempt interrupted
        _log.warning("the attempt could not be noted as failed: %s", type(fault).__name__)
