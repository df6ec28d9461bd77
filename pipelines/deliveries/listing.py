"""What lies in the landing place, listed once: names, kinds, sizes and times, without opening a file.

Belongs here: the listing, at any fsspec address. Not here: what the names mean (`survey`). No link is followed: a link is
an entry like any other, with nothing inside.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from upath import UPath

from pipelines.deliveries.inside import FOLDER, descend, is_link, on_disk
from pipelines.errors import IsindexError

__all__ = ["Entry", "Kind", "Parts", "landing_place", "listed"]

Kind = Literal["folder", "file", "link", "other", "closed"]
Parts = tuple[str, ...]

_TAGS = ("ETag", "etag", "md5Hash", "generation", "version_id")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


@dataclass(slots=True)
class Entry:
    """One thing that lies there.

    Attributes:
        kind: folder, file, link, other (a pipe, a device), or closed (a folder that may not be looked into).
        size: bytes of a file.
        changed: what changes with its content: its times, or the tag of an object store.
        at: when it was changed last, in seconds of the epoch; 0 when a tag says so better, infinite when nothing does.
        inside: name → entry, of a folder that was entered.
    """

    kind: Kind
    size: int = 0
    changed: str = ""
    at: float = 0.0
    inside: dict[str, Entry] = field(default_factory=dict)


def landing_place(landing: str) -> UPath:
    """The landing place at an address.

    Raises:
        IsindexError: LANDING_MISSING when there is no such folder; LANDING_UNREADABLE (transient) when it cannot be asked.
    """
    try:
        root = UPath(landing)
        there = bool(landing) and root.is_dir()
    except (ValueError, ImportError, TypeError):  # no such kind, no package for it, or it lacks what it needs
        raise IsindexError(
            "LANDING_MISSING",
            "an address of this kind cannot be reached",
            where=_told(landing),
            remedy="Check --landing, and that the fsspec package for its kind of address is installed.",
        ) from None
    except Exception as fault:  # each kind of address has faults of its own
        raise _unreadable(landing, fault) from None
    if not there:
        raise IsindexError(
            "LANDING_MISSING", "there is no such landing place", where=_told(landing), remedy="Check --landing."
        )
    return root


def listed(root: UPath, enter: Callable[[Parts], bool], *, at_once: bool = True) -> dict[str, Entry]:
    """Name → entry of what lies at `root`, with what lies in the folders that `enter` wants to see.

    Args:
        root: the landing place; it may itself be a link.
        enter: asked for each folder, by its names below `root`.
        at_once: off the disk, ask for everything in one listing, which object stores answer by the thousand; else folder
            by folder, which is less where few are entered.

    Raises:
        IsindexError: LANDING_UNREADABLE (transient) when the landing place as a whole cannot be listed.
    """
    try:
        disk = on_disk(root)
        if disk is not None:
            return _on_disk(disk, enter)
        root.fs.invalidate_cache()
        return _all_elsewhere(root) if at_once else _elsewhere(root, root.path, (), enter)
    except Exception as fault:
        raise _unreadable(str(root), fault) from None


def _told(landing: str) -> str:
    """The address as it may be shown: without the name and password that may stand in it."""
    return re.sub(r"//[^/@]*@", "//", landing)


def _unreadable(landing: str, fault: Exception) -> IsindexError:
    return IsindexError(
        "LANDING_UNREADABLE",
        f"the landing place cannot be listed: {type(fault).__name__}",
        where=_told(landing),
        remedy="Check the address, the network, and that the index may read there.",
    )


def _on_disk(root: Path, enter: Callable[[Parts], bool]) -> dict[str, Entry]:
    with descend(root, ()) as handle:
        return _scan(handle, (), enter)


def _scan(folder: int, parts: Parts, enter: Callable[[Parts], bool]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    with os.scandir(folder) as entries:
        for each in entries:
            here = (*parts, each.name)
            try:
                if not each.is_dir(follow_symlinks=False):
                    found[each.name] = _of_status(each.stat(follow_symlinks=False))
                elif enter(here):
                    found[each.name] = _entered(each.name, folder, here, enter)
                else:
                    found[each.name] = Entry("folder")
            except FileNotFoundError:  # taken away in this moment
                continue
    return found


def _entered(name: str, parent: int, parts: Parts, enter: Callable[[Parts], bool]) -> Entry:
    try:
        handle = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError:
        return Entry("closed")
    try:
        return Entry("folder", inside=_scan(handle, parts, enter))
    except OSError:
        return Entry("closed")
    finally:
        os.close(handle)


def _of_status(status: os.stat_result) -> Entry:
    kind: Kind = "file" if stat.S_ISREG(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "other"
    # a copy may keep the time of its source, but nobody sets the time of change
    return Entry(kind, status.st_size, f"{status.st_mtime_ns} {status.st_ctime_ns}", status.st_ctime)


def _all_elsewhere(root: UPath) -> dict[str, Entry]:
    top = Entry("folder")
    base = root.path.strip("/")
    for path, info in sorted(root.fs.find(root.path, withdirs=True, detail=True).items()):
        parts = [part for part in path.strip("/").removeprefix(base).split("/") if part]
        if not parts:
            continue
        parent = top
        for name in parts[:-1]:
            parent = parent.inside.setdefault(name, Entry("folder"))
        parent.inside.setdefault(parts[-1], _of_info(info))
    return top.inside


def _elsewhere(root: UPath, path: str, parts: Parts, enter: Callable[[Parts], bool]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for info in root.fs.ls(path, detail=True):
        name = info["name"].rstrip("/").rpartition("/")[2]
        if not name or info["name"].strip("/") == path.strip("/"):
            continue
        entry = found[name] = _of_info(info)
        if entry.kind == "folder" and enter((*parts, name)):
            try:
                entry.inside = _elsewhere(root, info["name"], (*parts, name), enter)
            except FileNotFoundError:
                del found[name]
            except OSError:
                found[name] = Entry("closed")
    return found


def _of_info(info: dict[str, Any]) -> Entry:
    if is_link(info):
        kind: Kind = "link"
    elif info["type"] == "directory":
        return Entry("folder")
    else:
        kind = "file" if info["type"] == "file" else "other"
    tags = [str(info[name]) for name in _TAGS if info.get(name)]
    times = [info[name] for name in _TIMES if info.get(name)]
    at = 0.0 if tags else max((_seconds(each) for each in times), default=float("inf"))
    return Entry(kind, int(info.get("size") or 0), " ".join([*tags, *map(str, times)]), at)


def _seconds(time: Any) -> float:
    if isinstance(time, datetime):
        return time.timestamp()
    return float(time) if isinstance(time, int | float) else float("inf")
