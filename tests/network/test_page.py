"""The page of the co-ordinating index: numbers of what stands, what somebody must see to, and nobody's id or name."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipelines.network import gates
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

pytestmark = pytest.mark.one_database
CHILD, MOVER, SHIELDED = children()[1], children()[2], children()[4]


@pytest.fixture
def nation(tmp_path: Path) -> Nation:
    """Two children are known in both authorities, one of them is shielded at home."""
    made = Nation(tmp_path)
    made.hold(THERE, CHILD, "health")
    made.hold(THERE, SHIELDED, "health")
    made.asks(HERE, SHIELDED)
    made.night(0)
    return made


def table(nation: Nation, name: str) -> list[list[str]]:
    path = nation.deployment.home.reports / "network" / f"{name}.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))[1:]


def page(nation: Nation) -> str:
    return (nation.deployment.home.reports / "network" / "index.html").read_text(encoding="utf-8")


def test_it_counts_open_children_alone_and_names_nobody(nation: Nation) -> None:
    ((one, other, count),) = table(nation, "shared")
    assert (one[:3], other[:3], count) == (HERE, THERE, "1")
    assert {row[1] for row in table(nation, "authorities")} == {"2026-11-18"}
    assert table(nation, "first") == []
    shown = page(nation)
    ids = {str(row["index_id"]) for authority in (HERE, THERE) for row in nation.children(authority)}
    assert not [each for each in ids if each in shown]
    assert not [each.family for each in children() if each.family in shown]
    assert "network/index.html" in (nation.deployment.home.reports / "index.html").read_text(encoding="utf-8")


@pytest.mark.in_full
def test_who_moved_is_counted_in_the_night_of_the_move_alone(nation: Nation) -> None:
    nation.lose(HERE, MOVER)
    nation.hold(THERE, MOVER, "health")
    nation.night(1)
    ((one, other, count),) = table(nation, "moved")
    assert (one[:3], other[:3], count) == (HERE, THERE, "1")
    nation.hold(HERE, MOVER, "police")
    nation.night(2)
    assert table(nation, "moved") == []


@pytest.mark.in_full
def test_a_night_that_is_held_is_told_first(nation: Nation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gates.GATES, "pointers_follow", (gates.GATES["pointers_follow"][0], "SELECT 3"))  # type: ignore[arg-type]
    nation.hold(HERE, MOVER, "police")
    nation.deliver(1)
    nation.load()
    assert nation.run(1).state == "held"
    (first,) = table(nation, "first")
    assert first[0].startswith("Held: ") and "isindex network run" in first[1]
    assert "is held" in page(nation) and ["pointers_follow", "no"] in [
        [row[0], row[2]] for row in table(nation, "gates")
    ]
