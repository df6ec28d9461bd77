"""The tables of the night overview: figures in, sheets out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipelines.publishing.tombstones import Tombstone
from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import AuthorityLine, FeedLine, NightFigures
from pipelines.reporting.sheets import Cell, Code, Head, Link, Sheet, Told
from pipelines.reporting.tables_of.first import first_sheet
from pipelines.reporting.taken import became_of, listed
from pipelines.reporting.words import AGES, HIDING, OPENINGS, STATES, TAKEN, TASKS, plural, short_day

__all__ = ["night_sheets"]


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
            _link(line, name, "rejected.html", has_reports),
            Code(line.authority),
            STATES.get(line.state, STATES["not_published"]),
            line.children,
            *(
                None if line.state == "silent" else sum(feed.count(count) for feed in line.feeds)
                for count in ("accepted", "queried", "rejected")
            ),
            line.review_open,
            _changes(line.changes),
            Told(" ".join(line.reasons)),
        )
        for line in figures.authorities
    ]
    attention = _attention(figures, directory)
    protection: list[tuple[Cell, ...]] = [
        (
            _link(line, name, "protection.html", has_reports),
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
            Code(str(each.number)) if each.number else None,
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
            "Something to settle, gravest first",
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
            else "Nothing needs settling.",
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
                Head("Decision"),
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
            note=f"{listed([word.text for word in TASKS.values()])} are for people to look at; the authority’s page of protection lists them.",
        ),
        "taken": Sheet(
            "taken",
            "Versions that were published again or removed, to protect somebody",
            (
                Head("Authority", pick=True),
                Head("Of the night", pick=True),
                Head("What happened", pick=True),
                Head("When (UTC)"),
                Head("Why"),
                Head("Children hidden", number=True),
                Head("At a firewall", number=True),
                Head("At a hidden child’s home", number=True),
                Head("Children opened", number=True),
                Head("Version"),
                Head("Shown since as"),
            ),
            taken,
            folds={
                "How many": ("Children hidden", "At a firewall", "At a hidden child’s home", "Children opened"),
                "Version, and what is shown": ("Version", "Shown since as"),
            },
            empty="No version of this night was published again or removed, and none of another since its run.",
            note="Versions of this night, and those of other nights since this night’s run. The latest first, each compared with what it replaced. A version that was published again keeps its feeds, as-of dates and "
            "figures. Children hidden: whom it showed and its replacement hides, or who were in what was removed and must be hidden. At a "
            "firewall: on a side of one that it did not know of, hidden in this version only. At a hidden child’s home: brothers and sisters, "
            "say, who are not hidden and are shown without that address. Children opened: whom it hid, and its replacement shows.",
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
            note="A dash means that nothing was read tonight. As of, age and live records are of what readers see: where a night is held or has "
            "failed, or its authority is silent, of the version that stays meanwhile.",
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


def _attention(figures: NightFigures, directory: Directory) -> list[tuple[Cell, ...]]:
    """What somebody has to see to: nights that are held or failed, silent authorities, feeds by gravity, decisions that opened nobody."""
    name = directory.name
    nights = [line for state in ("held", "failed", "silent") for line in figures.authorities if line.state == state]
    rows: list[tuple[Cell, ...]] = [
        (name(line.authority), None, STATES[line.state], None, "", Told(" ".join(line.reasons)), Told(line.what_to_do))
        for line in nights
    ]
    feeds = [feed for line in figures.authorities if line.state != "silent" for feed in line.feeds]
    rows += [
        (
            name(feed.authority),
            directory.title(feed.agency),
            STATES["beyond" if code == "REJECT_RATE" else feed.state],
            Code(code) if code else None,
            file,
            Told(message),
            Told(remedy),
        )
        for feed in sorted(feeds, key=_gravity)
        for code, file, message, remedy in _remarks(feed)
    ]
    first = {(each.authority, each.number) for each in figures.first}
    rows += [
        (name(line.authority), None, OPENINGS["unmet"], Code("DECISION_UNMET"), "", Told(told), Told(what_to_do))
        for line in figures.authorities
        for number, told, what_to_do in line.unmet
        if (line.authority, number) not in first
    ]
    return rows


def _changes(changes: Mapping[str, int]) -> str:
    """What differs from the version before; those that moved are among those that changed."""
    moved = changes.get("moved", 0)
    told = [
        f"{number:,} {kind}" + (f" ({moved:,} of them moved)" if kind == "changed" and moved else "")
        for kind, number in changes.items()
        if number and (kind != "moved" or not changes.get("changed"))
    ]
    return ", ".join(told)


def _link(line: AuthorityLine, name: Callable[[str], str], page: str, has_reports: frozenset[str]) -> Cell:
    """An authority's name; a link to its page of this night, or of its last one, where that is there."""
    night = f"../{line.last_night}/" if line.last_night else ""
    return (
        Link(name(line.authority), f"{night}{line.authority}/{page}")
        if line.authority in has_reports
        else name(line.authority)
    )


def _taken(stone: Tombstone) -> tuple[Cell, ...]:
    """What became of a version, when, why, of how many children, its name, and what is shown in its place."""
    kind, why = became_of(stone)
    numbers = (stone.children, stone.walled, stone.homes, stone.opened)
    shown = Code(stone.replaced_by) if stone.replaced_by else None
    return stone.business_date, TAKEN[kind], _moment(stone.removed_at), why, *numbers, Code(stone.version), shown


def _remarks(feed: FeedLine) -> list[tuple[str, str, str, str]]:
    """What there is to say of a feed: its coded remarks; without any, its state and its age where they need words."""
    remarks = [(n.code, n.file, n.message, n.remedy) for n in feed.notices if n.severity != "info"]
    if not remarks and feed.state in ("held", "refused"):
        return []  # it was settled since
    if not remarks and feed.state not in ("loaded", "partly_loaded", "superseded", "waived", "tested"):
        remedy = {
            "late": "Ask the supplier when it will come.",
            "missing": "Ask the supplier to send it; it is loaded for this night whenever it comes.",
        }
        remarks = [("", "", STATES[feed.state].meaning, remedy.get(feed.state, ""))]
    if feed.stale and feed.as_of and (remarks or not feed.waits):  # one that waits for its night is told with the night
        used = f"The index uses this feed as of {short_day(feed.as_of)}, {plural(feed.age or 0, 'day')} old."
        remarks = [
            (code, file, f"{message} {used}".strip() if n == 0 else message, remedy)
            for n, (code, file, message, remedy) in enumerate(remarks or [("", "", "", "")])
        ]
    return remarks


def _gravity(feed: FeedLine) -> tuple[int, str, str]:
    if any(notice.code == "PROTECTION_FLOOD" for notice in feed.notices):  # nobody whom it means is hidden meanwhile
        return (-1, feed.authority, feed.agency)
    order = ["refused", "missing", "held", "late", "beyond", "partly_loaded", "expected"]
    if feed.state in ("loaded", "partly_loaded") and any(notice.code == "REJECT_RATE" for notice in feed.notices):
        return (order.index("beyond"), feed.authority, feed.agency)
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
