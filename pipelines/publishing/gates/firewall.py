"""The gate of identity firewalls: two identities that must never be linked are two, and nothing of one stands at the other.

Belongs here: the two sides of each wall worked out again, from what people decided, what feeds ask for, and whose the records
were in the version that the night builds on; then every published table, and the review list, searched for what would lead
across: of what the other side bears tonight, bore in that version, or is remembered to have borne. Not here: how the sides grow
(`matching.deciding.walls`), how values are taken out (`protection.firewall`) and remembered (`protection.borne`): the same promise, in
code of its own. Only the digest is shared, and who stands *between* the sides is taken from the night: of these it is proven
that they are nobody's and show nothing that a side bears or has borne.
"""

from __future__ import annotations

from pipelines.protection.borne import digest_borne
from pipelines.protection.letters import read_plainly
from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.gates.no_names import NO_NAMES

__all__ = ["firewall"]


def firewall(evidence: Evidence) -> Gate:
    """Identities, ids, redirects, names, addresses, carers, texts, events and the review list, side against side."""
    duck = evidence.connection
    columns = {row[0] for row in duck.execute("DESCRIBE person").fetchall()}
    told = "walled_from" if "walled_from" in columns else "NULL"
    likeness = {name: name if name in columns else "NULL" for name in ("given_names", "birth_date", "sex")}
    numbers = ", ".join(name for name in _NUMBERS if name in columns)
    before = {row[0] for row in duck.execute("DESCRIBE base_person").fetchall()}
    told_before = "walled_from" if "walled_from" in before else "NULL"
    duck.execute(_ASKED.format(told=told, told_before=told_before, numbers=numbers, **likeness))
    duck.execute(_WALLS)
    duck.execute("SET VARIABLE no_names = ?", [NO_NAMES])
    walls = evidence.count("SELECT count(*) FROM wanted")
    found = dict.fromkeys(("unheard", "unparted", *_FAULTS), 0)
    found["unheard"] = evidence.count(_UNHEARD)
    found["unparted"] = evidence.count(_UNPARTED)
    if walls:  # else nobody stands on any side
        read_plainly(duck, _READ)
        digest_borne(duck)
        duck.execute(_SIDES)
        duck.execute(_REMEMBERED)
        found |= {name: evidence.count(sql) for name, sql in _FAULTS.items()}
    return Gate(
        "firewall",
        not any(found.values()),
        "Of two identities with a firewall between them none holds a record of the other, has had its index id or leads to it, "
        "and no name, address, carer, telephone number, word of a service or line of the review list shows one at the other, nor "
        "what one has ever borne; who may be two because a firewall that was asked for stands nowhere shows no carer and no name.",
        {"walls": walls, **found},
    )


_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")
_PLACE = ["address", "postcode", "uprn"]
_CARER = ["name", "relationship", "contact"]
_READ = {
    "read_addresses": ("person_addresses", _PLACE),
    "read_carers": ("person_carers", _CARER),
    "read_base_addresses": ("base_addresses", _PLACE),
    "read_base_carers": ("base_carers", _CARER),
    "read_base_names": ("base_names", ["family_name", "given_names"]),
    "read_names": ("person_names", ["family_name", "given_names"]),
    "read_person": ("person", ["family_name", "given_names"]),
    "shown_names": ("names", ["family_name", "given_names"]),
    "shown_children": ("children", ["family_name", "given_names"]),
    "shown_addresses": ("addresses", _PLACE),
    "shown_carers": ("carers", _CARER),
    "shown_involvements": ("involvements", ["service", "contact", "phone"]),
}

# what live records ask for, and the one record that each number means: a key of the feed, else a number of one record
_ASKED = r"""
    CREATE OR REPLACE TEMP MACRO number_told(t) AS nullif(regexp_replace(upper(nfc_normalize(t)), '[^\pL\pN]', '', 'g'), '');

    CREATE OR REPLACE TEMP TABLE asks AS
    SELECT record_key, split_part(record_key, ':', 1) AS agency, {told} AS told FROM person
    WHERE regexp_matches(substr({told}, strpos({told}, ':') + 1), '[^\s\pZ\pC]');  -- what cannot be seen asks for nothing

    CREATE OR REPLACE TEMP TABLE numbers_told AS
    WITH whole AS (SELECT record_key, agency, substr(told, length(agency) + 2) AS told FROM asks)
    SELECT record_key, agency, told AS part, 0 AS place FROM whole
    UNION ALL SELECT record_key, agency, unnest(string_split_regex(told, '[;,|&+\n]')), 1 FROM whole;

    CREATE OR REPLACE TEMP TABLE numbers_found AS
    WITH numbered AS (
        SELECT record_key, split_part(record_key, ':', 1) AS agency,
            substr(record_key, strpos(record_key, ':') + 1) AS own, nhs_number, upn FROM person
    ),
    bearers AS (
        SELECT record_key, agency, own AS number, 1 AS rank_of FROM numbered WHERE agency IN (SELECT agency FROM asks)
        UNION ALL SELECT record_key, agency, nhs_number, 2 FROM numbered WHERE EXISTS (FROM asks)
        UNION ALL SELECT record_key, agency, upn, 2 FROM numbered WHERE EXISTS (FROM asks)
    ),
    meant AS (
        SELECT n.record_key, n.place, n.part, b.record_key AS other, if(b.agency = n.agency, b.rank_of, 3) AS rank_of FROM numbers_told n
        JOIN bearers b ON number_told(b.number) = number_told(n.part) AND b.record_key <> n.record_key
            AND (b.agency = n.agency OR b.rank_of = 2)
    )
    SELECT record_key AS one, place, part, min(other) AS other FROM meant m
    WHERE rank_of = (SELECT min(rank_of) FROM meant o WHERE o.record_key = m.record_key AND o.place = m.place AND o.part = m.part)
    GROUP BY ALL HAVING count(DISTINCT other) = 1;

    CREATE OR REPLACE TEMP TABLE asked_for AS
    SELECT one, other FROM numbers_found f
    WHERE place = 0 OR NOT EXISTS (SELECT 1 FROM numbers_found w WHERE w.one = f.one AND w.place = 0);

    -- whose firewall is to somebody with whom it has no number, birth date or given name in common: most likely another child
    CREATE OR REPLACE TEMP TABLE likenesses AS
    SELECT record_key, [{numbers}] AS numbers, {birth_date} AS birth_date, {sex} AS sex,
        string_split_regex(upper(strip_accents(nfc_normalize({given_names}::VARCHAR))), '[^\pL]+') AS given
    FROM person SEMI JOIN (SELECT one AS record_key FROM asked_for UNION SELECT other FROM asked_for) USING (record_key);

    CREATE OR REPLACE TEMP TABLE strangers AS
    SELECT DISTINCT one FROM asked_for f JOIN likenesses a ON a.record_key = f.one JOIN likenesses b ON b.record_key = f.other
    WHERE NOT coalesce(list_has_any(list_filter(a.numbers, lambda x: x IS NOT NULL), b.numbers), false)
        AND NOT coalesce(list_has_any(list_filter(a.given, lambda x: length(x) > 1), b.given), false)
        AND NOT coalesce(a.birth_date = b.birth_date AND NOT coalesce(a.sex <> b.sex, false), false);

    -- who asks otherwise than in the version before: a firewall that people had decided by then cannot have meant that
    CREATE OR REPLACE TEMP TABLE asks_anew AS
    SELECT record_key FROM asks a JOIN (SELECT record_key, {told_before} AS told_before FROM base_person) USING (record_key)
    WHERE told IS DISTINCT FROM told_before;

    -- who asks and has nothing to be walled off from; letters that are none of ours may be read otherwise than here
    CREATE OR REPLACE TEMP TABLE unheard AS
    SELECT record_key FROM asks WHERE regexp_full_match(coalesce(number_told(told), ''), '[A-Z0-9_]*') AND record_key NOT IN (SELECT one FROM asked_for WHERE one NOT IN (FROM strangers))
        AND record_key NOT IN (
            SELECT record_a FROM decisions WHERE kind = 'same' AND record_a IS NOT NULL
            UNION SELECT record_b FROM decisions WHERE kind = 'same' AND record_b IS NOT NULL
            UNION SELECT record_key FROM (
                SELECT record_a AS one, record_b AS other, unnest([record_a, record_b]) AS record_key FROM decisions WHERE kind = 'firewall')
            WHERE record_key NOT IN (FROM asks_anew) OR NOT EXISTS (
                SELECT 1 FROM base_walls WHERE wall_a = least(one, other) AND wall_b = greatest(one, other))
            UNION SELECT record_a FROM base_walls_asked UNION SELECT record_b FROM base_walls_asked)
"""

_WALLS = """
    CREATE OR REPLACE TEMP TABLE wanted AS
    WITH every AS (
        SELECT one, other FROM asked_for UNION ALL SELECT record_a, record_b FROM base_walls_asked
    ),
    stands AS (
        SELECT record_a AS one, record_b AS other FROM decisions WHERE kind = 'firewall'
        UNION ALL
        SELECT one, other FROM every f WHERE NOT EXISTS (
            SELECT 1 FROM decisions d WHERE d.kind = 'same' AND
                (d.record_a = f.one AND d.record_b = f.other OR d.record_a = f.other AND d.record_b = f.one))
        UNION ALL  -- asked for anew after that
        SELECT wall_a, wall_b FROM walls
    )
    SELECT row_number() OVER (ORDER BY one, other) AS wall, one, other
    FROM (SELECT DISTINCT least(one, other) AS one, greatest(one, other) AS other FROM stands)
"""

# the records of each side: those asked for, those that stood there before, and all that are one identity with any of them
_SIDES = r"""
    CREATE OR REPLACE TEMP TABLE surely AS
    SELECT wall, 1 AS side, one AS record_key FROM wanted UNION SELECT wall, 2, other FROM wanted
    UNION
    SELECT w.wall, if(b.side = 'a', 1, 2), b.record_key FROM wanted w JOIN base_walls b ON b.wall_a = w.one AND b.wall_b = w.other
    WHERE b.side <> 'between';

    -- 3: between the sides
    CREATE OR REPLACE TEMP TABLE between_them AS
    SELECT DISTINCT w.wall, t.record_key FROM wanted w JOIN walls t ON t.wall_a = w.one AND t.wall_b = w.other WHERE t.side = 'between';

    CREATE OR REPLACE TEMP TABLE sided AS
    SELECT DISTINCT s.wall, s.side, i.index_id FROM (FROM surely ANTI JOIN between_them USING (wall, record_key)) s JOIN held i USING (record_key)
    UNION SELECT s.wall, 3, i.index_id FROM between_them s JOIN held i USING (record_key);

    CREATE OR REPLACE TEMP TABLE members AS
    SELECT DISTINCT s.wall, s.side, i.record_key, i.record_ref, i.wall_ref, i.index_id FROM sided s JOIN identities i USING (index_id);

    -- what a child of one side may not show: s is the side that shows, m whose it is
    CREATE OR REPLACE TEMP VIEW against AS
    SELECT s.wall, s.index_id, m.record_key FROM sided s JOIN members m ON m.wall = s.wall AND m.side <> s.side AND m.side < 3;

    -- the same of the version before: where the records stood then, at a wall that is new where they stand tonight
    CREATE OR REPLACE TEMP TABLE stood_before AS
    SELECT w.wall, if(b.side = 'a', 1, 2) AS side, b.record_key FROM wanted w JOIN base_walls b ON b.wall_a = w.one AND b.wall_b = w.other
    WHERE b.side <> 'between'
    UNION SELECT m.wall, m.side, m.record_key FROM members m JOIN wanted w USING (wall)
    WHERE m.side < 3 AND NOT EXISTS (FROM base_walls b WHERE b.wall_a = w.one AND b.wall_b = w.other);

    CREATE OR REPLACE TEMP VIEW against_before AS
    SELECT s.wall, s.index_id, m.record_key FROM sided s JOIN stood_before m ON m.wall = s.wall AND m.side <> s.side;

    CREATE OR REPLACE TEMP TABLE their_addresses AS
    SELECT DISTINCT index_id, address, postcode, uprn FROM against JOIN read_addresses USING (record_key)
    UNION SELECT index_id, address, postcode, uprn FROM against_before JOIN read_base_addresses USING (record_key);

    CREATE OR REPLACE TEMP TABLE their_carers AS
    SELECT DISTINCT index_id, name, contact FROM against JOIN read_carers USING (record_key)
    UNION SELECT index_id, name, contact FROM against_before JOIN read_base_carers USING (record_key);

    CREATE OR REPLACE TEMP MACRO plain_of(t) AS
        trim(regexp_replace(regexp_replace(upper(strip_accents(t)), '[''`]', '', 'g'), '[^\pL\pN]+', ' ', 'g'));
    CREATE OR REPLACE TEMP MACRO close_of(t) AS nullif(replace(plain_of(t), ' ', ''), '');
    CREATE OR REPLACE TEMP MACRO family_of(t) AS nullif(regexp_replace(upper(strip_accents(t)), '[^\pL]', '', 'g'), '');
    CREATE OR REPLACE TEMP MACRO spoken(t) AS array_to_string(list_sort(list_filter(string_split(plain_of(t), ' '),
        lambda word: length(word) > 1 AND word NOT IN ('MR', 'MRS', 'MS', 'MISS', 'DR'))), ' ');
    CREATE OR REPLACE TEMP MACRO called_by(t) AS list_filter(string_split(coalesce(plain_of(regexp_replace(upper(t), '[''`]S\b', ' ', 'g')), ''), ' '),
        lambda word: length(word) > 1 AND NOT list_contains(getvariable('no_names'), word));
    CREATE OR REPLACE TEMP MACRO one_word(a, b) AS a = b OR length(a) BETWEEN 5 AND 64 AND length(b) BETWEEN 5 AND 64 AND levenshtein(a, b) < 2;
    CREATE OR REPLACE TEMP MACRO number_of(t) AS right(regexp_replace(t, '[^0-9]', '', 'g'), 9);

    CREATE OR REPLACE TEMP TABLE families_against AS
    SELECT DISTINCT index_id, family_of(family_name) AS family FROM (
        SELECT index_id, family_name FROM against JOIN read_names USING (record_key)
        UNION ALL SELECT index_id, family_name FROM against JOIN read_person USING (record_key)
        UNION ALL SELECT index_id, family_name FROM against_before JOIN read_base_names USING (record_key)
    ) WHERE family_of(family_name) IS NOT NULL;

    CREATE OR REPLACE TEMP MACRO numbers_of(t) AS list_sort(list_distinct(list_transform(
        regexp_extract_all(coalesce(plain_of(t), ''), '[0-9]+'), lambda number: ltrim(number, '0'))));

    -- the street that follows a number: its first word and the letter after it, grown together
    CREATE OR REPLACE TEMP TABLE streets_against AS
    SELECT DISTINCT index_id, street FROM (
        SELECT index_id, replace(unnest(regexp_extract_all(regexp_replace(regexp_replace(regexp_replace(
            upper(strip_accents(address)), '[''`]', '', 'g'), '[^A-Z0-9,]+', ' ', 'g'), '([0-9])([A-Z]{2})', '\1 \2', 'g'),
            '\b[0-9]+ ([A-Z]{4,} [A-Z])[A-Z]', 1)), ' ', '') AS street
        FROM their_addresses
    ) WHERE length(street) > 5 AND NOT regexp_matches(street, '^(FLAT|SAINT|UNIT|ROOM)');

    -- family names of the other side that the child does not bear itself, streets, and how the other side is reached
    CREATE OR REPLACE TEMP TABLE words_against AS
    SELECT index_id, family AS word FROM families_against f WHERE length(family) > 4 AND NOT EXISTS (
        SELECT 1 FROM (
            SELECT index_id, family_name, given_names FROM shown_names
            UNION ALL SELECT index_id, family_name, given_names FROM shown_children
        ) n WHERE n.index_id = f.index_id AND contains(family_of(concat_ws(' ', n.given_names, n.family_name)), f.family))
    UNION SELECT index_id, street FROM streets_against
    UNION SELECT index_id, number_of(contact) FROM their_carers
    WHERE regexp_full_match(trim(contact), '\+?[0-9][0-9 ()./-]+') AND length(regexp_replace(contact, '[^0-9]', '', 'g')) BETWEEN 9 AND 14;

    CREATE OR REPLACE TEMP TABLE carers_by_word AS
    SELECT DISTINCT index_id, name, unnest(called_by(name)) AS word FROM shown_carers SEMI JOIN sided USING (index_id);

    CREATE OR REPLACE TEMP TABLE their_carers_by_word AS
    SELECT DISTINCT index_id, name, unnest(called_by(name)) AS word FROM their_carers;

    CREATE OR REPLACE TEMP TABLE own_words AS  -- of names in use that the child itself bears
    SELECT DISTINCT index_id, unnest(string_split(plain_of(concat_ws(' ', given_names, family_name)), ' ')) AS word FROM (
        SELECT record_key, given_names, family_name FROM read_names WHERE kind = 'current'
        UNION ALL SELECT record_key, given_names, family_name FROM read_person
    ) JOIN members USING (record_key);

    CREATE OR REPLACE TEMP MACRO last_called(t) AS called_by(regexp_replace(t, '[(\[][^)\]]*[)\]]', ' ', 'g'))[-1];

    CREATE OR REPLACE TEMP TABLE told_there AS
    SELECT index_id, unnest([relationship, contact]) AS text FROM shown_carers
    UNION ALL SELECT index_id, unnest([service, contact, phone]) FROM shown_involvements
"""

# what the sides are remembered to have borne, however long ago; of what is shown the digests that could be among it
_REMEMBERED = r"""
    CREATE OR REPLACE TEMP TABLE memory AS
    SELECT DISTINCT w.wall, if(b.side = 'a', 1, if(b.side = 'b', 2, 3)) AS side, b.token
    FROM (SELECT wall_a, wall_b, side, token FROM borne UNION SELECT wall_a, wall_b, side, token FROM base_borne WHERE side <> 'between') b
    JOIN wanted w ON w.one = b.wall_a AND w.other = b.wall_b;

    CREATE OR REPLACE TEMP TABLE remembered_against AS
    SELECT DISTINCT s.index_id, m.token FROM sided s JOIN memory m ON m.wall = s.wall AND m.side <> s.side;

    CREATE OR REPLACE TEMP TABLE shown_as AS
    SELECT index_id, digest_borne('place', 'u' || ltrim(uprn, '0')) AS token FROM shown_addresses WHERE uprn IS NOT NULL
    UNION SELECT index_id, digest_borne('place', 'w' || regexp_replace(upper(strip_accents(address)), '[^A-Z0-9]', '', 'g')) FROM shown_addresses
    UNION SELECT index_id, digest_borne('place', 'q' || close_of(postcode) || '/' || array_to_string(numbers_of(address), ' ')) FROM shown_addresses
    UNION SELECT index_id, digest_borne('mark', 'postcode ' || close_of(postcode)) FROM shown_addresses WHERE length(close_of(postcode)) > 4
    UNION SELECT index_id, digest_borne('person', replace(spoken(name), ' ', '')) FROM shown_carers WHERE spoken(name) <> ''
    UNION SELECT index_id, digest_borne('mark', 'last ' || number_of(contact)) FROM shown_carers WHERE length(number_of(contact)) > 8;

    CREATE OR REPLACE TEMP TABLE families_shown AS
    SELECT DISTINCT s.index_id, family_of(s.family_name) AS family, string_split(plain_of(s.family_name), ' ') AS words, digest_borne('family', family_of(s.family_name)) AS token
    FROM shown_names s WHERE s.index_id IN (SELECT index_id FROM sided) AND family_of(s.family_name) IS NOT NULL;

    CREATE OR REPLACE TEMP TABLE families_remembered AS FROM families_shown SEMI JOIN remembered_against USING (index_id, token)
"""

_UNHEARD = """
    SELECT count(*) FROM unheard JOIN identities i USING (record_key) JOIN children c USING (index_id)
    WHERE NOT (c.shielded OR c.withheld)
        AND i.record_ref NOT IN (SELECT record_ref FROM entries WHERE lifted_by IS NOT NULL AND record_ref IS NOT NULL)
"""
# who may be two children, for nobody knows whom it is to be walled off from, and shows a carer or two family names
_UNPARTED = r"""
    WITH those AS (
        SELECT DISTINCT c.index_id FROM unheard JOIN identities i USING (record_key) JOIN children c USING (index_id) WHERE c.shielded OR c.withheld
    ),
    called AS (
        SELECT index_id FROM names UNION ALL SELECT index_id FROM children WHERE coalesce(family_name, given_names) IS NOT NULL
    )
    SELECT (SELECT count(*) FROM carers SEMI JOIN those USING (index_id)) + (SELECT count(DISTINCT index_id) FROM called SEMI JOIN those USING (index_id))
"""
# what a wall may be found broken by: each joins somebody on a side
_FAULTS = {
    "forgotten": """
        SELECT count(*) FROM base_borne b JOIN wanted w ON w.one = b.wall_a AND w.other = b.wall_b ANTI JOIN borne t
        ON t.wall_a = b.wall_a AND t.wall_b = b.wall_b AND t.token = b.token AND (t.side = b.side OR b.side = 'between')
    """,
    "not_remembered": """
        SELECT count(*) FROM (
            SELECT DISTINCT m.wall, m.side, digest_borne('family', family_of(p.family_name)) AS token
            FROM members m JOIN read_person p USING (record_key) WHERE m.side < 3 AND family_of(p.family_name) IS NOT NULL
        ) ANTI JOIN memory USING (wall, side, token)
    """,
    "remembered_shown": "SELECT count(*) FROM shown_as SEMI JOIN remembered_against USING (index_id, token)",
    "remembered_names": """
        SELECT count(*) FROM families_remembered WHERE index_id IN (  -- beside one that is the child's alone
            SELECT index_id FROM families_shown s WHERE NOT EXISTS (
                SELECT 1 FROM families_remembered r WHERE r.index_id = s.index_id AND (s.family = r.family OR list_contains(s.words, r.family))))
    """,
    "joined": """
        SELECT count(*) FROM (SELECT wall, index_id FROM sided GROUP BY ALL HAVING count(DISTINCT side) > 1)
    """,
    "ids_crossed": """
        SELECT count(DISTINCT s.index_id) FROM sided s JOIN members m ON m.wall = s.wall AND m.side <> s.side AND m.side < 3
        JOIN base_identities b ON b.record_key = m.record_key AND b.index_id = s.index_id
    """,
    "ids_brought": """ -- what a record had in the version before, where it did not stand there, and nobody had who did
        WITH stood AS (
            SELECT DISTINCT w.wall, b.record_key FROM wanted w JOIN base_walls b ON b.wall_a = w.one AND b.wall_b = w.other
        ),
        leads AS (SELECT index_id AS one, index_id AS other FROM sided UNION SELECT index_id, redirects_to FROM redirects),
        had AS (
            SELECT m.wall, m.side, m.index_id, b.index_id AS had, s.record_key IS NOT NULL AS stood
            FROM members m JOIN base_identities b USING (record_key) LEFT JOIN stood s USING (wall, record_key)
        )
        SELECT count(*) FROM (SELECT DISTINCT wall, side, index_id, had FROM had WHERE NOT stood) n JOIN leads l ON l.one = n.had AND l.other = n.index_id
        WHERE NOT EXISTS (FROM had s WHERE s.stood AND s.wall = n.wall AND s.side = n.side AND s.index_id = n.index_id AND s.had = n.had)
    """,
    "redirects_across": """
        SELECT count(DISTINCT r.index_id) FROM redirects r JOIN sided s ON s.index_id = r.redirects_to
        JOIN members m ON m.wall = s.wall AND m.side <> s.side AND m.side < 3
        JOIN base_identities b ON b.record_key = m.record_key AND b.index_id = r.index_id
    """,
    "former_names": """
        SELECT count(*) FROM names WHERE kind <> 'current' AND index_id IN (SELECT index_id FROM sided)
    """,
    "names_shown": """
        WITH own AS (
            SELECT DISTINCT n.index_id FROM shown_names n WHERE n.index_id IN (SELECT index_id FROM sided)
                AND family_of(n.family_name) IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM families_against f WHERE f.index_id = n.index_id
                        AND (f.family = family_of(n.family_name) OR list_contains(string_split(plain_of(n.family_name), ' '), f.family)))
        ),
        shown AS (SELECT index_id, family_name FROM shown_names UNION ALL SELECT index_id, family_name FROM shown_children)
        SELECT count(*) FROM shown s JOIN families_against f ON f.index_id = s.index_id AND f.family = family_of(s.family_name)
        WHERE s.index_id IN (FROM own)
    """,
    "names_taken": """
        WITH shown AS (
            SELECT index_id, family_of(family_name) AS family FROM shown_names WHERE kind = 'current'
            UNION SELECT index_id, family_of(family_name) FROM shown_children
        ),
        were AS (  -- what was called so under the id in the version before
            SELECT DISTINCT b.index_id, family_of(n.family_name) AS family FROM base_identities b JOIN read_base_names n USING (record_key)
            WHERE n.kind = 'current' AND family_of(n.family_name) IS NOT NULL
        ),
        own AS (  -- of who stands between the sides, each record's
            SELECT DISTINCT d.index_id, m.token FROM sided d JOIN memory m USING (wall, side) WHERE side < 3
            UNION SELECT i.index_id, b.token FROM borne b JOIN identities i USING (record_key) WHERE b.side = 'between'
        )
        SELECT count(*) FROM shown s JOIN families_against f USING (index_id, family) WHERE index_id IN (SELECT index_id FROM were)
            AND NOT EXISTS (FROM were w WHERE w.index_id = s.index_id AND w.family = s.family)
            AND NOT EXISTS (FROM own o WHERE o.index_id = s.index_id AND o.token = digest_borne('used', s.family))
    """,
    "names_joined": """
        SELECT count(*) FROM shown_names s JOIN families_against f USING (index_id)
        WHERE list_contains(string_split(plain_of(s.family_name), ' '), f.family) AND family_of(s.family_name) <> f.family
            AND NOT EXISTS (SELECT 1 FROM families_against o WHERE o.index_id = s.index_id AND o.family = family_of(s.family_name))
            AND NOT EXISTS (
                SELECT 1 FROM (
                    SELECT index_id, given_names FROM against JOIN read_names USING (record_key)
                    UNION ALL SELECT index_id, given_names FROM against JOIN read_person USING (record_key)
                    UNION ALL SELECT index_id, given_names FROM against_before JOIN read_base_names USING (record_key)
                ) g WHERE g.index_id = s.index_id AND contains(family_of(g.given_names), f.family))
    """,
    "names_holding": """
        SELECT count(*) FROM shown_names s JOIN families_against f USING (index_id)
        WHERE length(f.family) > 4 AND len(string_split(plain_of(s.family_name), ' ')) > 1
            AND list_contains(string_split(plain_of(s.family_name), ' '), f.family)
            AND list_has_any(string_split(plain_of(s.family_name), ' '), ['NEE', 'FORMERLY', 'PREVIOUSLY', 'FKA', 'AKA'])
            AND NOT EXISTS (  -- what is a given name there as well tells nothing
                SELECT 1 FROM against a JOIN (
                    SELECT record_key, given_names FROM read_names UNION ALL SELECT record_key, given_names FROM read_person
                ) g USING (record_key) WHERE a.index_id = s.index_id AND contains(family_of(g.given_names), f.family))
    """,
    "addresses_shown": """
        SELECT count(*) FROM shown_addresses s WHERE EXISTS (
            SELECT 1 FROM their_addresses o WHERE o.index_id = s.index_id AND (
                nullif(ltrim(s.uprn, '0'), '') = ltrim(o.uprn, '0') OR close_of(s.address) = close_of(o.address)
                OR close_of(s.postcode) = close_of(o.postcode) OR contains(close_of(s.address), close_of(o.postcode)))
        ) OR EXISTS (
            SELECT 1 FROM streets_against w WHERE w.index_id = s.index_id AND contains(family_of(s.address), w.street)
        ) OR EXISTS (
            SELECT 1 FROM words_against w WHERE w.index_id = s.index_id AND contains(close_of(s.address), w.word))
    """,
    "carers_shown": """
        SELECT count(*) FROM shown_carers s WHERE EXISTS (
            SELECT 1 FROM their_carers o WHERE o.index_id = s.index_id AND (
                spoken(s.name) <> '' AND spoken(s.name) = spoken(o.name)
                OR length(number_of(o.contact)) > 8 AND number_of(s.contact) = number_of(o.contact)))
    """,
    "carers_meant": """
        SELECT count(*) FROM (
            SELECT DISTINCT s.index_id, s.name FROM carers_by_word s
            JOIN their_carers_by_word o ON o.index_id = s.index_id AND one_word(s.word, o.word)
            GROUP BY s.index_id, s.name, o.name HAVING count(DISTINCT s.word) > 1 AND count(DISTINCT o.word) > 1
            UNION
            SELECT s.index_id, s.name FROM shown_carers s JOIN their_carers o ON o.index_id = s.index_id
                AND length(last_called(s.name)) > 2 AND one_word(last_called(s.name), last_called(o.name))
            WHERE NOT EXISTS (FROM own_words w WHERE w.index_id = s.index_id AND w.word = last_called(s.name))
            UNION
            SELECT index_id, name FROM carers_by_word c JOIN remembered_against m USING (index_id)
            WHERE length(word) > 2 AND m.token = digest_borne('word', c.word) GROUP BY ALL HAVING count(DISTINCT word) > 1
            UNION
            SELECT index_id, name FROM shown_carers SEMI JOIN sided USING (index_id)
            WHERE regexp_matches(plain_of(concat_ws(' ', name, relationship)), '\\b(BIRTH|BIOLOGICAL|NATURAL)\\b')
        )
    """,
    "given_told": """
        WITH own AS (SELECT index_id, unnest(called_by(given_names)) AS word FROM members JOIN read_person USING (record_key)),
        theirs AS (
            SELECT index_id, unnest(called_by(given_names)) AS word FROM against JOIN read_names USING (record_key)
            UNION SELECT index_id, unnest(called_by(given_names)) FROM against JOIN read_person USING (record_key)
        )
        SELECT count(*) FROM (
            SELECT index_id, text FROM told_there
            UNION ALL SELECT index_id, name FROM shown_carers WHERE regexp_matches(
                plain_of(regexp_replace(upper(name), '[''`]S\\b', ' OF', 'g')),
                '\\b(OF|MUM|MUMMY|MOTHER|DAD|DADDY|FATHER|NAN|GRAN|AUNT|AUNTIE|UNCLE|SISTER|BROTHER|CARER|GUARDIAN)\\b')
        ) t JOIN (FROM theirs ANTI JOIN own USING (index_id, word)) g ON g.index_id = t.index_id
            AND length(g.word) > 2 AND list_contains(called_by(t.text), g.word)
    """,
    "texts_telling": """
        SELECT count(*) FROM told_there t JOIN words_against w USING (index_id) WHERE contains(close_of(t.text), w.word)
    """,
    "events_told": """
        SELECT count(*) FROM events WHERE index_id IN (SELECT index_id FROM sided) AND regexp_matches(words, '[0-9A-Z]{12}')
    """,
    "ledger_leads": """
        SELECT count(*) FROM ledger
        WHERE other_id IS NOT NULL AND kind <> 'merged'
            AND (index_id IN (SELECT index_id FROM sided) OR other_id IN (SELECT index_id FROM sided))
    """,
    "references_kept": """
        SELECT count(*) FROM (
            SELECT index_id, record_ref FROM record_links
            UNION ALL SELECT index_id, record_ref FROM ledger WHERE kind = 'joined'
            UNION ALL SELECT index_id, unnest(json_extract_string(evidence, '$.records[*]')) FROM ledger WHERE kind IN ('minted', 'restored')
        ) told JOIN members m USING (index_id, record_ref) JOIN base_identities b USING (record_key) WHERE b.index_id <> m.index_id
    """,
    "review_lines": """
        WITH lines AS (
            SELECT row_number() OVER () AS line, record_ref_a, record_ref_b, rival_ref_a, rival_ref_b FROM review
        ),
        told AS (
            SELECT line, unnest([record_ref_a, record_ref_b, rival_ref_a, rival_ref_b]) AS record_ref FROM lines
        )
        SELECT count(DISTINCT line) FROM (
            SELECT line, wall FROM told JOIN members USING (record_ref) GROUP BY ALL HAVING count(DISTINCT side) > 1
        )
    """,
    "links_astray": """
        SELECT count(*) FROM record_links l JOIN members m ON l.record_ref IN (m.record_ref, m.wall_ref) JOIN sided s
            ON s.index_id = l.index_id AND s.wall = m.wall AND s.side <> m.side
    """,
}
