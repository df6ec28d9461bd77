"""What was told once: another file under the same manifest, another look at the same attempt, and a corrected night take nothing of it away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.nights.inputs import Asking
from pipelines.nights.requests import asked_for, keep_wishes
from pipelines.seams import words
from pipelines.tables import read_table
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.town import big_moves
from tests.attacks.victims import Victim
from tests.nights.little_authority import AGENCIES, AUTHORITY, day_of
from tests.nights.little_nights import LittleNights, broken_in, bytes_under, few_keys_may_move


def stands_at(place: LittleNights, child: Victim) -> list[str]:
    """Where the child's postcode is found in the home and the database."""
    return Haystack.of(place.home, place.landing, place.deployment.engine).where(child.code, "home")


@pytest.mark.in_full
def test_an_upload_that_breaks_off_twice_hides_whom_either_part_asks_for(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    early, late = scene.other(1), scene.other(2)
    for child in (early, late):
        for agency in AGENCIES:
            scene.add(agency, child, open_=True)
    for night in (0, 1):
        place.deliver(night)
        assert place.load() == {night: "published"}
    assert stands_at(place, late)
    health = place.feeds["health"].rows.values()
    for child in (early, late):
        next(row for row in health if row["local_patient_id"] == f"HK{child.number}")["confidentiality"] = "S"
    place.deliver(2)
    file = place.landing / AUTHORITY / "health" / day_of(2).isoformat() / "health.csv"
    whole = file.read_bytes()
    with big_moves():
        for part in (whole[:-5], whole[: whole.index(f"HK{late.number}".encode())], whole):
            file.write_bytes(part)
            assert place.load() == {2: "published"}
            assert stands_at(place, early) == stands_at(place, late) == []


@pytest.mark.in_full
@pytest.mark.parametrize(
    "then",
    [
        "corrected",
        *(pytest.param(each, marks=pytest.mark.in_full) for each in ("both nights corrected", "the next night")),
    ],
)
def test_whom_a_held_night_has_found_stays_hidden_though_it_is_looked_at_again_and_corrected(
    tmp_path: Path, then: str
) -> None:
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    known, new = scene.other(1), scene.other(2)
    scene.add("education", known, open_=True)
    for night in (0, 1):
        place.deliver(night)
        assert place.load() == {night: "published"}
    with few_keys_may_move():
        scene.add("education", new, open_=True)
        for child in (
            known,
            new,
        ):  # one child of three records, which the matcher alone knows: nothing is said in all of them
            other = scene.other(child.number - 100 + 4)
            asks = replace(
                child, family=other.family, born=date(2011, 2, 3), street=other.street, code=other.code, uprn=other.uprn,
                carer=other.carer, phone=other.phone,
            )  # fmt: skip
            scene.add("health", asks, f"X{child.number}", open_=True, confidentiality="S")
            between = scene.add("social_care", child, f"Y{child.number}", open_=True)
            between["names"].append({"family": asks.family, "given": asks.given, "type": "former"})
        place.renumber()
        place.deliver(2)
        assert place.load() == {2: "held"}
        assert stands_at(place, known) == stands_at(place, new) == []
        for row in place.feeds["health"].rows.values():
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        for agency in ("health", "social_care"):
            rows = place.feeds[agency].rows
            for key in [key for key in rows if key.startswith("100 ")]:
                del rows[key]
        if then == "both nights corrected":
            place.deliver(1, "education")
        place.deliver(3 if then == "the next night" else 2)
        assert set(place.load().values()) == {"published"}
        assert stands_at(place, known) == stands_at(place, new) == []
        if then == "the next night":
            place.load(asked=[2])
            place.deliver(4)
            assert place.load() == {4: "published"}
            assert stands_at(place, known) == stands_at(place, new) == []


def one_who_asks(scene: Scene, child: Victim) -> None:
    """Two records more, which make the child, who asks nothing, one with a child of another name who asks; the matcher alone knows."""
    other = scene.other(child.number - 100 + 4)
    asks = replace(
        child, family=other.family, born=date(2011, 2, 3), street=other.street, code=other.code, uprn=other.uprn,
        carer=other.carer, phone=other.phone,
    )  # fmt: skip
    scene.add("health", asks, f"X{child.number}", open_=True, confidentiality="S")
    between = scene.add("social_care", child, f"Y{child.number}", open_=True)
    between["names"].append({"family": asks.family, "given": asks.given, "type": "former"})


def nobody_asks(place: LittleNights, *agencies: str) -> None:
    """What `scene.add` has brought goes from these feeds."""
    for agency in agencies:
        rows = place.feeds[agency].rows
        for key in [key for key in rows if key.startswith("100 ")]:
            del rows[key]


def told(place: LittleNights) -> list[str]:
    """All that was ever asked for."""
    with place.deployment.engine.connect() as connection:
        return sorted(connection.scalars(select(db.protection_request.c.delivery_id)))


@pytest.mark.in_full
@pytest.mark.parametrize(
    "then",
    [
        "corrected",
        *(
            pytest.param(each, marks=pytest.mark.in_full)
            for each in ("disk full", "gone and come again", "the correction is held", "a later night is there")
        ),
    ],
)
def test_whom_a_published_night_has_found_stays_hidden_when_the_night_comes_otherwise(
    tmp_path: Path, then: str
) -> None:
    place = LittleNights(tmp_path)
    scene = Scene(place, 100)
    child = scene.other(1)
    scene.add("education", child, open_=True)
    for night in (0, 1):
        place.deliver(night)
        assert place.load() == {night: "published"}
    with big_moves():
        one_who_asks(scene, child)
        place.deliver(2)
        assert place.load() == {2: "published"}
        assert stands_at(place, child) == []
        if then == "a later night is there":
            nobody_asks(place, "education")  # the later one knows by its latches alone who was found
            place.deliver(3)
            assert place.load() == {3: "published"}
        row = dict(place.feeds["education"].rows)
        nobody_asks(place, "health", "social_care")
        if then == "gone and come again":
            nobody_asks(place, "education")
        if then == "a later night is there":
            scene.add("education", child, open_=True)
        place.deliver(2)
        if then == "disk full":
            assert place.load(before=broken_in("reports"))[2] == "failed"
            assert stands_at(place, child) == []
        if then == "the correction is held":
            place.renumber()
            place.deliver(2, "health")
    if then == "the correction is held":
        with few_keys_may_move():
            assert place.load() == {2: "held"}
            for health in place.feeds["health"].rows.values():
                health["local_patient_id"] = health["local_patient_id"].rstrip("N")
            place.deliver(3)
            assert place.load()[3] == "published"
            assert stands_at(place, child) == []
            return
    with big_moves():
        assert set(place.load().values()) == {"published"}
        assert stands_at(place, child) == []
        kept, files = told(place), bytes_under(place.home / "snapshots", place.home / "protection")
        assert place.load() == {}
        place.load(asked=[2])  # nothing is written again of what is known
        assert told(place) == kept and bytes_under(place.home / "snapshots", place.home / "protection") == files
        if then == "gone and come again":
            place.feeds["education"].rows.update(row)
        place.deliver(4)
        assert place.load() == {4: "published"}
        assert place.in_force(4)
        assert stands_at(place, child) == []


def test_whatever_an_attempt_is_found_to_mean_is_kept_each_for_itself_and_once(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    place.deliver(0)
    assert place.load() == {0: "published"}
    night, asked, attempt = place.night(0), db.protection_request.c, place.in_force(0)
    records = read_table(attempt.folder / "person" / "records.parquet")["record_key"].to_pylist()
    one, other = sorted(key for key in records if key.startswith("education:"))[:2]
    told = [[one], [other], [one, other]]
    for keys in (*told, *told):
        keep_wishes(attempt, keys)
    with place.deployment.engine.connect() as connection:
        query = select(asked.delivery_id, asked.agency, asked.business_date, asked.content_sha256, asked.told)
        asking = [Asking(*row) for row in connection.execute(query.order_by(asked.told))]
    kept = asked_for(night, asking)  # each file is what was kept
    assert [each.requests.num_rows for each in kept] == [1, 1, 2] and [each.told for each in kept] == [1, 2, 3]
    assert all(len(each.delivery_id) <= words.DELIVERY_ID for each in kept)
