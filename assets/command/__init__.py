"""Where the console script `isindex` enters: the commands of `pipelines.cli`, and the few that run assets.

Belongs here: the list of all commands, and `load`, `demo` and `ui`, which start Dagster. Not here: commands that need no
asset (`pipelines.cli`). Dagster is imported by a command that uses it and not before.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of `isindex`."""
    from pipelines.umask import for_this_user_alone

    for_this_user_alone()
    from assets.command.app import app

    app()
