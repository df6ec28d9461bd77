"""`isindex sample`, and the one place where the product knows the sample feeds.

They need packages that a plain installation does not have: the extra ``sample``.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from pipelines.cli.common import console, day
from pipelines.errors import IsindexError

__all__ = ["sample", "sample_feeds"]

_EXTRA = "sample"


def sample_feeds() -> ModuleType:
    """The package of sample feeds, with all that it needs.

    Raises:
        IsindexError: EXTRA_MISSING.
    """
    of_extra = (each for each in requires("isindex") or () if re.search(rf"extra == ['\"]{_EXTRA}['\"]", each))
    missing = [name for each in of_extra if not _is_installed(name := re.split(r"[^\w.-]", each)[0])]
    if missing:
        raise IsindexError(
            "EXTRA_MISSING",
            f"Sample feeds need packages that are not installed: {', '.join(missing)}.",
            where=f"extra {_EXTRA}",
            remedy=f"Install the extra: pip install 'isindex[{_EXTRA}]', or `make setup` in a checkout.",
        )
    import sample_feeds as package

    return package


def sample(
    out: Annotated[Path, typer.Argument(help="Folder for landing/ and truth/.")],
    authority: Annotated[list[str] | None, typer.Option("--authority", "-a", help="3-digit code (repeatable).")] = None,
    children: Annotated[int, typer.Option(help="Children per authority.", min=20, max=10_000_000)] = 2000,
    first: Annotated[str, typer.Option("--from", help="First business date.")] = "2026-11-18",
    nights: Annotated[int, typer.Option(help="How many nights.", min=1, max=3650)] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    faults: Annotated[str, typer.Option(help="none, record (bad values) or full (bad files too).")] = "record",
    change_rate: Annotated[
        float, typer.Option(help="Share of records that change from night to night.", min=0, max=1)
    ] = 0.001,
) -> None:
    """Make sample nights of synthetic children, with the truth beside them. No real person is in them.

    Example: [bold]isindex sample demo --authority 330 --children 2000 --nights 3[/bold]
    """
    from rich.progress import Progress

    make_nights = sample_feeds().make_nights
    start = day(first, "--from")
    assert start is not None  # noqa: S101  (the option has a default)
    with Progress(console=console, transient=True) as progress:
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


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
