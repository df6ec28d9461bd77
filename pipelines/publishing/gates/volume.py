"""Gates of volume: circuit breakers for a night on which more moves than a night should move.

Belongs here: how much is usual, each limit with its reason. Not here: what must always hold (the other kinds). What moves
is counted gross: nine hundred children who go and nine hundred strangers who come are eighteen hundred, not none. Each
limit has a least number, so that a small index does not stop over one family. These gates alone may be overridden, by
a person, for one night.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate

__all__ = [
    "index_ids_moved",
    "keys_moved",
    "mass_set_aside",
    "merges_and_splits",
    "volume",
]

CHILDREN_LOST = 0.10  # share of the children of the previous version, but more than
CHILDREN_LOST_LEAST = 10  # children, so that a tiny index may lose one; never all
IDENTITIES_MOVED = 0.01  # share of children merged or split in a night, but at least
IDENTITIES_MOVED_LEAST = 50
# A year brings and takes about one child in eighteen, at birth and at eighteen; that many in one night is no growing up.
INDEX_IDS_MOVED = 0.05
INDEX_IDS_MOVED_LEAST = 20
# The greatest honest change is a school year: one of thirteen cohorts leaves and one comes, some fifteen in a hundred.
KEYS_MOVED = 0.20
KEYS_MOVED_LEAST = 20
# One value in some hundreds is wrong by mistake; when it is most of a column, the file is wrong. Ten values say little, and so does
# a column that hardly a record fills (dates of death): nobody's mistake spoils it more often than it is filled.
SET_ASIDE = 0.50
SET_ASIDE_LEAST = 10
SET_ASIDE_FILLED = 0.001  # share of the feed's records that have a value in the column


def volume(evidence: Evidence) -> Gate:
    """How many children there are, against the version before."""
    now = evidence.count("SELECT count(*) FROM children")
    before = evidence.count("SELECT count(*) FROM base_children")
    lost = before - now
    return Gate(
        "volume",
        now > 0
        if evidence.base is None
        else lost <= 0 or (now > 0 and (lost < before * CHILDREN_LOST or lost <= CHILDREN_LOST_LEAST)),
        f"Of the previous version's children fewer than {CHILDREN_LOST:.0%}, or {CHILDREN_LOST_LEAST}, are gone; "
        "a first version has children.",
        {"children": now, "children_before": before},
    )


def merges_and_splits(evidence: Evidence) -> Gate:
    """Identities that became one, or two."""
    now = evidence.count("SELECT count(*) FROM children")
    merges, splits = (
        evidence.count(f"SELECT count(*) FROM ledger WHERE kind = '{kind}'") for kind in ("merged", "split")
    )
    limit = _limit(now, IDENTITIES_MOVED, IDENTITIES_MOVED_LEAST)
    return Gate(
        "merges_and_splits",
        evidence.base is None or (merges <= limit and splits <= limit),
        "No more identities were merged or split than a night should.",
        {"merged": merges, "split": splits, "limit": limit},
    )


def index_ids_moved(evidence: Evidence) -> Gate:
    """Index ids that begin and that end, together.

    An id that begins with records of feeds alone that brought none before is a feed's first delivery and does not count;
    an id that is gone into another is a merge and has its own gate.
    """
    before = evidence.count("SELECT count(*) FROM base_children")
    begun = evidence.count("""
        SELECT count(DISTINCT index_id) FROM identities JOIN person USING (record_key)
        WHERE index_id NOT IN (SELECT index_id FROM base_identities) AND agency IN (SELECT agency FROM base_person)
    """)
    ended = evidence.count("""
        SELECT count(DISTINCT index_id) FROM base_identities
        WHERE index_id NOT IN (SELECT index_id FROM identities) AND index_id NOT IN (SELECT index_id FROM redirects)
    """)
    limit = _limit(before, INDEX_IDS_MOVED, INDEX_IDS_MOVED_LEAST)
    return Gate(
        "index_ids_moved",
        begun + ended <= limit,
        f"Index ids that begin or end are together no more than {INDEX_IDS_MOVED:.0%} of the previous version's "
        f"children, or {INDEX_IDS_MOVED_LEAST}.",
        {"begun": begun, "ended": ended, "limit": limit},
    )


def keys_moved(evidence: Evidence) -> Gate:
    """Record keys that vanish from a feed or appear in it, together.

    A feed that brought nothing before may bring anything. One whose delivery tonight is empty loses everything, and
    somebody has said so: an empty delivery is not taken in otherwise. Whether so many children may go is for `volume`.
    """
    before = evidence.counts("SELECT agency, count(*) FROM base_person GROUP BY agency")
    vanished = evidence.counts("""
        SELECT agency, count(*) FROM base_person ANTI JOIN person USING (agency, record_key) GROUP BY agency
    """)
    appeared = evidence.counts("""
        SELECT agency, count(*) FROM person ANTI JOIN base_person USING (agency, record_key) GROUP BY agency
    """)
    emptied = {feed.agency for feed in evidence.inputs if feed.counts and not _delivered(feed.counts)}
    moved = {
        agency: (0 if agency in emptied else vanished.get(agency, 0)) + appeared.get(agency, 0) for agency in before
    }
    beyond = [
        agency for agency, keys in sorted(moved.items()) if keys > _limit(before[agency], KEYS_MOVED, KEYS_MOVED_LEAST)
    ]
    return Gate(
        "keys_moved",
        not beyond,
        f"In each feed the record keys that vanish or appear are together no more than {KEYS_MOVED:.0%} of those "
        f"before, or {KEYS_MOVED_LEAST}." + _named(beyond),
        {"feeds_beyond": len(beyond)}
        | {f"vanished/{feed.agency}": vanished.get(feed.agency, 0) for feed in evidence.inputs}
        | {f"appeared/{feed.agency}": appeared.get(feed.agency, 0) for feed in evidence.inputs},
    )


def mass_set_aside(evidence: Evidence) -> Gate:
    """Columns of which most values were set aside tonight and were not before; on a first night too."""
    shares, beyond = {}, []
    for feed in evidence.inputs:
        tonight = {} if feed.stale else feed.set_aside
        before = evidence.base.set_aside(feed.agency) if evidence.base else {}
        shares[feed.agency] = max((_share(*values) for values in tonight.values()), default=0.0)
        beyond += [
            f"{feed.agency} {column} ({values[0]} of {values[1]})"
            for column, values in sorted(tonight.items())
            if values[1] > max(SET_ASIDE_LEAST, feed.live_records * SET_ASIDE_FILLED)
            and _share(*values) > SET_ASIDE
            and _share(*before.get(column, (0, 0))) <= SET_ASIDE
        ]
    return Gate(
        "mass_set_aside",
        not beyond,
        f"In no column were more than {SET_ASIDE:.0%} of the values set aside that were not before, hardly filled ones apart."
        + _named(beyond),
        {"columns_beyond": len(beyond)} | {f"share/{agency}": share for agency, share in shares.items()},
    )


def _limit(before: int, share: float, least: int) -> int:
    return max(least, int(before * share))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _named(beyond: list[str]) -> str:
    return f" Beyond it: {', '.join(beyond)}." if beyond else ""


def _delivered(counts: Mapping[str, int]) -> int:
    return counts.get("rows_read", 0) + counts.get("lost", 0)
