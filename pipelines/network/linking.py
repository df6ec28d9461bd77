"""Who of several authorities is one child: the same matcher as within one, each authority a source that knows each child once.

Belongs here: what the matcher is given of the authorities, and what of its answer concerns more than one of them. A firewall that stands
within an authority stands between its two children here; a child without a name is linked with nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.network.contributions import ROWS, Contribution
from pipelines.network.decisions import Decided, contradicted
from pipelines.network.heirs import led_on, same_of
from pipelines.seams.matching import DECISIONS
from pipelines.seams.network import REVIEW
from pipelines.seams.seam import give, grown
from pipelines.tables import connect, fetch, read_table

if TYPE_CHECKING:
    from pipelines.matching.night import MatchedNight
    from pipelines.matching.state import MatchState

__all__ = ["Gathered", "gather", "link", "review_of"]


@dataclass(frozen=True)
class Gathered:
    """What all authorities give of their children, by the seams of `pipelines.seams.network`."""

    children: pa.Table
    names: pa.Table
    firewalls: pa.Table


def gather(contributions: Sequence[Contribution]) -> Gathered:
    """The contributions as one, in order of their keys."""
    together = {
        name: pa.concat_tables(
            [
                seam.empty_table(),
                *(
                    grown(read_table(each.folder / f"{name}.parquet"), seam).select(seam.names)
                    for each in contributions
                ),
            ]
        )
        for name, seam in ROWS.items()
    }
    order = {name: [(column, "ascending") for column in table.column_names[:1]] for name, table in together.items()}
    return Gathered(**{name: table.sort_by(order[name]) for name, table in together.items()})


def link(
    gathered: Gathered,
    left: Gathered,
    decisions: Sequence[Decided],
    walls: pa.Table,
    previous: MatchState | None,
    inherited: pa.Table | None = None,
) -> MatchedNight:
    """Match the children of all authorities, and those who have left one.

    Args:
        gathered: what they give.
        left: the same of who has left: such a child may be one with any other, also of its authority, to which it may have come back.
        decisions: what people decided of pairs of them.
        walls: the sides of firewalls after the night before (`WALLS`).
        previous: the matcher's state after the night before; saves time and changes no result.
        inherited: who is known by the id of an authority that was taken over (`heirs.INHERITED`): it is the same child.
    """
    from pipelines.matching.night import match

    rules = dict.fromkeys(pc.unique(gathered.children["authority"]).to_pylist(), "entry")
    gone = left.children.select(gathered.children.column_names)
    authorities = gone["authority"].combine_chunks()
    sources = pc.binary_join_element_wise(authorities, pa.scalar("who have left"), " ")
    gone = gone.set_column(gone.column_names.index("authority"), "authority", sources)
    children = pa.concat_tables([gathered.children, gone]).drop_columns(
        ["index_id", "protected", "asks", "agencies", "marked"]
    )
    people = children.rename_columns({"row_key": "record_key", "authority": "source"}).sort_by("record_key")
    names = (
        pa.concat_tables([gathered.names, left.names]).rename_columns({"row_key": "record_key"}).sort_by("record_key")
    )
    walled = pa.concat_tables([gathered.firewalls, left.firewalls])
    told = _decisions(walled, decisions) if inherited is None else _decisions(walled, led_on(decisions, inherited))
    if inherited is not None:
        told = pa.concat_tables([told, same_of(inherited, gone["row_key"])])
    return match(people, names, unique_sources=rules, decisions=told, walls=walls, previous=previous)


def _decisions(firewalls: pa.Table, decisions: Sequence[Decided]) -> pa.Table:
    """Decisions and firewalls of the authorities as the matcher takes them (`DECISIONS`)."""
    told = contradicted(decisions)
    rows = [(each.kind, each.row_key_a, each.row_key_b, each.reason) for each in decisions if each.number not in told]
    rows += [
        ("firewall", a, b, "A firewall of the authority")
        for a, b in zip(firewalls["row_key_a"].to_pylist(), firewalls["row_key_b"].to_pylist(), strict=True)
    ]
    columns = zip(*rows, strict=True) if rows else ([],) * 4
    named = {name: pa.array(list(each), pa.string()) for name, each in zip(DECISIONS.names, columns, strict=True)}
    return give(pa.table(named), DECISIONS)


def review_of(matched: MatchedNight, business_date: date, previous: Path | None) -> pa.Table:
    """The pairs that a person should look at (`REVIEW`), with the night on which each was first found.

    Args:
        matched: the matcher's answer.
        business_date: the night.
        previous: the review list of the night before.
    """
    views = {"possible": matched.possible, "before": previous or REVIEW.empty_table()}
    with connect(views) as duck:
        found = fetch(
            duck,
            f"""
            SELECT record_key_a AS row_key_a, record_key_b AS row_key_b, p.weight, p.reason,
                coalesce(b.first_seen, DATE '{business_date.isoformat()}') AS first_seen
            FROM possible p LEFT JOIN before b ON b.row_key_a = record_key_a AND b.row_key_b = record_key_b
            WHERE p.kind = 'review' AND split_part(record_key_a, ':', 1) <> split_part(record_key_b, ':', 1)
            ORDER BY p.weight DESC, 1, 2
        """,
        )
    return give(found, REVIEW)
