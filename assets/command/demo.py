"""`isindex demo`: the product's main job on sample nights, wave after wave, as it would go in life."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress
from rich.text import Text

from assets.command.load import WorkersOption, run_nights, show
from pipelines.cli.common import console
from pipelines.cli.sample import sample_feeds
from pipelines.contracts import registered_agencies
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.settings import settings, use_settings

if TYPE_CHECKING:
    from pipelines.deployment import Deployment

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for sample/, landing/ and home/; made anew.")] = Path("demo"),
    children: Annotated[int, typer.Option(help="Children per authority.", min=50, max=10_000_000)] = 2500,
    workers: WorkersOption = None,
) -> None:
    """Make three sample nights of three authorities and load them as they arrive: one damaged, one late, one corrected.

    Unless more are asked for it is one process: what wave after wave would start anew costs more than it wins.

    Example: [bold]isindex demo demo[/bold]
    """
    from pipelines.deployment import is_demo, open_deployment
    from pipelines.nights.model_training import draw_models
    from pipelines.validation.expectations_worker import warm_up

    make_demo = sample_feeds().make_demo
    if any((out / name).exists() for name in ("landing", "home")) and not is_demo(Home(out / "home")):
        raise IsindexError(
            "HOME_NOT_A_DEMO",
            "Here lies a home or a landing place that the demo did not make, and the demo would wipe it.",
            where=str(out),
            remedy="Name another folder.",
        )
    use_settings(settings().model_copy(update={"workers": workers or settings().workers or 1}))
    warm_up()
    for name in ("sample", "landing", "home"):
        shutil.rmtree(out / name, ignore_errors=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Making sample nights", total=None)

        def made(authority: str, number: int, total: int) -> None:
            progress.update(task, completed=number, total=total, description=f"Making sample nights of {authority}")

        waves = make_demo(out / "sample", children=children, progress=made)
    landing = out / "landing"
    landing.mkdir(parents=True)
    deployment = open_deployment(out / "home", str(landing), create=True, demo=True, accredited_only=True)
    _accredit(deployment, {each.authority for wave in waves for each in wave.deliveries})
    nights: dict[tuple[str, str], Any] = {}
    summary: dict[str, Any] = {}
    for wave in waves:
        console.print(Text.assemble((wave.title[0].upper() + wave.title[1:], "bold"), " arrives."))
        wave.put(landing)
        summary = run_nights(deployment)
        nights |= {(night["business_date"], night["authority"]): night for night in summary["nights"]}
    console.print("Drawing the match model.")
    draw_models(deployment)
    summary["nights"] = [nights[key] for key in sorted(nights)]
    show(summary)
    if any(night["state"] != "published" for night in summary["nights"]):
        raise typer.Exit(1)


def _accredit(deployment: Deployment, authorities: Iterable[str]) -> None:
    """Accredit every feed of these authorities: invented feeds are known before a night of theirs was seen, and that is kept with the grant."""
    from pipelines.nights.accreditation import decide_feed

    for authority in sorted(authorities):
        for agency in registered_agencies():
            decide_feed(
                deployment, authority, agency.agency, "grant", actor="isindex demo", reason="An invented feed of the demo",
                at=datetime.now(UTC), despite=True,
            )  # fmt: skip
