"""Commands that look at what is published: `status`, `child`, `diff`."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.common import HomeOption, JsonOption, console, errors_told, existing_home, print_json

__all__ = ["child", "diff", "status"]


def status(
    home: HomeOption,
    authority: Annotated[str | None, typer.Option("--authority", "-a", help="Only this authority.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What is published now, from which deliveries, and how old they are.

    Example: [bold]isindex status --home demo/home[/bold]
    """
    from pipelines.nights.night import database_of
    from pipelines.publishing import readers

    place = existing_home(home)
    with errors_told():
        found = readers.status(place, database_of(place.database_url))
    found = [each for each in found if authority in (None, each["authority"])]
    if as_json:
        print_json(found)
        return
    for each in found:
        table = Table(title=f"Authority {each['authority']}: {each['version']}", title_justify="left")
        for name in ("Feed", "State", "As of", "Age in days"):
            table.add_column(name)
        table.add_column("Live records", justify="right")
        for feed in each["feeds"]:
            table.add_row(*(_cell(feed[name]) for name in ("agency", "state", "as_of", "age", "live_records")))
        console.print(table)
        console.print("  " + ", ".join(f"{name} {_cell(number)}" for name, number in each["counts"].items()))


def child(
    index_id: Annotated[str, typer.Argument(help="The child's index id.")],
    home: HomeOption,
    why: Annotated[str, typer.Option(help="The purpose of looking; kept in the audit.")] = "not stated",
    as_json: JsonOption = False,
) -> None:
    """What the index shows of one child. Every look is audited: who, whom, why, when.

    Example: [bold]isindex child 7K2M9QWX4RT --home demo/home --why "complaint 12"[/bold]
    """
    from pipelines.nights.night import database_of
    from pipelines.publishing import readers

    place = existing_home(home)
    with errors_told():
        found = readers.child(place, database_of(place.database_url), index_id, actor=getpass.getuser(), why=why)
    if as_json:
        print_json(found)
        return
    for name, rows in found.items():
        if isinstance(rows, list) and rows:
            _rows(name, rows)
        elif rows and not isinstance(rows, list):
            console.print(f"{name}: {rows}")


def diff(
    home: HomeOption,
    authority: Annotated[str, typer.Option("--authority", "-a", help="3-digit code of the authority.")],
    since: Annotated[str | None, typer.Option("--from", help="Earlier version; default the one before --to.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Later version; default the current one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What changed between two published versions, in words and numbers.

    Example: [bold]isindex diff --home demo/home --authority 330[/bold]
    """
    from pipelines.publishing import readers

    with errors_told():
        found = readers.diff(existing_home(home), authority, since, to)
    if as_json:
        print_json(found)
        return
    console.print(f"From {found['from'] or 'nothing'} to {found['to']}")
    for sentence in found["words"]:
        console.print(f"  {sentence}")


def _rows(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
