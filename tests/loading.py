"""`isindex load` in this process: the command itself, without what a process of its own costs before its first stage."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from pipelines.settings import forget_settings
from tests.databases import Databases

__all__ = ["loaded"]


def loaded(landing: Path, home: Path, database: Databases | None = None) -> dict[str, Any]:
    """Load what lies in the landing place; the summary, with the exit code in it.

    Args:
        landing: where deliveries land.
        home: where they are loaded to, made if there is none.
        database: where the home's index database is; default SQLite.
    """
    from assets.command.app import app

    words = ["load", "--landing", str(landing), "--home", str(home), "--workers", "1", "--json"]
    before = os.umask(0o022)
    try:
        with (database or Databases("sqlite")).here(home), patch.dict(os.environ), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dagster's own, as a process of its own would leave them unsaid
            done = CliRunner().invoke(app, words)
    finally:
        os.umask(before)
        forget_settings()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in (0, 1, 3), done.output[-3000:]
    return {**json.loads(done.stdout), "exit": done.exit_code}
