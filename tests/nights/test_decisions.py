"""What a reviewer decides stands above every score, on every later night, until it is taken back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pytest
from pipelines.nights.index import link
from sqlalchemy import select
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.database import schema as db
from pipelines.home import Home
from pipelines.nights.night import Night, database_of
from pipelines.privacy.secret import keyed_digests
from pipelines.tables import read_table
from sample_feeds import make_nights

pytestmark = pytest.mark.slow
NIGHT = date(2026, 11, 18)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """One published night of a small authority."""
    out = tmp_path_factory.mktemp("decisions")
    make_nights(out, ("330",), first_night=NIGHT, nights=1, children=250, faults="none")
    isindex = Path(sys.executable).with_name("isindex")
    subprocess.run([str(isindex), "load", "--landing", str(out / "landing"), "--home", str(out / "home"), "--json"],
                   capture_output=True, check=True)  # fmt: skip
    return Home(out / "home")


def decide(home, *arguments, reason="seen the birth certificate"):
    return CliRunner().invoke(
        app,
        ["decide", *arguments, "--home", str(home.root), "--authority", "330", "--reason", reason, "--actor", "Ruth"],
    )


def identities(home):
    """Record key to cluster, the night linked anew."""
    night = Night(home, "", "330", NIGHT)
    link(night)
    clusters = read_table(night.folder / "matching" / "clusters.parquet")
    return dict(zip(*(clusters[name].to_pylist() for name in ("record_key", "cluster")), strict=True))


def refs(*keys):
    return keyed_digests(pc.cast(list(keys), "string"), "record").to_pylist()


@pytest.fixture
def joined(home):
    """Two records that the night joined."""
    of = {}
    for key, cluster in identities(home).items():
        of.setdefault(cluster, []).append(key)
    return next(members[:2] for members in of.values() if len(members) == 2)


@pytest.fixture
def strangers(home):
    """Two records of one agency each that have nothing to do with each other."""
    found = identities(home)
    health = next(key for key in found if key.startswith("health:"))
    police = next(key for key in found if key.startswith("police:") and found[key] != found[health])
    return health, police


def number_of(done):
    return done.output.split()[1].rstrip(":")


def test_two_children_are_one_once_a_reviewer_says_so_and_two_again_when_it_is_taken_back(home, strangers):
    a, b = strangers
    made = decide(home, "same", *refs(a, b))
    assert made.exit_code == 0, made.output
    found = identities(home)
    assert found[a] == found[b]
    assert decide(home, "undo", number_of(made)).exit_code == 0
    found = identities(home)
    assert found[a] != found[b]


def test_what_was_joined_comes_apart_and_the_later_word_counts(home, joined):
    a, b = joined
    assert decide(home, "not-the-same", a, b).exit_code == 0
    found = identities(home)
    assert found[a] != found[b]
    later = decide(home, "same", b, a)
    found = identities(home)
    assert found[a] == found[b]
    assert decide(home, "undo", number_of(later)).exit_code == 0
    listed = json.loads(CliRunner().invoke(
        app, ["decide", "list", "--home", str(home.root), "--authority", "330", "--json"]).output)  # fmt: skip
    assert [each["kind"] for each in listed[:2]] == ["same", "not_the_same"]
    assert all(each["undone_at"] for each in listed[:2])
    assert {listed[0]["record_a"], listed[0]["record_b"]} == set(refs(a, b))


def test_every_decision_is_in_the_audit_with_who_and_why(home, strangers):
    made = decide(home, "same", *strangers, reason="complaint 12")
    decide(home, "undo", number_of(made), reason="wrong pair")
    with database_of(home.database_url).connect() as connection:
        rows = connection.execute(select(db.audit.c.actor, db.audit.c.action, db.audit.c.why)).all()
    number = number_of(made)
    assert ("Ruth", "decide same", f"decision {number}: complaint 12") in rows
    assert ("Ruth", "undo decision", f"decision {number}: wrong pair") in rows


@pytest.mark.parametrize(
    ("arguments", "reason", "code"),
    [
        (("same", "{a}", "health:nobody-9999"), "x", "RECORD_UNKNOWN"),
        (("same", "{a}", "{a}"), "x", "DECISION_ON_ONE_RECORD"),
        (("same", "{a}", "{b}"), " ", "DECISION_INCOMPLETE"),
        (("undo", "9999"), "x", "DECISION_UNKNOWN"),
    ],
)
def test_what_cannot_be_decided_is_said_by_code_without_a_key(home, strangers, arguments, reason, code):
    a, b = strangers
    done = decide(home, *(each.format(a=a, b=b) for each in arguments), reason=reason)
    assert done.exit_code == 2
    assert code in done.output
    assert "nobody-9999" not in done.output


def test_a_pair_is_explained_by_the_references_that_the_review_list_shows(home, joined):
    explained = [
        CliRunner().invoke(app, ["explain", *told, "--home", str(home.root), "--authority", "330"])
        for told in (joined, refs(*joined))
    ]
    assert explained[0].exit_code == 0
    assert explained[0].output == explained[1].output
