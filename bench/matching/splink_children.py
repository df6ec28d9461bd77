"""Splink at its best for children in several feeds.

Belongs here: the recipe for records in comparable form with identifiers, homes and sources.
"""

from __future__ import annotations

from typing import Any

import duckdb
from splink import Linker, SettingsCreator, block_on

from bench.matching.splink_levels import (
    EXACT,
    SAME_GIVEN,
    comparison,
    date_levels,
    family_levels,
    given_levels,
    level,
    nothing,
    register_names,
    train_by_maximisation,
)
from bench.matching.splink_recipe import Recipe

__all__ = ["children"]

_LEAST_M = 0.002  # no kind of error is so rare that one of it rules a pair out
_PLACEHOLDERS = (
    "('BABY', 'TWIN', 'INFANT', 'UNKNOWN', 'UNNAMED', 'UNBORN', 'NEWBORN', 'NK', 'BOY', 'GIRL', 'MALE', 'FEMALE')"
)


def children(one_each: tuple[str, ...]) -> Recipe:
    """The recipe; `one_each` names feeds that hold each child, or each child's number, once."""
    settings = SettingsCreator(
        link_type="link_and_dedupe",
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("upn"),
            block_on("born", "given"),
            block_on("born", "family_sound"),
            block_on("born", "postcode"),
            block_on("born", "family_all", arrays_to_explode=["family_all"]),
            block_on("born", "given_all", arrays_to_explode=["given_all"]),
            block_on("born_ordered", "given_sound"),
            block_on("given_sound", "family_sound", "substr(born, 1, 4)"),
            block_on("given_sound", "family_sound", "substr(born, 5, 4)"),
            block_on("given_sound", "family_sound", "outcode"),
            block_on("given", "postcode"),
            block_on("given", "family"),
            block_on("family", "postcode", "substr(born, 1, 4)"),
            "l.given_sound = r.family_sound AND l.family_sound = r.given_sound",
        ],
        comparisons=[
            given_levels(),
            _twins(),
            comparison(
                "further",
                nothing("further_l IS NULL OR further_r IS NULL"),
                level("list_has_any(further_l, further_r)"),
            ),
            family_levels(),
            date_levels(),
            comparison("sex", nothing("sex_l IS NULL OR sex_r IS NULL"), level(EXACT.format("sex"))),
            comparison(
                "home",
                nothing("postcode_l IS NULL OR postcode_r IS NULL"),
                level(EXACT.format("dwelling")),
                level(EXACT.format("postcode")),
                level(EXACT.format("outcode")),
            ),
            _number("nhs_number"),
            _number("upn"),
        ],
        retain_matching_columns=False,
    )

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(
            [block_on("nhs_number"), block_on("upn"), block_on("given", "family", "born")], recall=0.9
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        for number in ("nhs_number", "upn"):
            linker.training.estimate_m_from_label_column(number)
        train_by_maximisation(linker, block_on("given", "family"), block_on("born"), block_on("postcode", "family"))

    return Recipe(_prepare, settings, train, least_m=_LEAST_M, one_each=one_each)


def _twins() -> dict[str, Any]:
    """Two children of one birth: all agrees but the given name, which fields weighed one by one cannot tell.

    Set by convention, so that it takes a common number to join such a pair.
    """
    return comparison(
        "twins",
        nothing("given_l IS NULL OR given_r IS NULL"),
        level(
            f"born_l = born_r AND family_l = family_r AND postcode_l = postcode_r AND NOT ({SAME_GIVEN})", m=1e-5, u=0.1
        ),
        rest=level("ELSE", m=0.99999, u=0.9),
    )


def _number(name: str) -> dict[str, Any]:
    """A verified number: m by convention, for where it agrees it is the reason that a pair is thought true."""
    return comparison(
        name,
        nothing(f"{name}_l IS NULL OR {name}_r IS NULL"),
        level(EXACT.format(name), m=0.985, u=1.5e-5),
        level(f"damerau_levenshtein({name}_l, {name}_r) <= 1", m=0.01, u=1e-6),
        rest=level("ELSE", m=0.005, u=0.99998),
    )


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Plain capitals, placeholders gone, names sounded; the records of a feed with one person number become one row."""
    connection.execute(f"""
        CREATE MACRO folded(text) AS nullif(trim(regexp_replace(
            regexp_replace(upper(strip_accents(text)), '[''’`.]', '', 'g'), '[^A-Z]+', ' ', 'g'
        )), '');
        CREATE TABLE plain AS
        SELECT
            record_key, source, rule, string_split(folded(given_names), ' ') AS given_all, folded(family_name) AS family,
            folded(former_family_name) AS former, sex, nhs_number, upn, address,
            strftime(birth_date, '%Y%m%d') AS born,
            nullif(regexp_replace(upper(postcode), '[^A-Z0-9]', '', 'g'), '') AS postcode,
            CASE WHEN rule = 'person_number' THEN coalesce(nhs_number, upn) END AS number
        FROM people LEFT JOIN sources USING (source);
        CREATE TABLE plain_names AS
        SELECT
            * REPLACE (
                CASE WHEN given_all[1] NOT IN {_PLACEHOLDERS} THEN given_all END AS given_all,
                CASE WHEN family NOT IN {_PLACEHOLDERS} THEN family END AS family,
                CASE WHEN born <> '19000101' THEN born END AS born,
                CASE WHEN postcode NOT LIKE 'ZZ99%' THEN postcode END AS postcode
            )
        FROM plain;
        -- a feed that knows children by a number repeats them when it repeats the number, or all else without the number
        CREATE TABLE cleaned AS
        SELECT *, dense_rank() OVER (ORDER BY source, coalesce(number, number_of_same, record_key)) AS unique_id
        FROM (
            SELECT *, CASE WHEN rule = 'person_number' AND given_all IS NOT NULL THEN
                min(number) OVER (PARTITION BY source, given_all, family, born)
            END AS number_of_same
            FROM plain_names
        );
        CREATE TABLE stands_for AS SELECT unique_id, record_key FROM cleaned;
        CREATE TABLE rows_once AS
        SELECT * FROM cleaned QUALIFY row_number() OVER (PARTITION BY unique_id ORDER BY record_key) = 1;
    """)
    register_names(
        connection,
        "SELECT given_all[1] AS name FROM rows_once UNION ALL SELECT replace(family, ' ', '') FROM rows_once",
    )
    connection.execute("""
        CREATE TABLE prepared AS
        SELECT
            unique_id, source AS source_dataset,
            given_all[1] AS given, given_all,
            CASE WHEN len(given_all) > 1 THEN given_all[2:] END AS further,
            g.sound AS given_sound, g.roots AS given_roots,
            family, f.sound AS family_sound,
            CASE WHEN family IS NOT NULL THEN list_distinct(list_filter(
                [family, former, replace(family, ' ', '')] || string_split(family, ' ')
                || coalesce(string_split(former, ' '), []),
                lambda part: part IS NOT NULL AND length(part) > 2
            )) END AS family_all,
            born, substr(born, 1, 4) || least(substr(born, 5, 2), substr(born, 7, 2))
                || greatest(substr(born, 5, 2), substr(born, 7, 2)) AS born_ordered,
            sex, postcode, substr(postcode, 1, length(postcode) - 3) AS outcode,
            postcode || ' ' || coalesce(
                nullif(array_to_string(regexp_extract_all(address, '[0-9]+[A-Za-z]?'), ' '), ''),
                regexp_extract(upper(address), '[A-Z]+[^A-Z]*[A-Z]*')
            ) AS dwelling,
            nhs_number, upn
        FROM rows_once
        LEFT JOIN names g ON g.name = given_all[1]
        LEFT JOIN names f ON f.name = replace(family, ' ', '')
    """)
