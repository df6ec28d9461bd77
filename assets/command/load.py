"""`isindex load`: what has arrived and is not yet loaded, in order of business date, through the Dagster assets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipelines.cli.common import (
    HomeOption,
    JsonOption,
    LandingOption,
    console,
    day,
    network_told,
    nights_spanned,
    print_json,
    protection_told,
    standing_told,
)
from pipelines.errors import IsindexError
from pipelines.settings import settings, use_settings

if TYPE_CHECKING:
    from pathlib import Path

    from assets.launched import Launched
    from pipelines.deliveries import FoundDelivery
    from pipelines.deployment import Deployment
    from pipelines.network.outcome import NetworkNight
    from pipelines.nights.plan import PlannedNight

__all__ = ["Wanted", "WorkersOption", "load", "run_nights", "show"]

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="Processes that run authorities beside each other, at most; ISINDEX_WORKERS, by default one for each core.",
        min=1,
        max=1000,
    ),
]


def load(
    landing: LandingOption,
    home: HomeOption,
    authority: Annotated[
        list[str] | None, typer.Option("--authority", "-a", help="Only this authority (repeatable).")
    ] = None,
    night: Annotated[str | None, typer.Option(help="Only this business date, YYYY-MM-DD.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="From this business date on.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Up to this business date.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Run the nights of --night, --from, --to although nothing has changed.")
    ] = False,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load what has arrived and is not yet loaded, night by night, and publish.

    Loading the same delivery twice changes nothing; a correction supersedes; a late delivery is loaded for its own
    business date and the nights after it are brought up to date. A decision, a new match model or contract is acted on. A
    night that failed or was interrupted is run again; one that is held rests until something changes.

    Authorities are run beside each other, each by one of --workers processes, which share what ISINDEX_MEMORY and
    ISINDEX_THREADS allow. If one of them dies, its authority's nights are told as failed and the others go on.

    Exit code: 0 all loaded, 1 something was refused, held or failed or lies where it should not, or a wish to be protected means
    nobody, 2 wrong usage, 3 another load is running.

    Example: [bold]isindex load --landing demo/landing --home demo/home --night 2026-11-20[/bold]
    """
    if night and (first or last):
        raise IsindexError("OPTIONS_CONFLICT", "Use --night, or --from and --to.", where="--night")
    if workers:
        use_settings(settings().model_copy(update={"workers": workers}))
    begin, end = day(night or first, "--night / --from"), day(night or last, "--night / --to")
    wanted = Wanted(frozenset(authority) if authority else None, begin, end, again)
    _refuse_impossible(wanted, home)
    from pipelines.deployment import open_deployment

    if settings().model:  # one that cannot be used is a setting to mend, and no night's failure
        from pipelines.matching import load_model

        load_model()
    times: dict[str, dict[str, float]] = {}
    summary = run_nights(open_deployment(home, landing, create=True), wanted, quiet=as_json, times=times)
    summary["times"] = {name: times[name] for name in dict.fromkeys(map(_named, summary["nights"])) if name in times}
    if as_json:
        print_json(summary)
    else:
        show(summary)
    raise typer.Exit(_exit_code(summary))


@dataclass(frozen=True)
class Wanted:
    """Which nights to run: of these authorities, from `begin` to `end`; with `again` also those that have not changed."""

    authorities: frozenset[str] | None = None
    begin: date | None = None
    end: date | None = None
    again: bool = False

    def has(self, authority: str, business_date: date) -> bool:
        """Whether that night is wanted."""
        return (
            (self.authorities is None or authority in self.authorities)
            and (self.begin is None or self.begin <= business_date)
            and (self.end is None or business_date <= self.end)
        )

    def selects(self, planned: PlannedNight) -> bool:
        """Whether that outstanding night is wanted."""
        return self.has(planned.authority, planned.business_date)


def run_nights(
    deployment: Deployment,
    wanted: Wanted | None = None,
    *,
    quiet: bool = False,
    times: dict[str, dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Run the outstanding nights that are wanted, showing progress on a terminal, and tidy up; the summary.

    `times` is filled with the moment (seconds of the epoch) at which each night started and each step of it was done.
    """
    from pipelines.audit import refuse_older_database
    from pipelines.network.outstanding import run_outstanding
    from pipelines.nights.arrivals import look_around
    from pipelines.nights.follow import show_what_is_in_force
    from pipelines.nights.protective import protect_in_any_case, protection_waits, taken_away
    from pipelines.nights.reach import authorities_of
    from pipelines.nights.retention import tidy
    from pipelines.nights.summary import summary_of
    from pipelines.reporting import refresh

    chosen = wanted or Wanted()
    refuse_older_database(deployment)
    _refuse_out_of_reach(deployment, chosen)
    look = look_around(deployment, authorities=chosen.authorities)
    _refuse_unknown(deployment, chosen, look.new)
    use_settings(nights_spanned(deployment, look.new))
    whose = sorted(chosen.authorities or authorities_of(deployment))
    known = [each for authority in whose for each in taken_away(deployment, authority)]
    with _Shown(quiet, {} if times is None else times) as shown:
        ran = _run(deployment, chosen, look.new, shown)
    # of an authority whose run was cut short nothing is let go: the next load begins with what it left
    removed = tidy(deployment, sorted({each.planned.authority for each in ran if not (each.busy or each.code)}))
    whose = sorted(chosen.authorities or authorities_of(deployment))  # anew: some may have come with this load
    for waiting in protection_waits(deployment, whose):
        protect_in_any_case(deployment, waiting)
    show_what_is_in_force(deployment, whose)
    refresh(deployment.home, deployment.engine)
    network = _network_of(deployment, chosen)
    summary = summary_of(deployment, ran, look.findings, look.incomplete, removed, chosen.authorities, known)
    if look.nothing_lies and chosen.authorities is None and whose:
        summary["warnings"].append(
            "nothing at all lies in the landing place, from which deliveries came before: if it is a share, is it mounted?"
        )
    told = {"network": network.as_json(), "ok": summary["ok"] and network.well} if network else {"network": None}
    told["network_outstanding"] = None if network else run_outstanding(deployment)
    return summary | told | {"not_asked": _not_asked(deployment, chosen)}


def _network_of(deployment: Deployment, wanted: Wanted) -> NetworkNight | None:
    """What became of the co-ordinating index at the end of a load of all authorities; None where none is kept, or nobody has published."""
    from pipelines.nights.reach import authorities_of

    if not deployment.keeps_network or wanted != Wanted() or not authorities_of(deployment):
        return None
    from assets.launch_network import run_network_night

    try:
        return run_network_night(deployment)
    except IsindexError as fault:
        if fault.code != "NOT_PUBLISHED":
            raise
        return None


def _run(deployment: Deployment, wanted: Wanted, arrived: Sequence[FoundDelivery], shown: _Shown) -> list[Launched]:
    """Run what is outstanding: in this process where one is enough, and starting no other where nothing is."""
    from pipelines.nights.plan import outstanding
    from pipelines.validation.expectations_worker import warm_up

    asked = wanted.has if wanted.again else None
    workers = settings().most_workers
    found = outstanding(deployment, arrived, authorities=wanted.authorities, asked=asked)
    planned = [each for each in found if wanted.selects(each)]
    if not planned:
        return []
    if workers > 1 and len({each.authority for each in planned}) > 1:
        from assets.workers import run_beside

        return run_beside(
            deployment,
            arrived,
            planned,
            workers=workers,
            selected=wanted.selects,
            asked=asked,
            started=shown.started,
            step_done=shown.step_done,
        )
    warm_up()  # the suites' engine takes seconds to import: it does so beside the first stages
    from assets.launch import run_outstanding

    return run_outstanding(
        deployment,
        arrived,
        authorities=wanted.authorities,
        selected=wanted.selects,
        asked=asked,
        started=lambda planned: shown.started(planned, time.time()),
        step_done=lambda name: shown.step_done(None, name, time.time()),
    )


class _Shown:
    """What a load shows while it runs: a bar for each night, and when each step was done.

    Args:
        quiet: show nothing.
        times: filled with the moments (seconds of the epoch) of each night.
    """

    def __init__(self, quiet: bool, times: dict[str, dict[str, float]]) -> None:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[step]}"), TimeElapsedColumn(),
        )  # fmt: skip
        self._bars = Progress(*columns, console=console, disable=quiet, transient=False)
        self._times = times
        self._current: dict[str, tuple[PlannedNight, TaskID]] = {}  # by authority
        self._latest: PlannedNight | None = None

    def __enter__(self) -> _Shown:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for _planned, bar in self._current.values() if kind is None else ():
            self._bars.update(bar, completed=_STEPS, step="done")
        self._bars.stop()

    def started(self, planned: PlannedNight, moment: float) -> None:
        """A night was begun, and the one before it of its authority is over."""
        if planned.authority in self._current:
            self._bars.update(self._current[planned.authority][1], completed=_STEPS, step="done")
        told = f"{planned.business_date} authority {planned.authority}"
        self._current[planned.authority] = planned, self._bars.add_task(told, total=_STEPS, step="")
        self._times[f"{planned.authority}/{planned.business_date}"] = {"start": moment}
        self._latest = planned

    def step_done(self, planned: PlannedNight | None, name: str, moment: float) -> None:
        """A step is done of a night; None is the one that was begun last."""
        night = planned or self._latest
        if night is None:
            return
        told = name.replace("__", "/")
        self._times[f"{night.authority}/{night.business_date}"][told] = moment
        self._bars.update(self._current[night.authority][1], advance=1, step=told)


def _named(night: Mapping[str, Any]) -> str:
    """The name of a night of the summary among the times."""
    return f"{night['authority']}/{night['business_date']}"


def _refuse_impossible(wanted: Wanted, home: Path) -> None:
    """Refuse nights that there cannot be, before anything is opened or made.

    Raises:
        IsindexError: AUTHORITY_NOT_HOSTED, OPTIONS_CONFLICT (the first is after the last), NIGHT_AHEAD (none of them has come),
            NIGHT_TOO_EARLY (all lie before the authorities were opened, in a home that is still to be made).
    """
    from pipelines.contracts import authorities
    from pipelines.nights.reach import refuse_ahead, refuse_early

    hosted = settings().authorities
    for code in sorted(wanted.authorities or ()):
        if hosted and code not in hosted:
            raise IsindexError(
                "AUTHORITY_NOT_HOSTED",
                "This deployment does not host the authority.",
                where=code,
                remedy=f"It hosts {', '.join(sorted(hosted))} (ISINDEX_AUTHORITIES).",
            )

    if wanted.begin and wanted.end and wanted.begin > wanted.end:
        raise IsindexError(
            "OPTIONS_CONFLICT",
            "--from is after --to.",
            where="--from / --to",
            remedy="Give the earlier date with --from.",
        )
    if wanted.begin:
        refuse_ahead(wanted.begin, wanted.begin.isoformat())
    if wanted.end and not home.exists():
        opened = authorities.opened()
        refuse_early(wanted.end, min(opened[each] for each in wanted.authorities or opened), wanted.end.isoformat())


def _refuse_out_of_reach(deployment: Deployment, wanted: Wanted) -> None:
    """Refuse a load of nights that all lie before those that can be run.

    Raises:
        IsindexError: NIGHT_RETIRED, NIGHT_TOO_EARLY.
    """
    from pipelines.nights import Night
    from pipelines.nights.reach import authorities_of, first_nights, refuse_early, refuse_retired, retired_nights

    authorities = wanted.authorities or authorities_of(deployment)
    if not wanted.end or not authorities:
        return
    night = Night(deployment, min(authorities), wanted.end)
    gone, firsts = retired_nights(deployment), first_nights(deployment)
    if all(wanted.end <= gone.get(each, date.min) for each in authorities):
        refuse_retired(night)
    refuse_early(wanted.end, min(firsts[each] for each in authorities), night.where)


def _refuse_unknown(deployment: Deployment, wanted: Wanted, arrived: Iterable[FoundDelivery]) -> None:
    """Refuse to run again nights that nobody ever delivered for and that were never run.

    Raises:
        IsindexError: NIGHT_UNKNOWN.
    """
    from pipelines.nights.plan import known_nights
    from pipelines.nights.reach import authorities_of

    if not wanted.again or not (wanted.begin or wanted.end):
        return
    known = {(each.authority, each.business_date) for each in arrived}
    known |= {
        (authority, day)
        for authority in wanted.authorities or authorities_of(deployment)
        for day in known_nights(deployment, authority)
    }
    if not any(wanted.has(*each) for each in known):
        raise IsindexError(
            "NIGHT_UNKNOWN",
            "Nobody has delivered for that night, and it was never run.",
            where=" to ".join(dict.fromkeys(each.isoformat() for each in (wanted.begin, wanted.end) if each)),
            remedy="`isindex status` says which nights there are.",
        )


def _not_asked(deployment: Deployment, wanted: Wanted) -> list[dict[str, Any]]:
    """Nights that are outstanding and were not asked for, with the reasons."""
    from pipelines.nights.arrivals import look_around
    from pipelines.nights.plan import outstanding

    if wanted == Wanted(again=wanted.again):
        return []
    return [
        {"authority": each.authority, "business_date": each.business_date.isoformat(), "why": list(each.why)}
        for each in outstanding(deployment, look_around(deployment).new)
        if not wanted.has(each.authority, each.business_date)
    ]


def _exit_code(summary: dict[str, Any]) -> int:
    """3 when all that was in the way was another load, and nothing waits for somebody; else 1 when anything was not well."""
    from pipelines.nights.plan import NOT_BUILT

    if summary["ok"]:
        return 0
    unwell = [night for night in summary["nights"] if night["state"] not in ("published", NOT_BUILT) or night["fault"]]
    busy = {night["authority"] for night in unwell if night["state"] == "busy"}
    waits = [each for each in summary["standing"] if each["state"] != "interrupted" or each["authority"] not in busy]
    others = [night for night in unwell if night["state"] != "busy"]
    network = summary.get("network")  # none of a load that leaves the co-ordinating index as it is
    if network and not network["well"] and network["state"] != "busy":
        return 1
    if network and network["state"] == "busy":
        busy.add("network")
    unprotected = set(summary["protection_waits"]) - busy  # the load that is running sees to those
    return 3 if busy and not (others or waits or summary["landing_findings"] or unprotected) else 1


_STEPS = 12  # steps of a night's run; only the bar's length


def show(summary: dict[str, Any]) -> None:
    """The summary as tables a person reads."""
    from pipelines.nights.unmet import unmet_told

    if not summary["nights"]:
        waits = summary["protection_waits"] or summary["standing"] or summary["landing_findings"]
        every = "every night is built from what is in force now."
        if summary["not_asked"]:
            console.print("Nothing of what was asked for is outstanding.")
        else:
            console.print(
                "Nothing new has come; this waits for somebody:" if waits else f"Nothing is outstanding: {every}"
            )
        _show_unprotected(summary)
        _show_standing(summary)
        _show_network(summary)
        return
    feeds = Table(title="What was loaded", title_justify="left")
    for name in ("Night", "Authority", "Feed", "State", "As of"):
        feeds.add_column(name)
    for name in ("Read", "Accepted", "Queried", "Rejected", "Repeats"):
        feeds.add_column(name, justify="right")
    feeds.add_column("Codes")
    for night in summary["nights"]:
        for feed in night["feeds"]:
            counts = feed["counts"] or {}
            feeds.add_row(
                str(night["business_date"]), night["authority"], feed["agency"], feed["state"], str(feed["as_of"] or "–"),
                *(f"{counts[name]:,}" if name in counts else "–" for name in ("rows_read", "accepted", "queried", "rejected", "repeats")),
                " ".join(code for code in feed["codes"] if code not in ("ALL_LOADED", "PARTLY_LOADED")),
            )  # fmt: skip
    console.print(feeds)
    published = Table(title="What was matched and published", title_justify="left")
    for name in ("Night", "Authority", "State"):
        published.add_column(name)
    for name in ("Records", "Children", "Linked", "To review", "Shielded"):
        published.add_column(name, justify="right")
    published.add_column("Version")
    for night in summary["nights"]:
        figures = night["figures"]
        published.add_row(
            str(night["business_date"]), night["authority"], night["state"],
            *(f"{int(figures[name]):,}" if name in figures else "–" for name in ("records", "children", "linked", "review", "shielded")),
            night["version"] or "–",
        )  # fmt: skip
    console.print(published)
    for night in summary["nights"]:
        whose = f"{night['business_date']} authority {night['authority']}: "
        console.print(f"{whose}{' '.join(night['why'])}")
        for reason in [night["fault"]] if night["fault"] and night["state"] != "held" else night["reasons"]:
            console.print(Text.assemble((whose, "red"), reason))
        for unmet in night["figures"].get("unmet", ()):
            console.print(Text.assemble((whose, "red"), unmet_told(unmet, night["authority"])), soft_wrap=True)
        if night["what_to_do"]:
            console.print(Text.assemble((whose, "red"), night["what_to_do"]))
    for each in summary["protective"]:
        console.print(f"{each['business_date']} authority {each['authority']}: {protective_told(each)}", soft_wrap=True)
    _show_unprotected(summary)
    _show_standing(summary)
    for warning in summary["warnings"]:
        console.print(Text.assemble(("Note: ", "yellow"), warning))
    for name, place in summary["look_at"].items():
        console.print(f"{name}: {place}", soft_wrap=True)
    _show_network(summary)


def _show_network(summary: Mapping[str, Any]) -> None:
    """Last: what became of the co-ordinating index, or that a load of some authorities alone leaves a run of it outstanding."""
    from assets.command.network import show_network

    if summary.get("network"):
        show_network(summary["network"])
    if summary.get("network_outstanding"):
        console.print(Text(network_told(summary["network_outstanding"]), style="red"), soft_wrap=True)


def protective_told(each: Mapping[str, Any]) -> str:
    """What became of a version for somebody's protection (`protective` of the summary), in words."""
    from pipelines.reporting.taken import listed, showed_of
    from pipelines.reporting.words import plural

    hidden, walled, homes, opened = (int(each.get(name, 0)) for name in ("children", "walled", "homes", "opened"))
    if each["shown"] is None:
        showed = showed_of(hidden, walled, homes)
        return f"{each['version']} was removed: {f'it showed {showed}' if showed else 'it could not be made less any more'}."
    changes = [
        f"less {plural(hidden, 'child', 'children')} who must be hidden" if hidden else "",
        f"less {plural(walled, 'child', 'children')} at a firewall" if walled else "",
        f"with no address of {plural(homes, 'child', 'children')} at the home of a hidden one" if homes else "",
        f"with {plural(opened, 'child', 'children')} whom it hid and who may be shown again" if opened else "",
    ]
    told = listed([change for change in changes if change])
    return f"{each['version']} was published again as {each['shown']}, {told or 'with an address or a firewall hidden otherwise, and the same children'}."


def _show_unprotected(summary: dict[str, Any]) -> None:
    """Where a version may still show a child who must be hidden: it stands before all else that waits."""
    for each in summary["protection_waits_told"]:
        console.print(Text(protection_told(each), style="red"), soft_wrap=True)


def _show_standing(summary: dict[str, Any]) -> None:
    """What waits for somebody: nights that are held or failed, deliveries likewise, and what lies where it should not."""
    ran = {(night["authority"], night["business_date"]) for night in summary["nights"]}
    for each in summary["standing"]:
        if each["agency"] or each["state"] == "open" or (each["authority"], each["business_date"]) not in ran:
            console.print(f"Still {standing_told(each)}")
    for night in summary["not_asked"]:
        whose = f"{night['business_date']} authority {night['authority']}"
        console.print(f"Outstanding, and not asked for: {whose}. {' '.join(night['why'])}")
    for place in summary["incomplete"]:
        console.print(f"Waits for its manifest: {place}")
    for finding in summary["landing_findings"]:
        console.print(Text.assemble((finding["code"], "red"), f" {finding['place']}: {finding['message']}"))
        console.print(f"  {finding['remedy']}")
