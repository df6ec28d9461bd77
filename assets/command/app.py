"""The commands and their help, in the order a newcomer meets them."""

from __future__ import annotations

from assets.command import demo, load, ui
from assets.command import network as network_run
from pipelines.cli import accredit, audit, decide, inspect, match, models, network, operate, prepare, sample
from pipelines.cli.common import Commands

__all__ = ["app"]

app = Commands(
    name="isindex",
    help="Loads a night's deliveries, publishes the information sharing index of each authority, and tells about it.",
    add_completion=False,
    pretty_exceptions_enable=False,  # locals and messages may hold personal values
)
app.command("demo")(demo.demo)
app.command("sample")(sample.sample)
app.command("preflight")(prepare.preflight)
app.command("load")(load.load)
app.command("status")(inspect.status)
app.command("child")(inspect.child)
app.command("diff")(inspect.diff)
app.command("link")(match.link)
app.command("explain")(match.explain)
app.add_typer(decide.app, name="decide")
app.add_typer(models.app, name="model")
app.add_typer(audit.app, name="audit")
network.app.command("run")(network_run.run)
app.add_typer(network.app, name="network")
app.add_typer(accredit.app, name="accredit")
app.command("waive")(operate.waive)
app.command("ui")(ui.ui)
