"""The verdict of one gate: its shape, for all kinds of gates and for whoever reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Gate"]


@dataclass(frozen=True)
class Gate:
    """The result of one gate; a gate that has not passed stops the publish.

    Attributes:
        name: stable, snake case.
        passed: whether the snapshot may be published as far as this gate is concerned.
        description: what was looked at and found, in a sentence, without a value.
        figures: the numbers behind it, the same keys every night.
        overridden: the reason with which a circuit breaker was overridden; empty if it was not.
        blocking: always true today; told because other checks of a night are not.
    """

    name: str
    passed: bool
    description: str
    figures: Mapping[str, float] = field(default_factory=dict)
    overridden: str = ""
    blocking: bool = True
