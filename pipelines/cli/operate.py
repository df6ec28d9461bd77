"""Commands that steer a deployment: `waive` a delivery that will never come, and the `ui`."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.common import HomeOption, console, errors_told, existing_home, nights_spanned

__all__ = ["ui", "waive"]


def waive(
    home: HomeOption,
    authority: Annotated[str, typer.Option(help="3-digit code of the authority.")],
    agency: Annotated[str, typer.Option(help="The agency whose delivery is missing.")],
    sequence: Annotated[int, typer.Option(help="The sequence number that will never come.")],
    reason: Annotated[str, typer.Option(help="Why; kept with your name.")],
    actor: Annotated[str, typer.Option(help="Who decides.")] = "",
) -> None:
    """Waive a missing sequence, so that deltas held behind it are loaded by the next load.

    Example: [bold]isindex waive --home demo/home --authority 330 --agency police --sequence 17 --reason "Supplier outage"[/bold]
    """
    from pipelines.deliveries.register import Register

    with errors_told():
        register = Register(existing_home(home).engine)
        now = datetime.now(UTC)
        register.waive(authority, agency, sequence, actor=actor or getpass.getuser(), reason=reason, at=now)
        freed = register.release(authority, agency)
    console.print(
        f"Sequence {sequence} of {agency} in authority {authority} is waived: {len(freed)} held deliveries are free for the next load."
    )


def ui(
    home: HomeOption,
    landing: Annotated[str, typer.Option(help="Where deliveries land.", envvar="ISINDEX_LANDING")] = "landing",
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
    daemon: Annotated[bool, typer.Option(help="Also run schedule and sensors.")] = False,
) -> None:
    """Open the Dagster UI on a home: runs, lineage, checks, plots.

    The UI has no login of its own and listens on this machine only.

    Example: [bold]isindex ui --home demo/home --landing demo/landing --port 3000[/bold]
    """
    from pipelines.deployment import open_deployment

    with errors_told():
        deployment = open_deployment(home, landing, create=True)
        spanned = nights_spanned(deployment)
    place = deployment.home
    nights = {"ISINDEX_FIRST_PARTITION": spanned.first_partition, "ISINDEX_LAST_PARTITION": spanned.last_partition}
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(place.dagster.resolve()),
        **{name: day.isoformat() for name, day in nights.items() if day},
        "ISINDEX_HOME": str(place.root.resolve()),
        "ISINDEX_LANDING": landing if "://" in landing else str(Path(landing).resolve()),
    }
    if daemon:
        program = [str(Path(sys.executable).with_name("dagster")), "dev"]
    else:
        program = [str(Path(sys.executable).with_name("dagster-webserver"))]
    console.print(f"The UI is at http://127.0.0.1:{port} (end it with Ctrl-C).")
    os.execve(  # noqa: S606  (the UI takes this process's place)
        program[0], [*program, "-m", "assets.definitions", "-h", "127.0.0.1", "-p", str(port)], environment
    )
