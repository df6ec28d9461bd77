"""Nights of a small authority as the stages really make them, from sample deliveries to what the gates are given.

Belongs here: reading, judging, bringing together and linking, with a place to meddle with what a supplier sent. Nothing is
made by hand: the tables are those that each stage gives the next.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import contract_for, load_contract, registered_agencies
from pipelines.deliveries import lying
from pipelines.deliveries.files import verified
from pipelines.deliveries.readers import read_delivery
from pipelines.matching.night import match
from pipelines.records.live_records import apply_delivery
from pipelines.records.person_records import build_person_records
from pipelines.validation.judge import judge
from pipelines.validation.set_aside import values_set_aside
from sample_feeds.nights import make_nights
from tests.publishing.conftest import Night, table

FIRST, SECOND, THIRD = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)


class Town:
    """A small authority's deliveries of three nights, and its nights as far as they have been loaded."""

    def __init__(self, folder: Path, home, children: int = 160, seed: int = 11) -> None:
        self.home, self.landing = home, folder / "landing"
        make_nights(folder, ["330"], first_night=FIRST, nights=3, children=children, seed=seed, faults="none")
        self.live = {}

    def night(self, day, sent=None, absent=(), clusters=None, decisions=(), **changes) -> Night:
        """The night of `day`, ready for the gates.

        Args:
            day: the business date.
            sent: agency → what becomes of the records it sent, before they are judged.
            absent: agencies that send nothing.
            clusters: what becomes of the clusters.
            decisions: rows of the table of decisions.
            changes: as for `Night.changes`.
        """
        live, contracts, brought = dict(self.live), {}, {}
        for found in lying(str(self.landing), business_date=day):
            contract = contracts[found.agency] = load_contract(found.manifest.contract)
            if found.agency in absent:
                continue
            with verified(found, found.manifest.files) as files:
                read = read_delivery(files, contract, delta=False)
            if found.agency in (sent or {}):
                read = replace(read, records=sent[found.agency](read.records))
            judged = judge(read, contract, day, authority="330")
            live[found.agency] = apply_delivery(
                live.get(found.agency), judged.accepted, judged.rejects, contract, mode="full", lost=judged.counts["lost"],
                delivery_id=found.delivery_id, business_date=day,
            ).live  # fmt: skip
            brought[found.agency] = {
                "counts": {**judged.counts, "rows_in_manifest": read.rows_read},
                "set_aside": values_set_aside(judged.accepted, judged.rejects, contract, day),
            }
        for agency in absent:
            brought[agency] = {"counts": {}, "stale": True}
        people = build_person_records(live, {agency: contracts[agency] for agency in live}, "330", day)
        matched = match(
            people.records,
            people.names,
            unique_sources={
                agency.agency: contract_for(agency.agency).one_record_per_child for agency in registered_agencies()
            },
        )
        self.tonight = live
        return Night(
            self.home,
            day,
            {field.name: getattr(people, field.name) for field in fields(people)},
            clusters(matched.clusters) if clusters else matched.clusters,
            matched.apart,
            table("decisions", list(decisions)),
            authority="330",
            changes=changes,
            brought=brought,
        ).make()

    def publish(self, night, **overrides):
        """Publish the night that was made last; later ones build on it."""
        published = night.publish(**overrides)
        self.live = self.tonight
        return published


def every(nth: int, column: str, value: str | None):
    """Meddle: `value` in place of what stands in `column`, in one of `nth` records, the same ones on every night."""

    def meddle(records: pa.Table) -> pa.Table:
        at = records.schema.get_field_index(column)
        chosen = pa.array([crc32(key.encode()) % nth == 0 for key in records["key"].to_pylist()])
        changed = pc.if_else(chosen, pa.scalar(value, records.schema.field(at).type), records[column])
        return records.set_column(at, records.schema.field(at), changed)

    return meddle
