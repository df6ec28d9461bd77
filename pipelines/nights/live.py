"""What is in force now, of all authorities of a home: what `index/live` says of itself.

Belongs here: the version of each authority that practitioners' systems read. Not here: putting one in force (`put_in_force`),
what waits for somebody (`summary`).
"""

from __future__ import annotations

from sqlalchemy import Engine, select

from pipelines.contracts import authorities
from pipelines.database import schema as db
from pipelines.nights.night import StageReport

__all__ = ["live_now"]


def live_now(engine: Engine, authority: str) -> StageReport:
    """The current version of every authority, as a table; in numbers how many there are, their children, and those of `authority`.

    The children are those of the version as it was built: who is hidden in it is among them.
    """
    version, night = db.snapshot_version.c, db.night.c
    current = (
        select(version.authority, version.business_date, version.shown, version.published_at, night.figures)
        .join_from(
            db.snapshot_version, db.night, (night.authority == version.authority) & (night.version == version.version)
        )
        .where(version.current)
        .order_by(version.authority)
    )
    with engine.connect() as connection:
        rows = connection.execute(current).all()
    children = {row.authority: int(row.figures.get("children", 0)) for row in rows}
    lines = [
        f"| {row.authority} | {authorities.name_of(row.authority)} | {row.business_date.isoformat()} | "
        f"{children[row.authority]} | {row.shown} | {row.published_at} |"
        for row in rows
    ]
    head = ["| authority | name | night | children | version | published |", "|---|---|---|---:|---|---|"]
    return StageReport(
        {
            "authorities": len(rows),
            "children": sum(children.values()),
            f"children {authority}": children.get(authority, 0),
        },
        tables={"in_force": "\n".join([*head, *lines])},
    )
