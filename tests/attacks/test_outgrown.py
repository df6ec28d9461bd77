"""A decision that two records are two children opens nobody when a record becomes the hidden child's: keys are the suppliers', and are put right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.nights.decisions import decide, take_back
from pipelines.nights.protection_decisions import confirm, unshield
from pipelines.reporting.opens_nobody import unmet_now
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.test_replaced import nights
from tests.attacks.town import big_moves
from tests.attacks.victims import Victim
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(LittleNights(tmp_path), 100)


def open_rows(scene: Scene, night: int) -> list[str]:
    """Given names of the open children of the victim's family name, in the night's version."""
    rows = scene.place.published(night).to_pylist()
    mine = [row for row in rows if (row["family_name"] or "").casefold() == scene.victim.family.casefold()]
    return sorted(row["given_names"] for row in mine if not (row["shielded"] or row["withheld"]))


def namesake(scene: Scene) -> Victim:
    """Another child of the same family name and birth date."""
    return replace(scene.other(3), family=scene.victim.family, born=scene.victim.born)


def parted(scene: Scene, agency: str, key: str) -> int:
    made = decide(
        scene.place.deployment, AUTHORITY, "not_the_same", f"{agency}:{key}", "social_care:S0100",
        actor="Ruth", reason="two numbers", at=NOW,
    )  # fmt: skip
    return made.number


def opened_by_two(scene: Scene, key: str) -> None:
    deployment = scene.place.deployment
    made = unshield(deployment, AUTHORITY, key, actor="Ruth", reason="another child", at=NOW)
    confirm(deployment, AUTHORITY, made.number, actor="Sam", reason="another child", at=NOW)


def is_nowhere(scene: Scene, home: Victim) -> bool:
    """Whether a home is found nowhere in what is published."""
    hay = Haystack.of(scene.place.home, scene.place.landing, scene.place.deployment.engine)
    return not [where for where in hay.where(home.code, "home") if "snapshots/" in where or "table" in where]


@pytest.mark.in_full
@pytest.mark.parametrize("asks", ["before it is decided", "after the record was put right"])
@pytest.mark.parametrize(
    ("agency", "becomes"),
    [
        ("police", "the child"),
        ("health", "the child"),
        ("police", "the child, a letter wrong"),
        ("health", "the child of another name"),
    ],
)
def test_a_record_that_becomes_the_child_s_is_parted_from_it_no_more(
    scene: Scene, agency: str, becomes: str, asks: str
) -> None:
    place, child, fled = scene.place, scene.victim, scene.other(5)
    key = "PX" if agency == "police" else "HZ"
    scene.appear("social_care")
    if asks == "before it is decided":
        scene.asks("social_care")
    scene.add(agency, namesake(scene), key, open_=True)
    nights(place, 0)
    number = parted(scene, agency, key)
    place.load()
    nights(place, 1)
    found = replace(child, street=fled.street, code=fled.code, uprn=fled.uprn)
    if becomes == "the child, a letter wrong":
        found = replace(found, given=f"{found.given[:-1]}x")
    if becomes == "the child of another name":
        found = replace(found, family="Thistlewick")
    scene.add(agency, found, key, open_=True, **({"nhs_number": child.nhs} if agency == "health" else {}))
    if asks != "before it is decided":
        scene.asks("social_care")
    nights(place, 2, 3)
    assert open_rows(scene, 3) == [] and is_nowhere(scene, fled)
    assert not [
        row
        for row in place.published(3).to_pylist()
        if row["family_name"] == "Thistlewick" and not (row["shielded"] or row["withheld"])
    ]
    (unmet,) = (each for each in unmet_now(place.deployment.engine, place.deployment.home) if each.number == number)
    assert unmet.why == ("outgrown",)
    take_back(place.deployment, AUTHORITY, number, actor="Ruth", reason="it was put right", at=NOW)
    place.load()
    nights(place, 4)
    assert open_rows(scene, 4) == [] and not unmet_now(place.deployment.engine, place.deployment.home)


@pytest.mark.in_full
def test_a_namesake_stays_parted_while_the_records_are_who_they_were(scene: Scene) -> None:
    place, other = scene.place, namesake(scene)
    scene.appear("social_care")
    scene.asks("social_care")
    scene.add("police", other, "PX", open_=True)
    nights(place, 0)
    assert open_rows(scene, 0) == []
    parted(scene, "police", "PX")
    place.load()
    assert open_rows(scene, 0) == []
    opened_by_two(scene, "police:PX")
    place.load()
    moved = scene.other(5)
    scene.add("police", replace(other, street=moved.street, code=moved.code, uprn=moved.uprn), "PX", open_=True)
    nights(place, 1, 2)
    assert open_rows(scene, 2) == [other.given]
    assert not unmet_now(place.deployment.engine, place.deployment.home)


@pytest.mark.in_full
def test_a_record_without_birth_date_becomes_the_child_s_too(scene: Scene) -> None:
    place, child, fled = scene.place, scene.victim, scene.other(5)
    undated = {"date_of_birth": "", "age_estimate": "12"}
    scene.appear("social_care", "education")
    scene.asks("social_care")
    scene.add("police", namesake(scene), "PX", open_=True, **undated)
    nights(place, 0)
    parted(scene, "police", "PX")
    place.load()
    scene.add("police", replace(child, street=fled.street, code=fled.code, uprn=fled.uprn), "PX", open_=True, **undated)
    nights(place, 1, 2)
    assert open_rows(scene, 2) == [] and is_nowhere(scene, fled)


@pytest.mark.in_full
def test_her_number_comes_to_the_parted_record_when_hers_is_gone(scene: Scene) -> None:
    """Social care closes her case, and the practice's number is traced: it is hers, under her second name."""
    place, child, fled = scene.place, scene.victim, scene.other(5)
    scene.appear("social_care")
    scene.asks("social_care")
    scene.add("health", namesake(scene), "HZ", open_=True)
    nights(place, 0)
    parted(scene, "health", "HZ")
    place.load()
    nights(place, 1)
    scene.drop("social_care")
    nights(place, 2)
    known = replace(namesake(scene), street=fled.street, code=fled.code, uprn=fled.uprn)
    scene.add("health", known, "HZ", open_=True, nhs_number=child.nhs)
    nights(place, 3, 4)
    assert open_rows(scene, 4) == [] and is_nowhere(scene, fled)


@pytest.mark.in_full
def test_it_does_not_matter_which_of_the_two_was_named_first(scene: Scene) -> None:
    place, child, fled = scene.place, scene.victim, scene.other(5)
    scene.appear("health")
    scene.asks("health")
    scene.add("police", namesake(scene), "PX", open_=True)
    nights(place, 0)
    decide(place.deployment, AUTHORITY, "not_the_same", "health:HK100", "police:PX", actor="Ruth", reason="two", at=NOW)
    opened_by_two(scene, "police:PX")
    place.load()
    nights(place, 1)
    assert open_rows(scene, 1) == [namesake(scene).given]
    scene.add("police", replace(child, street=fled.street, code=fled.code, uprn=fled.uprn), "PX", open_=True)
    nights(place, 2, 3)
    assert open_rows(scene, 3) == [] and is_nowhere(scene, fled)


# what of hers comes to be joined with the namesake's record: agency, key, cells
HERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a school, by her UPN": ("education", "", {}),
    "a practice, without a number": ("health", "HN", {"nhs_number": ""}),
    "a practice, by her number": ("health", "HN", {}),
    "a contact": ("police", "PN", {}),
    "her case under another key": ("social_care", "T0100", {}),
}


CALLED = ("alike", "a letter otherwise", "born a day before")
DECIDED = ("before anybody was hidden", "and two people opened the namesake")


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("hers", "called", "decided"),
    [(hers, called, DECIDED[(i + j) % 2]) for i, hers in enumerate(HERS) for j, called in enumerate(CALLED)],
)
def test_a_record_of_hers_that_is_joined_with_the_namesake_s_is_no_namesake(
    scene: Scene, hers: str, called: str, decided: str
) -> None:
    place, child, fled = scene.place, scene.victim, scene.other(5)
    scene.appear("social_care")
    other = replace(scene.other(3), family=child.family, given=child.given, born=child.born, sex=child.sex)
    if called == "a letter otherwise":
        other = replace(other, given=f"{child.given[:-1]}x")
    if called == "born a day before":
        other = replace(other, born=child.born - timedelta(days=1))
    if decided != "before anybody was hidden":
        scene.asks("social_care")
    scene.add("health", other, "HX", open_=True)
    nights(place, 0)
    parted(scene, "health", "HX")
    place.load()
    if decided == "before anybody was hidden":
        scene.asks("social_care")
    else:
        opened_by_two(scene, "health:HX")
        place.load()
    nights(place, 1)
    assert open_rows(scene, 1) == [other.given]
    scene.drop("social_care")
    agency, key, cells = HERS[hers]
    found = replace(child, street=fled.street, code=fled.code, uprn=fled.uprn)
    scene.add(agency, found, key, open_=True, **cells)
    nights(place, 2, 3)
    shown = [row for row in place.published(3).to_pylist() if row["given_names"] == child.given and not row["withheld"]]
    assert is_nowhere(scene, fled), shown


@pytest.mark.in_full
@pytest.mark.parametrize("other", ["a sister", "a stranger", "the hidden child herself"])
def test_a_decision_opens_nobody_who_is_hidden_whoever_the_other_is(scene: Scene, other: str) -> None:
    place, child, fled = scene.place, scene.victim, scene.other(5)
    scene.appear("social_care", upn="")
    scene.asks("social_care")
    hers = replace(child, given=child.given[:4], family=scene.other(2).family)
    scene.add("health", hers, "HK", open_=True, nhs_number=scene.other(6).nhs)
    sister = replace(scene.other(4), family=hers.family, street=child.street, code=child.code, uprn=child.uprn)
    scene.add("police", sister if other == "a sister" else scene.other(7), "PS", open_=True)
    nights(place, 0, 1)
    whose = "social_care:S0100" if other == "the hidden child herself" else "police:PS"
    decide(place.deployment, AUTHORITY, "not_the_same", "health:HK", whose, actor="Ruth", reason="two", at=NOW)
    place.load()
    scene.drop("social_care")
    nights(place, 2)
    scene.add("health", replace(hers, street=fled.street, code=fled.code, uprn=fled.uprn), "HK", open_=True, nhs_number=scene.other(6).nhs)  # fmt: skip
    nights(place, 3, 4)
    assert is_nowhere(scene, fled)
    opened_by_two(scene, "health:HK")
    nights(place, 5)
    assert not is_nowhere(scene, fled)
