"""A child is looked at for a purpose, which is kept; without one there is no look and no trace of one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.identities.mint import mint
from pipelines.publishing.readers import read_child


@pytest.fixture
def looked_at(tmp_path, database):
    """A deployment with one child: its engine, the child's id, and how to ask for it."""
    made = database.opened(tmp_path / "home")
    index_id = mint(pa.array(["health:1"]), pa.array([], pa.string()), "330")[0].as_py()
    row = {"authority": "330", "index_id": index_id, "row": 0, "family_name": "Smith", "shielded": False,
           "withheld": False, "state": "live"}  # fmt: skip
    with made.engine.begin() as connection:
        connection.execute(insert(db.INDEX_TABLES["children"]), [row])

    def ask(*words):
        with database.here(tmp_path / "home"):
            return CliRunner().invoke(app, ["child", index_id, "--home", str(tmp_path / "home"), *words])

    return made.engine, index_id, ask


def audited(engine):
    with engine.connect() as connection:
        return connection.scalars(select(db.audit.c.why)).all()


@pytest.mark.parametrize("words", [(), ("--why", ""), ("--why", " \t"), ("--why", "", "--json")])
def test_no_purpose_no_look(words, looked_at):
    engine, _, ask = looked_at
    told = ask(*words)
    assert told.exit_code == 2
    assert "Smith" not in told.stdout
    assert audited(engine) == []


def test_a_purpose_is_kept_with_the_look(looked_at):
    engine, _, ask = looked_at
    told = ask("--why", "Complaint 12")
    assert told.exit_code == 0
    assert "Smith" in told.stdout
    assert audited(engine) == ["Complaint 12"]


def test_no_other_face_goes_round_it(looked_at):
    engine, index_id, _ = looked_at
    with pytest.raises(IsindexError, match="PURPOSE_MISSING"):
        read_child(engine, index_id, actor="somebody", why="  ")
