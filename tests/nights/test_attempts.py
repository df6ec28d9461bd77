"""An attempt is what its frozen inputs make of a night; one that is held or fails touches nothing that is in force."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.nights import decisions
from pipelines.nights.attempts import Attempt, latest_matched
from pipelines.nights.inputs import Base, Decided, Delivered, Inputs, why_differs
from pipelines.nights.run import STAGES
from pipelines.publishing.readers import read_child
from pipelines.tables import read_as, write_json
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights, broken_in, bytes_under, few_keys_may_move

pytestmark = pytest.mark.one_database

# ---- inputs -------------------------------------------------------------------------------------------------------
NIGHT = date(2026, 11, 18)
HEALTH = Delivered("330/health/2026-11-18/3-a", "health", NIGHT, 3, "aa")
POLICE = Delivered("330/police/2026-11-17/9-b", "police", date(2026, 11, 17), 9, "bb")
SAME = Decided(1, "same", "health:1", "police:2", None, "seen", "2026-11-18T08:00:00+00:00")
APART = Decided(2, "not_the_same", "health:1", "police:3", None, "twins", "2026-12-03T08:00:00+00:00")
BASE = Base(date(2026, 11, 17), "v=1")
INPUTS = Inputs(
    "330", NIGHT, BASE, (HEALTH,), (SAME,), {"model": "m 1", "code": "2", "rules": "r", "contract/health": "c"}
)
OTHER_MEANS = {"model": "m 2", "code": "3", "rules": "s", "contract/health": "d"}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, INPUTS, ["It has not been run yet; health 3 of 18 November 2026."]),
        (None, replace(INPUTS, deliveries=()), ["It has not been run yet; nothing usable was delivered for it."]),
        (INPUTS, INPUTS, []),
        (
            INPUTS,
            replace(INPUTS, base=replace(BASE, version="v=2")),
            ["The night of 17 November 2026, on which it builds, was published anew."],
        ),
        (
            INPUTS,
            replace(INPUTS, base=Base(date(2026, 11, 16), "v=0")),
            ["It builds on the night of 16 November 2026 now."],
        ),
        (replace(INPUTS, base=None), INPUTS, ["It builds on the night of 17 November 2026 now."]),
        (INPUTS, replace(INPUTS, base=None), ["The night it was built on is no longer in force."]),
        (INPUTS, replace(INPUTS, deliveries=(POLICE, HEALTH)), ["New: police 9 of 17 November 2026."]),
        (
            INPUTS,
            replace(INPUTS, deliveries=(replace(HEALTH, content="cc"),)),
            ["Sent whole: health 3 of 18 November 2026."],
        ),
        (INPUTS, replace(INPUTS, deliveries=()), ["Not waiting here any more: health 3 of 18 November 2026."]),
        (
            INPUTS,
            replace(INPUTS, decisions=(SAME, APART)),
            ["A decision of 3 December 2026 (number 2: not the same)."],
        ),
        (INPUTS, replace(INPUTS, decisions=()), ["Decision 1 was taken back."]),
        (
            INPUTS,
            replace(INPUTS, means={**INPUTS.means, "model": "m 2"}),
            ["Another version of the match model."],
        ),
        (
            INPUTS,
            replace(INPUTS, means=OTHER_MEANS),
            ["Another version of the program, the contract health, the match model, the rules."],
        ),
        (
            INPUTS,
            replace(INPUTS, base=None, deliveries=(POLICE,), decisions=(APART,)),
            [
                "The night it was built on is no longer in force.",
                "New: police 9 of 17 November 2026.",
                "Not waiting here any more: health 3 of 18 November 2026.",
                "A decision of 3 December 2026 (number 2: not the same).",
                "Decision 1 was taken back.",
            ],
        ),
    ],
)
def test_what_has_changed_is_said_in_sentences(before: Inputs | None, now: Inputs, told: list[str]) -> None:
    assert why_differs(now, before) == told


_days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
_words = st.text(max_size=8)
_delivered = st.builds(Delivered, _words, _words, _days, st.integers(0, 99), _words)
_decided = st.builds(
    Decided, st.integers(1, 99), st.sampled_from(["same", "not_the_same", "override"]), st.none() | _words,
    st.none() | _words, st.none() | _words, _words, _words,
)  # fmt: skip
_inputs = st.builds(
    Inputs,
    st.just("330"),
    _days,
    st.none() | st.builds(Base, _days, _words),
    st.lists(_delivered, max_size=3, unique_by=lambda each: each.delivery_id).map(tuple),
    st.lists(_decided, max_size=3, unique_by=lambda each: each.number).map(tuple),
    st.dictionaries(_words, _words, max_size=3),
)


@given(_inputs)
def test_inputs_that_are_kept_and_read_are_the_same(inputs: Inputs) -> None:
    kept = json.loads(json.dumps(inputs.as_json()))
    read = Inputs.from_json(kept)
    assert read == inputs
    assert kept["digest"] == read.digest == inputs.digest
    assert read.data_digest == inputs.data_digest
    assert why_differs(read, inputs) == []


@given(_inputs, _inputs)
def test_other_inputs_have_another_digest(one: Inputs, other: Inputs) -> None:
    assert (one.digest == other.digest) == (one == other)
    assert (one.data_digest == other.data_digest) == (one == replace(other, means=one.means))


@pytest.mark.parametrize("means", [OTHER_MEANS, {}])
def test_the_means_are_no_part_of_the_data(means: dict[str, str]) -> None:
    other = replace(INPUTS, means=means)
    assert other.digest != INPUTS.digest
    assert other.data_digest == INPUTS.data_digest


# ---- attempts -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _few_keys_may_move() -> Iterator[None]:
    with few_keys_may_move():
        yield


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """Two published nights."""
    made = LittleNights(tmp_path_factory.mktemp("two-nights"), database)
    for night in (0, 1):
        made.deliver(night)
    assert made.load() == {0: "published", 1: "published"}
    return made


@pytest.fixture
def place(two_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return two_nights.copied_to(tmp_path)


def shown(place: LittleNights) -> dict[str, Any]:
    """All that says what is in force: versions, the tables of both nights with their links, and the database."""
    followed = [*db.INDEX_TABLES.values(), db.identity, db.ledger_event, db.night, db.snapshot_version, db.reject]
    with place.deployment.engine.connect() as connection:
        rows = {table.name: sorted(map(repr, connection.execute(select(table)))) for table in followed}
    nights = [place.night(number) for number in (0, 1)]
    files = bytes_under(place.home / "snapshots", *(place.in_force(number).folder for number in (0, 1)))
    return {
        "files": {
            path: told for path, told in files.items() if not str(path).endswith("/written.json")
        },  # a run's notes
        "links": {
            str(path): path.readlink() for night in nights for path in night.folder.iterdir() if path.is_symlink()
        },
        "rows": rows,
    }


def state_on_the_overview(place: LittleNights, number: int) -> tuple[str, str]:
    """The authority's state and the reasons, as the night's page has them."""
    page = html.parse(str(place.home / "reports" / day_of(number).isoformat() / "index.html")).getroot()
    (row,) = page.get_element_by_id("authorities").iterfind("tbody/tr")
    cells = [cell.text_content().strip() for cell in row]
    return cells[2], cells[-1]


def override(place: LittleNights, number: int, gate: str = "keys_moved") -> decisions.Decision:
    return decisions.override(
        place.deployment, AUTHORITY, day_of(number), gate, actor="Ruth", reason="it is right", at=datetime.now(UTC)
    )


def test_what_is_in_force_is_shown_by_links_that_a_moved_home_keeps(place: LittleNights) -> None:
    folder, attempt = place.night(1).folder, place.in_force(1)
    assert attempt.folder.parent == folder / "attempts"
    assert attempt.digest.startswith(attempt.folder.name)
    for entry in attempt.folder.iterdir():
        link = folder / entry.name
        assert link.is_symlink() and not link.readlink().is_absolute()
        assert link.resolve() == entry.resolve()
    assert {"inputs.json", "live", "person", "matching", "identities", "snapshot"} <= {
        entry.name for entry in attempt.folder.iterdir()
    }
    manifest = read_as(place.home / "snapshots" / AUTHORITY / str(place.night(1).version()) / "manifest.json", dict)
    assert manifest["attempt"] == attempt.digest == attempt.inputs.digest


@pytest.mark.in_full
@pytest.mark.both_databases
def test_a_held_attempt_overwrites_nothing_and_rests_until_a_person_lets_it_pass(place: LittleNights) -> None:
    before, version = shown(place), place.night(1).version()
    place.renumber()
    place.deliver(1)
    assert place.load() == {1: "held"}
    assert shown(place) == before
    held = place.last(1)
    assert (held.state, held.version, [gate["name"] for gate in held.gates if not gate["passed"]]) == (
        "held", None, ["keys_moved"],
    )  # fmt: skip
    state, why = state_on_the_overview(place, 1)
    assert state == "Held"
    assert why.startswith("Gate keys moved has not passed.") and why.endswith(
        "published for this night before stays in force."
    )
    assert latest_matched(place.deployment, AUTHORITY) == place.in_force(1)  # what a reviewer sees is in force

    assert place.load() == {}  # it rests

    assert place.planned(asked=[1])[1].why == ("Somebody asked for it.",)
    assert place.load(asked=[1]) == {1: "held"}
    assert place.last(1).why == ["Somebody asked for it: its inputs are the same as before."]
    assert shown(place) == before

    decision = override(place, 1)
    assert place.planned()[1].why == (
        f"A decision of {datetime.now(UTC):%-d %B %Y} (number {decision.number}: override).",
    )
    assert place.load() == {1: "published"}
    assert place.night(1).version() != version
    manifest = read_as(place.home / "snapshots" / AUTHORITY / str(place.night(1).version()) / "manifest.json", dict)
    assert [(gate["name"], gate["overridden"]) for gate in manifest["gates"] if gate["overridden"]] == [
        ("keys_moved", "it is right")
    ]
    assert state_on_the_overview(place, 1) == ("Published", "–none")
    assert place.load() == {}


@pytest.mark.in_full
@pytest.mark.both_databases
def test_an_override_lets_pass_one_gate_of_one_night(place: LittleNights) -> None:
    place.renumber()
    place.deliver(2)
    place.load()
    override(place, 2, "volume")
    assert place.load() == {2: "held"}
    override(place, 2)
    assert place.load() == {2: "published"}
    place.deliver(3)
    place.load()
    place.renumber()
    place.deliver(4)
    assert place.load() == {4: "held"}


def _nothing(_place: LittleNights) -> dict[str, Any]:
    """The night is run again on the very inputs of what is in force."""
    return {"asked": [1]}


def _delivery(place: LittleNights) -> dict[str, Any]:
    """A correction came."""
    place.feeds["health"].rows.popitem()
    place.deliver(1, "health")
    return {}


@pytest.mark.in_full
@pytest.mark.parametrize("because", [_nothing, _delivery])
def test_an_attempt_that_fails_in_any_stage_overwrites_nothing_and_is_told(
    place: LittleNights, because: Callable[[LittleNights], dict[str, Any]]
) -> None:
    before = shown(place)
    asked = because(place)
    for stage in ("health", *STAGES[:-1]):
        assert place.load(**asked, before=broken_in(stage)) == {1: "failed"}, stage
        assert shown(place) == before, stage
        row = place.last(1)
        assert (row.state, row.stage, row.code) == ("failed", stage, "DISK_FULL")
        state, why = state_on_the_overview(place, 1)
        assert state == "Failed" and why.startswith(f"{stage}: ") and "DISK_FULL" in why
        planned, told = place.planned()[1], f"The last attempt failed in {stage} (DISK_FULL)."
        waits = bool(planned.arrived)  # nothing of it was taken in: what lies in the landing place waits there
        assert waits == (because is _delivery and stage == "health")
        assert (planned.again, planned.why) == (not waits, (*(("Arrived: health.",) if waits else ()), told))
    assert place.load() == {1: "published"}
    assert (shown(place) == before) == (because is _nothing)
    assert place.load() == {}


@pytest.mark.in_full
def test_a_night_whose_reports_fail_is_in_force_and_is_run_again_for_its_reports(place: LittleNights) -> None:
    place.deliver(2)
    assert place.load(before=broken_in("reports")) == {2: "failed"}
    versions = bytes_under(place.home / "snapshots")
    assert place.night(2).version() is not None
    assert place.planned()[2].why == ("The last attempt failed in reports (DISK_FULL).",)
    assert place.load() == {2: "published"}
    assert bytes_under(place.home / "snapshots") == versions
    assert state_on_the_overview(place, 2) == ("Published", "–none")


@pytest.mark.in_full
@pytest.mark.both_databases
def test_a_night_that_was_interrupted_says_so_and_is_run_again(place: LittleNights) -> None:
    class Killed(BaseException):
        """No fault of the night: nobody is left to note anything."""

    def killed(stage: str) -> None:
        if stage == "identities":
            raise Killed

    before = shown(place)
    _delivery(place)
    with pytest.raises(Killed):
        place.load(before=killed)
    assert shown(place) == before
    assert place.last(1).state == "running"
    assert (place.planned()[1].why, place.planned()[1].again) == (("The last attempt was interrupted.",), True)
    assert place.load() == {1: "published"}


@pytest.mark.in_full
def test_a_first_night_that_is_held_or_fails_leaves_nothing_in_force_and_is_still_there_to_look_at(
    tmp_path: Path, database: Databases
) -> None:
    place = LittleNights(tmp_path, database)
    place.deliver(0)
    assert place.load(before=broken_in("publish")) == {0: "failed"}
    assert not (place.home / "snapshots").exists() or not list((place.home / "snapshots").rglob("current.json"))
    assert latest_matched(place.deployment, AUTHORITY) == Attempt.last(place.night(0))
    with pytest.raises(IsindexError, match="NIGHT_UNKNOWN"):
        latest_matched(place.deployment, AUTHORITY, day_of(1))
    assert place.load() == {0: "published"}


@pytest.mark.in_full
@pytest.mark.both_databases
def test_each_attempt_notes_why_it_was_made_and_by_whom(place: LittleNights) -> None:
    assert place.last(0).why == [
        "It has not been run yet; education 1 of 18 November 2026, health 1 of 18 November 2026, "
        "police 1 of 18 November 2026, social_care 1 of 18 November 2026."
    ]
    _delivery(place)
    place.load()
    row = place.last(1)
    assert row.why == [
        "New: health 3 of 19 November 2026.",
        "Not waiting here any more: health 2 of 19 November 2026.",
    ]
    assert (row.started_by, row.state, row.digest) == ("a test", "published", place.in_force(1).digest)
    assert row.finished_at is not None


def test_a_night_without_inputs_and_one_without_its_base_are_refused_by_code(place: LittleNights) -> None:
    with pytest.raises(IsindexError, match="NOT_FROZEN"):
        Attempt.last(place.night(7))
    lost = place.in_force(1)
    inputs = replace(lost.inputs, base=Base(day_of(0), "v=nowhere"))
    write_json(inputs.as_json(), lost.folder / "inputs.json")
    with pytest.raises(IsindexError, match="BASE_MISSING"):
        place.in_force(1).base()


@pytest.mark.in_full
def test_an_id_that_a_late_delivery_replaced_still_leads_to_the_child(tmp_path: Path, database: Databases) -> None:
    place = LittleNights(tmp_path, database)
    place.deliver(0, "police", "social_care")
    place.deliver(1)
    place.load()
    before = place.published(1)
    place.deliver(0, "education", "health")  # the nights are published anew, on other first records
    place.load()
    after = place.published(1)
    gone = set(before["index_id"].to_pylist()) - set(after["index_id"].to_pylist())
    assert gone
    named = dict(zip(before["index_id"].to_pylist(), before["family_name"].to_pylist(), strict=True))
    hidden = set(after.filter(pc.or_(after["shielded"], after["withheld"]))["family_name"].to_pylist())
    for index_id in gone:
        if named[index_id] in hidden:
            with pytest.raises(IsindexError, match="INDEX_ID_REPLACED"):
                read_child(place.deployment, index_id, why="complaint 12")
            continue
        (shown,) = read_child(place.deployment, index_id, why="complaint 12")
        assert (shown.asked_for, shown.tables["children"][0]["family_name"]) == (index_id, named[index_id])


@pytest.mark.in_full
@pytest.mark.parametrize("end", ["published", "held"])
def test_a_run_that_is_killed_before_its_pages_are_written_is_made_good_by_the_next_load(
    place: LittleNights, end: str
) -> None:
    def killed(stage: str) -> None:
        if stage == "reports":
            raise KeyboardInterrupt

    night = max(number for number in range(10) if place.night(number).version()) + 1
    if end == "held":
        place.renumber()
    place.deliver(night)
    with few_keys_may_move() if end == "held" else nullcontext():
        with pytest.raises(KeyboardInterrupt):
            place.load(before=killed)
        assert place.last(night).state == end
        page = place.home / "reports" / day_of(night).isoformat() / "index.html"
        assert not page.exists()
        published = bytes_under(place.home / "snapshots")
        assert place.planned()[night].why == ("The last attempt was interrupted before its pages were written.",)
        assert place.load() == {night: end}
        assert page.is_file()
        assert bytes_under(place.home / "snapshots") == published
        assert place.load() == {}
    front = (place.home / "reports" / "index.html").read_text(encoding="utf-8")
    assert ("No night is held" in front) == (end == "published")
