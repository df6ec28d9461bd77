"""What interim indexes say for a night: kept with its person records where there is any, and what it is built from.

Belongs here: which of them count. One counts while its feed is one that loads (`pipelines.nights.accreditation`) and for so many
days after its last delivery as its contract says. Whether it loads is no matter of a day, so it is told among the means of a
night (`outside`) and concerns the latest night alone. Not here: what is made of what they say (`pipelines.matching`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from pipelines.contracts import Contract, contract_for, registered_agencies
from pipelines.deliveries import Register
from pipelines.deliveries.accreditation import admission, standing_of
from pipelines.deployment import Deployment
from pipelines.nights.attempts import Attempt
from pipelines.nights.feed_rows import read_feeds
from pipelines.records.claims import claims_of
from pipelines.tables import read_table, write_table

__all__ = ["claims_in", "keep_claims", "outside"]

_OUTSIDE = "interim/"


def outside(deployment: Deployment, authority: str) -> dict[str, str]:
    """Name of a means → standing, of each interim index of the authority whose links do not count now; none: all do."""
    found = {}
    for agency in registered_agencies():
        if contract_for(agency.agency).claims:
            with deployment.engine.connect() as connection:
                standing = standing_of(connection, authority, agency.agency)
            loads = admission(standing, accredited_only=deployment.settings.accredited_only) == "loaded"
            if not loads and (standing != "none" or Register(deployment.engine).known(authority, agency.agency)):
                found[f"{_OUTSIDE}{agency.agency}"] = standing
    return found


def keep_claims(
    attempt: Attempt, live: Mapping[str, pa.Table], contracts: Mapping[str, Contract], records: pa.Table
) -> int:
    """Keep what the interim indexes of an attempt say, after its feeds were measured; how many rows. Where none says anything there is no table.

    Args:
        attempt: the attempt.
        live: agency → its live rows, of interim indexes alone.
        contracts: agency → the contract that they follow.
        records: the attempt's person records.
    """
    told = {row.agency: row.as_of for row in read_feeds(attempt)}
    night, counted = attempt.night.business_date, {}
    for agency, rows in live.items():
        as_of = told.get(agency)
        fresh = as_of is not None and night - as_of <= timedelta(days=contracts[agency].evidence_days)
        if rows.num_rows and fresh and f"{_OUTSIDE}{agency}" not in attempt.inputs.means:
            counted[agency] = rows
    _path(attempt.folder).unlink(missing_ok=True)
    if not counted:
        return 0
    claims = claims_of(counted, contracts, records, attempt.night.where)
    write_table(claims, _path(attempt.folder))
    return claims.num_rows


def claims_in(folder: Path) -> pa.Table | None:
    """What interim indexes say for the attempt in `folder` (`CLAIMS`); None where none does."""
    path = _path(folder)
    return read_table(path) if path.is_file() else None


def _path(folder: Path) -> Path:
    return folder / "person" / "claims.parquet"
