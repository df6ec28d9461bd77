"""What a night of the network is built from: written down first, and read from there by all that follows.

Belongs here: which version of each authority, which decisions, which model and program; their digest names the attempt. An authority whose
snapshot is gone, damaged or of another form is there with what it gave last, and why (`Given.stale`): its pointers stand, and the night goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.contracts import authorities
from pipelines.errors import IsindexError
from pipelines.network.contributions import Contribution, contribute, standing_contribution
from pipelines.network.decisions import Decided, decided_now
from pipelines.network.moves import Answer, Claim, answers_now, claims_now
from pipelines.network.place import Network
from pipelines.nights.reach import authorities_of
from pipelines.nights.reorganised import Reorganised, reorganisations
from pipelines.outages import as_coded
from pipelines.tables import read_as, write_json

__all__ = ["FORMAT", "Given", "Inputs", "gone_by", "inputs_in", "inputs_now", "taken_over_by"]

FORMAT = 4  # grows when the program makes something else of the same inputs


@dataclass(frozen=True)
class Given:
    """Of an authority: the version that the night takes, and why it is not what is in force there, as a code; "" where it is."""

    authority: str
    version: str
    business_date: date
    stale: str = ""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a night.

    Attributes:
        business_date: the night.
        base: the version that it builds on; none: the first.
        given: by authority, in order.
        decisions: those that stand, in order of their numbers.
        model: fingerprint of the match model.
        form: `FORMAT`.
        answers: all that people have answered to moves of custody, in order of their numbers.
        claims: the claims of custody that stand.
        reorganised: who has taken over whom by the night.
    """

    business_date: date
    base: str | None
    given: tuple[Given, ...]
    decisions: tuple[Decided, ...]
    model: str
    form: int = FORMAT
    answers: tuple[Answer, ...] = ()
    claims: tuple[Claim, ...] = ()
    reorganised: tuple[Reorganised, ...] = ()

    @property
    def digest(self) -> str:
        """Names the attempt."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    @property
    def data(self) -> str:
        """Digest of what decides whether anything would come otherwise than in the version in force."""
        told = {name: part for name, part in self.as_json().items() if name not in ("base", "business_date")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """As it is written down."""
        told: dict[str, Any] = json.loads(json.dumps(asdict(self), default=date.isoformat))
        return told

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Inputs:
        """What `as_json` gave."""
        given = [Given(**each | {"business_date": date.fromisoformat(each["business_date"])}) for each in told["given"]]
        return cls(
            date.fromisoformat(told["business_date"]),
            told["base"],
            tuple(given),
            tuple(Decided(**each) for each in told["decisions"]),
            told["model"],
            told["form"],
            tuple(Answer(**each) for each in told.get("answers", [])),
            tuple(Claim(**each) for each in told.get("claims", [])),
            tuple(
                Reorganised(**each | {"closed": date.fromisoformat(each["closed"])})
                for each in told.get("reorganised", [])
            ),
        )

    def write(self, folder: Path) -> None:
        """Write them into the folder of the attempt."""
        write_json(self.as_json(), folder / "inputs.json")


def inputs_in(folder: Path) -> Inputs:
    """The inputs of the attempt in `folder`.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    return read_as(folder / "inputs.json", Inputs.from_json)


def inputs_now(
    network: Network, business_date: date, comprised: Iterable[str] | None = None
) -> tuple[Inputs, list[Contribution]]:
    """What a night would be built from now, and what the authorities give; theirs is made as far as it is new.

    Args:
        network: the co-ordinating index.
        business_date: the night.
        comprised: the authorities whom it comprises; default all that this deployment hosts.
    """
    from pipelines.matching.weighing.match_model import load_model  # it takes a second to import

    reorganised = taken_over_by(network, business_date)
    those = {*(comprised or authorities_of(network.deployment))} - gone_by(network, business_date)
    found = [_given(network, authority) for authority in sorted(those)]
    contributions = [each for each in found if each is not None]
    given = tuple(Given(each.authority, each.version, each.business_date, each.stale) for each in contributions)
    in_force = network.in_force()
    model = load_model(network.deployment.settings.model).fingerprint
    inputs = Inputs(
        business_date,
        in_force[0] if in_force else None,
        given,
        tuple(decided_now(network)),
        model,
        answers=tuple(answers_now(network)),
        claims=tuple(claims_now(network)),
        reorganised=reorganised,
    )
    return inputs, contributions


def taken_over_by(network: Network, business_date: date) -> tuple[Reorganised, ...]:
    """Who had taken over whom by a night."""
    return tuple(each for each in reorganisations(network.deployment.engine) if each.closed < business_date)


def gone_by(network: Network, business_date: date) -> set[str]:
    """Who is part of the network no more by a night: who was taken over, and who has closed and whose successors are none of this deployment's."""
    alone = {
        code for code, each in authorities.every().items()
        if each.closed is not None and each.closed < business_date and not any(map(network.deployment.hosts, each.successors))
    }  # fmt: skip
    return {each.predecessor for each in taken_over_by(network, business_date)} | alone


def _given(network: Network, authority: str) -> Contribution | None:
    """What an authority gives, or gave last where nothing can be made of what it has now; None for one that never gave anything."""
    try:
        return contribute(network, authority)
    except Exception as fault:
        coded = as_coded(fault)
        stands = standing_contribution(network, authority, coded.code)
        if stands is None and coded.code != "NOT_PUBLISHED" and not isinstance(fault, IsindexError):
            raise
        return stands
