"""Authorities are reorganised: two become one, one becomes two; ids, protection and custody go over, and no child is shown or counted twice for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.audit import entries
from pipelines.errors import IsindexError
from pipelines.network.find import find_by_id
from pipelines.network.moves import moves_of, unclaimed
from pipelines.nights.attempts import last_attempts
from pipelines.nights.reorganise import plan_reorganisation, record_reorganisation
from pipelines.nights.reorganised import reorganisations
from pipelines.nights.run import run_all
from pipelines.publishing.readers import read_child
from tests.attacks.town import big_moves
from tests.network.county import BCP, BOURNEMOUTH, NORTH, NORTHAMPTONSHIRE, POOLE, WEST, County
from tests.network.nation import others
from tests.nights.little_authority import children

pytestmark = pytest.mark.one_database

HIDDEN, CHILD, BOTH, LOST = children()[0], children()[1], children()[2], children()[7]
"""Shielded in the old authority; open; known in Poole, too; known to nobody after it."""


@pytest.fixture(scope="module")
def eve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bournemouth and Poole after their last night."""
    with big_moves():
        folder = tmp_path_factory.mktemp("eve")
        county = County.bournemouth_and_poole(folder)
        county.hold(POOLE, BOTH)
        county.asks(BOURNEMOUTH, HIDDEN)
        assert county.night(2).state == "published"
        yield folder


@pytest.fixture
def county(eve: Path, tmp_path: Path) -> County:
    """The same, a copy; the successor is sent all under the same keys."""
    found = County.bournemouth_and_poole(tmp_path / "made")
    shutil.copytree(eve / "home", tmp_path / "home", symlinks=True)
    shutil.copytree(eve / "landing", tmp_path / "landing")
    return found.moved_to(tmp_path, hold={POOLE: [BOTH]}, asks={BOURNEMOUTH: [HIDDEN]})


def test_two_become_one(county: County) -> None:
    were = {child.family: county.index_id(BOURNEMOUTH, child) for child in children()}
    nation = {family: county.national_id(BOURNEMOUTH, index_id) for family, index_id in were.items()}
    poole = {child.family: county.index_id(POOLE, child) for child in (*others(), BOTH)}
    county.record()
    county.go_over(but=[LOST])
    county.rename_keys(BCP, CHILD, 77)
    night = county.night(3)
    assert (night.state, night.stale) == ("published", {})
    stay = [child for child in children() if child not in (BOTH, LOST)]
    assert [county.index_id(BCP, child) for child in stay] == [were[child.family] for child in stay]
    assert [county.index_id(BCP, child) for child in others()] == [poole[child.family] for child in others()]
    one = county.index_id(BCP, BOTH)
    assert one in (were[BOTH.family], poole[BOTH.family])
    assert [county.national_id(BCP, county.index_id(BCP, child)) for child in (*stay, BOTH)] == [
        nation[child.family] for child in (*stay, BOTH)
    ]
    assert {each for known in county.pointers().values() for each, _ in known} == {BCP}
    for index_id in (were[BOTH.family], poole[BOTH.family]):
        assert [(each.authority, each.index_id) for each in read_child(county.deployment, index_id, why="a test")] == [
            (BCP, one)
        ]
        (found,) = find_by_id(county.network, index_id, why="a test")
        assert (found.known[0].authority, found.known[0].index_id, found.custodian) == (BCP, one, BCP)
        assert all(each.to == county.day(3) for each in found.known[1:])
    assert not moves_of(county.network, every=True).moves
    (lost,) = unclaimed(county.network).moves
    assert (lost.national_id, lost.custodian, lost.index_id, lost.state) == (
        nation[LOST.family],
        BOURNEMOUTH,
        were[LOST.family],
        "unclaimed",
    )
    assert [each.authority for each in read_child(county.deployment, were[LOST.family], why="a test")] == [BOURNEMOUTH]
    assert county.run(3).state == "unchanged"

    county.hold(BCP, LOST, "health")  # who comes later has its ids back
    county.night(4)
    assert county.index_id(BCP, LOST) == were[LOST.family]
    assert county.national_id(BCP, were[LOST.family]) == nation[LOST.family] and not unclaimed(county.network).moves
    assert county.index_id(BCP, CHILD) == were[CHILD.family]


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("same key", marks=pytest.mark.in_full),
        "other keys",
        pytest.param("by another agency alone", marks=pytest.mark.in_full),
    ],
)
def test_whoever_was_hidden_is_hidden_in_the_successor_without_a_mark(county: County, way: str) -> None:
    county.record()
    county.go_over()
    county.asks(BCP, HIDDEN, "")
    if way == "other keys":
        county.rename_keys(BCP, HIDDEN, 78)
    elif way == "by another agency alone":
        county.lose(BCP, HIDDEN)
        county.hold(BCP, HIDDEN, "education")
    county.night(3)
    assert county.is_hidden(BCP, HIDDEN)
    assert not county.homes(BCP, county.index_id(BCP, HIDDEN)) - {None}
    county.night(4)
    assert county.is_hidden(BCP, HIDDEN)


def test_nothing_of_a_successor_is_published_before_it_is_recorded(county: County) -> None:
    county.go_over()
    county.deliver(3)
    (ran,) = run_all(county.deployment, started_by="a test")
    assert ran.state == "failed"
    assert last_attempts(county.deployment.engine, BCP)[county.day(3)].code == "REORGANISATION_MISSING"
    county.record()
    county.load()
    assert county.is_hidden(BCP, HIDDEN)


@pytest.mark.in_full
def test_nothing_is_published_while_what_was_inherited_cannot_be_read(county: County) -> None:
    county.record()
    (register,) = (county.home / "founded" / BCP).glob("*/protection/latched.parquet")
    kept = register.read_bytes()
    register.write_bytes(kept[:-1] + b"!")
    county.go_over()
    county.deliver(3)
    (ran,) = run_all(county.deployment, started_by="a test")
    assert (ran.state, last_attempts(county.deployment.engine, BCP)[county.day(3)].code) == (
        "failed",
        "FOUNDING_DAMAGED",
    )
    register.write_bytes(kept)
    county.load()
    assert county.is_hidden(BCP, HIDDEN)


@pytest.mark.in_full
def test_what_is_asked_of_the_old_authority_afterwards_hides_in_the_new_one(county: County) -> None:
    county.record()
    county.go_over()
    county.night(3)
    assert not county.is_hidden(BCP, CHILD)
    county.asks(BOURNEMOUTH, CHILD)
    county.deliver(2, BOURNEMOUTH)
    ran = run_all(county.deployment, started_by="a test")
    assert {(each.planned.authority, each.state) for each in ran} == {(BOURNEMOUTH, "failed"), (BCP, "published")}
    assert last_attempts(county.deployment.engine, BOURNEMOUTH)[county.day(2)].code == "AUTHORITY_TAKEN_OVER"
    assert county.is_hidden(BCP, CHILD) and county.is_hidden(BOURNEMOUTH, CHILD)


@pytest.mark.in_full
def test_whom_the_new_authority_hides_is_hidden_in_what_the_old_one_published(county: County) -> None:
    before = county.index_id(BOURNEMOUTH, CHILD)
    assert county.homes(BOURNEMOUTH, before)
    county.record()
    county.go_over()
    county.asks(BCP, CHILD)
    county.night(3)
    assert county.is_hidden(BOURNEMOUTH, CHILD) and not county.homes(BOURNEMOUTH, before)


def test_it_is_recorded_once_by_the_table_and_in_the_audit(county: County) -> None:
    plan = plan_reorganisation(county.deployment, closed=county.last)
    assert [(each.predecessor, each.successor, each.children, each.hidden, each.wishes) for each in plan.takings] == [
        (POOLE, BCP, 9, 0, 0), (BOURNEMOUTH, BCP, 8, 1, 1),
    ]  # fmt: skip
    assert not reorganisations(county.deployment.engine)

    def refused(code: str, *predecessors: str, to: tuple[str, ...] = ()) -> None:
        with pytest.raises(IsindexError, match=code):
            record_reorganisation(county.deployment, predecessors, to, reason="a slip", actor="a clerk")

    refused("REORGANISATION_UNKNOWN", "330")
    refused("REORGANISATION_UNKNOWN", BOURNEMOUTH, to=("838",))
    refused("REORGANISATION_INCOMPLETE", BOURNEMOUTH)
    refused("NOT_PUBLISHED", NORTHAMPTONSHIRE)
    refused("OPTIONS_MISSING")
    with pytest.raises(IsindexError, match="DECISION_INCOMPLETE"):
        record_reorganisation(county.deployment, county.old, reason=" ", actor="a clerk")
    assert not reorganisations(county.deployment.engine)
    assert county.record() == plan
    refused("REORGANISATION_DONE", *county.old)
    told = [each for each in entries(county.deployment) if each.action == "reorganise"]
    assert [(each.actor, each.authority, each.why) for each in told] == [
        ("a clerk", BCP, "The Structural Changes Order")
    ] * 2


@pytest.mark.in_full
def test_a_record_that_is_killed_before_its_end_has_changed_nothing(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.nights.reorganise._go_on", killed)
        with pytest.raises(KeyboardInterrupt):
            county.record()
    assert not reorganisations(county.deployment.engine)
    county.record()
    county.go_over()
    county.night(3)
    assert county.is_hidden(BCP, HIDDEN)


@pytest.mark.in_full
def test_what_waits_in_the_old_authority_is_seen_to_first(county: County) -> None:
    county.asks(BOURNEMOUTH, CHILD)
    county.deliver(2, BOURNEMOUTH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.nights.run.link", lambda night: 1 / 0)
        run_all(county.deployment, started_by="a test")
    with pytest.raises(IsindexError, match="REORGANISATION_WAITS"):
        county.record()
    county.load()
    county.record()


@pytest.mark.in_full
def test_a_successor_with_nights_of_its_own_takes_nobody_over(county: County) -> None:
    county.go_over()
    county.deliver(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.nights.stages.freeze.refuse_unfounded", lambda *_: None)
        county.load()
    with pytest.raises(IsindexError, match="SUCCESSOR_HAS_HISTORY"):
        county.record()


@pytest.mark.in_full
def test_one_becomes_two(tmp_path: Path) -> None:
    county = County.northamptonshire(tmp_path)
    county.asks(NORTHAMPTONSHIRE, HIDDEN)
    county.night(2)
    were = {child.family: county.index_id(NORTHAMPTONSHIRE, child) for child in (*children(), *others())}
    nation = {family: county.national_id(NORTHAMPTONSHIRE, index_id) for family, index_id in were.items()}
    assert {(each.predecessor, each.successor) for each in county.record().takings} == {
        (NORTHAMPTONSHIRE, NORTH), (NORTHAMPTONSHIRE, WEST),
    }  # fmt: skip
    moved = replace(HIDDEN, street="2 Elsewhere Road")
    county.takes_over(NORTH, NORTHAMPTONSHIRE, *children()[1:7])
    county.takes_over(WEST, NORTHAMPTONSHIRE, *others(), BOTH)
    for authority in (NORTH, WEST):
        county.hold(authority, moved, "education")
    night = county.night(3)
    assert night.state == "published"
    assert county.is_hidden(NORTH, HIDDEN) and county.is_hidden(WEST, HIDDEN)
    for child in children()[1:7]:
        assert child == BOTH or county.index_id(NORTH, child) == were[child.family]
    for child in others():
        assert county.index_id(WEST, child) == were[child.family]
    both = {county.index_id(authority, BOTH) for authority in (NORTH, WEST)}
    assert len(both) == 2 and were[BOTH.family] in both
    for authority, those in ((NORTH, children()[1:7]), (WEST, [*others(), BOTH])):
        for child in those:
            assert county.national_id(authority, county.index_id(authority, child)) == nation[child.family]
    assert {each.national_id for each in unclaimed(county.network).moves} == {nation[LOST.family]}
    (found,) = find_by_id(county.network, were[children()[3].family], why="a test")
    assert found.custodian == NORTH
    county.night(4)
    assert {county.index_id(authority, BOTH) for authority in (NORTH, WEST)} == both
