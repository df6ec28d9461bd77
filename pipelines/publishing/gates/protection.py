"""Gates of protection: who and what may not be seen is in no table.

Belongs here: shielding, sensitive services, numbers that agencies issued; each worked out again from the records, in code
of its own. Not here: the rules as they are applied (`pipelines.protection`, `publishing.snapshot`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.protection.letters import read_plainly
from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.tables import fetch

__all__ = ["identifiers_absent", "nobody_unshielded", "sensitive_services", "shielding"]

_OWN_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")
_NOT_NUMBERS = {"uprn", "record_ref", "index_id", "redirects_to", "postcode"}


def shielding(evidence: Evidence) -> Gate:
    """Worked out again from the records and the register by recursive queries, then held against every table."""
    duck = evidence.connection
    if evidence.count(_ANY_REASON) or evidence.protection.lifting:
        _work_out(evidence)
    else:
        duck.execute(_NOBODY)
    open_children = evidence.count("""
        SELECT count(*) FROM children c JOIN must_hide USING (index_id)
        WHERE NOT (c.shielded OR c.withheld) OR c.expected_birth_date IS NOT NULL OR c.address_status IS NOT NULL
    """)
    rows = sum(
        evidence.count(f"SELECT count(*) FROM {table} WHERE index_id IN (FROM must_hide)")
        for table in ("addresses", "involvements", "flags", "record_links", "events")
    )
    names = evidence.count("""
        SELECT count(*) FILTER (kind <> 'current' OR agency IS NOT NULL OR from_date IS NOT NULL OR to_date IS NOT NULL)
            + count(*) - count(DISTINCT index_id)
        FROM names WHERE index_id IN (FROM must_hide)
    """)
    carers = evidence.count("""
        SELECT count(*) FROM carers WHERE index_id IN (FROM must_hide)
            AND (contact IS NOT NULL OR relationship IS NOT NULL OR agency IS NOT NULL)
    """)
    return Gate(
        "shielding",
        open_children + rows + names + carers == 0,
        "Every child that is shielded, or possibly is a shielded child, shows name, sex, date of birth, index id and "
        "carers' names only.",
        {
            "children_hidden": evidence.count("SELECT count(*) FROM must_hide"),
            "children_open": open_children,
            "rows_open": rows,
            "names_open": names,
            "carers_open": carers,
        },
    )


def _work_out(evidence: Evidence) -> None:
    """Tables one_child (a, b), wished (index_id, tokens), must_hide (index_id)."""
    duck = evidence.connection
    person = fetch(duck, "FROM person")
    duck.register("known_by", tokens_of_records(person, fetch(duck, "FROM person_names")))
    duck.register("token_of", key_tokens(_keys_decided(evidence)))
    duck.execute(_ONE_CHILD)
    duck.execute(_WISHED)
    parted = evidence.count("SELECT count(*) FROM decisions WHERE kind = 'not_the_same'")
    duck.execute(_PARTED if parted else _NOBODY_PARTED)
    duck.execute("""
        CREATE OR REPLACE TEMP TABLE must_hide AS
        WITH RECURSIVE hidden AS (
            SELECT i.index_id FROM identities i LEFT JOIN person p USING (record_key)
            WHERE coalesce(p.shielded, true)
            UNION
            SELECT i.index_id FROM held i JOIN decisions d ON d.record_a = i.record_key AND d.kind = 'shield'
            UNION
            SELECT w.index_id FROM wished w WHERE NOT EXISTS (
                SELECT 1 FROM parted_keys p WHERE p.index_id = w.index_id AND list_contains(w.tokens, p.token))
            UNION
            SELECT one_child.b FROM hidden JOIN one_child ON one_child.a = hidden.index_id
        )
        SELECT DISTINCT index_id FROM hidden
    """)


def nobody_unshielded(evidence: Evidence) -> Gate:
    """Children shown in full who were hidden, by their index id or by any of their records.

    Only a decision to unshield that takes effect tonight opens anybody: its child, while the record is still that child's, and
    who was withheld for its sake; nobody who is shielded in its own right, and no other hidden child that has come into its identity. An
    entry of the register is lifted by such a decision alone, where it is the child's or nobody's and was told before the decision was
    confirmed; by one that names a wish, that very one, while no record is known by it.
    """
    duck = evidence.connection
    lifting = evidence.protection.lifting
    duck.register("lifting", pa.table(
        [
            pa.array([each.number for each in lifting for _ in each.record_keys], pa.int64()),
            pa.array([key for each in lifting for key in each.record_keys], pa.string()),
            pa.array([each.from_night for each in lifting for _ in each.record_keys], pa.date32()),
            pa.array([each.told for each in lifting for _ in each.record_keys], pa.int64()),
            pa.array([each.known_by for each in lifting for _ in each.record_keys], pa.list_(pa.string())),
        ],
        names=["number", "record_key", "from_night", "told", "was_known_by"],
    ))  # fmt: skip
    duck.execute(_DECIDED if lifting else _NOTHING_DECIDED)
    opened = evidence.count("""
        WITH RECURSIVE meant AS (
            SELECT index_id FROM identities JOIN counting USING (record_key) WHERE index_id NOT IN (FROM guarded)
            UNION
            SELECT one_child.b FROM meant JOIN one_child ON one_child.a = meant.index_id
            WHERE one_child.b NOT IN (FROM guarded)
        ),
        hidden AS (
            SELECT index_id FROM base_children WHERE shielded OR withheld UNION SELECT index_id FROM inherited_hidden
            UNION SELECT redirects_to FROM redirects WHERE index_id IN (SELECT index_id FROM inherited_hidden)
        ),
        were AS (
            FROM hidden
            UNION SELECT i.index_id FROM identities i JOIN base_identities b USING (record_key)
            WHERE b.index_id IN (FROM hidden)
        )
        SELECT count(*) FROM children WHERE NOT (shielded OR withheld)
            AND (index_id IN (FROM guarded) OR index_id IN (FROM were) AND index_id NOT IN (FROM meant))
    """)
    astray = evidence.count("""
        SELECT count(*) FROM entries e LEFT JOIN (SELECT entry_id, lifted_by AS before FROM base_entries) USING (entry_id)
        WHERE lifted_by IS NOT NULL AND lifted_by IS DISTINCT FROM before AND NOT EXISTS (
            SELECT 1 FROM counting c WHERE c.number = e.lifted_by
                AND coalesce(e.told, 0) <= c.told AND e.last_night < c.from_night
                AND CASE WHEN starts_with(c.record_key, 'wish:') THEN c.record_key = 'wish:' || e.entry_id AND e.entry_id IN (FROM of_nobody)
                    ELSE e.entry_id NOT IN (SELECT entry_id FROM asked_by) OR e.entry_id IN (
                    SELECT entry_id FROM asked_by JOIN opened_by USING (index_id) WHERE opened_by.number = c.number) END)
    """)
    with_it = evidence.count("""
        WITH meant AS (  -- by any of the decisions that open an identity
            SELECT DISTINCT i.record_key FROM opened_by o JOIN lifting l USING (number) JOIN identities i USING (index_id)
            LEFT JOIN known_by n ON n.record_key = i.record_key AND list_contains(l.was_known_by, n.token)
            LEFT JOIN known_by own ON own.record_key = i.record_key AND own.kind = 'key'
            WHERE l.was_known_by IS NULL OR i.record_key = l.record_key OR n.token IS NOT NULL AND (
                NOT list_bool_or(list_transform(l.was_known_by, lambda told: starts_with(told, 'key:'))) OR list_contains(l.was_known_by, 'key:' || own.token))
        )
        SELECT count(DISTINCT i.index_id) FROM opened_by o JOIN identities i USING (index_id)
        JOIN children c USING (index_id) JOIN known_by k ON k.record_key = i.record_key AND k.kind = 'key'
        WHERE NOT (c.shielded OR c.withheld) AND k.token IN (SELECT holder FROM base_latched) AND i.record_key NOT IN (FROM meant)
    """) if lifting else 0  # fmt: skip
    return Gate(
        "nobody_unshielded",
        opened + astray + with_it == 0,
        "Nobody who was shielded or withheld is shown in full, unless a confirmed decision says so.",
        {
            "hidden_before": evidence.count("SELECT count(*) FROM base_children WHERE shielded OR withheld"),
            "shown_in_full": opened,
            "lifted_by_nobody": astray,
            "opened_with_another": with_it,
        },
    )


def _keys_decided(evidence: Evidence) -> list[str]:
    """The keys of all records that a decision names."""
    found = evidence.connection.execute("SELECT record_a, record_b FROM decisions").fetchall()
    return sorted({key for pair in found for key in pair if key})


def sensitive_services(evidence: Evidence) -> Gate:
    """Involvements whose service may not be named."""
    told = evidence.count("""
        SELECT count(*) FROM involvements WHERE kind = 'sensitive_service' AND coalesce(service, contact, phone, agency,
            start_date::VARCHAR, end_date::VARCHAR) IS NOT NULL
    """)
    unknown = evidence.count("""
        SELECT count(*) FROM involvements
        WHERE coalesce(kind, '') NOT IN ('gp_practice', 'school', 'service', 'sensitive_service')
    """)
    return Gate(
        "sensitive_services",
        told + unknown == 0,
        "Of a sensitive service nothing is shown but that there is one.",
        {
            "sensitive": evidence.count("SELECT count(*) FROM involvements WHERE kind = 'sensitive_service'"),
            "told": told,
            "kinds_unknown": unknown,
        },
    )


def identifiers_absent(evidence: Evidence) -> Gate:
    """Any word of any text that is a number some agency issued to a child, or a record's own key.

    What people write is read in plain letters as well, and words that follow each other as one: "404 729 0009" is a number. So are
    the records, to tell how many texts are left out for that.
    """
    told = {row[0] for row in evidence.connection.execute("DESCRIBE person").fetchall()}
    numbers = " UNION ".join(f"SELECT {name} AS number FROM person" for name in _OWN_NUMBERS if name in told)
    evidence.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE issued AS
        SELECT DISTINCT upper(number) AS number FROM ({numbers or "SELECT NULL AS number"}) WHERE number IS NOT NULL
        UNION SELECT upper(record_key) FROM person
    """)
    named = 0
    texts: list[tuple[str, str]] = []
    for table in (*SNAPSHOT_TABLES, "index_ids", "ledger"):
        described = evidence.connection.execute(f"DESCRIBE {table}").fetchall()
        named += sum(row[0] in {*_OWN_NUMBERS, "record_key", "key"} for row in described)
        texts += [(row[0], table) for row in described if row[1] == "VARCHAR" and row[0] not in _NOT_NUMBERS]
    shown = _holding(evidence, texts)
    delivered = [(column, f"person_{table}") for table, columns in _WRITTEN.items() for column in columns]
    return Gate(
        "identifiers_absent",
        named + shown == 0,
        "No number that an agency issued to a child, and no record key, is in any table that is published.",
        {
            "columns": named,
            "values": shown,
            "values_delivered": _holding(evidence, delivered),
            "issued": evidence.count("SELECT count(*) FROM issued"),
        },
    )


def _holding(evidence: Evidence, columns: Sequence[tuple[str, str]]) -> int:
    """How many texts of these (column, table) hold an issued number; needs table issued."""
    texts = " UNION ALL ".join(_TEXTS_OF.format(column, table) for column, table in columns)
    evidence.connection.execute(_NUMBERED_TEXTS.format(texts))
    read_plainly(evidence.connection, {"numbered_plainly": ("numbered_texts", ["text"])})
    return evidence.count(_NUMBERS_IN)


# where the records of agencies have texts that people write
_WRITTEN = {
    "names": ("family_name", "given_names"),
    "addresses": ("address",),
    "carers": ("name", "relationship", "contact"),
    "involvements": ("service", "contact", "phone"),
}
# every text once by the column it stands in; and those that may hold a number: there are few. Beyond ASCII all counts as a digit
# here: the classes of digits of any script take tens of milliseconds to start, once for each column
_TEXTS_OF = "SELECT '{1}.{0}' AS named, text FROM (SELECT DISTINCT {0} AS text FROM {1})"
_NUMBERED_TEXTS = r"""
    CREATE OR REPLACE TEMP TABLE numbered_texts AS
    SELECT named, text AS written, text FROM ({0})
    WHERE regexp_matches(text, '[0-9]{{4}}|[A-Za-z_]:|(?:[0-9\x{{80}}-\x{{10FFFF}}][^0-9\x{{80}}-\x{{10FFFF}}]*){{10}}')
"""
# the words of such texts that are one
_NUMBERS_IN = """
    WITH texts AS (
        SELECT DISTINCT named, written, upper(written) AS text FROM numbered_plainly
        UNION SELECT named, written, upper(text) FROM numbered_plainly
    ),
    apart AS (
        SELECT named, written, string_split(trim(regexp_replace(text, '[^A-Z0-9]+', ' ', 'g')), ' ') AS words FROM texts
        -- what the program makes itself (ids, hashes, references) has no spaces that people put there
        WHERE regexp_matches(text, '(?:[0-9][^0-9A-Z]*){10}|[A-Z][^0-9A-Z]*(?:[0-9][^0-9A-Z]*){11}')
            AND regexp_matches(named, '^(person_[a-z]+|children|names|addresses|carers|involvements)[.]')
    ),
    joined AS (
        SELECT named, written, array_to_string(words[n.begins:n.begins + m.further], '') AS word
        FROM apart, LATERAL (SELECT unnest(range(1, len(words) + 1)) AS begins) n, (FROM range(13) r (further)) m
        WHERE n.begins + m.further <= len(words)
    ),
    words AS (
        SELECT named, written, text AS word FROM texts
        UNION ALL SELECT named, written, unnest(regexp_extract_all(text, '[A-Z0-9]{8,}')) FROM texts
        UNION ALL SELECT named, written, unnest(regexp_extract_all(text, '[A-Z_]+:[^ ,;]+')) FROM texts
        UNION ALL SELECT named, written, word FROM joined WHERE length(word) IN (10, 13)
    )
    SELECT count(*) FROM (SELECT DISTINCT named, written FROM words SEMI JOIN issued ON word = number)
"""
# counting: decisions whose record is still the child's they were made of. guarded: whom none of them is about, and who is
# shielded in its own right: its record asks or is decided on, or the wish or latch is of its own record; where that is gone, of
# one whose number it bears; where nobody does, of any that it is known by.
_DECIDED = """
    CREATE OR REPLACE TEMP TABLE counting AS
    SELECT number, record_key, from_night, told FROM lifting l
    WHERE was_known_by IS NULL OR record_key NOT IN (SELECT record_key FROM person) OR EXISTS (
        SELECT 1 FROM known_by k WHERE k.record_key = l.record_key AND list_contains(l.was_known_by, k.token)
            AND (k.kind = 'person' OR k.kind = 'number'
                AND NOT EXISTS (SELECT 1 FROM known_by n WHERE n.record_key = k.record_key AND n.kind = 'person')
                OR k.kind = 'key' AND NOT EXISTS (
                    SELECT 1 FROM known_by n WHERE n.record_key = k.record_key AND n.kind IN ('person', 'number'))));
    CREATE OR REPLACE TEMP TABLE of_nobody AS
    SELECT entry_id FROM entries e WHERE NOT EXISTS (SELECT 1 FROM known_by k WHERE list_contains(e.tokens, k.token));
    CREATE OR REPLACE TEMP TABLE opened_by AS
    SELECT DISTINCT number, index_id FROM counting JOIN identities USING (record_key);
    CREATE OR REPLACE TEMP TABLE marks AS
    SELECT DISTINCT token, index_id, kind FROM known_by JOIN identities USING (record_key) WHERE kind IN ('key', 'number');
    CREATE OR REPLACE TEMP TABLE held_by AS
    SELECT token, index_id FROM marks WHERE kind = 'key'
    UNION
    SELECT l.holder, m.index_id FROM base_latched l JOIN marks m USING (token)
    WHERE m.kind = 'number' AND NOT EXISTS (SELECT 1 FROM marks k WHERE k.kind = 'key' AND k.token = l.holder);
    CREATE OR REPLACE TEMP TABLE asked_by AS
    SELECT DISTINCT entry_id, index_id FROM (SELECT entry_id, unnest(tokens) AS token FROM entries) JOIN marks USING (token)
    QUALIFY kind = 'key' OR NOT bool_or(kind = 'key') OVER (PARTITION BY entry_id);
    CREATE OR REPLACE TEMP TABLE guarded AS
    WITH stood AS (
        SELECT entry_id, tokens FROM entries WHERE lifted_by IS NULL OR lifted_by IN (SELECT number FROM lifting)
    ),
    named AS (
        SELECT n.index_id, entry_id, s.tokens FROM (
            SELECT DISTINCT i.index_id, s.entry_id
            FROM (SELECT entry_id, unnest(tokens) AS token FROM stood) s JOIN known_by k USING (token) JOIN identities i USING (record_key)
        ) n JOIN stood s USING (entry_id)
    ),
    spared AS (  -- whom people opened who bears the name of a latch that stays
        SELECT DISTINCT s.holder, k.record_key FROM (SELECT holder, unnest(spares) AS token FROM base_latched) s JOIN known_by k USING (token)
    ),
    shut AS (
        SELECT DISTINCT i.index_id, l.holder FROM base_latched l JOIN known_by k USING (token) JOIN identities i USING (record_key)
        LEFT JOIN spared s ON s.holder = l.holder AND s.record_key = k.record_key
        WHERE coalesce(l.shielded, true) AND coalesce(l.own, true) AND k.kind IN ('key', 'number', 'person') AND (s.holder IS NULL OR k.kind <> 'person')
    ),
    own AS (
        SELECT i.index_id FROM identities i LEFT JOIN person p USING (record_key) WHERE coalesce(p.shielded, true)
        UNION
        SELECT i.index_id FROM identities i JOIN decisions d ON d.record_a = i.record_key AND d.kind = 'shield'
        UNION
        SELECT n.index_id FROM named n WHERE (n.entry_id NOT IN (SELECT entry_id FROM asked_by)
                OR EXISTS (SELECT 1 FROM asked_by a WHERE a.entry_id = n.entry_id AND a.index_id = n.index_id))
            AND NOT EXISTS (SELECT 1 FROM parted_keys p WHERE p.index_id = n.index_id AND list_contains(n.tokens, p.token))
        UNION
        SELECT s.index_id FROM shut s WHERE (s.holder NOT IN (SELECT token FROM held_by)
                OR EXISTS (SELECT 1 FROM held_by h WHERE h.token = s.holder AND h.index_id = s.index_id))
            AND NOT EXISTS (SELECT 1 FROM parted_keys p WHERE p.index_id = s.index_id AND p.token = s.holder)
    )
    SELECT index_id FROM own EXCEPT SELECT index_id FROM opened_by
"""
_NOTHING_DECIDED = """
    CREATE OR REPLACE TEMP TABLE counting AS SELECT * EXCLUDE (was_known_by) FROM lifting;
    CREATE OR REPLACE TEMP TABLE of_nobody (entry_id VARCHAR);
    CREATE OR REPLACE TEMP TABLE opened_by (number BIGINT, index_id VARCHAR);
    CREATE OR REPLACE TEMP TABLE asked_by (entry_id VARCHAR, index_id VARCHAR);
    CREATE OR REPLACE TEMP TABLE guarded (index_id VARCHAR)
"""
# With none of these nobody is the first to be hidden, and so nobody is. Pairs apart are asked for all the same: without
# them there is no verdict.
_ANY_REASON = """
    SELECT (SELECT count(*) FROM identities LEFT JOIN person USING (record_key) WHERE coalesce(shielded, true))
        + (SELECT count(*) FROM decisions WHERE kind = 'shield') + (SELECT count(*) FROM entries)
        + (SELECT count(*) FROM (SELECT record_key_a, record_key_b, certain FROM apart) WHERE false)
"""
_NOBODY = """
    CREATE OR REPLACE TEMP TABLE one_child (a VARCHAR, b VARCHAR);
    CREATE OR REPLACE TEMP TABLE must_hide (index_id VARCHAR)
"""
# Entries that stand with the identities they name (`_WISHED`); identities with the keys that were decided to be another child's (`_PARTED`).
_WISHED = """
    CREATE OR REPLACE TEMP TABLE wished AS
    SELECT w.index_id, e.tokens FROM (  -- a record of a hundred names has ten thousand tokens: which entry first, then its tokens
        SELECT DISTINCT i.index_id, n.entry_id FROM (SELECT entry_id, unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL) n
        JOIN known_by USING (token) JOIN identities i USING (record_key)
    ) w JOIN entries e USING (entry_id);
"""
_NOBODY_PARTED = "CREATE OR REPLACE TEMP TABLE parted_keys (index_id VARCHAR, token VARCHAR)"
_PARTED = """
    CREATE OR REPLACE TEMP TABLE parted_keys AS
    WITH sides AS (
        SELECT record_a AS one, record_b AS other FROM decisions WHERE kind = 'not_the_same'
        UNION SELECT record_b, record_a FROM decisions WHERE kind = 'not_the_same'
    ),
    others AS (
        SELECT i.index_id, s.other AS record_key FROM sides s JOIN identities i ON i.record_key = s.one
        UNION
        SELECT i.index_id, k.record_key FROM sides s JOIN identities i ON i.record_key = s.one
        JOIN identities j ON j.record_key = s.other JOIN identities k ON k.index_id = j.index_id
        WHERE j.index_id <> i.index_id AND k.record_key NOT IN (
            SELECT mine.record_key FROM known_by mine JOIN known_by its USING (token) JOIN identities h ON h.record_key = its.record_key
            WHERE mine.kind = 'number' AND h.index_id = i.index_id
                AND mine.token NOT IN (SELECT token FROM known_by told WHERE told.record_key = s.other))
    )
    SELECT DISTINCT index_id, token FROM (
        SELECT index_id, token FROM others JOIN token_of USING (record_key)
        UNION SELECT index_id, token FROM others JOIN known_by USING (record_key) WHERE kind = 'key'
    )
"""
# Identities that may be one child, either way round. Of very many who share one token each is held to the first.
_ONE_CHILD = """
    CREATE OR REPLACE TEMP TABLE one_child AS
    WITH borne AS MATERIALIZED (
        SELECT token, index_id FROM known_by JOIN identities USING (record_key) WHERE kind IN ('number', 'person')
    ),
    several AS (SELECT token FROM borne GROUP BY token HAVING min(index_id) < max(index_id)),
    shared AS (
        SELECT token, index_id, min(index_id) OVER (PARTITION BY token) AS eldest, count(*) OVER (PARTITION BY token) AS bearers
        FROM (SELECT DISTINCT token, index_id FROM borne SEMI JOIN several USING (token))
    ),
    alike AS (
        SELECT x.index_id AS a, y.index_id AS b FROM shared x JOIN shared y USING (token)
        WHERE x.index_id < y.index_id AND (x.bearers <= 40 OR x.index_id = x.eldest)
    ),
    kept AS (
        SELECT least(ia.index_id, ib.index_id) AS a, greatest(ia.index_id, ib.index_id) AS b, bool_or(certain) AS certain
        FROM (SELECT record_key_a, record_key_b, coalesce(certain, false) AS certain FROM apart) p
        JOIN identities ia ON ia.record_key = p.record_key_a JOIN identities ib ON ib.record_key = p.record_key_b
        WHERE ia.index_id <> ib.index_id GROUP BY ALL
    ),
    parted AS (
        SELECT least(ia.index_id, ib.index_id) AS a, greatest(ia.index_id, ib.index_id) AS b FROM decisions d
        JOIN identities ia ON ia.record_key = d.record_a JOIN identities ib ON ib.record_key = d.record_b
        WHERE d.kind = 'not_the_same'
    ),
    numbers AS (
        SELECT DISTINCT token, index_id FROM known_by JOIN identities USING (record_key)
        WHERE kind = 'number' AND index_id IN (SELECT a FROM parted UNION SELECT b FROM parted)
    ),
    decided AS MATERIALIZED (  -- first, or whatever is known is held against whatever is known
        SELECT record_key, token FROM known_by
        WHERE record_key IN (SELECT unnest([record_a, record_b]) FROM decisions WHERE kind = 'not_the_same')
    ),
    either AS (
        SELECT a, b FROM ((SELECT a, b FROM alike UNION SELECT a, b FROM kept WHERE NOT certain) ANTI JOIN parted USING (a, b))
        UNION  -- parted, but one number they share is not borne by both records of a decision
        SELECT a, b FROM (
            SELECT p.a, p.b, x.token FROM parted p JOIN numbers x ON x.index_id = p.a JOIN numbers y ON y.index_id = p.b AND y.token = x.token
            EXCEPT
            SELECT least(ia.index_id, ib.index_id), greatest(ia.index_id, ib.index_id), ka.token FROM decisions d
            JOIN identities ia ON ia.record_key = d.record_a JOIN identities ib ON ib.record_key = d.record_b
            JOIN decided ka ON ka.record_key = d.record_a JOIN decided kb ON kb.record_key = d.record_b AND kb.token = ka.token
            WHERE d.kind = 'not_the_same'
        )
    )
    SELECT a, b FROM either UNION SELECT b, a FROM either
"""
