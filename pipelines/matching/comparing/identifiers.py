"""What the verified identifiers of a pair say: the same child, another, or one number in place of a former one.

Belongs here: that comparison, which weighing, guards and ladder all ask for. What follows from it is for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.matching.arrays import Mask, Positions
from pipelines.matching.reading.comparable import NO_VALUE, Comparable

__all__ = ["Identifiers", "compare_identifiers"]


@dataclass(frozen=True)
class Identifiers:
    """What verified identifiers say of each pair: boolean arrays."""

    same_nhs_number: Mask
    same_upn: Mask
    superseded: Mask  # one side's number is the other's former one
    conflict: Mask  # both verified, different, neither superseding the other

    @property
    def same(self) -> Mask:
        """Any verified identifier agrees."""
        return self.same_nhs_number | self.same_upn | self.superseded


def compare_identifiers(people: Comparable, left: Positions, right: Positions) -> Identifiers:
    """What the verified NHS numbers and UPNs of each pair say."""
    same, superseded, conflict = {}, np.zeros(len(left), dtype=bool), np.zeros(len(left), dtype=bool)
    for kind, former in (("nhs_number", "previous_nhs_number"), ("upn", "former_upn")):
        now, before = people.identifiers[kind], people.identifiers[former]
        a, b = now[left], now[right]
        follows = ((a == before[right]) & (a != NO_VALUE)) | ((b == before[left]) & (b != NO_VALUE))
        same[kind] = (a == b) & (a != NO_VALUE)
        superseded |= follows & ~same[kind]
        conflict |= (a != b) & (a != NO_VALUE) & (b != NO_VALUE) & ~follows
    return Identifiers(same["nhs_number"], same["upn"], superseded, conflict)
