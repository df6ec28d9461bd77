"""Commands that look at the audit: `audit verify` proves it, `audit list` shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.common import Commands, HomeOption, JsonOption, console, day, existing_home, print_json

__all__ = ["app"]

app = Commands(help="Who looked at whom, who decided what, and why: prove that nobody changed it, and read it.")


@app.command("verify")
def verify(home: HomeOption, as_json: JsonOption = False) -> None:
    """Prove that no entry was altered, removed, added or put in another place since it was made.

    Note the number and the hash somewhere else: whoever could put back the home and the database together cannot put back that.

    A home that cannot be written, as a backup on a read-only disk, is proven as it lies.

    Exit code: 0 it is as it was written, 1 it is not; the first entry that is wrong is named.

    Example: [bold]isindex audit verify --home demo/home[/bold]
    """
    from pipelines.audit import prove
    from pipelines.deployment import opened_to_read

    with opened_to_read(home) as deployment:
        proven = prove(deployment)
    if as_json:
        print_json({"ok": True, **asdict(proven)})
        return
    console.print(
        f"The audit is as it was written: {proven.entries:,} entries{f', the last one {proven.hash}' if proven.hash else ''}."
    )


@app.command("accept-loss")
def accept_loss(
    home: HomeOption,
    reason: Annotated[str, typer.Option("--reason", help="Why it is gone on without them; kept.")],
    actor: Annotated[str, typer.Option("--actor", help="Who accepts it; default the user of the machine.")] = "",
) -> None:
    """Go on from a database that is older than the home (DATABASE_OLDER), without the entries, and the decisions, that are gone from it.

    Restore home and database from one backup rather. What records asked for is in the home and counts all the same; what people decided since is gone: decide it
    again before the next load. `isindex audit verify` finds the gap for good.

    The same where what the home keeps of the audit is gone or damaged, so that nobody can say whether entries are.

    Exit code: 0, or 2 where nothing is missing.

    Example: [bold]isindex audit accept-loss --home demo/home --reason "the disk of the database was lost"[/bold]
    """
    from pipelines.audit import accept_lost

    lost = accept_lost(existing_home(home), actor=actor, reason=reason)
    told = "entries may be gone" if lost is None else f"{lost:,} entries are gone"
    console.print(f"It is noted that {told}. Decide again what was decided since, and then load.")


@app.command("list")
def listed(
    home: HomeOption,
    authority: Annotated[
        str | None, typer.Option("--authority", "-a", help="Only this authority, and what was asked of all.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only from this day on, YYYY-MM-DD.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Every look at a child or a pair, and every decision: who, what, whom, why, when; the latest first.

    A child is named by its index id, a record by its reference. It is shown as it stands; `isindex audit verify` proves it.

    Example: [bold]isindex audit list --home demo/home --authority 330 --since 2026-11-20[/bold]
    """
    from pipelines.audit import entries

    from_day = day(since, "--since")
    found = entries(existing_home(home), authority, from_day)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console.print("There is no entry.")
        return
    table = Table(title="Audit", title_justify="left")
    for name in ("No.", "When", "Who", "Account", "What", "Authority", "Whom", "Why"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            str(each.number), each.at, each.actor, each.account, each.action, each.authority or "all",
            each.subject or "–", each.why,
        )  # fmt: skip
    console.print(table)
