"""Who must not be seen tonight: from wishes, latches and decisions to identities, failing closed.

Belongs here: the closure, and what a decision to unshield lifts. Not here: what of a shielded child may be shown
(publishing.snapshot) and the proof that nothing else was (publishing.gates).

An identity is *shielded* when one of its records asks for it, is named by an entry of the protection register that stands,
was decided to be, or is known by what a shielded child was known by before. It is *withheld*, and shown exactly as a
shielded one, when it is possibly the same child as a hidden one: by a number, or names and birth date, that both
bear; by a pair that the matcher kept apart; when it is known by the names and home, or the given name, birth date and home, of one
that was hidden before; or when it was before. A pair kept apart does not count where the two are
*certainly* two children (`matching.deciding.answer.apart_table`); a number that differs is no certainty. Nothing counts
where a reviewer has decided that they are two.

Nobody is ever opened by what a feed says, nor by one person. What a hidden child was known by is latched, and stays so until
`decide unshield`, confirmed by another person, lifts the wishes and the latch of the child, and the latch of whoever is
withheld for its sake. Whatever still speaks for hiding somebody does: a record that goes on asking, somebody else's wish, a doubt that is still
there. `decide not-the-same` ends a doubt, and opens nobody: whom it keeps from being hidden was open.

Who is shielded in its *own right* is opened by no decision on another child, whatever the two have in common: one of its
records asks or was decided to be shielded, or the wish or the latch that shields it is its own: of a record that it holds; where
that record is gone, of one whose number it bears, or names with birth date where nobody bears both; where nobody does, of any that
it is known by. Who is shielded for what is
another child's own is so for that child's sake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.protection.gone import LATCH
from pipelines.protection.tokens import (
    DWELLING,
    LASTING,
    LIKELY,
    NEARLY,
    alike,
    key_tokens,
    nearly_tokens,
    tokens_of_records,
)
from pipelines.seams import Seam, conform, give, grown, words
from pipelines.seams.identities import IDENTITIES, VISIBILITY
from pipelines.seams.matching import APART, DECISIONS
from pipelines.seams.person import NAMES, RECORDS
from pipelines.seams.protection import ENTRIES, LATCHED
from pipelines.tables import connect, fetch

__all__ = ["KEY", "Apart", "Lifting", "Protected", "Unmet", "in_force", "naming_wish", "protect", "wish_in"]

_WISH = "wish:"
KEY = "key:"
"""Behind it a record's key stands, as a token, among what a decision knew of a child."""


class Apart(NamedTuple):
    """That some records are another child's than one.

    Attributes:
        record_key: of the one.
        others: tokens of the keys of the others.
        between: of records that may be either side's of a firewall, tokens of the keys of the other side: where that is there it speaks for itself
            as long as nobody opens it, and where it is gone two people may say that one between was the child's. None: the others are another's for certain.
    """

    record_key: str
    others: tuple[str, ...]
    between: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Lifting:
    """A decision of two people that takes effect tonight and may open somebody.

    Attributes:
        number: of the decision.
        record_keys: the records that it names.
        from_night: its first night.
        told: what had been told when it was confirmed (`ENTRIES`, told): it lifts nothing that was told after that.
        known_by: numbers, and names with birth date, of the record when it was decided, as tokens: of a record that is another
            child's by now it lifts nothing; and, behind `KEY`, the keys of the records that were meant: a record that came since is not whom two people
            meant, whatever it is called. None: that was not kept yet.
        apart: of which records people said that they are another child's, outgrown or not: of that child it lifts nothing, though none of
            its records is there.
    """

    number: int
    record_keys: tuple[str, ...]
    from_night: date
    told: int = 0
    known_by: tuple[str, ...] | None = None
    apart: tuple[Apart, ...] = ()

    @property
    def wish(self) -> str:
        """The entry of the register that it ends, of a wish that means nobody; else ""."""
        return wish_in(self.record_keys[0]) if len(self.record_keys) == 1 else ""


def naming_wish(entry_id: str) -> str:
    """What stands in place of a record's key in a decision about a wish that means nobody; no agency is called so."""
    return f"{_WISH}{entry_id}"


def wish_in(key: str) -> str:
    """The wish that is named in place of a record's key; "" where that is a key."""
    return key.removeprefix(_WISH) if key.startswith(_WISH) else ""


@dataclass(frozen=True)
class Unmet:
    """A decision of two people after which its child is hidden all the same.

    Attributes:
        number: of the decision.
        why: ``stranger``: the record is another child's; ``gone``: it is not there, and whoever bears what it was known by is
            hidden; ``asks``: a record of the child goes on asking; ``decided``: a decision shields it; ``since``: it was asked for
            after the decision was confirmed; ``strayed``: its identity holds another record that was hidden, not known as the child's when it was
            decided; ``claimed``: a wish whose own child has no record may mean it; ``another``: for the
            sake of another child, whom it may be; ``wish``: the wish that it ends means somebody, or was told again.
        others: keys of the records that the decision did not mean, and for whose sake the child stays hidden (``strayed``).
    """

    number: int
    why: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protected:
    """Protection after a night.

    Attributes:
        visibility: `VISIBILITY`.
        entries: the register (`ENTRIES`).
        latched: `LATCHED`.
        met: entry_id of the wishes that name somebody tonight.
        unmet: decisions to unshield that take effect tonight, and whose child is hidden all the same, or whose wish stands.
    """

    visibility: pa.Table
    entries: pa.Table
    latched: pa.Table
    met: pa.Array
    unmet: tuple[Unmet, ...] = ()


def protect(
    identities: pa.Table | None,
    records: pa.Table | None,
    names: pa.Table | None,
    apart: pa.Table | None,
    decisions: pa.Table | None,
    *,
    entries: pa.Table,
    latched: pa.Table,
    business_date: date,
    lifting: Sequence[Lifting] = (),
    anew: pa.Array | None = None,
    heard: pa.Array | None = None,
    former: pa.Table | None = None,
    carries_on: bool = True,
) -> Protected:
    """Who is hidden tonight, and what of it is carried on.

    Args:
        identities: `IDENTITIES`: record_key and index_id are read.
        records: `RECORDS`: shielded (null counts as shielded), and what names a child.
        names: `NAMES`.
        apart: `APART`: every pair that may be one child and is not joined (a null certain counts as no).
        decisions: `DECISIONS`: a ``shield`` shields its record; a ``not_the_same`` parts its pair.
        entries: the register tonight.
        latched: what was latched the night before.
        business_date: the night.
        lifting: decisions that take effect tonight and may open somebody.
        anew: keys of the records that have come, or tell of another name or birth date than in the night before, or may be a child's whose
            records have gone, or have no birth date: they are compared with what hidden children are known by though one thing is
            written otherwise.
        heard: entry_id of the wishes that all records were compared with before; a wish that names nobody, and is not among them, is
            compared with all though one thing is written otherwise. None: with none are they.
        former: record_key, index_id: of records that are gone the identity that they belonged to last, as it is called by now: their
            latches are its own, and go when two people open it. None: it is not known of any, and what such a record has left stays.
        carries_on: whether a night goes on from it. Else, as for a version of before, `latched` is as it came: what hidden
            children are known by there is not worked out.

    Raises:
        IsindexError: SHIELDING_INPUT_MISSING when a table or column is not there: without it nobody is safe to show.
    """
    people = _needed(records, RECORDS, ["record_key", "shielded", "birth_date", "family_name", "given_names"])
    called = _needed(names, NAMES, ["record_key", "family_name", "given_names"])
    pairs = _needed(apart, APART, ["record_key_a", "record_key_b", "certain"])
    held = _needed(identities, IDENTITIES, ["record_key", "index_id"])
    entries, latched = grown(entries, ENTRIES), grown(latched, LATCHED)
    if not (entries.num_rows or latched.num_rows or _somebody(held, people, in_force(decisions))):
        return Protected(_everybody_open(held), entries, LATCHED.empty_table(), pa.array([], pa.string()))
    tokens = tokens_of_records(people, called)
    if anew is not None and len(anew):
        tokens = pa.concat_tables([tokens, nearly_tokens(people, called, anew, sought=True)])
    views = {
        "identities": held.select(["record_key", "index_id"]),
        "records": people.select(["record_key", "shielded"]),
        "apart": pairs.select(["record_key_a", "record_key_b", "certain"]),
        "alike": alike(tokens, held),
        "decisions": in_force(decisions),
        "tokens": tokens,
        "decided": _decided(decisions),
    }
    with connect(views) as duck:
        duck.execute(_IDENTITIES)
        duck.execute(_PARTED)
        duck.execute(_DECIDED)
        edges = fetch(duck, _EDGES)
        a, b = (edges[side].to_numpy() for side in "ab")
        spoken = _Spoken(duck)
        spoken.of(tokens, entries, latched)
        duck.execute(_HOLDERS)
        void = [each for each in lifting if not _still_meant(duck, each)]
        lifting = [each for each in lifting if each not in void]
        met_before = fetch(duck, _MET)["entry_id"].combine_chunks()
        ended = [each for each in lifting if each.wish]
        lifting = [each for each in lifting if not each.wish]
        if heard is not None and _unheard(duck, heard):
            every = nearly_tokens(people, called, people["record_key"].combine_chunks(), sought=True, slips=False)
            tokens = pa.concat_tables([tokens, every])
        spoken.of(tokens, entries, latched)
        guarded = _guarded(duck, lifting)
        if lifting:  # whoever is opened is compared anew with the latches that stay
            theirs = nearly_tokens(people, called, _records_of(duck, lifting, guarded, a, b), sought=True)
            tokens = pa.concat_tables([tokens, theirs])
            duck.register("tokens", tokens)
        stand = []
        for each in ended:
            entries, lifts = _ended(entries, each, met_before)
            stand += [] if lifts else [each]
        for each in lifting:
            entries, latched = _lifted(duck, each, lifting, entries, latched, guarded, former, a, b)
        duck.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])

        def seen_by(latches: pa.Table) -> tuple[pa.Table, pa.Table]:
            """Who is seen tonight as these latches have it (`VISIBILITY`, own), and what is latched after that."""
            spoken.of(tokens, entries, latches)
            index_ids, shielded, withheld, own = _seeds(duck)
            shielded, own = shielded | guarded, own | guarded
            reached = _closure(shielded | withheld, a, b)
            seen = pa.table({"index_id": index_ids, "shielded": shielded, "withheld": reached & ~shielded, "own": own})
            duck.register("seen", seen)
            if not carries_on:
                return seen, latches
            hidden = fetch(
                duck, "SELECT record_key FROM seen JOIN identities USING (index_id) WHERE shielded OR withheld"
            )
            duck.register("nearly", nearly_tokens(people, called, hidden["record_key"].combine_chunks()))
            return seen, fetch(duck, _LATCHED_AFTER)

        seen, after = seen_by(latched)
        if (
            anew is not None and after.num_rows > latched.num_rows
        ):  # of whom is hidden for the first time, or for more, all are compared
            tokens = pa.concat_tables(
                [tokens, nearly_tokens(people, called, _like_the_new(duck, people, called), sought=True)]
            )
            seen, after = seen_by(after)
        met = fetch(duck, _MET)["entry_id"].combine_chunks()
        unmet = [Unmet(each.number, ("stranger",)) for each in void]
        unmet += [Unmet(each.number, ("wish",)) for each in stand]
        unmet += [found for each in lifting if (found := _in_vain(duck, each)).why]
    return Protected(give(seen, VISIBILITY), entries, give(after, LATCHED), met, tuple(unmet))


def _somebody(identities: pa.Table, records: pa.Table, decisions: pa.Table) -> bool:
    """Whether a record or a decision hides anybody: the first of all that are hidden, where no wish and no latch is kept."""
    if pc.any(pc.equal(decisions["kind"].cast(pa.string()), "shield")).as_py():
        return True
    if pc.any(pc.coalesce(records["shielded"], pa.scalar(True))).as_py():
        return True
    known = records["record_key"].combine_chunks()  # who has no record is hidden too
    return not pc.all(pc.is_in(identities["record_key"], value_set=known), min_count=0).as_py()


def _everybody_open(identities: pa.Table) -> pa.Table:
    """`VISIBILITY` of nobody hidden."""
    index_ids = pc.unique(identities["index_id"]).sort()
    nobody = pa.array([False] * len(index_ids))
    return give(pa.table({"index_id": index_ids, "shielded": nobody, "withheld": nobody}), VISIBILITY)


def in_force(decisions: pa.Table | None) -> pa.Table:
    """Decisions that were not undone: kind, record_a, record_b."""
    table = _needed(decisions, DECISIONS, ["kind", "record_a", "record_b"])
    if "undone_at" in table.column_names:
        table = table.filter(table["undone_at"].is_null())
    return table.select(["kind", "record_a", "record_b"])


def _decided(decisions: pa.Table | None) -> pa.Table:
    """Each side of a pair that was decided to be two children: record_key, and the token of the other record's key."""
    table = in_force(decisions)
    table = table.filter(pc.equal(table["kind"], "not_the_same"))
    a, b = (table[name].cast(pa.string()).combine_chunks() for name in ("record_a", "record_b"))
    keys = key_tokens([*a.to_pylist(), *b.to_pylist()])
    token = dict(zip(keys["record_key"].to_pylist(), keys["token"].to_pylist(), strict=True))
    return pa.table(
        {
            "record_key": pa.concat_arrays([a, b]),
            "token": pa.array([token.get(key) for key in [*b.to_pylist(), *a.to_pylist()]], pa.string()),
        }
    )


class _Spoken:
    """Keeps the tables entries and latched, and what of tonight's records these speak of, to what they are now.

    All that records are known by is gone through for it, so not again where nothing of it has changed.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck
        self._made_of: tuple[pa.Table, ...] = ()

    def of(self, tokens: pa.Table, entries: pa.Table, latched: pa.Table) -> None:
        """Make them of these; the tables themselves tell whether they were: what is in a table does not change."""
        now = (tokens, entries, latched)
        if len(self._made_of) == len(now) and all(one is other for one, other in zip(self._made_of, now, strict=True)):
            return
        for name, table in zip(("tokens", "entries", "latched"), now, strict=True):
            self._duck.register(name, table)
        self._duck.execute(_SPOKEN_OF)
        self._made_of = now


def _seeds(duck: duckdb.DuckDBPyConnection) -> tuple[pa.ChunkedArray, np.ndarray, np.ndarray, np.ndarray]:
    """Index ids in order, and of each whether it is shielded, withheld without another's doubt, shielded in its own right."""
    seeds = fetch(duck, _SEEDS)
    shielded, withheld, own = (
        seeds[name].to_numpy(zero_copy_only=False).astype(bool) for name in ("shielded", "withheld", "own")
    )
    return seeds["index_id"], shielded, withheld, own


def _still_meant(duck: duckdb.DuckDBPyConnection, lifting: Lifting) -> bool:
    """Whether the record that a decision names is still the child's of whom it was decided, or is not there at all.

    It is by a name with the birth date; only where it has none, by a number: a number may be another child's former one; where it has neither,
    by its key, if it had neither then.
    """
    if lifting.known_by is None:
        return True
    ((there, known),) = duck.execute(
        """
        WITH mine AS (SELECT kind, token FROM tokens WHERE list_contains($keys::VARCHAR[], record_key)),
        telling AS (
            SELECT CASE WHEN bool_or(kind = 'person') THEN 'person' WHEN bool_or(kind = 'number') THEN 'number' ELSE 'key' END AS kind FROM mine
        )
        SELECT (SELECT count(*) FROM mine), count(*) FROM mine SEMI JOIN telling USING (kind) WHERE list_contains($known::VARCHAR[], token)
        """,
        {"known": list(lifting.known_by), "keys": list(lifting.record_keys)},
    ).fetchall()
    return known > 0 or there == 0


def _in_vain(duck: duckdb.DuckDBPyConnection, lifting: Lifting) -> Unmet:
    """Why the child of a decision to unshield is hidden after it; for no reason when it is not."""
    told = {
        "keys": list(lifting.record_keys), "known": list(lifting.known_by or ()), "told": lifting.told,
        "night": lifting.from_night, "meant": _records_meant(duck, lifting).to_pylist(),
    }  # fmt: skip
    row = duck.execute(_IN_VAIN, told).fetchone()
    there, hidden, bearers, asks, decided, since, strays, claimed = row or (False,) * 8
    if not there:
        return Unmet(lifting.number, ("gone",) if bearers else ())
    if not hidden:
        return Unmet(lifting.number, ())
    others = tuple(strays or ())
    said = {"asks": asks, "decided": decided, "since": since, "strayed": bool(others)}
    own = tuple(why for why, is_so in said.items() if is_so)
    return Unmet(lifting.number, own or (("claimed",) if claimed else ("another",)), others)


def _guarded(duck: duckdb.DuckDBPyConnection, lifting: Sequence[Lifting]) -> np.ndarray:
    """Who is shielded in its own right before anything is lifted, but for the children whom two people open tonight."""
    if not lifting:
        ((size,),) = duck.execute("SELECT count(*) FROM numbered").fetchall()
        return np.zeros(size, dtype=bool)
    *_, own = _seeds(duck)
    for each in lifting:
        own = own & ~_decided_on(duck, each)
    return own


def _decided_on(duck: duckdb.DuckDBPyConnection, lifting: Lifting) -> np.ndarray:
    """The identities of the records that a decision names, as a mask."""
    numbers = duck.execute(
        "SELECT number FROM identities JOIN numbered USING (index_id) WHERE record_key IN (SELECT unnest(?))",
        [list(lifting.record_keys)],
    ).fetchall()
    ((size,),) = duck.execute("SELECT count(*) FROM numbered").fetchall()
    own = np.zeros(size, dtype=bool)
    own[[number for (number,) in numbers]] = True
    return own


def _unheard(duck: duckdb.DuckDBPyConnection, heard: pa.Array) -> bool:
    """Whether a wish stands that names nobody and that was not there before."""
    duck.register("heard", pa.table({"entry_id": heard}))
    ((found,),) = duck.execute("""
        SELECT EXISTS (FROM entries ANTI JOIN heard USING (entry_id) WHERE lifted_by IS NULL AND len(nearly) > 0 AND entry_id NOT IN (
            SELECT entry_id FROM (SELECT entry_id, unnest(tokens) AS token FROM entries) SEMI JOIN spoken_of USING (token)))
    """).fetchall()
    return bool(found)


def _like_the_new(duck: duckdb.DuckDBPyConnection, people: pa.Table, called: pa.Table) -> pa.Array:
    """Keys of the records with the birth date, or a word of the family name, of a child of whom something is latched tonight that was not before."""
    duck.register("people", people.select(["record_key", "family_name", "given_names", "birth_date"]))
    duck.register("called", called.select(["record_key", "family_name", "given_names"]))
    found: pa.Table = fetch(duck, r"""
        WITH hidden AS (SELECT record_key FROM seen JOIN identities USING (index_id) WHERE shielded OR withheld),
        new AS (
            SELECT DISTINCT record_key FROM hidden JOIN (FROM tokens UNION ALL FROM nearly) t USING (record_key)
            WHERE t.kind IN ('person', 'nearly') AND t.token NOT IN (SELECT token FROM latched)
        ),
        words AS (  -- of all names, in whichever field
            SELECT DISTINCT record_key, unnest(string_split_regex(lower(strip_accents(concat_ws(' ', family_name, given_names))), '[^\pL]+')) AS word
            FROM (SELECT record_key, family_name, given_names FROM people UNION ALL FROM called)
        ),
        families AS (
            SELECT DISTINCT unnest(string_split_regex(lower(strip_accents(family_name)), '[^\pL]+')) AS word FROM people SEMI JOIN new USING (record_key)
        )
        SELECT record_key FROM people WHERE birth_date IN (SELECT birth_date FROM people SEMI JOIN new USING (record_key))
        UNION SELECT record_key FROM words SEMI JOIN (FROM families WHERE length(word) > 1) USING (word) ORDER BY ALL
    """)  # fmt: skip
    return found["record_key"].combine_chunks()


def _records_of(
    duck: duckdb.DuckDBPyConnection, lifting: Sequence[Lifting], guarded: np.ndarray, a: np.ndarray, b: np.ndarray
) -> pa.Array:
    """Keys of all records of the children whom decisions open, and of whoever is opened with them."""
    free = ~(guarded[a] | guarded[b])
    opened = [_closure(_decided_on(duck, each) & ~guarded, a[free], b[free]) for each in lifting]
    duck.register("chosen", pa.table({"number": np.flatnonzero(np.logical_or.reduce(opened))}))
    found: pa.Table = fetch(
        duck,
        "SELECT record_key FROM identities JOIN numbered USING (index_id) JOIN chosen USING (number) ORDER BY ALL",
    )
    return found["record_key"].combine_chunks()


def _lifted(
    duck: duckdb.DuckDBPyConnection,
    lifting: Lifting,
    tonight: Sequence[Lifting],
    entries: pa.Table,
    latched: pa.Table,
    guarded: np.ndarray,
    former: pa.Table | None,
    a: np.ndarray,
    b: np.ndarray,
) -> tuple[pa.Table, pa.Table]:
    """Register and latch without what a decision lifts; nothing of whoever is `guarded`, and nothing for its sake.

    A wish of a record that is gone goes where its names are the child's; what it has asked for stays, by the latch of that record, unless that is the child's.
    A latch goes with its holder: one with a number that was known of the opened children when it was decided, and that nobody bears who was told apart from them; one whose key they bear, or that was a record of theirs
    when it was last there (`former`), where not both have numbers, or it has their names with birth date and home; one that two people have said was theirs;
    of a record that is there also one whose names with birth date they bear. Who is only like them is another child, perhaps one that is hidden and gone: its latch
    stays and spares the records that were meant.
    """
    own = _decided_on(duck, lifting)
    free = ~(guarded[a] | guarded[b])
    keys = key_tokens(lifting.record_keys)["token"].combine_chunks()
    opened = _closure(own & ~guarded, a[free], b[free])
    duck.register("opened", pa.table({"number": np.flatnonzero(opened)}))
    strays = _of_strays(duck, lifting, tonight, own, "SELECT holder AS of_whom, token FROM latched")
    mine = _former_of(duck, own, former)
    last = _last_of(former)
    duck.register("gone_last", last)
    others = _of_others(duck, lifting, own, mine)
    duck.register("latched", latched)
    stays = [*pa.concat_arrays([_held_by(duck, guarded), strays]).to_pylist(), *others]
    gone = duck.execute(_GONE, {"night": lifting.from_night, "stays": stays, "apart": others}).fetchall()
    latched = fetch(duck, _LATCHED_LIFTED, {
        "night": lifting.from_night,
        "known": list(lifting.known_by or ()),
        "all_known": lifting.known_by is None,
        "named": [*keys.to_pylist(), *(each.removeprefix(LATCH) for each in lifting.known_by or () if each.startswith(LATCH))],
        "stays": stays,
        "apart": others,
        "shared": sorted({*others} - _of_opened(duck, tonight)),
        "meant": _meant(duck, lifting, own & ~guarded).to_pylist(),
    }).cast(latched.schema)  # fmt: skip
    duck.register("entries", entries)
    duck.register("chosen", pa.table({"number": np.flatnonzero(own)}))
    asked = fetch(
        duck,
        _ENTRIES_LIFTED,
        {
            "number": lifting.number,
            "night": lifting.from_night,
            "told": lifting.told,
            "mine": [*_tokens_of(duck, own).to_pylist(), *keys.to_pylist()],
            "keys": [*_tokens_of(duck, own, ["key"]).to_pylist(), *keys.to_pylist()],
            "called": _tokens_of(duck, own, [kind for kind in words.TOKEN_KINDS if kind != "key"]).to_pylist(),
            "others": [*{*pc.unique(latched["holder"]).to_pylist()}.difference(holder for (holder,) in gone), *others],
            "strays": _of_strays(
                duck, lifting, tonight, own, "SELECT entry_id AS of_whom, unnest(tokens) AS token FROM entries"
            ).to_pylist(),
        },
    )
    return asked.cast(entries.schema), latched


def _former_of(duck: duckdb.DuckDBPyConnection, mask: np.ndarray, former: pa.Table | None) -> list[str]:
    """Keys of the records that are gone and belonged last to the identities at `mask`."""
    if former is None:
        return []
    duck.register("chosen", pa.table({"number": np.flatnonzero(mask)}))
    duck.register("former", former)
    rows = duck.execute(
        "SELECT record_key FROM former JOIN numbered USING (index_id) SEMI JOIN chosen USING (number) ORDER BY ALL"
    ).fetchall()
    return [key for (key,) in rows]


def _last_of(former: pa.Table | None) -> pa.Table:
    """Of the records that are gone: holder (the token of its key), and the identity that it belonged to last (index_id)."""
    if former is None:
        return pa.table({"holder": pa.array([], pa.string()), "index_id": pa.array([], pa.string())})  # fmt: skip
    with connect({"former": former, "told": key_tokens(former["record_key"].to_pylist())}) as duck:
        return fetch(duck, "SELECT token AS holder, index_id FROM former JOIN told USING (record_key) ORDER BY ALL")


def _of_others(duck: duckdb.DuckDBPyConnection, lifting: Lifting, own: np.ndarray, former: Sequence[str]) -> list[str]:
    """Tokens of the keys of records that are another child's than a record of the opened child, as people said: one that it has, or had (`former`)."""
    duck.register("chosen", pa.table({"number": np.flatnonzero(own)}))
    rows = duck.execute(
        "SELECT record_key FROM identities JOIN numbered USING (index_id) JOIN chosen USING (number)"
    ).fetchall()
    theirs = {key for (key,) in rows} | {*lifting.record_keys, *former}
    sides = [token for each in lifting.apart if each.record_key in theirs for token in each.between or ()]
    there = {token for (token,) in duck.execute("FROM (SELECT unnest(?::VARCHAR[]) AS token) SEMI JOIN living USING (token)", [sides]).fetchall()}  # fmt: skip
    said = {each.removeprefix(LATCH) for each in lifting.known_by or () if each.startswith(LATCH)}
    others: set[str] = set()
    for key, tokens, between in lifting.apart:
        if key in theirs and there.isdisjoint(between or ()):
            others |= {*tokens} - (set() if between is None else said)
    return sorted(others)


def _of_opened(duck: duckdb.DuckDBPyConnection, tonight: Sequence[Lifting]) -> set[str]:
    """Tokens of the keys of all records of the children whom decisions of tonight name, also of those that are gone."""
    keys = [key for each in tonight for key in each.record_keys]
    rows = duck.execute(
        """
        WITH named AS (SELECT DISTINCT index_id FROM identities WHERE record_key IN (SELECT unnest(?)))
        SELECT token FROM living SEMI JOIN named USING (index_id) UNION SELECT holder FROM gone_last SEMI JOIN named USING (index_id)
    """,
        [keys],
    ).fetchall()
    return {token for (token,) in rows}


def _of_strays(
    duck: duckdb.DuckDBPyConnection, lifting: Lifting, tonight: Sequence[Lifting], own: np.ndarray, marks: str
) -> pa.Array:
    """Whose of `marks` (of_whom, token) name records that have come into the child since two people opened it: these they did not mean.

    Such a record was not the child's then; where the records were not kept, it bears neither a name with birth date of the child as it was then nor, where it
    has none, a number. And two people open it by no other decision `tonight`.
    """
    if lifting.known_by is None:
        return pa.array([], pa.string())
    meant = [each for each in tonight if each.known_by is not None]
    duck.register("chosen", pa.table({"number": np.flatnonzero(own)}))
    found: pa.Table = fetch(duck, f"""
        WITH {_RECORDS_MEANT},
        strange AS (
            SELECT token FROM theirs JOIN meant USING (record_key) WHERE NOT is_meant
            EXCEPT SELECT token FROM theirs JOIN meant USING (record_key) WHERE is_meant
        )
        SELECT DISTINCT of_whom FROM ({marks}) SEMI JOIN strange USING (token) ORDER BY ALL
    """, _of_meant(meant))  # fmt: skip
    return found["of_whom"].combine_chunks().cast(pa.string())


def _meant(duck: duckdb.DuckDBPyConnection, lifting: Lifting, own: np.ndarray) -> pa.Array:
    """What the records are known by that a decision means: names with birth date and numbers; where they have none, their keys. Of one without a
    number also its names with its home: it may be called like another child, and one that moves may be that child's.
    """
    duck.register("chosen", pa.table({"number": np.flatnonzero(own)}))
    found: pa.Table = fetch(duck, f"""
        WITH {_RECORDS_MEANT},
        telling AS (SELECT record_key, bool_or(kind <> 'key') AS tells, bool_or(kind = 'number') AS numbered FROM theirs GROUP BY record_key)
        SELECT token FROM theirs JOIN meant USING (record_key) JOIN telling USING (record_key)
        WHERE (is_meant OR $everyone) AND (kind <> 'key' OR NOT tells)
        UNION SELECT t.token FROM tokens t JOIN meant USING (record_key) JOIN telling USING (record_key)
        WHERE (is_meant OR $everyone) AND NOT numbered AND t.kind = 'lives_at' ORDER BY ALL
    """, {**_of_meant([lifting]), "everyone": lifting.known_by is None})  # fmt: skip
    return found["token"].combine_chunks().cast(pa.string())


def _records_meant(duck: duckdb.DuckDBPyConnection, lifting: Lifting) -> pa.Array:
    """Keys of the records, among all of the child's, that a decision means."""
    duck.register("chosen", pa.table({"number": np.flatnonzero(_decided_on(duck, lifting))}))
    found: pa.Table = fetch(
        duck, f"WITH {_RECORDS_MEANT} SELECT record_key FROM meant WHERE is_meant ORDER BY ALL", _of_meant([lifting])
    )
    return found["record_key"].combine_chunks().cast(pa.string())


def _of_meant(meant: Sequence[Lifting]) -> dict[str, object]:
    """What `_RECORDS_MEANT` asks: the keys of the records that decisions name, what they knew of their children, and whether they knew the records."""
    known = [token for each in meant for token in each.known_by or ()]
    keys = [token.removeprefix(KEY) for token in known if token.startswith(KEY)]
    return {
        "keys": [key for each in meant for key in each.record_keys],
        "known": [token for token in known if not token.startswith(KEY)],
        "known_keys": keys,
    }


def _ended(entries: pa.Table, lifting: Lifting, met: pa.Array) -> tuple[pa.Table, bool]:
    """The register without the one wish that a decision ends, and whether it did: not while it means somebody, or was told again."""
    goes = pc.and_(pc.equal(entries["entry_id"], lifting.wish), pc.is_null(entries["lifted_by"]))
    for part in (
        pc.invert(pc.is_in(entries["entry_id"], value_set=met)),
        pc.less(entries["last_night"], pa.scalar(lifting.from_night, pa.date32())),
        pc.less_equal(pc.coalesce(entries["told"], pa.scalar(0, pa.int64())), lifting.told),
    ):
        goes = pc.and_(goes, part)
    lifted = pc.if_else(goes, pa.scalar(lifting.number, pa.int64()), entries["lifted_by"])
    place = entries.schema.get_field_index("lifted_by")
    return entries.set_column(place, entries.schema.field(place), lifted), bool(pc.any(goes).as_py())


def _tokens_of(duck: duckdb.DuckDBPyConnection, mask: np.ndarray, kinds: Sequence[str] | None = None) -> pa.Array:
    """The tokens of the records of the identities at `mask`; of these kinds, else of all."""
    duck.register("chosen", pa.table({"number": np.flatnonzero(mask)}))
    found: pa.Table = fetch(
        duck,
        "SELECT DISTINCT token FROM tokens JOIN identities USING (record_key) JOIN numbered USING (index_id) "
        "JOIN chosen USING (number) WHERE $kinds::VARCHAR[] IS NULL OR list_contains($kinds::VARCHAR[], kind) ORDER BY ALL",
        {"kinds": list(kinds) if kinds else None},
    )
    return found["token"].combine_chunks()


def _held_by(duck: duckdb.DuckDBPyConnection, mask: np.ndarray) -> pa.Array:
    """The holders of latches that are the own of the identities at `mask`."""
    duck.register("chosen", pa.table({"number": np.flatnonzero(mask)}))
    found: pa.Table = fetch(
        duck,
        "SELECT DISTINCT holder FROM holders JOIN numbered USING (index_id) JOIN chosen USING (number) ORDER BY ALL",
    )
    return found["holder"].combine_chunks()


def _closure(seeds: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Everything reached from `seeds` over the edges a-b, as a mask; one pass a hop."""
    reached = seeds.copy()
    while True:
        crossing = reached[a] != reached[b]
        if not crossing.any():
            return reached
        reached[a[crossing]] = True
        reached[b[crossing]] = True


def _needed(table: pa.Table | None, seam: Seam, columns: list[str]) -> pa.Table:
    try:
        conform(seam.empty_table().select([]) if table is None else table, seam, columns)
    except IsindexError as fault:
        raise IsindexError(
            "SHIELDING_INPUT_MISSING",
            f"{fault.message} So nobody can be shown safely.",
            where="shielding",
            remedy="Run the matching of this night again; the published index stays as it is.",
        ) from None
    return table


_LASTING = ", ".join(f"'{kind}'" for kind in LASTING)
_LATCHED = ", ".join(f"'{kind}'" for kind in (*LASTING, *LIKELY, *NEARLY))
_MAY_WISH = ", ".join(f"'{kind}'" for kind in (*NEARLY, *DWELLING))
_IDENTITIES = """
    CREATE TEMP TABLE numbered AS
    SELECT index_id, row_number() OVER (ORDER BY index_id) - 1 AS number FROM (SELECT DISTINCT index_id FROM identities)
"""
# Identities that people decided to be two, the numbers that these bear, and which of them both records of a decision bear.
_DECIDED = """
    CREATE TEMP TABLE decided_on AS
    SELECT DISTINCT least(na.number, nb.number) AS a, greatest(na.number, nb.number) AS b
    FROM decisions JOIN identities ia ON ia.record_key = record_a JOIN identities ib ON ib.record_key = record_b
    JOIN numbered na ON na.index_id = ia.index_id JOIN numbered nb ON nb.index_id = ib.index_id
    WHERE decisions.kind = 'not_the_same';
    CREATE TEMP TABLE bearing AS SELECT DISTINCT token, number FROM decided_tokens JOIN numbered USING (index_id) WHERE kind = 'number';
    CREATE TEMP TABLE settled AS
    SELECT least(na.number, nb.number) AS a, greatest(na.number, nb.number) AS b, ta.token
    FROM decisions JOIN identities ia ON ia.record_key = record_a JOIN identities ib ON ib.record_key = record_b
    JOIN numbered na ON na.index_id = ia.index_id JOIN numbered nb ON nb.index_id = ib.index_id
    JOIN decided_tokens ta ON ta.record_key = record_a JOIN decided_tokens tb ON tb.record_key = record_b AND tb.token = ta.token
    WHERE decisions.kind = 'not_the_same'
"""
# Which identities may be one child. Nothing but a decision parts two that bear one number, or one name and birth date: a
# record that strayed into an identity may be certainly another child than the very records it strayed from.
_EDGES = """
    WITH unsettled AS (  -- identities that share another number: of it nobody has decided
        SELECT a, b FROM (
            SELECT a, b, x.token FROM decided_on JOIN bearing x ON x.number = a JOIN bearing y ON y.number = b AND y.token = x.token
            EXCEPT FROM settled
        )
    ),
    pairs AS (
        SELECT record_key_a AS x, record_key_b AS y, if(coalesce(certain, false), 'certain', 'apart') AS said FROM apart
        UNION ALL SELECT record_key_a, record_key_b, 'alike' FROM alike
        UNION ALL SELECT record_a, record_b, 'decided' FROM decisions WHERE kind = 'not_the_same'
    ),
    sides AS (
        SELECT na.number AS a, nb.number AS b, said
        FROM pairs JOIN identities ia ON ia.record_key = x JOIN identities ib ON ib.record_key = y
        JOIN numbered na ON na.index_id = ia.index_id JOIN numbered nb ON nb.index_id = ib.index_id
        WHERE na.number <> nb.number
    )
    SELECT a, b FROM unsettled
    UNION
    SELECT least(a, b) AS a, greatest(a, b) AS b FROM sides GROUP BY ALL
    HAVING NOT bool_or(said = 'decided')
        AND (bool_or(said = 'alike') OR bool_or(said = 'apart') AND NOT bool_or(said = 'certain'))
    ORDER BY ALL
"""
# identity → tokens of keys of records that were decided to be another child's, and of the records with these, but for those that
# bear a number of it that the decided one does not: wishes and latches of those do not reach it
_PARTED = """
    CREATE TEMP TABLE sides AS SELECT i.index_id, d.token FROM decided d JOIN identities i USING (record_key);
    CREATE TEMP TABLE decided_tokens AS  -- of all records of those of whom anything was decided
    WITH those AS (SELECT index_id FROM sides UNION SELECT i.index_id FROM sides JOIN tokens USING (token) JOIN identities i USING (record_key))
    SELECT record_key, kind, token, index_id FROM tokens JOIN (FROM identities SEMI JOIN those USING (index_id)) USING (record_key);
    CREATE TEMP TABLE parted AS
    SELECT index_id, token FROM sides
    UNION
    SELECT s.index_id, t.token FROM sides s JOIN decided_tokens o USING (token) JOIN decided_tokens t ON t.index_id = o.index_id AND t.kind = 'key'
    WHERE o.index_id <> s.index_id AND NOT EXISTS (
        SELECT 1 FROM decided_tokens n JOIN decided_tokens m USING (token)
        WHERE n.record_key = t.record_key AND n.kind = 'number' AND m.index_id = s.index_id
            AND NOT EXISTS (SELECT 1 FROM decided_tokens d WHERE d.record_key = o.record_key AND d.token = n.token))
"""
# what of tonight's records the register or a latch speaks of: little beside all that they are known by
_SPOKEN_OF = """
    CREATE OR REPLACE TEMP TABLE spoken_of AS
    SELECT record_key, kind, token FROM tokens SEMI JOIN (
        SELECT unnest(tokens) AS token FROM entries UNION ALL SELECT unnest(nearly) FROM entries
        UNION ALL SELECT unnest([token, holder]) FROM latched UNION ALL SELECT unnest(spares) FROM latched
    ) USING (token)
"""
# whose own a latch or a wish is: who holds the record that bore it or that asked; where that is gone, who bears a number of it, and who
# bears its names and birth date where nobody bears both: one of them may be a slip
_HOLDERS = """
    CREATE TEMP TABLE living AS SELECT DISTINCT token, index_id FROM tokens JOIN identities USING (record_key) WHERE kind = 'key';
    CREATE TEMP TABLE borne AS
    SELECT DISTINCT token, kind, index_id FROM spoken_of JOIN identities USING (record_key) WHERE kind IN ('number', 'person');
    CREATE TEMP TABLE holders AS
    SELECT token AS holder, index_id FROM living
    UNION
    SELECT holder, index_id FROM (
        SELECT *, max(kinds) OVER (PARTITION BY holder) AS most FROM (
            SELECT l.holder, b.index_id, count(DISTINCT b.kind) AS kinds, bool_or(b.kind = 'number') AS numbered
            FROM latched l JOIN borne b USING (token)
            WHERE l.holder NOT IN (SELECT token FROM living) GROUP BY l.holder, b.index_id)
    ) WHERE kinds = most OR numbered;
    CREATE TEMP TABLE asked_by AS
    WITH told AS (SELECT entry_id, unnest(tokens) AS token FROM entries),
    asking AS (SELECT entry_id, index_id FROM told JOIN living USING (token))
    FROM asking
    UNION
    SELECT entry_id, index_id FROM (
        SELECT *, max(kinds) OVER (PARTITION BY entry_id) AS most FROM (
            SELECT entry_id, index_id, count(DISTINCT kind) AS kinds, bool_or(kind = 'number') AS numbered FROM told JOIN borne USING (token)
            WHERE entry_id NOT IN (SELECT entry_id FROM asking) GROUP BY entry_id, index_id)
    ) WHERE kinds = most OR numbered
"""
_SEEDS = f"""
    WITH still_there AS (  -- holders whose record is there and is theirs still: keys may be given to another child
        SELECT DISTINCT l.holder FROM latched l JOIN spoken_of k ON k.token = l.holder AND k.kind = 'key'
        JOIN spoken_of t ON t.record_key = k.record_key AND t.token = l.token WHERE t.kind IN ('number', 'person')
    ),
    wishes AS (
        SELECT DISTINCT i.index_id, e.entry_id, e.entry_id NOT IN (SELECT entry_id FROM asked_by) AS of_nobody
        FROM (SELECT entry_id, unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL) e
        JOIN spoken_of USING (token) JOIN identities i USING (record_key)
    ),
    spared AS (
        SELECT DISTINCT s.holder, t.record_key FROM (SELECT holder, unnest(spares) AS token FROM latched) s JOIN spoken_of t USING (token)
    ),
    latches AS (
        SELECT DISTINCT i.index_id, l.holder, coalesce(l.shielded, true) AND t.kind IN ({_LASTING}) AS shielded,
            coalesce(l.own, true) AND l.holder NOT IN (SELECT holder FROM holders) AS of_nobody, coalesce(l.own, true) AS own
        FROM latched l JOIN spoken_of t USING (token) JOIN identities i USING (record_key)
        LEFT JOIN spared s ON s.holder = l.holder AND s.record_key = t.record_key
        WHERE t.kind IN ({_LATCHED}) AND (t.kind <> 'born' OR l.holder NOT IN (FROM still_there)) AND (s.holder IS NULL OR t.kind IN ('key', 'number'))
    ),
    may_wish AS (  -- for whom a wish may be that names nobody and never did: whom it named is latched
        SELECT DISTINCT i.index_id, e.entry_id FROM (
            SELECT entry_id, unnest(nearly) AS token FROM entries
            WHERE lifted_by IS NULL AND entry_id NOT IN (SELECT entry_id FROM wishes) AND entry_id NOT IN (
                SELECT entry_id FROM (SELECT entry_id, unnest(tokens) AS token FROM entries) SEMI JOIN latched USING (token))
        ) e JOIN spoken_of t USING (token) JOIN identities i USING (record_key) WHERE t.kind IN ({_MAY_WISH})
    ),
    apart_from AS (SELECT index_id, list(token) AS tokens FROM parted GROUP BY index_id),
    marked AS (
        SELECT index_id, true AS shielded, true AS own FROM identities LEFT JOIN records USING (record_key)
            WHERE coalesce(shielded, true)
        UNION ALL SELECT index_id, true, true FROM identities JOIN decisions ON record_a = record_key WHERE kind = 'shield'
        UNION ALL SELECT index_id, true, w.of_nobody OR a.entry_id IS NOT NULL
            FROM wishes w JOIN entries e USING (entry_id) LEFT JOIN apart_from p USING (index_id) LEFT JOIN asked_by a USING (entry_id, index_id)
            WHERE NOT coalesce(list_has_any(e.tokens, p.tokens), false)
        UNION ALL SELECT index_id, false, false FROM may_wish w JOIN entries e USING (entry_id) LEFT JOIN apart_from p USING (index_id)
            WHERE NOT coalesce(list_has_any(e.tokens, p.tokens), false)
        UNION ALL SELECT index_id, l.shielded, l.shielded AND (l.of_nobody OR l.own AND h.holder IS NOT NULL)
            FROM latches l LEFT JOIN apart_from p USING (index_id) LEFT JOIN holders h USING (holder, index_id)
            WHERE NOT coalesce(list_contains(p.tokens, l.holder), false)
    )
    SELECT index_id, coalesce(bool_or(shielded), false) AS shielded, coalesce(bool_or(NOT shielded), false) AS withheld,
        coalesce(bool_or(own), false) AS own
    FROM numbered LEFT JOIN marked USING (index_id) GROUP BY index_id ORDER BY index_id
"""
# the records of the chosen identities, and which of them a decision means that was made when the child was known by something
_RECORDS_MEANT = f"""
    theirs AS (
        SELECT record_key, kind, token FROM tokens JOIN identities USING (record_key) JOIN numbered USING (index_id) JOIN chosen USING (number)
        WHERE kind IN ({_LASTING})
    ),
    meant AS (
        SELECT record_key, list_contains($keys::VARCHAR[], record_key) OR (
            len($known_keys::VARCHAR[]) = 0 OR coalesce(bool_or(list_contains($known_keys::VARCHAR[], token)) FILTER (kind = 'key'), false)
        ) AND coalesce(
            bool_or(list_contains($known::VARCHAR[], token)) FILTER (kind = 'person'),
            bool_or(list_contains($known::VARCHAR[], token)) FILTER (kind = 'number'),
            bool_or(list_contains($known::VARCHAR[], token))) AS is_meant
        FROM theirs GROUP BY record_key
    )
"""
# holders that are gone, of whom nobody says that they are another child's: what they have told of protection is in their latches
_GONE = """
    SELECT DISTINCT holder FROM latched
    WHERE since < $night::DATE AND NOT list_contains($stays::VARCHAR[], holder) AND NOT list_contains($apart::VARCHAR[], coalesce(was, '')) AND holder NOT IN (SELECT token FROM living) ORDER BY ALL
"""
# without the latches of holders who are the opened children; of whom is only like them it spares the records that were meant
_LATCHED_LIFTED = """
    WITH lifted AS (
        SELECT *, since < $night::DATE AND NOT list_contains($stays::VARCHAR[], holder) AND NOT list_contains($apart::VARCHAR[], coalesce(was, '')) AS counts FROM latched),
    named AS (SELECT number, list(DISTINCT token) AS theirs FROM tokens JOIN identities USING (record_key) JOIN numbered USING (index_id)
        JOIN opened USING (number) WHERE kind = 'person' GROUP BY number),
    child AS (  -- of each identity that is opened
        SELECT DISTINCT number AS child, kind, token FROM tokens JOIN identities USING (record_key) JOIN numbered USING (index_id) JOIN opened USING (number)
        WHERE kind IN ('key', 'number', 'person', 'lives_at')
    ),
    telling AS (SELECT child, coalesce(bool_or(kind = 'number'), false) AS numbered FROM child GROUP BY child),
    holds AS (
        SELECT holder, bool_or(coalesce(kind, 'number') = 'number') AS numbered FROM latched GROUP BY holder
    ),
    shared AS (SELECT token FROM latched WHERE list_contains($shared::VARCHAR[], holder)),  -- what another child bears too, whom nobody opens tonight
    theirs AS (  -- holders that are there, and such as belonged last to whom is opened
        SELECT token FROM living UNION SELECT holder FROM gone_last JOIN numbered USING (index_id) SEMI JOIN opened USING (number)
    ),
    bears AS (  -- what a child has in common with a holder; a number that was not known when it was decided may be another child's
        SELECT holder, child, bool_or(c.kind = 'number' AND (token NOT IN (FROM shared) OR holder IN (FROM theirs)) AND ($all_known OR list_contains($known::VARCHAR[], token) OR holder IN (SELECT token FROM living))) AS number,
            bool_or(c.kind = 'person') AS person, bool_or(c.kind = 'lives_at') AS home
        FROM latched l JOIN child c USING (token) GROUP BY holder, child
    ),
    may_be AS (
        SELECT holder, child FROM (SELECT DISTINCT holder FROM latched) JOIN child ON kind = 'key' AND token = holder
        UNION ALL SELECT holder, number FROM gone_last JOIN numbered USING (index_id) SEMI JOIN opened USING (number)
        UNION ALL SELECT holder, child FROM bears WHERE number
    ),
    own AS (
        SELECT m.holder FROM may_be m JOIN holds h USING (holder) JOIN telling t USING (child) LEFT JOIN bears b ON b.holder = m.holder AND b.child = m.child
        WHERE coalesce(b.number, false) OR NOT h.numbered OR NOT t.numbered  -- of two who have numbers, and none in common, each is another child,
            OR coalesce(b.person AND b.home, false)  -- but where all else is the same: one may be an NHS number and one a UPN
        UNION SELECT holder FROM latched WHERE list_contains($named::VARCHAR[], holder) AND holder NOT IN (SELECT token FROM living)
        UNION  -- of two who share a first given name each may have another one besides
        SELECT holder FROM (
            SELECT holder, list(DISTINCT token) AS its FROM latched WHERE kind = 'person' AND holder IN (SELECT token FROM living) GROUP BY holder)
        JOIN named ON list_has_any(its, theirs) AND (list_has_all(its, theirs) OR list_has_all(theirs, its))
    ),
    bearing AS (SELECT holder, list(token) AS its FROM latched GROUP BY holder),
    like_them AS (
        SELECT DISTINCT holder FROM latched JOIN tokens USING (token) JOIN identities USING (record_key) JOIN numbered USING (index_id) SEMI JOIN chosen USING (number)
    )
    SELECT * EXCLUDE (counts, its) REPLACE (
        if(counts AND holder IN (FROM like_them), list_sort(list_distinct(list_concat(coalesce(spares, []),
            if(list_has_all(its, $meant::VARCHAR[]), $named::VARCHAR[], list_filter($meant::VARCHAR[], lambda token: NOT list_contains(its, token)))))), spares) AS spares)
    FROM lifted JOIN bearing USING (holder)
    WHERE NOT (counts AND holder IN (FROM own)) ORDER BY ALL
"""
# The wishes of the child, and those of nobody that name it: another's stands, though it names both, and of whom a latch stays. One that has nothing
# in common with the child but the key, and says more, is of another child who had the key: the child goes from it, and it stands
_ENTRIES_LIFTED = """
    WITH mine AS (SELECT DISTINCT entry_id FROM asked_by JOIN numbered USING (index_id) JOIN chosen USING (number)),
    judged AS (
        SELECT *, lifted_by IS NULL AND last_night < $night AND coalesce(told, 0) <= $told
            AND list_has_any(tokens, $mine::VARCHAR[]) AND NOT list_has_any(tokens, $others::VARCHAR[]) AND entry_id NOT IN (SELECT unnest($strays::VARCHAR[]))
            AND (entry_id IN (SELECT entry_id FROM mine) OR entry_id NOT IN (SELECT entry_id FROM asked_by)) AS goes,
            NOT list_has_all($keys::VARCHAR[], tokens) AND NOT list_has_any(list_concat(tokens, coalesce(nearly, [])), $called::VARCHAR[]) AS by_key_alone
        FROM entries
    )
    SELECT * EXCLUDE (goes, by_key_alone) REPLACE (
        CASE WHEN goes AND NOT by_key_alone THEN $number ELSE lifted_by END AS lifted_by,
        CASE WHEN goes AND by_key_alone THEN list_filter(tokens, lambda token: NOT list_contains($keys::VARCHAR[], token)) ELSE tokens END AS tokens)
    FROM judged ORDER BY entry_id
"""
# of the child of a decision, after the night: whether its record is there, who is hidden, and by what of its own
_IN_VAIN = """
    WITH keys AS (SELECT unnest($keys::VARCHAR[]) AS record_key),
    child AS (SELECT DISTINCT index_id FROM identities SEMI JOIN keys USING (record_key)),
    hidden AS (SELECT index_id FROM seen WHERE shielded OR withheld),
    theirs AS (SELECT record_key FROM identities SEMI JOIN child USING (index_id)),
    known AS (SELECT DISTINCT token FROM tokens SEMI JOIN theirs USING (record_key)),
    bearing AS (SELECT DISTINCT index_id FROM tokens JOIN identities USING (record_key) WHERE list_contains($known::VARCHAR[], token)),
    standing AS (
        SELECT entry_id, unnest(tokens) AS token FROM entries
        WHERE lifted_by IS NULL AND (coalesce(told, 0) > $told OR last_night >= $night)
    )
    SELECT EXISTS (FROM child), EXISTS (FROM child SEMI JOIN hidden USING (index_id)), EXISTS (FROM bearing SEMI JOIN hidden USING (index_id)),
        EXISTS (FROM theirs JOIN records USING (record_key) WHERE coalesce(shielded, true)),
        EXISTS (FROM theirs JOIN decisions ON record_a = record_key WHERE kind = 'shield'),
        EXISTS (FROM standing SEMI JOIN known USING (token) WHERE entry_id IN (SELECT entry_id FROM asked_by SEMI JOIN child USING (index_id))
            OR entry_id NOT IN (SELECT entry_id FROM asked_by)),
        (SELECT list(record_key ORDER BY record_key) FROM theirs ANTI JOIN keys USING (record_key) SEMI JOIN (
                SELECT record_key FROM tokens JOIN latched ON holder = tokens.token WHERE tokens.kind = 'key') USING (record_key)
            WHERE record_key NOT IN (SELECT unnest($meant::VARCHAR[]))),
        EXISTS (FROM (SELECT entry_id, unnest(list_concat(tokens, coalesce(nearly, []))) AS token FROM entries WHERE lifted_by IS NULL)
            SEMI JOIN known USING (token) WHERE entry_id NOT IN (SELECT entry_id FROM asked_by))
"""
_MET = """
    SELECT DISTINCT entry_id FROM (SELECT entry_id, unnest(tokens) AS token FROM entries) SEMI JOIN spoken_of USING (token)
    ORDER BY ALL
"""
_LATCHED_AFTER = f"""
    WITH theirs AS (SELECT record_key, shielded, own FROM seen JOIN identities USING (index_id) WHERE shielded OR withheld),
    known_by AS MATERIALIZED (FROM tokens SEMI JOIN theirs USING (record_key)),  -- little beside what all records are known by
    keys AS (SELECT record_key, token AS holder FROM known_by WHERE kind = 'key'),
    every AS (
        SELECT token, holder, shielded, since, coalesce(own, shielded, true) AS own, kind, spares, was FROM latched
        UNION ALL
        SELECT token, holder, shielded, getvariable('night'), own, kind, NULL, NULL FROM theirs JOIN (FROM known_by UNION ALL FROM nearly) USING (record_key)
        JOIN keys USING (record_key) WHERE kind IN ({_LATCHED})
    )
    SELECT token, holder, bool_or(shielded) AS shielded, min(since) AS since, bool_or(own) AS own, max(kind) AS kind,
        list_sort(list_distinct(flatten(list(spares)))) AS spares, max(was) AS was
    FROM every GROUP BY ALL ORDER BY ALL
"""
