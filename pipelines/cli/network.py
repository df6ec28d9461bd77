"""Commands of the co-ordinating index: `network find`, `status`, `review`, `decide`, `undo`, `decisions`, of custody: `moves`, `unclaimed`,
`accept`, `refuse`, `claim`, `withdraw`, and `reorganise`. Not here: `run`, which goes through Dagster.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.common import MOST, Commands, HomeOption, JsonOption, console, day, existing_home, print_json
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from pipelines.network.find import Found
    from pipelines.network.moves import Moves
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
    from pipelines.audit import refuse_older_database
    from pipelines.network.find import find_by_id, find_by_name, find_by_number
    from pipelines.publishing.in_step import out_of_step

    by_name = (family_name, given_names, born)
    ways = [number is not None, index_id is not None, any(each is not None for each in by_name)]
    if sum(ways) == 0 or (ways == [False, False, True] and None in by_name):
        named = zip(("--family-name", "--given-names", "--born"), by_name, strict=True)
        raise IsindexError(
            "OPTIONS_MISSING",
            "Something is missing: a child is looked for by a number, by an index id, or by names and birth date together.",
            where=" / ".join(name for name, given in named if given is None)
            if ways[2]
            else "--number / --id / --family-name --given-names --born",
            remedy="Give what is named here, too. Who is known by less is found by a number, or by an index id."
            if ways[2]
            else "Give one of them.",
        )
    if sum(ways) != 1 or (authority and not index_id):
        raise IsindexError(
            "OPTIONS_CONFLICT",
            "Look by a number, or by an index id, or by family name, given names and birth date together.",
            where="--number / --id / --family-name --given-names --born",
        )
    network, found = _network(home), []
    refuse_older_database(network.deployment)  # before the look is noted
    behind = out_of_step(network.deployment)
    if number is not None:
        found = find_by_number(network, number, why=why)
    elif index_id is not None:
        found = find_by_id(network, index_id, authority=authority, why=why)
    elif family_name is not None and given_names is not None and (birth := _birth_date(born)) is not None:
        found = find_by_name(network, family_name, given_names, birth, why=why)
    for fault in (behind[known.authority] for each in found for known in each.known if known.authority in behind):
        raise fault
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

    Of pairs with a protected child it is told how many there are, unless ISINDEX_MAY_SEE_PROTECTED names you.

    Example: [bold]isindex network review --home demo/home[/bold]
    """
    from pipelines.network.standing import review_list

    found = review_list(_read_network(home), most)
    if as_json:
        print_json(asdict(found))
        return
    _show_pairs(found.pairs)
    if found.kept_back:
        console.print(_NOT_SHOWN.format(found.kept_back))
    elif not found.pairs:
        console.print("Nobody waits to be looked at.")


def _show_pairs(rows: list[dict[str, Any]]) -> None:
    if not rows:
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


_NOT_SHOWN = "{} of protected children are not shown to you: ask somebody whom ISINDEX_MAY_SEE_PROTECTED names."
AsOption = Annotated[
    str, typer.Option("--as", help="The authority that answers: the receiver, or of a claim the custodian.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]
OfOption = Annotated[str | None, typer.Option("--authority", "-a", help="Only those from it or to it.")]
MoveArgument = Annotated[str, typer.Argument(help="The move, as `isindex network moves` names it.")]


@app.command("moves")
def moves(
    home: HomeOption,
    authority: OfOption = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Moves of custody that wait to be answered: the custodian knows the child no more and another authority does, or another one claims it.

    Of a protected child it is told how many there are, unless ISINDEX_MAY_SEE_PROTECTED names you.

    Example: [bold]isindex network moves --home demo/home --authority 330[/bold]
    """
    from pipelines.network.moves import moves_of

    _show_moves(moves_of(_read_network(home), authority, every=every), as_json, "Moves of custody", "No move waits.")


@app.command("unclaimed")
def unclaimed(home: HomeOption, authority: OfOption = None, as_json: JsonOption = False) -> None:
    """Children whose custodian knows them no more and whom nobody has taken over, with the authorities that know them.

    Example: [bold]isindex network unclaimed --home demo/home[/bold]
    """
    from pipelines.network.moves import unclaimed as those

    _show_moves(those(_read_network(home), authority), as_json, "Unclaimed", "Nobody is unclaimed.")


@app.command("accept")
def accept(move: MoveArgument, home: HomeOption, authority: AsOption, reason: ReasonOption) -> None:
    """Accept a move of custody. It counts from the next run of the network on.

    Example: [bold]isindex network accept M0a1b2c3d4e --as 331 --home demo/home --reason "enrolled here, seen by the school"[/bold]
    """
    _answer(move, "accepted", home, authority, reason)


@app.command("refuse")
def refuse(move: MoveArgument, home: HomeOption, authority: AsOption, reason: ReasonOption) -> None:
    """Refuse a move of custody. Custody stays where it is; a child whose custodian knows it no more stays unclaimed.

    Example: [bold]isindex network refuse M0a1b2c3d4e --as 331 --home demo/home --reason "here on a visit"[/bold]
    """
    _answer(move, "refused", home, authority, reason)


@app.command("claim")
def claim(
    child: Annotated[str, typer.Argument(help="The child: authority that claims it, colon, index id there.")],
    home: HomeOption,
    reason: ReasonOption,
) -> None:
    """Claim custody of a child whom its custodian still knows: that one accepts or refuses. Both indexes stay as they are meanwhile.

    Example: [bold]isindex network claim 331:6B7K2M9QWX4C --home demo/home --reason "lives here since June"[/bold]
    """
    from pipelines.network.standing import claim_of

    number = claim_of(_network(home), child, reason=reason)
    console.print(f"Claim {number}: its custodian is asked from the next `isindex network run` on.")


@app.command("withdraw")
def withdraw(
    number: Annotated[int, typer.Argument(help="The claim's number.", min=1, max=MOST)],
    home: HomeOption,
    reason: ReasonOption,
) -> None:
    """Take a claim back.

    Example: [bold]isindex network withdraw 1 --home demo/home --reason "moved back"[/bold]
    """
    from pipelines.network.moves import withdraw as take_back

    take_back(_network(home), number, reason=reason)
    console.print(f"Claim {number} is withdrawn from the next `isindex network run` on.")


@app.command("reorganise")
def reorganise(
    home: HomeOption,
    predecessors: Annotated[
        list[str] | None, typer.Option("--from", help="An authority that is taken over; may be given again.")
    ] = None,
    successors: Annotated[
        list[str] | None,
        typer.Option("--to", help="An authority that takes over; default all that the table of authorities names."),
    ] = None,
    closed: Annotated[
        str | None,
        typer.Option("--closed", help="The last day of those that are taken over, in place of --from: YYYY-MM-DD."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Record it; without this it is only shown what would be done.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept. Needed with --confirm.")] = "",
    actor: Annotated[str | None, typer.Option("--actor", help="Who says so; default the user of this machine.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Record that authorities were reorganised: ids, protection, decisions and custody go over to the successors, by the table of authorities.

    Without --confirm it shows what would be recorded, and changes nothing. It is recorded once, after the last night of the old authorities and before the
    first of the new ones, and is not taken back.

    Example: [bold]isindex network reorganise --home demo/home --closed 2019-03-31[/bold]
    """
    from pipelines.nights.reorganise import as_json as told_of
    from pipelines.nights.reorganise import plan_reorganisation, record_reorganisation

    last, deployment = day(closed, "--closed"), existing_home(home)
    asked = (deployment, predecessors or (), successors or (), last)
    found = record_reorganisation(*asked, reason=reason, actor=actor) if confirm else plan_reorganisation(*asked)
    if as_json:
        print_json({"recorded": confirm, "takings": told_of(found)})
        return
    table = Table(title="Recorded" if confirm else "Would be recorded", title_justify="left")
    for name in (
        "Taken over",
        "By",
        "Last day",
        "Last night",
        "Children",
        "Hidden",
        "Wishes",
        "Firewalls",
        "Decisions",
    ):
        table.add_column(name)
    for each in found.takings:
        decisions = ", ".join(f"{kind.replace('_', ' ')} {number}" for kind, number in each.decisions.items())
        table.add_row(
            each.predecessor, each.successor, each.closed.isoformat(), each.night.isoformat(), f"{each.children:,}", f"{each.hidden:,}",
            f"{each.wishes:,}", f"{each.firewalls:,}", decisions or "–",
        )  # fmt: skip
    console.print(table)
    waits = {each.predecessor: each.not_carried for each in found.takings if each.not_carried}
    for authority, numbers in waits.items():
        console.print(
            f"Authority {authority}: {', '.join(map(str, numbers))} of its decisions to open a child or to take a firewall away have not taken effect, "
            "and do not go over: the children stay hidden, and are decided of in the successor.",
            soft_wrap=True,
        )
    console.print(
        "Load the successor's deliveries next."
        if confirm
        else "Nothing was changed. With --confirm and --reason it is recorded.",
        soft_wrap=True,
    )


def _answer(move: str, verdict: str, home: Path, authority: str, reason: str) -> None:
    from pipelines.network.moves import answer

    answer(_network(home), move, verdict, authority=authority, reason=reason)
    console.print(f"Move {move.strip()} is {verdict} from the next `isindex network run` on.")


def _show_moves(found: Moves, as_json: bool, title: str, none: str) -> None:
    if as_json:
        print_json(asdict(found))
        return
    table = Table(title=title, title_justify="left")
    for name in ("Move", "National id", "Custodian", "Known to", "As", "Why", "Since", "State"):
        table.add_column(name, overflow="fold")
    why = {"gone": "the custodian knows the child no more", "claimed": "claimed"}
    for each in found.moves:
        state = f"{each.answered}, from the next run on" if each.answered else each.state
        state = f"waits for {each.answers}" if state == "proposed" else state
        table.add_row(
            each.move or "–", each.national_id, each.custodian, each.receiver or "nobody", each.index_id or "–", why[each.evidence],
            each.proposed.isoformat(), state,
        )  # fmt: skip
    if found.moves:
        console.print(table)
    elif not found.kept_back:
        console.print(none)
    if found.kept_back:
        console.print(_NOT_SHOWN.format(found.kept_back))


def _birth_date(born: str | None) -> date | None:
    return day(born, "--born", what="A date of birth", example="2015-03-14")


def _network(home: Path) -> Network:
    from pipelines.network.place import Network

    return Network(existing_home(home))


def _read_network(home: Path) -> Network:
    """To tell of children: of none from an index database that does not show what is in force, and so may not know who is hidden."""
    from pipelines.publishing.in_step import published_authorities, refuse_out_of_step

    network = _network(home)
    place = network.deployment
    refuse_out_of_step(place, published_authorities(place.home, place.engine))
    return network


def _show_found(found: list[Found]) -> None:
    for each in found:
        if each.kept_back:
            console.print(
                "A protected child is known, and nothing of it is shown to you, nor where. "
                "Ask somebody whom ISINDEX_MAY_SEE_PROTECTED names."
            )
            continue
        table = Table(title=f"National id {each.national_id}", title_justify="left")
        for name in ("Authority", "Index id", "Since", "Until", "Custody"):
            table.add_column(name)
        for known in each.known:
            until = known.to.isoformat() if known.to else "–"
            has = "custodian" if known.authority == each.custodian else "–"
            table.add_row(known.authority, known.index_id, known.since.isoformat(), until, has)
        console.print(table)
    if not found:
        console.print("No index of this home knows such a child.")
