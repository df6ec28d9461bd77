"""Firewalls that records ask for: which record is meant by the number that they give, and what fails closed.

Belongs here: the form in which such a wish is kept, the register of them (`wishes_after`), finding the records (`found_tonight`), and
who must be hidden because no wall could be put up (`unplaced`, `stood_in`, `hiding`). Not here: the walls themselves
(`matching.deciding.walls`), wishes to be hidden (`register`).

A number is compared by its letters and digits alone, whatever its capitals, signs and width. It means the record of the same feed that has
it as its key; else the one record with this verified NHS number or UPN, of the same feed or else of any. What means no record or several
stands open: then the record that asks is hidden as if it had asked for that, and a person is told. So does what means a *stranger*: two
identities of one child share a number, the birth date or a given name, and a record that has none of these with the one that asks is most
likely another child, whose number a slip happens to be. The wall to it stands, for what it is worth. What was found once is
found for good, though the record is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.protection.numbers import digesting, folded
from pipelines.protection.register import Asked
from pipelines.protection.tokens import key_tokens
from pipelines.seams import conform, give
from pipelines.seams.protection import REQUESTS, WALLS_WISHED
from pipelines.tables import connect, fetch

__all__ = ["found_tonight", "hiding", "stood_in", "unplaced", "wishes_after"]

_FOUND = "record, others, placed"
_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")


def wishes_after(before: pa.Table, asked: Sequence[Asked]) -> pa.Table:
    """Every firewall that was ever asked for, after the deliveries `asked`: `WALLS_WISHED`, by entry_id.

    Args:
        before: the same of the night before.
        asked: what deliveries ask for; wishes to be hidden are left aside.
    """
    conform(before, WALLS_WISHED)
    new = [each for each in map(_walls_of, asked) if each.num_rows]
    if not new:
        return before
    with connect({"before": before, "new": pa.concat_tables(new)}) as duck:
        after = fetch(
            duck,
            f"""
            SELECT entry_id, any_value(record_ref) AS record_ref, any_value(asked) AS asked,
                arg_max(understood, (last_night, again)) AS understood,
                list_sort(list_distinct(flatten(list(tokens)))) AS tokens, any_value(walled) AS walled,
                any_value(agency) AS agency, arg_min(delivery_id, (first_night, again, delivery_id)) AS delivery_id,
                min(first_night) AS first_night, max(last_night) AS last_night, any_value(record) AS record,
                coalesce(any_value(others) FILTER (NOT again), []) AS others, bool_or(placed) AS placed
            FROM (
                SELECT * EXCLUDE ({_FOUND}), {_FOUND}, false AS again FROM before
                UNION ALL BY NAME
                SELECT *, NULL::VARCHAR AS record, []::VARCHAR[] AS others, false AS placed, true AS again FROM new
            ) GROUP BY entry_id ORDER BY entry_id
        """,
        )
    return give(after, WALLS_WISHED)


def found_tonight(wishes: pa.Table, records: pa.Table) -> pa.Table:
    """`WALLS_WISHED` with what can be found among tonight's records; what was found before stays.

    Args:
        wishes: `WALLS_WISHED`.
        records: person records: record_key, and as far as they are there the numbers, given_names, birth_date and sex.
    """
    if not pc.any(pc.invert(wishes["placed"])).as_py():
        return wishes
    keys = records["record_key"].combine_chunks()
    agency, _, number = (
        pc.struct_field(pc.extract_regex(keys, "(?P<a>[^:]*)(?P<s>:)(?P<n>.*)"), name) for name in "asn"
    )
    told = {"record_key": keys, "agency": agency, "own": folded(number)}
    there = set(records.column_names)
    texts = [name for name in (*_NUMBERS, "given_names") if name in there]
    told |= {name: folded(records[name].combine_chunks()) for name in ("nhs_number", "upn") if name in there}
    told |= {name: pa.nulls(len(keys), pa.string()) for name in ("nhs_number", "upn") if name not in there}
    alike = {"record_key": keys} | {name: records[name] for name in (*texts, "birth_date", "sex") if name in there}
    views = {
        "wishes": wishes,
        "records": pa.table(told),
        "alike": pa.table(alike),
        "known": key_tokens(keys.to_pylist()),
    }
    with digesting(views) as duck:
        numbers = ", ".join(name for name in _NUMBERS if name in there) or "NULL::VARCHAR"
        has = {name: name if name in there else "NULL" for name in ("given_names", "birth_date", "sex")}
        duck.execute(_SHARING.format(numbers=numbers, **has))
        after = fetch(duck, _FIND)
    return give(after, WALLS_WISHED)


def unplaced(wishes: pa.Table, decisions: pa.Table) -> pa.Array:
    """entry_id of the firewalls that were asked for and stand nowhere, by people's decision (`DECISIONS`) neither.

    One whose record has asked for another since, that stands, was corrected.
    """
    with connect({"wishes": wishes, "decisions": decisions}) as duck:
        found = fetch(
            duck,
            """
            SELECT entry_id FROM wishes w WHERE NOT placed AND NOT EXISTS (
                SELECT 1 FROM decisions WHERE kind = 'firewall' AND record IN (record_a, record_b)
            ) AND NOT EXISTS (
                SELECT 1 FROM wishes n WHERE n.record_ref = w.record_ref AND n.asked = w.asked AND n.placed AND n.last_night > w.last_night
            ) ORDER BY ALL
        """,
        )
    return found["entry_id"].combine_chunks()


def stood_in(wishes: pa.Table, decided: pa.Table) -> dict[str, int]:
    """entry_id of the firewalls for which alone people's decision stands in → what had been told when it was made.

    Args:
        wishes: `WALLS_WISHED`.
        decided: firewalls that people decided: record_a, record_b, told (`ENTRIES`, told).
    """
    with connect({"wishes": wishes, "decided": decided}) as duck:
        found = duck.execute("""
            SELECT entry_id, max(told) FROM wishes JOIN decided ON record IN (record_a, record_b)
            WHERE NOT placed GROUP BY entry_id ORDER BY entry_id
        """).fetchall()
    return {str(entry_id): int(told) for entry_id, told in found}


def hiding(asked: Iterable[Asked], unplaced: pa.Array, stood_in: Mapping[str, int] | None = None) -> list[Asked]:
    """What hides somebody of what deliveries ask for: wishes to be hidden, and firewalls that stand nowhere.

    So does a firewall that was asked for before people decided one for it: until then its child was hidden, and one person's
    word opens nobody.

    Args:
        asked: what they ask for.
        unplaced: entry_id of those firewalls.
        stood_in: of those for which people's decision stands in, what had been told when it was made (`stood_in`).
    """
    told = []
    for each in asked:
        hides = pc.is_null(each.requests["walled"])
        decided_later = [wish for wish, then in (stood_in or {}).items() if each.told <= then]
        stands_nowhere = pa.concat_arrays([unplaced, pa.array(decided_later, unplaced.type)])
        open_walls = pc.is_in(each.requests["entry_id"], value_set=stands_nowhere)
        told.append(replace(each, requests=each.requests.filter(pc.or_(hides, open_walls))))
    return told


def _walls_of(asked: Asked) -> pa.Table:
    """The firewalls among the wishes of a delivery, with whose they are and since when."""
    mine = asked.requests.filter(pc.is_valid(asked.requests["walled"])).select(REQUESTS.names)
    for name, value, kind in (
        ("agency", asked.agency, pa.string()), ("delivery_id", asked.delivery_id, pa.string()),
        ("first_night", asked.business_date, pa.date32()), ("last_night", asked.business_date, pa.date32()),
    ):  # fmt: skip
        mine = mine.append_column(name, pa.array([value] * mine.num_rows, kind))
    return mine


# what two identities of one child share: any number, a given name, or the birth date, unless the sex is another
_SHARING = r"""
    CREATE TEMP TABLE sharing AS
    SELECT record_key, list_filter([{numbers}], lambda number: number IS NOT NULL) AS numbers, CAST({birth_date} AS DATE) AS birth_date,
        CAST({sex} AS VARCHAR) AS sex,
        list_filter(string_split_regex(upper(strip_accents(nfc_normalize(coalesce({given_names}, '')))), '[^\pL]+'),
            lambda name: length(name) > 1) AS given
    FROM alike;
    CREATE TEMP MACRO shares(a, b) AS coalesce(list_has_any(a.numbers, b.numbers), false) OR list_has_any(a.given, b.given)
        OR coalesce(a.birth_date = b.birth_date AND coalesce(a.sex = b.sex, true), false);
"""

_FIND = """
    WITH pending AS (SELECT * FROM wishes WHERE NOT placed),
    asker AS (
        SELECT entry_id, min(record_key) AS record FROM (SELECT entry_id, unnest(tokens) AS token FROM pending)
        JOIN known USING (token) GROUP BY entry_id
    ),
    told AS (
        SELECT entry_id, p.agency, coalesce(p.record, a.record) AS record, unnest(walled) AS number,
            generate_subscripts(walled, 1) AS place
        FROM pending p LEFT JOIN asker a USING (entry_id)
    ),
    borne AS (
        SELECT digest(own) AS number, record_key, agency, true AS is_key FROM records WHERE agency IN (SELECT agency FROM pending)
        UNION ALL SELECT digest(nhs_number), record_key, agency, false FROM records WHERE nhs_number IS NOT NULL
        UNION ALL SELECT digest(upn), record_key, agency, false FROM records WHERE upn IS NOT NULL
    ),
    candidates AS (
        SELECT t.entry_id, t.place, b.record_key,
            CASE WHEN b.agency = t.agency THEN if(b.is_key, 1, 2) WHEN NOT b.is_key THEN 3 END AS rank
        FROM told t JOIN borne b USING (number) WHERE b.record_key IS DISTINCT FROM t.record
    ),
    nearest AS (
        SELECT entry_id, place, record_key FROM candidates WHERE rank IS NOT NULL
        QUALIFY rank = min(rank) OVER (PARTITION BY entry_id, place)
    ),
    meant AS (
        SELECT entry_id, place, min(record_key) AS other FROM nearest GROUP BY ALL HAVING count(DISTINCT record_key) = 1
    ),
    found AS (
        SELECT t.entry_id, any_value(t.record) AS record, max(t.place) AS size,
            any_value(m.other) FILTER (t.place = 1) AS whole,
            list(DISTINCT m.other ORDER BY m.other) FILTER (t.place > 1 AND m.other IS NOT NULL) AS parts,
            count(m.other) FILTER (t.place > 1) AS parts_found
        FROM told t LEFT JOIN meant m USING (entry_id, place) GROUP BY t.entry_id
    )
    , strangers AS (
        SELECT f.entry_id FROM (SELECT entry_id, record, unnest(if(whole IS NULL, parts, [whole])) AS other FROM found) f
        JOIN sharing a ON a.record_key = f.record JOIN sharing b ON b.record_key = f.other WHERE NOT shares(a, b)
    )
    SELECT w.* EXCLUDE (record, others, placed), coalesce(w.record, f.record) AS record,
        CASE WHEN w.placed THEN w.others WHEN f.whole IS NOT NULL THEN [f.whole]
            ELSE list_sort(list_distinct(list_concat(w.others, coalesce(f.parts, [])))) END AS others,
        w.placed OR coalesce(f.record IS NOT NULL AND w.entry_id NOT IN (FROM strangers) AND (f.whole IS NOT NULL OR f.size > 1 AND f.parts_found = f.size - 1), false)
            AS placed
    FROM wishes w LEFT JOIN found f USING (entry_id) ORDER BY entry_id
"""
