"""What a run costs: the most memory of this process, and what every process pays before it does anything.

Belongs here: the measures that both engines' processes take of themselves.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.tables import fetch

__all__ = ["peak_memory", "warm_up"]


def peak_memory() -> int:
    """The most memory this process has held, in bytes.

    Linux passes the high-water mark of the parent on in `ru_maxrss`, so there the process's own is read.
    """
    status = Path("/proc/self/status")
    if status.exists() and (own := re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)):
        return int(own[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def warm_up() -> None:
    """Have everything imported that DuckDB and Arrow import on first use, so that it counts for neither engine."""
    with duckdb.connect() as connection:
        connection.register("nothing", pa.table({"text": ["a"]}))
        fetch(connection, "SELECT * FROM nothing")
