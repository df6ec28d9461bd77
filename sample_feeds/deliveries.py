"""What was made: deliveries with the answer each must get, and the waves in which they arrive.

Belongs here: describing made deliveries and putting them into a landing folder. Not here: making them (nights.py).
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Delivery", "Wave", "waves_of"]


@dataclass(frozen=True)
class Delivery:
    """One delivery that was made, and the answer it must get.

    Attributes:
        wave: 1 for what arrives in time; later for late and corrected deliveries.
        folder: where it lies now.
        fault: the file fault in it, ``corrected`` for a good one that replaces a bad one, or "".
        state: loaded, partly_loaded, held or refused.
        codes: file codes of which at least one must be given (empty: none in particular).
        rows: data rows as the manifest says, unless the manifest is what is wrong.
        accepted, queried, rejected, repeats: records by outcome; all 0 when nothing may be loaded.
        lost: records that a broken file no longer holds; the five add up to rows when anything is loaded.
    """

    authority: str
    agency: str
    business_date: dt.date
    sequence: int
    mode: str
    wave: int
    folder: Path
    fault: str
    state: str
    codes: tuple[str, ...]
    rows: int
    accepted: int
    queried: int
    rejected: int
    repeats: int
    lost: int = 0


@dataclass(frozen=True)
class Wave:
    """Deliveries that arrive together: `put` copies them into a landing folder, each manifest last."""

    number: int
    title: str
    deliveries: tuple[Delivery, ...]

    def put(self, landing: Path) -> list[Path]:
        """Copy the wave into `landing` (a folder's old content is replaced); returns the folders filled."""
        filled = []
        for delivery in self.deliveries:
            place = landing / delivery.authority / delivery.agency / delivery.business_date.isoformat()
            filled.append(place)
            if place == delivery.folder:
                continue
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for file in sorted(delivery.folder.iterdir(), key=lambda path: path.name == "manifest.json"):
                shutil.copyfile(file, place / file.name)
        return filled


def waves_of(deliveries: Sequence[Delivery], titles: Mapping[int, str] | None = None) -> list[Wave]:
    """The deliveries of `make_nights`, grouped by the wave they arrive in."""
    numbers = sorted({delivery.wave for delivery in deliveries})
    return [
        Wave(n, (titles or {}).get(n, f"wave {n}"), tuple(d for d in deliveries if d.wave == n)) for n in numbers
    ]  # fmt: skip
