"""When a night is run, by Dagster's own daemon: the cut-off, what arrives, what people decide, what failed."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.test_utils import freeze_time

from assets.partitions import is_night
from pipelines.deliveries import Register, due
from pipelines.nights import Night, feeds
from pipelines.nights.attempts import last_attempts
from pipelines.nights.decisions import decide, take_back
from pipelines.nights.take_in import take_in
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table
from sample_feeds import make_nights
from tests.assets.conftest import FIRST, days
from tests.assets.daemon import DAGSTERS_OWN, LONDON, Daemon, daemon_of, london, night_of_run

pytestmark = DAGSTERS_OWN
SUCCESS, FAILURE, QUEUED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.QUEUED


def asked(daemon: Daemon, *statuses: dg.DagsterRunStatus) -> list[tuple[str, date]]:
    """The nights that runs were asked for."""
    return [night_of_run(run) for run in daemon.runs(*statuses)]


def why(daemon: Daemon) -> str:
    """Why the last run was asked for."""
    return daemon.runs()[-1].tags["isindex/why"]


def in_force(place, authority: str) -> list[date]:
    return sorted(versions_in_force(place.open().home, authority))


# --- what arrives -------------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_what_arrives_is_loaded_night_after_night_each_authority_by_itself(place):
    for authority, night in (("330", 0), ("330", 1), ("301", 0)):
        place.arrive(authority, "health", days(night))
    with daemon_of(place.home) as daemon:
        daemon.look()
        assert asked(daemon) == [("301", FIRST), ("330", FIRST)]
        assert daemon.look().status is TickStatus.SKIPPED  # both wait: they are not asked for twice
        daemon.start_runs()
        assert [run.status for run in daemon.runs()] == [SUCCESS, SUCCESS]
        daemon.look()
        assert asked(daemon, QUEUED) == [("330", days(1))]
        daemon.start_runs()
        assert daemon.look().skip_reason == "Nothing new has arrived, and nothing was decided."
        assert (in_force(place, "330"), in_force(place, "301")) == ([FIRST, days(1)], [FIRST])
        first = daemon.runs()[0]
    assert first.tags["isindex/started_by"] == "the sensor arrivals"
    assert first.tags["isindex/why"] == "Arrived: health."
    assert first.tags["isindex/night"] == "published"
    row = last_attempts(place.open().engine, "301")[FIRST]
    assert (row.started_by, row.state) == ("the sensor arrivals", "published")


@pytest.mark.in_full
def test_a_feed_that_comes_late_makes_another_run_of_its_night_and_of_no_other(published):
    with daemon_of(published.home) as daemon:
        assert daemon.look().status is TickStatus.SKIPPED
        published.arrive("330", "police", FIRST)
        tick = daemon.look()
        assert asked(daemon) == [("330", FIRST)]
        assert tick.run_keys[0].startswith(f"330/{FIRST}/")


@pytest.mark.in_full
def test_what_comes_while_a_night_is_being_run_is_asked_for_afterwards(published):
    """And under another key, or Dagster would take it for the same wish."""
    published.arrive("330", "health", days(1))
    with daemon_of(published.home) as daemon:
        (before,) = daemon.look().run_keys
        published.arrive("330", "police", days(1))
        assert "while authority 330 is being run" in daemon.look().skip_reason
        daemon.instance.delete_run(daemon.runs()[0].run_id)
        (after,) = daemon.look().run_keys
    assert before != after


def test_something_that_lies_where_it_should_not_makes_no_run_and_is_named(published):
    published.arrive("330", "health", days(1), as_agency="helth")
    with daemon_of(published.home) as daemon:
        tick = daemon.look()
        assert (tick.status, asked(daemon)) == (TickStatus.SKIPPED, [])
    assert "UNKNOWN_AGENCY_FOLDER 330/helth" in tick.skip_reason


@pytest.mark.in_full
def test_a_night_that_dagster_does_not_know_is_told_with_the_way_out_and_stops_nobody(published, tmp_path):
    early = date(2025, 12, 30)
    make_nights(tmp_path / "early", ("301",), first_night=early, children=60, agencies=("police",))
    shutil.copytree(tmp_path / "early" / "landing" / "301", published.landing / "301")
    with daemon_of(published.home) as daemon:
        tick = daemon.look()
        assert (tick.status, asked(daemon)) == (TickStatus.SKIPPED, [])
        assert "301 2025-12-30 lies outside the nights that Dagster knows (from 2026-01-01" in tick.skip_reason
        assert "start `isindex ui` anew" in tick.skip_reason
        published.arrive("330", "police", days(1))
        daemon.look()
        assert asked(daemon) == [("330", days(1))]


def test_a_process_that_runs_for_long_still_knows_the_night_of_tomorrow():
    for ahead in (0, 40, 400):
        now = datetime.now(LONDON) + timedelta(days=ahead)
        with freeze_time(now.astimezone(UTC)):
            assert is_night(now.date() + timedelta(days=1))
            assert not is_night(now.date() + timedelta(days=2))


def test_just_after_midnight_in_summer_the_day_is_the_one_of_london():
    with freeze_time(london(2026, 7, 2, 0, 30).astimezone(UTC)):
        assert is_night(date(2026, 7, 3))


# --- what people decide -------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_a_decision_makes_a_run_and_so_does_taking_it_back_however_often(published):
    path = published.night("330", FIRST).folder / "identities" / "identities.parquet"
    one, other = read_table(path)["record_key"].to_pylist()[:2]
    now, keys = datetime(2026, 12, 3, 12, tzinfo=UTC), []
    with daemon_of(published.home) as daemon:
        for number in (1, 2):
            decide(published.open(), "330", "not_the_same", one, other, actor="a", reason="b", at=now)
            keys += daemon.look().run_keys
            assert why(daemon) == f"A decision of 3 December 2026 (number {number}: not the same)."
            daemon.start_runs()
            assert daemon.look().status is TickStatus.SKIPPED
            take_back(published.open(), "330", number, actor="a", reason="c", at=now)
            keys += daemon.look().run_keys  # the inputs are those of before: Dagster may not take it for an old wish
            assert why(daemon) == f"Decision {number} was taken back."
            daemon.start_runs()
        assert asked(daemon, SUCCESS) == [("330", FIRST)] * 4
    assert len(set(keys)) == 4


@pytest.mark.in_full
@pytest.mark.slow
def test_nights_that_the_daemon_runs_let_go_what_is_not_kept(published, setting):
    setting("ISINDEX_KEEP_NIGHTS", 1)
    setting("ISINDEX_KEEP_VERSIONS", 1)
    with daemon_of(published.home) as daemon:
        for night in (1, 2):
            published.arrive("330", "health", days(night))
            daemon.look()
            daemon.start_runs()
    assert sorted(path.name for path in (published.home / "nights" / "330").glob("2026-*")) == [
        days(night).isoformat()
        for night in (1, 2)  # the last one and its base
    ]
    assert len(list((published.home / "snapshots" / "330").glob("v=*"))) == 1
    assert not (published.home / "reports" / FIRST.isoformat()).exists()


# --- the cut-off --------------------------------------------------------------------------------------------------


@pytest.mark.in_full
def test_at_the_cut_off_every_authority_has_the_night_that_ended_whatever_came(published):
    take_in_police(published, "301", FIRST)
    with daemon_of(published.home) as daemon:
        daemon.at(london(2026, 11, 21, 5, 59))
        assert daemon.schedule() == []
        daemon.at(london(2026, 11, 21, 6, 0))
        daemon.schedule()
        # that of 301 was taken in and never run
        assert asked(daemon) == [("301", FIRST), ("301", days(2)), ("330", days(2))]
        told = {night_of_run(run): run.tags["isindex/why"] for run in daemon.runs()}
        assert told["330", days(2)] == "It has not been run yet; nothing usable was delivered for it."
        assert daemon.runs()[0].tags["isindex/started_by"] == "the schedule nightly"


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("sunday", "cut_off"),
    [(date(2026, 3, 29), "06:00"), (date(2026, 10, 25), "06:00"), (date(2026, 3, 29), "01:30"), (date(2026, 10, 25), "01:30")],
)  # fmt: skip
def test_when_the_clock_changes_there_is_one_cut_off_for_the_night_that_ended(place, setting, sunday, cut_off):
    setting("ISINDEX_CUT_OFF", cut_off)
    take_in_police(place, "330", sunday - timedelta(days=10))
    midnight = datetime(sunday.year, sunday.month, sunday.day, tzinfo=LONDON).astimezone(UTC)
    with daemon_of(place.home, anew=True) as daemon:
        ticks = []
        for hours in range(26):  # the day has 23 hours in March, 25 in October
            daemon.at(midnight + timedelta(hours=hours))
            ticks += daemon.schedule()
        sundays = [tick for tick in ticks if datetime.fromtimestamp(tick.timestamp, LONDON).date() == sunday]
        assert len(sundays) == 1
        due = [night for _, night in asked(daemon) if night > sunday - timedelta(days=10)]
        assert due[0] == sunday - timedelta(days=1)
        assert len(due) == len(set(due))


@pytest.mark.in_full
def test_after_days_without_a_daemon_all_that_is_outstanding_is_asked_for_at_once(place):
    """Cut-offs at which nobody was there are not made up one by one: nothing that came is lost by that."""
    take_in_police(place, "330", FIRST)
    with daemon_of(place.home) as daemon:
        daemon.at(london(2026, 11, 19, 7))
        daemon.schedule()
        daemon.at(london(2026, 11, 22, 7))
        assert len(daemon.schedule()) == 1
        assert asked(daemon) == [("330", FIRST), ("330", days(3))]


@pytest.mark.in_full
def test_a_night_that_waits_in_the_queue_is_not_asked_for_again_at_the_next_cut_off(place):
    take_in_police(place, "330", FIRST)
    with daemon_of(place.home) as daemon:
        daemon.at(london(2026, 11, 19, 5))
        daemon.schedule()
        for day in (19, 20):
            daemon.at(london(2026, 11, day, 6))
            daemon.schedule()
        assert asked(daemon) == [("330", FIRST), ("330", days(1))]


def test_the_cut_off_is_one_setting_for_the_schedule_and_for_what_is_said_of_a_feed(published, setting, monkeypatch):
    setting("ISINDEX_CUT_OFF", "07:30")
    with daemon_of(published.home, anew=True) as daemon:
        daemon.at(london(2026, 11, 19, 7, 29))
        assert daemon.schedule() == []
        daemon.at(london(2026, 11, 19, 7, 30))
        assert len(daemon.schedule()) == 1
    told = {}
    for minute in (29, 30):
        monkeypatch.setattr(due, "datetime", clock_at(london(2026, 11, 19, 7, minute)))
        night = published.night("330", FIRST)
        told[minute] = feeds.feed_tonight(night, Register(night.engine), "police").state
    assert told == {29: "late", 30: "missing"}


# --- what fails ---------------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.slow
def test_a_night_that_failed_is_asked_for_at_the_cut_off_and_not_every_minute(published):
    published.arrive("330", "health", days(1))
    in_the_way = published.night("330", days(1)).folder / "attempts"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")  # a file where the attempts' folder belongs: the stage `inputs` cannot be run
    with daemon_of(published.home) as daemon:
        daemon.at(london(2026, 11, 20, 5))
        daemon.schedule()
        daemon.look()
        daemon.start_runs()
        assert [run.status for run in daemon.runs()] == [FAILURE]
        assert [daemon.look().status for _ in range(3)] == [TickStatus.SKIPPED] * 3
        in_the_way.unlink()
        assert daemon.look().status is TickStatus.SKIPPED  # nobody told Dagster that the cause is gone
        daemon.at(london(2026, 11, 20, 6))
        daemon.schedule()
        assert why(daemon) == "The last attempt failed in inputs (STAGE_FAILED)."
        daemon.start_runs()
        assert [run.status for run in daemon.runs()] == [FAILURE, SUCCESS]
    assert in_force(published, "330") == [FIRST, days(1)]


@pytest.mark.in_full
def test_who_is_on_duty_is_told_of_a_failure_with_its_code_and_without_a_value(published, setting):
    heard: list[dict] = []
    with listening(heard) as address:
        setting("ISINDEX_NOTIFY_URL", address)
        published.arrive("330", "health", days(1))
        folder = published.night("330", days(1)).folder
        folder.mkdir()
        (folder / "attempts").write_text("")
        with daemon_of(published.home) as daemon:
            daemon.look("failure_notifier")
            daemon.start_runs()
            daemon.look("failure_notifier")
            (run,) = daemon.runs()
    (line,) = (published.home / "notifications.jsonl").read_text().splitlines()
    assert heard == [json.loads(line)]
    assert {name: value for name, value in heard[0].items() if name != "at"} == {
        "kind": "run_failed", "run_id": run.run_id, "job": "night", "authority": "330", "business_date": "2026-11-19",
        "state": "failed", "code": "STAGE_FAILED", "steps": ["index__inputs"],
    }  # fmt: skip


# --- no way round the secret --------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.parametrize(("secret", "code"), [
    ("", "SECRET_MISSING"),
    ("isindex development secret: synthetic data only", "SECRET_MISSING"),
    ("too short", "SECRET_TOO_SHORT"),
])  # fmt: skip
def test_without_a_secret_the_daemon_does_nothing_and_makes_nothing(place, setting, secret, code):
    place.arrive("330", "health", FIRST)
    setting("ISINDEX_SECRET", secret)
    with daemon_of(place.home) as daemon:
        tick = daemon.look()
        assert (tick.status, asked(daemon)) == (TickStatus.FAILURE, [])
        assert code in str(tick.error)
        daemon.at(london(2026, 11, 19, 5))
        daemon.schedule()
        daemon.at(london(2026, 11, 19, 6))
        (cut_off,) = daemon.schedule()
        assert (cut_off.status, code in str(cut_off.error)) == (TickStatus.FAILURE, True)
    assert [path.name for path in place.home.iterdir()] == ["dagster"]


def test_a_run_that_was_asked_for_under_the_secret_ends_without_it(place, setting):
    """And who is on duty could not be told: the deployment is not opened for that either."""
    place.arrive("330", "health", FIRST)
    with daemon_of(place.home) as daemon:
        daemon.look()
        setting("ISINDEX_SECRET", "")
        daemon.start_runs()
        (run,) = daemon.runs()
        assert run.status is FAILURE
        assert "SECRET_MISSING" in str(daemon.instance.all_logs(run.run_id)[-1].dagster_event.event_specific_data.error)
    assert not (place.home / "nights").exists()


# --- helpers ------------------------------------------------------------------------------------------------------


def take_in_police(place, authority: str, business_date: date) -> None:
    """Let the authority have delivered once: one small feed, taken in and not run."""
    if business_date == FIRST:
        place.arrive(authority, "police", FIRST)
    else:
        out = place.home.parent / "small"
        make_nights(out, (authority,), first_night=business_date, children=60, agencies=("police",))
        shutil.copytree(out / "landing", place.landing, dirs_exist_ok=True)
    take_in(Night(place.open(), authority, business_date), "police")


def clock_at(now: datetime) -> type[datetime]:
    """`datetime`, whose `now` is `now`."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return now.astimezone(tz)

    return Clock


@contextmanager
def listening(heard: list[dict]) -> Iterator[str]:
    """A web address that keeps what is posted to it."""

    class Post(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Post) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
