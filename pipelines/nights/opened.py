"""Which records of an attempt are those of a child whom two people have opened: by the record that was named, or by what that was known by.

Belongs here: finding them. Not here: which of the decisions count, and what follows (`replaced`, `found_unpublished`).
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.attempts import Attempt
from pipelines.nights.inputs import Decided
from pipelines.nights.requests import known_by

__all__ = ["opened_among"]


def opened_among(attempt: Attempt, record_keys: pa.Array, decisions: Iterable[Decided]) -> pa.Array:
    """Those of these records of an attempt that a decision to open a child (kind `confirm`) names, or that have a number, or names and birth date, of
    the record that it named: registered anew it has another key.
    """
    confirmed = [each for each in decisions if each.kind == "confirm"]
    named = pa.array([each.record_a for each in confirmed if each.record_a], pa.string())
    tokens = pa.array(sorted({token for each in confirmed for token in each.known_by or ()}), pa.string())
    found = record_keys.filter(pc.is_in(record_keys, value_set=named))
    if not len(tokens) or not len(record_keys):
        return found
    theirs, _ = known_by(attempt, record_keys, places=False)
    like = theirs.filter(pc.is_in(theirs["token"], value_set=tokens))["record_key"].combine_chunks().cast(pa.string())
    return pc.unique(pa.concat_arrays([found, like]))
