"""What a delivery asks for that is refused before anybody reads it: its manifest is wrong, or its files are not as it states them.

Belongs here: finding the files and reading them for wishes alone. Nothing that is read here is ever loaded. Not here: what becomes
of the delivery (`intake`), who asks (`readers.asking`).

The folder says whose the files are and of which day, so they are read by the agency's own contract. They are those that the manifest
names, whatever their capitals; where it names none that lie in the folder, the only file there but manifest and answers. A file is read
only where it lies in the folder itself, is no link, is no larger than any file may be, and is of a kind that the contract knows.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.contracts.contract import Contract
from pipelines.deliveries.files import Verified, verified
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import LinkedError
from pipelines.deliveries.landing_findings import folded
from pipelines.deliveries.manifest import Manifest, ManifestFile, stays_inside
from pipelines.deliveries.readers import ReadResult, read_delivery

__all__ = ["overheard"]

_OURS = frozenset({"manifest.json", "ack.json", "rejects.csv"})


def overheard(found: FoundDelivery, manifest: Manifest | None, contract: Contract) -> ReadResult | None:
    """What lies in a delivery's folder, read by its agency's own contract; None when not every file could be read and nothing asks in what could.

    Args:
        found: the delivery.
        manifest: its manifest, if it is one.
        contract: of the folder's agency.

    Raises:
        OSError: when the disk does not give what lies there, or it may not be read: another time it may.
    """
    names = _names(found, manifest)
    if not names:
        return None
    with _as_they_lie(found, names) as files:
        if files is None:
            return None
        result = read_delivery(files, contract, delta=manifest is not None and manifest.mode == "delta")
    unread = any(each.code in ("UNREADABLE", "ENCODING_UNKNOWN") for each in result.findings)
    return None if unread and not result.asking.num_rows else result


def _names(found: FoundDelivery, manifest: Manifest | None) -> list[str]:
    """The data files, in order."""
    try:
        lying = sorted(each.name for each in found.folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    wanted = [each.name.casefold() for each in manifest.files] if manifest else []
    data = [
        name for name in lying if not {name, folded(name)} & _OURS and not name.startswith(".") and stays_inside(name)
    ]
    named = [name for name in data if name.casefold() in wanted]
    return named if named and len(named) == len(wanted) else data if len(data) == 1 else []


@contextmanager
def _as_they_lie(found: FoundDelivery, names: list[str]) -> Iterator[Verified | None]:
    """The files with their own sizes and hashes for what the manifest should have said; None when one cannot be read."""
    stated = []
    for name in names:
        try:
            with found.opened(name) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                stated.append(ManifestFile(name, stream.tell(), 0, digest))
        except (LinkedError, FileNotFoundError, NotADirectoryError):
            yield None
            return
    with verified(found, tuple(stated), torn=True) as files:
        if any(each.code == "FILE_CLOSED" for each in files.findings):
            raise PermissionError(errno.EACCES, "closed since it was opened")
        yield files if len(files.files) == len(names) else None
