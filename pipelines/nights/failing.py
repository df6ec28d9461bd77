"""Noting that a run of a night failed, and what it would have been built from.

Belongs here: what a failure leaves, so that the plan can tell a night that merely failed from one whose inputs have changed
since. Not here: the rows themselves (`attempts`), what is outstanding (`plan`).
"""

from __future__ import annotations

import logging

from pipelines.errors import IsindexError
from pipelines.nights.attempts import fail
from pipelines.nights.night import Night
from pipelines.nights.plan import inputs_now
from pipelines.outages import as_coded

__all__ = ["note_failure"]

_log = logging.getLogger(__name__)


def note_failure(night: Night, stage: str, error: IsindexError, *, started_by: str) -> None:
    """Note that a run of the night failed in `stage`; before its inputs were frozen, with those that it would have had."""
    fail(night, stage, error, started_by=started_by, would_be=lambda: _data_digest(night))


def _data_digest(night: Night) -> str:
    """Of what the night would be built from; "" where that cannot be told: what it fails of may be in the way of this too."""
    try:
        return inputs_now(night).data_digest
    except Exception as fault:
        _log.warning("what %s would be built from could not be noted: %s", night.where, as_coded(fault).code)
        return ""
