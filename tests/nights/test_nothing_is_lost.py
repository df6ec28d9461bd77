"""What failed, was held, came late or was killed is in the index in the end, and nothing of it twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.database import schema as db
from pipelines.deliveries import Register, intake
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.ledger import identities_as_at
from pipelines.nights import follow
from pipelines.nights import take_in as night_intake
from pipelines.nights.attempts import attempt_in_force
from pipelines.nights.decisions import override
from pipelines.nights.night import Night
from pipelines.nights.plan import inputs_now
from pipelines.nights.run import RanNight, run_all, run_night
from pipelines.nights.take_in import take_in
from pipelines.publishing.gates import volume
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table
from tests.nights.disturbance import Disturbance, Killed, disturbed
from tests.nights.home_told import differences, leftovers, told
from tests.nights.little_authority import AUTHORITY, Delivery, day_of, everyone, opened, put, row_of

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
FIRST, SECOND, THIRD = (day_of(number) for number in range(3))


class Place:
    """A home and a landing place, and what a test asks of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.landing = folder, folder / "landing"
        self.landing.mkdir(parents=True, exist_ok=True)
        self.deployment: Deployment = opened(folder / "home", self.landing)

    def put(self, agency: str, day: date, sequence: int, rows: Any, mode: str = "full", fault: str = "") -> None:
        put(self.landing, Delivery(agency, day, sequence, mode, rows, fault))

    def take_in(self, agency: str, day: date) -> None:
        take_in(Night(self.deployment, AUTHORITY, day), agency)

    def load(self, disturbance: Disturbance | None = None, **options: Any) -> dict[str, str]:
        """The nights that were run, by date, with the state they ended in; none when it was killed."""
        ran: list[RanNight] = []
        with disturbed(disturbance, self.deployment.engine) as before:
            ran = run_all(self.deployment, started_by="a test", before=before, **options)
        return {each.planned.business_date.isoformat(): each.state for each in ran}

    def run(self, day: date) -> str:
        """Run one night whatever is outstanding."""
        return run_night(Night(self.deployment, AUTHORITY, day), started_by="a test")

    def in_force(self) -> dict[date, str]:
        return versions_in_force(self.deployment.home, AUTHORITY)

    def streets(self) -> str:
        """The addresses of the version that is shown."""
        versions = self.in_force()
        folder = self.deployment.home.snapshots(AUTHORITY) / versions[max(versions)]
        return str(read_table(folder / "addresses.parquet")["address"].to_pylist())

    def states(self, agency: str) -> set[tuple[int | None, str]]:
        """Sequence and state of each delivery of a feed."""
        return {(each.sequence, each.state) for each in Register(self.deployment.engine).known(AUTHORITY, agency)}

    def ledger(self, day: date) -> list[dict[str, str]]:
        return identities_as_at(self.deployment.engine, AUTHORITY, day).to_pylist()

    def identities(self, day: date) -> list[dict[str, str]]:
        """What the ledger should say: record and identity, as the attempt in force has them."""
        attempt = attempt_in_force(Night(self.deployment, AUTHORITY, day))
        assert attempt is not None
        found = read_table(attempt.folder / "identities" / "identities.parquet", ["record_ref", "index_id"])
        return found.sort_by("record_ref").to_pylist()

    def told(self) -> dict[str, Any]:
        return told(self.deployment, AUTHORITY)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one night on which health and police came, to be copied."""
    folder = tmp_path_factory.mktemp("first")
    place = Place(folder)
    place.put("health", FIRST, 1, everyone("health"))
    place.put("police", FIRST, 1, everyone("police"))
    assert place.load() == {FIRST.isoformat(): "published"}
    place.deployment.engine.dispose()
    return folder


@pytest.fixture
def another(first_night: Path, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Makes places that have had that night, or are like another one."""
    made: list[Place] = []

    def make(like: Place | None = None) -> Place:
        folder = tmp_path / f"place{len(made)}"
        if like is not None:
            like.deployment.engine.dispose()
        shutil.copytree(like.folder if like is not None else first_night, folder, symlinks=True)
        made.append(Place(folder))
        return made[-1]

    yield make
    for place in made:
        place.deployment.engine.dispose()


@pytest.fixture
def place(another: Callable[..., Place]) -> Place:
    return another()


@pytest.fixture
def close_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates of volume as close as a large index has them."""
    monkeypatch.setattr(volume, "CHILDREN_LOST_LEAST", 1)
    monkeypatch.setattr(volume, "KEYS_MOVED_LEAST", 3)
    monkeypatch.setattr(volume, "INDEX_IDS_MOVED_LEAST", 3)


def moved(number: int) -> list[dict[str, Any]]:
    """A delta that says one child has moved, to ``10x Newly Row``."""
    return [row_of("health", number, "moved") | {"change": "upsert"}]


# ---- nothing is built on a gap --------------------------------------------------------------------------------------
@pytest.mark.in_full
def test_a_delta_whose_night_failed_is_in_the_next_night_and_after_mending_all_is_as_if_it_had_not(another):
    disturbed_place, calm = another(), another()
    for place in (disturbed_place, calm):
        place.put("health", SECOND, 2, moved(0), "delta")
        place.put("health", THIRD, 3, moved(1), "delta")

    ran = disturbed_place.load(Disturbance("coded", "links"))
    assert ran == {SECOND.isoformat(): "failed", THIRD.isoformat(): "published"}
    assert "100 Newly Row" in disturbed_place.streets()
    assert "101 Newly Row" in disturbed_place.streets()
    assert disturbed_place.load() == {SECOND.isoformat(): "published", THIRD.isoformat(): "published"}
    calm.load()
    # the night that was published past it comes otherwise, and says so: it has another name, and shows the same
    assert not disturbed_place.in_force().items() <= calm.in_force().items()
    assert differences(*(_shown(place) for place in (disturbed_place, calm))) == []


def _shown(place: Place) -> dict[str, Any]:
    """What the index of a place shows, and under which ids."""
    shown = {f"table {table.name}" for table in db.INDEX_TABLES.values()}
    return {name: told for name, told in place.told().items() if name in shown or name.startswith("identities as at")}


@pytest.mark.in_full
def test_what_corrects_a_published_night_and_is_held_is_not_lost_to_the_next(another, close_gates):
    place, calm = another(), another()
    for each in (place, calm):
        each.put("health", SECOND, 2, everyone("health"))
        each.load()
    before = place.in_force()
    for each in (place, calm):
        each.put("health", SECOND, 3, everyone("health")[:3])
    assert place.load() == {SECOND.isoformat(): "held"}
    assert place.in_force() == before
    for each in (place, calm):
        each.put("health", THIRD, 4, moved(0), "delta")
    inputs = inputs_now(Night(place.deployment, AUTHORITY, SECOND))
    assert place.load() == {THIRD.isoformat(): "held"}  # what was held comes with it, and holds it too
    inputs = inputs_now(Night(place.deployment, AUTHORITY, THIRD))
    assert inputs.base is not None
    assert inputs.base.business_date == FIRST
    assert [each.sequence for each in inputs.deliveries] == [3, 4]
    for each in (place, calm):
        if each is calm:
            each.load()
        override(each.deployment, AUTHORITY, SECOND, "keys_moved", actor="Ruth", reason="a clinic closed", at=NOW)
        each.load()
    assert place.in_force().keys() == {FIRST, SECOND, THIRD}
    assert differences(place.told(), calm.told()) == []


@pytest.mark.in_full
def test_the_ledger_leaves_out_what_was_superseded_and_what_was_passed_over(place):
    place.put("health", SECOND, 2, [row_of("health", 0) | {"change": "withdraw"}], "delta")
    place.load()
    assert len(place.ledger(SECOND)) == 15
    place.put("health", SECOND, 3, moved(1), "delta")  # in place of the withdrawal
    place.put("health", THIRD, 4, moved(2), "delta")

    ran = place.load(Disturbance("coded", "links"))
    assert ran == {SECOND.isoformat(): "failed", THIRD.isoformat(): "published"}
    assert place.ledger(SECOND) == place.identities(SECOND)  # as it is in force, with the withdrawal
    assert place.ledger(THIRD) == place.identities(THIRD)
    assert len(place.ledger(THIRD)) == 16
    place.load()
    for day in (FIRST, SECOND, THIRD):
        assert place.ledger(day) == place.identities(day)
    assert len(place.ledger(SECOND)) == 16


@pytest.mark.in_full
def test_a_night_that_is_published_anew_makes_those_that_build_on_it_outstanding_and_no_others(place):
    place.put("health", SECOND, 2, moved(0), "delta")
    place.load()
    place.put("health", THIRD, 3, moved(1), "delta")
    place.load()
    place.put("education", SECOND, 1, everyone("education"))
    ran = run_all(place.deployment, started_by="a test")
    told = {each.planned.business_date: each.planned.why for each in ran}
    assert list(told) == [SECOND, THIRD]
    assert "The night of 19 November 2026, on which it builds, was published anew." in told[THIRD]


def test_what_a_night_builds_on_is_among_its_inputs(place):
    inputs = inputs_now(Night(place.deployment, AUTHORITY, SECOND))
    assert inputs.base is not None
    for base in (None, replace(inputs.base, version="another"), replace(inputs.base, business_date=THIRD)):
        other = replace(inputs, base=base)
        assert other.digest != inputs.digest
        assert other.data_digest != inputs.data_digest


@pytest.mark.in_full
# ---- kills ----------------------------------------------------------------------------------------------------------
def test_a_night_killed_behind_the_pointer_is_a_sound_base_and_the_database_follows_it(place, monkeypatch):
    place.put("health", SECOND, 2, moved(0), "delta")
    place.put("health", THIRD, 3, moved(1), "delta")
    with monkeypatch.context() as patched:
        patched.setattr(follow, "show_in_force", _dies)
        with pytest.raises(Killed):
            place.load()
    assert SECOND in place.in_force()
    assert place.load(selected=lambda each: each.business_date == THIRD) == {THIRD.isoformat(): "published"}
    assert place.ledger(SECOND) == place.identities(SECOND)
    links = place.deployment.home.night(AUTHORITY, SECOND) / "identities" / "identities.parquet"
    assert links.is_file()


@pytest.mark.in_full
def test_a_delivery_that_fills_a_gap_frees_what_waited_wherever_its_taking_in_is_killed(another):
    prepared = another()
    prepared.put("health", THIRD, 3, moved(1), "delta")
    prepared.take_in("health", THIRD)
    prepared.put("health", SECOND, 2, moved(0), "delta")
    states = {(2, "loaded"), (3, "loaded")}
    assert prepared.states("health") == {(1, "loaded"), (3, "held")}
    moment = 0
    while True:
        moment += 1
        place = another(prepared)
        with disturbed(Disturbance("kill", moment), place.deployment.engine):
            place.take_in("health", SECOND)
            break  # it was over before
        assert place.states("health") in ({(1, "loaded"), (3, "held")}, {(1, "loaded"), *states}), moment
    assert moment > 10
    assert place.states("health") == {(1, "loaded"), *states}


@pytest.mark.in_full
def test_a_refused_delivery_is_answered_by_the_next_load_when_its_taking_in_was_killed(place, monkeypatch):
    place.put("health", SECOND, 2, moved(0), "delta")
    place.load()
    place.put("health", SECOND, 3, everyone("health"), fault="checksum")
    with monkeypatch.context() as patched:
        patched.setattr(intake, "acknowledge", _dies)
        with pytest.raises(Killed):
            place.load()
    answer = place.landing / AUTHORITY / "health" / SECOND.isoformat() / "ack.json"
    assert not answer.exists()
    place.load()
    assert json.loads(answer.read_text())["state"] == "refused"
    assert place.load() == {}


@pytest.mark.in_full
@pytest.mark.parametrize("killed", [False, True])
def test_what_waited_and_is_refused_once_the_gap_is_filled_is_answered(place, monkeypatch, killed):
    place.put("health", FIRST, 3, [row_of("health", 1, "broken") | {"change": "upsert"}], "delta")
    place.load()
    answer = place.landing / AUTHORITY / "health" / FIRST.isoformat() / "ack.json"
    assert json.loads(answer.read_text())["state"] == "held"
    place.put("health", SECOND, 2, moved(0), "delta")
    if killed:
        with monkeypatch.context() as patched:
            patched.setattr(night_intake, "restore_answer", _dies)
            with pytest.raises(Killed):
                place.load()
    place.load()
    assert json.loads(answer.read_text())["state"] == "refused"
    assert place.load() == {}


def test_a_night_that_only_a_refused_delivery_came_for_is_run_though_a_kill_came_between(place):
    place.put("health", SECOND, 2, everyone("health"), fault="checksum")
    place.take_in("health", SECOND)  # and no more
    assert place.load() == {SECOND.isoformat(): "published"}
    assert place.load() == {}


@pytest.mark.in_full
@pytest.mark.slow
def test_wherever_a_load_is_killed_the_next_one_ends_as_if_it_had_not_been(another):
    """At moments across the load; ``KILL_STEP=1 pytest …`` tries every one."""
    prepared = another()
    prepared.put("health", SECOND, 2, [*moved(0), row_of("health", 3, "broken") | {"change": "upsert"}], "delta")
    calm = another(prepared)
    calm.load()
    step = int(os.environ.get("KILL_STEP", "67"))
    expected, moment, over = calm.told(), 7, False
    while not over:
        place = another(prepared)
        over = place.load(Disturbance("kill", moment)) != {}
        place.load()
        assert differences(place.told(), expected) == [], moment
        assert leftovers(place.deployment, AUTHORITY) == [], moment
        moment += step
    assert moment > 200


# ---- one at a time --------------------------------------------------------------------------------------------------
@pytest.mark.in_full
def test_two_processes_never_run_the_nights_of_one_authority_at_once(place):
    place.put("health", SECOND, 2, moved(0), "delta")
    context = multiprocessing.get_context("spawn")
    going, may_end = context.Event(), context.Event()
    home = place.deployment.home.root
    other = context.Process(target=_runs_slowly, args=(home, place.landing, going, may_end))
    other.start()
    try:
        assert going.wait(120)
        with pytest.raises(IsindexError, match="NIGHT_RUNNING"):
            place.run(SECOND)
        assert place.load() == {SECOND.isoformat(): "busy"}
    finally:
        may_end.set()
        other.join(120)
    assert other.exitcode == 0
    assert "100 Newly Row" in place.streets()
    assert place.load() == {}


def _runs_slowly(home: Path, landing: Path, going: Any, may_end: Any) -> None:
    def before(stage: str) -> None:
        if stage == "inputs":
            going.set()
            assert may_end.wait(120)

    night = Night(opened(home, landing), AUTHORITY, SECOND)
    assert run_night(night, started_by="another process", before=before) == "published"


def _dies(*_: Any, **__: Any) -> None:
    raise Killed
