"""Services that are sensitive by now, and in versions of before were not: what the night in force has found, and nights held or failed.

A sensitive service that is refused for want of a basis is in no table of its night, and is found in what was rejected, of any of these nights.

Belongs here: finding them, and keeping whose services were unnamed, whatever becomes of the night that found it. Not here:
making a version less (`hiding`, `protective`), what a version shows of a sensitive service (`publishing.snapshot`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from pipelines.contracts import load_contract
from pipelines.database import schema as db
from pipelines.deliveries import Register, Store
from pipelines.errors import IsindexError
from pipelines.identities.assign import RESOLVED
from pipelines.nights.attempts import Attempt, attempt_in_force, attempts_not_published, attempts_published
from pipelines.nights.held_against import held_against
from pipelines.nights.night import Night
from pipelines.seams.identities import IDENTITY_TABLES
from pipelines.seams.protection import UNSERVICED
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = [
    "SENSITIVE_SINCE", "corrected_since", "held_now", "keep_unserviced", "not_in_force", "not_in_force_since", "not_looked_at", "seen_of", "services_in", "telling_now", "unknown_to", "unserviced",
    "unserviced_in",
]  # fmt: skip

T = TypeVar("T")
_log = logging.getLogger(__name__)
_SERVICES = [("record_key", pa.string()), ("kind", pa.string()), ("service", pa.string()), ("start_date", pa.date32())]
_HELD = pa.schema([("number", pa.int64()), ("business_date", pa.date32()), ("child", pa.string()), *_SERVICES])
_HELD_IDS = pa.schema([("number", pa.int64()), ("index_id", pa.string()), ("child", pa.string())])

# of `identities` and `own_services` of an attempt, of `now_identities` and `now_services` of the latest night, and of `Known`: records that name
# a service of which neither they nor their child tell plainly by now, and the child tells or told of a sensitive one; and records that
# have or had more sensitive ones than here, and by now none of the name of one that they name here, or fewer than they had:
# what is sent as sensitive no more was shown nowhere while it was, and stays unshown there
SENSITIVE_SINCE = """
    CREATE TEMP TABLE sensitive_since AS
    WITH counted AS (
        SELECT record_key, any_value(services) AS services, count(*) FILTER (kind = 'sensitive_service') AS own
        FROM sensitive JOIN identities USING (record_ref) LEFT JOIN own_services USING (record_key) GROUP BY record_key
    ),
    now AS (SELECT record_key, count(*) AS number FROM services WHERE kind = 'sensitive_service' GROUP BY record_key),
    gone AS (
        SELECT record_key FROM (
            SELECT record_key, service, start_date FROM own_services WHERE kind = 'service'
            EXCEPT SELECT record_key, service, start_date FROM services WHERE kind = 'service'
        )
    ),
    meant AS (
        SELECT index_id FROM identities SEMI JOIN sensitive USING (record_ref) UNION SELECT index_id FROM telling
    ),
    named AS (
        SELECT coalesce(redirects_to, index_id) AS child, record_key, service, start_date
        FROM meant LEFT JOIN leads USING (index_id) JOIN identities USING (index_id) JOIN own_services USING (record_key)
        WHERE kind = 'service'
    ),
    plain AS (
        SELECT index_id AS child, record_key, service, start_date FROM now_services JOIN now_identities USING (record_key)
        WHERE kind = 'service'
    ),
    named_no_more AS (
        FROM named
        EXCEPT SELECT n.child, record_key, p.service, p.start_date FROM named n JOIN plain p USING (record_key)
        EXCEPT SELECT child, n.record_key, p.service, p.start_date FROM named n JOIN plain p USING (child)
    )
    SELECT index_id, record_ref FROM identities SEMI JOIN (
        SELECT record_key FROM named_no_more
        UNION SELECT record_key FROM counted LEFT JOIN now USING (record_key)
        WHERE services > own AND (record_key IN (FROM gone) OR coalesce(number, 0) < services)
    ) USING (record_key)
"""


def not_in_force(night: Night) -> list[Attempt]:
    """The attempts that were held or failed and were made last of their nights, or were not looked at yet: nobody sees what they found.

    One that failed before its inputs were frozen has found nothing, and takes the place of none.
    """
    made = db.attempt.c.authority == night.authority, db.attempt.c.digest != ""
    newest = select(func.max(db.attempt.c.attempt_id)).where(*made).group_by(db.attempt.c.business_date)
    with night.engine.connect() as connection:
        last = set(connection.scalars(newest))
    told = held_against(night.home, night.authority)
    seen = told.attempts if told else None
    found = [
        each
        for each in attempts_not_published(night)
        if each.number in last or (seen is not None and each.number not in seen)
    ]
    return [each for each in found if each.digest != _digest_in_force(each.night)]


def not_looked_at(night: Night) -> list[Attempt]:
    """The attempts that were published, also those that another has replaced since, before the versions were held against what they found: its end
    was in the way, a full disk say. None where nothing is noted of it.
    """
    told = held_against(night.home, night.authority)
    if told is None or told.published is None:
        return []
    return [each for each in attempts_published(night) if each.number > told.published]


def _digest_in_force(night: Night) -> str:
    found = attempt_in_force(night)
    return found.digest if found else ""


def not_in_force_since(latest: Attempt) -> list[Attempt]:
    """Those of `not_in_force` that are of the night of an attempt or a later one."""
    return [each for each in not_in_force(latest.night) if each.night.business_date >= latest.night.business_date]


def unknown_to(attempt: Attempt) -> list[Attempt]:
    """Those of `not_in_force` whose findings an attempt may not know: it is of no later night, or began before them."""
    number, day = _begun(attempt), attempt.night.business_date
    return [each for each in not_in_force(attempt.night) if each.night.business_date >= day or each.number > number]


def corrected_since(latest: Attempt) -> list[Attempt]:
    """The attempts in force at nights before an attempt that were published after it was built: it builds on none of them."""
    number, day = _begun(latest), latest.night.business_date
    later = [
        each for each in attempts_published(latest.night) if each.number > number and each.night.business_date < day
    ]
    return [each for each in later if each.digest == _digest_in_force(each.night)]


def _begun(attempt: Attempt) -> int:
    """The number of the first attempt with these inputs; 0 where none is known."""
    of_it = (db.attempt.c.authority == attempt.night.authority, db.attempt.c.digest == attempt.digest)
    with attempt.night.engine.connect() as connection:
        return connection.scalar(select(func.min(db.attempt.c.attempt_id)).where(*of_it)) or 0


def seen_of(attempts: Iterable[Attempt], look: Callable[[Attempt], T]) -> list[T]:
    """What can be seen of each attempt. One that is damaged keeps nobody from being protected: its next run tells."""
    found = []
    for each in attempts:
        try:
            found.append(look(each))
        except IsindexError as fault:
            if fault.code != "STORE_DAMAGED":
                raise
            _log.warning("what the night of %s has found is not counted: %s", each.night.where, fault.code)
    return found


def held_now(latest: Attempt) -> dict[str, Any]:
    """What nights that are held or failed, or were not looked at, find of sensitive services, and nights in force of such as are refused
    (`Known.held`, `held_ids`, `refusing`).
    """
    refusing = _refusing(latest)
    known = {each.digest for each in [latest, *refusing]}
    unseen = {each.digest: each for each in not_looked_at(latest.night) if each.digest not in known}
    finding = [*not_in_force(latest.night), *unseen.values(), *refusing]
    found = seen_of(finding, lambda attempt: _beside_sensitive_ones(attempt, latest))
    return {
        "held": pa.concat_tables([_HELD.empty_table(), *(services for services, _ in found)]),
        "held_ids": pa.concat_tables([_HELD_IDS.empty_table(), *(ids for _, ids in found)]),
        "refusing": pa.array([each.number for each in refusing], pa.int64()),
    }


def _refusing(latest: Attempt) -> list[Attempt]:
    """The latest night, and those of before that were run since, as far as they refuse a sensitive service for want of a basis."""
    night, begun = latest.night, _begun(latest)
    of_it = (
        db.attempt.c.authority == night.authority,
        db.attempt.c.attempt_id > begun,
        db.attempt.c.state == "published",
    )
    with night.engine.connect() as connection:
        days = set(connection.scalars(select(db.attempt.c.business_date).where(*of_it)))
    since = [attempt_in_force(night.on(day)) for day in sorted(days - {night.business_date})]
    found = (replace(each, number=_begun(each)) for each in [latest, *since] if each)
    return [each for each, refused in seen_of(found, lambda each: (each, _without_basis(each))) if refused.num_rows]


def _beside_sensitive_ones(attempt: Attempt, latest: Attempt) -> tuple[pa.Table, pa.Table]:
    """Services of the children of an attempt of whom a record tells of a sensitive one, and not all as the latest night and the version of its own
    night do (`_HELD`), and the ids of these children (`_HELD_IDS`); by record where it has joined none, nothing where it has not read any.
    """
    if not (attempt.folder / "person" / "involvements.parquet").is_file():
        return _HELD.empty_table(), _HELD_IDS.empty_table()
    own = attempt_in_force(attempt.night)
    joined = {name: attempt.folder / "identities" / f"{name}.parquet" for name in ("identities", "index_ids")}
    nobody = {name: IDENTITY_TABLES[name].empty_table() for name in joined}
    views = {
        "services": pa.concat_tables([services_in(attempt), _without_basis(attempt)]),
        "of_latest": _known_of(latest),
        "of_own": _known_of(own) if own else _known_of(latest),
        **(joined if all(path.is_file() for path in joined.values()) else nobody),
    }
    with connect(views) as duck:
        duck.execute("""
            CREATE TEMP TABLE said AS SELECT record_key, kind, service, start_date, count(*) AS times FROM services
            WHERE record_key IN (SELECT record_key FROM services WHERE kind = 'sensitive_service') GROUP BY ALL
        """)
        for name in ("of_latest", "of_own"):  # what is said there likewise was counted there
            duck.execute(f"""
                CREATE TEMP TABLE not_{name} AS
                WITH was AS (SELECT record_key, kind, service, start_date, count(*) AS times FROM {name} GROUP BY ALL),
                other AS ((FROM said EXCEPT FROM was) UNION (FROM was SEMI JOIN said USING (record_key) EXCEPT FROM said))
                SELECT DISTINCT record_key FROM other
            """)
        duck.execute("""
            CREATE TEMP TABLE telling AS FROM not_of_latest SEMI JOIN not_of_own USING (record_key);
            CREATE TEMP TABLE meant AS SELECT DISTINCT index_id AS child FROM identities SEMI JOIN telling USING (record_key)
        """)
        services = fetch(
            duck,
            f"""
            SELECT {attempt.number} AS number, DATE '{attempt.night.business_date}' AS business_date, index_id AS child, record_key, kind, service, start_date
            FROM services LEFT JOIN identities USING (record_key)
            WHERE record_key IN (SELECT record_key FROM telling) OR index_id IN (FROM meant) ORDER BY ALL
        """,
        )
        ids = fetch(
            duck,
            f"""
            {RESOLVED}
            SELECT {attempt.number} AS number, child AS index_id, child FROM meant
            UNION SELECT {attempt.number}, index_id, redirects_to FROM resolved WHERE redirects_to IN (FROM meant) ORDER BY ALL
        """,
        )
    return services.cast(_HELD), ids.cast(_HELD_IDS)


def _known_of(attempt: Attempt) -> pa.Table:
    """`services_in`, and none where they cannot be read."""
    try:
        return services_in(attempt)
    except IsindexError:
        return _HELD.empty_table().select(["record_key", "kind", "service", "start_date"])


def _without_basis(attempt: Attempt) -> pa.Table:
    """A sensitive service (as `services_in`) for each record of which one was refused for want of a basis, in what an attempt takes in."""
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
    schema = services_in(attempt).schema
    return pa.Table.from_pylist([{"record_key": key, "kind": "sensitive_service"} for key in found], schema=schema)


def unserviced_in(night: Night) -> pa.Table:
    """Whose services versions of an authority name no more, by what was found later (`UNSERVICED`)."""
    path = night.home.unserviced(night.authority)
    return read_table(path, UNSERVICED.names) if path.is_file() else UNSERVICED.empty_table()


def unserviced(attempt: Attempt, known: Mapping[str, pa.Table]) -> pa.Table:
    """Records of an attempt that name a service which is sensitive by a night held or failed, or was by what was found by then: record_ref, index_id.

    Args:
        attempt: the attempt.
        known: `held`, `held_ids`, `leads` and `unserviced` of `Known`, by these names.
    """
    told = known["unserviced"]
    told = told.filter(pc.equal(told["business_date"], pa.scalar(attempt.night.business_date)))
    held = known["held"]
    if held.num_rows:
        later = pc.greater_equal(held["business_date"], pa.scalar(attempt.night.business_date))
        held = held.filter(pc.or_(later, pc.greater(held["number"], _begun(attempt))))
    if not (told.num_rows or held.num_rows):
        return pa.table({name: pa.array([], pa.string()) for name in ("record_ref", "index_id")})
    views = {
        "told": told,
        "held": held,
        "held_ids": known["held_ids"],
        "leads": known["leads"],
        "identities": attempt.folder / "identities" / "identities.parquet",
        "own_services": services_in(attempt),
    }
    with connect(views) as duck:
        return fetch(
            duck,
            """
            WITH counted AS (
                SELECT number, record_key, child, count(*) AS services FROM held WHERE kind = 'sensitive_service' GROUP BY ALL
            ),
            same AS (  -- by a record, by an id that leads to the child there, or that leads where it leads by now
                SELECT number, index_id, child FROM counted JOIN identities USING (record_key) WHERE child IS NOT NULL
                UNION SELECT number, index_id, child FROM held_ids SEMI JOIN held USING (number)
                UNION SELECT number, i.index_id, child FROM held_ids h SEMI JOIN held USING (number)
                LEFT JOIN leads a ON a.index_id = h.child
                JOIN (SELECT DISTINCT index_id, coalesce(redirects_to, index_id) AS now FROM identities LEFT JOIN leads USING (index_id)) i
                ON i.now = coalesce(a.redirects_to, h.child)
            ),
            named AS (
                SELECT number, child, record_key, service, start_date
                FROM same JOIN identities USING (index_id) JOIN own_services USING (record_key) WHERE kind = 'service'
                UNION SELECT number, NULL, record_key, service, start_date
                FROM counted JOIN own_services USING (record_key) WHERE kind = 'service' AND child IS NULL
            ),
            plain AS (SELECT number, child, record_key, service, start_date FROM held WHERE kind = 'service'),
            named_no_more AS (
                FROM named
                EXCEPT SELECT n.number, n.child, record_key, p.service, p.start_date FROM named n JOIN plain p USING (number, record_key)
                EXCEPT SELECT number, child, n.record_key, p.service, p.start_date FROM named n JOIN plain p USING (number, child)
            ),
            gone AS (  -- of a record that tells of more sensitive ones than here
                SELECT number, record_key, service, start_date FROM counted c JOIN own_services USING (record_key)
                WHERE kind = 'service' AND services > (
                    SELECT count(*) FROM own_services o WHERE o.record_key = c.record_key AND kind = 'sensitive_service'
                )
                EXCEPT SELECT number, record_key, service, start_date FROM plain
            )
            SELECT record_ref, index_id FROM identities
            SEMI JOIN (SELECT record_key FROM named_no_more UNION SELECT record_key FROM gone) USING (record_key)
            UNION SELECT record_ref, index_id FROM identities SEMI JOIN told USING (record_ref) ORDER BY ALL
        """,
        )


def keep_unserviced(attempt: Attempt, record_refs: pa.Array) -> None:
    """Keep whose services the version of an attempt names no more (`Beyond.unserviced`): whatever is said later, and however its night is made anew."""
    before, night = unserviced_in(attempt.night), attempt.night
    new = pa.Table.from_pylist(
        [{"business_date": night.business_date, "record_ref": ref} for ref in record_refs.to_pylist()],
        schema=UNSERVICED.schema,
    )
    with connect({"before": before, "new": new}) as duck:
        after = fetch(duck, "FROM before UNION FROM new ORDER BY ALL")
    if after.num_rows > before.num_rows:
        write_table(give(after, UNSERVICED), night.home.unserviced(night.authority))


def telling_now(latest: Attempt, sensitive: pa.Table) -> dict[str, pa.Table]:
    """What the latest night says of services (`Known.services`, `telling` and `leads`)."""
    views = {
        "services": latest.folder / "person" / "involvements.parquet",
        "sensitive": sensitive,
        **{name: latest.folder / "identities" / f"{name}.parquet" for name in ("identities", "index_ids")},
    }
    with connect(views) as duck:
        leads = fetch(duck, f"{RESOLVED} SELECT index_id, redirects_to FROM resolved ORDER BY ALL")
        services = fetch(
            duck,
            """
            SELECT record_key, kind, service, start_date FROM services SEMI JOIN (
                FROM identities WHERE index_id IN (SELECT index_id FROM identities SEMI JOIN sensitive USING (record_ref))
            ) USING (record_key) ORDER BY ALL
        """,
        )
        telling = fetch(
            duck,
            f"""
            {RESOLVED},
            meant AS (SELECT index_id FROM identities JOIN services USING (record_key) WHERE kind = 'sensitive_service')
            FROM meant UNION SELECT index_id FROM resolved WHERE redirects_to IN (FROM meant) ORDER BY ALL
        """,
        )
    return {"services": services, "telling": telling, "leads": leads}


def services_in(attempt: Attempt) -> pa.Table:
    """The services that an attempt's records tell of: record_key, kind, service, start_date."""
    path = attempt.folder / "person" / "involvements.parquet"
    return read_table(path, ["record_key", "kind", "service", "start_date"])
