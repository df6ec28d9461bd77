"""The gate of households: nothing that is published tells where a hidden child lives or how it is reached.

Belongs here: hidden places and telephone numbers worked out again, from the person tables and from who is hidden in the very
tables that would be published, and looked for in all of them. Not here: who must be hidden (`protection.shielding`), and
how it was taken out (`pipelines.protection.household`, of which nothing is used: the same promise, in code of its own). What
is left out there because too many share it is left out here, too; counted so that this gate never asks for more.
"""

from __future__ import annotations

from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES

__all__ = ["household"]

# more children of more family names than this are no household; as `household.COMMUNAL_CHILDREN` and `COMMUNAL_FAMILIES`
_CROWD = "count(DISTINCT index_id) > 10 AND count(DISTINCT family) > 6"
_MADE_HERE = {"index_id", "redirects_to", "record_ref", "delivery_id"}  # made by the program, from no address
_OF_PLACES = {("addresses", "postcode"), ("addresses", "uprn")}  # compared as places, not as words


def household(evidence: Evidence) -> Gate:
    """Addresses one by one, then every text of every table, decoded."""
    evidence.connection.execute(_SPELLED)
    evidence.connection.execute(_HIDDEN)
    evidence.connection.execute(_TELEPHONES)
    homes = evidence.count("""
        SELECT count(*) FROM addresses a JOIN spelled s ON s.address IS NOT DISTINCT FROM a.address
            AND s.postcode IS NOT DISTINCT FROM a.postcode AND s.uprn IS NOT DISTINCT FROM a.uprn
        WHERE a.index_id NOT IN (FROM hidden_children) AND (
            s.spelling IN (SELECT other FROM one_home WHERE NOT crowded) OR (s.spelling, a.index_id) IN (FROM kin))
    """)
    texts = sum(_telling(evidence, table) for table in SNAPSHOT_TABLES)
    carers = evidence.count("""
        SELECT count(*) FROM carers h
        WHERE index_id IN (FROM hidden_children) AND upper(trim(name)) IN (
            SELECT upper(trim(name)) FROM carers
            WHERE index_id NOT IN (FROM hidden_children) AND index_id IN (SELECT index_id FROM addresses
                WHERE coalesce(address, postcode, uprn) IS NOT NULL)
        )
    """)
    nameless = evidence.count("""
        SELECT count(DISTINCT index_id) FROM children SEMI JOIN nameless USING (index_id) JOIN lives_there USING (index_id)
        WHERE NOT (shielded OR withheld) AND spelling IN (SELECT other FROM one_home WHERE NOT crowded)
    """)
    return Gate(
        "household",
        homes + texts + carers + nameless == 0,
        "No row of anybody tells where a hidden child lives: no address of its home, no text with its street and number, "
        "postcode, UPRN or a telephone number, no carer of it beside an address, no child without a name there.",
        {
            "places_hidden": evidence.count("SELECT count(*) FROM hidden_homes"),
            "addresses_shown": homes,
            "texts_telling": texts,
            "carers_with_address": carers,
            "nameless_shown": nameless,
        },
    )


_POSTCODE = "[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}"
_PLAIN = "regexp_replace(regexp_replace(upper(strip_accents({0})), '[''’`.]', '', 'g'), '[^A-Z0-9,]+', ' ', 'g')"
_ROAD = r"\b[0-9]+[ ,]+[A-Z]{2,} [A-Z]+"
_ROAD_SHORT = "^[0-9]+ +[A-Z]+ [A-Z]"  # Ln is Lane

# every address as it is written (a spelling), with what is compared of it
_SPELLED = rf"""
    CREATE OR REPLACE TEMP TABLE spelled AS
    WITH written AS (
        SELECT address, postcode, uprn FROM person_addresses UNION SELECT address, postcode, uprn FROM addresses
        UNION SELECT address, postcode, uprn FROM further_places
    ),
    apart AS (
        SELECT *, row_number() OVER () AS spelling, {_PLAIN.format("address")} AS plain,
            nullif(regexp_replace(upper(postcode), '[^A-Z0-9]', '', 'g'), '') AS given_code,
            nullif(replace(regexp_extract(plain, '\b{_POSTCODE}\b'), ' ', ''), '') AS found_code,
            replace(regexp_replace(coalesce(plain, ''), '\b{_POSTCODE}\b', ' ', 'g'), 'SAINT ', 'ST ') AS lines
        FROM written
    )
    SELECT address, postcode, uprn, spelling, nullif(ltrim(regexp_replace(uprn, '[^0-9]', '', 'g'), '0'), '') AS number,
        coalesce(given_code, found_code) AS code,
        list_sort(list_distinct(flatten(list_transform(regexp_extract_all(lines, '\b[0-9]+[A-Z]?\b'),
            lambda token: [token, regexp_extract(token, '[0-9]+')])))) AS numbers,
        list_transform(regexp_extract_all(lines, '{_ROAD}'), lambda road: replace(road, ',', '')) AS roads
    FROM apart;

    CREATE OR REPLACE TEMP TABLE lives_there AS
    SELECT DISTINCT i.index_id, upper(trim(p.family_name)) AS family, s.spelling
    FROM person_addresses a JOIN spelled s ON s.address IS NOT DISTINCT FROM a.address
        AND s.postcode IS NOT DISTINCT FROM a.postcode AND s.uprn IS NOT DISTINCT FROM a.uprn
    JOIN identities i USING (record_key) LEFT JOIN person p USING (record_key);
"""

# which spellings are a hidden child's home, which others are of the same home, and whether too many live there
_HIDDEN = f"""
    CREATE OR REPLACE TEMP TABLE hidden_children AS SELECT index_id FROM children WHERE shielded OR withheld;

    CREATE OR REPLACE TEMP TABLE hidden_homes AS
    SELECT * FROM spelled WHERE spelling IN (
        SELECT spelling FROM lives_there WHERE index_id IN (FROM hidden_children)
        UNION ALL
        SELECT s.spelling FROM further_places f JOIN spelled s ON s.address IS NOT DISTINCT FROM f.address
            AND s.postcode IS NOT DISTINCT FROM f.postcode AND s.uprn IS NOT DISTINCT FROM f.uprn
    );

    CREATE OR REPLACE TEMP TABLE one_home AS
    WITH alike AS (
        SELECT h.spelling AS hidden, s.spelling AS other FROM hidden_homes h JOIN spelled s ON s.number = h.number
        UNION
        SELECT h.spelling, s.spelling FROM hidden_homes h JOIN spelled s ON s.code = h.code AND s.numbers = h.numbers
    ),
    on_one_road AS (
        SELECT DISTINCT h.spelling AS hidden, s.spelling AS other,
            (h.code IS NULL OR s.code IS NULL) AND h.numbers = s.numbers AS without_code
        FROM (SELECT *, unnest(roads) AS road FROM hidden_homes) h
        JOIN (SELECT *, unnest(roads) AS road FROM spelled) s ON regexp_extract(s.road, '{_ROAD_SHORT}') = regexp_extract(h.road, '{_ROAD_SHORT}')
    ),
    crowded AS (
        SELECT hidden FROM alike JOIN lives_there l ON l.spelling = other GROUP BY hidden HAVING {_CROWD}
    ),
    crowded_road AS (
        SELECT hidden FROM on_one_road JOIN lives_there l ON l.spelling = other GROUP BY hidden HAVING {_CROWD}
    )
    SELECT hidden, other, hidden IN (FROM crowded) AS crowded FROM alike
    UNION ALL
    SELECT hidden, other, false FROM on_one_road ANTI JOIN alike USING (hidden, other)
    WHERE without_code AND hidden NOT IN (FROM crowded_road);

    CREATE OR REPLACE TEMP TABLE kin AS  -- of the hidden child's own family name, where too many live
    SELECT DISTINCT h.other AS spelling, o.index_id
    FROM one_home h JOIN lives_there c ON c.spelling = h.hidden AND c.index_id IN (FROM hidden_children)
    JOIN lives_there o ON o.spelling = h.other AND o.family = c.family WHERE h.crowded;
"""

_TELEPHONES = f"""
    CREATE OR REPLACE TEMP TABLE hidden_telephones AS
    WITH told AS (
        SELECT record_key, contact AS said FROM person_carers UNION ALL SELECT record_key, phone FROM person
    ),
    of_hidden AS (
        SELECT DISTINCT right(regexp_replace(said, '[^0-9]', '', 'g'), 9) AS telephone
        FROM told JOIN identities USING (record_key)
        WHERE index_id IN (FROM hidden_children) AND regexp_full_match(trim(said), '\\+?[0-9][0-9 ().-]+')
            AND length(regexp_replace(said, '[^0-9]', '', 'g')) > 8
    ),
    bearers AS (
        SELECT record_key, unnest(list_transform(range(1, length(digits) - 7), lambda place: digits[place:place + 8])) AS telephone
        FROM (SELECT record_key, regexp_replace(said, '[^0-9]', '', 'g') AS digits FROM told)
    )
    SELECT telephone FROM of_hidden ANTI JOIN (
        SELECT telephone FROM (
            SELECT b.telephone, i.index_id, upper(trim(p.family_name)) AS family
            FROM bearers b SEMI JOIN of_hidden USING (telephone) JOIN identities i USING (record_key)
            LEFT JOIN person p USING (record_key)
        ) GROUP BY telephone HAVING {_CROWD}
    ) USING (telephone)
"""


def _telling(evidence: Evidence, table: str) -> int:
    """How many different texts of a table hold a hidden place or telephone number."""
    described = evidence.connection.execute(f"DESCRIBE {table}").fetchall()
    columns = [
        row[0]
        for row in described
        if row[1] == "VARCHAR" and row[0] not in _MADE_HERE and (table, row[0]) not in _OF_PLACES
    ]
    texts = " UNION ".join(
        f"SELECT {name} AS text FROM {table} WHERE regexp_matches({name}, '[0-9]')" for name in columns
    )
    if not texts:
        return 0
    places = rf"""
        UNION ALL
        SELECT text, replace(unnest(regexp_extract_all(plain, '\b{_POSTCODE}\b')), ' ', '') FROM texts
        UNION ALL
        SELECT text, replace(unnest(regexp_extract_all(lines, '{_ROAD}')), ',', '') FROM texts
    """
    return evidence.count(rf"""
        WITH texts AS (
            SELECT text, {_PLAIN.format("text")} AS plain,
                replace(regexp_replace(plain, '\b{_POSTCODE}\b', ' ', 'g'), 'SAINT ', 'ST ') AS lines
            FROM ({texts})
        ),
        words AS (
            SELECT text, ltrim(unnest(regexp_extract_all(text, '[0-9]{{8,}}')), '0') AS word FROM texts
            UNION ALL
            SELECT text, right(unnest(regexp_extract_all(regexp_replace(text, '[ ().+-]', '', 'g'), '[0-9]{{9,}}')), 9)
            FROM texts
            {"" if table == "addresses" else places}
        ),
        hidden AS (
            SELECT telephone AS word FROM hidden_telephones
            UNION SELECT number FROM hidden_homes WHERE length(number) > 7
            UNION SELECT code FROM hidden_homes WHERE length(code) > 4
            UNION SELECT unnest(roads) FROM hidden_homes
        )
        SELECT count(DISTINCT text) FROM words SEMI JOIN hidden USING (word)
    """)
