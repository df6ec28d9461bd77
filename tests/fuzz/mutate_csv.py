"""Mutators of CSV: quotation marks, separators, headers and columns.

Belongs here: what only delimited text has. Columns in another order, spaces around names and quotation marks that are allowed touch no
record; what a header no longer says touches them all.
"""

from __future__ import annotations

import csv
import io

from tests.fuzz.bases import contract_of
from tests.fuzz.mangling import Work, mutator


def _delimiter(work: Work) -> bytes:
    return contract_of(work.base.agency).file.delimiter.encode()


def _piece(work: Work) -> tuple[int, bytes] | None:
    return work.piece(work.record())


@mutator("a quote opened", "csv")
def opened(work: Work) -> bool | None:
    for _ in range(work.rng.choice((1, 1, 1, 2, 3))):
        if (found := _piece(work)) is not None:
            place, data = found
            starts = [0, *(n + 1 for n, sign in enumerate(data) if sign == _delimiter(work)[0])]
            at = work.rng.choice(starts)
            work.edit(place, at, at, b'"')


@mutator("a quote somewhere", "csv")
def somewhere(work: Work) -> bool | None:
    for _ in range(work.rng.choice((1, 1, 2))):
        if (found := _piece(work)) is not None:
            at = work.rng.randrange(len(found[1].rstrip(b"\r\n")) + 1)
            work.edit(found[0], at, at, work.rng.choice((b'"', b'"', b'""', b"'", b'\\"')))


@mutator("a separator more or less", "csv")
def separators(work: Work) -> bool | None:
    found = _piece(work)
    if found is None:
        return False
    place, data = found
    at = [n for n, sign in enumerate(data) if sign == _delimiter(work)[0]]
    if not at:
        return False
    where = work.rng.choice(at)
    if work.rng.random() < 0.5:
        work.edit(place, where, where + 1, b"")
    else:
        work.edit(place, where, where, _delimiter(work) * work.rng.randint(1, 3))
    return None


@mutator("another separator in a row", "csv")
def other_in_row(work: Work) -> bool | None:
    found = _piece(work)
    if found is None:
        return False
    other = work.rng.choice((b"\t", b"|", b";", b","))
    work.edit(found[0], 0, len(found[1]), found[1].replace(_delimiter(work), other))
    return None


@mutator("another separator in the file", "csv")
def other_separator(work: Work) -> bool | None:
    own, other = _delimiter(work), work.rng.choice((b"\t", b"|", b";", b","))
    work.everything(marks=own != other)
    work.after.append(lambda data: data.replace(own, other))


def _head(work: Work, change: object) -> bool:
    """Let `change` make other names of the header's; False when there is no header any more."""
    if not work.parts or work.parts[0][0] != -1:
        return False
    encoding, own = contract_of(work.base.agency).file.encoding, _delimiter(work).decode()
    names = next(csv.reader(io.StringIO(work.parts[0][1].decode(encoding, "replace")), delimiter=own), [])
    told = change(names)  # type: ignore[operator]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=own, lineterminator="\r\n").writerow(told)
    work.put(0, out.getvalue().encode(encoding, "replace"))
    return True


def _column(work: Work, names: list[str]) -> int:
    return work.rng.randrange(max(1, len(names)))


@mutator("a header changed", "csv")
def header_changed(work: Work) -> bool | None:
    def change(names: list[str]) -> list[str]:
        at = _column(work, names)
        old = names[at]
        names[at] = work.rng.choice((old.upper(), old.title(), f"{old}_", f"x{old}", old[:-1], old.replace("_", " "), "", work.value(), f"{old}\u200b", "column"))  # fmt: skip
        if old == "confidentiality":
            work.unmarked_all = True
        return names

    work.everything(marks=False)
    return _head(work, change)


@mutator("a header twice", "csv")
def header_doubled(work: Work) -> bool | None:
    def change(names: list[str]) -> list[str]:
        at, other = _column(work, names), _column(work, names)
        if "confidentiality" in (names[at], names[other]):
            work.unmarked_all = True  # and is refused
        names[at] = names[other]
        return names

    work.everything(marks=False)
    return _head(work, change)


@mutator("no header", "csv")
def no_header(work: Work) -> bool | None:
    if not work.parts or work.parts[0][0] != -1:
        return False
    work.everything()
    del work.parts[0]
    return None


@mutator("the header again", "csv")
def header_again(work: Work) -> bool | None:
    if not work.parts or work.parts[0][0] != -1:
        return False
    places = [place for place in range(1, len(work.parts)) if work.parts[place - 1][1].endswith(b"\n")]
    if not places:
        return False
    work.parts.insert(work.rng.choice(places), (-3, work.parts[0][1]))
    work.more_rows += 1
    return None


@mutator("spaces and quotes in the header", "csv")
def header_spaced(work: Work) -> bool | None:
    if not work.parts or work.parts[0][0] != -1:
        return False
    own = _delimiter(work)
    names = work.parts[0][1].rstrip(b"\r\n").replace(b'"', b"").split(own)
    dressed = [work.rng.choice((name, b'"' + name + b'"', b" " + name, name + b" ")) for name in names]
    work.put(0, own.join(dressed) + b"\r\n")
    return None


def _rows(work: Work) -> list[tuple[int, list[str]]] | None:
    """The cells of every piece, if each still is one row."""
    encoding, own = contract_of(work.base.agency).file.encoding, _delimiter(work).decode()
    rows = []
    for owner, data in work.parts:
        if owner == -3:
            rows.append((owner, []))
            continue
        found = list(csv.reader(io.StringIO(data.decode(encoding, "replace"), newline=""), delimiter=own))
        if len(found) != 1:
            return None
        rows.append((owner, found[0]))
    if not rows or rows[0][0] != -1 or len({len(cells) for owner, cells in rows if owner != -3}) != 1:
        return None
    return rows


def _written(work: Work, rows: list[tuple[int, list[str]]]) -> None:
    encoding, own = contract_of(work.base.agency).file.encoding, _delimiter(work).decode()
    for place, (owner, cells) in enumerate(rows):
        if owner != -3:
            out = io.StringIO(newline="")
            csv.writer(out, delimiter=own, lineterminator="\r\n").writerow(cells)
            work.put(place, out.getvalue().encode(encoding, "replace"))


@mutator("columns in another order", "csv")
def reordered(work: Work) -> bool | None:
    rows = None if work.touched else _rows(work)
    if rows is None:
        return False
    order = list(range(len(rows[0][1])))
    work.rng.shuffle(order)
    _written(work, [(owner, [cells[n] for n in order] if cells else []) for owner, cells in rows])
    return None


@mutator("a column more", "csv")
def column_added(work: Work) -> bool | None:
    rows = None if work.touched else _rows(work)
    if rows is None:
        return False
    at = work.rng.randint(0, len(rows[0][1]))
    name = work.rng.choice(("notes", "NHS number", "", work.value(), "x", "family_name2", "Überschrift"))
    for owner, cells in rows:
        cells.insert(at, name if owner == -1 else work.rng.choice(("", work.value(), "x", '"')))
    _written(work, rows)
    return None


@mutator("a column less", "csv")
def column_dropped(work: Work) -> bool | None:
    rows = None if work.touched else _rows(work)
    if rows is None:
        return False
    at = work.rng.randrange(len(rows[0][1]))
    if rows[0][1][at] == "confidentiality":
        work.unmarked_all = True
    work.everything(marks=False)
    _written(work, [(owner, [cell for n, cell in enumerate(cells) if n != at]) for owner, cells in rows])
    return None
