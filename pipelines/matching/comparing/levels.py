"""What is compared of two children, and how closely it may agree: the comparisons and their levels.

Belongs here: names, order, SQL and wording of the levels; nothing is computed. `train` writes them into a Splink
settings file, `match_model` reads such a file back, `compare` gives each candidate pair its level. A level is known by its
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


def _close(column: str, other: str | None = None) -> str:
    """One slip of the keyboard, or very alike."""
    left, right = f"{column}_l", f"{other or column}_r"
    return (
        f"(jaro_winkler_similarity({left}, {right}) >= 0.92"
        f" OR (least(length({left}), length({right})) >= 4 AND damerau_levenshtein({left}, {right}) <= 1))"
    )


# all names are the same words, wherever they stand
_WORDS = "coalesce(name_words_l = name_words_r, false)"


def _initial_of(one: str, other: str) -> str:
    return f"(least(length({one}), length({other})) = 1 AND substr({one}, 1, 1) = substr({other}, 1, 1))"


def _in_place_of(one: str, other: str) -> str:
    return f"(jaro_winkler_similarity({one}, {other}) >= 0.85 OR {_initial_of(one, other)})"


# names in each other's place, spelled alike or one of them by its initial; not where the given names are alike as they stand
_SWAPPED = (
    f"coalesce({_in_place_of('given_name_l', 'family_name_r')} AND {_in_place_of('family_name_l', 'given_name_r')}"
    f" AND NOT ({_initial_of('given_name_l', 'family_name_r')} AND {_initial_of('family_name_l', 'given_name_r')})"
    " AND jaro_winkler_similarity(given_name_l, given_name_r) < 0.8, false)"
)
# one side has a single name, and it is the other side's family name
_LONE = (
    "coalesce((family_name_l IS NULL) <> (family_name_r IS NULL)"
    f" AND (family_or_lone_l = family_or_lone_r OR {_close('family_or_lone')}), false)"
)

_GIVEN_NAME = Comparison(
    "given_name",
    f"given_name_l IS NULL OR given_name_r IS NULL OR {_LONE}",
    (
        Level("same", "given_name_l = given_name_r", "given name agrees", "given_name"),
        Level("swapped", f"{_SWAPPED} OR {_WORDS}", "names are in another order"),
        Level("nickname", "list_has_any(given_roots_l, given_roots_r)", "given names are forms of one name"),
        Level("close", _close("given_name"), "given name nearly agrees", "given_name"),
        Level(
            "other",
            "list_contains(given_tokens_l, given_name_r) OR list_contains(given_tokens_r, given_name_l)"
            " OR list_contains(given_initials_l, given_name_r) OR list_contains(given_initials_r, given_name_l)",
            "one given name is the other's further name, or its initial",
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

# what is a given name on one side is a family name on the other
_TWICE = "given_name_l = given_name_r AND (family_name_l = given_name_l OR family_name_r = given_name_r)"
_CROSSED = (
    "((list_has_any(family_all_l, given_tokens_r) OR list_has_any(given_tokens_l, family_all_r))"
    f" AND NOT coalesce({_TWICE}, false))"
)
_FURTHER = "list_has_any(given_further_l, given_further_r)"
_INITIAL = "list_has_any(given_letters_l, given_initials_r) OR list_has_any(given_initials_l, given_letters_r)"

_FURTHER_NAMES = Comparison(
    "further_names",
    # where they stand elsewhere on the other side, it is the other names that say so
    f"given_initials_l IS NULL OR given_initials_r IS NULL"
    f" OR (({_WORDS} OR coalesce({_CROSSED}, false)) AND NOT ({_FURTHER} OR {_INITIAL}))",
    (
        Level("same", _FURTHER, "a further given name agrees"),
        Level("initial", _INITIAL, "the initial of a further given name agrees"),
        Level("different", "ELSE", "further given names differ"),
    ),
)

_FAMILY_NAME = Comparison(
    "family_name",
    f"((family_name_l IS NULL OR family_name_r IS NULL) AND NOT {_LONE}) OR {_SWAPPED}"
    f" OR ({_WORDS} AND given_name_l <> given_name_r AND family_name_l <> family_name_r)",
    (
        Level("same", "family_or_lone_l = family_or_lone_r", "family name agrees", "family_or_lone"),
        Level("shared", "list_has_any(family_all_l, family_all_r)", "a former, other or part family name agrees"),
        Level("close", _close("family_or_lone"), "family name nearly agrees", "family_or_lone"),
        Level(
            "similar",
            "jaro_winkler_similarity(family_name_l, family_name_r) >= 0.8 OR family_sound_l = family_sound_r"
            " OR damerau_levenshtein(family_name_l, family_name_r) <= 1",
            "family name sounds or looks alike",
        ),
        Level(
            "crossed",
            f"{_CROSSED} OR ({_WORDS} AND given_name_l = given_name_r)",
            "the family name of one is a given name of the other",
        ),
        Level("different", "ELSE", "family name differs"),
    ),
)

_YEARS_APART = "abs(birth_year_l - birth_year_r)"
_ONE_DIGIT = "damerau_levenshtein(birth_l, birth_r) = 1"

_BIRTH_DATE = Comparison(
    "birth_date",
    "birth_l IS NULL OR birth_r IS NULL",
    (
        Level("same", "birth_l = birth_r", "birth date agrees", "birth"),
        Level(
            "swapped",
            "birth_year_l = birth_year_r AND birth_month_l = birth_day_r AND birth_day_l = birth_month_r",
            "day and month of birth are swapped",
        ),
        Level("digit", f"{_ONE_DIGIT} AND {_YEARS_APART} < 10", "one digit of the birth date differs"),
        Level(
            "year",
            "birth_year_l = birth_year_r AND ((birth_month_l = 1 AND birth_day_l = 1)"
            " OR (birth_month_r = 1 AND birth_day_r = 1))",
            "year of birth agrees, one side says only 1 January",
        ),
        Level(
            "parts",
            f"{_ONE_DIGIT} OR ({_YEARS_APART} < 10 AND (cast(birth_year_l = birth_year_r AS int)"
            " + cast(birth_month_l = birth_month_r AS int) + cast(birth_day_l = birth_day_r AS int)) = 2)",
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
    "(postcode_l IS NULL OR postcode_r IS NULL) AND (place_l IS NULL OR place_r IS NULL)",
    (
        Level("dwelling", "dwelling_l = dwelling_r OR uprn_l = uprn_r", "same address"),
        Level("postcode", "postcode_l = postcode_r", "same postcode"),
        Level(
            "near",
            "length(postcode_l) = length(postcode_r) AND length(postcode_l) BETWEEN 5 AND 8"
            " AND hamming(postcode_l, postcode_r) = 1",
            "postcode differs in one character",
        ),
        Level("place", "place_l = place_r", "same street or place, other postcode", "place"),
        Level("like", "jaro_winkler_similarity(place_l, place_r) >= 0.9", "street or place nearly agrees"),
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
    Comparison(
        "phone",
        "phone_l IS NULL OR phone_r IS NULL",
        (
            Level("same", "phone_l = phone_r", "same telephone number"),
            Level("different", "ELSE", "telephone number differs"),
        ),
    ),
)
