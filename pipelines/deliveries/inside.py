"""Files below a folder, reached without following a link: what is put in the way of a path leads nowhere.

Belongs here: opening and writing one file below a trusted folder. Not here: what lies there (`listing`), or what is in
it. On a disk each folder is opened from the one above it and refused when it is a link, so that nothing that is changed
in the same moment is followed either. Elsewhere the file system's own listing says what is a link. The trusted folder
itself may be one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from upath import UPath

__all__ = ["FOLDER", "LinkedError", "descend", "is_link", "on_disk", "opened", "put"]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LINKS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)  # what systems say of a link that may not be followed


class LinkedError(OSError):
    """A symbolic link on the way to a file."""


def on_disk(place: UPath) -> Path | None:
    """`place` as a path of this machine, or None when it lies elsewhere."""
    given: Any = place  # a pathlib.Path when the place is a disk, else another kind of UPath
    if isinstance(given, Path):
        return Path(given)
    return Path(given.path) if given.protocol in ("file", "local") else None


def is_link(info: dict[str, Any]) -> bool:
    """Whether a file system's own description of an entry says that it is a link."""
    return bool(info.get("islink")) or info.get("type") == "link"


def opened(root: UPath, parts: Sequence[str]) -> BufferedReader:
    """The regular file at `parts` below `root`, open for reading.

    Raises:
        LinkedError: for a link on the way, wherever it leads.
        FileNotFoundError, NotADirectoryError: when no regular file is there.
        PermissionError: when it may not be read.
    """
    disk = on_disk(root)
    if disk is None:
        if _kind_elsewhere(root, parts) != "file":
            raise FileNotFoundError(errno.ENOENT, "no regular file")
        return cast(BufferedReader, root.joinpath(*parts).open("rb"))
    with descend(disk, parts[:-1]) as folder:
        # without O_NONBLOCK a named pipe would wait for somebody to write
        handle = _open(parts[-1], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "no regular file")
    return os.fdopen(handle, "rb")


def put(root: UPath, parts: Sequence[str], content: bytes) -> None:
    """Write a file of ours at `parts` below `root` unless it says so already; a link in its place is replaced.

    On a disk it appears whole or not at all, and what a killed process left of it is removed.

    Raises:
        LinkedError: for a link among the folders, and off the disk for one in the file's place.
        OSError: when it cannot be written.
    """
    disk = on_disk(root)
    if disk is None:
        if _kind_elsewhere(root, parts) == "file" and root.joinpath(*parts).read_bytes() == content:
            return
        root.joinpath(*parts).write_bytes(content)
        return
    name = parts[-1]
    with descend(disk, parts[:-1]) as folder:
        if _says(name, folder, content):
            return
        for left in os.listdir(folder):  # noqa: PTH208 (a path would be walked anew; this is the folder itself)
            if re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part", left):
                os.unlink(left, dir_fd=folder)
        making = f".{name}.{secrets.token_hex(4)}.part"
        handle = _open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, folder)
        try:
            with os.fdopen(handle, "wb") as out:
                # the supplier reads it if its group may read the folder, whatever is closed to that group elsewhere
                os.fchmod(handle, 0o600 | os.fstat(folder).st_mode & stat.S_IRGRP)
                out.write(content)
            os.replace(making, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(making, dir_fd=folder)


@contextmanager
def descend(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """A descriptor of the folder at `parts` below `root`, for calls that take `dir_fd`."""
    handle = os.open(root, FOLDER)
    try:
        for name in parts:
            inner = _open(name, FOLDER, handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _open(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    except UnicodeEncodeError:  # a name that no disk can hold
        raise FileNotFoundError(errno.ENOENT, "no such name") from None
    except OSError as fault:
        if fault.errno == errno.ENAMETOOLONG:
            raise FileNotFoundError(errno.ENOENT, "no such name") from None
        if fault.errno in _LINKS and _is_link_here(name, folder):
            raise LinkedError(errno.ELOOP, "a symbolic link") from None
        raise


def _is_link_here(name: str, folder: int) -> bool:
    with suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _says(name: str, folder: int, content: bytes) -> bool:
    """Whether a regular file `name` has this content; anything else in its place does not."""
    try:
        handle = _open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, folder)
    except OSError:
        return False
    with os.fdopen(handle, "rb") if stat.S_ISREG(os.fstat(handle).st_mode) else _closing(handle) as stream:
        return stream is not None and stream.read(len(content) + 1) == content


@contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield None
    finally:
        os.close(handle)


def _kind_elsewhere(root: UPath, parts: Sequence[str]) -> str:
    """file, directory, … or "" for what lies at `parts` off the disk, as its folder's listing says.

    Raises:
        LinkedError: for a link. Folders above it were listed when the delivery was found.
    """
    folder = root.joinpath(*parts[:-1])
    try:
        around = folder.fs.ls(folder.path, detail=True)
    except FileNotFoundError:
        return ""
    info = next((each for each in around if each["name"].rstrip("/").rpartition("/")[2] == parts[-1]), None)
    if info is not None and is_link(info):
        raise LinkedError(errno.ELOOP, "a symbolic link")
    return str(info["type"]) if info else ""
