"""Commands about who is whom: `link` matches any table of people, `explain` says what a pair is worth and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.common import HomeIfAny, JsonOption, console, day, existing_home, print_json
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.matching.explain import Explanation

__all__ = ["explain", "link"]

_FEW = 300  # rows from which a model of their own is worth having
_MODEL_HELP = "A model's settings file, or the name of a built-in one (children-1)."


def link(
    people: Annotated[
        list[Path], typer.Argument(help="Files of people, or folders of them: Parquet, CSV, JSON lines.", exists=True)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Where to write record_key, identity, step, weight: Parquet, or CSV by its name."),
    ],
    columns: Annotated[
        str | None,
        typer.Option("--columns", help="Which column is which: given_names=first_name+middle_name,birth_date=dob."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help=_MODEL_HELP + " Default: one made from the rows.")
    ] = None,
    unique_source: Annotated[
        list[str] | None, typer.Option("--unique-source", help="A source that holds each person once (repeatable).")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            help="The least probability that joins two rows. Default: the model's.",
            min=0.01,
            max=0.999999,
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="Write every pair with its probability and weight field by field here."),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option("--review", help="Write what may be one person and was left apart here, the likeliest first."),
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous",
            help="What --out was before: identities are kept, and only new rows are compared.",
            exists=True,
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", help="Decided pairs: kind (same, not_the_same), record_a, record_b.", exists=True),
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option("--save-model", help="Write the model used to this settings file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which rows of any tables of people are the same person.

    Compared are given_names, family_name, former_family_name, birth_date, sex, postcode, address, nhs_number, upn and
    phone; each may be missing, and columns are taken by their usual names (first_name, surname, dob ...) unless --columns says
    otherwise; what was taken for what is printed. Names may be in any script, dates in any order. record_key tells rows
    apart, else the row's number does; source tells where rows are from, else the file's name does. Without a
    model one is made from the rows themselves: nobody need say who is who.

    Exit code: 0 done, 2 wrong usage or input.

    Example: [bold]isindex link customers.csv --out identities.csv --review review.csv[/bold]
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from pipelines.matching.people import link_people
    from pipelines.matching.people_files import read_people, read_rows
    from pipelines.matching.weighing.match_model import load_model, save_settings

    _not_over([out, pairs, review], [*people, previous, decisions])
    chosen = None if model is None else load_model(Path(model) if model.endswith(".json") else model)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=None)
        progress.update(task, description="reading")
        given = read_people(people, _columns(columns))
        linked = link_people(
            given.table,
            model=chosen,
            unique_sources=unique_source or (),
            threshold=threshold,
            previous=None if previous is None else read_rows(previous, ("record_key", "identity")),
            decisions=None if decisions is None else read_rows(decisions),
            evidence=pairs is not None or review is not None,
            progress=lambda stage: progress.update(task, description=stage),
        )
    for table, place in ((linked.identities, out), (linked.pairs, pairs), (linked.review, review)):
        if table is not None and place is not None:
            _write(table, place)
    if save_model is not None:
        save_settings(linked.model, save_model)
    figures = linked.figures()
    if as_json:
        print_json(figures)
        return
    for sentence in given.told:
        console.print(f"  {sentence}", markup=False)
    console.print(f"{figures['records']:,} records are {figures['identities']:,} people. Written: {out}")
    steps = ", ".join(
        f"{name[6:]} {number:,}" for name, number in figures.items() if name.startswith("links_") and number
    )
    console.print(
        f"  Links by step: {steps or 'none'}. Pairs that may be one person and were left apart: {figures['possible']:,}"
    )
    if chosen is None and figures["records"] < _FEW:
        console.print("  So few rows teach a model little: give one by --model, for example children-1.")
    if linked.counted:
        console.print(f"  Found to hold each person by a number once: {', '.join(linked.counted)}", markup=False)
    if figures["records_equal"]:
        console.print(f"  Records that say the same as another in all that is compared: {figures['records_equal']:,}")
    if figures["pairs_dropped"]:
        console.print(
            f"  Not compared, because too many records are alike and nothing tells them apart: {figures['pairs_dropped']:,} pairs"
        )
    console.print("  Seconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in linked.seconds.items()))


def _columns(told: str | None) -> dict[str, list[str]]:
    """`given_names=first_name+middle_name,birth_date=dob` as columns of the files by what they are compared as."""
    found: dict[str, list[str]] = {}
    for part in (told or "").split(",") if told else []:
        name, equals, given = part.partition("=")
        if not equals or not name.strip() or not given.strip():
            raise typer.BadParameter(f"{part!r} is not of the form given_names=first_name", param_hint="--columns")
        found[name.strip()] = [each.strip() for each in given.split("+")]
    return found


def _not_over(written: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """Refuse to write over what is read, or twice to one place."""
    places = [place.resolve() for place in written if place is not None]
    given = [place.resolve() for place in read if place is not None]
    for place in places:
        if (
            places.count(place) > 1
            or place in given
            or any(place.is_relative_to(each) for each in given if each.is_dir())
        ):
            raise IsindexError(
                "OPTIONS_CONFLICT", "A file would be written over another that is read or written.", where=place.name,
                remedy="Name another file to write.",
            )  # fmt: skip


def _write(table: pa.Table, place: Path) -> None:
    """As CSV or Parquet, by the name."""
    import pyarrow.csv as pcsv

    from pipelines.tables import write_table

    if place.name.lower().endswith(".csv"):
        pcsv.write_csv(table, place)
    else:
        write_table(table, place)


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
        Path | None, typer.Option("--people", help="Instead of a home: a file of people, as for `link`.", exists=True)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help=_MODEL_HELP)] = None,
    why: Annotated[
        str, typer.Option("--why", help="The purpose of looking; kept in the audit; needed with --home.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a pair of records is worth: the step, the weight field by field, the runner-up, and why it was not joined.

    Only field names, levels of agreement and references of records are shown (of a file of people, keys), no values. Every look into a home is audited, and a record of a
    protected child is explained only to those whom ISINDEX_MAY_SEE_PROTECTED names.

    Example: [bold]isindex explain health:P1 police:C7 --home demo/home --authority 330 --why "review list"[/bold]
    """
    from pipelines.matching.weighing.match_model import load_model

    business_date = day(night, "--night")
    chosen = None if model is None else load_model(Path(model) if model.endswith(".json") else model)
    if people is not None:
        from pipelines.matching.people import explain_people
        from pipelines.matching.people_files import read_people

        told = explain_people(read_people([people]).table, record_a, record_b, model=chosen)
    elif home is not None and authority is not None:
        from pipelines.nights.explain import explain_night

        told = explain_night(existing_home(home), authority, business_date, record_a, record_b, why=why, model=chosen)
    else:
        raise IsindexError("OPTIONS_MISSING", "Name a home and an authority, or a file of people.", where="--home")
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
