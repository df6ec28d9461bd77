"""What one feed brought to a night, as the gates weigh it and the manifest tells it.

Belongs here: the shape alone. Not here: where the figures come from (the nights), what must hold of them (gates).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

__all__ = ["FeedInput"]


@dataclass(frozen=True)
class FeedInput:
    """What one feed brought to a night.

    Attributes:
        agency: the agency of the feed.
        delivery_id: the delivery the feed's records come from; None if none ever came.
        contract: contract and version, for example ``health/1``.
        as_of: the business date the records describe.
        stale: nothing came for this night, so the records of an earlier one stand.
        created_at: when the supplier made the delivery, aware ISO text.
        manifest_sha256: hash of the delivery's manifest.
        live_records: live records of the feed after the night.
        counts: rows_in_manifest, rows_read, accepted, queried, rejected, repeats, lost of all that was taken in for this
            night (empty when stale).
        set_aside: column → (values set aside, values delivered) of all that is in force for the day of the records, stale or
            not, for columns of which any value was set aside (`validation.set_aside.values_set_aside`).
    """

    agency: str
    delivery_id: str | None
    contract: str | None
    as_of: date | None
    stale: bool
    created_at: str | None
    manifest_sha256: str | None
    live_records: int
    counts: Mapping[str, int] = field(default_factory=dict)
    set_aside: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As the manifest holds it: days as ISO text."""
        return asdict(self) | {"as_of": self.as_of.isoformat() if self.as_of else None}
