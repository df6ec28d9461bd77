"""Comparisons and columns that Splink's best recipes share: names cleaned and sounded, levels for names and dates.

Belongs here: what is common to person data of any kind. Levels are Splink's own, as dictionaries, so that a condition
stands beside its frequency column and what is fixed of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
from doublemetaphone import doublemetaphone
from nicknames import NickNamer
from splink import Linker
from splink.internals.blocking_rule_creator import BlockingRuleCreator

__all__ = [
    "EXACT", "SAME_GIVEN", "alike", "comparison", "date_levels", "family_levels", "given_levels", "level", "nothing",
    "register_names", "train_by_maximisation",
]  # fmt: skip

Level = dict[str, Any]


def comparison(name: str, *levels: Level, rest: Level | None = None) -> dict[str, Any]:
    """A comparison called `name`: what is nothing to compare, levels from closest to farthest, and all else."""
    return {"output_column_name": name, "comparison_levels": [*levels, rest or level("ELSE")]}


def level(sql: str, *, frequency_of: str | None = None, m: float | None = None, u: float | None = None) -> Level:
    """Pairs for which `sql` holds; `m` and `u` are fixed where given, else estimated."""
    made: Level = {"sql_condition": sql, "label_for_charts": sql[:60]}
    if frequency_of:
        made |= {"tf_adjustment_column": frequency_of, "tf_minimum_u_value": 1e-6}
    for kind, value in (("m", m), ("u", u)):
        if value is not None:
            made |= {f"{kind}_probability": value, f"fix_{kind}_probability": True}
    return made


def nothing(sql: str) -> Level:
    """Pairs that have nothing to compare."""
    return {"sql_condition": sql, "label_for_charts": "nothing to compare", "is_null_level": True}


def alike(column: str, other: str | None = None, least: float = 0.8) -> str:
    """The condition that two names are spelt or sound alike."""
    one, two = f"{column}_l", f"{other or column}_r"
    return f"jaro_winkler_similarity({one}, {two}) >= {least}"


SWAPPED = (
    f"{alike('given', 'family', 0.88)} AND {alike('family', 'given', 0.88)}"
    " AND jaro_winkler_similarity(given_l, given_r) < 0.8"
)


SAME_GIVEN = (
    f"{alike('given')} OR list_has_any(given_roots_l, given_roots_r) OR given_sound_l = given_sound_r"
    " OR list_has_any(given_all_l, given_all_r) OR given_l = family_r OR given_r = family_l"
)


def given_levels() -> dict[str, Any]:
    """The first given name against the first, and against the other side's other names."""
    return comparison(
        "given",
        nothing("given_l IS NULL OR given_r IS NULL"),
        level("given_l = given_r", frequency_of="given"),
        level(SWAPPED),
        level("list_has_any(given_roots_l, given_roots_r)"),
        level(f"{alike('given', least=0.92)}"),
        level("list_contains(given_all_l, given_r) OR list_contains(given_all_r, given_l)"),
        level(
            f"{alike('given')} OR given_sound_l = given_sound_r OR damerau_levenshtein(given_l, given_r) <= 1"
            " OR ((length(given_l) = 1 OR length(given_r) = 1) AND given_l[1] = given_r[1])"
        ),
    )


def family_levels() -> dict[str, Any]:
    """The family name, any part of it, and any former one."""
    return comparison(
        "family",
        nothing(f"family_l IS NULL OR family_r IS NULL OR ({SWAPPED})"),
        level("family_l = family_r", frequency_of="family"),
        level("list_has_any(family_all_l, family_all_r)"),
        level(alike("family", least=0.92)),
        level(f"{alike('family')} OR family_sound_l = family_sound_r OR damerau_levenshtein(family_l, family_r) <= 1"),
    )


def date_levels(frequency_of: str | None = None) -> dict[str, Any]:
    """A birth date as eight digits, so that a date no calendar knows is compared too."""
    year, month, day = (f"{{}}[{part}]" for part in ("1:4", "5:6", "7:8"))
    same = {name: f"{part.format('born_l')} = {part.format('born_r')}" for name, part in
            (("year", year), ("month", month), ("day", day))}  # fmt: skip
    near = "abs(try_cast(born_l[1:4] AS int) - try_cast(born_r[1:4] AS int)) < 10"
    return comparison(
        "born",
        nothing("born_l IS NULL OR born_r IS NULL"),
        level("born_l = born_r", frequency_of=frequency_of),
        level(f"{same['year']} AND born_l[5:6] = born_r[7:8] AND born_l[7:8] = born_r[5:6]"),
        level(f"damerau_levenshtein(born_l, born_r) = 1 AND {near}"),
        level(f"{same['year']} AND (born_l[5:8] = '0101' OR born_r[5:8] = '0101')"),
        level(
            f"cast({same['year']} AS int) + cast({same['month']} AS int) + cast({same['day']} AS int) = 2 AND {near}"
        ),
        level(f"damerau_levenshtein(born_l, born_r) <= 2 AND {near}"),
        level(same["year"]),
    )


EXACT = "{0}_l = {0}_r"


def register_names(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Make the table `names` (`name`, `sound`, `roots`) of the distinct names that the query `source` gives."""
    names = [
        row[0] for row in connection.execute(f"SELECT DISTINCT name FROM ({source}) WHERE name IS NOT NULL").fetchall()
    ]
    roots = _nicknames()
    table = pa.table({
        "name": pa.array(names, pa.string()),
        "sound": pa.array([doublemetaphone(name)[0] or name for name in names], pa.string()),
        "roots": pa.array([sorted({name, *roots.get(name, ())}) for name in names], pa.list_(pa.string())),
    })  # fmt: skip
    connection.register("named", table)
    connection.execute("CREATE TABLE names AS SELECT * FROM named")


def train_by_maximisation(linker: Linker, *rules: str | BlockingRuleCreator) -> None:
    """Expectation maximisation over the pairs of each rule in turn; what several estimate is Splink's median."""
    for rule in rules:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)


@cache
def _nicknames() -> dict[str, set[str]]:
    roots: dict[str, set[str]] = {}
    for canonical, short_forms in NickNamer().nickname_lookup.items():
        for short in short_forms:
            roots.setdefault(short.upper(), set()).add(canonical.upper())
    return roots
