"""What each agency promised to deliver: contracts, the registration of agencies, and the authorities of England.

Belongs here: reading `schemas/` and answering questions about it. Not here: judging records (`pipelines.validation`).
"""

from __future__ import annotations

from pipelines.contracts import authorities
from pipelines.contracts.contract import Agency, Column, Contract, FileFormat, InvolvementMapping, Rule, ServiceLevel
from pipelines.contracts.load import contract_for, fingerprints, load_contract, registered_agencies

__all__ = [
    "Agency",
    "Column",
    "Contract",
    "FileFormat",
    "InvolvementMapping",
    "Rule",
    "ServiceLevel",
    "authorities",
    "contract_for",
    "fingerprints",
    "load_contract",
    "registered_agencies",
]
