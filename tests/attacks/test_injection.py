"""Injection: what a supplier writes is text, wherever it is shown, and never a tag, a formula, a line, a path or a command.

All values stand in one night of one home: in records, in keys, in names of columns and of files, in the manifest. Then everything that
people or programs read is looked through: pages, tables for spreadsheets, answers, the log, what Dagster shows of a run.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.contracts import contract_for
from pipelines.nights.take_in import take_in
from tests.attacks.search import texts_of
from tests.attacks.sending import csv_of, send
from tests.attacks.town import big_moves, heard
from tests.attacks.victims import record_of, victim
from tests.nights.little_nights import LittleNights

VALUES = {
    "a script": "<script>alert(1)</script>",
    "an image that fails": "<img src=x onerror=alert(1)>",
    "a quotation mark and a handler": '" onmouseover="alert(1)',
    "the end of a comment": "--><svg/onload=alert(1)>",
    "a formula": '=HYPERLINK("http://example.org")',
    "a formula by plus": "+1+cmd",
    "a formula by at": "@SUM(1+1)",
    "a formula behind a space": " =1+1",
    "a template": "{{ 7*7 }}{% raw %}",
    "a format": "%s%n{0.__class__}",
    "a command of SQL": "'; DROP TABLE child; --",
    "a path": "../../../../tmp/zq",
    "a command of the shell": "$(touch /tmp/zq)`id`",
    "a table and a link in Markdown": "|x|[y](javascript:alert)|",
    "a colour for terminals": "\x1b[31mred\x1b[0m",
    "a line of its own": "x\n2026-11-18 ERROR forged",
    "letters from right to left": "\u202egnp.exe",
}  # fmt: skip
CELLS = {
    "family name": "family_name",
    "address": "address_line_1",
    "carer": "carer_name",
    "practice": "gp_practice_code",
    "key": "local_patient_id",
}
ATTACKS = {
    f"{value} as {cell}": (name, value)
    for value in VALUES
    for name, cell in [(name, f"a record's {name}") for name in CELLS]
}
OF_FILES = {
    f"{value} as {what}": (what, value)
    for value in VALUES
    for what in ("the name of a column", "the name of a file", "the supplier")
}


def _marked(where: str, what: str) -> str:
    """The value with a word of its own."""
    number = list(VALUES).index(what) * 10 + [
        *CELLS,
        "the name of a column",
        "the name of a file",
        "the supplier",
    ].index(where)
    return f"{VALUES[what]}zqj{number:03}z"


def _word(where: str, what: str) -> str:
    return _marked(where, what)[-7:]


@dataclass
class Shown:
    """Everything that is read, by place: pages, tables and answers as text; the log; the tables of a stage."""

    pages: Mapping[str, str]
    sheets: Mapping[str, str]
    answers: Mapping[str, str]
    log: str
    stages: str
    left: list[Path]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    place = LittleNights(tmp_path_factory.mktemp("injection"))
    stages: list[str] = []
    answers: dict[str, str] = {}
    before = set(Path("/tmp").glob("zq*"))
    with big_moves(), heard() as log:
        for number, (where, what) in enumerate(ATTACKS.values()):
            child = victim(100 + number)
            row = record_of("health", child) | {CELLS[where]: _marked(where, what)}
            if where != "key":  # that one is rejected too, so that its key is told
                row["birth_date"] = row["birth_date"] if number % 2 else "31/02/2015"
            else:
                row["gp_practice_code"] = "?"
            place.feeds["health"].rows[f"{number}"] = row
        rows = list(place.feeds["health"].rows.values())
        columns = [name for name in contract_for("health").column_names if name != "change"]
        for what in VALUES:
            header = [*columns, _marked("the name of a column", what)]
            name, supplier = _marked("the name of a file", what), _marked("the supplier", what)
            data = csv_of(rows[:8], header, [*columns, "family_name"])
            usable = f"{name.replace('/', '_')}.csv"
            try:
                folder = send(
                    place, "health", 0, {usable: data}, 9, supplier=supplier
                )  # and a row is missing: its name is told
            except (OSError, ValueError):
                folder = send(place, "health", 0, {"health.csv": data}, 9, supplier=supplier)
            report = take_in(place.night(0), "health")
            stages += [str(report.tables), str(report.figures), *(check.description for check in report.checks)]
            answers[what] = (folder / "ack.json").read_text()
        place.deliver(0)
        assert place.load() == {0: "published"}, place.last(0).reasons
        stages.append(str(take_in(place.night(0), "health").tables))
    reports = place.home / "reports"
    pages = {str(path): path.read_text() for path in reports.rglob("*.html")}
    sheets = {
        str(path): path.read_bytes().decode()
        for folder in (reports, place.landing)
        for path in folder.rglob("*.csv")
        if "health.csv" not in path.name and path.parent.name != "police"
    }
    answers |= {str(path): path.read_text() for path in place.landing.rglob("ack.json")}
    left = sorted(set(Path("/tmp").glob("zq*")) - before)
    (place.home / "index.db").stat()
    for path in place.home.rglob("*"):
        assert "zqj" not in path.name
    assert any(texts_of(path) for path in place.home.rglob("accepted.parquet"))
    return Shown(pages, sheets, answers, log.getvalue(), "\n".join(stages), left)


def _in_pages(shown: Shown, word: str, value: str) -> list[str]:
    """Pages in which the value stands as it is, or within a tag."""
    live = re.search(r"[<>\"']", value)
    tag = re.compile(rf"<[^<>]*{word}[^<>]*>")
    return [place for place, page in shown.pages.items() if (live and value in page) or tag.search(page)]


def _in_sheets(shown: Shown, word: str) -> list[str]:
    """Cells that a spreadsheet would run, or that break a line."""
    found = []
    for place, sheet in shown.sheets.items():
        if word not in sheet:
            continue
        rows = list(csv.reader(io.StringIO(sheet)))
        cells = [cell for row in rows for cell in row if word in cell]
        found += [place for cell in cells if re.match(r"\s*[=+\-@]", cell) or re.search(r"[\x00-\x1f\x7f]", cell)]
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_in_a_record(shown: Shown, attack: str) -> None:
    where, what = ATTACKS[attack]
    word, value = _word(where, what), _marked(where, what)
    assert word not in shown.log and word not in shown.stages
    assert _in_pages(shown, word, value) == [] and _in_sheets(shown, word) == []
    if where != "key":
        assert [place for place, text in {**shown.pages, **shown.sheets, **shown.answers}.items() if word in text] == []
    assert not shown.left


@pytest.mark.parametrize("attack", OF_FILES)
def test_in_what_a_supplier_names(shown: Shown, attack: str) -> None:
    where, what = OF_FILES[attack]
    word, value = _word(where, what), _marked(where, what)
    assert word not in shown.log
    assert _in_pages(shown, word, value) == [] and _in_sheets(shown, word) == []
    told = [line for line in shown.stages.splitlines() if word in line]
    assert [line for line in told if re.search(r"[<>]", value) and value in line] == []
    assert [line for line in told if "](" in value and value in line] == []
