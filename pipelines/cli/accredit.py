"""Commands by which feeds are accredited: `isindex accredit …`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.common import Commands, HomeOption, JsonOption, console, existing_home, home_to_list, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.deliveries.accreditation import Act
    from pipelines.deployment import Deployment

__all__ = ["app"]

app = Commands(
    help="Accredit feeds: an agency's deliveries of one authority are invited, tested, accredited, paused and ended. Each act counts at once, "
    "and is kept with who, when and why."
)

AuthorityOption = Annotated[str, typer.Option("--authority", "-a", help="3-digit code of the authority.")]
AgencyOption = Annotated[str, typer.Option("--agency", help="The agency whose feed it is.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name.")]
ActorOption = Annotated[str, typer.Option("--actor", help="Who decides; default the user of this machine.")]
_OnlyAuthority = Annotated[str | None, typer.Option("--authority", "-a", help="Only this authority: 3-digit code.")]
_OnlyAgency = Annotated[str | None, typer.Option("--agency", help="Only this agency.")]
_REFUSED = "Its deliveries are refused from now on; what asks to be protected in them is heard all the same."
_NEXT = {
    "invited": "It is to be tested next: `isindex accredit test`.",
    "testing": "Its deliveries are judged and answered from now on, and kept apart: nothing of them is matched or published.",
    "accredited": "Its deliveries are loaded from now on. The first must be a full one; what came before is not loaded.",
    "paused": f"{_REFUSED} What was published of it stays, as of a feed that does not come.",
    "ended": f"{_REFUSED} What was published of it stays, as of a feed that does not come.",
    "none": "It is again as it was before it was paused.",
}


@app.command("list")
def listed(
    home: HomeOption,
    authority: _OnlyAuthority = None,
    agency: _OnlyAgency = None,
    history: Annotated[bool, typer.Option("--history", help="All that was ever decided, the latest first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Where every feed stands, since when and why, and what becomes of its deliveries.

    Example: [bold]isindex accredit list --home demo/home[/bold]
    """
    from pipelines.nights.accreditation import every_act, feed_standings

    deployment = home_to_list(home)
    if history:
        _list_history(every_act(deployment, authority, agency), as_json=as_json)
        return
    found = feed_standings(deployment, authority, agency)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console.print("No feed has been decided of, and none has come.")
        return
    table = Table(title="Feeds", title_justify="left")
    for name in ("Authority", "Agency", "Standing", "Deliveries are", "Since", "Who", "Why", "Despite"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            each.authority, each.agency, each.standing, each.deliveries, each.since or "–", each.actor or "–",
            each.reason or "–", ", ".join(each.despite) or "–",
        )  # fmt: skip
    console.print(table)


@app.command("check")
def check(home: HomeOption, authority: AuthorityOption, agency: AgencyOption, as_json: JsonOption = False) -> None:
    """Whether a feed met every requirement on so many consecutive nights (ISINDEX_ACCREDITATION_NIGHTS), night by night.

    Exit code: 0 it did, 1 it did not, 2 wrong usage.

    Example: [bold]isindex accredit check --home demo/home --authority 330 --agency health[/bold]
    """
    from pipelines.validation.checklist import REQUIREMENTS, checklist_of

    found = checklist_of(existing_home(home).engine, authority, agency)
    if as_json:
        print_json(found.as_json())
        raise typer.Exit(0 if found.holds else 1)
    table = Table(title=f"{agency} of authority {authority}, by {found.contract}", title_justify="left")
    for name in ("Requirement", "Met", *(night.business_date.isoformat() for night in found.nights)):
        table.add_column(name, overflow="fold")
    for name in REQUIREMENTS:
        nights = [
            f"{'' if each.results[name].holds else 'NOT: '}{each.results[name].measured}" for each in found.nights
        ]
        table.add_row(name.replace("_", " "), "yes" if found.meets(name) else "no", *nights)
    console.print(table)
    for name in found.unmet:
        console.print(f"Not met: {name.replace('_', ' ')}. {found.asks[name]}", soft_wrap=True)
    if found.holds:
        console.print(f"Every requirement was met on {found.asked} consecutive nights.")
    elif len(found.nights) < found.asked:
        console.print(f"No night is known of this authority; {found.asked} are asked for.")
    raise typer.Exit(0 if found.holds else 1)


@app.command("invite")
def invite(
    home: HomeOption, authority: AuthorityOption, agency: AgencyOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """Note that a feed is asked to deliver. Nothing of it is loaded where only accredited feeds are.

    Exit code: 0, or 2 where it cannot follow on what the feed is.

    Example: [bold]isindex accredit invite --home demo/home --authority 331 --agency health --reason "Agreement 7"[/bold]
    """
    _decide("invite", home, authority, agency, reason, actor)


@app.command("test")
def test(
    home: HomeOption, authority: AuthorityOption, agency: AgencyOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """Let a feed be tested: its deliveries are judged in full, answered as for a load, and kept apart.

    Exit code: 0, or 2 where it cannot follow on what the feed is.

    Example: [bold]isindex accredit test --home demo/home --authority 331 --agency health --reason "First extract is here"[/bold]
    """
    _decide("test", home, authority, agency, reason, actor)


@app.command("grant")
def grant(
    home: HomeOption,
    authority: AuthorityOption,
    agency: AgencyOption,
    reason: ReasonOption,
    actor: ActorOption = "",
    despite: Annotated[
        bool,
        typer.Option(
            "--despite", help="Although it does not meet every requirement; those it does not are kept with it."
        ),
    ] = False,
) -> None:
    """Accredit a feed that met every requirement on so many consecutive nights (`isindex accredit check`).

    Exit code: 0; 1 it did not meet them; 2 it cannot follow on what the feed is.

    Example: [bold]isindex accredit grant --home demo/home --authority 331 --agency health --reason "Three sound nights"[/bold]
    """
    made = _decide("grant", home, authority, agency, reason, actor, despite=despite)
    if made.despite:
        names = ", ".join(each.replace("_", " ") for each in made.despite)
        console.print(f"It does not meet: {names}. That is kept with it.", style="bold yellow", soft_wrap=True)


@app.command("pause")
def pause(
    home: HomeOption, authority: AuthorityOption, agency: AgencyOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """Take nothing in of a feed, from now on. What was published of it stays; who asks to be protected in it is heard all the same.

    Exit code: 0, or 2 where it cannot follow on what the feed is.

    Example: [bold]isindex accredit pause --home demo/home --authority 330 --agency police --reason "Wrong children, ref. 9"[/bold]
    """
    _decide("pause", home, authority, agency, reason, actor)


@app.command("resume")
def resume(
    home: HomeOption, authority: AuthorityOption, agency: AgencyOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """Let a paused feed be again what it was before. What it sent meanwhile stays refused: it sends a full delivery.

    Exit code: 0, or 2 where it cannot follow on what the feed is.

    Example: [bold]isindex accredit resume --home demo/home --authority 330 --agency police --reason "Put right at its source"[/bold]
    """
    _decide("resume", home, authority, agency, reason, actor)


@app.command("end")
def end(
    home: HomeOption, authority: AuthorityOption, agency: AgencyOption, reason: ReasonOption, actor: ActorOption = ""
) -> None:
    """End a feed: nothing of it is taken in any more, until it is invited anew. What was published of it stays.

    Exit code: 0, or 2 where it cannot follow on what the feed is.

    Example: [bold]isindex accredit end --home demo/home --authority 330 --agency police --reason "Agreement 7 has ended"[/bold]
    """
    _decide("end", home, authority, agency, reason, actor)


def _decide(
    act: str, home: Path, authority: str, agency: str, reason: str, actor: str, *, despite: bool = False
) -> Act:
    from pipelines.nights.accreditation import decide_feed

    deployment = existing_home(home)
    made = decide_feed(
        deployment, authority, agency, act, actor=actor or getpass.getuser(), reason=reason, at=datetime.now(UTC), despite=despite
    )  # fmt: skip
    _tell_pages(deployment)
    told = "as one that was never decided of" if made.standing == "none" else made.standing
    console.print(
        f"Act {made.number}: {agency} of authority {authority} is {told}. {_NEXT[made.standing]}", soft_wrap=True
    )
    return made


def _tell_pages(deployment: Deployment) -> None:
    from pipelines.reporting import refresh

    refresh(deployment.home, deployment.engine)


def _list_history(found: list[Act], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console.print("No feed has been decided of.")
        return
    table = Table(title="What was decided of feeds", title_justify="left")
    for name in ("No.", "When", "Authority", "Agency", "Act", "Standing", "Who", "Why", "Despite"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            str(each.number), each.decided_at, each.authority, each.agency, each.act, each.standing, each.actor, each.reason,
            ", ".join(each.despite) or "–",
        )  # fmt: skip
    console.print(table)
