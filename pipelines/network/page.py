"""The page of the co-ordinating index: what stands of it, gathered for the report site. Children who are hidden are counted in no table of two authorities.

Not here: how it looks (`pipelines.reporting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.network.outcome import NetworkNight, last_outcome
from pipelines.network.place import Network
from pipelines.network.standing import standing_of
from pipelines.reporting.figures import NetworkAuthority, NetworkFigures
from pipelines.reporting.site import write_network
from pipelines.tables import connect

__all__ = ["write_page"]


def write_page(network: Network) -> list[Path]:
    """Write the page of what is in force and of the last night, whatever became of that.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    standing, last, in_force = standing_of(network), last_outcome(network), network.in_force()
    shared, moved = _between(in_force[2]) if in_force and in_force[2].is_dir() else ([], [])
    shown = NetworkFigures(
        lead=_lead(last, standing.version),
        first=_first(network, last, standing.figures),
        authorities=[
            NetworkAuthority(each.authority, each.business_date, each.version, each.told)
            for each in standing.authorities
        ],
        figures=standing.figures,
        shared=shared,
        moved=moved,
        gates=[(each.name, each.description, each.passed) for each in last.gates] if last else [],
    )
    return write_network(network.deployment.home, network.deployment.engine, shown)


def _lead(last: NetworkNight | None, version: str | None) -> str:
    in_force = f"{version} is in force." if version else "Nothing is in force yet."
    if last is None or last.business_date is None:
        return in_force
    ended = {"published": "was published", "held": "is held", "running": "was cut short, or is being run"}
    return f"The night of {last.business_date.isoformat()} {ended.get(last.state, last.state)}. {in_force}"


def _first(network: Network, last: NetworkNight | None, figures: Mapping[str, float]) -> list[tuple[str, str]]:
    review, moves, without = (int(figures.get(name, 0)) for name in ("review", "moves", "unclaimed"))
    again = f"`isindex network run --home {network.deployment.home.root}`"
    found = []
    if last is not None:
        found += [
            (f"Held: {reason}", f"Find out what made it so; put it right, and then {again}.") for reason in last.failed
        ]
        if last.fault:
            found.append((last.fault, f"Then run it again: {again}."))
        found += [
            (
                f"Messages of protection for authority {authority} wait ({code}).",
                f"The next run hands them over: {again}.",
            )
            for authority, code in sorted(last.waits.items())
        ]
        found += [
            (
                f"Authority {authority} is taken as it was last ({code}); its pointers stand.",
                "Mend its index first; the next run takes it in.",
            )
            for authority, code in sorted(last.stale.items())
        ]
    for number, words, lists in (
        (moves, "Moves of custody that wait to be answered", "moves"),
        (without, "Children whose custodian knows them no more and whom nobody has taken over", "unclaimed"),
    ):
        if number:
            home = network.deployment.home.root
            found.append((f"{words}: {number:,}.", f"`isindex network {lists} --home {home}` lists them."))
    if review:
        found.append(
            (
                f"Pairs that may be one child: {review:,}.",
                f"`isindex network review --home {network.deployment.home.root}` lists them.",
            )
        )
    return found


def _between(folder: Path) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """Two authorities and how many open children both know; and from which to which how many have moved in the night of an attempt."""
    views = {"pointers": folder / "pointers.parquet", "seen": folder / "identities" / "visibility.parquet"}
    with connect(views) as duck:
        duck.execute("""
            CREATE TEMP TABLE open AS
            FROM pointers ANTI JOIN (SELECT index_id AS national_id FROM seen WHERE shielded OR withheld) USING (national_id)
        """)
        shared = duck.execute("""
            SELECT a.authority, b.authority, count(DISTINCT national_id) FROM open a JOIN open b USING (national_id)
            WHERE a.to_night IS NULL AND b.to_night IS NULL AND a.authority < b.authority GROUP BY ALL ORDER BY 3 DESC, 1, 2
        """).fetchall()
        moved = duck.execute("""
            WITH night AS (SELECT max(greatest(from_night, coalesce(to_night, from_night))) AS night FROM pointers)
            SELECT a.authority, b.authority, count(DISTINCT national_id) FROM open a JOIN open b USING (national_id), night
            WHERE a.to_night = night AND b.from_night = night AND b.to_night IS NULL AND a.authority <> b.authority GROUP BY ALL ORDER BY 3 DESC, 1, 2
        """).fetchall()
    return shared, moved
