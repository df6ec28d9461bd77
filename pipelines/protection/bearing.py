"""What records at an identity firewall bear, in the comparable form in which one side is held against the other.

Belongs here: names, places, streets and carers of those records, read once (`read_bearing`); each as a value of a kind
(`VALUES`); and what of a text could be such a value (`READ_OFF`). Not here: whose it is and what follows (`firewall`), how it is
remembered (`borne`).

    family   a family name, all its letters
    surname  one that is no given name of the same record
    given    a word of a given name
    born     two of day, month and year of the birth date
    person   a carer's name
    word     a word of a carer's name
    carer    the same, and what it is with one letter wrong (`comparable`'s slips)
    last     a carer's family name, the same way
    spelled  the child's, from six letters on, the same way
    place    a place: by UPRN, by postcode and numbers, as it is written, by the name of a house
    road     number and street
    stem     number, first word of the street and the next letter: begins a road that is the same
    start    every beginning of a road
    street   the street's name, when it is longer than five letters
    mark     postcode, UPRN, telephone number, mail, a contact as a whole
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.protection.comparable import macros
from pipelines.protection.letters import read_plainly
from pipelines.tables import install_macros

__all__ = ["READ_OFF", "VALUES", "read_bearing", "views_of"]

_TEXTS = {
    "all_records": ("told_records", ["family_name", "given_names"]),
    "all_names": ("told_names", ["family_name", "given_names"]),
    "all_addresses": ("told_addresses", ["address", "postcode", "uprn"]),
    "all_carers": ("told_carers", ["name", "relationship", "contact"]),
    "all_involvements": ("told_involvements", ["service", "contact", "phone"]),
}


def views_of(person: Mapping[str, pa.Table | Path]) -> dict[str, pa.Table | Path]:
    """The tables of `PERSON_TABLES` under the names that are read here."""
    return {f"told_{table}": person[table] for table in ("records", "names", "addresses", "carers", "involvements")}


def read_bearing(duck: duckdb.DuckDBPyConnection, concerned: str) -> None:
    """Create tables called, places, streets, keys and carers_there of the records that are concerned, and the macros.

    Args:
        duck: a connection with the views of `views_of`.
        concerned: SQL that gives their record_key.
    """
    read_plainly(duck, _TEXTS)
    install_macros(duck, macros())
    duck.execute(f"CREATE TEMP TABLE concerned AS SELECT DISTINCT record_key FROM ({concerned})")
    duck.execute(_READ)


_READ = """
    -- a contact as it is, by all its letters and digits and by the last of its digits
    CREATE TEMP MACRO whole(t) AS list_concat(
        CASE WHEN length(squashed(t)) > 5 THEN ['whole ' || squashed(t)] ELSE [] END,
        CASE WHEN length(regexp_replace(t, '[^0-9]', '', 'g')) > 8 THEN ['last ' || right(regexp_replace(t, '[^0-9]', '', 'g'), 9)] ELSE [] END);

    CREATE TEMP TABLE called AS
    SELECT record_key, kind, family_name, given_names FROM all_names SEMI JOIN concerned USING (record_key)
    UNION ALL SELECT record_key, 'current', family_name, given_names FROM all_records SEMI JOIN concerned USING (record_key);

    CREATE TEMP TABLE carers_there AS FROM all_carers SEMI JOIN concerned USING (record_key);

    CREATE TEMP TABLE places AS
    WITH read AS (
        SELECT record_key, address, postcode, uprn, digits_of(uprn) AS number, lines_of(address) AS lines,
            coalesce(nullif(squashed(postcode), ''), postcode_of(address)) AS code, nullif(squashed(address), '') AS written
        FROM all_addresses SEMI JOIN concerned USING (record_key)
    )
    SELECT *, coalesce(numbers_in(lines), []) AS numbers,
        list_sort(list_distinct(list_transform(regexp_extract_all(coalesce(plain(address), ''), '[0-9]+'),
            lambda number: ltrim(number, '0')))) AS digits, coalesce(roads_in(lines), []) AS streets,
        letters(string_split(lines, ',')[1]) AS first_line
    FROM read;

    CREATE TEMP TABLE streets AS
    SELECT DISTINCT record_key, address, street.road AS road, street.stem AS stem, bucket(street.road) AS bucket
    FROM (SELECT record_key, address, unnest(streets) AS street FROM places);

    CREATE TEMP TABLE keys AS
    SELECT record_key, address, postcode, uprn, unnest(list_filter([
        'u' || number, 'p' || code || '/' || array_to_string(numbers, ' '), 'q' || code || '/' || array_to_string(digits, ' '), 'w' || written,
        -- a house that has a name and no number
        CASE WHEN len(numbers) = 0 AND length(first_line) > 5 THEN 'n' || first_line END
    ], lambda key: key IS NOT NULL)) AS key
    FROM places;
"""

VALUES = """
    SELECT DISTINCT record_key, kind, value FROM (
        SELECT record_key, 'family' AS kind, letters(family_name) AS value FROM called
        UNION ALL SELECT record_key, 'surname', letters(family_name) FROM called
        WHERE len(words_of(family_name)) > 0 AND NOT coalesce(list_has_any(words_of(family_name), words_of(given_names)), false)
        UNION ALL SELECT record_key, 'given', unnest(words_of(given_names)) FROM called
        UNION ALL SELECT record_key, 'born', unnest([
            strftime(birth_date, '%Y-%m-'), strftime(birth_date, '%Y--%d'), strftime(birth_date, '-%m-%d')])
        FROM all_records SEMI JOIN concerned USING (record_key)
        UNION ALL SELECT record_key, 'person', unnest(people_in(name)) FROM carers_there WHERE name IS NOT NULL
        UNION ALL SELECT record_key, 'word', unnest(list_filter(words_of(name), lambda word: length(word) > 2)) FROM carers_there
        UNION ALL SELECT record_key, 'carer', unnest(slips(word)) FROM (SELECT record_key, unnest(names_in(name)) AS word FROM carers_there)
        UNION ALL SELECT record_key, 'last', unnest(slips(word)) FROM (SELECT record_key, unnest(last_in(name)) AS word FROM carers_there)
        UNION ALL SELECT record_key, 'spelled', unnest(slips(word)) FROM (
            SELECT record_key, unnest(names_in(family_name)) AS word FROM called
            WHERE NOT coalesce(list_has_any(words_of(family_name), words_of(given_names)), false)) WHERE length(word) > 5
        UNION ALL SELECT record_key, 'place', key FROM keys
        UNION ALL SELECT record_key, 'road', road FROM streets
        UNION ALL SELECT record_key, 'stem', stem FROM streets WHERE stem <> road OR length(stem) - strpos(stem, ' ') > 3
        UNION ALL SELECT record_key, 'start', unnest(list_transform(
            range(strpos(road, ' ') + 2, length(road) + 1), lambda size: left(road, size))) FROM streets
        UNION ALL SELECT record_key, 'street', regexp_extract(stem, '[A-Z]+$') FROM streets WHERE length(regexp_extract(stem, '[A-Z]+$')) > 5
        UNION ALL SELECT record_key, 'mark', 'postcode ' || code FROM places WHERE length(code) > 4
        UNION ALL SELECT record_key, 'mark', 'number ' || number FROM places WHERE length(number) > 7
        UNION ALL SELECT record_key, 'mark', 'phone ' || unnest(reached_at(contact)) FROM carers_there
        UNION ALL SELECT record_key, 'mark', unnest(whole(contact)) FROM carers_there
    ) WHERE value <> ''
"""
"""record_key, kind, value: all that the records concerned bear."""

READ_OFF = """
    -- words, and whatever of the letters may be one: five letters or more, grown together with what they may be
    CREATE TEMP MACRO spans(t) AS flatten(list_transform(range(1, length(t) - 3), lambda place: list_transform(
        range(5, least(32, length(t) - place + 1) + 1), lambda size: substr(t, place, size))));
    CREATE TEMP MACRO may_say(t) AS list_distinct(list_concat(words_of(t), coalesce(spans(letters(t)), [])));
    CREATE TEMP MACRO marks_in(t) AS list_concat(list_concat(
        list_transform(postcodes_in(t), lambda code: 'postcode ' || code),
        list_transform(regexp_extract_all(squashed(t), '[0-9]{8,}'), lambda number: 'number ' || ltrim(number, '0'))),
        list_concat(whole(t), list_transform(list_concat(phones_in(t), mails_in(t)), lambda phone: 'phone ' || phone)));
"""
"""Macros that read off a text what it may say: ``may_say(t)``, words and spans; ``marks_in(t)``."""
