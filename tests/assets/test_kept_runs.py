"""Dagster keeps the runs of nights that are kept, and nothing of the others; the spans and tables it shows follow."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import date, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from assets import kept_runs, launch
from assets.jobs import maintenance_job
from assets.kept_runs import let_runs_go
from assets.launch import instance_of
from assets.partitions import AUTHORITY_TAG, NIGHT_TAG, _first_night
from assets.resources import Deployment as DeploymentResource
from pipelines.deployment import open_deployment
from pipelines.home import Home
from pipelines.nights.reach import retired_nights
from sample_feeds import make_nights
from tests.assets.daemon import DAGSTERS_OWN, night_of_run
from tests.loading import loaded

pytestmark = [DAGSTERS_OWN, pytest.mark.slow, pytest.mark.in_full]
FIRST = date(2026, 11, 18)
NIGHTS = 4


@pytest.fixture(scope="module")
def long_loaded(tmp_path_factory):
    """A home with the nights of two authorities of which two each were let go; their runs are there still."""
    out = tmp_path_factory.mktemp("long")
    make_nights(out, ("330", "331"), first_night=FIRST, nights=NIGHTS + 1, children=12, agencies=("health",))
    for authority in ("330", "331"):
        last = out / "landing" / authority / "health" / (FIRST + timedelta(NIGHTS)).isoformat()
        shutil.move(last, out / f"last-{authority}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISINDEX_KEEP_NIGHTS", "1")
        loaded(out / "landing", out / "home")
    return out


@pytest.fixture
def place(long_loaded, tmp_path, setting):
    """A copy of it of a test's own."""
    shutil.copytree(long_loaded, tmp_path / "at", symlinks=True)
    setting("ISINDEX_KEEP_NIGHTS", "1")
    return tmp_path / "at"


def nights_told(instance) -> set[tuple[str, date]]:
    return {night_of_run(run) for run in instance.get_runs() if "dagster/partition/night" in run.tags}


def traces(home: Home, run_id: str) -> list[str]:
    """Files and rows in which a run is named."""
    found = [str(path) for path in home.dagster.rglob("*") if run_id in path.name]
    for path in (home.dagster / "history").rglob("*.db"):
        with closing(sa.create_engine(f"sqlite:///{path}").connect()) as connection:
            for table in sa.inspect(connection).get_table_names():
                rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
                found += [f"{path.name} {table}" for row in rows if run_id in str(row)]
            connection.engine.dispose()
    return found


def old_and_new(place, instance):
    """The runs of nights that were let go, and the others."""
    retired = retired_nights(open_deployment(place / "home", str(place / "landing"), create=False))
    runs = {run.run_id: night_of_run(run) for run in instance.get_runs()}
    old = {run_id for run_id, (authority, night) in runs.items() if night <= retired[authority]}
    return old, set(runs) - old


def test_of_a_run_whose_night_was_let_go_nothing_is_left_and_the_others_are_whole(place):
    home = Home(place / "home")
    deployment = open_deployment(place / "home", str(place / "landing"), create=False)
    with instance_of(home) as instance:
        old, new = old_and_new(place, instance)
        assert old
        assert new
        whole = {run_id: len(instance.all_logs(run_id)) for run_id in new}
        assert all(traces(home, run_id) for run_id in old)
        assert let_runs_go(instance, deployment) == len(old)
        assert {run.run_id for run in instance.get_runs()} == new
        assert {run_id: len(instance.all_logs(run_id)) for run_id in new} == whole
        assert let_runs_go(instance, deployment) == 0
    assert [trace for run_id in old for trace in traces(home, run_id)] == []
    assert all(traces(home, run_id) for run_id in new)


def test_cut_short_it_goes_on_the_next_time(place, monkeypatch):
    home = Home(place / "home")
    deployment = open_deployment(place / "home", str(place / "landing"), create=False)
    with instance_of(home) as instance:
        old, _ = old_and_new(place, instance)
        monkeypatch.setattr(instance.run_storage, "delete_run", lambda run_id: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            let_runs_go(instance, deployment)
        monkeypatch.undo()
        assert let_runs_go(instance, deployment) == len(old)
    assert [trace for run_id in old for trace in traces(home, run_id)] == []


def test_only_runs_of_the_authorities_asked_for_go(place):
    deployment = open_deployment(place / "home", str(place / "landing"), create=False)
    with instance_of(Home(place / "home")) as instance:
        before = nights_told(instance)
        let_runs_go(instance, deployment, ["330"])
        gone = before - nights_told(instance)
    assert {authority for authority, _ in gone} == {"330"}


def test_the_next_load_lets_them_go_and_the_maintenance_job_does(place):
    home = Home(place / "home")
    with instance_of(home) as instance:
        old, _ = old_and_new(place, instance)
        by_job = {run.run_id for run in instance.get_runs() if night_of_run(run)[0] == "331"} & old
    shutil.move(place / "last-330", place / "landing/330/health" / (FIRST + timedelta(NIGHTS)).isoformat())
    assert loaded(place / "landing", place / "home")["exit"] in (0, 1)
    with instance_of(home) as instance:
        assert {run.run_id for run in instance.get_runs()} & old == by_job
        resource = DeploymentResource(home=str(place / "home"), landing=str(place / "landing"))
        ran = maintenance_job.execute_in_process(instance=instance, resources={"deployment": resource})
        assert ran.success
        assert not {run.run_id for run in instance.get_runs()} & old
        assert {run.job_name for run in instance.get_runs()} == {"night", "maintenance"}


@dg.asset(check_specs=[dg.AssetCheckSpec("sound", asset="told")])
def told():
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(check_name="sound", passed=True)


@pytest.mark.postgres
def test_on_postgresql_nothing_is_left_of_them_either(place, postgres_url, tmp_path):
    url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    folder = tmp_path / "dagster"
    folder.mkdir()
    storage = {"storage": {"postgres": {"postgres_url": url}}, "telemetry": {"enabled": False}}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(storage))
    deployment = open_deployment(place / "home", str(place / "landing"), create=False)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        runs = {
            night: dg.materialize(
                [told], instance=instance, tags={AUTHORITY_TAG: "330", NIGHT_TAG: night.isoformat()}
            ).run_id
            for night in (FIRST, FIRST + timedelta(NIGHTS - 1))
        }
        assert let_runs_go(instance, deployment) == 1
        assert {run.run_id for run in instance.get_runs()} == {runs[FIRST + timedelta(NIGHTS - 1)]}
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        left = [
            table
            for table in sa.inspect(connection).get_table_names()
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
            if runs[FIRST] in str(row)
        ]
    engine.dispose()
    assert set(left) <= {"asset_keys"}  # which run an asset was made by last, as long as no other has made it


def test_a_load_is_none_the_worse_when_runs_cannot_be_let_go(place, monkeypatch):
    monkeypatch.setattr(launch, "let_runs_go", lambda *_: 1 / 0)
    night = (FIRST + timedelta(NIGHTS)).isoformat()
    shutil.move(place / "last-330", place / "landing/330/health" / night)
    (ran,) = loaded(place / "landing", place / "home")["nights"]
    assert (ran["business_date"], ran["state"]) == (night, "published")


def test_a_run_of_no_night_goes_after_more_than_a_year(place, monkeypatch):
    deployment = open_deployment(place / "home", str(place / "landing"), create=False)
    with instance_of(Home(place / "home")) as instance:
        let_runs_go(instance, deployment)
        resource = DeploymentResource(home=str(place / "home"), landing=str(place / "landing"))
        maintenance_job.execute_in_process(instance=instance, resources={"deployment": resource})
        assert let_runs_go(instance, deployment) == 0
        monkeypatch.setattr(kept_runs, "_DAYS", -1)
        assert let_runs_go(instance, deployment) == 1
        assert {run.job_name for run in instance.get_runs()} == {"night"}


def test_every_verdict_of_a_check_belongs_to_its_partition(place):
    with instance_of(Home(place / "home")) as instance:
        told = [
            entry.dagster_event.event_specific_data
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
        assert told
        assert {each.partition for each in told} == {
            f"{authority}|{night.isoformat()}" for authority, night in nights_told(instance)
        }


def test_the_live_asset_shows_every_authority_and_plots_each(place):
    with instance_of(Home(place / "home")) as instance:
        told = [
            record.asset_materialization
            for record in instance.fetch_materializations(dg.AssetKey(["index", "live"]), limit=9).records
        ]
    latest = told[0].metadata
    for authority in ("330", "331"):
        assert f"| {authority} | " in latest["in_force"].value
    assert latest["authorities"].value == 2
    plotted = {key for each in told for key in each.metadata if key.startswith("children ")}
    assert plotted == {"children 330", "children 331"}
    assert latest["page"].value.startswith("reports/")


def test_assets_link_to_pages_that_are_served(place, setting):
    setting("ISINDEX_PAGES_URL", "https://index.council.example/pages/")
    night = (FIRST + timedelta(NIGHTS)).isoformat()
    shutil.move(place / "last-330", place / "landing/330/health" / night)
    loaded(place / "landing", place / "home")
    with instance_of(Home(place / "home")) as instance:
        page = {
            name: instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
            .asset_materialization.metadata["page"]
            .value
            for name in ("index/live", "index/published", "reports/rejected_records", "health/rejected")
        }
    served = f"https://index.council.example/pages/{night}"
    assert page == {
        "index/live": f"{served}/index.html",
        "index/published": f"{served}/index.html",
        "reports/rejected_records": f"{served}/330/rejected.html",
        "health/rejected": f"{served}/330/rejected.html",
    }
    for each in page.values():
        assert (place / "home/reports" / each.removeprefix("https://index.council.example/pages/")).is_file()


@pytest.mark.parametrize(
    ("first_night", "kept", "begins"),
    [
        (None, [], date(2026, 1, 1)),
        (None, ["2026-11-20", "2026-11-18"], date(2026, 11, 18)),
        ("2026-11-01", ["2026-11-18"], date(2026, 11, 1)),  # an earlier one may be delivered for still
        ("2026-11-01", ["2027-03-02"], date(2027, 3, 2)),  # and by now none
        ("2026-11-01", [], date(2026, 11, 1)),
    ],
)
def test_dagster_knows_nights_from_the_oldest_that_is_kept(tmp_path, setting, first_night, kept, begins):
    setting("ISINDEX_HOME", str(tmp_path))
    if first_night:
        setting("ISINDEX_FIRST_NIGHT", first_night)
    for each in kept:
        (tmp_path / "nights" / "330" / each).mkdir(parents=True)
    assert _first_night() == begins
