"""`isindex network run`: the co-ordinating index brought up to date, through the Dagster assets; and how a night of it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from pipelines.cli.common import HomeOption, JsonOption, console, day, existing_home, print_json

if TYPE_CHECKING:
    from pipelines.network.outcome import NetworkNight

__all__ = ["exit_code", "run", "show_network"]


def run(
    home: HomeOption,
    night: Annotated[
        str | None,
        typer.Option(help="The business date, YYYY-MM-DD; default the latest that an authority has published."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the co-ordinating index up to date with what the authorities have published.

    Where nothing would come otherwise nothing is done. An authority whose snapshot cannot be read is taken as it was last, and named.

    Exit code: 0, or 1 where a gate held the night, it failed, an authority was taken as it was, or could not take a message of protection; 3
    while another run is going on.

    Example: [bold]isindex network run --home demo/home[/bold]
    """
    wanted = day(night, "--night")
    place = existing_home(home)
    from assets.launch_network import run_network_night

    found = run_network_night(place, wanted)
    if as_json:
        print_json(found.as_json())
    else:
        show_network(found.as_json())
    raise typer.Exit(exit_code(found))


def exit_code(found: NetworkNight) -> int:
    """0 when nobody has to look at it, 3 when another run was in the way, else 1."""
    return 3 if found.state == "busy" else int(not found.well)


def show_network(found: Mapping[str, Any]) -> None:
    """What became of a night of the network (`NetworkNight.as_json`), for people."""
    told = {
        "published": f"night of {found['business_date']} published as {found['version']}.",
        "unchanged": "built from what the authorities have in force; nothing is outstanding.",
        "held": f"night of {found['business_date']} held; {found['version'] or 'nothing'} stays in force.",
    }
    console.print(f"Co-ordinating index: {told.get(found['state'], found['state'])}", soft_wrap=True)
    if found["figures"]:
        figures = found["figures"].items()
        console.print("  " + ", ".join(f"{name.replace('_', ' ')} {number:,.0f}" for name, number in figures))
    for reason in [*found["failed"], *filter(None, [found["fault"]])]:
        console.print(Text.assemble((f"{found['state'].capitalize()}: ", "red"), reason), soft_wrap=True)
    for authority, code in found["stale"].items():
        console.print(
            Text.assemble((code, "red"), f" authority {authority} is taken as it was last; its pointers stand.")
        )
    for authority, code in found["waits"].items():
        words = f" messages of protection for authority {authority} wait; the next run hands them over."
        console.print(Text.assemble((code, "red"), words))
