"""What gives a hidden child away though its own rows are hidden: the home it shares, and words that hold the home.

Belongs here: from who is hidden (shielded or withheld) to what of *other* rows, and of names, may not be shown. Not here:
who is hidden (`shielding`), taking it out of the tables (`publishing.snapshot`), the proof (`publishing.gates.household`).

**Hidden places** are all addresses, present or not, of all records of hidden identities, and those that only the register of
protection knows; and whatever is written of the same place elsewhere. Two addresses are one place when one of these holds:

- *exact*: the same UPRN, or the same postcode and the same numbers ("Flat 3, 14 Sidwick Lane" has 3 and 14);
- *part*: the same postcode, and the numbers of one are among those of the other (an address without a number is anywhere in its
  postcode);
- *street*: house number, first word and next letter of the street agree ("14 Sidwick L"), and neither flat nor postal district
  speaks against it; so an address without a postcode, or with a mistyped one, is found. Another district does not speak against it
  when the postcodes differ in one letter.

What is compared is the form of `comparable`: neither capitals, accents, spaces, hyphens, leading noughts nor letters that only look
alike count. A place where more than `COMMUNAL_CHILDREN` children of more than
`COMMUNAL_FAMILIES` family names live (a hostel, a hospital, a school) is **communal**: it is hidden for those alone who share a family
name, a carer or a telephone number with the hidden child who lives or lived there. It is counted by each of the three ways apart, so a tower
of flats of which one flat is hidden is not taken for one home, and the flat is still one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.privacy.secret import namespace_secret
from pipelines.protection.comparable import macros
from pipelines.protection.letters import as_written, read_plainly
from pipelines.protection.named import NAMED
from pipelines.protection.ties import TIE_TOKEN, TIES
from pipelines.protection.tokens import key_tokens
from pipelines.tables import connect, fetch, install_macros

__all__ = ["COMMUNAL_CHILDREN", "COMMUNAL_FAMILIES", "FURTHER_PLACES", "Household", "find_household"]

# A large family with step-brothers, cousins and lodgers has ten children and six names at most; the matcher too takes an
# address of more than six family names for no household.
COMMUNAL_CHILDREN = 10
COMMUNAL_FAMILIES = 6

# a place as it is written, and of who lives or lived there: what it is known by, and its family (`ties`); a token, a row for each
FURTHER_PLACES = pa.schema([
    ("uprn", pa.string()), ("postcode", pa.string()), ("address", pa.string()), ("known_by", pa.string()),
])  # fmt: skip


@dataclass(frozen=True)
class Household:
    """What may not be shown because of a hidden child, in the values of the person tables. Small beside them.

    Attributes:
        addresses: record_key, address, postcode, uprn: rows of open children at a hidden place.
        texts: record_key, text: values of any text column that hold a hidden place or a hidden child's telephone number, or that of
            open children name a hidden one.
        carers: record_key, name: carers of hidden children whom an open record shows with an address, as a carer or as the child.
        nameless: index_id: open identities without any name at a hidden place.
    """

    addresses: pa.Table
    texts: pa.Table
    carers: pa.Table
    nameless: pa.Table


def find_household(
    person: Mapping[str, pa.Table | Path],
    identities: pa.Table | Path,
    visibility: pa.Table | Path,
    further: pa.Table | None = None,
) -> Household:
    """Find what gives hidden children away.

    Args:
        person: the tables of `PERSON_TABLES`: records, names, addresses, carers and involvements are read.
        identities: record_key, index_id.
        visibility: `VISIBILITY`; an identity that is not in it is hidden.
        further: hidden places that no record has any more, as `FURTHER_PLACES`.
    """
    views: dict[str, pa.Table | Path] = {f"told_{name}": table for name, table in person.items()}
    views |= {"identities": identities, "visibility": visibility}
    views["told_further"] = FURTHER_PLACES.empty_table() if further is None else further
    with connect(views) as connection:
        ((hidden,),) = connection.execute(_SOMEBODY).fetchall()
        if not hidden:
            return Household(**{name: schema.empty_table() for name, schema in _NOTHING.items()})
        read_plainly(connection, _TEXTS)
        install_macros(connection, macros())
        connection.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        connection.execute(TIE_TOKEN)
        connection.execute(_WHO)
        connection.execute(_PLACES)
        # what is surely the same place, written in another way, is hidden with it
        _match(connection)
        connection.execute("""
            INSERT INTO hidden_places SELECT DISTINCT place FROM same_place
            WHERE how = 'exact' AND NOT communal AND place NOT IN (FROM hidden_places)
        """)
        _match(connection)
        connection.execute(_DWELT)
        if connection.execute(_LIVED_AMONG_MANY).fetchall()[0][0]:
            _remember(connection)
        connection.execute(_ADDRESSES)
        connection.execute(_TELLING)
        connection.execute(NAMED)
        found = {name: fetch(connection, sql) for name, sql in _RESULTS.items()}
        return Household(**{name: as_written(connection, table, *_WRITTEN[name]) for name, table in found.items()})


def _match(connection: duckdb.DuckDBPyConnection) -> None:
    """Table same_place: hidden, place (numbers of places), how, communal."""
    connection.execute(_SAME_PLACE)


def _remember(connection: duckdb.DuckDBPyConnection) -> None:
    """Hidden children into table dwelt by the places that are kept, by the keys of their records."""
    theirs = fetch(connection, "SELECT DISTINCT record_key::VARCHAR AS record_key FROM who WHERE hidden ORDER BY ALL")
    connection.register("tokens", key_tokens(theirs["record_key"].to_pylist()))
    connection.execute(_REMEMBERED)
    connection.unregister("tokens")


# whether anybody is hidden, or any place is kept: else nothing gives anybody away
_SOMEBODY = """
    SELECT EXISTS (FROM told_further) OR EXISTS (
        FROM identities LEFT JOIN visibility USING (index_id) WHERE coalesce(shielded OR withheld, true))
"""
_NOTHING = {
    name: pa.schema([(column, pa.string()) for column in columns])
    for name, columns in {
        "addresses": ["record_key", "address", "postcode", "uprn"],
        "texts": ["record_key", "text"],
        "carers": ["record_key", "name"],
        "nameless": ["index_id"],
    }.items()
}
# what is read in plain letters, and of what is found which columns are given back as they are written
_TEXTS = {
    "all_records": ("told_records", ["family_name", "given_names", "phone"]),
    "all_names": ("told_names", ["family_name", "given_names"]),
    "all_addresses": ("told_addresses", ["address", "postcode", "uprn"]),
    "all_carers": ("told_carers", ["name", "relationship", "contact"]),
    "all_involvements": ("told_involvements", ["service", "contact", "phone"]),
    "further": ("told_further", ["address", "postcode", "uprn"]),
}
_SAID = """
    SELECT record_key, unnest([family_name, given_names, phone]) AS text FROM told_records
    UNION ALL SELECT record_key, unnest([family_name, given_names]) FROM told_names
    UNION ALL SELECT record_key, unnest([name, relationship, contact]) FROM told_carers
    UNION ALL SELECT record_key, unnest([service, contact, phone]) FROM told_involvements
    UNION ALL SELECT record_key, address FROM told_addresses
"""
_WRITTEN: dict[str, tuple[str, list[str]]] = {
    "addresses": ("FROM told_addresses", ["address", "postcode", "uprn"]),
    "texts": (_SAID, ["text"]),
    "carers": ("FROM told_carers", ["name"]),
    "nameless": ("", []),
}

# every record with its identity and whether that is hidden
_WHO = """
    CREATE TEMP TABLE who AS
    SELECT i.record_key, i.index_id, coalesce(v.shielded OR v.withheld, true) AS hidden, letters(r.family_name) AS family
    FROM identities i LEFT JOIN visibility v USING (index_id) LEFT JOIN all_records r USING (record_key);

    CREATE TEMP TABLE reached_by AS  -- telephone numbers and addresses of electronic mail
    SELECT w.index_id, w.hidden, w.family, unnest(reached_at(contact)) AS phone
    FROM (SELECT record_key, contact FROM all_carers UNION ALL SELECT record_key, phone FROM all_records)
    JOIN who w USING (record_key) WHERE regexp_matches(contact, '[0-9@]');
"""

# addresses by what is written, and the parts that are compared; only those that share something with a hidden one matter
_PLACES = r"""
    CREATE TEMP TABLE written AS
    SELECT row_number() OVER () AS place, address, postcode AS code, uprn AS number
    FROM (
        SELECT address, postcode, uprn FROM all_addresses UNION SELECT address, postcode, uprn FROM further
    ) WHERE coalesce(address, postcode, uprn) IS NOT NULL;

    CREATE TEMP TABLE places AS
    WITH read AS MATERIALIZED (SELECT place, address, digits_of(number) AS uprn, nullif(squashed(code), '') AS code FROM written),
    lined AS (SELECT address, lines_of(address) AS lines FROM (SELECT DISTINCT address FROM written)),  -- many differ in the UPRN alone
    coded AS (SELECT address, postcode_of(address) AS code FROM (SELECT DISTINCT address FROM read WHERE code IS NULL))
    SELECT place, uprn, lines, coalesce(r.code, c.code) AS postcode
    FROM read r LEFT JOIN lined USING (address) LEFT JOIN coded c USING (address);

    CREATE TEMP TABLE roads AS  -- a house with a name and no number is that alone
    WITH streets AS (
        SELECT DISTINCT lines, street.road AS road, street.stem AS stem
        FROM (
            SELECT lines, unnest(CASE WHEN regexp_matches(lines, '\b[0-9]+[A-Z]?\b') THEN roads_in(lines)
                WHEN length(letters(string_split(lines, ',')[1])) > 5
                    THEN [{'road': letters(string_split(lines, ',')[1]), 'stem': letters(string_split(lines, ',')[1])}]
                ELSE roads_in(lines) END) AS street
            FROM (SELECT DISTINCT lines FROM places)
        )
    )
    SELECT place, road, stem, bucket(road) AS bucket, regexp_matches(road, '^[0-9]') AS numbered FROM streets JOIN places USING (lines);

    CREATE TEMP TABLE keys AS
    SELECT DISTINCT place, unnest(['u' || uprn, 'p' || postcode]) AS key FROM places;
    DELETE FROM keys WHERE key IS NULL;

    CREATE TEMP TABLE lives AS
    SELECT w.index_id, w.record_key, w.hidden, w.family, n.place
    FROM all_addresses a JOIN who w USING (record_key)
    JOIN written n ON n.address IS NOT DISTINCT FROM a.address AND n.code IS NOT DISTINCT FROM a.postcode
        AND n.number IS NOT DISTINCT FROM a.uprn;

    CREATE TEMP TABLE hidden_places AS
    SELECT place FROM lives WHERE hidden
    UNION
    SELECT n.place FROM further f
    JOIN written n ON n.address IS NOT DISTINCT FROM f.address AND n.code IS NOT DISTINCT FROM f.postcode
        AND n.number IS NOT DISTINCT FROM f.uprn;
"""

_SAME_PLACE = f"""
    CREATE OR REPLACE TEMP TABLE same_place AS
    WITH on_one_road AS MATERIALIZED (
        SELECT DISTINCT a.place AS hidden, b.place AS place
        FROM roads a SEMI JOIN hidden_places USING (place) JOIN roads b USING (bucket)
        WHERE a.road = b.road OR a.numbered AND b.numbered AND one_road(a.road, a.stem, b.road, b.stem)
    ),
    met AS MATERIALIZED (
        SELECT a.place AS hidden, b.place AS place
        FROM hidden_places h JOIN keys a ON a.place = h.place JOIN keys b ON b.key = a.key
        UNION FROM on_one_road
    ),
    read AS (
        SELECT place, uprn, postcode, postcode[:-4] AS district, coalesce(numbers_in(lines), []) AS numbers,
            postcode || '/' || array_to_string(numbers, ' ') AS house
        FROM places WHERE place IN (SELECT hidden FROM met UNION SELECT place FROM met)
    ),
    compared AS (
        SELECT m.hidden, m.place, coalesce(h.uprn = p.uprn, false) OR coalesce(h.house = p.house, false) AS exact,
            list_has_all(h.numbers, p.numbers) OR list_has_all(p.numbers, h.numbers) AS fits,
            coalesce(h.postcode = p.postcode, false) AS one_postcode,
            r.place IS NOT NULL AND coalesce(
                h.district = p.district OR length(h.postcode || p.postcode) < 32 AND damerau_levenshtein(h.postcode, p.postcode) < 2, true) AS one_street
        FROM met m JOIN read h ON h.place = m.hidden JOIN read p ON p.place = m.place
        LEFT JOIN on_one_road r ON r.hidden = m.hidden AND r.place = m.place
    ),
    same AS (
        SELECT hidden, place, CASE WHEN exact THEN 'exact' WHEN one_postcode THEN 'part' ELSE 'street' END AS how
        FROM compared WHERE exact OR (fits AND (one_postcode OR one_street))
    ),
    crowded AS (
        SELECT s.hidden, s.how FROM same s JOIN lives l USING (place) GROUP BY s.hidden, s.how
        HAVING count(DISTINCT l.index_id) > {COMMUNAL_CHILDREN} AND count(DISTINCT l.family) > {COMMUNAL_FAMILIES}
    )
    SELECT s.*, c.hidden IS NOT NULL AS communal
    FROM same s LEFT JOIN crowded c ON c.hidden = s.hidden AND c.how = s.how
"""

# where hidden children live, or once lived: by their records, and where there are many others by what is kept of them
_DWELT = """
    CREATE TEMP TABLE kept AS
    SELECT DISTINCT n.place, f.known_by AS token FROM further f
    JOIN written n ON n.address IS NOT DISTINCT FROM f.address AND n.code IS NOT DISTINCT FROM f.postcode
        AND n.number IS NOT DISTINCT FROM f.uprn
    WHERE f.known_by IS NOT NULL;

    CREATE TEMP TABLE dwelt AS SELECT DISTINCT index_id, place FROM lives WHERE hidden
"""
_LIVED_AMONG_MANY = "SELECT EXISTS (FROM kept WHERE place IN (SELECT hidden FROM same_place WHERE communal))"
_REMEMBERED = """
    INSERT INTO dwelt
    SELECT DISTINCT w.index_id, k.place FROM kept k JOIN tokens t USING (token) JOIN who w USING (record_key)
    WHERE w.hidden AND k.place IN (SELECT hidden FROM same_place WHERE communal)
    EXCEPT FROM dwelt
"""

# addresses of open children that are not shown, and which identities live at a hidden place
_ADDRESSES = f"""
    CREATE TEMP TABLE near AS  -- places with the postcode of a hidden one
    SELECT DISTINCT a.place AS hidden, b.place FROM hidden_places h JOIN keys a USING (place) JOIN keys b USING (key) WHERE starts_with(key, 'p');

    CREATE TEMP TABLE those AS  -- records of those at hidden places and near them
    SELECT record_key FROM who WHERE index_id IN (
        SELECT index_id FROM lives JOIN same_place s USING (place)
        UNION SELECT index_id FROM lives JOIN near USING (place)
        UNION SELECT index_id FROM dwelt
    );
    {TIES}
    CREATE TEMP TABLE tied AS SELECT DISTINCT index_id, tie FROM ties JOIN who USING (record_key);

    CREATE TEMP TABLE tied_in_crowd AS
    WITH crowd AS MATERIALIZED (
        SELECT DISTINCT l.index_id, l.record_key, s.place, s.hidden FROM same_place s JOIN lives l USING (place) WHERE s.communal AND NOT l.hidden
    ),
    of_crowd AS MATERIALIZED (FROM tied SEMI JOIN crowd USING (index_id))  -- a digest costs more than all the rest
    SELECT c.*, tie_token(o.tie) AS token FROM crowd c JOIN of_crowd o USING (index_id);

    CREATE TEMP TABLE at_home AS  -- open children's records at a hidden place
    SELECT DISTINCT l.index_id, l.record_key, s.place, s.hidden AS hidden_place
    FROM same_place s JOIN lives l USING (place) WHERE NOT s.communal AND NOT l.hidden
    UNION
    SELECT DISTINCT l.index_id, l.record_key, s.place, s.hidden
    FROM same_place s JOIN dwelt h ON h.place = s.hidden JOIN tied t ON t.index_id = h.index_id
    JOIN tied o ON o.tie = t.tie JOIN lives l ON l.place = s.place AND l.index_id = o.index_id
    WHERE s.communal AND NOT l.hidden
    UNION  -- of the family of one whose record may be gone, by what is kept of it
    SELECT DISTINCT o.index_id, o.record_key, o.place, o.hidden FROM tied_in_crowd o JOIN kept k ON k.place = o.hidden AND k.token = o.token
    UNION  -- with another house number, of one carer or telephone
    SELECT DISTINCT l.index_id, l.record_key, n.place, n.hidden
    FROM near n JOIN dwelt h ON h.place = n.hidden JOIN tied t ON t.index_id = h.index_id
    JOIN tied o ON o.tie = t.tie JOIN lives l ON l.place = n.place AND l.index_id = o.index_id
    WHERE NOT l.hidden AND NOT starts_with(t.tie, 'family ');

    CREATE TEMP TABLE kin AS  -- open children of a hidden child's family who live or lived with it: where they go, it goes
    SELECT DISTINCT h.index_id
    FROM at_home h JOIN tied o USING (index_id) JOIN lives l ON l.place = h.hidden_place AND l.hidden
    JOIN tied t ON t.index_id = l.index_id AND t.tie = o.tie;

    CREATE TEMP TABLE unseen AS
    SELECT DISTINCT h.record_key, place, n.address, n.code AS postcode, n.number AS uprn
    FROM (SELECT record_key, place FROM at_home UNION SELECT record_key, place FROM lives SEMI JOIN kin USING (index_id)) h
    JOIN written n USING (place);
"""

# texts that hold a hidden place or telephone number: postcodes, houses with their street, UPRNs, numbers, anywhere; and the street
# alone, or the name of the house, where the child itself or who lives with it is spoken of
_TELLING = f"""
    CREATE TEMP TABLE named AS  -- a record's own names are among its others mostly
    SELECT record_key, family_name, given_names, index_id, hidden
    FROM (SELECT record_key, family_name, given_names FROM all_names UNION SELECT record_key, family_name, given_names FROM all_records)
    LEFT JOIN who USING (record_key);

    CREATE TEMP TABLE words AS  -- what may hold a needle of every text that may be shown: of an address a number or mail alone, and hardly any does
    SELECT DISTINCT record_key, is_address, text FROM (
        SELECT record_key, false AS is_address, unnest([family_name, given_names, concat_ws(' ', given_names, family_name)]) AS text FROM named
        UNION ALL SELECT record_key, false, unnest([name, relationship, contact]) FROM all_carers
        UNION ALL SELECT record_key, false, unnest([service, contact, phone]) FROM all_involvements
        UNION ALL SELECT record_key, true, address FROM all_addresses
    ) WHERE CASE WHEN is_address THEN regexp_matches(text, '@|(?:[0-9][^0-9]*){{8}}') ELSE regexp_matches(text, '[0-9@]') END;

    CREATE TEMP TABLE texts AS SELECT DISTINCT is_address, text FROM words;  -- each once

    CREATE TEMP TABLE needles AS
    SELECT 'postcode ' || postcode AS needle FROM hidden_places JOIN places USING (place) WHERE length(postcode) > 4
    UNION SELECT 'number ' || uprn FROM hidden_places JOIN places USING (place) WHERE length(uprn) > 7
    UNION
    SELECT 'phone ' || phone FROM reached_by GROUP BY phone
    -- what so many are reached by is an office
    HAVING bool_or(hidden)
        AND NOT (count(DISTINCT index_id) > {COMMUNAL_CHILDREN} AND count(DISTINCT family) > {COMMUNAL_FAMILIES});

    CREATE TEMP TABLE telling AS  -- looked for word by word, not needle by needle: there are many of both
    WITH held AS (
        SELECT is_address, text, 'postcode ' || unnest(postcodes_in(text)) AS needle FROM texts WHERE NOT is_address
        UNION ALL
        SELECT is_address, text, 'number ' || ltrim(unnest(list_concat(
            regexp_extract_all(folded(text), '[0-9]{{8,}}'), regexp_extract_all(squashed(text), '[0-9]{{8,}}'))), '0')
        FROM texts
        UNION ALL
        SELECT is_address, text, 'phone ' || unnest(list_concat(phones_in(text), mails_in(text))) FROM texts
    ),
    streets AS (
        SELECT text, street.road AS road, street.stem AS stem, bucket(street.road) AS bucket
        FROM (SELECT text, unnest(roads_in(lines_of(text))) AS street FROM texts WHERE NOT is_address)
    )
    SELECT is_address, text FROM held SEMI JOIN needles USING (needle)
    UNION
    SELECT false, t.text FROM streets t JOIN roads h USING (bucket) SEMI JOIN hidden_places USING (place)
    WHERE h.numbered AND one_road(h.road, h.stem, t.road, t.stem);

    CREATE TEMP TABLE homes AS  -- the street of the home, or the name of the house, in two words or more
    WITH spoken_of AS (
        SELECT index_id, place FROM lives WHERE hidden UNION SELECT index_id, place FROM at_home
        UNION SELECT index_id, hidden_place FROM at_home
    ),
    read AS (SELECT index_id, lines_of(address) AS lines FROM spoken_of JOIN written USING (place))
    SELECT DISTINCT index_id, unnest(CASE WHEN regexp_matches(lines, '[0-9]')
        THEN regexp_extract_all(lines, '[0-9]+ ?[A-Z]?[ ,]+([A-Z]{{2,}} [A-Z]{{2,}})', 1)
        ELSE regexp_extract_all(trim(string_split(lines, ',')[1]), '^[A-Z]+ [A-Z ]+$') END) AS road
    FROM read;
"""

_RESULTS = {
    "addresses": "SELECT record_key, address, postcode, uprn FROM unseen ORDER BY ALL",
    "texts": """
        WITH found AS (
            SELECT record_key, text FROM words SEMI JOIN telling USING (is_address, text)
            UNION
            SELECT record_key, text FROM homes h JOIN who USING (index_id) JOIN (
                SELECT record_key, unnest([family_name, given_names]) AS text FROM named WHERE index_id IN (SELECT index_id FROM homes)
                UNION ALL SELECT record_key, name FROM all_carers
            ) USING (record_key)
            WHERE contains(' ' || replace(plain(text), ',', ' ') || ' ', ' ' || h.road || ' ')
        ),
        in_two_parts AS (  -- neither name holds it alone
            SELECT n.record_key, unnest([n.family_name, n.given_names]) AS text
            FROM named n SEMI JOIN found f
                ON f.record_key = n.record_key AND f.text = concat_ws(' ', n.given_names, n.family_name)
            ANTI JOIN found o ON o.record_key = n.record_key AND o.text = n.family_name
            ANTI JOIN found o ON o.record_key = n.record_key AND o.text = n.given_names
        ),
        carers_open AS (
            SELECT record_key, name, relationship, contact, concat_ws(' ', name, relationship, contact) AS together,
                coalesce(name IN (FROM texts_naming), false) AS in_name,
                coalesce(relationship IN (FROM texts_naming), false) AS in_relationship,
                coalesce(contact IN (FROM texts_naming), false) AS in_contact
            FROM all_carers JOIN who USING (record_key) WHERE NOT hidden
        ),
        involvements_open AS (
            SELECT record_key, service, contact, phone, concat_ws(' ', service, contact, phone) AS together,
                coalesce(service IN (FROM texts_naming), false) AS in_service,
                coalesce(contact IN (FROM texts_naming), false) AS in_contact,
                coalesce(phone IN (FROM texts_naming), false) AS in_phone
            FROM all_involvements JOIN who USING (record_key) WHERE NOT hidden
        ),
        every AS (
            SELECT record_key, text FROM found
            UNION SELECT record_key, text FROM in_two_parts
            UNION  -- with how somebody is reached who is named
            SELECT record_key, unnest([CASE WHEN in_name THEN name END, CASE WHEN in_relationship THEN relationship END, contact])
            FROM carers_open WHERE in_name OR in_relationship OR in_contact
            UNION  -- all of a row whose columns name somebody together
            SELECT record_key, unnest([name, relationship, contact]) FROM carers_open
            WHERE together IN (FROM texts_naming) AND NOT (in_name OR in_relationship OR in_contact)
            UNION
            SELECT record_key, unnest([CASE WHEN in_service THEN service END, CASE WHEN in_contact THEN contact END, CASE WHEN in_phone THEN phone END])
            FROM involvements_open WHERE in_service OR in_contact OR in_phone
            UNION
            SELECT record_key, unnest([service, contact, phone]) FROM involvements_open
            WHERE together IN (FROM texts_naming) AND NOT (in_service OR in_contact OR in_phone)
            UNION
            SELECT record_key, text FROM (
                SELECT record_key, address AS text FROM all_addresses UNION ALL SELECT record_key, unnest([family_name, given_names]) FROM named
            ) SEMI JOIN texts_naming USING (text) JOIN who USING (record_key) WHERE NOT hidden
        )
        FROM every WHERE text IS NOT NULL ORDER BY ALL
    """,
    "carers": """
        WITH hidden_carers AS (SELECT record_key, name FROM all_carers SEMI JOIN (FROM who WHERE hidden) USING (record_key) WHERE name IS NOT NULL),
        found_by AS (  -- carers whom an open record shows together with an address
            SELECT unnest(people_in(name)) AS person
            FROM (SELECT DISTINCT name FROM all_carers SEMI JOIN (FROM beside_what WHERE beside) USING (record_key) WHERE name IS NOT NULL)
        )
        SELECT DISTINCT record_key, name FROM (SELECT record_key, name, unnest(people_in(name)) AS person FROM hidden_carers) SEMI JOIN found_by USING (person)
        UNION SELECT DISTINCT record_key, name FROM hidden_carers JOIN carers_named ON carer = name ORDER BY ALL
    """,
    "nameless": """
        SELECT DISTINCT index_id FROM at_home
        WHERE index_id NOT IN (SELECT index_id FROM named WHERE index_id IS NOT NULL AND coalesce(family_name, given_names) IS NOT NULL) ORDER BY ALL
    """,
}
