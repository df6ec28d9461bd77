"""The co-ordinating index through Dagster: its assets, checks and sensor; what a run in its way leaves, and what a load tells of it."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from assets.launch import instance_of
from assets.launch_network import run_network_night
from pipelines.network import gates
from pipelines.network.outcome import last_outcome
from pipelines.nights.lock import alone
from tests.assets.daemon import DAGSTERS_OWN, LONDON, daemon_of
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children, day_of

pytestmark = [pytest.mark.one_database, DAGSTERS_OWN]
CHILD = children()[1]
_ASSETS = [dg.AssetKey(["network", name]) for name in ("children", "links", "published")]


@pytest.fixture
def nation(tmp_path: Path, setting) -> Nation:
    """Two authorities with a night each, and one child in both."""
    made = Nation(tmp_path)
    setting("ISINDEX_HOME", made.deployment.home.root)
    setting("ISINDEX_LANDING", made.landing)
    made.hold(THERE, CHILD, "health", "education")
    made.deliver(0)
    made.load()
    return made


def network_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(filters=dg.RunsFilter(job_name="network")))


def test_a_night_is_three_assets_with_its_gates_as_checks_and_is_not_run_twice(nation: Nation) -> None:
    found = run_network_night(nation.deployment)
    assert (found.state, found.figures["known_in_several"], found.well) == ("published", 1, True)
    assert last_outcome(nation.network) == found
    with instance_of(nation.deployment.home) as instance:
        (run,) = network_runs(instance)
        assert run.status == dg.DagsterRunStatus.SUCCESS
        for key in _ASSETS:
            (event,) = instance.fetch_materializations(key, limit=5).records
            assert event.partition_key == day_of(0).isoformat()
        told = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(_ASSETS[-1], name) for name in gates.GATES]
        )
        assert {key.name for key, each in told.items() if each.event.dagster_event.event_specific_data.passed} == set(
            gates.GATES
        )
    assert run_network_night(nation.deployment).state == "unchanged"
    with instance_of(nation.deployment.home) as instance:
        assert len(network_runs(instance)) == 1


@pytest.mark.in_full
def test_a_gate_that_does_not_hold_fails_the_run_and_tells_its_check(
    nation: Nation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gates.GATES, "pointers_follow", (gates.GATES["pointers_follow"][0], "SELECT 3"))  # type: ignore[arg-type]
    found = run_network_night(nation.deployment)
    assert found.state == "held" and found.version is None and not found.well
    with instance_of(nation.deployment.home) as instance:
        (run,) = network_runs(instance)
        assert run.status == dg.DagsterRunStatus.FAILURE
        key = dg.AssetCheckKey(_ASSETS[-1], "pointers_follow")
        told = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
        assert not told[key].event.dagster_event.event_specific_data.passed
        assert not instance.fetch_materializations(_ASSETS[-1], limit=1).records


@pytest.mark.in_full
def test_another_run_in_the_way_is_told_and_a_stage_that_fails_is_told_with_its_code(
    nation: Nation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_of(nation.deployment.home):
        pass  # made before, so that nothing else is in the way
    held, done = threading.Event(), threading.Event()

    def holds() -> None:
        with alone(nation.deployment, "network"):
            held.set()
            done.wait(120)

    other = threading.Thread(target=holds)
    other.start()
    assert held.wait(60)
    try:
        assert run_network_night(nation.deployment).state == "busy"
    finally:
        done.set()
        other.join()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assets.network.link_children", fails)
    found = run_network_night(nation.deployment)
    assert found.state == "failed" and "DISK_FULL" in found.fault
    assert last_outcome(nation.network) == found


@pytest.mark.in_full
def test_the_sensor_asks_for_a_night_once_when_authorities_have_published(nation: Nation, setting) -> None:
    setting("ISINDEX_NETWORK", "1")
    with daemon_of(nation.deployment.home.root) as daemon:
        daemon.at(datetime.now(LONDON))
        daemon.look("network_arrivals")
        daemon.start_runs()
        (run,) = network_runs(daemon.instance)
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert run.tags["isindex/started_by"] == "the sensor network_arrivals"
        assert HERE in run.tags["isindex/why"] and THERE in run.tags["isindex/why"]
        daemon.look("network_arrivals")
        assert len(network_runs(daemon.instance)) == 1
        nation.hold(HERE, children()[2], "police")
        nation.deliver(1, HERE)
        nation.load()
        daemon.at(datetime.now(LONDON) + timedelta(minutes=5))
        daemon.look("network_arrivals")
        assert len(network_runs(daemon.instance)) == 2


def test_a_load_brings_it_up_to_date_where_it_is_kept_and_tells_what_became_of_it(nation: Nation, setting) -> None:
    command = ["load", "--home", str(nation.deployment.home.root), "--landing", str(nation.landing), "--json"]
    plain = CliRunner().invoke(app, command)
    assert json.loads(plain.stdout)["network"] is None and nation.network.in_force() is None
    setting("ISINDEX_NETWORK", "1")
    told = CliRunner().invoke(app, command)
    summary = json.loads(told.stdout)
    assert told.exit_code == 0 and summary["ok"]
    assert (summary["network"]["state"], summary["network"]["figures"]["known_in_several"]) == ("published", 1)
