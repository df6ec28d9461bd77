"""At an identity firewall no two versions that are kept lead from one family to the other, whatever the feeds do before and after it begins."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.nights import decisions, protection_decisions
from pipelines.publishing.publish import snapshot_tables
from pipelines.tables import read_table
from tests.attacks.town import big_moves
from tests.nights.little_authority import AUTHORITY, Child, day_of
from tests.nights.little_nights import LittleNights
from tests.nights.test_firewall import ADOPTIVE, BIRTH, hold_adoptive, identities, verdict

pytestmark = pytest.mark.one_database

FAMILIES = {BIRTH.family, ADOPTIVE.family}
TELLING = {
    BIRTH.family: ("Brackenholt", f"Maud {BIRTH.family}"),
    ADOPTIVE.family: ("Marrowdene", f"Greta {ADOPTIVE.family}", "01632 960777"),
}


def care(place: LittleNights) -> dict[str, dict[str, Any]]:
    return place.feeds["social_care"].rows


def hold_birth(place: LittleNights, key: str = "S0021") -> None:
    """Social care holds the birth identity, under this key."""
    place.feeds["social_care"].hold(BIRTH)
    care(place)[key] = care(place).pop("S0021") | {"la_child_id": key}


def hold_both(place: LittleNights, **cells: Any) -> None:
    """Social care holds both identities; the adoptive one says this."""
    hold_birth(place)
    birth = care(place)["S0021"]
    hold_adoptive(place, **cells)
    care(place)["S0021"] = birth


def load(place: LittleNights, night: int) -> None:
    place.deliver(night)
    assert place.load()[night] == "published"


def told_under_each_id(place: LittleNights) -> dict[str, set[str]]:
    """Index id → the families of which any version that is kept shows anything under it, or an id that it leads to."""
    told: dict[str, set[str]] = {}
    leads: set[tuple[str, str]] = set()
    for night in range(8):
        if place.night(night).version() is None:
            continue
        for table in ("children", "names", "addresses", "carers", "involvements"):
            for row in place.published(night, table).to_pylist():
                seen = repr(row)
                families = {
                    family for family in FAMILIES if family in seen or any(each in seen for each in TELLING[family])
                }
                told.setdefault(row["index_id"], set()).update(families)
        leads |= {(row["index_id"], row["redirects_to"]) for row in place.published(night, "redirects").to_pylist()}
    for one, other in leads:
        told.setdefault(one, set()).update(told.get(other, set()))
    return told


def nothing_leads_across(place: LittleNights) -> None:
    told = told_under_each_id(place)
    assert [families for families in told.values() if len(families) > 1] == []


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Two nights on which the adoptive record asks for the wall; health, education and social care know the birth identity."""
    made = LittleNights(tmp_path_factory.mktemp("walled"))
    made.feeds["health"].hold(BIRTH)
    hold_both(made, firewall_from="S0021")
    with big_moves():
        for night in (0, 1):
            load(made, night)
    of = identities(made, 1)
    assert len({of[key] for key in (f"health:P{BIRTH.nhs}", "social_care:S0021", "social_care:S0921")}) > 1
    assert of["social_care:S0021"] != of["social_care:S0921"]
    nothing_leads_across(made)
    return made


@pytest.fixture
def place(walled: LittleNights, tmp_path: Path) -> LittleNights:
    return walled.copied_to(tmp_path)


def renamed(row: dict[str, Any], family: str, *, former: str | None = None) -> None:
    """A record of health or social care is called after another family."""
    if "family_name" in row:
        row["family_name"] = family
    else:
        row["names"] = [{"family": family, "given": BIRTH.given, "type": "current"}]
        if former:
            row["names"].append({"family": former, "given": BIRTH.given, "type": "former"})


@pytest.mark.in_full
@pytest.mark.parametrize(
    "taken", ["health", "both", "one letter wrong", "with the former name", "for a night", "by the adoptive one", "exchanged", "the other side is gone", "given up before"],
)  # fmt: skip
def test_who_takes_the_other_familys_name_over_shows_none_and_keeps_the_id(place: LittleNights, taken: str) -> None:
    health, birth, adoptive = place.feeds["health"].rows[f"P{BIRTH.nhs}"], care(place)["S0021"], care(place)["S0921"]
    to = "Thistlewikk" if taken == "one letter wrong" else ADOPTIVE.family
    with big_moves():
        if taken == "given up before":
            renamed(adoptive, "Ormsgill")
            load(place, 2)
        if taken in ("health", "both", "one letter wrong", "for a night", "given up before"):
            renamed(health, to)
        if taken in ("both", "one letter wrong", "for a night", "given up before", "with the former name"):
            renamed(birth, to, former=BIRTH.family if taken == "with the former name" else None)
        if taken == "by the adoptive one":
            renamed(adoptive, BIRTH.family)
        if taken == "exchanged":
            birth["names"], adoptive["names"] = adoptive["names"], birth["names"]
        if taken == "the other side is gone":
            del care(place)["S0021"], place.feeds["health"].rows[f"P{BIRTH.nhs}"]
            load(place, 2)
            renamed(adoptive, BIRTH.family)
        load(place, 3)
        if taken == "for a night":
            renamed(health, BIRTH.family)
            renamed(birth, BIRTH.family)
            load(place, 4)
            of = identities(place, 4)
            (child,) = (row for row in place.published(4).to_pylist() if row["index_id"] == of["social_care:S0021"])
            assert child["family_name"] == BIRTH.family  # its own again
        load(place, 5)
    nothing_leads_across(place)
    for night in (3, 5):
        for row in place.published(night).to_pylist():
            assert row["family_name"] != "Thistlewikk"


@pytest.mark.in_full
@pytest.mark.parametrize("first", ["birth", "adoptive"])
def test_an_id_that_both_had_is_neithers_once_a_wall_begins_also_where_the_record_of_one_is_gone(
    tmp_path: Path, first: str
) -> None:
    place = LittleNights(tmp_path)
    with big_moves():
        place.feeds["health"].hold(BIRTH if first == "birth" else ADOPTIVE)
        load(place, 0)
        if first == "birth":
            hold_adoptive(place)
        else:
            hold_birth(place)
        load(place, 1)
        bearer = f"health:P{BIRTH.nhs}"
        del place.feeds["health"].rows[f"P{BIRTH.nhs}"]
        if first == "birth":
            hold_birth(place, "S0022")
            care(place)["S0921"]["firewall_from"] = "S0022"
        else:
            hold_both(place, firewall_from="S0021")
        old = identities(place, 1)[bearer]
        load(place, 2)
    of = identities(place, 2)
    assert (
        len(
            {
                of[key]
                for key in of
                if key.startswith("social_care:S09") or key in ("social_care:S0021", "social_care:S0022")
            }
        )
        == 2
    )
    assert old not in of.values()
    nothing_leads_across(place)


@pytest.mark.in_full
def test_a_version_in_which_both_were_one_is_found_though_all_records_have_other_keys(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    hold_both(place)
    with big_moves():
        load(place, 0)
        assert identities(place, 0)["social_care:S0021"] == identities(place, 0)["social_care:S0921"]
        for old, new, asks in (("S0021", "S8221", {}), ("S0921", "S8321", {"firewall_from": "S8221"})):
            care(place)[new] = care(place).pop(old) | {"la_child_id": new} | asks
        load(place, 1)
        of = identities(place, 1)
        assert of["social_care:S8221"] != of["social_care:S8321"]
        nothing_leads_across(place)
        assert place.load() == {}
    assert day_of(0).isoformat() in str(place.night(0).version())


@pytest.mark.in_full
def test_the_opening_of_one_side_holds_no_night_for_the_wish_of_a_record_that_is_gone(tmp_path: Path) -> None:
    """It had the number of both sides: one alone is opened in vain, and told so; both together are opened."""
    place = LittleNights(tmp_path)
    hold_both(place, firewall_from="S0021")
    health = place.feeds["health"]
    health.hold(BIRTH)
    health.rows["PZ77"] = health.rows.pop(f"P{BIRTH.nhs}") | {"local_patient_id": "PZ77", "confidentiality": "S"}
    by: dict[str, Any] = {"reason": "seen", "at": datetime.now(UTC)}
    with big_moves():
        load(place, 0)
        del health.rows["PZ77"]
        load(place, 1)
        for night, keys in ((2, ["social_care:S0021"]), (3, ["social_care:S0021", "social_care:S0921"])):
            for key in keys:
                proposed = protection_decisions.unshield(place.deployment, AUTHORITY, key, actor="Ruth", **by)
                told = protection_decisions.proposal_of(place.deployment, AUTHORITY, proposed.number)
                assert "another" in told.unmet
                protection_decisions.confirm(place.deployment, AUTHORITY, proposed.number, actor="Omar", **by)
            load(place, night)
            shown = place.published(night).to_pylist()
            hidden = {row["index_id"] for row in shown if row["shielded"] or row["withheld"]}
            both = {identities(place, night)[key] for key in ("social_care:S0021", "social_care:S0921")}
            assert both & hidden == (both if night == 2 else set())


@pytest.mark.in_full
@pytest.mark.parametrize("key", ["social_care:S0021", f"health:P{BIRTH.nhs}"], ids=["of a side", "between them"])
def test_the_gate_finds_a_name_that_was_taken_over(place: LittleNights, tmp_path: Path, key: str) -> None:
    renamed(
        care(place)["S0021"] if key.startswith("social") else place.feeds["health"].rows[f"P{BIRTH.nhs}"],
        ADOPTIVE.family,
    )
    with big_moves():
        load(place, 2)
    version = place.night(2).version()
    assert version is not None
    paths = snapshot_tables(place.deployment.home.snapshots(AUTHORITY) / version)
    assert verdict(place, paths, 2).passed
    table = read_table(paths["children"])
    taken = identities(place, 2)[key]
    rows = [row | ({"family_name": ADOPTIVE.family} if row["index_id"] == taken else {}) for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "children.parquet")
    told = verdict(place, paths | {"children": tmp_path / "children.parquet"}, 2)
    assert not told.passed and told.figures["names_taken"] == 1


def hold_stray(place: LittleNights, child: Child, **cells: Any) -> None:
    """The police have a further record, of the birth identity or the adoptive one."""
    police = place.feeds["police"]
    police.hold(child, postcode=BIRTH.postcode if child == BIRTH else "B77 7DP")
    police.rows["CSTRAY"] = police.rows.pop("C0021") | {"contact_ref": "CSTRAY"} | cells


@pytest.mark.parametrize("first", ["birth", pytest.param("adoptive", marks=pytest.mark.in_full)])
def test_a_record_that_comes_to_stand_at_a_wall_brings_no_id_with_it(
    place: LittleNights, tmp_path: Path, first: str
) -> None:
    """It told of one family, linked with nobody; then its agency completes it under the same key, and it is the other's."""
    one, other = (BIRTH, ADOPTIVE) if first == "birth" else (ADOPTIVE, BIRTH)
    with big_moves():
        hold_stray(place, one, date_of_birth="", age_estimate="9", forenames="R")
        load(place, 2)
        brought = identities(place, 2)["police:CSTRAY"]
        hold_stray(place, other)
        load(place, 3)
    of = identities(place, 3)
    assert brought not in of.values()
    assert brought not in place.published(3, "redirects")["index_id"].to_pylist()
    nothing_leads_across(place)
    if of["police:CSTRAY"] != of["social_care:S0921"]:
        return
    version = place.night(3).version()
    assert version is not None
    paths = snapshot_tables(place.deployment.home.snapshots(AUTHORITY) / version)
    assert verdict(place, paths, 3).passed
    table = read_table(paths["redirects"])
    led = {"index_id": brought, "redirects_to": of["police:CSTRAY"], "since": day_of(3)}
    added = pa.concat_tables([table, pa.Table.from_pylist([led], schema=table.schema)])
    pq.write_table(added, tmp_path / "redirects.parquet")
    told = verdict(place, paths | {"redirects": tmp_path / "redirects.parquet"}, 3)
    assert not told.passed and told.figures["ids_brought"] == 1


@pytest.mark.in_full
def test_a_slip_beside_a_wall_that_is_put_right_holds_no_night(tmp_path: Path) -> None:
    """A stranger's police key comes once with what is told of a child at the wall, and then as it was."""
    place = LittleNights(tmp_path)
    place.feeds["health"].hold(BIRTH)
    place.feeds["education"].hold(BIRTH)
    hold_birth(place)
    birth = care(place)["S0021"]
    own = {"address": {"lines": [ADOPTIVE.street, "Birmingham"], "postcode": "B77 7DP", "status": "current"}}
    place.feeds["social_care"].hold(ADOPTIVE, firewall_from="S0021", **own)
    care(place).update({"S0921": care(place).pop("S0021") | {"la_child_id": "S0921"}, "S0021": birth})
    police = place.feeds["police"]
    was = dict(police.rows["C0003"])
    with big_moves():
        load(place, 0)
        police.hold(BIRTH, postcode=BIRTH.postcode, location=BIRTH.street)
        police.rows["C0003"] = police.rows.pop("C0021") | {"contact_ref": "C0003"}
        load(place, 1)
        assert identities(place, 1)["police:C0003"] == identities(place, 1)["social_care:S0021"]
        of_birth = identities(place, 1)["social_care:S0021"]
        police.rows["C0003"] = was
        for night in (2, 3):
            load(place, night)
            of = identities(place, night)
            assert of["social_care:S0021"] == of_birth != of["police:C0003"] == of["social_care:S0003"]
    nothing_leads_across(place)


@pytest.mark.in_full
@pytest.mark.parametrize("again", ["a decision", pytest.param("a feed", marks=pytest.mark.in_full)])
def test_a_wall_that_was_taken_away_and_stands_again_is_another(tmp_path: Path, again: str) -> None:
    """A version of the first time shows two ids that the version of the time between shows as one."""
    place = LittleNights(tmp_path)
    hold_both(place)
    a, b = "social_care:S0021", "social_care:S0921"
    by: dict[str, Any] = {"reason": "seen", "at": datetime.now(UTC)}
    with big_moves():
        load(place, 0)
        wall = decisions.decide(place.deployment, AUTHORITY, "firewall", a, b, actor="Ruth", **by)
        load(place, 1)
        first = identities(place, 1)
        undone = decisions.take_back(place.deployment, AUTHORITY, wall.number, actor="Ruth", **by)
        protection_decisions.confirm(place.deployment, AUTHORITY, undone.number, actor="Omar", **by)
        load(place, 2)
        joined = identities(place, 2)
        assert joined[a] == joined[b]
        if again == "a decision":
            decisions.decide(place.deployment, AUTHORITY, "firewall", a, b, actor="Ruth", **by)
        else:
            care(place)["S0921"]["firewall_from"] = "S0021"
        load(place, 3)
    of = identities(place, 3)
    assert len({of[a], of[b], first[a], first[b]}) == 4
    nothing_leads_across(place)
    for night, then in ((1, first), (2, joined)):
        theirs = [row for row in place.published(night).to_pylist() if row["index_id"] in (then[a], then[b])]
        assert all(row["withheld"] and row["family_name"] is None for row in theirs)


def decided_as_one(place: LittleNights) -> None:
    by: dict[str, Any] = {"reason": "seen", "at": datetime.now(UTC)}
    made = decisions.decide(
        place.deployment, AUTHORITY, "same", "social_care:S0021", "social_care:S0921", actor="Ruth", **by
    )
    protection_decisions.confirm(place.deployment, AUTHORITY, made.number, actor="Omar", **by)


@pytest.mark.in_full
@pytest.mark.parametrize("how", ["corrected", pytest.param("late", marks=pytest.mark.in_full)])
def test_a_silence_that_a_night_took_in_stays_one_though_its_delivery_be_replaced(tmp_path: Path, how: str) -> None:
    """The record asked, two people said `same`, it came without the wish; a new order comes in another delivery for that night."""
    place = LittleNights(tmp_path)
    a, b = "social_care:S0021", "social_care:S0921"
    hold_both(place, firewall_from="S0021")
    with big_moves():
        load(place, 0)
        decided_as_one(place)
        del care(place)["S0921"]["firewall_from"]
        load(place, 1)
        if how == "late":
            load(place, 2)
        joined = identities(place, 1)
        assert joined[a] == joined[b]
        care(place)["S0921"]["firewall_from"] = "S0021"
        place.deliver(1, "social_care")
        assert set(place.load().values()) == {"published"}
    for night in (1, 2) if how == "late" else (1,):
        of = identities(place, night)
        assert of[a] != of[b] and joined[a] not in (of[a], of[b])
    nothing_leads_across(place)


@pytest.mark.in_full
def test_what_a_version_showed_that_knew_of_no_wall_is_nobodys_id_though_the_wall_stands_again_from_an_earlier_night_on(
    tmp_path: Path,
) -> None:
    place = LittleNights(tmp_path)
    a, b = "social_care:S0021", "social_care:S0921"
    hold_both(place, firewall_from="S0021")
    with big_moves():
        load(place, 0)
        del care(place)["S0921"]["firewall_from"]
        for night in (1, 2):
            load(place, night)
        decided_as_one(place)
        load(place, 3)
        joined = identities(place, 3)
        assert joined[a] == joined[b]
        care(place)["S0921"]["firewall_from"] = "S0021"
        place.deliver(2, "social_care")
        del care(place)["S0921"]["firewall_from"]
        for _ in range(2):
            assert set(place.load(asked=[3]).values()) == {"published"}
            of = identities(place, 3)
            assert of[a] != of[b] and joined[a] not in (of[a], of[b])
        load(place, 4)
    assert joined[a] not in identities(place, 4).values()
    nothing_leads_across(place)
