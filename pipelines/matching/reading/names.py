"""Names made comparable: folded to plain capitals, split, sounded, traced to the names they are short for.

Belongs here: what is done to one distinct name. Every function takes a *distinct* value; `comparable` sees to it that
none is met twice. A placeholder ("baby", "twin one", "unknown") is no name: it becomes nothing, here and for good.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar, overload

import numpy as np
import pandas as pd
from anyascii import anyascii

from pipelines.matching.arrays import Counts, Numbers, Positions, Texts

__all__ = ["SEPARATOR", "AnyName", "FamilyName", "GivenName", "Names", "family_name", "fold", "given_name"]

SEPARATOR = "\x1f"  # between a current name and the further ones, where they travel as one text

_PLACEHOLDER_WORDS = frozenset(
    ["BABY", "BABE", "INFANT", "NEWBORN", "BOY", "GIRL", "MALE", "FEMALE", "CHILD", "TWIN", "TWINS", "TRIPLET",
     "ONE", "TWO", "THREE", "FIRST", "SECOND", "THIRD", "A", "B", "C", "I", "II", "N", "III", "OF", "UNNAMED",
     "UNKNOWN", "UNKNOW", "NAME", "NAMED", "NOT", "KNOWN", "NONE", "NULL", "NIL", "NA", "NK", "GIVEN",
     "STATED", "DISCLOSED", "PROVIDED", "TEST", "TBC", "TBA", "ANON", "ANONYMOUS", "UNBORN", "BUMP", "NO",
     "SURNAME", "FORENAME", "MISSING", "REFUSED", "PATIENT", "PUPIL", "MOTHER", "FATHER", "DAUGHTER", "WIFE",]
)  # fmt: skip
# whatever follows these ("baby Smith", "twin of Mary") names somebody else
_NO_CHILDS_NAME = frozenset(
    ["BABY", "TWIN", "TWINS", "TRIPLET", "INFANT", "NEWBORN", "UNBORN", "UNKNOWN", "UNNAMED", "MOTHER", "FATHER",
     "DAUGHTER", "WIFE",]
)  # fmt: skip
# single letters and small words are placeholders only in company ("twin A"); alone they may be an initial
_ONLY_IN_COMPANY = frozenset(
    ["CHILD", "A", "B", "C", "N", "I", "II", "III", "OF", "ONE", "TWO", "THREE", "FIRST", "SECOND", "THIRD",
     "NO", "NOT", "NAME", "NAMED", "GIVEN", "KNOWN",]
)  # fmt: skip
_PARTICLES = frozenset(
    ["MC", "MAC", "ST", "DE", "LA", "LE", "VAN", "VON", "DER", "DEN", "DI", "DA", "DOS", "DEL", "AL", "EL",
     "BIN", "BINT", "IBN", "ABU", "UR", "O",]
)  # fmt: skip
# borne by every man or woman of a custom, beside a family's name or for want of one: they tell no family from another
_PROPHET = "MUHAMMAD"
_TITLES = frozenset(
    [
        _PROPHET,
        "SINGH",
        "KAUR",
        "BEGUM",
        "BEGAM",
        "BIBI",
        "KHATUN",
        "KHATOON",
        "KHANOM",
        "KHANUM",
        "KUMAR",
        "KUMARI",
        "DEVI",
    ]
)
# one name, whichever way it is spelled or cut
_ONE_NAME = dict.fromkeys(
    ["MOHAMMED", "MOHAMMAD", "MUHAMMED", "MOHAMED", "MOHAMAD", "MUHAMAD", "MUHAMED", "MOHAMMOD", "MOHD", "MD", "MUHD"],
    _PROPHET,
)


class GivenName(NamedTuple):
    """One distinct set of given names in comparable form; `name` is None when there is none worth comparing.

    `name` is the one that a child goes by: the first, but for Muhammad in front of another, which most boys of some families
    bear. `roots` are the names it may be short for, and all given names as one word, as some write them.

    `words` are those of the current names, in order.
    """

    name: str | None
    tokens: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    sound: str | None = None
    words: tuple[str, ...] = ()


class FamilyName(NamedTuple):
    """One distinct set of family names, current first; `everything` holds all names and parts of double ones."""

    name: str | None
    everything: tuple[str, ...] = ()
    sound: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Those of the current name, in order."""
        return tuple((self.name or "").split())

    @property
    def telling(self) -> tuple[str, ...]:
        """All names and parts, but for those that everybody of a custom bears."""
        return tuple(name for name in self.everything if name not in _TITLES)


class AnyName(Protocol):
    """What given and family names have in common."""

    @property
    def name(self) -> str | None: ...  # noqa: D102
    @property
    def sound(self) -> str | None: ...  # noqa: D102
    @property
    def words(self) -> tuple[str, ...]: ...  # noqa: D102


T = TypeVar("T", bound=AnyName)


class Names(Sequence[T], Generic[T]):
    """Distinct names by position, each read from its text when it is first asked for."""

    def __init__(self, texts: Sequence[str], read: Callable[[str], T]) -> None:
        self.texts, self.read = texts, read
        self._known: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, position: int) -> T: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[T]: ...
    def __getitem__(self, position: int | slice) -> T | Sequence[T]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        if position not in self._known:
            self._known[position] = self.read(self.texts[position])
        return self._known[position]

    def __iter__(self) -> Iterator[T]:
        known, read = self._known, self.read
        for position, text in enumerate(self.texts):
            if position not in known:
                known[position] = read(text)
        return iter([known[position] for position in range(len(self.texts))])

    @cached_property
    def spelled(self) -> Texts:
        """The name each goes by, as an array of texts; empty for none."""
        texts = np.empty(len(self), dtype=object)
        texts[:] = [value.name or "" for value in self]
        return texts

    @cached_property
    def lengths(self) -> Counts:
        """How many letters each has."""
        return np.array([len(text) for text in self.spelled.tolist()], dtype=np.int64)

    def lengths_of(self, positions: Positions) -> Counts:
        """How many letters each of these has, of which the others need not be read; none where no name is meant (-1)."""
        return np.array([len(self[each].name or "") if each >= 0 else 0 for each in positions.tolist()], dtype=np.int64)

    @cached_property
    def initials(self) -> Numbers:
        """The first letter of each, as a number; -1 for none."""
        return np.array([ord(text[0]) if text else -1 for text in self.spelled.tolist()], dtype=np.int64)

    @cached_property
    def sounds(self) -> Positions:
        """A number for how each sounds; -1 for none."""
        return pd.factorize(np.array([value.sound for value in self], dtype=object))[0]

    def followed_by(self, others: Names[T]) -> tuple[Names[T], Positions]:
        """These names, and then those of `others` that are not among them; and where each of `others` now stands."""
        known = dict(zip(self.texts, range(len(self)), strict=True))
        places = [known.setdefault(text, len(known)) for text in others.texts]
        both = Names([*known], self.read)
        both._known = self._known | {places[position]: name for position, name in others._known.items()}
        return both, np.array(places, dtype=np.int32)

    def some(self, positions: Sequence[int]) -> Names[T]:
        """The names at `positions`, in that order."""
        part = Names([self.texts[position] for position in positions], self.read)
        part._known = {n: self._known[position] for n, position in enumerate(positions) if position in self._known}
        return part


def fold(text: str) -> str:
    """`text` in plain capitals: accents gone, other scripts in Latin letters, apostrophes closed up, punctuation a space."""
    capitals = text.upper() if text.isascii() else anyascii(unicodedata.normalize("NFC", text)).upper()
    if capitals.isalpha():
        return capitals  # nearly every name: nothing to fold
    capitals = re.sub(r"['`.]", "", capitals)
    return " ".join(re.sub(r"[^\w-]|_", " ", capitals).split())


def given_name(text: str) -> GivenName:
    """The comparable form of given names `text`: the current ones, then aliases after `SEPARATOR`."""
    plain = text.upper().split() if text.isascii() and SEPARATOR not in text else []
    if plain and "".join(plain).isalpha() and _PLACEHOLDER_WORDS.isdisjoint(plain):
        plain = [_ONE_NAME.get(word, word) for word in plain]
        name, *further = _called(plain)  # nearly every name: nothing to fold, nothing to doubt
        tokens = tuple(sorted({word for word in plain if len(word) > 1} | {name})) if plain[1:] else (name,)
        return GivenName(name, tokens, _roots(name, plain), tuple(further), _sound(name), tuple(plain))
    current, *aliases = text.split(SEPARATOR)
    words = _given_words(current)
    if not words:
        words = next((found for found in map(_given_words, aliases) if found), [])
        if not words:
            return GivenName(None)
    first, *further = _called(words)
    name = first.replace("-", "") or first
    parts = {name}
    for word in [*words, *(word for alias in aliases for word in _given_words(alias))]:
        parts.update(part for part in (word.replace("-", ""), *word.split("-")) if len(part) > 1)
    others = tuple(word.replace("-", "") for word in further)
    every = tuple(part for word in words for part in word.split("-") if part)
    return GivenName(name, tuple(sorted(parts)), _roots(name, every), others, _sound(name), every)


def family_name(text: str) -> FamilyName:
    """The comparable form of family names `text`: the current one, then former and other ones after `SEPARATOR`."""
    if text.isascii() and text.isalpha() and (plain := text.upper()) not in _PLACEHOLDER_WORDS:
        plain = _ONE_NAME.get(plain, plain)
        return FamilyName(plain, (plain,), _sound(plain))
    names = [" ".join(_words(part)).replace("-", " ").strip() for part in text.split(SEPARATOR)]
    known = [name for name in names if name]
    if not known:
        return FamilyName(None)
    everything = set(known)
    for name in known:
        parts = name.split()
        if len(parts) > 1:
            everything.add("".join(parts))
            everything.update(part for part in parts if len(part) > 2 and part not in _PARTICLES | _TITLES - {_PROPHET})
    # with no current name the first known one stands for it
    return FamilyName(names[0] or known[0], tuple(sorted(everything)), _sound((names[0] or known[0]).replace(" ", "")))


def _given_words(text: str) -> list[str]:
    """The words of given names; none of them when they tell of somebody by another ("son of Mary")."""
    words = _words(text)
    return [] if "OF" in words else words


def _words(text: str) -> list[str]:
    """The words of a name; none of them when they only say that the name is not known."""
    words = [word for part in text.split() for word in _folded_words(part)]
    bare = [part for word in words for part in word.split("-") if not part.isdigit()]
    if all(part in _PLACEHOLDER_WORDS for part in bare) and (
        len(bare) != 1 or bare[0] not in _ONLY_IN_COMPANY or len(words) > 1
    ):
        return []
    if bare and bare[0] in _NO_CHILDS_NAME:
        return []
    return [word for word in words if not word.isdigit()]


@cache
def _folded_words(part: str) -> tuple[str, ...]:
    """The words that one word as written comes to (one, but for punctuation)."""
    words = (word.strip("-") for word in fold(part).split())
    return tuple(_ONE_NAME.get(word, word) for word in words if word)


def _called(words: list[str]) -> list[str]:
    """Given names from the one on that a child goes by."""
    return words[1:] if words[0] == _PROPHET and len(words) > 1 and len(words[1]) > 1 else words


@cache
def _nicknames() -> dict[str, tuple[str, ...]]:
    """For every known short form the names it stands for, in capitals."""
    from nicknames import NickNamer  # reads a file: not before it is needed

    lookup = NickNamer().nickname_lookup
    roots: dict[str, set[str]] = {}
    for canonical, short_forms in lookup.items():
        for short in short_forms:
            roots.setdefault(short.upper(), set()).add(canonical.upper())
    return {short: tuple(sorted(names)) for short, names in roots.items()}


def _roots(name: str, words: Sequence[str] = ()) -> tuple[str, ...]:
    known = _known_roots(name)
    return tuple(sorted({*known, "".join(words)})) if len(words) > 1 else known


@cache
def _known_roots(name: str) -> tuple[str, ...]:
    return tuple(sorted({name, *_nicknames().get(name, ())}))


@cache
def _sound(name: str) -> str | None:
    from doublemetaphone import doublemetaphone

    return doublemetaphone(name)[0] or None
