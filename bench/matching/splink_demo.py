"""Splink as its authors show it: their demonstrations of historical_50k, febrl3 and febrl4, and their tutorial.

Belongs here: settings, training and thresholds as published with Splink (docs/demos/examples/duckdb), on the columns they
use there, occupation and social security number included. For children there is no demonstration: that recipe is what
a reader of the tutorial would write, with its ready-made comparisons for names, birth dates and postcodes.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on

from bench.matching.splink_recipe import Recipe

__all__ = ["demo"]


def demo(recipe: str, sources: dict[str, str], identifier: bool) -> Recipe:
    """The published recipe for `children`, `historical` or `febrl` data.

    Args:
        recipe: which kind of data.
        sources: by source, how often it holds a person; two sources of one record each are linked, not deduplicated.
        identifier: whether the FEBRL records have their social security number.
    """
    if recipe == "historical":
        return _historical()
    if recipe == "children":
        return _children()
    return _febrl(both=len(sources) == 2, identifier=identifier)


def _historical() -> Recipe:
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("substr(postcode_fake,1,3)", "dob"),
            block_on("substr(postcode_fake,1,3)", "first_name"),
            block_on("substr(postcode_fake,1,3)", "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="both_names"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
        retain_matching_columns=False,
    )

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(
            [
                block_on("first_name", "surname", "dob"),
                block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
                block_on("dob", "postcode_fake"),
            ],
            recall=0.6,
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
        for rule in (block_on("first_name", "surname"), block_on("dob")):
            linker.training.estimate_parameters_using_expectation_maximisation(
                rule, estimate_without_term_frequencies=True
            )

    return Recipe(_as_it_is("*, first_name || ' ' || surname AS both_names"), settings, train)


def _febrl(*, both: bool, identifier: bool) -> Recipe:
    """febrl3 and febrl4 differ in their rules, in how they compare the numbers, and in the threshold."""
    number = [cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2] if both else [2])] if identifier else []
    postcode = cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]) if both else cl.ExactMatch("postcode")
    rules = [
        block_on("given_name", "surname"),
        "l.given_name = r.surname AND l.surname = r.given_name",
        block_on("date_of_birth"),
        block_on("state", "address_1"),
        block_on("street_number", "address_1"),
        block_on("postcode"),
    ]
    if not both:
        rules = [block_on(column) for column in ("given_name", "surname", "date_of_birth", "postcode")]
    by_number = [block_on("soc_sec_id")] if identifier else []
    settings = SettingsCreator(
        link_type="link_only" if both else "dedupe_only",
        blocking_rules_to_generate_predictions=[*by_number, *rules],
        comparisons=[
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            *number,
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            postcode.configure(term_frequency_adjustments=True),
        ],
        retain_matching_columns=False,
    )
    sure = [*by_number, block_on("given_name", "surname", "date_of_birth")]
    if not both:
        sure.append("l.given_name = r.surname AND l.surname = r.given_name AND l.date_of_birth = r.date_of_birth")
    training = ("date_of_birth", "postcode") if both else ("substr(date_of_birth,1,3)", "substr(postcode,1,2)")

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(sure, recall=0.8 if both else 0.9)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e7 if both else 1e6, seed=1)
        for column in training:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))

    return Recipe(_as_it_is("*"), settings, train, threshold=0.99 if both else 0.95)


def _children() -> Recipe:
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("upn"),
            block_on("given_names", "family_name"),
            block_on("family_name", "birth_date"),
            block_on("given_names", "birth_date"),
            block_on("postcode", "given_names"),
        ],
        comparisons=[
            cl.NameComparison("given_names"),
            cl.NameComparison("family_name"),
            cl.DateOfBirthComparison("birth_date", input_is_string=False),
            cl.ExactMatch("sex"),
            cl.PostcodeComparison("postcode"),
            cl.ExactMatch("nhs_number"),
            cl.ExactMatch("upn"),
        ],
        retain_matching_columns=False,
    )

    def train(linker: Linker) -> None:
        linker.training.estimate_probability_two_random_records_match(
            [block_on("nhs_number"), block_on("upn"), block_on("given_names", "family_name", "birth_date")], recall=0.7
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=1e7, seed=1)
        for rule in (block_on("given_names", "family_name"), block_on("birth_date")):
            linker.training.estimate_parameters_using_expectation_maximisation(
                rule, estimate_without_term_frequencies=True
            )

    return Recipe(
        _as_it_is("* REPLACE (upper(given_names) AS given_names, upper(family_name) AS family_name)"), settings, train
    )


def _as_it_is(columns: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """A preparation that numbers the records and changes nothing but what `columns` says."""

    def prepare(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"""
            CREATE TABLE stands_for AS
            SELECT row_number() OVER (ORDER BY record_key) AS unique_id, record_key FROM people;
            CREATE TABLE prepared AS
            SELECT {columns} FROM (
                SELECT stands_for.unique_id, people.source AS source_dataset, people.*
                FROM people JOIN stands_for USING (record_key)
            ) JOIN further USING (record_key);
        """)

    return prepare
