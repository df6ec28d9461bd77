"""The figures of the reports as plain data, and the same figures as flat numbers for plotting.

Belongs here: the shapes that `gather` fills and `sheets` shows. Each `as_metadata()` gives the same keys every night,
so that a number can be plotted over time. Nothing here holds a delivered value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from pipelines.matching.weighing.match_model import Model
from pipelines.publishing.tombstones import Tombstone
from pipelines.reporting.first_of_all import First
from pipelines.reporting.let_pass import LetPass
from pipelines.reporting.words import DIMENSIONS, STATES, STEPS, TASKS

__all__ = [
    "AgencyRejects",
    "AuthorityLine",
    "EarlierRejects",
    "FeedLine",
    "MatchFigures",
    "MatchTables",
    "NetworkAuthority",
    "NetworkFigures",
    "NightFigures",
    "Notice",
    "ProtectionLine",
    "QualityFigures",
    "QualityPoint",
    "RejectFigures",
    "RuleLine",
    "ShownModel",
    "TrendPoint",
    "protection_of",
]

COUNTS = ("rows_read", "accepted", "queried", "rejected", "repeats", "lost")


@dataclass(frozen=True)
class Notice:
    """One coded remark about a delivery: what is wrong and what to do."""

    code: str
    file: str
    message: str
    remedy: str
    severity: str


@dataclass(frozen=True)
class FeedLine:
    """One feed's night, or one delivery: its state, what it holds and how old that is.

    `age` is in days between the night and `as_of`; None when the feed never came. `counts` are of all that is in force
    for this night; None where nothing is.
    `waits`: it was loaded for a night that is not published, so that `as_of`, `age` and `live_records` are of the version that readers see meanwhile.
    `notices` are what somebody has to look at still, `codes` (of a delivery) all that was said of it.
    """

    authority: str
    agency: str
    state: str
    late: bool = False
    delivery_id: str = ""
    sequence: int | None = None
    mode: str = ""
    received_at: str = ""
    as_of: date | None = None
    age: int | None = None
    live_records: int | None = None
    counts: Mapping[str, int] | None = None
    notices: tuple[Notice, ...] = ()
    codes: tuple[str, ...] = ()
    waits: bool = False

    @property
    def stale(self) -> bool:
        """Whether records of an earlier night stand in for this one's."""
        return bool(self.age)

    def count(self, name: str) -> int:
        """One of the counts; 0 where nothing was read."""
        return int((self.counts or {}).get(name) or 0)


@dataclass(frozen=True)
class ProtectionLine:
    """Who is hidden, and what became of wishes, in a version or in an attempt that put none in force.

    Attributes:
        standing: key of `words.HIDING`: whether readers see it.
        night: the business date of the version or attempt.
        hidden: children hidden in it; None where that is not known.
        wishes: wishes by what became of them; empty where that is not known.
    """

    standing: str
    night: date
    hidden: int | None
    wishes: Mapping[str, int]


def protection_of(figures: Mapping[str, Any]) -> dict[str, int]:
    """Children hidden, and wishes to be protected by what became of them, of an attempt; empty where it did not come so far."""
    if "protection" not in figures:
        return {}
    hidden = int(figures.get("shielded", 0)) + int(figures.get("withheld", 0))
    return {"hidden": hidden, **{name: int(number) for name, number in figures["protection"].items()}}


@dataclass(frozen=True)
class AuthorityLine:
    """One authority's night: published or held, with which children, and why not.

    `state` is published, held, failed, not_published, or silent: of an authority of which nothing came, not even a run, the figures are those of its `last_night`; `changes` are the differences to the version before, by kind, as the
    version's manifest has them; `protection` counts children hidden and wishes by what became of them in the last attempt that came so far; `hiding` tells the same
    of what readers see, and of the attempt where they do not see it; `taken` are versions of the night that were published again or
    removed; `unmet` are decisions to open a child who is hidden all the same: which, why in words, and what to do; `seen` are the children of
    what readers see now, be it this night's version or one of before: none, where there is none; `let_pass` are gates that a decision let pass. `what_to_do` is the way out where the night is not published.
    """

    authority: str
    state: str
    version: str
    children: int | None
    review_open: int | None
    changes: Mapping[str, int]
    reasons: tuple[str, ...]
    feeds: tuple[FeedLine, ...]
    protection: Mapping[str, int] = field(default_factory=dict)
    hiding: tuple[ProtectionLine, ...] = ()
    taken: tuple[Tombstone, ...] = ()
    unmet: tuple[tuple[int, str, str], ...] = ()
    seen: int | None = None
    let_pass: tuple[LetPass, ...] = ()
    what_to_do: str = ""
    last_night: date | None = None


@dataclass(frozen=True)
class NightFigures:
    """All authorities of one night; `deliveries` are all that came for it, the ones not used included.

    `first` is what somebody must see to first of all, of authorities whose newest night this is.
    """

    business_date: date
    authorities: tuple[AuthorityLine, ...]
    deliveries: tuple[FeedLine, ...]
    first: tuple[First, ...] = ()

    @property
    def feeds(self) -> tuple[FeedLine, ...]:
        """Every expected feed of the night."""
        return tuple(feed for line in self.authorities for feed in line.feeds)

    def as_metadata(self) -> dict[str, int]:
        """Numbers of the night: authorities and feeds by state, records by outcome, children published."""
        feeds = self.feeds
        states = [feed.state for feed in feeds]
        not_nights = {"published", "not_published", "failed", "silent", "beyond"}
        return {
            "authorities": len(self.authorities),
            "authorities_published": sum(line.state == "published" for line in self.authorities),
            "authorities_silent": sum(line.state == "silent" for line in self.authorities),
            "authorities_held": sum(line.state == "held" for line in self.authorities),
            "feeds_expected": len(feeds),
            "feeds_stale": sum(feed.stale for feed in feeds),
            "feeds_shown": sum(feed.state in ("loaded", "partly_loaded") and not feed.waits for feed in feeds),
            "feeds_waiting": sum(feed.waits for feed in feeds),
            **{f"feeds/{state}": states.count(state) for state in STATES if state not in not_nights},
            **{f"records/{name}": sum(feed.count(name) for feed in feeds) for name in COUNTS},
            "children_published": sum(line.children or 0 for line in self.authorities if line.state == "published"),
            "children_readers_see": sum(line.seen or 0 for line in self.authorities),
            "review_open": sum(line.review_open or 0 for line in self.authorities),
            "protection_tasks": sum(line.protection.get(kind, 0) for line in self.authorities for kind in TASKS),
        }


@dataclass(frozen=True)
class AgencyRejects:
    """One agency's rejected and queried records of a night; `new`, `oldest` (days) and `closed` (corrected or gone since the night before) count faults, not records."""

    agency: str
    records: int | None
    rejected: int
    queried: int
    new: int
    oldest: int
    closed: int = 0


@dataclass(frozen=True)
class RuleLine:
    """One broken rule of one agency: on how many records, since when, and the way out."""

    agency: str
    rule: str
    field: str
    outcome: str
    dimension: str
    message: str
    remedy: str
    records: int
    new: int
    oldest: int


@dataclass(frozen=True)
class EarlierRejects:
    """Faults of earlier nights that are still open though tonight's delivery does not show them (delta feeds)."""

    agency: str
    rule: str
    field: str
    outcome: str
    faults: int
    first_night: date


@dataclass(frozen=True)
class TrendPoint:
    """Rejected and queried records of one agency in one night; None where nothing was delivered."""

    business_date: date
    agency: str
    rejected: int | None
    queried: int | None


@dataclass(frozen=True)
class RejectFigures:
    """Rejected and queried records of one authority's night.

    `rows`: one per record and broken rule, gravest and oldest first: agency, outcome, rule, field, sequence (of the delivery),
    position, line, key (national numbers in part only), full_key (for the agency's own file alone), masked, dimension, message, remedy,
    first_night, days_open, reject_id. `asking`: those of rejected records that ask to be protected, for the page of protection alone.
    """

    authority: str
    business_date: date
    agencies: tuple[AgencyRejects, ...]
    rules: tuple[RuleLine, ...]
    earlier: tuple[EarlierRejects, ...]
    trend: tuple[TrendPoint, ...]
    rows: pa.Table
    asking: pa.Table

    def as_metadata(self) -> dict[str, int]:
        """Numbers of the night: records by outcome and agency, faults by dimension, how many are new, the oldest."""
        faults = {name: sum(line.records for line in self.rules if line.dimension == name) for name in DIMENSIONS}
        return {
            "rejected": sum(line.rejected for line in self.agencies),
            "queried": sum(line.queried for line in self.agencies),
            **{f"rejected/{line.agency}": line.rejected for line in self.agencies},
            **{f"queried/{line.agency}": line.queried for line in self.agencies},
            **{f"faults/{name}": number for name, number in faults.items()},
            "faults_closed": sum(line.closed for line in self.agencies),
            "faults_new": sum(line.new for line in self.agencies),
            "faults_open_from_earlier": sum(line.faults for line in self.earlier),
            "oldest_days": max((line.oldest for line in self.agencies), default=0),
        }


@dataclass(frozen=True)
class MatchTables:
    """What matching and identities hand over for one authority's night; any table may be absent.

    Attributes:
        identities: record_key, index_id, step, one row per live record (further columns are ignored).
        review: as `pipelines.reporting.review.review_of` makes it.
        events: kind (merged, split, …), index_id, other_id, evidence; those of tonight.
        stats: numbers of the matching run, shown as they are.
        claims: what is told of interim indexes (`pipelines.reporting.claims.FINDINGS`); None: none delivers.
    """

    identities: pa.Table | None = None
    review: pa.Table | None = None
    events: pa.Table | None = None
    stats: Mapping[str, float] = field(default_factory=dict)
    claims: pa.Table | None = None


@dataclass(frozen=True)
class MatchFigures:
    """How one authority's records were matched in a night.

    `steps`: (step, agency) → records. `review`: the open pairs, gravest first. `apart`: reason → pairs that look alike
    and are kept apart. `events`: rows of kind, index_id, other_id, reason. `claims`: what is told of interim indexes; None: none delivers.
    """

    authority: str
    business_date: date
    agencies: tuple[str, ...]
    steps: Mapping[tuple[str, str], int]
    children: int
    review: pa.Table
    apart: Mapping[str, int]
    events: tuple[Mapping[str, Any], ...]
    stats: Mapping[str, float]
    claims: pa.Table | None = None

    def as_metadata(self) -> dict[str, float]:
        """Numbers of the night: records by step, children, pairs to review and kept apart, merges and splits."""
        by_step = {step: sum(n for (name, _), n in self.steps.items() if name == step) for step in STEPS}
        return {
            "records": sum(self.steps.values()),
            "children": self.children,
            **{f"step/{step}": number for step, number in by_step.items()},
            "review_open": self.review.num_rows,
            "kept_apart": sum(self.apart.values()),
            "merged": sum(event["kind"] == "merged" for event in self.events),
            "split": sum(event["kind"] == "split" for event in self.events),
            **({"claims_told": self.claims.num_rows} if self.claims is not None else {}),
        }


@dataclass(frozen=True)
class QualityPoint:
    """One agency's quality in one night.

    `dimensions`: dimension → faults per 1,000 records read (None: nothing delivered). `filled`: column → share of
    records that have a value, 0 to 1. `faults`: (field, dimension) → faults.
    """

    business_date: date
    agency: str
    records: int | None
    dimensions: Mapping[str, float | None]
    filled: Mapping[str, float]
    faults: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class QualityFigures:
    """Completeness, conformance and plausibility of one authority's feeds over the nights, oldest first."""

    authority: str
    business_date: date
    agencies: tuple[str, ...]
    points: tuple[QualityPoint, ...]

    def of(self, agency: str) -> tuple[QualityPoint, ...]:
        """The agency's nights, oldest first."""
        return tuple(point for point in self.points if point.agency == agency)

    def as_metadata(self) -> dict[str, float]:
        """Faults per 1,000 records by agency and dimension, and the share of cells filled by agency; 0 if unknown."""
        numbers: dict[str, float] = {}
        for agency in self.agencies:
            nights = self.of(agency)
            tonight = nights[-1] if nights else None
            for name in DIMENSIONS:
                numbers[f"{name}_faults_per_1000/{agency}"] = (tonight.dimensions.get(name) or 0.0) if tonight else 0.0
            filled = list(tonight.filled.values()) if tonight else []
            numbers[f"filled_share/{agency}"] = round(sum(filled) / len(filled), 6) if filled else 0.0
        return numbers


@dataclass(frozen=True)
class NetworkAuthority:
    """Of an authority: the version that the co-ordinating index was built from, and how that stands, in words."""

    authority: str
    business_date: date
    version: str
    standing: str


@dataclass(frozen=True)
class NetworkFigures:
    """What the page of the co-ordinating index shows.

    Attributes:
        lead: how the last night of it ended, in a sentence.
        first: what somebody must see to, and what to do.
        authorities: what it was built from.
        figures: counts by name.
        shared: two authorities, and how many open children both know.
        moved: an authority, another one, and how many open children the first has lost and the second has come to know.
        gates: name, what is asked, whether it held.
    """

    lead: str
    first: Sequence[tuple[str, str]]
    authorities: Sequence[NetworkAuthority]
    figures: Mapping[str, float]
    shared: Sequence[tuple[str, str, int]]
    moved: Sequence[tuple[str, str, int]]
    gates: Sequence[tuple[str, str, bool]]


@dataclass(frozen=True)
class ShownModel:
    """A match model as its page shows it: `standing` is a key of `words.STANDINGS`, `charts` Vega-Lite by name."""

    model: Model
    standing: str
    charts: Mapping[str, Mapping[str, Any]]
