"""What a step is given: the deployment it works for. Tests and the command line hand over another one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg

from pipelines.deployment import open_deployment
from pipelines.home import Home
from pipelines.nights import Night
from pipelines.settings import settings

__all__ = ["Deployment"]


class Deployment(dg.ConfigurableResource):
    """Where deliveries land and where everything is kept.

    Attributes:
        home: the home folder; default ``ISINDEX_HOME``.
        landing: the landing place, any fsspec address; default ``ISINDEX_LANDING``.
    """

    home: str = ""
    landing: str = ""

    def place(self) -> Home:
        """The home of this deployment, opened: no step goes round what `open_deployment` checks."""
        return open_deployment(Path(self.home or settings().home), self.landing_place(), create=True).home

    def landing_place(self) -> str:
        """The landing place of this deployment."""
        return self.landing or settings().landing

    def night(self, authority: str, business_date: date) -> Night:
        """The night of one authority in this deployment."""
        return Night(self.place(), self.landing_place(), authority, business_date)
