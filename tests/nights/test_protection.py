"""Protection from a mark in a file to what is published: it is latched whatever becomes of the file, and people lift it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from pipelines import audit
from pipelines.database import schema as db
from pipelines.deliveries import Register
from pipelines.errors import IsindexError
from pipelines.nights import decisions, protection_decisions
from pipelines.nights.at_once import hidden_at_once
from pipelines.nights.retention import prune
from pipelines.tables import read_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights, broken_in, bytes_under

pytestmark = pytest.mark.one_database

CHILD = children()[0]


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """One published night, nobody shielded."""
    made = LittleNights(tmp_path_factory.mktemp("one-night"), database)
    for row in made.feeds["health"].rows.values():
        row["confidentiality"] = ""
    for row in made.feeds["social_care"].rows.values():
        row.pop("shield", None)
    made.deliver(0)
    assert made.load() == {0: "published"}
    assert hidden(made, 0) == set()
    return made


@pytest.fixture
def place(one_night: LittleNights, tmp_path: Path) -> LittleNights:
    return one_night.copied_to(tmp_path)


def hidden(place: LittleNights, night: int) -> set[str]:
    """Family names of the children who are hidden in the night's version."""
    table = place.published(night)
    return set(table.filter(pc.or_(table["shielded"], table["withheld"]))["family_name"].to_pylist())


def index_id(place: LittleNights, night: int, family: str = CHILD.family) -> str:
    table = place.published(night)
    return str(table.filter(pc.equal(table["family_name"], family))["index_id"][0].as_py())


def mark(place: LittleNights, value: str = "S") -> None:
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = value


def by(actor: str) -> dict[str, object]:
    return {"actor": actor, "reason": "seen the order", "at": datetime.now(UTC)}


@pytest.fixture
def shielded(place: LittleNights) -> Iterator[LittleNights]:
    """The child was marked on night 1, and is not any more."""
    mark(place)
    place.deliver(1)
    place.load()
    assert hidden(place, 1) == {CHILD.family}
    mark(place, "")
    return place


# --- whatever becomes of the file ---------------------------------------------------------------------------------


@pytest.mark.in_full
def test_a_mark_that_is_blank_again_or_whose_record_is_gone_stays(shielded: LittleNights) -> None:
    shielded.deliver(2)
    del shielded.feeds["health"].rows[f"P{CHILD.nhs}"]
    shielded.deliver(3)
    shielded.load()
    assert [hidden(shielded, night) for night in (2, 3)] == [{CHILD.family}] * 2


def asking(place: LittleNights, night: int, sequence: int, mode: str = "full", **fault: str) -> None:
    """Health delivers, the child's record marked."""
    rows = [
        dict(row) | ({"change": "upsert"} if mode == "delta" else {}) for row in place.feeds["health"].rows.values()
    ]
    next(row for row in rows if row["local_patient_id"] == f"P{CHILD.nhs}")["confidentiality"] = "S"
    put(place.landing, Delivery("health", day_of(night), sequence, mode, rows, **fault))


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("night", "step", "mode", "fault", "state"),
    [
        (1, 5, "delta", "", "held"),
        (0, 0, "full", "", "refused"),
        (1, 1, "full", "records", "refused"),
        (0, 1, "full", "", "superseded"),
    ],
    ids=["a delta that waits for a gap", "a sequence that was used", "every record broken", "corrected since"],
)
def test_a_wish_counts_though_its_delivery_does_not(
    place: LittleNights, night: int, step: int, mode: str, fault: str, state: str
) -> None:
    first = place.feeds["health"].sequence
    if state == "superseded":
        asking(place, night, first + 1)
        place.load()
        place.feeds["health"].sequence += 1
        place.deliver(0, "health")
    else:
        asking(place, night, first + step, mode, fault=fault)
    place.deliver(1, "education")
    place.load()
    assert state in [each.state for each in Register(place.deployment.engine).known(AUTHORITY, "health")]
    assert hidden(place, 1) == {CHILD.family}
    place.deliver(2, "education")
    place.load()
    assert hidden(place, 2) == {CHILD.family}


@pytest.mark.in_full
def test_a_wish_outlives_what_is_kept(shielded: LittleNights, setting) -> None:  # type: ignore[no-untyped-def]
    setting("ISINDEX_KEEP_NIGHTS", 1)
    for night in (2, 3, 4):
        shielded.deliver(night)
        shielded.load()
    prune(shielded.deployment, AUTHORITY)
    kept = {path.parent.name for path in (shielded.home / "protection").rglob("*.parquet")}
    assert day_of(1).isoformat() not in kept
    assert hidden(shielded, 4) == {CHILD.family}


@pytest.mark.in_full
def test_what_was_kept_of_a_wish_and_is_altered_stops_the_night(place: LittleNights) -> None:
    mark(place)
    place.deliver(1)
    place.load()
    (path,) = (place.home / "protection").rglob("*.parquet")
    path.write_bytes(path.read_bytes() + b" ")
    assert place.load(asked=[1]) == {1: "failed"}
    assert place.last(1).code == "REQUESTS_DAMAGED"


@pytest.mark.in_full
def test_no_name_number_or_address_is_in_what_is_kept_of_a_wish(shielded: LittleNights) -> None:
    paths = [
        *(shielded.home / "protection").rglob("*.parquet"),
        *shielded.in_force(1).folder.glob("protection/*.parquet"),
    ]
    assert {"entries", "latched", "places"} < {path.stem for path in paths}  # and what the delivery asked for
    for path in paths:
        told = str(read_table(path).to_pylist()).casefold()
        for value in (CHILD.family, CHILD.given, CHILD.nhs, CHILD.upn, CHILD.street, CHILD.postcode):
            assert value.casefold() not in told


# --- what people decide -------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.both_databases
def test_two_people_open_a_child_from_the_next_night_on(shielded: LittleNights) -> None:
    shielded.deliver(2)
    shielded.load()
    made = protection_decisions.unshield(shielded.deployment, AUTHORITY, index_id(shielded, 2), **by("Ruth"))
    assert shielded.planned() == {}
    with pytest.raises(IsindexError, match="SECOND_PERSON_NEEDED"):
        protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by(" RUTH "))
    confirmed = protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("Omar"))
    assert shielded.planned() == {}
    shielded.deliver(3)
    shielded.deliver(4)
    assert shielded.load() == {3: "published", 4: "published"}
    assert [hidden(shielded, night) for night in (2, 3, 4)] == [{CHILD.family}, set(), set()]
    with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
        protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("Omar"))

    for settled in (made, confirmed):  # it has taken effect: to hide the child again is another decision
        with pytest.raises(IsindexError, match="DECISION_SETTLED"):
            decisions.take_back(shielded.deployment, AUTHORITY, settled.number, **by("Omar"))
    assert shielded.planned() == {}
    shielded.deliver(5)
    shielded.load()
    assert hidden(shielded, 5) == set()
    protection_decisions.shield(shielded.deployment, AUTHORITY, index_id(shielded, 5), **by("Omar"))
    assert shielded.load() == {5: "published"}
    assert hidden(shielded, 5) == {CHILD.family}


def test_nobody_confirms_the_opening_of_a_child_that_a_decision_shields(shielded: LittleNights) -> None:
    """The shield is of another record, which was joined with the child after the proposal."""
    deployment = shielded.deployment
    made = protection_decisions.unshield(deployment, AUTHORITY, index_id(shielded, 1), **by("Ruth"))
    with audit.writing(deployment) as connection:
        row = {"kind": "shield", "record_a": f"health:P{CHILD.nhs}", "from_night": day_of(1)}
        decisions.write_down(connection, AUTHORITY, row, "Omar", "seen the order", "2026-01-01T00:00:00+00:00")
    with pytest.raises(IsindexError, match=r"DECISION_CONTRADICTS.*shields this child"):
        protection_decisions.confirm(deployment, AUTHORITY, made.number, **by("Omar"))


@pytest.mark.in_full
def test_a_shield_that_is_taken_back_on_its_first_night_is_latched_all_the_same(place: LittleNights) -> None:
    made = protection_decisions.shield(place.deployment, AUTHORITY, index_id(place, 0), **by("Ruth"))
    assert place.load() == {0: "published"}
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Omar"))
    assert place.load() == {0: "published"}
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert [hidden(place, night) for night in (0, 1)] == [{CHILD.family}] * 2


@pytest.mark.in_full
def test_a_wish_that_is_told_after_two_people_have_confirmed_stands_whatever_its_business_date(
    shielded: LittleNights,
) -> None:
    made = protection_decisions.unshield(shielded.deployment, AUTHORITY, index_id(shielded, 1), **by("Ruth"))
    protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("Omar"))
    mark(shielded)
    shielded.deliver(1, "health")  # corrected, for the night in force
    assert shielded.load() == {1: "published"}
    mark(shielded, "")
    shielded.deliver(2)
    assert shielded.load() == {2: "published"}
    assert hidden(shielded, 2) == {CHILD.family}


@pytest.mark.in_full
def test_the_audit_says_when_a_proposal_was_confirmed_under_its_own_account(
    shielded: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account, noted in (("other", False), ("", True)):
        made = protection_decisions.unshield(shielded.deployment, AUTHORITY, index_id(shielded, 1), **by("Ruth"))
        with monkeypatch.context() as patched:
            if account:
                patched.setattr("pipelines.audit.chain.account", lambda: "other")
                patched.setattr("pipelines.nights.protection_decisions.account", lambda: "other")
            done = protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("Omar"))
        with shielded.deployment.engine.connect() as connection:
            subjects = connection.scalars(
                select(db.audit_entry.c.subject).where(db.audit_entry.c.action == "decide confirm")
            ).all()
        assert subjects[-1].endswith(protection_decisions.ONE_ACCOUNT) == noted
        decisions.take_back(shielded.deployment, AUTHORITY, done.number, **by("Omar"))


@pytest.mark.in_full
@pytest.mark.parametrize("tried", [False, True], ids=["before any load", "after a load that failed"])
def test_a_shield_that_no_night_was_built_with_is_opened_by_two_people_alone(place: LittleNights, tried: bool) -> None:
    made = protection_decisions.shield(place.deployment, AUTHORITY, index_id(place, 0), **by("Ruth"))
    if tried:
        assert place.load(before=broken_in("links")) == {0: "failed"}
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Omar"))
    assert hidden_at_once(place.deployment, AUTHORITY)
    assert place.load() == {0: "published"}
    assert not hidden_at_once(place.deployment, AUTHORITY)
    place.deliver(1)
    place.load()
    assert [hidden(place, night) for night in (0, 1)] == [{CHILD.family}] * 2
    opened = protection_decisions.unshield(place.deployment, AUTHORITY, index_id(place, 1), **by("Omar"))
    protection_decisions.confirm(place.deployment, AUTHORITY, opened.number, **by("Ruth"))
    place.deliver(2)
    place.load()
    assert hidden(place, 2) == set()


@pytest.mark.in_full
def test_that_two_are_not_the_same_opens_nobody_on_the_night_that_shields_them(shielded: LittleNights) -> None:
    own = index_id(shielded, 1)
    held = read_table(shielded.in_force(1).folder / "identities" / "identities.parquet").to_pylist()
    first, second = sorted(row["record_key"] for row in held if row["index_id"] == own)[:2]
    decisions.decide(shielded.deployment, AUTHORITY, "not_the_same", first, second, **by("Omar"))  # type: ignore[arg-type]
    assert shielded.load() == {}
    shielded.deliver(2)
    assert shielded.load() == {2: "published"}
    theirs = {row["index_id"] for row in _records_of(shielded, 2) if row["record_key"] in (first, second)}
    assert len(theirs) == 2
    seen = shielded.published(2).to_pylist()
    assert all(row["shielded"] or row["withheld"] for row in seen if row["index_id"] in theirs)


def _records_of(place: LittleNights, night: int) -> list[dict[str, Any]]:
    table = read_table(place.in_force(night).folder / "identities" / "identities.parquet")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


@pytest.mark.in_full
def test_a_confirmation_in_letters_that_look_alike_is_by_the_same_person(shielded: LittleNights) -> None:
    made = protection_decisions.unshield(shielded.deployment, AUTHORITY, index_id(shielded, 1), **by("Ruth"))
    with pytest.raises(IsindexError, match="SECOND_PERSON_NEEDED"):
        protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("R\u03c5th"))
    with pytest.raises(IsindexError, match="SECOND_PERSON_NEEDED"):
        protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("\uff32uth"))


@pytest.mark.in_full
def test_who_goes_on_asking_is_shielded_whatever_was_confirmed(shielded: LittleNights) -> None:
    mark(shielded)
    made = protection_decisions.unshield(shielded.deployment, AUTHORITY, index_id(shielded, 1), **by("Ruth"))
    protection_decisions.confirm(shielded.deployment, AUTHORITY, made.number, **by("Omar"))
    for night in (2, 3):
        shielded.deliver(night)
        shielded.load()
    mark(shielded, "")
    shielded.deliver(4)
    shielded.load()
    assert [hidden(shielded, night) for night in (2, 3, 4)] == [{CHILD.family}] * 3


@pytest.mark.in_full
@pytest.mark.both_databases
def test_a_decision_shields_at_once_and_undone_it_is_latched(place: LittleNights) -> None:
    made = protection_decisions.shield(place.deployment, AUTHORITY, index_id(place, 0), **by("Ruth"))
    assert place.load() == {0: "published"}
    assert hidden(place, 0) == {CHILD.family}
    with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
        protection_decisions.unshield(place.deployment, AUTHORITY, index_id(place, 0), **by("Ruth"))
    place.deliver(1)
    place.load()
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Ruth"))
    place.deliver(2)
    place.load()
    assert hidden(place, 2) == {CHILD.family}


@pytest.mark.in_full
def test_the_same_nights_give_the_same_protection_however_often_they_are_run(shielded: LittleNights) -> None:
    shielded.deliver(2)
    shielded.load()
    folders = [shielded.in_force(night).folder for night in (1, 2)]
    before = bytes_under(*folders)
    assert shielded.load(asked=[1, 2]) == {1: "published", 2: "published"}
    assert bytes_under(*folders) == before
