"""A night from hand-made person records to a published version and the index database."""

import os
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import event, func, select

from pipelines.audit import entries
from pipelines.database.schema import INDEX_TABLES, child, ledger_event, snapshot_version
from pipelines.database.schema import night as night_table
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.ledger import identities_as_at
from pipelines.publishing.gates import AUDITED_TABLES, Audit
from pipelines.publishing.index_database import bring_up_to_date
from pipelines.publishing.publish import bury, current_version, forget_nights, previous_version, prune, publish_snapshot
from pipelines.publishing.readers import difference_between, read_child, status
from pipelines.publishing.tombstones import Counted
from pipelines.publishing.versions import versions_there
from pipelines.settings import settings
from pipelines.tables import file_sha256, read_as, read_table, write_json, write_table

ANNA = {
    "record_key": "health:1", "family_name": "Reed", "given_names": "Anna", "nhs_number": "9434765919",
    "addresses": [{"address": "1 High Street", "postcode": "AB1 2CD", "uprn": "100012345678", "status": "current"}],
    "carers": [{"name": "Jo Reed", "relationship": "mother", "contact": "01632 960001"}],
    "involvements": [{"kind": "gp_practice", "service": "A81001"}],
}  # fmt: skip
ANNA_AT_SCHOOL = {
    "record_key": "education:9", "family_name": "Reed", "given_names": "Ann", "upn": "A301000000001",
    "involvements": [{"kind": "school", "service": "100000", "start_date": date(2020, 9, 1)}],
    "names": [{"kind": "former", "family_name": "Old", "given_names": "Anna"}],
}  # fmt: skip
BEN = {"record_key": "health:2", "family_name": "Stone", "given_names": "Ben", "sex": "M"}
TOGETHER = {"health:1": "education:9"}


def everything(engine, authority="301"):
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(select(table).where(table.c.authority == authority))))
            for name, table in INDEX_TABLES.items()
        }


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_best_values_come_from_the_most_trusted_agency_and_former_names_are_kept(make_night):
    night = make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER)
    anna = next(row for row in night.tables["children"].to_pylist() if row["family_name"] == "Reed")
    assert anna["given_names"] == "Ann"  # education before health for names
    kinds = [row["kind"] for row in night.tables["names"].to_pylist() if row["index_id"] == anna["index_id"]]
    assert kinds == ["current", "current", "former"]
    assert night.tables["record_links"].num_rows == 3


@pytest.mark.in_full
def test_publishing_twice_gives_the_same_version_and_bytes_and_changes_nothing(make_night, home):
    first = make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER).publish()
    before = bytes_of(first.folder)
    again = make_night(1, [BEN, ANNA_AT_SCHOOL, ANNA], TOGETHER).publish()
    assert (again.version, again.created) == (first.version, False)
    shutil.rmtree(home.root)
    anew = make_night(1, [ANNA, BEN, ANNA_AT_SCHOOL], TOGETHER).publish()
    assert anew.created
    assert bytes_of(anew.folder) == before


@pytest.mark.in_full
def test_a_late_night_does_not_take_the_pointer_back(make_night, home):
    second = make_night(2, [ANNA, BEN]).publish()
    make_night(1, [ANNA]).publish()
    assert current_version(home, "301")["version"] == second.version
    rerun = make_night(2, [ANNA, BEN]).publish()
    assert current_version(home, "301")["version"] == rerun.version
    assert (
        read_as(rerun.folder / "manifest.json", dict)["previous"]
        == current_version(home, "301")["nights"]["2026-03-01"]
    )


class Killed(BaseException):
    """What stands for a kill: nothing catches it, and nothing is tidied up behind it."""


def killed_at(patched, point):
    """Let the publish die at `point`, without a chance to clear away what it has begun."""
    copied = []
    rename, replace, copyfile = Path.rename, Path.replace, shutil.copyfile

    def dying_copy(source, target):
        copied.append(target)
        if point == "copy" and len(copied) == 3:
            raise Killed
        return copyfile(source, target)

    def dying_rename(self, target):
        if (point, self.name) in (("ledger", "ledger"), ("version", "version")):
            raise Killed
        return rename(self, target)

    def dying_replace(self, target):
        if point == "pointer" and Path(target).name == "current.json":
            raise Killed
        return replace(self, target)

    patched.setattr(Path, "rename", dying_rename)
    patched.setattr(Path, "replace", dying_replace)
    patched.setattr(shutil, "copyfile", dying_copy)
    patched.setattr(shutil, "rmtree", lambda *_, **__: None)


@pytest.mark.in_full
@pytest.mark.parametrize("point", ["copy", "ledger", "version", "pointer"])
def test_a_run_killed_while_publishing_leaves_nothing_half_and_the_next_gives_the_same(
    make_night, home, monkeypatch, point
):
    first = make_night(1, [ANNA, BEN]).publish()
    undisturbed = make_night(2, [ANNA, BEN, {**BEN, "record_key": "police:2"}]).publish()
    whole = bytes_of(undisturbed.folder)
    shutil.rmtree(home.root)
    make_night(1, [ANNA, BEN]).publish()
    night = make_night(2, [ANNA, BEN, {**BEN, "record_key": "police:2"}])
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, point)
        night.publish()
    assert current_version(home, "301")["version"] == first.version
    published = night.publish()
    assert bytes_of(published.folder) == whole
    assert {path.name for path in home.snapshots("301").iterdir()} == {
        first.version,
        published.version,
        "current.json",
        "ledger",
        ".lock",
    }


def altered_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_table(path):
    table = read_table(path)
    write_table(table.slice(0, table.num_rows - 1) if table.num_rows else pa.table({"x": [1]}), path)


@pytest.mark.others_in_full
@pytest.mark.parametrize("name", AUDITED_TABLES)
@pytest.mark.parametrize("meddle", [altered_byte, another_table, Path.unlink])
def test_what_changed_after_the_gates_is_not_published_and_nothing_in_force_changes(make_night, home, name, meddle):
    first = make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER).publish()
    before = {path: path.read_bytes() for path in sorted(home.snapshots("301").rglob("*")) if path.is_file()}
    night = make_night(2, [ANNA, ANNA_AT_SCHOOL, BEN, {**BEN, "record_key": "police:7"}], TOGETHER)
    audit = night.audit()
    assert audit.passed
    meddle(audit.tables[name].path)
    with pytest.raises(IsindexError, match="PUBLISH_DAMAGED"):
        night.publish(audit)
    assert current_version(home, "301")["version"] == first.version
    assert {path: path.read_bytes() for path in sorted(home.snapshots("301").rglob("*")) if path.is_file()} == before


def test_an_audit_that_lacks_a_gate_or_a_table_is_not_published(make_night, home):
    night = make_night(1, [ANNA, BEN])
    audit = night.audit()
    for unsound in (
        replace(audit, gates=audit.gates[1:]),
        replace(audit, gates=()),
        replace(audit, tables={name: stored for name, stored in audit.tables.items() if name != "ledger/events"}),
    ):
        with pytest.raises(IsindexError, match="GATES_FAILED"):
            night.publish(unsound)
    assert current_version(home, "301") is None


def test_an_audit_is_the_same_read_back_wherever_the_home_lies_then(make_night, home):
    night = make_night(1, [ANNA, BEN])
    folder = home.night("301", night.business_date)
    write_json(night.audit().as_json(folder), folder / "gates.json")
    assert str(home.root) not in (folder / "gates.json").read_text()
    moved = home.root.with_name("moved")
    home.root.rename(moved)
    folder = moved / folder.relative_to(home.root)
    audit = Audit.from_json(read_as(folder / "gates.json", dict), folder)
    assert audit.passed
    assert all(file_sha256(stored.path) == stored.sha256 for stored in audit.tables.values())
    assert set(audit.tables) == set(AUDITED_TABLES)


def test_a_night_is_not_published_on_a_version_that_is_not_in_force_any_more(make_night, home):
    make_night(1, [ANNA, BEN]).publish()
    second = make_night(2, [ANNA, BEN])
    audit, base = second.audit(), second.base
    make_night(1, [ANNA, BEN, {**BEN, "record_key": "police:7"}]).publish()
    with pytest.raises(IsindexError, match="BASE_CHANGED"):
        publish_snapshot(
            home, "301", second.business_date, audit=audit, attempt="a", traces=second.traces(), base=base, base_shown=None,
            inputs=second.inputs, versions={}, totals={},
        )  # fmt: skip
    assert list(current_version(home, "301")["nights"]) == ["2026-03-01"]


def test_a_version_that_was_damaged_on_the_disk_is_whole_again_when_it_is_published_again(make_night):
    night = make_night(1, [ANNA, BEN])
    published = night.publish()
    whole = bytes_of(published.folder)
    altered_byte(published.folder / "children.parquet")
    again = night.publish()
    assert (again.version, again.created) == (published.version, True)
    assert bytes_of(again.folder) == whole


@pytest.mark.in_full
def test_a_failed_gate_stops_the_publish_and_the_next_night_builds_on_the_last_published(make_night, home):
    first = make_night(1, [ANNA, BEN]).publish()
    held = make_night(2, [ANNA, BEN, {**BEN, "record_key": "police:7"}])
    held.inputs = held.inputs[:1]
    with pytest.raises(IsindexError, match="reconciliation"):
        held.publish()
    assert current_version(home, "301")["version"] == first.version
    third = make_night(3, [ANNA, BEN, {**BEN, "record_key": "police:7"}])
    assert "minted" in third.events["kind"].to_pylist()  # what the held night minted never happened


@pytest.mark.in_full
def test_the_index_database_shows_the_snapshot_and_only_what_changed_is_written(make_night, home, engine):
    make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER).publish()
    assert bring_up_to_date(engine, home, "301") > 0
    assert bring_up_to_date(engine, home, "301") == 0
    make_night(2, [ANNA, ANNA_AT_SCHOOL, {**BEN, "family_name": "Stein"}], TOGETHER).publish()
    written = bring_up_to_date(engine, home, "301")
    assert 0 < written <= 8
    night = make_night(2, [ANNA, ANNA_AT_SCHOOL, {**BEN, "family_name": "Stein"}], TOGETHER)
    with engine.connect() as connection:
        for name, table in INDEX_TABLES.items():
            count = connection.execute(select(func.count()).select_from(table)).scalar()
            assert count == night.tables[name].num_rows, name
        assert connection.execute(select(func.count()).select_from(night_table)).scalar() == 2
        assert connection.execute(
            select(snapshot_version.c.business_date).where(snapshot_version.c.current)
        ).scalars().all() == [date(2026, 3, 2)]


@pytest.mark.in_full
def test_incremental_and_full_loads_of_the_database_are_equal(make_night, home, engine):
    make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER).publish()
    bring_up_to_date(engine, home, "301")
    make_night(2, [ANNA, ANNA_AT_SCHOOL]).publish()
    bring_up_to_date(engine, home, "301")
    step_by_step = everything(engine)
    with engine.begin() as connection:
        for table in (*INDEX_TABLES.values(), snapshot_version, ledger_event, night_table):
            connection.execute(table.delete())
    bring_up_to_date(engine, home, "301")
    assert everything(engine) == step_by_step


@pytest.mark.in_full
def test_readers_see_all_of_the_old_until_all_of_the_new_is_there(make_night, home, engine):
    make_night(1, [ANNA, BEN]).publish()
    bring_up_to_date(engine, home, "301")
    before = everything(engine)
    make_night(2, [ANNA]).publish()

    def die(connection, *_):
        if "snapshot_version" in str(_[1]) and "UPDATE" in str(_[1]):
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        bring_up_to_date(engine, home, "301")
    event.remove(engine, "before_cursor_execute", die)
    assert everything(engine) == before
    bring_up_to_date(engine, home, "301")
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(child)).scalar() == 1


@pytest.mark.in_full
def test_the_ledger_rebuilds_the_identities_of_any_night(make_night, home, engine):
    nights = [
        make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN]),
        None,
        None,
    ]
    nights[0].publish()
    nights[1] = make_night(2, [ANNA, ANNA_AT_SCHOOL, BEN], TOGETHER)
    nights[1].publish()
    nights[2] = make_night(3, [ANNA, ANNA_AT_SCHOOL])
    nights[2].publish()
    bring_up_to_date(engine, home, "301")
    for night in nights:
        expected = night.state.identities.select(["record_ref", "index_id"]).sort_by("record_ref")
        assert identities_as_at(engine, "301", night.business_date).to_pylist() == expected.to_pylist()


@pytest.mark.in_full
def test_a_child_is_found_by_the_id_it_had_before_a_merge_and_every_read_is_audited(make_night, home, engine):
    first = make_night(1, [ANNA, ANNA_AT_SCHOOL])
    first.publish()
    ids = set(first.state.index_ids["index_id"].to_pylist())
    second = make_night(2, [ANNA, ANNA_AT_SCHOOL], TOGETHER)
    second.publish()
    bring_up_to_date(engine, home, "301")
    kept = second.tables["children"]["index_id"].to_pylist()[0]
    (gone,) = ids - {kept}
    place = Deployment(settings(), home, engine, "")
    (shown,) = read_child(place, f" {gone.lower()} ", why="a test")
    assert (shown.index_id, shown.asked_for) == (kept, gone)
    assert len(shown.tables["record_links"]) == 2
    assert shown.tables["redirects"][0]["index_id"] == gone
    assert [each.subject for each in entries(place)] == [gone]
    with pytest.raises(IsindexError, match="INDEX_ID_INVALID"):
        read_child(place, gone[::-1], why="a test")


@pytest.mark.in_full
def test_status_and_diff_tell_what_is_published(make_night, home):
    make_night(1, [ANNA, ANNA_AT_SCHOOL, BEN]).publish()
    make_night(2, [ANNA, ANNA_AT_SCHOOL, {**BEN, "shielded": True}], TOGETHER).publish()
    found = status(home, "301", on=date(2026, 3, 5))
    assert found is not None
    assert (found.authority, found.business_date, found.rows["children"]) == ("301", date(2026, 3, 2), 2)
    assert [feed.age_days for feed in found.feeds] == [3, 3]
    difference = difference_between(home, "301")
    assert (difference.merged, difference.shielded, difference.added) == (1, 1, 0)
    assert "1 child newly shielded or withheld." in difference.words()
    with pytest.raises(IsindexError, match="VERSION_UNKNOWN: There is no such version"):
        difference_between(home, "301", old="v=../..")
    first = versions_there(home, "301")[0]
    bury(home, "301", first, "PROTECTED_NOT_LESS", None, Counted(1))
    with pytest.raises(IsindexError, match="VERSION_UNKNOWN: The version was removed for somebody's protection"):
        difference_between(home, "301", old=first)


@pytest.fixture
def versions(make_night):
    """The names of the versions of four nights, oldest first."""
    return [
        make_night(day, [ANNA, BEN, {**BEN, "record_key": f"police:{day}"}]).publish().version for day in (1, 2, 3, 4)
    ]


def kept(home):
    folders = {path.name for path in home.snapshots("301").glob("v=*")}
    assert folders == {path.name for path in home.snapshots("301").glob("ledger/*")}
    return folders


@pytest.mark.in_full
def test_pruning_keeps_the_newest_and_never_the_current_goes(home, versions):
    assert prune(home, "301", 2) == [versions[1], versions[0]]
    assert prune(home, "301", 0) == [versions[2]]
    assert kept(home) == {versions[3]}
    assert current_version(home, "301")["version"] == versions[3]
    assert prune(home, "301", 0) == []


@pytest.mark.in_full
def test_a_version_that_was_replaced_takes_the_place_of_none_in_force(home, versions, make_night):
    again = make_night(4, [ANNA, BEN, {**BEN, "record_key": "police:9"}]).publish().version
    assert current_version(home, "301")["version"] == again
    assert set(prune(home, "301", 2)) == {versions[0], versions[1]}
    assert kept(home) == {versions[2], versions[3], again}
    assert prune(home, "301", 1) == [versions[2]]


@pytest.mark.in_full
def test_a_version_on_hold_is_not_pruned(home, versions):
    assert prune(home, "301", 1, hold=[versions[0], versions[2]]) == [versions[1]]
    assert kept(home) == {versions[0], versions[2], versions[3]}


@pytest.mark.in_full
def test_pruning_that_was_killed_is_finished_by_the_next(home, versions, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            prune(home, "301", 1)
    prune(home, "301", 1)
    assert kept(home) == {versions[3]}
    assert not list(home.snapshots("301").rglob(".staging-*"))


@pytest.mark.in_full
def test_a_night_stays_in_force_when_its_version_was_pruned_until_it_is_forgotten(home, versions):
    prune(home, "301", 1)
    assert previous_version(home, "301", date(2026, 3, 3)) == versions[1]
    forget_nights(home, "301", date(2026, 3, 3))
    assert list(current_version(home, "301")["nights"]) == ["2026-03-03", "2026-03-04"]
    assert current_version(home, "301")["version"] == versions[3]


def test_an_unchanged_record_keeps_the_delivery_that_last_changed_it(make_night):
    make_night(1, [{**ANNA, "delivery_id": "first", "content": 7}]).publish()
    night = make_night(2, [{**ANNA, "delivery_id": "second", "content": 7}])
    assert night.tables["record_links"]["delivery_id"].to_pylist() == ["first"]


def test_the_manifest_tells_rows_hashes_inputs_and_gates_and_nothing_of_the_run(make_night, home):
    published = make_night(1, [ANNA, BEN]).publish()
    manifest = read_as(published.folder / "manifest.json", dict)
    assert manifest["tables"]["children"]["rows"] == read_table(published.folder / "children.parquet").num_rows
    assert all(gate["passed"] for gate in manifest["gates"])
    assert manifest["attempt"] == "a" * 12
    assert set(manifest["ledger"]) == {"identities", "index_ids", "events"}
    assert str(home.root) not in (published.folder / "manifest.json").read_text()
    assert str(os.getpid()) not in published.version
    assert duckdb.execute(f"SELECT count(*) FROM '{published.folder}/children.parquet'").fetchall() == [(2,)]
    assert isinstance(published.differences, dict)
    assert pa.types.is_string(read_table(published.folder / "children.parquet").schema.field("index_id").type)
