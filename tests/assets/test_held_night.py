"""A night that a gate holds: what Dagster shows of it, its reports, and that it rests until something changes."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus

from pipelines.nights.attempts import last_attempts
from pipelines.publishing.versions import versions_in_force
from sample_feeds import make_nights
from tests.assets.conftest import FIRST, days
from tests.assets.daemon import DAGSTERS_OWN, daemon_of, london, night_of_run

pytestmark = [DAGSTERS_OWN, pytest.mark.slow, pytest.mark.in_full]
FAILURE, QUEUED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.QUEUED


@pytest.fixture
def shrunk(published, tmp_path):
    """The second night's health is a third of the first's: more children would be gone than a night may take."""
    make_nights(tmp_path / "few", ("330",), first_night=FIRST, nights=2, children=20, agencies=("health",))
    night = f"330/health/{days(1)}"
    shutil.copytree(tmp_path / "few" / "landing" / night, published.landing / night)
    return published


def test_a_held_night_shows_the_gate_has_its_reports_and_rests(shrunk):
    with daemon_of(shrunk.home) as daemon:
        daemon.at(london(2026, 11, 20, 5))
        daemon.schedule()
        daemon.look("failure_notifier")
        daemon.start_runs()
        (run,) = daemon.runs()
        assert run.status is FAILURE
        assert run.tags["isindex/night"] == "held"
        events = [each.dagster_event for each in daemon.instance.all_logs(run.run_id) if each.is_dagster_event]
        made = {each.asset_key.to_user_string() for each in events if each.is_step_materialization}
        failed = {
            each.event_specific_data.check_name
            for each in events
            if each.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
            and each.event_specific_data.blocking
            and not each.event_specific_data.passed
        }
        assert {each.step_key for each in events if each.is_step_failure} == {"index__snapshot"}
        assert "volume" in failed
        assert {"reports/rejected_records", "reports/data_quality", "reports/match_review"} <= made
        assert not {"index/published", "index/live"} & made
        row = last_attempts(shrunk.open().engine, "330")[days(1)]
        assert (row.state, row.version) == ("held", None)
        assert "volume" in " ".join(row.reasons)
        assert "volume" in (shrunk.home / "reports" / "index.html").read_text()

        # it rests: neither the sensor nor the cut-off asks for it again, and the night after it is asked for
        assert daemon.look().status is TickStatus.SKIPPED
        daemon.at(london(2026, 11, 21, 6))
        daemon.schedule()
        assert [night_of_run(each) for each in daemon.runs(QUEUED)] == [("330", days(2))]
    assert sorted(versions_in_force(shrunk.open().home, "330")) == [FIRST]
    assert '"state": "held"' in (shrunk.home / "notifications.jsonl").read_text()
