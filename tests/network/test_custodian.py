"""Whoever looks at a child in either authority's own index is told who has custody, of an open child alone; and the look does not depend on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.network.moves import answer, moves_of
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

pytestmark = [pytest.mark.one_database, pytest.mark.in_full]
CHILD, HIDDEN = children()[1], children()[3]


def looked_at(nation: Nation, authority: str, index_id: str) -> Any:
    asked = ["child", index_id, "--home", str(nation.home), "--authority", authority, "--why", "a test"]
    told = CliRunner().invoke(app, [*asked, "--json"])
    assert told.exit_code == 0, told.output
    (found,) = json.loads(told.stdout)
    assert found["tables"]["children"]
    return found["custody"]


def test_who_has_custody_is_told_in_both_indexes_and_a_move_that_waits(
    tmp_path: Path, setting: Callable[[str, str], None]
) -> None:
    setting("ISINDEX_NETWORK", "1")
    nation = Nation(tmp_path)
    moved = replace(CHILD, street="9 Faraway Street")
    nation.night(0)
    here = nation.index_id(HERE, CHILD)
    nation.hold(THERE, moved)
    nation.night(1)
    there = nation.index_id(THERE, CHILD)
    assert [looked_at(nation, *each)["custodian"] for each in ((HERE, here), (THERE, there))] == [HERE, HERE]
    nation.lose(HERE, CHILD)
    nation.night(2)
    (move,) = moves_of(nation.network).moves
    told = looked_at(nation, THERE, there)
    assert (told["custodian"], told["stands"], told["waits"]) == (HERE, False, [[move.move, THERE]])
    answer(nation.network, move.move, "accepted", authority=THERE, reason="enrolled")
    nation.hold(HERE, CHILD)
    nation.night(3)
    back = nation.index_id(HERE, CHILD)
    assert [looked_at(nation, *each)["custodian"] for each in ((HERE, back), (THERE, there))] == [THERE, THERE]
    (nation.home / "network" / "current.json").write_text("{", encoding="utf-8")
    assert looked_at(nation, THERE, there) == {"fault": "STORE_DAMAGED"}


def test_of_a_child_who_is_open_here_and_protected_elsewhere_no_custodian_is_told(
    tmp_path: Path, setting: Callable[[str, str], None]
) -> None:
    setting("ISINDEX_NETWORK", "1")
    nation = Nation(tmp_path)
    nation.hold(THERE, replace(HIDDEN, street="9 Faraway Street"))
    nation.night(0)
    assert looked_at(nation, HERE, nation.index_id(HERE, HIDDEN))["custodian"] == HERE
    nation.asks(THERE, HIDDEN)
    nation.deliver(1)
    nation.load()  # the network has had no night since, and has told nobody
    assert not nation.is_hidden(HERE, HIDDEN)
    assert looked_at(nation, HERE, nation.index_id(HERE, HIDDEN)) is None
