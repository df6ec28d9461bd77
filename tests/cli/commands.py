"""Every command with words that it would take, so that what holds for all is tested on all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from assets.command.app import app

__all__ = ["COMMANDS", "WORDS", "Answer", "having", "run"]

_TOP = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = {
    f"{name} {under}".strip(): command
    for name, group in _TOP.items()
    for under, command in (getattr(group, "commands", None) or {"": group}).items()
}
"""Name, `model train` for one in a group → Typer's command."""

_REASON = ("--reason", "birth certificate seen")
_FEED = ("--home", "{home}", "--authority", "330", "--agency", "police")
WORDS: dict[str, tuple[str, ...]] = {
    "demo": ("{place}/demo",),
    "sample": ("{place}/sample",),
    "preflight": ("{file}", "--feed", "health"),
    "load": ("--landing", "{landing}", "--home", "{home}"),
    "status": ("--home", "{home}"),
    "child": ("5K7K2M9QWX43", "--home", "{home}", "--why", "complaint 12"),
    "diff": ("--home", "{home}", "--authority", "330"),
    "link": ("{file}", "--out", "{place}/out.parquet"),
    "explain": ("health:1", "police:2", "--home", "{home}", "--authority", "330", "--why", "review list"),
    "decide same": ("A", "B", "--home", "{home}", "--authority", "330", *_REASON),
    "decide not-the-same": ("A", "B", "--home", "{home}", "--authority", "330", *_REASON),
    "decide firewall": ("A", "B", "--home", "{home}", "--authority", "330", *_REASON),
    "decide shield": ("A", "--home", "{home}", "--authority", "330", *_REASON),
    "decide unshield": ("A", "--home", "{home}", "--authority", "330", *_REASON),
    "decide confirm": ("3", "--home", "{home}", "--authority", "330", *_REASON),
    "decide show": ("3", "--home", "{home}", "--authority", "330"),
    "decide override": ("volume", "--home", "{home}", "--authority", "330", "--night", "2026-11-20", *_REASON),
    "decide hold": ("v=2026-11-20", "--home", "{home}", "--authority", "330", *_REASON),
    "decide undo": ("3", "--home", "{home}", "--authority", "330", *_REASON),
    "decide list": ("--home", "{home}", "--authority", "330"),
    "audit verify": ("--home", "{home}"),
    "audit accept-loss": ("--home", "{home}", "--reason", "a disk"),
    "audit list": ("--home", "{home}", "--authority", "330"),
    "network run": ("--home", "{home}"),
    "network find": ("--home", "{home}", "--why", "referral 7", "--number", "9434765919"),
    "network status": ("--home", "{home}"),
    "network review": ("--home", "{home}"),
    "network decide": ("same", "330:5K7K2M9QWX43", "331:5K7K2M9QWX43", "--home", "{home}", *_REASON),
    "network undo": ("3", "--home", "{home}", *_REASON),
    "network decisions": ("--home", "{home}"),
    "network moves": ("--home", "{home}"),
    "network unclaimed": ("--home", "{home}"),
    "network accept": ("M0a1b2c3d4e", "--home", "{home}", "--as", "331", *_REASON),
    "network refuse": ("M0a1b2c3d4e", "--home", "{home}", "--as", "331", *_REASON),
    "network claim": ("331:5K7K2M9QWX43", "--home", "{home}", *_REASON),
    "network reorganise": ("--home", "{home}", "--closed", "2019-03-31"),
    "network withdraw": ("3", "--home", "{home}", *_REASON),
    "model show": ("--home", "{home}"),
    "model train": ("--home", "{home}"),
    "model preview": ("--home", "{home}", "--authority", "330", "--model", "children-1"),
    "model charts": ("--home", "{home}"),
    "accredit list": ("--home", "{home}"),
    "accredit check": _FEED,
    "accredit invite": (*_FEED, *_REASON),
    "accredit test": (*_FEED, *_REASON),
    "accredit grant": (*_FEED, *_REASON),
    "accredit pause": (*_FEED, *_REASON),
    "accredit resume": (*_FEED, *_REASON),
    "accredit end": (*_FEED, *_REASON),
    "waive": ("--home", "{home}", "--authority", "330", "--agency", "police", "--sequence", "17", *_REASON),
    "ui": ("--home", "{home}", "--landing", "{landing}"),
}


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    said: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run(name: str, *words: str, place: Path, **replaced: str) -> Answer:
    """Run a command with its usual words, those of `replaced` (``authority="999"``) put in, and further words.

    Home and landing place are `home` and `landing` in `place`; a file of anything lies there.
    """
    (place / "file.csv").write_text("anything")
    places = {"place": place, "home": place / "home", "landing": place / "landing", "file": place / "file.csv"}
    usual = [word.format(**places) for word in WORDS[name]]
    for option, value in replaced.items():
        flag = f"--{option}"
        if flag in usual:
            usual[usual.index(flag) + 1] = value
        else:
            usual += [flag, value]
    done = CliRunner().invoke(app, [*name.split(), *usual, *words])
    return Answer(done.exit_code, done.stdout, done.stdout + done.stderr)


def having(*options: str) -> list[str]:
    """The commands that have all these options."""
    return [
        name
        for name, command in COMMANDS.items()
        if set(options) <= {option for each in command.params for option in each.opts}
    ]
