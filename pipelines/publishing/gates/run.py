"""Running every gate over a night's tables, come what may.

Belongs here: which gates there are, in which order they are told, and what a person's override does. Not here: any gate.

A gate that cannot be computed has not passed, and it has found nothing either: no correction of the data mends that. What the
machine did not give, and what has a code of its own, is told as that and ends the run; the rest is a fault of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.outages import outage_of
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import integrity, protection, volume
from pipelines.publishing.gates.audit import AUDITED_TABLES, Audit
from pipelines.publishing.gates.evidence import Base, Evidence, Heritage, Protection, Walled, opened
from pipelines.publishing.gates.firewall import firewall
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.gates.household import household
from pipelines.publishing.gates.reconciliation import reconciliation
from pipelines.tables import StoredTable, stored_table

__all__ = ["GATES", "OVERRIDABLE", "run_gates"]

_VOLUME: Mapping[str, Callable[[Evidence], Gate]] = {
    "volume": volume.volume,
    "index_ids_moved": volume.index_ids_moved,
    "keys_moved": volume.keys_moved,
    "mass_set_aside": volume.mass_set_aside,
    "merges_and_splits": volume.merges_and_splits,
}
GATES: Mapping[str, Callable[[Evidence], Gate]] = {
    "table_hashes": integrity.table_hashes,
    "reconciliation": reconciliation,
    "one_identity": integrity.one_identity,
    "ledger": integrity.ledger,
    "redirects": integrity.redirects,
    "shielding": protection.shielding,
    "nobody_unshielded": protection.nobody_unshielded,
    "household": household,
    "firewall": firewall,
    "sensitive_services": protection.sensitive_services,
    "identifiers_absent": protection.identifiers_absent,
    **_VOLUME,
}
OVERRIDABLE = frozenset(_VOLUME)
_LOST = "Could not be computed"


def run_gates(
    snapshot: Mapping[str, StoredTable],
    *,
    ledger: Mapping[str, Path],
    person: Mapping[str, pa.Table | Path],
    apart: pa.Table,
    protecting: Protection,
    decisions: pa.Table,
    inputs: Sequence[FeedInput],
    base: Base | None,
    overrides: Mapping[str, str],
    further_places: pa.Table | None = None,
    review: pa.Table | None = None,
    walled: Walled | None = None,
    heritage: Heritage | None = None,
    only: Collection[str] | None = None,
) -> Audit:
    """Run every gate on a snapshot that was written but not published.

    Args:
        snapshot: what `publish.write_snapshot` gave.
        ledger: the files of `LEDGER_TABLES`: the night's identities and index ids (`IdentityState.write`) and its ledger
            events.
        person: the tables of `PERSON_TABLES`; records, names, addresses and carers are read.
        apart: pairs that may be one child and were not joined (`APART`).
        protecting: what else decides who must be hidden.
        decisions: the authority's decisions that count for the night.
        inputs: one for each feed.
        base: the version the night builds on, None on the first.
        overrides: name of a gate → the reason with which a person lets it pass on this night. Only gates of `OVERRIDABLE`
            may be overridden; for any other, and for one that cannot be computed, it has no effect.
        further_places: as for `build_snapshot`.
        review: the review list of the night (`reporting.review.REVIEW`).
        walled: what the night made of identity firewalls; default nothing.
        heritage: what the authority has of those that it took over; default nothing.
        only: run these gates alone.

    Returns:
        one `Gate` for each of `GATES` (or of `only`), in that order, and what they were given on: each table's hash is taken before it
        is looked at, so that bytes which change later are not the audited ones.

    Raises:
        IsindexError: an outage of the machine (`pipelines.outages`), or a damaged file of the base. There is no verdict then.
    """
    paths = {name: stored.path for name, stored in snapshot.items()} | {
        f"ledger/{name}": path for name, path in ledger.items()
    }
    found = {name: stored for name in AUDITED_TABLES if name in paths and (stored := _as_it_lies(paths[name]))}
    wanted = {name: gate for name, gate in GATES.items() if only is None or name in only}
    try:
        with opened(
            snapshot,
            found,
            person=person,
            apart=apart,
            protection=protecting,
            decisions=decisions,
            inputs=inputs,
            base=base,
            further_places=further_places,
            review=review,
            walled=walled,
            heritage=heritage,
        ) as evidence:
            gates = [_judge(name, gate, evidence, overrides.get(name, "").strip()) for name, gate in wanted.items()]
    except Exception as fault:  # not even readable: every gate is reported, and none has passed
        gates = [_not_computed(name, fault) for name in wanted]
    lost = tuple(gate.name for gate in gates if gate.description.startswith(_LOST))
    return Audit(tuple(gates), found, lost)


def _judge(name: str, gate: Callable[[Evidence], Gate], evidence: Evidence, override: str) -> Gate:
    """One gate's result, whatever happens."""
    try:
        verdict = gate(evidence)
    except Exception as fault:
        return _not_computed(name, fault)
    if verdict.passed or not override or name not in OVERRIDABLE:
        return verdict
    return replace(verdict, passed=True, overridden=override)


def _not_computed(name: str, fault: Exception) -> Gate:
    """A gate that cannot be computed has failed; only the fault's kind is told, since its text might hold a value.

    Raises:
        IsindexError: where the fault has a code, or is an outage of the machine.
    """
    if isinstance(fault, IsindexError):
        raise fault
    if outage := outage_of(fault):
        raise outage from fault
    return Gate(name, False, f"{_LOST} ({type(fault).__name__}).")


def _as_it_lies(path: Path) -> StoredTable | None:
    """The table at `path` now; None when it is no readable table, which the gates then tell.

    Raises:
        IsindexError: an outage of the machine.
    """
    try:
        return stored_table(path)
    except (OSError, pa.ArrowException) as fault:
        if outage := outage_of(fault):
            raise outage from fault
        return None
