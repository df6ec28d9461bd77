"""Who must be hidden in a version by now: what protection knows today, brought to the tables of any night.

Belongs here: what is known, and a version less what it means. A night hides whom it must when it is built; what is asked
for after that, for a later night or in a delivery that waits or is held, reaches it here. It only takes away: whom the night
hides stays hidden, and a gate proves the rest.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from pipelines.contracts import load_contract
from pipelines.database import schema as db
from pipelines.deliveries import Register, Store
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt, attempt_in_force, last_attempts
from pipelines.nights.decided import decisions_of, firewalls_of
from pipelines.nights.follow import newest_in_force
from pipelines.nights.inputs import Asking
from pipelines.nights.judging import judged, person_tables, places_of
from pipelines.nights.night import Night
from pipelines.nights.requests import asked_for, records_told, undone_of
from pipelines.nights.walls import borne_in, standing_in, unwalled_in, walls_asked_in, walls_in, walls_wished_in
from pipelines.privacy.secret import keyed_digests
from pipelines.protection.household import FURTHER_PLACES
from pipelines.protection.places import known_places
from pipelines.protection.register import entries_after
from pipelines.protection.shielding import protect
from pipelines.protection.stays_hidden import hidden_after, stays_hidden_in
from pipelines.protection.tokens import LASTING, tokens_of_records
from pipelines.protection.wall_wishes import hiding, wishes_after
from pipelines.publishing.gates import Audit, Built, Protection, takes_away
from pipelines.publishing.publish import Less, write_snapshot
from pipelines.publishing.snapshot import build_snapshot
from pipelines.seams.identities import VISIBILITY
from pipelines.seams.protection import UNSERVICED
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = [
    "Beyond", "Known", "hidden_beyond", "keep_unserviced", "known_now", "less_of", "not_in_force_since", "shields_since", "what_hides",
]  # fmt: skip

T = TypeVar("T")
_log = logging.getLogger(__name__)
_PROVEN = frozenset({"table_hashes", "shielding", "household", "sensitive_services", "identifiers_absent"})


@dataclass(frozen=True)
class Known:
    """What protection knows of an authority at a moment.

    Attributes:
        latest: the attempt of the latest night: its register and its latches are gone on from.
        entries: the register, with what was asked for since (`ENTRIES`).
        latched: what hidden children were known by (`LATCHED`).
        places: where hidden children live or lived (`PLACES`).
        decisions: those of the latest night, and shields decided since (`DECISIONS`).
        walls: who stands on which side of a firewall in the latest night (`WALLS`).
        standing: since when they do (`STANDING`).
        at_walls: the index ids of these, and those that lead to them: index_id, wall_a, wall_b, begun.
        wall_tokens: what the records on the sides are known by for good: token, wall_a, wall_b, begun.
        unwalled: those of which both sides of a wall may be one, for it stands nowhere, and those that lead to them: index_id.
        wishes: every firewall that was ever asked for (`WALLS_WISHED`), also since.
        hidden: who is hidden in the latest night, or was before, by index id and record (`HIDDEN`).
        sensitive: how many sensitive services records tell of, or told of (`SENSITIVE`).
        services: services of these records in the latest night (`INVOLVEMENTS`: record_key, kind, service, start_date).
        held: services of the records of which a night held or failed since finds one to be sensitive: attempt, record_key, kind, service,
            start_date.
        unserviced: whose services versions name no more, by what such a night has found before (`UNSERVICED`).
        since: whether anything was asked for or decided that the latest night was not built from.
    """

    latest: Attempt
    entries: pa.Table
    latched: pa.Table
    places: pa.Table
    decisions: pa.Table
    walls: pa.Table
    standing: pa.Table
    at_walls: pa.Table
    wall_tokens: pa.Table
    unwalled: pa.Table
    wishes: pa.Table
    hidden: pa.Table
    sensitive: pa.Table
    services: pa.Table
    held: pa.Table
    unserviced: pa.Table
    since: bool

    @property
    def digest(self) -> str:
        """Names what is known, whenever it was asked for last: the same knowledge hides the same in a version."""
        return _digest(
            self.entries.select(["entry_id", "tokens", "lifted_by"]),
            self.latched.select(["token", "holder", "shielded"]),
            self.places,
            self.decisions,
            self.walls,
            self.standing,
            self.at_walls,
            self.wall_tokens,
            self.unwalled,
            self.hidden,
            self.sensitive,
            self.services,
            self.held,
            self.unserviced,
        )

    def but_for_held(self) -> Known:
        """The same without what nights that are held or failed have found of services: that hides in versions of before, and nowhere else."""
        return replace(self, held=self.held.slice(0, 0), unserviced=self.unserviced.slice(0, 0))


def known_now(attempt: Attempt) -> Known:
    """What is known now, going on from `attempt` or from the night in force, whichever is later."""
    newest = newest_in_force(attempt.night)
    latest = newest if newest and newest.night.business_date > attempt.night.business_date else attempt
    asking = _asked_since(latest)
    shields = shields_since(latest)
    folder = latest.folder / "protection"
    asked = asked_for(latest.night, asking)
    wishes = wishes_after(
        walls_wished_in(latest.folder), asked, _told_since(latest) if asked else {}, walls_asked_in(latest.folder)
    )
    entries = entries_after(_entries_of(latest), hiding(asked, wishes, firewalls_of(latest.inputs)))
    decided = decisions_of(latest.inputs)
    decided = pa.concat_tables([decided, pa.table(shields, schema=decided.schema)]) if shields["kind"] else decided
    latched, places = (read_table(folder / f"{name}.parquet") for name in ("latched", "places"))
    since = bool(asking or shields["kind"])
    stays = stays_hidden_in(latest.folder)
    services = _services_of(latest, stays["sensitive"])
    known = Known(
        latest, entries, latched, places, decided, walls_in(latest.folder), standing_in(latest.folder), **_ids_at_walls(latest),
        wishes=wishes, **stays, services=services, held=_held_since(latest), unserviced=_unserviced_in(latest.night), since=since,
    )  # fmt: skip
    if not since:
        return known
    more = hidden_beyond(latest, known.but_for_held()).visibility
    index_ids, identities = (latest.folder / "identities" / f"{name}.parquet" for name in ("index_ids", "identities"))
    return replace(known, hidden=hidden_after(known.hidden, more, index_ids, identities))


def _ids_at_walls(latest: Attempt) -> dict[str, pa.Table]:
    """`Known.at_walls`, `wall_tokens` and `unwalled`. An id that leads to another was, in some version, shown with what it was then."""
    walls, person = standing_in(latest.folder), latest.folder / "person"
    with connect({"walls": walls, **{name: person / f"{name}.parquet" for name in ("records", "names")}}) as duck:
        records, names = (
            fetch(duck, f"FROM {name} SEMI JOIN walls USING (record_key)") for name in ("records", "names")
        )
    views = {
        "walls": walls,
        "tokens": tokens_of_records(records, names),
        "unwalled": unwalled_in(latest.folder, firewalls_of(latest.inputs)),
        **{name: latest.folder / "identities" / f"{name}.parquet" for name in ("identities", "index_ids")},
    }
    with connect(views) as duck:
        duck.execute("""
            CREATE TEMP TABLE at_walls AS SELECT DISTINCT index_id, wall_a, wall_b, begun FROM walls JOIN identities USING (record_key);
            CREATE TEMP TABLE leads AS
            WITH RECURSIVE leads AS (
                SELECT index_id, index_id AS leads_to FROM (SELECT index_id FROM at_walls UNION SELECT index_id FROM unwalled)
                UNION SELECT m.index_id, l.leads_to FROM leads l JOIN index_ids m ON m.redirects_to = l.index_id
            ) FROM leads
        """)
        at = "SELECT DISTINCT l.index_id, wall_a, wall_b, begun FROM leads l JOIN at_walls a ON a.index_id = l.leads_to ORDER BY ALL"
        waiting = "SELECT DISTINCT l.index_id FROM leads l JOIN unwalled u ON u.index_id = l.leads_to ORDER BY ALL"
        tokens = f"SELECT DISTINCT token, wall_a, wall_b, begun FROM walls JOIN tokens USING (record_key) WHERE kind IN {LASTING} ORDER BY ALL"
        return {"at_walls": fetch(duck, at), "wall_tokens": fetch(duck, tokens), "unwalled": fetch(duck, waiting)}


def _like_those_at_walls(attempt: Attempt, known: Known, own_standing: pa.Table) -> pa.Table:
    """index_id of an attempt's identities that are known by what is known of a side of a firewall that it did not know of: the records
    may have been given other keys on the night when the wall began.
    """
    with connect({"tokens": known.wall_tokens, "own_standing": own_standing}) as duck:
        new = fetch(duck, "SELECT DISTINCT token FROM tokens ANTI JOIN own_standing USING (wall_a, wall_b, begun)")
    if not new.num_rows:
        return pa.table({"index_id": pa.array([], pa.string())})
    person, identities = attempt.folder / "person", attempt.folder / "identities" / "identities.parquet"
    tokens = tokens_of_records(read_table(person / "records.parquet"), read_table(person / "names.parquet"))
    with connect({"tokens": tokens, "new": new, "identities": identities}) as duck:
        return fetch(
            duck,
            "SELECT DISTINCT index_id FROM tokens SEMI JOIN new USING (token) JOIN identities USING (record_key) ORDER BY ALL",
        )


def _waiting_in(attempt: Attempt, wishes: pa.Table, by: Attempt) -> pa.Table:
    """index_id of an attempt's identities that may be two, by the firewalls asked for (`wishes`) and those decided (`by`)."""
    return unwalled_in(attempt.folder, firewalls_of(by.inputs), wishes).select(["index_id"])


def what_hides(attempt: Attempt) -> str:
    """Names the latches and wishes after a night, however often they were told: with the same ones another night hides the same."""
    latched = read_table(attempt.folder / "protection" / "latched.parquet")
    return _digest(
        _entries_of(attempt).select(["entry_id", "tokens", "nearly", "lifted_by"]), latched.drop_columns("since")
    )


def _digest(*parts: pa.Table) -> str:
    """Names these tables, whatever the order of their rows."""
    told = [sorted(map(repr, zip(*part.to_pydict().values(), strict=True))) for part in parts]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _entries_of(attempt: Attempt) -> pa.Table:
    """The register after the night (`ENTRIES`)."""
    return read_table(attempt.folder / "protection" / "entries.parquet")


@dataclass(frozen=True)
class Beyond:
    """What an attempt shows and must be hidden by what is known.

    Attributes:
        visibility: the index ids, as they are to be seen (`VISIBILITY`).
        places: addresses of its open children that are places to be hidden (`FURTHER_PLACES`), and nobody's of the former.
        every: all addresses of the attempt that are places known to be hidden (`FURTHER_PLACES`).
        unnamed: index ids that may show no name, hidden before or not: two families are, or may have to be, parted by a firewall that
            the attempt did not know of, and another version may show the other's.
        unserviced: references of its records that are hidden for what a night held or failed has found of their services.
    """

    visibility: pa.Table
    places: pa.Table
    every: pa.Table
    unnamed: pa.Array
    unserviced: pa.Array

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.visibility.num_rows or self.places.num_rows or len(self.unnamed))

    @property
    def digest(self) -> str:
        """Names what it is: the same children and places, the same digest; "" for nothing."""
        told = [*sorted(self.visibility["index_id"].to_pylist()), *sorted(repr(row) for row in self.places.to_pylist())]
        told += sorted(f"unnamed {index_id}" for index_id in self.unnamed.to_pylist())
        return keyed_digests(pa.array([" ".join(told)]), "less")[0].as_py()[:16] if told else ""


def hidden_beyond(attempt: Attempt, known: Known) -> Beyond:
    """What an attempt shows and must be hidden by what is known.

    Who stands at a firewall that the attempt did not know of, or at which it had not stood since then, is withheld there: the attempt may
    show one side on the other. So is a child
    of whom it names a service that is sensitive by now, and one whose index id, or a record of whom, is a hidden child's by now.
    """
    own = read_table(attempt.folder / "identities" / "visibility.parquet")
    unserviced, is_latest = _unserviced(attempt, known), attempt.digest == known.latest.digest
    if is_latest and not known.since and not unserviced.num_rows:
        nothing, nobody = FURTHER_PLACES.empty_table(), pa.array([], pa.string())
        return Beyond(own.slice(0, 0), nothing, nothing, nobody, nobody)
    now = protect(
        read_table(attempt.folder / "identities" / "identities.parquet"),
        read_table(attempt.folder / "person" / "records.parquet"),
        read_table(attempt.folder / "person" / "names.parquet"),
        read_table(attempt.folder / "matching" / "apart.parquet"),
        known.decisions,
        entries=known.entries,
        latched=known.latched,
        business_date=attempt.night.business_date,
        heard=_entries_of(known.latest)["entry_id"].combine_chunks(),
    ).visibility
    own_standing = standing_in(attempt.folder)
    views = {
        "own": own,
        "now": now,
        "identities": attempt.folder / "identities" / "identities.parquet",
        "standing": known.standing,
        "hidden_now": known.hidden,
        "own_standing": own_standing,
        "at_walls": known.at_walls,
        "alike": _like_those_at_walls(attempt, known, own_standing),
        "unwalled": known.unwalled,
        "waiting": _waiting_in(attempt, known.wishes, known.latest),
        "own_waiting": _waiting_in(attempt, walls_wished_in(attempt.folder), attempt),
        "services": known.services,
        "own_services": _services_in(attempt),
        "sensitive": known.sensitive.slice(0, 0) if is_latest else known.sensitive,  # of itself it knew all
        "unserviced": unserviced,
    }
    with connect(views) as duck:
        duck.execute(_SENSITIVE_SINCE)
        duck.execute("""
            CREATE TEMP TABLE walled AS  -- by a record or what it is known by, or by the id that one of a side has by now
            SELECT index_id FROM (FROM standing ANTI JOIN own_standing USING (wall_a, wall_b, record_key, since))
            JOIN identities USING (record_key)
            UNION SELECT index_id FROM at_walls ANTI JOIN own_standing USING (wall_a, wall_b, begun)
            UNION FROM alike
        """)
        unnamed = fetch(
            duck,
            """
            SELECT index_id FROM (FROM walled UNION (FROM waiting UNION FROM unwalled EXCEPT FROM own_waiting))
            SEMI JOIN own USING (index_id) ORDER BY ALL
        """,
        )
        more = fetch(
            duck,
            """
            WITH others AS (  -- who is hidden by now under the same id, or with one of its records
                FROM walled UNION FROM sensitive_since UNION SELECT index_id FROM unserviced UNION SELECT index_id FROM hidden_now WHERE index_id IS NOT NULL
                UNION SELECT index_id FROM identities WHERE record_ref IN (SELECT record_ref FROM hidden_now WHERE record_ref IS NOT NULL)
            )
            SELECT n.index_id, n.shielded, n.withheld OR (w.index_id IS NOT NULL AND NOT n.shielded) AS withheld
            FROM now n JOIN own o USING (index_id) LEFT JOIN others w USING (index_id)
            WHERE (n.shielded OR n.withheld OR w.index_id IS NOT NULL) AND NOT (o.shielded OR o.withheld)
            ORDER BY index_id
        """,
        )
    places = known_places(known.entries, known.places, attempt.folder / "person" / "addresses.parquet")
    shown, refs = _shown_of(attempt, places, now), unserviced["record_ref"].combine_chunks()
    return Beyond(give(more, VISIBILITY), shown, places, unnamed["index_id"].combine_chunks(), refs)


# who has, or had, more sensitive services than here, and by now none of the name of one that is named here, or by now fewer than it had:
# what is sent as sensitive no more was shown nowhere while it was, and stays unshown there
_SENSITIVE_SINCE = """
    CREATE TEMP TABLE sensitive_since AS
    WITH counted AS (
        SELECT record_key, any_value(index_id) AS index_id, any_value(services) AS services,
            count(*) FILTER (kind = 'sensitive_service') AS own
        FROM sensitive JOIN identities USING (record_ref) LEFT JOIN own_services USING (record_key) GROUP BY record_key
    ),
    now AS (SELECT record_key, count(*) AS number FROM services WHERE kind = 'sensitive_service' GROUP BY record_key),
    gone AS (
        SELECT record_key FROM (
            SELECT record_key, service, start_date FROM own_services WHERE kind = 'service'
            EXCEPT SELECT record_key, service, start_date FROM services WHERE kind = 'service'
        )
    )
    SELECT DISTINCT index_id FROM counted LEFT JOIN now USING (record_key)
    WHERE services > own AND (record_key IN (FROM gone) OR coalesce(number, 0) < services)
"""


def not_in_force_since(latest: Attempt) -> list[Attempt]:
    """The attempts that were made last of the night in force and of later ones, and were held or failed: nobody sees what they found."""
    night = latest.night
    return [
        Attempt(night.on(day), row.digest)
        for day, row in sorted(last_attempts(night.engine, night.authority).items())
        if day >= night.business_date and row.state in ("held", "failed") and row.digest not in ("", latest.digest)
    ]


def _found_since(latest: Attempt, look: Callable[[Attempt], T]) -> list[T]:
    """What can be seen of each attempt of `not_in_force_since`. One that is damaged keeps nobody from being protected: its next run tells."""
    found = []
    for each in not_in_force_since(latest):
        try:
            found.append(look(each))
        except IsindexError as fault:
            if fault.code != "STORE_DAMAGED":
                raise
            _log.warning("what the night of %s has found is not counted: %s", each.night.where, fault.code)
    return found


def _told_since(latest: Attempt) -> dict[str, pa.Array]:
    """What `records_told` tells of deliveries that nights held or failed took in, and the latest in force did not."""
    known = {each.delivery_id for each in latest.inputs.deliveries}
    told = _found_since(latest, records_told)
    return {delivery: keys for each in told for delivery, keys in each.items() if delivery not in known}


def _held_since(latest: Attempt) -> pa.Table:
    """`Known.held`, of the attempts of which it is known what services their records tell of."""
    nothing = _services_in(latest).slice(0, 0).add_column(0, "attempt", pa.array([], pa.string()))
    return pa.concat_tables([nothing, *_found_since(latest, _beside_sensitive_ones)], promote_options="default")


def _beside_sensitive_ones(attempt: Attempt) -> pa.Table:
    """The services of the records of an attempt of which one is sensitive: attempt, and as `_services_in`; none where it has not read any."""
    if not (attempt.folder / "person" / "involvements.parquet").is_file():
        return pa.table({"attempt": pa.array([], pa.string())})
    services = pa.concat_tables([_services_in(attempt), _without_basis(attempt)])
    telling = services.filter(pc.equal(services["kind"].cast(pa.string()), "sensitive_service"))["record_key"]
    services = services.filter(pc.is_in(services["record_key"], value_set=telling.combine_chunks()))
    return services.add_column(0, "attempt", pa.array([attempt.digest] * services.num_rows, pa.string()))


def _without_basis(attempt: Attempt) -> pa.Table:
    """A sensitive service (as `_services_in`) for each record of which one was refused for want of a basis, in what an attempt takes in."""
    register, store = Register(attempt.night.engine), Store(attempt.night.home)
    found = []
    for each in attempt.inputs.deliveries:
        entry = register.needed(each.delivery_id)
        rules = load_contract(entry.contract).all_rules(entry.business_date) if entry.contract else ()
        codes = pa.array([rule.code for rule in rules if rule.check == "consent_basis"], pa.string())
        if len(codes):
            rejected = store.open(entry).rejected
            keys = rejected.filter(pc.is_in(rejected["rule"], value_set=codes))["key"].drop_null().combine_chunks()
            found += pc.binary_join_element_wise(each.agency, keys, ":").to_pylist()
    schema = _services_in(attempt).schema
    return pa.Table.from_pylist([{"record_key": key, "kind": "sensitive_service"} for key in found], schema=schema)


def _unserviced_in(night: Night) -> pa.Table:
    path = night.home.unserviced(night.authority)
    return read_table(path) if path.is_file() else UNSERVICED.empty_table()


def _unserviced(attempt: Attempt, known: Known) -> pa.Table:
    """Records of an attempt that name a service which is sensitive in a night held or failed, or was in one by then: record_ref, index_id."""
    told = known.unserviced
    mine = pc.and_(
        pc.equal(told["business_date"], pa.scalar(attempt.night.business_date)),
        pc.or_(pc.is_null(told["attempt"]), pc.fill_null(pc.equal(told["attempt"], attempt.digest), False)),
    )
    told = told.filter(mine)
    if not (told.num_rows or known.held.num_rows):
        return pa.table({name: pa.array([], pa.string()) for name in ("record_ref", "index_id")})
    views = {
        "told": told,
        "held": known.held,
        "identities": attempt.folder / "identities" / "identities.parquet",
        "own_services": _services_in(attempt),
    }
    with connect(views) as duck:
        return fetch(
            duck,
            """
            WITH own AS (FROM own_services SEMI JOIN held USING (record_key)),
            counted AS (
                SELECT attempt, record_key, count(*) FILTER (kind = 'sensitive_service') AS services FROM held GROUP BY ALL
            ),
            named AS (  -- and by that attempt no more
                SELECT attempt, record_key, service, start_date FROM own JOIN counted USING (record_key) WHERE kind = 'service'
                EXCEPT SELECT attempt, record_key, service, start_date FROM held WHERE kind = 'service'
            )
            SELECT record_ref, index_id FROM identities SEMI JOIN (
                FROM counted c SEMI JOIN named USING (attempt, record_key)
                WHERE services > (SELECT count(*) FROM own o WHERE o.record_key = c.record_key AND kind = 'sensitive_service')
            ) USING (record_key)
            UNION SELECT record_ref, index_id FROM identities SEMI JOIN told USING (record_ref) ORDER BY ALL
        """,
        )


def keep_unserviced(attempt: Attempt, record_refs: pa.Array, latest: Attempt) -> None:
    """Keep whose services the version of an attempt names no more (`Beyond.unserviced`): whatever the night that found it says later.

    The night in force may be made anew by what its records say then; one of before is meant however it is made.
    """
    before, night = _unserviced_in(attempt.night), attempt.night
    alone = attempt.digest if night.business_date == latest.night.business_date else None
    new = pa.Table.from_pylist(
        [
            {"business_date": night.business_date, "attempt": alone, "record_ref": ref}
            for ref in record_refs.to_pylist()
        ],
        schema=UNSERVICED.schema,
    )
    with connect({"before": before, "new": new}) as duck:
        after = fetch(duck, "FROM before UNION FROM new ORDER BY ALL")
    if after.num_rows > before.num_rows:
        write_table(give(after, UNSERVICED), night.home.unserviced(night.authority))


def _services_of(attempt: Attempt, sensitive: pa.Table) -> pa.Table:
    """The services that an attempt's records tell of which are among `sensitive`: record_key, kind, service, start_date."""
    identities = attempt.folder / "identities" / "identities.parquet"
    with connect({"services": _services_in(attempt), "sensitive": sensitive, "identities": identities}) as duck:
        return fetch(
            duck,
            """
            SELECT record_key, kind, service, start_date FROM services
            SEMI JOIN (FROM identities SEMI JOIN sensitive USING (record_ref)) USING (record_key) ORDER BY ALL
        """,
        )


def _services_in(attempt: Attempt) -> pa.Table:
    """The services that an attempt's records tell of: record_key, kind, service, start_date."""
    path = attempt.folder / "person" / "involvements.parquet"
    return read_table(path, ["record_key", "kind", "service", "start_date"])


def _shown_of(attempt: Attempt, places: pa.Table, visibility: pa.Table) -> pa.Table:
    """Those of `places` at which an open child is shown, and nobody lives whose place the attempt hides anyway."""
    if not places.num_rows:
        return places
    views = {
        "places": places, "anyway": places_of(attempt), "visibility": visibility,
        "addresses": attempt.folder / "person" / "addresses.parquet",
        "identities": attempt.folder / "identities" / "identities.parquet",
    }  # fmt: skip
    with connect(views) as duck:
        shown = fetch(
            duck,
            """
            SELECT uprn, postcode, address FROM places
            INTERSECT
            SELECT uprn, postcode, address FROM addresses JOIN identities USING (record_key) JOIN visibility USING (index_id)
            WHERE NOT (shielded OR withheld)
            EXCEPT
            SELECT uprn, postcode, address FROM addresses JOIN identities USING (record_key) JOIN visibility USING (index_id)
            WHERE shielded OR withheld
            EXCEPT
            FROM anyway
            ORDER BY ALL
        """,
        )
    return shown.cast(FURTHER_PLACES)


@contextmanager
def less_of(
    attempt: Attempt,
    known: Known,
    more: Beyond,
    *,
    built: Audit,
    shown: Mapping[str, Path] | None,
    audited: Callable[[], Mapping[str, Path]],
) -> Iterator[Less | None]:
    """The attempt's snapshot less what must be hidden by now, proven; None where that is nothing.

    Args:
        attempt: the attempt.
        known: what is known.
        more: what that means for the attempt (`hidden_beyond`).
        built: what the gates found of the attempt when it was built.
        shown: the tables of the version as it is shown now, if they lie there.
        audited: makes the tables that the gates audited when it was built: asked for only where it is not less than what is shown,
            for somebody is opened again.

    Raises:
        IsindexError: PROTECTION_UNPROVEN when a gate finds fault with it; GATE_NOT_COMPUTED, or an outage of the machine, when
            there is no verdict. Nothing has changed then.
    """
    if not more:
        yield None
        return
    folder = attempt.folder / ".less.part"
    try:
        state = IdentityState.read(attempt.folder)
        hidden = more.visibility
        keep = pc.invert(pc.is_in(state.visibility["index_id"], value_set=hidden["index_id"].combine_chunks()))
        seen = pa.concat_tables([state.visibility.filter(keep), hidden]).sort_by("index_id")
        person = person_tables(attempt)
        walls = pa.concat_tables([walls_in(attempt.folder), known.walls])
        state = replace(state, visibility=seen)
        # of two families whom a wall is to part, who is hidden only now would tell both, and two versions one each
        of_two = pa.table({"index_id": more.unnamed, "named": pa.array([False] * len(more.unnamed), pa.bool_())})
        unwalled = pa.concat_tables([
            unwalled_in(attempt.folder, firewalls_of(attempt.inputs)), of_two,
            pa.table({"index_id": hidden["index_id"], "named": pa.array([True] * hidden.num_rows, pa.bool_())}),
        ])  # fmt: skip
        borne = borne_in(attempt.folder)
        snapshot = build_snapshot(person, state, more.every, walls=walls, borne=borne, unwalled=unwalled)
        tables = write_snapshot(snapshot, folder)
        protecting = Protection(known.entries)
        audit = judged(attempt, tables, protecting, known.decisions, more.every, _PROVEN, beside_base=False)
        audit.refuse_lost(attempt.night.where)
        after = {name: stored.path for name, stored in tables.items()}
        whole = Built({name: built.tables[name].rows for name in after}, attempt.folder / "shown" / "children.parquet")
        less = takes_away(shown, after, whole) if shown else None
        of_shown = less is not None and less.passed
        gates = (*audit.gates, less if less is not None and of_shown else takes_away(audited(), after))
        failed = [gate.name for gate in gates if not gate.passed]
        if failed:
            raise IsindexError(
                "PROTECTION_UNPROVEN",
                f"Somebody must be hidden in a version, and what it would be then has not passed: {', '.join(failed)}.",
                where=attempt.night.where,
                remedy="The version still shows the child. Take it from readers, and ask for help: this is a fault of the program.",
            )
        yield Less(tables, hidden.num_rows, more.digest, gates, of_shown)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _asked_since(latest: Attempt) -> list[Asking]:
    """Deliveries that ask for protection and are among the inputs of neither an attempt nor what it builds on."""
    known: set[tuple[str, str]] = set()
    each: Attempt | None = latest
    while each is not None:
        known |= {(asking.delivery_id, asking.content) for asking in each.inputs.asking}
        base = each.inputs.base
        each = attempt_in_force(each.night.on(base.business_date), base.version) if base else None
    asked = db.protection_request.c
    query = (
        select(asked.delivery_id, asked.agency, asked.business_date, asked.content_sha256, asked.told)
        .where(asked.authority == latest.night.authority)
        .order_by(asked.business_date, asked.delivery_id)
    )
    with latest.night.engine.connect() as connection:
        every = [Asking(*row) for row in connection.execute(query)]
    return [asking for asking in every if (asking.delivery_id, asking.content) not in known]


def shields_since(latest: Attempt) -> dict[str, list[str | None]]:
    """Decisions to hide that stand and that an attempt was not built from, as columns of `DECISIONS`.

    A firewall that no night was built with yet hides both its sides: whoever shows them, shows them together. A shield that was
    taken back counts until an attempt is built with the wish that it leaves.
    """
    known = {each.number for each in latest.inputs.decisions}
    decision = db.decision.c
    query = select(
        decision.decision_id, decision.record_a, decision.record_b, decision.reason, decision.undone_at
    ).where(decision.authority == latest.night.authority, decision.kind.in_(["shield", "firewall"]))
    with latest.night.engine.connect() as connection:
        every = connection.execute(query).all()
    taken_back = any(row.undone_at for row in every)
    left = {each.delivery_id.rpartition("/")[2] for each in _asked_since(latest)} if taken_back else set()
    rows = [
        row for row in every
        if (undone_of(row.decision_id) in left if row.undone_at else row.decision_id not in known)
    ]  # fmt: skip
    told = [(key, row.reason) for row in rows for key in (row.record_a, row.record_b) if key is not None]
    return {
        "kind": ["shield"] * len(told),
        "record_a": [key for key, _ in told],
        "record_b": [None] * len(told),
        "reason": [reason for _, reason in told],
    }
