"""Commands of the co-ordinating index: `network find`, `status`, `review`, `decide`, `undo`, `decisions`. Not here: `run`, which goes through Dagster."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.common import MOST, Commands, HomeOption, JsonOption, console, day, existing_home, print_json
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.network.find import Found
    from pipelines.network.place import Network

__all__ = ["app"]

app = Commands(help="The co-ordinating index over all authorities of this home: which local indexes know a child.")
WhyOption = Annotated[str, typer.Option(help="The purpose of looking; kept in the audit.")]


@app.command("find")
def find(
    home: HomeOption,
    why: WhyOption,
    number: Annotated[str | None, typer.Option(help="An NHS number or a UPN.")] = None,
    family_name: Annotated[
        str | None, typer.Option("--family-name", help="A family name, with given names and birth date.")
    ] = None,
    given_names: Annotated[str | None, typer.Option("--given-names", help="Given names; the first counts.")] = None,
    born: Annotated[str | None, typer.Option("--born", help="Date of birth, YYYY-MM-DD.")] = None,
    index_id: Annotated[
        str | None, typer.Option("--id", help="An index id that an authority gave, or a national id.")
    ] = None,
    authority: Annotated[str | None, typer.Option("--authority", "-a", help="Whose index id it is.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Which local indexes know a child. Every look is audited: who, whom, why, when.

    Of a protected child it is told that there is one, and not where, unless ISINDEX_MAY_SEE_PROTECTED names you.

    Exit code: 0, or 1 where nobody is found, or nothing may be told to you of who is.

    Example: [bold]isindex network find --home demo/home --why "referral 7" --family-name Shah --given-names Anika --born 2015-03-14[/bold]
    """
    from pipelines.network.find import find_by_id, find_by_name, find_by_number

    by_name = (family_name, given_names, born)
    ways = [number is not None, index_id is not None, any(each is not None for each in by_name)]
    if sum(ways) != 1 or (ways[2] and None in by_name) or (authority and not index_id):
        raise IsindexError(
            "OPTIONS_CONFLICT",
            "Look by a number, or by an index id, or by family name, given names and birth date together.",
            where="--number / --id / --family-name --given-names --born",
        )
    network, found = _network(home), []
    if number is not None:
        found = find_by_number(network, number, why=why)
    elif index_id is not None:
        found = find_by_id(network, index_id, authority=authority, why=why)
    elif family_name is not None and given_names is not None and (birth := day(born, "--born")) is not None:
        found = find_by_name(network, family_name, given_names, birth, why=why)
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        _show_found(found)
    raise typer.Exit(0 if found and not any(each.kept_back for each in found) else 1)


@app.command("status")
def status(home: HomeOption, as_json: JsonOption = False) -> None:
    """What the co-ordinating index was built from, and what of it is not what the authorities have in force.

    Example: [bold]isindex network status --home demo/home[/bold]
    """
    from pipelines.network.standing import standing_of

    found = standing_of(_network(home))
    if as_json:
        print_json(asdict(found))
        return
    if found.version is None:
        console.print("The co-ordinating index has had no night yet: `isindex network run`.")
        return
    table = Table(title=f"Co-ordinating index: {found.version}", title_justify="left")
    for name in ("Authority", "Business date", "Version", "Standing"):
        table.add_column(name)
    for each in found.authorities:
        table.add_row(each.authority, each.business_date.isoformat(), each.version, each.told)
    console.print(table)
    figures = ", ".join(f"{name.replace('_', ' ')} {number:,.0f}" for name, number in found.figures.items())
    console.print(f"  {figures}")


@app.command("review")
def review(
    home: HomeOption,
    most: Annotated[int, typer.Option("--most", help="How many pairs at most.", min=1, max=MOST)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Pairs of children of two authorities that may be one child, the weightiest first; `isindex network decide` settles one.

    Example: [bold]isindex network review --home demo/home[/bold]
    """
    from pipelines.network.standing import review_list

    rows = review_list(_network(home), most)
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print("Nobody waits to be looked at.")
        return
    table = Table(title="May be one child", title_justify="left")
    for name in ("One", "Other", "Weight", "Since", "Why not joined"):
        table.add_column(name, overflow="fold")
    for row in rows:
        weight = "–" if row["weight"] is None else f"{row['weight']:.1f}"
        table.add_row(row["row_key_a"], row["row_key_b"], weight, str(row["first_seen"]), row["reason"] or "–")
    console.print(table)


@app.command("decide")
def decide(
    kind: Annotated[str, typer.Argument(help="same, or not-the-same.")],
    one: Annotated[str, typer.Argument(help="A child: authority, colon, index id.")],
    other: Annotated[str, typer.Argument(help="Another child.")],
    home: HomeOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
) -> None:
    """Say that two children of two authorities are one child, or two. It counts from the next run on, and changes no local index.

    Example: [bold]isindex network decide same 330:5K7K2M9QWX43 331:6B7K2M9QWX4C --home demo/home --reason "school confirms"[/bold]
    """
    from pipelines.network.decisions import KINDS
    from pipelines.network.standing import decide_of

    plain = kind.replace("-", "_")
    if plain not in KINDS:
        raise IsindexError("OPTIONS_CONFLICT", "It is decided same, or not-the-same.", where="KIND")
    number = decide_of(_network(home), plain, one, other, reason=reason)
    console.print(f"Decision {number} counts from the next `isindex network run` on.")


@app.command("undo")
def undo(
    number: Annotated[int, typer.Argument(help="The decision's number.", min=1, max=MOST)],
    home: HomeOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
) -> None:
    """Take a decision of `isindex network decide` back.

    Example: [bold]isindex network undo 1 --home demo/home --reason "another child"[/bold]
    """
    from pipelines.network.standing import undo_of

    undo_of(_network(home), number, reason=reason)
    console.print(f"Decision {number} does not count from the next `isindex network run` on.")


@app.command("decisions")
def decisions(home: HomeOption, as_json: JsonOption = False) -> None:
    """The decisions of `isindex network decide` that stand.

    Example: [bold]isindex network decisions --home demo/home[/bold]
    """
    from pipelines.network.decisions import decided_now

    found = decided_now(_network(home))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        console.print(
            f"{each.number}: {each.row_key_a} and {each.row_key_b}: {each.kind.replace('_', ' ')}. {each.reason}"
        )
    if not found:
        console.print("No decision stands.")


def _network(home: Path) -> Network:
    from pipelines.network.place import Network

    return Network(existing_home(home))


def _show_found(found: list[Found]) -> None:
    for each in found:
        if each.kept_back:
            console.print(
                "A protected child is known, and nothing of it is shown to you, nor where. "
                "Ask somebody whom ISINDEX_MAY_SEE_PROTECTED names."
            )
            continue
        table = Table(title=f"National id {each.national_id}", title_justify="left")
        for name in ("Authority", "Index id", "Since", "Until"):
            table.add_column(name)
        for known in each.known:
            table.add_row(
                known.authority, known.index_id, known.since.isoformat(), known.to.isoformat() if known.to else "–"
            )
        console.print(table)
    if not found:
        console.print("No index of this home knows such a child.")
