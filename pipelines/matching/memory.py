"""Memory that is no longer used, given back between stages, so that the next one starts from what it needs.

Belongs here: the one call. Arrow's pool and the C library both keep what was freed for the next request of its kind, and
the stages ask for different kinds.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa

__all__ = ["let_go"]


def let_go() -> None:
    """Give freed memory back to the system; where the C library cannot, its part stays as it is."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
