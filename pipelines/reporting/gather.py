"""Gathering: database tables and judged tables in, figures out.

Belongs here: SQL and set-based table work. Not here: words, pages, drawings. What the figures of a
night and of an attempt are asked for: ``children`` (published), ``review_open``, ``changes`` (the manifest's
``differences``); each may be absent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, Row, func, select

from pipelines.contracts.contract import Contract
from pipelines.database.schema import attempt, delivery, feed_night, night
from pipelines.deliveries import IN_FORCE, Finding
from pipelines.deliveries.accreditation import NOT_ADMITTED
from pipelines.deliveries.due import ABSENT, state_told
from pipelines.deliveries.reconcile import counted
from pipelines.deliveries.seen import not_taken_in
from pipelines.deliveries.standing import open_gaps, standing_deliveries
from pipelines.home import Home
from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import (
    AgencyRejects,
    AuthorityLine,
    EarlierRejects,
    FeedLine,
    MatchFigures,
    MatchTables,
    NightFigures,
    Notice,
    ProtectionLine,
    QualityFigures,
    QualityPoint,
    RejectFigures,
    RuleLine,
    TrendPoint,
    protection_of,
)
from pipelines.reporting.first_of_all import first_of_all
from pipelines.reporting.let_pass import let_pass
from pipelines.reporting.readers_see import ReadersSee, readers_see
from pipelines.reporting.reject_rows import reject_rows
from pipelines.reporting.review import REVIEW
from pipelines.reporting.silence import feeds_of, silent_lines
from pipelines.reporting.way_out import remedy_of, what_to_do
from pipelines.reporting.words import DIMENSIONS, STATES, STEPS, plural
from pipelines.tables import connect, fetch

__all__ = ["NIGHTS_SHOWN", "last_state", "match_figures", "night_figures", "quality_figures", "reject_figures"]

NIGHTS_SHOWN = 14
# how a delivery that was used ended; that is its state already, not something to settle
_QUIET_CODES = frozenset({"ALL_LOADED", "PARTLY_LOADED", "SUPERSEDED"})
_MISSING = re.compile(r"^missing(?:_rate|_share)?[./:]\s*(.+)$")


def night_figures(engine: Engine, business_date: date, directory: Directory, home: Home | None = None) -> NightFigures:
    """Every authority in this night: its feeds, deliveries, and what became of them; also one that has fallen silent.

    With `home` what readers see now is counted in the versions themselves.
    """
    with engine.connect() as connection:
        came = connection.execute(
            select(delivery)
            .where(delivery.c.business_date == business_date)
            .order_by(delivery.c.authority, delivery.c.agency, delivery.c.sequence, delivery.c.delivery_id)
        ).all()
        contributed = connection.execute(select(feed_night).where(feed_night.c.business_date == business_date)).all()
        ended = connection.execute(select(night).where(night.c.business_date == business_date)).all()
        newest = (
            select(func.max(attempt.c.attempt_id))
            .where(attempt.c.business_date == business_date)
            .group_by(attempt.c.authority)
        )
        tried = connection.execute(select(attempt).where(attempt.c.attempt_id.in_(newest))).all()
        published = connection.execute(
            select(attempt)
            .where(attempt.c.business_date == business_date, attempt.c.version.is_not(None))
            .order_by(attempt.c.attempt_id)
        ).all()
        newest_night = connection.scalar(select(func.max(attempt.c.business_date)))
    untaken = not_taken_in(engine, business_date)
    waits = {entry.delivery_id for entry in standing_deliveries(engine, {row.authority for row in came})}
    gaps = open_gaps(engine, {row.authority for row in came})
    deliveries = tuple(_delivery_line(row, business_date, _remaining(row, waits, gaps)) for row in came)
    by_id = {line.delivery_id: line for line in deliveries}
    by_feed = {(row.authority, row.agency): row for row in contributed}
    nights = {row.authority: _standing(row, row.figures) for row in ended}
    in_force = {authority: standing.version for authority, standing in nights.items()}
    as_told = {row.authority: row for row in published if row.version == in_force.get(row.authority)}
    for row in tried:
        nights[row.authority] = _attempted(row, nights.get(row.authority))
    last = {row.authority: row for row in tried}
    with engine.connect() as connection:
        passed = {
            authority: let_pass(connection, [each[authority] for each in (as_told, last) if authority in each])
            for authority in {*as_told, *last}
        }
    seen = readers_see(home, {*in_force, *last}, business_date, engine) if home else {}
    waiting_first = first_of_all(engine, home) if home else []
    unmet = {(each.authority, each.number) for each in waiting_first}
    lines = []
    for authority in sorted({row.authority for row in (*came, *contributed, *ended, *tried)}):
        known = {agency for a, agency in by_feed if a == authority}
        known |= {line.agency for line in deliveries if line.authority == authority}
        agencies = [
            *directory.awaited(known),
            *sorted({agency for a, agency in by_feed if a == authority} - {*directory.agencies}),
        ]
        feeds = tuple(
            _feed_line(
                authority,
                agency,
                by_feed.get((authority, agency)),
                by_id,
                deliveries,
                business_date,
                directory,
                overtaken=last[authority].state if authority in last and in_force.get(authority) else "",
            )
            for agency in agencies
        )
        see = seen.get(authority, ReadersSee())
        if home and authority in last and last[authority].state in ("held", "failed") and not in_force.get(authority):
            meanwhile = feeds_of(engine, authority, see.at.business_date if see.at else None)
            feeds = tuple(_meanwhile(feed, meanwhile.get(feed.agency), business_date) for feed in feeds)
        feeds = tuple(_not_taken_in(feed) if (authority, feed.agency) in untaken else feed for feed in feeds)
        line = _authority_line(authority, nights.get(authority), feeds)
        if home:  # else it is not known which are settled by now
            line = replace(line, unmet=tuple(each for each in line.unmet if (authority, each[0]) in unmet))
        hiding = _hiding(business_date, last.get(authority), as_told.get(authority), see)
        children = see.night.children if see.night else line.children
        now = see.night or see.newest
        seen_now = now.children if now else children if line.state == "published" else None
        line = replace(line, children=children, hiding=hiding, taken=see.taken, seen=seen_now)
        lines.append(replace(line, let_pass=passed.get(authority, ())))
    lines += silent_lines(engine, business_date, {line.authority for line in lines}, directory, home)
    is_newest = newest_night is None or business_date >= newest_night
    first = [each for each in waiting_first if is_newest or each.night == business_date]
    return NightFigures(business_date, tuple(sorted(lines, key=lambda line: line.authority)), deliveries, tuple(first))


def last_state(engine: Engine, authority: str, business_date: date) -> str:
    """How the last attempt at an authority's night stands; "" before the first."""
    query = (
        select(attempt.c.state)
        .where(attempt.c.authority == authority, attempt.c.business_date == business_date)
        .order_by(attempt.c.attempt_id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        return connection.scalar(query) or ""


def reject_figures(
    engine: Engine,
    authority: str,
    business_date: date,
    rejects: Mapping[str, pa.Table],
    faults: pa.Table,
    directory: Directory,
) -> RejectFigures:
    """Rejected and queried records of an authority's night.

    Args:
        engine: the database; tables `feed_night` and `delivery` (trend) are read.
        authority: code.
        business_date: the night.
        rejects: agency → Judged.rejects of all deliveries in force for this night, each with its sequence.
        faults: every fault as it stands after the night (`validation.rejects.FAULTS`): since when, and earlier ones.
        directory: contracts and titles.
    """
    with connect({"faults": faults}) as duck:
        first = fetch(
            duck,
            "SELECT reject_id, first_night FROM faults WHERE first_night < $night AND last_night >= $night ORDER BY 1",
            {"night": business_date},
        )
        earlier = duck.execute(
            """
            SELECT agency, rule, field, outcome, count(*) AS faults, min(first_night) AS first_night FROM faults
            WHERE last_night < $1 AND state = 'open'
            GROUP BY ALL ORDER BY agency, first_night, rule, field, outcome
            """,
            [business_date],
        ).fetchall()
        closed = dict(
            duck.execute(
                "SELECT agency, count(*) FROM faults WHERE closed_night = $1 GROUP BY agency", [business_date]
            ).fetchall()
        )
    rows = reject_rows(rejects, first, business_date, directory)
    history = _history(engine, authority, business_date)
    with connect({"rows": rows}) as duck:
        # a record of a feed is told by its delivery and its position there; one with a rejecting and a querying rule is rejected
        totals = duck.execute(
            """
            WITH records AS (
                SELECT agency, sequence, position, bool_or(outcome = 'rejected') AS rejected, count(*) AS faults,
                       count(*) FILTER (days_open = 1) AS new, max(days_open) AS oldest
                FROM rows GROUP BY ALL)
            SELECT agency, count(*) FILTER (rejected), count(*) FILTER (NOT rejected), sum(new)::BIGINT, max(oldest)
            FROM records GROUP BY agency
            """
        ).fetchall()
        by_rule = duck.execute(
            """
            SELECT agency, rule, field, max(outcome), dimension, min(message), min(remedy),
                   count(DISTINCT (sequence, position)) AS records, count(*) FILTER (days_open = 1), max(days_open)
            FROM rows GROUP BY agency, rule, field, dimension
            ORDER BY records DESC, agency, rule, field
            """
        ).fetchall()
    counted: dict[str, tuple[int, int, int, int]] = {row[0]: row[1:] for row in totals}
    tonight = {point.agency: point.records for point, _ in history if point.business_date == business_date}
    names = [*directory.agencies, *sorted({*counted, *closed} - {*directory.agencies})]
    numbers = {agency: counted.get(agency, (0, 0, 0, 0)) for agency in names}
    return RejectFigures(
        authority,
        business_date,
        tuple(AgencyRejects(agency, tonight.get(agency), *numbers[agency], closed.get(agency, 0)) for agency in names),
        tuple(RuleLine(*row) for row in _by_outcome(by_rule, directory)),
        tuple(EarlierRejects(*row) for row in earlier),
        tuple(trend for _, trend in history),
        rows.drop_columns("asks_protection"),
        rows.filter(rows["asks_protection"]),
    )


def match_figures(authority: str, business_date: date, tables: MatchTables, directory: Directory) -> MatchFigures:
    """How an authority's records were matched tonight; what `tables` does not hold is counted as none."""
    steps: dict[tuple[str, str], int] = {}
    children = 0
    if tables.identities is not None:
        with connect({"identities": tables.identities.select(["record_key", "index_id", "step"])}) as duck:
            counted = duck.execute(
                """
                SELECT step, split_part(record_key, ':', 1) AS agency, count(*) FROM identities
                GROUP BY ALL ORDER BY ALL
                """
            ).fetchall()
            children = int(duck.execute("SELECT count(DISTINCT index_id) FROM identities").fetchall()[0][0])
        steps = {(step, agency): number for step, agency, number in counted}
    review, apart = REVIEW.empty_table(), {}
    if tables.review is not None:
        with connect({"review": tables.review}) as duck:
            review = fetch(
                duck,
                """
                SELECT * FROM review WHERE kind = 'review'
                ORDER BY try_cast(priority AS INTEGER) NULLS LAST, first_night, weight DESC,
                         record_ref_a, record_ref_b
                """,
            )
            apart = dict(
                duck.execute(
                    """
                    SELECT coalesce(reason, 'No reason was given.'), count(*) AS pairs FROM review
                    WHERE kind = 'refused' GROUP BY 1 ORDER BY pairs DESC, 1
                    """
                ).fetchall()
            )
    events: tuple[dict[str, Any], ...] = ()
    if tables.events is not None:
        with connect({"events": tables.events}) as duck:
            found = duck.execute(
                """
                WITH told AS (SELECT DISTINCT kind, index_id, other_id, try_cast(evidence AS JSON) AS evidence FROM events),
                joined AS (  -- by which steps records came from one identity to the other
                    SELECT index_id, other_id, list(DISTINCT evidence ->> 'step' ORDER BY evidence ->> 'step') AS steps
                    FROM told WHERE kind = 'joined' GROUP BY ALL
                )
                SELECT t.kind, t.index_id, t.other_id, t.evidence ->> 'reason', coalesce(j.steps, []), t.evidence ->> 'records'
                FROM told t LEFT JOIN joined j ON t.kind = 'merged' AND j.index_id = t.other_id AND j.other_id = t.index_id
                WHERE t.kind IN ('merged', 'split') ORDER BY ALL
                """
            ).fetchall()
        events = tuple(
            {"kind": kind, "index_id": one, "other_id": other, "reason": reason or _why(kind, by, records)}
            for kind, one, other, reason, by, records in found
        )
    agencies = (*directory.awaited(()), *sorted({agency for _, agency in steps} - {*directory.agencies}))
    unknown = {step for step, _ in steps} - {*STEPS}
    if unknown:  # a step without words would silently be left out of the totals
        raise ValueError(f"match steps without words in pipelines.reporting.words: {sorted(unknown)}")
    return MatchFigures(
        authority, business_date, agencies, steps, children, review, apart, events, dict(tables.stats), tables.claims
    )


def _why(kind: str, steps: Sequence[str], records: str | None) -> str | None:
    """Why two identities became one, or one two, as far as the ledger tells."""
    if kind == "split":
        return f"{plural(int(records), 'record')} could not stay with the others." if records else None
    words = [STEPS[step].text for step in steps if step in STEPS and step != "new"]
    return (
        f"Their records belong together by: {', '.join(words)}."
        if words
        else "Their records belong together by a record of both."
    )


def quality_figures(engine: Engine, authority: str, business_date: date, directory: Directory) -> QualityFigures:
    """Quality of an authority's feeds over the last nights, from the register and the nights' measures."""
    points = []
    for row in _nights(engine, authority, business_date):
        records = row.counts.get("rows_read")
        faults: dict[tuple[str, str], int] = {}
        for code, number in row.rules.items():
            rule = directory.rule(code)
            field, dimension = (rule.field, rule.dimension) if rule else ("whole record", "conformance")
            faults[field, dimension] = faults.get((field, dimension), 0) + int(number)
        rates = {
            name: round(1000 * sum(n for (_, d), n in faults.items() if d == name) / records, 3) if records else None
            for name in DIMENSIONS
        }
        shares = {
            found[1]: 1.0 - float(value)
            for key, value in row.measures.items()
            if (found := _MISSING.match(key)) and value is not None
        }
        points.append(QualityPoint(row.business_date, row.agency, records, rates, shares, faults))
    agencies = (*directory.agencies, *sorted({point.agency for point in points} - {*directory.agencies}))
    return QualityFigures(authority, business_date, agencies, tuple(points))


def _history(engine: Engine, authority: str, business_date: date) -> list[tuple[QualityPoint, TrendPoint]]:
    """Each feed's counts over the last nights, oldest first."""
    pairs = []
    for row in _nights(engine, authority, business_date):
        counts = row.counts
        point = QualityPoint(row.business_date, row.agency, counts.get("rows_read"), {}, {}, {})
        pairs.append((point, TrendPoint(row.business_date, row.agency, counts.get("rejected"), counts.get("queried"))))
    return pairs


@dataclass(frozen=True)
class _FeedNight:
    """A feed's night: its measures, and the counts and rules of all that is in force for it; empty where nothing is."""

    business_date: date
    agency: str
    measures: Mapping[str, float | None]
    counts: Mapping[str, int]
    rules: Mapping[str, int]


def _nights(engine: Engine, authority: str, business_date: date) -> list[_FeedNight]:
    """The feed nights of the last `NIGHTS_SHOWN` nights, oldest first."""
    with engine.connect() as connection:
        last = connection.scalars(
            select(feed_night.c.business_date)
            .where(feed_night.c.authority == authority, feed_night.c.business_date <= business_date)
            .distinct()
            .order_by(feed_night.c.business_date.desc())
            .limit(NIGHTS_SHOWN)
        ).all()
        rows = connection.execute(
            select(feed_night)
            .where(feed_night.c.authority == authority, feed_night.c.business_date.in_(last))
            .order_by(feed_night.c.business_date, feed_night.c.agency)
        ).all()
        came = connection.execute(
            select(delivery).where(
                delivery.c.authority == authority,
                delivery.c.business_date.in_(last),
                delivery.c.state.in_(sorted(IN_FORCE)),
            )
        ).all()
    in_force = defaultdict(list)
    for each in came:
        in_force[each.business_date, each.agency].append(each)
    return [
        _FeedNight(
            row.business_date,
            row.agency,
            row.measures,
            counted(each.counts for each in in_force[row.business_date, row.agency]),
            counted(each.rules for each in in_force[row.business_date, row.agency]),
        )
        for row in rows
    ]


def _remaining(
    row: Row[Any], waits: Collection[str], gaps: Mapping[str, tuple[date, Finding | None]]
) -> list[dict[str, str]]:
    """The codes of a delivery that somebody has to look at still, a gap as it is now."""
    if row.state not in IN_FORCE:
        return [code for code in row.codes if row.delivery_id in waits or code["code"] in NOT_ADMITTED]
    if row.delivery_id not in gaps:
        return list(row.codes)
    _, gap = gaps[row.delivery_id]
    return [*(code for code in row.codes if code["code"] != "SEQUENCE_GAP"), *([gap.as_json()] if gap else [])]


def _delivery_line(row: Row[Any], business_date: date, codes: Sequence[Mapping[str, str]]) -> FeedLine:
    notices = tuple(
        Notice(
            c["code"],
            c.get("file") or "",
            c.get("message") or "",
            remedy_of(row, c["code"], c.get("remedy") or ""),
            c.get("severity") or "",
        )
        for c in codes
        if c["code"] not in _QUIET_CODES
    )
    return FeedLine(
        row.authority,
        row.agency,
        row.state,
        late=bool(row.late),
        delivery_id=row.delivery_id,
        sequence=row.sequence,
        mode=row.mode or "",
        received_at=row.received_at,
        as_of=business_date,
        age=0,
        counts=dict(row.counts) if (row.counts or {}).get("rows_read") is not None else None,
        notices=notices,
        codes=tuple(code["code"] for code in row.codes if code["code"] not in _QUIET_CODES),
    )


def _feed_line(
    authority: str,
    agency: str,
    row: Row[Any] | None,
    by_id: Mapping[str, FeedLine],
    deliveries: tuple[FeedLine, ...],
    business_date: date,
    directory: Directory,
    overtaken: str,
) -> FeedLine:
    """A feed's night: the counts of all that is in force for it; the remarks on every delivery that came stand together.

    What came is told by the register: the row of the version in force does not know what came since. `overtaken` is how the
    night's last attempt ended where an earlier one is in force.
    """
    own = [line for line in deliveries if (line.authority, line.agency) == (authority, agency)]
    notices = tuple(notice for line in own for notice in line.notices)
    in_force = [line.counts or {} for line in own if line.state in IN_FORCE]
    counts = counted(in_force) if in_force else None
    used = by_id.get(row.delivery_id) if row is not None and row.delivery_id else None
    usable = [line for line in own if line.state in IN_FORCE]
    latest = usable[-1] if usable else own[-1] if own else used
    changes_only = bool(usable) and all(line.mode == "delta" for line in usable)
    live = row.live_records if row is not None and changes_only else None
    notices += _beyond_service_level(counts or {}, directory.contract(agency), live or 0)
    since = bool(usable) and row is not None and row.delivery_id != usable[-1].delivery_id
    waits = since and overtaken in ("held", "failed")
    if waits:
        notices += (_since(overtaken),)
    as_of = row.as_of if row is not None else None
    contract = directory.contract(agency)
    state = state_told(
        latest.state if latest else row.state if row is not None else ABSENT,
        business_date,
        contract.service_level.arrival if contract else None,
    )
    return FeedLine(
        authority,
        agency,
        state if state in STATES else "received",
        late=bool(latest and latest.late),
        delivery_id=latest.delivery_id if latest else "",
        sequence=latest.sequence if latest else None,
        mode=latest.mode if latest else "",
        received_at=latest.received_at if latest else "",
        as_of=as_of,
        age=(business_date - as_of).days if as_of else None,
        live_records=row.live_records if row is not None else None,
        counts=counts,
        notices=notices,
        waits=waits,
    )


def _meanwhile(feed: FeedLine, row: Row[Any] | None, business_date: date) -> FeedLine:
    """A feed of a night that is held or has failed and of which readers see no version: what they see of it meanwhile (`row`) is of an earlier one."""
    waits = feed.state in ("loaded", "partly_loaded")
    if row is None and not waits:
        return feed
    as_of, live = (row.as_of, row.live_records) if row is not None else (None, None)
    age = (business_date - as_of).days if as_of else None
    return replace(feed, as_of=as_of, age=age, live_records=live, waits=waits)


def _since(ended: str) -> Notice:
    """A remark on a feed that delivered after the version in force was made, for a night whose last run ended so."""
    message = f"It was loaded after this night was published, and the run with it {'is held' if ended == 'held' else 'failed'}: "
    message += "the index does not show it yet."
    return Notice("", "", message, "See below why the night is not published.", "warn")


def _not_taken_in(feed: FeedLine) -> FeedLine:
    """A feed of which a delivery lies in the landing place, complete and untouched."""
    notice = Notice(
        "NOT_TAKEN_IN",
        "",
        "A delivery lies in the landing place and has not been taken in.",
        "See why the night's last run did not come to it; the next load takes it in.",
        "warn",
    )
    state = feed.state if feed.counts is not None else "received"
    return replace(feed, state=state, notices=(*feed.notices, notice))


def _beyond_service_level(counts: Mapping[str, int], contract: Contract | None, live: int = 0) -> tuple[Notice, ...]:
    """A remark when more of a feed's records were rejected than its contract's service level allows; `live` records of a feed that sent changes only."""
    read, rejected = counts.get("rows_read", 0), counts.get("rejected", 0)
    whole = max(read, live)
    share = rejected / whole if whole else 0.0
    if contract is None or share <= contract.service_level.reject_rate:
        return ()
    limit = contract.service_level.reject_rate
    of = "the feed’s records" if live > read else "the records"
    message = f"{share:.2%} of {of} were rejected ({rejected:,} of {whole:,}); the service level allows {limit:.2%}."
    remedy = "Send the supplier its rejects.csv, and have the records corrected at their source and sent again."
    return (Notice("REJECT_RATE", "", message, remedy, "warn"),)


@dataclass(frozen=True)
class _Standing:
    """How an authority's night stands: its state, the version in force, the figures behind both."""

    state: str
    version: str
    figures: Mapping[str, Any]


def _standing(row: Row[Any], figures: Mapping[str, Any] | None) -> _Standing:
    return _Standing(row.state, row.version or "", dict(figures or {}))


def _attempted(row: Row[Any], in_force: _Standing | None) -> _Standing:
    """What the last attempt came to; where it put nothing in force, an earlier version may stand all the same."""
    figures = {**row.figures, "reasons": list(row.reasons), "what_to_do": what_to_do(row)}
    if row.state == "published" or (row.state == "retired" and in_force):
        return _Standing("published", row.version or "", figures)
    version = in_force.version if in_force else ""
    if in_force and version:
        figures = {**in_force.figures, **figures}
        figures["reasons"].append("The version published for this night before stays in force.")
    return _Standing({"held": "held", "failed": "failed"}.get(row.state, "not_published"), version, figures)


def _authority_line(authority: str, row: _Standing | None, feeds: tuple[FeedLine, ...]) -> AuthorityLine:
    figures = row.figures if row is not None else {}
    return AuthorityLine(
        authority,
        row.state if row is not None else "not_published",
        row.version if row is not None else "",
        figures.get("children"),
        figures.get("review_open"),
        {name: int(number) for name, number in (figures.get("changes") or {}).items()},
        tuple(figures.get("reasons") or ()),
        feeds,
        protection_of(figures),
        what_to_do=figures.get("what_to_do") or "",
        unmet=tuple((int(each["decision"]), each["told"], each["what_to_do"]) for each in figures.get("unmet") or ()),
    )


def _hiding(day: date, last: Row[Any] | None, told: Row[Any] | None, see: ReadersSee) -> tuple[ProtectionLine, ...]:
    """Who is hidden in what readers see, counted there, and in the last attempt where that put nothing in force.

    `last` is the night's last attempt, `told` the one behind its version in force.
    """
    lines = []
    of_version = protection_of(told.figures) if told is not None else {}
    if see.night:
        lines.append(ProtectionLine("in_force", day, see.night.hidden, of_version))
    elif of_version:
        lines.append(ProtectionLine("let_go", day, of_version["hidden"], of_version))
    if last is None or last.state not in ("held", "failed"):
        return tuple(lines)
    if not lines and see.newest and see.newest.business_date < day:
        lines.append(ProtectionLine("earlier", see.newest.business_date, see.newest.hidden, {}))
    of_attempt = protection_of(last.figures)
    if of_attempt:
        lines.append(ProtectionLine("not_in_force", day, of_attempt["hidden"], of_attempt))
    return tuple(lines)


def _by_outcome(rows: list[tuple[Any, ...]], directory: Directory) -> list[tuple[Any, ...]]:
    """Rejecting rules before querying ones; within, as given. Which of both a rule is hangs on the rule, not on what else a record broke."""
    told = []
    for agency, code, field, outcome, *others in rows:
        rule = directory.rule(code)
        does = outcome if rule is None else "rejected" if rule.severity == "reject" else "queried"
        told.append((agency, code, field, does, *others))
    return sorted(told, key=lambda row: row[3] != "rejected")
