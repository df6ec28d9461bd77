from __future__ import annotations

import csv
import hashlib
import io
import re
import shlex
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from lxml import html
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.home import Home
from pipelines.reporting import (
    MatchTables,
    gather,
    match_figures,
    night_figures,
    quality_figures,
    reject_figures,
    write_overview,
    write_reports,
)
from pipelines.reporting.figures import AuthorityLine, FeedLine, NightFigures
from pipelines.reporting.sheets import Head, Sheet, csv_of_table
from pipelines.reporting.tables_of import ROWS_EMBEDDED, night_sheets
from pipelines.validation.rejects import FAULTS
from tests.reporting import nights


@pytest.fixture
def engine():
    return nights.database()


@pytest.fixture
def site(tmp_path, engine) -> Path:
    home = Home(tmp_path)
    write_reports(
        home, engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.matching(), nights.directory()
    )
    write_overview(home, engine, nights.NIGHT, nights.directory())
    return home.reports


def rows_of(page: Path, name: str) -> list[list[str]]:
    table = html.parse(str(page)).getroot().get_element_by_id(name)
    return [[cell.text_content().strip() for cell in row] for row in table.iterfind("tbody/tr")]


def csv_rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def test_overview_says_what_came_what_is_stale_and_what_was_published(site, tmp_path):
    page = site / "2026-11-20/index.html"
    feeds = {(row[0], row[1]): row for row in rows_of(page, "feeds")}
    assert len(feeds) == 8
    assert feeds["Birmingham", "Health"][2:9] == ["Loaded", "20 Nov 2026", "Tonight’s", "1,000", "957", "42", "1"]
    assert feeds["Birmingham", "Police"][2:6] == ["Refused", "19 Nov 2026", "Stale: 1 day", "–none"]
    assert feeds["Camden", "Education"][2:5] == ["Missing", "17 Nov 2026", "Stale: 3 days"]  # its day is long over
    assert feeds["Camden", "Police"][2:5] == ["Missing", "–none", "No records yet"]
    authorities = {row[0]: row for row in rows_of(page, "authorities")}
    assert authorities["Birmingham"][2:4] == ["Published", "61,234"]
    assert authorities["Camden"][2] == "Held"
    assert authorities["Camden"][-1] == "Gate volume: The index would lose 31 % of its children."
    first = rows_of(page, "attention")[0]
    assert first[:3] == ["Camden", "–none", "Held"] and first[5] == authorities["Camden"][-1]
    way_out = first[6]
    (command,) = re.findall(r"\(isindex (decide override [^)]*)\)", way_out)
    assert command == 'decide override volume --home HOME --authority 202 --night 2026-11-20 --reason "WHY"'
    done = CliRunner().invoke(app, shlex.split(command.replace("HOME", str(tmp_path / "none"))))
    assert "HOME_UNKNOWN" in done.output  # it is whole: nothing is missing but the home


@pytest.mark.parametrize(
    ("state", "shown", "reason"),
    [
        (
            "held",
            "Held",
            "Gate volume: The index would lose 31 % of its children.",
        ),
        ("failed", "Failed", "links (DISK_FULL): No room is left."),
        ("running", "Not published", ""),
    ],
)
def test_overview_says_why_a_night_was_not_published_again_and_that_its_version_stays(
    tmp_path, engine, state, shown, reason
):
    nights.tried(engine, "330", state, reasons=[reason] if reason else [])
    write_overview(Home(tmp_path), engine, nights.NIGHT, nights.directory())
    birmingham = next(
        row for row in rows_of(Home(tmp_path).reports / "2026-11-20/index.html", "authorities") if row[1] == "330"
    )
    assert birmingham[2:4] == [shown, "61,234"]
    stays = "The version published for this night before stays in force."
    assert birmingham[-1] == f"{reason} {stays}".strip()


def test_overview_of_a_night_that_failed_before_anything_was_frozen_says_where(tmp_path):
    engine = nights.empty_database()
    nights.tried(engine, "330", "failed", digest="", reasons=["health: [DISK_FULL] No room is left."])
    write_overview(Home(tmp_path), engine, nights.NIGHT, nights.directory())
    (row,) = rows_of(Home(tmp_path).reports / "2026-11-20/index.html", "authorities")
    assert row[:4] == ["Birmingham", "330", "Failed", "–none"]
    assert row[-1] == "health: [DISK_FULL] No room is left."


def test_only_the_last_attempt_at_a_night_is_told(tmp_path, engine):
    nights.tried(engine, "202", "failed", reasons=["links: it broke off."])
    nights.tried(engine, "202", "published", version="v=2", figures={"children": 9})
    nights.tried(engine, "330", "held", reasons=["Gate volume."], business_date=nights.NIGHT + timedelta(days=1))
    figures = night_figures(engine, nights.NIGHT, nights.directory())
    assert [(line.authority, line.state, line.version) for line in figures.authorities] == [
        ("202", "published", "v=2"),
        ("330", "published", "v=1"),
    ]
    assert figures.authorities[0].reasons == ()


def test_first_page_names_the_nights_that_wait_for_somebody(tmp_path, engine):
    nights.tried(engine, "330", "failed", reasons=["links: it broke off."])
    write_overview(Home(tmp_path), engine, nights.NIGHT, nights.directory())
    front = Home(tmp_path).reports / "index.html"
    waiting = rows_of(front, "waiting")
    assert [row[:4] for row in waiting] == [
        ["2026-11-20", "202", "Held", "Gate volume: The index would lose 31 % of its children."],
        ["2026-11-20", "330", "Failed", "links: it broke off."],
    ]
    assert "isindex decide override volume --home HOME --authority 202 --night 2026-11-20" in waiting[0][4]
    assert "load again" in waiting[1][4]
    assert rows_of(front, "nights")[0][2:] == [
        "2",
        "0",
        "1",
        "1",
        "0",
        "0",
    ]  # authorities, published, held, failed, silent, shown less


def test_overview_lists_codes_with_message_and_remedy_gravest_first(site):
    attention = rows_of(site / "2026-11-20/index.html", "attention")
    assert attention.pop(0)[:3] == ["Camden", "–none", "Held"], "a night that waits comes before any delivery"
    assert attention[0][:4] == ["Birmingham", "Police", "Refused", "CHECKSUM_MISMATCH"]
    assert attention[0][6] == "Send the delivery again."
    assert "as of 19 Nov 2026, 1 day old" in attention[0][5]
    assert "ALL_LOADED" not in str(attention)
    assert any(row[3] == "COLUMNS_REFUSED" and "Ethnicity" in row[5] for row in attention)


def test_a_waiver_is_not_advised_where_it_has_no_effect():
    feed = FeedLine("330", "health", "missing")
    line = AuthorityLine("330", "published", "v=1", 1, 0, {}, (), (feed,))
    (row,) = night_sheets(NightFigures(nights.NIGHT, (line,), ()), nights.directory())["attention"].rows
    assert row[2].text == "Missing"
    assert "waive" not in str(row[6]) and "supplier" in str(row[6])


def test_every_table_has_a_file_with_the_same_rows(site):
    for page in site.rglob("*.html"):
        root = html.parse(str(page)).getroot()
        for table in root.iterfind(".//table"):
            shown = len(table.findall("tbody/tr"))
            assert len(csv_rows(page.parent / f"{table.get('id')}.csv")) - 1 == shown, (page.name, table.get("id"))
        for link in root.iterfind(".//a"):
            target = link.get("href")
            assert target.startswith("#") or (page.parent / target).exists(), (page.name, target)


def test_pages_ask_nothing_of_the_network(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", text), page.name
        assert "@import" not in text


def test_tables_are_marked_up_for_assistive_technology(site):
    for page in site.rglob("*.html"):
        root = html.parse(str(page)).getroot()
        assert root.get("lang") == "en-GB"
        assert len(root.findall(".//main")) == 1 and len(root.findall(".//h1")) == 1
        for table in root.iterfind(".//table"):
            assert table.find("caption").text
            assert all(head.get("scope") == "col" for head in table.iterfind("thead/tr/th"))
            assert all(row[0].tag == "th" and row[0].get("scope") == "row" for row in table.iterfind("tbody/tr"))
        for drawing in root.findall(".//svg[@role='img']"):
            assert drawing.find("title").text and drawing.find("desc").text


def test_rejected_records_can_be_found_at_their_source(site):
    rows = rows_of(site / "2026-11-20/330/rejected.html", "rejected")
    assert rows[0][:6] == ["P-0007", "Health", "Rejected", "HEALTH-BIRTH-001", "birth_date", "100"]
    assert rows[0][6:9] == ["7", "8", "–none"]
    assert rows[0][9:] == ["2 to 7 days", "3", nights.BORN.message, nights.BORN.remedy]
    assert rows[1][9:11] == ["8 to 28 days", "10"]  # then the queries, the oldest first


def test_person_numbers_in_keys_are_cut_except_in_the_suppliers_own_file(site):
    folder = site / "2026-11-20/330"
    for file in [*folder.glob("*.html"), *folder.glob("*.csv")]:
        assert "H801200001001" not in file.read_text(encoding="utf-8"), file.name
    assert ["…001/100321"] in [row[:1] for row in rows_of(folder / "rejected.html", "rejected")]
    assert csv_rows(folder / "education/rejects.csv") == [
        ["sequence", "position", "line", "key", "outcome", "rule", "field", "message"],
        ["100", "5", "6", "H801200001001/100321", "queried", "EDUCATION-UPN-002", "UPN", nights.UPN.message],
    ]
    assert "H8012" not in (folder / "health/rejects.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("H801200001001/100321", "…001/100321"),
        ("H801200001001", "…001"),
        ("A/B/C123/9", "…3/9"),
        ("A\nB123/9", "…123/9"),
        (None, None),
    ],
)
def test_keys_of_any_form_hide_the_person_number(engine, key, shown):
    rejects = {"education": nights.rejects([("e", 1, key, nights.UPN, "A")])}
    figures = reject_figures(engine, "330", nights.NIGHT, rejects, nights.standing(), nights.directory())
    assert figures.rows["key"].to_pylist() == [shown]


def test_shape_of_a_sensitive_value_is_not_shown(site):
    folder = site / "2026-11-20/330"
    assert "AAAA AAAAAA AAAAAA" not in (folder / "rejected.html").read_text(encoding="utf-8")
    assert "AAAA AAAAAA AAAAAA" not in (folder / "rejected.csv").read_text(encoding="utf-8")
    assert "999 999 9999" in (folder / "rejected.html").read_text(encoding="utf-8")


def test_delivered_text_is_neither_markup_nor_formula(site):
    folder = site / "2026-11-20/330"
    assert "<script>alert" not in (folder / "rejected.html").read_text(encoding="utf-8")
    for path in (folder / "rejected.csv", folder / "health/rejects.csv"):
        cells = [cell for row in csv_rows(path)[1:] for cell in row]
        assert "'=cmd|'/c'!A1" in cells
        assert not [cell for cell in cells if cell[:1] in "=+@\t\r" and cell]


@pytest.mark.parametrize(
    ("cell", "plain"),
    [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", " x"), (" =1", "' =1"), ("\n=1", "' =1")],
)
def test_csv_cells_start_no_formula_and_hold_no_control_character(cell, plain):
    sheet = Sheet("s", "S", (Head("A"),), [(cell,)])
    for content in (sheet.csv(), csv_of_table(pa.table({"A": [cell, None]}))):
        assert content.startswith(b"\xef\xbb\xbf")
        assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1] == [plain]


def test_faults_of_earlier_nights_that_are_still_open_are_counted(engine):
    figures = reject_figures(engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.directory())
    assert [(line.rule, line.faults) for line in figures.earlier] == [("HEALTH-NHS-001", 1)]


def test_a_record_with_two_faults_counts_once_and_as_rejected(engine):
    figures = reject_figures(engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.directory())
    health = figures.agencies[0]
    assert (health.rejected, health.queried) == (1, 42)
    assert (health.new, health.oldest) == (42, 10)
    assert figures.as_metadata()["rejected/health"] == 1


def test_trend_leaves_a_gap_where_nothing_was_delivered(engine):
    figures = reject_figures(engine, "330", nights.NIGHT, {}, nights.standing(), nights.directory())
    police = [(point.business_date.day, point.rejected) for point in figures.trend if point.agency == "police"]
    assert police == [(19, 0), (20, None)]


def test_metadata_has_the_same_keys_every_night_and_only_numbers(engine):
    who = nights.directory()
    other = nights.NIGHT - timedelta(days=200)
    for full, empty in (
        (night_figures(engine, nights.NIGHT, who), night_figures(engine, other, who)),
        (
            reject_figures(engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), who),
            reject_figures(engine, "330", other, {}, FAULTS.empty_table(), who),
        ),
        (match_figures("330", nights.NIGHT, nights.matching(), who), match_figures("330", other, MatchTables(), who)),
        (quality_figures(engine, "330", nights.NIGHT, who), quality_figures(engine, "330", other, who)),
    ):
        assert list(full.as_metadata()) == list(empty.as_metadata())
        assert all(isinstance(value, (int, float)) for value in full.as_metadata().values())


def test_overview_totals_reconcile(engine):
    numbers = night_figures(engine, nights.NIGHT, nights.directory()).as_metadata()
    parts = sum(numbers[f"records/{name}"] for name in ("accepted", "queried", "rejected", "repeats"))
    assert parts == numbers["records/rows_read"] == 4000
    assert sum(value for key, value in numbers.items() if key.startswith("feeds/")) == numbers["feeds_expected"]


def test_match_report_shows_references_not_keys(site):
    folder = site / "2026-11-20/330"
    for file in [folder / "matching.html", folder / "review.csv"]:
        text = file.read_text(encoding="utf-8")
        assert not any(key in text for key in ("SECRET", "HIDDEN", "CONCEALED"))
    rows = rows_of(folder / "matching.html", "review")
    assert len(rows) == 8 and re.fullmatch("[0-9a-f]{32}", rows[0][0])
    assert [row[4] for row in rows] == ["2"] * 4 + ["3"] * 4  # what is looked at first comes first
    assert rows[0][9].startswith("start −17, birth date +12")
    assert {row[10] for row in rows} == {"first record: 11, joined", "none"}
    assert rows_of(folder / "matching.html", "apart") == [["Twins: other given name.", "4"]]
    assert [row[1] for row in rows_of(folder / "matching.html", "changes")] == ["Merged", "Split"]


def test_a_pair_keeps_the_night_it_first_waited():
    review = nights.matching().review
    first = sorted(review["first_night"].to_pylist())
    assert first[:3] == [nights.NIGHT - timedelta(days=3)] * 2 + [nights.NIGHT]


def test_a_step_without_words_is_an_error_not_a_gap():
    odd = MatchTables(identities=pa.table({"record_key": ["health:1"], "index_id": ["a"], "step": ["guess"]}))
    with pytest.raises(ValueError, match="guess"):
        match_figures("330", nights.NIGHT, odd, nights.directory())


def test_quality_is_measured_by_dimension_and_field(engine):
    figures = quality_figures(engine, "330", nights.NIGHT, nights.directory())
    tonight = figures.of("health")[-1]
    assert tonight.dimensions == {"completeness": 1.0, "conformance": 43.0, "plausibility": 0.0}
    assert tonight.filled == {"nhs_number": 0.98, "birth_date": 1.0}
    assert tonight.faults["nhs_number", "conformance"] == 43
    assert figures.as_metadata()["filled_share/health"] == 0.99
    assert figures.of("police")[-1].dimensions["conformance"] is None


def test_same_figures_give_the_same_bytes(tmp_path, engine):
    digests = []
    for name in ("a", "b"):
        home = Home(tmp_path / name)
        write_reports(
            home,
            engine,
            "330",
            nights.NIGHT,
            nights.tonight(),
            nights.standing(),
            nights.matching(),
            nights.directory(),
        )
        write_overview(home, engine, nights.NIGHT, nights.directory())
        files = sorted(path for path in home.reports.rglob("*") if path.is_file())
        digests.append([(str(p.relative_to(home.reports)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files])
    assert digests[0] == digests[1] and len(digests[0]) > 20


def test_a_large_authority_says_what_it_leaves_out(tmp_path, engine):
    home = Home(tmp_path)
    rejects = nights.large(30_000)
    write_reports(
        home, engine, "330", nights.NIGHT, rejects, nights.standing(), nights.matching(3000), nights.directory()
    )
    page = home.reports / "2026-11-20/330/rejected.html"
    assert len(rows_of(page, "rejected")) == ROWS_EMBEDDED
    assert "shows 2,000 of 30,000 rows" in page.read_text(encoding="utf-8")
    assert len(csv_rows(page.parent / "rejected.csv")) == 30_001
    assert page.stat().st_size < 3_000_000


def test_markdown_tables_are_cut_and_cannot_break(engine):
    sheet = Sheet("s", "S", (Head("A"), Head("B", number=True)), [("a|b", n) for n in range(60)])
    text = sheet.markdown(10)
    assert text.count("a\\|b") == 10 and "50 more rows stand in s.csv." in text
    feeds = night_sheets(night_figures(engine, nights.NIGHT, nights.directory()), nights.directory())[
        "feeds"
    ].markdown()
    assert "| Birmingham | Health | Loaded |" in feeds


def test_headings_of_stacked_rows_can_not_leave_their_style_sheet():
    long = "A sentence that is long enough to be given a column that is wide enough to be read."
    sheet = Sheet("s", "S", (Head("A"), Head('"; } </style><script>')), [("x", long)])
    told = str(sheet.labels())
    assert "<" not in told and '"; }' not in told.replace('"; }', "", 1)
    assert '<td class="p">' in sheet.body()
    short = Sheet("s", "S", (Head("A"), Head("B")), [("x", "y")])
    assert str(short.labels()) == ""


def test_a_page_that_is_cut_shows_rows_of_every_rule_and_supplier_and_says_how_many_of_how_many(tmp_path, engine):
    faults = [(f"m{n}", n + 1, f"P-{n:06}", nights.BORN, "") for n in range(3 * ROWS_EMBEDDED)]
    faults += [(f"n{n}", 9000 + n, f"Q-{n:06}", nights.NHS, "9999999999") for n in range(2 * ROWS_EMBEDDED)]
    few = [(f"e{n}", n + 1, f"H801200001001/{n}", nights.UPN, "A999999999999") for n in range(7)]
    rejects = {"health": nights.rejects(faults), "education": nights.rejects(few)}
    write_reports(Home(tmp_path), engine, "330", nights.NIGHT, rejects, FAULTS.empty_table(), None, nights.directory())
    page = Home(tmp_path).reports / "2026-11-20/330/rejected.html"
    rows = rows_of(page, "rejected")
    assert len(rows) == ROWS_EMBEDDED
    shown = {rule: sum(row[3] == rule for row in rows) for rule in {row[3] for row in rows}}
    assert shown[nights.UPN.code] == 7, "a rule that was broken rarely is there whole"
    assert abs(shown[nights.BORN.code] - shown[nights.NHS.code]) <= 1
    assert {row[1] for row in rows} == {"Health", "Education"}, "so the filters stay"
    assert [row[3] for row in rows[: shown[nights.BORN.code]]] == [nights.BORN.code] * shown[nights.BORN.code]
    below = {row[0]: (row[4], row[7]) for row in rows_of(page, "rules")}
    assert below[nights.BORN.code] == ("6,000", f"{shown[nights.BORN.code]:,}")
    text = " ".join(html.parse(str(page)).getroot().text_content().split())
    assert "This page shows 2,000 of 10,007 rows: of each broken rule a fair share" in text
    assert len(csv_rows(page.with_suffix(".csv"))) == 10_008


def test_who_asks_to_be_protected_is_not_told_on_the_page_of_rejected_records(tmp_path, engine):
    asking = nights.tonight()
    health = asking["health"]
    asking["health"] = health.append_column("asks_protection", pa.array([n == 0 for n in range(health.num_rows)]))
    write_reports(Home(tmp_path), engine, "330", nights.NIGHT, asking, nights.standing(), None, nights.directory())
    folder = Home(tmp_path).reports / "2026-11-20/330"
    for name in ("rejected.html", "rejected.csv", "health/rejects.csv"):
        assert "asks" not in (folder / name).read_text(encoding="utf-8").lower(), name
    assert [row[:2] + row[4:5] for row in csv_rows(folder / "asking.csv")[1:]] == [["health", nights.BORN.code, "7"]]
    assert "asking.csv" in (folder / "protection.html").read_text(encoding="utf-8")


def test_faults_that_were_closed_since_the_night_before_are_told(tmp_path, engine):
    faults = nights.standing().to_pylist()
    faults[2] |= {"state": "corrected", "closed_night": nights.NIGHT}
    faults.append(faults[2] | {"reject_id": "long ago", "closed_night": nights.NIGHT - timedelta(days=1)})
    table = pa.Table.from_pylist(faults, FAULTS.schema)
    write_reports(Home(tmp_path), engine, "330", nights.NIGHT, nights.tonight(), table, None, nights.directory())
    page = Home(tmp_path).reports / "2026-11-20/330/rejected.html"
    assert rows_of(page, "agencies")[0][5] == "1"
    assert "1 fault that stood the night before is closed" in page.read_text(encoding="utf-8")


def test_a_rule_that_only_queries_is_not_told_as_rejecting_where_a_record_was_rejected_for_another(site):
    page = site / "2026-11-20/330/rejected.html"
    rules = {row[0]: row for row in rows_of(page, "rules")}
    assert len(rules) == len(rows_of(page, "rules")), "each rule once"
    assert rules[nights.BORN.code][3] == "Rejected" and rules[nights.NHS.code][3] == "Queried"
    assert rules[nights.NHS.code][4] == "43", "the rejected record broke it too"


def test_a_delta_is_judged_against_its_feed_and_not_against_its_ten_rows(engine):
    shares = {}
    for mode, live in (("delta", 2450), ("full", 10)):
        delivery = FeedLine(
            "330", "health", "partly_loaded", delivery_id="d", mode=mode, counts={"rows_read": 10, "rejected": 1}
        )
        row = SimpleNamespace(delivery_id="d", as_of=nights.NIGHT, live_records=live, state="partly_loaded")
        line = gather._feed_line(
            "330", "health", row, {"d": delivery}, (delivery,), nights.NIGHT, nights.directory(), ""
        )  # type: ignore[arg-type]
        shares[mode] = [notice.message for notice in line.notices]
        rows = night_sheets(
            NightFigures(nights.NIGHT, (AuthorityLine("330", "published", "v=1", 1, 0, {}, (), (line,)),), ()),
            nights.directory(),
        )["attention"].rows
        assert [row[2].text for row in rows if row[3] is not None] == (["Above its limit"] if mode == "full" else [])
    assert shares["delta"] == [] and "10.00%" in shares["full"][0] and "1 of 10" in shares["full"][0]


def test_merges_and_splits_say_why_and_those_moved_are_told_among_those_changed(tmp_path, engine):
    told = [
        ("merged", "AAAA1", "DDDD4", "{}"),
        ("joined", "DDDD4", "AAAA1", '{"step":"upn","weight":21.5}'),
        ("split", "BBBB2", "EEEE5", '{"records":2}'),
    ]
    events = pa.Table.from_pylist(
        [dict(zip(("kind", "index_id", "other_id", "evidence"), row, strict=True)) for row in told]
    )
    figures = match_figures("330", nights.NIGHT, MatchTables(events=events), nights.directory())
    assert [event["reason"] for event in figures.events] == [
        "Their records belong together by: UPN.",
        "2 records could not stay with the others.",
    ]
    line = AuthorityLine("330", "published", "v=1", 1, 0, {"added": 1, "changed": 40, "moved": 11}, (), ())
    (row,) = night_sheets(NightFigures(nights.NIGHT, (line,), ()), nights.directory())["authorities"].rows
    assert row[8] == "1 added, 40 changed (11 of them moved)"


def test_a_decision_that_was_settled_since_is_not_to_be_settled_on_its_night(tmp_path, engine):
    unmet = {"decision": 13, "told": "Decision 13 opened nobody.", "what_to_do": "Decide again.", "why": ["asks"]}
    nights.tried(engine, "330", "published", version="v=1", figures={"unmet": [unmet]})
    write_overview(Home(tmp_path), engine, nights.NIGHT, nights.directory())
    assert "Decision 13" not in (Home(tmp_path).reports / "2026-11-20/index.html").read_text(encoding="utf-8")
