"""What a version in force would know by now: a night after it to which nothing is delivered, with all that was asked and decided since.

A version is made less whom feeds and people name later, and the tables of its attempt stay as they were built. Before another takes its place,
or is built past it, what it knows has to be what it hides: whom a wish or a shield has reached only through a record that is gone by then, and
where the sides of a firewall stood that was decided after it. So the matcher and protection go on from it once more, as they do every night;
nothing of this is published.

Belongs here: making that night, and removing it. Not here: what is carried on of it (`carried`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.nights.attempts import Attempt
from pipelines.nights.hiding import asked_since
from pipelines.nights.inputs import Asking, Base, Decided, Inputs
from pipelines.nights.plan import inputs_now
from pipelines.nights.requests import asked_for
from pipelines.nights.stages.identities import identify_of
from pipelines.nights.stages.links import link_of
from pipelines.protection.remembered import remembering
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table, write_json

__all__ = ["known_by_now"]

_HIDES = ("shield", "firewall")


@contextmanager
def known_by_now(version: Attempt, attempt: Attempt, built: str) -> Iterator[Path]:
    """A folder with what the attempt of a version in force knows by now; its own where it has seen all, or `attempt` sees all that it saw.

    Args:
        version: the attempt in force.
        attempt: that which takes its place, or is built past it.
        built: the name of its version.
    """
    inputs = _inputs(version, attempt, built)
    if inputs is None:
        yield version.folder
        return
    night = Attempt(version.night, inputs.digest)
    shutil.rmtree(night.folder, ignore_errors=True)
    try:
        write_json(inputs.as_json(), night.folder / "inputs.json")
        (night.folder / "person").symlink_to(version.folder / "person", target_is_directory=True)
        with remembering(night.night.home.memory(night.night.authority)):
            link_of(night)
            identify_of(night)
        yield night.folder
    finally:
        shutil.rmtree(night.folder, ignore_errors=True)


def _inputs(version: Attempt, attempt: Attempt, built: str) -> Inputs | None:
    """What that night is built from; None where it would show nothing that either attempt does not. Where it cannot be read what the version was
    built from, all is taken for asked since, and decisions are those of `attempt`.
    """
    was, now = version.inputs_or_none, attempt.inputs
    asking, decisions = _asked_since(version), _decided(was, attempt)
    if was is not None and not asking and decisions == was.decisions:
        return None
    if was is not None and _joined_by(now) == _joined_by(was):
        return None
    day = version.night.business_date
    return Inputs(now.authority, day, Base(day, built), (), decisions, now.means, tuple(asking))


def _joined_by(inputs: Inputs) -> tuple[object, ...]:
    """What decides which records are one child."""
    pairs = [each for each in inputs.decisions if each.kind in ("same", "not_the_same")]
    return inputs.base, inputs.deliveries, inputs.means, pairs


def _asked_since(version: Attempt) -> list[Asking]:
    """What was asked since: not among its inputs, nor in its register. Where what it was built on is gone, the register alone knows of that, and what
    people have lifted there must not be told again.
    """
    entries = read_table(version.folder / "protection" / "entries.parquet", ["entry_id", "told"])
    told = {key: number or 0 for key, number in zip(*entries.to_pydict().values(), strict=True)}
    asking = asked_since(version)
    return [
        each
        for each, asked in zip(asking, asked_for(version.night, asking), strict=True)
        if any(told.get(key, -1) < asked.told for key in asked.requests["entry_id"].to_pylist())
    ]


def _decided(was: Inputs | None, attempt: Attempt) -> tuple[Decided, ...]:
    """The decisions of which a version in force was built, and those since that hide at once, be it from a later night on. What else was decided counts for the attempt: what is
    taken back since may be what joined a child with one who asks.
    """
    night = attempt.night
    newest = max(versions_in_force(night.home, night.authority), default=night.business_date)
    later = inputs_now(night.on(newest)).decisions if newest > night.business_date else ()
    every = {each.number: each for each in (*later, *attempt.inputs.decisions) if each.kind in _HIDES}
    every |= {each.number: each for each in (was or attempt.inputs).decisions}
    return tuple(each for _, each in sorted(every.items()))
