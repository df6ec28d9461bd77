"""Two people cannot put in force what contradicts the other's decision, or repeats it, were they to decide at one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from pipelines.audit import writing
from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.nights import protection_decisions
from pipelines.nights.decisions import Decision, decide, take_back, write_down
from pipelines.tables import read_table
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

NOW = datetime(2026, 11, 19, 8, tzinfo=UTC)
PAIRS = ("same", "not_the_same", "firewall")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """One published night."""
    made = LittleNights(tmp_path_factory.mktemp("matters"), database)
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


@pytest.fixture(autouse=True)
def nothing_is_decided(place: LittleNights) -> None:
    with place.deployment.engine.begin() as connection:
        connection.execute(db.decision.delete())


@pytest.fixture
def two(place: LittleNights) -> tuple[str, str]:
    """The keys of two records."""
    keys = read_table(place.in_force(0).folder / "identities" / "identities.parquet")["record_key"].to_pylist()
    return keys[0], keys[-1]


def by(actor: str) -> dict[str, Any]:
    return {"actor": actor, "reason": "seen", "at": NOW}


def standing(place: LittleNights) -> list[str]:
    with place.deployment.engine.connect() as connection:
        return list(connection.scalars(select(db.decision.c.kind).where(db.decision.c.undone_at.is_(None))))


@pytest.mark.others_in_full
@pytest.mark.parametrize("second", PAIRS)
@pytest.mark.parametrize("first", PAIRS)
def test_one_decision_stands_on_a_pair_in_whichever_order_it_is_told(
    place: LittleNights, two: tuple[str, str], first: str, second: str
) -> None:
    made = decide(place.deployment, AUTHORITY, first, *two, **by("Ruth"))
    with pytest.raises(IsindexError, match=f"Decision {made.number} ") as refused:
        decide(place.deployment, AUTHORITY, second, *reversed(two), **by("Omar"))
    assert refused.value.code == "DECISION_CONTRADICTS"
    assert standing(place) == [first]
    taken = take_back(place.deployment, AUTHORITY, made.number, **by("Omar"))
    if first == "firewall":  # it stands until another person agrees
        assert sorted(standing(place)) == ["firewall", "unwall"]
        protection_decisions.confirm(place.deployment, AUTHORITY, taken.number, **by("Ruth"))
    decide(place.deployment, AUTHORITY, second, *two, **by("Omar"))
    assert [kind for kind in standing(place) if kind in PAIRS] == [second]


def at_one_moment(
    place: LittleNights, first: dict[str, object], second: Callable[[], Decision], *, waits: bool = True
) -> IsindexError | None:
    """One person's decision is written and not yet committed while another decides; what the other is told."""
    refused: list[IsindexError] = []

    def other() -> None:
        try:
            second()
        except IsindexError as fault:
            refused.append(fault)

    thread = threading.Thread(target=other)
    with writing(place.deployment) as connection:
        write_down(connection, AUTHORITY, first, "Ruth", "seen", NOW.isoformat())
        thread.start()
        thread.join(0.7)
        assert thread.is_alive() or not waits  # it waits for the first, of which it can see nothing yet
    thread.join()
    return refused[0] if refused else None


@pytest.mark.parametrize("second", PAIRS)
def test_of_two_people_who_decide_of_a_pair_at_one_moment_one_is_refused(
    place: LittleNights, two: tuple[str, str], second: str
) -> None:
    first = {"kind": "firewall", "record_a": two[1], "record_b": two[0]}
    refused = at_one_moment(place, first, lambda: decide(place.deployment, AUTHORITY, second, *two, **by("Omar")))
    assert refused is not None and refused.code == "DECISION_CONTRADICTS"
    assert "(firewall)" in refused.message
    assert standing(place) == ["firewall"]


@pytest.mark.others_in_full
@pytest.mark.parametrize(("first", "second"), [("shield", "shield"), ("shield", "unshield"), ("unshield", "unshield")])
def test_of_two_people_who_decide_of_a_childs_protection_at_one_moment_one_is_refused(
    place: LittleNights, two: tuple[str, str], first: str, second: str
) -> None:
    decided = getattr(protection_decisions, second)
    hidden = protection_decisions.shield(place.deployment, AUTHORITY, two[0], **by("Noor"))
    take_back(place.deployment, AUTHORITY, hidden.number, **by("Noor"))  # only a hidden child can be opened
    row = {"kind": first, "record_a": two[0]}
    refused = at_one_moment(place, row, lambda: decided(place.deployment, AUTHORITY, two[0], **by("Omar")))
    assert refused is not None and refused.code == "DECISION_CONTRADICTS"
    assert standing(place) == [first]


def test_a_decision_on_another_pair_is_refused_by_nobody(place: LittleNights, two: tuple[str, str]) -> None:
    first = {"kind": "firewall", "record_a": two[0], "record_b": "health:another"}
    other = at_one_moment(
        place, first, lambda: decide(place.deployment, AUTHORITY, "same", *two, **by("Omar")), waits=False
    )
    assert other is None
    assert sorted(standing(place)) == ["firewall", "same"]


@pytest.mark.in_full
def test_a_shield_overrules_a_proposal_to_open_the_child_and_one_confirmed_that_does_not_count_yet(
    place: LittleNights, two: tuple[str, str]
) -> None:
    deployment, who = place.deployment, two[0]
    first = protection_decisions.shield(deployment, AUTHORITY, who, **by("Omar"))
    take_back(deployment, AUTHORITY, first.number, **by("Omar"))  # only a hidden child can be opened
    protection_decisions.unshield(deployment, AUTHORITY, who, **by("Ruth"))
    shielded = protection_decisions.shield(deployment, AUTHORITY, who, **by("Omar"))
    assert standing(place) == ["shield"]
    take_back(deployment, AUTHORITY, shielded.number, **by("Omar"))
    proposed = protection_decisions.unshield(deployment, AUTHORITY, who, **by("Ruth"))
    protection_decisions.confirm(deployment, AUTHORITY, proposed.number, **by("Omar"))
    with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
        protection_decisions.confirm(deployment, AUTHORITY, proposed.number, **by("Noor"))
    protection_decisions.shield(deployment, AUTHORITY, who, **by("Noor"))
    assert "confirm" not in standing(place) and "shield" in standing(place)


def test_the_database_itself_refuses_a_second_decision_on_a_matter(place: LittleNights, two: tuple[str, str]) -> None:
    decide(place.deployment, AUTHORITY, "same", *two, **by("Ruth"))
    with place.deployment.engine.connect() as connection:
        row = dict(connection.execute(select(db.decision)).mappings().one())
    del row["decision_id"]
    with pytest.raises(Exception, match=r"(?i)unique"), place.deployment.engine.begin() as connection:
        connection.execute(insert(db.decision).values(row | {"kind": "not_the_same"}))
