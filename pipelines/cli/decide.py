"""Commands by which people decide of children, gates and versions: `isindex decide …`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer
from rich.table import Table

from pipelines.cli.common import (
    MOST,
    Commands,
    HomeOption,
    JsonOption,
    console,
    day,
    existing_home,
    home_to_list,
    load_now,
    print_json,
)
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipelines.deployment import Deployment
    from pipelines.nights.decisions import Decision
    from pipelines.nights.protection_decisions import Proposal

__all__ = ["app"]

app = Commands(
    help="Decide: two records are one child, are not, or must never be linked; a child is shielded; a gate may pass a night; a "
    "version is kept. "
    "All can be taken back."
)

AuthorityOption = Annotated[str, typer.Option("--authority", "-a", help="3-digit code of the authority.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name.")]
ActorOption = Annotated[str, typer.Option("--actor", help="Who decides; default the user of this machine.")]
_RECORD = (
    "A record: its reference in the review list, its key (health:123), or the index id of a child with one record only."
)
FirstRecord = Annotated[str, typer.Argument(help=_RECORD)]
Child = Annotated[str, typer.Argument(help="The child: its index id, or one of its records by key or reference.")]
OtherChild = Annotated[str, typer.Argument(help="The other identity, likewise.")]
SecondRecord = Annotated[str, typer.Argument(help="The other record, likewise.")]
_NEXT = "The next load brings the night in force up to date; nights before it stay as they are."
_AT_ONCE = (
    "`isindex child` and `isindex explain` tell nothing of {whom} from now on. Everything else (the index database, the files of "
    "the versions) shows {whom} as before until the next load, and so does `isindex child` of others who live there. {what} Load now: {load}"
)
_ELSEWHERE = (
    "That load ends with the co-ordinating index, and with it other authorities that know the child hide it, too; after a load of one authority "
    "alone they show it until `isindex network run`."
)
_HIDES = "It hides the child in the night in force and in every earlier version that is kept."
_PARTS = (
    "It parts the two: in the night in force each is shown by itself, without the other's names, and who is hidden stays so; in every earlier version that is kept "
    "both are withheld, without any name."
)


@app.command("same")
def same(
    record_a: FirstRecord,
    record_b: SecondRecord,
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Two records are the same child, whatever speaks against it. On two sides of a firewall: a proposal that another must confirm.

    Example: [bold]isindex decide same REF REF --home demo/home --authority 330 --reason "birth certificate seen"[/bold]
    """
    _decide("same", record_a, record_b, home, authority, reason, actor)


@app.command("not-the-same")
def not_the_same(
    record_a: FirstRecord,
    record_b: SecondRecord,
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Two records are two children, however alike they are.

    It opens nobody. Who is withheld because it might be a hidden child is opened afterwards by two people, `unshield` and `confirm`.

    Example: [bold]isindex decide not-the-same REF REF --home demo/home --authority 330 --reason "twins"[/bold]
    """
    _decide("not_the_same", record_a, record_b, home, authority, reason, actor)


@app.command("firewall")
def firewall(
    one: Child,
    other: OtherChild,
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Put a wall between two identities, of an adopted child or a protected person: nothing of one is ever shown with the other.

    Whatever is linked with one is never linked with the other, tonight or later; if the two were one, they are split.

    Example: [bold]isindex decide firewall REF REF --home demo/home --authority 330 --reason "Adoption order 7"[/bold]
    """
    _decide("firewall", one, other, home, authority, reason, actor)


@app.command("shield")
def shield(
    who: Child, home: HomeOption, authority: AuthorityOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """Shield a child: where it is, and who works with it, is shown to nobody.

    Example: [bold]isindex decide shield 5K7K2M9QWX43 --home demo/home --authority 330 --reason "Police, ref. 7"[/bold]
    """
    from pipelines.nights import protection_decisions

    deployment = existing_home(home)
    made = protection_decisions.shield(deployment, authority, who, **_by(actor, reason))
    _tell_pages(deployment)
    console.print(f"Decision {made.number}: shielded. {_at_once('the child', _HIDES, home, authority)}", soft_wrap=True)


@app.command("unshield")
def unshield(
    who: Child,
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
    with_gone: Annotated[
        bool,
        typer.Option(
            "--with-gone",
            help="Also what is kept of records that are gone and were called like the child, bore its number or had its key: say so only of the child's own. Of a wish that means nobody: where its child had lived.",
        ),
    ] = False,
) -> None:
    """Propose that a shielded child be shown again; another person must confirm it.

    It lifts what was asked for until now. A record that goes on asking, or another child's shield that may be this one's, still
    counts. A wish that means nobody is named as the page of protection names it: it alone ends.

    Example: [bold]isindex decide unshield 5K7K2M9QWX43 --home demo/home --authority 330 --reason "Order ended"[/bold]
    """
    from pipelines.nights import protection_decisions

    deployment = existing_home(home)
    made = protection_decisions.unshield(deployment, authority, who, **_by(actor, reason), with_gone=with_gone)
    proposal = protection_decisions.proposal_of(deployment, authority, made.number)
    _tell_pages(deployment)
    _tell(proposal)
    whose = "" if proposal.of_nobody else "the child's "
    console.print(
        f"Decision {made.number}: proposed. Nothing changes before another person says: "
        f"{_command('confirm', made.number, home, authority)} Whoever asks for {whose}protection before that "
        "makes the proposal void.",
        soft_wrap=True,
    )
    _warn_in_vain(proposal, authority)


@app.command("confirm")
def confirm(
    number: Annotated[int, typer.Argument(help="The number of the proposal.", min=1, max=MOST)],
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Confirm, as a second person, that a child is shown again, or that a firewall is taken away.

    The names are compared as they are given. Whoever may run this under another's name can be both: let each person have an
    account of the machine. A confirmation under the account of the proposal is warned of, and noted in the audit.

    Example: [bold]isindex decide confirm 7 --home demo/home --authority 330 --reason "Order seen" --actor "B. Second"[/bold]
    """
    from pipelines.nights import protection_decisions

    deployment = existing_home(home)
    proposal = protection_decisions.proposal_of(deployment, authority, number)
    _tell(proposal)
    made = protection_decisions.confirm(deployment, authority, number, **_by(actor, reason))
    _tell_pages(deployment)
    ends = "The wish ends with" if proposal.of_nobody else "The child is shown again from"
    counts = (
        f"{ends} the authority's next night{'' if proposal.of_nobody else ' on'}; until then the confirmation can be taken back: "
        f"{_command('undo', made.number, home, authority)}"
        if proposal.kind == "unshield"
        else f"The firewall of this decision goes with the next load: {load_now(home, authority)}"
    )
    console.print(f"Decision {made.number}: proposal {number} is confirmed. {counts}", soft_wrap=True)
    _warn_in_vain(proposal, authority)
    with deployment.engine.connect() as connection:
        if protection_decisions.from_one_account(connection, authority, number):
            console.print(
                "Warning: it was proposed and confirmed under one account of this machine. Two names were given; that two people "
                f"decided is not shown. The audit notes it; if it was one person: "
                f"{_command('undo', made.number, home, authority)}",
                style="bold yellow",
            )


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(help="The number of the proposal.", min=1, max=MOST)],
    home: HomeOption,
    authority: AuthorityOption,
    as_json: JsonOption = False,
) -> None:
    """What a proposal is that waits for a second person, and what would come of it as things are; nothing is decided.

    Example: [bold]isindex decide show 7 --home demo/home --authority 330[/bold]
    """
    from pipelines.nights import protection_decisions

    proposal = protection_decisions.proposal_of(home_to_list(home), authority, number)
    if as_json:
        print_json(asdict(proposal))
        return
    _tell(proposal)
    _warn_in_vain(proposal, authority)


@app.command("override")
def override(
    gate: Annotated[str, typer.Argument(help="The gate that held the night, for example volume.")],
    home: HomeOption,
    authority: AuthorityOption,
    night: Annotated[str, typer.Option("--night", help="The business date of the night that is held.")],
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Let one gate pass one night: its numbers moved more than they should, and that is right.

    Example: [bold]isindex decide override volume --home demo/home --authority 330 --night 2026-11-20 --reason "Hospital closed"[/bold]
    """
    from pipelines.nights import decisions

    business_date = day(night, "--night")
    if business_date is None:
        raise IsindexError("DATE_INVALID", "An override is of one night.", where="--night", remedy="Name the night.")
    made = decisions.override(
        existing_home(home), authority, business_date, gate,
        **_by(actor, reason),
    )  # fmt: skip
    console.print(f"Decision {made.number}: gate {gate} may pass the night of {night}. The next load runs it again.")


@app.command("hold")
def hold(
    version: Annotated[str, typer.Argument(help="The version, as `isindex status` names it.")],
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Keep a published version, however old it gets, until the decision is taken back.

    Example: [bold]isindex decide hold VERSION --home demo/home --authority 330 --reason "Inquiry 7"[/bold]
    """
    from pipelines.nights import decisions

    made = decisions.hold(
        existing_home(home), authority, version,
        **_by(actor, reason),
    )  # fmt: skip
    console.print(f"Decision {made.number}: the version stays until the decision is taken back.")


@app.command("undo")
def undo(
    number: Annotated[int, typer.Argument(help="The number of the decision.", min=1, max=MOST)],
    home: HomeOption,
    authority: AuthorityOption,
    reason: ReasonOption,
    actor: ActorOption = "",
) -> None:
    """Take a decision back; the evidence decides again. Of a firewall this is a proposal: another person must confirm it. A child
    whose shield is taken back stays hidden: two people open it (isindex decide unshield, then confirm).

    Example: [bold]isindex decide undo 3 --home demo/home --authority 330 --reason "wrong pair"[/bold]
    """
    from pipelines.nights.decisions import take_back
    from pipelines.nights.protective import protect_in_any_case, protection_waits

    deployment = existing_home(home)
    waited = protection_waits(deployment, [authority])
    taken = take_back(deployment, authority, number, **_by(actor, reason))
    if taken.kind == "shield" and not waited:  # what it leaves hides nobody else: nothing need wait for a load
        protect_in_any_case(deployment, authority)
    _tell_pages(deployment)
    if taken.kind == "unwall" and taken.number != number:
        from pipelines.nights import protection_decisions

        _proposed(taken.number, home, authority)
        _warn_in_vain(protection_decisions.proposal_of(deployment, authority, taken.number), authority)
        return
    if taken.kind == "firewall" and taken.number != number:
        console.print(
            f"Decision {number} is taken back: the firewall stands again, as decision {taken.number}. {_NEXT}",
            soft_wrap=True,
        )
        return
    follows = {
        "shield": "The child stays hidden. Only two people open it: "
        f"{_command('unshield', str(taken.record_a), home, authority)}, and then another person confirms it.",
        "unshield": "Nothing changes: the child stays hidden.",
        "unwall": "Nothing changes: the firewall stands.",
        "confirm": "The child stays hidden. To open it, it is proposed anew (isindex decide unshield) and confirmed by another person."
        if taken.record_a
        else f"The firewall stands again. {_NEXT}",
        "hold": "The version is let go when its time has come.",
        "override": "The next load judges the night again.",
    }.get(taken.kind, _NEXT)
    console.print(f"Decision {taken.number} ({taken.kind.replace('_', ' ')}) is taken back. {follows}", soft_wrap=True)


@app.command("list")
def listed(home: HomeOption, authority: AuthorityOption, as_json: JsonOption = False) -> None:
    """All decisions of an authority, the latest first, with those that were taken back.

    Example: [bold]isindex decide list --home demo/home --authority 330[/bold]
    """
    from pipelines.nights.decisions import every_decision

    found = every_decision(home_to_list(home), authority)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table(title=f"Decisions of authority {authority}", title_justify="left")
    for name in (
        "No.",
        "Decision",
        "Record",
        "Other record",
        "Of what",
        "Night",
        "Who",
        "Account",
        "Why",
        "When",
        "Taken back",
        "Second person",
        "What came of it",
    ):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            str(each.number), each.kind.replace("_", " "), each.record_a or "–", each.record_b or "–",
            _of_what(each), each.night.isoformat() if each.night else "–", each.actor, each.account or "–", each.reason,
            each.decided_at, each.undone_at or "–", _second_person(each), each.came_of_it or "–",
        )  # fmt: skip
    console.print(table if found else f"No decision has been made for authority {authority}.")
    for each in found:  # apart from the table, where it could not be read on a narrow screen
        if each.waits:
            command = _command("confirm", each.number, home, authority)
            console.print(f"Proposal {each.number} waits for a second person: {command}", soft_wrap=True)
        elif each.confirmed_by:
            console.print(f"Proposal {each.number} was confirmed by decision {each.confirmed_by}.", soft_wrap=True)


class _By(TypedDict):
    actor: str
    reason: str
    at: datetime


def _by(actor: str, reason: str) -> _By:
    return {"actor": actor or getpass.getuser(), "reason": reason, "at": datetime.now(UTC)}


def _decide(kind: str, record_a: str, record_b: str, home: HomeOption, authority: str, reason: str, actor: str) -> None:
    from pipelines.nights.decisions import decide

    deployment = existing_home(home)
    made = decide(deployment, authority, kind, record_a, record_b, **_by(actor, reason))
    _tell_pages(deployment)
    if made.kind == "unwall":
        _proposed(made.number, home, authority)
        return
    told = {
        "firewall": _at_once("either of the two", _PARTS, home, authority),
        "same": f"{_NEXT} Load now: {load_now(home, authority)}",
    }.get(kind, f"{_NEXT} A pair of which one is shielded is parted from the authority's next night on.")
    console.print(f"Decision {made.number}: {made.kind.replace('_', ' ')}. {told}", soft_wrap=True)


def _proposed(number: int, home: Path, authority: str) -> None:
    console.print(
        f"Decision {number}: proposed. The firewall stands until another person says: "
        f"{_command('confirm', number, home, authority)} Whoever asks for the protection of one of the two before "
        "that makes the proposal void.",
        soft_wrap=True,
    )


def _at_once(whom: str, what: str, home: HomeOption, authority: str) -> str:
    """What a decision to hide does at once, and what waits for a load."""
    from pipelines.deployment import keeps_network
    from pipelines.home import Home

    told = _AT_ONCE.format(whom=whom, what=what, load=load_now(home, authority))
    return f"{told} {_ELSEWHERE}" if keeps_network(Home(home)) else told


def _tell(proposal: Proposal) -> None:
    """What is to be confirmed, as both people must know it."""
    what = "to show a child again" if proposal.kind == "unshield" else "to take away the firewall between two"
    if proposal.of_nobody:
        what = "to end a wish that means nobody, which shows no child"
    who = " and ".join(
        f"wish {record}" if proposal.of_nobody else f"{index_id or 'no child of the latest night'} (record {record})"
        for record, index_id in zip(proposal.records, proposal.index_ids, strict=True)
    )
    asked = (
        "no feed has asked for its protection"
        if proposal.kind == "unshield"
        else "no feed has asked for the protection of one"
    )
    if proposal.asked:
        asked = f"last asked for by {proposal.asked}"
    console.print(
        f"Proposal {proposal.number}, {what}: {who}. Proposed by {proposal.actor} at {proposal.decided_at}, because: {proposal.reason}. "
        f"Protection: {asked}.",
        soft_wrap=True,
    )
    if proposal.goes:
        with_it = (
            f"With it goes where {_records(proposal.goes)} that are gone had lived: that home is shown again of whoever lives there. The child stays hidden, should it come back."
            if proposal.of_nobody
            else f"With it goes what is kept of {_records(proposal.goes)} that are gone, of this child's name, number or key: it was this child's own, the proposal says."
        )
        console.print(with_it, soft_wrap=True)


def _records(gone: Sequence[str]) -> str:
    """``2 records (health 3f…, …)``."""
    return f"{len(gone)} record{'s' if len(gone) > 1 else ''} ({'; '.join(gone)})"


def _warn_in_vain(proposal: Proposal, authority: str) -> None:
    """Say that the child would stay hidden, or the firewall stand, as things are; or that something of it may."""
    if proposal.gone:
        console.print(
            f"What is kept of {_records(proposal.gone)} that are gone, of this child's name, number or key, stays, with where they lived: a home that is "
            "this child's too stays hidden, and so does a new record that is like them. If they were this child's own, take the proposal back and "
            "propose it with --with-gone; if they were another child's, who was called so, leave it.",
            style="bold yellow",
            soft_wrap=True,
        )
    if proposal.unmet:
        from pipelines.nights.unmet import reasons_told

        nothing = "opens nobody" if proposal.kind == "unshield" else "takes no firewall away"
        nothing = "ends no wish" if proposal.of_nobody else nothing
        words = f"Warning: as things are, this {nothing}. {reasons_told(proposal.unmet, authority, proposal.others)}"
        console.print(words, style="bold yellow", soft_wrap=True)


def _command(kind: str, about: int | str, home: Path, authority: str) -> str:
    """A command of this group, complete but for WHY."""
    from pipelines.reporting.commands import decide_command

    return decide_command(kind, about, authority=authority, home=home)


def _tell_pages(deployment: Deployment) -> None:
    """Have the pages say who must decide by now; where they cannot be written the next load does it."""
    from pipelines.reporting import refresh

    try:
        refresh(deployment.home, deployment.engine)
    except (IsindexError, OSError):
        console.print("The pages could not be written: the next load brings them up to date.")


def _second_person(decision: Decision) -> str:
    """Of a proposal, whether it waits for a second person, or in which decision one confirmed it."""
    if decision.waits:
        return "waits"
    return f"in {decision.confirmed_by}" if decision.confirmed_by else "–"


def _of_what(decision: Decision) -> str:
    """What a decision is about besides records: a gate, a version, or another decision."""
    if decision.subject is None:
        return "–"
    kinds = {"confirm": f"proposal {decision.subject}", "unwall": f"firewall {decision.subject}"}
    return kinds.get(decision.kind, decision.subject)
