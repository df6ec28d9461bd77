"""The Dagster UI in a real headless Chromium, on a home that a load has filled: lineage, a failed check, a plot."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from sample_feeds import FaultPlan, make_nights
from tests.loading import loaded

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.in_full]
BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The UI on a home with two loaded nights, served on this machine."""
    out = tmp_path_factory.mktemp("ui")
    make_nights(out, ("330",), first_night=date(2026, 11, 18), nights=2, children=150, faults=FaultPlan(0.2))
    loaded(out / "landing", out / "home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [
        str(BIN / "isindex"),
        "ui",
        "--home",
        str(out / "home"),
        "--landing",
        str(out / "landing"),
        "--port",
        str(port),
    ]
    with (out / "ui.log").open("w") as log:
        server = subprocess.Popen(serve, stdout=log, stderr=log, env=os.environ)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/server_info", timeout=2)
                break
            except OSError:
                assert server.poll() is None, (out / "ui.log").read_text()[-2000:]
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def page(address):
    """A page of a headless Chromium."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("ISINDEX_REQUIRE_ALL"):
            pytest.fail("Chromium is not installed (Debian package chromium).")
        pytest.skip("Chromium is not installed (Debian package chromium).")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_lineage_graph_shows_the_way_from_feeds_to_what_is_published(page, address):
    page.goto(f"{address}/locations/assets.definitions/asset-groups/index")
    for name in ("person_records", "links", "identities", "snapshot", "published", "accepted"):
        page.get_by_text(name, exact=True).first.wait_for()


def test_a_failed_check_is_seen_on_the_asset(page, address):
    page.goto(f"{address}/assets/health/rejected?view=checks")
    page.get_by_text("reject_rate").first.wait_for()
    page.get_by_text("Failed", exact=True).first.wait_for()
    page.get_by_text("of the records were rejected; the service level allows").first.wait_for()


def test_the_share_of_rejected_records_is_plotted_over_the_nights(page, address):
    page.goto(f"{address}/assets/health/rejected?view=checks")
    page.get_by_text("Plots", exact=True).first.wait_for()
    page.get_by_text("rejected_share").first.wait_for()
    page.locator("canvas").first.wait_for()


def test_no_newsletter_is_offered(page, address):
    page.goto(f"{address}/overview")
    page.get_by_text("Overview", exact=True).first.wait_for()
    asked = page.request.post(f"{address}/graphql", data={"query": "{ shouldShowNux }"}, headers={"Origin": address})
    assert asked.json() == {"data": {"shouldShowNux": False}}
    assert page.get_by_text("newsletter").count() == 0


def test_the_partitions_are_the_nights_of_the_home_and_a_verdict_belongs_to_one(page, address):
    page.goto(f"{address}/assets/health/rejected?view=partitions")
    page.get_by_text("2026-11-18", exact=True).first.wait_for()
    assert page.get_by_text("2026-11-17", exact=True).count() == 0
    page.goto(f"{address}/assets/health/rejected?view=checks")
    page.get_by_text("330|2026-11-19").first.wait_for()


def test_the_list_of_runs_says_who_started_them_and_how_their_nights_ended(page, address):
    page.goto(f"{address}/runs?q[]=tag:isindex/night=published")
    page.get_by_text("isindex/started_by: isindex load by").first.wait_for()
    page.get_by_text("isindex/night: published").first.wait_for()


def test_the_live_asset_tells_of_every_authority_and_plots_each(page, address):
    page.goto(f"{address}/assets/index/live?view=events")
    page.get_by_text("in_force", exact=True).first.wait_for()
    page.get_by_text("children 330", exact=True).first.wait_for()
