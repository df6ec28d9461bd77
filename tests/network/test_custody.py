"""Custody: one custodian for each child, moves that evidence proposes and people answer, and nothing that happens by itself."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.audit import entries
from pipelines.errors import IsindexError
from pipelines.network.find import find_by_id
from pipelines.network.moves import Move, answer, claim, moves_of, unclaimed, withdraw
from pipelines.tables import read_table
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children, day_of

pytestmark = pytest.mark.one_database

CHILD, LEAVER = children()[1], children()[2]
MOVED = replace(CHILD, street="9 Faraway Street")


@pytest.fixture
def nation(tmp_path: Path) -> Nation:
    return Nation(tmp_path)


def custodian(nation: Nation, authority: str, index_id: str) -> str:
    (found,) = find_by_id(nation.network, index_id, authority=authority, why="a test")
    return found.custodian


def waiting(nation: Nation, authority: str | None = None) -> Move:
    (found,) = moves_of(nation.network, authority).moves
    return found


def moves_away(nation: Nation) -> tuple[str, str]:
    """A child of HERE is known THERE in the second night and HERE no more in the third; its index ids."""
    nation.night(0)
    here = nation.index_id(HERE, CHILD)
    nation.hold(THERE, MOVED)
    nation.night(1)
    there = nation.index_id(THERE, CHILD)
    assert not moves_of(nation.network).moves
    nation.lose(HERE, CHILD)
    nation.night(2)
    return here, there


def test_whoever_knew_a_child_first_has_custody_until_another_accepts_it(nation: Nation) -> None:
    here, there = moves_away(nation)
    assert custodian(nation, THERE, there) == HERE
    move = waiting(nation)
    assert (move.custodian, move.receiver, move.index_id, move.evidence) == (HERE, THERE, there, "gone")
    assert (move.proposed, move.answers, move.state) == (day_of(2), THERE, "proposed")
    assert [each.move for each in unclaimed(nation.network).moves] == [move.move]
    assert not unclaimed(nation.network, "333").moves

    with pytest.raises(IsindexError, match="MOVE_OF_ANOTHER"):
        answer(nation.network, move.move, "accepted", authority=HERE, reason="a slip")
    answer(nation.network, move.move, "accepted", authority=THERE, reason="enrolled here")
    with pytest.raises(IsindexError, match="MOVE_ANSWERED"):
        answer(nation.network, move.move, "refused", authority=THERE, reason="another thought")
    assert custodian(nation, THERE, there) == HERE and waiting(nation).answered == "accepted"
    assert nation.run(2).state == "published" and nation.run(2).state == "unchanged"
    assert custodian(nation, THERE, there) == THERE
    assert not moves_of(nation.network).moves and not unclaimed(nation.network).moves
    (over,) = moves_of(nation.network, every=True).moves
    assert (over.state, over.ended) == ("accepted", day_of(2))
    told = [each for each in entries(nation.deployment) if each.action.startswith("network move")]
    assert [(each.action, each.authority, each.why) for each in told] == [
        ("network move accepted", THERE, "enrolled here")
    ]

    nation.hold(HERE, CHILD)  # whoever had custody before does not have it back by knowing the child again
    nation.night(3)
    assert custodian(nation, HERE, here) == THERE and not moves_of(nation.network).moves


@pytest.mark.in_full
def test_a_refused_move_is_not_proposed_again_and_its_child_stays_unclaimed(nation: Nation) -> None:
    _, there = moves_away(nation)
    first = waiting(nation).move
    answer(nation.network, first, "refused", authority=THERE, reason="on a visit")
    nation.night(3)
    nation.night(4)
    assert not moves_of(nation.network).moves
    assert [(each.move, each.state) for each in unclaimed(nation.network).moves] == [(first, "refused")]
    assert custodian(nation, THERE, there) == HERE
    nation.lose(THERE, CHILD)
    nation.night(5)
    assert not unclaimed(nation.network).moves
    nation.hold(THERE, MOVED)  # it has come to know the child anew
    nation.night(6)
    assert waiting(nation).move != first and waiting(nation).proposed == day_of(6)


@pytest.mark.in_full
def test_a_move_lapses_when_the_custodian_knows_the_child_again(nation: Nation) -> None:
    here, _ = moves_away(nation)
    first = waiting(nation).move
    nation.hold(HERE, CHILD)
    nation.night(3)
    assert not moves_of(nation.network).moves and not unclaimed(nation.network).moves
    (over,) = moves_of(nation.network, every=True).moves
    assert (over.move, over.state, over.ended) == (first, "lapsed", day_of(3))
    assert custodian(nation, HERE, here) == HERE


@pytest.mark.in_full
@pytest.mark.parametrize("verdict", ["accepted", "refused"])
def test_a_claim_is_answered_by_the_custodian_and_both_indexes_stay_as_they_are(nation: Nation, verdict: str) -> None:
    nation.night(0)
    nation.hold(THERE, MOVED)
    nation.night(1)
    here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
    local = {place: nation.children(place) for place in (HERE, THERE)}
    number = claim(nation.network, f"{THERE}:{there}", reason="lives here")
    with pytest.raises(IsindexError, match="stands already"):
        claim(nation.network, f"{THERE}:{there}", reason="lives here")
    with pytest.raises(IsindexError, match="CLAIM_NEEDLESS"):
        claim(nation.network, f"{HERE}:{here}", reason="lives here")
    nation.run(1)
    move = waiting(nation, HERE)
    assert (move.evidence, move.answers, move.receiver) == ("claimed", HERE, THERE)
    with pytest.raises(IsindexError, match="MOVE_OF_ANOTHER"):
        answer(nation.network, move.move, "accepted", authority=THERE, reason="ours")
    answer(nation.network, move.move, verdict, authority=HERE, reason="agreed on the telephone")
    nation.run(1)
    assert custodian(nation, HERE, here) == (THERE if verdict == "accepted" else HERE)
    nation.run(1)
    assert not moves_of(nation.network).moves  # a claim makes one move
    assert {place: nation.children(place) for place in (HERE, THERE)} == local
    if verdict == "accepted":  # back by a claim of the other one
        claim(nation.network, f"{HERE}:{here}", reason="moved back")
        nation.run(1)
        answer(nation.network, waiting(nation).move, "accepted", authority=THERE, reason="yes")
        nation.run(1)
        assert custodian(nation, HERE, here) == HERE and not moves_of(nation.network).moves
    else:
        assert claim(nation.network, f"{THERE}:{there}", reason="a new address") == number + 1
        nation.run(1)
        assert waiting(nation).move != move.move
        withdraw(nation.network, number + 1, reason="moved back")
        nation.run(1)
        assert not moves_of(nation.network).moves


@pytest.mark.in_full
def test_an_accepted_move_lapses_when_the_receiver_knows_the_child_no_more(nation: Nation) -> None:
    moves_away(nation)
    answer(nation.network, waiting(nation).move, "accepted", authority=THERE, reason="enrolled")
    nation.lose(THERE, CHILD)
    nation.night(3)
    (over,) = moves_of(nation.network, every=True).moves
    assert over.state == "lapsed"


@pytest.mark.in_full
def test_of_a_protected_child_a_move_is_told_by_number_alone(
    nation: Nation, setting: Callable[[str, str], None]
) -> None:
    nation.asks(HERE, CHILD)
    _, there = moves_away(nation)
    assert moves_of(nation.network).moves == () and moves_of(nation.network).kept_back == 1
    assert unclaimed(nation.network).moves == () and unclaimed(nation.network).kept_back == 1
    in_force = nation.network.in_force()
    assert in_force is not None
    (name,) = read_table(nation.network.version(in_force[0]) / "moves.parquet")["move"].to_pylist()
    with pytest.raises(IsindexError, match="MOVE_UNKNOWN"):
        answer(nation.network, name, "accepted", authority=THERE, reason="guessed")
    setting("ISINDEX_MAY_SEE_PROTECTED", getpass.getuser())
    assert waiting(nation).index_id == there
    answer(nation.network, name, "accepted", authority=THERE, reason="enrolled")
    nation.run(2)
    assert custodian(nation, THERE, there) == THERE


@pytest.mark.in_full
def test_two_who_know_a_child_from_the_first_night_on(nation: Nation) -> None:
    """Of them the one has custody of which more agencies know it, else the one with the lower code."""
    nation.feeds[HERE]["social_care"].drop(
        next(key for key, row in nation.feeds[HERE]["social_care"].rows.items() if CHILD.family in repr(row))
    )
    nation.hold(THERE, MOVED)
    nation.hold(THERE, replace(LEAVER, street="8 Faraway Street"))
    nation.night(0)
    assert custodian(nation, THERE, nation.index_id(THERE, CHILD)) == THERE
    assert custodian(nation, THERE, nation.index_id(THERE, LEAVER)) == HERE
