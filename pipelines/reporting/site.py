"""The report site: figures in, self-contained pages and their CSV out, under the home's reports folder.

Belongs here: which page has what, where it lies, and its rendering. Every file is written whole or not at all, and the
same figures give the same bytes.

    reports/index.html                        all nights
    reports/words.html                        what the words mean
    reports/<night>/index.html                night overview, all authorities
    reports/<night>/<authority>/rejected.html, matching.html, quality.html, protection.html, a CSV for each table
    reports/<night>/<authority>/<agency>/rejects.csv    the supplier's file: for that agency's own users only
    reports/accreditation/…                   feeds and their certificates (`certificates`)
    reports/network/index.html                the co-ordinating index, where there is one
    reports/model/index.html, <model>/index.html        the match models, with Splink's charts
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Engine

from pipelines.deliveries.standing import standing_deliveries
from pipelines.home import Home
from pipelines.reporting import words
from pipelines.reporting.certificates import write_certificates
from pipelines.reporting.directory import Directory
from pipelines.reporting.drawings import line, stacked_bars
from pipelines.reporting.figures import (
    MatchFigures,
    MatchTables,
    NetworkFigures,
    QualityFigures,
    RejectFigures,
    ShownModel,
)
from pipelines.reporting.first_of_all import first_of_all
from pipelines.reporting.gather import last_state, match_figures, night_figures, quality_figures, reject_figures
from pipelines.reporting.sheets import Sheet, csv_of_table
from pipelines.reporting.tables_of import (
    front_sheets,
    landing_sheet,
    match_sheets,
    model_sheets,
    models_sheet,
    network_sheets,
    night_sheets,
    protection_sheets,
    quality_sheets,
    reject_sheets,
)
from pipelines.reporting.words import DIMENSIONS, STANDINGS, day, plural, short_day
from pipelines.seams import grown
from pipelines.seams.protection import TASKS
from pipelines.tables import write_bytes

__all__ = [
    "write_feeds",
    "write_front",
    "write_matching",
    "write_models",
    "write_network",
    "write_overview",
    "write_protection",
    "write_quality",
    "write_rejected",
    "write_reports",
]

_SUPPLIER_COLUMNS = ("sequence", "position", "line", "full_key", "outcome", "rule", "field", "message")
_PAGE_COLUMNS = (
    "agency",
    "outcome",
    "rule",
    "field",
    "sequence",
    "position",
    "line",
    "key",
    "masked",
    "dimension",
    "message",
    "remedy",
    "first_night",
    "days_open",
    "reject_id",
)
_ASKING_COLUMNS = ("agency", "rule", "field", "sequence", "position", "line", "key", "message", "days_open")


def write_reports(
    home: Home,
    engine: Engine,
    authority: str,
    business_date: date,
    rejects: Mapping[str, pa.Table],
    faults: pa.Table,
    matching: MatchTables | None = None,
    directory: Directory | None = None,
    tasks: pa.Table | None = None,
) -> list[Path]:
    """All reports of one authority's night; what was written, pages first.

    Args:
        home: where the site lies.
        engine: the database.
        authority: code.
        business_date: the night.
        rejects: agency → Judged.rejects of all deliveries in force for this night, each with its sequence.
        faults: every fault as it stands after the night (`validation.rejects.FAULTS`).
        matching: tables and numbers of matching and identities.
        directory: names and contracts; default as registered.
        tasks: wishes to be protected that people must look at (`TASKS`).
    """
    who = directory or Directory.read(business_date)
    rejected = reject_figures(engine, authority, business_date, rejects, faults, who)
    return [
        *write_rejected(home, rejected, who),
        _write_csv(_asking(home, business_date, authority), rejected.asking.select(list(_ASKING_COLUMNS))),
        *write_matching(home, match_figures(authority, business_date, matching or MatchTables(), who), who),
        *write_quality(home, quality_figures(engine, authority, business_date, who), who),
        *write_protection(
            home,
            engine,
            authority,
            business_date,
            TASKS.empty_table() if tasks is None else grown(tasks, TASKS),
            who,
            in_force=last_state(engine, authority, business_date) not in ("held", "failed"),
        ),
    ]


def write_overview(home: Home, engine: Engine, business_date: date, directory: Directory | None = None) -> list[Path]:
    """The night overview over all authorities, the list of nights and the words; what was written.

    Call it after the authorities' own reports, so that it can link them.
    """
    who = directory or Directory.read(business_date)
    figures = night_figures(engine, business_date, who, home)
    folder = home.reports / business_date.isoformat()
    has_reports = frozenset(
        item.authority
        for item in figures.authorities
        if (home.reports / str(item.last_night or business_date) / item.authority / "rejected.html").exists()
    )
    sheets = night_sheets(figures, who, has_reports) | {"landing": landing_sheet(home)}
    page = _page(
        "overview.html",
        "../",
        f"Night overview, {day(business_date)}",
        sheets,
        business_date=business_date,
        figures=figures,
        numbers=figures.as_metadata(),
        **_words(),
    )
    return [*_write(folder, {"index.html": page}, sheets), *write_front(home, engine, business_date)]


def write_rejected(home: Home, figures: RejectFigures, directory: Directory) -> list[Path]:
    """The rejected-record page of an authority's night, its CSV files, and a file for each supplier."""
    folder = _folder(home, figures.business_date, figures.authority)
    sheets = reject_sheets(figures, directory)
    charts = [
        (directory.title(agency), _reject_chart(figures, agency, directory.title(agency)))
        for agency in dict.fromkeys([line.agency for line in figures.agencies])
        if any(point.agency == agency for point in figures.trend)
    ]
    suppliers = [item for item in figures.agencies if item.rejected or item.queried]
    page = _page(
        "rejected.html",
        "../../",
        f"Rejected records, {directory.name(figures.authority)}, {day(figures.business_date)}",
        sheets,
        **_of(figures, directory),
        numbers=figures.as_metadata(),
        charts=charts,
        suppliers=suppliers,
        **_words(),
    )
    written = _write(folder, {"rejected.html": page}, sheets, leave={"rejected"})
    written.append(_write_csv(folder / sheets["rejected"].file, figures.rows.select(list(_PAGE_COLUMNS))))
    for item in suppliers:
        own = figures.rows.filter(pc.field("agency") == item.agency).select(list(_SUPPLIER_COLUMNS))
        own = own.sort_by(
            [("sequence", "ascending"), ("position", "ascending"), ("rule", "ascending"), ("field", "ascending")]
        )
        names = ["key" if name == "full_key" else name for name in _SUPPLIER_COLUMNS]
        written.append(_write_csv(folder / item.agency / "rejects.csv", own.rename_columns(names)))
    return written


def write_matching(home: Home, figures: MatchFigures, directory: Directory) -> list[Path]:
    """The match page of an authority's night and its CSV files; the review CSV holds every pair, that of interim indexes all that is told."""
    folder = _folder(home, figures.business_date, figures.authority)
    sheets = match_sheets(figures, directory)
    page = _page(
        "matching.html",
        "../../",
        f"Match outcome, {directory.name(figures.authority)}, {day(figures.business_date)}",
        sheets,
        **_of(figures, directory),
        numbers=figures.as_metadata(),
        has_models=(home.reports / "model" / "index.html").exists(),
        **_words(),
    )
    written = _write(folder, {"matching.html": page}, sheets, leave={"review", "claims"})
    if figures.claims is not None:
        written.append(_write_csv(folder / sheets["claims"].file, figures.claims))
    else:  # an interim index that is paused since is told of no more
        (folder / "claims.csv").unlink(missing_ok=True)
    return [*written, _write_csv(folder / sheets["review"].file, figures.review)]


def write_quality(home: Home, figures: QualityFigures, directory: Directory) -> list[Path]:
    """The data-quality page of an authority's night and its CSV files."""
    folder = _folder(home, figures.business_date, figures.authority)
    sheets = quality_sheets(figures, directory)
    charts = [
        (directory.title(agency), _quality_charts(figures, agency)) for agency in figures.agencies if figures.of(agency)
    ]
    page = _page(
        "quality.html",
        "../../",
        f"Data quality, {directory.name(figures.authority)}, {day(figures.business_date)}",
        sheets,
        **_of(figures, directory),
        charts=charts,
        **_words(),
    )
    return _write(folder, {"quality.html": page}, sheets)


def write_protection(
    home: Home,
    engine: Engine,
    authority: str,
    business_date: date,
    tasks: pa.Table,
    directory: Directory,
    *,
    in_force: bool = True,
) -> list[Path]:
    """The page of what people must look at of an authority's protection, and its CSV, which holds every task.

    Beside it lies, from the night's own run, which rejected records ask (``asking.csv``). First on it are what stands to be seen to first of all, where this is the authority's newest night, and the deliveries, to that night,
    whose wishes do not count because too many ask, as long as nobody has settled them.
    `in_force`: whether the tasks are of a version that was published, or of an attempt that was not.
    """
    folder = _folder(home, business_date, authority)
    floods = [
        each
        for each in standing_deliveries(engine, [authority])
        if each.has("PROTECTION_FLOOD") and each.business_date <= business_date
    ]
    first = [each for each in first_of_all(engine, home, [authority]) if each.night in (business_date, None)]
    sheets = protection_sheets(tasks, directory, authority, floods, first)
    page = _page(
        "protection.html",
        "../../",
        f"Protection, {directory.name(authority)}, {day(business_date)}",
        sheets,
        authority=authority,
        authority_name=directory.name(authority),
        business_date=business_date,
        number=tasks.num_rows,
        in_force=in_force,
        floods=len(floods),
        asking=_lines(_asking(home, business_date, authority)),
        **_words(),
    )
    written = _write(folder, {"protection.html": page}, sheets, leave={"tasks"})
    return [*written, _write_csv(folder / sheets["tasks"].file, tasks)]


def _asking(home: Home, business_date: date, authority: str) -> Path:
    """The rejected records that ask to be protected, one line for each broken rule: for who answers for protection, as the page beside it."""
    return _folder(home, business_date, authority) / "asking.csv"


def _lines(path: Path) -> int:
    """How many rows a CSV file has; none where it is not there."""
    return max(len(path.read_bytes().splitlines()) - 1, 0) if path.is_file() else 0


def write_models(home: Home, shown: Sequence[ShownModel], libraries: Mapping[str, str]) -> list[Path]:
    """A page for each match model and one that lists them; `libraries` are the scripts that draw the charts."""
    folder = home.reports / "model"
    written = []
    for each in shown:
        sheets = model_sheets(each.model)
        page = _page(
            "model.html",
            "../../",
            f"Match model {each.model.name}",
            sheets,
            name=each.model.name,
            standing=STANDINGS[each.standing],
            charts={name: _script(chart) for name, chart in each.charts.items()},
            libraries=[Markup(text) for text in libraries.values()],  # noqa: S704 Splink's own, from its package
        )
        written += _write(folder / each.model.name, {"index.html": page}, sheets)
    models = {"models": models_sheet(shown)}
    return [*written, *_write(folder, {"index.html": _page("models.html", "../", "Match models", models)}, models)]


def write_network(home: Home, engine: Engine, shown: NetworkFigures) -> list[Path]:
    """The page of the co-ordinating index; the first page leads to it."""
    sheets, folder = network_sheets(shown), home.reports / "network"
    is_new = not (folder / "index.html").is_file()
    written = _write(
        folder, {"index.html": _page("network.html", "../", "Co-ordinating index", sheets, lead=shown.lead)}, sheets
    )
    return [*written, *(write_front(home, engine) if is_new else [])]


def write_feeds(home: Home, engine: Engine) -> list[Path]:
    """The pages of accreditation, as far as something has changed; the first page leads to them."""
    is_new = not (home.reports / "accreditation" / "index.html").is_file()
    written = write_certificates(
        home,
        engine,
        lambda folder, template, root, title, sheets, values: _write(
            folder, {"index.html": _page(template, root, title, sheets, **values)}, sheets
        ),
    )
    return [*written, *(write_front(home, engine) if is_new and written else [])]


def _script(value: Any) -> Markup:
    """`value` as a literal within a script: nothing in it can end the script."""
    text = json.dumps(value, sort_keys=True).replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    return Markup(text)  # noqa: S704 escaped above


def write_front(home: Home, engine: Engine, business_date: date | None = None) -> list[Path]:
    """The first page (what waits for somebody, all nights) and the page of words; `business_date` has a page already."""
    sheets = front_sheets(engine, home, business_date)
    latest = max((path.parent.name for path in home.reports.glob("????-??-??/index.html")), default=None)
    pages = {
        "index.html": _page(
            "nights.html",
            "",
            "Nights",
            sheets,
            latest=date.fromisoformat(latest) if latest else None,
            accreditation=(home.reports / "accreditation" / "index.html").is_file(),
            network=(home.reports / "network" / "index.html").is_file(),
        ),
        "words.html": _page("words.html", "", "What the words mean", {}, **_words()),
    }
    return _write(home.reports, pages, sheets)


def _reject_chart(figures: RejectFigures, agency: str, title: str) -> Markup:
    points = [point for point in figures.trend if point.agency == agency]
    last = points[-1]
    if last.rejected is None:
        says = f"{title} delivered nothing on the last of {plural(len(points), 'night')}."
    else:
        says = (
            f"{plural(len(points), 'night')}, to {short_day(last.business_date)}: "
            f"{last.rejected:,} rejected and {last.queried or 0:,} queried on the last."
        )
    labels = [f"{point.business_date.day} {point.business_date:%b}" for point in points]
    return stacked_bars(
        f"trend-{agency}",
        f"{title}: rejected and queried records by night",
        says,
        labels,
        [point.rejected for point in points],
        [point.queried for point in points],
    )


def _quality_charts(figures: QualityFigures, agency: str) -> list[tuple[str, Markup, str]]:
    points = figures.of(agency)
    labels = [f"{point.business_date.day} {point.business_date:%b}" for point in points]
    highest = max((value for point in points for value in point.dimensions.values() if value is not None), default=0)
    charts = []
    for name in DIMENSIONS:
        values = [point.dimensions.get(name) for point in points]
        last = values[-1]
        says = "nothing delivered tonight" if last is None else f"{last:,.1f} in 1,000 tonight"
        drawing = line(
            f"q-{agency}-{name}",
            f"{name.capitalize()} faults in 1,000 records by night",
            f"{plural(len(points), 'night')}; {says}.",
            labels,
            values,
            top_at=highest,
        )
        charts.append((name.capitalize(), drawing, says))
    return charts


def _of(figures: RejectFigures | MatchFigures | QualityFigures, directory: Directory) -> dict[str, Any]:
    """What every page of an authority's night is given."""
    return {
        "figures": figures,
        "authority": figures.authority,
        "authority_name": directory.name(figures.authority),
        "business_date": figures.business_date,
        "title_of": directory.title,
    }


def _words() -> dict[str, Any]:
    return {name: getattr(words, name) for name in words.__all__ if name.isupper()}


def _folder(home: Home, business_date: date, authority: str) -> Path:
    return home.reports / business_date.isoformat() / authority


def _page(template: str, root: str, title: str, sheets: Mapping[str, Sheet], **values: Any) -> bytes:
    return _environment().get_template(template).render(root=root, title=title, sheets=sheets, **values).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipelines.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(day=day, short_day=short_day, plural=plural)
    return environment


def _write(
    folder: Path, pages: Mapping[str, bytes], sheets: Mapping[str, Sheet], leave: set[str] | None = None
) -> list[Path]:
    """Write pages and the sheets' CSV, but for those in `leave`, whose CSV holds more than the page."""
    files = {sheet.file: sheet.csv() for name, sheet in sheets.items() if name not in (leave or set())}
    for name, content in {**files, **pages}.items():  # a page appears after the files it links
        write_bytes(content, folder / name)
    return [folder / name for name in (*pages, *files)]


def _write_csv(path: Path, table: pa.Table) -> Path:
    write_bytes(csv_of_table(table), path)
    return path
