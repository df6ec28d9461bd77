"""Splink at its best for the historical persons.

Belongs here: the recipe for records of one source with full names, dates as text, places and occupations.
"""

from __future__ import annotations

import duckdb
from splink import Linker, SettingsCreator, block_on

from bench.matching.splink_levels import (
    EXACT,
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

__all__ = ["historical"]

_TITLES = (
    "('OF', 'THE', 'AND', 'DE', 'VON', 'VAN', 'ST', 'SIR', 'LORD', 'LADY', 'BARON', 'BARONESS', 'BARONET', 'BART', 'BT',"
    " 'EARL', 'COUNTESS', 'DUKE', 'DUCHESS', 'VISCOUNT', 'COUNT', 'MARQUESS', 'REV', 'REVEREND', 'RT', 'HON', 'DR', 'MAJ',"
    " 'MAJOR', 'GEN', 'GENERAL', 'COL', 'COLONEL', 'LT', 'CAPT', 'CAPTAIN', 'VICE', 'REAR', 'ADMIRAL', 'MR', 'MRS', 'MISS',"
    " 'JR', 'SR', 'JUNIOR', 'SENIOR', 'FSA', 'RA')"
)
_RARE = 40  # records at most that carry a word for its agreement to say much


def historical() -> Recipe:
    """The recipe: full names by their words, dates as digits, place and postcode as one, since one follows the other."""
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("postcode"),
            block_on("family"),
            block_on("born"),
            block_on("family_sound"),
            block_on("sector"),
            block_on("outcode"),
            block_on("birth_place"),
            block_on("given_sound", "substr(born, 1, 4)"),
            block_on("given", "substr(born, 5, 4)"),
            block_on("given", "occupation"),
            block_on("substr(born, 1, 4)", "occupation"),
            block_on("substr(given, 1, 3)", "substr(family, 1, 3)"),
            block_on("given_sound", "further", arrays_to_explode=["further"]),
            block_on("substr(born, 1, 4)", "further", arrays_to_explode=["further"]),
        ],
        comparisons=[
            given_levels(),
            family_levels(),
            comparison(
                "further",
                nothing("further_l IS NULL OR further_r IS NULL"),
                level("list_has_any(rare_l, rare_r)"),
                level("list_has_any(further_l, further_r)"),
            ),
            date_levels(frequency_of="born"),
            comparison("sex", nothing("sex_l IS NULL OR sex_r IS NULL"), level(EXACT.format("sex"))),
            comparison(
                "place",
                nothing(
                    "(postcode_l IS NULL OR postcode_r IS NULL) AND (birth_place_l IS NULL OR birth_place_r IS NULL)"
                ),
                level("postcode_l = postcode_r"),
                level("birth_place_l = birth_place_r AND outcode_l = outcode_r", frequency_of="birth_place"),
                level("birth_place_l = birth_place_r", frequency_of="birth_place"),
                level("sector_l = sector_r"),
                level("outcode_l = outcode_r"),
            ),
            comparison(
                "occupation",
                nothing("occupation_l IS NULL OR occupation_r IS NULL"),
                level(EXACT.format("occupation"), frequency_of="occupation"),
            ),
        ],
        retain_matching_columns=False,
    )

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(
            [
                block_on("given", "family", "born"),
                block_on("given", "family", "postcode"),
                block_on("born", "postcode"),
            ],
            recall=0.3,
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        train_by_maximisation(linker, block_on("given", "family"), block_on("born"), block_on("postcode"))

    return Recipe(_prepare, settings, train, least_m=0.001, threshold=0.99)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """The words of each full name without its titles: the first is the given name, the last the family name."""
    connection.execute(f"""
        CREATE TABLE stands_for AS
        SELECT row_number() OVER (ORDER BY record_key) AS unique_id, record_key FROM people;
        CREATE TABLE plain AS
        SELECT
            unique_id, sex, list_distinct(words) AS names, words[1] AS given,
            CASE WHEN len(words) > 1 THEN words[-1] END AS family,
            nullif(regexp_replace(dob, '[^0-9]', '', 'g'), '') AS born,
            replace(upper(postcode_fake), ' ', '') AS postcode, upper(birth_place) AS birth_place, occupation
        FROM (
            SELECT *, list_filter(
                string_split_regex(
                    regexp_replace(upper(strip_accents(full_name)), '[''’.]', '', 'g'), '[^A-Z0-9]+'
                ),
                lambda word: NOT regexp_matches(word, '^([0-9].*)?$') AND word NOT IN {_TITLES}
            ) AS words
            FROM people JOIN further USING (record_key)
        ) JOIN stands_for USING (record_key)
    """)
    register_names(connection, "SELECT given AS name FROM plain UNION ALL SELECT family FROM plain")
    connection.execute(f"""
        CREATE TABLE rare AS
        SELECT unique_id, list(name) AS rare FROM (
            SELECT unique_id, name, count(*) OVER (PARTITION BY name) AS known
            FROM (SELECT unique_id, unnest(names) AS name, given, family FROM plain)
            WHERE name <> given AND name <> coalesce(family, '')
        ) WHERE known <= {_RARE} GROUP BY unique_id;
        CREATE TABLE prepared AS
        SELECT
            unique_id, given, family, g.sound AS given_sound, g.roots AS given_roots, f.sound AS family_sound,
            names AS given_all,
            CASE WHEN family IS NOT NULL THEN list_filter(names, lambda word: word <> given) END AS family_all,
            nullif(list_filter(names, lambda word: word <> given AND word <> coalesce(family, '')), []) AS further,
            rare, born, sex, postcode, substr(postcode, 1, length(postcode) - 2) AS sector,
            substr(postcode, 1, length(postcode) - 3) AS outcode, birth_place, occupation
        FROM plain LEFT JOIN rare USING (unique_id)
        LEFT JOIN names g ON g.name = given LEFT JOIN names f ON f.name = family
    """)
