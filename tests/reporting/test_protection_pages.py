"""The page of protection and the overview in a real Chromium, with everything that may stand on them: nothing is out of sight.

Belongs here: hand-made pages that are as full as can be, and every command on them. Not here: what real nights put on them (tests/nights).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from sqlalchemy import insert

from assets.command.app import app
from pipelines.database.schema import decision
from pipelines.home import Home
from pipelines.nights.references import reference_of
from pipelines.nights.unmet import unmet_in
from pipelines.publishing.tombstones import NO_NIGHTS, NOT_LESS
from pipelines.reporting import write_overview, write_reports
from pipelines.reporting.opens_nobody import unmet_now
from pipelines.reporting.protection_waits import waits_on
from pipelines.seams import words
from pipelines.seams.protection import TASKS
from pipelines.tables import write_json
from tests.reporting import nights
from tests.reporting.test_pages_in_browser import CHROMIUM, browser

__all__ = ["browser"]

PAGES = ["index.html", "2026-11-20/index.html", "2026-11-20/330/protection.html"]
REF = "ab26" * (words.REF // 4)
WHY = ["stranger", "gone", "asks", "decided", "since", "strayed", "wish", "claimed", "another", "feed"]


def tasks() -> pa.Table:
    """A task of every kind, with names as long as they come."""
    delivery = f"330/social_care/{nights.NIGHT}/1000123-{'c' * 16}"
    row = {
        "agency": "social_care", "wish": REF, "record_ref": REF, "asked": "safeguarding[].confidentiality_marker", "delivery_id": delivery,
        "first_night": nights.NIGHT - timedelta(days=400), "last_night": nights.NIGHT, "last_delivery": delivery,
        "position": 1234567, "line": 1234568,
    }  # fmt: skip
    every = [row | {"kind": kind} for kind in words.TASK_KINDS]
    every.append(row | {"kind": "unwalled", "record_ref": None, "wish": None, "position": None, "line": None})
    return pa.Table.from_pylist(every, TASKS.schema)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of task; what waits; proposals; openings that opened nobody, for every reason; versions made less and removed; a held night; floods."""
    home, engine = Home(tmp_path_factory.mktemp("home")), nights.database()
    counts = dict.fromkeys((*words.TASK_KINDS, "standing", "new", "lifted"), 12345)
    unmet = [{"decision": 9, "why": WHY}]
    folder = tmp_path_factory.mktemp("attempt")
    write_json(unmet, folder / "protection" / "unmet.json")
    told = {
        "children": 61234,
        "review_open": 8,
        "protection": counts,
        "unmet": unmet_in(folder, "330"),
        "shielded": 1234,
        "withheld": 1234,
    }
    nights.tried(engine, "330", "published", version="v=1", figures=told)
    proposal = {
        "authority": "330",
        "decided_at": "2026-11-20T10:00:00+00:00",
        "reason": "order ended",
        "actor": "Bartholomew Featherstonehaugh",
    }
    with engine.begin() as connection:
        connection.execute(
            insert(decision),
            [
                proposal
                | {
                    "decision_id": 8,
                    "kind": "unshield",
                    "record_a": "health:SECRET",
                    "record_b": None,
                    "subject": None,
                },
                proposal
                | {"decision_id": 9, "kind": "confirm", "record_a": "health:SECRET", "record_b": None, "subject": "8"},
                proposal
                | {
                    "decision_id": 10,
                    "kind": "unwall",
                    "record_a": "health:S2",
                    "record_b": "police:S3",
                    "subject": "4",
                },
            ],
        )
    made = f"v={nights.NIGHT}-0123456789ab"
    for number, (why, instead, children) in enumerate(
        (("PROTECTED", f"{made}-less-12345678", 3), (NOT_LESS, None, 2), (NO_NIGHTS, None, 0), ("PROTECTED", None, 1))
    ):
        stone = {
            "version": f"{made}{number}",
            "business_date": str(nights.NIGHT),
            "replaced_by": instead,
            "why": why,
            "children": children,
        }
        write_json(
            stone | {"opened": 4 if instead else 0, "removed_at": "2026-11-20T10:00:00+00:00"},
            home.snapshots("330") / "tombstones" / f"{number}.json",
        )
    home.night("330", nights.NIGHT).mkdir(parents=True)
    waits_on(home, "330", "DISK_FULL")
    who = replace(
        nights.directory(), authorities={"330": "Bournemouth, Christchurch and Poole", "202": "Buckinghamshire"}
    )
    assert [each.number for each in unmet_now(engine, home)] == [9]
    write_reports(
        home, engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.matching(), who, tasks()
    )
    write_overview(home, engine, nights.NIGHT, who)
    return home.reports


# --- commands -----------------------------------------------------------------------------------------------------


def commands(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'<code class="command"[^>]*>(isindex [^<]*)</code>', page)]


def faults_of(told: str) -> str:
    """What the command line itself says of a command; "" where it would take it. Nothing is run."""
    command, words_left = typer.main.get_command(app), shlex.split(told)[1:]
    try:
        with typer.main.get_command(app).make_context("isindex", list(words_left)) as context:
            while hasattr(command, "commands"):
                name, command, words_left = command.resolve_command(context, words_left)
                context = command.make_context(name, list(words_left), parent=context)
                words_left = [*context._protected_args, *context.args] if hasattr(command, "commands") else []
    except Exception as fault:
        return f"{told}: {fault}"
    return ""


@pytest.mark.parametrize("name", PAGES)
def test_every_command_on_a_page_is_complete_and_shown_as_one(site: Path, name: str) -> None:
    page = (site / name).read_text()
    found = commands(page)
    assert found and [each for each in map(faults_of, found) if each] == []
    assert "`" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    bare = re.sub(r"<code.*?</code>", "", page, flags=re.DOTALL)
    assert "isindex decide" not in bare and "isindex load" not in bare and "isindex waive" not in bare


def test_a_command_that_lacks_something_is_found() -> None:
    assert faults_of("isindex decide unshield ab26")
    assert faults_of("isindex load --home HOME")
    assert not faults_of("isindex load --home HOME --landing LANDING")


def test_commands_about_a_record_or_a_wish_name_it(site: Path) -> None:
    found = commands((site / PAGES[2]).read_text())
    assert f'isindex decide unshield {REF} --home HOME --authority 330 --reason "WHY"' in found
    assert f'isindex decide firewall {REF} OTHER --home HOME --authority 330 --reason "WHY"' in found
    assert 'isindex decide confirm 10 --home HOME --authority 330 --reason "WHY"' in found


# --- what is said -------------------------------------------------------------------------------------------------


def test_what_waits_stands_first_on_every_page_with_code_authority_and_way_out(site: Path) -> None:
    for name in PAGES:
        page = unescape((site / name).read_text())
        place = page.index('id="h-first"')
        assert all(
            place < page.index(f'id="h-{other}"') for other in re.findall('id="h-([a-z]+)"', page) if other != "first"
        )
        assert (
            "PROTECTION_WAITS" in page
            and "DISK_FULL" in page
            and "isindex load --landing LANDING --home HOME --authority 330" in page
        )
        assert "Decision 9 opened nobody" in page
        assert "Bartholomew Featherstonehaugh proposed it" in page and "2026-11-20 10:00" in page
        assert "SECRET" not in page
        assert (reference_of("health:SECRET") in page) == (name == PAGES[2]), (
            "who is hidden is not told to all who read an overview"
        )


def test_an_auditor_sees_who_was_opened_and_why_a_version_was_removed(site: Path) -> None:
    told = (site / "2026-11-20" / "taken.csv").read_text("utf-8-sig")
    assert "Children hidden,At a firewall,At a hidden child’s home,Children opened" in told
    assert "3 children whom it showed must be hidden by now. 4 children whom it hid are shown again.,3,0,0,4," in told
    assert "It showed 2 children who must be hidden by now. It could not be made less." in told
    assert "No night had it any more" in told and "when it was removed that was not noted" in told


def test_figures_of_one_night_and_of_all_so_far_are_told_apart(site: Path) -> None:
    page = (site / "2026-11-20" / "index.html").read_text()
    assert "New in this night" in page and "Lifted by people so far" in page


# --- in view ------------------------------------------------------------------------------------------------------

OUT_OF_SIGHT = """() => [...document.querySelectorAll("table")].flatMap((table) => {
  const room = table.parentElement.clientWidth, found = table.scrollWidth > room + 1 ? [`${table.id} ${table.scrollWidth}/${room}`] : [];
  return found.concat([...table.querySelectorAll("th, td")].filter((cell) => cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth)
    .map((cell) => `${table.id}: ${cell.textContent.trim().slice(0, 40)} ${cell.scrollWidth}/${cell.clientWidth}`));
})"""


@pytest.mark.in_full
@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: set ISINDEX_CHROMIUM")
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("media", "width"), [("screen", 380), ("screen", 900), ("screen", 1440), ("print", 718), ("print", 1030)]
)
def test_nothing_of_a_table_is_out_of_sight(browser, site: Path, name: str, media: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    page.goto((site / name).as_uri())
    assert page.evaluate(OUT_OF_SIGHT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
