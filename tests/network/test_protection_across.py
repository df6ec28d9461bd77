"""A child whom one authority protects is hidden in every other that may know it, by a message that names no person; and no longer than people want."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.network import gates, night
from pipelines.network.find import find_by_id, find_by_name, find_by_number
from pipelines.nights.lock import alone
from pipelines.nights.protection_decisions import confirm, shield, unshield
from pipelines.tables import read_table
from tests.network.nation import HERE, THERE, Nation, others
from tests.nights.little_authority import children

pytestmark = pytest.mark.one_database

CHILD = children()[1]
MOVED = replace(CHILD, street="9 Faraway Street")
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def nation(tmp_path: Path) -> Nation:
    """One child is known in both authorities, by health and education there."""
    made = Nation(tmp_path)
    made.hold(THERE, MOVED, "health", "education")
    return made


def _killed(whole: Callable[..., pa.Table]) -> Callable[..., pa.Table]:
    """Fails at the third call in a night: when what was handed over is to be noted."""
    calls = []

    def called(messages: list[pa.Table]) -> pa.Table:
        calls.append(messages)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(messages)

    return called


def opened(nation: Nation, authority: str, index_id: str) -> None:
    """Two people open a child."""
    made = unshield(nation.deployment, authority, index_id, actor="Ruth", reason="over", at=NOW)
    confirm(nation.deployment, authority, made.number, actor="Omar", reason="over", at=NOW)


def test_who_is_shielded_here_is_hidden_there_at_once_and_in_every_version(nation: Nation) -> None:
    nation.night(0)
    there = nation.index_id(THERE, CHILD)
    assert nation.homes(THERE, there)
    nation.asks(HERE, CHILD)
    found = nation.night(1)
    assert found.state == "published" and found.figures["messages"] == 1 and found.waits == {}
    assert nation.is_hidden(HERE, CHILD) and nation.is_hidden(THERE, CHILD)
    assert nation.homes(THERE, there) == set()
    told = read_table(nation.network.in_force()[2] / "told.parquet").to_pylist()  # type: ignore[index]
    assert [(each["authority"], each["index_id"]) for each in told] == [(THERE, there)]
    for known in (find_by_number(nation.network, CHILD.nhs, why="x"), find_by_id(nation.network, there, why="x"),
                  find_by_name(nation.network, CHILD.family, CHILD.given, CHILD.born, why="x")):  # fmt: skip
        (one,) = known
        assert one.kept_back and not one.known and not one.national_id
    assert nation.run(1).state in ("published", "unchanged")
    assert nation.night(2).figures["messages"] == 0
    assert nation.is_hidden(THERE, CHILD) and nation.homes(THERE, there) == set()


@pytest.mark.in_full
def test_one_who_is_shielded_by_a_decision_is_not_found_before_the_network_has_run(nation: Nation) -> None:
    nation.night(0)
    here = nation.index_id(HERE, CHILD)
    assert not find_by_id(nation.network, here, why="x")[0].kept_back
    shield(nation.deployment, HERE, here, actor="Ruth", reason="an order", at=NOW)
    assert find_by_id(nation.network, here, why="x")[0].kept_back
    nation.load()
    assert nation.run(0).figures["messages"] == 1
    assert nation.is_hidden(THERE, CHILD)


@pytest.mark.in_full
@pytest.mark.parametrize("alike", ["one number, and nothing else", "names a letter otherwise and the birth date"])
def test_who_may_be_a_protected_child_and_is_not_joined_with_it_is_hidden_there(tmp_path: Path, alike: str) -> None:
    nation, other = Nation(tmp_path), others()[2]
    stranger = replace(other, number=77, given="Ottoline", street="77 Nowhere Lane", born=other.born.replace(year=2012))
    nation.hold(THERE, stranger, "health")
    row = nation.feeds[THERE]["health"].rows[f"P{stranger.nhs}"]
    row["family_name"] = "Thistlewick"
    if alike.startswith("one number"):
        row["nhs_number"] = CHILD.nhs
    else:
        row |= {
            "family_name": CHILD.family,
            "given_name": f"{CHILD.given[:-1]}x",
            "birth_date": CHILD.born.isoformat(),
            "nhs_number": "",
        }
    nation.night(0)
    nation.asks(HERE, CHILD)
    assert nation.night(1).figures["messages"] == 1
    hidden = [row for row in nation.children(THERE) if row["shielded"] or row["withheld"]]
    assert [row["family_name"] for row in hidden] == [row["family_name"]] and len(hidden) == 1


@pytest.mark.in_full
@pytest.mark.parametrize("ended", ["held by a gate", "killed before it noted what it told"])
def test_whom_a_message_hid_of_a_night_that_was_not_published_hides_nobody_in_turn(
    nation: Nation, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    nation.night(0)
    there = nation.index_id(THERE, CHILD)
    nation.asks(HERE, CHILD)
    nation.deliver(1)
    nation.load()
    with monkeypatch.context() as patch:
        if ended == "held by a gate":
            patch.setitem(gates.GATES, "pointers_follow", (gates.GATES["pointers_follow"][0], "SELECT 3"))  # type: ignore[arg-type]
            assert nation.run(1).state == "held"
        else:
            patch.setattr("pipelines.network.night._in_order", _killed(night._in_order))
            with pytest.raises(KeyboardInterrupt):
                nation.run(1)
    assert nation.is_hidden(THERE, CHILD)
    nation.run(1)
    nation.asks(HERE, CHILD, "")
    nation.deliver(2)
    nation.load()
    for authority in (HERE, THERE):
        opened(nation, authority, nation.index_id(authority, CHILD) if authority == HERE else there)
    nation.load()
    nation.run(2)
    assert nation.night(3).figures["messages"] == 0
    assert not nation.is_hidden(HERE, CHILD) and not nation.is_hidden(THERE, CHILD)


@pytest.mark.in_full
@pytest.mark.parametrize("anew", ["the number", "the names and birth date", "the number, under another name"])
def test_a_protected_child_who_is_gone_from_here_is_hidden_when_it_comes_there(tmp_path: Path, anew: str) -> None:
    nation = Nation(tmp_path)
    nation.asks(HERE, CHILD)
    nation.night(0)
    nation.lose(HERE, CHILD)
    nation.night(1)
    fled = replace(MOVED, family="Thistlewick") if "another name" in anew else MOVED
    nation.hold(THERE, fled, "health" if "number" in anew else "police")
    assert nation.night(2).figures["messages"] == 1
    (row,) = (each for each in nation.children(THERE) if each["family_name"] == fled.family)
    assert row["shielded"] or row["withheld"]
    assert nation.homes(THERE, str(row["index_id"])) == set()


@pytest.mark.in_full
def test_whom_two_people_open_here_stays_open_here_and_is_hidden_there_until_two_people_open_it(nation: Nation) -> None:
    nation.night(0)
    here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
    nation.asks(HERE, CHILD)
    nation.night(1)
    nation.asks(HERE, CHILD, "")
    nation.night(2)
    opened(nation, HERE, here)
    for number in (3, 4):
        assert nation.night(number).figures["messages"] == 0
        assert not nation.is_hidden(HERE, CHILD) and nation.is_hidden(THERE, CHILD)
    opened(nation, THERE, there)
    for number in (5, 6):
        assert nation.night(number).figures["messages"] == 0
        assert not nation.is_hidden(HERE, CHILD) and not nation.is_hidden(THERE, CHILD)
    assert nation.homes(THERE, there)
    (found,) = find_by_number(nation.network, CHILD.nhs, why="x")
    assert len(found.known) == 2


@pytest.mark.in_full
def test_an_authority_that_is_busy_has_its_message_with_the_next_run(nation: Nation) -> None:
    nation.night(0)
    nation.asks(HERE, CHILD)
    held, done = threading.Event(), threading.Event()

    def busy() -> None:
        with alone(nation.deployment, THERE):
            held.set()
            done.wait(60)

    nation.deliver(1, HERE)
    nation.load()
    thread = threading.Thread(target=busy)
    thread.start()
    held.wait(60)
    found = nation.run(1)
    done.set()
    thread.join()
    assert found.state == "published" and found.waits == {THERE: "NIGHT_RUNNING"} and not nation.is_hidden(THERE, CHILD)
    after = nation.run(1)
    assert after.waits == {} and nation.is_hidden(THERE, CHILD)
