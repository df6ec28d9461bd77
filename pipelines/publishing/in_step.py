"""Whether the index database shows what is in force in the home: nobody is told anything from one that does not.

Belongs here: finding that out, and the one refusal of whoever reads what is published. A database that was put back by itself may show where a
child lives whom the version in force hides. Not here: bringing it up to date (`index_database`, `pipelines.nights.follow`), and whether entries of the
audit are gone from it (`pipelines.audit.lost`).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, select

from pipelines.audit import refuse_older_database
from pipelines.database.schema import night, snapshot_version
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.publish import current_version

__all__ = ["lagging", "out_of_step", "published_authorities", "refuse_out_of_step"]


def published_authorities(home: Home, engine: Engine) -> list[str]:
    """The authorities for which anything was published, as the home or the index database tells, by code."""
    with engine.connect() as connection:
        told = set(connection.scalars(select(night.c.authority).distinct()))
    return sorted(told | {folder.name for folder in (home.root / "snapshots").glob("[0-9]*") if any(folder.iterdir())})


def out_of_step(deployment: Deployment, authorities: Collection[str] | None = None) -> dict[str, IsindexError]:
    """Authority → why nothing is told of it from the index database (DATABASE_OLDER, STORE_DAMAGED); of those it is right for nothing.

    Args:
        deployment: where.
        authorities: of these; default all for which anything was published.
    """
    asked = published_authorities(deployment.home, deployment.engine) if authorities is None else sorted(authorities)
    try:
        refuse_older_database(deployment)
    except IsindexError as fault:
        return dict.fromkeys(asked, fault)
    shown = _shown(deployment.engine)
    found: dict[str, IsindexError] = {}
    for authority in asked:
        try:
            if _lags(deployment.home, authority, shown.get(authority)):
                found[authority] = _older(authority)
        except IsindexError as fault:
            found[authority] = fault
    return found


def refuse_out_of_step(deployment: Deployment, authorities: Collection[str]) -> None:
    """Refuse to tell of authorities from an index database that shows anything else than what is in force.

    Raises:
        IsindexError: DATABASE_OLDER, STORE_DAMAGED.
    """
    for fault in out_of_step(deployment, authorities).values():
        raise fault


def lagging(deployment: Deployment, authorities: Collection[str]) -> list[str]:
    """Those of the authorities whose version in force is not the one that the index database shows."""
    shown = _shown(deployment.engine)
    return [each for each in sorted(authorities) if _lags(deployment.home, each, shown.get(each))]


def _shown(engine: Engine) -> dict[str, str]:
    """Authority → the version that the database shows."""
    version = snapshot_version.c
    with engine.connect() as connection:
        return dict(connection.execute(select(version.authority, version.shown).where(version.current)).all())


def _lags(home: Home, authority: str, shown: str | None) -> bool:
    pointer = current_version(home, authority)
    return (
        pointer is not None and pointer["version"] != shown
    )  # where nothing says what is in force, that is told of the home


def _older(authority: str) -> IsindexError:
    return IsindexError(
        "DATABASE_OLDER",
        "The index database does not show the version that is in force in the home, which may hide a child whom it shows. Nothing is told from it.",
        where=f"authority {authority}",
        remedy="While a load is running ask again when it has ended. Else, where database or home was put back by itself, restore both from one backup, "
        "and load: the load brings the database to what is in force.",
    )
