"""Commands as they are shown to people: complete, so that they can be copied and run.

Belongs here: how a command is written down. In one, words in capitals (HOME, LANDING, WHY, CHILD, OTHER, RECORD) are for a person to
fill in. Not here: when it is to be run (`way_out`, `tables_of`).
"""

from __future__ import annotations

import shlex
from pathlib import Path

__all__ = ["accredit_command", "decide_command", "load_command", "moves_command", "network_run_command"]


def decide_command(kind: str, *names: object, authority: str, home: str | Path = "HOME") -> str:
    """`isindex decide …` of that kind, about `names`."""
    reason = "" if kind in ("list", "show") else ' --reason "WHY"'
    return f"isindex decide {_words(kind, *names)} --home {_words(home)} --authority {_words(authority)}{reason}"


def load_command(authority: str, *, home: str | Path = "HOME", landing: str = "", network: bool = False) -> str:
    """`isindex load` of that authority; without `landing` its place is to be filled in. Where the home keeps the co-ordinating index (`network`)
    it is a load of all: that alone ends with the network, by which other authorities hide whom this one hides.
    """
    all_of_them = f"isindex load --landing {_words(landing or 'LANDING')} --home {_words(home)}"
    return all_of_them if network else f"{all_of_them} --authority {_words(authority)}"


def network_run_command(home: str | Path = "HOME") -> str:
    """`isindex network run` of that home."""
    return f"isindex network run --home {_words(home)}"


def moves_command(authority: str, home: str | Path = "HOME") -> str:
    """`isindex network moves` of those that an authority gives away or takes over."""
    return f"isindex network moves --home {_words(home)} --authority {_words(authority)}"


def accredit_command(act: str, agency: str, *, authority: str, home: str | Path = "HOME") -> str:
    """`isindex accredit …` of a feed."""
    return f'isindex accredit {_words(act)} --home {_words(home)} --authority {_words(authority)} --agency {_words(agency)} --reason "WHY"'


def _words(*each: object) -> str:
    return shlex.join(map(str, each))
