"""A night of the network, in plain Python: what the authorities give, who is one child, ids and pointers, messages, proof, publish.

Belongs here: the order, and that one runs at a time. The three stages are what Dagster's assets run one by one
(`network/children`, `network/links`, `network/published`); each reads what the one before it wrote into the attempt's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.audit import refuse_older_database
from pipelines.identities.ledger import record_night
from pipelines.identities.state import IdentityState
from pipelines.network.contributions import ROWS, Contribution
from pipelines.network.custody import Custody, custody_after
from pipelines.network.gates import judge
from pipelines.network.heirs import heirs_of, inherited_ids, noted_on, told_on, without_heirs
from pipelines.network.inputs import inputs_in, inputs_now
from pipelines.network.known_by import bearers_of, hidden_after, tokens_of
from pipelines.network.left import Left, left_after
from pipelines.network.linking import Gathered, gather, link, review_of
from pipelines.network.messages import Handed, hand_over, hidden_in_the_nation, messages_after
from pipelines.network.outcome import NetworkNight, keep_outcome
from pipelines.network.page import write_page
from pipelines.network.place import LOCK, Network
from pipelines.network.pointers import assign, pointers_after
from pipelines.network.publish import bring_up_to_date, let_go, publish_version
from pipelines.network.reasons import TABLE, have_decided, noted_after, noted_before, with_their_own
from pipelines.network.restored import restore_decided
from pipelines.nights.lock import alone
from pipelines.publishing.versions import versions_in_force
from pipelines.seams.matching import WALLS
from pipelines.seams.network import MESSAGES
from pipelines.tables import read_table, read_told, write_json, write_table

__all__ = ["gather_children", "link_children", "publish_pointers", "run_network", "unchanged", "waits_in"]


Tell = Callable[[Network, pa.Table], Handed]


def run_network(network: Network, business_date: date, authorities: Iterable[str] | None = None) -> NetworkNight:
    """Run a night of the network; nothing is done where nothing would come otherwise.

    Args:
        network: the co-ordinating index.
        business_date: the night.
        authorities: whom it comprises; default all that the deployment hosts.

    Raises:
        IsindexError: NIGHT_RUNNING when another run of it is going on; DATABASE_OLDER; STORE_DAMAGED.
    """
    with alone(network.deployment, LOCK):
        same = unchanged(network, business_date, authorities)
        if same is not None:
            return same
        gather_children(network, business_date, authorities)
        link_children(network, business_date)
        return publish_pointers(network, business_date)


def unchanged(network: Network, business_date: date, authorities: Iterable[str] | None = None) -> NetworkNight | None:
    """What is in force, where a night would make nothing else; the database follows it then. None where a night is to be run.

    Raises:
        IsindexError: DATABASE_OLDER; STORE_DAMAGED.
    """
    refuse_older_database(network.deployment)
    restore_decided(network)
    inputs, _ = inputs_now(network, business_date, authorities)
    in_force = network.in_force()
    if not in_force or not in_force[2].is_dir() or inputs_in(in_force[2]).data != inputs.data or waits_in(in_force[2]):
        return None
    if _lags(network, in_force[0]):
        bring_up_to_date(network, in_force[0], in_force[2], None)
    stale = {each.authority: each.stale for each in inputs.given if each.stale}
    return NetworkNight(business_date, "unchanged", in_force[0], stale=stale)


def gather_children(
    network: Network, business_date: date, authorities: Iterable[str] | None = None
) -> dict[str, float]:
    """Stage one: what the authorities give, into the folder of a new attempt; how much it is.

    Raises:
        IsindexError: DATABASE_OLDER; STORE_DAMAGED.
    """
    refuse_older_database(network.deployment)
    restore_decided(network)
    inputs, contributions = inputs_now(network, business_date, authorities)
    folder = network.begin(business_date, inputs.digest)
    in_force = network.in_force()
    keep_outcome(network, NetworkNight(business_date, "running", in_force[0] if in_force else None))
    inputs.write(folder)
    gathered = gather(contributions)
    for name in ROWS:
        write_table(getattr(gathered, name), folder / f"{name}.parquet")
    folders = {each.authority: each.folder for each in contributions}
    waits, goes_on = heirs_of(inputs.reorganised, folders)
    left = left_after(gathered, _base(network), business_date, network.deployment.settings.keep_nights, waits)
    left.write(folder)
    write_table(inherited_ids(network, inputs, gathered.children), folder / "inherited.parquet")
    hidden = hidden_after(folders, _base(network), goes_on)
    write_table(hidden, folder / "hidden_tokens.parquet")
    write_table(bearers_of(folders, hidden), folder / "bearers.parquet")
    children = gathered.children
    return {
        "authorities": float(len(contributions)),
        "stale": float(sum(bool(each.stale) for each in contributions)),
        "children": float(children.num_rows),
        "protected": float(pc.sum(children["protected"]).as_py() or 0),
        "left": float(left.children.num_rows),
    }


def link_children(network: Network, business_date: date) -> dict[str, float]:
    """Stage two: who is one child, and the review list; the matcher's counts."""
    from pipelines.matching.state import MatchState  # the matcher takes a second to import

    folder = network.begun(business_date)
    inputs, base = inputs_in(folder), _base(network)
    state = MatchState.read(base / "matching" / "state") if base else None
    walls = read_table(base / "matching" / "walls.parquet") if base else WALLS.empty_table()
    inherited = read_table(folder / "inherited.parquet")
    matched = link(_gathered(folder), Left.read(folder), inputs.decisions, walls, state, inherited)
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


def publish_pointers(network: Network, business_date: date, tell: Tell = hand_over) -> NetworkNight:
    """Stage three: ids, pointers, who must be hidden where, the proof, and the version; an authority is told before anything is published.

    Args:
        network: the co-ordinating index.
        business_date: the night.
        tell: hands messages to their authorities.
    """
    folder = network.begun(business_date)
    inputs, base, gathered, left = inputs_in(folder), _base(network), _gathered(folder), Left.read(folder)
    day, previous = inputs.business_date, IdentityState.read(base) if base else None
    clusters, apart, walls = (
        read_table(folder / "matching" / f"{name}.parquet") for name in ("clusters", "apart", "walls")
    )
    contributions = [
        Contribution(each.authority, each.version, each.business_date, folder, each.stale) for each in inputs.given
    ]
    assigned = assign(clusters, gathered.children, left.children, contributions, previous, day, walls)
    inherited = read_table(folder / "inherited.parquet")
    told, meant = (told_on(_noted(network, *names), inherited) for names in (("told",), ("told", "telling")))
    knows, bearers = (read_table(folder / f"{name}.parquet") for name in ("hidden_tokens", "bearers"))
    others = replace(left, children=without_heirs(left.children, inherited))
    hidden = hidden_in_the_nation(gathered, others, assigned.identities, apart, meant, knows, bearers)
    folders = {each.authority: network.contribution(each.authority, each.version) for each in inputs.given}
    own = tokens_of(folders, hidden.reasons.select(["row_key"]))
    reasons = with_their_own(hidden.reasons, own)
    noted = noted_on(noted_before(network, reasons, told), inherited, inputs.reorganised)
    state, events = record_night(assigned, hidden.seen, previous, day)
    state.write(folder)
    pointers = pointers_after(state.identities, gathered.children, day, base / "pointers.parquet" if base else None)
    before_it = Custody.read(base)
    custody = custody_after(
        state, gathered.children, pointers, before_it, inputs.answers, inputs.claims, day, inputs.reorganised
    )
    custody.write(folder)
    for name, table in (("events", events), ("pointers", pointers)):
        write_table(table, folder / f"{name}.parquet")
    new = messages_after(gathered, state.identities, hidden.seen, told, reasons, noted, day)
    write_table(
        new, folder / "telling.parquet"
    )  # what is handed over is known, be it that nobody can say any more that it was
    handed = tell(network, new)
    # before what was told: who is not known to have been told of is told of again, and nothing else is
    decided = have_decided(network, inputs.given, reasons, noted)
    after = noted_after(noted, reasons, hidden.grounds, _anew(told, handed.told), gathered.children, decided)
    write_table(after, folder / f"{TABLE}.parquet")
    write_table(_in_order([told, handed.told]), folder / "told.parquet")
    write_json(handed.waits, folder / "waits.json")
    write_json(_shown_by(network, handed.told), folder / "handed.json")
    verdicts = judge({
        "children": gathered.children, "firewalls": pa.concat_tables([gathered.firewalls, left.firewalls]), "identities": state.identities, "who_left": left.children, "pointers": pointers,
        "before": read_table(base / "pointers.parquet") if base else pointers.slice(0, 0),
        "told": pa.concat_tables([told, new]), "told_before": meant, "telling": new, "noted": noted, "hidden_tokens": knows, "bearers": bearers, "own": own,
        "custody": custody.custody, "custody_before": before_it.custody, "moves_before": before_it.moves, "redirects": state.index_ids,
        "reorganised": pa.table({"predecessor": pa.array([each.predecessor for each in inputs.reorganised], pa.string()), "successor": pa.array([each.successor for each in inputs.reorganised], pa.string())}),
        "accepted": pa.table({"move": pa.array([each.move for each in inputs.answers if each.verdict == "accepted"], pa.string())}),
    })  # fmt: skip
    figures = _figures(gathered, pointers, hidden.seen, new, custody, folder)
    stale = {each.authority: each.stale for each in inputs.given if each.stale}
    in_force = network.in_force()
    night = NetworkNight(day, "held", in_force[0] if in_force else None, figures, stale, handed.waits, tuple(verdicts))
    if not night.failed:
        version = publish_version(network, inputs, folder, [each.as_json() for each in verdicts], figures)
        bring_up_to_date(network, version, folder, (in_force[0], in_force[2]) if in_force else None)
        let_go(network, inputs, folder)
        night = replace(night, state="published", version=version)
    keep_outcome(network, night)
    write_page(network)
    return night


def waits_in(folder: Path) -> dict[str, str]:
    """The authorities that could not take the messages of an attempt, with a code."""
    path = folder / "waits.json"
    return read_told(path, {}) if path.is_file() else {}


def handed_in(folder: Path) -> dict[str, str]:
    """The authorities to which an attempt handed messages over, with the version that each had in force right after that."""
    path = folder / "handed.json"
    return read_told(path, {}) if path.is_file() else {}


def _shown_by(network: Network, handed: pa.Table) -> dict[str, str]:
    home = network.deployment.home
    found = {each: versions_in_force(home, each) for each in pc.unique(handed["authority"]).to_pylist()}
    return {each: versions[max(versions)] for each, versions in found.items() if versions}


def _figures(
    gathered: Gathered, pointers: pa.Table, seen: pa.Table, new: pa.Table, custody: Custody, folder: Path
) -> dict[str, float]:
    standing = pointers.filter(pc.is_null(pointers["to_night"]))
    several = standing.group_by("national_id").aggregate([("index_id", "count")])
    known = several.filter(pc.greater(several["index_id_count"], 1)).num_rows
    return {
        "children": float(gathered.children.num_rows),
        "national_ids": float(several.num_rows),
        "known_in_several": float(known),
        "hidden": float(seen.filter(pc.or_(seen["shielded"], seen["withheld"])).num_rows),
        "messages": float(new.num_rows),
        "moves": float(custody.moves.filter(pc.equal(custody.moves["state"], "proposed")).num_rows),
        "unclaimed": float(custody.unclaimed(several["national_id"])),
        "review": float(read_table(folder / "review.parquet").num_rows),
    }


def _gathered(folder: Path) -> Gathered:
    return Gathered(**{name: read_table(folder / f"{name}.parquet") for name in ROWS})


def _base(network: Network) -> Path | None:
    """The folder of the attempt in force, on which a night builds."""
    in_force = network.in_force()
    return in_force[2] if in_force and in_force[2].is_dir() else None


def _noted(network: Network, *tables: str) -> pa.Table:
    """The messages of tables of all attempts (`MESSAGES`): also of those that a gate held, whose messages are in force all the same."""
    found = [path for name in tables for path in sorted(network.root.glob(f"nights/*/*/{name}.parquet"))]
    return _in_order([MESSAGES.empty_table(), *map(read_table, found)])


def _in_order(messages: list[pa.Table]) -> pa.Table:
    """Messages of several tables, each once, as it was told first."""
    every = pa.concat_tables(messages).group_by(["authority", "index_id"]).aggregate([("since", "min")])
    every = every.rename_columns(["authority", "index_id", "since"]).select(MESSAGES.names)
    return every.sort_by([("authority", "ascending"), ("index_id", "ascending")])


def _anew(told: pa.Table, handed: pa.Table) -> pa.Table:
    """The messages that were handed over before and tonight, and which are tonight's (`anew`)."""
    parts = [
        each.append_column("anew", pa.array([anew] * each.num_rows, pa.bool_()))
        for each, anew in ((told, False), (handed, True))
    ]
    return pa.concat_tables(parts)


def _lags(network: Network, version: str) -> bool:
    """Whether the database follows another version than that in force: a run was killed before its end."""
    from sqlalchemy import select

    from pipelines.network import database as db

    with network.engine.connect() as connection:
        return connection.scalar(select(db.published.c.version)) != version
