"""Protection across authorities as time goes on: what is known of a child who is gone or renamed, who asks anew, who comes to a namesake; each with its control."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.network.find import find_by_number
from pipelines.nights.protection_decisions import confirm, unshield
from tests.network.nation import HERE, THERE, Nation, others
from tests.nights.little_authority import Child, children

pytestmark = [pytest.mark.one_database, pytest.mark.in_full]

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
SHIELD = {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}


def opened(nation: Nation, authority: str, child: Child) -> None:
    """Two people open a child."""
    who = nation.index_id(authority, child)
    made = unshield(nation.deployment, authority, who, actor="Ruth", reason="over", at=NOW)
    confirm(nation.deployment, authority, made.number, actor="Omar", reason="over", at=NOW)


def fled(child: Child, **otherwise: str) -> Child:
    """The child at another home, perhaps under another name."""
    return replace(child, street=f"{child.number + 9} Faraway Street", **otherwise)  # type: ignore[arg-type]


def shows_a_home(nation: Nation, authority: str, child: Child) -> bool:
    """Whether any version tells where the child lives that the one in force shows under this name."""
    return bool(nation.homes(authority, nation.index_id(authority, child)) - {None})


def test_whatever_protection_knows_here_hides_there(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    by_upn, renamed, rejected, never, sound = children()[:5]
    cases = nation.feeds[HERE]["social_care"].rows
    for child in (by_upn, renamed, rejected, sound):
        cases[f"S{child.number:04}"]["shield"] = SHIELD
    cases[f"S{by_upn.number:04}"].pop("upn")
    cases[f"S{rejected.number:04}"]["names"] = []
    for agency in ("health", "education"):
        nation.feeds[HERE][agency].drop(f"P{rejected.nhs}" if agency == "health" else rejected.upn)
        nation.feeds[HERE][agency].drop(f"P{renamed.nhs}" if agency == "health" else renamed.upn)
    there = {
        by_upn: fled(by_upn, family="Thistlewick", given="Ottoline"),
        renamed: fled(renamed),
        rejected: fled(rejected),
        never: fled(never, family="Vantongeren", given="Philippa"),
        sound: fled(sound),
    }
    nation.hold(THERE, there[rejected], "health")
    nation.hold(THERE, there[sound], "health")
    assert nation.night(0).state == "published"
    for child in (by_upn, never):  # both leave their school, and the number is in no feed any more
        nation.feeds[HERE]["education"].drop(child.upn)
    cases[f"S{never.number:04}"].pop("upn")
    cases[f"S{renamed.number:04}"] |= {"names": [{"family": "Umfraville", "given": "Lettice", "type": "current"}]}
    assert nation.night(1).state == "published"
    nation.hold(THERE, there[by_upn], "education")
    nation.hold(THERE, there[never], "education")
    nation.hold(THERE, there[renamed], "police")
    assert nation.night(2).state == "published"
    for child in (by_upn, renamed, rejected, sound):
        assert nation.is_hidden(THERE, there[child]) and not shows_a_home(nation, THERE, there[child]), child
    assert not nation.is_hidden(THERE, there[never]) and shows_a_home(nation, THERE, there[never])
    (known,) = find_by_number(nation.network, by_upn.upn, why="x")
    assert known.kept_back
    assert nation.night(3).figures["messages"] == 0


def test_who_asks_anew_is_told_of_anew_and_who_does_not_stays_open(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    anew, quiet, there_alone, in_force = children()[:4]
    for child in (anew, quiet, there_alone, in_force):
        nation.hold(THERE, fled(child), "health", "education")
        nation.asks(HERE, child)
    assert nation.night(0).figures["messages"] == 4
    for child in (anew, quiet, there_alone):
        nation.asks(HERE, child, "")
    nation.night(1)
    for child in (anew, quiet):
        opened(nation, HERE, child)
    for child in (anew, quiet, there_alone, in_force):
        opened(nation, THERE, child)
    for number in (2, 3, 4):
        assert nation.night(number).figures["messages"] == 0
        assert [nation.is_hidden(HERE, each) for each in (anew, quiet, there_alone, in_force)] == [
            False,
            False,
            True,
            True,
        ]
        assert not any(nation.is_hidden(THERE, each) for each in (anew, quiet, there_alone, in_force))
    for child in (anew, there_alone):
        nation.asks(HERE, child)
    assert nation.night(5).figures["messages"] == 2
    for child in (anew, there_alone):
        assert nation.is_hidden(THERE, child) and not shows_a_home(nation, THERE, child)
    for child in (quiet, in_force):
        assert not nation.is_hidden(THERE, child) and shows_a_home(nation, THERE, child)
    for child in (anew, there_alone):  # and so it goes on
        nation.asks(HERE, child, "")
    nation.night(6)
    opened(nation, THERE, there_alone)
    assert nation.night(7).figures["messages"] == 0
    assert nation.is_hidden(THERE, anew) and not nation.is_hidden(THERE, there_alone)


def test_a_hidden_child_that_comes_to_an_opened_namesake_is_told_of_anew(tmp_path: Path) -> None:
    nation = Nation(tmp_path)
    comes, stays = children()[:2]
    namesakes = {
        child: replace(
            other, number=70 + child.number, given=child.given, family=child.family, sex=child.sex, born=child.born
        )
        for child, other in zip((comes, stays), others(), strict=False)
    }
    for child, namesake in namesakes.items():
        nation.hold(THERE, namesake, "police")
        nation.asks(HERE, child)
    assert nation.night(0).figures["messages"] == 2
    for child in (comes, stays):
        opened(nation, THERE, child)
    assert nation.night(1).figures["messages"] == 0
    assert not nation.is_hidden(THERE, comes) and not nation.is_hidden(THERE, stays)
    home = fled(comes)
    nation.hold(THERE, home, "health")
    nation.night(2)
    found = [row for row in nation.children(THERE) if row["family_name"] == comes.family]
    assert found and all(row["shielded"] or row["withheld"] for row in found)
    assert not any(nation.homes(THERE, str(row["index_id"])) for row in found)
    assert not nation.is_hidden(THERE, stays) and shows_a_home(nation, THERE, stays)


def test_who_asks_anew_while_an_authority_that_has_opened_the_child_is_silent_is_told_of_all_the_same(
    tmp_path: Path,
) -> None:
    nation = Nation(tmp_path)
    anew, quiet = children()[:2]
    for child in (anew, quiet):
        nation.hold(THERE, fled(child), "health", "education")
        nation.asks(HERE, child)
    nation.night(0)
    for child in (anew, quiet):
        nation.asks(HERE, child, "")
    nation.night(1)
    for child in (anew, quiet):
        opened(nation, HERE, child)
        opened(nation, THERE, child)
    nation.asks(HERE, anew)
    nation.night(2, HERE)
    assert nation.is_hidden(HERE, anew) and not nation.is_hidden(HERE, quiet)
    nation.night(3)
    assert nation.is_hidden(THERE, anew) and not shows_a_home(nation, THERE, anew)
    assert not nation.is_hidden(THERE, quiet) and shows_a_home(nation, THERE, quiet)
