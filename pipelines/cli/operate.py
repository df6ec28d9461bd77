"""The command that steers a deployment: `waive` a delivery that will never come."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.common import MOST, HomeOption, console, existing_home

__all__ = ["waive"]


def waive(
    home: HomeOption,
    authority: Annotated[str, typer.Option(help="3-digit code of the authority.")],
    agency: Annotated[str, typer.Option(help="The agency whose delivery is missing.")],
    sequence: Annotated[int, typer.Option(help="The sequence number that will never come.", min=0, max=MOST)],
    reason: Annotated[str, typer.Option(help="Why; kept with your name.")],
    actor: Annotated[str, typer.Option(help="Who decides.")] = "",
) -> None:
    """Waive a missing sequence, so that deltas held behind it are loaded by the next load; or let a held one be used as it is.

    What floods of wishes ask for that came under the number counts from then on, whatever became of their deliveries.
    A number that was waived while it was missing and comes after all is looked at like any other.

    Example: [bold]isindex waive --home demo/home --authority 330 --agency police --sequence 17 --reason "Supplier outage"[/bold]
    """
    from pipelines.deliveries import Register
    from pipelines.nights import decisions, requests
    from pipelines.reporting import refresh

    place = existing_home(home)
    now = datetime.now(UTC)
    who = actor or getpass.getuser()
    asking = requests.floods_under(place, authority, agency, sequence)
    freed = decisions.waive(place, authority, agency, sequence, actor=who, reason=reason, at=now)
    refresh(place.home, place.engine)
    told = f"Sequence {sequence} of {agency} in authority {authority} is waived:"
    if asking:
        told = f"What {asking:,} records of a flood under this number ask for is heard by the next load. {told}"
    if freed:
        many = "1 held delivery is" if len(freed) == 1 else f"{len(freed)} held deliveries are"
        console.print(f"{told} {many} free for the next load.")
        return
    known = Register(place.engine).known(authority, agency)
    came = [each.sequence for each in known if each.sequence is not None]
    held = sorted({each.sequence for each in known if each.state == "held" and each.sequence is not None})
    words = f"{told} nothing waited for it, so nothing is free."
    if sequence not in came:
        last = f"; the last one that came is {max(came)}" if came else ", nor under any other"
        words += f" No delivery has come under this number{last}. Compare it with the number that the report of the held delivery names."
    if held:
        words += f" Held are still: {', '.join(map(str, held))}."
    console.print(words, soft_wrap=True)
