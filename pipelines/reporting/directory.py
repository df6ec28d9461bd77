"""Who is who: titles of agencies, names of authorities, and what the contracts say of rules and columns.

Belongs here: the little of contracts and reference lists that reports need, gathered once. A test may make its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pipelines.contracts.contract import Column, Contract, Rule

__all__ = ["Directory"]

# Numbers issued by one agency may be read by that agency's own users only (design 1), also where they serve as a key.
_PERSON_NUMBERS = frozenset({"nhs_number", "previous_nhs_number", "upn", "former_upn"})


@dataclass(frozen=True)
class Directory:
    """What reports know of names and contracts.

    Attributes:
        agencies: agency → title, in display order; these are the feeds expected of an authority.
        authorities: authority code → name.
        contracts: the contracts whose rules and columns may occur, newest of an agency last.
    """

    agencies: Mapping[str, str]
    authorities: Mapping[str, str]
    contracts: tuple[Contract, ...] = ()
    _rules: dict[str, Rule] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, business_date: date) -> Directory:
        """The registered agencies, their contracts, and the authorities on `business_date`."""
        from pipelines.contracts import authorities, load_contract, registered_agencies

        agencies = registered_agencies()
        return cls(
            {agency.agency: agency.title for agency in agencies},
            {code: authority.name for code, authority in authorities.on(business_date).items()},
            tuple(load_contract(name) for agency in agencies for name in agency.contracts),
        )

    def title(self, agency: str) -> str:
        """What an agency is called."""
        return self.agencies.get(agency) or agency.replace("_", " ").capitalize()

    def name(self, authority: str) -> str:
        """What an authority is called; its code when it is unknown."""
        return self.authorities.get(authority, f"Authority {authority}")

    def rule(self, code: str) -> Rule | None:
        """The rule with that code, whichever contract it stands in."""
        if not self._rules:
            for contract in self.contracts:
                for column in _all(contract.columns):
                    self._rules.update({rule.code: rule for rule in column.rules})
                self._rules.update({rule.code: rule for rule in contract.rules})
        return self._rules.get(code)

    def contract(self, agency: str) -> Contract | None:
        """The newest contract of an agency."""
        return next((contract for contract in reversed(self.contracts) if contract.agency == agency), None)

    def awaited(self, came: Collection[str]) -> list[str]:
        """The agencies from which a feed is awaited, where those in `came` delivered: an interim index is only where it ever did."""
        linking = {contract.agency for contract in self.contracts if contract.claims}
        return [agency for agency in self.agencies if agency not in linking or agency in came]

    def key_is_number(self, agency: str) -> tuple[bool, ...]:
        """For each part of the agency's key: whether it is a national person number, to be shown in part only."""
        contract = self.contract(agency)
        return tuple(column.concept in _PERSON_NUMBERS for column in contract.columns if column.key) if contract else ()

    def sensitive_fields(self, agency: str) -> frozenset[str]:
        """Paths of the agency's columns whose value is not shown in any form, arrays written ``name[].item``."""
        contract = self.contract(agency)
        return frozenset(_sensitive(contract.columns, "")) if contract else frozenset()


def _all(columns: tuple[Column, ...]) -> Iterator[Column]:
    for column in columns:
        yield column
        yield from _all(column.items)


def _sensitive(columns: tuple[Column, ...], above: str) -> Iterator[str]:
    for column in columns:
        path = f"{above}{column.name}"
        if column.privacy == "sensitive":
            yield path
            yield from (f"{path}{joint}{item.name}" for item in _all(column.items) for joint in (".", "[]."))
        yield from _sensitive(column.items, f"{path}{'[].' if column.logical == 'array' else '.'}")
