"""The command that steers a deployment: `waive` a delivery that will never come."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.common import HomeOption, console, existing_home

__all__ = ["waive"]


def waive(
    home: HomeOption,
    authority: Annotated[str, typer.Option(help="3-digit code of the authority.")],
    agency: Annotated[str, typer.Option(help="The agency whose delivery is missing.")],
    sequence: Annotated[int, typer.Option(help="The sequence number that will never come.", min=0, max=2**31 - 1)],
    reason: Annotated[str, typer.Option(help="Why; kept with your name.")],
    actor: Annotated[str, typer.Option(help="Who decides.")] = "",
) -> None:
    """Waive a missing sequence, so that deltas held behind it are loaded by the next load; or let a held one be used as it is.

    A number that was waived while it was missing and comes after all is looked at like any other.

    Example: [bold]isindex waive --home demo/home --authority 330 --agency police --sequence 17 --reason "Supplier outage"[/bold]
    """
    from pipelines.nights import decisions
    from pipelines.reporting import refresh

    place = existing_home(home)
    now = datetime.now(UTC)
    who = actor or getpass.getuser()
    freed = decisions.waive(place, authority, agency, sequence, actor=who, reason=reason, at=now)
    refresh(place.home, place.engine)
    console.print(
        f"Sequence {sequence} of {agency} in authority {authority} is waived: {len(freed)} held deliveries are free for the next load."
    )
