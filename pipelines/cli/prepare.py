"""Commands before a load: `sample` makes sample nights, `preflight` judges a file without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.common import JsonOption, console, day, errors_told, print_json

__all__ = ["preflight", "sample"]


def sample(
    out: Annotated[Path, typer.Argument(help="Folder for landing/ and truth/.")],
    authority: Annotated[list[str] | None, typer.Option("--authority", "-a", help="3-digit code (repeatable).")] = None,
    children: Annotated[int, typer.Option(help="Children per authority.", min=20)] = 2000,
    first: Annotated[str, typer.Option("--from", help="First business date.")] = "2026-11-18",
    nights: Annotated[int, typer.Option(help="How many nights.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    faults: Annotated[str, typer.Option(help="none, record (bad values) or full (bad files too).")] = "record",
    change_rate: Annotated[float, typer.Option(help="Share of records that change from night to night.")] = 0.001,
) -> None:
    """Make sample nights of synthetic children, with the truth beside them. No real person is in them.

    Example: [bold]isindex sample demo --authority 330 --children 2000 --nights 3[/bold]
    """
    from rich.progress import Progress

    from sample_feeds import make_nights

    start = day(first, "--from")
    assert start is not None  # noqa: S101  (the option has a default)
    with errors_told(), Progress(console=console, transient=True) as progress:
        task = progress.add_task("Making sample nights", total=None)
        make_nights(
            out,
            authorities=tuple(authority or ["330"]),
            first_night=start,
            nights=nights,
            children=children,
            seed=seed,
            faults=faults,
            change_rate=change_rate,
            progress=lambda _, made, total: progress.update(task, completed=made, total=total),
        )
    console.print(f"Landing place: {out / 'landing'}   Truth: {out / 'truth'}")


def preflight(
    file: Annotated[Path, typer.Argument(help="The supplier's file.", exists=True, dir_okay=False)],
    feed: Annotated[str, typer.Option(help="The agency, for example health; or its contract, health/1.")],
    business_date: Annotated[
        str | None, typer.Option("--night", help="Judge as of this business date; default today.")
    ] = None,
    authority: Annotated[str | None, typer.Option("--authority", "-a", help="3-digit code, if it matters.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a file exactly as a load would, without loading or keeping anything of it.

    Exit code: 0 ready, 1 not ready, 2 wrong usage.

    Example: [bold]isindex preflight health.csv --feed health[/bold]
    """
    from pipelines.contracts import contract_for, load_contract
    from pipelines.validation.preflight import preflight as judge_file

    with errors_told():
        result = judge_file(
            file, load_contract(feed) if "/" in feed else contract_for(feed), day(business_date, "--night"), authority
        )
    if as_json:
        print_json(result.as_json())
    else:
        console.print(f"{file.name}: {result.verdict}")
        for finding in result.findings:
            console.print(f"  {finding.code}: {finding.message} {finding.remedy}")
        console.print("  " + ", ".join(f"{name} {number:,}" for name, number in result.counts.items()))
        table = Table(title="Rules broken", title_justify="left")
        for name in ("Rule", "Outcome", "Field", "Records", "First at", "What to do"):
            table.add_column(name)
        for rule in result.rules:
            places = ", ".join(str(place) for place in rule.positions)
            table.add_row(rule.rule, rule.outcome, rule.field, f"{rule.records:,}", places, rule.remedy)
        if result.rules:
            console.print(table)
    raise typer.Exit(0 if result.ready else 1)
