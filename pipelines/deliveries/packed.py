"""What a file is by its own bytes, whatever its name says, and everything that can still be unpacked of it.

Belongs here: unpacking for hearing alone, as far as there is anything to unpack: a wrong checksum, a wrong length and a damaged block
cost nothing but what they spoil. Not here: unpacking what is to be loaded, which is strict (`files`), and what the text says (`readers`).
"""

from __future__ import annotations

import binascii
import re
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

from pipelines.deliveries.files import Limits

__all__ = ["is_packed", "is_parquet", "laid_open"]

_LAYERS = 4  # what is packed in itself more often was not packed by a slip
_CHUNK = 1 << 20
_STEP = 1 << 16  # bytes unpacked at a time; before a damaged place ever fewer
_MEMBER, _FRAME, _ENTRY = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_BEHIND = re.compile(rb"PK(?:\x03\x04|\x07\x08|\x01\x02|\x05\x06)")  # what stands behind a file of an archive
_FILL = 1 << 17  # what a block of zstd holds, but for the last one
_FRUITLESS = (
    1000  # members or frames one after the other that hold nothing: the file is made of what such a one begins with
)
_BAD_BLOCKS = 16  # of one frame: for each of them all before it is unpacked again
_LETTERS = re.compile(rb"[A-Za-z0-9+/=_\-\r\n]{100,}")
Unpacking = Callable[[bytes], Iterator[bytes]]


def is_parquet(path: Path) -> bool:
    """Whether a file begins or ends as Parquet does."""
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(stream.seek(0, 2) - 4, 0))
        return b"PAR1" in (head, stream.read(4))


def is_packed(path: Path) -> bool:
    """Whether a file begins as a packed one does."""
    return _unpacking(path) is not None


@contextmanager
def laid_open(path: Path, limits: Limits | None = None) -> Iterator[Path | None]:
    """The file with everything unpacked that can be, however often it is packed; None when that is far more than its size warrants.

    Args:
        path: the file.
        limits: of what it may unpack to.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="isindex-hearing-") as workspace:
        inside: Path | None = path
        for layer in range(_LAYERS):
            unpack = _unpacking(inside) if inside else None
            if inside is None or unpack is None:
                break
            target = Path(workspace) / str(layer)
            inside = target if _unpacked(inside, target, unpack, limits) else None
        yield inside


def _unpacking(path: Path) -> Unpacking | None:
    """What unpacks a file that begins like this; one of the first bytes may be wrong."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if _alike(head, _MEMBER) >= 2:
        return _gzip
    if _alike(head, _FRAME) >= 3 or head[1:4] == b"\x2a\x4d\x18":
        return _zstd
    if head.startswith(_ENTRY):
        return _zip
    return _base64 if _LETTERS.fullmatch(head) else None


def _alike(head: bytes, wanted: bytes) -> int:
    return sum(one == other for one, other in zip(head, wanted, strict=False))


def _unpacked(path: Path, target: Path, unpack: Unpacking, limits: Limits) -> bool:
    """Whether all of it could be written to `target`."""
    data = path.read_bytes()
    left = min(limits.total, max(limits.free, limits.ratio * len(data)))
    with target.open("wb") as out:
        target.chmod(0o600)
        for piece in unpack(data):
            left -= len(piece)
            if left < 0:
                return False
            out.write(piece)
    return True


def _gzip(data: bytes) -> Iterator[bytes]:
    """Every member: what stands behind its text is not asked, and where one breaks off the next is looked for."""
    yield from _one_after_the_other(data, 0, _MEMBER, lambda place: _inflated(data, _behind_head(data, place)))


def _one_after_the_other(
    data: bytes, place: int, begins: bytes, unpack: Callable[[int], Generator[bytes, None, int]]
) -> Iterator[bytes]:
    """What `unpack` gives of each part, which begins like this; it returns where the part ends."""
    fruitless = 0
    while place >= 0 and fruitless < _FRUITLESS:
        after, holds = yield from _noting(unpack(place))
        fruitless = 0 if holds else fruitless + 1
        place = data.find(begins, after)


def _noting(pieces: Generator[bytes, None, int]) -> Generator[bytes, None, tuple[int, bool]]:
    """The same pieces; at the end where their part ends, and whether any of them held something."""
    holds = False
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return end.value, holds
        holds = holds or bool(piece.strip())
        yield piece


def _behind_head(data: bytes, place: int) -> int:
    """Where the text of the gzip member at `place` begins."""
    flags = data[place + 3] if place + 3 < len(data) else 0
    start = place + 10
    if flags & 4:
        start += 2 + int.from_bytes(data[start : start + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            start = data.find(b"\0", start) + 1 or len(data)
    return start + 2 if flags & 2 else start


def _zip(data: bytes) -> Iterator[bytes]:
    """Every file of an archive, one after the other."""
    place = 0
    while place >= 0:
        method, size, name, extra = (
            int.from_bytes(data[place + at : place + at + length], "little")
            for at, length in ((8, 2), (18, 4), (26, 2), (28, 2))
        )
        start = place + 30 + name + extra
        if method == 8:
            after = yield from _inflated(data, start)
        else:
            after = _end_of_stored(data, start, size) if method == 0 else start
            yield data[start:after]
        place = data.find(_ENTRY, after)


def _end_of_stored(data: bytes, start: int, size: int) -> int:
    """Where a file that is stored as it is ends: by its size, if anything of the archive stands there, else before what does next.

    One that was streamed tells its size only behind it.
    """
    if start + size > start and data[start + size : start + size + 2] == _ENTRY[:2]:
        return start + size
    behind = _BEHIND.search(data, start)
    return behind.start() if behind else len(data)


def _inflated(data: bytes, place: int) -> Generator[bytes, None, int]:
    """What can be unpacked from `place` on, and where it ends; no checksum is asked."""
    inner, step = zlib.decompressobj(wbits=-15), _STEP
    while place < len(data) and not inner.eof:
        before = inner.copy()
        given = data[place : place + step]
        try:
            piece = inner.decompress(given, _CHUNK)
        except zlib.error:
            if step == 1:
                return place + 1
            inner, step = before, step // 16
            continue
        place += len(given) - len(inner.unconsumed_tail) - len(inner.unused_data)
        yield piece
    if not inner.eof:
        yield inner.flush()
    return place


def _zstd(data: bytes) -> Iterator[bytes]:
    """Every frame, block by block: what it says of itself is not asked, and of a damaged block only its length is taken."""
    first = 0 if _alike(data, _FRAME) >= 3 else data.find(_FRAME)
    yield from _one_after_the_other(data, first, _FRAME, lambda place: _blocks(data, _behind_frame_head(data, place)))


def _behind_frame_head(data: bytes, place: int) -> int:
    """Where the blocks of the zstd frame at `place` begin."""
    says = data[place + 4] if place + 4 < len(data) else 0
    alone = says >> 5 & 1
    return place + 6 - alone + (0, 1, 2, 4)[says & 3] + (alone, 2, 4, 8)[says >> 6]


def _blocks(data: bytes, place: int) -> Generator[bytes, None, int]:
    """The blocks of a frame from `place` on, and where they end."""
    inner, told = _new_frame(()), list[bytes]()
    bad, last = 0, False
    while not last and place + 3 <= len(data):
        head = int.from_bytes(data[place : place + 3], "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        after = place + 3 + (1 if kind == 1 else size)
        if kind == 3:
            break
        block = (head & ~1).to_bytes(3, "little") + data[place + 3 : after]
        place = after
        try:
            yield inner.decompress(block)
        except zstandard.ZstdError:
            bad += 1
            if bad > _BAD_BLOCKS or last:
                break
            block = (_FILL << 3 | 2).to_bytes(3, "little") + b" "
            inner = _new_frame([*told, block])
            yield b" " * _FILL
        told.append(block)
    return min(place, len(data))


def _new_frame(blocks: list[bytes] | tuple[()]) -> zstandard.ZstdDecompressionObj:
    """A frame that says nothing of itself but the greatest window that is allowed, and has had these blocks."""
    inner = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    for each in (_FRAME + b"\0" + bytes([17 << 3]), *blocks):
        inner.decompress(each)
    return inner


def _base64(data: bytes) -> Iterator[bytes]:
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data.translate(bytes.maketrans(b"-_", b"+/")))
    yield binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _rest(letters))


def _rest(letters: bytes) -> bytes:
    """The last letters, filled up to four; one alone is nothing."""
    left = letters[len(letters) // 4 * 4 :]
    return left.ljust(4, b"=") if len(left) > 1 else b""
