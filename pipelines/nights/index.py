"""The index's stages for one night: bring together, link, identify, build, publish.

Belongs here: which tables each stage reads from the night's folder and leaves there. Not here: how records are matched,
identities assigned, a snapshot built or published: each has its own package.

    nights/<authority>/<business_date>/
      live/<agency>.parquet      each feed's live records after the night
      person/*.parquet           all of them in comparable form
      matching/*.parquet         clusters, links, possible links, and what the next night's matching starts from
      identities/*.parquet       identities after the night
      events.parquet             what happened to them
      snapshot/*.parquet         the snapshot as it would be published; gates.json what was found of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.contracts import contract_for, registered_agencies
from pipelines.contracts.contract import Contract
from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry, Register, Store
from pipelines.identities.assign import assign_identities
from pipelines.identities.ledger import record_night
from pipelines.identities.state import IdentityState, previous_identities
from pipelines.nights.decisions import decisions_in_force
from pipelines.nights.feeds import FeedTonight, feed_tonight
from pipelines.nights.night import Check, Night, StageReport
from pipelines.nights.record import finish_night, hold_night
from pipelines.nights.suites import start_suites
from pipelines.protection.shielding import visibility
from pipelines.publishing.gates import GATES as GATE_FUNCTIONS
from pipelines.publishing.gates import Gate, run_gates
from pipelines.publishing.index_database import bring_up_to_date
from pipelines.publishing.publish import (
    FeedInput,
    previous_version,
    publish_snapshot,
    snapshot_tables,
    write_snapshot,
)
from pipelines.publishing.snapshot import build_snapshot
from pipelines.records.live_records import apply_delivery
from pipelines.tables import (
    StoredTable,
    connect,
    file_sha256,
    read_json,
    read_table,
    schema_fingerprint,
    write_json,
    write_table,
)
from pipelines.validation.measures import measure
from pipelines.validation.rejects import record_rejects

if TYPE_CHECKING:
    from pipelines.records.person_records import PersonRecords

__all__ = [
    "GATES",
    "IDENTITY_CHECKS",
    "LINK_CHECKS",
    "bring_together",
    "build",
    "identify",
    "link",
    "publish",
    "snapshot_columns",
]

LINK_CHECKS = [("model_drift", "The records are still like those the match model was made from.", False)]
IDENTITY_CHECKS = [("every_record_once", "Each live record is in exactly one identity.", True)]
GATES = [(name, f"Gate before publish: {name.replace('_', ' ')}.", True) for name in GATE_FUNCTIONS]
_POSSIBLE = ("record_key_a", "record_key_b", "kind")


def bring_together(night: Night) -> StageReport:
    """Each feed's live records after tonight, and all of them as person records."""
    with night.alone():
        register, store = Register(night.engine), Store(night.home)
        earlier = night.processed_before()
        live: dict[str, pa.Table] = {}
        contracts: dict[str, Contract] = {}
        tonights: dict[str, tuple[FeedTonight, DeliveryEntry | None, pa.Table | None, pa.ChunkedArray | None]] = {}
        changes = {"added": 0, "changed": 0, "withdrawn": 0, "kept": 0}
        for agency in registered_agencies():
            tonight = feed_tonight(night, register, agency.agency)
            before = _read_if_there(earlier.folder / "live" / f"{agency.agency}.parquet") if earlier else None
            table = before
            rejected: pa.Table | None = None
            accepted_keys: pa.ChunkedArray | None = None
            for entry in tonight.in_force:
                judged = store.open(entry)
                rejected, accepted_keys = judged.rejected, judged.accepted["key"]
                applied = apply_delivery(
                    table,
                    judged.accepted,
                    judged.rejected,
                    tonight.contract,
                    mode=entry.mode or "full",
                    lost=entry.counts.get("lost", 0),
                    delivery_id=entry.delivery_id,
                    business_date=night.business_date,
                )
                table = applied.live
                changes = {name: number + int(applied.changes.get(name, 0)) for name, number in changes.items()}
            last = tonight.in_force[-1] if tonight.in_force else None
            if table is not None:
                write_table(table, night.folder / "live" / f"{agency.agency}.parquet")
                live[agency.agency], contracts[agency.agency] = table, tonight.contract
            tonights[agency.agency] = (tonight, last, rejected, accepted_keys)
        from pipelines.records.person_records import build_person_records

        people = build_person_records(live, contracts, night.authority, night.business_date)
        for kind, rows in _tables_of(people).items():
            write_table(rows, night.folder / "person" / f"{kind}.parquet")
        overlap = _overlap(people.records)
        for name, (tonight, last, rejected, accepted_keys) in tonights.items():
            carried = _carried(register, earlier, name)
            measures = measure(live.get(name), tonight.contract, last.counts if last else None)
            register.set_feed_night(
                night.authority,
                night.business_date,
                name,
                state=tonight.state,
                delivery_id=last.delivery_id if last else carried.get("delivery_id"),
                as_of=night.business_date if last else carried.get("as_of"),
                live_records=live[name].num_rows if name in live else 0,
                measures=measures | {"overlap": overlap.get(name, 0.0)},
            )
            record_rejects(
                night.engine,
                night.authority,
                name,
                night.business_date,
                rejected,
                full=bool(last and last.mode == "full"),
                keys=accepted_keys,
            )
        start_suites(night)
        figures: dict[str, float | int | str] = {"records": people.records.num_rows, **changes}
        for agency in registered_agencies():
            figures[f"live/{agency.agency}"] = live[agency.agency].num_rows if agency.agency in live else 0
        return StageReport(figures)


def link(night: Night) -> StageReport:
    """Which records are the same child; compared anew only where something changed since the night before."""
    # the matcher is imported here and not above: it takes a second, and a code location must be there at once
    from pipelines.matching.night import match
    from pipelines.matching.state import MatchState
    from pipelines.matching.training.drift import drift_verdict
    from pipelines.matching.weighing.match_model import load_model

    with night.alone():
        earlier = night.before()
        state = MatchState.read(earlier.folder / "matching" / "state") if earlier else None
        contracts = [contract_for(agency.agency) for agency in registered_agencies()]
        matched = match(
            read_table(night.folder / "person" / "records.parquet"),
            read_table(night.folder / "person" / "names.parquet"),
            model=load_model(),
            unique_sources={contract.agency: contract.one_record_per_child for contract in contracts},
            decisions=decisions_in_force(night.engine, night.authority),
            previous=state,
        )
        folder = night.folder / "matching"
        for name in ("clusters", "links", "possible"):
            write_table(getattr(matched, name), folder / f"{name}.parquet")
        matched.state.write(folder / "state")
        write_json({name: float(number) for name, number in matched.stats.items()}, folder / "stats.json")
        figures: dict[str, float | int | str] = {name: float(number) for name, number in sorted(matched.stats.items())}
        figures["links"] = matched.links.num_rows
        figures["possible"] = matched.possible.num_rows
        fits, words = drift_verdict(load_model(), matched.stats)
        drift = {name: figure for name, figure in figures.items() if name.startswith("drift_")}
        return StageReport(figures, (Check("model_drift", fits, False, words, drift),))


def identify(night: Night) -> StageReport:
    """An index id for each cluster, the night's ledger events, and who is shielded or withheld."""
    with night.alone():
        records = read_table(night.folder / "person" / "records.parquet")
        possible = read_table(night.folder / "matching" / "possible.parquet")
        previous = previous_identities(night.home, night.authority, night.business_date)
        assigned = assign_identities(
            read_table(night.folder / "matching" / "clusters.parquet"),
            records,
            previous,
            authority=night.authority,
            business_date=night.business_date,
        )
        seen = visibility(assigned.identities, records, possible, decisions_in_force(night.engine, night.authority))
        state, events = record_night(assigned, seen, previous, night.business_date)
        state.write(night.folder)
        write_table(events, night.folder / "events.parquet")
        kinds = events["kind"].to_pylist()
        told = ("minted", "joined", "left", "merged", "split", "restored", "ended", "frozen", "shielded", "unshielded")
        figures: dict[str, float | int | str] = {
            "identities": seen.num_rows,
            "shielded": int(pa.compute.sum(seen["shielded"]).as_py() or 0),
            "withheld": int(pa.compute.sum(seen["withheld"]).as_py() or 0),
            **{kind: kinds.count(kind) for kind in told},
        }
        once = state.identities.num_rows == records.num_rows
        words = f"{records.num_rows} live records, {state.identities.num_rows} in an identity."
        return StageReport(figures, (Check("every_record_once", once, True, words),))


def build(night: Night) -> StageReport:
    """The snapshot as it would be published, written into the night's folder, and the gates run on it."""
    with night.alone():
        state = IdentityState.read(night.folder)
        person = person_tables(night)
        stored = write_snapshot(build_snapshot(person, state), night.folder / "snapshot")
        before = previous_version(night.home, night.authority, night.business_date)
        gates = run_gates(
            stored,
            person=person,
            state=state,
            events=read_table(night.folder / "events.parquet"),
            possible=read_table(night.folder / "matching" / "possible.parquet"),
            decisions=decisions_in_force(night.engine, night.authority),
            inputs=inputs_of(night),
            previous=snapshot_tables(night.home.snapshots(night.authority) / before) if before else None,
        )
        write_json([asdict(gate) for gate in gates], night.folder / "snapshot" / "gates.json")
        if any(gate.blocking and not gate.passed for gate in gates):
            hold_night(night, gates)
        figures: dict[str, float | int | str] = {f"rows/{name}": table.rows for name, table in stored.items()}
        figures["gates_passed"] = sum(gate.passed for gate in gates)
        checks = tuple(Check(gate.name, gate.passed, gate.blocking, gate.description, gate.figures) for gate in gates)
        return StageReport(figures, checks)


def publish(night: Night) -> tuple[StageReport, StageReport]:
    """Publish the snapshot and bring the index database up to date; what changed, and what is published now."""
    with night.alone():
        stored = {name: _stored(path) for name, path in snapshot_tables(night.folder / "snapshot").items()}
        gates = [Gate(**each) for each in read_json(night.folder / "snapshot" / "gates.json")]
        state = IdentityState.read(night.folder)
        inputs = inputs_of(night)
        totals = control_totals(night, stored, inputs)
        published = publish_snapshot(
            night.home,
            night.authority,
            night.business_date,
            snapshot=stored,
            index_ids=state.index_ids,
            events=read_table(night.folder / "events.parquet"),
            inputs=inputs,
            gates=gates,
            versions=versions_of(inputs),
            totals=totals,
        )
        rows = bring_up_to_date(night.engine, night.home, night.authority)
        finish_night(night, published, totals)
        changes = StageReport({name: int(number) for name, number in published.differences.items()})
        figures: dict[str, float | int | str] = {
            "children": stored["children"].rows,
            "database_rows_written": rows,
            "version": published.version,
            "made_now": int(published.created),
        }
        return changes, StageReport(figures)


def snapshot_columns() -> list[tuple[str, str, str]]:
    """Columns of the published tables, as ``table.column``, with their types."""
    return [
        (f"{name}.{column.name}", str(column.type).lower(), f"column of the published table {name}")
        for name, table in db.INDEX_TABLES.items()
        for column in table.c
        if column.name not in ("authority", "row")
    ]


def control_totals(night: Night, stored: Mapping[str, StoredTable], inputs: list[FeedInput]) -> dict[str, Any]:
    """Counts end to end: delivered, with each outcome, live, linked by step, in identities, published."""
    identities = read_table(night.folder / "identities" / "identities.parquet", ["step"])
    steps = pa.compute.value_counts(identities["step"]).to_pylist()
    outcomes = ("rows_read", "accepted", "queried", "rejected", "repeats", "lost")
    return {
        **{name: sum(int(feed.counts.get(name, 0)) for feed in inputs) for name in outcomes},
        "records": identities.num_rows,
        "steps": {each["values"]: each["counts"] for each in sorted(steps, key=lambda each: str(each["values"]))},
        "children": stored["children"].rows,
        "involvements": stored["involvements"].rows,
    }


def versions_of(inputs: list[FeedInput]) -> dict[str, str]:
    """What the night was made with: contracts, the rules in them, match model, code."""
    from pipelines.matching.weighing.match_model import load_model

    contracts = {feed.agency: contract_for(feed.agency) for feed in inputs}
    return {
        **{f"contract/{name}": f"{contract.id} {contract.version}" for name, contract in sorted(contracts.items())},
        "model": f"{load_model().name} {load_model().fingerprint}",
        "code": package_version("isindex"),
    }


def inputs_of(night: Night) -> list[FeedInput]:
    """What each feed brought to the night, as the register says."""
    register = Register(night.engine)
    found = []
    for row in register.feed_nights(night.authority, night.business_date):
        entry = register.entry(row["delivery_id"]) if row["delivery_id"] else None
        stale = row["as_of"] != night.business_date
        found.append(
            FeedInput(
                agency=row["agency"],
                delivery_id=entry.delivery_id if entry else None,
                contract=entry.contract if entry else None,
                as_of=row["as_of"],
                stale=stale,
                created_at=entry.created_at if entry else None,
                manifest_sha256=entry.manifest_sha256 if entry else None,
                live_records=row["live_records"] or 0,
                counts={} if stale or entry is None else entry.counts,
            )
        )
    return found


def person_tables(night: Night) -> dict[str, pa.Table | Path]:
    """The night's person tables, by name."""
    return {path.stem: path for path in sorted((night.folder / "person").glob("*.parquet"))}


def _overlap(records: pa.Table) -> dict[str, float]:
    """Agency → share of its records whose birth date and family name another agency has too."""
    with connect({"records": records}) as duck:
        rows = duck.execute(
            """
            WITH people AS (
                SELECT agency, birth_date, upper(family_name) AS family_name FROM records
            ), known AS (
                SELECT birth_date, family_name, count(DISTINCT agency) AS agencies FROM people
                WHERE birth_date IS NOT NULL AND family_name IS NOT NULL GROUP BY ALL
            )
            SELECT agency, count(*) FILTER (coalesce(agencies, 0) > 1) / count(*)
            FROM people LEFT JOIN known USING (birth_date, family_name) GROUP BY agency ORDER BY agency
            """
        ).fetchall()
    return {agency: float(share) for agency, share in rows}


def _tables_of(people: PersonRecords) -> dict[str, pa.Table]:
    return {
        name: getattr(people, name) for name in ("records", "names", "addresses", "carers", "involvements", "flags")
    }


def _carried(register: Register, earlier: Night | None, agency: str) -> dict[str, Any]:
    rows = register.feed_nights(earlier.authority, earlier.business_date) if earlier else []
    return next((row for row in rows if row["agency"] == agency), {})


def _stored(path: Path) -> StoredTable:
    table = read_table(path)
    return StoredTable(path, table.num_rows, file_sha256(path), schema_fingerprint(table.schema))


def _read_if_there(path: Path) -> pa.Table | None:
    return read_table(path) if path.exists() else None
