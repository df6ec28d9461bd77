"""The command `isindex`: one module per group of commands, each a thin layer over the stages.

Belongs here: options, progress, tables on the screen, JSON for machines, exit codes (0 all well, 1 something was
refused, held or failed, 2 wrong usage). Not here: any decision about data.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of `isindex`.

    The text of an unexpected exception may hold a delivered value, so only its kind and place are shown.
    """
    import sys

    from pipelines.cli.app import app
    from pipelines.errors import without_values

    try:
        app()
    except Exception as fault:
        sys.stderr.write(f"{without_values(fault)}\n")
        sys.exit(1)
