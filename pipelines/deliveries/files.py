"""The files of a delivery, held against their manifest and made readable: checked, unpacked, on the local disk.

Belongs here: existence, place, size, checksum, decompression and its limits. Not here: what is in them (`readers`).
A plain local file is read where it lies; a compressed or remote one is streamed once, through checksum and
decompression, into a private temporary folder that is gone when the reader is done.
"""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import zstandard
from upath import UPath

from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.landing import FoundDelivery
from pipelines.deliveries.manifest import Manifest, ManifestFile

__all__ = ["Limits", "Verified", "VerifiedFile", "verified"]

_CHUNK = 1 << 20


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
def verified(found: FoundDelivery, manifest: Manifest, limits: Limits | None = None) -> Iterator[Verified]:
    """The files of `found`, checked against `manifest` and readable until the context is left."""
    with tempfile.TemporaryDirectory(prefix="isindex-intake-") as workspace:
        files: list[VerifiedFile] = []
        findings: list[Finding] = []
        content = hashlib.sha256()
        for number, stated in enumerate(manifest.files):
            target = Path(workspace) / str(number)
            file, digest, faults = _verify(found.folder, stated, target, limits or Limits())
            findings += faults
            content.update(f"{stated.name}\n{digest}\n".encode())
            if file is not None:
                files.append(file)
        yield Verified(tuple(files), tuple(findings), content.hexdigest())


def _verify(
    folder: UPath, stated: ManifestFile, target: Path, limits: Limits
) -> tuple[VerifiedFile | None, str, list[Finding]]:
    """One file: readable copy or None, sha256 as it lies there ("" when it was not read), findings."""
    path: Any = folder / stated.name  # a pathlib.Path when the place is a disk, else another kind of UPath
    if _leaves(folder, path):
        return None, "", [finding("PATH_OUTSIDE")]
    if not path.is_file():
        return None, "", [finding("FILE_MISSING", stated.name)]
    size = path.stat().st_size
    if size != stated.bytes:
        return None, f"size {size}", [finding("SIZE_MISMATCH", stated.name, found=size, stated=stated.bytes)]
    name, unpack = _unpacker(stated.name)
    in_place = unpack is None and isinstance(path, Path)
    budget = min(limits.total, max(limits.free, limits.ratio * size))
    try:
        with path.open("rb") as stream:
            if in_place:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            else:
                digest = _unpack(stream, target, unpack, budget)
    except _TooLargeError:
        return None, "", [finding("TOO_LARGE", stated.name, reason="it unpacks to far more than its size warrants")]
    except (zlib.error, zstandard.ZstdError, EOFError):
        # the bytes themselves are told first: a damaged upload is not the writer's fault
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != stated.sha256:
            return None, digest, [finding("CHECKSUM_MISMATCH", stated.name)]
        return None, digest, [finding("UNREADABLE", stated.name, reason="its compression is damaged or cut off")]
    if digest != stated.sha256:
        return None, digest, [finding("CHECKSUM_MISMATCH", stated.name)]
    readable = Path(path) if in_place else target
    if readable.stat().st_size > limits.total:
        return None, digest, [finding("TOO_LARGE", stated.name, reason="it has more bytes than one file may have")]
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


def _leaves(folder: UPath, path: Any) -> bool:
    """Whether a symbolic link takes `path` out of `folder` (only local addresses have links)."""
    if not isinstance(path, Path) and path.protocol not in ("file", "local"):
        return False
    return not Path(path.path).resolve().is_relative_to(Path(folder.path).resolve())
