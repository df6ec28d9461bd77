"""What each feed has for a night, as it is shown: the deliveries in force, the state, the last word on it.

Belongs here: reading the register for reports and summaries. Not here: what the night is built from (`inputs`), which
is frozen and does not look at the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.contracts import Contract, contract_for, load_contract
from pipelines.deliveries import DeliveryEntry, Register
from pipelines.deliveries.due import absent
from pipelines.deliveries.reconcile import counted
from pipelines.nights.night import Night

__all__ = ["FeedTonight", "feed_tonight"]


@dataclass(frozen=True)
class FeedTonight:
    """What one feed has for a night: the deliveries in force, the state it is shown with, and the last word on it."""

    agency: str
    contract: Contract
    in_force: tuple[DeliveryEntry, ...]
    state: str
    latest: DeliveryEntry | None

    @property
    def counts(self) -> dict[str, int]:
        """Of all that is in force together; empty when nothing is."""
        return counted(each.counts for each in self.in_force)


def feed_tonight(night: Night, register: Register, agency: str) -> FeedTonight:
    """What `agency` has for the night, as the register says."""
    came = [each for each in register.received(night.authority, night.business_date) if each.agency == agency]
    in_force = tuple(each for each in register.for_night(night.authority, night.business_date) if each.agency == agency)
    latest = in_force[-1] if in_force else (came[-1] if came else None)
    contract = load_contract(in_force[-1].contract) if in_force and in_force[-1].contract else contract_for(agency)
    state = latest.state if latest else absent(night.business_date, contract.service_level.arrival)
    return FeedTonight(agency, contract, in_force, state, came[-1] if came else None)
