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
from pipelines.nights.retention import prune
from pipelines.nights.waiting import decisions_waiting
from pipelines.publishing.readers import read_child
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights
from tests.nights.test_protection import by, index_id

pytestmark = pytest.mark.one_database

CHILD, OPEN = children()[0], children()[4]
PAIR = (f"health:P{CHILD.nhs}", f"social_care:S{CHILD.number:04}")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """Two published nights; then a child is shielded, which no night is built with yet."""
    made = LittleNights(tmp_path_factory.mktemp("decided"), database)
    for row in made.feeds["health"].rows.values():
        row["confidentiality"] = ""
    for night in (0, 1):
        made.deliver(night)
        made.load()
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


def test_without_any_one_file_or_folder_the_child_is_told_to_nobody(decided: LittleNights) -> None:
    own, other = index_id(decided, 1), index_id(decided, 1, OPEN.family)

    def looked(who: str) -> bool:
        """Whether anything of the child is told."""
        try:
            found = read_child(decided.deployment, who, why="a test", hidden_at_once=hidden_at_once)
        except IsindexError as fault:
            assert fault.code == "STORE_DAMAGED"
            return False
        return any(each.tables for each in found)

    def explained() -> bool:
        try:
            return bool(explain_night(decided.deployment, AUTHORITY, None, *PAIR, why="a test"))
        except IsindexError as fault:
            assert fault.code in ("STORE_DAMAGED", "CHILD_PROTECTED")
            return False

    assert looked(other) and not looked(own) and not explained()
    tried = [path for path in all_below(decided.home / "nights") if path.name != ".lock"]
    assert len(tried) > 50
    aside = decided.home / "aside"
    for path in tried:
        path.rename(aside)
        told = looked(own) or explained()
        aside.rename(path)
        assert not told, path.relative_to(decided.home)
    assert looked(other) and not looked(own)


@pytest.mark.parametrize("gone", ["inputs.json", "attempts", "night", "authority", "nights", "snapshots"])
def test_what_is_missing_is_told_as_damage_and_a_shield_taken_back_opens_nobody(
    place: LittleNights, gone: str
) -> None:
    own, attempt = index_id(place, 1), place.in_force(1).folder
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
    own = place.in_force(1).folder
    place.renumber()
    place.deliver(1)
    place.load(before=broken_in_links)
    (own / "inputs.json").unlink()
    prune(place.deployment, AUTHORITY)
    assert (own / "identities" / "identities.parquet").is_file()


def broken_in_links(stage: str) -> None:
    if stage == "links":
        raise OSError(28, "No space left on device")


def test_one_persons_word_opens_nobody_where_it_cannot_be_seen_who_is_shielded(place: LittleNights) -> None:
    (place.in_force(1).folder / "inputs.json").unlink()
    made = decisions.decide(place.deployment, AUTHORITY, "not_the_same", *PAIR, **by("Omar"))  # type: ignore[arg-type]
    with place.deployment.engine.connect() as connection:
        row = connection.exec_driver_sql(f"SELECT from_night FROM decision WHERE decision_id = {made.number}").one()
    assert str(row.from_night) > str(place.night(1).business_date)
