"""What a load spares itself in versions of before changes nothing: they are as if each had been held against everything anew.

Two homes are led through the same nights; in one it is forgotten after each what the versions were held against.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipelines.nights.protective import protect_at_once
from tests.attacks.town import big_moves
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights, bytes_under

NIGHTS = 6
SHIELD = {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}


def asks(chance: Random, place: LittleNights) -> None:
    feed, (field, mark) = chance.choice([("health", ("confidentiality", "S")), ("social_care", ("shield", SHIELD))])
    one_of(chance, place, feed)[field] = mark


def asks_no_more(chance: Random, place: LittleNights) -> None:
    for row in place.feeds["health"].rows.values():
        if row.get("confidentiality") == "S" and chance.random() < 0.7:
            row["confidentiality"] = ""


def goes(chance: Random, place: LittleNights) -> None:
    """A child leaves some feeds, or all."""
    nhs = chance.choice(children()).nhs
    for feed in place.feeds.values():
        for key in [key for key, row in feed.rows.items() if nhs in map(str, row.values())]:
            if chance.random() < 0.8:
                feed.drop(key)


def is_written_otherwise(chance: Random, place: LittleNights) -> None:
    row = one_of(chance, place, "health")
    field = chance.choice(["family_name", "given_name", "birth_date", "nhs_number", "postcode"])
    row[field] = {"birth_date": row["birth_date"][:-1] + "3", "nhs_number": ""}.get(field, str(row[field])[:-1])


def comes_anew(chance: Random, place: LittleNights) -> None:
    row = dict(one_of(chance, place, "health"))
    row["local_patient_id"] = f"N{chance.randrange(1000)}"
    row["nhs_number"] = chance.choice(["", row["nhs_number"]])
    place.feeds["health"].rows[row["local_patient_id"]] = row


def has_a_sensitive_service(chance: Random, place: LittleNights) -> None:
    row = one_of(chance, place, "social_care")
    named = {
        "team": f"Team {chance.randrange(9)}",
        "worker": "A. Worker",
        "contact": "01632 960002",
        "start": "2024-01-01",
    }
    secret = {**named, "team": "Safe House", "sensitive": True, "consent_basis": "explicit_consent"}
    row["involvements"] = chance.choice(
        [[{**named, "sensitive": False}], [secret], [], [{**named, "sensitive": False}, secret]]
    )


LIFE = (asks, asks_no_more, goes, is_written_otherwise, comes_anew, has_a_sensitive_service)


def one_of(chance: Random, place: LittleNights, feed: str) -> dict[str, Any]:
    rows = place.feeds[feed].rows
    return rows[chance.choice(sorted(rows))]


def shown(place: LittleNights) -> dict[str, str]:
    told = {
        Path(path).relative_to(place.home): sha256 for path, sha256 in bytes_under(place.home / "snapshots").items()
    }
    return {path.as_posix(): sha256 for path, sha256 in told.items() if "tombstones" not in path.parts}


def forget(place: LittleNights) -> None:
    (place.home / "nights" / AUTHORITY / "protected.json").unlink(missing_ok=True)


@pytest.mark.in_full
@pytest.mark.parametrize("seed", range(4))
def test_versions_are_as_if_each_had_been_held_against_everything_anew(tmp_path: Path, seed: int) -> None:
    one = LittleNights(tmp_path / "one")
    one.deliver(0)
    assert one.load() == {0: "published"}
    other = one.copied_to(tmp_path / "other")
    chances = Random(seed), Random(seed)
    with big_moves():
        for night in range(1, NIGHTS):
            for place, chance in zip((one, other), chances, strict=True):
                for happens in chance.sample(LIFE, 2):
                    happens(chance, place)
                place.deliver(night)
                state = place.load()
                assert state == {night: "published"}
            forget(other)
            protect_at_once(other.deployment, AUTHORITY)
            assert shown(one) == shown(other)
