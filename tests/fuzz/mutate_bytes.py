"""Mutators of bytes, encodings and lines: what happens to any text file on its way.

Belongs here: what asks nothing of the file's form but where its records are. Not here: the rest of `mangling`'s mutators.
"""

from __future__ import annotations

import codecs

from tests.fuzz.mangling import FORMS, TEXT, Work, mutator, packed


def _somewhere(work: Work, longest: int) -> tuple[int, int, int]:
    """A piece, mostly a record's, and a span of its bytes."""
    records = [place for place, (owner, data) in enumerate(work.parts) if owner >= 0 and data]
    others = [place for place, (owner, data) in enumerate(work.parts) if data]
    place = work.rng.choice(records if records and work.rng.random() < 0.93 else others)
    size = len(work.parts[place][1])
    begin = work.rng.randrange(size)
    return place, begin, min(size, begin + work.rng.randint(1, longest))


def _some(work: Work, most: int) -> bytes:
    kinds = (
        lambda: work.rng.randbytes(work.rng.randint(1, most)),
        lambda: bytes([work.rng.choice(b"\"',;<>&{}[]:\\/\r\n\t \0#=-0aZ")]) * work.rng.randint(1, 3),
        lambda: work.rng.choice((b'"', b'""', b",", b";", b"\r\n", b"\n", b"\r", b"<", b"&", b"}", b"{", b"]", b"\\")),
    )
    return work.rng.choice(kinds)()


@mutator("a byte flipped", *TEXT)
def flipped(work: Work) -> bool | None:
    place, begin, _ = _somewhere(work, 1)
    old = work.parts[place][1][begin]
    work.edit(place, begin, begin + 1, bytes([old ^ (1 << work.rng.randrange(8))]))


@mutator("bytes cut", *TEXT)
def cut(work: Work) -> bool | None:
    work.edit(*_somewhere(work, 40), b"")


@mutator("bytes inserted", *TEXT)
def inserted(work: Work) -> bool | None:
    place, begin, _ = _somewhere(work, 1)
    work.edit(place, begin, begin, _some(work, 12))


@mutator("bytes doubled", *TEXT)
def doubled(work: Work) -> bool | None:
    place, begin, end = _somewhere(work, 60)
    work.edit(place, end, end, work.parts[place][1][begin:end])


@mutator("bytes replaced", *TEXT)
def replaced(work: Work) -> bool | None:
    place, begin, end = _somewhere(work, 8)
    work.edit(place, begin, end, _some(work, 8))


@mutator("a record cut in the middle", *TEXT)
def half(work: Work) -> bool | None:
    place, begin, _ = _somewhere(work, 1)
    work.edit(place, begin, len(work.parts[place][1]), b"")


@mutator("a record gone", *TEXT)
def gone(work: Work) -> bool | None:
    number = work.record()
    for place in reversed(work.places(number)):
        del work.parts[place]
    work.touched.add(number)
    work.unmarked.add(number)
    if work.rng.random() < 0.7:
        work.more_rows -= 1


@mutator("a record twice", *TEXT)
def twice(work: Work) -> bool | None:
    number = work.record()
    found = work.piece(number)
    if found is None:
        return False
    work.parts.insert(found[0] + 1, (number, found[1]))
    work.touched.add(number)
    if work.rng.random() < 0.7:
        work.more_rows += 1
    return None


@mutator("records in another order", *TEXT)
def shuffled(work: Work) -> bool | None:
    if any(not data.endswith(b"\n") for owner, data in work.parts if owner >= 0):
        return False
    places = [place for place, (owner, _) in enumerate(work.parts) if owner >= 0]
    pieces = [work.parts[place] for place in places]
    work.rng.shuffle(pieces)
    for place, piece in zip(places, pieces, strict=True):
        work.parts[place] = piece
    return None


@mutator("the end cut off", *TEXT)
def end_gone(work: Work) -> bool | None:
    left = work.rng.randrange(len(work.parts))
    for place in range(left, len(work.parts)):
        begin = work.rng.randrange(len(work.parts[place][1]) + 1) if place == left else 0
        owner, data = work.parts[place]
        if owner != -2:
            work.edit(place, begin, len(data), b"")
        else:
            work.put(place, data[:begin])


@mutator("the beginning cut off", *TEXT)
def beginning_gone(work: Work) -> bool | None:
    left = work.rng.randrange(len(work.parts))
    for place in range(left + 1):
        data = work.parts[place][1]
        work.edit(place, 0, work.rng.randrange(len(data) + 1) if place == left else len(data), b"")


@mutator("a line of rubbish", *TEXT)
def rubbish(work: Work) -> bool | None:
    places = [place for place, (owner, _) in enumerate(work.parts) if owner >= 0]
    if not places:
        return False
    place = work.rng.choice(places)
    line = work.rng.choice((b"# exported by somebody", b"TOTAL;5;;", b"null", b"{}", b"[]", b"\x00\x00\x00", b'"', b"-" * 40, b"<!-- -->", b"EOF"))  # fmt: skip
    work.parts.insert(place, (work.parts[place][0], line + b"\n"))
    work.touched.add(work.parts[place][0])  # what of it is rubbish only the line itself tells
    if place and work.parts[place - 1][0] >= 0:
        work.touched.add(work.parts[place - 1][0])
    if work.rng.random() < 0.5:
        work.more_rows += 1
    return None


@mutator("nothing at all", *FORMS)
def nothing(work: Work) -> bool | None:
    work.everything()
    work.after.append(lambda data: b"")


# --- encodings


def _all_as(work: Work, source: str, encoding: str, mark: bytes = b"") -> None:
    work.everything(marks=False)
    work.after.append(lambda data: mark + data.decode(source, "replace").encode(encoding, "replace"))


@mutator("UTF-16", *TEXT)
def utf16(work: Work) -> bool | None:
    source = "cp1252" if work.base.agency == "police" else "utf-8"
    kind, mark = work.rng.choice(
        (("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-16-le", b""), ("utf-16-be", b""), ("utf-32-le", codecs.BOM_UTF32_LE))
    )  # fmt: skip
    _all_as(work, source, kind, mark)


@mutator("byte-order mark", *TEXT)
def bom(work: Work) -> bool | None:
    if work.base.agency == "police":  # whose encoding has none
        work.everything(marks=False)
    times = work.rng.choice((1, 1, 1, 2))
    if times == 2:
        work.everything(marks=False)
    work.after.append(lambda data: codecs.BOM_UTF8 * times + data)


@mutator("the other encoding", *TEXT)
def other_encoding(work: Work) -> bool | None:
    police = work.base.agency == "police"
    _all_as(work, "cp1252" if police else "utf-8", "utf-8" if police else "cp1252")


@mutator("bytes of another encoding", *TEXT)
def latin_bytes(work: Work) -> bool | None:
    for _ in range(work.rng.choice((1, 1, 2, 5))):
        place, begin, _end = _somewhere(work, 1)
        work.edit(place, begin, begin, work.rng.choice((b"\xe9", b"\xfc", b"\xc3", b"\xc3\xa9", b"\x81", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82", b"\x9d")))  # fmt: skip


@mutator("NUL bytes", *TEXT)
def nul(work: Work) -> bool | None:
    place, begin, _ = _somewhere(work, 1)
    work.edit(place, begin, begin, b"\0" * work.rng.choice((1, 1, 4, 2000)))


@mutator("signs that are not seen", *TEXT)
def unseen(work: Work) -> bool | None:
    place, begin, _ = _somewhere(work, 1)
    work.edit(
        place, begin, begin, work.rng.choice("\ufeff\u200b\u00ad\u202e\u2028\u0085\u00a0\u000b\u001f\u0301").encode()
    )


# --- lines


@mutator("other line ends", *TEXT)
def line_ends(work: Work) -> bool | None:
    other = work.rng.choice((b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r"))
    if any(b"\n" in data.rstrip(b"\r\n") for _, data in work.parts):
        work.everything(marks=False)  # those within a cell are others too
    if other not in (b"\n", b"\r\n"):
        work.everything(marks=False)
    work.after.append(lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", other))


@mutator("line ends mixed", *TEXT)
def mixed_ends(work: Work) -> bool | None:
    for place, (owner, data) in enumerate(work.parts):
        if owner >= 0 and data.endswith(b"\n"):
            work.put(place, data.rstrip(b"\r\n") + work.rng.choice((b"\n", b"\r\n")))


@mutator("blank lines", *TEXT)
def blank_lines(work: Work) -> bool | None:
    for _ in range(work.rng.randint(1, 4)):
        places = [place for place, (owner, _) in enumerate(work.parts) if owner >= 0]
        if places:
            blank = work.rng.choice((b"\r\n", b"\n", b"   \n", b"\t\r\n", b"\x1a\n"))
            place = work.rng.choice(places)
            before = work.parts[place - 1][1] if place else b"\n"
            if before.endswith(b"\n"):
                work.parts.insert(place, (-3, blank))


@mutator("no line end at the end", *TEXT)
def no_last_end(work: Work) -> bool | None:
    work.after.append(lambda data: data.rstrip(b"\r\n"))


@mutator("the end mark of DOS", *TEXT)
def dos_end(work: Work) -> bool | None:
    if work.form != "csv":
        work.everything(marks=False)
    work.after.append(lambda data: data + b"\x1a" * work.rng.choice((1, 1, 9)))


# --- packing


@mutator("packed", *FORMS)
def gzipped(work: Work) -> bool | None:
    work.file_name = f"{work.base.name}.gz"
    work.packing = packed


@mutator("packed and damaged", *FORMS)
def gzip_cut(work: Work) -> bool | None:
    work.everything()
    work.file_name = f"{work.base.name}.gz"

    def spoil(data: bytes) -> bytes:
        whole = bytearray(packed(data))
        at = work.rng.randrange(len(whole))
        if work.rng.random() < 0.5:
            return bytes(whole[:at])
        whole[at] ^= 0x10
        return bytes(whole)

    work.packing = spoil
