"""What must hold before a night of the network is published; one that fails holds it, and what is in force stays.

Belongs here: the proof, worked out from the tables by themselves: nothing that made them is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from pipelines.tables import connect

__all__ = ["GATES", "NetworkGate", "judge"]

_MOVED_SHARE, _MOVED_LEAST = 0.05, 20  # of the pointers that stood


@dataclass(frozen=True)
class NetworkGate:
    """A verdict: what was asked, whether it holds, and how many speak against it."""

    name: str
    passed: bool
    description: str
    found: int

    def as_json(self) -> dict[str, Any]:
        """As it is written down."""
        return asdict(self)


# name → what is asked, and how many speak against it, of `children`, `firewalls`, `identities`, `pointers`, `seen`, `told`, `before`
GATES: Mapping[str, tuple[str, str]] = {
    "every_child_once": (
        "Each child that an authority gives has one national id, and nobody else has but who has left one.",
        """
        SELECT count(*) FROM (SELECT row_key, count(*) AS times FROM (SELECT row_key FROM children UNION ALL SELECT row_key FROM who_left) GROUP BY ALL) c
        FULL JOIN (SELECT record_key AS row_key, count(*) AS times FROM identities GROUP BY ALL) i USING (row_key)
        WHERE c.times IS DISTINCT FROM 1 OR i.times IS DISTINCT FROM 1
        """,
    ),
    "pointers_follow": (
        "The pointers that stand are those of the national ids, once each.",
        """
        SELECT count(*) FROM (
            SELECT national_id, authority || ':' || index_id AS row_key, count(*) AS times FROM pointers WHERE to_night IS NULL GROUP BY ALL) p
        FULL JOIN (SELECT index_id AS national_id, record_key AS row_key FROM identities WHERE record_key IN (SELECT row_key FROM children)) i
            USING (national_id, row_key)
        WHERE p.times IS DISTINCT FROM 1 OR i.row_key IS NULL
        """,
    ),
    "one_of_an_authority": (
        "No two children of one authority are one child in the nation: whether they are is for the authority to say.",
        """
        SELECT count(*) FROM (
            SELECT i.index_id, c.authority FROM identities i JOIN children c ON c.row_key = i.record_key GROUP BY ALL HAVING count(*) > 1)
        """,
    ),
    "firewalls_hold": (
        "The two sides of no authority's firewall are one child in the nation.",
        """
        SELECT count(*) FROM firewalls f JOIN identities a ON a.record_key = row_key_a JOIN identities b ON b.record_key = row_key_b
        WHERE a.index_id = b.index_id
        """,
    ),
    "protected_without_address": (
        "Of no protected child has an address left its authority.",
        "SELECT count(*) FROM children WHERE protected AND postcode IS NOT NULL",
    ),
    "protection_told": (
        "Whoever is one child with, or bears a number of, one whom its own authority protects, or bears what another authority's protection knows, "
        "is protected too, or its authority was told, also of what has come since.",
        """
        WITH hiding AS (
            SELECT row_key, authority, coalesce(marked, true) AS marked FROM children c
            WHERE protected AND (asks OR NOT EXISTS (FROM told_before t WHERE t.authority = c.authority AND t.index_id = c.index_id))
        ),
        bearing AS (SELECT authority, row_key, unnest([nhs_number, previous_nhs_number, upn, former_upn]) AS number FROM children),
        one AS (
            SELECT o.record_key AS row_key, h.row_key AS hides, h.marked
            FROM hiding h JOIN identities i ON i.record_key = h.row_key JOIN identities o USING (index_id) WHERE o.record_key <> h.row_key
        ),
        meant AS (
            FROM one
            UNION SELECT o.row_key, b.row_key, h.marked
            FROM bearing b JOIN hiding h USING (row_key) JOIN bearing o USING (number) WHERE o.authority <> b.authority
        ),
        why AS (
            SELECT row_key, 'hides ' || hides AS reason FROM meant
            UNION SELECT row_key, 'asks ' || hides FROM meant WHERE marked
            UNION SELECT row_key, 'is ' || hides FROM one
            UNION SELECT b.row_key, 'bears ' || h.authority || ' ' || h.token
            FROM bearers b JOIN hidden_tokens h USING (token) WHERE NOT starts_with(b.row_key, h.authority || ':') AND b.kind <> 'key'
        ),
        unknown AS (
            SELECT row_key FROM (SELECT row_key, reason FROM why EXCEPT SELECT row_key, reason FROM noted)
            UNION SELECT row_key FROM (SELECT row_key, 'has ' || token AS reason FROM own EXCEPT SELECT row_key, reason FROM noted)
        )
        SELECT count(*) FROM children c WHERE NOT protected AND row_key IN (SELECT row_key FROM why)
            AND NOT EXISTS (FROM telling t WHERE t.authority = c.authority AND t.index_id = c.index_id)
            AND (row_key IN (SELECT row_key FROM unknown) OR NOT EXISTS (FROM told t WHERE t.authority = c.authority AND t.index_id = c.index_id))
        """,
    ),
    "one_custodian": (
        "Each child that an authority knows has one custodian, and another than before only where a move was accepted, or one took over the authority that had it.",
        """
        WITH RECURSIVE stood AS (SELECT DISTINCT national_id FROM pointers WHERE to_night IS NULL),
        leads AS (
            SELECT index_id AS was, index_id AS national_id, 0 AS hops FROM redirects
            UNION ALL SELECT was, redirects_to, hops + 1 FROM leads JOIN redirects r ON r.index_id = leads.national_id
                WHERE r.redirects_to IS NOT NULL AND hops < 1000
        ),
        had AS (  -- whoever had it of one of the ids that are one by now, and to whom it was handed
            SELECT l.national_id, custodian FROM custody_before b JOIN leads l ON l.was = b.national_id
            UNION SELECT l.national_id, to_authority FROM moves_before m SEMI JOIN accepted USING (move) JOIN leads l ON l.was = m.national_id
        ),
        may_have AS (FROM had UNION SELECT national_id, successor FROM had JOIN reorganised ON predecessor = custodian)
        SELECT (SELECT count(*) FROM stood s LEFT JOIN (SELECT national_id, count(*) AS times FROM custody GROUP BY ALL) c USING (national_id)
                WHERE c.times IS DISTINCT FROM 1)
            + (SELECT count(*) FROM custody c WHERE national_id IN (SELECT national_id FROM may_have)
                AND NOT EXISTS (FROM may_have h WHERE h.national_id = c.national_id AND h.custodian = c.custodian))
        """,
    ),
    "ids_stand": (
        f"No more than {_MOVED_SHARE:.0%} of the pointers that stood lead to another national id.",
        f"""
        SELECT if(moved > {_MOVED_LEAST} AND moved > {_MOVED_SHARE} * stood, moved, 0) FROM (
            SELECT count(*) AS stood, count(*) FILTER (i.index_id <> b.national_id) AS moved
            FROM before b JOIN identities i ON i.record_key = b.authority || ':' || b.index_id WHERE b.to_night IS NULL)
        """,
    ),
}


def judge(tables: Mapping[str, pa.Table]) -> list[NetworkGate]:
    """The verdicts, all of them.

    Args:
        tables: `children`, `firewalls`, `who_left`, `identities` (of national ids), `pointers`, `before` (those of the night before), `told` (all
            messages, also those that wait), `told_before` (those handed over before the night), `telling` (those of the night), `noted` (`REASONS` that authorities
            were told of before), `hidden_tokens`, `bearers` and `own` (who bears these, and what those who were told of are known by: `KNOWN_BY`), `custody`, `custody_before` and `moves_before` (of the night
            before), `redirects` (`INDEX_IDS` of national ids), `accepted` (move: those that were accepted), `reorganised` (predecessor, successor).
    """
    verdicts = []
    with connect(tables) as duck:
        for name, (description, sql) in GATES.items():
            ((found,),) = duck.execute(sql).fetchall()
            verdicts.append(NetworkGate(name, not found, description, int(found)))
    return verdicts
