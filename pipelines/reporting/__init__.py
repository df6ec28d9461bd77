"""What people look at in the morning: figures of a night, and the pages, CSV and Markdown made of them.

Belongs here: gathering figures (`gather`) into plain data (`figures`) and showing them (`sheets`, `drawings`, `site`).
Not here: deciding anything. A report never changes a state, and never holds a value its reader may not see.
"""

from __future__ import annotations

from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import (
    MatchFigures,
    MatchTables,
    NightFigures,
    QualityFigures,
    RejectFigures,
    ShownModel,
)
from pipelines.reporting.gather import match_figures, night_figures, quality_figures, reject_figures
from pipelines.reporting.refresh import refresh, refresh_landing
from pipelines.reporting.review import carry_first_night, review_of
from pipelines.reporting.site import (
    write_front,
    write_matching,
    write_models,
    write_overview,
    write_quality,
    write_rejected,
    write_reports,
)
from pipelines.reporting.tables_of import match_sheets, night_sheets, quality_sheets, reject_sheets

__all__ = [
    "Directory",
    "MatchFigures",
    "MatchTables",
    "NightFigures",
    "QualityFigures",
    "RejectFigures",
    "ShownModel",
    "carry_first_night",
    "match_figures",
    "match_sheets",
    "night_figures",
    "night_sheets",
    "quality_figures",
    "quality_sheets",
    "refresh",
    "refresh_landing",
    "reject_figures",
    "reject_sheets",
    "review_of",
    "write_front",
    "write_matching",
    "write_models",
    "write_overview",
    "write_quality",
    "write_rejected",
    "write_reports",
]
