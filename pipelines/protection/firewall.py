"""What may not be shown across an identity firewall: names, addresses, carers and words of the other side, however they came.

Belongs here: from who stands on which side of a wall to what of each record's values may not be seen. Not here: the sides
(`matching.deciding.walls`), taking it out of the tables (`publishing.snapshot`), the proof (`publishing.gates.firewall`).

Of an identity at a wall nothing former is shown, neither name nor alias: a former name of an adopted child is the name of the
other side, also where it is spelled in another way. Of what is in use everything that the other side has as well is
taken out, on both sides: an address by its UPRN or the numbers in its postcode or its street, a carer by name or by how it is
reached, or when it bears the other side's family name. A name in use that both bear stays only where the identity has no
other, and one that joins a family name of each side ("Birth-Adoptive") stays nowhere. What stands between the sides shows
nothing of either but such a name. An identity that holds records of both, in a
version made before the wall, shows one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.seams.matching import WALLS
from pipelines.tables import connect

__all__ = ["Across", "find_across"]


@dataclass(frozen=True)
class Across:
    """What may not be shown because of a wall, in the values of the person tables. Small beside them.

    Attributes:
        at_wall: index_id: every identity at a wall; nothing is told of what happened to it.
        names: record_key, kind, family_name, given_names: rows of names.
        in_use: record_key: records whose own name may not stand for the child.
        addresses: record_key, address, postcode, uprn.
        carers: record_key, name, relationship, contact: rows of carers.
        texts: record_key, text: of involvements.
    """

    at_wall: pa.Table
    names: pa.Table
    in_use: pa.Table
    addresses: pa.Table
    carers: pa.Table
    texts: pa.Table


def find_across(
    person: Mapping[str, pa.Table | Path], identities: pa.Table | Path, walls: pa.Table | None = None
) -> Across:
    """Find what of one side of a wall another would show.

    Args:
        person: the tables of `PERSON_TABLES`: records, names, addresses, carers and involvements are read.
        identities: record_key, index_id.
        walls: `WALLS`; default none.
    """
    views: dict[str, pa.Table | Path] = {f"all_{name}": table for name, table in person.items()}
    views |= {"identities": identities, "walls": WALLS.empty_table() if walls is None else walls}
    with connect(views) as duck:
        duck.execute(_MACROS)
        duck.execute(_SIDES)
        duck.execute(_NAMES)
        duck.execute(_PLACES)
        duck.execute(_CARERS)
        return Across(**{name: duck.sql(sql).to_arrow_table() for name, sql in _RESULTS.items()})


_MACROS = r"""
    CREATE TEMP MACRO letters(t) AS nullif(regexp_replace(upper(strip_accents(t)), '[^\pL]', '', 'g'), '');
    CREATE TEMP MACRO squashed(t) AS nullif(regexp_replace(upper(strip_accents(t)), '[^\pL\pN]', '', 'g'), '');
    CREATE TEMP MACRO words_of(t) AS list_filter(
        string_split(regexp_replace(upper(strip_accents(coalesce(t, ''))), '[^\pL\pN]+', ' ', 'g'), ' '),
        lambda word: length(word) > 1 AND word NOT IN ('MR', 'MRS', 'MS', 'MISS', 'DR'));
    -- the last nine digits are the same however a telephone number begins
    CREATE TEMP MACRO reached_at(t) AS CASE
        WHEN length(regexp_replace(t, '[^0-9]', '', 'g')) > 8 THEN right(regexp_replace(t, '[^0-9]', '', 'g'), 9)
        ELSE nullif(lower(trim(t)), '') END;
    CREATE TEMP MACRO street_of(t) AS
        nullif(regexp_extract(upper(strip_accents(t)), '\b([0-9]+)[A-Z]?[ ,]+([A-Z]{2,})', ['number', 'word']), {'number': '', 'word': ''});
"""

# each identity at a wall, and the records whose values it may not show
_SIDES = """
    CREATE TEMP TABLE parts AS
    SELECT DISTINCT i.index_id, w.wall_a, w.wall_b, w.side FROM walls w JOIN identities i USING (record_key);

    CREATE TEMP TABLE foreign_records AS
    SELECT DISTINCT p.index_id, i.record_key, o.side
    FROM parts p JOIN parts o ON o.wall_a = p.wall_a AND o.wall_b = p.wall_b AND o.side <> p.side AND o.side <> 'between'
    JOIN identities i ON i.index_id = o.index_id;

    CREATE TEMP TABLE own_records AS
    SELECT DISTINCT i.index_id, i.record_key, p.side FROM identities i JOIN parts p USING (index_id);

    CREATE TEMP VIEW concerned AS SELECT record_key FROM own_records UNION SELECT record_key FROM foreign_records;
"""

_NAMES = """
    CREATE TEMP TABLE called AS
    SELECT record_key, kind, family_name, given_names FROM all_names SEMI JOIN concerned USING (record_key)
    UNION ALL SELECT record_key, 'current', family_name, given_names FROM all_records SEMI JOIN concerned USING (record_key);

    CREATE TEMP TABLE foreign_families AS
    SELECT DISTINCT f.index_id, letters(c.family_name) AS family
    FROM foreign_records f JOIN called c USING (record_key) WHERE letters(c.family_name) IS NOT NULL;

    CREATE TEMP TABLE families_about AS  -- of the other side and of its own, in words
    SELECT DISTINCT k.index_id, k.side, k.strange, words_of(c.family_name) AS words
    FROM (SELECT *, true AS strange FROM foreign_records UNION ALL SELECT *, false FROM own_records) k
    JOIN called c USING (record_key) WHERE len(words_of(c.family_name)) > 0;

    CREATE TEMP TABLE of_both AS  -- names in which a family name of each side stands
    SELECT DISTINCT o.index_id, c.record_key, c.kind, c.family_name
    FROM own_records o JOIN called c USING (record_key)
    JOIN families_about f ON f.index_id = o.index_id AND f.strange AND list_has_all(words_of(c.family_name), f.words)
    JOIN families_about g ON g.index_id = o.index_id AND g.side <> f.side
        AND list_has_all(words_of(c.family_name), g.words) AND NOT list_has_any(f.words, g.words);

    CREATE TEMP TABLE own_names AS
    SELECT DISTINCT o.index_id, c.*, e.family IS NOT NULL AS shared, b.record_key IS NOT NULL AS joins_both
    FROM own_records o JOIN called c USING (record_key)
    LEFT JOIN of_both b ON b.index_id = o.index_id AND b.record_key = c.record_key AND b.kind = c.kind
        AND b.family_name = c.family_name
    LEFT JOIN foreign_families e ON e.index_id = o.index_id AND e.family = letters(c.family_name)
    WHERE coalesce(c.family_name, c.given_names) IS NOT NULL;

    CREATE TEMP TABLE has_own AS  -- identities with a name in use that is theirs alone
    SELECT DISTINCT index_id FROM own_names WHERE kind = 'current' AND NOT (shared OR joins_both) AND letters(family_name) IS NOT NULL;

    CREATE TEMP TABLE telling_families AS  -- the other side's, where the identity does not bear it itself
    SELECT index_id, family FROM foreign_families ANTI JOIN (
        SELECT index_id, letters(family_name) AS family FROM own_names
        WHERE kind = 'current' AND index_id NOT IN (FROM has_own)
    ) USING (index_id, family);
"""

_PLACES = """
    CREATE TEMP TABLE places AS
    WITH read AS (
        SELECT record_key, address, postcode, uprn, squashed(postcode) AS code,
            list_sort(list_distinct(regexp_extract_all(coalesce(address, ''), '[0-9]+'))) AS numbers,
            street_of(address) AS street, squashed(address) AS written
        FROM all_addresses SEMI JOIN concerned USING (record_key)
    )
    SELECT record_key, address, postcode, uprn, unnest(list_filter([
        'u' || nullif(ltrim(regexp_replace(uprn, '[^0-9]', '', 'g'), '0'), ''),
        'p' || code || '/' || array_to_string(numbers, ' '),
        's' || street.number || ' ' || street.word,
        'w' || written
    ], lambda key: key IS NOT NULL)) AS key
    FROM read;

    CREATE TEMP TABLE foreign_places AS
    SELECT DISTINCT f.index_id, p.key FROM foreign_records f JOIN places p USING (record_key);
"""

_CARERS = """
    CREATE TEMP TABLE foreign_carers AS
    SELECT DISTINCT f.index_id, array_to_string(list_sort(words_of(c.name)), ' ') AS carer, reached_at(c.contact) AS reached
    FROM foreign_records f JOIN all_carers c USING (record_key);

    CREATE TEMP TABLE foreign_words AS  -- the other side's family names and postcodes, and how it is reached
    SELECT index_id, family AS word FROM telling_families WHERE length(family) > 2
    UNION SELECT f.index_id, squashed(a.postcode) FROM foreign_records f JOIN all_addresses a USING (record_key)
        WHERE length(squashed(a.postcode)) > 4
    UNION SELECT index_id, reached FROM foreign_carers WHERE length(reached) > 5;
"""

_RESULTS = {
    "at_wall": "SELECT DISTINCT index_id FROM parts ORDER BY ALL",
    "names": """
        SELECT DISTINCT record_key, kind, family_name, given_names FROM own_names
        WHERE kind <> 'current' OR joins_both OR (shared AND index_id IN (FROM has_own)) ORDER BY ALL
    """,
    "in_use": """
        SELECT DISTINCT o.record_key FROM own_records o JOIN all_records r USING (record_key)
        JOIN foreign_families e ON e.index_id = o.index_id AND e.family = letters(r.family_name)
        WHERE o.index_id IN (FROM has_own)
        UNION SELECT record_key FROM of_both WHERE kind = 'current' ORDER BY ALL
    """,
    "addresses": """
        SELECT DISTINCT p.record_key, p.address, p.postcode, p.uprn FROM own_records o JOIN places p USING (record_key)
        JOIN foreign_places f ON f.index_id = o.index_id AND f.key = p.key ORDER BY ALL
    """,
    "carers": """
        SELECT DISTINCT c.record_key, c.name, c.relationship, c.contact
        FROM own_records o JOIN all_carers c USING (record_key)
        WHERE EXISTS (
            SELECT 1 FROM foreign_carers f WHERE f.index_id = o.index_id
                AND (f.carer = array_to_string(list_sort(words_of(c.name)), ' ') OR f.reached = reached_at(c.contact))
        ) OR EXISTS (
            SELECT 1 FROM telling_families t WHERE t.index_id = o.index_id
                AND (list_contains(words_of(c.name), t.family) OR contains(letters(c.name), t.family) AND length(t.family) > 4)
        ) ORDER BY ALL
    """,
    "texts": """
        WITH texts AS (
            SELECT o.index_id, v.record_key, unnest([v.service, v.contact, v.phone]) AS text
            FROM own_records o JOIN all_involvements v USING (record_key)
        )
        SELECT DISTINCT t.record_key, t.text FROM texts t JOIN foreign_words w USING (index_id)
        WHERE text IS NOT NULL AND (list_contains(words_of(t.text), w.word) OR reached_at(t.text) = w.word
            OR contains(squashed(t.text), w.word) AND length(w.word) > 4) ORDER BY ALL
    """,
}
