"""The commands and their help, in the order a newcomer meets them."""

from __future__ import annotations

import typer

from pipelines.cli import decide, demo, inspect, load, match, models, operate, prepare

__all__ = ["app"]

app = typer.Typer(
    name="isindex",
    help="Loads a night's deliveries, publishes the information sharing index of each authority, and tells about it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # locals and messages may hold personal values
)
app.command("demo")(demo.demo)
app.command("sample")(prepare.sample)
app.command("preflight")(prepare.preflight)
app.command("load")(load.load)
app.command("status")(inspect.status)
app.command("child")(inspect.child)
app.command("diff")(inspect.diff)
app.command("link")(match.link)
app.command("explain")(match.explain)
app.add_typer(decide.app, name="decide")
app.add_typer(models.app, name="model")
app.command("waive")(operate.waive)
app.command("ui")(operate.ui)
