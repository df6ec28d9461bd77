"""Decisions of two people to open a child who is hidden all the same: which still stand, why, and what to do.

Belongs here: the words, and whether such a decision is settled by now: it was taken back, people have decided of the child again, or
the child is open. Not here: finding out in a night (`pipelines.protection.shielding`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, Row, Select, select

from pipelines.database.schema import attempt, decision
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.privacy.references import references
from pipelines.protection.shielding import wish_in
from pipelines.reporting.commands import decide_command
from pipelines.tables import read_table

__all__ = ["UnmetDecision", "reasons_of", "unmet_now", "ways_out"]

_WHY = {
    "stranger": (
        "The record is another child's by now.",
        "Look at the record, and decide again of the one that is the child's.",
    ),
    "gone": (
        "The record is not there any more, and who bears what it was known by is hidden.",
        "Decide again of a record that the child has now.",
    ),
    "asks": (
        "A record of the child goes on asking.",
        "Ask the supplier to correct it first; when the mark is gone, decide again.",
    ),
    "decided": (
        "A decision shields the child.",
        "Take that back first (`{decisions}` shows its number), and decide again.",
    ),
    "since": (
        "It was asked for after the decision was confirmed.",
        "Find out who asks and why before anybody decides again.",
    ),
    "strayed": (
        "Its identity holds a record that is hidden too and that the two people did not mean: it has other names or another birth date, or came after "
        "they had decided.",
        "Look whether that record{others} is the child's: if not, `{apart}`; if it is, say so where its names differ, `{same}`, and propose and confirm again.",
    ),
    "outgrown": (
        "Since it was decided that two records are two children, one of them has come to bear another number or name, or the two to share one; so it "
        "parts neither from a child who is hidden.",
        "Look at both records. If they are two children all the same, take the decision back and decide it again (of a record that is gone that cannot be decided: what it has asked "
        "for stays nevertheless); if they are one, take it back.",
    ),
    "wish": (
        "The wish means somebody by now, or was told again.",
        "Look at the page of protection: whoever it means is opened as any other child.",
    ),
    "claimed": (
        "A wish whose own child is not in the index may mean this one.",
        "Look at the page of protection: if the wish is another child's, two people end it there; then decide again of this child.",
    ),
    "unwalled": (
        "A firewall was asked for by a record of the child, and stands nowhere: as long as it does not, the child may be two.",
        "Put it up first, `{wall}`, load, and then decide again.",
    ),
    "another": (
        "The child may be another one who is hidden, and is hidden for that one's sake.",
        "Find the pair in the review list: if they are two children, `{apart}`, and then decide again of this one. Where both may be seen (two sides of a firewall, say), two "
        "people open both before the same load; to unshield one of them alone does not help.",
    ),
    "feed": (
        "A feed has asked for the same firewall, and so it stands.",
        "If the two records are one child, `{same}` takes it away, confirmed by another person.",
    ),
}
"""Why a child is hidden after all (`pipelines.protection.shielding.Unmet`), or a firewall stands: in words, and what to do."""


@dataclass(frozen=True)
class UnmetDecision:
    """A decision that stands and opened nobody: its number, of which authority, since when (UTC), of which record, why, and for the sake of which
    others (references).
    """

    number: int
    authority: str
    since: str
    record: str
    why: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What is wrong."""
        return f"Decision {self.number} opened nobody. {reasons_of(self.why)}"

    def what_to_do(self, *, in_full: bool = False) -> str:
        """The way out; its commands name the record only `in_full`."""
        record = self.record if in_full else "RECORD"
        shield = decide_command("shield", record, authority=self.authority)
        stays = "" if "gone" in self.why else f" If the child is to stay hidden after all, say so: `{shield}`."
        return ways_out(self.why, self.authority, record, others=self.others if in_full else ()) + stays


def reasons_of(why: Sequence[str]) -> str:
    """Why, in words."""
    return " ".join(_WHY[reason][0] for reason in why if reason in _WHY)


def ways_out(why: Sequence[str], authority: str, record: str = "RECORD", *, others: Sequence[str] = ()) -> str:
    """What to do; in its commands OTHER, without `others`, and RECORD, without `record`, are for a person to fill in."""
    other = others[0] if len(others) == 1 else "OTHER"
    commands = {
        "others": f" ({', '.join(others)})" if others else "",
        "decisions": decide_command("list", authority=authority),
        "apart": decide_command("not-the-same", record, other, authority=authority),
        "same": decide_command("same", record, other, authority=authority),
        "wall": decide_command("firewall", record, "OTHER", authority=authority),
    }
    return " ".join(_WHY[reason][1].format(**commands) for reason in why if reason in _WHY)


def unmet_now(engine: Engine, home: Home, authorities: Collection[str] | None = None) -> list[UnmetDecision]:
    """Of each authority (default: all), by number, those that stand still and that nothing has settled since."""
    query = (
        select(attempt.c.authority, attempt.c.business_date, attempt.c.digest, attempt.c.figures)
        .where(attempt.c.version.is_not(None), attempt.c.authority.in_(_where_two_opened()))
        .order_by(attempt.c.attempt_id)
    )
    if authorities is not None:
        query = query.where(attempt.c.authority.in_(sorted(authorities)))
    with engine.connect() as connection:
        nights = {(row.authority, row.business_date): row for row in connection.execute(query)}  # the last of each
        told = {
            (authority, each["decision"]): each
            for (authority, _), row in sorted(nights.items())
            for each in (row.figures or {}).get("unmet", ())
        }
        found = []
        for (authority, number), each in sorted(told.items()):
            made = _standing(connection, authority, number)
            latest = nights[max(key for key in nights if key[0] == authority)]
            if made is not None and not _settled(connection, home, made, each, latest):
                key = str(made.record_a)
                found.append(
                    UnmetDecision(
                        number,
                        authority,
                        made.decided_at,
                        wish_in(key) or _reference(key),
                        tuple(each["why"]),
                        tuple(each.get("others", ())),
                    )
                )
    return found


def _where_two_opened() -> Select[tuple[str]]:
    """The authorities of which a decision stands that may open somebody: of the others no night need be looked at."""
    kinds = ["confirm", "not_the_same"]
    return select(decision.c.authority).where(decision.c.kind.in_(kinds), decision.c.undone_at.is_(None)).distinct()


def _standing(connection: Connection, authority: str, number: int) -> Row[Any] | None:
    query = select(decision).where(
        decision.c.authority == authority, decision.c.decision_id == number, decision.c.undone_at.is_(None)
    )
    return connection.execute(query).one_or_none()


def _settled(connection: Connection, home: Home, made: Row[Any], told: Mapping[str, Any], latest: Any) -> bool:
    """Whether people have decided of the child again, or it is open by now. What cannot be read settles nothing."""
    folder = home.attempt(made.authority, latest.business_date, latest.digest)
    try:
        theirs, is_open = _in_latest(folder, str(made.record_a))
    except (IsindexError, OSError):
        theirs, is_open = {str(made.record_a)}, False
    later = connection.execute(
        select(decision.c.kind, decision.c.record_a, decision.c.known_by, decision.c.undone_at).where(
            decision.c.authority == made.authority,
            decision.c.decision_id > made.decision_id,
            decision.c.kind.in_(["shield", "unshield", "confirm"]),
        )
    ).all()
    known_by = set(made.known_by or ())
    again = (
        (each.kind == "shield" or each.undone_at is None)
        and (each.record_a in theirs or not known_by.isdisjoint(each.known_by or ()))
        for each in later
    )
    return ("outgrown" not in told["why"] and any(again)) or (is_open and "stranger" not in told["why"])


def _in_latest(folder: Any, key: str) -> tuple[set[str], bool]:
    """The records of the child of a record in an attempt, itself too, and whether it is open; of a wish whether it has ended."""
    if wish := wish_in(key):
        entries = read_table(folder / "protection" / "entries.parquet", ["entry_id", "lifted_by"])
        own = entries.filter(pc.and_(pc.equal(entries["entry_id"], wish), pc.is_valid(entries["lifted_by"])))
        return {key}, own.num_rows > 0
    identities = read_table(folder / "identities" / "identities.parquet", ["record_key", "index_id"])
    ids = identities.filter(pc.equal(identities["record_key"], key))["index_id"].combine_chunks()
    theirs = identities.filter(pc.is_in(identities["index_id"], value_set=ids))["record_key"].to_pylist()
    seen = read_table(folder / "identities" / "visibility.parquet")
    own = seen.filter(pc.is_in(seen["index_id"], value_set=ids))
    hidden = pc.any(pc.or_(own["shielded"], own["withheld"])).as_py()
    return {key, *theirs}, own.num_rows > 0 and not hidden


def _reference(key: str) -> str:
    return str(references(pa.array([key], pa.string()))[0].as_py())
