"""Whom one authority hides others show until the network is run: decisions name the whole way, and the status names a run that is outstanding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from tests.assets.daemon import DAGSTERS_OWN
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

pytestmark = [pytest.mark.one_database, DAGSTERS_OWN]
CHILD = children()[1]
OUTSTANDING = "Co-ordinating index: a run is outstanding."


@pytest.fixture
def nation(tmp_path: Path, setting) -> Nation:
    """One child is known in both authorities."""
    setting("ISINDEX_NETWORK", "1")
    made = Nation(tmp_path)
    made.hold(THERE, CHILD, "health", "education")
    made.night(0)
    return made


def asked(nation: Nation, *words: str):
    return CliRunner().invoke(app, [*words, "--home", str(nation.home)])


def shielded(nation: Nation):
    return asked(nation, "decide", "shield", f"health:P{CHILD.nhs}", "--authority", HERE, "--reason", "Police")


def test_what_is_decided_names_the_load_that_ends_with_the_network(nation: Nation) -> None:
    load = f"Load now: isindex load --landing LANDING --home {nation.home}"
    done = shielded(nation)
    assert f"{load} That load ends with the co-ordinating index" in done.output
    waits = asked(nation, "status").output
    assert f"Load now: `isindex load --landing LANDING --home {nation.home}`" in waits and "--authority" not in waits


def test_without_a_network_it_names_the_load_of_the_authority(nation: Nation, setting) -> None:
    setting("ISINDEX_NETWORK", "")
    assert f"--home {nation.home} --authority {HERE}" in shielded(nation).output
    assert f"--home {nation.home} --authority {HERE}`" in asked(nation, "status").output


def test_after_a_load_of_one_authority_the_run_that_is_outstanding_is_named_until_it_was(nation: Nation) -> None:
    shielded(nation)
    done = asked(nation, "load", "--landing", str(nation.landing), "--authority", HERE)
    assert done.exit_code == 0 and nation.is_hidden(HERE, CHILD) and not nation.is_hidden(THERE, CHILD)
    command = f"isindex network run --home {nation.home}"
    last = done.output[done.output.index(OUTSTANDING) :]
    assert "Authorities have published: 330." in last and last.rstrip().endswith(command)
    told = asked(nation, "status")
    assert (told.exit_code, OUTSTANDING in told.output, command in told.output) == (1, True, True)
    told = asked(nation, "status", "--json")
    assert told.exit_code == 1 and command in json.loads(told.output)[0]["network_outstanding"]["what_to_do"]
    assert asked(nation, "network", "run").exit_code == 0
    assert nation.is_hidden(THERE, CHILD)
    told = asked(nation, "status")
    assert (told.exit_code, OUTSTANDING in told.output) == (0, False), told.output


def test_a_load_of_all_leaves_no_run_outstanding(nation: Nation) -> None:
    shielded(nation)
    done = asked(nation, "load", "--landing", str(nation.landing), "--json")
    summary = json.loads(done.output)
    assert (done.exit_code, summary["network"]["state"], summary["network_outstanding"]) == (0, "published", None)
    assert nation.is_hidden(THERE, CHILD)
    assert asked(nation, "status").exit_code == 0
