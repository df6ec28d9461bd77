"""The immutable store: every delivery as it was judged, so that the landing place may be emptied.

Belongs here: a folder per delivery under the home. What lies in it is complete or not there at all. The raw files are
never kept: they may hold columns the index must not have, and values that were set aside; of the manifest its own keys are kept,
and of a file's name its kind.

    deliveries/<authority>/<agency>/<business_date>/seq=<n>-<manifest hash>/
        manifest.json  accepted.parquet  rejected.parquet  texts.parquet  outcome.json

`texts.parquet` saves time and nothing else: a keyed digest of the delivered text of each accepted record, by which it is known again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.deliveries.states import DeliveryEntry
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.seams import grown
from pipelines.seams.deliveries import REJECTS
from pipelines.tables import file_sha256, read_as, read_as_or_none, read_table, store_damaged, write_json, write_table
from pipelines.umask import FOLDER

__all__ = ["Store", "StoredDelivery"]

_TEXTS = "texts.parquet"
_KEPT = "kept"  # in the outcome: the sha256 of each table that was kept
_RESTORE = "Put the delivery's folder back from a backup of the home, and load again."


@dataclass(frozen=True)
class StoredDelivery:
    """A delivery in the store; tables are read when asked for."""

    folder: Path

    @property
    def accepted(self) -> pa.Table:
        """The records that were accepted or queried, as judged.

        Raises:
            IsindexError: STORE_DAMAGED when it is not the table that was kept.
        """
        return read_table(self._proven("accepted.parquet"))

    @property
    def accepted_keys(self) -> pa.Array:
        """The keys of `accepted` alone.

        Raises:
            IsindexError: STORE_DAMAGED when it is not the table that was kept.
        """
        return read_table(self._proven("accepted.parquet"), ["key"])["key"].combine_chunks()

    @property
    def accepted_outcomes(self) -> pa.ChunkedArray:
        """What became of each of `accepted`, alone.

        Raises:
            IsindexError: STORE_DAMAGED when it is not the table that was kept.
        """
        return read_table(self._proven("accepted.parquet"), ["outcome"])["outcome"]

    @property
    def rejected(self) -> pa.Table:
        """One row per record and broken rule, values masked.

        Raises:
            IsindexError: STORE_DAMAGED when it is not the table that was kept.
        """
        return grown(read_table(self._proven("rejected.parquet")), REJECTS)

    @property
    def texts(self) -> pa.Array | None:
        """A keyed digest for each of `accepted`, null where there is none; None when they were not kept, or not as they lie there."""
        path = self.folder / _TEXTS
        kept = read_as_or_none(self.folder / "outcome.json", lambda told: str(told[_KEPT][_TEXTS]))
        try:
            if kept is None or file_sha256(path) != kept:
                return None
            return read_table(path)["digest"].combine_chunks()
        except (IsindexError, OSError):  # another time it may be there
            return None

    def _proven(self, name: str) -> Path:
        path = self.folder / name
        kept = read_as(self.folder / "outcome.json", lambda told: told.get(_KEPT, {}).get(name), _RESTORE)
        if kept is not None and (not path.is_file() or file_sha256(path) != kept):
            raise store_damaged(path, _RESTORE)
        return path


class Store:
    """The store of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def keep(
        self,
        entry: DeliveryEntry,
        manifest: Mapping[str, Any],
        accepted: pa.Table,
        rejected: pa.Table,
        outcome: Mapping[str, Any],
        texts: pa.Table | None = None,
    ) -> str:
        """Keep a delivery; its folder, relative to the home, as `DeliveryEntry.stored_at` has it.

        Kept again (a run was killed before the register knew), the same content takes the place of the same.
        """
        parent = self._home.deliveries(entry.authority, entry.agency, entry.business_date)
        parent.mkdir(parents=True, exist_ok=True)
        number = "x" if entry.sequence is None else str(entry.sequence)
        folder = parent / f"seq={number}-{entry.manifest_sha256[:12]}"
        making = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}."))
        try:
            write_json(manifest, making / "manifest.json")
            stored = [
                write_table(accepted, making / "accepted.parquet"),
                write_table(rejected, making / "rejected.parquet"),
                *([write_table(texts, making / _TEXTS)] if texts is not None else []),
            ]
            kept = {each.path.name: each.sha256 for each in stored}
            write_json({**outcome, _KEPT: kept}, making / "outcome.json")
            making.chmod(FOLDER)
            if folder.exists():
                outdated = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}."))
                folder.replace(outdated)
                making.replace(folder)
                shutil.rmtree(outdated)
            else:
                making.replace(folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        _flush(parent)
        self._sweep(parent)
        return self._home.relative(folder)

    def open(self, entry: DeliveryEntry) -> StoredDelivery:
        """The delivery `entry` as it was judged.

        Raises:
            IsindexError: NOT_STORED when nothing of it was kept, STORE_DAMAGED when the folder is gone.
        """
        if not entry.stored_at:
            raise IsindexError("NOT_STORED", "nothing was kept of this delivery.", where=entry.delivery_id)
        folder = self._home.root / entry.stored_at
        if not (folder / "outcome.json").is_file():
            raise IsindexError(
                "STORE_DAMAGED",
                "the delivery's folder is missing from the store.",
                where=entry.delivery_id,
                remedy="Restore the home from its backup.",
            )
        return StoredDelivery(folder)

    @staticmethod
    def _sweep(parent: Path) -> None:
        """Remove what a killed process left behind; one process at a time works on a feed's business date."""
        for left in parent.glob(".seq=*"):
            shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
