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

    CREATE TEMP TABLE beside_what AS  -- open records, and whether they stand beside an address
    SELECT record_key, index_id IN (FROM found_at) AS beside FROM who WHERE NOT hidden;

    CREATE TEMP TABLE names_borne AS
    SELECT given_names AS given, family_name AS family, bool_or(hidden) AS hidden, bool_or(index_id IN (FROM found_at)) AS found
    FROM named WHERE given_names IS NOT NULL AND family_name IS NOT NULL GROUP BY ALL;

    CREATE TEMP TABLE carers_hidden AS SELECT DISTINCT name FROM all_carers SEMI JOIN (FROM who WHERE hidden) USING (record_key);

    CREATE TEMP TABLE names_hidden AS SELECT given, family FROM names_borne WHERE hidden;

    CREATE TEMP TABLE words_hidden AS  -- of hidden children and of their carers; part grown: the whole name, grown together
    SELECT DISTINCT given, family, NULL::VARCHAR AS carer, part, word FROM (
        SELECT given, family, 'given' AS part, unnest(called_in(given, 1)) AS word FROM names_hidden
        UNION ALL SELECT given, family, 'family', unnest(called_in(family, 1)) FROM names_hidden
        UNION ALL SELECT given, family, 'grown', unnest(grown_of(called_in(given, 1)[1], letters(given), letters(family))) FROM names_hidden
    )
    UNION
    SELECT NULL, NULL, name, 'carer', unnest(called_in(name, 2)) FROM carers_hidden
    UNION
    SELECT NULL, NULL, name, 'grown', unnest(people_in(name)) FROM carers_hidden WHERE len(names_in(name)) > 1;
    DELETE FROM words_hidden WHERE part = 'grown' AND (word IS NULL OR length(word) < 6);

    CREATE TEMP TABLE texts_open AS  -- each once, and whether it stands beside an address; many rows say the same
    WITH carers AS (
        SELECT name, relationship, contact, bool_or(beside) AS beside FROM all_carers JOIN beside_what USING (record_key) GROUP BY ALL
    ),
    involvements AS (
        SELECT service, contact, phone, bool_or(beside) AS beside FROM all_involvements JOIN beside_what USING (record_key) GROUP BY ALL
    )
    SELECT text, bool_or(beside) AS beside FROM (  -- also what stands in several columns of one row
        SELECT unnest([name, relationship, contact, concat_ws(' ', name, relationship, contact)]) AS text, beside FROM carers
        UNION ALL SELECT unnest([service, contact, phone, concat_ws(' ', service, contact, phone)]), beside FROM involvements
    ) WHERE text IS NOT NULL GROUP BY text;

    CREATE TEMP TABLE named_open AS SELECT DISTINCT family_name, given_names FROM named WHERE NOT hidden;

    CREATE TEMP TABLE more AS  -- names that tell of somebody else
    SELECT name FROM (SELECT family_name AS name FROM named_open UNION SELECT given_names FROM named_open) WHERE says_two(name) OR tells_whose(name);

    CREATE TEMP TABLE addresses_open AS
    SELECT DISTINCT address FROM all_addresses SEMI JOIN beside_what USING (record_key) WHERE address IS NOT NULL;

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

    CREATE TEMP TABLE words_borne AS  -- of every name that is borne beside an address
    SELECT name, unnest(names_in(name)) AS word
    FROM (SELECT given AS name FROM names_borne WHERE found UNION SELECT family FROM names_borne WHERE found);

    CREATE TEMP TABLE one_word AS  -- the very word, or one of five letters or more with a letter wrong
    WITH few AS (SELECT DISTINCT word FROM words_hidden),
    every AS (SELECT word FROM words_open UNION SELECT word FROM words_borne UNION SELECT word FROM words_of_lines),
    slipped AS (FROM every WHERE may_slip(word)),
    sought AS (FROM few WHERE may_slip(word)),
    nearly AS (  -- a slip leaves the last letter as it is, or all but the last two, and likewise the first: seen much sooner than counted
        SELECT e.word, l.word AS meant FROM (SELECT word, unnest(begins_in(word)) AS half FROM slipped) e JOIN sought l ON begins_of(l.word) = e.half
        WHERE right(e.word, 1) = right(l.word, 1) OR starts_with(e.word, left(l.word, length(l.word) - 2))
        UNION ALL
        SELECT e.word, l.word FROM (SELECT word, unnest(ends_in(word)) AS half FROM slipped) e JOIN sought l ON ends_of(l.word) = e.half
        WHERE left(e.word, 1) = left(l.word, 1) OR ends_with(e.word, right(l.word, length(l.word) - 2))
    )
    SELECT word, word AS meant FROM every SEMI JOIN few USING (word)
    UNION
    SELECT word, meant FROM nearly
    WHERE length(word) BETWEEN length(meant) - 1 AND length(meant) + 1 AND damerau_levenshtein(word, meant) < 2;

    -- what is borne or said with one of these words: all that is looked at from here on
    CREATE TEMP TABLE words_near AS
    SELECT h.carer, h.given, h.family, h.part, h.word AS meant, o.word FROM words_hidden h JOIN one_word o ON o.meant = h.word;
    CREATE TEMP TABLE borne_near AS
    SELECT n.carer, n.meant, b.name FROM words_near n JOIN words_borne b USING (word) WHERE n.carer IS NOT NULL;
    CREATE TEMP TABLE open_near AS SELECT n.*, t.text, t.beside FROM words_near n JOIN words_open t USING (word);
    CREATE TEMP TABLE lines_near AS SELECT n.*, l.line FROM words_near n JOIN words_of_lines l USING (word);

    CREATE TEMP TABLE carers_named AS
    SELECT DISTINCT carer FROM open_near WHERE carer IS NOT NULL AND beside
    GROUP BY carer, text HAVING min(meant) < max(meant) AND min(word) < max(word)
    UNION
    SELECT DISTINCT g.carer FROM names_borne b JOIN borne_near g ON g.name = b.given JOIN borne_near f ON f.name = b.family AND f.carer = g.carer
    WHERE b.found GROUP BY g.carer, b.given, b.family
    HAVING least(min(g.meant), min(f.meant)) < greatest(max(g.meant), max(f.meant))
    UNION
    SELECT carer FROM open_near WHERE carer IS NOT NULL AND part = 'grown' AND beside;

    CREATE TEMP TABLE lines_naming AS
    SELECT DISTINCT line FROM lines_near GROUP BY line, carer, given, family
    HAVING min(meant) < max(meant) AND min(word) < max(word)
        AND (carer IS NOT NULL OR bool_or(part = 'given') AND bool_or(part = 'family'))
    UNION
    SELECT line FROM lines_near
    WHERE part = 'grown' AND (says_with(line) OR tells_whose(line)) OR part = 'family' AND says_family(line);

    CREATE TEMP TABLE texts_naming AS
    SELECT DISTINCT text FROM lines_open SEMI JOIN lines_naming USING (line)
    UNION
    SELECT DISTINCT text FROM open_near WHERE carer IS NULL GROUP BY text, given, family
    HAVING bool_or(part = 'grown') OR min(word) < max(word) AND bool_or(part = 'given') AND bool_or(part = 'family');
"""
"""Tables carers_named (carer) and texts_naming (text); needs who, named, lives, unseen and the person tables of `household`."""
