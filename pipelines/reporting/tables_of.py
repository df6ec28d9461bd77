"""Which tables each report has: figures in, sheets out.

Belongs here: columns, captions and the order of rows. Not here: gathering, page layout.
"""

from __future__ import annotations

from datetime import date, timedelta

from pipelines.reporting.directory import Directory
from pipelines.reporting.drawings import share
from pipelines.reporting.figures import FeedLine, MatchFigures, NightFigures, QualityFigures, RejectFigures
from pipelines.reporting.sheets import Cell, Code, Drawing, Head, Link, Sheet
from pipelines.reporting.words import DIMENSIONS, OUTCOMES, STATES, STEPS, Word, age_band, plural, short_day

__all__ = ["ROWS_EMBEDDED", "match_sheets", "night_sheets", "quality_sheets", "reject_sheets"]

ROWS_EMBEDDED = 2000
_CHANGES = ("added", "changed", "merged", "split", "moved", "shielded", "archived")


def night_sheets(
    figures: NightFigures, directory: Directory, has_reports: frozenset[str] = frozenset()
) -> dict[str, Sheet]:
    """Sheets ``authorities``, ``attention``, ``feeds``, ``deliveries``.

    Args:
        figures: the night.
        directory: titles and names.
        has_reports: authorities that have pages of their own, to be linked.
    """
    name, title = directory.name, directory.title
    authorities: list[tuple[Cell, ...]] = [
        (
            Link(name(line.authority), f"{line.authority}/rejected.html")
            if line.authority in has_reports
            else name(line.authority),
            Code(line.authority),
            STATES.get(line.state, STATES["not_published"]),
            line.children,
            *(sum(feed.count(count) for feed in line.feeds) for count in ("accepted", "queried", "rejected")),
            line.review_open,
            ", ".join(f"{line.changes[change]:,} {change}" for change in _CHANGES if line.changes.get(change)),
            " ".join(line.reasons),
        )
        for line in figures.authorities
    ]
    attention: list[tuple[Cell, ...]] = [
        (
            name(feed.authority),
            title(feed.agency),
            STATES[feed.state],
            Code(code) if code else None,
            file,
            message,
            remedy,
        )
        for feed in sorted(figures.feeds, key=_gravity)
        for code, file, message, remedy in _remarks(feed)
    ]
    feeds: list[tuple[Cell, ...]] = [
        (
            name(feed.authority),
            title(feed.agency),
            STATES[feed.state],
            feed.as_of,
            _age(feed),
            *(
                (feed.count(n) if feed.counts is not None else None)
                for n in ("rows_read", "accepted", "queried", "rejected")
            ),
            *((feed.count(n) if feed.counts is not None else None) for n in ("repeats", "lost")),
            feed.live_records,
        )
        for feed in figures.feeds
    ]
    deliveries: list[tuple[Cell, ...]] = [
        (
            Code(line.delivery_id),
            name(line.authority),
            title(line.agency),
            line.sequence,
            line.mode,
            STATES.get(line.state, STATES["received"]),
            "Yes" if line.late else "No",
            _moment(line.received_at),
            ", ".join(dict.fromkeys(notice.code for notice in line.notices)),
        )
        for line in figures.deliveries
    ]
    counts = tuple(Head(text, number=True) for text in ("Read", "Accepted", "Queried", "Rejected", "Repeats", "Lost"))
    return {
        "authorities": Sheet(
            "authorities",
            "What was published, by authority",
            (
                Head("Authority"), Head("Code"), Head("Index", pick=True), Head("Children", number=True),
                *counts[1:4], Head("To review", number=True), Head("Changes since last version"), Head("Why it is held"),
            ),
            authorities,
            empty="No authority has anything for this night.",
        ),
        "attention": Sheet(
            "attention",
            "Deliveries with something to settle, gravest first",
            (
                Head("Authority", pick=True), Head("Agency", pick=True), Head("State", pick=True), Head("Code", pick=True),
                Head("File"), Head("What is wrong"), Head("What to do"),
            ),
            attention,
            empty="Every delivery came and was loaded. Nothing needs settling.",
        ),
        "feeds": Sheet(
            "feeds",
            "Every expected feed",
            (
                Head("Authority", pick=True), Head("Agency", pick=True), Head("State", pick=True), Head("As of"),
                Head("Age", pick=True), *counts, Head("Live records", number=True),
            ),
            feeds,
            note="A dash means that nothing was read tonight.",
        ),
        "deliveries": Sheet(
            "deliveries",
            "Every delivery that came for this night, also those not used",
            (
                Head("Delivery"), Head("Authority", pick=True), Head("Agency", pick=True), Head("Sequence", number=True),
                Head("Mode"), Head("State", pick=True), Head("Late", pick=True), Head("Received (UTC)"), Head("Codes"),
            ),
            deliveries,
            empty="No delivery came for this night.",
        ),
    }  # fmt: skip


def reject_sheets(figures: RejectFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``agencies``, ``rules``, ``rejected`` (the first `ROWS_EMBEDDED` rows), ``earlier``, ``trend``."""
    title = directory.title
    agencies: list[tuple[Cell, ...]] = [
        (title(line.agency), line.records, line.rejected, line.queried, line.new, line.oldest or None)
        for line in figures.agencies
    ]
    rules: list[tuple[Cell, ...]] = [
        (Code(line.rule), title(line.agency), line.field, OUTCOMES[line.outcome], line.records, line.new, line.oldest,
         line.message, line.remedy)
        for line in figures.rules
    ]  # fmt: skip
    shown = figures.rows.slice(0, ROWS_EMBEDDED).to_pydict()
    names = (
        "agency",
        "outcome",
        "rule",
        "field",
        "position",
        "line",
        "key",
        "masked",
        "message",
        "remedy",
        "days_open",
    )
    titles = {agency: title(agency) for agency in set(shown["agency"])}
    rejected: list[tuple[Cell, ...]] = [
        (Code(key or ""), titles[agency], OUTCOMES[outcome], Code(rule), field, position, line,
         Code(masked) if masked else None, age_band(days), figures.business_date - timedelta(days=days - 1), days,
         message, remedy)
        for agency, outcome, rule, field, position, line, key, masked, message, remedy, days in zip(
            *(shown[name] for name in names), strict=True
        )
    ]  # fmt: skip
    earlier: list[tuple[Cell, ...]] = [
        (Code(line.rule), title(line.agency), line.field, OUTCOMES[line.outcome], line.faults, line.first_night)
        for line in figures.earlier
    ]
    trend: list[tuple[Cell, ...]] = [
        (point.business_date, title(point.agency), point.rejected, point.queried) for point in figures.trend
    ]
    numbers = (Head("Rejected", number=True), Head("Queried", number=True))
    return {
        "agencies": Sheet(
            "agencies",
            "Records by agency",
            (Head("Agency"), Head("Records read", number=True), *numbers, Head("New faults", number=True),
             Head("Oldest, days open", number=True)),
            agencies,
        ),
        "rules": Sheet(
            "rules",
            "Broken rules, rejected records first",
            (Head("Rule"), Head("Agency", pick=True), Head("Field"), Head("Outcome", pick=True), Head("Records", number=True),
             Head("New tonight", number=True), Head("Oldest, days", number=True), Head("What is wrong"), Head("What to do")),
            rules,
            empty="No record broke a rule tonight.",
        ),
        "rejected": Sheet(
            "rejected",
            "Rejected and queried records",
            (Head("Key"), Head("Agency", pick=True), Head("Outcome", pick=True), Head("Rule", pick=True),
             Head("Field", pick=True), Head("Position", number=True), Head("Line", number=True), Head("Shape of the value"),
             Head("Age", pick=True), Head("First seen"), Head("Days open", number=True), Head("What is wrong"),
             Head("What to do")),
            rejected,
            empty="No record was rejected or queried tonight.",
            search=True,
            total=figures.rows.num_rows,
        ),
        "earlier": Sheet(
            "earlier",
            "Faults of earlier nights that are still open",
            (Head("Rule"), Head("Agency", pick=True), Head("Field"), Head("Outcome", pick=True), Head("Faults", number=True),
             Head("First seen")),
            earlier,
            empty="No fault of an earlier night is open besides those above.",
        ),
        "trend": Sheet("trend", "Rejected and queried records, night by night", (Head("Night"), Head("Agency", pick=True), *numbers),
                       trend, note="A dash means that nothing was delivered for that night."),
    }  # fmt: skip


def match_sheets(figures: MatchFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``steps``, ``review`` (the first `ROWS_EMBEDDED`), ``apart``, ``changes``, ``measures``."""
    agencies = figures.agencies
    steps: list[tuple[Cell, ...]] = []
    for step, word in STEPS.items():
        numbers = [figures.steps.get((step, agency), 0) for agency in agencies]
        steps.append((word.text, *numbers, sum(numbers), word.meaning))
    review: list[tuple[Cell, ...]] = [
        (Code(a), directory.title(agency_a), Code(b), directory.title(agency_b), str(priority or ""), weight,
         _days(figures.business_date, first), first, reason)
        for a, agency_a, b, agency_b, priority, weight, first, reason in zip(
            *(figures.review.slice(0, ROWS_EMBEDDED)[name].to_pylist() for name in (
                "record_ref_a", "agency_a", "record_ref_b", "agency_b", "priority", "weight", "first_night", "reason")),
            strict=True,
        )
    ]  # fmt: skip
    words = {"merged": Word("Merged", "info", ""), "split": Word("Split", "info", "")}
    return {
        "steps": Sheet(
            "steps",
            "Records by match step",
            (Head("Step"), *(Head(directory.title(agency), number=True) for agency in agencies), Head("All", number=True),
             Head("What it means")),
            steps,
        ),
        "review": Sheet(
            "review",
            "Pairs that wait for a person, most urgent first",
            (Head("Record reference"), Head("Agency", pick=True), Head("Other reference"), Head("Other agency", pick=True),
             Head("Priority", pick=True), Head("Weight", number=True), Head("Days waiting", number=True), Head("First seen"),
             Head("Why it is doubtful")),
            review,
            empty="No pair waits for a decision.",
            search=True,
            total=figures.review.num_rows,
        ),
        "apart": Sheet("apart", "Pairs that look alike and are kept apart", (Head("Why"), Head("Pairs", number=True)),
                       [(reason, number) for reason, number in figures.apart.items()],
                       empty="No pair had to be kept apart."),
        "changes": Sheet(
            "changes",
            "Identities merged and split tonight",
            (Head("Index id"), Head("What happened", pick=True), Head("Other index id"), Head("Why")),
            [(Code(e["index_id"]), words[e["kind"]], Code(e["other_id"]) if e["other_id"] else None, e["reason"])
             for e in figures.events],
            empty="No identity was merged or split tonight.",
        ),
        "measures": Sheet("measures", "Numbers of the matching run", (Head("Measure"), Head("Value", number=True)),
                          [(name.replace("_", " "), value) for name, value in sorted(figures.stats.items())],
                          empty="The matching run gave no numbers."),
    }  # fmt: skip


def quality_sheets(figures: QualityFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``nights`` (faults by dimension), ``filled`` (by column, tonight), ``fields`` (faults by field, tonight)."""
    title = directory.title
    nights: list[tuple[Cell, ...]] = [
        (point.business_date, title(point.agency), point.records, *(point.dimensions.get(name) for name in DIMENSIONS))
        for agency in figures.agencies
        for point in figures.of(agency)
    ]
    filled: list[tuple[Cell, ...]] = []
    fields: list[tuple[Cell, ...]] = []
    for agency in figures.agencies:
        history = figures.of(agency)
        if not history:
            continue
        before, tonight = (history[-2] if len(history) > 1 else None), history[-1]
        for column, part in tonight.filled.items():
            then = before.filled.get(column) if before else None
            percent = round(100 * part, 1)
            filled.append((column, title(agency), percent, None if then is None else round(100 * (part - then), 1),
                           Drawing(share(part), f"{percent} %")))  # fmt: skip
        for (field, dimension), number in sorted(tonight.faults.items(), key=lambda item: (-item[1], item[0])):
            rate = round(1000 * number / tonight.records, 1) if tonight.records else None
            fields.append((field, title(agency), dimension.capitalize(), number, rate, DIMENSIONS[dimension]))
    return {
        "nights": Sheet(
            "nights",
            "Faults in 1,000 records, night by night",
            (Head("Night"), Head("Agency", pick=True), Head("Records read", number=True),
             *(Head(name.capitalize(), number=True) for name in DIMENSIONS)),
            nights,
            empty="Nothing has been measured yet.",
            note="A dash means that nothing was delivered for that night.",
        ),
        "filled": Sheet(
            "filled",
            "How many records have a value, by field",
            (Head("Field"), Head("Agency", pick=True), Head("Records with a value, %", number=True),
             Head("Change since the night before, points", number=True), Head("Drawn")),
            filled,
            empty="The night’s measures hold no missing rates.",
        ),
        "fields": Sheet(
            "fields",
            "Faults of tonight’s deliveries, by field",
            (Head("Field"), Head("Agency", pick=True), Head("Kind", pick=True), Head("Faults", number=True),
             Head("In 1,000 records", number=True), Head("What it means")),
            fields,
            empty="No fault was found tonight.",
        ),
    }  # fmt: skip


def _remarks(feed: FeedLine) -> list[tuple[str, str, str, str]]:
    """What there is to say of a feed: its coded remarks; without any, its state and its age where they need words."""
    remarks = [(n.code, n.file, n.message, n.remedy) for n in feed.notices]
    if not remarks and feed.state not in ("loaded", "superseded", "waived"):
        remedy = {"late": "Ask the supplier when it will come.", "missing": "Ask the supplier to send it, or waive it."}
        remarks = [("", "", STATES[feed.state].meaning, remedy.get(feed.state, ""))]
    if feed.stale and feed.as_of:
        used = f"The index uses this feed as of {short_day(feed.as_of)}, {plural(feed.age or 0, 'day')} old."
        remarks = [(code, file, f"{message} {used}" if n == 0 else message, remedy)
                   for n, (code, file, message, remedy) in enumerate(remarks or [("", "", "", "")])]  # fmt: skip
    return remarks


def _gravity(feed: FeedLine) -> tuple[int, str, str]:
    order = ["refused", "missing", "held", "late", "partly_loaded", "expected"]
    return (order.index(feed.state) if feed.state in order else len(order), feed.authority, feed.agency)


def _age(feed: FeedLine) -> Cell:
    if feed.age is None:
        return Word("Never came", "bad", "")
    return Word(f"Stale: {plural(feed.age, 'day')}", "warn", "") if feed.age else "Tonight’s"


def _moment(text: str) -> str:
    """``2026-11-20T22:14:03Z`` as ``2026-11-20 22:14``."""
    return text[:16].replace("T", " ")


def _days(business_date: date, first: date | None) -> int | None:
    return (business_date - first).days + 1 if first else None
