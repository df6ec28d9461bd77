"""The last stage of a night: what people read, and the note that the night is complete."""

from __future__ import annotations

from pipelines.contracts import registered_agencies
from pipelines.deliveries import Register, Store
from pipelines.nights.feeds import feed_tonight
from pipelines.nights.night import Night, StageReport
from pipelines.nights.plan import inputs_of
from pipelines.nights.record import note_inputs
from pipelines.reporting import (
    Directory,
    MatchTables,
    match_figures,
    quality_figures,
    reject_figures,
    review_of,
    write_overview,
    write_reports,
)
from pipelines.tables import read_json, read_table, write_table

__all__ = ["write"]


def write(night: Night) -> dict[str, StageReport]:
    """Write the report pages of the night; the figures of each by the name of its asset.

    A held night has reports too: they say why.
    """
    with night.alone():
        register, store = Register(night.engine), Store(night.home)
        rejects = {}
        for agency in registered_agencies():
            tonight = feed_tonight(night, register, agency.agency)
            if tonight.in_force:
                rejects[agency.agency] = store.open(tonight.in_force[-1]).rejected
        matching = _matching(night)
        directory = Directory.read(night.business_date)
        here = (night.engine, night.authority, night.business_date)
        write_reports(night.home, *here, rejects, matching, directory)
        write_overview(night.home, night.engine, night.business_date, directory)
        reports = {
            "rejected_records": StageReport(reject_figures(*here, rejects, directory).as_metadata()),
            "data_quality": StageReport(quality_figures(*here, directory).as_metadata()),
            "match_review": StageReport(
                match_figures(night.authority, night.business_date, matching, directory).as_metadata()
            ),
        }
        note_inputs(night, inputs_of(night.engine, night.authority, night.business_date))
        return reports


def _matching(night: Night) -> MatchTables:
    """What matching and identities left in the night's folder, in the form reports may show."""
    earlier = night.before()
    path = "matching/review.parquet"
    before = earlier.folder / path if earlier else None
    review = review_of(
        read_table(night.folder / "matching" / "possible.parquet"),
        night.business_date,
        previous=read_table(before) if before and before.exists() else None,
    )
    write_table(review, night.folder / path)
    return MatchTables(
        identities=read_table(night.folder / "identities" / "identities.parquet"),
        review=review,
        events=read_table(night.folder / "events.parquet"),
        stats=read_json(night.folder / "matching" / "stats.json"),
    )
