"""The gate of households: nothing that is published tells where a hidden child lives or how it is reached.

Belongs here: hidden places and telephone numbers worked out again, from the person tables and from who is hidden in the very
tables that would be published, and looked for in all of them. Not here: who must be hidden (`protection.shielding`), and
how it was taken out (`pipelines.protection.household`, of which nothing is used but which letters read alike, and whose place one is by the digest of a
record's key: the same promise, in code of its own). What
is left out there because too many share it is left out here, too; counted so that this gate never asks for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.protection.letters import LETTER, read_plainly
from pipelines.protection.tokens import key_tokens
from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.gates.no_names import NO_NAMES
from pipelines.publishing.snapshot import SNAPSHOT_TABLES

__all__ = ["household"]

# more children of more family names than this are no household; as `household.COMMUNAL_CHILDREN` and `COMMUNAL_FAMILIES`
_CROWD = "count(DISTINCT index_id) > 10 AND count(DISTINCT family) > 6"
_MADE_HERE = {"index_id", "redirects_to", "record_ref", "delivery_id"}  # made by the program, from no address
_OF_PLACES = {("addresses", "postcode"), ("addresses", "uprn")}  # compared as places, not as words


def household(evidence: Evidence) -> Gate:
    """Addresses one by one, then every text of every table, decoded."""
    evidence.connection.execute(_HIDDEN_CHILDREN)
    hidden = evidence.count("SELECT (SELECT count(*) FROM hidden_children) + (SELECT count(*) FROM further_places)")
    # with nobody hidden and no place kept there is nothing that could be told
    places, homes, texts, carers, nameless = _found(evidence) if hidden else (0,) * 5
    met, named = _named(evidence) if hidden else (0, 0)
    return Gate(
        "household",
        homes + texts + carers + nameless + met + named == 0,
        "No row of anybody tells where a hidden child lives: no address of its home, no text with its street and number, "
        "postcode, UPRN or a telephone number, no carer of it beside an address, no child without a name there; and no text of an open "
        "child names a hidden one.",
        {
            "places_hidden": places,
            "addresses_shown": homes,
            "texts_telling": texts,
            "carers_with_address": carers,
            "carers_named_with_address": met,
            "children_named": named,
            "nameless_shown": nameless,
        },
    )


def _found(evidence: Evidence) -> tuple[int, int, int, int, int]:
    """How many homes are hidden, and addresses, texts, carers and identities without a name that tell of one."""
    shown = {table: _texts_of(evidence, table) for table in SNAPSHOT_TABLES}
    read_plainly(evidence.connection, _READ | {f"shown_{table}": (table, names) for table, names in shown.items()})
    evidence.connection.execute(_SPELLED)
    theirs = evidence.connection.execute(
        "SELECT record_key FROM identities SEMI JOIN hidden_children USING (index_id) ORDER BY 1"
    )
    evidence.connection.register("keys_of_hidden", key_tokens([key for (key,) in theirs.fetchall()]))
    evidence.connection.execute(_HIDDEN)
    evidence.connection.execute(_TELEPHONES)
    evidence.connection.execute(_SHARING)
    homes = evidence.count("""
        SELECT count(*) FROM shown_addresses a JOIN spelled s ON s.address IS NOT DISTINCT FROM a.address
            AND s.postcode IS NOT DISTINCT FROM a.postcode AND s.uprn IS NOT DISTINCT FROM a.uprn
        WHERE a.index_id NOT IN (FROM hidden_children) AND coalesce(a.address, a.postcode, a.uprn) IS NOT NULL AND (
            s.spelling IN (SELECT other FROM one_home WHERE NOT crowded) OR (s.spelling, a.index_id) IN (FROM kin)
            OR a.index_id IN (FROM sharing))
    """)
    texts = sum(_telling(evidence, shown, of_addresses) for of_addresses in (True, False))
    carers = evidence.count(f"""
        WITH called AS (
            SELECT index_id, name, {_PERSON} AS person FROM shown_carers
        )
        SELECT count(*) FROM called
        WHERE index_id IN (FROM hidden_children) AND person <> '' AND person IN (
            SELECT person FROM called
            WHERE index_id NOT IN (FROM hidden_children) AND index_id IN (SELECT index_id FROM addresses
                WHERE coalesce(address, postcode, uprn) IS NOT NULL)
        )
    """)
    nameless = evidence.count("""
        SELECT count(DISTINCT index_id) FROM children SEMI JOIN nameless USING (index_id) JOIN lives_there USING (index_id)
        WHERE NOT (shielded OR withheld) AND spelling IN (SELECT other FROM one_home WHERE NOT crowded)
    """)
    places = evidence.count("SELECT count(*) FROM hidden_homes")
    return places, homes, texts, carers, nameless


def _named(evidence: Evidence) -> tuple[int, int]:
    """Carers of hidden children of whom an open row with an address has two words of the name; texts of open rows with a hidden child's names."""
    evidence.connection.execute(
        "CREATE OR REPLACE TEMP TABLE no_names AS SELECT unnest(?::VARCHAR[]) AS word", [NO_NAMES]
    )
    evidence.connection.execute(_BY_WORD)
    carers = evidence.count("""
        SELECT count(DISTINCT carer) FROM (
            SELECT h.whole AS carer FROM hidden_words h JOIN open_words o ON o.hidden = h.word
            WHERE h.part = 'carer' AND o.located AND o.part IN ('carer', 'text')
            GROUP BY h.whole, o.whole HAVING min(h.word) < max(h.word) AND min(o.word) < max(o.word)
            UNION
            SELECT h.whole FROM hidden_words h JOIN open_words o ON o.hidden = h.word
            WHERE h.part = 'carer' AND o.located AND o.part IN ('given', 'family')
            GROUP BY h.whole, o.whole HAVING min(h.word) < max(h.word) AND min(o.part) < max(o.part)
            UNION
            SELECT h.whole FROM hidden_words h JOIN open_words o ON o.hidden = h.word
            WHERE h.part = 'carer' AND o.part = 'line'
            GROUP BY h.whole, o.whole HAVING min(h.word) < max(h.word) AND min(o.word) < max(o.word)
        )
    """)
    children = evidence.count("""
        SELECT count(DISTINCT said) FROM (
            SELECT o.whole AS said FROM hidden_words h JOIN open_words o ON o.hidden = h.word
            WHERE h.part IN ('given', 'family') AND o.part IN ('carer', 'text', 'line')
            GROUP BY h.whole, o.whole HAVING min(o.word) < max(o.word) AND min(h.part) < max(h.part)
        )
    """)
    return carers, children


# somebody by all words of the name, whatever their order
_PERSON = rf"""array_to_string(list_sort(list_filter(
    string_split(regexp_replace(regexp_replace(upper(strip_accents(name)), '[''`]', '', 'g'), '[^0-9{LETTER}]+', ' ', 'g'), ' '),
    lambda word: length(word) > 1 AND word NOT IN ('MR', 'MRS', 'MS', 'MISS', 'DR', 'MUM', 'DAD'))), ' ')"""
# names of hidden children and their carers, names and texts of open ones, word by word; and which words are one but for a letter
_BY_WORD = rf"""
    CREATE OR REPLACE TEMP MACRO names_of(t) AS list_filter(
        string_split(regexp_replace(regexp_replace(regexp_replace(upper(strip_accents(t)), '[''`]S\b', ' ', 'g'), '[''`]', '', 'g'),
            '[^0-9{LETTER}]+', ' ', 'g'), ' '),
        lambda word: length(word) > 1);

    CREATE OR REPLACE TEMP TABLE located AS SELECT DISTINCT index_id FROM addresses WHERE coalesce(address, postcode, uprn) IS NOT NULL;

    CREATE OR REPLACE TEMP TABLE hidden_words AS
    WITH shown AS (
        SELECT DISTINCT given_names, family_name FROM (
            SELECT index_id, given_names, family_name FROM shown_children UNION ALL SELECT index_id, given_names, family_name FROM shown_names
        ) SEMI JOIN hidden_children USING (index_id) WHERE given_names IS NOT NULL AND family_name IS NOT NULL
    )
    FROM (
        SELECT DISTINCT 'carer' AS part, name AS whole, unnest(names_of(name)) AS word FROM shown_carers SEMI JOIN hidden_children USING (index_id)
        UNION SELECT 'given', concat(given_names, '/', family_name), unnest(names_of(given_names)) FROM shown
        UNION SELECT 'family', concat(given_names, '/', family_name), unnest(names_of(family_name)) FROM shown
    ) ANTI JOIN no_names USING (word);

    CREATE OR REPLACE TEMP TABLE open_names AS
    SELECT given_names, family_name, bool_or(index_id IN (FROM located)) AS located FROM (
        SELECT index_id, given_names, family_name FROM shown_children UNION ALL SELECT index_id, given_names, family_name FROM shown_names
    ) ANTI JOIN hidden_children USING (index_id) GROUP BY ALL;

    CREATE OR REPLACE TEMP TABLE open_texts AS
    WITH carers AS (
        SELECT name, relationship, contact, bool_or(index_id IN (FROM located)) AS located
        FROM shown_carers ANTI JOIN hidden_children USING (index_id) GROUP BY ALL
    ),
    involvements AS (
        SELECT service, contact, phone, bool_or(index_id IN (FROM located)) AS located
        FROM shown_involvements ANTI JOIN hidden_children USING (index_id) GROUP BY ALL
    )
    SELECT part, text, bool_or(located) AS located FROM (
        SELECT 'carer' AS part, name AS text, located FROM carers
        UNION ALL SELECT 'text', unnest([relationship, contact, concat_ws(' ', name, relationship)]), located FROM carers
        UNION ALL SELECT 'text', unnest([service, contact, phone, concat_ws(' ', service, contact)]), located FROM involvements
        -- a line of an address; a name of somebody by another one
        UNION ALL SELECT 'line', unnest(string_split(address, ',')), true
        FROM (SELECT DISTINCT address FROM shown_addresses ANTI JOIN hidden_children USING (index_id))
        UNION ALL SELECT 'line', name, true FROM (SELECT unnest([family_name, given_names]) AS name FROM open_names)
        WHERE regexp_matches(name, '(?i)\b(?:of|see|baby|twin|sibling|child)\b')
        UNION ALL SELECT 'line', concat_ws(' ', given_names, family_name), true FROM open_names
        WHERE regexp_matches(given_names, '(?i)[&+]|\band\b')
    ) WHERE text IS NOT NULL GROUP BY ALL;

    CREATE OR REPLACE TEMP TABLE said_words AS  -- of every text and name once
    SELECT text, unnest(names_of(text)) AS word
    FROM (SELECT text FROM open_texts UNION SELECT unnest([given_names, family_name]) FROM open_names WHERE located);

    CREATE OR REPLACE TEMP TABLE alike_words AS
    WITH few AS (SELECT DISTINCT word FROM hidden_words), every AS (SELECT DISTINCT word FROM said_words ANTI JOIN no_names USING (word))
    SELECT word, word AS hidden FROM few SEMI JOIN every USING (word)
    UNION
    SELECT e.word, f.word FROM few f JOIN every e ON left(e.word, 3) = left(f.word, 3) AND length(f.word) BETWEEN 5 AND 64 AND length(e.word) BETWEEN 5 AND 64
    WHERE levenshtein(e.word, f.word) < 2;

    -- words of the open that are one of a hidden child's or its carers': each with the words that they are alike
    CREATE OR REPLACE TEMP TABLE open_words AS
    WITH alike AS (SELECT s.text, a.word, a.hidden FROM said_words s JOIN alike_words a USING (word)),
    of_carers AS (SELECT text, word, hidden FROM alike WHERE hidden IN (SELECT word FROM hidden_words WHERE part = 'carer')),
    borne AS (  -- of whom both names have one
        SELECT given_names, family_name FROM open_names
        WHERE located AND given_names IN (SELECT text FROM of_carers) AND family_name IN (SELECT text FROM of_carers)
    )
    SELECT part, text AS whole, located, word, hidden FROM open_texts JOIN alike USING (text)
    UNION ALL SELECT 'given', concat(given_names, '/', family_name), true, word, hidden FROM borne JOIN of_carers ON text = given_names
    UNION ALL SELECT 'family', concat(given_names, '/', family_name), true, word, hidden FROM borne JOIN of_carers ON text = family_name
"""
_PLACE = ["address", "postcode", "uprn"]
_READ = {
    "read_addresses": ("person_addresses", _PLACE),
    "read_further": ("further_places", _PLACE),
    "read_carers": ("person_carers", ["name", "contact"]),
    "read_person": ("person", ["family_name", "phone"]),
}
_POSTCODE = (
    "(?:[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|GIR ?0AA|[A-Z](?: [A-Z])? [0-9](?: [A-Z0-9])? [0-9] [A-Z] [A-Z])"
)
_GROWN_TOGETHER = "(?:[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|GIR ?0AA)"
_FLATS = "FLAT|FLT|APARTMENT|APT|UNIT|ROOM|RM"
_BEFORE_A_NUMBER = f"{_FLATS}|NO|NOS|NR|NUM|NUMBER|HOUSE|AT"
_MAIL = rf"[0-9{LETTER}][0-9{LETTER}._%+''-]*@[0-9{LETTER}-]+(?:\.[0-9{LETTER}-]+)*"
# a house, or up to four ("12-14"), with its street
_ROAD = r"\b(?:[0-9]+[A-Z]? ){0,3}[0-9]+[A-Z]?(?: [A-Z])?[ ,]+[A-Z]{2}[A-Z ]*"


def _capitals(text: str) -> str:
    return rf"regexp_replace(regexp_replace(upper(strip_accents({text})), '[''`]', '', 'g'), '[^A-Z0-9,]+', ' ', 'g')"


def _lines(capitals: str) -> str:
    """Without postcodes; numbers apart from words, without noughts before them."""
    read = rf"regexp_replace(replace({capitals}, 'SAINT ', 'ST '), '\b{_POSTCODE}\b', ' ', 'g')"
    for old, new in (
        (r"([0-9])([A-Z]{2,})", r"\1 \2"),
        (rf"\b({_BEFORE_A_NUMBER})([0-9])", r"\1 \2"),
        (r"\b0+([0-9])", r"\1"),
        (" +", " "),
    ):
        read = f"regexp_replace({read}, '{old}', '{new}', 'g')"
    return read


_SHORT = {
    "MT": "MOUNT", "GT": "GREAT", "UPR": "UPPER", "LWR": "LOWER", "N": "NORTH", "S": "SOUTH", "E": "EAST", "W": "WEST",
    "(?:DR|DRIVE)": "DOCTOR",
}  # fmt: skip


def _roads(lines: str) -> str:
    """A list of {house, street, beginning}: the street grown together, and its first word with the next letter (Ln is Lane).

    A street that begins with a shortened word is there twice, as it is and written out.
    """
    whole, begins = lines, "([0-9][A-Z]?[ ,]+(?:THE )?)"
    for short, word in _SHORT.items():
        whole = rf"regexp_replace({whole}, '{begins}{short} ([A-Z]{{2}})', '\1{word} \2', 'g')"
    shortened = rf"regexp_matches({lines}, '{begins}(?:{'|'.join(_SHORT)}) [A-Z]{{2}}')"
    lines = f"CASE WHEN {shortened} THEN {lines} || ';' || {whole} ELSE {lines} END"
    apart = (
        rf"regexp_replace(regexp_replace({lines}, '\b(?:{_FLATS}) [0-9]+[A-Z]?[ ,]+([0-9])', ', \1', 'g'), "
        r"'([0-9][A-Z]?) (?:AND|TO|OR) ([0-9])', '\1 \2', 'g')"
    )
    words = r"regexp_replace(regexp_extract(road, '[A-Z]{2}[A-Z ]*$'), '^THE ', '')"
    return rf"""flatten(list_transform(regexp_extract_all({apart}, '{_ROAD}'), lambda road: list_transform(
        regexp_extract_all(road, '\b([0-9]+)[A-Z]?\b', 1), lambda house: {{
            'house': house, 'street': replace({words}, ' ', ''),
            'beginning': replace(regexp_extract({words}, '^[A-Z]+(?: [A-Z])?'), ' ', '')}})))"""


# enough is told by four letters, or by a first word and the letter after it
_TELLS = "(length({0}.beginning) > 3 OR length({0}.beginning) > 2 AND {0}.beginning <> {0}.street)"

# every number of a house or flat, also without its letter
_NUMBERS = r"""list_sort(list_distinct(flatten(list_transform(regexp_extract_all(lines, '\b[0-9]+[A-Z]?\b'),
    lambda token: [token, regexp_extract(token, '[0-9]+')]))))"""

# every address as it is written (a spelling), with what is compared of it
_SPELLED = rf"""
    CREATE OR REPLACE TEMP TABLE spelled AS
    WITH written AS (
        SELECT address, postcode, uprn FROM read_addresses UNION SELECT address, postcode, uprn FROM shown_addresses
        UNION SELECT address, postcode, uprn FROM read_further
    ),
    numbered AS MATERIALIZED (
        SELECT address, postcode, uprn, row_number() OVER () AS spelling,
            nullif(ltrim(regexp_replace(uprn, '[^0-9]', '', 'g'), '0'), '') AS number,
            nullif(regexp_replace(upper(strip_accents(postcode)), '[^A-Z0-9]', '', 'g'), '') AS code
        FROM written
    ),
    -- of each address once, however many flats share it; its postcode where no other is told
    capitals AS MATERIALIZED (SELECT address, {_capitals("address")} AS plain FROM (SELECT DISTINCT address FROM written)),
    lined AS (SELECT address, {_lines("plain")} AS lines FROM capitals),
    coded AS (
        SELECT address, nullif(replace(coalesce(nullif(regexp_extract(plain, '\b{_POSTCODE}\b'), ''),
            regexp_extract(plain, '{_GROWN_TOGETHER}')), ' ', ''), '') AS code
        FROM capitals SEMI JOIN (FROM numbered WHERE code IS NULL) USING (address)
    )
    SELECT n.address, n.postcode, n.uprn, n.spelling, n.number, coalesce(n.code, c.code) AS code, coalesce(lines, '') AS lines
    FROM numbered n LEFT JOIN lined USING (address) LEFT JOIN coded c USING (address);

    CREATE OR REPLACE TEMP TABLE roads AS
    WITH read AS (
        SELECT DISTINCT lines, road.house AS house, road.street AS street, road.beginning AS beginning
        FROM (SELECT lines, unnest({_roads("lines")}) AS road FROM (SELECT DISTINCT lines FROM spelled))
    )
    SELECT spelling, house, street, beginning FROM read JOIN spelled USING (lines);

    CREATE OR REPLACE TEMP TABLE lives_there AS
    SELECT DISTINCT i.index_id, upper(trim(p.family_name)) AS family, s.spelling
    FROM read_addresses a JOIN spelled s ON s.address IS NOT DISTINCT FROM a.address
        AND s.postcode IS NOT DISTINCT FROM a.postcode AND s.uprn IS NOT DISTINCT FROM a.uprn
    JOIN identities i USING (record_key) LEFT JOIN read_person p USING (record_key);
"""

_HIDDEN_CHILDREN = """
    CREATE OR REPLACE TEMP TABLE hidden_children AS SELECT index_id FROM children WHERE shielded OR withheld
"""
# which spellings are a hidden child's home, which others are of the same home, and whether too many live there
_HIDDEN = rf"""
    CREATE OR REPLACE TEMP TABLE hidden_homes AS
    SELECT * FROM spelled WHERE spelling IN (
        SELECT spelling FROM lives_there WHERE index_id IN (FROM hidden_children)
        UNION ALL
        SELECT s.spelling FROM read_further f JOIN spelled s ON s.address IS NOT DISTINCT FROM f.address
            AND s.postcode IS NOT DISTINCT FROM f.postcode AND s.uprn IS NOT DISTINCT FROM f.uprn
    );

    CREATE OR REPLACE TEMP TABLE one_home AS
    WITH one_code AS (
        SELECT h.spelling AS hidden, s.spelling AS other FROM hidden_homes h JOIN spelled s ON s.code = h.code
    ),
    near AS (  -- the beginning is enough to make a crowd: the rule may count more than is asked for here
        SELECT DISTINCT x.spelling AS hidden, y.spelling AS other,
            {_TELLS.format("x")} AND starts_with(y.street, x.beginning) AS one_road
        FROM roads x SEMI JOIN hidden_homes USING (spelling)
        JOIN roads y ON y.house = x.house AND left(y.street, 3) = left(x.street, 3)
    ),
    numbered AS (  -- of those alone that are compared
        SELECT spelling, code, {_NUMBERS} AS numbers FROM spelled
        WHERE spelling IN (SELECT spelling FROM hidden_homes UNION SELECT other FROM one_code UNION SELECT other FROM near)
    ),
    alike AS (
        SELECT h.spelling AS hidden, s.spelling AS other FROM hidden_homes h JOIN spelled s ON s.number = h.number
        UNION
        SELECT o.hidden, o.other FROM one_code o JOIN numbered h ON h.spelling = o.hidden
        JOIN numbered s ON s.spelling = o.other AND s.numbers = h.numbers
    ),
    on_one_road AS (
        SELECT n.hidden, n.other FROM near n JOIN numbered h ON h.spelling = n.hidden JOIN numbered s ON s.spelling = n.other
        WHERE n.one_road AND h.numbers = s.numbers AND coalesce(length(h.code || s.code) < 32 AND levenshtein(h.code, s.code) < 2, true)
    ),
    crowded AS (
        SELECT hidden FROM alike JOIN lives_there l ON l.spelling = other GROUP BY hidden HAVING {_CROWD}
    ),
    crowded_road AS (
        SELECT hidden FROM near JOIN lives_there l ON l.spelling = other GROUP BY hidden HAVING {_CROWD}
    )
    SELECT hidden, other, hidden IN (FROM crowded) AS crowded FROM alike
    UNION ALL
    SELECT DISTINCT hidden, other, false FROM on_one_road ANTI JOIN alike USING (hidden, other)
    WHERE hidden NOT IN (FROM crowded_road);

    CREATE OR REPLACE TEMP TABLE kin AS  -- of the family name of a hidden child who lives or lived there, where too many live
    WITH once AS (
        SELECT c.spelling, c.family FROM lives_there c WHERE c.index_id IN (FROM hidden_children)
        UNION
        SELECT s.spelling, upper(trim(p.family_name)) FROM read_further f JOIN spelled s ON s.address IS NOT DISTINCT FROM f.address
            AND s.postcode IS NOT DISTINCT FROM f.postcode AND s.uprn IS NOT DISTINCT FROM f.uprn
        JOIN keys_of_hidden k ON k.token = f.known_by JOIN read_person p USING (record_key)
    )
    SELECT DISTINCT h.other AS spelling, o.index_id
    FROM one_home h JOIN once c ON c.spelling = h.hidden
    JOIN lives_there o ON o.spelling = h.other AND o.family = c.family AND regexp_matches(c.family, '[{LETTER}]') WHERE h.crowded;
"""

# of the hidden child's own family name, or of one carer, and ever at its home; or of one carer or telephone number and ever in the
# postcode of its home, where a house number may be mistyped: wherever they are, it may be
_SHARING = rf"""
    CREATE OR REPLACE TEMP TABLE sharing AS
    WITH met AS MATERIALIZED (
        SELECT c.index_id AS hidden, o.index_id, false AS near FROM lives_there c JOIN one_home h ON h.hidden = c.spelling AND NOT h.crowded
        JOIN lives_there o ON o.spelling = h.other WHERE c.index_id IN (FROM hidden_children)
        UNION
        SELECT c.index_id, o.index_id, true FROM lives_there c JOIN hidden_homes h USING (spelling) JOIN spelled s ON s.code = h.code
        JOIN lives_there o ON o.spelling = s.spelling WHERE c.index_id IN (FROM hidden_children)
    ),
    concerned AS (SELECT hidden AS index_id FROM met UNION SELECT index_id FROM met),
    records AS (SELECT record_key, index_id FROM identities SEMI JOIN concerned USING (index_id)),
    told AS (
        SELECT index_id, said FROM (SELECT record_key, contact AS said FROM read_carers UNION ALL SELECT record_key, phone FROM read_person)
        JOIN records USING (record_key) WHERE said IS NOT NULL
    ),
    pieces AS (  -- between words, also where a nought begins the next number
        SELECT index_id, regexp_replace(unnest(list_concat(regexp_split_to_array(said, '[{LETTER},;@\n]+'),
            regexp_split_to_array(replace(said, ' 0', ',0'), '[{LETTER},;@\n]+'))), '[^0-9]', '', 'g') AS piece
        FROM told
    ),
    tied AS (
        SELECT DISTINCT index_id, 'family ' || family AS tie FROM lives_there SEMI JOIN concerned USING (index_id)
        WHERE regexp_matches(family, '[{LETTER}]')
        UNION
        SELECT index_id, 'carer ' || person FROM (SELECT index_id, {_PERSON} AS person FROM read_carers JOIN records USING (record_key))
        WHERE person <> ''
        UNION
        SELECT index_id, 'reach ' || right(piece, 9) FROM pieces WHERE length(piece) BETWEEN 9 AND 14
        UNION
        SELECT index_id, 'reach ' || unnest(regexp_extract_all(lower(strip_accents(replace(said, '`', chr(39)))), '{_MAIL}')) FROM told
    )
    SELECT DISTINCT m.index_id FROM met m JOIN tied x ON x.index_id = m.hidden JOIN tied y ON y.index_id = m.index_id AND y.tie = x.tie
    WHERE m.index_id NOT IN (FROM hidden_children)
        AND CASE WHEN m.near THEN NOT starts_with(x.tie, 'family ') ELSE NOT starts_with(x.tie, 'reach ') END
"""

_TELEPHONES = f"""
    CREATE OR REPLACE TEMP TABLE hidden_telephones AS
    WITH told AS (
        SELECT record_key, index_id, said FROM (
            SELECT record_key, contact AS said FROM read_carers UNION ALL SELECT record_key, phone FROM read_person
        ) JOIN identities USING (record_key) WHERE regexp_matches(said, '[0-9@]')
    ),
    of_hidden AS (
        -- each piece between words that has the digits of one number, with or without the country's
        SELECT DISTINCT right(piece, 9) AS telephone
        FROM (
            SELECT index_id, regexp_replace(unnest(regexp_split_to_array(said, '[^0-9 ().+/-]+')), '[^0-9]', '', 'g') AS piece
            FROM told SEMI JOIN hidden_children USING (index_id)
        )
        WHERE length(piece) BETWEEN 9 AND 14
        UNION
        SELECT unnest(regexp_extract_all(lower(strip_accents(said)), '{_MAIL}')) FROM told SEMI JOIN hidden_children USING (index_id)
    ),
    bearers AS (
        SELECT record_key, index_id, unnest(list_transform(range(1, length(digits) - 7), lambda place: digits[place:place + 8])) AS telephone
        FROM (SELECT record_key, index_id, regexp_replace(said, '[^0-9]', '', 'g') AS digits FROM told)
        UNION ALL
        SELECT record_key, index_id, unnest(regexp_extract_all(lower(strip_accents(said)), '{_MAIL}')) FROM told
    )
    SELECT telephone FROM of_hidden ANTI JOIN (
        SELECT telephone FROM (
            SELECT b.telephone, b.index_id, upper(trim(p.family_name)) AS family
            FROM bearers b SEMI JOIN of_hidden USING (telephone)
            LEFT JOIN read_person p USING (record_key)
        ) GROUP BY telephone HAVING {_CROWD}
    ) USING (telephone)
"""


def _texts_of(evidence: Evidence, table: str) -> list[str]:
    """The text columns of a table in which something may be written."""
    described = evidence.connection.execute(f"DESCRIBE {table}").fetchall()
    return [row[0] for row in described if row[1] == "VARCHAR" and row[0] not in _MADE_HERE]


def _telling(evidence: Evidence, shown: Mapping[str, Sequence[str]], of_addresses: bool) -> int:
    """How many texts, each once a table, hold a hidden place or telephone number: in the addresses, or in all other tables.

    Args:
        evidence: of the night, with the tables read plainly.
        shown: table → its text columns.
        of_addresses: there a street and a postcode are compared as places, not as words.
    """
    # of an address only numbers and mail are looked for: hardly any has eight digits
    may_tell = "@|(?:[0-9][^0-9]*){8}" if of_addresses else "[0-9@]"
    texts = " UNION ".join(
        f"SELECT '{table}' AS shown, {name} AS text FROM shown_{table} WHERE regexp_matches({name}, '{may_tell}')"
        for table, names in shown.items()
        for name in names
        if (table == "addresses") is of_addresses and (table, name) not in _OF_PLACES
    )
    if not texts:
        return 0
    places = rf"""
        UNION ALL
        SELECT shown, text, replace(unnest(regexp_extract_all(plain, '\b{_POSTCODE}\b')), ' ', '') FROM texts
        UNION ALL
        SELECT shown, text, replace(unnest(regexp_extract_all(plain, '{_GROWN_TOGETHER}')), ' ', '') FROM texts
    """
    streets = f"""
        UNION
        SELECT t.shown, t.text FROM (SELECT shown, text, unnest({_roads("lines")}) AS road FROM texts) t
        JOIN roads h ON h.house = t.road.house AND starts_with(t.road.street, h.beginning) AND {_TELLS.format("h")}
        SEMI JOIN hidden_homes USING (spelling)
    """
    return evidence.count(rf"""
        WITH texts AS (SELECT shown, text, {_capitals("text")} AS plain, {_lines("plain")} AS lines FROM ({texts})),
        words AS (
            SELECT shown, text, ltrim(unnest(regexp_extract_all(text, '[0-9]{{8,}}')), '0') AS word FROM texts
            UNION ALL
            SELECT shown, text, right(unnest(regexp_extract_all(regexp_replace(text, '[ ().+/-]', '', 'g'), '[0-9]{{9,}}')), 9)
            FROM texts
            UNION ALL
            SELECT shown, text, unnest(regexp_extract_all(lower(strip_accents(text)), '{_MAIL}')) FROM texts
            {"" if of_addresses else places}
        ),
        hidden AS (
            SELECT telephone AS word FROM hidden_telephones
            UNION SELECT number FROM hidden_homes WHERE length(number) > 7
            UNION SELECT code FROM hidden_homes WHERE length(code) > 4
        )
        SELECT count(*) FROM (
            SELECT DISTINCT shown, text FROM words SEMI JOIN hidden USING (word)
            {"" if of_addresses else streets}
        )
    """)
