"""An index database that is not what the home has in force: whoever asks is told nothing from it, the status names it, and none is made in its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from assets.command.app import app
from pipelines import audit
from pipelines.database.schema import snapshot_version
from pipelines.errors import IsindexError
from pipelines.network.night import gather_children, run_network
from pipelines.network.place import Network
from pipelines.nights.protection_decisions import shield
from pipelines.publishing.in_step import lagging
from pipelines.settings import forget_settings
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.one_database
HIDDEN = children()[0]
KEY = f"P{HIDDEN.nhs}"


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights: on the second one child asks to be protected. A copy of the database lies beside, as it was after the first."""
    made = LittleNights(tmp_path_factory.mktemp("step"))
    made.deliver(0)
    made.load()
    made.deployment.engine.dispose()
    shutil.copy(made.home / "index.db", made.home / "first.db")
    made.feeds["health"].rows[KEY]["confidentiality"] = "S"
    made.deliver(1)
    assert made.load() == {1: "published"}
    return made


@pytest.fixture
def place(two_nights: LittleNights, tmp_path: Path) -> Iterator[LittleNights]:
    two_nights.deployment.engine.dispose()
    yield two_nights.copied_to(tmp_path)
    forget_settings()


def asked(place: LittleNights, *words: str):
    with place.database.here(place.home):
        return CliRunner().invoke(app, [*words, "--home", str(place.home)])


def put_back(place: LittleNights) -> None:
    """The database as it was after the first night: no entry of the audit is missing, and nobody asks for anything."""
    place.deployment.engine.dispose()
    for each in place.home.glob("index.db*"):
        each.unlink()
    shutil.copy(place.home / "first.db", place.home / "index.db")


def without_a_decision(place: LittleNights) -> None:
    """The database as it was before somebody shielded another child, which the last version shows."""
    place.deployment.engine.dispose()
    shutil.copy(place.home / "index.db", place.home / "first.db")
    shield(
        place.deployment,
        AUTHORITY,
        f"health:P{children()[1].nhs}",
        actor="Ruth",
        reason="an order",
        at=datetime.now(UTC),
    )
    put_back(place)


def of_another_version(place: LittleNights) -> None:
    """The database tells of all nights and shows another version than the one in force."""
    with place.deployment.engine.begin() as connection:
        row = update(snapshot_version).where(snapshot_version.c.authority == AUTHORITY, snapshot_version.c.current)
        connection.execute(row.values(shown="v=2026-11-19-less-00000000"))


def of_no_version(place: LittleNights) -> None:
    """The database tells of all nights and shows no version of the authority."""
    with place.deployment.engine.begin() as connection:
        connection.execute(update(snapshot_version).values(current=False))


OUT_OF_STEP = [put_back, without_a_decision, of_another_version, of_no_version]


def id_of(place: LittleNights) -> str:
    rows = place.published(0).to_pylist()
    return next(row["index_id"] for row in rows if row["family_name"] == HIDDEN.family)


@pytest.mark.parametrize("spoil", OUT_OF_STEP, ids=lambda each: each.__name__)
def test_nothing_is_told_from_a_database_that_does_not_show_what_is_in_force(
    place: LittleNights, spoil: Callable[[LittleNights], None]
) -> None:
    child, of = id_of(place), ("--authority", AUTHORITY)
    assert asked(place, "child", child, "--why", "a referral").exit_code == 1  # it is protected
    spoil(place)
    looks = [
        ("child", child, "--why", "a referral"),
        ("child", child, "--why", "a referral", *of),
        ("diff", *of),
        ("explain", f"health:{KEY}", f"health:P{children()[2].nhs}", "--why", "review list", *of),
        ("model", "preview", *of, "--model", "children-1"),
        ("network", "moves"),
        ("network", "review"),
        ("network", "unclaimed"),
    ]
    for words in looks:
        done = asked(place, *words)
        assert (done.exit_code, "DATABASE_OLDER" in done.stderr) == (2, True), (words, done.output)
        assert HIDDEN.family not in done.output and HIDDEN.postcode not in done.output


@pytest.mark.parametrize("spoil", OUT_OF_STEP, ids=lambda each: each.__name__)
def test_the_status_names_it_and_ends_with_its_exit_code(
    place: LittleNights, spoil: Callable[[LittleNights], None]
) -> None:
    assert asked(place, "status").exit_code == 0
    spoil(place)
    done = asked(place, "status")
    assert (done.exit_code, "DATABASE_OLDER" in done.stderr) == (2, True), done.output
    done = asked(place, "status", "--json")
    (told,) = json.loads(done.stdout)
    assert (done.exit_code, told["authority"], told["fault"]["code"]) == (2, AUTHORITY, "DATABASE_OLDER")


def test_from_a_database_that_lacks_decisions_none_are_listed_and_the_network_is_not_run(place: LittleNights) -> None:
    without_a_decision(place)
    for words in (
        ("decide", "list", "--authority", AUTHORITY),
        ("accredit", "list"),
        ("accredit", "list", "--history"),
    ):
        done = asked(place, *words)
        assert (done.exit_code, "DATABASE_OLDER" in done.stderr) == (2, True), (words, done.output)
    for run in (run_network, gather_children):
        with pytest.raises(IsindexError, match="DATABASE_OLDER"):
            run(Network(place.deployment), day_of(0))
    assert not (place.home / "network" / "current.json").exists()


def test_a_look_that_is_refused_adds_no_entry_to_a_database_from_which_some_are_gone(place: LittleNights) -> None:
    without_a_decision(place)
    lost = audit.lost_entries(place.deployment)
    asked(place, "child", id_of(place), "--why", "a referral")
    asked(place, "explain", f"health:{KEY}", "health:1", "--why", "review list", "--authority", AUTHORITY)
    asked(place, "network", "find", "--why", "a referral", "--number", HIDDEN.nhs)
    assert audit.lost_entries(place.deployment) == lost == 1


@pytest.mark.parametrize("spoil", [put_back, of_another_version, of_no_version], ids=lambda each: each.__name__)
def test_a_load_brings_the_database_to_what_is_in_force(
    place: LittleNights, spoil: Callable[[LittleNights], None]
) -> None:
    spoil(place)
    assert lagging(place.deployment, [AUTHORITY]) == [AUTHORITY]
    assert set(place.load().values()) <= {"published"}
    assert lagging(place.deployment, [AUTHORITY]) == []
    done = asked(place, "child", id_of(place), "--why", "a referral")
    assert (done.exit_code, "protected" in done.output) == (1, True)
    assert asked(place, "status").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("status",), ("child", "5K7K2M9QWX43", "--why", "a referral"), ("diff", "--authority", AUTHORITY), ("audit", "verify"),
        ("decide", "list", "--authority", AUTHORITY), ("accredit", "list"), ("network", "status"),
    ],
    ids=lambda each: " ".join(each[:2]),
)  # fmt: skip
@pytest.mark.parametrize("published", [True, False])
def test_what_reads_makes_no_database_where_it_is_gone(
    place: LittleNights, words: tuple[str, ...], published: bool
) -> None:
    place.deployment.engine.dispose()
    for each in place.home.glob("index.db*"):
        each.unlink()
    if not published:
        shutil.rmtree(place.home / "snapshots")
    done = asked(place, *words)
    assert (done.exit_code, "DATABASE_EMPTY" in done.stderr) == (2, True), done.output
    assert not list(place.home.glob("index.db*"))


def test_a_load_makes_none_either_where_something_was_published(place: LittleNights) -> None:
    place.deployment.engine.dispose()
    for each in place.home.glob("index.db*"):
        each.unlink()
    done = asked(place, "load", "--landing", str(place.landing))
    assert (done.exit_code, "DATABASE_EMPTY" in done.stderr) == (2, True), done.output
    assert not list(place.home.glob("index.db*"))
