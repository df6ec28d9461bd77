"""Transient faults are tried again, others are not: a wrong file does not get right by waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import OperationalError

from pipelines.errors import TransientError

__all__ = ["transient_faults_retried"]

_TRIES = 3
_SECONDS = 20.0


@contextmanager
def transient_faults_retried() -> Iterator[None]:
    """Turn a fault that may pass by itself into a retry, at most three times, twenty seconds apart."""
    try:
        yield
    except (TransientError, OperationalError, ConnectionError, TimeoutError) as fault:
        raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_SECONDS) from fault
