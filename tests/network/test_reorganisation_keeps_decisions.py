"""What people decided in an authority that is taken over goes on in its successor, whatever the keys are there; and what is told of it across the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.network.find import find_by_id
from pipelines.nights.decisions import decide
from pipelines.nights.follow import newest_in_force
from pipelines.nights.inherited import inherited_by
from pipelines.nights.night import Night
from pipelines.nights.protection_decisions import confirm, shield, unshield
from pipelines.nights.walls import walls_in
from pipelines.tables import read_table
from tests.cli.commands import run
from tests.databases import empty_database
from tests.network.county import BCP, BOURNEMOUTH, NORTH, NORTHAMPTONSHIRE, POOLE, WEST, County
from tests.network.nation import others
from tests.nights.little_authority import AGENCIES, Child, Feed, children

pytestmark = [pytest.mark.one_database, pytest.mark.in_full]

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HAMPSHIRE = "850"
BY = {"actor": "Ruth", "reason": "seen", "at": NOW}


def opened(county: County, authority: str, child: Child) -> None:
    """Two people open a child."""
    made = unshield(county.deployment, authority, county.index_id(authority, child), **BY)  # type: ignore[arg-type]
    confirm(county.deployment, authority, made.number, actor="Omar", reason="over", at=NOW)


def folder_of(county: County, authority: str) -> Path:
    newest = newest_in_force(Night(county.deployment, authority, county.day(0)))
    assert newest is not None
    return newest.folder


def key_of(county: County, authority: str, agency: str, child: Child) -> str:
    (key,) = (key for key, row in county.feeds[authority][agency].rows.items() if child.family in repr(row))
    return f"{agency}:{key}"


def test_decisions_go_on_under_other_keys(tmp_path: Path) -> None:
    county = County.bournemouth_and_poole(tmp_path)
    asking, again, decided, one, proposed = children()[0], children()[1], children()[3], children()[4], children()[5]
    adopted = replace(one, number=40, family="Thistlewick", street="5 Vantage Row")
    namesake = replace(children()[6], number=41, street="8 Marlborough Mews")
    stranger = replace(others()[2], number=42, given="Ottoline", family="Quillfeather", street="4 Yonder Hill")
    for each in (adopted, namesake):
        county.hold(BOURNEMOUTH, each, "health")
    county.feeds[POOLE]["police"].hold(stranger, contact_date="02/03/2019")
    for each in (asking, again, proposed):
        county.asks(BOURNEMOUTH, each)
    county.night(1)
    shield(county.deployment, BOURNEMOUTH, county.index_id(BOURNEMOUTH, decided), **BY)  # type: ignore[arg-type]
    sides = [key_of(county, BOURNEMOUTH, "health", each) for each in (one, adopted)]
    decide(county.deployment, BOURNEMOUTH, "firewall", *sides, **BY)  # type: ignore[arg-type]
    pair = [f"health:P{each.nhs}" for each in (children()[6], namesake)]
    decide(county.deployment, BOURNEMOUTH, "not_the_same", *pair, **BY)  # type: ignore[arg-type]
    same = [key_of(county, POOLE, "police", stranger), key_of(county, POOLE, "social_care", others()[2])]
    decide(county.deployment, POOLE, "same", *same, **BY)  # type: ignore[arg-type]
    county.asks(BOURNEMOUTH, again, "")
    county.asks(BOURNEMOUTH, proposed, "")
    opened(county, BOURNEMOUTH, again)
    county.night(2)
    assert not county.is_hidden(BOURNEMOUTH, again) and county.is_hidden(BOURNEMOUTH, decided)
    made = unshield(county.deployment, BOURNEMOUTH, county.index_id(BOURNEMOUTH, proposed), **BY)  # type: ignore[arg-type]
    were = {each.family: county.index_id(BOURNEMOUTH, each) for each in (asking, decided, one, adopted)}
    merged = county.index_id(POOLE, others()[2])
    (poole, bournemouth) = county.record().takings
    assert bournemouth.decisions == {"not_the_same": 1, "firewall": 1, "shield": 1} and poole.decisions == {"same": 1}
    assert bournemouth.not_carried == (made.number,)

    county.go_over()
    for number, each in enumerate((asking, again, decided, one, adopted, proposed, stranger, others()[2])):
        county.asks_nothing(BCP, each)
        county.rename_keys(BCP, each, 100 + number)
    assert county.night(3).state == "published"
    for each in (asking, decided, proposed):
        assert county.is_hidden(BCP, each), each.family
    assert not county.is_hidden(BCP, again)
    for each in (asking, decided, one, adopted):
        assert county.index_id(BCP, each) == were[each.family]
    walls = walls_in(folder_of(county, BCP)).to_pylist()
    beside = {row["record_key"]: row["side"] for row in walls}
    mine, theirs = (beside[key_of(county, BCP, "health", each)] for each in (one, adopted))
    assert {mine, theirs} == {"a", "b"}
    assert county.index_id(BCP, others()[2]) == merged
    held = {
        row["record_key"]: row["index_id"]
        for row in read_table(folder_of(county, BCP) / "identities" / "identities.parquet").to_pylist()
    }
    assert held[key_of(county, BCP, "police", stranger)] == merged
    assert held[f"health:P{children()[6].nhs}"] != held[f"health:P{namesake.nhs}"]

    opened(county, BCP, asking)  # and two people of the successor open whom they may
    county.night(4)
    assert not county.is_hidden(BCP, asking) and county.is_hidden(BCP, decided) and county.is_hidden(BCP, proposed)
    county.night(5)
    assert not county.is_hidden(BCP, asking) and not county.is_hidden(BCP, again)


def test_a_key_that_both_old_authorities_had_brings_nobody_another_child(tmp_path: Path) -> None:
    county = County.bournemouth_and_poole(tmp_path)
    mine, theirs = children()[1], others()[1]
    cases = county.feeds[POOLE]["social_care"].rows
    cases["S0001"] = {**cases.pop(f"S{theirs.number:04}"), "la_child_id": "S0001"}
    county.night(2)
    were = county.index_id(BOURNEMOUTH, mine), county.index_id(POOLE, theirs)
    county.record()
    county.go_over(but=[mine])
    county.hold(BCP, mine, "health")
    county.night(3)
    assert (county.index_id(BCP, mine), county.index_id(BCP, theirs)) == were
    county.night(4)
    assert (county.index_id(BCP, mine), county.index_id(BCP, theirs)) == were


def test_whom_another_authority_has_opened_stays_open(tmp_path: Path) -> None:
    county = County.bournemouth_and_poole(tmp_path)
    hidden, child = children()[0], replace(children()[0], street="9 Faraway Street")
    county.feeds[HAMPSHIRE] = {agency: Feed(agency) for agency in AGENCIES}
    for each in [replace(other, number=other.number + 60, family=f"{other.family}son") for other in others()]:
        county.hold(HAMPSHIRE, each)
    county.hold(HAMPSHIRE, child)
    county.asks(BOURNEMOUTH, hidden)

    def night(number: int, *those: str) -> None:
        county.deliver(number, HAMPSHIRE, *those)
        county.load()
        county.run(number)

    night(1, *county.old)
    assert county.is_hidden(HAMPSHIRE, child)
    opened(county, HAMPSHIRE, child)
    night(2, *county.old)
    assert not county.is_hidden(HAMPSHIRE, child)
    county.record()
    county.go_over()
    night(3, BCP)
    assert county.is_hidden(BCP, hidden) and not county.is_hidden(HAMPSHIRE, child)
    night(4, BCP)
    assert county.is_hidden(BCP, hidden) and not county.is_hidden(HAMPSHIRE, child)
    (found,) = (known for known in county.pointers().values() if (BCP, county.index_id(BCP, hidden)) in known)
    assert found == {(BCP, county.index_id(BCP, hidden)), (HAMPSHIRE, county.index_id(HAMPSHIRE, child))}


def test_inherited_records_go_with_the_nights_that_are_kept_but_for_those_of_hidden_children(
    tmp_path: Path, setting: Callable[[str, str], None]
) -> None:
    county = County.bournemouth_and_poole(tmp_path)
    hidden = children()[0]
    county.asks(BOURNEMOUTH, hidden)
    county.night(2)
    county.record()
    county.go_over(but=[hidden])
    setting("ISINDEX_KEEP_NIGHTS", "3")
    for number in range(3, 8):
        county.deliver(number)
        county.load()
    left = inherited_by(folder_of(county, BCP))
    assert {row["family_name"] for row in left.records.to_pylist()} == {hidden.family}
    county.hold(BCP, hidden, "education")
    county.deliver(8)
    county.load()
    assert county.is_hidden(BCP, hidden)


def test_the_command_shows_first_and_then_records(tmp_path: Path) -> None:
    county = County.bournemouth_and_poole(tmp_path)
    county.deliver(2)
    county.load()
    shown = run("network reorganise", "--json", place=tmp_path)
    assert shown.code == 0 and shown.document["recorded"] is False
    assert "Nothing was changed" in run("network reorganise", place=tmp_path).out
    assert run("network reorganise", "--confirm", place=tmp_path).code == 2
    recorded = run("network reorganise", "--json", "--confirm", "--reason", "The Order", place=tmp_path)
    assert recorded.code == 0 and recorded.document == {**shown.document, "recorded": True}
    again = run("network reorganise", place=tmp_path)
    assert (again.code, "REORGANISATION_DONE" in again.said) == (2, True)


@pytest.mark.postgres
def test_one_becomes_two_on_postgresql(
    tmp_path: Path, postgres_server: Any, setting: Callable[[str, str], None]
) -> None:
    with empty_database(postgres_server) as index, empty_database(postgres_server) as network:
        setting("ISINDEX_DATABASE_URL", index)
        setting("ISINDEX_NETWORK_DATABASE_URL", network)
        county = County.northamptonshire(tmp_path)
        hidden, both, lost = children()[0], children()[2], children()[7]
        county.asks(NORTHAMPTONSHIRE, hidden)
        county.night(2)
        was = county.index_id(NORTHAMPTONSHIRE, both)
        county.record()
        county.takes_over(NORTH, NORTHAMPTONSHIRE, *children()[:4])
        county.takes_over(WEST, NORTHAMPTONSHIRE, *others(), both)
        county.asks_nothing(NORTH, hidden)
        assert county.night(3).state == "published"
        assert county.is_hidden(NORTH, hidden)
        ids = {authority: county.index_id(authority, both) for authority in (NORTH, WEST)}
        assert len({*ids.values()}) == 2 and was in ids.values()
        assert len({county.national_id(*each) for each in ids.items()}) == 1
        county.hold(WEST, lost, "health")
        assert county.night(4).state == "published"
        assert {authority: county.index_id(authority, both) for authority in (NORTH, WEST)} == ids
        (found,) = find_by_id(county.network, county.index_id(WEST, lost), why="a test")
        assert found.custodian == WEST
        county.network.engine.dispose()
        county.deployment.engine.dispose()
