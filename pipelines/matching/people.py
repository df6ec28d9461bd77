"""The general entry: any table of people in the comparable form, with or without a model, to identities.

Belongs here: what `isindex link` does. With no model one is estimated from the records themselves, unattended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.deliveries.cleaning import cleaned_texts
from pipelines.errors import IsindexError
from pipelines.matching.arrays import PairIds, Positions, distinct, spread
from pipelines.matching.deciding.equals import find_equals
from pipelines.matching.deciding.left_over import among_the_rest
from pipelines.matching.explain import Explanation, explain, of_matched
from pipelines.matching.memory import let_go
from pipelines.matching.night import Matched, decide
from pipelines.matching.pairing.alike import at_most, first_alike
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.pairing.groups import Limits
from pipelines.matching.people_columns import COLUMNS
from pipelines.matching.people_evidence import decided_pairs, pairs_told, review_told
from pipelines.matching.reading.comparable import NO_VALUE, Comparable, comparable
from pipelines.matching.reading.fields import make_plain
from pipelines.matching.training.estimate import estimate_model
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.weigh import AT_ONCE, EVIDENCE, Weigher
from pipelines.tables import connect, fetch
from pipelines.validation.identifiers import install_identifiers

__all__ = ["COLUMNS", "Linked", "explain_people", "link_people"]


_NOT_COMPARED = ("postcode", "outcode")  # as text; their numbers are
_SHARES = ("drift_", "share_", "missing_", "unknown_")  # figures that are no counts
# a nation's common names under one key are told apart as an authority's need not be: with more records more share a
# name and a birth date by chance
_LARGEST_GROUP, _SMALLEST_GROUP, _WHOLE_GROUPS = 10, 4, 1_500_000
_REGISTERED = 0.9  # of a register's records the share that have a number, and of the numbers those that are distinct
_FEW_EQUAL = (
    Limits().triple
)  # records that may be equal before they hide how people differ, and from each other: as many as a key takes
_MOST_BETWEEN = 40  # joins of one record that may lead on to further pairs


@dataclass(frozen=True)
class Linked:
    """What became of the people.

    Attributes:
        identities: `record_key`, `identity` (the smallest record key of the person), `step`, `weight`, by record key.
        matched: all that the matcher found.
        pairs: `record_key_a`, `record_key_b`, `probability`, `weight` (bits), `together`, and the bits of each field that
            is compared (the weight is the sum of `start`, of these and of `household`); where it was asked for.
        review: what may be one person and was not joined: `record_key_a`, `record_key_b`, `probability`, `weight`, `reason`,
            `fields`; where it was asked for.
        model: the model used.
        seconds: by stage.
        counted: sources that were found to count persons by a verified number.
    """

    identities: pa.Table
    matched: Matched
    model: Model
    seconds: dict[str, float]
    counted: tuple[str, ...] = ()
    pairs: pa.Table | None = None
    review: pa.Table | None = None

    def figures(self) -> dict[str, int]:
        """Counts: records, identities, links by step, candidates by key, what was refined, dropped, taken apart."""
        return {name: int(number) for name, number in self.matched.stats.items() if not name.startswith(_SHARES)}


def link_people(
    people: pa.Table,
    *,
    model: Model | None = None,
    unique_sources: Sequence[str] = (),
    threshold: float | None = None,
    previous: pa.Table | None = None,
    decisions: pa.Table | None = None,
    evidence: bool = False,
    progress: Callable[[str], None] = lambda stage: None,
) -> Linked:
    """Which rows of `people` are one person.

    Args:
        people: `record_key` (text, each once), `source`, and any of the other `COLUMNS`; each may be absent or null.
        model: default one estimated from the rows themselves.
        unique_sources: sources that hold each person once.
        threshold: the least probability that joins; default the model's.
        previous: `record_key`, `identity` of an earlier link of some of the rows: they stay together and keep their identity,
            and only pairs with a row that is not among them are compared.
        decisions: `kind` (same, not_the_same), `record_a`, `record_b`: what somebody has decided of pairs of rows.
        evidence: whether the answer has `pairs` and `review`.
        progress: told the name of each stage as it begins.

    Raises:
        IsindexError: LINK_COLUMNS_MISSING, RECORD_KEY_MISSING, RECORD_KEY_REPEATED, SOURCE_UNKNOWN, LINK_DECISIONS_INVALID.
    """
    seconds: dict[str, float] = {}
    begun = perf_counter()

    def stage(name: str) -> None:
        nonlocal begun
        now = perf_counter()
        if seconds:
            seconds[next(reversed(seconds))] = now - begun
        begun = now
        if name:
            seconds[name] = 0.0
            progress(name)

    stage("reading")
    _check(people, unique_sources)
    people = _verified(_cleaned(_as_text(people)))
    plain, _ = make_plain(people)
    del people  # each form is let go once the next is there
    records = comparable(plain)
    records = replace(records, texts={name: text for name, text in records.texts.items() if name not in _NOT_COMPARED})
    del plain
    let_go()
    stage("finding candidates")
    counted = [source for source in _registers(records) if source not in unique_sources]
    rules = dict.fromkeys(counted, "person_number") | dict.fromkeys(unique_sources, "record")
    limits, keys = _limits(records.size), () if model is None else model.policy.keys
    candidates = None
    if model is None:
        few = at_most(first_alike(records), _FEW_EQUAL)
        told = records if few.all() else records.take(np.flatnonzero(few))
        candidates = find_candidates(told, limits=limits)
        stage("estimating a model")
        model = estimate_model(told, candidates)
        candidates = candidates if told is records else None
        del told
        stage("finding equal records")
    if threshold is not None:
        policy = replace(model.policy, join=threshold, review=min(model.policy.review, threshold))
        model = replace(model, policy=policy)
    before = _identity_before(records.keys, previous)
    same, not_same = decided_pairs(records.keys, decisions)
    same = np.setdiff1d(distinct(np.concatenate([same, _stars(before)])), not_same)
    equals = find_equals(records, model, rules, before + 1, (same, not_same))
    same, not_same = (np.union1d(each, equals.standing(each)) for each in (same, not_same))
    records = equals.seen(records)
    if candidates is None or (candidates.stats["pairs_dropped"] and equals.others.any()):
        candidates = find_candidates(records, keys=keys, limits=limits)
    else:
        candidates = candidates.among(records.sought)
    stage("comparing")
    let_go()
    weigher = Weigher(records, model, _evidence(model, records.size))
    pairs, _ = weigher.weigh_all(_with_somebody_new(batch, before) for batch in candidates.batches(AT_ONCE))
    between = _with_somebody_new(_between(records, model, pairs), before)
    pairs = pairs.and_also(weigher.weigh(between)).and_also(equals.pairs)
    decided = np.setdiff1d(np.concatenate([same, not_same]), pairs.ids(records.size))
    pairs = pairs.and_also(weigher.weigh(decided, always=True))
    searched = candidates.stats
    del candidates, weigher
    stage("putting together")
    let_go()
    matched, _ = decide(records, model, pairs, same, not_same, rules, searched, equals.first)
    if len(unique_sources) > 1:
        identity = pc.index_in(matched.clusters["cluster"], records.keys).to_numpy()
        again = among_the_rest(records, model, pairs, identity, unique_sources)
        if again is not None:
            pairs = again
            matched, _ = decide(records, model, pairs, same, not_same, rules, searched, equals.first)
    identities = matched.clusters.select(["record_key", "cluster", "step", "weight"])
    identities = identities.rename_columns(["record_key", "identity", "step", "weight"])
    if previous is not None:
        identities = _kept(identities, previous)
    found = pairs_told(records, model, pairs, matched) if evidence else None
    review = review_told(records, model, pairs, matched) if evidence else None
    stage("")
    return Linked(identities, matched, model, seconds, tuple(counted), found, review)


def explain_people(people: pa.Table, record_a: str, record_b: str, *, model: Model | None = None) -> Explanation:
    """Why two of `people` are one person or not, with what became of them among all (see `link_people`)."""
    linked = link_people(people, model=model)
    return of_matched(explain(_verified(_as_text(people)), record_a, record_b, model=linked.model), linked.matched)


def _check(people: pa.Table, unique_sources: Sequence[str]) -> None:
    missing = [name for name in ("record_key", "source") if name not in people.column_names]
    if missing:
        raise IsindexError(
            "LINK_COLUMNS_MISSING",
            f"there is no column {' and no column '.join(missing)}",
            remedy=f"The columns are {', '.join(COLUMNS)}; all but the first two may be left out.",
        )
    keys = people["record_key"]
    if keys.null_count:
        place = pc.index(pc.is_null(keys), True).as_py() + 1
        raise IsindexError(
            "RECORD_KEY_MISSING",
            f"{keys.null_count:,} rows have no record_key",
            where=f"row {place}",
            remedy="Give every row a key of its own.",
        )
    distinct = pc.count_distinct(keys.cast(pa.string())).as_py()
    if distinct != len(keys):
        raise IsindexError(
            "RECORD_KEY_REPEATED",
            f"{len(keys) - distinct:,} rows repeat the record_key of another",
            remedy="Give every row a key of its own, for example the source and the row's number in it.",
        )
    known = set(pc.unique(people["source"].cast(pa.string())).to_pylist())
    unknown = [source for source in unique_sources if source not in known]
    if unknown:
        raise IsindexError(
            "SOURCE_UNKNOWN",
            f"no row has the source {', '.join(unknown)}",
            remedy="--unique-source takes a value of the column source.",
        )


def _identity_before(keys: pa.Array, previous: pa.Table | None) -> Positions:
    """For each record the number of its identity in an earlier link, -1 where it is new."""
    if previous is None:
        return np.full(len(keys), -1, dtype=np.int64)
    place = pc.index_in(keys, previous["record_key"].cast(pa.string()).combine_chunks())
    identity = previous["identity"].combine_chunks().dictionary_encode().indices
    return pc.fill_null(identity.take(place), -1).to_numpy().astype(np.int64)


def _stars(identity: Positions) -> PairIds:
    """Each record of an identity with its first one, as left * size + right."""
    known = np.flatnonzero(identity >= 0)
    if not len(known):
        return np.zeros(0, dtype=np.int64)
    _, first, of = np.unique(identity[known], return_index=True, return_inverse=True)
    ids = known[first][of] * len(identity) + known
    return ids[known[first][of] != known]


def _with_somebody_new(pairs: PairIds, identity: Positions) -> PairIds:
    """Of the pairs those in which one at least was not there before."""
    left, right = np.divmod(pairs, max(len(identity), 1))
    return pairs[(identity[left] < 0) | (identity[right] < 0)]


def _kept(identities: pa.Table, previous: pa.Table) -> pa.Table:
    """The identities by the names they had; of several that are one now, by that of most records."""
    with connect({"now": identities, "before": previous.select(["record_key", "identity"])}) as connection:
        return fetch(
            connection,
            """
            WITH had AS (
                SELECT n.identity AS cluster, b.identity, count(*) AS records
                FROM now n JOIN before b ON n.record_key = b.record_key::VARCHAR GROUP BY ALL
            ),
            kept AS (
                SELECT cluster, arg_min(identity, {'records': -records, 'identity': identity}) AS identity FROM had GROUP BY ALL
            )
            SELECT record_key, coalesce(k.identity::VARCHAR, n.identity) AS identity, step, weight
            FROM now n LEFT JOIN kept k ON n.identity = k.cluster ORDER BY record_key
            """,
        )


def _cleaned(people: pa.Table) -> pa.Table:
    """The people with clean texts, as those of deliveries are cleaned."""
    for place, name in enumerate(people.column_names):
        if name in COLUMNS[2:] and pa.types.is_string(people.schema.field(place).type):
            people = people.set_column(place, name, cleaned_texts(people[name].combine_chunks(), name))
    return people


def _as_text(people: pa.Table) -> pa.Table:
    """The columns of the form, all but the birth date as text."""
    people = people.select([name for name in COLUMNS if name in people.column_names])
    for name in people.column_names:
        if name == "birth_date":
            continue
        try:
            text = people[name].cast(pa.string())
            text.validate(full=True)
        except pa.ArrowInvalid:
            raise IsindexError(
                "PEOPLE_UNREADABLE",
                f"the column {name} holds something that is no text in UTF-8",
                remedy="Write the column as text.",
            ) from None
        people = people.set_column(people.column_names.index(name), name, text)
    return people


def _verified(people: pa.Table) -> pa.Table:
    """The people, with identifiers that are not well formed set apart: they are evidence, but prove nothing."""
    kinds = [kind for kind in ("nhs_number", "upn") if kind in people.column_names]
    if not kinds:
        return people
    texts = ", ".join(f"nullif(trim({kind}), '') AS t_{kind}" for kind in kinds)
    good = ", ".join(
        f"CASE WHEN {kind}_fails(t_{kind}) IS NULL THEN {kind}_normalised(t_{kind}) END AS {kind}" for kind in kinds
    )
    bad = ", ".join(f"CASE WHEN {kind} IS NULL THEN t_{kind} END AS {kind}_unverified" for kind in kinds)
    with connect({"numbers": people.select(kinds)}) as connection:
        install_identifiers(connection)
        numbers = fetch(
            connection,
            f"""
            WITH told AS (SELECT {texts} FROM numbers), judged AS MATERIALIZED (SELECT *, {good} FROM told)
            SELECT {", ".join(kinds)}, {bad} FROM judged
        """,
        )
    for name in numbers.column_names:  # the rows are in the order they were in
        people = people.drop_columns([name] if name in kinds else []).append_column(name, numbers[name])
    return people


def _limits(size: int) -> Limits:
    """How many of so many records may share a key before they are told apart."""
    most = _LARGEST_GROUP * _WHOLE_GROUPS // max(size, 1)
    return Limits(fixed=min(max(most, _SMALLEST_GROUP), _LARGEST_GROUP))


def _evidence(model: Model, size: int) -> float:
    """Bits below which a pair need not be kept: among more people than the model was made from it takes more to match."""
    return EVIDENCE + max(0.0, model.review_weight(size) - model.review_weight(model.policy.records))


def _registers(records: Comparable) -> list[str]:
    """Sources that plainly count people by a verified number: nearly every record has one, and few share it."""
    found = []
    for position, source in enumerate(records.sources):
        here = records.source == position
        for kind in ("nhs_number", "upn"):
            numbers = records.identifiers[kind][here]
            numbers = numbers[numbers != NO_VALUE]
            enough = len(numbers) >= _REGISTERED * np.count_nonzero(here)
            if enough and len(distinct(numbers)) >= _REGISTERED * len(numbers):
                found.append(source)
                break
    return found


def _between(records: Comparable, model: Model, pairs: Pairs) -> PairIds:
    """Pairs that no key has found but whose records both join a third, as left * size + right."""
    size = records.size
    joins = pairs.total >= model.join_weight(size)
    one = np.concatenate([pairs.left[joins], pairs.right[joins]]).astype(np.int64)
    other = np.concatenate([pairs.right[joins], pairs.left[joins]]).astype(np.int64)
    order = np.argsort(one, kind="stable")
    one, other = one[order], other[order]
    counts = np.bincount(one, minlength=size)
    starts = np.cumsum(counts) - counts
    useful = counts[other] <= _MOST_BETWEEN
    one, other = one[useful], other[useful]
    of, place = spread(starts[other], counts[other])
    first = one[of]
    last = np.concatenate([pairs.right[joins], pairs.left[joins]]).astype(np.int64)[order][place]
    found = distinct((first * size + last)[first < last])
    return np.setdiff1d(found, pairs.ids(size), assume_unique=True)
