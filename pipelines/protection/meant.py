"""Whom of the other side the texts of an identity at a firewall mean: by words of names, in whatever order, a letter wrong or not.

Belongs here: reading carers' names, relationships and services word by word, against the names of the other side's carers and its
family names, also remembered ones (`MEANT`). Not here: how words compare (`comparable`), what else of a text tells of the
other side, and what follows (`firewall`).

A carer's name is written in many ways: "Zelda Anne Quorthwick", "Zelda and Tom Quorthwick", "Z Quorthwick-Jones (birth mother)". It means
somebody of the other side when two of its words are words of carers there, or one is a carer's family name. In other texts one word of five
letters does. The child's own name in use tells nothing.
"""

from __future__ import annotations

from pipelines.protection.bearing import VALUES

__all__ = ["MEANT"]

MEANT = f"""
    CREATE TEMP TABLE own_said AS  -- words of names that stay
    FROM own_people
    UNION
    SELECT n.index_id, unnest(words_of(n.family_name)) FROM own_names n
    LEFT JOIN one_of_many m ON m.index_id = n.index_id AND m.family = letters(n.family_name)
    WHERE kind = 'current' AND NOT joins_both AND n.index_id NOT IN (FROM has_own) AND m.family IS NULL;

    CREATE TEMP TABLE foreign_forms AS
    SELECT DISTINCT f.index_id, v.kind, v.value AS form FROM ({VALUES}) v JOIN foreign_records f USING (record_key)
    WHERE v.kind IN ('carer', 'last', 'spelled')
    UNION SELECT index_id, if(kind = 'word', 'carer', kind), value FROM recalled WHERE kind IN ('carer', 'last', 'spelled', 'word');

    CREATE TEMP TABLE heard AS
    SELECT DISTINCT s.index_id, s.text, s.whose, s.word, f.kind FROM (
        SELECT *, unnest(slips_of(word)) AS form
        FROM (SELECT index_id, text, whose, unnest(names_in(text)) AS word FROM said WHERE whose <> 'address')
    ) s JOIN foreign_forms f USING (index_id, form);

    CREATE TEMP TABLE foreign_given AS  -- given names of the other side that the child has not itself
    SELECT index_id, word FROM (
        SELECT f.index_id, unnest(words_of(c.given_names)) AS word FROM foreign_records f JOIN called c USING (record_key)
    ) ANTI JOIN (
        SELECT o.index_id, unnest(words_of(r.given_names)) AS word FROM own_records o JOIN all_records r USING (record_key)
    ) USING (index_id, word) WHERE length(word) > 2;

    CREATE TEMP TABLE meant AS
    SELECT s.index_id, s.text FROM said s JOIN foreign_given g ON g.index_id = s.index_id AND list_contains(names_in(s.text), g.word)
    WHERE s.whose IN ('carer', 'service') OR s.whose = 'name' AND says_kin(s.text)
    UNION
    SELECT index_id, text FROM heard WHERE whose = 'name' AND kind = 'carer' GROUP BY ALL HAVING count(DISTINCT word) > 1
    UNION
    SELECT index_id, text FROM heard ANTI JOIN own_said USING (index_id, word)
    WHERE length(word) > 2 AND (kind <> 'carer' OR whose <> 'name' AND length(word) > 4);
"""
"""Table meant (index_id, text); needs what `firewall` has made of the sides, names and texts, and what `borne` has recalled."""
