"""The walk through a move in `docs/network.md`, run as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from tests.assets.daemon import DAGSTERS_OWN
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

pytestmark = [pytest.mark.one_database, pytest.mark.in_full, DAGSTERS_OWN]

DOCS = Path(__file__).parents[2] / "docs" / "network.md"
CHILD = children()[1]


def walk() -> list[list[str]]:
    """The commands of the walk."""
    text = DOCS.read_text(encoding="utf-8")
    (block,) = re.findall(r"A move, step by step.*?```\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line)[1:] for line in block.splitlines()]


def test_from_the_first_evidence_to_the_accepted_custody(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    nation.night(0)
    nation.hold(THERE, replace(CHILD, street="9 Faraway Street"))
    nation.night(1)
    nation.lose(HERE, CHILD)
    nation.night(2)
    home = str(nation.home)
    listed = CliRunner().invoke(app, ["network", "moves", "--home", home, "--json"])
    (move,) = json.loads(listed.stdout)["moves"]
    said = {"demo/home": home, "333": THERE, "M0a1b2c3d4e": move["move"], "ZZ5K7K2M9QWP": move["national_id"]}
    outputs = []
    for words in walk():
        answer = CliRunner().invoke(app, [said.get(word, word) for word in words])
        assert answer.exit_code == 0, (words, answer.output)
        outputs.append(answer.stdout)
    assert move["move"] in outputs[0] and "custodian" in outputs[1] and "published" in outputs[3]
    assert "Nobody is unclaimed" in outputs[4]
    found = CliRunner().invoke(
        app, ["network", "find", "--home", home, "--id", move["national_id"], "--why", "a test", "--json"]
    )
    assert json.loads(found.stdout)[0]["custodian"] == THERE
