"""What a reviewer decides stands above every score, on every later night, until it is taken back."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines import audit
from pipelines.nights import decisions
from pipelines.nights.decisions import every_decision
from pipelines.privacy.secret import keyed_digests
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights


@pytest.fixture(scope="module")
def place(tmp_path_factory, database) -> LittleNights:
    """One published night."""
    made = LittleNights(tmp_path_factory.mktemp("decisions"), database)
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def run(place, *arguments):
    with place.database.here(place.home):
        return CliRunner().invoke(app, [*arguments, "--home", str(place.home), "--authority", AUTHORITY])


def decide(place, *arguments, reason="seen the birth certificate"):
    return run(place, "decide", *arguments, "--reason", reason, "--actor", "Ruth")


def identities(place):
    """Record key → index id of the night in force."""
    found = read_table(place.in_force(0).folder / "identities" / "identities.parquet")
    return dict(zip(*(found[name].to_pylist() for name in ("record_key", "index_id")), strict=True))


def load(place):
    """Run what the decision made outstanding, the one night there is; the identities after it."""
    assert place.load() == {0: "published"}
    return identities(place)


def refs(*keys):
    return keyed_digests(pc.cast(list(keys), "string"), "record").to_pylist()


@pytest.fixture
def joined(place):
    """Two records that the night joined."""
    of = {}
    for key, index_id in sorted(identities(place).items()):
        of.setdefault(index_id, []).append(key)
    return next(members[:2] for members in of.values() if len(members) >= 2)


@pytest.fixture
def strangers(place):
    """Two records of one agency each that have nothing to do with each other."""
    found = identities(place)
    health = next(key for key in found if key.startswith("health:"))
    police = next(key for key in found if key.startswith("police:") and found[key] != found[health])
    return health, police


def number_of(done):
    assert done.exit_code == 0, done.output
    return done.output.split()[1].rstrip(":")


@pytest.mark.in_full
def test_two_children_are_one_once_a_reviewer_says_so_and_two_again_when_it_is_taken_back(place, strangers):
    a, b = strangers
    before = identities(place)
    made = number_of(decide(place, "same", *refs(a, b)))
    found = load(place)
    assert found[a] == found[b]
    decide(place, "undo", made)
    assert load(place) == before


@pytest.mark.in_full
def test_what_was_joined_comes_apart_and_another_word_counts_once_the_first_is_taken_back(place, joined):
    a, b = joined
    first = number_of(decide(place, "not-the-same", a, b))
    found = load(place)
    assert found[a] != found[b]
    refused = decide(place, "same", b, a)
    assert refused.exit_code == 2
    assert "DECISION_CONTRADICTS" in refused.output and f"Decision {first} (not the same)" in refused.output
    number_of(decide(place, "undo", first))
    later = number_of(decide(place, "same", b, a))
    found = load(place)
    assert found[a] == found[b]
    number_of(decide(place, "undo", later))
    load(place)
    listed = json.loads(run(place, "decide", "list", "--json").output)
    assert [each["kind"] for each in listed[:2]] == ["same", "not_the_same"]
    assert all(each["undone_at"] for each in listed[:2])
    assert {listed[0]["record_a"], listed[0]["record_b"]} == set(refs(a, b))


def test_a_decision_that_is_taken_back_before_anybody_loads_changes_nothing(place, strangers):
    number_of(decide(place, "undo", number_of(decide(place, "same", *strangers))))
    assert place.planned() == {}


def test_every_decision_is_in_the_audit_with_who_and_why(place, strangers):
    number = number_of(decide(place, "same", *strangers, reason="complaint 12"))
    decide(place, "undo", number, reason="wrong pair")
    undone, made = audit.entries(place.deployment)[:2]
    assert (made.actor, made.action, made.why, made.authority) == ("Ruth", "decide same", "complaint 12", AUTHORITY)
    assert made.subject == f"decision {number} {' '.join(refs(*sorted(strangers)))}"
    assert (undone.actor, undone.action, undone.why) == ("Ruth", "decide undo", "wrong pair")
    assert undone.subject == f"decision {number}"
    assert audit.prove(place.deployment).entries == undone.number


def test_a_decision_that_cannot_be_audited_is_not_made(place, strangers, monkeypatch):
    before = audit.entries(place.deployment), every_decision(place.deployment, AUTHORITY)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decisions, "append", full)
    done = decide(place, "same", *strangers)
    assert done.exit_code == 1
    assert (audit.entries(place.deployment), every_decision(place.deployment, AUTHORITY)) == before


@pytest.mark.parametrize(
    ("arguments", "reason", "code"),
    [
        (("same", "{a}", "health:nobody-9999"), "x", "RECORD_UNKNOWN"),
        (("same", "{a}", "{a}"), "x", "DECISION_ON_ONE_RECORD"),
        (("same", "{a}", "{b}"), " ", "DECISION_INCOMPLETE"),
        (("same", "{a}", "{b}"), "x" * 2001, "DECISION_INCOMPLETE"),
        (("undo", "9999"), "x", "DECISION_UNKNOWN"),
        (("override", "shielding", "--night", str(day_of(0))), "x", "GATE_UNKNOWN"),
        (("override", "volume", "--night", str(day_of(0))), " ", "DECISION_INCOMPLETE"),
        (("override", "volume", "--night", str(day_of(7))), "x", "NIGHT_UNKNOWN"),
        (("hold", "v=no-such-version"), "x", "VERSION_UNKNOWN"),
    ],
)
def test_what_cannot_be_decided_is_said_by_code_without_a_key(place, strangers, arguments, reason, code):
    a, b = strangers
    done = decide(place, *(each.format(a=a, b=b) for each in arguments), reason=reason)
    assert done.exit_code == 2
    assert code in done.output
    assert "nobody-9999" not in done.output
    assert place.planned() == {}


def test_a_name_of_a_page_decides_nothing(place, strangers):
    done = run(place, "decide", "same", *strangers, "--reason", "x", "--actor", "R" * 201)
    assert (done.exit_code, "DECISION_INCOMPLETE" in done.output, "RRR" in done.output) == (2, True, False)
    assert run(place, "decide", "same", *strangers, "--reason", "x" * 2000, "--actor", "R" * 200).exit_code == 0


def test_a_pair_is_explained_by_the_references_that_the_review_list_shows(place, joined):
    explained = [run(place, "explain", *told, "--why", "review list") for told in (joined, refs(*joined))]
    assert explained[0].exit_code == 0
    told = explained[0].output
    for key, ref in zip(joined, refs(*joined), strict=True):
        told = told.replace(key, ref)
    assert "".join(told.split()) == "".join(explained[1].output.split())
