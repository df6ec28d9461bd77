"""Where contracts lie: the built-in `schemas` folder, and before it the folders that ``ISINDEX_SCHEMAS`` names."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.errors import IsindexError
from pipelines.settings import settings

__all__ = ["BUILT_IN", "schema_folders"]

BUILT_IN = Path(__file__).resolve().parents[2] / "schemas"
"""`schemas` lies beside `pipelines`, in a checkout as in an installation."""


def schema_folders() -> tuple[Path, ...]:
    """The folders to search, the overlays first, in the order in which they are named.

    Raises:
        IsindexError: SCHEMAS_MISSING when ``ISINDEX_SCHEMAS`` names what is no folder.
    """
    overlays = [Path(each).expanduser() for each in str(settings().schemas or "").split(os.pathsep) if each]
    for overlay in overlays:
        if not overlay.is_dir():
            raise IsindexError(
                "SCHEMAS_MISSING",
                "ISINDEX_SCHEMAS does not name a folder.",
                where=str(overlay),
                remedy=f"Point it at a folder with agencies.yaml and contracts/ (several with {os.pathsep} between them), or unset it.",
            )
    return (*overlays, BUILT_IN)
