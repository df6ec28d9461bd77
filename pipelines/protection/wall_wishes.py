"""Firewalls that records ask for: which record is meant by the number that they give, and what fails closed.

Belongs here: the form in which such a wish is kept, the register of them (`wishes_after`), finding the records (`found_tonight`), and
who must be hidden because no wall could be put up (`unplaced`, `hiding`). Not here: the walls themselves
(`matching.deciding.walls`), wishes to be hidden (`register`).

A number is compared by its letters and digits alone, whatever its capitals, signs and width. It means the record of the same feed that has
it as its key; else the one record with this verified NHS number or UPN, of the same feed or else of any. What means no record or several
stands open: then the record that asks is hidden as if it had asked for that, and a person is told. So does what means a *stranger*: two
identities of one child share a number, the birth date or a given name, and a record that has none of these with the one that asks is most
likely another child, whose number a slip happens to be. The wall to it stands, for what it is worth. What was found once is
found for good, though the record is gone.

Who goes on asking asks for the same. A wish *lapses* when its record comes without it, or goes; told again it is a new one, of which nothing
that was decided before knew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.protection.numbers import digesting, folded
from pipelines.protection.register import ORDER, Asked
from pipelines.protection.tokens import key_tokens
from pipelines.seams import conform, give, grown
from pipelines.seams.protection import REQUESTS, WALLS_WISHED
from pipelines.tables import connect, fetch

__all__ = ["found_tonight", "hiding", "unplaced", "wishes_after"]

_FOUND = ["record", "others", "placed", "lapsed"]
_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")


def wishes_after(before: pa.Table, asked: Sequence[Asked], told: Mapping[str, pa.Array], stand: pa.Table) -> pa.Table:
    """Every firewall that was ever asked for, after the deliveries `asked`: `WALLS_WISHED`, by entry_id.

    One that had lapsed and is asked for again is told anew, and must be found again where it does not stand.

    Args:
        before: the same of the night before.
        asked: what deliveries ask for; wishes to be hidden are left aside.
        told: delivery in force → keys of the records that could have asked in it; what such a one no longer asks for has lapsed.
        stand: the firewalls that feeds asked for and that stood the night before (`DECISIONS`).
    """
    before = grown(before, WALLS_WISHED)
    conform(before, WALLS_WISHED)
    new = [each for each in map(_walls_of, asked) if each.num_rows]
    if not new and not (before.num_rows and told):
        return before
    asking = before["record"].combine_chunks().drop_null()
    came = [
        pa.table({"record": keys, "delivery_id": pa.array([name] * len(keys), pa.string())})
        for name, keys in ((name, keys.filter(pc.is_in(keys, value_set=asking))) for name, keys in told.items())
    ]
    views = {
        "before": before,
        "new": pa.concat_tables(new) if new else before.slice(0, 0).drop_columns(_FOUND),
        "came": pa.concat_tables(came) if came else before.slice(0, 0).select(["record", "delivery_id"]),
        "stand": stand,
    }
    with connect(views) as duck:
        duck.execute(ORDER)
        duck.execute(_HEARD)
        after = fetch(
            duck,
            f"""
            SELECT entry_id, any_value(record_ref) AS record_ref, any_value(asked) AS asked,
                arg_max(understood, (last_night, again)) AS understood,
                list_sort(list_distinct(flatten(list(tokens)))) AS tokens, any_value(walled) AS walled,
                any_value(agency) AS agency, arg_min(delivery_id, (first_night, again, delivery_id)) AS delivery_id,
                min(first_night) AS first_night, max(last_night) AS last_night, any_value(record) AS record,
                coalesce(any_value(others) FILTER (NOT again), []) AS others,
                bool_or(placed) AND NOT (any_value(anew) IS NOT NULL AND entry_id IN (FROM nowhere)) AS placed,
                coalesce(any_value(anew), any_value(told) FILTER (NOT again), min(coalesce(told, 0))) AS told, any_value(h.lapsed) AS lapsed
            FROM (
                SELECT {", ".join([*before.column_names])}, false AS again FROM before
                UNION ALL BY NAME
                SELECT *, NULL::VARCHAR AS record, []::VARCHAR[] AS others, false AS placed, NULL::BOOLEAN AS lapsed, true AS again FROM new
            ) JOIN heard h USING (entry_id) GROUP BY entry_id ORDER BY entry_id
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


def unplaced(wishes: pa.Table, firewalls: pa.Table) -> pa.Array:
    """entry_id of the firewalls that were asked for and stand nowhere, by people's decision neither.

    A decision stands in for what was asked for before it, of a record that it names; what its record asks for later, and names nobody by, it
    cannot have meant. One whose record has asked for another since, that stands, was corrected.

    Args:
        wishes: `WALLS_WISHED`.
        firewalls: those that people decided: record_a, record_b, told: what had been told when they did.
    """
    with connect({"wishes": wishes, "firewalls": firewalls}) as duck:
        found = fetch(
            duck,
            """
            SELECT entry_id FROM wishes w WHERE NOT placed AND NOT EXISTS (
                SELECT 1 FROM firewalls f WHERE w.record IN (record_a, record_b) AND coalesce(w.told, 0) <= f.told
            ) AND NOT EXISTS (
                SELECT 1 FROM wishes n WHERE n.record_ref = w.record_ref AND n.asked = w.asked AND n.placed AND n.last_night > w.last_night
            ) ORDER BY ALL
        """,
        )
    return found["entry_id"].combine_chunks()


def hiding(asked: Iterable[Asked], wishes: pa.Table, firewalls: pa.Table) -> list[Asked]:
    """What hides somebody of what deliveries ask for: wishes to be hidden, and firewalls whose records were not found.

    Such a one hides no more when it is told again after people have decided a firewall for it. What was told before they did hides, and
    so does what was corrected since: until then its child was hidden, and neither a feed nor one person opens anybody.

    Args:
        asked: what they ask for.
        wishes: `WALLS_WISHED`; what it does not have no night has looked for yet.
        firewalls: as for `unplaced`.
    """
    with connect({"wishes": wishes, "firewalls": firewalls}) as duck:
        decided = duck.execute("""
            SELECT entry_id, min(f.told) FROM wishes w JOIN firewalls f ON w.record IN (record_a, record_b) AND coalesce(w.told, 0) <= f.told
            WHERE NOT placed GROUP BY entry_id
        """).fetchall()
    placed = wishes.filter(wishes["placed"])["entry_id"].combine_chunks().cast(pa.string())
    told = []
    for each in asked:
        settled = pa.concat_arrays(
            [placed, pa.array([wish for wish, then in decided if then < each.told], pa.string())]
        )
        stands = pc.and_(pc.is_valid(each.requests["walled"]), pc.is_in(each.requests["entry_id"], value_set=settled))
        told.append(replace(each, requests=each.requests.filter(pc.invert(stands))))
    return told


def _walls_of(asked: Asked) -> pa.Table:
    """The firewalls among the wishes of a delivery, with whose they are and since when."""
    mine = asked.requests.filter(pc.is_valid(asked.requests["walled"])).select(REQUESTS.names)
    for name, value, kind in (
        ("agency", asked.agency, pa.string()), ("delivery_id", asked.delivery_id, pa.string()),
        ("first_night", asked.business_date, pa.date32()), ("last_night", asked.business_date, pa.date32()),
        ("told", asked.told, pa.int64()),
    ):  # fmt: skip
        mine = mine.append_column(name, pa.array([value] * mine.num_rows, kind))
    return mine


# of each wish whether it has lapsed, and with what it was told anew; which of them stand nowhere
_HEARD = """
    CREATE TEMP TABLE heard AS
    WITH told AS (
        SELECT entry_id, '' AS place, told, coalesce(lapsed, false) AS silent FROM before
        UNION ALL SELECT entry_id, order_of(delivery_id), told, false FROM new
        UNION ALL SELECT entry_id, order_of(c.delivery_id), NULL, true FROM before JOIN came c USING (record)
            WHERE NOT EXISTS (SELECT 1 FROM new n WHERE n.entry_id = before.entry_id AND n.delivery_id = c.delivery_id)
    ),
    turns AS (  -- of two of one place the silent one comes first: what is asked for is heard
        SELECT *, lag(silent) OVER turn AS was_silent, lead(silent) OVER turn IS NULL AS is_last FROM told
        WINDOW turn AS (PARTITION BY entry_id ORDER BY place, silent DESC, told)
    )
    SELECT entry_id, max(told) FILTER (was_silent AND NOT silent) AS anew, bool_or(silent AND is_last) AS lapsed FROM turns GROUP BY entry_id;
    CREATE TEMP TABLE nowhere AS
    SELECT DISTINCT entry_id FROM (SELECT entry_id, record, unnest(others) AS other FROM before) w
    WHERE NOT EXISTS (SELECT 1 FROM stand s WHERE s.record_a = least(record, other) AND s.record_b = greatest(record, other));
"""

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
