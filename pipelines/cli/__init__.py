"""The command `isindex`: one module per group of commands, each a thin layer over the stages.

Belongs here: options, progress, tables on the screen, JSON for machines, exit codes (0 all well, 1 something was
refused, held or failed, 2 wrong usage). Not here: any decision about data.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of `isindex`."""
    from pipelines.cli.app import app

    app()
