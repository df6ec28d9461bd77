"""What is stored is shown as it is stored: no name is markup, none gives orders to the terminal."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pyarrow as pa
import pytest
from rich.table import Table
from rich.text import Text
from sqlalchemy import insert
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.cli import screen
from pipelines.database import schema as db
from pipelines.deployment import open_deployment
from pipelines.identities.mint import mint
from tests.cli.commands import run

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["Smith[/b]", "[red]Smith[/red]", "[link=file:///x]Smith", "Smith :skull:", "Smith\\[x]", "[/]"]


@pytest.mark.parametrize("name", NAMES)
def test_a_line_a_cell_a_title_and_styled_words_show_it_as_it_is(name):
    shown = io.StringIO()
    console = screen._Screen(file=shown, width=100)
    table = Table(title=name)
    table.add_column(name)
    table.add_row(name)
    console.print(name)
    console.print(name, style="bold")
    console.print(table)
    console.print(Text.assemble(("Note: ", "yellow"), name))
    assert shown.getvalue().count(name) == 6


def test_what_no_eye_sees_is_shown_by_its_number_and_obeyed_by_no_terminal():
    shown = io.StringIO()
    screen._Screen(file=shown, width=100).print("Smith\x1b[2J\x9b31m\u202eenod\x07")
    assert shown.getvalue().rstrip() == r"Smith\x1b[2J\x9b31m\u202eenod\x07"


def test_every_command_prints_to_that_screen_alone_and_with_markup_nowhere():
    for path in [*(ROOT / "pipelines/cli").glob("*.py"), *(ROOT / "assets/command").glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "print" not in names, path.name
        assert path.name == "screen.py" or "Console" not in names, path.name
        documents = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documents:
                assert not any(mark in node.value for mark in ("[bold]", "[red]", "[yellow]", "[/")), path.name


@pytest.fixture
def stored(tmp_path):
    """A home whose index has children of such names, and whose decisions have such reasons."""
    made = open_deployment(tmp_path / "home", create=True)
    ids = mint(pa.array([f"health:{number}" for number in range(len(NAMES))]), pa.array([], pa.string()), "330")
    children = [
        {"authority": "330", "index_id": index_id, "row": 0, "family_name": name, "given_names": name, "sex": "F",
         "shielded": False, "withheld": False, "state": "live"}
        for index_id, name in zip(ids.to_pylist(), NAMES, strict=True)
    ]  # fmt: skip
    decisions = [
        {"authority": "330", "kind": "same", "record_a": "a", "record_b": "b", "actor": name, "reason": name,
         "decided_at": "2026-11-20T08:00:00+00:00"}
        for name in NAMES
    ]  # fmt: skip
    with made.engine.begin() as connection:
        connection.execute(insert(db.INDEX_TABLES["children"]), children)
        connection.execute(insert(db.decision), decisions)
    return dict(zip(NAMES, ids.to_pylist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_child_is_shown_under_the_name_that_is_stored(name, stored, tmp_path):
    words = ["child", stored[name], "--home", str(tmp_path / "home"), "--why", "complaint 12"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert done.stdout.count(name) == 2


def test_a_decision_is_shown_with_the_reason_that_is_stored(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(screen.console, "_width", 400)
    told = run("decide list", place=tmp_path)
    assert told.code == 0
    assert [name for name in NAMES if name not in told.out] == []
