"""The pages in a real Chromium: filters, sorting, search, no network, and no violation that axe can find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.matching import load_model
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.training.splink_charts import Example, chart_libraries, charts_of
from pipelines.reporting import ShownModel, write_models, write_overview, write_reports
from pipelines.reporting.site import write_feeds
from tests.reporting import nights

CHROMIUM = Path(os.environ.get("ISINDEX_CHROMIUM", "/usr/bin/chromium"))
AXE = os.environ.get("ISINDEX_AXE", "")
PAGES = [
    "index.html",
    "words.html",
    "accreditation/index.html",
    "accreditation/330/health/index.html",
    "model/index.html",
    "model/children-1/index.html",
    "2026-11-20/index.html",
    *(f"2026-11-20/330/{n}.html" for n in ("rejected", "matching", "quality")),
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: set ISINDEX_CHROMIUM"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    home, engine = Home(tmp_path_factory.mktemp("home")), nights.database()
    closest = {comparison.name: len(comparison.levels) - 1 for comparison in COMPARISONS}
    levels = {"joined": closest, "kept apart": closest | {"given_name": 0}}
    pairs = [Example(title, level, dict.fromkeys(level, 0)) for title, level in levels.items()]
    write_models(home, [ShownModel(load_model(), "in_force", charts_of(load_model(), pairs))], chart_libraries())
    write_reports(
        home, engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.matching(), nights.directory()
    )
    nights.accredited(engine, "health")
    write_feeds(home, engine)
    write_overview(home, engine, nights.NIGHT, nights.directory())
    return home.reports


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.fixture
def rejected(browser, site):
    page = browser.new_page()
    page.goto((site / "2026-11-20/330/rejected.html").as_uri())
    yield page
    page.close()


def shown(page) -> list[str]:
    return page.locator("#rejected tbody tr:visible th").all_inner_texts()


@pytest.mark.in_full
def test_search_narrows_the_table_and_says_so(rejected):
    rejected.get_by_label("Search these rows").fill("p-0007 nhs")
    rejected.get_by_text("Showing 1 of 46 rows").wait_for()
    assert shown(rejected) == ["P-0007"]


def test_filters_combine_and_clear(rejected):
    tools = rejected.locator(".tools[data-for=rejected]")
    tools.get_by_label("Agency").select_option("=Health")
    tools.get_by_label("Age", exact=True).select_option("=8 to 28 days")
    assert shown(rejected) == ["=cmd|'/c'!A1"]
    tools.get_by_role("button", name="Clear filters").click()
    assert len(shown(rejected)) == 46


def test_headings_sort_both_ways_and_tell_it(rejected):
    head = rejected.locator("#rejected thead th", has_text="Position")
    column = rejected.locator("#rejected tbody tr td:nth-child(7)")
    for way, first in (("ascending", "2"), ("descending", "139")):
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == way
        assert column.first.inner_text() == first


def test_the_charts_of_a_model_are_drawn_and_a_pair_can_be_chosen(browser, site):
    page = browser.new_page()
    page.goto((site / "model/children-1/index.html").as_uri())
    for name in ("match_weights", "m_u_parameters", "waterfall"):
        page.locator(f"#{name} svg").wait_for()
    joined = page.locator("#waterfall svg").text_content()
    page.get_by_role("combobox", name="Pair").select_option(label="kept apart")
    page.wait_for_function("before => document.querySelector('#waterfall svg').textContent !== before", arg=joined)
    assert page.get_by_text("Open in Vega Editor").count() == 0  # it would take the chart to another place
    page.close()


def test_everything_is_readable_without_script(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "2026-11-20/330/rejected.html").as_uri())
    assert len(shown(page)) == 46
    assert page.locator(".tools:visible").count() == 0
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_asks_nothing_of_the_network_and_reports_no_error(browser, site, name):
    page = browser.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / name).as_uri(), wait_until="networkidle")
    assert [url for url in asked if not url.startswith(("data:", (site / name).as_uri()))] == []
    assert errors == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_narrow_screen(browser, site, name):
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto((site / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()


@pytest.mark.skipif(not AXE, reason="ISINDEX_AXE does not name an axe.min.js")
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser, site, name):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto((site / name).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    assert [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found["violations"]] == []
    context.close()


@pytest.mark.in_full
def test_on_a_narrow_screen_what_is_wrong_and_what_to_do_are_in_view_with_their_headings(browser, site):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((site / "2026-11-20/index.html").as_uri())
    row = page.locator("#attention tbody tr").first
    for cell in row.locator("td").all():
        box = cell.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 390)
        assert box is None or box["height"] < 200
    label = "cell => getComputedStyle(cell, '::before').content"
    heads = [head.replace(" ⇅", "") for head in page.locator("#attention thead th").all_text_contents()]
    told = [cell.evaluate(label).strip('"') for cell in row.locator("td").all()]
    assert told == [head.strip() for head in heads[1:]]
    page.close()


@pytest.mark.in_full
def test_sentences_on_the_match_page_have_a_column_that_can_be_read(browser, site):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "2026-11-20/330/matching.html").as_uri())
    box = page.locator("#review tbody tr td.p").first.bounding_box()
    assert box["width"] >= 220
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.close()


@pytest.mark.in_full
def test_in_print_rows_stay_rows_and_nothing_is_cut_off(browser, site):
    page = browser.new_page(viewport={"width": 1040, "height": 900})
    page.emulate_media(media="print")
    for name in ("2026-11-20/index.html", "2026-11-20/330/matching.html"):
        page.goto((site / name).as_uri())
        assert (
            page.locator("table.stacks tbody tr").first.evaluate("row => getComputedStyle(row).display") == "table-row"
        )
        for table in page.locator("table:visible").all():
            assert table.bounding_box()["width"] <= 1040
    page.close()
