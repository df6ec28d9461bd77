"""What a delivery asks for that is refused before anybody reads it: its manifest is wrong, or its files are not as it states them.

Belongs here: finding the files and reading them for wishes alone. Nothing that is read here is ever loaded. Not here: what becomes
of the delivery (`intake`), who asks (`readers.asking`).

The folder says whose the files are and of which day, so they are read by the agency's own contract: every data file that lies in it, and
those that the manifest names in folders below. Each is read by itself, so that none that is missing, closed by a link, too large or
somebody else's hides what another asks for.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.contracts.contract import Contract
from pipelines.deliveries.files import HANDLES, Limits, VerifiedFile
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.inside import LinkedError, on_disk
from pipelines.deliveries.landing_findings import is_like_a_manifest
from pipelines.deliveries.manifest import Manifest, ManifestFile, stays_inside
from pipelines.deliveries.readers import ReadResult, hear_file, put_together
from pipelines.deliveries.readers.result import FilePart

__all__ = ["overheard"]

_ANSWERS = {"ack.json": b'"delivery_id"', "rejects.csv": b"position,line,key,outcome,rule"}
"""What an answer of ours has near its beginning: a supplier may send a file of that name, too."""


def overheard(
    found: FoundDelivery,
    manifest: Manifest | None,
    contract: Contract,
    *,
    without_closed: bool = False,
    but: Collection[str] = (),
) -> ReadResult | None:
    """What lies in a delivery's folder, read by its agency's own contract; None when nothing could be read and nothing asks.

    Args:
        found: the delivery.
        manifest: its manifest, if it is one.
        contract: of the folder's agency.
        without_closed: whether a file that may not be read is passed over.
        but: names of files that were heard already.

    Raises:
        OSError: when the disk does not give what lies there, or it may not be read: another time it may.
    """
    delta = manifest is not None and manifest.mode == "delta"
    stated = {each.name.casefold(): each.rows for each in manifest.files} if manifest else {}
    parts: list[tuple[ManifestFile, FilePart]] = []
    passed = (LinkedError, NotADirectoryError, *((PermissionError,) if without_closed else ()))
    for name in (each for each in _names(found, manifest) if each not in but):
        with suppress(*passed, FileNotFoundError), _as_it_lies(found, name) as path:
            if path is not None:
                told = ManifestFile(name, 0, stated.get(name.casefold(), 0), "")
                parts.append((told, hear_file(VerifiedFile(told, name, path), contract, delta=delta)))
    if not parts:
        return None
    result = put_together(parts, contract, delta=delta)
    unread = all(any(each.code in ("UNREADABLE", "ENCODING_UNKNOWN") for each in part.findings) for _, part in parts)
    return None if unread and not result.asking.num_rows else result


def _names(found: FoundDelivery, manifest: Manifest | None) -> list[str]:
    """The data files, in order."""
    try:
        lying = {each.name for each in found.folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return []
    named = {each.name for each in manifest.files if "/" in each.name} if manifest else set()
    return sorted(
        name
        for name in lying | named
        if not name.startswith(".") and not is_like_a_manifest(name) and stays_inside(name)
    )


@contextmanager
def _as_it_lies(found: FoundDelivery, name: str) -> Iterator[Path | None]:
    """The file's bytes on this disk, through the handle by which they were found; None when they are too many, or an answer of ours."""
    limits = Limits()
    with found.opened(name) as stream, tempfile.TemporaryDirectory(prefix="isindex-hearing-") as workspace:
        ours = _ANSWERS.get(name)
        if stream.seek(0, 2) > limits.total:
            yield None
            return
        stream.seek(0)
        if ours and ours in stream.read(1000):
            yield None
            return
        stream.seek(0)
        if on_disk(found.folder) is not None and HANDLES.is_dir():
            yield HANDLES / str(stream.fileno())
            return
        copy = Path(workspace) / "file"
        with copy.open("wb") as out:
            copy.chmod(0o600)
            shutil.copyfileobj(stream, out)
        yield copy
