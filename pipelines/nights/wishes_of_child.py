"""What was asked for a child: wishes and shields of its own, and when they were told.

Belongs here: finding them by all that is known now, also of deliveries that no night is built with. What is another child's own does
not count: it is lifted by no decision on this one. Not here: who is hidden (`hiding`), what a decision does (`protection_decisions`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from pipelines.database import schema as db
from pipelines.nights.attempts import Attempt
from pipelines.nights.hiding import known_now
from pipelines.nights.inputs import Asking
from pipelines.nights.requests import asked_for
from pipelines.protection.register import ELSEWHERE, HELD_NIGHT, TAKEN_BACK, Asked, entries_after
from pipelines.protection.shielding import wish_in
from pipelines.protection.tokens import key_tokens, tokens_of_records
from pipelines.seams import grown
from pipelines.seams.protection import ENTRIES
from pipelines.tables import connect, read_table

__all__ = ["Wish", "records_with", "shields_on", "wishes_of"]


@dataclass(frozen=True)
class Wish:
    """A wish that is the child's own (`ENTRIES`): whose feed asked, for which business date last, when that was told, and what asked."""

    agency: str
    last_night: date
    told: int
    what: str

    @property
    def by(self) -> str:
        """Who asked and for when, in words: a feed, or what stands in the register though no feed asked."""
        night = f"the night of {self.last_night.isoformat()}"
        if self.what == TAKEN_BACK:
            return f"a decision to shield that was taken back, from {night} on"
        if self.what == ELSEWHERE:
            return f"the co-ordinating index, from {night} on, for the child may be one who is protected in another authority"
        if self.what == HELD_NIGHT:
            return f"a run of {night} that was held or failed, or that another has replaced, which found the child to be among those who ask"
        return f"{self.agency.replace('_', ' ')} for {night}"


def records_with(attempt: Attempt, keys: Collection[str]) -> list[str]:
    """These records, and all that are one child with any of them, by an attempt; by key."""
    path = attempt.folder / "identities" / "identities.parquet"
    if not path.is_file():
        return sorted(keys)
    held = read_table(path, columns=["record_key", "index_id"])
    named = pc.is_in(held["record_key"], value_set=pa.array(sorted(keys), pa.string()))
    theirs = held.filter(named)["index_id"].combine_chunks()
    return sorted({*keys, *held.filter(pc.is_in(held["index_id"], value_set=theirs))["record_key"].to_pylist()})


def shields_on(connection: Connection, authority: str, keys: Sequence[str]) -> list[int]:
    """The decisions that shield one of these records and stand."""
    decision = db.decision.c
    query = select(decision.decision_id).where(
        decision.authority == authority, decision.kind == "shield", decision.undone_at.is_(None),
        decision.record_a.in_(list(keys)),
    )  # fmt: skip
    return [int(number) for number in connection.scalars(query)]


def wishes_of(
    attempt: Attempt, keys: Collection[str], *, known_by: Sequence[str] = (), walls_since: int | None = None
) -> list[Wish]:
    """The wishes that are the own of the children of these records, whether they stand or were lifted; the newest first.

    A wish is a child's own as `pipelines.protection.shielding` has it: a record of the child asks; where the record that asks is
    not there, one whose number the child bears, or names with birth date where nobody bears both; where nobody bears one, one that names the child by anything.

    Args:
        attempt: the latest one: it says who the child is.
        keys: records of one child, or of two; or what names a wish that means nobody: that one is among them.
        known_by: what the record was known by when it was decided, as tokens.
        walls_since: also firewalls that were asked for after so much was told; None: wishes to be hidden only.
    """
    mine = records_with(attempt, keys)
    told = _entries(attempt)
    if walls_since is not None:
        told = pa.concat_tables([told, _walls(attempt, walls_since)])
    person = attempt.folder / "person"
    tokens = tokens_of_records(read_table(person / "records.parquet"), read_table(person / "names.parquet"))
    theirs = tokens.filter(pc.is_in(tokens["record_key"], value_set=pa.array(mine, pa.string())))["token"].to_pylist()
    known = {*theirs, *known_by, *key_tokens(sorted(keys))["token"].to_pylist()}
    views = {"entries": told, "tokens": tokens, "mine": pa.table({"record_key": pa.array(mine, pa.string())})}
    with connect(views) as duck:
        found = duck.execute(
            """
            WITH told AS (SELECT row_number() OVER () AS wish, * FROM entries),
            named AS (SELECT wish, unnest(tokens) AS token FROM told),
            by_key AS (SELECT wish, record_key FROM named JOIN tokens t USING (token) WHERE t.kind = 'key'),
            asked_by AS (
                FROM by_key UNION
                SELECT wish, record_key FROM (
                    SELECT *, max(kinds) OVER (PARTITION BY wish) AS most FROM (
                        SELECT wish, record_key, count(DISTINCT t.kind) AS kinds, bool_or(t.kind = 'number') AS numbered
                        FROM named JOIN tokens t USING (token)
                        WHERE t.kind IN ('number', 'person') AND wish NOT IN (SELECT wish FROM by_key) GROUP BY wish, record_key)
                ) WHERE kinds = most OR numbered
            )
            SELECT agency, last_night, coalesce(told, 0) AS told, asked FROM told
            WHERE list_has_any(tokens, $known::VARCHAR[]) AND (
                wish IN (SELECT wish FROM asked_by SEMI JOIN mine USING (record_key)) OR wish NOT IN (SELECT wish FROM asked_by))
                OR list_contains($wished::VARCHAR[], entry_id)
            ORDER BY told DESC, last_night DESC, agency
            """,
            {"known": sorted(known), "wished": [wish for key in keys if (wish := wish_in(key))]},
        ).fetchall()
    return [Wish(*row) for row in found]


def _entries(attempt: Attempt) -> pa.Table:
    """The register with all that was asked for since; of a night that never came so far, all that was ever asked for."""
    if (attempt.folder / "protection" / "entries.parquet").is_file():
        return grown(known_now(attempt).entries, ENTRIES).select(ENTRIES.names)
    return entries_after(ENTRIES.empty_table(), _requests(attempt, -1))


def _walls(attempt: Attempt, since: int) -> pa.Table:
    """Firewalls that records asked for after `since`, as entries."""
    asked = []
    for each in _requests(attempt, since):
        walls = each.requests.filter(pc.is_valid(each.requests["walled"]))
        asked.append(Asked(each.delivery_id, each.agency, each.business_date, walls, each.told))
    return entries_after(ENTRIES.empty_table(), asked).select(ENTRIES.names)


def _requests(attempt: Attempt, since: int) -> list[Asked]:
    """What deliveries ask for that were told of after `since`."""
    asked, night = db.protection_request.c, attempt.night
    query = select(asked.delivery_id, asked.agency, asked.business_date, asked.content_sha256, asked.told).where(
        asked.authority == night.authority, asked.told > since
    )
    with night.engine.connect() as connection:
        return asked_for(night, [Asking(*row) for row in connection.execute(query)])
