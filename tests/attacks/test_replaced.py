"""A published night that comes otherwise, or is built past: what its version knew of hidden children and of firewalls stays known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.nights.decisions import decide, hold, take_back
from pipelines.nights.inputs import Inputs
from pipelines.nights.protection_decisions import confirm, shield, unshield
from pipelines.privacy.references import references
from pipelines.publishing.versions import versions_there
from pipelines.tables import read_as, read_table
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.test_told_once import nobody_asks, one_who_asks, stands_at
from tests.attacks.town import big_moves
from tests.attacks.victims import KEYS, Victim
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights, broken_in, bytes_under, few_keys_may_move

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(LittleNights(tmp_path), 100)


def nights(place: LittleNights, *numbers: int) -> None:
    for night in numbers:
        place.deliver(night)
        assert set(place.load().values()) == {"published"}


def under_another_key(place: LittleNights, agency: str) -> None:
    """The child's record goes from a feed and comes again with another key of its own."""
    rows = place.feeds[agency].rows
    (key,) = [key for key in rows if key.startswith("100 ")]
    row = dict(rows.pop(key))
    rows["100 new"] = row | ({"URN": "167591"} if agency == "education" else {KEYS[agency]: "NEWKEY1"})


@pytest.mark.in_full
@pytest.mark.parametrize(
    "agency", ["education", *(pytest.param(each, marks=pytest.mark.in_full) for each in ("police", "health"))]
)
def test_a_child_who_is_registered_anew_in_the_correction_stays_hidden(scene: Scene, agency: str) -> None:
    place, child = scene.place, scene.other(1)
    scene.add(agency, child, open_=True)
    nights(place, 0, 1)
    one_who_asks(scene, child)
    nights(place, 2)
    assert stands_at(place, child) == []
    nobody_asks(place, *{"health", "social_care"} - {agency})
    if agency == "health":
        del place.feeds["health"].rows[next(key for key in place.feeds["health"].rows if f"X{child.number}" in key)]
    under_another_key(place, agency)
    for night in (2, 3):
        nights(place, night)
        assert stands_at(place, child) == []


@pytest.mark.in_full
def test_a_child_who_is_registered_anew_in_the_correction_of_a_held_night_stays_hidden(scene: Scene) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    with few_keys_may_move():
        one_who_asks(scene, child)
        place.renumber()
        place.deliver(2)
        assert place.load() == {2: "held"}
    for row in place.feeds["health"].rows.values():
        row["local_patient_id"] = row["local_patient_id"].removesuffix("N")
    nobody_asks(place, "health", "social_care")
    under_another_key(place, "education")
    nights(place, 2)
    assert stands_at(place, child) == []


def moved_beside_another(scene: Scene) -> tuple[Victim, Victim]:
    """A shielded child moves to a home where another child, who stays open, lives already: that child, and the home."""
    child, home = scene.victim, scene.other(3)
    scene.add("social_care", replace(child, street=home.street, code=home.code, uprn=home.uprn))
    there = replace(scene.other(2), family=child.family, street=home.street, code=home.code, uprn=home.uprn)
    scene.add("education", there, open_=True)
    return there, home


def shown_at(place: LittleNights, home: Victim) -> list[str]:
    """Versions that show anybody at a home, and where else it stands."""
    root = place.deployment.home.snapshots(AUTHORITY)
    versions = [
        version
        for version in versions_there(place.deployment.home, AUTHORITY)
        if home.code.replace(" ", "")
        in repr(read_table(root / version / "addresses.parquet").to_pylist()).replace(" ", "")
    ]
    return versions + Haystack.of(place.home, place.landing, place.deployment.engine).where(home.code, "home")


@pytest.mark.parametrize(
    "then",
    ["told as before", *(pytest.param(each, marks=pytest.mark.in_full) for each in ("gone", "a run is killed before"))],
)
def test_a_home_that_only_the_replaced_night_knew_stays_hidden(scene: Scene, then: str) -> None:
    place, child = scene.place, scene.victim
    scene.appear("health", "social_care")
    scene.asks("health")
    nights(place, 1)
    _, home = moved_beside_another(scene)
    nights(place, 2)
    assert shown_at(place, home) == []
    if then == "gone":
        scene.drop("social_care")
    else:
        scene.add("social_care", child)
    if then == "a run is killed before":
        place.deliver(2)
        assert place.load(before=broken_in("identities")) == {2: "failed"}
    for night in (2, 3):
        nights(place, night)
        assert shown_at(place, home) == []


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["corrected", pytest.param("the next night", marks=pytest.mark.in_full)])
def test_a_home_that_only_a_held_night_knew_is_hidden_at_once_and_stays_so(scene: Scene, then: str) -> None:
    place, child = scene.place, scene.victim
    scene.appear("health", "social_care")
    scene.asks("health")
    home = scene.other(3)
    there = replace(scene.other(2), family=child.family, street=home.street, code=home.code, uprn=home.uprn)
    scene.add("education", there, open_=True)
    nights(place, 1)
    assert shown_at(place, home)
    with few_keys_may_move():
        scene.add("social_care", replace(child, street=home.street, code=home.code, uprn=home.uprn))
        place.renumber()
        place.deliver(2)
        assert place.load() == {2: "held"}
        assert shown_at(place, home) == []
        assert place.planned() == {}
    for row in place.feeds["health"].rows.values():
        row["local_patient_id"] = row["local_patient_id"].removesuffix("N")
    scene.add("social_care", child)
    for night in (2, 3) if then == "corrected" else (3,):
        nights(place, night)
        assert shown_at(place, home) == []


@pytest.mark.in_full
def test_a_name_that_only_the_replaced_night_knew_of_a_hidden_child_hides_it_later(scene: Scene) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    renamed = replace(child, family=home.family, street=home.street, code=home.code, uprn=home.uprn)
    scene.appear("health", "social_care")
    scene.asks("health")
    nights(place, 1)
    scene.add("social_care", renamed)["names"].append({"family": child.family, "given": child.given, "type": "former"})
    nights(place, 2)
    scene.add("social_care", child)
    nights(place, 2)
    scene.add("education", replace(renamed, number=child.number + 5), open_=True)
    nights(place, 3)
    assert stands_at(place, renamed) == []


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["corrected", pytest.param("the first night", marks=pytest.mark.in_full)])
def test_what_a_side_of_a_wall_has_borne_in_the_replaced_night_is_still_its_own(scene: Scene, then: str) -> None:
    """The adoptive side's new home and carer are told in a night that is corrected; then the birth side's record tells of them."""
    place, birth, other, new = scene.place, scene.victim, scene.other(2), scene.other(3)
    adoptive = replace(
        birth, family=other.family, street=other.street, code=other.code, uprn=other.uprn, carer=other.carer, phone=other.phone
    )  # fmt: skip
    home: dict[str, Any] = {
        "street": new.street,
        "code": new.code,
        "uprn": new.uprn,
        "carer": new.carer,
        "phone": new.phone,
    }

    def tell(child: Victim, key: str) -> None:
        scene.add("social_care", child, key, open_=True, upn="", nhs_number="")

    tell(birth, "SA")
    tell(replace(adoptive, **home) if then == "the first night" else adoptive, "SB")
    nights(place, 0)
    decide(
        place.deployment, AUTHORITY, "firewall", "social_care:SA", "social_care:SB", actor="Ruth", reason="Adopted", at=NOW
    )  # fmt: skip
    if then == "the first night":
        assert place.load() == {0: "published"}
        tell(adoptive, "SB")
        nights(place, 0)
    else:
        nights(place, 1)
        tell(replace(adoptive, **home), "SB")
        nights(place, 2)
        tell(adoptive, "SB")
        nights(place, 2)
    tell(replace(birth, **home), "SA")
    nights(place, 3)
    tables = {
        name: place.published(3, name)
        for name in ("children", "addresses", "contacts", "carers")
        if _is_table(place, name)
    }
    (its,) = {row["index_id"] for row in tables["children"].to_pylist() if row["family_name"] == birth.family}
    shown = [row for table in tables.values() for row in table.to_pylist() if row["index_id"] == its]
    assert shown and not [row for row in shown if any(part in repr(row) for part in (new.code, new.phone, new.carer))]


def _is_table(place: LittleNights, name: str) -> bool:
    folder = place.deployment.home.snapshots(AUTHORITY) / str(place.night(3).version())
    return (folder / f"{name}.parquet").is_file()


@pytest.mark.in_full
def test_whom_two_people_have_opened_is_open_from_then_on_though_the_night_before_comes_otherwise(scene: Scene) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    one_who_asks(scene, child)
    nights(place, 2)
    wish = unshield(
        place.deployment, AUTHORITY, f"education:{child.upn}/167590", actor="Ruth", reason="Another child", at=NOW
    )
    confirm(place.deployment, AUTHORITY, wish.number, actor="Sam", reason="Another child", at=NOW)
    nobody_asks(place, "health", "social_care")
    nights(place, 2)
    assert stands_at(place, child) == []  # the decision counts from the next night on
    for night in (3, 4):
        nights(place, night)
        seen = place.published(night).to_pylist()
        (found,) = [row for row in seen if row["family_name"] == child.family]
        assert not (found["shielded"] or found["withheld"])


@pytest.mark.in_full
@pytest.mark.parametrize("correction", ["published", "held"])
def test_an_opening_that_a_correction_goes_before(scene: Scene, correction: str) -> None:
    """A record that the correction published, and hid with the child, is not whom two people meant: they are told, and say it again."""
    place, child = scene.place, scene.other(1)
    nights(place, 0)
    scene.add("health", child, "HA", open_=True, confidentiality="S")
    nights(place, 1)
    scene.row("health", "HA")["confidentiality"] = ""
    nights(place, 2)

    def opens() -> None:
        wish = unshield(place.deployment, AUTHORITY, "health:HA", actor="Ruth", reason="It has ended", at=NOW)
        confirm(place.deployment, AUTHORITY, wish.number, actor="Sam", reason="It has ended", at=NOW)

    opens()
    scene.add("police", child, "PA", open_=True)
    if correction == "held":
        held(place, 2, but="HA")
    else:
        nights(place, 2)
    assert stands_at(place, child) == []
    nights(place, 3)
    if correction == "published":
        assert is_hidden(place, 3, child)
        (unmet,) = read_as(place.in_force(3).folder / "protection" / "unmet.json", list)
        assert unmet["why"] == ["strayed"] and unmet["others"] == [references(pa.array(["police:PA"]))[0].as_py()]
        opens()
        nights(place, 4)
    else:
        nights(place, 4)
    assert not is_hidden(place, 4, child)


@pytest.mark.in_full
def test_a_night_says_what_it_carries_on_and_rests_until_something_changes(scene: Scene) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    one_who_asks(scene, child)
    nights(place, 2)
    was = place.in_force(2).inputs
    nobody_asks(place, "health", "social_care")
    nights(place, 2)
    now = place.in_force(2).inputs
    assert was.carried == ()
    assert [each.business_date for each in now.carried] == [
        date(2026, 11, 19),
        date(2026, 11, 20),
    ]  # that of before was made less
    assert Inputs.from_json(now.as_json()) == now and now.digest != replace(now, carried=()).digest
    assert now.data_digest == replace(now, carried=()).data_digest
    assert place.load() == {} and place.planned() == {}
    files = bytes_under(place.home / "snapshots")
    assert place.load(asked=[2]) == {2: "published"}  # what it replaced is gone by now
    assert place.in_force(2).inputs == now and bytes_under(place.home / "snapshots") == files
    assert stands_at(place, child) == []


@pytest.mark.in_full
@pytest.mark.parametrize("name", ["protection/latched", "protection/hidden", "matching/walls_borne"])
def test_a_night_is_not_replaced_where_it_cannot_be_read_what_it_knows(scene: Scene, name: str) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    one_who_asks(scene, child)
    nights(place, 2)
    nobody_asks(place, "health", "social_care")
    path = place.in_force(2).folder / f"{name}.parquet"
    away = path.rename(place.home.with_name("away.parquet"))
    place.deliver(2)
    assert place.load() == {2: "failed"}
    assert place.last(2).code == "CARRIED_MISSING"
    assert stands_at(place, child) == []
    away.rename(path)
    assert place.load() == {2: "published"}
    assert stands_at(place, child) == []


@pytest.mark.in_full
@pytest.mark.parametrize("left", [b"{}", None])
def test_a_night_is_replaced_where_it_cannot_be_read_what_it_was_built_from_and_nobody_is_shown(
    scene: Scene, left: bytes | None
) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    one_who_asks(scene, child)
    nights(place, 2)
    nobody_asks(place, "health", "social_care")
    lost(place, 2, left)
    nights(place, 2)
    assert stands_at(place, child) == []


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["it was held", "it failed", "it comes at once"])
def test_where_the_pointer_was_put_back_a_correction_still_knows_what_it_would_have_replaced(
    scene: Scene, then: str
) -> None:
    place, child = scene.place, scene.other(1)
    scene.add("education", child, open_=True)
    nights(place, 1)
    pointer = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    before = pointer.read_bytes()
    one_who_asks(scene, child)
    nights(place, 2)
    nobody_asks(place, "health", "social_care")
    if then == "it was held":
        held(place, 2)
    pointer.write_bytes(before)
    if then != "it was held":
        place.deliver(2)
    if then == "it failed":
        assert place.load(before=broken_in("links"))[2] == "failed"
    assert place.load(asked=[2])[2] == "published"
    for night in (2, 3):
        assert is_hidden(place, night, child) and stands_at(place, child) == []
        nights(place, 3)


@pytest.mark.in_full
@pytest.mark.parametrize("known_by", ["names", "number"])
def test_a_version_on_hold_of_no_night_goes_when_who_is_shown_in_it_asks_under_another_key(
    scene: Scene, known_by: str
) -> None:
    place, child, home = scene.place, scene.other(1), scene.other(3)
    nights(place, 1)
    scene.add("health", child, "A", open_=True)
    nights(place, 2)
    hold(place.deployment, AUTHORITY, str(place.night(2).version()), actor="Ruth", reason="Court", at=NOW)
    nobody_asks(place, "health")
    nights(place, 2, 3)
    assert stands_at(place, child)
    fled = replace(child, street=home.street, code=home.code, uprn=home.uprn, carer=home.carer, phone=home.phone)
    if known_by == "number":
        fled = replace(fled, family=home.family, given=home.given, born=date(2012, 3, 4))
    scene.add("health", fled, "B", open_=True, confidentiality="S")
    nights(place, 4)
    assert stands_at(place, child) == []
    nights(place, 5)
    assert list((place.deployment.home.snapshots(AUTHORITY) / "known_by").glob("*")) == []


@pytest.mark.in_full
@pytest.mark.parametrize("found", ["child", "home"])
@pytest.mark.parametrize("how", ["fails", "is held"])
def test_what_the_correction_of_an_older_night_finds_is_hidden_though_the_latest_night_cannot_be_built_on_it(
    scene: Scene, found: str, how: str
) -> None:
    place, child = scene.place, scene.other(1)
    if found == "child":
        scene.add("education", child, open_=True)
    else:
        scene.appear("health")
        scene.asks("health")
        scene.add(
            "education", replace(scene.other(2), street=child.street, code=child.code, uprn=child.uprn), open_=True
        )
    nights(place, 1, 2, 3)
    assert stands_at(place, child)
    if found == "child":
        one_who_asks(scene, child)
    else:
        moved = replace(scene.victim, street=child.street, code=child.code, uprn=child.uprn)
        scene.add("social_care", moved, "M", open_=True)
    place.deliver(2)
    gone(place, "social_care", "Y") if found == "child" else gone(place, "social_care", "M")
    gone(place, "health", "X")
    if how == "fails":
        seen: list[str] = []

        def second(stage: str) -> None:
            seen.append(stage)
            if stage == "identities" and seen.count(stage) > 1:
                raise OSError(28, "No space left on device")

        assert place.load(before=second) == {2: "published", 3: "failed"}
    else:
        with few_keys_may_move():
            kept = {key: dict(row) for key, row in place.feeds["education"].rows.items()}
            place.renumber()
            place.feeds["education"].rows.update(kept)
            place.deliver(3, "health")
            assert place.load() == {2: "published", 3: "held"}
        for row in place.feeds["health"].rows.values():
            row["local_patient_id"] = row["local_patient_id"].removesuffix("N")
    assert stands_at(place, child) == []
    for night in (3, 4):
        nights(place, night)
        assert stands_at(place, child) == []
    assert place.load() == {}


def open_child_with(scene: Scene) -> tuple[Victim, Victim]:
    """An open child in education, and whoever it will be found to be one with, who asks nothing yet: a record of health, by other names."""
    child = scene.other(1)
    asker = asker_like(scene, child)
    scene.add("education", child, open_=True)
    scene.add("health", asker, "X", open_=True)
    return child, asker


def asker_like(scene: Scene, child: Victim) -> Victim:
    """The child as another record tells of it: other names, birth date and home; the number is the same."""
    other = scene.other(child.number - 100 + 4)
    return replace(
        child, family=other.family, born=date(2011, 2, 3), street=other.street, code=other.code, uprn=other.uprn,
        carer=other.carer, phone=other.phone,
    )  # fmt: skip


def joined_by_another_record(scene: Scene, child: Victim, asker: Victim) -> None:
    """Social care has a record with both names."""
    scene.add("social_care", child, "Y", open_=True)["names"].append(
        {"family": asker.family, "given": asker.given, "type": "former"}
    )


def gone(place: LittleNights, agency: str, part: str) -> None:
    """Records with this in their key go from a feed."""
    rows = place.feeds[agency].rows
    for key in [key for key in rows if part in key]:
        del rows[key]


def held(place: LittleNights, night: int, but: str = "-") -> None:
    """The night is held: too many keys move in health, of which one stays."""
    with few_keys_may_move():
        kept = {key: dict(row) for key, row in place.feeds["health"].rows.items() if but in row["local_patient_id"]}
        place.renumber()
        for key, row in kept.items():
            place.feeds["health"].rows[key]["local_patient_id"] = row["local_patient_id"]
        place.deliver(night)
        assert place.load() == {night: "held"}
    for row in place.feeds["health"].rows.values():
        row["local_patient_id"] = row["local_patient_id"].removesuffix("N")


def lost(place: LittleNights, night: int, left: bytes | None) -> None:
    """What the night in force was built from is overwritten, or gone."""
    inputs = place.in_force(night).folder / "inputs.json"
    inputs.unlink() if left is None else inputs.write_bytes(left)


def is_hidden(place: LittleNights, night: int, child: Victim) -> bool:
    rows = [row for row in place.published(night).to_pylist() if row["family_name"] == child.family]
    assert rows, "nobody bears the name"
    return all(row["shielded"] or row["withheld"] for row in rows)


@pytest.mark.in_full
@pytest.mark.parametrize("by", ["a feed", "a person"])
@pytest.mark.parametrize("inputs", ["there", "broken", "gone"])
def test_who_was_hidden_later_through_a_record_that_is_gone_stays_hidden(scene: Scene, by: str, inputs: str) -> None:
    """Three records are one open child; then one of them asks, or is shielded; then what joined them is gone."""
    place, child = scene.place, scene.other(1)
    asker = asker_like(scene, child)
    scene.add("education", child, open_=True)
    nights(place, 1)
    scene.add("health", asker, "X", open_=True)
    joined_by_another_record(scene, child, asker)
    nights(place, 2)
    assert stands_at(place, child)
    gone(place, "social_care", "Y")
    if by == "a feed":
        scene.add("health", asker, "X", open_=True, confidentiality="S")
        place.deliver(2)
        assert place.load(before=broken_in("inputs")) == {2: "failed"}
    else:
        shield(place.deployment, AUTHORITY, "health:X", actor="Ruth", reason="Police", at=NOW)
        held(place, 2, but="X")
    assert stands_at(place, child) == []
    if inputs != "there":
        lost(place, 2, b"[]" if inputs == "broken" else None)
    for night in (2, 3):
        nights(place, night)
        assert stands_at(place, child) == [] and is_hidden(place, night, child)


@pytest.mark.in_full
@pytest.mark.parametrize("by", ["a join that is taken back", "a pair that is parted", "a wall"])
def test_who_was_hidden_later_stays_hidden_when_one_person_parts_what_joined_it_and_nothing_else_comes(
    scene: Scene, by: str
) -> None:
    place = scene.place
    child, asker = open_child_with(scene)
    key = f"education:{child.upn}/167590"
    if by != "a join that is taken back":
        joined_by_another_record(scene, child, asker)
        nights(place, 1)
    else:
        nights(place, 1)
        joined = decide(place.deployment, AUTHORITY, "same", key, "health:X", actor="Ruth", reason="One", at=NOW)
        assert set(place.load().values()) == {"published"}
    assert stands_at(place, child)
    scene.add("health", asker, "X", open_=True, confidentiality="S")
    place.deliver(2)
    assert place.load(before=broken_in("inputs")) == {2: "failed"}
    assert stands_at(place, child) == []
    if by == "a pair that is parted":
        for other in (key, "social_care:Y"):
            decide(place.deployment, AUTHORITY, "not_the_same", other, "health:X", actor="Ruth", reason="Two", at=NOW)
    elif by == "a wall":
        decide(place.deployment, AUTHORITY, "firewall", key, "health:X", actor="Ruth", reason="Two", at=NOW)
    else:
        take_back(place.deployment, AUTHORITY, joined.number, actor="Ruth", reason="Two", at=NOW)
    assert place.load(before=broken_in("inputs"))[2] == "failed"
    for night in (2, 3):
        nights(place, night)
        assert stands_at(place, child) == [] and is_hidden(place, night, child)


@pytest.mark.in_full
@pytest.mark.parametrize("how", ["fails", "is held"])
def test_who_is_hidden_by_a_night_that_is_not_published_stays_hidden_when_what_joined_it_is_gone_from_the_correction(
    scene: Scene, how: str
) -> None:
    place = scene.place
    child, asker = open_child_with(scene)
    joined_by_another_record(scene, child, asker)
    nights(place, 1)
    assert stands_at(place, child)
    scene.add("health", asker, "X", open_=True, confidentiality="S")
    if how == "fails":
        place.deliver(2)
        assert place.load(before=broken_in("inputs")) == {2: "failed"}
    else:
        held(place, 2, but="X")
    assert stands_at(place, child) == []
    gone(place, "social_care", "Y")
    for night in (2, 3):
        nights(place, night)
        assert stands_at(place, child) == [] and is_hidden(place, night, child)
    assert place.load() == {}


@pytest.mark.parametrize(
    "then",
    [
        "corrected in one load",
        *(pytest.param(each, marks=pytest.mark.in_full) for each in ("corrected", "the next night")),
    ],
)
def test_whom_a_person_has_shielded_stays_hidden_when_its_record_comes_under_another_key(
    scene: Scene, then: str
) -> None:
    place, child = scene.place, scene.other(1)
    nights(place, 1)
    scene.add("education", child, open_=True)
    nights(place, 2)
    shield(place.deployment, AUTHORITY, f"education:{child.upn}/167590", actor="Ruth", reason="Police", at=NOW)
    rows = dict(place.feeds["education"].rows)
    nobody_asks(place, "education")
    if then != "corrected in one load":
        held(place, 2)
        assert stands_at(place, child) == []
    night = 3 if then == "the next night" else 2
    nights(place, night)
    assert stands_at(place, child) == []
    place.feeds["education"].rows.update(rows)
    under_another_key(place, "education")
    nights(place, night + 1)
    assert stands_at(place, child) == [] and is_hidden(place, night + 1, child)


@pytest.mark.parametrize(
    "then",
    [
        "under another key",
        *(pytest.param(each, marks=pytest.mark.in_full) for each in ("held, then under another key", "gone", "moved")),
    ],
)
def test_a_wall_that_people_decided_stands_though_a_side_is_another_in_the_correction(scene: Scene, then: str) -> None:
    place, birth, other, new = scene.place, scene.victim, scene.other(2), scene.other(3)
    home: dict[str, Any] = {
        "street": new.street,
        "code": new.code,
        "uprn": new.uprn,
        "carer": new.carer,
        "phone": new.phone,
    }
    before = replace(
        birth, family=other.family, street=other.street, code=other.code, uprn=other.uprn, carer=other.carer, phone=other.phone
    )  # fmt: skip
    adoptive = replace(before, **home)

    def tell(child: Victim, key: str) -> None:
        scene.add("social_care", child, key, open_=True, upn="", nhs_number="")

    tell(birth, "SA")
    nights(place, 1)
    tell(adoptive, "SB")
    nights(place, 2)
    decide(
        place.deployment, AUTHORITY, "firewall", "social_care:SA", "social_care:SB", actor="Ruth", reason="Adopted", at=NOW
    )  # fmt: skip
    if then == "held, then under another key":
        held(place, 2)
    if then == "moved":
        tell(before, "SB")
    else:
        gone(place, "social_care", "SB")
    if "another key" in then:
        tell(adoptive, "SB2")
    tell(replace(birth, **home) if "key" not in then else birth, "SA")
    for night in (2, 3):
        nights(place, night)
        tables = [place.published(night, name).to_pylist() for name in ("children", "names", "addresses", "carers")]
        its = {row["index_id"] for row in tables[0] if row["family_name"] == birth.family}
        shown = repr([row for table in tables for row in table if row["index_id"] in its])
        assert len(its) == 1 and not [part for part in (adoptive.family, new.code, new.carer) if part in shown]
        tell(replace(birth, **home), "SA")


@pytest.mark.in_full
@pytest.mark.parametrize("how", ["failed", pytest.param("held", marks=pytest.mark.in_full)])
def test_by_what_a_new_record_of_a_held_night_tells_of_a_hidden_child_it_is_known(scene: Scene, how: str) -> None:
    place, child = scene.place, scene.other(1)
    asker = asker_like(scene, child)
    scene.add("health", asker, "X", open_=True, confidentiality="S")
    nights(place, 1)
    scene.add("education", child, open_=True)
    joined_by_another_record(scene, child, asker)
    if how == "held":
        held(place, 2, but="X")
    else:
        place.deliver(2)
        assert place.load(before=broken_in("snapshot")) == {2: "failed"}
    gone(place, "social_care", "Y")
    gone(place, "health", "X")
    for night in (2, 3):
        nights(place, night)
        assert stands_at(place, child) == []


@pytest.mark.in_full
def test_the_home_that_a_new_record_of_a_held_night_tells_of_a_hidden_child_is_hidden(scene: Scene) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    scene.appear("health", "social_care")
    scene.asks("health")
    there = replace(scene.other(2), family=child.family, street=home.street, code=home.code, uprn=home.uprn)
    scene.add("education", there, open_=True)
    nights(place, 1)
    scene.add("education", replace(child, street=home.street, code=home.code, uprn=home.uprn), "new")
    held(place, 2)
    assert shown_at(place, home) == []
    gone(place, "education", "new")
    nights(place, 2)
    assert shown_at(place, home) == []


def test_a_version_that_was_replaced_and_shows_a_home_that_is_hidden_by_now_is_removed(scene: Scene) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    scene.appear("health", "social_care")
    scene.asks("health")
    nights(place, 1)
    stranger = replace(scene.other(2), street=home.street, code=home.code, uprn=home.uprn)
    scene.add("education", stranger, open_=True)
    nights(place, 2)
    assert shown_at(place, home)
    scene.add("social_care", replace(child, street=home.street, code=home.code, uprn=home.uprn))
    nights(place, 2)
    assert shown_at(place, home) == []


@pytest.mark.parametrize("which", [2, pytest.param(1, marks=pytest.mark.in_full)])
def test_a_night_that_is_held_again_with_a_hidden_childs_new_key_rests(scene: Scene, which: int) -> None:
    place, child = scene.place, scene.other(2)
    scene.add("health", child, "HB", open_=True, confidentiality="S")
    nights(place, *range(4 - which))
    with few_keys_may_move():
        for agencies in ((), ("health",)):
            place.renumber()
            place.deliver(which, *agencies)
            assert place.load()[which] == "held"
        assert place.load() == {} and place.planned() == {}


@pytest.mark.in_full
def test_who_was_hidden_through_a_decision_that_one_person_takes_back_stays_hidden(scene: Scene) -> None:
    place, child = scene.place, scene.other(1)
    asker = replace(asker_like(scene, child), number=300)
    scene.add("education", child, open_=True)
    scene.add("health", asker, "X", open_=True, nhs_number="")
    nights(place, 1)
    key = f"education:{child.upn}/167590"
    same = decide(place.deployment, AUTHORITY, "same", key, "health:X", actor="Ruth", reason="One child", at=NOW)
    nights(place, 2)
    scene.row("health", "X")["confidentiality"] = "S"
    place.deliver(2)
    assert place.load(before=broken_in("inputs")) == {2: "failed"}
    assert stands_at(place, child) == []
    take_back(place.deployment, AUTHORITY, same.number, actor="Ruth", reason="Two children", at=NOW)
    nights(place, 2)
    assert stands_at(place, child) == [] and is_hidden(place, 2, child)


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["another child asks in it", "it has another key"])
def test_whom_two_people_have_opened_stays_open_when_an_older_night_is_corrected_and_held(
    scene: Scene, then: str
) -> None:
    place, child, other = scene.place, scene.other(1), scene.other(2)
    nights(place, 0)
    scene.add("health", child, "HA", open_=True, confidentiality="S")
    nights(place, 1)
    wish = unshield(place.deployment, AUTHORITY, "health:HA", actor="Ruth", reason="It has ended", at=NOW)
    confirm(place.deployment, AUTHORITY, wish.number, actor="Sam", reason="It has ended", at=NOW)
    scene.row("health", "HA")["confidentiality"] = ""
    nights(place, 2)
    assert not is_hidden(place, 2, child)
    if then == "another child asks in it":
        scene.add("health", other, "HB", open_=True, confidentiality="S")
        nights(place, 1)
        assert not is_hidden(place, 2, child)
        held_beside_others(place, 1, but="H")  # what it tells of both is as it was
    else:
        scene.add("police", child, open_=True)
        held_beside_others(place, 1)
    assert not is_hidden(place, 2, child)
    assert place.load() == {}


def held_beside_others(place: LittleNights, night: int, but: str = "-") -> None:
    """An older night's correction is held; the later ones are built past it."""
    with few_keys_may_move():
        kept = {key: row["local_patient_id"] for key, row in place.feeds["health"].rows.items()}
        place.renumber()
        for key, row in place.feeds["health"].rows.items():
            if kept[key].startswith(but):
                row["local_patient_id"] = kept[key]
        place.deliver(night)
        assert place.load()[night] == "held"


def at_a_hostel(scene: Scene, home: Victim) -> Victim:
    """Eleven children of as many families live at a home; who has the hidden child's family name, beside them."""
    for number in range(11):
        living = scene.other(30 + number)
        scene.add("education", replace(living, street=home.street, code=home.code, uprn=home.uprn), open_=True)
    sister = replace(scene.other(50), family=scene.victim.family, street=home.street, code=home.code, uprn=home.uprn)
    scene.add("education", sister, open_=True)
    return sister


def living_at_home(place: LittleNights, child: Victim) -> list[str]:
    """Versions that show the child at its home."""
    root, shown = place.deployment.home.snapshots(AUTHORITY), []
    for version in versions_there(place.deployment.home, AUTHORITY):
        children, addresses = (
            read_table(root / version / f"{name}.parquet").to_pylist() for name in ("children", "addresses")
        )
        ids = {
            row["index_id"]
            for row in children
            if (row["given_names"], row["family_name"]) == (child.given, child.family)
        }
        shown += [version for row in addresses if row["index_id"] in ids and child.code in str(row["postcode"])]
    return shown


@pytest.mark.in_full
@pytest.mark.parametrize("then", ["moves", "moves and has another name", "is gone", "is told of by a held night alone"])
def test_the_family_stays_hidden_at_a_hostel_where_the_hidden_child_lived(scene: Scene, then: str) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    sister = at_a_hostel(scene, home)
    scene.appear("health", "social_care")
    scene.asks("health")
    nights(place, 1)
    assert living_at_home(place, sister)
    there = replace(child, street=home.street, code=home.code, uprn=home.uprn)
    scene.add("social_care", there)
    if then != "is told of by a held night alone":
        nights(place, 2)
        assert living_at_home(place, sister) == [] and shown_at(place, home)
    else:
        held(place, 2)
    renamed = scene.other(6)
    if then == "is gone":
        scene.drop("health")
        scene.drop("social_care")
    elif then == "moves and has another name":
        other = replace(child, family=renamed.family, carer=renamed.carer, phone=renamed.phone)
        scene.add("social_care", other)
        scene.add("health", other, confidentiality="S")
    else:
        scene.add("social_care", child)
    for night in (2, 3):
        nights(place, night)
        assert living_at_home(place, sister) == [] and shown_at(place, home)


@pytest.mark.in_full
@pytest.mark.parametrize("tie", ["family", "carer"])
@pytest.mark.parametrize("on_hold", [False, True])
def test_no_version_of_before_shows_the_family_at_a_hostel_where_the_hidden_child_comes_to_live(
    scene: Scene, tie: str, on_hold: bool
) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    sister = at_a_hostel(scene, home)
    if tie == "carer":
        sister = replace(scene.other(51), carer=child.carer, street=home.street, code=home.code, uprn=home.uprn)
        scene.add("social_care", sister, "SIS", open_=True)
    nights(place, 0)
    assert living_at_home(place, sister)
    if on_hold:
        hold(place.deployment, AUTHORITY, str(place.night(0).version()), actor="Ruth", reason="Court", at=NOW)
        scene.add("police", scene.other(70), open_=True)
        nights(place, 0)
    scene.add("social_care", replace(child, street=home.street, code=home.code, uprn=home.uprn))
    scene.add("health", child, confidentiality="S")
    for night in (1, 2):
        nights(place, night)
        assert living_at_home(place, sister) == [] and shown_at(place, home)


@pytest.mark.in_full
def test_a_home_of_many_children_of_few_families_is_no_hostel(scene: Scene) -> None:
    place, child, home = scene.place, scene.victim, scene.other(3)
    scene.appear("health", "social_care")
    scene.asks("health")
    nights(place, 1)
    families = [scene.other(20 + number).family for number in range(4)]
    for number in range(11):
        living = scene.other(30 + number)
        scene.add(
            "education",
            replace(living, family=families[number % 4], street=home.street, code=home.code, uprn=home.uprn),
            open_=True,
        )
    nights(place, 2)
    assert shown_at(place, home)
    scene.add("social_care", replace(child, street=home.street, code=home.code, uprn=home.uprn))
    nights(place, 2)
    assert shown_at(place, home) == []
