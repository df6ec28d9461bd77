"""Data Docs: what the expectation suites found, as pages that need no network, no script and no value.

Belongs here: the pages of a feed's night, of an authority's night, and the index of nights. Great Expectations' own
pages load scripts, fonts and styles from public networks and print failing values; these are written from the same
results, hold figures only, and open from a disk. Not here: what was expected (`promises`), running it (`expectations`).

    <folder>/index.html                                      nights and authorities, the latest first
    <folder>/<business_date>/<authority>/index.html          the feeds of one authority's night
    <folder>/<business_date>/<authority>/<agency>.html       every expectation on one feed
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path

from pipelines.contracts.contract import Contract
from pipelines.tables import write_bytes
from pipelines.validation.outcomes import ExpectationOutcome, Judgement

__all__ = ["write_index", "write_page"]

NIGHTS_LISTED = 60
_SUMMARY = re.compile(r'<meta name="summary" content="([a-z_]+) (\d+) (\d+)">')
_STYLE = """
body{font:1rem/1.5 Arial,Helvetica,sans-serif;color:#0b0c0c;background:#fff}
body{margin:0 auto;max-width:64rem;padding:1rem 1.5rem}
h1{font-size:1.9rem;margin:.5rem 0}h2{font-size:1.3rem;margin:2rem 0 .5rem}p{max-width:44rem}
a{color:#1d70b8}a:focus,summary:focus{outline:3px solid #fd0;color:#0b0c0c}
table{border-collapse:collapse;width:100%;margin:.5rem 0}caption{text-align:left;font-weight:bold;padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-bottom:1px solid #b1b4b6}
td.figure,th.figure{text-align:right;font-variant-numeric:tabular-nums}
.held{color:#00593c}.broken{color:#aa2a16;font-weight:bold}.none{color:#505a5f}code{font-size:.85em}
@media print{body{max-width:none}a{color:inherit}}
"""


def write_page(
    folder: Path,
    authority: str,
    business_date: date,
    contract: Contract,
    outcomes: Sequence[ExpectationOutcome],
    judgements: Sequence[Judgement],
    measures: Mapping[str, float],
) -> Path:
    """Write the page of one feed's night and the two indexes above it, each replaced whole; returns the page's path."""
    night = folder / business_date.isoformat() / authority
    page = night / f"{contract.agency}.html"
    title = f"{contract.title or contract.agency}: expectations, {business_date:%d %B %Y}"
    broken = sum(not outcome.passed for outcome in outcomes)
    body = [
        f'<p><a href="index.html">All feeds of this night</a></p><h1>{escape(title)}</h1>',
        f"<p>Authority {escape(authority)} · contract {escape(contract.id)} ({escape(contract.version)}) · "
        f"{_count(sum(j.judged > 0 for j in judgements), 'expectation')}. Figures only, never a value.</p>",
        _outcome_table(outcomes),
        *_details(outcomes, judgements, measures),
    ]
    summary = f'<meta name="summary" content="{contract.agency} {len(outcomes) - broken} {broken}">'
    write_bytes(_page(title, body, summary), page)
    _write_night(night, authority, business_date)
    write_index(folder)
    return page


def write_index(folder: Path) -> None:
    """Write the index of the nights that have pages, the latest first."""
    nights = sorted((each for each in folder.iterdir() if re.fullmatch(r"\d{4}-\d\d-\d\d", each.name)), reverse=True)
    rows = []
    for night in nights[:NIGHTS_LISTED]:
        try:
            names = sorted(each.name for each in night.iterdir() if each.is_dir())
        except (FileNotFoundError, NotADirectoryError):  # let go meanwhile, by the end of another load
            continue
        links = " · ".join(f'<a href="{night.name}/{escape(name)}/index.html">{escape(name)}</a>' for name in names)
        rows.append(f"<tr><td>{night.name}</td><td>{links}</td></tr>")
    head = "<tr><th scope=col>Night</th><th scope=col>Authorities</th></tr>"
    body = [
        "<h1>Data Docs</h1>",
        "<p>What the expectation suites found on each feed of each night: an independent proof that accepted records "
        "break no rule, and the night's measures against the nights before.</p>",
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>",
    ]
    if len(nights) > NIGHTS_LISTED:
        body.append(
            f"<p>The latest {NIGHTS_LISTED} of {len(nights)} nights; earlier ones lie in folders beside these.</p>"
        )
    write_bytes(_page("Data Docs", body), folder / "index.html")


def _outcome_table(outcomes: Iterable[ExpectationOutcome]) -> str:
    rows = []
    for outcome in outcomes:
        judged = outcome.observed["judged"] > 0
        state = _state(outcome.passed, judged or not outcome.passed)
        link = (
            f'<a href="#{outcome.name}"><code>{outcome.name}</code></a>' if judged else f"<code>{outcome.name}</code>"
        )
        rows.append(
            f"<tr><td>{link}</td><td>{state}</td><td>{outcome.severity}</td><td>{escape(outcome.description)}</td></tr>"
        )
    head = (
        "<tr><th scope=col>Check</th><th scope=col>Result</th><th scope=col>If broken</th><th scope=col>What</th></tr>"
    )
    return f"<table><caption>Verdicts</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _details(
    outcomes: Iterable[ExpectationOutcome], judgements: Sequence[Judgement], measures: Mapping[str, float]
) -> Iterable[str]:
    for outcome in outcomes:
        own = [each for each in judgements if each.promise.verdict == outcome.name]
        if not own:
            continue
        if outcome.suite == "measures":
            head = "<th scope=col class=figure>Measured</th>"
        else:
            head = "<th scope=col class=figure>Judged</th><th scope=col class=figure>Against</th>"
        rows = []
        for each in sorted(own, key=lambda one: one.held):
            if outcome.suite == "measures":
                value = measures.get(str(each.promise.arguments["column"]), math.nan)
                figures = f"<td class=figure>{'none' if math.isnan(value) else f'{value:,.4g}'}</td>"
            else:
                figures = f"<td class=figure>{each.judged:,}</td><td class=figure>{each.against:,}</td>"
            words = escape(each.promise.words) + (f" ({escape(each.fault)})" if each.fault else "")
            rows.append(
                f"<tr><td>{words}</td><td>{_state(each.held, True)}</td>{figures}"
                f"<td>{escape(each.promise.rule)}</td><td><code>{_snake(each.promise.kind)}</code></td></tr>"
            )
        columns = "<th scope=col>Expected</th><th scope=col>Result</th>" + head
        columns += "<th scope=col>Rule</th><th scope=col>Expectation</th>"
        yield f'<h2 id="{outcome.name}">{outcome.name.replace("_", " ").capitalize()}</h2>'
        yield f"<table><thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _write_night(night: Path, authority: str, business_date: date) -> None:
    rows = []
    for page in sorted(night.glob("*.html")):
        with page.open(encoding="utf-8") as stream:
            found = _SUMMARY.search(stream.read(4096))
        if found:
            agency, held, broken = found.group(1), int(found.group(2)), int(found.group(3))
            verdict = _state(not broken, True) + (f" ({broken} of {held + broken})" if broken else "")
            rows.append(f'<tr><td><a href="{page.name}">{agency.replace("_", " ")}</a></td><td>{verdict}</td></tr>')
    title = f"Expectations of authority {authority}, {business_date:%d %B %Y}"
    head = "<tr><th scope=col>Feed</th><th scope=col>Result</th></tr>"
    body = [
        f'<p><a href="../../index.html">All nights</a></p><h1>{escape(title)}</h1>',
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>",
    ]
    write_bytes(_page(title, body), night / "index.html")


def _page(title: str, body: Iterable[str], head: str = "") -> bytes:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"{head}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    ).encode()


def _state(held: bool, judged: bool) -> str:
    if not judged:
        return '<span class="none">– not judged</span>'
    return '<span class="held">✓ held</span>' if held else '<span class="broken">✗ broken</span>'


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
