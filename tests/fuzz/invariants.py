"""What must hold of every mangled delivery, and what is found where it does not.

Belongs here: the five promises. Not here: how a delivery is taken in (`taken_in`), whether a finding stands when it is looked at alone
(`run`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from pipelines.deliveries.reconcile import reconciled
from pipelines.errors import IsindexError
from tests.fuzz.bases import contract_of, values_of
from tests.fuzz.mangling import Mangled
from tests.fuzz.taken_in import HANGS, HangError, Place, Seen

__all__ = ["PROMISES", "Kept", "broken", "ending", "kept_of"]

PROMISES = ("no crash", "no hang", "counts", "nothing good lost", "every mark heard", "nothing leaks")
Kept = dict[str, tuple[Any, ...]]
"""Of a sound delivery, by key: what each record is accepted as."""

_UNREAD = frozenset({"UNREADABLE", "ENCODING_UNKNOWN", "TOO_LARGE", "FILE_MISSING", "PATH_OUTSIDE"})


def ending(seen: Seen) -> str:
    """How it ended: whole, partly, held, refused, or failed."""
    if not seen.entries:
        return "failed"
    return {"loaded": "whole", "partly_loaded": "partly"}.get(seen.entries[0].state, seen.entries[0].state)


def kept_of(seen: Seen) -> Kept:
    """What each record of a delivery is accepted as, but for where in the file it stands."""
    if seen.accepted is None:
        return {}
    names = [name for name in seen.accepted.column_names if name not in ("position", "line", "key")]
    columns = [seen.accepted[name].to_pylist() for name in names]
    return dict(zip(seen.accepted["key"].to_pylist(), zip(*columns, strict=True), strict=True))


def broken(given: Mangled, seen: Seen, sound: Kept, place: Place, *, stored: bool = False) -> Iterator[tuple[str, str]]:
    """Promise and what is wrong, for each promise that does not hold.

    Args:
        given: the mangled delivery.
        seen: what was seen of it.
        sound: of the sound one.
        place: where it was taken in.
        stored: whether it was kept in a real store.
    """
    if seen.fault is not None:
        if isinstance(seen.fault, HangError):
            yield "no hang", "it did not end"
        elif not (isinstance(seen.fault, IsindexError) and seen.fault.code != "NOT_RECONCILED"):
            yield "no crash", f"{type(seen.fault).__name__} at {_place_of(seen.fault)}"
        yield from _leaks(given, [str(seen.fault)])
    if seen.seconds > HANGS:
        yield "no hang", f"it took {seen.seconds:.0f} s of the processor"
    if seen.entries:
        if (wrong := _miscounted(seen, place, stored)) is not None:
            yield "counts", wrong
        yield from _lost(given, seen, sound)
    yield from _unheard(given, seen)
    yield from _leaks(given, seen.told)


def _place_of(fault: BaseException) -> str:
    import traceback

    frames = [each for each in traceback.extract_tb(fault.__traceback__) if "pipelines" in each.filename]
    return " > ".join(f"{each.filename.rpartition('/')[2]}:{each.lineno}" for each in frames[-3:])


def _miscounted(seen: Seen, place: Place, stored: bool) -> str | None:
    entry = seen.entries[0]
    counts = entry.counts
    if min(counts.values(), default=0) < 0:
        return f"below nothing: {counts}"
    if seen.accepted is None:
        return None
    if counts["rows_in_manifest"] != counts["rows_read"] + counts["lost"]:
        return f"manifest and read: {counts}"
    if counts["rows_read"] != sum(counts[name] for name in ("accepted", "queried", "rejected", "repeats")):
        return f"read and outcomes: {counts}"
    rejected = seen.rejects.filter(pc.equal(seen.rejects["outcome"], "rejected")) if seen.rejects is not None else None
    if rejected is not None and pc.count_distinct(rejected["position"]).as_py() != counts["rejected"]:
        return f"rejects: {counts}"
    if stored and not reconciled(counts, place.store.open(entry)):
        return f"the store: {counts}"
    return None


def _lost(given: Mangled, seen: Seen, sound: Kept) -> Iterator[tuple[str, str]]:
    if given.touched is None or ending(seen) not in ("whole", "partly"):
        return
    now = kept_of(seen)
    keys = given.base.keys()
    other = seen.entries[0].has(
        "ENCODING_OTHER"
    )  # the file is read as another encoding: letters beyond ASCII may be others
    for number, key in enumerate(keys):
        if number in given.touched or key not in sound or (other and not str(given.base.rows[number]).isascii()):
            continue
        if key not in now:
            yield "nothing good lost", "a record that was not touched is not accepted"
            return
        if now[key] != sound[key]:
            names = ["change", "outcome", "unverified", *contract_of(given.base.agency).column_names]
            names = [each for each in seen.accepted.column_names if each not in ("position", "line", "key")]  # type: ignore[union-attr]
            differ = [name for name, a, b in zip(names, now[key], sound[key], strict=True) if a != b]
            yield "nothing good lost", f"a record that was not touched is another: {', '.join(differ)}"
            return


def _unheard(given: Mangled, seen: Seen) -> Iterator[tuple[str, str]]:
    if given.unmarked is None or seen.receipt is None:
        return
    asked = [number for number in given.base.asks() if number not in given.unmarked]
    if not asked:
        return
    codes = {each["code"] for each in (seen.entries[0].codes if seen.entries else [])}
    if seen.receipt.asking is None:
        yield "every mark heard", f"nothing was listened to ({', '.join(sorted(codes))})"
        return
    told = [
        _squashed(" ".join([row["key"] or "", *((each["value"] or "") for each in row["named"] or [])]))
        for row in seen.receipt.asking.to_pylist()
    ]
    keys = given.base.keys()
    for number in asked:
        row = given.base.rows[number]
        own = [_squashed(each) for each in (keys[number], *values_of(row))]
        if not any(each and each in text for each in own for text in told):
            if (given.touched is None or number in given.touched) and told:
                continue  # it is heard, though nobody can be made out by it
            yield "every mark heard", f"a mark that was not touched ({', '.join(sorted(codes))})"
            return


def _leaks(given: Mangled, told: list[str]) -> Iterator[tuple[str, str]]:
    if not told:
        return
    text = _squashed(" ".join(told))
    for row in given.base.rows:
        for value in values_of(row):
            needle = _squashed(value)
            if len(needle) >= 7 and needle in text:
                yield "nothing leaks", f"a value of a record ({_around(told, value)})"
                return


def _around(told: list[str], value: str) -> str:
    """Which of what was told holds it, without the value."""
    for text in told:
        if _squashed(value) in _squashed(text):
            found = re.search(r'"code": "(\w+)"[^}]*' + re.escape(json.dumps(value)[1:-1]), text)
            return found[1] if found else text[:60].split("'")[0]
    return "across"


def _squashed(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in plain if each.isalnum())
