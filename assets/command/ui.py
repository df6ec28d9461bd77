"""`isindex ui`: the Dagster UI on a home, and with it the daemon if asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.common import HomeOption, LandingOption, console, nights_spanned
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from pipelines.deliveries import FoundDelivery
    from pipelines.deployment import Deployment

__all__ = ["ui"]


def ui(
    home: HomeOption,
    landing: LandingOption = "landing",
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 3000,
    daemon: Annotated[bool, typer.Option(help="Also run schedule and sensors.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A gateway's name under which it is asked (repeatable).")
    ] = None,
) -> None:
    """Open the Dagster UI on a home: runs, lineage, checks, plots.

    The UI has no login of its own and listens on this machine only. What a page of another site asks of it is refused, and what
    is asked under another name than this machine's, unless it is allowed.

    Example: [bold]isindex ui --home demo/home --landing demo/landing --port 3000[/bold]
    """
    from assets.launch import prepare_instance
    from pipelines.deployment import open_deployment

    deployment = open_deployment(home, landing, create=True)
    place = deployment.home
    spanned = nights_spanned(deployment, _arrived(deployment))
    nights = {"ISINDEX_FIRST_PARTITION": spanned.first_partition, "ISINDEX_LAST_PARTITION": spanned.last_partition}
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(prepare_instance(place)),
        **{name: day.isoformat() for name, day in nights.items() if day},
        "PYTHONSAFEPATH": "1",  # no module is taken from the folder that the command happens to be called in
        "ISINDEX_HOME": str(place.root.resolve()),
        "ISINDEX_LANDING": landing if "://" in landing else str(Path(landing).resolve()),
    }
    program = [sys.executable, "-m", "assets.web", "--port", str(port), *(["--daemon"] if daemon else [])]
    for name in allow_host or ():
        program += ["--allow-host", name]
    console.print(f"The UI is at http://127.0.0.1:{port} (end it with Ctrl-C).")
    os.execve(program[0], program, environment)  # noqa: S606  (the UI takes this process's place)


def _arrived(deployment: Deployment) -> Sequence[FoundDelivery]:
    """What lies in the landing place: its nights are known from the start. Where there is none the sensor says so."""
    from pipelines.nights.arrivals import look_around

    try:
        return look_around(deployment).new
    except IsindexError as error:
        if error.code not in ("LANDING_MISSING", "LANDING_UNREADABLE"):
            raise
        return ()
