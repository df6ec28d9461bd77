"""Protection does not wait, and it reaches back: nights that are held or fail, deliveries that wait, versions of before.

From what is delivered to the bytes of every version and the rows of the database.
"""

from __future__ import annotations

import errno
import shutil
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.nights import decisions, hiding, protection_decisions, protective, put_in_force
from pipelines.nights.attempts import Attempt
from pipelines.nights.protective import protect_at_once, protection_waits, taken_away
from pipelines.publishing import publish
from pipelines.publishing.gates import takes_away
from pipelines.publishing.publish import current_version
from pipelines.publishing.versions import built, versions_there
from pipelines.seams.protection import HIDDEN
from pipelines.tables import read_as, read_table, write_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, broken_in, bytes_under, few_keys_may_move

pytestmark = pytest.mark.one_database

CHILD = children()[3]


@pytest.fixture(scope="module")
def three_nights(database: Databases, tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Three nights on which every child is shown."""
    made = LittleNights(tmp_path_factory.mktemp("protective"), database)
    for night in range(3):
        made.deliver(night)
    assert made.load() == dict.fromkeys(range(3), "published")
    return made


@pytest.fixture
def place(three_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return three_nights.copied_to(tmp_path)


def asks(place: LittleNights) -> None:
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "S"


def renumbered_and_asking(place: LittleNights) -> None:
    """What holds the night, and the child's new wish in it."""
    asks(place)
    place.renumber()


def shown_in_versions(place: LittleNights) -> list[str]:
    """Versions in the home in which anybody's address is the child's, or the child is in full."""
    root = place.deployment.home.snapshots(AUTHORITY)
    found = []
    for version in versions_there(place.deployment.home, AUTHORITY):
        told = read_table(root / version / "addresses.parquet")["address"].to_pylist()
        table = read_table(root / version / "children.parquet")
        mine = table.filter(pc.equal(table["family_name"], CHILD.family))
        open_ones = [not (one["shielded"] or one["withheld"]) for one in mine.to_pylist()]
        if any(CHILD.street in (text or "") for text in told) or any(open_ones):
            found.append(version)
    return found


def shown_in_database(place: LittleNights) -> int:
    address = db.INDEX_TABLES["addresses"].c
    with place.deployment.engine.connect() as connection:
        rows = connection.scalars(select(address.address)).all()
    return sum(CHILD.street in (text or "") for text in rows)


@pytest.mark.in_full
@pytest.mark.both_databases
def test_who_asks_in_a_night_that_is_held_is_hidden_at_once(place: LittleNights) -> None:
    before = place.night(2).version()
    assert len(shown_in_versions(place)) == 3 and shown_in_database(place)
    with few_keys_may_move():
        renumbered_and_asking(place)
        place.deliver(3)
        assert place.load() == {3: "held"}
        assert shown_in_versions(place) == [] and not shown_in_database(place)
        after = place.night(2).version()
        assert after is not None and after != before and built(after) == before
        assert current_version(place.deployment.home, AUTHORITY)["version"] == after  # type: ignore[index]
        told = taken_away(place.deployment, AUTHORITY)
        assert [(each.business_date, each.children) for each in told] == [(day_of(n), 1) for n in (0, 1, 2)]
        assert all(each.shown for each in told)
        assert place.planned() == {}, "nothing is run for it"
        versions = bytes_under(place.home / "snapshots")
        assert place.load() == {}
        assert bytes_under(place.home / "snapshots") == versions


@pytest.mark.in_full
def test_a_version_made_less_keeps_what_it_says_of_feeds_and_gates(place: LittleNights) -> None:
    root = place.deployment.home.snapshots(AUTHORITY)
    was = read_as(root / str(place.night(2).version()) / "manifest.json", dict)
    with few_keys_may_move():
        renumbered_and_asking(place)
        place.deliver(3)
        place.load()
    now = read_as(root / str(place.night(2).version()) / "manifest.json", dict)
    for part in ("inputs", "business_date", "attempt", "previous", "versions", "ledger"):
        assert now[part] == was[part]
    assert now["less"]["children"] == 1
    assert {gate["name"]: gate["passed"] for gate in now["gates"]}["takes_away"]
    tombstone = read_as(root / "tombstones" / f"{was['version']}.json", dict)
    assert tombstone["replaced_by"] == now["version"] and tombstone["content_sha256"] == was["content_sha256"]


@pytest.mark.in_full
def test_who_asks_in_a_night_that_fails_is_hidden_at_once(place: LittleNights) -> None:
    asks(place)
    place.deliver(3)
    assert place.load(before=broken_in("links")) == {3: "failed"}
    assert shown_in_versions(place) == [] and not shown_in_database(place)
    assert place.load() == {3: "published"}
    assert shown_in_versions(place) == []


@pytest.mark.in_full
@pytest.mark.both_databases
def test_who_asks_in_a_published_night_is_hidden_in_the_versions_of_before(place: LittleNights) -> None:
    asks(place)
    place.deliver(3)
    assert place.load() == {3: "published"}
    assert shown_in_versions(place) == []
    assert len(versions_there(place.deployment.home, AUTHORITY)) == 4


@pytest.mark.in_full
def test_a_night_of_before_that_is_run_again_does_not_show_the_child_for_a_moment(place: LittleNights) -> None:
    asks(place)
    place.deliver(3)
    place.load()
    versions = bytes_under(place.home / "snapshots")
    seen: list[str] = []
    assert place.load(asked=[1], before=lambda stage: seen.extend(shown_in_versions(place))) == {1: "published"}
    assert seen == [] and shown_in_versions(place) == []
    assert bytes_under(place.home / "snapshots") == versions


@pytest.mark.in_full
def test_a_child_decided_to_be_shielded_is_hidden_though_its_night_cannot_be_run(place: LittleNights) -> None:
    from pipelines.nights.protection_decisions import shield

    table = place.published(2)
    index_id = table.filter(pc.equal(table["family_name"], CHILD.family))["index_id"][0].as_py()
    shield(place.deployment, AUTHORITY, index_id, actor="Ruth", reason="Police, ref. 7", at=datetime.now(UTC))
    assert place.load(before=broken_in("inputs")) == {2: "failed"}
    assert shown_in_versions(place) == [] and not shown_in_database(place)


@pytest.mark.in_full
def test_a_child_whom_a_held_night_found_to_be_shielded_stays_hidden_when_the_night_comes_otherwise(
    place: LittleNights,
) -> None:
    """Health holds the child under a new key, a new number and another birth date, and asks: only the matcher knows it."""
    with few_keys_may_move():
        renumbered_and_asking(place)
        place.deliver(3)
        assert place.load() == {3: "held"}
        assert shown_in_versions(place) == []
        assert place.planned() == {}, "what it found itself is no reason to run it again"
        for row in place.feeds["health"].rows.values():  # the correction: the old keys, and the wish is gone
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
            row["confidentiality"] = ""
        place.deliver(3)
        assert place.load() == {3: "published"}
    assert shown_in_versions(place) == [] and not shown_in_database(place)


@pytest.mark.in_full
@pytest.mark.both_databases
def test_what_is_in_the_way_of_protection_is_told_and_tried_again(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(place)
    with monkeypatch.context() as patch:
        patch.setattr(hiding, "takes_away", lambda before, after, *_: _failing(takes_away(before, after)))
        with few_keys_may_move():
            place.renumber()
            place.deliver(3)
            assert place.load() == {3: "held"}
            assert len(shown_in_versions(place)) == 3
        assert protection_waits(place.deployment, [AUTHORITY]) == [AUTHORITY]
        with pytest.raises(IsindexError, match="PROTECTION_UNPROVEN"):
            protect_at_once(place.deployment, AUTHORITY)
    assert place.load() == {}
    assert protection_waits(place.deployment, [AUTHORITY]) == []
    assert shown_in_versions(place) == []


class Killed(BaseException):
    """What no `except Exception` catches, as a kill."""


def asked_in_a_held_night(place: LittleNights) -> dict[int, str]:
    with few_keys_may_move():
        renumbered_and_asking(place)
        place.deliver(3)
        return place.load()


def left_behind(place: LittleNights) -> dict[str, object]:
    """Bytes of all versions and pointers, and what tombstones say but for the moment."""
    root = place.deployment.home.snapshots(AUTHORITY)
    stones = {path.name: read_as(path, dict) | {"removed_at": ""} for path in sorted((root / "tombstones").glob("*"))}
    files = {name: content for name, content in bytes_under(root).items() if "/tombstones/" not in name}
    return {"files": {name.removeprefix(str(root)): content for name, content in files.items()}, "stones": stones}


@pytest.fixture(scope="module")
def undisturbed(three_nights: LittleNights, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = three_nights.copied_to(tmp_path_factory.mktemp("undisturbed"))
    assert asked_in_a_held_night(place) == {3: "held"}
    return left_behind(place)


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("step", "after", "turn"),  # of the three versions
    [
        ("publish._settle", True, 1), ("publish._point", True, 1), ("put_in_force.settle", True, 2), ("put_in_force.follow", False, 2),
        ("put_in_force.follow", True, 1), ("put_in_force.bury", False, 3), ("put_in_force.bury", True, 1),
    ],
)  # fmt: skip
def test_killed_anywhere_it_leaves_the_same_in_the_end_and_tells_of_no_child_that_was_opened(
    place: LittleNights,
    undisturbed: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
    turn: int,
) -> None:
    module = {"publish": publish, "put_in_force": put_in_force}[step.partition(".")[0]]
    name = step.partition(".")[2]
    works, calls = getattr(module, name), []

    def killed(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == turn and not after:
            raise Killed
        done = works(*args, **kwargs)
        if len(calls) == turn:
            raise Killed
        return done

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, name, killed)
        asked_in_a_held_night(place)
    with few_keys_may_move():
        place.load()
    assert left_behind(place) == undisturbed
    assert [each.opened for each in taken_away(place.deployment, AUTHORITY)] == [0, 0, 0]


def _failing(gate):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(gate, passed=False)


def test_nothing_in_the_home_is_a_copy_of_what_was_published(place: LittleNights) -> None:
    kept = (place.home / "nights").rglob("snapshot/*.parquet")
    assert [path for path in kept if path.is_file()] == []


@pytest.mark.parametrize("table", ["children", "names", "addresses", "carers", "involvements"])
def test_the_gate_finds_a_row_that_was_not_shown_before(place: LittleNights, tmp_path: Path, table: str) -> None:
    folder = place.deployment.home.snapshots(AUTHORITY) / str(place.night(2).version())
    before = {path.stem: path for path in folder.glob("*.parquet")}
    assert takes_away(before, before).passed
    rows = read_table(before[table])
    assert rows.num_rows
    column = {"children": "family_name", "names": "given_names", "addresses": "postcode", "carers": "name"}.get(table)
    column = column or "service"
    other = rows.set_column(rows.column_names.index(column), column, pc.binary_join_element_wise(rows[column], "x", ""))
    after = dict(before) | {table: tmp_path / f"{table}.parquet"}
    write_table(other, after[table])
    assert not takes_away(before, after).passed


@pytest.mark.in_full
def test_the_gate_finds_a_child_that_is_opened(place: LittleNights, tmp_path: Path) -> None:
    asks(place)
    place.deliver(3)
    place.load()
    folder = place.deployment.home.snapshots(AUTHORITY) / str(place.night(3).version())
    before = {path.stem: path for path in folder.glob("*.parquet")}
    rows = read_table(before["children"])
    for name in ("shielded", "withheld"):
        rows = rows.set_column(rows.column_names.index(name), name, pc.and_(rows[name], False))
    after = dict(before) | {"children": tmp_path / "children.parquet"}
    write_table(rows, after["children"])
    assert not takes_away(before, after).passed


@pytest.mark.in_full
def test_a_version_is_made_less_from_what_is_shown_as_from_what_was_audited(
    place: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = place.copied_to(tmp_path / "other")
    built_whole: list[str] = []

    def whole(attempt: Attempt, *arguments: Any) -> Any:
        built_whole.append(attempt.night.business_date.isoformat())
        return as_ever(attempt, *arguments)

    as_ever = put_in_force._publish_whole
    monkeypatch.setattr(put_in_force, "_publish_whole", whole)
    for each in (place, other):
        for number, (feed, field) in enumerate((("health", "confidentiality"), ("social_care", "shield"))):
            key = next(
                key for key, row in each.feeds[feed].rows.items() if CHILD.nhs in (row["nhs_number"], key) or number
            )
            each.feeds[feed].rows[key][field] = "S" if field == "confidentiality" else {"requested": True}
            each.deliver(3 + number)
            assert each.load() == {3 + number: "published"}
        monkeypatch.setattr(put_in_force, "_as_shown", lambda attempt: None)
    assert built_whole[:2] == [day_of(3).isoformat(), day_of(4).isoformat()], (
        "of those of before no table is made that nobody is shown"
    )
    assert len(built_whole) > 6
    assert [version for version in versions_there(place.deployment.home, AUTHORITY) if "-less-" in version]
    files = [
        {path.relative_to(each.home).as_posix(): told for path, told in shown_by(each).items()}
        for each in (place, other)
    ]
    assert files[0] == files[1]


def shown_by(place: LittleNights) -> dict[Path, str]:
    """The files of all versions with their hash; tombstones say when."""
    told = {Path(path): sha256 for path, sha256 in bytes_under(place.home / "snapshots").items()}
    return {path: sha256 for path, sha256 in told.items() if "tombstones" not in path.parts}


@pytest.mark.in_full
def test_an_uneventful_night_looks_at_no_version_of_before(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def counted(attempt: Attempt, known: hiding.Known) -> hiding.Beyond:
        looked_at.append(attempt.night.business_date.isoformat())
        return hiding.hidden_beyond(attempt, known)

    place.deliver(3)
    place.load()
    monkeypatch.setattr(protective, "hidden_beyond", counted)
    place.deliver(4)
    place.load()
    assert set(looked_at) == {day_of(4).isoformat()}
    asks(place)
    place.deliver(5)
    place.load()
    assert {day_of(night).isoformat() for night in range(5)} <= set(looked_at)
    assert shown_in_versions(place) == []


@pytest.mark.in_full
def test_a_service_that_turns_out_to_be_sensitive_is_named_in_no_version(place: LittleNights) -> None:
    rows = place.feeds["social_care"].rows.values()
    mine = next(row for row in rows if row["involvements"] and not row["involvements"][0]["sensitive"])
    mine["involvements"] = [dict(mine["involvements"][0], team="Lantern Project")]
    place.deliver(3)
    place.load()
    assert "Lantern Project" in place.published(3, "involvements")["service"].to_pylist()
    mine["involvements"] = [dict(mine["involvements"][0], sensitive=True, consent_basis="explicit_consent")]
    place.deliver(4)
    assert place.load()[4] == "published"
    for night in (3, 4):
        assert "Lantern Project" not in place.published(night, "involvements")["service"].to_pylist()
    assert place.published(3).num_rows == place.published(2).num_rows
    place.deliver(5)
    place.load()
    assert [version for version in taken_away(place.deployment, AUTHORITY) if version.business_date == day_of(4)] == []


def named_in(place: LittleNights) -> list[str]:
    """Versions in the home that name the service, its worker or its telephone; and the index database."""
    told = ("Lantern Project", "Lantern worker", "01632 960889")
    root = place.deployment.home.snapshots(AUTHORITY)
    tables = {
        version: read_table(root / version / "involvements.parquet").to_pylist()
        for version in versions_there(place.deployment.home, AUTHORITY)
    }
    with place.deployment.engine.connect() as connection:
        tables["database"] = list(connection.execute(select(db.INDEX_TABLES["involvements"])).all())
    return [where for where, rows in tables.items() if any(each in repr(row) for row in rows for each in told)]


def lantern(place: LittleNights, **cells: Any) -> dict[str, Any]:
    """The record of social care that names the service, which is not sensitive but for `cells`; the next delivery brings it."""
    rows = place.feeds["social_care"].rows.values()
    mine = next(row for row in rows if row["involvements"] and not row["involvements"][0]["sensitive"])
    said = {"team": "Lantern Project", "worker": "A Lantern worker", "contact": "01632 960889"}
    mine["involvements"] = [dict(mine["involvements"][0], **said) | cells]
    return mine


WHY: Any = {"actor": "Ruth", "reason": "seen", "at": datetime(2026, 11, 23, 6, tzinfo=UTC)}
SENSITIVE = {"sensitive": True, "consent_basis": "explicit_consent"}


@pytest.fixture(scope="module")
def naming(three_nights: LittleNights, tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights more, which name the service."""
    made = three_nights.copied_to(tmp_path_factory.mktemp("naming"))
    lantern(made)
    for night in (3, 4):
        made.deliver(night)
        assert made.load() == {night: "published"}
    assert len(named_in(made)) == 3
    return made


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("held", SENSITIVE), *(pytest.param(*each, marks=pytest.mark.in_full) for each in (
            ("failed", SENSITIVE), ("held", {"sensitive": True}), ("held", {"sensitive": None}), ("held", {"sensitive": "perhaps"}),
            ("held", {"sensitive": None, "consent_basis": "significant_harm"}),
        )),
    ],
)  # fmt: skip
def test_a_service_that_a_night_held_or_failed_finds_to_be_sensitive_is_named_in_no_version_from_then_on(
    naming: LittleNights, tmp_path: Path, ends: str, said: dict[str, Any]
) -> None:
    place = naming.copied_to(tmp_path)
    children_before = place.published(4).num_rows
    mine = lantern(place)
    mine["involvements"][0] = {
        name: value for name, value in (mine["involvements"][0] | said).items() if value is not None
    }
    with few_keys_may_move():
        if ends == "held":
            place.renumber()
        place.deliver(5)
        assert place.load(before=broken_in("identities") if ends == "failed" else lambda stage: None) == {5: ends}
        assert named_in(place) == [] and place.published(4).num_rows == children_before
        told = [(each.business_date, each.children) for each in taken_away(place.deployment, AUTHORITY)]
        assert told == [(day_of(night), 1) for night in range(5)], (
            "those of before name another of the child, and it may be that"
        )
        versions = bytes_under(place.home / "snapshots")
        place.load()
        assert ends == "failed" or bytes_under(place.home / "snapshots") == versions
    assert named_in(place) == []


@pytest.mark.in_full
@pytest.mark.parametrize("said", [{"sensitive": True}, pytest.param({"sensitive": None}, marks=pytest.mark.in_full)])
def test_a_service_that_a_published_night_refuses_for_want_of_a_basis_is_named_in_no_version(
    naming: LittleNights, tmp_path: Path, said: dict[str, Any]
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place)
    mine["involvements"][0] = {
        name: cell for name, cell in (mine["involvements"][0] | said).items() if cell is not None
    }
    for night in (5, 6):
        place.deliver(night)
        assert place.load() == {night: "published"}
        assert named_in(place) == []
        children = place.published(4).to_pylist()
        assert (
            sum(row["withheld"] for row in children)
            == sum(row["withheld"] for row in place.published(5).to_pylist()) + 1
        )
    place.deliver(7, "health", "education", "police")  # social care says nothing, and is carried on
    assert place.load() == {7: "published"}
    assert named_in(place) == []
    for night in (5, 6):  # they never named it, and hide nobody for it
        assert not [each for each in taken_away(place.deployment, AUTHORITY) if each.business_date == day_of(night)]


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["room again", pytest.param("corrected", marks=pytest.mark.in_full)])
def test_what_a_published_night_has_refused_is_not_lost_when_the_disk_is_full_while_later_ones_are_made_anew(
    naming: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place)
    place.deliver(5)
    assert place.load() == {5: "published"}
    with_room, tried = protective.put_in_force, []

    def full(*told: Any, **named: Any) -> Any:
        tried.append(1)
        if then == "room again" and len(tried) > 1:
            return with_room(*told, **named)
        raise OSError(errno.ENOSPC, "full")

    def earlier_ones() -> list[str]:
        return [version for version in named_in(place) if version[2:12] < day_of(4).isoformat()]

    with monkeypatch.context() as context:
        context.setattr(protective, "put_in_force", full)
        mine["involvements"][0].update(sensitive=True)
        place.deliver(4, "social_care")  # what came for the night after calls it plain
        assert place.load() == {4: "published", 5: "published"} and tried
    if then == "corrected":
        assert earlier_ones() and protection_waits(place.deployment, [AUTHORITY])
        mine["involvements"][0].update(sensitive=False)
        place.deliver(4, "social_care")
        assert place.load() == {4: "published", 5: "published"}
    assert protection_waits(place.deployment, [AUTHORITY]) == []
    assert earlier_ones() == []
    place.load()
    assert earlier_ones() == []


@pytest.mark.in_full
@pytest.mark.parametrize("at", ["identities", pytest.param("links", marks=pytest.mark.in_full)])
def test_what_a_killed_run_has_found_sensitive_is_not_lost_when_its_delivery_is_corrected(
    naming: LittleNights, tmp_path: Path, at: str
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place, **SENSITIVE)

    def killed(stage: str) -> None:
        if stage == at:
            raise KeyboardInterrupt

    place.deliver(5)
    with pytest.raises(KeyboardInterrupt):
        place.load(before=killed)
    assert place.last(5).state == "running" and named_in(place)
    mine["involvements"][0].update(sensitive=False)
    place.deliver(5)
    assert place.planned()[5].again or place.planned()[5].why
    assert place.load() == {5: "published"}
    assert set(named_in(place)) <= {place.night(5).version(), "database"}


@pytest.mark.in_full
@pytest.mark.parametrize("ended", ["held", pytest.param("killed", marks=pytest.mark.in_full)])
def test_what_an_attempt_has_found_is_not_lost_when_others_take_its_place_before_protection_comes_to_its_end(
    naming: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place, **SENSITIVE)

    def full(*_told: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    def killed(stage: str) -> None:
        if stage == "snapshot" and ended == "killed":
            raise KeyboardInterrupt

    with few_keys_may_move():
        with monkeypatch.context() as context:
            context.setattr("pipelines.nights.protective.known_now", full)
            if ended == "held":
                place.renumber()
            place.deliver(5)
            with nullcontext() if ended == "held" else pytest.raises(KeyboardInterrupt):
                assert place.load(before=killed) == {5: "held"}
            mine["involvements"][0].update(sensitive=False)
            for row in place.feeds["health"].rows.values():
                row["local_patient_id"] = row["local_patient_id"].rstrip("N")
            place.deliver(5)
            assert place.load(before=broken_in("education")) == {5: "failed"}
            assert place.load(before=broken_in("snapshot")) == {5: "failed"}
            assert named_in(place) and protection_waits(place.deployment, [AUTHORITY]) == [AUTHORITY]
        assert place.load() == {5: "published"}
    assert set(named_in(place)) <= {place.night(5).version(), "database"}
    assert protection_waits(place.deployment, [AUTHORITY]) == []


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["corrected", "made anew", "waived", "the next night says otherwise"])
def test_what_a_held_night_has_unnamed_stays_so_in_versions_of_before_and_later_ones_show_what_their_records_say(
    naming: LittleNights, tmp_path: Path, then: str
) -> None:
    place = naming.copied_to(tmp_path)
    lantern(place, **SENSITIVE)
    with few_keys_may_move():
        place.renumber()
        place.deliver(5)
        assert place.load() == {5: "held"}
        assert named_in(place) == []
        if then == "waived":
            for gate in [each["name"] for each in place.last(5).gates if not each["passed"]]:
                decisions.override(place.deployment, AUTHORITY, day_of(5), gate, **WHY)
            assert place.load() == {5: "published"}
            assert named_in(place) == []
        lantern(place, sensitive=False)
        if then in ("corrected", "made anew"):
            for row in place.feeds["health"].rows.values():
                row["local_patient_id"] = row["local_patient_id"].rstrip("N")
            if then == "made anew":  # the night in force, by a late delivery
                next(iter(place.feeds["police"].rows.values()))["unit"] = "Response B"
                place.deliver(4, "police")
            place.deliver(5)
            assert place.load() == dict.fromkeys([4, 5] if then == "made anew" else [5], "published")
            assert named_in(place) == [place.night(5).version(), "database"]
        if then == "the next night says otherwise":
            for row in place.feeds["health"].rows.values():
                row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(6)
        assert place.load()[6] == "published"
    naming_it = {place.night(night).version() for night in ((5, 6) if then in ("corrected", "made anew") else (6,))}
    assert set(named_in(place)) == {*naming_it, "database"}
    place.load(asked=[3, 4])
    assert set(named_in(place)) == {*naming_it, "database"}


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("how", "ends"),
    [
        ("another sensitive one ends", "held"), *(pytest.param(*each, marks=pytest.mark.in_full) for each in (
            ("another sensitive one ends", "published"), ("another sensitive one ended before", "published"), ("exchanged", "held"),
            ("exchanged", "published"), ("rekeyed", "held"), ("rekeyed", "published"), ("back again", "published"), ("unchanged", "published"),
        )),
    ],
)  # fmt: skip
def test_a_service_that_is_marked_while_others_change_is_named_in_no_version_from_then_on(
    naming: LittleNights, tmp_path: Path, how: str, ends: str
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place)
    named = mine["involvements"][0]
    safe = dict(named, team="Safe House", worker="Nobody", contact="01632 960777", start="2023-01-01")
    mine["involvements"] = [named] if how == "rekeyed" else [named, safe | SENSITIVE]
    place.deliver(5)
    assert place.load() == {5: "published"}
    assert len(named_in(place)) == 4, "who tells of a sensitive service beside it is not withheld for that"
    night = 6
    if how == "another sensitive one ended before":
        mine["involvements"] = [named]
        place.deliver(night)
        assert place.load() == {night: "published"}
        night = 7
    if how != "unchanged":
        mine["involvements"] = [named | SENSITIVE, *([dict(safe, sensitive=False)] if how == "exchanged" else [])]
    if how == "rekeyed":
        rows = place.feeds["social_care"].rows
        rows["S5555"] = rows.pop(mine["la_child_id"]) | {"la_child_id": "S5555"}
    with few_keys_may_move():
        if ends == "held":
            place.renumber()
        place.deliver(night)
        assert place.load() == {night: ends}
        if how == "unchanged":
            assert len(named_in(place)) == 5
            return
        assert named_in(place) == []
        place.load()
    if how == "back again":
        mine["involvements"] = [named]
        place.deliver(7)
        assert place.load() == {7: "published"}
        assert named_in(place) == [place.night(7).version(), "database"]
    else:
        assert named_in(place) == []


@pytest.mark.in_full
@pytest.mark.parametrize("ends", ["held", "failed"])
def test_what_a_night_before_the_one_in_force_finds_sensitive_counts_though_it_is_held_or_fails(
    naming: LittleNights, tmp_path: Path, ends: str
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place, **SENSITIVE)
    with few_keys_may_move():
        if ends == "held":
            place.renumber()
        place.deliver(3, "social_care", "health")
        assert place.load(before=broken_in("snapshot") if ends == "failed" else lambda stage: None)[3] == ends
        assert named_in(place) == []
        mine["involvements"][0].update(sensitive=False)
        for row in place.feeds["health"].rows.values():
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(5)
        assert place.load()[5] == "published"
    assert set(named_in(place)) <= {place.night(5).version(), "database"}


@pytest.mark.in_full
def test_who_is_hidden_under_an_index_id_is_hidden_under_it_in_every_version(place: LittleNights) -> None:
    """Though the record by which an old version knows the child is gone, and what is left of it tells of it otherwise."""
    mine = place.feeds["health"].rows[f"P{CHILD.nhs}"]
    for feed in place.feeds.values():
        for key in [key for key, row in feed.rows.items() if CHILD.nhs in row.values() or CHILD.family in str(row)]:
            feed.drop(key)
    year = mine["birth_date"][:3] + str((int(mine["birth_date"][3]) + 1) % 10) + mine["birth_date"][4:]
    renamed = dict(mine, local_patient_id="Q1", nhs_number="", birth_date=year)
    place.feeds["health"].rows |= {f"P{CHILD.nhs}": mine, "Q1": renamed}
    place.deliver(3)
    assert place.load() == {3: "published"}
    place.feeds["health"].drop(f"P{CHILD.nhs}")
    place.deliver(4)
    assert place.load() == {4: "published"}
    ids = [index_id_of(place, night) for night in range(5)]
    assert len(set(ids)) == 1, "one child all along"
    now = datetime(2026, 11, 23, 6, tzinfo=UTC)
    protection_decisions.shield(
        place.deployment, AUTHORITY, ids[-1], actor="a.reviewer", reason="Police, ref. 7", at=now
    )
    protect_at_once(place.deployment, AUTHORITY)
    assert shown_in_versions(place) == []


@pytest.mark.parametrize("by", ["index_id", "record_ref"])
def test_a_version_hides_whom_the_latest_night_hides_by_the_index_id_alone_and_by_a_record_alone(
    place: LittleNights, by: str
) -> None:
    attempt = place.in_force(1)
    known = hiding.known_now(attempt)
    assert not hiding.hidden_beyond(attempt, known)
    identities = read_table(attempt.folder / "identities" / "identities.parquet")
    (mine,) = identities.filter(pc.equal(identities["record_key"], f"health:P{CHILD.nhs}")).to_pylist()
    told = pa.Table.from_pylist([{by: mine[by]}], schema=HIDDEN.schema)
    found = hiding.hidden_beyond(attempt, replace(known, hidden=told, since=True)).visibility.to_pylist()
    assert [(row["index_id"], row["shielded"], row["withheld"]) for row in found] == [(mine["index_id"], False, True)]


def index_id_of(place: LittleNights, night: int) -> str:
    table = place.published(night)
    (found,) = table.filter(pc.equal(table["family_name"], CHILD.family))["index_id"].to_pylist()
    return str(found)


@pytest.mark.in_full
def test_a_named_service_that_goes_after_a_sensitive_one_has_come_is_named_in_no_version_of_before(
    place: LittleNights,
) -> None:
    mine = next(row for row in place.feeds["social_care"].rows.values() if not row["involvements"][0]["sensitive"])
    named = dict(mine["involvements"][0], team="Lantern Project")
    mine["involvements"] = [named]
    place.deliver(3)
    place.load()
    mine["involvements"] = [named, dict(named, team="Safe House", sensitive=True, consent_basis="explicit_consent")]
    place.deliver(4)
    place.load()
    mine["involvements"] = mine["involvements"][1:]
    place.deliver(5)
    place.load()
    assert "Lantern Project" not in place.published(3, "involvements")["service"].to_pylist()


@pytest.mark.in_full
@pytest.mark.parametrize("goes", ["the child", "the sensitive service", "the mark alone"])
def test_a_version_that_was_made_less_is_not_made_more_for_something_being_over(place: LittleNights, goes: str) -> None:
    rows = place.feeds["social_care"].rows
    key, mine = next((key, row) for key, row in rows.items() if not row["involvements"][0]["sensitive"])
    mine["involvements"] = [dict(mine["involvements"][0], team="Lantern Project")]
    place.deliver(3)
    place.load()
    mine["involvements"] = [dict(mine["involvements"][0], sensitive=True, consent_basis="explicit_consent")]
    place.deliver(4)
    place.load()
    if goes == "the child":
        place.feeds["social_care"].drop(key)
    elif goes == "the sensitive service":
        mine["involvements"] = []
    else:
        mine["involvements"] = [dict(mine["involvements"][0], sensitive=False)]
    place.deliver(5)
    place.load()
    place.deliver(6)
    place.load()
    assert "Lantern Project" not in place.published(3, "involvements")["service"].to_pylist()


@pytest.mark.in_full
def test_a_hidden_child_that_goes_is_hidden_in_versions_of_before(place: LittleNights) -> None:
    asks(place)
    place.deliver(3)
    place.load()
    assert shown_in_versions(place) == []
    for feed in place.feeds.values():
        for key in [key for key, row in feed.rows.items() if CHILD.family in str(row)]:
            feed.drop(key)
    for night in (4, 5):
        place.deliver(night)
        place.load()
        assert shown_in_versions(place) == []


@pytest.mark.in_full
def test_a_version_whose_night_is_damaged_keeps_no_other_from_being_made_less(place: LittleNights) -> None:
    shutil.rmtree(place.in_force(1).folder / "person")
    asks(place)
    place.deliver(3)
    place.load()
    assert shown_in_versions(place) == [] and protection_waits(place.deployment, [AUTHORITY]) == []
    assert [each.shown is None for each in taken_away(place.deployment, AUTHORITY)] == [False, True, False]


@pytest.mark.in_full
def test_what_a_held_night_has_found_is_not_lost_when_its_run_is_killed_before_that_is_seen_to(
    naming: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = naming.copied_to(tmp_path)
    mine = lantern(place, **SENSITIVE)

    def killed(*_told: object) -> None:
        raise KeyboardInterrupt

    with few_keys_may_move():
        place.renumber()
        place.deliver(5)
        with monkeypatch.context() as context:
            context.setattr("pipelines.nights.run.protect_in_any_case", killed)
            with pytest.raises(KeyboardInterrupt):
                place.load()
        assert place.last(5).state == "held" and named_in(place)
        mine["involvements"][0].update(sensitive=False)
        for row in place.feeds["health"].rows.values():
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(5)
        assert place.load() == {5: "published"}
    assert set(named_in(place)) <= {place.night(5).version(), "database"}
