"""Running many inputs: which one a number is, what became of them, and the table of it all.

Belongs here: cases, rounds, and the tally. A case is its seed, round and slot, and nothing else: it can be done again alone.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tests.fuzz import mutate_bytes, mutate_cells, mutate_csv, mutate_json, mutate_manifest, mutate_parquet, mutate_xml
from tests.fuzz.bases import POOL, Base, base_of
from tests.fuzz.invariants import Kept, broken, ending, kept_of
from tests.fuzz.mangling import FORMS, MUTATORS, Mangled, mangled
from tests.fuzz.taken_in import Place, Seen, take_in

__all__ = ["FAMILIES", "Finding", "Tally", "applicable", "case", "examined", "one", "rounds"]

FAMILIES = (mutate_bytes, mutate_cells, mutate_csv, mutate_json, mutate_manifest, mutate_parquet, mutate_xml)
"""The modules with mutators; importing them has entered these."""

_ROUNDS = 20  # of one pool of bases
_STORED = 20  # one round in so many is kept in a real store


@dataclass(frozen=True)
class Finding:
    """A promise that an input broke, also when it was taken in alone."""

    promise: str
    what: str
    names: tuple[str, ...]
    agency: str
    form: str
    case: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what} [{self.agency}, {self.form}: {' + '.join(self.names)}] {self.case}"


@dataclass
class Tally:
    """What was counted: (mutator, form) → how many ended how; inputs in all; what was found."""

    ends: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    inputs: int = 0
    nights: int = 0
    findings: list[Finding] = field(default_factory=list)
    withdrawn: int = 0

    def add(self, other: Tally) -> None:
        self.ends.update(other.ends)
        self.inputs += other.inputs
        self.nights += other.nights
        self.findings += other.findings
        self.withdrawn += other.withdrawn

    def table(self) -> str:
        """Mutator × form: tried, accepted whole, partly, held, refused."""
        columns = ("whole", "partly", "held", "refused")
        lines = [f"{'mutator':38}{'form':9}{'tried':>8}" + "".join(f"{each:>9}" for each in columns)]
        others = sorted({name for name, _, _ in self.ends} - MUTATORS.keys() - {"several of them", "none"})
        for name in (*MUTATORS, "several of them", "none", *others):
            for form in FORMS:
                found = {end: self.ends[name, form, end] for end in (*columns, "failed")}
                if tried := sum(found.values()):
                    lines.append(f"{name:38}{form:9}{tried:8}" + "".join(f"{found[each]:9}" for each in columns))
        return "\n".join(lines)


def applicable(form: str) -> list[str]:
    """The mutators for a form of file."""
    return [name for name, (_, forms) in MUTATORS.items() if form in forms]


@lru_cache(POOL)
def _base(seed: str, pool: int, slot: int) -> Base:
    return base_of(f"{seed}/{pool}", slot)


def case(seed: str, number: int, slot: int) -> Mangled:
    """The input of a round and slot: its base with one mutator, in four of ten with two or three."""
    base = _base(seed, number // _ROUNDS, slot)
    rng = random.Random(f"{seed}/{number}/{slot}")
    there = applicable(base.form)
    own = [name for name in there if len(MUTATORS[name][1]) < 4]
    names = [
        rng.choice(own if rng.random() < 0.7 else there) for _ in range(rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 2, 3)))
    ]
    # what is done to values comes first: of bytes that are spoilt no record could be written anew
    names.sort(key=lambda name: MUTATORS[name][0].__module__ != "tests.fuzz.mutate_cells")
    return mangled(base, names, rng)


def one(given: Mangled, place: Place) -> list[tuple[str, str]]:
    """What promises an input breaks when it is taken in alone, beside its sound delivery."""
    [whole] = take_in(place, [mangled(given.base, (), random.Random(0))])
    [seen] = take_in(place, [given], stored=True)
    return list(broken(given, seen, kept_of(whole), place, stored=True))


def examined(
    seed: str, number: int, place: Place, sound: Mapping[int, Kept], tally: Tally, slots: Sequence[int]
) -> None:
    """Take in one round and count what becomes of it; what looks broken is taken in alone before it counts."""
    inputs = [case(seed, number, slot) for slot in slots]
    stored = number % _STORED == 0
    found = take_in(place, inputs, stored=stored)
    for slot, given, seen in zip(slots, inputs, found, strict=True):
        _count(tally, given, seen)
        wrong = list(broken(given, seen, sound[slot], place, stored=stored))
        if wrong:
            again = one(given, place)
            if not again:
                tally.withdrawn += 1
            name = f"{seed}/{number}/{slot}"
            tally.findings += [
                Finding(*each, given.names, given.base.agency, given.base.form, name) for each in dict.fromkeys(again)
            ]


def _count(tally: Tally, given: Mangled, seen: Seen) -> None:
    tally.inputs += 1
    names = (*given.names, *(["several of them"] if len(given.names) > 1 else [])) or ("none",)
    for name in dict.fromkeys(names):
        tally.ends[name, given.base.form, ending(seen)] += 1


def rounds(
    seed: str,
    *,
    worker: int = 0,
    workers: int = 1,
    inputs: int,
    until: float,
    tell: Callable[[Tally], None] = lambda tally: None,
    slots: Sequence[int] = tuple(range(POOL)),
) -> Tally:
    """Round after round, those of one worker among several, until there are `inputs` or the clock says `until` (monotonic)."""
    tally, place, done = Tally(), Place(), 0
    pool, sound = -1, dict[int, Kept]()
    number = worker
    try:
        while done < inputs and time.monotonic() < until:
            if number // _ROUNDS != pool:
                pool = number // _ROUNDS
                wanted = slots[:inputs]
                bases = [_base(seed, pool, slot) for slot in wanted]
                whole = take_in(place, [mangled(base, (), random.Random(0)) for base in bases])
                sound = {slot: kept_of(each) for slot, each in zip(wanted, whole, strict=True)}
            part = Tally()
            examined(seed, number, place, sound, part, slots[: inputs - done])
            tell(part)
            done += part.inputs
            tally.add(part)
            number += workers
    finally:
        place.close()
    return tally
