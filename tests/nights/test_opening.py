"""An opening takes effect on what two people knew, and is told when it opens nobody; a decision says what waits for a load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from assets.command.load import protective_told
from pipelines import audit
from pipelines.errors import IsindexError
from pipelines.nights import decisions, protection_decisions
from pipelines.nights.protective import taken_away
from pipelines.nights.waiting import decisions_waiting
from pipelines.privacy.references import references
from pipelines.protection import shielding
from pipelines.tables import read_as, read_table
from tests.attacks.town import big_moves
from tests.databases import Databases
from tests.nights.little_authority import AUTHORITY, Child, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights
from tests.nights.test_protection import by, hidden, index_id

pytestmark = pytest.mark.one_database

CHILD, OTHER = children()[0], children()[3]
KEY, OTHER_KEY = f"health:P{CHILD.nhs}", f"health:P{OTHER.nhs}"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, database: Databases) -> LittleNights:
    """Two published nights: on the first one child asks, on the second nobody does any more."""
    made = LittleNights(tmp_path_factory.mktemp("asked"), database)
    for row in made.feeds["health"].rows.values():
        row["confidentiality"] = ""
    for row in made.feeds["social_care"].rows.values():
        row.pop("shield", None)
    mark(made, CHILD.nhs)
    made.deliver(0)
    made.load()
    mark(made, CHILD.nhs, "")
    made.deliver(1)
    assert made.load() == {1: "published"}
    assert hidden(made, 1) == {CHILD.family}
    return made


@pytest.fixture
def place(asked: LittleNights, tmp_path: Path) -> LittleNights:
    return asked.copied_to(tmp_path)


def mark(place: LittleNights, nhs: str, value: str = "S") -> None:
    place.feeds["health"].rows[f"P{nhs}"]["confidentiality"] = value


def asks(place: LittleNights, nhs: str, night: int, step: int, mode: str = "full", fault: str = "") -> None:
    """A delivery of health in which a record asks."""
    rows = [
        dict(row) | ({"change": "upsert"} if mode == "delta" else {}) for row in place.feeds["health"].rows.values()
    ]
    next(row for row in rows if row["local_patient_id"] == f"P{nhs}")["confidentiality"] = "S"
    put(
        place.landing, Delivery("health", day_of(night), place.feeds["health"].sequence + step, mode, rows, fault=fault)
    )


def propose(place: LittleNights, who: str = KEY) -> decisions.Decision:
    return protection_decisions.unshield(place.deployment, AUTHORITY, who, **by("Ruth"))  # type: ignore[arg-type]


def confirm(place: LittleNights, number: int) -> decisions.Decision:
    return protection_decisions.confirm(place.deployment, AUTHORITY, number, **by("Omar"))  # type: ignore[arg-type]


def said(place: LittleNights, *words: str) -> str:
    """What a command prints, as one line."""
    given = [*words, "--home", str(place.home), "--authority", AUTHORITY]
    if words[0] == "decide" and words[1] != "list":
        given += ["--reason", "seen the order"]
    with place.database.here(place.home):
        return " ".join(CliRunner().invoke(app, given).output.split())


# --- what both knew -----------------------------------------------------------------------------------------------


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("night", "step", "mode", "fault"),
    [(2, 1, "full", ""), (2, 5, "delta", ""), (1, 0, "full", ""), (2, 1, "full", "records")],
    ids=["in force", "held for a gap", "refused for its number", "every record broken"],
)
def test_a_wish_between_proposal_and_confirmation_overtakes_it(
    place: LittleNights, night: int, step: int, mode: str, fault: str
) -> None:
    made = propose(place)
    asks(place, CHILD.nhs, night, step, mode, fault)
    place.load()
    with pytest.raises(IsindexError, match=f"DECISION_OVERTAKEN.*health for the night of {day_of(night)}") as refused:
        confirm(place, made.number)
    assert refused.value.exit_code == 2
    last = audit.entries(place.deployment)[0]
    assert (last.actor, last.action, last.subject) == (
        "Omar", "decide confirm", f"decision {made.number} refused DECISION_OVERTAKEN",
    )  # fmt: skip
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Ruth"))  # type: ignore[arg-type]
    confirm(place, propose(place).number)


@pytest.mark.in_full
def test_the_wish_of_another_child_overtakes_nothing(place: LittleNights) -> None:
    made = propose(place)
    asks(place, OTHER.nhs, 2, 1)
    place.load()
    assert hidden(place, 2) == {CHILD.family, OTHER.family}
    confirm(place, made.number)


@pytest.mark.in_full
def test_a_proposal_of_which_nobody_kept_what_was_known_is_made_again(place: LittleNights) -> None:
    made = propose(place)
    with place.deployment.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE decision SET told = NULL WHERE decision_id = {made.number}")
    with pytest.raises(IsindexError, match="DECISION_OVERTAKEN"):
        confirm(place, made.number)


@pytest.mark.in_full
def test_who_is_not_hidden_cannot_be_opened_and_who_is_since_can(place: LittleNights) -> None:
    with pytest.raises(IsindexError, match="CHILD_NOT_HIDDEN"):
        propose(place, OTHER_KEY)
    asks(place, OTHER.nhs, 1, 0)  # refused, and the night in force does not know of it
    place.load()
    propose(place, OTHER_KEY)


@pytest.mark.in_full
def test_a_shield_by_any_record_of_the_child_overrules_a_proposal_by_another(place: LittleNights) -> None:
    held = read_table(place.in_force(1).folder / "identities" / "identities.parquet").to_pylist()
    own = index_id(place, 1)
    first, second = sorted(row["record_key"] for row in held if row["index_id"] == own)[:2]
    made = propose(place, second)
    protection_decisions.shield(place.deployment, AUTHORITY, first, **by("Noor"))  # type: ignore[arg-type]
    with pytest.raises(IsindexError, match="DECISION_UNKNOWN"):
        confirm(place, made.number)
    with pytest.raises(IsindexError, match="DECISION_CONTRADICTS"):
        propose(place, second)


@pytest.mark.in_full
def test_who_confirms_is_shown_what_and_a_second_proposer_is_told_to_confirm(place: LittleNights) -> None:
    proposed = said(place, "decide", "unshield", index_id(place, 1).lower(), "--actor", "Ruth")
    number = proposed.split()[1].rstrip(",")
    again = said(place, "decide", "unshield", index_id(place, 1), "--actor", "Omar")
    assert f"isindex decide confirm {number}" in again and "undo" not in again
    told = said(place, "decide", "confirm", number, "--actor", "Omar")
    shown, _, after = told.partition("is confirmed")
    for word in (
        "to show a child again",
        index_id(place, 1),
        "Ruth",
        "seen the order",
        f"health for the night of {day_of(0)}",
    ):
        assert word in shown
    assert "next night" in after and "firewall" not in after
    refused = said(place, "decide", "confirm", number, "--actor", "Ruth")
    assert "SECOND_PERSON_NEEDED" in refused
    assert audit.entries(place.deployment)[0].subject == f"decision {number} refused SECOND_PERSON_NEEDED"
    listed = json.loads(said(place, "decide", "list", "--json"))
    assert {each["account"] for each in listed} == {audit.account()}
    assert f"proposal {number}" in said(place, "decide", "list").replace("│ ", "")


@pytest.mark.in_full
@pytest.mark.parametrize("loaded", [False, True], ids=["no load at all", "a load after the shield"])
def test_the_wrong_child_is_opened_as_the_how_to_says_without_a_warning_that_is_not_true(
    place: LittleNights, loaded: bool
) -> None:
    own = index_id(place, 1, OTHER.family)
    shielded = said(place, "decide", "shield", own, "--actor", "Ruth").split()[1].rstrip(":")
    if loaded:
        place.load()
    said(place, "decide", "undo", shielded, "--actor", "Ruth")
    proposed = said(place, "decide", "unshield", own, "--actor", "Ruth")
    confirmed = said(place, "decide", "confirm", proposed.split()[1].rstrip(","), "--actor", "Omar")
    for told in (proposed, confirmed):
        assert "Decision" in told and "opens nobody" not in told
        assert "last asked for by a decision to shield that was taken back" in told
    place.load()
    why = place.last(1).why
    assert f"Decision {shielded}, a shield, was taken back: its child stays hidden until two people open it." in why
    assert not any("undone-" in each for each in why)
    place.deliver(2)
    place.load()
    assert OTHER.family not in hidden(place, 2)
    number = confirmed.partition("Decision ")[2].split(":")[0]
    (made,) = (each for each in decisions.every_decision(place.deployment, AUTHORITY) if str(each.number) == number)
    assert made.came_of_it == f"Took effect with the night of {day_of(2)}."


@pytest.mark.in_full
def test_a_warning_that_a_decision_shields_the_child_is_given_while_one_does(place: LittleNights) -> None:
    made = propose(place)
    before = protection_decisions.proposal_of(place.deployment, AUTHORITY, made.number)
    assert before.unmet == ()
    with place.deployment.engine.begin() as connection:  # as one by another of its records, made in the same moment
        connection.exec_driver_sql(
            "INSERT INTO decision (authority, kind, record_a, actor, reason, decided_at) "
            f"VALUES ('{AUTHORITY}', 'shield', '{KEY}', 'Noor', 'x', '2026-11-20T10:00:00+00:00')"
        )
    after = protection_decisions.proposal_of(place.deployment, AUTHORITY, made.number)
    assert after.unmet == ("decided",)


def test_one_child_is_shielded_once_whichever_record_names_it(place: LittleNights) -> None:
    held = read_table(place.in_force(1).folder / "identities" / "identities.parquet").to_pylist()
    own = index_id(place, 1, OTHER.family)
    keys = sorted(row["record_key"] for row in held if row["index_id"] == own)
    first = protection_decisions.shield(place.deployment, AUTHORITY, own, **by("Ruth"))  # type: ignore[arg-type]
    for who in (*keys, own):
        with pytest.raises(IsindexError, match=f"DECISION_CONTRADICTS: Decision {first.number} shields this child"):
            protection_decisions.shield(place.deployment, AUTHORITY, who, **by("Noor"))  # type: ignore[arg-type]
    decisions.take_back(place.deployment, AUTHORITY, first.number, **by("Ruth"))  # type: ignore[arg-type]
    protection_decisions.shield(place.deployment, AUTHORITY, keys[-1], **by("Noor"))  # type: ignore[arg-type]


def test_nothing_more_is_proposed_while_a_confirmed_opening_has_not_taken_effect(place: LittleNights) -> None:
    confirmed = confirm(place, propose(place).number)
    for who in (KEY, index_id(place, 1)):
        with pytest.raises(IsindexError, match=f"DECISION_CONTRADICTS: Decision {confirmed.number} has confirmed"):
            propose(place, who)
    decisions.take_back(place.deployment, AUTHORITY, confirmed.number, **by("Ruth"))  # type: ignore[arg-type]
    propose(place)


def test_what_a_firewall_does_with_the_next_load_is_said_as_it_is(place: LittleNights) -> None:
    told = said(place, "decide", "firewall", KEY, OTHER_KEY, "--actor", "Ruth")
    assert "each is shown by itself" in told and "both are withheld, without any name" in told
    assert "hides" not in told


# --- what opens nobody --------------------------------------------------------------------------------------------


def figures(place: LittleNights, night: int) -> dict[str, Any]:
    return place.last(night).figures


@pytest.mark.in_full
def test_an_opening_while_the_record_asks_is_warned_of_and_told_after_the_night(place: LittleNights) -> None:
    mark(place, CHILD.nhs)
    place.deliver(2)
    place.load()
    proposed = said(place, "decide", "unshield", KEY, "--actor", "Ruth")
    assert "opens nobody" in proposed and "goes on asking" in proposed
    made = confirm(place, int(proposed.split()[1].rstrip(",")))
    place.deliver(3, "education")
    place.load()
    assert hidden(place, 3) == {CHILD.family}
    (unmet,) = figures(place, 3)["unmet"]
    assert (unmet["decision"], unmet["why"]) == (made.number, ["asks"])
    page = (place.home / "reports" / day_of(3).isoformat() / "index.html").read_text(encoding="utf-8")
    assert f"Decision {made.number} opened nobody" in page and "Ask the supplier to correct it first" in page
    assert figures(place, 3)["protection"]["lifted"] == 0
    (told,) = (each for each in decisions.every_decision(place.deployment, AUTHORITY) if each.number == made.number)
    assert "opened nobody" in told.came_of_it and "supplier" in told.came_of_it


@pytest.mark.in_full
def test_versions_that_show_a_child_again_say_so(place: LittleNights) -> None:
    asks(place, OTHER.nhs, 1, 0)
    place.load()  # the versions of both nights are published again, less the child
    assert OTHER.family in hidden(place, 1) and OTHER.family in hidden(place, 0)
    confirm(place, propose(place, OTHER_KEY).number)
    before = taken_away(place.deployment, AUTHORITY)
    place.deliver(2)
    place.load()
    assert OTHER.family not in hidden(place, 2)
    new = [each for each in taken_away(place.deployment, AUTHORITY) if each not in before]
    assert new
    for each in new:
        words = protective_told(vars(each))
        assert each.opened == 1 and "with 1 child whom it hid and who may be shown again" in words, words
        assert " 0 " not in words


# --- what waits for a load ----------------------------------------------------------------------------------------


@pytest.mark.in_full
def test_a_shield_says_what_is_hidden_at_once_and_status_that_it_waits(place: LittleNights) -> None:
    load = f"isindex load --landing LANDING --home {place.home} --authority {AUTHORITY}"
    made = said(place, "decide", "shield", OTHER_KEY, "--actor", "Ruth")
    assert "isindex child" in made and "until the next load" in made and "earlier version" in made and load in made
    number = int(made.split()[1].rstrip(":"))
    told = said(place, "status")
    assert f"decision {number} (shield) waits for a load" in told and load in told
    undone = said(place, "decide", "undo", str(number), "--actor", "Ruth")
    assert "stays hidden" in undone and "isindex decide unshield" in undone
    place.load()
    assert decisions_waiting(place.deployment, AUTHORITY) == []
    confirmed = confirm(place, propose(place).number)
    assert [(each.number, each.load) for each in decisions_waiting(place.deployment, AUTHORITY)] == [
        (confirmed.number, False)
    ]
    assert pc.sum(place.published(1)["shielded"]).as_py() == 2


def test_a_gate_is_let_pass_once_and_a_number_that_nobody_waits_for_is_told(place: LittleNights) -> None:
    words = ["decide", "override", "volume", "--night", str(day_of(1)), "--actor", "Ruth"]
    first = said(place, *words)
    assert "may pass" in first
    assert "DECISION_CONTRADICTS" in said(place, *words) and f"Decision {first.split()[1].rstrip(':')}" in said(
        place, *words
    )
    told = said(place, "waive", "--agency", "police", "--sequence", "99", "--reason", "gone")
    assert "nothing waited for it" in told and f"the last one that came is {place.feeds['police'].sequence}" in told


@pytest.mark.in_full
@pytest.mark.parametrize("forgets", [False, True])
def test_whoever_strays_into_an_opened_child_stays_hidden_and_the_gate_holds_a_night_that_forgets_it(
    tmp_path: Path, database: Databases, monkeypatch: pytest.MonkeyPatch, forgets: bool
) -> None:
    place = LittleNights(tmp_path, database)
    for agency in ("education", "police", "social_care"):  # both are known to health alone
        rows = place.feeds[agency].rows
        for key in [key for key, row in rows.items() if any(each.family in json.dumps(row) for each in (CHILD, OTHER))]:
            del rows[key]
    for night, value in enumerate(("S", "")):
        mark(place, CHILD.nhs, value)
        mark(place, OTHER.nhs, value)
        place.deliver(night)
        assert place.load() == {night: "published"}
    confirm(place, propose(place).number)
    decisions.decide(place.deployment, AUTHORITY, "same", KEY, OTHER_KEY, **by("Ruth"))  # type: ignore[arg-type]
    if forgets:
        monkeypatch.setattr(shielding, "_of_strays", lambda *_: pa.array([], pa.string()))
    with big_moves():
        place.deliver(2)
        states = place.load()
    if forgets:
        assert states[2] == "held", (place.published(2).to_pylist(), hidden(place, 2))
        assert any("nobody unshielded" in reason for reason in place.last(2).reasons)
        return
    assert states[2] == "published"
    assert (
        len({CHILD.family, OTHER.family} & set(place.published(2)["family_name"].to_pylist())) == 1
    )  # they are one now
    assert hidden(place, 2) & {CHILD.family, OTHER.family}
    (unmet,) = read_as(place.in_force(2).folder / "protection" / "unmet.json", list)
    assert unmet["why"] == ["strayed"]


@pytest.mark.in_full
@pytest.mark.parametrize("undated", [False, True])
def test_a_child_with_a_record_that_has_no_birth_date_is_opened_by_any_of_its_records(
    place: LittleNights, undated: bool
) -> None:
    key, row = next((key, row) for key, row in place.feeds["police"].rows.items() if CHILD.family in json.dumps(row))
    row["date_of_birth"], row["age_estimate"] = "", "9"
    place.deliver(2)
    assert place.load() == {2: "published"}
    confirm(place, propose(place, f"police:{key}" if undated else KEY).number)
    place.deliver(3)
    assert place.load() == {3: "published"}
    assert CHILD.family not in hidden(place, 3), read_as(place.in_force(3).folder / "protection" / "unmet.json", list)


@pytest.mark.in_full
def test_two_openings_of_one_child_by_two_of_its_records_open_it_together(place: LittleNights) -> None:
    key, row = next((key, row) for key, row in place.feeds["police"].rows.items() if CHILD.family in json.dumps(row))
    row["forenames"] = "Nickname"  # linked all the same, and known by another name
    place.deliver(2)
    assert place.load() == {2: "published"}
    for who in (KEY, f"police:{key}"):
        confirm(place, propose(place, who).number)
    place.deliver(3)
    assert place.load() == {3: "published"}


@pytest.mark.in_full
@pytest.mark.parametrize("way", ["said to be one", "both opened"])
def test_a_child_of_two_names_that_a_decision_has_hidden_is_opened_as_it_is_told(place: LittleNights, way: str) -> None:
    """The mother's name in one feed, the father's in another: the wrong child was shielded, and that is taken back."""
    key, row = next((key, row) for key, row in place.feeds["police"].rows.items() if OTHER.family in json.dumps(row))
    row["surname"] = "Thistlewick"
    place.deliver(2)
    assert place.load() == {2: "published"}
    decisions.decide(place.deployment, AUTHORITY, "same", OTHER_KEY, f"police:{key}", **by("Ruth"))  # type: ignore[arg-type]
    assert place.load() == {2: "published"}
    (made,) = (each for each in decisions.every_decision(place.deployment, AUTHORITY) if each.kind == "same")
    decisions.take_back(place.deployment, AUTHORITY, made.number, **by("Ruth"))  # type: ignore[arg-type]
    assert place.load() in ({2: "published"}, {})
    identities = read_table(place.in_force(2).folder / "identities" / "identities.parquet")
    own = {row["record_key"]: row["index_id"] for row in identities.to_pylist()}
    assert own[OTHER_KEY] == own[f"police:{key}"], "the matcher has joined the two by itself"

    shield = protection_decisions.shield(place.deployment, AUTHORITY, own[OTHER_KEY], **by("Ruth"))  # type: ignore[arg-type]
    assert place.load() == {2: "published"}
    decisions.take_back(place.deployment, AUTHORITY, shield.number, **by("Ruth"))  # type: ignore[arg-type]
    other = references(pa.array([f"police:{key}"]))[0].as_py()
    if way == "both opened":
        for made in [propose(place, who) for who in (OTHER_KEY, f"police:{key}")]:
            confirm(place, made.number)
        place.load()
        place.deliver(3)
        assert place.load() == {3: "published"}
        assert not {OTHER.family, "Thistlewick"} & hidden(place, 3)
        return
    told = said(place, "decide", "unshield", own[OTHER_KEY], "--actor", "Ruth")
    assert "opens nobody" in told and f"Look whether that record ({other}) is the child's" in told
    confirm(place, int(told.split()[1].rstrip(",")))
    place.load()
    place.deliver(3)
    assert place.load() == {3: "published"}
    assert OTHER.family in hidden(place, 3)
    (unmet,) = read_as(place.in_force(3).folder / "protection" / "unmet.json", list)
    assert unmet["why"] == ["strayed"] and unmet["others"] == [other]
    decisions.decide(place.deployment, AUTHORITY, "same", OTHER_KEY, f"police:{key}", **by("Ruth"))  # type: ignore[arg-type]
    told = said(place, "decide", "unshield", own[OTHER_KEY], "--actor", "Ruth")
    assert "opens nobody" not in told
    confirm(place, int(told.split()[1].rstrip(",")))
    place.load()
    place.deliver(4)
    assert place.load() == {4: "published"}
    assert not {OTHER.family, "Thistlewick"} & hidden(place, 4)


@pytest.mark.in_full
@pytest.mark.parametrize("anew", [False, True], ids=["gone", "registered anew"])
def test_the_opening_of_a_brother_opens_no_twin_whose_own_wish_named_his_number(tmp_path: Path, anew: bool) -> None:
    """A clerk's slip: her record, which asks, has his number. It goes; he never asked, and two people open him."""
    place = LittleNights(tmp_path)
    for row in place.feeds["health"].rows.values():
        row["confidentiality"] = ""
    for row in place.feeds["social_care"].rows.values():
        row.pop("shield", None)
    twin = Child(30, "Zelma", OTHER.family, "F", "12 Zedlane Road", OTHER.born)
    care = place.feeds["social_care"]
    if not anew:
        place.feeds["police"].hold(twin)
    care.hold(twin, nhs_number=OTHER.nhs, upn=None, shield={"requested": True})
    place.deliver(0)
    assert place.load() == {0: "published"}
    care.drop("S0030")
    if anew:
        care.hold(twin, la_child_id="S0777", upn=None)
        care.rows["S0777"] = care.rows.pop("S0030")
    place.deliver(1)
    assert place.load() == {1: "published"}
    proposed = protection_decisions.unshield(place.deployment, AUTHORITY, OTHER_KEY, **by("Ruth"))
    assert protection_decisions.proposal_of(place.deployment, AUTHORITY, proposed.number).unmet == ("another",)
    protection_decisions.confirm(place.deployment, AUTHORITY, proposed.number, **by("Omar"))
    place.deliver(2)
    assert place.load() == {2: "published"}
    assert not any(twin.street in (text or "") for text in place.published(2, "addresses")["address"].to_pylist())
    theirs = [row for row in place.published(2).to_pylist() if row["family_name"] == OTHER.family]
    assert len(theirs) == 2
    assert all(row["shielded"] or row["withheld"] for row in theirs)
