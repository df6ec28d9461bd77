"""In so tiny authorities one child who leaves is many: what holds a night for that is lifted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.town import big_moves


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield
