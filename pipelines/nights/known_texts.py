"""Reading and judging cost what changed: what is known of a feed's records from the delivery before, and judging those that are new.

Belongs here: which former delivery is taken, and judging once more what turns out not to be taken over. Not here: telling records apart
and reading the new ones (`deliveries.readers`), when a verdict stands (`validation.standing_verdicts`). Nothing of this can
change an outcome: where anything is missing or in doubt, all is read and judged.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.contracts.contract import Contract
from pipelines.deliveries import DeliveryEntry, Register, Store
from pipelines.deliveries.readers import Known, ReadResult
from pipelines.errors import IsindexError
from pipelines.validation.judge import Judged, judge
from pipelines.validation.standing_verdicts import kept_texts, verdict_means

__all__ = ["judge_new", "known_texts"]

_TRIES = 3  # before all is judged


def known_texts(register: Register, store: Store, entry: DeliveryEntry, contract: Contract) -> Known:
    """What is known of the records of a feed whose full delivery `entry` is to be read; never an error."""
    means = verdict_means(contract, entry.business_date, entry.authority)
    former = [
        each
        for each in register.known(entry.authority, entry.agency)
        if each.stored_at and each.mode == "full" and each.delivery_id != entry.delivery_id
    ]
    if not former:
        return Known(means)
    nearest = max(
        former,
        key=lambda each: (each.business_date <= entry.business_date, each.business_date, each.sequence or 0),
    )
    try:
        stored = store.open(nearest)
        digests = stored.texts
        accepted = stored.accepted if digests is not None else None
    except (IsindexError, OSError):  # whoever needs that delivery itself will say so
        return Known(means)
    if digests is None or accepted is None or len(digests) != accepted.num_rows:
        return Known(means)
    return Known(means, digests, accepted)


def judge_new(read: ReadResult, contract: Contract, entry: DeliveryEntry) -> tuple[Judged, pa.Table | None]:
    """The outcome of a delivery, as if all of it had been read and judged, and by which its records are known again.

    Args:
        read: as it was received.
        contract: by which.
        entry: of the delivery.
    """
    for attempt in range(_TRIES + 1):
        judged = judge(read, contract, entry.business_date, authority=entry.authority, taken=read.taken)
        if not judged.again or read.again is None or read.taken is None:
            break
        last = attempt + 1 >= _TRIES
        read = read.again(read.taken["position"].to_pylist() if last else judged.again)
    return judged, kept_texts(read.texts, judged.accepted, contract) if read.texts is not None else None
