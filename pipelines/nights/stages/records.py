"""From deliveries to person records: what each feed holds after the night, all of it in comparable form, and its measures.

Three steps, and a fourth where an interim index delivers. `apply_deliveries` applies the deliveries in force since the base, in order, so that a night that failed or was
held loses nothing; it also carries on the life of each fault. `make_person_records` brings all live records into one
form. `measure_feeds` says what each feed brought, in the numbers that are watched from night to night. `make_claims` keeps what interim
indexes say: their rows are links, and no person records.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.contracts import Contract, contract_for, load_contract, registered_agencies
from pipelines.deliveries import DeliveryEntry, Register, Store
from pipelines.deliveries.reconcile import counted
from pipelines.nights.attempts import Attempt
from pipelines.nights.claims import keep_claims
from pipelines.nights.feed_rows import FeedRow, read_feeds, tell_feeds, write_feeds
from pipelines.nights.night import Night, StageReport
from pipelines.nights.seal import sealed
from pipelines.records.live_records import apply_delivery
from pipelines.tables import connect, read_table, write_table
from pipelines.validation.measures import measure
from pipelines.validation.rejects import FAULTS, faults_after
from pipelines.validation.set_aside import values_set_aside

if TYPE_CHECKING:
    from pipelines.records.person_records import PersonRecords

__all__ = ["apply_deliveries", "bring_together", "make_claims", "make_person_records", "measure_feeds"]

_CHANGES = ("added", "changed", "withdrawn", "kept", "suspended")
_NOBODY = pa.array([], pa.string())
PERSON_TABLES = ("records", "names", "addresses", "carers", "involvements", "flags")


@dataclass(frozen=True)
class FeedAfter:
    """A feed after the night.

    Attributes:
        agency: of the feed.
        contract: that its live records follow.
        live: its live records; None: it never delivered.
        applied: the deliveries applied tonight.
        changes: numbers of records added, changed, withdrawn, kept, and of these suspended (`FeedNight`), by all of them.
        touched: keys of live records that are not what they were in the base; None: all are made anew, as they follow another contract.
        set_aside: of the deliveries of the last business date among them: column → (values set aside, values delivered).
    """

    agency: str
    contract: Contract
    live: pa.Table | None
    applied: tuple[DeliveryEntry, ...]
    changes: dict[str, int]
    touched: pa.StringArray | None
    set_aside: dict[str, tuple[int, int]]


@sealed
def bring_together(night: Night) -> StageReport:
    """The steps, one after the other."""
    attempt = Attempt.last(night)
    feeds = apply_deliveries(attempt)
    records = make_person_records(attempt, feeds)
    measure_feeds(attempt, feeds, records)
    claimed = make_claims(attempt, feeds, records)
    figures: dict[str, float | int | str] = {"records": records.num_rows} | claimed
    figures |= {name: sum(feed.changes[name] for feed in feeds) for name in _CHANGES}
    figures |= {f"live/{feed.agency}": feed.live.num_rows if feed.live is not None else 0 for feed in feeds}
    return StageReport(figures)


def apply_deliveries(attempt: Attempt) -> list[FeedAfter]:
    """Each feed's live records after the night, and the faults of all of them."""
    register, store = Register(attempt.night.engine), Store(attempt.night.home)
    base = attempt.base()
    before = {row.agency: row for row in read_feeds(base)} if base else {}
    faults = read_table(base.folder / "faults.parquet") if base else FAULTS.empty_table()
    feeds, stand = [], []
    for agency in (each.agency for each in registered_agencies()):
        path = base.folder / "live" / f"{agency}.parquet" if base else None
        live = read_table(path) if path and path.exists() else None
        contract = _contract_of(before.get(agency), agency)
        forms, touched, set_aside = {_form(contract, live)}, _NOBODY, dict[str, tuple[int, int]]()
        own = faults.filter(pa.compute.equal(faults["agency"], agency))
        changes = dict.fromkeys(_CHANGES, 0)
        applied = [register.needed(each.delivery_id) for each in attempt.inputs.of(agency)]
        for entry in applied:
            contract = load_contract(entry.contract) if entry.contract else contract
            judged = store.open(entry)
            accepted, rejected = judged.accepted, judged.rejected
            after = apply_delivery(
                live,
                accepted,
                rejected,
                contract,
                mode=entry.mode or "full",
                lost=entry.counts.get("lost", 0),
                delivery_id=entry.delivery_id,
                business_date=entry.business_date,
            )
            live = after.live
            forms.add(_form(contract, live))
            touched = pa.concat_arrays([touched, after.touched])
            told = {**after.changes, "suspended": after.suspended}
            changes = {name: number + int(told.get(name, 0)) for name, number in changes.items()}
            own = faults_after(
                own, attempt.night.authority, agency, entry.business_date,
                rejected, full=entry.mode == "full", keys=accepted["key"],
            )  # fmt: skip
            if entry.business_date == applied[-1].business_date:
                aside = values_set_aside(accepted, rejected, contract, entry.business_date)
                set_aside = {name: _sum(set_aside.get(name), aside.get(name)) for name in {**set_aside, **aside}}
        if not applied or applied[-1].business_date < attempt.night.business_date:
            own = faults_after(own, attempt.night.authority, agency, attempt.night.business_date, None)
        stand.append(own)
        if live is not None:
            write_table(live, attempt.folder / "live" / f"{agency}.parquet")
        known = touched if len(forms) == 1 else None
        feeds.append(FeedAfter(agency, contract, live, tuple(applied), changes, known, set_aside))
    write_table(pa.concat_tables(stand) if stand else FAULTS.empty_table(), attempt.folder / "faults.parquet")
    return feeds


def make_person_records(attempt: Attempt, feeds: list[FeedAfter]) -> pa.Table:
    """Write the person tables; the records. What the night did not touch is carried over from the base."""
    from pipelines.records.carried_over import person_records_after
    from pipelines.records.person_records import build_person_records

    feeds = [feed for feed in feeds if not feed.contract.claims]
    live = {feed.agency: feed.live for feed in feeds if feed.live is not None}
    contracts = {feed.agency: feed.contract for feed in feeds if feed.live is not None}
    of_night = (live, contracts, attempt.night.authority, attempt.night.business_date)
    before = _people_before(attempt)
    if before is None:
        people = build_person_records(*of_night)
    else:
        touched = {feed.agency: feed.touched for feed in feeds if feed.touched is not None}
        people = person_records_after(before, touched, *of_night)
    for name in PERSON_TABLES:
        write_table(getattr(people, name), attempt.folder / "person" / f"{name}.parquet")
    return people.records


def make_claims(attempt: Attempt, feeds: list[FeedAfter], records: pa.Table) -> dict[str, float | int | str]:
    """Keep what the interim indexes say of the records; how many rows, where there are any."""
    claiming = [feed for feed in feeds if feed.contract.claims and feed.live is not None]
    if not claiming:
        return {}
    live = {feed.agency: feed.live for feed in claiming if feed.live is not None}
    return {"claims": keep_claims(attempt, live, {feed.agency: feed.contract for feed in claiming}, records)}


def _people_before(attempt: Attempt) -> PersonRecords | None:
    """The person records of the base; None where there is none, or it was made by other means than this night is."""
    from pipelines.records.person_records import PersonRecords

    base = attempt.base()
    if base is None or base.inputs.means != attempt.inputs.means:
        return None
    return PersonRecords(**{name: read_table(base.folder / "person" / f"{name}.parquet") for name in PERSON_TABLES})


def measure_feeds(attempt: Attempt, feeds: list[FeedAfter], records: pa.Table) -> None:
    """Write what each feed brought to the night, carried on from the base where nothing came."""
    base = attempt.base()
    before = {row.agency: row for row in read_feeds(base)} if base else {}
    overlap = _overlap(records)
    rows = []
    for feed in feeds:
        if feed.contract.claims and feed.live is None:
            continue  # an interim index is awaited of those authorities alone for which it ever came
        last = feed.applied[-1] if feed.applied else None
        tonight = last is not None and last.business_date == attempt.night.business_date
        source = _source(feed) if last else _carried(before.get(feed.agency))
        measures = measure(feed.live, feed.contract, source["counts"] if tonight else None)
        rows.append(
            FeedRow(
                agency=feed.agency,
                live_records=feed.live.num_rows if feed.live is not None else 0,
                measures=measures | {"overlap": overlap.get(feed.agency, 0.0)},
                **source,
            )
        )
    write_feeds(attempt, rows)
    if attempt.night.version() is None:  # what is in force is told of when it is published
        tell_feeds(attempt)


def _source(feed: FeedAfter) -> dict[str, Any]:
    """The delivery that a feed's records come from, and the counts of all that is in force for its day."""
    entry = feed.applied[-1]
    together = [each for each in feed.applied if each.business_date == entry.business_date]
    return {
        "delivery_id": entry.delivery_id, "contract": entry.contract, "as_of": entry.business_date,
        "created_at": entry.created_at, "manifest_sha256": entry.manifest_sha256, "counts": counted(each.counts for each in together),
        "rules": counted(each.rules for each in together), "set_aside": feed.set_aside,
    }  # fmt: skip


def _sum(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int]:
    """Both pairs of numbers together."""
    (a, b), (c, d) = one or (0, 0), other or (0, 0)
    return a + c, b + d


def _carried(row: FeedRow | None) -> dict[str, Any]:
    names = ("delivery_id", "contract", "as_of", "created_at", "manifest_sha256", "counts", "rules", "set_aside")
    if row is None:
        return dict.fromkeys(names[:-3]) | {"counts": {}, "rules": {}, "set_aside": {}}
    told = asdict(row)
    return {name: told[name] for name in names}


def _form(contract: Contract, live: pa.Table | None) -> tuple[str, ...]:
    """The contract that live records follow, and the columns that they have of it."""
    return (contract.id, *(live.column_names if live is not None else ()))


def _contract_of(row: FeedRow | None, agency: str) -> Contract:
    return load_contract(row.contract) if row and row.contract else contract_for(agency)


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
