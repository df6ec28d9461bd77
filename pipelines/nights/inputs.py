"""What a night is built from, written down before anything is built: the inputs, and their digest.

Belongs here: which things decide a night, how they are read, compared and kept. Not here: when a night is run (`plan`),
or what becomes of it (`attempts`). The promise is: the same inputs give the same bytes. So every stage reads the frozen
inputs and nothing else: no second look at the register, the decisions or the clock in the middle of a night.

Two parts are told apart, because they reach differently far:

- the *data*: the version the night builds on, the deliveries in force since then, the decisions that count for the night.
  A change of any of them makes the night outstanding, however old it is.
- the *means*: match model, contracts, rules, the program's own format. They belong to no day, so a change of them
  concerns the latest night only; older nights stay as they were made until their data changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

__all__ = [
    "FORMAT",
    "Asking",
    "Base",
    "Decided",
    "Delivered",
    "Inputs",
    "another_of",
    "elsewhere_of",
    "undone_of",
    "why_differs",
    "wish_of",
]

FORMAT = 13
"""Raised whenever the program, given the same inputs, would write other bytes than before."""
_OF_THE_NAME = 5  # letters of the hash in a delivery's name, or an attempt's, that stay in the name of what else is asked for under it
_OF_THE_CONTENT = 6  # and letters of a hash of that


@dataclass(frozen=True)
class Base:
    """The version in force that a night builds on."""

    business_date: date
    version: str


@dataclass(frozen=True)
class Delivered:
    """A delivery in force that is new since the base; `content` is the hash of its files."""

    delivery_id: str
    agency: str
    business_date: date
    sequence: int
    content: str


@dataclass(frozen=True)
class Asking:
    """A delivery, whatever became of it, with records that ask to be protected; `content` is the hash of what they ask.

    `told` counts on over all that was ever told (`pipelines.protection.register.Asked`); 0: before that was counted.
    """

    delivery_id: str
    agency: str
    business_date: date
    content: str
    told: int = 0


def undone_of(number: int) -> str:
    """What stands in the place of a sequence in the name of what a shield that was taken back leaves."""
    return f"undone-{number}"


def wish_of(attempt: str) -> str:
    """What stands in the place of a sequence in the name of what an attempt has found, by the digest of its inputs."""
    return f"held-{attempt[:12]}"


def elsewhere_of(attempt: str) -> str:
    """What stands in the place of a sequence in the name of what the co-ordinating index asks, by the digest of the attempt that it asks it of."""
    return f"elsewhere-{attempt[:12]}"


def another_of(name: str, content: str) -> str:
    """The name, no longer than a delivery's may be, of what else is asked for under it: of a delivery with other files, of an attempt that is looked at again.

    Args:
        name: the name of a delivery, or what stands in its place.
        content: hash of what else is asked for; of "" the beginning of all such names.
    """
    number, dash, told = name.rpartition("-")
    return f"{number}{dash}{told[:_OF_THE_NAME]}.{content[:_OF_THE_CONTENT]}"


@dataclass(frozen=True)
class Decided:
    """A decision that counts for the night: two record keys, or as `subject` the gate that it lets pass.

    `from_night` is the first night it counts for, of decisions that take effect once. Of one to open a child `told` says what
    had been told when it was confirmed, of a firewall when it was decided; `known_by` by what the child's record was known when
    it was proposed, and of one that two records are two children what these were then.
    """

    number: int
    kind: str
    record_a: str | None
    record_b: str | None
    subject: str | None
    reason: str
    decided_at: str
    from_night: date | None = None
    told: int = 0
    known_by: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Inputs:
    """Everything that decides a night.

    Attributes:
        authority: 3-digit code.
        business_date: the night.
        base: what it builds on; None on the authority's first night.
        deliveries: in force since the base, in the order in which they are applied.
        decisions: those that count for this night, by number.
        asking: deliveries since the base, in force or not, that ask for somebody to be protected.
        carried: versions in force since the base that the night replaces, or is built past, and that of the base where it was made less: what
            they know of hidden children and of firewalls is carried on as what the base knows (`carried`). They follow from the rest, and are no reason to run a night.
        founded: names what the authority inherited from those that it took over, of a night without a base; "" where it took nobody over.
        means: name → fingerprint of the match model, the contracts, the rules and the program's format.
    """

    authority: str
    business_date: date
    base: Base | None
    deliveries: tuple[Delivered, ...]
    decisions: tuple[Decided, ...]
    means: Mapping[str, str] = field(default_factory=dict)
    asking: tuple[Asking, ...] = ()
    carried: tuple[Base, ...] = ()
    founded: str = ""

    @cached_property
    def digest(self) -> str:
        """The name of these inputs: sha256 in hex."""
        return _digest([self._data(), dict(self.means), *([self._carried()] if self.carried else [])])

    @cached_property
    def data_digest(self) -> str:
        """The digest of the data alone."""
        return _digest(self._data())

    @property
    def nights_without_version(self) -> tuple[date, ...]:
        """Earlier business dates whose deliveries this night takes in, because no version of their own is in force."""
        return tuple(sorted({each.business_date for each in self.deliveries} - {self.business_date}))

    def of(self, agency: str) -> list[Delivered]:
        """The deliveries of one agency, in order."""
        return [each for each in self.deliveries if each.agency == agency]

    def as_json(self) -> dict[str, Any]:
        """The inputs as they are kept in ``inputs.json``."""
        return {**self._data(), "carried": self._carried(), "means": dict(self.means), "digest": self.digest}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Inputs:
        """The inputs from ``inputs.json``."""
        base = told["base"]
        return cls(
            told["authority"],
            date.fromisoformat(told["business_date"]),
            _base(base) if base else None,
            tuple(
                Delivered(**{**each, "business_date": date.fromisoformat(each["business_date"])})
                for each in told["deliveries"]
            ),
            tuple(_decided(each) for each in told["decisions"]),
            dict(told["means"]),
            tuple(
                Asking(**{**each, "business_date": date.fromisoformat(each["business_date"])})
                for each in told["asking"]
            ),
            tuple(_base(each) for each in told.get("carried", [])),
            told.get("founded", ""),
        )

    def _carried(self) -> list[dict[str, Any] | None]:
        return [_plain(each) for each in self.carried]

    def _data(self) -> dict[str, Any]:
        return {
            "authority": self.authority,
            "business_date": self.business_date.isoformat(),
            "base": _plain(self.base),
            "deliveries": [_plain(each) for each in self.deliveries],
            "decisions": [_plain(each) for each in self.decisions],
            "asking": [_plain(each) for each in self.asking],
            **({"founded": self.founded} if self.founded else {}),
        }


def why_differs(now: Inputs, before: Inputs | None) -> list[str]:
    """What has changed between two inputs of one night, a sentence each; for people who ask why it runs."""
    if before is None:
        return [f"It has not been run yet; {_came(now.deliveries)}."]
    return [
        *_base_words(now, before),
        *_delivery_words(now.deliveries, before.deliveries),
        *_asking_words(now, before),
        *_decision_words(now.decisions, before.decisions),
        *_means_words(now.means, before.means),
    ]


def _base_words(now: Inputs, before: Inputs) -> list[str]:
    if now.base == before.base:
        return ["It takes over another authority."] if now.founded != before.founded else []
    if now.base is None:
        return ["The night it was built on is no longer in force."]
    if before.base and before.base.business_date == now.base.business_date:
        return [f"The night of {_day(now.base.business_date)}, on which it builds, was published anew."]
    return [f"It builds on the night of {_day(now.base.business_date)} now."]


def _delivery_words(now: Sequence[Delivered], before: Sequence[Delivered]) -> list[str]:
    were, are = ({each.delivery_id: each for each in part} for part in (before, now))
    came = [each for each in now if each.delivery_id not in were]
    mended = [each for each in now if each.delivery_id in were and were[each.delivery_id].content != each.content]
    gone = [each for each in before if each.delivery_id not in are]
    words = [f"New: {_came(came)}."] if came else []
    words += [f"Sent whole: {_came(mended)}."] if mended else []
    return words + ([f"Not waiting here any more: {_came(gone)}."] if gone else [])


def _decision_words(now: Sequence[Decided], before: Sequence[Decided]) -> list[str]:
    were, are = ({each.number for each in part} for part in (before, now))
    words = [
        f"A decision of {_day(date.fromisoformat(each.decided_at[:10]))} (number {each.number}: "
        f"{each.kind.replace('_', ' ')})."
        for each in now
        if each.number not in were
    ]
    return words + [f"Decision {each.number} was taken back." for each in before if each.number not in are]


def _asking_words(now: Inputs, before: Inputs) -> list[str]:
    taken = {each.delivery_id for each in (*now.deliveries, *before.deliveries)}
    new = [each for each in now.asking if each not in before.asking and each.delivery_id not in taken]
    return [_asking_told(each) for each in new]


def _asking_told(asking: Asking) -> str:
    """What asks, in words: a delivery, or what stands in the register for none."""
    what, _, which = asking.delivery_id.rpartition("/")[2].partition("-")
    if what == "undone":
        return f"Decision {which}, a shield, was taken back: its child stays hidden until two people open it."
    if what == "held":
        return f"A run of the night of {_day(asking.business_date)} that was held or failed, or that another has replaced, found children to be among those who ask ({asking.agency})."
    return f"Asks to be protected, though it is not in force: {asking.delivery_id}."


def _means_words(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    changed = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
    told = {"model": "the match model", "code": "the program", "rules": "the rules"}
    standings = [name.removeprefix("interim/") for name in changed if name.startswith("interim/")]
    names = [told.get(name) or name.replace("contract/", "the contract ") for name in changed if "interim/" not in name]
    words = [f"Another version of {', '.join(names)}."] if names else []
    return words + [f"The standing of {name} is another: whether its links are evidence." for name in standings]


def _came(deliveries: Iterable[Delivered]) -> str:
    words = [f"{each.agency} {each.sequence} of {_day(each.business_date)}" for each in deliveries]
    return ", ".join(words) or "nothing usable was delivered for it"


def _base(told: Mapping[str, Any]) -> Base:
    return Base(date.fromisoformat(told["business_date"]), told["version"])


def _decided(told: Mapping[str, Any]) -> Decided:
    known = told.get("known_by")
    since = {"from_night": _date(told["from_night"]), "known_by": None if known is None else tuple(known)}
    return Decided(**{**told, **since})


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


_SINCE = ("told", "known_by")  # not told of inputs that have none of it: nights of before have the digest that they had


def _plain(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    told = {name: part for name, part in asdict(value).items() if part not in (0, None) or name not in _SINCE}
    return {name: part.isoformat() if isinstance(part, date) else part for name, part in told.items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
