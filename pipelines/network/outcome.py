"""What became of a night of the network: what a run tells, and what is kept of the last one until the next.

Belongs here: that plain data, and keeping it. Not here: the night itself (`night`), or how it is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from pipelines.network.gates import NetworkGate
from pipelines.network.place import Network
from pipelines.tables import read_as, write_json

__all__ = ["NetworkNight", "keep_outcome", "last_outcome"]


@dataclass(frozen=True)
class NetworkNight:
    """What became of a night of the network.

    Attributes:
        business_date: the night; None where no authority has published anything yet.
        state: ``published``; ``held`` where a gate has not passed; ``unchanged`` where nothing would come otherwise; ``failed``; ``busy`` while
            another run is going on; ``running`` as it is kept from its first stage to its end.
        version: what is in force after it.
        figures: counts, the same every night.
        stale: authorities of which something else than what they have in force was taken, with a code.
        waits: authorities that could not take their messages, with a code.
        gates: their verdicts.
        fault: of a night that failed what stood in its way, coded, with the way out; "" else.
    """

    business_date: date | None
    state: str
    version: str | None
    figures: dict[str, float] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)
    gates: tuple[NetworkGate, ...] = ()
    fault: str = ""

    @property
    def failed(self) -> list[str]:
        """What the gates that have not passed ask, and how many speak against it."""
        return [f"{each.description} It found: {each.found:,}." for each in self.gates if not each.passed]

    @property
    def well(self) -> bool:
        """Whether nobody has to look at it."""
        return self.state in ("published", "unchanged") and not self.stale and not self.waits

    def as_json(self) -> dict[str, Any]:
        """For machines, and as it is kept."""
        told = asdict(self) | {"failed": self.failed, "well": self.well}
        return told | {"business_date": self.business_date.isoformat() if self.business_date else None}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> NetworkNight:
        """What `as_json` gave."""
        names = ("state", "version", "figures", "stale", "waits", "fault")
        day = told["business_date"]
        return cls(
            business_date=date.fromisoformat(day) if day else None,
            gates=tuple(NetworkGate(**each) for each in told["gates"]),
            **{name: told[name] for name in names},
        )


def keep_outcome(network: Network, night: NetworkNight) -> None:
    """Keep what became of the last night of the network, whatever it was."""
    network.root.mkdir(parents=True, exist_ok=True)
    write_json(night.as_json(), network.root / "last.json")


def last_outcome(network: Network) -> NetworkNight | None:
    """What became of the last night of the network; None before the first.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    path = network.root / "last.json"
    return read_as(path, NetworkNight.from_json) if path.is_file() else None
