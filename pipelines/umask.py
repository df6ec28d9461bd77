"""What this program writes is for the user it runs as and nobody else.

Belongs here: setting it, first of all, on each way in: the command, the UI, the daemon, the code location and with it each run, and
wherever a deployment is opened. Not here: the answers to suppliers, which whoever reads their folder may read (`deliveries.inside`).
"""

from __future__ import annotations

import os

__all__ = ["FILE", "FOLDER", "for_this_user_alone"]

FOLDER, FILE = 0o700, 0o600
_UMASK = 0o077


def for_this_user_alone() -> None:
    """Let every file and folder that this process and its children make from now on be closed to group and others."""
    os.umask(_UMASK)
