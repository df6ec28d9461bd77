"""What may not be shown across an identity firewall: names, addresses, carers and words of the other side, however they came.

Belongs here: from who stands on which side of a wall to what of each record's values may not be seen. Not here: the sides
(`matching.deciding.walls`), taking it out of the tables (`publishing.snapshot`), the proof (`publishing.gates.firewall`).

Of an identity at a wall nothing former is shown, neither name nor alias: a former name of an adopted child is the name
of the other side, also where it is spelled in another way. Of what is in use everything that the other side has as well
is taken out, on both sides: an address by its UPRN, its postcode, or its street, or when its words tell of the other
side; a carer by name, or when its name, relationship or contact does, or says that it is of the family of birth; a text
of a service that does. What tells is a family name, a carer's name by its words (`meant`), a street, a postcode, a
UPRN, a telephone number or mail. A name in use that both bear stays only where the identity has no other and has had it
all along (one that it takes over from the other side stays nowhere: a version of before shows the one it had), and one
of which the other side's family name is a part ("Birth-Adoptive") stays nowhere. What stands between the sides shows
nothing of either but one such name. What the other side has ever borne counts as what it bears (`borne`). An identity
that holds records of both, in a version made before the wall, shows one name and no carer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.protection.bearing import read_bearing, views_of
from pipelines.protection.borne import recall
from pipelines.protection.letters import as_written
from pipelines.protection.meant import MEANT
from pipelines.seams.protection import BORNE
from pipelines.tables import connect, fetch

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
    person: Mapping[str, pa.Table | Path],
    identities: pa.Table | Path,
    walls: pa.Table | None = None,
    borne: pa.Table | None = None,
) -> Across:
    """Find what of one side of a wall another would show.

    Args:
        person: the tables of `PERSON_TABLES`: records, names, addresses, carers and involvements are read.
        identities: record_key, index_id.
        walls: `WALLS`; default none.
        borne: what each side has borne (`BORNE`); default nothing.
    """
    if walls is None or not walls.num_rows:  # nobody stands at one
        return Across(**{name: schema.empty_table() for name, schema in _NOTHING.items()})
    views = views_of(person) | {"identities": identities, "walls": walls}
    views |= {"borne": BORNE.empty_table() if borne is None else borne}
    with connect(views) as duck:
        duck.execute(_SIDES)
        read_bearing(duck, "SELECT record_key FROM own_records UNION SELECT record_key FROM foreign_records")
        duck.execute(_SAID)
        recall(duck)
        duck.execute(_NAMES)
        duck.execute(_PLACES)
        duck.execute(_WORDS)
        duck.execute(MEANT)
        duck.execute(_TELLING)
        found = {name: fetch(duck, sql) for name, sql in _RESULTS.items()}
        return Across(**{name: as_written(duck, table, *_WRITTEN[name]) for name, table in found.items()})


_NOTHING = {
    name: pa.schema([(column, pa.string()) for column in columns])
    for name, columns in {
        "at_wall": ["index_id"],
        "names": ["record_key", "kind", "family_name", "given_names"],
        "in_use": ["record_key"],
        "addresses": ["record_key", "address", "postcode", "uprn"],
        "carers": ["record_key", "name", "relationship", "contact"],
        "texts": ["record_key", "text"],
    }.items()
}
_WRITTEN: dict[str, tuple[str, list[str]]] = {
    "at_wall": ("", []),
    "names": (
        "SELECT record_key, kind, family_name, given_names FROM told_names "
        "UNION ALL SELECT record_key, 'current', family_name, given_names FROM told_records",
        ["family_name", "given_names"],
    ),
    "in_use": ("", []),
    "addresses": ("FROM told_addresses", ["address", "postcode", "uprn"]),
    "carers": ("FROM told_carers", ["name", "relationship", "contact"]),
    "texts": (
        "SELECT record_key, unnest([service, contact, phone]) AS text FROM told_involvements",
        ["text"],
    ),
}

# each identity at a wall, and the records whose values it may not show
_SIDES = """
    CREATE TEMP TABLE parts AS
    SELECT DISTINCT i.index_id, w.wall_a, w.wall_b, w.side FROM walls w JOIN identities i USING (record_key);

    CREATE TEMP TABLE foreign_records AS
    SELECT DISTINCT p.index_id, i.record_key, o.side
    FROM parts p JOIN parts o ON o.wall_a = p.wall_a AND o.wall_b = p.wall_b AND o.side <> p.side AND o.side <> 'between'
    JOIN identities i ON i.index_id = o.index_id;

    CREATE TEMP TABLE of_two AS  -- identities that hold records of two sides, in a version made before the wall
    SELECT DISTINCT index_id FROM parts GROUP BY index_id, wall_a, wall_b HAVING count(DISTINCT side) > 1;

    CREATE TEMP TABLE own_records AS
    SELECT DISTINCT i.index_id, i.record_key, p.side FROM identities i JOIN parts p USING (index_id);
"""

_SAID = """
    CREATE TEMP TABLE said AS
    SELECT DISTINCT index_id, text, whose FROM (
        SELECT o.index_id, unnest([v.service, v.contact, v.phone]) AS text, 'service' AS whose
        FROM own_records o JOIN all_involvements v USING (record_key)
        UNION ALL
        SELECT o.index_id, unnest([c.relationship, c.contact]), 'carer' FROM own_records o JOIN carers_there c USING (record_key)
        UNION ALL
        SELECT o.index_id, c.name, 'name' FROM own_records o JOIN carers_there c USING (record_key)
        UNION ALL
        SELECT o.index_id, unnest([p.address, p.postcode, p.uprn]), 'address' FROM own_records o JOIN places p USING (record_key)
    ) WHERE text IS NOT NULL;
"""

_NAMES = """
    CREATE TEMP TABLE foreign_families AS
    SELECT DISTINCT f.index_id, letters(c.family_name) AS family
    FROM foreign_records f JOIN called c USING (record_key) WHERE letters(c.family_name) IS NOT NULL
    UNION SELECT index_id, value FROM recalled WHERE kind = 'family';

    CREATE TEMP TABLE families_about AS  -- of the other side and of its own; not what is a given name there as well
    SELECT DISTINCT k.index_id, k.side, k.strange, words_of(c.family_name) AS words, letters(c.family_name) AS family, true AS tonight
    FROM (SELECT *, true AS strange FROM foreign_records UNION ALL SELECT *, false FROM own_records) k
    JOIN called c USING (record_key)
    WHERE len(words_of(c.family_name)) > 0 AND NOT coalesce(list_has_any(words_of(c.family_name), words_of(c.given_names)), false)
    UNION SELECT index_id, side, true, [value], value, false FROM recalled WHERE kind = 'surname'
    UNION SELECT index_id, side, false, [family], family, false FROM recalled_own;

    CREATE TEMP TABLE own_longer AS  -- names of its own that happen to hold one of the other side: Smith in Smithson
    SELECT DISTINCT g.index_id, f.family AS strange, g.family
    FROM families_about g JOIN families_about f ON f.index_id = g.index_id AND f.strange AND NOT g.strange AND g.tonight
        AND g.family <> f.family AND contains(g.family, f.family) AND NOT list_has_all(g.words, f.words)
    ANTI JOIN (SELECT index_id, family FROM families_about) k
        ON k.index_id = g.index_id AND k.family = replace(g.family, f.family, '');

    CREATE TEMP TABLE named AS
    SELECT o.index_id, o.side, c.*, words_of(concat_ws(' ', given_names, family_name)) AS words,
        letters(concat_ws(' ', given_names, family_name)) AS whole
    FROM own_records o JOIN called c USING (record_key);

    CREATE TEMP TABLE holding AS  -- names in which a family name of the other side stands, in words or grown together
    SELECT DISTINCT n.index_id, n.record_key, n.kind, n.family_name, n.given_names, f.side, f.words, f.family
    FROM named n JOIN families_about f ON f.index_id = n.index_id AND f.strange
        AND (list_has_all(n.words, f.words) OR length(f.family) > 4 AND contains(n.whole, f.family))
    WHERE NOT EXISTS (
        SELECT 1 FROM own_longer g WHERE g.index_id = n.index_id AND g.strange = f.family AND contains(n.whole, g.family)
    );

    CREATE TEMP TABLE of_both AS  -- names in which a family name of each side stands
    SELECT DISTINCT h.index_id, h.record_key, h.kind, h.family_name, h.given_names
    FROM holding h JOIN named n ON n.index_id = h.index_id AND n.record_key = h.record_key AND n.kind = h.kind
        AND n.family_name IS NOT DISTINCT FROM h.family_name AND n.given_names IS NOT DISTINCT FROM h.given_names
    JOIN families_about g ON g.index_id = h.index_id AND g.side <> h.side
        AND (list_has_all(n.words, g.words) OR length(g.family) > 4 AND contains(n.whole, g.family))
        AND NOT list_has_any(h.words, g.words) AND NOT contains(h.family, g.family) AND NOT contains(g.family, h.family)
    UNION  -- or one that says itself that the other was before
    SELECT index_id, record_key, kind, family_name, given_names FROM holding
    WHERE list_has_any(words_of(family_name), ['NEE', 'BORN', 'FORMERLY', 'PREVIOUSLY', 'FKA', 'AKA', 'ALIAS'])
    UNION  -- or one of which the other side's is a part, whatever the rest is; not one that the other side bears as a whole
    SELECT index_id, record_key, kind, family_name, given_names FROM holding
    ANTI JOIN foreign_families e ON e.index_id = holding.index_id AND e.family = letters(holding.family_name)
    WHERE letters(family_name) <> family;

    CREATE TEMP TABLE own_names AS
    SELECT DISTINCT o.index_id, c.*, e.family IS NOT NULL OR h.record_key IS NOT NULL AS shared,
        b.record_key IS NOT NULL AS joins_both, t.family IS NOT NULL AS is_taken
    FROM own_records o JOIN called c USING (record_key)
    LEFT JOIN of_both b ON b.index_id = o.index_id AND b.record_key = c.record_key AND b.kind = c.kind
        AND b.family_name IS NOT DISTINCT FROM c.family_name AND b.given_names IS NOT DISTINCT FROM c.given_names
    LEFT JOIN (SELECT DISTINCT index_id, record_key, kind, family_name, given_names FROM holding) h
        ON h.index_id = o.index_id AND h.record_key = c.record_key AND h.kind = c.kind
        AND h.family_name IS NOT DISTINCT FROM c.family_name AND h.given_names IS NOT DISTINCT FROM c.given_names
    LEFT JOIN foreign_families e ON e.index_id = o.index_id AND e.family = letters(c.family_name)
    LEFT JOIN taken t ON t.index_id = o.index_id AND t.family = letters(c.family_name)
    WHERE coalesce(c.family_name, c.given_names) IS NOT NULL;

    CREATE TEMP TABLE has_own AS  -- identities with a name in use that is theirs alone
    SELECT DISTINCT index_id FROM own_names WHERE kind = 'current' AND NOT (shared OR joins_both OR is_taken) AND letters(family_name) IS NOT NULL;

    CREATE TEMP TABLE one_of_many AS  -- what stands between and is called after both sides keeps one name
    SELECT index_id, family FROM (
        SELECT n.index_id, letters(n.family_name) AS family, bool_or(r.record_key IS NOT NULL) AS own
        FROM own_names n SEMI JOIN (SELECT index_id FROM own_records WHERE side = 'between') b USING (index_id)
        LEFT JOIN all_records r ON r.record_key = n.record_key AND letters(r.family_name) = letters(n.family_name)
        WHERE n.kind = 'current' AND n.shared AND NOT n.joins_both AND letters(n.family_name) IS NOT NULL GROUP BY ALL
    ) QUALIFY row_number() OVER (PARTITION BY index_id ORDER BY own DESC, family) > 1;

    CREATE TEMP TABLE telling_families AS  -- the other side's, where the identity does not bear it itself
    SELECT index_id, family FROM foreign_families ANTI JOIN (
        SELECT index_id, letters(family_name) AS family FROM own_names
        WHERE kind = 'current' AND NOT joins_both AND NOT is_taken AND index_id NOT IN (FROM has_own)
        EXCEPT FROM one_of_many
    ) USING (index_id, family);
"""

_PLACES = """
    CREATE TEMP TABLE foreign_streets AS
    SELECT DISTINCT f.index_id, s.road, s.stem, s.bucket, regexp_extract(s.stem, '[A-Z]+$') AS name
    FROM foreign_records f JOIN streets s USING (record_key)
    UNION SELECT index_id, road, stem, bucket(road), NULL FROM recalled_roads
    UNION SELECT index_id, NULL, NULL, NULL, value FROM recalled WHERE kind = 'street';

    CREATE TEMP TABLE foreign_places AS
    SELECT DISTINCT f.index_id, k.key FROM foreign_records f JOIN keys k USING (record_key)
    UNION SELECT index_id, value FROM recalled WHERE kind = 'place';
"""

_WORDS = """
    CREATE TEMP TABLE foreign_carers AS  -- whose whole name it is, in whatever order or grown together; word by word: `meant`
    SELECT DISTINCT f.index_id, unnest(people_in(c.name)) AS carer
    FROM foreign_records f JOIN carers_there c USING (record_key) WHERE c.name IS NOT NULL
    UNION SELECT index_id, value FROM recalled WHERE kind = 'person';

    CREATE TEMP TABLE own_people AS  -- a carer's name that is also the child's, or a carer's of its own, tells nothing by a part
    SELECT DISTINCT index_id, unnest(words) AS word FROM (
        SELECT index_id, words_of(concat_ws(' ', given_names, family_name)) AS words FROM own_names
        WHERE kind = 'current' AND NOT (shared OR joins_both)
    );

    CREATE TEMP TABLE foreign_words AS  -- family names and carers' names of the other side
    SELECT index_id, family AS word FROM telling_families WHERE length(family) > 2
    UNION
    SELECT index_id, word FROM (
        SELECT f.index_id, unnest(words_of(c.name)) AS word FROM foreign_records f JOIN carers_there c USING (record_key)
        UNION SELECT index_id, value FROM recalled WHERE kind = 'word'
    ) ANTI JOIN own_people USING (index_id, word) WHERE length(word) > 2;

    CREATE TEMP TABLE foreign_marks AS  -- postcodes, UPRNs, and how the other side is reached
    SELECT f.index_id, 'postcode ' || p.code AS mark FROM foreign_records f JOIN places p USING (record_key) WHERE length(p.code) > 4
    UNION SELECT f.index_id, 'number ' || p.number FROM foreign_records f JOIN places p USING (record_key) WHERE length(p.number) > 7
    UNION SELECT f.index_id, 'phone ' || unnest(reached_at(c.contact)) FROM foreign_records f JOIN carers_there c USING (record_key)
    UNION SELECT f.index_id, unnest(whole(c.contact)) FROM foreign_records f JOIN carers_there c USING (record_key)
    UNION SELECT index_id, value FROM recalled WHERE kind = 'mark';
"""

# which texts of an identity tell of the other side
_TELLING = """
    CREATE TEMP TABLE telling AS
    SELECT s.index_id, s.text FROM said s JOIN foreign_words w USING (index_id)
    WHERE whose <> 'name' AND (list_contains(words_of(s.text), w.word) OR length(w.word) > 4 AND contains(letters(s.text), w.word))
    UNION
    SELECT index_id, text FROM (
        SELECT index_id, text, unnest(marks_in(text)) AS mark
        FROM said
    ) SEMI JOIN foreign_marks USING (index_id, mark)
    UNION
    SELECT t.index_id, t.text FROM (SELECT index_id, text, unnest(roads_in(lines_of(text))) AS street FROM said) t
    JOIN foreign_streets f ON f.index_id = t.index_id AND f.bucket = bucket(t.street.road)
        AND one_road(f.road, f.stem, t.street.road, t.street.stem)
    UNION  -- the street without its number
    SELECT s.index_id, s.text FROM said s JOIN foreign_streets f USING (index_id)
    WHERE length(f.name) > 5 AND contains(letters(s.text), f.name)
    UNION FROM meant;
"""

_RESULTS = {
    "at_wall": "SELECT DISTINCT index_id FROM parts ORDER BY ALL",
    "names": """
        SELECT DISTINCT n.record_key, n.kind, n.family_name, n.given_names FROM own_names n
        LEFT JOIN one_of_many o ON o.index_id = n.index_id AND o.family = letters(n.family_name)
        WHERE n.kind <> 'current' OR n.joins_both OR n.is_taken OR o.family IS NOT NULL OR (n.shared AND n.index_id IN (FROM has_own)) ORDER BY ALL
    """,
    "in_use": """
        SELECT DISTINCT o.record_key FROM own_records o JOIN all_records r USING (record_key)
        JOIN own_names n ON n.index_id = o.index_id AND n.record_key = r.record_key AND n.kind = 'current'
            AND n.family_name IS NOT DISTINCT FROM r.family_name AND n.given_names IS NOT DISTINCT FROM r.given_names
        WHERE n.is_taken OR (n.shared AND o.index_id IN (FROM has_own))
        UNION
        SELECT o.record_key FROM own_records o JOIN all_records r USING (record_key)
        JOIN one_of_many m ON m.index_id = o.index_id AND m.family = letters(r.family_name)
        UNION SELECT record_key FROM of_both WHERE kind = 'current' ORDER BY ALL
    """,
    "addresses": """
        SELECT DISTINCT k.record_key, k.address, k.postcode, k.uprn FROM own_records o JOIN keys k USING (record_key)
        JOIN foreign_places f ON f.index_id = o.index_id AND f.key = k.key
        UNION
        SELECT p.record_key, p.address, p.postcode, p.uprn FROM own_records o JOIN places p USING (record_key)
        JOIN streets s ON s.record_key = p.record_key AND s.address = p.address
        JOIN foreign_streets f ON f.index_id = o.index_id AND f.bucket = s.bucket AND one_road(f.road, f.stem, s.road, s.stem)
        UNION
        SELECT p.record_key, p.address, p.postcode, p.uprn FROM own_records o JOIN places p USING (record_key)
        JOIN foreign_streets f ON f.index_id = o.index_id AND length(f.name) > 5 AND contains(letters(p.address), f.name)
        UNION
        SELECT p.record_key, p.address, p.postcode, p.uprn FROM own_records o JOIN places p USING (record_key)
        JOIN telling t ON t.index_id = o.index_id AND t.text IN (p.address, p.postcode, p.uprn)
        ORDER BY ALL
    """,
    "carers": """
        WITH theirs AS (
            SELECT o.index_id, c.record_key, c.name, c.relationship, c.contact
            FROM own_records o JOIN carers_there c USING (record_key)
        )
        SELECT DISTINCT t.* EXCLUDE (index_id) FROM theirs t WHERE EXISTS (
            SELECT 1 FROM foreign_carers f WHERE f.index_id = t.index_id AND list_contains(people_in(t.name), f.carer)
        ) OR EXISTS (
            SELECT 1 FROM telling_families f WHERE f.index_id = t.index_id AND (
                list_contains(words_of(t.name), f.family) OR contains(letters(t.name), f.family) AND length(f.family) > 4)
        ) OR EXISTS (
            SELECT 1 FROM telling f WHERE f.index_id = t.index_id AND f.text IN (t.name, t.relationship, t.contact)
        ) OR index_id IN (FROM of_two) OR says_birth(t.name) OR says_birth(t.relationship) ORDER BY ALL
    """,
    "texts": """
        SELECT DISTINCT o.record_key, t.text FROM (
            SELECT index_id, text FROM telling UNION SELECT index_id, text FROM said WHERE index_id IN (FROM of_two)
        ) t JOIN own_records o USING (index_id) JOIN (
            SELECT record_key, unnest([service, contact, phone]) AS text FROM all_involvements
        ) v ON v.record_key = o.record_key AND v.text = t.text ORDER BY ALL
    """,
}
