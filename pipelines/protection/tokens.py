"""What a child is known by, as tokens: keyed digests of numbers, keys, names with a birth date, in one comparable form.

Belongs here: that form, for person records and for what a broken record says of itself, so that one names the other. A
token cannot be read back, and two are equal when what they were made of is: not by capitals, accents, spaces, or which of
two names comes first. Not here: what follows when they are (`register`, `shielding`).

    key       the record's key in its feed
    number    any number that agencies issue to a child, verified or not, in use or not
    person    family name, first given name, birth date
    born_at   birth date and dwelling: of a wish without names, for its number may be mistyped
    lives_at  names and dwelling: of a wish without birth date, likewise
    given_at  given name, birth date and dwelling: the family name may be another
    nearly    names and birth date of which one is written otherwise: a letter of a name, a part of a name, a part of the date
    born      two of family name, given name and birth date, or both names and the year, or none: of whom no record is left
    called    two words of the names, one of them perhaps with a letter wrong: for a record that has no birth date
    place     where a child who asks says it lives: never names a child, but hides the place (`places`)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import namespace_secret
from pipelines.protection.comparable import macros
from pipelines.protection.letters import read_plainly
from pipelines.protection.remembered import AtHand, at_hand, have_at_hand, keep, keeps, key_of, recall, told_apart
from pipelines.seams import give
from pipelines.seams.protection import TOKENS
from pipelines.tables import connect, fetch, install_macros

__all__ = [
    "DWELLING",
    "LASTING",
    "LIKELY",
    "NEARLY",
    "alike",
    "digest_of",
    "key_tokens",
    "nearly_tokens",
    "tokens_of_asking",
    "tokens_of_places",
    "tokens_of_records",
]

LASTING = ("key", "number", "person")
"""Kinds that stay with a child when everything else of a record changes."""

NEARLY = ("nearly", "born", "called")
"""Kinds by which a record that has come anew, or has no birth date, may be a hidden child's (`nearly_tokens`)."""

LIKELY = ("lives_at", "given_at")
"""Kinds by which a record may well be a child's whose own record is gone: one thing of it was written otherwise."""

DWELLING = ("born_at", "lives_at")
"""Kinds by which a wish names its child where it has no names with birth date; where it has, whom it may mean that names nobody."""

# concept of a delivered value → the part it plays
_PARTS = {
    **dict.fromkeys(("nhs_number", "previous_nhs_number", "upn", "former_upn"), "number"),
    **dict.fromkeys(("family_name", "former_family_name", "alias_family_name", "name.family"), "family"),
    **dict.fromkeys(("given_names", "name.given"), "given"),
    "birth_date": "birth",
    **dict.fromkeys(("uprn", "address.uprn"), "uprn"),
    **dict.fromkeys(("postcode", "address.postcode"), "postcode"),
    **dict.fromkeys(("address_line", "address", "address.lines"), "address"),
}
_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")
_EACH_WITH_EACH = 50  # bearers of one token
_MOST_PAIRS = 64  # of a family with a given name, of one record: one with a hundred names makes ten thousand of them, and thirty times more with slips
_LONGEST = 64  # letters of a name that is looked for with one of them wrong: a longer one is no name, and costs its length squared
_FEW = 0.125  # share of the records that differ from those at hand: of more it costs less to recall them all
_A_HANDFUL = 1 / 64  # share of the records at hand: of fewer, tokens are sooner made than found
_FEWEST = 8  # letters and digits of a number: a shorter one is a note, not a number


def tokens_of_records(records: pa.Table, names: pa.Table) -> pa.Table:
    """What each person record is known by.

    Args:
        records: `RECORDS`.
        names: `NAMES`.

    Returns:
        `TOKENS`, each once.
    """
    numbers = [name for name in _NUMBERS if name in records.column_names]
    columns = ["record_key", *numbers, "birth_date", "uprn", "postcode", "address", "family_name", "given_names"]
    records, names = records.select(columns), names.select(["record_key", "family_name", "given_names"])
    key, last = key_of("tokens", _MADE_BY), at_hand("tokens")
    if last is not None and last.is_of(key, (records, names)):
        return last.found
    of_few = last is not None and not keeps() and records.num_rows <= last.inputs[0].num_rows * _A_HANDFUL
    told = " UNION ALL ".join([
        "SELECT record_key, 'key' AS part, 0 AS ordinal, record_key AS value FROM records",
        *(f"SELECT record_key, 'number', 0, {name}::VARCHAR FROM records" for name in numbers),
        *(f"SELECT record_key, '{part}', 0, {column}::VARCHAR FROM {table}" for part, column, table in _OF_RECORDS),
    ])  # fmt: skip

    def make(wanted: pa.Array | None) -> pa.Table:
        return _tokens({"records": _among(records, wanted), "names": _among(names, wanted)}, told, [_NAMED])

    if of_few:  # what is at hand of all is not given up for them
        return give(make(None), TOKENS)
    differing = None
    if last is not None and not keeps() and last.is_alike(key, (records, names)):
        differing = _differing(last.inputs, (records, names))
    if last is not None and differing is not None and len(differing) <= records.num_rows * _FEW:
        same = last.found.filter(pc.invert(pc.is_in(last.found["record_key"], value_set=differing)))
        found = pa.concat_tables([same, give(make(differing), TOKENS)])
    else:
        found = give(_recalled("tokens", _told_in(key, records, names), make), TOKENS)
    have_at_hand("tokens", AtHand(key, (records, names), found))
    return found


def nearly_tokens(
    records: pa.Table, names: pa.Table, record_keys: pa.Array, *, sought: bool = False, slips: bool = True
) -> pa.Table:
    """What some records are known by although one thing is written otherwise (`NEARLY`): `TOKENS`, each once.

    There are a great many of a record: they are made for those alone that are hidden, or come anew.

    Args:
        records: `RECORDS`.
        names: `NAMES`.
        record_keys: of which records.
        sought: those by which a record is found among those that are kept: its names alone where it has no birth date, in whichever
            field they stand.
        slips: also those of names with a letter wrong: nine of ten; two of family name, given name and birth date are found without.
    """
    views = {"records": _among(records, record_keys), "names": _among(names, record_keys)}
    told = " UNION ALL ".join(
        f"SELECT record_key, '{part}' AS part, {int(table == 'names')} AS ordinal, {column}::VARCHAR AS value FROM {table}"
        for part, column, table in _OF_RECORDS
        if part in ("birth", "family", "given")
    )
    undated, pairs = ("AND birth IS NULL", _UNDATED) if sought else ("", "FROM persons")
    wanted = (
        _NEARLY.replace("{undated}", undated).replace("{pairs}", pairs).replace("{least}", "3" if slips else "1000")
    )
    return give(_tokens(views, told, [wanted]), TOKENS)


def tokens_of_asking(asking: pa.Table, agency: str) -> pa.Table:
    """What each record that asks for protection says of its child; `record_key` is its position among `asking`.

    Whom the kinds `DWELLING` name depends on what else it says (`register`): brothers and sisters share a dwelling.

    Args:
        asking: `ASKING`.
        agency: whose feed it is.
    """
    parts = " ".join(f"WHEN '{concept}' THEN '{part}'" for concept, part in _PARTS.items())
    told = f"""
        WITH numbered AS (SELECT *, row_number() OVER () - 1 AS number FROM asking),
        given AS (SELECT number, unnest(named) AS one, generate_subscripts(named, 1) AS ordinal FROM numbered)
        SELECT number::VARCHAR AS record_key, CASE one.concept {parts} END AS part, ordinal, one.value AS value FROM given
        UNION ALL
        SELECT number::VARCHAR, 'key', 0, '{agency}:' || key FROM numbered WHERE key IS NOT NULL
        UNION ALL  -- a row that speaks of another feed's record asks for that; of a damaged one there are several guesses
        SELECT DISTINCT a.number::VARCHAR, 'key', 0, lower(trim(a.one.value)) || ':' || trim(k.one.value)
        FROM given a JOIN given k USING (number) WHERE a.one.concept = 'claimed_agency' AND k.one.concept = 'claimed_key'
            AND trim(a.one.value) <> '' AND trim(k.one.value) <> ''
    """
    kept = _NEARLY.replace("{undated}", "").replace("{pairs}", "FROM persons").replace("{least}", "3")
    return give(_tokens({"asking": asking}, told, [_NAMED + _SPARING, _KEPT, kept]), TOKENS)


def tokens_of_places(addresses: pa.Table | Path, *, sought: bool = False, among: pa.Array | None = None) -> pa.Table:
    """The tokens of addresses as they are written, each once: address, postcode, uprn, token.

    Args:
        addresses: `ADDRESSES`.
        sought: the tokens by which an address is found among those that are kept, else those that are kept of it: a flat or
            a postcode that only one of two names does not speak against them.
        among: those of these tokens alone; None: all.
    """
    name, columns = "places_sought" if sought else "places_kept", ["address", "postcode", "uprn"]
    with connect({"addresses": addresses}) as duck:
        addresses = fetch(duck, f"SELECT {', '.join(columns)} FROM addresses")
    key, last = key_of(name, _MADE_BY), at_hand(name)
    if last is not None and last.is_of(key, (addresses,)):
        return _those_of(last.found, None, among)
    if last is not None and not keeps() and last.is_alike(key, (addresses,)):
        with connect({"addresses": addresses, "before": last.inputs[0]}) as duck:
            new = fetch(duck, "SELECT DISTINCT * FROM addresses EXCEPT FROM before")
        if new.num_rows <= last.inputs[0].num_rows * _FEW:
            if new.num_rows:  # what is at hand is of every address that this run has met
                found = pa.concat_tables([last.found, _tokens_of_written(new, sought=sought)])
                last = AtHand(key, (pa.concat_tables([last.inputs[0], new]),), found)
                have_at_hand(name, last)
            return _those_of(last.found, addresses, among)
    found = _tokens_of_written(addresses, sought=sought, remembered=(name, key))
    have_at_hand(name, AtHand(key, (addresses,), found))
    return _those_of(found, None, among)


def _those_of(found: pa.Table, addresses: pa.Table | None, among: pa.Array | None) -> pa.Table:
    """Of tokens of places those `among` these, and of these addresses; None: all."""
    told = {} if addresses is None else {"addresses": addresses}
    told |= {} if among is None else {"among": pa.table({"token": among})}
    if not told:
        return found
    few = "found" if among is None else "(FROM found SEMI JOIN among USING (token))"  # then nearly all have gone
    there = " AND ".join(f"f.{name} IS NOT DISTINCT FROM a.{name}" for name in ("address", "postcode", "uprn"))
    with connect({"found": found, **told}) as duck:
        return fetch(duck, f"FROM {few} f" + ("" if addresses is None else f" SEMI JOIN addresses a ON {there}"))


def _tokens_of_written(addresses: pa.Table, *, sought: bool, remembered: tuple[str, str] | None = None) -> pa.Table:
    """`tokens_of_places`; `remembered`: under which name, and by what key, they may be recalled."""
    with connect({"addresses": addresses}) as duck:
        written = fetch(
            duck,
            "SELECT *, row_number() OVER ()::VARCHAR AS record_key FROM (SELECT DISTINCT address, postcode, uprn FROM addresses)",
        )
    told = """
        SELECT record_key, 'uprn' AS part, 0 AS ordinal, uprn AS value FROM written
        UNION ALL SELECT record_key, 'postcode', 0, postcode FROM written
        UNION ALL SELECT record_key, 'address', 0, address FROM written
    """

    def make(wanted: pa.Array | None) -> pa.Table:
        return _tokens({"written": _among(written, wanted)}, told, [_SOUGHT if sought else _KEPT])

    if remembered is None:
        tokens = make(None)
    else:
        name, key = remembered
        with connect({"written": written}) as duck:
            duck.execute("SET VARIABLE key = ?", [key])
            text = told_apart(["address", "postcode", "uprn"])
            digests = fetch(duck, f"SELECT record_key, {_REMEMBERED.format(text=text)} AS digest FROM written")
        tokens = _recalled(name, digests, make)
    with connect({"written": written, "tokens": tokens}) as duck:
        return fetch(duck, "SELECT address, postcode, uprn, token FROM written JOIN tokens USING (record_key)")


def key_tokens(record_keys: Sequence[str]) -> pa.Table:
    """The tokens of record keys, whether there are such records or not: record_key, token."""
    keys = pa.table({"record_key": pa.array(list(record_keys), pa.string())})
    with connect({"keys": keys}) as duck:
        duck.execute("SET VARIABLE secret = ?", [namespace_secret().hex()])
        digested = fetch(
            duck,
            f"""
            SELECT DISTINCT record_key, {_DIGEST.format(kind="'key'", text="record_key")} AS token
            FROM keys WHERE trim(record_key) <> '' ORDER BY ALL
        """,
        )
    return digested.cast(pa.schema([TOKENS.field("record_key"), TOKENS.field("token")]))


def digest_of(kind: str, column: str) -> str:
    """SQL of the keyed digest of what stands in a column; needs the variable `secret`."""
    return _DIGEST.format(kind=f"'{kind}'", text=column)


def alike(tokens: pa.Table, identities: pa.Table) -> pa.Table:
    """Pairs of records that share a number, or names and birth date, which two identities bear: record_key_a, record_key_b.

    Where a great many share one token, each is paired with the first and with its neighbours only: that holds them together
    unless nearly every pair is decided to be two children.
    """
    with connect({"tokens": tokens, "identities": identities}) as duck:
        duck.execute("""
            CREATE TEMP TABLE bearers AS
            WITH shared AS (
                SELECT token FROM tokens JOIN identities USING (record_key) WHERE kind IN ('number', 'person')
                GROUP BY token HAVING min(index_id) < max(index_id)
            )
            SELECT token, record_key, row_number() OVER (PARTITION BY token ORDER BY record_key) AS place,
                count(*) OVER (PARTITION BY token) AS size
            FROM tokens SEMI JOIN shared USING (token) WHERE kind IN ('number', 'person')
        """)
        pairs: pa.Table = fetch(
            duck,
            f"""
            SELECT DISTINCT a.record_key AS record_key_a, b.record_key AS record_key_b
            FROM bearers a JOIN bearers b ON a.token = b.token AND a.place < b.place AND a.size <= {_EACH_WITH_EACH}
            UNION
            SELECT a.record_key, b.record_key FROM bearers a JOIN bearers b ON a.token = b.token
            WHERE a.size > {_EACH_WITH_EACH} AND (a.place = 1 AND b.place > 1 OR b.place - a.place BETWEEN 1 AND 9)
            ORDER BY ALL
        """,
        )
    return pairs


def _tokens(views: dict[str, pa.Table], told: str, wanted: Sequence[str]) -> pa.Table:
    """The tokens of what `told` (record_key, part, ordinal, value) says; `wanted` are `_NAMED`, `_KEPT` or `_SOUGHT`."""
    if not any(view.num_rows for view in views.values()):
        return TOKENS.empty_table()
    secret = namespace_secret().hex()
    with connect(views) as duck:
        duck.execute("SET VARIABLE secret = ?", [secret])
        duck.execute(f"CREATE TEMP TABLE told AS SELECT * FROM ({told}) WHERE trim(value) <> '' AND part IS NOT NULL")
        read_plainly(duck, {"plainly": ("told", ["value"])})
        if not {_KEPT, _SOUGHT}.isdisjoint(wanted):
            install_macros(duck, macros())
        duck.register("found", pa.concat_tables([fetch(duck, sql) for sql in wanted]))
        digested: pa.Table = fetch(
            duck,
            f"""
            SELECT record_key, kind, {_DIGEST.format(kind="kind", text="text")} AS token FROM (SELECT DISTINCT * FROM found)
        """,
        )
    return digested


def _recalled(name: str, inputs: pa.Table, make: Callable[[pa.Array | None], pa.Table]) -> pa.Table:
    """What `make` makes of the records of `inputs` (record_key, digest): record_key, kind, token; of known digests it is recalled.

    Args:
        name: what is remembered.
        inputs: the records, each with the digest of all that its tokens are made of.
        make: makes the tokens of these records, of all where it is given None.
    """
    known = recall(name, _REMEMBERED_SCHEMA)
    if known is None:
        return make(None)
    with connect({"inputs": inputs, "known": known}) as duck:
        new = fetch(duck, "SELECT record_key FROM inputs ANTI JOIN known USING (digest)")
        duck.register("made", make(new["record_key"].combine_chunks()))
        every: pa.Table = fetch(
            duck,
            """
            SELECT record_key, one.kind AS kind, lower(hex(one.token)) AS token
            FROM (SELECT record_key, unnest(told) AS one FROM inputs JOIN known USING (digest))
            UNION ALL SELECT record_key, kind, token FROM made
        """,
        )
        if keeps() and (new.num_rows or _some_gone(duck)):
            keep(name, fetch(duck, """
                SELECT digest, told FROM known SEMI JOIN inputs USING (digest)
                UNION ALL
                SELECT digest, coalesce(list(DISTINCT {'kind': kind, 'token': unhex(token)}) FILTER (token IS NOT NULL), [])
                FROM (inputs ANTI JOIN known USING (digest)) LEFT JOIN made USING (record_key) GROUP BY digest
            """).cast(_REMEMBERED_SCHEMA))  # fmt: skip
    return every


def _told_in(key: str, records: pa.Table, names: pa.Table) -> pa.Table:
    """Each record with the digest, under this key, of all that its tokens are made of: record_key, digest."""
    own = told_apart(records.column_names)
    with connect({"records": records, "names": names}) as duck:
        duck.execute("SET VARIABLE key = ?", [key])
        return fetch(
            duck,
            f"""
            WITH others AS (
                SELECT record_key, string_agg({told_apart(["family_name", "given_names"])}, ' ') AS text FROM names GROUP BY record_key
            )
            SELECT record_key, {_REMEMBERED.format(text=f"{own} || coalesce(text, '')")} AS digest
            FROM records LEFT JOIN others USING (record_key)
        """,
        )


def _differing(before: Sequence[pa.Table], now: Sequence[pa.Table]) -> pa.Array:
    """Keys of the records of which any of the tables `now` does not say what it said `before`, whatever the order of its rows."""
    pairs = enumerate(zip(before, now, strict=True))
    with connect(
        {f"{when}_{place}": one for place, pair in pairs for when, one in zip(("was", "now"), pair, strict=True)}
    ) as duck:
        found = fetch(
            duck,
            " UNION ".join(
                f"SELECT coalesce(w.record_key, n.record_key) AS record_key FROM was_{place} w FULL JOIN now_{place} n "
                "ON w IS NOT DISTINCT FROM n WHERE w.record_key IS NULL OR n.record_key IS NULL"
                for place in range(len(now))
            ),
        )
    return found["record_key"].combine_chunks()


def _some_gone(duck: duckdb.DuckDBPyConnection) -> bool:
    """Whether something is known of what is no input any more."""
    return bool(duck.execute("SELECT EXISTS (FROM known ANTI JOIN inputs USING (digest))").fetchall()[0][0])


def _among(table: pa.Table, wanted: pa.Array | None) -> pa.Table:
    """The rows of the records that are wanted; None: of all."""
    return table if wanted is None else table.filter(pc.is_in(table["record_key"].cast(pa.string()), value_set=wanted))


# by what a record is found in memory: a digest of everything that its tokens are made of, and of what makes them
_MADE_BY = (__name__, macros.__module__, read_plainly.__module__)
_REMEMBERED = "unhex(substr(sha256(getvariable('key') || ({text})), 1, 32))"
# a row a record: what it is known by stands beside its digest, and is looked up once for all of it
_REMEMBERED_SCHEMA = pa.schema([
    ("digest", pa.binary()), ("told", pa.list_(pa.field("element", pa.struct([("kind", pa.string()), ("token", pa.binary())])))),
])  # fmt: skip
_OF_RECORDS = (
    ("birth", "birth_date", "records"), ("uprn", "uprn", "records"), ("postcode", "postcode", "records"),
    ("address", "address", "records"), ("family", "family_name", "records"), ("given", "given_names", "records"),
    ("family", "family_name", "names"), ("given", "given_names", "names"),
)  # fmt: skip
_TITLES = "'miss', 'mr', 'mrs', 'ms', 'mstr', 'master'"
_DIGEST = "substr(sha256(getvariable('secret') || 'protection|' || {kind} || '|' || {text}), 1, 32)"
_LETTERS = "regexp_replace(lower(strip_accents({})), '[^\\p{{L}}]', '', 'g')"
_POSTCODE = r"\b[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b"
_CLEAN = "upper(regexp_replace(value, '[^0-9A-Za-z]', '', 'g'))"
_BIRTH = """coalesce(
    try_strptime(trim(value), '%Y-%m-%d'), try_strptime(trim(value), '%d/%m/%Y'), try_strptime(trim(value), '%Y%m%d'),
    try_strptime(left(trim(value), 10), '%Y-%m-%d'), try_strptime(trim(value), '%d-%m-%Y'))::DATE"""
_NAMED = rf"""
    WITH numbers AS (
        SELECT DISTINCT record_key, {_CLEAN} AS number FROM plainly WHERE part = 'number'
    ),
    births AS (
        SELECT DISTINCT record_key, {_BIRTH}::VARCHAR AS birth FROM told WHERE part = 'birth'
    ),
    families AS (
        SELECT DISTINCT record_key, {_LETTERS.format("one")} AS family
        FROM (SELECT record_key, unnest(string_split(value, ';')) AS one FROM plainly WHERE part = 'family')
    ),
    givens AS (
        SELECT record_key, {_LETTERS.format("regexp_extract(trim(value), '^[^ -]+')")} AS given
        FROM told WHERE part = 'given'
        UNION  -- without titles and initials; the first one, and the first two and all of them grown together
        SELECT record_key, unnest([words[1], words[1] || words[2], array_to_string(words, '')]) FROM (
            SELECT record_key, list_filter(string_split_regex(lower(strip_accents(value)), '[^\pL]+'),
                lambda word: length(word) > 1 AND word NOT IN ({_TITLES})) AS words
            FROM plainly WHERE part = 'given'
        ) WHERE len(words) > 0
    ),
    persons AS (
        SELECT record_key, least(family, given) || '|' || greatest(family, given) AS person
        FROM families JOIN givens USING (record_key) WHERE family <> '' AND given <> ''
    ),
    lines AS (
        SELECT record_key, string_agg(value, ' ' ORDER BY ordinal, value) AS address FROM told WHERE part = 'address'
        GROUP BY record_key
    ),
    dwellings AS (
        SELECT record_key, 'u' || ltrim(regexp_replace(value, '[^0-9]', '', 'g'), '0') AS dwelling
        FROM told WHERE part = 'uprn' AND regexp_matches(value, '[1-9]')
        UNION
        SELECT record_key, 'p' || {_CLEAN} || '|' || lower(regexp_extract(address, '[0-9]+[A-Za-z]?'))
        FROM told JOIN lines USING (record_key) WHERE part = 'postcode' AND regexp_matches(address, '[0-9]')
    ),
    found AS (
        SELECT record_key, 'key' AS kind, value AS text FROM told WHERE part = 'key'
        UNION ALL
        SELECT record_key, 'number', number FROM numbers
        WHERE length(number) >= {_FEWEST} AND regexp_matches(number, '[0-9].*[0-9].*[0-9].*[0-9].*[0-9].*[0-9]')
            AND replace(number, number[1], '') <> ''
        UNION ALL
        SELECT record_key, 'person', person || '|' || birth FROM persons JOIN births USING (record_key)
        WHERE birth IS NOT NULL
        UNION ALL
        SELECT record_key, 'born_at', birth || '|' || dwelling FROM births JOIN dwellings USING (record_key)
        WHERE birth IS NOT NULL
        UNION ALL
        SELECT record_key, 'lives_at', person || '|' || dwelling FROM persons JOIN dwellings USING (record_key)
        UNION ALL
        SELECT record_key, 'given_at', given || '|' || birth || '|' || dwelling
        FROM givens JOIN births USING (record_key) JOIN dwellings USING (record_key) WHERE given <> '' AND birth IS NOT NULL
    )
    FROM found
"""
# of two words that differ in one letter these have one in common: the word, and what is left of it without any one letter
_SHORTER = (
    "list_append(list_transform(range(1, length({0}) + 1), lambda place: {0}[:place - 1] || {0}[place + 1:]), {0})"
)
_NEARLY = rf"""
    WITH births AS (
        SELECT DISTINCT record_key, {_BIRTH} AS birth FROM told WHERE part = 'birth' AND {_BIRTH} IS NOT NULL
    ),
    words AS (
        SELECT record_key, part, ordinal, list_filter(string_split_regex(lower(strip_accents(value)), '[^\pL]+'),
            lambda word: length(word) > 1 AND word NOT IN ({_TITLES})) AS words
        FROM plainly WHERE part IN ('family', 'given')
    ),
    names AS (
        SELECT record_key, part, name, min(ordinal) AS ordinal FROM (
            SELECT record_key, part, ordinal, unnest(list_append(words, array_to_string(words, ''))) AS name FROM words WHERE len(words) > 0
        ) GROUP BY ALL
    ),
    persons AS (
        SELECT record_key, f.name AS family, g.name AS given, birth
        FROM names f JOIN names g USING (record_key) LEFT JOIN births USING (record_key) WHERE f.part = 'family' AND g.part = 'given'
        QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY greatest(f.ordinal, g.ordinal), birth, f.name, g.name) <= {_MOST_PAIRS}
    ),
    found AS (
        SELECT record_key, unnest(list_concat(
            [least(family, given) || '|' || greatest(family, given) || '|' || told for told in [
                birth::VARCHAR, strftime(birth, '%Y-%m-'), strftime(birth, '%Y--%d'), strftime(birth, '-%m-%d'),
                year(birth) || '|' || least(month(birth), day(birth)) || '|' || greatest(month(birth), day(birth))]],
            [word || '|' || given || '|' || birth for word in if(length(family) BETWEEN {{least}} + 1 AND {_LONGEST}, {_SHORTER.format("family")}, [])],
            [word || '|' || family || '|' || birth for word in if(length(given) BETWEEN {{least}} + 1 AND {_LONGEST}, {_SHORTER.format("given")}, [])]
        )) AS text, 'nearly' AS kind FROM persons WHERE birth IS NOT NULL
        UNION
        SELECT record_key, part || '|' || name || '|' || birth, 'born' FROM names JOIN births USING (record_key)
        UNION
        SELECT record_key, least(family, given) || '|' || greatest(family, given) || '|' || year(birth), 'born' FROM persons WHERE birth IS NOT NULL
        UNION
        SELECT record_key, least(family, given) || '|' || greatest(family, given), 'born' FROM persons WHERE true {{undated}}
        UNION
        SELECT record_key, unnest(list_concat(
            [least(family, given) || '|' || greatest(family, given)],
            [least(word, given) || '|' || greatest(word, given) for word in if(length(family) BETWEEN {{least}} + 1 AND {_LONGEST}, {_SHORTER.format("family")}, [])],
            [least(word, family) || '|' || greatest(word, family) for word in if(length(given) BETWEEN {{least}} + 1 AND {_LONGEST}, {_SHORTER.format("given")}, [])]
        )), 'called' FROM (SELECT DISTINCT record_key, family, given {{pairs}})
    )
    SELECT record_key, kind, text FROM found
"""
# each two words, or names, of a record without birth date: agencies that know so little write both names into one field
_UNDATED = f"""
    FROM (SELECT DISTINCT record_key, name AS family FROM names) JOIN (SELECT DISTINCT record_key, name AS given FROM names) USING (record_key)
    WHERE family < given AND record_key NOT IN (SELECT record_key FROM births)
    QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY family, given) <= {_MOST_PAIRS}
"""
_PLACES = f"""
    WITH lines AS (
        SELECT record_key, string_agg(value, ' ' ORDER BY ordinal, value) AS address FROM told WHERE part = 'address'
        GROUP BY record_key
    ),
    -- a house by its UPRN, or by its postcode and all its numbers; without any, by its postcode and first line
    houses AS (
        SELECT record_key, 'u' || ltrim(regexp_replace(value, '[^0-9]', '', 'g'), '0') AS house
        FROM told WHERE part = 'uprn' AND regexp_matches(value, '[1-9]')
        UNION
        SELECT record_key, 'p' || code || '|' || coalesce(
            nullif(array_to_string(list_sort(list_distinct(regexp_extract_all(written, '[0-9]+[A-Z]?'))), ' '), ''),
            regexp_replace(first_line, '[^\\p{{L}}]', '', 'g'))
        FROM (
            SELECT record_key, {_CLEAN} AS code FROM told WHERE part = 'postcode'
            UNION SELECT record_key, replace(regexp_extract(upper(address), '{_POSTCODE}'), ' ', '') FROM lines
        ) JOIN (
            SELECT record_key, upper(strip_accents(string_split(address, ',')[1])) AS first_line,
                regexp_replace(upper(strip_accents(address)), '{_POSTCODE}', ' ', 'g') AS written FROM lines
        ) USING (record_key) WHERE length(code) > 4
    ),
    -- the same in comparable form: kept places made of the form above go on to be found
    plain_lines AS (
        SELECT record_key, string_agg(value, ', ' ORDER BY ordinal, value) AS address FROM plainly WHERE part = 'address'
        GROUP BY record_key
    ),
    plain_houses AS (
        SELECT record_key, 'u' || digits_of(value) AS house FROM plainly WHERE part = 'uprn' AND digits_of(value) IS NOT NULL
        UNION
        SELECT record_key, 'p' || code || '|' || array_to_string(numbers_in(lines_of(address)), ' ')
        FROM (
            SELECT record_key, squashed(value) AS code FROM plainly WHERE part = 'postcode'
            UNION SELECT record_key, postcode_of(address) FROM plain_lines
        ) JOIN plain_lines USING (record_key) WHERE length(code) > 4 AND len(numbers_in(lines_of(address))) > 0
    ),
    streets AS (  -- by house number, first word of the street and the next letter; with the postal district, and what other numbers there are
        SELECT r.record_key, r.stem, c.district,
            array_to_string(list_filter(r.numbers, lambda number: number <> split_part(r.stem, ' ', 1)), ' ') AS flat
        FROM (
            SELECT record_key, unnest(list_transform(roads_in(lines_of(address)), lambda road: road.stem)) AS stem,
                numbers_in(lines_of(address)) AS numbers
            FROM plain_lines
        ) r LEFT JOIN (
            SELECT record_key, min(regexp_replace(code, '[0-9][A-Z]{{2}}$', '')) AS district FROM (
                SELECT record_key, squashed(value) AS code FROM plainly WHERE part = 'postcode'
                UNION ALL SELECT record_key, postcode_of(address) FROM plain_lines
            ) WHERE length(code) > 4 GROUP BY record_key
        ) c USING (record_key) WHERE length(r.stem) - strpos(r.stem, ' ') > 3
    ),
    kept AS (
        SELECT record_key, 's' || stem || '|' || coalesce(district, '-') || '|' || unnest([flat, '*']) AS house FROM streets
        UNION ALL SELECT record_key, 'a' || stem || '|' || unnest([flat, '*']) FROM streets
    ),
    sought AS (  -- where one of two names no flat, or no postcode, that does not speak against it
        SELECT record_key, 's' || stem || '|' || district || '|' || flat AS house FROM (
            SELECT record_key, stem, unnest([district, '-']) AS district, flat FROM (
                SELECT record_key, stem, district, unnest(if(flat = '', ['*'], [flat, ''])) AS flat FROM streets WHERE district IS NOT NULL
            )
        )
        UNION ALL
        SELECT record_key, 'a' || stem || '|' || unnest(if(flat = '', ['*'], [flat, ''])) FROM streets WHERE district IS NULL
    )
    SELECT record_key, 'place' AS kind, house AS text FROM (FROM houses UNION FROM plain_houses UNION FROM {{streets}})
"""
_KEPT, _SOUGHT = (_PLACES.replace("{streets}", which) for which in ("kept", "sought"))
_SPARING = "WHERE kind <> 'given_at'"
