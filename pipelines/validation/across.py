"""Rules over several records of one delivery: repeats, one key with several contents, one identifier on two children.

Belongs here: which records such a rule finds broken. Not here: rules over one record (`compile`), what becomes of a
broken record (`judge`). Everything works on groups that SQL has found to have more than one member, so an ordinary
delivery pays for a grouping and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.contracts.contract import Contract, Rule
from pipelines.errors import IsindexError
from pipelines.validation.compile import Plan
from pipelines.validation.places import Place, places, quoted

if TYPE_CHECKING:
    import duckdb

__all__ = ["find_repeats", "find_shared"]

_VARIANTS_COMPARED = 20  # an identifier with more differing names than this is on many children; no need to compare
_FAMILY = ("family_name", "former_family_name", "alias_family_name")
_GIVEN = ("given_names", "other_given_names")


def find_repeats(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Make the table `copies`: position, copy, place, variants; only for records whose key is not theirs alone.

    `copy` counts records of identical content (above 1: an exact repeat), `place` the differing contents of one key in
    the order delivered (null for a repeat), `variants` how many there are. Records without a key can only be repeats.
    """
    columns = ", ".join(quoted(name) for name in ("change", *(n for n in contract.column_names if n != "change")))
    connection.execute(f"""
    CREATE TEMP TABLE copies AS
    WITH shared AS (
        SELECT key FROM records GROUP BY key HAVING count(*) > 1
    ), alike AS (
        SELECT position, key, row({columns}) AS content
        FROM records WHERE EXISTS (FROM shared WHERE shared.key IS NOT DISTINCT FROM records.key)
    ), copied AS (
        SELECT position, key, row_number() OVER (PARTITION BY key, content ORDER BY position) AS copy FROM alike
    )
    SELECT position, copy,
        CASE WHEN copy = 1 AND key IS NOT NULL
            THEN count(*) FILTER (copy = 1) OVER (PARTITION BY key ORDER BY position) END AS place,
        CASE WHEN key IS NOT NULL THEN count(*) FILTER (copy = 1) OVER (PARTITION BY key) END AS variants
    FROM copied
    """)


def find_shared(connection: duckdb.DuckDBPyConnection, contract: Contract, plan: Plan) -> None:
    """Fill the table `across_broken` (position, rule) from `standing`, the judged records that stand so far."""
    connection.execute("CREATE TEMP TABLE across_broken (position BIGINT, rule INTEGER)")
    for number in plan.across:
        rule = plan.rules[number]
        if rule.check == "same_key_other_content":
            continue
        group = quoted(_path(contract, rule, "identifier", "person"))
        births = (
            [_path(contract, rule, "birth_date")] if rule.params.get("birth_date") else _paths(contract, "birth_date")
        )
        names = "" if rule.check == "two_birth_dates" else _names(contract)
        connection.execute(_shared_sql(number, group, births, names))


def _shared_sql(number: int, group: str, births: list[str], names: str) -> str:
    """Insert every record of the groups that are two children: two birth dates, or names with nothing in common."""
    birth = quoted(births[0]) if births else "NULL::DATE"
    by_name = (
        f"""
        UNION
        SELECT shared FROM (SELECT shared, count(*) AS variants FROM variants GROUP BY shared)
        WHERE variants > {_VARIANTS_COMPARED}
        UNION
        SELECT one.shared FROM variants AS one JOIN variants AS other
            ON one.shared = other.shared AND one.words < other.words
        WHERE NOT list_has_any(one.words, other.words)
            AND one.shared IN (SELECT shared FROM variants GROUP BY shared HAVING count(*) <= {_VARIANTS_COMPARED})
        """
        if names
        else ""
    )
    return f"""
    INSERT INTO across_broken
    WITH members AS (
        SELECT position, {group} AS shared, {birth} AS birth, {names or "NULL::VARCHAR[]"} AS words
        FROM standing
        WHERE {group} IN (SELECT {group} FROM standing WHERE {group} IS NOT NULL GROUP BY ALL HAVING count(*) > 1)
    ), variants AS (
        SELECT DISTINCT shared, words FROM members WHERE len(words) > 0
    ), two_children AS (
        SELECT shared FROM members GROUP BY shared HAVING count(DISTINCT birth) > 1
        {by_name}
    )
    SELECT position, {number} FROM members WHERE shared IN (SELECT shared FROM two_children) ORDER BY position
    """


def _names(contract: Contract) -> str:
    """SQL for the set of a record's name words, folded: family names marked apart from given names."""
    parts = []
    for mark, concepts in (("f", _FAMILY), ("g", _GIVEN)):
        for place in places(contract):
            if place.column.concept in concepts:
                parts.append(_words(f"coalesce({quoted(place.path)}, '')", mark))
            elif place.is_array:
                wanted = "name.family" if mark == "f" else "name.given"
                item = next((item for item in place.column.items if item.concept == wanted), None)
                if item is not None:
                    joined = f"list_transform({quoted(place.path)}, lambda e: coalesce(e.{quoted(item.name)}, ''))"
                    parts.append(_words(f"coalesce(array_to_string({joined}, ' '), '')", mark))
    if not parts:
        return ""
    return f"list_sort(list_distinct(list_filter({' || '.join(parts)}, lambda w: len(w) > 1)))"


def _words(text: str, mark: str) -> str:
    folded = f"lower(strip_accents({text}))"
    split = f"string_split(regexp_replace({folded}, '[^\\p{{L}}]+', ' ', 'g'), ' ')"
    return f"list_transform({split}, lambda w: '{mark}' || w)"


def _paths(contract: Contract, concept: str) -> list[str]:
    return [place.path for place in places(contract) if place.column.concept == concept]


def _path(contract: Contract, rule: Rule, *params: str) -> str:
    """The path of the column a parameter names, by path or by concept."""
    named = next((str(rule.params[param]) for param in params if rule.params.get(param)), rule.field.split("+")[0])
    found: list[Place] = [place for place in places(contract) if named in (place.path, place.column.concept)]
    if not found:
        raise IsindexError(
            "FIELD_UNKNOWN",
            f"Rule {rule.code} speaks of {named!r}, which the contract does not have.",
            where=contract.id,
            remedy="Name a column of the contract, or the concept of one.",
        )
    return found[0].path
