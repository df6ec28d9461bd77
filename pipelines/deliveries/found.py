"""A delivery as it lies in the landing place: where, its manifest, and its files, reached without following a link.

Belongs here: what is known of it before it is judged. Not here: which deliveries there are (`landing`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from io import BufferedReader

from upath import UPath

from pipelines.deliveries.inside import opened, put
from pipelines.deliveries.manifest import MANIFEST_LIMIT, Manifest, delivery_id, parse_manifest

__all__ = ["FoundDelivery", "read_found"]


@dataclass(frozen=True)
class FoundDelivery:
    """A complete delivery in the landing place: where it lies and its manifest as it lies there.

    `manifest` is None when `manifest_bytes` cannot be read as one. `signature` tells the state of its files when it was
    found, "" when they were still too new to be told apart by their times. A file checked before it is delivered lies in
    a folder of its own: `landing` is None. `named` is the folder's name where that is not its date.
    """

    authority: str
    agency: str
    business_date: date
    folder: UPath
    manifest_bytes: bytes
    manifest_sha256: str
    manifest: Manifest | None
    landing: UPath | None = None
    signature: str = ""
    named: str = ""

    @property
    def delivery_id(self) -> str:
        """The delivery's name in register, store and reports."""
        sequence = self.manifest.sequence if self.manifest else None
        return delivery_id(self.authority, self.agency, self.business_date, sequence, self.manifest_sha256)

    @property
    def place(self) -> str:
        """Its folder, relative to the landing place."""
        return f"{self.authority}/{self.agency}/{self.business_date.isoformat()}"

    def opened(self, name: str) -> BufferedReader:
        """A file of the delivery, open for reading.

        Raises:
            LinkedError: for a link anywhere between the landing place and the file.
            FileNotFoundError, NotADirectoryError: when no regular file is there.
            PermissionError: when it may not be read.
        """
        root, parts = self._trusted()
        return opened(root, (*parts, *name.split("/")))

    def put(self, name: str, content: bytes) -> None:
        """Write an answer beside the delivery, unless it says so already; a link in its place is not followed."""
        root, parts = self._trusted()
        put(root, (*parts, name), content)

    def _trusted(self) -> tuple[UPath, tuple[str, ...]]:
        if self.landing is None:
            return self.folder, ()
        return self.landing, (self.authority, self.agency, self.named or self.business_date.isoformat())


def read_found(landing: UPath, authority: str, agency: str, business_date: date, signature: str) -> FoundDelivery:
    """The delivery of this authority, agency and date, its manifest read.

    Raises:
        OSError: as `FoundDelivery.opened`, of the manifest.
    """
    parts = (authority, agency, business_date.isoformat())
    with opened(landing, (*parts, "manifest.json")) as stream:
        content = stream.read(MANIFEST_LIMIT + 1)
    manifest, _ = parse_manifest(content, authority, agency, business_date)
    digest = hashlib.sha256(content).hexdigest()
    folder = landing.joinpath(*parts)
    return FoundDelivery(
        authority, agency, business_date, folder, content, digest, manifest, landing=landing, signature=signature
    )
