"""The files of a delivery, held against their manifest and made readable: checked, unpacked, on the local disk.

Belongs here: existence, place, size, checksum, decompression and its limits. Not here: what is in them (`readers`).
A plain local file is read where it lies, through the very handle its checksum was taken from; a compressed or remote one is
streamed once, through checksum and decompression, into a private temporary folder that is gone when the reader is done.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import LinkedError, on_disk
from pipelines.deliveries.manifest import ManifestFile, stays_inside

__all__ = ["HANDLES", "Limits", "Verified", "VerifiedFile", "verified"]

_CHUNK = 1 << 20
HANDLES = Path(
    "/proc/self/fd"
)  # an open file by its number: what is read is what was checked, whatever its name now says
_KEPT_OPEN = 64  # files of one delivery; further ones are copied


@dataclass(frozen=True)
class Limits:
    """What a file may unpack to: `total` bytes at most, and beyond `free` bytes at most `ratio` times its size."""

    total: int = 3 << 29
    free: int = 100 << 20
    ratio: int = 200


@dataclass(frozen=True)
class VerifiedFile:
    """A file that is what its manifest says; `path` is local and unpacked, `name` lacks the compression suffix."""

    stated: ManifestFile
    name: str
    path: Path


@dataclass(frozen=True)
class Verified:
    """The delivery's files, and what is wrong with them. `files` is complete only when nothing refuses.

    `content_sha256` is over the files' names and their own hashes as they lie there: equal bytes, equal hash.
    """

    files: tuple[VerifiedFile, ...]
    findings: tuple[Finding, ...]
    content_sha256: str


@contextmanager
def verified(
    found: FoundDelivery, stated_files: Sequence[ManifestFile], limits: Limits | None = None
) -> Iterator[Verified]:
    """The files of `found`, checked against what is stated of each and readable until the context is left."""
    with ExitStack() as held, tempfile.TemporaryDirectory(prefix="isindex-intake-") as workspace:
        files: list[VerifiedFile] = []
        findings: list[Finding] = []
        content = hashlib.sha256()
        for number, stated in enumerate(stated_files):
            target = Path(workspace) / str(number)
            file, digest, faults = _verify(
                found, stated, target, limits or Limits(), held if number < _KEPT_OPEN else None
            )
            findings += faults
            content.update(f"{stated.name}\n{digest}\n".encode())
            if file is not None:
                files.append(file)
        yield Verified(tuple(files), tuple(findings), content.hexdigest())


def _verify(
    found: FoundDelivery, stated: ManifestFile, target: Path, limits: Limits, held: ExitStack | None
) -> tuple[VerifiedFile | None, str, list[Finding]]:
    """One file: readable copy or None, sha256 as it lies there ("" when it was not read), findings.

    `held` keeps a file open that is read where it lies; without it every file is copied.
    """
    if not stays_inside(stated.name):
        return None, "", [finding("PATH_OUTSIDE")]
    try:
        stream = found.opened(stated.name)
    except LinkedError:
        return None, "", [finding("PATH_OUTSIDE")]
    except (FileNotFoundError, NotADirectoryError):
        return None, "", [finding("FILE_MISSING", stated.name)]
    except PermissionError:
        return None, "", [finding("FILE_CLOSED", stated.name)]
    with ExitStack() as until_read:
        until_read.enter_context(stream)
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        if size != stated.bytes:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return None, digest, [finding("SIZE_MISMATCH", stated.name, found=size, stated=stated.bytes)]
        name, unpack = _unpacker(stated.name)
        in_place = held is not None and unpack is None and on_disk(found.folder) is not None and HANDLES.is_dir()
        budget = min(limits.total, max(limits.free, limits.ratio * size))
        try:
            if in_place:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            else:
                digest = _unpack(stream, target, unpack, budget)
        except _TooLargeError:
            return None, "", [finding("TOO_LARGE", stated.name, reason="it unpacks to far more than its size warrants")]
        except (zlib.error, zstandard.ZstdError, EOFError):
            # the bytes themselves are told first: a damaged upload is not the writer's fault
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != stated.sha256:
                return None, digest, [finding("CHECKSUM_MISMATCH", stated.name)]
            return None, digest, [finding("UNREADABLE", stated.name, reason="its compression is damaged or cut off")]
        if digest != stated.sha256:
            return None, digest, [finding("CHECKSUM_MISMATCH", stated.name)]
        readable = HANDLES / str(stream.fileno()) if in_place else target
        if readable.stat().st_size > limits.total:
            return None, digest, [finding("TOO_LARGE", stated.name, reason="it has more bytes than one file may have")]
        if in_place and held is not None:
            held.push(until_read.pop_all())
    return VerifiedFile(stated, name, readable), digest, []


class _TooLargeError(Exception):
    """More came out of a compressed file than it may hold."""


def _unpacker(name: str) -> tuple[str, Any]:
    """The name without its compression suffix, and what makes a streaming decompressor (None: not compressed)."""
    stem, _, suffix = name.rpartition(".")
    if suffix.lower() == "gz":
        return stem, _Gzip
    if suffix.lower() in ("zst", "zstd"):
        return stem, _Zstd
    return name, None


def _unpack(stream: BinaryIO, target: Path, unpack: Any, budget: int) -> str:
    """Stream `stream` into `target`, unpacked; the sha256 of what went in."""
    digest = hashlib.sha256()
    decoder = unpack() if unpack else None
    written = 0
    with target.open("wb") as out:
        target.chmod(0o600)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            for piece in decoder.feed(chunk) if decoder else (chunk,):
                written += len(piece)
                if written > budget:
                    raise _TooLargeError
                out.write(piece)
        if decoder and not decoder.finished:
            raise EOFError
    return digest.hexdigest()


class _Gzip:
    """gzip, one or more members, in pieces of bounded size; zero padding after the last member is accepted."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._started = False

    @property
    def finished(self) -> bool:
        return self._inner.eof or not self._started

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inner = zlib.decompressobj(wbits=31)
            self._started = True
            yield self._inner.decompress(data, _CHUNK)
            while self._inner.unconsumed_tail:
                yield self._inner.decompress(self._inner.unconsumed_tail, _CHUNK)
            data = self._inner.unused_data


class _Zstd:
    """zstd, one or more frames; the window is limited so that a small file cannot claim much memory."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._inner = self._decompressor.decompressobj()
        self._started = False

    @property
    def finished(self) -> bool:
        return not self._started or self._inner.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        # small steps in: the decompressor returns all that one step yields at once (at most ~128 kB per 4 bytes)
        view = memoryview(data)
        for start in range(0, len(view), 1024):
            step = bytes(view[start : start + 1024])
            while step:
                if self._started and self._inner.eof:
                    self._inner = self._decompressor.decompressobj()
                self._started = True
                yield self._inner.decompress(step)
                step = self._inner.unused_data if self._inner.eof else b""
