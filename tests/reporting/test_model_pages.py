"""The pages of match models: whole, offline, and without a name."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from pipelines.home import Home
from pipelines.matching import load_model
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.training.splink_charts import Example, chart_libraries, charts_of
from pipelines.reporting import ShownModel, write_matching, write_models
from pipelines.reporting.gather import match_figures
from tests.reporting import nights

SAME = {comparison.name: len(comparison.levels) - 1 for comparison in COMPARISONS}
EXAMPLES = [
    Example("joined: NHS number", SAME, dict.fromkeys(SAME, 0)),
    Example("kept apart", SAME | {"given_name": 0}, dict.fromkeys(SAME, 0)),
]


def write(home: Home) -> list[Path]:
    model = load_model()
    candidate = replace(model, name="children-2", fingerprint="0f")
    shown = [
        ShownModel(model, "in_force", charts_of(model, EXAMPLES)),
        ShownModel(candidate, "candidate", charts_of(candidate)),
    ]
    return write_models(home, shown, chart_libraries())


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    home = Home(tmp_path_factory.mktemp("home"))
    write(home)
    return home.reports / "model"


def page(path: Path) -> html.HtmlElement:
    return html.parse(str(path)).getroot()


def test_every_model_has_a_page_with_its_charts_and_the_list_says_which_is_in_force(site):
    rows = [[cell.text_content().strip() for cell in row] for row in page(site / "index.html").iterfind(".//tbody/tr")]
    assert [row[:2] for row in rows] == [["children-1", "In force"], ["children-2", "Candidate"]]
    drawn = page(site / "children-1" / "index.html")
    assert [each.get("id") for each in drawn.find_class("chart")] == ["match_weights", "m_u_parameters", "waterfall"]
    assert len(page(site / "children-2" / "index.html").find_class("chart")) == 2


def test_links_lead_to_files_and_tables_have_a_csv_with_the_same_rows(site):
    for path in site.rglob("*.html"):
        root = page(path)
        for table in root.iterfind(".//table"):
            text = (path.parent / f"{table.get('id')}.csv").read_text(encoding="utf-8-sig")
            assert len(list(csv.reader(io.StringIO(text)))) - 1 == len(table.findall("tbody/tr"))
        for link in root.iterfind(".//a"):
            target = (path.parent / link.get("href").partition("#")[0]).resolve()
            assert target.exists() or site not in target.parents, (path.name, link.get("href"))


def test_nothing_is_fetched_from_anywhere(site):
    for path in site.rglob("*.html"):
        root = page(path)
        policy = root.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
        assert "default-src 'none'" in policy and "http" not in policy
        for each in root.iter("script", "link", "img", "iframe", "object", "embed"):
            source = each.get("src") or each.get("data") or (each.get("href") if each.tag == "link" else None)
            assert source is None or source.startswith("data:"), (path.name, source)


def test_the_weight_of_every_level_stands_in_the_table(site):
    with (site / "children-1" / "levels.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    model = load_model()
    wanted = [f"{weight:+.2f}" for each in COMPARISONS for weight in model.weights[each.name][:0:-1]]
    assert [row[4].lstrip("'") for row in rows] == wanted


def test_no_name_that_the_model_knows_stands_on_its_page(site):
    model = load_model()
    names = {text for table in model.frequencies.values() for text in table.texts if text.isalpha() and len(text) > 3}
    for path in (site / "children-1").iterdir():
        text = re.sub(r"<script>\n(?!vegaEmbed).*?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "vegaEmbed(" in text or path.suffix == ".csv"
        assert names & set(re.findall(r"\b[A-Z]{4,}\b", text)) <= {"NULL", "ELSE"}, path.name


def test_the_same_models_give_the_same_bytes(site, tmp_path):
    home = Home(tmp_path)
    for path in write(home):
        first = site / path.relative_to(home.reports / "model")
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest()


def test_the_match_page_links_the_model_once_it_has_been_drawn(tmp_path):
    home, directory = Home(tmp_path), nights.directory()
    figures = match_figures("330", nights.NIGHT, nights.matching(), directory)
    link = "../../model/index.html"
    matching = write_matching(home, figures, directory)[0]
    assert link not in matching.read_text(encoding="utf-8")
    write(home)
    write_matching(home, figures, directory)
    assert link in matching.read_text(encoding="utf-8")
    assert (matching.parent / link).exists()
