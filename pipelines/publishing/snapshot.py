"""The snapshot: what one authority's index shows after a night, as nine tables.

Belongs here: best values, and what is left out by law (shielded, withheld, sensitive, numbers issued by agencies). Not
here: the independent proof of it (gates), where it lies (publish). Every table is sorted, so equal input gives equal
bytes.

What gives a hidden child away (`protection.household`) is taken out of the person tables before anything is made of them: of
who lives at a hidden place that address, everywhere whatever text holds a hidden place or a hidden telephone number. So is what
would be shown across an identity firewall (`protection.firewall`); of an identity at one no event is told.

Best values are the word of the most trusted agency (`schemas/survivorship.yaml`), then the most recent, then the
smallest record key. A shielded or withheld child has a row in children (name, sex, date of birth), one in names, the
names of its carers (of those whom no open record shows with an address), and nothing else; no carers, and of the names that of the row in
children, where it may be two identities (`protection.unwalled`). A child without any name at
a hidden place has no row at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa
import yaml

from pipelines.errors import IsindexError
from pipelines.identities.assign import RESOLVED
from pipelines.identities.mint import FORM
from pipelines.identities.state import IdentityState
from pipelines.protection.firewall import find_across
from pipelines.protection.household import find_household
from pipelines.protection.numbers_told import find_numbers_told
from pipelines.seams import conform, give
from pipelines.seams.identities import IDENTITY_TABLES
from pipelines.seams.person import PERSON_TABLES
from pipelines.seams.snapshot import SNAPSHOT_TABLES
from pipelines.tables import connect, fetch

__all__ = ["SNAPSHOT_TABLES", "build_snapshot"]


def build_snapshot(
    person: Mapping[str, pa.Table | Path],
    state: IdentityState,
    further_places: pa.Table | None = None,
    walls: pa.Table | None = None,
    borne: pa.Table | None = None,
    unwalled: pa.Table | None = None,
) -> dict[str, pa.Table]:
    """The nine tables of the snapshot.

    Args:
        person: the tables of `PERSON_TABLES`, each keyed by record_key, in memory or Parquet.
        state: identities and visibility after the night.
        further_places: hidden places that no record has any more (`household.FURTHER_PLACES`).
        walls: who stands on which side of an identity firewall (`WALLS`).
        borne: what each side has borne (`BORNE`).
        unwalled: index_id of identities that may be two children's, for a firewall stands nowhere that was asked for, and whether one
            name of theirs may be shown all the same (named).

    Returns:
        table by name, with the columns of `database.tables.INDEX_TABLES` less authority and row.

    Raises:
        IsindexError: SNAPSHOT_INPUT_MISSING when a person table is not there.
    """
    missing = [name for name in PERSON_TABLES if name not in person]
    if missing:
        raise IsindexError(
            "SNAPSHOT_INPUT_MISSING", f"No person table {', '.join(missing)}.", where="building the snapshot"
        )
    for name, seam in PERSON_TABLES.items():
        conform(person[name], seam, _OF_RECORDS if name == "records" else None)
    for name, seam in IDENTITY_TABLES.items():
        conform(getattr(state, name), seam)
    household = find_household(person, state.identities, state.visibility, further_places)
    views: dict[str, pa.Table | Path] = {f"delivered_{name}": person[name] for name in PERSON_TABLES}
    views |= {f"unseen_{name}": table for name, table in vars(household).items() if name != "texts"}
    views |= {"texts_of_homes": household.texts, "texts_with_numbers": find_numbers_told(person)}
    across = find_across(person, state.identities, walls, borne)
    views |= {f"across_{name}": table for name, table in vars(across).items()}
    views |= {
        "identities": state.identities,
        "index_ids": state.index_ids,
        "visibility": state.visibility,
        "story": state.story,
        "unwalled": _NOBODY_UNWALLED if unwalled is None else unwalled,
        "trust": _trust(),
    }
    with connect(views) as connection:
        connection.execute(_SEEN)
        connection.execute(_HELD)
        return {name: give(fetch(connection, _TABLES[name]), seam) for name, seam in SNAPSHOT_TABLES.items()}


@cache
def _trust() -> pa.Table:
    """field, agency, rank (1 is trusted most) from schemas/survivorship.yaml."""
    path = Path(__file__).parents[2] / "schemas" / "survivorship.yaml"
    fields: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [(field, agency, rank) for field, agencies in fields.items() for rank, agency in enumerate(agencies, 1)]
    return pa.table(dict(zip(("field", "agency", "rank"), map(list, zip(*rows, strict=True)), strict=True)))


# the columns of the person records that are read
_OF_RECORDS = [
    "record_key", "agency", "family_name", "given_names", "birth_date", "expected_birth_date", "sex", "address_status",
    "as_of",
]  # fmt: skip


def _seen(table: str, *columns: str, source: str = "") -> str:
    """A view of a person table (or of `source`) in which texts that may not be seen are NULL in these columns."""
    joins = " ".join(
        f"LEFT JOIN unseen_texts {name}_unseen ON {name}_unseen.record_key = d.record_key AND {name}_unseen.text = d.{name}"
        for name in columns
    )
    kept = ", ".join(f"CASE WHEN {name}_unseen.text IS NULL THEN d.{name} END AS {name}" for name in columns)
    return f"CREATE TEMP VIEW person_{table} AS SELECT d.* REPLACE ({kept}) FROM {source or f'delivered_{table}'} d {joins};"


# the person tables as they may be seen; an address is seen whole or not at all, and so is why there would be none
_SEEN = f"""
    CREATE TEMP TABLE unseen_texts AS
    SELECT record_key, text FROM texts_of_homes UNION SELECT record_key, text FROM texts_with_numbers;

    CREATE TEMP VIEW names_of_own AS
    SELECT d.* FROM delivered_names d ANTI JOIN across_names a ON a.record_key = d.record_key AND a.kind = d.kind
        AND a.family_name IS NOT DISTINCT FROM d.family_name AND a.given_names IS NOT DISTINCT FROM d.given_names;
    {_seen("names", "family_name", "given_names", source="names_of_own")}
    CREATE TEMP VIEW involvements_of_own AS
    SELECT d.* REPLACE (CASE WHEN s.text IS NULL THEN d.service END AS service,
        CASE WHEN c.text IS NULL THEN d.contact END AS contact, CASE WHEN p.text IS NULL THEN d.phone END AS phone)
    FROM delivered_involvements d
    LEFT JOIN across_texts s ON s.record_key = d.record_key AND s.text = d.service
    LEFT JOIN across_texts c ON c.record_key = d.record_key AND c.text = d.contact
    LEFT JOIN across_texts p ON p.record_key = d.record_key AND p.text = d.phone;
    {_seen("involvements", "service", "contact", "phone", source="involvements_of_own")}
    CREATE TEMP VIEW person_flags AS FROM delivered_flags;

    CREATE TEMP TABLE unseen_rows AS
    SELECT record_key, address, postcode, uprn FROM unseen_addresses
    UNION SELECT record_key, address, postcode, uprn FROM across_addresses
    UNION SELECT a.record_key, a.address, a.postcode, a.uprn
    FROM delivered_addresses a JOIN unseen_texts t ON t.record_key = a.record_key AND t.text = a.address;

    CREATE TEMP VIEW person_addresses AS
    SELECT a.* FROM delivered_addresses a ANTI JOIN unseen_rows u ON u.record_key = a.record_key
        AND u.address IS NOT DISTINCT FROM a.address AND u.postcode IS NOT DISTINCT FROM a.postcode
        AND u.uprn IS NOT DISTINCT FROM a.uprn;

    CREATE TEMP VIEW records_with_status AS
    SELECT d.* REPLACE (CASE WHEN u.record_key IS NULL THEN d.address_status END AS address_status,
        CASE WHEN a.record_key IS NULL THEN d.family_name END AS family_name,
        CASE WHEN a.record_key IS NULL THEN d.given_names END AS given_names)
    FROM delivered_records d LEFT JOIN (SELECT DISTINCT record_key FROM unseen_rows) u USING (record_key)
    LEFT JOIN across_in_use a USING (record_key);
    {_seen("records", "family_name", "given_names", source="records_with_status")}

    CREATE TEMP VIEW carers_with_names AS
    SELECT d.* REPLACE (CASE WHEN u.name IS NULL THEN d.name END AS name)
    FROM (
        SELECT e.* FROM delivered_carers e ANTI JOIN across_carers a ON a.record_key = e.record_key
            AND a.name IS NOT DISTINCT FROM e.name AND a.relationship IS NOT DISTINCT FROM e.relationship
            AND a.contact IS NOT DISTINCT FROM e.contact
    ) d LEFT JOIN unseen_carers u ON u.record_key = d.record_key AND u.name = d.name;
    {_seen("carers", "name", "relationship", "contact", source="carers_with_names")}
"""

# every record with its identity, whether that may be shown, and how much its word counts for each field (less is more)
_FIELDS = ("name", "birth_date", "sex", "address", "carer")
_TRUST = ", ".join(
    f"dense_rank() OVER (ORDER BY coalesce(min(rank) FILTER (field = '{field}'), 999), a.agency) AS {field}_trust"
    for field in _FIELDS
)
_RANKS = ", ".join(f"{field}_trust * 10000000000 + place AS {field}_rank" for field in _FIELDS)
_HELD = f"""
    CREATE TEMP TABLE held AS
    WITH trusted AS (  -- agencies that are not named come after those that are, by name
        SELECT a.agency, {_TRUST}
        FROM (SELECT DISTINCT agency FROM person_records) a LEFT JOIN trust t USING (agency) GROUP BY a.agency
    ),
    h AS (
        SELECT i.record_key, i.index_id, r.agency, coalesce(v.shielded, true) AS shielded,
            coalesce(v.withheld, false) AS withheld, coalesce(v.shielded OR v.withheld, true) AS restricted,
            v.index_id IS NOT NULL AND i.index_id IN (SELECT index_id FROM unwalled) AND (v.shielded OR v.withheld) AS maybe_two,
            v.index_id IS NOT NULL AND (v.shielded OR v.withheld)
                AND i.index_id IN (SELECT index_id FROM unwalled WHERE NOT named) AS unnamed,
            row_number() OVER (ORDER BY r.as_of DESC NULLS LAST, i.record_key) AS place
        FROM identities i JOIN person_records r USING (record_key) LEFT JOIN visibility v USING (index_id)
        ANTI JOIN unseen_nameless USING (index_id)
    )
    SELECT h.* EXCLUDE (place), {_RANKS} FROM h JOIN trusted USING (agency)
"""

_NOBODY_UNWALLED = pa.table({"index_id": pa.array([], pa.string()), "named": pa.array([], pa.bool_())})

_TABLES = {
    "children": """
        SELECT index_id, best.family_name, best.given_names, * EXCLUDE (index_id, best, shielded, withheld, state),
            shielded, withheld, state
        FROM (SELECT index_id,
            -- family name and given names come from one record
            arg_min({'family_name': family_name, 'given_names': given_names}, name_rank)
                FILTER (coalesce(family_name, given_names) IS NOT NULL AND NOT unnamed) AS best,
            arg_min(sex, sex_rank) FILTER (sex IS NOT NULL) AS sex,
            arg_min(birth_date, birth_date_rank) FILTER (birth_date IS NOT NULL) AS birth_date,
            CASE WHEN any_value(restricted) THEN NULL
                ELSE arg_min(expected_birth_date, birth_date_rank) FILTER (birth_date IS NULL)
                END AS expected_birth_date,
            CASE WHEN any_value(restricted) THEN NULL
                ELSE arg_min(address_status, address_rank) FILTER (address_status IS NOT NULL) END AS address_status,
            any_value(held.shielded) AS shielded, any_value(withheld) AS withheld, any_value(g.state) AS state
        FROM held JOIN person_records USING (record_key) JOIN index_ids g USING (index_id)
        GROUP BY index_id) ORDER BY index_id
    """,
    "names": """
        WITH best AS (  -- the one name of who may be two
            SELECT index_id, arg_min({'family_name': family_name, 'given_names': given_names}, name_rank)
                FILTER (coalesce(family_name, given_names) IS NOT NULL) AS name
            FROM held JOIN person_records USING (record_key) WHERE maybe_two GROUP BY index_id
        ),
        known AS (
            SELECT h.index_id, h.restricted, h.name_rank, n.kind, n.family_name, n.given_names, n.from_date, n.to_date,
                n.agency
            FROM held h JOIN person_names n USING (record_key)
            LEFT JOIN best b ON b.index_id = h.index_id
            WHERE coalesce(n.family_name, n.given_names) IS NOT NULL AND NOT (h.restricted AND n.kind <> 'current') AND NOT h.unnamed
                AND NOT (h.maybe_two AND (b.name.family_name IS DISTINCT FROM n.family_name OR b.name.given_names IS DISTINCT FROM n.given_names))
        ),
        distinct_names AS (
            SELECT * FROM known QUALIFY row_number() OVER (
                PARTITION BY index_id, CASE WHEN restricted THEN '' ELSE kind END,
                    CASE WHEN restricted THEN '' ELSE family_name END, CASE WHEN restricted THEN '' ELSE given_names END
                ORDER BY name_rank, family_name, given_names, from_date, to_date) = 1
        )
        SELECT index_id, kind, family_name, given_names, CASE WHEN NOT restricted THEN from_date END AS from_date,
            CASE WHEN NOT restricted THEN to_date END AS to_date, CASE WHEN NOT restricted THEN agency END AS agency
        FROM distinct_names
        ORDER BY index_id, CASE kind WHEN 'current' THEN 1 WHEN 'former' THEN 2 ELSE 3 END, name_rank, family_name,
            given_names
    """,
    "addresses": """
        SELECT index_id, address, postcode, uprn, status, from_date, agency FROM (
            SELECT h.index_id, h.address_rank, a.address, a.postcode, a.uprn, a.status, a.from_date, a.agency
            FROM held h JOIN person_addresses a USING (record_key)
            WHERE NOT h.restricted AND coalesce(a.address, a.postcode, a.uprn, a.status) IS NOT NULL
        )
        QUALIFY row_number() OVER (
            PARTITION BY index_id, address, postcode, uprn, status ORDER BY address_rank, from_date) = 1
        ORDER BY index_id, address_rank, address, postcode, uprn, status
    """,
    "carers": """
        SELECT index_id, name, CASE WHEN NOT restricted THEN relationship END AS relationship,
            CASE WHEN NOT restricted THEN contact END AS contact, CASE WHEN NOT restricted THEN agency END AS agency
        FROM (
            SELECT h.index_id, h.restricted, h.carer_rank, c.name, c.relationship, c.contact, c.agency
            FROM held h JOIN person_carers c USING (record_key)
            WHERE (c.name IS NOT NULL OR NOT h.restricted) AND NOT h.maybe_two
        )
        QUALIFY row_number() OVER (
            PARTITION BY index_id, name, CASE WHEN NOT restricted THEN relationship END,
                CASE WHEN NOT restricted THEN contact END ORDER BY carer_rank) = 1
        ORDER BY index_id, carer_rank, name, relationship, contact
    """,
    # of a sensitive service nothing is shown but that there is one: no agency, no dates
    "involvements": """
        WITH shown AS (
            SELECT DISTINCT h.index_id, v.kind, v.kind = 'sensitive_service' AS sensitive, v.service, v.contact,
                v.phone, v.start_date, v.end_date, v.agency
            FROM held h JOIN person_involvements v USING (record_key) WHERE NOT h.restricted
        )
        SELECT DISTINCT index_id, kind, CASE WHEN NOT sensitive THEN service END AS service,
            CASE WHEN NOT sensitive THEN contact END AS contact, CASE WHEN NOT sensitive THEN phone END AS phone,
            CASE WHEN NOT sensitive THEN start_date END AS start_date,
            CASE WHEN NOT sensitive THEN end_date END AS end_date, CASE WHEN NOT sensitive THEN agency END AS agency
        FROM shown ORDER BY ALL
    """,
    "flags": """
        SELECT DISTINCT h.index_id, f.flag, f.agency FROM held h JOIN person_flags f USING (record_key)
        WHERE NOT h.restricted ORDER BY ALL
    """,
    "record_links": """
        SELECT i.index_id, h.agency, coalesce(i.wall_ref, i.record_ref) AS record_ref, i.delivery_id, i.position, i.step, i.weight, i.reason
        FROM identities i JOIN held h USING (record_key) WHERE NOT h.restricted
        ORDER BY i.index_id, coalesce(i.wall_ref, i.record_ref)
    """,
    "redirects": f"""
        {RESOLVED}
        SELECT f.index_id, f.redirects_to, f.since FROM resolved f JOIN index_ids g ON g.index_id = f.redirects_to
        ANTI JOIN unseen_nameless n ON n.index_id = g.index_id
        WHERE g.state IN ('live', 'frozen') ORDER BY f.index_id
    """,
    # an identity that ended or was merged has no row in children, and so none here; at a firewall no other id is told of
    "events": f"""
        SELECT s.index_id, s.business_date, s.kind, s.words
        FROM story s JOIN visibility v USING (index_id) ANTI JOIN unseen_nameless USING (index_id)
        LEFT JOIN across_at_wall w ON w.index_id = s.index_id
        WHERE NOT v.shielded AND NOT v.withheld AND (w.index_id IS NULL OR NOT regexp_matches(s.words, '{FORM}'))
        ORDER BY ALL
    """,
}
