"""The screen: what is stored is shown as it is stored, and can do nothing to the terminal.

Belongs here: the two consoles. A name may hold square brackets, which rich would read as markup, ``:emoji:``, and
control characters, which a terminal would obey. None of them is read here: text is text, and what no eye sees is shown by
its number. Style is given to words of our own only, as `rich.text.Text`.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

__all__ = ["as_seen", "console", "error_console"]

# C0 and C1 but for tab and line feed, and what turns the direction of text round
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def as_seen(text: str) -> str:
    r"""`text` with what no eye sees written by its number: ``\x1b``, ``\u202e``."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class _Screen(Console):
    """A console that takes every string for what it is, in a table's cell and title as in a line."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(as_seen(text), **(options | {"markup": False, "emoji": False, "highlight": False}))


# a log or a pipe has no width of its own
console = _Screen(width=None if sys.stdout.isatty() else 150)
error_console = _Screen(stderr=True)
