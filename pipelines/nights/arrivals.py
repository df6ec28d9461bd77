"""What lies in the landing place of a deployment: what is new, and what is amiss there.

Belongs here: looking, and letting the reports tell what was found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pipelines.contracts import authorities as known_authorities
from pipelines.contracts import registered_agencies
from pipelines.deliveries import LandingKnowledge, Look, look
from pipelines.deliveries.findings_kept import keep_findings
from pipelines.deliveries.landing_findings import tell
from pipelines.deployment import Deployment
from pipelines.nights.hearing import floods_waiting, hear
from pipelines.nights.reach import LONDON, first_nights, retired_nights
from pipelines.reporting import refresh_landing

__all__ = ["look_around"]


def look_around(deployment: Deployment, *, authorities: Collection[str] | None = None) -> Look:
    """Look at the landing place: deliveries that are not decided yet, and findings that people have to settle.

    What is amiss is kept in the home; the first page of the reports and the latest overview tell of it. What is not taken in and
    asks for protection is heard; where that cannot be, it is a finding, and so is a flood that does not count.

    Raises:
        IsindexError: LANDING_MISSING.
    """
    today = datetime.now(LONDON).date()
    every = known_authorities.known()
    hosted = frozenset(filter(deployment.hosts, every))
    found = look(
        deployment.landing,
        deployment.engine,
        known=LandingKnowledge(
            hosted,
            {agency.agency for agency in registered_agencies()},
            first_nights(deployment),
            today,
            retired_nights(deployment),
            every - hosted,
        ),
        authorities=authorities,
    )
    unheard = tell([*hear(deployment, found.astray, today), *floods_waiting(deployment, authorities)])
    found = replace(found, findings=tuple(sorted((*found.findings, *unheard), key=lambda each: each.code)))
    if keep_findings(deployment.home, found.findings, authorities, found.incomplete):
        refresh_landing(deployment.home, deployment.engine)
    return found
