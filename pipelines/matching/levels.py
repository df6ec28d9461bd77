"""What is compared of two children, and how closely it may agree: the comparisons and their levels.

Belongs here: names, order, SQL and wording of the levels; nothing is computed. `train` writes them into a Splink
settings file, `model` reads such a file back, `compare` gives each candidate pair its level. A level is known by its
number, which is Splink's own (gamma): -1 nothing to compare, 0 different, and the higher the closer.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMPARISONS", "NOTHING", "Comparison", "Level"]

NOTHING = -1  # one side or both have no value: no evidence either way


@dataclass(frozen=True)
class Level:
    """One degree of agreement: Splink's condition for it, and the words a reviewer reads."""

    name: str
    sql: str
    words: str
    frequency_of: str | None = None  # the column whose value frequency replaces the average u


@dataclass(frozen=True)
class Comparison:
    """One field compared: when there is nothing to compare, and its levels from closest to "different"."""

    name: str
    nothing: str
    levels: tuple[Level, ...]

    def gamma(self, level: str) -> int:
        """The number of the level called `level`."""
        for position, candidate in enumerate(self.levels):
            if candidate.name == level:
                return len(self.levels) - 1 - position
        raise KeyError(level)

    def words(self, gamma: int) -> str:
        """The words of level number `gamma`; empty where nothing was compared."""
        return "" if gamma == NOTHING else self.levels[len(self.levels) - 1 - gamma].words


# names in each other's place, spelled alike; not where the given names are alike as they stand
_SWAPPED = (
    "jaro_winkler_similarity(given_name_l, family_name_r) >= 0.85"
    " AND jaro_winkler_similarity(family_name_l, given_name_r) >= 0.85"
    " AND jaro_winkler_similarity(given_name_l, given_name_r) < 0.8"
)

_GIVEN_NAME = Comparison(
    "given_name",
    "given_name_l IS NULL OR given_name_r IS NULL",
    (
        Level("same", "given_name_l = given_name_r", "given name agrees", "given_name"),
        Level("swapped", _SWAPPED, "given and family name are swapped"),
        Level("nickname", "list_has_any(given_roots_l, given_roots_r)", "given names are forms of one name"),
        Level("close", "jaro_winkler_similarity(given_name_l, given_name_r) >= 0.92", "given name nearly agrees"),
        Level(
            "other",
            "list_contains(given_tokens_l, given_name_r) OR list_contains(given_tokens_r, given_name_l)",
            "one given name is the other's further name",
        ),
        Level(
            "similar",
            "jaro_winkler_similarity(given_name_l, given_name_r) >= 0.8 OR given_sound_l = given_sound_r"
            " OR damerau_levenshtein(given_name_l, given_name_r) <= 1"
            " OR ((length(given_name_l) = 1 OR length(given_name_r) = 1)"
            " AND substr(given_name_l, 1, 1) = substr(given_name_r, 1, 1))",
            "given name sounds or looks alike",
        ),
        Level("different", "ELSE", "given name differs"),
    ),
)

_FURTHER_NAMES = Comparison(
    "further_names",
    "given_others_l IS NULL OR given_others_r IS NULL",
    (
        Level("same", "list_has_any(given_others_l, given_others_r)", "a further given name agrees"),
        Level("different", "ELSE", "further given names differ"),
    ),
)

_FAMILY_NAME = Comparison(
    "family_name",
    f"family_name_l IS NULL OR family_name_r IS NULL OR ({_SWAPPED})",
    (
        Level("same", "family_name_l = family_name_r", "family name agrees", "family_name"),
        Level("shared", "list_has_any(family_all_l, family_all_r)", "a former, other or part family name agrees"),
        Level("close", "jaro_winkler_similarity(family_name_l, family_name_r) >= 0.92", "family name nearly agrees"),
        Level(
            "similar",
            "jaro_winkler_similarity(family_name_l, family_name_r) >= 0.8 OR family_sound_l = family_sound_r"
            " OR damerau_levenshtein(family_name_l, family_name_r) <= 1",
            "family name sounds or looks alike",
        ),
        Level("different", "ELSE", "family name differs"),
    ),
)

_YEARS_APART = "abs(year(birth_date_l) - year(birth_date_r))"

_BIRTH_DATE = Comparison(
    "birth_date",
    "birth_date_l IS NULL OR birth_date_r IS NULL",
    (
        Level("same", "birth_date_l = birth_date_r", "birth date agrees"),
        Level(
            "swapped",
            "year(birth_date_l) = year(birth_date_r) AND month(birth_date_l) = day(birth_date_r)"
            " AND day(birth_date_l) = month(birth_date_r)",
            "day and month of birth are swapped",
        ),
        Level(
            "digit",
            f"damerau_levenshtein(birth_digits_l, birth_digits_r) = 1 AND {_YEARS_APART} < 10",
            "one digit of the birth date differs",
        ),
        Level(
            "year",
            "year(birth_date_l) = year(birth_date_r) AND ((month(birth_date_l) = 1 AND day(birth_date_l) = 1)"
            " OR (month(birth_date_r) = 1 AND day(birth_date_r) = 1))",
            "year of birth agrees, one side says only 1 January",
        ),
        Level(
            "parts",
            "(cast(year(birth_date_l) = year(birth_date_r) AS int) + cast(month(birth_date_l) = month(birth_date_r) AS int)"
            f" + cast(day(birth_date_l) = day(birth_date_r) AS int)) = 2 AND {_YEARS_APART} < 10",
            "two of three parts of the birth date agree",
        ),
        Level("different", "ELSE", "birth date differs"),
    ),
)

_SEX = Comparison(
    "sex",
    "sex_l IS NULL OR sex_r IS NULL",
    (Level("same", "sex_l = sex_r", "sex agrees"), Level("different", "ELSE", "sex differs")),
)

_ADDRESS = Comparison(
    "address",
    "postcode_l IS NULL OR postcode_r IS NULL",
    (
        Level("dwelling", "dwelling_l = dwelling_r OR uprn_l = uprn_r", "same address"),
        Level("postcode", "postcode_l = postcode_r", "same postcode"),
        Level("district", "outcode_l = outcode_r", "same postal district"),
        Level("different", "ELSE", "address differs"),
    ),
)


def _identifier(name: str, title: str) -> Comparison:
    return Comparison(
        name,
        f"{name}_l IS NULL OR {name}_r IS NULL",
        (
            Level("same", f"{name}_l = {name}_r", f"same {title}"),
            Level("close", f"damerau_levenshtein({name}_l, {name}_r) <= 1", f"{title} differs in one place"),
            Level("different", "ELSE", f"{title} differs"),
        ),
    )


COMPARISONS: tuple[Comparison, ...] = (
    _GIVEN_NAME,
    _FURTHER_NAMES,
    _FAMILY_NAME,
    _BIRTH_DATE,
    _SEX,
    _ADDRESS,
    _identifier("nhs_number", "NHS number"),
    _identifier("upn", "UPN"),
)
