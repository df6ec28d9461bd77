"""Children whom two authorities of a sample know: the truth says who, and the agencies hold them as it is told."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sample_feeds import make_nights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("guests")
    make_nights(out, ["330", "333"], children=1_500, nights=3, guests=0.05)
    return out


def truth(made: Path, name: str) -> list[dict[str, object]]:
    return pq.read_table(made / "truth" / f"{name}.parquet").to_pylist()


def test_a_person_in_two_authorities_is_one_child_in_each_with_the_same_birth_date_and_numbers(made: Path) -> None:
    persons = defaultdict(list)
    for row in truth(made, "children"):
        persons[row["person"]].append(row)
    known = [rows for rows in persons.values() if len(rows) > 1]
    assert 20 < len(known) < 80
    for here, there in known:
        assert (here["authority"], there["authority"]) == ("330", "333") and here["person"] == here["child"]
        assert all(here[name] == there[name] for name in ("birth_date", "nhs_number", "upn", "family_name"))
        assert not there["shielded"]
    assert any(here["shielded"] for here, _ in known)


def test_who_moves_leaves_health_the_night_it_comes_elsewhere_and_who_crosses_a_border_keeps_its_address(
    made: Path,
) -> None:
    persons = {row["child"]: row["person"] for row in truth(made, "children")}
    held = defaultdict(set)
    for row in truth(made, "records"):
        held[row["authority"], row["agency"], str(row["business_date"])].add(persons[row["child"]])
    first, last = "2026-11-18", "2026-11-20"
    known_there = held["333", "education", last] & held["330", "education", first]
    moved = {one for one in known_there if one not in held["333", "education", first]}
    assert moved and not moved & held["330", "health", last]
    assert moved & held["333", "health", last]
    codes = {(row["authority"], row["person"]): row["postcode"] for row in truth(made, "children")}
    across = known_there - held["333", "health", last]
    assert across and all(codes["330", one] == codes["333", one] for one in across)
    assert all(codes["330", one] != codes["333", one] for one in moved)


def test_without_guests_everything_is_as_it_was(tmp_path: Path) -> None:
    for name, authorities in (("alone", ["333"]), ("both", ["330", "333"])):
        make_nights(tmp_path / name, authorities, children=100)
    files = [sorted((tmp_path / name / "landing" / "333").rglob("*.*")) for name in ("alone", "both")]
    assert [each.read_bytes() for each in files[0]] == [each.read_bytes() for each in files[1]]
