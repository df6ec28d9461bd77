"""Commands about the match model: `model show`, `train`, `preview`, `charts`. None of them changes what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.common import Commands, HomeIfAny, HomeOption, JsonOption, console, existing_home, print_json

__all__ = ["app"]

_SHOWN = 40  # rows of a preview on the screen

app = Commands(help="The match model: look at it, train a candidate, see what it would change.")


@app.command("show")
def show(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A name, or a folder; default the model in force.")
    ] = None,
    home: HomeIfAny = None,
    as_json: JsonOption = False,
) -> None:
    """What a model is: what it was made from, and what each level of agreement is worth in bits.

    Example: [bold]isindex model show --home demo/home[/bold]
    """
    from pipelines.matching.comparing.levels import COMPARISONS
    from pipelines.matching.weighing.match_model import load_model
    from pipelines.nights.model_training import find_model, known_models

    place = existing_home(home) if home else None
    found = find_model(place, model) if place else load_model(model)
    known = known_models(place) if place else []
    weights = {
        each.name: {
            level.name: round(float(weight), 4)
            for level, weight in zip(each.levels, found.weights[each.name][:0:-1], strict=True)
        }
        for each in COMPARISONS
    }
    facts = {
        "model": found.name,
        "fingerprint": found.fingerprint,
        "records": found.policy.records,
        "pairs": found.reference.get("pairs"),
        "prior": round(found.prior, 4),
        "join": found.policy.join,
        "review": found.policy.review,
        "margin": found.policy.margin,
    }
    if as_json:
        models = [
            {"standing": standing, "model": each.name, "fingerprint": each.fingerprint} for standing, each in known
        ]
        print_json({**facts, "weights": weights, "models": models})
        return
    for standing, each in known:
        console.print(f"{each.name}: {standing.replace('_', ' ')}, made from {each.policy.records:,} records")
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="bold")
    table = Table(title="What each level is worth", title_justify="left")
    for name in ("Comparison", "Level"):
        table.add_column(name)
    table.add_column("Bits", justify="right")
    for comparison in COMPARISONS:
        for level in comparison.levels:
            table.add_row(
                comparison.name.replace("_", " "), level.words, f"{weights[comparison.name][level.name]:+.2f}"
            )
    console.print(table)


@app.command("train")
def train(home: HomeOption, as_json: JsonOption = False) -> None:
    """Train a candidate from the latest published night of every authority, and draw its charts.

    The same records give the same model, and no new one is written then. It decides nothing until the setting
    ISINDEX_MODEL names it. Takes some minutes for 100,000 records.

    Example: [bold]isindex model train --home demo/home[/bold]
    """
    from pipelines.nights.model_training import draw_models, train_candidate

    place = existing_home(home)
    candidate = train_candidate(place)
    draw_models(place)
    if as_json:
        print_json({"path": str(candidate.path), "new": candidate.new, **candidate.report.figures})
        return
    figures = candidate.report.figures
    console.print(
        f"{candidate.path}: {'a new candidate' if candidate.new else 'there already, made from the same records'}; "
        f"{figures['records']:,} records of {figures['authorities']} authorities, {figures['pairs']:,} pairs that share "
        "a verified number.",
        soft_wrap=True,
    )
    console.print(f"Charts: {place.home.reports / 'model' / candidate.path.name / 'index.html'}", soft_wrap=True)
    next_step = (
        f"isindex model preview --home {home} --authority {candidate.authorities[0]} --model {candidate.path.name}"
    )
    console.print(f"See what it would change: {next_step}", soft_wrap=True)


@app.command("preview")
def preview(
    home: HomeOption,
    authority: Annotated[str, typer.Option("--authority", "-a", help="3-digit code of the authority.")],
    model: Annotated[str, typer.Option("--model", "-m", help="The candidate: its name in the home, or a folder.")],
    out: Annotated[Path | None, typer.Option(help="Write every record concerned to this CSV file.")] = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="Also give record keys, which may hold a person number.")
    ] = False,
    why: Annotated[
        str, typer.Option("--why", help="What the keys are for; kept in the audit; needed with --keys.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """What a model would merge and split on the latest night of an authority, against the model in force.

    Nothing is changed. A record is told by its opaque reference.

    Example: [bold]isindex model preview --home demo/home --authority 330 --model children-2[/bold]
    """
    from pipelines.nights import model_training as models
    from pipelines.publishing.in_step import refuse_out_of_step
    from pipelines.reporting.sheets import csv_of_table
    from pipelines.tables import write_bytes

    place = existing_home(home)
    refuse_out_of_step(place, [authority])
    found = models.preview(place, authority, model)
    if keys:
        changes = models.changes_with_keys(place, authority, found, why=why)
    else:
        changes = found.changes.drop_columns(["record_key"])
    if out is not None:
        write_bytes(csv_of_table(changes), out)
    if as_json:
        print_json({**found.figures, "changes": changes.to_pylist()})
        return
    figures = found.figures
    console.print(
        f"{figures['model_then']} against {figures['model_now']}, authority {authority}, night {figures['business_date']}: "
        f"{figures['identities_merged']:,} identities would become {figures['merges']:,} by merging, "
        f"{figures['splits']:,} would be split; {figures['records_concerned']:,} of {figures['records']:,} records are concerned."
    )
    totals = Table()
    for name in ("", "Now", "Then"):
        totals.add_column(name, justify="right" if name else "left")
    for what, words in (
        ("identities", "Identities"),
        ("links", "Links"),
        ("possible", "Pairs to review or kept apart"),
    ):
        totals.add_row(words, f"{figures[f'{what}_now']:,}", f"{figures[f'{what}_then']:,}")
    console.print(totals)
    if not changes.num_rows:
        return
    table = Table(title="Records of identities that would change", title_justify="left")
    for name in changes.column_names:
        table.add_column(name.replace("_", " "))
    for row in changes.slice(0, _SHOWN).to_pylist():
        table.add_row(*(str(value) if value is not None else "–" for value in row.values()))
    console.print(table)
    if changes.num_rows > _SHOWN:
        console.print(f"{changes.num_rows - _SHOWN:,} more records: --out FILE.csv gives all.")


@app.command("charts")
def charts(home: HomeOption) -> None:
    """Draw the pages of the model in force and of all candidates, with Splink's charts, into the report site.

    Example: [bold]isindex model charts --home demo/home[/bold]
    """
    from pipelines.nights.model_training import draw_models

    place = existing_home(home)
    draw_models(place)
    console.print(f"Model pages: {place.home.reports / 'model' / 'index.html'}", soft_wrap=True)
