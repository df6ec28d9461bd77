"""`isindex demo`: the product's main job on sample nights, wave after wave, as it would go in life."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from pipelines.cli.common import console, errors_told
from pipelines.cli.load import run_nights, show
from pipelines.deployment import open_deployment

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for sample/, landing/ and home/; made anew.")] = Path("demo"),
    children: Annotated[int, typer.Option(help="Children per authority.", min=50)] = 2500,
) -> None:
    """Make three sample nights of two authorities and load them as they arrive: one damaged, one late, one corrected.

    Example: [bold]isindex demo demo[/bold]
    """
    from pipelines.nights.model_training import draw_models
    from pipelines.validation.expectations_worker import warm_up
    from sample_feeds.demo import make_demo

    warm_up()
    for name in ("sample", "landing", "home"):
        shutil.rmtree(out / name, ignore_errors=True)
    with errors_told():
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Making sample nights", total=None)

            def made(authority: str, number: int, total: int) -> None:
                progress.update(task, completed=number, total=total, description=f"Making sample nights of {authority}")

            waves = make_demo(out / "sample", children=children, progress=made)
        landing = out / "landing"
        landing.mkdir(parents=True)
        deployment = open_deployment(out / "home", str(landing), create=True, demo=True)
        nights: dict[tuple[str, str], Any] = {}
        summary: dict[str, Any] = {}
        for wave in waves:
            console.print(f"[bold]{wave.title[0].upper()}{wave.title[1:]}[/bold] arrives.")
            wave.put(landing)
            summary = run_nights(deployment)
            nights |= {(night["business_date"], night["authority"]): night for night in summary["nights"]}
        console.print("Drawing the match model.")
        draw_models(deployment)
    summary["nights"] = [nights[key] for key in sorted(nights)]
    show(summary)
    if any(night["state"] != "published" for night in summary["nights"]):
        raise typer.Exit(1)
