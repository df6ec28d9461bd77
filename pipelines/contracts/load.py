"""Reads contracts and the registration of agencies from `schemas/`.

Belongs here: finding the files, reading the YAML, caching. Not here: what a contract's text must look like (`build`),
the words it may use (`vocabulary`). The YAML is read with the C loader and not through the standard's own model, whose
import would triple the start-up of the command line; a test proves that the model and the public linter agree.
"""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.contracts.build import build_contract
from pipelines.contracts.contract import Agency, Contract
from pipelines.contracts.folders import schema_folders
from pipelines.errors import IsindexError

__all__ = ["contract_for", "fingerprints", "load_contract", "registered_agencies"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_contract(contract_id: str) -> Contract:
    """The contract of that id, ``health/1``; read once.

    Raises:
        IsindexError: CONTRACT_UNKNOWN; CONTRACT_UNREADABLE and the codes of `build_contract` for a broken file.
    """
    agency, slash, major = contract_id.partition("/")
    if slash and agency.replace("_", "").isalnum() and major.isdigit():
        for folder in schema_folders():
            path = folder / "contracts" / f"{agency}-{major}.odcs.yaml"
            if path.is_file():
                return _contract(path, path.stat().st_mtime_ns, contract_id)
    raise IsindexError(
        "CONTRACT_UNKNOWN",
        "There is no such contract.",
        where=contract_id if len(contract_id) <= 60 else "",
        remedy=f"Name one of {', '.join(id for agency in registered_agencies() for id in agency.contracts)}.",
    )


def registered_agencies() -> tuple[Agency, ...]:
    """The agencies that deliver, in the order in which they are shown.

    An overlay (``ISINDEX_SCHEMAS``) replaces an agency of the same name and puts further ones at the end.

    Raises:
        IsindexError: REGISTRATION_INVALID for an entry that cannot be used.
    """
    merged: dict[str, Agency] = {}
    for folder in reversed(schema_folders()):
        path = folder / "agencies.yaml"
        if path.is_file():
            merged.update({agency.agency: agency for agency in _agencies(path, path.stat().st_mtime_ns)})
    return tuple(merged.values())


def contract_for(agency: str, business_date: date | None = None) -> Contract:
    """The newest of the agency's contracts that is not superseded on `business_date`; what a lone file is judged by.

    A delivery names its contract in the manifest and is judged by that one (`load_contract`).

    Raises:
        IsindexError: AGENCY_UNKNOWN, and those of `load_contract`.
    """
    for registered in registered_agencies():
        if registered.agency == agency:
            newest_first = [load_contract(contract_id) for contract_id in reversed(registered.contracts)]
            usable = [
                contract
                for contract in newest_first
                if business_date is None or contract.superseded_on is None or business_date < contract.superseded_on
            ]
            return (usable or newest_first)[0]
    raise IsindexError(
        "AGENCY_UNKNOWN",
        "No agency of this name is registered.",
        where=agency if len(agency) <= 40 else "",
        remedy=f"Use one of {', '.join(known.agency for known in registered_agencies())}, or register the agency.",
    )


def fingerprints() -> dict[str, str]:
    """What the schemas say now, in short: ``contract/<agency>`` for each agency that is registered, and ``rules``."""
    found = {}
    for agency in registered_agencies():
        digest = hashlib.sha256()
        for contract_id in agency.contracts:
            name, _, major = contract_id.partition("/")
            digest.update(_first(f"contracts/{name}-{major}.odcs.yaml"))
        found[f"contract/{agency.agency}"] = digest.hexdigest()[:16]
    rules = hashlib.sha256(_first("record_rules.yaml") + _first("survivorship.yaml"))
    return {**found, "rules": rules.hexdigest()[:16]}


def _first(name: str) -> bytes:
    """The content of a file of the schemas, the overlay's before the built-in one; nothing where there is none."""
    return next((path.read_bytes() for folder in schema_folders() if (path := folder / name).is_file()), b"")


@lru_cache(maxsize=64)
def _contract(path: Path, changed: int, contract_id: str) -> Contract:
    return build_contract(_yaml(path, changed), path.name, contract_id)


@lru_cache(maxsize=16)
def _agencies(path: Path, changed: int) -> tuple[Agency, ...]:
    entries = _yaml(path, changed)
    where = path.name
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _registration(where, "The registration is not a list of agencies.")
    agencies = []
    for entry in entries:
        missing = [word for word in ("agency", "title", "owner", "contracts") if not entry.get(word)]
        if missing or not isinstance(entry["contracts"], list):
            raise _registration(where, f"An agency lacks {', '.join(missing) or 'a list of contracts'}.")
        name = str(entry["agency"])
        contracts = tuple(str(contract) for contract in entry["contracts"])
        if any(contract.partition("/")[0] != name for contract in contracts):
            raise _registration(where, f"{name} names a contract of another agency.")
        agencies.append(Agency(name, str(entry["title"]), str(entry["owner"]), contracts))
    return tuple(agencies)


def _registration(where: str, message: str) -> IsindexError:
    return IsindexError(
        "REGISTRATION_INVALID",
        message,
        where=where,
        remedy="Give each entry agency, title, owner and contracts (oldest first), for example [health/1].",
    )


def _yaml(path: Path, changed: int) -> Any:
    """The value of a YAML file; `changed` only distinguishes versions of it in the caches above."""
    del changed
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - the safe loader, in C
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        line = getattr(getattr(fault, "problem_mark", None), "line", None)
        raise IsindexError(
            "CONTRACT_UNREADABLE",
            "The file is not readable YAML.",
            where=path.name if line is None else f"{path.name} line {line + 1}",
            remedy="Correct its indentation and quotation marks; `datacontract lint` points at the place.",
        ) from fault
