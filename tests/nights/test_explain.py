"""Of a pair of which one is a record of a protected child nothing is told to who may not see it; every look is audited."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines import audit
from pipelines.errors import IsindexError
from pipelines.matching.explain import Rival, in_context
from pipelines.nights import explain, model_training, protection_decisions
from pipelines.nights.references import reference_of
from pipelines.settings import forget_settings
from pipelines.tables import read_table, write_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, broken_in

HIDDEN, OPEN = children()[0], children()[4]
OF_HIDDEN = (f"health:P{HIDDEN.nhs}", f"social_care:S{HIDDEN.number:04}")
OF_OPEN = (f"health:P{OPEN.nhs}", f"social_care:S{OPEN.number:04}")
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """Two nights: on the first nobody asks for protection, on the second one child does."""
    made = LittleNights(tmp_path_factory.mktemp("explain"), database)
    made.deliver(0)
    made.load()
    made.feeds["health"].rows[OF_HIDDEN[0].partition(":")[2]]["confidentiality"] = "S"
    made.deliver(1)
    assert made.load() == {1: "published"}
    return made


@pytest.fixture
def place(two_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return two_nights.copied_to(tmp_path)


def ask(place: LittleNights, pair: tuple[str, str], *words: str):
    where = ["--home", str(place.home), "--authority", AUTHORITY, "--why", "review list"]
    with place.database.here(place.home):
        return CliRunner().invoke(app, ["explain", *pair, *where, *words])


def assert_nothing_is_told(done, pair: tuple[str, str], place: LittleNights) -> None:
    said = done.stdout + done.stderr
    assert (done.exit_code, "CHILD_PROTECTED" in said) == (1, True), said
    row = {**place.feeds["health"].rows[f"P{HIDDEN.nhs}"], **place.feeds["education"].rows[HIDDEN.upn]}
    values = [*map(str, row.values()), *pair, *map(reference_of, pair)]
    assert [value for value in values if len(value) > 2 and value in said] == []
    assert not re.search(r"bits|identity|joins|weight|shielded|withheld|\d\.\d", said)
    last = audit.entries(place.deployment)[0]
    assert (last.action, last.authority, last.why) == ("explain", AUTHORITY, "review list")
    assert last.subject == " ".join(map(reference_of, pair))


@pytest.mark.in_full
@pytest.mark.parametrize("pair", [OF_HIDDEN, (OF_HIDDEN[0], OF_OPEN[0]), (OF_OPEN[1], OF_HIDDEN[1])])
@pytest.mark.parametrize("words", [(), ("--json",), ("--night", str(day_of(0)))])
def test_a_record_of_a_shielded_child_is_not_explained(two_nights, pair, words):
    """Nor as it was on a night on which it was not protected yet."""
    assert_nothing_is_told(ask(two_nights, pair, *words), pair, two_nights)


@pytest.mark.in_full
def test_a_record_of_a_withheld_child_is_not_either_and_it_looks_the_same(place):
    path = place.in_force(1).folder / "identities" / "visibility.parquet"
    seen = read_table(path)
    shielded = ask(place, OF_HIDDEN)
    other = seen.set_column(seen.column_names.index("withheld"), "withheld", seen["shielded"])
    never = pa.array([False] * seen.num_rows)
    write_table(other.set_column(seen.column_names.index("shielded"), "shielded", never), path)
    withheld = ask(place, OF_HIDDEN)
    assert_nothing_is_told(withheld, OF_HIDDEN, place)
    assert withheld.output == shielded.output


@pytest.mark.in_full
def test_one_that_is_shielded_by_a_decision_is_not_even_before_the_next_load(place):
    assert ask(place, OF_OPEN).exit_code == 0
    protection_decisions.shield(place.deployment, AUTHORITY, OF_OPEN[0], actor="Ruth", reason="Police", at=NOW)
    assert "CHILD_PROTECTED" in ask(place, OF_OPEN).output


@pytest.mark.in_full
def test_where_nobody_was_judged_yet_nothing_is_told(place):
    place.deliver(2)
    assert place.load(before=broken_in("identities")) == {2: "failed"}
    assert "CHILD_PROTECTED" in ask(place, OF_OPEN, "--night", str(day_of(2))).output


def test_a_record_that_never_was_tells_nothing(two_nights):
    pair = (OF_HIDDEN[0], "health:nobody-9999")
    done = ask(two_nights, pair)
    assert (done.exit_code, "RECORD_UNKNOWN" in done.output) == (2, True)
    assert [value for value in pair if value in done.output] == []


def test_who_may_see_protected_children_is_told(two_nights, monkeypatch):
    monkeypatch.setenv("ISINDEX_MAY_SEE_PROTECTED", audit.account())
    forget_settings()
    done = ask(two_nights, OF_HIDDEN)
    assert (done.exit_code, "one identity" in done.output) == (0, True)


@pytest.mark.parametrize("may_see", [False, True])
def test_a_runner_up_of_a_protected_child_is_left_out(two_nights, monkeypatch, may_see):
    def with_rivals(told, *tables):
        found = in_context(told, *tables)
        rivals = (Rival(OF_OPEN[0], OF_HIDDEN[0], 3.0, False), Rival(OF_OPEN[1], "police:x", 2.0, False))
        return replace(found, rivals=rivals)

    monkeypatch.setattr(explain, "in_context", with_rivals)
    if may_see:
        monkeypatch.setenv("ISINDEX_MAY_SEE_PROTECTED", audit.account())
        forget_settings()
    done = ask(two_nights, OF_OPEN)
    assert done.exit_code == 0
    said = "".join(done.output.split())
    for rival in (OF_HIDDEN[0], "police:x"):
        assert (reference_of(rival) in said) is may_see
    assert OF_HIDDEN[0] not in said and "police:x" not in said  # a key may be a number that was issued


@pytest.mark.parametrize("may_see", [False, True])
def test_record_keys_of_a_preview_are_audited_and_those_of_protected_children_left_out(
    two_nights, monkeypatch, may_see
):
    if may_see:
        monkeypatch.setenv("ISINDEX_MAY_SEE_PROTECTED", audit.account())
        forget_settings()
    keys = pa.table({"change": ["merged"] * 4, "record_key": [*OF_HIDDEN, *OF_OPEN]})
    with two_nights.database.here(two_nights.home):
        forget_settings()
        found = model_training.Preview({}, keys)
        told = model_training.changes_with_keys(two_nights.deployment, AUTHORITY, found, why="threshold of March")
        with pytest.raises(IsindexError, match="PURPOSE_MISSING"):
            model_training.changes_with_keys(two_nights.deployment, AUTHORITY, found, why=" ")
    assert told["record_key"].to_pylist() == [*(OF_HIDDEN if may_see else (None, None)), *OF_OPEN]
    last = audit.entries(two_nights.deployment)[0]
    assert (last.action, last.why, last.authority) == ("model preview --keys", "threshold of March", AUTHORITY)


def test_an_open_pair_is_explained_and_audited(two_nights):
    done = ask(two_nights, OF_OPEN)
    assert (done.exit_code, "one identity" in done.output) == (0, True)
    assert audit.entries(two_nights.deployment)[0].subject == " ".join(map(reference_of, OF_OPEN))
    hidden = two_nights.published(1)
    names = hidden.filter(pc.or_(hidden["shielded"], hidden["withheld"]))["family_name"].to_pylist()
    assert HIDDEN.family in names and OPEN.family not in names
