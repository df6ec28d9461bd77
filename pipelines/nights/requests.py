"""What deliveries ask to be protected: kept before anything is decided of them, and read by the nights it concerns.

Belongs here: a file for each delivery that asks, and a row that says so. The file holds nothing that can be read
(`pipelines.protection.register`); it is kept whatever becomes of the delivery, for the register never forgets.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from sqlalchemy import delete, insert

from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry
from pipelines.errors import IsindexError
from pipelines.nights.inputs import Asking
from pipelines.nights.night import Night
from pipelines.protection.register import Asked, requests_of
from pipelines.tables import file_sha256, read_table, write_table

__all__ = ["asked_for", "keep_requests"]


def keep_requests(night: Night, entry: DeliveryEntry, asking: pa.Table | None) -> None:
    """Keep what the records of a delivery ask for (`ASKING`), if any does."""
    if asking is None or not asking.num_rows:
        return
    stored = write_table(requests_of(asking, entry.agency, entry.delivery_id), night.home.protection(entry.delivery_id))
    row = {
        "delivery_id": entry.delivery_id, "authority": entry.authority, "agency": entry.agency,
        "business_date": entry.business_date, "records": asking.num_rows, "content_sha256": stored.sha256,
    }  # fmt: skip
    with night.engine.begin() as connection:
        connection.execute(
            delete(db.protection_request).where(db.protection_request.c.delivery_id == entry.delivery_id)
        )
        connection.execute(insert(db.protection_request).values(row))


def asked_for(night: Night, asking: Iterable[Asking]) -> list[Asked]:
    """What the deliveries among a night's inputs ask for.

    Raises:
        IsindexError: REQUESTS_DAMAGED when a file is not what it was: nobody could be hidden safely.
    """
    found = []
    for each in asking:
        path = night.home.protection(each.delivery_id)
        if not path.is_file() or file_sha256(path) != each.content:
            raise IsindexError(
                "REQUESTS_DAMAGED",
                "What a delivery asks to be protected is not what was kept of it.",
                where=each.delivery_id,
                remedy="Restore the home from its backup; nothing is published before.",
            )
        found.append(Asked(each.delivery_id, each.agency, each.business_date, read_table(path)))
    return found
