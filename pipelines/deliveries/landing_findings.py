"""What is said of the landing place itself: a code, a place shown safely, a plain message and the way out.

Belongs here: how a finding is worded and how many of a kind are listed. The words are data (`schemas/landing_codes.yaml`).
Not here: when a code applies (`survey`, `landing`). A name that somebody else chose may be a person's: it is shown only
where it is a number, of words that programs call an extract by, or nearly an agency's; else by its shape.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pipelines.contracts import registered_agencies
from pipelines.deliveries.codes import file_as_told
from pipelines.deliveries.listing import Parts

__all__ = ["LISTED", "LandingFinding", "Noted", "folded", "is_like_a_manifest", "landing_codes", "shown", "tell"]

LISTED = 20
"""Findings of one code that are listed; the rest are told as a number."""


@dataclass(frozen=True)
class LandingFinding:
    """One thing to say of the landing place.

    Attributes:
        code: for example ``UNKNOWN_AGENCY_FOLDER``.
        place: path below the landing place, each name shown safely; "" for the rest of a long list.
        message: what is wrong.
        remedy: what supplier or operator should do.
        authority: the authority concerned, where it is known; likewise `agency` and `business_date`.
        places: how many places it stands for: one, or the rest of a long list.
    """

    code: str
    place: str
    message: str
    remedy: str
    authority: str | None = None
    agency: str | None = None
    business_date: date | None = None
    places: int = 1

    def as_json(self) -> dict[str, Any]:
        """The finding for machines; days in ISO text."""
        return {
            "code": self.code,
            "place": self.place,
            "message": self.message,
            "remedy": self.remedy,
            "authority": self.authority,
            "agency": self.agency,
            "business_date": self.business_date.isoformat() if self.business_date else None,
            "places": self.places,
        }


@dataclass(frozen=True)
class Noted:
    """A finding before it is worded.

    Attributes:
        code: its code.
        parts: the names on the way, as they are.
        known: how many of the first names are an authority, an agency and a business date that are known.
        words: for the message's and the remedy's templates.
        candidates: names that may be meant by the last one.
    """

    code: str
    parts: Parts
    known: int
    words: Mapping[str, object] = field(default_factory=dict)
    candidates: Collection[str] = ()


def tell(noted: Iterable[Noted]) -> tuple[LandingFinding, ...]:
    """The findings by code and place, at most `LISTED` of each code and a last one for the rest of it."""
    by_code: dict[str, list[Noted]] = defaultdict(list)
    for each in noted:
        by_code[each.code].append(each)
    told: list[LandingFinding] = []
    for code, alike in sorted(by_code.items()):
        alike.sort(key=lambda each: each.parts)
        told += map(_worded, alike[:LISTED])
        rest = len(alike) - LISTED
        if rest > 0:
            remedy = landing_codes()[code]["remedy"].format_map(alike[0].words)
            told.append(LandingFinding(code, "", f"{rest:,} more are not listed.", remedy, places=rest))
    return tuple(told)


def shown(parts: Parts) -> str:
    """A path whose every name is safe to show: as `file_as_told` has it, but for what is nearly the name of an agency."""
    return "/".join(name if _is_nearly_an_agency(name) else file_as_told(name) for name in parts)


def _is_nearly_an_agency(name: str) -> bool:
    """Whether a name is most likely a slip for a registered agency: one letter otherwise of six."""
    agencies = [each.agency for each in registered_agencies()]
    return bool(re.fullmatch(r"[A-Za-z_-]{1,40}", name) and difflib.get_close_matches(folded(name), agencies, 1, 0.85))


def folded(name: str) -> str:
    """A name without what the eye passes over: capitals, spaces around, look-alike forms, hyphens for underscores."""
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold())


def is_like_a_manifest(name: str) -> bool:
    """Whether a file's name is the manifest's, or meant to be: in other capitals, or with the ending that an editor puts behind it."""
    return folded(name) in ("manifest.json", "manifest.json.txt", "manifest.json.json", "manifest.txt")


@cache
def landing_codes() -> Mapping[str, Mapping[str, str]]:
    """Every code of the landing place → message and remedy templates."""
    content: dict[str, dict[str, str]] = yaml.safe_load(
        (files("schemas") / "landing_codes.yaml").read_text(encoding="utf-8")
    )
    return content


def _worded(noted: Noted) -> LandingFinding:
    words = {"nearest": _nearest(noted.parts[-1], noted.candidates), **noted.words}
    declared = landing_codes()[noted.code]
    known = [*noted.parts[: noted.known], None, None, None]
    return LandingFinding(
        noted.code,
        shown(noted.parts),
        declared["message"].format_map(words),
        declared["remedy"].format_map(words),
        known[0],
        known[1],
        date.fromisoformat(known[2]) if known[2] else None,
    )


def _nearest(name: str, candidates: Collection[str]) -> str:
    """Words for the known name that is probably meant, or none; a code of digits is never guessed at."""
    plain = folded(name)
    if plain in candidates:
        return f"; it is nearly {plain}"
    if plain.isdecimal():
        return ""
    near = difflib.get_close_matches(plain, [each for each in candidates if not each.isdecimal()], 1, 0.7)
    return f"; it may mean {near[0]}" if near else ""
