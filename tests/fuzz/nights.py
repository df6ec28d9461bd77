"""Whole nights with a mangled delivery: what comes out must be a sound published index.

Belongs here: one home of eight children after an honest night, and of each input a copy of it that lives another night. Not here: what is
mangled (`mangling`), the many inputs that only the intake sees (`taken_in`).
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.errors import IsindexError
from tests.fuzz.bases import Base, Dress, asks
from tests.fuzz.mangling import MUTATORS, Mangled, mangled
from tests.nights.little_authority import AGENCIES, AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

__all__ = ["Nights"]

_NATIVE = {"health": "csv", "education": "xml", "police": "csv", "social_care": "jsonl"}
_ENDS = frozenset({"published", "held"})


class Nights:
    """A home after its first night, to be copied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = LittleNights(folder / "first")
        self.first.deliver(0)
        ended = self.first.load()
        assert ended == {0: "published"}, ended
        self.first.deployment.engine.dispose()

    def lived(self, seed: str, number: int) -> tuple[Mangled, str, list[tuple[str, str]]]:
        """The input of a number, the state that its night ended in, and the promises that it broke."""
        place = self.first.copied_to(self.folder / "second")
        try:
            given = self._given(place, seed, number)
            others = [agency for agency in AGENCIES if agency != given.base.agency]
            place.deliver(1, *others)
            folder = place.landing / AUTHORITY / given.base.agency / day_of(1).isoformat()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, data in given.files.items():
                (folder / name).write_bytes(data)
            (folder / "manifest.json").write_bytes(given.manifest)
            try:
                ended = place.load()
            except Exception as fault:
                if isinstance(fault, IsindexError):
                    return given, fault.code, []
                return given, "failed", [("no crash", f"{type(fault).__name__} in a night")]
            return given, ended.get(1, "none"), list(_broken(place, given, ended))
        finally:
            place.deployment.engine.dispose()
            shutil.rmtree(self.folder / "second", ignore_errors=True)

    def _given(self, place: LittleNights, seed: str, number: int) -> Mangled:
        rng = random.Random(f"{seed}/night/{number}")
        agency = AGENCIES[number % 4]
        form = "parquet" if rng.random() < 0.2 else _NATIVE[agency]
        rows = [dict(row) for row in place.feeds[agency].rows.values()]
        if agency == "health" and rng.random() < 0.7:
            rng.choice(rows)["confidentiality"] = "S"
        if agency == "social_care" and rng.random() < 0.7:
            rng.choice(rows)["shield"] = {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}
        base = replace(Base(agency, form, "full", day_of(1), tuple(rows), Dress(rng.choice(["\r\n", "\n"]))))
        there = [name for name, (_, forms) in MUTATORS.items() if form in forms]
        return mangled(base, [rng.choice(there)], rng)


def _broken(place: LittleNights, given: Mangled, ended: dict[int, str]) -> Iterator[tuple[str, str]]:
    if ended.get(1) not in _ENDS:
        yield "no crash", f"the night ended in {ended.get(1)}"
        return
    night = 1 if ended[1] == "published" else 0
    shown = place.published(night)
    if len(set(shown["index_id"].to_pylist())) != shown.num_rows or shown.num_rows < len(children()):
        yield "nothing good lost", f"{shown.num_rows} children are shown"
    if night == 0 or given.unmarked is None:
        return
    streets = str(place.published(1, "addresses").to_pylist())
    for number, (row, child) in enumerate(zip(given.base.rows, children(), strict=True)):
        if asks(given.base.agency, row) and number not in given.unmarked and child.street in streets:
            yield "every mark heard", "a child who asks is shown with its home"
