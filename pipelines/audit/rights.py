"""Who it is that runs this, and whether that person may see protected children.

Belongs here: the account of the process, as the system knows it (no variable of the environment changes it), and the setting
that names who has the right. The right keeps the product from showing what it need not; it is no wall against somebody who may
read the home's files.
"""

from __future__ import annotations

import os
import pwd

from pipelines.settings import settings

__all__ = ["account", "may_see_protected"]


def account() -> str:
    """The user of this process; its number where the system has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def may_see_protected() -> bool:
    """Whether the user of this process is among those whom ``ISINDEX_MAY_SEE_PROTECTED`` names."""
    return account() in settings().may_see_protected
