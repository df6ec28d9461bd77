"""Judging a delivery: which records are accepted, queried or rejected, by which rules, and that nothing is lost.

Belongs here: running a compiled contract over the records of one delivery, in one DuckDB pass. Not here: what rules
mean (`checks`, `compile`, `across`), what a feed holds after the night (`pipelines.records`), the life of rejects (`rejects`).

A rejected value is kept nowhere: accepted tables hold only what passed, reject tables only the shape of the rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import record_rules
from pipelines.errors import IsindexError
from pipelines.privacy.masking import MASK_LENGTH, mask_sql
from pipelines.privacy.secret import namespace_secret
from pipelines.seams import give
from pipelines.seams.deliveries import REJECTS
from pipelines.tables import connect, fetch
from pipelines.validation.across import find_repeats, find_shared
from pipelines.validation.checks import literal
from pipelines.validation.compile import Plan, compile_plan
from pipelines.validation.identifiers import install_identifiers
from pipelines.validation.places import places, quoted
from pipelines.validation.standing_verdicts import dated_sql

if TYPE_CHECKING:
    import duckdb

__all__ = ["COUNTS", "Delivered", "Judged", "judge", "key_digest_sql", "reject_id_sql"]

COUNTS = ("rows_read", "accepted", "queried", "rejected", "repeats", "lost")
_IDENTIFIERS = frozenset({"nhs_number", "previous_nhs_number", "upn", "former_upn"})


class Delivered(Protocol):
    """What is judged: the part of a reader's result that matters here (see `pipelines.deliveries.readers`)."""

    @property
    def records(self) -> pa.Table:
        """position, line, key, change, then the contract's columns as delivered."""

    @property
    def unreadable(self) -> pa.Table:
        """position, line, key, rule, may_be of damaged records."""

    @property
    def lost(self) -> int:
        """Records that could not even be told apart."""


@dataclass(frozen=True)
class Judged:
    """The outcome of a delivery.

    Attributes:
        accepted: position, line, key, change, outcome (accepted or queried), unverified (paths of identifiers that are
            kept but not verified), then the contract's columns in their own types; by position.
        rejects: one row per record and broken rule, columns of `REJECTS`; by position, then rule. `asks_shield`
            marks rejected records that ask for a shield: an earlier version of theirs must not stay in the open.
        counts: rows_read = accepted + queried + rejected + repeats; lost beside them.
        rules: rule code → records that broke it, every rule in force, most of them 0.
        reference: which reference lists identifiers were checked against: practices, schools.
        again: positions of records that were taken over and must be judged all the same: a rule that looks at the day finds fault
            with them, or they share their key or an identifier with another. While there are any, nothing else of this counts.
    """

    accepted: pa.Table
    rejects: pa.Table
    counts: dict[str, int]
    rules: dict[str, int]
    reference: dict[str, bool] = field(default_factory=dict)
    again: tuple[int, ...] = ()


def judge(
    read: Delivered, contract: Contract, business_date: date, *, authority: str = "", taken: pa.Table | None = None
) -> Judged:
    """Judge a delivery's records by the rules in force on its business date.

    Args:
        read: as a reader gives it.
        contract: the contract named in the manifest.
        business_date: the day the data describes.
        authority: makes reject ids differ between authorities.
        taken: records of the delivery that are not among `read`: as `accepted`, judged on another day with no finding
            (`standing_verdicts`), at their places in this delivery.

    Raises:
        IsindexError: NOT_RECONCILED when counts do not add up (a fault of this program); see also `compile_plan`.
    """
    plan = compile_plan(contract, business_date)
    views = {"records": read.records, "unreadable": read.unreadable, "rule": _rule_table(plan, contract)}
    with connect(views if taken is None else {**views, "taken": taken}) as database:
        reference = install_identifiers(database)
        if taken is not None and (again := _not_to_be_taken(database, contract, business_date)):
            return _once_more(read, again)
        find_repeats(database, contract)
        database.execute(f"CREATE TEMP TABLE judged AS {plan.judged}")
        _gather_broken(database, contract, plan, taken is not None)
        if taken is not None and (again := _found_across(database)):
            return _once_more(read, again)
        accepted = _accepted(database, contract, plan)
        rejects = _rejects(database, contract, plan, authority)
        tally = database.execute("""
            SELECT (SELECT count(*) FROM copies WHERE copy > 1), (SELECT count(*) FROM rejected)
        """).fetchone()
        rules = dict(
            database.execute("""
            SELECT code, coalesce(records, 0) FROM rule
            LEFT JOIN (SELECT rule, count(*) AS records FROM broken GROUP BY rule) USING (rule) ORDER BY rule
        """).fetchall()
        )
        torn = database.execute("SELECT rule, count(*) FROM unreadable GROUP BY rule ORDER BY rule").fetchall()
    repeats, rejected = tally or (0, 0)
    if taken is not None:
        accepted = _among(accepted, taken)
    queried = pc.sum(pc.equal(accepted["outcome"], "queried")).as_py() or 0
    counts = {
        "rows_read": read.records.num_rows + read.unreadable.num_rows + (taken.num_rows if taken is not None else 0),
        "accepted": accepted.num_rows - queried,
        "queried": queried,
        "rejected": rejected + read.unreadable.num_rows,
        "repeats": repeats,
        "lost": read.lost,
    }
    _assert_reconciled(counts, contract)
    return Judged(accepted, rejects, counts, rules | dict(torn), reference)


def _not_to_be_taken(database: duckdb.DuckDBPyConnection, contract: Contract, business_date: date) -> list[int]:
    """Positions of `taken` records whose verdict does not stand: by the day, or since another record has their key."""
    dated = " OR ".join(dated_sql(contract, business_date)) or "false"
    found = database.execute(f"""
        WITH keyed AS (SELECT key FROM records UNION ALL SELECT key FROM taken)
        SELECT position FROM taken
        WHERE key IN (SELECT key FROM keyed GROUP BY key HAVING count(*) > 1) OR {dated} ORDER BY position
    """)
    return [position for (position,) in found.fetchall()]


def _found_across(database: duckdb.DuckDBPyConnection) -> list[int]:
    """Positions of `taken` records with which a rule over several records finds fault."""
    found = database.execute("""
        SELECT DISTINCT position FROM across_broken SEMI JOIN taken USING (position) ORDER BY position
    """)
    return [position for (position,) in found.fetchall()]


def _once_more(read: Delivered, again: list[int]) -> Judged:
    return Judged(read.records.slice(0, 0), REJECTS.empty_table(), {}, {}, again=tuple(again))


def _among(accepted: pa.Table, taken: pa.Table) -> pa.Table:
    """Both, by position, as if all had been judged."""
    together = pa.concat_tables([accepted, taken.cast(accepted.schema)])
    return together.take(pc.sort_indices(together["position"])).combine_chunks()


def reject_id_sql(authority: str, agency: str, code: str, anchor: str) -> str:
    """SQL for the stable id of a fault: the same rule broken by the same record, night after night.

    Keyed with the deployment's secret, since record keys may be identifiers that could be guessed.

    Args:
        authority: of the feed.
        agency: of the feed.
        code: SQL expression for the rule code.
        anchor: SQL expression for the record: ``key …``, or ``position …`` when it has no key.
    """
    secret = hashlib.sha256(namespace_secret() + b"\0reject").hexdigest()
    return f"left(sha256({literal(f'{secret}/{authority}/{agency}/')} || {code} || '/' || {anchor}), 32)"


def key_digest_sql(key: str) -> str:
    """SQL for a digest of the key of a record, with the deployment's secret; NULL for NULL."""
    secret = hashlib.sha256(namespace_secret() + b"\0what a key may be").hexdigest()
    return f"left(sha256({literal(f'{secret}/')} || {key}), 32)"


def _gather_broken(database: duckdb.DuckDBPyConnection, contract: Contract, plan: Plan, taken: bool) -> None:
    """Make `broken` (position, rule, severity), `rejected` (position) and `queried` (position); with `taken` those stand beside."""
    same_key = next(n for n in plan.across if plan.rules[n].check == "same_key_other_content")
    database.execute(f"""
    CREATE TEMP TABLE broken AS
    SELECT DISTINCT position, unnest(list_filter(broken, lambda r: r IS NOT NULL))::INTEGER AS rule,
        NULL::VARCHAR AS severity
    FROM judged WHERE len(broken) > 0 AND position NOT IN (SELECT position FROM copies WHERE copy > 1);
    UPDATE broken SET severity = rule.severity FROM rule WHERE rule.rule = broken.rule;
    INSERT INTO broken SELECT position, {same_key}, CASE WHEN place = 1 THEN 'query' ELSE 'reject' END
    FROM copies WHERE copy = 1 AND variants > 1;
    CREATE TEMP VIEW standing AS
    SELECT * FROM judged WHERE NOT withdrawing AND position NOT IN (
        SELECT position FROM broken WHERE severity = 'reject' UNION ALL SELECT position FROM copies WHERE copy > 1
    ){_beside(contract) if taken else ""};
    """)
    find_shared(database, contract, plan)
    database.execute("""
    INSERT INTO broken SELECT position, rule, rule.severity FROM across_broken JOIN rule USING (rule);
    CREATE TEMP TABLE rejected AS SELECT DISTINCT position FROM broken WHERE severity = 'reject';
    CREATE TEMP TABLE queried AS
    SELECT position, list(DISTINCT unverified ORDER BY unverified) FILTER (unverified <> '') AS unverified,
        list(rule) AS rules
    FROM broken JOIN rule USING (rule) WHERE position NOT IN (FROM rejected) GROUP BY position;
    """)


def _beside(contract: Contract) -> str:
    """SQL: records that were taken over stand as they were judged."""
    kept = ", ".join(f"{place.raw} AS {quoted(place.path)}" for place in places(contract))
    return f" UNION ALL BY NAME SELECT position, line, key, change, false AS withdrawing, {kept} FROM taken"


def _accepted(database: duckdb.DuckDBPyConnection, contract: Contract, plan: Plan) -> pa.Table:
    """What stands, in its own types, by position."""
    aside: dict[str, list[int]] = {}
    for number in plan.across:
        rule = plan.rules[number]
        if rule.severity == "query" and not rule.keeps_value and rule.params.get("set_aside"):
            aside.setdefault(str(rule.params["set_aside"]), []).append(number)
    columns = []
    for name, sql in plan.packed:
        if name in aside:
            sql = f"CASE WHEN list_has_any(coalesce(queried.rules, []), {aside[name]}) THEN NULL ELSE {sql} END"
        columns.append(f"{sql} AS {quoted(name)}")
    return fetch(
        database,
        f"""
    SELECT judged.position, judged.line, judged.key, judged.change,
        CASE WHEN queried.position IS NULL THEN 'accepted' ELSE 'queried' END AS outcome,
        coalesce(queried.unverified, []::VARCHAR[]) AS unverified,
        {", ".join(columns)}
    FROM judged LEFT JOIN queried ON queried.position = judged.position
    WHERE judged.position NOT IN (FROM rejected)
        AND judged.position NOT IN (SELECT position FROM copies WHERE copy > 1)
    ORDER BY judged.position
    """,
    )


def _rejects(database: duckdb.DuckDBPyConnection, contract: Contract, plan: Plan, authority: str) -> pa.Table:
    """The reject table: broken rules of read records, and the damaged ones."""
    texts = " ".join(f"WHEN {number} THEN {sql}" for number, sql in sorted(plan.offending.items()))
    text = f"CASE broken.rule {texts} END" if texts else "NULL::VARCHAR"
    anchor = "coalesce('key ' || key, 'position ' || position)"
    reject_id = reject_id_sql(authority, contract.agency, "code", anchor)
    found = fetch(
        database,
        f"""
    WITH found AS (
        SELECT broken.position, judged.line, judged.key, broken.rule, broken.severity,
            left({text}, {MASK_LENGTH}) AS text
        FROM broken JOIN records ON records.position = broken.position JOIN judged ON judged.position = broken.position
    ), described AS (
        SELECT found.position, line, key,
            CASE WHEN found.position IN (FROM rejected) THEN 'rejected' ELSE 'queried' END AS outcome,
            rule AS number, code, found.severity, dimension, field,
            coalesce({mask_sql("text")}, '') AS masked, message, remedy, NULL::VARCHAR AS may_be
        FROM found JOIN rule USING (rule)
        UNION ALL
        SELECT position, line, key, 'rejected', -1, unreadable.rule, damage.severity, damage.dimension, damage.field,
            '', damage.message, damage.remedy, CASE WHEN key IS NULL THEN {key_digest_sql("may_be")} END
        FROM unreadable JOIN ({_damage_sql()}) AS damage ON damage.code = unreadable.rule
    ), numbered AS (
        -- one key may stand on several records: the first keeps the plain id, the others add their number
        SELECT *, {reject_id} AS id,
            row_number() OVER (PARTITION BY code, {anchor} ORDER BY position) AS nth
        FROM described
    )
    SELECT CASE WHEN nth = 1 THEN id ELSE left(sha256(id || '/' || nth), 32) END AS reject_id,
        position, line, key, outcome, code AS rule, severity, dimension, field, masked, message, remedy,
        {literal(contract.id)} AS contract,
        outcome = 'rejected' AND position IN (SELECT position FROM judged WHERE {plan.shielding}) AS asks_shield, may_be
    FROM numbered ORDER BY position, number, code
    """,
    )
    return give(found, REJECTS)


def _rule_table(plan: Plan, contract: Contract) -> pa.Table:
    """One row per rule in force, by number; `unverified` is the path of the identifier it leaves unverified, or ""."""
    concept_of = {place.path: place.column.concept for place in places(contract)}
    path_of = {concept: path for path, concept in concept_of.items() if concept in _IDENTIFIERS}

    def unverified(number: int) -> str:
        rule = plan.rules[number]
        if not rule.keeps_value:
            return ""
        named = str(rule.params.get("identifier") or rule.field)
        path = path_of.get(named, named)
        return path if concept_of.get(path) in _IDENTIFIERS else ""

    numbers = range(len(plan.rules))
    return pa.table(
        {
            "rule": pa.array(numbers, pa.int32()),
            "code": pa.array([rule.code for rule in plan.rules], pa.string()),
            "severity": pa.array([rule.severity for rule in plan.rules], pa.string()),
            "dimension": pa.array([rule.dimension for rule in plan.rules], pa.string()),
            "field": pa.array([rule.field for rule in plan.rules], pa.string()),
            "message": pa.array([rule.message for rule in plan.rules], pa.string()),
            "remedy": pa.array([rule.remedy for rule in plan.rules], pa.string()),
            "unverified": pa.array([unverified(number) for number in numbers], pa.string()),
        }
    )


def _damage_sql() -> str:
    """The rules that readers apply, as rows."""
    columns = ("severity", "dimension", "field", "message", "remedy")
    rows = [
        f"({literal(code)}, {', '.join(literal(' '.join(str(rule[column]).split())) for column in columns)})"
        for code, rule in sorted(record_rules().items())
    ]
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS t (code, {', '.join(columns)})"


def _assert_reconciled(counts: dict[str, int], contract: Contract) -> None:
    outcomes = sum(counts[name] for name in ("accepted", "queried", "rejected", "repeats"))
    if counts["rows_read"] != outcomes:
        raise IsindexError(
            "NOT_RECONCILED",
            f"{counts['rows_read']} records were read and {outcomes} have an outcome.",
            where=contract.id,
            remedy="Nothing of this delivery was loaded. Report this as a fault of the program, with the delivery.",
        )
