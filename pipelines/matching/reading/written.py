"""What the feeds have written of each record, one row a record, as SQL: texts trimmed, dates and addresses taken apart.

Belongs here: everything that is done to the written text before names are read. Not here: reading names, numbers for texts
(`fields`).
"""

from __future__ import annotations

from collections.abc import Container

import pyarrow as pa

from pipelines.tables import connect, fetch

__all__ = ["IDENTIFIERS", "rows_in_order", "written_rows"]

IDENTIFIERS = (
    "nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn", "uprn", "phone",
)  # fmt: skip
_WRITTEN = (
    "given_names", "family_name", "former_family_name", "birth_date", "expected_birth_date", "sex", "postcode", "address",
    *IDENTIFIERS,
)  # fmt: skip
_LONGEST = 250  # characters of a text that are looked at


def written_rows(records: pa.Table, names: pa.Table | None) -> tuple[dict[str, pa.Table], str]:
    """The tables, and SQL of one row per record: what is told of it, all its given and all its family names in one text."""
    columns = {name.lower() for name in records.column_names}
    source = "source" if "source" in columns else "agency"

    def text(name: str) -> str:
        return _text(name, columns)

    # as the feeds wrote it: to see that a record is the one of last night it need not be read
    written = ", ".join(
        f"cast({name} AS varchar)" if name in columns else "NULL::varchar" for name in (source, *_WRITTEN)
    )
    views, bundled = {"records": records}, "SELECT NULL AS record_key, NULL AS families, NULL AS givens WHERE false"
    if names is not None and names.num_rows:
        views["names"] = names
        bundled = """
            SELECT
                record_key,
                string_agg(DISTINCT family_name, chr(31) ORDER BY family_name) AS families,
                string_agg(DISTINCT given_names, chr(31) ORDER BY given_names) AS givens
            FROM names WHERE kind <> 'current' GROUP BY record_key
        """
    return (
        views,
        f"""
        SELECT
            cast(record_key AS varchar) AS record_key,
            hash(record_key, {written}, families, givens) AS digest,
            coalesce(cast({source} AS varchar), '') AS source,
            {_birth(records, columns)} AS birth,
            {"try_cast(expected_birth_date AS date)" if "expected_birth_date" in columns else "NULL::date"}
                AS expected_birth_date,
            upper({text("sex")})[1:1] AS sex,
            {text("postcode")} AS written_postcode,
            {text("address")} AS address,
            nullif(concat_ws(chr(31), coalesce({text("given_names")}, ''), givens), '') AS given_bundle,
            nullif(concat_ws(
                chr(31), coalesce({text("family_name")}, ''), {text("former_family_name")}, families), '') AS family_bundle,
            {", ".join(f"{text(name)} AS {name}" for name in IDENTIFIERS)}
        FROM records LEFT JOIN ({bundled}) AS bundled USING (record_key)
    """,
    )


def rows_in_order(records: pa.Table, names: pa.Table | None) -> pa.Table:
    """The records by key, with their addresses taken apart."""
    views, select = written_rows(records, names)
    columns = {name.lower() for name in records.column_names}
    with connect(views) as connection:
        return fetch(
            connection,
            f"""
            WITH told AS ({select}),
            -- a postcode and an address are taken apart once, however many records name them
            postcodes AS (
                SELECT
                    written_postcode,
                    nullif(regexp_replace(upper(written_postcode), '[^A-Z0-9]', '', 'g'), '') AS postcode,
                    CASE
                        WHEN regexp_full_match(postcode, '[A-Z]{{1,2}}[0-9][A-Z0-9]?[0-9][A-Z]{{2}}') THEN postcode[:-4]
                        WHEN length(postcode) > 3 THEN postcode[:-3]
                    END AS outcode
                FROM (SELECT DISTINCT {_text("postcode", columns)} AS written_postcode FROM records)
            ),
            addresses AS (  -- the postcode may stand in the address too
                SELECT address, regexp_replace(
                    strip_accents(upper(address)), '\\b[A-Z]{{1,2}}[0-9][A-Z0-9]? *[0-9][A-Z]{{2}}\\b', ' ', 'g'
                ) AS lines
                FROM (SELECT DISTINCT {_text("address", columns)} AS address FROM records)
            ),
            placed AS (
                SELECT
                    address,
                    nullif(array_to_string(regexp_extract_all(lines, '\\b[0-9]+[A-Z]?\\b'), ' '), '') AS numbers,
                    nullif(trim(regexp_replace(
                        regexp_replace(lines, '[^\\pL\\pN]+', ' ', 'g'), '\\b[0-9]+\\pL?\\b ?', '', 'g')), '') AS place
                FROM addresses
            )
            SELECT
                * EXCLUDE (address, numbers, written_postcode),
                try(make_date(birth // 10000, birth // 100 % 100, birth % 100)) AS birth_date,
                -- a household: the postcode (or the place) with the numbers in the address, or the first words of it
                coalesce(postcode, place) || ' ' || coalesce(
                    numbers, CASE WHEN postcode IS NOT NULL THEN nullif(regexp_extract(place, '\\pL+ ?\\pL*'), '') END
                ) AS dwelling
            FROM told LEFT JOIN placed USING (address) LEFT JOIN postcodes USING (written_postcode) ORDER BY record_key
        """,
        )


def _text(name: str, columns: Container[str]) -> str:
    """SQL of a column as trimmed text; NULL where it is not among `columns`."""
    return (
        f"nullif(trim(left(cast({name} AS varchar), {_LONGEST})), '')" if name in columns else "cast(NULL AS varchar)"
    )


def _birth(records: pa.Table, columns: set[str]) -> str:
    """SQL of the birth date as one number, 20150314; a text is read as year-month-day or day/month/year.

    A date that is no real day keeps its parts: they may still resemble what was meant.
    """
    if "birth_date" not in columns:
        return "NULL::int"
    name = next(each for each in records.column_names if each.lower() == "birth_date")
    kind = records.schema.field(name).type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return f"year({name}) * 10000 + month({name}) * 100 + day({name})"
    text = f"trim(cast({name} AS varchar))"
    patterns = {
        r"(\d{4})-(\d{1,2})-(\d{1,2})( .*|T.*)?": (1, 2, 3),
        r"(\d{4})(\d{2})(\d{2})": (1, 2, 3),
        r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})": (3, 2, 1),
    }
    cases = " ".join(
        f"WHEN regexp_full_match({text}, '{pattern}') THEN "
        + " + ".join(
            f"cast(regexp_extract({text}, '{pattern}', {group}) AS int) * {scale}"
            for group, scale in zip(groups, (10_000, 100, 1), strict=True)
        )
        for pattern, groups in patterns.items()
    )
    return f"CASE {cases} END"
