"""The co-ordinating index: who is known in several authorities, ids and pointers that live, and nothing that changes a local index."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines.audit import entries
from pipelines.database import database_at
from pipelines.errors import IsindexError
from pipelines.network import gates
from pipelines.network.decisions import decide, decided_now, take_back
from pipelines.network.find import Known, find_by_id, find_by_name, find_by_number
from pipelines.network.left import Left
from pipelines.network.moves import answer, claim, moves_of
from pipelines.network.standing import standing_of
from pipelines.publishing.versions import versions_in_force
from pipelines.seams.network import KNOWN_BY, REASONS
from pipelines.tables import read_table
from tests.network.nation import HERE, THERE, Nation, others
from tests.nights.little_authority import children, day_of

pytestmark = pytest.mark.one_database

CHILD, OTHER, LEAVER = children()[1], others()[5], children()[2]
MOVED = replace(CHILD, street="9 Faraway Street")


@pytest.fixture
def nation(tmp_path: Path) -> Nation:
    """One child is known in both authorities."""
    made = Nation(tmp_path)
    made.hold(THERE, MOVED, "health", "education")
    return made


def everything_below(folder: Path) -> set[str]:
    """All values of all tables below a folder, as text."""
    found: set[str] = set()
    for path in folder.rglob("*.parquet"):
        for column in pq.read_table(path).columns:
            flat = pc.list_flatten(column) if pa.types.is_list(column.type) else column
            found |= {str(value) for value in flat.to_pylist()}
    return found


def test_a_child_known_in_two_is_one_and_every_other_is_by_itself(nation: Nation) -> None:
    found = nation.night(0)
    assert found.state == "published" and not found.stale and not found.waits
    assert (
        found.figures["children"] == 17
        and found.figures["national_ids"] == 16
        and found.figures["known_in_several"] == 1
    )
    both = {(place, nation.index_id(place, CHILD)) for place in (HERE, THERE)}
    assert [known for known in nation.pointers().values() if len(known) > 1] == [both]
    assert all(each.startswith("ZZ") for each in nation.pointers())


def test_nothing_of_a_person_is_published_or_stands_in_the_database(nation: Nation) -> None:
    nation.night(0)
    root = nation.network.root
    published = everything_below(next(root.glob("v=*")))
    database = (root / "network.db").read_bytes() + (root / "network.db-wal").read_bytes()
    gathered = everything_below(root)
    for child in (*children(), *others()):
        for value in (child.family, child.given, child.born.isoformat(), child.postcode, child.nhs, child.upn):
            assert not [each for each in published if value in each]
            assert value.encode() not in database
        for value in (child.nhs, child.upn, child.street, child.postcode):
            assert not [each for each in gathered if value in each]


@pytest.mark.in_full
def test_ids_live_and_pointers_end_when_a_child_moves(nation: Nation) -> None:
    nation.night(0)
    here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
    national = nation.national_id(HERE, here)
    before = nation.pointers()
    assert nation.run(0).state == "unchanged"
    nation.lose(HERE, CHILD)
    assert nation.night(1).state == "published"
    assert (
        len(list(nation.network.root.glob("nights/*/*"))) == 1
        and len(list(nation.network.root.glob("contributions/*/v=*"))) == 2
    )
    assert nation.pointers() == before | {national: {(THERE, there)}}
    (found,) = find_by_id(nation.network, here, why="a test")
    assert found.national_id == national
    assert found.known == (Known(THERE, there, day_of(0)), Known(HERE, here, day_of(0), day_of(1)))
    nation.hold(HERE, CHILD)
    nation.night(2)
    assert nation.national_id(HERE, nation.index_id(HERE, CHILD)) == national


@pytest.mark.in_full
def test_night_by_night_is_all_at_once(nation: Nation, tmp_path: Path) -> None:
    nation.night(0)
    nation.hold(THERE, replace(children()[2], street="9 Faraway Street"), "health")
    nation.night(1, THERE)
    nation.lose(HERE, CHILD)
    nation.night(2)
    at_once = Nation(tmp_path / "other")
    at_once.feeds = nation.feeds
    at_once.night(2)
    assert {frozenset(each) for each in nation.pointers().values()} == {
        frozenset(each) for each in at_once.pointers().values()
    }


def test_a_child_is_found_by_number_by_name_and_by_id_and_every_look_is_audited(nation: Nation) -> None:
    nation.night(0)
    here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
    national = nation.national_id(HERE, here)
    written = f"{CHILD.nhs[:3]} {CHILD.nhs[3:6]} {CHILD.nhs[6:]}"
    looks = [
        find_by_number(nation.network, written, why="referral 7"),
        find_by_number(nation.network, CHILD.upn.lower(), why="referral 7"),
        find_by_name(nation.network, CHILD.family.upper(), CHILD.given, CHILD.born, why="referral 7"),
        find_by_id(nation.network, f" {here.lower()} ", authority=HERE, why="referral 7"),
        find_by_id(nation.network, national, why="referral 7"),
    ]
    for (found,) in looks:
        assert found.national_id == national
        assert [(each.authority, each.index_id) for each in found.known] == [(HERE, here), (THERE, there)]
    assert find_by_name(nation.network, CHILD.family, CHILD.given, date(2001, 1, 1), why="x") == []
    told = [each for each in entries(nation.deployment) if each.action == "network find"]
    assert len(told) == 6 and {each.why for each in told} == {"referral 7", "x"}
    assert not [each for each in told if CHILD.family in str(each.subject) or CHILD.nhs in str(each.subject)]
    for look in (
        lambda why: find_by_number(nation.network, written, why=why),
        lambda why: find_by_id(nation.network, here, why=why),
    ):
        with pytest.raises(IsindexError, match="PURPOSE_MISSING"):
            look("  ")
    with pytest.raises(IsindexError, match="NUMBER_INVALID"):
        find_by_number(nation.network, "943 476 5918", why="x")
    with pytest.raises(IsindexError, match="INDEX_ID_INVALID"):
        find_by_id(nation.network, f"{here[:-1]}{'2' if here[-1] != '2' else '3'}", why="x")


@pytest.mark.in_full
def test_a_damaged_snapshot_stays_as_it_was_and_delays_nobody(nation: Nation) -> None:
    nation.night(0)
    before = nation.pointers()
    nation.lose(THERE, OTHER)
    nation.lose(HERE, children()[6])
    gone = nation.index_id(HERE, children()[6])
    nation.deliver(1)
    nation.load()
    versions = versions_in_force(nation.deployment.home, THERE)
    table = nation.deployment.home.snapshots(THERE) / versions[max(versions)] / "children.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[:-20])
    found = nation.run(1)
    assert found.state == "published" and found.stale == {THERE: "VERSION_DAMAGED"}
    assert {each for known in before.values() for each in known} - {
        each for known in nation.pointers().values() for each in known
    } == {(HERE, gone)}
    told = [each.told for each in standing_of(nation.network).authorities if each.authority == THERE]
    assert told == ["as it was last (VERSION_DAMAGED)"]
    table.write_bytes(whole)
    assert nation.run(1).stale == {} and len(nation.pointers()) == 14


@pytest.mark.in_full
def test_what_people_decide_counts_and_changes_no_local_index(nation: Nation) -> None:
    nation.night(0)
    here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
    local = {place: nation.children(place) for place in (HERE, THERE)}
    pair = f"{HERE}:{here}", f"{THERE}:{there}"
    number = decide(nation.network, "not_the_same", *pair, actor="Ruth", reason="two children")
    with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
        decide(nation.network, "same", *reversed(pair), actor="Omar", reason="one child")
    assert nation.run(0).state == "published"
    assert nation.national_id(HERE, here) != nation.national_id(THERE, there)
    take_back(nation.network, number)
    assert decided_now(nation.network) == []
    assert nation.run(0).state == "published"
    assert nation.national_id(HERE, here) == nation.national_id(THERE, there)
    stranger = f"{THERE}:{nation.index_id(THERE, OTHER)}"
    decide(
        nation.network,
        "same",
        f"{HERE}:{nation.index_id(HERE, children()[0])}",
        stranger,
        actor="Ruth",
        reason="a guess",
    )
    assert nation.run(0).state == "published"
    assert nation.national_id(HERE, nation.index_id(HERE, children()[0])) == nation.national_id(
        THERE, nation.index_id(THERE, OTHER)
    )
    assert {place: nation.children(place) for place in (HERE, THERE)} == local


@pytest.mark.in_full
def test_a_database_that_is_gone_is_made_anew_with_what_people_decided(nation: Nation) -> None:
    nation.night(0)
    pair = [f"{HERE}:{nation.index_id(HERE, children()[0])}", f"{THERE}:{nation.index_id(THERE, OTHER)}"]
    decide(nation.network, "not_the_same", *pair, actor="Ruth", reason="seen")
    claim(nation.network, f"{THERE}:{nation.index_id(THERE, CHILD)}", reason="lives there")
    nation.run(0)
    (move,) = moves_of(nation.network).moves
    answer(nation.network, move.move, "refused", authority=HERE, reason="no")
    assert nation.run(0).state == "published"
    decided = decided_now(nation.network)
    national = nation.national_id(HERE, nation.index_id(HERE, CHILD))
    nation.network.engine.dispose()
    for each in nation.network.root.glob("network.db*"):
        each.unlink()
    database_at.cache_clear()
    assert nation.run(0).state == "unchanged"
    (found,) = find_by_number(nation.network, CHILD.nhs, why="a test")
    assert found.national_id == national
    assert decided_now(nation.network) == decided and len(decided) == 1
    assert [each.state for each in moves_of(nation.network, every=True).moves] == ["refused"]
    assert claim(nation.network, f"{THERE}:{nation.index_id(THERE, CHILD)}", reason="moved in") == 2


@pytest.mark.in_full
@pytest.mark.parametrize("gate", list(gates.GATES))
def test_a_gate_that_finds_something_holds_the_night_and_what_is_in_force_stays(
    nation: Nation, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    nation.night(0)
    before = nation.network.in_force()
    nation.hold(HERE, OTHER, "health")
    monkeypatch.setitem(gates.GATES, gate, (gates.GATES[gate][0], "SELECT 3"))  # type: ignore[arg-type]
    found = nation.night(1)
    assert found.state == "held" and found.failed == [f"{gates.GATES[gate][0]} It found: 3."]
    assert nation.network.in_force() == before


BROKEN = {
    "every_child_once": ("identities", lambda table: table.slice(1)),
    "pointers_follow": ("pointers", lambda table: table.slice(1)),
    "one_of_an_authority": ("identities", lambda table: table.set_column(table.column_names.index("index_id"), "index_id", pa.array(["ZZ1"] * table.num_rows))),
    "firewalls_hold": ("firewalls", lambda table: pa.table({"row_key_a": ["330:A"], "row_key_b": ["330:B"]})),
    "one_custodian": ("custody", lambda table: table.set_column(1, "custodian", pa.array(["999"] * table.num_rows))),
    "protected_without_address": ("children", lambda table: table.set_column(table.column_names.index("protected"), "protected", pa.array([True] * table.num_rows))),
}  # fmt: skip


@pytest.mark.in_full
@pytest.mark.parametrize("gate", BROKEN)
def test_each_gate_sees_what_it_is_for(nation: Nation, gate: str) -> None:
    nation.night(0)
    in_force = nation.network.in_force()
    assert in_force
    folder = in_force[2]
    tables = {
        name: read_table(folder / f"{name}.parquet")
        for name in ("children", "firewalls", "pointers", "told", "custody", "moves")
    }
    tables |= {
        "identities": read_table(folder / "identities" / "identities.parquet"),
        "before": tables["pointers"],
        "custody_before": tables["custody"],
        "moves_before": tables["moves"],
        "redirects": read_table(folder / "identities" / "index_ids.parquet"),
        "accepted": pa.table({"move": pa.array([], pa.string())}),
        "reorganised": pa.table({name: pa.array([], pa.string()) for name in ("predecessor", "successor")}),
        "told_before": tables["told"],
        "telling": tables["told"].slice(0, 0),
        "noted": REASONS.empty_table(),
        "hidden_tokens": read_table(folder / "hidden_tokens.parquet"),
        "bearers": KNOWN_BY.empty_table(),
        "own": KNOWN_BY.empty_table(),
        "who_left": Left.read(folder).children,
    }
    assert all(each.passed for each in gates.judge(tables))
    name, break_it = BROKEN[gate]
    if gate == "firewalls_hold":
        one = tables["identities"]["record_key"].to_pylist()[0]
        tables["firewalls"] = pa.table({"row_key_a": [one], "row_key_b": [one]})
    else:
        tables[name] = break_it(tables[name])
    assert gate in {each.name for each in gates.judge(tables) if not each.passed}


@pytest.mark.in_full
def test_a_child_who_leaves_one_authority_and_comes_to_another_in_the_same_night_keeps_its_national_id(
    nation: Nation,
) -> None:
    nation.night(0)
    here = nation.index_id(HERE, LEAVER)
    national = nation.national_id(HERE, here)
    nation.lose(HERE, LEAVER)
    nation.hold(THERE, LEAVER, "health")
    nation.night(1)
    assert nation.pointers()[national] == {(THERE, nation.index_id(THERE, LEAVER))}
    (found,) = find_by_number(nation.network, LEAVER.nhs, why="a test")
    assert [(each.authority, each.to) for each in found.known] == [(THERE, None), (HERE, day_of(1))]


@pytest.mark.in_full
def test_who_left_is_kept_as_long_as_nights_are_and_then_let_go(nation: Nation, setting) -> None:
    setting("ISINDEX_KEEP_NIGHTS", "2")
    nation.night(0)
    here = nation.index_id(HERE, LEAVER)
    national = nation.national_id(HERE, here)
    nation.lose(HERE, LEAVER)
    for number in (1, 2, 3, 4):
        nation.hold(THERE, replace(children()[0], number=80 + number, street=f"{number} New Street"), "police")
        nation.night(number)
        assert (national in nation.pointers()) is False
        kept = Left.read(nation.network.in_force()[2]).children["row_key"].to_pylist()  # type: ignore[index]
        assert (f"{HERE}:{here}" in kept) is (number < 3)
    nation.hold(HERE, LEAVER, "health")
    nation.night(5)
    assert nation.index_id(HERE, LEAVER)
