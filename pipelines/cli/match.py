"""Commands about who is whom: `link` matches any table of people, `explain` says what a pair is worth and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.common import HomeIfAny, JsonOption, console, day, existing_home, print_json
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from pipelines.matching.explain import Explanation

__all__ = ["explain", "link"]

_MODEL_HELP = "A model's settings file, or the name of a built-in one (children-1)."


def link(
    people: Annotated[Path, typer.Argument(help="Parquet of people in the comparable form.", exists=True)],
    out: Annotated[Path, typer.Option("--out", help="Where to write record_key, identity, step, weight (Parquet).")],
    model: Annotated[
        str | None, typer.Option("--model", help=_MODEL_HELP + " Default: one made from the rows.")
    ] = None,
    unique_source: Annotated[
        list[str] | None, typer.Option("--unique-source", help="A source that holds each person once (repeatable).")
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option("--save-model", help="Write the model used to this settings file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which rows of any table of people are the same person.

    Columns: record_key and source (required), given_names, family_name, former_family_name, birth_date, sex (M, F),
    postcode, address, nhs_number, upn, phone; each may be missing. Names may be in any script. Without a model one is
    made from the rows themselves: nobody need say who is who.

    Exit code: 0 done, 2 wrong usage or input.

    Example: [bold]isindex link people.parquet --out identities.parquet --unique-source register[/bold]
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from pipelines.matching.people import link_people, read_people
    from pipelines.matching.weighing.match_model import load_model, save_settings
    from pipelines.tables import write_table

    chosen = None if model is None else load_model(Path(model) if model.endswith(".json") else model)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=None)
        linked = link_people(
            read_people(people),
            model=chosen,
            unique_sources=unique_source or (),
            progress=lambda stage: progress.update(task, description=stage),
        )
    write_table(linked.identities, out)
    if save_model is not None:
        save_settings(linked.model, save_model)
    figures = linked.figures()
    if as_json:
        print_json(figures)
        return
    console.print(f"{figures['records']:,} records are {figures['identities']:,} people. Written: {out}")
    if linked.ignored:
        console.print(f"  Columns not used: {', '.join(linked.ignored)}")
    steps = ", ".join(
        f"{name[6:]} {number:,}" for name, number in figures.items() if name.startswith("links_") and number
    )
    console.print(
        f"  Links by step: {steps or 'none'}. Pairs that may be one person and were left apart: {figures['possible']:,}"
    )
    if figures["records_equal"]:
        console.print(f"  Records that say the same as another in all that is compared: {figures['records_equal']:,}")
    if figures["pairs_dropped"]:
        console.print(
            f"  Not compared, because too many records are alike and nothing tells them apart: {figures['pairs_dropped']:,} pairs"
        )
    console.print("  Seconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in linked.seconds.items()))


def explain(
    record_a: Annotated[
        str, typer.Argument(help="A record: its key, for example health:12345, or its reference in the review list.")
    ],
    record_b: Annotated[str, typer.Argument(help="The other record, likewise.")],
    home: HomeIfAny = None,
    authority: Annotated[
        str | None, typer.Option("--authority", "-a", help="3-digit code; needed with --home.")
    ] = None,
    night: Annotated[str | None, typer.Option("--night", help="Business date; default the latest.")] = None,
    people: Annotated[
        Path | None, typer.Option("--people", help="Instead of a home: a Parquet of people, as for `link`.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help=_MODEL_HELP)] = None,
    why: Annotated[
        str, typer.Option("--why", help="The purpose of looking; kept in the audit; needed with --home.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a pair of records is worth: the step, the weight field by field, the runner-up, and why it was not joined.

    Only field names, levels of agreement and references of records are shown (of a Parquet of people, keys), no values. Every look into a home is audited, and a record of a
    protected child is explained only to those whom ISINDEX_MAY_SEE_PROTECTED names.

    Example: [bold]isindex explain health:P1 police:C7 --home demo/home --authority 330 --why "review list"[/bold]
    """
    from pipelines.matching.weighing.match_model import load_model

    business_date = day(night, "--night")
    chosen = None if model is None else load_model(Path(model) if model.endswith(".json") else model)
    if people is not None:
        from pipelines.matching.people import explain_people, read_people

        told = explain_people(read_people(people), record_a, record_b, model=chosen)
    elif home is not None and authority is not None:
        from pipelines.nights.explain import explain_night

        told = explain_night(existing_home(home), authority, business_date, record_a, record_b, why=why, model=chosen)
    else:
        raise IsindexError("OPTIONS_MISSING", "Name a home and an authority, or a Parquet of people.", where="--home")
    if as_json:
        print_json(told.as_json())
    else:
        _print(told)


def _print(told: Explanation) -> None:
    for sentence in told.sentences():
        console.print(sentence)
    table = Table(title="Where the weight comes from (bits)", title_justify="left")
    for name in ("Field", "Found", "Bits", "Sum"):
        table.add_column(name, justify="right" if name in ("Bits", "Sum") else "left")
    for step in told.steps:
        table.add_row(step.field.replace("_", " "), step.words, f"{step.bits:+.1f}", f"{step.total:+.1f}")
    console.print(table)
    console.print(f"Joined from {told.join_weight:.1f} bits, shown to a reviewer from {told.review_weight:.1f}.")
