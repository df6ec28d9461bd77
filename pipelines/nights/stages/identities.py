"""An index id for each cluster, the night's ledger events, and who is shielded or withheld."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.identities.assign import Assigned, assign_identities
from pipelines.identities.ledger import record_night
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt, attempt_behind
from pipelines.nights.carried import Carried, carried_in
from pipelines.nights.decided import decisions_in, firewalls_of, former_of, lifting_in
from pipelines.nights.inherited import Inherited, base_of, inherited_before, taken_elsewhere
from pipelines.nights.inputs import Inputs
from pipelines.nights.judging import person_tables
from pipelines.nights.night import Check, Night, StageReport
from pipelines.nights.outgrown import outgrown_in
from pipelines.nights.requests import asked_for, records_told
from pipelines.nights.seal import sealed
from pipelines.nights.unmet import unmet_told
from pipelines.nights.walls import ended_in, standing_in, walls_in, walls_wished_in
from pipelines.privacy.references import references
from pipelines.protection.gone import places_but_of
from pipelines.protection.keys_used_again import set_apart
from pipelines.protection.places import places_after
from pipelines.protection.register import entries_after
from pipelines.protection.shielding import Protected, protect
from pipelines.protection.stays_hidden import STAYS_HIDDEN, hidden_after, sensitive_after, stays_hidden_in
from pipelines.protection.tasks import answered_after, tasks_of
from pipelines.protection.wall_wishes import hiding, unplaced
from pipelines.seams.protection import ENTRIES, LATCHED, PLACES
from pipelines.tables import connect, fetch, read_table, write_json, write_table

__all__ = ["IDENTITY_CHECKS", "identify", "identify_of"]

IDENTITY_CHECKS = [
    ("every_record_once", "Each live record is in exactly one identity.", True),
    (
        "decisions_meet_their_child",
        "A child whom two people open is the child of the record they named, and open.",
        False,
    ),
]
_TOLD = ("minted", "joined", "left", "merged", "split", "restored", "ended", "frozen", "shielded", "unshielded")


@sealed
def identify(night: Night) -> StageReport:
    """Assign the identities of the night's attempt, going on from those of the base."""
    return identify_of(Attempt.last(night))


def identify_of(attempt: Attempt) -> StageReport:
    """Assign an attempt's identities, going on from those of the base."""
    night, base = attempt.night, base_of(attempt)
    records = read_table(attempt.folder / "person" / "records.parquet")
    previous = IdentityState.read(base.folder) if base else None
    walls = walls_in(attempt.folder)
    inherited = inherited_before(attempt)
    everyone, names = inherited.beside(records, read_table(attempt.folder / "person" / "names.parquet"))
    every = _assign(attempt, inherited, everyone, previous, walls)
    if len(taken := taken_elsewhere(night.engine, night.authority, _known_again(inherited, every))) and previous:
        inherited, previous = inherited.but_of(previous, taken)
        every = _assign(attempt, inherited, everyone, previous, walls)
    assigned, theirs = inherited.taken_from(every, previous, night.business_date)
    wishes = walls_wished_in(attempt.folder)
    open_walls = unplaced(wishes, firewalls_of(attempt.inputs))
    carried = carried_in(attempt.folder)
    latched, places = _known(attempt, base, carried, records)
    protected = _protect(attempt, base, latched, every, everyone, names, wishes)
    hidden_of_all = protected.visibility.filter(
        pc.or_(protected.visibility["shielded"], protected.visibility["withheld"])
    )
    inherited.keep(attempt, theirs, hidden_of_all)
    live = assigned.identities["index_id"].combine_chunks()
    protected = replace(
        protected, visibility=protected.visibility.filter(pc.is_in(protected.visibility["index_id"], value_set=live))
    )
    seen = protected.visibility
    folder = attempt.folder / "protection"
    told = (
        {delivery: references(keys) for delivery, keys in records_told(attempt).items()}
        if protected.entries.num_rows
        else {}
    )
    entries = answered_after(protected.entries, told) if protected.entries.num_rows else protected.entries
    write_table(entries, folder / "entries.parquet")
    write_table(protected.latched, folder / "latched.parquet")
    decided = [each.record_a for each in attempt.inputs.decisions if each.kind == "shield" and each.record_a]
    tasks = tasks_of(
        entries, protected.met, protected.latched, assigned.identities, records, open_walls, walls, wishes, decided
    )
    write_table(tasks, folder / "tasks.parquet")
    ended = [(each.number, each.known_by or ()) for each in lifting_in(attempt) if each.wish]
    places = places_but_of(places, ended, protected.entries)
    places = places_after(places, protected.latched, seen, assigned.identities, person_tables(attempt))
    write_table(places, folder / "places.parquet")
    for name, table in _stays_hidden(attempt, base, carried, protected, assigned).items():
        write_table(table, folder / f"{name}.parquet")
    state, events = record_night(assigned, seen, previous, night.business_date)
    state.write(attempt.folder)
    write_table(events, attempt.folder / "events.parquet")
    figures: dict[str, float | int | str] = {"identities": seen.num_rows}
    figures |= {name: int(pc.sum(seen[name]).as_py() or 0) for name in ("shielded", "withheld")}
    figures |= _by_kind(events)
    once = state.identities.num_rows == records.num_rows
    words = f"{records.num_rows} live records, {state.identities.num_rows} in an identity."
    unmet: list[dict[str, object]] = [
        {
            "decision": each.number,
            "why": list(each.why),
            "others": references(pa.array(each.others, pa.string())).to_pylist(),
        }
        for each in protected.unmet
    ]
    unmet += [
        {"decision": number, "why": ["outgrown"], "others": []}
        for number in _outgrown_beside_hidden(attempt, assigned.identities, seen)
    ]
    if unmet:
        write_json(unmet, folder / "unmet.json")
    unmet_words = " ".join(unmet_told(each, night.authority) for each in unmet) or "Each is."
    return StageReport(
        figures,
        (
            Check("every_record_once", once, True, words),
            Check("decisions_meet_their_child", not unmet, False, unmet_words),
        ),
    )


def _known(attempt: Attempt, base: Attempt | None, carried: Carried, records: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What hidden children were known by, and where they lived, by the base and what is `carried` besides: `LATCHED`, `PLACES`."""
    latched, places = (
        read_table(base.folder / "protection" / f"{name}.parquet") if base else seam.empty_table()
        for name, seam in (("latched", LATCHED), ("places", PLACES))
    )
    person, before = attempt.folder / "person", base.folder / "person" / "records.parquet" if base else None
    return set_apart(
        carried.with_latched(latched),
        carried.with_places(places),
        records,
        read_table(person / "names.parquet"),
        person / "addresses.parquet",
        before if before and before.is_file() else None,
        attempt.night.business_date,
    )


def _assign(
    attempt: Attempt, inherited: Inherited, records: pa.Table, previous: IdentityState | None, walls: pa.Table
) -> Assigned:
    """Each of these records in an identity, the inherited ones in those that they had unless they are found to be another's."""
    folder = attempt.folder
    return assign_identities(
        read_table(folder / "matching" / ("clusters_inherited.parquet" if inherited else "clusters.parquet")),
        records,
        inherited.among(previous),
        authority=attempt.night.authority,
        business_date=attempt.night.business_date,
        walls=walls,
        standing=standing_in(folder),
        ended=ended_in(folder),
    )


def _known_again(inherited: Inherited, assigned: Assigned) -> pa.Array:
    """The index ids that inherited records brought to a record of the night."""
    own = inherited.without(assigned.identities, "record_key")["index_id"]
    return pc.unique(own.filter(pc.is_in(own, value_set=inherited.identities["index_id"].combine_chunks())))


def _protect(
    attempt: Attempt,
    base: Attempt | None,
    latched: pa.Table,
    assigned: Assigned,
    records: pa.Table,
    names: pa.Table,
    wishes: pa.Table,
) -> Protected:
    """Protection after the night, going on from what is `latched`; `wishes` are the firewalls that were asked for (`WALLS_WISHED`)."""
    asked = hiding(asked_for(attempt.night, attempt.inputs.asking), wishes, firewalls_of(attempt.inputs))
    entries = read_table(base.folder / "protection" / "entries.parquet") if base else ENTRIES.empty_table()
    lifting = lifting_in(attempt)
    return protect(
        assigned.identities,
        records,
        names,
        read_table(attempt.folder / "matching" / "apart.parquet"),
        decisions_in(attempt),
        entries=entries_after(entries, asked),
        latched=latched,
        business_date=attempt.night.business_date,
        lifting=lifting,
        anew=_anew(attempt, base, records),
        heard=entries["entry_id"].combine_chunks(),
        former=former_of(assigned) if lifting else None,
    )


def _outgrown_beside_hidden(attempt: Attempt, identities: pa.Table, seen: pa.Table) -> list[int]:
    """The decisions that are outgrown (`pipelines.nights.outgrown`), and of whose records one is of a child who is hidden."""
    outgrown = [each for each in attempt.inputs.decisions if each.number in outgrown_in(attempt.folder)]
    if not outgrown:
        return []
    hidden = seen.filter(pc.or_(seen["shielded"], seen["withheld"]))["index_id"].combine_chunks()
    theirs = identities.filter(pc.is_in(identities["index_id"], value_set=hidden))["record_key"].to_pylist()
    return sorted(each.number for each in outgrown if {each.record_a, each.record_b} & {*theirs})


def _undated(records: pa.Table) -> pa.Array:
    """Keys of the records that have no birth date: of such a one little is told, and it may be anybody's of that name."""
    return records.filter(pc.is_null(records["birth_date"]))["record_key"].combine_chunks().cast(pa.string())


def _anew(attempt: Attempt, base: Attempt | None, records: pa.Table) -> pa.Array:
    """Keys of the records that were not compared with all that is latched: of the base, and of each version that is carried on besides. Of one
    that is gone nobody can say, so it is all of them.
    """
    carried = [attempt_behind(attempt.night.on(each.business_date), each.version) for each in attempt.inputs.carried]
    found = [_undated(records)]
    for each in dict.fromkeys([base, *carried] if base else carried):
        was = each.inputs_or_none if each else None
        if each is None or was is None:
            return records["record_key"].combine_chunks().cast(pa.string())
        found.append(_differing(attempt, each, was, records))
    return pc.unique(pa.chunked_array(found, pa.string()))


def _differing(attempt: Attempt, base: Attempt, was: Inputs, records: pa.Table) -> pa.Array:
    """Keys of the records that have come since another attempt or tell of another name or birth date; that may be those of a hidden child whose
    record has gone since, by birth date or a name; and of pairs that are no longer decided to be two children.
    """
    known, now = ["record_key", "family_name", "given_names", "birth_date"], attempt.folder / "person" / "names.parquet"
    undone = {(each.record_a, each.record_b) for each in was.decisions if each.kind == "not_the_same"} - {
        (each.record_a, each.record_b) for each in attempt.inputs.decisions if each.kind == "not_the_same"
    }
    views = {
        "records": records.select(known), "records_before": read_table(base.folder / "person" / "records.parquet", known),
        "names": now, "names_before": base.folder / "person" / "names.parquet",
        "identities_before": base.folder / "identities" / "identities.parquet",
        "visibility_before": base.folder / "identities" / "visibility.parquet",
        "undone": pa.table({"record_key": pa.array([key for pair in undone for key in pair if key], pa.string())}),
    }  # fmt: skip
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH differing AS MATERIALIZED (  -- records that only one of the two nights tells of like this; each night has one of a key
                SELECT r.record_key AS record_key, b.record_key AS before FROM records r FULL JOIN records_before b ON r IS NOT DISTINCT FROM b
                WHERE r.record_key IS NULL OR b.record_key IS NULL
            ),
            gone AS (  -- also where the key is another child's now
                SELECT birth_date, lower(family_name) AS family, lower(given_names) AS given
                FROM records_before JOIN identities_before USING (record_key) JOIN visibility_before USING (index_id)
                WHERE (shielded OR withheld) AND record_key IN (SELECT before FROM differing)
            )
            SELECT record_key FROM differing WHERE record_key IS NOT NULL
            UNION
            SELECT record_key FROM (SELECT record_key, family_name, given_names FROM names) n
                ANTI JOIN (SELECT record_key, family_name, given_names FROM names_before) b ON n IS NOT DISTINCT FROM b
            UNION SELECT record_key FROM records WHERE birth_date IN (SELECT birth_date FROM gone)
            UNION SELECT record_key FROM records WHERE lower(family_name) IN (SELECT family FROM gone) OR lower(given_names) IN (SELECT given FROM gone)
            UNION FROM undone ORDER BY ALL
        """,
        )
    return found["record_key"].combine_chunks()


def _stays_hidden(
    attempt: Attempt, base: Attempt | None, carried: Carried, protected: Protected, assigned: Assigned
) -> dict[str, pa.Table]:
    """What versions of before may not show for good, by table, going on from what the base has."""
    nothing = {name: seam.empty_table() for name, seam in STAYS_HIDDEN.items()}
    before = carried.with_stays_hidden(stays_hidden_in(base.folder) if base else nothing)
    involvements = attempt.folder / "person" / "involvements.parquet"
    return {
        "hidden": hidden_after(before["hidden"], protected.visibility, assigned.index_ids, assigned.identities),
        "sensitive": sensitive_after(before["sensitive"], involvements, assigned.identities),
    }


def _by_kind(events: pa.Table) -> dict[str, int]:
    counted = {each["values"]: each["counts"] for each in pc.value_counts(events["kind"]).to_pylist()}
    return {f"events/{kind}": int(counted.get(kind, 0)) for kind in _TOLD}
