"""Commands that look at what is published: `status`, `child`, `diff`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipelines.cli.common import (
    HomeOption,
    JsonOption,
    console,
    existing_home,
    landing_told,
    load_now,
    network_told,
    print_json,
    protection_told,
    standing_told,
    tell_error,
)
from pipelines.errors import IsindexError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.deployment import Deployment
    from pipelines.network.custodian import Custodian
    from pipelines.nights.waiting import Waiting
    from pipelines.publishing.readers import ChildShown

__all__ = ["child", "diff", "status"]


def status(
    home: HomeOption,
    authority: Annotated[str | None, typer.Option("--authority", "-a", help="Only this authority.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What is published now, from which deliveries, and how old they are; which nights and deliveries wait for somebody, and which
    decisions for a load.

    Exit code: 0, also while something waits (it is told, and stands in `standing` with --json), or 1 when it cannot be read what is
    published for an authority, and 2 when the index database does not show what is in force (DATABASE_OLDER); the others are told all the same. 1 also while a run of
    the co-ordinating index is outstanding where it is kept (ISINDEX_NETWORK): until then a child hidden in one authority may be shown in another.

    First of all it is told where a version may still show a child who must be hidden (PROTECTION_WAITS), which decision opened nobody, and
    which proposal waits for a second person; also, as the pages tell them, wishes to be protected that somebody must look at, authorities of which
    nothing came, feeds that are paused, and moves of custody that wait to be answered (`besides` with --json).

    Example: [bold]isindex status --home demo/home[/bold]
    """
    from pipelines.network.besides import waits_besides
    from pipelines.network.outstanding import run_outstanding
    from pipelines.nights.protective import protection_waits
    from pipelines.nights.reach import authorities_of
    from pipelines.nights.summary import standing, waiting_told
    from pipelines.nights.waiting import decisions_waiting
    from pipelines.publishing import readers
    from pipelines.publishing.in_step import out_of_step
    from pipelines.reporting.opens_nobody import unmet_now
    from pipelines.reporting.second_person import waiting_proposals

    place = existing_home(home)
    found: list[readers.AuthorityStatus] = []
    asked = readers.published_authorities(place.home, place.engine) if authority is None else [authority]
    unread = out_of_step(place, asked)
    for code in asked:
        if code in unread:
            continue
        try:
            found += filter(None, [readers.status(place.home, code, engine=place.engine)])
        except IsindexError as fault:
            unread[code] = fault
    waits = standing(place, None if authority is None else [authority])
    decided: dict[str, list[Waiting]] = {}
    for published in found:
        try:
            decided[published.authority] = decisions_waiting(place, published.authority)
        except IsindexError as fault:
            unread[published.authority] = fault
    found = [published for published in found if published.authority in decided]
    only = None if authority is None else [authority]
    unprotected = [
        waiting_told(place, code, landing_told())
        for code in protection_waits(place, only or sorted(authorities_of(place)))
    ]
    network = run_outstanding(place)
    unmet, proposed = unmet_now(place.engine, place.home, only), waiting_proposals(place.engine, only)
    besides = waits_besides(place, authority)
    if as_json:
        told = {
            each.authority: asdict(each) | {"decisions_waiting": [asdict(one) for one in decided[each.authority]]}
            for each in found
        }
        told |= {code: {"authority": code, "version": None, "fault": fault.as_json()} for code, fault in unread.items()}
        for code in (
            *(each["authority"] for each in (*waits, *unprotected)),
            *(each.authority for each in proposed),
            *(each.authority for each in besides),
        ):
            told.setdefault(code, {"authority": code, "version": None})
        print_json(
            [
                told[code]
                | {
                    "network_outstanding": network,
                    "standing": [each for each in waits if each["authority"] == code],
                    "protection_waits": next((each for each in unprotected if each["authority"] == code), None),
                    "opened_nobody": [
                        asdict(each) | {"told": each.told, "what_to_do": each.what_to_do(in_full=True)}
                        for each in unmet
                        if each.authority == code
                    ],
                    "proposals_waiting": [
                        asdict(each) | {"told": each.in_full, "what_to_do": each.what_to_do(str(home))}
                        for each in proposed
                        if each.authority == code
                    ],
                    "besides": [asdict(each) for each in besides if each.authority == code],
                }
                for code in sorted(told)
            ]
        )
        raise typer.Exit(_exit_code(unread, network))
    if not found and not unread:
        console.print("Nothing is published yet.")
    for each in unprotected:
        console.print(protection_told(each), soft_wrap=True)
    for one in unmet:
        console.print(f"Authority {one.authority}: {one.told} {one.what_to_do(in_full=True)}", soft_wrap=True)
    for proposal in proposed:
        words = f"Authority {proposal.authority}: proposal {proposal.number} waits for a second person since {proposal.since}."
        console.print(f"{words} {proposal.in_full} {proposal.what_to_do(str(home))}", soft_wrap=True)
    for each in waits:
        words = standing_told(each)
        console.print(f"{words[0].upper()}{words[1:]}", soft_wrap=True)
    for thing in besides:
        console.print(f"Authority {thing.authority}: {thing.told} {thing.what_to_do}", soft_wrap=True)
    for code, decisions in decided.items():
        for decision in decisions:
            console.print(_waits(code, decision, place.home.root), soft_wrap=True)
    for published in found:
        table = Table(title=f"Authority {published.authority}: {published.version}", title_justify="left")
        for name in ("Feed", "As of", "Age in days", "Live records", "Delivery"):
            table.add_column(name)
        for feed in published.feeds:
            stale = " (carried forward)" if feed.stale else ""
            table.add_row(
                feed.agency, _cell(feed.as_of) + stale, _cell(feed.age_days), _cell(feed.live_records),
                _cell(feed.delivery_id),
            )  # fmt: skip
        console.print(table)
        console.print("  Published: " + ", ".join(f"{name} {_cell(number)}" for name, number in published.rows.items()))
    if network:
        console.print(network_told(network), soft_wrap=True)
    for error in {str(fault): fault for fault in unread.values()}.values():  # what holds for all is told once
        tell_error(error)
    raise typer.Exit(_exit_code(unread, network))


def _exit_code(unread: Mapping[str, IsindexError], network: Mapping[str, str] | None) -> int:
    return max((fault.exit_code for fault in unread.values()), default=int(network is not None))


def child(
    index_id: Annotated[str, typer.Argument(help="The child's index id.")],
    home: HomeOption,
    why: Annotated[str, typer.Option(help="The purpose of looking; kept in the audit.")],
    authority: Annotated[str | None, typer.Option("--authority", "-a", help="Only this authority's index.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What the index shows of one child, and, where the home keeps the network, who has custody. Every look is audited: who, whom, why, when.

    Of a protected child, shielded or withheld, it is told that there is one, unless ISINDEX_MAY_SEE_PROTECTED names you.

    Exit code: 0, or 1 where the child is protected and nothing of it is told to you.

    Example: [bold]isindex child 5K7K2M9QWX43 --home demo/home --why "complaint 12"[/bold]
    """
    from pipelines.nights.at_once import hidden_at_once
    from pipelines.publishing import readers

    place = existing_home(home)
    found = readers.read_child(place, index_id, why=why, authority=authority, hidden_at_once=hidden_at_once)
    custody = [_custody(place, each) for each in found]
    if as_json:
        print_json(
            [
                asdict(each) | {"custody": {"fault": has} if isinstance(has, str) else asdict(has) if has else None}
                for each, has in zip(found, custody, strict=True)
            ]
        )
        raise typer.Exit(1 if any(each.kept_back for each in found) else 0)
    for each, has in zip(found, custody, strict=True):
        moved = f" (asked for as {each.asked_for})" if each.asked_for != each.index_id else ""
        console.print(Text.assemble((each.index_id, "bold"), f"{moved}, authority {each.authority}"))
        if each.kept_back:
            console.print(
                "This child is protected, and nothing of it is shown to you. Ask somebody whom ISINDEX_MAY_SEE_PROTECTED names."
            )
        for name, rows in each.tables.items():
            if rows:
                _rows(name, rows)
        if has:
            console.print(_custody_told(has))
    if any(each.kept_back for each in found):
        raise typer.Exit(1)


def _custody(place: Deployment, child: ChildShown) -> Custodian | str | None:
    """Who has custody of a child that is shown, where the home keeps the network; the code of a fault of that, which keeps nobody from the child."""
    from pipelines.network.custodian import custodian_of
    from pipelines.network.place import Network

    if child.kept_back or not place.keeps_network:
        return None
    try:
        return custodian_of(Network(place), child.authority, child.index_id)
    except IsindexError as fault:
        return fault.code


def _custody_told(has: Custodian | str) -> str:
    if isinstance(has, str):
        return f"Custody cannot be told: the co-ordinating index answers {has}. `isindex network status` says more."
    words = f"Custody: authority {has.custodian}, since {has.since.isoformat()}."
    if not has.stands:
        words += " It knows the child no more: the child is unclaimed."
    return words + "".join(
        f" Move {name} to authority {receiver} waits for its answer." for name, receiver in has.waits
    )


def diff(
    home: HomeOption,
    authority: Annotated[str, typer.Option("--authority", "-a", help="3-digit code of the authority.")],
    since: Annotated[str | None, typer.Option("--from", help="Earlier version; default the one before --to.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Later version; default the current one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What changed between two published versions, in words and numbers.

    Example: [bold]isindex diff --home demo/home --authority 330[/bold]
    """
    from pipelines.publishing import readers
    from pipelines.publishing.in_step import refuse_out_of_step

    place = existing_home(home)
    refuse_out_of_step(place, [authority])
    found = readers.difference_between(place.home, authority, since, to)
    if as_json:
        print_json(found.numbers())
        return
    for sentence in found.words() or ["Nothing changed."]:
        console.print(sentence)


def _waits(authority: str, decision: Waiting, home: Path) -> str:
    """What waits for a decision to be acted on, in words."""
    which = f"Authority {authority}: decision {decision.number} ({decision.kind.replace('_', ' ')})"
    if not decision.load:
        return f"{which} counts from the authority's next night on."
    meanwhile = (
        " Everything but `isindex child` and `isindex explain` shows whom it hides until then."
        if decision.kind in ("shield", "firewall") and not decision.taken_back
        else ""
    )
    what = "was taken back, which waits" if decision.taken_back else "waits"
    return f"{which} {what} for a load.{meanwhile} Load now: {load_now(home, authority)}"


def _rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    table = Table(title=title, title_justify="left")
    for name in shown:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in shown))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
