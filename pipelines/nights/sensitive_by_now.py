"""Services that are sensitive by now, and in versions of before were not: what the night in force has found, and nights held or failed since.

Belongs here: finding them, and keeping whose services were unnamed for a night that was never published, whatever becomes of that. Not here:
making a version less (`hiding`, `protective`), what a version shows of a sensitive service (`publishing.snapshot`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import load_contract
from pipelines.deliveries import Register, Store
from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt, last_attempts
from pipelines.nights.night import Night
from pipelines.seams.protection import UNSERVICED
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = [
    "SENSITIVE_SINCE", "found_since", "held_since", "keep_unserviced", "not_in_force_since", "services_in", "services_of", "unserviced",
    "unserviced_in",
]  # fmt: skip

T = TypeVar("T")
_log = logging.getLogger(__name__)

# of `sensitive` (`SENSITIVE`), `identities`, `own_services` of an attempt and `services` by now: who has, or had, more sensitive services than here, and by now none of the name of one that is named here, or by now fewer than it had:
# what is sent as sensitive no more was shown nowhere while it was, and stays unshown there
SENSITIVE_SINCE = """
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


def found_since(latest: Attempt, look: Callable[[Attempt], T]) -> list[T]:
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


def held_since(latest: Attempt) -> pa.Table:
    """Services of records of which a night held or failed since finds one to be sensitive: attempt, and as `services_in`."""
    nothing = services_in(latest).slice(0, 0).add_column(0, "attempt", pa.array([], pa.string()))
    return pa.concat_tables([nothing, *found_since(latest, _beside_sensitive_ones)], promote_options="default")


def _beside_sensitive_ones(attempt: Attempt) -> pa.Table:
    """The services of the records of an attempt of which one is sensitive: attempt, and as `services_in`; none where it has not read any."""
    if not (attempt.folder / "person" / "involvements.parquet").is_file():
        return pa.table({"attempt": pa.array([], pa.string())})
    services = pa.concat_tables([services_in(attempt), _without_basis(attempt)])
    telling = services.filter(pc.equal(services["kind"].cast(pa.string()), "sensitive_service"))["record_key"]
    services = services.filter(pc.is_in(services["record_key"], value_set=telling.combine_chunks()))
    return services.add_column(0, "attempt", pa.array([attempt.digest] * services.num_rows, pa.string()))


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
    """Whose services versions of an authority name no more, by what nights held or failed have found (`UNSERVICED`)."""
    path = night.home.unserviced(night.authority)
    return read_table(path) if path.is_file() else UNSERVICED.empty_table()


def unserviced(attempt: Attempt, held: pa.Table, told: pa.Table) -> pa.Table:
    """Records of an attempt that name a service which is sensitive in a night held or failed, or was in one by then: record_ref, index_id.

    Args:
        attempt: the attempt.
        held: as `held_since`.
        told: as `unserviced_in`.
    """
    mine = pc.and_(
        pc.equal(told["business_date"], pa.scalar(attempt.night.business_date)),
        pc.or_(pc.is_null(told["attempt"]), pc.fill_null(pc.equal(told["attempt"], attempt.digest), False)),
    )
    told = told.filter(mine)
    if not (told.num_rows or held.num_rows):
        return pa.table({name: pa.array([], pa.string()) for name in ("record_ref", "index_id")})
    views = {
        "told": told,
        "held": held,
        "identities": attempt.folder / "identities" / "identities.parquet",
        "own_services": services_in(attempt),
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
    before, night = unserviced_in(attempt.night), attempt.night
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


def services_of(attempt: Attempt, sensitive: pa.Table) -> pa.Table:
    """The services that an attempt's records tell of which are among `sensitive`: record_key, kind, service, start_date."""
    identities = attempt.folder / "identities" / "identities.parquet"
    with connect({"services": services_in(attempt), "sensitive": sensitive, "identities": identities}) as duck:
        return fetch(
            duck,
            """
            SELECT record_key, kind, service, start_date FROM services
            SEMI JOIN (FROM identities SEMI JOIN sensitive USING (record_ref)) USING (record_key) ORDER BY ALL
        """,
        )


def services_in(attempt: Attempt) -> pa.Table:
    """The services that an attempt's records tell of: record_key, kind, service, start_date."""
    path = attempt.folder / "person" / "involvements.parquet"
    return read_table(path, ["record_key", "kind", "service", "start_date"])
