"""What every command shares: how its faults are told, names it may be given, the console, dates, options.

Belongs here: what holds for all commands alike, so that none can forget it. A command that is registered with `Commands`
is given names that exist only, and whatever goes wrong in it ends as a code with a place and a remedy: on the screen, or with ``--json`` as
one document on standard output. Not here: what a code means (`pipelines.errors`).
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.models import ArgumentInfo, OptionInfo

from pipelines.cli.screen import console, error_console
from pipelines.errors import IsindexError
from pipelines.settings import Settings, settings

if TYPE_CHECKING:
    from pipelines.deliveries import FoundDelivery
    from pipelines.deployment import Deployment

__all__ = [
    "MOST",
    "Commands",
    "HomeIfAny",
    "HomeOption",
    "JsonOption",
    "LandingOption",
    "console",
    "day",
    "errors_told",
    "existing_home",
    "home_to_list",
    "landing_told",
    "load_now",
    "network_told",
    "nights_spanned",
    "print_json",
    "protection_told",
    "standing_told",
    "tell_error",
]


def _named(told: str) -> str:
    """What names a place. "" names none, least of all the current folder: it is what a variable of the shell leaves that is not set."""
    if not told.strip():
        raise typer.BadParameter("no folder is named")
    return told


def _folder(told: str) -> Path:
    return Path(_named(told))


_HOME = typer.Option("--home", help="The deployment's folder.", envvar="ISINDEX_HOME", parser=_folder, metavar="FOLDER")
HomeOption = Annotated[Path, _HOME]
HomeIfAny = Annotated[Path | None, _HOME]
LandingOption = Annotated[
    str,
    typer.Option(
        "--landing",
        help="Where deliveries land: a folder or any fsspec address.",
        envvar="ISINDEX_LANDING",
        parser=_named,
        metavar="ADDRESS",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines instead.")]


MOST = 2**31 - 1
"""The greatest number that any database keeps."""

_as_json: ContextVar[bool] = ContextVar("as_json", default=False)
"""Whether the command that is running was asked for JSON."""


class Commands(typer.Typer):
    """A group of commands. Their help may have markup; what they print has none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(no_args_is_help=True, rich_markup_mode="rich", **options)

    def command(self, *names: Any, **options: Any) -> Callable[[Any], Any]:
        """As Typer's; text, and names of authorities and agencies, are looked at first, and faults are told in the one way."""
        register = super().command(*names, **options)

        def registered(function: Any) -> Any:
            @functools.wraps(function)
            def guarded(**given: Any) -> Any:
                _as_json.set(bool(given.get("as_json")))
                with errors_told():
                    _text_is_text(function, given)
                    _names_exist(given)
                    return function(**given)

            register(guarded)
            return function

        return registered


def day(text: str | None, option: str, *, what: str = "A business date", example: str = "2026-11-20") -> date | None:
    """The date an option gives: `what` it is, with an example, is told where it cannot be read.

    Raises:
        IsindexError: DATE_INVALID.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IsindexError(
            "DATE_INVALID", f"{what} is written YYYY-MM-DD.", where=option, remedy=f"For example {example}."
        ) from None


def existing_home(home: Path) -> Deployment:
    """The deployment at that folder, opened; a coded error when nothing was ever loaded there."""
    from pipelines.deployment import open_deployment

    return open_deployment(home, create=False)


def home_to_list(home: Path) -> Deployment:
    """As `existing_home`, for what lists what people have decided: from a database that lacks some of it nothing is listed.

    Raises:
        IsindexError: DATABASE_OLDER.
    """
    from pipelines.audit import refuse_older_database

    deployment = existing_home(home)
    refuse_older_database(deployment)
    return deployment


@contextmanager
def errors_told() -> Iterator[None]:
    """Tell whatever goes wrong by code, and end with its exit code; no stack trace, no value."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):  # Typer's own ways to end
        raise
    except Exception as fault:
        from pipelines.outages import as_coded

        error = as_coded(fault)
        if _as_json.get():
            print_json({"ok": False, "error": error.as_json()})
        else:
            tell_error(error)
        raise typer.Exit(error.exit_code) from None


def tell_error(error: IsindexError) -> None:
    """An error as people read it: code, what, where, and the way out on a line of its own."""
    place = f" ({error.where})" if error.where else ""
    error_console.print(Text.assemble((error.code, "red"), f" {error.message}{place}"), soft_wrap=True)
    if error.remedy:
        error_console.print(f"  {error.remedy}", soft_wrap=True)


def landing_told() -> str:
    """The landing place that was set; "" where none was, and a command has to name it."""
    return settings().landing.strip() if "landing" in settings().model_fields_set else ""


def load_now(home: Path, authority: str) -> str:
    """The command that acts on what was decided for an authority, in others that know the child, too; without a landing place that is known,
    LANDING is to be filled in.
    """
    from pipelines.deployment import keeps_network
    from pipelines.home import Home
    from pipelines.reporting.commands import load_command

    return load_command(authority, home=home, landing=landing_told(), network=keeps_network(Home(home)))


def print_json(value: Any) -> None:
    """One JSON document on standard output, dates as ISO text."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def nights_spanned(deployment: Deployment, arrived: Iterable[FoundDelivery] = ()) -> Settings:
    """The settings, wide enough that Dagster knows every night of the home and of what has arrived."""
    from pipelines.nights.reach import span_of

    span = span_of(deployment, arrived)
    if span is None:
        return settings()
    return settings().model_copy(update={"first_partition": span[0], "last_partition": span[1]})


def standing_told(each: Mapping[str, Any]) -> str:
    """What waits for somebody (`pipelines.nights.summary.standing`), in words."""
    whose = f"{each['business_date']} authority {each['authority']}"
    if each["agency"]:
        number = "" if each["sequence"] is None else f" {each['sequence']}"
        whose += f", delivery{number} of {each['agency']} ({each['code']})"
    way_out = [] if each["agency"] else [each["what_to_do"]]  # a delivery's reasons have theirs each
    return f"{each['state']}: {whose}. {' '.join([*each['reasons'], *way_out])}"


def network_told(outstanding: Mapping[str, str]) -> str:
    """That the co-ordinating index is not up to date (`pipelines.network.outstanding.run_outstanding`), in words."""
    return f"Co-ordinating index: a run is outstanding. {outstanding['why']} {outstanding['what_to_do']}"


def _text_is_text(function: Any, given: Mapping[str, Any]) -> None:
    """Refuse bytes that are not UTF-8, in which nothing could be kept or shown, before anything is opened or made.

    Raises:
        IsindexError: TEXT_UNREADABLE, with the option or argument; what it holds is not told.
    """
    for name, value in given.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, str | Path) and not _is_utf8(str(each)):
                raise IsindexError(
                    "TEXT_UNREADABLE",
                    "What is given here has bytes that are not UTF-8.",
                    where=_as_typed(function, name),
                    remedy="Type it in a terminal that is set to UTF-8, or without the letters that are not plain.",
                )


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _as_typed(function: Any, name: str) -> str:
    """An option or argument of a command as its help names it."""
    annotation = inspect.signature(function, eval_str=True).parameters[name].annotation
    (told,) = (each for each in annotation.__metadata__ if isinstance(each, OptionInfo | ArgumentInfo))
    if isinstance(told, ArgumentInfo):
        return name.upper()
    given = [each for each in (told.default, *(told.param_decls or ())) if isinstance(each, str)]
    return next((each for each in given if each.startswith("--")), f"--{name.replace('_', '-')}")


def protection_told(each: Mapping[str, Any]) -> str:
    """That protection waits (`pipelines.nights.summary.waiting_told`), in words."""
    return f"Authority {each['authority']}: {each['code']}. {' '.join(each['reasons'])} {each['what_to_do']}"


def _names_exist(given: dict[str, Any]) -> None:
    """Refuse an authority or an agency that does not exist, before anything is opened or made.

    Raises:
        IsindexError: AUTHORITY_UNKNOWN, AGENCY_UNKNOWN, each with the names that would be right.
    """
    from pipelines.contracts import authorities, registered_agencies

    for code in _listed(given.get("authority")):
        if code not in authorities.known():
            raise IsindexError(
                "AUTHORITY_UNKNOWN", "There is no such authority.", where=code, remedy=authorities.suggestion(code)
            )
    known = [agency.agency for agency in registered_agencies()] if given.get("agency") else []
    for name in _listed(given.get("agency")):
        if name not in known:
            raise IsindexError(
                "AGENCY_UNKNOWN",
                "No agency of this name is registered.",
                where=name,
                remedy=f"Name one of {', '.join(known)}.",
            )


def _listed(value: str | Collection[str] | None) -> Collection[str]:
    return [value] if isinstance(value, str) else value or []
