"""Person records carried over night by night are those made of all live records at once, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import Contract
from pipelines.records.carried_over import person_records_after
from pipelines.records.live_records import apply_delivery
from pipelines.records.person_records import PersonRecords, build_person_records
from pipelines.tables import write_table
from tests.validation.records import NIGHT, contract, judged, record

CONTRACTS = {agency: contract(agency) for agency in ("health", "social_care")}
KEY = {"health": "local_patient_id", "social_care": "la_child_id"}

# what a delivery says of a child; a record without a birth date or names is rejected
HEALTH = st.sampled_from(
    [
        {},
        {"gender": "2"},
        {"family_name": "Okafor", "former_family_name": "Bello; Mensah; Bello"},
        {"postcode": "ZZ99 3VZ"},
        {"confidentiality": "S"},
        {"carer_name": "A Carer", "carer_relationship": "mother"},
        {"gp_practice_code": "V81999"},
        {"birth_date": None},
        {"birth_date": None, "confidentiality": "S"},
    ]
)
NAMES = [
    {"family": "Ash", "given": "Bo", "type": "former", "from": "2015-01-01", "to": "2016-01-01"},
    {"family": "Elm", "given": "Bo", "type": "current", "from": "2016-01-01", "to": None},
    {"family": "Oak", "given": "Bo", "type": "alias", "from": None, "to": None},
]
SERVICES = [
    {"team": "North", "worker": "A Worker", "start": "2020-01-01", "sensitive": "false"},
    {"team": "Clinic", "start": "2020-01-01", "sensitive": "true", "consent_basis": "consent"},
]
SOCIAL_CARE = st.sampled_from(
    [
        {},
        {"names": NAMES},
        {"names": NAMES[::-1], "caf_exists": "true"},
        {"involvements": SERVICES},
        {"carers": [{"name": "B Carer"}, {"name": "A Carer"}, {"name": "A Carer", "contact": "0200"}]},
        {"address": None, "shield": None},
        {"withdrawn": "true"},
        {"names": None, "shield": {"requested": "perhaps"}},
    ]
)


def said(children: st.SearchStrategy[Mapping[str, Any]]) -> st.SearchStrategy[tuple[str, dict[int, Any]]]:
    """A delivery: its mode, and what it says of some of six children."""
    told = st.dictionaries(st.integers(1, 6), children, max_size=6)
    return st.tuples(st.sampled_from(["full", "delta"]), told)


@st.composite
def nights(draw: st.DrawFn) -> list[dict[str, tuple[str, dict[int, Any]]]]:
    """What the feeds deliver on one night after another; of some nothing comes."""
    feeds = {"health": said(HEALTH), "social_care": said(SOCIAL_CARE)}
    night = st.fixed_dictionaries({}, optional=feeds)
    return draw(st.lists(night, min_size=2, max_size=4))


class Feed:
    """One feed's live records from night to night, and the keys that a night touched."""

    def __init__(self, agency: str) -> None:
        self.agency = agency
        self.live: pa.Table | None = None
        self.touched = pa.array([], pa.string())

    def deliver(self, mode: str, told: Mapping[int, Any], night: date) -> None:
        rows = []
        for number, changes in told.items():
            row = record(self.agency, {KEY[self.agency]: f"{number}", "nhs_number": f"999000{number:04}", **changes})
            gone = {KEY[self.agency]: f"{number}", "change": "withdraw"}
            change = {"change": "upsert"} if mode == "delta" else {}
            rows.append(gone if mode == "delta" and not changes else row | change)
        result = judged(self.agency, *rows, night=night, delta=mode == "delta")
        after = apply_delivery(
            self.live, result.accepted, result.rejects, CONTRACTS[self.agency],
            mode=mode, lost=0, delivery_id=f"delivery {night}", business_date=night,
        )  # fmt: skip
        self.live, self.touched = after.live, after.touched


def everything(feeds: list[Feed], night: date, contracts: Mapping[str, Contract] = CONTRACTS) -> PersonRecords:
    return build_person_records({feed.agency: feed.live for feed in feeds if feed.live}, contracts, "330", night)


def followed(
    before: PersonRecords, feeds: list[Feed], night: date, contracts: Mapping[str, Contract] = CONTRACTS
) -> PersonRecords:
    same = {feed.agency: feed.touched for feed in feeds if contracts[feed.agency] == CONTRACTS[feed.agency]}
    live = {feed.agency: feed.live for feed in feeds if feed.live}
    return person_records_after(before, same, live, contracts, "330", night)


def same_bytes(one: PersonRecords, other: PersonRecords, folder: Path) -> None:
    for name, table in vars(one).items():
        assert table.equals(getattr(other, name)), name
        written = [write_table(getattr(each, name), folder / f"{name}.parquet").sha256 for each in (one, other)]
        assert written[0] == written[1], name


@pytest.mark.in_full
@settings(max_examples=8, deadline=None)
@given(delivered=nights())
def test_night_by_night_comes_to_what_all_at_once_does(tmp_path_factory: Any, delivered: list[Any]) -> None:
    feeds = [Feed("health"), Feed("social_care")]
    before, night = everything(feeds, NIGHT), NIGHT
    for number, deliveries in enumerate(delivered):
        night = NIGHT + timedelta(days=number)
        for feed in feeds:
            feed.touched = pa.array([], pa.string())
            if feed.agency in deliveries:
                feed.deliver(*deliveries[feed.agency], night)
        after = followed(before, feeds, night)
        same_bytes(after, everything(feeds, night), tmp_path_factory.mktemp("person"))
        before = after


def first_night() -> list[Feed]:
    feeds = [Feed("health"), Feed("social_care")]
    for feed in feeds:
        feed.deliver("full", {1: {}, 2: {}, 3: {}}, NIGHT)
    return feeds


def test_under_another_contract_all_of_a_feed_is_made_anew(tmp_path: Path) -> None:
    feeds = first_night()
    before = everything(feeds, NIGHT)
    health = CONTRACTS["health"]
    # a gender that meant one thing means another
    codes = [replace(each, codes={"1": "F"}) if each.name == "gender" else each for each in health.columns]
    other = CONTRACTS | {"health": replace(health, columns=tuple(codes))}
    feeds[0].touched = pa.array([], pa.string())
    after = followed(before, feeds, NIGHT, other)
    same_bytes(after, everything(feeds, NIGHT, other), tmp_path)
    assert not after.records.equals(before.records)


def test_a_feed_that_is_no_longer_registered_leaves(tmp_path: Path) -> None:
    feeds = first_night()
    before = everything(feeds, NIGHT)
    same_bytes(followed(before, feeds[1:], NIGHT), everything(feeds[1:], NIGHT), tmp_path)


def test_a_record_of_no_known_day_is_told_of_with_the_day_of_each_night(tmp_path: Path) -> None:
    feeds = first_night()
    for feed in feeds:
        assert feed.live is not None
        place = feed.live.column_names.index("as_of")
        feed.live = feed.live.set_column(place, "as_of", pa.nulls(feed.live.num_rows, pa.date32()))
        feed.touched = pa.array([], pa.string())
    before, night = everything(feeds, NIGHT), NIGHT + timedelta(days=1)
    after = followed(before, feeds, night)
    same_bytes(after, everything(feeds, night), tmp_path)
    assert set(after.records["as_of"].to_pylist()) == {night}
