"""The last stage of a night: what people read. A held or failed night has its report too: it says why.

Every page is made of what the attempt has; what a stage that failed did not leave is simply not there.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import registered_agencies
from pipelines.deliveries import DeliveryEntry, Register, Store
from pipelines.nights.attempts import Attempt, reported
from pipelines.nights.claims import claims_in
from pipelines.nights.feeds import feed_tonight
from pipelines.nights.night import Night, StageReport
from pipelines.nights.requests import asking_positions
from pipelines.reporting import (
    Directory,
    MatchTables,
    match_figures,
    quality_figures,
    refresh,
    reject_figures,
    write_overview,
    write_reports,
)
from pipelines.reporting.claims import findings_of
from pipelines.tables import read_as_or_none, read_table
from pipelines.validation.rejects import FAULTS

__all__ = ["write", "write_night_overview"]


def write(night: Night) -> dict[str, StageReport]:
    """Write the report pages of the night; the figures of each by the name of its asset."""
    attempt = Attempt.last(night)
    register, store = Register(night.engine), Store(night.home)
    rejects = {}
    for agency in registered_agencies():
        tonight = feed_tonight(night, register, agency.agency)
        if tonight.in_force:
            rejects[agency.agency] = pa.concat_tables([_rejected(night, each, store) for each in tonight.in_force])
    matching = _matching(attempt)
    faults = _table(attempt.folder / "faults.parquet")
    standing = faults if faults is not None else FAULTS.empty_table()
    directory = Directory.read(night.business_date)
    here = (night.engine, night.authority, night.business_date)
    tasks = _table(attempt.folder / "protection" / "tasks.parquet")
    write_reports(night.home, *here, rejects, standing, matching, directory, tasks)
    write_overview(night.home, night.engine, night.business_date, directory)
    refresh(night.home, night.engine)
    reported(attempt)
    return {
        "rejected_records": StageReport(reject_figures(*here, rejects, standing, directory).as_metadata()),
        "data_quality": StageReport(quality_figures(*here, directory).as_metadata()),
        "match_review": StageReport(
            match_figures(night.authority, night.business_date, matching, directory).as_metadata()
        ),
    }


def write_night_overview(night: Night) -> None:
    """Write the overview alone: what a run that failed before its inputs were frozen leaves."""
    write_overview(night.home, night.engine, night.business_date, Directory.read(night.business_date))
    refresh(night.home, night.engine)


def _rejected(night: Night, entry: DeliveryEntry, store: Store) -> pa.Table:
    """The rejects of a delivery, with its sequence (positions are told apart by it), and whether the record asks to be protected."""
    rejected = store.open(entry).rejected
    asking = asking_positions(night.home, entry.delivery_id)
    rejected = rejected.append_column("asks_protection", pc.or_kleene(
        pc.is_in(rejected["position"], value_set=asking), pc.coalesce(rejected["asks_shield"], pa.scalar(False))))  # fmt: skip
    return rejected.append_column("sequence", pa.array([entry.sequence] * rejected.num_rows, pa.int64()))


def _matching(attempt: Attempt) -> MatchTables:
    """What matching and identities left in the attempt's folder, in the form reports may show."""
    folder = attempt.folder
    stats = folder / "matching" / "stats.json"
    return MatchTables(
        identities=_table(folder / "identities" / "identities.parquet"),
        review=_table(folder / "review.parquet"),
        events=_table(folder / "events.parquet"),
        stats=read_as_or_none(stats, dict) or {},
        claims=_claims_told(attempt),
    )


def _claims_told(attempt: Attempt) -> pa.Table | None:
    """What is told of interim indexes; None where none delivers, or nothing came of it yet."""
    claims = claims_in(attempt.folder)
    matching = attempt.folder / "matching"
    claimed, clusters, walls = (_table(matching / f"{name}.parquet") for name in ("claimed", "clusters", "walls"))
    if claims is None or claimed is None or clusters is None or walls is None:
        return None
    return findings_of(claims, claimed, clusters, walls, _open_records(attempt))


def _open_records(attempt: Attempt) -> pa.Array:
    """Keys of the records of children who are not hidden; none where nobody was judged yet."""
    seen, held = (_table(attempt.folder / "identities" / f"{name}.parquet") for name in ("visibility", "identities"))
    if seen is None or held is None:
        return pa.array([], pa.string())
    ids = seen.filter(pc.invert(pc.or_(seen["shielded"], seen["withheld"])))["index_id"].combine_chunks()
    return held.filter(pc.is_in(held["index_id"], value_set=ids))["record_key"].combine_chunks()


def _table(path: Path) -> pa.Table | None:
    return read_table(path) if path.is_file() else None
