"""Whatever a social care record says of a firewall is a wall between the two it means, or hides the child until somebody knows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.nights import decisions, protection_decisions
from pipelines.nights.protection_decisions import confirm, proposal_of, unshield
from pipelines.nights.protective import taken_away
from pipelines.nights.unmet import reasons_told
from pipelines.protection.shielding import Unmet
from pipelines.publishing.publish import snapshot_tables
from pipelines.publishing.versions import versions_there
from pipelines.tables import file_sha256, read_table
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights, broken_in, bytes_under, few_keys_may_move
from tests.nights.test_firewall import ADOPTIVE, BIRTH, hold_adoptive, identities, shown, sides, verdict

A, B = "social_care:S0021", "social_care:S0921"
WHY: Any = {"actor": "Ruth", "reason": "order 7", "at": datetime.now(UTC)}
UNREADABLE = ("S0021", BIRTH.nhs, "Quillerby", "Thistlewick", "Marrowdene", "Brackenholt")


def both(folder: Path, **cells: Any) -> LittleNights:
    """Social care holds both identities of one child; the adoptive one says this."""
    place = LittleNights(folder)
    care = place.feeds["social_care"]
    care.hold(BIRTH)
    care.rows["S0021"]["carers"] = [{"name": f"Maud {BIRTH.family}", "relationship": "mother"}]
    birth = dict(care.rows["S0021"])
    hold_adoptive(place, **cells)
    care.rows["S0021"] = birth
    return place


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A night on which nobody asks: the two are one child."""
    made = both(tmp_path_factory.mktemp("one"))
    made.deliver(0)
    assert made.load() == {0: "published"}
    of = identities(made, 0)
    assert of[A] == of[B]
    return made


def hidden(place: LittleNights, night: int, key: str) -> bool:
    table = place.published(night)
    (row,) = table.filter(pc.equal(table["index_id"], identities(place, night)[key])).to_pylist()
    return bool(row["shielded"] or row["withheld"])


def tasks(place: LittleNights, night: int) -> list[tuple[str, str]]:
    """Kind and record of the tasks on the page of protection, in whose files nothing can be read."""
    folder = place.home / "reports" / day_of(night).isoformat() / AUTHORITY
    told = (folder / "tasks.csv").read_text(encoding="utf-8-sig")
    for text in (told, (folder / "protection.html").read_text()):
        assert not [value for value in UNREADABLE if value in text]
    table = read_table(place.in_force(night).folder / "identities" / "identities.parquet").to_pylist()
    key = {row["record_ref"]: row["record_key"] for row in table}
    return [(row["kind"], key.get(row["record_ref"], "")) for row in csv.DictReader(io.StringIO(told))]


def walled(place: LittleNights, night: int) -> None:
    """They are two, nothing of one is shown with the other, and neither is hidden."""
    of = identities(place, night)
    assert of[A] != of[B]
    assert "Quillerby" not in shown(place, night, of[B]) and "Thistlewick" not in shown(place, night, of[A])
    assert not hidden(place, night, A) and not hidden(place, night, B)
    assert "unwalled" not in {kind for kind, _ in tasks(place, night)}


@pytest.mark.in_full
@pytest.mark.parametrize(
    "said",
    [
        {"firewall_from": "s-00 21\u200b"}, {"firewall_from": "\uff330021"}, {"firewall_from": ["S0021"]},
        {"firewall_from": BIRTH.nhs}, {"firewallfrom": "S0021"}, {"wall_from": "S0021"}, {"Walled-off from": "S0021"}, {"firewall_id": "S0021"}, {"firewall_from": "S0021 "}, {"firewall_from": "S0021, S8888"},
    ],
    ids=lambda said: ascii(said),
)  # fmt: skip
def test_a_number_that_is_understood_is_a_wall_and_hides_nobody(tmp_path: Path, said: Any) -> None:
    place = both(tmp_path, **said)
    place.deliver(0)
    assert place.load() == {0: "published"}
    if "S8888" in str(said):
        assert identities(place, 0)[A] != identities(place, 0)[B] and hidden(place, 0, B)
        assert ("unwalled", B) in tasks(place, 0)
    else:
        walled(place, 0)


@pytest.mark.in_full
@pytest.mark.parametrize("said", ["\u2028", "\u200b", "\ufeff", "\x85 \u2060", " "], ids=ascii)
def test_what_cannot_be_seen_asks_for_nothing_and_holds_no_night(tmp_path: Path, said: str) -> None:
    place = both(tmp_path, firewall_from=said)
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert not hidden(place, 0, B) and tasks(place, 0) == []


@pytest.mark.in_full
@pytest.mark.parametrize("said", ["S9999", "?", {"id": "S0021"}, "S0921", "the other one"], ids=ascii)
def test_what_names_nobody_hides_who_asks_and_is_a_task(tmp_path: Path, said: Any) -> None:
    place = both(tmp_path, firewall_from=said)
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert hidden(place, 0, B) and tasks(place, 0) == [("unwalled", B)]
    answer = place.landing / AUTHORITY / "social_care" / day_of(0).isoformat() / "rejects.csv"
    queried = answer.is_file() and "SOCIAL_CARE-FIREWALL-002" in answer.read_text(encoding="utf-8-sig")
    assert queried == (said == "?" or isinstance(said, dict))
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = (
        "S0021"  # corrected: the wall stands, and two open the child
    )
    place.deliver(1)
    assert place.load() == {1: "published"}
    of = identities(place, 1)
    assert of[A] != of[B] and hidden(place, 1, B)
    assert tasks(place, 1) == [("walled", B)]


@pytest.mark.in_full
@pytest.mark.parametrize(
    "told", ["a slip", "another feed's number", "the old record goes", "it asks no more", "two names in use"]
)
def test_who_may_be_two_shows_no_carer_and_one_name_as_long_as_nobody_knows_whom_to_wall_off(
    tmp_path: Path, told: str
) -> None:
    asked = {"a slip": "S00211", "another feed's number": f"P{BIRTH.nhs}", "the old record goes": "S0021"}.get(
        told, "S9999"
    )
    place = LittleNights(tmp_path)
    place.feeds["health"].hold(BIRTH, carer_name=f"Maud {BIRTH.family}")
    care = place.feeds["social_care"]
    care.hold(BIRTH)
    place.deliver(0)
    assert place.load() == {0: "published"}
    birth = care.rows.pop("S0021")
    birth["carers"] = [{"name": f"Maud {BIRTH.family}", "relationship": "mother"}]
    hold_adoptive(place, firewall_from=asked)
    if told != "the old record goes":
        care.rows["S0021"] = birth
    if told == "two names in use":
        care.rows["S0921"]["names"] = [
            {"family": child.family, "given": child.given, "type": "current"} for child in (ADOPTIVE, BIRTH)
        ]
    for night in (1, 2):
        place.deliver(night)
        assert place.load() == {night: "published"}
        of = identities(place, night)
        assert hidden(place, night, B)
        seen = shown(place, night, of[B])
        assert "carer" not in seen and "Maud" not in seen and "Greta" not in seen
        assert "Quillerby" not in seen and "Thistlewick" not in seen
        if told == "it asks no more":
            care.rows["S0921"].pop("firewall_from", None)
    version = place.night(2).version()
    assert version is not None
    paths = snapshot_tables(place.deployment.home.snapshots(AUTHORITY) / version)
    if told == "a slip":
        assert verdict(place, paths, 2).passed
        table = read_table(paths["carers"])
        added = pa.Table.from_pylist([{"index_id": of[B], "name": "Maud Quillerby"}], schema=table.schema)
        pq.write_table(pa.concat_tables([table, added]), tmp_path / "carers.parquet")
        gate = verdict(place, paths | {"carers": tmp_path / "carers.parquet"}, 2)
        assert not gate.passed and gate.figures["unparted"] == 1


@pytest.mark.in_full
def test_a_slip_that_is_another_childs_number_hides_who_asks_until_people_say_who_is_meant(tmp_path: Path) -> None:
    place = both(tmp_path, firewall_from="S0002")  # a neighbour's
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert hidden(place, 0, B) and tasks(place, 0) == [("unwalled", B)]
    assert not hidden(place, 0, "social_care:S0002")
    assert identities(place, 0)["social_care:S0002"] != identities(place, 0)[B]
    version = place.night(0).version()
    assert version is not None
    paths = snapshot_tables(place.deployment.home.snapshots(AUTHORITY) / version)
    assert verdict(place, paths, 0).figures["unheard"] == 0
    children = read_table(paths["children"]).to_pylist()
    shown_all = [row | {"shielded": False, "withheld": False} for row in children]
    pq.write_table(
        pa.Table.from_pylist(shown_all, schema=read_table(paths["children"]).schema), tmp_path / "open.parquet"
    )
    assert verdict(place, paths | {"children": tmp_path / "open.parquet"}, 0).figures["unheard"] == 1
    why = {"actor": "Ruth", "reason": "order 7", "at": datetime.now(UTC)}
    decisions.decide(place.deployment, AUTHORITY, "firewall", A, B, **why)
    place.deliver(1)
    place.load()
    of = identities(place, 1)
    assert of[A] != of[B] and "unwalled" not in {kind for kind, _ in tasks(place, 1)}


def rejected(place: LittleNights) -> None:
    place.feeds["social_care"].rows["S0921"] |= {"firewall_from": "s0021", "names": []}
    place.deliver(1)


def refused(place: LittleNights) -> None:
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = "S0021"
    place.deliver(1, "social_care", "health", fault="checksum")


def held(place: LittleNights) -> None:
    care = place.feeds["social_care"]
    care.sequence += 2
    row = care.rows["S0921"] | {"firewall_from": "S0021", "change": "upsert"}
    put(place.landing, Delivery("social_care", day_of(1), care.sequence, "delta", [row]))


@pytest.mark.in_full
@pytest.mark.parametrize("ask", [rejected, refused, held])
def test_what_is_rejected_refused_or_held_counts_and_stays_asked_for(
    one: LittleNights, tmp_path: Path, ask: Callable[[LittleNights], None]
) -> None:
    place = one.copied_to(tmp_path)
    ask(place)
    (state,) = place.load().values()
    assert state == "published"
    night = max(each for each in (0, 1) if place.night(each).version())
    walled(place, night)
    for path in (place.home / "protection").rglob("*.parquet"):
        assert not [value for value in UNREADABLE if value.encode() in path.read_bytes()]
    place.feeds["social_care"].rows["S0921"] |= {"firewall_from": None, "names": ADOPTIVE_NAMES}
    place.deliver(2)
    place.load()
    walled(place, 2)


ADOPTIVE_NAMES = [{"family": ADOPTIVE.family, "given": ADOPTIVE.given, "type": "current"}]


@pytest.mark.in_full
def test_a_number_found_once_is_found_for_good(tmp_path: Path) -> None:
    place = both(tmp_path, firewall_from="s0021")
    place.deliver(0)
    assert place.load() == {0: "published"}
    place.feeds["social_care"].drop("S0021")
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert not hidden(place, 1, B) and tasks(place, 1) == []


@pytest.mark.in_full
@pytest.mark.parametrize("meant", [A, "social_care:S0002"])  # who is meant, or anybody at all
@pytest.mark.parametrize("since", [0, 1])
def test_a_wall_that_one_person_puts_up_opens_nobody_who_was_hidden_for_want_of_one(
    tmp_path: Path, meant: str, since: int
) -> None:
    place = both(tmp_path)
    if since:
        place.deliver(0)
        assert place.load() == {0: "published"}
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = "S9999"
    place.deliver(since)
    assert place.load() == {since: "published"}
    assert hidden(place, since, B) and tasks(place, since) == [("unwalled", B)]
    decisions.decide(place.deployment, AUTHORITY, "firewall", meant, B, **WHY)
    place.load()
    for night in (since, since + 1):  # the very night is made anew, and the next one asks again
        of = identities(place, night)
        assert of[meant] != of[B]
        assert hidden(place, night, B)
        assert [kind for kind, _ in tasks(place, night)] == ["walled"]
        place.deliver(since + 1)
        place.load()
    sides = (
        [B, A] if meant == A else [B]
    )  # A was hidden as that very child before the wall stood: who opens B alone opens nobody
    proposed = [unshield(place.deployment, AUTHORITY, each, **WHY) for each in sides]
    assert proposal_of(place.deployment, AUTHORITY, proposed[0].number).unmet == (("another",) if meant == A else ())
    assert hidden(place, since + 1, B)
    for each in proposed:
        confirm(place.deployment, AUTHORITY, each.number, **(WHY | {"actor": "Omar"}))
    place.deliver(since + 2)  # it asks again, and the wall stands
    place.load()
    assert not hidden(place, since + 2, B)
    assert tasks(place, since + 2) == []
    if meant == A:
        assert "Quillerby" not in shown(place, since + 2, identities(place, since + 2)[B])


def test_a_record_between_two_identities_is_a_task_by_its_reference_alone(tmp_path: Path) -> None:
    place = both(tmp_path, firewall_from="S0021")
    place.feeds["police"].hold(replace(BIRTH, family=f"{BIRTH.family}-{ADOPTIVE.family}"))
    place.feeds["health"].hold(BIRTH, address_line_1=ADOPTIVE.street)
    place.deliver(0)
    assert place.load() == {0: "published"}
    between = sides(place, 0)["between"]
    assert between and sorted(tasks(place, 0)) == sorted(("between", key) for key in between)
    folder = place.home / "reports" / day_of(0).isoformat() / AUTHORITY
    told = (folder / "tasks.csv").read_text(encoding="utf-8-sig")
    table = read_table(place.in_force(0).folder / "identities" / "identities.parquet").to_pylist()
    assert not [row for row in table if row["record_ref"] in told and row["record_key"] not in between]


@pytest.mark.in_full
def test_a_version_replaced_by_one_in_which_two_children_are_parted_is_removed(tmp_path: Path) -> None:
    """They were two before: it shows each under the id that the wall has ended."""
    other = "social_care:S0002"
    place = both(tmp_path)
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert identities(place, 0)[other] != identities(place, 0)[B]
    decisions.decide(place.deployment, AUTHORITY, "firewall", other, B, **WHY)
    assert place.load() == {0: "published"}
    assert versions_there(place.deployment.home, AUTHORITY) == [place.night(0).version()]


@pytest.mark.in_full
def test_a_wish_told_again_in_a_held_night_hides_nobody_whose_wall_stands(tmp_path: Path) -> None:
    place = both(tmp_path, firewall_from="S0021")
    place.deliver(0)
    assert place.load() == {0: "published"}
    walled(place, 0)
    place.feeds["health"].rows[f"P{children()[3].nhs}"]["confidentiality"] = "S"
    place.renumber()
    place.deliver(1)
    with few_keys_may_move():
        assert place.load() == {1: "held"}
    assert [each.children for each in taken_away(place.deployment, AUTHORITY)] == [1]
    walled(place, 0)


@pytest.mark.in_full
@pytest.mark.parametrize("said", ["S9999", {"x": 1}, "S0003"], ids=ascii)  # nobody, not understood, a stranger
def test_a_wall_that_was_decided_stands_in_for_nothing_that_is_asked_for_after_it(tmp_path: Path, said: Any) -> None:
    place = both(tmp_path)
    place.deliver(0)
    assert place.load() == {0: "published"}
    decisions.decide(place.deployment, AUTHORITY, "firewall", "social_care:S0002", B, **WHY)
    place.load()
    assert not hidden(place, 0, B)
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = said
    for night in (1, 2):
        place.deliver(night)
        assert place.load() == {night: "published"}
        assert hidden(place, night, B) and tasks(place, night) == [("unwalled", B)]
    version = place.night(1).version()
    assert version is not None
    paths = snapshot_tables(place.deployment.home.snapshots(AUTHORITY) / version)
    table = read_table(paths["children"])
    shown_all = [row | {"shielded": False, "withheld": False} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(shown_all, schema=table.schema), tmp_path / "open.parquet")
    unheard = verdict(place, paths | {"children": tmp_path / "open.parquet"}, 1).figures["unheard"]
    assert unheard == 1


@pytest.mark.in_full
@pytest.mark.parametrize("ends", ["held", "failed"])
def test_who_was_hidden_by_a_night_that_was_not_published_is_not_opened_by_a_corrected_number(
    tmp_path: Path, ends: str
) -> None:
    place = both(tmp_path)
    place.deliver(0)
    assert place.load() == {0: "published"}
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = "S9999"
    with few_keys_may_move():
        if ends == "held":
            place.renumber()
        place.deliver(1)
        fault = {} if ends == "held" else {"before": broken_in("links")}
        assert place.load(**fault) == {1: ends}
        assert hidden_in_database(place, B)
        place.feeds["social_care"].rows["S0921"]["firewall_from"] = "S0021"
        for row in place.feeds["health"].rows.values():  # the old keys again
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(2)
        assert place.load()[2] == "published"
    of = identities(place, 2)
    assert of[A] != of[B] and hidden(place, 2, B)
    assert ("walled", B) in tasks(place, 2)


def hidden_in_database(place: LittleNights, record_key: str, night: int = 0) -> bool:
    """Whether the child that a record had in the first night, or in another, is hidden in the index database."""
    child = db.INDEX_TABLES["children"].c
    query = select(child.shielded, child.withheld).where(child.index_id == identities(place, night)[record_key])
    with place.deployment.engine.connect() as connection:
        (row,) = connection.execute(query).all()
    return bool(row.shielded or row.withheld)


@pytest.mark.in_full
def test_who_proposes_to_open_a_child_that_waits_for_its_wall_is_told_to_put_that_up_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = both(tmp_path, firewall_from="S9999")
    place.deliver(0)
    assert place.load() == {0: "published"}
    proposed = unshield(place.deployment, AUTHORITY, B, **WHY)
    hides = protection_decisions.protect

    def in_vain(*args: Any, **kwargs: Any) -> Any:  # as where it may be another child, too
        return replace(hides(*args, **kwargs), unmet=(Unmet(0, ("another",)),))

    monkeypatch.setattr(protection_decisions, "protect", in_vain)
    assert proposal_of(place.deployment, AUTHORITY, proposed.number).unmet == ("unwalled",)
    assert "decide firewall" in reasons_told(("unwalled",), AUTHORITY)
    decisions.decide(place.deployment, AUTHORITY, "firewall", A, B, **WHY)
    place.load()
    assert proposal_of(place.deployment, AUTHORITY, proposed.number).unmet == ("another",)


@pytest.mark.in_full
@pytest.mark.parametrize("comes", ["after", "held", "delta", "corrected"])
def test_one_persons_word_that_two_are_one_child_silences_no_wish_for_a_wall(tmp_path: Path, comes: str) -> None:
    place = both(tmp_path)
    row = place.feeds["social_care"].rows["S0921"]
    if comes == "corrected":
        row["firewall_from"] = "S9999"
    place.deliver(0)
    assert place.load() == {0: "published"}
    if comes == "held":
        row["firewall_from"] = "S0021"
        place.renumber()
        place.deliver(1)
        with few_keys_may_move():
            assert place.load() == {1: "held"}
        for each in place.feeds["health"].rows.values():
            each["local_patient_id"] = each["local_patient_id"].rstrip("N")
    if comes == "delta":
        held(place)
    decisions.decide(place.deployment, AUTHORITY, "same", A, B, **WHY)
    if comes in ("after", "corrected"):
        place.load()
    if comes != "delta":
        row["firewall_from"] = "S0021"
        place.deliver(1)
    place.load()
    night = max(each for each in (0, 1) if place.night(each).version())
    of = identities(place, night)
    assert of[A] != of[B]
    assert "Quillerby" not in shown(place, night, of[B]) and "Thistlewick" not in shown(place, night, of[A])


@pytest.mark.in_full
@pytest.mark.parametrize("asks", ["found", "slip"])
def test_under_no_index_id_two_versions_show_a_family_each_once_a_record_registered_anew_asks(
    tmp_path: Path, asks: str
) -> None:
    """Two people had said that they are one child, and the record that asked before is gone."""
    place = both(tmp_path, firewall_from="S0021")
    for night in (0, 1):
        place.deliver(night)
        assert place.load()[night] == "published"
    same = decisions.decide(place.deployment, AUTHORITY, "same", A, B, **WHY)
    confirm(place.deployment, AUTHORITY, same.number, **(WHY | {"actor": "Omar"}))
    rows = place.feeds["social_care"].rows
    del rows["S0921"]["firewall_from"]
    place.deliver(2)
    assert place.load()[2] == "published"
    assert len({identities(place, 2)[key] for key in (A, B)}) == 1
    rows["S0922"] = rows.pop("S0921") | {
        "la_child_id": "S0922", "firewall_from": "S0021" if asks == "found" else "S9999",
    }  # fmt: skip
    place.deliver(3)
    assert place.load()[3] == "published"
    families: dict[str, set[str]] = {}
    for night in range(4):
        for row in place.published(night).to_pylist():
            families.setdefault(row["index_id"], set()).update({row["family_name"]} - {None})
    assert not [names for names in families.values() if len(names) > 1]
    assert {"Quillerby", "Thistlewick"} <= set().union(*families.values()) or asks == "slip"
    told = [taken.business_date for taken in taken_away(place.deployment, AUTHORITY)]
    place.load()
    assert [taken.business_date for taken in taken_away(place.deployment, AUTHORITY)] == told


def settled_by_two(folder: Path, said: Any = "S0021") -> LittleNights:
    """A wall was asked for and stood, and two people have said since that the two are one child."""
    place = both(folder, firewall_from=said)
    place.deliver(0)
    assert place.load() == {0: "published"}
    walled(place, 0)
    same = decisions.decide(place.deployment, AUTHORITY, "same", A, B, **WHY)
    confirm(place.deployment, AUTHORITY, same.number, **(WHY | {"actor": "Omar"}))
    return place


def one_child(place: LittleNights, night: int) -> None:
    of = identities(place, night)
    assert of[A] == of[B] and not hidden(place, night, B)
    assert hidden_in_database(place, B, night) is False


@pytest.fixture(scope="module")
def asks_no_more(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """The record came without the wish after that, and they are one child."""
    place = settled_by_two(tmp_path_factory.mktemp("asks-no-more"))
    del place.feeds["social_care"].rows["S0921"]["firewall_from"]
    place.deliver(1)
    assert place.load()[1] == "published"
    one_child(place, 1)
    return place


def asks_anew(place: LittleNights, said: Any = "S0021") -> None:
    place.feeds["social_care"].rows["S0921"]["firewall_from"] = said


@pytest.mark.in_full
@pytest.mark.parametrize(
    "said", ["S0021", *(pytest.param(each, marks=pytest.mark.in_full) for each in ("s-0021", BIRTH.nhs))]
)
def test_who_had_stopped_asking_for_a_wall_and_asks_anew_is_heard_whatever_was_decided_before(
    asks_no_more: LittleNights, tmp_path: Path, said: str
) -> None:
    place = asks_no_more.copied_to(tmp_path)
    asks_anew(place, said)
    place.deliver(2)
    assert place.load()[2] == "published"
    walled(place, 2)
    folder = place.in_force(2).folder
    before = bytes_under(folder / "matching", folder / "identities", folder / "protection")
    assert place.load(asked=[2]) == {2: "published"}
    assert bytes_under(folder / "matching", folder / "identities", folder / "protection") == before
    place.deliver(3)  # it goes on asking
    assert place.load()[3] == "published"
    walled(place, 3)


@pytest.mark.in_full
@pytest.mark.parametrize(
    "came",
    ["rejected", pytest.param("damaged", marks=pytest.mark.in_full), pytest.param("delta", marks=pytest.mark.in_full)],
)
def test_who_came_without_the_wish_and_was_of_no_use_had_stopped_asking(tmp_path: Path, came: str) -> None:
    place = settled_by_two(tmp_path)
    care = place.feeds["social_care"]
    place.deliver(1)
    assert place.load()[1] == "published"
    one_child(place, 1)
    mine = dict(care.rows["S0921"])
    del care.rows["S0921"]["firewall_from"]
    if came != "damaged":
        care.rows["S0921"] |= {"names": []}
    if came == "delta":
        place.deliver(2, "health", "education", "police")
        care.sequence += 1
        rows = [row | {"change": "upsert"} for row in care.rows.values()]
        put(place.landing, Delivery("social_care", day_of(2), care.sequence, "delta", rows))
    else:
        place.deliver(2)
    if came == "damaged":
        torn_in(place, 2, "S0921")
    assert place.load()[2] == "published"
    one_child(place, 2)
    care.rows["S0921"] = mine
    place.deliver(3)
    assert place.load()[3] == "published"
    walled(place, 3)


def torn_in(place: LittleNights, night: int, key: str) -> None:
    """The last sign of a record's line is missing in the delivery of social care, whose manifest is right of it."""
    folder = place.landing / AUTHORITY / "social_care" / day_of(night).isoformat()
    told = json.loads((folder / "manifest.json").read_text())
    path = folder / told["files"][0]["name"]
    lines = [line[:-1] if f'"{key}"' in line else line for line in path.read_text().splitlines()]
    path.write_text("".join(f"{line}\n" for line in lines))
    told["files"][0] |= {"sha256": file_sha256(path), "bytes": path.stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(told))


@pytest.mark.in_full
def test_who_asked_in_other_words_than_the_register_has_and_asks_anew_is_heard(tmp_path: Path) -> None:
    place = settled_by_two(tmp_path, "s-0021")
    del place.feeds["social_care"].rows["S0921"]["firewall_from"]
    for night in (1, 2):
        place.deliver(night)
        assert place.load()[night] == "published"
        one_child(place, night)
    asks_anew(place, "s-0021")
    place.deliver(3)
    assert place.load()[3] == "published"
    walled(place, 3)
    (standing,) = [each for each in decisions.every_decision(place.deployment, AUTHORITY) if each.kind == "same"]
    decisions.take_back(place.deployment, AUTHORITY, standing.number, **WHY)
    same = decisions.decide(place.deployment, AUTHORITY, "same", A, B, **WHY)
    confirm(place.deployment, AUTHORITY, same.number, **(WHY | {"actor": "Omar"}))
    place.deliver(4)  # two people have settled that too
    assert place.load()[4] == "published"
    one_child(place, 4)


@pytest.mark.in_full
@pytest.mark.parametrize("comes", ["held", "failed", "refused", "gap"])
def test_who_asks_anew_is_hidden_from_then_until_the_wall_stands(
    asks_no_more: LittleNights, tmp_path: Path, comes: str
) -> None:
    place = asks_no_more.copied_to(tmp_path)
    asks_anew(place)
    with few_keys_may_move():
        if comes == "held":
            place.renumber()
            place.deliver(2)
            assert place.load() == {2: "held"}
        elif comes == "failed":
            place.deliver(2)
            assert place.load(before=broken_in("links")) == {2: "failed"}
        elif comes == "refused":
            place.deliver(2, "social_care", fault="checksum")
            place.load(before=broken_in("inputs"))
        elif comes == "gap":
            held_at(place, 2)
            place.load(before=broken_in("inputs"))
        nothing_shown(place, 1)
        for row in place.feeds["health"].rows.values():  # the old keys again
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(3)
        assert place.load()[3] == "published"
    walled(place, 3)


def nothing_shown(place: LittleNights, night: int) -> None:
    """The latest night in force is this, and the one child of it is hidden and has no name."""
    assert [place.night(each).version() is not None for each in (night, night + 1)] == [True, False]
    assert hidden_in_database(place, B, night)
    seen = shown(place, night, identities(place, night)[B], in_database=True)
    assert "Quillerby" not in seen and "Thistlewick" not in seen


@pytest.mark.in_full
def test_who_stops_asking_in_a_night_that_is_held_and_asks_anew_is_hidden_at_once(tmp_path: Path) -> None:
    place = settled_by_two(tmp_path)
    place.deliver(1)
    assert place.load()[1] == "published"
    one_child(place, 1)
    del place.feeds["social_care"].rows["S0921"]["firewall_from"]
    place.renumber()
    place.deliver(2)
    with few_keys_may_move():
        assert place.load() == {2: "held"}
        one_child(place, 1)
        asks_anew(place)
        place.deliver(3, "social_care", fault="checksum")
        place.load(before=broken_in("inputs"))
        nothing_shown(place, 1)
        for row in place.feeds["health"].rows.values():  # the old keys again
            row["local_patient_id"] = row["local_patient_id"].rstrip("N")
        place.deliver(4)
        place.load()
    walled(place, 4)


def held_at(place: LittleNights, night: int) -> None:
    """A delta of social care that waits for the one before it."""
    care = place.feeds["social_care"]
    care.sequence += 2
    row = care.rows["S0921"] | {"change": "upsert"}
    put(place.landing, Delivery("social_care", day_of(night), care.sequence, "delta", [row]))


@pytest.mark.in_full
def test_a_feed_that_simply_goes_on_asking_undoes_nothing_that_two_people_decided(tmp_path: Path) -> None:
    place = settled_by_two(tmp_path)
    for night in (1, 2):
        place.deliver(night)
        assert place.load()[night] == "published"
        one_child(place, night)
    care = place.feeds["social_care"]
    care.sequence += 1
    row = care.rows["S0921"] | {"change": "upsert"}
    put(place.landing, Delivery("social_care", day_of(3), care.sequence, "delta", [row]))
    place.load()
    place.deliver(4, "social_care", "health", fault="checksum")
    place.load()
    one_child(place, max(each for each in range(5) if place.night(each).version()))


@pytest.mark.in_full
def test_who_was_gone_and_asks_on_coming_back_asks_anew(tmp_path: Path) -> None:
    place = settled_by_two(tmp_path)
    place.deliver(1)
    assert place.load()[1] == "published"
    one_child(place, 1)
    mine = place.feeds["social_care"].rows.pop("S0921")
    place.deliver(2)
    assert place.load()[2] == "published"
    place.feeds["social_care"].rows["S0921"] = mine
    place.deliver(3)
    assert place.load()[3] == "published"
    walled(place, 3)
