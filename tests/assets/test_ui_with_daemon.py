"""`isindex ui --daemon` as a deployment runs it: begun on nothing, it loads what comes and lets nobody round the secret."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import pytest

from assets.command.ui import ui
from sample_feeds import make_nights
from tests.assets.conftest import FIRST, Place
from tests.assets.daemon import DAGSTERS_OWN

pytestmark = [DAGSTERS_OWN, pytest.mark.in_full]
ISINDEX = Path(sys.executable).with_name("isindex")


@pytest.mark.slow
def test_begun_on_an_empty_home_it_loads_what_comes_by_itself(place):
    with served(place) as (url, log):
        wait_for(lambda: (place.home / "home.id").exists())
        folder = place.arrive("330", "health", FIRST)
        wait_for(lambda: (place.home / "snapshots" / "330" / "current.json").exists())
        wait_for(lambda: runs(url) == ["SUCCESS"])
        current = json.loads((place.home / "snapshots" / "330" / "current.json").read_text())
        told = switched_on(url)
    assert current["business_date"] == FIRST.isoformat()
    assert told == {
        "nightly": "RUNNING",
        "monthly": "STOPPED",
        "daily": "RUNNING",
        "arrivals": "RUNNING",
        "network_arrivals": "RUNNING",
        "failure_notifier": "RUNNING",
    }
    assert open_to_others(place.home) == []  # by the UI, the daemon, the code location and the run
    kept = b"".join(path.read_bytes() for path in (place.home / "dagster").rglob("*") if path.is_file())
    for value in personal_values(folder):
        assert value.encode() not in kept
        assert value not in log.read_text(errors="replace")


@pytest.mark.parametrize("secret", ["", "isindex development secret: synthetic data only"])
def test_without_a_secret_it_does_not_start_and_makes_nothing(place, secret):
    command = [ISINDEX, "ui", "--daemon", "--home", place.home, "--landing", place.landing, "--port", str(free_port())]
    done = subprocess.run(
        command, env=os.environ | {"ISINDEX_SECRET": secret}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "SECRET_MISSING" in done.stderr
    assert not place.home.exists()


def test_a_night_that_lies_in_the_landing_place_is_known_from_the_start_however_old(place, tmp_path, monkeypatch):
    early = date(2025, 12, 30)
    make_nights(tmp_path / "early", ("301",), first_night=early, children=60, agencies=("police",))
    given = {}
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: given.update(environment))
    ui(place.home, str(tmp_path / "early" / "landing"), daemon=True)
    assert given["ISINDEX_FIRST_PARTITION"] == early.isoformat()


def test_it_starts_although_the_landing_place_is_not_there_yet(place, tmp_path, monkeypatch):
    """A share that is mounted later; until then the sensor's ticks say LANDING_MISSING."""
    given = {}
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: given.update(environment))
    ui(place.home, str(tmp_path / "later"), daemon=True)
    assert given["ISINDEX_LANDING"] == str(tmp_path / "later")


@contextmanager
def served(place: Place) -> Iterator[tuple[str, Path]]:
    """The UI with its daemon in processes of their own, which end with the block: its address, and what it printed."""
    port, log = free_port(), place.home.parent / "ui.log"
    command = [ISINDEX, "ui", "--daemon", "--home", place.home, "--landing", place.landing, "--port", str(port)]
    with (
        log.open("w") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, start_new_session=True, cwd=place.landing, umask=0
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def open_to_others(home: Path) -> list[Path]:
    """Files and folders that anybody but their owner may do anything with."""
    return [path for path in [home, *home.rglob("*")] if not path.is_symlink() and path.stat().st_mode & 0o077]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.5)


def asked(url: str, query: str) -> dict:
    """The answer of the UI's own interface."""
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["data"]


def runs(url: str) -> list[str]:
    with suppress(OSError):  # the web server may not be there yet
        return [
            run["status"]
            for run in asked(url, "{runsOrError {... on Runs {results {status}}}}")["runsOrError"]["results"]
        ]
    return []


def switched_on(url: str) -> dict[str, str]:
    """Schedule or sensor → whether it is on."""
    repositories = asked(
        url,
        "{repositoriesOrError {... on RepositoryConnection {nodes {"
        "schedules {name scheduleState {status}} sensors {name sensorState {status}}}}}}",
    )["repositoriesOrError"]["nodes"]
    return {
        each["name"]: (each.get("scheduleState") or each.get("sensorState"))["status"]
        for node in repositories
        for each in node["schedules"] + node["sensors"]
    }


def personal_values(folder: Path) -> set[str]:
    """Numbers and addresses of the children in a delivery."""
    with (folder / "health.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    values = {
        row[name] for row in rows for name in ("nhs_number", "address_line_1", "local_patient_id") if row.get(name)
    }
    assert len(values) > 50
    return values
