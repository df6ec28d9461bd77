"""What each feed brought to a night, as the attempt keeps it (``feeds.json``): the rows of the overview and the manifest.

Belongs here: the row, reading and writing it, and the form in which the published manifest has it. A feed that did not
come is carried on from the base, with the day its records really describe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from pipelines.contracts import registered_agencies
from pipelines.deliveries import Register
from pipelines.deliveries.due import ABSENT
from pipelines.nights.attempts import Attempt
from pipelines.nights.feeds import feed_tonight
from pipelines.publishing.feed_input import FeedInput
from pipelines.tables import read_as, write_json

__all__ = ["FeedRow", "feed_inputs", "read_feeds", "tell_feeds", "write_feeds"]


@dataclass(frozen=True)
class FeedRow:
    """One feed after a night.

    Attributes:
        agency: of the feed.
        delivery_id: the last delivery its records come from; None if none ever came. So are `contract`, `created_at` and
            `manifest_sha256` of that delivery.
        counts: rows_read and the outcomes of all that is in force for that delivery's business date; so are `rules` (rule →
            records) and `set_aside`.
        as_of: the business date its records describe; earlier than the night: the feed is stale.
        live_records: after the night.
        set_aside: column → (values set aside, values delivered).
        measures: of `pipelines.validation.measures.measure`, with ``overlap``.
    """

    agency: str
    delivery_id: str | None
    contract: str | None
    as_of: date | None
    created_at: str | None
    manifest_sha256: str | None
    counts: Mapping[str, int]
    rules: Mapping[str, int]
    live_records: int
    measures: Mapping[str, float]
    set_aside: Mapping[str, tuple[int, int]]


def write_feeds(attempt: Attempt, rows: Sequence[FeedRow]) -> None:
    """Keep the feeds of an attempt."""
    told = [asdict(row) | {"as_of": row.as_of.isoformat() if row.as_of else None} for row in rows]
    write_json(told, attempt.folder / "feeds.json")


def read_feeds(attempt: Attempt) -> list[FeedRow]:
    """The feeds of an attempt, by agency in display order; none before they were measured."""
    path = attempt.folder / "feeds.json"
    return read_as(path, _rows) if path.is_file() else []


def feed_inputs(attempt: Attempt) -> list[FeedInput]:
    """The feeds as the published manifest has them."""
    night = attempt.night.business_date
    return [
        FeedInput(
            agency=row.agency,
            delivery_id=row.delivery_id,
            contract=row.contract,
            as_of=row.as_of,
            stale=row.as_of != night,
            created_at=row.created_at,
            manifest_sha256=row.manifest_sha256,
            live_records=row.live_records,
            counts=row.counts if row.as_of == night else {},
            set_aside={name: (int(pair[0]), int(pair[1])) for name, pair in row.set_aside.items()},
        )
        for row in read_feeds(attempt)
    ]


def tell_feeds(attempt: Attempt) -> None:
    """Write the rows of table `feed_night`, for an attempt that is in force or the only one its night has.

    What they say does not depend on when they are written: of a feed that has not come, that nothing came.
    """
    night = attempt.night
    register = Register(night.engine)
    tonight = {each.agency: feed_tonight(night, register, each.agency) for each in registered_agencies()}
    rows = [
        {
            "agency": row.agency,
            "state": feed.state if (feed := tonight[row.agency]).latest else ABSENT,
            "delivery_id": row.delivery_id,
            "as_of": row.as_of,
            "live_records": row.live_records,
            "measures": dict(row.measures),
        }
        for row in read_feeds(attempt)
    ]
    register.set_feed_nights(night.authority, night.business_date, rows)


def _rows(told: Sequence[Mapping[str, Any]]) -> list[FeedRow]:
    return [FeedRow(**{**row, "as_of": date.fromisoformat(row["as_of"]) if row["as_of"] else None}) for row in told]
