"""A night of the network, in plain Python: what the authorities give, who is one child, ids and pointers, messages, proof, publish.

Belongs here: the order, and that one runs at a time. The three stages are what Dagster's assets run one by one
(`network/children`, `network/links`, `network/published`); each reads what the one before it wrote into the attempt's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.identities.ledger import record_night
from pipelines.identities.state import IdentityState
from pipelines.network.contributions import TABLES, Contribution
from pipelines.network.gates import judge
from pipelines.network.inputs import Inputs, inputs_in, inputs_now
from pipelines.network.linking import Gathered, gather, link, review_of
from pipelines.network.messages import hand_over, hidden_in_the_nation, messages_after
from pipelines.network.place import Network
from pipelines.network.pointers import assign, pointers_after
from pipelines.network.publish import bring_up_to_date, let_go, publish_version
from pipelines.nights.lock import alone
from pipelines.seams.matching import WALLS
from pipelines.seams.network import GONE, MESSAGES
from pipelines.tables import read_table, write_json, write_table

__all__ = ["LOCK", "NetworkNight", "gather_children", "link_children", "publish_pointers", "run_network"]

LOCK = "network"


@dataclass(frozen=True)
class NetworkNight:
    """What became of a night of the network.

    Attributes:
        business_date: the night.
        state: ``published``, ``held`` where a gate has not passed, ``unchanged`` where nothing would come otherwise.
        version: what is in force after it.
        figures: counts, the same every night.
        stale: authorities of which something else than what they have in force was taken, with a code.
        waits: authorities that could not take their messages, with a code.
        failed: what the gates that have not passed ask, and how many speak against it.
    """

    business_date: date
    state: str
    version: str | None
    figures: dict[str, float] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def run_network(network: Network, business_date: date, authorities: Iterable[str] | None = None) -> NetworkNight:
    """Run a night of the network; nothing is done where nothing would come otherwise.

    Args:
        network: the co-ordinating index.
        business_date: the night.
        authorities: whom it comprises; default all that the deployment hosts.

    Raises:
        IsindexError: NIGHT_RUNNING when another run of it is going on; STORE_DAMAGED.
    """
    with alone(network.deployment, LOCK):
        inputs, contributions = inputs_now(network, business_date, authorities)
        in_force = network.in_force()
        stale = {each.authority: each.stale for each in inputs.given if each.stale}
        if in_force and in_force[2].is_dir() and inputs_in(in_force[2]).data == inputs.data and not _waits(in_force[2]):
            if _lags(network, in_force[0]):
                bring_up_to_date(network, in_force[0], in_force[2], None)
            return NetworkNight(business_date, "unchanged", in_force[0], stale=stale)
        folder = network.attempt(business_date, inputs.digest)
        gather_children(folder, inputs, contributions)
        link_children(network, folder)
        return publish_pointers(network, folder)


def gather_children(folder: Path, inputs: Inputs, contributions: list[Contribution]) -> dict[str, float]:
    """Stage one: what the authorities give, into the attempt's folder; how much it is."""
    inputs.write(folder)
    gathered = gather(contributions)
    for name in TABLES:
        write_table(getattr(gathered, name), folder / f"{name}.parquet")
    children = gathered.children
    return {
        "authorities": float(len(contributions)),
        "stale": float(sum(bool(each.stale) for each in contributions)),
        "children": float(children.num_rows),
        "protected": float(pc.sum(children["protected"]).as_py() or 0),
    }


def link_children(network: Network, folder: Path) -> dict[str, float]:
    """Stage two: who is one child, and the review list; the matcher's counts."""
    from pipelines.matching.state import MatchState  # the matcher takes a second to import

    inputs, base = inputs_in(folder), _base(network)
    state = MatchState.read(base / "matching" / "state") if base else None
    walls = read_table(base / "matching" / "walls.parquet") if base else WALLS.empty_table()
    matched = link(_gathered(folder), inputs.decisions, walls, state)
    for name in ("clusters", "apart", "walls"):
        write_table(getattr(matched, name), folder / "matching" / f"{name}.parquet")
    matched.state.write(folder / "matching" / "state")
    review = review_of(matched, inputs.business_date, base / "review.parquet" if base else None)
    write_table(review, folder / "review.parquet")
    figures = {name: float(number) for name, number in sorted(matched.stats.items())} | {
        "review": float(review.num_rows)
    }
    write_json(figures, folder / "matching" / "stats.json")
    return figures


def publish_pointers(network: Network, folder: Path) -> NetworkNight:
    """Stage three: ids, pointers, who must be hidden where, the proof, and the version; an authority is told before anything is published."""
    inputs, base, gathered = inputs_in(folder), _base(network), _gathered(folder)
    day, previous = inputs.business_date, IdentityState.read(base) if base else None
    clusters, apart, walls = (
        read_table(folder / "matching" / f"{name}.parquet") for name in ("clusters", "apart", "walls")
    )
    contributions = [
        Contribution(each.authority, each.version, each.business_date, folder, each.stale) for each in inputs.given
    ]
    assigned = assign(clusters, gathered.children, contributions, previous, day, walls)
    told = read_table(base / "told.parquet") if base else MESSAGES.empty_table()
    gone = read_table(base / "gone.parquet") if base else GONE.empty_table()
    before = read_table(base / "children.parquet") if base else None
    hidden = hidden_in_the_nation(gathered, assigned.identities, apart, told, before, gone, day)
    state, events = record_night(assigned, hidden.seen, previous, day)
    state.write(folder)
    pointers = pointers_after(state.identities, day, base / "pointers.parquet" if base else None)
    for name, table in (("events", events), ("pointers", pointers), ("gone", hidden.gone)):
        write_table(table, folder / f"{name}.parquet")
    new = messages_after(gathered, state.identities, hidden.seen, told, day)
    handed = hand_over(network, new)
    every = pa.concat_tables([told, handed.told]).sort_by([("authority", "ascending"), ("index_id", "ascending")])
    write_table(every, folder / "told.parquet")
    write_json(handed.waits, folder / "waits.json")
    verdicts = judge({
        "children": gathered.children, "firewalls": gathered.firewalls, "identities": state.identities, "pointers": pointers,
        "before": read_table(base / "pointers.parquet") if base else pointers.slice(0, 0),
        "told": pa.concat_tables([told, new]), "told_before": told,
    })  # fmt: skip
    figures = _figures(gathered, pointers, hidden.seen, new, folder)
    stale = {each.authority: each.stale for each in inputs.given if each.stale}
    failed = [f"{each.description} It found: {each.found:,}." for each in verdicts if not each.passed]
    write_json([each.as_json() for each in verdicts], folder / "gates.json")
    in_force = network.in_force()
    if failed:
        return NetworkNight(day, "held", in_force[0] if in_force else None, figures, stale, handed.waits, failed)
    version = publish_version(network, inputs, folder, [each.as_json() for each in verdicts], figures)
    bring_up_to_date(network, version, folder, (in_force[0], in_force[2]) if in_force else None)
    let_go(network, inputs, folder)
    return NetworkNight(day, "published", version, figures, stale, handed.waits)


def _figures(gathered: Gathered, pointers: pa.Table, seen: pa.Table, new: pa.Table, folder: Path) -> dict[str, float]:
    standing = pointers.filter(pc.is_null(pointers["to_night"]))
    several = standing.group_by("national_id").aggregate([("index_id", "count")])
    known = several.filter(pc.greater(several["index_id_count"], 1)).num_rows
    return {
        "children": float(gathered.children.num_rows),
        "national_ids": float(several.num_rows),
        "known_in_several": float(known),
        "hidden": float(seen.filter(pc.or_(seen["shielded"], seen["withheld"])).num_rows),
        "messages": float(new.num_rows),
        "review": float(read_table(folder / "review.parquet").num_rows),
    }


def _gathered(folder: Path) -> Gathered:
    return Gathered(**{name: read_table(folder / f"{name}.parquet") for name in TABLES})


def _base(network: Network) -> Path | None:
    """The folder of the attempt in force, on which a night builds."""
    in_force = network.in_force()
    return in_force[2] if in_force and in_force[2].is_dir() else None


def _waits(folder: Path) -> bool:
    """Whether an attempt left messages that no authority has taken yet."""
    path = folder / "waits.json"
    return path.is_file() and path.read_text(encoding="utf-8").strip() != "{}"


def _lags(network: Network, version: str) -> bool:
    """Whether the database follows another version than that in force: a run was killed before its end."""
    from sqlalchemy import select

    from pipelines.network import database as db

    with network.engine.connect() as connection:
        return connection.scalar(select(db.published.c.version)) != version
