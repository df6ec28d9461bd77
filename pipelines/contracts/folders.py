"""Where contracts lie: the built-in `schemas` folder, and before it the folder that ``ISINDEX_SCHEMAS`` names."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import IsindexError
from pipelines.settings import settings

__all__ = ["BUILT_IN", "schema_folders"]

BUILT_IN = Path(__file__).resolve().parents[2] / "schemas"
"""`schemas` lies beside `pipelines`, in a checkout as in an installation."""


def schema_folders() -> tuple[Path, ...]:
    """The folders to search, the overlay first.

    Raises:
        IsindexError: SCHEMAS_MISSING when ``ISINDEX_SCHEMAS`` names no folder.
    """
    overlay = settings().schemas
    if not overlay:
        return (BUILT_IN,)
    folder = overlay.expanduser()
    if not folder.is_dir():
        raise IsindexError(
            "SCHEMAS_MISSING",
            "ISINDEX_SCHEMAS does not name a folder.",
            where=str(overlay),
            remedy="Point it at a folder with agencies.yaml and contracts/, or unset it.",
        )
    return (folder, BUILT_IN)
