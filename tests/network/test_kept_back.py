"""Of a protected child nothing is told by any command of the network, also before the network has had a night; nor of the two sides of a firewall together."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from pipelines.errors import IsindexError
from pipelines.network import database as db
from pipelines.network.find import find_by_id, find_by_name, find_by_number
from pipelines.network.moves import answer, claim, moves_of, unclaimed
from pipelines.network.standing import review_list
from pipelines.nights.decisions import decide
from pipelines.nights.protection_decisions import confirm, shield, unshield
from tests.network.nation import HERE, THERE, Nation, others
from tests.nights.little_authority import Child, children, day_of

pytestmark = [pytest.mark.one_database, pytest.mark.in_full]
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def shielded(nation: Nation, authority: str, child: Child) -> None:
    shield(nation.deployment, authority, f"health:P{child.nhs}", actor="Ruth", reason="at risk", at=NOW)


def moved(nation: Nation, child: Child) -> None:
    """HERE knew it first; it is known THERE alone now."""
    nation.hold(THERE, child)
    nation.night(0)
    nation.lose(HERE, child)
    nation.night(1)


@pytest.mark.parametrize("loaded", ["before any load", "loaded, and no night of the network since"])
def test_the_move_of_a_child_who_is_protected_since(tmp_path: Path, loaded: str) -> None:
    nation = Nation(tmp_path)
    child, open_one = children()[:2]
    nation.hold(THERE, open_one)
    nation.hold(THERE, child)
    nation.night(0)
    for each in (child, open_one):
        nation.lose(HERE, each)
    nation.night(1)
    assert len(moves_of(nation.network).moves) == 2
    there = f"{THERE}:{nation.index_id(THERE, child)}"
    (mine,) = (each for each in moves_of(nation.network).moves if each.index_id == there[4:])
    shielded(nation, THERE, child)
    if loaded != "before any load":
        nation.load()
    for listed in (moves_of(nation.network), unclaimed(nation.network)):
        assert [each.index_id for each in listed.moves] == [nation.index_id(THERE, open_one)] and listed.kept_back == 1
    with pytest.raises(IsindexError) as unknown:
        answer(nation.network, mine.move, "accepted", authority=THERE, reason="here")
    assert unknown.value.code == "MOVE_UNKNOWN"
    with pytest.raises(IsindexError) as protected:
        claim(nation.network, there, reason="here")
    assert protected.value.code == "CHILD_PROTECTED"


def test_the_move_of_a_child_whom_a_message_hid_and_two_people_opened_elsewhere(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    child = children()[0]
    nation.hold(THERE, child)
    nation.asks(HERE, child)
    nation.night(0)
    claim_allowed = unshield(nation.deployment, HERE, nation.index_id(HERE, child), actor="Ruth", reason="over", at=NOW)
    confirm(nation.deployment, HERE, claim_allowed.number, actor="Omar", reason="over", at=NOW)
    nation.asks(HERE, child, "")
    nation.night(1)
    assert not nation.is_hidden(HERE, child) and nation.is_hidden(THERE, child)
    nation.lose(HERE, child)
    nation.night(2)
    assert moves_of(nation.network).moves == () and moves_of(nation.network).kept_back == 1
    assert unclaimed(nation.network).moves == () and unclaimed(nation.network).kept_back == 1


def test_who_may_be_a_child_who_is_protected_since(tmp_path: Path) -> None:
    """A record with a letter otherwise and other numbers is withheld for her sake, and the network has had no night since."""
    nation = Nation(tmp_path)
    child = children()[0]
    double = replace(child, number=30, given=f"{child.given[:-1]}y")
    nation.hold(HERE, double, "health")
    nation.night(0)
    assert all(each.known for each in find_by_number(nation.network, double.nhs, why="x"))
    shielded(nation, HERE, child)
    nation.load()
    assert sorted((row["shielded"], row["withheld"]) for row in nation.children(HERE) if row["family_name"] == child.family) == [
        (False, True), (True, False),
    ]  # fmt: skip
    assert not any(each.known for each in find_by_number(nation.network, double.nhs, why="x"))


def test_pairs_of_the_review_list(tmp_path: Path, setting: Callable[[str, str], None]) -> None:
    nation = Nation(tmp_path)
    one, two = children()[:2]
    nation.night(0)
    pairs = [(nation.index_id(HERE, each), nation.index_id(THERE, other)) for each, other in zip((one, two), others(), strict=False)]  # fmt: skip
    with nation.network.engine.begin() as connection:
        rows = [{"row_key_a": f"{HERE}:{a}", "row_key_b": f"{THERE}:{b}", "weight": 4.0, "first_seen": day_of(0)} for a, b in pairs]  # fmt: skip
        connection.execute(insert(db.review), rows)
    assert len(review_list(nation.network, 50).pairs) == 2
    shielded(nation, HERE, one)
    for then in (lambda: None, nation.load):
        then()
        found = review_list(nation.network, 50)
        assert [pairs[1][0] in repr(each) for each in found.pairs] == [True] and found.kept_back == 1
    setting("ISINDEX_MAY_SEE_PROTECTED", getpass.getuser())
    assert len(review_list(nation.network, 50).pairs) == 2


@pytest.mark.parametrize("run", ["the network has had a night since", "it has not"])
def test_the_two_sides_of_a_firewall_are_not_found_by_one_look(tmp_path: Path, run: str) -> None:
    nation = Nation(tmp_path)
    child, stranger = children()[:2]
    nation.night(0)
    (found,) = find_by_number(nation.network, child.nhs, why="x")
    assert not found.kept_back
    decide(
        nation.deployment, HERE, "firewall", f"health:P{child.nhs}", f"social_care:S{child.number:04}",
        actor="Ruth", reason="adopted", at=NOW,
    )  # fmt: skip
    nation.load()
    if run != "it has not":
        nation.run(0)
    looks = [
        find_by_number(nation.network, child.nhs, why="x"),
        find_by_number(nation.network, child.upn, why="x"),
        find_by_name(nation.network, child.family, child.given, child.born, why="x"),
    ]
    sides = [each for look in looks for each in look]
    assert sides and not any(each.known for look in looks if len(look) > 1 for each in look)
    if run != "it has not":
        assert any(len(look) > 1 for look in looks) and all(each.kept_back for look in looks if len(look) > 1 for each in look)  # fmt: skip
        ids = [row["index_id"] for row in nation.children(HERE) if row["family_name"] == child.family]
        assert len(ids) > 1
        for each in ids:
            (alone,) = find_by_id(nation.network, str(each), authority=HERE, why="x")
            assert [known.index_id for known in alone.known] == [each]  # who has an id is told of that child alone
    (other,) = find_by_number(nation.network, stranger.nhs, why="x")
    assert other.known
