"""The faults in the database: table `reject`, which follows the faults of the night in force.

Belongs here: bringing the table to what a night's faults say. Only rows that differ are written.
"""

from __future__ import annotations

import pyarrow as pa
from sqlalchemy import Engine, bindparam, delete, insert, select

from pipelines.database.schema import reject
from pipelines.tables import connect, fetch
from pipelines.validation.rejects import FAULTS

__all__ = ["follow_faults"]


def follow_faults(engine: Engine, authority: str, faults: pa.Table) -> int:
    """Make the table hold exactly `faults` for the authority; the number of rows written or removed.

    Args:
        engine: the database.
        authority: whose faults they are.
        faults: `FAULTS` of the night in force, of all feeds.
    """
    columns = [reject.c[name] for name in FAULTS.names]
    with engine.begin() as connection:
        rows = connection.execute(select(*columns).where(reject.c.authority == authority)).all()
        shown = pa.table(
            {
                name: pa.array([row[place] for row in rows], FAULTS.field(name).type)
                for place, name in enumerate(FAULTS.names)
            }
        )
        with connect({"shown": shown, "faults": faults}) as database:
            gone = database.execute("SELECT reject_id FROM (FROM shown EXCEPT FROM faults) ORDER BY 1").fetchall()
            new = fetch(database, "FROM (FROM faults EXCEPT FROM shown) ORDER BY reject_id").to_pylist()
        if gone:
            here = (reject.c.authority == authority) & (reject.c.reject_id == bindparam("gone"))
            connection.execute(delete(reject).where(here), [{"gone": each} for (each,) in gone])
        if new:
            connection.execute(insert(reject), [{"authority": authority, **row} for row in new])
    return len(gone) + len(new)
