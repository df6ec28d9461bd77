"""The tables of the night overview: figures in, sheets out."""

from __future__ import annotations

from pipelines.publishing.tombstones import NO_NIGHTS, NOT_LESS, Tombstone
from pipelines.publishing.versions import LESS
from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import FeedLine, NightFigures
from pipelines.reporting.sheets import Cell, Code, Head, Link, Sheet, Told
from pipelines.reporting.tables_of.first import first_sheet
from pipelines.reporting.words import AGES, HIDING, OPENINGS, STATES, TAKEN, TASKS, plural, short_day

__all__ = ["night_sheets"]

_REMOVED = {
    NOT_LESS: "It could not be made less.",
    NO_NIGHTS: "No night had it any more, so it could not be made less.",
    "": "It could not be made less, or no night had it any more: when it was removed that was not noted.",
}


def night_sheets(
    figures: NightFigures, directory: Directory, has_reports: frozenset[str] = frozenset()
) -> dict[str, Sheet]:
    """Sheets ``first``, ``authorities``, ``attention``, ``let_pass``, ``protection``, ``taken``, ``feeds``, ``deliveries``.

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
            ", ".join(f"{number:,} {kind}" for kind, number in line.changes.items() if number),
            Told(" ".join(line.reasons)),
        )
        for line in figures.authorities
    ]
    first = {(each.authority, each.number) for each in figures.first}
    attention: list[tuple[Cell, ...]] = [
        (
            name(feed.authority),
            title(feed.agency),
            STATES[feed.state],
            Code(code) if code else None,
            file,
            Told(message),
            Told(remedy),
        )
        for feed in sorted(figures.feeds, key=_gravity)
        for code, file, message, remedy in _remarks(feed)
    ]
    attention += [
        (name(line.authority), None, STATES["not_published"], None, "", " ".join(line.reasons), "Ask its suppliers.")
        for line in figures.authorities
        if not line.feeds
    ]
    attention += [
        (name(line.authority), None, OPENINGS["unmet"], Code("DECISION_UNMET"), "", Told(told), Told(what_to_do))
        for line in figures.authorities
        for number, told, what_to_do in line.unmet
        if (line.authority, number) not in first
    ]
    protection: list[tuple[Cell, ...]] = [
        (
            Link(name(line.authority), f"{line.authority}/protection.html")
            if line.authority in has_reports
            else name(line.authority),
            HIDING[each.standing],
            each.night,
            each.hidden,
            *(each.wishes.get(kind, 0) if each.wishes else None for kind in ("standing", "new", "lifted", *TASKS)),
        )
        for line in figures.authorities
        for each in line.hiding
    ]
    taken: list[tuple[Cell, ...]] = [
        (name(line.authority), *_taken(each)) for line in figures.authorities for each in line.taken
    ]
    passed: list[tuple[Cell, ...]] = [
        (
            name(line.authority),
            Code(each.gate),
            f"{each.asks} It found: {each.found}." if each.found else each.asks,
            each.actor or None,
            each.reason,
            _moment(each.since),
            each.number,
        )
        for line in figures.authorities
        for each in line.let_pass
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
            ", ".join(dict.fromkeys(line.codes)),
        )
        for line in figures.deliveries
    ]
    counts = tuple(Head(text, number=True) for text in ("Read", "Accepted", "Queried", "Rejected", "Repeats", "Lost"))
    return {
        "first": first_sheet(figures.first, name),
        "authorities": Sheet(
            "authorities",
            "What was published, by authority",
            (
                Head("Authority"),
                Head("Code"),
                Head("Index", pick=True),
                Head("Children", number=True),
                *counts[1:4],
                Head("To review", number=True),
                Head("Changes since last version"),
                Head("Why it is not published"),
            ),
            authorities,
            empty="No authority has anything for this night.",
        ),
        "attention": Sheet(
            "attention",
            "Deliveries with something to settle, gravest first",
            (
                Head("Authority", pick=True),
                Head("Agency", pick=True),
                Head("State", pick=True),
                Head("Code", pick=True),
                Head("File"),
                Head("What is wrong"),
                Head("What to do"),
            ),
            attention,
            empty="Every delivery came and was loaded. Nothing needs settling."
            if all(line.state == "published" for line in figures.authorities)
            else "No delivery needs settling.",
        ),
        "let_pass": Sheet(
            "let_pass",
            "Gates that did not hold this night, because somebody let them pass",
            (
                Head("Authority", pick=True),
                Head("Gate", pick=True),
                Head("What it asks, and what it found"),
                Head("Who let it pass"),
                Head("Reason"),
                Head("When (UTC)"),
                Head("Decision", number=True),
            ),
            passed,
            empty="No gate was let pass.",
            note="Each counts for that gate of this night alone.",
        ),
        "protection": Sheet(
            "protection",
            "Protection: children hidden, wishes to be protected, and those to look at",
            (
                Head("Authority", pick=True),
                Head("Which version", pick=True),
                Head("Of the night"),
                Head("Children hidden", number=True),
                Head("Wishes that stand", number=True),
                Head("New in this night", number=True),
                Head("Lifted by people so far", number=True),
                *(Head(word.text, number=True) for word in TASKS.values()),
            ),
            protection,
            folds={
                "Wishes": ("Wishes that stand", "New in this night", "Lifted by people so far"),
                "To look at": tuple(word.text for word in TASKS.values()),
            },
            empty="No authority came so far tonight.",
            note=f"{_listed([word.text for word in TASKS.values()])} are for people to look at; the authority’s page of protection lists them.",
        ),
        "taken": Sheet(
            "taken",
            "Versions of this night that were published again or removed, to protect somebody",
            (
                Head("Authority", pick=True),
                Head("What happened", pick=True),
                Head("When (UTC)"),
                Head("Why"),
                Head("Children hidden", number=True),
                Head("Children opened", number=True),
                Head("Version"),
                Head("Shown since as"),
            ),
            taken,
            folds={
                "How many": ("Children hidden", "Children opened"),
                "Version, and what is shown": ("Version", "Shown since as"),
            },
            empty="No version of this night was published again or removed.",
            note="The latest first. A version that was published again keeps its feeds, as-of dates and figures. Children hidden: whom its "
            "replacement hides and the night itself did not, or who were in what was removed and must be hidden. Children opened: whom it hid, "
            "and its replacement shows.",
        ),
        "feeds": Sheet(
            "feeds",
            "Every expected feed",
            (
                Head("Authority", pick=True),
                Head("Agency", pick=True),
                Head("State", pick=True),
                Head("As of"),
                Head("Age", pick=True),
                *counts,
                Head("Live records", number=True),
            ),
            feeds,
            note="A dash means that nothing was read tonight.",
        ),
        "deliveries": Sheet(
            "deliveries",
            "Every delivery that came for this night, also those not used",
            (
                Head("Delivery"),
                Head("Authority", pick=True),
                Head("Agency", pick=True),
                Head("Sequence", number=True),
                Head("Mode"),
                Head("State", pick=True),
                Head("Late", pick=True),
                Head("Received (UTC)"),
                Head("Codes"),
            ),
            deliveries,
            empty="No delivery came for this night.",
        ),
    }


def _taken(stone: Tombstone) -> tuple[Cell, ...]:
    """What became of a version, when, why, its name, and what is shown in its place."""
    many = plural(stone.children, "child", "children")
    opened = (
        f"{plural(stone.opened, 'child', 'children')} whom it hid {'is' if stone.opened == 1 else 'are'} shown again."
    )
    if stone.replaced_by is None:
        kind = "removed"
        showed = f"It showed {many} who must be hidden by now." if stone.children else ""
        why = [showed, _REMOVED.get(stone.why, _REMOVED[""])]
    elif LESS in stone.replaced_by:
        kind = "less"
        hidden = f"{many} whom the night showed must be hidden by now." if stone.children else ""
        why = [hidden, opened if stone.opened else ""]
        if not any(why):
            why = ["It showed where a hidden child lives, or words that lead there."]
    else:
        kind, why = "whole", [TAKEN["whole"].meaning, opened if stone.opened else ""]
    shown = Code(stone.replaced_by) if stone.replaced_by else None
    told = " ".join(filter(None, why))
    return TAKEN[kind], _moment(stone.removed_at), told, stone.children, stone.opened, Code(stone.version), shown


def _remarks(feed: FeedLine) -> list[tuple[str, str, str, str]]:
    """What there is to say of a feed: its coded remarks; without any, its state and its age where they need words."""
    remarks = [(n.code, n.file, n.message, n.remedy) for n in feed.notices if n.severity != "info"]
    if not remarks and feed.state in ("held", "refused"):
        return []  # it was settled since
    if not remarks and feed.state not in ("loaded", "partly_loaded", "superseded", "waived"):
        remedy = {
            "late": "Ask the supplier when it will come.",
            "missing": "Ask the supplier to send it; it is loaded for this night whenever it comes.",
        }
        remarks = [("", "", STATES[feed.state].meaning, remedy.get(feed.state, ""))]
    if feed.stale and feed.as_of:
        used = f"The index uses this feed as of {short_day(feed.as_of)}, {plural(feed.age or 0, 'day')} old."
        remarks = [
            (code, file, f"{message} {used}".strip() if n == 0 else message, remedy)
            for n, (code, file, message, remedy) in enumerate(remarks or [("", "", "", "")])
        ]
    return remarks


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _gravity(feed: FeedLine) -> tuple[int, str, str]:
    if any(notice.code == "PROTECTION_FLOOD" for notice in feed.notices):  # nobody whom it means is hidden meanwhile
        return (-1, feed.authority, feed.agency)
    order = ["refused", "missing", "held", "late", "partly_loaded", "expected"]
    return (order.index(feed.state) if feed.state in order else len(order), feed.authority, feed.agency)


def _age(feed: FeedLine) -> Cell:
    if feed.age is None:
        return AGES["none"]
    if not feed.age:
        return AGES["tonight"].text
    return AGES["stale"]._replace(text=f"{AGES['stale'].text}: {plural(feed.age, 'day')}")


def _moment(text: str) -> str:
    """``2026-11-20T22:14:03Z`` as ``2026-11-20 22:14``."""
    return text[:16].replace("T", " ")
