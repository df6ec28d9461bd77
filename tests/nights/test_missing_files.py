"""Whatever goes missing of a home's nights, nobody is told anything of a child who was shielded: missing does not mean undecided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.errors import IsindexError
from pipelines.nights import decisions, protection_decisions
from pipelines.nights.at_once import hidden_at_once
from pipelines.nights.explain import explain_night
from pipelines.nights.hidden_records import not_told_of
from pipelines.nights.references import reference_of
from pipelines.nights.retention import prune
from pipelines.nights.waiting import decisions_waiting
from pipelines.publishing.readers import read_child
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights, broken_in
from tests.nights.test_protection import by, index_id

pytestmark = pytest.mark.one_database

CHILD, OPEN = children()[0], children()[4]
PAIR = (f"health:P{CHILD.nhs}", f"social_care:S{CHILD.number:04}")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """A published night; then a child is shielded, which no night is built with yet."""
    made = LittleNights(tmp_path_factory.mktemp("decided"), database)
    for row in made.feeds["health"].rows.values():
        row["confidentiality"] = ""
    made.deliver(0)
    assert made.load() == {0: "published"}
    protection_decisions.shield(made.deployment, AUTHORITY, PAIR[0], **by("Ruth"))  # type: ignore[arg-type]
    return made


@pytest.fixture
def place(decided: LittleNights, tmp_path: Path) -> LittleNights:
    return decided.copied_to(tmp_path)


def all_below(folder: Path) -> Iterator[Path]:
    """The folder, and every file, link and folder in it."""
    yield folder
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from all_below(path)
        else:
            yield path


@pytest.mark.in_full
def test_without_any_one_file_or_folder_the_child_is_told_to_nobody(decided: LittleNights) -> None:
    own, other = index_id(decided, 0), index_id(decided, 0, OPEN.family)

    def looked(who: str) -> bool:
        """Whether anything of the child is told."""
        found = read_child(decided.deployment, who, why="a test", hidden_at_once=hidden_at_once)
        return any(each.tables for each in found)

    def told() -> bool:
        """Whether a look, or the explanation of a pair, would tell anything of the child."""
        for ask, hides in (
            (lambda: hidden_at_once(decided.deployment, AUTHORITY), reference_of(PAIR[0])),
            (lambda: not_told_of(attempt, PAIR, attempt), PAIR[1]),
        ):
            try:
                if hides not in ask():
                    return True
            except IsindexError as fault:
                assert fault.code == "STORE_DAMAGED"
        return False

    attempt = decided.in_force(0)
    assert looked(other) and not looked(own) and not told()
    with pytest.raises(IsindexError, match="CHILD_PROTECTED"):
        explain_night(decided.deployment, AUTHORITY, None, *PAIR, why="a test")
    tried = [path for path in all_below(decided.home / "nights") if path.name != ".lock"]
    assert len(tried) > 50
    aside = decided.home / "aside"
    for path in tried:
        path.rename(aside)
        shown = told()
        aside.rename(path)
        assert not shown, path.relative_to(decided.home)
    (attempt.folder / "inputs.json").rename(aside)
    for ask in (lambda: looked(own), lambda: explain_night(decided.deployment, AUTHORITY, None, *PAIR, why="a test")):
        with pytest.raises(IsindexError, match="STORE_DAMAGED"):
            ask()
    aside.rename(attempt.folder / "inputs.json")
    assert looked(other) and not looked(own)


@pytest.mark.in_full
@pytest.mark.parametrize("gone", ["inputs.json", "attempts", "night", "authority", "nights", "snapshots"])
def test_what_is_missing_is_told_as_damage(place: LittleNights, gone: str) -> None:
    own, attempt = index_id(place, 0), place.in_force(0).folder
    path = {
        "inputs.json": attempt / "inputs.json", "attempts": attempt.parent, "night": attempt.parent.parent,
        "authority": place.home / "nights" / AUTHORITY, "nights": place.home / "nights",
        "snapshots": place.home / "snapshots",
    }[gone]  # fmt: skip
    path.rename(place.home / "aside")
    with place.database.here(place.home):
        done = CliRunner().invoke(app, ["child", own, "--home", str(place.home), "--why", "a test"])
        seen = CliRunner().invoke(app, ["status", "--home", str(place.home)])
    assert (done.exit_code, "STORE_DAMAGED" in done.output, CHILD.family in done.output) == (1, True, False)
    assert (seen.exit_code, "STORE_DAMAGED" in seen.output) == (1, True)
    with pytest.raises(IsindexError, match="STORE_DAMAGED"):
        decisions_waiting(place.deployment, AUTHORITY)


def test_what_is_left_of_an_attempt_in_force_is_not_removed(place: LittleNights) -> None:
    own = place.in_force(0).folder
    place.renumber()
    place.deliver(0)
    place.load(before=broken_in("links"))
    (own / "inputs.json").unlink()
    prune(place.deployment, AUTHORITY)
    assert (own / "identities" / "identities.parquet").is_file()


def test_one_persons_word_opens_nobody_where_it_cannot_be_seen_who_is_shielded(place: LittleNights) -> None:
    (place.in_force(0).folder / "inputs.json").unlink()
    made = decisions.decide(place.deployment, AUTHORITY, "not_the_same", *PAIR, **by("Omar"))  # type: ignore[arg-type]
    with place.deployment.engine.connect() as connection:
        row = connection.exec_driver_sql(f"SELECT from_night FROM decision WHERE decision_id = {made.number}").one()
    assert str(row.from_night) > str(place.night(0).business_date)
