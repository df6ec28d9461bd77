"""Which tables each report has, a module per report.

Belongs here: columns, captions and the order of rows. Not here: gathering figures, page layout.
"""

from pipelines.reporting.tables_of.front import front_sheets, landing_sheet
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.tables_of.matching import match_sheets
from pipelines.reporting.tables_of.models import model_sheets, models_sheet
from pipelines.reporting.tables_of.network import network_sheets
from pipelines.reporting.tables_of.night import night_sheets
from pipelines.reporting.tables_of.protection import protection_sheets
from pipelines.reporting.tables_of.quality import quality_sheets
from pipelines.reporting.tables_of.rejected import reject_sheets

__all__ = [
    "ROWS_EMBEDDED",
    "front_sheets",
    "landing_sheet",
    "match_sheets",
    "model_sheets",
    "models_sheet",
    "network_sheets",
    "night_sheets",
    "protection_sheets",
    "quality_sheets",
    "reject_sheets",
]
