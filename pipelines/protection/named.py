"""Who is named where a hidden child could be found by it: carers of hidden children beside an address, hidden children in texts of open ones.

Belongs here: comparing names word by word (`NAMED`). Not here: how words compare (`comparable`), who lives where, which other words tell
(`household`).

A carer of a hidden child is named by an open record with an address when two words of the name are among the words of a carer or of
another text there, in whatever order, or when the open child itself bears them, as a given and as a family name. A hidden child is named by a text of an
open record that holds a given and a family name of its, or that tells them in two columns of one row ("Tom Quill", "father of Tibor"). A line of an address ("c/o …", "lodging with …"), and a name that tells whose somebody is ("Baby of …")
or that there are two ("Ida & Tibor"), name both alike, and go themselves; so does a line that tells whose family lives there. Words of five letters or more are one also with one letter wrong. Only words
that are borne by somebody hidden, or nearly, are looked at: there are few.
"""

from __future__ import annotations

__all__ = ["NAMED"]

NAMED = """
    CREATE TEMP TABLE found_at AS  -- open identities with an address that is shown
    SELECT DISTINCT index_id FROM lives ANTI JOIN unseen USING (record_key, place) WHERE NOT hidden;

    CREATE TEMP TABLE names_borne AS
    SELECT w.hidden, n.given_names AS given, n.family_name AS family, bool_or(f.index_id IS NOT NULL) AS found
    FROM named n JOIN who w USING (record_key) LEFT JOIN found_at f USING (index_id)
    WHERE n.given_names IS NOT NULL AND n.family_name IS NOT NULL GROUP BY ALL;

    CREATE TEMP TABLE words_hidden AS  -- of hidden children and of their carers; part grown: the whole name, grown together
    SELECT DISTINCT given, family, NULL::VARCHAR AS carer, part, word FROM (
        SELECT given, family, 'given' AS part, unnest(called_in(given, 1)) AS word FROM names_borne WHERE hidden
        UNION ALL SELECT given, family, 'family', unnest(called_in(family, 1)) FROM names_borne WHERE hidden
        UNION ALL SELECT given, family, 'grown', unnest(grown_of(called_in(given, 1)[1], letters(given), letters(family))) FROM names_borne WHERE hidden
    )
    UNION
    SELECT NULL, NULL, name, 'carer', unnest(called_in(name, 2)) FROM (SELECT DISTINCT name FROM all_carers JOIN who USING (record_key) WHERE hidden)
    UNION
    SELECT NULL, NULL, name, 'grown', unnest(people_in(name)) FROM (
        SELECT DISTINCT name FROM all_carers JOIN who USING (record_key) WHERE hidden AND len(names_in(name)) > 1);
    DELETE FROM words_hidden WHERE part = 'grown' AND (word IS NULL OR length(word) < 6);

    CREATE TEMP TABLE texts_open AS  -- each once, and whether it stands beside an address
    SELECT text, bool_or(f.index_id IS NOT NULL) AS beside FROM (
        SELECT record_key, unnest([name, relationship, contact]) AS text FROM all_carers
        UNION ALL SELECT record_key, unnest([service, contact, phone]) FROM all_involvements
        -- what stands in several columns of one row
        UNION ALL SELECT record_key, concat_ws(' ', name, relationship, contact) FROM all_carers
        UNION ALL SELECT record_key, concat_ws(' ', service, contact, phone) FROM all_involvements
    ) JOIN who w USING (record_key) LEFT JOIN found_at f USING (index_id) WHERE NOT w.hidden AND text IS NOT NULL GROUP BY text;

    CREATE TEMP TABLE named_open AS
    SELECT DISTINCT family_name, given_names FROM named JOIN who USING (record_key) WHERE NOT hidden;

    CREATE TEMP TABLE more AS  -- names that tell of somebody else
    SELECT name FROM (SELECT family_name AS name FROM named_open UNION SELECT given_names FROM named_open) WHERE says_two(name) OR tells_whose(name);

    CREATE TEMP TABLE addresses_open AS SELECT DISTINCT address FROM all_addresses JOIN who USING (record_key) WHERE NOT hidden AND address IS NOT NULL;

    CREATE TEMP TABLE lines_open AS  -- of addresses each line with the next ("c/o Quill, Ida"), of names those that tell of somebody else
    SELECT DISTINCT text, unnest(list_transform(list_zip(parts, parts[2:]),
        lambda pair: trim(pair[1]) || ' ' || coalesce(trim(pair[2]), ''))) AS line
    FROM (SELECT address AS text, string_split(address, ',') AS parts FROM addresses_open)
    UNION  -- also with the street between ("c/o Ida", "14 Road", "Quill")
    SELECT address, address FROM addresses_open WHERE says_with(address)
    UNION
    SELECT unnest([family_name, given_names]), concat_ws(' ', given_names, family_name) FROM named_open
    WHERE family_name IN (FROM more) OR given_names IN (FROM more)
    UNION
    SELECT name, name FROM more WHERE tells_whose(name);
    DELETE FROM lines_open WHERE text IS NULL;

    CREATE TEMP TABLE words_of_lines AS SELECT line, unnest(said_in(line)) AS word FROM (SELECT DISTINCT line FROM lines_open);

    CREATE TEMP TABLE words_open AS SELECT text, beside, unnest(said_in(text)) AS word FROM texts_open;

    CREATE TEMP TABLE words_borne AS
    WITH every AS (SELECT given AS name FROM names_borne WHERE found UNION SELECT family FROM names_borne WHERE found),
    words AS (SELECT name, unnest(names_in(name)) AS word FROM every)
    SELECT given, family, 'given' AS part, word FROM names_borne JOIN words ON name = given WHERE found
    UNION ALL SELECT given, family, 'family', word FROM names_borne JOIN words ON name = family WHERE found;

    CREATE TEMP TABLE one_word AS  -- the very word, or one of five letters or more with a letter wrong
    WITH few AS (SELECT DISTINCT word FROM words_hidden),
    every AS (SELECT word FROM words_open UNION SELECT word FROM words_borne UNION SELECT word FROM words_of_lines)
    SELECT word, word AS meant FROM every SEMI JOIN few USING (word)
    UNION
    SELECT e.word, l.word FROM (SELECT word, unnest(halves_in(word)) AS half FROM every WHERE may_slip(word)) e
    JOIN (SELECT word, unnest(halves_of(word)) AS half FROM few WHERE may_slip(word)) l USING (half)
    WHERE length(e.word) BETWEEN length(l.word) - 1 AND length(l.word) + 1 AND damerau_levenshtein(e.word, l.word) < 2;

    CREATE TEMP TABLE carers_named AS
    SELECT DISTINCT h.carer FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_open t ON t.word = o.word
    WHERE h.carer IS NOT NULL AND t.beside GROUP BY h.carer, t.text HAVING count(DISTINCT h.word) > 1 AND count(DISTINCT t.word) > 1
    UNION
    SELECT DISTINCT h.carer FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_borne b ON b.word = o.word
    WHERE h.carer IS NOT NULL GROUP BY h.carer, b.given, b.family
    HAVING count(DISTINCT h.word) > 1 AND bool_or(b.part = 'given') AND bool_or(b.part = 'family')
    UNION
    SELECT DISTINCT h.carer FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_open t ON t.word = o.word
    WHERE h.carer IS NOT NULL AND h.part = 'grown' AND t.beside;

    CREATE TEMP TABLE lines_naming AS
    SELECT DISTINCT l.line FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_of_lines l ON l.word = o.word
    GROUP BY l.line, h.carer, h.given, h.family
    HAVING count(DISTINCT h.word) > 1 AND count(DISTINCT l.word) > 1
        AND (h.carer IS NOT NULL OR bool_or(h.part = 'given') AND bool_or(h.part = 'family'))
    UNION
    SELECT l.line FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_of_lines l ON l.word = o.word
    WHERE h.part = 'grown' AND (says_with(l.line) OR tells_whose(l.line)) OR h.part = 'family' AND says_family(l.line);

    CREATE TEMP TABLE texts_naming AS
    SELECT DISTINCT text FROM lines_open SEMI JOIN lines_naming USING (line)
    UNION
    SELECT DISTINCT t.text FROM words_hidden h JOIN one_word o ON o.meant = h.word JOIN words_open t ON t.word = o.word
    WHERE h.carer IS NULL GROUP BY t.text, h.given, h.family
    HAVING bool_or(h.part = 'grown') OR count(DISTINCT t.word) > 1 AND bool_or(h.part = 'given') AND bool_or(h.part = 'family');
"""
"""Tables carers_named (carer) and texts_naming (text); needs who, named, lives, unseen and the person tables of `household`."""
