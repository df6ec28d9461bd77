"""Which nights are outstanding: those whose inputs have changed, and no others, however they came to change."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.nights import decisions
from pipelines.nights.arrivals import look_around
from pipelines.nights.plan import outstanding
from pipelines.nights.run import run_night
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, children, day_of, put
from tests.nights.little_nights import LittleNights, broken_in, bytes_under

SCHEMAS = Path(__file__).parents[2] / "schemas"
Setting = Callable[[str, object], None]


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Nights 0, 1 and 2 are published."""
    made = LittleNights(tmp_path_factory.mktemp("three-nights"))
    for night in range(3):
        made.deliver(night)
    assert set(made.load().values()) == {"published"}
    return made


@pytest.fixture
def place(three_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return three_nights.copied_to(tmp_path)


def why(place: LittleNights) -> dict[int, tuple[str, ...]]:
    return {number: each.why for number, each in place.planned().items()}


def decide(place: LittleNights, kind: str = "not_the_same") -> int:
    """Decide on two records of the first child; the number of the decision."""
    records = read_table(place.in_force(0).folder / "person" / "records.parquet")["record_key"].to_pylist()
    first = children()[0]
    pair = [next(key for key in records if key.startswith(start)) for start in (f"health:P{first.nhs}", "police:C0000")]
    made = decisions.decide(
        place.deployment, AUTHORITY, kind, *pair, actor="Ruth", reason="seen", at=datetime(2026, 12, 3, tzinfo=UTC)
    )
    return made.number


def other_model(folder: Path) -> Path:
    """A model like the built-in one that joins a little less."""
    (built_in,) = (SCHEMAS / "match_model").glob("*.policy.json")
    name = built_in.name.removesuffix(".policy.json")
    for part in (".json", ".frequencies.csv", ".policy.json"):
        shutil.copy(built_in.with_name(name + part), folder / f"other{part}")
    policy = folder / "other.policy.json"
    policy.write_text(policy.read_text(encoding="utf-8").replace('"join": 0.', '"join": 0.9'), encoding="utf-8")
    assert policy.read_bytes() != built_in.read_bytes()
    return folder / "other.json"


def move(place: LittleNights, number: int = 0, street: str = "9 Elsewhere Row") -> None:
    """Health knows another address of a child."""
    place.feeds["health"].hold(children()[number], address_line_1=street)


def streets(place: LittleNights, night: int) -> set[str]:
    """Where the children live, by the live records of health after a night."""
    live = read_table(place.in_force(night).folder / "live" / "health.parquet")
    return set(live["address_line_1"].to_pylist())


@pytest.mark.in_full
def test_a_home_that_is_up_to_date_has_nothing_to_run(place: LittleNights) -> None:
    assert why(place) == {}


@pytest.mark.in_full
def test_a_delivery_makes_its_own_night_outstanding_and_a_load_brings_the_later_ones_after_it(
    place: LittleNights,
) -> None:
    move(place)
    place.deliver(1, "health")
    assert why(place) == {1: ("Arrived: health.",)}
    assert place.load() == {1: "published", 2: "published"}
    assert place.last(2).why == ["The night of 19 November 2026, on which it builds, was published anew."]
    assert "9 Elsewhere Row" in streets(place, 1)
    assert "9 Elsewhere Row" not in streets(place, 2)  # the full delivery of night 2 did not have it
    assert why(place) == {}


def test_an_earlier_night_that_ends_in_the_same_version_leaves_the_later_ones_alone(place: LittleNights) -> None:
    before = bytes_under(place.home / "snapshots")
    assert place.load(asked=[0]) == {0: "published"}
    assert bytes_under(place.home / "snapshots") == before
    assert why(place) == {}


@pytest.mark.in_full
def test_a_delivery_for_a_night_between_goes_into_it_and_the_later_one_builds_on_it(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    place.deliver(0)
    place.deliver(2)
    assert place.load() == {0: "published", 2: "published"}
    assert place.in_force(2).inputs.nights_without_version == ()
    move(place)
    place.deliver(1, "health")
    assert place.load() == {1: "published", 2: "published"}
    assert place.last(2).why == ["It builds on the night of 19 November 2026 now."]


@pytest.mark.in_full
def test_nothing_is_built_on_a_gap_and_the_night_that_is_mended_takes_its_place(place: LittleNights) -> None:
    before = streets(place, 2)
    move(place)
    place.feeds["health"].drop(f"P{children()[7].nhs}")
    place.deliver(3, "health")
    assert place.load(before=broken_in("links")) == {3: "failed"}
    place.deliver(4, "police")
    # whoever runs night 4 alone, the schedule for example, has in it what came for night 3
    assert run_night(place.night(4), started_by="a test") == "published"
    assert place.in_force(4).inputs.nights_without_version == (day_of(3),)
    assert streets(place, 4) == before - {"71 Undamore Row"} - {children()[0].street} | {"9 Elsewhere Row"}
    assert why(place) == {3: ("The last attempt failed in links (DISK_FULL).",)}
    assert place.load() == {3: "published", 4: "published"}
    assert place.last(4).why[0] == "It builds on the night of 21 November 2026 now."
    assert place.last(4).why[1].startswith("Not waiting here any more: health 4")
    assert place.in_force(4).inputs.nights_without_version == ()
    assert why(place) == {}


@pytest.mark.in_full
def test_a_delivery_that_is_sent_whole_makes_its_night_outstanding(place: LittleNights) -> None:
    move(place)
    (damaged,) = place.deliver(3, "health", fault="checksum")
    assert place.load() == {3: "published"}
    assert "9 Elsewhere Row" not in streets(place, 3)
    assert why(place) == {}  # a refused delivery is decided: it waits for its supplier
    put(place.landing, damaged.but(fault=""))
    assert why(place) == {3: ("Arrived: health.",)}
    assert place.load() == {3: "published"}
    assert "9 Elsewhere Row" in streets(place, 3)
    assert why(place) == {}


def test_a_correction_that_is_refused_changes_nothing_and_touches_no_later_night(place: LittleNights) -> None:
    before = bytes_under(place.home / "snapshots")
    place.deliver(1, "health", fault="checksum")
    assert place.load() == {1: "published"}
    assert why(place) == {}
    assert bytes_under(place.home / "snapshots") == before


@pytest.mark.in_full
def test_a_decision_makes_the_night_in_force_outstanding_and_no_earlier_one(place: LittleNights) -> None:
    number = decide(place)
    assert why(place) == {2: (f"A decision of 3 December 2026 (number {number}: not the same).",)}
    assert place.load() == {2: "published"}
    assert [each.number for each in place.in_force(2).inputs.decisions] == [number]
    assert why(place) == {}
    place.deliver(3)
    assert place.load() == {3: "published"}
    assert [each.number for each in place.in_force(3).inputs.decisions] == [number]

    decisions.take_back(
        place.deployment, AUTHORITY, number, actor="Ruth", reason="no", at=datetime(2026, 12, 4, tzinfo=UTC)
    )
    assert why(place) == {3: (f"Decision {number} was taken back.",)}  # night 2 stays as it was decided then
    assert place.load() == {3: "published"}
    assert place.in_force(3).inputs.decisions == ()
    assert [each.number for each in place.in_force(2).inputs.decisions] == [number]


def test_a_version_that_is_held_back_from_pruning_makes_no_night_outstanding(place: LittleNights) -> None:
    version = place.night(1).version()
    assert version is not None
    decisions.hold(place.deployment, AUTHORITY, version, actor="Ruth", reason="inquiry", at=datetime.now(UTC))
    assert why(place) == {}


@pytest.mark.in_full
def test_a_new_model_concerns_the_latest_night_only(place: LittleNights, tmp_path: Path, setting: Setting) -> None:
    setting("ISINDEX_MODEL", other_model(tmp_path))
    assert why(place) == {2: ("Another version of the match model.",)}
    assert place.load() == {2: "published"}
    assert why(place) == {}
    setting("ISINDEX_MODEL", "")
    assert why(place) == {2: ("Another version of the match model.",)}


@pytest.mark.in_full
def test_a_changed_contract_and_changed_rules_concern_the_latest_night_only(
    place: LittleNights, tmp_path: Path, setting: Setting
) -> None:
    overlay = tmp_path / "schemas"
    (overlay / "contracts").mkdir(parents=True)
    for name, words in (("contracts/police-1.odcs.yaml", "the contract police"), ("record_rules.yaml", "the rules")):
        (overlay / name).write_text((SCHEMAS / name).read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
        setting("ISINDEX_SCHEMAS", overlay)
        assert why(place) == {2: (f"Another version of {words}.",)}
        assert place.load() == {2: "published"}
        assert why(place) == {}


@pytest.mark.in_full
def test_a_new_model_concerns_every_night_that_is_not_in_force_yet_but_later(
    place: LittleNights, tmp_path: Path, setting: Setting
) -> None:
    place.deliver(3)
    assert place.load(before=broken_in("snapshot")) == {3: "failed"}
    setting("ISINDEX_MODEL", other_model(tmp_path))
    assert why(place) == dict.fromkeys((2, 3), ("Another version of the match model.",))


def test_a_day_that_is_due_has_a_night_whatever_came(place: LittleNights) -> None:
    (planned,) = place.planned(due=3).values()
    assert (planned.business_date, planned.why) == (
        day_of(3),
        ("It has not been run yet; nothing usable was delivered for it.",),
    )
    assert place.planned(due=2) == {}
    assert LittleNights(place.home.parent / "nobody").planned(due=3) == {}  # no authority ever delivered there


def test_only_the_authorities_that_are_asked_for_are_planned(place: LittleNights) -> None:
    place.deliver(3)
    new = look_around(place.deployment).new
    assert outstanding(place.deployment, new, authorities=["331"]) == []
    assert [each.authority for each in outstanding(place.deployment, new, authorities=["330", "331"])] == ["330"]


def test_a_run_key_stays_until_what_is_to_be_built_changes(place: LittleNights) -> None:
    def key() -> str:
        (planned,) = place.planned().values()
        return planned.run_key

    place.deliver(3, "health")
    keys = [key(), key()]
    assert place.load(before=broken_in("links")) == {3: "failed"}
    keys += [key(), key()]
    place.deliver(3, "police")
    keys.append(key())
    assert [each for each, _ in itertools.groupby(keys)] == [keys[0], keys[2], keys[4]]
    assert len(set(keys)) == 3


@pytest.mark.in_full
@pytest.mark.parametrize("stage", ["health", "inputs"])
def test_a_night_that_failed_before_its_inputs_were_frozen_is_new_again_once_one_changes(
    place: LittleNights, stage: str
) -> None:
    place.deliver(2, "police")
    assert place.load(before=broken_in(stage)) == {2: "failed"}
    if stage == "health":  # what came is not decided yet: that is new in any case
        shutil.rmtree(place.landing / AUTHORITY / "police" / day_of(2).isoformat())
    failed = place.last(2)
    assert (failed.digest, failed.state) == ("", "failed")
    (planned,) = place.planned().values()
    assert planned.again
    key = planned.run_key
    assert place.load(before=broken_in(stage)) == {2: "failed"}
    (planned,) = place.planned().values()
    assert (planned.again, planned.run_key) == (True, key)  # that it failed once more changes nothing
    number = decide(place)
    (planned,) = place.planned().values()
    assert not planned.again
    assert f"A decision of 3 December 2026 (number {number}: not the same)." in planned.why
    assert planned.run_key != key
    assert place.load() == {2: "published"}
    assert why(place) == {}


def test_a_night_that_never_came_to_its_inputs_is_new_once_a_decision_counts_for_it(
    place: LittleNights,
) -> None:
    place.deliver(3, "police")
    assert place.load(before=broken_in("inputs")) == {3: "failed"}
    (planned,) = place.planned().values()
    assert planned.again
    decide(place)
    planned = place.planned()[3]
    assert not planned.again
    assert planned.why[0].startswith("It has not been run yet; ")
