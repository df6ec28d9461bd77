"""Who looks into the co-ordinating index is told nothing of an authority whose index database does not show what is in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.database.schema import snapshot_version
from tests.network.nation import HERE, Nation, others
from tests.nights.little_authority import children

pytestmark = pytest.mark.one_database


def test_find_tells_nothing_of_that_authority_and_of_others_as_ever(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    nation.night(0)
    mine, theirs = children()[0], others()[0]

    def found(number: str):
        look = ["network", "find", "--home", str(nation.home), "--why", "referral 7", "--number", number]
        return CliRunner().invoke(app, look)

    assert (found(mine.nhs).exit_code, found(theirs.nhs).exit_code) == (0, 0)
    with nation.deployment.engine.begin() as connection:
        row = update(snapshot_version).where(snapshot_version.c.authority == HERE)
        connection.execute(row.values(shown="v=2026-11-17"))
    done = found(mine.nhs)
    assert (done.exit_code, "DATABASE_OLDER" in done.stderr) == (2, True), done.output
    assert nation.index_id(HERE, mine) not in done.output
    assert found(theirs.nhs).exit_code == 0
