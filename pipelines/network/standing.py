"""What stands of the co-ordinating index: what it was built from, what waits for a person; and deciding, with its entry in the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from pipelines.audit import account, append, may_see_protected, writing
from pipelines.errors import IsindexError
from pipelines.identities.mint import as_typed, mistyped, valid_index_id
from pipelines.network import database as db
from pipelines.network.decisions import decide, take_back
from pipelines.network.inputs import inputs_in
from pipelines.network.kept_back import hidden_now
from pipelines.network.moves import claim
from pipelines.network.place import Network
from pipelines.nights.reach import authorities_of
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_told

__all__ = [
    "Review",
    "Standing",
    "Taken",
    "claim_of",
    "decide_of",
    "latest_night",
    "review_list",
    "standing_of",
    "undo_of",
]


@dataclass(frozen=True)
class Taken:
    """What was taken of an authority, and how it stands: in words."""

    authority: str
    business_date: date
    version: str
    told: str


@dataclass(frozen=True)
class Standing:
    """What is in force."""

    version: str | None
    authorities: tuple[Taken, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Review:
    """Pairs of the review list, and how many besides that are not shown to this user, for a child of them is protected."""

    pairs: list[dict[str, Any]]
    kept_back: int = 0


def standing_of(network: Network) -> Standing:
    """What the version in force was built from.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    in_force = network.in_force()
    if in_force is None:
        return Standing(None)
    taken = []
    for each in inputs_in(in_force[2]).given:
        try:
            versions = versions_in_force(network.deployment.home, each.authority)
            now = versions[max(versions)] if versions else None
        except IsindexError as fault:
            now, each_told = None, fault.code
        else:
            each_told = (
                "up to date" if now == each.version else "a run is outstanding" if now else "has nothing in force"
            )
        told = f"as it was last ({each.stale})" if each.stale else each_told
        taken.append(Taken(each.authority, each.business_date, each.version, told))
    manifest = read_told(network.version(in_force[0]) / "manifest.json", {"figures": dict})
    return Standing(in_force[0], tuple(taken), manifest["figures"])


def latest_night(network: Network) -> date:
    """The latest business date that an authority has published.

    Raises:
        IsindexError: NOT_PUBLISHED.
    """
    days = []
    for authority in authorities_of(network.deployment):
        try:
            days += list(versions_in_force(network.deployment.home, authority))
        except IsindexError:
            continue  # it is taken as it was, and named
    if not days:
        raise IsindexError("NOT_PUBLISHED", "No authority has published anything yet.", remedy="`isindex load` first.")
    return max(days)


def review_list(network: Network, most: int) -> Review:
    """Pairs that a person should look at, the weightiest first, as many as `most`; of protected children how many there are besides.

    A pair of a protected child is shown to those alone whom ISINDEX_MAY_SEE_PROTECTED names.
    """
    review, pointer = db.review.c, db.pointer.c
    query = select(db.review).order_by(review.weight.desc(), review.row_key_a, review.row_key_b)
    row_key = pointer.authority + ":" + pointer.index_id
    of = select(row_key, pointer.national_id).where(
        pointer.to_night.is_(None), row_key.in_(select(review.row_key_a).union(select(review.row_key_b)))
    )
    with network.engine.connect() as connection:
        if may_see_protected():
            return Review([dict(row._mapping) for row in connection.execute(query.limit(most))])
        rows = connection.execute(query).all()
        national: dict[str, str] = {row[0]: row[1] for row in connection.execute(of)}
        kept = hidden_now(network, connection, set(national.values()))
    shown = [
        dict(row._mapping)
        for row in rows
        if all(key in national and national[key] not in kept for key in (row.row_key_a, row.row_key_b))
    ]
    return Review(shown[:most], len(rows) - len(shown))


def decide_of(network: Network, kind: str, one: str, other: str, *, reason: str) -> int:
    """Decide of two children, as they are typed; the decision's number. It is audited first.

    Raises:
        IsindexError: DECISION_INCOMPLETE, CHILD_UNKNOWN, INDEX_ID_INVALID, and what `decide` raises.
    """
    if not reason.strip():
        raise IsindexError(
            "DECISION_INCOMPLETE", "A decision needs a reason.", where="--reason", remedy="Say why; it is kept."
        )
    a, b = _row_key(network, one), _row_key(network, other)
    with writing(network.deployment) as connection:
        append(connection, f"network decide {kind.replace('_', ' ')}", actor=account(), why=reason, subject=f"{a} {b}")
    return decide(network, kind, a, b, actor=account(), reason=reason)


def claim_of(network: Network, child: str, *, reason: str) -> int:
    """Claim a child as it is typed; the claim's number.

    Raises:
        IsindexError: CHILD_UNKNOWN, INDEX_ID_INVALID, and what `claim` raises.
    """
    return claim(network, _row_key(network, child), reason=reason)


def undo_of(network: Network, number: int, *, reason: str) -> None:
    """Take a decision back; audited first.

    Raises:
        IsindexError: DECISION_INCOMPLETE, DECISION_UNKNOWN.
    """
    if not reason.strip():
        raise IsindexError(
            "DECISION_INCOMPLETE",
            "A decision is taken back for a reason.",
            where="--reason",
            remedy="Say why; it is kept.",
        )
    with writing(network.deployment) as connection:
        append(connection, "network undo", actor=account(), why=reason, subject=str(number))
    take_back(network, number)


def _row_key(network: Network, told: str) -> str:
    """A child as it is typed, ``330:5K7K…``, by authority and index id."""
    authority, _, index_id = told.strip().partition(":")
    asked = as_typed(index_id)
    if not valid_index_id(asked):
        raise mistyped()
    pointer = db.pointer.c
    query = select(pointer.national_id).where(pointer.authority == authority, pointer.index_id == asked).limit(1)
    with network.engine.connect() as connection:
        if connection.scalar(query) is None:
            raise IsindexError(
                "CHILD_UNKNOWN",
                "The co-ordinating index has no such child.",
                where=told,
                remedy="Write authority, colon, index id, as `isindex network review` shows them.",
            )
    return f"{authority}:{asked}"
