"""Authorities beside each other: the same index as one after the other, and whoever dies or is ended takes nobody along."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sqlalchemy import select
from typer.testing import CliRunner

from assets import launch, workers
from assets.command.app import app
from assets.definitions import build_defs
from assets.launch import instance_of, prepare_instance
from assets.partitions import ensure_authority, partition_key
from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights.arrivals import look_around
from pipelines.nights.plan import outstanding
from pipelines.settings import cores, engine_limits
from pipelines.tables import spill_of
from sample_feeds import make_nights
from tests.assets.conftest import FIRST
from tests.assets.daemon import DAGSTERS_OWN, daemon_of
from tests.databases import Databases
from tests.loading import loaded

pytestmark = DAGSTERS_OWN
ISINDEX = Path(sys.executable).with_name("isindex")
AUTHORITIES = ("301", "302", "303", "330")
COUNTED = {"attempt_id", "identity_id"}
"""Columns that number rows in the order in which authorities come, whoever comes first."""


@pytest.fixture(scope="module")
def arrived(tmp_path_factory) -> Path:
    """The landing place: one night of four authorities."""
    out = tmp_path_factory.mktemp("arrived")
    make_nights(out, AUTHORITIES, first_night=FIRST, children=60, agencies=("police",))
    return out / "landing"


@pytest.fixture(scope="module")
def one_by_one(arrived, tmp_path_factory) -> Path:
    """The home into which one process has loaded them."""
    home = tmp_path_factory.mktemp("one_by_one") / "home"
    assert loaded(arrived, home)["exit"] == 0
    return home


# --- the same index -----------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_four_authorities_of_two_workers_are_published_as_by_one_process(arrived, one_by_one, tmp_path, database):
    home = tmp_path / "home"
    with loading(arrived, home, database, workers=2) as process:
        told = ended(process)
    assert (told["exit"], told["ok"], told["standing"]) == (0, True, []), told
    assert [(night["authority"], night["state"]) for night in told["nights"]] == [(a, "published") for a in AUTHORITIES]
    assert [min(marks, key=marks.__getitem__) for marks in told["times"].values()] == ["start"] * 4
    assert list(told["times"]) == [f"{authority}/{FIRST}" for authority in AUTHORITIES]
    begun = sorted(marks["start"] for marks in told["times"].values())
    assert begun[1] < min(max(marks.values()) for marks in told["times"].values())  # two were beside each other
    assert versions(home) == versions(one_by_one)
    with database.here(home):
        assert rows(database, home) == rows(Databases("sqlite"), one_by_one)
    for name in ("locked", "busy"):  # in Dagster's own storages
        assert not [
            path for path in (home / "dagster").rglob("*.db") if f"database is {name}".encode() in path.read_bytes()
        ]


@pytest.mark.in_full
def test_what_finds_nothing_to_do_starts_nobody(arrived, one_by_one, monkeypatch):
    monkeypatch.setattr(workers, "run_beside", None)
    words = ["load", "--landing", str(arrived), "--home", str(one_by_one), "--workers", "2", "--json"]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, json.loads(done.stdout)["nights"]) == (0, [])


# --- whoever dies takes nobody along ------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_own_authority_only(arrived, one_by_one, tmp_path):
    home = tmp_path / "home"
    with loading(arrived, home, workers=2, only=AUTHORITIES[:3]) as process:
        wait_for(lambda: len(running(home)) == 2, process)
        victim = workers_of(process.pid)[0]
        family = [victim, *below(victim)]  # among them its process of the suites
        spill_of(victim).mkdir(exist_ok=True)
        os.kill(victim, signal.SIGKILL)
        told = ended(process)
    wait_for(lambda: not any(map(alive, family)))
    assert len(family) > 1
    assert told["exit"] == 1
    (lost,) = [night for night in told["nights"] if night["state"] != "published"]
    assert (lost["state"], lost["code"]) == ("failed", "WORKER_LOST")
    assert "killed by SIGKILL" in lost["fault"]
    assert lost["authority"] in AUTHORITIES[:2]  # one of those that were begun first
    assert [night["authority"] for night in told["nights"]] == list(AUTHORITIES[:3])
    assert [(each["authority"], each["state"]) for each in told["standing"]] == [(lost["authority"], "interrupted")]
    assert not spill_of(victim).exists()
    again = loaded(arrived, home)  # the fourth too
    whys = {night["authority"]: night["why"] for night in again["nights"]}
    assert (again["exit"], set(whys)) == (0, {lost["authority"], AUTHORITIES[3]})
    assert whys[lost["authority"]] == ["The last attempt was interrupted."]
    assert versions(home) == versions(one_by_one)


@pytest.mark.in_full
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "codes"), [(signal.SIGINT, {1, 130}), (signal.SIGTERM, {143}), (signal.SIGKILL, {-signal.SIGKILL})]
)
def test_whatever_ends_the_load_ends_its_workers(number, codes, arrived, tmp_path):
    home = tmp_path / "home"
    with loading(arrived, home, workers=2, only=AUTHORITIES[:2]) as process:
        wait_for(lambda: running(home), process)
        family = below(process.pid)
        assert len(workers_of(process.pid)) == 2
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
        assert process.returncode in codes, (process.returncode, said)
        if number != signal.SIGKILL:
            assert [each for each in family if alive(each) and "assets.worker" in words_of(each)] == []
        wait_for(lambda: not any(map(alive, family)))
    assert "Traceback" not in said


@pytest.mark.in_full
def test_what_a_worker_meets_outside_a_night_ends_the_load_with_its_code(arrived, tmp_path):
    deployment = Databases("sqlite").opened(tmp_path / "home", arrived)
    look = look_around(deployment).new
    planned = outstanding(deployment, look)
    (tmp_path / "home" / "index.db").rename(tmp_path / "index.db")
    (tmp_path / "home" / "home.id").unlink()
    with pytest.raises(IsindexError) as fault:
        workers.run_beside(
            deployment, look, planned, workers=2, selected=Everything().selects, started=print, step_done=print
        )
    assert fault.value.code == "HOME_UNKNOWN"
    assert workers_of(os.getpid()) == []


class Everything:
    def selects(self, planned) -> bool:
        return True


# --- under the daemon ---------------------------------------------------------------------------------------------


def test_the_daemon_starts_as_many_runs_as_a_load_has_workers(place, setting):
    def most() -> int:
        with daemon_of(place.home) as daemon:
            return daemon.instance.get_concurrency_config().run_queue_config.max_concurrent_runs

    assert most() == cores()
    setting("ISINDEX_WORKERS", 7)
    assert most() == 7


def test_each_run_keeps_to_its_part(published, setting):
    setting("ISINDEX_WORKERS", 4)
    setting("ISINDEX_THREADS", 8)
    setting("ISINDEX_MEMORY", "2GB")
    assert limits_in_a_run(published.home) == {("0.500GB", 2)}
    assert engine_limits() == ("2GB", 8)


def test_a_home_of_an_earlier_version_follows_the_setting_unless_people_have_changed_its_instance(
    tmp_path, monkeypatch
):
    home = Home(tmp_path)
    made = prepare_instance(home) / "dagster.yaml"
    new = made.read_bytes()
    assert "max_concurrent_runs" not in yaml.safe_load(new)["concurrency"]["runs"]
    made.write_text("concurrency: {runs: {max_concurrent_runs: 2}}")
    before = made.read_bytes()
    prepare_instance(home)
    assert made.read_bytes() == before
    monkeypatch.setattr(launch, "_MADE_BEFORE", {hashlib.sha256(before).hexdigest()})
    prepare_instance(home)
    assert made.read_bytes() == new


# --- helpers ------------------------------------------------------------------------------------------------------


@contextmanager
def loading(
    landing: Path, home: Path, database: Databases | None = None, *, workers: int, only: Collection[str] = ()
) -> Iterator[subprocess.Popen]:
    """`isindex load` in a process of its own, which ends with the block, and what it has started with it."""
    command = [ISINDEX, "load", "--landing", landing, "--home", home, "--workers", str(workers), "--json"]
    command += [word for authority in only for word in ("--authority", authority)]
    environment = (database or Databases("sqlite")).environment(home)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests that run behind a shell may not hear it
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                for each in below(process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(each, signal.SIGKILL)
            process.kill()


def ended(process: subprocess.Popen) -> dict[str, Any]:
    """The summary of a load that has ended, with the exit code in it."""
    out, said = process.communicate(timeout=300)
    assert out, said
    assert "leaked" not in said
    return {**json.loads(out), "exit": process.returncode}


def versions(home: Path) -> dict[str, str]:
    """Every published file with its sha256, but for locks."""
    snapshots = home / "snapshots"
    return {
        str(path.relative_to(snapshots)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(snapshots.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def rows(database: Databases, home: Path) -> dict[str, list[str]]:
    """The rows of the register, the index, the identities and the rejects, table by table, but for moments and numbers."""
    tables = (
        db.delivery,
        db.feed_night,
        db.attempt,
        *db.INDEX_TABLES.values(),
        db.identity,
        db.ledger_event,
        db.reject,
    )
    told = {}
    with database.opened(home).engine.connect() as connection:
        for table in tables:
            columns = [column for column in table.c if not column.name.endswith("_at") and column.name not in COUNTED]
            told[table.name] = sorted(map(repr, connection.execute(select(*columns)).all()))
    assert all(told[name] for name in ("delivery", "attempt", "child", "identity"))
    return told


def running(home: Path) -> list[str]:
    """The authorities of which an attempt is going on."""
    import sqlite3

    if not (home / "index.db").exists():
        return []
    connection = sqlite3.connect(f"file:{home / 'index.db'}?mode=ro", uri=True)
    try:
        return [each for (each,) in connection.execute("SELECT authority FROM attempt WHERE state = 'running'")]
    except sqlite3.OperationalError:  # its tables are being made
        return []
    finally:
        connection.close()


def wait_for(condition: Callable[[], object], process: subprocess.Popen | None = None, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def parents() -> dict[int, int]:
    """Process → its parent, of all that live."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(place.name)] = int(parent)
    return found


def below(process: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    known, found = parents(), [process]
    for each in found:
        found += [child for child, parent in known.items() if parent == each]
    return found[1:]


def alive(process: int) -> bool:
    return process in parents()


def words_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode().replace("\0", " ")
    except OSError:
        return ""


def workers_of(process: int) -> list[int]:
    return sorted(each for each in below(process) if "assets.worker" in words_of(each))


def limits_in_a_run(home: Path) -> Collection[tuple[str, int]]:
    """What the query engine may use while a run's step speaks."""
    found = set()

    class Asking(logging.Handler):
        def emit(self, record):
            event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
            if event is not None and event.event_type_value == "STEP_START":
                found.add(engine_limits())

    @dg.logger
    def asking(_):
        logger = logging.Logger("asking", logging.DEBUG)
        logger.addHandler(Asking())
        return logger

    job = build_defs(loggers={"console": asking}).resolve_job_def("night")
    with instance_of(Home(home)) as instance:
        ensure_authority(instance, "330")
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition_key("330", FIRST),
            run_config={"loggers": {"console": {}}},
            asset_selection=[dg.AssetKey(["index", "links"])],
            raise_on_error=False,
        )
    assert result.success
    return found
