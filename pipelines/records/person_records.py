"""Person records: every live record of every feed in one comparable form.

Belongs here: putting what the contracts' concepts name into common columns, and the rules of what may be shown at all
(a sensitive service has no name from here on; a pseudo postcode is never a place). Not here: folding and phonetics for
comparison (`comparable`), who is whom. No agency is named: the SQL is compiled from each contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date

import pyarrow as pa

from pipelines.contracts.contract import Contract
from pipelines.contracts.person_record import PERSON_RECORD
from pipelines.records.concepts import Feed, literal, tidy
from pipelines.seams import give
from pipelines.seams.person import PERSON_TABLES
from pipelines.seams.words import FLAGS, NAME_KINDS
from pipelines.tables import connect, fetch

__all__ = ["PersonRecords", "build_person_records"]


@dataclass(frozen=True)
class PersonRecords:
    """The tables of one authority's person records, each ordered by record_key: the seams of `pipelines.seams.person`."""

    records: pa.Table
    names: pa.Table
    addresses: pa.Table
    carers: pa.Table
    involvements: pa.Table
    flags: pa.Table


def build_person_records(
    live: Mapping[str, pa.Table], contracts: Mapping[str, Contract], authority: str, business_date: date
) -> PersonRecords:
    """Bring the live records of all feeds of one authority's night into comparable form.

    Args:
        live: agency → its live records: key, position, unverified, the contract's columns in their own types,
            delivery_id, as_of, content. An agency that never delivered may be absent.
        contracts: agency → the contract its live records follow.
        authority: not used in the result; a night is a function of it, and errors name it.
        business_date: the day of the night; stands in for a record's own day where its feed says none.

    Raises:
        IsindexError: CONTRACT_MISSING when live records have no contract.
    """
    feeds = [
        Feed.of(agency, live[agency].schema.names, contracts, f"{authority} {business_date}") for agency in sorted(live)
    ]
    views = {feed.view: live[feed.agency] for feed in feeds}
    with connect(views) as connection:
        for name, part in _PARTS.items():
            selects = [select for feed in feeds for select in part(feed)]
            connection.execute(f"CREATE TEMP TABLE {name} AS {' UNION ALL '.join([_EMPTY[name], *selects])}")
        connection.execute(_RECORD_NAMES)
        tables = {}
        for each in fields(PersonRecords):
            sql = _RESULTS[each.name].format(business_date=business_date.isoformat())
            tables[each.name] = give(fetch(connection, sql), PERSON_TABLES[each.name])
    return PersonRecords(**tables)


def _base(feed: Feed) -> list[str]:
    """One row per live record with everything that needs no second table."""
    verified = {
        concept: feed.verified(concept) for concept in ("nhs_number", "upn", "previous_nhs_number", "former_upn")
    }
    address = feed.address()
    return [
        f"""
        SELECT {feed.record_key} AS record_key, '{feed.agency}' AS agency, key,
            {feed.value("birth_date")} AS birth_date, {feed.value("expected_birth_date")} AS expected_birth_date,
            {feed.value("age_estimate")} AS age_estimate, {feed.value("death_date")} AS death_date,
            {feed.value("sex")} AS sex, {address.postcode} AS postcode, {address.text} AS address,
            {address.uprn} AS uprn, {address.status} AS address_status, {address.since} AS address_from,
            CASE WHEN {verified["nhs_number"]} THEN {feed.value("nhs_number")} END AS nhs_number,
            CASE WHEN NOT {verified["nhs_number"]} THEN {feed.value("nhs_number")} END AS nhs_number_unverified,
            CASE WHEN {verified["previous_nhs_number"]} THEN {feed.value("previous_nhs_number")} END
                AS previous_nhs_number,
            CASE WHEN {verified["upn"]} THEN {feed.value("upn")} END AS upn,
            CASE WHEN NOT {verified["upn"]} THEN {feed.value("upn")} END AS upn_unverified,
            CASE WHEN {verified["former_upn"]} THEN {feed.value("former_upn")} END AS former_upn,
            {feed.value("phone")} AS phone, {feed.value("school")} AS school,
            {feed.value("gp_practice")} AS gp_practice, {feed.shielded()} AS shielded,
            '{feed.agency}:' || {feed.text("walled_from")} AS walled_from,
            coalesce({feed.value("as_of")}::DATE, as_of) AS as_of, delivery_id, position, content
        FROM {feed.view} WHERE NOT {feed.truth("withdrawn")}
        """
    ]


def _names(feed: Feed) -> list[str]:
    """Names in use, former and alias, from single columns and from an array of names."""
    given = f"nullif(concat_ws(' ', {feed.text('given_names')}, {feed.text('other_given_names')}), '')"
    selects = []
    if feed.has("family_name") or feed.has("given_names"):
        selects.append(_name(feed, "'current'", feed.text("family_name"), given, 0))
    if feed.has("alias_family_name"):
        selects.append(_name(feed, "'alias'", feed.text("alias_family_name"), given, 0, also=feed.text("family_name")))
    if feed.has("former_family_name"):
        former = f"unnest(string_split({feed.value('former_family_name')}, ';'))"
        inner = f"(SELECT *, {former} AS one_former FROM {feed.view})"
        selects.append(_name(feed, "'former'", tidy("one_former"), given, 0, feed.text("family_name"), inner))
    if feed.has("names"):
        item = feed.items("names")
        kind = item.value("name.kind")
        selects.append(f"""
            SELECT {feed.record_key}, '{feed.agency}', CASE WHEN {kind} IN {NAME_KINDS} THEN {kind} ELSE 'alias' END,
                one_ordinal,
                {item.text("name.family")}, {item.text("name.given")}, {item.value("name.from")}::DATE,
                {item.value("name.to")}::DATE
            FROM {item.rows}
        """)
    return selects


def _name(
    feed: Feed, kind: str, family: str, given: str, ordinal: int, also: str = "NULL", rows: str | None = None
) -> str:
    """Names of one kind; one that only repeats the family name `also` in use is left out."""
    return f"""
        SELECT {feed.record_key}, '{feed.agency}', {kind}, {ordinal}, {family}, {given}, NULL::DATE, NULL::DATE
        FROM {rows or feed.view}
        WHERE ({kind} = 'current' OR {family} IS NOT NULL)
            AND lower({family}) IS DISTINCT FROM coalesce(lower({also}), '')
    """


def _carers(feed: Feed) -> list[str]:
    selects = []
    if feed.has("carer_name"):
        selects.append(f"""
            SELECT {feed.record_key}, '{feed.agency}', 0, {feed.text("carer_name")}, {feed.text("carer_relationship")},
                {feed.text("carer_contact")}
            FROM {feed.view}
        """)
    if feed.has("carers"):
        item = feed.items("carers")
        selects.append(f"""
            SELECT {feed.record_key}, '{feed.agency}', one_ordinal, {item.text("carer.name")},
                {item.text("carer.relationship")}, {item.text("carer.contact")}
            FROM {item.rows}
        """)
    return selects


def _involvements(feed: Feed) -> list[str]:
    """Services involved; of a sensitive one nothing but its period, and nothing at all without a consent basis."""
    selects = []
    for number, mapping in enumerate(feed.contract.involvements):
        selects.append(f"""
            SELECT {feed.record_key}, '{feed.agency}', {number}, '{mapping.kind}',
                {literal(mapping.service_prefix)} || {feed.column(mapping.service)},
                {feed.column(mapping.contact)}, {feed.column(mapping.phone)}, {feed.column(mapping.start)}::DATE,
                {feed.column(mapping.end)}::DATE
            FROM {feed.view} WHERE {feed.column(mapping.service)} IS NOT NULL
        """)
    if feed.has("involvements"):
        item = feed.items("involvements")
        sensitive = f"(NOT {item.plainly_false('involvement.sensitive')})"

        def shown(concept: str) -> str:
            return f"CASE WHEN NOT {sensitive} THEN {item.text(concept)} END"

        selects.append(f"""
            SELECT {feed.record_key}, '{feed.agency}', one_ordinal,
                CASE WHEN {sensitive} THEN 'sensitive_service' ELSE 'service' END, {shown("involvement.service")},
                {shown("involvement.contact")}, {shown("involvement.phone")}, {item.value("involvement.start")}::DATE,
                {item.value("involvement.end")}::DATE
            FROM {item.rows}
            WHERE NOT {sensitive} OR {item.value("involvement.consent_basis")} IS NOT NULL
        """)
    return selects


def _flags(feed: Feed) -> list[str]:
    return [
        f"SELECT {feed.record_key}, '{feed.agency}', '{flag}' FROM {feed.view} WHERE {feed.truth(flag)}"
        for flag in FLAGS
        if feed.has(flag)
    ]


_PARTS: Mapping[str, Callable[[Feed], list[str]]] = {
    "base": _base,
    "name": _names,
    "carer": _carers,
    "involvement": _involvements,
    "flag": _flags,
}


def _empty(**columns: str) -> str:
    """No row, with names and types: what the parts of the feeds are stacked under."""
    return "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in columns.items()) + " WHERE false"


_OWN_TABLE = {"given_names", "family_name", "former_family_name", "carer_name", "linkable"}
_KEYS = {"record_key": "VARCHAR", "agency": "VARCHAR"}
_EMPTY: Mapping[str, str] = {
    "base": _empty(**{each.name: each.type for each in PERSON_RECORD if each.name not in _OWN_TABLE}),
    "name": _empty(
        **_KEYS,
        kind="VARCHAR",
        ordinal="BIGINT",
        family_name="VARCHAR",
        given_names="VARCHAR",
        from_date="DATE",
        to_date="DATE",
    ),
    "carer": _empty(**_KEYS, ordinal="BIGINT", name="VARCHAR", relationship="VARCHAR", contact="VARCHAR"),
    "involvement": _empty(
        **_KEYS,
        ordinal="BIGINT",
        kind="VARCHAR",
        service="VARCHAR",
        contact="VARCHAR",
        phone="VARCHAR",
        start_date="DATE",
        end_date="DATE",
    ),
    "flag": _empty(**_KEYS, flag="VARCHAR"),
}

# The name a record goes by: one in use before an alias before a former one; of several the latest, then the first.
# The former family name: the latest one that is not the family name in use.
_RECORD_NAMES = """
    CREATE TEMP TABLE known_name AS
    SELECT * FROM name SEMI JOIN base USING (record_key) WHERE family_name IS NOT NULL OR given_names IS NOT NULL;

    CREATE TEMP TABLE name_in_use AS
    SELECT record_key, family_name, given_names FROM known_name
    QUALIFY row_number() OVER (
        PARTITION BY record_key
        ORDER BY CASE kind WHEN 'current' THEN 1 WHEN 'alias' THEN 2 ELSE 3 END, from_date DESC NULLS LAST, ordinal,
            family_name, given_names
    ) = 1;

    CREATE TEMP TABLE name_before AS
    SELECT former.record_key, former.family_name
    FROM known_name AS former JOIN name_in_use USING (record_key)
    WHERE former.kind = 'former' AND former.family_name IS NOT NULL
        AND lower(former.family_name) IS DISTINCT FROM lower(name_in_use.family_name)
    QUALIFY row_number() OVER (
        PARTITION BY former.record_key
        ORDER BY coalesce(to_date, from_date) DESC NULLS LAST, ordinal, former.family_name
    ) = 1;
"""

_ALL_COLUMNS = ", ".join(f"{each.name}::{each.type} AS {each.name}" for each in PERSON_RECORD)
_RESULTS: Mapping[str, str] = {
    "records": f"""
        WITH first_carer AS (
            SELECT record_key, arg_min(name, ordinal) AS carer_name FROM carer WHERE name IS NOT NULL
            GROUP BY record_key
        ), gathered AS (
            SELECT base.* REPLACE (coalesce(base.as_of, DATE '{{business_date}}') AS as_of), name_in_use.given_names,
                name_in_use.family_name, name_before.family_name AS former_family_name, carer_name,
                name_in_use.record_key IS NOT NULL OR birth_date IS NOT NULL AS linkable
            FROM base LEFT JOIN name_in_use USING (record_key) LEFT JOIN name_before USING (record_key)
            LEFT JOIN first_carer USING (record_key)
        )
        SELECT {_ALL_COLUMNS} FROM gathered ORDER BY record_key
    """,
    "names": """
        SELECT record_key, agency, kind, family_name, given_names, from_date, to_date FROM known_name
        ORDER BY record_key, CASE kind WHEN 'current' THEN 1 WHEN 'former' THEN 2 ELSE 3 END, ordinal, family_name,
            given_names
    """,
    "addresses": """
        SELECT record_key, agency, address, postcode, uprn, address_status AS status, address_from AS from_date
        FROM base WHERE coalesce(address, postcode, uprn, address_status) IS NOT NULL ORDER BY record_key
    """,
    "carers": """
        SELECT record_key, agency, name, relationship, contact FROM carer SEMI JOIN base USING (record_key)
        WHERE name IS NOT NULL ORDER BY record_key, ordinal, name
    """,
    "involvements": """
        SELECT record_key, agency, kind, service, contact, phone, start_date, end_date
        FROM involvement SEMI JOIN base USING (record_key) WHERE service IS NOT NULL OR kind = 'sensitive_service'
        ORDER BY record_key, ordinal, kind, service
    """,
    "flags": "SELECT record_key, agency, flag FROM flag SEMI JOIN base USING (record_key) ORDER BY record_key, flag",
}
