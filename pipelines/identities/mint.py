"""Minting index ids: opaque, checkable by hand, the same on every replay.

Belongs here: what an index id looks like and how a new one comes about. Not here: which cluster keeps or takes back an
id it already had (assign). An id is twelve characters of an alphabet without vowels, 0, I, L, O and U: it cannot be misread
and spells no word. Two of them say which authority minted it, so that no two authorities of the nation ever share one,
whatever their secrets; nine are a keyed digest of the authority, the record key of the founding record and a
generation, which grows when an id is taken, so an id is never given twice; the last is a check character.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.privacy.secret import namespace_secret

__all__ = ["ALPHABET", "FORM", "NATION", "as_typed", "mint", "mistyped", "valid_index_id"]

ALPHABET = "123456789BCDFGHJKMNPQRSTVWXYZ"  # 29 characters, a prime: see `_check_values`
_BASE = len(ALPHABET)
_MINTER = 2  # characters that say which authority minted the id
_LENGTH = 11  # without the check character
_BETWEEN = "-\u2010\u2011\u2012\u2013\u2014\u2212\u00ad"  # hyphens and dashes, as people and word processors write them
FORM = f"[{ALPHABET}]{{{_LENGTH + 1}}}"
"""A regular expression of what an index id looks like."""
_SPACE = _BASE ** (_LENGTH - _MINTER)
_LOWEST = 200  # no authority has a lower code
_CODE = re.compile(r"[2-9][0-9]{2}")
NATION = "nation"
"""Who mints the ids of the co-ordinating index, in place of an authority: they begin with the last two characters, as no authority's do."""


def mint(founders: pa.Array[Any], taken: pa.Array[Any], authority: str) -> pa.Array[Any]:
    """A new index id for each founding record.

    Args:
        founders: distinct record keys, each the smallest of its cluster.
        taken: every id this authority ever used, in whatever state.
        authority: DfE code, 200 to 999, or `NATION`.

    Returns:
        string array as long as `founders`. The order of `founders` and `taken` does not matter to what each gets:
        among founders that fall on one id the smallest record key has it and the others go a generation on.

    Raises:
        IsindexError: AUTHORITY_UNKNOWN.
    """
    if authority != NATION and not _CODE.fullmatch(
        authority
    ):  # written otherwise, it would mint among the ids of another
        raise IsindexError(
            "AUTHORITY_UNKNOWN",
            "no index id can be minted for this authority",
            where=authority,
            remedy="Use its DfE code.",
        )
    keys: list[str] = [str(key) for key in founders.to_pylist()]
    ids: list[str | None] = [None] * len(keys)
    used = set(taken.to_pylist())
    pending = sorted(range(len(keys)), key=keys.__getitem__)
    generation = 0
    while pending:
        left = []
        for place, index_id in zip(
            pending, _ids([keys[place] for place in pending], authority, generation), strict=True
        ):
            if index_id in used:
                left.append(place)
            else:
                used.add(index_id)
                ids[place] = index_id
        pending, generation = left, generation + 1
    return pa.array(ids, pa.string())


def as_typed(text: str) -> str:
    """The index id that a person means: capitals do not count, nor spaces or hyphens between its characters."""
    return "".join(letter for letter in text if not (letter.isspace() or letter in _BETWEEN)).upper()


def mistyped() -> IsindexError:
    """What is said of an index id that cannot be one."""
    return IsindexError(
        "INDEX_ID_INVALID",
        "This is not an index id: its check character is wrong.",
        remedy="Compare it with where it was copied from; an index id has twelve characters.",
    )


def valid_index_id(text: str) -> bool:
    """Whether `text` has the form of an index id and its check character is right (one wrong or swapped is noticed)."""
    if len(text) != _LENGTH + 1 or not set(text) <= set(ALPHABET):
        return False
    values = np.array([[ALPHABET.index(character) for character in text]], dtype=np.int64)
    return bool(_check_values(values[:, :_LENGTH])[0] == values[0, _LENGTH])


def _ids(keys: list[str], authority: str, generation: int) -> list[str]:
    """The id of each key in one generation, whether taken or not."""
    secret = hashlib.sha256(namespace_secret() + b"\0index id").digest()
    context = f"{authority}\0{generation}\0".encode()
    digest = hashlib.blake2b
    numbers = np.frombuffer(
        b"".join([digest(context + key.encode(), key=secret, digest_size=8).digest() for key in keys]), dtype=">u8"
    ).astype(np.uint64) % np.uint64(_SPACE)
    values = np.empty((len(keys), _LENGTH + 1), dtype=np.int64)
    values[:, :_MINTER] = (_BASE - 1, _BASE - 1) if authority == NATION else divmod(int(authority) - _LOWEST, _BASE)
    for place in range(_LENGTH - 1, _MINTER - 1, -1):
        values[:, place] = (numbers % np.uint64(_BASE)).astype(np.int64)
        numbers //= np.uint64(_BASE)
    values[:, _LENGTH] = _check_values(values[:, :_LENGTH])
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[values]
    return np.ascontiguousarray(letters).view(f"S{_LENGTH + 1}")[:, 0].astype(str).tolist()


def _check_values(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A weighted sum modulo a prime with weights 1 to 11: every single error and every swap changes it."""
    return (values * np.arange(1, _LENGTH + 1)).sum(axis=1) % len(ALPHABET)
