"""What every command shares: the console, options, dates, errors that end a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipelines.deliveries import FoundDelivery
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.settings import Settings, settings

__all__ = [
    "HomeOption",
    "JsonOption",
    "console",
    "day",
    "errors_told",
    "existing_home",
    "nights_spanned",
    "print_json",
]

# a log or a pipe has no width of its own
console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
_errors = Console(stderr=True, highlight=False)

HomeOption = Annotated[Path, typer.Option("--home", help="The deployment's folder.", envvar="ISINDEX_HOME")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines instead.")]


def day(text: str | None, option: str) -> date | None:
    """The date an option gives, or a usage error."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a business date is written YYYY-MM-DD", param_hint=option) from None


def existing_home(home: Path) -> Deployment:
    """The deployment at that folder, opened; a coded error when nothing was ever loaded there."""
    from pipelines.deployment import open_deployment

    return open_deployment(home, create=False)


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn a coded error into its message and exit code; no stack trace, no value."""
    try:
        yield
    except IsindexError as error:
        _errors.print(f"[red]{error.code}[/red] {error.message}" + (f" ({error.where})" if error.where else ""))
        if error.remedy:
            _errors.print(f"  {error.remedy}")
        raise typer.Exit(error.exit_code) from None


def print_json(value: Any) -> None:
    """One JSON document on standard output, dates as ISO text."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def nights_spanned(deployment: Deployment, arrived: Iterable[FoundDelivery] = ()) -> Settings:
    """The settings, wide enough that Dagster knows every night of the home and of what has arrived."""
    from pipelines.nights.plan import span_of

    span = span_of(deployment, arrived)
    if span is None:
        return settings()
    return settings().model_copy(update={"first_partition": span[0], "last_partition": span[1]})
