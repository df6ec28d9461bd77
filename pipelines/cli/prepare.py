"""The command before a load: `preflight` judges a file without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.common import JsonOption, console, day, print_json

__all__ = ["preflight"]


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
        if result.cleaned:
            told = ", ".join(f"{path} {number:,}" for path, number in result.cleaned.items())
            console.print(f"  Cleaned before they were judged (spaces, signs nobody sees, words for nothing): {told}")
        table = Table(title="Rules broken", title_justify="left")
        for name in ("Rule", "Outcome", "Field", "Records", "First at", "What to do"):
            table.add_column(name)
        for rule in result.rules:
            places = ", ".join(str(place) for place in rule.positions)
            table.add_row(rule.rule, rule.outcome, rule.field, f"{rule.records:,}", places, rule.remedy)
        if result.rules:
            console.print(table)
    raise typer.Exit(0 if result.ready else 1)
