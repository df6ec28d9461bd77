"""A run of a night holds its authority's lock from its first step to its last, whoever starts it; the others wait."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_defs
from assets.launch import instance_of
from assets.partitions import ensure_authority, partition_key
from pipelines.home import Home
from pipelines.nights.lock import alone, going_on
from pipelines.publishing.versions import versions_in_force
from tests.assets.conftest import FIRST, Place, days
from tests.assets.daemon import DAGSTERS_OWN, daemon_of, london, night_of_run
from tests.loading import loaded

pytestmark = DAGSTERS_OWN
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
STARTED, QUEUED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED
BIN = Path(sys.executable).parent
STANDS_STILL = """
import time
from assets.launch import run_outstanding
from pipelines.deployment import open_deployment
from pipelines.nights.arrivals import look_around
from pipelines.settings import settings

def stand_still(step):
    if step == "index__inputs":
        print("frozen", flush=True)
        time.sleep(600)

deployment = open_deployment(settings().home, settings().landing, create=False)
new = look_around(deployment).new
run_outstanding(deployment, new, authorities=["330"], selected=bool, started=bool, step_done=stand_still)
"""


# --- from the first step to the last ------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_a_run_holds_the_lock_from_its_first_step_to_its_last(published):
    published.arrive("330", "health", days(1))
    result, held = run(published, days(1))
    assert result.success
    assert {"health", "index__inputs", "publish", "reports", "expectations"} <= set(held)
    assert all(held.values()), held
    assert not going_on(published.open(), "330")


@pytest.mark.in_full
def test_a_run_that_fails_gives_the_lock_back(published):
    published.arrive("330", "health", days(1))
    folder = published.night("330", days(1)).folder
    folder.mkdir()
    (folder / "attempts").write_text("")
    result, held = run(published, days(1))
    assert not result.success
    assert held["health"]
    assert held["index__inputs"]
    assert not going_on(published.open(), "330")


@pytest.mark.in_full
def test_one_asset_that_is_run_again_by_itself_holds_the_lock_too(published):
    result, held = run(published, FIRST, assets=[dg.AssetKey(["index", "links"])])
    assert result.success
    assert held == {"index__links": True}
    assert not going_on(published.open(), "330")


def test_a_run_that_names_no_authority_touches_no_night(published):
    """A range of nights, or a key written by hand without its two parts: there is nothing to lock, so nothing is done."""
    before = tree(published.home)
    for tags in (
        {"dagster/asset_partition_range_start": f"330|{FIRST}", "dagster/asset_partition_range_end": f"330|{FIRST}"},
        {},
    ):
        result, _ = run(published, None, tags=tags)
        assert not result.success
    assert tree(published.home) == before


# --- two at once --------------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_while_a_night_is_being_run_no_way_in_goes_round_the_lock(published):
    published.arrive("330", "health", days(1))
    before = tree(published.home)
    with daemon_of(published.home) as daemon, held_elsewhere(published, "330"):
        daemon.look()
        daemon.start_runs()  # a launch by the daemon
        (launched,) = daemon.runs()
        ensure_authority(daemon.instance, "330")
        told = loaded(published.landing, published.home)
        launch = ("--partition", f"330|{days(1)}", "-m", "assets.definitions")
        by_hand = ("dagster", "asset", "materialize", "--select", "index/inputs", *launch)
        refused = command(*by_hand, home=published)
        assert launched.status is FAILURE
        assert "NIGHT_RUNNING" in str(daemon.instance.all_logs(launched.run_id)[-1].dagster_event)
    (night,) = told["nights"]
    assert (told["exit"], night["state"], night["code"]) == (3, "busy", "NIGHT_RUNNING")
    assert refused.returncode != 0
    assert "NIGHT_RUNNING" in refused.stdout + refused.stderr
    assert tree(published.home) == before
    assert command(*by_hand, home=published).returncode == 0


@pytest.mark.in_full
@pytest.mark.slow
def test_two_loads_at_once_end_like_one(published, tmp_path):
    published.arrive("330", "health", days(1))
    alone_ = Place(tmp_path / "alone", published.landing, published.made)
    shutil.copytree(published.home, alone_.home, symlinks=True)
    assert loaded(alone_.landing, alone_.home)["exit"] == 0
    with started("isindex", "load", home=published) as one, started("isindex", "load", home=published) as other:
        codes = {each.communicate(timeout=300) and each.returncode for each in (one, other)}
    assert 0 in codes
    assert codes <= {0, 3}
    assert loaded(published.landing, published.home)["exit"] == 0
    assert tree(published.home / "snapshots") == tree(alone_.home / "snapshots")


@pytest.mark.in_full
@pytest.mark.slow
def test_two_first_loads_at_once_make_one_home(place):
    place.arrive("330", "health", FIRST)
    with started("isindex", "load", home=place) as one, started("isindex", "load", home=place) as other:
        answers = {each.returncode: out for each in (one, other) for out in [each.communicate(timeout=300)]}
    assert 0 in answers, answers
    assert set(answers) <= {0, 3}, answers
    assert loaded(place.landing, place.home)["exit"] == 0
    assert list(versions_in_force(place.open().home, "330")) == [FIRST]


@pytest.mark.in_full
@pytest.mark.slow
def test_a_run_that_goes_on_is_waited_for_and_one_whose_process_died_holds_back_nobody(published):
    """One authority's run stands still, then its process is killed; another authority never notices."""
    published.arrive("330", "health", days(1))
    published.arrive("301", "health", days(1))
    with (
        daemon_of(published.home) as daemon,
        killed_at_last(started("python", "-c", STANDS_STILL, home=published)) as process,
    ):
        daemon.at(london(2026, 11, 21, 5))
        daemon.schedule()
        assert process.stdout.readline() == "frozen\n"
        daemon.look()
        daemon.at(london(2026, 11, 21, 6))
        daemon.schedule()
        # the night that goes on is not asked for
        assert nights(daemon, QUEUED) == [("301", days(1)), ("301", days(2)), ("330", days(2))]
        for _ in range(3):
            daemon.start_runs()
            daemon.monitor()
        assert nights(daemon, SUCCESS) == [("301", days(1)), ("301", days(2))]
        assert nights(daemon, STARTED) == [("330", days(1))]
        assert nights(daemon, QUEUED) == [("330", days(2))]

        process.kill()
        process.wait()
        daemon.monitor()
        assert nights(daemon, STARTED) == [("330", days(1))]  # at one look the lock may be free by chance
        daemon.monitor()
        assert nights(daemon, FAILURE) == [("330", days(1))]
        daemon.start_runs()
        assert nights(daemon, SUCCESS)[-1] == ("330", days(2))
        daemon.at(london(2026, 11, 22, 6))
        daemon.schedule()
        (again,) = [run for run in daemon.runs(QUEUED) if night_of_run(run) == ("330", days(1))]
        assert again.tags["isindex/why"] == "The last attempt was interrupted."
    assert sorted(versions_in_force(published.open().home, "330")) == [FIRST, days(2)]


# --- helpers ------------------------------------------------------------------------------------------------------


def run(place: Place, night, *, assets=None, tags=None) -> tuple[dg.ExecuteInProcessResult, dict[str, bool]]:
    """Run the job of a night; the result, and step → whether the lock was held whenever the step said anything."""
    held: dict[str, bool] = {}
    deployment = place.open()

    class Asking(logging.Handler):
        def emit(self, record):
            event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
            if event is not None and event.event_type_value.startswith(("STEP_", "ASSET_")):
                held[event.step_key] = held.get(event.step_key, True) and going_on(deployment, "330")

    @dg.logger
    def asking(_):
        logger = logging.Logger("asking", logging.DEBUG)
        logger.addHandler(Asking())
        return logger

    job = build_defs(loggers={"console": asking}).resolve_job_def("night")
    with instance_of(Home(place.home)) as instance:
        ensure_authority(instance, "330")
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition_key("330", night) if night else None,
            run_config={"loggers": {"console": {}}},
            asset_selection=assets,
            tags=tags,
            raise_on_error=False,
        )
    return result, held


@contextmanager
def held_elsewhere(place: Place, authority: str) -> Iterator[None]:
    """Another thread holds the lock; for this one it is as if another process did."""
    taken, done = threading.Event(), threading.Event()
    deployment = place.open()

    def hold() -> None:
        with alone(deployment, authority):
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert taken.wait(10)
        yield
    finally:
        done.set()
        thread.join()


def started(name: str, *arguments: str, home: Place) -> subprocess.Popen:
    environment = {
        **os.environ,
        "ISINDEX_HOME": str(home.home),
        "ISINDEX_LANDING": str(home.landing),
        "DAGSTER_HOME": str(home.home / "dagster"),
        "PYTHONPATH": str(Path(__file__).parents[2]),  # the instance of these tests has a launcher of their own
    }
    return subprocess.Popen(
        [str(BIN / name), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home.landing,
    )


@contextmanager
def killed_at_last(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    with process:
        try:
            yield process
        finally:
            process.kill()


def command(name: str, *arguments: str, home: Place) -> subprocess.CompletedProcess:
    with started(name, *arguments, home=home) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def tree(folder: Path) -> dict[str, str]:
    """What nobody may have changed: every file of nights and snapshots with its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock" and not {"dagster", "reports"} & set(path.parts)
        and not path.name.startswith("index.db")
    }  # fmt: skip


def nights(daemon, status) -> list:
    return [night_of_run(each) for each in daemon.runs(status)]
