"""Faults in a step: transient ones are tried again, others end it, and none carries a value into the event log.

A wrong file does not get right by waiting, so only what may pass by itself is retried. The text of an unexpected
exception may hold a delivered value (a database names what it could not convert), so it is replaced by the kind of
exception and the places in the code it came through.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import OperationalError

from pipelines.errors import IsindexError, TransientError

__all__ = ["faults_told"]

_TRIES = 3
_SECONDS = 20.0


@contextmanager
def faults_told() -> Iterator[None]:
    """Retry a fault that may pass by itself, at most three times, twenty seconds apart; tell others without a value."""
    try:
        yield
    except (TransientError, OperationalError, ConnectionError, TimeoutError) as fault:
        told = fault if isinstance(fault, IsindexError) else _without_values(fault)
        raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_SECONDS) from told
    except IsindexError:
        raise
    except Exception as fault:
        raise _without_values(fault) from None


def _without_values(fault: BaseException) -> IsindexError:
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(fault.__traceback__)]
    return IsindexError(
        "STAGE_FAILED",
        f"{type(fault).__name__}, which this program did not expect.",
        where=" > ".join(places[-6:]),
        remedy="Run the night again; if it fails in the same place, report the code and the place.",
    )
