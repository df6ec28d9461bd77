"""Faults in a step: transient ones are tried again, others end it, and none carries a value into the event log.

A wrong file does not get right by waiting, so only what may pass by itself is retried. The text of an unexpected
exception may hold a delivered value (a database names what it could not convert), so it is replaced by the kind of
exception and the places in the code it came through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines.outages import as_coded

__all__ = ["faults_told"]

_TRIES = 3
_SECONDS = 20.0


@contextmanager
def faults_told() -> Iterator[None]:
    """Retry a fault that may pass by itself, at most three times, twenty seconds apart; tell others without a value."""
    try:
        yield
    except Exception as fault:
        told = as_coded(fault)
        if told.may_pass:
            raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_SECONDS) from told
        raise told from None
