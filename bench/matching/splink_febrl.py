"""Splink at its best for FEBRL's invented Australians.

Belongs here: the recipe for one source that repeats its records and for two sources that hold each person once.
"""

from __future__ import annotations

import duckdb
from splink import Linker, SettingsCreator, block_on

from bench.matching.splink_levels import (
    EXACT,
    alike,
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

__all__ = ["febrl"]


def febrl(*, both: bool, identifier: bool) -> Recipe:
    """The recipe; `both` for two sources, `identifier` where the records have their social security number."""
    number = [
        comparison(
            "number",
            nothing("number_l IS NULL OR number_r IS NULL"),
            level(EXACT.format("number")),
            level("damerau_levenshtein(number_l, number_r) <= 1"),
            level("damerau_levenshtein(number_l, number_r) <= 2"),
        )
    ]
    by_number = [block_on("number"), block_on("substr(number, 1, 4)"), block_on("substr(number, 4, 4)")]
    settings = SettingsCreator(
        link_type="link_only" if both else "dedupe_only",
        blocking_rules_to_generate_predictions=[
            *(by_number if identifier else []),
            block_on("born"),
            block_on("family"),
            block_on("given"),
            block_on("given_sound", "family_sound"),
            block_on("postcode"),
            block_on("street"),
            block_on("suburb"),
            block_on("place"),
            block_on("substr(born, 1, 4)", "street_number"),
            block_on("substr(born, 5, 4)", "state"),
            "l.given = r.family",
        ],
        comparisons=[
            given_levels(),
            family_levels(),
            date_levels(),
            *(number if identifier else []),
            comparison(
                "street",
                nothing("street_l IS NULL OR street_r IS NULL"),
                level(f"{EXACT.format('street')} AND street_number_l = street_number_r"),
                level(EXACT.format("street"), frequency_of="street"),
                level(alike("street", least=0.9)),
            ),
            comparison(
                "suburb",
                nothing("suburb_l IS NULL OR suburb_r IS NULL"),
                level(EXACT.format("suburb"), frequency_of="suburb"),
                level(alike("suburb", least=0.9)),
            ),
            comparison(
                "place",
                nothing("place_l IS NULL OR place_r IS NULL"),
                level(EXACT.format("place"), frequency_of="place"),
                level(alike("place", least=0.9)),
            ),
            comparison(
                "postcode",
                nothing("postcode_l IS NULL OR postcode_r IS NULL"),
                level(EXACT.format("postcode"), frequency_of="postcode"),
                level("damerau_levenshtein(postcode_l, postcode_r) <= 1"),
            ),
            comparison("state", nothing("state_l IS NULL OR state_r IS NULL"), level(EXACT.format("state"))),
        ],
        retain_matching_columns=False,
    )
    sure = [
        block_on("given", "family", "born"),
        block_on("family", "born", "postcode"),
        block_on("given", "born", "street"),
    ]

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(
            [block_on("number"), *sure] if identifier else sure, recall=0.9
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        train_by_maximisation(linker, block_on("born"), block_on("postcode"), block_on("family"))

    return Recipe(_prepare, settings, train, threshold=0.99 if both else 0.95, least_m=0.001)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Names in capitals; the date as the digits it is."""
    connection.execute("""
        CREATE TABLE stands_for AS
        SELECT row_number() OVER (ORDER BY record_key) AS unique_id, record_key FROM people;
        CREATE TABLE plain AS
        SELECT
            unique_id, people.source AS source_dataset, string_split_regex(upper(given_name), '[^A-Z]+') AS given_all,
            trim(regexp_replace(upper(surname), '[^A-Z]+', ' ', 'g')) AS family, date_of_birth AS born,
            soc_sec_id AS number, street_number, address_1 AS street, address_2 AS place, suburb, state, postcode
        FROM people JOIN further USING (record_key) JOIN stands_for USING (record_key)
    """)
    register_names(connection, "SELECT given_all[1] AS name FROM plain UNION ALL SELECT family FROM plain")
    connection.execute("""
        CREATE TABLE prepared AS
        SELECT
            plain.*, given_all[1] AS given, g.sound AS given_sound, g.roots AS given_roots, f.sound AS family_sound,
            CASE WHEN family IS NOT NULL THEN string_split(family, ' ') || [family] END AS family_all
        FROM plain LEFT JOIN names g ON g.name = given_all[1] LEFT JOIN names f ON f.name = family
    """)
