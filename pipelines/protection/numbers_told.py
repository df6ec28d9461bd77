"""Numbers that agencies issue to children, told in texts that are meant for something else.

Belongs here: from the person tables to the texts that may not be shown to anybody, since an NHS number, a UPN or the key of a
record stands in them. Not here: taking them out of the tables (`publishing.snapshot`), the proof (`publishing.gates.protection`),
numbers that name another record (`numbers`).

What counts is the number, however it is written: with spaces, hyphens, dots, grown together with a word, in digits of any script.

- A number that a record of the night bears, and the key of a record with its agency: in any text.
- A number that nobody bears, but that is a valid one (its check digit or check letter is right): a UPN in any text; an NHS number
  where it is written as one (404 729 0009), where the text speaks of "NHS", or where no telephone number is expected. Ten digits
  after +44, or that begin with 0, are a telephone number: one in eleven of those would pass the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.protection.letters import read_plainly
from pipelines.tables import connect, fetch
from pipelines.validation.identifiers import install_identifiers

__all__ = ["find_numbers_told"]


def find_numbers_told(person: Mapping[str, pa.Table | Path]) -> pa.Table:
    """record_key, text: values of any text column that hold a number issued to a child.

    Args:
        person: the tables of `PERSON_TABLES`: records, names, addresses, carers and involvements are read.
    """
    with connect({f"told_{name}": table for name, table in person.items()}) as connection:
        connection.execute(_MAY_HOLD)
        read_plainly(connection, {"plainly": ("may_hold", ["text"])})
        install_identifiers(connection)
        connection.execute(_SAID)
        connection.execute(_ISSUED)
        return fetch(connection, _TOLD)


# few texts have as many digits as the shortest number, and hardly any looks like a key; beyond ASCII all counts as a digit here,
# since the classes of digits of any script take long to start
_MAY_HOLD = r"""
    CREATE TEMP TABLE may_hold AS
    SELECT DISTINCT text AS written, text, reaches FROM (
        SELECT unnest([family_name, given_names]) AS text, false AS reaches FROM told_records
        UNION ALL SELECT unnest([family_name, given_names]), false FROM told_names
        UNION ALL SELECT unnest([name, relationship]), false FROM told_carers
        UNION ALL SELECT service, false FROM told_involvements
        UNION ALL SELECT contact, true FROM told_carers
        UNION ALL SELECT unnest([contact, phone]), true FROM told_involvements
        UNION ALL SELECT address, true FROM told_addresses
    ) WHERE regexp_matches(text, '(?:[0-9\x{80}-\x{10FFFF}][^0-9\x{80}-\x{10FFFF}]*){10}|[0-9]{4}|[A-Za-z_]:')
"""
# each text as it is written and in plain letters, and every row of letters and of digits in it
_SAID = """
    CREATE TEMP TABLE said AS
    SELECT *, regexp_extract_all(said, '[A-Z]+|[0-9]+') AS parts
    FROM (SELECT DISTINCT written, reaches, unnest([upper(written), upper(strip_accents(text))]) AS said FROM plainly);

    CREATE TEMP TABLE numbers AS  -- parts that follow each other and have the length of a number; from a word its last letter
    SELECT written, reaches, said, unnest(flatten(list_transform(range(1, len(parts) + 1), lambda first:
        list_filter(list_transform(range(first, least(first + 12, len(parts)) + 1), lambda last: {
            'number': CASE WHEN parts[first] < 'A' THEN parts[first] ELSE right(parts[first], 1) END
                || array_to_string(parts[first + 1:last], ''),
            'groups': list_transform(parts[first:last], lambda part: length(part)),
            'after': CASE WHEN first > 1 THEN parts[first - 1] ELSE '' END
        }), lambda found: length(found.number) IN (10, 13))))) AS found
    FROM said
"""
_ISSUED = """
    CREATE TEMP TABLE issued AS
    SELECT DISTINCT upper(number) AS number FROM (
        SELECT record_key, unnest([nhs_number, nhs_number_unverified, previous_nhs_number, upn, upn_unverified, former_upn])
            AS number FROM told_records
    ) WHERE number IS NOT NULL
    UNION SELECT unnest([upper(record_key), upper(strip_accents(record_key))]) FROM told_records
"""
_TOLD = """
    WITH holding AS (
        SELECT written FROM numbers SEMI JOIN issued ON issued.number = found.number
        UNION
        SELECT written FROM (
            SELECT written, said AS word FROM said
            UNION SELECT written, unnest(regexp_extract_all(said, '[A-Z0-9]{8,}')) FROM said
            UNION SELECT written, unnest(regexp_extract_all(said, '[A-Z_]+:[^ ,;]+')) FROM said
        ) SEMI JOIN issued ON number = word
        UNION
        SELECT written FROM numbers WHERE length(found.number) = 13
            AND regexp_full_match(found.number, '[A-Z][0-9]{11}[0-9A-Z]') AND upn_fails(found.number) IS NULL
        UNION
        SELECT written FROM numbers WHERE regexp_full_match(found.number, '[1-9][0-9]{9}')
            AND nhs_number_digits_fail(found.number) IS NULL AND found.after NOT IN ('44', '0044')
            AND (found.groups = [3, 3, 4] OR contains(said, 'NHS') OR NOT reaches AND len(found.groups) = 1)
    ),
    every AS (
        SELECT record_key, unnest([family_name, given_names]) AS text FROM told_records
        UNION ALL SELECT record_key, unnest([family_name, given_names]) FROM told_names
        UNION ALL SELECT record_key, unnest([name, relationship, contact]) FROM told_carers
        UNION ALL SELECT record_key, unnest([service, contact, phone]) FROM told_involvements
        UNION ALL SELECT record_key, address FROM told_addresses
    )
    SELECT DISTINCT record_key, text FROM every WHERE text IN (FROM holding) ORDER BY ALL
"""
