"""`isindex status` tells what the pages tell to see to besides: wishes to look at, silence, paused feeds, moves to answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from tests.assets.daemon import DAGSTERS_OWN
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children, day_of

pytestmark = [pytest.mark.one_database, DAGSTERS_OWN]
MOVED, ASKED = children()[:2]


def told(nation: Nation, *words: str) -> str:
    done = CliRunner().invoke(app, ["status", "--home", str(nation.home), *words])
    assert done.exit_code in (0, 1), done.output  # 1: the network is to be run
    return done.output


def besides(nation: Nation, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (each["authority"], each["kind"]): each
        for status in json.loads(told(nation, "--json", *words))
        for each in status["besides"]
    }


def test_what_the_pages_name_to_see_to_is_named_by_the_status(tmp_path: Path, setting) -> None:
    setting("ISINDEX_NETWORK", "1")
    nation = Nation(tmp_path)
    nation.hold(THERE, MOVED)
    nation.asks(HERE, ASKED)
    nation.night(0)
    assert besides(nation) == {}
    nation.lose(HERE, MOVED)
    nation.asks(HERE, ASKED, "")
    nation.night(1)
    paused = ["accredit", "pause", "--authority", THERE, "--agency", "police", "--reason", "Wrong children"]
    assert CliRunner().invoke(app, [*paused, "--home", str(nation.home)]).exit_code == 0
    found = besides(nation)
    assert {key: each["number"] for key, each in found.items()} == {
        (HERE, "wishes"): 1, (THERE, "paused"): 1, (THERE, "moves"): 1,
    }  # fmt: skip
    page = f"reports/{day_of(1)}/{HERE}/protection.html"
    assert page in found[HERE, "wishes"]["what_to_do"] and (nation.home / page).is_file()
    assert "Mark gone 1" in found[HERE, "wishes"]["told"]
    shown = told(nation)
    for (authority, _), each in found.items():
        assert f"Authority {authority}: {each['told']} {each['what_to_do']}" in shown
    assert set(besides(nation, "--authority", HERE)) == {(HERE, "wishes")}
    assert f"isindex network moves --home {nation.home} --authority {THERE}" in found[THERE, "moves"]["what_to_do"]
    nation.deliver(2, HERE)
    nation.load()
    assert (THERE, "silent") in besides(nation)
