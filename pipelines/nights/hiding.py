"""Who must be hidden in a version by now: what protection knows today, brought to the tables of any night.

Belongs here: what is known, and a version less what it means. A night hides whom it must when it is built; what is asked
for after that, for a later night or in a delivery that waits or is held, reaches it here. It only takes away: whom the night
hides stays hidden, and a gate proves the rest.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt, attempt_in_force
from pipelines.nights.decided import decisions_in, firewalls_of
from pipelines.nights.follow import newest_in_force
from pipelines.nights.inputs import Asking
from pipelines.nights.judging import judged, person_tables, places_of
from pipelines.nights.requests import asked_for, records_come, undone_of
from pipelines.nights.sensitive_by_now import (
    SENSITIVE_SINCE,
    held_now,
    not_in_force_since,
    seen_of,
    services_in,
    telling_now,
    unserviced,
    unserviced_in,
)
from pipelines.nights.walls import (
    borne_in,
    ended_in,
    standing_in,
    unwalled_in,
    walls_asked_in,
    walls_in,
    walls_wished_in,
)
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
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table

__all__ = ["Beyond", "Known", "asked_since", "hidden_beyond", "known_now", "less_of", "shields_since", "what_hides"]

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
        services: services of the children of these records in the latest night (`INVOLVEMENTS`: record_key, kind, service, start_date).
        telling: who tells of a sensitive service in the latest night, and the ids that lead to them: index_id.
        leads: where ids lead by now that are no child's any more: index_id, redirects_to.
        held: services of the children of whom a night held or failed finds one to be sensitive, or one in force refuses one: number and
            business_date of its attempt, child, record_key, kind, service, start_date; no child where it knows none.
        held_ids: the ids that lead to these children there: number, index_id, child.
        refusing: numbers of the attempts in force among them. The next night that refuses the same knows the same.
        unserviced: whose services versions name no more, by what was found before (`UNSERVICED`).
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
    telling: pa.Table
    leads: pa.Table
    held: pa.Table
    held_ids: pa.Table
    refusing: pa.Array
    unserviced: pa.Table
    since: bool

    @cached_property
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
            self.telling,
            _by_whomever(self.held, self.refusing),
            _by_whomever(self.held_ids, self.refusing),
            self.unserviced,
        )

    def but_for_held(self) -> Known:
        """The same without what nights that are held or failed have found of services: that hides in versions of before, and nowhere else."""
        return replace(self, held=self.held.slice(0, 0), unserviced=self.unserviced.slice(0, 0))


def known_now(attempt: Attempt) -> Known:
    """What is known now, going on from `attempt` or from the night in force, whichever is later."""
    newest = newest_in_force(attempt.night)
    latest = newest if newest and newest.night.business_date > attempt.night.business_date else attempt
    asking = asked_since(latest)
    shields = shields_since(latest)
    folder = latest.folder / "protection"
    asked = asked_for(latest.night, asking)
    wishes = walls_wished_in(latest.folder)
    come = _come_since(latest, wishes["record"].combine_chunks().drop_null()) if asked else {}
    wishes = wishes_after(wishes, asked, come, walls_asked_in(latest.folder))
    entries = entries_after(_entries_of(latest), hiding(asked, wishes, firewalls_of(latest.inputs)))
    decided = decisions_in(latest)
    decided = pa.concat_tables([decided, pa.table(shields, schema=decided.schema)]) if shields["kind"] else decided
    latched, places = (read_table(folder / f"{name}.parquet") for name in ("latched", "places"))
    since = bool(asking or shields["kind"])
    stays = stays_hidden_in(latest.folder)
    known = Known(
        latest, entries, latched, places, decided, walls_in(latest.folder), standing_in(latest.folder), **_ids_at_walls(latest),
        wishes=wishes, **stays, **telling_now(latest, stays["sensitive"]), **held_now(latest), unserviced=unserviced_in(latest.night), since=since,
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
        "ended": ended_in(latest.folder),
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
        at = """
            SELECT DISTINCT l.index_id, wall_a, wall_b, begun FROM leads l JOIN at_walls a ON a.index_id = l.leads_to
            UNION SELECT index_id, wall_a, wall_b, DATE '9999-12-31' FROM ended  -- as if the wall had begun for them after all versions
            ORDER BY ALL
        """
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


def _by_whomever(found: pa.Table, refusing: pa.Array) -> pa.Table:
    """`found` without the number and date of those that are `refusing`."""
    theirs = pc.is_in(found["number"], value_set=refusing)
    for place, name in enumerate(found.column_names):
        if name in ("number", "business_date"):
            nothing = pa.scalar(None, found.schema.field(name).type)
            found = found.set_column(place, name, pc.if_else(theirs, nothing, found[name]))
    return found


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
        places: uprn, postcode, address of its open children that are places to be hidden, and nobody's of the former.
        every: all addresses of the attempt that are places known to be hidden (`FURTHER_PLACES`).
        unnamed: index ids that may show no name, hidden before or not: two families are, or may have to be, parted by a firewall that
            the attempt did not know of, and another version may show the other's.
        unserviced: references of its records that are hidden for what was found of their services later.
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
    of_held, is_latest = unserviced(attempt, vars(known)), attempt.digest == known.latest.digest
    if is_latest and not known.since and not of_held.num_rows:
        nothing, nobody = FURTHER_PLACES.empty_table(), pa.array([], pa.string())
        return Beyond(own.slice(0, 0), nothing, nothing, nobody, nobody)
    now = protect(
        read_table(attempt.folder / "identities" / "identities.parquet", ["record_key", "index_id"]),
        read_table(attempt.folder / "person" / "records.parquet"),
        read_table(attempt.folder / "person" / "names.parquet", ["record_key", "family_name", "given_names"]),
        read_table(attempt.folder / "matching" / "apart.parquet"),
        known.decisions,
        entries=known.entries,
        latched=known.latched,
        business_date=attempt.night.business_date,
        heard=_entries_of(known.latest)["entry_id"].combine_chunks(),
        carries_on=False,
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
        "telling": known.telling.slice(0, 0) if is_latest else known.telling,
        "leads": known.leads,
        "now_services": known.latest.folder / "person" / "involvements.parquet",
        "now_identities": known.latest.folder / "identities" / "identities.parquet",
        "own_services": services_in(attempt),
        "sensitive": known.sensitive.slice(0, 0) if is_latest else known.sensitive,  # of itself it knew all
        "unserviced": of_held,
    }
    with connect(views) as duck:
        duck.execute(SENSITIVE_SINCE)
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
                FROM walled UNION SELECT index_id FROM sensitive_since UNION SELECT index_id FROM unserviced
                UNION SELECT index_id FROM hidden_now WHERE index_id IS NOT NULL
                UNION SELECT index_id FROM identities WHERE record_ref IN (SELECT record_ref FROM hidden_now WHERE record_ref IS NOT NULL)
            )
            SELECT n.index_id, n.shielded, n.withheld OR (w.index_id IS NOT NULL AND NOT n.shielded) AS withheld
            FROM now n JOIN own o USING (index_id) LEFT JOIN others w USING (index_id)
            WHERE (n.shielded OR n.withheld OR w.index_id IS NOT NULL) AND NOT (o.shielded OR o.withheld)
            ORDER BY index_id
        """,
        )
        refs = fetch(
            duck, "SELECT record_ref FROM unserviced UNION SELECT record_ref FROM sensitive_since ORDER BY ALL"
        )
    places = known_places(known.entries, known.places, attempt.folder / "person" / "addresses.parquet")
    shown, unnamed_ids = _shown_of(attempt, places, now), unnamed["index_id"].combine_chunks()
    return Beyond(give(more, VISIBILITY), shown, places, unnamed_ids, refs["record_ref"].combine_chunks())


def _come_since(latest: Attempt, asking: pa.Array) -> dict[str, pa.Array]:
    """What `records_come` tells of deliveries that nights held or failed took in, and the latest in force did not."""
    known = {each.delivery_id for each in latest.inputs.deliveries}
    come = seen_of(not_in_force_since(latest), lambda attempt: records_come(attempt, asking))
    return {delivery: keys for each in come for delivery, keys in each.items() if delivery not in known}


def _shown_of(attempt: Attempt, places: pa.Table, visibility: pa.Table) -> pa.Table:
    """Those of `places` at which an open child is shown, and nobody lives whose place the attempt hides anyway."""
    if not places.num_rows:
        return places
    views = {
        "places": places, "visibility": visibility,
        "addresses": attempt.folder / "person" / "addresses.parquet",
        "identities": attempt.folder / "identities" / "identities.parquet",
    }  # fmt: skip
    with connect(views) as duck:
        shown = fetch(
            duck,
            """
            WITH sought AS (SELECT DISTINCT uprn, postcode, address FROM places),
            there AS MATERIALIZED (  -- few of all addresses
                SELECT record_key, a.uprn, a.postcode, a.address FROM addresses a SEMI JOIN sought s
                ON a.uprn IS NOT DISTINCT FROM s.uprn AND a.postcode IS NOT DISTINCT FROM s.postcode AND a.address IS NOT DISTINCT FROM s.address
            ),
            lives AS (
                SELECT uprn, postcode, address, shielded OR withheld AS hidden
                FROM there JOIN identities USING (record_key) JOIN visibility USING (index_id)
            )
            SELECT uprn, postcode, address FROM lives WHERE NOT hidden
            EXCEPT SELECT uprn, postcode, address FROM lives WHERE hidden
        """,
        )
    with connect({"shown": shown, "anyway": places_of(attempt, shown)}) as duck:
        return fetch(
            duck,
            "SELECT uprn, postcode, address FROM shown EXCEPT SELECT uprn, postcode, address FROM anyway ORDER BY ALL",
        )


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


def asked_since(latest: Attempt) -> list[Asking]:
    """Deliveries that ask for protection and are among the inputs of neither an attempt nor what it builds on. Where it cannot be read what one was
    built from, nothing is known of what it had heard.
    """
    known: set[tuple[str, str]] = set()
    each: Attempt | None = latest
    while each is not None and (inputs := each.inputs_or_none) is not None:
        known |= {(asking.delivery_id, asking.content) for asking in inputs.asking}
        base = inputs.base
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
    left = {each.delivery_id.rpartition("/")[2] for each in asked_since(latest)} if taken_back else set()
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
