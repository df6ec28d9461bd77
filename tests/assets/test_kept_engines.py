"""The event log of a home's instance is written through engines that are kept, and reads as Dagster's own does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log

from assets.kept_engines import engines_kept
from assets.launch import instance_of
from pipelines.home import Home
from tests.assets.daemon import DAGSTERS_OWN

pytestmark = DAGSTERS_OWN


@dg.asset
def told():
    return dg.MaterializeResult(metadata={"rows": 3})


def materialised(instance):
    return dg.materialize([told], instance=instance).run_id


def open_files(folder: Path) -> list[str]:
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(each.readlink()))
        except OSError:
            continue
    return [name for name in found if name.startswith(str(folder.resolve()))]


def read(instance, run_id):
    """What the instance says of a run and of the asset, as anybody reads it."""
    (record,) = instance.fetch_materializations(told.key, limit=1).records
    return (
        [entry.dagster_event.event_type_value for entry in instance.all_logs(run_id) if entry.dagster_event],
        record.run_id,
        instance.get_dynamic_partitions("authority"),
        instance.get_run_by_id(run_id).status,
    )


def test_no_engine_is_made_for_a_question_and_another_instance_reads_the_same(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    with instance_of(home) as instance:
        read(instance, materialised(instance))  # tables are looked for once
        made = []
        create = sqlite_event_log.create_engine
        monkeypatch.setattr(sqlite_event_log, "create_engine", lambda *a, **k: made.append(a) or create(*a, **k))
        run_ids = [materialised(instance), materialised(instance)]
        instance.add_dynamic_partitions("authority", ["330"])
        within = [read(instance, run_id) for run_id in run_ids]
        # of the second run's file, which is let go for the third's, nothing is lost
        assert made == []
        with dg.DagsterInstance.from_config(str(home.dagster)) as other:
            assert [read(other, run_id) for run_id in run_ids] == within
        assert made  # Dagster's own does
    assert within[0][2] == ["330"]
    assert within[0][1] == run_ids[1]


def test_nothing_stays_open_and_dagsters_own_way_is_back(tmp_path):
    home = Home(tmp_path / "home")
    with instance_of(home) as instance:
        run_id = materialised(instance)
        storage = instance.event_log_storage
        assert len({name for name in open_files(home.dagster) if name.endswith(".db")}) <= 3
    assert "_connect" not in vars(storage)
    assert "has_table" not in vars(storage)
    assert open_files(home.dagster / "history") == []
    with instance_of(home) as again:
        assert read(again, run_id)[1] == run_id


def test_a_fault_in_a_transaction_leaves_nothing_of_it(tmp_path):
    with instance_of(Home(tmp_path / "home")) as instance:
        storage = instance.event_log_storage
        storage.add_dynamic_partitions("authority", ["330"])
        with pytest.raises(RuntimeError), storage.index_connection() as connection:
            connection.exec_driver_sql("DELETE FROM dynamic_partitions")
            raise RuntimeError
        assert storage.get_dynamic_partitions("authority") == ["330"]


def test_it_waits_for_the_disk_where_the_journal_is_carried_over_and_not_after_each_event(tmp_path):
    with instance_of(Home(tmp_path / "home")) as instance, instance.event_log_storage.index_connection() as connection:
        told = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
    assert told == {"journal_mode": "wal", "synchronous": 1}


def test_within_a_load_a_run_changes_nothing(tmp_path):
    with instance_of(Home(tmp_path / "home")) as instance:
        kept = instance.event_log_storage._connect
        with engines_kept(instance):
            assert instance.event_log_storage._connect == kept
        assert instance.event_log_storage._connect == kept
        materialised(instance)


def test_an_instance_that_keeps_its_log_elsewhere_is_left_alone():
    with dg.DagsterInstance.ephemeral() as instance, engines_kept(instance):
        assert "_connect" not in vars(instance.event_log_storage)
        materialised(instance)


def made_of(path: Path) -> dict[str, object]:
    with closing(sqlite3.connect(path)) as file:
        return {
            "tables": sorted(file.execute("SELECT type, name, sql FROM sqlite_master")),
            "stamp": file.execute("SELECT version_num FROM alembic_version").fetchall(),
            "journal": file.execute("PRAGMA journal_mode").fetchone(),
        }


def test_the_file_of_a_run_is_as_dagster_makes_it_and_holds_its_own_events_alone(tmp_path):
    home = Home(tmp_path / "home")
    with instance_of(home) as instance:
        run_ids = [materialised(instance) for _ in range(3)]
        told = [read(instance, run_id)[0] for run_id in run_ids]
    with dg.DagsterInstance.from_config(str(home.dagster)) as own:
        run_ids.append(materialised(own))
        told.append(read(own, run_ids[-1])[0])
    assert all(each == told[0] for each in told)
    folder = home.dagster / "history" / "runs"
    made = [made_of(folder / f"{run_id}.db") for run_id in run_ids]
    assert all(each == made[0] for each in made)


def test_events_are_stored_together_or_not_at_all(tmp_path, monkeypatch):
    with instance_of(Home(tmp_path / "home")) as instance:
        run_id = materialised(instance)
        events = instance.all_logs(run_id)
        storage = instance.event_log_storage
        ends = []
        within = storage.index_connection
        monkeypatch.setattr(storage, "index_connection", lambda: ends.append(1) or within())
        with pytest.raises(dg._check.CheckError):
            storage.store_event_batch([*events, "no event"])
        assert instance.all_logs(run_id) == events
        assert ends, "what concerns assets was on its way into the index"
        storage.store_event_batch(events)
        assert len(instance.all_logs(run_id)) == 2 * len(events)


def test_what_stays_is_asked_until_it_is_there(tmp_path):
    with instance_of(Home(tmp_path / "home")) as instance:
        assert not instance.has_dynamic_partition("authority", "330")
        with dg.DagsterInstance.from_config(str(tmp_path / "home" / "dagster")) as other:
            other.add_dynamic_partitions("authority", ["330"])
        assert instance.has_dynamic_partition("authority", "330")
        first = materialised(instance)
        assert read(instance, first)[1] == first
        second = materialised(instance)
        assert read(instance, first)[1] == second
