"""A deployment's own match model: trained from its nights, never live by itself, previewed before it is."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.deployment import Deployment, open_deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.matching import load_model
from pipelines.matching.weighing.match_model import save_model
from pipelines.nights import model_training as models
from pipelines.nights.run import run_all
from pipelines.tables import read_table
from sample_feeds import make_nights

pytestmark = pytest.mark.slow
AUTHORITIES = ("202", "330")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """One published night of two small authorities."""
    out = tmp_path_factory.mktemp("model")
    make_nights(out, AUTHORITIES, first_night=date(2026, 11, 18), nights=1, children=250, faults="none")
    ran = run_all(open_deployment(out / "home", str(out / "landing"), create=True), started_by="a test")
    assert [night.state for night in ran] == ["published"] * 2
    return Home(out / "home")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def opened(home: Home) -> Deployment:
    """The deployment with the settings as they are now."""
    return open_deployment(home.root, create=False)


def records(home: Home, authority: str):
    return read_table(home.night(authority, date(2026, 11, 18)) / "person" / "records.parquet")


def strict(home: Home, name: str = "strict", **policy) -> str:
    """A model in the home like the one in force, but for its policy."""
    built_in = Path(str(models.files("schemas") / "match_model" / "children-1"))
    settings, told = (json.loads(built_in.with_suffix(end).read_text()) for end in (".json", ".policy.json"))
    frequencies = built_in.with_suffix(".frequencies.csv").read_text()
    save_model(settings, frequencies, told | policy, home.models / name / f"{name}.json")
    return name


@pytest.fixture(scope="module")
def trained(home) -> models.Candidate:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "_FEWEST_TOLD", 10)
        return models.train_candidate(opened(home))


@pytest.mark.in_full
def test_a_candidate_is_trained_from_every_authority_and_is_not_in_force(home, trained):
    assert trained.path == home.models / "children-2"
    assert set(contents(trained.path)) == {
        "children-2.json",
        "children-2.frequencies.csv",
        "children-2.policy.json",
    }
    figures = trained.report.figures
    assert figures["records"] == sum(records(home, code).num_rows for code in AUTHORITIES)
    assert (figures["authorities"], figures["version"], figures["new"]) == (2, 2, 1)
    assert figures["weight/birth_date/same"] > 5 > 0 > figures["weight/birth_date/different"]
    assert all(isinstance(figure, int | float) for figure in figures.values())
    assert load_model().name == "children-1"
    assert load_model(trained.path).policy.records == figures["records"]


@pytest.mark.in_full
def test_the_same_records_give_the_same_model_and_other_records_a_new_one(home, trained, monkeypatch):
    monkeypatch.setattr(models, "_FEWEST_TOLD", 10)
    before = contents(trained.path)
    again = models.train_candidate(opened(home))
    assert (again.path, again.new) == (trained.path, False)
    monkeypatch.setattr(models, "_MOST", 1)  # room for one authority
    other = models.train_candidate(opened(home))
    assert (other.path.name, other.new, other.report.figures["authorities"]) == ("children-3", True, 1)
    assert contents(trained.path) == before


@pytest.mark.in_full
def test_too_few_records_are_refused_and_nothing_is_written(home, trained):
    there = sorted(home.models.iterdir())
    with pytest.raises(IsindexError, match="TOO_FEW_TO_TRAIN"):
        models.train_candidate(opened(home))
    assert sorted(home.models.iterdir()) == there


def test_a_home_without_a_published_night_says_so(tmp_path):
    with pytest.raises(IsindexError, match="NOTHING_PUBLISHED"):
        models.train_candidate(open_deployment(tmp_path / "home", create=True))


def test_the_model_in_force_changes_nothing_against_itself(home):
    found = models.preview(opened(home), "330", "children-1")
    assert found.changes.num_rows == found.figures["merges"] == found.figures["splits"] == 0
    assert found.figures["identities_now"] == found.figures["identities_then"] > 200


def test_a_stricter_model_splits_and_a_looser_one_merges_what_it_split(home, setting):
    name = strict(home, join=1 - 1e-9)
    found = models.preview(opened(home), "330", name)
    figures = found.figures
    assert figures["splits"] > 0 == figures["merges"]
    assert figures["identities_then"] > figures["identities_now"]
    assert figures["records_concerned"] == found.changes.num_rows
    parts = found.changes.group_by("case").aggregate([("part", "count_distinct")])
    assert pc.min(parts["part_count_distinct"]).as_py() >= 2
    assert set(found.changes["record_key"].to_pylist()) <= set(records(home, "330")["record_key"].to_pylist())
    setting("ISINDEX_MODEL", home.models / name)
    back = models.preview(opened(home), "330", "children-1").figures
    assert (back["merges"], back["splits"]) == (figures["splits"], 0)
    assert back["identities_merged"] == figures["splits"] + figures["identities_then"] - figures["identities_now"]


def test_a_preview_shows_references_and_keys_only_to_those_who_ask(home, tmp_path):
    name = strict(home, join=1 - 1e-9)
    options = ["model", "preview", "--home", str(home.root), "--authority", "330", "--model", name]
    plain = json.loads(CliRunner().invoke(app, [*options, "--json", "--out", str(tmp_path / "a.csv")]).stdout)
    with_keys = json.loads(CliRunner().invoke(app, [*options, "--json", "--keys", "--why", "a look"]).stdout)
    assert plain["splits"] > 0
    assert {"record_ref", "index_id"} <= set(plain["changes"][0])
    assert "record_key" not in plain["changes"][0] and "record_key" in with_keys["changes"][0]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8-sig"))))
    assert [row["record_ref"] for row in rows] == [row["record_ref"] for row in plain["changes"]]
    text = (tmp_path / "a.csv").read_text(encoding="utf-8-sig")
    assert not any(row["record_key"].partition(":")[2] in text for row in with_keys["changes"])


def test_the_pages_show_every_model_and_no_name_of_the_night(home, trained):
    strict(home)
    report = models.draw_models(opened(home))
    folder = home.reports / "model"
    assert report.figures["models"] == len(models.known_models(opened(home)))
    assert {"children-1", "children-2"} <= {path.parent.name for path in folder.glob("*/index.html")}
    names = {
        word
        for code in AUTHORITIES
        for column in ("given_names", "family_name")
        for text in records(home, code)[column].drop_null().to_pylist()
        for word in re.findall(r"\w{4,}", text)
    }
    assert len(names) > 300
    for path in folder.rglob("*.*"):
        text = re.sub(r"<script>\n(?!vegaEmbed).*?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        # a name is delivered as Else or ELSE; the latter is also a word of SQL, and small letters are words of code
        found = {word for word in re.findall(r"\b[A-Z]\w+", text) if word in names or word.title() in names}
        assert found <= {"ELSE"}, path.name


def test_show_lists_the_models_of_a_home(home, trained, setting):
    told = json.loads(CliRunner().invoke(app, ["model", "show", "--home", str(home.root), "--json"]).stdout)
    standings = {each["model"]: each["standing"] for each in told["models"]}
    assert (told["model"], standings["children-1"], standings["children-2"]) == ("children-1", "in_force", "candidate")
    assert told["weights"]["sex"]["same"] > 0
    setting("ISINDEX_MODEL", trained.path)
    told = json.loads(CliRunner().invoke(app, ["model", "show", "--home", str(home.root), "--json"]).stdout)
    standings = {each["model"]: each["standing"] for each in told["models"]}
    assert (told["model"], standings["children-1"], standings["children-2"]) == ("children-2", "built_in", "in_force")
