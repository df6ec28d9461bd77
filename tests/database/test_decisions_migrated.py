"""Decisions of a database that was made before one matter had one decision."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select, text

import pipelines.database
from pipelines.database import open_database
from pipelines.database import schema as db
from tests.databases import Databases, empty_database

AT, DAY = "2026-11-19T08:00:00+00:00", date(2026, 11, 18)
WERE = (
    ("same", "x", "y", None), ("not_the_same", "y", "x", None), ("shield", "x", None, None),
    ("unshield", "z", None, None), ("confirm", "z", None, "4"), ("unshield", "z", None, None), ("override", None, None, "volume"),
)  # fmt: skip
"""Kind, records and subject of each; the first two contradict each other, the fourth was confirmed by the fifth."""


def test_of_decisions_that_stood_side_by_side_the_latest_counts(tmp_path: Path, database: Databases) -> None:
    if database.kind == "sqlite":
        url = database.url(tmp_path)
    else:
        url = database.stack.enter_context(empty_database(database.server))
    old = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(pipelines.database.__file__).parent / "migrations"))
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        columns = "authority, kind, record_a, record_b, subject, from_night, actor, reason, decided_at"
        for kind, a, b, subject in WERE:
            connection.execute(
                text(f"INSERT INTO decision ({columns}) VALUES ('330', :kind, :a, :b, :subject, :day, 'R', 's', :at)"),
                {"kind": kind, "a": a, "b": b, "subject": subject, "day": DAY, "at": AT},
            )
    old.dispose()
    engine = open_database(url)
    with engine.connect() as connection:
        rows = connection.execute(select(db.decision).order_by(db.decision.c.decision_id)).all()
    engine.dispose()
    assert [row.undone_at for row in rows] == [AT, *[None] * (len(WERE) - 1)]
    assert rows[0].until_night == DAY
    assert [row.matter is None for row in rows] == [False, False, False, True, False, False, True]
