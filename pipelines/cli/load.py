"""`isindex load`: what has arrived and is not yet loaded, in order of business date, through the Dagster assets."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.cli.common import HomeOption, JsonOption, console, day, errors_told, nights_spanned, print_json
from pipelines.deployment import open_deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.settings import use_settings

__all__ = ["load", "run_nights", "show"]


def load(
    landing: Annotated[
        str, typer.Option(help="Where deliveries land: a folder or any fsspec address.", envvar="ISINDEX_LANDING")
    ],
    home: HomeOption,
    authority: Annotated[
        list[str] | None, typer.Option("--authority", "-a", help="Only this authority (repeatable).")
    ] = None,
    night: Annotated[str | None, typer.Option(help="Only this business date, YYYY-MM-DD.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="From this business date on.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Up to this business date.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Load what has arrived and is not yet loaded, night by night, and publish.

    Loading the same delivery twice changes nothing; a correction supersedes; a late delivery is loaded for its own
    business date and the nights after it are brought up to date. A night that was interrupted is simply run again.

    Exit code: 0 all loaded, 1 something was refused, rejected as a whole, held or failed, 2 wrong usage.

    Example: [bold]isindex load --landing demo/landing --home demo/home --night 2026-11-20[/bold]
    """
    if night and (first or last):
        raise typer.BadParameter("use --night, or --from and --to", param_hint="--night")
    begin, end = day(night or first, "--night / --from"), day(night or last, "--night / --to")
    with errors_told():
        from pipelines.nights.summary import summary_of

        place = open_deployment(home, landing, create=True).home
        times: dict[str, dict[str, float]] = {}
        with _one_load_at_a_time(place):
            ran = run_nights(
                place, landing, frozenset(authority) if authority else None, begin, end, quiet=as_json, times=times
            )
        summary = summary_of(place, landing, ran) | {"times": times}
    if as_json:
        print_json(summary)
    else:
        show(summary)
    raise typer.Exit(0 if summary["ok"] else 1)


def run_nights(
    home: Home,
    landing: str,
    authorities: frozenset[str] | None = None,
    begin: date | None = None,
    end: date | None = None,
    *,
    quiet: bool = False,
    times: dict[str, dict[str, float]] | None = None,
) -> list[tuple[Any, str]]:
    """Run the outstanding nights between `begin` and `end`, showing progress on a terminal.

    Each night that was run comes back with its fault, "" when it succeeded. `times` is filled with the moment (seconds of the epoch) at which each night started and each step of it was done.
    """
    from pipelines.validation.expectations_worker import warm_up

    warm_up()  # the suites' engine takes seconds to import: it does so beside the first stages
    use_settings(nights_spanned(home, landing))
    from assets.launch import run_outstanding

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[step]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=quiet, transient=False) as progress:
        current: list[Any] = []
        clock: list[dict[str, float]] = []

        def started(planned: Any) -> None:
            clock.append({"start": time.time()})
            if times is not None:
                times[f"{planned.authority}/{planned.business_date}"] = clock[-1]
            for task in current:
                progress.update(task, completed=_STEPS, step="done")
            current[:] = [
                progress.add_task(f"{planned.business_date} authority {planned.authority}", total=_STEPS, step="")
            ]

        def step_done(name: str) -> None:
            if clock:
                clock[-1][name.replace("__", "/")] = time.time()
            for task in current:
                progress.update(task, advance=1, step=name.replace("__", "/"))

        ran = run_outstanding(
            home,
            landing,
            authorities=authorities,
            selected=lambda each: (
                (begin is None or begin <= each.business_date) and (end is None or each.business_date <= end)
            ),
            started=started,
            step_done=step_done,
        )
        for task in current:
            progress.update(task, completed=_STEPS, step="done")
    return ran


_STEPS = 11  # steps of a night's run; only the bar's length


def show(summary: dict[str, Any]) -> None:
    """The summary as tables a person reads."""
    if not summary["nights"]:
        console.print("Nothing new has arrived: everything in the landing place is already loaded.")
        return
    feeds = Table(title="What was loaded", title_justify="left")
    for name in ("Night", "Authority", "Feed", "State", "As of"):
        feeds.add_column(name)
    for name in ("Read", "Accepted", "Queried", "Rejected", "Repeats"):
        feeds.add_column(name, justify="right")
    feeds.add_column("Codes")
    for night in summary["nights"]:
        for feed in night["feeds"]:
            counts = feed["counts"] or {}
            feeds.add_row(
                str(night["business_date"]), night["authority"], feed["agency"], feed["state"], str(feed["as_of"] or "–"),
                *(f"{counts[name]:,}" if name in counts else "–" for name in ("rows_read", "accepted", "queried", "rejected", "repeats")),
                " ".join(code for code in feed["codes"] if code not in ("ALL_LOADED", "PARTLY_LOADED")),
            )  # fmt: skip
    console.print(feeds)
    published = Table(title="What was matched and published", title_justify="left")
    for name in ("Night", "Authority", "State"):
        published.add_column(name)
    for name in ("Records", "Children", "Linked", "To review", "Shielded"):
        published.add_column(name, justify="right")
    published.add_column("Version")
    for night in summary["nights"]:
        figures = night["figures"]
        published.add_row(
            str(night["business_date"]), night["authority"], night["state"],
            *(f"{int(figures[name]):,}" if name in figures else "–" for name in ("records", "children", "linked", "review", "shielded")),
            night["version"] or "–",
        )  # fmt: skip
    console.print(published)
    for night in summary["nights"]:
        if night["fault"]:
            console.print(f"[red]{night['business_date']} authority {night['authority']}:[/red] {night['fault']}")
    for warning in summary["warnings"]:
        console.print(f"[yellow]Note:[/yellow] {warning}")
    for name, place in summary["look_at"].items():
        console.print(f"{name}: {place}", soft_wrap=True)


@contextmanager
def _one_load_at_a_time(home: Home) -> Iterator[None]:
    """Hold the home's lock, or end with NIGHT_RUNNING when another load holds it."""
    with (home.root / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IsindexError(
                "NIGHT_RUNNING",
                "Another load is running in this home.",
                where=str(home.root),
                remedy="Wait for it to end, then load again.",
            ) from None
        yield
